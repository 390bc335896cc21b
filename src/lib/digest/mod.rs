//! `digest`: a source's documents → digest.json, with everything later stages need, so that they need no network.
//!
//! Core: a worklist over [`Source`] answers, a join of annotations with images, filters. Shell: fetch, cache,
//! write. What is written never depends on the order in which answers arrive.

mod cache;
mod fetch;
pub mod filter;
mod join;
mod reviews;
mod taxonomy;
mod worklist;

use std::path::{Path, PathBuf};

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::conditions::Condition;
use crate::contracts::{Asked, Digest, Observation, Region};
use crate::corrections;
use crate::error::Error;
use crate::files::SafeName;
use crate::progress::{Progress, Reporter, Style};
use crate::report::{self, Common, Stage};
use crate::signals::Signals;
use crate::sources::fathomnet::{self, FathomNet};
use crate::sources::iiif::Iiif;
use crate::sources::m3::{self, M3, config};
use crate::sources::table::{self, Table};
use crate::sources::{self, Source};
use crate::summary::{Reject, Summary};
use crate::{files, http};
use fetch::Fetcher;
use filter::Filter;
use worklist::{Harvest, Worklist};

/// What to read, which images to keep, and where to write.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Where the images are described
    #[arg(value_name = "SOURCE", value_parser = clap::builder::PossibleValuesParser::new(sources::ALL))]
    pub source: String,
    /// Documents to start from: URLs, files, or - for standard input; for m3 and fathomnet, concepts
    #[arg(value_name = "URL|FILE|CONCEPT", required_unless_present = "concept")]
    pub inputs: Vec<String>,
    /// Write the digest to FILE (- for standard output) [default for m3 and fathomnet: CONCEPT_digest.json, with
    /// --descendants CONCEPT_desc_digest.json]
    #[arg(short, long, value_name = "FILE", required_if_eq_any([("source", "iiif"), ("source", "table")]))]
    pub output: Option<PathBuf>,
    /// Keep images whose own, canvas or manifest label matches, in upper or lower case (repeatable: any)
    #[arg(long, value_name = "REGEX", value_parser = filter::label)]
    pub label: Vec<regex::Regex>,
    /// Keep images by metadata, or by label, manifest, canvas, group, rights, id, url, service; keep boxes by
    /// box.width, box.height, box.x, box.y, box.concept, box.id and box.ATTRIBUTE. KEY=VALUE, KEY!=VALUE, KEY~REGEX, or KEY with <, <=, >, >= and a
    /// number or a date: depth_meters>=500, recorded_timestamp<2020 (repeatable: all)
    #[arg(long = "where", value_name = "KEY=VALUE", value_parser = Condition::parse)]
    pub conditions: Vec<Condition>,
    /// Carry the corrections of a file that `recto-serve --review` wrote, as far as they are of images kept; extract
    /// makes them (repeatable: one file after the other)
    #[arg(long, value_name = "FILE")]
    pub review: Vec<PathBuf>,
    /// Keep the first N images only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Keep fetched documents in DIR, and ask servers only for what has changed
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Ask no server: only files and the cache
    #[arg(long)]
    pub offline: bool,
    /// Documents read at the same time [default: 8; 16 for m3]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// How progress is told on stderr
    #[arg(long, value_enum, value_name = "STYLE", default_value_t = Style::Auto)]
    pub progress: Style,
    /// List what was left out in FILE [default: the output's name with .rejects.csv; none with -o -]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Do not fetch annotations that documents only refer to (iiif)
    #[arg(long)]
    pub no_annotations: bool,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub common: Common,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub table: table::Options,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub concepts: sources::Concepts,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub m3: m3::Options,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub fathomnet: fathomnet::Options,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub http: http::Options,
}

