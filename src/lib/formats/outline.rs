//! Outlines of several rings: what any part encloses, without what holes in it enclose; a part within a hole is an island. A ring
//! that crosses itself encloses by the even-odd rule, and becomes several where these lie side by side, as those of a bow tie do.

use std::borrow::Cow;

use i_overlay::core::fill_rule::FillRule;
use i_overlay::core::overlay_rule::OverlayRule;
use i_overlay::float::overlay::FloatOverlay;
use i_overlay::float::simplify::SimplifyShape;

use crate::contracts::Polygon;

/// An outline in pixels: rings that are closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    rings: Rings,
    /// The same in rings that neither cross nor lie over each other, where its own ones do.
    disjoint: Option<Rings>,
    area: f64,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Rings {
    /// What is inside any of them belongs to the outline.
    parts: Vec<Polygon>,
    /// What is inside any of them does not, but for smaller parts.
    holes: Vec<Polygon>,
}

impl Outline {
    /// An outline of parts and holes; none without parts.
    pub fn new(mut parts: Vec<Polygon>, holes: Vec<Polygon>) -> Option<Self> {
        if parts.len() == 1 && holes.is_empty() {
            return parts.pop().map(Outline::of_ring);
        }
        let parts: Vec<Polygon> = parts.into_iter().flat_map(apart).collect();
        (!parts.is_empty()).then(|| Outline::of(Rings { parts, holes }))
    }

    /// Most outlines are one ring, of which it is found out once what it encloses.
    fn of_ring(ring: Polygon) -> Self {
        let found = Rings::of(simplify(&ring));
        let area = found.area();
        let rings = match found.is_side_by_side() {
            true => found.clone(),
            false => Rings {
                parts: vec![ring],
                holes: Vec::new(),
            },
        };
        Outline {
            disjoint: (!found.is_like(&rings)).then_some(found),
            rings,
            area,
        }
    }

    fn of(rings: Rings) -> Self {
        let (own, crossed) = (rings.area(), rings.crossed());
        // Where parts and holes lie within each other by turns, an odd number of them encloses the outline.
        let disjoint = match (crossed.area() - own).abs() <= 1e-6 * own {
            true => crossed,
            false => rings.disjoint(),
        };
        let area = disjoint.area();
        Outline {
            disjoint: (!disjoint.is_like(&rings)).then_some(disjoint),
            rings,
            area,
        }
    }

    /// Rings without holes in them, side by side.
    pub fn parts(&self) -> &[Polygon] {
        &self.rings.parts
    }

    /// Rings inside the parts, which do not belong to the outline.
    pub fn holes(&self) -> &[Polygon] {
        &self.rings.holes
    }

    /// All rings.
    pub fn rings(&self) -> impl Iterator<Item = &Polygon> {
        self.rings.all()
    }

    /// All parts as one polygon, as it stands in contracts; holes are left out.
    pub fn joined(&self) -> Polygon {
        Polygon::joined(&self.rings.parts)
    }

    /// Whether a list of polygons, of which readers paint each, can express it.
    pub fn is_plain(&self) -> bool {
        self.rings.holes.is_empty()
    }

    /// Its area in square pixels: what several rings enclose counts once.
    pub fn area(&self) -> f64 {
        self.area
    }

