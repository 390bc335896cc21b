//! `--tiles`: where the tiles of an image lie, and what its boxes are on them. Pure.

use crate::contracts::{BBox, Frame, Named, Polygon, map_points};
use crate::formats::Outline;
use crate::reformat::box_to_pixels::clip;
use crate::reformat::cut_points::cut_points;
use crate::reformat::place::{PlacedBox, box_around, seen};

/// How images are cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TileRules {
    /// The sides of a tile in pixels; smaller images are one tile.
    pub side: u32,
    /// How many pixels neighbouring tiles have in common, at least.
    pub overlap: u32,
    /// A box stays on tiles that show at least so much of it, or of its outline if it has one.
    pub least_visible: f64,
    /// Parts of boxes with a side of fewer pixels are too small to stay.
    pub least_side: f64,
}

impl TileRules {
    /// Whether tiles can begin on a grid and still move on.
    fn fits(&self, grid: [u32; 2]) -> bool {
        grid.iter().all(|unit| self.side - self.overlap >= *unit)
    }

    /// Whether the tiles of an image begin on a grid: not if there would be more of them, which show nearly the same twice.
    pub fn begins_on(&self, grid: [u32; 2], size: [u32; 2]) -> bool {
        let count = |grid| self.places(size, grid).len();
        self.fits(grid) && count(grid) <= count([1, 1])
    }

    /// The tiles of an image, `[x, y, width, height]`, row by row. They begin on the grid; the last of a row or column ends
    /// with the image. None is larger than asked, and none has less in common with the next.
    pub fn places(&self, size: [u32; 2], grid: [u32; 2]) -> Vec<[u32; 4]> {
        let [xs, ys] = [0, 1].map(|side| self.starts(size[side], grid[side]));
        let length = |start: u32, side: u32| self.side.min(side - start);
        ys.iter()
            .flat_map(|y| xs.iter().map(move |x| (*x, *y)))
            .map(|(x, y)| [x, y, length(x, size[0]), length(y, size[1])])
            .collect()
    }

    fn starts(&self, side: u32, unit: u32) -> Vec<u32> {
        if side <= self.side {
            return vec![0];
        }
        let step = ((self.side - self.overlap) / unit * unit).max(1);
        let last = (side - self.side).next_multiple_of(unit);
        let mut starts: Vec<u32> = (0..last).step_by(step as usize).collect();
        starts.push(last);
        starts
    }

    /// The boxes on each tile, and whether parts of others are on it that are too small to stay.
    pub fn cut<'a>(&self, boxes: &[PlacedBox<'a>], places: &[[u32; 4]]) -> Vec<TileBoxes<'a>> {
        let mut tiles = vec![TileBoxes::default(); places.len()];
        for labelled in boxes {
            let parts = places.iter().enumerate();
            let parts: Vec<(usize, Part)> = parts
                .filter_map(|(at, place)| Some((at, part(labelled, *place)?)))
                .collect();
            let most = parts.iter().map(|(_, part)| part.share).fold(0.0, f64::max);
            // Of tiles that show the same, all: a tile without the box would say that it is not there.
            let least = self.least_visible.min(most) - 1e-9;
            for (at, part) in parts {
                let side = part.bbox.width.min(part.bbox.height);
                match part.share >= least && side >= self.least_side {
                    true => {
                        let on_tile = on_tile(labelled, part, places[at]);
                        let is_lost = labelled.attributes.contains_key(TEXT)
                            && !on_tile.attributes.contains_key(TEXT);
                        tiles[at].texts_left_out += u32::from(is_lost);
                        tiles[at].boxes.push(on_tile);
                    }
                    false => tiles[at].rests += 1,
                }
            }
        }
        tiles
    }
}

/// What is on a tile.
#[derive(Clone, Debug, Default)]
pub struct TileBoxes<'a> {
    /// The boxes, in pixels of the tile.
    pub boxes: Vec<PlacedBox<'a>>,
    /// How many parts of boxes there are that are too small to stay.
    pub rests: u32,
    /// How many of the boxes are parts of one with a text.
    pub texts_left_out: u32,
}

const TEXT: &str = "text";

/// The part of a box on a tile, in pixels of the tile.
struct Part {
    bbox: BBox,
    outline: Option<Outline>,
    /// How much the tile shows of the outline, or of the box if that has none, against what the part of the box that fits into a
    /// tile holds of it on average.
    share: f64,
}

