//! Scales a part of an image that is read in parts.

use image::DynamicImage;

use crate::render::{self, REACH};

/// Scales a part of a level, `[x, y, width, height]` in its pixels. `read` reads also the pixels around the part that the
/// filter needs, so that tiles fit together without seams.
///
/// # Errors
/// The part cannot be read.
pub fn part_in_size(
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

/// Whether a part needs no scaling.
fn is_exact([x, y, w, h]: [f64; 4], size: [u32; 2]) -> bool {
    x.fract() == 0.0 && y.fract() == 0.0 && [w, h] == size.map(f64::from)
}
