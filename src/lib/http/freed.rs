//! The news that a request may be sent to a host again.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// The hosts where a place has become free since somebody looked, by number.
#[derive(Debug, Default)]
pub struct Freed {
    hosts: Mutex<Vec<usize>>,
    news: Notify,
}

impl Freed {
    /// Adds a host.
    pub fn add(&self, host: usize) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody may be looking: digest has an order of its own.
        if hosts.last() != Some(&host) && hosts.len() < MAX_NEWS {
            hosts.push(host);
        }
        self.news.notify_one();
    }

    /// Waits for a host, and takes all. `None`: too many to be named, so it may be any.
    pub async fn wait(&self) -> Option<Vec<usize>> {
        self.news.notified().await;
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let found = std::mem::take(&mut *hosts);
        (found.len() < MAX_NEWS).then_some(found)
    }
}

/// More places than are ever free at once.
const MAX_NEWS: usize = 1 << 16;
