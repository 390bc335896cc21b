//! A dataset as formats get it: images joined with their boxes, everything in pixels of the downloaded files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::contracts::{BBox, LineageStep, Metadata, Polygon, Provenance};
use crate::error::Error;
use crate::{files, pixels};

/// Images joined with their boxes, in pixels of the downloaded files.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// Images, sorted by (group, file, id); `number` is 1..n in this order.
    pub images: Vec<DatasetImage>,
    /// Names of classes, NFC, sorted by code point; `class` of a box is an index into this.
    pub classes: Vec<String>,
    /// For each class its lineage, root first, its own taxon last; empty if it is not requested or not known.
    pub lineages: Vec<Vec<LineageStep>>,
    /// Names of the splits, in the order given; empty without splits.
    pub splits: Vec<String>,
    /// Whether image files go into the output; otherwise they are named where they are.
    pub placed: bool,
}

impl Dataset {
    /// The lineage of a class, root first; empty if it is not requested or not known.
    pub fn lineage(&self, class: usize) -> &[LineageStep] {
        self.lineages.get(class).map_or(&[], Vec::as_slice)
    }

    /// The splits with their images, in the order given; without splits, all images under the name `whole`.
    pub fn parts<'a>(&'a self, whole: &'a str) -> Vec<(&'a str, Vec<&'a DatasetImage>)> {
        if self.splits.is_empty() {
            return vec![(whole, self.images.iter().collect())];
        }
        let part = |split: &'a String| {
            let of = |p: &&DatasetImage| p.split.as_ref() == Some(split);
            (split.as_str(), self.images.iter().filter(of).collect())
        };
        self.splits.iter().map(part).collect()
    }

    /// The folder of all images in the output: `images/` if all paths begin with it and images are placed, since YOLO
    /// tools replace the last `/images/` of a path by `/labels/`; otherwise none.
    pub fn image_root(&self) -> &'static str {
        let shared = || self.images.iter().all(|p| p.file.starts_with("images/"));
        if self.placed && shared() {
            "images/"
        } else {
            ""
        }
    }
}

/// One image of a dataset.
#[derive(Clone, Debug, Default)]
pub struct DatasetImage {
    /// Id from 1 without gaps, the same on every run.
    pub number: u32,
    /// The source's id.
    pub id: String,
    /// Path below the image root, `/` as separator, as in `image_map.json`.
    pub file: String,
    /// Path of the downloaded file.
    pub path: PathBuf,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Width of the file in pixels.
    pub width: u32,
    /// Height of the file in pixels.
    pub height: u32,
    /// Colour channels of the file: 1 grey, 3 RGB, 4 RGBA or CMYK.
    pub channels: u8,
    /// Media type by content: `image/jpeg`, `image/png`, `image/tiff`…
    pub media_type: String,
    /// EXIF orientation of the file, 1 to 8. Boxes are on the stored pixels and ignore it.
    pub orientation: u8,
    /// Images of one group never go to different splits.
    pub group: String,
    /// One of [`Dataset::splits`], if there are any.
    pub split: Option<String>,
    /// Where it was found.
    pub source: Provenance,
    /// The URL or service it came from.
    pub origin: String,
    /// Metadata of the image, its canvas and its object.
    pub metadata: Metadata,
    /// Classes of the image as a whole.
    pub labels: Vec<String>,
    /// Boxes, in the order of the source; empty for an image without boxes.
    pub boxes: Vec<DatasetBox>,
}

/// One box on an image, not empty and inside the image.
#[derive(Clone, Debug)]
pub struct DatasetBox {
    /// Id from 1 without gaps, over the whole dataset.
    pub number: u32,
    /// The source's id.
    pub id: String,
    /// Index into [`Dataset::classes`].
    pub class: usize,
    /// The box, in pixels of the stored file.
    pub bbox: BBox,
    /// The outline, in pixels of the stored file.
    pub polygon: Option<Polygon>,
    /// Text, motivation, confidence…
    pub attributes: BTreeMap<String, serde_json::Value>,
}

impl DatasetImage {
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
        let bytes = files::read(&self.path)
            .map_err(|e| e.hint("run `recto-download` again to fetch missing files"))?;
        Ok(match self.orientation {
            0 | 1 => bytes,
            _ => pixels::without_orientation(bytes),
        })
    }

    /// The usual suffix for the content of its file.
    pub fn suffix(&self) -> &'static str {
        pixels::suffix(&self.media_type)
    }
}

impl DatasetBox {
    /// The text in the box, if the source has one.
    pub fn text(&self) -> Option<&str> {
        self.attributes.get("text").and_then(|text| text.as_str())
    }
}
