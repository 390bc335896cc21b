//! Whose the images of a set are: rights, attributions, and the manifests that say so. Pure.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::files;

/// Rights and attribution, as images have them → the images that do. Those that have neither are in it too.
pub type Owners = BTreeMap<(String, String), Owned>;

/// Images of the same rights and attribution.
#[derive(Clone, Debug, Default)]
pub struct Owned {
    /// Their number.
    pub images: u64,
    /// The first of the manifests that they are from, in code-point order.
    pub manifests: BTreeSet<String>,
    /// Numbers made of the names of all.
    known: HashSet<u64>,
}

impl Owned {
    /// The most manifests that are named.
    const MOST: usize = 100;

    /// How many manifests there are.
    pub fn manifest_count(&self) -> u64 {
        self.known.len() as u64
    }

    /// Adds an image, and the manifest that it is from.
    pub fn add(&mut self, manifest: Option<&str>) {
        self.images += 1;
        let manifest = manifest.filter(|manifest| !manifest.is_empty());
        let Some(manifest) = manifest else { return };
        if !self.known.insert(files::hash_number(manifest.as_bytes())) {
            return;
        }
        let is_full = self.manifests.len() == Self::MOST;
        if is_full && self.manifests.last().is_some_and(|last| **last < *manifest) {
            return;
        }
        self.manifests.insert(manifest.to_owned());
        if self.manifests.len() > Self::MOST {
            self.manifests.pop_last();
        }
    }
}
