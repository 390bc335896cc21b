//! `--budget-store`: the rate limits of hosts that several programs share, in a Redis server. Before each request a program
//! asks whether it may go; when a host asks one of them for a pause, none sends a request before that is over. The time is
//! that of the server, so that the clocks of the programs do not matter. While it does not answer, each program keeps to
//! its share.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::Cmd;
use tokio::time::Instant;

use super::redis_server::{News, REDIS_URL, RedisServer};
use super::turns::Turns;
use crate::error::Error;
use crate::progress::Wait;
use crate::summary::counted;

/// A command that takes longer than this has failed.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long a store that failed is left alone.
const RETRY: Duration = Duration::from_secs(5);

/// Whether a request may go: the microseconds to wait, whether that is a pause, how many programs asked for this host in the last
/// minute, which of them this one is, and the time in microseconds. Keys: the time of the next request, the end of the pause, the programs by when they asked last.
/// Arguments: microseconds between requests (0: any), the name of this program.
const MAY_GO: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function text(number) return string.format('%.0f', number) end
redis.call('ZADD', KEYS[3], text(now), ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', text(now - 60000000))
redis.call('EXPIRE', KEYS[3], 60)
local all = redis.call('ZRANGE', KEYS[3], 0, -1)
local before = 0
for _, other in ipairs(all) do
  if other < ARGV[2] then before = before + 1 end
end
local function answer(wait, is_pause) return {wait, is_pause, #all, before, now} end
local quiet = tonumber(redis.call('GET', KEYS[2]) or '0')
if quiet > now then return answer(quiet - now, 1) end
local free = tonumber(redis.call('GET', KEYS[1]) or '0')
if free > now then return answer(free - now, 0) end
local apart = tonumber(ARGV[1])
if apart > 0 then
  redis.call('SET', KEYS[1], text(now + apart), 'PX', text(math.ceil(apart / 1000) + 1000))
end
return answer(0, 0)";

/// Begins a pause, or makes it longer. Key: its end. Argument: its microseconds.
const PAUSE: &str = "
local time = redis.call('TIME')
local finish = time[1] * 1000000 + time[2] + tonumber(ARGV[1])
if finish > tonumber(redis.call('GET', KEYS[1]) or '0') then
  redis.call('SET', KEYS[1], string.format('%.0f', finish), 'PX', string.format('%.0f', ARGV[1] / 1000 + 1000))
end
return 0";

/// The URL of a store, which may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct BudgetStoreUrl(String);

impl FromStr for BudgetStoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match RedisServer::new(text, TIMEOUT, RETRY) {
            Ok(_) => Ok(BudgetStoreUrl(text.to_owned())),
            Err(what) => Err(format!("{what}; {REDIS_URL} is needed")),
        }
    }
}

impl fmt::Debug for BudgetStoreUrl {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        to.write_str("BudgetStoreUrl")
    }
}

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Permit {
    /// Now.
    Go,
    /// Not before this has passed: requests of others come first.
    After(Duration),
    /// Not before this has passed: the host asked one of the others for a pause.
    Paused(Duration),
}

/// The store of a run.
pub struct BudgetStore {
    server: RedisServer,
    /// Tells this program from the others.
    name: String,
    is_gone: AtomicBool,
    /// The most programs of which one kept to its share.
    programs: AtomicU64,
    /// How often it was gone.
    times_gone: AtomicU64,
    /// Why, the last time.
    why: Mutex<String>,
    by_host: Mutex<HashMap<String, HostShare>>,
}

/// How long a program goes on keeping to its share after the store answers again: by then all others have asked it too.
const REUNITED: Duration = Duration::from_secs(8);

/// What is known of a host for the time in which the store does not answer.
#[derive(Debug)]
struct HostShare {
    /// Those of the programs that asked for it when the store last answered, or of those that are known otherwise.
    turns: Turns,
    /// Whether the store did not answer the last time.
    is_alone: bool,
    /// Until when this program keeps to its share after that.
    careful_until: Option<Instant>,
    /// When the next request of its share may go.
    free: Option<Instant>,
}

impl HostShare {
    fn new(turns: Turns) -> Self {
        HostShare {
            turns,
            is_alone: false,
            careful_until: None,
            free: None,
        }
    }

    fn is_careful(&self, now: Instant) -> bool {
        self.careful_until.is_some_and(|until| now < until)
    }

