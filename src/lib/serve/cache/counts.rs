//! What happened in each tier of the cache, in the text format of Prometheus.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counts of a tier.
#[derive(Debug, Default)]
pub struct TierCounts {
    /// Answers that were found.
    pub hits: AtomicU64,
    /// Answers that were not found.
    pub misses: AtomicU64,
    /// Bytes of the answers that were found.
    pub hit_bytes: AtomicU64,
    /// Answers that were stored.
    pub stored: AtomicU64,
    /// Answers that were not stored: the tier is full or out of order, or too many writes are waiting.
    pub skipped: AtomicU64,
    /// Reads and writes that failed.
    pub errors: AtomicU64,
    /// Damaged entries, which were removed.
    pub damaged: AtomicU64,
    /// Entries that were removed because they were too old.
    pub expired: AtomicU64,
    /// Entries that were removed to free space.
    pub evicted: AtomicU64,
}

impl TierCounts {
    /// Counts an answer of so many bytes that was found.
    pub fn hit(&self, bytes: usize) {
        one(&self.hits);
        self.hit_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn list(&self) -> [(&'static str, &'static str, &AtomicU64); 9] {
        [
            ("hits", "Answers that were found", &self.hits),
            ("misses", "Answers that were not found", &self.misses),
            (
                "hit_bytes",
                "Bytes of the answers that were found",
                &self.hit_bytes,
            ),
            ("stored", "Answers that were stored", &self.stored),
            (
                "skipped",
                "Answers that were not stored: tier full, out of order or busy",
                &self.skipped,
            ),
            ("errors", "Reads and writes that failed", &self.errors),
            (
                "damaged",
                "Damaged entries that were removed",
                &self.damaged,
            ),
            (
                "expired",
                "Entries removed because they were too old",
                &self.expired,
            ),
            ("evicted", "Entries removed to free space", &self.evicted),
        ]
    }
}

/// Adds one to a count.
pub fn one(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// The counts of named tiers, one metric after the other.
pub fn print(tiers: &[(&str, &TierCounts)]) -> String {
    let mut text = String::new();
    let first = tiers.first().map(|(_, counts)| counts.list());
    for (at, (name, help, _)) in first.into_iter().flatten().enumerate() {
        let name = format!("recto_cache_{name}_total");
        text += &format!("# HELP {name} {help}\n# TYPE {name} counter\n");
        for (tier, counts) in tiers {
            let value = counts.list()[at].2.load(Ordering::Relaxed);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name}{{tier=\"{tier}\"}} {value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tier_stands_below_the_name_of_the_metric() {
        let (memory, disk) = (TierCounts::default(), TierCounts::default());
        memory.hit(10);
        one(&disk.damaged);
        let text = print(&[("memory", &memory), ("disk", &disk)]);
        let wanted = "# TYPE recto_cache_hits_total counter\nrecto_cache_hits_total{tier=\"memory\"} 1\n\
            recto_cache_hits_total{tier=\"disk\"} 0\n";
        assert!(text.contains(wanted), "{text}");
        assert!(text.contains("recto_cache_hit_bytes_total{tier=\"memory\"} 10\n"));
        assert!(text.contains("recto_cache_damaged_total{tier=\"disk\"} 1\n"));
    }
}
