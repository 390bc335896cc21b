//! Deals groups, none of which is divided, to splits, so that each gets its share of the images. Pure.
//!
//! A hash of seed and name gives every group a place between 0 and 1, and the shares divide that line: as far as possible a
//! group's split depends on nothing else, and stays when others come and go. Where the shares are missed that way, groups
//! move, as few as needed: first those that are larger than their split, largest first, then others in the order of their
//! places, at last whichever help most, alone or in exchange for another. Of few groups every way to deal them is tried.
//!
//! A split that holds more than its share of what may not move keeps that, and the others share the rest in proportion.

/// What is dealt: a group, or several that must stay together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unit {
    /// Its place on the line, from a hash.
    pub place: u64,
    /// Number of its images.
    pub images: u64,
    /// The split where it must be.
    pub fixed: Option<usize>,
    /// How many boxes it has, by number of their concept.
    pub classes: Vec<(u32, u32)>,
}

/// By how much shares may be missed for groups to stay in their places, as a part of all images.
pub const TOLERANCE: f64 = 0.02;

/// The number of ways to deal that are all tried.
pub const MOST_WAYS: f64 = 150_000.0;

/// Of more groups only the largest are exchanged.
const MOST_EXCHANGED: usize = 300;

/// The split of each unit.
pub fn deal(units: &[Unit], shares: &[f64]) -> Vec<usize> {
    let mut dealing = Dealing::new(units, shares);
    if dealing.is_met() {
        return dealing.of;
    }
    if ways(units, shares) <= MOST_WAYS {
        return every_way(&dealing);
    }
    dealing.move_giants();
    dealing.move_in_order();
    dealing.improve();
    if !dealing.is_met() {
        let mut other = Dealing::new(units, shares);
        other.deal_largest_first();
        other.improve();
        if other.misplaced() < dealing.misplaced() - dealing.tolerance {
            return other.of;
        }
    }
    dealing.of
}

/// How many ways there are to deal what may move.
pub fn ways(units: &[Unit], shares: &[f64]) -> f64 {
    let free = units.iter().filter(|unit| unit.fixed.is_none()).count();
    (shares.len() as f64).powi(free as i32)
}

/// The split in which a place on the line lies.
pub fn at(place: u64, shares: &[f64]) -> usize {
    let at = place as f64 / u64::MAX as f64;
    let mut end = 0.0;
    let found = shares.iter().position(|share| {
        end += share;
        at < end
    });
    found.unwrap_or(shares.len() - 1)
}

/// Images beyond what the splits should have: the number of images in the wrong split.
pub fn misplaced(held: &[f64], wanted: &[f64]) -> f64 {
    let beyond = held.iter().zip(wanted).map(|(n, t)| (n - t).max(0.0));
    beyond.sum()
}

/// How many images each split can have at best: its share, or what it holds already, if that is more. Then the others share the
/// rest in proportion.
fn attainable(units: &[Unit], shares: &[f64], asked: &[f64]) -> Vec<f64> {
    let mut fixed = vec![0.0; shares.len()];
    for unit in units {
        if let Some(split) = unit.fixed {
            fixed[split] += unit.images as f64;
        }
    }
    let all: f64 = units.iter().map(|unit| unit.images as f64).sum();
    let mut wanted = asked.to_vec();
    let mut is_full = vec![false; shares.len()];
    loop {
        let splits = 0..shares.len();
        let over: Vec<usize> = splits
            .clone()
            .filter(|&split| !is_full[split] && fixed[split] > wanted[split] + 1e-6)
            .collect();
        if over.is_empty() {
            return wanted;
        }
        over.into_iter().for_each(|split| is_full[split] = true);
        let (full, others): (Vec<usize>, Vec<usize>) = splits.partition(|&split| is_full[split]);
        let rest = all - full.iter().map(|&split| fixed[split]).sum::<f64>();
        let of_rest: f64 = others.iter().map(|&split| shares[split]).sum();
        full.iter().for_each(|&split| wanted[split] = fixed[split]);
        for split in others {
            wanted[split] = match of_rest > 0.0 {
                true => rest * shares[split] / of_rest,
                false => 0.0,
            };
        }
    }
}

struct Dealing<'a> {
    units: &'a [Unit],
    /// Images that each split should have by its share.
    asked: Vec<f64>,
    /// Images that each split should have, as what is fixed allows, and has.
    wanted: Vec<f64>,
    held: Vec<f64>,
    /// The split of each unit.
    of: Vec<usize>,
    tolerance: f64,
}

