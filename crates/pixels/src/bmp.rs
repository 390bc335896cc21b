//! Reads Windows bitmaps, which old scanners write.

use std::io::{BufRead, Cursor, Seek};

use image::codecs::bmp::BmpDecoder;
use image::{DynamicImage, ImageDecoder as _, Limits};

/// Whether a file is a bitmap, by its first bytes.
pub fn is_bmp(start: &[u8]) -> bool {
    start.starts_with(b"BM")
}

/// `[width, height]` in pixels and the number of channels.
///
/// # Errors
/// The header is damaged.
pub fn measure(input: impl BufRead + Seek) -> Result<([u32; 2], u8), String> {
    let decoder = BmpDecoder::new(input).map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions();
    match width == 0 || height == 0 {
        true => Err("it declares no pixels".into()),
        false => Ok(([width, height], decoder.color_type().channel_count())),
    }
}

/// Decodes a file of at most `most_pixels`.
///
/// # Errors
/// It has more pixels, or is damaged.
pub fn decode(bytes: &[u8], most_pixels: u64) -> Result<DynamicImage, String> {
    let ([w, h], _) = measure(Cursor::new(bytes))?;
    if u64::from(w) * u64::from(h) > most_pixels {
        return Err(format!(
            "its header declares {w} x {h} pixels, the limit is {most_pixels}"
        ));
    }
    let mut decoder = BmpDecoder::new(Cursor::new(bytes)).map_err(|e| e.to_string())?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(decoder.total_bytes().saturating_mul(2));
    let image = decoder
        .set_limits(limits)
        .and_then(|()| DynamicImage::from_decoder(decoder));
    image.map_err(|e| e.to_string())
}
