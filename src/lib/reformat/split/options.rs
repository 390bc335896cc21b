//! The options that distribute images to splits.

use std::convert::Infallible;
use std::path::PathBuf;

use super::Splits;
use super::earlier::{self, Earlier};
use crate::error::Error;

/// Options that distribute images to splits.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Splits")]
pub struct SplitOptions {
    /// Split the images by shares, such as `train=0.8,val=0.1,test=0.1`; a group is never divided
    #[arg(long, value_name = "NAME=SHARE,…")]
    pub split: Option<Splits>,
    /// Random seed of the split; the same number gives the same split
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Keep every image and group in the split that it had in an earlier set, and distribute only what is new: the folder of
    /// that set, its dataset.json or image-splits.csv, one of its COCO files, or a CSV with the columns split and image or group
    #[arg(long, value_name = "FILE")]
    pub split_like: Option<PathBuf>,
    /// Split as the source says: the value of this metadata key names the split of an image; --split distributes images
    /// without it
    #[arg(long, value_name = "KEY")]
    pub split_by: Option<String>,
    /// Images with the same value of these keys are a group, in place of the groups of the source: metadata, or one of
    /// group, image, source, manifest, canvas, rights, attribution, label
    #[arg(long, value_name = "KEY,…", value_delimiter = ',', value_parser = key)]
    pub group_by: Vec<String>,
    /// Give every split its share of each class too, as far as whole groups allow
    #[arg(long, value_name = "BY", value_enum)]
    pub stratify: Option<Stratify>,
    /// What to do with images that look alike: `group` keeps their groups in one split, `report` only lists them in
    /// near-duplicates.csv. This decodes every image. Equal files stay together without it
    #[arg(long, value_name = "RULE", value_enum, default_value_t = NearDuplicates::Off)]
    pub near_duplicates: NearDuplicates,
    /// --near-duplicates: how many of 64 bits may differ between images that look alike
    #[arg(long, value_name = "BITS", default_value_t = 6, value_parser = clap::value_parser!(u32).range(0..=16))]
    pub near_duplicates_distance: u32,
}

/// A key of a list, without the blank behind a comma.
fn key(text: &str) -> Result<String, Infallible> {
    Ok(text.trim().to_owned())
}

/// What every split gets its share of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Stratify {
    /// The boxes of each class of the source
    Class,
}

/// What to do with images that look alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum NearDuplicates {
    /// Keep their groups together, and list them
    Group,
    /// List them
    Report,
    /// Do not look for them
    #[default]
    Off,
}

impl SplitOptions {
    /// Whether images are split.
    pub fn is_split(&self) -> bool {
        self.split.is_some() || self.split_like.is_some() || self.split_by.is_some()
    }

    /// Where images were in the earlier set, if there is one, and names and shares of the splits: those asked for, else
    /// those of the earlier set.
    ///
    /// # Errors
    /// The earlier set cannot be read, or has a split that is not asked for; an option has no effect.
    pub fn read(&self) -> Result<(Option<Earlier>, Option<Splits>), Error> {
        let has_groups = !self.group_by.is_empty() || self.stratify.is_some();
        if has_groups && !self.is_split() {
            return Err(
                Error::usage("--group-by and --stratify alone have no effect")
                    .hint("--split train=0.8,val=0.1,test=0.1 splits the images"),
            );
        }
        let Some(path) = &self.split_like else {
            return Ok((None, self.split.clone()));
        };
        let earlier = earlier::read(path)?;
        let splits = self.split.clone().unwrap_or_else(|| earlier.splits());
        let names = splits.names();
        if let Some(name) = earlier
            .names()
            .find(|name| !names.iter().any(|n| n == name))
        {
            let what = format!("{}: has a split `{name}`, --split has not", path.display());
            return Err(Error::usage(what).hint("--split needs the names of the earlier splits"));
        }
        Ok((Some(earlier), Some(splits)))
    }
}
