//! Tiles become one JPEG, a row of tiles in memory at a time.

use std::io::{self, Write};

use super::fault::Refusal;
use super::style::Style;
use super::transcode::{Scribe, Symbols, Tables, Tally, open};

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
        let symbols = Symbols::read(&mut reader, scan, &self.tables)?;
        self.style.accepts(&Style::of(&reader)?)?;
        Ok(Tile { cell, symbols })
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
