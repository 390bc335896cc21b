//! Manifests, sequences and canvases of all versions, with their annotations.

use serde_json::Value;

use super::canvases::{Canvases, MOST_REPEATED, canvases_of};
use super::described::{Object, Page, object, page, shared_ids};
use super::document;
use super::hanging::Hanging;
use super::range_members::is_only_named;
use super::reader::Reader;
use super::values::{has, id, kind, list, members, members_of, resolve, within};

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
        let around = std::mem::replace(&mut self.canvases, Canvases::of(manifest, &self.base));
        self.bound(&mut object, manifest);
        object.shared_ids = shared_ids(manifest);
        let mut seen = Vec::new();
        let first = self.found.observations.len();
        // Canvases are in `items` in Presentation 3, and in `sequences` before and in its drafts.
        for canvas in members_of(manifest, &["items", "canvases"]) {
            self.canvas_of(canvas, &object, &mut seen);
        }
        for sequence in members(manifest, "sequences") {
            self.sequence(sequence, &object, &mut seen);
        }
        let in_ranges = std::mem::take(&mut self.canvases.in_ranges.canvases);
        for canvas in &in_ranges {
            self.canvas_of(canvas, &object, &mut seen);
        }
        self.painted_elsewhere(&object);
        let holds = ["items", "canvases", "sequences", "mediaSequences"];
        if in_ranges.is_empty() && holds.iter().all(|member| !has(manifest, member)) {
            self.not_used(manifest, "manifest does not have canvases");
        }
        let on = Hanging {
            manifest: object.manifest.as_deref(),
            ..Hanging::default()
        };
        self.annotations_on(manifest, on);
        self.structures(manifest, on);
        self.canvases = around;
        self.text_of_manifest(manifest, object.manifest.as_deref(), first);
    }

    /// Leaves out texts of a manifest that would take too much memory, since each of its canvases has them.
    fn bound(&mut self, object: &mut Object, manifest: &'a Value) {
        let in_ranges = &self.canvases.in_ranges;
        let canvases = canvases_of(manifest).count() + in_ranges.canvases.len();
        let of_ranges = in_ranges.bytes;
        if of_ranges > MOST_REPEATED {
            let problem = format!(
                "labels of ranges are left out: {of_ranges} bytes for all canvases that they name are too many"
            );
            self.member_not_used("manifest", manifest, "structures", problem);
        }
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

    /// Reads a sequence that is a document of its own.
    pub(super) fn lone_sequence(&mut self, sequence: &'a Value) {
        let object = self.surroundings(sequence);
        self.sequence(sequence, &object, &mut Vec::new());
    }

    /// Reads a canvas that is a document of its own.
    pub(super) fn lone_canvas(&mut self, canvas: &'a Value) {
        // The short form of a content state: a canvas that is only named, in its manifest.
        let is_named = is_only_named(canvas);
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

    /// The manifest of a sequence or canvas that is a document of its own, as far as it describes it.
    pub(super) fn surroundings(&self, part: &Value) -> Object {
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
    pub(super) fn canvas_of(&mut self, canvas: &'a Value, object: &Object, seen: &mut Vec<String>) {
        let name = id(canvas).unwrap_or_default().to_owned();
        let is_reference = is_only_named(canvas);
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

    /// What a canvas says of itself, and the ranges that name it.
    pub(super) fn page_of<'o>(
        &self,
        canvas: &Value,
        object: &'o Object,
        number: usize,
    ) -> Page<'o> {
        let mut page = page(canvas, object, number, &self.base);
        page.name_ranges(self.canvases.in_ranges.labels_of(&page.id));
        page
    }

    fn canvas(&mut self, canvas: &'a Value, object: &Object, number: usize) {
        self.found.count("canvases", 1);
        let page = self.page_of(canvas, object, number);
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
