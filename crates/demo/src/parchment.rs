//! One side of a fragment: ragged skin on a dark mount, written on, seen in colour and in near infra-red.

use crate::contract::Letter;
use crate::glyphs::{GLYPHS, Glyph, Ink};
use crate::noise::{Grid, grain, mix, rough, smooth, step};

/// A side as two cameras see it.
pub struct Drawn {
    /// RGB, row by row.
    pub colour: Vec<u8>,
    /// Grey, row by row: ink swallows infra-red, browned skin does not.
    pub infrared: Vec<u8>,
    /// Where the letters are, in pixels.
    pub letters: Vec<Letter>,
}

/// Draws a side with at most `lines` lines of writing.
pub fn draw(size: [u32; 2], seed: u64, verso: bool, lines: usize) -> Drawn {
    let skin = Skin::cure(size, seed, verso);
    let mut ink = Ink::none(size);
    let letters = write(&skin, &mut ink, lines);
    let pixels = size[0] as usize * size[1] as usize;
    let (mut colour, mut infrared) = (Vec::with_capacity(3 * pixels), Vec::with_capacity(pixels));
    for y in 0..size[1] {
        for x in 0..size[0] {
            let cover = ink.cover[(y * size[0] + x) as usize];
            let (rgb, grey) = skin.look(x, y, f32::from(cover) / 255.0);
            colour.extend(rgb.map(byte));
            infrared.push(byte(grey));
        }
    }
    Drawn {
        colour,
        infrared,
        letters,
    }
}

fn byte(light: f32) -> u8 {
    light.clamp(0.0, 255.0) as u8
}

/// What the skin is like everywhere.
struct Skin {
    size: [u32; 2],
    seed: u64,
    verso: bool,
    /// Pixels from the edge: above 0 is skin, below is mount.
    depth: Grid,
    /// -1 dark to 1 light: how the skin aged.
    ageing: Grid,
    /// Light and shade of creases.
    relief: Grid,
    /// 0 to 1: dark stains.
    stain: Grid,
}

impl Skin {
    fn cure(size: [u32; 2], seed: u64, verso: bool) -> Self {
        // Both sides share their outline, seen from behind: seeds come in pairs, the recto's first.
        let shape = seed & !1;
        let outline = Outline::tear(size, shape);
        let mirrored = |x: f32| if verso { size[0] as f32 - x } else { x };
        let crease = |x: f32, y: f32| rough(x / 520.0, y / 380.0, 3, shape + 50);
        Skin {
            size,
            seed,
            verso,
            depth: Grid::sample(size, 4, |x, y| outline.depth(mirrored(x), y)),
            ageing: Grid::sample(size, 6, |x, y| rough(x / 640.0, y / 520.0, 6, seed + 100)),
            relief: Grid::sample(size, 6, |x, y| {
                9.0 * (crease(x + 9.0, y + 7.0) - crease(x - 9.0, y - 7.0))
            }),
            stain: Grid::sample(size, 8, |x, y| {
                step(0.22, 0.62, rough(x / 900.0, y / 700.0, 5, shape + 200))
            }),
        }
    }

    /// Colour and infra-red brightness of a pixel, 0 to 255.
    fn look(&self, x: u32, y: u32, ink: f32) -> ([f32; 3], f32) {
        let (fx, fy) = (x as f32, y as f32);
        let depth = self.depth.at(fx, fy);
        if depth < -90.0 {
            return self.mount(x, y, 1.0);
        }
        let skin = step(-1.6, 1.6, depth);
        let shadow = step(-46.0, 10.0, self.depth.at(fx - 20.0, fy - 26.0));
        let (under, under_grey) = self.mount(x, y, 1.0 - 0.75 * shadow);
        if skin == 0.0 {
            return (under, under_grey);
        }
        let (over, over_grey) = self.skin(x, y, depth, ink);
        let rgb = [0, 1, 2].map(|c| mix(under[c], over[c], skin));
        (rgb, mix(under_grey, over_grey, skin))
    }

    /// Black cloth, with a ruler and grey patches so that sizes and tones can be judged.
    fn mount(&self, x: u32, y: u32, light: f32) -> ([f32; 3], f32) {
        if let Some((rgb, grey)) = chart(self.size, x, y) {
            return (rgb, grey);
        }
        let weave = 2.2 * grain(x as i32, y as i32, 5)
            + if (x / 3 + y / 3).is_multiple_of(2) {
                1.2
            } else {
                -1.2
            };
        let tone = (25.0 + weave) * light;
        ([tone * 0.96, tone * 0.97, tone * 1.05], tone * 0.8)
    }

