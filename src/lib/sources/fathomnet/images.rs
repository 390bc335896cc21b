//! Images of FathomNet and their boxes. All names of members are in snake case.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::contracts::{
    Annotation, BBox, Body, ImageRef, Metadata, Observation, Provenance, Region, Space,
};
use crate::values::{self, content_id, excerpt, list, number, side, text, truth};

/// Licence of images, unless an image has its own.
const RIGHTS: &str = "https://creativecommons.org/licenses/by-nc-nd/4.0/";
/// Attribution of the service, and licence of the boxes.
const ATTRIBUTION: &str = "FathomNet, https://fathomnet.org; annotations CC BY-ND 4.0";

/// The members of an image that hold boxes. Newer services call them regions of interest.
const BOXES: [&str; 5] = [
    "bounding_boxes",
    "regions_of_interest",
    "regions",
    "rois",
    "annotations",
];

/// Members of which a box has some.
const BOX: [&str; 8] = [
    "concept", "label", "x", "width", "xmin", "points", "polygon", "uuid",
];

/// The field of a box that is wrong, and why.
pub type FieldProblem = (&'static str, String);

/// The id of an image: that of the service, else one of what identifies the file.
pub fn id(image: &Value) -> String {
    let content = ["sha256", "url", "id"].map(|key| &image[key]);
    values::id(image, &["uuid", "image_uuid"]).unwrap_or_else(|| content_id(&content))
}

/// The boxes of an image with their ids: those of the service, else made from their content, with a number where the same
/// content stands there more than once.
pub fn boxes(image: &Value) -> Vec<(String, &Value)> {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    // What is not a list is listed as a box that cannot be read.
    let members = BOXES.iter().map(|key| &image[*key]);
    let boxes = members.flat_map(|given| match given {
        Value::Null => Vec::new(),
        Value::Array(boxes) => boxes.iter().collect(),
        other => vec![other],
    });
    let mut named: Vec<(String, &Value)> = Vec::new();
    for value in boxes {
        let own = values::id(value, &["uuid", "bounding_box_uuid", "region_uuid"]);
        let is_again = |(id, known): &(String, &Value)| Some(id) == own.as_ref() && *known == value;
        if own.is_some() && named.iter().any(is_again) {
            continue;
        }
        let id = own.unwrap_or_else(|| content_id(&[&Value::from(self::id(image)), value]));
        let count = seen.entry(id.clone()).or_default();
        *count += 1;
        match *count {
            1 => named.push((id, value)),
            n => named.push((format!("{id}-{n}"), value)),
        }
    }
    named
}

/// The concept of a box.
pub fn concept(value: &Value) -> Option<String> {
    let name = text(&value["concept"]).or_else(|| text(&value["label"]))?;
    Some(name.trim().to_owned())
}

/// Whether reviewers verified a box, and whether they rejected it. Services of several ages say so by `reviewState`, by
/// `verified` and `rejected`, or by the name of a verifier alone.
pub fn review(value: &Value) -> (bool, bool) {
    let state = text(&value["review_state"]).or_else(|| text(&value["verification_status"]));
    let state = state.unwrap_or_default().to_ascii_uppercase();
    let is_rejected = truth(&value["rejected"]) == Some(true) || state == "REJECTED";
    let is_verified = match state.as_str() {
        "VERIFIED" | "ACCEPTED" | "APPROVED" => true,
        "UNVERIFIED" | "REJECTED" => false,
        _ => truth(&value["verified"]).unwrap_or_else(|| text(&value["verifier"]).is_some()),
    };
    (is_verified && !is_rejected, is_rejected)
}

/// Reads a box with its label.
///
/// # Errors
/// Field and problem of a reject.
pub fn annotation(id: String, value: &Value) -> Result<Annotation, FieldProblem> {
    if !BOX.iter().any(|key| !value[*key].is_null()) {
        let shown = excerpt(&value.to_string());
        return Err(("box", format!("box has no place and no concept: {shown}")));
    }
    let region = region(value)?;
    let taxon =
        concept(value).ok_or_else(|| ("concept", "concept of the box is missing".to_owned()))?;
    let part = text(&value["alt_concept"]);
    let label = match &part {
        Some(part) => format!("{taxon} {part}"),
        None => taxon.clone(),
    };
    Ok(Annotation {
        id,
        motivation: vec!["identifying".into()],
        bodies: vec![Body {
            purpose: Some("identifying".into()),
            value: label,
            ..Body::default()
        }],
        regions: vec![region],
        attributes: attributes(value, taxon, part),
    })
}

/// The region of a box: its sides, its corners, or the points of its outline.
fn region(value: &Value) -> Result<Region, FieldProblem> {
    let is_given = |key: &&str| !value[*key].is_null();
    let of_image = |fragment: Option<String>, svg: Option<String>| Region {
        frame: Space::Image,
        fragment,
        svg,
        ..Region::default()
    };
    let outline = ["points", "polygon"].into_iter().find(is_given);
    let has_sides = ["x", "width"].iter().all(is_given);
    if let (Some(key), false) = (outline, has_sides) {
        let points = points(&value[key]).ok_or_else(|| {
            (
                key,
                format!("{key} are not points: {}", excerpt(&value[key].to_string())),
            )
        })?;
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\"><polygon points=\"{}\"/></svg>",
            points.join(" ")
        );
        return Ok(of_image(None, Some(svg)));
    }
    let side = |key: &'static str| {
        let problem = || format!("{key} of the box is not a number: {}", value[key]);
        number(&value[key]).ok_or_else(|| (key, problem()))
    };
    let is_corners = ["xmin", "xmax"].iter().all(is_given);
    let numbers = match is_corners && !has_sides {
        true => {
            let (x, y) = (side("xmin")?, side("ymin")?);
            [x, y, side("xmax")? - x, side("ymax")? - y]
        }
        false => [side("x")?, side("y")?, side("width")?, side("height")?],
    };
    if numbers.iter().all(|number| (0.0..=1.0).contains(number))
        && numbers[2] < 1.0
        && numbers[3] < 1.0
    {
        let [x, y, width, height] = numbers;
        let problem = format!(
            "box is in shares of its image, pixels were expected: {x}, {y}, {width}, {height}"
        );
        return Err(("width", problem));
    }
    let bbox = BBox::try_from(numbers).map_err(|_| {
        let sides = format!("{} x {}", numbers[2], numbers[3]);
        ("width", format!("box is empty: {sides}"))
    })?;
    let fragment = format!("xywh={},{},{},{}", bbox.x, bbox.y, bbox.width, bbox.height);
    Ok(of_image(Some(fragment), None))
}

