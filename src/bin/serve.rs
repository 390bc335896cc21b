//! `recto-serve`: a folder of images or a finished set over IIIF.

use std::process::ExitCode;

fn main() -> ExitCode {
    recto::cli::program::<recto::serve::Options>(env!("CARGO_BIN_NAME"))
}
