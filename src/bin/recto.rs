//! `recto`: all programs as commands of one, and what is there beside them: `demo`, `init`, `doctor` and others.

use std::process::ExitCode;

fn main() -> ExitCode {
    recto::cli::main()
}
