//! Decodes whole images within a limit.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};

use super::colour;
use super::header::{measure_bytes, of_jpeg_tiles, reader};
use super::tiff::Tiff;

/// Decodes an image of at most `most_pixels` by its header. Pixels are as stored: EXIF orientation is not applied.
///
/// # Errors
/// The image has more pixels, is damaged, or is of a type that recto does not read.
pub fn decode(bytes: &[u8], most_pixels: u64) -> Result<DynamicImage, String> {
    let header = measure_bytes(bytes)?;
    let pixels = u64::from(header.width) * u64::from(header.height);
    if pixels > most_pixels {
        return Err(format!(
            "its header declares {} x {} pixels, the limit is {most_pixels}",
            header.width, header.height
        ));
    }
    if of_jpeg_tiles(&mut Cursor::new(bytes)).is_some() {
        let tiff = Tiff::of_bytes(bytes.to_vec())?;
        let whole = [0, 0, header.width, header.height];
        return tiff.full().region(whole, &colour::cmyk_to_rgb);
    }
    let mut reader = reader(Cursor::new(bytes))?;
    reader.no_limits();
    reader.decode().map_err(|e| e.to_string())
}

/// Encodes an image as PNG.
///
/// # Errors
/// PNG cannot hold such pixels.
pub fn to_png(image: &DynamicImage) -> Result<Vec<u8>, String> {
    let mut png = Vec::new();
    image
        .write_to(&mut Cursor::new(&mut png), ImageFormat::Png)
        .map_err(|e| e.to_string())?;
    Ok(png)
}

/// The image with 8 bits per channel, which most readers of PNG expect.
pub fn to_eight_bit(image: &DynamicImage) -> DynamicImage {
    match image.color().channel_count() {
        1 => image.to_luma8().into(),
        2 => image.to_luma_alpha8().into(),
        3 => image.to_rgb8().into(),
        _ => image.to_rgba8().into(),
    }
}