impl<'a> Dealing<'a> {
    fn new(units: &'a [Unit], shares: &[f64]) -> Self {
        let all: f64 = units.iter().map(|unit| unit.images as f64).sum();
        let asked: Vec<f64> = shares.iter().map(|share| share * all).collect();
        let mut dealing = Dealing {
            units,
            wanted: attainable(units, shares, &asked),
            asked,
            held: vec![0.0; shares.len()],
            of: Vec::with_capacity(units.len()),
            tolerance: TOLERANCE * all + 1e-6,
        };
        for unit in units {
            let split = unit.fixed.unwrap_or_else(|| at(unit.place, shares));
            dealing.held[split] += unit.images as f64;
            dealing.of.push(split);
        }
        dealing
    }

    fn misplaced(&self) -> f64 {
        misplaced(&self.held, &self.wanted)
    }

    fn is_met(&self) -> bool {
        self.misplaced() <= self.tolerance
    }

    fn put(&mut self, unit: usize, split: usize) {
        let images = self.units[unit].images as f64;
        self.held[self.of[unit]] -= images;
        self.held[split] += images;
        self.of[unit] = split;
    }

    /// By how much fewer images are misplaced if a unit moves.
    fn gain(&self, unit: usize, to: usize) -> f64 {
        let (from, images) = (self.of[unit], self.units[unit].images as f64);
        let beyond = |split: usize, held: f64| (held - self.wanted[split]).max(0.0);
        beyond(from, self.held[from]) + beyond(to, self.held[to])
            - beyond(from, self.held[from] - images)
            - beyond(to, self.held[to] + images)
    }

    fn lack(&self, split: usize) -> f64 {
        self.wanted[split] - self.held[split]
    }

    /// The split for which a number is largest; of several the first.
    fn most(&self, number: impl Fn(usize) -> f64) -> usize {
        let splits = 0..self.wanted.len();
        splits
            .reduce(|best, i| if number(i) > number(best) { i } else { best })
            .unwrap_or(0)
    }

    /// Units that may move, the largest first.
    fn by_size(&self) -> Vec<usize> {
        let mut free: Vec<usize> = (0..self.units.len())
            .filter(|&unit| self.units[unit].fixed.is_none())
            .collect();
        free.sort_by_key(|&unit| {
            let unit = &self.units[unit];
            (std::cmp::Reverse(unit.images), unit.place)
        });
        free
    }

    /// Moves units that are larger than all that their split should have to where they fit best.
    fn move_giants(&mut self) {
        for unit in self.by_size() {
            let images = self.units[unit].images as f64;
            if images <= self.wanted[self.of[unit]] + self.tolerance {
                continue;
            }
            let fits = |split: usize| (self.wanted[split] - images).min(0.0);
            let best = self.most(|split| fits(split) * 1e6 + self.lack(split));
            if fits(best) > fits(self.of[unit]) {
                self.put(unit, best);
            }
        }
    }

    /// Moves units from the fullest to the emptiest split, those next to it on the line first, as long as none overshoots.
    fn move_in_order(&mut self) {
        let mut order = self.by_size();
        order.sort_by_key(|&unit| self.units[unit].place);
        while !self.is_met() {
            let (to, from) = (self.most(|i| self.lack(i)), self.most(|i| -self.lack(i)));
            let room = self.lack(to).min(-self.lack(from)) + self.tolerance / 2.0;
            let fits = |&&unit: &&usize| {
                self.of[unit] == from
                    && self.units[unit].images as f64 <= room
                    && self.gain(unit, to) > 0.0
            };
            let next = match from < to {
                true => order.iter().rev().find(fits),
                false => order.iter().find(fits),
            };
            match next {
                Some(&unit) => self.put(unit, to),
                None => return,
            }
        }
    }

    fn deal_largest_first(&mut self) {
        let order = self.by_size();
        for &unit in &order {
            self.held[self.of[unit]] -= self.units[unit].images as f64;
        }
        for unit in order {
            let split = self.most(|i| self.lack(i));
            self.held[split] += self.units[unit].images as f64;
            self.of[unit] = split;
        }
    }

    /// Moves or exchanges what helps most until nothing does.
    fn improve(&mut self) {
        let mut order = self.by_size();
        order.truncate(MOST_EXCHANGED.max(order.len().min(MOST_EXCHANGED)));
        for _ in 0..4 * order.len() {
            if self.is_met() {
                return;
            }
            let moved = self.best_move(&order);
            let exchanged = self.best_exchange(&order);
            match (moved, exchanged) {
                (Some((gain, unit, to)), other) if other.is_none_or(|o| o.0 <= gain) => {
                    self.put(unit, to);
                }
                (_, Some((_, a, b))) => {
                    let (of_a, of_b) = (self.of[a], self.of[b]);
                    self.put(a, of_b);
                    self.put(b, of_a);
                }
                _ => return,
            }
        }
    }

