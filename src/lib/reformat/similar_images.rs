//! Finds images that look alike, by their fingerprints. Pure.

use std::collections::{BTreeSet, HashMap};

use crate::pixels::Fingerprint;

/// Two images that look alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlikePair {
    /// Their places in the survey.
    pub images: (usize, usize),
    /// Their files.
    pub files: [Box<str>; 2],
    /// Their groups.
    pub groups: [String; 2],
    /// Whether the files are equal, byte for byte.
    pub is_equal: bool,
}

/// Pairs of images that look alike, by index: at most so many bits of their fingerprints differ. Each image is compared with
/// those that have at least one part of the bits in common: of more parts than bits may differ, one must be the same.
pub fn pairs(fingerprints: &[Option<Fingerprint>], bits: u32) -> Vec<(usize, usize)> {
    let parts = bits + 1;
    let telling = |at: &usize| {
        let found = fingerprints[*at].as_ref();
        found.is_some_and(Fingerprint::is_telling)
    };
    let telling: Vec<usize> = (0..fingerprints.len()).filter(telling).collect();
    let mut found = BTreeSet::new();
    for part in 0..parts {
        let (from, to) = (64 * part / parts, 64 * (part + 1) / parts);
        let mask = (u64::MAX >> (64 - (to - from))) << from;
        let mut same: HashMap<u64, Vec<usize>> = HashMap::new();
        for &at in &telling {
            if let Some(fingerprint) = &fingerprints[at] {
                same.entry(fingerprint.bits & mask).or_default().push(at);
            }
        }
        for some in same.into_values() {
            for (i, &a) in some.iter().enumerate() {
                let is_alike = |&&b: &&usize| match (&fingerprints[a], &fingerprints[b]) {
                    (Some(a), Some(b)) => a.is_alike(b, bits),
                    _ => false,
                };
                found.extend(some[i + 1..].iter().filter(is_alike).map(|&b| (a, b)));
            }
        }
    }
    found.into_iter().collect()
}
