//! Options of `recto diff`.

use std::path::PathBuf;

/// Show the differences between two sets, folders or datasets
///
/// Of two digests, localizations, image maps, folders of downloads or training sets: what is new, gone or moved; other pictures, and the same pictures in other bytes; boxes, labels, rights. Boxes belong
/// together by their ids, or where they lie. The exit code is 0 if the two are the same and 4 if not.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 the same, 1 failed, 2 the command line is not valid, 4 not the same"
)]
pub struct Options {
    /// The older one: digest.json, localizations.json or image_map.json, a folder of downloads, a training set, or any folder
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// The newer one
    #[arg(value_name = "B")]
    pub b: PathBuf,
    /// Print a line of JSON for each difference to standard output
    #[arg(long)]
    pub json: bool,
    /// Write a page with pairs of images, boxes drawn over them, to FILE
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Read every file, instead of trusting the SHA-256 that was written down with it where its size is still the same
    #[arg(long)]
    pub rehash: bool,
    /// Print only errors: the exit code says whether they differ
    #[arg(short, long)]
    pub quiet: bool,
}
