//! Outlines of several rings: what any part encloses, without what a hole encloses. A ring that crosses itself encloses by the
//! even-odd rule, and becomes several where these lie side by side, as those of a bow tie do.

use super::crossings;
use crate::contracts::Polygon;

/// An outline in pixels: rings that are closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// Rings without holes in them, side by side.
    parts: Vec<Polygon>,
    /// Rings inside the parts, which do not belong to the outline.
    holes: Vec<Polygon>,
}

/// Outlines with more points have the area of their pixels: finding where lines cross takes the square of the points.
const MOST_POINTS: usize = 3000;

impl Outline {
    /// An outline of parts and holes; none without parts.
    pub fn new(parts: Vec<Polygon>, holes: Vec<Polygon>) -> Option<Self> {
        let parts: Vec<Polygon> = parts.into_iter().flat_map(apart).collect();
        (!parts.is_empty()).then_some(Outline { parts, holes })
    }

    /// Rings without holes in them, side by side.
    pub fn parts(&self) -> &[Polygon] {
        &self.parts
    }

    /// Rings inside the parts, which do not belong to the outline.
    pub fn holes(&self) -> &[Polygon] {
        &self.holes
    }

    /// All rings.
    pub fn rings(&self) -> impl Iterator<Item = &Polygon> {
        self.parts.iter().chain(&self.holes)
    }

    /// All parts as one polygon, as it stands in contracts; holes are left out.
    pub fn joined(&self) -> Polygon {
        Polygon::joined(&self.parts)
    }

    /// Whether a list of polygons, of which readers paint each, can express it.
    pub fn is_plain(&self) -> bool {
        self.holes.is_empty()
    }

    /// Its area in square pixels.
    pub fn area(&self) -> f64 {
        let points: usize = self.rings().map(|ring| ring.points().len()).sum();
        if points > MOST_POINTS {
            return self
                .rings()
                .map(Polygon::area)
                .zip(self.signs())
                .map(|(a, s)| a * s)
                .sum();
        }
        self.area_between_crossings()
    }

    /// The area within. Between two neighbouring points or crossings no lines cross, so that the height of what is inside
    /// changes evenly with x.
    fn area_between_crossings(&self) -> f64 {
        let edges: Vec<Edge> = self.rings().flat_map(edges).collect();
        let mut stops: Vec<f64> = edges.iter().map(|edge| edge.from[0]).collect();
        for (i, a) in edges.iter().enumerate() {
            stops.extend(edges[i + 1..].iter().filter_map(|b| a.crossing(b)));
        }
        stops.sort_by(f64::total_cmp);
        stops.dedup();
        let rings = self.edges();
        let slab = |pair: &[f64]| {
            let spans = rings.spans((pair[0] + pair[1]) / 2.0);
            let inside: f64 = spans.iter().map(|[top, bottom]| bottom - top).sum();
            inside * (pair[1] - pair[0])
        };
        stops.windows(2).map(slab).sum()
    }

    fn edges(&self) -> RingEdges {
        let of = |rings: &[Polygon]| rings.iter().map(|ring| edges(ring).collect()).collect();
        RingEdges {
            parts: of(&self.parts),
            holes: of(&self.holes),
        }
    }

    fn signs(&self) -> impl Iterator<Item = f64> {
        let (parts, holes) = (self.parts.len(), self.holes.len());
        std::iter::repeat_n(1.0, parts).chain(std::iter::repeat_n(-1.0, holes))
    }