    fn skin(&self, x: u32, y: u32, depth: f32, ink: f32) -> ([f32; 3], f32) {
        let (fx, fy) = (x as f32, y as f32);
        let (ageing, stain, relief) = (
            self.ageing.at(fx, fy),
            self.stain.at(fx, fy),
            self.relief.at(fx, fy),
        );
        let fibre = smooth(fx / 70.0 + fy / 300.0, fy / 2.4 + fx / 90.0, self.seed + 1);
        let speck = grain(x as i32, y as i32, self.seed + 2);
        let texture = 1.0 + 0.035 * fibre + 0.03 * speck + 0.17 * relief;
        // Edges are dark with handling, and their very rim catches the light.
        let worn = step(0.0, 70.0, depth);
        let rim = 1.0 + 0.25 * (1.0 - step(0.0, 5.0, depth));
        let light = texture * rim * (1.0 + 0.20 * ageing) * mix(0.72, 1.0, worn);
        let lighter = if self.verso { 1.12 } else { 1.0 };
        let brown = [0, 1, 2].map(|c| {
            mix([139.0, 99.0, 61.0][c], [66.0, 43.0, 29.0][c], 0.72 * stain) * light * lighter
        });
        let ink_rgb = [47.0, 33.0, 25.0].map(|c: f32| c * (1.0 + 0.05 * fibre));
        let rgb = [0, 1, 2].map(|c| mix(brown[c], ink_rgb[c].min(brown[c]), 0.86 * ink));
        let pale = (203.0 - 26.0 * stain)
            * texture
            * rim.min(1.1)
            * (1.0 + 0.06 * ageing)
            * mix(0.84, 1.0, worn);
        (rgb, mix(pale, 27.0 + 4.0 * speck, ink))
    }
}

/// A ruler with centimetres and a row of patches near the lower edge.
fn chart([width, height]: [u32; 2], x: u32, y: u32) -> Option<([f32; 3], f32)> {
    const PATCHES: [([f32; 3], f32); 8] = [
        ([235.0, 234.0, 230.0], 236.0),
        ([186.0, 185.0, 182.0], 188.0),
        ([122.0, 121.0, 119.0], 124.0),
        ([62.0, 61.0, 60.0], 64.0),
        ([172.0, 48.0, 40.0], 178.0),
        ([208.0, 168.0, 44.0], 212.0),
        ([58.0, 124.0, 64.0], 150.0),
        ([44.0, 72.0, 144.0], 96.0),
    ];
    const PATCH: u32 = 84;
    let (x, y) = (
        x.checked_sub(width.saturating_sub(PATCH * 8 + 90))?,
        y.checked_sub(height - 150)?,
    );
    match (x / PATCH, y) {
        (n @ 0..8, 0..60) => Some(PATCHES[n as usize]),
        (n @ 0..8, 66..84) if n.is_multiple_of(2) => Some(([225.0; 3], 225.0)),
        (0..8, 66..84) => Some(([70.0; 3], 70.0)),
        _ => None,
    }
}

/// A sheet torn on all sides, with bites and holes.
struct Outline {
    centre: [f32; 2],
    half: [f32; 2],
    /// `[x, y, radius]`: what worms and hands took.
    lost: Vec<[f32; 3]>,
    seed: u64,
}

impl Outline {
    fn tear([width, height]: [u32; 2], seed: u64) -> Self {
        let (w, h) = (width as f32, height as f32);
        let chance = |n: i32| grain(n, 0, seed + 7);
        let bite = |n: i32| {
            let angle = 3.3 * chance(3 * n);
            let radius = h * (0.10 + 0.05 * chance(3 * n + 1));
            [
                w * (0.5 + 0.45 * angle.cos()),
                h * (0.48 + 0.46 * angle.sin()),
                radius,
            ]
        };
        let hole = |n: i32| {
            let radius = h * (0.012 + 0.011 * chance(3 * n + 2));
            [
                w * (0.5 + 0.33 * chance(3 * n)),
                h * (0.47 + 0.32 * chance(3 * n + 1)),
                radius,
            ]
        };
        Outline {
            centre: [w * 0.5, h * 0.475],
            half: [
                w * (0.42 + 0.02 * chance(-1)),
                h * (0.405 + 0.02 * chance(-2)),
            ],
            lost: (0..3).map(bite).chain((10..17).map(hole)).collect(),
            seed,
        }
    }

