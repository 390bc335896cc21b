//! What a run downloads again: what is missing, what differs on the disk, what a server has changed since.

use std::collections::{HashMap, HashSet};

use super::failed;
use super::index::{Index, Slot};
use super::input::Set;
use super::settled::{FileState, Lookup};
use super::words;
use crate::contracts::{self, Failure, LocalizedImage};
use crate::download::names::{hash_of, source_uri};
use crate::download::options::Options;
use crate::download::service::limits::origin_of;
use crate::error::Error;
use crate::http::{Kind, id_without_secrets, without_secrets};
use crate::pixels;

/// Images by what is to be done with them.
#[derive(Debug, Default)]
pub struct Sorted {
    /// Finished by earlier runs, and still there.
    pub done: Vec<Slot>,
    /// Those of them that servers are asked about, with `--refresh`.
    pub asked_about: Vec<Planned>,
    /// To be downloaded.
    pub missing: Vec<Planned>,
    /// Where [`Planned::origin`] leads.
    pub origins: Origins,
    /// Failed before, in a way that is not to be tried again now: numbers in [`Set::records`], and why.
    pub left: Vec<(u32, Failure)>,
    /// Paths of files whose content is not what was written, and that would be overwritten.
    pub altered: Vec<String>,
    /// Paths of files that are missing.
    pub gone: Vec<String>,
    /// Requests of earlier runs for images that failed, by the numbers of these.
    pub tried: HashMap<u32, u32>,
}

/// An image that a server will be asked for or about: eight bytes, since there may be millions.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    /// Its number in [`Set::records`].
    pub at: u32,
    /// The number of the server.
    pub origin: u32,
}

/// `scheme://host:port` of servers, by number.
#[derive(Debug, Default)]
pub struct Origins {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Origins {
    /// The number of a server, which it keeps.
    pub fn number(&mut self, origin: &str) -> u32 {
        if let Some(number) = self.numbers.get(origin) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.push(origin.to_owned());
        self.numbers.insert(origin.to_owned(), number);
        number
    }

