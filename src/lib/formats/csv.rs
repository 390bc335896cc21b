//! `csv`: one wide table, a row per box; an image without boxes is a row with empty box cells.
//!
//! Boxes are `x, y, w, h` in pixels of the file, origin 0 at the outer corner of the top-left pixel, decimals as
//! they are. RFC 4180 quoting, LF, UTF-8 without byte-order mark. A label that begins with `=` stays as it is:
//! the table is for programs, and a changed label would be another class.

use std::collections::BTreeSet;

use super::{Choices, Dataset, Format, Labelled, Picture, Sink, cannot, cannot_row};
use crate::report::Error;

/// The format.
#[derive(Debug)]
pub struct Csv;

const PATH: &str = "annotations.csv";

const HEADER: [&str; 25] = [
    "image_id",
    "file",
    "width",
    "height",
    "split",
    "group",
    "annotation_id",
    "uuid",
    "label",
    "label_id",
    "x",
    "y",
    "w",
    "h",
    "image",
    "origin",
    "manifest",
    "canvas",
    "rights",
    "attribution",
    "labels",
    "title",
    "polygon",
    "text",
    "attributes",
];

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn about(&self) -> &'static str {
        "one wide table, a row per box, with all metadata"
    }

    fn single_file(&self) -> Option<&'static str> {
        Some("csv")
    }

    fn conventions(&self, _: &Choices) -> String {
        "x, y, w, h in pixels of the file from the outer corner of its top-left pixel, decimals kept; label_id \
         from 1; an image without boxes is a row with empty label and box cells; files are named as in \
         image_map.json; read labels as text (pandas: keep_default_na=False), `NA` may be one"
            .into()
    }

    fn write(
        &self,
        dataset: &Dataset,
        _: &Choices,
        out: &mut dyn Sink,
    ) -> Result<Vec<String>, Error> {
        let keys: BTreeSet<&str> = dataset
            .images
            .iter()
            .flat_map(|p| p.metadata.keys().map(String::as_str))
            .collect();
        let mut csv = csv::Writer::from_writer(out.file(PATH)?);
        let fault = cannot_row(PATH);
        let header = HEADER.iter().map(|&name| name.to_owned());
        csv.write_record(header.chain(keys.iter().map(|key| format!("meta:{key}"))))
            .map_err(&fault)?;
        for picture in &dataset.images {
            let boxes = picture.boxes.iter().map(Some);
            let boxes: Vec<_> = if picture.boxes.is_empty() {
                vec![None]
            } else {
                boxes.collect()
            };
            for labelled in boxes {
                csv.write_record(row(dataset, picture, labelled, &keys))
                    .map_err(&fault)?;
            }
        }
        csv.flush().map_err(cannot(PATH))?;
        Ok(Vec::new())
    }
}

fn row(
    dataset: &Dataset,
    picture: &Picture,
    labelled: Option<&Labelled>,
    keys: &BTreeSet<&str>,
) -> Vec<String> {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut row = vec![
        picture.number.to_string(),
        picture.file.clone(),
        picture.width.to_string(),
        picture.height.to_string(),
        or_none(&picture.split),
        picture.group.clone(),
    ];
    row.extend(box_cells(dataset, labelled));
    row.extend([
        picture.id.clone(),
        picture.origin.clone(),
        or_none(&picture.source.manifest),
        or_none(&picture.source.canvas),
        or_none(&picture.source.rights),
        or_none(&picture.source.attribution),
        picture.labels.join(JOIN),
        title(picture),
    ]);
    row.extend(said_cells(labelled));
    row.extend(keys.iter().map(|&key| {
        picture
            .metadata
            .get(key)
            .map_or(String::new(), |values| values.join(JOIN))
    }));
    row
}

const JOIN: &str = " | ";

fn title(picture: &Picture) -> String {
    let labels = &picture.source.labels;
    let labels = [&labels.manifest, &labels.canvas, &labels.image];
    let labels: Vec<&str> = labels.into_iter().flatten().map(String::as_str).collect();
    labels.join(JOIN)
}

fn box_cells(dataset: &Dataset, labelled: Option<&Labelled>) -> [String; 8] {
    let Some(b) = labelled else {
        return Default::default();
    };
    [
        b.number.to_string(),
        b.id.clone(),
        dataset.classes[b.class].clone(),
        (b.class + 1).to_string(),
        b.bbox.x.to_string(),
        b.bbox.y.to_string(),
        b.bbox.width.to_string(),
        b.bbox.height.to_string(),
    ]
}

fn said_cells(labelled: Option<&Labelled>) -> [String; 3] {
    let Some(b) = labelled else {
        return Default::default();
    };
    // Text and numbers with text keys: nothing that JSON refuses.
    let json = |value: serde_json::Result<String>| value.unwrap_or_default();
    let polygon = b.polygon.as_ref();
    [
        polygon.map_or(String::new(), |p| json(serde_json::to_string(p))),
        b.text().unwrap_or_default().to_owned(),
        match b.attributes.is_empty() {
            true => String::new(),
            false => json(serde_json::to_string(&b.attributes)),
        },
    ]
}
