//! `hf`: an image folder as Hugging Face's `datasets` reads it: a folder per split with `metadata.jsonl`, and the features in
//! the front matter of `README.md`.
//!
//! Boxes are `[x, y, width, height]` in pixels, as in COCO; `category` is the number of a class of the features, from 0. Every
//! split has a folder, and the front matter names it: words such as `test` in file names would make splits otherwise. Types are
//! stated, since a split without boxes would have others.

use serde::Serialize;

use super::ascii_json;
use super::dataset::{Dataset, DatasetImage};
use super::file_names;
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::sink::{Sink, cannot, place_image};
use crate::error::Error;

/// The format `hf`: Hugging Face's image folder.
#[derive(Debug)]
pub struct Hf;

impl Format for Hf {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "hf",
            about: "Hugging Face's image folder: images and metadata.jsonl per split, features in README.md",
            is_detection: true,
            holds_images: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "objects.bbox [x, y, width, height] in pixels of the file from the outer corner of its top-left pixel, decimals kept, \
         clipped to the image; objects.category from 0 in the order of the features in README.md; objects.area of the outline \
         where there is one, else of the box; ASCII"
            .into()
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        _: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        let folders: Vec<String> = dataset.parts("train").into_iter().map(folder).collect();
        for folder in &folders {
            out.append(&format!("{folder}/metadata.jsonl"), b"")?;
        }
        Ok(Box::new(HfWriter {
            dataset,
            stems: file_names::stems(dataset),
            folders,
            line: Vec::new(),
        }))
    }

    fn front_matter(&self, dataset: &Dataset) -> Option<String> {
        let mut yaml = String::from("---\nconfigs:\n- config_name: default\n  data_files:\n");
        for (part, split) in dataset.parts("train").into_iter().enumerate() {
            // A split without images has no file that its pattern could find.
            if dataset.facts_of(part).next().is_some() {
                let folder = folder(split);
                yaml += &format!("  - split: {folder}\n    path: {folder}/**\n");
            }
        }
        yaml += "dataset_info:\n  features:\n  - name: image\n    dtype: image\n";
        for (name, dtype) in COLUMNS {
            yaml += &format!("  - name: {name}\n    dtype: {dtype}\n");
        }
        yaml += "  - name: objects\n    struct:\n    - name: id\n      list: int64\n    - name: bbox\n      list:\n        \
                 list: float64\n        length: 4\n    - name: area\n      list: float64\n    - name: iscrowd\n      list: \
                 bool\n    - name: text\n      list: string\n    - name: category\n      list:\n        class_label:\n          \
                 names:\n";
        for (class, name) in dataset.classes.iter().enumerate() {
            yaml += &format!("            '{class}': {}\n", ascii_json::yaml_scalar(name));
        }
        if dataset.classes.is_empty() {
            yaml = yaml.replace(
                "        class_label:\n          names:\n",
                "        int64\n",
            );
        }
        Some(yaml + "---\n\n")
    }
}

const COLUMNS: [(&str, &str); 8] = [
    ("image_id", "int64"),
    ("width", "int64"),
    ("height", "int64"),
    ("source", "string"),
    ("origin", "string"),
    ("group", "string"),
    ("rights", "string"),
    ("attribution", "string"),
];

/// The name of a split as `datasets` calls it.
fn folder(split: &str) -> String {
    match split.to_ascii_lowercase().as_str() {
        "train" | "training" => "train".into(),
        "val" | "valid" | "validation" | "dev" => "validation".into(),
        "test" | "testing" => "test".into(),
        _ => split.to_owned(),
    }
}

struct HfWriter<'a> {
    dataset: &'a Dataset,
    stems: Vec<String>,
    folders: Vec<String>,
    line: Vec<u8>,
}

#[derive(Serialize)]
struct Row<'a> {
    file_name: &'a str,
    image_id: u32,
    width: u32,
    height: u32,
    source: &'a str,
    origin: &'a str,
    group: &'a str,
    rights: &'a str,
    attribution: &'a str,
    objects: Objects<'a>,
}

#[derive(Serialize)]
struct Objects<'a> {
    id: Vec<u32>,
    bbox: Vec<[f64; 4]>,
    area: Vec<f64>,
    iscrowd: Vec<bool>,
    text: Vec<&'a str>,
    category: Vec<usize>,
}

impl Writer for HfWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let folder = &self.folders[self.dataset.part(image)];
        let file = format!("{}.{}", self.stems[image.index()], image.suffix());
        let row = Row {
            file_name: &file,
            image_id: image.number,
            width: image.width,
            height: image.height,
            source: &image.id,
            origin: &image.origin,
            group: &image.group,
            rights: image.source.rights.as_deref().unwrap_or_default(),
            attribution: image.source.attribution.as_deref().unwrap_or_default(),
            objects: objects(image),
        };
        let path = format!("{folder}/metadata.jsonl");
        self.line.clear();
        ascii_json::write(&mut self.line, &row).map_err(cannot(&path))?;
        self.line.push(b'\n');
        out.append(&path, &self.line)?;
        place_image(image, &format!("{folder}/{file}"), self.dataset, out)
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        for folder in &self.folders {
            out.close(&format!("{folder}/metadata.jsonl"))?;
        }
        Ok(Vec::new())
    }
}

fn objects(image: &DatasetImage) -> Objects<'_> {
    let boxes = || image.boxes.iter();
    Objects {
        id: boxes().map(|b| b.number).collect(),
        bbox: boxes()
            .map(|b| [b.bbox.x, b.bbox.y, b.bbox.width, b.bbox.height])
            .collect(),
        area: boxes()
            .map(|b| match &b.outline {
                Some(outline) => outline.area(),
                None => b.bbox.width * b.bbox.height,
            })
            .collect(),
        iscrowd: boxes().map(|b| b.flags.is_crowd).collect(),
        text: boxes().map(|b| b.text().unwrap_or_default()).collect(),
        category: boxes().map(|b| b.class).collect(),
    }
}
