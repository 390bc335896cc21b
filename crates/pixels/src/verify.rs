//! Checks that an image is complete: not truncated, not damaged, and not another file under the name of an image.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use image::DynamicImage;
use sha2::{Digest as _, Sha256};
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::decode::decode;
use super::ending;
use super::gif;
use super::guard::guarded;
use super::header::{Header, measure_bytes, measure_in, sniff};
use super::other_types::{NOT_SUPPORTED, unsupported_type};
use super::rare_jpeg::RareJpeg;
pub use super::tiff_directory::is_tiff;
use recto_jpeg as jpeg;
use recto_jpeg::JpegError;

/// What is wrong with the bytes of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// They are not an image that recto reads.
    NotAnImage(String),
    /// They are an image that is truncated or damaged.
    Damaged(String),
    /// They are of a type that is not supported, or declare more pixels than so few bytes can plausibly hold.
    Refused(String),
    /// They cannot be read from the disk.
    Disk(String),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Flaw::NotAnImage(what) | Flaw::Damaged(what) | Flaw::Refused(what) | Flaw::Disk(what)) =
            self;
        f.write_str(what)
    }
}

/// A file that was checked from its first byte to its last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedFile {
    /// Its header.
    pub header: Header,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256, lower-case hex.
    pub sha256: String,
}

/// Up to this many pixels, an image other than JPEG and PNG is decoded to check it; above, only its end is checked.
/// Limits the memory of a check.
const DECODED: u64 = 50_000_000;
/// Up to this many bytes, a JPEG file is read into memory to check it. Real JPEGs are smaller.
const LOADED: u64 = 1 << 30;
/// Of files with more bytes than this, only one at a time is in memory.
const LARGE: u64 = 64 << 20;
static LARGE_ONE: Mutex<()> = Mutex::new(());

/// Up to this many bytes, a file is read once, and hashed and checked in memory.
const SMALL: u64 = 4 << 20;

/// Images of more pixels…
const VAST: u64 = 400_000_000;
/// …are refused if there are more pixels per byte than this: even blank pages have fewer.
const SPARSE: u64 = 2000;

/// JPEGs above [`LARGE`] with more bytes per pixel than this are refused.
const DENSE: u64 = 16;

/// Checks an image in memory.
///
/// # Errors
/// What is wrong with it.
pub fn verify(bytes: &[u8]) -> Result<Header, Flaw> {
    let header =
        measure_bytes(bytes).map_err(|cause| unread(bytes, io::Cursor::new(bytes), &cause))?;
    believable(&header, bytes.len() as u64)?;
    guarded(Flaw::Damaged, || match header.media_type {
        "image/jpeg" => check_jpeg(bytes, &header),
        "image/png" => check_png(io::Cursor::new(bytes)),
        _ => check_other(bytes, &header),
    })?;
    Ok(header)
}

/// Decodes an image of at most `most_pixels`, and proves it whole: decoders make up for what a JPEG lacks.
///
/// # Errors
/// What is wrong with it.
pub fn decode_whole(bytes: &[u8], most_pixels: u64) -> Result<DynamicImage, Flaw> {
    let header = measured(bytes, most_pixels)?;
    guarded(Flaw::Damaged, || match header.media_type {
        "image/jpeg" => check_jpeg(bytes, &header),
        _ => check_length(bytes, &header),
    })?;
    decode(bytes, most_pixels).map_err(|cause| match RareJpeg::of(bytes) {
        Some(rare) => unsupported_kind(header.media_type, rare.coding),
        None => undecodable(&header, &cause),
    })
}

/// Proves that all of an image of at most `most_pixels` can be decoded. Large ones are looked at part by part, where that is
/// possible, so that memory is bounded.
///
/// # Errors
/// What is wrong with it.
pub fn check_pixels(bytes: &[u8], most_pixels: u64) -> Result<(), Flaw> {
    guarded(Flaw::Damaged, || check_pixels_of(bytes, most_pixels))
}

