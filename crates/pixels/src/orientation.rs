//! EXIF orientation: applied to pixels, or removed from a file without changing its pixels. Readers disagree about whether to
//! apply it; without it, all of them see the stored pixels.

use std::ops::Range;

use image::DynamicImage;
use image::metadata::Orientation;

use super::exif;

/// Applies an EXIF orientation, 1 to 8.
pub fn upright(mut image: DynamicImage, orientation: u8) -> DynamicImage {
    image.apply_orientation(
        Orientation::from_exif(orientation).unwrap_or(Orientation::NoTransforms),
    );
    image
}

/// Where a point of the stored image, of `[width, height]` pixels, lies on the upright one, and the size of that.
pub fn upright_point(
    orientation: u8,
    [x, y]: [f64; 2],
    [width, height]: [f64; 2],
) -> ([f64; 2], [f64; 2]) {
    let (right, bottom) = (width - x, height - y);
    let point = match orientation {
        2 => [right, y],
        3 => [right, bottom],
        4 => [x, bottom],
        5 => [y, x],
        6 => [bottom, x],
        7 => [bottom, right],
        8 => [y, right],
        _ => [x, y],
    };
    let size = match orientation {
        5..=8 => [height, width],
        _ => [width, height],
    };
    (point, size)
}

/// Where a point of the upright image lies on the stored one, of `[width, height]` pixels: the inverse of [`upright_point`].
pub fn stored_point(orientation: u8, [x, y]: [f64; 2], [width, height]: [f64; 2]) -> [f64; 2] {
    match orientation {
        2 => [width - x, y],
        3 => [width - x, height - y],
        4 => [x, height - y],
        5 => [y, x],
        6 => [y, height - x],
        7 => [width - y, height - x],
        8 => [width - y, x],
        _ => [x, y],
    }
}

/// The same file without orientation, in EXIF or XMP. Files other than JPEG, PNG, TIFF and WebP stay as they are.
pub fn without_orientation(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return without_exif_of_png(bytes);
    }
    let spans = match &bytes[..] {
        [0xff, 0xd8, ..] => metadata_of_jpeg(&bytes),
        [b'R', b'I', b'F', b'F', ..] => metadata_of_webp(&bytes),
        [b'I', b'I', ..] | [b'M', b'M', ..] => vec![(Kind::Exif, 0..bytes.len())],
        _ => Vec::new(),
    };
    for (kind, span) in spans {
        match kind {
            Kind::Exif => exif::set_upright(&mut bytes[span]),
            Kind::Xmp => exif::set_xmp_upright(&mut bytes[span]),
        }
    }
    bytes
}

/// What may state an orientation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Exif,
    Xmp,
}

/// Positions of EXIF and XMP in a JPEG: in APP1 segments before the first scan.
fn metadata_of_jpeg(bytes: &[u8]) -> Vec<(Kind, Range<usize>)> {
    const STARTS: [(Kind, &[u8]); 2] = [(Kind::Exif, b"Exif\0\0"), (Kind::Xmp, exif::XMP_OF_JPEG)];
    let mut spans = Vec::new();
    let mut at = 2;
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4) {
        if marker == 0xff {
            at += 1;
            continue;
        }
        let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
        // The length includes its own two bytes.
        let Some(body) = bytes.get(at + 4..end).filter(|_| marker != 0xda) else {
            break;
        };
        let found = STARTS.iter().filter(|(_, start)| body.starts_with(start));
        let found = found.filter(|_| marker == 0xe1);
        spans.extend(found.map(|(kind, start)| (*kind, at + 4 + start.len()..end)));
        at = end;
    }
    spans
}

