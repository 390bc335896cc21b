//! Crops, scales, rotates and colours images for `serve`, as a [`RenderPlan`] describes.

use std::sync::OnceLock;

use fast_image_resize as fir;
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3, U8x4};
use image::DynamicImage;
use rayon::prelude::*;

use super::encode::{Compactness, encode, on_white};
use recto_iiif::Quality;
use recto_iiif::resolve::{self, Background, RenderPlan};
use recto_jpeg as jpeg;
use recto_jpeg::Turn;

/// A decoded image for display: upright, 8 bits per channel.
#[derive(Debug)]
pub struct UprightImage {
    pixels: DynamicImage,
    /// Threshold between black and white, computed at the first use.
    threshold: OnceLock<u8>,
    /// The file that it was decoded from, if that is a JPEG of exactly these pixels, once they are turned as EXIF says.
    jpeg: Option<(Vec<u8>, Turn)>,
}

impl From<DynamicImage> for UprightImage {
    fn from(image: DynamicImage) -> Self {
        UprightImage {
            pixels: in_eight_bits(image),
            threshold: OnceLock::new(),
            jpeg: None,
        }
    }
}

impl UprightImage {
    /// Adds the JPEG that it was decoded from, and the turn that EXIF asks for, if it can be served: complete, colours not
    /// converted, and shown in the same colours by all readers.
    pub fn with_jpeg(self, jpeg: Option<(Vec<u8>, Turn)>) -> Self {
        UprightImage { jpeg, ..self }
    }

    /// The JPEG that it was decoded from, if that is the response to a plan.
    pub fn stored(&self, plan: &RenderPlan) -> Option<Vec<u8>> {
        let is_grey = self.pixels.color().channel_count() == 1;
        let (file, turn) = self.jpeg.as_ref()?;
        let is_whole = unturned(plan).is_whole_jpeg(self.size(), is_grey);
        let whole = is_whole.then(|| jpeg::strip_metadata(file))?;
        turned(whole?, *turn, plan)
    }

    /// The decoded image, in the orientation in which it is stored.
    pub fn into_image(self) -> DynamicImage {
        self.pixels
    }

    /// `[width, height]` in pixels.
    pub fn size(&self) -> [u32; 2] {
        [self.pixels.width(), self.pixels.height()]
    }

    /// Bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        self.pixels.as_bytes().len() + self.jpeg.as_ref().map_or(0, |(file, _)| file.len())
    }

    /// Whether any pixel is transparent.
    pub fn is_transparent(&self) -> bool {
        match &self.pixels {
            DynamicImage::ImageRgba8(image) => image.pixels().any(|pixel| pixel[3] < 255),
            DynamicImage::ImageLumaA8(image) => image.pixels().any(|pixel| pixel[1] < 255),
            _ => false,
        }
    }

    /// A region, `[x, y, width, height]` in pixels, unscaled.
    pub fn region(&self, [x, y, w, h]: [u32; 4]) -> DynamicImage {
        self.pixels.crop_imm(x, y, w, h)
    }

    /// Renders the response to a plan.
    ///
    /// # Errors
    /// The format cannot hold the response.
    pub fn render(&self, plan: &RenderPlan) -> Result<Vec<u8>, String> {
        let [x, y, w, h] = plan.region;
        let part = match plan.size == [w, h] {
            true => self.pixels.crop_imm(x, y, w, h),
            false => scaled(&self.pixels, plan.region.map(f64::from), plan.size)?,
        };
        finished(part, plan, || {
            *self.threshold.get_or_init(|| threshold(&self.pixels))
        })
    }
}

/// Whether all readers show a JPEG in the same colours: some go by the JFIF segment, some by Adobe's, some by the ids of
/// components.
pub fn has_plain_colours(facts: &jpeg::Info) -> bool {
    let ids: Vec<u8> = facts
        .components
        .iter()
        .map(|component| component.id)
        .collect();
    match (&ids[..], facts.jfif, facts.adobe) {
        ([_], ..) => true,
        (b"RGB", jfif, adobe) => !jfif && matches!(adobe, None | Some(0)),
        ([_, _, _], jfif, Some(0)) => !jfif,
        ([_, _, _], _, None | Some(1)) => true,
        _ => false,
    }
}

/// How far the filter reaches beyond a pixel, in pixels of the smaller image. So much margin is needed around a part for
/// parts to fit together.
pub const REACH: f64 = 2.0;

