//! `download`: localizations.json → images + image_map.json + failures.csv.
//!
//! [`names`] says where each image goes, [`fetch`] brings one there: a plain URL as it is, a service by
//! [`service`], which plans with [`cover`], keeps regions in a [`pack`] and joins them by [`stitch`]. The
//! [`journal`] remembers what is done; a second run asks only for what is missing.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use crate::contracts::{self, Download, Failure, ImageMap, Localizations, LocalizedImage};
use crate::files;
use crate::http::{self, Http, Kind, Trouble};
use crate::progress::{Parts, Progress, Standing, Style};
use crate::report::{Common, Error, Reject, Report};
use crate::signals::Signals;
use futures::stream::{self, StreamExt};

pub mod access;
pub mod again;
pub mod check;
pub mod cover;
pub mod estimate;
pub mod fetch;
pub mod hosts;
pub mod join;
pub mod journal;
pub mod names;
pub mod pack;
pub mod plan;
pub mod regions;
pub mod service;
pub mod stitch;

use again::{Since, Sorted};
use fetch::{Places, Wish};
use journal::Journal;

/// Options of `recto-download`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// What to download, as `recto-extract` writes it (`-`: standard input)
    pub localizations: PathBuf,
    /// The folder for the images; made if it is missing
    pub output_dir: PathBuf,
    /// Images on their way at one time
    #[arg(short, long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
    /// Fetch everything anew; without it only what is missing
    #[arg(short, long)]
    pub overwrite: bool,
    /// Check every finished file by its SHA-256 first; one that differs is fetched anew
    #[arg(long)]
    pub verify: bool,
    /// Ask servers which finished files have changed, by ETag and date, and fetch those anew
    #[arg(long)]
    pub refresh: bool,
    /// Of what failed before, try only this kind again, such as server or timeout (repeatable)
    #[arg(long, value_name = "KIND", value_parser = kinds())]
    pub retry_failed: Vec<String>,
    /// Whether JPEG regions are joined without decoding them
    #[arg(long, value_enum, default_value_t = Lossless::Prefer)]
    pub lossless: Lossless,
    /// Regions that a service is asked for
    #[arg(long, value_enum, default_value_t = Tiles::Fewest)]
    pub tiles: Tiles,
    /// Make wider images this wide
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_width: Option<u32>,
    /// The file type
    #[arg(long, value_enum, default_value_t = fetch::Format::Keep)]
    pub format: fetch::Format,
    /// Write image id → path to FILE
    #[arg(long, value_name = "FILE", default_value = "image_map.json")]
    pub image_map: PathBuf,
    /// List what could not be had in FILE
    #[arg(long, value_name = "FILE", default_value = "failures.csv")]
    pub failures: PathBuf,
    /// Write the names of the images, one a line, to FILE (downloaded_images.txt of VGG's tool)
    #[arg(long, value_name = "FILE")]
    pub downloaded_images: Option<PathBuf>,
    /// Say how many requests, bytes and seconds this takes per host, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How progress is told on stderr
    #[arg(long, value_enum, value_name = "STYLE", default_value_t = Style::Auto)]
    pub progress: Style,
    /// How to reach servers
    #[command(flatten)]
    pub http: http::Options,
    /// Options of every stage
    #[command(flatten)]
    pub common: Common,
}

/// How an image is covered that is not given whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Tiles {
    /// The fewest that the server honours
    #[default]
    Fewest,
    /// The tiles that info.json lists: what caches and static servers have
    Canonical,
}

/// Whether regions are joined without loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Lossless {
    /// Where they go together; else they are decoded and encoded anew
    #[default]
    Prefer,
    /// Or the image is a failure
    Require,
    /// Never: they are decoded and encoded anew
    Off,
}

fn kinds() -> clap::builder::PossibleValuesParser {
    Kind::ALL.iter().map(|kind| kind.name()).into()
}

/// Runs the stage.
pub fn run(options: Options) -> ExitCode {
    options
        .common
        .conclude("download", |report| download(&options, report))
}

fn download(options: &Options, report: &mut Report) -> Result<(), Error> {
    report.as_json = options.progress == Style::Json && !options.common.quiet;
    let localizations: Localizations = contracts::read(&options.localizations)?;
    let unusable = localizations.rejects;
    let images = unique(localizations.images)?;
    let ended = fetch_and_account(options, images, report);
    // What is wrong with a list of m3-download is told however the run ended.
    report.read += unusable.len() as u64;
    let hint = (!unusable.is_empty()).then(|| HINT_UNUSABLE.to_owned());
    report.rejects.extend(unusable);
    report.hint = report.hint.take().or(hint);
    ended
}

