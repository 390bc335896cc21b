//! Converts colours by ICC profiles to sRGB, in which all images are served.

use std::sync::Arc;

use image::DynamicImage;
use moxcms::{ColorProfile, DataColorSpace, Layout, Transform8BitExecutor, TransformOptions};

/// A conversion from a profile to sRGB.
#[derive(Clone)]
pub struct ToSrgb {
    space: DataColorSpace,
    opaque: Arc<Transform8BitExecutor>,
    /// The conversion of pixels with alpha, if the profile allows them.
    clear: Option<Arc<Transform8BitExecutor>>,
}

impl std::fmt::Debug for ToSrgb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToSrgb")
            .field("space", &self.space)
            .finish()
    }
}

impl ToSrgb {
    /// The conversion from a profile; none if the profile cannot be read, or is sRGB or equivalent.
    pub fn from_profile(icc: &[u8]) -> Option<Self> {
        let profile = ColorProfile::new_from_slice(icc).ok()?;
        let layout = match profile.color_space {
            DataColorSpace::Gray => Layout::Gray,
            DataColorSpace::Rgb => Layout::Rgb,
            // CMYK has the memory layout of four channels.
            DataColorSpace::Cmyk => Layout::Rgba,
            _ => return None,
        };
        let srgb = ColorProfile::new_srgb();
        let way = |from, to| {
            let options = TransformOptions::default();
            profile.create_transform_8bit(from, &srgb, to, options).ok()
        };
        let clear = match layout {
            Layout::Rgb => way(Layout::Rgba, Layout::Rgba),
            _ => None,
        };
        let found = ToSrgb {
            space: profile.color_space,
            opaque: way(layout, Layout::Rgb)?,
            clear,
        };
        (!found.changes_nothing()).then_some(found)
    }

    /// Whether the profile is for CMYK.
    pub fn is_cmyk(&self) -> bool {
        self.space == DataColorSpace::Cmyk
    }

    /// Converts an image of 8 bits per channel to sRGB. Images that the profile does not fit stay as they are.
    pub fn apply(&self, image: DynamicImage) -> DynamicImage {
        let (w, h) = (image.width(), image.height());
        match (self.space, image) {
            (DataColorSpace::Rgb, DynamicImage::ImageRgb8(image)) => {
                let made = transformed(&self.opaque, image.as_raw(), image.as_raw().len());
                let made = made.and_then(|bytes| image::RgbImage::from_raw(w, h, bytes));
                made.unwrap_or(image).into()
            }
            (DataColorSpace::Rgb, DynamicImage::ImageRgba8(image)) => {
                let way = self.clear.as_ref();
                let made =
                    way.and_then(|way| transformed(way, image.as_raw(), image.as_raw().len()));
                let made = made.and_then(|bytes| image::RgbaImage::from_raw(w, h, bytes));
                made.unwrap_or(image).into()
            }
            (DataColorSpace::Gray, DynamicImage::ImageLuma8(image)) => {
                let made = transformed(&self.opaque, image.as_raw(), image.as_raw().len() * 3);
                // Grey stays grey: one of three equal channels.
                let made = made.map(|bytes| bytes.chunks_exact(3).map(|rgb| rgb[1]).collect());
                let made = made.and_then(|bytes| image::GrayImage::from_raw(w, h, bytes));
                made.unwrap_or(image).into()
            }
            (_, image) => image,
        }
    }

    /// Converts CMYK pixels, with 255 for full ink, to RGB.
    pub fn cmyk_to_rgb(&self, inks: &[u8]) -> Option<Vec<u8>> {
        transformed(&self.opaque, inks, inks.len() / 4 * 3)
    }

    fn changes_nothing(&self) -> bool {
        if self.space != DataColorSpace::Rgb {
            return false;
        }
        const STEPS: [u8; 5] = [0, 40, 110, 190, 255];
        let colours = STEPS
            .iter()
            .flat_map(|r| STEPS.iter().map(move |g| [*r, *g]));
        let colours: Vec<u8> = colours
            .flat_map(|[r, g]| STEPS.iter().flat_map(move |b| [r, g, *b]))
            .collect();
        let made = transformed(&self.opaque, &colours, colours.len());
        made.is_some_and(|made| made.iter().zip(&colours).all(|(a, b)| a.abs_diff(*b) <= 2))
    }
}

fn transformed(way: &Arc<Transform8BitExecutor>, pixels: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut made = vec![0; length];
    way.transform(pixels, &mut made).ok()?;
    Some(made)
}

/// Converts CMYK pixels, with 255 for full ink, to RGB without a profile: each ink absorbs light.
pub fn cmyk_to_rgb(inks: &[u8]) -> Vec<u8> {
    let light = |ink: u8, black: u8| {
        // At most 255 * 255 / 255.
        (u32::from(255 - ink) * u32::from(255 - black) / 255) as u8
    };
    let pixels = inks.chunks_exact(4);
    pixels
        .flat_map(|p| [light(p[0], p[3]), light(p[1], p[3]), light(p[2], p[3])])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn srgb_is_left_alone_and_wider_colours_are_brought_in() {
        let srgb = ColorProfile::new_srgb().encode().unwrap();
        assert!(ToSrgb::from_profile(&srgb).is_none());
        let wide = ColorProfile::new_display_p3().encode().unwrap();
        let way = ToSrgb::from_profile(&wide).unwrap();
        let image = image::RgbImage::from_pixel(2, 1, image::Rgb([200, 100, 100]));
        let made = way.apply(image.into()).to_rgb8();
        // Display P3 (200, 100, 100) is about sRGB (214, 93, 96).
        let [r, g, b] = made.get_pixel(1, 0).0;
        assert!(
            r.abs_diff(214) <= 2 && g.abs_diff(93) <= 2 && b.abs_diff(96) <= 2,
            "{r} {g} {b}"
        );
        assert!(ToSrgb::from_profile(b"no profile").is_none());
    }

    #[test]
    fn ink_takes_away_light() {
        assert_eq!(
            cmyk_to_rgb(&[0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255]),
            [255, 255, 255, 0, 255, 255, 0, 0, 0]
        );
    }
}
