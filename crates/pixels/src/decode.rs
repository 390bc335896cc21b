//! Decodes whole images within a limit.

use std::io::Cursor;

use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageDecoder, ImageEncoder as _, ImageFormat, Limits};

use super::alpha;
use super::baseline;
use super::colour;
use super::guard::guarded;
use super::header::{Header, measure_bytes, of_jpeg_tiles, reader};
use super::tiff::Tiff;
use super::tiff_directory::is_tiff;
use super::tiff_directory::{self, Store};

/// What decoding may take beside the image and as much again, in bytes: for profiles, tables, and tiles that reach over the
/// edge of a small image.
const SPARE: u64 = 64 << 20;

/// Decodes an image of at most `most_pixels` by its header. EXIF orientation is not applied; colours are not multiplied by their
/// opacity, even if the file has them so.
///
/// # Errors
/// The image has more pixels, is damaged, or is of a type that recto does not read.
pub fn decode(bytes: &[u8], most_pixels: u64) -> Result<DynamicImage, String> {
    guarded(|why| why, || decode_within(bytes, most_pixels))
}

fn decode_within(bytes: &[u8], most_pixels: u64) -> Result<DynamicImage, String> {
    let header = measure_bytes(bytes)?;
    let pixels = u64::from(header.width) * u64::from(header.height);
    if pixels > most_pixels {
        return Err(format!(
            "its header declares {} x {} pixels, the limit is {most_pixels}",
            header.width, header.height
        ));
    }
    let image = as_stored(bytes, &header)?;
    Ok(match alpha::is_multiplied(bytes) {
        true => alpha::divided(image),
        false => image,
    })
}

fn as_stored(bytes: &[u8], header: &Header) -> Result<DynamicImage, String> {
    check_claim(bytes)?;
    if let Some(decoded) = baseline::decode(bytes) {
        return decoded;
    }
    if of_jpeg_tiles(&mut Cursor::new(bytes)).is_some() {
        let tiff = Tiff::of_bytes(bytes.to_vec())?;
        let whole = [0, 0, header.width, header.height];
        return tiff.full().region(whole, &colour::cmyk_to_rgb);
    }
    let mut reader = reader(Cursor::new(bytes))?;
    if reader.format() != Some(ImageFormat::Png) {
        reader.no_limits();
    }
    let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    // A frame of a GIF may be larger than its image, and so may parts of other files: up to 17 GB from a few bytes.
    let mut limits = Limits::no_limits();
    let image_bytes = decoder.total_bytes();
    limits.max_alloc = Some(image_bytes.saturating_mul(2).saturating_add(SPARE));
    let within = decoder.set_limits(limits);
    let image = within.and_then(|()| DynamicImage::from_decoder(decoder));
    image.map_err(|e| e.to_string())
}

/// Refuses a TIFF that claims many more pixels than it can hold.
fn check_claim(bytes: &[u8]) -> Result<(), String> {
    /// Larger files may take the memory that they claim.
    const MOST: usize = 4 << 20;
    if bytes.len() > MOST || !is_tiff(bytes) {
        return Ok(());
    }
    let store = Store::Bytes(bytes.to_vec());
    let pages = tiff_directory::pages(&store)?;
    tiff_directory::check_claim(&store, &pages[0].main)
}

/// Encodes an image as PNG.
///
/// # Errors
/// PNG cannot hold such pixels.
pub fn to_png(image: &DynamicImage) -> Result<Vec<u8>, String> {
    to_png_with(image, None)
}

/// Encodes an image as PNG, with an ICC profile.
///
/// # Errors
/// PNG cannot hold such pixels.
pub fn to_png_with(image: &DynamicImage, profile: Option<&[u8]>) -> Result<Vec<u8>, String> {
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    if let Some(profile) = profile {
        let taken = encoder.set_icc_profile(profile.to_vec());
        taken.map_err(|e| e.to_string())?;
    }
    let written = image.write_with_encoder(encoder);
    written.map_err(|e| e.to_string())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_much_larger_than_its_gif_is_not_decoded() {
        let frame = |side: [u8; 2]| {
            let mut gif = b"GIF89a\x01\0\x01\0\x80\0\0".to_vec();
            gif.extend([0; 6]);
            gif.extend(b",\0\0\0\0");
            gif.extend(side);
            gif.extend(side);
            gif.extend(b"\0\x02\x02\x44\x01\0;");
            gif
        };
        assert!(decode(&frame([1, 0]), 100).is_ok());
        let refused = decode(&frame([0xff, 0xff]), 100).unwrap_err();
        assert!(refused.contains("Memory limit"), "{refused}");
    }
}
