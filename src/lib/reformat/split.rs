//! Assigns whole groups to splits: the same for the same seed and groups, whatever the order of the input.
//!
//! Groups are taken in the order of a hash of seed and name; each goes to the split that lacks most images. Groups that
//! share a file, byte for byte, count as one: the same scan under two URLs must not be in both train and test.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use crate::files::hex_digest;
use crate::summary::counted;

/// Names of splits and their shares, which sum to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Splits(Vec<(String, f64)>);

impl Splits {
    /// The names, in the order given.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }
}

impl FromStr for Splits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let splits: Vec<(String, f64)> = text.split(',').map(one).collect::<Result<_, _>>()?;
        let names: BTreeSet<String> = splits.iter().map(|(name, _)| name.to_lowercase()).collect();
        if names.len() != splits.len() {
            return Err("a name is used twice".into());
        }
        let sum: f64 = splits.iter().map(|(_, share)| share).sum();
        if (sum - 1.0).abs() > 1e-6 {
            return Err(format!("the shares sum to {sum}, not to 1"));
        }
        Ok(Splits(splits))
    }
}

fn one(text: &str) -> Result<(String, f64), String> {
    let (name, share) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not NAME=SHARE"))?;
    let name = name.trim();
    let safe = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if name.is_empty() || !name.bytes().all(safe) {
        return Err(format!("`{name}` is not a name of letters, digits and _"));
    }
    match share.trim().parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok((name.to_owned(), share)),
        _ => Err(format!("`{share}` is not a share above 0 and up to 1")),
    }
}

/// An image, as far as the split is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// Images of one group never go to different splits.
    pub group: &'a str,
    /// SHA-256 of its file.
    pub sha256: &'a str,
}

/// The splits of all members.
#[derive(Debug)]
pub struct Assigned {
    /// The split of each member, in their order.
    pub names: Vec<String>,
    /// Notes: splits that stay empty, groups that had to stay together.
    pub notes: Vec<String>,
}

/// Assigns members to splits.
pub fn assign(members: &[Member], splits: &Splits, seed: u64) -> Assigned {
    let united = unite(members);
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for member in members {
        *sizes.entry(united[member.group]).or_default() += 1;
    }
    let mut units: Vec<(&str, usize)> = sizes.into_iter().collect();
    units.sort_by_key(|(name, _)| hex_digest(format!("{seed}\n{name}").as_bytes(), 64));
    let mut lacking: Vec<f64> = splits
        .0
        .iter()
        .map(|(_, share)| share * members.len() as f64)
        .collect();
    let mut chosen: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, size) in units {
        let split = most(&lacking);
        lacking[split] -= size as f64;
        chosen.insert(name, split);
    }
    let split = |member: &Member| splits.0[chosen[united[member.group]]].0.clone();
    Assigned {
        names: members.iter().map(split).collect(),
        notes: notes(splits, &chosen, &united),
    }
}

/// The index of the largest number; of several, the first.
fn most(lacking: &[f64]) -> usize {
    (0..lacking.len())
        .reduce(|best, i| if lacking[i] > lacking[best] { i } else { best })
        .unwrap_or(0)
}

/// Group → the first name among all groups that it shares files with, directly or through others.
fn unite<'a>(members: &[Member<'a>]) -> BTreeMap<&'a str, &'a str> {
    let mut parent: BTreeMap<&str, &str> = members.iter().map(|m| (m.group, m.group)).collect();
    let mut holder: BTreeMap<&str, &str> = BTreeMap::new();
    for member in members {
        let other = *holder.entry(member.sha256).or_insert(member.group);
        let (a, b) = (root(&parent, member.group), root(&parent, other));
        parent.insert(a.max(b), a.min(b));
    }
    let groups: Vec<&str> = parent.keys().copied().collect();
    groups
        .into_iter()
        .map(|group| (group, root(&parent, group)))
        .collect()
}

fn root<'a>(parent: &BTreeMap<&'a str, &'a str>, mut group: &'a str) -> &'a str {
    while parent[group] != group {
        group = parent[group];
    }
    group
}

fn notes(
    splits: &Splits,
    chosen: &BTreeMap<&str, usize>,
    united: &BTreeMap<&str, &str>,
) -> Vec<String> {
    let groups = chosen.len();
    let mut notes: Vec<String> = splits
        .0
        .iter()
        .enumerate()
        .filter(|(i, _)| !chosen.values().any(|split| split == i))
        .map(|(_, (name, _))| {
            let groups = counted(groups as u64, "group", "groups");
            format!("split {name} stays empty: {groups} in total, and none is divided")
        })
        .collect();
    if united.len() > groups {
        notes.push(format!(
            "{} files with other groups: same split for all of these",
            counted(
                (united.len() - groups) as u64,
                "group shares",
                "groups share"
            )
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shares_are_named_positive_and_sum_to_one() {
        let cases = [
            ("train=0.8,val=0.1,test=0.1", Ok(3)),
            ("train=1", Ok(1)),
            ("train=0.8,val=0.1", Err("sum to 0.9")),
            ("train=0.5,Train=0.5", Err("twice")),
            ("train", Err("is not NAME=SHARE")),
            ("a/b=1", Err("not a name of letters")),
            ("train=1.5,val=-0.5", Err("not a share")),
            ("train=NaN", Err("not a share")),
        ];
        for (text, wanted) in cases {
            match (text.parse::<Splits>(), wanted) {
                (Ok(splits), Ok(n)) => assert_eq!(splits.0.len(), n, "{text}"),
                (Err(message), Err(part)) => assert!(message.contains(part), "{text}: {message}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }

    #[test]
    fn shares_are_met_as_closely_as_groups_allow() {
        let names: Vec<String> = (0..1000).map(|i| format!("g{}", i / 5)).collect();
        let shas: Vec<String> = (0..1000).map(|i| i.to_string()).collect();
        let members: Vec<Member> = names
            .iter()
            .zip(&shas)
            .map(|(group, sha256)| Member { group, sha256 })
            .collect();
        let splits: Splits = "train=0.8,val=0.1,test=0.1".parse().unwrap();
        let of = |seed| assign(&members, &splits, seed).names;
        let n = |name: &str| of(0).iter().filter(|n| *n == name).count();
        assert_eq!((n("train"), n("val"), n("test")), (800, 100, 100));
        assert_ne!(of(0), of(1));
    }

    proptest! {
        #[test]
        fn no_group_and_no_file_stands_in_two_splits(
            images in proptest::collection::vec((0u8..12, 0u8..40), 1..60), seed: u64, turn in 0usize..60,
        ) {
            let texts: Vec<(String, String)> = images.iter().map(|(g, s)| (format!("g{g}"), format!("s{s}"))).collect();
            let members: Vec<Member> = texts.iter().map(|(group, sha256)| Member { group, sha256 }).collect();
            let splits: Splits = "a=0.5,b=0.3,c=0.2".parse().unwrap();
            let names = assign(&members, &splits, seed).names;
            let mut turned = members.clone();
            turned.rotate_left(turn % members.len());
            let mut others = assign(&turned, &splits, seed).names;
            others.rotate_right(turn % members.len());
            prop_assert_eq!(&names, &others);
            for (i, a) in members.iter().enumerate() {
                for (j, b) in members.iter().enumerate() {
                    if a.group == b.group || a.sha256 == b.sha256 {
                        prop_assert_eq!(&names[i], &names[j]);
                    }
                }
            }
        }
    }
}
