//! Annotations and images that stand in members of a resource in which nothing is read: they are listed.

use serde_json::Value;

use super::annotations;
use super::hanging::Hanging;
use super::images;
use super::range_members::CONTENT;
use super::reader::Reader;
use super::values::{all, annotations_of, has, is_called, is_spelled, kind, members_of};

/// Members in which annotations may stand that are read elsewhere, or that are not the resource's own.
const READ: [&str; 15] = [
    "accompanyingCanvas",
    "annotations",
    "attributes",
    "contains",
    "contentLayer",
    "hasAnnotations",
    "images",
    "items",
    "metadata",
    "otherContent",
    "partOf",
    "placeholderCanvas",
    "resources",
    "service",
    "within",
];

/// Such members of what is no canvas: an annotation has a body and a target, a specific resource a source, a page more pages.
const OF_OTHERS: [&str; 20] = [
    "body",
    "canvases",
    "collections",
    "default",
    "first",
    "full",
    "item",
    "last",
    "manifests",
    "members",
    "next",
    "on",
    "prev",
    "ranges",
    "resource",
    "selections",
    "sequences",
    "source",
    "structures",
    "target",
];

/// Members of a canvas with images that are no content of it.
const SHOWN: [&str; 8] = [
    "homepage",
    "logo",
    "posterCanvas",
    "provider",
    "related",
    "rendering",
    "seeAlso",
    "thumbnail",
];

impl<'a> Reader<'a> {
    /// Lists what is content of a resource or annotations of it by its type, and stands in a member of another name. Annotations
    /// that are lost so are about what holds them.
    pub(super) fn content_elsewhere(&mut self, resource: &'a Value, on: Hanging) {
        let is_canvas = kind(resource) == "canvas" || has(resource, "images");
        // An image beside the content may be anything.
        let is_empty = is_canvas && members_of(resource, &CONTENT).is_empty();
        for (name, held) in resource.as_object().into_iter().flatten() {
            let is_one_of = |names: &[&str]| names.iter().any(|known| is_called(name, known));
            let is_read = match is_canvas {
                true => is_one_of(&READ) || is_one_of(&["content"]),
                false => is_one_of(&READ) || OF_OTHERS.iter().any(|known| is_spelled(name, known)),
            };
            let is_of_range = kind(resource) == "range" && is_one_of(&["supplementary"]);
            if is_read || is_of_range {
                continue;
            }
            let is_shown = is_one_of(&SHOWN);
            for value in all(held) {
                let is_image = is_empty && !is_shown && is_painted_alone(value);
                if !is_image && !is_annotated(value) {
                    continue;
                }
                if !is_image && !paints(value) {
                    self.annotation_lost(on, None);
                }
                let what = if is_image { "image" } else { "annotations" };
                let problem = format!("{what} in a member that is not read: {name}");
                self.not_used(value, problem);
            }
        }
    }
}

/// Whether a value is an annotation or a page of annotations, by its type.
fn is_annotated(value: &Value) -> bool {
    const KINDS: [&str; 4] = [
        "annotation",
        "annotationcollection",
        "annotationlist",
        "annotationpage",
    ];
    value.is_object() && KINDS.contains(&kind(value).as_str())
}

/// Whether a value can be painted without an annotation.
fn is_painted_alone(value: &Value) -> bool {
    let kind = kind(value);
    value.is_object()
        && !kind.is_empty()
        && (images::is_image(value) || ["choice", "specificresource"].contains(&kind.as_str()))
}

/// Whether annotations paint: an image that is lost is no annotation that is lost.
fn paints(value: &Value) -> bool {
    let held = annotations_of(value);
    annotations::is_painting(value) || (!held.is_empty() && held.into_iter().all(paints))
}
