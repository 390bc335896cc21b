//! What a box is called in the end: renamed by `--remap`, then rolled up by `--to-rank`.
//!
//! The remap goes first: it mends names that the tree does not know (former names, working names), so that they can
//! be rolled up like the others. A new name that the tree does not know is the last word.

use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization;

use super::remap::Remap;
use super::tree::{Tree, plain};
use crate::contracts::{Localization, Rung};
use crate::formats::ranks;

/// The rules for names.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// New names of concepts.
    pub remap: Remap,
    /// Whether a new name holds for everything below a concept too.
    pub descendants: bool,
    /// The rank that concepts are rolled up to.
    pub to_rank: Option<String>,
    /// Whether what has no taxon of that rank is set aside.
    pub strict: bool,
    /// Whether lineages go into the dataset.
    pub taxonomy: bool,
    /// Where concepts stand.
    pub tree: Tree,
}

/// What a box is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The class: the taxon, with the part of the animal behind it where the box is around a part.
    pub class: String,
    /// What is looked up in the tree.
    pub taxon: String,
}

/// Names boxes, and remembers what is news.
pub struct Naming<'a> {
    rules: &'a Rules,
    /// Names of the remap that were used.
    used: BTreeSet<String>,
    /// Concepts without a taxon of the rank wanted → boxes.
    unranked: BTreeMap<String, u64>,
}

impl<'a> Naming<'a> {
    /// Names by rules.
    pub fn new(rules: &'a Rules) -> Self {
        Naming {
            rules,
            used: BTreeSet::new(),
            unranked: BTreeMap::new(),
        }
    }

    /// What a box is called; none when it is dropped.
    pub fn of(&mut self, localization: &Localization) -> Option<Named> {
        let taxon = localization.attributes.get("taxon");
        self.name(
            &localization.concept,
            taxon.and_then(|taxon| taxon.as_str()),
        )
    }

    /// What a concept is called; none when it is dropped.
    pub fn of_concept(&mut self, concept: &str) -> Option<Named> {
        self.name(concept, None)
    }

    fn name(&mut self, concept: &str, taxon: Option<&str>) -> Option<Named> {
        let class: String = concept.nfc().collect();
        // A label that does not begin with its taxon was made by other rules: it is looked up as it is.
        let taxon = taxon
            .map(plain)
            .filter(|taxon| part(&class, taxon).is_some());
        let named = Named {
            taxon: taxon.unwrap_or_else(|| class.clone()),
            class,
        };
        let renamed = self.renamed(named)?;
        self.rolled_up(renamed)
    }

    fn renamed(&mut self, named: Named) -> Option<Named> {
        let remap = &self.rules.remap;
        let class = plain(&named.class);
        if let Some(new) = remap.get(&class) {
            self.used.insert(class);
            return new.map(|new| Named {
                class: new.to_owned(),
                taxon: new.to_owned(),
            });
        }
        if !self.rules.descendants {
            return Some(named);
        }
        let above = self.rules.tree.lineage(&named.taxon).iter().rev();
        let above = above.map(|rung| rung.name.as_str());
        let mut nearest = std::iter::once(named.taxon.as_str()).chain(above);
        let entry = nearest.find_map(|name| Some((name, remap.get(name)?)));
        match entry {
            None => Some(named),
            Some((name, new)) => {
                self.used.insert(name.to_owned());
                new.map(|new| named.under(new))
            }
        }
    }

    fn rolled_up(&mut self, named: Named) -> Option<Named> {
        let Some(rank) = &self.rules.to_rank else {
            return Some(named);
        };
        match ranks::taxon(self.rules.tree.lineage(&named.taxon), rank) {
            Some(taxon) => Some(named.under(taxon)),
            None => {
                *self.unranked.entry(named.class.clone()).or_default() += 1;
                (!self.rules.strict).then_some(named)
            }
        }
    }

    /// Where a class stands, root first; empty where that is not asked or not known.
    pub fn lineage(&self, taxon: &str) -> Vec<Rung> {
        match self.rules.taxonomy {
            true => self.rules.tree.lineage(taxon).to_vec(),
            false => Vec::new(),
        }
    }

    /// News about rules that did not apply: what, and the names.
    pub fn news(&self) -> Vec<(String, Vec<String>)> {
        let quoted = |name: &str| format!("`{name}`");
        let unused = self.rules.remap.unused(&self.used).into_iter();
        let mut news = vec![(
            "--remap names what occurs nowhere".to_owned(),
            unused.map(quoted).collect(),
        )];
        if let Some(rank) = &self.rules.to_rank {
            let become_ = match self.rules.strict {
                true => "set aside",
                false => "kept as they are",
            };
            let what = format!("concepts without a taxon of rank {rank}, {become_}");
            let unranked = self.unranked.iter();
            news.push((
                what,
                unranked
                    .map(|(name, n)| format!("{}, {n}", quoted(name)))
                    .collect(),
            ));
        }
        news
    }
}

