//! How the groups of hosts are dealt to shards: values, no files.
//!
//! An archive counts requests by host, and often by one address for a whole cluster. So a host stands in one shard, unless it
//! has more than a shard's share; then it stands in no more shards than it allows requests at once. A group is never divided.
//! The heaviest come first, each to the shard that has least: nothing depends on the order of the set or on the machine.

use std::collections::BTreeMap;

/// A group of images of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// `name:port`; empty for images that no server has.
    pub host: String,
    /// A number for host and group, the same everywhere.
    pub key: u64,
    /// Number of images.
    pub images: u64,
    /// Number of requests.
    pub requests: u64,
}

/// Units that stay together.
struct Slice {
    host: usize,
    units: Vec<usize>,
    requests: u64,
    key: u64,
}

/// Deals units to shards: gives the shard of each. `at_once` says how many requests at once a host allows.
pub fn divide(units: &[Unit], shards: usize, at_once: impl Fn(&str) -> u64) -> Vec<usize> {
    let mut hosts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, unit) in units.iter().enumerate() {
        hosts.entry(&unit.host).or_default().push(at);
    }
    let total: u64 = units.iter().map(|unit| unit.requests).sum();
    let share = total.div_ceil(shards as u64).max(1);
    let mut slices = Vec::new();
    for (host, (name, of_host)) in hosts.into_iter().enumerate() {
        let requests: u64 = of_host.iter().map(|at| units[*at].requests).sum();
        let most = at_once(name).min(of_host.len() as u64).min(shards as u64);
        // A little more than a share is no reason to have two workers ask one host.
        let shares = (requests + share / 2) / share;
        let count = shares.clamp(1, most.max(1)) as usize;
        slices.extend(cut(units, host, of_host, count));
    }
    slices.sort_by_key(|slice| (std::cmp::Reverse(slice.requests), slice.key));
    let mut loads = vec![0u64; shards];
    // Which hosts a shard has: slices of one host go to different shards.
    let mut has: Vec<Vec<usize>> = vec![Vec::new(); shards];
    let mut shard_of = vec![0; units.len()];
    for slice in slices {
        let free = (0..shards).filter(|shard| !has[*shard].contains(&slice.host));
        let shard = free.min_by_key(|shard| (loads[*shard], *shard));
        let shard = shard.unwrap_or_default();
        loads[shard] += slice.requests;
        has[shard].push(slice.host);
        for unit in slice.units {
            shard_of[unit] = shard;
        }
    }
    shard_of
}

/// Cuts the units of a host into so many slices of about the same weight.
fn cut(units: &[Unit], host: usize, mut of_host: Vec<usize>, count: usize) -> Vec<Slice> {
    of_host.sort_by_key(|at| (std::cmp::Reverse(units[*at].requests), units[*at].key));
    let mut slices: Vec<Slice> = Vec::new();
    slices.resize_with(count, || Slice {
        host,
        units: Vec::new(),
        requests: 0,
        key: u64::MAX,
    });
    for at in of_host {
        let lightest = (0..count).min_by_key(|slice| (slices[*slice].requests, *slice));
        let slice = &mut slices[lightest.unwrap_or_default()];
        slice.units.push(at);
        slice.requests += units[at].requests;
        slice.key = slice.key.min(units[at].key);
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unit(host: &str, key: u64, requests: u64) -> Unit {
        Unit {
            host: host.into(),
            key,
            images: requests,
            requests,
        }
    }

    #[test]
    fn a_host_stands_in_one_shard_unless_it_has_more_than_a_share() {
        let small = [
            unit("a", 1, 5),
            unit("a", 2, 5),
            unit("b", 3, 9),
            unit("c", 4, 8),
        ];
        let shards = divide(&small, 3, |_| 4);
        assert_eq!(shards, [0, 0, 1, 2]);
        let large: Vec<Unit> = (0..8)
            .map(|n| unit("a", n, 10))
            .chain([unit("b", 9, 20)])
            .collect();
        let shards = divide(&large, 4, |_| 3);
        let of_a: std::collections::BTreeSet<usize> = shards[..8].iter().copied().collect();
        assert_eq!(of_a.len(), 3);
        assert!(!of_a.contains(&shards[8]));
        assert!(
            divide(&large, 4, |_| 1)[..8]
                .iter()
                .all(|shard| *shard == shards[0])
        );
        assert!(divide(&[], 4, |_| 1).is_empty());
    }

    proptest! {
        #[test]
        fn the_order_of_units_changes_nothing_and_hosts_keep_their_limits(
            weights in prop::collection::vec((0u8..6, 0u64..50), 1..40),
            shards in 1usize..9,
        ) {
            let units: Vec<Unit> = weights.iter().enumerate()
                .map(|(n, (host, weight))| unit(&format!("h{host}"), n as u64 * 7919 % 1009, *weight))
                .collect();
            let dealt = divide(&units, shards, |_| 2);
            let mut turned = units.clone();
            turned.reverse();
            let mut back = divide(&turned, shards, |_| 2);
            back.reverse();
            prop_assert_eq!(&dealt, &back);
            for host in 0..6 {
                let name = format!("h{host}");
                let of_host = units.iter().zip(&dealt).filter(|(unit, _)| unit.host == name);
                let in_shards: std::collections::BTreeSet<&usize> = of_host.map(|(_, shard)| shard).collect();
                prop_assert!(in_shards.len() <= 2);
            }
            prop_assert!(dealt.iter().all(|shard| *shard < shards));
        }
    }
}
