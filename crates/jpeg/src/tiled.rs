//! A tiled BigTIFF with JPEG tiles inside, as they are (TIFF 6.0 with its Technical Note 2; BigTIFF): for pictures
//! beyond what a JPEG holds, and for tiles whose quantization tables differ.

use std::io::{self, Seek, Write};

use crate::bigtiff::{BigTiff, Kind, Tiles};
use crate::fault::Refusal;
use crate::markers::{Reader, Scan};
use crate::skim::prove;
use crate::stitch::{Grid, Stop};
use crate::style::{Colour, Style, segment};
use crate::transcode::{Scribe, Symbols, Tables, Tally, is_plain, open};

/// What is settled before the first tile is written. Threads share it to read tiles.
#[derive(Clone, Debug)]
pub struct Plan {
    grid: Grid,
    /// Size of all tiles as they are stored.
    tile: [u32; 2],
    style: Style,
    photometric: u16,
}

/// A tile as it is stored: a JPEG of the full size, without what applications say.
#[derive(Clone, Debug)]
pub struct Tile {
    cell: [usize; 2],
    bytes: Vec<u8>,
}

impl Plan {
    /// A picture in the style of its first tile, whose quantization tables do not bind the others.
    pub fn new(grid: Grid, first: &[u8]) -> Result<Plan, Refusal> {
        let style = Style::read(first)?;
        let tile = stored_size(&grid, style.mcu())?;
        let photometric = photometric(&style)?;
        Ok(Plan {
            grid,
            tile,
            style,
            photometric,
        })
    }

    /// Reads the tile of a cell, by column and row. One that is complete is only proven to be; one at an edge is
    /// coded anew to have the full size, one that is not baseline to be so.
    pub fn tile(&self, cell: [usize; 2], bytes: &[u8]) -> Result<Tile, Refusal> {
        let (mut reader, scan) = open(bytes)?;
        let frame = reader.frame()?;
        self.grid.admits(cell, [frame.width, frame.height])?;
        let complete = [frame.width, frame.height] == self.tile;
        let bytes = match complete && is_plain(frame, &scan) && reader.has_tables() {
            true => stripped(&mut reader, &scan)?,
            false => self.anew(&mut reader, scan)?,
        };
        match self.style.accepts(&Style::of(&reader)?) {
            Ok(()) | Err(Refusal::Quantization(_)) => Ok(Tile { cell, bytes }),
            Err(refusal) => Err(refusal),
        }
    }

    fn anew(&self, reader: &mut Reader, scan: Scan) -> Result<Vec<u8>, Refusal> {
        // Tables for this tile alone: few tiles are coded anew.
        let tables = Tables::new(&Tally::of(reader.bytes())?, &Style::of(reader)?);
        let symbols = Symbols::read(reader, scan, &tables)?;
        let frame = reader.frame()?;
        let blocks: Vec<u32> = frame
            .components
            .iter()
            .map(|c| c.sampling.iter().product())
            .collect();
        let mcus = [0, 1].map(|side| self.tile[side] / frame.mcu[side]);
        let mut scribe = Scribe::new();
        for row in 0..symbols.rows() {
            scribe.row(&symbols, row, &tables)?;
            scribe.pad(mcus[0] - frame.mcus[0], &blocks, &tables)?;
        }
        scribe.pad((mcus[1] - frame.mcus[1]) * mcus[0], &blocks, &tables)?;
        scribe.out.align();
        let head = Style::of(reader)?.head(self.tile, &tables, false);
        Ok([&head, scribe.out.bytes(), &[0xFF, 0xD9]].concat())
    }
}

/// The size of the tiles in the file. A single column or row need not be of any size, it is padded.
fn stored_size(grid: &Grid, mcu: [u32; 2]) -> Result<[u32; 2], Refusal> {
    let first = grid.cell([0, 0]).unwrap_or_default();
    let mut stored = first;
    for side in 0..2 {
        // Sides of tiles are multiples of 16 (TIFF 6.0, TileWidth), and here of whole MCUs.
        let multiple = (1..)
            .map(|n| 16 * n)
            .find(|n: &u32| n.is_multiple_of(mcu[side]))
            .unwrap_or(16);
        if grid.count()[side] == 1 {
            stored[side] = first[side].next_multiple_of(multiple);
        }
        if !stored[side].is_multiple_of(multiple) {
            return Err(Refusal::Misfit(format!(
                "tiles of {} x {} pixels, in a TIFF {} is to be a multiple of {multiple}",
                first[0], first[1], first[side]
            )));
        }
    }
    match *grid == Grid::even(grid.size(), first)? {
        true => Ok(stored),
        false => Err(Refusal::Misfit(
            "tiles of several sizes, in a TIFF all have one".into(),
        )),
    }
}

