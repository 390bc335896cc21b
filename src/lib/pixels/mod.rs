//! The only room that meets pixels: measuring and decoding here, proof that an image is whole in [`mod@verify`],
//! crops and turns for `serve` in [`render`], row-by-row writers for `download` in [`mod@write`], contact sheets
//! in [`draw`].
//!
//! Everything is decoded within a limit stated beforehand, so that a small file that claims a huge picture is
//! refused from its header.

use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use crate::error::Error;

pub mod colour;
pub mod draw;
pub mod encode;
pub mod jp2;
#[cfg(feature = "serve")]
pub mod pdf;
pub mod plain;
pub mod pyramid;
pub mod render;
pub mod source;
pub mod tiff;
mod untag;
pub mod verify;
pub mod write;

pub use untag::untag;
pub use verify::{Flaw, Sound, icc, verify, verify_bytes, verify_file};

/// What the header of an image file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Width of the stored picture in pixels, before any EXIF orientation.
    pub width: u32,
    /// Height of the stored picture in pixels, before any EXIF orientation.
    pub height: u32,
    /// Colour channels as decoded: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
    pub channels: u8,
    /// Bits to a sample as decoded: 8, 16 or 32.
    pub depth: u8,
    /// Media type by content: `image/jpeg`, `image/png`, `image/tiff`, `image/webp`, `image/gif`.
    pub media_type: &'static str,
    /// EXIF orientation, 1 to 8; 1 where there is none.
    pub orientation: u8,
}

impl Header {
    /// What of such a picture is lost when it is written with 8 bits a sample and no alpha.
    pub fn lost_in_eight_bits(&self) -> Option<String> {
        let has_alpha = matches!(self.channels, 2 | 4);
        let deep = (self.depth > 8).then(|| format!("{} bits to a sample became 8", self.depth));
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

/// The media type of some bytes by their first few, or none if they are no image that recto reads.
pub fn sniff(bytes: &[u8]) -> Option<&'static str> {
    media_type(image::guess_format(bytes).ok()?)
}

/// Reads the header of an image file.
pub fn measure(path: &Path) -> Result<Header, Error> {
    let fault = |cause: String| {
        Error::new(format!(
            "{}: not an image that can be read: {cause}",
            path.display()
        ))
    };
    let file = std::fs::File::open(path)
        .map_err(|e| Error::new(format!("{}: cannot be read", path.display())).because(e))?;
    measure_in(BufReader::new(file)).map_err(fault)
}

/// Reads the header of an image in memory. The error says why it is no image.
pub fn measure_bytes(bytes: &[u8]) -> Result<Header, String> {
    measure_in(Cursor::new(bytes))
}

/// Reads the header of an image from its start. The error says why it is no image.
pub fn measure_in(input: impl BufRead + Seek) -> Result<Header, String> {
    let mut input = input;
    if let Some(header) = of_jpeg_tiles(&mut input) {
        return Ok(header);
    }
    of_jpeg_head(&mut input).unwrap_or_else(|| header_of(input))
}

/// How much of a JPEG is read for its header: nearly all have it in the first, those with thumbnails and profiles in
/// the second; beyond the third there is none.
const JPEG_HEADS: [u64; 3] = [1 << 14, 1 << 20, 64 << 20];

/// The header of a JPEG by its first bytes alone, for the decoder takes all it is given into memory; none for what is
/// no JPEG.
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
        let header = header_of(Cursor::new(head));
        let is_enough = header.is_ok() || is_all;
        found = Some(header);
        if is_enough {
            break;
        }
    }
    found
}

fn header_of(input: impl BufRead + Seek) -> Result<Header, String> {
    let reader = reader(input)?;
    let format = reader
        .format()
        .ok_or("its first bytes are those of no known image type")?;
    let media_type =
        media_type(format).ok_or_else(|| format!("{format:?} is a type that no stage reads"))?;
    let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(format!("its header says {width} x {height} pixels"));
    }
    let colour = decoder.color_type();
    let channels = colour.channel_count();
    let depth = (colour.bits_per_pixel() / u16::from(channels)) as u8;
    let orientation = decoder.orientation().map_or(1, |o| o.to_exif());
    Ok(Header {
        width,
        height,
        channels,
        depth,
        media_type,
        orientation,
    })
}

/// The header of a TIFF whose pieces are JPEGs in luma and chroma, which is read piece by piece.
fn of_jpeg_tiles(input: &mut (impl BufRead + Seek)) -> Option<Header> {
    if !self::tiff::is_tiff(input.fill_buf().ok()?) {
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
        })
    };
    let header = read(&mut *input);
    input.rewind().ok()?;
    header
}

/// A reader that knows what it reads by the first bytes; BigTIFF, which has a mark of its own, is TIFF too.
fn reader<R: BufRead + Seek>(mut input: R) -> Result<ImageReader<R>, String> {
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
        false => reader.with_guessed_format().map_err(|e| e.to_string()),
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

/// The size of a picture turned as its EXIF orientation says.
pub fn turned([width, height]: [u32; 2], orientation: u8) -> [u32; 2] {
    if orientation >= 5 {
        [height, width]
    } else {
        [width, height]
    }
}

/// Decodes an image, refusing more than `most_pixels` from its header. Pixels as stored: no EXIF turn.
pub fn decode(bytes: &[u8], most_pixels: u64) -> Result<DynamicImage, String> {
    let header = measure_bytes(bytes)?;
    let pixels = u64::from(header.width) * u64::from(header.height);
    if pixels > most_pixels {
        return Err(format!(
            "its header says {} x {} pixels, the limit is {most_pixels}",
            header.width, header.height
        ));
    }
    if of_jpeg_tiles(&mut Cursor::new(bytes)).is_some() {
        let tiff = self::tiff::Tiff::of_bytes(bytes.to_vec())?;
        let whole = [0, 0, header.width, header.height];
        return tiff.full().region(whole, &colour::plain_from_inks);
    }
    let mut reader = reader(Cursor::new(bytes))?;
    reader.no_limits();
    reader.decode().map_err(|e| e.to_string())
}

/// A picture as PNG. The error says why it cannot be one.
pub fn to_png(picture: &DynamicImage) -> Result<Vec<u8>, String> {
    let mut png = Vec::new();
    picture
        .write_to(&mut Cursor::new(&mut png), ImageFormat::Png)
        .map_err(|e| e.to_string())?;
    Ok(png)
}

/// The same picture with eight bits a channel: what most readers of PNG expect.
pub fn to_eight_bit(picture: &DynamicImage) -> DynamicImage {
    match picture.color().channel_count() {
        1 => picture.to_luma8().into(),
        2 => picture.to_luma_alpha8().into(),
        3 => picture.to_rgb8().into(),
        _ => picture.to_rgba8().into(),
    }
}
