//! `plan.json`, written by `recto-shard plan`: how a set is divided among workers. It lies in a folder beside a
//! `localizations.json` for each worker.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::envelope::Contract;

/// How a set is divided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShardPlan {
    /// Always `recto/plan`.
    #[schemars(extend("const" = "recto/plan"))]
    pub contract: String,
    /// Version of the contract: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// SHA-256 of the `localizations.json` that is divided, lower-case hex.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub set_sha256: String,
    /// Number of images in it.
    pub images: u64,
    /// The fewest requests that they take, as `recto-download --dry-run` reckons.
    pub requests: u64,
    /// The start of the SHA-256 of each path, in lower case and without suffix, that several images of the set would have: 16
    /// digits. Their files get a hash, whichever shards they are in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_names: Vec<String>,
    /// The same of the paths in tar files, which have no dots (`--pack`). Absent in plans of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_names_in_packs: Option<Vec<String>>,
    /// The shards; the first is number 0.
    pub shards: Vec<PlannedShard>,
}

/// What one worker downloads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedShard {
    /// Name of its `localizations.json`, in the folder of the plan.
    pub file: String,
    /// SHA-256 of that file, lower-case hex.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// Number of images in it.
    pub images: u64,
    /// The fewest requests that they take.
    pub requests: u64,
    /// Where they are requested.
    pub hosts: Vec<PlannedHost>,
}

/// A host of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedHost {
    /// Its name, with `:port` where that is not the usual one of http or https.
    pub host: String,
    /// Number of images requested there.
    pub images: u64,
    /// The fewest requests that they take.
    pub requests: u64,
    /// How many shards have images of it; each takes that part of its rate limit.
    #[schemars(range(min = 1))]
    pub shared_by: u64,
}

impl ShardPlan {
    /// The name of the file in the folder of a plan.
    pub const FILE: &'static str = "plan.json";

    /// The name of the folder that a shard is downloaded to, in that of the whole set.
    pub fn folder(shard: usize) -> String {
        format!("shard-{shard:05}")
    }

    /// The hosts of a shard, each with its number among the shards that have images of it, and how many these are.
    pub fn sharing(&self, shard: usize) -> BTreeMap<String, (u64, u64)> {
        let before = |name: &str| {
            let has = |shard: &&PlannedShard| shard.hosts.iter().any(|host| host.host == name);
            self.shards[..shard].iter().filter(has).count() as u64
        };
        let hosts = self.shards[shard].hosts.iter();
        hosts
            .map(|host| (host.host.clone(), (before(&host.host), host.shared_by)))
            .collect()
    }
}

impl Contract for ShardPlan {
    const NAME: &'static str = "recto/plan";
    const WRITTEN_BY: &'static str = "recto-shard plan";
}
