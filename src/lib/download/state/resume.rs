//! What a run downloads again: what is missing, what differs on the disk, what a server has changed since.

use std::collections::{HashMap, HashSet};

use futures::stream::{self, StreamExt};
use rayon::prelude::*;

use super::index::{Index, Slot};
use super::input::Set;
use super::settled::{FileState, Lookup};
use crate::contracts::{Download, Failure, LocalizedImage};
use crate::download::options::Options;
use crate::error::Error;
use crate::files;
use crate::http::header::{HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use crate::http::{Client, Kind, Request};

/// Images by what is to be done with them.
#[derive(Debug, Default)]
pub struct Sorted<'a> {
    /// Finished by earlier runs, and still there.
    pub done: Vec<Slot>,
    /// To be downloaded.
    pub missing: Vec<&'a LocalizedImage>,
    /// Failed before, in a way that is not to be tried again now.
    pub left: Vec<Failure>,
    /// Paths of files whose content is not what was written.
    pub altered: Vec<String>,
    /// Paths of files that are missing, or of another length.
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
    let find = |image| lookup.find(index, image);
    let states: Vec<_> = set.images.par_iter().map(find).collect();
    for (image, state) in set.images.iter().zip(states) {
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
                match failed.remove(&image.id) {
                    Some(failure) => sorted.left.push(failure),
                    None => sorted.missing.push(image),
                }
            }
        }
    }
    Ok(sorted)
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

/// What a server says about a file that was downloaded before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    /// It has not changed.
    Same,
    /// It has changed, or nothing proves that it has not.
    Changed,
    /// It is not there any more.
    Gone,
    /// The server did not say.
    Unknown,
}

/// Asks servers what has changed since; those images are then missing. Returns what has not changed, and notes for the
/// user.
pub async fn refresh<'a>(
    client: &Client,
    index: &Index,
    done: Vec<Slot>,
    images: &'a [LocalizedImage],
    missing: &mut Vec<&'a LocalizedImage>,
) -> (Vec<Slot>, Vec<String>) {
    let ask = |slot| async move { (since(client, index.entry(slot)).await, slot) };
    let in_flight = usize::from(client.options().per_host());
    let mut answers: Vec<(Since, Slot)> = stream::iter(done)
        .map(ask)
        .buffer_unordered(in_flight)
        .collect()
        .await;
    answers.sort_by(|(_, a), (_, b)| index.id(*a).cmp(index.id(*b)));
    let of = |kind: Since| -> Vec<&str> {
        let of_kind = answers.iter().filter(|(since, _)| *since == kind);
        of_kind.map(|(_, slot)| index.id(*slot)).collect()
    };
    let [same, changed, gone, unknown] =
        [Since::Same, Since::Changed, Since::Gone, Since::Unknown].map(of);
    let mut notes = vec![format!(
        "--refresh: {} unchanged, {} changed, {} no longer at the server and kept here, {} could not be checked (no ETag or date, or no answer); {} new",
        same.len(),
        changed.len(),
        gone.len(),
        unknown.len(),
        missing.len()
    )];
    for (ids, what) in [
        (&changed, "changed"),
        (&gone, "no longer at the server"),
        (&unknown, "could not be checked"),
    ] {
        notes.extend(list_of(ids).map(|ids| format!("--refresh: {what}: {ids}")));
    }
    let changed: HashSet<&str> = changed.into_iter().collect();
    missing.extend(images.iter().filter(|image| changed.contains(&*image.id)));
    let kept = answers.iter().filter(|(since, _)| *since != Since::Changed);
    (kept.map(|(_, slot)| *slot).collect(), notes)
}

/// Asks whether a file has changed since it was downloaded, by its ETag or date. Images of joined regions have neither.
async fn since(client: &Client, entry: Option<Download>) -> Since {
    let Some(entry) = entry else {
        return Since::Unknown;
    };
    let mut headers = HeaderMap::new();
    let tags = [
        (IF_NONE_MATCH, &entry.etag),
        (IF_MODIFIED_SINCE, &entry.last_modified),
    ];
    for (name, tag) in tags {
        if let Some(Ok(tag)) = tag.as_deref().map(HeaderValue::from_str) {
            headers.insert(name, tag);
        }
    }
    if headers.is_empty() {
        return Since::Unknown;
    }
    let request = Request {
        headers,
        ..Request::image(&entry.uri, u64::MAX)
    };
    match client.status(&request).await {
        Ok(304) => Since::Same,
        Ok(_) => Since::Changed,
        Err(error) if error.kind == Kind::NotFound => Since::Gone,
        Err(_) => Since::Unknown,
    }
}

/// Some ids for people to read, and how many more there are.
fn list_of(ids: &[&str]) -> Option<String> {
    const SHOWN: usize = 20;
    let shown = ids[..ids.len().min(SHOWN)].join(", ");
    match ids.len() {
        0 => None,
        1..=SHOWN => Some(shown),
        all => Some(format!("{shown} and {} more", all - SHOWN)),
    }
}
