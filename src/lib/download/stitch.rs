//! Joins the regions of a pack into rows, one band of regions in memory at a time.

use std::io;

use rayon::prelude::*;

use super::cover::{Rect, cells};
use super::pack::Pack;
use crate::pixels::{self, write::Rows};

/// The picture that the regions of a pack make.
pub struct Mosaic<'a> {
    pack: &'a Pack,
    channels: u8,
    icc: Option<Vec<u8>>,
    band: Vec<u8>,
    next: u32,
}

impl<'a> Mosaic<'a> {
    /// A mosaic over a pack that holds every cell of its plan.
    pub fn new(pack: &'a Pack) -> io::Result<Self> {
        let channels = if pack.channels() <= 2 { 1 } else { 3 };
        let icc = icc_of_all(pack, channels)?;
        Ok(Mosaic {
            pack,
            channels,
            icc,
            band: Vec::new(),
            next: 0,
        })
    }

    /// Decodes the row of cells that starts at `top`.
    fn fill(&mut self, top: u32) -> io::Result<()> {
        let plan = self.pack.plan();
        let (channels, line) = (
            usize::from(self.channels),
            plan.size[0] as usize * usize::from(self.channels),
        );
        let height = plan.tile[1].min(plan.size[1] - top);
        let row: Vec<Rect> = cells(
            [plan.origin[0], plan.origin[1] + top],
            [plan.size[0], height],
            plan.tile,
        )
        .collect();
        let decoded: Vec<Vec<u8>> = row
            .par_iter()
            .map(|&cell| decode(self.pack, cell, self.channels))
            .collect::<Result<_, _>>()?;
        self.band.resize(line * height as usize, 0);
        for (cell, samples) in row.iter().zip(decoded) {
            let width = cell.width as usize * channels;
            let left = (cell.x - plan.origin[0]) as usize * channels;
            for (y, from) in samples.chunks_exact(width).enumerate() {
                self.band[y * line + left..][..width].copy_from_slice(from);
            }
        }
        Ok(())
    }
}

/// The colour profile that all regions have; none where they differ.
fn icc_of_all(pack: &Pack, channels: u8) -> io::Result<Option<Vec<u8>>> {
    let plan = pack.plan();
    let mut of_first = None;
    for (i, cell) in cells(plan.origin, plan.size, plan.tile).enumerate() {
        let icc = pixels::icc(&pack.read(cell)?, channels);
        match i {
            // Most have none: then there is nothing to compare.
            0 if icc.is_none() => return Ok(None),
            0 => of_first = icc,
            _ if icc != of_first => return Ok(None),
            _ => {}
        }
    }
    Ok(of_first)
}

fn decode(pack: &Pack, cell: Rect, channels: u8) -> io::Result<Vec<u8>> {
    let fault = |what: String| {
        io::Error::other(format!(
            "region {},{},{},{}: {what}",
            cell.x, cell.y, cell.width, cell.height
        ))
    };
    let image = pixels::decode(
        &pack.read(cell)?,
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
        self.pack.plan().size[0]
    }
    fn height(&self) -> u32 {
        self.pack.plan().size[1]
    }
    fn channels(&self) -> u8 {
        self.channels
    }
    fn icc(&self) -> Option<&[u8]> {
        self.icc.as_deref()
    }
    fn next_row(&mut self, row: &mut [u8]) -> io::Result<()> {
        let in_band = self.next % self.pack.plan().tile[1];
        if in_band == 0 {
            self.fill(self.next)?;
        }
        row.copy_from_slice(&self.band[in_band as usize * row.len()..][..row.len()]);
        self.next += 1;
        Ok(())
    }
}
