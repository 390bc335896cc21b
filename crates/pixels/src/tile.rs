//! Tiles of an image, cut out without changing a pixel: from a JPEG whose blocks allow it without decoding it, from all
//! else as PNG.

use image::DynamicImage;

use super::decode::{decode, to_eight_bit, to_png_with};
use super::icc::icc_of;
use super::verify::Flaw;
use recto_jpeg::index::{Index, mcu_of};

/// Maximum pixels of an image that is decoded: 2^30.
const MOST_PIXELS: u64 = 1 << 30;

/// How many bytes of a JPEG are read up to its first scan: for most files the first is enough, with thumbnails and profiles the
/// second.
const STARTS: [u64; 2] = [1 << 16, 4 << 20];

/// The grid on which tiles of a file must begin to be cut out without decoding, in pixels; none for files of which none can
/// be. `start` gives the first bytes of the file, at most so many.
pub fn lossless_grid(start: impl Fn(u64) -> Vec<u8>) -> Option<[u32; 2]> {
    let mut starts = STARTS.into_iter();
    starts.find_map(|most| mcu_of(&start(most)))
}

/// Proves that tiles can be cut out of a JPEG without decoding it: it is whole.
///
/// # Errors
/// It is not.
pub fn check_lossless(bytes: &[u8]) -> Result<(), Flaw> {
    let index = Index::read(bytes);
    index.map(drop).map_err(|e| Flaw::Damaged(e.to_string()))
}

/// An image of which tiles are cut out.
#[derive(Debug)]
pub enum TileCutter {
    /// A JPEG that is not decoded.
    Lossless(Vec<u8>, Index),
    /// An image that was decoded, and its ICC profile.
    Decoded(DynamicImage, Option<Vec<u8>>),
}

impl TileCutter {
    /// Reads an image. With `is_lossless` its tiles are JPEGs, which begin on [`lossless_grid`]; otherwise PNGs.
    ///
    /// # Errors
    /// It is damaged, not supported or too large.
    pub fn open(bytes: Vec<u8>, is_lossless: bool) -> Result<Self, String> {
        if !is_lossless {
            let image = decode(&bytes, MOST_PIXELS)?;
            let profile = icc_of(&bytes, &image);
            // PNG holds 8 and 16 bits.
            let image = match image {
                DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_) => {
                    to_eight_bit(&image)
                }
                image => image,
            };
            return Ok(TileCutter::Decoded(image, profile));
        }
        let index = Index::read(&bytes).map_err(|e| e.to_string())?;
        Ok(TileCutter::Lossless(bytes, index))
    }

    /// The tile `[x, y, width, height]` as a file.
    ///
    /// # Errors
    /// It is not inside the image, or begins off the grid.
    pub fn cut(&self, part: [u32; 4]) -> Result<Vec<u8>, String> {
        match self {
            TileCutter::Lossless(bytes, index) => {
                index.crop_part(bytes, part).map_err(|e| e.to_string())
            }
            TileCutter::Decoded(image, profile) => {
                let [x, y, w, h] = part;
                to_png_with(&image.crop_imm(x, y, w, h), profile.as_deref())
            }
        }
    }
}
