//! Values as databases and services write them: UUIDs in any case, numbers as texts, members that are null or missing;
//! and texts as messages quote them.

use serde_json::Value;

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

/// The identifier under the first of some keys that has a text: a UUID in lower case, any other text as it is.
pub fn id(value: &Value, keys: &[&str]) -> Option<String> {
    let text = keys.iter().find_map(|key| text(&value[key]))?;
    Some(uuid(&text).unwrap_or(text))
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
