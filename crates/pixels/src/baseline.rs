//! TIFFs of the baseline (TIFF 6.0, part 1) that the decoder leaves to others: palettes, grey of few bits or with alpha, CCITT
//! coding in one dimension and of group 3, and YCbCr that is not coded as JPEG.

use std::io::{BufRead, Cursor, Seek};

use ::tiff::decoder::{Decoder, DecodingResult, Limits};
use ::tiff::tags::Tag;
use image::{DynamicImage, GrayAlphaImage, GrayImage, RgbImage};

use super::fax;
use super::tiff_directory::{is_tiff, whole_colour_map};

/// Values of `PhotometricInterpretation`.
const WHITE_IS_ZERO: u16 = 0;
const BLACK_IS_ZERO: u16 = 1;
const RGB: u16 = 2;
const PALETTE: u16 = 3;
const YCBCR: u16 = 6;
/// Values of `Compression`: old and new JPEG.
const JPEG: [u16; 2] = [6, 7];
/// What decoding may take beside the pixels, in bytes.
const SPARE: usize = 1 << 20;

/// What the header of such a TIFF declares.
#[derive(Clone, Copy, Debug)]
pub struct BaselineImage {
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// Channels as decoded.
    pub channels: u8,
    /// EXIF orientation, 1 to 8.
    pub orientation: u8,
    kind: BaselineForm,
    is_inverted: bool,
}

#[derive(Clone, Copy, Debug)]
enum BaselineForm {
    /// An index into a palette for each pixel (section 5).
    Palette,
    /// Grey of 2 or 4 bits (section 4).
    FewBits,
    GreyAlpha,
    YCbCr,
    /// Black and white (sections 10 and 11).
    Fax,
}

/// The header of such a TIFF. None for any other file. The input is at its start again afterwards.
pub fn header(input: &mut (impl BufRead + Seek)) -> Option<BaselineImage> {
    if !is_tiff(input.fill_buf().ok()?) {
        return None;
    }
    let header = read_header(&mut *input);
    input.rewind().ok()?;
    header
}

fn read_header(input: &mut (impl BufRead + Seek)) -> Option<BaselineImage> {
    let mut decoder = Decoder::new(input).ok()?;
    let (width, height) = decoder.dimensions().ok()?;
    let mut tag = |tag: Tag| {
        let values = decoder.find_tag_unsigned_vec::<u16>(tag).ok().flatten();
        values.and_then(|values| values.first().copied())
    };
    let colours = tag(Tag::PhotometricInterpretation)?;
    let compression = tag(Tag::Compression).unwrap_or(1);
    let (bits, samples) = (
        tag(Tag::BitsPerSample).unwrap_or(1),
        tag(Tag::SamplesPerPixel).unwrap_or(1),
    );
    let turn = tag(Tag::Orientation).filter(|turn| (1..=8).contains(turn));
    let is_grey = matches!(colours, WHITE_IS_ZERO | BLACK_IS_ZERO);
    let (kind, channels) = match (colours, bits, samples) {
        _ if is_grey && fax::is_coding(compression) => (BaselineForm::Fax, 1),
        (PALETTE, ..) => (BaselineForm::Palette, 3),
        (_, 2 | 4, 1) if is_grey => (BaselineForm::FewBits, 1),
        (_, 8, 2) if is_grey => (BaselineForm::GreyAlpha, 2),
        (YCBCR, 8, 3) if !JPEG.contains(&compression) => (BaselineForm::YCbCr, 3),
        _ => return None,
    };
    (width > 0 && height > 0).then(|| BaselineImage {
        size: [width, height],
        channels,
        orientation: turn.map_or(1, |turn| turn as u8),
        kind,
        is_inverted: colours == WHITE_IS_ZERO,
    })
}

/// Decodes such a TIFF, into 8 bits per channel. None for any other file.
pub fn decode(bytes: &[u8]) -> Option<Result<DynamicImage, String>> {
    let header = header(&mut Cursor::new(bytes))?;
    Some(match header.kind {
        BaselineForm::Palette => palette(bytes, header.size),
        BaselineForm::FewBits => few_bits(bytes, &header),
        BaselineForm::GreyAlpha => grey_alpha(bytes, &header),
        BaselineForm::YCbCr => ycbcr(bytes, header.size),
        BaselineForm::Fax => fax::decode(bytes, header.size, header.is_inverted).map(Into::into),
    })
}

