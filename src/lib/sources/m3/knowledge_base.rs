//! Entries of the knowledge base: a concept with all its names, and the concepts below and above it.

use serde_json::Value;

use crate::sources::taxonomy::nodes;
use crate::sources::{TreeNode, paging};

/// A concept of the knowledge base.
#[derive(Debug)]
pub struct ConceptEntry {
    /// Its primary name, whichever name was searched for.
    pub name: String,
    /// Its names, the primary one first.
    pub own: Vec<String>,
    /// The names of everything below it, sorted.
    pub below: Vec<String>,
}

/// Reads a tree (`phylogeny/down`, `phylogeny/up`) or a list of its nodes (`phylogeny/taxa`). In a list, the node that
/// was searched for is recognised by its names.
pub fn entry(document: &Value, typed: &str) -> Option<(ConceptEntry, Vec<TreeNode>)> {
    if let (Some(page), true) = (paging::page(document), document.is_object()) {
        let is_node = document["name"].is_string();
        return entry(&Value::Array(page.rows.to_vec()), typed).filter(|_| !is_node);
    }
    let nodes = nodes(document);
    let is_typed = |name: &str| name.trim().eq_ignore_ascii_case(typed.trim());
    let root = match document {
        Value::Array(_) => nodes.iter().find(|node| names(node).any(is_typed))?,
        _ => nodes
            .iter()
            .find(|node| Some(node.name.as_str()) == document["name"].as_str())?,
    };
    let mut below: Vec<String> = nodes
        .iter()
        .filter(|node| node.name != root.name)
        .flat_map(|node| names(node).map(str::to_owned))
        .collect();
    below.sort();
    below.dedup();
    let entry = ConceptEntry {
        name: root.name.clone(),
        own: names(root).map(str::to_owned).collect(),
        below,
    };
    Some((entry, nodes))
}

fn names(node: &TreeNode) -> impl Iterator<Item = &str> {
    let others = node.alternatives.iter().map(String::as_str);
    std::iter::once(node.name.as_str()).chain(others)
}

/// The name of the root of a branch, which is the root of the whole tree.
pub fn root(document: &Value) -> Option<&str> {
    match document {
        Value::Array(list) => list.first()?["name"].as_str(),
        one => one["name"].as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_tree_and_a_list_say_the_same() {
        let tree = json!({"name": "Sebastes", "rank": "genus", "alternativeNames": ["rockfish"],
            "children": [{"name": "b ", "rank": ""}, {"name": "a", "children": []}]});
        let list = json!([{"name": "a"}, {"name": "b "}, {"name": "Sebastes", "alternativeNames": ["rockfish"]}]);
        let page = json!({"content": list, "limit": 3, "offset": 0});
        for document in [tree, list, page] {
            let (entry, nodes) = entry(&document, "Rockfish").unwrap();
            assert_eq!(entry.name, "Sebastes");
            assert_eq!(entry.own, ["Sebastes", "rockfish"]);
            assert_eq!(entry.below, ["a", "b "]);
            assert_eq!(nodes.len(), 3);
            assert!(nodes.iter().all(|node| node.rank.as_deref() != Some("")));
        }
        assert!(entry(&json!({"message": "no"}), "x").is_none());
        assert!(entry(&json!([]), "x").is_none());
    }
}
