//! What is in folders of an object store: which files, their sizes, and their versions as far as the store tells them; from lists,
//! which say that of a thousand files at a time.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use futures::{StreamExt, TryStreamExt};
use object_store::ObjectMeta;

use super::hash::hash_number;
use super::store::{store_of, with_store};

/// Files of a store by their keys, in some 40 bytes each.
#[derive(Debug, Default)]
pub struct StoredFiles(HashMap<u64, StoredFile>);

/// A file as a list has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its size in bytes.
    pub bytes: u64,
    /// A number made of its ETag; none where the store gives none.
    etag: Option<u64>,
}

impl StoredFile {
    /// Whether two files have the same bytes as far as their ETags tell: where it is false, they may be the same yet.
    pub fn is_surely(self, other: Self) -> bool {
        self.bytes == other.bytes && self.etag.is_some() && self.etag == other.etag
    }
}

impl StoredFiles {
    /// Adds all files whose keys begin with a folder.
    ///
    /// # Errors
    /// The store does not list them.
    pub fn add(&mut self, folder: &Path) -> io::Result<()> {
        with_store(folder, async |store, prefix| {
            let mut found = store.list(Some(&prefix));
            while let Some(file) = found.try_next().await? {
                let number = hash_number(file.location.as_ref().as_bytes());
                self.0.insert(number, StoredFile::of(&file));
            }
            Ok(())
        })
    }

    /// The file of this name, if it is there.
    pub fn get(&self, path: &Path) -> Option<StoredFile> {
        let (_, key) = store_of(path).ok()?;
        self.0.get(&hash_number(key.as_ref().as_bytes())).copied()
    }
}

impl StoredFile {
    fn of(file: &ObjectMeta) -> Self {
        let etag = file.e_tag.as_ref();
        StoredFile {
            bytes: file.size,
            etag: etag.map(|etag| hash_number(etag.trim_matches('"').as_bytes())),
        }
    }
}

/// The folders that are directly in a folder, sorted.
///
/// # Errors
/// The store does not list them.
pub fn folders_in_store(folder: &Path) -> io::Result<Vec<PathBuf>> {
    with_store(folder, async |store, prefix| {
        let found = store.list_with_delimiter(Some(&prefix)).await?;
        let names = found
            .common_prefixes
            .iter()
            .filter_map(|key| key.filename());
        let mut folders: Vec<PathBuf> = names.map(|name| folder.join(name)).collect();
        folders.sort();
        Ok(folders)
    })
}

/// Whether there is any file below a folder.
///
/// # Errors
/// The store does not say so.
pub fn is_folder_in_store(folder: &Path) -> io::Result<bool> {
    with_store(folder, async |store, prefix| {
        let found = store.list(Some(&prefix)).next().await;
        Ok(found.transpose()?.is_some())
    })
}
