//! Metrics of the cache: what happened in each of its tiers.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::serve::web::metrics;

/// The counts of a tier, which [`CacheMetrics`] lists.
#[derive(Clone, Debug)]
pub struct TierCounts {
    /// Answers that were found.
    pub hits: Counter,
    /// Answers that were not found.
    pub misses: Counter,
    /// Bytes of the answers that were found.
    pub hit_bytes: Counter,
    /// Answers that were stored.
    pub stored: Counter,
    /// Answers that were not stored: the tier is full or out of order, or too many writes are waiting.
    pub skipped: Counter,
    /// Reads and writes that failed.
    pub errors: Counter,
    /// Damaged entries, which were removed.
    pub damaged: Counter,
    /// Entries that were removed because they were too old.
    pub expired: Counter,
    /// Entries that were removed to free space.
    pub evicted: Counter,
}

impl TierCounts {
    /// Counts an answer of so many bytes that was found.
    pub fn hit(&self, bytes: usize) {
        one(&self.hits);
        self.hit_bytes.inc_by(bytes as u64);
    }
}

/// Adds one to a count.
pub fn one(count: &Counter) {
    count.inc();
}

/// Names, without `recto_cache_` before and `_total` after them, and what they count, in the order of [`TierCounts`].
const NAMES: [(&str, &str); 9] = [
    ("hits", "Answers that were found"),
    ("misses", "Answers that were not found"),
    ("hit_bytes", "Bytes of the answers that were found"),
    ("stored", "Answers that were stored"),
    (
        "skipped",
        "Answers that were not stored: tier full, out of order or busy",
    ),
    ("errors", "Reads and writes that failed"),
    ("damaged", "Damaged entries that were removed"),
    ("expired", "Entries removed because they were too old"),
    ("evicted", "Entries removed to free space"),
];

/// The label that names the tier.
type Tier = [(&'static str, &'static str); 1];

/// The metrics of all tiers.
#[derive(Debug)]
pub struct CacheMetrics {
    registry: Registry,
    counts: [Family<Tier, Counter>; 9],
}

impl Default for CacheMetrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("recto_cache");
        let counts = NAMES.map(|(name, help)| metrics::new(&mut registry, name, help));
        CacheMetrics { registry, counts }
    }
}

impl CacheMetrics {
    /// The counts of the tier of this name, which are listed from now on.
    pub fn tier(&self, name: &'static str) -> TierCounts {
        let count = |family: &Family<Tier, Counter>| family.get_or_create_owned(&[("tier", name)]);
        let [
            hits,
            misses,
            hit_bytes,
            stored,
            skipped,
            errors,
            damaged,
            expired,
            evicted,
        ] = self.counts.each_ref().map(count);
        TierCounts {
            hits,
            misses,
            hit_bytes,
            stored,
            skipped,
            errors,
            damaged,
            expired,
            evicted,
        }
    }

    /// The disk space that cached answers take, which is listed from now on.
    pub fn disk_bytes(&mut self) -> Gauge {
        let help = "Disk space that cached answers take, approximately";
        metrics::new(&mut self.registry, "disk_bytes", help)
    }

    /// All of it as text.
    pub fn print(&self) -> String {
        metrics::text(&self.registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tier_stands_below_the_name_of_the_metric() {
        let mut metrics = CacheMetrics::default();
        let [memory, disk] = ["memory", "disk"].map(|name| metrics.tier(name));
        metrics.disk_bytes().set(4096);
        memory.hit(10);
        one(&disk.damaged);
        let text = metrics.print();
        for line in [
            "# HELP recto_cache_hits_total Answers that were found.",
            "# TYPE recto_cache_hits_total counter",
            "recto_cache_hits_total{tier=\"memory\"} 1",
            "recto_cache_hits_total{tier=\"disk\"} 0",
            "recto_cache_hit_bytes_total{tier=\"memory\"} 10",
            "recto_cache_damaged_total{tier=\"disk\"} 1",
            "# TYPE recto_cache_disk_bytes gauge",
            "recto_cache_disk_bytes 4096",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        // Each name has one header, whatever the number of tiers.
        let headers = text.lines().filter(|line| line.starts_with("# TYPE"));
        assert_eq!(headers.count(), NAMES.len() + 1);
    }
}
