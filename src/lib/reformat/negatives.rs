//! `--negatives`: what becomes of images without boxes. Pure.

use std::str::FromStr;

use crate::files::hash_number;

/// What to do with images without boxes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Negatives {
    /// Write them: a detector learns from images without objects too.
    Keep,
    /// Leave them out.
    Drop,
    /// Write so many for each image with boxes, at most.
    Ratio(f64),
}

impl Negatives {
    /// Whether some are chosen, by a seed.
    pub fn is_ratio(self) -> bool {
        matches!(self, Negatives::Ratio(_))
    }

    /// Whether none is written.
    pub fn is_none(self) -> bool {
        matches!(self, Negatives::Drop | Negatives::Ratio(0.0))
    }
}

impl std::fmt::Display for Negatives {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Negatives::Keep => f.write_str("keep"),
            Negatives::Drop => f.write_str("drop"),
            Negatives::Ratio(ratio) => write!(f, "ratio:{ratio}"),
        }
    }
}

impl FromStr for Negatives {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ratio = text.strip_prefix("ratio:").map(str::parse::<f64>);
        match (text, ratio) {
            ("keep", _) => Ok(Negatives::Keep),
            ("drop", _) => Ok(Negatives::Drop),
            (_, Some(Ok(ratio))) if ratio.is_finite() && ratio >= 0.0 => {
                Ok(Negatives::Ratio(ratio))
            }
            _ => Err("is not keep, drop or ratio:NUMBER, such as ratio:0.1".into()),
        }
    }
}

/// Which of some images without boxes are left out, by index. Each has a number, and those with the lowest hash of number
/// and seed stay: another image more or less changes nothing else.
pub fn left_out(numbers: &[u64], positives: usize, rule: Negatives, seed: u64) -> Vec<usize> {
    let stay = match rule {
        Negatives::Keep => numbers.len(),
        Negatives::Drop => 0,
        Negatives::Ratio(ratio) => (ratio * positives as f64).round() as usize,
    };
    if stay >= numbers.len() {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by_cached_key(|&at| {
        hash_number(format!("{seed}\n{}\nnegative", numbers[at]).as_bytes())
    });
    order.split_off(stay)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_stay_as_asked_and_the_same_ones() {
        let numbers: Vec<u64> = (0..100).collect();
        let out = |rule, n| left_out(&numbers[..n], 50, rule, 0);
        assert!(out(Negatives::Keep, 100).is_empty());
        assert_eq!(out(Negatives::Drop, 100).len(), 100);
        assert_eq!(out(Negatives::Ratio(0.1), 100).len(), 95);
        let stay = |n: usize| -> Vec<usize> {
            let out = out(Negatives::Ratio(0.2), n);
            (0..n).filter(|at| !out.contains(at)).collect()
        };
        let (fewer, more) = (stay(99), stay(100));
        assert!(fewer.iter().filter(|at| !more.contains(at)).count() <= 1);
    }

    #[test]
    fn rules_are_named() {
        for (text, wanted) in [
            ("keep", Ok(Negatives::Keep)),
            ("drop", Ok(Negatives::Drop)),
            ("ratio:0.1", Ok(Negatives::Ratio(0.1))),
            ("ratio:-1", Err(())),
            ("ratio:x", Err(())),
            ("some", Err(())),
        ] {
            assert_eq!(text.parse::<Negatives>().map_err(|_| ()), wanted, "{text}");
        }
    }
}
