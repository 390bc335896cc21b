//! `recto-extract`: digest.json → localizations.json.

use std::process::ExitCode;

use recto::{extract, report};

#[derive(clap::Parser)]
#[command(
    name = env!("CARGO_BIN_NAME"),
    version,
    about = "Turn digests into localizations: boxes with classes, one entry per image"
)]
struct Args {
    #[command(flatten)]
    options: extract::Options,
}

fn main() -> ExitCode {
    report::main(|args: Args| args.options)
}
