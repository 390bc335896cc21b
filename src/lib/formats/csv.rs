//! `csv`: one wide table, a row per box; an image without boxes is a row with empty box cells.
//!
//! Boxes are `x, y, w, h` in pixels of the file, origin 0 at the outer corner of the top-left pixel, with decimals.
//! RFC 4180 quoting, LF, UTF-8 without byte-order mark. A label that begins with `=` is not escaped: the table is for
//! programs, and a changed label would be another class.

use std::collections::BTreeSet;

use super::box_attributes::{JOIN, as_text};
use super::contents::{Contents, Kind};
use super::dataset::{Dataset, DatasetBox, DatasetImage};
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::outline::Outline;
use super::ranks;
use super::sink::{Sink, put_rows};
use crate::contracts::Text;
use crate::error::Error;

/// The format `csv`: one table, a row per box.
#[derive(Debug)]
pub struct Csv;

const PATH: &str = "annotations.csv";

const HEADER: [&str; 26] = [
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
    "holes",
];

impl Format for Csv {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "csv",
            about: "one wide table, a row per box, with all metadata",
            single_file: Some("csv"),
            holds_ranks: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "x, y, w, h in pixels of the file from the outer corner of its top-left pixel, decimals kept; label_id \
         from 1; an image without boxes is a row with empty label and box cells; files are named as in \
         image_map.json; attributes of boxes are in box:…, metadata of images in meta:…, ranks in rank:…; read labels as text (pandas: keep_default_na=False), since a label may be `NA`"
            .into()
    }

    fn contents(&self, _: &Dataset) -> Vec<Contents> {
        const COLUMNS: &[(&str, Kind)] = &[
            ("image_id", Kind::Integer),
            ("file", Kind::Text),
            ("width", Kind::Integer),
            ("height", Kind::Integer),
            ("split", Kind::Text),
            ("group", Kind::Text),
            ("label", Kind::Text),
            ("label_id", Kind::Integer),
            ("x", Kind::Number),
            ("y", Kind::Number),
            ("w", Kind::Number),
            ("h", Kind::Number),
        ];
        let about = "A row per box; an image without boxes is a row without label.";
        vec![Contents::table(PATH, "boxes", about, COLUMNS)]
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        _: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        let columns = Columns::of(dataset);
        put_rows(out, PATH, [columns.header()])?;
        Ok(Box::new(CsvWriter { dataset, columns }))
    }
}

struct CsvWriter<'a> {
    dataset: &'a Dataset,
    columns: Columns<'a>,
}

impl Writer for CsvWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let boxes = image.boxes.iter().map(Some);
        // An image without boxes has a row too.
        let none = image.boxes.is_empty().then_some(None);
        let rows = boxes
            .chain(none)
            .map(|labelled| self.columns.row(self.dataset, image, labelled));
        put_rows(out, PATH, rows)
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        out.close(PATH)?;
        Ok(Vec::new())
    }
}

/// The columns that depend on what a dataset holds, each kind sorted.
struct Columns<'a> {
    ranks: Vec<&'a str>,
    box_keys: BTreeSet<&'a str>,
    image_keys: BTreeSet<&'a str>,
}

impl<'a> Columns<'a> {
    fn of(dataset: &'a Dataset) -> Self {
        let box_keys = dataset.box_keys.iter().map(String::as_str);
        Columns {
            ranks: ranks::of(dataset),
            box_keys: box_keys.filter(|key| *key != "text").collect(),
            image_keys: dataset.image_keys.iter().map(String::as_str).collect(),
        }
    }

    fn header(&self) -> Vec<String> {
        let fixed = HEADER.iter().map(|&name| name.to_owned());
        let ranks = self.ranks.iter().map(|rank| format!("rank:{rank}"));
        let boxes = self.box_keys.iter().map(|key| format!("box:{key}"));
        let images = self.image_keys.iter().map(|key| format!("meta:{key}"));
        fixed.chain(ranks).chain(boxes).chain(images).collect()
    }

    fn row(
        &self,
        dataset: &Dataset,
        picture: &DatasetImage,
        labelled: Option<&DatasetBox>,
    ) -> Vec<String> {
        let lineage = labelled.map_or(&[][..], |b| dataset.lineage(b.class));
        let rank = |rank: &&str| ranks::taxon(lineage, rank).unwrap_or_default().to_owned();
        let attribute = |key: &&str| {
            labelled
                .and_then(|b| b.attributes.get(key))
                .map_or(String::new(), as_text)
        };
        let metadata = |key: &&str| {
            picture
                .metadata
                .get(*key)
                .map_or(String::new(), |values| values.join(JOIN))
        };
        let mut row = fixed_cells(dataset, picture, labelled);
        row.extend(self.ranks.iter().map(rank));
        row.extend(self.box_keys.iter().map(attribute));
        row.extend(self.image_keys.iter().map(metadata));
        row
    }
}

fn fixed_cells(
    dataset: &Dataset,
    picture: &DatasetImage,
    labelled: Option<&DatasetBox>,
) -> Vec<String> {
    let or_none = |text: &Option<Text>| text.as_deref().unwrap_or_default().to_owned();
    let mut row = vec![
        picture.number.to_string(),
        picture.file.to_string(),
        picture.width.to_string(),
        picture.height.to_string(),
        or_none(&picture.split),
        picture.group.to_string(),
    ];
    row.extend(box_cells(dataset, labelled));
    row.extend([
        picture.id.to_string(),
        picture.origin.to_string(),
        or_none(&picture.source.manifest),
        or_none(&picture.source.canvas),
        or_none(&picture.source.rights),
        or_none(&picture.source.attribution),
        picture.labels.join(JOIN),
        title(picture),
    ]);
    row.extend(text_cells(labelled));
    row
}

fn title(picture: &DatasetImage) -> String {
    let labels = &picture.source.labels;
    let labels = [&labels.manifest, &labels.canvas, &labels.image];
    let labels: Vec<&str> = labels.into_iter().flatten().map(Text::as_str).collect();
    labels.join(JOIN)
}

fn box_cells(dataset: &Dataset, labelled: Option<&DatasetBox>) -> [String; 8] {
    let Some(b) = labelled else {
        return Default::default();
    };
    [
        b.number.to_string(),
        b.id.to_string(),
        dataset.classes[b.class].clone(),
        (b.class + 1).to_string(),
        b.bbox.x.to_string(),
        b.bbox.y.to_string(),
        b.bbox.width.to_string(),
        b.bbox.height.to_string(),
    ]
}

fn text_cells(labelled: Option<&DatasetBox>) -> [String; 4] {
    let Some(b) = labelled else {
        return Default::default();
    };
    // Only text and numbers with text keys: JSON can hold them.
    let json = |value: serde_json::Result<String>| value.unwrap_or_default();
    let rings = b.outline.as_ref().map(Outline::joined);
    [
        rings.map_or(String::new(), |p| json(serde_json::to_string(&p))),
        b.text().unwrap_or_default().to_owned(),
        match b.attributes.is_empty() {
            true => String::new(),
            false => json(serde_json::to_string(&b.attributes)),
        },
        match b.outline.as_ref().map(Outline::holes) {
            None | Some([]) => String::new(),
            Some(holes) => json(serde_json::to_string(holes)),
        },
    ]
}
