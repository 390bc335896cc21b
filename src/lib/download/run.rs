//! The run over all images that are missing: it starts them, reports progress, and ends early on a signal or a full disk.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{Stream, StreamExt};
use tokio::time::{MissedTickBehavior, Sleep};

use super::fetch::{Downloader, Finished};
use super::names::{Naming, OutputFolder};
use super::network::{GRACE, Network};
use super::options::Options;
use super::schedule::schedule;
use super::state::index::{Index, Slot};
use super::state::input::Set;
use super::state::journal::Journal;
use super::state::moves;
use super::state::refresh::{self, Refreshed};
use super::state::resume::Sorted;
use super::state::settled::Lookup;
use super::summary::{Results, Verified, failure};
use crate::contracts::LocalizedImage;
use crate::error::Error;
use crate::http::{self, Kind};
use crate::progress::{Progress, RegionCounter, Reporter};
use crate::signals::Signals;

/// How often progress is updated; it is printed less often.
const TICK: Duration = Duration::from_millis(200);

/// A run.
pub struct Run<'a> {
    /// What the user wants.
    pub options: &'a Options,
    /// Where images go.
    pub folder: &'a OutputFolder,
    /// Where finished ones are noted.
    pub journal: &'a Journal,
    /// What the journal says.
    pub index: &'a mut Index,
    /// How files are named.
    pub naming: &'a Naming,
}

impl Run<'_> {
    /// Downloads the missing images of a set. `network` is the one in use already, if there is one.
    ///
    /// # Errors
    /// If the network cannot be set up. What ends the run early is in [`Results::stopped`].
    pub fn download(
        self,
        network: Option<Network>,
        set: &Set,
        sorted: Sorted<'_>,
    ) -> Result<Results, Error> {
        if sorted.missing.is_empty() && !self.options.refresh {
            return Ok(Results {
                there: sorted.done,
                ..Results::default()
            });
        }
        let network = match network {
            Some(network) => network,
            None => Network::open(self.options, &set.hosts, self.folder)?,
        };
        let folder = self.folder;
        let own_paths = own_paths(self.index, set);
        let moved = Arc::new(Mutex::new(Vec::new()));
        let regions = RegionCounter::default();
        let mut active = Active {
            client: &network.servers.client,
            regions: &regions,
            options: self.options,
            index: self.index,
            naming: self.naming,
            folder,
            results: Results {
                notes: network.servers.client.warnings().to_vec(),
                ..Results::default()
            },
            total: 0,
            before: 0,
        };
        let downloader = Downloader {
            servers: &network.servers,
            folder,
            output: self.options.output(),
            journal: self.journal,
            naming: self.naming,
            own_paths,
            moved: moved.clone(),
            max_bytes: self.options.max_bytes,
            min_size: self.options.min_size,
            keeps_unread: self.options.keep_unread,
            regions: &regions,
        };
        network.block_on(active.run(&downloader, set, sorted));
        let mut results = active.results;
        results.notes.extend(note_of_moved(folder, &moved));
        results.end(network.close(folder));
        Ok(results)
    }
}

/// Paths of the files of earlier downloads, by image id.
fn own_paths(index: &Index, set: &Set) -> HashMap<String, String> {
    let own = set.images.iter().filter_map(|image| {
        let slot = index.find(&image.id)?;
        Some((image.id.clone(), index.path(slot).to_owned()))
    });
    own.collect()
}

/// Says which files of others were moved out of the way.
fn note_of_moved(folder: &OutputFolder, moved: &Mutex<Vec<String>>) -> Option<String> {
    let mut moved = moved.lock().unwrap_or_else(PoisonError::into_inner).clone();
    moved.sort();
    let paths: Vec<&str> = moved.iter().map(String::as_str).collect();
    Verified::note_of_altered(folder, &paths)
}

/// A run while it asks servers.
struct Active<'a> {
    client: &'a http::Client,
    regions: &'a RegionCounter,
    options: &'a Options,
    index: &'a mut Index,
    naming: &'a Naming,
    folder: &'a OutputFolder,
    results: Results,
    /// Images in all.
    total: u64,
    /// Those that were there before.
    before: u64,
}

