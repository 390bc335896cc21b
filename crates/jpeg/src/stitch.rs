//! Joins tiles into one JPEG, with one row of tiles in memory at a time.

use std::io::{self, Write};

use crate::error::{JoinError, WriteError};
use crate::format::Format;
use crate::header::header;
use crate::markers::{is_single_scan, open};
use crate::transcode::{EncodingTables, ScanWriter, SymbolCounts, Symbols};

/// The longest side of a joined JPEG, in pixels: libjpeg reads none that are longer (the limit of the format is 65,535).
pub const MAX_SIDE: u32 = 65_500;

/// How tiles are arranged: the widths of the columns and the heights of the rows, in pixels.
///
/// ```
/// let grid = recto_jpeg::Grid::even([1000, 600], [512, 512])?;
/// assert_eq!(grid.count(), [2, 2]);
/// assert_eq!(grid.cell([1, 0]), Some([488, 512]));
/// # Ok::<(), recto_jpeg::JoinError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    columns: Vec<u32>,
    rows: Vec<u32>,
}

impl Grid {
    /// A grid with columns of these widths and rows of these heights.
    ///
    /// # Errors
    /// [`JoinError::Incompatible`] if there are no columns or rows, if one of them is 0, or if their sum exceeds `u32`.
    pub fn new(columns: Vec<u32>, rows: Vec<u32>) -> Result<Grid, JoinError> {
        let total = |sides: &[u32]| {
            sides
                .iter()
                .try_fold(0u32, |sum, &side| sum.checked_add(side))
        };
        let fine =
            |sides: &[u32]| !sides.is_empty() && !sides.contains(&0) && total(sides).is_some();
        match fine(&columns) && fine(&rows) {
            true => Ok(Grid { columns, rows }),
            false => Err(JoinError::Incompatible(
                "a grid without cells or with empty ones".into(),
            )),
        }
    }

    /// A grid of cells of `tile` pixels (`[width, height]`) that cover `size` pixels; those at the right and bottom edge
    /// may be smaller.
    ///
    /// # Errors
    /// [`JoinError::Incompatible`] if a side of `size` is 0.
    pub fn even(size: [u32; 2], tile: [u32; 2]) -> Result<Grid, JoinError> {
        let cut = |whole: u32, part: u32| {
            (0..whole)
                .step_by(part.max(1) as usize)
                .map(|at| part.min(whole - at))
                .collect()
        };
        Grid::new(cut(size[0], tile[0]), cut(size[1], tile[1]))
    }

    /// `[width, height]` of the picture in pixels.
    pub fn size(&self) -> [u32; 2] {
        [self.columns.iter().sum(), self.rows.iter().sum()]
    }

    /// Number of `[columns, rows]`.
    pub fn count(&self) -> [usize; 2] {
        [self.columns.len(), self.rows.len()]
    }

    /// `[width, height]` in pixels of the cell `[column, row]`, counted from 0 at the top left; `None` outside the grid.
    pub fn cell(&self, [column, row]: [usize; 2]) -> Option<[u32; 2]> {
        Some([*self.columns.get(column)?, *self.rows.get(row)?])
    }

    /// Fails unless a tile of this size has the size of its cell.
    pub(crate) fn check_size(&self, cell: [usize; 2], size: [u32; 2]) -> Result<(), JoinError> {
        match self.cell(cell) {
            Some(wanted) if wanted == size => Ok(()),
            Some(wanted) => Err(JoinError::Incompatible(format!(
                "size differs: {} x {} pixels instead of {} x {}",
                size[0], size[1], wanted[0], wanted[1]
            ))),
            None => Err(JoinError::Incompatible(format!(
                "no cell {cell:?} in the grid"
            ))),
        }
    }

