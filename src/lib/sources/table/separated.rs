//! CSV and its relatives: cells separated by a character, quoted where they hold it (RFC 4180), as Excel writes them in all
//! countries.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

use super::options::{Decimal, TableOptions};
use super::records::Records;
use super::rows::{Row, RowProblem, Rows};
use crate::sources::is_url;
use crate::values::excerpt;

/// What cells are separated by if not told.
const DELIMITERS: [u8; 4] = *b",;\t|";
/// Separates the cells of a table with one column: no text holds it.
const NOTHING: u8 = 0x1f;
/// How many records are looked at to find out what separates cells, and how many bytes at most.
const LINES: usize = 50;
const START: usize = 1 << 20;

/// Reads a table whose first record is its header.
///
/// # Errors
/// There is no usable header: the problem of the document's reject.
pub fn read<'a>(name: &str, text: &'a [u8], options: &TableOptions) -> Result<Rows<'a>, String> {
    let (told, text) = excel_delimiter(text);
    let delimiter = options
        .delimiter
        .or(told)
        .unwrap_or_else(|| delimiter(name, text));
    let mut records = Records::new(text, delimiter);
    let header = match records.next() {
        Some(record) => match record.unclosed {
            None => record.bytes,
            Some(line) => {
                return Err(format!(
                    "header cannot be read: line {line} has a quote that is not closed"
                ));
            }
        },
        None => return Err("table cannot be read: its header is missing".into()),
    };
    let mut columns = columns(&text[header], delimiter)?;
    let note = has_row_names(text, records.clone(), delimiter, columns.len()).then(|| {
        columns.insert(0, ROW_NAMES.to_owned());
        format!("{name}: rows have one cell more than the header, so the first column is called {ROW_NAMES}")
    });
    records.columns = columns.len();
    let read = |records| ReadRows::of(text, records, delimiter, columns.clone());
    let default = match delimiter {
        b';' => Decimal::Comma,
        _ => Decimal::Point,
    };
    let (mut with_points, mut notes) = (Vec::new(), Vec::new());
    if options.decimal.unwrap_or(default) == Decimal::Comma {
        let kinds = CellKinds::of_columns(&columns, read(records.clone()));
        (with_points, notes) = decimal_points(name, kinds, options.decimal.is_some());
    }
    notes.extend(note);
    let rows = read(records).map(move |mut row| {
        if let Ok(row) = &mut row {
            write_points(row, &with_points);
        }
        row
    });
    Ok(Rows {
        notes,
        ..Rows::new(columns, (1_usize..).map(Into::into).zip(rows))
    })
}

/// What R calls the column without a name that it writes before the others.
const ROW_NAMES: &str = "row.names";

/// Whether all rows have one cell more than the header, and begin with something else than a URL: names of rows, as R writes them
/// (`write.table`).
fn has_row_names(text: &[u8], records: Records<'_>, delimiter: u8, columns: usize) -> bool {
    let mut rows = records.take(LINES).peekable();
    let has_name = |bytes: &[u8]| {
        let record = reader(bytes, delimiter).into_byte_records().next();
        let Some(Ok(record)) = record else {
            return false;
        };
        let is_url = record
            .get(0)
            .is_some_and(|cell| std::str::from_utf8(cell).is_ok_and(is_url));
        let is_last = record
            .iter()
            .next_back()
            .is_some_and(|cell| !cell.trim_ascii().is_empty());
        record.len() == columns + 1 && is_last && !is_url
    };
    rows.peek().is_some() && rows.all(|row| row.unclosed.is_none() && has_name(&text[row.bytes]))
}

/// Names of the columns.
fn columns(header: &[u8], delimiter: u8) -> Result<Vec<String>, String> {
    let mut reader = reader(header, delimiter);
    let header = match reader.byte_records().next() {
        Some(Ok(header)) => header,
        Some(Err(e)) => return Err(format!("table cannot be read: {e}")),
        None => return Err("table cannot be read: its header is missing".into()),
    };
    let cells = header.iter().map(String::from_utf8_lossy);
    let columns: Vec<String> = cells.map(|cell| cell.trim().to_owned()).collect();
    match columns.iter().find(|cell| is_url(cell)) {
        Some(url) => Err(format!(
            "first line is not a header, since it holds a URL: put names of the columns above {url}"
        )),
        None => Ok(columns),
    }
}

