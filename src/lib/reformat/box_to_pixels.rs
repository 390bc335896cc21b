//! Maps boxes from the frame of their image to pixels of the downloaded file: scales, undoes the EXIF orientation, clips.

use crate::contracts::{BBox, BorrowedImage, Frame, Polygon};
use crate::pixels::Header;

/// On which image boxes were drawn, where its size does not show whether that was turned as EXIF says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ExifBoxes {
    /// On the image as stored, as programs see it that ignore EXIF
    #[default]
    Stored,
    /// On the image as rotated or mirrored by EXIF, as viewers show it
    Turned,
}

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
        let stored = [header.width, header.height].map(f64::from);
        let shown = match (exif, header.orientation) {
            (ExifBoxes::Turned, 5..=8) => [stored[1], stored[0]],
            _ => stored,
        };
        let in_pixels = image.in_pixels.then(|| Frame::try_from(shown).ok());
        let frame = image.frame.or(in_pixels.flatten())?;
        let mapping = Mapping::new(frame, header, exif);
        // Percentages of an image whose size no source knows fit every file.
        let is_share = frame == Frame::PERCENT && image.image.declared().is_none();
        Some(Mapping {
            fits: mapping.fits || is_share,
            is_decided: mapping.is_decided
                && (header.orientation == 1 || image.frame.is_some() && !is_share),
            ..mapping
        })
    }

    /// The mapping from a frame to a file. If the frame fits only the image as rotated by EXIF, the boxes were drawn on the
    /// image as a viewer showed it; if it fits only the stored one, on that. If it fits both, `exif` decides.
    pub fn new(frame: Frame, header: &Header, exif: ExifBoxes) -> Self {
        let file = Frame {
            width: header.width.into(),
            height: header.height.into(),
        };
        let is_sideways = (5..=8).contains(&header.orientation);
        let shown = match is_sideways {
            true => Frame {
                width: file.height,
                height: file.width,
            },
            false => file,
        };
        let (fits_stored, fits_shown) = (frame.has_shape_of(file), frame.has_shape_of(shown));
        let is_decided = header.orientation == 1 || fits_stored != fits_shown;
        let is_turned = match is_decided {
            true => header.orientation != 1 && fits_shown,
            false => exif == ExifBoxes::Turned,
        };
        let onto = if is_turned { shown } else { file };
        Mapping {
            scale: [onto.width / frame.width, onto.height / frame.height],
            orientation: if is_turned { header.orientation } else { 1 },
            fits: fits_stored || is_turned && fits_shown,
            is_decided,
            file,
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
        let [x, y] = [x * self.scale[0], y * self.scale[1]];
        let (width, height) = (self.file.width, self.file.height);
        match self.orientation {
            2 => [width - x, y],
            3 => [width - x, height - y],
            4 => [x, height - y],
            5 => [y, x],
            6 => [y, height - x],
            7 => [width - y, height - x],
            8 => [width - y, x],
            _ => [x, y],
        }
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

    fn header(width: u32, height: u32, orientation: u8) -> Header {
        Header {
            width,
            height,
            channels: 3,
            depth: 8,
            media_type: "image/jpeg",
            orientation,
            is_cmyk: false,
        }
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
            let mapping =
                Mapping::new(frame(fw, fh), &header(w, h, orientation), ExifBoxes::Stored);
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
            let of = |exif| {
                let frame = frame(w.into(), h.into());
                Mapping::new(frame, &header(w, h, orientation), exif)
            };
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
