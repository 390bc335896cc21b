//! Draws lines of text onto pictures.

use ab_glyph_rasterizer::{Point, Rasterizer, point};
use harfrust::font::glyph::outline::PathSink;
use image::{Rgb, RgbImage};
use skrifa::{DrawMemory, ScalerFont};

use super::fonts::Fonts;
use super::line::{Line, Mark};

/// What a line takes above its baseline, in ems.
const ABOVE: f32 = 0.98;
/// What a line takes below its baseline, in ems.
const BELOW: f32 = 0.3;

/// The height of lines of so many pixels an em.
pub fn height(em: u32) -> u32 {
    (em as f32 * (ABOVE + BELOW)).ceil() as u32
}

/// The width of a line of so many pixels an em.
pub fn width(line: &Line, em: u32) -> u32 {
    (line.width * em as f32).ceil() as u32
}

/// Draws a line; `left` and `top` are the corner of its place.
pub fn write(
    sheet: &mut RgbImage,
    fonts: &Fonts,
    [left, top]: [u32; 2],
    line: &Line,
    em: u32,
    ink: Rgb<u8>,
) {
    let size = [width(line, em) + 2, height(em)];
    let mut raster = Rasterizer::new(size[0] as usize, size[1] as usize);
    let em = em as f32;
    let baseline = (em * ABOVE).round();
    for mark in &line.marks {
        match mark {
            Mark::Glyph {
                font,
                glyph,
                at,
                scale,
            } => {
                let scaler = ScalerFont::unhinted(fonts.get(*font).clone(), Some(em * scale));
                let origin = [at[0] * em, baseline - at[1] * em];
                let mut pen = Pen::new(&mut raster, origin);
                if let Some(outline) = scaler.outline(*glyph) {
                    // A damaged glyph of a font of the machine stays as far as it came.
                    let _ = outline.draw(DrawMemory::Scratch, &mut pen);
                }
                pen.close();
            }
            Mark::Frame(from, to) => {
                let [from, to] = [from * em, to * em].map(f32::round);
                let [above, below] = [1.0, size[1] as f32 - 1.0];
                let mut pen = Pen::new(&mut raster, [0.0, 0.0]);
                pen.rectangle([from, above, to, below]);
                // The other way round: what is within is not filled.
                pen.rectangle([to - 1.0, above + 1.0, from + 1.0, below - 1.0]);
            }
        }
    }
    raster.for_each_pixel_2d(|x, y, covered| {
        let (x, y) = (left + x, top + y);
        if covered > 0.0 && x < sheet.width() && y < sheet.height() {
            let pixel = sheet.get_pixel_mut(x, y);
            let covered = covered.min(1.0);
            for (paper, ink) in pixel.0.iter_mut().zip(ink.0) {
                let mixed = f32::from(*paper) + (f32::from(ink) - f32::from(*paper)) * covered;
                *paper = mixed.round() as u8;
            }
        }
    });
}

/// Outlines, upwards from an origin, within the edges of a raster.
struct Pen<'a> {
    raster: &'a mut Rasterizer,
    origin: [f32; 2],
    edges: [f32; 2],
    first: Point,
    last: Point,
}

impl<'a> Pen<'a> {
    fn new(raster: &'a mut Rasterizer, origin: [f32; 2]) -> Self {
        let (width, height) = raster.dimensions();
        Pen {
            raster,
            origin,
            edges: [width as f32 - 1.0, height as f32],
            first: point(0.0, 0.0),
            last: point(0.0, 0.0),
        }
    }

    fn at(&self, x: f32, y: f32) -> Point {
        let [x, y] = [self.origin[0] + x, self.origin[1] - y];
        point(x.clamp(0.0, self.edges[0]), y.clamp(0.0, self.edges[1]))
    }

    /// A rectangle by two corners, downwards from the origin.
    fn rectangle(&mut self, [left, top, right, bottom]: [f32; 4]) {
        self.move_to(left, -top);
        for [x, y] in [[right, top], [right, bottom], [left, bottom]] {
            self.line_to(x, -y);
        }
        self.close();
    }
}

impl PathSink for Pen<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        self.close();
        self.first = self.at(x, y);
        self.last = self.first;
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let to = self.at(x, y);
        self.raster.draw_line(self.last, to);
        self.last = to;
    }

    fn quad_to(&mut self, cx0: f32, cy0: f32, x: f32, y: f32) {
        let (control, to) = (self.at(cx0, cy0), self.at(x, y));
        self.raster.draw_quad(self.last, control, to);
        self.last = to;
    }

    fn curve_to(&mut self, cx0: f32, cy0: f32, cx1: f32, cy1: f32, x: f32, y: f32) {
        let (first, second, to) = (self.at(cx0, cy0), self.at(cx1, cy1), self.at(x, y));
        self.raster.draw_cubic(self.last, first, second, to);
        self.last = to;
    }

    fn close(&mut self) {
        if self.last != self.first {
            self.raster.draw_line(self.last, self.first);
            self.last = self.first;
        }
    }
}
