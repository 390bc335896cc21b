//! Reads the `localizations.json` of m3-download, a list with a record per box, as [`Localizations`].
//!
//! Both forms that its versions write are known: images by image reference (`image_urls`) and by media type (`images`).
//! The list does not hold image sizes: boxes are in pixels of the file.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::geometry::BBox;
use super::image_ref::{ImageRef, Provenance};
use super::json::parse_json;
use super::localizations::{Localization, Localizations, LocalizedImage};
use crate::error::Error;
use crate::summary::Reject;
use crate::values::{folder, id, number, text, uuid};

/// Parses the list; `name` is what messages call it. A record that cannot be used becomes a reject.
///
/// # Errors
/// The bytes are not JSON, or the list holds something else than localizations.
pub fn localizations(bytes: &[u8], name: &str) -> Result<Localizations, Error> {
    let records: Vec<Value> = parse_json(bytes, name)?;
    check_kind(&records, name)?;
    let mut list = List::default();
    for (i, record) in records.iter().enumerate() {
        if let Err((field, problem)) = list.add(i, record) {
            let observation = id(record, &["observation_uuid"]);
            let place = observation.unwrap_or_else(|| format!("record {}", i + 1));
            let field = match id(record, &["association_uuid"]) {
                Some(id) => format!("{id}/{field}"),
                None => field.to_owned(),
            };
            list.rejects.push(Reject::new(name, place, &field, problem));
        }
    }
    Ok(Localizations {
        rejects: list.rejects,
        ..Localizations::new(list.images)
    })
}

fn check_kind(records: &[Value], name: &str) -> Result<(), Error> {
    let has = |key: &str| records.iter().any(|record| record.get(key).is_some());
    let fault = |what: &str, hint: &str| Err(Error::new(format!("{name}: {what}")).hint(hint));
    if has("localization") {
        Ok(())
    } else if has("associations") {
        fault(
            "is a list of observations, which is a digest; localizations were expected",
            "`recto-extract` turns digests into localizations, also digests by m3-download",
        )
    } else {
        fault(
            "is a list, but not of localizations by m3-download: no record has `localization`",
            "`recto-extract` writes localizations from digests",
        )
    }
}

