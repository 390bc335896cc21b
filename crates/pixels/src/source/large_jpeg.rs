//! Decodes parts of a large JPEG by an index, at half, a quarter or an eighth of the size if that is enough, so that
//! neither time nor memory grow with the whole image.

use image::DynamicImage;
use rayon::prelude::*;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::colour::ToSrgb;
use crate::render::has_plain_colours;
use recto_jpeg as jpeg;
use recto_jpeg::Colour;
use recto_jpeg::index::{HuffmanTables, Index, Window, WindowCoefficients};

/// Images with fewer pixels are decoded as a whole, once.
pub const LEAST_PIXELS: u64 = 4 << 20;
/// Factors by which an image can be decoded smaller: an eighth leaves one pixel per block.
const FACTORS: [u32; 4] = [8, 4, 2, 1];
/// Approximate number of blocks in memory at once, 128 bytes each.
const MOST_BLOCKS: u32 = 1 << 17;

/// A JPEG and its index.
#[derive(Debug)]
pub struct LargeJpeg {
    bytes: Vec<u8>,
    index: Index,
    /// The conversion from its profile to sRGB.
    pub to_srgb: Option<ToSrgb>,
}

impl LargeJpeg {
    /// Indexes a JPEG of grey or three colours.
    ///
    /// # Errors
    /// The file cannot be indexed: returns the bytes.
    pub fn of(bytes: Vec<u8>) -> Result<Self, Vec<u8>> {
        let Ok(index) = Index::read(&bytes) else {
            return Err(bytes);
        };
        let to_srgb = index.icc().and_then(ToSrgb::from_profile);
        let is_of_light = matches!(index.colour(), Colour::Grey | Colour::YCbCr | Colour::Rgb);
        let has_inks = to_srgb.as_ref().is_some_and(ToSrgb::is_cmyk);
        // Samples of subsampled components must cover a whole number of pixels.
        let is_even = index.sampling().iter().all(|factors| {
            let [w, h] = index.mcu().map(|side| side / 8);
            w.is_multiple_of(factors[0]) && h.is_multiple_of(factors[1])
        });
        match is_of_light && is_even && !has_inks {
            true => Ok(LargeJpeg {
                bytes,
                index,
                to_srgb,
            }),
            false => Err(bytes),
        }
    }

    /// `[width, height]` in pixels.
    pub fn size(&self) -> [u32; 2] {
        self.index.size()
    }

    /// Channels as decoded: 1 or 3.
    pub fn channels(&self) -> u8 {
        if self.index.colour() == Colour::Grey {
            1
        } else {
            3
        }
    }

    /// Bytes of memory that it takes.
    pub fn held(&self) -> usize {
        self.bytes.len() + self.index.memory()
    }

    /// The factor by which an image can be decoded smaller if it is then reduced by `asked` in total.
    pub fn factor(asked: f64) -> u32 {
        let enough = |factor: &u32| f64::from(*factor) <= asked * 1.004;
        FACTORS.into_iter().find(enough).unwrap_or(1)
    }

    /// The size of the image decoded smaller by a factor.
    pub fn size_at(&self, factor: u32) -> [u32; 2] {
        self.size().map(|side| side.div_ceil(factor))
    }

    /// Bytes of memory needed to decode this many pixels, approximately.
    pub fn cost(pixels: f64) -> u64 {
        (pixels * 12.0) as u64
    }

    /// Decodes a region smaller by a factor: `[x, y, width, height]` inside [`LargeJpeg::size_at`].
    ///
    /// # Errors
    /// The file is damaged.
    pub fn region(&self, factor: u32, region: [u32; 4]) -> Result<DynamicImage, String> {
        match factor {
            1 => self.as_stored(region),
            _ => self.smaller(factor, region),
        }
    }

