//! Which of the images that were found go into the digest.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use super::filter::{Blame, Filter};
use super::images::Images;
use super::taxonomy;
use crate::contracts::{ANNOTATED_EMPTY, Annotation, Observation, Region};
use crate::error::Error;

/// Images that are kept, and what is known about the rest.
pub struct Selected {
    /// By number: whether the image is kept.
    is_kept: Vec<bool>,
    /// Number of images that are kept.
    pub kept: u64,
    /// Number of images that a filter or the limit left out.
    pub filtered: u64,
    /// Number of images that are kept of which only a name is known.
    pub nameless: u64,
    /// Number of boxes of images that are kept.
    pub boxes_kept: u64,
    /// Number of boxes left out by filters, alone or with their image.
    pub boxes_filtered: u64,
    /// Number of annotations that were met more than once.
    pub folded: u64,
    /// Concepts of the boxes that are kept.
    pub concepts: BTreeSet<String>,
    /// Why no image is kept, if none is, and which conditions left out nothing.
    pub blame: Blame,
    /// Of the images asked for, those that are kept.
    pub kept_ids: HashSet<String>,
    /// Of the images asked for, those that are left out.
    pub filtered_ids: HashSet<String>,
}

/// Applies filters and limit. An image that had boxes of which none is wanted is left out too: in training data it
/// would claim that there is nothing on it. `asked` are ids of images of which is to be told whether they are kept.
///
/// # Errors
/// The images cannot be read.
pub fn select(
    images: &mut Images,
    filter: &Filter,
    limit: Option<u64>,
    asked: &HashSet<&str>,
) -> Result<Selected, Error> {
    let mut selected = Selected {
        is_kept: Vec::new(),
        kept: 0,
        filtered: 0,
        nameless: 0,
        boxes_kept: 0,
        boxes_filtered: 0,
        folded: 0,
        concepts: BTreeSet::new(),
        blame: Blame::new(filter),
        kept_ids: HashSet::new(),
        filtered_ids: HashSet::new(),
    };
    for image in images.iter() {
        let (_, mut image) = image?;
        selected.blame.see_keys(filter, &image);
        let is_kept = selected.kept < limit.unwrap_or(u64::MAX) && is_wanted(filter, &image);
        selected.is_kept.push(is_kept);
        let all = boxes(&image);
        if image.is_mark() {
            // It is no image of its own, and was listed where it was read.
        } else if is_kept {
            keep_boxes(filter, &mut image);
            let kept = boxes(&image);
            selected.kept += 1;
            let has_address = image.image.url.is_some() || image.image.service.is_some();
            selected.nameless += u64::from(!has_address);
            selected.boxes_kept += kept;
            selected.boxes_filtered += all - kept;
            let concepts = image.annotations.iter().filter_map(taxonomy::concept);
            selected.concepts.extend(concepts);
        } else {
            selected.filtered += 1;
            selected.boxes_filtered += all;
            if selected.kept == 0 {
                selected.blame.see(filter, &image);
            }
        }
        if asked.contains(&*image.id) {
            match is_kept {
                true => selected.kept_ids.insert(image.id),
                false => selected.filtered_ids.insert(image.id),
            };
        }
    }
    selected.folded = images.folded;
    Ok(selected)
}

impl Selected {
    /// The images that are kept, with the boxes that are wanted.
    pub fn images<'a>(
        &'a self,
        images: &'a mut Images,
        filter: &'a Filter,
    ) -> impl Iterator<Item = Result<Observation, Error>> + 'a {
        images.iter().filter_map(|image| match image {
            Ok((number, mut image)) => {
                keep_boxes(filter, &mut image);
                self.is_kept[number].then_some(Ok(image))
            }
            Err(error) => Some(Err(error)),
        })
    }
}

fn is_wanted(filter: &Filter, image: &Observation) -> bool {
    let boxes = &image.annotations;
    // Also one of which somebody said that nothing is there, whatever a model says.
    let is_empty = |b: &Annotation| b.attributes.get(ANNOTATED_EMPTY) == Some(&Value::Bool(true));
    let is_all_empty = boxes.iter().all(is_empty);
    filter.wants(image) && (is_all_empty || boxes.iter().any(|b| filter.wants_box(image, b)))
}

fn keep_boxes(filter: &Filter, image: &mut Observation) {
    let mut all = std::mem::take(&mut image.annotations);
    all.retain(|b| filter.wants_box(image, b));
    image.annotations = all;
}

/// How many annotations are boxes: about a part of the image, not about all of it.
fn boxes(observation: &Observation) -> u64 {
    let boxes = observation.annotations.iter();
    let is_part = |a: &&Annotation| !a.regions.iter().all(Region::is_whole);
    boxes.filter(is_part).count() as u64
}
