//! The options of `recto-extract`.

use std::path::{Path, PathBuf};

use super::concept::ClassFrom;
use crate::report::Common;

/// Options of `recto-extract`. [`Stage::parse`](crate::report::Stage::parse) makes them from arguments.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Digests to merge, in this order; digests by m3-download are read too; `-` reads one from standard input
    #[arg(value_name = "DIGEST", required = true)]
    pub digests: Vec<PathBuf>,
    /// Write the localizations to FILE; `-` writes them to standard output
    #[arg(short, long, value_name = "FILE", default_value = "localizations.json")]
    pub output: PathBuf,
    /// Also write the images and their boxes to FILE as Parquet, for DuckDB, polars and other programs that query tables
    #[cfg(feature = "parquet")]
    #[arg(long, value_name = "FILE")]
    pub parquet: Option<PathBuf>,
    /// Write the list of records that were left out to FILE [default: rejects.csv beside the output; none with `-o -`]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Where the class of a box comes from: auto, tag, label, text, motivation or constant:NAME. If the option is
    /// repeated, the next rule is tried where the one before finds nothing. `auto` takes a tag, else a label, else
    /// the class `text` for transcriptions, else the motivation
    #[arg(
        long,
        alias = "concept-from",
        value_name = "RULE",
        default_value = "auto"
    )]
    pub class_from: Vec<ClassFrom>,
    /// What to do with a box that extends beyond its image; a box that is completely outside is always left out
    #[arg(long, value_name = "RULE", value_enum, default_value_t = Outside::Clip)]
    pub outside: Outside,
    /// Turn a line without an area, such as the baseline of a line of text, into a band of this height: three quarters above
    /// the line, a quarter below, in units of the canvas. Without the option such lines are left out
    #[arg(long, value_name = "HEIGHT", value_parser = height)]
    pub line_height: Option<f64>,
    /// Make a square with sides of this length around a point, in units of the canvas; the point itself becomes the
    /// attribute `keypoints`. Without the option points are left out
    #[arg(long, value_name = "SIDE", value_parser = height)]
    pub point_size: Option<f64>,
    /// In digests by m3-download: also accept boxes whose numbers have decimals, are strings or are shares of the image,
    /// that begin outside their image, or whose JSON is encoded twice, nested or similar to JSON
    #[arg(long, alias = "mend-boxes")]
    pub repair_boxes: bool,
    /// In digests by m3-download: also read boxes from associations with this link name, besides `bounding box`; upper
    /// and lower case, blanks, - and _ are the same (repeatable)
    #[arg(long, value_name = "NAME")]
    pub box_link: Vec<String>,
    /// Apply the corrections in a file by `recto-serve --review`, after those in the digests (repeatable: files are
    /// applied in order)
    #[arg(long, value_name = "FILE")]
    pub review: Vec<PathBuf>,
    /// Use only annotations with this motivation, such as `tagging` (repeatable: any of them)
    #[arg(long, value_name = "MOTIVATION")]
    pub motivation: Vec<String>,
    /// Options of every stage
    #[command(flatten)]
    pub common: Common,
}

impl Options {
    /// The file of `--parquet`.
    pub fn parquet(&self) -> Option<&Path> {
        #[cfg(feature = "parquet")]
        return self.parquet.as_deref();
        #[cfg(not(feature = "parquet"))]
        return None;
    }
}

fn height(text: &str) -> Result<f64, String> {
    let number = text.trim().parse().ok();
    let valid = number.filter(|n: &f64| n.is_finite() && *n > 0.0);
    valid.ok_or_else(|| "expected a number above 0".into())
}

/// What to do with a box that extends beyond its image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Outside {
    /// Keep the part inside the image
    #[default]
    Clip,
    /// Leave the box out
    Reject,
}
