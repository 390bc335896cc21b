//! What the ranges of a manifest name: canvases and parts of them. Pure.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::values::{absolute, has, id, kind, label, members, members_of, spelled};
use crate::image_names::far;

/// Members of a range that hold or name canvases and ranges.
pub const NAMED: [&str; 4] = ["items", "members", "ranges", "canvases"];

/// Members of a canvas that hold its images.
pub const CONTENT: [&str; 4] = ["images", "resources", "items", "content"];

/// What the ranges of a manifest say of its canvases.
#[derive(Default)]
pub struct InRanges<'v> {
    /// Canvases that stand in ranges and nowhere else, with their content.
    pub canvases: Vec<&'v Value>,
    places: HashSet<*const Value>,
    /// By the names of canvases, as [`far`] spells them: the labels of the ranges that name them as a whole.
    labels: HashMap<String, Vec<String>>,
    /// How many bytes these labels are.
    pub bytes: usize,
}

impl<'v> InRanges<'v> {
    /// What the ranges of a manifest say, beside its own canvases. Labels that are more than `most` bytes are counted and not held.
    pub fn of(
        manifest: &'v Value,
        own: impl Iterator<Item = &'v Value>,
        base: &str,
        most: usize,
    ) -> Self {
        let mut found = InRanges::default();
        let mut ranges = Vec::new();
        for range in members(manifest, "structures") {
            ranges_in(range, &mut ranges);
        }
        let name_of = |value: &Value| id(value).map(|id| far(&absolute(base, id)));
        let own = own.filter(|canvas| holds_content(canvas));
        let mut known: HashSet<String> = match ranges.is_empty() {
            true => HashSet::new(),
            false => own.filter_map(name_of).collect(),
        };
        for range in ranges {
            let label = label(&range["label"]);
            let named = members_of(range, &NAMED).into_iter();
            for named in named.filter(|named| kind(named) != "range") {
                let sources = spelled(named, &["full", "source"]);
                for canvas in std::iter::once(named).chain(sources.iter().copied()) {
                    let is_canvas = matches!(kind(canvas).as_str(), "canvas" | "");
                    let is_whole = is_canvas && holds_content(canvas);
                    if is_whole && name_of(canvas).is_none_or(|name| known.insert(name)) {
                        found.canvases.push(canvas);
                        found.places.insert(std::ptr::from_ref(canvas));
                    }
                }
                let is_part = !spelled(named, &["selector"]).is_empty();
                let name = sources.first().copied().unwrap_or(named);
                let (Some(label), Some(name), false) = (&label, name_of(name), is_part) else {
                    continue;
                };
                found.bytes = found.bytes.saturating_add(label.len());
                if found.bytes > most {
                    found.labels.clear();
                    continue;
                }
                let labels = found.labels.entry(name).or_default();
                if !labels.contains(label) {
                    labels.push(label.clone());
                }
            }
        }
        found
    }

    /// Whether a value is one of these canvases.
    pub fn holds(&self, value: &Value) -> bool {
        self.places.contains(&std::ptr::from_ref(value))
    }

    /// The labels of the ranges that name a canvas as a whole.
    pub fn labels_of(&self, canvas: &str) -> &[String] {
        self.labels.get(&far(canvas)).map_or(&[], Vec::as_slice)
    }
}

/// A range and the ranges in it, in their order.
fn ranges_in<'v>(range: &'v Value, found: &mut Vec<&'v Value>) {
    found.push(range);
    let inner = members_of(range, &NAMED).into_iter();
    for inner in inner.filter(|inner| kind(inner) == "range") {
        ranges_in(inner, found);
    }
}

fn holds_content(canvas: &Value) -> bool {
    canvas.is_object() && !members_of(canvas, &CONTENT).is_empty()
}

/// What a range or a curation names, without what else is said of it: a target.
pub fn target(named: &Value) -> Value {
    const SAID: [&str; 14] = [
        "annotations",
        "behavior",
        "content",
        "description",
        "images",
        "items",
        "label",
        "metadata",
        "otherContent",
        "rendering",
        "seeAlso",
        "service",
        "summary",
        "thumbnail",
    ];
    match named.as_object() {
        None => named.clone(),
        Some(members) => {
            let is_said = |name: &str| SAID.contains(&name);
            let kept = members.iter().filter(|(name, _)| !is_said(name));
            let kept = kept.map(|(name, value)| (name.clone(), value.clone()));
            Value::Object(kept.collect())
        }
    }
}

/// Whether something is only named, and what it holds stands elsewhere.
pub fn is_only_named(canvas: &Value) -> bool {
    let own = ["width", "height", "otherContent"];
    let mut members = CONTENT.iter().chain(&own);
    members.all(|member| !has(canvas, member))
}
