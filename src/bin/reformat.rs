//! `recto-reformat`: localizations.json + image_map.json → a training set.

use std::process::ExitCode;

fn main() -> ExitCode {
    recto::cli::program::<recto::reformat::Options>(env!("CARGO_BIN_NAME"))
}
