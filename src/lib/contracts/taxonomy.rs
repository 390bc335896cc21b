//! The place of concepts in the tree of a knowledge base, such as the ranks above a species.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Concept → its place in a tree of concepts. Keys are concepts as boxes name them: `attributes.taxon`, or the box's
/// concept where that attribute is missing.
pub type Taxonomy = BTreeMap<String, Taxon>;

/// A concept's place in a tree of concepts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Taxon {
    /// From the root of the tree to the concept itself. Never empty.
    #[schemars(length(min = 1))]
    pub lineage: Vec<LineageStep>,
    /// Synonyms, former names and common names of the concept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternative_names: Vec<String>,
}

/// One step of a lineage: a concept and its rank.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LineageStep {
    /// `genus`, `suborder`…; absent where the tree gives no rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<String>,
    /// The concept at this step.
    pub name: String,
}
