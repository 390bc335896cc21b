//! Tiles become one JPEG, a row of tiles in memory at a time.

use std::io::{self, Write};

use crate::fault::Refusal;
use crate::style::Style;
use crate::transcode::{Scribe, Symbols, Tables, Tally, is_plain, open};

/// The longest side of a JPEG that readers take: libjpeg stops there (the format's own limit is 65,535).
pub const LONGEST: u32 = 65_500;

/// How tiles lie: the widths of the columns and the heights of the rows, in pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    columns: Vec<u32>,
    rows: Vec<u32>,
}

impl Grid {
    /// A grid of at least one cell, none of them empty.
    pub fn new(columns: Vec<u32>, rows: Vec<u32>) -> Result<Grid, Refusal> {
        let total = |sides: &[u32]| {
            sides
                .iter()
                .try_fold(0u32, |sum, &side| sum.checked_add(side))
        };
        let fine =
            |sides: &[u32]| !sides.is_empty() && !sides.contains(&0) && total(sides).is_some();
        match fine(&columns) && fine(&rows) {
            true => Ok(Grid { columns, rows }),
            false => Err(Refusal::Misfit("a grid without cells".into())),
        }
    }

    /// The cells of `tile` pixels that cover `size` pixels; those at the right and bottom edge are smaller.
    pub fn even(size: [u32; 2], tile: [u32; 2]) -> Result<Grid, Refusal> {
        let cut = |whole: u32, part: u32| {
            (0..whole)
                .step_by(part.max(1) as usize)
                .map(|at| part.min(whole - at))
                .collect()
        };
        Grid::new(cut(size[0], tile[0]), cut(size[1], tile[1]))
    }

    /// Size of the picture in pixels.
    pub fn size(&self) -> [u32; 2] {
        [self.columns.iter().sum(), self.rows.iter().sum()]
    }

    /// Columns and rows.
    pub fn count(&self) -> [usize; 2] {
        [self.columns.len(), self.rows.len()]
    }

    /// Size of a cell in pixels, by column and row.
    pub fn cell(&self, [column, row]: [usize; 2]) -> Option<[u32; 2]> {
        Some([*self.columns.get(column)?, *self.rows.get(row)?])
    }

    /// Whether a tile of this size has the size of its cell.
    pub(super) fn admits(&self, cell: [usize; 2], size: [u32; 2]) -> Result<(), Refusal> {
        match self.cell(cell) {
            Some(wanted) if wanted == size => Ok(()),
            Some(wanted) => Err(Refusal::Misfit(format!(
                "size differs: {} x {} pixels instead of {} x {}",
                size[0], size[1], wanted[0], wanted[1]
            ))),
            None => Err(Refusal::Misfit(format!("no cell {cell:?} in the grid"))),
        }
    }

    /// Some cells, spread over the picture, whose tiles show what Huffman tables are good for all of them: an eighth,
    /// but no fewer than 4 and no more than 32 if there are as many. Always the same.
    pub fn sample(&self) -> Vec<[usize; 2]> {
        let [columns, rows] = self.count();
        let count = (columns * rows / 8).clamp(4, 32).min(columns * rows);
        // Multiples of the golden ratio fall evenly whatever the number of columns.
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

/// What is settled before the first tile is written. Threads share it to read tiles.
#[derive(Clone, Debug)]
pub struct Plan {
    grid: Grid,
    style: Style,
    tables: Tables,
}

/// A tile that fits its cell, its symbols coded anew.
#[derive(Clone, Debug)]
pub struct Tile {
    cell: [usize; 2],
    symbols: Symbols,
    is_plain: bool,
}

impl Tile {
    /// Whether its symbols were coded anew as they came, without its coefficients being put together first.
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }
}

/// Why a band was not written.
#[derive(Debug)]
pub enum Stop {
    /// The tiles do not go together; what was written so far is of no use.
    Refused(Refusal),
    /// The output failed.
    Output(io::Error),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Stop::Refused(refusal)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Stop::Output(error)
    }
}

impl Plan {
    /// A picture in the style of its first tile, with Huffman tables for what was counted in a sample.
    pub fn new(grid: Grid, first: &[u8], tally: &Tally) -> Result<Plan, Refusal> {
        let [width, height] = grid.size();
        if width > LONGEST || height > LONGEST {
            return Err(Refusal::TooLarge(format!(
                "{width} x {height} pixels, a side is at most {LONGEST}"
            )));
        }
        let style = Style::read(first)?;
        fits(&grid, &style)?;
        let tables = Tables::new(tally, &style);
        Ok(Plan {
            grid,
            style,
            tables,
        })
    }

