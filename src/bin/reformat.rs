//! `recto-reformat`: localizations.json + image_map.json → a training set.

use std::process::ExitCode;

use recto::{reformat, report};

/// Write boxes and the images they stand on as a training set
#[derive(clap::Parser)]
#[command(version, about)]
struct Args {
    #[command(flatten)]
    options: reformat::Options,
}

fn main() -> ExitCode {
    reformat::run(report::parse::<Args>().options)
}