    /// Decodes a region at full size, with the same pixels as if the whole image was decoded: cut out with a margin for
    /// smoothing across blocks, some rows at a time.
    fn as_stored(&self, [x, y, w, h]: [u32; 4]) -> Result<DynamicImage, String> {
        const MOST_PIXELS: u32 = 1 << 21;
        let mcu = self.index.mcu();
        let rows = (MOST_PIXELS / w.max(1))
            .next_multiple_of(mcu[1])
            .max(mcu[1]);
        let channels = usize::from(self.channels());
        let line = w as usize * channels;
        let mut pixels = vec![0; line * h as usize];
        let bands = pixels
            .par_chunks_mut((line * rows as usize).max(1))
            .enumerate();
        bands.into_par_iter().try_for_each(|(band, out)| {
            // Bands lie inside the region.
            let (top, high) = (y + band as u32 * rows, (out.len() / line) as u32);
            let window = self.window([x, top, w, high], mcu, 1);
            let cut = self
                .index
                .crop(&self.bytes, window, None, HuffmanTables::Standard);
            let image = decoded(&cut.map_err(|e| e.to_string())?, self.channels())?;
            let (left, above) = (x - window.from[0] * mcu[0], top - window.from[1] * mcu[1]);
            out.copy_from_slice(image.crop_imm(left, above, w, high).as_bytes());
            Ok::<_, String>(())
        })?;
        image_of([w, h], pixels, channels)
            .ok_or_else(|| "the number of pixels does not fit the size".into())
    }

    /// The MCUs of a region and of a margin around it. `mcu` is their size in pixels.
    fn window(&self, [x, y, w, h]: [u32; 4], mcu: [u32; 2], margin: u32) -> Window {
        let most = self.index.mcus();
        let from = [x / mcu[0], y / mcu[1]].map(|n| n.saturating_sub(margin));
        let to = [(x + w).div_ceil(mcu[0]), (y + h).div_ceil(mcu[1])];
        let to = [0, 1].map(|side| (to[side] + margin).min(most[side]));
        Window { from, to }
    }

    fn smaller(&self, factor: u32, [x, y, w, h]: [u32; 4]) -> Result<DynamicImage, String> {
        let mcu = self.index.mcu().map(|side| side / factor);
        let window = self.window([x, y, w, h], mcu, 0);
        let channels = usize::from(self.channels());
        let mut pixels = vec![0; w as usize * h as usize * channels];
        let rows = self.rows_at_once(window);
        let bands = (window.from[1]..window.to[1]).step_by(rows as usize);
        let whole = |top: u32| Window {
            from: [window.from[0], top],
            to: [window.to[0], (top + rows).min(window.to[1])],
        };
        // Each band begins at a row of its own.
        let mut rest = &mut pixels[..];
        let mut work = Vec::new();
        for band in bands.map(whole) {
            let first = (band.from[1] * mcu[1]).max(y);
            let last = (band.to[1] * mcu[1]).min(y + h);
            let length = last.saturating_sub(first) as usize * w as usize * channels;
            let (own, others) = rest.split_at_mut(length.min(rest.len()));
            rest = others;
            work.push((band, first, own));
        }
        let place = [x - window.from[0] * mcu[0], w];
        work.into_par_iter().try_for_each(|(band, first, own)| {
            let part = self
                .index
                .coefficients(&self.bytes, band)
                .map_err(|e| e.to_string())?;
            let planes = Planes::of(&part, &self.index, factor);
            planes.write(place, first - band.from[1] * mcu[1], own);
            Ok::<_, String>(())
        })?;
        image_of([w, h], pixels, channels)
            .ok_or_else(|| "the number of pixels does not fit the size".into())
    }

    fn rows_at_once(&self, window: Window) -> u32 {
        let blocks: u32 = self.index.sampling().iter().map(|[h, v]| h * v).sum();
        let in_row = (window.to[0] - window.from[0])
            .saturating_mul(blocks)
            .max(1);
        (MOST_BLOCKS / in_row).clamp(1, 16)
    }

    /// A region as a JPEG cut out without loss, filled up to a square of `filled` pixels per side if that is given. None
    /// if the region does not consist of whole MCUs, or if colours have to be converted.
    pub fn cut(
        &self,
        [x, y, w, h]: [u32; 4],
        filled: Option<u32>,
        tables: HuffmanTables,
    ) -> Option<Vec<u8>> {
        let (mcu, size) = (self.index.mcu(), self.size());
        let is_whole = |side: usize, from: u32, to: u32| {
            from.is_multiple_of(mcu[side]) && (to.is_multiple_of(mcu[side]) || to == size[side])
        };
        let fills = |mcu: &u32| filled.is_none_or(|side| side.is_multiple_of(*mcu));
        if self.to_srgb.is_some()
            || !is_whole(0, x, x + w)
            || !is_whole(1, y, y + h)
            || !mcu.iter().all(fills)
        {
            return None;
        }
        let window = self.window([x, y, w, h], mcu, 0);
        let full = filled.map(|side| mcu.map(|mcu| side / mcu));
        self.index.crop(&self.bytes, window, full, tables).ok()
    }

