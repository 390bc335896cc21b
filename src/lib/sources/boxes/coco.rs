//! The source `coco`: instances JSON (`images`, `annotations`, `categories`), and lists of results, whose images and
//! categories stand in another file.
//!
//! Boxes are `[x, y, width, height]` in pixels from the outer corner of the image (cocodataset/cocoapi#5). Ids may be of any
//! type. All that is not known by name goes into the attributes of the box or the metadata of the image.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::loose_json::{self, key, number_list, numbers, object, shown};
use super::model::{BoxDocument, GivenBox, GivenClass, GivenImage, GivenShape, Unit, points};
use super::rle;
use crate::contracts::Metadata;
use crate::values;

/// An instances file, its records as text.
#[derive(Deserialize)]
struct Instances<'a> {
    #[serde(borrow)]
    images: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    annotations: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    categories: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    licenses: Option<Vec<&'a RawValue>>,
}

/// Reads a document.
///
/// # Errors
/// It is not JSON, or does not hold what COCO files hold.
pub fn read(name: &str, bytes: &[u8]) -> Result<BoxDocument, String> {
    let mut document = BoxDocument::of(name);
    if bytes.trim_ascii_start().starts_with(b"[") {
        let results: Vec<&RawValue> = loose_json::parse(bytes)?;
        refuse_others(&results)?;
        for (i, record) in results.into_iter().enumerate() {
            annotation(&mut document, &format!("[{i}]"), record);
        }
        return Ok(document);
    }
    let instances: Instances = loose_json::parse(bytes)?;
    if instances.images.is_none() && instances.annotations.is_none() {
        let members: Map<String, Value> = loose_json::parse(bytes)?;
        let names: Vec<&str> = members.keys().take(10).map(String::as_str).collect();
        return Err(format!(
            "document is not COCO: it has neither images nor annotations but {}",
            names.join(", ")
        ));
    }
    categories(&mut document, instances.categories.unwrap_or_default());
    let licenses = licenses(instances.licenses.unwrap_or_default());
    let images = instances.images.unwrap_or_default();
    let is_annotated = instances.annotations.is_some();
    for (i, record) in images.into_iter().enumerate() {
        let place = format!("images[{i}]");
        if let Err((field, problem)) =
            with_image(&mut document, &place, record, &licenses, is_annotated)
        {
            document.reject(&place, field, problem);
        }
    }
    let annotations = instances.annotations.unwrap_or_default();
    for (i, record) in annotations.into_iter().enumerate() {
        annotation(&mut document, &format!("annotations[{i}]"), record);
    }
    leave_out_deleted(&mut document);
    Ok(document)
}

/// The member of what stays in the file after somebody deleted it, as in the records of COCO Annotator.
const DELETED: &str = "deleted";

/// Leaves out images and annotations that were deleted.
fn leave_out_deleted(document: &mut BoxDocument) {
    let is_deleted = |image: &GivenImage| {
        let texts = image.metadata.get(DELETED).into_iter().flatten();
        texts
            .map(|text| Value::from(&**text))
            .any(|text| is_true(&text))
    };
    let images = std::mem::take(&mut document.images).into_iter();
    let (deleted, images): (Vec<_>, Vec<_>) = images.partition(is_deleted);
    document.images = images;
    for image in &deleted {
        document.reject(&image.place, DELETED, "image is marked as deleted");
    }
    let keys: HashSet<&str> = deleted.iter().map(|image| &*image.key).collect();
    for given in std::mem::take(&mut document.boxes) {
        let is_deleted = given.attributes.get(DELETED).is_some_and(is_true);
        let problem = match keys.contains(&*given.image) {
            true => "image of the annotation is marked as deleted",
            false if is_deleted => "annotation is marked as deleted",
            false => {
                document.boxes.push(given);
                continue;
            }
        };
        document.reject(&given.place, DELETED, problem);
    }
}

/// Refuses lists of other formats, none of whose records names an image as COCO does.
fn refuse_others(results: &[&RawValue]) -> Result<(), String> {
    let first = results.first().and_then(|record| members(record).ok());
    let is_result = |record: &&RawValue| record.get().contains("\"image_id\"");
    match first {
        Some(first) if !results.iter().any(is_result) => {
            let names: Vec<&str> = first.keys().take(10).map(String::as_str).collect();
            Err(format!(
                "document is not a list of results of COCO: no record has image_id, the first has {}",
                names.join(", ")
            ))
        }
        _ => Ok(()),
    }
}