fn part(labelled: &PlacedBox, [x, y, width, height]: [u32; 4]) -> Option<Part> {
    let size = Frame {
        width: width.into(),
        height: height.into(),
    };
    let [x, y] = [x, y].map(f64::from);
    let whole = &labelled.bbox;
    let moved = BBox {
        x: whole.x - x,
        y: whole.y - y,
        ..*whole
    };
    // Of most boxes a tile shows nothing.
    moved.clip(size)?;
    let shifted = |rings: &[Polygon]| -> Vec<Polygon> {
        let shifted = rings
            .iter()
            .map(|ring| ring.map(|[px, py]| [px - x, py - y]));
        shifted.collect()
    };
    let outline = labelled.outline.as_ref();
    let [parts, holes] = match outline {
        None => [Vec::new(), Vec::new()],
        Some(outline) => [outline.parts(), outline.holes()].map(shifted),
    };
    let seen = seen(&moved, [&parts, &holes], size)?;
    let bbox = match &seen.outline {
        Some(outline) if labelled.is_around && seen.is_cut => clip(&box_around(outline)?, size)?.0,
        _ => seen.bbox,
    };
    let area = |bbox: &BBox| bbox.width * bbox.height;
    let share = match (outline, &seen.outline) {
        (None, _) => area(&bbox) / area(whole),
        (Some(outline), Some(cut)) => cut.area() / outline.area(),
        // A tile within a hole shows nothing of it.
        (Some(_), None) => return None,
    };
    let fits = whole.width.min(size.width) * whole.height.min(size.height);
    Some(Part {
        share: share * area(whole) / fits,
        bbox,
        outline: seen.outline,
    })
}

/// Whether something of a box is on a tile.
pub fn is_on(bbox: &BBox, [x, y, width, height]: [u32; 4]) -> bool {
    let [left, top] = [x, y].map(f64::from);
    let [right, bottom] = [
        f64::from(x) + f64::from(width),
        f64::from(y) + f64::from(height),
    ];
    bbox.x < right && bbox.right() > left && bbox.y < bottom && bbox.bottom() > top
}

