//! `extract`: digest.json → localizations.json. Annotations of parts of images become boxes with classes, all boxes of an
//! image in one frame; annotations of whole images become labels.
//!
//! The core, [`merge`], is pure. It does not know the true size of any image: boxes stay in a frame that the whole image
//! fills, and `reformat` maps the frame to the pixels of the downloaded file.

mod box_ids;
mod canvas_to_image;
pub mod concept;
mod extracted;
mod finished;
mod html;
mod image_store;
mod matching;
mod merge;
mod merged_image;
mod notes;
mod observation;
mod options;
#[cfg(test)]
mod properties;

use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::contracts::{self, DigestReader, LocalizedImage};
use crate::corrections::{self, LocatedCorrection};
use crate::error::Error;
use crate::files;
use crate::report::{self, Common, Stage};
use crate::sources::m3;
use crate::summary::{Reject, Summary, counted};

pub use concept::ClassFrom;
use extracted::ExtractRules;
use finished::FinishedImages;
use image_store::ImageStore;
use notes::Written;
pub use options::{Options, Outside};

/// Turns digests into localizations: writes `localizations.json` and the list of rejects.
///
/// # Errors
/// The stage could not finish: an input cannot be read or is not a digest, an output would overwrite an input or cannot
/// be written, or there are no images. The error holds the summary of what was done until then.
pub fn extract(options: &Options) -> Result<Summary, Error> {
    Error::with_summary(|summary| stage(options, summary))
}

impl Stage for Options {
    const NAME: &'static str = "extract";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(&self) -> Result<Summary, Error> {
        extract(self)
    }
}

fn stage(options: &Options, summary: &mut Summary) -> Result<(), Error> {
    let rejects = rejects_path(options);
    refuse_overwriting(options, rejects.as_deref())?;
    contracts::check_set_name(&options.output)?;
    // What can be wrong with a store is not seen in its name.
    let outputs = [
        Some(&*options.output),
        options.parquet(),
        rejects.as_deref(),
    ];
    let mut in_stores = outputs
        .into_iter()
        .flatten()
        .filter(|path| files::is_in_store(path));
    in_stores.try_for_each(contracts::rehearse_set)?;
    let choices = m3::M3Options {
        repair_boxes: options.repair_boxes,
        box_link: options.box_link.clone(),
        ..m3::M3Options::default()
    };
    let (digests, unusable) = read_digests(&options.digests, &choices)?;
    let rules = ExtractRules {
        class_from: options.class_from.clone(),
        outside: options.outside,
        motivations: options.motivation.clone(),
        line_height: options.line_height,
        point_size: options.point_size,
    };
    let scratch = files::Scratch::beside(&options.output);
    let mut store = ImageStore::new(scratch);
    let mut extracted = merge::extract(&digests, &rules, &mut store)?;
    extracted.read += unusable.len() as u64;
    extracted.rejects.splice(0..0, unusable);
    let (given, unusable) = read_reviews(&digests, &options.review)?;
    let mut images = FinishedImages::of(store, &given, &mut extracted)?;
    extracted.read += unusable.len() as u64;
    extracted.rejects.extend(unusable);
    summary.rejects = std::mem::take(&mut extracted.rejects).into();
    if images.len() == 0 {
        notes::fill(&extracted, &Written::default(), summary);
        return Err(notes::no_images(&digests, &summary.rejects));
    }
    if let Some(path) = &rejects {
        report::write_rejects(path, &summary.rejects, &options.common)?;
    }
    let written = write_with_table(options, &mut images, &extracted.taxonomy)?;
    notes::fill(&extracted, &written, summary);
    summary.done = format!(
        "{} with {} in {}",
        counted(written.images, "image", "images"),
        counted(written.boxes, "box", "boxes"),
        options.output.display()
    );
    summary.hint = notes::hint(options, rejects.as_deref(), !summary.rejects.is_empty());
    Ok(())
}

/// Writes the images, in a table too where that is wanted: both or none.
fn write_with_table(
    options: &Options,
    images: &mut FinishedImages,
    taxonomy: &contracts::Taxonomy,
) -> Result<Written, Error> {
    match options.parquet() {
        #[cfg(feature = "parquet")]
        Some(path) => contracts::parquet::write_image_table(path, |table| {
            write(&options.output, images, taxonomy, |image| table.add(image))
        }),
        _ => write(&options.output, images, taxonomy, |_| Ok(())),
    }
}

