//! The run over all images that are missing: it starts them, reports progress, and ends early on a signal or a full disk.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{Stream, StreamExt, TryStreamExt};
use tokio::time::{MissedTickBehavior, Sleep};

use super::destination::Earlier;
use super::failures;
use super::fetch::{Downloader, Finished};
use super::names::{Naming, OutputFolder};
use super::network::{GRACE, Network};
use super::options::{Deadline, Options};
use super::schedule::schedule;
use super::state::failed::Failed;
use super::state::index::Index;
use super::state::input::Set;
use super::state::journal::Journal;
use super::state::moves;
use super::state::refresh::{self, Refreshed};
use super::state::resume::Sorted;
use super::state::settled::Lookup;
use super::summary::{Results, Verified, make_room};
use crate::contracts::{Change, LocalizedImage};
use crate::error::Error;
use crate::http::{self, Kind, RequestLog};
use crate::progress::{Progress, RegionCounter, Reporter};
use crate::signals::Signals;

/// How long before `--deadline` a run begins to end.
const ENDING: Duration = Duration::from_secs(2);
/// How long images in progress get to end when the disk is full: some of them fit where others have failed.
const DISK_FULL: Duration = Duration::from_secs(20);
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
        sorted: Sorted,
    ) -> Result<Results, Error> {
        if sorted.missing.is_empty() && !self.options.refresh {
            return Ok(Results {
                there: sorted.done,
                ..Results::default()
            });
        }
        let folder = self.folder;
        let open = || Network::open(self.options, &set.hosts, folder);
        let network = network.map_or_else(open, Ok)?;
        let new = self
            .options
            .refresh
            .then(|| refresh::new(set, &sorted.missing));
        let new = new.transpose()?.unwrap_or_default();
        let index = RefCell::new(self.index);
        let moved = Arc::new(Mutex::new(Vec::new()));
        let regions = RegionCounter::default();
        let mut active = Active {
            client: &network.servers.client,
            regions: &regions,
            options: self.options,
            index: &index,
            set,
            folder,
            naming: self.naming,
            failed: Failed::of(folder),
            results: with_notes(network.servers.client.warnings()),
            total: 0,
            before: 0,
        };
        let downloader = Downloader {
            servers: &network.servers,
            folder,
            output: self.options.output(),
            journal: self.journal,
            keeping: self.options.keeping(),
            naming: self.naming,
            moved: moved.clone(),
            max_bytes: self.options.max_bytes,
            min_size: self.options.min_size,
            keeps_unread: self.options.keep_unread,
            keeps_versions: self.options.refresh && !self.options.forget,
            regions: &regions,
        };
        network.block_on(active.run(&downloader, sorted, new));
        let mut results = active.results;
        results.notes.extend(note_of_moved(folder, &moved));
        results.end(network.close(folder));
        if results.is_disk_full {
            make_room(folder);
        }
        Ok(results)
    }
}

/// What is known before the first request.
fn with_notes(notes: &[String]) -> Results {
    Results {
        notes: notes.to_vec(),
        ..Results::default()
    }
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
    index: &'a RefCell<&'a mut Index>,
    set: &'a Set,
    folder: &'a OutputFolder,
    naming: &'a Naming,
    /// What failed so far.
    failed: Failed,
    results: Results,
    /// Images in all.
    total: u64,
    /// Those that were there before.
    before: u64,
}

/// What came of an image; the set that cannot be read any more ends the run.
type Ended = Result<(u32, LocalizedImage, Result<Finished, http::Error>), Error>;

