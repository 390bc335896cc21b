//! Manifests, sequences and canvases of all versions, with their images and annotations.

use serde_json::Value;

use super::annotations;
use super::images::{self, Painted, PaintedImage};
use super::reader::Reader;
use super::text_links;
use super::values::{
    all, annotations_of, id, kind, label, list, resolve, size, split_fragment, texts, within, xywh,
};
use crate::contracts::{BBox, Frame, Labels, Metadata, Observation, Provenance};
use crate::sources::{self, ImageName};
use crate::summary::Reject;

/// Properties of a manifest that apply to all its canvases.
struct Object {
    manifest: Option<String>,
    group: String,
    label: Option<String>,
    metadata: Metadata,
    rights: Option<String>,
    attribution: Option<String>,
    /// Whether its canvases are placeholders, because the content (audio, video, a document) is in mediaSequences.
    is_wrapper: bool,
}

/// Properties of a canvas that apply to all its images.
struct Page<'a> {
    object: &'a Object,
    id: String,
    label: Option<String>,
    frame: Option<Frame>,
    metadata: Metadata,
    rights: Option<String>,
    attribution: Option<String>,
}

impl Reader<'_> {
    /// Reads a manifest.
    pub(super) fn manifest(&mut self, manifest: &Value) {
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
        let mut seen = Vec::new();
        let first = self.found.observations.len();
        // Canvases are in `items` in Presentation 3, and in `sequences` before and in its drafts.
        for canvas in list(manifest, "items") {
            self.canvas_of(canvas, &object, &mut seen);
        }
        for sequence in list(manifest, "sequences") {
            self.sequence(sequence, &object, &mut seen);
        }
        self.annotations_on(manifest, object.manifest.as_deref(), None);
        self.text_of_manifest(manifest, object.manifest.as_deref(), first);
    }

    /// Reads a sequence that is a document of its own.
    pub(super) fn lone_sequence(&mut self, sequence: &Value) {
        let object = self.surroundings(sequence);
        self.sequence(sequence, &object, &mut Vec::new());
    }

    /// Reads a canvas that is a document of its own.
    pub(super) fn lone_canvas(&mut self, canvas: &Value) {
        let object = self.surroundings(canvas);
        self.canvas_of(canvas, &object, &mut Vec::new());
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

    fn sequence(&mut self, sequence: &Value, object: &Object, seen: &mut Vec<String>) {
        let canvases: Vec<&Value> = ["canvases", "items"]
            .iter()
            .flat_map(|m| list(sequence, m))
            .collect();
        if canvases.is_empty() && id(sequence).is_some() && sequence["canvases"].is_null() {
            let is_followed = self.from.is_some_and(|from| from.role == "sequence");
            if !is_followed {
                self.lead_to(sequence, "sequence", object.manifest.as_deref(), None);
            }
        }
        for canvas in canvases {
            self.canvas_of(canvas, object, seen);
        }
    }

    /// Reads a canvas, unless it is only a reference to one that was read already.
    fn canvas_of(&mut self, canvas: &Value, object: &Object, seen: &mut Vec<String>) {
        let kind = kind(canvas);
        if !canvas.is_object() || !(kind.is_empty() || kind == "canvas") {
            return;
        }
        let name = id(canvas).unwrap_or_default().to_owned();
        let holds = [
            "images",
            "resources",
            "items",
            "content",
            "width",
            "height",
            "otherContent",
        ];
        let is_reference = holds.iter().all(|m| canvas[*m].is_null());
        if is_reference && seen.contains(&name) {
            return;
        }
        seen.push(name);
        self.canvas(canvas, object, seen.len());
    }

    fn canvas(&mut self, canvas: &Value, object: &Object, number: usize) {
        self.found.count("canvases", 1);
        let page = page(canvas, object, number);
        let first = self.found.observations.len();
        // `images`, before version 1 `resources`, since version 3 `items`.
        for member in ["images", "resources"] {
            for annotation in list(canvas, member) {
                self.paint(annotation, &page);
            }
        }
        for painting in list(canvas, "items") {
            self.painting_page(painting, &page);
        }
        self.draft_content(canvas, &page);
        let manifest = object.manifest.as_deref();
        self.annotations_on(canvas, manifest, Some(&page.id));
        self.text_of_canvas(canvas, (&page.id, manifest), page.frame, first);
    }

    /// A page of `items`: painting annotations, and other annotations that some publishers put there.
    fn painting_page(&mut self, page: &Value, on: &Page) {
        for annotation in annotations_of(page) {
            let motivation = annotations::motivation(annotation);
            let unstated = motivation.is_empty() && images::has_image(&annotation["body"]);
            if annotations::is_painting(annotation) || unstated {
                self.paint(annotation, on);
            } else {
                self.found.count("annotations", 1);
                self.annotation(annotation, on.object.manifest.as_deref());
            }
        }
    }

    /// `content`, the name of `items` in drafts of version 3. No final version has it: its images are used, but not
    /// counted.
    fn draft_content(&mut self, canvas: &Value, page: &Page) {
        let counts = self.found.counts.clone();
        for painting in list(canvas, "content") {
            self.painting_page(painting, page);
        }
        self.found.counts = counts;
    }

    fn paint(&mut self, annotation: &Value, page: &Page) {
        let bodies = ["resource", "body"]
            .iter()
            .flat_map(|m| images::painted(&annotation[*m], &self.base));
        for Painted { services, image } in bodies.collect::<Vec<_>>() {
            self.found.count("images", 1);
            self.found.count("services", services);
            let refuse = |record: &str, field: &str, problem: &str| {
                Reject::new(self.name, record, field, problem)
            };
            let outcome = match image {
                Err(p) => Err(refuse(&p.record, p.field, &p.problem)),
                Ok(_) if page.object.is_wrapper => Err(refuse(
                    &page.id,
                    "images",
                    "placeholder image: the content is not an image, it is in mediaSequences",
                )),
                Ok(image) => Ok(observation(image, annotation, page)),
            };
            match outcome {
                Ok(observation) => {
                    let named = id(annotation).filter(|_| annotation.is_object());
                    self.found.names.extend(named.map(|name| ImageName {
                        name: name.to_owned(),
                        observation: observation.id.clone(),
                    }));
                    self.found.observations.push(observation);
                }
                Err(reject) => self.found.rejects.push(reject),
            }
        }
    }

    /// Annotations of a manifest or canvas: embedded ones are read, others are followed.
    fn annotations_on(&mut self, resource: &Value, manifest: Option<&str>, canvas: Option<&str>) {
        let pages = ["annotations", "otherContent"]
            .iter()
            .flat_map(|m| list(resource, m));
        for page in pages.collect::<Vec<_>>() {
            if text_links::is_text(page) {
                continue;
            }
            if kind(page) == "annotation" {
                self.embedded_annotations(&[page], manifest);
                continue;
            }
            let held = annotations_of(page);
            let is_empty_list = page["items"].is_array() || page["resources"].is_array();
            if held.is_empty() && !is_empty_list && id(page).is_some() {
                self.lead_to(page, sources::ANNOTATIONS, manifest, canvas);
            }
            self.embedded_annotations(&held, manifest);
            if let Some(next) = all(&page["next"]).first().filter(|_| page.is_object()) {
                self.lead_to(next, sources::ANNOTATIONS, manifest, canvas);
            }
        }
    }

    fn embedded_annotations(&mut self, annotations: &[&Value], manifest: Option<&str>) {
        for annotation in annotations {
            // Transcriptions may be painted too: they are read, but only the others are counted.
            let counted = !annotations::is_painting(annotation);
            self.found.count("annotations", counted.into());
            self.annotation(annotation, manifest);
        }
    }
}

