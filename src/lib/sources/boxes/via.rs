//! The source `via`: projects and annotations of the VGG Image Annotator, version 1 and 2, as JSON and CSV, and the table of
//! metadata that recto writes in the format `vgg`.
//!
//! Regions are in pixels of the image file, whose size VIA does not write down. What their attributes mean, each project
//! decides; one of them is the class.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::loose_json::{self, number_list, shown};
use super::model::{BoxDocument, GivenBox, GivenClass, GivenImage, GivenShape, Unit, ellipse};
use crate::contracts::Metadata;
use crate::values;

/// Attributes that are the class where none is named, the best first.
const CLASSES: [&str; 8] = [
    "class", "label", "concept", "category", "type", "name", "object", "tag",
];

/// Reads a document. `class` is the attribute of regions that is their class.
///
/// # Errors
/// It is neither JSON nor CSV by VIA, or its regions have several attributes and none of them is known as the class.
pub fn read(name: &str, bytes: &[u8], class: Option<&str>) -> Result<BoxDocument, String> {
    let mut document = BoxDocument::of(name);
    let images = match bytes.trim_ascii_start().first() {
        Some(b'{') => of_json(&mut document, bytes)?,
        Some(_) => of_csv(&mut document, bytes)?,
        None => return Err("document is empty".into()),
    };
    let class = class_attribute(&images, class)?;
    for image in images {
        take(&mut document, image, class.as_deref());
    }
    Ok(document)
}

/// An image with its regions, before it is known which attribute is the class.
struct ViaFile {
    place: String,
    file: String,
    /// Length of the file: with its name it is the key of VIA, since browsers tell no folders.
    bytes: Option<u64>,
    attributes: Map<String, Value>,
    regions: Vec<Region>,
    /// Why it is not known which regions it has.
    unread: Option<String>,
}

/// A region: its place, its shape and its attributes.
struct Region {
    place: String,
    shape: Value,
    attributes: Map<String, Value>,
}

fn of_json(document: &mut BoxDocument, bytes: &[u8]) -> Result<Vec<ViaFile>, String> {
    let mut root: Map<String, Value> = loose_json::parse(bytes)?;
    let metadata = root.shift_remove("_via_img_metadata");
    let (entries, above) = match metadata {
        Some(Value::Object(entries)) => (entries, "_via_img_metadata."),
        Some(other) => {
            return Err(format!(
                "_via_img_metadata is not an object: {}",
                shown(&other)
            ));
        }
        None if root.contains_key("metadata") && root.contains_key("file") => {
            return Err(
                "document is a project of VIA 3, which is not read: export COCO from VIA".into(),
            );
        }
        None => (root, ""),
    };
    let is_entry =
        |value: &Value| value.get("filename").is_some() || value.get("regions").is_some();
    if !entries.is_empty() && !entries.values().any(is_entry) {
        let names: Vec<&str> = entries.keys().take(10).map(String::as_str).collect();
        return Err(format!(
            "document is not by VIA: it holds {}",
            names.join(", ")
        ));
    }
    let mut found = Vec::new();
    for (key, value) in entries {
        let place = format!("{above}{key}");
        match entry(&place, value) {
            Ok(entry) => found.push(entry),
            Err(problem) => document.reject(&place, "filename", problem),
        }
    }
    Ok(found)
}

fn entry(place: &str, value: Value) -> Result<ViaFile, String> {
    let mut members = loose_json::object(value)?;
    let file = members.get("filename").and_then(values::text);
    let file = file.ok_or("filename is missing")?;
    let mut unread = None;
    let regions: Vec<(String, Value)> = match members.shift_remove("regions") {
        Some(Value::Array(items)) => (0..).map(|i: usize| i.to_string()).zip(items).collect(),
        // Version 1.
        Some(Value::Object(items)) => items.into_iter().collect(),
        other => {
            unread = Some(without_regions(other.as_ref(), &members));
            Vec::new()
        }
    };
    let region = |(i, value): (String, Value)| {
        // What is not an object has no shape, and is rejected for that.
        let mut members = object(value);
        let mut take = |name: &str| members.shift_remove(name).unwrap_or_default();
        Region {
            place: format!("{place}.regions[{i}]"),
            shape: take("shape_attributes"),
            attributes: object(take("region_attributes")),
        }
    };
    Ok(ViaFile {
        place: place.to_owned(),
        file,
        bytes: members.get("size").and_then(length),
        attributes: object(members.shift_remove("file_attributes").unwrap_or_default()),
        regions: regions.into_iter().map(region).collect(),
        unread,
    })
}

