//! A file to be served: decoded whole, or, if it is tiled or a large JPEG, read only in the parts that are requested.

mod info;
mod jpeg;
mod large_jpeg;
mod part;
mod tiled;
mod whole;

use std::io::Read as _;

use image::DynamicImage;

use super::avif;
use super::bmp;
use super::guard::guarded;
use super::header;
use super::jp2;
use super::orientation::upright;
use super::render::{self, UprightImage};
use super::tiff::{Tiff, TiffLevel};
use super::tiff_directory::is_tiff;
use super::tiff_whole;
use crate::window::Window;
pub use info::{SourceInfo, has_wild_decoder, inspect, inspect_pages, start_of};
use info::{is_large_jpeg, is_read_by_tiles};
use jpeg::JpegSource;
use large_jpeg::LargeJpeg;
use recto_iiif::resolve::RenderPlan;
use recto_jpeg::index::HuffmanTables;
use recto_jpeg::pyramid::Photometric;
use recto_jpeg::{Colour, Turn};
use tiled::TiledSource;
pub use whole::checked;
use whole::whole;

/// A file that was opened.
#[derive(Debug)]
pub enum ImageSource {
    /// Decoded as a whole.
    Whole(UprightImage),
    /// A tiled TIFF, read tile by tile.
    Tiled(TiledSource),
    /// A large JPEG, decoded in parts.
    Jpeg(JpegSource),
}

impl ImageSource {
    /// Whether it is or may be transparent: a tiled file is not read to find out.
    pub fn is_transparent(&self) -> bool {
        match self {
            ImageSource::Whole(picture) => picture.is_transparent(),
            ImageSource::Tiled(tiled) => tiled.tiff.levels.iter().any(TiffLevel::has_alpha),
            ImageSource::Jpeg(_) => false,
        }
    }

    /// An image of `[width, height]` pixels: grey, RGB or RGBA, with 8 bits per channel.
    ///
    /// # Errors
    /// The number of bytes does not fit the size, or there are no images of so many channels.
    pub fn of_pixels(
        [w, h]: [u32; 2],
        channels: u8,
        bytes: Vec<u8>,
    ) -> Result<ImageSource, String> {
        let image: Option<DynamicImage> = match channels {
            1 => image::GrayImage::from_raw(w, h, bytes).map(Into::into),
            3 => image::RgbImage::from_raw(w, h, bytes).map(Into::into),
            4 => image::RgbaImage::from_raw(w, h, bytes).map(Into::into),
            _ => None,
        };
        let image = image.ok_or("the number of bytes does not fit the size")?;
        Ok(ImageSource::Whole(image.into()))
    }

    /// `[width, height]`, channels and pixels of an image that was decoded as a whole; none for others.
    pub fn into_pixels(self) -> Option<([u32; 2], u8, Vec<u8>)> {
        let ImageSource::Whole(picture) = self else {
            return None;
        };
        let size = picture.size();
        let image = picture.into_image();
        Some((size, image.color().channel_count(), image.into_bytes()))
    }

