//! `shard`: the same set from many workers. [`plan`] divides a `localizations.json` among them, `recto-download PLAN OUT
//! --shard I/N` downloads a part, [`merge`] unites what they downloaded, [`status`] tells how far they are.
//!
//! Nothing runs in the background and nothing is shared but files: an existing scheduler starts the workers, and starts those
//! again that end with exit code 75.

mod best;
mod divide;
mod folders;
mod here;
mod merge;
mod missing;
mod options;
mod packs;
mod plan;
mod status;
mod stored;

pub use options::{MergeOptions, Options, PlanOptions, StatusOptions, Task};

use crate::error::Error;
use crate::report::{Common, Stage};
use crate::summary::Summary;

/// Plans shards, merges them, or tells how far they are.
///
/// # Errors
/// Why that could not be done.
pub fn shard(options: &Options) -> Result<Summary, Error> {
    match &options.task {
        Task::Plan(task) => Error::with_summary(|summary| plan::plan(task, summary)),
        Task::Merge(task) => {
            Error::with_summary(|summary| merge::merge(task, &options.common, summary))
        }
        Task::Status(task) => Error::with_summary(|summary| status::status(task, summary)),
    }
}

impl Stage for Options {
    const NAME: &'static str = "shard";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(&self) -> Result<Summary, Error> {
        shard(self)
    }
}