/// The file decoded as if its colours were others, of which the decoder passes on the values.
fn as_colours(
    bytes: &[u8],
    size: [u32; 2],
    colours: u16,
    channels: usize,
) -> Result<Decoder<Cursor<Vec<u8>>>, String> {
    let patched = patched(bytes, colours).ok_or("its first directory cannot be read")?;
    let decoder = Decoder::new(Cursor::new(patched)).map_err(|e| e.to_string())?;
    // A few bytes may declare values of gigabytes.
    let values = size.map(|side| side as usize).iter().product::<usize>() * channels;
    let mut limits = Limits::default();
    limits.ifd_value_size = SPARE;
    limits.decoding_buffer_size = values.saturating_add(SPARE);
    limits.intermediate_buffer_size = values.saturating_add(SPARE);
    Ok(decoder.with_limits(limits))
}

fn values_of(decoder: &mut Decoder<Cursor<Vec<u8>>>) -> Result<Vec<u8>, String> {
    match decoder.read_image().map_err(|e| e.to_string())? {
        DecodingResult::U8(values) => Ok(values),
        _ => Err("its samples are not of 8 bits or less".into()),
    }
}

/// Values of few bits, one for each pixel, and how many bits they have.
fn samples(
    decoder: &mut Decoder<Cursor<Vec<u8>>>,
    [width, height]: [u32; 2],
) -> Result<(Vec<u8>, u8), String> {
    let bits = decoder.find_tag_unsigned::<u8>(Tag::BitsPerSample);
    let bits = bits.ok().flatten().unwrap_or(1);
    if !matches!(bits, 1 | 2 | 4 | 8) {
        return Err(format!("samples of {bits} bits are not supported"));
    }
    let values = values_of(decoder)?;
    let [width, height] = [width, height].map(|side| side as usize);
    let row_bytes = (width * usize::from(bits)).div_ceil(8);
    let is_packed = bits < 8 && values.len() >= row_bytes * height && values.len() < width * height;
    let value = |x: usize, y: usize| -> Option<u8> {
        if bits == 8 || !is_packed {
            return values.get(y * width + x).copied();
        }
        let at = x * usize::from(bits);
        let byte = *values.get(y * row_bytes + at / 8)?;
        let shift = 8 - bits - (at % 8) as u8;
        Some((byte >> shift) & ((1 << bits) - 1))
    };
    let all = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let all: Option<Vec<u8>> = all.map(|(x, y)| value(x, y)).collect();
    Ok((all.ok_or("it has fewer pixels than it declares")?, bits))
}

fn palette(bytes: &[u8], size: [u32; 2]) -> Result<DynamicImage, String> {
    // Read as grey, the values of its pixels are the indices.
    let mut decoder = as_colours(bytes, size, BLACK_IS_ZERO, 1)?;
    let palette = decoder.get_tag_u16_vec(Tag::ColorMap);
    let palette = palette.map_err(|e| format!("its palette cannot be read: {e}"))?;
    let palette = whole_colour_map(palette.into_iter().map(u64::from).collect());
    let (indices, bits) = samples(&mut decoder, size)?;
    let colours = 1_usize << bits;
    if palette.len() < 3 * colours {
        return Err(format!(
            "its palette has {} values, not {}",
            palette.len(),
            3 * colours
        ));
    }
    let pixels = indices.into_iter().flat_map(|index| {
        // 16 bits per colour: all reds, then all greens, then all blues.
        let colour =
            |channel: usize| palette[channel * colours + usize::from(index).min(colours - 1)];
        [0, 1, 2].map(|channel| (colour(channel) >> 8) as u8)
    });
    let image = RgbImage::from_raw(size[0], size[1], pixels.collect());
    image.map(Into::into).ok_or_else(too_few)
}

fn few_bits(bytes: &[u8], header: &BaselineImage) -> Result<DynamicImage, String> {
    let mut decoder = as_colours(bytes, header.size, BLACK_IS_ZERO, 1)?;
    let (values, bits) = samples(&mut decoder, header.size)?;
    let most = (1_u8 << bits) - 1;
    let turned = |value: u8| {
        if header.is_inverted {
            most - value
        } else {
            value
        }
    };
    let pixels = values
        .into_iter()
        .map(|value| turned(value.min(most)) * (255 / most));
    let image = GrayImage::from_raw(header.size[0], header.size[1], pixels.collect());
    image.map(Into::into).ok_or_else(too_few)
}

