//! What a run reports: counts, notes, the hint for the next step, and why there are no images.

use std::path::Path;

use super::extracted::Extracted;
use super::matching;
use super::options::Options;
use crate::contracts::{DigestReader, LocalizedImage, quoted_path};
use crate::error::Error;
use crate::files;
use crate::summary::{Rejects, Summary, counted};

/// What was written.
#[derive(Debug, Default)]
pub struct Written {
    /// Images.
    pub images: u64,
    /// Their boxes.
    pub boxes: u64,
    /// Images without boxes.
    pub negatives: u64,
    /// Images of which nothing is left, though they are annotated.
    pub emptied: u64,
}

impl Written {
    /// Counts an image.
    pub fn add(&mut self, image: &LocalizedImage) {
        self.images += 1;
        self.boxes += image.localizations.len() as u64;
        let is_negative = image.localizations.is_empty();
        self.negatives += u64::from(is_negative);
        self.emptied += u64::from(is_negative && image.rejected);
    }
}

/// Puts counts and notes into the summary.
pub fn fill(extracted: &Extracted, written: &Written, summary: &mut Summary) {
    let negatives = written.negatives;
    summary.read = extracted.read;
    summary.kept = extracted.kept;
    summary.filtered = extracted.filtered;
    summary.count("images", written.images);
    summary.count("localizations", written.boxes);
    summary.count("labels", extracted.labels);
    if extracted.reviews > 0 {
        summary.count("reviews", extracted.reviews);
    }
    summary.count("clipped", extracted.clipped.count);
    summary.count("negatives", negatives);
    summary.count("duplicates", extracted.duplicates);
    summary.count("folded", extracted.folded);
    if extracted.folded > 0 {
        let counted = counted(extracted.folded, "image", "images");
        summary
            .notes
            .push(format!("{counted} named more than once: merged"));
    }
    summary.notes.extend(occurrences(extracted));
    if written.emptied > 0 {
        summary.notes.push(format!(
            "{} annotated and without anything that can be used: nothing says that nothing is there; `recto-reformat --unboxed drop` leaves \
             such images out of sets for detectors",
            counted(written.emptied, "image is", "images are")
        ));
    }
    if negatives == written.images && negatives > 0 {
        summary.notes.push(no_boxes(extracted));
    }
}

/// What happened that is worth a note: how often, and where first.
fn occurrences(extracted: &Extracted) -> Vec<String> {
    let occurrences = [
        (
            &extracted.clipped,
            ("box", "boxes"),
            "clipped to the image; --outside reject leaves them out",
        ),
        (
            &extracted.fallbacks,
            ("box", "boxes"),
            "taken from xywh, because the SVG cannot be used",
        ),
        (
            &extracted.not_scaled,
            ("box", "boxes"),
            "from SVGs whose size does not fit, taken to be in units of the canvas",
        ),
        (
            &extracted.apart,
            ("box", "boxes"),
            "with selectors that select different parts, an outline and xywh or a baseline",
        ),
        (
            &extracted.tiny,
            ("box", "boxes"),
            "within the first pixel of the image: shares of width and height are written xywh=percent:",
        ),
        (
            &extracted.in_parts,
            ("box", "boxes"),
            "around several areas of one outline, which no single polygon can express: the outline is not kept",
        ),
        (
            &extracted.clashes,
            ("annotation", "annotations"),
            "with the id of another annotation of the same image, which says something else; both are kept",
        ),
        (
            &extracted.regrouped,
            ("image", "images"),
            "in several groups; the first group is used",
        ),
        (
            &extracted.misshapen,
            ("image", "images"),
            "with frames of different aspect ratio",
        ),
    ];
    let happened = occurrences.into_iter().filter(|(o, ..)| o.count > 0);
    let notes = happened.map(|(occurrences, (one, many), words)| {
        let counted = counted(occurrences.count, one, many);
        format!("{counted} {words}, first: {}", occurrences.first)
    });
    notes.collect()
}

fn no_boxes(extracted: &Extracted) -> String {
    match (extracted.read, extracted.filtered) {
        (0, 0) => "no boxes: there are no annotations in the digests".into(),
        (0, n) => format!("no boxes: --motivation filters out all {n} annotated regions"),
        _ => "no boxes: all annotations are about whole images or were left out".into(),
    }
}

/// The error for a run that would write no images.
pub fn no_images(digests: &[(String, DigestReader)], rejects: &Rejects) -> Error {
    let names: Vec<&str> = digests.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(", ");
    match rejects.iter().next() {
        None => Error::new(format!("no images: there are no observations in {names}"))
            .hint("`recto-digest` reports what its filters left out"),
        Some(reject) => {
            let error = Error::new(format!(
                "no images: {} of {names} cannot be used, {}",
                counted(rejects.len() as u64, "observation", "observations"),
                reject.problem
            ));
            match reject.problem.starts_with(matching::UNKNOWN) {
                true => error.hint(
                    "give the digest of the archive too: recto-extract digest.json boxes.json; a table of files and URLs as --images of recto-digest adds URLs",
                ),
                false => error,
            }
        }
    }
}

/// What to do next.
pub fn hint(options: &Options, rejects: Option<&Path>, has_rejects: bool) -> Option<String> {
    match rejects {
        Some(path) if has_rejects => Some(format!("{} lists what was left out", path.display())),
        None if has_rejects => Some("--rejects FILE lists what was left out".into()),
        _ if files::is_dash(&options.output) => None,
        _ => Some(format!(
            "`recto-download {} images` downloads the images",
            quoted_path(&options.output)
        )),
    }
}