/// Scales a part of an image, `[x, y, width, height]` in pixels. Parts that need no scaling are copied unchanged.
///
/// # Errors
/// The part is not inside the image.
pub fn scaled(
    image: &DynamicImage,
    [x, y, w, h]: [f64; 4],
    size: [u32; 2],
) -> Result<DynamicImage, String> {
    let is_exact = x.fract() == 0.0 && y.fract() == 0.0 && [w, h] == size.map(f64::from);
    if is_exact {
        return Ok(image.crop_imm(x as u32, y as u32, size[0], size[1]));
    }
    let (width, height) = (image.width(), image.height());
    // Rounded levels may be a fraction of a pixel smaller.
    let (w, h) = (w.min(f64::from(width) - x), h.min(f64::from(height) - y));
    let options = fir::ResizeOptions::new()
        .crop(x, y, w, h)
        .resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::CatmullRom));
    // `Resizer::resize` would compile every filter for all thirteen pixel types of the library.
    match image {
        DynamicImage::ImageLuma8(image) => {
            let scaled = resized::<U8>(image.as_raw(), [width, height], size, &options)?;
            image::GrayImage::from_raw(size[0], size[1], scaled).map(Into::into)
        }
        DynamicImage::ImageRgb8(image) => {
            let scaled = resized::<U8x3>(image.as_raw(), [width, height], size, &options)?;
            image::RgbImage::from_raw(size[0], size[1], scaled).map(Into::into)
        }
        other => {
            let image = other.to_rgba8();
            let scaled = resized::<U8x4>(image.as_raw(), [width, height], size, &options)?;
            image::RgbaImage::from_raw(size[0], size[1], scaled).map(Into::into)
        }
    }
    .ok_or_else(|| "the scaler returned a wrong number of bytes".into())
}

/// Samples of 8 bits, scaled from one size in pixels to another.
fn resized<P: fir::PixelTrait>(
    samples: &[u8],
    [width, height]: [u32; 2],
    size: [u32; 2],
    options: &fir::ResizeOptions,
) -> Result<Vec<u8>, String> {
    let source = TypedImageRef::<P>::from_buffer(width, height, samples);
    let source = source.map_err(|e| e.to_string())?;
    let mut scaled = vec![0; size[0] as usize * size[1] as usize * P::size()];
    let target = TypedImage::<P>::from_buffer(size[0], size[1], &mut scaled);
    let mut target = target.map_err(|e| e.to_string())?;
    let done = fir::Resizer::new().resize_typed(&source, &mut target, options);
    done.map_err(|e| e.to_string())?;
    drop(target);
    Ok(scaled)
}

/// Colours, rotates and encodes a scaled part.
///
/// # Errors
/// The format cannot hold the image.
pub fn finished(
    part: DynamicImage,
    plan: &RenderPlan,
    threshold: impl FnOnce() -> u8,
) -> Result<Vec<u8>, String> {
    let part = coloured(part, plan.quality, threshold);
    let mut compactness = Compactness {
        two_tone: false,
        half_chroma: plan.is_reduced(),
    };
    if let Some(mat) = plan.background {
        return encode(on_background(mat, on_white(part)), plan.format, compactness);
    }
    let part = if plan.mirror { part.fliph() } else { part };
    compactness.two_tone = plan.quality == Quality::Bitonal && plan.rotation % 90.0 == 0.0;
    encode(rotated(part, plan.rotation), plan.format, compactness)
}

/// The image in the middle of a background. Grey on grey stays grey.
fn on_background(mat: Background, image: DynamicImage) -> DynamicImage {
    let [w, h] = mat.size;
    let (x, y) = (
        i64::from(w.saturating_sub(image.width()) / 2),
        i64::from(h.saturating_sub(image.height()) / 2),
    );
    let [r, g, b] = mat.colour;
    match image {
        DynamicImage::ImageLuma8(image) if r == g && g == b => {
            let mut laid = image::GrayImage::from_pixel(w, h, image::Luma([r]));
            image::imageops::replace(&mut laid, &image, x, y);
            laid.into()
        }
        image => {
            let mut laid = image::RgbImage::from_pixel(w, h, image::Rgb(mat.colour));
            image::imageops::replace(&mut laid, &image.to_rgb8(), x, y);
            laid.into()
        }
    }
}

fn coloured(image: DynamicImage, quality: Quality, threshold: impl FnOnce() -> u8) -> DynamicImage {
    match (quality, &image) {
        (Quality::Gray, DynamicImage::ImageLuma8(_)) => image,
        (Quality::Gray, _) => on_white(image).to_luma8().into(),
        (Quality::Color, DynamicImage::ImageLuma8(_)) => image.to_rgb8().into(),
        (Quality::Bitonal, _) => two_toned(on_white(image).to_luma8(), threshold()),
        _ => image,
    }
}

/// A plan without its mirroring and rotation.
pub fn unturned(plan: &RenderPlan) -> RenderPlan {
    RenderPlan {
        mirror: false,
        rotation: 0.0,
        ..*plan
    }
}

