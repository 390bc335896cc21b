//! The source `table`: CSV, TSV and JSON Lines with an image per row. Each row becomes an observation; all other
//! columns become metadata.
//!
//! A row is a record and not a line, since cells may contain line breaks. Rows are counted from 1 below the header; in
//! JSON Lines a row is a line.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::Value;

use super::source::{Answer, DocumentRequest, Found, Source, is_url};
use crate::contracts::{ImageRef, Labels, Metadata, Observation, Provenance, Service};
use crate::error::Error;
use crate::summary::Reject;

/// Options of the source `table`.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Source table")]
pub struct TableOptions {
    /// Column with identifiers of a IIIF image server; needs --service-prefix
    #[arg(long, value_name = "COLUMN", requires = "service_prefix")]
    pub id_column: Option<String>,
    /// URL to put before the identifiers to get the base URLs of image services
    #[arg(long, value_name = "URL", requires = "id_column")]
    pub service_prefix: Option<String>,
    /// Column with the base URLs of IIIF image services
    #[arg(long, value_name = "COLUMN", conflicts_with = "id_column")]
    pub service_column: Option<String>,
    /// Column with URLs of image files; a URL that ends in /info.json is a service
    #[arg(long, value_name = "COLUMN", conflicts_with_all = ["id_column", "service_column"])]
    pub url_column: Option<String>,
    /// Column with the group of the image; images of one group never go to different splits
    /// [default: the first that exists of group, manuscript, manifest, dive, video_sequence; else the file name]
    #[arg(long, value_name = "COLUMN")]
    pub group_column: Option<String>,
    /// Column with the label of the image [default: label, if it exists]
    #[arg(long, value_name = "COLUMN")]
    pub label_column: Option<String>,
    /// Version of the Image API of the services [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=3))]
    pub service_version: Option<u8>,
}

impl TableOptions {
    /// The first of these options on the command line, as users type it.
    pub fn given(&self) -> Option<&'static str> {
        let options = [
            (self.id_column.is_some(), "--id-column"),
            (self.service_prefix.is_some(), "--service-prefix"),
            (self.service_column.is_some(), "--service-column"),
            (self.url_column.is_some(), "--url-column"),
            (self.group_column.is_some(), "--group-column"),
            (self.label_column.is_some(), "--label-column"),
            (self.service_version.is_some(), "--service-version"),
        ];
        options
            .into_iter()
            .find(|(given, _)| *given)
            .map(|(_, name)| name)
    }

    /// The option and the column that name the images.
    ///
    /// # Errors
    /// None of the options was given.
    pub fn naming_column(&self) -> Result<(&'static str, &str), Error> {
        let columns = [
            ("--id-column", &self.id_column),
            ("--service-column", &self.service_column),
            ("--url-column", &self.url_column),
        ];
        columns
            .into_iter()
            .find_map(|(option, column)| Some((option, column.as_deref()?)))
            .ok_or_else(|| {
                Error::usage("the column with the images is not given")
                    .hint("set it with --id-column and --service-prefix, --service-column or --url-column")
            })
    }
}

/// The source `table`.
#[derive(Debug, Default)]
pub struct Table {
    /// Files and URLs on the command line.
    pub inputs: Vec<String>,
    /// Which columns are used for what.
    pub options: TableOptions,
}

const GROUPS: &[&str] = &["group", "manuscript", "manifest", "dive", "video_sequence"];

impl Source for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    fn first(&self) -> Vec<DocumentRequest> {
        let request = |input: &String| DocumentRequest {
            location: input.clone(),
            ..DocumentRequest::default()
        };
        self.inputs.iter().map(request).collect()
    }

    fn expects(&self) -> &'static str {
        "a table"
    }

    fn counts(&self) -> &'static [&'static str] {
        &["rows", "images"]
    }

    fn read(&self, answer: &Answer) -> Result<Found, Error> {
        let name = &answer.request.location;
        let mut found = Found::default();
        let table = match rows(name, &answer.bytes) {
            Ok(table) => table,
            Err(problem) => {
                found
                    .rejects
                    .push(Reject::new(name, "document", "document", problem));
                return Ok(found);
            }
        };
        let columns = self.columns(name, &table.columns)?;
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (number, row) in table.rows {
            found.count("rows", 1);
            let record = format!("row {number}");
            let outcome = row
                .map_err(|problem| (columns.image.clone(), problem))
                .and_then(|row| self.observation(name, &record, row, &columns))
                .and_then(|observation| match seen.get(&observation.id) {
                    Some(first) => Err((
                        columns.image.clone(),
                        format!(
                            "image is in an earlier row: {}, in row {first}",
                            observation.id
                        ),
                    )),
                    None => Ok(observation),
                });
            match outcome {
                Ok(observation) => {
                    seen.insert(observation.id.clone(), number);
                    found.observations.push(observation);
                }
                Err((field, problem)) => found
                    .rejects
                    .push(Reject::new(name, record, &field, problem)),
            }
        }
        found.count("images", found.observations.len() as u64);
        Ok(found)
    }
}