    /// Some cells, spread over the picture, whose [`SymbolCounts`] lead to good Huffman tables for all tiles: an eighth of
    /// the cells, but at least 4 and at most 32 if there are that many. The same grid always gives the same cells.
    pub fn sample(&self) -> Vec<[usize; 2]> {
        let [columns, rows] = self.count();
        let count = (columns * rows / 8).clamp(4, 32).min(columns * rows);
        // Multiples of the golden ratio are spread evenly, whatever the number of columns.
        let golden = |i: usize| (i as u64 * 2_654_435_769) & 0xFFFF_FFFF;
        let cell = |i: usize| {
            [
                ((golden(i) * columns as u64) >> 32) as usize,
                i * rows / count,
            ]
        };
        let mut cells: Vec<_> = (0..count).map(cell).collect();
        cells.sort_by_key(|[column, row]| (*row, *column));
        cells.dedup();
        cells
    }
}

/// What is decided before the first tile is written: the header and the Huffman tables. Threads can share it to read
/// tiles in parallel.
#[derive(Clone, Debug)]
pub struct Plan {
    grid: Grid,
    format: Format,
    tables: EncodingTables,
}

/// A tile that fits its cell, with its symbols re-encoded. It needs about as much memory as its file.
#[derive(Clone, Debug)]
pub struct Tile {
    cell: [usize; 2],
    symbols: Symbols,
    is_single_scan: bool,
}

impl Tile {
    /// Whether the tile was a single sequential scan, whose symbols were re-encoded one by one. Otherwise (progressive, or
    /// one scan per component) its coefficients were restored first; they are the same in the joined picture.
    pub fn is_single_scan(&self) -> bool {
        self.is_single_scan
    }
}

impl Plan {
    /// Plans a picture with the components, quantization tables, colours and ICC profile of its `first` tile (the bytes of
    /// any of the tiles), and with Huffman tables that are optimal for `counts`, usually those of [`Grid::sample`].
    ///
    /// # Errors
    /// [`JoinError::TooLarge`] if a side of the picture exceeds [`MAX_SIDE`]; [`JoinError::Jpeg`] if the tile is not a
    /// JPEG of a supported kind; [`JoinError::Incompatible`] if cells other than the last end within an MCU.
    pub fn new(grid: Grid, first: &[u8], counts: &SymbolCounts) -> Result<Plan, JoinError> {
        let [width, height] = grid.size();
        if width > MAX_SIDE || height > MAX_SIDE {
            return Err(JoinError::TooLarge(format!(
                "{width} x {height} pixels, the limit is {MAX_SIDE} a side"
            )));
        }
        let format = Format::read(first)?;
        check_edges(&grid, &format)?;
        let tables = EncodingTables::new(counts, &format);
        Ok(Plan {
            grid,
            format,
            tables,
        })
    }

    /// Reads the tile of the cell `[column, row]`, given as the bytes of a whole JPEG, and proves it complete. Tiles may be
    /// read in any order and in parallel.
    ///
    /// Memory: about as many bytes as the tile has; for a tile that is not a single sequential scan 136 bytes per block
    /// (8 x 8 samples of a component) while it is read, at most 408 MiB.
    ///
    /// # Errors
    /// [`JoinError::Jpeg`] if it is damaged or of a kind that is not supported; [`JoinError::Quantization`] or
    /// [`JoinError::Incompatible`] if it differs from the first tile; the latter also if it does not fit the cell.
    pub fn tile(&self, cell: [usize; 2], bytes: &[u8]) -> Result<Tile, JoinError> {
        let (mut reader, scan) = open(bytes)?;
        let frame = reader.frame()?;
        self.grid.check_size(cell, [frame.width, frame.height])?;
        let is_single_scan = is_single_scan(frame, &scan);
        let symbols = Symbols::read(&mut reader, scan, &self.tables)?;
        self.format.check_compatible(&Format::of(&reader)?)?;
        Ok(Tile {
            cell,
            symbols,
            is_single_scan,
        })
    }

    /// The bytes of the joined picture before its first row of tiles: everything from SOI to the scan header.
    pub fn header(&self) -> Vec<u8> {
        header(&self.format, self.grid.size(), &self.tables, true)
    }
}

