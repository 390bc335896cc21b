//! Presentation 3.0 documents of a catalogue: a collection, a manifest for each group, annotation pages. Pure.
//!
//! Images of one canvas that share its frame and boxes are a `Choice` on it: bands and lights of one side. Images
//! whose boxes differ get canvases of their own, so that reading the documents gives back what they were made of.

use serde_json::{Value, json};

use super::catalogue::{Catalogue, Picture};
use super::ids::{self, Ids};
use crate::contracts::{BBox, Localization, Number, Polygon};
use crate::iiif::{self, Region, Rotation, Size, Version};

const CONTEXT: &str = "http://iiif.io/api/presentation/3/context.json";

/// The collection of all manifests.
pub fn collection(catalogue: &Catalogue, ids: &Ids) -> Value {
    let manifest = |(group, at): (&str, Vec<usize>)| json!({"id": ids.manifest(group), "type": "Manifest", "label": label(manifest_label(&catalogue.pictures[at[0]]))});
    json!({
        "@context": CONTEXT,
        "id": ids.collection(),
        "type": "Collection",
        "label": label("Everything served here"),
        "items": catalogue.groups().into_iter().map(manifest).collect::<Vec<_>>(),
    })
}

/// The manifest of a group; none if there is no such group.
pub fn manifest(catalogue: &Catalogue, group: &str, ids: &Ids) -> Option<Value> {
    let positions = catalogue.groups().remove(group)?;
    let pictures: Vec<&Picture> = positions
        .iter()
        .map(|&at| &catalogue.pictures[at])
        .collect();
    let mut manifest = json!({
        "@context": CONTEXT,
        "id": ids.manifest(group),
        "type": "Manifest",
        "label": label(manifest_label(pictures[0])),
    });
    let shared =
        |of: fn(&Picture) -> Option<&String>| pictures.iter().all(|p| of(p) == of(pictures[0]));
    let (rights, attribution) = (shared(rights), shared(attribution));
    state_rights(&mut manifest, pictures[0], rights, attribution);
    let canvases = canvases(&pictures);
    let items = canvases.iter().enumerate().map(|(n, canvas)| {
        let mut item = canvas_item(canvas, &ids.canvas(group, n), ids);
        state_rights(&mut item, canvas[0], !rights, !attribution);
        item
    });
    manifest["items"] = items.collect();
    Some(manifest)
}

/// The annotation page of the `n`-th canvas of a group; none if there is no such canvas.
pub fn annotations(catalogue: &Catalogue, group: &str, n: usize, ids: &Ids) -> Option<Value> {
    let positions = catalogue.groups().remove(group)?;
    let pictures: Vec<&Picture> = positions
        .iter()
        .map(|&at| &catalogue.pictures[at])
        .collect();
    let about = &canvases(&pictures).get(n)?.first()?.about;
    let canvas = ids.canvas(group, n);
    let page = annotation_page_id(&canvas);
    let whole =
        about.labels.iter().enumerate().map(|(n, concept)| {
            annotation(&format!("{page}#label-{n}"), &tag(concept), json!(canvas))
        });
    let boxes = about.localizations.iter().map(|localization| {
        let id = absolute(&localization.id, &page);
        annotation(&id, &bodies(localization), target(localization, &canvas))
    });
    Some(json!({
        "@context": CONTEXT,
        "id": page,
        "type": "AnnotationPage",
        "items": whole.chain(boxes).collect::<Vec<_>>(),
    }))
}

/// Pictures that share a canvas, in the order in which each canvas first occurs.
fn canvases<'a>(pictures: &[&'a Picture]) -> Vec<Vec<&'a Picture>> {
    let mut canvases: Vec<Vec<&Picture>> = Vec::new();
    for picture in pictures {
        match canvases
            .iter_mut()
            .find(|canvas| is_same_side(canvas[0], picture))
        {
            Some(canvas) => canvas.push(picture),
            None => canvases.push(vec![picture]),
        }
    }
    canvases
}

fn is_same_side(a: &Picture, b: &Picture) -> bool {
    let (a, b) = (&a.about, &b.about);
    a.source.canvas.is_some()
        && a.source.canvas == b.source.canvas
        && a.frame == b.frame
        && a.labels == b.labels
        && a.localizations == b.localizations
}

fn canvas_item(canvas: &[&Picture], id: &str, ids: &Ids) -> Value {
    let first = canvas[0];
    let labels = &first.about.source.labels;
    let name = labels
        .canvas
        .as_ref()
        .or(labels.image.as_ref())
        .unwrap_or(&first.id);
    let [width, height] = canvas_size(first);
    let shared = canvas
        .iter()
        .all(|p| p.about.metadata == first.about.metadata);
    let bodies: Vec<Value> = canvas
        .iter()
        .map(|picture| image_body(picture, !shared, ids))
        .collect();
    let mut item = json!({
        "id": id,
        "type": "Canvas",
        "label": label(name),
        "width": Number(width),
        "height": Number(height),
        "items": [{
            "id": format!("{id}/page"),
            "type": "AnnotationPage",
            "items": [{
                "id": format!("{id}/painting"),
                "type": "Annotation",
                "motivation": "painting",
                "body": choice(bodies),
                "target": id,
            }],
        }],
    });
    if shared {
        describe(&mut item, first);
    }
    if !first.about.localizations.is_empty() || !first.about.labels.is_empty() {
        item["annotations"] = json!([{"id": annotation_page_id(id), "type": "AnnotationPage"}]);
    }
    item
}

