//! Where formats write to, and helpers to write there.

use std::io::Write;
use std::path::Path;

use super::dataset::{Dataset, DatasetImage};
use crate::error::Error;
use crate::files;

/// Where the files of a format go: a folder or a single file.
pub trait Sink {
    /// Starts a file; `path` is relative, `/` as separator. The file ends when the next one is started or the sink is
    /// finished.
    ///
    /// # Errors
    /// The file cannot be created, or the sink cannot hold another one.
    fn file(&mut self, path: &str) -> Result<&mut dyn Write, Error>;
    /// Puts an existing image file at `path`, as a link if possible.
    ///
    /// # Errors
    /// The image cannot be read or copied.
    fn image(&mut self, path: &str, source: &Path) -> Result<(), Error>;
}

/// Puts the file of an image at `path` in the output, if images are placed there. Its EXIF orientation is removed, since
/// boxes are on the stored pixels.
///
/// # Errors
/// The image cannot be read or written.
pub fn place_image(
    picture: &DatasetImage,
    path: &str,
    dataset: &Dataset,
    out: &mut dyn Sink,
) -> Result<(), Error> {
    match picture.orientation {
        0 | 1 => out.image(path, &picture.path),
        _ if !dataset.placed => Ok(()),
        _ => {
            let bytes = picture.read()?;
            out.file(path)?.write_all(&bytes).map_err(cannot(path))
        }
    }
}

/// Writes a text file.
///
/// # Errors
/// The file cannot be written.
pub fn put(out: &mut dyn Sink, path: &str, text: &str) -> Result<(), Error> {
    out.file(path)?
        .write_all(text.as_bytes())
        .map_err(cannot(path))
}

/// Writes a CSV file, row by row: RFC 4180 quoting, LF, UTF-8 without byte-order mark. `is_safe`: cells that spreadsheets would
/// calculate become texts.
///
/// # Errors
/// The file cannot be written.
pub fn put_rows<R>(
    out: &mut dyn Sink,
    path: &str,
    rows: impl IntoIterator<Item = R>,
    is_safe: bool,
) -> Result<(), Error>
where
    R: IntoIterator<Item: AsRef<str>>,
{
    let mut csv = ::csv::Writer::from_writer(out.file(path)?);
    for row in rows {
        for cell in row {
            let cell = cell.as_ref();
            let written = match is_safe {
                true => csv.write_field(&*files::safe_cell(cell)),
                false => csv.write_field(cell),
            };
            written.map_err(cannot_row(path))?;
        }
        csv.write_record(None::<&[u8]>).map_err(cannot_row(path))?;
    }
    csv.flush().map_err(cannot(path))
}

/// The error for bytes that could not be written.
pub fn cannot(path: &str) -> impl Fn(std::io::Error) -> Error + '_ {
    move |e| files::cannot_write(Path::new(path), e)
}

/// The error for rows that could not be written, with the cause of the disk.
pub fn cannot_row(path: &str) -> impl Fn(::csv::Error) -> Error + '_ {
    move |e| {
        cannot(path)(match e.into_kind() {
            ::csv::ErrorKind::Io(e) => e,
            other => std::io::Error::other(format!("{other:?}")),
        })
    }
}
