//! `recto-shard`: divides a localizations.json among workers, and unites what they downloaded.

use std::process::ExitCode;

use recto::{report, shard};

#[derive(clap::Parser)]
#[command(
    name = env!("CARGO_BIN_NAME"),
    version,
    about = "Divide a set among workers, unite what they downloaded, tell how far they are"
)]
struct Args {
    #[command(flatten)]
    options: shard::Options,
}

fn main() -> ExitCode {
    report::main(|args: Args| args.options)
}