/// The problem of a file that does not say which regions it has; one without any has an empty list.
fn without_regions(regions: Option<&Value>, members: &Map<String, Value>) -> String {
    match regions {
        Some(other) => format!("regions are neither a list nor an object: {}", shown(other)),
        None => {
            let names: Vec<&str> = members.keys().take(10).map(String::as_str).collect();
            format!("regions are missing: members are {}", names.join(", "))
        }
    }
}

/// The length of a file; none where it is not known, as of images by URL, which have -1.
fn length(value: &Value) -> Option<u64> {
    let number = values::number(value).filter(|number| *number >= 1.0);
    number.map(|number| number as u64)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Where the cells of a table by VIA stand.
struct Columns {
    file: usize,
    length: Option<usize>,
    count: Option<usize>,
    of_file: Option<usize>,
    shape: Option<usize>,
    attributes: Option<usize>,
}

impl Columns {
    fn of(columns: &csv::StringRecord) -> Result<Self, String> {
        let at = |name: &str| {
            columns
                .iter()
                .position(|c| c.trim().trim_start_matches('#').eq_ignore_ascii_case(name))
        };
        let file = at("filename").ok_or_else(|| {
            let columns: Vec<&str> = columns.iter().collect();
            format!(
                "table is not by VIA: there is no column filename but {}",
                columns.join(", ")
            )
        })?;
        Ok(Columns {
            file,
            length: at("file_size"),
            count: at("region_count"),
            of_file: at("file_attributes"),
            shape: at("region_shape_attributes"),
            attributes: at("region_attributes"),
        })
    }
}

/// A table with a row per region; rows of an image without regions have empty cells.
fn of_csv(document: &mut BoxDocument, bytes: &[u8]) -> Result<Vec<ViaFile>, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let columns = reader
        .headers()
        .map_err(|e| format!("table cannot be read: {e}"))?;
    let columns = Columns::of(columns)?;
    let mut entries: Vec<ViaFile> = Vec::new();
    let mut numbers: BTreeMap<(String, Option<u64>), usize> = BTreeMap::new();
    for (row, record) in (1..).zip(reader.records()) {
        let place = format!("row {row}");
        let cells = match record {
            Ok(cells) => cells,
            Err(e) => {
                document.reject(&place, "row", format!("row cannot be read: {e}"));
                continue;
            }
        };
        let name = cells.get(columns.file).map(str::trim);
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            document.reject(&place, "filename", "filename is missing");
            continue;
        };
        let held = |at: Option<usize>| cells.get(at?);
        let of_file = held(columns.of_file).and_then(cell);
        let next = entries.len();
        let bytes = held(columns.length).and_then(|text| length(&Value::from(text)));
        let key = (name.to_owned(), bytes);
        let number = *numbers.entry(key).or_insert(next);
        if number == next {
            if let Some(Err(problem)) = &of_file {
                document.reject(&place, "file_attributes", problem);
            }
            entries.push(ViaFile {
                place: place.clone(),
                file: name.to_owned(),
                bytes,
                attributes: members(of_file),
                regions: Vec::new(),
                unread: None,
            });
        }
        let region = match held(columns.shape).and_then(cell) {
            Some(Err(problem)) => Err(problem),
            Some(Ok(Value::Object(shape))) if !shape.is_empty() => Ok(Region {
                place: place.clone(),
                shape: Value::Object(shape),
                attributes: members(held(columns.attributes).and_then(cell)),
            }),
            _ => match held(columns.count).and_then(|text| text.trim().parse::<u64>().ok()) {
                Some(count @ 1..) => Err(format!("shape is missing, region_count is {count}")),
                _ => continue,
            },
        };
        match region {
            Ok(region) => entries[number].regions.push(region),
            Err(problem) => {
                let image = &entries[number].place;
                document.reject_box(&place, "region_shape_attributes", problem, image);
            }
        }
    }
    Ok(entries)
}

