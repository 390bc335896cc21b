//! What a folder says of the shard that it holds, so that others know what belongs to it and what is missing; here, and in object
//! stores.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::names::OutputFolder;
use crate::error::Error;
use crate::files;
use crate::workers::Shard;

/// Which shard of which set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardMark {
    /// SHA-256 of the set that was divided.
    pub set_sha256: String,
    /// Number of its images.
    pub set_images: u64,
    /// The number of the shard, from 0.
    pub shard: u64,
    /// How many shards there are.
    pub shards: u64,
    /// Number of images of the shard.
    pub images: u64,
}

impl ShardMark {
    /// Where the mark of a folder is.
    pub fn path(folder: &Path) -> PathBuf {
        OutputFolder::new(folder.to_owned()).work.join("shard.json")
    }

    /// That of a folder; none where it holds no shard of a plan.
    pub fn in_folder(folder: &Path) -> Option<Self> {
        let bytes = files::read(&ShardMark::path(folder)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

/// The part of a set that a folder holds where images are dealt by the hash of their ids, without a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashPart {
    /// Which part, from 0.
    pub part: u64,
    /// How many there are.
    pub of: u64,
    /// Number of images of the whole set, as soon as that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_images: Option<u64>,
}

impl HashPart {
    /// That of a worker.
    pub fn of(shard: Shard) -> Self {
        HashPart {
            part: shard.index,
            of: shard.count,
            set_images: None,
        }
    }

    /// Notes which part a folder holds.
    ///
    /// # Errors
    /// It holds another one, or the note cannot be written.
    pub fn keep_to(self, folder: &Path, is_dry: bool) -> Result<(), Error> {
        match HashPart::in_folder(folder) {
            Some(HashPart { part, of, .. }) if (part, of) != (self.part, self.of) => {
                Err(Error::usage(format!(
                    "--shard {}/{}: {} holds part {part}/{of} of a set",
                    self.part,
                    self.of,
                    folder.display()
                ))
                .hint("each worker has a folder of its own; merge them with recto-shard merge"))
            }
            Some(_) => Ok(()),
            None if is_dry => Ok(()),
            None => files::write_json(&HashPart::path(folder), &self),
        }
    }

    fn path(folder: &Path) -> PathBuf {
        OutputFolder::new(folder.to_owned()).work.join("part.json")
    }

    /// That of a folder; none where it holds no part of a set without a plan.
    pub fn in_folder(folder: &Path) -> Option<Self> {
        let bytes = files::read(&HashPart::path(folder)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Notes how many images the whole set has.
    ///
    /// # Errors
    /// The note cannot be written.
    pub fn note(self, folder: &Path, set_images: u64) -> Result<(), Error> {
        let noted = HashPart {
            set_images: Some(set_images),
            ..self
        };
        match HashPart::in_folder(folder) == Some(noted) {
            true => Ok(()),
            false => files::write_json(&HashPart::path(folder), &noted),
        }
    }
}

/// Where `recto-shard merge --move` moved what a folder held, so that its worker does not ask for that again when it is started
/// once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedInto {
    /// The folder of all.
    pub folder: PathBuf,
}

impl MergedInto {
    fn path(folder: &Path) -> PathBuf {
        OutputFolder::new(folder.to_owned())
            .work
            .join("merged.json")
    }

    /// That of a folder, as long as it is there.
    pub fn in_folder(folder: &Path) -> Option<PathBuf> {
        let bytes = files::read(&MergedInto::path(folder)).ok()?;
        let into: MergedInto = serde_json::from_slice(&bytes).ok()?;
        let is_there = files::is_in_store(&into.folder) || into.folder.is_dir();
        is_there.then_some(into.folder)
    }

    /// Notes it.
    ///
    /// # Errors
    /// The note cannot be written.
    pub fn note(folder: &Path, into: &Path) -> Result<(), Error> {
        let folder_of_all = files::real(into);
        files::write_json(
            &MergedInto::path(folder),
            &MergedInto {
                folder: folder_of_all,
            },
        )
    }
}
