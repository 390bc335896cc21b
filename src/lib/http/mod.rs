//! The only module that opens connections: timeouts, retries, redirects and limits per host.
//!
//! `client` repeats a request until there is an answer; `retry` decides when. `send` makes one attempt, redirects
//! included, after `permission` and a slot of the host's queue (`hosts`), whose `pacing` handles 429, 503 and
//! `Retry-After` for all requests to it, and whose `judgment` tells the faults of URLs from those of their host. `jobs`
//! counts images with requests in flight. `budget_store` shares the rate limits of hosts with other programs. `connections` has the
//! client, `body` and `codings` read what is answered.
//! Waits and retries are bounded.

mod address;
mod answer;
mod archives;
mod body;
mod budget;
mod budget_store;
pub mod certificates;
mod client;
mod codings;
mod connections;
mod cookies;
mod credentials;
mod error;
mod freed;
mod host_header;
mod hosts;
mod jobs;
mod judgment;
mod login;
mod netrc;
mod opt_out;
mod options;
mod pacing;
mod permission;
pub mod proxies;
mod ranges;
mod redis_server;
mod request;
mod resolver;
mod retry;
mod robots;
mod send;
mod stats;
mod token_login;
mod turns;
mod url_secrets;
pub mod validators;
pub mod webhook;

pub use answer::first_words;
pub use archives::Archives;
pub use budget_store::BudgetStoreUrl;
pub use client::Client;
pub use connections::Answers;
pub use error::{Error, Kind};
pub use hosts::Host;
pub use hosts::Place;
pub use netrc::{Login, NetrcFile, login_for};
pub use options::{
    Budget, Options, USUAL_PER_HOST, host_of, length, rewrite, rewritten, server_of, size,
};
pub use pacing::{LEFT, RequestLimit, Turn};
pub use redis_server::{News, REDIS_URL, RedisReply, RedisServer};
pub use request::{AnswerHead, Request, RequestLog, Response, SavedResponse};
/// Names and values of headers, in the types of the client.
pub use reqwest::header;
pub use stats::HostStats;
pub use token_login::TokenLogin;
pub use url_secrets::{for_journal, id_without_secrets, shared_id, without_secrets};
