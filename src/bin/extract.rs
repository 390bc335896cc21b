//! `recto-extract`: digest.json → localizations.json.

use std::process::ExitCode;

fn main() -> ExitCode {
    recto::cli::program::<recto::extract::Options>(env!("CARGO_BIN_NAME"))
}
