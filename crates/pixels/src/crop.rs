//! Parts of an image as files of their own, with its colour profile.

use image::codecs::jpeg::JpegEncoder;
use image::{
    DynamicImage, GenericImage as _, GenericImageView as _, ImageEncoder as _, Pixel as _, Rgb,
};

use super::decode::{decode, to_eight_bit, to_png_with};
use super::header::sniff;
use super::icc::icc_of;
use super::orientation::upright;

/// A decoded image of which parts are cut out.
#[derive(Debug)]
pub struct Crop {
    image: DynamicImage,
    is_jpeg: bool,
    profile: Option<Vec<u8>>,
}

/// Maximum pixels of an image of which parts are cut out: 2^30.
const MOST_PIXELS: u64 = 1 << 30;

/// The type of images whose parts are JPEGs, too; those of all others are PNGs.
const JPEG: &str = "image/jpeg";

/// The quality of JPEGs: losses are hardly visible.
const QUALITY: u8 = 95;

impl Crop {
    /// Decodes an image.
    ///
    /// # Errors
    /// It is damaged, not supported or too large.
    pub fn open(bytes: &[u8]) -> Result<Self, String> {
        let image = decode(bytes, MOST_PIXELS)?;
        // PNG holds 16 bits per sample, and no more.
        let is_held = matches!(
            image.color().bytes_per_pixel() / image.color().channel_count(),
            1 | 2
        );
        Ok(Crop {
            profile: icc_of(bytes, &image),
            image: if is_held { image } else { to_eight_bit(&image) },
            is_jpeg: sniff(bytes) == Some(JPEG),
        })
    }

    /// The image turned as its EXIF orientation says.
    #[must_use]
    pub fn upright(self, orientation: u8) -> Self {
        Crop {
            image: upright(self.image, orientation),
            ..self
        }
    }

    /// An image that is decoded already.
    #[cfg(test)]
    pub fn of(image: DynamicImage) -> Self {
        Crop {
            image,
            is_jpeg: false,
            profile: None,
        }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> [u32; 2] {
        [self.image.width(), self.image.height()]
    }

    /// Its ICC profile, if it has one for its colours.
    pub fn profile(&self) -> Option<&[u8]> {
        self.profile.as_deref()
    }

    /// Whether it has no colours.
    pub fn is_grey(&self) -> bool {
        !self.image.color().has_color()
    }

    /// The colour at a point, mixed of the four pixels around it; `outside` beyond the image.
    pub fn colour_at(&self, [x, y]: [f64; 2], outside: [u8; 3]) -> Rgb<u8> {
        let size = self.size().map(f64::from);
        if x < 0.0 || y < 0.0 || x > size[0] || y > size[1] {
            return Rgb(outside);
        }
        let (x, y) = (x - 0.5, y - 0.5);
        let pixel = |x: f64, y: f64| {
            let [x, y] = [x.clamp(0.0, size[0] - 1.0), y.clamp(0.0, size[1] - 1.0)];
            self.image.get_pixel(x as u32, y as u32).to_rgb().0
        };
        let (left, top) = (x.floor(), y.floor());
        let (tx, ty) = (x - left, y - top);
        let corners = [
            (pixel(left, top), (1.0 - tx) * (1.0 - ty)),
            (pixel(left + 1.0, top), tx * (1.0 - ty)),
            (pixel(left, top + 1.0), (1.0 - tx) * ty),
            (pixel(left + 1.0, top + 1.0), tx * ty),
        ];
        Rgb([0, 1, 2].map(|channel| {
            let mixed: f64 = corners
                .iter()
                .map(|(c, part)| f64::from(c[channel]) * part)
                .sum();
            mixed.round() as u8
        }))
    }

    /// The suffix of files with parts of an image of this type.
    pub fn suffix(media_type: &str) -> &'static str {
        match media_type {
            JPEG => "jpg",
            _ => "png",
        }
    }

    /// The part `[x, y, width, height]` as a file. What lies outside the image is black.
    ///
    /// # Errors
    /// The part is empty or too large.
    pub fn cut(&self, [x, y, width, height]: [i64; 4]) -> Result<Vec<u8>, String> {
        let side = |v: i64| u32::try_from(v).map_err(|_| "part is empty or too large".to_owned());
        let (w, h) = (side(width)?, side(height)?);
        let (left, top) = (x.max(0) as u32, y.max(0) as u32);
        let right = (x + width).clamp(0, self.image.width().into()) as u32;
        let bottom = (y + height).clamp(0, self.image.height().into()) as u32;
        let inside = [right.saturating_sub(left), bottom.saturating_sub(top)];
        let part = self.image.crop_imm(left, top, inside[0], inside[1]);
        let part = match inside == [w, h] {
            true => part,
            false => {
                let mut canvas = DynamicImage::new(w, h, self.image.color());
                let place = [(-x).max(0) as u32, (-y).max(0) as u32];
                let put = canvas.copy_from(&part, place[0], place[1]);
                put.map_err(|e| e.to_string())?;
                canvas
            }
        };
        if !self.is_jpeg {
            return to_png_with(&part, self.profile());
        }
        let part = match part {
            grey @ DynamicImage::ImageLuma8(_) => grey,
            other => DynamicImage::ImageRgb8(other.into_rgb8()),
        };
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
        if let Some(profile) = &self.profile {
            let taken = encoder.set_icc_profile(profile.clone());
            taken.map_err(|e| e.to_string())?;
        }
        encoder
            .write_image(part.as_bytes(), w, h, part.color().into())
            .map_err(|e| e.to_string())?;
        Ok(bytes)
    }
}
