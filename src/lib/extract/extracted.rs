//! What the core of `extract` takes and returns.

use std::collections::HashSet;

use super::concept::ClassFrom;
use super::options::Outside;
use crate::contracts::Taxonomy;
use crate::summary::Reject;

/// The choices of the user that the core follows.
#[derive(Clone, Debug)]
pub struct ExtractRules {
    /// Where classes come from, in order of preference.
    pub class_from: Vec<ClassFrom>,
    /// What to do with a box that extends beyond its image.
    pub outside: Outside,
    /// Motivations to keep; empty: all.
    pub motivations: Vec<String>,
    /// Height of the band that a line without an area becomes, in units of what it is drawn on; none: lines are rejected.
    pub line_height: Option<f64>,
    /// Side of the square that a point becomes, in units of what it is drawn on; none: points are rejected.
    pub point_size: Option<f64>,
}

impl Default for ExtractRules {
    fn default() -> Self {
        ExtractRules {
            class_from: vec![ClassFrom::Auto],
            outside: Outside::Clip,
            motivations: Vec::new(),
            line_height: None,
            point_size: None,
        }
    }
}

/// What the core makes of digests. `read == kept + rejects` always holds, counted in regions of annotations.
#[derive(Debug, Default)]
pub struct Extracted {
    /// The place of concepts in a tree. If digests disagree, the first one is used.
    pub taxonomy: Taxonomy,
    /// Regions, and images without URL, that cannot be used.
    pub rejects: Vec<Reject>,
    /// Number of regions, without those that were filtered and duplicates.
    pub read: u64,
    /// Number of regions that became boxes or labels.
    pub kept: u64,
    /// Number of regions of annotations whose motivation was not wanted.
    pub filtered: u64,
    /// Number of regions that repeat an earlier digest or annotation.
    pub duplicates: u64,
    /// Number of observations of an image that an earlier one had named.
    pub folded: u64,
    /// Regions that several images may hold, until it is known whether any does.
    pub shared: SharedRegions,
    /// Number of regions that became labels.
    pub labels: u64,
    /// Number of corrections that were applied; they count as read and kept too.
    pub reviews: u64,
    /// Boxes that were clipped to their image.
    pub clipped: Occurrences,
    /// Boxes that were taken from the media fragment because the SVG cannot be used.
    pub fallbacks: Occurrences,
    /// Boxes from SVGs that declare another size than that of what they are drawn on, which were not scaled.
    pub not_scaled: Occurrences,
    /// Boxes with another word for the same part that lies elsewhere: a box beside an outline, a baseline.
    pub apart: Occurrences,
    /// Boxes that lie within the first pixel.
    pub tiny: Occurrences,
    /// Boxes around several areas of one SVG, whose outlines are not one polygon and are not kept.
    pub in_parts: Occurrences,
    /// Annotations of an image that have the id of another one and say something else. Both are kept.
    pub clashes: Occurrences,
    /// Images that digests put into different groups.
    pub regrouped: Occurrences,
    /// Images whose frames have different aspect ratios.
    pub misshapen: Occurrences,
}

/// Regions of canvases on which several images are placed, and of services' images of which parts are used. Each is tried on
/// every such image, and is left out only if it is on none of them.
#[derive(Debug, Default)]
pub struct SharedRegions {
    /// Regions that are on an image, each by a hash of its name.
    pub kept: HashSet<u64>,
    /// Regions that are outside an image, with the reject if they are outside all.
    pub outside: Vec<(u64, Reject)>,
}

impl Extracted {
    /// Adds what was made of later observations.
    pub fn absorb(&mut self, later: Extracted) {
        let Extracted {
            taxonomy: _,
            rejects,
            read,
            kept,
            filtered,
            duplicates,
            folded,
            shared,
            labels,
            reviews,
            clipped,
            fallbacks,
            not_scaled,
            apart,
            tiny,
            in_parts,
            clashes,
            regrouped,
            misshapen,
        } = later;
        self.rejects.extend(rejects);
        self.read += read;
        self.kept += kept;
        self.filtered += filtered;
        self.duplicates += duplicates;
        self.folded += folded;
        self.shared.kept.extend(shared.kept);
        self.shared.outside.extend(shared.outside);
        self.labels += labels;
        self.reviews += reviews;
        self.clipped.absorb(clipped);
        self.fallbacks.absorb(fallbacks);
        self.not_scaled.absorb(not_scaled);
        self.apart.absorb(apart);
        self.tiny.absorb(tiny);
        self.in_parts.absorb(in_parts);
        self.clashes.absorb(clashes);
        self.regrouped.absorb(regrouped);
        self.misshapen.absorb(misshapen);
    }

    /// Counts corrections, of which some were applied and the others are rejects.
    pub fn corrected(&mut self, given: u64, applied: u64, rejects: Vec<Reject>) {
        self.read += given;
        self.kept += applied;
        self.reviews += applied;
        self.rejects.extend(rejects);
    }

    /// Rejects, once each, the regions that are on no image.
    pub fn settle_shared(&mut self) {
        let SharedRegions { kept, outside } = std::mem::take(&mut self.shared);
        let mut seen = HashSet::new();
        for (name, reject) in outside {
            if !kept.contains(&name) && seen.insert(name) {
                self.read += 1;
                self.rejects.push(reject);
            }
        }
    }
}

/// How often something happened that is worth a note, and where it happened first.
#[derive(Debug, Default)]
pub struct Occurrences {
    /// How often.
    pub count: u64,
    /// The first occurrence, as a message shows it.
    pub first: String,
}

impl Occurrences {
    /// Adds what happened later.
    fn absorb(&mut self, later: Occurrences) {
        if self.count == 0 {
            self.first = later.first;
        }
        self.count += later.count;
    }

    /// Counts one. `describe` is called only for the first.
    pub fn add(&mut self, describe: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = describe();
        }
        self.count += 1;
    }
}
