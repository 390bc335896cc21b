//! The JSON-MIN form of Label Studio: what each tag says stands in a member of its own.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::labelstudio::{Reading, Region, statements};
use super::loose_json::shown;
use crate::summary::counted;
use crate::values::{self, excerpt};

/// Kinds of statements without a place.
const KINDS: [&str; 6] = [
    "choices", "taxonomy", "text", "rating", "number", "datetime",
];

/// Regions of a task with what tells them apart, in the order in which they are drawn.
type Regions = Vec<(String, Region)>;

impl Reading<'_> {
    /// Reads a task; returns how many regions there are. What is said of one region stands in several members, with the same place or
    /// in the same order.
    pub(super) fn minimal(&mut self, place: &str, task: &Map<String, Value>) -> usize {
        let mut regions = Regions::new();
        let members = || task.iter().filter(|(name, _)| !is_about_task(name));
        for (name, list) in members() {
            self.drawn(place, name, list, &mut regions);
        }
        for (name, said) in members() {
            self.beside(place, name, said, &mut regions);
        }
        let count = regions.len();
        for (_, region) in regions {
            self.finish(region, &BTreeMap::new());
        }
        count
    }

    /// The items of a member that have places.
    fn drawn(&mut self, place: &str, name: &str, list: &Value, regions: &mut Regions) {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for (i, item) in values::list(list).enumerate() {
            let Some((item, at)) = item
                .as_object()
                .and_then(|item| Some((item, place_of(item)?)))
            else {
                continue;
            };
            // Two alike in one member are two.
            let times = times.entry(at.clone()).or_default();
            *times += 1;
            let key = format!("{at} {times}");
            let place = format!("{place}.{name}[{i}]");
            let known = regions.iter().position(|(other, _)| *other == key);
            let number = known.unwrap_or(regions.len());
            if known.is_none() {
                let region = Region {
                    place: place.clone(),
                    ..Region::default()
                };
                regions.push((key, region));
            }
            let region = &mut regions[number].1;
            let result = result_of(item, kind_of(item), name);
            if let Err((field, problem)) = self.result(region, &result) {
                region.is_listed = true;
                self.document.reject(&place, field, problem);
            }
            let mut others = KINDS.iter().filter(|kind| **kind != "text");
            if let Some(kind) = others.find(|kind| item.contains_key(**kind)) {
                statements(region, &result, kind, &result["value"]);
            }
        }
    }

    /// What a member says without places: of each region, in their order, or of the image.
    fn beside(&mut self, place: &str, name: &str, said: &Value, regions: &mut Regions) {
        let is_class = ["choice", "choices", "class"].contains(&name);
        let items: Vec<(String, &Value)> = match said {
            Value::String(text) if is_class => {
                let text = text.trim().to_owned();
                return self
                    .labels
                    .extend(Some(text).filter(|text| !text.is_empty()));
            }
            // Other texts alone cannot be told from the data of the task.
            Value::String(_) if !(is_transcription(name) && regions.len() == 1) => return,
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items
                    .map(|(i, item)| (format!("{place}.{name}[{i}]"), item))
                    .collect()
            }
            Value::String(_) | Value::Object(_) => vec![(format!("{place}.{name}"), said)],
            _ => return,
        };
        let is_drawn = |item: &Value| item.as_object().and_then(place_of).is_some();
        let items: Vec<_> = items
            .into_iter()
            .filter(|(_, item)| !is_drawn(item))
            .collect();
        let is_each = !said.is_object() && !regions.is_empty() && items.len() == regions.len();
        for (n, (place, item)) in items.into_iter().enumerate() {
            if is_each {
                state(&mut regions[n].1, name, item);
            } else if !item.is_object() && !regions.is_empty() {
                let regions = counted(regions.len() as u64, "region", "regions");
                let text = values::text(item).unwrap_or_else(|| shown(item));
                let problem = format!(
                    "statement beside {regions} is about an unknown one: {}",
                    excerpt(&text)
                );
                self.document.reject(&place, "value", problem);
            } else {
                let mut alone = Region {
                    place,
                    ..Region::default()
                };
                match item {
                    Value::Object(_) => state(&mut alone, name, item),
                    item => alone
                        .labels
                        .extend(values::text(item).or_else(|| Some(shown(item)))),
                }
                self.finish(alone, &BTreeMap::new());
            }
        }
    }
}

/// Adds to a region what an item says.
fn state(region: &mut Region, name: &str, item: &Value) {
    if let Value::Object(members) = item {
        let kind = KINDS.iter().find(|kind| members.contains_key(**kind));
        let kind = match kind {
            Some(&"text") => "textarea",
            Some(kind) => kind,
            None => "labels",
        };
        return statements(region, &result_of(members, kind, name), kind, item);
    }
    let text = values::text(item).unwrap_or_else(|| shown(item));
    let name = if is_transcription(name) { "text" } else { name };
    region.attributes.insert(name.to_owned(), text.into());
}

/// An item as a result of the other form.
fn result_of(item: &Map<String, Value>, kind: &str, name: &str) -> Map<String, Value> {
    let mut result = item.clone();
    result.insert("type".into(), kind.into());
    result.insert("from_name".into(), name.into());
    result.insert("value".into(), Value::Object(item.clone()));
    result
}

/// What an item with a place is.
fn kind_of(item: &Map<String, Value>) -> &str {
    let has = |name: &str| item.contains_key(name);
    let mut named = item
        .keys()
        .filter(|key| key.ends_with("labels") && *key != "labels");
    match named.next() {
        Some(kind) => kind,
        None if has("points") => "polygon",
        None if has("radiusX") => "ellipse",
        None if has("rle") => "brush",
        None if has("x") && !has("width") => "keypoint",
        None => "rectangle",
    }
}

/// Where an item is, as a text: those of one region have the same. None if it has no place.
fn place_of(item: &Map<String, Value>) -> Option<String> {
    const PLACE: [&str; 9] = [
        "x", "y", "width", "height", "radiusX", "radiusY", "rotation", "points", "rle",
    ];
    let is_placed = ["x", "points", "rle"]
        .iter()
        .any(|name| item.contains_key(*name));
    let place = PLACE.map(|name| item.get(name).map(Value::to_string).unwrap_or_default());
    is_placed.then(|| place.join(" "))
}

/// Members of a task that are not what a tag says.
fn is_about_task(name: &str) -> bool {
    const OWN: [&str; 12] = [
        "data",
        "meta",
        "annotations",
        "completions",
        "predictions",
        "drafts",
        "annotator",
        "comment_authors",
        "agreement",
        "created_username",
        "completed_by",
        "updated_by",
    ];
    OWN.contains(&name)
}

/// Whether texts of a tag with this name are transcriptions: the form does not say what a tag is.
fn is_transcription(name: &str) -> bool {
    let name = name.to_lowercase();
    ["text", "transcri", "ocr", "caption"]
        .iter()
        .any(|word| name.contains(word))
}
