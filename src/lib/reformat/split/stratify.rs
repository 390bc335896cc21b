//! Deals groups so that every split gets its share of each class and of the images. Pure.
//!
//! Groups begin where they are without it, so that as far as possible a group's split depends on its name and the seed alone.
//! Where a class is out of proportion, groups move, alone or in exchange for another, those first that help most, until the
//! classes are in proportion or nothing helps: as few as needed. Of few groups every way to deal them is tried. The shares of
//! the images stay as good as they were, and the classes together are never farther from their shares than they were; only that
//! train has every class goes before both.

use std::collections::HashMap;

use super::deal::{self as plain, MOST_WAYS, TOLERANCE, Unit};

/// Of more groups only the first by their places are exchanged.
const MOST_EXCHANGED: usize = 300;

/// The number of ways to deal, times that of the classes, that are all tried.
const MOST_TRIED: f64 = 2e6;

/// What helps less than this is not worth a move, in parts of a class.
const LEAST_GAIN: f64 = 1.0 / 512.0;

/// What it costs that shares of the images are missed, and that train lacks a class.
const SHARES: f64 = 1e3;
const LACKING: f64 = 1e6;

/// The split of each unit. `train` is the split that needs every class.
pub fn deal(units: &[Unit], shares: &[f64], train: usize) -> Vec<usize> {
    let start = Dealing::new(units, shares, train);
    if start.total_cost() == 0.0 {
        return start.of;
    }
    let ways = plain::ways(units, shares);
    if ways <= MOST_WAYS && ways * start.totals.len() as f64 <= MOST_TRIED {
        return every_way(start);
    }
    let mut dealing = start.clone();
    dealing.improve();
    if dealing.all_misplaced() <= start.all_misplaced() + 1e-9 {
        return dealing.of;
    }
    // What is allowed of some classes costs more than the others gain.
    let mut exact = start.allowing_nothing();
    exact.improve();
    let dealing = dealing.allowing_nothing();
    match exact.total_cost() < dealing.total_cost() {
        true => exact.of,
        false => dealing.of,
    }
}

#[derive(Clone)]
struct Dealing<'a> {
    units: &'a [Unit],
    shares: &'a [f64],
    train: usize,
    /// Of each unit, the places of its classes in `totals`, and their numbers; the first is that of all images.
    parts: Vec<Vec<(usize, f64)>>,
    totals: Vec<f64>,
    /// How much of each may be in the wrong split.
    allowed: Vec<f64>,
    /// By class, then by split.
    held: Vec<Vec<f64>>,
    of: Vec<usize>,
}

/// A unit that comes to a split, or leaves it.
type Step = (usize, usize, f64);

impl<'a> Dealing<'a> {
    fn new(units: &'a [Unit], shares: &'a [f64], train: usize) -> Self {
        let mut places: HashMap<u32, usize> = HashMap::new();
        let (mut totals, mut groups) = (vec![0.0], vec![1.0]);
        let mut parts = Vec::new();
        for unit in units {
            let mut part = vec![(0, unit.images as f64)];
            totals[0] += unit.images as f64;
            for &(class, n) in unit.classes.iter().filter(|(_, n)| *n > 0) {
                let (next, n) = (totals.len(), f64::from(n));
                let place = *places.entry(class).or_insert(next);
                if place == next {
                    totals.push(0.0);
                    groups.push(0.0);
                }
                totals[place] += n;
                groups[place] += 1.0;
                part.push((place, n));
            }
            parts.push(part);
        }
        let of = plain::deal(units, shares);
        let mut held = vec![vec![0.0; shares.len()]; totals.len()];
        for (part, split) in parts.iter().zip(&of) {
            part.iter().for_each(|(class, n)| held[*class][*split] += n);
        }
        let mut dealing = Dealing {
            units,
            shares,
            train,
            parts,
            allowed: Vec::new(),
            totals,
            held,
            of,
        };
        // Less than what an average group has of a class cannot be shared out.
        dealing.allowed = (0..dealing.totals.len())
            .map(|class| dealing.totals[class] * TOLERANCE.max(0.999 / groups[class]))
            .collect();
        dealing.allowed[0] = TOLERANCE * dealing.totals[0];
        dealing.allowed[0] = dealing
            .misplaced(0, &dealing.held[0])
            .max(dealing.allowed[0]);
        dealing
    }

    /// With the same places, and no class of which some may be in the wrong split.
    fn allowing_nothing(mut self) -> Self {
        self.allowed[1..].fill(0.0);
        self
    }

    fn misplaced(&self, class: usize, held: &[f64]) -> f64 {
        let total = self.totals[class];
        let splits = held.iter().zip(self.shares);
        splits.map(|(n, share)| (n - share * total).max(0.0)).sum()
    }

    /// The parts of the classes that are in the wrong split, all together.
    fn all_misplaced(&self) -> f64 {
        (1..self.totals.len())
            .map(|class| self.misplaced(class, &self.held[class]) / self.totals[class])
            .sum()
    }

