//! Numbers, boxes, sizes and outlines of contracts: `f64`, checked once when they are read. Units are those of the
//! coordinate space that a box belongs to; y grows downwards.

use std::collections::HashMap;

use crate::summary::counted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number that is written without `.0` when it is whole.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
        if self.0.fract() == 0.0 && self.0.abs() < EXACT {
            s.serialize_i64(self.0 as i64)
        } else {
            s.serialize_f64(self.0)
        }
    }
}

/// Serializes as [`Number`] does.
pub(super) fn as_plain_number<S: serde::Serializer>(
    number: &Option<f64>,
    s: S,
) -> Result<S::Ok, S::Error> {
    number.map(Number).serialize(s)
}

/// A box `[x, y, width, height]` that is finite and not empty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "[f64; 4]", into = "[Number; 4]")]
#[schemars(extend("prefixItems" = [
    {"title": "x", "type": "number"},
    {"title": "y", "type": "number"},
    {"title": "width", "type": "number", "exclusiveMinimum": 0},
    {"title": "height", "type": "number", "exclusiveMinimum": 0},
]))]
pub struct BBox {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width, above 0.
    pub width: f64,
    /// Height, above 0.
    pub height: f64,
}

impl TryFrom<[f64; 4]> for BBox {
    type Error = String;
    fn try_from([x, y, width, height]: [f64; 4]) -> Result<Self, String> {
        if ![x, y, width, height].iter().all(|v| v.is_finite()) {
            return Err(format!(
                "box has a number that is not finite: {x}, {y}, {width}, {height}"
            ));
        }
        if width <= 0.0 || height <= 0.0 {
            return Err(format!("box is empty: {width} x {height}"));
        }
        Ok(BBox {
            x,
            y,
            width,
            height,
        })
    }
}

impl From<BBox> for [f64; 4] {
    fn from(b: BBox) -> Self {
        [b.x, b.y, b.width, b.height]
    }
}

impl From<BBox> for [Number; 4] {
    fn from(b: BBox) -> Self {
        [Number(b.x), Number(b.y), Number(b.width), Number(b.height)]
    }
}

impl BBox {
    /// Right edge.
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    /// Bottom edge.
    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// The smallest box around some points.
    ///
    /// # Errors
    /// The box would be empty, or a coordinate is not finite.
    pub fn around(points: impl IntoIterator<Item = [f64; 2]>) -> Result<Self, String> {
        let (mut left, mut top, mut right, mut bottom) = (
            f64::INFINITY,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NEG_INFINITY,
        );
        for [x, y] in points {
            (left, right) = (left.min(x), right.max(x));
            (top, bottom) = (top.min(y), bottom.max(y));
        }
        BBox::try_from([left, top, right - left, bottom - top])
    }

    /// The part of the box inside a frame whose top-left corner is the origin; none when nothing is left.
    pub fn clip(&self, frame: Frame) -> Option<Self> {
        if self.x >= 0.0
            && self.y >= 0.0
            && self.right() <= frame.width
            && self.bottom() <= frame.height
        {
            return Some(*self);
        }
        let (x, y) = (self.x.max(0.0), self.y.max(0.0));
        let (right, bottom) = (
            self.right().min(frame.width),
            self.bottom().min(frame.height),
        );
        BBox::try_from([x, y, right - x, bottom - y]).ok()
    }

    /// The same box in a frame that is `sx` times as wide and `sy` times as high.
    pub fn scale(&self, sx: f64, sy: f64) -> Self {
        BBox {
            x: self.x * sx,
            y: self.y * sy,
            width: self.width * sx,
            height: self.height * sy,
        }
    }
}

/// Size of a coordinate space, both sides above 0, written `[width, height]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "[f64; 2]", into = "[Number; 2]")]
#[schemars(extend("items" = {"type": "number", "exclusiveMinimum": 0}))]
pub struct Frame {
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl TryFrom<[f64; 2]> for Frame {
    type Error = String;
    fn try_from([width, height]: [f64; 2]) -> Result<Self, String> {
        let usable = |v: f64| v.is_finite() && v > 0.0;
        if usable(width) && usable(height) {
            Ok(Frame { width, height })
        } else {
            Err(format!("size is not above 0: {width} x {height}"))
        }
    }
}

impl Frame {
    /// The space of percentages, for boxes relative to an image of unknown size.
    pub const PERCENT: Frame = Frame {
        width: 100.0,
        height: 100.0,
    };

    /// Whether this may be the space of percentages, which has no shape of its own, or that of `other`.
    pub fn may_have_shape_of(self, other: Frame) -> bool {
        [self, other].contains(&Frame::PERCENT) || self.has_shape_of(other)
    }

