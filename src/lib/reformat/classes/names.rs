//! The class name of each box: renamed by `--remap`, then rolled up by `--to-rank`.
//!
//! The remap is first: it replaces names that the taxonomy does not contain (former names, working names), so that they
//! can be rolled up like the others. A new name that the taxonomy does not contain stays as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};

use hashbrown::HashMap;
use unicode_normalization::UnicodeNormalization;

use super::remap::Remap;
use super::taxonomy::{Tree, plain};
use crate::contracts::{BorrowedLocalization, LineageStep, Text};
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
    /// The classes that are kept; empty: all.
    pub keep: BTreeSet<String>,
}

/// The class of a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedClass {
    /// The name: the taxon, followed by the part of the animal if the box is around a part.
    pub class: String,
    /// The taxon that is looked up in the taxonomy.
    pub taxon: String,
}

/// What becomes of the boxes of a concept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They are of the class with this number, in the order in which classes were met.
    Class(u32),
    /// The user's rules drop them.
    Dropped,
    /// The name is empty.
    Nameless,
}

/// Names classes, from several threads.
#[derive(Debug)]
pub struct ClassNames<'a> {
    rules: &'a ClassRules,
    table: RwLock<ConceptTable>,
}

/// The concepts met so far, and their classes.
#[derive(Debug, Default)]
pub struct ConceptTable {
    numbers: HashMap<String, (u32, Fate)>,
    /// The concepts, by number.
    pub concepts: Vec<Concept>,
    /// The classes, by number.
    pub classes: Vec<NamedClass>,
    class_numbers: HashMap<String, u32>,
}

/// A concept of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concept {
    /// Its name.
    pub name: String,
    /// The class as it was named before it was dropped or kept; none if the remap drops it.
    class: Option<String>,
    /// The entry of the remap that applies to it.
    entry: Option<String>,
    /// Whether it has no taxon of the rank that is asked for.
    is_unranked: bool,
}

impl<'a> ClassNames<'a> {
    /// Names by these rules.
    pub fn new(rules: &'a ClassRules) -> Self {
        ClassNames {
            rules,
            table: RwLock::default(),
        }
    }

    /// The number of the concept of a box, and what becomes of it.
    pub fn of(&self, localization: &BorrowedLocalization) -> (u32, Fate) {
        let taxon = localization.attributes.get("taxon");
        self.find(
            &localization.concept,
            taxon.and_then(|taxon| taxon.as_str()),
        )
    }

    /// The same for a label of an image.
    pub fn of_label(&self, label: &str) -> (u32, Fate) {
        self.find(label, None)
    }

    fn find(&self, concept: &str, taxon: Option<&str>) -> (u32, Fate) {
        let joined;
        let key = match taxon {
            None => concept,
            Some(taxon) => {
                joined = format!("{concept}\0{taxon}");
                &joined
            }
        };
        let known = |table: &ConceptTable| table.numbers.get(key).copied();
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known(&table) {
            return found;
        }
        drop(table);
        let (found, class) = self.rules.name(concept, taxon);
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        match known(&table) {
            Some(found) => found,
            None => table.add(key.to_owned(), found, class),
        }
    }

    /// The names of the class of each label of an image.
    pub fn labels(&self, labels: &[Text]) -> Vec<String> {
        if labels.is_empty() {
            return Vec::new();
        }
        let fates: Vec<Fate> = labels.iter().map(|label| self.of_label(label).1).collect();
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let name = |fate: Fate| match fate {
            Fate::Class(class) => Some(table.classes[class as usize].class.clone()),
            Fate::Dropped | Fate::Nameless => None,
        };
        fates.into_iter().filter_map(name).collect()
    }