    /// Units that may move, in the order of their places.
    fn free(&self) -> Vec<usize> {
        let mut free: Vec<usize> = (0..self.units.len())
            .filter(|&unit| self.units[unit].fixed.is_none())
            .collect();
        free.sort_unstable_by_key(|&unit| self.units[unit].place);
        free
    }

    /// What it costs that a class is distributed so: the part of it that is in the wrong split, if that is more than is allowed.
    /// Shares of the images that are missed cost more than all classes, and a class that train lacks more than these.
    fn cost(&self, class: usize, held: &[f64]) -> f64 {
        let misplaced = self.misplaced(class, held);
        let part = match misplaced > self.allowed[class] + 1e-6 {
            true => misplaced / self.totals[class],
            false => 0.0,
        };
        match class {
            0 if part > 0.0 => SHARES * (1.0 + part),
            0 => 0.0,
            _ if held[self.train] < 0.5 => part + LACKING,
            _ => part,
        }
    }

    fn gain(&self, steps: &[Step]) -> f64 {
        let mut classes: Vec<usize> = steps
            .iter()
            .flat_map(|(unit, ..)| self.parts[*unit].iter().map(|(class, _)| *class))
            .collect();
        classes.sort_unstable();
        classes.dedup();
        let gain = |class: usize| {
            let mut held = self.held[class].clone();
            for &(unit, split, sign) in steps {
                let of_class = self.parts[unit].iter().filter(|(found, _)| *found == class);
                held[split] += of_class.map(|(_, n)| n * sign).sum::<f64>();
            }
            self.cost(class, &self.held[class]) - self.cost(class, &held)
        };
        classes.into_iter().map(gain).sum()
    }

    fn apply(&mut self, steps: &[Step]) {
        for &(unit, split, sign) in steps {
            for &(class, n) in &self.parts[unit] {
                self.held[class][split] += n * sign;
            }
            if sign > 0.0 {
                self.of[unit] = split;
            }
        }
    }

    /// More than this cannot be gained by moving a unit.
    fn at_stake(&self, unit: usize) -> f64 {
        let classes = self.parts[unit].iter();
        classes
            .map(|(class, _)| self.cost(*class, &self.held[*class]))
            .sum()
    }

    fn total_cost(&self) -> f64 {
        (0..self.totals.len())
            .map(|class| self.cost(class, &self.held[class]))
            .sum()
    }

    /// What gains most goes first: in steps of a half, so that small differences do not decide about what comes after.
    fn improve(&mut self) {
        let order = self.free();
        let mut least = 2_f64.powi(self.total_cost().max(LEAST_GAIN).log2() as i32 + 1);
        while least >= LEAST_GAIN && self.total_cost() > 0.0 {
            let has_moved = self.move_each(&order, least) || self.exchange_each(&order, least);
            if !has_moved {
                least /= 2.0;
            }
        }
    }

    fn move_each(&mut self, order: &[usize], least: f64) -> bool {
        let mut has_moved = false;
        for &unit in order {
            let from = self.of[unit];
            if self.at_stake(unit) < least {
                continue;
            }
            for to in (0..self.shares.len()).filter(|&to| to != from) {
                let steps = [(unit, from, -1.0), (unit, to, 1.0)];
                if self.gain(&steps) >= least {
                    self.apply(&steps);
                    has_moved = true;
                    break;
                }
            }
        }
        has_moved
    }

    fn exchange_each(&mut self, order: &[usize], least: f64) -> bool {
        let mut has_moved = false;
        let order = &order[..order.len().min(MOST_EXCHANGED)];
        let mut stakes: Vec<f64> = order.iter().map(|unit| self.at_stake(*unit)).collect();
        for (i, &a) in order.iter().enumerate() {
            for (j, &b) in order.iter().enumerate().skip(i + 1) {
                let (of_a, of_b) = (self.of[a], self.of[b]);
                if of_a == of_b || stakes[i] + stakes[j] < least {
                    continue;
                }
                let steps = [
                    (a, of_a, -1.0),
                    (b, of_b, -1.0),
                    (a, of_b, 1.0),
                    (b, of_a, 1.0),
                ];
                if self.gain(&steps) >= least {
                    self.apply(&steps);
                    stakes = order.iter().map(|unit| self.at_stake(*unit)).collect();
                    has_moved = true;
                }
            }
        }
        has_moved
    }
}

/// Of all ways that are as good as any, within the tolerance of every class, that in which fewest images move.
fn every_way(start: Dealing) -> Vec<usize> {
    let mut dealing = start.allowing_nothing();
    let (free, splits) = (dealing.free(), dealing.shares.len());
    let mut tried = Vec::new();
    dealing.try_ways(&free, 0, &mut tried);
    let least = tried.iter().map(|(cost, _)| *cost).min().unwrap_or(0);
    let classes = (dealing.totals.len() - 1) as f64;
    let good = least.saturating_add((TOLERANCE * classes * COSTS) as u64);
    let ways = (0..tried.len()).filter(|&way| tried[way].0 <= good);
    let best = ways.min_by_key(|&way| (tried[way].1, tried[way].0));
    let (mut of, mut digits) = (dealing.of, best.unwrap_or(0));
    for &unit in free.iter().rev() {
        of[unit] = digits % splits;
        digits /= splits;
    }
    of
}