    /// How long a request has to wait for its turn, where this program keeps to its share.
    fn wait(&self, now: Instant, per_second: f64) -> Option<Duration> {
        if per_second <= 0.0 || !self.is_alone && !self.is_careful(now) {
            return None;
        }
        let from = self.free.map_or(now, |free| free.max(now));
        let wait = self.turns.next(from, per_second) - now;
        (!wait.is_zero()).then_some(wait)
    }

    /// A request goes.
    fn take(&mut self, now: Instant, per_second: f64) {
        if per_second > 0.0 {
            let apart = Duration::from_secs_f64(self.turns.count as f64 / per_second);
            self.free = Some(now + apart);
        }
    }

    /// Whether a request may go that the store does not tell of.
    fn alone(&mut self, now: Instant, per_second: f64) -> Permit {
        if !self.is_alone {
            self.is_alone = true;
            // Others may just have been told that they may send, as many as all together may in a second.
            let quiet = Duration::from_secs_f64(1.0_f64.max(1.0 / per_second.max(1e-3)));
            self.free = Some(now + quiet);
        }
        match self.wait(now, per_second) {
            Some(wait) => Permit::After(wait),
            None => {
                self.take(now, per_second);
                Permit::Go
            }
        }
    }

    /// The store answers. As long as others may not have found that out, it does not count how many there are.
    fn answered(&mut self, now: Instant, turns: Turns) {
        if std::mem::replace(&mut self.is_alone, false) {
            self.careful_until = Some(now + REUNITED);
        }
        if !self.is_careful(now) {
            self.turns = turns;
        }
    }
}

impl BudgetStore {
    /// The store at a URL, which need not be running yet.
    ///
    /// # Errors
    /// The URL is not valid.
    pub fn new(url: &BudgetStoreUrl) -> Result<Self, Error> {
        let server = RedisServer::new(&url.0, TIMEOUT, RETRY)
            .map_err(|what| Error::usage(format!("--budget-store: {what}")))?;
        Ok(BudgetStore {
            server,
            name: format!("{:x}", RandomState::new().build_hasher().finish()),
            is_gone: AtomicBool::new(false),
            programs: AtomicU64::new(1),
            times_gone: AtomicU64::new(0),
            why: Mutex::default(),
            by_host: Mutex::default(),
        })
    }

    /// Whether a request may be sent to a host, `name:port`, of those that all programs send: `per_second`, 0 for any
    /// number. `turns` are those of the programs that are known without the store.
    pub async fn permit(&self, host: &str, per_second: f64, turns: Turns) -> Permit {
        let held = self
            .shares()
            .get(host)
            .and_then(|share| share.wait(Instant::now(), per_second));
        if let Some(wait) = held {
            return Permit::After(wait);
        }
        let apart = match per_second > 0.0 {
            true => (1e6 / per_second).ceil() as u64,
            false => 0,
        };
        let mut command = redis::cmd("EVAL");
        command.arg(MAY_GO).arg(3);
        for what in ["next", "pause", "programs"] {
            command.arg(key(host, what));
        }
        command.arg(apart).arg(&self.name);
        let answer: Option<(u64, u64, u64, u64, u64)> = self.ask(&command).await;
        let (now, mut shares) = (Instant::now(), self.shares());
        let share = shares
            .entry(host.to_owned())
            .or_insert_with(|| HostShare::new(turns));
        let Some((wait, is_pause, programs, before, time)) = answer else {
            self.programs
                .fetch_max(share.turns.count, Ordering::Relaxed);
            return share.alone(now, per_second);
        };
        let zero = (now, Duration::from_micros(time));
        share.answered(now, Turns::by(zero, before, programs));
        let wait = Duration::from_micros(wait);
        match (wait.is_zero(), is_pause) {
            (true, _) => {
                share.take(now, per_second);
                Permit::Go
            }
            (false, 0) => Permit::After(wait),
            (false, _) => Permit::Paused(wait),
        }
    }

    /// No program sends a request to a host before this has passed.
    pub async fn pause(&self, host: &str, wait: Duration) {
        let mut command = redis::cmd("EVAL");
        let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        command
            .arg(PAUSE)
            .arg(1)
            .arg(key(host, "pause"))
            .arg(micros);
        self.ask::<u64>(&command).await;
    }

