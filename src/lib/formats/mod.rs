//! Ways to write a dataset. To add one: a file in this folder and a line in [`ALL`]; nothing else enumerates them.
//!
//! A format never touches the disk: it hands files to a [`Sink`] in path order, and each states its convention
//! for coordinates, rounding and boxes at its top.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::contracts::{BBox, Metadata, Polygon, Provenance, Rung};
use crate::error::Error;
use crate::{files, pixels};

pub mod coco;
pub mod counts;
pub mod csv;
mod names;
pub mod ranks;
pub mod sheet;
pub mod tf;
pub mod vgg;
pub mod voc;
pub mod yolo;

/// A way to write a dataset.
pub trait Format: Sync {
    /// What it is called, and what it can do.
    fn head(&self) -> Head;
    /// What its numbers mean: origin, edges, rounding, ids; for `dataset.json` and the README.
    fn conventions(&self, choices: &Choices) -> String;
    /// Writes every file and gives the news people should know: what the format cannot say, what was replaced.
    fn write(&self, dataset: &Dataset, choices: &Choices, out: &mut dyn Sink) -> Written;
    /// What users type after `--format`, lower case.
    fn name(&self) -> &'static str {
        self.head().name
    }
    /// One line for `--help` and the README.
    fn about(&self) -> &'static str {
        self.head().about
    }
}

/// What a format is called, and what it can do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head {
    /// What users type after `--format`, lower case.
    pub name: &'static str,
    /// One line for `--help` and the README.
    pub about: &'static str,
    /// The suffix with which `-o` names a single file instead of a folder (`json` for coco), if the format can
    /// be one file.
    pub single_file: Option<&'static str>,
    /// Whether it can say where a class stands in a tree of concepts.
    pub holds_ranks: bool,
}

/// News of a dataset that was written, or why it could not be.
pub type Written = Result<Vec<String>, Error>;

/// Every format, in the order in which help and errors list them.
pub const ALL: &[&dyn Format] = &[
    &csv::Csv,
    &coco::Coco,
    &voc::Voc,
    &tf::Tf,
    &yolo::Yolo,
    &vgg::Vgg,
    &counts::Counts,
    &sheet::Sheet,
];

/// The format of a name, in any case.
pub fn named(name: &str) -> Option<&'static dyn Format> {
    ALL.iter()
        .copied()
        .find(|format| format.name().eq_ignore_ascii_case(name))
}

/// What people choose within a format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// coco: the rank whose taxon is the supercategory; none: the taxon above the class.
    pub supercategory: Option<String>,
    /// counts: a row that sums up.
    pub total: bool,
    /// Whether the output is one file, not a folder.
    pub single: bool,
    /// voc: boxes as the devkit counts, `x+1 .. x+w`, instead of edges, `x .. x+w`.
    pub voc_inclusive: bool,
    /// tf: bytes of images after which the next shard begins.
    pub shard_bytes: u64,
    /// sheet: pictures on it.
    pub sheet_images: usize,
}

/// Where a format's files go: a folder or a single file.
pub trait Sink {
    /// Starts a file; `path` is relative, `/` as separator. What is written becomes the file when the next file is
    /// started or the sink is finished.
    fn file(&mut self, path: &str) -> Result<&mut dyn Write, Error>;
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
    /// Where each class stands in a tree of concepts, root first, its taxon last; empty where that is not asked or
    /// not known.
    pub lineages: Vec<Vec<Rung>>,
    /// The splits asked for, in the order given; empty when none were.
    pub splits: Vec<String>,
    /// Whether image files go into the output; else files are named where they lie.
    pub placed: bool,
}

impl Dataset {
    /// Where a class stands, root first; empty where that is not asked or not known.
    pub fn lineage(&self, class: usize) -> &[Rung] {
        self.lineages.get(class).map_or(&[], Vec::as_slice)
    }

