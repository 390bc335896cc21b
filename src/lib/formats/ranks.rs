//! Ranks of taxa: their order, and the lineage of a class by rank.

use std::collections::BTreeSet;

use super::dataset::Dataset;
use crate::contracts::LineageStep;

/// From the highest to the lowest; prefixes such as `super` and `sub` go around each.
const RANKS: &[&str] = &[
    "domain", "kingdom", "phylum", "division", "class", "cohort", "order", "section", "family",
    "tribe", "genus", "series", "species", "variety", "form", "strain",
];
const ABOVE: &[&str] = &["mega", "super", "grand", "epi"];
const BELOW: &[&str] = &["sub", "infra", "parv", "micro"];

/// A sort key that puts ranks in order from the highest to the lowest; unknown ranks come last, by name.
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

/// All ranks of the classes of a dataset, from the highest to the lowest.
pub fn of(dataset: &Dataset) -> Vec<&str> {
    let all = dataset.lineages.iter().flatten();
    let ranks: BTreeSet<&str> = all.filter_map(|step| step.rank.as_deref()).collect();
    let mut ranks: Vec<&str> = ranks.into_iter().collect();
    ranks.sort_by_key(|rank| order(rank));
    ranks
}

/// The taxon of a rank in a lineage; the nearest one, if several have the rank.
pub fn taxon<'a>(lineage: &'a [LineageStep], rank: &str) -> Option<&'a str> {
    let is_of_rank = |step: &&LineageStep| {
        step.rank
            .as_deref()
            .is_some_and(|r| r.eq_ignore_ascii_case(rank))
    };
    let found = lineage.iter().rev().find(is_of_rank);
    found.map(|step| step.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_go_from_the_highest_to_the_lowest() {
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
