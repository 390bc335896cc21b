//! The output folder: here, or in an object store with a folder here for work in progress.

use std::path::{Path, PathBuf};

use crate::contracts::MappedFile;
use crate::files::{self, Content, hex_digest};

/// The output folder.
#[derive(Clone, Debug)]
pub struct OutputFolder {
    /// The folder itself; where images are in an object store, the one here with a copy of the journal.
    pub path: PathBuf,
    /// The folder in it for work in progress, and for what later runs should know.
    pub work: PathBuf,
    /// The folder of an object store that images are in.
    pub store: Option<PathBuf>,
}

impl OutputFolder {
    /// The folder at this path, which need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        OutputFolder {
            work: path.join(".recto"),
            path,
            store: None,
        }
    }

    /// The folder at this path, here or in an object store. For the latter `scratch` is the folder for work in progress; without it
    /// that is in the working directory, and has a name made of the store's.
    pub fn anywhere(path: PathBuf, scratch: Option<&Path>) -> Self {
        if !files::is_in_store(&path) {
            return OutputFolder::new(path);
        }
        let name = hex_digest(path.as_os_str().as_encoded_bytes(), 12);
        let usual = || PathBuf::from(format!(".recto-{name}"));
        OutputFolder {
            store: Some(path),
            ..OutputFolder::new(scratch.map_or_else(usual, Path::to_owned))
        }
    }

    /// The folder that images are in, and whatever others look for beside them.
    pub fn of_images(&self) -> &Path {
        self.store.as_deref().unwrap_or(&self.path)
    }

    /// Where the file with this path is, or would be.
    pub fn content(&self, path: &str) -> Content {
        Content::file(self.of_images().join(path))
    }

    /// Where an image is.
    pub fn content_of(&self, place: MappedFile<'_>) -> Content {
        match self.store {
            Some(_) => self.content(place.name),
            None => place.content(&self.path),
        }
    }
}