    /// Reads the tile of a cell, by column and row.
    pub fn tile(&self, cell: [usize; 2], bytes: &[u8]) -> Result<Tile, Refusal> {
        let (mut reader, scan) = open(bytes)?;
        let frame = reader.frame()?;
        self.grid.admits(cell, [frame.width, frame.height])?;
        let is_plain = is_plain(frame, &scan);
        let symbols = Symbols::read(&mut reader, scan, &self.tables)?;
        self.style.accepts(&Style::of(&reader)?)?;
        Ok(Tile {
            cell,
            symbols,
            is_plain,
        })
    }

    /// The bytes before the first band.
    pub fn head(&self) -> Vec<u8> {
        self.style.head(self.grid.size(), &self.tables, true)
    }
}

/// Tiles can be joined where they end with a whole MCU; the last ones end where the picture does.
fn fits(grid: &Grid, style: &Style) -> Result<(), Refusal> {
    let sides = [(&grid.columns, "wide"), (&grid.rows, "high")];
    for ((lengths, word), mcu) in sides.into_iter().zip(style.mcu()) {
        let inner = &lengths[..lengths.len() - 1];
        if let Some(length) = inner.iter().find(|&&length| length % mcu != 0) {
            return Err(Refusal::Misfit(format!(
                "tiles {length} pixels {word}, which is no multiple of {mcu}"
            )));
        }
    }
    Ok(())
}

/// Joins tiles, from top to bottom.
#[derive(Debug)]
pub struct Stitcher<'a> {
    plan: &'a Plan,
    scribe: Scribe,
    row: usize,
}

impl<'a> Stitcher<'a> {
    /// Before the first band. [`Plan::head`] is for the caller to write.
    pub fn new(plan: &'a Plan) -> Self {
        Stitcher {
            plan,
            scribe: Scribe::new(),
            row: 0,
        }
    }

    /// Writes the next row of tiles, which are given from left to right.
    pub fn band(&mut self, tiles: &[Tile], out: &mut impl Write) -> Result<(), Stop> {
        let wanted = (0..self.plan.grid.columns.len()).map(|column| [column, self.row]);
        if !tiles.iter().map(|tile| tile.cell).eq(wanted) {
            let what = format!("other tiles than those of row {}", self.row);
            return Err(Refusal::Misfit(what).into());
        }
        for row in 0..tiles[0].symbols.rows() {
            for tile in tiles {
                self.scribe.row(&tile.symbols, row, &self.plan.tables)?;
            }
            self.flush(out)?;
        }
        self.row += 1;
        Ok(())
    }

    /// Writes what comes behind the last band.
    pub fn finish(mut self, out: &mut impl Write) -> Result<(), Stop> {
        if self.row != self.plan.grid.rows.len() {
            let what = format!("the rows of tiles from {} on are missing", self.row);
            return Err(Refusal::Misfit(what).into());
        }
        self.scribe.out.align();
        self.flush(out)?;
        Ok(out.write_all(&[0xFF, 0xD9])?)
    }

    fn flush(&mut self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(self.scribe.out.bytes())?;
        self.scribe.out.drain();
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
        let plan = Plan::new(grid.clone(), &bytes([0, 0]), &Tally::default()).unwrap();
        let mut out = plan.head();
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
        let plan = Plan::new(grid, &bytes, &Tally::default()).unwrap();
        let row = |row| [0, 1].map(|column| plan.tile([column, row], &bytes).unwrap());
        let mut out = Vec::new();
        let words = |stopped: Result<(), Stop>| match stopped.unwrap_err() {
            Stop::Refused(refusal) => refusal.to_string(),
            Stop::Output(error) => error.to_string(),
        };
        let mut stitcher = Stitcher::new(&plan);
        let first = stitcher.band(&row(1), &mut out);
        assert_eq!(words(first), "other tiles than those of row 0");
        assert_eq!(
            words(stitcher.band(&row(0)[..1], &mut out)),
            "other tiles than those of row 0"
        );
        stitcher.band(&row(0), &mut out).unwrap();
        assert_eq!(
            words(stitcher.finish(&mut out)),
            "the rows of tiles from 1 on are missing"
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