/// Costs are compared as whole numbers of this part, so that the order of the classes does not decide.
const COSTS: f64 = 1e6;

impl Dealing<'_> {
    /// Finds the cost of every way to deal some units, and how many images move. The last unit changes first.
    fn try_ways(&mut self, free: &[usize], moved: u64, tried: &mut Vec<(u64, u64)>) {
        let Some((&unit, others)) = free.split_first() else {
            tried.push(((self.total_cost() * COSTS).round() as u64, moved));
            return;
        };
        let home = self.of[unit];
        for split in 0..self.shares.len() {
            self.apply(&[(unit, self.of[unit], -1.0), (unit, split, 1.0)]);
            let more = match split == home {
                true => 0,
                false => self.units[unit].images,
            };
            self.try_ways(others, moved + more, tried);
        }
        self.apply(&[(unit, self.of[unit], -1.0), (unit, home, 1.0)]);
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

    #[test]
    fn one_more_image_moves_few_others() {
        let classes = |i: u64| {
            let n = |class: u64| (i.wrapping_mul(7919) >> class) % (9 - 3 * class);
            (0..3)
                .map(|class| (class as u32, n(class) as u32))
                .collect()
        };
        let unit = |seed: u64, i: u64, images: u64| Unit {
            place: (seed * 100 + i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            images,
            fixed: None,
            classes: classes(i),
        };
        let mut moved = 0;
        for seed in 0..40 {
            let mut units: Vec<Unit> = (0..30).map(|i| unit(seed, i, 4)).collect();
            let before = deal(&units, &[0.8, 0.1, 0.1], 0);
            units.push(unit(seed, 30, 1));
            let after = deal(&units, &[0.8, 0.1, 0.1], 0);
            moved += before.iter().zip(&after).filter(|(a, b)| a != b).count();
        }
        // Of 1200 groups.
        assert!(moved <= 120, "{moved}");
    }

    proptest! {
        #[test]
        fn shares_of_images_are_as_good_as_without_unless_train_lacks_a_class(
            groups in proptest::collection::vec((1u64..9, proptest::collection::vec((0u32..3, 1u32..9), 1..4)), 12..40),
            places: u64,
        ) {
            let unit = |(i, (images, classes)): (usize, (u64, Vec<(u32, u32)>))| Unit {
                place: places.wrapping_mul(i as u64 * 2 + 1),
                images,
                fixed: None,
                classes,
            };
            let units: Vec<Unit> = groups.into_iter().enumerate().map(unit).collect();
            let shares = [0.6, 0.2, 0.2];
            let missed = |of: &[usize]| {
                let all: f64 = units.iter().map(|unit| unit.images as f64).sum();
                let mut held = [0.0; 3];
                units.iter().zip(of).for_each(|(unit, split)| held[*split] += unit.images as f64);
                plain::misplaced(&held, &shares.map(|share| share * all)) / all
            };
            let start = plain::deal(&units, &shares);
            let classes = |only: Option<&[usize]>| -> std::collections::BTreeSet<u32> {
                let some = (0..units.len()).filter(|at| only.is_none_or(|of| of[*at] == 0));
                some.flat_map(|at| units[at].classes.iter().map(|(class, _)| *class)).collect()
            };
            prop_assume!(classes(Some(&start)) == classes(None));
            let of = deal(&units, &shares, 0);
            prop_assert!(missed(&of) <= missed(&start).max(TOLERANCE) + 1e-6);
        }

        #[test]
        fn classes_are_never_farther_from_their_shares_than_without(
            groups in proptest::collection::vec((1u64..9, proptest::collection::vec((0u32..4, 1u32..9), 0..4)), 1..30),
            places: u64,
        ) {
            let mut units = Vec::new();
            for (images, mut classes) in groups {
                classes.sort_unstable();
                classes.dedup_by_key(|(class, _)| *class);
                units.push(Unit {
                    place: places.wrapping_mul(units.len() as u64 * 2 + 1),
                    images,
                    fixed: None,
                    classes,
                });
            }
            let shares = [0.6, 0.2, 0.2];
            let start = Dealing::new(&units, &shares, 0);
            let lacks = |class: usize| start.held[class][0] < 0.5;
            prop_assume!(!(1..start.totals.len()).any(lacks));
            let mut after = start.clone();
            after.of = deal(&units, &shares, 0);
            after.held.iter_mut().for_each(|held| held.fill(0.0));
            for (parts, split) in start.parts.iter().zip(&after.of) {
                parts.iter().for_each(|(class, n)| after.held[*class][*split] += n);
            }
            prop_assert!(after.all_misplaced() <= start.all_misplaced() + 1e-6);
        }

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
