//! Collections: embedded members, references to members, pages.

use serde_json::Value;

use super::document::kind_of_document;
use super::hanging::Hanging;
use super::reader::Reader;
use super::values::{has, kind, members, members_of};

/// The role of a manifest that a collection names, and of a member whose kind the collection does not say.
pub const MEMBER: &str = "collection member";

/// The role of a collection that a collection names.
const COLLECTION: &str = "collection in a collection";

const MEMBERS: &[&str] = &["collections", "manifests", "members", "items"];

impl<'a> Reader<'a> {
    /// A collection or a page of one. Embedded members are read at once, references are followed.
    pub(super) fn collection(&mut self, collection: &'a Value) {
        self.found.count("collections", 1);
        for member in members_of(collection, MEMBERS) {
            self.member(member);
        }
        for page in members_of(collection, &["first", "next"]) {
            match is_embedded_collection(page) {
                true => self.collection(page),
                false => self.lead_to(page, "next page", None, None),
            }
        }
        let known = MEMBERS.iter().chain(&["first", "next", "annotations"]);
        if !known.into_iter().any(|member| has(collection, member)) {
            let problem = "collection has none of items, manifests, collections, members, first";
            self.not_used(collection, problem);
        }
        self.annotations_on(collection, Hanging::default());
    }

    /// A member of a collection.
    pub(super) fn member(&mut self, member: &'a Value) {
        if is_embedded_manifest(member) {
            self.manifest(member);
        } else if is_embedded_collection(member) {
            self.collection(member);
        } else if matches!(kind(member).as_str(), "canvas" | "range" | "annotation") {
            self.not_a(member, "a manifest or collection");
        } else {
            let role = match &*kind_of_document(member) {
                "collection" => COLLECTION,
                _ => MEMBER,
            };
            self.lead_to(member, role, None, None);
        }
    }
}

fn is_embedded_manifest(value: &Value) -> bool {
    let holds = |member: &str| !members(value, member).is_empty();
    holds("sequences") || (kind_of_document(value) == "manifest" && holds("items"))
}

fn is_embedded_collection(value: &Value) -> bool {
    kind_of_document(value) == "collection" && MEMBERS.iter().any(|m| !members(value, m).is_empty())
}