/// Writes the images, some of which are in memory at a time, and calls `also` with each.
fn write(
    path: &Path,
    images: &mut FinishedImages,
    taxonomy: &contracts::Taxonomy,
    mut also: impl FnMut(&LocalizedImage) -> Result<(), Error>,
) -> Result<Written, Error> {
    let mut written = Written::default();
    // What is told is what happened to the images, if that is why nothing can be written.
    let mut failed = None;
    let published = contracts::write_set(path, "images", |out| {
        contracts::write_localizations(out, taxonomy, |put| {
            let outcome = images.each(|images| {
                let elements: Result<Vec<Vec<u8>>, serde_json::Error> =
                    images.par_iter().map(contracts::image_as_element).collect();
                let elements = elements
                    .map_err(|e| Error::new("an image cannot be written as JSON").because(e))?;
                for (image, element) in images.iter().zip(elements) {
                    written.add(image);
                    also(image)?;
                    put(&element).map_err(|e| files::cannot_write(path, e))?;
                }
                Ok(())
            });
            outcome.map_err(|error| {
                let what = error.what().to_owned();
                failed = Some(error);
                io::Error::other(what)
            })
        })
    });
    match failed {
        Some(error) => Err(error),
        None => published.map(|()| written),
    }
}

fn rejects_path(options: &Options) -> Option<PathBuf> {
    let beside = || files::folder_of(&options.output).join("rejects.csv");
    let beside = (!files::is_dash(&options.output)).then(beside);
    // Without the `./` of a bare name, as people type it.
    let beside = beside.map(|p| p.strip_prefix(".").map(Path::to_owned).unwrap_or(p));
    options.rejects.clone().or(beside)
}

fn refuse_overwriting(options: &Options, rejects: Option<&Path>) -> Result<(), Error> {
    let inputs = || options.digests.iter().chain(&options.review);
    if inputs().filter(|path| files::is_dash(path)).count() > 1 {
        return Err(Error::usage("standard input (-) can be read only once"));
    }
    let outputs = [
        ("-o", Some(options.output.as_path())),
        ("--parquet", options.parquet()),
        ("--rejects", rejects),
        ("--report", options.common.report.as_deref()),
    ];
    files::refuse_overwriting(inputs(), &outputs)
}

/// Digests by name, and the records of lists by m3-download that cannot be used.
type Digests = (Vec<(String, DigestReader)>, Vec<Reject>);

/// Bytes at the start of a file that show what it is.
const START: u64 = 4096;

fn read_digests(paths: &[PathBuf], choices: &m3::M3Options) -> Result<Digests, Error> {
    let (mut digests, mut unusable) = (Vec::new(), Vec::new());
    for path in paths {
        let name = path.display().to_string();
        let is_file = files::is_there(path);
        let is_list = is_file && contracts::is_list(&files::start(path, START));
        let is_set = is_file || path.is_dir() || contracts::is_set_folder(path);
        let digest = match is_set && !is_list {
            true => DigestReader::open(path)?,
            false => {
                let bytes = files::read(path)?;
                match contracts::is_list(&bytes) {
                    false => DigestReader::held(contracts::parse_set(bytes, &name)?),
                    true => {
                        let list: Vec<serde_json::Value> = contracts::parse_json(&bytes, &name)?;
                        let (digest, rejects) = m3::m3_download::digest(&name, list, choices)?;
                        unusable.extend(rejects);
                        DigestReader::held(digest)
                    }
                }
            }
        };
        digests.push((name, digest));
    }
    Ok((digests, unusable))
}

/// The corrections in the digests, then those in files, and the lines that cannot be used.
fn read_reviews(
    digests: &[(String, DigestReader)],
    paths: &[PathBuf],
) -> Result<(Vec<LocatedCorrection>, Vec<Reject>), Error> {
    let (mut given, mut unusable) = (Vec::new(), Vec::new());
    let in_digests = digests
        .iter()
        .map(|(name, digest)| corrections::from_digest(name, &digest.about.reviews));
    for (more, rejects) in in_digests.chain([corrections::read_files(paths)?]) {
        given.extend(more);
        unusable.extend(rejects);
    }
    Ok((given, unusable))
}
