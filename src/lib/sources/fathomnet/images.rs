//! Images of FathomNet and their boxes.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::contracts::{
    Annotation, BBox, Body, ImageRef, Metadata, Observation, Provenance, Region, Space,
};
use crate::values::{list, number, side, text};

/// Licence of images, unless an image has its own.
const RIGHTS: &str = "https://creativecommons.org/licenses/by-nc-nd/4.0/";
/// Attribution of the service, and licence of the boxes.
const ATTRIBUTION: &str = "FathomNet, https://fathomnet.org; annotations CC BY-ND 4.0";

/// Reads a box with its label.
///
/// # Errors
/// Field and problem of a reject.
pub fn annotation(value: &Value) -> Result<Annotation, (&'static str, String)> {
    let side = |key: &'static str| {
        number(&value[key]).ok_or_else(|| {
            (
                key,
                format!("{key} of the box is not a number: {}", value[key]),
            )
        })
    };
    let numbers = [side("x")?, side("y")?, side("width")?, side("height")?];
    let bbox = BBox::try_from(numbers).map_err(|_| {
        (
            "width",
            format!("box is empty: {} x {}", numbers[2], numbers[3]),
        )
    })?;
    let taxon = text(&value["concept"])
        .ok_or_else(|| ("concept", "concept of the box is missing".to_owned()))?;
    let part = text(&value["altConcept"]);
    let label = match &part {
        Some(part) => format!("{taxon} {part}"),
        None => taxon.clone(),
    };
    Ok(Annotation {
        id: text(&value["uuid"])
            .ok_or_else(|| ("uuid", "uuid of the box is missing".to_owned()))?,
        motivation: vec!["identifying".into()],
        bodies: vec![Body {
            purpose: Some("identifying".into()),
            value: label,
            ..Body::default()
        }],
        regions: vec![Region {
            frame: Space::Image,
            fragment: Some(format!(
                "xywh={},{},{},{}",
                bbox.x, bbox.y, bbox.width, bbox.height
            )),
            ..Region::default()
        }],
        attributes: attributes(value, taxon, part),
    })
}

/// Everything else that the service reports about a box.
fn attributes(value: &Value, taxon: String, part: Option<String>) -> BTreeMap<String, Value> {
    const OTHERS: &[&str] = &[
        "id",
        "uuid",
        "x",
        "y",
        "width",
        "height",
        "concept",
        "altConcept",
    ];
    let is_verified = value["reviewState"] == "VERIFIED";
    let mut attributes = members(value, OTHERS);
    attributes.insert("verified".into(), is_verified.into());
    attributes.insert("taxon".into(), taxon.into());
    if let Some(part) = part {
        attributes.insert("part".into(), part.into());
    }
    attributes
}

/// Reads an image without its boxes.
pub fn observation(id: &str, image: &Value, url: Option<String>) -> Observation {
    let metadata = metadata(image);
    let declared = text(&image["mediaType"]).filter(|kind| kind.starts_with("image/"));
    let sha256 = text(&image["sha256"]).map(|hash| hash.to_ascii_lowercase());
    let is_hash = |hash: &String| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    Observation {
        id: id.to_owned(),
        group: group(&metadata, url.as_deref()).unwrap_or_else(|| id.to_owned()),
        image: ImageRef {
            url,
            width: side(&image["width"]),
            height: side(&image["height"]),
            media_type: declared,
            sha256: sha256.filter(is_hash),
            ..ImageRef::default()
        },
        source: Provenance {
            kind: "fathomnet".into(),
            canvas: Some(id.to_owned()),
            rights: Some(
                metadata_of(image, &["license", "licence", "rights"])
                    .unwrap_or_else(|| RIGHTS.into()),
            ),
            attribution: Some(ATTRIBUTION.into()),
            ..Provenance::default()
        },
        metadata,
        ..Observation::default()
    }
}

/// Metadata of an image, with the same keys as those of the source `m3`, and its tags.
fn metadata(image: &Value) -> Metadata {
    const OTHERS: &[&str] = &[
        "id",
        "uuid",
        "url",
        "width",
        "height",
        "sha256",
        "boundingBoxes",
        "tags",
    ];
    let mut metadata = Metadata::new();
    for (key, value) in members(image, OTHERS) {
        let key = if key == "timestamp" {
            "recorded_timestamp".to_owned()
        } else {
            key
        };
        metadata.extend(text(&value).map(|value| (key, vec![value])));
    }
    for tag in list(&image["tags"]) {
        if let (Some(key), Some(value)) = (text(&tag["key"]), text(&tag["value"])) {
            metadata.entry(key).or_default().push(value);
        }
    }
    metadata
}

fn metadata_of(image: &Value, keys: &[&str]) -> Option<String> {
    let tags = || list(&image["tags"]);
    keys.iter().find_map(|key| {
        let own = text(&image[*key]);
        own.or_else(|| text(&tags().find(|tag| tag["key"] == *key)?["value"]))
    })
}

/// The members of an object that are not null, except some, with names in snake case.
fn members(value: &Value, but: &[&str]) -> BTreeMap<String, Value> {
    let members = value.as_object().into_iter().flatten();
    members
        .filter(|(key, value)| !but.contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (snake(key), value.clone()))
        .collect()
}

/// `depthMeters` → `depth_meters`.
fn snake(key: &str) -> String {
    let mut snake = String::new();
    for c in key.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// The group: the dive that a tag or the folder of a frame grab names, else contributor and day, else the folder.
fn group(metadata: &Metadata, url: Option<&str>) -> Option<String> {
    const TAGS: [&str; 6] = [
        "dive",
        "dive_number",
        "dive_id",
        "deployment",
        "deployment_id",
        "video_sequence_name",
    ];
    let value = |key: &str| metadata.get(key)?.first().cloned();
    let tagged = || {
        let keys = metadata
            .keys()
            .filter(|k| TAGS.contains(&k.to_ascii_lowercase().replace([' ', '-'], "_").as_str()));
        keys.filter_map(|key| value(key)).next()
    };
    let folder = crate::values::folder(url);
    let grabbed = || {
        folder
            .clone()
            .filter(|folder| folder.contains("framegrabs"))
    };
    let by_day = || {
        let who = value("owner_institution_code").or_else(|| value("contributors_email"))?;
        let day = value("recorded_timestamp")?.get(..10)?.to_owned();
        Some(format!("{who} {day}"))
    };
    tagged()
        .or_else(grabbed)
        .or_else(by_day)
        .or_else(|| folder.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_group_is_the_dive_else_a_day_of_a_contributor() {
        let grab = "https://f.example/static/m3/framegrabs/Doc%20Ricketts/images/0916/05_19.png";
        let cases = [
            (
                json!({"tags": [{"key": "Dive Number", "value": "D 9"}]}),
                grab,
                "D 9",
            ),
            (
                json!({}),
                grab,
                "static/m3/framegrabs/Doc Ricketts/images/0916",
            ),
            (
                json!({"contributorsEmail": "a@b.example", "timestamp": "2020-01-02T03:04:05Z"}),
                "https://f.example/up/1.png",
                "a@b.example 2020-01-02",
            ),
            (json!({}), "https://f.example/up/1.png", "up"),
        ];
        for (image, url, wanted) in cases {
            assert_eq!(
                group(&metadata(&image), Some(url)).as_deref(),
                Some(wanted),
                "{image}"
            );
        }
    }
}
