//! Manifests, sequences, ranges and canvases of all versions, with their annotations.

use serde_json::Value;

use super::canvases::{Canvases, canvases_of};
use super::described::{Object, object, page, shared_ids};
use super::document;
use super::hanging::Hanging;
use super::reader::Reader;
use super::targets;
use super::values::{absolute, has, id, kind, list, members, members_of, resolve, spelled, within};

impl<'a> Reader<'a> {
    /// Reads a manifest.
    pub(super) fn manifest(&mut self, manifest: &'a Value) {
        self.found.count("manifests", 1);
        let mut object = object(manifest);
        let name = id(manifest).and_then(|id| resolve(&self.base, id));
        // An id without scheme is not unique: then the URL of the document is used.
        let name = id(manifest)
            .filter(|id| id.contains(':'))
            .map(str::to_owned)
            .or(name);
        let name = name.unwrap_or_else(|| self.name.to_owned());
        object.group.clone_from(&name);
        object.manifest = Some(name);
        self.bound(&mut object, manifest);
        object.shared_ids = shared_ids(manifest);
        let around = std::mem::replace(&mut self.canvases, Canvases::of(manifest, &self.base));
        let mut seen = Vec::new();
        let first = self.found.observations.len();
        // Canvases are in `items` in Presentation 3, and in `sequences` before and in its drafts.
        for canvas in members_of(manifest, &["items", "canvases"]) {
            self.canvas_of(canvas, &object, &mut seen);
        }
        for sequence in members(manifest, "sequences") {
            self.sequence(sequence, &object, &mut seen);
        }
        self.painted_elsewhere(&object);
        self.canvases = around;
        let holds = ["items", "canvases", "sequences", "mediaSequences"];
        if holds.iter().all(|member| !has(manifest, member)) {
            self.not_used(manifest, "manifest does not have canvases");
        }
        let on = Hanging {
            manifest: object.manifest.as_deref(),
            ..Hanging::default()
        };
        self.annotations_on(manifest, on);
        for range in members(manifest, "structures") {
            let is_range = |member: &&str| has(range, member);
            match kind(range) == "range" || RANGE.iter().any(is_range) {
                true => self.range(range, on),
                false => self.not_a(range, "a range"),
            }
        }
        self.text_of_manifest(manifest, object.manifest.as_deref(), first);
    }

    /// Leaves out texts of a manifest that would take too much memory, since each of its canvases has them.
    fn bound(&mut self, object: &mut Object, manifest: &'a Value) {
        let canvases = canvases_of(manifest).count();
        let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let values = object.metadata.iter();
        let metadata =
            values.map(|(key, values)| key.len() + values.iter().map(String::len).sum::<usize>());
        let sizes = [
            ("metadata", metadata.sum::<usize>()),
            ("label", of(&object.label)),
            ("attribution", of(&object.rights.attribution)),
            ("rights", of(&object.rights.rights)),
            ("id", of(&object.manifest)),
        ];
        for (member, bytes) in sizes {
            if bytes.saturating_mul(canvases) <= MOST_REPEATED {
                continue;
            }
            match member {
                "metadata" => object.metadata.clear(),
                "label" => object.label = None,
                "attribution" => object.rights.attribution = None,
                "rights" => object.rights.rights = None,
                _ => {
                    object.manifest = Some(self.name.to_owned());
                    object.group = self.name.to_owned();
                }
            }
            let problem = format!(
                "text of the manifest is left out: {bytes} bytes for each of {canvases} canvases are too many"
            );
            self.member_not_used("manifest", manifest, member, problem);
        }
    }

    /// The annotations of a range, of the ranges in it and of the canvases that it names.
    fn range(&mut self, range: &'a Value, on: Hanging) {
        self.annotations_on(range, on);
        for inner in members_of(range, &["items", "members", "ranges", "canvases"]) {
            match kind(inner) == "range" {
                true => self.range(inner, on),
                false => self.named_canvas(inner, on),
            }
        }
    }

