//! `digest`: a source's documents → digest.json, with everything that later stages need, so that they do not have to ask
//! the source again.
//!
//! The cores are pure: a [`worklist`] over the answers of a [`Source`](crate::sources::Source), the [`join`] of
//! annotations with images, filters. Around them documents are fetched, cached and written; what they hold is put aside in a
//! [`spool`] until the digest is written. The output does not depend on the order in which answers arrive.

mod activity_streams;
mod attached;
mod boxes;
mod cache;
mod changes;
mod connection;
mod crawl;
mod document_limits;
mod documents;
mod fetch;
pub mod filter;
mod harvest;
mod images;
mod join;
mod lock;
mod no_images;
mod options;
mod quoted_parts;
mod recent;
mod reviews;
mod select;
mod spool;
mod taxonomy;
mod text_files;
mod worklist;

use std::io;
use std::path::{Path, PathBuf};

use crate::contracts::{self, SourceQuery};
use crate::error::Error;
use crate::report::{self, Common, Stage};
use crate::summary::{Summary, counted};
use crate::workers::Shard;
use crate::{corrections, files, sources};
use filter::Filter;
use harvest::Harvest;
use images::Images;
pub use options::Options;
use select::Selected;

/// Reads a source: writes `digest.json` and the list of rejects.
///
/// # Errors
/// The stage could not finish: the options contradict each other, an output cannot be written, the run was stopped, or
/// no image was found. The error holds the summary of what was done until then.
pub fn digest(options: &Options) -> Result<Summary, Error> {
    Error::with_summary(|summary| stage(options, summary))
}

impl Stage for Options {
    const NAME: &'static str = "digest";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(&self) -> Result<Summary, Error> {
        digest(self)
    }
}

fn stage(options: &Options, summary: &mut Summary) -> Result<(), Error> {
    let shard = options.shard.map(|choice| choice.resolved(None));
    let shard = shard.transpose()?;
    let http = connection::http(options)?.shared_by(shard.map_or((0, 1), Shard::workers));
    let source = connection::source(options, &http)?;
    refuse_overwriting(options)?;
    rehearse(options)?;
    let locked = lock::read(options)?;
    let filter = options.filter();
    // Before hours of harvesting, not after them.
    let (corrections, unusable) = corrections::read_files(&options.review)?;
    let mut harvest = crawl::harvest(options, &http, &*source, &filter, shard, locked.as_ref())?;
    count_documents(&mut harvest, summary);
    if let Some(shard) = shard {
        fetched_part(options, shard, &harvest, summary);
        return Ok(());
    }
    let (mut images, unjoined) = Images::join(harvest.contents, &*source)?;
    summary.rejects.extend(unjoined);
    if images.described > 0 {
        let named = counted(images.described, "image is", "images are");
        let note = "named by annotations only, and taken from them";
        summary.notes.push(format!("{named} {note}"));
    }
    text_files::add(&options.text, options.limit.is_some(), &mut images, summary)?;
    let asked = reviews::images(&corrections);
    let selected = select::select(&mut images, &filter, options.limit, &asked)?;
    count_repeated(images.repeated(), selected.folded, summary);
    let (reviews, unplaced) = reviews::of_kept(&corrections, &selected, summary);
    summary.rejects.extend(unusable.into_iter().chain(unplaced));
    summary.rejects.sort();
    summary.filtered = selected.filtered;
    summary.kept = selected.kept;
    summary.read = summary.kept + summary.rejects.len() as u64;
    count_boxes(&selected, &filter, summary);
    summary.notes.extend(nameless(&selected));
    if selected.kept == 0 {
        write_rejects(options.rejects.as_deref(), options, summary)?;
        let error = no_images::error(&filter, &selected.blame, summary);
        // A source knows what helps where nothing was found, not where filters left out what was found.
        let hint = source.hint(&summary.rejects);
        return Err(match hint.filter(|_| selected.blame.images == 0) {
            Some(hint) => error.hint(hint),
            None => error,
        });
    }
    let taxonomy = taxonomy::taxonomy(&selected.concepts, &harvest.taxa);
    let images = selected.images(&mut images, &filter);
    publish(options, summary, |out| {
        contracts::write_digest(out, &query(options, &filter), images, &taxonomy, &reviews)
    })?;
    lock::end(options, locked.as_ref(), harvest.read.as_mut(), summary)
}

/// Checks that all files can be written, before hours of harvesting.
fn rehearse(options: &Options) -> Result<(), Error> {
    contracts::rehearse_set(&options.output())?;
    let lock = options.lock.as_deref();
    lock.map_or(Ok(()), contracts::refuse_damaged_lock)?;
    let changes = options.locked.as_ref().map(|_| options.changes());
    let files = [options.rejects_file(), options.lock.clone(), changes];
    files
        .iter()
        .flatten()
        .try_for_each(|file| files::rehearse(file))
}

