//! Assigns images to splits, whole groups at a time: the same for the same seed and groups, whatever the order of the input.
//!
//! Groups that share a file, byte for byte, or images that look alike, count as one: the same scan under two URLs must not be
//! in both train and test. Pure.

mod deal;
pub mod earlier;
pub mod notes;
pub mod options;
mod shares;
mod stratify;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use deal::Unit;
use earlier::Earlier;
pub use shares::Splits;

use crate::files::hash_number;

/// An image, as far as the split is concerned.
#[derive(Clone, Copy, Debug, Default)]
pub struct Member<'a> {
    /// A number made of its id.
    pub id_hash: u64,
    /// Index into the names of groups: images of one group never go to different splits.
    pub group: u32,
    /// SHA-256 of its file, if files that are equal keep groups together.
    pub sha256: Option<&'a [u8; 32]>,
    /// The split that the source names.
    pub official: Option<&'a str>,
    /// How many boxes it has, by number of their concept.
    pub concepts: &'a [(u32, u32)],
}

/// The choices of the user.
#[derive(Clone, Debug, Default)]
pub struct SplitRules<'a> {
    /// Names and shares; none if every split is named by the source.
    pub splits: Option<Splits>,
    /// What decides where shares do not.
    pub seed: u64,
    /// Whether each class is shared out too.
    pub by_class: bool,
    /// Where images and groups were before.
    pub earlier: Option<&'a Earlier>,
    /// Pairs of members that look alike and stay together.
    pub alike: Vec<(usize, usize)>,
    /// Pairs of groups that have a value in common and stay together.
    pub links: Vec<(u32, u32)>,
}

/// The splits of all members.
#[derive(Debug, Default, PartialEq)]
pub struct Assigned {
    /// Names of the splits, in the order given.
    pub names: Vec<String>,
    /// The split of each member, in their order.
    pub of: Vec<u16>,
    /// How many groups there are, those that stay together counted as one.
    pub units: usize,
    /// How many groups stay together with another because of equal files, because of images that look alike, and because of
    /// values in common.
    pub joined: [usize; 3],
    /// Pairs of members whose files are equal and that are in different splits: the source or the earlier splits say so.
    pub leaks: Vec<[u32; 2]>,
    /// How many members the earlier set names, and of how many others it names the group.
    pub known: [usize; 2],
    /// Groups that are divided: the source or the earlier splits say so.
    pub divided: usize,
    /// How many images kept the place that they had.
    pub kept: usize,
    /// Number of images of the largest unit.
    pub largest: u64,
    /// Names and shares that were asked for.
    pub asked: Option<Splits>,
}

impl Assigned {
    /// Number of members in a split.
    pub fn held(&self, split: usize) -> u64 {
        let own = self.of.iter().filter(|of| usize::from(**of) == split);
        own.count() as u64
    }

    /// Whether shares are missed only by so much that groups stay where they are when a set grows.
    pub fn is_within_tolerance(&self, splits: &Splits) -> bool {
        let all = self.of.len() as f64;
        let wanted: Vec<f64> = splits.shares().iter().map(|share| share * all).collect();
        let held = (0..wanted.len()).map(|split| self.held(split) as f64);
        let held: Vec<f64> = held.collect();
        deal::misplaced(&held, &wanted) <= deal::TOLERANCE * all + 1e-6
    }
}

