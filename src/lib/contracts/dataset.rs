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
    /// The format: `coco`, `voc`…; several with commas between, each in a folder of its name.
    pub format: String,
    /// The conventions of the numbers, as a text: origin, edges, rounding, ids.
    pub conventions: String,
    /// Version of the data, with `--previous`: `MAJOR.MINOR.PATCH`. Absent: 1.0.0.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dataset_version: String,
    /// The set before it, which `--previous` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousDataset>,
    /// The version of recto that wrote it.
    #[serde(default)]
    pub recto: String,
    /// The command that makes it again, with the options that are not the usual ones; files without their folders.
    #[serde(default)]
    pub command: String,
    /// The files that it was made from.
    #[serde(default)]
    pub inputs: Vec<DatasetInput>,
    /// Whose the images are: one entry for each rights statement and attribution, and one for the images that have neither.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<DatasetSource>,
    /// Classes in the order of their ids.
    pub classes: Vec<ClassCount>,
    /// Counts over all splits.
    pub total: PartCount,
    /// Counts per split, if there are any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub splits: BTreeMap<String, PartCount>,
    /// The split of each group whose images are all in one, if there are splits. `--split-like` reads it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, String>,
    /// Names and shares of the splits that were asked for, as after `--split`. `--split-like` aims at them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub split: String,
    /// The random seed of the split.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seed: u64,
    /// How many records could not be used, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, u64>,
    /// How many records the user's options left out.
    #[serde(default)]
    pub filtered: u64,
    /// What people were told: what was changed, what a format cannot hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Every other file of the folder, in path order.
    pub files: Vec<DatasetEntry>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Contract for DatasetFile {
    const NAME: &'static str = "recto/dataset";
    const WRITTEN_BY: &'static str = "recto-reformat";
}

/// The set that another is a new version of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreviousDataset {
    /// Its version.
    pub version: String,
    /// SHA-256 of its dataset.json, lower-case hex.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub sha256: String,
}

/// A file that a dataset was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DatasetInput {
    /// Its name without folders.
    pub name: String,
    /// SHA-256, lower-case hex.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub sha256: String,
}

/// Images of a dataset with the same rights and attribution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DatasetSource {
    /// The rights statement. Absent: the sources say none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rights: String,
    /// To whom the images are attributed. Absent: the sources do not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub attribution: String,
    /// Number of images. Tiles count for the images that they are cut from.
    pub images: u64,
    /// Number of manifests that they are from.
    #[serde(default)]
    pub manifest_count: u64,
    /// The first 100 of these, in code-point order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<String>,
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
    /// Number of groups. Images of one group go to different splits only where the source or an earlier set says so.
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