fn choice(mut bodies: Vec<Value>) -> Value {
    match bodies.len() {
        1 => bodies.remove(0),
        _ => json!({"type": "Choice", "items": bodies}),
    }
}

fn image_body(picture: &Picture, described: bool, ids: &Ids) -> Value {
    let service = ids.service(Version::V3, &picture.id);
    let uri = iiif::image_uri(
        &service,
        Region::Full,
        Size::Max,
        Rotation::default(),
        "default",
        "jpg",
    );
    let mut body = json!({
        "id": uri,
        "type": "Image",
        "format": "image/jpeg",
        "width": picture.size[0],
        "height": picture.size[1],
        "service": [{"id": service, "type": "ImageService3", "profile": "level2"}],
    });
    if let Some(name) = &picture.about.source.labels.image {
        body["label"] = label(name);
    }
    if described {
        describe(&mut body, picture);
    }
    body
}

/// Boxes are in the frame, so the frame is the canvas.
fn canvas_size(picture: &Picture) -> [f64; 2] {
    let frame = picture.about.frame.map(|frame| [frame.width, frame.height]);
    frame.unwrap_or(picture.size.map(f64::from))
}

fn describe(item: &mut Value, picture: &Picture) {
    let entries = picture.about.metadata.iter();
    let entries: Vec<Value> = entries
        .map(|(key, values)| json!({"label": label(key), "value": {"none": values}}))
        .collect();
    if !entries.is_empty() {
        item["metadata"] = entries.into();
    }
}

fn state_rights(item: &mut Value, picture: &Picture, with_rights: bool, with_attribution: bool) {
    let rights = rights(picture).filter(|_| with_rights);
    // `rights` holds a URI and nothing else (Presentation 3.0 §3.2); words about rights are still worth saying.
    match rights {
        Some(rights) if rights.starts_with("http") => item["rights"] = json!(rights),
        Some(words) => item["summary"] = label(words),
        None => {}
    }
    if let Some(words) = attribution(picture).filter(|_| with_attribution) {
        item["requiredStatement"] =
            json!({"label": {"en": ["Attribution"]}, "value": {"none": [words]}});
    }
}

fn rights(picture: &Picture) -> Option<&String> {
    picture.about.source.rights.as_ref()
}

fn attribution(picture: &Picture) -> Option<&String> {
    picture.about.source.attribution.as_ref()
}

fn manifest_label(picture: &Picture) -> &str {
    let about = &picture.about;
    about
        .source
        .labels
        .manifest
        .as_ref()
        .unwrap_or(&about.group)
}

fn label(text: &str) -> Value {
    json!({"none": [text]})
}

fn annotation_page_id(canvas: &str) -> String {
    format!("{canvas}/annotations.json")
}

/// Ids of annotations that are URIs stay; others become fragments of their page.
fn absolute(id: &str, page: &str) -> String {
    match id.split_once(':') {
        Some(("http" | "https" | "urn", _)) => id.to_owned(),
        _ => format!("{page}#{}", ids::segment(id)),
    }
}

fn annotation(id: &str, bodies: &[Value], target: Value) -> Value {
    json!({"id": id, "type": "Annotation", "motivation": "tagging", "body": bodies, "target": target})
}

/// The concept as a tag, and the words that stand in the box, if any.
fn bodies(localization: &Localization) -> Vec<Value> {
    let mut bodies = tag(&localization.concept);
    if let Some(text) = localization.attributes.get("text").and_then(Value::as_str) {
        bodies.push(json!({"type": "TextualBody", "purpose": "transcribing", "value": text}));
    }
    bodies
}

fn tag(concept: &str) -> Vec<Value> {
    vec![json!({"type": "TextualBody", "purpose": "tagging", "value": concept})]
}

fn target(localization: &Localization, canvas: &str) -> Value {
    match &localization.polygon {
        Some(polygon) => json!({
            "type": "SpecificResource",
            "source": canvas,
            "selector": {"type": "SvgSelector", "value": svg(polygon)},
        }),
        None => json!(format!("{canvas}#xywh={}", xywh(&localization.bbox))),
    }
}

fn xywh(b: &BBox) -> String {
    // Display of f64 has neither exponent nor a needless `.0`.
    format!("{},{},{},{}", b.x, b.y, b.width, b.height)
}

fn svg(polygon: &Polygon) -> String {
    let points: Vec<String> = polygon
        .points()
        .iter()
        .map(|[x, y]| format!("{x},{y}"))
        .collect();
    let points = points.join(" ");
    format!(r#"<svg xmlns="http://www.w3.org/2000/svg"><polygon points="{points}"/></svg>"#)
}
