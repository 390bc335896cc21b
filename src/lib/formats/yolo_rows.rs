//! The rows of YOLO's label files: boxes, outlines, and boxes that are turned. Everything is relative to the image, with ten
//! decimals: with six, large scans are off by pixels. Pure.

use std::fmt::Write as _;

use super::dataset::{DatasetBox, DatasetImage};
use super::outline::Outline;

type Point = [f64; 2];

/// `class cx cy w h`.
pub fn detection(rows: &mut String, p: &DatasetImage, b: &DatasetBox) {
    let (width, height) = (f64::from(p.width), f64::from(p.height));
    let centre = (
        b.bbox.x + b.bbox.width / 2.0,
        b.bbox.y + b.bbox.height / 2.0,
    );
    let _ = writeln!(
        rows,
        "{} {:.10} {:.10} {:.10} {:.10}",
        b.class,
        centre.0 / width,
        centre.1 / height,
        b.bbox.width / width,
        b.bbox.height / height
    );
}

/// `class x1 y1 x2 y2 …`: the outline as one ring; of a box without outline its corners.
pub fn segment(rows: &mut String, p: &DatasetImage, b: &DatasetBox) {
    let points = match &b.outline {
        Some(outline) => one_ring(outline),
        None => corners(b).to_vec(),
    };
    points_row(rows, p, b.class, &points);
}

/// `class x1 y1 x2 y2 x3 y3 x4 y4`: the smallest rectangle around the outline that lies within the image, rotated as needed; of a
/// box without outline its corners.
pub fn turned(rows: &mut String, p: &DatasetImage, b: &DatasetBox) {
    let within = smallest_within(p, b);
    let points = within.map_or_else(|| corners(b), |(_, rectangle)| rectangle);
    points_row(rows, p, b.class, &points);
}

/// Whether the smallest rectangle around an outline leaves the image, so that a larger one stands for it.
pub fn is_enlarged(p: &DatasetImage, b: &DatasetBox) -> bool {
    let Some((least, _)) = smallest_rectangle(&points_of(b), |_| true) else {
        return false;
    };
    smallest_within(p, b).is_none_or(|(area, _)| area > least * 1.001)
}

/// The smallest rectangle with all corners on the image: readers drop what has corners outside, and what is clamped is no rectangle
/// any more.
fn smallest_within(p: &DatasetImage, b: &DatasetBox) -> Option<(f64, [Point; 4])> {
    let within = |value: f64, side: u32| (-1e-6..=f64::from(side) + 1e-6).contains(&value);
    smallest_rectangle(&points_of(b), |[x, y]| {
        within(x, p.width) && within(y, p.height)
    })
}

fn points_of(b: &DatasetBox) -> Vec<Point> {
    let parts = b.outline.iter().flat_map(|outline| outline.parts());
    parts.flat_map(|part| part.points()).copied().collect()
}

fn points_row(rows: &mut String, p: &DatasetImage, class: usize, points: &[Point]) {
    let _ = write!(rows, "{class}");
    for [x, y] in points {
        let (x, y) = (x / f64::from(p.width), y / f64::from(p.height));
        let _ = write!(rows, " {:.10} {:.10}", x.clamp(0.0, 1.0), y.clamp(0.0, 1.0));
    }
    rows.push('\n');
}

fn corners(b: &DatasetBox) -> [Point; 4] {
    let b = &b.bbox;
    [
        [b.x, b.y],
        [b.right(), b.y],
        [b.right(), b.bottom()],
        [b.x, b.bottom()],
    ]
}

/// An outline as one ring: a line leads to each other part and to each hole, and the same way back, so that it encloses
/// nothing. Holes turn against the parts. Parts that overlap are one, since readers take what an odd number of lines encloses.
pub fn one_ring(outline: &Outline) -> Vec<Point> {
    let mut ring: Vec<Point> = Vec::new();
    let outline = outline.disjoint();
    let parts = outline.parts().iter().map(|part| (part, false));
    let holes = outline.holes().iter().map(|hole| (hole, true));
    for (polygon, is_hole) in parts.chain(holes) {
        let mut points = polygon.points().to_vec();
        if (polygon.signed_area() < 0.0) != is_hole {
            points.reverse();
        }
        if ring.is_empty() {
            ring = points;
            continue;
        }
        let (at, to) = nearest(&ring, &points);
        points.rotate_left(to);
        points.push(points[0]);
        let from = ring[at];
        let way: Vec<Point> = points.into_iter().chain([from]).collect();
        ring.splice(at + 1..at + 1, way);
    }
    ring
}

