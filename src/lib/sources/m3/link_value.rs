//! The text of a localization, `link_value`, in every encoding in which databases hold it.

use serde_json::{Map, Value};

use crate::values::{excerpt, number};

/// The longest text that the database stores, in characters.
const COLUMN: usize = 1024;
/// How often a text may be encoded, or an object nested, before it is given up.
const DEEPEST: usize = 4;
/// The sides of a box.
pub const SIDES: [&str; 4] = ["x", "y", "width", "height"];
/// Other names of the sides, in lower case.
const OTHER_NAMES: [(&str, &str); 4] =
    [("left", "x"), ("top", "y"), ("w", "width"), ("h", "height")];

/// Names of two opposite corners of a box, in lower case: left, top, right, bottom.
const CORNERS: [[&str; 4]; 4] = [
    ["left", "top", "right", "bottom"],
    ["x", "y", "right", "bottom"],
    ["xmin", "ymin", "xmax", "ymax"],
    ["x1", "y1", "x2", "y2"],
];

/// The members of a localization, and what is odd about how they were written.
#[derive(Debug, Default)]
pub struct LinkValue {
    /// The members.
    pub members: Map<String, Value>,
    /// What is odd, as the start of a problem: `link_value is encoded twice`. Empty for what tools write today.
    pub oddities: Vec<&'static str>,
}

/// Reads a `link_value`. What is odd is read too; whether it is used is decided by who calls.
///
/// # Errors
/// The problem of a reject.
pub fn read(link_value: &Value) -> Result<LinkValue, String> {
    let mut oddities = Vec::new();
    let mut value = match link_value {
        // Some services send the stored JSON as JSON, not as a string.
        Value::Object(_) | Value::Array(_) => link_value.clone(),
        Value::String(text) => parse(text, &mut oddities)?,
        _ => return Err("link_value is missing".into()),
    };
    for _ in 0..DEEPEST {
        value = match value {
            Value::Object(members) => {
                let members = unfolded(members, &mut oddities);
                return Ok(LinkValue { members, oddities });
            }
            Value::String(text) => {
                oddities.push("link_value is encoded twice");
                parse(&text, &mut oddities)?
            }
            Value::Array(list) => from_list(list, &mut oddities)?,
            other => return Err(not_an_object(&other)),
        };
    }
    Err(not_an_object(&value))
}

/// Whether a `link_value` holds the four sides of a box, whatever its association is called.
pub fn is_box(link_value: &Value) -> bool {
    let has = |value: &LinkValue, side: &&str| value.members.get(*side).and_then(number).is_some();
    read(link_value).is_ok_and(|value| SIDES.iter().all(|side| has(&value, side)))
}

fn not_an_object(value: &Value) -> String {
    format!(
        "link_value is not an object: {}",
        excerpt(&value.to_string())
    )
}

fn parse(text: &str, oddities: &mut Vec<&'static str>) -> Result<Value, String> {
    // Some tools do not escape tabs and line ends in comments.
    let plain = text.replace(|c: char| c.is_control(), " ");
    let parsed = serde_json::from_str(text).or_else(|_| serde_json::from_str(&plain));
    if let Ok(value) = parsed {
        return Ok(value);
    }
    if text.chars().count() >= COLUMN {
        return Err(format!(
            "link_value was truncated by the database: {COLUMN} characters of {}",
            excerpt(text)
        ));
    }
    let html = quick_xml::escape::unescape(&plain).ok();
    let html = html
        .map(|text| text.into_owned())
        .filter(|text| *text != plain);
    let percent = percent_encoding::percent_decode_str(&plain).decode_utf8();
    let percent = percent.ok().map(|text| text.into_owned());
    let candidates = [
        (
            "link_value is escaped twice",
            Some(plain.replace("\\\"", "\"")),
        ),
        ("link_value is escaped as HTML", html),
        (
            "link_value is percent-encoded",
            percent.filter(|text| *text != plain),
        ),
        (
            "link_value is not JSON but similar to it",
            Some(relaxed(&plain)),
        ),
    ];
    let read = candidates
        .into_iter()
        .find_map(|(oddity, text)| Some((oddity, serde_json::from_str(&text?).ok()?)));
    let (oddity, value) =
        read.ok_or_else(|| format!("link_value is not JSON: {}", excerpt(text)))?;
    oddities.push(oddity);
    Ok(value)
}