    /// The whole file without metadata; none if colours have to be converted.
    pub fn alone(&self) -> Option<Vec<u8>> {
        let is_plain = || jpeg::check(&self.bytes).is_ok_and(|facts| has_plain_colours(&facts));
        (self.to_srgb.is_none() && is_plain()).then(|| jpeg::strip_metadata(&self.bytes))?
    }

    /// Blocks of luma per MCU, horizontally and vertically.
    pub fn sampling(&self) -> [u32; 2] {
        self.index.sampling()[0]
    }

    /// Whether chroma has one block per MCU.
    pub fn is_chroma_single(&self) -> bool {
        self.index.sampling()[1..].iter().all(|n| *n == [1, 1])
    }

    /// The colour space of its components.
    pub fn colour(&self) -> Colour {
        self.index.colour()
    }
}

fn decoded(bytes: &[u8], channels: u8) -> Result<DynamicImage, String> {
    let wanted = match channels {
        1 => ColorSpace::Luma,
        _ => ColorSpace::RGB,
    };
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(wanted)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().map_err(|e| e.to_string())?;
    let (w, h) = decoder
        .dimensions()
        .ok_or("the size of a part is missing")?;
    // A JPEG's sides are below 65,536.
    image_of([w as u32, h as u32], pixels, channels.into())
        .ok_or_else(|| "a part is truncated".into())
}

fn image_of([w, h]: [u32; 2], pixels: Vec<u8>, channels: usize) -> Option<DynamicImage> {
    match channels {
        1 => image::GrayImage::from_raw(w, h, pixels).map(Into::into),
        _ => image::RgbImage::from_raw(w, h, pixels).map(Into::into),
    }
}

/// The samples of a part, decoded smaller.
struct Planes {
    planes: Vec<Plane>,
    colour: Colour,
}

/// The samples of a component.
struct Plane {
    samples: Vec<u8>,
    stride: usize,
    /// Pixels per sample, horizontally and vertically.
    step: [usize; 2],
}

impl Planes {
    fn of(part: &WindowCoefficients, index: &Index, factor: u32) -> Self {
        let mcu = index.mcu().map(|side| side / 8);
        let plane = |(component, sampling): (usize, [u32; 2])| {
            // Subsampled components are reduced by less, so that all have the same number of samples.
            let wanted = [0, 1].map(|side| 8 / factor * (mcu[side] / sampling[side]));
            let block = wanted.map(|side| side.min(8));
            let step = [0, 1].map(|side| (wanted[side] / block[side]) as usize);
            Plane::of(part, component, block.map(|side| side as usize), step)
        };
        Planes {
            planes: index
                .sampling()
                .into_iter()
                .enumerate()
                .map(plane)
                .collect(),
            colour: index.colour(),
        }
    }

    /// Writes rows of pixels from `top` on, `width` pixels each from `x` on.
    fn write(&self, [x, width]: [u32; 2], top: u32, out: &mut [u8]) {
        let (x, width, channels) = (x as usize, width as usize, self.planes.len());
        for (row, line) in out.chunks_exact_mut((width * channels).max(1)).enumerate() {
            let y = top as usize + row;
            for (column, pixel) in line.chunks_exact_mut(channels).enumerate() {
                for (value, plane) in pixel.iter_mut().zip(&self.planes) {
                    *value = plane.at(x + column, y);
                }
                if self.colour == Colour::YCbCr {
                    let [luma, blue, red] = [pixel[0], pixel[1], pixel[2]];
                    pixel.copy_from_slice(&rgb(luma, blue, red));
                }
            }
        }
    }
}

impl Plane {
    fn of(
        part: &WindowCoefficients,
        component: usize,
        [wide, high]: [usize; 2],
        step: [usize; 2],
    ) -> Self {
        let [across, down] = part.blocks(component).map(|n| n as usize);
        let steps = part.quantization(component);
        let (horizontal, vertical) = (basis(wide), basis(high));
        let stride = across * wide;
        let mut samples = vec![0; stride * down * high];
        for row in 0..down {
            for column in 0..across {
                // Both are below 65,536.
                let block = part.block(component, column as u32, row as u32);
                let place = row * high * stride + column * wide;
                let to = &mut samples[place..];
                transformed(
                    block,
                    steps,
                    (&horizontal, wide),
                    (&vertical, high),
                    to,
                    stride,
                );
            }
        }
        Plane {
            samples,
            stride,
            step,
        }
    }

    fn at(&self, x: usize, y: usize) -> u8 {
        self.samples[y / self.step[1] * self.stride + x / self.step[0]]
    }
}