    /// The same outline in rings whose lines neither cross nor lie over each other, for readers that take what an odd number of
    /// rings encloses. Its own rings where they are such.
    pub fn disjoint(&self) -> Cow<'_, Outline> {
        match &self.disjoint {
            None => Cow::Borrowed(self),
            Some(rings) => Cow::Owned(Outline {
                rings: rings.clone(),
                disjoint: None,
                area: self.area,
            }),
        }
    }

    /// The pixels whose centres it encloses, in runs: pixels outside, inside, outside…, down each column from the left.
    pub fn runs(&self, width: u32, height: u32) -> Vec<u32> {
        let rings = self.disjoint.as_ref().unwrap_or(&self.rings);
        let edges: Vec<Edge> = rings.all().flat_map(edges).collect();
        let (mut runs, mut run, mut is_inside) = (Vec::new(), 0u64, false);
        for x in 0..width {
            let x = f64::from(x) + 0.5;
            let mut ys: Vec<f64> = edges.iter().filter_map(|edge| edge.y_at(x)).collect();
            ys.sort_by(f64::total_cmp);
            let mut y = 0;
            for pair in ys.as_chunks::<2>().0 {
                let row = |v: f64| (v - 0.5).ceil().clamp(0.0, f64::from(height)) as u32;
                let (top, bottom) = (row(pair[0]).max(y), row(pair[1]));
                if bottom <= top {
                    continue;
                }
                for (inside, n) in [(false, top - y), (true, bottom - top)] {
                    push(&mut runs, &mut run, &mut is_inside, inside, n);
                }
                y = bottom;
            }
            push(&mut runs, &mut run, &mut is_inside, false, height - y);
        }
        runs.push(u32::try_from(run).unwrap_or(u32::MAX));
        runs
    }
}

impl Rings {
    fn all(&self) -> impl Iterator<Item = &Polygon> {
        self.parts.iter().chain(&self.holes)
    }

    /// The area of the parts less that of the holes.
    fn area(&self) -> f64 {
        let sum = |rings: &[Polygon]| rings.iter().map(Polygon::area).sum::<f64>();
        sum(&self.parts) - sum(&self.holes)
    }

    /// Whether they are several, without holes.
    fn is_side_by_side(&self) -> bool {
        self.parts.len() > 1 && self.holes.is_empty()
    }

    /// Whether these are the rings of others, but for the points at which they begin: as many, around the same area.
    fn is_like(&self, other: &Rings) -> bool {
        let counts = |rings: &Rings| (rings.parts.len(), rings.holes.len());
        let area = other.area();
        counts(self) == counts(other) && (self.area() - area).abs() <= 1e-6 * area
    }

    /// Rings around what an odd number of these encloses.
    fn crossed(&self) -> Rings {
        let rings: Vec<&[Point]> = self.all().map(Polygon::points).collect();
        Rings::of(rings.simplify_shape_as::<i64>(FillRule::EvenOdd))
    }

    /// Rings around what these enclose: from the largest to the smallest, each adds what it encloses or takes it away.
    fn disjoint(&self) -> Rings {
        let part = self.parts.iter().map(|ring| (ring, OverlayRule::Union));
        let hole = self
            .holes
            .iter()
            .map(|ring| (ring, OverlayRule::Difference));
        let mut rings: Vec<_> = part.chain(hole).collect();
        rings.sort_by(|(a, _), (b, _)| b.area().total_cmp(&a.area()));
        let by_turns = |rings: &[(&Polygon, OverlayRule)]| {
            let mut shapes: Vec<Shape> = Vec::new();
            for same in rings.chunk_by(|(_, a), (_, b)| a == b) {
                let clip: Vec<Shape> = same.iter().flat_map(|(ring, _)| simplify(ring)).collect();
                shapes = FloatOverlay::<Point, i64>::from_subj_and_clip(&shapes, &clip)
                    .overlay(same[0].1, FillRule::NonZero);
            }
            shapes
        };
        // Each turn takes the time of all rings before it.
        if rings.chunk_by(|(_, a), (_, b)| a == b).count() > MOST_TURNS {
            rings.sort_by_key(|(_, rule)| *rule != OverlayRule::Union);
        }
        let shapes = by_turns(&rings);
        Rings::of(shapes)
    }

    fn of(shapes: Vec<Shape>) -> Rings {
        let mut rings = Rings::default();
        for shape in shapes {
            let mut shape = shape.into_iter().map(polygon);
            rings.parts.extend(shape.next().flatten());
            rings.holes.extend(shape.flatten());
        }
        rings
    }
}