/// What the run waits for.
enum Event<'a> {
    Signal(&'static str),
    Tick,
    Ended(&'a LocalizedImage, Box<Result<Finished, http::Error>>),
    /// All images have ended, or the time for them after a signal.
    Over,
}

impl Active<'_> {
    /// Signals are heard from here on, so that whatever is finished by then is published.
    async fn run(&mut self, downloader: &Downloader<'_>, set: &Set, sorted: Sorted<'_>) {
        let mut signals = Signals::listen();
        let (done, missing) = self.refresh(set, sorted).await;
        if self.results.stopped.is_some() {
            self.results.there = done;
            return;
        }
        self.total = (missing.len() + done.len()) as u64;
        self.before = done.len() as u64;
        self.results.there = done;
        let is_closed = AtomicBool::new(false);
        let job = |image, log| downloader.download(image, log);
        let ended = schedule(self.client, missing, &is_closed, job);
        self.follow(ended, &mut signals, &is_closed).await;
    }

    /// With `--refresh`, asks servers what has changed; changed images count as missing.
    async fn refresh<'a>(
        &mut self,
        set: &'a Set,
        sorted: Sorted<'a>,
    ) -> (Vec<Slot>, Vec<&'a LocalizedImage>) {
        let Sorted {
            done, mut missing, ..
        } = sorted;
        if !self.options.refresh {
            return (done, missing);
        }
        // Each host has a queue of its own here too.
        let (client, index) = (self.client, &*self.index);
        let finished: HashSet<&str> = done.iter().map(|slot| index.id(*slot)).collect();
        let finished = set
            .images
            .iter()
            .filter(|image| finished.contains(&*image.id));
        let never = AtomicBool::new(false);
        let ask = |image, log| refresh::ask(client, index, image, log);
        let asked = schedule(client, finished.collect(), &never, ask);
        let asked = asked.filter_map(async |(_, asked)| asked);
        let refreshed = Refreshed::of(asked.collect().await, index, &missing);
        let is_changed = |image: &&LocalizedImage| refreshed.changed.contains(&image.id);
        let changed: Vec<&LocalizedImage> = set.images.iter().filter(is_changed).collect();
        // What a person altered is not overwritten.
        let lookup = Lookup::new(self.options, &self.folder.path);
        let altered = changed.iter();
        let altered = altered.filter_map(|image| lookup.is_altered(self.index, &image.id));
        let paths: Vec<&str> = altered.map(|slot| self.index.path(slot)).collect();
        if let Err(error) = moves::set_aside(self.folder, Verified::ASIDE, paths.iter().copied()) {
            self.results.stopped = Some(error);
            return (refreshed.there, Vec::new());
        }
        self.results.notes.extend(refreshed.notes);
        self.results
            .notes
            .extend(Verified::note_of_altered(self.folder, &paths));
        self.results.changes = Some(refreshed.changes);
        self.results.gone = refreshed.gone;
        missing.extend(changed);
        (refreshed.there, missing)
    }

    /// Takes in images as they end, until all have or something stops the run.
    async fn follow<'a>(
        &mut self,
        ended: impl Stream<Item = (&'a LocalizedImage, Result<Finished, http::Error>)>,
        signals: &mut Signals,
        is_closed: &AtomicBool,
    ) {
        let mut ended = std::pin::pin!(ended);
        let (style, quiet) = (self.options.progress, self.options.common.quiet);
        let mut reporter = Reporter::start(style, quiet, "download", "images", &self.progress());
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut grace = None;
        loop {
            let event = tokio::select! {
                biased;
                signal = signals.next(), if grace.is_none() => Event::Signal(signal),
                _ = ticks.tick() => Event::Tick,
                () = end_of(&mut grace) => Event::Over,
                next = ended.next() => next.map_or(Event::Over, |(image, of)| Event::Ended(image, Box::new(of))),
            };
            match event {
                Event::Signal(signal) => {
                    self.results.stopped = Some(
                        Error::interrupted(format!("stopped by {signal}"))
                            .hint("run the same command again to resume"),
                    );
                    is_closed.store(true, Ordering::Relaxed);
                    grace = Some(Box::pin(tokio::time::sleep(GRACE)));
                }
                Event::Tick => reporter.tick(self.client.elapsed(), &self.progress()),
                Event::Ended(image, outcome) => {
                    reporter.event(|| event_of(image, &outcome));
                    if !self.take(image, *outcome) {
                        break;
                    }
                }
                Event::Over => break,
            }
        }
        reporter.end(self.client.elapsed(), &self.progress());
    }

    /// Takes in what came of an image; whether the run goes on.
    fn take(&mut self, image: &LocalizedImage, outcome: Result<Finished, http::Error>) -> bool {
        match outcome {
            Ok(finished) => self.take_finished(finished),
            Err(error) if error.kind == Kind::Disk => {
                let hint = "fix that and run the same command again: what is finished is kept";
                self.results.stopped = Some(Error::new(error.message).hint(hint));
                return false;
            }
            Err(error) => self
                .results
                .failures
                .push(failure(image, self.naming, error)),
        }
        true
    }

    fn take_finished(&mut self, Finished { download, line }: Finished) {
        if self.options.refresh {
            let held = self.index.find(&download.id);
            let held = held.and_then(|slot| self.index.entry(slot));
            let is_same = held.is_some_and(|held| held.sha256 == download.sha256);
            self.results.unchanged += u64::from(is_same);
        }
        let slot = self.index.add(&download, line);
        self.results.add(download, slot);
    }

    fn progress(&self) -> Progress {
        let (regions, in_progress) = self.regions.read();
        let (requests, bytes) = self.client.spent();
        Progress {
            total: self.total,
            before: self.before,
            finished: self.results.fetched,
            failed: self.results.failures.len() as u64,
            in_progress,
            regions,
            requests,
            bytes,
            waiting: self.client.waiting(),
        }
    }
}

/// Waits for the end of the time after a signal; for ever while there was none.
async fn end_of(grace: &mut Option<Pin<Box<Sleep>>>) {
    match grace {
        Some(sleep) => sleep.await,
        None => std::future::pending().await,
    }
}

/// An image that has ended, for `--progress json`.
fn event_of(image: &LocalizedImage, ended: &Result<Finished, http::Error>) -> serde_json::Value {
    match ended {
        Ok(Finished { download: d, .. }) => serde_json::json!({
            "event": "image", "id": d.id, "outcome": "finished", "path": d.path, "bytes": d.bytes,
            "width": d.width, "height": d.height, "method": d.method, "attempts": d.attempts,
        }),
        Err(error) => serde_json::json!({
            "event": "image", "id": image.id, "outcome": "failed", "kind": error.kind.name(),
            "status": error.status, "message": error.message, "attempts": error.attempts,
        }),
    }
}
