//! Regions decoded and joined into rows of pixels: one row of regions at a time, a few rows of pixels in memory.

use std::io::{self, Read, Seek, SeekFrom, Write};

use rayon::prelude::*;

use super::grid::{Rect, cells};
use super::region_store::{RegionStore, ScratchFile};
use crate::pixels::{self, row_writers::Rows};

/// The image that the regions of a store make up. The samples of one row of regions lie in a file beside the store: a
/// wide image has more of them than memory should hold.
pub struct Mosaic<'a> {
    store: &'a RegionStore,
    channels: u8,
    icc: Option<Vec<u8>>,
    samples: ScratchFile,
    /// Some rows of the image, interleaved samples of 8 bits.
    slice: Vec<u8>,
    next: u32,
}

/// Rows of the image in memory at a time.
const SLICE: u32 = 32;

impl<'a> Mosaic<'a> {
    /// The image of a store that has all regions of its plan.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn new(store: &'a RegionStore) -> io::Result<Self> {
        let channels = if store.channels() <= 2 { 1 } else { 3 };
        let icc = icc_of_all(store, channels)?;
        Ok(Mosaic {
            store,
            channels,
            icc,
            samples: store.scratch()?,
            slice: Vec::new(),
            next: 0,
        })
    }

    /// The row of cells that starts at `top`.
    fn cells(&self, top: u32) -> Vec<Rect> {
        let plan = self.store.plan();
        let height = plan.tile[1].min(plan.size[1] - top);
        let [left, above] = plan.origin;
        cells([left, above + top], [plan.size[0], height], plan.tile).collect()
    }

    /// Decodes the row of cells that starts at `top`, as many at a time as there are threads.
    fn decode(&mut self, top: u32) -> io::Result<()> {
        self.samples.file.rewind()?;
        let (store, channels) = (self.store, self.channels);
        for some in self.cells(top).chunks(rayon::current_num_threads()) {
            let decoded: Vec<Vec<u8>> = some
                .par_iter()
                .map(|&cell| decode(store, cell, channels))
                .collect::<Result<_, _>>()?;
            for samples in decoded {
                self.samples.file.write_all(&samples)?;
            }
        }
        Ok(())
    }

    /// Reads some rows into memory, from row `first` on of the cells that start at `top`.
    fn take(&mut self, top: u32, first: u32) -> io::Result<()> {
        let channels = usize::from(self.channels);
        let line = self.store.plan().size[0] as usize * channels;
        let (mut left, mut start, mut part) = (0, 0, Vec::new());
        for cell in self.cells(top) {
            let width = cell.width as usize * channels;
            let rows = SLICE.min(cell.height - first) as usize;
            self.slice.resize(line * rows, 0);
            part.resize(width * rows, 0);
            let at = start + u64::from(first) * width as u64;
            self.samples.file.seek(SeekFrom::Start(at))?;
            self.samples.file.read_exact(&mut part)?;
            for (to, from) in self
                .slice
                .chunks_exact_mut(line)
                .zip(part.chunks_exact(width))
            {
                to[left..][..width].copy_from_slice(from);
            }
            left += width;
            start += u64::from(cell.height) * width as u64;
        }
        Ok(())
    }
}

/// The colour profile of all regions; none where they differ.
fn icc_of_all(store: &RegionStore, channels: u8) -> io::Result<Option<Vec<u8>>> {
    let plan = store.plan();
    let mut of_first = None;
    for (i, cell) in cells(plan.origin, plan.size, plan.tile).enumerate() {
        let icc = pixels::icc(&store.read(cell)?, channels);
        match i {
            // Most servers embed none: then there is nothing to compare.
            0 if icc.is_none() => return Ok(None),
            0 => of_first = icc,
            _ if icc != of_first => return Ok(None),
            _ => {}
        }
    }
    Ok(of_first)
}

fn decode(store: &RegionStore, cell: Rect, channels: u8) -> io::Result<Vec<u8>> {
    let fault = |what: String| {
        io::Error::other(format!(
            "region {},{},{},{}: {what}",
            cell.x, cell.y, cell.width, cell.height
        ))
    };
    let image = pixels::decode(
        &store.read(cell)?,
        u64::from(cell.width) * u64::from(cell.height),
    )
    .map_err(fault)?;
    if (image.width(), image.height()) != (cell.width, cell.height) {
        return Err(fault(format!(
            "is {} x {} pixels",
            image.width(),
            image.height()
        )));
    }
    Ok(match channels {
        1 => image.into_luma8().into_raw(),
        _ => image.into_rgb8().into_raw(),
    })
}

impl Rows for Mosaic<'_> {
    fn width(&self) -> u32 {
        self.store.plan().size[0]
    }
    fn height(&self) -> u32 {
        self.store.plan().size[1]
    }
    fn channels(&self) -> u8 {
        self.channels
    }
    fn icc(&self) -> Option<&[u8]> {
        self.icc.as_deref()
    }
    fn next_row(&mut self, row: &mut [u8]) -> io::Result<()> {
        let in_band = self.next % self.store.plan().tile[1];
        if in_band == 0 {
            self.decode(self.next)?;
        }
        let in_slice = in_band % SLICE;
        if in_slice == 0 {
            self.take(self.next - in_band, in_band)?;
        }
        row.copy_from_slice(&self.slice[in_slice as usize * row.len()..][..row.len()]);
        self.next += 1;
        Ok(())
    }
}
