//! Parquet: the lists of GBIF, LAION and Hugging Face. Members of structs are columns of their own, as in `image.url`; items of
//! lists are values of one cell.
//!
//! Columns are read one after the other and never nested records: all that is needed of those is which values a row has.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use jiff::{Span, Timestamp, civil};
use parquet::basic::{Compression, ConvertedType, LogicalType, TimeUnit};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::rows::{Row, RowProblem, Rows};
use crate::summary::counted;

/// Rows that are read in one go.
const BATCH: usize = 1024;

/// Reads a Parquet file that holds at most `max_bytes` when it is decompressed.
///
/// # Errors
/// The file is damaged, too large, or of a kind that is not read: the problem of the document's reject.
pub fn read(name: &str, bytes: Vec<u8>, max_bytes: u64) -> Result<Rows<'static>, String> {
    // The decoders of the crate panic at some damage, such as a dictionary that is missing. Nothing that they hold is used
    // afterwards.
    let read = AssertUnwindSafe(|| read_file(name, bytes, max_bytes));
    catch_unwind(read).unwrap_or_else(|_| {
        Err("document is not a Parquet file that can be read: its pages are damaged".into())
    })
}

fn read_file(name: &str, bytes: Vec<u8>, max_bytes: u64) -> Result<Rows<'static>, String> {
    let damaged = |e: &dyn Display| format!("document is not a Parquet file that can be read: {e}");
    let file = SerializedFileReader::new(Bytes::from(bytes)).map_err(|e| damaged(&e))?;
    check(file.metadata(), max_bytes)?;
    let (mut names, mut rows, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let schema = file.metadata().file_metadata().schema_descr();
    let columns: Vec<Column> = schema.columns().iter().map(|c| Column::of(c)).collect();
    for column in &columns {
        if !names.contains(&column.name) {
            names.push(column.name.clone());
        }
    }
    let mut binaries = BTreeSet::new();
    for number in 0..file.num_row_groups() {
        let group = file.get_row_group(number).map_err(|e| damaged(&e))?;
        let read = read_group(&*group, &columns, &mut binaries);
        let announced = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        if read.len() < announced {
            notes.push(format!(
                "{name}: row group {} of the file: {} missing",
                number + 1,
                counted((announced - read.len()) as u64, "row is", "rows are")
            ));
        }
        let first = rows.len() + 1;
        rows.extend((first..).map(Into::into).zip(read));
    }
    if !binaries.is_empty() {
        let binaries: Vec<String> = binaries.into_iter().collect();
        notes.push(format!(
            "{name}: left out columns with binary data: {}",
            binaries.join(", ")
        ));
    }
    Ok(Rows {
        notes,
        ..Rows::new(names, rows.into_iter())
    })
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
            "document is too large: it has more than {} MB when decompressed; --max-document MB raises this limit",
            max_bytes / 1_000_000
        ));
    }
    let chunks = groups.iter().flat_map(|group| group.columns());
    let mut unread = chunks.filter_map(|chunk| match chunk.compression() {
        Compression::ZSTD(_) => Some("zstd"),
        Compression::LZO => Some("lzo"),
        _ => None,
    });
    match unread.next() {
        Some(codec) => Err(format!(
            "document is a Parquet file compressed with {codec}: write it again with snappy, gzip, brotli or lz4"
        )),
        None => Ok(()),
    }
}

/// A column with values: a leaf of the schema.
struct Column {
    name: String,
    kind: ValueKind,
    /// The definition level of a value that is there.
    defined: i16,
    is_repeated: bool,
}

/// What numbers and bytes stand for.
#[derive(Clone, Copy)]
enum ValueKind {
    Plain,
    /// A whole number without sign.
    Unsigned,
    /// Days since 1970.
    Date,
    Millis,
    Micros,
    Nanos,
    /// A number with so many decimals.
    Decimal(u32),
    Uuid,
}

