//! What selects a part of a resource, in whatever words: members of targets, of what is painted, and of selectors.

use serde_json::Value;

use super::values::{described, is_spelled, kind, local_name, spelled, spelled_as};
use crate::selectors::{Part, fragment};
use crate::sources::is_url;

/// What refines a selector, by `refinedBy` in any case: what it selects is never taken for what the selector selects alone.
pub fn refining_as(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members = value.as_object().into_iter().flatten();
    let is_meant = |name: &str| is_spelled(name, "refinedBy") || plain(name) == "refinedby";
    let held = members.filter(move |(name, held)| !held.is_null() && is_meant(name));
    held.map(|(name, held)| (name.as_str(), held))
}

/// Everything that refines a selector, as a list.
pub fn refining(value: &Value) -> Vec<&Value> {
    let held = refining_as(value);
    held.flat_map(|(_, held)| match held {
        Value::Array(values) => values.iter().collect(),
        held => vec![held],
    })
    .collect()
}

/// The selectors of a resource. A state may be refined by a selector too (Web Annotation 4.3.3).
pub fn selectors_of(value: &Value) -> Vec<&Value> {
    fn of_state(state: &Value) -> Vec<&Value> {
        let refined = refining(state).into_iter();
        refined
            .flat_map(|value| match kind(value).ends_with("state") {
                true => of_state(value),
                false => vec![value],
            })
            .collect()
    }
    if !value.is_object() {
        return Vec::new();
    }
    let states = spelled(value, &["state"]).into_iter();
    let mut selectors = spelled(value, &["selector"]);
    selectors.extend(states.filter(|s| s.is_object()).flat_map(of_state));
    selectors
}

/// Whether `selector` is there and empty.
pub fn has_empty_selector(value: &Value) -> bool {
    let mut given = spelled_as(value, &["selector"]);
    given.any(|(_, value)| value.as_array().is_some_and(Vec::is_empty))
}

/// Names of members by which some select a part, in small letters, without prefix, `has`, `-` and `_`.
const NAMES: [&str; 20] = [
    "bbox",
    "boundingbox",
    "bounds",
    "box",
    "coordinates",
    "coords",
    "crop",
    "fragment",
    "geometry",
    "path",
    "points",
    "polygon",
    "rect",
    "rectangle",
    "region",
    "roi",
    "shape",
    "svg",
    "viewbox",
    "xywh",
];

/// Members whose values are words for people or names of things, whatever they look like.
const WORDS: [&str; 16] = [
    "@context",
    "@id",
    "@type",
    "attributes",
    "created",
    "description",
    "id",
    "identifier",
    "label",
    "modified",
    "name",
    "note",
    "prefLabel",
    "summary",
    "title",
    "type",
];

/// The member of a resource that selects a part of it in words that nothing here reads, by its name or by what it holds;
/// none if there is none. `read` are members that are read elsewhere.
pub fn unread_member<'v>(value: &'v Value, read: &[&str]) -> Option<&'v str> {
    let members = value.as_object().into_iter().flatten();
    let has = |name: &str| spelled_as(value, &[name]).any(|(_, value)| is_number(value));
    let at = (has("x") && has("y")).then_some("x");
    let selects = |(name, value): &(&'v String, &Value)| {
        let is_read = read.iter().any(|read| is_spelled(name, read));
        !is_read && !value.is_null() && !value.is_boolean() && {
            let is_colour = ["color", "colour"]
                .iter()
                .any(|c| name.to_lowercase().contains(c));
            let is_word = is_colour || WORDS.iter().any(|word| is_spelled(name, word));
            let is_whole =
                value.as_str() == Some("full") || value.as_array().is_some_and(Vec::is_empty);
            let is_said = || is_drawn(value) || is_place(name) && is_part(value);
            !is_whole && (is_named(name, value) || (!is_word && is_said()))
        }
    };
    let mut members = members.filter(selects);
    members.next().map(|(name, _)| name.as_str()).or(at)
}

/// Whether a member may select by what it holds: by such a name, or by saying `xywh=` or drawing. Descriptions of files have numbers
/// of all kinds (`exif`, `resolution`, `scaleFactors`).
fn is_place(name: &str) -> bool {
    const PLACES: [&str; 8] = [
        "area", "at", "hull", "location", "outline", "place", "position", "zone",
    ];
    let plain = local_name(name).to_ascii_lowercase();
    PLACES.contains(&plain.as_str())
}