/// Assigns members of groups to splits.
pub fn assign(members: &[Member], groups: &[String], rules: &SplitRules) -> Assigned {
    let names = names(members, rules);
    let number = |name: &str| names.iter().position(|known| known == name);
    let (units, joins) = unite(members, groups, rules);
    let placed: Vec<Option<usize>> = members
        .iter()
        .map(|member| {
            let official = member.official.and_then(number);
            let earlier = || number(rules.earlier?.of_image(member.id_hash)?);
            // An old group stays where it is even if it joins others now.
            let with_group = || number(rules.earlier?.of_group(&groups[member.group as usize])?);
            official.or_else(earlier).or_else(with_group)
        })
        .collect();
    let unit_of = |member: &Member| units[member.group as usize] as usize;
    let homes = majorities(&placed, members.iter().map(unit_of));
    let kept = placed.iter().flatten().count();
    let places = match kept {
        0 => placed,
        _ => with_their_groups(members, placed),
    };
    let mut gathered = named_units(groups, &units, rules.seed);
    for (unit, home) in gathered.iter_mut().zip(homes) {
        unit.fixed = home;
    }
    let count = gathered.len();
    count_members(&mut gathered, members, &units, &places, rules.by_class);
    let shares = shares(&names, rules);
    let dealt = match rules.by_class {
        true => stratify::deal(&gathered, &shares, train(&names, &shares)),
        false => deal::deal(&gathered, &shares),
    };
    let of: Vec<u16> = members
        .iter()
        .zip(&places)
        .map(|(member, place)| place.unwrap_or_else(|| dealt[unit_of(member)]) as u16)
        .collect();
    Assigned {
        divided: divided(members, &of),
        joined: joined(&joins, members, &of, groups.len()),
        leaks: leaks(members, &of),
        known: known(members, groups, rules),
        kept,
        units: count,
        largest: gathered.iter().map(|unit| unit.images).max().unwrap_or(0),
        asked: rules.splits.clone(),
        names,
        of,
    }
}

/// The split that needs every class: that of this name, else the largest.
pub fn train(names: &[String], shares: &[f64]) -> usize {
    let named = |name: &String| ["train", "training"].contains(&name.to_lowercase().as_str());
    let largest = || {
        let splits = 0..shares.len();
        splits.reduce(|best, i| if shares[i] > shares[best] { i } else { best })
    };
    names.iter().position(named).or_else(largest).unwrap_or(0)
}

