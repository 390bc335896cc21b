//! What a run downloads again: what is missing, what differs on the disk, what a server has changed since.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::index::{Index, Slot};
use super::input::Set;
use super::settled::{FileState, Lookup};
use crate::contracts::{Failure, LocalizedImage};
use crate::download::names::source_uri;
use crate::download::options::Options;
use crate::error::Error;
use crate::files;
use crate::http::{Kind, id_without_secrets, without_secrets};
use crate::pixels;

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
    /// Requests of earlier runs for images that failed, by id.
    pub tried: HashMap<String, u32>,
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
                let url = without_secrets(source_uri(image).unwrap_or_default());
                match failed.remove(&listed).filter(|failure| failure.url == url) {
                    Some(failure) => sorted.left.push(Failure {
                        id: image.id.clone(),
                        ..failure
                    }),
                    None if failed_before.contains_key(&listed) => again.push(image),
                    None => sorted.missing.push(image),
                }
            }
        }
    }
    sorted.missing.append(&mut again);
    sorted.tried = failed_before;
    Ok(sorted)
}

/// Requests for images in the list of failures of an earlier run, by id, where there were any; none where the list cannot be
/// read: they only order what is to be done.
fn failed_before(options: &Options) -> HashMap<String, u32> {
    let file = Some(&options.failures).filter(|path| files::is_there(path));
    let reader = file.and_then(|path| csv::Reader::from_path(path).ok());
    let rows = reader.into_iter().flat_map(csv::Reader::into_records);
    let requests = |row: csv::StringRecord| {
        let requests: u32 = row.get(5)?.parse().ok()?;
        Some((row.get(0)?.to_owned(), requests)).filter(|_| requests > 0)
    };
    rows.filter_map(Result::ok).filter_map(requests).collect()
}

/// Failures that are not tried again, by image id: with `--retry-failed` those of other kinds, else those of files that cannot
/// be decoded.
fn not_retried(options: &Options) -> Result<HashMap<String, Failure>, Error> {
    let mut left = HashMap::new();
    if !files::is_there(&options.failures) {
        return Ok(left);
    }
    let is_named = !options.retry_failed.is_empty();
    let name = options.failures.display();
    let bytes = files::read(&options.failures)?;
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    for failure in reader.deserialize() {
        let failure: Failure = match failure {
            Ok(failure) => failure,
            Err(e) if is_named => {
                return Err(Error::new(format!("{name}: not a list of failures"))
                    .because(e)
                    .hint("--failures names the list that recto-download wrote"));
            }
            // It is written anew.
            Err(_) => break,
        };
        let is_left = match is_named {
            true => !options.retry_failed.contains(&failure.kind),
            false => !options.overwrite && is_undecodable(&failure, options),
        };
        if is_left {
            left.insert(failure.id.clone(), failure);
        }
    }
    Ok(left)
}

/// Whether an image was had, is sound, and cannot be decoded; with `--keep-unread` it is also kept.
fn is_undecodable(failure: &Failure, options: &Options) -> bool {
    let is_kept = failure.message.contains("; kept as ");
    failure.kind == Kind::Unsupported.name()
        && failure.status == Some(200)
        && failure.message.contains("not supported")
        && !pixels::is_about_no_image(&failure.message)
        && (is_kept || !options.keep_unread)
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
