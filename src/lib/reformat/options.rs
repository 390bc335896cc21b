//! The options of `recto-reformat`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::class_options::ClassOptions;
use super::output::Placing;
use super::split::Splits;
use crate::formats::{self, Format};
use crate::report::Common;

/// Options of `recto-reformat`. [`Stage::parse`](crate::report::Stage::parse) makes them from arguments.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The localizations.json of `recto-extract` or m3-download; `-` is standard input
    pub localizations: PathBuf,
    /// The format of the dataset
    #[arg(short, long, ignore_case = true, value_parser = formats())]
    pub format: String,
    /// Folder to create; formats with a single file also accept a file name (coco .json, csv, vgg and counts .csv,
    /// sheet .png)
    #[arg(short, long, value_name = "FOLDER|FILE")]
    pub output: PathBuf,
    /// The image map of `recto-download`; its paths are relative to its own folder
    #[arg(long, value_name = "FILE", default_value = "image_map.json")]
    pub image_map: PathBuf,
    /// Split the images by shares, such as `train=0.8,val=0.1,test=0.1`; a group is never divided
    #[arg(long, value_name = "NAME=SHARE,…")]
    pub split: Option<Splits>,
    /// Random seed of the split; the same number gives the same split
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// What to do with images without boxes
    #[arg(long, value_name = "RULE", value_enum, default_value_t = Negatives::Keep)]
    pub negatives: Negatives,
    /// How image files get into the output folder
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Placing::Link)]
    pub images: Placing,
    /// voc: corners as in the devkit, first pixel 1 and xmax the last pixel
    #[arg(long)]
    pub voc_inclusive: bool,
    /// tf: maximum megabytes of images per shard
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub shard_mb: u64,
    /// sheet: maximum number of images
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub sheet_images: u64,
    /// counts: add a row with the sum of every column
    #[arg(long)]
    pub total: bool,
    /// Write the list of records that were left out to FILE [default: rejects.csv in the folder, OUTPUT.rejects.csv
    /// beside a file]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Options of every stage.
    #[command(flatten)]
    pub common: Common,
    /// How classes are renamed and merged.
    #[command(flatten)]
    pub classes: ClassOptions,
}

/// What to do with images without boxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Negatives {
    /// Write them: a detector learns from images without objects too
    Keep,
    /// Leave them out
    Drop,
}

fn formats() -> impl TypedValueParser<Value = String> {
    let known = |format: &&dyn Format| PossibleValue::new(format.name()).help(format.about());
    PossibleValuesParser::new(formats::ALL.iter().map(known).collect::<Vec<_>>())
}
