//! Maps boxes from the frame of their image to pixels of the downloaded file: scales, undoes the EXIF orientation, clips.

use crate::contracts::{BBox, BorrowedImage, Frame, Polygon};
use crate::exif_boxes::{DrawnOn, ExifBoxes, StoredSize};
use crate::pixels::{Header, stored_point};

/// The mapping from the frame of an image's boxes to stored pixels of its file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mapping {
    /// Pixels per unit of the frame, in x and y, before the orientation is undone.
    scale: [f64; 2],
    /// The EXIF orientation in which the boxes were drawn; 1: on the image as stored.
    pub orientation: u8,
    /// Whether frame and file have the same aspect ratio, apart from rounding.
    pub fits: bool,
    /// Whether the frame shows on which image the boxes were drawn.
    pub is_decided: bool,
    /// Size of the file as stored, in pixels.
    file: Frame,
}

/// Boxes narrower than this many pixels are dropped: as 32-bit floats on a large scan, their edges would be equal.
const LEAST_SIDE: f64 = 0.01;

impl Mapping {
    /// The mapping for an image; none if the coordinate space of its boxes is not known.
    pub fn of(image: &BorrowedImage, header: &Header, exif: ExifBoxes) -> Option<Self> {
        let file = StoredSize {
            size: [header.width, header.height],
            orientation: header.orientation,
        };
        DrawnOn::of(image, file, exif).map(|drawn| Mapping::new(drawn, file))
    }

    fn new(drawn: DrawnOn, file: StoredSize) -> Self {
        let (frame, onto) = (drawn.frame, drawn.size(file));
        Mapping {
            scale: [onto.width / frame.width, onto.height / frame.height],
            orientation: drawn.orientation,
            fits: drawn.fits,
            is_decided: drawn.is_decided,
            file: file.frame(),
        }
    }

    /// Maps a box to pixels of the file; a part of it may be outside. None if it is empty.
    pub fn bbox(&self, b: &BBox) -> Option<BBox> {
        let [sx, sy] = self.scale;
        if self.orientation == 1 {
            return Some(b.scale(sx, sy));
        }
        let corners = [[b.x, b.y], [b.right(), b.bottom()]];
        BBox::around(corners.map(|p| self.point(p))).ok()
    }

    /// Maps an outline to pixels of the file.
    pub fn polygon(&self, polygon: &Polygon) -> Polygon {
        polygon.map(|p| self.point(p))
    }

    /// Maps a point to pixels of the file, to thousandths.
    pub fn rounded_point(&self, point: [f64; 2]) -> [f64; 2] {
        self.point(point).map(|v| (v * 1000.0).round() / 1000.0)
    }

    /// Maps a point. EXIF orientation describes how the stored image becomes the shown one; this is the inverse.
    fn point(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let point = [x * self.scale[0], y * self.scale[1]];
        stored_point(self.orientation, point, [self.file.width, self.file.height])
    }
}

/// Why a box cannot be used on an image, of which [`clip`] leaves nothing.
pub fn why_not_seen(b: &BBox, size: Frame) -> &'static str {
    let is_apart = b.x >= size.width || b.y >= size.height || b.right() <= 0.0 || b.bottom() <= 0.0;
    match (is_apart, b.width < LEAST_SIDE || b.height < LEAST_SIDE) {
        (true, _) => "box is outside the image",
        (false, true) => "box is thinner than a hundredth of a pixel",
        (false, false) => "less than a hundredth of a pixel of the box is on the image",
    }
}

/// The part of a box inside an image, and whether a part was outside; none if nothing is left.
pub fn clip(b: &BBox, size: Frame) -> Option<(BBox, bool)> {
    // Rounding errors of scaling are far smaller and are not worth a note.
    const NOISE: f64 = 1e-6;
    let outside = b.x < -NOISE
        || b.y < -NOISE
        || b.right() > size.width + NOISE
        || b.bottom() > size.height + NOISE;
    let inside = b.clip(size)?;
    (inside.width >= LEAST_SIDE && inside.height >= LEAST_SIDE).then_some((inside, outside))
}

