//! Joins a folder of JPEG tiles without decoding them, or checks that JPEGs are whole: the library's `jpeg` room from
//! the command line, for `make bench-stitch` and `scripts/judge_stitch.py`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use recto::jpeg::{self, Grid, Plan, Stitcher, Stop, Tally, tiled};

/// Join tiles, or check JPEGs.
#[derive(Parser)]
enum Args {
    /// Join the tiles FOLDER/COLUMN_ROW.jpg
    Join {
        /// Where the tiles are
        folder: PathBuf,
        /// What to write: a .jpg or a .tif
        out: PathBuf,
        /// Size of the picture: WIDTH,HEIGHT
        #[arg(long, value_parser = pair)]
        size: [u32; 2],
        /// Size of a tile: WIDTH,HEIGHT
        #[arg(long, value_parser = pair)]
        tile: [u32; 2],
        /// Read all tiles before joining any
        #[arg(long)]
        memory: bool,
    },
    /// Say what JPEGs are, or what is wrong with them
    Check {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Check each so many times
        #[arg(long, default_value_t = 1)]
        repeat: u32,
    },
}

fn pair(text: &str) -> Result<[u32; 2], String> {
    let (a, b) = text.split_once(',').ok_or("not WIDTH,HEIGHT")?;
    let side = |text: &str| text.parse().map_err(|_| format!("no size: {text}"));
    Ok([side(a)?, side(b)?])
}

fn main() -> ExitCode {
    let done = match Args::parse() {
        Args::Check { files, repeat } => check(&files, repeat),
        Args::Join {
            folder,
            out,
            size,
            tile,
            memory,
        } => join(&folder, &out, size, tile, memory),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("error: {words}");
            ExitCode::FAILURE
        }
    }
}

fn check(files: &[PathBuf], repeat: u32) -> Result<(), String> {
    let mut damaged = 0;
    for path in files {
        let bytes = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut found = jpeg::check(&bytes);
        for _ in 1..repeat {
            found = jpeg::check(&bytes);
        }
        match found {
            Ok(facts) => println!("{}: {facts:?}", path.display()),
            Err(fault) => println!("{}: {fault}", path.display()),
        }
        damaged += usize::from(jpeg::check(&bytes).is_err());
    }
    match damaged {
        0 => Ok(()),
        n => Err(format!("{n} of {} are not whole", files.len())),
    }
}

fn join(
    folder: &Path,
    out: &Path,
    size: [u32; 2],
    tile: [u32; 2],
    memory: bool,
) -> Result<(), String> {
    let grid = Grid::even(size, tile).map_err(|e| e.to_string())?;
    let [columns, rows] = grid.count();
    let from_disk = |[column, row]: [usize; 2]| {
        let path = folder.join(format!("{column}_{row}.jpg"));
        fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))
    };
    let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| [column, row]));
    let held: Vec<Vec<u8>> = match memory {
        true => cells.map(from_disk).collect::<Result<_, _>>()?,
        false => Vec::new(),
    };
    let read = |cell: [usize; 2]| match held.get(cell[1] * columns + cell[0]) {
        Some(bytes) => Ok(bytes.clone()),
        None => from_disk(cell),
    };
    let output = File::create(out).map_err(|e| format!("{}: {e}", out.display()))?;
    let output = BufWriter::new(output);
    match out.extension().is_some_and(|kind| kind == "tif") {
        true => join_tiff(grid, output, read),
        false => join_jpeg(grid, output, read),
    }
}

fn join_jpeg(
    grid: Grid,
    mut out: BufWriter<File>,
    read: impl Fn([usize; 2]) -> Result<Vec<u8>, String>,
) -> Result<(), String> {
    let mut tally = Tally::default();
    for cell in grid.sample() {
        tally.add(&Tally::of(&read(cell)?).map_err(|e| at(cell, e))?);
    }
    let [columns, rows] = grid.count();
    let plan = Plan::new(grid, &read([0, 0])?, &tally).map_err(|e| e.to_string())?;
    out.write_all(&plan.head()).map_err(|e| e.to_string())?;
    let mut stitcher = Stitcher::new(&plan);
    for row in 0..rows {
        let cells = (0..columns).map(|column| [column, row]);
        let tile = |cell| plan.tile(cell, &read(cell)?).map_err(|e| at(cell, e));
        let tiles: Vec<_> = cells.map(tile).collect::<Result<_, _>>()?;
        stitcher.band(&tiles, &mut out).map_err(stop)?;
    }
    stitcher.finish(&mut out).map_err(stop)?;
    out.flush().map_err(|e| e.to_string())
}

fn join_tiff(
    grid: Grid,
    out: BufWriter<File>,
    read: impl Fn([usize; 2]) -> Result<Vec<u8>, String>,
) -> Result<(), String> {
    let [columns, rows] = grid.count();
    let plan = tiled::Plan::new(grid, &read([0, 0])?).map_err(|e| e.to_string())?;
    let mut writer = tiled::Writer::new(&plan, out).map_err(|e| e.to_string())?;
    for cell in (0..rows).flat_map(|row| (0..columns).map(move |column| [column, row])) {
        let tile = plan.tile(cell, &read(cell)?).map_err(|e| at(cell, e))?;
        writer.tile(&tile).map_err(stop)?;
    }
    let mut out = writer.finish().map_err(stop)?;
    out.flush().map_err(|e| e.to_string())
}

fn at([column, row]: [usize; 2], problem: impl std::fmt::Display) -> String {
    format!("tile {column}_{row}: {problem}")
}

fn stop(stop: Stop) -> String {
    match stop {
        Stop::Refused(refusal) => refusal.to_string(),
        Stop::Output(error) => error.to_string(),
    }
}
