//! Turns: programs that share the pace of a host without asking each other. Each sends requests only at moments of its own, which
//! follow from the clock, its number, and how many there are: together they send what one program would send, as long as their
//! clocks agree.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// How much later than its turn a request may still go. Turns are so much further apart that a second has none more for that, and
/// none more where clocks differ by as much.
const LATE: f64 = 0.05;
/// Turns that are closer together, in seconds, are not kept: timers do not meet them.
const SHORTEST: f64 = 0.004;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turns {
    /// This program, from 0.
    index: u64,
    /// How many there are.
    pub count: u64,
    /// A moment, and what the common clock said then, since any time that is the same for all.
    zero: (Instant, Duration),
}

impl Turns {
    /// One of so many programs, by the clock of the machine.
    pub fn of(index: u64, count: u64) -> Self {
        static ZERO: OnceLock<(Instant, Duration)> = OnceLock::new();
        let now = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            (Instant::now(), since.unwrap_or_default())
        };
        Turns::by(*ZERO.get_or_init(now), index, count)
    }

    /// The same by a clock that shows a time at a moment.
    pub fn by(zero: (Instant, Duration), index: u64, count: u64) -> Self {
        let count = count.max(1);
        Turns {
            index: index % count,
            count,
            zero,
        }
    }

    /// The first moment from one on at which a request may go, where all together send `per_second`; 0: any number.
    pub fn next(&self, from: Instant, per_second: f64) -> Instant {
        let apart = 1.0 / per_second;
        if self.count == 1 || per_second <= 0.0 || apart < SHORTEST {
            return from;
        }
        let late = LATE.min(apart / 2.0);
        let nanos = |seconds: f64| (seconds * 1e9) as i128;
        let apart = nanos(apart * (1.0 + late));
        let (zero, since) = self.zero;
        let passed = match from.checked_duration_since(zero) {
            Some(passed) => passed.as_nanos() as i128,
            None => -(zero.duration_since(from).as_nanos() as i128),
        };
        let all = apart * i128::from(self.count);
        let at = since.as_nanos() as i128 + passed - apart * i128::from(self.index);
        match at.rem_euclid(all) {
            into if into < nanos(late) => from,
            into => from + Duration::from_nanos((all - into) as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_together_send_no_more_in_any_second_than_one_would() {
        let zero = (Instant::now(), Duration::from_secs(1_800_000_000));
        // (per second, programs, the most in a second, the least in ten)
        for (per_second, programs, most, least) in [
            (10.0, 4, 10, 90),
            (10.0, 3, 10, 90),
            (2.0, 4, 2, 18),
            (1.0, 7, 1, 9),
            (100.0, 4, 100, 950),
        ] {
            let mut sent = Vec::new();
            for index in 0..programs {
                let turns = Turns::by(zero, index, programs);
                // Each begins somewhere, comes late as far as it may, and keeps to its part of the rate.
                let mut now = zero.0 + Duration::from_millis(37 * index);
                let late = Duration::from_secs_f64(LATE.min(0.5 / per_second) * 0.9);
                while now < zero.0 + Duration::from_secs(12) {
                    now = turns.next(now, per_second);
                    let really = now + late * (sent.len() as u32 % 2);
                    let really = match turns.next(really, per_second) == really {
                        true => really,
                        false => now,
                    };
                    sent.push(really);
                    now = really + Duration::from_secs_f64(programs as f64 / per_second);
                }
            }
            sent.sort();
            let within = |from: Instant, seconds: u64| {
                let end = from + Duration::from_secs(seconds);
                sent.iter().filter(|at| (from..end).contains(at)).count()
            };
            let found = sent.iter().map(|at| within(*at, 1)).max();
            assert!(found <= Some(most), "{per_second} {programs}: {found:?}");
            let ten = within(zero.0 + Duration::from_secs(1), 10);
            assert!(ten >= least, "{per_second} {programs}: {ten}");
        }
    }

    #[test]
    fn one_alone_waits_for_nobody() {
        let now = Instant::now();
        for turns in [Turns::of(0, 1), Turns::of(0, 0)] {
            assert_eq!(turns.next(now, 10.0), now);
        }
        assert_eq!(Turns::of(1, 4).next(now, 0.0), now);
    }
}
