//! Answers in a folder: `OW/NER…/NAME`, a folder for each image, so that all of one are found. Several servers may
//! share it: an entry is whole or is not there, and when it was last used is the time of its file.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::Notify;

use super::counts::{Counts, one};
use super::entry::{self, HEAD, Key};
use super::settings::Settings;
use crate::error::Error;
use crate::files::{self, cache_file as kept};

/// A use is noted at most so often: a write for every read would cost more than it tells.
const NOTED: Duration = Duration::from_secs(60);
/// After a failure nothing is written for so long.
const PAUSE: Duration = Duration::from_secs(10);
/// Files take whole blocks of disks.
const BLOCK: u64 = 4096;
/// Folders that entries are spread over, by the first two digits of their owners.
pub const SHARDS: usize = 256;
/// The share that is left when room is made, if nothing else is said.
const LOW_WATER: f64 = 0.8;

/// The folder and its bounds.
#[derive(Debug)]
pub struct Disk {
    /// Where entries are.
    pub folder: PathBuf,
    /// The most bytes; none: no limit.
    pub most: Option<u64>,
    /// The share of them that is left when room is made.
    pub low_water: f64,
    /// How long an entry is good; none: for ever.
    pub time: Option<Duration>,
    /// What happened.
    pub counts: Counts,
    /// Bytes in each of its [`SHARDS`]: what the last look found there, and what was written since.
    pub shards: [AtomicU64; SHARDS],
    /// Room is needed.
    pub full: Notify,
    /// Seconds since 1970 until which nothing is written.
    paused: AtomicU64,
    has_failed: AtomicBool,
    quiet: bool,
}

impl Disk {
    /// The folder of the settings, made if it is missing; an error if nothing can be written there.
    pub fn open(folder: &Path, settings: &Settings, quiet: bool) -> Result<Self, Error> {
        // Backup programs leave out folders with this file: bford.info/cachedir.
        let tag = "Signature: 8a477f597d28d172789f06886806bc55\n# Answers of recto-serve; may be removed at any time.\n";
        files::write(&folder.join("CACHEDIR.TAG"), tag.as_bytes())
            .map_err(|e| e.hint("name a `folder` in `[cache]` that you may write to, or none"))?;
        Ok(Disk {
            folder: folder.to_owned(),
            most: settings.most_on_disk(),
            low_water: settings.low_water.unwrap_or(LOW_WATER),
            time: settings.kept_for(),
            counts: Counts::default(),
            shards: [const { AtomicU64::new(0) }; SHARDS],
            full: Notify::new(),
            paused: AtomicU64::default(),
            has_failed: AtomicBool::default(),
            quiet,
        })
    }

    /// The body kept under a key.
    pub fn get(&self, key: &Key) -> Option<Bytes> {
        let path = self.path(key);
        let body = match read(&path) {
            Ok((bytes, about)) => self.good(key, &path, bytes, &about),
            Err(e) if is_missing(&e) => None,
            Err(_) => {
                one(&self.counts.errors);
                None
            }
        };
        match &body {
            Some(body) => self.counts.hit(body.len()),
            None => one(&self.counts.misses),
        }
        body
    }

    /// What was read, if it is whole and its time not over.
    fn good(
        &self,
        key: &Key,
        path: &Path,
        bytes: Vec<u8>,
        about: &(Metadata, File),
    ) -> Option<Bytes> {
        let Some((made, body)) = entry::open(key, &Bytes::from(bytes)) else {
            self.remove(path, &self.counts.damaged);
            return None;
        };
        let now = SystemTime::now();
        let age = Duration::from_secs(seconds(now).saturating_sub(made));
        if self.time.is_some_and(|time| age >= time) {
            self.remove(path, &self.counts.expired);
            return None;
        }
        let (about, file) = about;
        let used = about
            .modified()
            .ok()
            .and_then(|used| now.duration_since(used).ok());
        if used.is_some_and(|since| since > NOTED) {
            // In a folder of somebody else's it stays the least recently used, no more.
            let _ = file.set_modified(now);
        }
        Some(body)
    }