    /// The splits with their images, in the order asked for; all of them under `whole` when none were asked for.
    pub fn parts<'a>(&'a self, whole: &'a str) -> Vec<(&'a str, Vec<&'a Picture>)> {
        if self.splits.is_empty() {
            return vec![(whole, self.images.iter().collect())];
        }
        let part = |split: &'a String| {
            let of = |p: &&Picture| p.split.as_ref() == Some(split);
            (split.as_str(), self.images.iter().filter(of).collect())
        };
        self.splits.iter().map(part).collect()
    }

    /// The folder that the paths of images are below, in the output: `images/` where all share it and they are
    /// placed, because YOLO tools turn the last `/images/` of a path into `/labels/`; else none.
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
pub struct Picture {
    /// Dense id, 1..n: small, stable, the same on every run.
    pub number: u32,
    /// The source's id.
    pub id: String,
    /// Path below the image root, `/` as separator, as in `image_map.json`.
    pub file: String,
    /// Where the file is now.
    pub path: PathBuf,
    /// Size of the file.
    pub bytes: u64,
    /// Width in pixels, of the file.
    pub width: u32,
    /// Height in pixels, of the file.
    pub height: u32,
    /// Colour channels of the file: 1 grey, 3 RGB, 4 RGBA or CMYK.
    pub channels: u8,
    /// Media type by content: `image/jpeg`, `image/png`, `image/tiff`…
    pub media_type: String,
    /// EXIF orientation of the file, 1 to 8. Boxes are on the stored pixels, whatever it says.
    pub orientation: u8,
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

impl Picture {
    /// Its path below [`Dataset::image_root`].
    pub fn below(&self, root: &str) -> &str {
        self.file.strip_prefix(root).unwrap_or(&self.file)
    }

    /// The bytes of its file, in which nothing asks for a turn: some readers obey, others do not, and the boxes
    /// are on the stored pixels.
    pub fn read(&self) -> Result<Vec<u8>, Error> {
        let bytes = files::read(&self.path)
            .map_err(|e| e.hint("run `recto-download` again: it fetches what is missing"))?;
        Ok(match self.orientation {
            0 | 1 => bytes,
            _ => pixels::untag(bytes),
        })
    }

    /// Puts its file at `path` in the output of a dataset whose images are placed.
    fn place(&self, path: &str, dataset: &Dataset, out: &mut dyn Sink) -> Result<(), Error> {
        match self.orientation {
            0 | 1 => out.image(path, &self.path),
            _ if !dataset.placed => Ok(()),
            _ => {
                let bytes = self.read()?;
                out.file(path)?.write_all(&bytes).map_err(cannot(path))
            }
        }
    }

    /// Its file with the usual suffix for its content.
    fn suffix(&self) -> &'static str {
        pixels::suffix(&self.media_type)
    }
}

impl Labelled {
    /// The words that stand in the box, where the source has them.
    pub fn text(&self) -> Option<&str> {
        self.attributes.get("text").and_then(|text| text.as_str())
    }
}

/// Writes a text file.
fn put(out: &mut dyn Sink, path: &str, text: &str) -> Result<(), Error> {
    out.file(path)?
        .write_all(text.as_bytes())
        .map_err(cannot(path))
}

/// Writes a CSV file, row by row: RFC 4180 quoting, LF, UTF-8 without byte-order mark.
fn put_rows<R>(
    out: &mut dyn Sink,
    path: &str,
    rows: impl IntoIterator<Item = R>,
) -> Result<(), Error>
where
    R: IntoIterator<Item: AsRef<[u8]>>,
{
    let mut csv = ::csv::Writer::from_writer(out.file(path)?);
    for row in rows {
        csv.write_record(row).map_err(cannot_row(path))?;
    }
    csv.flush().map_err(cannot(path))
}

/// The words for bytes that a sink would not take.
fn cannot(path: &str) -> impl Fn(std::io::Error) -> Error + '_ {
    move |e| files::cannot_write(Path::new(path), e)
}

/// The same for rows; a full disk stays a full disk.
fn cannot_row(path: &str) -> impl Fn(::csv::Error) -> Error + '_ {
    move |e| {
        cannot(path)(match e.into_kind() {
            ::csv::ErrorKind::Io(e) => e,
            other => std::io::Error::other(format!("{other:?}")),
        })
    }
}

/// `n` things, with the plural where it is due.
fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