    /// The pixels whose centres it encloses, in runs: pixels outside, inside, outside…, down each column from the left.
    pub fn runs(&self, width: u32, height: u32) -> Vec<u32> {
        let rings = self.edges();
        let (mut runs, mut run, mut is_inside) = (Vec::new(), 0u64, false);
        for x in 0..width {
            let mut y = 0;
            for pair in rings.spans(f64::from(x) + 0.5) {
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

/// A ring that crosses itself as the rings that it consists of, if these enclose the same without lying over each other.
fn apart(ring: Polygon) -> Vec<Polygon> {
    if ring.points().len() > MOST_POINTS {
        return vec![ring];
    }
    let Some(loops) = crossings::loops(ring.points()) else {
        return vec![ring];
    };
    let loops = loops.into_iter().map(Polygon::try_from);
    let loops: Vec<Polygon> = loops.filter_map(Result::ok).collect();
    let areas: f64 = loops.iter().map(Polygon::area).sum();
    let whole = Outline {
        parts: vec![ring],
        holes: Vec::new(),
    };
    match loops.len() > 1 && (whole.area() - areas).abs() <= 1e-6 * areas {
        true => loops,
        false => whole.parts,
    }
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

    /// The x at which two edges cross, if they do.
    fn crossing(&self, other: &Edge) -> Option<f64> {
        let direction = |e: &Edge| [e.to[0] - e.from[0], e.to[1] - e.from[1]];
        let (p, q) = (direction(self), direction(other));
        let cross = p[0] * q[1] - p[1] * q[0];
        if cross == 0.0 {
            return None;
        }
        let between = [other.from[0] - self.from[0], other.from[1] - self.from[1]];
        let t = (between[0] * q[1] - between[1] * q[0]) / cross;
        let u = (between[0] * p[1] - between[1] * p[0]) / cross;
        let within = |v: f64| (0.0..=1.0).contains(&v);
        (within(t) && within(u)).then(|| self.from[0] + t * p[0])
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

/// The edges of each ring.
struct RingEdges {
    parts: Vec<Vec<Edge>>,
    holes: Vec<Vec<Edge>>,
}

type Span = [f64; 2];

impl RingEdges {
    /// What is inside on a vertical line, from top to bottom.
    fn spans(&self, x: f64) -> Vec<Span> {
        without(united(&self.parts, x), &united(&self.holes, x))
    }
}

/// What any of some rings encloses on a vertical line.
fn united(rings: &[Vec<Edge>], x: f64) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for ring in rings {
        let mut ys: Vec<f64> = ring.iter().filter_map(|edge| edge.y_at(x)).collect();
        ys.sort_by(f64::total_cmp);
        spans.extend(ys.as_chunks::<2>().0);
    }
    if rings.len() < 2 {
        return spans;
    }
    spans.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let mut united: Vec<Span> = Vec::new();
    for [top, bottom] in spans {
        match united.last_mut().filter(|last| last[1] >= top) {
            Some(last) => last[1] = last[1].max(bottom),
            None => united.push([top, bottom]),
        }
    }
    united
}

/// Spans without what lies in others; both are in order.
fn without(spans: Vec<Span>, others: &[Span]) -> Vec<Span> {
    if others.is_empty() {
        return spans;
    }
    let mut left = Vec::new();
    for [mut top, bottom] in spans {
        for &[from, to] in others {
            if to <= top || from >= bottom {
                continue;
            }
            if from > top {
                left.push([top, from]);
            }
            top = top.max(to);
        }
        if top < bottom {
            left.push([top, bottom]);
        }
    }
    left
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
        assert_eq!(outline.parts().len(), 3);
        assert!(
            outline
                .parts()
                .contains(&ring(&[[5.0, 5.0], [10.0, 10.0], [10.0, 0.0]])),
            "{outline:?}"
        );
        // The middle of a pentagram is outside by the even-odd rule, and within one of its rings.
        let tip = |n: f64| {
            [
                10.0 + 10.0 * (n * 0.8 * std::f64::consts::PI).sin(),
                10.0 - 10.0 * (n * 0.8 * std::f64::consts::PI).cos(),
            ]
        };
        let star = ring(&[0.0, 1.0, 2.0, 3.0, 4.0].map(tip));
        for whole in [star, square(0.0, 5.0)] {
            assert_eq!(
                Outline::new(vec![whole.clone()], Vec::new())
                    .unwrap()
                    .parts(),
                [whole]
            );
        }
    }

    proptest! {
        #[test]
        fn rings_apart_enclose_what_the_ring_does(points in proptest::collection::vec([0f64..60.0, 0f64..60.0], 3..7)) {
            let ring = Polygon::try_from(points);
            prop_assume!(ring.is_ok());
            let whole = Outline { parts: vec![ring.unwrap()], holes: Vec::new() };
            let apart = Outline::new(whole.parts.clone(), Vec::new()).unwrap();
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
