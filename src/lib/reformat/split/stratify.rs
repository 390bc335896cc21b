//! Deals groups so that every split gets its share of each class and of the images. Pure.
//!
//! Groups with the rarest classes come first, each to where it spoils the shares least; then groups move, alone or in
//! exchange for another, as long as that helps.

use std::collections::HashMap;

use super::deal::Unit;

/// Groups are exchanged only if there are not more.
const MOST_EXCHANGED: usize = 300;

/// How often all groups are tried again.
const ROUNDS: usize = 20;

/// The split of each unit. `train` is the split that needs every class.
pub fn deal(units: &[Unit], shares: &[f64], train: usize) -> Vec<usize> {
    let mut dealing = Dealing::new(units, shares, train);
    dealing.greedy();
    for _ in 0..ROUNDS {
        let moved = dealing.move_each();
        let exchanged = units.len() <= MOST_EXCHANGED && dealing.exchange_each();
        if !moved && !exchanged {
            break;
        }
    }
    dealing
        .of
        .into_iter()
        .map(|split| split.unwrap_or(0))
        .collect()
}

struct Dealing<'a> {
    units: &'a [Unit],
    shares: &'a [f64],
    train: usize,
    /// Of each unit, the places of its classes in `totals`, and their numbers; the first is that of all images.
    parts: Vec<Vec<(usize, f64)>>,
    totals: Vec<f64>,
    /// By class, then by split.
    held: Vec<Vec<f64>>,
    of: Vec<Option<usize>>,
}

impl<'a> Dealing<'a> {
    fn new(units: &'a [Unit], shares: &'a [f64], train: usize) -> Self {
        let mut places: HashMap<u32, usize> = HashMap::new();
        let mut totals = vec![0.0];
        let mut parts = Vec::new();
        for unit in units {
            let mut part = vec![(0, unit.images as f64)];
            totals[0] += unit.images as f64;
            for &(class, n) in &unit.classes {
                let next = totals.len();
                let place = *places.entry(class).or_insert(next);
                if place == next {
                    totals.push(0.0);
                }
                totals[place] += f64::from(n);
                part.push((place, f64::from(n)));
            }
            parts.push(part);
        }
        Dealing {
            units,
            shares,
            train,
            parts,
            held: vec![vec![0.0; shares.len()]; totals.len()],
            totals,
            of: vec![None; units.len()],
        }
    }

    /// What it costs that a class is distributed so: how far the splits are from their shares. Images count as much as all
    /// classes together, and a class that train lacks more than any share that is missed.
    fn cost(&self, class: usize, held: &[f64]) -> f64 {
        let total = self.totals[class];
        let off = held.iter().zip(self.shares);
        let off: f64 = off.map(|(n, share)| (n / total - share).powi(2)).sum();
        match class {
            0 => off * (self.totals.len() - 1).max(1) as f64,
            _ if held[self.train] == 0.0 => off + 10.0,
            _ => off,
        }
    }

    /// What it costs more if units come to splits, or leave them.
    fn change(&self, steps: &[(usize, usize, f64)]) -> f64 {
        let mut classes: Vec<usize> = steps
            .iter()
            .flat_map(|(unit, ..)| self.parts[*unit].iter().map(|(class, _)| *class))
            .collect();
        classes.sort_unstable();
        classes.dedup();
        let change = |class: usize| {
            let mut held = self.held[class].clone();
            for &(unit, split, sign) in steps {
                let of_class = self.parts[unit].iter().filter(|(found, _)| *found == class);
                held[split] += of_class.map(|(_, n)| n * sign).sum::<f64>();
            }
            self.cost(class, &held) - self.cost(class, &self.held[class])
        };
        classes.into_iter().map(change).sum()
    }

    fn apply(&mut self, steps: &[(usize, usize, f64)]) {
        for &(unit, split, sign) in steps {
            for &(class, n) in &self.parts[unit] {
                self.held[class][split] += n * sign;
            }
            self.of[unit] = (sign > 0.0).then_some(split).or(self.of[unit]);
        }
    }