/// The part of an outline inside an image, by the Sutherland-Hodgman algorithm, one edge after the other. Parts that are
/// connected only outside stay connected along the edge. None if nothing is left.
pub fn clip_polygon(polygon: &Polygon, size: Frame) -> Option<Polygon> {
    let inside =
        |&[x, y]: &[f64; 2]| (0.0..=size.width).contains(&x) && (0.0..=size.height).contains(&y);
    if polygon.points().iter().all(inside) {
        return Some(polygon.clone());
    }
    let edges = [
        (0, 0.0, 1.0),
        (0, size.width, -1.0),
        (1, 0.0, 1.0),
        (1, size.height, -1.0),
    ];
    let mut points = polygon.points().to_vec();
    for (axis, limit, sign) in edges {
        points = clip_edge(&points, axis, limit, sign);
    }
    points.dedup();
    let clipped = Polygon::try_from(points).ok()?;
    (clipped.area() > 0.0).then_some(clipped)
}

/// Keeps the points on the side of `limit` that `sign` points to.
fn clip_edge(points: &[[f64; 2]], axis: usize, limit: f64, sign: f64) -> Vec<[f64; 2]> {
    let kept = |p: &[f64; 2]| (p[axis] - limit) * sign >= 0.0;
    let crossing = |a: &[f64; 2], b: &[f64; 2]| {
        let t = (limit - a[axis]) / (b[axis] - a[axis]);
        let mut p = [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
        // Exactly on the edge: a rounding error would be outside.
        p[axis] = limit;
        p
    };
    let previous = points.iter().cycle().skip(points.len().saturating_sub(1));
    let mut clipped = Vec::with_capacity(points.len() + 4);
    for (b, a) in points.iter().zip(previous) {
        if kept(a) != kept(b) {
            clipped.push(crossing(a, b));
        }
        if kept(b) {
            clipped.push(*b);
        }
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(width: f64, height: f64) -> Frame {
        Frame { width, height }
    }

    fn mapping(frame: Frame, size: (u32, u32), orientation: u8, exif: ExifBoxes) -> Mapping {
        let file = StoredSize {
            size: size.into(),
            orientation,
        };
        Mapping::new(DrawnOn::new(frame, file, exif), file)
    }

    #[test]
    fn boxes_go_from_frame_to_file_side_by_side() {
        let b = [10.0, 20.0, 30.0, 40.0];
        let cases = [
            // frame, file and orientation, box in pixels of the file, turn, fits
            ([100.0, 200.0], (100, 200, 1), b, 1, true),
            (
                [100.0, 200.0],
                (50, 100, 1),
                [5.0, 10.0, 15.0, 20.0],
                1,
                true,
            ),
            (
                [100.0, 200.0],
                (50, 200, 1),
                [5.0, 20.0, 15.0, 40.0],
                1,
                false,
            ),
            // Shown 100 x 200, stored 200 x 100.
            (
                [100.0, 200.0],
                (200, 100, 6),
                [20.0, 60.0, 40.0, 30.0],
                6,
                true,
            ),
            (
                [100.0, 200.0],
                (200, 100, 8),
                [140.0, 10.0, 40.0, 30.0],
                8,
                true,
            ),
            (
                [100.0, 200.0],
                (200, 100, 5),
                [20.0, 10.0, 40.0, 30.0],
                5,
                true,
            ),
            (
                [100.0, 200.0],
                (200, 100, 7),
                [140.0, 60.0, 40.0, 30.0],
                7,
                true,
            ),
            // The frame is that of the stored image: EXIF is ignored.
            ([100.0, 200.0], (100, 200, 6), b, 1, true),
            ([100.0, 200.0], (100, 200, 3), b, 1, true),
        ];
        for ([fw, fh], (w, h, orientation), wanted, turn, fits) in cases {
            let mapping = mapping(frame(fw, fh), (w, h), orientation, ExifBoxes::Stored);
            let mapped = mapping.bbox(&BBox::try_from(b).unwrap()).unwrap();
            let name = format!("{fw} x {fh} on {w} x {h}, {orientation}");
            assert_eq!(
                [mapped.x, mapped.y, mapped.width, mapped.height],
                wanted,
                "{name}"
            );
            assert_eq!((mapping.orientation, mapping.fits), (turn, fits), "{name}");
        }
    }

    #[test]
    fn where_the_size_decides_nothing_the_user_does() {
        let cases = [
            // file and orientation, where a box at 10, 20 of 30 x 40 is as turned
            ((100, 200, 2), [60.0, 20.0, 30.0, 40.0]),
            ((100, 200, 3), [60.0, 140.0, 30.0, 40.0]),
            ((100, 200, 4), [10.0, 140.0, 30.0, 40.0]),
            ((200, 200, 6), [20.0, 160.0, 40.0, 30.0]),
        ];
        let b = BBox::try_from([10.0, 20.0, 30.0, 40.0]).unwrap();
        for ((w, h, orientation), wanted) in cases {
            let frame = frame(w.into(), h.into());
            let of = |exif| mapping(frame, (w, h), orientation, exif);
            let [stored, turned] = [of(ExifBoxes::Stored), of(ExifBoxes::Turned)];
            assert!(!stored.is_decided && !turned.is_decided, "{orientation}");
            assert_eq!(stored.bbox(&b), Some(b), "{orientation}");
            let wanted = BBox::try_from(wanted).unwrap();
            assert_eq!(turned.bbox(&b), Some(wanted), "{orientation}");
        }
    }

    #[test]
    fn rounding_of_either_size_is_no_disagreement() {
        let cases = [
            ([7216.0, 5412.0], [1000.0, 750.0], true),
            ([1000.0, 750.0], [7216.0, 5412.0], true),
            ([1001.0, 333.0], [500.0, 166.0], true),
            ([1000.0, 750.0], [7216.0, 5450.0], false),
            ([1000.0, 1000.0], [1000.0, 1003.0], false),
        ];
        for (a, b, wanted) in cases {
            let [a, b] = [a, b].map(|[width, height]| frame(width, height));
            assert_eq!(a.has_shape_of(b), wanted, "{a:?} {b:?}");
        }
    }

    #[test]
    fn outlines_are_cut_at_the_edges() {
        let cut = |points: &[[f64; 2]]| {
            clip_polygon(
                &Polygon::try_from(points.to_vec()).unwrap(),
                frame(10.0, 10.0),
            )
            .map(|p| p.area())
        };
        assert_eq!(
            cut(&[[-5.0, 0.0], [5.0, 0.0], [5.0, 10.0], [-5.0, 10.0]]),
            Some(50.0)
        );
        assert_eq!(
            cut(&[[5.0, 5.0], [15.0, 5.0], [15.0, 15.0], [5.0, 15.0]]),
            Some(25.0)
        );
        assert_eq!(
            cut(&[[-5.0, -5.0], [30.0, -5.0], [30.0, 30.0], [-5.0, 30.0]]),
            Some(100.0)
        );
        assert_eq!(cut(&[[11.0, 0.0], [12.0, 0.0], [12.0, 5.0]]), None);
        assert_eq!(cut(&[[10.0, 0.0], [12.0, 0.0], [10.0, 5.0]]), None);
    }

    proptest! {
        #[test]
        fn what_is_cut_lies_inside(points in proptest::collection::vec([-50f64..150.0, -50f64..150.0], 3..12)) {
            let size = frame(100.0, 80.0);
            let polygon = Polygon::try_from(points).unwrap();
            if let Some(cut) = clip_polygon(&polygon, size) {
                for &[x, y] in cut.points() {
                    prop_assert!((0.0..=100.0).contains(&x) && (0.0..=80.0).contains(&y), "{} {}", x, y);
                }
            }
        }
    }
}
