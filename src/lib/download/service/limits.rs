//! How large the answers of a host may be, as its answers have shown: servers limit that, and many do not say so.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

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

/// What the answers of a host have shown about their size. A single image may be restricted for reasons of its own, so
/// what is concluded for others needs two.
#[derive(Clone, Debug, Default)]
pub struct AnswerSizes {
    /// The largest answer, proven by regions of two images that were answered in their full size.
    cap: Option<Limits>,
    /// Services whose images have shown a cap, with it.
    capped: BTreeMap<String, Limits>,
    /// The size of the largest answer.
    given: [u32; 2],
    /// Services whose images were refused in one answer without a smaller image in their place, with their pixels.
    refused: BTreeMap<String, u64>,
    /// Images that were not requested in one answer because of what is believed.
    spared: u32,
}

/// Images that have to show the same before it is believed of others.
const WITNESSES: usize = 2;

impl AnswerSizes {
    /// Whether nothing is known yet that holds for other images.
    pub fn is_new(&self) -> bool {
        self.cap.is_none() && self.given == [0, 0] && self.refused.len() < WITNESSES
    }

    /// Whether an answer of this size is worth requesting.
    pub fn may_give(&self, [width, height]: [u32; 2]) -> bool {
        let pixels = area([width, height]);
        let capped = self.cap.is_some_and(|cap| !cap.allow(width, height));
        let refused = self.refused.values().filter(|refused| pixels >= **refused);
        pixels <= area(self.given) || !(capped || refused.count() >= WITNESSES)
    }

    /// Whether an image is requested in one answer although it is not believed to come: what is believed may come of images
    /// that are restricted for reasons of their own. That is tried ever less often: at the 2nd, 8th, 32nd… image.
    fn is_to_be_tried(&mut self) -> bool {
        self.spared = self.spared.saturating_add(1);
        self.spared.is_power_of_two() && self.spared.trailing_zeros() % 2 == 1
    }

    /// Whether another image has shown this cap on its longer side: then one answer of that size is no accident.
    pub fn was_shown(&self, side: u32) -> bool {
        self.capped
            .values()
            .any(|cap| cap.width.max(cap.height) == side)
    }

    /// Whether as many pixels came in one answer before.
    pub fn has_given(&self, size: [u32; 2]) -> bool {
        area(size) <= area(self.given)
    }

    /// An answer of this size came. A cap that it contradicts holds for some images only.
    pub fn gave(&mut self, [width, height]: [u32; 2]) {
        if area([width, height]) > area(self.given) {
            self.given = [width, height];
        }
        if self.cap.is_some_and(|cap| !cap.allow(width, height)) {
            self.cap = None;
            self.capped.clear();
        }
    }

    /// An answer of this size was refused for the image of a service, and no smaller image came in its place.
    pub fn refused(&mut self, service: &str, size: [u32; 2]) {
        if self.refused.len() < MAX_WITNESSES {
            let refused = self.refused.entry(service.to_owned()).or_insert(u64::MAX);
            *refused = area(size).min(*refused);
        }
    }

    /// Regions of the image of a service have shown a cap. Returns whether it is believed of the host from now on.
    fn capped(&mut self, service: &str, cap: &Limits) -> bool {
        if self.capped.len() < MAX_WITNESSES {
            let known = self.capped.entry(service.to_owned()).or_insert(*cap);
            *known = known.and(cap);
        }
        if self.cap.is_none() && self.capped.len() < WITNESSES {
            return false;
        }
        // The host gives more than that: these images are restricted for reasons of their own.
        let [width, height] = self.given;
        if !cap.allow(width, height) {
            return false;
        }
        // Where images differ, the larger cap is that of the host, and the smaller one that of its image.
        let largest = self.capped.values().max_by_key(|cap| (cap.width, cap.area));
        let before = self.cap;
        self.cap = largest
            .copied()
            .map(|cap| before.map_or(cap, |before| before.and(&cap)));
        self.cap != before
    }
}

/// A cap in the file in which later runs find it, with the services whose images have shown it.
#[derive(Debug, Serialize, Deserialize)]
struct SavedCap {
    #[serde(flatten)]
    cap: Limits,
    #[serde(default)]
    shown_by: Vec<String>,
}

/// The most images that are remembered as witnesses.
const MAX_WITNESSES: usize = 8;

