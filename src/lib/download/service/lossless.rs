//! Regions joined without decoding a pixel: into one JPEG, or as the tiles of a TIFF where a JPEG cannot hold them. One row
//! of regions is in memory at a time, compressed.

use std::io::{self, Seek, Write};

use rayon::prelude::*;

use super::grid::Rect;
use super::plan::RegionPlan;
use super::region_store::RegionStore;
use crate::jpeg::tiled::{TiffPlan, TiffWriter};
use crate::jpeg::{self, Grid, JoinError, Stitcher, SymbolCounts, WriteError};

/// How regions were joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// One JPEG, by the entropy-coded symbols of the regions.
    Jpeg,
    /// One JPEG, by the coefficients of regions that are progressive or in several scans.
    Coefficients,
    /// A tiled BigTIFF with the JPEGs inside.
    Tiff,
}

/// Whether a JPEG can hold an image of this size in pixels.
pub fn fits_jpeg(size: [u32; 2]) -> bool {
    size.iter().all(|&side| side <= jpeg::MAX_SIDE)
}

/// Joins the regions of a store that has all of its plan.
///
/// # Errors
/// [`WriteError::Join`] says why they cannot be joined; what was written until then is of no use. [`WriteError::Output`] is
/// the disk's.
pub fn join(
    store: &RegionStore,
    may_be_tiff: bool,
    out: &mut (impl Write + Seek),
) -> Result<Joined, WriteError> {
    let regions = Regions::of(store)?;
    match regions.to_jpeg(out) {
        Err(WriteError::Join(error)) if may_be_tiff && error.may_be_tiff() => {
            out.rewind()?;
            regions.to_tiff(out)
        }
        outcome => outcome,
    }
}

struct Regions<'a> {
    store: &'a RegionStore,
    grid: Grid,
}

impl<'a> Regions<'a> {
    fn of(store: &'a RegionStore) -> Result<Self, WriteError> {
        let RegionPlan { size, tile, .. } = *store.plan();
        let grid = Grid::even(size, tile)?;
        Ok(Regions { store, grid })
    }

    fn read(&self, [column, row]: [usize; 2]) -> io::Result<Vec<u8>> {
        let RegionPlan { origin, tile, .. } = *self.store.plan();
        let [width, height] = self.grid.cell([column, row]).unwrap_or_default();
        self.store.read(Rect {
            x: origin[0] + column as u32 * tile[0],
            y: origin[1] + row as u32 * tile[1],
            width,
            height,
        })
    }

    /// The tiles of a row, read in parallel.
    fn row<T: Send>(
        &self,
        row: usize,
        tile: impl Fn([usize; 2], &[u8]) -> Result<T, JoinError> + Sync,
    ) -> Result<Vec<T>, WriteError> {
        let columns = 0..self.grid.count()[0];
        let one = |column| Ok(tile([column, row], &self.read([column, row])?)?);
        columns.into_par_iter().map(one).collect()
    }

    fn to_jpeg(&self, out: &mut impl Write) -> Result<Joined, WriteError> {
        if !fits_jpeg(self.grid.size()) {
            return Err(JoinError::TooLarge("a side is too long for a JPEG".into()).into());
        }
        let mut counts = SymbolCounts::default();
        for cell in self.grid.sample() {
            counts.add(&SymbolCounts::of(&self.read(cell)?)?);
        }
        let plan = jpeg::Plan::new(self.grid.clone(), &self.read([0, 0])?, &counts)?;
        out.write_all(&plan.header())?;
        let mut stitcher = Stitcher::new(&plan);
        let mut is_single_scan = true;
        for row in 0..self.grid.count()[1] {
            let tiles = self.row(row, |cell, bytes| plan.tile(cell, bytes))?;
            is_single_scan &= tiles.iter().all(jpeg::Tile::is_single_scan);
            stitcher.band(&tiles, out)?;
        }
        stitcher.finish(out)?;
        Ok(match is_single_scan {
            true => Joined::Jpeg,
            false => Joined::Coefficients,
        })
    }

    fn to_tiff(&self, out: &mut (impl Write + Seek)) -> Result<Joined, WriteError> {
        let plan = TiffPlan::new(self.grid.clone(), &self.read([0, 0])?)?;
        let mut writer = TiffWriter::new(&plan, out)?;
        for row in 0..self.grid.count()[1] {
            for tile in &self.row(row, |cell, bytes| plan.tile(cell, bytes))? {
                writer.tile(tile)?;
            }
        }
        writer.finish()?;
        Ok(Joined::Tiff)
    }
}
