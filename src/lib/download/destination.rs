//! Where finished images are put: each in a file of its own, below the output folder.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::names::OutputFolder;
use super::state::moves;
use crate::files::Part;
use crate::http::Error;

/// Where the file of an image goes.
pub struct Destination {
    /// The output folder.
    pub folder: OutputFolder,
    /// The path of its earlier download, which may be overwritten.
    pub own: Option<String>,
    /// Whether that is kept.
    pub keeps_versions: bool,
    /// Paths at which files of others stood, which were moved.
    pub moved: Arc<Mutex<Vec<String>>>,
}

impl Destination {
    /// Gives a file its final name; a file of others that has it is moved.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn publish(&self, part: &Part, path: &str, sha256: &str) -> Result<(), Error> {
        let publish = || {
            if moves::make_room(&self.folder, path, sha256, self.own.as_deref())? {
                let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
                moved.push(path.to_owned());
            }
            // If the run ends before that is in the journal, the next one knows whose file it is.
            if self.own.as_deref() == Some(path) {
                if self.keeps_versions {
                    moves::keep_version(&self.folder, path, sha256)?;
                }
                moves::note_replacing(&self.folder.work, path, sha256)?;
            }
            part.publish(&self.folder.path.join(path))
        };
        publish().map_err(|e: crate::error::Error| Error::disk(e.line()))
    }
    /// Once the journal has the file at `path`: moves the file of the earlier download away that has another suffix, as after a
    /// change of `--format`; whether there was one. A person's file was moved before.
    pub fn settle(&self, path: &str) -> bool {
        let Some(own) = self.own.as_deref() else {
            return false;
        };
        if own == path {
            moves::replaced(&self.folder.work, path);
            return false;
        }
        let stem = |path: &str| Path::new(path).with_extension("");
        stem(own) == stem(path)
            && self.folder.path.join(own).exists()
            && moves::set_aside(&self.folder, moves::ORPHANS, [own]).is_ok()
    }
}
