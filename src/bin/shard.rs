//! `recto-shard`: divides a localizations.json among workers, and merges what they downloaded.

use std::process::ExitCode;

fn main() -> ExitCode {
    recto::cli::program::<recto::shard::Options>(env!("CARGO_BIN_NAME"))
}
