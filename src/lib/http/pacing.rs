//! The pace of requests to one host, as a state machine without a clock: it is told what the host answered, and says
//! when the next request may be sent. 429, 503 and `Retry-After` are handled here.
//!
//! A host first receives few requests: two at a time and two per second. Both limits grow while its answers come as fast
//! as before, up to what the user and the known limits of archives allow; both are halved when it is overloaded.

use std::time::{Duration, Instant};

use super::error::{Error, Kind};
use super::retry::LONGEST_WAIT;
use super::stats::HostStats;

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
    /// Now; it counts as in flight until [`Pacing::ended`].
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
    /// How many requests may be in flight now.
    window: f64,
    in_flight: u32,
    /// Requests per second now; 0: no limit.
    rate: f64,
    /// Whether the host was overloaded before: then both grow slowly.
    is_wary: bool,
    recent: Latency,
    next_slot: Instant,
    paused_until: Instant,
    /// Why it is paused, in the words of [`Pacing::hold`].
    why_paused: &'static str,
    stopped: Option<(Kind, String)>,
    /// Requests that wait for their first turn.
    waiting: u32,
    /// Pauses in a row because the host was overloaded.
    overloads: u32,
    /// Answers in a row that refuse: 401, 403, 429.
    refusals: u32,
    /// Since when, and how often, the host could not be reached.
    unreachable: Option<(Instant, u32)>,
    /// Statistics of this run.
    pub stats: HostStats,
}

/// How fast answers came since the window last grew, and before that.
#[derive(Debug, Default)]
struct Latency {
    sum: Duration,
    answers: u32,
    before: Option<Duration>,
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
/// How far a request that failed is put behind one that was not answered yet.
const BEHIND: Duration = Duration::from_millis(20);
/// Refusals in a row after which a host is given up.
const MAX_REFUSALS: u32 = 20;
/// Pauses in a row, each longer than the one before, after which a host that is still overloaded is given up.
const MAX_OVERLOADS: u32 = 10;
/// A host is given up when it could not be reached this often in a row…
const MAX_UNREACHED: u32 = 8;
/// …over at least this many times the first wait between retries.
const UNREACHED_FOR: u32 = 30;

impl Pacing {
    /// For a host of which nothing is known yet.
    pub fn new(now: Instant, limit: RequestLimit) -> Self {
        Pacing {
            limit,
            window: FIRST_WINDOW.min(limit.at_once.into()),
            in_flight: 0,
            rate: FIRST_RATE.min(limit.per_second),
            is_wary: false,
            recent: Latency::default(),
            next_slot: now,
            paused_until: now,
            why_paused: "strain",
            stopped: None,
            waiting: 0,
            overloads: 0,
            refusals: 0,
            unreachable: None,
            stats: HostStats::default(),
        }
    }

    /// Another request waits for its first turn.
    pub fn joined(&mut self) {
        self.waiting += 1;
    }

