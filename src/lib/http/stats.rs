//! What one host was asked in this run, and how it answered.

use std::time::Duration;

/// Statistics of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostStats {
    /// Requests sent, redirects included.
    pub requests: u64,
    /// Body bytes received.
    pub bytes: u64,
    /// Requests that repeat one that failed.
    pub retries: u64,
    /// How long requests waited for the rate limit or a free slot, summed over all.
    pub waited: Duration,
    /// How long requests waited because the host asked for a pause, was overloaded or could not be reached, summed.
    pub paused: Duration,
    /// Why it was not asked any more, if it was given up before the end.
    pub stopped: Option<String>,
    latencies: Latencies,
}

/// Counts of latencies in buckets that grow by a quarter of an octave from a tenth of a millisecond: percentiles within
/// a fifth, in 384 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Latencies([u32; BUCKETS]);

const BUCKETS: usize = 96;
const FIRST: f64 = 1e-4;

impl Default for Latencies {
    fn default() -> Self {
        Latencies([0; BUCKETS])
    }
}

impl HostStats {
    /// Counts an answer that began this long after its request.
    pub fn answered_after(&mut self, latency: Duration) {
        let octaves = (latency.as_secs_f64().max(FIRST) / FIRST).log2();
        let bucket = ((octaves * 4.0) as usize).min(BUCKETS - 1);
        self.latencies.0[bucket] = self.latencies.0[bucket].saturating_add(1);
    }

    /// The latency that this share of the answers (0 to 1) did not exceed; none before the first answer.
    pub fn percentile(&self, share: f64) -> Option<Duration> {
        let total: u64 = self.latencies.0.iter().map(|&n| u64::from(n)).sum();
        let wanted = (total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, &n) in self.latencies.0.iter().enumerate() {
            seen += u64::from(n);
            if seen >= wanted && total > 0 {
                let upper = FIRST * 2f64.powf((bucket + 1) as f64 / 4.0);
                return Some(Duration::from_secs_f64(upper));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_within_a_fifth() {
        let mut stats = HostStats::default();
        assert_eq!(stats.percentile(0.5), None);
        (1..=1000).for_each(|ms| stats.answered_after(Duration::from_millis(ms)));
        for (share, exact) in [(0.5, 0.5), (0.99, 0.99)] {
            let found = stats.percentile(share).unwrap().as_secs_f64();
            assert!((exact..exact * 1.2).contains(&found), "{share}: {found}");
        }
    }
}
