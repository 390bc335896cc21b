//! Lines and points of a box. They stand in its attributes, in the coordinates of the box: `baseline`, `[[x, y], …]` from its
//! start to its end, and `keypoints`, `[x, y, visibility, …]` as COCO has them: 0 not there, 1 hidden, 2 visible.

use serde::Deserialize;
use serde_json::{Value, json};

use super::attributes::Named;
use super::geometry::Number;

/// The line of a box, at least two points.
pub fn baseline(attributes: &impl Named) -> Option<Vec<[f64; 2]>> {
    let line: serde_json::Result<Vec<[f64; 2]>> = match attributes.text("baseline") {
        Some(text) => serde_json::from_str(text),
        None => serde_json::from_value(attributes.value("baseline")?.clone()),
    };
    line.ok().filter(|line| line.len() > 1)
}

/// The points of a box, each `[x, y, visibility]`, at least one. Tables have them as a text, and other tools as pairs or triples; points
/// without visibility are visible.
pub fn keypoints(attributes: &impl Named) -> Option<Vec<[f64; 3]>> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Points {
        Flat(Vec<f64>),
        Triples(Vec<[f64; 3]>),
        Pairs(Vec<[f64; 2]>),
    }
    let points: Points = match attributes.text("keypoints") {
        Some(text) => serde_json::from_str(text).ok()?,
        None => serde_json::from_value(attributes.value("keypoints")?.clone()).ok()?,
    };
    let points = match points {
        Points::Flat(numbers) => match numbers.as_chunks::<3>() {
            (points, []) => points.to_vec(),
            _ => return None,
        },
        Points::Triples(points) => points,
        Points::Pairs(points) => points.into_iter().map(|[x, y]| [x, y, 2.0]).collect(),
    };
    (!points.is_empty()).then_some(points)
}

/// Which of the attributes that hold a line or points cannot be read as such.
pub fn unread_points(attributes: &impl Named) -> Option<&'static str> {
    let is_there = |name| attributes.text(name).is_some() || attributes.value(name).is_some();
    let unread = [
        ("keypoints", keypoints(attributes).is_none()),
        ("baseline", baseline(attributes).is_none()),
    ];
    let mut unread = unread.into_iter().filter(|(_, is_unread)| *is_unread);
    unread
        .find(|(name, _)| is_there(name))
        .map(|(name, _)| name)
}

/// Points as they stand in the attribute `keypoints`.
pub fn keypoints_value(points: &[[f64; 3]]) -> Value {
    let numbers: Vec<Number> = points.iter().flatten().copied().map(Number).collect();
    json!(numbers)
}

/// Applies `f` to the line and the points among attributes. Points that are not there stay at 0, 0.
pub fn map_points(attributes: &mut impl Named, f: impl Fn([f64; 2]) -> [f64; 2]) {
    if let Some(line) = baseline(attributes) {
        let mapped = line.into_iter().map(|point| f(point).map(Number));
        attributes.set("baseline", json!(mapped.collect::<Vec<_>>()));
    }
    if let Some(mut points) = keypoints(attributes) {
        for point in points.iter_mut().filter(|[_, _, seen]| *seen > 0.0) {
            let [x, y] = f([point[0], point[1]]);
            *point = [x, y, point[2]];
        }
        attributes.set("keypoints", keypoints_value(&points));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::Attributes;

    #[test]
    fn lines_and_points_are_mapped_and_all_else_stays() {
        let cases = [
            (
                json!({ "baseline": [[1, 2], [3, 4.5]], "keypoints": [1, 2, 2, 0, 0, 0, 3, 4, 1] }),
                json!({ "baseline": [[11, 4], [13, 9]], "keypoints": [11, 4, 2, 0, 0, 0, 13, 8, 1] }),
            ),
            (
                json!({ "baseline": [[1, 2]], "keypoints": [1, 2], "text": "a" }),
                json!({ "baseline": [[1, 2]], "keypoints": [1, 2], "text": "a" }),
            ),
            (
                json!({ "keypoints": "[1, 2, 2]" }),
                json!({ "keypoints": [11, 4, 2] }),
            ),
            (
                json!({ "keypoints": [[1, 2], [3, 4]] }),
                json!({ "keypoints": [11, 4, 2, 13, 8, 2] }),
            ),
            (
                json!({ "keypoints": [[1, 2, 1], [0, 0, 0]] }),
                json!({ "keypoints": [11, 4, 1, 0, 0, 0] }),
            ),
            (
                json!({ "baseline": "a", "keypoints": ["x", 1, 2] }),
                json!({ "baseline": "a", "keypoints": ["x", 1, 2] }),
            ),
        ];
        for (given, wanted) in cases {
            let mut attributes: Attributes = serde_json::from_value(given).unwrap();
            map_points(&mut attributes, |[x, y]| [x + 10.0, 2.0 * y]);
            assert_eq!(json!(attributes), wanted);
        }
    }
}
