//! The images of a set as they are read: of those that are there already only a number is kept, so that millions fit in
//! memory.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::index::{Index, Slot};
use super::settled::Lookup;
use crate::contracts::LocalizedImage;
use crate::contracts::each_image;
use crate::download::names::{self, Naming, source_uri};
use crate::download::service::limits::origin_of;
use crate::error::Error;
use crate::summary::Reject;

/// What is to be downloaded.
#[derive(Debug, Default)]
pub struct Set {
    /// Images that are missing, or that are to be requested in any case.
    pub images: Vec<LocalizedImage>,
    /// Images that are there.
    pub settled: Vec<Slot>,
    /// Records of a list of m3-download that cannot be used.
    pub unusable: Vec<Reject>,
    /// The hosts of all images, `name:port`.
    pub hosts: BTreeSet<String>,
    /// Images of other parts of the set that are there.
    pub elsewhere: Vec<Slot>,
    /// How files are named.
    pub naming: Naming,
    /// Images that are there under another name than they have now, with that, without suffix.
    pub renamed: Vec<(Slot, String)>,
}

impl Set {
    /// A set of images with different ids.
    pub fn of(all: Vec<LocalizedImage>, index: &Index, lookup: &Lookup) -> Self {
        let mut set = Set {
            naming: Naming::new(lookup.options().name.as_ref()),
            ..Set::default()
        };
        let names = all
            .iter()
            .filter_map(|image| set.naming.template_name(image));
        let keys: Vec<u64> = names.map(|name| Naming::key(&name)).collect();
        set.naming.share(keys);
        for image in all {
            match lookup.settled(index, &image) {
                Some(slot) => set.settled.push(slot),
                None => set.images.push(image),
            }
        }
        set
    }

    /// The number of images.
    pub fn count(&self) -> usize {
        self.images.len() + self.settled.len()
    }
}

/// Reads a set from a `localizations.json`.
///
/// # Errors
/// If it cannot be read, or an id occurs twice.
pub fn read(source: &Path, index: &Index, lookup: &Lookup) -> Result<Set, Error> {
    let options = lookup.options();
    let keeps_all = options.overwrite || options.refresh;
    let origins = Origins::default();
    let mut naming = Naming::new(options.name.as_ref());
    let elsewhere = Mutex::new(Vec::new());
    let (keys, named) = (Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    let note_name = |slot: Option<Slot>, image: &LocalizedImage| {
        let template = naming.template_name(image);
        if let Some(name) = &template {
            // A file that is no stream is read twice: each image counts once.
            lock(&keys).insert(Naming::key(&image.id), Naming::key(name));
        }
        let Some(slot) = slot else {
            return;
        };
        let has_template = template.is_some();
        let name = template.unwrap_or_else(|| names::stem(image));
        if has_template || name != stem_of(index.path(slot)) {
            lock(&named).push((slot, name, image.id.clone()));
        }
    };
    let (found, unusable) = each_image(source, options.name.is_some(), |image| {
        if options.shard.is_some_and(|shard| !shard.has(&image.id)) {
            lock(&elsewhere).extend(index.find(&image.id));
            return None;
        }
        let uri = source_uri(&image).unwrap_or_default();
        origins.add(origin_of(&options.http.rewritten(uri)));
        // A secret that is given without a host is meant for the archive, not for whatever hosts its documents name.
        if let Some(manifest) = &image.source.manifest {
            origins.add(origin_of(&options.http.rewritten(manifest)));
        }
        note_name(index.find(&image.id), &image);
        Some(match lookup.settled(index, &image) {
            Some(slot) if !keeps_all => Ok(slot),
            // Boxed: most images are settled, and a slot is small.
            _ => Err(Box::new(image)),
        })
    })?;
    naming.share(into_inner(keys).into_values());
    let renamed = renamed(into_inner(named), &naming, index);
    let mut set = Set {
        hosts: origins.hosts(),
        unusable,
        elsewhere: into_inner(elsewhere),
        naming,
        renamed,
        ..Set::default()
    };
    for image in found.into_iter().flatten() {
        match image {
            Ok(slot) => set.settled.push(slot),
            Err(image) => set.images.push(*image),
        }
    }
    check_unique(&set, index)?;
    Ok(set)
}

/// The images whose names are others now: of all that may be, with what the template or their label makes of them.
fn renamed(
    named: Vec<(Slot, String, String)>,
    naming: &Naming,
    index: &Index,
) -> Vec<(Slot, String)> {
    let named = named.into_iter();
    let named = named.map(|(slot, name, id)| (slot, naming.unique(name, &id)));
    let is_another = |(slot, stem): &(Slot, String)| stem_of(index.path(*slot)) != *stem;
    let mut renamed: Vec<(Slot, String)> = named.filter(is_another).collect();
    renamed.sort_by_key(|(slot, _)| slot.index());
    renamed.dedup();
    renamed
}

fn lock<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

fn into_inner<T>(list: Mutex<T>) -> T {
    list.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// A path without its suffix.
fn stem_of(path: &str) -> &str {
    let name = path.rfind('/').map_or(0, |at| at + 1);
    let end = path[name..].rfind('.').map_or(path.len(), |at| name + at);
    &path[..end]
}

/// Ids are unique by contract; a file that breaks it would lose an image.
fn check_unique(set: &Set, index: &Index) -> Result<(), Error> {
    let (mut settled, mut open) = (vec![false; index.count()], HashSet::new());
    let mut slots = set.settled.iter();
    let twice = slots.find(|slot| std::mem::replace(&mut settled[slot.index()], true));
    let twice = twice.map(|slot| index.id(*slot)).or_else(|| {
        let mut ids = set.images.iter().map(|image| &*image.id);
        ids.find(|id| !open.insert(*id) || index.find(id).is_some_and(|s| settled[s.index()]))
    });
    match twice {
        Some(id) => Err(Error::new(format!("image id `{id}` occurs twice"))
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