/// The members of a cell with an object; none of what is not one.
fn members(cell: Option<Result<Value, String>>) -> Map<String, Value> {
    object(cell.and_then(Result::ok).unwrap_or_default())
}

/// The JSON of a cell; none if the cell is empty.
fn cell(text: &str) -> Option<Result<Value, String>> {
    let text = text.trim();
    let value = serde_json::from_str(text)
        .map_err(|e| format!("cell is not JSON: {e}, {}", values::excerpt(text)));
    (!text.is_empty()).then_some(value)
}

/// The attribute that is the class: the one named, the only one, or the one with the best name.
fn class_attribute(entries: &[ViaFile], named: Option<&str>) -> Result<Option<String>, String> {
    let regions = || entries.iter().flat_map(|entry| &entry.regions);
    let names: BTreeSet<&str> = regions()
        .flat_map(|r| r.attributes.keys())
        .map(String::as_str)
        .collect();
    let listed = || {
        names
            .iter()
            .take(20)
            .copied()
            .collect::<Vec<_>>()
            .join(", ")
    };
    match named {
        Some(name) if names.contains(name) || names.is_empty() => return Ok(Some(name.to_owned())),
        Some(name) => {
            return Err(format!(
                "no region has the attribute `{name}` of --class-attribute: there are {}",
                listed()
            ));
        }
        None => {}
    }
    let known = CLASSES
        .iter()
        .find_map(|class| names.iter().find(|name| name.eq_ignore_ascii_case(class)));
    match (names.len(), known) {
        (0, _) => Ok(None),
        (1, _) => Ok(names.first().map(|name| (*name).to_owned())),
        (_, Some(name)) => Ok(Some((*name).to_owned())),
        (_, None) => Err(format!(
            "regions have several attributes; --class-attribute NAME says which is the class: {}",
            listed()
        )),
    }
}

fn take(document: &mut BoxDocument, entry: ViaFile, class: Option<&str>) {
    let key = entry.place.clone();
    let image = image(&key, &entry);
    document.images.push(image);
    if let Some(problem) = entry.unread {
        document.reject(&key, "regions", problem);
    }
    for region in entry.regions {
        match given_box(&key, &region, class) {
            Ok(given) => document.boxes.push(given),
            Err((field, problem)) => document.reject_box(&region.place, field, problem, &key),
        }
    }
}

fn image(key: &str, entry: &ViaFile) -> GivenImage {
    let text = |name: &str| entry.attributes.get(name).and_then(values::text);
    // What recto writes into its table.
    let by_recto =
        entry.attributes.contains_key("origin") && entry.attributes.contains_key("image");
    let own = |name: &str| by_recto.then(|| text(name)).flatten();
    let metadata: Metadata = match (by_recto, entry.attributes.get("metadata")) {
        (true, Some(Value::Object(given))) => {
            given.iter().map(|(k, v)| (k.clone(), texts(v))).collect()
        }
        (true, _) => Metadata::new(),
        (false, _) => {
            let texts = entry.attributes.iter().map(|(k, v)| (k.clone(), texts(v)));
            texts.filter(|(_, texts)| !texts.is_empty()).collect()
        }
    };
    let size = match by_recto {
        true => loose_json::size(
            entry.attributes.get("width"),
            entry.attributes.get("height"),
        ),
        false => None,
    };
    GivenImage {
        place: entry.place.clone(),
        key: key.to_owned(),
        id: own("image"),
        url: Some(entry.file.clone()).filter(|file| crate::sources::source::is_url(file)),
        names: vec![entry.file.clone()],
        size,
        bytes: entry.bytes,
        group: own("group"),
        rights: own("rights"),
        metadata,
        labels: entry
            .attributes
            .get("labels")
            .filter(|_| by_recto)
            .map(texts)
            .unwrap_or_default(),
        is_unread: entry.unread.is_some(),
        is_unannotated: false,
    }
}

