//! How many images, boxes and groups a dataset and its splits hold. Pure.

use std::collections::BTreeSet;

use crate::contracts::PartCount;
use crate::formats::{Dataset, DatasetImage};
use crate::summary::Summary;

/// Adds the counts of a dataset and its splits to the summary.
pub fn count(summary: &mut Summary, dataset: &Dataset) {
    let all: Vec<&DatasetImage> = dataset.images.iter().collect();
    let total = part_count(&all);
    let mut add = |prefix: &str, part: &PartCount| {
        summary.count(&format!("{prefix}images"), part.images);
        summary.count(&format!("{prefix}boxes"), part.boxes);
        summary.count(&format!("{prefix}negatives"), part.negatives);
        summary.count(&format!("{prefix}groups"), part.groups);
    };
    add("", &total);
    if !dataset.splits.is_empty() {
        for (name, pictures) in dataset.parts("") {
            add(&format!("{name}_"), &part_count(&pictures));
        }
    }
    summary.count("classes", dataset.classes.len() as u64);
}

/// Counts over some images.
pub fn part_count(pictures: &[&DatasetImage]) -> PartCount {
    let groups: BTreeSet<&str> = pictures.iter().map(|p| p.group.as_str()).collect();
    PartCount {
        images: pictures.len() as u64,
        boxes: pictures.iter().map(|p| p.boxes.len() as u64).sum(),
        negatives: pictures.iter().filter(|p| p.boxes.is_empty()).count() as u64,
        groups: groups.len() as u64,
    }
}