/// A JPEG turned first as EXIF and then as a plan says, without loss; none if that is not possible.
pub fn turned(whole: Vec<u8>, by_exif: Turn, plan: &RenderPlan) -> Option<Vec<u8>> {
    let quarters = match plan.rotation {
        0.0 => 0,
        90.0 => 1,
        180.0 => 2,
        270.0 => 3,
        _ => return None,
    };
    let mirror = plan.mirror;
    let turn = by_exif.then(Turn { quarters, mirror });
    match turn.is_none() {
        true => Some(whole),
        false => jpeg::turned(&whole, turn).ok(),
    }
}

/// The threshold between ink and paper, for the whole image, so that tiles fit together.
pub fn threshold(image: &DynamicImage) -> u8 {
    otsu(&histogram(image))
}

/// The image as grey, RGB or RGBA with 8 bits per channel, which all formats can hold.
pub fn in_eight_bits(image: DynamicImage) -> DynamicImage {
    match image {
        DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) | DynamicImage::ImageRgba8(_) => {
            image
        }
        DynamicImage::ImageLuma16(_) => image.to_luma8().into(),
        other if other.color().has_alpha() => other.to_rgba8().into(),
        other => other.to_rgb8().into(),
    }
}

fn two_toned(mut image: image::GrayImage, threshold: u8) -> DynamicImage {
    for pixel in image.iter_mut() {
        *pixel = if *pixel > threshold { 255 } else { 0 };
    }
    image.into()
}

/// How often each grey occurs, in about a million pixels of the image.
fn histogram(image: &DynamicImage) -> [u64; 256] {
    let most = 1024;
    let small = match image.width().max(image.height()) > most {
        true => image.thumbnail(most, most),
        false => image.clone(),
    };
    let mut counts = [0; 256];
    for tone in on_white(small).to_luma8().iter() {
        counts[usize::from(*tone)] += 1;
    }
    counts
}

/// The grey that best separates dark from light: maximal variance between the two (Otsu 1979).
fn otsu(counts: &[u64; 256]) -> u8 {
    let all: u64 = counts.iter().sum();
    let sum = |range: &[u64]| -> f64 {
        let weighed = range
            .iter()
            .enumerate()
            .map(|(tone, n)| tone as f64 * *n as f64);
        weighed.sum()
    };
    let total = sum(counts);
    let (mut dark, mut dark_sum) = (0_u64, 0.0);
    // An image of one tone: the middle.
    let mut best = (0.0, 127);
    for (tone, n) in (0..=254_u8).zip(counts) {
        dark += n;
        dark_sum += f64::from(tone) * *n as f64;
        let light = all - dark;
        if dark == 0 || light == 0 {
            continue;
        }
        let gap = dark_sum / dark as f64 - (total - dark_sum) / light as f64;
        let variance = dark as f64 * light as f64 * gap * gap;
        if variance > best.0 {
            best = (variance, tone);
        }
    }
    best.1
}

/// Rotates clockwise. Angles other than multiples of 90 degrees leave transparent corners.
fn rotated(image: DynamicImage, degrees: f64) -> DynamicImage {
    match degrees {
        0.0 => image,
        90.0 => image.rotate90(),
        180.0 => image.rotate180(),
        270.0 => image.rotate270(),
        _ => rotated_freely(&image.into_rgba8(), degrees).into(),
    }
}

/// Each pixel of the result is interpolated between four of the image, weighted by distance and opacity.
fn rotated_freely(image: &image::RgbaImage, degrees: f64) -> image::RgbaImage {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (w, h) = (f64::from(image.width()), f64::from(image.height()));
    let [width, height] = resolve::rotated_size([image.width(), image.height()], degrees);
    let (half_w, half_h) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
    let mut turned = image::RgbaImage::new(width, height);
    let row = |(y, row): (usize, &mut [u8])| {
        let dy = y as f64 + 0.5 - half_h;
        for (x, pixel) in row.chunks_exact_mut(4).enumerate() {
            let dx = x as f64 + 0.5 - half_w;
            let at = [
                cos * dx + sin * dy + w / 2.0 - 0.5,
                -sin * dx + cos * dy + h / 2.0 - 0.5,
            ];
            pixel.copy_from_slice(&between(image, at));
        }
    };
    let stride = width as usize * 4;
    (turned.par_chunks_exact_mut(stride).enumerate()).for_each(row);
    turned
}

