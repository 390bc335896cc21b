//! `reformat`: localizations.json + image_map.json → a training set.
//!
//! The core, [`join`], puts boxes on the pixels of the downloaded files (the arithmetic is in `box_to_pixels`); [`split`]
//! distributes groups to train, val and test; [`class_names`] renames classes and rolls them up to a rank. Around it
//! files are measured, and the dataset is handed to a [`Format`]. No network is needed.
//!
//! A record is an image, and each box of an image that was downloaded: `read == kept + rejected` counts both. Boxes of
//! images that are left out are mentioned in the reject of the image, not counted one by one.

mod box_to_pixels;
pub mod class_names;
mod class_options;
mod counts;
pub mod join;
mod measure;
mod options;
mod output;
mod publish;
pub mod remap;
pub mod split;
pub mod taxonomy;

use std::path::Path;

use rayon::prelude::*;

use crate::contracts::{self, Localizations};
use crate::error::Error;
use crate::files;
use crate::formats::{self, Dataset, Format};
use crate::report::{Common, Stage};
use crate::summary::{Summary, counted};
pub use class_options::ClassOptions;
use join::JoinRules;
pub use options::{Negatives, Options};
pub use output::Placing;
use split::Splits;

/// Writes a training set.
///
/// # Errors
/// The stage could not finish: an input cannot be read, the options contradict each other, the output cannot be written
/// or would overwrite something, or no image is left. The error holds the summary of what was done until then.
pub fn reformat(options: &Options) -> Result<Summary, Error> {
    Error::with_summary(|summary| stage(options, summary))
}

impl Stage for Options {
    const NAME: &'static str = "reformat";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(&self) -> Result<Summary, Error> {
        reformat(self)
    }
}

fn stage(options: &Options, summary: &mut Summary) -> Result<(), Error> {
    let format = formats::named(&options.format).ok_or_else(|| Error::usage("unknown format"))?;
    let single = is_single(format, &options.output)?;
    refuse_overwriting(options, single)?;
    let localizations: Localizations = contracts::read(&options.localizations)?;
    let map = contracts::read_image_map(&options.image_map)?;
    let input = options.localizations.display().to_string();
    let (naming, mut notes) = options.classes.rules(&input, &localizations.taxonomy)?;
    let files = measure::measure(&localizations.images, &map, &options.image_map);
    let rules = JoinRules {
        input,
        naming,
        drop_negatives: options.negatives == Negatives::Drop,
    };
    let joined = join::join(localizations, &files, &rules);
    let mut dataset = joined.dataset;
    summary.read = joined.read;
    summary.kept = joined.kept;
    summary.filtered = joined.filtered;
    summary.rejects = joined.rejects;
    notes.extend(joined.notes);
    summary.notes = notes;
    if options.classes.taxonomy && !format.info().holds_ranks {
        let words = format!(
            "the format {} cannot hold ranks: --taxonomy has no effect",
            format.name()
        );
        summary.notes.push(words);
    }
    if dataset.images.is_empty() {
        return Err(no_images(summary, options));
    }
    if let Some(splits) = &options.split {
        summary
            .notes
            .extend(assign_splits(&mut dataset, splits, options.seed)?);
    }
    counts::count(summary, &dataset);
    publish::publish(options, format, single, dataset, summary)
}

/// The error for a run that would write no images: the most frequent reason, and what helps.
fn no_images(summary: &Summary, options: &Options) -> Error {
    let reasons = summary.reasons();
    let (why, hint) = match reasons.iter().max_by_key(|(_, n)| **n) {
        Some((reason, n)) => (
            format!(
                "; {} left out: {reason}",
                counted(*n, "record was", "records were")
            ),
            match reasons.contains_key(measure::ELSEWHERE) {
                true => "the image map has absolute paths: copy it to the folder above the images and set \
                         it with --image-map"
                    .to_owned(),
                false => format!(
                    "`recto-download {} images --image-map {}` fetches the images",
                    options.localizations.display(),
                    options.image_map.display()
                ),
            },
        ),
        None if summary.filtered > 0 => (
            format!(
                "; {} filtered out",
                counted(summary.filtered, "image was", "images were")
            ),
            "--negatives keep also writes images without boxes".to_owned(),
        ),
        None => (
            format!("; there are none in {}", options.localizations.display()),
            "`recto-extract` writes them from digests".to_owned(),
        ),
    };
    Error::new(format!("no images to write{why}")).hint(hint)
}

/// Whether the output is a single file, by its suffix.
fn is_single(format: &dyn Format, output: &Path) -> Result<bool, Error> {
    if output.file_name().is_none() || files::is_dash(output) {
        let what = format!("{}: is not a valid folder name", output.display());
        return Err(Error::usage(what).hint("set the folder with -o"));
    }
    let suffix = output.extension().unwrap_or_default().to_string_lossy();
    Ok(format
        .info()
        .single_file
        .is_some_and(|single| suffix.eq_ignore_ascii_case(single) && !output.is_dir()))
}

/// Refuses to overwrite inputs, outputs of other stages, and one output with another.
fn refuse_overwriting(options: &Options, single: bool) -> Result<(), Error> {
    let classes = &options.classes;
    let inputs = [&options.localizations, &options.image_map];
    let inputs = inputs
        .into_iter()
        .chain(&classes.remap)
        .chain(&classes.taxonomy_file);
    let output = single.then_some(options.output.as_path());
    let outputs = [
        ("-o", output),
        ("--rejects", options.rejects.as_deref()),
        ("--report", options.common.report.as_deref()),
    ];
    files::refuse_overwriting(inputs, &outputs)?;
    match output.filter(|path| contracts::is_contract(path)) {
        None => Ok(()),
        Some(path) => {
            let what = format!(
                "{}: was written by another stage, and would be overwritten",
                path.display()
            );
            Err(Error::usage(what).hint("name another file with -o"))
        }
    }
}

/// Assigns a split to every image.
fn assign_splits(dataset: &mut Dataset, splits: &Splits, seed: u64) -> Result<Vec<String>, Error> {
    let hashed: Result<Vec<String>, Error> = dataset
        .images
        .par_iter()
        .map(|p| {
            files::sha256_of_file(&p.path)
                .map_err(|e| Error::new(format!("{}: cannot be read", p.path.display())).because(e))
        })
        .collect();
    let hashed = hashed?;
    let members: Vec<split::Member> = dataset
        .images
        .iter()
        .zip(&hashed)
        .map(|(p, sha256)| split::Member {
            group: &p.group,
            sha256,
        })
        .collect();
    let assigned = split::assign(&members, splits, seed);
    for (picture, split) in dataset.images.iter_mut().zip(assigned.names) {
        picture.split = Some(split);
    }
    dataset.splits = splits.names();
    Ok(assigned.notes)
}
