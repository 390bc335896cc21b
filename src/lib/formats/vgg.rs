//! `vgg`: the metadata table of VGG's image tools, `filename,file_attributes`, one row per image.
//!
//! `file_attributes` is a JSON object. It says what an image is and whose, and holds no boxes.

use serde_json::{Map, Value, json};

use super::{Choices, Dataset, Format, Picture, Sink, cannot, cannot_row};
use crate::report::Error;

/// The format.
#[derive(Debug)]
pub struct Vgg;

const PATH: &str = "metadata.csv";

impl Format for Vgg {
    fn name(&self) -> &'static str {
        "vgg"
    }

    fn about(&self) -> &'static str {
        "the metadata CSV of VGG's image tools, a row per image, no boxes"
    }

    fn single_file(&self) -> Option<&'static str> {
        Some("csv")
    }

    fn conventions(&self, _: &Choices) -> String {
        "one row per image, file_attributes is a JSON object; no boxes; files are named as in image_map.json"
            .into()
    }

    fn write(
        &self,
        dataset: &Dataset,
        _: &Choices,
        out: &mut dyn Sink,
    ) -> Result<Vec<String>, Error> {
        let mut csv = csv::Writer::from_writer(out.file(PATH)?);
        let fault = cannot_row(PATH);
        csv.write_record(["filename", "file_attributes"])
            .map_err(&fault)?;
        for picture in &dataset.images {
            let attributes = Value::Object(attributes(picture)).to_string();
            csv.write_record([&picture.file, &attributes])
                .map_err(&fault)?;
        }
        csv.flush().map_err(cannot(PATH))?;
        Ok(Vec::new())
    }
}

fn attributes(p: &Picture) -> Map<String, Value> {
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
