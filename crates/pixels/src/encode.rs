//! Encodes images of 8 bits per channel for `serve`: jpg, png, tif, gif, webp and pdf.

use std::io::Cursor;

use image::{DynamicImage, ExtendedColorType, ImageEncoder};
use tiff::encoder::{Compression, DeflateLevel, TiffEncoder, colortype};

use recto_iiif::Format;

/// The formats that [`encode`] writes: there is no encoder of JPEG 2000 in Rust.
pub const WRITABLE: [Format; 6] = [
    Format::Jpg,
    Format::Png,
    Format::Tif,
    Format::Gif,
    Format::Pdf,
    Format::Webp,
];

/// Quality of JPEG responses: no visible loss on ink and parchment.
const JPEG_QUALITY: u8 = 90;

/// How to make a file smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compactness {
    /// The image holds only 0 and 255: one bit per pixel is enough.
    pub two_tone: bool,
    /// JPEG stores one value of chroma for four pixels (4:2:0).
    pub half_chroma: bool,
}

/// Encodes a grey, RGB or RGBA image.
///
/// # Errors
/// The format cannot hold an image of this size, or is not one of [`WRITABLE`].
pub fn encode(
    image: DynamicImage,
    format: Format,
    compactness: Compactness,
) -> Result<Vec<u8>, String> {
    match format {
        Format::Jpg => jpeg(&on_white(image), compactness),
        Format::Png if compactness.two_tone => png_of_one_bit(&image.to_luma8()),
        Format::Png => png(&image),
        Format::Tif => tif(&image),
        Format::Gif => gif(&image),
        Format::Webp => webp(&image),
        Format::Pdf => pdf(&on_white(image), compactness),
        Format::Jp2 => Err("jp2 is not supported".into()),
    }
}

/// The image on white, for formats without transparency.
pub fn on_white(image: DynamicImage) -> DynamicImage {
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

fn jpeg(image: &DynamicImage, compactness: Compactness) -> Result<Vec<u8>, String> {
    let (width, height) = (side(image.width())?, side(image.height())?);
    let colour = match image.color().channel_count() {
        1 => jpeg_encoder::ColorType::Luma,
        _ => jpeg_encoder::ColorType::Rgb,
    };
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, JPEG_QUALITY);
    encoder.set_sampling_factor(match compactness.half_chroma {
        true => jpeg_encoder::SamplingFactor::R_4_2_0,
        false => jpeg_encoder::SamplingFactor::R_4_4_4,
    });
    encoder
        .encode(image.as_bytes(), width, height, colour)
        .map_err(|e| e.to_string())?;
    Ok(bytes)
}

fn side(n: u32) -> Result<u16, String> {
    u16::try_from(n)
        .map_err(|_| format!("this format is limited to 65535 pixels per side, not {n}"))
}

fn png(image: &DynamicImage) -> Result<Vec<u8>, String> {
    let colour = match image.color().channel_count() {
        1 => png::ColorType::Grayscale,
        3 => png::ColorType::Rgb,
        _ => png::ColorType::Rgba,
    };
    let size = [image.width(), image.height()];
    png_file(size, colour, png::BitDepth::Eight, image.as_bytes())
}

fn png_of_one_bit(image: &image::GrayImage) -> Result<Vec<u8>, String> {
    let width = image.width() as usize;
    let packed: Vec<u8> = (image.as_raw().chunks(width.max(1)))
        .flat_map(|row| row.chunks(8).map(packed))
        .collect();
    let size = [image.width(), image.height()];
    png_file(size, png::ColorType::Grayscale, png::BitDepth::One, &packed)
}

/// Up to eight pixels, the first in the highest bit.
fn packed(pixels: &[u8]) -> u8 {
    let bit = |(n, pixel): (usize, &u8)| (pixel >> 7) << (7 - n);
    pixels.iter().enumerate().map(bit).fold(0, |a, b| a | b)
}

fn png_file(
    [width, height]: [u32; 2],
    colour: png::ColorType,
    depth: png::BitDepth,
    pixels: &[u8],
) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_source_srgb(png::SrgbRenderingIntent::RelativeColorimetric);
    let mut writer = encoder.write_header().map_err(|e| e.to_string())?;
    writer
        .write_image_data(pixels)
        .and_then(|()| writer.finish())
        .map_err(|e| e.to_string())?;
    Ok(bytes)
}

fn tif(image: &DynamicImage) -> Result<Vec<u8>, String> {
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes)
        .map_err(|e| e.to_string())?
        .with_compression(Compression::Deflate(DeflateLevel::Fast));
    let (w, h, data) = (image.width(), image.height(), image.as_bytes());
    match image.color().channel_count() {
        1 => encoder.write_image::<colortype::Gray8>(w, h, data),
        3 => encoder.write_image::<colortype::RGB8>(w, h, data),
        _ => encoder.write_image::<colortype::RGBA8>(w, h, data),
    }
    .map_err(|e| e.to_string())?;
    Ok(bytes.into_inner())
}

/// 256 colours: those of the image if they are not more, else a fitted palette.
fn gif(image: &DynamicImage) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let rgba = image.to_rgba8();
    image::codecs::gif::GifEncoder::new_with_speed(&mut bytes, 10)
        .encode(
            &rgba,
            image.width(),
            image.height(),
            ExtendedColorType::Rgba8,
        )
        .map_err(|e| e.to_string())?;
    Ok(bytes)
}

/// Lossless, because there is no reliable encoder of lossy WebP in Rust.
fn webp(image: &DynamicImage) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    image::codecs::webp::WebPEncoder::new_lossless(&mut bytes)
        .write_image(
            image.as_bytes(),
            image.width(),
            image.height(),
            image.color().into(),
        )
        .map_err(|e| e.to_string())?;
    Ok(bytes)
}

