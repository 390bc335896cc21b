//! `digest`: a source's documents → digest.json, with everything later stages need, so that they need no network.
//!
//! Core: a worklist over [`Source`] answers, a join of annotations with images, filters. Shell: fetch, cache,
//! write. What is written never depends on the order in which answers arrive.

mod cache;
mod fetch;
pub mod filter;
mod join;
mod worklist;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::contracts::{Asked, Digest, Observation};
use crate::report::{self, Error, Reject, Report};
use crate::signals::Signals;
use crate::sources::iiif::Iiif;
use crate::sources::table::{self, Table};
use crate::sources::{self, Source};
use crate::{files, http};
use fetch::Fetcher;
use filter::{Condition, Filter};
use worklist::{Harvest, Worklist};

/// What to read, which images to keep, and where to write.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Where the images are described
    #[arg(value_name = "SOURCE", value_parser = clap::builder::PossibleValuesParser::new(sources::ALL))]
    pub source: String,
    /// Documents to start from: URLs, files, or - for standard input
    #[arg(value_name = "URL|FILE", required = true)]
    pub inputs: Vec<String>,
    /// Write the digest to FILE (- for standard output)
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Keep images whose own, canvas or manifest label matches, in upper or lower case (repeatable: any)
    #[arg(long, value_name = "REGEX", value_parser = filter::label)]
    pub label: Vec<regex::Regex>,
    /// Keep images by metadata, or by label, manifest, canvas, group, rights, id, url, service:
    /// KEY=VALUE, KEY!=VALUE or KEY~REGEX (repeatable: all)
    #[arg(long = "where", value_name = "KEY=VALUE", value_parser = filter::condition)]
    pub conditions: Vec<Condition>,
    /// Keep the first N images only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Keep fetched documents in DIR, and ask servers only for what has changed
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Ask no server: only files and the cache
    #[arg(long)]
    pub offline: bool,
    /// Documents read at the same time
    #[arg(short, long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
    /// List what was left out in FILE [default: the output's name with .rejects.csv; none with -o -]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Do not fetch annotations that documents only refer to (iiif)
    #[arg(long)]
    pub no_annotations: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: report::Common,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub table: table::Options,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub http: http::Options,
}

/// Runs the stage.
pub fn run(options: Options) -> ExitCode {
    options
        .common
        .conclude("digest", |report| digest(&options, report))
}

fn digest(options: &Options, report: &mut Report) -> Result<(), Error> {
    let source = options.source()?;
    files::rehearse(&options.output)?;
    options
        .rejects_file()
        .as_deref()
        .map_or(Ok(()), files::rehearse)?;
    let filter = options.filter();
    let harvest = harvest(options, &*source, &filter)?;
    let counts: Vec<(String, u64)> = harvest
        .counts
        .iter()
        .map(|(k, n)| ((*k).to_owned(), *n))
        .collect();
    report.counts.extend(counts);
    report.counts.insert("documents".into(), harvest.documents);
    let join = join::join(harvest.observations, harvest.annotations, &harvest.names);
    let folded = [
        (harvest.duplicates, "images listed again on their canvas"),
        (join.folded, "annotations met again"),
    ];
    for (n, what) in folded.iter().filter(|(n, _)| *n > 0) {
        report.notes.push(format!("{n} {what}: folded"));
    }
    report.count("duplicates", harvest.duplicates + join.folded);
    report.rejects = harvest.rejects;
    report.rejects.extend(join.rejects);
    report.rejects.sort();
    let (kept, set_aside) = select(join.observations, &filter, options.limit);
    report.filtered = set_aside.len() as u64;
    report.kept = kept.len() as u64;
    report.read = report.kept + report.rejects.len() as u64;
    if kept.is_empty() {
        publish_rejects(options.rejects.as_deref(), report)?;
        return Err(nothing(&filter, &set_aside, report));
    }
    publish(options, &filter, kept, report)
}