    /// The rules.
    pub fn rules(&self) -> &'a ClassRules {
        self.rules
    }

    /// Everything met.
    #[cfg(test)]
    pub fn into_table(self) -> ConceptTable {
        self.table
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known so far.
    pub fn with_table<T>(&self, look: impl FnOnce(&ConceptTable) -> T) -> T {
        look(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ConceptTable {
    fn add(&mut self, key: String, concept: Concept, class: Option<NamedClass>) -> (u32, Fate) {
        let fate = match (class, &concept.class) {
            (Some(named), _) if named.class.trim().is_empty() => Fate::Nameless,
            (Some(named), _) => Fate::Class(self.class(named)),
            (None, _) => Fate::Dropped,
        };
        let number = self.concepts.len() as u32;
        self.concepts.push(concept);
        self.numbers.insert(key, (number, fate));
        (number, fate)
    }

    fn class(&mut self, named: NamedClass) -> u32 {
        if let Some(&number) = self.class_numbers.get(&named.class) {
            let known = &mut self.classes[number as usize];
            known.taxon = known.taxon.clone().min(named.taxon);
            return number;
        }
        let number = self.classes.len() as u32;
        self.class_numbers.insert(named.class.clone(), number);
        self.classes.push(named);
        number
    }
}

impl ClassRules {
    /// A concept, and its class; none if it is dropped.
    fn name(&self, concept: &str, taxon: Option<&str>) -> (Concept, Option<NamedClass>) {
        let class: String = concept.nfc().collect();
        // A label that does not begin with its taxon was made by other rules: the label itself is looked up.
        let taxon = taxon
            .map(plain)
            .filter(|taxon| part(&class, taxon).is_some());
        let named = NamedClass {
            taxon: taxon.unwrap_or_else(|| class.clone()),
            class,
        };
        let mut found = Concept {
            name: concept.to_owned(),
            class: None,
            entry: None,
            is_unranked: false,
        };
        let renamed = self.renamed(named, &mut found);
        let named = renamed.and_then(|named| self.rolled_up(named, &mut found));
        found.class = found
            .class
            .or(named.as_ref().map(|named| named.class.clone()));
        let kept =
            |named: &NamedClass| self.keep.is_empty() || self.keep.contains(&plain(&named.class));
        (found, named.filter(kept))
    }

    fn renamed(&self, named: NamedClass, found: &mut Concept) -> Option<NamedClass> {
        let class = plain(&named.class);
        if let Some(new) = self.remap.get(&class) {
            found.entry = Some(class);
            return new.map(|new| NamedClass {
                class: new.to_owned(),
                taxon: new.to_owned(),
            });
        }
        if !self.descendants {
            return Some(named);
        }
        let above = self.tree.lineage(&named.taxon).iter().rev();
        let above = above.map(|step| step.name.as_str());
        let mut nearest = std::iter::once(named.taxon.as_str()).chain(above);
        let entry = nearest.find_map(|name| Some((name, self.remap.get(name)?)));
        match entry {
            None => Some(named),
            Some((name, new)) => {
                found.entry = Some(name.to_owned());
                new.map(|new| named.under(new))
            }
        }
    }

    fn rolled_up(&self, named: NamedClass, found: &mut Concept) -> Option<NamedClass> {
        let Some(rank) = &self.to_rank else {
            return Some(named);
        };
        match ranks::taxon(self.tree.lineage(&named.taxon), rank) {
            Some(taxon) => Some(named.under(taxon)),
            None => {
                found.is_unranked = true;
                found.class = Some(named.class.clone());
                (!self.strict).then_some(named)
            }
        }
    }

    /// The lineage of a taxon, root first; empty if it is not requested or not known.
    pub fn lineage(&self, taxon: &str) -> Vec<LineageStep> {
        match self.taxonomy {
            true => self.tree.lineage(taxon).to_vec(),
            false => Vec::new(),
        }
    }

    /// Notes about rules that did not apply: the message, and the names. `uses` is how often each concept occurs.
    pub fn notes(&self, table: &ConceptTable, uses: &[u64]) -> Vec<(String, Vec<String>)> {
        let quoted = |name: &str| format!("`{name}`");
        let used = table.concepts.iter().filter_map(|c| c.entry.clone());
        let unused = self.remap.unused(&used.collect()).into_iter();
        let met: BTreeSet<String> = table.classes.iter().map(|c| plain(&c.class)).collect();
        let never = self.keep.iter().filter(|name| !met.contains(*name));
        let mut notes = vec![
            (
                "names in --remap that do not occur".to_owned(),
                unused.map(quoted).collect(),
            ),
            (
                "classes of --keep that do not occur".to_owned(),
                never.map(|name| quoted(name)).collect(),
            ),
        ];
        if let Some(rank) = &self.to_rank {
            let result = match self.strict {
                true => "left out",
                false => "kept as they are",
            };
            let mut unranked: BTreeMap<&str, u64> = BTreeMap::new();
            let concepts = table.concepts.iter().zip(uses);
            for (concept, n) in concepts.filter(|(c, _)| c.is_unranked) {
                *unranked
                    .entry(concept.class.as_deref().unwrap_or_default())
                    .or_default() += n;
            }
            notes.push((
                format!("classes without a taxon of rank {rank}, {result}"),
                unranked
                    .into_iter()
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
                let named = rules.name(concept, taxon).1;
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
                let named = rules.name(concept, taxon).1;
                assert_eq!(
                    named.map(|n| n.class).as_deref(),
                    wanted,
                    "{concept} {is_strict}"
                );
                let naming = ClassNames::new(&rules);
                naming.find(concept, taxon);
                let notes = rules.notes(&naming.into_table(), &[1]).pop().unwrap().1;
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
