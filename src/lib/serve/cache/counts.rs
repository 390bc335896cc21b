//! What happened in each tier of the cache, as Prometheus reads it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counts of a tier.
#[derive(Debug, Default)]
pub struct Counts {
    /// Answers that were there.
    pub hits: AtomicU64,
    /// Answers that were not.
    pub misses: AtomicU64,
    /// Bytes of answers that were there.
    pub hit_bytes: AtomicU64,
    /// Answers put there.
    pub stored: AtomicU64,
    /// Answers not put there: no room, out of order, or too much waits to be written.
    pub skipped: AtomicU64,
    /// Reads and writes that failed.
    pub errors: AtomicU64,
    /// Entries that were not whole, and removed.
    pub damaged: AtomicU64,
    /// Entries removed because their time was over.
    pub expired: AtomicU64,
    /// Entries removed to make room.
    pub evicted: AtomicU64,
}

impl Counts {
    /// Counts an answer that was there.
    pub fn hit(&self, bytes: usize) {
        one(&self.hits);
        self.hit_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn list(&self) -> [(&'static str, &'static str, &AtomicU64); 9] {
        [
            ("hits", "Answers that were there", &self.hits),
            ("misses", "Answers that were not there", &self.misses),
            (
                "hit_bytes",
                "Bytes of answers that were there",
                &self.hit_bytes,
            ),
            ("stored", "Answers put there", &self.stored),
            (
                "skipped",
                "Answers not put there, for want of room or order",
                &self.skipped,
            ),
            ("errors", "Reads and writes that failed", &self.errors),
            ("damaged", "Entries that were not whole", &self.damaged),
            ("expired", "Entries whose time was over", &self.expired),
            ("evicted", "Entries removed to make room", &self.evicted),
        ]
    }
}

/// Counts one more.
pub fn one(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// The counts of tiers as text, a metric after the other.
pub fn print(tiers: &[(&str, &Counts)]) -> String {
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
        let (memory, disk) = (Counts::default(), Counts::default());
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
