//! Manners towards one host, as a state machine without a clock: what was met, and when the next request may go.
//!
//! A host is met with little: two requests at a time and two a second. Both grow while its answers come as fast as
//! before, up to what the user and the presets allow; both are halved at the first sign of strain.

use std::time::{Duration, Instant};

use super::tally::Tally;
use super::trouble::{Kind, PATIENCE, Trouble};

/// The most that is asked of a host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Most {
    /// Requests in flight.
    pub at_once: u16,
    /// Requests per second; 0: no limit.
    pub rate: f64,
}

/// Whether a request may go.
#[derive(Debug)]
pub enum Turn {
    /// Now; it is counted as in flight until [`Manners::left`].
    Go,
    /// Not before then.
    Wait(Instant),
    /// When one that is in flight has ended.
    Full,
    /// Not in this run.
    Never(Trouble),
}

/// What is known of a host.
#[derive(Debug)]
pub struct Manners {
    most: Most,
    window: f64,
    in_flight: u32,
    pace: f64,
    /// Whether it was under strain before: then growth is slow.
    is_wary: bool,
    level: Level,
    next_slot: Instant,
    quiet_until: Instant,
    /// Why it is left in quiet.
    why_quiet: &'static str,
    closed: Option<(Kind, String)>,
    /// Requests that wait for their first turn.
    waiting: u32,
    /// Pauses in a row for a host under strain.
    strained: u32,
    /// Answers in a row that refuse: 401, 403, 429.
    refused: u32,
    /// Since when, and how often, the host could not be reached.
    unreachable: Option<(Instant, u32)>,
    /// The account of this run.
    pub tally: Tally,
}

/// How fast answers came since the window last grew, and before that.
#[derive(Debug, Default)]
struct Level {
    sum: Duration,
    answers: u32,
    before: Option<Duration>,
}

/// What a host is met with.
const FIRST_WINDOW: f64 = 2.0;
/// Requests per second at first.
const FIRST_PACE: f64 = 2.0;
/// The slowest pace of our own making.
const SLOWEST: f64 = 0.1;
/// The longest pause of our own making.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Answers that come this much later than before are no sign of strain.
const SLACK: Duration = Duration::from_millis(50);
/// How far a request that failed goes behind one that was not answered yet.
const BEHIND: Duration = Duration::from_millis(20);
/// Refusals in a row after which a host is left alone.
const REFUSALS: u32 = 20;
/// Pauses in a row, each longer than the one before, after which a host that is still under strain is left alone.
const STRAINS: u32 = 10;
/// A host is given up when it could not be reached this often in a row…
const UNREACHED: u32 = 8;
/// …over at least this many times the first pause between retries.
const UNREACHED_FOR: u32 = 30;

impl Manners {
    /// Towards a host of which nothing is known yet.
    pub fn new(now: Instant, most: Most) -> Self {
        Manners {
            most,
            window: FIRST_WINDOW.min(most.at_once.into()),
            in_flight: 0,
            pace: FIRST_PACE.min(most.rate),
            is_wary: false,
            level: Level::default(),
            next_slot: now,
            quiet_until: now,
            why_quiet: "strain",
            closed: None,
            waiting: 0,
            strained: 0,
            refused: 0,
            unreachable: None,
            tally: Tally::default(),
        }
    }

    /// Another request waits for its first turn.
    pub fn came(&mut self) {
        self.waiting += 1;
    }

