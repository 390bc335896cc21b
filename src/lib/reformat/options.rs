//! The options of `recto-reformat`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::box_options::BoxOptions;
use super::classes::options::ClassOptions;
use super::output::Placing;
use super::split::options::SplitOptions;
use super::tiles::options::TileOptions;
use crate::formats::{self, Format, LineMask};
use crate::report::Common;
use crate::workers::ShardChoice;

/// Options of `recto-reformat`. [`Stage::parse`](crate::report::Stage::parse) makes them from arguments.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The localizations.json of `recto-extract` or m3-download; `-` is standard input
    pub localizations: PathBuf,
    /// The format of the dataset; several, such as `coco,yolo`, are written in one go, each into a folder of its name
    #[arg(short, long, required = true, ignore_case = true, value_delimiter = ',', value_parser = formats())]
    pub format: Vec<String>,
    /// Folder to create; formats with a single file also accept a file name (coco .json, csv, vgg and counts .csv,
    /// sheet .png, report .html)
    #[arg(short, long, value_name = "FOLDER|FILE")]
    pub output: PathBuf,
    /// The image map of `recto-download`; its paths are relative to its own folder
    #[arg(long, value_name = "FILE", default_value = "image_map.json")]
    pub image_map: PathBuf,
    /// How image files get into the output folder [default: link; copy for yolo, whose tools write into images]
    #[arg(long, value_name = "HOW", value_enum)]
    pub images: Option<Placing>,
    /// yolo: use the training images for validation too if there are no others; without validation images, trainers end
    /// with an error
    #[arg(long)]
    pub no_val: bool,
    /// voc: corners as in the devkit, first pixel 1 and xmax the last pixel
    #[arg(long)]
    pub voc_inclusive: bool,
    /// crops: extend each box on every side by this share of its width or height, such as 0.1
    #[arg(long, value_name = "PART", default_value_t = 0.0, value_parser = crop_margin)]
    pub crop_margin: f64,
    /// crops: make them square; what lies outside the image is black
    #[arg(long)]
    pub crop_square: bool,
    /// lines: make them straight along their baselines, where these are known
    #[arg(long)]
    pub rectify: bool,
    /// lines: what becomes of the pixels outside the outline
    #[arg(long, value_name = "COLOUR", value_enum, default_value_t)]
    pub line_mask: LineMask,
    /// coco: write this many keypoints for each box: those of the source, or points at even distances along its line
    /// (baseline)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub keypoints: Option<u16>,
    /// tf, parquet, webdataset: maximum megabytes of images per shard
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub shard_mb: u64,
    /// iiif: the address of the folder in which the set will be published: ids begin with it
    #[arg(long, value_name = "URL", value_parser = address)]
    pub iiif_base: Option<String>,
    /// sheet, report: maximum number of images
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub sheet_images: u64,
    /// Do not write croissant.json, the description of the set for programs
    #[arg(long)]
    pub no_croissant: bool,
    /// The date of publication in croissant.json, such as 2026-01-31 [default: 1970-01-01, for no date]
    #[arg(long, value_name = "DATE", conflicts_with = "no_croissant")]
    pub published: Option<jiff::civil::Date>,
    /// The earlier version of this set: its folder, or its dataset.json. dataset.json and croissant.json then hold the next
    /// version number: added files raise the minor version, changed or removed files the major one
    #[arg(long, value_name = "DIR")]
    pub previous: Option<PathBuf>,
    /// counts: add a row with the sum of every column
    #[arg(long)]
    pub total: bool,
    /// Threads that read and cut images; the output is the same with any number [default: one per processor]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Only make the pictures of part I of N, I from 0, in OUTPUT.shards: tiles, crops, lines, copies. When all workers have
    /// made theirs, the same command with --from-shards writes the set that one would write. auto: as recto-download --shard
    #[arg(long, value_name = "I/N|auto", conflicts_with = "from_shards")]
    pub shard: Option<ShardChoice>,
    /// Write the set from the parts that workers have made with --shard, and remove these
    #[arg(long)]
    pub from_shards: bool,
    /// Write the list of records that were left out to FILE [default: rejects.csv in the folder, OUTPUT.rejects.csv
    /// beside a file]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Options of every stage.
    #[command(flatten)]
    pub common: Common,
    /// How images are distributed to splits.
    #[command(flatten)]
    pub splits: SplitOptions,
    /// Which boxes are written.
    #[command(flatten)]
    pub boxes: BoxOptions,
    /// Whether and how images are cut into tiles.
    #[command(flatten)]
    pub tiles: TileOptions,
    /// How classes are renamed and merged.
    #[command(flatten)]
    pub classes: ClassOptions,
}

impl Options {
    /// The formats, in the order given, each once.
    pub fn formats(&self) -> Vec<&'static dyn Format> {
        let mut formats: Vec<&'static dyn Format> = Vec::new();
        for format in self.format.iter().filter_map(|name| formats::named(name)) {
            if !formats.iter().any(|known| known.name() == format.name()) {
                formats.push(format);
            }
        }
        formats
    }

    /// How image files of a format get into the output.
    pub fn placing(&self, format: &dyn Format) -> Placing {
        let usual = match format.info().is_written_into {
            true => Placing::Copy,
            false => Placing::Link,
        };
        self.images.unwrap_or(usual)
    }
}

/// An address that the ids of published documents may begin with.
fn address(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) => Ok(text.to_owned()),
        _ => Err(format!(
            "`{text}` is not an address that begins with https:// or http://"
        )),
    }
}

fn formats() -> impl TypedValueParser<Value = String> {
    let known = |format: &&dyn Format| PossibleValue::new(format.name()).help(format.about());
    PossibleValuesParser::new(formats::ALL.iter().map(known).collect::<Vec<_>>())
}

/// A margin of crops.
fn crop_margin(text: &str) -> Result<f64, String> {
    let margin = text.parse().ok();
    let margin = margin.filter(|margin| (0.0..=10.0).contains(margin));
    margin.ok_or_else(|| "is not a number from 0 to 10".to_owned())
}
