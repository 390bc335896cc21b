//! `download`: localizations.json → images + image_map.json + failures.csv.
//!
//! [`names`] says where each image goes, [`fetch`] brings one there: a plain URL as it is, a service by
//! [`service`], which plans with [`cover`], keeps regions in a [`pack`] and joins them by [`stitch`]. The
//! [`journal`] remembers what is done; a second run asks only for what is missing.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use futures::stream::{self, StreamExt};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::contracts::{self, Download, Failure, ImageMap, Localizations, LocalizedImage};
use crate::files;
use crate::http::{self, Http, Kind, Trouble};
use crate::report::{Common, Error, Reject, Report};
use crate::signals::Signals;

pub mod check;
pub mod cover;
pub mod estimate;
pub mod fetch;
pub mod hosts;
pub mod journal;
pub mod names;
pub mod pack;
pub mod plan;
pub mod service;
pub mod stitch;

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
    /// Make wider images this wide
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_width: Option<u32>,
    /// The file type
    #[arg(long, value_enum, default_value_t = fetch::Format::Keep)]
    pub format: fetch::Format,
    /// Where to write image id → path
    #[arg(long, value_name = "FILE", default_value = "image_map.json")]
    pub image_map: PathBuf,
    /// Where to list what could not be had
    #[arg(long, value_name = "FILE", default_value = "failures.csv")]
    pub failures: PathBuf,
    /// Write the names of the images, one a line, to FILE (downloaded_images.txt of VGG's tool)
    #[arg(long, value_name = "FILE")]
    pub downloaded_images: Option<PathBuf>,
    /// Say how many requests, bytes and seconds this takes per host, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How to reach servers
    #[command(flatten)]
    pub http: http::Options,
    /// Options of every stage
    #[command(flatten)]
    pub common: Common,
}

/// Runs the stage.
pub fn run(options: Options) -> ExitCode {
    options
        .common
        .conclude("download", |report| download(&options, report))
}

fn download(options: &Options, report: &mut Report) -> Result<(), Error> {
    let localizations: Localizations = contracts::read(&options.localizations)?;
    let images = unique(localizations.images)?;
    if options.dry_run {
        return estimate::print(&images, options, report);
    }
    let places = Places {
        folder: options.output_dir.clone(),
        hidden: options.output_dir.join(".recto"),
    };
    let journal = Journal::open(&places.folder, &places.hidden)?;
    let wish = Wish {
        anew: options.overwrite,
        format: options.format,
        max_width: options.max_width,
    };
    let (done, missing) = sort_out(&images, &journal, &places, wish, options.overwrite);
    let outcome = fetch_all(options, &places, wish, &journal, missing, done.len())?;
    let mut downloads: Vec<Download> = done
        .into_iter()
        .chain(outcome.downloads.iter().cloned())
        .collect();
    if options.overwrite {
        downloads.extend(kept_from_before(
            &images, &journal, &places, wish, &downloads,
        ));
    }
    downloads.sort_by(|a, b| a.id.cmp(&b.id));
    publish(options, &downloads, &outcome.failures)?;
    account(report, options, &images, &downloads, &outcome);
    match outcome.stopped {
        Some(error) => Err(error),
        None => Ok(()),
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

/// What earlier runs finished and is still there, and what is to be had.
fn sort_out<'a>(
    images: &'a [LocalizedImage],
    journal: &Journal,
    places: &Places,
    wish: Wish,
    overwrite: bool,
) -> (Vec<Download>, Vec<&'a LocalizedImage>) {
    let (mut done, mut missing) = (Vec::new(), Vec::new());
    for image in images {
        let entry = journal
            .finished()
            .get(&image.id)
            .filter(|entry| !overwrite && entry.asked == fetch::asked(image, wish));
        match entry.filter(|entry| is_there(entry, &places.folder)) {
            Some(entry) => done.push(entry.clone()),
            None => missing.push(image),
        }
    }
    (done, missing)
}

/// With --overwrite, what could not be fetched anew and is still there from before: it stays in the map.
fn kept_from_before(
    images: &[LocalizedImage],
    journal: &Journal,
    places: &Places,
    wish: Wish,
    downloads: &[Download],
) -> Vec<Download> {
    let anew: HashSet<&str> = downloads.iter().map(|d| d.id.as_str()).collect();
    let (before, _) = sort_out(images, journal, places, wish, false);
    before
        .into_iter()
        .filter(|d| !anew.contains(d.id.as_str()))
        .collect()
}

/// Whether the file of an entry exists with its size. Its hash was taken before it got its name.
fn is_there(entry: &Download, folder: &Path) -> bool {
    std::fs::metadata(folder.join(&entry.path)).is_ok_and(|file| file.len() == entry.bytes)
}

#[derive(Default)]
struct Outcome {
    downloads: Vec<Download>,
    failures: Vec<Failure>,
    hosts: Vec<(String, http::Tally)>,
    stopped: Option<Error>,
}

fn fetch_all(
    options: &Options,
    places: &Places,
    wish: Wish,
    journal: &Journal,
    missing: Vec<&LocalizedImage>,
    done: usize,
) -> Result<Outcome, Error> {
    if missing.is_empty() {
        return Ok(Outcome::default());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|e| Error::new("the network runtime cannot be started").because(e))?;
    let http = Http::new(&options.http)?;
    let progress = progress(options.common.quiet, missing.len() + done, done);
    let collected = Mutex::new(Outcome::default());
    let lock = || {
        collected
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    };
    runtime.block_on(async {
        let mut signals = Signals::hear();
        let memory = hosts::Memory::open(places.hidden.join("caps.json"));
        let work = stream::iter(missing).map(|image| {
            let (http, memory) = (&http, &memory);
            async move { (image, one(http, memory, places, wish, journal, image).await) }
        });
        let mut work = work.buffer_unordered(options.jobs.into());
        loop {
            let next = tokio::select! {
                biased;
                signal = signals.next() => {
                    lock().stopped = Some(Error::interrupted(format!("stopped by {signal}")).hint("run the same command again to go on"));
                    None
                }
                next = work.next() => next,
            };
            let Some((image, ended)) = next else { break };
            progress.inc(1);
            match ended {
                Ok(download) => lock().downloads.push(download),
                Err(trouble) if trouble.kind == Kind::Disk => {
                    lock().stopped = Some(Error::new(trouble.message).hint("mend that and run the same command again: what is there is kept"));
                    break;
                }
                Err(trouble) => lock().failures.push(failure(image, trouble)),
            }
        }
    });
    progress.finish_and_clear();
    // Work in blocking threads ends by itself; none of it publishes anything after this.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    let mut outcome = collected
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    outcome.hosts = http.tallies();
    Ok(outcome)
}

async fn one(
    http: &Http,
    memory: &hosts::Memory,
    places: &Places,
    wish: Wish,
    journal: &Journal,
    image: &LocalizedImage,
) -> Result<Download, Trouble> {
    let download = fetch::fetch(http, memory, places, wish, image).await?;
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
    for (host, tally) in &outcome.hosts {
        report.count("requests", tally.requests);
        report.notes.push(format!(
            "{host}: {} requests, {} of them again, {}",
            tally.requests,
            tally.retries,
            indicatif::HumanBytes(tally.bytes)
        ));
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

fn progress(quiet: bool, total: usize, done: usize) -> ProgressBar {
    let target = if quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let style =
        ProgressStyle::with_template("download {bar:30} {pos}/{len} images, {per_sec}, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(total as u64), target);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_position(done as u64);
    bar.reset_eta();
    bar
}
