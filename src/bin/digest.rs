//! `recto-digest`: IIIF documents, tables and marine services → digest.json.

use std::process::ExitCode;

use recto::{digest, report};

#[derive(clap::Parser)]
#[command(
    name = env!("CARGO_BIN_NAME"),
    version,
    about = "List the images of a source with their annotations, for all later stages"
)]
struct Args {
    #[command(flatten)]
    options: digest::Options,
}

fn main() -> ExitCode {
    report::main(|args: Args| args.options)
}
