//! The hosts of a run: for each its pace, its robots.txt and its opt-outs, and the queue in which requests wait.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OnceCell};
use tokio::time::Instant;

use super::address::is_public;
use super::archives::Archives;
use super::budget_store::{BudgetStore, Permit};
use super::error::Error;
use super::freed::Freed;
use super::jobs::{Job, Jobs};
use super::judgment::Judgment;
use super::opt_out::Reservations;
use super::options::{Options, server_of};
use super::pacing::{BEHIND, Pacing, Turn};
use super::retry::FailedAttempt;
use super::robots::Robots;
use super::stats::HostStats;
use super::turns::Turns;
use crate::progress::Wait;

/// All hosts that were asked.
#[derive(Debug)]
pub struct Hosts {
    archives: Archives,
    by_name: Mutex<HashMap<String, Arc<Host>>>,
    /// Requests of earlier runs without `--contact`, by host.
    anonymous: BTreeMap<String, u64>,
    /// The hosts where a place has become free.
    pub freed: Arc<Freed>,
    /// Images from all over the set that have to be refused too before a host is given up.
    pub samples: u32,
    /// Where others who ask the same hosts share their rate limits.
    store: Option<Arc<BudgetStore>>,
}

/// One host, `name:port`.
#[derive(Debug)]
pub struct Host {
    /// Tells it from the others of the run.
    pub number: usize,
    /// `name:port`.
    name: String,
    all: Arc<Freed>,
    store: Option<Arc<BudgetStore>>,
    /// Those of the programs that are known to share it.
    turns: Turns,
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
    /// No hosts yet; `archives` are the limits known beforehand, `store` is where others share them.
    pub fn new(archives: Archives, store: Option<BudgetStore>) -> Self {
        Hosts {
            archives,
            by_name: Mutex::default(),
            anonymous: BTreeMap::new(),
            freed: Arc::default(),
            samples: 0,
            store: store.map(Arc::new),
        }
    }

    /// Continues the counts of requests without `--contact` where earlier runs left them, by host.
    pub fn continue_anonymous(&mut self, anonymous: BTreeMap<String, u64>) {
        self.anonymous = anonymous;
    }

    /// The host of a URL.
    pub fn of(&self, url: &url::Url, options: &Options) -> Arc<Host> {
        let domain = url.host_str().unwrap_or_default().trim_end_matches('.');
        let port = url.port_or_known_default().unwrap_or(0);
        let name = format!("{domain}:{port}");
        let mut hosts = self.lock();
        if let Some(known) = hosts.get(&name) {
            return known.clone();
        }
        let anonymous = self.anonymous.get(&name).copied().unwrap_or_default();
        let server = server_of(url).unwrap_or_default();
        // Plans of before name hosts with their ports.
        let shared = options
            .shared
            .get(&server)
            .or_else(|| options.shared.get(&name));
        let (which, sharing) = shared.copied().unwrap_or((0, 1));
        // The same server by the other scheme.
        let twin = match port {
            80 => hosts.get(&format!("{domain}:443")).cloned(),
            443 => hosts.get(&format!("{domain}:80")).cloned(),
            _ => None,
        };
        let limit = self.archives.limit_for(options, domain, sharing);
        let judgment = Judgment::new(options.give_up, self.samples);
        let turns = Turns::of(
            options.worker * sharing.max(1) + which,
            options.workers.max(1) * sharing.max(1),
        );
        let pacing = Pacing::new(Instant::now(), limit, judgment);
        let pacing = match twin {
            Some(twin) => pacing.beside(&twin.pacing()),
            None => pacing,
        };
        let host = Arc::new(Host {
            number: hosts.len(),
            name: name.clone(),
            store: self.store.clone(),
            turns,
            all: self.freed.clone(),
            pacing: Mutex::new(match self.store {
                Some(_) => pacing,
                None => pacing.in_turns(turns),
            }),
            freed: Notify::new(),
            robots: OnceCell::new(),
            reservations: OnceCell::new(),
            is_public: is_public(url),
            anonymous,
        });
        hosts.insert(name, host.clone());
        host
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
        let was_asked = |host: &Host| host.pacing().stats.requests > 0;
        let public = hosts
            .iter()
            .filter(|(_, host)| host.is_public && was_asked(host));
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
            .filter(|(_, stats)| stats.requests > 0 || stats.stopped.is_some())
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
        waiting.extend(self.store.iter().filter_map(|store| store.waits()));
        waiting.sort_by(|a, b| a.host.cmp(&b.host));
        waiting
    }

