//! What a format is.

use super::contents::Contents;
use super::dataset::{Dataset, DatasetImage};
use super::line_mask::LineMask;
use super::sink::Sink;
use crate::error::Error;

/// A way to write a dataset.
pub trait Format: Sync {
    /// Its name, and what it can do.
    fn info(&self) -> FormatInfo;
    /// The conventions of its numbers, as a text for `dataset.json`: origin, edges, rounding, ids.
    fn conventions(&self, options: &FormatOptions) -> String;
    /// Starts to write: everything that does not need the images themselves.
    ///
    /// # Errors
    /// A file cannot be written.
    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        options: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error>;
    /// What `README.md` has to begin with for the tools that read the format; none if they do not read it.
    fn front_matter(&self, _: &Dataset) -> Option<String> {
        None
    }
    /// What its files hold, for descriptions of the set.
    fn contents(&self, dataset: &Dataset) -> Vec<Contents>;
    /// What its readers call the splits, in their order.
    fn split_names(&self, dataset: &Dataset) -> Vec<String> {
        dataset.splits.clone()
    }
    /// What users type after `--format`, lower case.
    fn name(&self) -> &'static str {
        self.info().name
    }
    /// One line for `--help` and the README.
    fn about(&self) -> &'static str {
        self.info().about
    }
}

/// A dataset that is being written in one format.
pub trait Writer {
    /// Writes an image with its boxes. Images come in the order of [`Dataset::facts`].
    ///
    /// # Errors
    /// The image cannot be read, or a file cannot be written.
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error>;
    /// Writes what follows the last image and gives the notes people should know: what the format cannot say, what was
    /// replaced.
    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written;
}

/// The name of a format, and what it can do.
#[derive(Clone, Copy, Debug, Default)]
pub struct FormatInfo {
    /// What users type after `--format`, lower case.
    pub name: &'static str,
    /// One line for `--help` and the README.
    pub about: &'static str,
    /// If the format can be a single file: the suffix with which `-o` names a file instead of a folder, such as
    /// `json` for coco.
    pub single_file: Option<&'static str>,
    /// Whether it can hold the ranks above a class.
    pub holds_ranks: bool,
    /// Whether detectors learn from it: an image without boxes then says that nothing is on it.
    pub is_detection: bool,
    /// Whether it holds image files, so that an EXIF orientation is removed from its copies.
    pub holds_images: bool,
    /// Whether it writes pictures as files of their own, which workers can make (`--shard`).
    pub has_picture_files: bool,
    /// Whether its tools are known to write into image files: these are copied then, unless links are asked for.
    pub is_written_into: bool,
    /// Whether it can hold lines and points of boxes.
    pub holds_points: bool,
    /// Whether it writes boxes and none of their further attributes; one that writes some of them says so itself.
    pub leaves_out_attributes: bool,
    /// Whether it writes of images with boxes nothing of what they are labelled with as a whole.
    pub leaves_out_labels: bool,
    /// Whether image files keep the names that they have in the image map.
    pub keeps_names: bool,
    /// Whether its tools need images for training and for validation.
    pub needs_val: bool,
    /// Of which files it needs the pixels.
    pub decodes: Decodes,
}

/// The files of which a format needs the pixels: they must be whole. Of others it takes the bytes as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decodes {
    /// None.
    #[default]
    Nothing,
    /// Those of images with boxes, which are cut out.
    Boxes,
    /// Those that are neither JPEG nor PNG.
    RareTypes,
}

/// Notes about a dataset that was written, or the error.
pub type Written = Result<Vec<String>, Error>;

/// Options of the formats.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FormatOptions {
    /// coco: the rank whose taxon is the supercategory; none: the taxon directly above the class.
    pub supercategory: Option<String>,
    /// counts: whether to add a row with the sum of each column.
    pub total: bool,
    /// Whether the output is a single file and not a folder.
    pub single: bool,
    /// voc: corners as in the devkit, `x+1 .. x+w`, instead of edges, `x .. x+w`.
    pub voc_inclusive: bool,
    /// yolo: whether the training images are named for validation where there are no others.
    pub no_val: bool,
    /// crops: how much of each side goes around a box, as a part of that side.
    pub crop_margin: f64,
    /// crops: whether they are square.
    pub crop_square: bool,
    /// lines: whether they are made straight along their baselines.
    pub rectify: bool,
    /// lines: what becomes of the pixels outside the outline.
    pub line_mask: LineMask,
    /// coco: number of keypoints of each box; 0: none are written.
    pub keypoints: usize,
    /// tf, parquet, webdataset: maximum bytes of images per shard.
    pub shard_bytes: u64,
    /// iiif: the URL of the folder where pages will be published.
    pub iiif_base: Option<String>,
    /// sheet: maximum number of images.
    pub sheet_images: usize,
}
