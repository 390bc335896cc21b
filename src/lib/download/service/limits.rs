//! What the answers of hosts have taught: how much each gives in one answer, and what each service says of itself.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::access::Admission;
use crate::files;
use crate::http::Trouble;
use crate::iiif::info::Limits;

/// A service that is asked once what it is, and whether it lets us in.
pub type InfoCell = OnceCell<Result<Admission, Trouble>>;

/// What the answers of a host have taught, and each service's `info.json`, fetched once.
#[derive(Debug, Default)]
pub struct Memory {
    /// Where caps are remembered from run to run, so that a run that was broken off cuts images as a whole one does.
    caps: Option<PathBuf>,
    /// Held by the one that keeps them.
    keeping: tokio::sync::Mutex<()>,
    infos: Mutex<HashMap<String, Arc<InfoCell>>>,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

/// What is known of a host. `lesson` is held by the image that asks for the first whole picture, so that the
/// others need not find out the same.
#[derive(Debug, Default)]
pub struct Host {
    /// Held by the image that finds out.
    pub lesson: tokio::sync::Mutex<()>,
    known: Mutex<Known>,
}

/// What the answers of a host tell of its limits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    /// The largest answer, proven by a region answered right.
    cap: Option<Limits>,
    /// The most pixels that came in one answer.
    given: u64,
    /// The fewest pixels that were refused in one answer without a smaller one in their place.
    refused: Option<u64>,
}

impl Known {
    /// Whether nothing was learnt yet.
    pub fn is_new(&self) -> bool {
        self.cap.is_none() && self.given == 0 && self.refused.is_none()
    }

    /// Whether an answer of this size is worth asking for.
    pub fn may_give(&self, [width, height]: [u32; 2]) -> bool {
        let pixels = area([width, height]);
        let capped = self.cap.is_some_and(|cap| !cap.allow(width, height));
        pixels <= self.given || !(capped || self.refused.is_some_and(|refused| pixels >= refused))
    }

    /// Whether as much came in one answer before.
    pub fn has_given(&self, size: [u32; 2]) -> bool {
        area(size) <= self.given
    }

    /// It gave an answer of this size.
    pub fn gave(&mut self, size: [u32; 2]) {
        self.given = self.given.max(area(size));
    }

    /// It refused an answer of this size, and gave no smaller one.
    pub fn refused(&mut self, size: [u32; 2]) {
        self.refused = Some(self.refused.unwrap_or(u64::MAX).min(area(size)));
    }
}

impl Memory {
    /// What earlier runs learnt of hosts, and where to keep what this one learns.
    pub fn open(caps: PathBuf) -> Self {
        let known: BTreeMap<String, Limits> = std::fs::read(&caps)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let host = |cap| {
            let host = Host::default();
            host.lower(&cap);
            Arc::new(host)
        };
        let hosts = known.into_iter().map(|(name, cap)| (name, host(cap)));
        Memory {
            caps: Some(caps),
            hosts: Mutex::new(hosts.collect()),
            ..Memory::default()
        }
    }

    /// Notes a cap that a region has proven. What cannot be kept is learnt again.
    pub async fn lower(&self, service: &str, cap: &Limits) {
        self.host(service).lower(cap);
        let Some(path) = self.caps.clone() else {
            return;
        };
        // One after the other, so that what is kept last is what is known last.
        let _turn = self.keeping.lock().await;
        if let Ok(bytes) = files::to_json(&self.known(), &path.display().to_string()) {
            let _ = tokio::task::spawn_blocking(move || files::write(&path, &bytes)).await;
        }
    }

    fn known(&self) -> BTreeMap<String, Limits> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = hosts.iter();
        known
            .filter_map(|(name, host)| Some((name.clone(), host.known().cap?)))
            .collect()
    }

    /// The place of a service's `info.json`.
    pub fn info_cell(&self, service: &str) -> Arc<InfoCell> {
        const MOST: usize = 10_000;
        let mut infos = self.infos.lock().unwrap_or_else(PoisonError::into_inner);
        if infos.len() >= MOST {
            infos.clear();
        }
        infos.entry(service.to_owned()).or_default().clone()
    }

    /// What is known of a service's host.
    pub fn host(&self, service: &str) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts
            .entry(origin_of(service).to_owned())
            .or_default()
            .clone()
    }
}

/// Requests that nobody has signed, by host, as earlier runs left them.
pub fn unsigned(hidden: &Path) -> BTreeMap<String, u64> {
    let held = std::fs::read(hidden.join(UNSIGNED)).ok();
    let held = held.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    held.unwrap_or_default()
}

/// Keeps them for the next run. What cannot be kept is counted anew.
pub fn keep_unsigned(hidden: &Path, unsigned: &BTreeMap<String, u64>) {
    if !unsigned.is_empty() {
        let _ = files::write_json(&hidden.join(UNSIGNED), unsigned);
    }
}

const UNSIGNED: &str = "unsigned.json";

impl Host {
    /// What is known now.
    pub fn known(&self) -> Known {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The largest answer, as far as is known.
    pub fn cap(&self) -> Limits {
        self.known().cap.unwrap_or(Limits::NONE)
    }

    /// Learns.
    pub fn learn(&self, lesson: impl FnOnce(&mut Known)) {
        lesson(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn lower(&self, to: &Limits) {
        self.learn(|known| known.cap = Some(known.cap.unwrap_or(Limits::NONE).and(to)));
    }
}

/// `scheme://host:port` of a URI.
pub fn origin_of(uri: &str) -> &str {
    let from = uri.find("://").map_or(0, |at| at + 3);
    let end = uri[from..].find('/').map_or(uri.len(), |at| from + at);
    &uri[..end]
}

fn area([width, height]: [u32; 2]) -> u64 {
    u64::from(width) * u64::from(height)
}