/// What TIFF calls the colours.
fn photometric(style: &Style) -> Result<u16, Refusal> {
    let plain = |factors: &[u32; 2]| *factors == [1, 1];
    let others = style
        .components
        .iter()
        .skip(1)
        .all(|(_, factors)| plain(factors));
    let [across, down] = style.components[0].1;
    let known = others && [across, down].iter().all(|n| [1, 2, 4].contains(n));
    match style.colour() {
        Colour::Grey => Ok(1),
        Colour::Rgb if known && [across, down] == [1, 1] => Ok(2),
        Colour::YCbCr if known => Ok(6),
        Colour::Rgb | Colour::YCbCr => {
            Err(Refusal::Misfit("a sampling that TIFF does not know".into()))
        }
        // JPEGs have them inverted, and TIFF cannot say so.
        Colour::Cmyk | Colour::Ycck => Err(Refusal::Misfit("four colours, in a TIFF".into())),
        Colour::Unknown => Err(Refusal::Misfit("two components, in a TIFF".into())),
    }
}

/// A JPEG of one scan without the segments of applications and comments, proven to be whole.
fn stripped(reader: &mut Reader, scan: &Scan) -> Result<Vec<u8>, Refusal> {
    let bytes = reader.bytes();
    let frame = reader.frame()?;
    let end = prove(bytes, frame, scan)?;
    reader.resume(end);
    if reader.next_scan()?.is_some() {
        return Err(Refusal::Misfit("a scan behind the one that has all".into()));
    }
    let height = (reader.frame()?.height as u16).to_be_bytes();
    let mut out = vec![0xFF, 0xD8];
    for (code, body) in reader.segments(scan.start)? {
        match code {
            0xE0..=0xEF | 0xFE => {}
            // The height may have been told behind the scan (DNL), which is left behind.
            0xC0..=0xC2 => segment(&mut out, code, &[&body[..1], &height, &body[3..]].concat()),
            _ => segment(&mut out, code, body),
        }
    }
    out.extend_from_slice(&bytes[scan.start..end]);
    out.extend([0xFF, 0xD9]);
    Ok(out)
}

/// Writes the file, tile by tile from left to right and from top to bottom.
pub struct Writer<'a, W> {
    plan: &'a Plan,
    out: BigTiff<W>,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
}

impl<'a, W: Write + Seek> Writer<'a, W> {
    /// Begins a file at the start of `out`.
    pub fn new(plan: &'a Plan, out: W) -> io::Result<Self> {
        Ok(Writer {
            plan,
            out: BigTiff::new(out)?,
            offsets: Vec::new(),
            lengths: Vec::new(),
        })
    }

    /// Writes the next tile.
    pub fn tile(&mut self, tile: &Tile) -> Result<(), Stop> {
        let [columns, rows] = self.plan.grid.count();
        let next = [self.offsets.len() % columns, self.offsets.len() / columns];
        if tile.cell != next || next[1] >= rows {
            let what = format!("tile {:?} where {next:?} is due", tile.cell);
            return Err(Refusal::Misfit(what).into());
        }
        self.offsets.push(self.out.write(&tile.bytes)?);
        self.lengths.push(tile.bytes.len() as u64);
        Ok(())
    }

    /// Writes the directory; gives the output back.
    pub fn finish(mut self) -> Result<W, Stop> {
        let [columns, rows] = self.plan.grid.count();
        if self.offsets.len() != columns * rows {
            let what = format!("{} of {} tiles", self.offsets.len(), columns * rows);
            return Err(Refusal::Misfit(what).into());
        }
        let plan = self.plan;
        let tiles = Tiles {
            size: plan.grid.size(),
            tile: plan.tile,
            photometric: plan.photometric,
            subsampling: plan.style.components[0].1.map(|n| n as u16),
            offsets: &self.offsets,
            lengths: &self.lengths,
        };
        let mut entries = tiles.entries();
        if let Some(icc) = &plan.style.icc {
            let value = (Kind::Undefined, icc.len() as u64, icc.clone());
            entries.push((34675, value));
        }
        self.out.directory(entries)?;
        Ok(self.out.into_inner())
    }
}
