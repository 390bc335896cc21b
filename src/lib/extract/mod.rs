//! `extract`: digest.json → localizations.json. What is said about parts of images becomes boxes with concepts,
//! in one frame per image; what is said about whole images becomes labels.
//!
//! The core, [`extract`], is pure. It does not know the true size of any image: boxes stay in a frame that the
//! whole image fills, and `reformat` maps the frame onto the pixels of the file that was downloaded.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::contracts::{self, Digest, Localizations, Taxonomy};
use crate::corrections::{self, Named, Places};
use crate::error::Error;
use crate::files;
use crate::report::{self, Common, Stage};
use crate::sources::m3;
use crate::summary::{Reject, Summary};

pub mod concept;
mod fold;
mod frame;
#[cfg(test)]
mod properties;
mod read;

pub use concept::ConceptFrom;

/// What users may choose.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Digests, those of m3-download too, any number, merged in this order; `-` reads one from standard input
    #[arg(value_name = "DIGEST", required = true)]
    pub digests: Vec<PathBuf>,
    /// Where the localizations go; `-` writes them to standard output
    #[arg(short, long, value_name = "FILE", default_value = "localizations.json")]
    pub output: PathBuf,
    /// Where rejects go [default: rejects.csv beside the output; nowhere when that is standard output]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// What names the concept of a box: auto, tag, label, text, motivation or constant:NAME; given again, the
    /// next is tried where the one before finds nothing. `auto` is a tag, else a label, else `text` where words
    /// on the image are written down, else the motivation
    #[arg(long, value_name = "RULE", default_value = "auto")]
    pub concept_from: Vec<ConceptFrom>,
    /// What becomes of a box that reaches beyond its image; one wholly outside is always rejected
    #[arg(long, value_name = "RULE", value_enum, default_value_t = Outside::Clip)]
    pub outside: Outside,
    /// In digests of m3-download: take boxes too whose numbers have decimals or are texts, or that begin outside of
    /// their picture
    #[arg(long)]
    pub mend_boxes: bool,
    /// Make the corrections of a file that `recto-serve --review` wrote, after those that the digests carry; given
    /// again, one file after the other
    #[arg(long, value_name = "FILE")]
    pub review: Vec<PathBuf>,
    /// Only annotations with this motivation, such as `tagging`; given again, any of them
    #[arg(long, value_name = "MOTIVATION")]
    pub motivation: Vec<String>,
    /// Options every stage has
    #[command(flatten)]
    pub common: Common,
}

/// What becomes of a box that reaches beyond its image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Outside {
    /// The part inside is kept.
    #[default]
    Clip,
    /// The box is rejected.
    Reject,
}

/// The choices that the core knows.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What names a concept, in order of preference.
    pub concept_from: Vec<ConceptFrom>,
    /// What becomes of a box that reaches beyond its image.
    pub outside: Outside,
    /// Motivations wanted; empty: all.
    pub motivations: Vec<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            concept_from: vec![ConceptFrom::Auto],
            outside: Outside::Clip,
            motivations: Vec::new(),
        }
    }
}

/// What the core makes of some digests. `read == kept + rejects` holds, in regions of annotations.
#[derive(Debug, Default)]
pub struct Extracted {
    /// One entry per image, in the order in which the digests first name them.
    pub images: Vec<contracts::LocalizedImage>,
    /// Where concepts stand in a tree; the first digest to place one is right.
    pub taxonomy: Taxonomy,
    /// Regions, and images without an address, that cannot be used.
    pub rejects: Vec<Reject>,
    /// Regions taken up.
    pub read: u64,
    /// Regions that became boxes or labels.
    pub kept: u64,
    /// Regions of annotations without a wanted motivation.
    pub filtered: u64,
    /// Regions that repeat what an earlier digest or annotation said.
    pub duplicates: u64,
    /// Observations of an image that an earlier one had named.
    pub folded: u64,
    /// Regions of canvases with several images, on their way to be accounted for.
    pub parts: Parts,
    /// Regions that became labels.
    pub labels: u64,
    /// Corrections that people made in the browser; they count as read and kept too.
    pub reviews: u64,
    /// Boxes that were cut at the edge of their image.
    pub clipped: News,
    /// Boxes by media fragment because their SVG cannot be used.
    pub fallbacks: News,
    /// Images that digests put into different groups.
    pub regrouped: News,
    /// Images whose frames disagree in shape.
    pub misshapen: News,
}

