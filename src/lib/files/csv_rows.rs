//! Tables that are written row by row.

use std::io;
use std::path::Path;

use serde::Serialize;

use super::atomic::write_through;
use super::read_write::safe_csv;
use crate::error::Error;

/// Publishes a table (RFC 4180 quoting, LF, UTF-8 without byte-order mark) of the rows that `rows` puts, with the header even
/// without rows; they are not held in memory. `is_safe`: as [`safe_csv`].
///
/// # Errors
/// The file cannot be written, or `rows` fails.
pub fn write_csv_through<T: Serialize>(
    path: &Path,
    header: &[&str],
    is_safe: bool,
    rows: impl FnOnce(&mut dyn FnMut(&T) -> Result<(), Error>) -> Result<(), Error>,
) -> Result<(), Error> {
    let name = path.display().to_string();
    let cannot = |e: &dyn std::fmt::Display| Error::new(format!("{name}: cannot be written: {e}"));
    let mut failed = None;
    let written = write_through(path, |out| {
        out.write_all(&in_csv(header)?)?;
        let mut put = |row: &T| {
            let row = in_csv(row).map_err(|e| cannot(&e))?;
            let row = safe_csv(row, is_safe)?;
            out.write_all(&row).map_err(|e| cannot(&e))
        };
        rows(&mut put).map_err(|error| {
            failed = Some(error);
            io::Error::other("its rows could not be read")
        })
    });
    match failed {
        Some(error) => Err(error),
        None => written,
    }
}

/// One row.
fn in_csv(row: impl Serialize) -> io::Result<Vec<u8>> {
    let mut csv = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    csv.serialize(row)?;
    csv.into_inner().map_err(|e| e.into_error())
}
