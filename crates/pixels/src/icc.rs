//! ICC profiles as files hold them.

use std::io::Cursor;

use image::DynamicImage;

use super::header::reader;
use super::tiff_directory::is_tiff;

/// The ICC profile of an image, if it has one for grey or RGB, as many `channels` (1 or 3) as the image is decoded to. A
/// profile for CMYK does not apply to the decoded pixels.
pub fn icc(bytes: &[u8], channels: u8) -> Option<Vec<u8>> {
    let profile = match is_tiff(bytes) {
        true => icc_of_tiff(bytes)?,
        false => {
            let reader = reader(Cursor::new(bytes)).ok()?;
            let mut decoder = reader.into_decoder().ok()?;
            image::ImageDecoder::icc_profile(&mut decoder).ok()??
        }
    };
    let about: &[u8] = if channels == 1 { b"GRAY" } else { b"RGB " };
    (profile.get(16..20) == Some(about)).then_some(profile)
}

/// The ICC profile of an image for what was decoded of it.
pub fn icc_of(bytes: &[u8], decoded: &DynamicImage) -> Option<Vec<u8>> {
    icc(bytes, if decoded.color().has_color() { 3 } else { 1 })
}

fn icc_of_tiff(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = tiff::decoder::Decoder::new(Cursor::new(bytes)).ok()?;
    let tag = decoder.find_tag(tiff::tags::Tag::IccProfile).ok()??;
    tag.into_u8_vec().ok()
}
