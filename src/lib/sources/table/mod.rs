//! The source `table`: an image per row, in CSV and its relatives, JSON Lines, Parquet, or a plain list of URLs, compressed or
//! not. Each row becomes an observation; all other columns become metadata.
//!
//! A row is a record and not a line, since cells may contain line breaks. Rows are counted from 1 below the header; in
//! JSON Lines and lists of URLs a row is a line. What a table is, is decided by its bytes; its name decides only that
//! `.tsv` and `.tab` have tabs.

mod beside;
mod columns;
mod images;
mod lines;
mod options;
#[cfg(feature = "parquet")]
mod parquet;
mod records;
mod rows;
mod separated;
mod text;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::source::{Answer, DocumentRequest, Found, Source};
use super::unpack::decompressed;
use crate::contracts::{ImageRef, Labels, Metadata, Observation, Provenance};
use crate::error::Error;
use crate::summary::Reject;
use beside::More;
use columns::Columns;
pub use options::TableOptions;
use rows::{Place, Row, Rows};
pub use text::decode;

/// The source `table`.
#[derive(Debug)]
pub struct Table {
    /// Files and URLs on the command line.
    pub inputs: Vec<String>,
    /// Which columns are used for what.
    pub options: TableOptions,
    /// The most bytes of a table, decompressed.
    pub max_bytes: u64,
}

impl Default for Table {
    fn default() -> Self {
        Table {
            inputs: Vec::new(),
            options: TableOptions::default(),
            max_bytes: 1_000_000_000,
        }
    }
}

/// Files that are not tables, or are compressed in a way that is not read: their first bytes, and what they are.
const OTHERS: &[(&[u8], &str)] = &[
    (
        b"PK\x03\x04",
        "a ZIP archive or an Excel workbook: extract it, or save it as CSV",
    ),
    (b"BZh", "compressed with bzip2: decompress it"),
    (b"\xfd7zXZ", "compressed with xz: decompress it"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook: save it as CSV"),
    (
        b"SQLite format 3",
        "a SQLite database: export the table as CSV",
    ),
    (b"ARROW1", "an Arrow file: save it as Parquet or CSV"),
    (b"%PDF", "a PDF file: a table was expected"),
    (b"Obj\x01", "an Avro file: save it as Parquet or CSV"),
    (b"7z\xbc\xaf", "compressed with 7-Zip: extract it"),
    (b"\x93NUMPY", "a NumPy array: save it as CSV"),
    (b"\x80\x04", "a Python pickle: save it as CSV or Parquet"),
    (b"\x80\x05", "a Python pickle: save it as CSV or Parquet"),
    (b"\x89PNG", "a PNG image: a table was expected"),
    (b"\xff\xd8\xff", "a JPEG image: a table was expected"),
];

/// Refuses what is known not to be a table by its first bytes.
fn refuse_others(bytes: &[u8]) -> Result<(), String> {
    // Of tar only the name of a file is before its mark.
    if bytes.get(257..262) == Some(b"ustar") {
        return Err("document is a tar archive: extract it".into());
    }
    match OTHERS.iter().find(|(start, _)| bytes.starts_with(start)) {
        Some((_, what)) => Err(format!("document is {what}")),
        None => Ok(()),
    }
}

impl Source for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    fn first(&self) -> Vec<DocumentRequest> {
        DocumentRequest::of_inputs(&self.inputs)
    }

    fn expects(&self) -> &'static str {
        "a table"
    }

    fn reads_trees(&self) -> bool {
        false
    }

    fn finishes(&self) -> bool {
        false
    }

    fn counts(&self) -> &'static [&'static str] {
        &["rows", "images"]
    }

    fn read(&self, answer: &Answer) -> Result<Found, Error> {
        let mut all = Found::default();
        self.read_parts(answer, &mut |found| {
            all.extend(found);
            Ok(())
        })?;
        Ok(all)
    }

    fn read_parts(
        &self,
        answer: &Answer,
        put: &mut dyn FnMut(Found) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let name = &answer.request.location;
        let refuse = |problem: String| {
            let reject = Reject::new(name, "document", "document", problem);
            Found {
                rejects: vec![reject],
                ..Found::default()
            }
        };
        let bytes =
            refuse_others(&answer.bytes).and_then(|()| decompressed(&answer.bytes, self.max_bytes));
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(problem) => return put(refuse(problem)),
        };
        if bytes.starts_with(b"PAR1") {
            let rows = parquet_rows(name, bytes.into_owned(), self.max_bytes);
            return match rows {
                Ok(rows) => self.read_rows(name, rows, put),
                Err(problem) => put(refuse(problem)),
            };
        }
        let text = text::decode(name, &bytes, self.options.encoding);
        match text_rows(name, &text.bytes, &self.options) {
            Ok(mut rows) => {
                rows.notes.extend(text.note);
                self.read_rows(name, rows, put)
            }
            Err(problem) => put(refuse(problem)),
        }
    }
}

