//! `--remap`: renames, merges and drops classes.
//!
//! The map is applied once: with `a → b` and `b → c`, an `a` becomes `b`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::taxonomy::plain;
use crate::contracts;
use crate::error::Error;
use crate::files;
use crate::reformat::option_tables::OptionTable;

/// Class → its new name; none if it is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remap(BTreeMap<String, Option<String>>);

impl Remap {
    /// The entry of a class, if it has one: its new name, or none if it is dropped.
    pub fn get(&self, class: &str) -> Option<Option<&str>> {
        self.0.get(class).map(Option::as_deref)
    }

    /// Names of the map that are not in `used`.
    pub fn unused(&self, used: &BTreeSet<String>) -> Vec<&str> {
        let names = self.0.keys();
        names
            .filter(|&name| !used.contains(name))
            .map(String::as_str)
            .collect()
    }

    /// A map of pairs; an empty new name drops.
    #[cfg(test)]
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        let pair = |(from, to): &(&str, &str)| {
            let to = Some((*to).to_owned()).filter(|to| !to.is_empty());
            ((*from).to_owned(), to)
        };
        Remap(pairs.iter().map(pair).collect())
    }
}

/// Reads a map: JSON if it begins with `{`, otherwise CSV with the columns `from` and `to` among others, or with two
/// columns and no header, as in m3-download.
///
/// # Errors
/// The file cannot be read or parsed, or gives two new names to one class.
pub fn read(path: &Path) -> Result<Remap, Error> {
    parse(&files::read(path)?, &path.display().to_string())
}

fn parse(bytes: &[u8], name: &str) -> Result<Remap, Error> {
    let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let pairs = match json.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'{') => from_json(json, name)?,
        Some(b'[') if is_list(json) => {
            let what = format!("{name}: is a JSON list, an object was expected");
            return Err(Error::new(what).hint(MAP));
        }
        _ => from_csv(bytes, name)?,
    };
    let mut map = BTreeMap::new();
    for (from, to) in pairs {
        let from = plain(&from);
        let to = to.map(|to| plain(&to)).filter(|to| !to.is_empty());
        if let Some(other) = map.insert(from.clone(), to.clone())
            && other != to
        {
            let what = format!("{name}: `{from}` has two new names");
            return Err(Error::new(what).hint("keep only one line for it"));
        }
    }
    Ok(Remap(map))
}

