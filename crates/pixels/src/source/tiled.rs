//! A tiled TIFF, of which only the tiles of a request are read.

use std::sync::OnceLock;

use image::DynamicImage;

use super::part::part_in_size;
use crate::colour::{ToSrgb, cmyk_to_rgb};
use crate::render;
use crate::tiff::{Tiff, TiffLevel};
use recto_iiif::resolve::RenderPlan;

/// A tiled TIFF.
#[derive(Debug)]
pub struct TiledSource {
    pub(super) tiff: Tiff,
    to_srgb: Option<ToSrgb>,
    threshold: OnceLock<u8>,
    /// Small levels that were decoded as a whole: thumbnails of all sizes are made from them.
    small: Vec<OnceLock<DynamicImage>>,
}

/// Maximum pixels of a level that is kept decoded.
const MOST_SMALL: usize = 1 << 20;

impl TiledSource {
    /// A source of a TIFF.
    pub(super) fn new(tiff: Tiff) -> Self {
        TiledSource {
            to_srgb: tiff.icc.as_deref().and_then(ToSrgb::from_profile),
            threshold: OnceLock::new(),
            small: tiff.levels.iter().map(|_| OnceLock::new()).collect(),
            tiff,
        }
    }

    /// Bytes of memory that it takes, approximately.
    pub(super) fn bytes(&self) -> usize {
        const DIRECTORIES: usize = 1 << 20;
        // Counted before they are decoded, so that the size of a cache entry does not grow.
        DIRECTORIES + self.tiff.levels.iter().map(bytes_if_small).sum::<usize>()
    }

    /// The smallest level that is large enough for a plan, and the part of it, in its pixels.
    pub(super) fn part(&self, plan: &RenderPlan) -> (&TiffLevel, [f64; 4]) {
        let [x, y, w, h] = plan.region.map(f64::from);
        let [full_w, full_h] = self.tiff.full().size.map(f64::from);
        let factors = |level: &TiffLevel| {
            let [level_w, level_h] = level.size.map(f64::from);
            [full_w / level_w, full_h / level_h]
        };
        let asked = (w / f64::from(plan.size[0])).min(h / f64::from(plan.size[1]));
        // Sides of levels are rounded: half a pixel per tile is tolerated.
        let enough = |level: &&TiffLevel| factors(level)[0] <= asked * 1.004;
        let levels = &self.tiff.levels;
        let level = levels.iter().rev().find(enough).unwrap_or(&levels[0]);
        let [fx, fy] = factors(level);
        (level, [x / fx, y / fy, w / fx, h / fy])
    }

    pub(super) fn render(&self, plan: &RenderPlan) -> Result<Vec<u8>, String> {
        let (level, part) = self.part(plan);
        let read = |region| self.read(level, region);
        let scaled = part_in_size(level.size, part, plan.size, read)?;
        let threshold = || self.threshold();
        render::finished(self.in_srgb(scaled), plan, threshold)
    }

    pub(super) fn read(&self, level: &TiffLevel, region: [u32; 4]) -> Result<DynamicImage, String> {
        let [x, y, w, h] = region;
        let is_it =
            |(other, _): &(&TiffLevel, _)| std::ptr::eq(*other, level) && bytes_if_small(other) > 0;
        let kept = self
            .tiff
            .levels
            .iter()
            .zip(&self.small)
            .find(is_it)
            .map(|(_, kept)| kept);
        if let Some(whole) = kept.and_then(OnceLock::get) {
            // A copy of the whole is faster than a crop, which copies pixel by pixel.
            return Ok(match [w, h] == level.size {
                true => whole.clone(),
                false => whole.crop_imm(x, y, w, h),
            });
        }
        let image = self.decode(level, region)?;
        if let Some(kept) = kept.filter(|_| [w, h] == level.size) {
            // Another thread may have stored the same pixels.
            let _ = kept.set(image.clone());
        }
        Ok(image)
    }

    pub(super) fn decode(
        &self,
        level: &TiffLevel,
        region: [u32; 4],
    ) -> Result<DynamicImage, String> {
        let inks = |inks: &[u8]| {
            let way = self.to_srgb.as_ref().filter(|way| way.is_cmyk());
            let made = way.and_then(|way| way.cmyk_to_rgb(inks));
            made.unwrap_or_else(|| cmyk_to_rgb(inks))
        };
        level.region(region, &inks)
    }

    pub(super) fn in_srgb(&self, image: DynamicImage) -> DynamicImage {
        match &self.to_srgb {
            Some(way) => way.apply(image),
            None => image,
        }
    }

    /// The threshold of the whole image, from its smallest level, so that tiles fit together.
    pub(super) fn threshold(&self) -> u8 {
        let smallest = &self.tiff.levels[self.tiff.levels.len() - 1];
        let [w, h] = smallest.size;
        // Without smaller levels, the middle of the image is used.
        let (part_w, part_h) = (w.min(4096), h.min(4096));
        let region = [(w - part_w) / 2, (h - part_h) / 2, part_w, part_h];
        let found = || {
            self.read(smallest, region)
                .map_or(127, |image| render::threshold(&image))
        };
        *self.threshold.get_or_init(found)
    }

    /// A JPEG tile of the file that is exactly the response to a plan.
    pub(super) fn stored(&self, plan: &RenderPlan) -> Option<Vec<u8>> {
        let is_grey = self.tiff.full().channels == 1;
        if !plan.is_plain_jpeg(is_grey) || self.to_srgb.is_some() {
            return None;
        }
        let (level, [x, y, w, h]) = self.part(plan);
        let [tile_w, tile_h] = level.piece;
        // Sides of levels are rounded, so positions are off by less than a pixel.
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

/// Bytes of a level that is kept after it was decoded as a whole; 0 for larger levels.
fn bytes_if_small(level: &TiffLevel) -> usize {
    let pixels = level.size[0] as usize * level.size[1] as usize;
    match pixels <= MOST_SMALL {
        true => pixels * usize::from(level.channels),
        false => 0,
    }
}
