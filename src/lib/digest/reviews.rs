//! Corrections that a digest carries: those of its images.

use std::collections::HashSet;
use std::path::PathBuf;

use super::Selected;
use crate::contracts::{Observation, Review};
use crate::corrections::{self, Named};
use crate::files;
use crate::report::{Error, Reject, Report};

/// The corrections of files, and what in them says nothing.
pub fn read(paths: &[PathBuf]) -> Result<(Vec<Named>, Vec<Reject>), Error> {
    let (mut given, mut unusable) = (Vec::new(), Vec::new());
    for path in paths {
        let bytes = files::read(path)?;
        let (more, rejects) = corrections::read(&path.display().to_string(), &bytes);
        given.extend(more);
        unusable.extend(rejects);
    }
    Ok((given, unusable))
}

/// The corrections of images that are kept, and those of images that nobody has seen. Whether a box is there is for
/// `extract` to say, which gives boxes their ids.
pub fn of_kept(
    corrections: &[Named],
    selected: &Selected,
    report: &mut Report,
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
        report.count("reviews", reviews.len() as u64);
    }
    if passed > 0 {
        let note = format!("{passed} corrections of images set aside: set aside too");
        report.notes.push(note);
    }
    (reviews, unplaced)
}