/// Whether a text is a JSON list, and not a table whose first name is in brackets.
fn is_list(text: &[u8]) -> bool {
    let inner = text.trim_ascii_start().get(1..).unwrap_or_default();
    let is_of_objects = inner.trim_ascii_start().starts_with(b"{");
    is_of_objects || serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

/// The hint for JSON that is no map.
const MAP: &str = "a map is {\"old name\": \"new name\", \"unwanted\": null}";

type Pairs = Vec<(String, Option<String>)>;

fn from_json(bytes: &[u8], name: &str) -> Result<Pairs, Error> {
    let map: BTreeMap<String, Option<String>> =
        contracts::parse_json(bytes, name).map_err(|e| e.hint(MAP))?;
    Ok(map.into_iter().collect())
}

fn from_csv(bytes: &[u8], name: &str) -> Result<Pairs, Error> {
    let fault = |e: csv::Error| Error::new(format!("{name}: cannot be read as CSV")).because(e);
    // Several columns are known by their names, two by their number.
    let table = OptionTable::new(name, bytes, |row| columns(row).is_some());
    let rows: Vec<csv::StringRecord> = table
        .reader()
        .records()
        .collect::<Result<_, _>>()
        .map_err(fault)?;
    if let Some((from, to, skip)) = rows.first().and_then(columns) {
        return Ok(pairs(&rows[skip..], from, to));
    }
    let found: Vec<&str> = rows
        .first()
        .map(|row| row.iter().collect())
        .unwrap_or_default();
    let what = format!(
        "{name}:1: the columns are {}, from and to were expected",
        found.join(",")
    );
    Err(Error::new(what).hint(
        "begin the file with the line `from,to`; commas, semicolons or tabs may stand between",
    ))
}

/// The columns of old and new names, and how many rows to skip.
fn columns(first: &csv::StringRecord) -> Option<(usize, usize, usize)> {
    let column = |wanted: &str| {
        let is = |found: &str| found.trim().eq_ignore_ascii_case(wanted);
        first.iter().position(is)
    };
    match (column("from"), column("to")) {
        (Some(from), Some(to)) => Some((from, to, 1)),
        (None, None) if first.len() == 2 => Some((0, 1, 0)),
        _ => None,
    }
}

fn pairs(rows: &[csv::StringRecord], from: usize, to: usize) -> Pairs {
    let pair = |row: &csv::StringRecord| {
        let cell = |column: usize| row.get(column).map(str::to_owned);
        (cell(from).unwrap_or_default(), cell(to))
    };
    rows.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use recto_testkit::mutation;

    use super::*;

    #[test]
    fn names_change_once_merge_or_vanish() {
        let csv = "from,to\na,b\nb,c\nx,\n\"q, \"\"r\"\"\",s\nonly\n";
        let bare = "a,b\nb,c\nx,\n\"q, \"\"r\"\"\",s\nonly\n";
        let json = r#"{"a":"b","b":"c","x":null,"q, \"r\"":"s","only":""}"#;
        for text in [csv, bare, json] {
            let map = parse(text.as_bytes(), "m").unwrap();
            let cases = [
                ("a", Some(Some("b"))),
                ("b", Some(Some("c"))),
                ("x", Some(None)),
                ("only", Some(None)),
                ("q, \"r\"", Some(Some("s"))),
                ("other", None),
            ];
            for (from, to) in cases {
                assert_eq!(map.get(from), to, "{from} in {text}");
            }
            let used = BTreeSet::from(["a".to_owned(), "b".into(), "x".into(), "only".into()]);
            assert_eq!(map.unused(&used), ["q, \"r\""]);
        }
    }

    #[test]
    fn a_name_in_brackets_begins_a_table() {
        let map = parse(b"[sic],sic\na,b\n", "m").unwrap();
        assert_eq!(map.get("[sic]"), Some(Some("sic")));
    }

    #[test]
    fn an_invalid_map_is_an_error() {
        let cases = [
            (
                "old,new,why\na,b,c\n",
                "m:1: the columns are old,new,why, from and to were expected",
            ),
            (
                "from\na\n",
                "m:1: the columns are from, from and to were expected",
            ),
            ("from,to\na,b\na,c\n", "m: `a` has two new names"),
            (
                "{\"a\": 3}",
                "m:1:7: `a`: invalid type: integer `3`, expected a string",
            ),
            (
                "[{\"from\": \"a\", \"to\": \"b\"}]",
                "m: is a JSON list, an object was expected",
            ),
            (
                " [\n [\"a\", \"b\"]]\n",
                "m: is a JSON list, an object was expected",
            ),
            (
                "[{\"from\": \"a\",",
                "m: is a JSON list, an object was expected",
            ),
            ("", "m:1: the columns are , from and to were expected"),
        ];
        for (text, message) in cases {
            let error = parse(text.as_bytes(), "m").unwrap_err();
            assert_eq!(error.what(), message, "{text}");
        }
    }

    #[test]
    fn damaged_maps_are_refused_with_the_name_of_the_file() {
        for sound in [
            "from,to,count\na,b,1\n\"c, d\",,2\n",
            r#"{"a": "b", "c": null}"#,
        ] {
            let takes = |bytes: &[u8]| match parse(bytes, "map") {
                Ok(_) => true,
                Err(error) => {
                    assert!(error.what().starts_with("map:"), "{error}");
                    false
                }
            };
            mutation::check(2000, move |random| mutation::text(sound, random), takes).is_mixed();
        }
    }
}
