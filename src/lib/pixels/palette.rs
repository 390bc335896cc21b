//! TIFFs of class P: an index into a palette for each pixel (TIFF 6.0, section 5), which the decoder leaves to others.

use std::io::{BufRead, Cursor, Seek};

use ::tiff::decoder::{Decoder, DecodingResult, Limits};
use ::tiff::tags::Tag;
use image::{DynamicImage, RgbImage};

use super::tiff::is_tiff;

/// The value of `PhotometricInterpretation` for a palette, and for grey from black to white.
const PALETTE: u16 = 3;
const GREY: u16 = 1;
/// What decoding may take beside the pixels, in bytes.
const SPARE: usize = 1 << 20;

/// What the header of a TIFF with a palette declares.
#[derive(Clone, Copy, Debug)]
pub struct PaletteImage {
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// EXIF orientation, 1 to 8.
    pub orientation: u8,
}

/// The header of a TIFF with a palette. None for any other file. The input is at its start again afterwards.
pub fn header(input: &mut (impl BufRead + Seek)) -> Option<PaletteImage> {
    if !is_tiff(input.fill_buf().ok()?) {
        return None;
    }
    let header = read_header(&mut *input);
    input.rewind().ok()?;
    header
}

fn read_header(input: &mut (impl BufRead + Seek)) -> Option<PaletteImage> {
    let mut decoder = Decoder::new(input).ok()?;
    let kind = decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation);
    let (width, height) = decoder.dimensions().ok()?;
    let turn = decoder.find_tag_unsigned::<u8>(Tag::Orientation);
    let turn = turn.ok().flatten().filter(|turn| (1..=8).contains(turn));
    let is_one = kind.ok().flatten() == Some(PALETTE) && width > 0 && height > 0;
    is_one.then(|| PaletteImage {
        size: [width, height],
        orientation: turn.unwrap_or(1),
    })
}

/// Decodes a TIFF with a palette into RGB, 8 bits per channel. None for any other file.
pub fn decode(bytes: &[u8]) -> Option<Result<DynamicImage, String>> {
    let header = header(&mut Cursor::new(bytes))?;
    Some(decode_indices(bytes, header.size))
}

fn decode_indices(bytes: &[u8], size: [u32; 2]) -> Result<DynamicImage, String> {
    // Read as grey, the values of its pixels are the indices.
    let grey = as_grey(bytes).ok_or("its first directory cannot be read")?;
    let decoder = Decoder::new(Cursor::new(grey)).map_err(|e| e.to_string())?;
    // A few bytes may declare values of gigabytes.
    let pixels = size.map(|side| side as usize).iter().product::<usize>();
    let mut limits = Limits::default();
    limits.ifd_value_size = SPARE;
    limits.decoding_buffer_size = pixels.saturating_add(SPARE);
    limits.intermediate_buffer_size = pixels.saturating_add(SPARE);
    let mut decoder = decoder.with_limits(limits);
    let bits = decoder.find_tag_unsigned::<u8>(Tag::BitsPerSample);
    let bits = bits.ok().flatten().unwrap_or(1);
    if !matches!(bits, 1 | 2 | 4 | 8) {
        return Err(format!("a palette of {bits} bits is not supported"));
    }
    let palette = decoder.get_tag_u16_vec(Tag::ColorMap);
    let palette = palette.map_err(|e| format!("its palette cannot be read: {e}"))?;
    let colours = 1_usize << bits;
    if palette.len() < 3 * colours {
        return Err(format!(
            "its palette has {} values, not {}",
            palette.len(),
            3 * colours
        ));
    }
    let DecodingResult::U8(values) = decoder.read_image().map_err(|e| e.to_string())? else {
        return Err("its indices are not of 8 bits or less".into());
    };
    let [width, height] = size.map(|side| side as usize);
    let row_bytes = (width * usize::from(bits)).div_ceil(8);
    let is_packed = bits < 8 && values.len() >= row_bytes * height && values.len() < width * height;
    let index = |x: usize, y: usize| -> Option<usize> {
        if bits == 8 || !is_packed {
            return values.get(y * width + x).map(|value| usize::from(*value));
        }
        let at = x * usize::from(bits);
        let byte = *values.get(y * row_bytes + at / 8)?;
        let shift = 8 - usize::from(bits) - at % 8;
        Some(usize::from(byte >> shift) & (colours - 1))
    };
    let mut image = RgbImage::new(size[0], size[1]);
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let index = index(x as usize, y as usize).ok_or("it has fewer pixels than it declares")?;
        // 16 bits per colour: all reds, then all greens, then all blues.
        let colour = |channel: usize| palette[channel * colours + index.min(colours - 1)];
        pixel.0 = [0, 1, 2].map(|channel| (colour(channel) >> 8) as u8);
    }
    Ok(image.into())
}

