//! Joins JPEG tiles into a tiled BigTIFF that contains them as they are (TIFF 6.0 with its Technical Note 2; BigTIFF): for
//! pictures that are too large for a JPEG, and for tiles whose quantization tables differ.
//!
//! ```
//! use std::io::Cursor;
//! use recto_jpeg::{Grid, tiled::{TiffPlan, TiffWriter}};
//!
//! # let tile = |seed: u8| {
//! #     let mut bytes = Vec::new();
//! #     let samples: Vec<u8> = (0..64 * 64).map(|n| (n / 7) as u8 ^ seed).collect();
//! #     jpeg_encoder::Encoder::new(&mut bytes, 90).encode(&samples, 64, 64, jpeg_encoder::ColorType::Luma).map(|()| bytes)
//! # };
//! // Two JPEGs of 64 x 64 pixels, side by side.
//! let tiles = [tile(1)?, tile(2)?];
//! let plan = TiffPlan::new(Grid::even([128, 64], [64, 64])?, &tiles[0])?;
//! let mut writer = TiffWriter::new(&plan, Cursor::new(Vec::new()))?;
//! for (column, bytes) in tiles.iter().enumerate() {
//!     writer.tile(&plan.tile([column, 0], bytes)?)?;
//! }
//! let tiff = writer.finish()?.into_inner();
//! assert!(tiff.starts_with(b"II\x2B\0"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io::{self, Seek, Write};

use crate::bigtiff::{BigTiff, Kind, Photometric, Tiles};
use crate::error::{JoinError, WriteError};
use crate::format::{Colour, Format};
use crate::header::{header, write_segment};
use crate::markers::{Reader, Scan, is_single_scan, open};
use crate::scan_check::check_scan;
use crate::stitch::Grid;
use crate::transcode::{EncodingTables, ScanWriter, SymbolCounts, Symbols};

/// What is decided before the first tile is written. Threads can share it to read tiles in parallel.
#[derive(Clone, Debug)]
pub struct TiffPlan {
    grid: Grid,
    /// `[width, height]` of all tiles as they are stored.
    tile: [u32; 2],
    format: Format,
    photometric: Photometric,
}

/// A tile as it is stored: a JPEG of the full size, without application segments.
#[derive(Clone, Debug)]
pub struct TiffTile {
    cell: [usize; 2],
    bytes: Vec<u8>,
}

impl TiffPlan {
    /// Plans a picture with the components, sampling factors, colours and ICC profile of its `first` tile; quantization
    /// tables may differ.
    ///
    /// # Errors
    /// [`JoinError::Jpeg`] if the tile is not a JPEG of a supported kind; [`JoinError::Incompatible`] if a TIFF cannot
    /// hold such tiles: cells of several sizes, sides that are not multiples of 16 pixels and of whole MCUs (unless
    /// there is only one column or row), two or four components, or a sampling that TIFF does not define.
    pub fn new(grid: Grid, first: &[u8]) -> Result<TiffPlan, JoinError> {
        let format = Format::read(first)?;
        let tile = stored_size(&grid, format.mcu())?;
        let photometric = photometric(&format)?;
        Ok(TiffPlan {
            grid,
            tile,
            format,
            photometric,
        })
    }

    /// Reads the tile of the cell `[column, row]`, given as the bytes of a whole JPEG, and proves it complete.
    ///
    /// A tile of the full size that is a single sequential scan is copied. One at an edge is padded to the full size, and
    /// one of several scans becomes a single scan; its coefficients do not change, its Huffman tables do.
    ///
    /// # Errors
    /// As [`Plan::tile`](crate::Plan::tile), except that quantization tables may differ.
    pub fn tile(&self, cell: [usize; 2], bytes: &[u8]) -> Result<TiffTile, JoinError> {
        let (mut reader, scan) = open(bytes)?;
        let frame = reader.frame()?;
        self.grid.check_size(cell, [frame.width, frame.height])?;
        let complete = [frame.width, frame.height] == self.tile;
        // Readers of TIFF need not supply the standard tables where a tile has none.
        let bytes = match complete && is_single_scan(frame, &scan) && reader.has_tables() {
            true => stripped(&mut reader, &scan)?,
            false => self.recoded(&mut reader, scan)?,
        };
        self.check_compatible(&reader)?;
        Ok(TiffTile { cell, bytes })
    }

