//! What files are that recto does not read, by their first bytes: other types of images, videos, documents, archives.

/// Whether a file is an image of a type that is not read, by its first bytes.
pub fn is_unread_image(start: &[u8]) -> bool {
    let is_image = |name: &str| !OTHERS.iter().any(|(_, _, other)| *other == name);
    unsupported_type(start).is_some_and(is_image)
}

/// The words that every message about a file of a type or kind that is not read has: later runs know it by them.
pub const NOT_SUPPORTED: &str = "not supported";

/// Whether a message, of [`Flaw::Refused`](super::Flaw::Refused), is about a sound file that is not read.
pub fn is_about_unsupported(message: &str) -> bool {
    message.contains(NOT_SUPPORTED)
}

/// Whether a message about a file of a type that is not supported is about none of images: what a server gives instead of one.
pub fn is_about_no_image(message: &str) -> bool {
    OTHERS
        .iter()
        .any(|(_, _, other)| message.starts_with(other))
}

/// Where the mark of a type stands, the mark, and the name of the type.
type Mark = (usize, &'static [u8], &'static str);

/// Image types that recto does not read, by their first bytes.
const UNREAD: [Mark; 50] = [
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypavis", "AVIF"),
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypheix", "HEIC"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftypmsf1", "HEIF"),
    (4, b"ftypcrx ", "Canon CR3"),
    (4, b"jP  \r\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (4, b"JXL \r\n", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"8BPS", "Photoshop"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"\0\0\x01\0", "ICO"),
    (0, b"SIMPLE  =", "FITS"),
    (128, b"DICM", "DICOM"),
    (0, b"AT&TFORM", "DjVu"),
    (0, b"DDS ", "DDS"),
    (0, b"icns", "ICNS"),
    (0, b"%!PS-Adobe", "EPS or PostScript"),
    (0, b"\xc5\xd0\xd3\xc6", "EPS"),
    (0, b"II\xbc\x01", "JPEG XR"),
    (0, b"\0\0\x02\0", CURSOR),
    (0, b"qoif", "QOI"),
    (0, b"farbfeld", "farbfeld"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"#?RGBE", "Radiance HDR"),
    (0, b"gimp xcf", "GIMP XCF"),
    (0, b"BPG\xfb", "BPG"),
    (0, b"FLIF", "FLIF"),
    (0, b"\x8aMNG\r\n", "MNG"),
    (0, b"\x8bJNG\r\n", "JNG"),
    (8, b"ILBM", "ILBM"),
    (8, b"PBM ", "ILBM"),
    (0, b"\x59\xa6\x6a\x95", "Sun raster"),
    (0, b"\xd7\xcd\xc6\x9a", "WMF"),
    (40, b" EMF", "EMF"),
    (0, b"P1", PNM),
    (0, b"P2", PNM),
    (0, b"P3", PNM),
    (0, b"P4", PNM),
    (0, b"P5", PNM),
    (0, b"P6", PNM),
    (0, b"P7\n", PNM),
    (0, b"Pf\n", "PFM"),
    (0, b"PF\n", "PFM"),
    (0, b"#define ", "XBM"),
    (0, b"/* XPM */", "XPM"),
    (0, b"\x01\xda", SGI),
    (0, b"\x0a", PCX),
];

/// Types that are no images, by their first bytes.
const OTHERS: [Mark; 14] = [
    (4, b"ftyp", "MP4 or QuickTime video"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM video"),
    (8, b"AVI ", "AVI video"),
    (0, b"FLV\x01", "Flash video"),
    (0, b"\0\0\x01\xba", "MPEG video"),
    (0, b"OggS", "Ogg"),
    (0, b"ID3", "MP3"),
    (0, b"%PDF-", "PDF"),
    (0, b"PK\x03\x04", "ZIP"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"7z\xbc\xaf", "7-Zip"),
    (0, b"Rar!", "RAR"),
    (0, b"\xfd7zXZ", "xz"),
    (257, b"ustar", "tar"),
];

const PNM: &str = "PBM, PGM or PPM";
const SGI: &str = "SGI";
const PCX: &str = "PCX";
const CURSOR: &str = "Windows cursor";

/// The name of a type that recto does not read, by the first bytes.
pub fn unsupported_type(bytes: &[u8]) -> Option<&'static str> {
    let is_bmp = bytes.starts_with(b"BM") && bytes.get(6..10) == Some(&[0; 4]);
    let found = UNREAD.iter().chain(&OTHERS).find(|(at, magic, name)| {
        let is_there = bytes.get(*at..).is_some_and(|b| b.starts_with(magic));
        is_there && is_believable(name, bytes)
    });
    let found = found.map(|(_, _, name)| *name);
    found
        .or_else(|| is_bmp.then_some("BMP"))
        .or_else(|| is_svg(bytes).then_some("SVG"))
        .or_else(|| is_tga(bytes).then_some("TGA"))
}

/// Whether what follows a short mark is what follows it in such a file.
fn is_believable(name: &str, bytes: &[u8]) -> bool {
    match name {
        PNM => bytes
            .get(2)
            .is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b'#'),
        // How it is coded, and bytes per channel.
        SGI => matches!(bytes, [_, _, 0 | 1, 1 | 2, 0, 1..=3, ..]),
        // Its version, run lengths, and bits per channel.
        PCX => matches!(bytes, [_, 0..=5, 0 | 1, 1 | 2 | 4 | 8, ..]),
        // How many images it holds.
        CURSOR => bytes.get(4).is_some_and(|count| *count > 0),
        _ => true,
    }
}

/// Whether the 18 bytes of a header are those of a TGA, which has no mark in front.
fn is_tga(bytes: &[u8]) -> bool {
    let Some(
        &[
            _,
            has_map,
            kind,
            _,
            _,
            _,
            _,
            map_bits,
            _,
            _,
            _,
            _,
            w0,
            w1,
            h0,
            h1,
            bits,
            flags,
        ],
    ) = bytes.first_chunk::<18>()
    else {
        return false;
    };
    let is_mapped = has_map == 1 && matches!(kind, 1 | 9) && matches!(map_bits, 15 | 16 | 24 | 32);
    let is_plain = has_map == 0 && matches!(kind, 2 | 3 | 10 | 11) && bytes[3..8] == [0; 5];
    let has_size = [w0, w1] != [0, 0] && [h0, h1] != [0, 0];
    (is_mapped || is_plain) && has_size && matches!(bits, 8 | 15 | 16 | 24 | 32) && flags < 64
}

/// Whether the root element of a text is `svg`, which comes after a declaration, comments and a document type.
fn is_svg(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = text.trim_ascii_start();
    let start = &text[..text.len().min(4096)];
    let is_xml = start.starts_with(b"<?xml")
        || start.starts_with(b"<!--")
        || start.starts_with(b"<!DOCTYPE svg");
    start.starts_with(b"<svg")
        || is_xml
            && start.windows(4).any(|part| part == b"<svg")
            && !start
                .windows(5)
                .any(|part| part.eq_ignore_ascii_case(b"<html"))
}
