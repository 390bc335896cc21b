//! How many images, boxes and groups a dataset and its splits hold. Pure.

use std::collections::BTreeSet;

use crate::contracts::PartCount;
use crate::formats::{Dataset, ImageFacts};
use crate::summary::Summary;

/// Adds the counts of a dataset and its splits to the summary.
pub fn count(summary: &mut Summary, dataset: &Dataset) {
    let total = part_count(dataset.facts.iter());
    let mut add = |prefix: &str, part: &PartCount| {
        summary.count(&format!("{prefix}images"), part.images);
        summary.count(&format!("{prefix}boxes"), part.boxes);
        summary.count(&format!("{prefix}negatives"), part.negatives);
        summary.count(&format!("{prefix}groups"), part.groups);
    };
    add("", &total);
    for (part, name) in dataset.splits.iter().enumerate() {
        add(&format!("{name}_"), &part_count(dataset.facts_of(part)));
    }
    summary.count("classes", dataset.classes.len() as u64);
}

/// Counts over some images.
pub fn part_count<'a>(facts: impl Iterator<Item = ImageFacts<'a>>) -> PartCount {
    let (mut count, mut groups) = (PartCount::default(), BTreeSet::new());
    for facts in facts {
        let boxes = facts.boxes();
        count.images += 1;
        count.boxes += u64::from(boxes);
        count.negatives += u64::from(boxes == 0);
        groups.insert(facts.group);
    }
    count.groups = groups.len() as u64;
    count
}
