//! A tiled BigTIFF of a picture and its smaller copies, JPEG tiles inside (TIFF 6.0 with Technical Note 2). Tiles come
//! in any order and are written as they are; the directories follow at the end.

use std::io::{self, Seek, Write};

use crate::bigtiff::{BigTiff, Tiles, long};

/// How the tiles of a level are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Grey.
    Grey,
    /// RGB as it is.
    Rgb,
    /// Luma and chroma; how many pixels to a sample of chroma, across and down.
    YCbCr([u16; 2]),
}

/// One size of the picture.
struct Level {
    size: [u32; 2],
    coding: Coding,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
}

/// Writes the file.
pub struct Pyramid<W> {
    out: BigTiff<W>,
    side: u32,
    levels: Vec<Level>,
}

impl<W: Write + Seek> Pyramid<W> {
    /// Begins a file at the start of `out`, whose tiles have `side` pixels a side, a multiple of 16.
    pub fn new(out: W, side: u32) -> io::Result<Self> {
        Ok(Pyramid {
            out: BigTiff::new(out)?,
            side,
            levels: Vec::new(),
        })
    }

    /// Adds a level of `[width, height]` pixels, the largest first; gives its number.
    pub fn level(&mut self, size: [u32; 2], coding: Coding) -> usize {
        let [across, down] = size.map(|side| side.div_ceil(self.side) as usize);
        self.levels.push(Level {
            size,
            coding,
            offsets: vec![0; across * down],
            lengths: vec![0; across * down],
        });
        self.levels.len() - 1
    }

    /// Writes the tile of a column and row, a JPEG of the full size.
    pub fn tile(&mut self, level: usize, [column, row]: [u32; 2], jpeg: &[u8]) -> io::Result<()> {
        let level = self.levels.get_mut(level).ok_or(io::ErrorKind::NotFound)?;
        let across = level.size[0].div_ceil(self.side) as usize;
        let place = row as usize * across + column as usize;
        let offset = level.offsets.get_mut(place);
        let offset = offset.ok_or(io::ErrorKind::NotFound)?;
        *offset = self.out.write(jpeg)?;
        level.lengths[place] = jpeg.len() as u64;
        Ok(())
    }

    /// Writes the directories; gives the output back.
    pub fn finish(mut self) -> io::Result<W> {
        if self.levels.iter().any(|level| level.offsets.contains(&0)) {
            return Err(io::Error::other("a tile of the pyramid is missing"));
        }
        for (number, level) in self.levels.iter().enumerate() {
            let (photometric, subsampling) = match level.coding {
                Coding::Grey => (1, [1, 1]),
                Coding::Rgb => (2, [1, 1]),
                Coding::YCbCr(subsampling) => (6, subsampling),
            };
            let tiles = Tiles {
                size: level.size,
                tile: [self.side; 2],
                photometric,
                subsampling,
                offsets: &level.offsets,
                lengths: &level.lengths,
            };
            // 1: a smaller copy of another picture in this file.
            let mut entries = vec![(254, long(u32::from(number > 0)))];
            entries.extend(tiles.entries());
            self.out.directory(entries)?;
        }
        Ok(self.out.into_inner())
    }
}
