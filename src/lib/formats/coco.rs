//! `coco`: instances JSON, one per split, beside `images/`.
//!
//! Boxes are `[x, y, width, height]`, floats at pixel edges with origin 0 (the format's author: a box over the
//! first pixel is `[0, 0, 1, 1]`). Ids of images, annotations and categories are dense 32-bit numbers from 1,
//! because 0 reads as "unmatched" in COCOeval and as background in detectors, and larger ones lose digits in
//! several readers; the source's ids are in `uuid`. Each part of an outline is a polygon of `segmentation`; an outline with
//! holes is a mask in runs, since readers paint every polygon, and so is that of a crowd, as COCO has it. `area` is that of the outline, if there is one. The files are
//! ASCII: pycocotools opens them in the encoding of the system.

use std::io;

use serde::Serialize;
use serde_json::{Value, json};

use super::ascii_json;
use super::box_attributes::Others;
use super::contents::{Contents, Kind, Place};
use super::dataset::{Dataset, DatasetBox, DatasetImage};
use super::file_names::Names;
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::outline::{Outline, compressed};
use super::sink::{Sink, cannot, place_image};
use super::{keypoints, ranks};
use crate::contracts::{BBox, Metadata, Number, Polygon, Text, keypoints_value};
use crate::error::Error;
use crate::summary::counted;

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
            is_detection: true,
            holds_points: true,
            holds_images: true,
            has_picture_files: true,
            keeps_names: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, options: &FormatOptions) -> String {
        let keypoints = match options.keypoints {
            0 => String::new(),
            n => format!("; {n} keypoints [x, y, visibility] a box, in pixels too"),
        };
        format!(
            "bbox [x, y, width, height] in pixels of the file from the outer corner of its top-left pixel, decimals \
             kept, clipped to the image; ids from 1 in the order of the classes; outlines are polygons, masks in runs \
             where they have holes; area of the outline where there is one, else of the box{keypoints}; ASCII"
        )
    }

    fn contents(&self, dataset: &Dataset) -> Vec<Contents> {
        const FILES: &str = "annotations/instances_*.json";
        const SPLIT: Place = Place::Path("(?:annotations/instances_)?([^/.]*)(?:[.]json)?");
        let of = |name, about, members: &[_]| {
            Contents::plain(name, about, FILES, "application/json").with(members)
        };
        let images = of(
            "images",
            "The images.",
            &[
                ("id", Kind::Integer, Place::Json("images[*].id")),
                ("file_name", Kind::Text, Place::Json("images[*].file_name")),
                ("width", Kind::Integer, Place::Json("images[*].width")),
                ("height", Kind::Integer, Place::Json("images[*].height")),
                ("split", Kind::Text, SPLIT),
            ],
        );
        let boxes = of(
            "boxes",
            "The boxes.",
            &[
                ("id", Kind::Integer, Place::Json("annotations[*].id")),
                (
                    "image_id",
                    Kind::Integer,
                    Place::Json("annotations[*].image_id"),
                ),
                (
                    "category_id",
                    Kind::Integer,
                    Place::Json("annotations[*].category_id"),
                ),
                ("bbox", Kind::Box, Place::Json("annotations[*].bbox")),
                ("area", Kind::Number, Place::Json("annotations[*].area")),
                (
                    "iscrowd",
                    Kind::Integer,
                    Place::Json("annotations[*].iscrowd"),
                ),
                ("split", Kind::Text, SPLIT),
            ],
        );
        let files = Contents::images(dataset, "images/*");
        [images, boxes].into_iter().chain(files).collect()
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        options: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        let categories = (0..dataset.classes.len()).map(|class| category(dataset, class, options));
        let layout = Layout::Together(dataset.image_root());
        begin(dataset, layout, categories.collect(), options, out)
    }
}

/// Starts the annotations of every split.
///
/// # Errors
/// A file cannot be written.
pub(super) fn begin<'a>(
    dataset: &'a Dataset,
    layout: Layout,
    categories: Vec<Value>,
    options: &FormatOptions,
    out: &mut dyn Sink,
) -> Result<Box<dyn Writer + 'a>, Error> {
    let parts = dataset.parts(layout.whole());
    let part = |split: &&str| {
        let (folder, path) = layout.of(split);
        Part {
            folder,
            path,
            has_images: false,
            has_boxes: false,
        }
    };
    let writer = CocoWriter {
        dataset,
        rights: dataset.rights.iter().map(String::as_str).collect(),
        parts: parts.iter().map(part).collect(),
        layout,
        bytes: Vec::new(),
        keypoints: options.keypoints,
        points_left_out: 0,
    };
    for (part, split) in writer.parts.iter().zip(parts) {
        let head = head(dataset, &categories, split).map_err(cannot(&part.path))?;
        out.append(&part.path, &head)?;
    }
    Ok(Box::new(writer))
}

