//! A file to be served: decoded whole, or, where it is tiled or a large JPEG, read by the parts that are wanted.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;
use std::sync::OnceLock;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader};
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::colour::{ToSrgb, plain_from_inks};
use super::jp2;
use super::plain::{LEAST_PIXELS, Plain};
use super::render::{self, Picture, REACH};
use super::tiff::{self, Level, Tiff, is_tiff};
use crate::iiif::resolve::Plan;
use crate::jpeg::index::{self, Care};
use crate::jpeg::pyramid::Coding;
use crate::jpeg::{self, Colour, Facts, Fault};
use crate::pixels::{self, Header};

/// A file that was opened.
#[derive(Debug)]
pub enum Source {
    /// Its pixels.
    Whole(Picture),
    /// Its directories.
    Tiled(Tiled),
    /// Its bytes and where decoding can begin.
    Plain(Large),
}

/// A tiled TIFF.
#[derive(Debug)]
pub struct Tiled {
    tiff: Tiff,
    to_srgb: Option<ToSrgb>,
    threshold: OnceLock<u8>,
    /// Small copies that were decoded whole, by level: thumbnails of all sizes are made of them.
    small: Vec<OnceLock<DynamicImage>>,
}

/// Pixels of the largest copy that is kept decoded.
const MOST_SMALL: usize = 1 << 20;

/// A large JPEG.
#[derive(Debug)]
pub struct Large {
    plain: Plain,
    threshold: OnceLock<u8>,
}

/// What the header of a file says to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// `[width, height]` in pixels, upright.
    pub size: [u32; 2],
    /// Colour channels.
    pub channels: u8,
    /// The side of its tiles, where it is read tile by tile.
    pub tile: Option<u32>,
    /// Whether it is decoded by the part all the same.
    pub by_parts: bool,
}

/// Reads the header of a file. The error says why it cannot be served.
pub fn look(path: &Path) -> Result<Look, String> {
    if begins_as_tiff(path)? {
        tiff::refuse_packing(path)?;
        if let Ok(tiff) = Tiff::open(path) {
            let full = tiff.full();
            return Ok(Look {
                size: pixels::turned(full.size, tiff.orientation),
                channels: full.channels,
                tile: is_read_by_tiles(&tiff).then(|| full.piece[0].max(full.piece[1])),
                by_parts: false,
            });
        }
    }
    if begins_as_jp2(path)? {
        return look_at_jp2(path);
    }
    let open = || File::open(path).map_err(|e| e.to_string());
    let header = pixels::measure_in(BufReader::new(open()?))?;
    let by_parts = may_be_plain(&header) && {
        // Scans begin within this, unless applications have a lot to say.
        const START: u64 = 1 << 18;
        let mut start = Vec::new();
        let read = open()?.take(START).read_to_end(&mut start);
        read.is_ok() && index::can_be(&start)
    };
    Ok(Look {
        size: pixels::turned([header.width, header.height], header.orientation),
        channels: header.channels,
        tile: None,
        by_parts,
    })
}

/// Whether a file is worth an index. What is to be turned is decoded whole.
fn may_be_plain(header: &Header) -> bool {
    let pixels = u64::from(header.width) * u64::from(header.height);
    header.media_type == "image/jpeg" && header.orientation == 1 && pixels >= LEAST_PIXELS
}

fn look_at_jp2(path: &Path) -> Result<Look, String> {
    // Boxes before the codestream hold a profile at most, and what applications say.
    const START: u64 = 1 << 20;
    let mut start = Vec::new();
    let file = File::open(path).map_err(|e| e.to_string())?;
    let read = file.take(START).read_to_end(&mut start);
    read.map_err(|e| e.to_string())?;
    let (size, components) = jp2::measure(&start)?;
    Ok(Look {
        size,
        // Coefficients of 32 bits while it is decoded: four times its samples.
        channels: u8::try_from(components)
            .unwrap_or(u8::MAX)
            .saturating_mul(4),
        tile: None,
        by_parts: false,
    })
}

fn begins_as_jp2(path: &Path) -> Result<bool, String> {
    let mut start = [0; 12];
    let mut file = File::open(path).map_err(|e| e.to_string())?;
    Ok(file.read_exact(&mut start).is_ok() && jp2::is_jp2(&start))
}

fn begins_as_tiff(path: &Path) -> Result<bool, String> {
    let mut start = [0; 4];
    let mut file = File::open(path).map_err(|e| e.to_string())?;
    Ok(file.read_exact(&mut start).is_ok() && is_tiff(&start))
}

