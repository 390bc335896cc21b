//! `labelme`: a JSON document beside each image, as labelme 5 writes and opens them.
//!
//! A box is a rectangle, given by two corners in pixels at edges, from 0; a box with an outline is a polygon. Documents and
//! images of a split are in one folder, since labelme wants them side by side.

use serde::Serialize;
use serde_json::{Map, Value};

use super::ascii_json;
use super::box_attributes::Others;
use super::bridges::{bridge_note, bridged};
use super::contents::Contents;
use super::dataset::{Dataset, DatasetBox, DatasetImage};
use super::file_names;
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::sink::{Sink, cannot, place_image};
use super::yolo_rows::one_ring;
use crate::error::Error;

/// The format `labelme`: a JSON document per image.
#[derive(Debug)]
pub struct Labelme;

const LABELS: &str = "labels.txt";

impl Format for Labelme {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "labelme",
            about: "a JSON document of labelme 5 beside each image, and labels.txt",
            is_detection: true,
            holds_images: true,
            has_picture_files: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "points in pixels of the file, edges from 0, decimals kept, clipped to the image: two corners of a rectangle, or a \
         polygon for a box with an outline, parts and holes joined by lines to and fro; description is the text; flags of labelme are true or false, so that other \
         attributes of boxes are the member attributes, which labelme keeps; ASCII; \
         sources.csv leads from file names to the source"
            .into()
    }

    fn contents(&self, dataset: &Dataset) -> Vec<Contents> {
        let plain = Contents::plain;
        let mut contents = vec![
            plain(
                "annotations",
                "A document per image.",
                "*/*.json",
                "application/json",
            ),
            plain("labels", "The names of the classes.", LABELS, "text/plain"),
            Contents::sources(),
        ];
        contents.extend(Contents::images_in_splits(dataset));
        contents
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        _: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        // The first two are what labelme's converters expect.
        let mut labels = "__ignore__\n_background_\n".to_owned();
        let mut broken = 0;
        for class in &dataset.classes {
            let line = class.replace(['\n', '\r'], " ");
            broken += u64::from(line != *class);
            labels += &line;
            labels.push('\n');
        }
        out.put(LABELS, labels.as_bytes())?;
        file_names::begin_sources(out)?;
        Ok(Box::new(LabelmeWriter {
            dataset,
            stems: file_names::stems(dataset),
            bridged: 0,
            broken,
        }))
    }
}

struct LabelmeWriter<'a> {
    dataset: &'a Dataset,
    stems: file_names::Names,
    bridged: u64,
    /// How many names of classes have line breaks.
    broken: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    version: &'static str,
    flags: Map<String, Value>,
    shapes: Vec<Shape<'a>>,
    image_path: &'a str,
    image_data: Option<()>,
    image_height: u32,
    image_width: u32,
}

#[derive(Serialize)]
struct Shape<'a> {
    label: &'a str,
    points: Vec<[f64; 2]>,
    group_id: Option<u32>,
    description: &'a str,
    shape_type: &'static str,
    flags: Map<String, Value>,
    mask: Option<()>,
    /// labelme keeps members that it does not know.
    #[serde(skip_serializing_if = "Others::is_empty")]
    attributes: Others<'a>,
}

impl Writer for LabelmeWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let folder = self.dataset.parts("train")[self.dataset.part(image)];
        let stem = &self.stems.of(&image.file);
        let file = format!("{stem}.{}", image.suffix());
        let document = Document {
            version: "5.5.0",
            flags: image
                .labels
                .iter()
                .map(|label| (label.clone(), true.into()))
                .collect(),
            shapes: image.boxes.iter().map(|b| shape(self.dataset, b)).collect(),
            image_path: if self.dataset.placed {
                &file
            } else {
                &image.file
            },
            image_data: None,
            image_height: image.height,
            image_width: image.width,
        };
        let path = format!("{folder}/{stem}.json");
        let mut bytes = Vec::new();
        ascii_json::write(&mut bytes, &document).map_err(cannot(&path))?;
        bytes.push(b'\n');
        out.put(&path, &bytes)?;
        self.bridged += bridged(image);
        let path = format!("{folder}/{file}");
        file_names::add_source(image, &path, out)?;
        place_image(image, &path, self.dataset, out)
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        out.close(file_names::SOURCES)?;
        let mut notes = bridge_note("labelme", self.bridged);
        if self.broken > 0 {
            notes.push(format!(
                "labelme: line breaks in names of classes are spaces in {LABELS}"
            ));
        }
        Ok(notes)
    }
}

fn shape<'a>(dataset: &'a Dataset, b: &'a DatasetBox<'a>) -> Shape<'a> {
    let flags = [
        ("truncated", b.flags.is_truncated),
        ("difficult", b.flags.is_difficult),
        ("occluded", b.flags.is_occluded),
        ("group_of", b.flags.is_crowd),
    ];
    let flags = flags.into_iter().filter(|(_, is)| *is);
    let (points, shape_type) = match &b.outline {
        Some(outline) => (one_ring(outline), "polygon"),
        None => {
            let corners = [[b.bbox.x, b.bbox.y], [b.bbox.right(), b.bbox.bottom()]];
            (corners.to_vec(), "rectangle")
        }
    };
    Shape {
        label: &dataset.classes[b.class],
        points,
        group_id: None,
        description: b.text().unwrap_or_default(),
        shape_type,
        flags: flags
            .map(|(name, is)| (name.to_owned(), is.into()))
            .collect(),
        mask: None,
        attributes: Others::besides_flags(b),
    }
}
