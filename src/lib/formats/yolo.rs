//! `yolo`, `yolo-seg`, `yolo-obb`: Ultralytics' layout, `images/<split>`, `labels/<split>`, `data.yaml`.
//!
//! The three differ in their rows, which are in `yolo_rows`; a file never mixes them, since the tools drop an image that mixes
//! boxes and outlines as corrupt. Classes are from 0. Boxes are clipped before, since the tools drop an image with any value
//! above 1. `data.yaml` does not have `path`, so that the set can be moved; without it the tools use the folder of the file.

use super::ascii_json;
use super::contents::Contents;
use super::dataset::{Dataset, DatasetBox, DatasetImage};
use super::file_names;
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::sink::{Sink, place_image};
use super::yolo_rows;
use crate::error::Error;
use crate::summary::counted;

/// The formats of Ultralytics' tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yolo {
    /// Boxes.
    Detection,
    /// Outlines.
    Segmentation,
    /// Boxes that are turned.
    Turned,
}

impl Format for Yolo {
    fn info(&self) -> FormatInfo {
        let (name, about) = match self {
            Yolo::Detection => (
                "yolo",
                "Ultralytics' images/, labels/ and data.yaml, detection rows",
            ),
            Yolo::Segmentation => ("yolo-seg", "the same with outlines, segmentation rows"),
            Yolo::Turned => (
                "yolo-obb",
                "the same with the smallest rotated rectangles around outlines",
            ),
        };
        FormatInfo {
            name,
            about,
            is_detection: true,
            holds_images: true,
            has_picture_files: true,
            is_written_into: true,
            needs_val: true,
            leaves_out_attributes: true,
            leaves_out_labels: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        let row = match self {
            Yolo::Detection => "class cx cy w h",
            Yolo::Segmentation => {
                "class x1 y1 x2 y2 …, corners for boxes without outline, lines to and fro between parts and holes,"
            }
            Yolo::Turned => "class x1 y1 … x4 y4, the corners of the box without outline,",
        };
        let left_out = match self {
            Yolo::Detection => "; outlines are left out",
            _ => "",
        };
        format!(
            "{row} relative to the image, classes from 0 in the order of data.yaml, ten decimals, clipped to the image; \
             an image without boxes has an empty label file{left_out}; sources.csv leads from file names to the source"
        )
    }

    fn contents(&self, dataset: &Dataset) -> Vec<Contents> {
        let plain = Contents::plain;
        let mut contents = vec![
            plain(
                "labels",
                "A text file per image, a row per box.",
                "labels/*.txt",
                "text/plain",
            ),
            plain(
                "data",
                "Names of the classes, folders of the splits.",
                "data.yaml",
                "application/yaml",
            ),
            Contents::sources(),
        ];
        contents.extend(Contents::images(dataset, "images/*"));
        contents
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
            format: *self,
            dataset,
            stems: file_names::stems(dataset),
            rows: String::new(),
            bridged: 0,
            enlarged: 0,
            crowds: 0,
            sure: 0,
            dropped: 0,
        }))
    }
}

struct YoloWriter<'a> {
    format: Yolo,
    dataset: &'a Dataset,
    stems: file_names::Names,
    rows: String,
    /// How many outlines have several parts or holes.
    bridged: u64,
    /// How many rectangles are not the smallest, since that would leave the image.
    enlarged: u64,
    /// How many boxes stand for a crowd.
    crowds: u64,
    /// How many boxes have a confidence.
    sure: u64,
    /// How many boxes have another outline than an equal box of their class.
    dropped: u64,
}

impl Writer for YoloWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let split = split_name(image.split.as_deref().unwrap_or("train"));
        let stem = &self.stems.of(&image.file);
        let file = format!("images/{split}/{stem}.{}", image.suffix());
        file_names::add_source(image, &file, out)?;
        place_image(image, &file, self.dataset, out)?;
        self.rows.clear();
        for labelled in &image.boxes {
            let row = match self.format {
                Yolo::Detection => yolo_rows::detection,
                Yolo::Segmentation => yolo_rows::segment,
                Yolo::Turned => yolo_rows::turned,
            };
            row(&mut self.rows, image, labelled);
            self.enlarged +=
                u64::from(self.format == Yolo::Turned && yolo_rows::is_enlarged(image, labelled));
            let outline = labelled.outline.as_ref();
            self.bridged += u64::from(outline.is_some_and(yolo_rows::has_bridges));
            self.crowds += u64::from(labelled.flags.is_crowd);
            self.sure += u64::from(labelled.attributes.contains_key("confidence"));
        }
        self.dropped += equal_boxes(&image.boxes);
        out.put(&format!("labels/{split}/{stem}.txt"), self.rows.as_bytes())
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        out.close(file_names::SOURCES)?;
        Ok(self.notes())
    }
}

