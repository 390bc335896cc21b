//! The cache in a folder: `OW/NER…/NAME`, a folder for each image, so that all answers about one image are found.
//! Several servers may share it: an entry is complete or missing, and the time of its file tells when it was last used.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::Notify;

use super::counts::{TierCounts, one};
use super::entry::{self, CacheKey, HEAD};
use super::settings::CacheSettings;
use crate::error::Error;
use crate::files::{self, cache_file};
use crate::serve::notice;

/// The last use of an entry is recorded at most this often: a write for every read would cost too much.
const USE_RECORDED: Duration = Duration::from_secs(60);
/// For how long nothing is written after a failure.
const PAUSE: Duration = Duration::from_secs(10);
/// The block size of disks in bytes: files take whole blocks.
const BLOCK: u64 = 4096;
/// The number of folders that entries are spread over, by the first two digits of their owners.
pub const SHARDS: usize = 256;
/// The share of the limit that is kept when space is freed, unless configured.
const LOW_WATER: f64 = 0.8;

/// The folder and its limits.
#[derive(Debug)]
pub struct DiskCache {
    /// The folder of the entries.
    pub folder: PathBuf,
    /// The most bytes on disk; none: no limit.
    pub most: Option<u64>,
    /// The share of the limit that is kept when space is freed, 0 to 1.
    pub low_water: f64,
    /// How long an entry is valid; none: for ever.
    pub time: Option<Duration>,
    /// Hits, misses and failures of this tier, for `/metrics`.
    pub counts: TierCounts,
    /// Bytes in each of the [`SHARDS`]: what the last survey found, plus what was written since.
    pub shards: [AtomicU64; SHARDS],
    /// Bytes of entries that are being written.
    unwritten: Mutex<u64>,
    /// Notified when space is needed.
    pub full: Notify,
    /// Seconds since 1970 until which nothing is written.
    paused: AtomicU64,
    has_failed: AtomicBool,
    quiet: bool,
}

impl DiskCache {
    /// The cache in a folder, which is created if it is missing.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub fn open(
        folder: &Path,
        settings: &CacheSettings,
        counts: TierCounts,
        quiet: bool,
    ) -> Result<Self, Error> {
        // Backup programs skip folders with this file: https://bford.info/cachedir.
        let tag = "Signature: 8a477f597d28d172789f06886806bc55\n# Cache of recto-serve; may be removed at any time.\n";
        files::write(&folder.join("CACHEDIR.TAG"), tag.as_bytes())
            .map_err(|e| e.hint("name a writable `folder` in `[cache]`, or none"))?;
        Ok(DiskCache {
            folder: folder.to_owned(),
            most: settings.most_on_disk(),
            low_water: settings.low_water.unwrap_or(LOW_WATER),
            time: settings.kept_for(),
            counts,
            shards: [const { AtomicU64::new(0) }; SHARDS],
            unwritten: Mutex::new(0),
            full: Notify::new(),
            paused: AtomicU64::default(),
            has_failed: AtomicBool::default(),
            quiet,
        })
    }

    /// The body stored under a key.
    pub fn get(&self, key: &CacheKey) -> Option<Bytes> {
        let path = self.path(key);
        let body = match read(&path) {
            Ok((bytes, about)) => self.valid_body(key, &path, bytes, &about),
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

    /// The body of an entry that was read, if it is intact and not too old.
    fn valid_body(
        &self,
        key: &CacheKey,
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
        if used.is_some_and(|since| since > USE_RECORDED) {
            // Without permission to change the file, it only counts as less recently used.
            let _ = file.set_modified(now);
        }
        Some(body)
    }

    /// Stores a body. A failure is counted and reported once: the answer exists already.
    pub fn put(&self, key: &CacheKey, body: &[u8]) {
        let now = seconds(SystemTime::now());
        let size = size((HEAD + body.len()) as u64);
        if now < self.paused.load(Ordering::Relaxed) || !self.reserve(size) {
            return one(&self.counts.skipped);
        }
        let put = cache_file::put(&self.path(key), &[&entry::head(key, now, body), body]);
        if put.is_ok() {
            self.shards[shard_of(&key.owner)].fetch_add(size, Ordering::Relaxed);
        }
        *self.unwritten() -= size;
        match put {
            Ok(()) => one(&self.counts.stored),
            Err(e) => self.failed(now, &e),
        }
    }

    /// Whether an entry of this size fits beside what is stored and what others are writing; if so, it counts among the latter.
    fn reserve(&self, size: u64) -> bool {
        let mut unwritten = self.unwritten();
        let fits = (self.most).is_none_or(|most| self.bytes() + *unwritten + size <= most);
        match fits {
            true => *unwritten += size,
            false => self.full.notify_one(),
        }
        fits
    }

    fn unwritten(&self) -> MutexGuard<'_, u64> {
        self.unwritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, now: u64, e: &io::Error) {
        one(&self.counts.errors);
        self.paused.store(now + PAUSE.as_secs(), Ordering::Relaxed);
        if !self.has_failed.swap(true, Ordering::Relaxed) && !self.quiet {
            notice::print(&format!(
                "the cache {} cannot be written: {e}; going on without it",
                self.folder.display()
            ));
        }
    }

    /// Bytes in the folder, as of the last survey and the writes since.
    pub fn bytes(&self) -> u64 {
        let shards = self.shards.iter();
        shards.map(|shard| shard.load(Ordering::Relaxed)).sum()
    }

    /// Removes a file and adds to `count`; returns whether the file existed.
    pub fn remove(&self, path: &Path, count: &Counter) -> bool {
        match cache_file::remove(path) {
            Ok(true) => one(count),
            Ok(false) => return false,
            Err(_) => {
                one(&self.counts.errors);
                return false;
            }
        }
        true
    }

    /// Removes all answers about an image and returns their number.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn purge(&self, owner: &str) -> io::Result<u64> {
        let folder = self.folder_of(owner);
        let mut removed = 0;
        for file in names_in(&folder)? {
            removed += u64::from(cache_file::remove(&folder.join(file))?);
        }
        cache_file::remove_empty(&folder);
        Ok(removed)
    }

    fn path(&self, key: &CacheKey) -> PathBuf {
        self.folder_of(&key.owner).join(&key.name)
    }

    fn folder_of(&self, owner: &str) -> PathBuf {
        // Owners are 32 hexadecimal digits.
        let (shard, rest) = owner.split_at(2);
        self.folder.join(shard).join(rest)
    }

    /// Subtracts bytes that are no longer in a shard.
    pub fn subtract(&self, shard: usize, bytes: u64) {
        let less = |there: u64| Some(there.saturating_sub(bytes));
        // The closure always returns a value, so this cannot fail.
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

/// The bytes of a file, its metadata and the open file.
fn read(path: &Path) -> io::Result<(Vec<u8>, (Metadata, File))> {
    let mut file = File::open(path)?;
    let about = file.metadata()?;
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0));
    file.read_to_end(&mut bytes)?;
    Ok((bytes, (about, file)))
}

/// The names in a folder; empty if the folder does not exist.
///
/// # Errors
/// The folder cannot be read.
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

/// The bytes of disk that a file of this length takes.
pub fn size(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK) * BLOCK
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// Whether the file has been unchanged for so long that a further change would show in its times, which have a
/// resolution of milliseconds, or of seconds on old file systems.
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
