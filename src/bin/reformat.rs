//! `recto-reformat`: localizations.json + image_map.json → a training set.

use std::process::ExitCode;

use recto::{reformat, report};

#[derive(clap::Parser)]
#[command(
    name = env!("CARGO_BIN_NAME"),
    version,
    about = "Write images and their boxes as a training set"
)]
struct Args {
    #[command(flatten)]
    options: reformat::Options,
}

fn main() -> ExitCode {
    report::main(|args: Args| args.options)
}
