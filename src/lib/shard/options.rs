//! The options of `recto-shard`.

use std::path::PathBuf;

use crate::report::Common;

/// Options of `recto-shard`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// What to do
    #[command(subcommand)]
    pub task: Task,
    #[command(flatten)]
    #[allow(missing_docs)] // A comment would stand in --help.
    pub common: Common,
}

/// What `recto-shard` does.
#[derive(Debug, clap::Subcommand)]
pub enum Task {
    /// Divide a localizations.json among workers: a folder with a part for each, and plan.json
    Plan(PlanOptions),
    /// Merge the folders of workers into one: images, journal, image map and failures as one worker would have written them
    Merge(MergeOptions),
    /// Report the progress of each worker, from the files of the plan and of the workers
    Status(StatusOptions),
}

/// Options of `recto-shard plan`.
#[derive(Debug, clap::Args)]
pub struct PlanOptions {
    /// The set, as written by `recto-extract`
    pub localizations: PathBuf,
    /// Number of shards
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub shards: u32,
    /// The folder of the plan; it must not exist, or hold a plan, which is replaced
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Keep each host in one shard, however many images it has. Without it a host with more than its share is divided among
    /// as many shards as it allows requests at once, each with that part of its rate limit
    #[arg(long)]
    pub whole_hosts: bool,
    /// Plan for requests to URLs that begin with FROM as if they began with TO (repeatable), as recto-download --rewrite
    #[arg(long, value_name = "FROM=TO", value_parser = crate::http::rewrite)]
    pub rewrite: Vec<(String, String)>,
    /// A table of archives with their limits, as recto-download --archives
    #[arg(long, value_name = "FILE")]
    pub archives: Option<PathBuf>,
}

/// Options of `recto-shard merge`.
#[derive(Debug, clap::Args)]
pub struct MergeOptions {
    /// The folder that becomes that of the whole set; it is created if it is missing, and what it holds already is kept. It may be
    /// one of an object store, such as s3://BUCKET/FOLDER, where the store copies the images
    pub output_dir: PathBuf,
    /// Folders of workers, of the same bucket where the first one is in an object store [default: the folders shard-* in the first
    /// one]
    #[arg(value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    /// Move files instead of linking or copying them
    #[arg(long = "move")]
    pub moves: bool,
    /// In an object store, take over the locks left by runs that were killed on other machines
    #[arg(long)]
    pub break_lock: bool,
    /// Write the image map to FILE
    #[arg(long, value_name = "FILE", default_value = "image_map.json")]
    pub image_map: PathBuf,
    /// Write the list of what no worker could download to FILE
    #[arg(long, value_name = "FILE", default_value = "failures.csv")]
    pub failures: PathBuf,
}

/// Options of `recto-shard status`.
#[derive(Debug, clap::Args)]
pub struct StatusOptions {
    /// The folder of the plan
    pub plan: PathBuf,
    /// The folder that `recto-download` was given
    pub output_dir: PathBuf,
    /// Print only the numbers of the shards that another run may complete, such as 0,3-5: for `--array=` of a scheduler
    #[arg(long)]
    pub failed: bool,
}
