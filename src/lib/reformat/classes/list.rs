//! `--classes`: a list that fixes the ids of classes, whatever a set holds.

use std::collections::BTreeSet;
use std::path::Path;

use unicode_normalization::UnicodeNormalization;

use crate::contracts::{self, DatasetFile};
use crate::error::Error;
use crate::files;

/// Reads a list of classes: a name on each line, or the `dataset.json` of an earlier set.
///
/// # Errors
/// The file cannot be read, names no class, or one twice.
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
            let text = str::from_utf8(bytes)
                .map_err(|e| Error::new(format!("{name}: is not UTF-8")).because(e))?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            lines.map(|line| line.nfc().collect()).collect()
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

/// All classes: those of the list, in its order, then the others by code point; and those others.
pub fn in_order(listed: &[String], found: BTreeSet<String>) -> (Vec<String>, Vec<String>) {
    let known: BTreeSet<&String> = listed.iter().collect();
    let others: Vec<String> = found
        .into_iter()
        .filter(|name| !known.contains(name))
        .collect();
    ([listed, &others].concat(), others)
}
