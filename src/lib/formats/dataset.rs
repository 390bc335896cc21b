//! A dataset as formats get it: a few facts about every image, which are held, and the images with their boxes, in pixels of
//! the downloaded files, which come one after the other.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Facts, ImageFacts};
use super::on_canvas::OnCanvas;
use super::outline::Outline;
use crate::contracts::{BBox, BorrowedAttributes, LineageStep, Metadata, Provenance, Text};
use crate::error::Error;
use crate::files::Content;
use crate::pixels;

/// What formats know of all images before the first one comes.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// A fact per image, sorted by (group, file); the `number` of an image is its place here, from 1.
    pub facts: Facts,
    /// Names of groups, sorted by code point.
    pub groups: Vec<String>,
    /// Names of classes, NFC; `class` of a box is an index into this.
    pub classes: Vec<String>,
    /// For each class its lineage, root first, its own taxon last; empty if it is not requested or not known.
    pub lineages: Vec<Vec<LineageStep>>,
    /// Names of the splits, in the order given; empty without splits.
    pub splits: Vec<String>,
    /// Whether image files go into the output; otherwise they are named where they are.
    pub placed: bool,
    /// Names of the attributes that boxes have.
    pub box_keys: BTreeSet<String>,
    /// Names of the metadata that images have.
    pub image_keys: BTreeSet<String>,
    /// What images are labelled with as a whole.
    pub labels: BTreeSet<String>,
    /// How many images are labelled so.
    pub labelled: u64,
    /// Rights statements of the images.
    pub rights: BTreeSet<String>,
    /// What was found out on the way to it.
    pub told: Told,
}

/// What was found out on the way to a dataset, for people who look at it.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// How many records could not be used, by reason.
    pub rejects: BTreeMap<String, u64>,
    /// How many pairs of images look alike; none if that was not looked for.
    pub alike: Option<u64>,
    /// The files of the first of these pairs.
    pub alike_first: Vec<[String; 2]>,
}

impl Dataset {
    /// The lineage of a class, root first; empty if it is not requested or not known.
    pub fn lineage(&self, class: usize) -> &[LineageStep] {
        self.lineages.get(class).map_or(&[], Vec::as_slice)
    }

    /// The names of the splits; without splits, `whole` for all images.
    pub fn parts<'a>(&'a self, whole: &'a str) -> Vec<&'a str> {
        match self.splits.is_empty() {
            true => vec![whole],
            false => self.splits.iter().map(String::as_str).collect(),
        }
    }

    /// The index into [`Dataset::parts`] of an image.
    pub fn part(&self, image: &DatasetImage) -> usize {
        self.facts.get(image.index()).part()
    }

    /// The facts of the images of each of [`Dataset::parts`].
    pub fn facts_of(&self, part: usize) -> impl Iterator<Item = ImageFacts<'_>> {
        self.facts.iter().filter(move |facts| facts.part() == part)
    }

    /// The folder of all images in the output: `images/` if all paths begin with it and images are placed, since YOLO
    /// tools replace the last `/images/` of a path by `/labels/`; otherwise none.
    pub fn image_root(&self) -> &'static str {
        let shared = || self.facts.iter().all(|p| p.file.starts_with("images/"));
        if self.placed && shared() {
            "images/"
        } else {
            ""
        }
    }

    /// How many boxes of each class there are on some images.
    pub fn boxes_per_class<'a>(&self, facts: impl Iterator<Item = ImageFacts<'a>>) -> Vec<u64> {
        let mut counts = vec![0; self.classes.len()];
        for (class, n) in facts.flat_map(|facts| facts.classes.iter()) {
            counts[class as usize] += u64::from(n);
        }
        counts
    }

    /// How many images there are for which something is true.
    pub fn count(&self, is: impl Fn(ImageFacts) -> bool) -> u64 {
        self.facts.iter().filter(|facts| is(*facts)).count() as u64
    }

    /// How many boxes have an outline.
    pub fn outlines(&self) -> u64 {
        self.facts
            .iter()
            .map(|facts| u64::from(facts.outlines))
            .sum()
    }

    /// How many boxes have a line or points.
    pub fn pointed(&self) -> u64 {
        self.facts
            .iter()
            .map(|facts| u64::from(facts.pointed))
            .sum()
    }

    /// How many boxes have attributes of which no format but those that keep all makes anything.
    pub fn attributed(&self) -> u64 {
        self.facts
            .iter()
            .map(|facts| u64::from(facts.attributed))
            .sum()
    }

    /// How many boxes have a text.
    pub fn texts(&self) -> u64 {
        self.facts.iter().map(|facts| u64::from(facts.texts)).sum()
    }
}

