//! What an image looks like, in few numbers, to find images that look alike: the same page scanned twice, or stored again
//! smaller, sharper or more compressed.

use image::imageops::FilterType;
use serde::{Deserialize, Serialize};

use super::header::measure_bytes;
use super::verify::{Flaw, decode_whole};

/// Side of the reduced image that is compared.
const SIDE: u32 = 16;

/// Maximum pixels of an image that is decoded for this: 2^28.
const MOST_PIXELS: u64 = 1 << 28;

/// What an image looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// A bit per low frequency: whether it is stronger than most.
    pub bits: u64,
    /// The lightness of the reduced image, stretched to the whole range; none for an image that is all alike, such as a
    /// blank page, of which nothing can be said.
    lightness: Option<Box<[u8]>>,
    /// The average colours of 8 x 8 parts, red, green and blue, row by row.
    colours: Box<[[u8; 3]]>,
}

/// Steps of 256 by which the colours of two blank pictures may differ.
const SAME_COLOUR: u8 = 24;

/// Steps of 256 by which the hue of a part may differ between two forms of one picture, and how many parts may differ more.
const SAME_HUE: i16 = 48;
const OTHER_HUES: usize = 1;

/// Bits that may differ between two forms of one picture, such as after another compression or size.
const SAME_PICTURE: u32 = 10;

impl Fingerprint {
    /// Whether two files show the same picture: alike in light and dark, and in the same hues. Pictures without any drawing, such
    /// as blank pages, are the same if their colours are.
    pub fn is_same_picture(&self, other: &Fingerprint) -> bool {
        let parts = self.colours.iter().zip(&other.colours);
        if !self.is_telling() && !other.is_telling() {
            let mut channels = parts.flat_map(|(a, b)| a.iter().zip(b));
            return channels.all(|(a, b)| a.abs_diff(*b) <= SAME_COLOUR);
        }
        let hue = |[red, green, blue]: [u8; 3]| {
            let green = i16::from(green);
            [i16::from(red) - green, i16::from(blue) - green]
        };
        let differs = |(a, b): &(&[u8; 3], &[u8; 3])| {
            let [a, b] = [hue(**a), hue(**b)];
            a.iter().zip(b).any(|(a, b)| (a - b).abs() > SAME_HUE)
        };
        self.is_alike(other, SAME_PICTURE) && parts.filter(differs).count() <= OTHER_HUES
    }

    /// Whether a file shows the same picture as one of which only the bits were written down, as far as these tell.
    pub fn is_same_by_bits(&self, bits: u64) -> bool {
        differ(self.bits, bits) <= SAME_PICTURE
    }

    /// Whether two images look alike: at most so many bits differ, and light and dark are in the same places.
    pub fn is_alike(&self, other: &Fingerprint, bits: u32) -> bool {
        let (Some(a), Some(b)) = (&self.lightness, &other.lightness) else {
            return false;
        };
        // An average of 24 of 256 steps is more than scaling and compression change.
        const MOST: u32 = 24 * SIDE * SIDE;
        let differences = a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b)));
        differ(self.bits, other.bits) <= bits && differences.sum::<u32>() <= MOST
    }

    /// Whether it can look like another.
    pub fn is_telling(&self) -> bool {
        self.lightness.is_some()
    }
}

/// How many bits differ.
fn differ(a: u64, b: u64) -> u32 {
    (a ^ b).count_ones()
}

/// Decodes an image file and describes what it looks like.
///
/// # Errors
/// It is damaged, cannot be decoded, or is too large.
pub fn fingerprint(file: &[u8]) -> Result<Fingerprint, Flaw> {
    let image = decode_whole(file, MOST_PIXELS)?;
    let mut small = image.thumbnail_exact(4 * SIDE, 4 * SIDE);
    // As viewers show it: a copy may have been turned for good.
    let orientation = measure_bytes(file).map_or(1, |header| header.orientation);
    if let Some(turn) = image::metadata::Orientation::from_exif(orientation) {
        small.apply_orientation(turn);
    }
    let colours = average(&small);
    let small = small.into_luma8();
    let grid = image::imageops::resize(&small, 2 * SIDE, 2 * SIDE, FilterType::Triangle);
    let values: Vec<f64> = grid.pixels().map(|p| f64::from(p.0[0])).collect();
    let reduced = image::imageops::resize(&small, SIDE, SIDE, FilterType::Triangle);
    Ok(Fingerprint {
        bits: frequencies(&values, 2 * SIDE as usize),
        lightness: stretched(&reduced.into_raw()),
        colours,
    })
}

/// The average colours of 8 x 8 parts of an image of 64 x 64 pixels, as on white where it is transparent.
fn average(image: &image::DynamicImage) -> Box<[[u8; 3]]> {
    let image = image.to_rgba8();
    let side = SIDE / 2;
    let part = |n: u32| {
        let inside = |at: u32| image.get_pixel(n % 8 * side + at % side, n / 8 * side + at / side);
        [0, 1, 2].map(|channel: usize| {
            let on_white = |at: u32| {
                let [value, alpha] = [channel, 3].map(|sample| u32::from(inside(at).0[sample]));
                (value * alpha + 255 * (255 - alpha)) / 255
            };
            let sum: u32 = (0..side * side).map(on_white).sum();
            u8::try_from(sum / (side * side)).unwrap_or(u8::MAX)
        })
    };
    (0..64).map(part).collect()
}

/// The signs of the lowest 8 x 8 frequencies of a square, against their median: the discrete cosine transform.
fn frequencies(values: &[f64], side: usize) -> u64 {
    let wave = |k: usize, x: usize| {
        (std::f64::consts::PI * k as f64 * (2 * x + 1) as f64 / (2 * side) as f64).cos()
    };
    let mut found = Vec::with_capacity(64);
    for v in 0..8 {
        for u in 0..8 {
            let rows = values.chunks_exact(side).enumerate();
            let sum: f64 = rows
                .map(|(y, row)| {
                    let along: f64 = row.iter().enumerate().map(|(x, p)| p * wave(u, x)).sum();
                    along * wave(v, y)
                })
                .sum();
            found.push(sum);
        }
    }
    // The first is the lightness of the whole.
    found[0] = 0.0;
    let mut sorted = found.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[32];
    let bit = |bits: u64, value: &f64| bits << 1 | u64::from(*value > median);
    found.iter().fold(0, bit)
}

/// Values stretched to the whole range; none if they are nearly the same.
fn stretched(values: &[u8]) -> Option<Box<[u8]>> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let [low, high] = [sorted.len() / 50, sorted.len() - 1 - sorted.len() / 50].map(|i| sorted[i]);
    if high - low < 12 {
        return None;
    }
    let stretch = |v: &u8| {
        let v = v.clamp(&low, &high) - low;
        (u32::from(v) * 255 / u32::from(high - low)) as u8
    };
    Some(values.iter().map(stretch).collect())
}
