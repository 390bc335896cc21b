//! A large JPEG, of which only the part of a request is decoded, smaller if that is enough.

use std::sync::OnceLock;

use image::DynamicImage;

use super::large_jpeg::LargeJpeg;
use super::part::part_in_size;
use crate::render;
use recto_iiif::resolve::RenderPlan;
use recto_jpeg::Turn;
use recto_jpeg::index::HuffmanTables;

/// A large JPEG.
#[derive(Debug)]
pub struct JpegSource {
    pub(super) jpeg: LargeJpeg,
    threshold: OnceLock<u8>,
}

impl JpegSource {
    /// A source of a JPEG.
    pub(super) fn new(jpeg: LargeJpeg) -> Self {
        JpegSource {
            jpeg,
            threshold: OnceLock::new(),
        }
    }

    /// The factor by which it is decoded smaller for a plan, and the part, in pixels of the smaller image.
    pub(super) fn part(&self, plan: &RenderPlan) -> (u32, [f64; 4]) {
        let [_, _, w, h] = plan.region.map(f64::from);
        let asked = (w / f64::from(plan.size[0])).min(h / f64::from(plan.size[1]));
        let factor = LargeJpeg::factor(asked);
        (
            factor,
            plan.region.map(|n| f64::from(n) / f64::from(factor)),
        )
    }

    pub(super) fn render(&self, plan: &RenderPlan) -> Result<Vec<u8>, String> {
        let (factor, part) = self.part(plan);
        let read = |region| self.jpeg.region(factor, region);
        let scaled = part_in_size(self.jpeg.size_at(factor), part, plan.size, read)?;
        render::finished(self.in_srgb(scaled), plan, || self.threshold())
    }

    pub(super) fn in_srgb(&self, image: DynamicImage) -> DynamicImage {
        match &self.jpeg.to_srgb {
            Some(way) => way.apply(image),
            None => image,
        }
    }

    pub(super) fn threshold(&self) -> u8 {
        let [w, h] = self.jpeg.size_at(8);
        let found = || {
            let small = self.jpeg.region(8, [0, 0, w, h]);
            small.map_or(127, |image| render::threshold(&image))
        };
        *self.threshold.get_or_init(found)
    }

    /// The response to a plan, if it can be cut out of the file without decoding.
    pub(super) fn stored(&self, plan: &RenderPlan) -> Option<Vec<u8>> {
        const MOST_SIDE: u32 = 2048;
        let is_grey = self.jpeg.channels() == 1;
        if render::unturned(plan).is_whole_jpeg(self.jpeg.size(), is_grey) {
            let whole = self.jpeg.alone();
            // If the whole file cannot be used, a part of it may still be cut out.
            const UPRIGHT: Turn = Turn {
                quarters: 0,
                mirror: false,
            };
            if let Some(bytes) = whole.and_then(|whole| render::turned(whole, UPRIGHT, plan)) {
                return Some(bytes);
            }
        }
        let [_, _, w, h] = plan.region;
        let is_plain = plan.is_plain_jpeg(is_grey) && plan.size == [w, h] && w.max(h) <= MOST_SIDE;
        is_plain.then(|| self.jpeg.cut(plan.region, None, HuffmanTables::Standard))?
    }
}
