//! Joins a folder of JPEG tiles without decoding them, or checks that JPEGs are complete. `make bench-stitch` and
//! `scripts/judge_stitch.py` use it too.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use recto_jpeg::{Grid, Plan, Stitcher, SymbolCounts, tiled};

const USAGE: &str = "\
usage: stitch join FOLDER OUT --size WIDTH,HEIGHT --tile WIDTH,HEIGHT [--memory]
       stitch check FILE... [--repeat N]

join   writes OUT, a .jpg or a .tif of --size pixels, from the tiles FOLDER/COLUMN_ROW.jpg of --tile pixels;
       --memory reads all tiles before joining any
check  prints what each JPEG is, or what is wrong with it; --repeat checks each N times";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let command = args.next().ok_or(USAGE)?;
    let (mut files, mut repeat, mut memory) = (Vec::new(), 1, false);
    let (mut size, mut tile) = (None, None);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--size" => size = Some(pair(&value()?)?),
            "--tile" => tile = Some(pair(&value()?)?),
            "--repeat" => repeat = value()?.parse().map_err(|_| "--repeat needs a number")?,
            "--memory" => memory = true,
            option if option.starts_with("--") => return Err(format!("unknown option {option}")),
            _ => files.push(PathBuf::from(arg)),
        }
    }
    match (command.as_str(), &files[..], size, tile) {
        ("check", [_, ..], None, None) => check(&files, repeat),
        ("join", [folder, out], Some(size), Some(tile)) => join(folder, out, size, tile, memory),
        _ => Err(USAGE.into()),
    }
}

fn pair(text: &str) -> Result<[u32; 2], String> {
    let sides = text.split_once(',').and_then(|(width, height)| {
        let [width, height] = [width, height].map(|side| side.parse().ok());
        Some([width?, height?])
    });
    sides.ok_or(format!("`{text}` is not WIDTH,HEIGHT"))
}

fn check(files: &[PathBuf], repeat: u32) -> Result<(), String> {
    let mut damaged = 0;
    for path in files {
        let bytes = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut found = recto_jpeg::check(&bytes);
        for _ in 1..repeat {
            found = recto_jpeg::check(&bytes);
        }
        match found {
            Ok(info) => println!("{}: {info:?}", path.display()),
            Err(error) => println!("{}: {error}", path.display()),
        }
        damaged += usize::from(recto_jpeg::check(&bytes).is_err());
    }
    match damaged {
        0 => Ok(()),
        n => Err(format!(
            "{n} of {} files are damaged or not supported",
            files.len()
        )),
    }
}

fn join(
    folder: &Path,
    out: &Path,
    size: [u32; 2],
    tile: [u32; 2],
    memory: bool,
) -> Result<(), String> {
    let grid = Grid::even(size, tile).map_err(words)?;
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
    let mut counts = SymbolCounts::default();
    for cell in grid.sample() {
        counts.add(&SymbolCounts::of(&read(cell)?).map_err(|e| at(cell, e))?);
    }
    let [columns, rows] = grid.count();
    let plan = Plan::new(grid, &read([0, 0])?, &counts).map_err(words)?;
    out.write_all(&plan.header()).map_err(words)?;
    let mut stitcher = Stitcher::new(&plan);
    for row in 0..rows {
        let cells = (0..columns).map(|column| [column, row]);
        let tile = |cell| plan.tile(cell, &read(cell)?).map_err(|e| at(cell, e));
        let tiles: Vec<_> = cells.map(tile).collect::<Result<_, _>>()?;
        stitcher.band(&tiles, &mut out).map_err(words)?;
    }
    stitcher.finish(&mut out).map_err(words)?;
    out.flush().map_err(words)
}

fn join_tiff(
    grid: Grid,
    out: BufWriter<File>,
    read: impl Fn([usize; 2]) -> Result<Vec<u8>, String>,
) -> Result<(), String> {
    let [columns, rows] = grid.count();
    let plan = tiled::TiffPlan::new(grid, &read([0, 0])?).map_err(words)?;
    let mut writer = tiled::TiffWriter::new(&plan, out).map_err(words)?;
    for cell in (0..rows).flat_map(|row| (0..columns).map(move |column| [column, row])) {
        let tile = plan.tile(cell, &read(cell)?).map_err(|e| at(cell, e))?;
        writer.tile(&tile).map_err(words)?;
    }
    let mut out = writer.finish().map_err(words)?;
    out.flush().map_err(words)
}

fn at([column, row]: [usize; 2], problem: impl std::fmt::Display) -> String {
    format!("tile {column}_{row}: {problem}")
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}
