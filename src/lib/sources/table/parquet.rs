//! Parquet: the lists of GBIF, LAION and Hugging Face. Members of structs are columns of their own, as in `image.url`.

use std::collections::BTreeSet;
use std::fmt::Display;

use bytes::Bytes;
use jiff::Timestamp;
use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row as Record};

use super::rows::{Row, RowProblem, Rows};

/// Reads a Parquet file that holds at most `max_bytes` when it is unpacked.
///
/// # Errors
/// The file is damaged, too large, or of a kind that is not read: the problem of the document's reject.
pub fn read(name: &str, bytes: Vec<u8>, max_bytes: u64) -> Result<Rows, String> {
    let damaged = |e: &dyn Display| format!("document is not a Parquet file that can be read: {e}");
    let file = SerializedFileReader::new(Bytes::from(bytes)).map_err(|e| damaged(&e))?;
    check(file.metadata(), max_bytes)?;
    let mut rows = Rows::default();
    let mut binaries = BTreeSet::new();
    let records = file.get_row_iter(None).map_err(|e| damaged(&e))?;
    for (number, record) in (1..).zip(records) {
        let row = match record {
            Ok(record) => Ok(cells(&record, &mut binaries)),
            Err(e) => Err(RowProblem::from(format!("row cannot be read: {e}"))),
        };
        let is_last = row.is_err();
        if let Ok(row) = &row {
            rows.name_columns(row);
        }
        rows.rows.push((number, row));
        if is_last {
            // What follows damage cannot be found again.
            let all = file.metadata().file_metadata().num_rows();
            let missing = usize::try_from(all).unwrap_or(0).saturating_sub(number);
            rows.notes.push(format!(
                "{name}: {missing} more rows after row {number} cannot be read"
            ));
            break;
        }
    }
    if rows.columns.is_empty() {
        let schema = file.metadata().file_metadata().schema_descr();
        let columns = schema.columns().iter().map(|column| column.path().string());
        rows.columns = columns.collect();
    }
    if !binaries.is_empty() {
        let names: Vec<String> = binaries.into_iter().collect();
        rows.notes.push(format!(
            "{name}: left out columns with binary data: {}",
            names.join(", ")
        ));
    }
    Ok(rows)
}

/// Whether the file, as it describes itself, can be read.
fn check(file: &ParquetMetaData, max_bytes: u64) -> Result<(), String> {
    let groups = file.row_groups();
    let size = |n: i64| u64::try_from(n).unwrap_or(u64::MAX);
    let all = groups.iter().fold(0, |all: u64, group| {
        all.saturating_add(size(group.total_byte_size()))
    });
    if all > max_bytes {
        return Err(format!(
            "document is too large: it unpacks to more than {} MB; --max-document MB raises this limit",
            max_bytes / 1_000_000
        ));
    }
    let chunks = groups.iter().flat_map(|group| group.columns());
    let mut kinds = chunks.map(|chunk| chunk.compression());
    match kinds.find(|kind| matches!(kind, Compression::ZSTD(_) | Compression::LZO)) {
        Some(kind) => Err(format!(
            "document is a Parquet file packed with {kind}: write it again with snappy, gzip, brotli or lz4"
        )),
        None => Ok(()),
    }
}

fn cells(record: &Record, binaries: &mut BTreeSet<String>) -> Row {
    let mut row = Row::new();
    for (name, field) in record.get_column_iter() {
        put(name, field, &mut row, binaries);
    }
    row
}

/// Adds the values of a field to the columns that it makes.
fn put(name: &str, field: &Field, row: &mut Row, binaries: &mut BTreeSet<String>) {
    let value = match field {
        Field::Null => None,
        Field::Group(members) => {
            for (member, field) in members.get_column_iter() {
                put(&format!("{name}.{member}"), field, row, binaries);
            }
            return;
        }
        Field::ListInternal(list) => {
            for item in list.elements() {
                put(name, item, row, binaries);
            }
            return;
        }
        Field::MapInternal(map) => {
            for (key, field) in map.entries() {
                let key = text(key).unwrap_or_default();
                put(&format!("{name}.{key}"), field, row, binaries);
            }
            return;
        }
        Field::Bytes(_) => {
            let value = text(field);
            if value.is_none() {
                binaries.insert(name.to_owned());
            }
            value
        }
        other => text(other),
    };
    let value = value.filter(|text| !text.trim().is_empty());
    match row.iter_mut().find(|(column, _)| column == name) {
        Some((_, all)) => all.extend(value),
        None => row.push((name.to_owned(), value.into_iter().collect())),
    }
}

/// A single value as text; none if it is binary.
fn text(field: &Field) -> Option<String> {
    match field {
        Field::Str(text) => Some(text.clone()),
        // Some writers do not mark texts as such.
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).ok().map(str::to_owned),
        Field::Float(number) => Some(number.to_string()),
        Field::Double(number) => Some(number.to_string()),
        // As conditions compare times, and as other sources write them.
        Field::TimestampMillis(time) => Some(instant(Timestamp::from_millisecond(*time), *time)),
        Field::TimestampMicros(time) => Some(instant(Timestamp::from_microsecond(*time), *time)),
        other => Some(other.to_string()),
    }
}

/// A time, or its number where that is out of range.
fn instant(time: Result<Timestamp, jiff::Error>, number: i64) -> String {
    time.map_or_else(|_| number.to_string(), |time| time.to_string())
}