/// Fails if cells end within an MCU; the last ones may, as the picture ends there.
fn check_edges(grid: &Grid, format: &Format) -> Result<(), JoinError> {
    let sides = [(&grid.columns, "wide"), (&grid.rows, "high")];
    for ((lengths, word), mcu) in sides.into_iter().zip(format.mcu()) {
        let inner = &lengths[..lengths.len() - 1];
        if let Some(length) = inner.iter().find(|&&length| length % mcu != 0) {
            return Err(JoinError::Incompatible(format!(
                "tiles {length} pixels {word}, which is not a multiple of {mcu}"
            )));
        }
    }
    Ok(())
}

/// Joins tiles, row by row from top to bottom. In memory is the compressed data of one row of MCUs.
#[derive(Debug)]
pub struct Stitcher<'a> {
    plan: &'a Plan,
    writer: ScanWriter,
    row: usize,
}

impl<'a> Stitcher<'a> {
    /// A stitcher before the first row. The caller writes [`Plan::header`] first.
    pub fn new(plan: &'a Plan) -> Self {
        Stitcher {
            plan,
            writer: ScanWriter::new(),
            row: 0,
        }
    }

    /// Writes the next row of tiles, given from left to right. They must have been read with the plan of this stitcher:
    /// others were coded with other Huffman tables, which cannot be detected here.
    ///
    /// # Errors
    /// [`WriteError::Join`] if these are not the tiles of the next row, or if neighbouring tiles differ in brightness by
    /// more than a baseline JPEG can code; [`WriteError::Output`] if writing fails. What was written is then not a
    /// complete picture.
    pub fn band(&mut self, tiles: &[Tile], out: &mut impl Write) -> Result<(), WriteError> {
        let wanted = (0..self.plan.grid.columns.len()).map(|column| [column, self.row]);
        if !tiles.iter().map(|tile| tile.cell).eq(wanted) {
            let what = format!("not the tiles of row {}", self.row);
            return Err(JoinError::Incompatible(what).into());
        }
        let rows = tiles[0].symbols.rows();
        if tiles.iter().any(|tile| tile.symbols.rows() != rows) {
            return Err(JoinError::Incompatible("tiles of different plans".into()).into());
        }
        for row in 0..rows {
            for tile in tiles {
                self.writer.row(&tile.symbols, row, &self.plan.tables)?;
            }
            self.flush(out)?;
        }
        self.row += 1;
        Ok(())
    }

    /// Writes what comes after the last row: the end of the scan and EOI.
    ///
    /// # Errors
    /// [`WriteError::Join`] if rows are missing; [`WriteError::Output`] if writing fails.
    pub fn finish(mut self, out: &mut impl Write) -> Result<(), WriteError> {
        if self.row != self.plan.grid.rows.len() {
            let what = format!("rows of tiles are missing from row {} on", self.row);
            return Err(JoinError::Incompatible(what).into());
        }
        self.writer.out.align();
        self.flush(out)?;
        Ok(out.write_all(&[0xFF, 0xD9])?)
    }

    fn flush(&mut self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(self.writer.out.bytes())?;
        self.writer.out.drain();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coefficients::Coefficients;
    use crate::scan::Place;
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    fn tile(size: [u32; 2], seed: u32, progressive: bool) -> Vec<u8> {
        let value = |i: u32| (i.wrapping_mul(seed * 2 + 2_654_435_769) >> (16 + i / 900 % 9)) as u8;
        let samples: Vec<u8> = (0..size[0] * size[1] * 3).map(value).collect();
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, 90);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.set_progressive(progressive);
        let [width, height] = size.map(|n| n as u16);
        encoder
            .encode(&samples, width, height, ColorType::Rgb)
            .unwrap();
        out
    }

