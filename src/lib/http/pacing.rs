//! The pace of requests to one host, as a state machine without a clock: it is told what the host answered, and says
//! when the next request may be sent. 429, 503 and `Retry-After` are handled here.
//!
//! A host first receives few requests: two at a time and two per second. Both limits grow while its answers come as fast
//! as before, up to what the user and the known limits of archives allow; both are halved when it is overloaded. After a
//! pause one request is sent, alone, and repeated requests and new ones take turns.
//!
//! What one URL does is not what its host does: `judgment` tells them apart.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::{Error, Kind};
use super::judgment::{Asker, Blame, Judgment};
use super::retry::LONGEST_WAIT;
use super::stats::HostStats;
use super::turns::Turns;

/// How the message about a URL begins that was not requested because its host was left: another run asks for it first.
pub const LEFT: &str = "the host is not asked any more in this run";

/// The most requests that a host receives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestLimit {
    /// Requests in flight.
    pub at_once: u16,
    /// Requests per second; 0: no limit.
    pub per_second: f64,
}

/// Whether a request may be sent.
#[derive(Debug)]
pub enum Turn {
    /// Now; with [`Pacing::turn`] it counts as in flight until [`Pacing::ended`].
    Go,
    /// Not before then.
    Wait(Instant),
    /// When one that is in flight has ended.
    Full,
    /// Not in this run any more.
    Stopped(Error),
}

/// What a host answered so far, and what follows for the next request.
#[derive(Debug)]
pub struct Pacing {
    limit: RequestLimit,
    /// When requests may go of which other programs send their part; the limit is that part.
    turns: Option<Turns>,
    /// How many requests may be in flight now.
    window: f64,
    in_flight: u32,
    /// Requests per second now; 0: no limit.
    rate: f64,
    /// Whether the host was overloaded before: then both grow slowly.
    is_wary: bool,
    /// Window, rate and wariness before the host was overloaded.
    before: Option<(f64, f64, bool)>,
    /// Whether both were halved since they last grew: once is enough for all pauses that follow one another.
    is_halved: bool,
    /// Whether nothing but errors came since the last pause: one request at a time.
    is_probing: bool,
    /// Whether the next request of those is a repeated one.
    probes_again: bool,
    recent: Latency,
    next_slot: SharedSlot,
    paused_until: Instant,
    /// Why it is paused, in the words of [`Pacing::hold`].
    why_paused: &'static str,
    stopped: Option<(Kind, String)>,
    /// Requests that wait for a turn: new ones, and repeated ones.
    waiting: [u32; 2],
    /// Pauses in a row because the host was overloaded.
    overloads: u32,
    /// Whose fault errors are.
    pub judgment: Judgment,
    /// Since when, and how often, the host could not be reached.
    unreachable: Option<(Instant, u32)>,
    silence: Silence,
    /// Whether a body has ended, and how many stalled since.
    stalls: Stalls,
    /// Statistics of this run.
    pub stats: HostStats,
}

/// When the next request may go to a server, which may be asked by http and by https.
#[derive(Clone, Debug)]
struct SharedSlot(Arc<Mutex<Instant>>);

impl SharedSlot {
    fn lock(&self) -> MutexGuard<'_, Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self) -> Instant {
        *self.lock()
    }

    fn set(&self, until: Instant) {
        *self.lock() = until;
    }

    /// Takes it, unless another one has; then until when.
    fn take(&self, now: Instant, apart: Duration) -> Result<(), Instant> {
        let mut slot = self.lock();
        if *slot > now {
            return Err(*slot);
        }
        *slot = now + apart;
        Ok(())
    }
}

/// How fast answers came since the window last grew, and before that.
#[derive(Debug, Default)]
struct Latency {
    sum: Duration,
    answers: u32,
    before: Option<Duration>,
}

/// How long a host has not answered at all.
#[derive(Debug, Default)]
struct Silence {
    /// Whether it answered before.
    has_answered: bool,
    /// When the first request was sent of those that it left without an answer, how many there were one after the other, and
    /// when the last of these ended.
    since: Option<(Instant, u32, Instant)>,
}

/// How often bodies of a host began and did not end.
#[derive(Debug, Default)]
struct Stalls {
    /// Whether any ended.
    has_ended: bool,
    /// Those that stalled since, each image once.
    images: HashSet<u64>,
    /// How often that was, those at the same time being once.
    times: u32,
    last: Option<Instant>,
}