fn between(image: &image::RgbaImage, [x, y]: [f64; 2]) -> [u8; 4] {
    let (left, top) = (x.floor(), y.floor());
    let (right_share, low_share) = (x - left, y - top);
    let mut sums = [0.0; 4];
    for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        let (px, py) = (left as i64 + dx, top as i64 + dy);
        let (Ok(px), Ok(py)) = (u32::try_from(px), u32::try_from(py)) else {
            continue;
        };
        let Some(pixel) = image.get_pixel_checked(px, py) else {
            continue;
        };
        let share = |share: f64, far: i64| if far == 1 { share } else { 1.0 - share };
        let weight = share(right_share, dx) * share(low_share, dy) * f64::from(pixel[3]);
        sums[3] += weight;
        for channel in 0..3 {
            sums[channel] += weight * f64::from(pixel[channel]);
        }
    }
    let [r, g, b, alpha] = sums;
    match alpha > 0.0 {
        true => [r / alpha, g / alpha, b / alpha, alpha].map(|v| v.round() as u8),
        false => [255, 255, 255, 0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate as pixels;
    use recto_iiif::Format;

    /// 4 x 2 pixels, each of its own colour.
    fn picture() -> UprightImage {
        let image =
            image::RgbImage::from_fn(4, 2, |x, y| image::Rgb([x as u8 * 60, y as u8 * 200, 7]));
        DynamicImage::from(image).into()
    }

    fn plan() -> RenderPlan {
        RenderPlan {
            region: [0, 0, 4, 2],
            size: [4, 2],
            mirror: false,
            rotation: 0.0,
            quality: Quality::Default,
            format: Format::Png,
            background: None,
        }
    }

    fn rendered(plan: RenderPlan) -> image::RgbImage {
        let bytes = picture().render(&plan).unwrap();
        image::load_from_memory(&bytes).unwrap().to_rgb8()
    }

    #[test]
    fn parts_are_cut_mirrored_and_turned_to_the_pixel() {
        let original = picture().pixels.to_rgb8();
        let at = |x, y| *original.get_pixel(x, y);
        // (plan, size, what its top left and top right pixels were)
        let cases = [
            (plan(), (4, 2), at(0, 0), at(3, 0)),
            (
                RenderPlan {
                    region: [1, 1, 2, 1],
                    size: [2, 1],
                    ..plan()
                },
                (2, 1),
                at(1, 1),
                at(2, 1),
            ),
            (
                RenderPlan {
                    mirror: true,
                    ..plan()
                },
                (4, 2),
                at(3, 0),
                at(0, 0),
            ),
            (
                RenderPlan {
                    rotation: 90.0,
                    ..plan()
                },
                (2, 4),
                at(0, 1),
                at(0, 0),
            ),
            (
                RenderPlan {
                    rotation: 180.0,
                    ..plan()
                },
                (4, 2),
                at(3, 1),
                at(0, 1),
            ),
            (
                RenderPlan {
                    rotation: 270.0,
                    ..plan()
                },
                (2, 4),
                at(3, 0),
                at(3, 1),
            ),
            (
                RenderPlan {
                    mirror: true,
                    rotation: 90.0,
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
        let plan = RenderPlan {
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
    fn greys_have_one_channel() {
        let gray = RenderPlan {
            quality: Quality::Gray,
            ..plan()
        };
        let header = pixels::measure_bytes(&picture().render(&gray).unwrap()).unwrap();
        assert_eq!((header.channels, header.media_type), (1, "image/png"));
    }

    #[test]
    fn black_and_white_are_parted_by_the_whole_picture() {
        // Ink 60 on parchment 140: a threshold of 128 would do, the middle of a part would not.
        let image = image::GrayImage::from_fn(64, 8, |x, _| match x % 16 {
            0..4 => image::Luma([60]),
            n => image::Luma([130 + n as u8]),
        });
        let whole: UprightImage = DynamicImage::from(image).into();
        let part = RenderPlan {
            region: [4, 0, 12, 8],
            size: [12, 8],
            quality: Quality::Bitonal,
            ..plan()
        };
        let bytes = whole.render(&part).unwrap();
        let tones = image::load_from_memory(&bytes).unwrap().to_luma8();
        assert!(tones.iter().all(|tone| *tone == 255));
    }

    #[test]
    fn free_turns_keep_the_middle_and_leave_the_corners_clear() {
        let red = image::RgbImage::from_pixel(40, 20, image::Rgb([200, 0, 0]));
        let red: UprightImage = DynamicImage::from(red).into();
        let plan = RenderPlan {
            region: [0, 0, 40, 20],
            size: [40, 20],
            rotation: 30.0,
            ..plan()
        };
        let image = image::load_from_memory(&red.render(&plan).unwrap()).unwrap();
        // 40 cos 30 + 20 sin 30 = 44.6, 40 sin 30 + 20 cos 30 = 37.3
        assert_eq!((image.width(), image.height()), (45, 38));
        let image = image.to_rgba8();
        assert_eq!(image.get_pixel(22, 19).0, [200, 0, 0, 255]);
        assert_eq!(image.get_pixel(0, 0).0[3], 0);
        // Clockwise: the right end of the long side goes down.
        assert_eq!(image.get_pixel(36, 27).0[3], 255);
        assert_eq!(image.get_pixel(36, 10).0[3], 0);
    }
}
