//! `vgg`: the metadata table of VGG's image tools, `filename,file_attributes`, one row per image.
//!
//! `file_attributes` is a JSON object with metadata of the image. It does not hold boxes.

use serde_json::{Map, Value, json};

use super::contents::{Contents, Kind};
use super::dataset::{Dataset, DatasetImage};
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::sink::{Sink, put_rows};
use crate::error::Error;

/// The format `vgg`: the metadata table of VGG's image tools.
#[derive(Debug)]
pub struct Vgg;

const PATH: &str = "metadata.csv";

impl Format for Vgg {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "vgg",
            about: "the metadata CSV of VGG's image tools, a row per image, no boxes",
            single_file: Some("csv"),
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "one row per image, file_attributes is a JSON object; no boxes; files are named as in image_map.json"
            .into()
    }

    fn contents(&self, _: &Dataset) -> Vec<Contents> {
        const COLUMNS: &[(&str, Kind)] =
            &[("filename", Kind::Text), ("file_attributes", Kind::Text)];
        let about = "A row per image.";
        vec![Contents::table(PATH, "images", about, COLUMNS)]
    }

    fn begin<'a>(
        &self,
        _: &'a Dataset,
        _: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        put_rows(out, PATH, [["filename", "file_attributes"]])?;
        Ok(Box::new(VggWriter))
    }
}

struct VggWriter;

impl Writer for VggWriter {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let attributes = Value::Object(attributes(image)).to_string();
        put_rows(out, PATH, [[image.file.as_str(), attributes.as_str()]])
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        out.close(PATH)?;
        Ok(Vec::new())
    }
}

fn attributes(p: &DatasetImage) -> Map<String, Value> {
    let labels = &p.source.labels;
    let label = [&labels.image, &labels.canvas, &labels.manifest];
    let texts = [
        ("label", label.into_iter().find_map(Option::as_ref)),
        ("manifest_label", labels.manifest.as_ref()),
        ("canvas_label", labels.canvas.as_ref()),
        ("manifest", p.source.manifest.as_ref()),
        ("canvas", p.source.canvas.as_ref()),
        ("image", Some(&p.id)),
        ("origin", Some(&p.origin)),
        ("group", Some(&p.group)),
        ("split", p.split.as_ref()),
        ("rights", p.source.rights.as_ref()),
        ("attribution", p.source.attribution.as_ref()),
    ];
    let mut attributes: Map<String, Value> = texts
        .into_iter()
        .filter_map(|(key, text)| Some((key.to_owned(), text?.as_str().into())))
        .collect();
    attributes.insert("width".into(), p.width.into());
    attributes.insert("height".into(), p.height.into());
    if !p.labels.is_empty() {
        attributes.insert("labels".into(), json!(p.labels));
    }
    if !p.metadata.is_empty() {
        attributes.insert("metadata".into(), json!(p.metadata));
    }
    attributes
}
