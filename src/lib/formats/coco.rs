//! `coco`: instances JSON, one per split, beside `images/`.
//!
//! Boxes are `[x, y, width, height]`, floats at pixel edges with origin 0 (the format's author: a box over the
//! first pixel is `[0, 0, 1, 1]`). Ids of images, annotations and categories are dense 32-bit numbers from 1,
//! because 0 reads as "unmatched" in COCOeval and as background in detectors, and larger ones lose digits in
//! several readers; the source's ids are in `uuid`. `area` is that of the polygon, if there is one; each part of an outline
//! is a polygon of `segmentation`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde_json::{Value, json};

use super::dataset::{Dataset, DatasetBox, DatasetImage};
use super::format::{Format, FormatInfo, FormatOptions, Written};
use super::ranks;
use super::sink::{Sink, cannot, place_image};
use crate::contracts::{Number, Polygon};
use crate::values;

/// The format `coco`: COCO instances JSON.
#[derive(Debug)]
pub struct Coco;

impl Format for Coco {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "coco",
            about: "COCO instances JSON, one per split, beside images/",
            single_file: Some("json"),
            holds_ranks: true,
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "bbox [x, y, width, height] in pixels of the file from the outer corner of its top-left pixel, decimals \
         kept, clipped to the image; ids from 1, categories sorted by code point; area of the polygon where \
         there is one, else of the box"
            .into()
    }

    fn write(&self, dataset: &Dataset, options: &FormatOptions, out: &mut dyn Sink) -> Written {
        let root = dataset.image_root();
        for (split, images) in dataset.parts("default") {
            let path = format!("annotations/instances_{split}.json");
            instances(dataset, options, split, &images, out.file(&path)?).map_err(cannot(&path))?;
        }
        for picture in &dataset.images {
            let path = format!("images/{}", picture.below(root));
            place_image(picture, &path, dataset, out)?;
        }
        Ok(Vec::new())
    }
}

/// Rights statements in code-point order; the id of each is its position, from 1.
fn licenses(dataset: &Dataset) -> Vec<&str> {
    let rights: BTreeSet<&str> = dataset
        .images
        .iter()
        .filter_map(|p| p.source.rights.as_deref())
        .collect();
    rights.into_iter().collect()
}

/// Writes record by record, so that the document is never in memory as a whole.
fn instances(
    dataset: &Dataset,
    options: &FormatOptions,
    split: &str,
    images: &[&DatasetImage],
    out: &mut dyn Write,
) -> io::Result<()> {
    let (root, rights) = (dataset.image_root(), licenses(dataset));
    write!(out, "{{\"info\":{}", info(split))?;
    let licenses = rights.iter().enumerate().map(|(i, text)| license(i, text));
    list(out, "licenses", licenses)?;
    let categories = 0..dataset.classes.len();
    list(
        out,
        "categories",
        categories.map(|class| category(dataset, class, options)),
    )?;
    list(
        out,
        "images",
        images.iter().map(|p| image(root, &rights, p)),
    )?;
    let boxes = images
        .iter()
        .flat_map(|p| p.boxes.iter().map(|b| annotation(p, b)));
    list(out, "annotations", boxes)?;
    writeln!(out, "\n}}")
}

fn list(out: &mut dyn Write, name: &str, records: impl Iterator<Item = Value>) -> io::Result<()> {
    write!(out, ",\n\"{name}\":[")?;
    for (i, record) in records.enumerate() {
        out.write_all(if i == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, &record)?;
    }
    out.write_all(b"]")
}

fn info(split: &str) -> Value {
    json!({ "description": split, "version": "1" })
}

fn license(i: usize, text: &str) -> Value {
    let url = if text.starts_with("http") { text } else { "" };
    json!({ "id": i + 1, "name": text, "url": url })
}

fn category(dataset: &Dataset, class: usize, options: &FormatOptions) -> Value {
    let (name, lineage) = (&dataset.classes[class], dataset.lineage(class));
    let above = || lineage.iter().rev().find(|step| step.name != *name);
    let supercategory = match &options.supercategory {
        Some(rank) => ranks::taxon(lineage, rank),
        None => above().map(|step| step.name.as_str()),
    };
    json!({ "id": class + 1, "name": name, "supercategory": supercategory.unwrap_or_default() })
}

fn image(root: &str, rights: &[&str], p: &DatasetImage) -> Value {
    let license = p
        .source
        .rights
        .as_deref()
        .and_then(|text| rights.binary_search(&text).ok())
        .map_or(0, |i| i + 1);
    let mut image = json!({
        "id": p.number, "file_name": p.below(root), "width": p.width, "height": p.height,
        "license": license, "coco_url": p.origin, "uuid": p.id, "group": p.group,
    });
    let mut add = |key: &str, value: Value| image[key] = value;
    for (key, text) in [
        ("manifest", &p.source.manifest),
        ("canvas", &p.source.canvas),
        ("attribution", &p.source.attribution),
    ] {
        if let Some(text) = text {
            add(key, text.as_str().into());
        }
    }
    if !p.labels.is_empty() {
        add("labels", json!(p.labels));
    }
    if !p.metadata.is_empty() {
        add("metadata", json!(p.metadata));
    }
    image
}

fn annotation(picture: &DatasetImage, b: &DatasetBox) -> Value {
    let outline = |polygon: Polygon| -> Vec<Number> {
        let points = polygon.points().iter().flatten();
        points.map(|&v| Number(v)).collect()
    };
    let parts = b.polygon.iter().flat_map(Polygon::parts);
    let segmentation: Vec<Vec<Number>> = parts.map(outline).collect();
    let area = b
        .polygon
        .as_ref()
        .map_or(b.bbox.width * b.bbox.height, |polygon| polygon.area());
    let mut record = json!({
        "id": b.number, "image_id": picture.number, "category_id": b.class + 1, "bbox": b.bbox,
        "area": Number(area), "iscrowd": u8::from(is_crowd(b)), "segmentation": segmentation, "uuid": b.id,
    });
    let others = b.attributes.iter().filter(|(name, _)| *name != CROWD);
    let others: BTreeMap<&String, &Value> = others.collect();
    if !others.is_empty() {
        record["attributes"] = json!(others);
    }
    record
}

/// The attribute of boxes around several things at once, which has a member of its own.
const CROWD: &str = "iscrowd";

fn is_crowd(b: &DatasetBox) -> bool {
    match b.attributes.get(CROWD) {
        Some(Value::Bool(is)) => *is,
        given => given.and_then(values::number).is_some_and(|n| n != 0.0),
    }
}
