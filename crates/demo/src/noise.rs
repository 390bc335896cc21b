//! Smooth randomness without state: the same place and seed give the same value.

/// A hash of a place as a number in -1..1.
pub fn grain(x: i32, y: i32, seed: u64) -> f32 {
    let mut h = (x as u64) << 32 ^ u64::from(y as u32) ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    h = (h ^ h >> 31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    h = (h ^ h >> 29).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((h >> 40) as f32) / 8_388_608.0 - 1.0
}

/// Smooth noise in -1..1 with features about 1 wide.
pub fn smooth(x: f32, y: f32, seed: u64) -> f32 {
    let (x0, y0) = (x.floor(), y.floor());
    let (fx, fy) = (ease(x - x0), ease(y - y0));
    let at = |dx, dy| grain(x0 as i32 + dx, y0 as i32 + dy, seed);
    let top = mix(at(0, 0), at(1, 0), fx);
    let bottom = mix(at(0, 1), at(1, 1), fx);
    mix(top, bottom, fy)
}

/// Octaves of smooth noise, each half as wide and half as strong, about -1..1.
pub fn rough(x: f32, y: f32, octaves: u32, seed: u64) -> f32 {
    let octave = |n: u32| {
        let scale = (1 << n) as f32;
        smooth(x * scale, y * scale, seed + u64::from(n)) / scale
    };
    (0..octaves).map(octave).sum::<f32>() / 1.5
}

/// From `a` to `b` as `t` goes from 0 to 1.
pub fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// 0 up to `low`, 1 from `high` on, smooth between.
pub fn step(low: f32, high: f32, value: f32) -> f32 {
    ease(((value - low) / (high - low)).clamp(0.0, 1.0))
}

fn ease(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

/// A slow function kept at every `step`-th pixel and read in between.
pub struct Grid {
    step: f32,
    width: usize,
    values: Vec<f32>,
}

impl Grid {
    /// Samples a function of pixels over a picture.
    pub fn sample([width, height]: [u32; 2], step: u32, value: impl Fn(f32, f32) -> f32) -> Self {
        let (columns, rows) = (width / step + 2, height / step + 2);
        let place = |n: u32| (n * step) as f32;
        let values = (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y)));
        let values = values.map(|(x, y)| value(place(x), place(y))).collect();
        Grid {
            step: step as f32,
            width: columns as usize,
            values,
        }
    }

    /// The value at a pixel of the picture.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let (x, y) = ((x / self.step).max(0.0), (y / self.step).max(0.0));
        let rows = self.values.len() / self.width;
        let (column, row) = ((x as usize).min(self.width - 2), (y as usize).min(rows - 2));
        let (fx, fy) = (x - column as f32, y - row as f32);
        let from = row * self.width + column;
        let top = mix(self.values[from], self.values[from + 1], fx);
        let below = from + self.width;
        let bottom = mix(self.values[below], self.values[below + 1], fx);
        mix(top, bottom, fy)
    }
}