fn reader(text: &[u8], delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .has_headers(false)
        .from_reader(text)
}

/// The line `sep=;` that Excel takes for a setting and not for a header, and the text after it.
fn excel_delimiter(text: &[u8]) -> (Option<u8>, &[u8]) {
    let line = text.split(|b| b"\r\n".contains(b)).next().unwrap_or(text);
    match line.get(..4).zip(line.get(4..)) {
        Some((word, [one])) if word.eq_ignore_ascii_case(b"sep=") => {
            (Some(*one), text[5..].trim_ascii_start())
        }
        _ => (None, text),
    }
}

/// The delimiter that divides the first lines most evenly; where several do, the one with the most columns.
fn delimiter(name: &str, text: &[u8]) -> u8 {
    let is_named = |suffix: &str| name.to_ascii_lowercase().ends_with(suffix);
    if [".tsv", ".tab"].iter().any(|suffix| is_named(suffix)) {
        return b'\t';
    }
    let text = &text[..text.len().min(START)];
    let evenness = |delimiter: u8| {
        // A cell may hold line breaks, that of the header too.
        let records = Records::new(text, delimiter).take(LINES);
        let mut counts = records.map(|record| outside_quotes(&text[record.bytes], delimiter));
        let of_header = counts.next().filter(|n| *n > 0)?;
        let even = counts.filter(|n| *n == of_header).count();
        Some((even, of_header))
    };
    let known = DELIMITERS.into_iter().rev();
    let found = known.filter_map(|delimiter| Some((evenness(delimiter)?, delimiter)));
    found.max().map_or(NOTHING, |(_, delimiter)| delimiter)
}

fn outside_quotes(line: &[u8], delimiter: u8) -> usize {
    let mut is_quoted = false;
    let outside = line.iter().filter(|byte| {
        is_quoted ^= **byte == b'"';
        !is_quoted && **byte == delimiter
    });
    outside.count()
}

/// The rows below the header. Records between those with an unclosed quote are read in one go.
struct ReadRows<'a> {
    text: &'a [u8],
    records: Records<'a>,
    delimiter: u8,
    columns: Vec<String>,
    /// Rows that were read and not yet taken.
    ready: VecDeque<Result<Row, RowProblem>>,
}

/// Bytes of records that are read in one go.
const RUN: usize = 1 << 16;

impl<'a> ReadRows<'a> {
    fn of(text: &'a [u8], records: Records<'a>, delimiter: u8, columns: Vec<String>) -> Self {
        ReadRows {
            text,
            records,
            delimiter,
            columns,
            ready: VecDeque::new(),
        }
    }

    /// Reads records up to one with an unclosed quote, or a run of them.
    fn fill(&mut self) {
        let mut run: Option<Range<usize>> = None;
        let mut last = None;
        while run.as_ref().is_none_or(|run| run.len() < RUN) {
            let Some(record) = self.records.next() else {
                break;
            };
            if record.unclosed.is_some() {
                last = Some(record);
                break;
            }
            let start = run.map_or(record.bytes.start, |run| run.start);
            run = Some(start..record.bytes.end);
        }
        let bytes = run.map_or(&[][..], |run| &self.text[run]);
        let mut reader = reader(bytes, self.delimiter);
        let rows = reader
            .byte_records()
            .map(|record| row(record, &self.columns));
        self.ready.extend(rows);
        if let Some((record, line)) = last.and_then(|r| r.unclosed.map(|line| (r.bytes, line))) {
            let row = unclosed(&self.text[record], line, self.delimiter, &self.columns);
            self.ready.push_back(row);
        }
    }
}

impl Iterator for ReadRows<'_> {
    type Item = Result<Row, RowProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            self.fill();
        }
        self.ready.pop_front()
    }
}

/// A line with a quote that is not closed. Many programs write tabs without ever quoting a cell: there it is a quote.
fn unclosed(
    line: &[u8],
    number: usize,
    delimiter: u8,
    columns: &[String],
) -> Result<Row, RowProblem> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .has_headers(false)
        .quoting(false)
        .from_reader(line);
    if let (b'\t', Some(record)) = (delimiter, reader.byte_records().next()) {
        return row(record, columns);
    }
    let line = String::from_utf8_lossy(line);
    let start: String = line.chars().take(200).collect();
    Err(format!("quote is not closed: line {number}: {start}").into())
}

