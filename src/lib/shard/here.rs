//! Folders of workers on this machine: their files are linked or copied into the folder of all.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use super::best::{Best, BestLines, JournalFile, Lines, Place, United, of_workers};
use super::packs::Packs;
use crate::contracts::MappedFile;
use crate::download::names::OutputFolder;
use crate::download::shard_mark::MergedInto;
use crate::download::state::journal::Journal;
use crate::download::state::moves::{self, make_room};
use crate::error::Error;
use crate::files::{self, Content};

/// The folders, locked as long as this is held.
pub struct Here {
    /// The folder of all, and those of workers.
    all: Vec<PathBuf>,
    journals: Vec<JournalFile>,
    _locks: Vec<File>,
}

impl Here {
    /// Locks the folders; that of all is the first.
    ///
    /// # Errors
    /// One of them is in use; those of the disk.
    pub fn open(all: Vec<PathBuf>) -> Result<Self, Error> {
        let folders = all.iter().map(|folder| OutputFolder::new(folder.clone()));
        let locks = folders.map(|folder| Journal::lock(&folder.path, &folder.work));
        let journal = |folder: &PathBuf| {
            let path = folder.join(Journal::NAME);
            JournalFile {
                name: path.display().to_string(),
                path,
            }
        };
        Ok(Here {
            _locks: locks.collect::<Result<_, Error>>()?,
            journals: all.iter().map(journal).collect(),
            all,
        })
    }

    /// Puts every file in its place. What a person put there, or changed there, is moved aside.
    fn place(&self, best: &BestLines) -> Result<United, Error> {
        let mut own = HashMap::new();
        self.journals[0].each_line(|_, line| {
            own.insert(line.path, line.sha256);
        })?;
        let folder = OutputFolder::new(self.all[0].clone());
        let (mut united, mut folders) = (United::default(), HashSet::new());
        for found in best.values().filter(|found| found.pack.is_none()) {
            let path = found.place();
            let (from, to) = self.way(found);
            if from == to || files::is_same_file(&from, &to) {
                continue;
            }
            if !folder.content(path).is(&found.sha256) {
                let is_own = own
                    .get(path)
                    .is_some_and(|sha256| folder.content(path).is(sha256));
                if make_room(&folder, path, &found.sha256, is_own.then_some(path))? {
                    united.altered.push(path.to_owned());
                }
                files::place(&Content::file(from), &to)?;
                united.placed += 1;
                folders.insert(files::folder_of(&to).to_owned());
            }
        }
        for folder in folders {
            files::sync_folder(&folder).map_err(|e| files::cannot_write(&folder, e))?;
        }
        united.left = left(&folder, &own, best)?;
        Ok(united)
    }

    /// Where a file is, and where it goes.
    fn way(&self, found: &Best) -> (PathBuf, PathBuf) {
        let from = self.all[found.folder].join(&found.path);
        (from, self.all[0].join(found.place()))
    }

    /// Removes the files of workers that are in the folder of all.
    fn remove_placed(&self, best: &BestLines) -> Result<(), Error> {
        let places: HashSet<PathBuf> = best.values().map(|found| self.way(found).1).collect();
        for (number, path, bytes) in of_workers(&self.journals, best)? {
            let from = self.all[number].join(path);
            // One that a person altered stays.
            let length = Content::file(from.clone()).length();
            if !places.contains(&from) && length.is_ok_and(|length| length == bytes) {
                files::cache_file::remove(&from).map_err(|e| files::cannot_write(&from, e))?;
            }
        }
        Ok(())
    }

    /// Writes the journal of the whole set, in the order of ids.
    fn write_journal(&self, best: &BestLines, packs: &Packs) -> Result<(), Error> {
        let lines = Lines::of(&self.journals, packs);
        let mut failed = None;
        let written = files::write_through(&self.journals[0].path, |out: &mut dyn Write| {
            best.values().try_for_each(|found| match lines.line(found) {
                Ok(line) => out.write_all(&line),
                Err(error) => {
                    failed = Some(error);
                    Err(std::io::Error::other("a journal cannot be read"))
                }
            })
        });
        failed.map_or(written, Err)
    }
}

impl Place for Here {
    fn journals(&self) -> &[JournalFile] {
        &self.journals
    }

    fn has(&self, found: &Best) -> bool {
        let pack = found.pack.as_ref();
        let place = MappedFile {
            name: &found.path,
            pack: pack.map(|pack| (&*pack.tar, pack.offset, found.bytes)),
        };
        let length = place.content(&self.all[found.folder]).length();
        length.is_ok_and(|length| length == found.bytes)
    }

    fn unite(&mut self, best: &BestLines, packs: &Packs) -> Result<United, Error> {
        let mut united = self.place(best)?;
        united.placed += packs.place(&self.all, &packed(best))?;
        self.write_journal(best, packs)?;
        Ok(united)
    }

    fn clear(&mut self, best: &BestLines, packs: &Packs) -> Result<(), Error> {
        self.remove_placed(best)?;
        packs.remove_placed(&self.all, &packed(best))?;
        // They hold nothing any more: a worker that is started again looks into the folder of all.
        for (part, journal) in self.all.iter().zip(&self.journals).skip(1) {
            MergedInto::note(part, &self.all[0])?;
            files::cache_file::remove(&journal.path).map_err(|e| files::cannot_write(part, e))?;
        }
        Ok(())
    }
}

/// Moves the files of an earlier merge aside whose images have other names now. Returns how many there are.
fn left(
    folder: &OutputFolder,
    own: &HashMap<String, String>,
    best: &BestLines,
) -> Result<u64, Error> {
    let places: HashSet<String> = best
        .values()
        .map(|found| found.place().to_lowercase())
        .collect();
    let left = own.iter().filter(|(path, sha256)| {
        !places.contains(&path.to_lowercase()) && folder.content(path).is(sha256)
    });
    let left: BTreeSet<&str> = left.map(|(path, _)| &**path).collect();
    moves::set_aside(folder, moves::ORPHANS, left.iter().copied())?;
    Ok(left.len() as u64)
}

/// The packs with an image that counts, by the number of the folder.
fn packed(best: &BestLines) -> BTreeSet<(usize, &str)> {
    let packed = best
        .values()
        .filter_map(|found| Some((found.folder, &*found.pack.as_ref()?.tar)));
    packed.collect()
}