/// Positions of EXIF and XMP in a WebP: in chunks `EXIF`, some of which begin like those of a JPEG, and `XMP `.
fn metadata_of_webp(bytes: &[u8]) -> Vec<(Kind, Range<usize>)> {
    let mut spans = Vec::new();
    let mut at = 12;
    while let Some(head) = bytes.get(at..at + 8) {
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let end = (at + 8).saturating_add(size).min(bytes.len());
        if head.starts_with(b"EXIF") {
            let skip = if bytes[at + 8..end].starts_with(b"Exif\0\0") {
                6
            } else {
                0
            };
            spans.push((Kind::Exif, at + 8 + skip..end));
        } else if head.starts_with(b"XMP ") {
            spans.push((Kind::Xmp, at + 8..end));
        }
        at = end.saturating_add(size % 2);
    }
    spans
}

/// A PNG without chunks that hold EXIF, and with XMP that says upright. Those are removed and not changed, because they have
/// checksums; XMP, which may name rights, only where it is packed.
fn without_exif_of_png(bytes: Vec<u8>) -> Vec<u8> {
    let mut kept = bytes[..8].to_vec();
    let mut at = 8;
    while let Some(head) = bytes.get(at..at + 8) {
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let end = (at + 12).saturating_add(size).min(bytes.len());
        let chunk = &bytes[at..end];
        match metadata_in_chunk(&chunk[4..]) {
            None => kept.extend_from_slice(chunk),
            Some(Kind::Exif) => {}
            Some(Kind::Xmp) => kept.extend(upright_xmp(chunk).unwrap_or_default()),
        }
        at = end;
    }
    kept.extend_from_slice(bytes.get(at..).unwrap_or_default());
    kept
}

/// What of metadata a chunk of a PNG holds, from its name on.
fn metadata_in_chunk(chunk: &[u8]) -> Option<Kind> {
    let (name, body) = chunk.split_at_checked(4)?;
    let keyword = body.split(|byte| *byte == 0).next()?;
    let is_one_of = |names: &[&str]| names.iter().any(|name| name.as_bytes() == keyword);
    match name {
        b"eXIf" => Some(Kind::Exif),
        b"tEXt" | b"zTXt" if is_one_of(&exif::PROFILES_OF_PNG) => Some(Kind::Exif),
        b"iTXt" if is_one_of(&[exif::XMP_OF_PNG]) => Some(Kind::Xmp),
        _ => None,
    }
}

