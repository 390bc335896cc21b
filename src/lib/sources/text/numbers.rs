//! Numbers and lists of points, as transcriptions write them.

use crate::selectors::MAX_COORDINATE;
use crate::values::excerpt;

/// The largest number of points of an outline: real ones have a few hundred.
const MAX_POINTS: usize = 100_000;

/// A number. A comma counts as decimal point, as programs in some languages of Europe write it.
///
/// # Errors
/// It is not a number, not finite, or larger than any coordinate.
pub fn number(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let read = match text.split_once(',') {
        Some((whole, part)) => format!("{whole}.{part}").parse(),
        None => text.trim_end_matches("px").trim_end().parse(),
    };
    let number = read.ok().filter(|number: &f64| number.is_finite());
    let number = number.ok_or_else(|| format!("not a number: {}", excerpt(text)))?;
    match number.abs() <= MAX_COORDINATE {
        true => Ok(number),
        false => Err(format!("too large: {}", excerpt(text))),
    }
}

/// Points: `x,y x,y` or `x y x y`, in any mixture of commas and blanks.
///
/// # Errors
/// A number cannot be read, or one of a pair is missing.
pub fn points(text: &str) -> Result<Vec<[f64; 2]>, String> {
    let mut numbers = Vec::new();
    let parts = text.split([',', ' ', '\t', '\n', '\r', ';']);
    for part in parts.filter(|part| !part.is_empty()) {
        numbers.push(number(part)?);
        if numbers.len() > 2 * MAX_POINTS {
            return Err(format!("too many points: the limit is {MAX_POINTS}"));
        }
    }
    let (pairs, rest) = numbers.as_chunks::<2>();
    match rest.is_empty() {
        true => Ok(pairs.to_vec()),
        false => Err(format!("an odd number of coordinates: {}", excerpt(text))),
    }
}

/// The outline of an ellipse, as a polygon that is less than a hundredth of its radius away from it.
pub fn ellipse(x: f64, y: f64, rx: f64, ry: f64) -> Vec<[f64; 2]> {
    const CORNERS: u32 = 32;
    let angle = |n: u32| f64::from(n) * std::f64::consts::TAU / f64::from(CORNERS);
    let thousandths = |v: f64| (v * 1000.0).round() / 1000.0;
    let corner = |n| {
        [
            thousandths(x + rx * angle(n).cos()),
            thousandths(y + ry * angle(n).sin()),
        ]
    };
    (0..CORNERS).map(corner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_in_every_spelling() {
        let cases = [
            ("1,2 3,4", Some(vec![[1.0, 2.0], [3.0, 4.0]])),
            (" 1 2\n3 4 ", Some(vec![[1.0, 2.0], [3.0, 4.0]])),
            ("1.5, 2, -3,4", Some(vec![[1.5, 2.0], [-3.0, 4.0]])),
            ("", Some(vec![])),
            ("1,2 3", None),
            ("1,2 x,4", None),
            ("1,2 NaN,4", None),
            ("1,2 1e9,4", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(points(text).ok(), wanted, "{text}");
        }
    }

    #[test]
    fn numbers_may_have_a_decimal_comma() {
        let cases = [
            ("12", Some(12.0)),
            (" 12.5 ", Some(12.5)),
            ("12,5", Some(12.5)),
            ("12px", Some(12.0)),
            ("1,2,3", None),
            ("", None),
            ("inf", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(number(text).ok(), wanted, "{text}");
        }
    }
}