/// The places of the two points, one of each ring, that are nearest to each other; of long rings every so manieth is tried.
fn nearest(ring: &[Point], other: &[Point]) -> (usize, usize) {
    const MOST: usize = 500;
    let step = |n: usize| n.div_ceil(MOST).max(1);
    let mut best = (f64::INFINITY, 0, 0);
    for (at, a) in ring.iter().enumerate().step_by(step(ring.len())) {
        for (to, b) in other.iter().enumerate().step_by(step(other.len())) {
            let distance = (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
            if distance < best.0 {
                best = (distance, at, to);
            }
        }
    }
    (best.1, best.2)
}

/// Area and corners of the rectangle of least area around some points whose corners may all be used: one of its sides lies along a
/// side of their hull, or upright.
fn smallest_rectangle(
    points: &[Point],
    may_be: impl Fn(Point) -> bool,
) -> Option<(f64, [Point; 4])> {
    let hull = hull(points);
    if hull.len() < 3 {
        return None;
    }
    let sides = hull.iter().zip(hull.iter().cycle().skip(1));
    let directions = sides.map(|(a, b)| [b[0] - a[0], b[1] - a[1]]);
    let rectangles = directions
        .chain([[1.0, 0.0]])
        .filter_map(|direction| along(&hull, direction))
        .filter(|(_, corners)| corners.iter().all(|corner| may_be(*corner)));
    rectangles.reduce(|best, other| match other.0 < best.0 - 1e-9 {
        true => other,
        false => best,
    })
}

/// The rectangle around a hull whose sides have a direction: its area and corners.
fn along(hull: &[Point], direction: Point) -> Option<(f64, [Point; 4])> {
    let length = direction[0].hypot(direction[1]);
    if length == 0.0 {
        return None;
    }
    let [u, v] = [direction[0] / length, direction[1] / length];
    let ends = |axis: Point| {
        let places = hull.iter().map(|p| p[0] * axis[0] + p[1] * axis[1]);
        places.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| {
            (low.min(p), high.max(p))
        })
    };
    let ((left, right), (top, bottom)) = (ends([u, v]), ends([-v, u]));
    let point = |along: f64, across: f64| [along * u - across * v, along * v + across * u];
    let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
    let area = (right - left) * (bottom - top);
    Some((area, corners.map(|(along, across)| point(along, across))))
}

/// The convex hull, by Andrew's monotone chain.
fn hull(points: &[Point]) -> Vec<Point> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    sorted.dedup();
    let chain = |points: &mut dyn Iterator<Item = Point>| {
        let mut chain: Vec<Point> = Vec::new();
        for p in points {
            while let [.., a, b] = chain[..] {
                let turn = (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]);
                if turn > 0.0 {
                    break;
                }
                chain.pop();
            }
            chain.push(p);
        }
        chain.pop();
        chain
    };
    let mut hull = chain(&mut sorted.iter().copied());
    hull.extend(chain(&mut sorted.iter().rev().copied()));
    hull
}

/// Whether an outline is more than one ring can say without lines that lead to and fro.
pub fn has_bridges(outline: &Outline) -> bool {
    outline.disjoint().rings().nth(1).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::Polygon;

    fn polygon(points: &[Point]) -> Polygon {
        Polygon::try_from(points.to_vec()).unwrap()
    }

    #[test]
    fn a_ring_with_bridges_encloses_what_the_outline_does() {
        let square =
            |from: f64, to: f64| polygon(&[[from, from], [to, from], [to, to], [from, to]]);
        let cases = [
            (vec![square(0.0, 10.0)], vec![], 100.0),
            (vec![square(0.0, 10.0)], vec![square(2.0, 8.0)], 64.0),
            (
                vec![square(0.0, 10.0), square(20.0, 22.0)],
                vec![square(2.0, 8.0)],
                68.0,
            ),
            (vec![square(0.0, 6.0), square(3.0, 9.0)], vec![], 63.0),
        ];
        for (parts, holes, area) in cases {
            let outline = Outline::new(parts, holes).unwrap();
            let ring = polygon(&one_ring(&outline));
            assert!((ring.area() - area).abs() < 1e-9, "{ring:?}");
        }
    }

    #[test]
    fn rectangles_turn_with_what_is_in_them() {
        let turned = |angle: f64| -> Vec<Point> {
            let (sin, cos) = angle.sin_cos();
            let corners = [
                [0.0, 0.0],
                [40.0, 0.0],
                [40.0, 10.0],
                [20.0, 10.0],
                [0.0, 10.0],
            ];
            corners
                .map(|[x, y]| [50.0 + x * cos - y * sin, 50.0 + x * sin + y * cos])
                .into()
        };
        for degrees in [0, 10, 45, 77] {
            let (_, corners) =
                smallest_rectangle(&turned(f64::from(degrees).to_radians()), |_| true).unwrap();
            assert!(
                (polygon(&corners).area() - 400.0).abs() < 1e-6,
                "{degrees}: {corners:?}"
            );
        }
        assert_eq!(
            smallest_rectangle(&[[1.0, 1.0], [1.0, 1.0]], |_| true),
            None
        );
        // The corner of an image that a turned shape fills: only the upright rectangle has no corner outside.
        let corner = [[0.0, 0.0], [30.0, 0.0], [0.0, 20.0]];
        let inside = |[x, y]: Point| x >= -1e-9 && y >= -1e-9;
        let (_, mut corners) = smallest_rectangle(&corner, inside).unwrap();
        corners.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(
            corners,
            [[0.0, 0.0], [0.0, 20.0], [30.0, 0.0], [30.0, 20.0]]
        );
    }
}