/// The names of the splits: those of the shares, then those that the source names, `train`, `val` and `test` first.
fn names(members: &[Member], rules: &SplitRules) -> Vec<String> {
    let mut names = rules.splits.as_ref().map_or(Vec::new(), Splits::names);
    let mut others: Vec<&str> = members.iter().filter_map(|m| m.official).collect();
    others.sort_by_key(|name| {
        let known = [
            "train",
            "training",
            "val",
            "valid",
            "validation",
            "dev",
            "test",
        ];
        let place = known.iter().position(|k| name.eq_ignore_ascii_case(k));
        (place.unwrap_or(known.len()), *name)
    });
    others.dedup();
    for name in others {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// The share of each split; 0 for those that only the source names.
fn shares(names: &[String], rules: &SplitRules) -> Vec<f64> {
    let mut shares = rules.splits.as_ref().map_or(Vec::new(), Splits::shares);
    shares.resize(names.len(), 0.0);
    shares
}

/// Two groups that are one unit, and why: the index into [`Assigned::joined`].
type Join = (u32, u32, usize);

/// The unit of each group: groups that share files or have images that look alike are one unit, named by its first group.
fn unite(members: &[Member], groups: &[String], rules: &SplitRules) -> (Vec<u32>, Vec<Join>) {
    let mut joins = Vec::new();
    let mut parent: Vec<u32> = (0..groups.len() as u32).collect();
    let mut holder: HashMap<&[u8; 32], u32> = HashMap::new();
    let mut join = |parent: &mut Vec<u32>, one: u32, two: u32, why: usize| {
        let (a, b) = (root(parent, one), root(parent, two));
        if a != b {
            let (first, other) = match groups[a as usize] <= groups[b as usize] {
                true => (a, b),
                false => (b, a),
            };
            parent[other as usize] = first;
            joins.push((one, two, why));
        }
    };
    for member in members {
        if let Some(sha256) = member.sha256 {
            let other = *holder.entry(sha256).or_insert(member.group);
            join(&mut parent, member.group, other, 0);
        }
    }
    for &(a, b) in &rules.alike {
        join(&mut parent, members[a].group, members[b].group, 1);
    }
    for &(a, b) in &rules.links {
        join(&mut parent, a, b, 2);
    }
    // Numbered from 0 in the order of their names.
    let roots: Vec<u32> = (0..groups.len() as u32).map(|g| root(&parent, g)).collect();
    let mut units: Vec<u32> = roots.clone();
    units.sort_unstable_by_key(|&unit| &groups[unit as usize]);
    units.dedup();
    let numbers: HashMap<u32, u32> = units.into_iter().zip(0..).collect();
    (roots.iter().map(|root| numbers[root]).collect(), joins)
}

fn root(parent: &[u32], mut group: u32) -> u32 {
    while parent[group as usize] != group {
        group = parent[group as usize];
    }
    group
}

/// The units, each with its place on the line, and nothing in it.
fn named_units(groups: &[String], units: &[u32], seed: u64) -> Vec<Unit> {
    let n = units
        .iter()
        .map(|unit| *unit as usize + 1)
        .max()
        .unwrap_or(0);
    let mut names: Vec<Option<&String>> = vec![None; n];
    for (group, &unit) in groups.iter().zip(units) {
        let name = &mut names[unit as usize];
        *name = Some(name.map_or(group, |known| known.min(group)));
    }
    let place = |name: Option<&String>| {
        let name = name.map_or("", String::as_str);
        hash_number(format!("{seed}\n{name}").as_bytes())
    };
    let named = names.into_iter().map(|name| Unit {
        place: place(name),
        ..Unit::default()
    });
    named.collect()
}

/// Counts images and classes of the units. Images that are elsewhere than where their unit is fixed count where they are: as
/// more units, which are added.
fn count_members(
    gathered: &mut Vec<Unit>,
    members: &[Member],
    units: &[u32],
    places: &[Option<usize>],
    by_class: bool,
) {
    let unit_of = |member: &Member| units[member.group as usize] as usize;
    let placed = || members.iter().zip(places);
    // In an order that is not that of the input.
    let elsewhere: BTreeSet<(usize, usize)> = placed()
        .filter_map(|(member, place)| Some((unit_of(member), (*place)?)))
        .filter(|(unit, split)| gathered[*unit].fixed != Some(*split))
        .collect();
    let numbers: BTreeMap<(usize, usize), usize> =
        elsewhere.into_iter().zip(gathered.len()..).collect();
    gathered.extend(numbers.keys().map(|&(_, split)| Unit {
        fixed: Some(split),
        ..Unit::default()
    }));
    let mut classes: Vec<BTreeMap<u32, u32>> = vec![BTreeMap::new(); gathered.len()];
    for (member, place) in placed() {
        let unit = unit_of(member);
        let own = place.and_then(|split| numbers.get(&(unit, split)));
        let unit = own.copied().unwrap_or(unit);
        gathered[unit].images += 1;
        if by_class {
            for &(concept, n) in member.concepts {
                *classes[unit].entry(concept).or_default() += n;
            }
        }
    }
    for (unit, classes) in gathered.iter_mut().zip(classes) {
        unit.classes = classes.into_iter().collect();
    }
}

/// Where most of the members are that have a place, by the number of what they belong to; of several splits the first.
fn majorities(
    placed: &[Option<usize>],
    belongs: impl Iterator<Item = usize>,
) -> Vec<Option<usize>> {
    let mut votes: Vec<BTreeMap<usize, u64>> = Vec::new();
    for (place, whole) in placed.iter().zip(belongs) {
        votes.resize_with(votes.len().max(whole + 1), BTreeMap::new);
        if let Some(place) = place {
            *votes[whole].entry(*place).or_default() += 1;
        }
    }
    votes.iter().map(most).collect()
}

/// The split with most votes; of several the first.
fn most(votes: &BTreeMap<usize, u64>) -> Option<usize> {
    let most = votes
        .iter()
        .max_by_key(|&(split, n)| (n, std::cmp::Reverse(split)));
    most.map(|(split, _)| *split)
}

/// The places of all members of groups of which some have one. What is new goes where most of its group is, whatever the group
/// is joined to; if the group is divided already, an image whose file was there before goes where that is.
fn with_their_groups(members: &[Member], placed: Vec<Option<usize>>) -> Vec<Option<usize>> {
    let of_groups = majorities(&placed, members.iter().map(|m| m.group as usize));
    let home = |member: &Member| of_groups[member.group as usize];
    let pairs = || members.iter().zip(&placed);
    let divided: HashSet<u32> = pairs()
        .filter(|(member, place)| place.is_some() && **place != home(member))
        .map(|(member, _)| member.group)
        .collect();
    let mut equal: HashMap<&[u8; 32], BTreeMap<usize, u64>> = pairs()
        .filter(|(member, place)| place.is_none() && divided.contains(&member.group))
        .filter_map(|(member, _)| Some((member.sha256?, BTreeMap::new())))
        .collect();
    for (member, place) in pairs() {
        let votes = member.sha256.and_then(|sha256| equal.get_mut(sha256));
        if let (Some(votes), Some(place)) = (votes, place) {
            *votes.entry(*place).or_default() += 1;
        }
    }
    let followed = |member: &Member| match divided.contains(&member.group) {
        true => most(equal.get(member.sha256?)?),
        false => None,
    };
    pairs()
        .map(|(member, place)| place.or_else(|| followed(member)).or_else(|| home(member)))
        .collect()
}

/// How many groups stay together with another, for each reason: both are in one and the same split.
fn joined(joins: &[Join], members: &[Member], of: &[u16], groups: usize) -> [usize; 3] {
    let mut joined = [0; 3];
    if joins.is_empty() {
        return joined;
    }
    // The one split of each group; none before its first image, and again none if it is divided.
    let mut splits: Vec<Option<Result<u16, ()>>> = vec![None; groups];
    for (member, &split) in members.iter().zip(of) {
        let known = &mut splits[member.group as usize];
        *known = match known {
            Some(known) if *known != Ok(split) => Some(Err(())),
            _ => Some(Ok(split)),
        };
    }
    for &(one, two, why) in joins {
        // A group without images of its own only stands for a value that others have in common.
        let both = [one, two].map(|group| splits[group as usize]);
        let is_one = match both {
            [Some(a), Some(b)] => a == b && a.is_ok(),
            _ => true,
        };
        joined[why] += usize::from(is_one);
    }
    joined
}

/// Members with equal files in different splits: the first of a file, and each that is elsewhere.
fn leaks(members: &[Member], of: &[u16]) -> Vec<[u32; 2]> {
    let mut firsts: HashMap<&[u8; 32], usize> = HashMap::new();
    let mut leaks = Vec::new();
    for (at, member) in members.iter().enumerate() {
        let Some(sha256) = member.sha256 else {
            continue;
        };
        let first = *firsts.entry(sha256).or_insert(at);
        if of[first] != of[at] {
            leaks.push([first as u32, at as u32]);
        }
    }
    leaks
}

/// How many members the earlier set names, and of how many others it names the group.
fn known(members: &[Member], groups: &[String], rules: &SplitRules) -> [usize; 2] {
    let mut known = [0; 2];
    let Some(earlier) = rules.earlier else {
        return known;
    };
    for member in members {
        if earlier.of_image(member.id_hash).is_some() {
            known[0] += 1;
        } else if earlier.of_group(&groups[member.group as usize]).is_some() {
            known[1] += 1;
        }
    }
    known
}

/// How many groups have images in several splits.
fn divided(members: &[Member], of: &[u16]) -> usize {
    let mut first: HashMap<u32, (u16, bool)> = HashMap::new();
    for (member, &split) in members.iter().zip(of) {
        let known = first.entry(member.group).or_insert((split, false));
        known.1 |= known.0 != split;
    }
    first.values().filter(|(_, is_divided)| *is_divided).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(splits: &str, seed: u64) -> SplitRules<'static> {
        SplitRules {
            splits: Some(splits.parse().unwrap()),
            seed,
            ..SplitRules::default()
        }
    }

    fn groups(n: u32) -> Vec<String> {
        (0..n).map(|i| format!("g{i}")).collect()
    }

    #[test]
    fn shares_are_met_and_another_seed_deals_otherwise() {
        let member = |i: u32| Member {
            group: i / 5,
            ..Member::default()
        };
        let members: Vec<Member> = (0..1000).map(member).collect();
        let of = |seed| {
            assign(
                &members,
                &groups(200),
                &rules("train=0.8,val=0.1,test=0.1", seed),
            )
            .of
        };
        let n = |split: u16| of(0).iter().filter(|n| **n == split).count();
        for (split, wanted) in [(0, 800), (1, 100), (2, 100)] {
            assert!(n(split).abs_diff(wanted) <= 20, "{split}: {}", n(split));
        }
        assert_ne!(of(0), of(1));
    }

    #[test]
    fn what_the_source_says_goes_before_what_was_before_and_before_shares() {
        let member = |i: u32, official: Option<&'static str>| Member {
            group: i,
            id_hash: u64::from(i),
            official,
            ..Member::default()
        };
        let members: Vec<Member> = (0..20)
            .map(|i| member(i, (i == 3).then_some("secret")))
            .collect();
        let earlier = Earlier::of(
            [(3, "train".into()), (4, "val".into())].into(),
            [("g5".into(), "val".into())].into(),
        );
        let found = assign(
            &members,
            &groups(20),
            &SplitRules {
                earlier: Some(&earlier),
                ..rules("train=0.8,val=0.2", 1)
            },
        );
        assert_eq!(found.names, ["train", "val", "secret"]);
        assert_eq!([3, 4, 5].map(|i| found.of[i]), [2, 1, 1]);
        assert_eq!(found.of.iter().filter(|of| **of == 1).count(), 4);
        assert_eq!(found.kept, 3);
    }

    #[test]
    fn what_is_new_goes_where_most_of_its_group_is_then_to_what_it_is_joined_to() {
        /// A group, its split if it is old, its file.
        type Placed = (u32, Option<char>, u8);
        let cases: [(&[Placed], &str); 3] = [
            // Two in one split, three in the other, joined: what is new in the first stays with the first.
            (
                &[
                    (0, Some('a'), 0),
                    (0, Some('a'), 1),
                    (1, Some('b'), 2),
                    (1, Some('b'), 3),
                    (1, Some('b'), 1),
                    (0, None, 4),
                    (2, None, 3),
                ],
                "aabbbab",
            ),
            // A group that is divided: most of it, but for a file that was there before.
            (
                &[
                    (0, Some('b'), 0),
                    (0, Some('b'), 1),
                    (0, Some('a'), 2),
                    (0, None, 3),
                    (0, None, 2),
                ],
                "bbaba",
            ),
            // As many here as there: the first split.
            (&[(0, Some('b'), 0), (0, Some('a'), 1), (0, None, 2)], "baa"),
        ];
        for (images, wanted) in cases {
            let member = |(i, &(group, _, file)): (u64, &(u32, Option<char>, u8))| Member {
                group,
                id_hash: i,
                sha256: Some(&SHAS[usize::from(file)]),
                ..Member::default()
            };
            let members: Vec<Member> = (0..).zip(images).map(member).collect();
            let old = (0..)
                .zip(images)
                .filter_map(|(i, image)| Some((i, image.1?.to_string())));
            let earlier = Earlier::of(old.collect(), HashMap::new());
            let rules = SplitRules {
                earlier: Some(&earlier),
                ..rules("a=0.5,b=0.5", 0)
            };
            let found = assign(&members, &groups(3), &rules).of;
            let found: String = found
                .iter()
                .map(|of| ["a", "b"][usize::from(*of)])
                .collect();
            assert_eq!(found, wanted);
        }
    }

    static SHAS: [[u8; 32]; 40] = {
        let mut shas = [[0; 32]; 40];
        let mut n = 0;
        while n < 40 {
            shas[n] = [n as u8; 32];
            n += 1;
        }
        shas
    };

    proptest! {
        #[test]
        fn no_group_and_no_file_stands_in_two_splits(
            images in proptest::collection::vec((0u32..12, 0u8..40), 1..60), seed: u64, turn in 0usize..60,
            alike in proptest::collection::vec((0usize..60, 0usize..60), 0..4),
            by_class: bool,
        ) {
            let members: Vec<Member> = images.iter().map(|&(group, sha)| Member {
                group,
                sha256: Some(&SHAS[usize::from(sha)]),
                concepts: &[(0, 1)],
                ..Member::default()
            }).collect();
            let alike = alike.into_iter().filter(|(a, b)| *a.max(b) < members.len()).collect();
            let mut rules = SplitRules { alike, by_class, ..rules("a=0.5,b=0.3,c=0.2", seed) };
            let of = assign(&members, &groups(12), &rules).of;
            for (i, a) in members.iter().enumerate() {
                for (j, b) in members.iter().enumerate() {
                    let is_alike = rules.alike.contains(&(i, j));
                    if a.group == b.group || a.sha256 == b.sha256 || is_alike {
                        prop_assert_eq!(of[i], of[j]);
                    }
                }
            }
            let turn = turn % members.len();
            let mut turned = members.clone();
            turned.rotate_left(turn);
            rules.alike = rules.alike.iter()
                .map(|&(a, b)| {
                    let at = |i: usize| (i + members.len() - turn) % members.len();
                    (at(a), at(b))
                })
                .collect();
            let mut others = assign(&turned, &groups(12), &rules).of;
            others.rotate_right(turn);
            prop_assert_eq!(of, others);
        }
    }
}
