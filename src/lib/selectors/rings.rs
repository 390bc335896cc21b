//! Closed outlines: which of them enclose an area, which are holes in another, how several become one, what is left of one
//! inside a frame.

use i_overlay::core::fill_rule::FillRule;
use i_overlay::float::simplify::SimplifyShape as _;

use super::shape::Shape;
use crate::contracts::{BBox, Frame, Polygon};

type Point = [f64; 2];

/// The largest number of tests of a point against an edge for finding holes: about a second of work. Of more, all count as
/// areas.
const MAX_EDGE_TESTS: usize = 100_000_000;

/// A closed ring of a path.
#[derive(Clone, Debug)]
pub struct Ring {
    /// Its points; the last is joined to the first.
    pub points: Vec<Point>,
    /// Which path it is of: only within a path can a ring be a hole.
    pub path: usize,
    /// Whether the path is filled by the even-odd rule, and not by that of winding (SVG 2, section 13.3.2).
    pub is_even_odd: bool,
}

/// The bounding box of some rings, the one polygon that expresses those that enclose an area, joined, and the holes in it.
/// None when no ring encloses an area.
pub fn shape(rings: Vec<Ring>) -> Option<Shape> {
    let mut areas: Vec<Area> = Vec::new();
    for ring in rings {
        let polygon = Polygon::try_from(without_repeats(ring.points)).ok();
        let Some(polygon) = polygon.filter(|p| !is_flat(p.points())) else {
            continue;
        };
        let Ok(bbox) = BBox::around(polygon.points().iter().copied()) else {
            continue;
        };
        if !areas.iter().any(|other| other.polygon == polygon) {
            areas.push(Area {
                bbox,
                polygon,
                path: ring.path,
                is_even_odd: ring.is_even_odd,
            });
        }
    }
    let areas: Vec<Area> = areas
        .chunk_by(|a, b| a.path == b.path)
        .flat_map(|path| by_rule(path).unwrap_or_else(|| path.to_vec()))
        .collect();
    let corners = areas
        .iter()
        .flat_map(|a| [[a.bbox.x, a.bbox.y], [a.bbox.right(), a.bbox.bottom()]]);
    let bbox = BBox::around(corners).ok()?;
    let (parts, holes) = parts_and_holes(areas);
    Some(Shape {
        bbox,
        polygon: Some(Polygon::joined(&parts)).filter(|_| !parts.is_empty()),
        holes,
        baseline: None,
    })
}

/// A ring that encloses an area.
#[derive(Clone)]
struct Area {
    bbox: BBox,
    polygon: Polygon,
    path: usize,
    is_even_odd: bool,
}

impl Area {
    fn is_inside(&self, around: &Area) -> bool {
        self.bbox.x >= around.bbox.x
            && self.bbox.y >= around.bbox.y
            && self.bbox.right() <= around.bbox.right()
            && self.bbox.bottom() <= around.bbox.bottom()
            && (self.polygon.points().iter()).all(|&p| contains(around.polygon.points(), p))
    }

    /// What it adds to the winding number of the points in it.
    fn turn(&self) -> i32 {
        match self.polygon.signed_area() < 0.0 {
            true => -1,
            false => 1,
        }
    }

    /// Whether points are filled around which a path winds that often, by so many rings.
    fn fills(&self, rings: usize, winding: i32) -> bool {
        match self.is_even_odd {
            true => rings % 2 == 1,
            false => winding != 0,
        }
    }
}

