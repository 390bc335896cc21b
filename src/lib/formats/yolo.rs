//! `yolo`: Ultralytics' detection layout, `images/<split>`, `labels/<split>`, `data.yaml`.
//!
//! A line is `class cx cy w h`, relative to the image, classes from 0, ten decimals (with six, large scans are off by
//! pixels). Boxes are clipped before, since the tools drop an image with any value above 1. Only detection rows: the
//! tools drop an image that mixes boxes and outlines as corrupt. `data.yaml` does not have `path`, so that the set can
//! be moved; without it the tools use the folder of the file.

use super::dataset::{Dataset, DatasetBox, DatasetImage};
use super::file_names;
use super::format::{Format, FormatInfo, FormatOptions, Written};
use super::sink::{Sink, place_image, put};
use crate::summary::counted;

/// The format `yolo`: Ultralytics' detection layout.
#[derive(Debug)]
pub struct Yolo;

impl Format for Yolo {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "yolo",
            about: "Ultralytics' images/, labels/ and data.yaml, detection rows",
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "class cx cy w h relative to the image, classes from 0 in the order of data.yaml, ten decimals, clipped \
         to the image; an image without boxes has an empty label file; outlines are left out; sources.csv leads \
         from file names to the source"
            .into()
    }

    fn write(&self, dataset: &Dataset, options: &FormatOptions, out: &mut dyn Sink) -> Written {
        let stems = file_names::stems(dataset);
        let folder =
            |p: &DatasetImage| split_name(p.split.as_deref().unwrap_or("train")).to_owned();
        let stem = |p: &DatasetImage| stems[p.number as usize - 1].as_str();
        let file = |p: &DatasetImage| format!("images/{}/{}.{}", folder(p), stem(p), p.suffix());
        put(out, "data.yaml", &data_yaml(dataset))?;
        file_names::write_sources(dataset, |_, p| file(p), options.csv_safe, out)?;
        for p in &dataset.images {
            place_image(p, &file(p), dataset, out)?;
            let path = format!("labels/{}/{}.txt", folder(p), stem(p));
            let lines: String = p.boxes.iter().map(|b| line(p, b)).collect();
            put(out, &path, &lines)?;
        }
        Ok(notes(dataset))
    }
}

/// The names that Ultralytics uses: `train`, `val` and `test`.
fn split_name(split: &str) -> &str {
    match split.to_ascii_lowercase().as_str() {
        "validation" | "valid" | "dev" => "val",
        "training" => "train",
        "testing" => "test",
        _ => split,
    }
}

fn line(p: &DatasetImage, b: &DatasetBox) -> String {
    let (width, height) = (f64::from(p.width), f64::from(p.height));
    let centre = (
        b.bbox.x + b.bbox.width / 2.0,
        b.bbox.y + b.bbox.height / 2.0,
    );
    format!(
        "{} {:.10} {:.10} {:.10} {:.10}\n",
        b.class,
        centre.0 / width,
        centre.1 / height,
        b.bbox.width / width,
        b.bbox.height / height
    )
}

/// JSON is YAML: every name is a quoted scalar, so that `no`, `1e3` and `a: b` stay names.
fn data_yaml(dataset: &Dataset) -> String {
    let parts = dataset.parts("train");
    let filled: Vec<&str> = parts
        .iter()
        .filter(|(_, images)| !images.is_empty())
        .map(|(split, _)| split_name(split))
        .collect();
    let mut yaml = String::new();
    for needed in ["train", "val"] {
        match filled.iter().find(|&&split| split == needed) {
            Some(split) => yaml += &format!("{needed}: images/{split}\n"),
            None => {
                let instead = filled.first().unwrap_or(&"train");
                yaml += &format!(
                    "# {needed} is required, but there are no images for it: it names {instead}\n"
                );
                yaml += &format!("{needed}: images/{instead}\n");
            }
        }
    }
    for other in filled.iter().filter(|s| !["train", "val"].contains(s)) {
        yaml += &format!("{other}: images/{other}\n");
    }
    yaml += &format!("nc: {}\nnames:\n", dataset.classes.len());
    for name in &dataset.classes {
        yaml += &format!("  - {}\n", yaml_scalar(name));
    }
    if dataset.classes.is_empty() {
        yaml = yaml.replace("names:\n", "names: []\n");
    }
    yaml
}

/// A double-quoted scalar. Escapes a few characters more than JSON: those that are not printable in YAML 1.2 or are line
/// ends there.
fn yaml_scalar(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json.chars()
        .map(|c| match c {
            '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                format!("\\u{:04x}", u32::from(c))
            }
            c => c.to_string(),
        })
        .collect()
}

fn notes(dataset: &Dataset) -> Vec<String> {
    let outlines = dataset
        .images
        .iter()
        .flat_map(|p| &p.boxes)
        .filter(|b| b.polygon.is_some())
        .count();
    let strange = dataset
        .images
        .iter()
        .filter(|p| p.media_type == "image/gif")
        .count();
    let mut notes = Vec::new();
    if outlines > 0 {
        notes.push(format!(
            "yolo: {} left out, only boxes are written",
            counted(outlines as u64, "outline", "outlines")
        ));
    }
    if strange > 0 {
        notes.push(format!(
            "yolo: {} GIF, which Ultralytics does not read",
            counted(strange as u64, "image is", "images are")
        ));
    }
    notes
}
