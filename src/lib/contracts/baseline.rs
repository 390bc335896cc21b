//! The baseline of a line of text: an attribute that holds coordinates, and goes wherever the box of the line goes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::geometry::Number;

/// The attribute: a list of points `[x, y]` in the space of the box, from the start of the line to its end.
pub const BASELINE: &str = "baseline";

/// Applies `f` to every point of the baseline, if there is one; rounded to millionths. What is not a list of points stays.
pub fn map_baseline(attributes: &mut BTreeMap<String, Value>, f: impl Fn([f64; 2]) -> [f64; 2]) {
    let Some(value) = attributes.get_mut(BASELINE) else {
        return;
    };
    let point = |value: &Value| Some([value.get(0)?.as_f64()?, value.get(1)?.as_f64()?]);
    let points: Option<Vec<[f64; 2]>> =
        value.as_array().and_then(|v| v.iter().map(point).collect());
    let Some(points) = points else {
        return;
    };
    let rounded = |v: f64| Number((v * 1e6).round() / 1e6);
    let mapped: Vec<[Number; 2]> = points.into_iter().map(|p| f(p).map(rounded)).collect();
    *value = json!(mapped);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lists_of_points_are_mapped() {
        let cases = [
            (json!([[1, 2], [3.5, 4]]), json!([[2, 4], [7, 8]])),
            (json!([]), json!([])),
            (json!("1,2 3,4"), json!("1,2 3,4")),
            (json!([[1], [2, 3]]), json!([[1], [2, 3]])),
        ];
        for (value, wanted) in cases {
            let mut attributes = BTreeMap::from([(BASELINE.to_owned(), value)]);
            map_baseline(&mut attributes, |[x, y]| [2.0 * x, 2.0 * y]);
            assert_eq!(attributes[BASELINE], wanted);
        }
    }
}
