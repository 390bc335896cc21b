//! Localizations: the associations of an observation that give its position on an image.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::contracts::{BBox, Region, Space};
use crate::values::{number, text, uuid};

/// The link name of boxes.
const BOX: &str = "bounding box";
/// What the link names of other shapes begin with.
const SHAPE: &str = "localization-";
/// Names of the member with the image reference: the usual one, a misspelling by one tool, an early proposal.
const REFERENCES: &[&str] = &[
    "image_reference_uuid",
    "image_reference_uuuid",
    "imageReferenceUuid",
];
/// Ends the problem of a box that is unusual but can be used.
const REPAIR: &str = "--repair-boxes accepts it";
/// The longest text that the database stores, in characters.
const COLUMN: usize = 1024;

/// A position on an image, in its pixels.
#[derive(Debug, PartialEq)]
pub struct ParsedLocalization {
    /// The regions: one, or one for each point.
    pub regions: Vec<Region>,
    /// The image reference that it was drawn on, if it is recorded.
    pub reference: Option<String>,
    /// All other members.
    pub attributes: BTreeMap<String, Value>,
}

/// Whether an association gives a position.
pub fn is_localization(association: &Value) -> bool {
    let link = association["link_name"].as_str().unwrap_or_default().trim();
    link == BOX || link.starts_with(SHAPE)
}

/// Reads an association for which [`is_localization`] holds. The tools that draw boxes write whole numbers and begin on the
/// image; `repair` also accepts other boxes.
///
/// # Errors
/// The problem of a reject.
pub fn read(association: &Value, repair: bool) -> Result<ParsedLocalization, String> {
    let link = association["link_name"].as_str().unwrap_or_default().trim();
    let mut members = members(&association["link_value"])?;
    let regions = match link.strip_prefix(SHAPE) {
        None => vec![bounding_box(&members, repair)?],
        Some(kind) => shape(kind, &members)?,
    };
    let reference = reference(&members)?;
    members.retain(|key, _| {
        let is_place = ["x", "y", "width", "height"].contains(&key.as_str());
        !is_place && !REFERENCES.contains(&key.as_str())
    });
    let mut attributes: BTreeMap<String, Value> = members.into_iter().collect();
    if link == BOX {
        // The name of a verifier shows that the box was verified.
        let verified = attributes.get("verifier").and_then(text).is_some();
        attributes.insert("verified".into(), verified.into());
    } else {
        attributes.insert("link_name".into(), link.into());
    }
    Ok(ParsedLocalization {
        regions,
        reference,
        attributes,
    })
}

fn members(link_value: &Value) -> Result<Map<String, Value>, String> {
    let json = match link_value {
        // Some services send the stored JSON as JSON, not as a string.
        Value::Object(members) => return Ok(members.clone()),
        Value::String(json) => json,
        _ => return Err("link_value is missing".into()),
    };
    // Some tools do not escape tabs and line ends in comments.
    let parsed = serde_json::from_str(json)
        .or_else(|_| serde_json::from_str(&json.replace(|c: char| c.is_control(), " ")));
    match parsed {
        Ok(Value::Object(members)) => Ok(members),
        Ok(other) => Err(format!(
            "link_value is not an object: {}",
            excerpt(&other.to_string())
        )),
        Err(_) if json.chars().count() >= COLUMN => Err(format!(
            "link_value was truncated by the database: {COLUMN} characters of {}",
            excerpt(json)
        )),
        Err(_) => Err(format!("link_value is not JSON: {}", excerpt(json))),
    }
}

fn excerpt(text: &str) -> String {
    crate::values::excerpt(text)
}

fn bounding_box(members: &Map<String, Value>, repair: bool) -> Result<Region, String> {
    let side = |key: &str| match members.get(key) {
        None | Some(Value::Null) => Err(format!("{key} of the box is missing: {}", keys(members))),
        Some(value) => {
            let side = number(value)
                .ok_or_else(|| format!("{key} of the box is not a number: {value}"))?;
            let is_whole = value.is_i64() || value.is_u64();
            match repair || is_whole {
                true => Ok(side),
                false => Err(format!(
                    "{key} of the box is not a whole number, {REPAIR}: {value}"
                )),
            }
        }
    };
    let numbers = [side("x")?, side("y")?, side("width")?, side("height")?];
    let bbox = BBox::try_from(numbers)
        .map_err(|_| format!("box is empty: {} x {}", numbers[2], numbers[3]))?;
    if !repair && (bbox.x < 0.0 || bbox.y < 0.0) {
        let at = format!("{}, {}", bbox.x, bbox.y);
        return Err(format!("box begins outside its image, {REPAIR}: {at}"));
    }
    Ok(Region {
        frame: Space::Image,
        fragment: Some(fragment(&bbox)),
        ..Region::default()
    })
}

