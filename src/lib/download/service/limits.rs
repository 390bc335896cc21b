//! How large the answers of a host may be, as its answers have shown: servers limit that, and many do not say so.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::files;
use crate::iiif::info::Limits;

/// The hosts of a run.
#[derive(Debug, Default)]
pub struct KnownHosts {
    /// Where proven caps are saved, so that an interrupted run that is resumed cuts images as a complete one does.
    file: Option<PathBuf>,
    /// Held while the file is written.
    saving: tokio::sync::Mutex<()>,
    by_origin: Mutex<HashMap<String, Arc<KnownHost>>>,
}

/// One host.
#[derive(Debug, Default)]
pub struct KnownHost {
    /// Held by the image that first requests a whole image, so that others need not find out the same.
    pub probing: tokio::sync::Mutex<()>,
    known: Mutex<AnswerSizes>,
}

/// What the answers of a host have shown about their size.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnswerSizes {
    /// The largest answer, proven by a region that was answered in its full size.
    cap: Option<Limits>,
    /// The most pixels that came in one answer.
    given: u64,
    /// The fewest pixels that were refused in one answer without a smaller image in their place.
    refused: Option<u64>,
}

impl AnswerSizes {
    /// Whether nothing is known yet.
    pub fn is_new(&self) -> bool {
        self.cap.is_none() && self.given == 0 && self.refused.is_none()
    }

    /// Whether an answer of this size is worth requesting.
    pub fn may_give(&self, [width, height]: [u32; 2]) -> bool {
        let pixels = area([width, height]);
        let capped = self.cap.is_some_and(|cap| !cap.allow(width, height));
        pixels <= self.given || !(capped || self.refused.is_some_and(|refused| pixels >= refused))
    }

    /// Whether as many pixels came in one answer before.
    pub fn has_given(&self, size: [u32; 2]) -> bool {
        area(size) <= self.given
    }

    /// An answer of this size came.
    pub fn gave(&mut self, size: [u32; 2]) {
        self.given = self.given.max(area(size));
    }

    /// An answer of this size was refused, and no smaller image came in its place.
    pub fn refused(&mut self, size: [u32; 2]) {
        self.refused = Some(self.refused.unwrap_or(u64::MAX).min(area(size)));
    }
}

impl KnownHosts {
    /// What earlier runs saved in `file`, where this run saves what it learns.
    pub fn open(file: PathBuf) -> Self {
        let caps: BTreeMap<String, Limits> = std::fs::read(&file)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let host = |cap| {
            let host = KnownHost::default();
            host.lower(&cap);
            Arc::new(host)
        };
        let hosts = caps.into_iter().map(|(name, cap)| (name, host(cap)));
        KnownHosts {
            file: Some(file),
            by_origin: Mutex::new(hosts.collect()),
            ..KnownHosts::default()
        }
    }

    /// Notes a cap that a region has proven, and saves it. If that fails, the next run finds it out again.
    pub async fn lower(&self, service: &str, cap: &Limits) {
        self.host(service).lower(cap);
        let Some(path) = self.file.clone() else {
            return;
        };
        // One write after the other, so that the last one written is the last one known.
        let _turn = self.saving.lock().await;
        if let Ok(bytes) = files::to_json(&self.caps(), &path.display().to_string()) {
            let _ = tokio::task::spawn_blocking(move || files::write(&path, &bytes)).await;
        }
    }

    fn caps(&self) -> BTreeMap<String, Limits> {
        let hosts = self.by_origin.lock();
        let hosts = hosts.unwrap_or_else(PoisonError::into_inner);
        hosts
            .iter()
            .filter_map(|(name, host)| Some((name.clone(), host.known().cap?)))
            .collect()
    }

    /// The host of a service.
    pub fn host(&self, service: &str) -> Arc<KnownHost> {
        let hosts = self.by_origin.lock();
        let mut hosts = hosts.unwrap_or_else(PoisonError::into_inner);
        hosts
            .entry(origin_of(service).to_owned())
            .or_default()
            .clone()
    }
}

impl KnownHost {
    /// What is known now.
    pub fn known(&self) -> AnswerSizes {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The largest answer, as far as is known.
    pub fn cap(&self) -> Limits {
        self.known().cap.unwrap_or(Limits::NONE)
    }

    /// Notes what an answer has shown.
    pub fn learn(&self, note: impl FnOnce(&mut AnswerSizes)) {
        note(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
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

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_damaged_file_of_limits_is_read_or_taken_for_none() {
        use recto_testkit::{mutation, samples};
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("limits.json");
        let takes = move |bytes: &[u8]| {
            let _ = &folder;
            std::fs::write(&file, bytes).unwrap();
            let hosts = KnownHosts::open(file.clone());
            let cap = hosts.host("https://archive.example/iiif/a").cap();
            hosts.caps().len() == 2 && cap.width > 0
        };
        let sound = samples::limits();
        mutation::check(500, move |random| mutation::json(&sound, random), takes).is_mixed();
    }
}