/// Regions of canvases that several images are placed on: each is offered to every image of its canvas, and is
/// left out only when it lies on none.
#[derive(Debug, Default)]
pub struct Parts {
    kept: HashSet<String>,
    beside: Vec<(String, Reject)>,
}

impl Extracted {
    /// Makes corrections, in their order.
    pub fn correct(&mut self, given: &[Named]) {
        let places = Places::of(self.images.iter().map(|image| (&*image.id, image)));
        let (made, rejects) = corrections::make_all(given, &mut self.images, &places);
        self.read += given.len() as u64;
        self.kept += made;
        self.reviews += made;
        self.rejects.extend(rejects);
    }

    /// Leaves out, once each, the regions that lie on no image of their canvas.
    fn settle_parts(&mut self) {
        let Parts { kept, beside } = std::mem::take(&mut self.parts);
        let mut told = HashSet::new();
        for (name, reject) in beside {
            if !kept.contains(&name) && told.insert(name) {
                self.read += 1;
                self.rejects.push(reject);
            }
        }
    }
}

/// How often something worth telling happened, and where it did first.
#[derive(Debug, Default)]
pub struct News {
    /// How often.
    pub count: u64,
    /// The first time, in words.
    pub first: String,
}

impl News {
    fn add(&mut self, words: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = words();
        }
        self.count += 1;
    }
}

/// Turns digests into localizations, and writes `localizations.json` and its rejects.
///
/// # Errors
/// Why the stage could not finish, with the summary of what it had done by then.
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
    let (digests, unusable) = read_digests(&options.digests, options.mend_boxes)?;
    let rules = Rules {
        concept_from: options.concept_from.clone(),
        outside: options.outside,
        motivations: options.motivation.clone(),
    };
    let mut extracted = fold::extract(&digests, &rules);
    extracted.read += unusable.len() as u64;
    extracted.rejects.splice(0..0, unusable);
    let (given, unusable) = read_reviews(&digests, &options.review)?;
    extracted.correct(&given);
    extracted.read += unusable.len() as u64;
    extracted.rejects.extend(unusable);
    account(&extracted, summary);
    summary.rejects = extracted.rejects;
    if extracted.images.is_empty() {
        return Err(no_images(&digests, &summary.rejects));
    }
    summary.done = format!(
        "{} with {} in {}",
        plural(extracted.images.len() as u64, "image"),
        plural(summary.counts["localizations"], "box"),
        options.output.display()
    );
    summary.hint = hint(options, rejects.as_deref(), !summary.rejects.is_empty());
    if let Some(path) = &rejects {
        report::write_rejects(path, &summary.rejects)?;
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
        return Err(Error::usage("- can be read only once"));
    }
    let outputs = [
        ("-o", Some(options.output.as_path())),
        ("--rejects", rejects),
        ("--report", options.common.report.as_deref()),
    ];
    files::refuse_overwriting(inputs(), &outputs)
}

/// Digests by name, and what in lists of m3-download cannot be used.
type Digests = (Vec<(String, Digest)>, Vec<Reject>);

fn read_digests(paths: &[PathBuf], mend_boxes: bool) -> Result<Digests, Error> {
    let choices = m3::Options {
        mend_boxes,
        ..m3::Options::default()
    };
    let (mut digests, mut unusable) = (Vec::new(), Vec::new());
    for path in paths {
        let (name, bytes) = (path.display().to_string(), files::read(path)?);
        let digest = match contracts::is_list(&bytes) {
            false => contracts::parse(&bytes, &name)?,
            true => {
                let list: Vec<serde_json::Value> = contracts::parse_json(&bytes, &name)?;
                let (digest, rejects) = m3::list::digest(&name, &list, &choices)?;
                unusable.extend(rejects);
                digest
            }
        };
        digests.push((name, digest));
    }
    Ok((digests, unusable))
}