/// Images that are put aside in one go.
const PART: usize = 4096;

impl Table {
    fn read_rows(
        &self,
        name: &str,
        mut table: Rows,
        put: &mut dyn FnMut(Found) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let columns = Columns::of(&self.options, name, &table)?;
        let notes = std::mem::take(&mut table.notes);
        let mut images = 0;
        let mut reader = Reader {
            name,
            columns: &columns,
            options: &self.options,
            seen: HashMap::new(),
            of_id: 0,
            ungrouped: BTreeMap::new(),
            found: Found::default(),
        };
        for (Place { number, shares_id }, row) in table.into_rows() {
            match row {
                Ok(row) => {
                    reader.of_id *= usize::from(shares_id);
                    reader.row(number, row);
                }
                Err(bad) => {
                    let column = bad.column.as_deref().unwrap_or(&columns.image);
                    reader.reject(number, column, bad.problem);
                }
            }
            if reader.found.observations.len() >= PART {
                images += reader.found.observations.len() as u64;
                put(std::mem::take(&mut reader.found))?;
            }
        }
        let ungrouped = reader.note_of_ungrouped();
        let mut last = reader.found;
        images += last.observations.len() as u64;
        last.count("images", images);
        last.notes.extend(notes);
        last.notes.extend(columns.without_groups(name, images));
        last.notes.extend(ungrouped);
        put(last)
    }
}

#[cfg(feature = "parquet")]
fn parquet_rows(name: &str, bytes: Vec<u8>, max_bytes: u64) -> Result<Rows<'static>, String> {
    parquet::read(name, bytes, max_bytes)
}

#[cfg(not(feature = "parquet"))]
fn parquet_rows(_: &str, _: Vec<u8>, _: u64) -> Result<Rows<'static>, String> {
    Err("document is a Parquet file, which this recto was built without: build it with --features parquet".into())
}

fn text_rows<'a>(
    name: &str,
    text: &'a [u8],
    options: &'a TableOptions,
) -> Result<Rows<'a>, String> {
    let paths = lines::Paths {
        images: options.naming_column().map(|(_, column)| column),
        ids: options.own_ids(),
    };
    let start = text.trim_ascii_start();
    let is_page = |word: &[u8]| start.get(..5).is_some_and(|s| s.eq_ignore_ascii_case(word));
    match start.first() {
        None => Err("document is empty: a table was expected".into()),
        Some(b'{') if lines::is_one_object(start) => lines::json_object(text, paths),
        Some(b'{') => lines::json_lines(text, paths),
        Some(b'[') => lines::json_list(text, paths),
        Some(b'<') if is_page(b"<html") || is_page(b"<!doc") => {
            Err("document is an HTML page: a table was expected".into())
        }
        Some(b'"') if lines::is_json_text(start) => lines::json_lines(text, paths),
        _ if lines::is_list(text, options.delimiter) => Ok(lines::list(text)),
        _ => separated::read(name, text, options),
    }
}

/// Reads the rows of a table, one after the other.
struct Reader<'a> {
    name: &'a str,
    columns: &'a Columns,
    options: &'a TableOptions,
    /// Hashes of ids of images, and the rows that they are in.
    seen: HashMap<[u8; 16], usize>,
    /// Images of rows before that have the same id, since it stands around the list in which these rows are.
    of_id: usize,
    /// Images by what stands in place of their group, where that says that a value is missing.
    ungrouped: BTreeMap<String, u64>,
    found: Found,
}

