//! What the header of a file tells a server, before the file is opened.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::large_jpeg::LEAST_PIXELS;
use crate::jpeg::index;
use crate::pixels::header::{self, Header, rotated_size};
use crate::pixels::jp2;
use crate::pixels::tiff::{self, Tiff, is_tiff};

/// What the header of a file says to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// `[width, height]` in pixels, upright.
    pub size: [u32; 2],
    /// Colour channels.
    pub channels: u8,
    /// The side of its tiles, where it is read tile by tile.
    pub tile: Option<u32>,
    /// Whether it is decoded by the part all the same.
    pub by_parts: bool,
}

/// Reads the header of a file. The error says why it cannot be served.
pub fn look(path: &Path) -> Result<Look, String> {
    if begins_as_tiff(path)? {
        tiff::refuse_packing(path)?;
        if let Ok(tiff) = Tiff::open(path) {
            let full = tiff.full();
            return Ok(Look {
                size: rotated_size(full.size, tiff.orientation),
                channels: full.channels,
                tile: is_read_by_tiles(&tiff).then(|| full.piece[0].max(full.piece[1])),
                by_parts: false,
            });
        }
    }
    if begins_as_jp2(path)? {
        return look_at_jp2(path);
    }
    let open = || File::open(path).map_err(|e| e.to_string());
    let header = header::measure_in(BufReader::new(open()?))?;
    let by_parts = may_be_plain(&header) && {
        // Scans begin within this, unless applications have a lot to say.
        const START: u64 = 1 << 18;
        let mut start = Vec::new();
        let read = open()?.take(START).read_to_end(&mut start);
        read.is_ok() && index::is_indexable(&start)
    };
    Ok(Look {
        size: rotated_size([header.width, header.height], header.orientation),
        channels: header.channels,
        tile: None,
        by_parts,
    })
}

/// Whether a file is worth an index. What is to be turned is decoded whole.
pub fn may_be_plain(header: &Header) -> bool {
    let pixels = u64::from(header.width) * u64::from(header.height);
    header.media_type == "image/jpeg" && header.orientation == 1 && pixels >= LEAST_PIXELS
}

fn look_at_jp2(path: &Path) -> Result<Look, String> {
    // Boxes before the codestream hold a profile at most, and what applications say.
    const START: u64 = 1 << 20;
    let mut start = Vec::new();
    let file = File::open(path).map_err(|e| e.to_string())?;
    let read = file.take(START).read_to_end(&mut start);
    read.map_err(|e| e.to_string())?;
    let (size, components) = jp2::measure(&start)?;
    Ok(Look {
        size,
        // Coefficients of 32 bits while it is decoded: four times its samples.
        channels: u8::try_from(components)
            .unwrap_or(u8::MAX)
            .saturating_mul(4),
        tile: None,
        by_parts: false,
    })
}

fn begins_as_jp2(path: &Path) -> Result<bool, String> {
    let mut start = [0; 12];
    let mut file = File::open(path).map_err(|e| e.to_string())?;
    Ok(file.read_exact(&mut start).is_ok() && jp2::is_jp2(&start))
}

pub fn begins_as_tiff(path: &Path) -> Result<bool, String> {
    let mut start = [0; 4];
    let mut file = File::open(path).map_err(|e| e.to_string())?;
    Ok(file.read_exact(&mut start).is_ok() && is_tiff(&start))
}

/// Tiles that would have to be turned are decoded whole.
pub fn is_read_by_tiles(tiff: &Tiff) -> bool {
    tiff.full().is_tiled && tiff.orientation == 1
}