/// A text with quotes, constants and names as Python and JavaScript write them, as JSON.
fn relaxed(text: &str) -> String {
    let mut json = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\'' | '"' => {
                json.push('"');
                while let Some(inner) = characters.next().filter(|inner| *inner != c) {
                    match inner {
                        '"' => json.push_str("\\\""),
                        '\\' if characters.peek() == Some(&'\'') => {
                            characters.next();
                            json.push('\'');
                        }
                        '\\' => json.extend([Some('\\'), characters.next()].into_iter().flatten()),
                        inner => json.push(inner),
                    }
                }
                json.push('"');
            }
            c if c.is_alphabetic() || c == '_' => {
                let mut word = String::from(c);
                while let Some(c) = characters.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(c);
                }
                match word.as_str() {
                    "True" | "true" => json.push_str("true"),
                    "False" | "false" => json.push_str("false"),
                    "None" | "null" | "NaN" | "nan" | "undefined" => json.push_str("null"),
                    name => json.push_str(&format!("\"{name}\"")),
                }
            }
            // A number keeps its exponent.
            c if c.is_ascii_digit() => {
                json.push(c);
                let is_of_number = |c: &char| c.is_ascii_alphanumeric() || ".+-".contains(*c);
                while let Some(c) = characters.next_if(is_of_number) {
                    json.push(c);
                }
            }
            ']' | '}' => {
                // A comma before the end.
                let end = json.trim_end().trim_end_matches(',').len();
                json.truncate(end);
                json.push(c);
            }
            '(' => json.push('['),
            ')' => json.push(']'),
            other => json.push(other),
        }
    }
    json
}

/// The object that a list stands for: four numbers, or the only object in it.
fn from_list(list: Vec<Value>, oddities: &mut Vec<&'static str>) -> Result<Value, String> {
    match list.as_slice() {
        [_, _, _, _] if list.iter().all(|side| number(side).is_some()) => {
            oddities.push(
                "link_value is not an object but a list, to be read as x, y, width and height",
            );
            let sides = SIDES.iter().map(|side| (*side).to_owned());
            Ok(Value::Object(sides.zip(list).collect()))
        }
        [Value::Object(_) | Value::Array(_)] => {
            oddities.push("link_value is not an object but a list with one");
            Ok(list.into_iter().next().unwrap_or_default())
        }
        _ => Err(not_an_object(&Value::Array(list))),
    }
}

/// The members with the sides of a box under their usual names: from an object or a list within, from capitals, from
/// short names.
fn unfolded(members: Map<String, Value>, oddities: &mut Vec<&'static str>) -> Map<String, Value> {
    let mut members = members;
    for _ in 0..DEEPEST {
        if has_sides(&members) || members.contains_key("x") {
            break;
        }
        let Some(key) = box_within(&members) else {
            break;
        };
        let inner = match members.shift_remove(&key) {
            Some(Value::Object(inner)) => inner,
            Some(Value::Array(list)) => match from_list(list, &mut Vec::new()) {
                Ok(Value::Object(inner)) => inner,
                _ => break,
            },
            _ => break,
        };
        oddities.push("box is nested in link_value");
        members.extend(inner);
    }
    if !has_sides(&members) && by_corners(&mut members) {
        oddities.push("box is given by two corners");
    }
    let other_name = |key: &str| {
        let lower = key.trim().to_lowercase();
        let other = OTHER_NAMES.iter().find(|(other, _)| *other == lower);
        let side = other.map_or(lower.as_str(), |(_, side)| side);
        let side = SIDES.iter().find(|known| **known == side && **known != key);
        side.map(|side| (*side).to_owned())
    };
    let renamed: Vec<(String, String)> = members
        .keys()
        .filter_map(|key| Some((key.clone(), other_name(key)?)))
        .filter(|(_, side)| !members.contains_key(side))
        .collect();
    if renamed.len() >= 2 {
        oddities.push("sides of the box are not called x, y, width and height");
        for (key, side) in renamed {
            let value = members.shift_remove(&key);
            members.insert(side, value.unwrap_or_default());
        }
    }
    members
}

/// Makes sides of two corners, where these are all that is given; whether they are.
fn by_corners(members: &mut Map<String, Value>) -> bool {
    let key = |name: &str| {
        let mut keys = members.keys();
        keys.find(|key| key.trim().eq_ignore_ascii_case(name))
            .cloned()
    };
    let named = CORNERS.iter().find_map(|names| {
        let keys = names.map(key);
        let [Some(left), Some(top), Some(right), Some(bottom)] = keys else {
            return None;
        };
        Some([left, top, right, bottom])
    });
    let Some(keys) = named else {
        return false;
    };
    let numbers = keys.each_ref().map(|key| members.get(key).and_then(number));
    let [Some(left), Some(top), Some(right), Some(bottom)] = numbers else {
        return false;
    };
    for key in &keys {
        members.shift_remove(key);
    }
    let sides = [left, top, right - left, bottom - top];
    for (side, value) in SIDES.iter().zip(sides) {
        let value = match value.fract() == 0.0 && value.abs() < 1e15 {
            true => Value::from(value as i64),
            false => Value::from(value),
        };
        members.insert((*side).to_owned(), value);
    }
    true
}