fn categories(document: &mut BoxDocument, records: Vec<&RawValue>) {
    let mut unkept = Unkept::default();
    for (i, record) in records.into_iter().enumerate() {
        let place = format!("categories[{i}]");
        let members = match members(record) {
            Ok(members) => members,
            Err((field, problem)) => {
                document.reject(&place, field, problem);
                continue;
            }
        };
        unkept.add(&place, &members);
        let id = members.get("id").and_then(key);
        let name = members.get("name").and_then(values::text);
        match (id, name) {
            (Some(id), Some(name)) => document.classes.push((id, name)),
            (None, _) => document.reject(&place, "id", "id of the category is missing"),
            (_, None) => document.reject(&place, "name", "name of the category is missing"),
        }
    }
    let note = unkept.note(&document.name);
    document.notes.extend(note);
}

/// What categories say besides their ids and names, none of which is kept: for each member where it is first, and its values.
#[derive(Default)]
struct Unkept(BTreeMap<String, (String, Vec<Value>)>);

impl Unkept {
    fn add(&mut self, place: &str, members: &Map<String, Value>) {
        let is_nothing = |value: &Value| match value {
            Value::Null => true,
            Value::String(text) => ["", "none"].contains(&text.as_str()),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        };
        let others = members.iter();
        let others = others.filter(|(name, value)| {
            !["id", "name"].contains(&name.as_str())
                && !is_nothing(value)
                && members.get("name") != Some(*value)
        });
        for (name, value) in others {
            let first = || (place.to_owned(), Vec::new());
            let (_, all) = self.0.entry(name.clone()).or_insert_with(first);
            // Whether there are several is all that is asked.
            if all.len() < 2 && !all.contains(value) {
                all.push(value.clone());
            }
        }
    }

    /// The note, if there is something to tell: a supercategory that all have says nothing of any.
    fn note(&self, document: &str) -> Option<String> {
        let told = self.0.iter();
        let told = told.filter(|(name, (_, all))| *name != "supercategory" || all.len() > 1);
        let told: Vec<String> = told
            .map(|(name, (place, _))| format!("`{name}` ({place})"))
            .collect();
        let numbers = match self.0.contains_key("keypoints") {
            true => {
                "; points keep their order, and `recto-reformat --keypoints N` calls them 1, 2, 3…"
            }
            false => "",
        };
        (!told.is_empty()).then(|| {
            let told = told.join(", ");
            format!("{document}: members of categories that are not kept: {told}{numbers}")
        })
    }
}

/// Id of a licence → its URL, else its name.
fn licenses(records: Vec<&RawValue>) -> HashMap<String, String> {
    let license = |record: &RawValue| {
        let members = members(record).ok()?;
        let text = |name: &str| members.get(name).and_then(values::text);
        Some((
            key(members.get("id")?)?,
            text("url").or_else(|| text("name"))?,
        ))
    };
    records.into_iter().filter_map(license).collect()
}