    /// About the distance to the edge in pixels, above 0 inside.
    fn depth(&self, x: f32, y: f32) -> f32 {
        let ragged = 150.0 * rough(x / 430.0, y / 430.0, 7, self.seed + 11)
            + 10.0 * rough(x / 22.0, y / 22.0, 3, self.seed + 31);
        let [dx, dy] = [
            (x - self.centre[0]) / self.half[0],
            (y - self.centre[1]) / self.half[1],
        ];
        // Between an ellipse and a rectangle.
        let distance = (dx.abs().powf(3.4) + dy.abs().powf(3.4)).powf(1.0 / 3.4);
        let sheet = (1.0 - distance) * self.half[1] + ragged;
        let nibbled = ragged * 0.8;
        let lost = self.lost.iter().map(|[cx, cy, radius]| {
            ((x - cx) * (x - cx) + (y - cy) * (y - cy)).sqrt() - radius
                + nibbled * (radius / 120.0).min(1.0)
        });
        lost.fold(sheet, f32::min)
    }
}

/// Fills the skin with writing from right to left; letters stand only where there is skin for all of them.
fn write(skin: &Skin, ink: &mut Ink, lines: usize) -> Vec<Letter> {
    let [width, height] = skin.size.map(|n| n as f32);
    let letter = height * 0.047;
    let mut letters = Vec::new();
    let leading = letter * 1.95;
    let most = ((height * 0.86 - height * 0.12) / leading) as usize;
    for line in 0..lines.min(most) {
        let (mut x, top) = (width * 0.90, height * 0.12 + line as f32 * leading);
        let mut left_in_word = word_length(skin.seed, line, x);
        while x > width * 0.10 {
            let chance = grain(x as i32, line as i32, skin.seed + 300);
            let glyph = &GLYPHS[(((chance + 1.0) * 5.0) as usize).min(9)];
            if left_in_word == 0 {
                x -= letter * 0.55;
                left_in_word = word_length(skin.seed, line, x);
                continue;
            }
            let size = letter * (1.0 + 0.05 * grain(x as i32, 1, skin.seed));
            x -= glyph.advance * size + letter * 0.16;
            left_in_word -= 1;
            let y = top
                + 0.10 * letter * smooth(x / 500.0, line as f32, skin.seed + 301)
                + letter * 0.03 * chance;
            letters.extend(write_letter(skin, ink, glyph, [x, y], size, letters.len()));
        }
    }
    letters
}

fn word_length(seed: u64, line: usize, x: f32) -> u32 {
    (4.0 + 2.9 * grain(x as i32, line as i32, seed + 400)) as u32
}

fn write_letter(
    skin: &Skin,
    ink: &mut Ink,
    glyph: &Glyph,
    at: [f32; 2],
    size: f32,
    n: usize,
) -> Option<Letter> {
    let around = [
        (0.0, -0.5),
        (1.0, -0.5),
        (0.0, 0.2),
        (1.0, 0.2),
        (0.5, 0.5),
        (0.0, 1.1),
        (1.0, 1.1),
    ];
    let on_skin = |(dx, dy): (f32, f32)| skin.depth.at(at[0] + dx * size, at[1] + dy * size) > 26.0;
    if !around.into_iter().all(on_skin) {
        return None;
    }
    let seed = skin.seed + 500;
    // The pen runs dry and the surface flakes, but never so much that the outline of a letter is lost.
    let strength = |x: f32, y: f32| {
        if skin.depth.at(x, y) < 2.0 {
            return 0.0; // a hole holds no ink, so no box reaches around it
        }
        let flaked = step(0.55, 0.9, smooth(x / 7.0, y / 7.0, seed + 1));
        0.86 + 0.13 * smooth(x / 60.0, y / 60.0, seed) - 0.2 * flaked
    };
    let slant = 0.05 * grain(n as i32, 9, seed);
    Some(Letter {
        id: format!("letter-{:03}", n + 1),
        concept: glyph.name,
        bbox: ink.write(glyph, at, size, slant, strength)?,
        attributes: Default::default(),
    })
}
