//! The images of a set as they are read: of those that are there already only a number is kept, so that millions fit in
//! memory.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::DefaultHashBuilder;

use super::index::{Index, Slot};
use super::journal::Journal;
use super::settled::Lookup;
use crate::contracts::{ImageRecords, LocalizedImage, Parts};
use crate::download::names::{Naming, Template, source_uri};
use crate::download::options::{Options, Orphans};
use crate::download::output_folder::OutputFolder;
use crate::download::service::limits::origin_of;
use crate::error::Error;
use crate::summary::Reject;

/// What is to be downloaded.
#[derive(Debug, Default)]
pub struct Set {
    /// All images; [`Set::open`] are numbers of them.
    pub records: Arc<ImageRecords>,
    /// Images that are missing, or that are to be requested in any case.
    pub open: Vec<u32>,
    /// Those of them that an earlier run has downloaded.
    pub before: Vec<Slot>,
    /// Images that are there.
    pub settled: Vec<Slot>,
    /// Records of a list of m3-download that cannot be used.
    pub unusable: Vec<Reject>,
    /// The hosts of all images, `name:port`.
    pub hosts: BTreeSet<String>,
    /// Images of other parts of the set that are there.
    pub elsewhere: Vec<Slot>,
    /// Number of images that are in the folder that all parts were merged into.
    pub merged: u64,
    /// How files are named.
    pub naming: Naming,
    /// Images that are there under another name than they have now, with that, without suffix.
    pub renamed: Vec<(Slot, String)>,
}

impl Set {
    /// A set of images with different ids.
    pub fn of(all: Vec<LocalizedImage>, index: &Index, lookup: &Lookup) -> Self {
        let mut set = Set {
            naming: Naming::new(
                lookup.options().name.as_ref(),
                lookup.options().pack.is_some(),
            ),
            ..Set::default()
        };
        let names = all
            .iter()
            .map(|image| Naming::key(&set.naming.plain(image)));
        let keys: Vec<u64> = names.collect();
        set.naming.share(keys);
        for (at, image) in (0..).zip(&all) {
            match lookup.settled(index, image) {
                Some(slot) => set.settled.push(slot),
                None => set.open.push(at),
            }
        }
        set.records = Arc::new(ImageRecords::held(all));
        set
    }

    /// The number of images.
    pub fn count(&self) -> usize {
        self.open.len() + self.settled.len()
    }

    /// Takes in what becomes of images, and returns the hashes of the ids of open ones, with their numbers.
    fn sort(&mut self, entries: Vec<(u64, SortedImage)>) -> Vec<(u64, u32)> {
        let mut ids = Vec::new();
        for (at, (_, entry)) in (0..).zip(entries) {
            match entry {
                SortedImage::Elsewhere(before) => self.elsewhere.extend(before),
                SortedImage::Settled(slot) => self.settled.push(slot),
                SortedImage::Open(id, before) => {
                    self.open.push(at);
                    self.before.extend(before);
                    ids.push((id, at));
                }
            }
        }
        ids
    }

