//! What the header of an image file declares, without decoding its pixels.

use std::io::{BufRead, Cursor, Read, Seek};

use image::{ImageDecoder, ImageFormat, ImageReader, Limits};

use super::baseline;
use super::exif;
use super::guard::guarded;
use super::rare_jpeg::{RareJpeg, is_cmyk};
use super::tiff_directory::is_tiff;

/// What the header of an image file declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Width of the stored image in pixels, before EXIF orientation is applied.
    pub width: u32,
    /// Height of the stored image in pixels, before EXIF orientation is applied.
    pub height: u32,
    /// Colour channels as decoded: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
    pub channels: u8,
    /// Bits per sample as decoded: 8, 16 or 32.
    pub depth: u8,
    /// Media type by content: `image/jpeg`, `image/png`, `image/tiff`, `image/webp`, `image/gif`.
    pub media_type: &'static str,
    /// EXIF orientation, 1 to 8; 1 if there is none.
    pub orientation: u8,
    /// Whether it is a JPEG in four inks, which is decoded to RGB.
    pub is_cmyk: bool,
}

impl Header {
    /// What is lost when such an image is written with 8 bits per sample and without alpha; none if nothing is lost.
    pub fn lost_in_eight_bits(&self) -> Option<String> {
        let has_alpha = matches!(self.channels, 2 | 4);
        let deep =
            (self.depth > 8).then(|| format!("{} bits per sample were reduced to 8", self.depth));
        let alpha = has_alpha.then(|| "alpha was dropped".to_owned());
        let lost: Vec<String> = deep.into_iter().chain(alpha).collect();
        (!lost.is_empty()).then(|| lost.join(", "))
    }

    /// The usual suffix of such a file, without dot.
    pub fn suffix(&self) -> &'static str {
        suffix(self.media_type)
    }
}

/// The usual suffix for a media type, without dot.
pub fn suffix(media_type: &str) -> &'static str {
    match media_type {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/tiff" => "tif",
        "image/webp" => "webp",
        "image/gif" => "gif",
        _ => "bin",
    }
}

/// The media type of a file, by its first bytes; none if it is not an image that recto reads.
pub fn sniff(bytes: &[u8]) -> Option<&'static str> {
    media_type(image::guess_format(bytes).ok()?)
}

/// Reads the header of an image in memory.
///
/// # Errors
/// The bytes are not an image that recto reads: why not.
pub fn measure_bytes(bytes: &[u8]) -> Result<Header, String> {
    measure_in(Cursor::new(bytes))
}

/// Reads the header of an image from its first bytes.
///
/// # Errors
/// The input is not an image that recto reads: why not.
pub fn measure_in(input: impl BufRead + Seek) -> Result<Header, String> {
    guarded(|why| why, || header_in(input))
}

fn header_in(mut input: impl BufRead + Seek) -> Result<Header, String> {
    if let Some(found) = baseline::header(&mut input) {
        return Ok(Header {
            width: found.size[0],
            height: found.size[1],
            channels: found.channels,
            depth: 8,
            media_type: "image/tiff",
            orientation: found.orientation,
            is_cmyk: false,
        });
    }
    if let Some(header) = of_jpeg_tiles(&mut input) {
        return Ok(header);
    }
    of_jpeg_head(&mut input).unwrap_or_else(|| header_of(input))
}

/// How many bytes of a JPEG are read for its header. For most files the first is enough, with thumbnails and profiles
/// the second; there is no header beyond the third.
const JPEG_HEADS: [u64; 3] = [1 << 14, 1 << 20, 64 << 20];

/// The header of a JPEG, read from its first bytes only, because the decoder takes all of its input into memory. None if
/// it is not a JPEG.
fn of_jpeg_head(input: &mut (impl BufRead + Seek)) -> Option<Result<Header, String>> {
    if !input.fill_buf().ok()?.starts_with(&[0xFF, 0xD8]) {
        return None;
    }
    let mut found = None;
    for most in JPEG_HEADS {
        let mut head = Vec::new();
        let read = input.by_ref().take(most).read_to_end(&mut head);
        input.rewind().ok()?;
        let is_all = (read.ok()? as u64) < most;
        let header = of_jpeg(head);
        let is_enough = header.is_ok() || is_all;
        found = Some(header);
        if is_enough {
            break;
        }
    }
    found
}

/// The header of a JPEG in its first bytes.
fn of_jpeg(head: Vec<u8>) -> Result<Header, String> {
    match RareJpeg::of(&head) {
        Some(rare) => Ok(Header {
            width: rare.size[0].into(),
            height: rare.size[1].into(),
            channels: rare.channels,
            depth: if rare.depth > 8 { 16 } else { 8 },
            media_type: "image/jpeg",
            orientation: 1,
            is_cmyk: is_cmyk(&head),
        }),
        None => {
            let is_cmyk = is_cmyk(&head);
            let header = header_of(Cursor::new(head))?;
            Ok(Header { is_cmyk, ..header })
        }
    }
}

