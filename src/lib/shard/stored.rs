//! Folders of workers in an object store: the store copies their images to the folder of all, and their lines are added to its
//! journal. A line is sent when its image is there, so that a run which is killed at any moment leaves what the next goes on with.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::best::{Best, BestLines, JournalFile, Lines, Place, United, of_workers};
use super::packs::Packs;
use crate::download::shard_mark::MergedInto;
use crate::download::state::moves::{ALTERED, copy_aside};
use crate::download::state::segments::Segments;
use crate::download::state::store_lock::StoreLock;
use crate::error::Error;
use crate::files::{self, Content, StoredFiles, TemporaryFolder};

/// How many images are copied before their lines are sent. A run that is killed has copied no more than so many in vain: of these
/// the next looks whether they are what they should be.
const AT_ONCE: usize = 256;

/// The folders, locked as long as this is held.
pub struct Stored {
    /// The folder of all, and those of workers.
    all: Vec<PathBuf>,
    journals: Vec<JournalFile>,
    /// What is in them.
    files: StoredFiles,
    /// The journal of the folder of all.
    segments: Segments,
    _locks: Vec<Arc<StoreLock>>,
    /// The copies of journals.
    _copies: TemporaryFolder,
}

impl Stored {
    /// Locks the folders, that of all is the first, and reads what is in them. `breaks_locks`: whoever else holds them.
    ///
    /// # Errors
    /// One of them is in use; those of the disk and of the store.
    pub fn open(all: Vec<PathBuf>, breaks_locks: bool) -> Result<Self, Error> {
        let lock = |folder: &PathBuf| StoreLock::take(folder, breaks_locks).map(Arc::new);
        let locks: Vec<Arc<StoreLock>> = all.iter().map(lock).collect::<Result<_, Error>>()?;
        let copies = files::temporary_folder();
        let copies =
            copies.map_err(|e| Error::new("no temporary folder can be made").because(e))?;
        let journal = |(n, folder): (usize, &PathBuf)| JournalFile {
            name: format!("{}/.recto/journal", folder.display()),
            path: copies.path().join(format!("{n}.jsonl")),
        };
        let journals: Vec<JournalFile> = all.iter().enumerate().map(journal).collect();
        let segments = Segments::fetch(&all[0], &journals[0].path, locks[0].clone())?;
        for (part, journal) in all.iter().zip(&journals).skip(1) {
            Segments::look(part, &journal.path)?;
        }
        let files = listed(&all)?;
        Ok(Stored {
            all,
            journals,
            files,
            segments,
            _locks: locks,
            _copies: copies,
        })
    }

    /// Where an image is, and where it goes.
    fn way(&self, found: &Best) -> (PathBuf, PathBuf) {
        let from = self.all[found.folder].join(&found.path);
        (from, self.all[0].join(found.place()))
    }

    /// Where an image is to be copied from and to; none where it is there. What a person put there, or changed there, is moved
    /// aside.
    fn missing(
        &self,
        found: &Best,
        own: &HashMap<String, String>,
        united: &mut United,
    ) -> Result<Option<(PathBuf, PathBuf)>, Error> {
        let (from, to) = self.way(found);
        let Some(there) = self.files.get(&to) else {
            return Ok(Some((from, to)));
        };
        let source = self.files.get(&from);
        let is_same = source.is_some_and(|source| source.is_surely(there));
        // Of parts, of other keys, or of other stores than S3 a copy may have an ETag of its own.
        let may_be_same = there.bytes == found.bytes;
        if is_same || may_be_same && Content::file(to.clone()).is(&found.sha256) {
            return Ok(None);
        }
        let path = found.place();
        let sha256 = own.get(path);
        if sha256.is_none_or(|sha256| !Content::file(to.clone()).is(sha256)) {
            united.altered.push(path.to_owned());
            copy_aside(&self.all[0], path, ALTERED).map_err(|e| files::cannot_write(&to, e))?;
        }
        Ok(Some((from, to)))
    }

