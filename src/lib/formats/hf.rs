//! `hf`: an image folder as Hugging Face's `datasets` reads it: a folder per split with `metadata.jsonl`, named in the front
//! matter of `README.md`.
//!
//! Boxes are `[x, y, width, height]` in pixels, as in COCO; `category` is the number of a class, from 0, and `label` its name:
//! `datasets` makes no class labels of JSON. Every split has a folder, and the front matter names it: words such as `test` in
//! file names would make splits otherwise.

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
            about: "Hugging Face's image folder: images and metadata.jsonl per split",
            is_detection: true,
            holds_images: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "objects.bbox [x, y, width, height] in pixels of the file from the outer corner of its top-left pixel, decimals kept, \
         clipped to the image; objects.category from 0 in the order of the classes, objects.label their names; objects.area of \
         the outline where there is one, else of the box; ASCII"
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
        Some(yaml + "---\n\n")
    }
}

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
    label: Vec<&'a str>,
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
            objects: objects(image, self.dataset),
        };
        let path = format!("{folder}/metadata.jsonl");
        self.line.clear();
        ascii_json::write(&mut self.line, &row).map_err(cannot(&path))?;
        self.line.push(b'\n');
        out.append(&path, &self.line)?;
        place_image(image, &format!("{folder}/{file}"), self.dataset, out)
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        let mut notes = Vec::new();
        for (part, folder) in self.folders.iter().enumerate() {
            out.close(&format!("{folder}/metadata.jsonl"))?;
            let mut facts = self.dataset.facts_of(part).peekable();
            if facts.peek().is_some() && facts.all(|p| p.boxes() == 0) && self.folders.len() > 1 {
                notes.push(format!(
                    "hf: {folder} has no box: `datasets` takes its empty lists for lists of nothing and refuses to load it \
                     with splits that have boxes; --stratify class or another --seed may help"
                ));
            }
        }
        Ok(notes)
    }
}

fn objects<'a>(image: &'a DatasetImage, dataset: &'a Dataset) -> Objects<'a> {
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
        label: boxes().map(|b| dataset.classes[b.class].as_str()).collect(),
    }
}