impl KnownHosts {
    /// What earlier runs saved in `file`, where this run saves what it learns.
    pub fn open(file: PathBuf) -> Self {
        let caps: BTreeMap<String, SavedCap> = std::fs::read(&file)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let host = |saved: SavedCap| {
            let host = KnownHost::default();
            host.learn(|known| {
                known.cap = Some(saved.cap);
                let shown_by = saved.shown_by.into_iter();
                known.capped = shown_by.map(|service| (service, saved.cap)).collect();
            });
            Arc::new(host)
        };
        let hosts = caps.into_iter().map(|(name, cap)| (name, host(cap)));
        KnownHosts {
            file: Some(file),
            by_origin: Mutex::new(hosts.collect()),
            ..KnownHosts::default()
        }
    }

    /// Notes a cap that a region of a service's image has proven, and saves what is believed of hosts. If that fails, the
    /// next run finds it out again.
    pub async fn lower(&self, service: &str, cap: &Limits) {
        let mut is_news = false;
        let host = self.host(service);
        host.learn(|known| is_news = known.capped(service, cap));
        if is_news {
            self.save().await;
        }
    }

    /// Notes that an answer of this size came.
    pub async fn gave(&self, service: &str, size: [u32; 2]) {
        let host = self.host(service);
        let before = host.known().cap;
        host.learn(|known| known.gave(size));
        if host.known().cap != before {
            self.save().await;
        }
    }

    async fn save(&self) {
        let Some(path) = self.file.clone() else {
            return;
        };
        // One write after the other, so that the last one written is the last one known.
        let _turn = self.saving.lock().await;
        if let Ok(bytes) = files::to_json(&self.caps(), &path.display().to_string()) {
            let _ = tokio::task::spawn_blocking(move || files::write(&path, &bytes)).await;
        }
    }

    fn caps(&self) -> BTreeMap<String, SavedCap> {
        let hosts = self.by_origin.lock();
        let hosts = hosts.unwrap_or_else(PoisonError::into_inner);
        hosts
            .iter()
            .filter_map(|(name, host)| {
                let known = host.known();
                let saved = SavedCap {
                    cap: known.cap?,
                    shown_by: known.capped.into_keys().collect(),
                };
                Some((name.clone(), saved))
            })
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
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    /// The largest answer, as far as is known.
    pub fn cap(&self) -> Limits {
        self.known().cap.unwrap_or(Limits::NONE)
    }

    /// Whether an answer of this size is worth requesting, or worth a try.
    pub fn may_give(&self, size: [u32; 2]) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.may_give(size) || known.is_to_be_tried()
    }

    /// Notes what an answer has shown.
    pub fn learn(&self, note: impl FnOnce(&mut AnswerSizes)) {
        note(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
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

    fn square(side: u32) -> Limits {
        Limits {
            width: side,
            height: side,
            area: u64::MAX,
        }
    }

    #[test]
    fn one_image_says_nothing_about_the_others() {
        let mut host = AnswerSizes::default();
        assert!(!host.capped("a", &square(600)));
        assert!(host.may_give([3000, 2400]) && host.is_new());
        assert!(!host.capped("a", &square(500)), "the same image");
        assert!(host.capped("b", &square(1000)));
        assert_eq!(host.cap, Some(square(1000)));
        assert!(!host.may_give([3000, 2400]) && !host.is_new());
        host.gave([3000, 2400]);
        assert_eq!(host.cap, None, "contradicted");
        assert!(host.may_give([3000, 2400]));
    }

    #[test]
    fn what_is_believed_is_tried_again_ever_less_often() {
        let host = KnownHost::default();
        host.learn(|known| {
            known.capped("a", &square(600));
            known.capped("b", &square(600));
        });
        let tried = (1..=100).filter(|_| host.may_give([3000, 2400]));
        assert_eq!(tried.collect::<Vec<u32>>(), [2, 8, 32]);
        assert!(host.may_give([600, 600]));
    }

    #[test]
    fn what_two_images_are_refused_is_not_requested_again() {
        let mut host = AnswerSizes::default();
        host.refused("a", [300, 200]);
        assert!(host.may_give([300, 200]));
        host.refused("b", [400, 200]);
        assert!(!host.may_give([400, 200]) && host.may_give([350, 200]));
    }

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