fn grey_alpha(bytes: &[u8], header: &BaselineImage) -> Result<DynamicImage, String> {
    let mut decoder = as_colours(bytes, header.size, BLACK_IS_ZERO, 2)?;
    let mut values = values_of(&mut decoder)?;
    if header.is_inverted {
        values
            .iter_mut()
            .step_by(2)
            .for_each(|grey| *grey = 255 - *grey);
    }
    let image = GrayAlphaImage::from_raw(header.size[0], header.size[1], values);
    image.map(Into::into).ok_or_else(too_few)
}

fn ycbcr(bytes: &[u8], size: [u32; 2]) -> Result<DynamicImage, String> {
    let mut decoder = as_colours(bytes, size, RGB, 3)?;
    let subsampling = decoder.get_tag_u16_vec(Tag::Unknown(530));
    // Without the tag it is 2, 2 (section 21).
    if subsampling.ok().as_deref() != Some(&[1, 1]) {
        return Err("YCbCr with subsampling is not supported".into());
    }
    let mut values = values_of(&mut decoder)?;
    for pixel in values.chunks_exact_mut(3) {
        let [y, cb, cr] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
        let (cb, cr) = (cb - 128.0, cr - 128.0);
        let rgb = [
            y + 1.402 * cr,
            y - 0.344_136 * cb - 0.714_136 * cr,
            y + 1.772 * cb,
        ];
        pixel.copy_from_slice(&rgb.map(|v| v.round().clamp(0.0, 255.0) as u8));
    }
    let image = RgbImage::from_raw(size[0], size[1], values);
    image.map(Into::into).ok_or_else(too_few)
}

fn too_few() -> String {
    "it has fewer pixels than it declares".into()
}

