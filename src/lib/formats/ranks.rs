//! Ranks of taxa: their order, and the lineage of a class by rank.

use std::collections::BTreeSet;

use super::Dataset;
use crate::contracts::Rung;

/// From the large to the small; prefixes such as `super` and `sub` go around each.
const RANKS: &[&str] = &[
    "domain", "kingdom", "phylum", "division", "class", "cohort", "order", "section", "family",
    "tribe", "genus", "series", "species", "variety", "form", "strain",
];
const ABOVE: &[&str] = &["mega", "super", "grand", "epi"];
const BELOW: &[&str] = &["sub", "infra", "parv", "micro"];

/// The place of a rank among ranks; those that are not known come last, by name.
pub fn order(rank: &str) -> (usize, isize, String) {
    let name = rank.to_lowercase();
    let place = |base: &str| RANKS.iter().position(|known| *known == base);
    let prefixed = |prefixes: &[&str]| {
        let mut all = prefixes.iter().enumerate();
        all.find_map(|(i, prefix)| Some((place(name.strip_prefix(prefix)?)?, i as isize)))
    };
    let (base, offset) = place(&name)
        .map(|base| (base, 0))
        .or_else(|| prefixed(ABOVE).map(|(base, i)| (base, i - ABOVE.len() as isize)))
        .or_else(|| prefixed(BELOW).map(|(base, i)| (base, i + 1)))
        .unwrap_or((RANKS.len(), 0));
    (base, offset, name)
}

/// Every rank of the classes of a dataset, from the large to the small.
pub fn of(dataset: &Dataset) -> Vec<&str> {
    let all = dataset.lineages.iter().flatten();
    let ranks: BTreeSet<&str> = all.filter_map(|rung| rung.rank.as_deref()).collect();
    let mut ranks: Vec<&str> = ranks.into_iter().collect();
    ranks.sort_by_key(|rank| order(rank));
    ranks
}

/// The taxon of a rank in a lineage: the nearest one, where two have it.
pub fn taxon<'a>(lineage: &'a [Rung], rank: &str) -> Option<&'a str> {
    let is_of_rank = |rung: &&Rung| {
        rung.rank
            .as_deref()
            .is_some_and(|r| r.eq_ignore_ascii_case(rank))
    };
    let found = lineage.iter().rev().find(is_of_rank);
    found.map(|rung| rung.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_go_from_the_large_to_the_small() {
        let mut ranks = [
            "species",
            "zone",
            "subspecies",
            "Genus",
            "infraorder",
            "order",
            "superorder",
            "suborder",
            "family",
            "superfamily",
            "kingdom",
            "superkingdom",
            "subphylum",
            "infraclass",
            "variety",
            "aaa",
        ];
        ranks.sort_by_key(|rank| order(rank));
        let wanted = "superkingdom kingdom subphylum infraclass superorder order suborder infraorder superfamily \
            family Genus species subspecies variety aaa zone";
        assert_eq!(ranks.join(" "), wanted);
    }
}
