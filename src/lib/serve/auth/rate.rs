//! How many requests a client may send: a token bucket for each client. It knows no clock: callers pass the time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use crate::serve::web::message::{Response, error_response};

/// The most buckets that are kept; a client without one starts with a full one.
const MOST: usize = 100_000;

/// A rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests per second, on average.
    pub per_second: f64,
    /// Requests at once after a pause.
    pub burst: u32,
}

/// The buckets of all clients.
#[derive(Debug)]
pub struct Buckets {
    rate: Rate,
    held: Mutex<HashMap<String, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    /// When it was last filled, milliseconds since 1970.
    at: i64,
}

impl Buckets {
    /// Full buckets for all clients.
    pub fn new(rate: Rate) -> Self {
        let held = Mutex::default();
        Buckets { rate, held }
    }

    /// Those from before, if the limit is the same; else full ones.
    pub fn again(before: Option<&Arc<Self>>, rate: Rate) -> Arc<Self> {
        match before.filter(|before| before.rate == rate) {
            Some(before) => before.clone(),
            None => Arc::new(Buckets::new(rate)),
        }
    }

    /// Takes one request from a client's bucket; `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// The bucket is empty: the seconds until the next request.
    pub fn take(&self, client: &str, now: i64) -> Result<(), u64> {
        self.with(client, now, |rate, bucket| bucket.take(rate))
    }

    /// Gives back what was taken from a client's bucket.
    pub fn give_back(&self, client: &str, now: i64) {
        self.with(client, now, |rate, bucket| {
            bucket.left = (bucket.left + 1.0).min(rate.burst.into());
        });
    }

    /// Whether a client's bucket is full.
    pub fn is_full(&self, client: &str, now: i64) -> bool {
        self.with(client, now, |rate, bucket| bucket.left >= rate.burst.into())
    }

    fn with<T>(&self, client: &str, now: i64, work: impl FnOnce(Rate, &mut Bucket) -> T) -> T {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MOST && !held.contains_key(client) {
            self.forget(&mut held, now);
        }
        let full = Bucket {
            left: self.rate.burst.into(),
            at: now,
        };
        let bucket = held.entry(client.to_owned()).or_insert(full);
        bucket.fill(self.rate, now);
        work(self.rate, bucket)
    }

    /// Removes full buckets, which changes nothing for their clients; if none is full, removes all.
    fn forget(&self, held: &mut HashMap<String, Bucket>, now: i64) {
        held.retain(|_, bucket| {
            bucket.fill(self.rate, now);
            bucket.left < self.rate.burst.into()
        });
        if held.len() >= MOST {
            held.clear();
        }
    }
}

impl Bucket {
    fn fill(&mut self, rate: Rate, now: i64) {
        // A clock that was set back fills nothing.
        let passed = (now - self.at).max(0) as f64 / 1000.0;
        self.left = (self.left + passed * rate.per_second).min(rate.burst.into());
        self.at = now;
    }

    fn take(&mut self, rate: Rate) -> Result<(), u64> {
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        Err(((1.0 - self.left) / rate.per_second).ceil().max(1.0) as u64)
    }
}

/// What counts as one anonymous client: an address, or for IPv6 the network of one subscriber (/64), and all whose address is
/// not known.
pub fn client(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => format!("{:x}", u128::from(address) >> 64),
        None => "unknown".into(),
    }
}

/// Whose requests count together: those of a user, or of an anonymous client.
pub fn sender(user: Option<&str>, address: Option<IpAddr>) -> String {
    match user {
        Some(user) => format!("user:{user}"),
        None => client(address),
    }
}

/// Status 429, with the seconds to wait.
pub fn too_many_requests(seconds: u64) -> Response {
    error_response(429, "too many requests, try again later")
        .with_header("retry-after", seconds.to_string())
        .with_header("cache-control", "no-store")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_emptied_and_fills_again() {
        let buckets = Buckets::new(Rate {
            per_second: 0.5,
            burst: 2,
        });
        let steps = [
            ("a", 0, Ok(())),
            ("a", 0, Ok(())),
            ("a", 0, Err(2)),
            ("b", 0, Ok(())),
            ("a", 1000, Err(1)),
            ("a", 2000, Ok(())),
            ("a", 1000, Err(2)),
            ("a", 60_000, Ok(())),
            ("a", 60_000, Ok(())),
            ("a", 60_000, Err(2)),
        ];
        for (client, now, wanted) in steps {
            if buckets.take(client, now).is_ok() {
                buckets.give_back(client, now);
            }
            assert_eq!(buckets.take(client, now), wanted, "{client} at {now}");
        }
    }

    #[test]
    fn too_many_clients_are_forgotten() {
        let buckets = Buckets::new(Rate {
            per_second: 1.0,
            burst: 5,
        });
        for n in 0..=MOST {
            assert_eq!(buckets.take(&n.to_string(), 0), Ok(()));
        }
        assert!(buckets.held.lock().unwrap().len() <= MOST);
    }
}