/// The field of a record that is wrong, and why.
type FieldProblem = (&'static str, String);

#[derive(Default)]
struct List {
    images: Vec<LocalizedImage>,
    /// Image reference → its place in `images`.
    places: HashMap<String, usize>,
    rejects: Vec<Reject>,
}

impl List {
    fn add(&mut self, i: usize, record: &Value) -> Result<(), FieldProblem> {
        let Value::Object(members) = &record["localization"] else {
            let problem = match record["localization"] {
                Value::Null => "localization is missing".to_owned(),
                ref other => format!("localization is not an object: {other}"),
            };
            return Err(("localization", problem));
        };
        let bbox = bounding_box(members).map_err(|problem| ("localization", problem))?;
        let (reference, image) = picture(members, record)?;
        let concept = record["concept"].as_str().unwrap_or_default();
        let id = id(record, &["association_uuid"]);
        let localization = Localization {
            id: id.unwrap_or_else(|| format!("record {}", i + 1)),
            concept: concept.trim().to_owned(),
            bbox,
            polygon: None,
            holes: Vec::new(),
            attributes: attributes(members, record).into(),
        };
        let next = self.images.len();
        let place = *self.places.entry(reference.clone()).or_insert(next);
        if place == next {
            self.images.push(localized(reference, image));
        }
        let image = &mut self.images[place];
        // A list made of several digests may hold the same box more than once.
        if image
            .localizations
            .iter()
            .all(|known| known.id != localization.id)
        {
            image.localizations.push(localization);
        }
        Ok(())
    }
}

fn localized(reference: String, image: ImageRef) -> LocalizedImage {
    let group = folder(image.url.as_deref());
    LocalizedImage {
        group: group.unwrap_or_else(|| reference.clone()),
        id: reference,
        image,
        source: Provenance {
            kind: "m3".into(),
            ..Provenance::default()
        },
        in_pixels: true,
        ..LocalizedImage::default()
    }
}

fn bounding_box(members: &Map<String, Value>) -> Result<BBox, String> {
    let side = |key: &str| match members.get(key) {
        None | Some(Value::Null) => Err(format!("{key} of the box is missing")),
        Some(value) => {
            number(value).ok_or_else(|| format!("{key} of the box is not a number: {value}"))
        }
    };
    let numbers = [side("x")?, side("y")?, side("width")?, side("height")?];
    let [_, _, width, height] = numbers;
    BBox::try_from(numbers).map_err(|_| format!("box is empty: {width} x {height}"))
}

/// The image reference that a box names, and its image.
fn picture(
    members: &Map<String, Value>,
    record: &Value,
) -> Result<(String, ImageRef), FieldProblem> {
    let named = REFERENCES.iter().find_map(|key| text(members.get(*key)?));
    let Some(named) = named else {
        return only_image(pictures(record));
    };
    let reference = uuid(&named).ok_or_else(|| {
        (
            "localization",
            format!("image reference is not a UUID: {named}"),
        )
    })?;
    let pictures = pictures(record);
    let known = pictures.get(&reference).ok_or_else(|| {
        let problem = format!("URL of the image reference is missing: {reference}");
        ("image_urls", problem)
    })?;
    Ok((reference, known.clone()))
}

/// The image for a box that was drawn on the video: that of its moment, if there is exactly one.
fn only_image(pictures: BTreeMap<String, ImageRef>) -> Result<(String, ImageRef), FieldProblem> {
    let (n, mut pictures) = (pictures.len(), pictures.into_iter());
    match (n, pictures.next()) {
        (1, Some(only)) => Ok(only),
        _ => {
            let problem = format!(
                "box names no image reference, and its moment does not have exactly one image: {n}"
            );
            Err(("localization", problem))
        }
    }
}

/// Names of the member with the image reference: the usual one, a misspelling by one tool, an early proposal.
const REFERENCES: &[&str] = &[
    "image_reference_uuid",
    "image_reference_uuuid",
    "imageReferenceUuid",
];

/// The images of the moment by image reference.
fn pictures(record: &Value) -> BTreeMap<String, ImageRef> {
    let members = |key: &str| record[key].as_object().into_iter().flatten();
    let by_reference = members("image_urls").map(|(id, url)| (uuid(id), text(url), None));
    let by_type = members("images").map(|(media_type, image)| {
        let id = text(&image["image_reference_uuid"]);
        let id = id.and_then(|id| uuid(&id));
        (
            id,
            text(&image["url"]),
            Some(media_type.replace("/jpg", "/jpeg")),
        )
    });
    let image = |(id, url, media_type): (Option<String>, Option<String>, _)| {
        let image = ImageRef {
            url: Some(url?),
            media_type,
            ..ImageRef::default()
        };
        Some((id?, image))
    };
    by_reference.chain(by_type).filter_map(image).collect()
}

/// All other members, under the names that digests of the source `m3` use.
fn attributes(members: &Map<String, Value>, record: &Value) -> BTreeMap<String, Value> {
    let is_place = |key: &str| ["x", "y", "width", "height"].contains(&key);
    let said = members.iter();
    let said = said.filter(|(key, _)| !is_place(key) && !REFERENCES.contains(&key.as_str()));
    let mut attributes: BTreeMap<String, Value> = said
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if let Some(id) = id(record, &["observation_uuid"]) {
        attributes.insert("observation_uuid".into(), id.into());
    }
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PNG: &str = "cf228433-d0dd-4f1e-2b6d-6df50ea49d1e";

    fn record(localization: Value) -> Value {
        json!({ "observation_uuid": "o", "association_uuid": "a", "concept": "Nanomia ",
            "localization": localization, "image_urls": { PNG.to_uppercase(): "http://h.example/a/Doc%20R/1.png" } })
    }

    fn read(record: &Value) -> Localizations {
        localizations(&serde_json::to_vec(&[record]).unwrap(), "l").unwrap()
    }

    #[test]
    fn both_shapes_of_a_record_become_an_image_with_a_box() {
        let place = json!({ "x": 1, "y": "2", "width": 3.5, "height": 4, "image_reference_uuid": PNG, "observer": "me" });
        let mut older = record(place.clone());
        older["image_urls"] = Value::Null;
        older["images"] = json!({ "image/png": { "url": "http://h.example/a/Doc%20R/1.png", "image_reference_uuid": PNG } });
        for record in [record(place), older] {
            let found = read(&record);
            assert_eq!(found.rejects, []);
            let image = &found.images[0];
            assert_eq!((image.id.as_str(), image.group.as_str()), (PNG, "a/Doc R"));
            assert!(image.in_pixels && image.frame.is_none());
            let b = &image.localizations[0];
            assert_eq!((b.id.as_str(), b.concept.as_str()), ("a", "Nanomia"));
            assert_eq!(
                [b.bbox.x, b.bbox.y, b.bbox.width, b.bbox.height],
                [1.0, 2.0, 3.5, 4.0]
            );
            let said = serde_json::to_value(&b.attributes).unwrap();
            assert_eq!(said, json!({ "observer": "me", "observation_uuid": "o" }));
        }
    }

    #[test]
    fn malformed_records_are_rejects_with_their_uuids() {
        let cases = [
            (json!(null), "a/localization", "localization is missing"),
            (
                json!([1]),
                "a/localization",
                "localization is not an object: [1]",
            ),
            (
                json!({ "x": 1, "y": 1, "height": 1 }),
                "a/localization",
                "width of the box is missing",
            ),
            (
                json!({ "x": "left" }),
                "a/localization",
                "x of the box is not a number: \"left\"",
            ),
            (
                json!({ "x": 1, "y": 1, "width": 0, "height": 1 }),
                "a/localization",
                "box is empty: 0 x 1",
            ),
            (
                json!({ "x": 1, "y": 1, "width": 1, "height": 1, "image_reference_uuid": "7" }),
                "a/localization",
                "image reference is not a UUID: 7",
            ),
            (
                json!({ "x": 1, "y": 1, "width": 1, "height": 1, "image_reference_uuid": PNG.replace('c', "d") }),
                "a/image_urls",
                "URL of the image reference is missing: df228433-d0dd-4f1e-2b6d-6df50ea49d1e",
            ),
        ];
        for (place, field, problem) in cases {
            let found = read(&record(place.clone()));
            assert_eq!(
                found.rejects,
                [Reject::new("l", "o", field, problem)],
                "{place}"
            );
            assert!(found.images.is_empty(), "{place}");
        }
    }

    #[test]
    fn a_box_drawn_on_video_takes_the_only_picture_of_its_moment() {
        let mut record = record(json!({ "x": 1, "y": 1, "width": 1, "height": 1 }));
        assert_eq!(read(&record).images[0].id, PNG);
        record["image_urls"][PNG.replace('c', "d")] = "http://h.example/2.jpg".into();
        let problem =
            "box names no image reference, and its moment does not have exactly one image: 2";
        let rejects = [Reject::new("l", "o", "a/localization", problem)];
        assert_eq!(read(&record).rejects, rejects);
    }

    #[test]
    fn a_list_of_something_else_says_what_was_expected() {
        let cases = [
            (
                r#"[{"associations": []}]"#,
                "l: is a list of observations, which is a digest; localizations were expected",
            ),
            (
                "[1]",
                "l: is a list, but not of localizations by m3-download: no record has `localization`",
            ),
        ];
        for (text, wanted) in cases {
            assert_eq!(
                localizations(text.as_bytes(), "l").unwrap_err().what(),
                wanted
            );
        }
    }
}
