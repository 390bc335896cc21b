//! Names of concepts, as services take them, and as people mistype them.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::Error;

/// Everything but the unreserved characters of RFC 3986 §2.3: names hold blanks, quotes, `#` and `/`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A name as one segment of a path, not a byte of it lost: blanks at its end, slashes and all.
pub fn encoded(name: &str) -> String {
    utf8_percent_encode(name, RESERVED).to_string()
}

/// A base URL and a path below it.
pub fn below(base: &str, path: &str) -> String {
    format!("{}/{path}", base.trim_end_matches('/'))
}

/// The names most like one that is not known, the most alike first.
pub fn near<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    const MOST: usize = 5;
    let wanted = name.trim().to_lowercase();
    let farthest = 2.max(wanted.chars().count() / 3);
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .map(|known| (distance(&wanted, &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= farthest)
        .collect();
    near.sort();
    near.dedup();
    near.into_iter()
        .take(MOST)
        .map(|(_, name)| name.to_owned())
        .collect()
}

/// Edits between two names; a name that begins with the other is near, whatever follows.
fn distance(wanted: &str, known: &str) -> usize {
    let longer = known
        .strip_prefix(wanted)
        .is_some_and(|rest| rest.starts_with(' '));
    if longer && !wanted.is_empty() {
        return 1;
    }
    strsim::osa_distance(wanted, known)
}

/// The error of a concept that nobody knows, with those that may be meant.
pub fn unknown(typed: &str, near: &[String]) -> Error {
    let mut seen = BTreeSet::new();
    let near: Vec<String> = near.iter().filter(|n| seen.insert(*n)).cloned().collect();
    let error = Error::new(format!("no such concept: \"{typed}\""));
    match near.as_slice() {
        [] => {
            error.hint("concepts are spelt as in the knowledge base, in upper and lower case too")
        }
        near => error.hint(format!("did you mean {}?", listed(near))),
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
    fn near_names_are_offered_and_far_ones_are_not() {
        let known = ["Nanomia", "Nanomia bijuga", "Sebastes", "nanomia"];
        assert_eq!(
            near("Nanomai", known),
            ["Nanomia", "nanomia"],
            "a slip of two letters"
        );
        assert_eq!(near("sebastes", known), ["Sebastes"]);
        assert_eq!(near("Nanomia", ["Nanomia bijuga"]), ["Nanomia bijuga"]);
        assert!(near("Praya", known).is_empty());
        assert_eq!(
            listed(&["a".into(), "b".into(), "c".into()]),
            "\"a\", \"b\" or \"c\""
        );
    }
}
