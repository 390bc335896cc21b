//! `download`: localizations.json → images + image_map.json + failures.csv.
//!
//! [`names`] says where each image goes, [`fetch`] brings one there: a plain URL as it is, a service by
//! [`service`], which plans with [`cover`], keeps regions in a [`pack`] and joins them by [`stitch`]. The
//! [`journal`] remembers what is done, [`finished`] holds it; a second run asks only for what is missing.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::{self, StreamExt};

use crate::contracts::{Download, Failure, LocalizedImage};
use crate::error::Error;
use crate::files;
use crate::http::{self, Http, Kind, Trouble};
use crate::progress::{Parts, Progress, Standing, Style};
use crate::report::{Common, Stage};
use crate::signals::Signals;
use crate::summary::Summary;

pub mod access;
pub mod again;
pub mod check;
pub mod cover;
pub mod estimate;
pub mod fetch;
pub mod finished;
pub mod gather;
pub mod hosts;
pub mod join;
pub mod journal;
pub mod names;
mod outcome;
pub mod pack;
pub mod plan;
pub mod regions;
pub mod service;
pub mod sizes;
pub mod stitch;

use again::{Since, Sorted, Way};
use fetch::{Places, Wish};
use finished::{Finished, Slot};
use gather::Set;
use journal::Journal;
use outcome::{Outcome, Verified, account, account_for_unusable, publish, tidy};

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
    /// Check every finished file by its SHA-256 first; one that differs is moved to `.recto/altered` and fetched anew
    #[arg(long, conflicts_with = "overwrite")]
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
    /// Download only what boxes are around, each an image of its own, asked of the image service; FILE lists these
    /// images with their boxes, for recto-reformat in place of LOCALIZATIONS [default FILE: regions.json]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "regions.json")]
    pub regions: Option<PathBuf>,
    /// Pixels around each box, or a part of its sides such as 10%
    #[arg(long, value_name = "N|N%", default_value = "0", requires = "regions")]
    pub margin: regions::Margin,
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
    /// Options of every stage
    #[command(flatten)]
    pub common: Common,
    /// How to reach servers
    #[command(flatten)]
    pub http: http::Options,
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

/// Downloads the images of a `localizations.json`, and writes the image map and the failures.
///
/// # Errors
/// Why the stage could not finish, with the summary of what it had done by then.
pub fn download(options: &Options) -> Result<Summary, Error> {
    Error::with_summary(|summary| stage(options, summary))
}

impl Stage for Options {
    const NAME: &'static str = "download";

    fn common(&self) -> &Common {
        &self.common
    }

    fn ends_in_json(&self) -> bool {
        self.progress == Style::Json && !self.common.quiet
    }

    fn run(&self) -> Result<Summary, Error> {
        download(self)
    }
}