/// Names of the columns with a meaning.
struct Columns {
    image: String,
    group: Option<String>,
    label: Option<String>,
}

type Row = Vec<(String, Vec<String>)>;

impl Table {
    fn columns(&self, name: &str, there: &[String]) -> Result<Columns, Error> {
        let find = |option: &str, column: &str| match there.iter().filter(|c| *c == column).count()
        {
            1 => Ok(column.to_owned()),
            0 => Err(
                Error::usage(format!("{name}: column `{column}` does not exist")).hint(format!(
                    "choose a column with {option}: {}",
                    there.join(", ")
                )),
            ),
            n => Err(
                Error::usage(format!("{name}: there are {n} columns `{column}`")).hint(format!(
                    "rename them in the first line, so that {option} names one of them"
                )),
            ),
        };
        let optional = |option: &str, column: &Option<String>, defaults: &[&str]| match column {
            Some(column) => find(option, column).map(Some),
            None => defaults
                .iter()
                .find(|d| there.iter().any(|c| c == *d))
                .map(|column| find(option, column))
                .transpose(),
        };
        let (option, column) = self.options.naming_column()?;
        Ok(Columns {
            image: find(option, column)?,
            group: optional("--group-column", &self.options.group_column, GROUPS)?,
            label: optional("--label-column", &self.options.label_column, &["label"])?,
        })
    }

    fn observation(
        &self,
        name: &str,
        record: &str,
        row: Row,
        columns: &Columns,
    ) -> Result<Observation, (String, String)> {
        let cell = |column: &str| {
            row.iter()
                .find(|(c, _)| c == column)
                .and_then(|(_, values)| values.first())
        };
        let given = cell(&columns.image)
            .map(|v| v.trim())
            .filter(|v| !v.is_empty());
        let given = given.ok_or((
            columns.image.clone(),
            "cell is empty: it should name the image".to_owned(),
        ))?;
        let image = self
            .image(given)
            .map_err(|problem| (columns.image.clone(), problem))?;
        let (id, image) = image;
        let group = columns.group.as_deref().and_then(cell).cloned();
        let label = columns.label.as_deref().and_then(cell).cloned();
        let mut metadata = Metadata::new();
        for (column, values) in row.into_iter().filter(|(c, _)| *c != columns.image) {
            // Columns of the same name are values of one key.
            metadata.entry(column).or_default().extend(values);
        }
        Ok(Observation {
            id,
            image,
            source: Provenance {
                kind: "table".into(),
                manifest: Some(name.to_owned()),
                canvas: Some(record.to_owned()),
                labels: Labels {
                    image: label,
                    ..Labels::default()
                },
                ..Provenance::default()
            },
            group: group.unwrap_or_else(|| file_name(name)),
            metadata,
            ..Observation::default()
        })
    }

    /// The id and the image that a cell names.
    fn image(&self, cell: &str) -> Result<(String, ImageRef), String> {
        let service = |base: &str| {
            let id = base.trim_end_matches('/').to_owned();
            let version = self.options.service_version.unwrap_or(2);
            let service = Service {
                id: id.clone(),
                version,
                level: None,
                region: None,
            };
            (
                id,
                ImageRef {
                    service: Some(service),
                    ..ImageRef::default()
                },
            )
        };
        if let Some(prefix) = self
            .options
            .service_prefix
            .as_deref()
            .filter(|_| self.options.id_column.is_some())
        {
            return Ok(service(&format!(
                "{}/{}",
                prefix.trim_end_matches('/'),
                cell.trim_start_matches('/')
            )));
        }
        if !is_url(cell) {
            return Err(format!("cell is not a URL: {cell}"));
        }
        match cell.trim_end_matches('/').strip_suffix("/info.json") {
            Some(base) => Ok(service(base)),
            None if self.options.service_column.is_some() => Ok(service(cell)),
            None => Ok((
                cell.to_owned(),
                ImageRef {
                    url: Some(cell.to_owned()),
                    ..ImageRef::default()
                },
            )),
        }
    }
}

