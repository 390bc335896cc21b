//! `extract`: digest.json → localizations.json. Annotations of parts of images become boxes with classes, all boxes of an
//! image in one frame; annotations of whole images become labels.
//!
//! The core, [`merge`], is pure. It does not know the true size of any image: boxes stay in a frame that the whole image
//! fills, and `reformat` maps the frame to the pixels of the downloaded file.

mod canvas_to_image;
pub mod concept;
mod extracted;
mod html;
mod matching;
mod merge;
mod notes;
mod observation;
mod options;
#[cfg(test)]
mod properties;

use std::path::{Path, PathBuf};

use crate::contracts::{self, Digest, Localizations};
use crate::corrections::{self, LocatedCorrection};
use crate::error::Error;
use crate::files;
use crate::report::{self, Common, Stage};
use crate::sources::m3;
use crate::summary::{Reject, Summary, counted};

pub use concept::ClassFrom;
use extracted::ExtractRules;
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
    };
    let mut extracted = merge::extract(&digests, &rules);
    extracted.read += unusable.len() as u64;
    extracted.rejects.splice(0..0, unusable);
    let (given, unusable) = read_reviews(&digests, &options.review)?;
    extracted.correct(&given);
    extracted.read += unusable.len() as u64;
    extracted.rejects.extend(unusable);
    notes::fill(&extracted, summary);
    summary.rejects = extracted.rejects;
    if extracted.images.is_empty() {
        return Err(notes::no_images(&digests, &summary.rejects));
    }
    summary.done = format!(
        "{} with {} in {}",
        counted(extracted.images.len() as u64, "image", "images"),
        counted(summary.counts["localizations"], "box", "boxes"),
        options.output.display()
    );
    summary.hint = notes::hint(options, rejects.as_deref(), !summary.rejects.is_empty());
    if let Some(path) = &rejects {
        report::write_rejects(path, &summary.rejects, &options.common)?;
    }
    let localizations = Localizations {
        taxonomy: extracted.taxonomy,
        ..Localizations::new(extracted.images)
    };
    files::write_json(&options.output, &localizations)
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
        ("--rejects", rejects),
        ("--report", options.common.report.as_deref()),
    ];
    files::refuse_overwriting(inputs(), &outputs)
}

/// Digests by name, and the records of lists by m3-download that cannot be used.
type Digests = (Vec<(String, Digest)>, Vec<Reject>);

fn read_digests(paths: &[PathBuf], choices: &m3::M3Options) -> Result<Digests, Error> {
    let (mut digests, mut unusable) = (Vec::new(), Vec::new());
    for path in paths {
        let (name, bytes) = (path.display().to_string(), files::read(path)?);
        let digest = match contracts::is_list(&bytes) {
            false => contracts::parse(&bytes, &name)?,
            true => {
                let list: Vec<serde_json::Value> = contracts::parse_json(&bytes, &name)?;
                let (digest, rejects) = m3::m3_download::digest(&name, list, choices)?;
                unusable.extend(rejects);
                digest
            }
        };
        digests.push((name, digest));
    }
    Ok((digests, unusable))
}

/// The corrections in the digests, then those in files, and the lines that cannot be used.
fn read_reviews(
    digests: &[(String, Digest)],
    paths: &[PathBuf],
) -> Result<(Vec<LocatedCorrection>, Vec<Reject>), Error> {
    let (mut given, mut unusable) = (Vec::new(), Vec::new());
    let in_digests = digests
        .iter()
        .map(|(name, digest)| corrections::from_digest(name, &digest.reviews));
    for (more, rejects) in in_digests.chain([corrections::read_files(paths)?]) {
        given.extend(more);
        unusable.extend(rejects);
    }
    Ok((given, unusable))
}
