//! Closed outlines: which of them enclose an area, which lie inside another, how several become one, what is left of one
//! inside a frame.

use super::shape::Shape;
use crate::contracts::{BBox, Frame, Polygon};

type Point = [f64; 2];

/// The largest number of tests of a point against an edge for finding holes: about a second of work. Of more, all count as
/// areas, and a hole adds nothing to the area around it.
const MAX_EDGE_TESTS: usize = 100_000_000;

/// The bounding box of some rings, and the one polygon that expresses them: rings inside another are holes, which are
/// dropped, and what remains is joined. None when no ring encloses an area.
pub fn shape(rings: Vec<Vec<Point>>) -> Option<Shape> {
    let mut polygons: Vec<(BBox, Polygon)> = Vec::new();
    for ring in rings {
        let polygon = Polygon::try_from(without_repeats(ring)).ok();
        let Some(polygon) = polygon.filter(|p| !is_flat(p.points())) else {
            continue;
        };
        let Ok(bbox) = BBox::around(polygon.points().iter().copied()) else {
            continue;
        };
        if !polygons.iter().any(|(_, other)| *other == polygon) {
            polygons.push((bbox, polygon));
        }
    }
    let corners = polygons
        .iter()
        .flat_map(|(b, _)| [[b.x, b.y], [b.right(), b.bottom()]]);
    let bbox = BBox::around(corners).ok()?;
    Some(Shape {
        bbox,
        polygon: joined(without_holes(polygons)),
        baseline: None,
    })
}

/// Drops points that repeat their predecessor.
fn without_repeats(mut ring: Vec<Point>) -> Vec<Point> {
    ring.dedup();
    ring
}

/// Whether all points lie on one straight line. Not the same as a shoelace area of 0: a bow tie has that too.
pub fn is_flat(points: &[Point]) -> bool {
    let Some((&a, rest)) = points.split_first() else {
        return true;
    };
    let square = |p: &Point| (p[0] - a[0]).powi(2) + (p[1] - a[1]).powi(2);
    let Some(b) = rest
        .iter()
        .copied()
        .max_by(|p, q| square(p).total_cmp(&square(q)))
    else {
        return true;
    };
    let length = square(&b).sqrt();
    rest.iter()
        .all(|p| cross(a, b, *p).abs() <= length * FLAT || length <= FLAT)
}

/// The height, in pixels, below which a ring counts as a line.
const FLAT: f64 = 1e-6;

fn cross(a: Point, b: Point, p: Point) -> f64 {
    (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
}

/// Those that do not lie inside another.
fn without_holes(polygons: Vec<(BBox, Polygon)>) -> Vec<Polygon> {
    let points: usize = polygons.iter().map(|(_, p)| p.points().len()).sum();
    let is_searched = polygons.len() > 1 && points * points <= MAX_EDGE_TESTS;
    let is_inside = |(b, p): &(BBox, Polygon), (around, ring): &(BBox, Polygon)| {
        b.x >= around.x
            && b.y >= around.y
            && b.right() <= around.right()
            && b.bottom() <= around.bottom()
            && p.points().iter().all(|&q| contains(ring.points(), q))
    };
    let is_hole = |n: usize| {
        let mut others = polygons.iter().enumerate().filter(|(m, _)| *m != n);
        others.any(|(_, other)| is_inside(&polygons[n], other))
    };
    let kept: Vec<bool> = (0..polygons.len())
        .map(|n| !(is_searched && is_hole(n)))
        .collect();
    let kept = polygons.into_iter().zip(kept).filter(|(_, kept)| *kept);
    kept.map(|((_, polygon), _)| polygon).collect()
}

/// Several rings as one polygon, as [`Polygon::parts`] takes it apart again: all turn the same way, and from the first point
/// of the first a line leads to each of the others and back.
fn joined(polygons: Vec<Polygon>) -> Option<Polygon> {
    let (first, others) = polygons.split_first()?;
    if others.is_empty() {
        return polygons.into_iter().next();
    }
    let mut points = clockwise(first);
    let start = points[0];
    for other in others {
        points.push(start);
        let ring = clockwise(other);
        points.extend(&ring);
        points.push(ring[0]);
    }
    // A part that touches the first point needs no line.
    points.dedup();
    Polygon::try_from(points).ok()
}

/// The points of a polygon, from its first, in the direction of a clock.
fn clockwise(polygon: &Polygon) -> Vec<Point> {
    let mut points = polygon.points().to_vec();
    if polygon.signed_area() < 0.0 {
        points[1..].reverse();
    }
    points
}

/// Whether a point lies inside a ring, by the even-odd rule.
fn contains(ring: &[Point], [x, y]: Point) -> bool {
    let next = ring.iter().cycle().skip(1);
    let crossings = ring
        .iter()
        .zip(next)
        .filter(|(a, b)| (a[1] > y) != (b[1] > y))
        .filter(|(a, b)| x < a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]));
    crossings.count() % 2 == 1
}

