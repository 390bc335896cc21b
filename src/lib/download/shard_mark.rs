//! What a folder says of the shard that it holds, so that others know what belongs to it and what is missing.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::names::OutputFolder;

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