/// Requests in flight at first.
const FIRST_WINDOW: f64 = 2.0;
/// Requests per second at first.
const FIRST_RATE: f64 = 2.0;
/// The lowest rate that is chosen here, in requests per second.
const SLOWEST: f64 = 0.1;
/// The longest pause that is chosen here.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Answers that come this much later than before do not mean that the host is overloaded.
const SLACK: Duration = Duration::from_millis(50);
/// How long a request waits for one whose turn it is.
pub const BEHIND: Duration = Duration::from_millis(20);
/// Pauses in a row, each longer than the one before, after which a host that is still overloaded is given up.
const MAX_OVERLOADS: u32 = 10;
/// Pauses in a row after which new images are taken from all over the set: those that come next in it may be refused for good.
const SAMPLED_AFTER: u32 = 3;
/// A host is given up when it could not be reached this often in a row…
const MAX_UNREACHED: u32 = 8;
/// …over at least this many times the first wait between retries.
const UNREACHED_FOR: u32 = 30;
/// A host that answered before is given up after so many requests in a row without an answer.
const MAX_SILENT: u32 = 3;

impl Pacing {
    /// For a host of which nothing is known yet.
    pub fn new(now: Instant, limit: RequestLimit, judgment: Judgment) -> Self {
        Pacing {
            limit,
            turns: None,
            window: FIRST_WINDOW.min(limit.at_once.into()),
            in_flight: 0,
            rate: FIRST_RATE.min(limit.per_second),
            is_wary: false,
            before: None,
            is_halved: false,
            is_probing: false,
            probes_again: true,
            recent: Latency::default(),
            next_slot: SharedSlot(Arc::new(Mutex::new(now))),
            paused_until: now,
            why_paused: "strain",
            stopped: None,
            waiting: [0, 0],
            overloads: 0,
            judgment,
            unreachable: None,
            silence: Silence::default(),
            stalls: Stalls::default(),
            stats: HostStats::default(),
        }
    }

    /// For one of several programs that share the host, each with its part of the rate.
    pub fn in_turns(self, turns: Turns) -> Self {
        let mut pacing = self;
        pacing.turns = Some(turns);
        pacing
    }

    /// For a host that is on one machine with another: requests to both keep their distance.
    pub fn beside(self, other: &Pacing) -> Self {
        Pacing {
            next_slot: other.next_slot.clone(),
            ..self
        }
    }

    /// How many programs share the host, each with its part of the rate.
    fn programs(&self) -> f64 {
        self.turns.map_or(1, |turns| turns.count) as f64
    }

    /// Another request waits for a turn.
    pub fn joined(&mut self, again: bool) {
        self.waiting[usize::from(again)] += 1;
    }

    /// One of those that waited for a turn does so no longer.
    pub fn left_queue(&mut self, again: bool) {
        let waiting = &mut self.waiting[usize::from(again)];
        *waiting = waiting.saturating_sub(1);
    }

    /// Whether a request could be sent. `yields`: whether it leaves its turn to one of the other kind, new or repeated,
    /// where only one request at a time is sent.
    pub fn outlook(&mut self, now: Instant, again: bool, yields: bool) -> Turn {
        if let Some(left) = self.pause_left(now).filter(|left| *left > LONGEST_WAIT) {
            let seconds = left.as_secs();
            let why = format!("its quota is used up, for {seconds} s; run again after that");
            self.stop(Kind::TooMany, why);
        }
        if let Some((kind, message)) = &self.stopped {
            return Turn::Stopped(Error::host_stopped(*kind, message));
        }
        if self.in_flight >= self.room() {
            return Turn::Full;
        }
        let mut free = self.next_slot.get().max(self.paused_until);
        if let Some(turns) = &self.turns {
            free = turns.next(free.max(now), self.limit.per_second * self.programs());
        }
        if free > now {
            return Turn::Wait(free);
        }
        let has_rival = self.waiting[usize::from(!again)] > 0;
        if yields && self.is_probing && has_rival && self.probes_again != again {
            return Turn::Wait(now + BEHIND);
        }
        Turn::Go
    }

    /// Whether the next image should be taken from all over the set, to see whether the host refuses everything: which of
    /// the samples it is.
    pub fn wants_sample(&mut self) -> Option<u32> {
        match self.overloads >= SAMPLED_AFTER {
            true => self.judgment.next_sample(),
            false => self.judgment.wants_sample(),
        }
    }

    /// Takes the next turn, if there is one.
    pub fn turn(&mut self, now: Instant, again: bool, yields: bool) -> Turn {
        let turn = self.outlook(now, again, yields);
        if matches!(turn, Turn::Go) {
            if self.rate > 0.0 {
                let apart = Duration::from_secs_f64(1.0 / self.rate);
                if let Err(until) = self.next_slot.take(now, apart) {
                    return Turn::Wait(until);
                }
            }
            self.probes_again = !again;
            self.in_flight += 1;
            self.stats.requests += 1;
        }
        turn
    }

