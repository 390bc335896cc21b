//! Tables with a row per line or item: JSON Lines, JSON lists, and plain lists of URLs.

use serde_json::Value;

use super::rows::{LIST, Row, RowProblem, Rows, cells};
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
pub fn json_lines(text: &[u8]) -> Rows {
    let lines = (1..).zip(text.split(|b| *b == b'\n'));
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    let values = lines.map(|(number, line)| {
        let value = serde_json::from_slice::<Value>(line);
        let value = value.map_err(|e| format!("line is not a JSON object: {e}"));
        (number, value)
    });
    json_rows(values, "line")
}

/// A JSON list of objects or of URLs.
///
/// # Errors
/// It is not JSON, or another thing than a list.
pub fn json_list(text: &[u8]) -> Result<Rows, String> {
    let items: Vec<Value> =
        serde_json::from_slice(text).map_err(|e| format!("document is not a JSON list: {e}"))?;
    Ok(json_rows((1..).zip(items.into_iter().map(Ok)), "item"))
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

fn json_rows(values: impl Iterator<Item = (usize, Result<Value, String>)>, what: &str) -> Rows {
    let mut rows = Rows::default();
    let mut is_named = false;
    for (number, value) in values {
        let row: Result<Row, RowProblem> = match value {
            Ok(Value::Object(object)) => {
                is_named = true;
                Ok(cells(object))
            }
            Ok(Value::String(text)) => Ok(vec![(LIST.to_owned(), vec![text])]),
            Ok(_) => Err(format!("{what} is not a JSON object or a URL").into()),
            Err(problem) => Err(problem.into()),
        };
        if let Ok(row) = &row {
            rows.name_columns(row);
        }
        rows.rows.push((number, row));
    }
    rows.is_list = !is_named && rows.columns == [LIST];
    rows
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
pub fn list(text: &[u8]) -> Rows {
    let mut rows = Rows {
        columns: vec![LIST.to_owned()],
        is_list: true,
        ..Rows::default()
    };
    // Files of old Macs end their lines with a carriage return alone.
    let lines = text.split(|b| *b == b'\n');
    let lines = lines.flat_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.split(|b| *b == b'\r')
    });
    for (number, line) in (1..).zip(lines) {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let row = match std::str::from_utf8(line) {
            Ok(url) => Ok(vec![(LIST.to_owned(), vec![url.to_owned()])]),
            Err(_) => Err("line is not UTF-8; --encoding NAME sets another"
                .to_owned()
                .into()),
        };
        rows.rows.push((number, row));
    }
    rows
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
