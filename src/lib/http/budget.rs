//! What a run has cost so far, held against `--budget`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::error::Error;
use super::options::Budget;
use crate::summary::counted;

/// What a run has cost.
#[derive(Debug)]
pub struct Spent {
    start: Instant,
    requests: AtomicU64,
    bytes: AtomicU64,
    budget: Option<Budget>,
}

impl Spent {
    /// Nothing yet; time runs from now on.
    pub fn new(budget: Option<Budget>) -> Self {
        Spent {
            start: Instant::now(),
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            budget,
        }
    }

    /// How long the run lasts.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The requests sent and body bytes received.
    pub fn read(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.requests), of(&self.bytes))
    }

    /// Counts a request that is sent now; the error if the budget has none left: others may have been sent since the one that asks
    /// was allowed.
    pub fn take_request(&self) -> Option<Error> {
        let most = self.budget.and_then(|budget| budget.requests);
        let next = |sent: u64| most.is_none_or(|most| sent < most).then_some(sent + 1);
        let taken = self
            .requests
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        taken.err().and_then(|_| self.over_budget())
    }

    /// Counts body bytes.
    pub fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The error of a body of which `got` bytes have come, once the budget's bytes or its time are used up. A small body
    /// may end.
    pub fn over_budget_within(&self, got: u64) -> Option<Error> {
        const SMALL: u64 = 1 << 20;
        const SHORT: Duration = Duration::from_secs(2);
        let budget = self.budget?;
        let is_small = got <= SMALL;
        let late = if is_small { SHORT } else { Duration::ZERO };
        let is_over = !is_small && budget.bytes.is_some_and(|most| self.read().1 > most)
            || budget
                .time
                .is_some_and(|most| self.start.elapsed() >= most + late);
        is_over
            .then(|| self.over_budget())
            .flatten()
            .map(Error::within_answer)
    }

    /// The error of further requests, once the budget is used up.
    pub fn over_budget(&self) -> Option<Error> {
        let budget = self.budget?;
        let (requests, bytes) = self.read();
        let spent = if budget.requests.is_some_and(|most| requests >= most) {
            counted(requests, "request", "requests")
        } else if budget.bytes.is_some_and(|most| bytes >= most) {
            counted(bytes, "byte", "bytes")
        } else if budget.time.is_some_and(|most| self.start.elapsed() >= most) {
            format!("{} s", self.start.elapsed().as_secs())
        } else {
            return None;
        };
        Some(Error::budget(&spent))
    }
}
