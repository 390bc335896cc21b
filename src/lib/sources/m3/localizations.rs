//! Localizations: the associations of an observation that give its position on an image.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::link_value::{self, LinkValue};
use crate::contracts::{BBox, Region, Space};
use crate::values::{excerpt, number, snake, text, uuid};

/// Names of the member with the image reference, in snake case: the usual one, and a misspelling by one tool.
const REFERENCES: [&str; 2] = ["image_reference_uuid", "image_reference_uuuid"];
/// Ends the problem of a box that is unusual but can be used.
const REPAIR: &str = "--repair-boxes accepts it";

/// What an association gives the position of.
#[derive(Debug, PartialEq)]
pub enum LinkKind {
    /// A box.
    Box,
    /// Another shape: `polygon`, `line`, `point`.
    Shape(String),
}

/// A position on an image, in its pixels.
#[derive(Debug, PartialEq)]
pub struct ParsedLocalization {
    /// The regions: one, or one for each point.
    pub regions: Vec<Region>,
    /// The image reference that it was drawn on, if it is recorded.
    pub reference: Option<String>,
    /// All other members.
    pub attributes: BTreeMap<String, Value>,
    /// How it was read, where that is not certain.
    pub notes: Vec<String>,
}

/// What an association gives the position of; none for associations of another kind. `bounding box`,
/// `localization-polygon` and `boxes`, the names that boxes have besides, are recognized in capitals, and with blanks,
/// underscores or hyphens.
pub fn kind(association: &Value, boxes: &[String]) -> Option<LinkKind> {
    let link = letters(association["link_name"].as_str()?);
    if link == "boundingbox" || boxes.iter().any(|name| letters(name) == link) {
        return Some(LinkKind::Box);
    }
    let shape = link.strip_prefix("localization")?;
    Some(match shape {
        "" | "box" | "boundingbox" | "rectangle" => LinkKind::Box,
        shape => LinkKind::Shape(shape.to_owned()),
    })
}