fn object(manifest: &Value) -> Object {
    Object {
        manifest: None,
        group: String::new(),
        label: label(&manifest["label"]),
        metadata: metadata(manifest),
        rights: rights(manifest),
        attribution: attribution(manifest),
        is_wrapper: !list(manifest, "mediaSequences").is_empty(),
    }
}

fn page<'a>(canvas: &Value, object: &'a Object, number: usize) -> Page<'a> {
    let unnamed = || format!("{}#canvas-{number}", object.group);
    Page {
        object,
        id: id(canvas).map_or_else(unnamed, str::to_owned),
        label: label(&canvas["label"]),
        frame: size(&canvas["width"])
            .zip(size(&canvas["height"]))
            .map(|(width, height)| Frame { width, height }),
        metadata: metadata(canvas),
        rights: rights(canvas),
        attribution: attribution(canvas),
    }
}

fn observation(found: PaintedImage, annotation: &Value, page: &Page) -> Observation {
    let PaintedImage {
        image,
        label: own,
        rotation,
    } = found;
    let object = page.object;
    let mut metadata = object.metadata.clone();
    for (key, values) in &page.metadata {
        let all = metadata.entry(key.clone()).or_default();
        all.extend(
            values
                .iter()
                .filter(|v| !all.contains(v))
                .cloned()
                .collect::<Vec<_>>(),
        );
    }
    let id = match (&image.service, &image.url) {
        (Some(service), _) => service.name(),
        (None, url) => url.clone().unwrap_or_default(),
    };
    Observation {
        id,
        image,
        source: Provenance {
            kind: "iiif".into(),
            manifest: object.manifest.clone(),
            canvas: Some(page.id.clone()),
            labels: Labels {
                manifest: object.label.clone(),
                canvas: page.label.clone(),
                image: own.or_else(|| label(&annotation["label"])),
            },
            rights: page.rights.clone().or_else(|| object.rights.clone()),
            attribution: page
                .attribution
                .clone()
                .or_else(|| object.attribution.clone()),
        },
        group: object.group.clone(),
        metadata,
        canvas: page.frame,
        placement: placement(annotation, page),
        rotation,
        ..Observation::default()
    }
}

