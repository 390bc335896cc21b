//! `recto-digest`: IIIF documents and tables → digest.json

use std::process::ExitCode;

use recto::{digest, report};

#[derive(clap::Parser)]
#[command(
    name = env!("CARGO_BIN_NAME"),
    version,
    about = "Report the images of a source, with everything that later stages need"
)]
struct Args {
    #[command(flatten)]
    options: digest::Options,
}

fn main() -> ExitCode {
    report::main(|args: Args| args.options)
}
