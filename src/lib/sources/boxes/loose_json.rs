//! JSON as annotation tools and scripts write it: with `NaN`; numbers as texts. Records are kept as text until they are read one by
//! one, so that one bad record is not that of the others.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::values;

/// Replaces `NaN` and `Infinity`, which Python writes and JSON does not have, by `null`; none if there are none.
pub fn without_nan(bytes: &[u8]) -> Option<Vec<u8>> {
    const WORDS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let mut clean = Vec::with_capacity(bytes.len());
    let (mut at, mut in_string, mut found) = (0, false, false);
    while at < bytes.len() {
        let rest = &bytes[at..];
        if in_string && rest[0] == b'\\' {
            clean.extend(&rest[..rest.len().min(2)]);
            at += 2;
            continue;
        }
        in_string ^= rest[0] == b'"';
        let word = WORDS.iter().find(|word| rest.starts_with(word));
        match word.filter(|_| !in_string) {
            Some(word) => {
                clean.extend(b"null");
                at += word.len();
                found = true;
            }
            None => {
                clean.push(rest[0]);
                at += 1;
            }
        }
    }
    found.then_some(clean)
}

/// Reads a document, which may borrow from `bytes`.
///
/// # Errors
/// Line, column and what is wrong.
pub fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|e| {
        let text = e.to_string();
        let what = text.split(" at line ").next().unwrap_or(&text);
        format!(
            "document cannot be read as JSON: line {}, column {}, {what}",
            e.line(),
            e.column()
        )
    })
}

/// An id as a key: numbers without decimals, texts trimmed, so that `3`, `3.0` and `"3"` are the same.
pub fn key(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Some(whole.to_string()),
            // Ids with more digits than an integer has: those of m3-download are 128 bits long.
            (None, Some(number)) => Some(number.to_string()),
            (None, None) => Some(number.to_string()),
        },
        Value::String(text) => {
            let text = text.trim();
            let text = text.strip_suffix(".0").unwrap_or(text);
            (!text.is_empty()).then(|| text.to_owned())
        }
        _ => None,
    }
}

/// Exactly `N` finite numbers: a list, whose members may be texts, or a text with such a list.
///
/// # Errors
/// What stands there instead.
pub fn numbers<const N: usize>(value: &Value, name: &str) -> Result<[f64; N], String> {
    let all = number_list(value, name)?;
    <[f64; N]>::try_from(all)
        .map_err(|all| format!("{name} needs {N} numbers: found {}", all.len()))
}

/// Finite numbers: a list, whose members may be texts, or a text with such a list.
///
/// # Errors
/// What stands there instead.
pub fn number_list(value: &Value, name: &str) -> Result<Vec<f64>, String> {
    match value {
        Value::Array(items) => {
            let number = |(i, item): (usize, &Value)| {
                values::number(item).ok_or_else(|| {
                    format!(
                        "{name} has a member that is not a finite number: [{i}] is {}",
                        shown(item)
                    )
                })
            };
            items.iter().enumerate().map(number).collect()
        }
        Value::String(text) => {
            let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
            let words = inner.split([',', ' ', ';']).filter(|word| !word.is_empty());
            let numbers = words.map(|word| word.parse().ok().filter(|v: &f64| v.is_finite()));
            let numbers: Option<Vec<f64>> = numbers.collect();
            numbers.ok_or_else(|| {
                format!("{name} is not a list of numbers: {}", values::excerpt(text))
            })
        }
        other => Err(format!("{name} is not a list of numbers: {}", shown(other))),
    }
}

/// A value as messages quote it.
pub fn shown(value: &Value) -> String {
    values::excerpt(&value.to_string())
}

/// An object; the error says what stands there instead.
///
/// # Errors
/// It is not an object.
pub fn object(value: Value) -> Result<Map<String, Value>, String> {
    match value {
        Value::Object(members) => Ok(members),
        other => Err(format!("record is not an object: {}", shown(&other))),
    }
}

/// Width and height, if both are there and above 0.
pub fn size(width: Option<&Value>, height: Option<&Value>) -> Option<[u32; 2]> {
    Some([values::side(width?)?, values::side(height?)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_python_writes_beyond_json_becomes_null() {
        let cases = [
            (
                r#"{"a":NaN,"b":[-Infinity,Infinity,1]}"#,
                Some(r#"{"a":null,"b":[null,null,1]}"#),
            ),
            (r#"{"NaN":"NaN \"NaN"}"#, None),
            (r#"["\\",NaN]"#, Some(r#"["\\",null]"#)),
            ("\"\\", None),
        ];
        for (text, wanted) in cases {
            let clean = without_nan(text.as_bytes());
            assert_eq!(clean, wanted.map(|text| text.as_bytes().to_vec()), "{text}");
        }
    }

    #[test]
    fn ids_are_the_same_whatever_their_type() {
        for value in [json!(3), json!(3.0), json!("3"), json!(" 3 "), json!("3.0")] {
            assert_eq!(key(&value).as_deref(), Some("3"), "{value}");
        }
        for value in [json!(null), json!(""), json!([3]), json!({})] {
            assert_eq!(key(&value), None, "{value}");
        }
    }

    #[test]
    fn numbers_are_read_from_lists_and_texts() {
        let wanted = [1.0, 2.5, 3.0, 4.0];
        for value in [
            json!([1, 2.5, "3", " 4 "]),
            json!("[1, 2.5, 3, 4]"),
            json!("1 2.5 3 4"),
        ] {
            assert_eq!(numbers(&value, "bbox"), Ok(wanted), "{value}");
        }
        let cases = [
            (json!([1, 2, 3]), "bbox needs 4 numbers: found 3"),
            (
                json!([1, null, 3, 4]),
                "bbox has a member that is not a finite number: [1] is null",
            ),
            (json!("1,2,x,4"), "bbox is not a list of numbers: 1,2,x,4"),
            (json!({"x": 1}), "bbox is not a list of numbers: {\"x\":1}"),
        ];
        for (value, problem) in cases {
            assert_eq!(numbers::<4>(&value, "bbox"), Err(problem.into()), "{value}");
        }
    }
}
