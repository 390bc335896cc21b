//! The corrections that go into a digest: those of its images.

use std::collections::HashSet;

use super::select::Selected;
use crate::contracts::Review;
use crate::corrections::LocatedCorrection;
use crate::summary::{Reject, Summary, counted};

/// The images that corrections are about.
pub fn images(corrections: &[LocatedCorrection]) -> HashSet<&str> {
    let images = corrections.iter().map(|located| &located.correction.image);
    images.map(String::as_str).collect()
}

/// The corrections of images that are kept, and a reject for each one of an image that was not found. Whether the box
/// exists is checked by `extract`, which gives boxes their ids.
pub fn of_kept(
    corrections: &[LocatedCorrection],
    selected: &Selected,
    summary: &mut Summary,
) -> (Vec<Review>, Vec<Reject>) {
    let (kept, filtered) = (&selected.kept_ids, &selected.filtered_ids);
    let (mut reviews, mut unplaced) = (Vec::new(), Vec::new());
    let mut of_filtered = 0;
    for located in corrections {
        let image = &located.correction.image;
        if kept.contains(image) {
            reviews.push(Review::from(&located.correction));
        } else if filtered.contains(image) {
            of_filtered += 1;
        } else {
            unplaced.push(located.reject(&format!("there is no image `{image}`")));
        }
    }
    if !corrections.is_empty() {
        summary.count("reviews", reviews.len() as u64);
    }
    if of_filtered > 0 {
        let note = format!(
            "{} of images that filters left out: left out too",
            counted(of_filtered, "correction", "corrections")
        );
        summary.notes.push(note);
    }
    (reviews, unplaced)
}
