//! A Redis server that may fail and come back at any time: what it does not answer in time is done without it, and then it
//! is left alone for a while. What is asked of it, and what that means, is known to those who ask.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The form of a server's URL.
pub const REDIS_URL: &str = "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE] or unix:///PATH";

/// A server, and the connection to it while there is one.
pub struct RedisServer {
    client: Client,
    /// Its address, without secrets.
    pub address: String,
    timeout: Duration,
    retry: Duration,
    state: Mutex<State>,
}

enum State {
    NotConnected,
    Connected(MultiplexedConnection),
    /// It failed, and is not asked before this time.
    LeftAlone(Instant),
}

/// What becomes of a command.
pub struct RedisReply<T> {
    /// The answer, or why there is none; nothing while the server is left alone.
    pub answer: Option<Result<T, RedisError>>,
    /// What has changed with it.
    pub news: Option<News>,
}

/// What changes with a server.
pub enum News {
    /// It does not answer any more, for this reason.
    Gone(String),
    /// It answers again.
    Back,
}

impl RedisServer {
    /// The server at a URL, which need not be running yet. A command that takes longer than `timeout` fails; after that it is
    /// not asked for `retry`.
    ///
    /// # Errors
    /// What is wrong with the URL, which is not named: it may hold a password.
    pub fn new(url: &str, timeout: Duration, retry: Duration) -> Result<Self, &'static str> {
        let client = Client::open(url).map_err(|_| "not a valid URL of a Redis server")?;
        let address = client.get_connection_info().addr();
        if !address.is_supported() {
            return Err("TLS is not supported");
        }
        Ok(RedisServer {
            address: address.to_string(),
            client,
            timeout,
            retry,
            state: Mutex::new(State::NotConnected),
        })
    }

    /// Asks for the answer to a command.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> RedisReply<T> {
        let (mut connection, news) = match self.connection().await {
            Ok(connected) => connected,
            Err(asked) => return asked,
        };
        match command.query_async(&mut connection).await {
            Ok(answer) => RedisReply {
                answer: Some(Ok(answer)),
                news,
            },
            Err(e) => {
                // Out of memory, or not permitted: the server works, and other commands may succeed.
                let news = match e.kind() {
                    ErrorKind::Server(_) | ErrorKind::Extension => news,
                    _ => self.leave_alone(&mut *self.state.lock().await, &e),
                };
                RedisReply {
                    answer: Some(Err(e)),
                    news,
                }
            }
        }
    }

    async fn connection<T>(&self) -> Result<(MultiplexedConnection, Option<News>), RedisReply<T>> {
        let mut state = self.state.lock().await;
        match &*state {
            State::Connected(connection) => return Ok((connection.clone(), None)),
            State::LeftAlone(until) if Instant::now() < *until => {
                return Err(RedisReply {
                    answer: None,
                    news: None,
                });
            }
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
                let was_gone = matches!(*state, State::LeftAlone(_));
                *state = State::Connected(connection.clone());
                Ok((connection, was_gone.then_some(News::Back)))
            }
            Err(e) => {
                let news = self.leave_alone(&mut state, &e);
                Err(RedisReply {
                    answer: Some(Err(e)),
                    news,
                })
            }
        }
    }

    fn leave_alone(&self, state: &mut State, e: &RedisError) -> Option<News> {
        // Commands that ran at the same time all failed: only the first is news.
        let is_news = !matches!(state, State::LeftAlone(_));
        *state = State::LeftAlone(Instant::now() + self.retry);
        is_news.then(|| News::Gone(e.to_string()))
    }
}