/// The part of a polygon inside a frame, in pixels, whose upper left corner is the origin. By Sutherland and Hodgman: an
/// outline that leaves the frame and returns is joined along the edge. None when no area is left.
pub fn clip(polygon: &Polygon, frame: Frame) -> Option<Polygon> {
    let edges: [(usize, f64, f64); 4] = [
        (0, 1.0, 0.0),
        (0, -1.0, -frame.width),
        (1, 1.0, 0.0),
        (1, -1.0, -frame.height),
    ];
    let mut points = polygon.points().to_vec();
    for (axis, sign, limit) in edges {
        points = cut(&points, axis, sign, limit);
    }
    Polygon::try_from(without_repeats(points))
        .ok()
        .filter(|p| !is_flat(p.points()))
}

/// The points of a ring on the side of a line where `sign · point[axis] >= limit`, with the points where it crosses.
fn cut(ring: &[Point], axis: usize, sign: f64, limit: f64) -> Vec<Point> {
    let depth = |p: Point| sign * p[axis] - limit;
    let mut kept = Vec::with_capacity(ring.len());
    for (i, &b) in ring.iter().enumerate() {
        let a = ring[(i + ring.len() - 1) % ring.len()];
        if (depth(a) >= 0.0) != (depth(b) >= 0.0) {
            let t = depth(a) / (depth(a) - depth(b));
            let mut p = [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
            // Exactly on the line, whatever the rounding.
            p[axis] = sign * limit;
            kept.push(p);
        }
        if depth(b) >= 0.0 {
            kept.push(b);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: f64, y: f64, side: f64) -> Vec<Point> {
        vec![[x, y], [x + side, y], [x + side, y + side], [x, y + side]]
    }

    #[test]
    fn several_rings_are_one_polygon_of_as_many_parts() {
        let cases = [
            ("one", vec![square(0.0, 0.0, 10.0)], vec![100.0]),
            (
                "a hole",
                vec![square(2.0, 2.0, 3.0), square(0.0, 0.0, 10.0)],
                vec![100.0],
            ),
            (
                "the same twice",
                vec![square(0.0, 0.0, 10.0), square(0.0, 0.0, 10.0)],
                vec![100.0],
            ),
            (
                "apart",
                vec![square(0.0, 0.0, 10.0), square(20.0, 0.0, 5.0)],
                vec![100.0, 25.0],
            ),
            (
                "apart, turning the other way, one with a hole",
                vec![
                    square(20.0, 0.0, 5.0),
                    square(0.0, 0.0, 10.0).into_iter().rev().collect(),
                    square(1.0, 1.0, 2.0),
                    square(50.0, 0.0, 2.0),
                ],
                vec![25.0, 100.0, 4.0],
            ),
            (
                "overlapping",
                vec![square(0.0, 0.0, 10.0), square(8.0, 8.0, 5.0)],
                vec![100.0, 25.0],
            ),
        ];
        for (name, rings, areas) in cases {
            let polygon = shape(rings).unwrap().polygon.unwrap();
            let parts: Vec<f64> = polygon.parts().iter().map(Polygon::area).collect();
            assert_eq!(parts, areas, "{name}");
            assert_eq!(polygon.area(), areas.iter().sum::<f64>(), "{name}");
            // Taken apart and joined again it is the same.
            let rings = polygon
                .parts()
                .iter()
                .map(|p| p.points().to_vec())
                .collect();
            assert_eq!(shape(rings).unwrap().polygon, Some(polygon), "{name}");
        }
    }

    #[test]
    fn a_line_encloses_nothing_and_a_bow_tie_something() {
        let line = vec![[0.0, 0.0], [5.0, 5.0], [10.0, 10.0]];
        assert_eq!(shape(vec![line]), None);
        let bow_tie = vec![[0.0, 0.0], [10.0, 10.0], [10.0, 0.0], [0.0, 10.0]];
        assert!(shape(vec![bow_tie]).is_some());
    }

    #[test]
    fn polygons_are_clipped_to_the_frame_or_vanish() {
        let frame = Frame {
            width: 10.0,
            height: 10.0,
        };
        let polygon = |points| Polygon::try_from(points).unwrap();
        let inside = polygon(square(1.0, 1.0, 5.0));
        assert_eq!(clip(&inside, frame), Some(inside));
        let corner = clip(&polygon(square(-5.0, -5.0, 10.0)), frame).unwrap();
        assert_eq!(corner.area(), 25.0);
        assert_eq!(clip(&polygon(square(10.0, 0.0, 5.0)), frame), None);
        // Of two parts the one that is left, or what is left of both.
        for (second, areas) in [
            (square(20.0, 2.0, 5.0), vec![9.0]),
            (square(8.0, 2.0, 4.0), vec![9.0, 8.0]),
        ] {
            let two = shape(vec![square(1.0, 1.0, 3.0), second]).unwrap();
            let left = clip(&two.polygon.unwrap(), frame).unwrap();
            let parts: Vec<f64> = left.parts().iter().map(Polygon::area).collect();
            assert_eq!(parts, areas);
        }
    }
}