    /// Refuses what would be put into the folder of a worker, where it might stand in place of an image that is not copied yet.
    fn refuse_within_parts(&self, best: &BestLines) -> Result<(), Error> {
        let parts = self.all[1..].iter();
        let within: Vec<&Path> = parts
            .filter_map(|part| part.strip_prefix(&self.all[0]).ok())
            .collect();
        let mut places = best.values().map(Best::place);
        let is_within = |place: &&str| within.iter().any(|part| Path::new(place).starts_with(part));
        match places.find(is_within) {
            None => Ok(()),
            Some(place) => {
                let what = format!(
                    "{}: would be in the folder of a worker",
                    self.all[0].join(place).display()
                );
                Err(Error::new(what).hint("merge into another folder of the store: name it first, and then the folders of the workers"))
            }
        }
    }
}

impl Place for Stored {
    fn journals(&self) -> &[JournalFile] {
        &self.journals
    }

    fn has(&self, found: &Best) -> bool {
        let place = self.all[found.folder].join(&found.path);
        let there = self.files.get(&place);
        there.is_some_and(|there| there.bytes == found.bytes)
    }

    fn unite(&mut self, best: &BestLines, packs: &Packs) -> Result<United, Error> {
        if !packs.is_empty() {
            let what = format!(
                "{}: images are in tar files (--pack)",
                self.all[0].display()
            );
            let hint = "copy the folders of the workers here, and merge them here";
            return Err(Error::new(what).hint(hint));
        }
        self.refuse_within_parts(best)?;
        let mut own = HashMap::new();
        self.journals[0].each_line(|_, line| {
            own.insert(line.path, line.sha256);
        })?;
        let is_open = |found: &&Best| found.folder > 0 || found.renamed.is_some();
        let open: Vec<&Best> = best.values().filter(is_open).collect();
        let cannot = |e| files::cannot_write(&self.all[0], e);
        let lines = Lines::of(&self.journals, packs);
        let mut united = United::default();
        for some in open.chunks(AT_ONCE) {
            let missing = some
                .iter()
                .map(|found| self.missing(found, &own, &mut united));
            let missing: Vec<Option<(PathBuf, PathBuf)>> = missing.collect::<Result<_, Error>>()?;
            let missing: Vec<(PathBuf, PathBuf)> = missing.into_iter().flatten().collect();
            files::copy_all_in_store(&missing).map_err(cannot)?;
            united.placed += missing.len() as u64;
            let some_lines = some.iter().map(|found| lines.line(found));
            let some_lines: Vec<Vec<u8>> = some_lines.collect::<Result<_, Error>>()?;
            let added = self.segments.add(&some_lines.concat(), some.len());
            added.map_err(cannot)?;
        }
        self.segments.send().map_err(cannot)?;
        Ok(united)
    }

    fn clear(&mut self, best: &BestLines, _: &Packs) -> Result<(), Error> {
        // What is not there as it should be is known before anything is removed.
        self.files = listed(&self.all)?;
        let is_there = |found: &&Best| {
            let there = self.files.get(&self.way(found).1);
            there.is_some_and(|there| there.bytes == found.bytes)
        };
        if let Some(lost) = best.values().find(|found| !is_there(found)) {
            let what = format!("{}: is not there any more", self.way(lost).1.display());
            return Err(Error::new(what).hint("nothing was removed: run the same command again"));
        }
        // A worker that is started again looks into the folder of all.
        for part in &self.all[1..] {
            MergedInto::note(part, &self.all[0])?;
        }
        let cannot = |e| files::cannot_write(&self.all[0], e);
        let images = of_workers(&self.journals, best)?.into_iter();
        let images = images.filter_map(|(number, path, bytes)| {
            let image = self.all[number].join(path);
            // One that a person replaced stays.
            let there = self.files.get(&image);
            there
                .is_some_and(|there| there.bytes == bytes)
                .then_some(image)
        });
        let images: Vec<PathBuf> = images.collect();
        files::remove_all_in_store(&images).map_err(cannot)?;
        for part in &self.all[1..] {
            let journal = files::list_in_store(&part.join(".recto/journal")).map_err(cannot)?;
            files::remove_all_in_store(&journal).map_err(cannot)?;
        }
        Ok(())
    }
}

/// What is in folders, of which the first holds others.
fn listed(all: &[PathBuf]) -> Result<StoredFiles, Error> {
    let mut files = StoredFiles::default();
    let others = all[1..].iter();
    let others = others.filter(|folder| !folder.starts_with(&all[0]));
    for folder in std::iter::once(&all[0]).chain(others) {
        let cannot = |e| Error::new(format!("{}: cannot be listed", folder.display())).because(e);
        files.add(folder).map_err(cannot)?;
    }
    Ok(files)
}
