//! Reads trees of concepts in the form in which knowledge bases return them.

use serde_json::Value;

use super::source::TreeNode;
use crate::values::{list, text};

/// The members with other names of a concept: of the knowledge base, and of FathomNet's WoRMS service; as they are saved,
/// and in snake case.
const ALTERNATIVES: [&str; 4] = [
    "alternativeNames",
    "alternateNames",
    "alternative_names",
    "alternate_names",
];

/// The most nodes of a tree that are read: more than all species of the sea.
const MOST: usize = 500_000;

/// Why a tree cannot be read: it is too large.
pub fn too_large(document: &Value) -> Option<String> {
    let mut open: Vec<&Value> = vec![document];
    let mut nodes = 0;
    while let Some(value) = open.pop() {
        open.extend(list(value));
        open.extend(list(&value["children"]));
        nodes += 1;
        if nodes > MOST {
            return Some(format!(
                "tree of concepts is too large: more than {MOST} concepts"
            ));
        }
    }
    None
}

/// The nodes of a tree or of a list of nodes, sorted, because the order of children has no meaning.
pub fn nodes(document: &Value) -> Vec<TreeNode> {
    let mut nodes = Vec::new();
    let mut open: Vec<(&Value, Option<String>)> = match document {
        Value::Array(list) => list.iter().map(|node| (node, None)).collect(),
        one => vec![(one, None)],
    };
    while let Some((value, parent)) = open.pop() {
        // Not trimmed: some names in real knowledge bases end with a space, and are found only with it.
        let Some(name) = value["name"].as_str() else {
            continue;
        };
        nodes.push(TreeNode {
            name: name.to_owned(),
            rank: text(&value["rank"]),
            parent,
            alternatives: alternatives(value),
        });
        open.extend(list(&value["children"]).map(|child| (child, Some(name.to_owned()))));
    }
    nodes.sort_by(|a, b| (&a.name, &a.parent, &a.rank).cmp(&(&b.name, &b.parent, &b.rank)));
    nodes
}

fn alternatives(node: &Value) -> Vec<String> {
    let lists = ALTERNATIVES.iter().flat_map(|key| list(&node[*key]));
    let mut names: Vec<String> = lists
        .filter_map(|n| n.as_str().map(str::to_owned))
        .collect();
    names.sort();
    names
}