    /// A PNG that was made here.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn of_png(bytes: &[u8]) -> Result<ImageSource, String> {
        let image = super::decode(bytes, u64::MAX)?;
        Ok(ImageSource::Whole(image.into()))
    }

    /// Reads a page of an open file, of at most `most_pixels`; pixels are in sRGB. Pages are numbered from 1.
    ///
    /// # Errors
    /// The file cannot be served: why not.
    pub fn open(file: Window, page: u32, most_pixels: u64) -> Result<Self, String> {
        guarded(|why| why, || Self::read(file, page, most_pixels))
    }

    fn read(mut file: Window, page: u32, most_pixels: u64) -> Result<Self, String> {
        if is_tiff(&start_of::<4>(&file)?) {
            if let Ok(tiff) = Tiff::open_readable(file.clone(), page) {
                return Self::of_tiff(tiff, most_pixels);
            }
            let (image, orientation) = tiff_whole::decode(file, page, most_pixels)?;
            return Ok(ImageSource::Whole(upright(image, orientation).into()));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        if jp2::is_jp2(&bytes) {
            return jp2::decode(&bytes, most_pixels).map(|image| ImageSource::Whole(image.into()));
        }
        if avif::is_avif(&bytes) {
            return avif::decode(&bytes, most_pixels).map(|image| ImageSource::Whole(image.into()));
        }
        if bmp::is_bmp(&bytes) {
            return bmp::decode(&bytes, most_pixels).map(|image| ImageSource::Whole(image.into()));
        }
        let header = header::measure_bytes(&bytes)?;
        let pixels = u64::from(header.width) * u64::from(header.height);
        if is_large_jpeg(&header) && pixels <= most_pixels {
            match LargeJpeg::of(bytes) {
                Ok(jpeg) => return Ok(ImageSource::Jpeg(JpegSource::new(jpeg))),
                Err(given_back) => bytes = given_back,
            }
        }
        let is_jpeg = header.media_type == "image/jpeg";
        let facts = match is_jpeg && pixels <= most_pixels {
            true => checked(&bytes)?,
            false => None,
        };
        let (image, is_as_stored) = whole(&bytes, &header, most_pixels)?;
        let is_plain = facts.is_some_and(|facts| render::has_plain_colours(&facts));
        let turn = Turn::of_exif(header.orientation).filter(|_| is_plain && is_as_stored);
        let jpeg = turn.map(|turn| (bytes, turn));
        Ok(ImageSource::Whole(
            UprightImage::from(image).with_jpeg(jpeg),
        ))
    }

    fn of_tiff(tiff: Tiff, most_pixels: u64) -> Result<Self, String> {
        let [w, h] = tiff.full().size;
        if u64::from(w) * u64::from(h) > most_pixels {
            return Err(format!(
                "its header declares {w} x {h} pixels, the limit is {most_pixels}"
            ));
        }
        let (by_tiles, orientation) = (is_read_by_tiles(&tiff), tiff.orientation);
        let tiled = TiledSource::new(tiff);
        if by_tiles {
            return Ok(ImageSource::Tiled(tiled));
        }
        let image = tiled.read(tiled.tiff.full(), [0, 0, w, h])?;
        Ok(ImageSource::Whole(
            upright(tiled.in_srgb(image), orientation).into(),
        ))
    }

    /// Whether its file is read again for every answer.
    pub fn reads_file(&self) -> bool {
        matches!(self, ImageSource::Tiled(_))
    }

    /// `[width, height]` in pixels.
    pub fn size(&self) -> [u32; 2] {
        match self {
            ImageSource::Whole(picture) => picture.size(),
            ImageSource::Tiled(tiled) => tiled.tiff.full().size,
            ImageSource::Jpeg(large) => large.jpeg.size(),
        }
    }

    /// Bytes of memory that it takes, approximately.
    pub fn bytes(&self) -> usize {
        match self {
            ImageSource::Whole(picture) => picture.bytes(),
            ImageSource::Tiled(tiled) => tiled.bytes(),
            ImageSource::Jpeg(large) => large.jpeg.held(),
        }
    }

    /// Bytes of memory needed to read what a plan needs, approximately.
    pub fn cost(&self, plan: &RenderPlan) -> u64 {
        match self {
            ImageSource::Whole(_) => 0,
            ImageSource::Tiled(tiled) => {
                let [_, _, w, h] = tiled.part(plan).1.map(f64::ceil);
                (w * h * 8.0) as u64
            }
            ImageSource::Jpeg(large) => {
                let [_, _, w, h] = large.part(plan).1;
                LargeJpeg::cost(w * h)
            }
        }
    }

    /// The stored bytes, if they are the response to a plan: a tile, a part, or all of a JPEG.
    pub fn stored(&self, plan: &RenderPlan) -> Option<Vec<u8>> {
        match self {
            ImageSource::Whole(picture) => picture.stored(plan),
            ImageSource::Tiled(tiled) => tiled.stored(plan),
            ImageSource::Jpeg(large) => large.stored(plan),
        }
    }

    /// Renders the response to a plan.
    ///
    /// # Errors
    /// The file is damaged, or the format cannot hold the response.
    pub fn render(&self, plan: &RenderPlan) -> Result<Vec<u8>, String> {
        guarded(
            |why| why,
            || match self {
                ImageSource::Whole(picture) => picture.render(plan),
                ImageSource::Tiled(tiled) => tiled.render(plan),
                ImageSource::Jpeg(large) => large.render(plan),
            },
        )
    }

    /// A region as a JPEG cut out without loss, filled up to a square of `filled` pixels per side; none if not possible.
    pub fn cut(&self, region: [u32; 4], filled: Option<u32>) -> Option<Vec<u8>> {
        match self {
            ImageSource::Jpeg(large) => large.jpeg.cut(region, filled, HuffmanTables::Optimal),
            _ => None,
        }
    }

    /// The colour space of regions that are cut out, in terms of TIFF; none if TIFF cannot hold it.
    pub fn coding(&self) -> Option<Photometric> {
        let ImageSource::Jpeg(large) = self else {
            return None;
        };
        // Sampling factors are at most 4.
        let subsampling = large.jpeg.sampling().map(|n| n as u16);
        let is_known = subsampling.iter().all(|n| [1, 2, 4].contains(n));
        match large.jpeg.colour() {
            Colour::Grey => Some(Photometric::Grey),
            Colour::Rgb if subsampling == [1, 1] => Some(Photometric::Rgb),
            Colour::YCbCr if is_known && large.jpeg.is_chroma_single() => {
                Some(Photometric::YCbCr(subsampling))
            }
            _ => None,
        }
    }

    /// Whether the file contains smaller copies.
    pub fn is_pyramid(&self) -> bool {
        matches!(self, ImageSource::Tiled(tiled) if tiled.tiff.levels.len() > 1)
    }

    /// A region, `[x, y, width, height]` in pixels, with 8 bits per channel in sRGB.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn region(&self, region: [u32; 4]) -> Result<DynamicImage, String> {
        guarded(
            |why| why,
            || match self {
                ImageSource::Whole(picture) => Ok(picture.region(region)),
                ImageSource::Tiled(tiled) => {
                    let image = tiled.read(tiled.tiff.full(), region)?;
                    Ok(tiled.in_srgb(image))
                }
                ImageSource::Jpeg(large) => {
                    let image = large.jpeg.region(1, region)?;
                    Ok(large.in_srgb(image))
                }
            },
        )
    }
}
