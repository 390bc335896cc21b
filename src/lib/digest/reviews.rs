//! Corrections that a digest carries: those of its images.

use std::collections::HashSet;

use super::Selected;
use crate::contracts::{Observation, Review};
use crate::corrections::Named;
use crate::summary::{Reject, Summary};

/// The corrections of images that are kept, and those of images that nobody has seen. Whether a box is there is for
/// `extract` to say, which gives boxes their ids.
pub fn of_kept(
    corrections: &[Named],
    selected: &Selected,
    summary: &mut Summary,
) -> (Vec<Review>, Vec<Reject>) {
    let ids = |of: &'_ [Observation]| of.iter().map(|o| o.id.clone()).collect::<HashSet<_>>();
    let (kept, set_aside) = (ids(&selected.kept), ids(&selected.set_aside));
    let (mut reviews, mut unplaced) = (Vec::new(), Vec::new());
    let mut passed = 0;
    for named in corrections {
        let image = &named.correction.image;
        if kept.contains(image) {
            reviews.push(Review::from(&named.correction));
        } else if set_aside.contains(image) {
            passed += 1;
        } else {
            unplaced.push(named.reject(&format!("no image is called `{image}`")));
        }
    }
    if !corrections.is_empty() {
        summary.count("reviews", reviews.len() as u64);
    }
    if passed > 0 {
        let note = format!("{passed} corrections of images set aside: set aside too");
        summary.notes.push(note);
    }
    (reviews, unplaced)
}
