//! Whole inputs and outputs: bytes, JSON and CSV.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;

use super::atomic::write;
use super::paths::is_dash;
use super::store::{is_in_store, read_from_store};
use super::stored_files::is_folder_in_store;
use crate::error::Error;

/// Reads a whole input; `-` is standard input.
///
/// # Errors
/// The file does not exist or cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    start_of(path, u64::MAX)
}

/// Reads a whole input of at most `most` bytes; none if it is larger. `-` is standard input.
///
/// # Errors
/// The file does not exist or cannot be read.
pub fn read_within(path: &Path, most: u64) -> Result<Option<Vec<u8>>, Error> {
    let bytes = start_of(path, most.saturating_add(1))?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

/// The first `most` bytes of an input.
fn start_of(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let outcome = if is_dash(path) {
        io::stdin()
            .lock()
            .take(most)
            .read_to_end(&mut bytes)
            .map(drop)
    } else {
        some(path, most).map(|found| bytes = found)
    };
    match outcome {
        Ok(()) => Ok(bytes),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let is_folder = is_in_store(path) && is_folder_in_store(path).unwrap_or_default();
            let what = match is_folder {
                true => {
                    "is a folder in an object store, a file is needed: copy the folder here if it is meant"
                }
                false => "no such file",
            };
            Err(Error::new(format!("{}: {what}", path.display())))
        }
        Err(e) => Err(Error::new(format!("{}: cannot be read", path.display())).because(e)),
    }
}

/// The first bytes of a file, at most `most`; none if it cannot be read.
pub fn start(path: &Path, most: u64) -> Vec<u8> {
    // A file that cannot be read yields no bytes: the caller only looks at how it begins.
    some(path, most).unwrap_or_default()
}

fn some(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if is_in_store(path) {
        return read_from_store(path, most);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Publishes a value as JSON with two-space indentation and a final line end.
///
/// # Errors
/// The file cannot be written.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), Error> {
    write(path, &to_json(value, &path.display().to_string())?)
}

/// A value as JSON with two-space indentation and a final line end; `name` is what messages call it.
///
/// # Errors
/// The value cannot be represented in JSON.
pub fn to_json<T: Serialize>(value: &T, name: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|e| Error::new(format!("{name}: cannot be written as JSON")).because(e))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A cell that spreadsheets show and do not calculate: what begins as a formula, and is not a number, gets an apostrophe in
/// front, which they take for the mark of a text.
pub fn safe_cell(cell: &str) -> Cow<'_, str> {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    match is_formula && cell.trim().parse::<f64>().is_err() {
        true => format!("'{cell}").into(),
        false => cell.into(),
    }
}

/// A cell as it was before [`safe_cell`].
pub fn plain_cell(cell: &str) -> &str {
    let plain = cell.strip_prefix('\'').unwrap_or(cell);
    match safe_cell(plain) == cell {
        true => plain,
        false => cell,
    }
}

/// CSV with every cell as [`safe_cell`] makes it, where `is_safe`; otherwise as it is.
///
/// # Errors
/// The bytes are not CSV.
pub fn safe_csv(bytes: Vec<u8>, is_safe: bool) -> Result<Vec<u8>, Error> {
    if !is_safe {
        return Ok(bytes);
    }
    let cannot = |e: csv::Error| Error::new("CSV: cannot be read again").because(e);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(&bytes[..]);
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(Vec::new());
    for row in reader.records() {
        let row = row.map_err(cannot)?;
        let cells = row.iter().map(|cell| safe_cell(cell).into_owned());
        writer
            .write_record(cells.collect::<Vec<_>>())
            .map_err(cannot)?;
    }
    writer
        .into_inner()
        .map_err(|e| Error::new("CSV: cannot be flushed").because(e.into_error()))
}

/// Publishes rows as CSV (RFC 4180 quoting, LF, UTF-8 without byte-order mark), with the header even without rows. `is_safe`: as
/// [`safe_csv`].
///
/// # Errors
/// The file cannot be written.
pub fn write_csv<T: Serialize>(
    path: &Path,
    header: &[&str],
    rows: impl IntoIterator<Item = T>,
    is_safe: bool,
) -> Result<(), Error> {
    let bytes = to_csv(&path.display().to_string(), header, rows)?;
    write(path, &safe_csv(bytes, is_safe)?)
}

/// Rows as CSV, with the header even without rows; `name` is what messages call them.
///
/// # Errors
/// A row cannot be represented in CSV.
pub fn to_csv<T: Serialize>(
    name: &str,
    header: &[&str],
    rows: impl IntoIterator<Item = T>,
) -> Result<Vec<u8>, Error> {
    let cannot = |e: csv::Error| Error::new(format!("{name}: cannot be written as CSV")).because(e);
    let mut csv = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    csv.write_record(header).map_err(cannot)?;
    for row in rows {
        csv.serialize(row).map_err(cannot)?;
    }
    csv.into_inner()
        .map_err(|e| Error::new("CSV: cannot be flushed").because(e.into_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_texts_and_numbers_stay() {
        let cases = [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-1.5", "-1.5"),
            ("+49 30", "'+49 30"),
            ("a=1", "a=1"),
            ("", ""),
        ];
        for (cell, wanted) in cases {
            assert_eq!(safe_cell(cell), wanted);
        }
        let csv = b"id,x\n\"=1,2\",-3\n".to_vec();
        assert_eq!(safe_csv(csv.clone(), false).unwrap(), csv);
        assert_eq!(safe_csv(csv, true).unwrap(), b"id,x\n\"'=1,2\",-3\n");
    }
}