    fn coefficients(bytes: &[u8]) -> (Coefficients, Vec<[u32; 2]>) {
        let (mut reader, scan) = open(bytes).unwrap();
        let all = Coefficients::read(&mut reader, scan).unwrap();
        let components = &reader.frame().unwrap().components;
        (all, components.iter().map(|c| c.blocks).collect())
    }

    #[test]
    fn every_coefficient_of_every_tile_is_where_it_belongs() {
        let grid = Grid::new(vec![48, 32, 21], vec![16, 32, 9]).unwrap();
        let cells: Vec<_> = (0..3)
            .flat_map(|row| (0..3).map(move |c| [c, row]))
            .collect();
        let bytes = |cell: [usize; 2]| {
            let number = (cell[0] + 3 * cell[1]) as u32;
            tile(grid.cell(cell).unwrap(), number, number % 2 == 1)
        };
        let plan = Plan::new(grid.clone(), &bytes([0, 0]), &SymbolCounts::default()).unwrap();
        let mut out = plan.header();
        let mut stitcher = Stitcher::new(&plan);
        for row in cells.chunks(3) {
            let tiles: Vec<_> = row
                .iter()
                .map(|&c| plan.tile(c, &bytes(c)).unwrap())
                .collect();
            stitcher.band(&tiles, &mut out).unwrap();
        }
        stitcher.finish(&mut out).unwrap();
        let (joined, sizes) = coefficients(&out);
        let mut compared = 0;
        for &[column, row] in &cells {
            let (alone, blocks) = coefficients(&bytes([column, row]));
            let left: u32 = grid.columns[..column].iter().sum();
            let top: u32 = grid.rows[..row].iter().sum();
            for (component, &[wide, high]) in blocks.iter().enumerate() {
                let per_block = if component == 0 { 8 } else { 16 };
                for (y, x) in (0..high).flat_map(|y| (0..wide).map(move |x| (y, x))) {
                    let at = |column, row| Place {
                        component,
                        column,
                        row,
                    };
                    let place = at(left / per_block + x, top / per_block + y);
                    assert_eq!(joined.block(place), alone.block(at(x, y)), "{place:?}");
                    compared += 1;
                }
            }
        }
        let blocks: u32 = sizes.iter().map(|[wide, high]| wide * high).sum();
        assert_eq!(compared, blocks);
    }

    #[test]
    fn bands_come_in_their_order_and_all_of_them() {
        let grid = Grid::even([32, 32], [16, 16]).unwrap();
        let bytes = tile([16, 16], 1, false);
        let plan = Plan::new(grid, &bytes, &SymbolCounts::default()).unwrap();
        let row = |row| [0, 1].map(|column| plan.tile([column, row], &bytes).unwrap());
        let mut out = Vec::new();
        let words = |result: Result<(), WriteError>| result.unwrap_err().to_string();
        let mut stitcher = Stitcher::new(&plan);
        let first = stitcher.band(&row(1), &mut out);
        assert_eq!(words(first), "not the tiles of row 0");
        assert_eq!(
            words(stitcher.band(&row(0)[..1], &mut out)),
            "not the tiles of row 0"
        );
        stitcher.band(&row(0), &mut out).unwrap();
        assert_eq!(
            words(stitcher.finish(&mut out)),
            "rows of tiles are missing from row 1 on"
        );
        assert!(plan.tile([2, 0], &bytes).is_err());
    }

    #[test]
    fn samples_are_spread_and_within() {
        for (columns, rows) in [(1, 1), (2, 1), (29, 22), (32, 32), (118, 79), (1, 500)] {
            let grid = Grid::even([columns * 8, rows * 8], [8, 8]).unwrap();
            let cells = grid.sample();
            assert!(cells.iter().all(|&cell| grid.cell(cell).is_some()));
            assert!(cells.len() <= 32 && !cells.is_empty());
            if columns > 20 {
                let distinct: std::collections::BTreeSet<_> = cells.iter().map(|c| c[0]).collect();
                assert!(distinct.len() > 15, "{columns} x {rows}: {cells:?}");
            }
        }
    }
}
