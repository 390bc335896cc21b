//! Ways to write a dataset. To add one: a file in this folder and a line in [`ALL`]; nothing else enumerates them.
//!
//! A format never touches the disk: it hands files to a [`Sink`] in path order, and each states its convention
//! for coordinates, rounding and boxes at its top.

use std::path::{Path, PathBuf};

use crate::contracts::{BBox, Metadata, Polygon, Provenance};
use crate::report::Error;

/// A way to write a dataset.
pub trait Format: Sync {
    /// What users type after `--format`, lower case.
    fn name(&self) -> &'static str;
    /// One line for `--help` and the README.
    fn about(&self) -> &'static str;
    /// The suffix with which `-o` names a single file instead of a folder (`json` for coco), if the format can
    /// be one file.
    fn single_file(&self) -> Option<&'static str> {
        None
    }
    /// Writes every file in path order.
    fn write(&self, dataset: &Dataset, out: &mut dyn Sink) -> Result<(), Error>;
}

/// Every format, in the order in which help and errors list them.
pub const ALL: &[&dyn Format] = &[];

/// Where a format's files go: a folder in production, a map in tests.
pub trait Sink {
    /// Starts a file; `path` is relative, `/` as separator. What is written becomes the file when the next file is
    /// started or the sink is finished.
    fn file(&mut self, path: &str) -> Result<&mut dyn std::io::Write, Error>;
    /// Puts an existing image file at `path`, without a second copy of its bytes where the disk allows.
    fn image(&mut self, path: &str, source: &Path) -> Result<(), Error>;
}

/// Images joined with their boxes, in the pixels of the files really downloaded.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// Images, sorted by (group, file, id); `number` is 1..n in this order.
    pub images: Vec<Picture>,
    /// Concepts, NFC, sorted by code point; a box's `class` is an index into this.
    pub classes: Vec<String>,
    /// The splits asked for, in the order given; empty when none were.
    pub splits: Vec<String>,
}

/// One image of a dataset.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Dense id, 1..n: small, stable, the same on every run.
    pub number: u32,
    /// The source's id.
    pub id: String,
    /// Path below the image root, `/` as separator, as in `image_map.json`.
    pub file: String,
    /// Where the file is now.
    pub path: PathBuf,
    /// Width in pixels, of the file.
    pub width: u32,
    /// Height in pixels, of the file.
    pub height: u32,
    /// Colour channels of the file: 1 grey, 3 RGB, 4 RGBA or CMYK.
    pub channels: u8,
    /// Media type by content: `image/jpeg`, `image/png`, `image/tiff`…
    pub media_type: String,
    /// What must not straddle a split.
    pub group: String,
    /// One of [`Dataset::splits`], when there are any.
    pub split: Option<String>,
    /// Where it was found.
    pub source: Provenance,
    /// The URL or service it came from.
    pub origin: String,
    /// What the source says of it.
    pub metadata: Metadata,
    /// Concepts of the image as a whole.
    pub labels: Vec<String>,
    /// Boxes inside the image, sorted by (y, x, …, id) or as the source had them; none for a negative.
    pub boxes: Vec<Labelled>,
}

/// One box on a picture, in its pixels, inside its edges, not empty.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// Dense id over the whole dataset, 1..n.
    pub number: u32,
    /// The source's id.
    pub id: String,
    /// Index into [`Dataset::classes`].
    pub class: usize,
    /// In pixels of the file.
    pub bbox: BBox,
    /// In pixels of the file.
    pub polygon: Option<Polygon>,
    /// Text, motivation, confidence…
    pub attributes: std::collections::BTreeMap<String, serde_json::Value>,
}
