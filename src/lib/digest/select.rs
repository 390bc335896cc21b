//! Which of the images that were found go into the digest. Pure.

use super::filter::Filter;
use crate::contracts::{Observation, Region};

/// Images that are kept, and the rest.
pub struct Selected {
    /// Images for the digest, in order.
    pub kept: Vec<Observation>,
    /// Images that a filter or the limit left out.
    pub filtered: Vec<Observation>,
    /// Number of boxes left out by filters, alone or with their image.
    pub boxes_filtered: u64,
}

/// Applies filters and limit. An image that had boxes of which none is wanted is left out too: in training data it
/// would claim that there is nothing on it.
pub fn select(seen: Vec<Observation>, filter: &Filter, limit: Option<u64>) -> Selected {
    let wants = |o: &Observation| {
        let mut boxes = o.annotations.iter();
        filter.wants(o) && (boxes.len() == 0 || boxes.any(|b| filter.wants_box(o, b)))
    };
    let (mut kept, mut filtered): (Vec<_>, Vec<_>) = seen.into_iter().partition(wants);
    let most = limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    filtered.extend(kept.drain(most.min(kept.len())..));
    let mut boxes_filtered: u64 = filtered.iter().map(boxes).sum();
    for observation in &mut kept {
        boxes_filtered += boxes(observation);
        let mut all = std::mem::take(&mut observation.annotations);
        all.retain(|b| filter.wants_box(observation, b));
        observation.annotations = all;
        boxes_filtered -= boxes(observation);
    }
    Selected {
        kept,
        filtered,
        boxes_filtered,
    }
}

/// How many annotations are boxes: about a part of the image, not about all of it.
pub fn boxes(observation: &Observation) -> u64 {
    let is_part = |r: &Region| r.fragment.is_some() || r.svg.is_some() || r.point.is_some();
    let boxes = observation.annotations.iter();
    boxes.filter(|a| a.regions.iter().any(is_part)).count() as u64
}