/// The field and the problem of a reject.
type Problem = (&'static str, String);

fn members(record: &RawValue) -> Result<Map<String, Value>, Problem> {
    let value = serde_json::from_str(record.get());
    let value = value.map_err(|e| ("record", format!("record cannot be read: {e}")))?;
    object(value).map_err(|problem| ("record", problem))
}

/// Reads an image with the annotations that stand in its record, as some programs write them. `is_annotated`: the document
/// has a list of annotations.
fn with_image(
    document: &mut BoxDocument,
    place: &str,
    record: &RawValue,
    licenses: &HashMap<String, String>,
    is_annotated: bool,
) -> Result<(), Problem> {
    let mut members = members(record)?;
    let id = members.get("id").cloned();
    let inside: Vec<String> = members
        .iter()
        .filter(|(name, value)| holds_annotations(name, value))
        .map(|(name, _)| name.clone())
        .collect();
    let is_annotated = is_annotated || !inside.is_empty();
    for name in inside {
        let Some(Value::Array(records)) = members.shift_remove(&name) else {
            continue;
        };
        for (i, record) in records.into_iter().enumerate() {
            let place = format!("{place}.{name}[{i}]");
            match object(record) {
                Ok(mut record) => {
                    let image = record.entry("image_id").or_insert(Value::Null);
                    if image.is_null() {
                        *image = id.clone().unwrap_or_default();
                    }
                    of_record(document, &place, record);
                }
                Err(problem) => {
                    let image = id.as_ref().and_then(key).unwrap_or_default();
                    document.reject_box(&place, "record", problem, &image);
                }
            }
        }
    }
    let image = image(place, members, licenses)?;
    document.images.push(GivenImage {
        is_unannotated: !is_annotated && image.labels.is_empty(),
        ..image
    });
    Ok(())
}

/// Whether a member of an image is a list of its annotations.
fn holds_annotations(name: &str, value: &Value) -> bool {
    let is_shape = |item: &Value| item.get("bbox").is_some() || item.get("segmentation").is_some();
    let items = value.as_array();
    items.is_some_and(|items| name == "annotations" || items.iter().any(is_shape))
}

fn image(
    place: &str,
    mut members: Map<String, Value>,
    licenses: &HashMap<String, String>,
) -> Result<GivenImage, Problem> {
    let id = members.shift_remove("id");
    let key = id.as_ref().and_then(key);
    let key = key.ok_or(("id", "id of the image is missing".to_owned()))?;
    let mut take = |name: &str| members.shift_remove(name);
    let mut text = |name: &str| take(name).as_ref().and_then(values::text);
    let id = text("uuid");
    let urls = ["coco_url", "flickr_url"].map(&mut text);
    let file = text("file_name");
    let license = text("license");
    let [group, manifest, canvas] = ["group", "manifest", "canvas"].map(&mut text);
    let (width, height) = (take("width"), take("height"));
    let labels = take("labels");
    let mut names: Vec<String> = file.iter().cloned().collect();
    // Roboflow renames files and keeps the name that they had.
    let extra = take("extra");
    names.extend(
        extra
            .as_ref()
            .and_then(|extra| values::text(&extra["name"])),
    );
    names.extend(urls.iter().flatten().cloned());
    if names.is_empty() && id.is_none() {
        return Err((
            "file_name",
            "image has neither file_name nor coco_url".into(),
        ));
    }
    let mut metadata = given_metadata(take("metadata"));
    for (name, text) in [("manifest", manifest), ("canvas", canvas)] {
        metadata.extend(text.map(|text| (name.to_owned(), vec![text])));
    }
    for (name, value) in members {
        let texts = texts(&value);
        if !texts.is_empty() {
            metadata.entry(name).or_insert(texts);
        }
    }
    Ok(GivenImage {
        place: place.to_owned(),
        key,
        id,
        url: urls.into_iter().flatten().find(|url| is_picture(url)),
        names,
        size: loose_json::size(width.as_ref(), height.as_ref()),
        bytes: None,
        group,
        rights: license.and_then(|id| licenses.get(&id).cloned()),
        metadata,
        labels: labels.as_ref().map(texts).unwrap_or_default(),
        is_unread: false,
        is_unannotated: false,
    })
}

/// Whether a URL is that of an image file: in files by recto it may be that of a service.
fn is_picture(url: &str) -> bool {
    crate::sources::source::is_url(url) && crate::image_names::is_image(url)
}

fn given_metadata(value: Option<Value>) -> Metadata {
    match value {
        Some(Value::Object(members)) => {
            let entries = members
                .into_iter()
                .map(|(name, value)| (name, texts(&value)));
            entries.filter(|(_, texts)| !texts.is_empty()).collect()
        }
        _ => Metadata::new(),
    }
}

/// A value as texts; objects stay JSON.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(_) => vec![value.to_string()],
        value => values::text(value).into_iter().collect(),
    }
}

fn annotation(document: &mut BoxDocument, place: &str, record: &RawValue) {
    match members(record) {
        Ok(members) => of_record(document, place, members),
        Err((field, problem)) => document.reject_box(place, field, problem, ""),
    }
}

fn of_record(document: &mut BoxDocument, place: &str, members: Map<String, Value>) {
    // Panoptic annotations hold the segments of an image.
    if let Some(Value::Array(segments)) = members.get("segments_info") {
        for (i, segment) in segments.iter().enumerate() {
            let place = format!("{place}.segments_info[{i}]");
            let Value::Object(mut segment) = segment.clone() else {
                let image = members.get("image_id").and_then(key).unwrap_or_default();
                let problem = format!("record is not an object: {}", shown(segment));
                document.reject_box(&place, "record", problem, &image);
                continue;
            };
            if let Some(image) = members.get("image_id") {
                segment.insert("image_id".into(), image.clone());
            }
            of_members(document, &place, segment);
        }
        return;
    }
    of_members(document, place, members);
}

fn of_members(document: &mut BoxDocument, place: &str, members: Map<String, Value>) {
    let image = members.get("image_id").and_then(key).unwrap_or_default();
    match given_box(place, members) {
        Ok((given, lost)) => {
            document.boxes.push(given);
            if let Some(problem) = lost {
                document.reject(place, "segmentation", problem);
            }
        }
        Err((field, problem)) => document.reject_box(place, field, problem, &image),
    }
}

