//! `recto-serve`: a folder of images or a finished set over IIIF.

use std::process::ExitCode;

use recto::{report, serve};

#[derive(clap::Parser)]
#[command(
    name = env!("CARGO_BIN_NAME"),
    version,
    about = "Serve a folder of images or a downloaded set over IIIF (Image API 2.1 and 3.0, Presentation API 2.1 and 3.0, Content Search 2.0) and as web pages where boxes can be viewed and corrected"
)]
struct Args {
    #[command(flatten)]
    options: serve::Options,
}

fn main() -> ExitCode {
    report::main(|args: Args| args.options)
}
