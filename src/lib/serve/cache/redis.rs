//! Answers in a Redis server that several servers share. It may go and come back at any time: whatever it does not
//! answer in time is made without it, and then it is left alone for a while.

use std::time::Duration;

use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::counts::{Counts, one};
use super::entry::{self, Key};
use super::settings::Settings;
use crate::error::Error;

/// Larger answers would keep everybody's tiles waiting on the one connection.
const LARGEST: usize = 16 << 20;
const TIMEOUT: Duration = Duration::from_millis(500);
const RETRY: Duration = Duration::from_secs(5);

/// The server and how it is treated.
pub struct Shared {
    client: Client,
    address: String,
    prefix: String,
    time: Option<Duration>,
    timeout: Duration,
    retry: Duration,
    state: Mutex<State>,
    /// What happened.
    pub counts: Counts,
    quiet: bool,
}

enum State {
    Apart,
    Joined(MultiplexedConnection),
    LeftAlone(Instant),
}

impl Shared {
    /// The server at a URL. It need not be there yet.
    pub fn new(url: &str, settings: &Settings, quiet: bool) -> Result<Self, Error> {
        // The URL may hold a password, and so may what the parser says of it.
        let cannot = |_: RedisError| {
            Error::new("[cache] redis: is not a URL of a Redis server")
                .hint("write redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], or unix:///PATH")
        };
        let client = Client::open(url).map_err(cannot)?;
        let address = client.get_connection_info().addr();
        if !address.is_supported() {
            return Err(Error::new("[cache] redis: TLS is not offered")
                .hint("write redis:// and keep the server on a network of your own"));
        }
        Ok(Shared {
            address: address.to_string(),
            client,
            prefix: settings
                .redis_prefix
                .clone()
                .unwrap_or_else(|| "recto:".into()),
            time: settings.kept_for(),
            timeout: settings.redis_timeout.unwrap_or(TIMEOUT),
            retry: settings.redis_retry.unwrap_or(RETRY),
            state: Mutex::new(State::Apart),
            counts: Counts::default(),
            quiet,
        })
    }

    /// The body kept under a key.
    pub async fn get(&self, key: &Key) -> Option<Bytes> {
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

    /// Keeps a body.
    pub async fn put(&self, key: &Key, body: &[u8]) {
        if body.len() > LARGEST {
            return one(&self.counts.skipped);
        }
        // Redis keeps the time itself.
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

    /// Removes all answers about an image; how many there were, none if the server does not answer.
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

    /// What the server says to a command, in time.
    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let mut connection = self.connection().await?;
        match command.query_async(&mut connection).await {
            Ok(answer) => Some(answer),
            Err(e) => {
                one(&self.counts.errors);
                // Out of memory, or not allowed: it is there and may do other things.
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
            State::Joined(connection) => return Some(connection.clone()),
            State::LeftAlone(until) if Instant::now() < *until => return None,
            State::LeftAlone(_) | State::Apart => {}
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout));
        let joining = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        match joining.await {
            Ok(connection) => {
                if matches!(*state, State::LeftAlone(_)) {
                    self.say("answers again");
                }
                *state = State::Joined(connection.clone());
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
        // Those who asked at the same time have all failed, and each says so.
        if !matches!(state, State::LeftAlone(_)) {
            self.say(&format!(
                "does not answer: {e}; answers are made without it"
            ));
        }
        *state = State::LeftAlone(Instant::now() + self.retry);
    }

    fn say(&self, what: &str) {
        if !self.quiet {
            super::say(&format!("Redis at {} {what}", self.address));
        }
    }

    fn name(&self, key: &Key) -> String {
        format!("{}{}:{}", self.prefix, key.owner, key.name)
    }
}

/// A prefix as Redis' patterns have it.
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