/// How many boxes are equal to another of their class and have another outline.
fn equal_boxes(boxes: &[DatasetBox]) -> u64 {
    let key = |b: &DatasetBox| {
        let sides = [b.bbox.x, b.bbox.y, b.bbox.width, b.bbox.height];
        (b.class, sides.map(f64::to_bits))
    };
    let outlined = boxes.iter().filter(|b| b.outline.is_some());
    let mut outlined: Vec<&DatasetBox> = outlined.collect();
    outlined.sort_by_key(|b| key(b));
    let is_dropped =
        |pair: &&[&DatasetBox]| key(pair[0]) == key(pair[1]) && pair[0].outline != pair[1].outline;
    outlined.windows(2).filter(is_dropped).count() as u64
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
            // Nothing stands for train: what is tested would be learnt.
            None if options.no_val && needed == "val" && filled.contains(&"train") => {
                yaml += "# val is required, but there are no images for it: it names train\n";
                yaml += "val: images/train\n";
            }
            None => yaml += &format!("# {needed} is required, but there are no images for it\n"),
        }
    }
    for other in filled.iter().filter(|s| !["train", "val"].contains(s)) {
        // Names of the source may be anything.
        let [name, folder] = match *other {
            "test" => ["test".to_owned(), "images/test".to_owned()],
            other => [other, &format!("images/{other}")].map(ascii_json::yaml_scalar),
        };
        yaml += &format!("{name}: {folder}\n");
    }
    yaml += &format!("nc: {}\nnames:\n", dataset.classes.len());
    for name in &dataset.classes {
        yaml += &format!("  - {}\n", ascii_json::yaml_scalar(name));
    }
    if dataset.classes.is_empty() {
        yaml = yaml.replace("names:\n", "names: []\n");
    }
    yaml
}

/// The sides, in pixels, below which Ultralytics passes over an image.
const SMALLEST_SIDE: u32 = 10;

/// Whether something is said, of how many; what is counted; what is said of it.
type Note = ((bool, u64), [&'static str; 2], &'static str);

/// What is said of files that Ultralytics leaves out.
fn unread(dataset: &Dataset) -> [Note; 2] {
    let strange = dataset.count(|p| p.media_type == "image/gif");
    let small = dataset.count(|p| p.size[0].min(p.size[1]) < SMALLEST_SIDE);
    [
        (
            (true, small),
            ["image is", "images are"],
            "less than 10 pixels wide or high, too small for Ultralytics, which leaves such out; --min-image 10 does too",
        ),
        (
            (true, strange),
            ["image is", "images are"],
            "GIF, which Ultralytics does not read",
        ),
    ]
}

impl YoloWriter<'_> {
    fn notes(&self) -> Vec<String> {
        let (dataset, name) = (self.dataset, self.format.name());
        let boxes: u64 = dataset.facts.iter().map(|p| u64::from(p.boxes())).sum();
        let (outlines, bare) = (dataset.outlines(), boxes - dataset.outlines());
        let notes: [Note; 8] = [
            (
                (self.format == Yolo::Detection, outlines),
                ["outline", "outlines"],
                "left out, only boxes are written; -f yolo-seg writes them",
            ),
            (
                (true, dataset.texts()),
                ["text", "texts"],
                "left out, which rows cannot hold; -f coco writes them",
            ),
            (
                (self.format != Yolo::Detection, bare),
                ["box stands as its corners", "boxes stand as their corners"],
                "for want of an outline",
            ),
            (
                (self.format == Yolo::Segmentation, self.bridged),
                ["outline has", "outlines have"],
                "several parts or holes, joined by lines that lead to and fro",
            ),
            (
                (true, self.enlarged),
                ["rectangle is", "rectangles are"],
                "larger than the outline needs, since the smallest one leaves the image, and Ultralytics drops such",
            ),
            (
                (true, self.crowds),
                ["box stands", "boxes stand"],
                "for a crowd (iscrowd, group_of), and the rows do not say so; Ultralytics' own converter leaves such out, \
                 as `recto-digest --where box.iscrowd!=1` does with those of COCO",
            ),
            (
                (true, self.sure),
                ["confidence", "confidences"],
                "left out, which rows cannot hold; -f coco writes them",
            ),
            (
                (true, self.dropped),
                ["outline has", "outlines have"],
                "the same box as another of the class: Ultralytics keeps one of such rows",
            ),
        ];
        let notes = notes.into_iter().chain(unread(dataset));
        let told = notes.filter(|((is, n), ..)| *is && *n > 0);
        let text = told
            .map(|((_, n), [one, many], what)| format!("{name}: {} {what}", counted(n, one, many)));
        text.collect()
    }
}