/// The file with its first image called grey.
fn as_grey(bytes: &[u8]) -> Option<Vec<u8>> {
    let is_little = bytes.starts_with(b"II");
    let number = |at: usize, length: usize| -> Option<u64> {
        let bytes = bytes.get(at..at.checked_add(length)?)?;
        let mut all = [0; 8];
        all[..length].copy_from_slice(bytes);
        if !is_little {
            all[..length].reverse();
        }
        Some(u64::from_le_bytes(all))
    };
    let is_big = number(2, 2)? == 43;
    let (first, count_size, entry_size) = match is_big {
        true => (number(8, 8)?, 8, 20),
        false => (number(4, 4)?, 2, 12),
    };
    let first = usize::try_from(first).ok()?;
    let count = usize::try_from(number(first, count_size)?).ok()?;
    let entries = first.checked_add(count_size)?;
    for entry in 0..count.min(4096) {
        let at = entries.checked_add(entry * entry_size)?;
        if number(at, 2)? == u64::from(Tag::PhotometricInterpretation.to_u16()) {
            let value = at + if is_big { 12 } else { 8 };
            let grey = match is_little {
                true => GREY.to_le_bytes(),
                false => GREY.to_be_bytes(),
            };
            let mut patched = bytes.to_vec();
            patched.get_mut(value..value + 2)?.copy_from_slice(&grey);
            return Some(patched);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    /// A TIFF of one strip, uncompressed; colour `i` is `[i, 2 i, 3 i]`.
    fn tiff(width: u16, height: u16, bits: u16, rows: &[u8]) -> Vec<u8> {
        let colours = 1_u32 << bits;
        let entries: [(u16, u16, u32, u32); 10] = [
            (256, 3, 1, width.into()),
            (257, 3, 1, height.into()),
            (258, 3, 1, bits.into()),
            (259, 3, 1, 1),
            (262, 3, 1, 3),
            (273, 4, 1, 134),
            (277, 3, 1, 1),
            (278, 3, 1, height.into()),
            (279, 4, 1, rows.len() as u32),
            (320, 3, 3 * colours, 134 + rows.len() as u32),
        ];
        let mut out = b"II*\0\x08\0\0\0".to_vec();
        out.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in entries {
            out.extend(tag.to_le_bytes());
            out.extend(kind.to_le_bytes());
            out.extend(count.to_le_bytes());
            out.extend(value.to_le_bytes());
        }
        out.extend([0; 4]);
        assert_eq!(out.len(), 134);
        out.extend(rows);
        for factor in 1..=3 {
            let values = (0..colours).map(|i| ((i * factor).min(255) * 257) as u16);
            out.extend(values.flat_map(u16::to_le_bytes));
        }
        out
    }

    #[test]
    fn indices_of_every_width_become_colours() {
        let cases: [(u16, &[u8], [u8; 3]); 4] = [
            (8, &[7, 9, 20, 5, 6, 90], [7, 9, 20]),
            (4, &[0x79, 0xf0, 0x12, 0x30], [7, 9, 15]),
            (2, &[0b0110_1100, 0], [1, 2, 3]),
            (1, &[0b0110_0000, 0], [0, 1, 1]),
        ];
        for (bits, rows, wanted) in cases {
            let bytes = tiff(3, 2, bits, rows);
            let header = super::super::measure_bytes(&bytes).unwrap();
            assert_eq!((header.width, header.height, header.channels), (3, 2, 3));
            let image = super::super::decode(&bytes, 100).unwrap().into_rgb8();
            let found = [0, 1, 2].map(|x| image.get_pixel(x, 0).0);
            assert_eq!(found, wanted.map(|i| [i, 2 * i, 3 * i]), "{bits} bits");
        }
    }

    #[test]
    fn damaged_files_are_decoded_or_refused() {
        use recto_testkit::mutation;
        let sound = tiff(3, 2, 8, &[1, 2, 3, 4, 5, 6]);
        let takes = |bytes: &[u8]| super::super::decode(bytes, 10_000).is_ok();
        mutation::check(1500, move |random| mutation::bytes(&sound, random), takes).is_mixed();
    }
}
