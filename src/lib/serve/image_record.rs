//! An image as it is served: its identifier, its file, and what is known about both.

use std::path::{Path, PathBuf};

use super::image::pdf_worker::{self, PdfError, PdfPage};
use crate::contracts::LocalizedImage;
use crate::pixels::pdf;
use crate::pixels::source::{self, ImageSource, SourceInfo};

/// The most pixels of an image that is decoded: half a gigapixel, 1.5 GB in colour.
pub const MOST_PIXELS: u64 = 1 << 29;

/// The side in pixels of the tiles of images that are not stored in tiles.
const TILE: u32 = 512;

/// An image to serve.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageRecord {
    /// The identifier in its URIs, not encoded.
    pub id: String,
    /// The file with its pixels.
    pub path: PathBuf,
    /// The page of that file, if it is a PDF.
    pub page: Option<PdfPage>,
    /// `[width, height]` in pixels, upright.
    pub size: [u32; 2],
    /// What the source says about it: labels, group, boxes.
    pub about: LocalizedImage,
}

/// What is known about the file of an image, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// `[width, height]` in pixels, upright.
    pub size: [u32; 2],
    /// A number that changes when the file does.
    pub stamp: u64,
    /// The side in pixels of the tiles that take the least work.
    pub tile: u32,
    /// Bytes of memory that decoding takes; 0 where tiles are decoded one by one.
    pub cost: u64,
}

impl ImageRecord {
    /// The header of its file; for a page of a PDF, as it was measured at the start.
    ///
    /// # Errors
    /// The file cannot be read, or has too many pixels.
    pub fn look(&self) -> Result<SourceInfo, String> {
        match self.page {
            Some(_) => Ok(page_look(self.size)),
            None => measure(&self.path),
        }
    }

    /// Its pixels.
    ///
    /// # Errors
    /// The file cannot be decoded, or drawing a page takes too long.
    pub fn open(&self) -> Result<ImageSource, PdfError> {
        match self.page {
            Some(page) => {
                let (size, bytes) = pdf_worker::draw(&self.path, page)?;
                ImageSource::of_rgb(size, bytes).map_err(PdfError::Broken)
            }
            None => ImageSource::open(&self.path, MOST_PIXELS).map_err(PdfError::Broken),
        }
    }
}

impl FileFacts {
    /// The facts of a file with this header and stamp.
    pub fn new(look: &SourceInfo, stamp: u64) -> Self {
        let [width, height] = look.size.map(u64::from);
        FileFacts {
            size: look.size,
            stamp,
            tile: look.tile.unwrap_or(TILE),
            cost: match look.tile {
                Some(_) => 0,
                // Read, but not decoded: about half a byte per pixel.
                None if look.by_parts => width * height / 2,
                // Decoded, then turned or reduced to eight bits.
                None => width * height * u64::from(look.channels) * 2,
            },
        }
    }
}

/// Reads the header of an image file. A file that claims too many pixels is refused here and never decoded.
///
/// # Errors
/// Why the file cannot be served.
pub fn measure(path: &Path) -> Result<SourceInfo, String> {
    let look = source::inspect(path).map_err(|e| format!("not an image that can be read: {e}"))?;
    let [width, height] = look.size;
    match u64::from(width) * u64::from(height) > MOST_PIXELS {
        true => Err(format!(
            "image is too large: {width} x {height}, the limit is {MOST_PIXELS} pixels"
        )),
        false => Ok(look),
    }
}

/// The header that an image file with the pixels of a page would have; `size` is `[width, height]`.
pub fn page_look(size: [u32; 2]) -> SourceInfo {
    SourceInfo {
        size,
        // `FileFacts::new` doubles it.
        channels: pdf::BYTES_TO_A_PIXEL / 2,
        tile: None,
        by_parts: false,
    }
}
