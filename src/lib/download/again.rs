//! What a later run asks anew: what is missing, what differs on the disk, what a server has changed since.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use rayon::prelude::*;

use super::Options;
use super::fetch::{self, Wish};
use super::finished::{Finished, Slot};
use super::gather::Set;
use crate::contracts::{Download, Failure, LocalizedImage};
use crate::error::Error;
use crate::files;
use crate::http::header::{HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use crate::http::{Ask, Http, Kind};

/// Images by what is to be done with them.
#[derive(Debug, Default)]
pub struct Sorted<'a> {
    /// Finished by earlier runs, and still there.
    pub done: Vec<Slot>,
    /// To be fetched.
    pub missing: Vec<&'a LocalizedImage>,
    /// Failed before, in a way that is not to be tried again now.
    pub left: Vec<Failure>,
    /// Files whose content is not what was written.
    pub differ: Vec<String>,
    /// Files that are missing, or of another length.
    pub gone: Vec<String>,
}

/// How an image is looked for on the disk.
pub struct Way<'a> {
    folder: &'a Path,
    wish: Wish,
    options: &'a Options,
}

impl<'a> Way<'a> {
    /// As the options have it.
    pub fn new(options: &'a Options, folder: &'a Path) -> Self {
        Way {
            folder,
            wish: options.wish(),
            options,
        }
    }

    /// Where an image stands among the finished, if its file is there as it should be.
    pub fn settled(&self, finished: &Finished, image: &LocalizedImage) -> Option<Slot> {
        let found = self.look(finished, image);
        found.and_then(|(slot, state)| matches!(state, State::Whole).then_some(slot))
    }

    fn look(&self, finished: &Finished, image: &LocalizedImage) -> Option<(Slot, State)> {
        let slot = finished
            .find(&image.id)
            .filter(|_| !self.options.overwrite)?;
        let is_asked = finished.was_asked(slot, &fetch::asked(image, self.wish));
        is_asked.then(|| {
            (
                slot,
                state(finished, slot, self.folder, self.options.verify),
            )
        })
    }
}

/// Sorts the images of a set.
pub fn sort<'a>(set: &'a Set, finished: &Finished, way: &Way) -> Result<Sorted<'a>, Error> {
    let mut sorted = Sorted {
        done: set.settled.clone(),
        ..Sorted::default()
    };
    let mut failed = left_alone(way.options)?;
    let look = |image| way.look(finished, image);
    let states: Vec<_> = set.images.par_iter().map(look).collect();
    for (image, state) in set.images.iter().zip(states) {
        match state {
            Some((slot, State::Whole)) => sorted.done.push(slot),
            Some((slot, State::Other)) => {
                sorted.differ.push(finished.path(slot).to_owned());
                sorted.missing.push(image);
            }
            other => {
                if let Some((slot, _)) = other {
                    sorted.gone.push(finished.path(slot).to_owned());
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

/// With `--retry-failed`, the failures of other kinds.
fn left_alone(options: &Options) -> Result<HashMap<String, Failure>, Error> {
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

enum State {
    Whole,
    Other,
    Gone,
}

/// Whether the file of an entry is there. Its hash was taken before it got its name; `verify` takes it again.
fn state(finished: &Finished, slot: Slot, folder: &Path, verify: bool) -> State {
    let path = folder.join(finished.path(slot));
    match std::fs::metadata(&path) {
        Ok(file) if file.len() == finished.bytes(slot) => {}
        _ => return State::Gone,
    }
    let is_same = || {
        let found = files::sha256_of_file(&path).ok();
        found.is_some() && found == finished.whole(slot).map(|entry| entry.sha256)
    };
    match !verify || is_same() {
        true => State::Whole,
        false => State::Other,
    }
}

/// With --overwrite, what could not be fetched anew and is still there from before: it stays in the map.
pub fn kept_from_before(
    images: &[LocalizedImage],
    finished: &Finished,
    way: &Way,
    had: &[Slot],
) -> Vec<Slot> {
    let (wish, verify) = (way.wish, way.options.verify);
    let had: HashSet<Slot> = had.iter().copied().collect();
    let still_there = |image: &LocalizedImage| {
        let slot = finished.find(&image.id)?;
        let is_wanted =
            !had.contains(&slot) && finished.was_asked(slot, &fetch::asked(image, wish));
        let is_there = matches!(state(finished, slot, way.folder, verify), State::Whole);
        (is_wanted && is_there).then_some(slot)
    };
    images.iter().filter_map(still_there).collect()
}

/// What a server says of a file that was had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// It is as it was.
    Same,
    /// It is another one now, or nothing proves that it is not.
    Changed,
    /// It is there no more.
    Gone,
    /// The server did not say.
    Unknown,
}

/// Asks whether a file is still the one that was had, by its ETag or date. Joined regions have neither.
pub async fn since(http: &Http, entry: Option<Download>) -> Since {
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
    let ask = Ask {
        headers,
        ..Ask::image(&entry.uri, u64::MAX)
    };
    match http.peek(&ask).await {
        Ok(304) => Since::Same,
        Ok(_) => Since::Changed,
        Err(trouble) if trouble.kind == Kind::NotFound => Since::Gone,
        Err(_) => Since::Unknown,
    }
}
