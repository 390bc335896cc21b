//! Members of published JSON, in every shape they come in.

use serde_json::Value;

/// The members of a list; a single value counts as a list of one, `null` and what is missing as an empty one.
pub fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => vec![],
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

/// `type` or `@type`; empty where there is none.
pub fn kind(value: &Value) -> &str {
    let kind = value.get("type").or_else(|| value.get("@type"));
    kind.and_then(Value::as_str).unwrap_or_default()
}

/// `id` or `@id`, or the value itself, where it is an absolute URI.
pub fn id(value: &Value) -> Option<String> {
    let id = value
        .get("id")
        .or_else(|| value.get("@id"))
        .unwrap_or(value);
    id.as_str()
        .filter(|id| id.contains("://"))
        .map(str::to_owned)
}

/// A text, white space collapsed: a string, a value with a language, a list of them, a map of languages.
/// English is preferred, else the first language that is listed.
pub fn text(value: &Value) -> Option<String> {
    let found = match value {
        Value::String(text) => text,
        Value::Array(items) => return items.iter().find_map(text),
        Value::Object(members) => {
            let english = members.get("en").or_else(|| members.get("@value"));
            return english.or_else(|| members.values().next()).and_then(text);
        }
        _ => return None,
    };
    let words: Vec<&str> = found.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// A whole number of 32 bits, also one that is written as a text or with a zero fraction.
pub fn number(value: &Value) -> Option<u32> {
    big_number(value).and_then(|n| u32::try_from(n).ok())
}

/// A whole number of 64 bits, likewise. A larger float counts as the largest.
pub fn big_number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_u64().or_else(|| {
            value
                .as_f64()
                .filter(|v| v.fract() == 0.0 && *v >= 0.0)
                .map(|v| v as u64)
        }),
    }
}