    /// A turn that was taken is not used: other programs come first, until then.
    pub fn gives_way(&mut self, until: Instant) {
        self.ended();
        self.stats.requests = self.stats.requests.saturating_sub(1);
        self.next_slot.set(until);
    }

    /// A turn that was taken is not used: the host asked another program for a pause, until then.
    pub fn told_to_pause(&mut self, now: Instant, until: Instant) {
        self.gives_way(now);
        let wait = until.saturating_duration_since(now);
        if wait > LONGEST_WAIT {
            let seconds = wait.as_secs();
            let why = format!(
                "it asked another worker for a pause, of which {seconds} s are left; run again after that"
            );
            return self.stop(Kind::TooMany, why);
        }
        self.probes_again &= self.is_probing;
        self.is_probing = true;
        self.pause_until(until, "other-worker");
    }

    /// How much longer the host is left alone, if it is in a pause.
    pub fn pause_left(&self, now: Instant) -> Option<Duration> {
        let left = self.paused_until.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// Requests per second that are allowed; 0: no limit.
    pub fn per_second(&self) -> f64 {
        self.limit.per_second
    }

    /// Whether another image should be started: only where its request can be sent at once.
    pub fn wants(&mut self, now: Instant) -> Turn {
        let [new, again] = self.waiting;
        // A repeated request must not keep the host from being tried with a new one, which waits for its turn with it.
        if self.is_probing && new == 0 && self.stopped.is_none() {
            return Turn::Go;
        }
        let ahead = if self.is_probing { new } else { new + again };
        match self.outlook(now, false, false) {
            Turn::Go | Turn::Wait(_) if self.in_flight + ahead >= self.room() => Turn::Full,
            turn => turn,
        }
    }

    /// How many requests may be in flight now.
    fn room(&self) -> u32 {
        match self.is_probing {
            true => 1,
            false => self.window.max(1.0) as u32,
        }
    }

    /// A request that was sent has ended, however it did.
    pub fn ended(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// One request at a time from now on, and no more per second than this, of all programs that share the host: the
    /// `Crawl-delay` of its robots.txt.
    pub fn slow_to(&mut self, per_second: f64) {
        let per_second = per_second / self.programs();
        let allowed = if self.limit.per_second > 0.0 {
            self.limit.per_second.min(per_second)
        } else {
            per_second
        };
        self.limit = RequestLimit {
            at_once: 1,
            per_second: allowed,
        };
        (self.window, self.rate, self.before) = (1.0, allowed, None);
    }

    /// Whether the host is paused, rather than only limited in rate.
    pub fn is_paused(&self, now: Instant) -> bool {
        self.pause_left(now).is_some()
    }

    /// Why requests to the host wait, and how much longer; no time when it was given up. The reasons are those of
    /// `--progress json`.
    pub fn hold(&self, now: Instant) -> Option<(&'static str, Option<Duration>)> {
        const WORTH_REPORTING: Duration = Duration::from_secs(1);
        let until = |then: Instant| Some(then.saturating_duration_since(now));
        match self {
            _ if self.stopped.is_some() => Some(("stopped", None)),
            _ if self.paused_until > now => Some((self.why_paused, until(self.paused_until))),
            _ if self.next_slot.get() > now + WORTH_REPORTING => {
                Some(("pace", until(self.next_slot.get())))
            }
            _ => None,
        }
    }

    /// The host's quota is used up until `wait` has passed. Where that is longer than anything is waited for, the host is left
    /// when the next request wants a turn: what was asked for until then may be all.
    pub fn quota_used_up(&mut self, now: Instant, wait: Duration) {
        self.pause_until(now + wait, "rate-limit");
    }

    fn pause_until(&mut self, until: Instant, why: &'static str) {
        if until > self.paused_until {
            (self.paused_until, self.why_paused) = (until, why);
        }
    }

    /// An answer that is not an error began this long after its request.
    pub fn succeeded(&mut self, latency: Duration) {
        let recent = &mut self.recent;
        recent.sum += latency;
        recent.answers += 1;
        if f64::from(recent.answers) < self.window.max(2.0) {
            return;
        }
        let mean = recent.sum / recent.answers;
        let is_flat = recent
            .before
            .is_none_or(|before| mean <= before.mul_f64(1.5) + SLACK);
        // The expected latency rises slowly: a host may have become slower for good.
        let before = recent.before.map_or(mean, |before| before.mul_f64(1.05));
        self.recent = Latency {
            before: Some(if is_flat {
                mean.max(before.min(mean))
            } else {
                before
            }),
            ..Latency::default()
        };
        if is_flat {
            self.grow();
        }
    }

    fn grow(&mut self) {
        self.is_halved = false;
        let (window, rate) = match self.is_wary {
            true => (self.window + 1.0, self.rate * 1.25),
            false => (self.window * 2.0, self.rate * 2.0),
        };
        self.window = window.min(self.limit.at_once.into());
        self.rate = rate.min(self.limit.per_second);
    }

    fn shrink(&mut self) {
        if std::mem::replace(&mut self.is_halved, true) {
            return;
        }
        self.before
            .get_or_insert((self.window, self.rate, self.is_wary));
        self.is_wary = true;
        self.window = (self.window / 2.0).max(1.0);
        self.rate = match self.limit.per_second > 0.0 {
            true => (self.rate / 2.0).max(SLOWEST.min(self.limit.per_second)),
            false => 0.0,
        };
        self.recent = Latency::default();
    }

    /// Takes back what was concluded from errors that were not the host's.
    fn restore(&mut self) {
        if let Some((window, rate, is_wary)) = self.before.take() {
            (self.window, self.rate) = (self.window.max(window), self.rate.max(rate));
            (self.is_wary, self.is_halved) = (is_wary, false);
            (self.is_probing, self.overloads) = (false, 0);
        }
    }

    /// The host answered with a status; `wait` is its `Retry-After`, `pause` the first wait between retries. Returns whose
    /// fault it is that it is overloaded, if it says so.
    pub fn answered(
        &mut self,
        now: Instant,
        asker: Asker,
        status: u16,
        wait: Option<Duration>,
        pause: Duration,
    ) -> Option<Blame> {
        self.unreachable = None;
        self.silence = Silence {
            has_answered: true,
            since: None,
        };
        if matches!(status, 403 | 429 | 500..) {
            self.judgment.failing(asker.id);
        }
        if !matches!(status, 429 | 503) {
            self.overloads = 0;
            self.is_probing = false;
            self.judgment.answered(asker);
            return None;
        }
        let blame = self.judgment.overloaded(asker);
        match blame {
            Blame::Url => self.restore(),
            Blame::Host => self.slow_down(now, status, wait, pause),
            Blame::Doubtful => {
                self.slow_down(now, status, wait, pause);
                self.restore();
            }
        }
        Some(blame)
    }

    /// An image failed, or was refused, for a reason that may be that of all images of the host.
    pub fn refused(&mut self, id: u64, is_sample: bool, kind: Kind, status: Option<u16>) {
        if let Some(different) = self.judgment.refused(id, is_sample) {
            let status = status.map(|s| format!(" (HTTP {s})")).unwrap_or_default();
            let what = match kind {
                Kind::Forbidden | Kind::TooMany => "it refused",
                _ => "it failed at",
            };
            let why =
                format!("{what} {different} different URLs in a row{status}; --give-up 0 goes on");
            self.stop(kind, why);
        }
    }

    /// No answer came in time to a request that was sent at `sent`; `timeout` is the longest that is waited for one host.
    pub fn timed_out(&mut self, now: Instant, sent: Instant, timeout: Duration) {
        self.shrink();
        self.is_probing = true;
        let (since, times) = match self.silence.since {
            None => (sent, 1),
            // One that was in flight at the same time, at a host that does answer.
            Some((since, times, last)) if self.silence.has_answered && sent <= last => {
                (since.min(sent), times)
            }
            Some((since, times, _)) => (since.min(sent), times + 1),
        };
        self.silence.since = Some((since, times, now));
        let waited = now.saturating_duration_since(since);
        let is_over = match self.silence.has_answered {
            false => times >= MAX_SILENT || waited >= timeout.mul_f64(0.95),
            true => times >= MAX_SILENT,
        };
        if is_over {
            let seconds = waited.as_secs_f64();
            self.stop(
                Kind::Timeout,
                format!("it did not answer {times} requests in a row within {seconds:.0} s in all"),
            );
        }
    }

    /// The body of an image that began at `began` stalled.
    pub fn stalled(&mut self, now: Instant, began: Instant, id: u64) {
        self.shrink();
        self.is_probing = true;
        let stalls = &mut self.stalls;
        stalls.images.insert(id);
        if stalls.last.is_none_or(|last| began > last) {
            (stalls.times, stalls.last) = (stalls.times + 1, Some(now));
        }
        let different = stalls.images.len();
        // One image may be to blame, where nothing else was tried.
        let is_over = match stalls.has_ended {
            false => different > 1,
            true => different > 1 && stalls.times >= MAX_SILENT,
        };
        if is_over {
            self.stop(
                Kind::Timeout,
                format!("its answers for {different} different images stalled"),
            );
        }
    }

    /// A body ended.
    pub fn body_ended(&mut self) {
        self.stalls = Stalls {
            has_ended: true,
            ..Stalls::default()
        };
    }

    /// How long an answer is waited for, where `timeout` is what the user allows: less at a host that fell silent.
    pub fn answer_timeout(&self, timeout: Duration) -> Duration {
        match self.silence.since.is_some() || self.stalls.times > 0 {
            false => timeout,
            true => timeout / 4,
        }
    }

    /// The host could not be reached. `for_good`: its name cannot be resolved. `pause` is the first wait between retries.
    pub fn not_reached(&mut self, now: Instant, pause: Duration, for_good: bool) {
        let (since, before) = self.unreachable.unwrap_or((now, 0));
        let times = before + 1;
        self.unreachable = Some((since, times));
        self.pause(now, pause, times, "unreachable");
        let time_limit = pause
            * if for_good {
                UNREACHED_FOR / 8
            } else {
                UNREACHED_FOR
            };
        if times >= MAX_UNREACHED && now.duration_since(since) >= time_limit {
            self.stop(
                Kind::Network,
                format!("it could not be reached {times} times in a row"),
            );
        }
    }

    fn slow_down(&mut self, now: Instant, status: u16, wait: Option<Duration>, pause: Duration) {
        let kind = match status {
            429 => Kind::TooMany,
            _ => Kind::Server,
        };
        // A new request shows more than one that was refused already: whether the host answers others.
        self.probes_again &= self.is_probing;
        self.is_probing = true;
        // Requests that were in flight together receive the same answer, which counts once.
        let is_news = now >= self.paused_until;
        self.overloads += u32::from(is_news);
        match wait {
            Some(wait) if wait > LONGEST_WAIT => {
                let seconds = wait.as_secs();
                let message = format!("it asks for a pause of {seconds} s; run again after that");
                self.stop(kind, message);
            }
            _ if self.overloads > MAX_OVERLOADS => {
                let message =
                    format!("after {MAX_OVERLOADS} pauses in a row it still answers HTTP {status}");
                self.stop(kind, message);
            }
            Some(wait) if !wait.is_zero() => {
                if is_news {
                    self.shrink();
                }
                self.pause_until(now + wait, "retry-after");
            }
            _ => self.pause(now, pause, self.overloads, "strain"),
        }
    }

    /// A pause that doubles each `times`; errors of requests that were in flight together count as one.
    fn pause(&mut self, now: Instant, pause: Duration, times: u32, why: &'static str) {
        if now >= self.paused_until {
            self.shrink();
            let longer = pause.saturating_mul(1 << (times - 1).min(10));
            self.pause_until(now + longer.min(LONGEST_PAUSE), why);
        }
    }

    /// Gives up the host for the rest of the run.
    pub fn stop(&mut self, kind: Kind, why: String) {
        let message = format!("{LEFT}: {why}");
        self.stats.stopped.get_or_insert(why);
        self.stopped.get_or_insert((kind, message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const FREELY: RequestLimit = RequestLimit {
        at_once: 16,
        per_second: 0.0,
    };

    const NEW: Asker = Asker {
        id: 0,
        again: false,
    };

    /// When the next request may go, counted from `start`.
    fn next(host: &mut Pacing, start: Instant, now: Duration) -> Result<Duration, Error> {
        match host.turn(start + now, false, false) {
            Turn::Go => {
                host.ended();
                Ok(now)
            }
            Turn::Wait(until) => Ok(until - start),
            Turn::Full => panic!("nothing is in flight"),
            Turn::Stopped(error) => Err(error),
        }
    }

    #[test]
    fn the_rate_starts_low_and_grows_to_what_is_allowed() {
        let start = Instant::now();
        let limit = RequestLimit {
            at_once: 4,
            per_second: 8.0,
        };
        let mut host = Pacing::new(start, limit, Judgment::new(20, 12));
        let mut now = Duration::ZERO;
        let mut rates = Vec::new();
        for _ in 0..5 {
            next(&mut host, start, now).unwrap();
            let then = next(&mut host, start, now).unwrap();
            rates.push((1.0 / (then - now).as_secs_f64()).round());
            now = then + SECOND;
            (0..4).for_each(|_| host.succeeded(SECOND / 100));
        }
        assert_eq!(rates, [2.0, 4.0, 8.0, 8.0, 8.0]);
    }

    #[test]
    fn the_window_grows_while_answers_are_quick_and_is_halved_by_overload() {
        let start = Instant::now();
        let mut host = Pacing::new(start, FREELY, Judgment::new(20, 12));
        let fill = |host: &mut Pacing, at: Instant| {
            let mut sent = 0;
            while let Turn::Go = host.turn(at, false, false) {
                sent += 1;
            }
            (0..sent).for_each(|_| host.ended());
            sent
        };
        let mut windows = vec![fill(&mut host, start)];
        for n in [2, 4, 8, 16] {
            (0..n).for_each(|_| host.succeeded(SECOND / 10));
            windows.push(fill(&mut host, start));
        }
        assert_eq!(windows, [2, 4, 8, 16, 16]);
        host.answered(start, NEW, 503, None, SECOND);
        assert_eq!(fill(&mut host, start + SECOND), 1, "to see how it is");
        host.answered(start + SECOND, NEW, 200, None, SECOND);
        assert_eq!(fill(&mut host, start + SECOND), 8);
        (0..8).for_each(|_| host.succeeded(SECOND / 10));
        assert_eq!(fill(&mut host, start + SECOND), 9, "wary now");
        (0..9).for_each(|_| host.succeeded(SECOND));
        assert_eq!(fill(&mut host, start + SECOND), 9, "slower than before");
    }

    #[test]
    fn a_turn_is_given_back_where_other_workers_come_first() {
        let start = Instant::now();
        let mut host = Pacing::new(start, FREELY, Judgment::new(20, 12));
        let take = |host: &mut Pacing, at: Instant| {
            assert!(matches!(host.turn(at, false, false), Turn::Go));
        };
        take(&mut host, start);
        host.gives_way(start + SECOND);
        assert_eq!((host.stats.requests, host.in_flight), (0, 0));
        assert_eq!(next(&mut host, start, Duration::ZERO).unwrap(), SECOND);
        take(&mut host, start + SECOND);
        host.told_to_pause(start + SECOND, start + 9 * SECOND);
        let held = host.hold(start + SECOND);
        assert_eq!(held, Some(("other-worker", Some(8 * SECOND))));
        take(&mut host, start + 9 * SECOND);
        assert!(
            matches!(host.outlook(start + 9 * SECOND, false, false), Turn::Full),
            "one at a time, to see how it is"
        );
        host.told_to_pause(start + 9 * SECOND, start + 999 * SECOND);
        let error = next(&mut host, start, 9 * SECOND).unwrap_err();
        assert!(
            error.message.contains("another worker"),
            "{}",
            error.message
        );
    }

    #[test]
    fn two_hosts_of_one_server_keep_their_distance_together() {
        let start = Instant::now();
        let limit = RequestLimit {
            at_once: 16,
            per_second: 1.0,
        };
        let pacing = || Pacing::new(start, limit, Judgment::new(20, 12));
        let mut one = pacing();
        let mut other = pacing().beside(&one);
        assert!(matches!(one.turn(start, false, false), Turn::Go));
        assert_eq!(next(&mut other, start, Duration::ZERO).unwrap(), SECOND);
        assert!(matches!(other.turn(start + SECOND, false, false), Turn::Go));
        assert_eq!(next(&mut one, start, SECOND).unwrap(), 2 * SECOND);
        assert_eq!(
            next(&mut pacing(), start, Duration::ZERO).unwrap(),
            Duration::ZERO
        );
    }

    #[test]
    fn an_overloaded_host_is_paused_for_longer_and_longer() {
        let start = Instant::now();
        let mut host = Pacing::new(start, FREELY, Judgment::new(20, 12));
        for (at, until) in [(0, 1), (1, 3), (3, 7), (7, 15)] {
            host.answered(start + at * SECOND, NEW, 503, None, SECOND);
            let free = next(&mut host, start, at * SECOND).unwrap();
            assert_eq!(free, until * SECOND);
        }
        host.answered(start + 15 * SECOND, NEW, 200, None, SECOND);
        host.answered(start + 15 * SECOND, NEW, 503, None, SECOND);
        assert_eq!(next(&mut host, start, 15 * SECOND).unwrap(), 16 * SECOND);
    }

    #[test]
    fn retry_after_holds_for_the_host_and_too_long_a_wait_ends_it() {
        let start = Instant::now();
        let mut host = Pacing::new(start, FREELY, Judgment::new(20, 12));
        host.answered(start, NEW, 429, Some(9 * SECOND), SECOND);
        assert_eq!(next(&mut host, start, SECOND).unwrap(), 9 * SECOND);
        host.answered(start, NEW, 503, Some(3600 * SECOND), SECOND);
        let error = next(&mut host, start, SECOND).unwrap_err();
        assert_eq!(error.kind, Kind::Server);
        assert!(
            error.message.contains("a pause of 3600 s"),
            "{}",
            error.message
        );
    }

    #[test]
    fn a_quota_that_is_used_up_for_long_ends_the_host_when_more_is_wanted() {
        let start = Instant::now();
        let mut host = Pacing::new(start, FREELY, Judgment::new(20, 12));
        host.quota_used_up(start, 86_400 * SECOND);
        assert_eq!(host.stats.stopped, None);
        assert!(matches!(host.wants(start), Turn::Stopped(_)));
        let error = next(&mut host, start, SECOND).unwrap_err();
        assert_eq!(error.kind, Kind::TooMany);
        assert!(host.stats.stopped.is_some());
    }

    #[test]
    fn after_a_pause_repeated_and_new_requests_take_turns_one_at_a_time() {
        let start = Instant::now();
        let mut host = Pacing::new(start, FREELY, Judgment::new(20, 12));
        host.joined(false);
        host.joined(true);
        host.answered(start, NEW, 503, None, SECOND);
        let then = start + SECOND;
        assert!(matches!(host.turn(then, false, true), Turn::Go));
        assert!(matches!(host.turn(then, true, true), Turn::Full));
        host.ended();
        host.answered(then, NEW, 503, None, SECOND);
        let then = then + 2 * SECOND;
        let Turn::Wait(until) = host.turn(then, false, true) else {
            panic!("a repeated one is next");
        };
        assert_eq!(until, then + BEHIND);
        assert!(matches!(host.outlook(then, false, false), Turn::Go));
        assert!(matches!(host.turn(then, true, true), Turn::Go));
        host.ended();
        host.answered(then, NEW, 200, None, SECOND);
        assert!(matches!(host.turn(then, false, true), Turn::Go), "calm");
    }

    #[test]
    fn an_image_is_started_only_where_its_request_can_be_sent() {
        let start = Instant::now();
        let mut host = Pacing::new(start, FREELY, Judgment::new(20, 12));
        assert!(matches!(host.wants(start), Turn::Go));
        host.joined(false);
        assert!(matches!(host.wants(start), Turn::Go));
        host.joined(true);
        assert!(matches!(host.wants(start), Turn::Full));
        host.answered(start, NEW, 429, Some(9 * SECOND), SECOND);
        assert!(matches!(host.wants(start), Turn::Full));
        host.left_queue(false);
        assert!(
            matches!(host.wants(start), Turn::Go),
            "it waits beside the repeated one"
        );
        host.stop(Kind::Network, "x".into());
        assert!(matches!(host.wants(start), Turn::Stopped(_)));
    }

    #[test]
    fn a_host_that_stays_overloaded_is_given_up() {
        let start = Instant::now();
        for (status, wait) in [(503, None), (429, None), (503, Some(9 * SECOND))] {
            let mut host = Pacing::new(start, FREELY, Judgment::new(20, 12));
            let mut now = Duration::ZERO;
            for pauses in 0..=MAX_OVERLOADS {
                assert!(next(&mut host, start, now).is_ok(), "{status} {pauses}");
                // Two in flight together receive the same answer; refusals have a rule of their own.
                let answers = if status == 503 { 2 } else { 1 };
                (0..answers)
                    .for_each(|_| _ = host.answered(start + now, NEW, status, wait, SECOND));
                now = next(&mut host, start, now).unwrap_or(now);
            }
            let error = next(&mut host, start, now).unwrap_err();
            let is_reported = error.message.contains("after 10 pauses in a row");
            assert!(is_reported && host.stats.stopped.is_some(), "{error:?}");
        }
    }

    #[test]
    fn why_requests_to_a_host_wait_is_reported() {
        let start = Instant::now();
        let new = || Pacing::new(start, FREELY, Judgment::new(20, 12));
        let hold = |met: &dyn Fn(&mut Pacing)| {
            let mut host = new();
            met(&mut host);
            host.hold(start + SECOND)
        };
        let of = |seconds: u32| Some(seconds * SECOND);
        assert_eq!(new().hold(start), None);
        assert_eq!(
            hold(&|h| _ = h.answered(start, NEW, 429, of(9), SECOND)),
            Some(("retry-after", of(8)))
        );
        assert_eq!(
            hold(&|h| _ = h.answered(start, NEW, 503, None, 3 * SECOND)),
            Some(("strain", of(2)))
        );
        assert_eq!(
            hold(&|h| h.quota_used_up(start, 5 * SECOND)),
            Some(("rate-limit", of(4)))
        );
        assert_eq!(
            hold(&|h| h.not_reached(start, 4 * SECOND, false)),
            Some(("unreachable", of(3)))
        );
        assert_eq!(
            hold(&|h| h.stop(Kind::Network, "x".into())),
            Some(("stopped", None))
        );
        let mut slow = Pacing::new(
            start,
            RequestLimit {
                at_once: 1,
                per_second: 0.2,
            },
            Judgment::new(20, 12),
        );
        assert!(matches!(slow.turn(start, false, false), Turn::Go));
        assert_eq!(slow.hold(start + SECOND), Some(("pace", of(4))));
        assert_eq!(slow.hold(start + 5 * SECOND), None);
    }

    #[test]
    fn a_host_that_refuses_all_images_is_given_up() {
        let start = Instant::now();
        let mut host = Pacing::new(start, FREELY, Judgment::new(20, 12));
        (0..31).for_each(|id| host.refused(id, id >= 20, Kind::Forbidden, Some(403)));
        assert!(next(&mut host, start, SECOND).is_ok());
        host.judgment.succeeded(31);
        (32..64).for_each(|id| host.refused(id, id >= 52, Kind::Forbidden, Some(403)));
        let error = next(&mut host, start, SECOND).unwrap_err();
        assert_eq!(error.kind, Kind::Forbidden);
    }

    #[test]
    fn a_host_that_never_answers_is_left_after_one_timeout() {
        let start = Instant::now();
        let timeout = 60 * SECOND;
        let mut host = Pacing::new(start, FREELY, Judgment::new(20, 12));
        assert_eq!(host.answer_timeout(timeout), timeout);
        host.timed_out(start + timeout, start, timeout);
        assert!(next(&mut host, start, timeout).is_err());
        // Connections that are not made take less.
        let mut host = Pacing::new(start, FREELY, Judgment::new(20, 12));
        host.timed_out(start + 10 * SECOND, start, timeout);
        host.timed_out(start + 10 * SECOND, start, timeout);
        assert!(next(&mut host, start, 10 * SECOND).is_ok());
        host.timed_out(start + 21 * SECOND, start + 11 * SECOND, timeout);
        assert!(next(&mut host, start, 21 * SECOND).is_err());
    }

    #[test]
    fn one_url_that_hangs_is_not_its_host() {
        let start = Instant::now();
        let timeout = 60 * SECOND;
        let mut host = Pacing::new(start, FREELY, Judgment::new(20, 12));
        host.answered(start, NEW, 200, None, SECOND);
        for _ in 0..9 {
            host.timed_out(start + timeout, start, timeout);
            assert_eq!(host.answer_timeout(timeout), timeout / 4);
            host.timed_out(start + timeout, start, timeout);
            host.answered(start + timeout, NEW, 200, None, SECOND);
        }
        assert!(next(&mut host, start, timeout).is_ok());
        // Those in flight together are one.
        (0..3).for_each(|_| host.timed_out(start + timeout, start, timeout));
        assert!(next(&mut host, start, timeout).is_ok());
        for n in 1..3 {
            let sent = start + n * timeout + SECOND;
            host.timed_out(sent + timeout / 4, sent, timeout);
        }
        assert!(next(&mut host, start, 3 * timeout).is_err());
    }

    #[test]
    fn bodies_that_stall_one_after_the_other_end_it_and_one_image_that_does_so_does_not() {
        let start = Instant::now();
        let at = |n: u32| start + n * 20 * SECOND;
        let new = || Pacing::new(start, FREELY, Judgment::new(20, 12));
        let mut one = new();
        (0..9).for_each(|n| one.stalled(at(n) + SECOND, at(n), 7));
        assert!(next(&mut one, start, 200 * SECOND).is_ok());
        let mut never = new();
        never.stalled(at(1), at(0), 1);
        assert!(next(&mut never, start, 20 * SECOND).is_ok());
        never.stalled(at(3), at(2), 2);
        assert!(next(&mut never, start, 60 * SECOND).is_err());
        let mut often = new();
        often.body_ended();
        (0..9).for_each(|id| often.stalled(at(1), at(0), id));
        often.stalled(at(3), at(2), 2);
        assert!(next(&mut often, start, 60 * SECOND).is_ok());
        often.stalled(at(5), at(4), 3);
        assert!(next(&mut often, start, 100 * SECOND).is_err());
    }

    #[test]
    fn a_short_outage_is_waited_out_and_a_long_one_ends_it() {
        let start = Instant::now();
        let mut host = Pacing::new(start, FREELY, Judgment::new(20, 12));
        (0..12).for_each(|i| host.not_reached(start + i * SECOND / 2, SECOND, false));
        assert!(next(&mut host, start, SECOND).is_ok());
        host.answered(start + 7 * SECOND, NEW, 200, None, SECOND);
        (0..12).for_each(|i| host.not_reached(start + (10 + 4 * i) * SECOND, SECOND, false));
        let error = next(&mut host, start, SECOND).unwrap_err();
        assert_eq!(error.kind, Kind::Network);
    }
}
