//! `yolo`: Ultralytics' detection layout, `images/<split>`, `labels/<split>`, `data.yaml`.
//!
//! A line is `class cx cy w h`, relative to the image, classes from 0, ten decimals (with six, large scans are off by
//! pixels). Boxes are clipped before, since the tools drop an image with any value above 1. Only detection rows: the
//! tools drop an image that mixes boxes and outlines as corrupt. `data.yaml` does not have `path`, so that the set can
//! be moved; without it the tools use the folder of the file.

use std::fmt::Write as _;

use super::ascii_json;
use super::dataset::{Dataset, DatasetBox, DatasetImage};
use super::file_names;
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::sink::{Sink, place_image};
use crate::error::Error;
use crate::summary::counted;

/// The format `yolo`: Ultralytics' detection layout.
#[derive(Debug)]
pub struct Yolo;

impl Format for Yolo {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "yolo",
            about: "Ultralytics' images/, labels/ and data.yaml, detection rows",
            is_detection: true,
            holds_images: true,
            is_written_into: true,
            needs_val: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "class cx cy w h relative to the image, classes from 0 in the order of data.yaml, ten decimals, clipped \
         to the image; an image without boxes has an empty label file; outlines are left out; sources.csv leads \
         from file names to the source"
            .into()
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        options: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        out.put("data.yaml", data_yaml(dataset, options).as_bytes())?;
        file_names::begin_sources(out)?;
        Ok(Box::new(YoloWriter {
            dataset,
            stems: file_names::stems(dataset),
            rows: String::new(),
        }))
    }
}

struct YoloWriter<'a> {
    dataset: &'a Dataset,
    stems: Vec<String>,
    rows: String,
}

impl Writer for YoloWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let split = split_name(image.split.as_deref().unwrap_or("train"));
        let stem = &self.stems[image.index()];
        let file = format!("images/{split}/{stem}.{}", image.suffix());
        file_names::add_source(image, &file, out)?;
        place_image(image, &file, self.dataset, out)?;
        self.rows.clear();
        for labelled in &image.boxes {
            add_row(&mut self.rows, image, labelled);
        }
        out.put(&format!("labels/{split}/{stem}.txt"), self.rows.as_bytes())
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        out.close(file_names::SOURCES)?;
        Ok(notes(self.dataset))
    }
}

/// The names that Ultralytics uses: `train`, `val` and `test`.
fn split_name(split: &str) -> &str {
    match split.to_ascii_lowercase().as_str() {
        "train" | "training" => "train",
        "val" | "validation" | "valid" | "dev" => "val",
        "test" | "testing" => "test",
        _ => split,
    }
}

fn add_row(rows: &mut String, p: &DatasetImage, b: &DatasetBox) {
    let (width, height) = (f64::from(p.width), f64::from(p.height));
    let centre = (
        b.bbox.x + b.bbox.width / 2.0,
        b.bbox.y + b.bbox.height / 2.0,
    );
    let _ = writeln!(
        rows,
        "{} {:.10} {:.10} {:.10} {:.10}",
        b.class,
        centre.0 / width,
        centre.1 / height,
        b.bbox.width / width,
        b.bbox.height / height
    );
}

/// The splits with images under the names that Ultralytics uses.
fn filled(dataset: &Dataset) -> Vec<&str> {
    let parts = dataset.parts("train").into_iter().enumerate();
    parts
        .filter(|(part, _)| dataset.facts_of(*part).next().is_some())
        .map(|(_, split)| split_name(split))
        .collect()
}

/// JSON is YAML: every name is a quoted scalar, so that `no`, `1e3` and `a: b` stay names.
fn data_yaml(dataset: &Dataset, options: &FormatOptions) -> String {
    let filled = filled(dataset);
    let mut yaml = String::new();
    for needed in ["train", "val"] {
        match filled.iter().find(|&&split| split == needed) {
            Some(split) => yaml += &format!("{needed}: images/{split}\n"),
            None if options.no_val => {
                let instead = filled.first().unwrap_or(&"train");
                yaml += &format!(
                    "# {needed} is required, but there are no images for it: it names {instead}\n"
                );
                yaml += &format!("{needed}: images/{instead}\n");
            }
            None => yaml += &format!("# {needed} is required, but there are no images for it\n"),
        }
    }
    for other in filled.iter().filter(|s| !["train", "val"].contains(s)) {
        yaml += &format!("{other}: images/{other}\n");
    }
    yaml += &format!("nc: {}\nnames:\n", dataset.classes.len());
    for name in &dataset.classes {
        yaml += &format!("  - {}\n", ascii_json::string(name));
    }
    if dataset.classes.is_empty() {
        yaml = yaml.replace("names:\n", "names: []\n");
    }
    yaml
}

/// The sides, in pixels, below which Ultralytics passes over an image.
const SMALLEST_SIDE: u32 = 10;

fn notes(dataset: &Dataset) -> Vec<String> {
    let strange = dataset.count(|p| p.media_type == "image/gif");
    let small = dataset.count(|p| p.size[0].min(p.size[1]) < SMALLEST_SIDE);
    let mut notes = Vec::new();
    let outlines = dataset.outlines();
    if outlines > 0 {
        notes.push(format!(
            "yolo: {} left out, only boxes are written; -f yolo-seg writes them",
            counted(outlines, "outline", "outlines")
        ));
    }
    if small > 0 {
        notes.push(format!(
            "yolo: {} less than {SMALLEST_SIDE} pixels wide or high, too small for Ultralytics, which leaves such out",
            counted(small, "image is", "images are")
        ));
    }
    if strange > 0 {
        notes.push(format!(
            "yolo: {} GIF, which Ultralytics does not read",
            counted(strange, "image is", "images are")
        ));
    }
    notes
}
