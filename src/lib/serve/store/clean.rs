//! The folder looked after in the background: what is too old goes, then the least recently used until the rest is
//! well below the bound. One folder of answers at a time, in constant memory, however many there are.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::disk::{Disk, SHARDS, names_in, size};
use crate::files::cache_file::{self as kept, UNFINISHED};

/// How often all of it is looked at: others may share the folder.
const EVERY: Duration = Duration::from_secs(300);
/// Looks are at least so far apart, and shards of a look by the second of these.
const APART: [Duration; 2] = [Duration::from_secs(1), Duration::from_millis(2)];
/// What is unfinished for so long was left by a process that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);
/// Ages that are told apart; beyond it neighbours are put together.
const MOST_AGES: usize = 1 << 16;

/// Looks after a folder for ever.
pub async fn look_after(disk: Arc<Disk>) {
    loop {
        look(&disk).await;
        tokio::time::sleep(APART[0]).await;
        // Whoever found it full or whenever it is time.
        let _ = tokio::time::timeout(EVERY, disk.full.notified()).await;
    }
}

/// Looks at all entries, and makes room if there are too many.
pub async fn look(disk: &Arc<Disk>) {
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
    disk: &Arc<Disk>,
    work: impl FnOnce(&Disk) -> T + Send + 'static,
) -> Option<T> {
    tokio::time::sleep(APART[1]).await;
    let disk = disk.clone();
    tokio::task::spawn_blocking(move || work(&disk)).await.ok()
}

/// Bytes by when they were last used; removes what is too old or was never finished.
fn survey(disk: &Disk, shard: usize) -> Ages {
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
        // Used after it was made: what was not used for so long is too old.
        let too_old = disk.time.is_some_and(|time| since > time);
        if !(too_old && disk.remove(path, &disk.counts.expired)) {
            ages.note(used(about), size(about.len()));
        }
    });
    // What was written until the look began was found. At no time is less known than was.
    disk.shards[shard].fetch_add(ages.bytes, Ordering::Relaxed);
    disk.less(shard, before);
    ages
}

/// Removes what was last used before a moment, until so many bytes are gone; gives how many.
fn evict(disk: &Disk, shard: usize, cut: u64, surplus: u64) -> u64 {
    let mut evicted = 0;
    each_file(disk, shard, |path, name, about| {
        let is_kept = evicted >= surplus || used(about) > cut;
        if !name.ends_with(UNFINISHED) && !is_kept && disk.remove(path, &disk.counts.evicted) {
            evicted += size(about.len());
        }
    });
    disk.less(shard, evicted);
    evicted
}

/// Does something with every file of a shard that is ours by its name. Folders that are empty go.
fn each_file(disk: &Disk, shard: usize, mut act: impl FnMut(&Path, &str, &Metadata)) {
    let shard = disk.shard(shard);
    for owner in listed(&shard, |name| is_hex(name, 30)) {
        let owner = shard.join(owner);
        let names = listed(&owner, is_ours);
        for name in &names {
            let path: PathBuf = owner.join(name);
            // Gone since: another process looks after it too.
            if let Ok(about) = std::fs::symlink_metadata(&path) {
                act(&path, name, &about);
            }
        }
        kept::remove_empty(&owner);
    }
}

fn listed(folder: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut names = names_in(folder).unwrap_or_default();
    names.retain(|name| is_wanted(name));
    names
}

fn is_ours(name: &str) -> bool {
    let unfinished =
        |name: &str| name.len() > 33 && name.ends_with(UNFINISHED) && is_hex(&name[..32], 32);
    is_hex(name, 32) || name.is_ascii() && name.strip_prefix('.').is_some_and(unfinished)
}

fn is_hex(name: &str, digits: usize) -> bool {
    name.len() == digits && name.bytes().all(|b| b.is_ascii_hexdigit())
}

/// When a file was last used, in milliseconds since 1970.
fn used(about: &Metadata) -> u64 {
    let used = about.modified().unwrap_or(UNIX_EPOCH);
    let since = used.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Bytes by when they were last used.
#[derive(Debug, Default, PartialEq)]
struct Ages {
    bytes: u64,
    /// Ages are told apart by milliseconds times two to this.
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

    /// The moment before which so many bytes, or a little more, were last used.
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
    fn only_names_of_ours_are_touched() {
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
            assert_eq!(is_ours(&name), ours, "{name}");
        }
    }
}
