//! What a server reads from the header of a file before it opens the file.

use std::io::{BufReader, Read};

use super::large_jpeg::LEAST_PIXELS;
use crate::header::{self, Header, rotated_size};
use crate::tiff::Tiff;
use crate::tiff_directory::is_tiff;
use crate::tiff_directory::{self, PageDirectories, Store};
use crate::tiff_whole;
use crate::window::Window;
use crate::{avif, bmp, jp2};
use recto_jpeg::index;

/// What the header of a file declares, as far as a server needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceInfo {
    /// `[width, height]` in pixels, after EXIF orientation is applied.
    pub size: [u32; 2],
    /// That EXIF orientation, 1 to 8.
    pub orientation: u8,
    /// Colour channels, as an estimate of memory.
    pub channels: u8,
    /// Side of its tiles in pixels, if it is read tile by tile.
    pub tile: Option<u32>,
    /// Whether it is decoded in parts although it is not tiled.
    pub by_parts: bool,
}

/// Whether a file is of a type whose decoder takes the memory and time that a damaged file tells it to, by its first bytes:
/// such files are decoded in a process of their own.
pub fn has_wild_decoder(start: &[u8]) -> bool {
    jp2::is_jp2(start) || avif::is_avif(start)
}

/// What [`inspect`] tells of each page of an open file, one after the other: only TIFFs have several. Their directories are
/// walked through once.
///
/// # Errors
/// The file cannot be read.
pub fn inspect_pages(
    file: &Window,
) -> Result<Box<dyn Iterator<Item = Result<SourceInfo, String>> + '_>, String> {
    if !is_tiff(&start_of::<4>(file)?) {
        return Ok(Box::new(std::iter::once(inspect(file, 1))));
    }
    let pages = tiff_directory::pages(&Store::File(file.again()))?;
    Ok(Box::new(
        pages.into_iter().map(|page| inspect_tiff(file, &page)),
    ))
}

/// Reads the header of an open file, of the page with this number, from 1.
///
/// # Errors
/// The file cannot be served: why not.
pub fn inspect(file: &Window, page: u32) -> Result<SourceInfo, String> {
    let start = start_of::<64>(file)?;
    if is_tiff(&start) {
        let page = tiff_whole::page_of(&Store::File(file.again()), page)?;
        return inspect_tiff(file, &page);
    }
    if jp2::is_jp2(&start) {
        return inspect_jp2(file.again());
    }
    if avif::is_avif(&start) {
        return inspect_avif(file.again());
    }
    if bmp::is_bmp(&start) {
        let (size, channels) = bmp::measure(BufReader::new(file.again()))?;
        return Ok(SourceInfo {
            size,
            orientation: 1,
            channels,
            tile: None,
            by_parts: false,
        });
    }
    let header = header::measure_in(BufReader::new(file.again()))?;
    // Scans begin within this many bytes, unless there is a lot of metadata.
    const START: u64 = 1 << 18;
    let mut start = Vec::new();
    if header.media_type == "image/jpeg" {
        let read = file.again().take(START).read_to_end(&mut start);
        read.map_err(|e| e.to_string())?;
    }
    if header::is_rare_jpeg(&start) {
        return Err(
            "JPEGs in arithmetic coding, lossless or hierarchical ones are not decoded".into(),
        );
    }
    let by_parts = is_large_jpeg(&header) && index::is_indexable(&start);
    Ok(SourceInfo {
        size: rotated_size([header.width, header.height], header.orientation),
        orientation: header.orientation,
        channels: header.channels,
        tile: None,
        by_parts,
    })
}

/// The first bytes of a file; zeros beyond its end.
///
/// # Errors
/// The file cannot be read.
pub fn start_of<const N: usize>(file: &Window) -> Result<[u8; N], String> {
    let mut start = Vec::new();
    let read = file.again().take(N as u64).read_to_end(&mut start);
    read.map_err(|e| e.to_string())?;
    let mut bytes = [0; N];
    bytes[..start.len()].copy_from_slice(&start);
    Ok(bytes)
}

/// Whether it is worth to index a file. Images with EXIF orientation are decoded as a whole.
pub fn is_large_jpeg(header: &Header) -> bool {
    let pixels = u64::from(header.width) * u64::from(header.height);
    header.media_type == "image/jpeg" && header.orientation == 1 && pixels >= LEAST_PIXELS
}

fn inspect_tiff(file: &Window, page: &PageDirectories) -> Result<SourceInfo, String> {
    let store = || Store::File(file.again());
    if let Ok(tiff) = Tiff::open_page(store(), page) {
        let full = tiff.full();
        return Ok(SourceInfo {
            size: rotated_size(full.size, tiff.orientation),
            orientation: tiff.orientation,
            channels: full.channels,
            tile: is_read_by_tiles(&tiff).then(|| full.piece[0].max(full.piece[1])),
            by_parts: false,
        });
    }
    let (size, channels, orientation) = tiff_whole::measure(&store(), page)?;
    Ok(SourceInfo {
        size: rotated_size(size, orientation),
        orientation,
        // Decoded samples, and the same again as an image.
        channels: channels.saturating_mul(2),
        tile: None,
        by_parts: false,
    })
}

/// The first bytes of a file, in which boxes hold at most a profile and metadata before what tells the size.
fn boxes_at_start(file: Window) -> Result<Vec<u8>, String> {
    const START: u64 = 1 << 20;
    let mut start = Vec::new();
    let read = file.take(START).read_to_end(&mut start);
    read.map_err(|e| e.to_string())?;
    Ok(start)
}

fn inspect_avif(file: Window) -> Result<SourceInfo, String> {
    let (size, channels) = avif::measure(&boxes_at_start(file)?)?;
    Ok(SourceInfo {
        size,
        // It is part of how the type is decoded.
        orientation: 1,
        // As coded, with up to 16 bits per sample, and as numbers of 16 bits.
        channels: channels * 4,
        tile: None,
        by_parts: false,
    })
}

fn inspect_jp2(file: Window) -> Result<SourceInfo, String> {
    let start = boxes_at_start(file)?;
    let (size, components) = jp2::measure(&start)?;
    jp2::check_header(&start)?;
    Ok(SourceInfo {
        size,
        orientation: 1,
        // The decoder needs 32 bits per sample.
        channels: u8::try_from(components)
            .unwrap_or(u8::MAX)
            .saturating_mul(4),
        tile: None,
        by_parts: false,
    })
}

/// Whether the file is read tile by tile. With EXIF orientation it is decoded as a whole.
pub fn is_read_by_tiles(tiff: &Tiff) -> bool {
    tiff.full().is_tiled && tiff.orientation == 1
}