/// Writes the rejects, then the digest.
fn publish(
    options: &Options,
    filter: &Filter,
    kept: Vec<Observation>,
    report: &mut Report,
) -> Result<(), Error> {
    let rejects = options.rejects_file();
    publish_rejects(rejects.as_deref(), report)?;
    let mut filters = filter.texts();
    filters.extend(options.limit.map(|n| format!("--limit {n}")));
    let asked = Asked {
        kind: options.source.clone(),
        inputs: options.inputs.clone(),
        filters,
    };
    files::write_json(&options.output, &Digest::new(asked, kept))?;
    let place = match files::is_dash(&options.output) {
        true => "standard output".into(),
        false => options.output.display().to_string(),
    };
    report.done = format!("{} observations in {place}", report.kept);
    if let (Some(file), false) = (rejects, report.rejects.is_empty()) {
        report.hint = Some(format!(
            "{} lists everything that was left out",
            file.display()
        ));
    }
    Ok(())
}

fn publish_rejects(file: Option<&Path>, report: &Report) -> Result<(), Error> {
    file.map_or(Ok(()), |file| report::write_rejects(file, &report.rejects))
}

/// What the user wants of what was seen, and the rest.
fn select(
    seen: Vec<Observation>,
    filter: &Filter,
    limit: Option<u64>,
) -> (Vec<Observation>, Vec<Observation>) {
    let (mut kept, mut rest): (Vec<_>, Vec<_>) = seen.into_iter().partition(|o| filter.wants(o));
    let most = limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    rest.extend(kept.drain(most.min(kept.len())..));
    (kept, rest)
}

impl Options {
    fn source(&self) -> Result<Box<dyn Source>, Error> {
        let not_for = |option: &str| {
            let other = format!("{option} is no option of the source {}", self.source);
            Err(Error::usage(other).hint("recto-digest --help lists the options of each source"))
        };
        let inputs = self.inputs.clone();
        match self.source.as_str() {
            "table" if self.no_annotations => not_for("--no-annotations"),
            "table" => {
                self.table.naming_column()?;
                Ok(Box::new(Table {
                    inputs,
                    options: self.table.clone(),
                }))
            }
            _ => match self.table.given() {
                Some(option) => not_for(option),
                None => Ok(Box::new(Iiif {
                    inputs,
                    no_annotations: self.no_annotations,
                })),
            },
        }
    }

    fn filter(&self) -> Filter {
        Filter {
            labels: self.label.clone(),
            conditions: self.conditions.clone(),
        }
    }

    fn rejects_file(&self) -> Option<PathBuf> {
        let beside =
            || (!files::is_dash(&self.output)).then(|| self.output.with_extension("rejects.csv"));
        self.rejects.clone().or_else(beside)
    }
}

/// Reads everything that leads from the inputs.
fn harvest(options: &Options, source: &dyn Source, filter: &Filter) -> Result<Harvest, Error> {
    let fetcher = Fetcher::new(
        &options.http,
        &options.inputs,
        options.cache.as_deref(),
        options.offline,
        source.expects(),
    )?;
    let work = Worklist::new(source, filter, options.limit);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|e| Error::new("the network client cannot be set up").because(e))?;
    let progress = progress(options.common.quiet);
    let outcome = runtime.block_on(async {
        let mut signals = Signals::hear();
        tokio::select! {
            done = read_all(work, &fetcher, options.jobs.into(), &progress) => done,
            signal = signals.next() => Err(stopped(signal, options.cache.as_deref())),
        }
    });
    progress.finish_and_clear();
    outcome
}

async fn read_all<'a>(
    mut work: Worklist<'a>,
    fetcher: &Fetcher,
    jobs: usize,
    progress: &ProgressBar,
) -> Result<Harvest, Error> {
    let mut flight = FuturesUnordered::new();
    loop {
        while flight.len() < jobs {
            let Some((number, request)) = work.take_next() else {
                break;
            };
            flight.push(async move { (number, fetcher.have(request).await) });
        }
        if work.is_done() {
            return Ok(work.finish());
        }
        if let Some((number, outcome)) = flight.next().await {
            work.had(number, outcome?)?;
        }
        progress.set_length(work.known());
        progress.set_position(work.read());
    }
}

