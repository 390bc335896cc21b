//! Crops, scales, turns, colours and encodes for `serve`: spends the numbers of a [`Plan`].

use std::path::Path;

use fast_image_resize as fir;
use image::DynamicImage;
use image::metadata::Orientation;

use crate::iiif::resolve::Plan;
use crate::iiif::{Format, Quality};
use crate::pixels;

/// Quality of JPEG answers: no visible loss on ink and parchment.
const JPEG_QUALITY: u8 = 90;

/// A decoded picture as people see it: upright, 8 bits per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture(DynamicImage);

impl Picture {
    /// Decodes a file of at most `most_pixels`. The error says why it cannot.
    pub fn open(path: &Path, most_pixels: u64) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
        Self::decode(&bytes, most_pixels)
    }

    /// Decodes at most `most_pixels`. The error says why it cannot.
    pub fn decode(bytes: &[u8], most_pixels: u64) -> Result<Self, String> {
        let orientation = pixels::measure_bytes(bytes)?.orientation;
        let mut image = in_eight_bits(pixels::decode(bytes, most_pixels)?);
        image.apply_orientation(
            Orientation::from_exif(orientation).unwrap_or(Orientation::NoTransforms),
        );
        Ok(Picture(image))
    }

    /// `[width, height]` in pixels.
    pub fn size(&self) -> [u32; 2] {
        [self.0.width(), self.0.height()]
    }

    /// Bytes of its pixels in memory.
    pub fn bytes(&self) -> usize {
        self.0.as_bytes().len()
    }

    /// The answer to a request that was resolved against this picture's size.
    pub fn render(&self, plan: &Plan) -> Result<Vec<u8>, String> {
        let part = coloured(self.cut(plan)?, plan.quality);
        let part = if plan.mirror { part.fliph() } else { part };
        let part = match plan.turn {
            90 => part.rotate90(),
            180 => part.rotate180(),
            270 => part.rotate270(),
            _ => part,
        };
        match plan.format {
            Format::Png => png(&part),
            _ => jpeg(part),
        }
    }

    /// The region at the size asked. Unscaled regions are copied, so that their pixels are the file's own.
    fn cut(&self, plan: &Plan) -> Result<DynamicImage, String> {
        let [x, y, w, h] = plan.region;
        if plan.size == [w, h] {
            return Ok(self.0.crop_imm(x, y, w, h));
        }
        let options = fir::ResizeOptions::new()
            .crop(x.into(), y.into(), w.into(), h.into())
            .resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Lanczos3));
        let kind = pixel_type(&self.0);
        let [width, height] = self.size();
        let source = fir::images::ImageRef::new(width, height, self.0.as_bytes(), kind)
            .map_err(|e| e.to_string())?;
        let mut scaled = fir::images::Image::new(plan.size[0], plan.size[1], kind);
        fir::Resizer::new()
            .resize(&source, &mut scaled, &options)
            .map_err(|e| e.to_string())?;
        image_from(plan.size, scaled.into_vec(), kind)
            .ok_or_else(|| "scaled to a wrong length".into())
    }
}

/// Grey, RGB or RGBA with 8 bits per channel: what answers can hold.
fn in_eight_bits(image: DynamicImage) -> DynamicImage {
    match image {
        DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) | DynamicImage::ImageRgba8(_) => {
            image
        }
        DynamicImage::ImageLuma16(_) => image.to_luma8().into(),
        other if other.color().has_alpha() => other.to_rgba8().into(),
        other => other.to_rgb8().into(),
    }
}

fn pixel_type(image: &DynamicImage) -> fir::PixelType {
    match image.color().channel_count() {
        1 => fir::PixelType::U8,
        3 => fir::PixelType::U8x3,
        _ => fir::PixelType::U8x4,
    }
}

fn image_from([w, h]: [u32; 2], bytes: Vec<u8>, kind: fir::PixelType) -> Option<DynamicImage> {
    match kind {
        fir::PixelType::U8 => image::GrayImage::from_raw(w, h, bytes).map(Into::into),
        fir::PixelType::U8x3 => image::RgbImage::from_raw(w, h, bytes).map(Into::into),
        _ => image::RgbaImage::from_raw(w, h, bytes).map(Into::into),
    }
}

fn coloured(image: DynamicImage, quality: Quality) -> DynamicImage {
    match (quality, &image) {
        (Quality::Gray, DynamicImage::ImageLuma8(_)) => image,
        (Quality::Gray, _) => on_white(image).to_luma8().into(),
        (Quality::Color, DynamicImage::ImageLuma8(_)) => image.to_rgb8().into(),
        _ => image,
    }
}

