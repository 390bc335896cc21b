//! The hosts of a run: for each its pace, its robots.txt and its opt-outs, and the queue in which requests wait.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OnceCell};

use super::address::is_public;
use super::archives::Archives;
use super::error::Error;
use super::opt_out::Reservations;
use super::options::Options;
use super::pacing::{Pacing, Turn};
use super::retry::FailedAttempt;
use super::robots::Robots;
use super::stats::HostStats;
use crate::progress::Wait;

/// All hosts that were asked.
#[derive(Debug)]
pub struct Hosts {
    archives: Archives,
    by_name: Mutex<HashMap<String, Arc<Host>>>,
    /// Requests of earlier runs without `--contact`, by host.
    anonymous: BTreeMap<String, u64>,
}

/// One host, `name:port`.
#[derive(Debug)]
pub struct Host {
    pacing: Mutex<Pacing>,
    /// Wakes a request that waits for one in flight to end.
    freed: Notify,
    /// Its robots.txt, fetched once.
    pub robots: OnceCell<Robots>,
    /// Its tdmrep.json, fetched once.
    pub reservations: OnceCell<Reservations>,
    /// Whether it is one of the public web.
    pub is_public: bool,
    /// Requests of earlier runs without `--contact`.
    anonymous: u64,
}

impl Hosts {
    /// No hosts yet; `archives` are the limits known beforehand.
    pub fn new(archives: Archives) -> Self {
        Hosts {
            archives,
            by_name: Mutex::default(),
            anonymous: BTreeMap::new(),
        }
    }

    /// Continues the counts of requests without `--contact` where earlier runs left them, by host.
    pub fn continue_anonymous(&mut self, anonymous: BTreeMap<String, u64>) {
        self.anonymous = anonymous;
    }

    /// The host of a URL.
    pub fn of(&self, url: &url::Url, options: &Options) -> Arc<Host> {
        let domain = url.host_str().unwrap_or_default();
        let name = format!("{domain}:{}", url.port_or_known_default().unwrap_or(0));
        let anonymous = self.anonymous.get(&name).copied().unwrap_or_default();
        let new = || {
            let limit = self.archives.limit_for(options, domain);
            Arc::new(Host {
                pacing: Mutex::new(Pacing::new(Instant::now(), limit)),
                freed: Notify::new(),
                robots: OnceCell::new(),
                reservations: OnceCell::new(),
                is_public: is_public(url),
                anonymous,
            })
        };
        self.lock().entry(name).or_insert_with(new).clone()
    }

    /// Requests without `--contact` in this run and earlier ones, by public host; `is_anonymous` says whether this run
    /// has none.
    pub fn anonymous(&self, is_anonymous: bool) -> BTreeMap<String, u64> {
        let mut all = self.anonymous.clone();
        let hosts = self.lock();
        let public = hosts
            .iter()
            .filter(|(_, host)| host.is_public && is_anonymous);
        for (name, host) in public {
            *all.entry(name.clone()).or_default() += host.pacing().stats.requests;
        }
        all
    }

    /// The names of the public hosts that were asked, sorted.
    pub fn public_names(&self) -> Vec<String> {
        let hosts = self.lock();
        let public = hosts.iter().filter(|(_, host)| host.is_public);
        let mut names: Vec<String> = public.map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }

    /// Statistics of each host, by name.
    pub fn stats(&self) -> Vec<(String, HostStats)> {
        let hosts = self.lock();
        let mut stats: Vec<_> = hosts
            .iter()
            .map(|(name, host)| (name.clone(), host.pacing().stats.clone()))
            .collect();
        stats.sort_by(|a, b| a.0.cmp(&b.0));
        stats
    }

    /// The hosts whose requests wait now, by name.
    pub fn waiting(&self) -> Vec<Wait> {
        let now = Instant::now();
        let wait = |(name, host): (&String, &Arc<Host>)| {
            let (why, time) = host.pacing().hold(now)?;
            Some(Wait {
                host: name.clone(),
                why,
                seconds: time.map(|time| (time.as_secs_f64() * 10.0).round() / 10.0),
            })
        };
        let mut waiting: Vec<Wait> = self.lock().iter().filter_map(wait).collect();
        waiting.sort_by(|a, b| a.host.cmp(&b.host));
        waiting
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Host>>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    /// What it answered so far.
    pub fn pacing(&self) -> MutexGuard<'_, Pacing> {
        self.pacing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests without `--contact` so far, those of earlier runs included.
    pub fn requests_so_far(&self) -> u64 {
        self.anonymous + self.pacing().stats.requests
    }

    /// Waits until a request may be sent. `again`: it failed before. `over_budget` ends the wait.
    ///
    /// # Errors
    /// If the host was given up, or the budget is used up.
    pub async fn slot(
        self: &Arc<Self>,
        again: bool,
        over_budget: impl Fn() -> Option<Error>,
    ) -> Result<Slot, FailedAttempt> {
        let start = Instant::now();
        let mut paused = Duration::ZERO;
        let _queued = (!again).then(|| Queued::at(self));
        loop {
            if let Some(error) = over_budget() {
                self.freed.notify_one();
                return Err(error.into());
            }
            let freed = self.freed.notified();
            let turn = match again {
                true => self.pacing().turn_again(Instant::now()),
                false => self.pacing().turn(Instant::now()),
            };
            match turn {
                Turn::Go => break,
                Turn::Wait(until) => {
                    let now = Instant::now();
                    if self.pacing().is_paused(now) {
                        paused += until.saturating_duration_since(now);
                    }
                    // Passed on before sleeping: a request that is dropped while asleep would take the wake-up along.
                    self.freed.notify_one();
                    tokio::time::sleep_until(until.into()).await;
                }
                Turn::Full => freed.await,
                Turn::Stopped(error) => {
                    self.freed.notify_one();
                    return Err(FailedAttempt::from(error).at_most(0));
                }
            }
        }
        // The window may have grown: another may be sent too.
        self.freed.notify_one();
        let stats = &mut self.pacing().stats;
        stats.retries += u64::from(again);
        stats.paused += paused;
        stats.waited += start.elapsed().saturating_sub(paused);
        Ok(Slot(self.clone()))
    }
}

/// A place among the requests in flight to a host.
pub struct Slot(Arc<Host>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.pacing().ended();
        self.0.freed.notify_one();
    }
}

/// A request that waits for its first turn.
struct Queued<'a>(&'a Host);

impl<'a> Queued<'a> {
    fn at(host: &'a Host) -> Self {
        host.pacing().joined();
        Queued(host)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.pacing().left_queue();
    }
}