/// Weights of coefficients for `size` samples instead of eight: `[sample][coefficient]`.
fn basis(size: usize) -> [[f32; 8]; 8] {
    let mut weights = [[0.0; 8]; 8];
    for (sample, row) in weights.iter_mut().enumerate().take(size) {
        for (k, weight) in row.iter_mut().enumerate().take(size) {
            let angle =
                (2 * sample + 1) as f32 * k as f32 * std::f32::consts::PI / (2 * size) as f32;
            // Orthonormal for `size`, scaled from sums over eight samples to means.
            let scale = if k == 0 {
                1.0
            } else {
                std::f32::consts::SQRT_2
            };
            *weight = angle.cos() * scale / 8f32.sqrt();
        }
    }
    weights
}

/// The inverse DCT of the lowest coefficients of a block.
fn transformed(
    block: &[i16; 64],
    steps: &[u16; 64],
    (horizontal, wide): (&[[f32; 8]; 8], usize),
    (vertical, high): (&[[f32; 8]; 8], usize),
    to: &mut [u8],
    stride: usize,
) {
    let mut lowest = [[0f32; 8]; 8];
    for (at, (value, step)) in block.iter().zip(steps).enumerate() {
        let (u, v) = (usize::from(ZIGZAG[at] % 8), usize::from(ZIGZAG[at] / 8));
        if *value != 0 && u < wide && v < high {
            lowest[v][u] = f32::from(*value) * f32::from(*step);
        }
    }
    let mut lines = [[0f32; 8]; 8];
    for v in 0..high {
        for x in 0..wide {
            lines[v][x] = (0..wide).map(|u| lowest[v][u] * horizontal[x][u]).sum();
        }
    }
    for y in 0..high {
        for x in 0..wide {
            let sum: f32 = (0..high).map(|v| lines[v][x] * vertical[y][v]).sum();
            // The cast saturates.
            to[y * stride + x] = (sum + 128.5) as u8;
        }
    }
}

/// Converts YCbCr of JFIF to RGB.
fn rgb(luma: u8, blue: u8, red: u8) -> [u8; 3] {
    let (y, b, r) = (
        f32::from(luma),
        f32::from(blue) - 128.0,
        f32::from(red) - 128.0,
    );
    let rgb = [
        y + 1.402 * r,
        y - 0.344_136 * b - 0.714_136 * r,
        y + 1.772 * b,
    ];
    rgb.map(|value| (value + 0.5) as u8)
}