    /// The store among what is waited for, while it does not answer.
    pub fn waits(&self) -> Option<Wait> {
        self.is_gone.load(Ordering::Relaxed).then(|| Wait {
            host: format!("redis {}", self.server.address),
            why: "no-store",
            seconds: None,
        })
    }

    /// What the user should know at the end.
    pub fn note(&self) -> Option<String> {
        let times = self.times_gone.load(Ordering::Relaxed);
        let why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        let often = match times {
            0 => return None,
            1 => "once".to_owned(),
            times => counted(times, "time", "times"),
        };
        let programs = self.shares().values().map(|share| share.turns.count).max();
        let most = programs
            .unwrap_or(1)
            .max(self.programs.load(Ordering::Relaxed));
        let now = match self.is_gone.load(Ordering::Relaxed) {
            true => "; it still does not",
            false => "",
        };
        Some(format!(
            "--budget-store: the Redis server at {} did not answer {often} ({why}): meanwhile this run used its share of each host's rate limit, 1/{most} or more{now}",
            self.server.address
        ))
    }

    /// The answer to a command; none where the store does not answer.
    async fn ask<T: redis::FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let asked = self.server.ask(command).await;
        if let Some(Ok(_)) = &asked.answer {
            self.is_gone.store(false, Ordering::Relaxed);
        }
        let failed = match (&asked.answer, &asked.news) {
            (_, Some(News::Gone(why))) => Some(why.clone()),
            // It answers, and refuses: it may not run scripts, or has no memory left.
            (Some(Err(e)), _) if !self.is_gone.load(Ordering::Relaxed) => Some(e.to_string()),
            _ => None,
        };
        if let Some(why) = failed {
            *self.why.lock().unwrap_or_else(PoisonError::into_inner) = why;
            self.times_gone.fetch_add(1, Ordering::Relaxed);
            self.is_gone.store(true, Ordering::Relaxed);
        }
        asked.answer?.ok()
    }

    fn shares(&self) -> MutexGuard<'_, HashMap<String, HostShare>> {
        self.by_host.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for BudgetStore {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        write!(to, "BudgetStore({})", self.server.address)
    }
}

/// A key of a host; those of one host are at one server of a cluster.
fn key(host: &str, what: &str) -> String {
    format!("recto:budget:{{{host}}}:{what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_store_each_keeps_to_its_share_after_a_second_without_requests_and_some_time_with_it()
     {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let zero = (start, Duration::ZERO);
        let mut shares = [0, 1].map(|n| HostShare::new(Turns::by(zero, n, 2)));
        for share in &mut shares {
            share.take(start, 2.0);
            assert_eq!(share.wait(start, 2.0), None, "as long as the store answers");
            let Permit::After(wait) = share.alone(start, 2.0) else {
                panic!("{share:?}");
            };
            assert!(wait >= second, "{wait:?}");
        }
        // Two a second of both together.
        let (mut now, mut sent) = (start, Vec::new());
        while now < start + 20 * second {
            for share in &mut shares {
                if share.alone(now, 2.0) == Permit::Go {
                    sent.push(now);
                }
            }
            now += second / 100;
        }
        for from in &sent {
            let in_a_second = |at: &&Instant| **at >= *from && **at < *from + second;
            assert!(sent.iter().filter(in_a_second).count() <= 2);
        }
        assert!((30..40).contains(&sent.len()), "{}", sent.len());
        // One of them finds the store again, which knows of no other yet.
        let [one, _] = &mut shares;
        one.answered(now, Turns::by(zero, 0, 1));
        one.take(now, 2.0);
        assert_eq!(one.turns.count, 2);
        assert!(one.wait(now, 2.0).is_some());
        let later = now + REUNITED;
        one.answered(later, Turns::by(zero, 0, 1));
        assert_eq!((one.turns.count, one.wait(later, 2.0)), (1, None));
        assert_eq!(one.alone(later, 0.0), Permit::Go, "no limit");
    }

    #[test]
    fn a_url_is_checked_and_not_shown() {
        let url: BudgetStoreUrl = "redis://me:sesame@127.0.0.1:1".parse().unwrap();
        let store = BudgetStore::new(&url).unwrap();
        assert!(!format!("{url:?} {store:?}").contains("sesame"));
        for bad in ["http://x", "rediss://x", "sesame"] {
            let error = bad.parse::<BudgetStoreUrl>().unwrap_err();
            assert!(
                error.contains("redis://") && !error.contains("sesame"),
                "{error}"
            );
        }
    }
}