/// What the run waits for.
enum Event {
    Signal(&'static str),
    /// The time of `--deadline` is over.
    Late,
    Tick,
    Ended(Box<Ended>),
    /// All images have ended, or the time for them after a signal.
    Over,
}

impl Active<'_> {
    /// Signals are heard from here on, so that whatever is finished by then is published. `new` are the images that were never
    /// downloaded, with `--refresh`.
    async fn run(&mut self, downloader: &Downloader<'_>, mut sorted: Sorted, new: Vec<Change>) {
        let mut signals = Signals::listen();
        if self.options.refresh {
            self.refresh(&mut sorted, new).await;
        }
        self.total = (sorted.missing.len() + sorted.done.len()) as u64;
        self.before = sorted.done.len() as u64;
        self.results.there = sorted.done;
        if self.results.stopped.is_some() {
            return;
        }
        if self.left_until_deadline() == Some(Duration::ZERO) {
            self.results.stopped = Some(late());
            return;
        }
        let is_closed = AtomicBool::new(false);
        let (set, index, folder) = (self.set, self.index, self.folder);
        let job = |at, place| async move {
            let image = read(set, at).await?;
            let log = RequestLog::of(image.source.manifest.as_deref(), place);
            // The file of an earlier download: it alone may be overwritten.
            let own = {
                let index = index.borrow();
                let slot = index.find(&image.id);
                slot.map(|slot| Earlier {
                    path: index.path(slot).to_owned(),
                    content: folder.content_of(index.place(slot)),
                    sha256: index.sha256(slot),
                })
            };
            let ended = downloader.download(&image, own, log).await;
            Ok((at, image, ended))
        };
        let (missing, origins) = (&sorted.missing, &sorted.origins);
        let ended = schedule(self.client, missing, origins, &is_closed, job);
        drop((sorted.missing, sorted.origins));
        self.follow(ended, &mut signals, &is_closed).await;
    }