/// Reads a source and writes `digest.json` and its rejects.
///
/// # Errors
/// Why the stage could not finish, with the summary of what it had done by then.
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
    let source = options.source()?;
    refuse_overwriting(options)?;
    files::rehearse(&options.output())?;
    options
        .rejects_file()
        .as_deref()
        .map_or(Ok(()), files::rehearse)?;
    let filter = options.filter();
    // Before hours of harvesting, not after them.
    let (corrections, unusable) = corrections::of_files(&options.review)?;
    let harvest = harvest(options, &*source, &filter)?;
    summary.notes.extend(harvest.notes);
    let counts: Vec<(String, u64)> = harvest
        .counts
        .iter()
        .map(|(k, n)| ((*k).to_owned(), *n))
        .collect();
    summary.counts.extend(counts);
    summary.counts.insert("documents".into(), harvest.documents);
    let join = join::join(harvest.observations, harvest.annotations, &harvest.names);
    let folded = [
        (harvest.duplicates, "images listed again on their canvas"),
        (join.folded, "annotations met again"),
    ];
    for (n, what) in folded.iter().filter(|(n, _)| *n > 0) {
        summary.notes.push(format!("{n} {what}: folded"));
    }
    summary.count("duplicates", harvest.duplicates + join.folded);
    summary.rejects = harvest.rejects;
    summary.rejects.extend(join.rejects);
    let selected = select(join.observations, &filter, options.limit);
    let (reviews, unplaced) = reviews::of_kept(&corrections, &selected, summary);
    summary.rejects.extend(unusable.into_iter().chain(unplaced));
    summary.rejects.sort();
    summary.filtered = selected.set_aside.len() as u64;
    summary.kept = selected.kept.len() as u64;
    summary.read = summary.kept + summary.rejects.len() as u64;
    account_for_boxes(&selected, &filter, summary);
    if selected.kept.is_empty() {
        publish_rejects(options.rejects.as_deref(), summary)?;
        let error = nothing(&filter, &selected.set_aside, summary);
        return Err(match source.hint(&summary.rejects) {
            Some(hint) => error.hint(hint),
            None => error,
        });
    }
    let taxonomy = taxonomy::taxonomy(&selected.kept, &harvest.taxa);
    let digest = Digest {
        taxonomy,
        reviews,
        ..Digest::new(asked(options, &filter), selected.kept)
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

/// Where a source counts boxes, what became of them: boxes = boxes_kept + boxes_filtered + boxes_rejected.
fn account_for_boxes(selected: &Selected, filter: &Filter, summary: &mut Summary) {
    let kept = selected.kept.iter().map(boxes).sum();
    if summary.counts.contains_key("boxes") {
        summary.counts.insert("boxes_kept".into(), kept);
        summary.count("boxes_filtered", selected.boxes_filtered);
    }
    if filter.is_about_boxes() {
        summary.notes.push(format!(
            "{} boxes set aside by --where",
            selected.boxes_filtered
        ));
    }
}

/// What was asked, so that the digest can be made again.
fn asked(options: &Options, filter: &Filter) -> Asked {
    let mut filters = options.concepts.texts();
    filters.extend(filter.texts());
    filters.extend(options.limit.map(|n| format!("--limit {n}")));
    Asked {
        kind: options.source.clone(),
        inputs: options.inputs(),
        filters,
    }
}

/// Writes the rejects, then the digest.
fn publish(options: &Options, digest: &Digest, summary: &mut Summary) -> Result<(), Error> {
    let rejects = options.rejects_file();
    publish_rejects(rejects.as_deref(), summary)?;
    let output = options.output();
    files::write_json(&output, digest)?;
    let place = match files::is_dash(&output) {
        true => "standard output".into(),
        false => output.display().to_string(),
    };
    summary.done = format!("{} observations in {place}", summary.kept);
    if let (Some(file), false) = (rejects, summary.rejects.is_empty()) {
        summary.hint = Some(format!(
            "{} lists everything that was left out",
            file.display()
        ));
    }
    Ok(())
}

fn publish_rejects(file: Option<&Path>, summary: &Summary) -> Result<(), Error> {
    file.map_or(Ok(()), |file| report::write_rejects(file, &summary.rejects))
}

/// What the user wants of what was seen, and the rest.
struct Selected {
    kept: Vec<Observation>,
    set_aside: Vec<Observation>,
    /// Boxes set aside, alone or with their image.
    boxes_filtered: u64,
}

/// An image that had boxes and of which none is wanted is not wanted either: to a detector it would say that
/// there is nothing on it.
fn select(seen: Vec<Observation>, filter: &Filter, limit: Option<u64>) -> Selected {
    let wants = |o: &Observation| {
        let mut boxes = o.annotations.iter();
        filter.wants(o) && (boxes.len() == 0 || boxes.any(|b| filter.wants_box(o, b)))
    };
    let (mut kept, mut set_aside): (Vec<_>, Vec<_>) = seen.into_iter().partition(wants);
    let most = limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    set_aside.extend(kept.drain(most.min(kept.len())..));
    let mut boxes_filtered: u64 = set_aside.iter().map(boxes).sum();
    for observation in &mut kept {
        boxes_filtered += boxes(observation);
        let mut all = std::mem::take(&mut observation.annotations);
        all.retain(|b| filter.wants_box(observation, b));
        observation.annotations = all;
        boxes_filtered -= boxes(observation);
    }
    Selected {
        kept,
        set_aside,
        boxes_filtered,
    }
}

/// How many annotations are of parts of an image; those of the whole are no boxes.
fn boxes(observation: &Observation) -> u64 {
    let is_part = |r: &Region| r.fragment.is_some() || r.svg.is_some() || r.point.is_some();
    let boxes = observation.annotations.iter();
    boxes.filter(|a| a.regions.iter().any(is_part)).count() as u64
}

impl Options {
    fn source(&self) -> Result<Box<dyn Source>, Error> {
        if let Some(option) = self.foreign() {
            let other = format!("{option} is no option of the source {}", self.source);
            return Err(
                Error::usage(other).hint("recto-digest --help lists the options of each source")
            );
        }
        let inputs = self.inputs();
        Ok(match self.source.as_str() {
            "table" => {
                self.table.naming_column()?;
                Box::new(Table {
                    inputs,
                    options: self.table.clone(),
                })
            }
            "m3" => Box::new(M3::new(
                inputs,
                self.concepts.clone(),
                self.services()?,
                self.m3.clone(),
            )?),
            "fathomnet" => Box::new(FathomNet {
                concepts: inputs,
                asked: self.concepts.clone(),
                options: self.fathomnet.clone(),
            }),
            _ => Box::new(Iiif {
                inputs,
                no_annotations: self.no_annotations,
            }),
        })
    }

    /// The first option given that is another source's.
    fn foreign(&self) -> Option<&'static str> {
        let options = [
            (&["table"][..], self.table.given()),
            (&["iiif"], self.no_annotations.then_some("--no-annotations")),
            (&["m3", "fathomnet"], self.concepts.given()),
            (&["m3"], self.m3.given()),
            (&["fathomnet"], self.fathomnet.given()),
        ];
        let of_others = options
            .into_iter()
            .filter(|(of, _)| !of.contains(&self.source.as_str()));
        of_others.into_iter().find_map(|(_, given)| given)
    }

    /// The addresses of the services of m3: of the command line, else of the configuration.
    fn services(&self) -> Result<config::Services, Error> {
        let named = self.m3.config.clone();
        let usual = || {
            let usual = PathBuf::from(config::USUAL);
            (self.m3.anno.is_none() && files::is_there(&usual)).then_some(usual)
        };
        let file = match named.or_else(usual) {
            None => None,
            Some(path) => Some((path.display().to_string(), files::read(&path)?)),
        };
        config::services(file, &self.m3)
    }

    /// What the source starts from, wherever on the command line it stands.
    fn inputs(&self) -> Vec<String> {
        let given = self.inputs.iter().chain(&self.concepts.concept);
        given.cloned().collect()
    }

    fn output(&self) -> PathBuf {
        let usual = || self.usual_output();
        self.output.clone().unwrap_or_else(usual)
    }

    /// What digests of concepts are called: `Nanomia_bijuga_digest.json`, `Nanomia_desc_digest.json`.
    fn usual_output(&self) -> PathBuf {
        let concepts = self.inputs().join("_");
        let stem = match concepts.len() <= SafeName::MOST {
            true => SafeName::readable(&concepts),
            false => SafeName::unique(&concepts),
        };
        let below = if self.concepts.descendants {
            "_desc"
        } else {
            ""
        };
        format!("{}{below}_digest.json", stem.as_str()).into()
    }

    /// Servers of the user's own house are asked at full pace.
    fn http(&self) -> http::Options {
        match self.source.as_str() {
            "m3" => self.http.for_own_servers(),
            _ => self.http.clone(),
        }
    }

    fn jobs(&self) -> usize {
        let usual = if self.source == "m3" { 16 } else { 8 };
        self.jobs.unwrap_or(usual).into()
    }

    fn filter(&self) -> Filter {
        Filter {
            labels: self.label.clone(),
            conditions: self.conditions.clone(),
        }
    }

    fn rejects_file(&self) -> Option<PathBuf> {
        let output = self.output();
        let beside = || (!files::is_dash(&output)).then(|| output.with_extension("rejects.csv"));
        self.rejects.clone().or_else(beside)
    }
}

