//! Tables with a row per line or item: JSON Lines, JSON lists, and plain lists of URLs.

use serde_json::{Map, Value};

use super::rows::{LIST, Place, PlacedRow, Row, RowProblem, Rows, cells, name_columns};
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

/// The columns that decide what a row is, where they are named.
#[derive(Clone, Copy, Default)]
pub struct Paths<'a> {
    /// To the images: where it leads through a list of objects, each of these is a row.
    pub images: Option<&'a str>,
    /// To the ids.
    pub ids: Option<&'a str>,
}

/// JSON Lines: an object per line, or a URL in quotes.
///
/// # Errors
/// None of the lines is JSON.
pub fn json_lines<'a>(text: &'a [u8], paths: Paths<'a>) -> Result<Rows<'a>, String> {
    // What columns there are, only all lines show.
    let (mut columns, mut is_named) = (Vec::new(), false);
    let (mut is_json, mut first_problem) = (false, None);
    for (number, line) in lines_of(text) {
        let value = serde_json::from_slice::<Value>(line);
        is_named |= value.as_ref().is_ok_and(Value::is_object);
        is_json |= value.is_ok();
        if let (Err(problem), None) = (&value, &first_problem) {
            first_problem = Some(format!("line {number} is not JSON: {problem}"));
        }
        let value = value.map_err(|e| e.to_string());
        for (_, row) in json_rows(value, "line", paths) {
            row.iter().for_each(|row| name_columns(&mut columns, row));
        }
    }
    if let (false, Some(problem)) = (is_json, first_problem) {
        return Err(problem);
    }
    let is_one_answer = lines_of(text).nth(1).is_none();
    let rows = lines_of(text).flat_map(move |(number, line)| {
        let value = serde_json::from_slice::<Value>(line);
        let value = value.map_err(|e| format!("line is not a JSON object: {e}"));
        let rows = json_rows(value, "line", paths).into_iter().enumerate();
        rows.map(move |(n, (shares_id, row))| {
            let number = if is_one_answer { n + 1 } else { number };
            (Place { number, shares_id }, row)
        })
    });
    Ok(Rows {
        is_list: !is_named && columns == [LIST],
        ..Rows::new(columns, rows)
    })
}

fn lines_of(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = (1..).zip(text.split(|b| *b == b'\n'));
    lines.filter(|(_, line)| !line.trim_ascii().is_empty())
}