    /// All, in the order of their numbers.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

/// What is looked up of an image.
struct Found {
    at: u32,
    id: String,
    url: String,
    /// Further URLs that are tried.
    fallbacks: Vec<String>,
    origin: String,
    /// The file of a finished one.
    file: Option<(Slot, FileState)>,
    /// What would be overwritten in any case, where a person altered it.
    altered: Option<Slot>,
}

impl Found {
    fn of(at: u32, image: LocalizedImage, index: &Index, lookup: &Lookup) -> Self {
        let file = lookup.find(index, &image);
        let url = source_uri(&image).unwrap_or_default();
        let requested = lookup.options().http.rewritten(url);
        Found {
            at,
            url: without_secrets(url).into_owned(),
            fallbacks: image
                .image
                .fallbacks
                .iter()
                .map(|url| without_secrets(url).into_owned())
                .collect(),
            origin: origin_of(&requested).to_owned(),
            // It is downloaded again in any case, in the place of what is there.
            altered: match file {
                None => lookup.is_altered(index, &image.id),
                Some(_) => None,
            },
            file,
            id: image.id,
        }
    }
}

/// Sorts the images of a set.
///
/// # Errors
/// If the set or the list of earlier failures cannot be read.
pub fn sort(set: &Set, index: &Index, lookup: &Lookup) -> Result<Sorted, Error> {
    let options = lookup.options();
    let mut sorted = Sorted {
        done: set.settled.clone(),
        ..Sorted::default()
    };
    let mut earlier = Earlier::read(options)?;
    let mut again = Vec::new();
    let look = |at, image| Found::of(at, image, index, lookup);
    set.visit(&set.open, look, |found| {
        let planned = Planned {
            at: found.at,
            origin: sorted.origins.number(&found.origin),
        };
        if let Some(slot) = found.altered {
            sorted.altered.push(index.path(slot).to_owned());
        }
        match found.file {
            Some((slot, FileState::Unchanged)) => {
                sorted.done.push(slot);
                sorted
                    .asked_about
                    .extend(options.refresh.then_some(planned));
            }
            Some((slot, FileState::Altered)) => {
                sorted.altered.push(index.path(slot).to_owned());
                sorted.missing.push(planned);
            }
            other => {
                if let Some((slot, _)) = other {
                    sorted.gone.push(index.path(slot).to_owned());
                }
                let listed = hash_of(&id_without_secrets(&found.id));
                if let Some(failure) = earlier.left.remove(&listed)
                    && failure.url == found.url
                    && found
                        .fallbacks
                        .iter()
                        .all(|url| failure.message.contains(&**url))
                {
                    sorted.left.push((found.at, failure));
                } else if let Some(attempts) = earlier.tried.get(&listed) {
                    sorted.tried.insert(found.at, *attempts);
                    again.push(planned);
                } else {
                    // What was never tried comes first, what failed before last.
                    sorted.missing.push(planned);
                }
            }
        }
        Ok(())
    })?;
    sorted.missing.append(&mut again);
    Ok(sorted)
}

/// The failures of an earlier run, by the hashes of their ids.
#[derive(Default)]
struct Earlier {
    /// Those that are not tried again.
    left: HashMap<u64, Failure>,
    /// Requests for those that were asked for.
    tried: HashMap<u64, u32>,
}

impl Earlier {
    /// Reads their list. A row that is none, as after a crash, is passed over where no kind is named to be tried again: the list is
    /// written anew.
    fn read(options: &Options) -> Result<Self, Error> {
        let mut earlier = Earlier::default();
        let mut take = |failure: Failure| {
            let id = hash_of(&failure.id);
            if failure.attempts > 0 {
                earlier.tried.insert(id, failure.attempts);
            }
            if is_left(&failure, options) {
                earlier.left.insert(id, failure);
            } else {
                earlier.left.remove(&id);
            }
        };
        contracts::read_failures(&options.failures, |row| {
            let failure = match row {
                Ok(failure) => failure,
                Err(_) if options.retry_failed.is_empty() => return Ok(()),
                Err(e) => return Err(e.hint("--failures names the list that recto-download wrote")),
            };
            take(failure);
            Ok(())
        })?;
        // Those of a run that was killed since are the later ones.
        failed::each(&options.folder(), take);
        Ok(earlier)
    }
}

/// Whether an image that failed is not tried again: with `--retry-failed` if its failure is of another kind, else if its file
/// cannot be decoded, or, for a worker among others, if there is none.
fn is_left(failure: &Failure, options: &Options) -> bool {
    match options.retry_failed.is_empty() {
        true if options.overwrite => false,
        true => {
            is_undecodable(failure, options)
                || is_too_small(failure, options)
                || options.leaves_missing && is_missing(failure)
        }
        false => !options.retry_failed.contains(&failure.kind),
    }
}

fn is_missing(failure: &Failure) -> bool {
    failure.kind == Kind::NotFound.name()
}

/// Whether an image was downloaded and is smaller than the user still wants.
fn is_too_small(failure: &Failure, options: &Options) -> bool {
    failure.kind == Kind::TooSmall.name() && words::is_too_small(&failure.message, options.min_size)
}

/// Whether an image was downloaded, is sound, and cannot be decoded; with `--keep-unread` it is also kept.
fn is_undecodable(failure: &Failure, options: &Options) -> bool {
    let is_kept = words::is_kept_unread(&failure.message);
    failure.kind == Kind::Unsupported.name()
        && failure.status == Some(200)
        && pixels::is_about_unsupported(&failure.message)
        && !pixels::is_about_no_image(&failure.message)
        && (is_kept || !options.keep_unread)
}

/// With `--overwrite` and `--refresh`, images that could not be downloaded again and are still there from before: they
/// stay in the map.
///
/// # Errors
/// The set cannot be read any more.
pub fn kept_from_before(
    set: &Set,
    index: &Index,
    lookup: &Lookup,
    there: &[Slot],
) -> Result<Vec<Slot>, Error> {
    let there: HashSet<Slot> = there.iter().copied().collect();
    let still_there = |_, image: LocalizedImage| {
        let slot = index.find(&image.id).filter(|slot| !there.contains(slot))?;
        let (_, state) = lookup.find_old(index, &image)?;
        (state == FileState::Unchanged).then_some(slot)
    };
    let mut kept = Vec::new();
    set.visit(&set.open, still_there, |slot| {
        kept.extend(slot);
        Ok(())
    })?;
    Ok(kept)
}
