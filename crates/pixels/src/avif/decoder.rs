//! The pixels of an AVIF. AV1 itself is decoded by rav1d.

use image::DynamicImage;
use re_rav1d::dav1d::pixel::{MatrixCoefficients as Matrix, YUVRange};
use re_rav1d::dav1d::{Decoder, Picture, PixelLayout, PlanarImageComponent as Component, Settings};

use super::container::{Coded, Container, Signal};
use super::planes::Planes;
use crate::alpha;
use crate::colour::ToSrgb;
use crate::orientation::upright;

/// Decodes a file of at most `most_pixels` to 8 bits per channel in sRGB, upright.
///
/// # Errors
/// The image has more pixels, is damaged, or of a kind that is not read.
pub fn decode(bytes: &[u8], most_pixels: u64) -> Result<DynamicImage, String> {
    let file = Container::read(bytes)?;
    let [width, height] = file.size;
    let pixels = u64::from(width) * u64::from(height);
    if pixels > most_pixels {
        return Err(format!(
            "its header declares {width} x {height} pixels, the limit is {most_pixels}"
        ));
    }
    let most = u32::try_from(pixels.max(1 << 16)).unwrap_or(u32::MAX);
    let colours = |planes: Planes| {
        let signal = file.signal.unwrap_or(planes.signal);
        let planes = Planes { signal, ..planes };
        match planes.chroma {
            Some(_) => Ok((3, planes.colours()?)),
            None => Ok((1, planes.grey())),
        }
    };
    let (channels, bytes) = assembled(&file.colours, file.size, most, colours)?;
    let image: Option<DynamicImage> = match channels {
        1 => image::GrayImage::from_raw(width, height, bytes).map(Into::into),
        _ => image::RgbImage::from_raw(width, height, bytes).map(Into::into),
    };
    let mut image = image.ok_or("its size is wrong")?;
    if let Some(opacity) = &file.opacity {
        let grey = |planes: Planes| Ok((1, planes.grey()));
        let (_, opacity) = assembled(opacity, file.size, most, grey)?;
        let mut clear = image.into_rgba8();
        for (pixel, opacity) in clear.pixels_mut().zip(opacity) {
            pixel.0[3] = opacity;
        }
        image = match file.is_multiplied {
            true => alpha::divided(clear.into()),
            false => clear.into(),
        };
    }
    if let Some(way) = file.icc.and_then(ToSrgb::from_profile) {
        image = way.apply(image);
    }
    Ok(upright(image, file.orientation))
}

/// Decodes all tiles and puts them together: the number of channels, and the pixels of an image of this size.
fn assembled(
    coded: &Coded,
    [width, height]: [u32; 2],
    most: u32,
    pixels_of: impl Fn(Planes) -> Result<(usize, Vec<u8>), String>,
) -> Result<(usize, Vec<u8>), String> {
    let [width, height] = [width as usize, height as usize];
    let columns = coded.columns as usize;
    let rows = coded.tiles.len() / columns;
    let mut all = Vec::new();
    let mut first = None;
    for (n, tile) in coded.tiles.iter().enumerate() {
        let planes = still(tile.concat(), most)?;
        let size @ [tile_width, tile_height] = planes.size;
        let (channels, pixels) = pixels_of(planes)?;
        let covers = |side, count, of_tile| side <= count * of_tile && side > (count - 1) * of_tile;
        let fits = match coded.tiles.len() {
            1 => size == [width, height],
            _ => covers(width, columns, tile_width) && covers(height, rows, tile_height),
        };
        if !fits || *first.get_or_insert((size, channels)) != (size, channels) {
            return Err("its header and its image are of different sizes".into());
        }
        all.resize(width * height * channels, 0);
        let [left, top] = [n % columns * tile_width, n / columns * tile_height];
        let shown = tile_width.min(width - left) * channels;
        for (y, row) in pixels.chunks(tile_width * channels).enumerate() {
            let start = ((top + y) * width + left) * channels;
            if top + y < height {
                all[start..start + shown].copy_from_slice(&row[..shown]);
            }
        }
    }
    let (_, channels) = first.ok_or("it holds no image")?;
    Ok((channels, all))
}

/// Decodes one image of at most `most` pixels.
fn still(bytes: Vec<u8>, most: u32) -> Result<Planes, String> {
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_frame_size_limit(most);
    // Of an image in layers the last one, which is the finest.
    settings.set_all_layers(false);
    let fault = |e: re_rav1d::dav1d::Error| format!("its image is damaged: {e}");
    let mut decoder = Decoder::with_settings(&settings).map_err(fault)?;
    match decoder.send_data(bytes, None, None, None) {
        Err(e) if !e.is_again() => return Err(fault(e)),
        _ => {}
    }
    planes(&decoder.get_picture().map_err(fault)?)
}

fn planes(picture: &Picture) -> Result<Planes, String> {
    let size = [picture.width() as usize, picture.height() as usize];
    let bits = picture.bits_per_component().map_or(0, |bits| bits.0 as u32);
    let shared = match picture.pixel_layout() {
        PixelLayout::I420 => [2, 2],
        PixelLayout::I422 => [2, 1],
        PixelLayout::I444 | PixelLayout::I400 => [1, 1],
    };
    if size.contains(&0) || !(8..=12).contains(&bits) {
        return Err("its image has no size or depth".into());
    }
    let read = |component, [width, height]: [usize; 2]| {
        let stride = picture.stride(component) as usize;
        let bytes_each = if bits > 8 { 2 } else { 1 };
        let plane = picture.plane(component);
        let mut numbers = Vec::with_capacity(width * height);
        for row in plane.chunks(stride.max(1)).take(height) {
            let row = row
                .get(..width * bytes_each)
                .ok_or("its image is cut short")?;
            numbers.extend(row.chunks(bytes_each).map(|number| match *number {
                [low, high] => u16::from_le_bytes([low, high]),
                _ => u16::from(number[0]),
            }));
        }
        match numbers.len() == width * height {
            true => Ok(numbers),
            false => Err("its image is cut short".to_owned()),
        }
    };
    let chroma = match picture.pixel_layout() {
        PixelLayout::I400 => None,
        _ => {
            let size = Planes::chroma_size(size, shared);
            Some([read(Component::U, size)?, read(Component::V, size)?])
        }
    };
    Ok(Planes {
        size,
        bits,
        luma: read(Component::Y, size)?,
        chroma,
        shared,
        signal: signal(picture),
    })
}

/// What the coded image says itself about its numbers: the codes of ITU-T H.273.
fn signal(picture: &Picture) -> Signal {
    let matrix = match picture.matrix_coefficients() {
        Matrix::Identity => 0,
        Matrix::BT709 => 1,
        Matrix::BT470M => 4,
        Matrix::BT470BG | Matrix::ST170M => 6,
        Matrix::ST240M => 7,
        Matrix::BT2020NonConstantLuminance => 9,
        Matrix::Unspecified => 2,
        _ => u16::MAX,
    };
    Signal {
        matrix,
        is_full_range: picture.color_range() == YUVRange::Full,
    }
}