struct CocoWriter<'a> {
    dataset: &'a Dataset,
    layout: Layout,
    /// Rights statements in code-point order; the id of each is its position, from 1.
    rights: Vec<&'a str>,
    parts: Vec<Part>,
    bytes: Vec<u8>,
    /// Number of keypoints of each box.
    keypoints: usize,
    /// Number of points of the source beyond these.
    points_left_out: usize,
}

/// Where images and annotations are.
pub(super) enum Layout {
    /// All images below `images/`, without the folder that all their paths begin with.
    Together(&'static str),
    /// The images of each split beside its annotations, under these stems.
    Apart(Names),
}

impl Layout {
    /// What all images are called that are in no split.
    fn whole(&self) -> &'static str {
        match self {
            Layout::Together(_) => "default",
            Layout::Apart(_) => "train",
        }
    }

    /// The folder of images and the file of annotations of a split.
    fn of(&self, split: &str) -> (String, String) {
        match self {
            Layout::Together(_) => (
                "images".into(),
                format!("annotations/instances_{split}.json"),
            ),
            Layout::Apart(_) => {
                let folder = roboflow_folder(split).to_owned();
                let path = format!("{folder}/_annotations.coco.json");
                (folder, path)
            }
        }
    }

    /// The name of an image in its folder.
    fn name(&self, image: &DatasetImage) -> String {
        match self {
            Layout::Together(root) => image.below(root).to_owned(),
            Layout::Apart(stems) => format!("{}.{}", stems.of(&image.file), image.suffix()),
        }
    }
}

/// What Roboflow's tools call a split.
pub(super) fn roboflow_folder(split: &str) -> &str {
    match split.to_ascii_lowercase().as_str() {
        "train" | "training" => "train",
        "val" | "valid" | "validation" | "dev" => "valid",
        "test" | "testing" => "test",
        _ => split,
    }
}

/// The annotations of a split.
struct Part {
    folder: String,
    path: String,
    has_images: bool,
    has_boxes: bool,
}

impl Writer for CocoWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let name = match self.dataset.placed {
            true => self.layout.name(image),
            false => image.file.to_string(),
        };
        let record = ImageRecord::of(image, &name, &self.rights);
        let part = &mut self.parts[self.dataset.part(image)];
        let fault = cannot(&part.path);
        self.bytes.clear();
        add(&mut self.bytes, &mut part.has_images, &record).map_err(&fault)?;
        out.append(&part.path, &self.bytes)?;
        self.bytes.clear();
        for labelled in &image.boxes {
            let (points, left_out) = keypoints::of_box(labelled, self.keypoints);
            let record = Annotation::of(image, labelled, points);
            self.points_left_out += left_out * usize::from(self.keypoints > 0);
            add(&mut self.bytes, &mut part.has_boxes, &record).map_err(&fault)?;
        }
        out.keep(&part.path, &self.bytes)?;
        let path = format!("{}/{name}", part.folder);
        place_image(image, &path, self.dataset, out)
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        for part in &self.parts {
            out.append(&part.path, b"],\n\"annotations\":[")?;
            out.append_kept(&part.path)?;
            out.append(&part.path, b"]\n}\n")?;
            out.close(&part.path)?;
        }
        let boxes: u64 = self
            .dataset
            .facts
            .iter()
            .map(|p| u64::from(p.boxes()))
            .sum();
        let bare = boxes - self.dataset.outlines();
        let mut notes = Vec::new();
        if bare > 0 && bare < boxes {
            notes.push(format!(
                "coco: {} without outline among {boxes}: `segmentation` is an empty list, of which pycocotools makes no mask",
                counted(bare, "box is", "boxes are")
            ));
        }
        if self.keypoints == 0 && self.dataset.pointed() > 0 {
            notes.push(format!(
                "coco: {} a line or points, which are in `attributes`; --keypoints N writes N keypoints for each box",
                counted(self.dataset.pointed(), "box has", "boxes have")
            ));
        }
        if self.points_left_out > 0 {
            notes.push(format!(
                "coco: {} of boxes with more than --keypoints {} left out",
                counted(self.points_left_out as u64, "point", "points"),
                self.keypoints
            ));
        }
        Ok(notes)
    }
}

/// Adds a record on a line of its own, with a comma after the one before.
fn add(bytes: &mut Vec<u8>, has_others: &mut bool, record: &impl Serialize) -> io::Result<()> {
    bytes.extend_from_slice(if *has_others { b",\n" } else { b"\n" });
    *has_others = true;
    ascii_json::write(bytes, record)
}