fn keys(members: &Map<String, Value>) -> String {
    let keys: Vec<&str> = members.keys().map(String::as_str).collect();
    format!("members are {}", keys.join(", "))
}

fn fragment(b: &BBox) -> String {
    format!("xywh={},{},{},{}", b.x, b.y, b.width, b.height)
}

/// Reads points, a line or a polygon: as many x as y.
fn shape(kind: &str, members: &Map<String, Value>) -> Result<Vec<Region>, String> {
    let points = points(members)?;
    let image = |svg, fragment, point| Region {
        frame: Space::Image,
        fragment,
        svg,
        point,
    };
    let drawn = |element: &str| {
        let corners: Vec<String> = points.iter().map(|[x, y]| format!("{x},{y}")).collect();
        Some(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\"><{element} points=\"{}\"/></svg>",
            corners.join(" ")
        ))
    };
    let around = BBox::around(points.iter().copied()).ok();
    match (kind.trim_end_matches('s'), points.len()) {
        (_, 0) => Err(format!("{kind} without points")),
        ("point", _) => Ok(points.iter().map(|p| image(None, None, Some(*p))).collect()),
        ("polygon", n) if n < 3 => Err(format!("polygon has too few points: {n}")),
        ("polygon", _) => Ok(vec![image(drawn("polygon"), None, None)]),
        // A line does not enclose an area: a detector gets the box around it.
        ("line", _) => Ok(vec![image(
            drawn("polyline"),
            around.as_ref().map(fragment),
            None,
        )]),
        _ => Err(format!("unknown kind of localization: {SHAPE}{kind}")),
    }
}

fn points(members: &Map<String, Value>) -> Result<Vec<[f64; 2]>, String> {
    let numbers = |key: &str| -> Result<Vec<f64>, String> {
        let not_a_list = || format!("{key} is not a list of numbers: {}", keys(members));
        let list: Vec<&Value> = match members.get(key) {
            Some(Value::Array(list)) => list.iter().collect(),
            // A single point may be written without brackets.
            Some(one) => vec![one],
            None => return Err(not_a_list()),
        };
        let all: Option<Vec<f64>> = list.into_iter().map(number).collect();
        all.ok_or_else(not_a_list)
    };
    let (x, y) = (numbers("x")?, numbers("y")?);
    match x.len() == y.len() {
        true => Ok(x.into_iter().zip(y).map(|(x, y)| [x, y]).collect()),
        false => Err(format!(
            "x and y have different lengths: {} and {}",
            x.len(),
            y.len()
        )),
    }
}

