//! Formats of recto that only recto itself reads again: the table with a row per box, and a line of JSON per image. Pure.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::Value;

use crate::contracts::{Annotation, Body, ImageRef, Metadata, Observation, Region, Space};

/// Columns with numbers that are counted anew in every set.
const COUNTED: [&str; 3] = ["image_id", "annotation_id", "label_id"];
/// Columns that tell the place of a box.
const PLACE: [&str; 4] = ["x", "y", "w", "h"];
/// Columns that belong to a box, besides those that begin with `box:`.
const OF_BOX: [&str; 4] = ["uuid", "polygon", "text", "attributes"];

/// The images of a table of the format `csv`.
pub fn of_csv(bytes: &[u8]) -> Option<Vec<Observation>> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().ok()?.clone();
    let mut images: Vec<Observation> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for row in reader.records() {
        let row = row.ok()?;
        let cells = header.iter().zip(row.iter());
        let cells: BTreeMap<&str, &str> = cells.filter(|(_, cell)| !cell.is_empty()).collect();
        let file = *cells.get("file")?;
        let at = *known.entry(file.to_owned()).or_insert_with(|| {
            images.push(image_of(file, &cells));
            images.len() - 1
        });
        if let Some(label) = cells.get("label") {
            let [x, y, w, h] = PLACE.map(|column| cells.get(column).copied().unwrap_or("0"));
            let of_box = cells.iter().filter(|(column, _)| is_of_box(column));
            let attributes = of_box.map(|(column, cell)| ((*column).to_owned(), (*cell).into()));
            let place = format!("xywh={x},{y},{w},{h}");
            images[at]
                .annotations
                .push(annotation(label, place, attributes.collect()));
        }
    }
    Some(images)
}

fn is_of_box(column: &str) -> bool {
    // An id alone makes no other box.
    column.starts_with("box:") || OF_BOX[1..].contains(&column)
}

fn image_of(file: &str, cells: &BTreeMap<&str, &str>) -> Observation {
    let is_of_image = |column: &str| {
        let others = [&COUNTED[..], &PLACE, &OF_BOX, &["label", "file"]].concat();
        !others.contains(&column) && !column.starts_with("box:") && !column.starts_with("rank:")
    };
    let metadata: Metadata = cells
        .iter()
        .filter(|(column, _)| is_of_image(column))
        .map(|(column, cell)| ((*column).to_owned(), vec![(*cell).to_owned()]))
        .collect();
    named(file, metadata)
}

fn named(file: &str, metadata: Metadata) -> Observation {
    Observation {
        id: file.to_owned(),
        image: ImageRef {
            names: vec![file.to_owned()],
            ..ImageRef::default()
        },
        metadata,
        ..Observation::default()
    }
}

fn annotation(label: &str, place: String, attributes: BTreeMap<String, Value>) -> Annotation {
    Annotation {
        bodies: vec![Body {
            value: label.to_owned(),
            ..Body::default()
        }],
        regions: vec![Region {
            frame: Space::Image,
            fragment: Some(place),
            ..Region::default()
        }],
        attributes,
        ..Annotation::default()
    }
}

/// A line of the format `hf`.
#[derive(Deserialize)]
struct Line {
    file_name: String,
    #[serde(default)]
    objects: Objects,
    #[serde(flatten)]
    others: serde_json::Map<String, Value>,
}

/// The boxes of a line, a list of each member.
#[derive(Default, Deserialize)]
struct Objects {
    #[serde(default)]
    bbox: Vec<[f64; 4]>,
    #[serde(default)]
    label: Vec<String>,
    #[serde(default)]
    text: Vec<Option<String>>,
    #[serde(default)]
    rings: Vec<Value>,
}

/// The images of a file of the format `hf`.
pub fn of_json_lines(bytes: &[u8]) -> Option<Vec<Observation>> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.trim_ascii().is_empty());
    let image = |line: &[u8]| {
        let line: Line = serde_json::from_slice(line).ok()?;
        let others = line.others.iter();
        let others = others.filter(|(name, _)| !COUNTED.contains(&&***name));
        let metadata = others.map(|(name, value)| (name.clone(), vec![value.to_string()]));
        let mut image = named(&line.file_name, metadata.collect());
        let Objects {
            bbox,
            label,
            text,
            rings,
        } = line.objects;
        for (at, ([x, y, w, h], label)) in bbox.into_iter().zip(label).enumerate() {
            let text = text.get(at).cloned().flatten().map(Value::from);
            let rings = rings.get(at).cloned();
            let attributes = [("text", text), ("rings", rings)];
            let attributes = attributes.into_iter();
            let attributes = attributes.filter_map(|(name, value)| Some((name.to_owned(), value?)));
            let place = format!("xywh={x},{y},{w},{h}");
            image
                .annotations
                .push(annotation(&label, place, attributes.collect()));
        }
        Some(image)
    };
    lines.map(image).collect()
}