    /// Whether both spaces have the same aspect ratio, within one unit of the coarser of the two: either size may have
    /// been rounded.
    pub fn has_shape_of(self, other: Frame) -> bool {
        let (sx, sy) = (other.width / self.width, other.height / self.height);
        let within = |a: f64, b: f64, scale: f64| (a - b).abs() <= scale.max(1.0);
        within(other.width, self.width * sy, sy) || within(other.height, self.height * sx, sx)
    }
}

impl From<Frame> for [Number; 2] {
    fn from(f: Frame) -> Self {
        [Number(f.width), Number(f.height)]
    }
}

/// A closed outline of at least three finite points; the last is not repeated. An outline of several parts is one: from its
/// first point a line leads to each other part and back again, so that it encloses the parts and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<[f64; 2]>", into = "Vec<[Number; 2]>")]
#[schemars(extend("minItems" = 3))]
pub struct Polygon(Vec<[f64; 2]>);

impl TryFrom<Vec<[f64; 2]>> for Polygon {
    type Error = String;
    fn try_from(mut points: Vec<[f64; 2]>) -> Result<Self, String> {
        while points.len() > 1 && points.first() == points.last() {
            points.pop();
        }
        if points.len() < 3 {
            return Err(format!(
                "polygon has {}, at least 3 are needed",
                counted(points.len() as u64, "point", "points")
            ));
        }
        if points.iter().flatten().any(|v| !v.is_finite()) {
            return Err("polygon has a number that is not finite".into());
        }
        Ok(Polygon(points))
    }
}

impl From<Polygon> for Vec<[Number; 2]> {
    fn from(p: Polygon) -> Self {
        p.0.into_iter()
            .map(|[x, y]| [Number(x), Number(y)])
            .collect()
    }
}

impl Polygon {
    /// Its points, `[x, y]`.
    pub fn points(&self) -> &[[f64; 2]] {
        &self.0
    }

    /// Area in square units by the shoelace formula, never negative.
    pub fn area(&self) -> f64 {
        self.signed_area().abs()
    }

    /// The same, negative if the points turn against the clock: y grows downwards.
    pub fn signed_area(&self) -> f64 {
        let next = self.0.iter().cycle().skip(1);
        let twice: f64 = self
            .0
            .iter()
            .zip(next)
            .map(|(a, b)| a[0] * b[1] - b[0] * a[1])
            .sum();
        twice / 2.0
    }

    /// The parts of the outline, in their order; itself if it has only one.
    pub fn parts(&self) -> Vec<Polygon> {
        let mut parts: Vec<Polygon> = rings(&self.0)
            .into_iter()
            .filter_map(|ring| Polygon::try_from(ring).ok())
            .collect();
        // What is left of a part that was cut off encloses nothing.
        parts.retain(|part| BBox::around(part.0.iter().copied()).is_ok());
        let areas: f64 = parts.iter().map(Polygon::area).sum();
        let is_whole = (areas - self.area()).abs() <= 1e-6 * areas;
        match parts.len() > 1 && is_whole {
            true => parts,
            false => vec![self.clone()],
        }
    }

    /// Several rings as one polygon, as [`Polygon::parts`] takes it apart again: all turn the same way, and from the first
    /// point of the first a line leads to each of the others and back. There must be one.
    pub fn joined(parts: &[Polygon]) -> Polygon {
        let (first, others) = match parts {
            [] => return Polygon(Vec::new()),
            [only] => return only.clone(),
            [first, others @ ..] => (first, others),
        };
        let mut points = first.clockwise();
        let start = points[0];
        for other in others {
            points.push(start);
            let ring = other.clockwise();
            points.extend(&ring);
            points.push(ring[0]);
        }
        // A part that touches the first point needs no line.
        points.dedup();
        Polygon::try_from(points).unwrap_or_else(|_| first.clone())
    }

    /// Its points, from the first, in the direction of a clock.
    fn clockwise(&self) -> Vec<[f64; 2]> {
        let mut points = self.0.clone();
        if self.signed_area() < 0.0 {
            points[1..].reverse();
        }
        points
    }

    /// The outline with `f` applied to every point. `f` must keep points finite.
    pub fn map(&self, f: impl Fn([f64; 2]) -> [f64; 2]) -> Self {
        Polygon(self.0.iter().map(|&p| f(p)).collect())
    }
}

/// The rings of which an outline is joined: what lies between a line from the first point and the way back.
fn rings(points: &[[f64; 2]]) -> Vec<Vec<[f64; 2]>> {
    let bits = |p: [f64; 2]| p.map(f64::to_bits);
    let edge = |at: usize| (bits(points[at]), bits(points[(at + 1) % points.len()]));
    let last: HashMap<_, usize> = (0..points.len()).map(|at| (edge(at), at)).collect();
    let (mut first, mut others) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < points.len() {
        first.push(points[at]);
        let (from, to) = edge(at);
        let back = last.get(&(to, from)).filter(|back| **back > at);
        match back.filter(|_| at > 0 && from == bits(points[0])) {
            Some(back) => {
                others.push(points[at + 1..=*back].to_vec());
                // The way back ends where the line began.
                first.pop();
                at = back + 1;
            }
            None => at += 1,
        }
    }
    [vec![first], others].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_written_whole() {
        let bbox = BBox::try_from([1.0, 2.5, 3.0, 4.0]).unwrap();
        assert_eq!(serde_json::to_string(&bbox).unwrap(), "[1,2.5,3,4]");
    }

    #[test]
    fn boxes_are_clipped_to_the_frame_or_vanish() {
        let frame = Frame {
            width: 10.0,
            height: 8.0,
        };
        let cases = [
            ([1.0, 1.0, 2.0, 2.0], Some([1.0, 1.0, 2.0, 2.0])),
            ([-1.0, -1.0, 2.0, 20.0], Some([0.0, 0.0, 1.0, 8.0])),
            ([10.0, 0.0, 2.0, 2.0], None),
            ([-3.0, 0.0, 3.0, 2.0], None),
        ];
        for (given, wanted) in cases {
            let clipped = BBox::try_from(given).unwrap().clip(frame);
            assert_eq!(
                clipped,
                wanted.map(|b| BBox::try_from(b).unwrap()),
                "{given:?}"
            );
        }
    }
}
