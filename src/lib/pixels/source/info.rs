//! What a server reads from the header of a file before it opens the file.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::large_jpeg::LEAST_PIXELS;
use crate::jpeg::index;
use crate::pixels::header::{self, Header, rotated_size};
use crate::pixels::jp2;
use crate::pixels::tiff::{self, Tiff, is_tiff};

/// What the header of a file declares, as far as a server needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceInfo {
    /// `[width, height]` in pixels, after EXIF orientation is applied.
    pub size: [u32; 2],
    /// Colour channels, as an estimate of memory.
    pub channels: u8,
    /// Side of its tiles in pixels, if it is read tile by tile.
    pub tile: Option<u32>,
    /// Whether it is decoded in parts although it is not tiled.
    pub by_parts: bool,
}

/// Reads the header of a file.
///
/// # Errors
/// The file cannot be served: why not.
pub fn inspect(path: &Path) -> Result<SourceInfo, String> {
    if begins_as_tiff(path)? {
        tiff::check_compression(path)?;
        if let Ok(tiff) = Tiff::open(path) {
            let full = tiff.full();
            return Ok(SourceInfo {
                size: rotated_size(full.size, tiff.orientation),
                channels: full.channels,
                tile: is_read_by_tiles(&tiff).then(|| full.piece[0].max(full.piece[1])),
                by_parts: false,
            });
        }
    }
    if begins_as_jp2(path)? {
        return inspect_jp2(path);
    }
    let open = || File::open(path).map_err(|e| e.to_string());
    let header = header::measure_in(BufReader::new(open()?))?;
    let by_parts = is_large_jpeg(&header) && {
        // Scans begin within this many bytes, unless there is a lot of metadata.
        const START: u64 = 1 << 18;
        let mut start = Vec::new();
        let read = open()?.take(START).read_to_end(&mut start);
        read.is_ok() && index::is_indexable(&start)
    };
    Ok(SourceInfo {
        size: rotated_size([header.width, header.height], header.orientation),
        channels: header.channels,
        tile: None,
        by_parts,
    })
}

/// Whether it is worth to index a file. Images with EXIF orientation are decoded as a whole.
pub fn is_large_jpeg(header: &Header) -> bool {
    let pixels = u64::from(header.width) * u64::from(header.height);
    header.media_type == "image/jpeg" && header.orientation == 1 && pixels >= LEAST_PIXELS
}

fn inspect_jp2(path: &Path) -> Result<SourceInfo, String> {
    // Boxes before the codestream hold at most a profile and metadata.
    const START: u64 = 1 << 20;
    let mut start = Vec::new();
    let file = File::open(path).map_err(|e| e.to_string())?;
    let read = file.take(START).read_to_end(&mut start);
    read.map_err(|e| e.to_string())?;
    let (size, components) = jp2::measure(&start)?;
    Ok(SourceInfo {
        size,
        // The decoder needs 32 bits per sample.
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

/// Whether a file is a TIFF, by its first four bytes.
///
/// # Errors
/// The file cannot be opened.
pub fn begins_as_tiff(path: &Path) -> Result<bool, String> {
    let mut start = [0; 4];
    let mut file = File::open(path).map_err(|e| e.to_string())?;
    Ok(file.read_exact(&mut start).is_ok() && is_tiff(&start))
}

/// Whether the file is read tile by tile. With EXIF orientation it is decoded as a whole.
pub fn is_read_by_tiles(tiff: &Tiff) -> bool {
    tiff.full().is_tiled && tiff.orientation == 1
}
