//! `digest`: a source's documents → digest.json, with everything that later stages need, so that they do not have to ask
//! the source again.
//!
//! The cores are pure: a [`worklist`] over the answers of a [`Source`](crate::sources::Source), the [`join`] of
//! annotations with images, filters. Around them documents are fetched, cached and written. The output does not depend
//! on the order in which answers arrive.

mod cache;
mod connection;
mod crawl;
mod fetch;
pub mod filter;
mod join;
mod no_images;
mod options;
mod reviews;
mod select;
mod taxonomy;
mod weight;
mod worklist;

use std::path::{Path, PathBuf};

use crate::contracts::{Digest, SourceQuery};
use crate::error::Error;
use crate::progress::Style;
use crate::report::{self, Common, Stage};
use crate::summary::{Summary, counted};
use crate::{corrections, files, sources};
use filter::Filter;
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

    fn ends_in_json(&self) -> bool {
        self.progress == Style::Json && !self.common.quiet
    }

    fn run(&self) -> Result<Summary, Error> {
        digest(self)
    }
}

fn stage(options: &Options, summary: &mut Summary) -> Result<(), Error> {
    let http = connection::http(options)?;
    let source = connection::source(options, &http)?;
    refuse_overwriting(options)?;
    files::rehearse(&options.output())?;
    options
        .rejects_file()
        .as_deref()
        .map_or(Ok(()), files::rehearse)?;
    let filter = options.filter();
    // Before hours of harvesting, not after them.
    let (corrections, unusable) = corrections::read_files(&options.review)?;
    let harvest = crawl::harvest(options, &http, &*source, &filter)?;
    summary.notes.extend(harvest.notes);
    let counts: Vec<(String, u64)> = harvest
        .counts
        .iter()
        .map(|(k, n)| ((*k).to_owned(), *n))
        .collect();
    summary.counts.extend(counts);
    summary.counts.insert("documents".into(), harvest.documents);
    let join = join::join(harvest.observations, harvest.annotations, &harvest.names);
    let repeated = [
        (harvest.duplicates, "duplicate image", "duplicate images"),
        (join.folded, "duplicate annotation", "duplicate annotations"),
    ];
    for (n, one, many) in repeated.into_iter().filter(|(n, ..)| *n > 0) {
        summary
            .notes
            .push(format!("{} merged", counted(n, one, many)));
    }
    summary.count("duplicates", harvest.duplicates + join.folded);
    summary.rejects = harvest.rejects;
    summary.rejects.extend(join.rejects);
    let selected = select::select(join.observations, &filter, options.limit);
    let (reviews, unplaced) = reviews::of_kept(&corrections, &selected, summary);
    summary.rejects.extend(unusable.into_iter().chain(unplaced));
    summary.rejects.sort();
    summary.filtered = selected.filtered.len() as u64;
    summary.kept = selected.kept.len() as u64;
    summary.read = summary.kept + summary.rejects.len() as u64;
    count_boxes(&selected, &filter, summary);
    if selected.kept.is_empty() {
        write_rejects(options.rejects.as_deref(), summary)?;
        let error = no_images::error(&filter, &selected.filtered, summary);
        // Where images were found, their source is the right one, and the filter is to blame.
        let of_source = source.hint(&summary.rejects);
        return Err(match of_source.filter(|_| selected.filtered.is_empty()) {
            Some(hint) => error.hint(hint),
            None => error,
        });
    }
    let taxonomy = taxonomy::taxonomy(&selected.kept, &harvest.taxa);
    let digest = Digest {
        taxonomy,
        reviews,
        ..Digest::new(query(options, &filter), selected.kept)
    };
    publish(options, &digest, summary)
}

fn refuse_overwriting(options: &Options) -> Result<(), Error> {
    let files_read = options
        .inputs
        .iter()
        .filter(|input| !sources::is_url(input));
    let inputs: Vec<PathBuf> = files_read.map(PathBuf::from).collect();
    let (output, rejects) = (options.output(), options.rejects_file());
    let outputs = [
        ("-o", Some(output.as_path())),
        ("--rejects", rejects.as_deref()),
        ("--report", options.common.report.as_deref()),
    ];
    files::refuse_overwriting(inputs.iter().chain(&options.review), &outputs)
}

/// If the source counts boxes, counts what happened to them: boxes = boxes_kept + boxes_filtered + boxes_rejected.
fn count_boxes(selected: &Selected, filter: &Filter, summary: &mut Summary) {
    let kept = selected.kept.iter().map(select::boxes).sum();
    if summary.counts.contains_key("boxes") {
        summary.counts.insert("boxes_kept".into(), kept);
        summary.count("boxes_filtered", selected.boxes_filtered);
    }
    if filter.is_about_boxes() {
        let boxes = counted(selected.boxes_filtered, "box", "boxes");
        summary.notes.push(format!("{boxes} left out by --where"));
    }
}

/// The query, so that the digest can be made again.
fn query(options: &Options, filter: &Filter) -> SourceQuery {
    let mut filters = options.concepts.texts();
    filters.extend(filter.texts());
    filters.extend(options.limit.map(|n| format!("--limit {n}")));
    SourceQuery {
        kind: options.source.clone(),
        inputs: options.inputs(),
        filters,
    }
}

/// Writes the rejects, then the digest.
fn publish(options: &Options, digest: &Digest, summary: &mut Summary) -> Result<(), Error> {
    let rejects = options.rejects_file();
    write_rejects(rejects.as_deref(), summary)?;
    let output = options.output();
    files::write_json(&output, digest)?;
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

fn write_rejects(file: Option<&Path>, summary: &Summary) -> Result<(), Error> {
    file.map_or(Ok(()), |file| report::write_rejects(file, &summary.rejects))
}