impl Column {
    fn of(column: &ColumnDescriptor) -> Self {
        Column {
            name: name(column.path().parts()),
            kind: ValueKind::of(column),
            defined: column.max_def_level(),
            is_repeated: column.max_rep_level() > 0,
        }
    }
}

impl ValueKind {
    fn of(column: &ColumnDescriptor) -> Self {
        match (column.logical_type_ref(), column.converted_type()) {
            (Some(LogicalType::Timestamp(time)), _) => match time.unit {
                TimeUnit::MILLIS => ValueKind::Millis,
                TimeUnit::MICROS => ValueKind::Micros,
                TimeUnit::NANOS => ValueKind::Nanos,
            },
            (Some(LogicalType::Uuid), _) => ValueKind::Uuid,
            (Some(LogicalType::Date), _) | (None, ConvertedType::DATE) => ValueKind::Date,
            (None, ConvertedType::TIMESTAMP_MILLIS) => ValueKind::Millis,
            (None, ConvertedType::TIMESTAMP_MICROS) => ValueKind::Micros,
            (Some(LogicalType::Decimal(_)), _) | (None, ConvertedType::DECIMAL) => {
                ValueKind::Decimal(column.type_scale().clamp(0, 38) as u32)
            }
            (Some(LogicalType::Integer(int)), _) if !int.is_signed => ValueKind::Unsigned,
            (
                None,
                ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
                | ConvertedType::UINT_64,
            ) => ValueKind::Unsigned,
            _ => ValueKind::Plain,
        }
    }
}

/// The name of a column: its path without the parts that only make a list (Parquet's LogicalTypes, "Lists").
fn name(path: &[String]) -> String {
    let is_list = |group: &str, item: Option<&str>| match group {
        "list" => matches!(item, Some("element" | "item")),
        "bag" => matches!(item, Some("array" | "array_element")),
        _ => false,
    };
    let mut parts: Vec<&str> = Vec::new();
    let mut rest = path.iter().map(String::as_str).peekable();
    while let Some(part) = rest.next() {
        if !parts.is_empty() && is_list(part, rest.peek().copied()) {
            rest.next();
        } else {
            parts.push(part);
        }
    }
    parts.join(".")
}

/// The rows of a part of the file.
fn read_group(
    group: &dyn RowGroupReader,
    columns: &[Column],
    binaries: &mut BTreeSet<String>,
) -> Vec<Result<Row, RowProblem>> {
    let mut rows: Vec<Row> = Vec::new();
    // Up to which row all columns can be read, and why no further.
    let mut end: Option<(usize, String)> = None;
    let mut counts = Vec::new();
    for (number, column) in columns.iter().enumerate().take(group.num_columns()) {
        let read = group
            .get_column_reader(number)
            .map_err(|e| (0, e))
            .and_then(|reader| read_column(reader, column, &mut rows));
        match read {
            Ok(Some(count)) => counts.push((count, column)),
            Ok(None) => {
                binaries.insert(column.name.clone());
                for row in &mut rows {
                    row.retain(|(name, _)| *name != column.name);
                }
            }
            Err((count, e)) if end.as_ref().is_none_or(|(first, _)| count < *first) => {
                end = Some((count, format!("column {}: {e}", column.name)));
            }
            Err(_) => {}
        }
    }
    for (count, column) in counts.into_iter().filter(|(count, _)| *count < rows.len()) {
        if end.as_ref().is_none_or(|(first, _)| count < *first) {
            end = Some((count, format!("column {} ends before it", column.name)));
        }
    }
    let good = end.as_ref().map_or(rows.len(), |(count, _)| *count);
    let why = end.map(|(_, why)| why).unwrap_or_default();
    let rows = rows.into_iter().enumerate();
    rows.map(|(at, row)| match at < good {
        true => Ok(row),
        false => Err(format!("row cannot be read: {why}").into()),
    })
    .collect()
}

