//! Whole images, decoded within a limit.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};

use super::colour;
use super::header::{measure_bytes, of_jpeg_tiles, reader};
use super::tiff::Tiff;

/// Decodes an image, refusing more than `most_pixels` from its header. Pixels as stored: no EXIF turn.
pub fn decode(bytes: &[u8], most_pixels: u64) -> Result<DynamicImage, String> {
    let header = measure_bytes(bytes)?;
    let pixels = u64::from(header.width) * u64::from(header.height);
    if pixels > most_pixels {
        return Err(format!(
            "its header says {} x {} pixels, the limit is {most_pixels}",
            header.width, header.height
        ));
    }
    if of_jpeg_tiles(&mut Cursor::new(bytes)).is_some() {
        let tiff = Tiff::of_bytes(bytes.to_vec())?;
        let whole = [0, 0, header.width, header.height];
        return tiff.full().region(whole, &colour::plain_from_inks);
    }
    let mut reader = reader(Cursor::new(bytes))?;
    reader.no_limits();
    reader.decode().map_err(|e| e.to_string())
}

/// A picture as PNG. The error says why it cannot be one.
pub fn to_png(picture: &DynamicImage) -> Result<Vec<u8>, String> {
    let mut png = Vec::new();
    picture
        .write_to(&mut Cursor::new(&mut png), ImageFormat::Png)
        .map_err(|e| e.to_string())?;
    Ok(png)
}

/// The same picture with eight bits a channel: what most readers of PNG expect.
pub fn to_eight_bit(picture: &DynamicImage) -> DynamicImage {
    match picture.color().channel_count() {
        1 => picture.to_luma8().into(),
        2 => picture.to_luma_alpha8().into(),
        3 => picture.to_rgb8().into(),
        _ => picture.to_rgba8().into(),
    }
}
