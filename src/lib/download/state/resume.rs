//! What a run downloads again: what is missing, what differs on the disk, what a server has changed since.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::index::{Index, Slot};
use super::input::Set;
use super::settled::{FileState, Lookup};
use crate::contracts::{Failure, LocalizedImage};
use crate::download::options::Options;
use crate::error::Error;
use crate::files;
use crate::http::id_without_secrets;

/// Images by what is to be done with them.
#[derive(Debug, Default)]
pub struct Sorted<'a> {
    /// Finished by earlier runs, and still there.
    pub done: Vec<Slot>,
    /// To be downloaded.
    pub missing: Vec<&'a LocalizedImage>,
    /// Failed before, in a way that is not to be tried again now.
    pub left: Vec<Failure>,
    /// Paths of files whose content is not what was written, and that would be overwritten.
    pub altered: Vec<String>,
    /// Paths of files that are missing.
    pub gone: Vec<String>,
}

/// Sorts the images of a set.
///
/// # Errors
/// If the list of earlier failures cannot be read.
pub fn sort<'a>(set: &'a Set, index: &Index, lookup: &Lookup) -> Result<Sorted<'a>, Error> {
    let mut sorted = Sorted {
        done: set.settled.clone(),
        ..Sorted::default()
    };
    let mut failed = not_retried(lookup.options())?;
    // What was never tried comes first, what failed before last.
    let failed_before = failed_before(lookup.options());
    let mut again = Vec::new();
    let find = |image: &LocalizedImage| match lookup.find(index, image) {
        // It is downloaded again in any case, in the place of what is there.
        None => (None, lookup.is_altered(index, &image.id)),
        found => (found, None),
    };
    let states: Vec<_> = set.images.par_iter().map(find).collect();
    for (image, (state, altered)) in set.images.iter().zip(states) {
        if let Some(slot) = altered {
            sorted.altered.push(index.path(slot).to_owned());
        }
        match state {
            Some((slot, FileState::Unchanged)) => sorted.done.push(slot),
            Some((slot, FileState::Altered)) => {
                sorted.altered.push(index.path(slot).to_owned());
                sorted.missing.push(image);
            }
            other => {
                if let Some((slot, _)) = other {
                    sorted.gone.push(index.path(slot).to_owned());
                }
                let listed = id_without_secrets(&image.id);
                match failed.remove(&listed) {
                    Some(failure) => sorted.left.push(Failure {
                        id: image.id.clone(),
                        ..failure
                    }),
                    None if failed_before.contains(&listed) => again.push(image),
                    None => sorted.missing.push(image),
                }
            }
        }
    }
    sorted.missing.append(&mut again);
    Ok(sorted)
}

/// The ids in the list of failures of an earlier run, of images for which something was requested; none where it cannot be
/// read: they only order what is to be done.
fn failed_before(options: &Options) -> HashSet<String> {
    let file = Some(&options.failures).filter(|path| files::is_there(path));
    let reader = file.and_then(|path| csv::Reader::from_path(path).ok());
    let rows = reader.into_iter().flat_map(csv::Reader::into_records);
    let was_tried = |row: &csv::StringRecord| row.get(5) != Some("0");
    let tried = rows.filter_map(Result::ok).filter(was_tried);
    tried
        .filter_map(|row| row.get(0).map(str::to_owned))
        .collect()
}

/// With `--retry-failed`, the failures of other kinds, by image id.
fn not_retried(options: &Options) -> Result<HashMap<String, Failure>, Error> {
    if options.retry_failed.is_empty() || !options.failures.exists() {
        return Ok(HashMap::new());
    }
    let name = options.failures.display();
    let bytes = files::read(&options.failures)?;
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    let mut left = HashMap::new();
    for failure in reader.deserialize() {
        let failure: Failure = failure.map_err(|e| {
            Error::new(format!("{name}: not a list of failures"))
                .because(e)
                .hint("--failures names the list that recto-download wrote")
        })?;
        if !options.retry_failed.contains(&failure.kind) {
            left.insert(failure.id.clone(), failure);
        }
    }
    Ok(left)
}

/// With `--overwrite` and `--refresh`, images that could not be downloaded again and are still there from before: they
/// stay in the map.
pub fn kept_from_before(
    images: &[LocalizedImage],
    index: &Index,
    lookup: &Lookup,
    there: &[Slot],
) -> Vec<Slot> {
    let there: HashSet<Slot> = there.iter().copied().collect();
    let still_there = |image: &LocalizedImage| {
        let slot = index.find(&image.id).filter(|slot| !there.contains(slot))?;
        let (_, state) = lookup.find_old(index, image)?;
        (state == FileState::Unchanged).then_some(slot)
    };
    images.iter().filter_map(still_there).collect()
}
