//! Values as databases and services write them: UUIDs in any case, numbers as texts, members that are null or missing;
//! and texts as messages quote them.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// What identifiers begin with that are made from content, because a service gives none.
const MADE: &str = "content-";

/// The same number for equal texts, in every run of this program.
pub fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// A UUID in lower case with its hyphens. Version and variant are not checked: those of old databases have none. None
/// where the text is not 32 hexadecimal digits, hyphens and white space around it aside.
pub fn uuid(text: &str) -> Option<String> {
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    let is_hex = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let hex = is_hex.then(|| digits.to_ascii_lowercase())?;
    Some(format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    ))
}

/// The identifier under the first of some keys that has one: a UUID in lower case, any other text as it is. A UUID of
/// zeros alone identifies nothing.
pub fn id(value: &Value, keys: &[&str]) -> Option<String> {
    let is_nil = |id: &String| id.chars().all(|c| matches!(c, '0' | '-'));
    let id = |key: &&str| {
        let text = text(&value[*key])?;
        let uuid = uuid(&text);
        match uuid.as_ref().is_some_and(is_nil) {
            true => None,
            false => Some(uuid.unwrap_or(text)),
        }
    };
    keys.iter().find_map(id)
}

/// An identifier made from content: the same for the same members in any order, another for any other content.
pub fn content_id(content: &[&Value]) -> String {
    let mut text = String::new();
    for value in content {
        canonical(value, &mut text);
        text.push('\n');
    }
    let hash = Sha256::digest(text.as_bytes());
    hash[..16].iter().fold(MADE.to_owned(), |mut id, byte| {
        // Writing to a string does not fail.
        let _ = write!(id, "{byte:02x}");
        id
    })
}

/// Whether an identifier is one of [`content_id`].
pub fn is_content_id(id: &str) -> bool {
    id.starts_with(MADE)
}

/// A value as text, with the members of objects sorted and without those that are null.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Array(list) => {
            text.push('[');
            for value in list {
                canonical(value, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().filter(|(_, v)| !v.is_null()).collect();
            members.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (key, value) in members {
                let _ = write!(text, "{key:?}:");
                canonical(value, text);
                text.push(',');
            }
            text.push('}');
        }
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

/// A name in snake case: `depthMeters`, `DepthMeters`, `depth-meters` and `Depth Meters` are `depth_meters`. A run of
/// capitals is one word: `imageReferenceUUID` is `image_reference_uuid`.
pub fn snake(name: &str) -> String {
    let characters: Vec<char> = name.trim().chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, c) in characters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| characters[at]);
        let after = characters.get(at + 1);
        let begins_word = c.is_uppercase()
            && before.is_some_and(|b| {
                let ends_capitals = b.is_uppercase() && after.is_some_and(|a| a.is_lowercase());
                b.is_lowercase() || b.is_numeric() || ends_capitals
            });
        let is_separator = c.is_whitespace() || matches!(c, '-' | '_');
        if (begins_word || is_separator) && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        if !is_separator {
            snake.extend(c.to_lowercase());
        }
    }
    snake
}

/// A document with all names of members in snake case, except within the members called `opaque`. Where two names of one
/// object become the same, a value that is not null wins, then the one whose name was in snake case.
pub fn in_snake_case(value: Value, opaque: &[&str]) -> Value {
    match value {
        Value::Array(list) => list
            .into_iter()
            .map(|value| in_snake_case(value, opaque))
            .collect(),
        Value::Object(members) => {
            let mut renamed = Map::with_capacity(members.len());
            for (key, value) in members {
                let name = snake(&key);
                let is_known = renamed.get(&name).is_some_and(|known| !known.is_null());
                if is_known && (name != key || value.is_null()) {
                    continue;
                }
                let value = match opaque.contains(&name.as_str()) {
                    true => value,
                    false => in_snake_case(value, opaque),
                };
                renamed.insert(name, value);
            }
            Value::Object(renamed)
        }
        other => other,
    }
}

/// A text without white space around it, nor what browsers and word processors put there that nobody sees: U+200B and the like.
pub fn trimmed(text: &str) -> &str {
    let is_unseen = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    text.trim_matches(|c: char| c.is_whitespace() || is_unseen(c))
}

/// A text that is not empty, trimmed; numbers and booleans as they are printed.
pub fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A finite number, also where it is written as a text.
pub fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|v| v.is_finite())
}

