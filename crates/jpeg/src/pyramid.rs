//! Writes a tiled BigTIFF of a picture and its smaller copies from JPEG tiles (TIFF 6.0 with Technical Note 2). Tiles may
//! come in any order and are copied as they are; the directories follow at the end.
//!
//! ```
//! use std::io::Cursor;
//! use recto_jpeg::pyramid::{Photometric, PyramidWriter};
//!
//! # let samples = vec![120; 64 * 64];
//! # let mut tile = Vec::new();
//! # jpeg_encoder::Encoder::new(&mut tile, 90).encode(&samples, 64, 64, jpeg_encoder::ColorType::Luma)?;
//! // `tile` is a grey JPEG of 64 x 64 pixels.
//! let mut file = PyramidWriter::new(Cursor::new(Vec::new()), 64)?;
//! let whole = file.level([100, 64], Photometric::Grey);
//! let half = file.level([50, 32], Photometric::Grey);
//! file.tile(whole, [0, 0], &tile)?;
//! file.tile(whole, [1, 0], &tile)?;
//! file.tile(half, [0, 0], &tile)?;
//! let bytes = file.finish()?.into_inner();
//! assert!(bytes.starts_with(b"II\x2B\0"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io::{self, Seek, Write};

pub use crate::bigtiff::Photometric;
use crate::bigtiff::{BigTiff, Tiles, long};

/// One size of the picture. The offset of a tile that is not written yet is 0.
#[derive(Debug)]
struct Level {
    size: [u32; 2],
    photometric: Photometric,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
}

/// Writes the file.
#[derive(Debug)]
pub struct PyramidWriter<W> {
    out: BigTiff<W>,
    side: u32,
    levels: Vec<Level>,
}

impl<W: Write + Seek> PyramidWriter<W> {
    /// Begins a file at the start of `out`, whose position must be 0. All tiles have `side` x `side` pixels; TIFF requires a
    /// multiple of 16.
    ///
    /// # Errors
    /// If writing fails, or if `side` is not a positive multiple of 16.
    pub fn new(out: W, side: u32) -> io::Result<Self> {
        if side == 0 || !side.is_multiple_of(16) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(PyramidWriter {
            out: BigTiff::new(out)?,
            side,
            levels: Vec::new(),
        })
    }

    /// Adds a level of `[width, height]` pixels, the largest first; returns its number.
    pub fn level(&mut self, size: [u32; 2], photometric: Photometric) -> usize {
        let [across, down] = size.map(|side| side.div_ceil(self.side) as usize);
        self.levels.push(Level {
            size,
            photometric,
            offsets: vec![0; across * down],
            lengths: vec![0; across * down],
        });
        self.levels.len() - 1
    }

    /// Writes the tile of a level at `[column, row]`: a JPEG of the full `side` x `side` pixels in the level's colours,
    /// which is not checked. Tiles at the right and bottom edge are padded to that size.
    ///
    /// # Errors
    /// If writing fails, or if there is no such level or tile.
    pub fn tile(&mut self, level: usize, [column, row]: [u32; 2], jpeg: &[u8]) -> io::Result<()> {
        let level = self.levels.get_mut(level).ok_or(io::ErrorKind::NotFound)?;
        let across = level.size[0].div_ceil(self.side) as usize;
        if column as usize >= across {
            return Err(io::ErrorKind::NotFound.into());
        }
        let place = row as usize * across + column as usize;
        let offset = level.offsets.get_mut(place);
        let offset = offset.ok_or(io::ErrorKind::NotFound)?;
        *offset = self.out.write(jpeg)?;
        level.lengths[place] = jpeg.len() as u64;
        Ok(())
    }

    /// Writes the directories; returns the output.
    ///
    /// # Errors
    /// If writing fails, or if a tile is missing.
    pub fn finish(mut self) -> io::Result<W> {
        if self.levels.iter().any(|level| level.offsets.contains(&0)) {
            return Err(io::Error::other("a tile of the pyramid is missing"));
        }
        for (number, level) in self.levels.iter().enumerate() {
            let tiles = Tiles {
                size: level.size,
                tile: [self.side; 2],
                photometric: level.photometric,
                offsets: &level.offsets,
                lengths: &level.lengths,
            };
            // NewSubfileType. 1: a reduced copy of another picture in this file.
            let mut entries = vec![(254, long(u32::from(number > 0)))];
            entries.extend(tiles.entries());
            self.out.directory(entries)?;
        }
        Ok(self.out.into_inner())
    }
}
