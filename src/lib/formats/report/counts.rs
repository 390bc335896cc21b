//! What a report counts of boxes, one image after the other: a few numbers, whatever the size of the set. Pure.

use crate::formats::dataset::DatasetImage;

/// Cells of the map of positions, in each direction.
pub const CELLS: usize = 24;

/// Sizes of boxes: the square root of the area, in pixels, below which each bin ends. COCO's tools call boxes below 32 small and
/// from 96 large.
pub const SIZES: [u32; 8] = [8, 16, 32, 64, 96, 256, 512, 1024];

/// Width by height, below which each bin ends, and what that is called.
pub const SHAPES: [(f64, &str); 7] = [
    (0.125, "higher than 8 : 1"),
    (0.25, "8 : 1 to 4 : 1 high"),
    (0.5, "4 : 1 to 2 : 1 high"),
    (2.0, "up to 2 : 1 either way"),
    (4.0, "2 : 1 to 4 : 1 wide"),
    (8.0, "4 : 1 to 8 : 1 wide"),
    (f64::INFINITY, "wider than 8 : 1"),
];

/// Counts of boxes.
#[derive(Clone, Debug, Default)]
pub struct BoxCounts {
    /// By [`SIZES`], and those beyond.
    pub sizes: [u64; SIZES.len() + 1],
    /// By [`SHAPES`].
    pub shapes: [u64; SHAPES.len()],
    /// How many centres lie in each cell, row by row.
    pub cells: Vec<u64>,
    /// How many are cut off by the edge of their image.
    pub truncated: u64,
}

impl BoxCounts {
    /// Counts the boxes of an image.
    pub fn add(&mut self, image: &DatasetImage) {
        self.cells.resize(CELLS * CELLS, 0);
        for labelled in &image.boxes {
            let b = &labelled.bbox;
            let side = (b.width * b.height).sqrt();
            let bin = SIZES.iter().position(|end| side < f64::from(*end));
            self.sizes[bin.unwrap_or(SIZES.len())] += 1;
            let ratio = b.width / b.height;
            let bin = SHAPES.iter().position(|(end, _)| ratio < *end);
            self.shapes[bin.unwrap_or(SHAPES.len() - 1)] += 1;
            let cell = |at: f64, side: u32| {
                let place = at / f64::from(side.max(1)) * CELLS as f64;
                (place.max(0.0) as usize).min(CELLS - 1)
            };
            let column = cell(b.x + b.width / 2.0, image.width);
            let row = cell(b.y + b.height / 2.0, image.height);
            self.cells[row * CELLS + column] += 1;
            self.truncated += u64::from(labelled.flags.is_truncated);
        }
    }
}

/// Numbers by powers of two: 0, 1, 2 to 3, 4 to 7… with how many there are of each.
pub fn by_doubling(numbers: impl Iterator<Item = u64>) -> Vec<(String, u64)> {
    let mut bins: Vec<u64> = Vec::new();
    for number in numbers {
        let bin = (u64::BITS - number.leading_zeros()) as usize;
        if bins.len() <= bin {
            bins.resize(bin + 1, 0);
        }
        bins[bin] += 1;
    }
    let name = |bin: usize| match bin {
        0 | 1 => bin.to_string(),
        bin => format!("{} to {}", 1u64 << (bin - 1), (1u64 << (bin - 1)) * 2 - 1),
    };
    let all = bins.into_iter().enumerate();
    all.map(|(bin, n)| (name(bin), n))
        .skip_while(|(_, n)| *n == 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::BBox;
    use crate::formats::dataset::{DatasetBox, Flags};

    #[test]
    fn boxes_are_counted_by_size_shape_and_place() {
        let boxed = |bbox: [f64; 4]| DatasetBox {
            number: 1,
            id: Default::default(),
            class: 0,
            bbox: BBox::try_from(bbox).unwrap(),
            outline: None,
            flags: Flags::default(),
            attributes: Default::default(),
        };
        let image = DatasetImage {
            width: 240,
            height: 240,
            boxes: vec![
                boxed([0.0, 0.0, 7.0, 7.0]),
                boxed([0.0, 0.0, 8.0, 8.0]),
                boxed([0.0, 230.0, 240.0, 10.0]),
            ],
            ..DatasetImage::default()
        };
        let mut counts = BoxCounts::default();
        counts.add(&image);
        assert_eq!(counts.sizes[..4], [1, 1, 0, 1]);
        assert_eq!(counts.shapes, [0, 0, 0, 2, 0, 0, 1]);
        assert_eq!((counts.cells[0], counts.cells[23 * CELLS + 12]), (2, 1));
    }

    #[test]
    fn numbers_are_counted_by_doubling() {
        let found = by_doubling([0, 1, 2, 3, 4, 9].into_iter());
        let wanted = [
            ("0", 1),
            ("1", 1),
            ("2 to 3", 2),
            ("4 to 7", 1),
            ("8 to 15", 1),
        ];
        assert_eq!(found, wanted.map(|(name, n)| (name.to_owned(), n)));
        assert_eq!(by_doubling(std::iter::once(2)), [("2 to 3".to_owned(), 1)]);
    }
}