    /// What the user should know of the store at the end.
    pub fn note_of_store(&self) -> Option<String> {
        self.store.as_ref()?.note()
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

    /// Waits in a place until a request of a job may be sent. `over_budget` ends the wait.
    ///
    /// # Errors
    /// If the host was given up, or the budget is used up.
    pub async fn slot(
        self: &Arc<Self>,
        place: Place,
        job: &Arc<Job>,
        jobs: &Jobs,
        over_budget: impl Fn() -> Option<Error>,
    ) -> Result<Slot, FailedAttempt> {
        let start = Instant::now();
        let mut paused = Duration::ZERO;
        let again = place.again;
        let mut yielded = 0;
        loop {
            if let Some(error) = over_budget() {
                self.freed.notify_one();
                return Err(error.into());
            }
            let freed = self.freed.notified();
            let yields = yielded < MAX_YIELDS;
            match self.take_turn(again, yields, job, jobs).await {
                Turn::Go => break,
                Turn::Wait(until) => {
                    let now = Instant::now();
                    match self.pacing().is_paused(now) {
                        true => paused += until.saturating_duration_since(now),
                        false => yielded += u32::from(until <= now + BEHIND),
                    }
                    // Passed on before sleeping: a request that is dropped while asleep would take the wake-up along.
                    self.freed.notify_one();
                    tokio::time::sleep_until(until).await;
                }
                Turn::Full => freed.await,
                Turn::Stopped(error) => {
                    self.freed.notify_one();
                    return Err(FailedAttempt::from(error).at_most(0));
                }
            }
        }
        drop(place);
        // The window may have grown: another may be sent too.
        self.freed.notify_one();
        let stats = &mut self.pacing().stats;
        stats.retries += u64::from(again);
        stats.paused += paused;
        stats.waited += start.elapsed().saturating_sub(paused);
        Ok(Slot {
            host: self.clone(),
            active: Active(job.clone()),
        })
    }

    /// Takes the next turn for a request of a job, if there is one, and notes that the job is active.
    async fn take_turn(&self, again: bool, yields: bool, job: &Arc<Job>, jobs: &Jobs) -> Turn {
        let mut turn = self.pacing().outlook(Instant::now(), again, yields);
        if matches!(turn, Turn::Go) {
            // The wait for a job may take its turn away.
            jobs.start(job).await;
            turn = self.pacing().turn(Instant::now(), again, yields);
            if matches!(turn, Turn::Go)
                && let Some(until) = self.is_behind_others().await
            {
                turn = Turn::Wait(until);
            }
            if !matches!(turn, Turn::Go) {
                job.end();
            }
        }
        turn
    }

    /// Until when a request has to wait because of others who share the host; the turn that was taken for it is given back
    /// then. None: it may be sent.
    async fn is_behind_others(&self) -> Option<Instant> {
        let store = self.store.as_ref()?;
        let mut taken = Taken(Some(self));
        let per_second = self.pacing().per_second();
        // Held apart: what waits for Redis would make every request larger.
        let permit = Box::pin(store.permit(&self.name, per_second, self.turns)).await;
        taken.0 = None;
        let now = Instant::now();
        match permit {
            Permit::Go => None,
            Permit::After(wait) => {
                self.pacing().gives_way(now + wait);
                Some(now + wait)
            }
            // The pause may be one for which the host is left: that is looked at again at once.
            Permit::Paused(wait) => {
                self.pacing().told_to_pause(now, now + wait);
                Some(now)
            }
        }
    }

    /// Tells the others who share the host that it asked for a pause.
    pub async fn share_pause(&self, pause: Duration) {
        if let Some(store) = &self.store {
            Box::pin(store.pause(&self.name, pause)).await;
        }
    }

    /// Says that a place may have become free here.
    pub fn frees_a_place(&self) {
        self.all.add(self.number);
    }
}

/// A turn that is given back if whoever took it is gone before it is known whether it may be used.
struct Taken<'a>(Option<&'a Host>);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(host) = self.0 {
            host.pacing().gives_way(Instant::now());
            host.freed.notify_one();
            host.frees_a_place();
        }
    }
}

/// A request that waits for its turn at a host, or an image whose first request will.
#[derive(Debug)]
pub struct Place {
    host: Arc<Host>,
    again: bool,
    is_sample: bool,
}

impl Place {
    /// At a host; `again`: for a request that failed before.
    pub fn at(host: &Arc<Host>, again: bool) -> Self {
        host.pacing().joined(again);
        Place {
            host: host.clone(),
            again,
            is_sample: false,
        }
    }

    /// The place of an image that is asked for to see whether the host refuses everything.
    pub fn of_sample(self) -> Self {
        let mut place = self;
        place.is_sample = true;
        place
    }

    /// Whether it is that of such an image.
    pub fn is_sample(&self) -> bool {
        self.is_sample
    }

    /// Whether it is at this host.
    pub fn is_at(&self, host: &Arc<Host>) -> bool {
        Arc::ptr_eq(&self.host, host)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.host.pacing().left_queue(self.again);
        self.host.frees_a_place();
    }
}

/// How often a request leaves its turn to another one, [`BEHIND`] each.
const MAX_YIELDS: u32 = 5;

/// A place among the requests in flight to a host.
pub struct Slot {
    host: Arc<Host>,
    active: Active,
}

impl Slot {
    /// The image stays active while its answer is checked; the request is no longer in flight.
    pub fn end(self) -> Active {
        self.active.clone()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.host.pacing().ended();
        self.host.freed.notify_one();
        self.host.frees_a_place();
    }
}

/// An image that counts among the jobs.
pub struct Active(Arc<Job>);

impl Clone for Active {
    fn clone(&self) -> Self {
        self.0.add();
        Active(self.0.clone())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.end();
    }
}