fn check_pixels_of(bytes: &[u8], most_pixels: u64) -> Result<(), Flaw> {
    let header = measured(bytes, most_pixels)?;
    match header.media_type {
        _ if pixels_of(&header) <= DECODED => {}
        "image/jpeg" if RareJpeg::of(bytes).is_none() => return check_jpeg(bytes, &header),
        "image/png" => return check_png(io::Cursor::new(bytes)),
        "image/tiff" if is_whole_tiff(io::Cursor::new(bytes)) => return Ok(()),
        _ => {}
    }
    decode_whole(bytes, most_pixels).map(drop)
}

/// The header of an image that has not too many pixels.
fn measured(bytes: &[u8], most_pixels: u64) -> Result<Header, Flaw> {
    let header =
        measure_bytes(bytes).map_err(|cause| unread(bytes, io::Cursor::new(bytes), &cause))?;
    match pixels_of(&header) <= most_pixels {
        true => Ok(header),
        false => Err(Flaw::Refused(format!(
            "its header declares {} x {} pixels, the limit is {most_pixels}",
            header.width, header.height
        ))),
    }
}

/// Checks an image in memory, and computes its hash.
///
/// # Errors
/// What is wrong with it.
pub fn verify_bytes(bytes: &[u8]) -> Result<VerifiedFile, Flaw> {
    Ok(VerifiedFile {
        header: verify(bytes)?,
        bytes: bytes.len() as u64,
        sha256: hex(&Sha256::digest(bytes)),
    })
}

/// Checks an image file, and computes its hash. Memory holds at most the bytes of the file, and of large files one at a
/// time.
///
/// # Errors
/// What is wrong with it.
pub fn verify_file(path: &Path) -> Result<VerifiedFile, Flaw> {
    let disk = |e: io::Error| Flaw::Disk(format!("{}: {e}", path.display()));
    let mut file = File::open(path).map_err(disk)?;
    let length = file.metadata().map_err(disk)?.len();
    if length <= SMALL {
        let mut bytes = Vec::with_capacity(length as usize + 1);
        file.read_to_end(&mut bytes).map_err(disk)?;
        return verify_bytes(&bytes);
    }
    let header = measure_in(BufReader::new(&file)).map_err(|cause| {
        let mut start = [0; 512];
        let got = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| file.read(&mut start))
            .unwrap_or(0);
        unread(&start[..got], &file, &cause)
    })?;
    believable(&header, length)?;
    file.seek(SeekFrom::Start(0)).map_err(disk)?;
    let (sha256, bytes) = sha256(&mut file).map_err(disk)?;
    let _one_at_a_time =
        (bytes > LARGE).then(|| LARGE_ONE.lock().unwrap_or_else(PoisonError::into_inner));
    guarded(Flaw::Damaged, || match header.media_type {
        "image/jpeg" if bytes > LOADED => ends_as_jpeg(&tail(&mut file).map_err(disk)?),
        "image/jpeg" => check_jpeg(&std::fs::read(path).map_err(disk)?, &header),
        "image/png" => check_png(BufReader::new(File::open(path).map_err(disk)?)),
        "image/tiff" if is_whole_tiff(BufReader::new(File::open(path).map_err(disk)?)) => Ok(()),
        _ => check_other(&std::fs::read(path).map_err(disk)?, &header),
    })?;
    Ok(VerifiedFile {
        header,
        bytes,
        sha256,
    })
}