fn file_name(name: &str) -> String {
    let path = PathBuf::from(name);
    path.file_name().map_or_else(
        || name.to_owned(),
        |file| file.to_string_lossy().into_owned(),
    )
}

/// A parsed table: names of columns, and rows with their non-empty cells.
struct Rows {
    columns: Vec<String>,
    /// Each with its number: of the row below the header, in JSON Lines of the line.
    rows: Vec<(usize, Result<Row, String>)>,
}

/// Parses a table. The format is recognised by the bytes; the suffix decides only between comma and tab.
fn rows(name: &str, bytes: &[u8]) -> Result<Rows, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = bytes.trim_ascii_start();
    match start.first() {
        None => Err("document is empty: a table was expected".into()),
        Some(b'{') => json_lines(bytes),
        Some(b'[') => Err("document is a JSON list: one object per line was expected".into()),
        Some(b'<')
            if start.get(..5).is_some_and(|s| {
                s.eq_ignore_ascii_case(b"<html") || s.eq_ignore_ascii_case(b"<!doc")
            }) =>
        {
            Err("document is an HTML page: a table was expected".into())
        }
        Some(_) => separated(bytes, separator(name, bytes)),
    }
}

fn separator(name: &str, bytes: &[u8]) -> u8 {
    let header = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let is_named = |suffix: &str| name.to_ascii_lowercase().ends_with(suffix);
    match header.contains(&b'\t') && !header.contains(&b',') || is_named(".tsv") || is_named(".tab")
    {
        true => b'\t',
        false => b',',
    }
}

fn separated(bytes: &[u8], separator: u8) -> Result<Rows, String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .from_reader(bytes);
    let headers = reader
        .byte_headers()
        .map_err(|e| format!("table cannot be read: {e}"))?;
    let columns: Vec<String> = headers
        .iter()
        .map(|c| String::from_utf8_lossy(c).trim().to_owned())
        .collect();
    let row = |record: Result<csv::ByteRecord, csv::Error>| {
        let record = record.map_err(|e| format!("row cannot be read: {e}"))?;
        if record.len() != columns.len() {
            return Err(format!(
                "row and header differ in number of cells: {} and {}",
                record.len(),
                columns.len()
            ));
        }
        let cells = columns
            .iter()
            .zip(&record)
            .filter(|(_, cell)| !cell.trim_ascii().is_empty());
        cells
            .map(|(column, cell)| match std::str::from_utf8(cell) {
                Ok(text) => Ok((column.clone(), vec![text.to_owned()])),
                Err(_) => Err(format!("cell is not UTF-8: column {column}")),
            })
            .collect()
    };
    let rows = (1..).zip(reader.byte_records().map(row)).collect();
    Ok(Rows { columns, rows })
}

fn json_lines(bytes: &[u8]) -> Result<Rows, String> {
    let mut columns: Vec<String> = Vec::new();
    let lines = (1..).zip(bytes.split(|b| *b == b'\n'));
    let mut rows = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
        let row = serde_json::from_slice::<serde_json::Map<String, Value>>(line);
        let row = row.map_err(|e| format!("line is not a JSON object: {e}"));
        let row = row.map(|object| -> Row {
            for name in object
                .keys()
                .filter(|name| !columns.contains(name))
                .cloned()
                .collect::<Vec<_>>()
            {
                columns.push(name);
            }
            let cells = object
                .into_iter()
                .map(|(name, value)| (name, values(&value)));
            cells.filter(|(_, values)| !values.is_empty()).collect()
        });
        rows.push((number, row));
    }
    Ok(Rows { columns, rows })
}