/// Reads everything that leads from the inputs.
fn harvest(options: &Options, source: &dyn Source, filter: &Filter) -> Result<Harvest, Error> {
    let first = source.first().into_iter();
    let named: Vec<String> = first.map(|request| request.location).collect();
    let fetcher = Fetcher::new(
        &options.http(),
        &named,
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
    let (style, quiet) = (options.progress, options.common.quiet);
    let mut progress = Reporter::start(style, quiet, "digest", "documents", &Progress::default());
    let outcome = runtime.block_on(async {
        let mut signals = Signals::hear();
        tokio::select! {
            done = read_all(work, &fetcher, options.jobs(), &mut progress) => done,
            signal = signals.next() => Err(stopped(signal, options.cache.as_deref())),
        }
    });
    outcome.map(|mut harvest| {
        harvest.notes.extend(fetcher.warnings());
        harvest
    })
}

async fn read_all<'a>(
    mut work: Worklist<'a>,
    fetcher: &Fetcher,
    jobs: usize,
    progress: &mut Reporter,
) -> Result<Harvest, Error> {
    let mut flight = FuturesUnordered::new();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        while flight.len() < jobs {
            let Some((number, request)) = work.take_next() else {
                break;
            };
            flight.push(async move { (number, fetcher.have(request).await) });
        }
        let standing = |work: &Worklist| fetcher.standing(work.known(), work.read());
        if work.is_done() {
            let (now, at) = standing(&work);
            progress.end(now, &at);
            return Ok(work.finish());
        }
        tokio::select! {
            biased;
            _ = ticks.tick() => {
                let (now, at) = standing(&work);
                progress.tick(now, &at);
            }
            Some((number, outcome)) = flight.next() => work.had(number, outcome?)?,
        }
    }
}

/// How often progress is looked at; less often told.
const TICK: std::time::Duration = std::time::Duration::from_millis(200);

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
fn nothing(filter: &Filter, seen: &[Observation], summary: &Summary) -> Error {
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
    let count = |kind: &str| summary.counts.get(kind).copied().unwrap_or(0);
    let read = what_was_read(summary);
    let error = match summary.rejects.as_slice() {
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
    let is_unboxed = count("observations") > 0 && count("boxes") == 0;
    let unboxed = is_unboxed.then_some("none of them has a box; --unboxed keeps pictures without");
    match advice(&summary.rejects).or(unboxed) {
        Some(advice) => error.hint(advice),
        None => error,
    }
}

fn what_was_read(summary: &Summary) -> String {
    const KINDS: [(&str, &str); 9] = [
        ("documents", "document"),
        ("collections", "collection"),
        ("manifests", "manifest"),
        ("canvases", "canvas"),
        ("annotations", "annotation"),
        ("rows", "row"),
        ("observations", "observation"),
        ("moments", "moment"),
        ("boxes", "box"),
    ];
    let read = KINDS.iter().filter_map(|(kind, one)| {
        let n = *summary.counts.get(*kind).filter(|n| **n > 0)?;
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