fn row(record: Result<csv::ByteRecord, csv::Error>, columns: &[String]) -> Result<Row, RowProblem> {
    let record = record.map_err(|e| format!("row cannot be read: {e}"))?;
    // Excel writes empty cells behind the last column where some row once had a cell.
    let surplus = record.iter().skip(columns.len());
    let is_too_long = surplus
        .into_iter()
        .any(|cell| !cell.trim_ascii().is_empty());
    if record.len() < columns.len() || is_too_long {
        return Err(format!(
            "row and header differ in number of cells: {} and {}",
            record.len(),
            columns.len()
        )
        .into());
    }
    let mut row: Row = Vec::with_capacity(columns.len());
    for (column, cell) in columns.iter().zip(&record) {
        if cell.trim_ascii().is_empty() {
            continue;
        }
        let text = std::str::from_utf8(cell).map_err(|_| RowProblem {
            column: Some(column.clone()),
            problem: format!("cell is not UTF-8: column {column}; --encoding NAME sets another"),
        })?;
        row.push((column.clone(), vec![text.to_owned()]));
    }
    Ok(row)
}

/// The columns whose numbers are written with points, and notes: those that hold numbers with decimal commas and nothing else, or
/// if told, all. Columns with other cells are told.
fn decimal_points(
    name: &str,
    columns: Vec<(String, CellKinds)>,
    is_told: bool,
) -> (Vec<String>, Vec<String>) {
    let (mut changed, mut notes): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for (column, kinds) in columns.into_iter().filter(|(_, kinds)| kinds.has_comma) {
        match kinds.first_other.filter(|_| !is_told) {
            None => changed.push(column),
            Some(cell) => notes.push(format!(
                "{name}: decimal commas of {column} stay as they are, since not all cells are numbers, first: {}; --decimal comma writes those with points that are",
                excerpt(&cell)
            )),
        }
    }
    if !changed.is_empty() {
        notes.push(format!(
            "{name}: decimal commas are written as points in {}; --decimal point leaves them as they are",
            changed.join(", ")
        ));
    }
    (changed, notes)
}

/// Writes the numbers of some columns with points.
fn write_points(row: &mut Row, columns: &[String]) {
    for (_, values) in row.iter_mut().filter(|(c, _)| columns.contains(c)) {
        for value in values {
            *value = with_point(value).map_or_else(|| value.clone(), Cow::into_owned);
        }
    }
}

/// What the cells of a column are.
#[derive(Clone, Default)]
struct CellKinds {
    /// Whether some number has a decimal comma.
    has_comma: bool,
    /// The first that is neither such a number nor says that there is none.
    first_other: Option<String>,
}

impl CellKinds {
    /// Those of all columns.
    fn of_columns(columns: &[String], rows: ReadRows) -> Vec<(String, Self)> {
        let kinds = columns.iter().map(|c| (c.clone(), CellKinds::default()));
        let mut kinds: Vec<(String, CellKinds)> = kinds.collect();
        for (column, values) in rows.filter_map(Result::ok).flatten() {
            // Columns of one name have their cells in common.
            for (_, kinds) in kinds.iter_mut().filter(|(name, _)| *name == column) {
                values.iter().for_each(|cell| kinds.add(cell));
            }
        }
        kinds
    }

    fn add(&mut self, cell: &str) {
        match with_point(cell) {
            Some(_) => self.has_comma |= cell.contains(','),
            None if is_missing(cell) => {}
            None => drop(self.first_other.get_or_insert_with(|| cell.to_owned())),
        }
    }
}

/// Whether a cell says that a value is missing, as people and programs write it.
pub fn is_missing(cell: &str) -> bool {
    const WORDS: [&str; 18] = [
        "n/a",
        "#n/a",
        "na",
        "n.a.",
        "#nv",
        "nan",
        "null",
        "none",
        "nil",
        "k.a.",
        "n.d.",
        "s.d.",
        "unknown",
        "unbekannt",
        "inconnu",
        "?",
        "..",
        "...",
    ];
    // No such word is longer; a blank between its letters is.
    if cell.len() > 64 {
        return false;
    }
    let cell = cell.to_lowercase().replace(char::is_whitespace, "");
    let is_dash = cell
        .chars()
        .all(|c| "-\u{2010}\u{2013}\u{2014}\u{2212}/".contains(c));
    is_dash || WORDS.contains(&cell.as_str())
}

