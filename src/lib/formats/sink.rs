//! Where formats write to, and helpers to write there.

use std::path::Path;

use super::dataset::{Cut, Dataset, DatasetImage};
use crate::error::Error;
use crate::files::{self, Content};

/// Where the files of a format go: a folder or a single file.
pub trait Sink {
    /// Whether cells of tables that spreadsheets would calculate become texts.
    fn is_csv_safe(&self) -> bool;
    /// Adds bytes at the end of a file, which the first call creates; `path` is relative, `/` as separator. The file stays
    /// open until it is closed or the sink is finished.
    ///
    /// # Errors
    /// The file cannot be created or written, or the sink cannot hold another one.
    fn append(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error>;
    /// Closes a file: nothing will be added to it.
    ///
    /// # Errors
    /// The file cannot be written.
    fn close(&mut self, path: &str) -> Result<(), Error>;
    /// Keeps bytes for the end of a file, until [`Sink::append_kept`].
    ///
    /// # Errors
    /// The disk is full.
    fn keep(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error>;
    /// Adds everything kept for a file to it.
    ///
    /// # Errors
    /// The file cannot be written.
    fn append_kept(&mut self, path: &str) -> Result<(), Error>;
    /// Puts an existing image at `path`, as a link to its file if possible. `sha256` is its hash, if that is known.
    ///
    /// # Errors
    /// The image cannot be read or copied.
    fn image(
        &mut self,
        path: &str,
        source: &Content,
        sha256: Option<[u8; 32]>,
    ) -> Result<(), Error>;
    /// Puts the picture for `path` in place that a worker has made, and says where its bytes are; none: it is to be made.
    ///
    /// # Errors
    /// The picture is not what its worker wrote, or cannot be put in place.
    fn made(&mut self, _path: &str) -> Result<Option<Content>, Error> {
        Ok(None)
    }
    /// Writes a picture that was made, as a whole file.
    ///
    /// # Errors
    /// The file cannot be created or written.
    fn picture(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        self.put(path, bytes)
    }
    /// Writes a whole file.
    ///
    /// # Errors
    /// The file cannot be created or written.
    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        self.append(path, bytes)?;
        self.close(path)
    }
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
    if !dataset.placed || out.made(path)?.is_some() {
        return Ok(());
    }
    match (&picture.cut, picture.orientation) {
        (Some(Cut::Bytes(cut)), _) => out.picture(path, cut),
        (None, 0 | 1) => out.image(path, &picture.content, picture.sha256),
        _ => out.picture(path, &picture.read()?),
    }
}

/// Adds rows to a CSV file: RFC 4180 quoting, LF, UTF-8 without byte-order mark.
///
/// # Errors
/// The file cannot be written.
pub fn put_rows<R>(
    out: &mut dyn Sink,
    path: &str,
    rows: impl IntoIterator<Item = R>,
) -> Result<(), Error>
where
    R: IntoIterator<Item: AsRef<[u8]>>,
{
    let is_safe = out.is_csv_safe();
    let mut csv = ::csv::Writer::from_writer(Vec::new());
    for row in rows {
        for cell in row {
            let cell = cell.as_ref();
            let written = match std::str::from_utf8(cell) {
                Ok(text) if is_safe => csv.write_field(&*files::safe_cell(text)),
                _ => csv.write_field(cell),
            };
            written.map_err(cannot_row(path))?;
        }
        csv.write_record(None::<&[u8]>).map_err(cannot_row(path))?;
    }
    let bytes = csv.into_inner().map_err(|e| cannot(path)(e.into_error()))?;
    out.append(path, &bytes)
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