/// Formats without transparency show the paper behind it.
fn on_white(image: DynamicImage) -> DynamicImage {
    let DynamicImage::ImageRgba8(image) = image else {
        return image;
    };
    let blend = |value: u8, alpha: u8| {
        let (value, alpha) = (u32::from(value), u32::from(alpha));
        // At most 255 * 255 / 255.
        ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    let mut opaque = image::RgbImage::new(image.width(), image.height());
    for (to, from) in opaque.pixels_mut().zip(image.pixels()) {
        let [r, g, b, alpha] = from.0;
        to.0 = [r, g, b].map(|value| blend(value, alpha));
    }
    opaque.into()
}

fn jpeg(image: DynamicImage) -> Result<Vec<u8>, String> {
    let image = on_white(image);
    let side =
        |n: u32| u16::try_from(n).map_err(|_| format!("jpg holds 65535 pixels a side, not {n}"));
    let (width, height) = (side(image.width())?, side(image.height())?);
    let colour = match image.color().channel_count() {
        1 => jpeg_encoder::ColorType::Luma,
        _ => jpeg_encoder::ColorType::Rgb,
    };
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, JPEG_QUALITY);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_4_4);
    encoder
        .encode(image.as_bytes(), width, height, colour)
        .map_err(|e| e.to_string())?;
    Ok(bytes)
}

fn png(image: &DynamicImage) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, image.width(), image.height());
    encoder.set_color(match image.color().channel_count() {
        1 => png::ColorType::Grayscale,
        3 => png::ColorType::Rgb,
        _ => png::ColorType::Rgba,
    });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(|e| e.to_string())?;
    writer
        .write_image_data(image.as_bytes())
        .and_then(|()| writer.finish())
        .map_err(|e| e.to_string())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4 x 2 pixels, each of its own colour.
    fn picture() -> Picture {
        let image =
            image::RgbImage::from_fn(4, 2, |x, y| image::Rgb([x as u8 * 60, y as u8 * 200, 7]));
        Picture(image.into())
    }

    fn plan() -> Plan {
        Plan {
            region: [0, 0, 4, 2],
            size: [4, 2],
            mirror: false,
            turn: 0,
            quality: Quality::Default,
            format: Format::Png,
        }
    }

    fn rendered(plan: Plan) -> image::RgbImage {
        let bytes = picture().render(&plan).unwrap();
        image::load_from_memory(&bytes).unwrap().to_rgb8()
    }

    #[test]
    fn parts_are_cut_mirrored_and_turned_to_the_pixel() {
        let original = picture().0.to_rgb8();
        let at = |x, y| *original.get_pixel(x, y);
        // (plan, size, what its top left and top right pixels were)
        let cases = [
            (plan(), (4, 2), at(0, 0), at(3, 0)),
            (
                Plan {
                    region: [1, 1, 2, 1],
                    size: [2, 1],
                    ..plan()
                },
                (2, 1),
                at(1, 1),
                at(2, 1),
            ),
            (
                Plan {
                    mirror: true,
                    ..plan()
                },
                (4, 2),
                at(3, 0),
                at(0, 0),
            ),
            (Plan { turn: 90, ..plan() }, (2, 4), at(0, 1), at(0, 0)),
            (
                Plan {
                    turn: 180,
                    ..plan()
                },
                (4, 2),
                at(3, 1),
                at(0, 1),
            ),
            (
                Plan {
                    turn: 270,
                    ..plan()
                },
                (2, 4),
                at(3, 0),
                at(3, 1),
            ),
            (
                Plan {
                    mirror: true,
                    turn: 90,
                    ..plan()
                },
                (2, 4),
                at(3, 1),
                at(3, 0),
            ),
        ];
        for (plan, size, left, right) in cases {
            let image = rendered(plan);
            assert_eq!(image.dimensions(), size, "{plan:?}");
            assert_eq!(*image.get_pixel(0, 0), left, "{plan:?}");
            assert_eq!(*image.get_pixel(size.0 - 1, 0), right, "{plan:?}");
        }
    }

    #[test]
    fn scaling_keeps_to_the_region() {
        let plan = Plan {
            region: [2, 1, 2, 1],
            size: [1, 1],
            ..plan()
        };
        // The filter looks a little beyond the region, so that tiles join without seams.
        let [red, green, blue] = rendered(plan).get_pixel(0, 0).0;
        assert!((145..=155).contains(&red), "{red}");
        assert_eq!((green, blue), (200, 7));
    }

    #[test]
    fn greys_have_one_channel_and_jpegs_no_transparency() {
        let gray = Plan {
            quality: Quality::Gray,
            ..plan()
        };
        let header = pixels::measure_bytes(&picture().render(&gray).unwrap()).unwrap();
        assert_eq!((header.channels, header.media_type), (1, "image/png"));
        let clear = Picture(image::RgbaImage::from_pixel(4, 2, image::Rgba([0, 0, 0, 0])).into());
        let jpg = clear
            .render(&Plan {
                format: Format::Jpg,
                ..plan()
            })
            .unwrap();
        let image = image::load_from_memory(&jpg).unwrap().to_rgb8();
        assert_eq!(*image.get_pixel(1, 1), image::Rgb([255, 255, 255]));
    }
}
