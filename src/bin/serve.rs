//! `recto-serve`: a folder of images or a finished set over IIIF.

use std::process::ExitCode;

use recto::{report, serve};

#[derive(clap::Parser)]
#[command(
    version,
    about = "Serve a folder of images or a downloaded set over IIIF: Image API 2.1 and 3.0, Presentation API 3.0"
)]
struct Args {
    #[command(flatten)]
    options: serve::Options,
}

fn main() -> ExitCode {
    serve::run(report::parse::<Args>().options)
}