    /// The annotations of a canvas, or of a part of one, where a range names it.
    fn named_canvas(&mut self, named: &'a Value, on: Hanging) {
        for canvas in std::iter::once(named).chain(spelled(named, &targets::SOURCE)) {
            let named = id(canvas).map(|id| absolute(&self.base, id));
            let on = Hanging {
                canvas: named.as_deref(),
                ..on
            };
            self.annotations_on(canvas, on);
        }
    }

    /// Reads a sequence that is a document of its own.
    pub(super) fn lone_sequence(&mut self, sequence: &'a Value) {
        let object = self.surroundings(sequence);
        self.sequence(sequence, &object, &mut Vec::new());
    }

    /// Reads a canvas that is a document of its own.
    pub(super) fn lone_canvas(&mut self, canvas: &'a Value) {
        // The short form of a content state: a canvas that is only named, in its manifest.
        let is_named = CONTENT.iter().all(|member| !has(canvas, member));
        let manifests = document::manifests_of(canvas);
        if is_named && self.from.is_none() && !manifests.is_empty() {
            for manifest in manifests {
                self.lead_to(manifest, "target of a content state", None, None);
            }
            return;
        }
        let object = self.surroundings(canvas);
        self.canvas_of(canvas, &object, &mut Vec::new());
    }

    /// Reads a range that is a document of its own: canvases may be embedded in it.
    pub(super) fn lone_range(&mut self, range: &'a Value) {
        let object = self.surroundings(range);
        let (manifest, mut seen) = (object.manifest.clone(), Vec::new());
        for canvas in members_of(range, &["canvases", "items", "members"]) {
            match kind(canvas).as_str() {
                "range" => self.lone_range(canvas),
                _ if CONTENT.iter().all(|member| !has(canvas, member)) => {
                    self.not_used(
                        canvas,
                        "canvas of a range is only named: its manifest holds it",
                    );
                    let on = Hanging {
                        manifest: manifest.as_deref(),
                        ..Hanging::default()
                    };
                    self.named_canvas(canvas, on);
                }
                _ => self.canvas_of(canvas, &object, &mut seen),
            }
        }
        let on = Hanging {
            manifest: manifest.as_deref(),
            ..Hanging::default()
        };
        self.annotations_on(range, on);
    }

    /// The manifest of a sequence or canvas that is a document of its own, as far as it describes it.
    fn surroundings(&self, part: &Value) -> Object {
        let around = within(part, "manifest").into_iter().next();
        let around = around.or_else(|| {
            ["within", "partOf"]
                .iter()
                .flat_map(|m| list(part, m))
                .next()
        });
        let named = self.from.and_then(|from| from.manifest.clone());
        let manifest = named.or_else(|| around.and_then(id).map(str::to_owned));
        let mut object = object(around.unwrap_or(&Value::Null));
        object.group = manifest.clone().unwrap_or_else(|| self.name.to_owned());
        object.manifest = manifest;
        object
    }

    /// What stands where a sequence was expected.
    fn sequence(&mut self, sequence: &'a Value, object: &Object, seen: &mut Vec<String>) {
        let canvases = members_of(sequence, &["canvases", "items"]);
        let is_followed = self.from.is_some_and(|from| from.role == "sequence");
        if !canvases.is_empty() && !has(sequence, "images") && !holds_painting_pages(sequence) {
            let own = self.in_sequence(sequence, object, canvases.len());
            for canvas in canvases {
                self.canvas_of(canvas, own.as_ref().unwrap_or(object), seen);
            }
            let on = Hanging {
                manifest: object.manifest.as_deref(),
                ..Hanging::default()
            };
            self.annotations_on(sequence, on);
        } else if holds_images(sequence) {
            self.canvas_of(sequence, object, seen);
        } else if !matches!(kind(sequence).as_str(), "" | "sequence") {
            self.not_a(sequence, "a sequence");
        } else if id(sequence).is_some() && !has(sequence, "canvases") && !is_followed {
            self.lead_to(sequence, "sequence", object.manifest.as_deref(), None);
        } else if !has(sequence, "canvases") && !has(sequence, "items") {
            self.not_a(sequence, "a sequence of canvases");
        }
    }

