//! The place of a digest's concepts in the tree of the source's knowledge base.

use std::collections::{BTreeMap, BTreeSet};

use crate::contracts::{Annotation, LineageStep, Taxon, Taxonomy};
use crate::sources::TreeNode;

/// The lineages of these concepts, as far as they are in the tree.
pub fn taxonomy(concepts: &BTreeSet<String>, nodes: &[TreeNode]) -> Taxonomy {
    let tree = tree(nodes);
    let taxon = |name: &String| Some((name.clone(), taxon(name, &tree)?));
    concepts.iter().filter_map(taxon).collect()
}

/// The concept that a box names.
pub fn concept(annotation: &Annotation) -> Option<String> {
    let taxon = annotation.attributes.get("taxon").and_then(|t| t.as_str());
    let first = || annotation.bodies.first().map(|body| body.value.as_str());
    taxon.or_else(first).map(plain)
}

/// Nodes by name. Documents give a node with its parent or without, with all its names or without: the first value for
/// each field is used.
fn tree(nodes: &[TreeNode]) -> BTreeMap<String, TreeNode> {
    let mut tree: BTreeMap<String, TreeNode> = BTreeMap::new();
    for node in nodes {
        let known = tree.entry(plain(&node.name)).or_insert_with(|| TreeNode {
            name: plain(&node.name),
            ..TreeNode::default()
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

fn taxon(name: &str, tree: &BTreeMap<String, TreeNode>) -> Option<Taxon> {
    let node = tree.get(name)?;
    let (mut lineage, mut seen, mut at) = (Vec::new(), BTreeSet::new(), Some(node));
    // The tree of a faulty service may contain a cycle: stop there.
    while let Some(node) = at.filter(|node| seen.insert(node.name.as_str())) {
        lineage.push(LineageStep {
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

/// A name as concepts of boxes are written later: on one line, without white space around it.
fn plain(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, rank: Option<&str>, parent: Option<&str>) -> TreeNode {
        TreeNode {
            name: name.into(),
            rank: rank.map(Into::into),
            parent: parent.map(Into::into),
            ..TreeNode::default()
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