fn stage(options: &Options, summary: &mut Summary) -> Result<(), Error> {
    let folder = &options.output_dir;
    refuse_overwriting(options)?;
    let way = Way::new(options, folder);
    let places = Places {
        folder: options.output_dir.clone(),
        hidden: options.output_dir.join(".recto"),
    };
    if options.dry_run {
        let finished = Journal::peek(folder)?;
        let set = match options.regions {
            Some(_) => sizes::foreseen(options, &places, &finished, summary)?,
            None => gather::read(&options.localizations, options, &finished, folder)?,
        };
        let sorted = again::sort(&set, &finished, &way)?;
        estimate::print(&sorted, options, summary)?;
        account_for_unusable(summary, set.unusable);
        return Ok(());
    }
    let parts = match &options.regions {
        Some(file) => Some(sizes::cut(options, file, &places)?),
        None => None,
    };
    let source = options.regions.as_ref().unwrap_or(&options.localizations);
    let sizes::Parts {
        failures: uncut,
        unusable,
        net,
    } = parts.unwrap_or_default();
    // A set that cannot be read leaves no folder behind.
    let early = match Journal::is_in(folder) {
        true => None,
        false => Some(gather::read(source, options, &Finished::default(), folder)?),
    };
    let lists = [&options.image_map, &options.failures];
    for list in lists.into_iter().chain(&options.downloaded_images) {
        files::rehearse(list)?;
    }
    let (journal, mut finished) = Journal::open(&places.folder, &places.hidden)?;
    let wish = options.wish();
    let set = match early {
        Some(set) => set,
        None => gather::read(source, options, &finished, folder)?,
    };
    let mut sorted = again::sort(&set, &finished, &way)?;
    let left = std::mem::take(&mut sorted.left);
    let verified = Verified {
        whole: sorted.done.len(),
        differ: std::mem::take(&mut sorted.differ),
        gone: std::mem::take(&mut sorted.gone),
    };
    verified.set_aside(&places)?;
    let mut outcome = fetch_all(options, net, &places, &journal, &mut finished, &set, sorted)?;
    let asked = set.count() + uncut.len();
    outcome.failures.extend(left);
    outcome.failures.extend(uncut);
    let mut had = std::mem::take(&mut outcome.had);
    if options.overwrite || options.refresh {
        had.extend(again::kept_from_before(&set.images, &finished, &way, &had));
    }
    if options.verify {
        let paths: HashSet<&str> = had.iter().map(|slot| finished.path(*slot)).collect();
        summary.notes.extend(verified.words(&places, &paths));
    }
    had.sort_by(|&a, &b| finished.id(a).cmp(finished.id(b)));
    publish(options, &finished, &had, &outcome.failures)?;
    if outcome.stopped.is_none() {
        tidy(&places, &set.images, wish, &outcome.failures);
    }
    account(summary, options, asked, &finished, &had, &outcome);
    account_for_unusable(summary, set.unusable.into_iter().chain(unusable).collect());
    match outcome.stopped {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// No list takes the place of what is read, of the journal, or of another list.
fn refuse_overwriting(options: &Options) -> Result<(), Error> {
    let inputs = [
        options.localizations.clone(),
        options.output_dir.join(Journal::NAME),
    ];
    let outputs = [
        ("--regions", options.regions.as_deref()),
        ("--image-map", Some(options.image_map.as_path())),
        ("--failures", Some(options.failures.as_path())),
        ("--downloaded-images", options.downloaded_images.as_deref()),
        ("--report", options.common.report.as_deref()),
    ];
    files::refuse_overwriting(&inputs, &outputs)
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

/// What is under way when a run is to end gets so long to be done, and to let go: less than two seconds in all.
const GRACE: Duration = Duration::from_millis(800);
/// What it takes to ask servers.
struct Net {
    runtime: tokio::runtime::Runtime,
    http: Http,
    memory: hosts::Memory,
}

impl Net {
    /// The hosts are those of everything that will be asked for.
    fn new(options: &Options, hosts: &BTreeSet<String>, places: &Places) -> Result<Self, Error> {
        // Connections and files count alike; a shell's usual limit is for a few of them.
        files::most_open();
        // One thread for the network: answers wake nobody on another one. Work is done beside it.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let mut http = Http::new(&options.http, hosts)?;
        http.go_on(hosts::unsigned(&places.hidden));
        Ok(Net {
            runtime: runtime
                .map_err(|e| Error::new("the network runtime cannot be started").because(e))?,
            http,
            memory: hosts::Memory::open(places.hidden.join("caps.json")),
        })
    }
}

fn fetch_all(
    options: &Options,
    net: Option<Net>,
    places: &Places,
    journal: &Journal,
    finished: &mut Finished,
    set: &Set,
    sorted: Sorted<'_>,
) -> Result<Outcome, Error> {
    let Sorted {
        done, mut missing, ..
    } = sorted;
    if missing.is_empty() && !options.refresh {
        return Ok(Outcome {
            had: done,
            ..Outcome::default()
        });
    }
    let wish = options.wish();
    let net = match net {
        Some(net) => net,
        None => Net::new(options, &set.hosts, places)?,
    };
    let Net {
        runtime,
        http,
        memory,
    } = net;
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
        let mut signals = Signals::listen();
        let done = match options.refresh {
            true => {
                let (same, news) = refresh(&http, finished, done, &set.images, &mut missing).await;
                lock().notes.extend(news);
                same
            }
            false => done,
        };
        let parts = Parts::default();
        let (total, before) = ((missing.len() + done.len()) as u64, done.len() as u64);
        lock().had = done;
        let standing = || {
            let (regions, under_way) = parts.read();
            let (requests, bytes) = http.spent();
            let outcome = lock();
            Standing {
                total,
                before,
                finished: outcome.fetched,
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
        let is_over = AtomicBool::new(false);
        let work = stream::iter(missing).map(|image| {
            let (http, memory, parts, is_over) = (&http, &memory, &parts, &is_over);
            async move {
                match is_over.load(Ordering::Relaxed) {
                    true => None,
                    false => {
                        let ended = one(http, memory, places, wish, journal, image, parts).await;
                        Some((image, ended))
                    }
                }
            }
        });
        let mut work = work.buffer_unordered(options.jobs.into());
        let mut end = None;
        loop {
            let until = end.unwrap_or_else(tokio::time::Instant::now);
            let next = tokio::select! {
                biased;
                signal = signals.next(), if end.is_none() => {
                    lock().stopped = Some(Error::interrupted(format!("stopped by {signal}")).hint("run the same command again to go on"));
                    is_over.store(true, Ordering::Relaxed);
                    end = Some(tokio::time::Instant::now() + GRACE);
                    continue;
                }
                _ = ticks.tick() => {
                    progress.tick(http.elapsed(), &standing());
                    continue;
                }
                () = tokio::time::sleep_until(until), if end.is_some() => None,
                next = work.next() => next,
            };
            let Some(next) = next else { break };
            let Some((image, ended)) = next else { continue };
            progress.event(|| event_of(image, ended.as_ref().map(|(download, _)| download)));
            match ended {
                Ok((download, line)) => {
                    let held = options.refresh.then(|| finished.find(&download.id)).flatten();
                    let held = held.and_then(|slot| finished.whole(slot));
                    if held.is_some_and(|held| held.sha256 == download.sha256) {
                        lock().alike += 1;
                    }
                    let slot = finished.add(&download, line);
                    lock().take(download, slot);
                }
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
    runtime.shutdown_timeout(GRACE);
    let mut outcome = collected
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    outcome.hosts = http.tallies();
    outcome.notes.extend(http.overrides());
    hosts::keep_unsigned(&places.hidden, &http.unsigned());
    if outcome.alike > 0 {
        let news = format!(
            "--refresh: {} of those had anew are what they were, to the last byte",
            outcome.alike
        );
        outcome.notes.push(news);
    }
    Ok(outcome)
}

/// How often progress is looked at; less often told.
const TICK: std::time::Duration = std::time::Duration::from_millis(200);

/// An image that has ended, for `--progress json`.
fn event_of(image: &LocalizedImage, ended: Result<&Download, &Trouble>) -> serde_json::Value {
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
) -> Result<(Download, u64), Trouble> {
    let download = fetch::fetch(http, memory, places, wish, image, parts).await?;
    let download = Download {
        when: jiff::Timestamp::now().to_string(),
        ..download
    };
    let line = journal.append(&download).await.map_err(|e| Trouble {
        kind: Kind::Disk,
        status: None,
        attempts: 0,
        message: format!(
            "{}: cannot be written: {e}",
            places.folder.join(Journal::NAME).display()
        ),
    })?;
    Ok((download, line))
}

/// Asks for what has changed since; those images are missing then. Gives what is still as it was.
async fn refresh<'a>(
    http: &Http,
    finished: &Finished,
    done: Vec<Slot>,
    images: &'a [LocalizedImage],
    missing: &mut Vec<&'a LocalizedImage>,
) -> (Vec<Slot>, Vec<String>) {
    let ask = |slot| async move { (again::since(http, finished.whole(slot)).await, slot) };
    let in_flight = usize::from(http.options().per_host());
    let mut answers: Vec<(Since, Slot)> = stream::iter(done)
        .map(ask)
        .buffer_unordered(in_flight)
        .collect()
        .await;
    answers.sort_by(|(_, a), (_, b)| finished.id(*a).cmp(finished.id(*b)));
    let of = |kind: Since| -> Vec<&str> {
        let of_kind = answers.iter().filter(|(since, _)| *since == kind);
        of_kind.map(|(_, slot)| finished.id(*slot)).collect()
    };
    let [changed, gone, unknown] = [Since::Changed, Since::Gone, Since::Unknown].map(of);
    let mut news = vec![format!(
        "--refresh: {} as they were, {} changed, {} gone at the server and kept here, {} of which nothing tells; {} new",
        answers.len() - changed.len() - gone.len() - unknown.len(),
        changed.len(),
        gone.len(),
        unknown.len(),
        missing.len()
    )];
    for (ids, what) in [
        (&changed, "changed"),
        (&gone, "gone at the server"),
        (&unknown, "of which nothing tells"),
    ] {
        news.extend(list_of(ids).map(|ids| format!("--refresh: {what}: {ids}")));
    }
    let changed: HashSet<&str> = changed.into_iter().collect();
    missing.extend(images.iter().filter(|image| changed.contains(&*image.id)));
    let same = answers.iter().filter(|(since, _)| *since != Since::Changed);
    (same.map(|(_, slot)| *slot).collect(), news)
}

/// Some ids for people to read, and how many more there are.
fn list_of(ids: &[&str]) -> Option<String> {
    const TOLD: usize = 20;
    let told = ids[..ids.len().min(TOLD)].join(", ");
    match ids.len() {
        0 => None,
        1..=TOLD => Some(told),
        all => Some(format!("{told} and {} more", all - TOLD)),
    }
}

/// Where an image is asked for: its service, else its URL.
fn uri_of(image: &LocalizedImage) -> Option<&str> {
    let service = image.image.service.as_ref().map(|service| &*service.id);
    service.or(image.image.url.as_deref())
}

fn failure(image: &LocalizedImage, trouble: Trouble) -> Failure {
    Failure {
        id: image.id.clone(),
        url: uri_of(image).unwrap_or_default().to_owned(),
        path: names::stem(image),
        kind: trouble.kind.name().into(),
        status: trouble.status,
        attempts: trouble.attempts,
        message: trouble.message,
    }
}
