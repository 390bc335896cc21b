//! `recto-digest`: IIIF documents, tables and marine services → digest.json.

use std::process::ExitCode;

fn main() -> ExitCode {
    recto::cli::program::<recto::digest::Options>(env!("CARGO_BIN_NAME"))
}
