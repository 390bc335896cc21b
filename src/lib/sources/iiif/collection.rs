//! Collections: embedded members, references to members, pages.

use serde_json::Value;

use super::reader::Reader;
use super::values::{all, kind, list};

impl Reader<'_> {
    /// A collection or a page of one. Embedded members are read at once, references are followed.
    pub(super) fn collection(&mut self, collection: &Value) {
        self.found.count("collections", 1);
        let members = ["collections", "manifests", "members", "items"];
        for member in members
            .iter()
            .flat_map(|m| list(collection, m))
            .collect::<Vec<_>>()
        {
            self.member(member);
        }
        for page in ["first", "next"]
            .iter()
            .filter_map(|m| all(&collection[*m]).first().copied())
        {
            match is_embedded_collection(page) {
                true => self.collection(page),
                false => self.lead_to(page, "next page", None, None),
            }
        }
    }

    fn member(&mut self, member: &Value) {
        if is_embedded_manifest(member) {
            self.manifest(member);
        } else if is_embedded_collection(member) {
            self.collection(member);
        } else if !matches!(kind(member).as_str(), "canvas" | "range" | "annotation") {
            self.lead_to(member, "collection member", None, None);
        }
    }
}

fn is_embedded_manifest(value: &Value) -> bool {
    let holds = |member: &str| list(value, member).iter().any(|v| v.is_object());
    holds("sequences") || (kind(value) == "manifest" && holds("items"))
}

fn is_embedded_collection(value: &Value) -> bool {
    let lists = ["collections", "manifests", "members", "items"];
    kind(value).starts_with("collection") && lists.iter().any(|m| !list(value, m).is_empty())
}