const HINT_UNUSABLE: &str =
    "`recto-reformat` lists the records that cannot be used in its rejects.csv";

fn fetch_and_account(
    options: &Options,
    images: Vec<LocalizedImage>,
    report: &mut Report,
) -> Result<(), Error> {
    if options.dry_run {
        let wish = options.wish();
        let finished = Journal::peek(&options.output_dir)?;
        let sorted = again::sort(&images, &finished, &options.output_dir, wish, options)?;
        return estimate::print(&sorted, options, report);
    }
    let places = Places {
        folder: options.output_dir.clone(),
        hidden: options.output_dir.join(".recto"),
    };
    let lists = [&options.image_map, &options.failures];
    for list in lists.into_iter().chain(&options.downloaded_images) {
        files::rehearse(list)?;
    }
    let journal = Journal::open(&places.folder, &places.hidden)?;
    let wish = options.wish();
    let sorted = again::sort(&images, journal.finished(), &places.folder, wish, options)?;
    let (differ, left) = (sorted.differ.clone(), sorted.left.clone());
    let mut outcome = fetch_all(options, &places, wish, &journal, &images, sorted)?;
    outcome.failures.extend(left);
    let mut downloads: Vec<Download> = outcome
        .done
        .drain(..)
        .chain(outcome.downloads.iter().cloned())
        .collect();
    if options.overwrite || options.refresh {
        downloads.extend(again::kept_from_before(
            &images, &journal, &places, wish, &downloads,
        ));
    }
    if options.verify {
        report.notes.push(verified(&downloads, &differ));
    }
    downloads.sort_by(|a, b| a.id.cmp(&b.id));
    publish(options, &downloads, &outcome.failures)?;
    account(report, options, &images, &downloads, &outcome);
    match outcome.stopped {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

impl Options {
    fn wish(&self) -> Wish {
        Wish {
            anew: self.overwrite,
            format: self.format,
            max_width: self.max_width,
            tiles: self.tiles,
            lossless: self.lossless,
        }
    }
}

/// Ids are unique by contract; a file that breaks it would lose an image.
fn unique(images: Vec<LocalizedImage>) -> Result<Vec<LocalizedImage>, Error> {
    let mut seen = HashSet::new();
    match images.iter().find(|image| !seen.insert(&image.id)) {
        Some(twice) => Err(Error::new(format!("image id `{}` stands twice", twice.id))
            .hint("write the file again with recto-extract")),
        None => Ok(images),
    }
}

#[derive(Default)]
struct Outcome {
    /// From earlier runs.
    done: Vec<Download>,
    downloads: Vec<Download>,
    failures: Vec<Failure>,
    hosts: Vec<(String, http::Tally)>,
    notes: Vec<String>,
    stopped: Option<Error>,
}

fn fetch_all(
    options: &Options,
    places: &Places,
    wish: Wish,
    journal: &Journal,
    images: &[LocalizedImage],
    sorted: Sorted<'_>,
) -> Result<Outcome, Error> {
    let Sorted {
        done, mut missing, ..
    } = sorted;
    if missing.is_empty() && !options.refresh {
        return Ok(Outcome {
            done,
            ..Outcome::default()
        });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|e| Error::new("the network runtime cannot be started").because(e))?;
    let places_of = images.iter().flat_map(|image| {
        let service = image.image.service.as_ref().map(|service| &*service.id);
        service.or(image.image.url.as_deref())
    });
    let http = Http::new(&options.http, &options.http.hosts(places_of))?;
    let collected = Mutex::new(Outcome {
        notes: http.warnings().to_vec(),
        ..Outcome::default()
    });
    let lock = || {
        collected
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    };
    runtime.block_on(async {
        let mut signals = Signals::hear();
        let done = match options.refresh {
            true => {
                let (same, news) = refresh(&http, done, images, &mut missing).await;
                lock().notes.push(news);
                same
            }
            false => done,
        };
        let parts = Parts::default();
        let (total, before) = ((missing.len() + done.len()) as u64, done.len() as u64);
        lock().done = done;
        let standing = || {
            let (regions, under_way) = parts.read();
            let (requests, bytes) = http.spent();
            let outcome = lock();
            Standing {
                total,
                before,
                finished: outcome.downloads.len() as u64,
                failed: outcome.failures.len() as u64,
                under_way,
                regions,
                requests,
                bytes,
                waiting: http.waiting(),
            }
        };
        let (style, quiet) = (options.progress, options.common.quiet);
        let mut progress = Progress::start(style, quiet, "download", "images", &standing());
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let memory = hosts::Memory::open(places.hidden.join("caps.json"));
        let work = stream::iter(missing).map(|image| {
            let (http, memory, parts) = (&http, &memory, &parts);
            async move { (image, one(http, memory, places, wish, journal, image, parts).await) }
        });
        let mut work = work.buffer_unordered(options.jobs.into());
        loop {
            let next = tokio::select! {
                biased;
                signal = signals.next() => {
                    lock().stopped = Some(Error::interrupted(format!("stopped by {signal}")).hint("run the same command again to go on"));
                    None
                }
                _ = ticks.tick() => {
                    progress.tick(http.elapsed(), &standing());
                    continue;
                }
                next = work.next() => next,
            };
            let Some((image, ended)) = next else { break };
            progress.event(|| event_of(image, &ended));
            match ended {
                Ok(download) => lock().downloads.push(download),
                Err(trouble) if trouble.kind == Kind::Disk => {
                    lock().stopped = Some(Error::new(trouble.message).hint("mend that and run the same command again: what is there is kept"));
                    break;
                }
                Err(trouble) => lock().failures.push(failure(image, trouble)),
            }
        }
        progress.end(http.elapsed(), &standing());
    });
    // Work in blocking threads ends by itself; none of it publishes anything after this.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    let mut outcome = collected
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    outcome.hosts = http.tallies();
    Ok(outcome)
}

/// How often progress is looked at; less often told.
const TICK: std::time::Duration = std::time::Duration::from_millis(200);

/// An image that has ended, for `--progress json`.
fn event_of(image: &LocalizedImage, ended: &Result<Download, Trouble>) -> serde_json::Value {
    match ended {
        Ok(d) => serde_json::json!({
            "event": "image", "id": d.id, "outcome": "finished", "path": d.path, "bytes": d.bytes,
            "width": d.width, "height": d.height, "method": d.method, "attempts": d.attempts,
        }),
        Err(trouble) => serde_json::json!({
            "event": "image", "id": image.id, "outcome": "failed", "kind": trouble.kind.name(),
            "status": trouble.status, "message": trouble.message, "attempts": trouble.attempts,
        }),
    }
}

async fn one(
    http: &Http,
    memory: &hosts::Memory,
    places: &Places,
    wish: Wish,
    journal: &Journal,
    image: &LocalizedImage,
    parts: &Parts,
) -> Result<Download, Trouble> {
    let download = fetch::fetch(http, memory, places, wish, image, parts).await?;
    let download = Download {
        when: jiff::Timestamp::now().to_string(),
        ..download
    };
    tokio::task::block_in_place(|| journal.append(&download)).map_err(|e| Trouble {
        kind: Kind::Disk,
        status: None,
        attempts: 0,
        message: format!(
            "{}: cannot be written: {e}",
            places.folder.join(Journal::NAME).display()
        ),
    })?;
    Ok(download)
}

/// Asks for what has changed since; those images are missing then. Gives what is still as it was.
async fn refresh<'a>(
    http: &Http,
    done: Vec<Download>,
    images: &'a [LocalizedImage],
    missing: &mut Vec<&'a LocalizedImage>,
) -> (Vec<Download>, String) {
    let ask = |entry: Download| async move { (again::since(http, &entry).await, entry) };
    let in_flight = usize::from(http.options().per_host());
    let answers = stream::iter(done).map(ask).buffer_unordered(in_flight);
    let (mut same, mut counts) = (Vec::new(), [0u64; 4]);
    let (mut changed, mut answers) = (HashSet::new(), std::pin::pin!(answers));
    while let Some((since, entry)) = answers.next().await {
        counts[since as usize] += 1;
        match since {
            Since::Changed => drop(changed.insert(entry.id)),
            _ => same.push(entry),
        }
    }
    let news = format!(
        "--refresh: {} as they were, {} changed, {} gone at the server and kept here, {} of which nothing tells; {} new",
        counts[0],
        counts[1],
        counts[2],
        counts[3],
        missing.len()
    );
    missing.extend(images.iter().filter(|image| changed.contains(&image.id)));
    (same, news)
}

fn verified(downloads: &[Download], differ: &[String]) -> String {
    match differ {
        [] => format!(
            "--verify: {} files are as they were written",
            downloads.len()
        ),
        [first, ..] => format!(
            "--verify: {} files were not as they were written and were fetched anew, first: {first}",
            differ.len()
        ),
    }
}

/// How it went with a host, and why it was not faster.
fn words_of(host: &str, tally: &http::Tally) -> String {
    let ms = |share| match tally.percentile(share) {
        Some(latency) => format!("{:.0} ms", latency.as_secs_f64() * 1000.0),
        None => "none".into(),
    };
    let waits = [
        (tally.waited, "for its pace and a place"),
        (
            tally.quiet,
            "because it asked for quiet or was under strain",
        ),
    ];
    let waits = waits.iter().filter(|(time, _)| time.as_secs() > 0);
    let waits: String = waits
        .map(|(time, why)| format!(", requests waited {} s in all {why}", time.as_secs()))
        .collect();
    format!(
        "{host}: {} requests, {} of them again, {}, answers within {} (p50) and {} (p99){waits}",
        tally.requests,
        tally.retries,
        indicatif::HumanBytes(tally.bytes),
        ms(0.5),
        ms(0.99)
    )
}

fn failure(image: &LocalizedImage, trouble: Trouble) -> Failure {
    let service = image
        .image
        .service
        .as_ref()
        .map(|service| service.id.clone());
    Failure {
        id: image.id.clone(),
        url: service
            .or_else(|| image.image.url.clone())
            .unwrap_or_default(),
        path: names::stem(image),
        kind: trouble.kind.name().into(),
        status: trouble.status,
        attempts: trouble.attempts,
        message: trouble.message,
    }
}

fn publish(options: &Options, downloads: &[Download], failures: &[Failure]) -> Result<(), Error> {
    let prefix = relative(&options.output_dir, files::folder_of(&options.image_map))?;
    let map: ImageMap = downloads
        .iter()
        .map(|d| (d.id.clone(), format!("{prefix}{}", d.path)))
        .collect();
    files::write_json(&options.image_map, &map)?;
    let mut failures: Vec<&Failure> = failures.iter().collect();
    failures.sort();
    files::write_csv(&options.failures, &Failure::HEADER, failures)?;
    if let Some(list) = &options.downloaded_images {
        let names: BTreeMap<&str, ()> = downloads.iter().map(|d| (d.path.as_str(), ())).collect();
        let text: String = names.keys().map(|name| format!("{name}\n")).collect();
        files::write(list, text.as_bytes())?;
    }
    Ok(())
}

/// The way from one folder to another as a prefix for paths: `../images/`, or nothing.
fn relative(to: &Path, from: &Path) -> Result<String, Error> {
    let absolute = |path: &Path| {
        std::fs::create_dir_all(path)
            .and_then(|()| path.canonicalize())
            .map_err(|e| files::cannot_write(path, e))
    };
    let (to, from) = (absolute(to)?, absolute(from)?);
    let shared = to
        .components()
        .zip(from.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.components().skip(shared).map(|_| "..".to_owned());
    let down = to
        .components()
        .skip(shared)
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    Ok(up.chain(down).map(|part| part + "/").collect())
}

fn account(
    report: &mut Report,
    options: &Options,
    images: &[LocalizedImage],
    downloads: &[Download],
    outcome: &Outcome,
) {
    report.read = if outcome.stopped.is_some() {
        (downloads.len() + outcome.failures.len()) as u64
    } else {
        images.len() as u64
    };
    report.kept = report.read - outcome.failures.len() as u64;
    report.rejects = outcome
        .failures
        .iter()
        .map(|f| {
            let status = f.status.map(|s| format!(", HTTP {s}")).unwrap_or_default();
            Reject::new(
                &f.url,
                &f.id,
                "image",
                format!("{}: {}{status}, {} requests", f.kind, f.message, f.attempts),
            )
        })
        .collect();
    report.count("images", downloads.len() as u64);
    report.count("bytes", downloads.iter().map(|d| d.bytes).sum());
    report.count("fetched", outcome.downloads.len() as u64);
    for download in &outcome.downloads {
        report.count(&format!("method_{}", download.method), 1);
    }
    report.notes.extend(outcome.notes.iter().cloned());
    for (host, tally) in &outcome.hosts {
        report.count("requests", tally.requests);
        report.notes.push(words_of(host, tally));
    }
    let adjusted = outcome.downloads.iter().flat_map(|d| {
        d.notes
            .iter()
            .map(move |note| format!("{}: {note}", d.path))
    });
    report.notes.extend(adjusted.take(5));
    let before = downloads.len() - outcome.downloads.len();
    let before = if before > 0 {
        format!(", {before} of them from before")
    } else {
        String::new()
    };
    report.done = format!(
        "{} of {} images in {}{before}",
        downloads.len(),
        images.len(),
        options.output_dir.display()
    );
    report.hint = (!outcome.failures.is_empty()).then(|| {
        let distrusted = outcome
            .failures
            .iter()
            .any(|failure| failure.kind == Kind::Certificate.name());
        format!(
            "{} lists what is missing; run the same command again to try only that{}",
            options.failures.display(),
            if distrusted {
                "; --insecure accepts any certificate"
            } else {
                ""
            }
        )
    });
}