    fn best_move(&self, order: &[usize]) -> Option<(f64, usize, usize)> {
        let splits = 0..self.wanted.len();
        let ways = order.iter().flat_map(|&unit| {
            let others = splits.clone().filter(move |&to| to != self.of[unit]);
            others.map(move |to| (self.gain(unit, to), unit, to))
        });
        best(ways)
    }

    fn best_exchange(&self, order: &[usize]) -> Option<(f64, usize, usize)> {
        let ways = order.iter().enumerate().flat_map(|(i, &a)| {
            let later = order[i + 1..].iter();
            let others = later.filter(move |&&b| self.of[a] != self.of[b]);
            others.map(move |&b| (self.gain_of_exchange(a, b), a, b))
        });
        best(ways)
    }

    fn gain_of_exchange(&self, a: usize, b: usize) -> f64 {
        let (from, to) = (self.of[a], self.of[b]);
        let more = self.units[a].images as f64 - self.units[b].images as f64;
        let beyond = |split: usize, held: f64| (held - self.wanted[split]).max(0.0);
        beyond(from, self.held[from]) + beyond(to, self.held[to])
            - beyond(from, self.held[from] - more)
            - beyond(to, self.held[to] + more)
    }
}

/// The way that gains most; of several the first. None if none gains.
fn best(ways: impl Iterator<Item = (f64, usize, usize)>) -> Option<(f64, usize, usize)> {
    let gains = ways.filter(|(gain, ..)| *gain > 1e-9);
    gains.reduce(|best, way| if way.0 > best.0 + 1e-9 { way } else { best })
}

