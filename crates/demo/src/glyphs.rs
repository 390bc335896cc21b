//! Letters as a scribe's strokes, in the manner of the square script, and the ink they leave.

use kurbo::{BezPath, PathEl, Point};

/// A letter: its name, how far it reaches to the left (heights of a letter), and its strokes on a square of 100.
pub struct Glyph {
    pub name: &'static str,
    pub advance: f32,
    strokes: &'static str,
}

const fn glyph(name: &'static str, advance: f32, strokes: &'static str) -> Glyph {
    Glyph {
        name,
        advance,
        strokes,
    }
}

pub const GLYPHS: [Glyph; 10] = [
    glyph(
        "aleph",
        1.0,
        "M10 4 L88 98 M84 2 Q92 30 58 46 M30 30 Q6 54 14 98",
    ),
    glyph(
        "bet",
        0.95,
        "M8 8 Q50 2 76 8 Q86 12 84 30 L82 92 M2 95 L96 95",
    ),
    glyph("gimel", 0.7, "M22 6 Q52 2 54 24 L58 98 M54 58 Q36 74 14 98"),
    glyph("dalet", 0.92, "M4 4 L8 14 L92 10 M76 10 L74 100"),
    glyph("he", 0.95, "M4 4 L8 14 L86 10 Q90 40 84 100 M20 42 L18 98"),
    glyph("vav", 0.42, "M6 8 Q34 2 34 20 L32 100"),
    glyph("lamed", 0.85, "M26 -48 L28 10 L78 12 Q86 56 36 102"),
    glyph(
        "mem",
        1.0,
        "M10 4 L28 38 M24 32 Q58 -4 82 14 Q92 40 80 94 L46 97 M28 34 L8 100",
    ),
    glyph(
        "shin",
        1.05,
        "M4 6 Q12 60 24 92 Q84 98 98 6 M52 8 Q52 40 22 70",
    ),
    glyph(
        "tav",
        1.0,
        "M16 8 Q78 0 84 20 L84 100 M30 10 Q32 70 26 94 L4 97",
    ),
];

/// Ink on a whole side: 0 none, 255 full.
pub struct Ink {
    pub size: [u32; 2],
    pub cover: Vec<u8>,
}

impl Ink {
    /// A side without ink.
    pub fn none(size: [u32; 2]) -> Self {
        let cover = vec![0; size[0] as usize * size[1] as usize];
        Ink { size, cover }
    }

    /// Writes a letter with its left top corner at a place, `height` pixels high, leaning by `slant`. `strength`
    /// says how much ink a place holds. Gives `[x, y, w, h]` around the pixels that got at least half.
    pub fn write(
        &mut self,
        glyph: &Glyph,
        [left, top]: [f32; 2],
        height: f32,
        slant: f32,
        strength: impl Fn(f32, f32) -> f32,
    ) -> Option<[u32; 4]> {
        let place = |p: Point| {
            let (x, y) = (p.x as f32 / 100.0, p.y as f32 / 100.0);
            [left + (x - slant * y) * height, top + y * height]
        };
        let mut reached = Reached::nothing();
        for [from, to] in segments(glyph.strokes) {
            self.stroke([place(from), place(to)], height, &strength, &mut reached);
        }
        reached.bounds()
    }

    /// A reed pen is broad: strokes across are thick, strokes down are thin.
    fn stroke(
        &mut self,
        [a, b]: [[f32; 2]; 2],
        height: f32,
        strength: &impl Fn(f32, f32) -> f32,
        reached: &mut Reached,
    ) {
        let along = [b[0] - a[0], b[1] - a[1]];
        let length = (along[0] * along[0] + along[1] * along[1]).sqrt().max(0.01);
        let across = (along[0] / length).abs();
        let radius = height * (0.058 + 0.034 * across);
        let [width, rows] = self.size.map(|n| n as f32 - 1.0);
        let low = |n: f32, most: f32| (n - radius - 2.0).clamp(0.0, most) as u32;
        let high = |n: f32, most: f32| (n + radius + 2.0).clamp(0.0, most) as u32;
        for y in low(a[1].min(b[1]), rows)..=high(a[1].max(b[1]), rows) {
            for x in low(a[0].min(b[0]), width)..=high(a[0].max(b[0]), width) {
                let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
                let t = ((px - a[0]) * along[0] + (py - a[1]) * along[1]) / (length * length);
                let t = t.clamp(0.0, 1.0);
                let (dx, dy) = (px - a[0] - t * along[0], py - a[1] - t * along[1]);
                let inside = radius - (dx * dx + dy * dy).sqrt();
                if inside > -1.0 {
                    let cover = (inside + 0.5).clamp(0.0, 1.0) * strength(px, py);
                    let at = (y * self.size[0] + x) as usize;
                    self.cover[at] = self.cover[at].max((cover * 255.0) as u8);
                    if cover >= 0.5 {
                        reached.add(x, y);
                    }
                }
            }
        }
    }
}

/// The straight pieces of an SVG path.
fn segments(strokes: &str) -> Vec<[Point; 2]> {
    // The paths above are constants, and drawing them is their test.
    let path = BezPath::from_svg(strokes).expect("a glyph is an SVG path");
    let (mut segments, mut last) = (Vec::new(), Point::ZERO);
    kurbo::flatten(path, 0.4, |element| match element {
        PathEl::MoveTo(p) => last = p,
        PathEl::LineTo(p) => {
            segments.push([last, p]);
            last = p;
        }
        _ => {}
    });
    segments
}

/// Pixels that were reached: left, top, right, bottom, all inclusive.
struct Reached([u32; 4]);

impl Reached {
    fn nothing() -> Self {
        Reached([u32::MAX, u32::MAX, 0, 0])
    }

    fn add(&mut self, x: u32, y: u32) {
        let [left, top, right, bottom] = self.0;
        self.0 = [left.min(x), top.min(y), right.max(x), bottom.max(y)];
    }

    fn bounds(self) -> Option<[u32; 4]> {
        let [left, top, right, bottom] = self.0;
        (left <= right).then(|| [left, top, right - left + 1, bottom - top + 1])
    }
}
