//! The images of a set, sorted on the way in: those that are there already leave a number, not themselves.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::Options;
use super::again::Way;
use super::finished::{Finished, Slot};
use super::hosts::origin_of;
use crate::contracts::LocalizedImage;
use crate::contracts::each_image;
use crate::error::Error;
use crate::summary::Reject;

/// What is to be downloaded.
#[derive(Debug, Default)]
pub struct Set {
    /// Images that are not there, or that are to be asked for all the same.
    pub images: Vec<LocalizedImage>,
    /// The others.
    pub settled: Vec<Slot>,
    /// Records of a list of m3-download that cannot be used.
    pub unusable: Vec<Reject>,
    /// The hosts of all of them, `name:port`.
    pub hosts: BTreeSet<String>,
}

impl Set {
    /// Images of different ids.
    pub fn of(all: Vec<LocalizedImage>, finished: &Finished, way: &Way) -> Self {
        let mut set = Set::default();
        for image in all {
            match way.settled(finished, &image) {
                Some(slot) => set.settled.push(slot),
                None => set.images.push(image),
            }
        }
        set
    }

    /// Images in all.
    pub fn count(&self) -> usize {
        self.images.len() + self.settled.len()
    }
}

/// Reads a set from a `localizations.json`.
pub fn read(
    source: &Path,
    options: &Options,
    finished: &Finished,
    folder: &Path,
) -> Result<Set, Error> {
    let way = Way::new(options, folder);
    let keeps_all = options.overwrite || options.refresh;
    let origins = Origins::default();
    let (found, unusable) = each_image(source, |image| {
        let uri = super::uri_of(&image).unwrap_or_default();
        origins.add(origin_of(&options.http.rewritten(uri)));
        match way.settled(finished, &image) {
            Some(slot) if !keeps_all => Ok(slot),
            // Many are small, and most are settled.
            _ => Err(Box::new(image)),
        }
    })?;
    let mut set = Set {
        hosts: origins.hosts(),
        unusable,
        ..Set::default()
    };
    for image in found {
        match image {
            Ok(slot) => set.settled.push(slot),
            Err(image) => set.images.push(*image),
        }
    }
    unique(&set, finished)?;
    Ok(set)
}

/// Ids are unique by contract; a file that breaks it would lose an image.
fn unique(set: &Set, finished: &Finished) -> Result<(), Error> {
    let (mut settled, mut open) = (vec![false; finished.count()], HashSet::new());
    let mut slots = set.settled.iter();
    let twice = slots.find(|slot| std::mem::replace(&mut settled[slot.index()], true));
    let twice = twice.map(|slot| finished.id(*slot)).or_else(|| {
        let mut ids = set.images.iter().map(|image| &*image.id);
        ids.find(|id| !open.insert(*id) || finished.find(id).is_some_and(|s| settled[s.index()]))
    });
    match twice {
        Some(id) => Err(Error::new(format!("image id `{id}` stands twice"))
            .hint("write the file again with recto-extract")),
        None => Ok(()),
    }
}

/// `scheme://host:port` of many URIs, each once.
#[derive(Default)]
struct Origins(Mutex<BTreeSet<String>>);

impl Origins {
    fn add(&self, origin: &str) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.contains(origin) {
            seen.insert(origin.to_owned());
        }
    }

    fn hosts(self) -> BTreeSet<String> {
        let origins = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let hosts = origins
            .iter()
            .filter_map(|origin| crate::http::host_of(origin));
        hosts.collect()
    }
}