/// Of all ways whose shares are as good as any, within the tolerance, that in which fewest images move.
fn every_way(dealing: &Dealing) -> Vec<usize> {
    let free = {
        let mut free = dealing.by_size();
        free.sort_by_key(|&unit| dealing.units[unit].place);
        free
    };
    let splits = dealing.wanted.len();
    let mut rest = dealing.held.clone();
    for &unit in &free {
        rest[dealing.of[unit]] -= dealing.units[unit].images as f64;
    }
    let ways = splits.pow(free.len() as u32);
    let measure = |way: usize| {
        let (mut held, mut moved, mut digits) = (rest.clone(), 0, way);
        for &unit in &free {
            let split = digits % splits;
            digits /= splits;
            held[split] += dealing.units[unit].images as f64;
            if split != dealing.of[unit] {
                moved += dealing.units[unit].images;
            }
        }
        let asked = misplaced(&held, &dealing.asked);
        ([asked, misplaced(&held, &dealing.wanted)], moved)
    };
    let measures: Vec<([f64; 2], u64)> = (0..ways).map(measure).collect();
    let mut good: Vec<usize> = (0..ways).collect();
    for which in [0, 1] {
        let found = |way: usize| measures[way].0[which];
        let least = good.iter().map(|&way| found(way));
        let least = least.fold(f64::INFINITY, f64::min);
        good.retain(|&way| found(way) <= least + dealing.tolerance);
    }
    let way = good.into_iter().min_by(|&a, &b| {
        let (a, b) = (measures[a], measures[b]);
        a.1.cmp(&b.1).then(a.0[1].total_cmp(&b.0[1]))
    });
    let (mut of, mut digits) = (dealing.of.clone(), way.unwrap_or(0));
    for &unit in &free {
        of[unit] = digits % splits;
        digits /= splits;
    }
    of
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn units(sizes: &[u64], seed: u64) -> Vec<Unit> {
        let place = |i: usize| {
            let mixed = (seed ^ i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        };
        let unit = |(i, &images): (usize, &u64)| Unit {
            place: place(i),
            images,
            ..Unit::default()
        };
        sizes.iter().enumerate().map(unit).collect()
    }

    fn missed(units: &[Unit], shares: &[f64], of: &[usize]) -> f64 {
        let all: f64 = units.iter().map(|unit| unit.images as f64).sum();
        let wanted: Vec<f64> = shares.iter().map(|share| share * all).collect();
        let mut held = vec![0.0; shares.len()];
        for (unit, &split) in units.iter().zip(of) {
            held[split] += unit.images as f64;
        }
        misplaced(&held, &wanted) / all
    }

    /// By trying everything.
    fn possible(units: &[Unit], shares: &[f64]) -> f64 {
        let splits = shares.len();
        (0..splits.pow(units.len() as u32))
            .map(|way| {
                let digit = |i: usize| way / splits.pow(i as u32) % splits;
                let of: Vec<usize> = (0..units.len()).map(digit).collect();
                missed(units, shares, &of)
            })
            .fold(f64::INFINITY, f64::min)
    }

    const SHARES: [&[f64]; 4] = [
        &[0.8, 0.1, 0.1],
        &[0.5, 0.5],
        &[0.7, 0.2, 0.1],
        &[0.34, 0.33, 0.33],
    ];

    #[test]
    fn half_of_all_images_in_one_group_do_not_spoil_the_shares() {
        let sizes = [
            1206, 240, 196, 81, 80, 78, 60, 50, 40, 37, 30, 25, 20, 19, 16, 16, 12, 12, 10, 9, 8,
            7, 6, 5, 4, 3, 2, 1, 1, 1, 1, 1,
        ];
        for seed in 0..50 {
            let units = units(&sizes, seed);
            let of = deal(&units, SHARES[0]);
            let missed = missed(&units, SHARES[0], &of);
            assert!(missed <= TOLERANCE + 1e-6, "{seed}: {missed}");
        }
    }

    #[test]
    fn a_new_group_moves_hardly_any_other() {
        let sizes: Vec<u64> = (0..60).map(|i| 1 + i * 7 % 9).collect();
        let mut moved = 0;
        for seed in 0..200 {
            let mut units = units(&sizes, seed);
            let before = deal(&units, SHARES[0]);
            let another = seed.wrapping_mul(0xd6e8_feb8_6659_fd93);
            units.push(Unit {
                place: another,
                images: 1,
                ..Unit::default()
            });
            let after = deal(&units, SHARES[0]);
            moved += before.iter().zip(&after).filter(|(a, b)| a != b).count();
        }
        // Of 12,000 groups.
        assert!(moved <= 60, "{moved}");
    }

    #[test]
    fn what_is_fixed_stays() {
        let mut units = units(&[5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5], 3);
        for unit in &mut units[..6] {
            unit.fixed = Some(1);
        }
        let of = deal(&units, SHARES[0]);
        assert!(of[..6].iter().all(|split| *split == 1));
        assert!(of[6..].iter().all(|split| *split != 1), "{of:?}");
    }

    #[test]
    fn what_is_full_leaves_the_rest_to_the_others_in_proportion() {
        let fixed = |split: usize, images: u64| Unit {
            images,
            fixed: Some(split),
            ..Unit::default()
        };
        for n in [10, 60] {
            let mut units = units(&vec![2; n], 5);
            units.extend([fixed(0, 12 * n as u64), fixed(1, n as u64 / 5)]);
            let of = deal(&units, SHARES[0]);
            let held = |split: usize| {
                let of = units.iter().zip(&of).filter(|(_, of)| **of == split);
                of.map(|(unit, _)| unit.images).sum::<u64>() as usize
            };
            // Nothing that is new belongs to the first; the others get the same.
            let most = (TOLERANCE * 14.2 * n as f64) as usize + 1;
            assert!(held(0) <= 12 * n + most, "{of:?}");
            assert!(held(1).abs_diff(held(2)) <= 2 * most, "{of:?}");
        }
    }

    proptest! {
        #[test]
        fn shares_are_met_within_two_percent_of_what_is_possible(
            sizes in proptest::collection::vec(1u64..200, 1..8), seed: u64, shares in 0usize..4,
        ) {
            let units = units(&sizes, seed);
            let of = deal(&units, SHARES[shares]);
            let missed = missed(&units, SHARES[shares], &of);
            let possible = possible(&units, SHARES[shares]);
            prop_assert!(missed <= possible + TOLERANCE + 1e-6, "{} {}", missed, possible);
        }

        #[test]
        fn searching_comes_as_near_as_trying_everything(
            sizes in proptest::collection::vec(1u64..200, 1..9), seed: u64, shares in 0usize..4,
        ) {
            let units = units(&sizes, seed);
            let mut dealing = Dealing::new(&units, SHARES[shares]);
            dealing.move_giants();
            dealing.move_in_order();
            dealing.improve();
            let mut other = Dealing::new(&units, SHARES[shares]);
            other.deal_largest_first();
            other.improve();
            let all: f64 = sizes.iter().sum::<u64>() as f64;
            let missed = dealing.misplaced().min(other.misplaced()) / all;
            // Not exact, but never far: more groups leave more ways out than these few.
            prop_assert!(missed <= possible(&units, SHARES[shares]) + 0.1, "{}", missed);
        }
    }
}
