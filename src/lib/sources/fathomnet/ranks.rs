//! What is above a concept, where it is told a parent at a time.

use serde_json::Value;

use crate::sources::Node;
use crate::values::text;

/// A concept in its tree.
pub fn node(name: &str, rank: Option<String>, parent: Option<&str>) -> Node {
    Node {
        name: name.to_owned(),
        rank,
        parent: parent.map(str::to_owned),
        alternatives: Vec::new(),
    }
}

/// A concept below what is named as its parent, then that parent; nothing where none is named.
pub fn parent(concept: &str, above: &Value) -> Vec<Node> {
    let named = above["name"].as_str().filter(|name| *name != concept);
    let nodes = named.map(|name| {
        [
            node(concept, None, Some(name)),
            node(name, text(&above["rank"]), None),
        ]
    });
    nodes.into_iter().flatten().collect()
}

/// Sorted so that a parent that was asked for, and may be far above, counts only where no nearer one is known.
pub fn nearest(nodes: Vec<Node>, asked: &[String]) -> Vec<Node> {
    let is_asked = |parent: &String| asked.contains(parent);
    let (far, mut near): (Vec<Node>, Vec<Node>) = nodes
        .into_iter()
        .partition(|node| node.parent.as_ref().is_some_and(is_asked));
    near.extend(far);
    near
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_parent_is_named_or_not() {
        let told = parent("Cnidaria", &json!({"name": "Animalia", "rank": "Kingdom"}));
        assert_eq!(told[0].parent.as_deref(), Some("Animalia"));
        assert_eq!(told[1].rank.as_deref(), Some("Kingdom"));
        assert!(parent("Cnidaria", &json!({"message": "none"})).is_empty());
        assert!(parent("Cnidaria", &json!({"name": "Cnidaria"})).is_empty());
    }
}