/// A box, and why its outline was lost.
fn given_box(
    place: &str,
    mut members: Map<String, Value>,
) -> Result<(GivenBox, Option<String>), Problem> {
    let mut take = |name: &str| members.shift_remove(name);
    let image = take("image_id").as_ref().and_then(key);
    let image = image.ok_or(("image_id", "image_id is missing".to_owned()))?;
    let class = match take("category_id").as_ref().and_then(key) {
        Some(number) => GivenClass::Number(number),
        None => {
            let name = take("category_name").as_ref().and_then(values::text);
            GivenClass::Name(name.ok_or(("category_id", "category_id is missing".to_owned()))?)
        }
    };
    let uuid = take("uuid").as_ref().and_then(values::text);
    let _own = take("id");
    let _derived = take("area");
    let (bbox, segmentation) = (take("bbox"), take("segmentation"));
    let crowd = take("iscrowd").filter(is_true);
    let confidence = take("score").or_else(|| take("confidence"));
    let given = take("attributes");
    let mut attributes: BTreeMap<String, Value> = BTreeMap::new();
    if let Some(Value::Object(given)) = given {
        attributes.extend(given);
    } else {
        attributes.extend(
            given
                .filter(|v| !v.is_null())
                .map(|v| ("attributes".to_owned(), v)),
        );
    }
    attributes.extend(members.into_iter().filter(|(_, value)| !value.is_null()));
    if let Some(crowd) = crowd {
        attributes.insert("iscrowd".into(), crowd);
    }
    if let Some(confidence) = confidence {
        let number = values::number(&confidence).and_then(serde_json::Number::from_f64);
        attributes.insert(
            "confidence".into(),
            number.map_or(confidence, Value::Number),
        );
    }
    let (mut shape, lost) = shape(bbox, segmentation)?;
    if lost.is_none() {
        let has_occluded = attributes.contains_key("occluded");
        let rotated = shape.with_rotation(&mut attributes, has_occluded);
        shape = rotated.map_err(|problem| ("bbox", problem))?;
    }
    let given = GivenBox {
        place: place.to_owned(),
        id: uuid,
        image,
        class,
        shape: Some(shape),
        attributes,
    };
    Ok((given, lost))
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(is) => *is,
        Value::String(text) if text.eq_ignore_ascii_case("true") => true,
        value => values::number(value).is_some_and(|n| n != 0.0),
    }
}

/// The box with its outlines, and why outlines were lost. Without a box it is the one around the outlines.
fn shape(
    bbox: Option<Value>,
    segmentation: Option<Value>,
) -> Result<(GivenShape, Option<String>), Problem> {
    let is_none = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    };
    let outlines = segmentation.filter(|s| !is_none(s)).map(|s| outlines(&s));
    let given = bbox.filter(|bbox| !is_none(bbox));
    let own = match &given {
        Some(bbox) => {
            let numbers = numbers::<4>(bbox, "bbox").map_err(|problem| ("bbox", problem))?;
            Some(GivenShape::of_box(numbers, Unit::Pixel).map_err(|problem| ("bbox", problem))?)
        }
        None => None,
    };
    match (own, outlines) {
        (Some(own), None) => Ok((own, None)),
        (Some(own), Some(Ok((outlines, mask)))) => {
            let shape = GivenShape {
                outlines,
                mask,
                ..own
            };
            Ok((shape, None))
        }
        (Some(own), Some(Err(problem))) => Ok((
            own,
            Some(format!("the box is kept without outline, {problem}")),
        )),
        (None, Some(Ok((outlines, mask)))) => {
            let shape = GivenShape::of_outlines(outlines, Unit::Pixel);
            let shape = shape.map_err(|problem| ("segmentation", problem))?;
            Ok((GivenShape { mask, ..shape }, None))
        }
        (None, Some(Err(problem))) => Err(("segmentation", problem)),
        (None, None) => Err((
            "bbox",
            "annotation has neither bbox nor segmentation".into(),
        )),
    }
}

/// The outlines of a segmentation, lists of coordinates, one list of them, or an RLE mask; and the size of the mask.
fn outlines(segmentation: &Value) -> Result<(rle::Outlines, Option<[f64; 2]>), String> {
    let Value::Array(parts) = segmentation else {
        let (outlines, size) = rle::outlines(segmentation)?;
        return Ok((outlines, Some(size)));
    };
    // One outline that is not in a list of its own is often met.
    if parts.first().is_some_and(Value::is_number) {
        let only = points(&number_list(segmentation, "segmentation")?)?;
        return Ok((vec![only], None));
    }
    let part = |(i, part): (usize, &Value)| {
        let numbers = number_list(part, &format!("segmentation[{i}]"))?;
        points(&numbers)
    };
    let outlines: Result<_, _> = parts.iter().enumerate().map(part).collect();
    Ok((outlines?, None))
}
