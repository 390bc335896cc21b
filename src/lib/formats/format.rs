//! What a format is.

use super::dataset::Dataset;
use super::sink::Sink;
use crate::error::Error;

/// A way to write a dataset.
pub trait Format: Sync {
    /// Its name, and what it can do.
    fn info(&self) -> FormatInfo;
    /// The conventions of its numbers, as a text for `dataset.json`: origin, edges, rounding, ids.
    fn conventions(&self, options: &FormatOptions) -> String;
    /// Writes every file and gives the notes people should know: what the format cannot say, what was replaced.
    fn write(&self, dataset: &Dataset, options: &FormatOptions, out: &mut dyn Sink) -> Written;
    /// What users type after `--format`, lower case.
    fn name(&self) -> &'static str {
        self.info().name
    }
    /// One line for `--help` and the README.
    fn about(&self) -> &'static str {
        self.info().about
    }
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
}

/// Notes about a dataset that was written, or the error.
pub type Written = Result<Vec<String>, Error>;

/// Options of the formats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormatOptions {
    /// coco: the rank whose taxon is the supercategory; none: the taxon directly above the class.
    pub supercategory: Option<String>,
    /// counts: whether to add a row with the sum of each column.
    pub total: bool,
    /// Whether the output is a single file and not a folder.
    pub single: bool,
    /// voc: corners as in the devkit, `x+1 .. x+w`, instead of edges, `x .. x+w`.
    pub voc_inclusive: bool,
    /// tf: maximum bytes of images per shard.
    pub shard_bytes: u64,
    /// sheet: maximum number of images.
    pub sheet_images: usize,
    /// Whether cells of tables that spreadsheets would calculate become texts.
    pub csv_safe: bool,
}
