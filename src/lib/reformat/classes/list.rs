//! `--classes`: a list that fixes the ids of classes, whatever a set holds.

use std::collections::BTreeSet;
use std::path::Path;

use unicode_normalization::UnicodeNormalization;

use crate::contracts::{self, DatasetFile};
use crate::error::Error;
use crate::files;
use crate::reformat::option_tables::OptionTable;
use crate::sources::boxes::{self, class_names};

/// Reads a list of classes: a name on each line, the `data.yaml` of a set for YOLO, the `classes.csv` of crops, or the
/// `dataset.json` of an earlier set.
///
/// # Errors
/// The file cannot be read, names no class, one twice, or gives numbers that are not 0, 1, 2…
pub fn read(path: &Path) -> Result<Vec<String>, Error> {
    let name = path.display().to_string();
    let bytes = files::read(path)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let names: Vec<String> = match bytes.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'{') => {
            let dataset: DatasetFile = contracts::parse(bytes, &name)?;
            dataset
                .classes
                .into_iter()
                .map(|class| class.name)
                .collect()
        }
        _ => {
            let names = match ending(path).as_str() {
                "yaml" | "yml" => numbered(&name, bytes)?,
                "csv" | "tsv" => of_table(&name, bytes)?,
                _ => lines(&name, bytes)?,
            };
            names.iter().map(|name| name.nfc().collect()).collect()
        }
    };
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        Some(twice) => Err(Error::new(format!("{name}: `{twice}` is there twice"))
            .hint("each class has one line, and its place is its id")),
        None if names.is_empty() => Err(Error::new(format!("{name}: names no class"))
            .hint("a list has the name of a class on each line")),
        None => Ok(names),
    }
}

/// The ending of a file name, in lower case.
fn ending(path: &Path) -> String {
    let ending = path.extension().unwrap_or_default();
    ending.to_string_lossy().to_lowercase()
}

/// A name on each line.
fn lines(name: &str, bytes: &[u8]) -> Result<Vec<String>, Error> {
    let text = str::from_utf8(bytes)
        .map_err(|e| Error::new(format!("{name}: is not UTF-8")).because(e))?;
    if let Some(other) = class_names::other_than_list(text) {
        let what = format!("{name}: does not have the name of a class on each line: it is {other}");
        return Err(Error::new(what).hint(
            "--classes takes a file with a name on each line, data.yaml, classes.csv of crops, or the dataset.json of an earlier set",
        ));
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    // It would be a class of its own, and every class behind it would have another id.
    let is_comment = |line: &&str| *line == "#" || line.starts_with("# ");
    if let Some(comment) = lines.clone().find(is_comment) {
        let what = format!("{name}: `{comment}` is a comment, not the name of a class");
        return Err(Error::new(what).hint(
            "remove that line; if it is the name of a class, list the classes in a data.yaml",
        ));
    }
    let lines = lines.filter(|line| class_names::is_class(line));
    Ok(lines.map(str::to_owned).collect())
}

/// The names of a `data.yaml`, by their numbers.
fn numbered(name: &str, bytes: &[u8]) -> Result<Vec<String>, Error> {
    let document =
        boxes::read_classes(name, bytes).map_err(|why| Error::new(format!("{name}: {why}")))?;
    in_a_row(name, document.classes)
}

/// Names in the order of their numbers, which must be 0, 1, 2…
fn in_a_row(name: &str, classes: Vec<(String, String)>) -> Result<Vec<String>, Error> {
    let numbers = classes
        .into_iter()
        .map(|(number, class)| match number.parse::<usize>() {
            Ok(number) => Ok((number, class)),
            Err(_) => Err(Error::new(format!(
                "{name}: the class `{class}` has the number `{number}`, which is not a whole number"
            ))),
        });
    let mut classes = numbers.collect::<Result<Vec<_>, _>>()?;
    classes.sort();
    let misplaced = classes
        .iter()
        .enumerate()
        .find(|(place, (number, _))| place != number);
    match misplaced {
        None => Ok(classes.into_iter().map(|(_, class)| class).collect()),
        Some((place, (number, class))) => Err(Error::new(format!(
            "{name}: the class `{class}` has the number {number}, and {place} was expected"
        ))
        .hint("the ids of classes in a set are 0, 1, 2…: list them in a file with a name on each line")),
    }
}

/// The names of a table with the columns `id` and `class`, as `-f crops` writes it.
fn of_table(name: &str, bytes: &[u8]) -> Result<Vec<String>, Error> {
    let cannot =
        |e: csv::Error| Error::new(format!("{name}: cannot be read as a table")).because(e);
    let place =
        |row: &csv::StringRecord, wanted: &str| row.iter().position(|found| found.trim() == wanted);
    let columns = |row: &csv::StringRecord| place(row, "id").zip(place(row, "class"));
    let table = OptionTable::new(name, bytes, |row| columns(row).is_some());
    let mut rows = table.reader().into_records();
    let header = rows.next().transpose().map_err(cannot)?.unwrap_or_default();
    let Some((id, class)) = columns(&header) else {
        let found: Vec<&str> = header.iter().collect();
        let what = format!(
            "{name}:1: the columns are {}; `id` and `class` were expected",
            found.join(",")
        );
        return Err(
            Error::new(what).hint("a list in a text file has the name of a class on each line")
        );
    };
    let rows = rows.map(|row| {
        let row = row.map_err(cannot)?;
        let cell = |column: usize| row.get(column).map(files::plain_cell).unwrap_or_default();
        Ok((cell(id).trim().to_owned(), cell(class).trim().to_owned()))
    });
    in_a_row(name, rows.collect::<Result<Vec<_>, Error>>()?)
}

/// All classes: those of the list, in its order, then the others by code point; and those others.
pub fn in_order(listed: &[String], found: BTreeSet<String>) -> (Vec<String>, Vec<String>) {
    let known: BTreeSet<&String> = listed.iter().collect();
    let others: Vec<String> = found
        .into_iter()
        .filter(|name| !known.contains(name))
        .collect();
    ([listed, &others].concat(), others)
}