/// One image of a dataset.
#[derive(Clone, Debug, Default)]
pub struct DatasetImage<'a> {
    /// Id from 1 without gaps, the same on every run.
    pub number: u32,
    /// The source's id.
    pub id: Text<'a>,
    /// Path below the image root, `/` as separator, as in `image_map.json`.
    pub file: Text<'a>,
    /// Where the downloaded file is.
    pub content: Content,
    /// SHA-256 of the downloaded file, if it is known.
    pub sha256: Option<[u8; 32]>,
    /// Width of the file in pixels.
    pub width: u32,
    /// Height of the file in pixels.
    pub height: u32,
    /// Colour channels of the file: 1 grey, 3 RGB, 4 RGBA or CMYK.
    pub channels: u8,
    /// Media type by content: `image/jpeg`, `image/png`, `image/tiff`…
    pub media_type: &'static str,
    /// EXIF orientation of the file, 1 to 8. Boxes are on the stored pixels and ignore it.
    pub orientation: u8,
    /// The EXIF orientation in which its boxes were drawn, 1 to 8: what people saw as upright. 0 or 1: the stored pixels.
    pub drawn_in: u8,
    /// Images of one group never go to different splits.
    pub group: Text<'a>,
    /// One of [`Dataset::splits`], if there are any.
    pub split: Option<Text<'a>>,
    /// Where it was found.
    pub source: Provenance<Text<'a>>,
    /// Where it lies on a canvas, if it is all of an image that does.
    pub on_canvas: Option<OnCanvas>,
    /// The URL or service it came from.
    pub origin: Text<'a>,
    /// A URL that returns its pixels, if one is known.
    pub url: Option<Text<'a>>,
    /// Metadata of the image, its canvas and its object.
    pub metadata: Metadata<Text<'a>>,
    /// Classes of the image as a whole.
    pub labels: Vec<String>,
    /// What its file is of the downloaded one; none: all of it.
    pub cut: Option<Cut>,
    /// Boxes, in the order of the source; empty for an image without boxes.
    pub boxes: Vec<DatasetBox<'a>>,
}

/// A part of a downloaded file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// These bytes.
    Bytes(Vec<u8>),
    /// One that a worker has cut, for whoever wants a file of it ([`Sink::made`](super::sink::Sink::made)).
    ByWorker,
}

/// One box on an image, not empty and inside the image.
#[derive(Clone, Debug)]
pub struct DatasetBox<'a> {
    /// Id from 1 without gaps, over the whole dataset.
    pub number: u32,
    /// The source's id.
    pub id: Text<'a>,
    /// Index into [`Dataset::classes`].
    pub class: usize,
    /// The box, in pixels of the stored file.
    pub bbox: BBox,
    /// The outline, in pixels of the stored file.
    pub outline: Option<Outline>,
    /// What the source or the edge of the image says about the box.
    pub flags: Flags,
    /// Text, motivation, confidence…
    pub attributes: BorrowedAttributes<'a>,
}

/// What several formats have members of their own for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Around several things at once: COCO's `iscrowd`, Open Images' `group of`.
    pub is_crowd: bool,
    /// Cut off by the edge of the image.
    pub is_truncated: bool,
    /// Hard to recognize: evaluations pass over it.
    pub is_difficult: bool,
    /// Partly hidden by something else.
    pub is_occluded: bool,
}

impl Flags {
    /// The flag that an attribute of this name sets, in any spelling.
    pub fn named(&mut self, name: &str) -> Option<&mut bool> {
        let letters = name.bytes().filter(u8::is_ascii_alphabetic);
        let letters: Vec<u8> = letters.map(|b| b.to_ascii_lowercase()).collect();
        match &*letters {
            b"crowd" | b"iscrowd" | b"groupof" | b"isgroupof" => Some(&mut self.is_crowd),
            b"truncated" | b"istruncated" => Some(&mut self.is_truncated),
            b"difficult" | b"isdifficult" => Some(&mut self.is_difficult),
            b"occluded" | b"isoccluded" => Some(&mut self.is_occluded),
            _ => None,
        }
    }

    /// Whether an attribute of this name is one of the flags.
    pub fn is_named(name: &str) -> bool {
        Flags::default().named(name).is_some()
    }
}

impl DatasetImage<'_> {
    /// Its place in [`Dataset::facts`].
    pub fn index(&self) -> usize {
        self.number as usize - 1
    }

    /// Its path below [`Dataset::image_root`].
    pub fn below(&self, root: &str) -> &str {
        self.file.strip_prefix(root).unwrap_or(&self.file)
    }

    /// The bytes of its file with the EXIF orientation removed: some readers obey it and others do not, and boxes are on
    /// the stored pixels.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self) -> Result<Vec<u8>, Error> {
        match &self.cut {
            None => {}
            Some(Cut::Bytes(bytes)) => return Ok(bytes.clone()),
            Some(Cut::ByWorker) => {
                let what = format!("{}: is not among what workers have made", self.file);
                return Err(Error::new(what).hint("run the workers (--shard) again"));
            }
        }
        let bytes = self.content.read().map_err(|e| {
            Error::new(format!("{}: cannot be read", self.content))
                .because(e)
                .hint("run `recto-download` again to fetch missing files")
        })?;
        Ok(match self.orientation {
            0 | 1 => bytes,
            _ => pixels::without_orientation(bytes),
        })
    }

    /// The usual suffix for the content of its file.
    pub fn suffix(&self) -> &'static str {
        pixels::suffix(self.media_type)
    }
}

impl DatasetBox<'_> {
    /// The text in the box, if the source has one.
    pub fn text(&self) -> Option<&str> {
        self.attributes.get("text").and_then(|text| text.as_str())
    }
}
