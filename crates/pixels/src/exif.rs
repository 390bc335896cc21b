//! The orientation that metadata state: in EXIF, in the profile that ImageMagick keeps EXIF of a PNG in, or else in XMP: all that
//! Pillow's `exif_transpose` obeys. Browsers obey EXIF alone, and that only where the number has two bytes.

use std::io::{BufRead, Seek};

/// Before XMP in a JPEG.
pub const XMP_OF_JPEG: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// What XMP is called in a PNG.
pub const XMP_OF_PNG: &str = "XML:com.adobe.xmp";
/// What ImageMagick calls EXIF in a PNG.
pub const PROFILES_OF_PNG: [&str; 2] = ["Raw profile type exif", "Raw profile type APP1"];
/// The most bytes of metadata of a PNG, inflated.
const MOST: usize = 1 << 20;

/// The orientation, 1 to 8, by what EXIF and XMP state; 1 if they state none. That of EXIF counts, even if it is none that exists.
pub fn orientation(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> u8 {
    let of_exif = exif.and_then(|exif| Some(number(exif, &entry(exif)?)));
    let of_xmp = || xmp.and_then(|xmp| Some(u32::from(xmp[place_in_xmp(xmp)?] - b'0')));
    let stated = of_exif.or_else(of_xmp).unwrap_or(1);
    let turn = u8::try_from(stated).ok();
    turn.filter(|turn| (1..=8).contains(turn)).unwrap_or(1)
}

/// The orientation of a PNG, 1 to 8, by what stands before its pixels.
pub fn orientation_of_png(input: &mut (impl BufRead + Seek)) -> u8 {
    let limits = png::Limits { bytes: 16 * MOST };
    let Ok(reader) = png::Decoder::new_with_limits(input, limits).read_info() else {
        return 1;
    };
    let info = reader.info();
    let exif = info.exif_metadata.as_ref().map(|exif| exif.to_vec());
    let exif = exif.or_else(|| profile_of_png(info));
    let mut xmp = info
        .utf8_text
        .iter()
        .filter(|text| text.keyword == XMP_OF_PNG);
    let xmp = xmp.next().cloned().and_then(|mut text| {
        text.decompress_text_with_limit(MOST).ok()?;
        text.get_text().ok()
    });
    orientation(exif.as_deref(), xmp.as_deref().map(str::as_bytes))
}

/// EXIF as ImageMagick keeps it in a PNG: a line end, a name, a length and hexadecimal digits in lines.
fn profile_of_png(info: &png::Info) -> Option<Vec<u8>> {
    let is_profile = |keyword: &str| PROFILES_OF_PNG.contains(&keyword);
    let packed = info.compressed_latin1_text.iter();
    let packed = packed.filter(|text| is_profile(&text.keyword)).map(|text| {
        let mut text = text.clone();
        text.decompress_text_with_limit(MOST).ok()?;
        text.get_text().ok()
    });
    let plain = info.uncompressed_latin1_text.iter();
    let plain = plain
        .filter(|text| is_profile(&text.keyword))
        .map(|text| Some(text.text.clone()));
    let text = packed.chain(plain).flatten().take(1).next()?;
    let mut lines = text.trim_start().lines().skip(2).flat_map(str::bytes);
    let mut bytes = Vec::new();
    while let Some(high) = lines.find(|byte| !byte.is_ascii_whitespace()) {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push((digit(high)? << 4 | digit(lines.next()?)?) as u8);
    }
    Some(match bytes.strip_prefix(b"Exif\0\0") {
        Some(exif) => exif.to_vec(),
        None => bytes,
    })
}

/// Where the number of the orientation stands.
struct Entry {
    at: usize,
    bytes: usize,
    is_big: bool,
}

/// The entry of the orientation in the first directory (Exif 2.32, 4.6.2): a number of one, two or four bytes, or none.
fn entry(exif: &[u8]) -> Option<Entry> {
    let is_big = match exif.first_chunk()? {
        b"II*\0" => false,
        b"MM\0*" => true,
        _ => return None,
    };
    let get = |at: usize, bytes: usize| {
        Some(number(exif, &Entry { at, bytes, is_big })).filter(|_| at + bytes <= exif.len())
    };
    let directory = get(4, 4)? as usize;
    let count = get(directory, 2)? as usize;
    let entries = (0..count).map(|n| directory + 2 + 12 * n);
    for at in entries {
        if get(at, 2)? != 0x112 {
            continue;
        }
        let bytes = match (get(at + 2, 2)?, get(at + 4, 4)?) {
            (1, 1) => 1,
            (3, 1) => 2,
            (4, 1) => 4,
            // It is stated, and no number.
            _ => 0,
        };
        get(at + 8, 4)?;
        return Some(Entry {
            at: at + 8,
            bytes,
            is_big,
        });
    }
    None
}

fn number(exif: &[u8], entry: &Entry) -> u32 {
    let bytes = exif
        .get(entry.at..)
        .unwrap_or_default()
        .iter()
        .take(entry.bytes);
    let join = |number: u32, byte: &u8| number << 8 | u32::from(*byte);
    match entry.is_big {
        true => bytes.fold(0, join),
        false => bytes.rev().fold(0, join),
    }
}

/// Where the digit stands in XMP, by the words that Pillow looks for.
fn place_in_xmp(xmp: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"tiff:Orientation";
    let mut starts = (0..xmp.len()).filter(|at| xmp[*at..].starts_with(NAME));
    starts.find_map(|at| match &xmp[at + NAME.len()..] {
        [b'=', b'"', b'0'..=b'9', ..] => Some(at + NAME.len() + 2),
        [b'>', b'0'..=b'9', ..] => Some(at + NAME.len() + 1),
        _ => None,
    })
}

/// EXIF that says upright where it stated an orientation.
pub fn set_upright(exif: &mut [u8]) {
    if let Some(entry) = entry(exif).filter(|entry| entry.bytes > 0) {
        let number = &mut exif[entry.at..entry.at + entry.bytes];
        number.fill(0);
        let ones = if entry.is_big { entry.bytes - 1 } else { 0 };
        number[ones] = 1;
    }
}

/// XMP that says upright wherever it stated an orientation.
pub fn set_xmp_upright(xmp: &mut [u8]) {
    let mut from = 0;
    while let Some(place) = place_in_xmp(&xmp[from..]) {
        xmp[from + place] = b'1';
        from += place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pillow_obeys_is_obeyed() {
        let exif = |kind: u8, value: [u8; 4]| {
            let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01".to_vec();
            exif.extend([kind, 0, 1, 0, 0, 0]);
            exif.extend(value);
            exif
        };
        let big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01\0\0\0\x06".to_vec();
        let attribute = b"<rdf:Description tiff:Orientation=\"6\"/>";
        let element = b"<tiff:Orientation>6</tiff:Orientation>";
        /// EXIF, XMP, and the orientation.
        type Stated<'a> = (Option<Vec<u8>>, Option<&'a [u8]>, u8);
        let cases: [Stated; 9] = [
            (Some(exif(3, [6, 0, 9, 9])), None, 6),
            (Some(exif(4, [6, 0, 0, 0])), None, 6),
            (Some(exif(1, [6, 9, 9, 9])), None, 6),
            (Some(big), None, 6),
            (Some(exif(4, [9, 0, 0, 0])), Some(attribute), 1),
            (Some(exif(3, [1, 0, 0, 0])), Some(attribute), 1),
            (Some(exif(2, [6, 0, 0, 0])), Some(attribute), 1),
            (None, Some(element), 6),
            (None, Some(b"tiff:Orientation='6'"), 1),
        ];
        for (exif, xmp, wanted) in cases {
            let found = orientation(exif.as_deref(), xmp);
            assert_eq!(found, wanted, "{exif:?} {xmp:?}");
            let (mut exif, mut xmp) = (exif, xmp.map(<[u8]>::to_vec));
            if let Some(exif) = &mut exif {
                set_upright(exif);
            }
            if let Some(xmp) = &mut xmp {
                set_xmp_upright(xmp);
            }
            assert_eq!(orientation(exif.as_deref(), xmp.as_deref()), 1);
        }
    }
}