    /// Calls `make` for each of these images, on several threads, and `take` for the results, in order.
    ///
    /// # Errors
    /// An image cannot be read, or `take` fails.
    pub fn visit<T: Send>(
        &self,
        images: &[u32],
        make: impl Fn(u32, LocalizedImage) -> T + Sync,
        take: impl FnMut(T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let order = images.iter().map(|at| *at as usize);
        self.records
            .visit(order, |at, image| make(at as u32, image), take)
    }
}

/// What becomes of an image of the file.
#[derive(Clone, Copy)]
enum SortedImage {
    /// It is of another part of the set.
    Elsewhere(Option<Slot>),
    Settled(Slot),
    /// It is to be downloaded: the hash of its id, and its place in the journal, if it was downloaded before.
    Open(u64, Option<Slot>),
}

/// Reads a set from a `localizations.json`.
///
/// # Errors
/// If it cannot be read, or an id occurs twice.
pub fn read(source: &Path, index: &Index, lookup: &Lookup) -> Result<Set, Error> {
    let options = lookup.options();
    let keeps_all = options.overwrite || options.refresh;
    let origins = Origins::default();
    let naming = Naming::new(options.name.as_ref(), options.pack.is_some());
    let renamed = Mutex::new(BTreeMap::new());
    let parts = match options.name {
        Some(_) => Parts::NoBoxes,
        None => Parts::NoBoxesNoMetadata,
    };
    let hasher = DefaultHashBuilder::default();
    let unseen = Unseen::of(options);
    let (merged, moved) = (Merged::open(options)?, AtomicU64::new(0));
    let (mut records, entries) = ImageRecords::open_with(source, parts, |image| {
        let before = index.find(&image.id);
        unseen.look_at(image);
        let name = naming.plain(image);
        let key = Naming::key(&name);
        if options.part().is_some_and(|part| !part.has(&image.id)) {
            return (key, SortedImage::Elsewhere(before));
        }
        if before.is_none() && merged.as_ref().is_some_and(|merged| merged.has(&image.id)) {
            moved.fetch_add(1, Ordering::Relaxed);
            return (key, SortedImage::Elsewhere(None));
        }
        let uri = source_uri(image).unwrap_or_default();
        origins.add(origin_of(&options.http.rewritten(uri)));
        // A secret that is given without a host is meant for the archive, not for whatever hosts its documents name.
        if let Some(manifest) = &image.source.manifest {
            origins.add(origin_of(&options.http.rewritten(manifest)));
        }
        let is_file = |slot: &Slot| !lookup.keeps_name(index, *slot);
        if let Some(slot) =
            before.filter(|slot| stem_of(index.path(*slot)) != name && is_file(slot))
        {
            lock(&renamed).insert(slot, name);
        }
        match lookup.settled(index, image) {
            Some(slot) if !keeps_all => (key, SortedImage::Settled(slot)),
            _ => (key, SortedImage::Open(hasher.hash_one(&image.id), before)),
        }
    })?;
    if !entries.is_empty() && moved.load(Ordering::Relaxed) == 0 {
        unseen.refuse()?;
    }
    let naming = share(naming, &entries, index, lookup);
    let renamed = renamed_of(into_inner(renamed), &entries, &naming, index, lookup);
    let mut set = Set {
        hosts: origins.hosts(),
        unusable: std::mem::take(&mut records.others.rejects),
        records: Arc::new(records),
        naming,
        renamed,
        merged: moved.into_inner(),
        ..Set::default()
    };
    let ids = set.sort(entries);
    check_unique(&set, ids, index)?;
    Ok(set)
}

/// What `recto-shard merge --move` moved to the folder of all.
struct Merged {
    folder: OutputFolder,
    index: Index,
}

impl Merged {
    fn open(options: &Options) -> Result<Option<Self>, Error> {
        let open = |path: &std::path::PathBuf| {
            Ok(Merged {
                folder: OutputFolder::anywhere(path.clone(), None),
                index: Journal::peek(path)?,
            })
        };
        options.merged.as_ref().map(open).transpose()
    }