/// A JSON value as texts. Objects stay JSON.
fn values(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) if text.trim().is_empty() => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(all) => all.iter().flat_map(values).collect(),
        other => vec![other.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: TableOptions, name: &str, text: &str) -> Result<Found, Error> {
        let request = DocumentRequest {
            location: name.into(),
            ..DocumentRequest::default()
        };
        let answer = Answer {
            request,
            url: name.into(),
            bytes: text.into(),
        };
        Table {
            inputs: vec![],
            options,
        }
        .read(&answer)
    }

    fn by_url(group: Option<&str>) -> TableOptions {
        TableOptions {
            url_column: Some("url".into()),
            group_column: group.map(Into::into),
            ..TableOptions::default()
        }
    }

    #[test]
    fn csv_tsv_and_json_lines_say_the_same() {
        let tables = [
            (
                "t.csv",
                "\u{feff}url,label,note\r\nhttps://a/1.jpg,x,\"a\nb\"\r\n",
            ),
            ("t.tsv", "url\tlabel\tnote\nhttps://a/1.jpg\tx\t\"a\nb\"\n"),
            ("t.txt", "url\tlabel\tnote\nhttps://a/1.jpg\tx\t\"a\nb\"\n"),
            (
                "t.jsonl",
                "{\"url\":\"https://a/1.jpg\",\"label\":\"x\",\"note\":\"a\\nb\"}\n\n",
            ),
        ];
        for (name, text) in tables {
            let found = read(by_url(None), name, text).unwrap();
            assert_eq!(found.observations.len(), 1, "{name}");
            let first = &found.observations[0];
            assert_eq!(first.metadata["note"], ["a\nb"], "{name}");
            assert_eq!(first.source.labels.image.as_deref(), Some("x"), "{name}");
            assert_eq!(first.source.canvas.as_deref(), Some("row 1"), "{name}");
            assert_eq!(first.group, name);
        }
    }

    #[test]
    fn rows_that_cannot_be_used_are_rejected_by_row() {
        let text =
            "url,manuscript\nhttps://a/1.jpg,m\n,m\nhttps://a/1.jpg,n\nx.jpg,m\nhttps://a/2.jpg\n";
        let found = read(by_url(None), "t.csv", text).unwrap();
        assert_eq!(found.observations.len(), 1);
        assert_eq!(found.observations[0].group, "m");
        let seen: Vec<(&str, &str)> = found
            .rejects
            .iter()
            .map(|r| (r.record.as_str(), r.reason()))
            .collect();
        let wanted = [
            ("row 2", "cell is empty"),
            ("row 3", "image is in an earlier row"),
            ("row 4", "cell is not a URL"),
            ("row 5", "row and header differ in number of cells"),
        ];
        assert_eq!(seen, wanted);
        assert_eq!(found.counts["rows"], 5);
    }

    #[test]
    fn rows_of_json_lines_are_numbered_by_line() {
        let text = "{\"url\":\"https://a/1.jpg\"}\n\n{\"url\":\"x\"}\n{broken\n";
        let found = read(by_url(None), "t.jsonl", text).unwrap();
        let records: Vec<&str> = found.rejects.iter().map(|r| r.record.as_str()).collect();
        assert_eq!(records, ["row 3", "row 4"]);
    }

    #[test]
    fn columns_of_one_name_keep_all_their_values() {
        let text = "url,note,note\nhttps://a/1.jpg,x,y\n";
        let found = read(by_url(None), "t.csv", text).unwrap();
        assert_eq!(found.observations[0].metadata["note"], ["x", "y"]);
        for header in ["url,url,note", "url,label,label", "url,group,group"] {
            let error = read(
                by_url(None),
                "t.csv",
                &format!("{header}\nhttps://a/1.jpg,x,y\n"),
            );
            let error = error.unwrap_err().to_string();
            assert!(error.contains("t.csv: there are 2 columns `"), "{error}");
        }
    }

    #[test]
    fn prefix_and_identifier_meet_with_one_slash() {
        for prefix in ["https://a/iiif", "https://a/iiif/", "https://a/iiif//"] {
            let options = TableOptions {
                id_column: Some("i".into()),
                service_prefix: Some(prefix.into()),
                ..TableOptions::default()
            };
            let found = read(options, "t.csv", "i\n12\n").unwrap();
            assert_eq!(found.observations[0].id, "https://a/iiif/12", "{prefix}");
        }
    }

    #[test]
    fn a_missing_column_is_reported_with_the_existing_ones() {
        let error = read(by_url(Some("dive")), "t.csv", "url,x\nhttps://a/1.jpg,1\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("column `dive` does not exist")
                && error.contains("--group-column: url, x"),
            "{error}"
        );
    }
}
