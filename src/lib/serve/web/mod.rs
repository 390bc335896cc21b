//! HTTP: connections and their limits, messages as values, and which handler answers what.

pub mod connections;
pub mod metrics;
pub mod router;
pub mod server;
pub mod stall;
