//! `dataset.json`, the description that `recto-reformat` puts into every folder it writes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::envelope::Contract;

/// `dataset.json`: what a folder of training data holds. It is written last; its presence shows that recto wrote the
/// folder and may replace it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DatasetFile {
    /// Always `recto/dataset`.
    #[schemars(extend("const" = "recto/dataset"))]
    pub contract: String,
    /// Version of the contract: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The format: `coco`, `voc`…
    pub format: String,
    /// The conventions of the numbers, as a text: origin, edges, rounding, ids.
    pub conventions: String,
    /// Classes in the order of their ids.
    pub classes: Vec<ClassCount>,
    /// Counts over all splits.
    pub total: PartCount,
    /// Counts per split, if there are any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub splits: BTreeMap<String, PartCount>,
    /// Every other file of the folder, in path order.
    pub files: Vec<DatasetEntry>,
}

impl Contract for DatasetFile {
    const NAME: &'static str = "recto/dataset";
    const WRITTEN_BY: &'static str = "recto-reformat";
}

/// How often a class occurs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClassCount {
    /// Name of the class.
    pub name: String,
    /// Number of its boxes.
    pub boxes: u64,
}

/// What a dataset or a split of it holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PartCount {
    /// Number of images.
    pub images: u64,
    /// Number of boxes.
    pub boxes: u64,
    /// Number of images without boxes.
    pub negatives: u64,
    /// Number of groups. Images of one group never go to different splits.
    pub groups: u64,
}

/// A file of a dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DatasetEntry {
    /// Path relative to the folder, `/` as separator.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256, lower-case hex.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub sha256: String,
}
