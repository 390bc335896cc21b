//! Packs of several folders in one: each is linked as a whole. Those that a worker numbered get a name made of the first image in
//! them, so that it does not matter what else is merged, or in what order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::contracts::Download;
use crate::error::Error;
use crate::files::{self, Content};

/// The packs of the folders that are merged, by the number of the folder, 0 for the one that all become, and their name there.
#[derive(Default)]
pub struct Packs(BTreeMap<(usize, String), Pack>);

struct Pack {
    /// Where the first image in it begins.
    first: u64,
    /// Its name in the folder of all.
    name: String,
}

impl Packs {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes in a line of the journal of a folder.
    pub fn add(&mut self, folder: usize, line: &Download) {
        let Some(place) = &line.pack else { return };
        let name = || match folder > 0 && files::is_numbered_pack(&place.tar) {
            true => {
                let first = format!("{}\n{}\n{}", line.id, line.when, line.sha256);
                format!("images-{}.tar", files::hex_digest(first.as_bytes(), 12))
            }
            false => place.tar.clone(),
        };
        let key = (folder, place.tar.clone());
        let known = self.0.get(&key);
        if known.is_none_or(|known| place.offset < known.first) {
            let first = place.offset;
            self.0.insert(
                key,
                Pack {
                    first,
                    name: name(),
                },
            );
        }
    }

    /// The name of a pack in the folder of all.
    pub fn name<'a>(&'a self, folder: usize, tar: &'a str) -> &'a str {
        let known = self.0.get(&(folder, tar.to_owned()));
        known.map_or(tar, |pack| &pack.name)
    }

    /// Links or copies packs into the folder of all; how many were not there. `used` are those with an image that counts.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn place(&self, all: &[PathBuf], used: &BTreeSet<(usize, &str)>) -> Result<u64, Error> {
        let mut placed = 0;
        for (from, to) in self.moves(all, used) {
            let from = Content::file(from);
            // One of the same name begins with the same image, and may have grown since.
            let lengths = [from.length(), Content::file(to.clone()).length()];
            if !matches!(lengths, [Ok(a), Ok(b)] if a == b) {
                files::place(&from, &to)?;
                placed += 1;
            }
        }
        if placed > 0 {
            files::sync_folder(&all[0]).map_err(|e| files::cannot_write(&all[0], e))?;
        }
        Ok(placed)
    }

    /// Removes the packs of workers that are in the folder of all.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn remove_placed(
        &self,
        all: &[PathBuf],
        used: &BTreeSet<(usize, &str)>,
    ) -> Result<(), Error> {
        let placed = self.moves(all, used).filter(|(_, to)| to.exists());
        for (from, _) in placed {
            files::cache_file::remove(&from).map_err(|e| files::cannot_write(&from, e))?;
        }
        Ok(())
    }

    fn moves<'a>(
        &'a self,
        all: &'a [PathBuf],
        used: &'a BTreeSet<(usize, &str)>,
    ) -> impl Iterator<Item = (PathBuf, PathBuf)> {
        let used = used.iter().filter(|(folder, _)| *folder > 0);
        used.map(|(folder, tar)| {
            let place = |folder: &Path, name: &str| folder.join(name);
            let name = self.name(*folder, tar);
            (place(&all[*folder], tar), place(&all[0], name))
        })
    }
}