impl Reader<'_> {
    fn reject(&mut self, number: usize, column: &str, problem: String) {
        self.found.count("rows", 1);
        self.reject_part(number, column, problem);
    }

    fn reject_part(&mut self, number: usize, column: &str, problem: String) {
        let record = format!("row {number}");
        let reject = Reject::new(self.name, record, column, problem);
        self.found.rejects.push(reject);
    }

    fn row(&mut self, number: usize, mut row: Row) {
        let column = &self.columns.image;
        let values = match &self.options.url_template {
            Some(template) => match beside::of_template(template, &row, self.options) {
                Ok(urls) => urls,
                Err(problem) => return self.reject(number, column, problem),
            },
            None => {
                let at = row.iter().position(|(name, _)| name == column);
                at.map(|at| row.remove(at).1).unwrap_or_default()
            }
        };
        let mut named = images::of_cell(&values, self.options);
        let fallbacks = self.fallbacks(&row, &mut named);
        if named.is_empty() {
            let problem = "cell is empty: it should name the image".to_owned();
            return self.reject(number, column, problem);
        }
        self.found.count("rows", 1);
        let more = match More::of(&row, self.options, named.len(), fallbacks) {
            Ok(more) => more,
            Err((column, problem)) => return self.reject_part(number, column, problem),
        };
        let of_each = |own: &Option<String>| match own {
            Some(own) if own == column => (values.len() == named.len()).then(|| values.clone()),
            Some(own) => beside::of_each(&row, own, named.len(), self.options),
            None => None,
        };
        let (groups, labels) = (of_each(&self.columns.group), of_each(&self.columns.label));
        let model = self.observation(number, row, &values);
        let before = self.of_id;
        self.of_id += named.len();
        for (n, image) in named.into_iter().enumerate() {
            let image = image.map(|(id, image)| more.complete(n, before, id, image));
            let outcome = image.and_then(|(id, image)| match self.seen.get(&hash(&id)) {
                Some(first) => Err(format!("image is in an earlier row: {id}, in row {first}")),
                None => Ok((id, image)),
            });
            match outcome {
                Ok((id, image)) => {
                    self.seen.insert(hash(&id), number);
                    let mut found = of(&model, id, image);
                    if let Some(groups) = &groups {
                        found.group.clone_from(&groups[n]);
                    }
                    if let Some(labels) = &labels {
                        found.source.labels.image = Some(labels[n].clone());
                    }
                    if self.columns.group.is_some() && separated::is_missing(&found.group) {
                        *self.ungrouped.entry(found.group.clone()).or_default() += 1;
                    }
                    self.found.observations.push(found);
                }
                Err(problem) => self.reject_part(number, column, problem),
            }
        }
    }

    /// That images are one group because their cells say that they have none. One alone is a group of its own anyway.
    fn note_of_ungrouped(&self) -> Option<String> {
        let ungrouped = self.ungrouped.iter().filter(|(_, images)| **images > 1);
        let ungrouped: Vec<String> = ungrouped
            .map(|(cell, images)| format!("`{cell}` ({images} images)"))
            .collect();
        let column = self.columns.group.as_ref()?;
        (!ungrouped.is_empty()).then(|| {
            format!(
                "{}: column {column}: {} is taken for a group: leave such cells empty where an image belongs to no group",
                self.name,
                ungrouped.join(", ")
            )
        })
    }

    fn note(&mut self, note: String) {
        if !self.found.notes.contains(&note) {
            self.found.notes.push(note);
        }
    }

    /// The further URLs of each image of a row. Where nothing names an image, the first of them does.
    fn fallbacks(
        &mut self,
        row: &Row,
        named: &mut Vec<Result<(String, ImageRef), String>>,
    ) -> Vec<Vec<String>> {
        let is_named = named.iter().any(Result::is_ok);
        let images = if is_named { named.len() } else { 1 };
        let (mut urls, notes) = beside::fallbacks(row, self.options, images);
        notes.into_iter().for_each(|note| self.note(note));
        if !is_named && !urls[0].is_empty() {
            *named = images::of_cell(&[urls[0].remove(0)], self.options);
            self.note(format!(
                "column {}: where it names no image, that of --fallback-column is taken",
                self.columns.image
            ));
        }
        urls
    }

    /// What the images of a row have in common. `images` is what names them, which may be their group too.
    fn observation(&self, number: usize, row: Row, images: &[String]) -> Observation {
        let cell = |column: &Option<String>| {
            if column.as_ref() == Some(&self.columns.image) {
                return images.first().cloned();
            }
            let named = row.iter().find(|(c, _)| Some(c) == column.as_ref());
            named.and_then(|(_, values)| values.first()).cloned()
        };
        let group = cell(&self.columns.group);
        let label = cell(&self.columns.label);
        let mut metadata = Metadata::new();
        for (column, values) in row.into_iter().filter(|(_, values)| !values.is_empty()) {
            // Columns of the same name are values of one key.
            metadata.entry(column).or_default().extend(values);
        }
        Observation {
            source: Provenance {
                kind: "table".into(),
                manifest: Some(self.name.to_owned()),
                canvas: Some(format!("row {number}")),
                labels: Labels {
                    image: label,
                    ..Labels::default()
                },
                ..Provenance::default()
            },
            group: group.unwrap_or_else(|| file_name(self.name)),
            metadata,
            ..Observation::default()
        }
    }
}

/// Half of the SHA-256 of a text: equal ones are of equal texts.
fn hash(text: &str) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&Sha256::digest(text)[..16]);
    half
}

fn of(model: &Observation, id: String, image: ImageRef) -> Observation {
    Observation {
        id,
        image,
        ..model.clone()
    }
}

fn file_name(name: &str) -> String {
    let path = PathBuf::from(name);
    path.file_name().map_or_else(
        || name.to_owned(),
        |file| file.to_string_lossy().into_owned(),
    )
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
            media_type: None,
        };
        let table = Table {
            options,
            ..Table::default()
        };
        table.read(&answer)
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
