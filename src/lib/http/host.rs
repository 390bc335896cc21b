//! Manners towards one host, as a state machine without a clock: what was met, and when the next request may go.

use std::time::{Duration, Instant};

use super::trouble::{Kind, PATIENCE, Trouble};

/// What was asked of one host in this run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests sent.
    pub requests: u64,
    /// Body bytes received.
    pub bytes: u64,
    /// Requests that were a second attempt or later.
    pub retries: u64,
}

/// What is known of a host.
#[derive(Debug)]
pub struct Manners {
    next_slot: Instant,
    quiet_until: Instant,
    closed: Option<(Kind, String)>,
    /// Troubles in a row that tell of a host under strain.
    strained: u32,
    /// Answers in a row that refuse: 401, 403, 429.
    refused: u32,
    /// Since when, and how often, the host could not be reached.
    unreachable: Option<(Instant, u32)>,
    /// The account of this run.
    pub tally: Tally,
}

/// The longest pause of our own making.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Refusals in a row after which a host is left alone.
const REFUSALS: u32 = 20;
/// A host is given up when it could not be reached this often in a row…
const UNREACHED: u32 = 8;
/// …over at least this many times the first pause between retries.
const UNREACHED_FOR: u32 = 30;

impl Manners {
    /// Towards a host of which nothing is known yet.
    pub fn new(now: Instant) -> Self {
        Manners {
            next_slot: now,
            quiet_until: now,
            closed: None,
            strained: 0,
            refused: 0,
            unreachable: None,
            tally: Tally::default(),
        }
    }

    /// When the next request may go; it takes that slot. An error when the host is left alone for this run.
    pub fn turn(&mut self, now: Instant, rate: f64) -> Result<Instant, Trouble> {
        if let Some((kind, message)) = &self.closed {
            return Err(Trouble {
                kind: *kind,
                status: None,
                attempts: 0,
                message: message.clone(),
            });
        }
        let turn = self.next_slot.max(self.quiet_until).max(now);
        if rate > 0.0 {
            self.next_slot = turn + Duration::from_secs_f64(1.0 / rate);
        }
        Ok(turn)
    }

    /// Whether a request whose turn has come must wait after all: the host asked for quiet meanwhile.
    pub fn must_wait(&self, now: Instant) -> Option<Instant> {
        (self.quiet_until > now && self.closed.is_none()).then_some(self.quiet_until)
    }

    /// The host answered with a status.
    pub fn answered(&mut self, now: Instant, status: u16, wait: Option<Duration>, pause: Duration) {
        self.unreachable = None;
        match status {
            429 | 503 => self.slow_down(now, wait, pause),
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

    /// The host could not be reached. `for_good`: there is no such host.
    pub fn not_reached(&mut self, now: Instant, pause: Duration, for_good: bool) {
        let (since, before) = self.unreachable.unwrap_or((now, 0));
        let times = before + 1;
        self.unreachable = Some((since, times));
        self.pause(now, pause, times);
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

    fn slow_down(&mut self, now: Instant, wait: Option<Duration>, pause: Duration) {
        match wait {
            Some(wait) if wait > PATIENCE => {
                let message = format!(
                    "it asks for {} s of quiet; run again after that",
                    wait.as_secs()
                );
                self.close(Kind::TooMany, message);
            }
            Some(wait) if !wait.is_zero() => self.quiet_until = self.quiet_until.max(now + wait),
            _ => {
                self.strained += 1;
                self.pause(now, pause, self.strained);
            }
        }
    }

    /// A pause that doubles with each trouble; troubles that were under way together count as one.
    fn pause(&mut self, now: Instant, pause: Duration, times: u32) {
        if now >= self.quiet_until {
            let longer = pause.saturating_mul(1 << (times - 1).min(10));
            self.quiet_until = now + longer.min(LONGEST_PAUSE);
        }
    }

    fn close(&mut self, kind: Kind, why: String) {
        self.closed
            .get_or_insert((kind, format!("the host is left alone in this run: {why}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_pace_is_kept() {
        let start = Instant::now();
        let mut host = Manners::new(start);
        let turns: Vec<_> = (0..3)
            .map(|_| host.turn(start, 2.0).unwrap() - start)
            .collect();
        assert_eq!(turns, [Duration::ZERO, SECOND / 2, SECOND]);
    }

    #[test]
    fn a_host_under_strain_is_left_in_peace_for_longer_and_longer() {
        let start = Instant::now();
        let mut host = Manners::new(start);
        for (at, until) in [(0, 1), (1, 3), (3, 7), (7, 15)] {
            host.answered(start + at * SECOND, 503, None, SECOND);
            assert_eq!(host.turn(start, 0.0).unwrap(), start + until * SECOND);
        }
        host.answered(start + 15 * SECOND, 200, None, SECOND);
        host.answered(start + 15 * SECOND, 503, None, SECOND);
        assert_eq!(
            host.must_wait(start + 15 * SECOND),
            Some(start + 16 * SECOND)
        );
    }

    #[test]
    fn retry_after_holds_for_the_host_and_too_long_a_wait_ends_it() {
        let start = Instant::now();
        let mut host = Manners::new(start);
        host.answered(start, 429, Some(9 * SECOND), SECOND);
        assert_eq!(host.turn(start, 0.0).unwrap(), start + 9 * SECOND);
        host.answered(start, 503, Some(3600 * SECOND), SECOND);
        let trouble = host.turn(start, 0.0).unwrap_err();
        assert_eq!(trouble.kind, Kind::TooMany);
        assert!(
            trouble.message.contains("3600 s of quiet"),
            "{}",
            trouble.message
        );
    }

    #[test]
    fn a_host_that_only_refuses_is_left_alone() {
        let start = Instant::now();
        let mut host = Manners::new(start);
        (0..19).for_each(|_| host.answered(start, 403, None, SECOND));
        assert!(host.turn(start, 0.0).is_ok());
        host.answered(start, 200, None, SECOND);
        (0..20).for_each(|_| host.answered(start, 403, None, SECOND));
        assert_eq!(host.turn(start, 0.0).unwrap_err().kind, Kind::Forbidden);
    }

    #[test]
    fn a_short_outage_is_waited_out_and_a_long_one_ends_it() {
        let start = Instant::now();
        let mut host = Manners::new(start);
        (0..12).for_each(|i| host.not_reached(start + i * SECOND / 2, SECOND, false));
        assert!(host.turn(start, 0.0).is_ok());
        host.answered(start + 7 * SECOND, 200, None, SECOND);
        (0..12).for_each(|i| host.not_reached(start + (10 + 4 * i) * SECOND, SECOND, false));
        assert_eq!(host.turn(start, 0.0).unwrap_err().kind, Kind::Network);
    }
}