/// The rings around what the rule of a path fills, where its own rings cross themselves or each other, so that what they
/// enclose by turns is not that. None where it is, or where the path has too many points to find out.
fn by_rule(path: &[Area]) -> Option<Vec<Area>> {
    let rings: Vec<&[Point]> = path.iter().map(|a| a.polygon.points()).collect();
    let points: usize = rings.iter().map(|ring| ring.len()).sum();
    // Of four points in one ring both rules fill the same.
    if points < 5 || points * points > MAX_EDGE_TESTS {
        return None;
    }
    let (is_even_odd, number) = (path[0].is_even_odd, path[0].path);
    let area = |polygons: &[Polygon]| polygons.iter().map(Polygon::signed_area).sum::<f64>().abs();
    // What crosses itself alone is read by the even-odd rule everywhere, but for rings joined by slits.
    let is_one = path.len() == 1 && path[0].polygon.parts().len() == 1;
    let (filled, enclosed) = match (is_one, is_even_odd) {
        (true, true) => return None,
        (true, false) => {
            let filled = filled(&rings, FillRule::NonZero);
            let is_simple = is_same(area(&filled), path[0].polygon.area());
            if is_simple {
                return None;
            }
            (filled, area(&self::filled(&rings, FillRule::EvenOdd)))
        }
        (false, _) => {
            let rule = if is_even_odd {
                FillRule::EvenOdd
            } else {
                FillRule::NonZero
            };
            let sum = |polygons: &[Polygon]| polygons.iter().map(Polygon::area).sum::<f64>();
            let (parts, holes) = parts_and_holes(path.to_vec());
            let enclosed = parts.iter().map(|part| sum(&part.parts())).sum::<f64>() - sum(&holes);
            (filled(&rings, rule), enclosed)
        }
    };
    if is_same(area(&filled), enclosed) {
        return None;
    }
    let area = |polygon: Polygon| {
        let bbox = BBox::around(polygon.points().iter().copied()).ok()?;
        // Rings that do not cross are parts and holes by turns.
        Some(Area {
            bbox,
            polygon,
            path: number,
            is_even_odd: true,
        })
    };
    Some(filled.into_iter().filter_map(area).collect())
}

/// Rings around what a rule fills of some: outer ones and holes turn in different ways.
fn filled(rings: &[&[Point]], rule: FillRule) -> Vec<Polygon> {
    let shapes = rings.simplify_shape_as::<i64>(rule);
    let rings = shapes.into_iter().flatten().map(|ring| {
        let ring = ring.into_iter().map(|point| point.map(to_thousandths));
        Polygon::try_from(without_repeats(ring.collect())).ok()
    });
    let rings = rings.flatten();
    rings.filter(|ring| !is_flat(ring.points())).collect()
}

/// Rounded far below the tolerance, to remove the noise in the last bits of sines and cosines.
pub fn to_thousandths(v: f64) -> f64 {
    (v * 1000.0).round() / 1000.0
}

/// Whether two areas are the same but for what rounding to thousandths of a pixel changes along an edge.
fn is_same(a: f64, b: f64) -> bool {
    (a - b).abs() <= f64::max(0.5, 1e-4 * b)
}