/// The corrections that digests carry, then those of files, and what in them says nothing.
fn read_reviews(
    digests: &[(String, Digest)],
    paths: &[PathBuf],
) -> Result<(Vec<Named>, Vec<Reject>), Error> {
    let (mut given, mut unusable) = (Vec::new(), Vec::new());
    let carried = digests
        .iter()
        .map(|(name, digest)| corrections::carried(name, &digest.reviews));
    for (more, rejects) in carried.chain([corrections::of_files(paths)?]) {
        given.extend(more);
        unusable.extend(rejects);
    }
    Ok((given, unusable))
}

/// Numbers and news for the report.
fn account(extracted: &Extracted, summary: &mut Summary) {
    let boxes = extracted
        .images
        .iter()
        .map(|i| i.localizations.len() as u64);
    let negatives = boxes.clone().filter(|n| *n == 0).count() as u64;
    summary.read = extracted.read;
    summary.kept = extracted.kept;
    summary.filtered = extracted.filtered;
    summary.count("images", extracted.images.len() as u64);
    summary.count("localizations", boxes.sum());
    summary.count("labels", extracted.labels);
    if extracted.reviews > 0 {
        summary.count("reviews", extracted.reviews);
    }
    summary.count("clipped", extracted.clipped.count);
    summary.count("negatives", negatives);
    summary.count("duplicates", extracted.duplicates);
    summary.count("folded", extracted.folded);
    if extracted.folded > 0 {
        let counted = plural(extracted.folded, "image");
        summary.notes.push(format!("{counted} named again: folded"));
    }
    let news = [
        (
            &extracted.clipped,
            "box",
            "cut at the edge of the image; --outside reject leaves them out",
        ),
        (
            &extracted.fallbacks,
            "box",
            "by xywh because the SVG cannot be used",
        ),
        (
            &extracted.regrouped,
            "image",
            "in several groups; the first is kept",
        ),
        (
            &extracted.misshapen,
            "image",
            "in frames of different shape",
        ),
    ];
    for (news, what, words) in news {
        if news.count > 0 {
            let counted = plural(news.count, what);
            summary
                .notes
                .push(format!("{counted} {words}, first: {}", news.first));
        }
    }
    if negatives == extracted.images.len() as u64 && negatives > 0 {
        summary.notes.push(no_boxes(extracted));
    }
}

fn no_boxes(extracted: &Extracted) -> String {
    match (extracted.read, extracted.filtered) {
        (0, 0) => "no boxes: the digests hold no annotations".into(),
        (0, n) => format!("no boxes: --motivation sets all {n} annotated regions aside"),
        _ => "no boxes: what the annotations say is about whole images, or left out".into(),
    }
}

fn no_images(digests: &[(String, Digest)], rejects: &[Reject]) -> Error {
    let names: Vec<&str> = digests.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(", ");
    match rejects.first() {
        None => Error::new(format!("no images: {names} holds no observations"))
            .hint("recto-digest tells what its filters set aside"),
        Some(reject) => Error::new(format!(
            "no images: all {} observations of {names} are left out, {}",
            rejects.len(),
            reject.problem
        )),
    }
}

fn hint(options: &Options, rejects: Option<&Path>, any: bool) -> Option<String> {
    match rejects {
        Some(path) if any => Some(format!("{} lists what was left out", path.display())),
        None if any => Some("--rejects FILE lists what was left out".into()),
        _ if files::is_dash(&options.output) => None,
        _ => Some(format!(
            "next: recto-download {} images",
            options.output.display()
        )),
    }
}

fn plural(n: u64, word: &str) -> String {
    match (n, word) {
        (1, _) => format!("1 {word}"),
        (_, "box") => format!("{n} boxes"),
        _ => format!("{n} {word}s"),
    }
}
