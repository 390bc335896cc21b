//! Trees of concepts as knowledge bases answer them.

use serde_json::Value;

use super::Node;
use crate::values::{list, text};

/// The keys of a concept's other names: of the knowledge base, of FathomNet's WoRMS.
const ALTERNATIVES: [&str; 2] = ["alternativeNames", "alternateNames"];

/// The nodes of a tree or of a list of nodes, sorted: the order of children means nothing.
pub fn nodes(document: &Value) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut open: Vec<(&Value, Option<String>)> = match document {
        Value::Array(list) => list.iter().map(|node| (node, None)).collect(),
        one => vec![(one, None)],
    };
    while let Some((value, parent)) = open.pop() {
        // Never trimmed: names of real knowledge bases end in blanks.
        let Some(name) = value["name"].as_str() else {
            continue;
        };
        nodes.push(Node {
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
