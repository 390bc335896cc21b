//! The cache in a Redis server, which several servers may share. Redis may fail and come back at any time: what it does
//! not answer in time is rendered without it, and then it is left alone for a while.

use std::time::Duration;

use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::counts::{TierCounts, one};
use super::entry::{self, CacheKey};
use super::settings::CacheSettings;
use crate::error::Error;
use crate::serve::notice;

/// The largest answer that is stored, in bytes: larger ones would delay all others on the single connection.
const LARGEST: usize = 16 << 20;
const TIMEOUT: Duration = Duration::from_millis(500);
const RETRY: Duration = Duration::from_secs(5);

/// A Redis server and how it is used.
pub struct RedisCache {
    client: Client,
    address: String,
    prefix: String,
    time: Option<Duration>,
    timeout: Duration,
    retry: Duration,
    state: Mutex<State>,
    /// Hits, misses and failures of this tier, for `/metrics`.
    pub counts: TierCounts,
    quiet: bool,
}

enum State {
    NotConnected,
    Connected(MultiplexedConnection),
    /// It failed, and is not asked before this time.
    LeftAlone(Instant),
}

impl RedisCache {
    /// The server at a URL, which need not be running yet.
    ///
    /// # Errors
    /// The URL is invalid, or asks for TLS.
    pub fn new(
        url: &str,
        settings: &CacheSettings,
        counts: TierCounts,
        quiet: bool,
    ) -> Result<Self, Error> {
        // The URL may hold a password, and so may what the parser says of it.
        let cannot = |_: RedisError| {
            Error::new("[cache] redis: not a valid URL of a Redis server")
                .hint("write redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], or unix:///PATH")
        };
        let client = Client::open(url).map_err(cannot)?;
        let address = client.get_connection_info().addr();
        if !address.is_supported() {
            return Err(Error::new("[cache] redis: TLS is not supported")
                .hint("write redis:// and run the server in a private network"));
        }
        Ok(RedisCache {
            address: address.to_string(),
            client,
            prefix: settings
                .redis_prefix
                .clone()
                .unwrap_or_else(|| "recto:".into()),
            time: settings.kept_for(),
            timeout: settings.redis_timeout.unwrap_or(TIMEOUT),
            retry: settings.redis_retry.unwrap_or(RETRY),
            state: Mutex::new(State::NotConnected),
            counts,
            quiet,
        })
    }

    /// The body stored under a key.
    pub async fn get(&self, key: &CacheKey) -> Option<Bytes> {
        let mut command = redis::cmd("GET");
        command.arg(self.name(key));
        let found: Option<Option<Vec<u8>>> = self.ask(&command).await;
        let found = found.flatten().map(Bytes::from);
        let body = found.and_then(|bytes| match entry::open(key, &bytes) {
            Some((_, body)) => Some(body),
            None => {
                one(&self.counts.damaged);
                None
            }
        });
        match &body {
            Some(body) => self.counts.hit(body.len()),
            None => one(&self.counts.misses),
        }
        body
    }

    /// Stores a body.
    pub async fn put(&self, key: &CacheKey, body: &[u8]) {
        if body.len() > LARGEST {
            return one(&self.counts.skipped);
        }
        // Redis itself removes the entry when it is too old.
        let entry = [&entry::head(key, 0, body)[..], body].concat();
        let mut command = redis::cmd("SET");
        command.arg(self.name(key)).arg(entry);
        if let Some(time) = self.time {
            let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            command.arg("PX").arg(millis.max(1));
        }
        match self.ask::<()>(&command).await {
            Some(()) => one(&self.counts.stored),
            None => one(&self.counts.skipped),
        }
    }

    /// Removes all answers about an image and returns their number; none if the server does not answer.
    pub async fn purge(&self, owner: &str) -> Option<u64> {
        let pattern = format!("{}{owner}:*", escaped(&self.prefix));
        let (mut cursor, mut removed) = (0_u64, 0);
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor)
                .arg("MATCH")
                .arg(&pattern)
                .arg("COUNT")
                .arg(1000);
            let (next, names): (u64, Vec<String>) = self.ask(&scan).await?;
            if !names.is_empty() {
                let mut unlink = redis::cmd("UNLINK");
                unlink.arg(names);
                removed += self.ask::<u64>(&unlink).await?;
            }
            if next == 0 {
                return Some(removed);
            }
            cursor = next;
        }
    }

    /// The answer to a command; none if it fails or takes too long.
    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let mut connection = self.connection().await?;
        match command.query_async(&mut connection).await {
            Ok(answer) => Some(answer),
            Err(e) => {
                one(&self.counts.errors);
                // Out of memory, or not permitted: the server works, and other commands may succeed.
                if !matches!(e.kind(), ErrorKind::Server(_) | ErrorKind::Extension) {
                    let mut state = self.state.lock().await;
                    self.leave_alone(&mut state, &e);
                }
                None
            }
        }
    }

    async fn connection(&self) -> Option<MultiplexedConnection> {
        let mut state = self.state.lock().await;
        match &*state {
            State::Connected(connection) => return Some(connection.clone()),
            State::LeftAlone(until) if Instant::now() < *until => return None,
            State::LeftAlone(_) | State::NotConnected => {}
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout));
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        match connecting.await {
            Ok(connection) => {
                if matches!(*state, State::LeftAlone(_)) {
                    self.report("answers again");
                }
                *state = State::Connected(connection.clone());
                Some(connection)
            }
            Err(e) => {
                one(&self.counts.errors);
                self.leave_alone(&mut state, &e);
                None
            }
        }
    }

    fn leave_alone(&self, state: &mut State, e: &RedisError) {
        // Commands that ran at the same time all failed: only the first is reported.
        if !matches!(state, State::LeftAlone(_)) {
            self.report(&format!("does not answer: {e}; going on without it"));
        }
        *state = State::LeftAlone(Instant::now() + self.retry);
    }

    fn report(&self, what: &str) {
        if !self.quiet {
            notice::print(&format!("Redis at {} {what}", self.address));
        }
    }

    fn name(&self, key: &CacheKey) -> String {
        format!("{}{}:{}", self.prefix, key.owner, key.name)
    }
}

/// A prefix with the special characters of Redis patterns escaped.
fn escaped(prefix: &str) -> String {
    let special = |c| matches!(c, '*' | '?' | '[' | ']' | '\\' | '^' | '-');
    prefix.chars().fold(String::new(), |mut escaped, c| {
        if special(c) {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}