fn progress(quiet: bool) -> ProgressBar {
    let target = if quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    let words = "{bar:30} {pos}/{len} documents, {per_sec}, {eta} left";
    // The template is a constant of this program: a fault in it shows in the first run.
    bar.with_style(ProgressStyle::with_template(words).expect("template is well formed"))
}

fn stopped(signal: &str, cache: Option<&Path>) -> Error {
    let error = Error::interrupted(format!("stopped by {signal}: nothing was written"));
    match cache {
        Some(cache) => error.hint(format!(
            "run the same command again: what was fetched is in {}",
            cache.display()
        )),
        None => error.hint("with --cache DIR the next run goes on where this one stopped"),
    }
}

/// Why there is not one image to write.
fn nothing(filter: &Filter, seen: &[Observation], report: &Report) -> Error {
    if !seen.is_empty() {
        let labels = filter::frequent_labels(seen, 10);
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, n)| format!("{label} ({n})"))
            .collect();
        let error = Error::new(format!(
            "none of {} images is kept: {}",
            seen.len(),
            filter.blame(seen)
        ));
        return match labels.is_empty() {
            true => error.hint("no image has a label: choose with --where"),
            false => error.hint(format!("the most frequent labels: {}", labels.join(", "))),
        };
    }
    let count = |kind: &str| report.counts.get(kind).copied().unwrap_or(0);
    let read = what_was_read(report);
    let error = match report.rejects.as_slice() {
        [] => Error::new(format!("no image in what was read: {read}")),
        [only] if only.field != "target" => {
            Error::new(format!("{}: {}", place(only), only.problem))
        }
        _ if count("canvases") + count("rows") == 0 && count("annotations") > 0 => {
            Error::new(format!("no image in what was read: {read}"))
                .hint("name the manifest that the annotations are about beside them")
        }
        many => Error::new(format!(
            "no image can be used: {read}, {} left out",
            many.len()
        )),
    };
    match advice(&report.rejects) {
        Some(advice) => error.hint(advice),
        None => error,
    }
}

fn what_was_read(report: &Report) -> String {
    const KINDS: [(&str, &str); 6] = [
        ("documents", "document"),
        ("collections", "collection"),
        ("manifests", "manifest"),
        ("canvases", "canvas"),
        ("annotations", "annotation"),
        ("rows", "row"),
    ];
    let read = KINDS.iter().filter_map(|(kind, one)| {
        let n = *report.counts.get(*kind).filter(|n| **n > 0)?;
        Some(format!("{n} {}", if n == 1 { one } else { kind }))
    });
    read.collect::<Vec<_>>().join(", ")
}

/// The document at fault: the one that could not be had, else the one that holds the fault.
fn place(reject: &Reject) -> &str {
    match reject.field.as_str() {
        "document" | "type" => &reject.input,
        _ => &reject.record,
    }
}

/// What helps against what went wrong, where something is known to.
fn advice(rejects: &[Reject]) -> Option<&'static str> {
    const ADVICE: [(&str, &str); 7] = [
        ("--offline", "without --offline, servers are asked"),
        (
            "not allowed (HTTP",
            "send what the server wants with --bearer TOKEN or --header 'NAME: VALUE'",
        ),
        (
            "cannot be reached",
            "check the address and the network; --rewrite FROM=TO asks a mirror instead",
        ),
        (
            "not there (HTTP",
            "open the address in a browser: what digest needs is the manifest or collection itself",
        ),
        ("ertificate", "--insecure accepts any certificate"),
        (
            "no such file",
            "a URL starts with http:// or https://; anything else is a file",
        ),
        (
            "an HTML page",
            "the address of a manifest is needed, not that of the page that shows it",
        ),
    ];
    let met = |sign: &str| rejects.iter().any(|r| r.problem.contains(sign));
    let advice = ADVICE.iter().find(|(sign, _)| met(sign));
    advice.map(|(_, advice)| *advice)
}