/// Positions of the coefficients in zigzag order (T.81, figure A.6).
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate as pixels;

    /// A picture with slow and fast changes, as a JPEG.
    fn jpeg(
        w: u16,
        h: u16,
        sampling: jpeg_encoder::SamplingFactor,
        interval: Option<u16>,
        grey: bool,
    ) -> Vec<u8> {
        let value = |x: u16, y: u16, c: u16| {
            let wave = (f32::from(x) / (9.0 + f32::from(c)) + f32::from(y) / 17.0).sin() * 80.0;
            (128.0 + wave + f32::from((x / 40 + y / 30) % 3) * 20.0) as u8
        };
        let channels = if grey { 1 } else { 3 };
        let pixels: Vec<u8> = (0..h)
            .flat_map(|y| (0..w).flat_map(move |x| (0..channels).map(move |c| value(x, y, c))))
            .collect();
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 88);
        encoder.set_sampling_factor(sampling);
        if let Some(interval) = interval {
            encoder.set_restart_interval(interval);
        }
        let kind = if grey {
            jpeg_encoder::ColorType::Luma
        } else {
            jpeg_encoder::ColorType::Rgb
        };
        encoder.encode(&pixels, w, h, kind).unwrap();
        bytes
    }

    fn worst(a: &DynamicImage, b: &DynamicImage) -> u8 {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
    }

    #[test]
    fn parts_are_those_of_the_whole() {
        use jpeg_encoder::SamplingFactor::{F_1_1, F_2_1, F_2_2};
        for (sampling, interval, grey) in [
            (F_1_1, None, false),
            (F_2_2, None, false),
            (F_2_1, Some(7), false),
            (F_2_2, Some(16), false),
            (F_1_1, Some(5), true),
        ] {
            let bytes = jpeg(611, 403, sampling, interval, grey);
            let whole = pixels::decode(&bytes, 1 << 20).unwrap();
            let plain = LargeJpeg::of(bytes).unwrap();
            for region in [
                [0, 0, 611, 403],
                [1, 2, 3, 4],
                [250, 100, 300, 200],
                [600, 390, 11, 13],
                [512, 0, 99, 256],
            ] {
                let [x, y, w, h] = region;
                let part = plain.region(1, region).unwrap();
                let off = worst(&part, &whole.crop_imm(x, y, w, h));
                assert!(off <= 1, "{sampling:?} {interval:?} {region:?}: {off}");
            }
        }
    }

    /// The mean of every square of `factor` pixels a side, whose sides divide those of the picture.
    fn means(image: &DynamicImage, factor: u32) -> Vec<u8> {
        let (w, h) = (image.width() / factor, image.height() / factor);
        let channels = u32::from(image.color().channel_count());
        let at = |x: u32, y: u32, c: u32| {
            let place = (y * image.width() + x) * channels + c;
            u32::from(image.as_bytes()[place as usize])
        };
        let mean = |x: u32, y: u32, c: u32| {
            let square =
                (0..factor * factor).map(|n| (x * factor + n % factor, y * factor + n / factor));
            let sum: u32 = square.map(|(x, y)| at(x, y, c)).sum();
            (sum / (factor * factor)) as u8
        };
        (0..h)
            .flat_map(|y| (0..w).flat_map(move |x| (0..channels).map(move |c| (x, y, c))))
            .map(|(x, y, c)| mean(x, y, c))
            .collect()
    }

    #[test]
    fn smaller_pictures_are_near_the_means_of_the_whole() {
        use jpeg_encoder::SamplingFactor::{F_1_1, F_1_2, F_2_2};
        for (sampling, grey) in [
            (F_1_1, false),
            (F_2_2, false),
            (F_1_2, false),
            (F_1_1, true),
        ] {
            let bytes = jpeg(640, 480, sampling, None, grey);
            let whole = pixels::decode(&bytes, 1 << 20).unwrap();
            let plain = LargeJpeg::of(bytes).unwrap();
            for factor in [2, 4, 8] {
                let [w, h] = plain.size_at(factor);
                let small = plain.region(factor, [0, 0, w, h]).unwrap();
                let means = means(&whole, factor);
                let total: u64 = (small.as_bytes().iter().zip(&means))
                    .map(|(a, b)| u64::from(a.abs_diff(*b)))
                    .sum();
                let mean = total as f64 / small.as_bytes().len() as f64;
                assert!(mean < 2.5, "{sampling:?} by {factor}: {mean}");
                let part = plain.region(factor, [w / 3, h / 3, w / 2, h / 2]).unwrap();
                assert_eq!(worst(&part, &small.crop_imm(w / 3, h / 3, w / 2, h / 2)), 0);
            }
        }
    }

    #[test]
    fn tiles_are_cut_without_loss_and_others_are_left_alone() {
        let bytes = jpeg(700, 300, jpeg_encoder::SamplingFactor::F_1_1, None, false);
        let whole = pixels::decode(&bytes, 1 << 20).unwrap();
        let plain = LargeJpeg::of(bytes.clone()).unwrap();
        for tables in [HuffmanTables::Standard, HuffmanTables::Optimal] {
            for region in [[256, 0, 256, 256], [512, 256, 188, 44], [8, 16, 24, 40]] {
                let [x, y, w, h] = region;
                let tile = plain.cut(region, None, tables).unwrap();
                let tile = pixels::decode(&tile, 1 << 20).unwrap();
                assert_eq!(worst(&tile, &whole.crop_imm(x, y, w, h)), 0, "{region:?}");
            }
            let filled = plain.cut([512, 256, 188, 44], Some(256), tables).unwrap();
            let filled = pixels::decode(&filled, 1 << 20).unwrap();
            assert_eq!((filled.width(), filled.height()), (256, 256));
            let shown = filled.crop_imm(0, 0, 188, 44);
            assert_eq!(worst(&shown, &whole.crop_imm(512, 256, 188, 44)), 0);
        }
        for region in [[1, 0, 8, 8], [0, 0, 9, 8], [0, 4, 8, 8]] {
            assert!(
                plain.cut(region, None, HuffmanTables::Standard).is_none(),
                "{region:?}"
            );
        }
        assert!(
            plain
                .cut([0, 0, 8, 8], Some(250), HuffmanTables::Standard)
                .is_none()
        );
        let cut_short = bytes[..bytes.len() / 2].to_vec();
        assert!(LargeJpeg::of(cut_short).is_err());
    }
}
