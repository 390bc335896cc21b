//! Lists, pages and collections of annotations, and the members of resources that hold or name them.

use serde_json::Value;

use super::annotations::{self, AnnotationPlace, ReadAnnotation};
use super::hanging::{Hanging, PageEntry, PageStatements};
use super::reader::Reader;
use super::text_links;
use super::values::{self, HELD, annotations_of, described, has, id, kind, members_of, spelled};
use crate::sources::ANNOTATIONS;
use crate::values::hash;

impl<'a> Reader<'a> {
    /// A document that is a list or page of annotations, and the pages that follow it.
    pub(super) fn annotation_list(&mut self, list_: &'a Value) {
        self.page(list_, Hanging::default());
    }

    /// A collection of annotation pages, or a layer of annotation lists.
    pub(super) fn annotation_collection(&mut self, collection: &'a Value, on: Hanging) {
        let pages = ["first", "otherContent", "items", "contains", "ldp:contains"];
        let pages = members_of(collection, &pages);
        let holds_more = has(collection, "last") || values::size(&collection["total"]).is_some();
        if pages.is_empty() && holds_more {
            self.annotation_lost(on, None);
            self.not_used(
                collection,
                "collection of annotations does not name its first page",
            );
        }
        for page in pages {
            self.page_or_annotation(page, on);
        }
    }

    /// The annotations of a manifest, canvas, range, collection or content resource: embedded ones are read, others are
    /// followed.
    pub(super) fn annotations_on(&mut self, resource: &'a Value, on: Hanging) {
        if !resource.is_object() {
            return;
        }
        let mut names = vec![
            "annotations",
            "otherContent",
            "hasAnnotations",
            "contentLayer",
        ];
        if kind(resource) == "range" {
            names.push("supplementary");
        }
        // Transcriptions of manifests, canvases and images are followed with what else is known of these.
        let is_text = |page: &Value| {
            !matches!(kind(resource).as_str(), "range" | "collection") && text_links::is_text(page)
        };
        for page in members_of(resource, &names) {
            if !is_text(page) {
                self.page_or_annotation(page, on);
            }
        }
        self.content_elsewhere(resource, on);
    }

    /// What stands where annotations, their pages and their collections may stand.
    fn page_or_annotation(&mut self, value: &'a Value, on: Hanging) {
        match kind(value).as_str() {
            _ if value.is_string() => self.lead_to(value, ANNOTATIONS, on.manifest, on.canvas),
            _ if !value.is_object() => self.no_page(value, on),
            "annotation" => self.member_of_page(value, on, &PageStatements::default(), None),
            "annotationcollection" | "layer" if holds_pages(value) => {
                self.annotation_collection(value, on);
            }
            kind if !PAGES.contains(&kind) => self.no_page(value, on),
            _ => self.page(value, on),
        }
    }

    /// A page that may be embedded or only named.
    fn page(&mut self, page: &'a Value, on: Hanging) {
        let is_embedded = HELD.iter().any(|member| has(page, member));
        let is_answer = self.from.is_some_and(|from| from.role == ANNOTATIONS);
        if !is_embedded && !has(page, "next") {
            return match id(page) {
                Some(named) if !(is_answer && self.is_this_document(named)) => {
                    self.lead_to(page, ANNOTATIONS, on.manifest, on.canvas);
                }
                _ => self.no_page(page, on),
            };
        }
        if on.manifest.is_none() {
            self.manifests_named_by(page);
        }
        let statements = PageStatements::of(page);
        for (at, value) in annotations_of(page).into_iter().enumerate() {
            self.member_of_page(value, on, &statements, Some(at + 1));
        }
        for next in members_of(page, &["next"]) {
            self.lead_to(next, ANNOTATIONS, on.manifest, on.canvas);
        }
    }

    fn no_page(&mut self, value: &'a Value, on: Hanging) {
        self.annotation_lost(on, None);
        self.not_a(value, "a page of annotations");
    }

    fn no_annotation(&mut self, value: &'a Value, on: Hanging) {
        self.annotation_lost(on, None);
        self.not_a(value, "an annotation");
    }

    fn is_this_document(&self, named: &str) -> bool {
        named == self.name || named == self.base
    }

    /// What stands in a page: an annotation, the name of one, or another page. `order` is its position, from 1.
    pub(super) fn member_of_page(
        &mut self,
        value: &'a Value,
        on: Hanging,
        page: &PageStatements,
        order: Option<usize>,
    ) {
        if value.is_string() {
            return self.lead_to_annotation(value, on, page, order);
        }
        if !value.is_object() {
            return self.no_annotation(value, on);
        }
        match kind(value).as_str() {
            "annotationpage" | "annotationlist" => return self.page(value, on),
            "" | "annotation" => {}
            _ if has(value, "target") || has(value, "on") => {}
            _ => return self.no_annotation(value, on),
        }
        let is_named = spelled(value, &["target", "on"]).is_empty()
            && spelled(value, &annotations::BODY).is_empty();
        if is_named && id(value).is_some_and(|named| !self.is_this_document(named)) {
            return self.lead_to_annotation(value, on, page, order);
        }
        // Transcriptions may be painted too: they are read, but only the others are counted.
        let is_counted = on.manifest.is_none() || !annotations::is_painting(value);
        self.found.count("annotations", is_counted.into());
        self.annotation(value, on, page, order);
    }

