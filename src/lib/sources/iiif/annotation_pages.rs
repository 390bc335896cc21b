//! Lists, pages and collections of annotations.

use serde_json::Value;

use super::annotations;
use super::reader::Reader;
use super::values::{all, annotations_of, list};
use crate::sources;

impl Reader<'_> {
    /// A list or page of annotations, and the pages that follow it.
    pub(super) fn annotation_list(&mut self, list_: &Value) {
        self.annotations(&annotations_of(list_), None);
        if let Some(next) = all(&list_["next"]).first() {
            self.lead_to(next, sources::ANNOTATIONS, None, None);
        }
    }

    /// A collection of annotation pages, or a layer of annotation lists.
    pub(super) fn annotation_collection(&mut self, collection: &Value) {
        let pages = ["first", "otherContent", "items"]
            .iter()
            .flat_map(|m| list(collection, m));
        for page in pages.collect::<Vec<_>>() {
            match annotations_of(page).is_empty() {
                true => self.lead_to(page, sources::ANNOTATIONS, None, None),
                false => self.annotation_list(page),
            }
        }
    }

    /// Reads and counts annotations.
    pub(super) fn annotations(&mut self, values: &[&Value], manifest: Option<&str>) {
        for value in values {
            self.found.count("annotations", 1);
            self.annotation(value, manifest);
        }
    }

    /// Reads one annotation.
    pub(super) fn annotation(&mut self, value: &Value, manifest: Option<&str>) {
        self.annotations_read += 1;
        let place = annotations::AnnotationPlace {
            document: self.name,
            base: &self.base,
            manifest,
            number: self.annotations_read,
        };
        match annotations::read(value, &place) {
            Ok(placed) => self.found.annotations.extend(placed),
            Err(reject) => self.found.rejects.push(reject),
        }
    }
}
