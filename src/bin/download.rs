//! `recto-download`: localizations.json → images + image_map.json + failures.csv.

use std::process::ExitCode;

use recto::{download, report};

#[derive(clap::Parser)]
#[command(
    name = env!("CARGO_BIN_NAME"),
    version,
    about = "Download the images of a localizations.json, complete and in full resolution"
)]
struct Args {
    #[command(flatten)]
    options: download::Options,
}

fn main() -> ExitCode {
    report::main(|args: Args| args.options)
}
