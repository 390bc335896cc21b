//! What a document is, and which method reads it.

use serde_json::Value;

use super::annotations::motivation;
use super::described::Rights;
use super::hanging::{Hanging, PageEntry, PageStatements};
use super::reader::Reader;
use super::service;
use super::values::{self, kind, list, within};
use crate::contracts::{ImageRef, Observation, Provenance};
use crate::sources::{ANNOTATIONS, is_url};

impl<'a> Reader<'a> {
    /// Reads the whole document.
    pub(super) fn document(&mut self, document: &'a Value) {
        if let Value::Array(values) = document {
            return self.array(values);
        }
        let kind = kind_of_document(document);
        let is_for_annotations = self.from.is_some_and(|from| from.role == ANNOTATIONS);
        if is_for_annotations && HOLD_IMAGES.contains(&kind.as_str()) {
            let problem = format!("a page of annotations was expected: the document is a {kind}");
            return self.refuse_document(&problem);
        }
        match kind.as_str() {
            "collection" => self.collection(document),
            "manifest" => self.manifest(document),
            "sequence" => self.lone_sequence(document),
            "canvas" => self.lone_canvas(document),
            "annotationlist" | "annotationpage" => self.annotation_list(document),
            "range" => self.lone_range(document),
            "curation" => self.curation(document),
            "annotationcollection" | "layer" => {
                self.annotation_collection(document, Hanging::default());
            }
            "annotation" => self.lone_annotation(document),
            "imageservice" => self.image_service(document),
            "orderedcollection" | "orderedcollectionpage" => {
                self.refuse_document(
                    "document is a Change Discovery stream: it lists changes and not images",
                );
            }
            "" if !document.is_object() => {
                self.refuse_document("document is not a IIIF document: it is not an object")
            }
            "" => self.refuse_document("document is not a IIIF document: its type is missing"),
            other => {
                self.refuse_document(&format!("document is of a type without images: {other}"))
            }
        }
    }

    fn array(&mut self, values: &'a [Value]) {
        let is_annotation = |v: &Value| kind_of_document(v) == "annotation";
        if values.is_empty() || !values.iter().any(is_annotation) {
            return self.refuse_document("document is not a IIIF document: it is a list");
        }
        for (at, value) in values.iter().enumerate() {
            self.manifests_named_by(value);
            let page = PageStatements::default();
            self.member_of_page(value, Hanging::default(), &page, Some(at + 1));
        }
    }

    /// The description of an image service (info.json): one image.
    fn image_service(&mut self, info: &'a Value) {
        let Some(mut service) = service::described(info) else {
            return self
                .refuse_document("image service cannot be used: its id or version is missing");
        };
        // Some services give a relative id, or one on localhost. The URL that it was fetched from is right.
        if is_url(self.name) {
            service.id = service::base(self.name);
        } else if !is_url(&service.id) {
            return self.refuse_document("image service cannot be used: its id is not a URL");
        }
        self.found.count("services", 1);
        let Rights {
            rights,
            attribution,
        } = Rights::of(info);
        self.found.observations.push(Observation {
            id: service.id.clone(),
            group: service.id.clone(),
            image: ImageRef {
                width: values::pixels(&info["width"]),
                height: values::pixels(&info["height"]),
                service: Some(service),
                ..ImageRef::default()
            },
            source: Provenance {
                kind: "iiif".into(),
                rights,
                attribution,
                ..Provenance::default()
            },
            ..Observation::default()
        });
    }

    /// A content state, or another annotation that is a document of its own.
    fn lone_annotation(&mut self, annotation: &'a Value) {
        let state = motivation(annotation).iter().any(|m| m == "contentState");
        if !state {
            self.manifests_named_by(annotation);
            let named: PageEntry = serde_json::from_str(self.memo).unwrap_or_default();
            return self.member_of_page(annotation, Hanging::default(), &named.page, named.order);
        }
        let targets = list(annotation, "target");
        let wanted: Vec<&Value> = targets.into_iter().flat_map(manifests_of).collect();
        if wanted.is_empty() {
            self.refuse_document("document is a content state without a manifest");
        }
        for manifest in wanted {
            self.lead_to(manifest, "target of a content state", None, None);
        }
    }
}

/// The manifests that a target of a content state is, or is a part of; they may be named by their URLs alone.
pub(super) fn manifests_of(target: &Value) -> Vec<&Value> {
    let found = within(target, "manifest");
    if !found.is_empty() {
        return found;
    }
    let around = ["source", "partOf", "within"].into_iter();
    let around: Vec<&Value> = around.flat_map(|member| list(target, member)).collect();
    let named = around
        .iter()
        .copied()
        .filter(|value| value.is_string() && target["source"] != **value);
    let inner = around.iter().filter(|value| value.is_object());
    named
        .chain(inner.flat_map(|value| manifests_of(value)))
        .collect()
}

/// Types of documents that hold or name images.
const HOLD_IMAGES: [&str; 6] = [
    "collection",
    "manifest",
    "sequence",
    "canvas",
    "curation",
    "imageservice",
];

/// The type of a document; without a type, or one that its members contradict, it is guessed from these.
pub(super) fn kind_of_document(document: &Value) -> String {
    let named = kind(document);
    match named.as_str() {
        "collectionpage" => return "collection".into(),
        k if k.starts_with("imageservice") || k == "imageprofile" => return "imageservice".into(),
        // What they hold may contradict it.
        "" | "collection" | "manifest" => {}
        _ if is_known(&named) => return named,
        _ => {}
    }
    let has = |member: &str| values::has(document, member);
    let first_item = list(document, "items")
        .first()
        .map(|item| kind(item))
        .unwrap_or_default();
    let by_members = match first_item.as_str() {
        _ if has("sequences") => "manifest",
        "canvas" => "manifest",
        "annotationpage" => "canvas",
        _ if is_known(&named) => return named,
        "manifest" | "collection" => "collection",
        "annotation" => "annotationpage",
        _ if has("selections") => "curation",
        _ if has("manifests") || has("collections") || has("members") => "collection",
        _ if has("canvases") => "sequence",
        _ if has("images") => "canvas",
        _ if has("resources") => "annotationlist",
        _ if has("motivation") && (has("target") || has("on")) => "annotation",
        _ if has("width") && has("height") && service::is_image_service(document) => "imageservice",
        _ => return named,
    };
    by_members.into()
}

fn is_known(kind: &str) -> bool {
    const KNOWN: &[&str] = &[
        "collection",
        "manifest",
        "sequence",
        "canvas",
        "annotationlist",
        "annotationpage",
        "annotationcollection",
        "layer",
        "annotation",
        "range",
        "curation",
        "orderedcollection",
        "orderedcollectionpage",
    ];
    KNOWN.contains(&kind)
}
