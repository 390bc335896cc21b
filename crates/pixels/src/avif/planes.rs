//! Luma and chroma of a decoded image, and the colours that they stand for (ITU-T H.273 §8.3). Pure.

use super::container::Signal;

/// A decoded image.
#[derive(Debug)]
pub struct Planes {
    /// `[width, height]` in pixels.
    pub size: [usize; 2],
    /// Bits of each number.
    pub bits: u32,
    /// Luma; then blue and red chroma, none if the image is grey.
    pub luma: Vec<u16>,
    /// Chroma, each of [`Planes::chroma_size`].
    pub chroma: Option<[Vec<u16>; 2]>,
    /// How many pixels share a number of chroma, across and down: 1 or 2.
    pub shared: [usize; 2],
    /// What the numbers mean.
    pub signal: Signal,
}

impl Planes {
    /// `[width, height]` of chroma.
    pub fn chroma_size(size: [usize; 2], shared: [usize; 2]) -> [usize; 2] {
        [size[0].div_ceil(shared[0]), size[1].div_ceil(shared[1])]
    }

    /// Pixels of one channel of 8 bits: luma.
    pub fn grey(&self) -> Vec<u8> {
        let [least, span] = self.luma_range();
        let eight = |luma: &u16| in_eight_bits((f32::from(*luma) - least) / span);
        self.luma.iter().map(eight).collect()
    }

    /// Pixels of three channels of 8 bits, in the colours of the image.
    ///
    /// # Errors
    /// The image has no chroma, or one that is not understood.
    pub fn colours(&self) -> Result<Vec<u8>, String> {
        let chroma = self.chroma.as_ref().ok_or("it is grey and in colour")?;
        let [least, span] = self.luma_range();
        let (middle, chroma_span) = self.chroma_range();
        let ways = match self.signal.matrix {
            0 => None,
            code => Some(ways(code)?),
        };
        let mut pixels = Vec::with_capacity(self.luma.len() * 3);
        for (y, row) in self.luma.chunks(self.size[0].max(1)).enumerate() {
            for (x, luma) in row.iter().enumerate() {
                let luma = (f32::from(*luma) - least) / span;
                let [blue, red] = chroma.each_ref().map(|plane| self.chroma_at(plane, [x, y]));
                let rgb = match ways {
                    // Green, blue and red as they are (H.273, 0).
                    None => [(red - least) / span, luma, (blue - least) / span],
                    Some([kr, kb]) => {
                        let [blue, red] = [blue, red].map(|c| (c - middle) / chroma_span);
                        let red = luma + 2.0 * (1.0 - kr) * red;
                        let blue = luma + 2.0 * (1.0 - kb) * blue;
                        [red, (luma - kr * red - kb * blue) / (1.0 - kr - kb), blue]
                    }
                };
                pixels.extend(rgb.map(in_eight_bits));
            }
        }
        Ok(pixels)
    }

    /// The number of black, and by how much white is larger.
    fn luma_range(&self) -> [f32; 2] {
        let unit = (1_u32 << (self.bits - 8)) as f32;
        match self.signal.is_full_range {
            true => [0.0, ((1_u32 << self.bits) - 1) as f32],
            false => [16.0 * unit, 219.0 * unit],
        }
    }

    /// The number of no colour, and the span of all.
    fn chroma_range(&self) -> (f32, f32) {
        let middle = (1_u32 << (self.bits - 1)) as f32;
        match self.signal.is_full_range {
            true => (middle, ((1_u32 << self.bits) - 1) as f32),
            false => (middle, 224.0 * (1_u32 << (self.bits - 8)) as f32),
        }
    }

    /// Chroma at a pixel: where pixels share it, three parts of the nearest and one of the next, in each direction.
    fn chroma_at(&self, plane: &[u16], at: [usize; 2]) -> f32 {
        let [width, height] = Planes::chroma_size(self.size, self.shared);
        let near_and_next = |at: usize, shared: usize, side: usize| match shared {
            1 => [at, at],
            _ if at.is_multiple_of(2) => [at / 2, (at / 2).saturating_sub(1)],
            _ => [at / 2, (at / 2 + 1).min(side - 1)],
        };
        let [x, next_x] = near_and_next(at[0], self.shared[0], width);
        let [y, next_y] = near_and_next(at[1], self.shared[1], height);
        let number = |x: usize, y: usize| f32::from(plane[y * width + x]);
        let across = |y: usize| 0.75 * number(x, y) + 0.25 * number(next_x, y);
        0.75 * across(y) + 0.25 * across(next_y)
    }
}

/// The shares of red and blue in luma.
fn ways(code: u16) -> Result<[f32; 2], String> {
    match code {
        1 => Ok([0.2126, 0.0722]),
        // Not told: as most writers do.
        2 | 5 | 6 => Ok([0.299, 0.114]),
        4 => Ok([0.30, 0.11]),
        7 => Ok([0.212, 0.087]),
        9 => Ok([0.2627, 0.0593]),
        _ => Err(format!(
            "its colours are of a kind that is not decoded ({code})"
        )),
    }
}

fn in_eight_bits(share: f32) -> u8 {
    (share * 255.0).round().clamp(0.0, 255.0) as u8
}
