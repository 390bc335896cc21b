//! HTTP: connections and their limits, messages as values, and which handler answers which request.

pub mod access_log;
pub mod base_url;
pub mod connections;
pub mod message;
pub mod metrics;
pub mod router;
pub mod server;
pub mod stall;