/// A number that may have a decimal comma and points or blanks between thousands, with a point: `-1.234,5` is `-1234.5`.
/// None if it is no such number.
fn with_point(cell: &str) -> Option<Cow<'_, str>> {
    let cell = cell.trim();
    let unsigned = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    let (whole, decimals) = match unsigned.split_once(',') {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (unsigned, None),
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut groups = whole.split(['.', ' ', '\u{a0}', '\u{202f}']);
    let first = groups.next()?;
    let mut rest = groups.clone();
    let are_thousands = rest.all(|group| group.len() == 3 && is_digits(group));
    let is_number = is_digits(first)
        && are_thousands
        && (groups.next().is_none() || first.len() <= 3)
        && decimals.is_none_or(is_digits);
    if !is_number {
        return None;
    }
    let sign = if cell.starts_with('-') { "-" } else { "" };
    let digits: String = whole.chars().filter(char::is_ascii_digit).collect();
    let decimals = decimals.map(|d| format!(".{d}")).unwrap_or_default();
    Some(Cow::Owned(format!("{sign}{digits}{decimals}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Rows<'_> {
        read("t.csv", text.as_bytes(), &TableOptions::default()).unwrap()
    }

    #[test]
    fn the_delimiter_is_the_one_that_divides_lines_evenly() {
        let cases = [
            ("a,b\n1,2\n", b','),
            ("a;b\n1,5;2,5\n", b';'),
            ("a;b (c, d)\n1;2\n3;4\n", b';'),
            ("a|b\n1|2\n", b'|'),
            ("a\tb, c\n1\t2\n", b'\t'),
            ("\"a;b;c\",d\n1,2\n", b','),
            ("\"a\n(b)\",c\n1,2\n", b','),
            ("\"a\n(b, c)\";d\n1,5;2\n", b';'),
            ("url\nhttps://a/1,2,3,4/max/0/default.jpg\n", NOTHING),
        ];
        for (text, wanted) in cases {
            assert_eq!(delimiter("t.csv", text.as_bytes()), wanted, "{text}");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_costs_one_line_and_with_tabs_nothing() {
        let rows = table("a,b\n1,x\n2,\"y\n3,z\n");
        let problem = &rows.first[1].1.as_ref().unwrap_err().problem;
        assert_eq!(problem, "quote is not closed: line 3: 2,\"y");
        assert_eq!(rows.first.len(), 3);
        let rows = table("a\tb\n1\t\"x\n2\ty 5\"\n");
        let cells = rows
            .first
            .iter()
            .map(|(_, row)| row.as_ref().unwrap()[1].1[0].as_str());
        assert_eq!(cells.collect::<Vec<_>>(), ["\"x", "y 5\""]);
    }

    #[test]
    fn decimal_commas_become_points_in_columns_of_numbers() {
        let cases = [
            ("1,5", Some("1.5")),
            ("-1.234,5", Some("-1234.5")),
            ("12 345,25", Some("12345.25")),
            ("7", Some("7")),
            ("1.5", None),
            ("1,2,3", None),
            ("1,", None),
            (",5", None),
            ("x", None),
            ("12.3456,1", None),
            ("1234.567,8", None),
        ];
        for (cell, wanted) in cases {
            assert_eq!(with_point(cell).as_deref(), wanted, "{cell}");
        }
        let rows = table("a;depth;pages\n1;1,5;1,2\n2;-200;3 to 4\n");
        let row = rows.first[0].1.as_ref().unwrap();
        assert_eq!(row[1].1, ["1.5"]);
        assert_eq!(row[2].1, ["1,2"], "a column of texts stays as it is");
        assert_eq!(
            rows.notes,
            [
                "t.csv: decimal commas of pages stay as they are, since not all cells are numbers, first: 3 to 4; --decimal comma writes those with points that are",
                "t.csv: decimal commas are written as points in depth; --decimal point leaves them as they are",
            ]
        );
    }

    #[test]
    fn excel_says_its_delimiter_in_a_line_above_the_header() {
        let rows = table("sep=|\r\na|b;c\r\n1|2\r\n");
        assert_eq!(rows.columns, ["a", "b;c"]);
        assert_eq!(rows.first.len(), 1);
    }
}
