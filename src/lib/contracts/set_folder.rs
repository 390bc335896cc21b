//! A folder that holds a set in parts: what `set.json` says of it.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::files;

/// `set.json` in a folder that holds a set in parts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SetFolder {
    /// Always `recto/set`.
    #[schemars(extend("const" = "recto/set"))]
    pub contract: String,
    /// Version of the contract: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// Number of elements in all parts.
    pub count: u64,
    /// The set without its long list: `contract`, `version`, `taxonomy`…
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub head: Box<RawValue>,
    /// The parts, in the order of the set.
    pub parts: Vec<SetPart>,
}

/// A part of a set: JSON Lines without a head.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SetPart {
    /// Name of the file in the folder; `.jsonl`, or `.jsonl.zst` where it is compressed.
    pub file: String,
    /// Number of lines.
    pub count: u64,
    /// SHA-256 of the file, lower-case hex.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub sha256: String,
}

impl SetFolder {
    /// The name of the file.
    pub const FILE: &'static str = "set.json";
    /// The text of the `contract` member.
    pub const NAME: &'static str = "recto/set";
    /// The newest version this program knows.
    pub const VERSION: u32 = 1;
}

/// Whether a folder holds a set in parts.
pub fn is_set_folder(path: &Path) -> bool {
    files::is_there(&path.join(SetFolder::FILE))
}
