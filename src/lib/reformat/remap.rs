//! `--remap`: renaming, merging and dropping concepts.
//!
//! The map is applied once: `a → b` and `b → c` leave former `a`s as `b`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use unicode_normalization::UnicodeNormalization;

use crate::contracts;
use crate::files;
use crate::report::Error;

/// Concept → its new name; none: it is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remap(BTreeMap<String, Option<String>>);

impl Remap {
    /// The new name of a concept; none when it is dropped.
    pub fn apply(&self, concept: &str) -> Option<String> {
        match self.0.get(concept) {
            Some(new) => new.clone(),
            None => Some(concept.to_owned()),
        }
    }

    /// Names of the map that are not among the concepts met.
    pub fn unused(&self, met: &BTreeSet<String>) -> Vec<&str> {
        let names = self.0.keys();
        names
            .filter(|&name| !met.contains(name))
            .map(String::as_str)
            .collect()
    }
}

/// Reads a map: JSON when it begins with `{`, else CSV with the columns `from` and `to`.
pub fn read(path: &Path) -> Result<Remap, Error> {
    parse(&files::read(path)?, &path.display().to_string())
}

fn parse(bytes: &[u8], name: &str) -> Result<Remap, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let pairs = match bytes.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'{') => from_json(bytes, name)?,
        _ => from_csv(bytes, name)?,
    };
    let mut map = BTreeMap::new();
    for (from, to) in pairs {
        let from = normal(&from);
        let to = to.map(|to| normal(&to)).filter(|to| !to.is_empty());
        if let Some(other) = map.insert(from.clone(), to.clone())
            && other != to
        {
            let what = format!("{name}: `{from}` is given two new names");
            return Err(Error::new(what).hint("keep one line for it"));
        }
    }
    Ok(Remap(map))
}

fn normal(text: &str) -> String {
    text.nfc().collect()
}

type Pairs = Vec<(String, Option<String>)>;

fn from_json(bytes: &[u8], name: &str) -> Result<Pairs, Error> {
    let map: BTreeMap<String, Option<String>> = contracts::parse_json(bytes, name)
        .map_err(|e| e.hint("a map is {\"old name\": \"new name\", \"unwanted\": null}"))?;
    Ok(map.into_iter().collect())
}

fn from_csv(bytes: &[u8], name: &str) -> Result<Pairs, Error> {
    let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let fault = |e: csv::Error| Error::new(format!("{name}: cannot be read as CSV")).because(e);
    let header = csv.headers().map_err(fault)?.clone();
    let column = |wanted: &str| header.iter().position(|found| found.trim() == wanted);
    let (Some(from), Some(to)) = (column("from"), column("to")) else {
        let found: Vec<&str> = header.iter().collect();
        let what = format!(
            "{name}:1: has the columns {}, from and to were expected",
            found.join(",")
        );
        return Err(Error::new(what).hint("begin the file with the line `from,to`"));
    };
    csv.records()
        .map(|row| {
            let row = row.map_err(fault)?;
            let cell = |column: usize| row.get(column).map(str::to_owned);
            Ok((cell(from).unwrap_or_default(), cell(to)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_once_merge_or_vanish() {
        let csv = "from,to\na,b\nb,c\nx,\n\"q, \"\"r\"\"\",s\nonly\n";
        let json = r#"{"a":"b","b":"c","x":null,"q, \"r\"":"s","only":""}"#;
        for text in [csv, json] {
            let map = parse(text.as_bytes(), "m").unwrap();
            let cases = [
                ("a", Some("b")),
                ("b", Some("c")),
                ("x", None),
                ("only", None),
                ("q, \"r\"", Some("s")),
                ("other", Some("other")),
            ];
            for (from, to) in cases {
                assert_eq!(map.apply(from).as_deref(), to, "{from} in {text}");
            }
            let met = BTreeSet::from(["a".to_owned(), "b".into(), "x".into(), "only".into()]);
            assert_eq!(map.unused(&met), ["q, \"r\""]);
        }
    }

    #[test]
    fn a_map_that_makes_no_sense_is_an_error() {
        let cases = [
            (
                "old,new\na,b\n",
                "m:1: has the columns old,new, from and to were expected",
            ),
            ("from,to\na,b\na,c\n", "m: `a` is given two new names"),
            (
                "{\"a\": 3}",
                "m:1:7: `a`: invalid type: integer `3`, expected a string",
            ),
            ("", "m:1: has the columns , from and to were expected"),
        ];
        for (text, message) in cases {
            let error = parse(text.as_bytes(), "m").unwrap_err();
            assert_eq!(error.what(), message, "{text}");
        }
    }
}
