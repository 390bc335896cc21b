//! The taxonomy for `--taxonomy`, `--to-rank` and `--remap-descendants`: that in the localizations, or a saved response of
//! a knowledge base.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use crate::contracts::{self, LineageStep, Taxonomy};
use crate::error::Error;
use crate::files;

/// Concept → its lineage, root first, itself last. Contains all concepts of all lineages.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    lineages: BTreeMap<String, Vec<LineageStep>>,
    /// Synonyms and former names → primary name.
    others: BTreeMap<String, String>,
}

/// A name as it is looked up: NFC, on one line, without white space around it, since some names in knowledge bases end
/// with a space.
pub fn plain(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ").nfc().collect()
}

impl Tree {
    /// The tree of the lineages in localizations.
    pub fn of(taxonomy: &Taxonomy) -> Self {
        let mut tree = Tree::default();
        for (concept, taxon) in taxonomy {
            let lineage: Vec<LineageStep> = taxon.lineage.iter().map(tidy).collect();
            for end in 1..=lineage.len() {
                tree.add(&lineage[..end]);
            }
            let others = taxon.alternative_names.iter().map(|name| plain(name));
            if let Some(last) = lineage.last() {
                for other in others.chain([plain(concept)]) {
                    tree.others
                        .entry(other)
                        .or_insert_with(|| last.name.clone());
                }
            }
        }
        tree
    }

    /// Reads a saved response to `phylogeny/down/NAME` (or `up/NAME`), or the taxonomy of a digest or localizations.
    ///
    /// # Errors
    /// The file cannot be read, or does not contain a tree.
    pub fn read(path: &Path) -> Result<Self, Error> {
        parse(&files::read(path)?, &path.display().to_string())
    }

    /// Adds a lineage. If a name occurs in two parts of the tree, the first lineage in alphabetical order is used, whatever
    /// the order of children.
    fn add(&mut self, lineage: &[LineageStep]) {
        let Some(last) = lineage.last() else { return };
        let names = |rungs: &[LineageStep]| -> Vec<String> {
            rungs.iter().map(|r| r.name.clone()).collect()
        };
        let known = self.lineages.get(&last.name);
        if known.is_none_or(|known| names(lineage) < names(known)) {
            self.lineages.insert(last.name.clone(), lineage.to_vec());
        }
    }

    /// The lineage of a concept, root first, itself last; empty if the tree does not contain it.
    pub fn lineage(&self, name: &str) -> &[LineageStep] {
        let name = plain(name);
        let primary = || self.lineages.get(self.others.get(&name)?);
        let found = self.lineages.get(&name).or_else(primary);
        found.map_or(&[], Vec::as_slice)
    }

    /// Whether the tree is empty.
    pub fn is_empty(&self) -> bool {
        self.lineages.is_empty()
    }

    /// All ranks that occur, from the highest to the lowest.
    pub fn ranks(&self) -> Vec<&str> {
        let all = self.lineages.values().flatten();
        let ranks: BTreeSet<&str> = all.filter_map(|rung| rung.rank.as_deref()).collect();
        let mut ranks: Vec<&str> = ranks.into_iter().collect();
        ranks.sort_by_key(|rank| crate::formats::ranks::order(rank));
        ranks
    }
}

fn tidy(rung: &LineageStep) -> LineageStep {
    let rank = rung.rank.as_deref().map(plain);
    LineageStep {
        rank: rank.filter(|rank| !rank.is_empty()),
        name: plain(&rung.name),
    }
}

fn parse(bytes: &[u8], name: &str) -> Result<Tree, Error> {
    let document: Value = contracts::parse_json(bytes, name).map_err(|e| e.hint(HINT))?;
    if document["contract"].is_string() {
        let taxonomy = contracts::parse_json::<Holder>(bytes, name)?.taxonomy;
        return Ok(Tree::of(&taxonomy));
    }
    let fault = |what: String| Err(Error::new(format!("{name}: {what}")).hint(HINT));
    match (&document, document["message"].as_str()) {
        (Value::Object(_), _) if document["name"].is_string() => Ok(from_tree(&document)),
        (_, Some(message)) => fault(format!("is an error message of a service: {message}")),
        (Value::Array(_), _) => fault("is a list, which does not show what is below what".into()),
        _ => fault("is not a tree of concepts: `name` is missing".into()),
    }
}

const HINT: &str =
    "save the response of a knowledge base to phylogeny/down/NAME, such as phylogeny/down/object";

/// Any contract that carries a taxonomy.
#[derive(serde::Deserialize)]
struct Holder {
    #[serde(default)]
    taxonomy: Taxonomy,
}

