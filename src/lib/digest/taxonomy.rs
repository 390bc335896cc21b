//! Where the concepts of a digest stand in the tree of the source's knowledge base.

use std::collections::{BTreeMap, BTreeSet};

use crate::contracts::{Annotation, Observation, Rung, Taxon, Taxonomy};
use crate::sources::Node;

/// The lineages of every concept that a box of these images names.
pub fn taxonomy(observations: &[Observation], nodes: &[Node]) -> Taxonomy {
    let tree = tree(nodes);
    let boxes = observations.iter().flat_map(|o| &o.annotations);
    let named: BTreeSet<String> = boxes.filter_map(concept).collect();
    let taxon = |name: String| Some((name.clone(), taxon(&name, &tree)?));
    named.into_iter().filter_map(taxon).collect()
}

fn concept(annotation: &Annotation) -> Option<String> {
    let taxon = annotation.attributes.get("taxon").and_then(|t| t.as_str());
    let first = || annotation.bodies.first().map(|body| body.value.as_str());
    taxon.or_else(first).map(plain)
}

/// Nodes by name. Documents show a node with its parent or without, with all its names or without: what any of
/// them says counts, the first first.
fn tree(nodes: &[Node]) -> BTreeMap<String, Node> {
    let mut tree: BTreeMap<String, Node> = BTreeMap::new();
    for node in nodes {
        let known = tree.entry(plain(&node.name)).or_insert_with(|| Node {
            name: plain(&node.name),
            ..Node::default()
        });
        if known.parent.is_none() {
            known.parent = node.parent.as_deref().map(plain);
        }
        if known.rank.is_none() {
            known.rank.clone_from(&node.rank);
        }
        if known.alternatives.is_empty() {
            known.alternatives.clone_from(&node.alternatives);
        }
    }
    tree
}

fn taxon(name: &str, tree: &BTreeMap<String, Node>) -> Option<Taxon> {
    let node = tree.get(name)?;
    let (mut lineage, mut seen, mut at) = (Vec::new(), BTreeSet::new(), Some(node));
    // A tree that bites its own tail ends where it does.
    while let Some(node) = at.filter(|node| seen.insert(node.name.as_str())) {
        lineage.push(Rung {
            rank: node.rank.clone(),
            name: node.name.clone(),
        });
        at = node.parent.as_ref().and_then(|parent| tree.get(parent));
    }
    lineage.reverse();
    let mut alternative_names = node.alternatives.clone();
    alternative_names.sort();
    Some(Taxon {
        lineage,
        alternative_names,
    })
}

/// A name as concepts of boxes are written later: on one line, without blanks around it.
fn plain(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, rank: Option<&str>, parent: Option<&str>) -> Node {
        Node {
            name: name.into(),
            rank: rank.map(Into::into),
            parent: parent.map(Into::into),
            ..Node::default()
        }
    }

    #[test]
    fn lineages_run_from_the_root_and_end_in_any_tree() {
        let nodes = [
            node("b ", Some("genus"), None),
            node("root", None, None),
            node("a", None, Some("root")),
            node("b", None, Some("a")),
            node("snake", None, Some("tail")),
            node("tail", None, Some("snake")),
        ];
        let tree = tree(&nodes);
        let names = |name: &str| -> Vec<String> {
            let lineage = taxon(name, &tree).unwrap().lineage;
            lineage.into_iter().map(|rung| rung.name).collect()
        };
        assert_eq!(names("b"), ["root", "a", "b"]);
        assert_eq!(names("snake"), ["tail", "snake"]);
        let rank = taxon("b", &tree).unwrap().lineage[2].rank.clone();
        assert_eq!(rank.as_deref(), Some("genus"));
        assert_eq!(taxon("c", &tree), None);
    }
}