/// The file with other colours declared of its first image.
fn patched(bytes: &[u8], colours: u16) -> Option<Vec<u8>> {
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
            let colours = match is_little {
                true => colours.to_le_bytes(),
                false => colours.to_be_bytes(),
            };
            let mut patched = bytes.to_vec();
            patched.get_mut(value..value + 2)?.copy_from_slice(&colours);
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

    /// A TIFF of one strip with these entries beside those that all have.
    fn strip(size: [u16; 2], bits: &[u16], more: &[(u16, u16)], data: &[u8]) -> Vec<u8> {
        let entries = 7 + more.len() as u32;
        let start = 8 + 2 + 12 * entries + 4;
        let end = start + data.len() as u32;
        let short = |value: u16| (3, 1, u32::from(value));
        let bits_entry = match *bits {
            [one] => short(one),
            [a, b] => (3, 2, u32::from(b) << 16 | u32::from(a)),
            _ => (3, bits.len() as u32, end),
        };
        let mut all = vec![
            (256, short(size[0])),
            (257, short(size[1])),
            (258, bits_entry),
            (273, (4, 1, start)),
            (277, short(bits.len() as u16)),
            (278, short(size[1])),
            (279, (4, 1, data.len() as u32)),
        ];
        all.extend(more.iter().map(|(tag, value)| match tag {
            // Two numbers, of which both are this one.
            530 => (*tag, (3, 2, u32::from(*value) << 16 | u32::from(*value))),
            _ => (*tag, short(*value)),
        }));
        all.sort_unstable();
        let mut out = b"II*\0\x08\0\0\0".to_vec();
        out.extend((all.len() as u16).to_le_bytes());
        for (tag, (kind, count, value)) in all {
            out.extend(u16::to_le_bytes(tag));
            out.extend(u16::to_le_bytes(kind));
            out.extend(u32::to_le_bytes(count));
            out.extend(value.to_le_bytes());
        }
        out.extend([0; 4]);
        out.extend(data);
        out.extend(bits.iter().flat_map(|bits| bits.to_le_bytes()));
        out
    }

    fn hex(text: &str) -> Vec<u8> {
        let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(byte).collect()
    }

    #[test]
    fn grey_of_few_bits_and_either_direction_is_read() {
        let cases: [(u16, u16, &[u8], [u8; 3]); 4] = [
            (4, 1, &[0x0f, 0x10, 0, 0], [0, 255, 17]),
            (4, 0, &[0x0f, 0x10, 0, 0], [255, 0, 238]),
            (2, 1, &[0b0011_0100, 0], [0, 255, 85]),
            (2, 0, &[0b0011_0100, 0], [255, 0, 170]),
        ];
        for (bits, colours, data, wanted) in cases {
            let more = [(259, 1), (262, colours)];
            let bytes = strip([3, 2], &[bits], &more, data);
            let header = super::super::measure_bytes(&bytes).unwrap();
            assert_eq!((header.width, header.height, header.channels), (3, 2, 1));
            let image = super::super::decode(&bytes, 100).unwrap().into_luma8();
            assert_eq!(
                image.as_raw()[..3],
                wanted,
                "{bits} bits, colours {colours}"
            );
        }
    }

    #[test]
    fn ycbcr_and_grey_with_alpha_are_read_without_jpeg() {
        for (colours, first) in [(1, [9, 255]), (0, [246, 255])] {
            let more = [(259, 1), (262, colours), (338, 2)];
            let bytes = strip([2, 1], &[8, 8], &more, &[9, 255, 7, 0]);
            let header = super::super::measure_bytes(&bytes).unwrap();
            assert_eq!((header.width, header.channels, header.depth), (2, 2, 8));
            let image = super::super::decode(&bytes, 100).unwrap();
            assert_eq!(image.as_luma_alpha8().unwrap().get_pixel(0, 0).0, first);
        }
        // Red as JFIF has it.
        let ycbcr = |subsampling| {
            let more = [(259, 1), (262, 6), (530, subsampling)];
            let bytes = strip([2, 1], &[8, 8, 8], &more, &[76, 85, 255, 255, 128, 128]);
            super::super::decode(&bytes, 100)
        };
        let image = ycbcr(1).unwrap().into_rgb8();
        assert_eq!(image.as_raw()[..], [254, 0, 0, 255, 255, 255]);
        assert!(ycbcr(2).unwrap_err().contains("not supported"));
    }

    #[test]
    fn colours_multiplied_by_their_opacity_are_divided_and_cut_so() {
        // Bits, colours, what the last sample is, a pixel as stored and as it is: as RGBA.
        type Case<'a> = (&'a [u16], u16, u16, &'a [u8], [u8; 4]);
        let cases: [Case; 5] = [
            (&[8; 4], 2, 1, &[60, 40, 100, 128], [120, 80, 199, 128]),
            (&[8; 4], 2, 2, &[60, 40, 100, 128], [60, 40, 100, 128]),
            (&[8; 2], 1, 1, &[60, 128], [120, 120, 120, 128]),
            (&[8; 2], 0, 1, &[195, 128], [120, 120, 120, 128]),
            (&[8; 2], 1, 2, &[60, 128], [60, 60, 60, 128]),
        ];
        for (bits, colours, opacity, data, wanted) in cases {
            let more = [(259, 1), (262, colours), (338, opacity)];
            let bytes = strip([1, 1], bits, &more, data);
            let image = super::super::decode(&bytes, 100).unwrap().into_rgba8();
            assert_eq!(image[(0, 0)].0, wanted, "{data:?}");
            let cut = crate::Crop::open(&bytes).unwrap().cut([0, 0, 1, 1]);
            let cut = image::load_from_memory(&cut.unwrap()).unwrap().into_rgba8();
            assert_eq!(cut[(0, 0)].0, wanted, "{data:?}");
        }
    }

    /// 24 x 3 pixels, written by libtiff: black are 5 to 11 of the first row, every third of the second, 20 to 23 of the third.
    #[test]
    fn fax_coding_gives_its_runs() {
        let black = |x: usize, y: usize| match y {
            0 => (5..12).contains(&x),
            1 => x.is_multiple_of(3),
            _ => (20..24).contains(&x),
        };
        let cases = [
            (2, "353f0e1f1f1f1f1f1f1f1f350d16"),
            (3, "001353f0e0023e3e3e3e3e3e3e3e0026a1a2c0"),
        ];
        for (coding, data) in cases {
            let data = hex(data);
            let more = [(259, coding), (262, 1)];
            for mirrored in [false, true] {
                let data: Vec<u8> = match mirrored {
                    true => data.iter().map(|byte| byte.reverse_bits()).collect(),
                    false => data.clone(),
                };
                let more = [&more[..], &[(266, if mirrored { 2 } else { 1 })]].concat();
                let whole = strip([24, 3], &[1], &more, &data);
                let image = super::super::decode(&whole, 100).unwrap().into_luma8();
                for (x, y, pixel) in image.enumerate_pixels() {
                    // Black is zero: what fax calls black, the runs of ones, is white.
                    let wanted = if black(x as usize, y as usize) {
                        0
                    } else {
                        255
                    };
                    assert_eq!(pixel.0, [wanted], "coding {coding} at {x},{y}");
                }
                let cut = strip([24, 3], &[1], &more, &data[..data.len() - 5]);
                assert!(super::super::decode(&cut, 100).is_err(), "coding {coding}");
            }
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
