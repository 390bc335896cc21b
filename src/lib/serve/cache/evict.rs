//! Eviction from the cache folder, in the background: entries that are too old are removed, then the least recently used
//! until the rest is well below the limit. One shard at a time, in constant memory, however many entries there are.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::disk::{DiskCache, SHARDS, names_in, size};
use crate::files::cache_file::{self, UNFINISHED};

/// How often the folder is surveyed: other servers may share it.
const EVERY: Duration = Duration::from_secs(300);
/// The shortest pause between two surveys.
const PAUSE: Duration = Duration::from_secs(1);
/// The pause between two shards of a survey.
const SHARD_PAUSE: Duration = Duration::from_millis(2);
/// A file that is unfinished for so long was left by a process that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);
/// The most ages that are counted separately; beyond it neighbours are merged.
const MOST_AGES: usize = 1 << 16;

/// Evicts from a cache folder, for ever.
pub async fn run(disk: Arc<DiskCache>) {
    loop {
        sweep(&disk).await;
        tokio::time::sleep(PAUSE).await;
        // When a write found it full, or else after some time.
        let _ = tokio::time::timeout(EVERY, disk.full.notified()).await;
    }
}

/// Surveys all entries, and frees space if there are too many.
async fn sweep(disk: &Arc<DiskCache>) {
    let mut ages = Ages::default();
    for shard in 0..SHARDS {
        let found = off_thread(disk, move |disk| survey(disk, shard)).await;
        ages.add(found.unwrap_or_default());
    }
    let Some(most) = disk
        .most
        .filter(|most| disk.time.is_some() && ages.bytes * 10 > most * 9)
    else {
        return;
    };
    let low = (most as f64 * disk.low_water) as u64;
    let mut surplus = ages.bytes.saturating_sub(low);
    let cut = ages.oldest(surplus);
    for shard in 0..SHARDS {
        if surplus == 0 {
            return;
        }
        let evicted = off_thread(disk, move |disk| evict(disk, shard, cut, surplus)).await;
        surplus = surplus.saturating_sub(evicted.unwrap_or_default());
    }
}

async fn off_thread<T: Send + 'static>(
    disk: &Arc<DiskCache>,
    work: impl FnOnce(&DiskCache) -> T + Send + 'static,
) -> Option<T> {
    tokio::time::sleep(SHARD_PAUSE).await;
    let disk = disk.clone();
    tokio::task::spawn_blocking(move || work(&disk)).await.ok()
}

/// The bytes of a shard by last use; removes what is too old or was never finished.
fn survey(disk: &DiskCache, shard: usize) -> Ages {
    let now = SystemTime::now();
    let mut ages = Ages::default();
    let before = disk.shards[shard].load(Ordering::Relaxed);
    each_file(disk, shard, |path, name, about| {
        let since = (about.modified().ok()).and_then(|used| now.duration_since(used).ok());
        let since = since.unwrap_or_default();
        if name.ends_with(UNFINISHED) {
            if since > ABANDONED {
                disk.remove(path, &disk.counts.damaged);
            }
            return;
        }
        // An entry is never older than its last use: if that is too old, so is the entry.
        let too_old = disk.time.is_some_and(|time| since > time);
        if !(too_old && disk.remove(path, &disk.counts.expired)) {
            ages.note(used(about), size(about.len()));
        }
    });
    // What was written before the survey was found by it. Added first, so that the count is never too small.
    disk.shards[shard].fetch_add(ages.bytes, Ordering::Relaxed);
    disk.subtract(shard, before);
    ages
}

/// Removes entries last used at or before `cut` (milliseconds since 1970) until `surplus` bytes are freed; returns the
/// bytes that were freed.
fn evict(disk: &DiskCache, shard: usize, cut: u64, surplus: u64) -> u64 {
    let mut evicted = 0;
    each_file(disk, shard, |path, name, about| {
        let is_kept = evicted >= surplus || used(about) > cut;
        if !name.ends_with(UNFINISHED) && !is_kept && disk.remove(path, &disk.counts.evicted) {
            evicted += size(about.len());
        }
    });
    disk.subtract(shard, evicted);
    evicted
}

