//! Answers kept beyond memory: in a folder, then in a Redis server. Whatever fails here costs time, never an answer.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;

use self::counts::{Counts, one};
use self::disk::Disk;
use self::entry::Key;
use self::redis::Shared;
use self::settings::{Identity, Settings};
use crate::error::Error;

pub mod counts;
pub mod disk;
pub mod entry;
pub mod evict;
pub mod memory;
pub mod purge;
pub mod redis;
pub mod settings;

/// Raised when pictures come out otherwise than before: what older versions kept is then not found any more, and what
/// clients kept of them is not taken for the same.
pub const GENERATION: u32 = 2;
/// Answers that may wait to be written; more are not kept.
const MOST_WRITES: u32 = 64;
/// How long the last of them may take when the server stops.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// The tiers below memory, in the order in which they are asked.
pub struct Store {
    disk: Option<Arc<Disk>>,
    shared: Option<Shared>,
    writes: Arc<Semaphore>,
    /// What happened in memory, above.
    pub memory: Counts,
    /// What the configuration says.
    pub settings: Settings,
}

impl Store {
    /// The tiers that the settings name.
    pub fn open(settings: &Settings, quiet: bool) -> Result<Self, Error> {
        settings.check()?;
        let disk = settings
            .folder
            .as_deref()
            .map(|folder| Disk::open(folder, settings, quiet));
        let shared = settings
            .redis
            .as_deref()
            .map(|url| Shared::new(url, settings, quiet));
        Ok(Store {
            disk: disk.transpose()?.map(Arc::new),
            shared: shared.transpose()?,
            writes: Arc::new(Semaphore::new(MOST_WRITES as usize)),
            memory: Counts::default(),
            settings: settings.clone(),
        })
    }

    /// Whether nothing is kept beyond memory.
    pub fn is_empty(&self) -> bool {
        self.disk.is_none() && self.shared.is_none()
    }

    /// The key of an answer about an image. `text` tells it from all others about the file as it is now.
    pub fn key(&self, id: &str, path: &Path, text: &str) -> Key {
        let version = env!("CARGO_PKG_VERSION");
        let place = match self.settings.identity {
            Identity::File => path.display().to_string(),
            Identity::Content => String::new(),
        };
        Key::new(id, &format!("{GENERATION} {version} {place:?} {text}"))
    }

    /// The answer kept under a key.
    pub async fn get(self: &Arc<Self>, key: &Key) -> Option<Bytes> {
        if let Some(disk) = &self.disk {
            let (disk, key) = (disk.clone(), key.clone());
            let read = tokio::task::spawn_blocking(move || disk.get(&key)).await;
            if let Ok(Some(body)) = read {
                return Some(body);
            }
        }
        let body = self.shared.as_ref()?.get(key).await?;
        self.write(key, &body, false);
        Some(body)
    }

    /// Keeps an answer, in the background: nobody waits for it.
    pub fn put(self: &Arc<Self>, key: &Key, body: &Bytes) {
        self.write(key, body, true);
    }

    fn write(self: &Arc<Self>, key: &Key, body: &Bytes, is_new: bool) {
        if self.is_empty() {
            return;
        }
        let Ok(place) = self.writes.clone().try_acquire_owned() else {
            let tiers = [
                self.disk.as_ref().map(|d| &d.counts),
                self.shared.as_ref().map(|s| &s.counts),
            ];
            return tiers
                .into_iter()
                .flatten()
                .for_each(|counts| one(&counts.skipped));
        };
        let (store, key, body) = (self.clone(), key.clone(), body.clone());
        tokio::spawn(async move {
            if let Some(disk) = store.disk.clone() {
                let (key, body) = (key.clone(), body.clone());
                // It only ends early when the server does.
                let _ = tokio::task::spawn_blocking(move || disk.put(&key, &body)).await;
            }
            if let Some(shared) = store.shared.as_ref().filter(|_| is_new) {
                shared.put(&key, &body).await;
            }
            drop(place);
        });
    }

    /// Waits until what is to be kept is written, but not for ever.
    pub async fn settle(&self) {
        let all = self.writes.acquire_many(MOST_WRITES);
        let _ = tokio::time::timeout(LAST_WRITES, all).await;
    }

    /// Removes all answers about an image from every tier; how many there were, or what could not be done.
    pub async fn purge(&self, id: &str) -> Result<u64, String> {
        let owner = entry::owner(id);
        let mut removed = 0;
        if let Some(disk) = &self.disk {
            let (disk, owner) = (disk.clone(), owner.clone());
            let purged = tokio::task::spawn_blocking(move || disk.purge(&owner)).await;
            let purged = purged.unwrap_or_else(|e| Err(std::io::Error::other(e)));
            removed += purged.map_err(|e| format!("the folder of the cache: {e}"))?;
        }
        if let Some(shared) = &self.shared {
            let purged = shared.purge(&owner).await;
            removed += purged.ok_or("Redis does not answer, what it keeps is not purged")?;
        }
        Ok(removed)
    }

    /// Removes what is too old or too much, for ever.
    pub async fn look_after(self: Arc<Self>) {
        if let Some(disk) = &self.disk {
            evict::look_after(disk.clone()).await;
        }
    }

    /// What happened, as Prometheus reads it.
    pub fn print(&self) -> String {
        let mut tiers = vec![("memory", &self.memory)];
        tiers.extend(self.disk.as_ref().map(|disk| ("disk", &disk.counts)));
        tiers.extend(self.shared.as_ref().map(|shared| ("redis", &shared.counts)));
        let mut text = counts::print(&tiers);
        if let Some(disk) = &self.disk {
            let bytes = disk.bytes();
            text +=
                "# HELP recto_cache_disk_bytes Disk that kept answers take, as far as is known\n";
            text +=
                &format!("# TYPE recto_cache_disk_bytes gauge\nrecto_cache_disk_bytes {bytes}\n");
        }
        text
    }
}

/// One line for who runs the server.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "serve: {what}");
}
