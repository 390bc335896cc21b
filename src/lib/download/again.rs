//! What a later run asks anew: what is missing, what differs on the disk, what a server has changed since.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use rayon::prelude::*;

use super::Options;
use super::fetch::{self, Places, Wish};
use super::journal::Journal;
use crate::contracts::{Download, Failure, LocalizedImage};
use crate::files;
use crate::http::header::{HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use crate::http::{Ask, Http, Kind};
use crate::report::Error;

/// Images by what is to be done with them.
#[derive(Debug, Default)]
pub struct Sorted<'a> {
    /// Finished by earlier runs, and still there.
    pub done: Vec<Download>,
    /// To be fetched.
    pub missing: Vec<&'a LocalizedImage>,
    /// Failed before, in a way that is not to be tried again now.
    pub left: Vec<Failure>,
    /// Files whose content is not what was written.
    pub differ: Vec<String>,
}

/// Sorts the images of a set.
pub fn sort<'a>(
    images: &'a [LocalizedImage],
    finished: &HashMap<String, Download>,
    folder: &Path,
    wish: Wish,
    options: &Options,
) -> Result<Sorted<'a>, Error> {
    let mut sorted = Sorted::default();
    let mut failed = left_alone(options)?;
    let is_asked = |image: &LocalizedImage, entry: &&Download| {
        !options.overwrite && entry.asked == fetch::asked(image, wish)
    };
    let look = |image: &LocalizedImage| {
        let entry = finished
            .get(&image.id)
            .filter(|entry| is_asked(image, entry))?;
        Some((entry, state(entry, folder, options.verify)))
    };
    let states: Vec<_> = images.par_iter().map(look).collect();
    for (image, state) in images.iter().zip(states) {
        match state {
            Some((entry, State::Whole)) => sorted.done.push(entry.clone()),
            Some((entry, State::Other)) => {
                sorted.differ.push(entry.path.clone());
                sorted.missing.push(image);
            }
            Some((_, State::Gone)) | None => match failed.remove(&image.id) {
                Some(failure) => sorted.left.push(failure),
                None => sorted.missing.push(image),
            },
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
fn state(entry: &Download, folder: &Path, verify: bool) -> State {
    let path = folder.join(&entry.path);
    match std::fs::metadata(&path) {
        Ok(file) if file.len() == entry.bytes => {}
        _ => return State::Gone,
    }
    let is_same = || files::folder::sha256(&path).is_ok_and(|sha256| sha256 == entry.sha256);
    match !verify || is_same() {
        true => State::Whole,
        false => State::Other,
    }
}

/// With --overwrite, what could not be fetched anew and is still there from before: it stays in the map.
pub fn kept_from_before(
    images: &[LocalizedImage],
    journal: &Journal,
    places: &Places,
    wish: Wish,
    downloads: &[Download],
) -> Vec<Download> {
    let anew: HashSet<&str> = downloads.iter().map(|d| d.id.as_str()).collect();
    let still_there = |image: &LocalizedImage| {
        let entry = journal.finished().get(&image.id)?;
        let is_wanted = entry.asked == fetch::asked(image, wish) && !anew.contains(&*image.id);
        let is_there = matches!(state(entry, &places.folder, false), State::Whole);
        (is_wanted && is_there).then(|| entry.clone())
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
pub async fn since(http: &Http, entry: &Download) -> Since {
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