impl Named {
    /// The same box under another taxon; the part stays behind it.
    fn under(&self, taxon: &str) -> Self {
        let part = part(&self.class, &self.taxon).unwrap_or_default();
        Named {
            class: format!("{taxon}{part}"),
            taxon: taxon.to_owned(),
        }
    }
}

/// What stands behind the taxon in a label: nothing, or a blank and the part.
fn part<'a>(class: &'a str, taxon: &str) -> Option<&'a str> {
    let rest = class.strip_prefix(taxon)?;
    (rest.is_empty() || rest.starts_with(' ')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::{Taxon, Taxonomy};

    fn tree() -> Tree {
        let rung = |(rank, name): &(&str, &str)| Rung {
            rank: Some((*rank).to_owned()).filter(|r| !r.is_empty()),
            name: (*name).to_owned(),
        };
        let lineages: [&[(&str, &str)]; 3] = [
            &[
                ("", "object"),
                ("phylum", "Cnidaria"),
                ("family", "Agalmatidae"),
                ("genus", "Nanomia"),
                ("species", "Nanomia bijuga"),
            ],
            &[("", "object"), ("phylum", "Cnidaria"), ("genus", "Aegina")],
            &[("", "object"), ("", "trash")],
        ];
        let taxon = |lineage: &&[(&str, &str)]| {
            let name = lineage.last().unwrap().1.to_owned();
            let lineage = lineage.iter().map(rung).collect();
            (
                name,
                Taxon {
                    lineage,
                    alternative_names: Vec::new(),
                },
            )
        };
        Tree::of(&lineages.iter().map(taxon).collect::<Taxonomy>())
    }

    #[test]
    fn the_nearest_entry_counts_and_the_part_stays() {
        let pairs = [
            ("Cnidaria", "jelly"),
            ("Nanomia", "siphonophore"),
            ("trash", ""),
            ("Aegina bell", "bell"),
        ];
        let mut rules = Rules {
            tree: tree(),
            remap: Remap::of(&pairs),
            ..Rules::default()
        };
        // concept, taxon, its name with --remap-descendants, without
        let cases = [
            (
                "Nanomia bijuga",
                None,
                Some("siphonophore"),
                Some("Nanomia bijuga"),
            ),
            ("Nanomia", None, Some("siphonophore"), Some("siphonophore")),
            (
                "Nanomia bijuga tentacle",
                Some("Nanomia bijuga"),
                Some("siphonophore tentacle"),
                Some("Nanomia bijuga tentacle"),
            ),
            ("Aegina", None, Some("jelly"), Some("Aegina")),
            ("Aegina bell", Some("Aegina"), Some("bell"), Some("bell")),
            ("trash", None, None, None),
            ("trash lid", Some("trash"), None, Some("trash lid")),
            ("unknown", None, Some("unknown"), Some("unknown")),
            (
                "other label",
                Some("Nanomia"),
                Some("other label"),
                Some("other label"),
            ),
        ];
        for (concept, taxon, with, without) in cases {
            for (descendants, wanted) in [(true, with), (false, without)] {
                rules.descendants = descendants;
                let named = Naming::new(&rules).name(concept, taxon);
                assert_eq!(
                    named.map(|n| n.class).as_deref(),
                    wanted,
                    "{concept} {descendants}"
                );
            }
        }
    }

    #[test]
    fn concepts_are_rolled_up_after_the_remap() {
        let pairs = [("old", "Nanomia bijuga"), ("Aegina", "mine")];
        let mut rules = Rules {
            tree: tree(),
            remap: Remap::of(&pairs),
            to_rank: Some("Family".into()),
            ..Rules::default()
        };
        let cases = [
            (
                "Nanomia bijuga",
                None,
                Some("Agalmatidae"),
                Some("Agalmatidae"),
            ),
            (
                "Nanomia bijuga tentacle",
                Some("Nanomia bijuga"),
                Some("Agalmatidae tentacle"),
                Some("Agalmatidae tentacle"),
            ),
            ("old", None, Some("Agalmatidae"), Some("Agalmatidae")),
            ("Aegina", None, Some("mine"), None),
            ("Cnidaria", None, Some("Cnidaria"), None),
            ("unknown", None, Some("unknown"), None),
        ];
        for (concept, taxon, lax, strict) in cases {
            for (is_strict, wanted) in [(false, lax), (true, strict)] {
                rules.strict = is_strict;
                let mut naming = Naming::new(&rules);
                let named = naming.name(concept, taxon);
                assert_eq!(
                    named.map(|n| n.class).as_deref(),
                    wanted,
                    "{concept} {is_strict}"
                );
                let news = naming.news().pop().unwrap().1;
                assert_eq!(
                    news.len(),
                    usize::from(
                        wanted != Some("Agalmatidae") && wanted != Some("Agalmatidae tentacle")
                    ),
                    "{concept}"
                );
            }
        }
    }
}
