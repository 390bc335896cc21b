//! `recto-download`: localizations.json → images + image_map.json + failures.csv.

use std::process::ExitCode;

fn main() -> ExitCode {
    recto::cli::program::<recto::download::Options>(env!("CARGO_BIN_NAME"))
}