    /// Whether the file of an image is there. Of a folder in an object store the journal is believed.
    fn has(&self, id: &str) -> bool {
        self.index.find(id).is_some_and(|slot| {
            let content = self.folder.content_of(self.index.place(slot));
            let is_whole = |length| length == self.index.bytes(slot);
            self.folder.store.is_some() || content.length().is_ok_and(is_whole)
        })
    }
}

impl SortedImage {
    fn slot(self) -> Option<Slot> {
        match self {
            SortedImage::Elsewhere(slot) | SortedImage::Open(_, slot) => slot,
            SortedImage::Settled(slot) => Some(slot),
        }
    }
}

/// The naming, with what names are shared by images of the set, as far as it is read and as its plan says, or belong to images that were downloaded for another set.
fn share(
    mut naming: Naming,
    entries: &[(u64, SortedImage)],
    index: &Index,
    lookup: &Lookup,
) -> Naming {
    let options = lookup.options();
    naming.share(entries.iter().map(|(key, _)| *key));
    let shared = options.shared_names.iter();
    shared.for_each(|key| naming.occupy(*key));
    let mut is_known = vec![false; index.count()];
    for slot in entries.iter().filter_map(|(_, entry)| entry.slot()) {
        is_known[slot.index()] = true;
    }
    // What is moved out of the way leaves its name.
    let moves = options.prune || options.orphans == Orphans::Move;
    let others = index
        .slots()
        .filter(|slot| !moves && !is_known[slot.index()]);
    for slot in others.filter(|slot| lookup.is_there(index, *slot)) {
        naming.occupy(Naming::key(stem_of(index.path(slot))));
    }
    // Some images keep their names: one that another image would have now gets a hash there.
    for (key, entry) in entries {
        let slot = entry.slot();
        if let Some(slot) = slot.filter(|slot| lookup.keeps_name(index, *slot)) {
            let own = Naming::key(stem_of(index.path(slot)));
            if own != *key {
                naming.occupy(own);
            }
        }
    }
    naming
}

/// The images that are there under another name than they have now. `others` have a path that is not their plain name.
fn renamed_of(
    mut others: BTreeMap<Slot, String>,
    entries: &[(u64, SortedImage)],
    naming: &Naming,
    index: &Index,
    lookup: &Lookup,
) -> Vec<(Slot, String)> {
    for (_, entry) in entries.iter().filter(|(key, _)| naming.is_shared(*key)) {
        let slot = match entry {
            SortedImage::Elsewhere(_) => None,
            entry => entry.slot(),
        };
        if let Some(slot) = slot {
            // Of those that are not among them it is the plain name.
            others
                .entry(slot)
                .or_insert_with(|| stem_of(index.path(slot)).to_owned());
        }
    }
    let others = others
        .into_iter()
        .filter(|(slot, _)| !lookup.keeps_name(index, *slot));
    let named = others.map(|(slot, name)| (slot, naming.unique(name, index.id(slot))));
    named
        .filter(|(slot, stem)| stem_of(index.path(*slot)) != *stem)
        .collect()
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

/// Ids are unique by contract; a file that breaks it would lose an image. `ids` are the hashes of the ids of open images, with
/// the numbers of these: only equal hashes are of equal ids.
fn check_unique(set: &Set, mut ids: Vec<(u64, u32)>, index: &Index) -> Result<(), Error> {
    let mut settled = vec![false; index.count()];
    let mut slots = set.settled.iter().chain(&set.before);
    let twice = slots.find(|slot| std::mem::replace(&mut settled[slot.index()], true));
    let mut twice = twice.map(|slot| index.id(*slot).to_owned());
    ids.sort_unstable();
    for pair in ids.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        let [one, other] = [pair[0], pair[1]].map(|(_, at)| set.records.get(at as usize));
        let one = one?.id;
        twice = twice.or((one == other?.id).then_some(one));
    }
    match twice {
        Some(id) => Err(Error::new(format!("image id `{id}` occurs twice"))
            .hint("write the file again with recto-extract")),
        None => Ok(()),
    }
}

/// Fields of `--name` that no image has had so far.
struct Unseen(Mutex<Fields>);

#[derive(Default)]
struct Fields {
    unseen: BTreeSet<String>,
    /// Keys of the metadata of images, as long as one is not seen.
    known: BTreeSet<String>,
}

impl Unseen {
    fn of(options: &Options) -> Self {
        let unseen = options.name.as_ref().map(Template::keys);
        Unseen(Mutex::new(Fields {
            unseen: unseen.unwrap_or_default(),
            ..Fields::default()
        }))
    }

    fn look_at(&self, image: &LocalizedImage) {
        let mut fields = lock(&self.0);
        if !fields.unseen.is_empty() {
            for key in image.metadata.keys() {
                fields.unseen.remove(&key.to_lowercase());
                if !fields.known.contains(key) {
                    fields.known.insert(key.clone());
                }
            }
        }
    }

    fn refuse(self) -> Result<(), Error> {
        const SHOWN: usize = 20;
        let mut fields = into_inner(self.0);
        let Some(field) = fields.unseen.pop_first() else {
            return Ok(());
        };
        let known: Vec<&str> = fields.known.iter().map(|key| &**key).take(SHOWN).collect();
        let known = match known.is_empty() {
            true => "there are none".to_owned(),
            false => known.join(", "),
        };
        let error = Error::usage(format!("--name: no image has a field `{field}`"));
        Err(error.hint(format!(
            "fields are label, canvas, image, manifest, file, group, id, and the keys of metadata: {known}"
        )))
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