    /// Asks servers what has changed; changed images count as missing.
    async fn refresh(&mut self, sorted: &mut Sorted, new: Vec<Change>) {
        let (client, set, index) = (self.client, self.set, self.index);
        let never = AtomicBool::new(false);
        // Each host has a queue of its own here too.
        let ask = |at, place| async move {
            let image = read(set, at).await?;
            let log = RequestLog::of(image.source.manifest.as_deref(), place);
            let known = refresh::known(&index.borrow(), &image);
            Ok(match known {
                Some(known) => Some(refresh::ask(client, at, known, log).await),
                None => None,
            })
        };
        let (finished, origins) = (&sorted.asked_about, &sorted.origins);
        let asked: Result<Vec<_>, Error> = schedule(client, finished, origins, &never, ask)
            .try_filter_map(async |asked| Ok(asked))
            .try_collect()
            .await;
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => {
                self.results.stopped = Some(error);
                return;
            }
        };
        let index = self.index.borrow();
        let refreshed = Refreshed::of(asked, &index, new);
        // What a person altered is not overwritten.
        let lookup = Lookup::new(self.options, self.folder);
        let ids = refreshed.changed.values();
        let altered = ids.filter_map(|id| lookup.is_altered(&index, id));
        let paths: Vec<&str> = altered.map(|slot| index.path(slot)).collect();
        if let Err(error) = moves::set_aside(self.folder, Verified::ASIDE, paths.iter().copied()) {
            self.results.stopped = Some(error);
            sorted.done = refreshed.there;
            return;
        }
        self.results.notes.extend(refreshed.notes);
        self.results
            .notes
            .extend(Verified::note_of_altered(self.folder, &paths));
        let mut changes = refreshed.changes;
        if let Err(error) = refresh::remember(self.folder, &mut changes) {
            self.results.stopped = Some(error);
            sorted.done = refreshed.there;
            return;
        }
        self.results.changes = Some(changes);
        self.results.gone = refreshed.gone;
        let changed = sorted.asked_about.iter();
        let changed = changed.filter(|image| refreshed.changed.contains_key(&image.at));
        sorted.missing.extend(changed);
        sorted.done = refreshed.there;
    }

    /// Takes in images as they end, until all have or something stops the run.
    async fn follow(
        &mut self,
        ended: impl Stream<Item = Ended>,
        signals: &mut Signals,
        is_closed: &AtomicBool,
    ) {
        let mut ended = std::pin::pin!(ended);
        let common = &self.options.common;
        let (style, quiet) = (common.progress, common.quiet);
        let mut reporter = Reporter::start(style, quiet, "download", "images", &self.progress());
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut grace = None;
        let left = self.left_until_deadline();
        let mut deadline = left.map(|left| Box::pin(tokio::time::sleep(left)));
        loop {
            let event = tokio::select! {
                biased;
                signal = signals.next(), if grace.is_none() => Event::Signal(signal),
                () = end_of(&mut deadline), if grace.is_none() => Event::Late,
                _ = ticks.tick() => Event::Tick,
                () = end_of(&mut grace) => Event::Over,
                next = ended.next() => next.map_or(Event::Over, |ended| Event::Ended(Box::new(ended))),
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
                Event::Late => {
                    self.results.stopped = Some(late());
                    is_closed.store(true, Ordering::Relaxed);
                    grace = Some(Box::pin(tokio::time::sleep(GRACE)));
                }
                Event::Tick => reporter.tick(self.client.elapsed(), &self.progress()),
                Event::Ended(ended) => match *ended {
                    Ok((at, image, outcome)) => {
                        reporter.event(|| event_of(&image, &outcome));
                        self.note_failed(&image, &outcome);
                        self.take(at, outcome);
                        // What failed has made room: others that are in progress may get to their end.
                        if self.results.is_disk_full && grace.is_none() {
                            is_closed.store(true, Ordering::Relaxed);
                            grace = Some(Box::pin(tokio::time::sleep(DISK_FULL)));
                        }
                    }
                    Err(error) => {
                        self.results.stopped = Some(error);
                        break;
                    }
                },
                Event::Over => break,
            }
        }
        reporter.end(self.client.elapsed(), &self.progress());
    }

    /// How long images may be begun, so that the run ends before `--deadline`; none without that.
    fn left_until_deadline(&self) -> Option<Duration> {
        let left = match self.options.deadline? {
            Deadline::After(length) => length.saturating_sub(self.client.elapsed()),
            Deadline::At(time) => {
                let left = time.duration_since(jiff::Timestamp::now());
                Duration::try_from(left).unwrap_or_default()
            }
        };
        Some(left.saturating_sub(ENDING))
    }

    /// Notes an image that was asked for in vain, for the case that this run is killed.
    fn note_failed(&mut self, image: &LocalizedImage, outcome: &Result<Finished, http::Error>) {
        if let Err(error) = outcome
            && error.attempts > 0
            && error.kind != Kind::Disk
        {
            let failure = failures::failure(image, self.naming, error.clone());
            self.failed.add(failure);
        }
    }

    /// Takes in what came of an image.
    fn take(&mut self, at: u32, outcome: Result<Finished, http::Error>) {
        match outcome {
            Ok(finished) => self.take_finished(finished),
            Err(error) if error.kind == Kind::Disk => {
                let hint = "fix that and run the same command again: what is finished is kept";
                let stopped = || Error::new(error.message).hint(hint);
                self.results.stopped.get_or_insert_with(stopped);
                self.results.is_disk_full = true;
            }
            Err(error) => self.results.failures.push(at, error),
        }
    }

    fn take_finished(&mut self, finished: Finished) {
        let Finished {
            download,
            line,
            is_old_moved,
        } = finished;
        self.results.superseded += u64::from(is_old_moved);
        if self.options.refresh {
            let index = self.index.borrow();
            let held = index.find(&download.id);
            let held = held.and_then(|slot| index.entry(slot));
            let is_same = held.is_some_and(|held| held.sha256 == download.sha256);
            self.results.unchanged += u64::from(is_same);
        }
        let slot = self.index.borrow_mut().add(&download, line);
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

/// An image of the set, read off the network's thread.
async fn read(set: &Set, at: u32) -> Result<LocalizedImage, Error> {
    let records = set.records.clone();
    let image = tokio::task::spawn_blocking(move || records.get(at as usize)).await;
    image.unwrap_or_else(|stopped| Err(Error::new("an image was not read").because(stopped)))
}

fn late() -> Error {
    Error::new("the time of --deadline is over")
        .hint("run the same command again to resume")
        .temporary(true)
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