fn on_tile<'a>(
    labelled: &PlacedBox<'a>,
    part: Part,
    [x, y, width, height]: [u32; 4],
) -> PlacedBox<'a> {
    let size = [width, height].map(f64::from);
    let [x, y] = [x, y].map(f64::from);
    let mut attributes = labelled.attributes.clone();
    map_points(&mut attributes, |[px, py]| [px - x, py - y]);
    cut_points(&mut attributes, size);
    let noise = 1e-6;
    let whole = &labelled.bbox;
    let is_cut = whole.x - x < -noise
        || whole.y - y < -noise
        || whole.right() - x > size[0] + noise
        || whole.bottom() - y > size[1] + noise;
    let mut flags = labelled.flags;
    if is_cut {
        flags.is_truncated = true;
        attributes.set("truncated", true.into());
        // It says what stands in the whole box.
        attributes.remove(TEXT);
    }
    PlacedBox {
        id: labelled.id.clone(),
        class: labelled.class,
        bbox: part.bbox,
        outline: part.outline,
        is_around: labelled.is_around,
        flags,
        attributes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Flags;
    use proptest::prelude::*;

    fn rules(side: u32, overlap: u32, least_visible: f64) -> TileRules {
        TileRules {
            side,
            overlap,
            least_visible,
            least_side: 0.0,
        }
    }

    fn boxed(bbox: [f64; 4]) -> PlacedBox<'static> {
        PlacedBox {
            id: "b".into(),
            class: 0,
            bbox: BBox::try_from(bbox).unwrap(),
            outline: None,
            is_around: false,
            flags: Flags::default(),
            attributes: Default::default(),
        }
    }

    #[test]
    fn tiles_begin_on_the_grid_and_end_with_the_image() {
        let cases: [(u32, u32, u32, u32, &[u32]); 7] = [
            // side of the image, tile, overlap, grid, starts
            (100, 100, 0, 1, &[0]),
            (50, 100, 20, 16, &[0]),
            (250, 100, 0, 1, &[0, 100, 150]),
            (300, 100, 0, 1, &[0, 100, 200]),
            (250, 100, 20, 1, &[0, 80, 150]),
            (250, 100, 20, 16, &[0, 80, 160]),
            (
                1000,
                128,
                32,
                8,
                &[0, 96, 192, 288, 384, 480, 576, 672, 768, 864, 872],
            ),
        ];
        for (image, side, overlap, grid, wanted) in cases {
            let found = rules(side, overlap, 0.0).starts(image, grid);
            assert_eq!(found, wanted, "{image} {side} {overlap} {grid}");
        }
    }

    #[test]
    fn a_box_stays_where_enough_of_it_is_seen() {
        let two = [[0, 0, 100, 100], [100, 0, 100, 100]];
        let cases = [
            // box, least share, shares of both tiles; none: it is not there
            ([10.0, 10.0, 20.0, 20.0], 0.5, [true, false]),
            ([90.0, 10.0, 20.0, 20.0], 0.5, [true, true]),
            ([80.0, 10.0, 30.0, 20.0], 0.5, [true, false]),
            ([80.0, 10.0, 30.0, 20.0], 0.3, [true, true]),
            // Larger than a tile: what counts is the share of the tile.
            ([20.0, 0.0, 180.0, 100.0], 0.7, [true, true]),
            ([90.0, 10.0, 20.0, 20.0], 1.0, [true, true]),
        ];
        for (bbox, least, wanted) in cases {
            let cut = rules(100, 0, least).cut(&[boxed(bbox)], &two);
            let found = [0, 1].map(|tile: usize| !cut[tile].boxes.is_empty());
            assert_eq!(found, wanted, "{bbox:?} {least}");
        }
        let cut = rules(100, 0, 0.5).cut(&[boxed([80.0, 10.0, 30.0, 20.0])], &two);
        assert_eq!([cut[0].rests, cut[1].rests], [0, 1]);
        let left = &cut[0].boxes[0];
        assert!(left.flags.is_truncated && left.attributes.contains_key("truncated"));
        assert_eq!([left.bbox.x, left.bbox.width], [80.0, 20.0]);
    }

    proptest! {
        #[test]
        fn every_pixel_is_on_a_tile_and_neighbours_overlap(
            side in 1u32..5000, tile in 32u32..600, overlap in 0u32..500, unit in prop::sample::select(vec![1u32, 8, 16, 32])
        ) {
            prop_assume!(overlap < tile);
            let rules = rules(tile, overlap, 0.0);
            let unit = if rules.fits([unit, unit]) { unit } else { 1 };
            let places = rules.places([side, 1], [unit, 1]);
            prop_assert_eq!(places[0][0], 0);
            for pair in places.windows(2) {
                let [before, after] = [pair[0], pair[1]];
                prop_assert!(after[0] > before[0] && after[0] % unit == 0);
                prop_assert!(before[0] + before[2] >= after[0] + overlap, "{:?}", places);
            }
            let last = places[places.len() - 1];
            prop_assert_eq!(last[0] + last[2], side);
            prop_assert!(places.iter().all(|place| place[2] <= tile));
        }

        #[test]
        fn the_parts_of_a_box_are_together_the_box(
            x in 0f64..900.0, y in 0f64..700.0, w in 1f64..500.0, h in 1f64..500.0, overlap in 0u32..60
        ) {
            let rules = rules(128, overlap, 0.0);
            let places = rules.places([1000, 800], [16, 8]);
            let (w, h) = (w.min(1000.0 - x), h.min(800.0 - y));
            let cut = rules.cut(&[boxed([x, y, w, h])], &places);
            let corners = cut.iter().zip(&places).flat_map(|(tile, place)| {
                tile.boxes.iter().flat_map(|b| {
                    let [px, py] = [place[0], place[1]].map(f64::from);
                    [[b.bbox.x + px, b.bbox.y + py], [b.bbox.right() + px, b.bbox.bottom() + py]]
                })
            });
            let merged = BBox::around(corners.collect::<Vec<_>>()).unwrap();
            for (a, b) in [(merged.x, x), (merged.y, y), (merged.width, w), (merged.height, h)] {
                prop_assert!((a - b).abs() < 0.02, "{:?} {} {} {} {}", merged, x, y, w, h);
            }
        }
    }
}
