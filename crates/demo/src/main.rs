//! `draw-scrolls`: writes the drawn archive into a folder, as `recto-serve` serves it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use clap::Parser;

/// Draw a small archive of invented scroll fragments
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Folder to draw into: images/, image_map.json and localizations.json
    out: PathBuf,
    /// Another seed draws other fragments
    #[arg(long, default_value_t = 1947)]
    seed: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match recto_demo::draw(&recto_demo::sides(args.seed), |path, bytes| {
        write(&args.out.join(path), bytes)
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes beside the path and renames, so that an interrupted run leaves no half-written file for the next.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = path.with_added_extension("part");
    let written = || {
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        fs::write(&part, bytes)?;
        fs::rename(&part, path)
    };
    written().map_err(|e| {
        io::Error::new(
            e.kind(),
            format!("{}: cannot be written: {e}", path.display()),
        )
    })
}