/// The file up to the first image.
fn head(dataset: &Dataset, categories: &[Value], split: &str) -> io::Result<Vec<u8>> {
    let mut bytes = b"{\"info\":".to_vec();
    ascii_json::write(&mut bytes, &json!({ "description": split, "version": "1" }))?;
    let licenses = dataset.rights.iter().enumerate();
    let licenses = licenses.map(|(i, text)| license(i, text));
    list(&mut bytes, "licenses", licenses)?;
    list(&mut bytes, "categories", categories.iter().cloned())?;
    bytes.extend_from_slice(b",\n\"images\":[");
    Ok(bytes)
}

fn list(bytes: &mut Vec<u8>, name: &str, records: impl Iterator<Item = Value>) -> io::Result<()> {
    bytes.extend_from_slice(format!(",\n\"{name}\":[").as_bytes());
    let mut has_others = false;
    for record in records {
        add(bytes, &mut has_others, &record)?;
    }
    bytes.push(b']');
    Ok(())
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
    let mut category = json!({ "id": class + 1, "name": name, "supercategory": supercategory.unwrap_or_default() });
    if options.keypoints > 0 {
        let names: Vec<String> = (1..=options.keypoints).map(|n| n.to_string()).collect();
        category["keypoints"] = json!(names);
        category["skeleton"] = json!([]);
    }
    category
}

#[derive(Serialize)]
struct ImageRecord<'a> {
    id: u32,
    file_name: &'a str,
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    license: Option<usize>,
    coco_url: &'a str,
    uuid: &'a str,
    group: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    canvas: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribution: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    labels: &'a [String],
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    metadata: &'a Metadata<Text<'a>>,
}

impl<'a> ImageRecord<'a> {
    fn of(p: &'a DatasetImage<'a>, name: &'a str, rights: &[&str]) -> Self {
        let place = |text: &str| rights.binary_search(&text).ok();
        let license = p.source.rights.as_deref().and_then(place);
        ImageRecord {
            id: p.number,
            file_name: name,
            width: p.width,
            height: p.height,
            // No number stands for none: readers would look for a licence of that id.
            license: license.map(|i| i + 1),
            // COCO.download() fetches this: nothing is better than what is no image.
            coco_url: p.url.as_deref().unwrap_or_default(),
            uuid: &p.id,
            group: &p.group,
            manifest: p.source.manifest.as_deref(),
            canvas: p.source.canvas.as_deref(),
            attribution: p.source.attribution.as_deref(),
            labels: &p.labels,
            metadata: &p.metadata,
        }
    }
}

#[derive(Serialize)]
struct Annotation<'a> {
    id: u32,
    image_id: u32,
    category_id: usize,
    bbox: BBox,
    area: Number,
    iscrowd: u8,
    segmentation: Segmentation,
    uuid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    keypoints: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_keypoints: Option<usize>,
    #[serde(skip_serializing_if = "Others::is_empty")]
    attributes: Others<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Segmentation {
    Polygons(Vec<Vec<Number>>),
    Runs { size: [u32; 2], counts: String },
}

impl<'a> Annotation<'a> {
    fn of(image: &DatasetImage, b: &'a DatasetBox<'a>, points: Vec<[f64; 3]>) -> Self {
        let has_points = !points.is_empty();
        let own: fn(&str) -> bool = match has_points {
            true => |name| name == "iscrowd" || name.ends_with("keypoints"),
            false => |name| name == "iscrowd",
        };
        Annotation {
            id: b.number,
            image_id: image.number,
            category_id: b.class + 1,
            bbox: b.bbox,
            area: Number(match &b.outline {
                Some(outline) => outline.area(),
                None => b.bbox.width * b.bbox.height,
            }),
            iscrowd: u8::from(b.flags.is_crowd),
            segmentation: match &b.outline {
                Some(outline) => {
                    segmentation(outline, b.flags.is_crowd, [image.width, image.height])
                }
                None => Segmentation::Polygons(Vec::new()),
            },
            uuid: &b.id,
            keypoints: has_points.then(|| keypoints_value(&points)),
            num_keypoints: has_points.then(|| points.iter().filter(|[.., v]| *v > 0.0).count()),
            attributes: Others::of(b, own),
        }
    }
}

/// Polygons, or runs where holes are, and for crowds, of which readers expect runs.
fn segmentation(outline: &Outline, is_crowd: bool, [width, height]: [u32; 2]) -> Segmentation {
    let numbers = |polygon: &Polygon| -> Vec<Number> {
        let points = polygon.points().iter().flatten();
        points.map(|&v| Number(v)).collect()
    };
    match outline.is_plain() && !is_crowd {
        true => Segmentation::Polygons(outline.parts().iter().map(numbers).collect()),
        false => Segmentation::Runs {
            size: [height, width],
            counts: compressed(&outline.runs(width, height)),
        },
    }
}
