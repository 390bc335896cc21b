//! Names of concepts of marine life: encoded for services, and corrected for people.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::error::Error;

/// Everything but the unreserved characters of RFC 3986 §2.3: names contain spaces, quotes, `#` and `/`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A name percent-encoded as one segment of a path. White space at its end and slashes are kept.
pub fn encoded(name: &str) -> String {
    utf8_percent_encode(name, RESERVED).to_string()
}

/// The URL of a path below a base URL.
pub fn below(base: &str, path: &str) -> String {
    format!("{}/{path}", base.trim_end_matches('/'))
}

/// The names in a list of a service: texts, or objects with a name.
pub fn listed_in(rows: &[Value]) -> impl Iterator<Item = &str> {
    fn name(row: &Value) -> Option<&str> {
        let of = |key: &str| row.get(key).and_then(Value::as_str);
        row.as_str()
            .or_else(|| of("name"))
            .or_else(|| of("concept"))
    }
    rows.iter().filter_map(name)
}

/// The known names most similar to an unknown one, the most similar first.
pub fn similar<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    const MOST: usize = 5;
    let wanted = name.trim().to_lowercase();
    let farthest = 2.max(wanted.chars().count() / 3);
    let mut similar: Vec<(usize, &str)> = known
        .into_iter()
        .map(|known| (distance(&wanted, &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= farthest)
        .collect();
    similar.sort();
    similar.dedup();
    similar
        .into_iter()
        .take(MOST)
        .map(|(_, name)| name.to_owned())
        .collect()
}

/// Number of edits between two names; a known name that continues the wanted one counts as one edit.
fn distance(wanted: &str, known: &str) -> usize {
    let longer = known
        .strip_prefix(wanted)
        .is_some_and(|rest| rest.starts_with(' '));
    if longer && !wanted.is_empty() {
        return 1;
    }
    strsim::osa_distance(wanted, known)
}

/// The error for an unknown concept, with the names that may be meant.
pub fn unknown(typed: &str, similar: &[String]) -> Error {
    let mut seen = BTreeSet::new();
    let similar: Vec<String> = similar
        .iter()
        .filter(|name| seen.insert(*name))
        .cloned()
        .collect();
    let error = Error::new(format!("no such concept: \"{typed}\""));
    match similar.as_slice() {
        [] => error
            .hint("concepts are spelt as in the knowledge base, including upper and lower case"),
        similar => error.hint(format!("did you mean {}?", listed(similar))),
    }
}

/// Names in quotes, for messages: `"a", "b" or "c"`.
fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} or {last}", before.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_as_one_segment_of_a_path() {
        let cases = [
            ("Nanomia bijuga", "Nanomia%20bijuga"),
            ("a/b", "a%2Fb"),
            ("a'a", "a%27a"),
            ("x#1?y%", "x%231%3Fy%25"),
            ("end ", "end%20"),
            ("1–2", "1%E2%80%932"),
            ("sp. A-B_c~", "sp.%20A-B_c~"),
        ];
        for (name, wanted) in cases {
            assert_eq!(encoded(name), wanted, "{name}");
        }
    }

    #[test]
    fn similar_names_are_offered_and_others_are_not() {
        let known = ["Nanomia", "Nanomia bijuga", "Sebastes", "nanomia"];
        assert_eq!(
            similar("Nanomai", known),
            ["Nanomia", "nanomia"],
            "a slip of two letters"
        );
        assert_eq!(similar("sebastes", known), ["Sebastes"]);
        assert_eq!(similar("Nanomia", ["Nanomia bijuga"]), ["Nanomia bijuga"]);
        assert!(similar("Praya", known).is_empty());
        assert_eq!(
            listed(&["a".into(), "b".into(), "c".into()]),
            "\"a\", \"b\" or \"c\""
        );
    }
}