/// Tiles that would have to be turned are decoded whole.
fn is_read_by_tiles(tiff: &Tiff) -> bool {
    tiff.full().is_tiled && tiff.orientation == 1
}

impl Source {
    /// Whether something shows through it, or may: a tiled file is not read for the answer.
    pub fn is_transparent(&self) -> bool {
        match self {
            Source::Whole(picture) => picture.is_transparent(),
            Source::Tiled(tiled) => tiled.tiff.levels.iter().any(Level::has_alpha),
            Source::Plain(_) => false,
        }
    }

    /// A picture of `[width, height]` pixels, RGB, that was made elsewhere.
    pub fn of_rgb([width, height]: [u32; 2], bytes: Vec<u8>) -> Result<Source, String> {
        let image = image::RgbImage::from_raw(width, height, bytes);
        let image = image.ok_or("a picture of another size than its bytes")?;
        Ok(Source::Whole(DynamicImage::from(image).into()))
    }

    /// Opens a file of at most `most_pixels`, in colours of sRGB. The error says why it cannot be had.
    pub fn open(path: &Path, most_pixels: u64) -> Result<Self, String> {
        if begins_as_tiff(path)?
            && let Ok(tiff) = Tiff::open(path)
        {
            return Self::of_tiff(tiff, most_pixels);
        }
        let mut bytes = std::fs::read(path).map_err(|e| e.to_string())?;
        if jp2::is_jp2(&bytes) {
            return jp2::decode(&bytes, most_pixels).map(|image| Source::Whole(image.into()));
        }
        let header = pixels::measure_bytes(&bytes)?;
        let pixels = u64::from(header.width) * u64::from(header.height);
        if may_be_plain(&header) && pixels <= most_pixels {
            match Plain::of(bytes) {
                Ok(plain) => {
                    let threshold = OnceLock::new();
                    return Ok(Source::Plain(Large { plain, threshold }));
                }
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
        let jpeg = (is_plain && is_as_stored).then_some(bytes);
        Ok(Source::Whole(Picture::from(image).with_jpeg(jpeg)))
    }

    fn of_tiff(tiff: Tiff, most_pixels: u64) -> Result<Self, String> {
        let to_srgb = tiff.icc.as_deref().and_then(ToSrgb::from_profile);
        let [w, h] = tiff.full().size;
        if u64::from(w) * u64::from(h) > most_pixels {
            return Err(format!(
                "its header says {w} x {h} pixels, the limit is {most_pixels}"
            ));
        }
        let (by_tiles, orientation) = (is_read_by_tiles(&tiff), tiff.orientation);
        let small = tiff.levels.iter().map(|_| OnceLock::new()).collect();
        let tiled = Tiled {
            tiff,
            to_srgb,
            threshold: OnceLock::new(),
            small,
        };
        if by_tiles {
            return Ok(Source::Tiled(tiled));
        }
        let image = tiled.read(tiled.tiff.full(), [0, 0, w, h])?;
        Ok(Source::Whole(
            upright(tiled.in_srgb(image), orientation).into(),
        ))
    }

    /// `[width, height]` in pixels.
    pub fn size(&self) -> [u32; 2] {
        match self {
            Source::Whole(picture) => picture.size(),
            Source::Tiled(tiled) => tiled.tiff.full().size,
            Source::Plain(large) => large.plain.size(),
        }
    }

    /// Bytes that it takes in memory, about.
    pub fn bytes(&self) -> usize {
        const DIRECTORIES: usize = 1 << 20;
        match self {
            Source::Whole(picture) => picture.bytes(),
            // Counted before it is there: what a cache holds does not grow.
            Source::Tiled(tiled) => {
                DIRECTORIES + tiled.tiff.levels.iter().map(bytes_if_small).sum::<usize>()
            }
            Source::Plain(large) => large.plain.held(),
        }
    }

    /// About the bytes of memory that it takes to read what a plan needs.
    pub fn cost(&self, plan: &Plan) -> u64 {
        match self {
            Source::Whole(_) => 0,
            Source::Tiled(tiled) => {
                let [_, _, w, h] = tiled.part(plan).1.map(f64::ceil);
                (w * h * 8.0) as u64
            }
            Source::Plain(large) => {
                let [_, _, w, h] = large.part(plan).1;
                Plain::cost(w * h)
            }
        }
    }

    /// What is stored and is the answer as it stands, if there is such: a tile, a part, or all of a JPEG.
    pub fn stored(&self, plan: &Plan) -> Option<Vec<u8>> {
        match self {
            Source::Whole(picture) => picture.stored(plan),
            Source::Tiled(tiled) => tiled.stored(plan),
            Source::Plain(large) => large.stored(plan),
        }
    }

    /// The answer to a request that was resolved against its size.
    pub fn render(&self, plan: &Plan) -> Result<Vec<u8>, String> {
        match self {
            Source::Whole(picture) => picture.render(plan),
            Source::Tiled(tiled) => tiled.render(plan),
            Source::Plain(large) => large.render(plan),
        }
    }

    /// A region as a JPEG cut out of the file without loss, filled up to a square of `filled` pixels a side.
    pub fn cut(&self, region: [u32; 4], filled: Option<u32>) -> Option<Vec<u8>> {
        match self {
            Source::Plain(large) => large.plain.cut(region, filled, Care::Small),
            _ => None,
        }
    }

    /// How what is cut out is coded, in TIFF's terms; none where it has no words for it.
    pub fn coding(&self) -> Option<Coding> {
        let Source::Plain(large) = self else {
            return None;
        };
        // Sampling factors are at most 4.
        let subsampling = large.plain.sampling().map(|n| n as u16);
        let is_known = subsampling.iter().all(|n| [1, 2, 4].contains(n));
        match large.plain.colour() {
            Colour::Grey => Some(Coding::Grey),
            Colour::Rgb if subsampling == [1, 1] => Some(Coding::Rgb),
            Colour::YCbCr if is_known && large.plain.is_chroma_single() => {
                Some(Coding::YCbCr(subsampling))
            }
            _ => None,
        }
    }

    /// Whether smaller copies are at hand.
    pub fn is_pyramid(&self) -> bool {
        matches!(self, Source::Tiled(tiled) if tiled.tiff.levels.len() > 1)
    }

    /// A region, `[x, y, width, height]` inside it, of 8 bits a channel in sRGB.
    pub fn region(&self, region: [u32; 4]) -> Result<DynamicImage, String> {
        let [x, y, w, h] = region;
        match self {
            Source::Whole(picture) => Ok(picture.region([x, y, w, h])),
            Source::Tiled(tiled) => {
                let image = tiled.read(tiled.tiff.full(), region)?;
                Ok(tiled.in_srgb(image))
            }
            Source::Plain(large) => {
                let image = large.plain.region(1, region)?;
                Ok(large.in_srgb(image))
            }
        }
    }
}

impl Tiled {
    /// The smallest level that loses nothing, and the part of it, in its pixels.
    fn part(&self, plan: &Plan) -> (&Level, [f64; 4]) {
        let [x, y, w, h] = plan.region.map(f64::from);
        let [full_w, full_h] = self.tiff.full().size.map(f64::from);
        let factors = |level: &Level| {
            let [level_w, level_h] = level.size.map(f64::from);
            [full_w / level_w, full_h / level_h]
        };
        let asked = (w / f64::from(plan.size[0])).min(h / f64::from(plan.size[1]));
        // Sides of levels are rounded: half a pixel in a tile is no loss.
        let enough = |level: &&Level| factors(level)[0] <= asked * 1.004;
        let levels = &self.tiff.levels;
        let level = levels.iter().rev().find(enough).unwrap_or(&levels[0]);
        let [fx, fy] = factors(level);
        (level, [x / fx, y / fy, w / fx, h / fy])
    }

    fn render(&self, plan: &Plan) -> Result<Vec<u8>, String> {
        let (level, part) = self.part(plan);
        let read = |region| self.read(level, region);
        let scaled = part_in_size(level.size, part, plan.size, read)?;
        let threshold = || self.threshold();
        render::finished(self.in_srgb(scaled), plan, threshold)
    }

    fn read(&self, level: &Level, region: [u32; 4]) -> Result<DynamicImage, String> {
        let [x, y, w, h] = region;
        let is_it =
            |(other, _): &(&Level, _)| std::ptr::eq(*other, level) && bytes_if_small(other) > 0;
        let kept = self
            .tiff
            .levels
            .iter()
            .zip(&self.small)
            .find(is_it)
            .map(|(_, kept)| kept);
        if let Some(whole) = kept.and_then(OnceLock::get) {
            // Copied at once where it can be: cut out, it goes pixel by pixel.
            return Ok(match [w, h] == level.size {
                true => whole.clone(),
                false => whole.crop_imm(x, y, w, h),
            });
        }
        let image = self.decode(level, region)?;
        if let Some(kept) = kept.filter(|_| [w, h] == level.size) {
            // Another thread may have been faster, with the same pixels.
            let _ = kept.set(image.clone());
        }
        Ok(image)
    }

    fn decode(&self, level: &Level, region: [u32; 4]) -> Result<DynamicImage, String> {
        let inks = |inks: &[u8]| {
            let way = self.to_srgb.as_ref().filter(|way| way.is_of_inks());
            let made = way.and_then(|way| way.from_inks(inks));
            made.unwrap_or_else(|| plain_from_inks(inks))
        };
        level.region(region, &inks)
    }

    fn in_srgb(&self, image: DynamicImage) -> DynamicImage {
        match &self.to_srgb {
            Some(way) => way.apply(image),
            None => image,
        }
    }

    /// One threshold for the whole picture, from its smallest copy.
    fn threshold(&self) -> u8 {
        let smallest = &self.tiff.levels[self.tiff.levels.len() - 1];
        let [w, h] = smallest.size;
        // Without smaller copies the middle is looked at.
        let (part_w, part_h) = (w.min(4096), h.min(4096));
        let region = [(w - part_w) / 2, (h - part_h) / 2, part_w, part_h];
        let found = || {
            self.read(smallest, region)
                .map_or(127, |image| render::threshold(&image))
        };
        *self.threshold.get_or_init(found)
    }

    /// A JPEG tile that lies in the file as it is asked for, down to colours, size and place.
    fn stored(&self, plan: &Plan) -> Option<Vec<u8>> {
        let is_grey = self.tiff.full().channels == 1;
        if !plan.is_as_it_lies(is_grey) || self.to_srgb.is_some() {
            return None;
        }
        let (level, [x, y, w, h]) = self.part(plan);
        let [tile_w, tile_h] = level.piece;
        // Sides of levels are rounded, so places in them are off by less than a pixel.
        let near = |a: f64, b: u32| (a - f64::from(b)).abs() < 1.0;
        let (column, row) = (
            (x / f64::from(tile_w)).round() as u32,
            (y / f64::from(tile_h)).round() as u32,
        );
        let is_inside =
            (column + 1) * tile_w <= level.size[0] && (row + 1) * tile_h <= level.size[1];
        let is_tile = plan.size == level.piece
            && near(w, tile_w)
            && near(h, tile_h)
            && near(x, column * tile_w)
            && near(y, row * tile_h);
        if !is_inside || !is_tile {
            return None;
        }
        level
            .jpeg_at(row * level.size[0].div_ceil(tile_w) + column)
            .ok()
    }
}

/// Bytes of a level that is kept once it was decoded whole; none for larger ones.
fn bytes_if_small(level: &Level) -> usize {
    let pixels = level.size[0] as usize * level.size[1] as usize;
    match pixels <= MOST_SMALL {
        true => pixels * usize::from(level.channels),
        false => 0,
    }
}

impl Large {
    /// How much smaller it is decoded, and the part of that, in its pixels.
    fn part(&self, plan: &Plan) -> (u32, [f64; 4]) {
        let [_, _, w, h] = plan.region.map(f64::from);
        let asked = (w / f64::from(plan.size[0])).min(h / f64::from(plan.size[1]));
        let factor = Plain::factor(asked);
        (
            factor,
            plan.region.map(|n| f64::from(n) / f64::from(factor)),
        )
    }

    fn render(&self, plan: &Plan) -> Result<Vec<u8>, String> {
        let (factor, part) = self.part(plan);
        let read = |region| self.plain.region(factor, region);
        let scaled = part_in_size(self.plain.size_at(factor), part, plan.size, read)?;
        render::finished(self.in_srgb(scaled), plan, || self.threshold())
    }

    fn in_srgb(&self, image: DynamicImage) -> DynamicImage {
        match &self.plain.to_srgb {
            Some(way) => way.apply(image),
            None => image,
        }
    }

    fn threshold(&self) -> u8 {
        let [w, h] = self.plain.size_at(8);
        let found = || {
            let small = self.plain.region(8, [0, 0, w, h]);
            small.map_or(127, |image| render::threshold(&image))
        };
        *self.threshold.get_or_init(found)
    }

    /// What can be cut out of the file without decoding it.
    fn stored(&self, plan: &Plan) -> Option<Vec<u8>> {
        const MOST_SIDE: u32 = 2048;
        let is_grey = self.plain.channels() == 1;
        if plan.is_all_of(self.plain.size(), is_grey) {
            // What may not be handed on as it is may still be cut out.
            if let Some(bytes) = self.plain.alone() {
                return Some(bytes);
            }
        }
        let [_, _, w, h] = plan.region;
        let is_plain = plan.is_as_it_lies(is_grey) && plan.size == [w, h] && w.max(h) <= MOST_SIDE;
        is_plain.then(|| self.plain.cut(plan.region, None, Care::Quick))?
    }
}

/// A part of a level, `[x, y, width, height]` in its pixels, in another size. Read is what the filter looks at, which
/// goes beyond the part, so that tiles join without seams.
fn part_in_size(
    [level_w, level_h]: [u32; 2],
    part: [f64; 4],
    size: [u32; 2],
    read: impl FnOnce([u32; 4]) -> Result<DynamicImage, String>,
) -> Result<DynamicImage, String> {
    let [x, y, w, h] = part;
    let margin = |asked: f64, given: u32| (REACH * (asked / f64::from(given)).max(1.0)).ceil();
    let (mx, my) = match is_exact(part, size) {
        true => (0.0, 0.0),
        false => (margin(w, size[0]), margin(h, size[1])),
    };
    // Inside the level, so within u32.
    let (left, top) = ((x - mx).max(0.0) as u32, (y - my).max(0.0) as u32);
    let right = ((x + w + mx).ceil() as u32)
        .clamp(left + 1, level_w.max(left + 1))
        .min(level_w);
    let bottom = ((y + h + my).ceil() as u32)
        .clamp(top + 1, level_h.max(top + 1))
        .min(level_h);
    let (left, top) = (left.min(right - 1), top.min(bottom - 1));
    let image = read([left, top, right - left, bottom - top])?;
    render::scaled(
        &image,
        [x - f64::from(left), y - f64::from(top), w, h],
        size,
    )
}

/// Whether a part needs no scaling: its pixels are the file's own.
fn is_exact([x, y, w, h]: [f64; 4], size: [u32; 2]) -> bool {
    x.fract() == 0.0 && y.fract() == 0.0 && [w, h] == size.map(f64::from)
}

fn upright(mut image: DynamicImage, orientation: u8) -> DynamicImage {
    image.apply_orientation(
        Orientation::from_exif(orientation).unwrap_or(Orientation::NoTransforms),
    );
    image
}

/// Refuses a JPEG that ends in the middle or breaks off: decoders would fill it up with grey. None for one of a rare
/// kind, and for one that only its end marker is missing from.
fn checked(bytes: &[u8]) -> Result<Option<Facts>, String> {
    let fault = match jpeg::check(bytes) {
        Ok(facts) => return Ok(Some(facts)),
        Err(fault @ Fault::Damaged(_)) => fault,
        Err(_) => return Ok(None),
    };
    match jpeg::check(&[bytes, &[0xFF, 0xD9]].concat()) {
        Err(Fault::Damaged(_)) => Err(fault.to_string()),
        _ => Ok(None),
    }
}

/// A whole file as people see it: upright, 8 bits a channel, in sRGB; and whether it is so already.
fn whole(bytes: &[u8], header: &Header, most_pixels: u64) -> Result<(DynamicImage, bool), String> {
    let way = icc(bytes).as_deref().and_then(ToSrgb::from_profile);
    let is_as_stored = way.is_none() && header.orientation == 1;
    let image = match way.as_ref().filter(|way| way.is_of_inks()) {
        Some(way) => inked(bytes, header, most_pixels, way),
        None => None,
    };
    let image = match image {
        Some(image) => image,
        None => {
            let image = render::in_eight_bits(pixels::decode(bytes, most_pixels)?);
            match way {
                Some(way) => way.apply(image),
                None => image,
            }
        }
    };
    Ok((upright(image, header.orientation), is_as_stored))
}

fn icc(bytes: &[u8]) -> Option<Vec<u8>> {
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .ok()?;
    reader.into_decoder().ok()?.icc_profile().ok()?
}

/// A JPEG of four inks by its profile; none where it is no such JPEG. Adobe's lie upside down: 0 is all of an ink.
fn inked(bytes: &[u8], header: &Header, most_pixels: u64, way: &ToSrgb) -> Option<DynamicImage> {
    let pixels = u64::from(header.width) * u64::from(header.height);
    if header.media_type != "image/jpeg" || pixels > most_pixels {
        return None;
    }
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::CMYK)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().ok()?;
    if decoder.input_colorspace() != Some(ColorSpace::CMYK) {
        return None;
    }
    let mut inks = decoder.decode().ok()?;
    for ink in &mut inks {
        *ink = 255 - *ink;
    }
    let rgb = way.from_inks(&inks)?;
    image::RgbImage::from_raw(header.width, header.height, rgb).map(Into::into)
}