/// The rings that enclose what is filled, without those inside a ring of another path, and those around what is not filled
/// within them. What is filled on both sides is neither.
fn parts_and_holes(areas: Vec<Area>) -> (Vec<Polygon>, Vec<Polygon>) {
    let points: usize = areas.iter().map(|a| a.polygon.points().len()).sum();
    if areas.len() == 1 || points * points > MAX_EDGE_TESTS {
        return (areas.into_iter().map(|a| a.polygon).collect(), Vec::new());
    }
    let around: Vec<Vec<usize>> = (0..areas.len())
        .map(|n| {
            let others = (0..areas.len()).filter(|&m| m != n);
            others.filter(|&m| areas[n].is_inside(&areas[m])).collect()
        })
        .collect();
    let is_covered: Vec<bool> = (0..areas.len())
        .map(|n| around[n].iter().any(|&m| areas[m].path != areas[n].path))
        .collect();
    let (mut parts, mut holes) = (Vec::new(), Vec::new());
    for (n, area) in areas.iter().enumerate() {
        let own = around[n].iter().filter(|&&m| areas[m].path == area.path);
        let (rings, winding) = (own.clone().count(), own.map(|&m| areas[m].turn()).sum());
        let outside = area.fills(rings, winding);
        let inside = area.fills(rings + 1, winding + area.turn());
        match (outside, inside) {
            _ if is_covered[n] => {}
            (false, true) => parts.push(area.polygon.clone()),
            (true, false) => holes.push(area.polygon.clone()),
            _ => {}
        }
    }
    (parts, holes)
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

    /// Each of a path of its own.
    fn shape(rings: Vec<Vec<Point>>) -> Option<Shape> {
        let ring = |(path, points)| Ring {
            points,
            path,
            is_even_odd: false,
        };
        super::shape(rings.into_iter().enumerate().map(ring).collect())
    }

    #[test]
    fn a_ring_in_a_path_is_a_hole_by_the_rule_of_the_path() {
        let turned = |ring: Vec<Point>| -> Vec<Point> { ring.into_iter().rev().collect() };
        let (outer, inner) = (square(0.0, 0.0, 10.0), square(2.0, 2.0, 6.0));
        let island = square(4.0, 4.0, 2.0);
        let cases = [
            (
                "even-odd",
                true,
                vec![outer.clone(), inner.clone()],
                1,
                vec![36.0],
            ),
            (
                "winding, same way",
                false,
                vec![outer.clone(), inner.clone()],
                1,
                vec![],
            ),
            (
                "winding, other way",
                false,
                vec![outer.clone(), turned(inner.clone())],
                1,
                vec![36.0],
            ),
            ("island", true, vec![outer, inner, island], 2, vec![36.0]),
        ];
        for (name, is_even_odd, rings, parts, holes) in cases {
            let ring = |points| Ring {
                points,
                path: 0,
                is_even_odd,
            };
            let shape = super::shape(rings.into_iter().map(ring).collect()).unwrap();
            assert_eq!(shape.polygon.unwrap().parts().len(), parts, "{name}");
            let found: Vec<f64> = shape.holes.iter().map(Polygon::area).collect();
            assert_eq!(found, holes, "{name}");
        }
    }

    #[test]
    fn rings_of_a_path_that_cross_enclose_what_its_rule_fills() {
        let (a, b) = (square(0.0, 0.0, 40.0), square(20.0, 20.0, 40.0));
        let turned: Vec<Point> = b.iter().rev().copied().collect();
        // A ring that goes on along a slit, around a square within it, in the same direction.
        let mut slit = square(0.0, 0.0, 40.0);
        slit.push([0.0, 0.0]);
        slit.extend(square(10.0, 10.0, 20.0));
        slit.push([10.0, 10.0]);
        let star: Vec<Point> = (0..5)
            .map(|n| f64::from(n) * 144_f64.to_radians())
            .map(|turn| [50.0 + 50.0 * turn.sin(), 50.0 - 50.0 * turn.cos()])
            .collect();
        // (rings, the area by the even-odd rule unless everybody reads it by that, and by that of winding)
        let cases = [
            (vec![a.clone(), b], Some(2400.0), 2800.0),
            (vec![a, turned], Some(2400.0), 2400.0),
            (vec![slit], Some(1200.0), 1600.0),
            (vec![star], None, 2806.0),
        ];
        for (rings, even_odd, winding) in cases {
            let even_odd = even_odd.map(|area| (true, area));
            for (is_even_odd, wanted) in even_odd.into_iter().chain([(false, winding)]) {
                let ring = |points| Ring {
                    points,
                    path: 0,
                    is_even_odd,
                };
                let shape = super::shape(rings.iter().cloned().map(ring).collect()).unwrap();
                let sum = |rings: &[Polygon]| rings.iter().map(Polygon::area).sum::<f64>();
                let area = sum(&shape.polygon.unwrap().parts()) - sum(&shape.holes);
                assert!(
                    (area - wanted).abs() < 1.0,
                    "{rings:?} {is_even_odd}: {area}"
                );
            }
        }
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
