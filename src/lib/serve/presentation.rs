//! Presentation 3.0 documents of a catalogue: a collection, a manifest for each group, annotation pages. Pure.

use serde_json::{Value, json};

use super::annotation;
use super::catalogue::{Catalogue, Picture};
use super::ids::Ids;
use super::sides::{self, Group, Side};
use crate::iiif::{self, Region, Rotation, Size, Version};

const CONTEXT: &str = "http://iiif.io/api/presentation/3/context.json";
/// The sides of thumbnails.
const THUMBNAIL: u32 = 400;

/// The collection of all manifests.
pub fn collection(catalogue: &Catalogue, ids: &Ids) -> Value {
    let manifest = |group: Group| {
        json!({
            "id": ids.manifest(Version::V3, group.name),
            "type": "Manifest",
            "label": label(group.label()),
            "thumbnail": [thumbnail(group.pictures[0], ids)],
        })
    };
    let manifests = sides::groups(catalogue).into_iter().map(manifest);
    json!({
        "@context": CONTEXT,
        "id": ids.collection(Version::V3),
        "type": "Collection",
        "label": label("Everything served here"),
        "items": manifests.collect::<Vec<_>>(),
    })
}

/// The manifest of a group; none if there is no such group.
pub fn manifest(catalogue: &Catalogue, group: &str, ids: &Ids) -> Option<Value> {
    let group = sides::group(catalogue, group, ids)?;
    let pictures = &group.pictures;
    let search = ids.search(group.name);
    let mut manifest = json!({
        "@context": CONTEXT,
        "id": ids.manifest(Version::V3, group.name),
        "type": "Manifest",
        "label": label(group.label()),
        "thumbnail": [thumbnail(pictures[0], ids)],
        "partOf": [{"id": ids.collection(Version::V3), "type": "Collection"}],
        "service": [{
            "id": search,
            "type": "SearchService2",
            "service": [{"id": format!("{search}/terms"), "type": "AutoCompleteService2"}],
        }],
    });
    let shared =
        |of: fn(&Picture) -> Option<&String>| pictures.iter().all(|p| of(p) == of(pictures[0]));
    let (rights, attribution) = (shared(rights), shared(attribution));
    state_rights(&mut manifest, pictures[0], rights, attribution);
    let sides = group.sides();
    let items = sides.iter().enumerate().map(|(n, side)| {
        let mut item = canvas(side, &ids.canvas(Version::V3, group.name, n), ids);
        state_rights(&mut item, side.first(), !rights, !attribution);
        item
    });
    manifest["items"] = items.collect();
    Some(manifest)
}

/// The annotation page of the `n`-th canvas of a group; none if there is no such canvas.
pub fn annotations(catalogue: &Catalogue, group: &str, n: usize, ids: &Ids) -> Option<Value> {
    let group = sides::group(catalogue, group, ids)?;
    let sides = group.sides();
    let canvas = ids.canvas(Version::V3, group.name, n);
    Some(json!({
        "@context": CONTEXT,
        "id": ids.annotations(&canvas),
        "type": "AnnotationPage",
        "items": annotation::all(sides.get(n)?, &canvas, ids),
    }))
}

fn canvas(side: &Side, id: &str, ids: &Ids) -> Value {
    let [width, height] = side.size();
    let bodies: Vec<Value> = side.pictures.iter().map(|p| image(p, ids)).collect();
    let mut item = json!({
        "id": id,
        "type": "Canvas",
        "label": label(side.label()),
        "width": crate::contracts::Number(width),
        "height": crate::contracts::Number(height),
        "thumbnail": [thumbnail(side.first(), ids)],
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
    let about = &side.first().about;
    let entries = about.metadata.iter();
    let entries: Vec<Value> = entries
        .map(|(key, values)| json!({"label": label(key), "value": {"none": values}}))
        .collect();
    if !entries.is_empty() {
        item["metadata"] = entries.into();
    }
    if !about.localizations.is_empty() || !about.labels.is_empty() {
        item["annotations"] = json!([{"id": ids.annotations(id), "type": "AnnotationPage"}]);
    }
    item
}

fn choice(mut bodies: Vec<Value>) -> Value {
    match bodies.len() {
        1 => bodies.remove(0),
        _ => json!({"type": "Choice", "items": bodies}),
    }
}

fn image(picture: &Picture, ids: &Ids) -> Value {
    let service = ids.service(Version::V3, &picture.id);
    let mut body = json!({
        "id": picture_uri(&service, Size::Max),
        "type": "Image",
        "format": "image/jpeg",
        "width": picture.size[0],
        "height": picture.size[1],
        "service": [{"id": service, "type": "ImageService3", "profile": "level2"}],
    });
    if let Some(name) = &picture.about.source.labels.image {
        body["label"] = label(name);
    }
    body
}

fn thumbnail(picture: &Picture, ids: &Ids) -> Value {
    let service = ids.service(Version::V3, &picture.id);
    json!({
        "id": picture_uri(&service, Size::Within(THUMBNAIL, THUMBNAIL)),
        "type": "Image",
        "format": "image/jpeg",
        "service": [{"id": service, "type": "ImageService3", "profile": "level2"}],
    })
}

/// The whole picture in some size, as the browser shows it.
pub fn picture_uri(service: &str, size: Size) -> String {
    let upright = Rotation::default();
    iiif::image_uri(service, Region::Full, size, upright, "default", "jpg")
}

fn state_rights(item: &mut Value, picture: &Picture, with_rights: bool, with_attribution: bool) {
    // `rights` holds a URI and nothing else (Presentation 3.0 §3.2); words about rights are still worth saying.
    match rights(picture).filter(|_| with_rights) {
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

fn label(text: &str) -> Value {
    json!({"none": [text]})
}
