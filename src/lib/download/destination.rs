//! Where finished images are put: each in a file of its own, below the output folder or in an object store,
//! or many in a pack.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::names::OutputFolder;
use super::options::Keeping;
use super::state::moves;
use crate::files::{Content, Part};
use crate::http::Error;

/// The image of an earlier download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Its path.
    pub path: String,
    /// Where it is.
    pub content: Content,
    /// The first 16 digits of its SHA-256, as a number.
    pub sha256: u64,
}

/// Where an image goes.
pub struct Destination {
    /// The output folder.
    pub folder: OutputFolder,
    /// How images are kept there.
    pub keeping: Keeping,
    /// What an earlier download of it left, which may be overwritten.
    pub own: Option<Earlier>,
    /// Whether that is kept.
    pub keeps_versions: bool,
    /// Paths at which files of others stood, which were moved.
    pub moved: Arc<Mutex<Vec<String>>>,
}

impl Destination {
    /// Gives a file its final name; a file of others that has it is moved. What goes into a pack waits for its line in the journal.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn publish(&self, part: &Part, path: &str, sha256: &str) -> Result<(), Error> {
        let keep_version = || match &self.own {
            Some(own) if self.keeps_versions => {
                moves::keep_version(&self.folder, &own.path, &own.content, sha256)
            }
            _ => Ok(()),
        };
        let publish = || {
            if self.keeping == Keeping::Packs {
                return keep_version();
            }
            let own = self.own.as_ref().map(|own| &*own.path);
            if let (Keeping::Objects, Some(store)) = (self.keeping, &self.folder.store) {
                let own = self.own.as_ref().filter(|own| own.path == path);
                let own = own.map(|own| own.sha256);
                if moves::upload(store, part, path, sha256, (own, self.keeps_versions))? {
                    self.note_moved(path);
                }
                part.publish_elsewhere();
                return Ok(());
            }
            if moves::make_room(&self.folder, path, sha256, own)? {
                self.note_moved(path);
            }
            // If the run ends before that is in the journal, the next one knows whose file it is.
            if own == Some(path) {
                keep_version()?;
                moves::note_replacing(&self.folder.work, path, sha256)?;
            }
            part.publish(&self.folder.path.join(path))
        };
        publish().map_err(|e: crate::error::Error| Error::disk(e.line()))
    }

    fn note_moved(&self, path: &str) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        moved.push(path.to_owned());
    }

    /// Once the journal has the file at `path`: moves the file of the earlier download away that has another suffix, as after a
    /// change of `--format`, or that is in a pack now; whether there was one. A person's file was moved before.
    pub fn settle(&self, path: &str) -> bool {
        let Some(Earlier {
            path: own, content, ..
        }) = &self.own
        else {
            return false;
        };
        if self.keeping == Keeping::Objects {
            // One of another suffix stays: nothing names it any more.
            return false;
        }
        let is_packed = self.keeping == Keeping::Packs;
        if own == path && !is_packed {
            moves::replaced(&self.folder.work, path);
            return false;
        }
        let stem = |path: &str| Path::new(path).with_extension("");
        (is_packed || stem(own) == stem(path))
            && content.whole_file().is_some_and(Path::exists)
            && moves::set_aside(&self.folder, moves::ORPHANS, [&**own]).is_ok()
    }
}
