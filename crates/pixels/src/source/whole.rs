//! A whole file decoded for display: upright, 8 bits per channel, in sRGB.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder};
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::colour::ToSrgb;
use crate::decode::decode;
use crate::header::{Header, reader};
use crate::orientation::upright;
use crate::render;
use recto_jpeg as jpeg;
use recto_jpeg::{Info, JpegError};

/// Checks a JPEG, since decoders would fill up a truncated one with grey. None for a rare kind, and if only the end marker
/// is missing.
///
/// # Errors
/// The JPEG is truncated or damaged.
pub fn checked(bytes: &[u8]) -> Result<Option<Info>, String> {
    let fault = match jpeg::check(bytes) {
        Ok(facts) => return Ok(Some(facts)),
        Err(fault @ JpegError::Damaged(_)) => fault,
        Err(_) => return Ok(None),
    };
    match jpeg::check(&[bytes, &[0xFF, 0xD9]].concat()) {
        Err(JpegError::Damaged(_)) => Err(fault.to_string()),
        _ => Ok(None),
    }
}

/// Decodes a whole file for display, upright, and whether its colours were those of sRGB already.
///
/// # Errors
/// The file is damaged or has more than `most_pixels`.
pub fn whole(
    bytes: &[u8],
    header: &Header,
    most_pixels: u64,
) -> Result<(DynamicImage, bool), String> {
    let way = icc(bytes).as_deref().and_then(ToSrgb::from_profile);
    let is_as_stored = way.is_none();
    let image = match way.as_ref().filter(|way| way.is_cmyk()) {
        Some(way) => inked(bytes, header, most_pixels, way),
        None => None,
    };
    let image = match image {
        Some(image) => image,
        None => {
            let image = render::in_eight_bits(decode(bytes, most_pixels)?);
            match way {
                Some(way) => way.apply(image),
                None => image,
            }
        }
    };
    Ok((upright(image, header.orientation), is_as_stored))
}

fn icc(bytes: &[u8]) -> Option<Vec<u8>> {
    reader(Cursor::new(bytes))
        .ok()?
        .into_decoder()
        .ok()?
        .icc_profile()
        .ok()?
}

/// Decodes a CMYK JPEG by its profile; none for other files. Adobe stores inverted values: 0 is full ink.
fn inked(bytes: &[u8], header: &Header, most_pixels: u64, way: &ToSrgb) -> Option<DynamicImage> {
    let pixels = u64::from(header.width) * u64::from(header.height);
    if header.media_type != "image/jpeg" || pixels > most_pixels {
        return None;
    }
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::CMYK)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().ok()?;
    if decoder.input_colorspace() != Some(ColorSpace::CMYK) {
        return None;
    }
    let mut inks = decoder.decode().ok()?;
    for ink in &mut inks {
        *ink = 255 - *ink;
    }
    let rgb = way.cmyk_to_rgb(&inks)?;
    image::RgbImage::from_raw(header.width, header.height, rgb).map(Into::into)
}