/// Adds the values of a column to the rows. Returns the number of rows; none if the column has binary data. The error says
/// how many rows could be read before it.
fn read_column(
    reader: ColumnReader,
    column: &Column,
    rows: &mut Vec<Row>,
) -> Result<Option<usize>, (usize, ParquetError)> {
    let kind = column.kind;
    match reader {
        ColumnReader::BoolColumnReader(reader) => {
            read_values(reader, column, rows, |value| Some(value.to_string()))
        }
        ColumnReader::Int32ColumnReader(reader) => read_values(reader, column, rows, |value| {
            Some(match kind {
                ValueKind::Unsigned => value.cast_unsigned().to_string(),
                _ => integer((*value).into(), kind),
            })
        }),
        ColumnReader::Int64ColumnReader(reader) => read_values(reader, column, rows, |value| {
            Some(match kind {
                ValueKind::Unsigned => value.cast_unsigned().to_string(),
                _ => integer((*value).into(), kind),
            })
        }),
        ColumnReader::Int96ColumnReader(reader) => read_values(reader, column, rows, |value| {
            Some(integer(value.to_millis().into(), ValueKind::Millis))
        }),
        ColumnReader::FloatColumnReader(reader) => {
            read_values(reader, column, rows, |value| Some(value.to_string()))
        }
        ColumnReader::DoubleColumnReader(reader) => {
            read_values(reader, column, rows, |value| Some(value.to_string()))
        }
        ColumnReader::ByteArrayColumnReader(reader) => {
            read_values(reader, column, rows, |value| text(value.data(), kind))
        }
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            read_values(reader, column, rows, |value| text(value.data(), kind))
        }
    }
}