    /// Keeps a body. What fails is counted and said once: the answer is made already.
    pub fn put(&self, key: &Key, body: &[u8]) {
        let now = seconds(SystemTime::now());
        let size = size((HEAD + body.len()) as u64);
        let is_full = self.most.is_some_and(|most| self.bytes() + size > most);
        if is_full {
            self.full.notify_one();
        }
        if is_full || now < self.paused.load(Ordering::Relaxed) {
            return one(&self.counts.skipped);
        }
        match kept::put(&self.path(key), &[&entry::head(key, now, body), body]) {
            Ok(()) => {
                one(&self.counts.stored);
                self.shards[shard_of(&key.owner)].fetch_add(size, Ordering::Relaxed);
            }
            Err(e) => self.failed(now, &e),
        }
    }

    fn failed(&self, now: u64, e: &io::Error) {
        one(&self.counts.errors);
        self.paused.store(now + PAUSE.as_secs(), Ordering::Relaxed);
        if !self.has_failed.swap(true, Ordering::Relaxed) && !self.quiet {
            super::say(&format!(
                "the cache {} cannot be written: {e}; answers are made without it",
                self.folder.display()
            ));
        }
    }

    /// Bytes in the folder, as far as is known.
    pub fn bytes(&self) -> u64 {
        let shards = self.shards.iter();
        shards.map(|shard| shard.load(Ordering::Relaxed)).sum()
    }

    /// Removes a file and counts it; whether it was there.
    pub fn remove(&self, path: &Path, count: &AtomicU64) -> bool {
        match kept::remove(path) {
            Ok(true) => one(count),
            Ok(false) => return false,
            Err(_) => {
                one(&self.counts.errors);
                return false;
            }
        }
        true
    }

    /// Removes all answers about an image; how many there were.
    pub fn purge(&self, owner: &str) -> io::Result<u64> {
        let folder = self.folder_of(owner);
        let mut removed = 0;
        for file in names_in(&folder)? {
            removed += u64::from(kept::remove(&folder.join(file))?);
        }
        kept::remove_empty(&folder);
        Ok(removed)
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder_of(&key.owner).join(&key.name)
    }

    fn folder_of(&self, owner: &str) -> PathBuf {
        // Owners are 32 hexadecimal digits.
        let (shard, rest) = owner.split_at(2);
        self.folder.join(shard).join(rest)
    }

    /// So many bytes are no longer in a shard.
    pub fn less(&self, shard: usize, bytes: u64) {
        let less = |there: u64| Some(there.saturating_sub(bytes));
        // Always changed, so never refused.
        let _ = self.shards[shard].fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// The folder of a shard.
    pub fn shard(&self, number: usize) -> PathBuf {
        self.folder.join(format!("{number:02x}"))
    }
}

/// The shard of an owner.
fn shard_of(owner: &str) -> usize {
    usize::from_str_radix(&owner[..2], 16).expect("owners are hexadecimal digits")
}

/// A file whole, with what is known of it.
fn read(path: &Path) -> io::Result<(Vec<u8>, (Metadata, File))> {
    let mut file = File::open(path)?;
    let about = file.metadata()?;
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0));
    file.read_to_end(&mut bytes)?;
    Ok((bytes, (about, file)))
}

/// Names in a folder; none where there is no such folder.
pub fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(e) if is_missing(&e) => return Ok(Vec::new()),
        entries => entries?,
    };
    let names =
        entries.map(|entry| entry.map(|entry| entry.file_name().into_string().unwrap_or_default()));
    names.collect()
}

fn is_missing(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// What a file of so many bytes takes of a disk.
pub fn size(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK) * BLOCK
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// Whether a further change of a file would show in its times: their clocks tick by milliseconds, and by seconds on
/// disks of old.
pub fn is_settled(about: &Metadata) -> bool {
    let is_coarse = about.mtime_nsec() == 0 && about.ctime_nsec() == 0;
    let tick = Duration::from_millis(if is_coarse { 2000 } else { 20 });
    let nanos = u32::try_from(about.ctime_nsec()).unwrap_or_default();
    let changed =
        UNIX_EPOCH + Duration::new(u64::try_from(about.ctime()).unwrap_or_default(), nanos);
    SystemTime::now()
        .duration_since(changed)
        .is_ok_and(|since| since > tick)
}
