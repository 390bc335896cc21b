//! HTTP: connections and their limits, messages as values, and which handler answers which request.

pub mod accept;
pub mod access_log;
pub mod base_url;
pub mod coding;
pub mod connections;
pub mod documents;
pub mod forwarded;
pub mod host;
pub mod listen;
pub mod message;
pub mod metrics;
pub mod packed;
pub mod range;
pub mod request_class;
pub mod route;
pub mod router;
pub mod server;
pub mod stall;
pub mod topic;
