//! The class name of each box: renamed by `--remap`, then rolled up by `--to-rank`.
//!
//! The remap is first: it replaces names that the taxonomy does not contain (former names, working names), so that they
//! can be rolled up like the others. A new name that the taxonomy does not contain stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization;

use super::remap::Remap;
use super::taxonomy::{Tree, plain};
use crate::contracts::{LineageStep, Localization};
use crate::formats::ranks;

/// The rules for class names.
#[derive(Clone, Debug, Default)]
pub struct ClassRules {
    /// New names of classes.
    pub remap: Remap,
    /// Whether a new name also applies to everything below it in the taxonomy.
    pub descendants: bool,
    /// The rank that classes are rolled up to.
    pub to_rank: Option<String>,
    /// Whether boxes without a taxon of that rank are left out.
    pub strict: bool,
    /// Whether lineages go into the dataset.
    pub taxonomy: bool,
    /// The taxonomy.
    pub tree: Tree,
}

/// The class of a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedClass {
    /// The name: the taxon, followed by the part of the animal if the box is around a part.
    pub class: String,
    /// The taxon that is looked up in the taxonomy.
    pub taxon: String,
}

/// Names classes, and collects notes.
pub struct ClassNames<'a> {
    rules: &'a ClassRules,
    /// Entries of the remap that were used.
    used: BTreeSet<String>,
    /// Classes without a taxon of the rank → number of boxes.
    unranked: BTreeMap<String, u64>,
}

impl<'a> ClassNames<'a> {
    /// Names by these rules.
    pub fn new(rules: &'a ClassRules) -> Self {
        ClassNames {
            rules,
            used: BTreeSet::new(),
            unranked: BTreeMap::new(),
        }
    }

    /// The class of a box; none if it is dropped.
    pub fn of(&mut self, localization: &Localization) -> Option<NamedClass> {
        let taxon = localization.attributes.get("taxon");
        self.name(
            &localization.concept,
            taxon.and_then(|taxon| taxon.as_str()),
        )
    }

    /// The class for a label of an image; none if it is dropped.
    pub fn of_concept(&mut self, concept: &str) -> Option<NamedClass> {
        self.name(concept, None)
    }

    fn name(&mut self, concept: &str, taxon: Option<&str>) -> Option<NamedClass> {
        let class: String = concept.nfc().collect();
        // A label that does not begin with its taxon was made by other rules: the label itself is looked up.
        let taxon = taxon
            .map(plain)
            .filter(|taxon| part(&class, taxon).is_some());
        let named = NamedClass {
            taxon: taxon.unwrap_or_else(|| class.clone()),
            class,
        };
        let renamed = self.renamed(named)?;
        self.rolled_up(renamed)
    }

    fn renamed(&mut self, named: NamedClass) -> Option<NamedClass> {
        let remap = &self.rules.remap;
        let class = plain(&named.class);
        if let Some(new) = remap.get(&class) {
            self.used.insert(class);
            return new.map(|new| NamedClass {
                class: new.to_owned(),
                taxon: new.to_owned(),
            });
        }
        if !self.rules.descendants {
            return Some(named);
        }
        let above = self.rules.tree.lineage(&named.taxon).iter().rev();
        let above = above.map(|step| step.name.as_str());
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

    fn rolled_up(&mut self, named: NamedClass) -> Option<NamedClass> {
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

    /// The lineage of a taxon, root first; empty if it is not requested or not known.
    pub fn lineage(&self, taxon: &str) -> Vec<LineageStep> {
        match self.rules.taxonomy {
            true => self.rules.tree.lineage(taxon).to_vec(),
            false => Vec::new(),
        }
    }

    /// Notes about rules that did not apply: the message, and the names.
    pub fn notes(&self) -> Vec<(String, Vec<String>)> {
        let quoted = |name: &str| format!("`{name}`");
        let unused = self.rules.remap.unused(&self.used).into_iter();
        let mut notes = vec![(
            "names in --remap that do not occur".to_owned(),
            unused.map(quoted).collect(),
        )];
        if let Some(rank) = &self.rules.to_rank {
            let result = match self.rules.strict {
                true => "left out",
                false => "kept as they are",
            };
            let what = format!("classes without a taxon of rank {rank}, {result}");
            let unranked = self.unranked.iter();
            notes.push((
                what,
                unranked
                    .map(|(name, n)| format!("{}, {n}", quoted(name)))
                    .collect(),
            ));
        }
        notes
    }
}

impl NamedClass {
    /// The class with another taxon and the same part.
    fn under(&self, taxon: &str) -> Self {
        let part = part(&self.class, &self.taxon).unwrap_or_default();
        NamedClass {
            class: format!("{taxon}{part}"),
            taxon: taxon.to_owned(),
        }
    }
}

/// The rest of a label after the taxon: nothing, or a space and the part.
fn part<'a>(class: &'a str, taxon: &str) -> Option<&'a str> {
    let rest = class.strip_prefix(taxon)?;
    (rest.is_empty() || rest.starts_with(' ')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::{Taxon, Taxonomy};

    fn tree() -> Tree {
        let rung = |(rank, name): &(&str, &str)| LineageStep {
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
        let mut rules = ClassRules {
            tree: tree(),
            remap: Remap::of(&pairs),
            ..ClassRules::default()
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
                let named = ClassNames::new(&rules).name(concept, taxon);
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
        let mut rules = ClassRules {
            tree: tree(),
            remap: Remap::of(&pairs),
            to_rank: Some("Family".into()),
            ..ClassRules::default()
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
                let mut naming = ClassNames::new(&rules);
                let named = naming.name(concept, taxon);
                assert_eq!(
                    named.map(|n| n.class).as_deref(),
                    wanted,
                    "{concept} {is_strict}"
                );
                let notes = naming.notes().pop().unwrap().1;
                assert_eq!(
                    notes.len(),
                    usize::from(
                        wanted != Some("Agalmatidae") && wanted != Some("Agalmatidae tentacle")
                    ),
                    "{concept}"
                );
            }
        }
    }
}