/// The SHA-256 of what is left to read, as lower-case hex, and the number of bytes.
fn sha256(input: &mut impl Read) -> io::Result<(String, u64)> {
    let (mut hash, mut buffer, mut bytes) = (Sha256::new(), vec![0; 1 << 16], 0);
    loop {
        match input.read(&mut buffer)? {
            0 => return Ok((hex(&hash.finalize()), bytes)),
            n => {
                hash.update(&buffer[..n]);
                bytes += n as u64;
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the first image of a TIFF can be decoded strip by strip or tile by tile. If not, it may still be of a kind
/// that is checked in another way.
fn is_whole_tiff(input: impl io::BufRead + Seek) -> bool {
    let decode = || -> tiff::TiffResult<()> {
        let mut decoder = tiff::decoder::Decoder::new(input)?;
        let chunks = match decoder.get_chunk_type() {
            tiff::decoder::ChunkType::Strip => decoder.strip_count()?,
            tiff::decoder::ChunkType::Tile => decoder.tile_count()?,
        };
        (0..chunks).try_for_each(|chunk| decoder.read_chunk(chunk).map(|_| ()))
    };
    decode().is_ok()
}

/// Refuses few bytes that declare a huge image, and many bytes that declare a small one: they are traps for decoders.
fn believable(header: &Header, bytes: u64) -> Result<(), Flaw> {
    let pixels = pixels_of(header);
    let is_bloated =
        header.media_type == "image/jpeg" && bytes.saturating_sub(LARGE) / DENSE > pixels;
    if (pixels <= VAST || pixels / SPARSE <= bytes) && !is_bloated {
        return Ok(());
    }
    Err(Flaw::Refused(format!(
        "its bytes do not fit its size: {} of {} x {} pixels in {bytes} bytes",
        header.media_type, header.width, header.height
    )))
}

/// What is wrong with a file whose header is not read, by its first bytes. One of a type that is not supported may be cut short: it
/// is no sound file then.
fn unread(start: &[u8], mut file: impl Read + Seek, cause: &str) -> Flaw {
    let flaw = not_an_image(start, cause);
    match unsupported_type(start) {
        Some(name)
            if matches!(flaw, Flaw::Refused(_)) && ending::is_cut(&mut file).unwrap_or(false) =>
        {
            Flaw::Damaged(format!("{name} that is cut short: its end is missing"))
        }
        _ => flaw,
    }
}

fn not_an_image(bytes: &[u8], cause: &str) -> Flaw {
    let start = bytes.trim_ascii_start();
    if let Some(media_type) = sniff(bytes) {
        // Messages of decoders may have several lines.
        let cause: Vec<&str> = cause.split_whitespace().collect();
        let cause = cause.join(" ");
        if is_unsupported(&cause) {
            return unsupported_kind(media_type, &cause);
        }
        return Flaw::Damaged(format!(
            "{media_type} with a header that cannot be read: {cause}"
        ));
    }
    if let Some(name) = unsupported_type(bytes) {
        return Flaw::Refused(format!("{name}, a file type that is {NOT_SUPPORTED}"));
    }
    Flaw::NotAnImage(match start.first() {
        None => "an empty response where an image was expected".into(),
        Some(b'<') if start.len() > 4 && !start.starts_with(b"<svg") => {
            "an HTML or XML page where an image was expected".into()
        }
        Some(b'{' | b'[') => "JSON where an image was expected".into(),
        Some(_) => format!("not an image that can be read: {cause}"),
    })
}

/// A sound file of a supported type, coded in a way that is not.
fn unsupported_kind(media_type: &str, cause: &str) -> Flaw {
    Flaw::Refused(format!(
        "{media_type} of a kind that is {NOT_SUPPORTED}: {cause}"
    ))
}

/// Looks at the first bytes of a file that is still to come.
///
/// # Errors
/// What it is instead of an image that may be read: a page, a video, an archive.
pub fn check_start(start: &[u8]) -> Result<(), Flaw> {
    match sniff(start).is_some() || is_tiff(start) {
        true => Ok(()),
        false => Err(not_an_image(
            start,
            "its first bytes are not those of a known image type",
        )),
    }
}

/// The most bytes that a JPEG may have, where its first bytes show its size in pixels.
pub fn most_of_jpeg(start: &[u8]) -> Option<u64> {
    let header = measure_bytes(start).ok()?;
    let is_jpeg = header.media_type == "image/jpeg";
    is_jpeg.then(|| LARGE.saturating_add(pixels_of(&header).saturating_mul(DENSE)))
}

/// Reads every MCU of every scan down to its symbols; rare kinds are decoded instead, or go by their markers.
fn check_jpeg(bytes: &[u8], header: &Header) -> Result<(), Flaw> {
    if let Some(rare) = RareJpeg::of(bytes) {
        ends_as_jpeg(&bytes[bytes.len().saturating_sub(TAIL)..])?;
        return match rare.is_kept {
            true => Ok(()),
            false => Err(unsupported_kind("image/jpeg", rare.coding)),
        };
    }
    let damaged = |e: String| {
        Flaw::Damaged(format!(
            "a JPEG of {} x {} pixels that is damaged or truncated: {e}",
            header.width, header.height
        ))
    };
    match jpeg::check(bytes) {
        Ok(_) => Ok(()),
        Err(JpegError::Unsupported(_)) if pixels_of(header) <= DECODED => {
            decoded_jpeg(bytes).map_err(damaged)
        }
        Err(JpegError::Unsupported(_)) => ends_as_jpeg(&bytes[bytes.len().saturating_sub(TAIL)..]),
        Err(error) => Err(damaged(error.to_string())),
    }
}

fn decoded_jpeg(bytes: &[u8]) -> Result<(), String> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(1 << 16)
        .set_max_height(1 << 16);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode().map(|_| ()).map_err(|e| format!("{e:?}"))
}

/// How far from the end of a JPEG its end marker may be, in bytes: some servers append a few bytes.
const TAIL: usize = 4096;

fn ends_as_jpeg(tail: &[u8]) -> Result<(), Flaw> {
    match tail.windows(2).any(|pair| pair == [0xff, 0xd9]) {
        true => Ok(()),
        false => Err(Flaw::Damaged(
            "a JPEG that ends before its end marker".into(),
        )),
    }
}

fn tail(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL as u64)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    Ok(tail)
}

fn pixels_of(header: &Header) -> u64 {
    u64::from(header.width) * u64::from(header.height)
}

/// Checks TIFF, WebP and GIF: the declared length or the end marker, and the pixels if they are not too many.
fn check_other(bytes: &[u8], header: &Header) -> Result<(), Flaw> {
    check_length(bytes, header)?;
    if pixels_of(header) > DECODED {
        return Ok(());
    }
    let decoded = decode(bytes, DECODED).map(|_| ());
    decoded.map_err(|cause| undecodable(header, &cause))
}

/// Checks the declared length of a WebP, and the end marker of a GIF.
fn check_length(bytes: &[u8], header: &Header) -> Result<(), Flaw> {
    match header.media_type {
        // RIFF: the size of what follows the first eight bytes.
        "image/webp" if (bytes.len() as u64) < 8 + riff_size(bytes) => {
            Err(damaged(header, "it is shorter than it declares"))
        }
        "image/gif" if !gif::is_complete(bytes) => {
            Err(damaged(header, "its end marker is missing"))
        }
        _ => Ok(()),
    }
}

/// What is wrong with an image, by what its decoder says.
fn undecodable(header: &Header, cause: &str) -> Flaw {
    match is_unsupported(cause) {
        true => unsupported_kind(header.media_type, cause),
        false => damaged(header, cause),
    }
}

fn damaged(header: &Header, cause: &str) -> Flaw {
    Flaw::Damaged(format!(
        "{} of {} x {} pixels that is damaged or truncated: {cause}",
        header.media_type, header.width, header.height
    ))
}

/// Whether a decoder says that it does not support what a sound file holds.
fn is_unsupported(cause: &str) -> bool {
    let cause = cause.to_ascii_lowercase();
    [
        "not support",
        "unsupported",
        "unimplemented",
        "not implemented",
    ]
    .iter()
    .any(|words| cause.contains(words))
}

fn riff_size(bytes: &[u8]) -> u64 {
    bytes
        .get(4..8)
        .and_then(|size| size.try_into().ok())
        .map_or(0, |size| u64::from(u32::from_le_bytes(size)))
}

/// Reads a PNG row by row and checks all checksums, without keeping the image in memory.
fn check_png(input: impl io::BufRead + Seek) -> Result<(), Flaw> {
    let damaged =
        |e: png::DecodingError| Flaw::Damaged(format!("a PNG that is damaged or truncated: {e}"));
    let mut reader = png::Decoder::new(input).read_info().map_err(damaged)?;
    // PNG, section 11.2.2: three bytes for each colour. What decodes it later would not find out.
    let palette = reader.info().palette.as_ref().map(|colours| colours.len());
    if palette.is_some_and(|bytes| bytes == 0 || bytes % 3 != 0) {
        let why = "a PNG that is damaged: its palette ends within a colour";
        return Err(Flaw::Damaged(why.into()));
    }
    while reader.next_row().map_err(damaged)?.is_some() {}
    reader.finish().map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row_writers::{Decoded, Encoding, write};

    fn encoded(encoding: Encoding) -> Vec<u8> {
        let noise = |x: u32, y: u32| {
            (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_le_bytes()[2]
        };
        let image =
            image::RgbImage::from_fn(120, 90, |x, y| image::Rgb([noise(x, y), noise(y, x), 7]));
        let mut out = io::Cursor::new(Vec::new());
        write(&mut Decoded::new(image.into()), encoding, &mut out).unwrap();
        out.into_inner()
    }

    #[test]
    fn an_image_cut_anywhere_is_found_out() {
        for encoding in [Encoding::Jpeg, Encoding::Png] {
            let whole = encoded(encoding);
            assert_eq!(
                verify(&whole).map(|h| (h.width, h.height)),
                Ok((120, 90)),
                "{encoding:?}"
            );
            for cut in (0..whole.len() - 1).step_by(97) {
                assert!(
                    verify(&whole[..cut]).is_err(),
                    "{encoding:?} cut at {cut} of {}",
                    whole.len()
                );
            }
        }
    }

    /// A PNG of 8 x 8 pixels of the first colour.
    fn with_palette(palette: &'static [u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_palette(palette);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[0; 64]).unwrap();
        drop(writer);
        bytes
    }

    #[test]
    fn a_palette_that_ends_within_a_colour_is_damage_and_no_panic() {
        let whole = with_palette(&[1, 2, 3]);
        assert!(verify(&whole).is_ok());
        assert_eq!(check_pixels(&whole, 64), Ok(()));
        for palette in [&[1, 2, 3, 4][..], &[1, 2]] {
            let bytes = with_palette(palette);
            let found = [
                verify(&bytes).map(drop),
                check_pixels(&bytes, 64),
                decode_whole(&bytes, 64).map(drop),
            ];
            for found in found {
                assert!(matches!(found, Err(Flaw::Damaged(_))), "{found:?}");
            }
        }
    }

    #[test]
    fn tiff_webp_and_gif_cut_in_half_are_found_out() {
        let noise = |x: u32, y: u32| {
            (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_le_bytes()[2]
        };
        let image = image::DynamicImage::from(image::RgbImage::from_fn(60, 50, |x, y| {
            image::Rgb([noise(x, y), noise(y, x), 7])
        }));
        for format in [
            image::ImageFormat::Tiff,
            image::ImageFormat::WebP,
            image::ImageFormat::Gif,
        ] {
            let mut out = io::Cursor::new(Vec::new());
            image.write_to(&mut out, format).unwrap();
            let whole = out.into_inner();
            assert!(verify(&whole).is_ok(), "{format:?}: {:?}", verify(&whole));
            for part in [5, 8] {
                assert!(
                    verify(&whole[..whole.len() * part / 10]).is_err(),
                    "{format:?} {part}/10"
                );
            }
        }
    }

    #[test]
    fn what_is_cut_is_not_decoded_as_if_it_were_whole() {
        for encoding in [Encoding::Jpeg, Encoding::Png] {
            let whole = encoded(encoding);
            assert!(decode_whole(&whole, 120 * 90).is_ok(), "{encoding:?}");
            assert_eq!(check_pixels(&whole, 120 * 90), Ok(()), "{encoding:?}");
            let few = check_pixels(&whole, 120 * 90 - 1);
            assert!(matches!(few, Err(Flaw::Refused(_))), "{encoding:?}");
            let cut = &whole[..whole.len() * 2 / 5];
            for found in [
                decode_whole(cut, 1 << 20).map(drop),
                check_pixels(cut, 1 << 20),
            ] {
                assert!(
                    matches!(found, Err(Flaw::Damaged(_))),
                    "{encoding:?}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn a_tiff_is_looked_at_strip_by_strip() {
        let whole = encoded(Encoding::Tiff);
        assert!(is_whole_tiff(io::Cursor::new(&whole)));
        for cut in (0..whole.len()).step_by(997) {
            assert!(!is_whole_tiff(io::Cursor::new(&whole[..cut])), "{cut}");
        }
    }

    #[test]
    fn a_jpeg_of_far_more_bytes_than_its_pixels_need_is_not_read() {
        let header = verify(&encoded(Encoding::Jpeg)).unwrap();
        assert!(believable(&header, LARGE).is_ok());
        let bloated = believable(&header, LARGE + 17 * 120 * 90);
        assert!(matches!(bloated, Err(Flaw::Refused(_))), "{bloated:?}");
    }

    #[test]
    fn file_types_that_no_stage_reads_are_called_by_their_names() {
        let cases: [(&[u8], &str); 12] = [
            (b"P6\n64 48\n255\n", "PBM, PGM or PPM"),
            (b"P5 64 48 255\n", "PBM, PGM or PPM"),
            (b"DDS \x7c\0\0\0", "DDS"),
            (b"icns\0\0\x12\x34", "ICNS"),
            (b"\x01\xda\x01\x01\0\x03\0\x40\0\x30", "SGI"),
            (b"\x0a\x05\x01\x08\0\0\0\0", "PCX"),
            (b"\0\0\x02\0\0\0\0\0\0\0\0\0\x40\0\x30\0\x18\0", "TGA"),
            (b"II\xbc\x01\x20\0\0\0", "JPEG XR"),
            (b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0", "BMP"),
            (b"\0\0\0\x20ftypavif\0\0\0\0", "AVIF"),
            (b"\0\0\0\x0cjP  \r\n\x87\n\0\0", "JPEG 2000"),
            (b"%PDF-1.7\n", "PDF"),
        ];
        for (bytes, name) in cases {
            let found = verify(bytes);
            let is_told = matches!(&found, Err(Flaw::Refused(words)) if words.starts_with(name));
            assert!(is_told, "{name}: {found:?}");
        }
    }

    #[test]
    fn what_follows_a_gif_is_no_part_of_it() {
        let image = image::DynamicImage::new_rgb8(60, 50);
        let mut out = io::Cursor::new(Vec::new());
        image.write_to(&mut out, image::ImageFormat::Gif).unwrap();
        let whole = out.into_inner();
        for more in [&b"\r\n"[..], b"trailing", &[0; 512], b"\x2c\x21\xff"] {
            let longer = [&whole, more].concat();
            assert!(verify(&longer).is_ok(), "{more:?}");
        }
        for cut in 1..whole.len() {
            assert!(verify(&whole[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_jpeg_of_a_rare_kind_is_kept_or_refused_and_cut_only_where_its_end_is_missing() {
        let jpeg = encoded(Encoding::Jpeg);
        let frame = jpeg
            .windows(2)
            .position(|pair| pair == [0xff, 0xc0])
            .unwrap();
        let of = |marker: u8, depth: u8| {
            let mut other = jpeg.clone();
            (other[frame + 1], other[frame + 4]) = (marker, depth);
            other
        };
        let cases = [
            (0xc9, 8, None),
            (0xca, 8, None),
            (0xc1, 12, Some("more than 8 bits per sample")),
            (0xc3, 8, Some("lossless coding")),
            (0xc5, 8, Some("hierarchical coding")),
            (0xcb, 8, Some("lossless arithmetic coding")),
            (0xf7, 8, Some("JPEG-LS")),
        ];
        for (marker, depth, refused) in cases {
            let bytes = of(marker, depth);
            match (verify(&bytes), refused) {
                (Ok(header), None) => assert_eq!((header.width, header.height), (120, 90)),
                (Err(Flaw::Refused(why)), Some(words)) => assert!(why.contains(words), "{why}"),
                (found, _) => panic!("{marker:x}: {found:?}"),
            }
            let cut = verify(&bytes[..bytes.len() / 2]);
            assert!(matches!(cut, Err(Flaw::Damaged(_))), "{marker:x}: {cut:?}");
        }
    }

    #[test]
    fn what_is_no_image_is_called_what_it_is() {
        let cut = verify(b"\xff\xd8\xff");
        assert!(matches!(cut, Err(Flaw::Damaged(_))), "{cut:?}");
        let cases: [(&[u8], &str); 4] = [
            (b"", "an empty response where an image was expected"),
            (
                b"  <!DOCTYPE html><p>",
                "an HTML or XML page where an image was expected",
            ),
            (b"{\"error\":1}", "JSON where an image was expected"),
            (b"words", "not an image that can be read"),
        ];
        for (bytes, words) in cases {
            let Err(Flaw::NotAnImage(found)) = verify(bytes) else {
                panic!("{words}")
            };
            assert!(found.starts_with(words), "{found}");
        }
    }
}