/// A value as texts: of a set of checkboxes those that are set.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => {
            let set = members
                .iter()
                .filter(|(_, value)| **value == Value::Bool(true));
            set.map(|(name, _)| name.clone()).collect()
        }
        value => values::text(value).into_iter().collect(),
    }
}

fn given_box(
    image: &str,
    region: &Region,
    class: Option<&str>,
) -> Result<GivenBox, (&'static str, String)> {
    let shape = shape(&region.shape).map_err(|problem| ("shape_attributes", problem))?;
    let names = class
        .and_then(|class| region.attributes.get(class))
        .map(texts)
        .unwrap_or_default();
    let mut names = names.into_iter();
    let name = names.next().ok_or_else(|| {
        let attribute = class.unwrap_or("class");
        (
            "region_attributes",
            format!("region does not have a class: attribute `{attribute}` is missing or empty"),
        )
    })?;
    let mut attributes: BTreeMap<String, Value> = BTreeMap::new();
    let others = region
        .attributes
        .iter()
        .filter(|(name, _)| Some(name.as_str()) != class);
    attributes.extend(others.map(|(name, value)| (name.clone(), value.clone())));
    let more: Vec<String> = names.collect();
    if !more.is_empty() {
        attributes.insert(
            "labels".into(),
            std::iter::once(name.clone()).chain(more).collect(),
        );
    }
    for name in ["confidence", "score"] {
        if let Some(number) = attributes.get(name).and_then(values::number) {
            attributes.remove(name);
            attributes.insert("confidence".into(), number.into());
        }
    }
    Ok(GivenBox {
        place: region.place.clone(),
        id: None,
        image: image.to_owned(),
        class: GivenClass::Name(name),
        shape: Some(shape),
        attributes,
    })
}

fn shape(shape: &Value) -> Result<GivenShape, String> {
    let number = |name: &str| {
        let number = values::number(&shape[name]);
        number.ok_or_else(|| format!("{name} is not a finite number: {}", shown(&shape[name])))
    };
    match shape["name"].as_str() {
        Some("rect" | "rectangle") => {
            let numbers = [
                number("x")?,
                number("y")?,
                number("width")?,
                number("height")?,
            ];
            GivenShape::of_box(numbers, Unit::Pixel)
        }
        Some("circle") => {
            let r = number("r")?;
            ellipse([number("cx")?, number("cy")?], [r, r], 0.0, Unit::Pixel)
        }
        Some("ellipse") => {
            // In radians since version 2.0.5.
            let degrees = values::number(&shape["theta"]).unwrap_or(0.0).to_degrees();
            ellipse(
                [number("cx")?, number("cy")?],
                [number("rx")?, number("ry")?],
                degrees,
                Unit::Pixel,
            )
        }
        Some("polygon") => {
            let xs = number_list(&shape["all_points_x"], "all_points_x")?;
            let ys = number_list(&shape["all_points_y"], "all_points_y")?;
            if xs.len() != ys.len() {
                return Err(format!("polygon has {} x and {} y", xs.len(), ys.len()));
            }
            let numbers: Vec<f64> = xs.into_iter().zip(ys).flat_map(|(x, y)| [x, y]).collect();
            GivenShape::of_outlines(vec![super::model::points(&numbers)?], Unit::Pixel)
        }
        Some("polyline") => Err("a line has no extent: polyline".into()),
        Some("point") => Err("a point has no extent: point".into()),
        Some(other) => Err(format!("shape is not known: {}", values::excerpt(other))),
        None => Err("shape is missing".into()),
    }
}
