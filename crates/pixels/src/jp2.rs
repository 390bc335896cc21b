//! Reads JPEG 2000: sizes from the header, pixels within that size.

use std::io::{Cursor, Read, Seek};

use hayro_jpeg2000::{ColorSpace, DecodeSettings, DecoderContext, Image};
use image::DynamicImage;

use super::alpha;
use super::colour::{ToSrgb, cmyk_to_rgb};
use super::tile_parts;

/// The first box of a JP2 file (ITU-T T.800, I.5.1), and the start of a raw codestream (A.4.1, A.5.1).
const BOX: &[u8] = b"\x00\x00\x00\x0cjP  \r\n\x87\n";
const STREAM: &[u8] = b"\xff\x4f\xff\x51";

/// Whether a file is JPEG 2000, by its first bytes.
pub fn is_jp2(start: &[u8]) -> bool {
    start.starts_with(BOX) || start.starts_with(STREAM)
}

/// `[width, height]` and the number of components, from the start of a file (SIZ, A.5.1).
///
/// # Errors
/// The header is incomplete or declares no pixels.
pub fn measure(start: &[u8]) -> Result<([u32; 2], u16), String> {
    let at = stream_in(start).ok_or("its header does not declare a size")?;
    let siz = &start[at + STREAM.len()..];
    let word = |at: usize| word_of(siz, at);
    // After the length (2) and capabilities (2): the grid, the offset of the image on it, size and offset of tiles, components.
    let side = |at: usize| {
        word(at)?
            .checked_sub(word(at + 8)?)
            .filter(|side| *side > 0)
    };
    let count = word(36).map(|two| (two >> 16) as u16);
    match (side(4), side(8), count) {
        (Some(width), Some(height), Some(count)) if count > 0 => Ok(([width, height], count)),
        _ => Err("its header declares no pixels".into()),
    }
}

/// Where the code stream begins.
fn stream_in(start: &[u8]) -> Option<usize> {
    start.windows(STREAM.len()).position(|four| four == STREAM)
}

fn word_of(siz: &[u8], at: usize) -> Option<u32> {
    let four = siz.get(at..).and_then(<[u8]>::first_chunk);
    four.map(|four| u32::from_be_bytes(*four))
}

/// Whether the code stream of a file, of which `start` are the first bytes, ends before it is all there. What its box says of
/// its length does not count, and what stands behind it neither. A file whose start shows no code stream is not judged.
pub fn is_cut(start: &[u8], file: &mut (impl Read + Seek)) -> bool {
    let Some(at) = stream_in(start) else {
        return false;
    };
    let siz = &start[at + STREAM.len()..];
    // The tiles that lie on a side of the grid: the first begins at an offset of its own.
    let along = |end: usize| {
        let [end, tile, offset] = [end, end + 16, end + 24].map(|at| word_of(siz, at));
        Some(u64::from(
            end?.checked_sub(offset?)?
                .div_ceil(tile.filter(|tile| *tile > 0)?),
        ))
    };
    let tiles = along(4).zip(along(8)).map(|(across, down)| across * down);
    // With a damaged header it is not known how many.
    let tiles = tiles.unwrap_or(u64::MAX);
    !tile_parts::is_complete(file, at as u64, tiles).unwrap_or(true)
}

/// Checks all of the header: how the image is coded (COD, QCD) and where its pixels begin (SOT). `start` is the start of a file.
///
/// # Errors
/// The decoder would refuse it.
pub fn check_header(start: &[u8]) -> Result<(), String> {
    let at = stream_in(start);
    let stream = at.and_then(|at| start.get(at..)).unwrap_or_default();
    match Image::new(stream, &DecodeSettings::default()) {
        Ok(_) => Ok(()),
        Err(_) => Err("its header is damaged".into()),
    }
}

/// Whether a channel is opacity that the colours are stored multiplied by (channel definition, I.5.3.6), which the decoder does not
/// tell from other opacity.
fn is_multiplied(bytes: &[u8]) -> bool {
    let boxes = &bytes[..stream_in(bytes).unwrap_or_default()];
    let definition = boxes.windows(4).position(|kind| kind == b"cdef");
    let Some([high, low, channels @ ..]) = definition.map(|at| &boxes[at + 4..]) else {
        return false;
    };
    let count = usize::from(u16::from_be_bytes([*high, *low]));
    // Number, type and what it is about: two bytes each.
    let mut channels = channels.chunks_exact(6).take(count);
    channels.any(|channel| channel[2..4] == [0, 2])
}