/// Of outlines whose parts and holes take turns more often, and lie over each other, all holes are cut out of all parts.
const MOST_TURNS: usize = 200;

/// A ring that crosses itself as the rings that it consists of, if these lie side by side.
fn apart(ring: Polygon) -> Vec<Polygon> {
    let found = Rings::of(simplify(&ring));
    match found.is_side_by_side() {
        true => found.parts,
        false => vec![ring],
    }
}

type Point = [f64; 2];

/// Rings that belong together: the outer one, then those of its holes.
type Shape = Vec<Vec<Point>>;

/// What a ring encloses by the even-odd rule.
fn simplify(ring: &Polygon) -> Vec<Shape> {
    ring.points().simplify_shape_as::<i64>(FillRule::EvenOdd)
}

/// A ring without what a calculation on a grid has added behind the ninth decimal place; none without extent.
fn polygon(ring: Vec<Point>) -> Option<Polygon> {
    let rounded = |v: f64| (v * 1e9).round() / 1e9;
    let points: Vec<Point> = ring.into_iter().map(|point| point.map(rounded)).collect();
    Polygon::try_from(points).ok()
}

fn push(runs: &mut Vec<u32>, run: &mut u64, is_inside: &mut bool, inside: bool, n: u32) {
    if n == 0 {
        return;
    }
    if inside != *is_inside {
        runs.push(u32::try_from(*run).unwrap_or(u32::MAX));
        (*run, *is_inside) = (0, inside);
    }
    *run += u64::from(n);
}

#[derive(Clone, Copy)]
struct Edge {
    from: [f64; 2],
    to: [f64; 2],
}

impl Edge {
    /// Where it meets a vertical line.
    fn y_at(&self, x: f64) -> Option<f64> {
        let ([x0, y0], [x1, y1]) = (self.from, self.to);
        ((x0 > x) != (x1 > x)).then(|| y0 + (x - x0) / (x1 - x0) * (y1 - y0))
    }
}

fn edges(ring: &Polygon) -> impl Iterator<Item = Edge> {
    let points = ring.points();
    let next = points.iter().cycle().skip(1);
    points
        .iter()
        .zip(next)
        .map(|(&from, &to)| Edge { from, to })
}