fn has_sides(members: &Map<String, Value>) -> bool {
    let names: Vec<String> = members
        .keys()
        .map(|key| key.trim().to_lowercase())
        .collect();
    let has = |side: &str| names.iter().any(|name| name == side);
    let other = |side: &str| OTHER_NAMES.iter().find(|(_, known)| *known == side);
    SIDES
        .iter()
        .all(|side| has(side) || other(side).is_some_and(|(other, _)| has(other)))
}

/// The name of the only member that holds a box, or an object with one.
fn box_within(members: &Map<String, Value>) -> Option<String> {
    let holds = |value: &Value| match value {
        Value::Object(inner) => has_sides(inner) || box_within(inner).is_some(),
        Value::Array(list) => list.len() == 4 && list.iter().all(|side| number(side).is_some()),
        _ => false,
    };
    let mut found = members.iter().filter(|(_, value)| holds(value));
    let (key, _) = found.next()?;
    found.next().is_none().then(|| key.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn boxes_are_found_in_every_encoding() {
        let plain = r#"{"x":1,"y":2,"width":3,"height":4,"comment":"it's"}"#;
        let twice = Value::from(plain).to_string();
        let cases = [
            (json!(plain), ""),
            (
                json!({"x": 1, "y": 2, "width": 3, "height": 4, "comment": "it's"}),
                "",
            ),
            (json!(twice), "encoded twice"),
            (
                json!(Value::from(twice.as_str()).to_string()),
                "encoded twice",
            ),
            (json!(plain.replace('"', "\\\"")), "escaped twice"),
            (json!(plain.replace('"', "&quot;")), "as HTML"),
            (
                json!(
                    "%7B%22x%22%3A1%2C%22y%22%3A2%2C%22width%22%3A3%2C%22height%22%3A4%2C%22comment%22%3A%22it's%22%7D"
                ),
                "percent-encoded",
            ),
            (
                json!("{'x': 1, 'y': 2, 'width': 3, 'height': 4, 'comment': 'it\\'s'}"),
                "similar to it",
            ),
            (
                json!("{x: 1, y: 2, width: 3, height: 4, comment: \"it's\",}"),
                "similar to it",
            ),
            (
                json!({"box": {"x": 1, "y": 2, "width": 3, "height": 4}, "comment": "it's"}),
                "nested",
            ),
            (
                json!({"a": {"b": {"x": 1, "y": 2, "width": 3, "height": 4}}, "comment": "it's"}),
                "nested",
            ),
            (json!({"bbox": [1, 2, 3, 4], "comment": "it's"}), "nested"),
            (
                json!([{"x": 1, "y": 2, "width": 3, "height": 4, "comment": "it's"}]),
                "list with one",
            ),
            (
                json!({"X": 1, "Y": 2, "Width": 3, "HEIGHT": 4, "comment": "it's"}),
                "not called",
            ),
            (
                json!({"left": 1, "top": 2, "w": 3, "h": 4, "comment": "it's"}),
                "not called",
            ),
            (
                json!({"left": 1, "top": 2, "right": 4, "Bottom": 6, "comment": "it's"}),
                "two corners",
            ),
            (
                json!({"x1": "1", "y1": 2, "x2": 4, "y2": 6, "comment": "it's"}),
                "two corners",
            ),
        ];
        for (value, oddity) in cases {
            let found = read(&value).unwrap();
            for (side, wanted) in SIDES.iter().zip(1..) {
                assert_eq!(found.members[*side], wanted, "{value}");
            }
            assert_eq!(found.members["comment"], "it's", "{value}");
            let oddities = found.oddities.join(" ");
            assert!(oddities.contains(oddity), "{value}: {oddities}");
            assert_eq!(
                oddity.is_empty(),
                oddities.is_empty(),
                "{value}: {oddities}"
            );
            assert!(is_box(&value), "{value}");
        }
        let list = read(&json!("[1,2,3,4]")).unwrap();
        assert_eq!(list.members["height"], 4);
        for value in [
            json!("999"),
            json!("[1,2]"),
            json!("self"),
            json!({"a": {"x": 1}}),
            json!(null),
        ] {
            assert!(!is_box(&value), "{value}");
        }
        let python = read(&json!(
            "{'a': None, 'b': True, 'c': (1, 2e-3), 'd': 'say \"x\"'}"
        ))
        .unwrap();
        let wanted = json!({"a": null, "b": true, "c": [1, 2e-3], "d": "say \"x\""});
        assert_eq!(Value::Object(python.members), wanted);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\{\\}\\[\\]()'\":,xyw1. \\\\aeN&%-]*") {
            let _ = read(&Value::from(text));
        }
    }
}