/// Decodes a file of at most `most_pixels` to 8 bits per channel in sRGB.
///
/// # Errors
/// The image has more pixels, is cut short or damaged, or has unsupported channels.
pub fn decode(bytes: &[u8], most_pixels: u64) -> Result<DynamicImage, String> {
    let ([width, height], _) = measure(bytes)?;
    if u64::from(width) * u64::from(height) > most_pixels {
        return Err(format!(
            "its header declares {width} x {height} pixels, the limit is {most_pixels}"
        ));
    }
    // The decoder makes up for what is missing.
    if is_cut(bytes, &mut Cursor::new(bytes)) {
        return Err("it is cut short: its end is missing".into());
    }
    let settings = DecodeSettings::default();
    let file = Image::new(bytes, &settings).map_err(|e| e.to_string())?;
    if [file.width(), file.height()] != [width, height] {
        return Err("its boxes and its codestream declare different sizes".into());
    }
    let mut context = DecoderContext::default();
    let samples = file
        .decode(&mut context)
        .map_err(|e| e.to_string())?
        .data_u8();
    let (way, channels) = match file.color_space() {
        ColorSpace::Icc {
            profile,
            num_channels,
        } => (ToSrgb::from_profile(profile), *num_channels),
        other => (None, other.num_channels()),
    };
    let image = assembled(
        [width, height],
        samples,
        channels,
        file.has_alpha(),
        way.as_ref(),
    );
    let image =
        image.ok_or_else(|| format!("images with {channels} channels are not supported"))?;
    let image = match is_multiplied(bytes) {
        true => alpha::divided(image),
        false => image,
    };
    Ok(match way {
        Some(way) => way.apply(image),
        None => image,
    })
}

fn assembled(
    [w, h]: [u32; 2],
    samples: Vec<u8>,
    channels: u8,
    has_alpha: bool,
    way: Option<&ToSrgb>,
) -> Option<DynamicImage> {
    match (channels, has_alpha) {
        (1, false) => image::GrayImage::from_raw(w, h, samples).map(Into::into),
        (1, true) => {
            let image = image::GrayAlphaImage::from_raw(w, h, samples)?;
            Some(DynamicImage::from(image).to_rgba8().into())
        }
        (3, false) => image::RgbImage::from_raw(w, h, samples).map(Into::into),
        (3, true) => image::RgbaImage::from_raw(w, h, samples).map(Into::into),
        (4, false) => {
            let way = way.filter(|way| way.is_cmyk());
            let rgb = way.and_then(|way| way.cmyk_to_rgb(&samples));
            let rgb = rgb.unwrap_or_else(|| cmyk_to_rgb(&samples));
            image::RgbImage::from_raw(w, h, rgb).map(Into::into)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_the_header() {
        let stream = |fields: [u32; 8], count: u16| {
            let mut bytes = STREAM.to_vec();
            bytes.extend([0, 47, 0, 0]);
            fields.iter().for_each(|n| bytes.extend(n.to_be_bytes()));
            bytes.extend(count.to_be_bytes());
            bytes.extend([7, 1, 1]);
            bytes
        };
        let whole = stream([64, 48, 4, 8, 64, 48, 0, 0], 3);
        assert_eq!(measure(&whole), Ok(([60, 40], 3)));
        assert_eq!(measure(&[BOX, &whole].concat()), Ok(([60, 40], 3)));
        for bad in [
            stream([4, 48, 4, 8, 64, 48, 0, 0], 3),
            stream([64, 48, 0, 0, 64, 48, 0, 0], 0),
            whole[..30].to_vec(),
            BOX.to_vec(),
            Vec::new(),
        ] {
            assert!(measure(&bad).is_err(), "{bad:?}");
        }
        let bomb = stream([1 << 30, 1 << 30, 0, 0, 64, 64, 0, 0], 3);
        assert!(decode(&bomb, 1 << 29).unwrap_err().contains("the limit is"));
    }
}