    /// One of those that waited for their first turn does so no longer.
    pub fn left_queue(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// Takes the next turn for a request that failed before. At an overloaded host those that were not answered yet go
    /// first: it may be this one that the host cannot answer.
    pub fn turn_again(&mut self, now: Instant) -> Turn {
        if self.overloads == 0 || self.waiting == 0 || self.stopped.is_some() {
            return self.turn(now);
        }
        Turn::Wait(self.next_slot.max(self.paused_until).max(now) + BEHIND)
    }

    /// Takes the next turn, if there is one.
    pub fn turn(&mut self, now: Instant) -> Turn {
        if let Some((kind, message)) = &self.stopped {
            return Turn::Stopped(Error::host_stopped(*kind, message));
        }
        let free = self.next_slot.max(self.paused_until);
        if f64::from(self.in_flight) >= self.window.floor().max(1.0) {
            return Turn::Full;
        }
        if free > now {
            return Turn::Wait(free);
        }
        if self.rate > 0.0 {
            self.next_slot = now + Duration::from_secs_f64(1.0 / self.rate);
        }
        self.in_flight += 1;
        self.stats.requests += 1;
        Turn::Go
    }

    /// A request that was sent has ended, however it did.
    pub fn ended(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// One request at a time from now on, and no more per second than this: the `Crawl-delay` of its robots.txt.
    pub fn slow_to(&mut self, per_second: f64) {
        let allowed = if self.limit.per_second > 0.0 {
            self.limit.per_second.min(per_second)
        } else {
            per_second
        };
        self.limit = RequestLimit {
            at_once: 1,
            per_second: allowed,
        };
        (self.window, self.rate) = (1.0, allowed);
    }

    /// Whether the host is paused, rather than only limited in rate.
    pub fn is_paused(&self, now: Instant) -> bool {
        self.paused_until > now
    }

    /// Why requests to the host wait, and how much longer; no time when it was given up. The reasons are those of
    /// `--progress json`.
    pub fn hold(&self, now: Instant) -> Option<(&'static str, Option<Duration>)> {
        const WORTH_REPORTING: Duration = Duration::from_secs(1);
        let until = |then: Instant| Some(then.saturating_duration_since(now));
        match self {
            _ if self.stopped.is_some() => Some(("stopped", None)),
            _ if self.paused_until > now => Some((self.why_paused, until(self.paused_until))),
            _ if self.next_slot > now + WORTH_REPORTING => Some(("pace", until(self.next_slot))),
            _ => None,
        }
    }

    /// The host's quota is used up until `wait` has passed.
    pub fn quota_used_up(&mut self, now: Instant, wait: Duration) {
        self.pause_until(now + wait.min(LONGEST_WAIT), "rate-limit");
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
        let (window, rate) = match self.is_wary {
            true => (self.window + 1.0, self.rate * 1.25),
            false => (self.window * 2.0, self.rate * 2.0),
        };
        self.window = window.min(self.limit.at_once.into());
        self.rate = rate.min(self.limit.per_second);
    }

    fn shrink(&mut self) {
        self.is_wary = true;
        self.window = (self.window / 2.0).max(1.0);
        self.rate = match self.limit.per_second > 0.0 {
            true => (self.rate / 2.0).max(SLOWEST.min(self.limit.per_second)),
            false => 0.0,
        };
        self.recent = Latency::default();
    }

    /// The host answered with a status; `wait` is its `Retry-After`, `pause` the first wait between retries.
    pub fn answered(&mut self, now: Instant, status: u16, wait: Option<Duration>, pause: Duration) {
        self.unreachable = None;
        match status {
            429 | 503 => self.slow_down(now, status, wait, pause),
            _ => self.overloads = 0,
        }
        match status {
            401 | 403 | 429 => self.refusals += 1,
            _ => self.refusals = 0,
        }
        if self.refusals >= MAX_REFUSALS {
            let kind = if status == 429 {
                Kind::TooMany
            } else {
                Kind::Forbidden
            };
            self.stop(
                kind,
                format!("it refused {MAX_REFUSALS} times in a row (HTTP {status})"),
            );
        }
    }

    /// No answer came in time.
    pub fn timed_out(&mut self) {
        self.shrink();
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
        let message = format!("the host is not asked any more in this run: {why}");
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

    /// When the next request may go, counted from `start`.
    fn next(host: &mut Pacing, start: Instant, now: Duration) -> Result<Duration, Error> {
        match host.turn(start + now) {
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
        let mut host = Pacing::new(start, limit);
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
        let mut host = Pacing::new(start, FREELY);
        let fill = |host: &mut Pacing, at: Instant| {
            let mut sent = 0;
            while let Turn::Go = host.turn(at) {
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
        host.answered(start, 503, None, SECOND);
        assert_eq!(fill(&mut host, start + SECOND), 8);
        (0..8).for_each(|_| host.succeeded(SECOND / 10));
        assert_eq!(fill(&mut host, start + SECOND), 9, "wary now");
        (0..9).for_each(|_| host.succeeded(SECOND));
        assert_eq!(fill(&mut host, start + SECOND), 9, "slower than before");
    }

    #[test]
    fn an_overloaded_host_is_paused_for_longer_and_longer() {
        let start = Instant::now();
        let mut host = Pacing::new(start, FREELY);
        for (at, until) in [(0, 1), (1, 3), (3, 7), (7, 15)] {
            host.answered(start + at * SECOND, 503, None, SECOND);
            let free = next(&mut host, start, at * SECOND).unwrap();
            assert_eq!(free, until * SECOND);
        }
        host.answered(start + 15 * SECOND, 200, None, SECOND);
        host.answered(start + 15 * SECOND, 503, None, SECOND);
        assert_eq!(next(&mut host, start, 15 * SECOND).unwrap(), 16 * SECOND);
    }

    #[test]
    fn retry_after_holds_for_the_host_and_too_long_a_wait_ends_it() {
        let start = Instant::now();
        let mut host = Pacing::new(start, FREELY);
        host.answered(start, 429, Some(9 * SECOND), SECOND);
        assert_eq!(next(&mut host, start, SECOND).unwrap(), 9 * SECOND);
        host.answered(start, 503, Some(3600 * SECOND), SECOND);
        let error = next(&mut host, start, SECOND).unwrap_err();
        assert_eq!(error.kind, Kind::Server);
        assert!(
            error.message.contains("a pause of 3600 s"),
            "{}",
            error.message
        );
    }

    #[test]
    fn at_an_overloaded_host_requests_without_an_answer_go_first() {
        let start = Instant::now();
        let mut host = Pacing::new(start, FREELY);
        host.joined();
        host.answered(start, 503, None, SECOND);
        let Turn::Wait(until) = host.turn_again(start) else {
            panic!("it goes behind");
        };
        assert_eq!(until, start + SECOND + BEHIND);
        assert!(matches!(host.turn(until), Turn::Go));
        host.left_queue();
        host.ended();
        host.answered(until, 200, None, SECOND);
        host.joined();
        assert!(
            matches!(host.turn_again(until), Turn::Go),
            "not overloaded any more"
        );
    }

    #[test]
    fn a_host_that_stays_overloaded_is_given_up() {
        let start = Instant::now();
        for (status, wait) in [(503, None), (429, None), (503, Some(9 * SECOND))] {
            let mut host = Pacing::new(start, FREELY);
            let mut now = Duration::ZERO;
            for pauses in 0..=MAX_OVERLOADS {
                assert!(next(&mut host, start, now).is_ok(), "{status} {pauses}");
                // Two in flight together receive the same answer; refusals have a rule of their own.
                let answers = if status == 503 { 2 } else { 1 };
                (0..answers).for_each(|_| host.answered(start + now, status, wait, SECOND));
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
        let new = || Pacing::new(start, FREELY);
        let hold = |met: &dyn Fn(&mut Pacing)| {
            let mut host = new();
            met(&mut host);
            host.hold(start + SECOND)
        };
        let of = |seconds: u32| Some(seconds * SECOND);
        assert_eq!(new().hold(start), None);
        assert_eq!(
            hold(&|h| h.answered(start, 429, of(9), SECOND)),
            Some(("retry-after", of(8)))
        );
        assert_eq!(
            hold(&|h| h.answered(start, 503, None, 3 * SECOND)),
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
        );
        assert!(matches!(slow.turn(start), Turn::Go));
        assert_eq!(slow.hold(start + SECOND), Some(("pace", of(4))));
        assert_eq!(slow.hold(start + 5 * SECOND), None);
    }

    #[test]
    fn a_host_that_only_refuses_is_given_up() {
        let start = Instant::now();
        let mut host = Pacing::new(start, FREELY);
        (0..19).for_each(|_| host.answered(start, 403, None, SECOND));
        assert!(next(&mut host, start, SECOND).is_ok());
        host.answered(start, 200, None, SECOND);
        (0..20).for_each(|_| host.answered(start, 403, None, SECOND));
        let error = next(&mut host, start, SECOND).unwrap_err();
        assert_eq!(error.kind, Kind::Forbidden);
    }

    #[test]
    fn a_short_outage_is_waited_out_and_a_long_one_ends_it() {
        let start = Instant::now();
        let mut host = Pacing::new(start, FREELY);
        (0..12).for_each(|i| host.not_reached(start + i * SECOND / 2, SECOND, false));
        assert!(next(&mut host, start, SECOND).is_ok());
        host.answered(start + 7 * SECOND, 200, None, SECOND);
        (0..12).for_each(|i| host.not_reached(start + (10 + 4 * i) * SECOND, SECOND, false));
        let error = next(&mut host, start, SECOND).unwrap_err();
        assert_eq!(error.kind, Kind::Network);
    }
}
