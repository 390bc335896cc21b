//! Options of `recto export`.

use std::path::PathBuf;

/// Write references to images for git-annex, DataLad or DVC
///
/// With them a set can be published without its pixels. Only files that are exactly the bytes of one URL can be downloaded
/// again from it: images joined from regions or re-encoded are listed in left-out.csv.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The tool that will hold the references
    #[arg(value_enum, value_name = "TOOL")]
    pub tool: Tool,
    /// The folder that recto-download wrote
    #[arg(value_name = "IMAGES")]
    pub images: PathBuf,
    /// The folder for lists and script
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
}

/// A tool for large files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Tool {
    /// git-annex: keys by SHA-256, each with its URL
    GitAnnex,
    /// DataLad: a table for `datalad addurls`
    Datalad,
    /// DVC: a .dvc file for each image
    Dvc,
}