    fn check_compatible(&self, reader: &Reader) -> Result<(), JoinError> {
        match self.format.check_compatible(&Format::of(reader)?) {
            Ok(()) | Err(JoinError::Quantization(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn recoded(&self, reader: &mut Reader, scan: Scan) -> Result<Vec<u8>, JoinError> {
        // Optimal tables for each such tile: there are few.
        let tables = EncodingTables::new(&SymbolCounts::of(reader.bytes())?, &Format::of(reader)?);
        let symbols = Symbols::read(reader, scan, &tables)?;
        // With other MCUs than those of the plan, padding would be computed wrongly.
        self.check_compatible(reader)?;
        let frame = reader.frame()?;
        let blocks: Vec<u32> = frame
            .components
            .iter()
            .map(|c| c.sampling.iter().product())
            .collect();
        let mcus = [0, 1].map(|side| self.tile[side] / frame.mcu[side]);
        let mut writer = ScanWriter::new();
        for row in 0..symbols.rows() {
            writer.row(&symbols, row, &tables)?;
            writer.pad(mcus[0] - frame.mcus[0], &blocks, &tables)?;
        }
        writer.pad((mcus[1] - frame.mcus[1]) * mcus[0], &blocks, &tables)?;
        writer.out.align();
        let header = header(&Format::of(reader)?, self.tile, &tables, false);
        Ok([&header, writer.out.bytes(), &[0xFF, 0xD9]].concat())
    }
}

/// `[width, height]` of the tiles in the file. A single column or row may have any size: it is padded.
fn stored_size(grid: &Grid, mcu: [u32; 2]) -> Result<[u32; 2], JoinError> {
    let first = grid.cell([0, 0]).unwrap_or_default();
    let mut stored = first;
    for side in 0..2 {
        // Sides of tiles must be multiples of 16 (TIFF 6.0, TileWidth), and here of whole MCUs.
        let multiple = (1..)
            .map(|n| 16 * n)
            .find(|n: &u32| n.is_multiple_of(mcu[side]))
            .unwrap_or(16);
        if grid.count()[side] == 1 {
            stored[side] = first[side].next_multiple_of(multiple);
        }
        if !stored[side].is_multiple_of(multiple) {
            return Err(JoinError::Incompatible(format!(
                "tiles of {} x {} pixels; in a TIFF {} must be a multiple of {multiple}",
                first[0], first[1], first[side]
            )));
        }
    }
    match *grid == Grid::even(grid.size(), first)? {
        true => Ok(stored),
        false => Err(JoinError::Incompatible(
            "tiles of several sizes; in a TIFF all have the same".into(),
        )),
    }
}

/// What the components are in TIFF.
fn photometric(format: &Format) -> Result<Photometric, JoinError> {
    let plain = |factors: &[u32; 2]| *factors == [1, 1];
    let others = format
        .components
        .iter()
        .skip(1)
        .all(|(_, factors)| plain(factors));
    let [across, down] = format.components[0].1;
    let known = others && [across, down].iter().all(|n| [1, 2, 4].contains(n));
    match format.colour() {
        Colour::Grey => Ok(Photometric::Grey),
        Colour::Rgb if known && [across, down] == [1, 1] => Ok(Photometric::Rgb),
        Colour::YCbCr if known => Ok(Photometric::YCbCr([across as u16, down as u16])),
        Colour::Rgb | Colour::YCbCr => Err(JoinError::Incompatible(
            "sampling factors that TIFF does not define".into(),
        )),
        // JPEGs store inks inverted, which TIFF cannot express.
        Colour::Cmyk | Colour::Ycck => Err(JoinError::Incompatible(
            "four components, which a TIFF cannot hold".into(),
        )),
        Colour::Unknown => Err(JoinError::Incompatible(
            "two components, which a TIFF cannot hold".into(),
        )),
    }
}

/// A JPEG of one scan without application segments and comments, proven complete.
fn stripped(reader: &mut Reader, scan: &Scan) -> Result<Vec<u8>, JoinError> {
    let bytes = reader.bytes();
    let frame = reader.frame()?;
    let end = check_scan(bytes, frame, scan)?;
    reader.resume(end);
    if reader.next_scan()?.is_some() {
        return Err(JoinError::Incompatible(
            "another scan after the one that has all components".into(),
        ));
    }
    let height = (reader.frame()?.height as u16).to_be_bytes();
    let mut out = vec![0xFF, 0xD8];
    for (code, body) in reader.segments(scan.start)? {
        match code {
            // The height may have been given after the scan (DNL), which is not copied.
            0xC0..=0xC2 => {
                write_segment(&mut out, code, &[&body[..1], &height, &body[3..]].concat())
            }
            // Some encoders leave Ss, Se, Ah and Al unset, which not all decoders accept; a sequential scan has only
            // these (B.2.3).
            0xDA => write_segment(
                &mut out,
                code,
                &[&body[..body.len() - 3], &[0, 63, 0]].concat(),
            ),
            0xDB | 0xC4 | 0xDD => write_segment(&mut out, code, body),
            // Application segments and comments, and what has no meaning here.
            _ => {}
        }
    }
    out.extend_from_slice(&bytes[scan.start..end]);
    out.extend([0xFF, 0xD9]);
    Ok(out)
}

/// Writes the file, tile by tile from left to right and from top to bottom.
#[derive(Debug)]
pub struct TiffWriter<'a, W> {
    plan: &'a TiffPlan,
    out: BigTiff<W>,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
}

impl<'a, W: Write + Seek> TiffWriter<'a, W> {
    /// Begins a file at the start of `out`, whose position must be 0.
    ///
    /// # Errors
    /// If writing fails.
    pub fn new(plan: &'a TiffPlan, out: W) -> io::Result<Self> {
        Ok(TiffWriter {
            plan,
            out: BigTiff::new(out)?,
            offsets: Vec::new(),
            lengths: Vec::new(),
        })
    }

    /// Writes the next tile.
    ///
    /// # Errors
    /// [`WriteError::Join`] if it is not the next one; [`WriteError::Output`] if writing fails.
    pub fn tile(&mut self, tile: &TiffTile) -> Result<(), WriteError> {
        let [columns, rows] = self.plan.grid.count();
        let next = [self.offsets.len() % columns, self.offsets.len() / columns];
        if tile.cell != next || next[1] >= rows {
            let what = format!("tile {:?} instead of {next:?}", tile.cell);
            return Err(JoinError::Incompatible(what).into());
        }
        self.offsets.push(self.out.write(&tile.bytes)?);
        self.lengths.push(tile.bytes.len() as u64);
        Ok(())
    }

    /// Writes the directory; returns the output.
    ///
    /// # Errors
    /// [`WriteError::Join`] if tiles are missing; [`WriteError::Output`] if writing fails.
    pub fn finish(mut self) -> Result<W, WriteError> {
        let [columns, rows] = self.plan.grid.count();
        if self.offsets.len() != columns * rows {
            let what = format!("only {} of {} tiles", self.offsets.len(), columns * rows);
            return Err(JoinError::Incompatible(what).into());
        }
        let plan = self.plan;
        let tiles = Tiles {
            size: plan.grid.size(),
            tile: plan.tile,
            photometric: plan.photometric,
            offsets: &self.offsets,
            lengths: &self.lengths,
        };
        let mut entries = tiles.entries();
        if let Some(icc) = &plan.format.icc {
            let value = (Kind::Undefined, icc.len() as u64, icc.clone());
            entries.push((34675, value)); // InterColorProfile
        }
        self.out.directory(entries)?;
        Ok(self.out.into_inner())
    }
}