/// Whether a file, by its first bytes, is a JPEG that the decoder does not read.
pub fn is_rare_jpeg(head: &[u8]) -> bool {
    RareJpeg::of(head).is_some()
}

fn header_of(mut input: impl BufRead + Seek) -> Result<Header, String> {
    let start = input.fill_buf().map_err(|e| e.to_string())?;
    let mut turn = None;
    if start.starts_with(b"\x89PNG") {
        turn = Some(exif::orientation_of_png(&mut input));
        input.rewind().map_err(|e| e.to_string())?;
    }
    let reader = reader(input)?;
    let format = reader
        .format()
        .ok_or("its first bytes are not those of a known image type")?;
    let media_type =
        media_type(format).ok_or_else(|| format!("images of type {format:?} are not supported"))?;
    // Some end in a line end.
    let cause = |e: image::ImageError| e.to_string().trim_end().to_owned();
    let mut decoder = reader.into_decoder().map_err(cause)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(format!("its header declares {width} x {height} pixels"));
    }
    let colour = decoder.color_type();
    let channels = colour.channel_count();
    let depth = (colour.bits_per_pixel() / u16::from(channels)) as u8;
    let orientation = match (turn, media_type) {
        (Some(turn), _) => turn,
        (_, "image/jpeg" | "image/webp") => {
            let [exif, xmp] =
                [decoder.exif_metadata(), decoder.xmp_metadata()].map(|read| read.ok().flatten());
            exif::orientation(exif.as_deref(), xmp.as_deref())
        }
        _ => decoder.orientation().map_or(1, |o| o.to_exif()),
    };
    Ok(Header {
        width,
        height,
        channels,
        depth,
        media_type,
        orientation,
        is_cmyk: false,
    })
}

/// The header of a TIFF whose tiles or strips are JPEGs in YCbCr, which `tiff` reads. None for any other file.
pub fn of_jpeg_tiles(input: &mut (impl BufRead + Seek)) -> Option<Header> {
    if !is_tiff(input.fill_buf().ok()?) {
        return None;
    }
    let read = |input: &mut _| {
        let mut decoder = ::tiff::decoder::Decoder::new(input).ok()?;
        let (width, height) = decoder
            .dimensions()
            .ok()
            .filter(|(w, h)| *w > 0 && *h > 0)?;
        let is_one = matches!(decoder.colortype().ok()?, ::tiff::ColorType::YCbCr(8));
        let turn = decoder.find_tag_unsigned::<u8>(::tiff::tags::Tag::Orientation);
        is_one.then(|| Header {
            width,
            height,
            channels: 3,
            depth: 8,
            media_type: "image/tiff",
            orientation: turn
                .ok()
                .flatten()
                .filter(|o| (1..=8).contains(o))
                .unwrap_or(1),
            is_cmyk: false,
        })
    };
    let header = read(&mut *input);
    input.rewind().ok()?;
    header
}

/// The most bytes of the profile and the other metadata of a PNG, inflated: 1 MB of a file may stand for 1 GB. A longer
/// profile is left out.
const MOST_PNG_METADATA: u64 = 16 << 20;

/// A reader that recognises the format by the first bytes. BigTIFF has a magic number of its own. Limits of PNG hold from its
/// first chunk on, and only if they are set here; those of other types can be set later.
///
/// # Errors
/// The input cannot be read.
pub fn reader<R: BufRead + Seek>(mut input: R) -> Result<ImageReader<R>, String> {
    const BIG_TIFF: [&[u8]; 2] = [b"II\x2b\0", b"MM\0\x2b"];
    let start = input.fill_buf().map_err(|e| e.to_string())?;
    let is_big = BIG_TIFF.iter().any(|mark| start.starts_with(mark));
    let reader = ImageReader::new(input);
    match is_big {
        true => {
            let mut reader = reader;
            reader.set_format(ImageFormat::Tiff);
            Ok(reader)
        }
        false => {
            let mut reader = reader.with_guessed_format().map_err(|e| e.to_string())?;
            if reader.format() == Some(ImageFormat::Png) {
                let mut limits = Limits::no_limits();
                limits.max_alloc = Some(MOST_PNG_METADATA);
                reader.limits(limits);
            }
            Ok(reader)
        }
    }
}

fn media_type(format: ImageFormat) -> Option<&'static str> {
    Some(match format {
        ImageFormat::Jpeg => "image/jpeg",
        ImageFormat::Png => "image/png",
        ImageFormat::Tiff => "image/tiff",
        ImageFormat::WebP => "image/webp",
        ImageFormat::Gif => "image/gif",
        _ => return None,
    })
}

/// The size of an image after its EXIF orientation is applied.
pub fn rotated_size([width, height]: [u32; 2], orientation: u8) -> [u32; 2] {
    if orientation >= 5 {
        [height, width]
    } else {
        [width, height]
    }
}
