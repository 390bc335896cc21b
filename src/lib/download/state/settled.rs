//! Whether a finished image is still there, as the journal says and the options want it.

use super::index::{Index, Slot};
use super::moves;
use crate::contracts::LocalizedImage;
use crate::download::names::OutputFolder;
use crate::download::options::{Options, OutputOptions};

/// How finished images are looked up on the disk.
pub struct Lookup<'a> {
    folder: OutputFolder,
    output: OutputOptions,
    options: &'a Options,
}

/// The file of a finished image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// It is there, with the length in the journal, and the SHA-256 where that is checked.
    Unchanged,
    /// Its content is another: a person edited or replaced it.
    Altered,
    /// It is missing.
    Missing,
}

impl<'a> Lookup<'a> {
    /// In an output folder, as the options want it.
    pub fn new(options: &'a Options, folder: &OutputFolder) -> Self {
        Lookup {
            folder: folder.clone(),
            output: options.output(),
            options,
        }
    }

    /// The options.
    pub fn options(&self) -> &'a Options {
        self.options
    }

    /// Whether there is a file where that of an image would be.
    pub fn is_there(&self, index: &Index, slot: Slot) -> bool {
        let content = self.folder.content_of(index.place(slot));
        self.folder.store.is_some() || content.length().is_ok()
    }

    /// Whether an image keeps the name that it has, whatever others are called: only files here are renamed.
    pub fn keeps_name(&self, index: &Index, slot: Slot) -> bool {
        self.folder.store.is_some() || index.is_packed(slot)
    }

    /// The slot of an image whose file is there as it should be.
    pub fn settled(&self, index: &Index, image: &LocalizedImage) -> Option<Slot> {
        let found = self.find(index, image);
        found.and_then(|(slot, state)| matches!(state, FileState::Unchanged).then_some(slot))
    }

    /// The slot and the file of a finished image; none where it is not finished, was requested otherwise, or is to be
    /// downloaded again in any case.
    pub fn find(&self, index: &Index, image: &LocalizedImage) -> Option<(Slot, FileState)> {
        match self.options.overwrite {
            true => None,
            false => self.find_old(index, image),
        }
    }

    /// The same whatever `--overwrite` says.
    pub fn find_old(&self, index: &Index, image: &LocalizedImage) -> Option<(Slot, FileState)> {
        let slot = index.find(&image.id)?;
        let is_same_request = index.was_requested(slot, &self.output.request_for(image));
        is_same_request.then(|| (slot, self.state(index, slot, self.options.verify)))
    }

    /// Whether the file that a download of an image would take the place of is not what recto wrote there. What is in a pack or in an
    /// object store nobody edits.
    pub fn is_altered(&self, index: &Index, id: &str) -> Option<Slot> {
        let slot = index
            .find(id)
            .filter(|slot| !self.keeps_name(index, *slot))?;
        (self.state(index, slot, true) == FileState::Altered).then_some(slot)
    }

    /// The SHA-256 was computed before the file got its name; it is computed again only where that is asked for.
    fn state(&self, index: &Index, slot: Slot, by_hash: bool) -> FileState {
        // Asking a store for each would take as long as many downloads: the journal is believed.
        if self.folder.store.is_some() && !by_hash {
            return FileState::Unchanged;
        }
        let path = index.path(slot);
        let content = self.folder.content_of(index.place(slot));
        // What a killed run put there is downloaded again, and is nobody's work.
        let is_ours =
            || index.is_packed(slot) || moves::was_replaced(&self.folder.work, path, &content);
        let altered = || match is_ours() {
            true => FileState::Missing,
            false => FileState::Altered,
        };
        match content.length() {
            Ok(length) if length == index.bytes(slot) => {}
            Ok(_) => return altered(),
            Err(_) => return FileState::Missing,
        }
        let is_same = || {
            let entry = index.entry(slot);
            entry.is_some_and(|entry| content.is(&entry.sha256))
        };
        match !by_hash || is_same() {
            true => FileState::Unchanged,
            false => altered(),
        }
    }
}