/// At least three points, each `x,y`: objects with x and y, or lists of two numbers.
fn points(value: &Value) -> Option<Vec<String>> {
    let point = |point: &Value| {
        let [x, y] = match point {
            Value::Array(_) => [&point[0], &point[1]],
            _ => [&point["x"], &point["y"]],
        };
        Some(format!("{},{}", number(x)?, number(y)?))
    };
    let points: Vec<String> = list(value).map(point).collect::<Option<_>>()?;
    (points.len() >= 3).then_some(points)
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
        "alt_concept",
        "image",
        "points",
        "polygon",
    ];
    let mut attributes = members(value, OTHERS);
    attributes.insert("verified".into(), review(value).0.into());
    attributes.insert("taxon".into(), taxon.into());
    if let Some(part) = part {
        attributes.insert("part".into(), part.into());
    }
    attributes
}

/// Reads an image without its boxes.
pub fn observation(id: &str, image: &Value, url: Option<String>) -> Observation {
    let metadata = metadata(image);
    let declared = text(&image["media_type"]).filter(|kind| kind.starts_with("image/"));
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
    const OTHERS: &[&str] = &["id", "uuid", "url", "width", "height", "sha256", "tags"];
    let mut metadata = Metadata::new();
    let members = members(image, OTHERS).into_iter();
    for (key, value) in members.filter(|(key, _)| !BOXES.contains(&key.as_str())) {
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

/// The members of an object that are not null, except some.
fn members(value: &Value, but: &[&str]) -> BTreeMap<String, Value> {
    let members = value.as_object().into_iter().flatten();
    members
        .filter(|(key, value)| !but.contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
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
    fn reviews_of_several_ages_say_the_same() {
        let cases = [
            (json!({"review_state": "VERIFIED"}), (true, false)),
            (
                json!({"review_state": "verified", "rejected": false}),
                (true, false),
            ),
            (
                json!({"review_state": "UNVERIFIED", "verified": true}),
                (false, false),
            ),
            (
                json!({"review_state": "UNKNOWN", "verified": "true"}),
                (true, false),
            ),
            (json!({"verified": true}), (true, false)),
            (json!({"verified": 0, "verifier": "a"}), (false, false)),
            (json!({"verifier": "a"}), (true, false)),
            (json!({"verified": true, "rejected": true}), (false, true)),
            (json!({"review_state": "Rejected"}), (false, true)),
            (json!({}), (false, false)),
        ];
        for (value, wanted) in cases {
            assert_eq!(review(&value), wanted, "{value}");
        }
    }

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
                json!({"contributors_email": "a@b.example", "timestamp": "2020-01-02T03:04:05Z"}),
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