/// A count, also where it is written as a text or with separators between thousands: `12`, `12.0`, `"1,234"`.
pub fn count(value: &Value) -> Option<u64> {
    let whole = |number: f64| (0.0..1e15).contains(&number).then_some(number as u64);
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => {
            let is_separator = |c: char| c.is_whitespace() || matches!(c, ',' | '\'' | '_');
            let digits: String = text.chars().filter(|c| !is_separator(*c)).collect();
            digits.parse().ok()
        }
        _ => None,
    }
}

/// A truth value, also where it is written as a number or a text.
pub fn truth(value: &Value) -> Option<bool> {
    match text(value)?.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "1" => Some(true),
        "false" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// The width or height of an image in whole pixels, rounded down. None below 1 and above 2³² − 1.
pub fn side(value: &Value) -> Option<u32> {
    let side = number(value).filter(|v| *v >= 1.0 && *v <= f64::from(u32::MAX))?;
    Some(side as u32)
}

/// The folder in the path of an absolute URL, percent-decoded, without the slashes around it: `a b/c` of
/// `https://x.example/a%20b/c/d.png`. None at the root of a server.
pub fn folder(url: Option<&str>) -> Option<String> {
    let url = url::Url::parse(url?).ok()?;
    let (folder, _) = url.path().rsplit_once('/')?;
    let folder = percent_encoding::percent_decode_str(folder.trim_matches('/')).decode_utf8_lossy();
    (!folder.is_empty()).then(|| folder.into_owned())
}

/// The members of a list; none of what is not a list.
pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A text on one line, cut after 80 characters, for messages.
pub fn excerpt(text: &str) -> String {
    const MAX_CHARACTERS: usize = 80;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_the_same_in_every_case() {
        let cases = [
            ("observation_uuid", "observation_uuid"),
            ("observationUuid", "observation_uuid"),
            ("ObservationUUID", "observation_uuid"),
            ("UUIDOfImage", "uuid_of_image"),
            ("Link Name", "link_name"),
            ("link-name", "link_name"),
            ("oxygenMlL", "oxygen_ml_l"),
            ("sha256", "sha256"),
            ("x", "x"),
            ("X", "x"),
            ("_links", "links"),
        ];
        for (name, wanted) in cases {
            assert_eq!(snake(name), wanted, "{name}");
        }
        let both = json!({"depthMeters": 1, "depth_meters": 2, "linkValue": {"aB": 1}, "a_b": null, "aB": [{"cD": 3}]});
        let wanted = json!({"depth_meters": 2, "link_value": {"aB": 1}, "a_b": [{"c_d": 3}]});
        assert_eq!(in_snake_case(both, &["link_value"]), wanted);
    }

    #[test]
    fn ids_of_content_depend_on_content_alone() {
        let id = |value: Value| content_id(&[&value]);
        let one = id(json!({"a": 1, "b": {"c": [1, 2]}}));
        assert_eq!(one, id(json!({"b": {"c": [1, 2]}, "d": null, "a": 1})));
        assert!(is_content_id(&one) && one.len() == MADE.len() + 32, "{one}");
        for other in [
            json!({"a": 1, "b": {"c": [2, 1]}}),
            json!({"a": "1", "b": {"c": [1, 2]}}),
            json!({"a": 1}),
        ] {
            assert_ne!(one, id(other));
        }
    }

    #[test]
    fn counts_and_truths_are_read_however_they_are_written() {
        for (value, wanted) in [
            (json!(12), Some(12)),
            (json!(12.0), Some(12)),
            (json!(" 1,234 "), Some(1234)),
            (json!(-1), None),
            (json!("many"), None),
            (json!(null), None),
        ] {
            assert_eq!(count(&value), wanted, "{value}");
        }
        for (value, wanted) in [
            (json!(true), Some(true)),
            (json!("True"), Some(true)),
            (json!(0), Some(false)),
            (json!(""), None),
        ] {
            assert_eq!(truth(&value), wanted, "{value}");
        }
    }

    #[test]
    fn uuids_are_the_same_however_they_are_written() {
        let wanted = "013dd38c-4d51-47b9-1c67-92f50ea49d1e";
        for text in [
            wanted,
            "013DD38C-4D51-47B9-1C67-92F50EA49D1E",
            " 013dd38C4d5147b91c6792f50ea49d1e ",
        ] {
            assert_eq!(uuid(text).as_deref(), Some(wanted), "{text}");
        }
        for text in ["", "013dd38c", "013dd38c-4d51-47b9-1c67-92f50ea49d1g"] {
            assert_eq!(uuid(text), None, "{text}");
        }
    }
}