    /// Follows an annotation that a page only names, with what the page says of it.
    fn lead_to_annotation(
        &mut self,
        named: &'a Value,
        on: Hanging,
        page: &PageStatements,
        order: Option<usize>,
    ) {
        let page = page.clone();
        let memo = serde_json::to_string(&PageEntry { page, order }).unwrap_or_default();
        self.lead_to_with(named, ANNOTATIONS, on.manifest, on.canvas, memo);
    }

    /// Reads one annotation.
    pub(super) fn annotation(
        &mut self,
        value: &'a Value,
        on: Hanging,
        page: &PageStatements,
        order: Option<usize>,
    ) {
        let read = self.read_annotation(value, on, page, order);
        self.keep(read, |part| part);
    }

    /// Reads an annotation that was made of something else that stands in the document.
    pub(super) fn made_annotation(
        &mut self,
        made: &Value,
        of: &'a Value,
        on: Hanging,
        page: &PageStatements,
        order: usize,
    ) {
        self.found.count("annotations", 1);
        let read = self.read_annotation(made, on, page, Some(order));
        self.keep(read, |_| of);
    }

    fn read_annotation<'v>(
        &mut self,
        value: &'v Value,
        on: Hanging,
        page: &PageStatements,
        order: Option<usize>,
    ) -> ReadAnnotation<'v> {
        self.annotations_read += 1;
        let number = match id(value).filter(|_| value.is_object()) {
            Some(_) => self.annotations_read,
            None => self.number_of(value, on),
        };
        let place = AnnotationPlace {
            document: self.name,
            base: &self.base,
            on,
            page,
            order,
            number,
        };
        let read = annotations::read(value, &place);
        for (url, _) in &read.texts {
            self.follow_text(url, on);
        }
        for target in &read.lost {
            self.annotation_lost(on, target.clone());
        }
        read
    }

    /// The number that names an annotation without an id. What says the same at the same place again is the same annotation.
    fn number_of(&mut self, value: &Value, on: Hanging) -> usize {
        let said = format!("{value} {on:?}");
        let number = self.annotations_read;
        *self.nameless.entry(hash(&said)).or_insert(number)
    }

    /// Keeps what was read of an annotation. `stands` says what of the document a part of it is.
    fn keep<'v>(&mut self, read: ReadAnnotation<'v>, stands: impl Fn(&'v Value) -> &'a Value) {
        for (part, problem) in read.unused {
            self.part_not_used(&read.id, stands(part), problem);
        }
        for (placed, target) in read.placed {
            let texts = read.texts.iter();
            let texts = texts.map(|(url, body)| (url.clone(), stands(body)));
            self.annotation_found(placed, stands(target), texts.collect());
        }
    }

    /// Follows the manifests that the targets of annotations name, if the annotations are an input of their own: then no
    /// manifest led to them, and they hold no image.
    pub(super) fn manifests_named_by(&mut self, page: &'a Value) {
        if self.from.is_some() {
            return;
        }
        let mut named: Vec<&Value> = manifests_around(page);
        let around = match kind(page).as_str() {
            "annotation" => vec![page],
            _ => annotations_of(page),
        };
        for annotation in around {
            if !std::ptr::eq(annotation, page) {
                named.extend(manifests_around(annotation));
            }
            for target in super::targets::targets(annotation) {
                named.extend(super::targets::manifests_of(target));
            }
        }
        let mut seen = Vec::new();
        for manifest in named {
            let Some(name) = id(manifest) else {
                self.not_used(
                    manifest,
                    format!("manifest without id: {}", described(manifest)),
                );
                continue;
            };
            if !seen.contains(&name) {
                seen.push(name);
                self.lead_to(manifest, "manifest of an annotation", Some(name), None);
            }
        }
    }
}

/// The manifests that a page or an annotation is a part of. A name alone may be that of another page.
fn manifests_around(value: &Value) -> Vec<&Value> {
    let around = members_of(value, &["partOf", "within"]).into_iter();
    let around = around.filter(|around| around.is_object());
    around
        .flat_map(|around| match kind(around).as_str() {
            "manifest" => vec![around],
            "" | "annotation" | "annotationpage" | "annotationlist" => manifests_around(around),
            _ => super::targets::manifests_of(around),
        })
        .collect()
}

/// Types of what holds annotations, or names it.
const PAGES: [&str; 7] = [
    "",
    "annotationpage",
    "annotationlist",
    "annotationcollection",
    "layer",
    "list",
    "choice",
];

fn holds_pages(collection: &Value) -> bool {
    ["first", "otherContent", "items", "contains", "ldp:contains"]
        .iter()
        .any(|member| has(collection, member))
}
