//! What became of manifests since they were first served: which have other images than before, and which are gone. Change Discovery
//! tells of it. A file (`--served`) remembers it while no server runs.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use jiff::Timestamp;

use super::groups::IndexedGroup;
use super::images::Catalogue;
use super::served::{KnownBy, ServedManifest, ServedMemory};
use crate::contracts::LocalizedImage;
use crate::error::Error;
use crate::files;

impl Catalogue {
    /// What became of the manifests of the catalogue before this one.
    pub fn remember(&mut self, before: &Catalogue, now: Timestamp) {
        let mut memory = ServedMemory::default();
        for group in before.groups() {
            let changed = before.memory.changed.get(&group.name).copied();
            match self.group(&group.name) {
                None => memory.add_gone(before.served(group, changed), now),
                Some(after) if !is_same(before, group, self, after) => {
                    memory.add(&group.name, Some(now))
                }
                Some(_) => memory.add(&group.name, changed),
            }
        }
        // A harvester reads only what is newer than its last visit: new files may be old.
        for group in self
            .groups()
            .filter(|group| before.group(&group.name).is_none())
        {
            memory.add(&group.name, Some(now));
        }
        let gone = before.memory.gone.values().cloned();
        self.take_gone(memory, gone);
    }

    /// What became of manifests that a file remembers.
    pub fn remember_all(&mut self, served: Vec<ServedManifest>, now: Timestamp) {
        let mut memory = ServedMemory::default();
        let mut gone = Vec::new();
        let there = served.iter().filter(|manifest| manifest.gone.is_none());
        let there: HashSet<String> = there.map(|manifest| manifest.manifest.clone()).collect();
        let is_new = |group: &&IndexedGroup| !served.is_empty() && !there.contains(&group.name);
        for group in self.groups().filter(is_new) {
            memory.add(&group.name, Some(now));
        }
        for manifest in served {
            match self.group(&manifest.manifest) {
                _ if manifest.gone.is_some() => gone.push(manifest),
                None => memory.add_gone(manifest, now),
                Some(group) => {
                    let is_same = self.served(group, None).is_same(&manifest);
                    let changed = if is_same { manifest.changed } else { Some(now) };
                    memory.add(&manifest.manifest, changed);
                }
            }
        }
        self.take_gone(memory, gone.into_iter());
    }

    /// Those that were gone before and have not come back stay gone.
    fn take_gone(&mut self, mut memory: ServedMemory, gone: impl Iterator<Item = ServedManifest>) {
        for manifest in gone.filter(|gone| self.group(&gone.manifest).is_none()) {
            memory.gone.insert(manifest.manifest.clone(), manifest);
        }
        self.memory = memory.into();
    }

    /// All manifests with what became of them, for the file.
    fn all_served(&self) -> impl Iterator<Item = ServedManifest> + '_ {
        let there = self.groups().map(|group| {
            let changed = self.memory.changed.get(&group.name).copied();
            self.served(group, changed)
        });
        there.chain(self.memory.gone.values().cloned())
    }

    fn served(&self, group: &IndexedGroup, changed: Option<Timestamp>) -> ServedManifest {
        let images = group.images.iter().map(|at| LocalizedImage {
            localizations: Vec::new(),
            ..self.images[*at].about.clone()
        });
        let known_by = group.images.iter().map(|at| {
            let image = &self.images[*at];
            let concepts = self.ruled(image).values("concept").into_iter();
            let concepts: BTreeSet<&str> = concepts.collect();
            KnownBy {
                names: image.names.clone(),
                concepts: concepts.into_iter().map(str::to_owned).collect(),
            }
        });
        ServedManifest {
            manifest: group.name.clone(),
            changed,
            gone: None,
            images: images.collect(),
            known_by: known_by.collect(),
            modified: group
                .images
                .iter()
                .map(|at| self.images[*at].modified)
                .collect(),
        }
    }
}

fn is_same(a: &Catalogue, of_a: &IndexedGroup, b: &Catalogue, of_b: &IndexedGroup) -> bool {
    let of = |catalogue: &Catalogue, at: usize| catalogue.images[at].clone();
    let pairs = of_a.images.iter().zip(&of_b.images);
    let mut pairs = pairs.map(|(in_a, in_b)| (of(a, *in_a), of(b, *in_b)));
    of_a.images.len() == of_b.images.len() && pairs.all(|(a, b)| a == b)
}

/// Reads the file; nothing is remembered where it is not there.
///
/// # Errors
/// It cannot be read, or is something else.
pub fn read_served(path: &Path) -> Result<Vec<ServedManifest>, Error> {
    if !files::is_there(path) {
        return Ok(Vec::new());
    }
    let bytes = files::read(path)?;
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    let parse = |(number, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|e| {
            let place = format!("{}:{}", path.display(), number + 1);
            Error::new(format!("{place}: is not a line of a file of --served"))
                .because(e)
                .hint("name another file, or remove this one: then nothing is remembered")
        })
    };
    lines.map(parse).collect()
}

/// Writes the file.
///
/// # Errors
/// It cannot be written.
pub fn write_served(path: &Path, catalogue: &Catalogue) -> Result<(), Error> {
    files::write_through(path, |out| {
        for manifest in catalogue.all_served() {
            serde_json::to_writer(&mut *out, &manifest)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    })
}
