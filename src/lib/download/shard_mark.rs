//! What a folder says of the shard that it holds, so that others know what belongs to it and what is missing.

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
        let bytes = std::fs::read(ShardMark::path(folder)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

/// The part of a set that a folder holds where images are dealt by the hash of their ids, without a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashPart {
    /// Which part, from 0.
    part: u64,
    /// How many there are.
    of: u64,
}

impl HashPart {
    /// That of a worker.
    pub fn of(shard: Shard) -> Self {
        HashPart {
            part: shard.index,
            of: shard.count,
        }
    }

    /// Notes which part a folder holds.
    ///
    /// # Errors
    /// It holds another one, or the note cannot be written.
    pub fn keep_to(self, folder: &Path, is_dry: bool) -> Result<(), Error> {
        let path = OutputFolder::new(folder.to_owned()).work.join("part.json");
        let found = std::fs::read(&path).ok();
        let found: Option<HashPart> = found.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        match found {
            Some(held) if held != self => {
                let HashPart { part, of } = held;
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
            None => files::write_json(&path, &self),
        }
    }
}