fn read_values<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    column: &Column,
    rows: &mut Vec<Row>,
    text: impl Fn(&T::T) -> Option<String>,
) -> Result<Option<usize>, (usize, ParquetError)> {
    let mut count = 0;
    loop {
        let (mut defined, mut repeated, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let (defs, reps) = (Some(&mut defined), Some(&mut repeated));
        let (records, _, levels) = reader
            .read_records(BATCH, defs, reps, &mut values)
            .map_err(|e| (count, e))?;
        let mut values = values.iter();
        for at in 0..levels {
            // Of a row that is repeated, the first value has level 0.
            if !column.is_repeated || repeated.get(at).is_none_or(|level| *level == 0) {
                count += 1;
            }
            if rows.len() < count {
                rows.resize_with(count, Row::new);
            }
            let is_there = column.defined == 0 || defined.get(at) == Some(&column.defined);
            let Some(value) = is_there.then(|| values.next()).flatten() else {
                continue;
            };
            let Some(value) = text(value) else {
                return Ok(None);
            };
            let row = count.checked_sub(1).and_then(|at| rows.get_mut(at));
            if let (Some(row), false) = (row, value.trim().is_empty()) {
                put(row, &column.name, value);
            }
        }
        if records == 0 {
            return Ok(Some(count));
        }
    }
}

/// Adds a value to the last cell of a row, or to a new one.
fn put(row: &mut Row, name: &str, value: String) {
    match row.last_mut() {
        Some((last, values)) if last == name => values.push(value),
        _ => row.push((name.to_owned(), vec![value])),
    }
}

fn integer(number: i128, kind: ValueKind) -> String {
    let short = i64::try_from(number).unwrap_or(i64::MAX);
    let time = match kind {
        ValueKind::Date => return date(short),
        ValueKind::Decimal(decimals) => return decimal(number, decimals as usize),
        ValueKind::Millis => Timestamp::from_millisecond(short),
        ValueKind::Micros => Timestamp::from_microsecond(short),
        ValueKind::Nanos => Timestamp::from_nanosecond(number),
        ValueKind::Plain | ValueKind::Unsigned | ValueKind::Uuid => return number.to_string(),
    };
    // As conditions compare times, and as other sources write them.
    time.map_or_else(|_| number.to_string(), |time| time.to_string())
}

fn date(days: i64) -> String {
    let span = Span::new().try_days(days);
    let day = span.and_then(|span| civil::date(1970, 1, 1).checked_add(span));
    day.map_or_else(|_| days.to_string(), |day| day.to_string())
}

fn decimal(number: i128, decimals: usize) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let digits = format!("{:0>1$}", number.unsigned_abs(), decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    match part.is_empty() {
        true => format!("{sign}{whole}"),
        false => format!("{sign}{whole}.{part}"),
    }
}

/// Bytes as text; none if they are no text. Some writers do not mark texts as such.
fn text(bytes: &[u8], kind: ValueKind) -> Option<String> {
    match kind {
        ValueKind::Decimal(decimals) if bytes.len() <= 16 => {
            let first = bytes.first().map_or(0, |byte| (*byte as i8) >> 7);
            let mut all = [first as u8; 16];
            all[16 - bytes.len()..].copy_from_slice(bytes);
            Some(decimal(i128::from_be_bytes(all), decimals as usize))
        }
        ValueKind::Uuid => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| hex.get(part));
            let parts: Option<Vec<&str>> = parts.into_iter().collect();
            Some(parts.map_or(hex.clone(), |parts| parts.join("-")))
        }
        _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use recto_testkit::mutation::{Outcome, with_seeds};

    use super::*;

    #[test]
    fn names_leave_out_what_only_makes_a_list() {
        let cases = [
            ("tags/list/element", "tags"),
            ("media/list/item/u", "media.u"),
            ("old/bag/array_element", "old"),
            ("list/element", "list.element"),
            ("image/url", "image.url"),
            ("shopping/list/name", "shopping.list.name"),
        ];
        for (path, wanted) in cases {
            let path: Vec<String> = path.split('/').map(str::to_owned).collect();
            assert_eq!(name(&path), wanted);
        }
    }

    /// Not `mutation::check`, which allows no panic: those of the decoder are caught here.
    #[test]
    fn damaged_files_are_refused_or_read_as_far_as_they_go() {
        let sound = include_bytes!("../../../../tests/digest/pictures.parquet");
        let outcome = Cell::new(Outcome::default());
        with_seeds(2000, |random| {
            let mut bytes = sound.to_vec();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                bytes[at] = random.below(256) as u8;
            }
            bytes.truncate(bytes.len() - random.below(20) / 19);
            let mut counts = outcome.get();
            match read("t", bytes, 1 << 20) {
                Ok(_) => counts.taken += 1,
                Err(_) => counts.refused += 1,
            }
            outcome.set(counts);
        });
        outcome.get().is_mixed();
    }

    #[test]
    fn numbers_are_what_they_stand_for() {
        let cases = [
            (18_263, ValueKind::Date, "2020-01-02"),
            (i128::from(i32::MAX), ValueKind::Date, "2147483647"),
            (
                1_577_934_245_600,
                ValueKind::Millis,
                "2020-01-02T03:04:05.6Z",
            ),
            (
                1_577_934_245_000_000_001,
                ValueKind::Nanos,
                "2020-01-02T03:04:05.000000001Z",
            ),
            (
                i128::from(i64::MAX),
                ValueKind::Micros,
                "9223372036854775807",
            ),
            (-5, ValueKind::Decimal(2), "-0.05"),
            (125, ValueKind::Decimal(2), "1.25"),
            (7, ValueKind::Decimal(0), "7"),
            (7, ValueKind::Plain, "7"),
        ];
        for (number, kind, wanted) in cases {
            assert_eq!(integer(number, kind), wanted);
        }
        assert_eq!(
            text(&[0xff, 0x83], ValueKind::Decimal(2)).as_deref(),
            Some("-1.25")
        );
        assert_eq!(text(&[0xff, 0xd8], ValueKind::Plain), None);
        let uuid = text(&[0x12; 16], ValueKind::Uuid).unwrap();
        assert_eq!(uuid, "12121212-1212-1212-1212-121212121212");
    }
}
