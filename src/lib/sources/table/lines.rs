//! Tables with a row per line or item: JSON Lines, JSON lists, and plain lists of URLs.

use serde_json::Value;

use super::rows::{LIST, NumberedRow, Row, RowProblem, Rows, cells, name_columns};
use crate::sources::is_url;

/// What ends the URL of a file, behind which a comma is none of the URL.
const ENDINGS: [&str; 10] = [
    ".jpg",
    ".jpeg",
    ".png",
    ".tif",
    ".tiff",
    ".gif",
    ".webp",
    ".jp2",
    ".pdf",
    "info.json",
];

/// JSON Lines: an object per line, or a URL in quotes.
pub fn json_lines(text: &[u8]) -> Rows<'_> {
    // What columns there are, only all lines show.
    let (mut columns, mut is_named) = (Vec::new(), false);
    for (_, line) in lines_of(text) {
        let value = serde_json::from_slice::<Value>(line);
        is_named |= value.as_ref().is_ok_and(Value::is_object);
        if let Ok(row) = json_row(value.map_err(|e| e.to_string()), "line") {
            name_columns(&mut columns, &row);
        }
    }
    let rows = lines_of(text).map(|(number, line)| {
        let value = serde_json::from_slice::<Value>(line);
        let value = value.map_err(|e| format!("line is not a JSON object: {e}"));
        (number, json_row(value, "line"))
    });
    Rows {
        is_list: !is_named && columns == [LIST],
        ..Rows::new(columns, rows)
    }
}

fn lines_of(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = (1..).zip(text.split(|b| *b == b'\n'));
    lines.filter(|(_, line)| !line.trim_ascii().is_empty())
}

/// A JSON list of objects or of URLs.
///
/// # Errors
/// It is not JSON, or another thing than a list.
pub fn json_list(text: &[u8]) -> Result<Rows<'static>, String> {
    let items: Vec<Value> =
        serde_json::from_slice(text).map_err(|e| format!("document is not a JSON list: {e}"))?;
    let is_named = items.iter().any(Value::is_object);
    let rows: Vec<NumberedRow> = (1..)
        .zip(items)
        .map(|(number, item)| (number, json_row(Ok(item), "item")))
        .collect();
    let mut columns = Vec::new();
    let good = rows.iter().filter_map(|(_, row)| row.as_ref().ok());
    good.for_each(|row| name_columns(&mut columns, row));
    Ok(Rows {
        is_list: !is_named && columns == [LIST],
        ..Rows::new(columns, rows.into_iter())
    })
}

/// Whether a text that begins like JSON Lines is one JSON object over several lines.
pub fn is_one_object(text: &[u8]) -> bool {
    let first = text.trim_ascii().split(|b| *b == b'\n').next();
    let is_line = |line: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
    !first.is_some_and(is_line) && is_line(text)
}

/// Whether a text begins with a line that is a URL as JSON, in quotes: a CSV file may begin with quotes as well.
pub fn is_json_text(text: &[u8]) -> bool {
    let first = text.split(|b| *b == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<String>(first).is_ok_and(|url| is_url(url.trim()))
}

/// The row of a JSON value; `what` is what messages call it.
fn json_row(value: Result<Value, String>, what: &str) -> Result<Row, RowProblem> {
    match value? {
        Value::Object(object) => Ok(cells(object)),
        Value::String(text) => Ok(vec![(LIST.to_owned(), vec![text])]),
        _ => Err(format!("{what} is not a JSON object or a URL").into()),
    }
}

/// Whether a text is a list of URLs: no header, and a URL in its first line that is not a comment.
pub fn is_list(text: &[u8]) -> bool {
    let mut lines = text.split(|b| b"\r\n".contains(b)).map(<[u8]>::trim_ascii);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(b"#"));
    let first = first.and_then(|line| std::str::from_utf8(line).ok());
    first.is_some_and(|line| is_url(line) && !has_more_cells(line))
}

/// A row of a table without header: a URL and something behind it.
fn has_more_cells(line: &str) -> bool {
    let at = line.find([',', ';', '|', '\t']);
    at.is_some_and(|at| {
        let url = line[..at].to_ascii_lowercase();
        line[at..].starts_with(['\t', '|']) || ENDINGS.iter().any(|ending| url.ends_with(ending))
    })
}

/// A list of URLs, one per line. Lines that begin with # are comments.
pub fn list(text: &[u8]) -> Rows<'_> {
    // Files of old Macs end their lines with a carriage return alone.
    let lines = text.split(|b| *b == b'\n');
    let lines = lines.flat_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.split(|b| *b == b'\r')
    });
    let lines = (1..).zip(lines.map(<[u8]>::trim_ascii));
    let rows = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(b"#"));
    let rows = rows.map(|(number, line)| {
        let row = match std::str::from_utf8(line) {
            Ok(url) => Ok(vec![(LIST.to_owned(), vec![url.to_owned()])]),
            Err(_) => Err("line is not UTF-8; --encoding NAME sets another"
                .to_owned()
                .into()),
        };
        (number, row)
    });
    Rows {
        is_list: true,
        ..Rows::new(vec![LIST.to_owned()], rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_urls_are_told_from_tables_without_header() {
        let cases = [
            ("https://a/1.jpg\nhttps://a/2.jpg\n", true),
            ("# pictures\n\nHTTPS://a/1.jpg\r\n", true),
            ("https://a/i/1/10,20,30,40/max/0/default.jpg\n", true),
            ("https://a/x?a=1,2\n", true),
            ("https://a/1.jpg,first\n", false),
            ("https://a/1.jpg\tfirst\n", false),
            ("url\nhttps://a/1.jpg\n", false),
            ("# only a comment\n", false),
        ];
        for (text, wanted) in cases {
            assert_eq!(is_list(text.as_bytes()), wanted, "{text}");
        }
    }
}