/// The part of the canvas, in its units, that the target of a painting annotation names; none for the whole canvas. It
/// is the canvas that holds the annotation, since targets often name another or none.
fn placement(annotation: &Value, page: &Page) -> Option<BBox> {
    let target = ["target", "on"]
        .iter()
        .flat_map(|m| list(annotation, m))
        .next()?;
    let resource = ["full", "source"]
        .iter()
        .map(|m| &target[*m])
        .find(|r| !r.is_null());
    let whole = id(resource.unwrap_or(target)).unwrap_or_default();
    // The id of the canvas itself may end like a fragment.
    let rest = whole.strip_prefix(page.id.as_str());
    let fragment = match rest {
        Some(rest) => split_fragment(rest).1,
        None => split_fragment(whole).1,
    };
    let selectors = list(target, "selector").into_iter();
    let selected = selectors.filter_map(|s| {
        s["value"]
            .as_str()
            .or_else(|| s["default"]["value"].as_str())
    });
    let text = selected.chain(fragment).find_map(xywh)?;
    let bbox = in_canvas(text, page.frame)?;
    let all = page.frame.is_some_and(|f| {
        bbox == BBox {
            x: 0.0,
            y: 0.0,
            width: f.width,
            height: f.height,
        }
    });
    (!all).then_some(bbox)
}

fn in_canvas(xywh: &str, frame: Option<Frame>) -> Option<BBox> {
    let text = xywh.trim_start_matches("xywh=");
    let (unit, numbers) = text.split_once(':').unwrap_or(("pixel", text));
    let numbers: Result<Vec<f64>, _> = numbers.split(',').map(|n| n.trim().parse()).collect();
    let bbox = BBox::try_from(<[f64; 4]>::try_from(numbers.ok()?).ok()?).ok()?;
    match (unit, frame) {
        ("percent", Some(f)) => Some(bbox.scale(f.width / 100.0, f.height / 100.0)),
        ("percent", None) => None,
        _ => Some(bbox),
    }
}

fn metadata(resource: &Value) -> Metadata {
    let mut metadata = Metadata::new();
    for pair in list(resource, "metadata") {
        let values = texts(&pair["value"]);
        if let Some(key) = label(&pair["label"]).filter(|_| !values.is_empty()) {
            metadata.entry(key).or_default().extend(values);
        }
    }
    metadata
}

fn rights(resource: &Value) -> Option<String> {
    // Only the last one may hold a text; the others hold a URI.
    let members = ["rights", "license", "dcterms:rights"];
    let given = members.iter().flat_map(|m| list(resource, m));
    given.flat_map(texts).next()
}

fn attribution(resource: &Value) -> Option<String> {
    let statement = texts(&resource["requiredStatement"]["value"]);
    let given = if statement.is_empty() {
        texts(&resource["attribution"])
    } else {
        statement
    };
    (!given.is_empty()).then(|| given.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_image_is_placed_where_its_target_says() {
        let object = object(&json!({}));
        let on = |canvas: &str| {
            page(
                &json!({"@id": canvas, "width": "200", "height": 100}),
                &object,
                1,
            )
        };
        let cases = [
            (
                "c",
                json!({"on": "c#xywh=1,2,3,4"}),
                Some([1.0, 2.0, 3.0, 4.0]),
            ),
            ("c", json!({"on": "c"}), None),
            ("c", json!({"on": null}), None),
            (
                "c",
                json!({"on": "other#xywh=1,2,3,4"}),
                Some([1.0, 2.0, 3.0, 4.0]),
            ),
            (
                "c",
                json!({"target": "c#xywh=percent:50,50,25,10"}),
                Some([100.0, 50.0, 50.0, 10.0]),
            ),
            ("c", json!({"target": "c#xywh=0,0,200,100"}), None),
            (
                "c",
                json!({"target": {"source": "c", "selector": {"type": "FragmentSelector", "value": "xywh=1,2,3,4"}}}),
                Some([1.0, 2.0, 3.0, 4.0]),
            ),
            ("c#xywh=1,2,3,4", json!({"on": "c#xywh=1,2,3,4"}), None),
            ("c", json!({"on": "c#t=1,2"}), None),
        ];
        for (canvas, annotation, wanted) in cases {
            let wanted = wanted.map(|b| BBox::try_from(b).unwrap());
            assert_eq!(placement(&annotation, &on(canvas)), wanted, "{annotation}");
        }
    }
}
