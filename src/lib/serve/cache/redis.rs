//! The cache in a Redis server, which several servers may share; what it does not answer in time is rendered without it.

use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, FromRedisValue};

use super::counts::{TierCounts, one};
use super::entry::{self, CacheKey};
use super::settings::CacheSettings;
use crate::error::Error;
use crate::http::{News, REDIS_URL, RedisServer};
use crate::serve::notice;

/// The largest answer that is stored, in bytes: larger ones would delay all others on the single connection.
const LARGEST: usize = 16 << 20;
const TIMEOUT: Duration = Duration::from_millis(500);
const RETRY: Duration = Duration::from_secs(5);

/// A Redis server and how it is used.
pub struct RedisCache {
    server: RedisServer,
    prefix: String,
    time: Option<Duration>,
    /// Hits, misses and failures of this tier, for `/metrics`.
    pub counts: TierCounts,
    quiet: bool,
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
        let timeout = settings.redis_timeout.unwrap_or(TIMEOUT);
        let retry = settings.redis_retry.unwrap_or(RETRY);
        let server = RedisServer::new(url, timeout, retry);
        let server = server.map_err(|what| {
            Error::new(format!("[cache] redis: {what}")).hint(format!(
                "write {REDIS_URL}; a server without TLS belongs in a private network"
            ))
        })?;
        Ok(RedisCache {
            server,
            prefix: settings
                .redis_prefix
                .clone()
                .unwrap_or_else(|| "recto:".into()),
            time: settings.kept_for(),
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
        let asked = self.server.ask(command).await;
        match asked.news {
            Some(News::Gone(why)) => {
                self.report(&format!("does not answer: {why}; going on without it"));
            }
            Some(News::Back) => self.report("answers again"),
            None => {}
        }
        asked.answer?.map_err(|_| one(&self.counts.errors)).ok()
    }

    fn report(&self, what: &str) {
        if !self.quiet {
            notice::print(&format!("Redis at {} {what}", self.server.address));
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
