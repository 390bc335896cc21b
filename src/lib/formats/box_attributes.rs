//! Attributes of boxes: which say something further, and how formats that can hold any of them write them.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::dataset::{Dataset, DatasetBox, Flags};
use crate::contracts::{AttributeValue, BorrowedAttributes, Text};

/// Attributes of boxes that are nothing further: formats write them in their own ways, or say themselves that they do not; and what
/// every Web Annotation says of itself.
const USED: [&str; 21] = [
    "about",
    "annotation",
    "baseline",
    "body",
    "confidence",
    "created",
    "creator",
    "format",
    "generator",
    "granularity",
    "language",
    "model_version",
    "modified",
    "motivation",
    "order",
    "parent",
    "pose",
    "predicted",
    "tags",
    "text",
    "text_source",
];

/// Whether an attribute of this name says something for which no format but those that hold all attributes has a place.
pub fn is_further(name: &str) -> bool {
    !USED.contains(&name) && !is_points(name) && !Flags::is_named(name)
}

/// Lines and points, which are told apart: few formats hold them.
fn is_points(name: &str) -> bool {
    name == "baseline" || name.ends_with("keypoints")
}

/// The attributes of a box but those for which a format has places of its own.
pub struct Others<'a> {
    attributes: &'a BorrowedAttributes<'a>,
    has_place: fn(&str) -> bool,
}

impl<'a> Others<'a> {
    /// All but those of which `has_place` is true.
    pub fn of(b: &'a DatasetBox<'a>, has_place: fn(&str) -> bool) -> Self {
        Others {
            attributes: &b.attributes,
            has_place,
        }
    }

    /// All but the text, lines and points.
    pub fn besides_text(b: &'a DatasetBox<'a>) -> Self {
        Others::of(b, |name| name == "text" || is_points(name))
    }

    /// All but the text, lines and points, and the flags.
    pub fn besides_flags(b: &'a DatasetBox<'a>) -> Self {
        Others::of(b, has_usual_place)
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'a Text<'a>, &'a AttributeValue<'a>)> + use<'a> {
        let has_place = self.has_place;
        let all = self.attributes.iter();
        all.filter(move |(name, _)| !has_place(name))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// As an object.
    pub fn object(&self) -> Map<String, Value> {
        let member = |(name, value): (&Text, &AttributeValue)| {
            (name.to_string(), value.to_json().into_owned())
        };
        self.iter().map(member).collect()
    }

    /// As JSON in a text. It is the same type whatever attributes there are: columns cannot have one for each image.
    pub fn json(&self) -> String {
        // Only values of JSON with text keys.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Others<'_> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.iter())
    }
}

/// What [`Others::besides_flags`] leaves out.
fn has_usual_place(name: &str) -> bool {
    name == "text" || is_points(name) || Flags::is_named(name)
}

/// The names of all attributes of a set, as [`Others::besides_flags`] has them, and what each is called where some names
/// are taken.
pub fn names<'a>(dataset: &'a Dataset, taken: &[&str]) -> Vec<(&'a str, String)> {
    let keys = dataset.box_keys.iter().map(String::as_str);
    let keys: BTreeSet<&str> = keys.filter(|key| !has_usual_place(key)).collect();
    let free = |key: &&'a str| {
        let mut name = (*key).to_owned();
        while taken.contains(&name.as_str()) || name != **key && keys.contains(name.as_str()) {
            name.push('_');
        }
        (*key, name)
    };
    keys.iter().map(free).collect()
}

/// What stands between several texts in one.
pub const JOIN: &str = " | ";

/// A value as a text: texts as they are, lists of texts joined, anything else as JSON.
pub fn as_text(value: &AttributeValue) -> String {
    let value = match value {
        AttributeValue::Text(text) => return text.to_string(),
        AttributeValue::Other(value) => value,
    };
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            texts.map_or_else(|| value.to_string(), |texts| texts.join(JOIN))
        }
        other => other.to_string(),
    }
}