/// A page of the size of the image, a point per pixel, that holds it as JPEG (ISO 32000-1 §7.4.8, §8.9.5).
fn pdf(image: &DynamicImage, compactness: Compactness) -> Result<Vec<u8>, String> {
    let jpeg = jpeg(image, compactness)?;
    let (w, h) = (image.width(), image.height());
    let colours = match image.color().channel_count() {
        1 => "DeviceGray",
        _ => "DeviceRGB",
    };
    // Readers do not support pages above 14400 points (Annex C.2).
    let scale = (14_400.0 / f64::from(w.max(h))).min(1.0);
    let (page_w, page_h) = (f64::from(w) * scale, f64::from(h) * scale);
    let drawing = format!("q {page_w:.3} 0 0 {page_h:.3} 0 0 cm /I Do Q");
    let length = jpeg.len();
    let objects: [(String, Option<&[u8]>); 5] = [
        ("<</Type/Catalog/Pages 2 0 R>>".into(), None),
        ("<</Type/Pages/Kids[3 0 R]/Count 1>>".into(), None),
        (
            format!(
                "<</Type/Page/Parent 2 0 R/MediaBox[0 0 {page_w:.3} {page_h:.3}]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>>>"
            ),
            None,
        ),
        (
            format!("<</Length {}>>", drawing.len()),
            Some(drawing.as_bytes()),
        ),
        (
            format!(
                "<</Type/XObject/Subtype/Image/Width {w}/Height {h}/ColorSpace/{colours}/BitsPerComponent 8/Filter/DCTDecode/Length {length}>>"
            ),
            Some(&jpeg),
        ),
    ];
    Ok(pdf_file(&objects))
}

/// Numbered objects, each a dictionary with or without a stream, and the table of their positions.
fn pdf_file(objects: &[(String, Option<&[u8]>)]) -> Vec<u8> {
    let mut bytes = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (n, (dictionary, stream)) in objects.iter().enumerate() {
        table += &format!("{:010} 00000 n \n", bytes.len());
        bytes.extend(format!("{} 0 obj\n{dictionary}\n", n + 1).into_bytes());
        if let Some(stream) = stream {
            bytes.extend_from_slice(b"stream\n");
            bytes.extend_from_slice(stream);
            bytes.extend_from_slice(b"\nendstream\n");
        }
        bytes.extend_from_slice(b"endobj\n");
    }
    let start = bytes.len();
    let size = objects.len() + 1;
    table += &format!("trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n");
    bytes.extend(table.into_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lossless_formats_give_the_pixels_back() {
        let rgb = image::RgbImage::from_fn(17, 9, |x, y| image::Rgb([x as u8 * 15, y as u8, 7]));
        let clear = image::RgbaImage::from_fn(5, 3, |x, y| image::Rgba([x as u8, 9, 8, y as u8]));
        let gray = image::GrayImage::from_fn(9, 2, |x, _| image::Luma([x as u8]));
        for picture in [DynamicImage::from(rgb), clear.into(), gray.into()] {
            for format in [Format::Png, Format::Tif, Format::Webp] {
                let bytes = encode(picture.clone(), format, Compactness::default()).unwrap();
                let read = image::load_from_memory(&bytes).unwrap();
                assert_eq!(read.to_rgba8(), picture.to_rgba8(), "{format:?}");
            }
        }
    }

    #[test]
    fn two_tones_take_one_bit_a_pixel() {
        let tones =
            image::GrayImage::from_fn(19, 3, |x, y| image::Luma([255 * ((x + y) % 2) as u8]));
        let compactness = Compactness {
            two_tone: true,
            ..Compactness::default()
        };
        let bytes = encode(tones.clone().into(), Format::Png, compactness).unwrap();
        assert_eq!(bytes[24], 1, "bit depth");
        assert_eq!(image::load_from_memory(&bytes).unwrap().to_luma8(), tones);
    }

    #[test]
    fn jpegs_show_white_where_there_was_nothing() {
        let clear = image::RgbaImage::from_pixel(4, 2, image::Rgba([0, 0, 0, 0]));
        let bytes = encode(clear.into(), Format::Jpg, Compactness::default()).unwrap();
        let image = image::load_from_memory(&bytes).unwrap().to_rgb8();
        assert_eq!(*image.get_pixel(1, 1), image::Rgb([255, 255, 255]));
    }

    #[test]
    fn chroma_is_halved_where_that_is_wanted() {
        let picture = DynamicImage::from(image::RgbImage::new(33, 17));
        for (half_chroma, factors) in [(false, [1, 1]), (true, [2, 2])] {
            let compactness = Compactness {
                half_chroma,
                ..Compactness::default()
            };
            let bytes = encode(picture.clone(), Format::Jpg, compactness).unwrap();
            let facts = recto_jpeg::check(&bytes).unwrap();
            assert_eq!(facts.components[0].sampling, factors);
            assert_eq!((facts.width, facts.height), (33, 17));
        }
    }

    #[test]
    fn the_table_of_a_pdf_points_at_its_objects() {
        let page = image::GrayImage::new(30, 20);
        let bytes = encode(page.into(), Format::Pdf, Compactness::default()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("/MediaBox[0 0 30.000 20.000]") && text.contains("/DeviceGray"));
        let find = |needle: &[u8]| bytes.windows(needle.len()).position(|w| w == needle);
        let table = find(b"xref\n").unwrap();
        let rows: Vec<&str> = std::str::from_utf8(&bytes[table..])
            .unwrap()
            .lines()
            .collect();
        for n in 1..=5 {
            let at: usize = rows[n + 2][..10].parse().unwrap();
            assert!(bytes[at..].starts_with(format!("{n} 0 obj\n").as_bytes()));
        }
    }
}
