//! Colours that a file holds multiplied by their opacity (associated alpha of TIFF 6.0 section 18, `prem` of AVIF), divided by it
//! again: all that is written here holds colours as they are.

use std::io::Cursor;

use image::DynamicImage;
use tiff::decoder::{Decoder, DecodingResult};
use tiff::tags::Tag;

/// What `ExtraSamples` says of opacity that colours are multiplied by.
pub const ASSOCIATED: u16 = 1;

/// Whether the first image of a TIFF says that its colours are multiplied by their opacity; false for other files.
pub fn is_multiplied(bytes: &[u8]) -> bool {
    super::tiff_directory::is_tiff(bytes)
        && Decoder::new(Cursor::new(bytes)).is_ok_and(|mut decoder| is_multiplied_in(&mut decoder))
}

/// The same for the image that a decoder is at.
pub fn is_multiplied_in<R: std::io::Read + std::io::Seek>(decoder: &mut Decoder<R>) -> bool {
    let kinds = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples);
    kinds
        .ok()
        .flatten()
        .is_some_and(|kinds| kinds.first() == Some(&ASSOCIATED))
}

/// Divides the colours of an image by their opacity; an image without opacity stays as it is.
pub fn divided(mut image: DynamicImage) -> DynamicImage {
    match &mut image {
        DynamicImage::ImageRgba8(image) => divide(image, 4, u8::MAX.into()),
        DynamicImage::ImageRgba16(image) => divide(image, 4, u16::MAX.into()),
        DynamicImage::ImageLumaA8(image) => divide(image, 2, u8::MAX.into()),
        DynamicImage::ImageLumaA16(image) => divide(image, 2, u16::MAX.into()),
        DynamicImage::ImageRgba32F(image) => {
            for image::Rgba([colours @ .., opacity]) in image.pixels_mut() {
                if *opacity > 0.0 {
                    colours.iter_mut().for_each(|colour| *colour /= *opacity);
                }
            }
        }
        _ => {}
    }
    image
}

/// Divides samples of red, green, blue and opacity, before they have fewer bits.
pub fn divide_samples(samples: &mut DecodingResult) {
    match samples {
        DecodingResult::U8(values) => divide(values, 4, u8::MAX.into()),
        DecodingResult::U16(values) => divide(values, 4, u16::MAX.into()),
        _ => {}
    }
}

/// Divides the colours of pixels by their opacity, the last channel, of which `most` is opaque. What cannot be seen stays as it
/// is; colours that are more than their opacity allows are the brightest.
fn divide<T: Copy + Into<u32> + TryFrom<u32>>(pixels: &mut [T], channels: usize, most: u32) {
    for pixel in pixels.chunks_exact_mut(channels) {
        let Some((opacity, colours)) = pixel.split_last_mut() else {
            continue;
        };
        let opacity: u32 = (*opacity).into();
        if opacity == 0 || opacity == most {
            continue;
        }
        for colour in colours {
            // At most 65,535 * 65,535 + 32,767, which is within 32 bits.
            let whole = ((*colour).into() * most + opacity / 2) / opacity;
            *colour = T::try_from(whole.min(most)).unwrap_or(*colour);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_divided_by_their_opacity_whatever_their_bits() {
        // As stored, and as it is: half opaque, opaque, invisible, brighter than it can be.
        let cases: [([u8; 4], [u8; 4]); 4] = [
            ([60, 40, 100, 128], [120, 80, 199, 128]),
            ([60, 40, 100, 255], [60, 40, 100, 255]),
            ([60, 40, 100, 0], [60, 40, 100, 0]),
            ([200, 0, 10, 10], [255, 0, 255, 10]),
        ];
        for (stored, wanted) in cases {
            let image = image::RgbaImage::from_pixel(1, 1, image::Rgba(stored));
            assert_eq!(
                divided(image.clone().into()).into_rgba8().into_raw(),
                wanted
            );
            let deep = DynamicImage::from(image).into_rgba16();
            let deep = divided(deep.into()).into_rgba16().into_raw();
            let apart =
                |(deep, eight): (&u16, &u8)| (i32::from(*deep) - 257 * i32::from(*eight)).abs();
            assert!(
                deep.iter().zip(&wanted).all(|pair| apart(pair) <= 257),
                "{deep:?}"
            );
            let [grey, .., opacity] = stored;
            let image = image::GrayAlphaImage::from_pixel(1, 1, image::LumaA([grey, opacity]));
            let wanted = [wanted[0], wanted[3]];
            assert_eq!(divided(image.into()).into_luma_alpha8().into_raw(), wanted);
        }
        let none = DynamicImage::new_rgb8(1, 1);
        assert_eq!(divided(none.clone()), none);
    }
}
