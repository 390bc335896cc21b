//! Which box of one image is which of another: the same in all, the same in all but its id, the same id, the same place. Pure.

use std::collections::HashMap;

use super::record::RecordBox;
use crate::contracts::BBox;

/// Boxes of two images, by their indices: those that belong together, and those left alone.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// Of both, in the order of the second.
    pub pairs: Vec<(usize, usize)>,
    /// Of the first only.
    pub gone: Vec<usize>,
    /// Of the second only.
    pub new: Vec<usize>,
}

/// Boxes that have at least this much of their area in common are taken for one, whatever their ids.
const SAME_PLACE: f64 = 0.5;

/// Area in common, as a part of the area that both cover.
pub fn iou(a: &BBox, b: &BBox) -> f64 {
    let width = a.right().min(b.right()) - a.x.max(b.x);
    let height = a.bottom().min(b.bottom()) - a.y.max(b.y);
    let common = width.max(0.0) * height.max(0.0);
    common / (a.width * a.height + b.width * b.height - common)
}

/// Finds the boxes that belong together.
pub fn matched(a: &[RecordBox], b: &[RecordBox]) -> Matched {
    let mut left = Left {
        a: vec![true; a.len()],
        b: vec![true; b.len()],
        pairs: Vec::new(),
    };
    let place = |found: &RecordBox| {
        let bbox = found.bbox.map(|b| [b.x, b.y, b.width, b.height]);
        (bbox.map(|b| b.map(f64::to_bits)), found.outline)
    };
    left.by(a, b, |found| {
        Some((found.id.clone(), found.label.clone(), place(found)))
    });
    left.by(a, b, |found| {
        let (bbox, outline) = place(found);
        Some((found.label.clone(), bbox?, outline))
    });
    left.by(a, b, |found| {
        (!found.id.is_empty()).then(|| found.id.clone())
    });
    left.by_place(a, b);
    left.pairs.sort_unstable_by_key(|(_, b)| *b);
    let alone = |left: &[bool]| (0..left.len()).filter(|at| left[*at]).collect();
    Matched {
        gone: alone(&left.a),
        new: alone(&left.b),
        pairs: left.pairs,
    }
}

struct Left {
    a: Vec<bool>,
    b: Vec<bool>,
    pairs: Vec<(usize, usize)>,
}

impl Left {
    /// Pairs those that have one key; of several, in their order.
    fn by<K: Eq + std::hash::Hash>(
        &mut self,
        a: &[RecordBox],
        b: &[RecordBox],
        key: impl Fn(&RecordBox) -> Option<K>,
    ) {
        let mut known: HashMap<K, Vec<usize>> = HashMap::new();
        for at in (0..a.len()).rev().filter(|at| self.a[*at]) {
            if let Some(key) = key(&a[at]) {
                known.entry(key).or_default().push(at);
            }
        }
        for (to, found) in b.iter().enumerate() {
            let key = Some(found).filter(|_| self.b[to]).and_then(&key);
            let from = key.and_then(|key| known.get_mut(&key)?.pop());
            if let Some(from) = from {
                self.pair(from, to);
            }
        }
    }

    /// Pairs those that lie in one place, first those of one label, then those that have most in common.
    fn by_place(&mut self, a: &[RecordBox], b: &[RecordBox]) {
        let of = |boxes: &[RecordBox], left: &[bool]| {
            let found = boxes.iter().enumerate().filter(|(at, _)| left[*at]);
            let mut found: Vec<(usize, BBox)> = found
                .filter_map(|(at, one)| Some((at, one.bbox?)))
                .collect();
            found.sort_by(|(_, a), (_, b)| a.x.total_cmp(&b.x));
            found
        };
        let (from, to) = (of(a, &self.a), of(b, &self.b));
        let widest = to.iter().map(|(_, b)| b.width).fold(0.0, f64::max);
        let mut found = Vec::new();
        for (at, box_a) in &from {
            let first = to.partition_point(|(_, b)| b.x < box_a.x - widest);
            let near = to[first..].iter().take_while(|(_, b)| b.x < box_a.right());
            for (to, box_b) in near {
                let common = iou(box_a, box_b);
                if common >= SAME_PLACE {
                    found.push((a[*at].label != b[*to].label, common, *at, *to));
                }
            }
        }
        found.sort_by(|a, b| {
            let by_label = a.0.cmp(&b.0).then(b.1.total_cmp(&a.1));
            by_label.then((a.2, a.3).cmp(&(b.2, b.3)))
        });
        for (_, _, from, to) in found {
            if self.a[from] && self.b[to] {
                self.pair(from, to);
            }
        }
    }

    fn pair(&mut self, from: usize, to: usize) {
        (self.a[from], self.b[to]) = (false, false);
        self.pairs.push((from, to));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(id: &str, label: &str, bbox: [f64; 4]) -> RecordBox {
        RecordBox {
            id: id.into(),
            label: label.into(),
            bbox: BBox::try_from(bbox).ok(),
            ..RecordBox::default()
        }
    }

    #[test]
    fn common_area_is_a_part_of_what_both_cover() {
        let of = |a: [f64; 4], b: [f64; 4]| {
            iou(&BBox::try_from(a).unwrap(), &BBox::try_from(b).unwrap())
        };
        assert_eq!(of([0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.0]), 1.0);
        assert_eq!(of([0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 2.0, 2.0]), 2.0 / 6.0);
        assert_eq!(of([0.0, 0.0, 2.0, 2.0], [2.0, 0.0, 2.0, 2.0]), 0.0);
        assert_eq!(of([0.0, 0.0, 2.0, 2.0], [5.0, 5.0, 1.0, 1.0]), 0.0);
    }

    #[test]
    fn boxes_belong_together_by_all_then_by_id_then_by_place() {
        let square = |x: f64| [x, 0.0, 10.0, 10.0];
        // Ids that are positions shift when one comes before: those that lie still are themselves.
        let a = [one("0", "x", square(0.0)), one("1", "y", square(50.0))];
        let b = [
            one("0", "new", square(100.0)),
            one("1", "x", square(0.0)),
            one("2", "y", square(50.0)),
        ];
        let found = matched(&a, &b);
        assert_eq!(found.pairs, [(0, 1), (1, 2)]);
        assert_eq!((found.gone, found.new), (vec![], vec![0]));
        // Without ids, what lies in nearly the same place, and rather with the same label.
        let a = [one("", "x", square(0.0)), one("", "y", square(1.0))];
        let b = [one("", "y", square(0.5)), one("", "z", square(0.2))];
        assert_eq!(matched(&a, &b).pairs, [(1, 0), (0, 1)]);
        // One id is one box, wherever it is.
        let found = matched(
            &[one("a", "x", square(0.0))],
            &[one("a", "y", square(90.0))],
        );
        assert_eq!(found.pairs, [(0, 0)]);
        let found = matched(
            &[one("a", "x", square(0.0))],
            &[one("b", "x", square(90.0))],
        );
        assert_eq!((found.gone, found.new), (vec![0], vec![0]));
        // Two that are the same are two.
        let twice = [one("", "x", square(0.0)), one("", "x", square(0.0))];
        assert_eq!(matched(&twice, &twice[..1]).gone, [1]);
    }
}