    /// It has had it, or waits no more.
    pub fn went(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// Takes the next turn for a request that failed before. Under strain those that were not answered yet go first: it
    /// may be this one that the host cannot answer.
    pub fn turn_again(&mut self, now: Instant) -> Turn {
        if self.strained == 0 || self.waiting == 0 || self.closed.is_some() {
            return self.turn(now);
        }
        Turn::Wait(self.next_slot.max(self.quiet_until).max(now) + BEHIND)
    }

    /// Takes the next turn, if there is one.
    pub fn turn(&mut self, now: Instant) -> Turn {
        if let Some((kind, message)) = &self.closed {
            return Turn::Never(Trouble {
                kind: *kind,
                status: None,
                attempts: 0,
                message: message.clone(),
            });
        }
        let free = self.next_slot.max(self.quiet_until);
        if f64::from(self.in_flight) >= self.window.floor().max(1.0) {
            return Turn::Full;
        }
        if free > now {
            return Turn::Wait(free);
        }
        if self.pace > 0.0 {
            self.next_slot = now + Duration::from_secs_f64(1.0 / self.pace);
        }
        self.in_flight += 1;
        self.tally.requests += 1;
        Turn::Go
    }

    /// A request that went has ended, however it did.
    pub fn left(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Never faster than this from now on: what its robots.txt asks for.
    pub fn slower(&mut self, rate: f64) {
        let allowed = if self.most.rate > 0.0 {
            self.most.rate.min(rate)
        } else {
            rate
        };
        self.most = Most {
            at_once: 1,
            rate: allowed,
        };
        (self.window, self.pace) = (1.0, allowed);
    }

    /// Whether it is a time of quiet, not only of the pace.
    pub fn is_quiet(&self, now: Instant) -> bool {
        self.quiet_until > now
    }

    /// Why the host is waited for, and how long yet; no time when it is asked no more.
    pub fn hold(&self, now: Instant) -> Option<(&'static str, Option<Duration>)> {
        const WORTH_A_WORD: Duration = Duration::from_secs(1);
        let until = |then: Instant| Some(then.saturating_duration_since(now));
        match self {
            _ if self.closed.is_some() => Some(("stopped", None)),
            _ if self.quiet_until > now => Some((self.why_quiet, until(self.quiet_until))),
            _ if self.next_slot > now + WORTH_A_WORD => Some(("pace", until(self.next_slot))),
            _ => None,
        }
    }

    /// The host asks for quiet before it is used up.
    pub fn rest(&mut self, now: Instant, wait: Duration) {
        self.keep_quiet(now + wait.min(PATIENCE), "rate-limit");
    }

    fn keep_quiet(&mut self, until: Instant, why: &'static str) {
        if until > self.quiet_until {
            (self.quiet_until, self.why_quiet) = (until, why);
        }
    }

    /// An answer of the usual kind came, this long after it was asked for.
    pub fn was_quick(&mut self, latency: Duration) {
        let level = &mut self.level;
        level.sum += latency;
        level.answers += 1;
        if f64::from(level.answers) < self.window.max(2.0) {
            return;
        }
        let mean = level.sum / level.answers;
        let is_flat = level
            .before
            .is_none_or(|before| mean <= before.mul_f64(1.5) + SLACK);
        // What is expected rises slowly: a host may have become slower for good.
        let before = level.before.map_or(mean, |before| before.mul_f64(1.05));
        self.level = Level {
            before: Some(if is_flat {
                mean.max(before.min(mean))
            } else {
                before
            }),
            ..Level::default()
        };
        if is_flat {
            self.grow();
        }
    }

    fn grow(&mut self) {
        let (window, pace) = match self.is_wary {
            true => (self.window + 1.0, self.pace * 1.25),
            false => (self.window * 2.0, self.pace * 2.0),
        };
        self.window = window.min(self.most.at_once.into());
        self.pace = pace.min(self.most.rate);
    }

    fn shrink(&mut self) {
        self.is_wary = true;
        self.window = (self.window / 2.0).max(1.0);
        self.pace = match self.most.rate > 0.0 {
            true => (self.pace / 2.0).max(SLOWEST.min(self.most.rate)),
            false => 0.0,
        };
        self.level = Level::default();
    }

    /// The host answered with a status.
    pub fn answered(&mut self, now: Instant, status: u16, wait: Option<Duration>, pause: Duration) {
        self.unreachable = None;
        match status {
            429 | 503 => self.slow_down(now, status, wait, pause),
            _ => self.strained = 0,
        }
        match status {
            401 | 403 | 429 => self.refused += 1,
            _ => self.refused = 0,
        }
        if self.refused >= REFUSALS {
            let kind = if status == 429 {
                Kind::TooMany
            } else {
                Kind::Forbidden
            };
            self.close(
                kind,
                format!("it refused {REFUSALS} times in a row (HTTP {status})"),
            );
        }
    }

    /// An answer was too slow in coming.
    pub fn timed_out(&mut self) {
        self.shrink();
    }

    /// The host could not be reached. `for_good`: there is no such host.
    pub fn not_reached(&mut self, now: Instant, pause: Duration, for_good: bool) {
        let (since, before) = self.unreachable.unwrap_or((now, 0));
        let times = before + 1;
        self.unreachable = Some((since, times));
        self.pause(now, pause, times, "unreachable");
        let patience = pause
            * if for_good {
                UNREACHED_FOR / 8
            } else {
                UNREACHED_FOR
            };
        if times >= UNREACHED && now.duration_since(since) >= patience {
            self.close(
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
        // Those under way together are told the same: one lesson.
        let is_news = now >= self.quiet_until;
        self.strained += u32::from(is_news);
        match wait {
            Some(wait) if wait > PATIENCE => {
                let seconds = wait.as_secs();
                let message = format!("it asks for {seconds} s of quiet; run again after that");
                self.close(kind, message);
            }
            _ if self.strained > STRAINS => {
                let message =
                    format!("after {STRAINS} pauses in a row it answers HTTP {status} still");
                self.close(kind, message);
            }
            Some(wait) if !wait.is_zero() => {
                if is_news {
                    self.shrink();
                }
                self.keep_quiet(now + wait, "retry-after");
            }
            _ => self.pause(now, pause, self.strained, "strain"),
        }
    }

    /// A pause that doubles with each trouble; troubles that were under way together count as one.
    fn pause(&mut self, now: Instant, pause: Duration, times: u32, why: &'static str) {
        if now >= self.quiet_until {
            self.shrink();
            let longer = pause.saturating_mul(1 << (times - 1).min(10));
            self.keep_quiet(now + longer.min(LONGEST_PAUSE), why);
        }
    }

    /// Leaves the host alone for the rest of the run.
    pub fn close(&mut self, kind: Kind, why: String) {
        let message = format!("the host is left alone in this run: {why}");
        self.tally.stopped.get_or_insert(why);
        self.closed.get_or_insert((kind, message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const FREELY: Most = Most {
        at_once: 16,
        rate: 0.0,
    };

    /// When the next request may go, counted from `start`.
    fn next(host: &mut Manners, start: Instant, now: Duration) -> Result<Duration, Trouble> {
        match host.turn(start + now) {
            Turn::Go => {
                host.left();
                Ok(now)
            }
            Turn::Wait(until) => Ok(until - start),
            Turn::Full => panic!("nothing is in flight"),
            Turn::Never(trouble) => Err(trouble),
        }
    }

    #[test]
    fn the_pace_starts_low_and_grows_to_what_is_allowed() {
        let start = Instant::now();
        let most = Most {
            at_once: 4,
            rate: 8.0,
        };
        let mut host = Manners::new(start, most);
        let mut now = Duration::ZERO;
        let mut paces = Vec::new();
        for _ in 0..5 {
            next(&mut host, start, now).unwrap();
            let then = next(&mut host, start, now).unwrap();
            paces.push((1.0 / (then - now).as_secs_f64()).round());
            now = then + SECOND;
            (0..4).for_each(|_| host.was_quick(SECOND / 100));
        }
        assert_eq!(paces, [2.0, 4.0, 8.0, 8.0, 8.0]);
    }

    #[test]
    fn the_window_grows_while_answers_are_quick_and_is_halved_by_strain() {
        let start = Instant::now();
        let mut host = Manners::new(start, FREELY);
        let fill = |host: &mut Manners, at: Instant| {
            let mut sent = 0;
            while let Turn::Go = host.turn(at) {
                sent += 1;
            }
            (0..sent).for_each(|_| host.left());
            sent
        };
        let mut windows = vec![fill(&mut host, start)];
        for n in [2, 4, 8, 16] {
            (0..n).for_each(|_| host.was_quick(SECOND / 10));
            windows.push(fill(&mut host, start));
        }
        assert_eq!(windows, [2, 4, 8, 16, 16]);
        host.answered(start, 503, None, SECOND);
        assert_eq!(fill(&mut host, start + SECOND), 8);
        (0..8).for_each(|_| host.was_quick(SECOND / 10));
        assert_eq!(fill(&mut host, start + SECOND), 9, "wary now");
        (0..9).for_each(|_| host.was_quick(SECOND));
        assert_eq!(fill(&mut host, start + SECOND), 9, "slower than before");
    }

    #[test]
    fn a_host_under_strain_is_left_in_peace_for_longer_and_longer() {
        let start = Instant::now();
        let mut host = Manners::new(start, FREELY);
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
        let mut host = Manners::new(start, FREELY);
        host.answered(start, 429, Some(9 * SECOND), SECOND);
        assert_eq!(next(&mut host, start, SECOND).unwrap(), 9 * SECOND);
        host.answered(start, 503, Some(3600 * SECOND), SECOND);
        let trouble = next(&mut host, start, SECOND).unwrap_err();
        assert_eq!(trouble.kind, Kind::Server);
        assert!(
            trouble.message.contains("3600 s of quiet"),
            "{}",
            trouble.message
        );
    }

    #[test]
    fn under_strain_those_go_first_that_were_not_answered_yet() {
        let start = Instant::now();
        let mut host = Manners::new(start, FREELY);
        host.came();
        host.answered(start, 503, None, SECOND);
        let Turn::Wait(until) = host.turn_again(start) else {
            panic!("it goes behind");
        };
        assert_eq!(until, start + SECOND + BEHIND);
        assert!(matches!(host.turn(until), Turn::Go));
        host.went();
        host.left();
        host.answered(until, 200, None, SECOND);
        host.came();
        assert!(
            matches!(host.turn_again(until), Turn::Go),
            "no strain any more"
        );
    }

    #[test]
    fn a_host_that_stays_under_strain_is_left_alone_in_the_end() {
        let start = Instant::now();
        for (status, wait) in [(503, None), (429, None), (503, Some(9 * SECOND))] {
            let mut host = Manners::new(start, FREELY);
            let mut now = Duration::ZERO;
            for pauses in 0..=STRAINS {
                assert!(next(&mut host, start, now).is_ok(), "{status} {pauses}");
                // Two under way together are told the same; of refusals there is a rule beside this one.
                let told = if status == 503 { 2 } else { 1 };
                (0..told).for_each(|_| host.answered(start + now, status, wait, SECOND));
                now = next(&mut host, start, now).unwrap_or(now);
            }
            let trouble = next(&mut host, start, now).unwrap_err();
            let is_told = trouble.message.contains("after 10 pauses in a row");
            assert!(is_told && host.tally.stopped.is_some(), "{trouble:?}");
        }
    }

    #[test]
    fn why_a_host_is_waited_for_is_told() {
        let start = Instant::now();
        let new = || Manners::new(start, FREELY);
        let hold = |met: &dyn Fn(&mut Manners)| {
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
            hold(&|h| h.rest(start, 5 * SECOND)),
            Some(("rate-limit", of(4)))
        );
        assert_eq!(
            hold(&|h| h.not_reached(start, 4 * SECOND, false)),
            Some(("unreachable", of(3)))
        );
        assert_eq!(
            hold(&|h| h.close(Kind::Network, "x".into())),
            Some(("stopped", None))
        );
        let mut slow = Manners::new(
            start,
            Most {
                at_once: 1,
                rate: 0.2,
            },
        );
        assert!(matches!(slow.turn(start), Turn::Go));
        assert_eq!(slow.hold(start + SECOND), Some(("pace", of(4))));
        assert_eq!(slow.hold(start + 5 * SECOND), None);
    }

    #[test]
    fn a_host_that_only_refuses_is_left_alone() {
        let start = Instant::now();
        let mut host = Manners::new(start, FREELY);
        (0..19).for_each(|_| host.answered(start, 403, None, SECOND));
        assert!(next(&mut host, start, SECOND).is_ok());
        host.answered(start, 200, None, SECOND);
        (0..20).for_each(|_| host.answered(start, 403, None, SECOND));
        let trouble = next(&mut host, start, SECOND).unwrap_err();
        assert_eq!(trouble.kind, Kind::Forbidden);
    }

    #[test]
    fn a_short_outage_is_waited_out_and_a_long_one_ends_it() {
        let start = Instant::now();
        let mut host = Manners::new(start, FREELY);
        (0..12).for_each(|i| host.not_reached(start + i * SECOND / 2, SECOND, false));
        assert!(next(&mut host, start, SECOND).is_ok());
        host.answered(start + 7 * SECOND, 200, None, SECOND);
        (0..12).for_each(|i| host.not_reached(start + (10 + 4 * i) * SECOND, SECOND, false));
        let trouble = next(&mut host, start, SECOND).unwrap_err();
        assert_eq!(trouble.kind, Kind::Network);
    }
}
