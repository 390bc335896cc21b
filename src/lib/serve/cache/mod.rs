//! The cache of rendered images: [`memory`], and below it a folder ([`disk`]) and a Redis server ([`redis`]). A failure of
//! the lower tiers costs time, never an answer.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Semaphore;

use self::counts::{CacheMetrics, TierCounts, one};
use self::disk::DiskCache;
use self::entry::{CacheKey, GENERATION};
use self::redis::RedisCache;
use self::settings::{CacheSettings, Identity};
use crate::error::Error;

pub mod counts;
pub mod disk;
pub mod entry;
pub mod evict;
pub mod memory;
pub mod purge;
pub mod redis;
pub mod settings;

/// The most answers that wait to be written; more are not stored.
const MOST_WRITES: u32 = 64;
/// How long the last writes may take when the server stops.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// The tiers below memory: the folder is asked first.
pub struct TieredCache {
    disk: Option<Arc<DiskCache>>,
    redis: Option<RedisCache>,
    writes: Arc<Semaphore>,
    /// What happened in the tier above, memory.
    pub memory: TierCounts,
    metrics: CacheMetrics,
    /// The disk space that the folder takes, if there is one.
    disk_bytes: Option<Gauge>,
    /// The configuration.
    pub settings: CacheSettings,
}

impl TieredCache {
    /// The tiers that are configured; `quiet` suppresses notices.
    ///
    /// # Errors
    /// The settings contradict each other, or the folder cannot be written.
    pub fn open(settings: &CacheSettings, quiet: bool) -> Result<Self, Error> {
        settings.check()?;
        let mut metrics = CacheMetrics::default();
        let memory = metrics.tier("memory");
        let disk = settings
            .folder
            .as_deref()
            .map(|folder| DiskCache::open(folder, settings, metrics.tier("disk"), quiet));
        let redis = settings
            .redis
            .as_deref()
            .map(|url| RedisCache::new(url, settings, metrics.tier("redis"), quiet));
        let disk_bytes = disk.is_some().then(|| metrics.disk_bytes());
        Ok(TieredCache {
            disk: disk.transpose()?.map(Arc::new),
            redis: redis.transpose()?,
            writes: Arc::new(Semaphore::new(MOST_WRITES as usize)),
            memory,
            metrics,
            disk_bytes,
            settings: settings.clone(),
        })
    }

    /// Whether no tier is configured.
    pub fn is_empty(&self) -> bool {
        self.disk.is_none() && self.redis.is_none()
    }

    /// The key of an answer about the image `id` in the file `path`. `text` distinguishes it from all other answers about
    /// this file in its present state.
    pub fn key(&self, id: &str, path: &Path, text: &str) -> CacheKey {
        let version = env!("CARGO_PKG_VERSION");
        let place = match self.settings.identity {
            Identity::File => path.display().to_string(),
            Identity::Content => String::new(),
        };
        CacheKey::new(id, &format!("{GENERATION} {version} {place:?} {text}"))
    }

    /// The answer stored under a key.
    pub async fn get(self: &Arc<Self>, key: &CacheKey) -> Option<Bytes> {
        if let Some(disk) = &self.disk {
            let (disk, key) = (disk.clone(), key.clone());
            let read = tokio::task::spawn_blocking(move || disk.get(&key)).await;
            if let Ok(Some(body)) = read {
                return Some(body);
            }
        }
        let body = self.redis.as_ref()?.get(key).await?;
        self.write(key, &body, false);
        Some(body)
    }

    /// Stores an answer in the background.
    pub fn put(self: &Arc<Self>, key: &CacheKey, body: &Bytes) {
        self.write(key, body, true);
    }

    fn write(self: &Arc<Self>, key: &CacheKey, body: &Bytes, is_new: bool) {
        if self.is_empty() {
            return;
        }
        let Ok(place) = self.writes.clone().try_acquire_owned() else {
            let tiers = [
                self.disk.as_ref().map(|d| &d.counts),
                self.redis.as_ref().map(|s| &s.counts),
            ];
            return tiers
                .into_iter()
                .flatten()
                .for_each(|counts| one(&counts.skipped));
        };
        let (cache, key, body) = (self.clone(), key.clone(), body.clone());
        tokio::spawn(async move {
            if let Some(disk) = cache.disk.clone() {
                let (key, body) = (key.clone(), body.clone());
                // It fails only if the server stops.
                let _ = tokio::task::spawn_blocking(move || disk.put(&key, &body)).await;
            }
            if let Some(redis) = cache.redis.as_ref().filter(|_| is_new) {
                redis.put(&key, &body).await;
            }
            drop(place);
        });
    }

    /// Waits until all answers are written, but no longer than five seconds.
    pub async fn settle(&self) {
        let all = self.writes.acquire_many(MOST_WRITES);
        let _ = tokio::time::timeout(LAST_WRITES, all).await;
    }

    /// Removes all answers about an image from every tier and returns their number.
    ///
    /// # Errors
    /// A tier could not be purged.
    pub async fn purge(&self, id: &str) -> Result<u64, String> {
        let owner = entry::owner(id);
        let mut removed = 0;
        if let Some(disk) = &self.disk {
            let (disk, owner) = (disk.clone(), owner.clone());
            let purged = tokio::task::spawn_blocking(move || disk.purge(&owner)).await;
            let purged = purged.unwrap_or_else(|e| Err(std::io::Error::other(e)));
            removed +=
                purged.map_err(|e| format!("the folder of the cache cannot be purged: {e}"))?;
        }
        if let Some(redis) = &self.redis {
            let purged = redis.purge(&owner).await;
            removed += purged.ok_or("Redis does not answer, its entries are not purged")?;
        }
        Ok(removed)
    }

    /// Evicts entries that are too old or too many, for ever.
    pub async fn evict(self: Arc<Self>) {
        if let Some(disk) = &self.disk {
            evict::run(disk.clone()).await;
        }
    }

    /// Metrics of all tiers in the text format of Prometheus.
    pub fn metrics(&self) -> String {
        if let (Some(disk), Some(gauge)) = (&self.disk, &self.disk_bytes) {
            gauge.set(i64::try_from(disk.bytes()).unwrap_or(i64::MAX));
        }
        self.metrics.print()
    }
}