    fn greedy(&mut self) {
        for unit in 0..self.units.len() {
            if let Some(split) = self.units[unit].fixed {
                self.apply(&[(unit, split, 1.0)]);
            }
        }
        let rarest = |unit: usize| {
            let totals = self.parts[unit].iter().skip(1);
            let totals = totals.map(|(class, _)| self.totals[*class] as u64);
            totals.min().unwrap_or(u64::MAX)
        };
        let mut order: Vec<usize> = self.free().collect();
        order.sort_by_cached_key(|&unit| {
            let Unit { images, place, .. } = self.units[unit];
            (rarest(unit), std::cmp::Reverse(images), place)
        });
        for unit in order {
            let cost = |split: usize| self.change(&[(unit, split, 1.0)]);
            let costs: Vec<f64> = (0..self.shares.len()).map(cost).collect();
            let best = (0..costs.len())
                .reduce(|best, i| {
                    if costs[i] < costs[best] - 1e-12 {
                        i
                    } else {
                        best
                    }
                })
                .unwrap_or(0);
            self.apply(&[(unit, best, 1.0)]);
        }
    }

    fn free(&self) -> impl Iterator<Item = usize> + use<> {
        let free: Vec<usize> = (0..self.units.len())
            .filter(|&unit| self.units[unit].fixed.is_none())
            .collect();
        free.into_iter()
    }

    fn move_each(&mut self) -> bool {
        let mut has_moved = false;
        for unit in self.free() {
            let Some(from) = self.of[unit] else { continue };
            for to in (0..self.shares.len()).filter(|&to| to != from) {
                let steps = [(unit, from, -1.0), (unit, to, 1.0)];
                if self.change(&steps) < -1e-9 {
                    self.apply(&steps);
                    has_moved = true;
                    break;
                }
            }
        }
        has_moved
    }

    fn exchange_each(&mut self) -> bool {
        let mut has_moved = false;
        let free: Vec<usize> = self.free().collect();
        for (i, &a) in free.iter().enumerate() {
            for &b in &free[i + 1..] {
                let (Some(of_a), Some(of_b)) = (self.of[a], self.of[b]) else {
                    continue;
                };
                if of_a == of_b {
                    continue;
                }
                let steps = [
                    (a, of_a, -1.0),
                    (b, of_b, -1.0),
                    (a, of_b, 1.0),
                    (b, of_a, 1.0),
                ];
                if self.change(&steps) < -1e-9 {
                    self.apply(&steps);
                    has_moved = true;
                }
            }
        }
        has_moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn classes_are_distributed_like_the_images() {
        // 40 groups of 5 images; a class in all, one in every fourth, one in two of them.
        let unit = |i: u64| {
            let mut classes = vec![(0, 10)];
            if i.is_multiple_of(4) {
                classes.push((1, 3));
            }
            if i < 2 {
                classes.push((2, 1));
            }
            Unit {
                place: i.wrapping_mul(0x9e37_79b9_7f4a_7c15),
                images: 5,
                fixed: None,
                classes,
            }
        };
        let units: Vec<Unit> = (0..40).map(unit).collect();
        let of = deal(&units, &[0.8, 0.1, 0.1], 0);
        let n = |class: u32, split: usize| {
            let held = units.iter().zip(&of).filter(|(_, of)| **of == split);
            let classes = held.flat_map(|(unit, _)| &unit.classes);
            classes
                .filter(|(c, _)| *c == class)
                .map(|(_, n)| n)
                .sum::<u32>()
        };
        assert_eq!([n(0, 0), n(0, 1), n(0, 2)], [320, 40, 40]);
        assert_eq!([n(1, 0), n(1, 1), n(1, 2)], [24, 3, 3]);
        assert!(n(2, 0) >= 1);
    }

    proptest! {
        #[test]
        fn train_has_every_class(
            groups in proptest::collection::vec((1u64..30, proptest::collection::vec((0u32..6, 1u32..9), 0..4)), 1..40),
            places: u64,
        ) {
            let mut units = Vec::new();
            for (images, classes) in groups {
                units.push(Unit {
                    place: places.wrapping_mul(units.len() as u64 * 2 + 1),
                    images,
                    fixed: None,
                    classes,
                });
            }
            let of = deal(&units, &[0.6, 0.2, 0.2], 0);
            let classes = |train: bool| -> std::collections::BTreeSet<u32> {
                let some = units.iter().zip(&of).filter(|(_, of)| !train || **of == 0);
                some.flat_map(|(unit, _)| unit.classes.iter().map(|(class, _)| *class)).collect()
            };
            prop_assert_eq!(classes(true), classes(false));
        }
    }
}