/// Calls `act` for every file of a shard that has a name of the cache. Empty folders are removed.
fn each_file(disk: &DiskCache, shard: usize, mut act: impl FnMut(&Path, &str, &Metadata)) {
    let shard = disk.shard(shard);
    for owner in listed(&shard, |name| is_hex(name, 30)) {
        let owner = shard.join(owner);
        let names = listed(&owner, is_entry_name);
        for name in &names {
            let path: PathBuf = owner.join(name);
            // A missing file was removed by another process that shares the folder.
            if let Ok(about) = std::fs::symlink_metadata(&path) {
                act(&path, name, &about);
            }
        }
        cache_file::remove_empty(&owner);
    }
}

fn listed(folder: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut names = names_in(folder).unwrap_or_default();
    names.retain(|name| is_wanted(name));
    names
}

fn is_entry_name(name: &str) -> bool {
    let unfinished =
        |name: &str| name.len() > 33 && name.ends_with(UNFINISHED) && is_hex(&name[..32], 32);
    is_hex(name, 32) || name.is_ascii() && name.strip_prefix('.').is_some_and(unfinished)
}

fn is_hex(name: &str, digits: usize) -> bool {
    name.len() == digits && name.bytes().all(|b| b.is_ascii_hexdigit())
}

/// When an entry was last used, in milliseconds since 1970.
fn used(about: &Metadata) -> u64 {
    let used = about.modified().unwrap_or(UNIX_EPOCH);
    let since = used.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Bytes of entries by the time of their last use.
#[derive(Debug, Default, PartialEq)]
struct Ages {
    bytes: u64,
    /// Ages are counted in units of 2^shift milliseconds.
    shift: u32,
    by_age: BTreeMap<u64, u64>,
}

impl Ages {
    fn note(&mut self, used: u64, bytes: u64) {
        self.bytes += bytes;
        *self.by_age.entry(used >> self.shift).or_default() += bytes;
        while self.by_age.len() > MOST_AGES {
            self.coarsen();
        }
    }

    fn add(&mut self, mut other: Ages) {
        while self.shift < other.shift {
            self.coarsen();
        }
        for (age, bytes) in std::mem::take(&mut other.by_age) {
            self.note(age << other.shift, bytes);
        }
    }

    fn coarsen(&mut self) {
        self.shift += 1;
        for (age, bytes) in std::mem::take(&mut self.by_age) {
            *self.by_age.entry(age >> 1).or_default() += bytes;
        }
    }

    /// The time, in milliseconds since 1970, up to which at least `bytes` were last used.
    fn oldest(&self, bytes: u64) -> u64 {
        let mut sum = 0;
        for (age, of_age) in &self.by_age {
            sum += of_age;
            if sum >= bytes {
                return ((age + 1) << self.shift) - 1;
            }
        }
        u64::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_found_however_many_there_are() {
        let mut ages = Ages::default();
        for used in 0..200_000 {
            ages.note(1_700_000_000_000 + used * 10, 1);
        }
        assert!(ages.by_age.len() <= MOST_AGES && ages.bytes == 200_000);
        let found = ages.oldest(50_000) - 1_700_000_000_000;
        assert!((499_990..500_200).contains(&found), "{found}");
        let mut sum = Ages::default();
        sum.note(5, 7);
        sum.add(ages);
        assert_eq!(sum.bytes, 200_007);
        assert_eq!(Ages::default().oldest(1), u64::MAX);
    }

    #[test]
    fn other_files_are_left_alone() {
        let hex = "0123456789abcdef0123456789abcdef";
        let cases = [
            (hex.to_owned(), true),
            (format!(".{hex}.12.3.part"), true),
            (format!("{hex}.jpg"), false),
            (".part".to_owned(), false),
            ("thesis.tex".to_owned(), false),
            (format!(".é{hex}.part"), false),
        ];
        for (name, ours) in cases {
            assert_eq!(is_entry_name(&name), ours, "{name}");
        }
    }
}
