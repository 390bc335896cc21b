//! Ranks of concepts, from a service that returns one parent at a time.

use serde_json::Value;

use crate::sources::TreeNode;
use crate::values::text;

/// A node of the tree of concepts.
pub fn node(name: &str, rank: Option<String>, parent: Option<&str>) -> TreeNode {
    TreeNode {
        name: name.to_owned(),
        rank,
        parent: parent.map(str::to_owned),
        alternatives: Vec::new(),
    }
}

/// A concept below its parent, and the parent; empty if `above` does not name a parent.
pub fn parent(concept: &str, above: &Value) -> Vec<TreeNode> {
    let named = above["name"].as_str().filter(|name| *name != concept);
    let nodes = named.map(|name| {
        [
            node(concept, None, Some(name)),
            node(name, text(&above["rank"]), None),
        ]
    });
    nodes.into_iter().flatten().collect()
}

/// Sorts nodes so that a parent that was searched for, and may be far above, is used only if no nearer one is known.
pub fn nearest(nodes: Vec<TreeNode>, concepts: &[String]) -> Vec<TreeNode> {
    let is_far = |parent: &String| concepts.contains(parent);
    let (far, mut near): (Vec<TreeNode>, Vec<TreeNode>) = nodes
        .into_iter()
        .partition(|node| node.parent.as_ref().is_some_and(is_far));
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
