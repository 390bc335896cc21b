//! Where the pixels of an image lie on its canvas. Pure.

use crate::contracts::BBox;
use crate::pixels::upright_point;

/// The place of an image on the canvas of a IIIF manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct OnCanvas {
    /// The id of the canvas.
    pub canvas: String,
    /// The part of the canvas that the image fills, in units of the canvas.
    pub area: BBox,
    /// How many quarter turns it is turned there, clockwise.
    pub quarters: u8,
    /// The EXIF orientation in which it is shown there; 0 or 1: as it is stored.
    pub orientation: u8,
}

impl OnCanvas {
    /// The place on the canvas of a point of a stored image of a size.
    pub fn point(&self, point: [f64; 2], size: [u32; 2]) -> [f64; 2] {
        let ([x, y], [width, height]) = upright_point(self.orientation, point, size.map(f64::from));
        let (u, v) = (x / width, y / height);
        let (right, down) = match self.quarters {
            1 => (1.0 - v, u),
            2 => (1.0 - u, 1.0 - v),
            3 => (v, 1.0 - u),
            _ => (u, v),
        };
        let area = &self.area;
        [area.x + right * area.width, area.y + down * area.height]
    }

    /// The place on the canvas of a box on an image of a size: `x, y, width, height`.
    pub fn bbox(&self, b: &BBox, size: [u32; 2]) -> [f64; 4] {
        let a = self.point([b.x, b.y], size);
        let c = self.point([b.right(), b.bottom()], size);
        let [x, y] = [0, 1].map(|axis| a[axis].min(c[axis]));
        [x, y, (a[0] - c[0]).abs(), (a[1] - c[1]).abs()]
    }

    /// Units of the canvas for a pixel of an image of a size, the smaller of both directions.
    pub fn scale(&self, size: [u32; 2]) -> f64 {
        let (_, [width, height]) = upright_point(self.orientation, [0.0; 2], size.map(f64::from));
        let [w, h] = match self.quarters % 2 {
            0 => [width, height],
            _ => [height, width],
        };
        (self.area.width / w).min(self.area.height / h)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_turn_with_their_image() {
        let b = BBox::try_from([10.0, 20.0, 30.0, 5.0]).unwrap();
        // An image of 100 x 50 pixels, painted at 1000, 2000 with two units a pixel.
        let cases = [
            (0, [200.0, 100.0], [1020.0, 2040.0, 60.0, 10.0]),
            (1, [100.0, 200.0], [1050.0, 2020.0, 10.0, 60.0]),
            (2, [200.0, 100.0], [1120.0, 2050.0, 60.0, 10.0]),
            (3, [100.0, 200.0], [1040.0, 2120.0, 10.0, 60.0]),
        ];
        for (quarters, [width, height], wanted) in cases {
            let area = BBox::try_from([1000.0, 2000.0, width, height]).unwrap();
            let canvas = String::new();
            let on = OnCanvas {
                canvas,
                area,
                quarters,
                orientation: 1,
            };
            let found = on.bbox(&b, [100, 50]);
            let is_close = found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9);
            assert!(is_close, "{quarters}: {found:?}");
            assert_eq!(on.scale([100, 50]), 2.0);
        }
    }
}