/// The name of a member in small letters, without prefix, `-` and `_`.
fn plain(name: &str) -> String {
    let letters = local_name(name).chars().filter(|c| !"-_".contains(*c));
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether the name of a member says that it selects.
fn is_named(name: &str, value: &Value) -> bool {
    let plain = plain(name);
    let plain = plain.strip_prefix("has").unwrap_or(&plain);
    // The place of a file.
    let is_file = || plain == "path" && value.as_str().is_some_and(|text| text.contains('/'));
    plain.contains("selector") || (NAMES.contains(&plain) && !is_file())
}

/// Whether a value says `xywh=`, or draws.
fn is_drawn(value: &Value) -> bool {
    let text = value.as_str().filter(|text| !is_url(text));
    text.is_some_and(|text| text.trim_start().starts_with("xywh=") || text.contains("<svg"))
}

/// Whether a value can only be a part of an image: `xywh=` or four numbers, a drawing, points, `x` and `y`.
fn is_part(value: &Value) -> bool {
    match value {
        Value::String(text) if is_url(text) => false,
        Value::String(text) => {
            let part = fragment::part(text);
            matches!(part, Ok(Part::Pixels(_) | Part::Percent(_))) || text.contains("<svg")
        }
        Value::Array(values) => {
            let is_point = |value: &Value| {
                let numbers = value.as_array();
                numbers.is_some_and(|n| n.len() == 2 && n.iter().all(Value::is_number))
            };
            (values.len() == 4 && values.iter().all(Value::is_number))
                || (values.len() > 1 && values.iter().all(is_point))
        }
        Value::Object(_) => ["x", "y"].iter().all(|name| is_number(&value[*name])),
        _ => false,
    }
}

fn is_number(value: &Value) -> bool {
    match value {
        Value::String(text) => text.trim().parse::<f64>().is_ok(),
        value => value.is_number(),
    }
}

/// The region of a selector of the Image API; none if it selects all of the image.
///
/// # Errors
/// It is not known which region that is.
pub fn image_api_region(selector: &Value) -> Result<Option<String>, String> {
    if let Some(region) = image_api_member(selector, "region")? {
        return Ok(Some(region));
    }
    let value = spelled_as(selector, &["value", "chars"]).map(|(name, _)| name);
    match value.into_iter().next().or(unread_member(selector, &[])) {
        Some(name) => Err(format!("selector selects a part in an unknown way: {name}")),
        None => Ok(None),
    }
}

/// What a selector of the Image API says by a member, in any case and with any prefix; none if it says nothing.
///
/// # Errors
/// It says several things, or in a way that is not understood.
pub fn image_api_member(selector: &Value, name: &str) -> Result<Option<String>, String> {
    let members = selector.as_object().into_iter().flatten();
    let is_meant =
        |member: &str| is_spelled(member, name) || local_name(member).eq_ignore_ascii_case(name);
    let mut said: Option<String> = None;
    for (member, value) in members.filter(|(member, v)| !v.is_null() && is_meant(member)) {
        let texts = written(value);
        if texts.is_empty() {
            let found = described(value);
            return Err(format!("selector cannot be read: {member} is {found}"));
        }
        for text in texts.into_iter().map(|text| text.trim().to_owned()) {
            if let Some(first) = said.as_ref().filter(|first| **first != text) {
                return Err(format!(
                    "selector says several things at once: {member} is {first} and {text}"
                ));
            }
            said = Some(text);
        }
    }
    Ok(said)
}

/// The problem of a selector that cannot be read.
pub fn unread(selector: &Value) -> String {
    format!("selector cannot be read: {}", described(selector))
}

/// The texts of a selector: most have one.
pub fn values_of(selector: &Value) -> Vec<String> {
    match selector {
        Value::String(text) => vec![text.clone()],
        Value::Object(_) => {
            let values = spelled_as(selector, &["value", "chars"]);
            values.flat_map(|(_, value)| written(value)).collect()
        }
        _ => Vec::new(),
    }
}

/// Texts as selectors write them: also in a list, as a number or four, or with `@value`.
fn written(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(values) if values.len() == 4 && values.iter().all(Value::is_number) => {
            let numbers: Vec<String> = values.iter().map(Value::to_string).collect();
            vec![numbers.join(",")]
        }
        Value::Array(values) => values.iter().flat_map(written).collect(),
        Value::Object(_) => written(&value["@value"]),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_selects_is_known_by_its_name_or_by_what_it_holds() {
        let cases = [
            (json!({"oa:bounding_box": "left"}), Some("oa:bounding_box")),
            (json!({"hasRegion": "left"}), Some("hasRegion")),
            (json!({"svgSelector": "left"}), Some("svgSelector")),
            (json!({"area": "10,20,30,40"}), Some("area")),
            (json!({"place": [10, 20, 30, 40]}), Some("place")),
            (json!({"hull": [[1, 2], [3, 4], [5, 6]]}), Some("hull")),
            (json!({"zone": {"x": 1, "y": "2"}}), Some("zone")),
            (json!({"where": "xywh=1,2,3,4"}), Some("where")),
            (json!({"drawn": "<svg><g/></svg>"}), Some("drawn")),
            (json!({"x": 1, "y": 2, "w": 3, "h": 4}), Some("x")),
            // Read elsewhere, names and words, sizes, places in files and in time.
            (json!({"selector": {"value": "xywh=1,2,3,4"}}), None),
            (json!({"label": "1,2,3,4", "id": "a#xywh=1,2,3,4"}), None),
            (json!({"width": 1000, "height": 800, "area": 800_000}), None),
            (json!({"path": "a/b.jpg", "box": null, "crop": false}), None),
            (
                json!({"exif": {"x": 72, "y": 72}, "resolution": {"x": 300, "y": 300}}),
                None,
            ),
            (
                json!({"scaleFactors": [1, 2, 4, 8], "dcterms:extent": "1,2,3,4"}),
                None,
            ),
            (json!({"region": "full", "points": []}), None),
            (
                json!({"thumbnail": "https://a/1,2,3,4/90,/0/default.jpg"}),
                None,
            ),
        ];
        for (value, wanted) in cases {
            assert_eq!(unread_member(&value, &["selector"]), wanted, "{value}");
        }
    }
}