/// A name without what differs from service to service.
fn letters(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Reads an association of a [`kind`]. The tools that draw boxes write JSON with whole numbers, and begin on the image;
/// `repair` also accepts other boxes.
///
/// # Errors
/// The problem of a reject.
pub fn read(
    association: &Value,
    kind: &LinkKind,
    repair: bool,
) -> Result<ParsedLocalization, String> {
    let LinkValue { members, oddities } = link_value::read(&association["link_value"])?;
    let mut members: Map<String, Value> = members
        .into_iter()
        .map(|(key, value)| match snake(&key) {
            name if REFERENCES.contains(&name.as_str()) => (name, value),
            _ => (key, value),
        })
        .collect();
    if let (Some(oddity), false) = (oddities.first(), repair) {
        let written = match &association["link_value"] {
            Value::String(text) => excerpt(text),
            other => excerpt(&other.to_string()),
        };
        return Err(format!("{oddity}, {REPAIR}: {written}"));
    }
    let mut notes: Vec<String> = oddities
        .iter()
        .map(|oddity| format!("{oddity}: read nevertheless"))
        .collect();
    let regions = match kind {
        LinkKind::Box => vec![bounding_box(&members, repair, &mut notes)?],
        LinkKind::Shape(shape) => self::shape(shape, &members)?,
    };
    let reference = reference(&members)?;
    members.retain(|key, _| {
        !link_value::SIDES.contains(&key.as_str()) && !REFERENCES.contains(&key.as_str())
    });
    let mut attributes: BTreeMap<String, Value> = members.into_iter().collect();
    if *kind == LinkKind::Box {
        // The name of a verifier shows that the box was verified.
        let verified = attributes.get("verifier").and_then(text).is_some();
        attributes.insert("verified".into(), verified.into());
    } else {
        let link = association["link_name"].as_str().unwrap_or_default();
        attributes.insert("link_name".into(), link.trim().into());
    }
    Ok(ParsedLocalization {
        regions,
        reference,
        attributes,
        notes,
    })
}

fn bounding_box(
    members: &Map<String, Value>,
    repair: bool,
    notes: &mut Vec<String>,
) -> Result<Region, String> {
    let shares = shares(members);
    if let (Some(shares), false) = (shares, repair) {
        return Err(format!(
            "box is given in shares of its image, {REPAIR}: {shares:?}"
        ));
    }
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
    let fragment = match shares {
        None => fragment(&bbox),
        Some(shares) => {
            notes.push("boxes with sides from 0 to 1 are read as shares of their image".into());
            // Without the noise of the last binary digits.
            let [x, y, w, h] = shares.map(|share| (share * 1e11).round() / 1e9);
            format!("xywh=percent:{x},{y},{w},{h}")
        }
    };
    Ok(Region {
        frame: Space::Image,
        fragment: Some(fragment),
        ..Region::default()
    })
}

/// The sides of a box that is given in shares of its image: all from 0 to 1, and not all whole numbers. A box of one pixel
/// is written in whole numbers.
fn shares(members: &Map<String, Value>) -> Option<[f64; 4]> {
    let mut shares = [0.0; 4];
    let mut is_whole = true;
    for (share, side) in shares.iter_mut().zip(link_value::SIDES) {
        let value = members.get(side)?;
        *share = number(value).filter(|share| (0.0..=1.0).contains(share))?;
        is_whole &= match value {
            Value::String(text) => !text.contains('.'),
            other => other.is_u64(),
        };
    }
    let is_box = shares[2] > 0.0 && shares[3] > 0.0;
    (is_box && !is_whole).then_some(shares)
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
        // A line does not enclose an area, bent or not: a detector gets the box around it.
        ("line", _) => Ok(vec![image(
            drawn("polyline fill=\"none\""),
            around.as_ref().map(fragment),
            None,
        )]),
        _ => Err(format!("unknown kind of localization: localization-{kind}")),
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
        read(&association, &kind(&association, &[]).unwrap(), false)
    }

    fn repaired(link: &str, value: &str) -> Result<ParsedLocalization, String> {
        let association = json!({"link_name": link, "link_value": value});
        read(&association, &kind(&association, &[]).unwrap(), true)
    }

    #[test]
    fn link_names_are_known_however_they_are_written() {
        let of = |link: &str| {
            kind(
                &json!({"link_name": link}),
                &["Region of Interest".to_owned()],
            )
        };
        for link in [
            "bounding box",
            "Bounding Box",
            "bounding_box",
            "bounding-box",
            "boundingBox",
            " BOUNDING  BOX ",
            "region_of_interest",
            "localization-box",
        ] {
            assert_eq!(of(link), Some(LinkKind::Box), "{link}");
        }
        for link in [
            "localization-polygon",
            "Localization_Polygon",
            "localization polygon",
        ] {
            assert_eq!(of(link), Some(LinkKind::Shape("polygon".into())), "{link}");
        }
        for link in ["population-quantity", "bounding boxer", ""] {
            assert_eq!(of(link), None, "{link}");
        }
    }

    #[test]
    fn shares_of_an_image_are_told_from_pixels() {
        let of = |value: &str| {
            let found = repaired("bounding box", value).unwrap();
            (
                found.regions[0].fragment.clone().unwrap(),
                !found.notes.is_empty(),
            )
        };
        let share = |text: &str| (text.to_owned(), true);
        assert_eq!(
            of(r#"{"x":0.1,"y":0.25,"width":0.7,"height":0.5}"#),
            share("xywh=percent:10,25,70,50")
        );
        assert_eq!(
            of(r#"{"x":"0.0","y":0.0,"width":1.0,"height":1}"#),
            share("xywh=percent:0,0,100,100")
        );
        assert_eq!(
            of(r#"{"x":0,"y":0,"width":1,"height":1}"#),
            ("xywh=0,0,1,1".into(), false)
        );
        assert_eq!(
            of(r#"{"x":0.5,"y":1,"width":1,"height":9}"#),
            ("xywh=0.5,1,1,9".into(), false)
        );
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
        let svg = line.regions[0].svg.as_deref().unwrap();
        assert!(svg.contains("fill=\"none\""), "{svg}");
        let points = of("localization-point", r#"{"x":[1,9],"y":[1,8]}"#).unwrap();
        assert_eq!(points.regions[1].point, Some([9.0, 8.0]));
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_a_reason() {
        let long = format!("{{\"x\":1,\"comment\":\"{}", "x".repeat(1024));
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
            read(&json!({"link_name": "bounding box"}), &LinkKind::Box, false).unwrap_err(),
            "link_value is missing"
        );
    }
}