    /// The manifest with the rights that a sequence states, unless they are too long to be repeated.
    fn in_sequence(
        &mut self,
        sequence: &'a Value,
        object: &Object,
        canvases: usize,
    ) -> Option<Object> {
        let own = object.in_sequence(sequence)?;
        let stated = [&own.rights.rights, &own.rights.attribution];
        let bytes: usize = stated.into_iter().flatten().map(String::len).sum();
        if bytes.saturating_mul(canvases) <= MOST_REPEATED {
            return Some(own);
        }
        let problem = format!(
            "rights of the sequence are left out: {bytes} bytes for each of {canvases} canvases are too many"
        );
        self.part_not_used("sequence", sequence, problem);
        None
    }

    /// What stands where a canvas was expected: a canvas, by its type or by what it holds, or a reference to one that was
    /// read already.
    fn canvas_of(&mut self, canvas: &'a Value, object: &Object, seen: &mut Vec<String>) {
        let name = id(canvas).unwrap_or_default().to_owned();
        let is_reference = CONTENT.iter().all(|member| !has(canvas, member));
        if is_reference && seen.contains(&name) {
            return;
        }
        match kind(canvas).as_str() {
            _ if !canvas.is_object() => return self.not_a(canvas, "a canvas"),
            "canvas" => {}
            "" if !is_reference => {}
            "sequence" if has(canvas, "canvases") => return self.sequence(canvas, object, seen),
            _ if holds_images(canvas) => {}
            "manifest" | "collection" => return self.member(canvas),
            _ => return self.not_a(canvas, "a canvas"),
        }
        if is_reference {
            self.not_used(canvas, "canvas is empty: it has neither a size nor content");
        }
        seen.push(name);
        self.canvas(canvas, object, seen.len());
    }

    fn canvas(&mut self, canvas: &'a Value, object: &Object, number: usize) {
        self.found.count("canvases", 1);
        let page = page(canvas, object, number, &self.base);
        let first = self.found.observations.len();
        // `images`, before version 1 `resources`, since version 3 `items`.
        self.painting_annotations(members_of(canvas, &["images", "resources"]), &page);
        for painting in members(canvas, "items") {
            self.painting_page(painting, &page);
        }
        self.draft_content(canvas, &page);
        self.annotations_on(canvas, page.hanging());
        let manifest = object.manifest.as_deref();
        self.text_of_canvas(canvas, (&page.id, manifest), page.frame, first);
    }
}

/// The most bytes that a text of a manifest may take in all, when each of its canvases has it.
const MOST_REPEATED: usize = 64 << 20;

/// Members of a canvas that show that it is one, and not a reference.
const CONTENT: [&str; 7] = [
    "images",
    "resources",
    "items",
    "content",
    "width",
    "height",
    "otherContent",
];

/// Members of which ranges have at least one.
const RANGE: [&str; 7] = [
    "items",
    "canvases",
    "ranges",
    "members",
    "annotations",
    "otherContent",
    "contentLayer",
];

/// Whether a value holds what only canvases hold, whatever its type says.
fn holds_images(value: &Value) -> bool {
    has(value, "images") || holds_painting_pages(value)
}

fn holds_painting_pages(value: &Value) -> bool {
    let items = list(value, "items");
    let pages = [
        "annotationpage",
        "annotation",
        "annotationlist",
        "annotationcollection",
    ];
    let is_page = |item: &&Value| pages.contains(&kind(item).as_str());
    items.first().is_some_and(is_page)
}
