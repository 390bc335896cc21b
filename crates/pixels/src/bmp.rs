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

/// How many bytes a file must have for all of its rows to be there, from its first 64 bytes; none if that does not tell: rows may be
/// packed.
pub fn reach(start: &[u8]) -> Option<u64> {
    let half = |at: usize| {
        let two = start.get(at..)?.first_chunk();
        two.map(|two| u64::from(u16::from_le_bytes(*two)))
    };
    let word = |at: usize| {
        let four = start.get(at..)?.first_chunk();
        four.map(|four| u32::from_le_bytes(*four))
    };
    let (rows, width, height, bits, coding) = match word(14)? {
        12 => (word(10)?, half(18)?, half(20)?, half(24)?, 0),
        length => {
            // Rows may be stored from the first on: their number is negative then.
            let height = word(22)?.cast_signed().unsigned_abs();
            let coding = if length < 20 { 0 } else { word(30)? };
            (
                word(10)?,
                word(18)?.into(),
                height.into(),
                half(28)?,
                coding,
            )
        }
    };
    // Plain, with masks, with masks and opacity.
    let is_plain = matches!(coding, 0 | 3 | 6);
    let row = (width * bits).div_ceil(32) * 4;
    is_plain.then(|| row.saturating_mul(height).saturating_add(rows.into()))
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