/// A chunk of XMP that says upright; none if it is packed or cut short.
fn upright_xmp(chunk: &[u8]) -> Option<Vec<u8>> {
    // Its length, its name, the keyword and a zero; then 0 if it is not packed.
    let is_plain = chunk.get(8 + exif::XMP_OF_PNG.len() + 1) == Some(&0);
    let mut upright = chunk.to_vec();
    let (content, checksum) = upright.split_last_chunk_mut::<4>()?;
    exif::set_xmp_upright(content);
    let mut sum = flate2::Crc::new();
    sum.update(content.get(4..)?);
    *checksum = sum.sum().to_be_bytes();
    is_plain.then_some(upright)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure_bytes;
    use image::{DynamicImage, ExtendedColorType, ImageEncoder};
    use proptest::prelude::*;

    /// EXIF of one entry: the orientation.
    fn exif(orientation: u8) -> Vec<u8> {
        let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        exif
    }

    fn picture(encode: impl FnOnce(&mut Vec<u8>, &[u8])) -> Vec<u8> {
        let pixels = DynamicImage::new_rgb8(6, 4).to_rgb8().into_raw();
        let mut bytes = Vec::new();
        encode(&mut bytes, &pixels);
        bytes
    }

    fn pictures(orientation: u8) -> [(&'static str, Vec<u8>); 3] {
        use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
        let rgb = ExtendedColorType::Rgb8;
        let jpeg = picture(|out, pixels| {
            let mut encoder = JpegEncoder::new(out);
            encoder.set_exif_metadata(exif(orientation)).unwrap();
            encoder.write_image(pixels, 6, 4, rgb).unwrap();
        });
        let png = picture(|out, pixels| {
            let mut encoder = PngEncoder::new(out);
            encoder.set_exif_metadata(exif(orientation)).unwrap();
            encoder.write_image(pixels, 6, 4, rgb).unwrap();
        });
        let webp = picture(|out, pixels| {
            let mut encoder = WebPEncoder::new_lossless(out);
            encoder.set_exif_metadata(exif(orientation)).unwrap();
            encoder.write_image(pixels, 6, 4, rgb).unwrap();
        });
        [("jpeg", jpeg), ("png", png), ("webp", webp)]
    }

    #[test]
    fn a_turn_is_taken_out_and_the_pixels_stay() {
        for (name, bytes) in pictures(6) {
            assert_eq!(measure_bytes(&bytes).unwrap().orientation, 6, "{name}");
            let untagged = without_orientation(bytes.clone());
            let header = measure_bytes(&untagged).unwrap();
            assert_eq!((header.orientation, header.width), (1, 6), "{name}");
            let decoded = |b: &[u8]| crate::decode(b, 99).unwrap().to_rgb8();
            assert!(decoded(&untagged) == decoded(&bytes), "{name}");
        }
        let gif = b"GIF89a".to_vec();
        assert_eq!(without_orientation(gif.clone()), gif);
    }

    #[test]
    fn a_segment_that_says_to_be_shorter_than_its_length_ends_the_search() {
        for length in 0..2 {
            let bytes = [0xff, 0xd8, 0xff, 0xe1, 0, length, b'E', b'x', b'i', b'f'];
            assert_eq!(metadata_of_jpeg(&bytes), []);
        }
    }

    /// A chunk of a PNG before its pixels.
    fn with_chunk(png: &[u8], name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let mut sum = flate2::Crc::new();
        sum.update(name);
        sum.update(body);
        let length = (body.len() as u32).to_be_bytes();
        let chunk = [&length[..], name, body, &sum.sum().to_be_bytes()].concat();
        // After the header.
        [&png[..33], &chunk, &png[33..]].concat()
    }

    #[test]
    fn a_turn_in_a_profile_of_a_png_or_in_xmp_is_obeyed_and_taken_out() {
        let png = picture(|out, pixels| {
            let encoder = image::codecs::png::PngEncoder::new(out);
            let rgb = ExtendedColorType::Rgb8;
            encoder.write_image(pixels, 6, 4, rgb).unwrap();
        });
        let digits: String = exif(6).iter().map(|byte| format!("{byte:02x}")).collect();
        let profile = format!("Raw profile type exif\0\nexif\n      26\n{digits}\n");
        let xmp = b"<rdf:Description tiff:Orientation=\"6\" xmpRights:Owner=\"A\"/>";
        let in_png = [&b"XML:com.adobe.xmp\0\0\0\0\0"[..], xmp].concat();
        let jpeg = picture(|out, pixels| {
            let encoder = image::codecs::jpeg::JpegEncoder::new(out);
            let rgb = ExtendedColorType::Rgb8;
            encoder.write_image(pixels, 6, 4, rgb).unwrap();
        });
        let body = [exif::XMP_OF_JPEG, xmp].concat();
        let length = (body.len() as u16 + 2).to_be_bytes();
        let rest = &jpeg[2..];
        let cases = [
            ("tEXt", with_chunk(&png, b"tEXt", profile.as_bytes()), false),
            ("iTXt", with_chunk(&png, b"iTXt", &in_png), true),
            (
                "jpeg",
                [&[0xff, 0xd8, 0xff, 0xe1][..], &length, &body, rest].concat(),
                true,
            ),
        ];
        for (name, bytes, has_rights) in cases {
            assert_eq!(measure_bytes(&bytes).unwrap().orientation, 6, "{name}");
            let upright = without_orientation(bytes);
            assert_eq!(measure_bytes(&upright).unwrap().orientation, 1, "{name}");
            let kept = upright.windows(5).any(|words| words == b"Owner");
            assert_eq!(kept, has_rights, "{name}");
            assert!(crate::decode(&upright, 99).is_ok(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(cut in 0usize..200, at in 0usize..200, byte: u8) {
            for (_, mut bytes) in pictures(8) {
                bytes.truncate(bytes.len().saturating_sub(cut));
                if let Some(b) = bytes.get_mut(at) { *b = byte; }
                without_orientation(bytes);
            }
        }
    }
}