fn count_documents(harvest: &mut Harvest, summary: &mut Summary) {
    summary.notes.append(&mut harvest.notes);
    let counts = harvest.counts.iter().map(|(k, n)| ((*k).to_owned(), *n));
    summary.counts.extend(counts);
    let read = harvest.order.len() as u64 - harvest.left;
    summary.counts.insert("documents".into(), read);
    summary.rejects = std::mem::take(&mut harvest.rejects);
}

/// The summary of a worker that only filled the cache.
fn fetched_part(options: &Options, shard: Shard, harvest: &Harvest, summary: &mut Summary) {
    summary.count("left_to_others", harvest.left);
    summary.kept = summary.counts.get("images").copied().unwrap_or_default();
    summary.read = summary.kept + summary.rejects.len() as u64;
    let documents = counted(
        harvest.order.len() as u64 - harvest.left,
        "document",
        "documents",
    );
    let images = counted(summary.kept, "image", "images");
    let cache = options.cache.as_deref().unwrap_or(Path::new(""));
    summary.done = format!(
        "{documents} of part {}/{} with {images} in {}",
        shard.index,
        shard.count,
        cache.display()
    );
    let help = "when all parts are done, the same command with --offline instead of --shard writes the digest";
    summary.hint = Some(help.into());
}

fn count_repeated(images: u64, annotations: u64, summary: &mut Summary) {
    let repeated = [
        (images, "duplicate image", "duplicate images"),
        (annotations, "duplicate annotation", "duplicate annotations"),
    ];
    for (n, one, many) in repeated.into_iter().filter(|(n, ..)| *n > 0) {
        summary
            .notes
            .push(format!("{} merged", counted(n, one, many)));
    }
    summary.count("duplicates", images + annotations);
}

fn refuse_overwriting(options: &Options) -> Result<(), Error> {
    let files_read = options
        .inputs
        .iter()
        .filter(|input| !sources::is_url(input));
    let named = options
        .boxes
        .images
        .iter()
        .filter(|images| !sources::is_url(images));
    let mut inputs: Vec<PathBuf> = files_read.chain(named).map(PathBuf::from).collect();
    inputs.extend(options.boxes.classes.clone());
    let (output, rejects) = (options.output(), options.rejects_file());
    let changes = options.locked.as_ref().map(|_| options.changes());
    let outputs = [
        ("-o", Some(output.as_path())),
        ("--rejects", rejects.as_deref()),
        ("--lock", options.lock.as_deref()),
        ("--changes", changes.as_deref()),
        ("--report", options.common.report.as_deref()),
    ];
    let read = inputs
        .iter()
        .chain(&options.locked)
        .chain(&options.review)
        .chain(&options.text.text_files);
    files::refuse_overwriting(read, &outputs)
}

/// If the source counts boxes, counts what happened to them: boxes = boxes_kept + boxes_filtered + boxes_rejected.
fn count_boxes(selected: &Selected, filter: &Filter, summary: &mut Summary) {
    if summary.counts.contains_key("boxes") {
        summary
            .counts
            .insert("boxes_kept".into(), selected.boxes_kept);
        summary.count("boxes_filtered", selected.boxes_filtered);
    }
    summary.notes.extend(selected.blame.without_key(filter));
    if filter.is_about_boxes() {
        let boxes = counted(selected.boxes_filtered, "box", "boxes");
        summary.notes.push(format!("{boxes} left out by --where"));
    }
}

/// The note about images that do not have an address: another digest must have it.
fn nameless(selected: &Selected) -> Option<String> {
    let n = selected.nameless;
    let images = counted(
        n,
        "image is known by name only",
        "images are known by name only",
    );
    let note = format!("{images}: give recto-extract the archive's digest too");
    (n > 0).then_some(note)
}

/// The query, so that the digest can be made again.
fn query(options: &Options, filter: &Filter) -> SourceQuery {
    let mut filters = options.concepts.texts();
    filters.extend(filter.texts());
    filters.extend(options.text.texts());
    filters.extend(options.limit.map(|n| format!("--limit {n}")));
    SourceQuery {
        kind: options.source.clone(),
        inputs: options.inputs(),
        filters,
    }
}

/// Writes the rejects, then the digest.
fn publish(
    options: &Options,
    summary: &mut Summary,
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> Result<(), Error> {
    let rejects = options.rejects_file();
    write_rejects(rejects.as_deref(), options, summary)?;
    let output = options.output();
    contracts::write_set(&output, "observations", write)?;
    let place = match files::is_dash(&output) {
        true => "standard output".into(),
        false => output.display().to_string(),
    };
    summary.done = format!("{} in {place}", counted(summary.kept, "image", "images"));
    if let (Some(file), false) = (rejects, summary.rejects.is_empty()) {
        summary.hint = Some(format!("{} lists what was left out", file.display()));
    }
    Ok(())
}

fn write_rejects(file: Option<&Path>, options: &Options, summary: &Summary) -> Result<(), Error> {
    let write = |file| report::write_rejects(file, &summary.rejects, &options.common);
    file.map_or(Ok(()), write)
}
