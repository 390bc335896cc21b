//! The images of a `localizations.json` as a Parquet file, for programs that query tables: a row an image, its boxes a list.
//! The file says what the set says; it is written beside it and not read by recto.

pub mod levels;
mod rows;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;

use super::LocalizedImage;
use crate::error::Error;
use crate::files;
use rows::{Rows, SCHEMA};

/// A file that is being written.
pub struct ImageTable<'a> {
    path: &'a Path,
    out: &'a mut dyn Write,
    /// Holds what is not yet in `out`.
    file: SerializedFileWriter<Vec<u8>>,
    rows: Rows,
}

/// Publishes a file, atomically; `write` adds its images and does whatever belongs together with that.
///
/// # Errors
/// The file cannot be written, or `write` fails.
pub fn write_image_table<T>(
    path: &Path,
    write: impl FnOnce(&mut ImageTable<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut outcome = None;
    let published = files::write_through(path, |out| {
        let mut table = ImageTable::new(path, out).map_err(io::Error::other)?;
        let written = write(&mut table);
        let is_written = written.is_ok();
        outcome = Some(written);
        match is_written {
            true => table.finish(),
            false => Err(io::ErrorKind::Other.into()),
        }
    });
    match outcome {
        Some(Err(error)) => Err(error),
        Some(Ok(value)) => published.map(|()| value),
        None => Err(published
            .err()
            .unwrap_or_else(|| Error::new("nothing was written"))),
    }
}

impl<'a> ImageTable<'a> {
    fn new(path: &'a Path, out: &'a mut dyn Write) -> Result<Self, ParquetError> {
        // No names of versions, no dates: files are the same on every run.
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by("recto".into())
            .build();
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
        Ok(ImageTable {
            path,
            out,
            file,
            rows: Rows::default(),
        })
    }

    /// Adds an image.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&mut self, image: &LocalizedImage) -> Result<(), Error> {
        let path = self.path;
        let cannot = |e| files::cannot_write(path, e);
        self.rows.add(image).map_err(cannot)?;
        match self.rows.is_group() {
            true => self.write_rows().map_err(cannot),
            false => Ok(()),
        }
    }

    fn write_rows(&mut self) -> io::Result<()> {
        if !self.rows.is_empty() {
            self.rows.write(&mut self.file).map_err(io::Error::other)?;
        }
        self.file.flush()?;
        self.out.write_all(&std::mem::take(self.file.inner_mut()))
    }

    fn finish(mut self) -> io::Result<()> {
        self.write_rows()?;
        let end = self.file.into_inner().map_err(io::Error::other)?;
        self.out.write_all(&end)
    }
}