/// A JSON list of objects or of URLs.
///
/// # Errors
/// It is not JSON, or another thing than a list.
pub fn json_list(text: &[u8], paths: Paths<'_>) -> Result<Rows<'static>, String> {
    let items: Vec<Value> =
        serde_json::from_slice(text).map_err(|e| format!("document is not a JSON list: {e}"))?;
    let is_named = items.iter().any(Value::is_object);
    let rows = (1..).zip(items).flat_map(|(number, item)| {
        let rows = json_rows(Ok(item), "item", paths).into_iter();
        rows.map(move |(shares_id, row)| (Place { number, shares_id }, row))
    });
    let rows: Vec<PlacedRow> = rows.collect();
    let columns = columns_of(&rows);
    Ok(Rows {
        is_list: !is_named && columns == [LIST],
        ..Rows::new(columns, rows.into_iter())
    })
}

/// A JSON object that holds a list of rows, as APIs answer: the path to the images leads through it.
///
/// # Errors
/// It is not JSON, or that path does not lead through a list.
pub fn json_object(text: &[u8], paths: Paths<'_>) -> Result<Rows<'static>, String> {
    const EXPECTED: &str = "document is one JSON object: an object per line was expected, or with --url-column results.url a row per object of a list in it";
    let value = serde_json::from_slice(text).map_err(|e| format!("document is not JSON: {e}"))?;
    let rows = match (value, paths.images) {
        (Value::Object(object), Some(column)) => unfolded(object, column, paths.ids),
        _ => Vec::new(),
    };
    let is_through = |row| {
        paths
            .images
            .is_some_and(|column| leads_through(row, column))
    };
    if rows.len() < 2 && !rows.iter().any(|(_, row)| is_through(row)) {
        return Err(EXPECTED.into());
    }
    let rows = (1..).zip(rows);
    let rows = rows.map(|(number, (shares_id, row))| (Place { number, shares_id }, Ok(cells(row))));
    let rows: Vec<PlacedRow> = rows.collect();
    Ok(Rows::new(columns_of(&rows), rows.into_iter()))
}

fn columns_of(rows: &[PlacedRow]) -> Vec<String> {
    let mut columns = Vec::new();
    let good = rows.iter().filter_map(|(_, row)| row.as_ref().ok());
    good.for_each(|row| name_columns(&mut columns, row));
    columns
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

/// The rows of a JSON value: one, or where the path to the images leads through a list of objects one for each of these; with
/// each, whether it shares the id of the one before. `what` is what messages call the value.
fn json_rows(
    value: Result<Value, String>,
    what: &str,
    paths: Paths<'_>,
) -> Vec<(bool, Result<Row, RowProblem>)> {
    let row = match (value, paths.images) {
        (Err(problem), _) => Err(problem.into()),
        (Ok(Value::Object(object)), Some(column)) => {
            let rows = unfolded(object, column, paths.ids).into_iter();
            return rows
                .map(|(shares_id, row)| (shares_id, Ok(cells(row))))
                .collect();
        }
        (Ok(Value::Object(object)), None) => Ok(cells(object)),
        (Ok(Value::String(text)), _) => Ok(vec![(LIST.to_owned(), vec![text])]),
        (Ok(_), _) => Err(format!("{what} is not a JSON object or a URL").into()),
    };
    vec![(false, row)]
}

/// A JSON object, once for each object of the lists that a column leads through: what stands around a list is the same in all,
/// what stands in it is that of one of them. With each, whether it shares its id with the one before: where `ids` does not lead
/// into the list.
fn unfolded(
    mut object: Map<String, Value>,
    column: &str,
    ids: Option<&str>,
) -> Vec<(bool, Map<String, Value>)> {
    let on_the_way = object.iter().find_map(|(name, value)| {
        let rest = column.strip_prefix(name.as_str())?.strip_prefix('.')?;
        let holds_objects = match value {
            Value::Object(_) => true,
            Value::Array(items) => items.iter().any(Value::is_object),
            _ => false,
        };
        holds_objects.then(|| (name.clone(), rest))
    });
    let Some((name, rest)) = on_the_way else {
        return vec![(false, object)];
    };
    let inner_ids = ids.and_then(|ids| ids.strip_prefix(name.as_str())?.strip_prefix('.'));
    let inner = match object.insert(name.clone(), Value::Null) {
        Some(Value::Array(items)) => items,
        Some(value) => vec![value],
        None => Vec::new(),
    };
    // What is no object stays a row, which lacks its cells.
    let inner = inner.into_iter().map(|value| match value {
        Value::Object(inner) => {
            let rows = unfolded(inner, rest, inner_ids).into_iter();
            rows.map(|(shares_id, row)| (shares_id, Value::Object(row)))
                .collect()
        }
        other => vec![(false, other)],
    });
    let with = |(n, (shares_id, inner))| {
        let mut row = object.clone();
        row.insert(name.clone(), inner);
        let is_around = inner_ids.is_none();
        (if is_around { n > 0 } else { shares_id }, row)
    };
    inner.flatten().enumerate().map(with).collect()
}

/// Whether an object has a member to which a column leads.
fn leads_through(object: &Map<String, Value>, column: &str) -> bool {
    object
        .iter()
        .any(|(name, value)| match column.strip_prefix(name.as_str()) {
            Some("") => true,
            Some(rest) => {
                let inner = value.as_object().zip(rest.strip_prefix('.'));
                inner.is_some_and(|(inner, rest)| leads_through(inner, rest))
            }
            None => false,
        })
}

/// Whether a text is a list of URLs: no header, and a URL in its first line that is not a comment. A delimiter that is told is no
/// part of it.
pub fn is_list(text: &[u8], delimiter: Option<u8>) -> bool {
    let mut lines = text.split(|b| b"\r\n".contains(b)).map(<[u8]>::trim_ascii);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(b"#"));
    let first = first.and_then(|line| std::str::from_utf8(line).ok());
    first.is_some_and(|line| {
        let has_more = match delimiter {
            Some(delimiter) => line.as_bytes().contains(&delimiter),
            None => has_more_cells(line),
        };
        is_url(line) && !has_more
    })
}

/// A row of a table without header: a URL and something behind it.
fn has_more_cells(line: &str) -> bool {
    let at = line.find([',', ';', '|', '\t']);
    at.is_some_and(|at| {
        let line = line.to_ascii_lowercase();
        let ends = |text: &str| ENDINGS.iter().any(|ending| text.ends_with(ending));
        match line.as_bytes()[at] {
            b'\t' => true,
            // No URL should hold one, and some do.
            b'|' => ends(&line[..at]) || !ends(&line),
            _ => ends(&line[..at]),
        }
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
    let rows = rows.map(|(number, line): (usize, &[u8])| {
        let row = match std::str::from_utf8(line) {
            Ok(url) => Ok(vec![(LIST.to_owned(), vec![url.to_owned()])]),
            Err(_) => Err("line is not UTF-8; --encoding NAME sets another"
                .to_owned()
                .into()),
        };
        (number.into(), row)
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
    fn objects_of_a_list_are_rows() {
        let answer = br#"{"total": 2, "results": [
            {"species": "A", "media": [{"url": "u1", "licence": "x"}, {"url": "u2"}]},
            {"species": "B", "media": [{"url": "u3", "licence": "y"}]}]}"#;
        let paths = |images| Paths {
            images,
            ..Paths::default()
        };
        let rows = json_object(answer, paths(Some("results.media.url")));
        let rows = rows.ok().unwrap();
        let rows: Vec<Vec<String>> = rows
            .into_rows()
            .map(|(place, row)| {
                let cells = row
                    .unwrap()
                    .into_iter()
                    .map(|(name, values)| format!("{name}={}", values.join("|")));
                std::iter::once(place.number.to_string())
                    .chain(cells)
                    .collect()
            })
            .collect();
        let wanted = [
            vec![
                "1",
                "total=2",
                "results.species=A",
                "results.media.url=u1",
                "results.media.licence=x",
            ],
            vec!["2", "total=2", "results.species=A", "results.media.url=u2"],
            vec![
                "3",
                "total=2",
                "results.species=B",
                "results.media.url=u3",
                "results.media.licence=y",
            ],
        ];
        assert_eq!(rows, wanted);
        for column in [None, Some("total.url"), Some("results.nothing.url")] {
            let is_read = json_object(br#"{"total": 1, "results": []}"#, paths(column)).is_ok();
            assert!(!is_read, "{column:?}");
        }
    }

    #[test]
    fn lists_of_urls_are_told_from_tables_without_header() {
        let cases = [
            ("https://a/1.jpg\nhttps://a/2.jpg\n", true),
            ("# pictures\n\nHTTPS://a/1.jpg\r\n", true),
            ("https://a/i/1/10,20,30,40/max/0/default.jpg\n", true),
            ("https://a/x?a=1,2\n", true),
            ("https://a/1.jpg,first\n", false),
            ("https://a/1.jpg\tfirst\n", false),
            ("https://a/x|first\n", false),
            ("https://a/1.jpg|https://a/2.jpg\n", false),
            ("https://a/x|1.jpg\n", true),
            ("url\nhttps://a/1.jpg\n", false),
            ("# only a comment\n", false),
        ];
        for (text, wanted) in cases {
            assert_eq!(is_list(text.as_bytes(), None), wanted, "{text}");
        }
        assert!(is_list(b"https://a/x|1.png\n", Some(b'\t')));
        assert!(!is_list(b"https://a/x|1.png\n", Some(b'|')));
    }
}