/// Runs as the text in which COCO's tools write them: differences to the run before the last, five bits at a time.
pub fn compressed(runs: &[u32]) -> String {
    let mut text = String::new();
    for (i, run) in runs.iter().enumerate() {
        let before = if i > 2 { runs[i - 2] } else { 0 };
        let mut value = i64::from(*run) - i64::from(before);
        loop {
            let mut bits = (value & 0x1f) as u8;
            value >>= 5;
            let is_last = match bits & 0x10 {
                0 => value == 0,
                _ => value == -1,
            };
            if !is_last {
                bits |= 0x20;
            }
            text.push(char::from(bits + 48));
            if is_last {
                break;
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::BBox;
    use proptest::prelude::*;

    fn ring(points: &[[f64; 2]]) -> Polygon {
        Polygon::try_from(points.to_vec()).unwrap()
    }

    fn square(from: f64, to: f64) -> Polygon {
        ring(&[[from, from], [to, from], [to, to], [from, to]])
    }

    #[test]
    fn areas_are_those_of_what_readers_paint() {
        let bow = ring(&[[0.0, 0.0], [10.0, 10.0], [10.0, 0.0], [0.0, 10.0]]);
        let apart = ring(&[[20.0, 0.0], [30.0, 0.0], [30.0, 5.0], [20.0, 5.0]]);
        let cases = [
            (vec![square(0.0, 10.0)], vec![], 100.0, 100),
            (vec![square(0.0, 10.0)], vec![square(2.0, 8.0)], 64.0, 64),
            (vec![square(0.0, 10.0), apart], vec![], 150.0, 150),
            // Parts that overlap, a hole that leaves its part, holes that overlap.
            (vec![square(0.0, 6.0), square(3.0, 9.0)], vec![], 63.0, 63),
            (vec![square(0.0, 6.0)], vec![square(3.0, 9.0)], 27.0, 27),
            (
                vec![square(0.0, 9.0)],
                vec![square(1.0, 4.0), square(3.0, 5.0)],
                69.0,
                69,
            ),
            // An island in a hole, and one with a hole of its own.
            (
                vec![square(0.0, 9.0), square(3.0, 6.0)],
                vec![square(1.0, 8.0)],
                41.0,
                41,
            ),
            (
                vec![square(3.0, 7.0), square(0.0, 10.0)],
                vec![square(4.0, 6.0), square(2.0, 8.0)],
                76.0,
                76,
            ),
            // Half of its pixels' centres lie on its lines or outside.
            (vec![bow], vec![], 50.0, 50),
            (vec![square(0.5, 1.5)], vec![], 1.0, 1),
        ];
        for (parts, holes, area, pixels) in cases {
            let outline = Outline::new(parts, holes).unwrap();
            assert!((outline.area() - area).abs() < 1e-9, "{outline:?}");
            let runs = outline.runs(40, 12);
            let inside: u32 = runs.iter().skip(1).step_by(2).sum();
            assert!(inside.abs_diff(pixels) <= 10, "{outline:?} {inside}");
            assert_eq!(runs.iter().sum::<u32>(), 40 * 12);
        }
    }

    #[test]
    fn runs_are_packed_as_cocos_tools_pack_them() {
        // Encoded by pycocotools from masks with these runs.
        let cases: [(&[u32], &str); 3] = [
            (&[6, 1, 40, 4, 5, 4, 5, 4, 21], "61X13mN000`0"),
            (&[0, 100], "0T3"),
            (&[25, 50, 25], "i0b1i0"),
        ];
        for (runs, text) in cases {
            assert_eq!(compressed(runs), text, "{runs:?}");
        }
    }

    #[test]
    fn a_bow_tie_is_two_rings() {
        let bow = ring(&[[0.0, 0.0], [10.0, 10.0], [10.0, 0.0], [0.0, 10.0]]);
        let outline = Outline::new(vec![bow.clone(), square(20.0, 30.0)], Vec::new()).unwrap();
        let areas: Vec<f64> = outline.parts().iter().map(Polygon::area).collect();
        assert_eq!(areas, [25.0, 25.0, 100.0]);
        let corner = |part: &Polygon| part.points().contains(&[5.0, 5.0]);
        assert!(outline.parts()[..2].iter().all(corner), "{outline:?}");
        // The middle of a pentagram is outside by the even-odd rule: its tips are left, which touch.
        let tip = |n: f64| {
            [
                10.0 + 10.0 * (n * 0.8 * std::f64::consts::PI).sin(),
                10.0 - 10.0 * (n * 0.8 * std::f64::consts::PI).cos(),
            ]
        };
        let star = ring(&[0.0, 1.0, 2.0, 3.0, 4.0].map(tip));
        let star = Outline::new(vec![star], Vec::new()).unwrap();
        assert_eq!(star.parts().len(), 5);
        assert!(star.parts().iter().all(|part| part.points().len() == 3));
        // Where even-odd leaves a hole, readers that fill by it see the hole in the one ring.
        let loops = [
            [0.0, 0.0],
            [9.0, 0.0],
            [9.0, 9.0],
            [0.0, 9.0],
            [0.0, 0.0],
            [3.0, 3.0],
            [6.0, 3.0],
            [6.0, 6.0],
            [3.0, 6.0],
            [3.0, 3.0],
        ];
        let (keyhole, plain) = (ring(&loops), square(0.0, 5.0));
        for whole in [keyhole, plain] {
            let outline = Outline::new(vec![whole.clone()], Vec::new()).unwrap();
            assert_eq!(outline.parts(), [whole]);
        }
    }

    #[test]
    fn thousands_of_rings_that_overlap_by_turns_take_no_turns() {
        let shifted = |n: f64, side: f64| square(n * 0.01, n * 0.01 + side);
        let parts = (0..2000).map(|n| shifted(f64::from(n), 190.0 - f64::from(n) * 0.05));
        let holes = (0..2000).map(|n| shifted(f64::from(n) + 1.0, 189.9 - f64::from(n) * 0.05));
        let outline = Outline::new(parts.collect(), holes.collect()).unwrap();
        let inside: u32 = outline.runs(200, 200).iter().skip(1).step_by(2).sum();
        assert!(
            (f64::from(inside) - outline.area()).abs() <= 900.0,
            "{inside} {}",
            outline.area()
        );
    }

    #[test]
    fn rings_that_overlap_are_said_in_rings_that_do_not() {
        let of = |parts, holes| Outline::new(parts, holes).unwrap().disjoint().into_owned();
        let two = of(vec![square(0.0, 6.0), square(3.0, 9.0)], vec![]);
        assert_eq!((two.parts().len(), two.holes().len()), (1, 0));
        assert_eq!(two.parts()[0].points().len(), 8);
        assert_eq!(two.parts()[0].area(), 63.0);
        // A hole that leaves its part is a dent; a hole in what two parts share is one hole.
        let dented = of(vec![square(0.0, 6.0)], vec![square(3.0, 9.0)]);
        assert_eq!((dented.parts().len(), dented.holes().len()), (1, 0));
        let shared = of(
            vec![square(0.0, 6.0), square(3.0, 9.0)],
            vec![square(4.0, 5.0)],
        );
        assert_eq!((shared.parts().len(), shared.holes().len()), (1, 1));
        let hole = BBox::around(shared.holes()[0].points().iter().copied()).unwrap();
        assert_eq!(
            [hole.x, hole.y, hole.width, hole.height],
            [4.0, 4.0, 1.0, 1.0]
        );
        // What is drawn without overlap stays as it is drawn.
        let drawn = (
            vec![square(20.0, 30.0), square(0.0, 9.0)],
            vec![square(1.0, 2.0)],
        );
        let kept = of(drawn.0.clone(), drawn.1.clone());
        assert_eq!((kept.parts(), kept.holes()), (&drawn.0[..], &drawn.1[..]));
    }

    proptest! {
        #[test]
        fn rings_apart_enclose_what_the_ring_does(points in proptest::collection::vec([0f64..60.0, 0f64..60.0], 3..7)) {
            let ring = Polygon::try_from(points);
            prop_assume!(ring.is_ok());
            let parts = vec![ring.unwrap()];
            let apart = Outline::new(parts.clone(), Vec::new()).unwrap();
            let whole = Outline::of(Rings { parts, holes: Vec::new() });
            prop_assert!((whole.area() - apart.area()).abs() <= 1e-3);
            let differing = whole.runs(60, 60).iter().zip(apart.runs(60, 60)).any(|(a, b)| a.abs_diff(b) > 1);
            prop_assert!(!differing);
        }

        #[test]
        fn pixels_and_area_agree(points in proptest::collection::vec([0f64..60.0, 0f64..60.0], 3..9)) {
            let ring = Polygon::try_from(points);
            prop_assume!(ring.is_ok());
            let outline = Outline::new(vec![ring.unwrap()], Vec::new()).unwrap();
            let inside: u32 = outline.runs(60, 60).iter().skip(1).step_by(2).sum();
            let length: f64 = outline.rings().flat_map(edges)
                .map(|e| (e.to[0] - e.from[0]).hypot(e.to[1] - e.from[1])).sum();
            prop_assert!((f64::from(inside) - outline.area()).abs() <= length + 2.0);
        }
    }
}