fn from_tree(root: &Value) -> Tree {
    let mut tree = Tree::default();
    let mut open: Vec<(&Value, Vec<LineageStep>)> = vec![(root, Vec::new())];
    while let Some((node, above)) = open.pop() {
        let Some(name) = node["name"].as_str() else {
            continue;
        };
        let mut lineage = above;
        lineage.push(tidy(&LineageStep {
            rank: node["rank"].as_str().map(str::to_owned),
            name: name.to_owned(),
        }));
        tree.add(&lineage);
        for other in list(&node["alternativeNames"]).filter_map(Value::as_str) {
            let others = tree.others.entry(plain(other));
            let name = plain(name);
            // If two concepts have the same former name, the first in alphabetical order is used, whatever the order of children.
            others
                .and_modify(|known| *known = known.clone().min(name.clone()))
                .or_insert(name);
        }
        open.extend(list(&node["children"]).map(|child| (child, lineage.clone())));
    }
    tree
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use recto_testkit::mutation::{self, Random};
    use serde_json::json;

    use super::*;

    fn names(tree: &Tree, name: &str) -> String {
        let names: Vec<&str> = tree.lineage(name).iter().map(|r| r.name.as_str()).collect();
        names.join(">")
    }

    #[test]
    fn an_answer_of_a_knowledge_base_is_a_tree() {
        let text = r#"{"name": "object", "children": [
            {"name": "Nanomia ", "rank": "genus", "alternativeNames": ["x"], "children": [{"name": "Nanomia bijuga", "rank": "species"}]},
            {"name": "b", "rank": "", "children": [{"name": "twice"}]},
            {"name": "a", "children": [{"name": "twice"}]}]}"#;
        let tree = parse(text.as_bytes(), "t").unwrap();
        assert_eq!(
            names(&tree, "Nanomia bijuga"),
            "object>Nanomia>Nanomia bijuga"
        );
        assert_eq!(names(&tree, "x"), "object>Nanomia", "by a former name");
        assert_eq!(names(&tree, " Nanomia"), "object>Nanomia");
        assert_eq!(names(&tree, "twice"), "object>a>twice", "the first by name");
        assert_eq!(names(&tree, "unknown"), "");
        assert_eq!(tree.lineage("b")[1].rank, None, "an empty rank is none");
        assert_eq!(tree.ranks(), ["genus", "species"]);
    }

    #[test]
    fn carried_lineages_know_their_ancestors() {
        let text = r#"{"contract": "recto/localizations", "taxonomy": {"Nanomia bijuga": {
            "lineage": [{"name": "object"}, {"name": "Nanomia", "rank": "genus"}, {"name": "Nanomia bijuga"}],
            "alternative_names": ["old name"]}}}"#;
        let tree = parse(text.as_bytes(), "t").unwrap();
        assert_eq!(names(&tree, "Nanomia"), "object>Nanomia");
        assert_eq!(names(&tree, "old name"), "object>Nanomia>Nanomia bijuga");
    }

    #[test]
    fn anything_else_is_an_error() {
        let cases = [
            ("[]", "t: is a list, which does not show what is below what"),
            ("{}", "t: is not a tree of concepts: `name` is missing"),
            (
                r#"{"message": "Not found"}"#,
                "t: is an error message of a service: Not found",
            ),
            ("<html>", "t:1:1: expected value"),
        ];
        for (text, wanted) in cases {
            assert_eq!(
                parse(text.as_bytes(), "t").unwrap_err().what(),
                wanted,
                "{text}"
            );
        }
    }

    #[test]
    fn damaged_trees_are_refused_with_the_name_of_the_file() {
        let tree = json!({"name": "object", "rank": null, "alternativeNames": ["thing"], "children": [
            {"name": "Nanomia", "rank": "genus", "children": [{"name": "Nanomia bijuga"}]}]});
        let contract = json!({"contract": "recto/localizations", "version": 1, "images": [],
            "taxonomy": {"Nanomia": [{"rank": "order", "name": "Siphonophorae"}, {"rank": "genus", "name": "Nanomia"}]}});
        let make = move |random: &mut Random| {
            let sound = random.choose(&[&tree, &contract]).to_owned();
            mutation::json(sound, random)
        };
        let takes = |bytes: &[u8]| match parse(bytes, "t") {
            Ok(tree) => {
                let _ = tree.ranks();
                true
            }
            Err(error) => {
                assert!(error.what().starts_with("t:"), "{error}");
                false
            }
        };
        mutation::check(3000, make, takes).is_mixed();
    }
}
