//! Reads Windows bitmaps, which old scanners write.

use std::io::{BufRead, BufReader, Cursor, Read, Seek, SeekFrom};

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

/// Whether a file, of which `start` are the first bytes, ends before its last row. A header that is not all there is not judged.
pub fn is_cut(start: &[u8], file: &mut (impl Read + Seek)) -> bool {
    cut(start, file).unwrap_or(false)
}

fn cut(start: &[u8], file: &mut (impl Read + Seek)) -> Option<bool> {
    const OLD_HEADER: u32 = 12;
    let word = |at: usize| Some(u32::from_le_bytes(*start.get(at..)?.first_chunk()?));
    let half = |at: usize| Some(u16::from_le_bytes(*start.get(at..)?.first_chunk()?));
    let pixels = u64::from(word(10)?);
    let [width, height, bits, coding] = match word(14)? {
        OLD_HEADER => [half(18)?.into(), half(20)?.into(), half(24)?.into(), 0],
        // Rows from top to bottom have a negative height.
        _ => [
            word(18)?,
            word(22)?.cast_signed().unsigned_abs(),
            half(28)?.into(),
            word(30)?,
        ],
    };
    if let 1 | 2 = coding {
        file.seek(SeekFrom::Start(pixels)).ok()?;
        return Some(runs(BufReader::new(file), coding == 2, height).is_none());
    }
    // Rows are filled up to whole words.
    let row = (u64::from(width) * u64::from(bits)).div_ceil(32) * 4;
    let end = row.checked_mul(height.into())?.checked_add(pixels)?;
    Some(file.seek(SeekFrom::End(0)).ok()? < end)
}

/// Walks through run lengths (RLE8, or RLE4 with two pixels in a byte) to their end, or through all rows.
fn runs(mut input: impl BufRead, is_in_halves: bool, height: u32) -> Option<()> {
    let mut two = [0; 2];
    let mut rows = 0_u64;
    while rows < u64::from(height) {
        input.read_exact(&mut two).ok()?;
        match two {
            [0, 0] => rows += 1,
            [0, 1] => break,
            // On the same row or another.
            [0, 2] => {
                input.read_exact(&mut two).ok()?;
                rows += u64::from(two[1]);
            }
            // Pixels as they are, filled up to an even number of bytes.
            [0, count] => {
                let bytes = count.div_ceil(if is_in_halves { 2 } else { 1 });
                let bytes = usize::from(bytes).next_multiple_of(2);
                input.read_exact(&mut [0; 256][..bytes]).ok()?;
            }
            _ => {}
        }
    }
    Some(())
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
