//! `recto-extract`: digest.json → localizations.json.

use std::process::ExitCode;

use clap::Parser;
use recto::{extract, report};

/// Turn digests into localizations: boxes with concepts, one entry per image
#[derive(Parser)]
#[command(name = "recto-extract", version)]
struct Args {
    #[command(flatten)]
    options: extract::Options,
}

fn main() -> ExitCode {
    extract::run(report::parse::<Args>().options)
}
