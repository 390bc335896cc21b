//! Covers an image with the fewest regions that a server accepts: numbers in, rectangles out.

use serde::{Deserialize, Serialize};

use crate::iiif::info::Limits;

/// A rectangle in pixels of the service's image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rect {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

/// The largest block of a JPEG with subsampled chroma, in pixels. Interior edges fall on multiples of it where regions are
/// to be joined without decoding, otherwise where that costs no further request.
const BLOCK: u32 = 16;

/// The longest part of a side within a limit: all of it, otherwise with `aligned` a multiple of 16, unless the limit is
/// below 16.
fn within(whole: u32, limit: u32, aligned: bool) -> u32 {
    match limit {
        _ if limit >= whole => whole.max(1),
        _ if aligned && limit >= BLOCK => limit - limit % BLOCK,
        _ => limit.max(1),
    }
}

/// The size of the regions, in pixels, that cover `width` × `height` in the fewest requests within the limits; with
/// `aligned` their edges fall on multiples of 16. Among equals such edges are preferred, then the most even regions.
pub fn fewest(width: u32, height: u32, limits: &Limits, aligned: bool) -> [u32; 2] {
    let by_area = u32::try_from(limits.area).unwrap_or(u32::MAX);
    let widest = within(width, limits.width.min(by_area), aligned);
    let highest = |w: u32| {
        let by_area = u32::try_from(limits.area / u64::from(w)).unwrap_or(u32::MAX);
        within(height, limits.height.min(by_area), aligned)
    };
    // Only widths that change the number of columns matter: at most 2·sqrt(width) of them.
    let columns = |w: u32| width.div_ceil(w);
    let mut best = ((u64::MAX, u32::MAX), [1, 1]);
    let mut w = widest;
    loop {
        let h = highest(w);
        let requests = u64::from(columns(w)) * u64::from(height.div_ceil(h));
        let cost = (requests, w.max(h) / w.min(h));
        if cost < best.0 {
            best = (cost, [w, h]);
        }
        // Narrower columns only pay when they let the rows be higher.
        let narrower = width.div_ceil(columns(w) + 1);
        let on_block = narrower.next_multiple_of(BLOCK);
        let narrower = if on_block < w { on_block } else { narrower };
        if h >= within(height, limits.height, aligned) || narrower >= w || narrower == 0 {
            break;
        }
        w = narrower;
    }
    let [w, h] = best.1;
    [even(width, w), even(height, h)]
}

/// The smallest multiple of 16 within `most` that needs no more parts than `most` does; else the smallest such
/// number at all.
fn even(whole: u32, most: u32) -> u32 {
    let parts = whole.div_ceil(most.max(1)).max(1);
    let smallest = whole.div_ceil(parts);
    let aligned = smallest.next_multiple_of(BLOCK);
    if parts == 1 {
        whole
    } else if aligned <= most {
        aligned
    } else {
        smallest
    }
}

/// The number of cells of a grid over an image.
pub fn count(size: [u32; 2], tile: [u32; 2]) -> u64 {
    let parts = |whole: u32, part: u32| u64::from(whole.div_ceil(part.max(1)));
    parts(size[0], tile[0]) * parts(size[1], tile[1])
}

/// The cells of a grid over an image, row by row. `origin` is where the image lies in the service's image.
pub fn cells(
    origin: [u32; 2],
    size: [u32; 2],
    tile: [u32; 2],
) -> impl Iterator<Item = Rect> + Clone {
    let [width, height] = size;
    let [tile_width, tile_height] = tile;
    let rows = (0..height).step_by(tile_height.max(1) as usize);
    rows.flat_map(move |y| {
        (0..width)
            .step_by(tile_width.max(1) as usize)
            .map(move |x| Rect {
                x: origin[0] + x,
                y: origin[1] + y,
                width: tile_width.min(width - x),
                height: tile_height.min(height - y),
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(width: u32, height: u32, area: u64) -> Limits {
        Limits {
            width,
            height,
            area,
        }
    }

    #[test]
    fn an_image_without_extent_takes_no_regions() {
        let found = fewest(0, 0, &limits(1000, 1000, u64::MAX), true);
        assert_eq!(cells([0, 0], [0, 0], found).count(), 0);
    }

    #[test]
    fn the_fewest_regions() {
        let cases = [
            // (image, limits, region, requests)
            ([7216, 5412], limits(1000, 1000, u64::MAX), [912, 912], 48),
            (
                [7216, 5412],
                limits(u32::MAX, u32::MAX, 1_000_000),
                [912, 1088],
                40,
            ),
            ([7216, 5412], Limits::NONE, [7216, 5412], 1),
            ([900, 5412], limits(1000, 1000, u64::MAX), [900, 912], 6),
            (
                [30_000, 20_000],
                limits(1000, 1000, u64::MAX),
                [976, 960],
                651,
            ),
            ([1000, 1000], limits(999, 999, u64::MAX), [512, 512], 4),
            ([1071, 1], limits(1071, 16, 256), [224, 1], 5),
            ([1, 1], limits(1, 1, 1), [1, 1], 1),
            ([30, 10], limits(10, 10, 100), [10, 10], 3),
        ];
        for (size, limits, region, requests) in cases {
            let found = fewest(size[0], size[1], &limits, true);
            let cells = cells([0, 0], size, found).count();
            assert!(limits.allow(found[0], found[1]), "{size:?} {found:?}");
            assert_eq!((found, cells), (region, requests), "{size:?} {limits:?}");
        }
    }

    #[test]
    fn edges_on_blocks_cost_requests_only_where_regions_are_joined() {
        let small = limits(100, 100, u64::MAX);
        assert_eq!(fewest(300, 200, &small, false), [100, 100]);
        assert_eq!(fewest(300, 200, &small, true), [80, 80]);
    }

    proptest::proptest! {
        #[test]
        fn cells_cover_every_pixel_once_within_the_limits(w in 1u32..5000, h in 1u32..5000, mw in 16u32..3000, mh in 16u32..3000, area in 256u64..4_000_000, aligned: bool) {
            let limits = limits(mw, mh, area);
            let tile = fewest(w, h, &limits, aligned);
            proptest::prop_assert!(limits.allow(tile[0], tile[1]));
            let mut covered = 0u64;
            for cell in cells([7, 9], [w, h], tile) {
                proptest::prop_assert!(cell.width > 0 && cell.height > 0);
                proptest::prop_assert!(cell.x - 7 + cell.width <= w && cell.y - 9 + cell.height <= h);
                covered += u64::from(cell.width) * u64::from(cell.height);
            }
            proptest::prop_assert_eq!(covered, u64::from(w) * u64::from(h));
            proptest::prop_assert_eq!(count([w, h], tile), cells([0, 0], [w, h], tile).count() as u64);
        }
    }
}