fn reference(members: &Map<String, Value>) -> Result<Option<String>, String> {
    let named = REFERENCES.iter().find_map(|key| text(members.get(*key)?));
    let Some(named) = named else {
        return Ok(None);
    };
    let not_a_uuid = || format!("image reference is not a UUID: {}", excerpt(&named));
    uuid(&named).map(Some).ok_or_else(not_a_uuid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const REFERENCE: &str = "cf228433-d0dd-4f1e-2b6d-6df50ea49d1e";

    fn of(link: &str, value: &str) -> Result<ParsedLocalization, String> {
        let association = json!({"link_name": link, "link_value": value});
        assert!(is_localization(&association));
        read(&association, false)
    }

    fn repaired(link: &str, value: &str) -> Result<ParsedLocalization, String> {
        read(&json!({"link_name": link, "link_value": value}), true)
    }

    #[test]
    fn boxes_are_read_however_their_numbers_are_written() {
        let upper = REFERENCE.to_uppercase();
        let cases = [
            (
                format!(r#"{{"x":1,"y":2,"width":3,"height":4,"image_reference_uuid":"{upper}"}}"#),
                "xywh=1,2,3,4",
            ),
            (
                format!(
                    r#"{{"x":1.5,"y":"2","width":"3","height":4.0,"image_reference_uuuid":"{REFERENCE}"}}"#
                ),
                "xywh=1.5,2,3,4",
            ),
            (
                format!(
                    r#"{{"x":-1,"y":-2,"width":3,"height":4,"imageReferenceUuid":"{REFERENCE}"}}"#
                ),
                "xywh=-1,-2,3,4",
            ),
        ];
        for (value, wanted) in cases {
            let found = repaired("bounding box", &value).unwrap();
            assert_eq!(
                found.regions[0].fragment.as_deref(),
                Some(wanted),
                "{value}"
            );
            assert_eq!(found.reference.as_deref(), Some(REFERENCE), "{value}");
        }
        let found = of(
            "bounding box",
            r#"{"x":1,"y":2,"width":3,"height":4,"verifier":"a","tags":["t"],"other":null}"#,
        )
        .unwrap();
        let attributes = serde_json::to_value(&found.attributes).unwrap();
        assert_eq!(
            attributes,
            json!({"other": null, "tags": ["t"], "verified": true, "verifier": "a"})
        );
        assert_eq!(found.reference, None);
    }

    #[test]
    fn shapes_become_regions() {
        let value =
            format!(r#"{{"x":[1,9,9],"y":[1,1,"8"],"image_reference_uuuid":"{REFERENCE}"}}"#);
        let polygon = of("localization-polygon", &value).unwrap();
        assert!(
            polygon.regions[0]
                .svg
                .as_deref()
                .unwrap()
                .contains("points=\"1,1 9,1 9,8\"")
        );
        assert_eq!(polygon.reference.as_deref(), Some(REFERENCE));
        assert_eq!(polygon.attributes["link_name"], "localization-polygon");
        let line = of("localization-line", r#"{"x":[1,9],"y":[1,8]}"#).unwrap();
        assert_eq!(line.regions[0].fragment.as_deref(), Some("xywh=1,1,8,7"));
        let points = of("localization-point", r#"{"x":[1,9],"y":[1,8]}"#).unwrap();
        assert_eq!(points.regions[1].point, Some([9.0, 8.0]));
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_a_reason() {
        let long = format!("{{\"x\":1,\"comment\":\"{}", "x".repeat(COLUMN));
        let cases = [
            (
                "bounding box",
                "{\"x\":1",
                "link_value is not JSON: {\"x\":1",
            ),
            (
                "bounding box",
                "{\"comment\":\"a\tb\"}",
                "x of the box is missing: members are comment",
            ),
            (
                "bounding box",
                &long,
                "link_value was truncated by the database: ",
            ),
            (
                "bounding box",
                "[1,2]",
                "link_value is not an object: [1,2]",
            ),
            (
                "bounding box",
                "{\"x\":1,\"y\":2,\"height\":4}",
                "width of the box is missing: members are x, y, height",
            ),
            (
                "bounding box",
                "{\"x\":null,\"y\":2,\"width\":1,\"height\":4}",
                "x of the box is missing: ",
            ),
            (
                "bounding box",
                "{\"x\":\"left\",\"y\":2,\"width\":1,\"height\":4}",
                "x of the box is not a number: \"left\"",
            ),
            (
                "bounding box",
                "{\"x\":1,\"y\":2,\"width\":0,\"height\":4}",
                "box is empty: 0 x 4",
            ),
            (
                "bounding box",
                "{\"x\":1,\"y\":2,\"width\":3,\"height\":-4}",
                "box is empty: 3 x -4",
            ),
            (
                "bounding box",
                "{\"x\":1,\"y\":2,\"width\":3,\"height\":4,\"image_reference_uuid\":\"7\"}",
                "image reference is not a UUID: 7",
            ),
            (
                "bounding box",
                "{\"x\":1.5,\"y\":2,\"width\":3,\"height\":4}",
                "x of the box is not a whole number, --repair-boxes accepts it: 1.5",
            ),
            (
                "bounding box",
                "{\"x\":1,\"y\":2,\"width\":3.0,\"height\":4}",
                "width of the box is not a whole number, --repair-boxes accepts it: 3.0",
            ),
            (
                "bounding box",
                "{\"x\":1,\"y\":\"2\",\"width\":3,\"height\":4}",
                "y of the box is not a whole number, --repair-boxes accepts it: \"2\"",
            ),
            (
                "bounding box",
                "{\"x\":1,\"y\":-2,\"width\":3,\"height\":4}",
                "box begins outside its image, --repair-boxes accepts it: 1, -2",
            ),
            (
                "localization-polygon",
                "{\"x\":[1,2],\"y\":[1,2]}",
                "polygon has too few points: 2",
            ),
            (
                "localization-line",
                "{\"x\":[1,2],\"y\":[1]}",
                "x and y have different lengths: 2 and 1",
            ),
            (
                "localization-line",
                "{\"x\":[1,\"b\"],\"y\":[1,2]}",
                "x is not a list of numbers",
            ),
            (
                "localization-point",
                "{\"x\":[],\"y\":[]}",
                "point without points",
            ),
            (
                "localization-blob",
                "{\"x\":[1],\"y\":[1]}",
                "unknown kind of localization: localization-blob",
            ),
        ];
        for (link, value, wanted) in cases {
            let problem = of(link, value).unwrap_err();
            assert!(problem.starts_with(wanted), "{value}: {problem}");
        }
        assert_eq!(
            read(&json!({"link_name": "bounding box"}), false).unwrap_err(),
            "link_value is missing"
        );
    }
}
