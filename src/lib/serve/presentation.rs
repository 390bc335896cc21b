//! Presentation 3.0 documents of a catalogue: a collection, a manifest for each group, annotation pages. Pure.

use serde_json::{Value, json};

use super::annotation;
use super::auth::sight;
use super::catalogue::Picture;
use super::ids::Ids;
use super::respond::Site;
use super::sides::{self, Group, Side};
use crate::iiif::{self, Region, Rotation, Size, Version};

const CONTEXT: &str = "http://iiif.io/api/presentation/3/context.json";
/// The sides of thumbnails.
const THUMBNAIL: u32 = 400;

/// The collection of all manifests.
pub fn collection(site: &Site, ids: &Ids) -> Value {
    let manifest = |group: Group| {
        let first = group.pictures.iter().find(|p| site.sight.shows(&p.about))?;
        Some(json!({
            "id": ids.manifest(Version::V3, group.name),
            "type": "Manifest",
            "label": label(group.label()),
            "thumbnail": [thumbnail(first, site, ids)],
        }))
    };
    let groups = sides::groups(site.catalogue).into_iter();
    let manifests = groups.filter_map(manifest);
    json!({
        "@context": CONTEXT,
        "id": ids.collection(Version::V3),
        "type": "Collection",
        "label": label("Everything served here"),
        "items": manifests.collect::<Vec<_>>(),
    })
}

/// The manifest of a group; none if there is no such group.
pub fn manifest(site: &Site, group: &str, ids: &Ids) -> Option<Value> {
    let group = sides::group(site.catalogue, group, ids)?;
    let sides = group.seen(site.sight);
    let pictures: Vec<&Picture> = sides.iter().flat_map(|(_, s)| s.pictures.clone()).collect();
    let first = *pictures.first()?;
    let search = ids.search(group.name);
    let mut manifest = json!({
        "@context": CONTEXT,
        "id": ids.manifest(Version::V3, group.name),
        "type": "Manifest",
        "label": label(group.label()),
        "thumbnail": [thumbnail(first, site, ids)],
        "partOf": [{"id": ids.collection(Version::V3), "type": "Collection"}],
        "service": [{
            "id": search,
            "type": "SearchService2",
            "service": [{"id": format!("{search}/terms"), "type": "AutoCompleteService2"}],
        }],
    });
    let shared = |of: fn(&Picture) -> Option<&String>| pictures.iter().all(|p| of(p) == of(first));
    let (rights, attribution) = (shared(rights), shared(attribution));
    state_rights(&mut manifest, first, rights, attribution);
    let items = sides.iter().map(|(n, side)| {
        let mut item = canvas(side, &ids.canvas(Version::V3, group.name, *n), site, ids);
        state_rights(&mut item, side.first(), !rights, !attribution);
        item
    });
    manifest["items"] = items.collect();
    let is_closed = |p: &&Picture| site.sight.service(&p.about, Version::V3, ids).is_some();
    if pictures.iter().any(is_closed) {
        sight::with_context(&mut manifest);
    }
    Some(manifest)
}

/// The annotation page of the `n`-th canvas of a group; none if there is no such canvas.
pub fn annotations(site: &Site, group: &str, n: usize, ids: &Ids) -> Option<Value> {
    let group = sides::group(site.catalogue, group, ids)?;
    let sides = group.seen(site.sight);
    let (_, side) = sides.iter().find(|(at, _)| *at == n)?;
    let canvas = ids.canvas(Version::V3, group.name, n);
    Some(json!({
        "@context": CONTEXT,
        "id": ids.annotations(&canvas),
        "type": "AnnotationPage",
        "items": annotation::all(side, &canvas, ids),
    }))
}

fn canvas(side: &Side, id: &str, site: &Site, ids: &Ids) -> Value {
    let [width, height] = side.size();
    let bodies: Vec<Value> = side.pictures.iter().map(|p| image(p, site, ids)).collect();
    let mut item = json!({
        "id": id,
        "type": "Canvas",
        "label": label(side.label()),
        "width": crate::contracts::Number(width),
        "height": crate::contracts::Number(height),
        "thumbnail": [thumbnail(side.first(), site, ids)],
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

fn image(picture: &Picture, site: &Site, ids: &Ids) -> Value {
    let service = ids.service(Version::V3, &picture.id);
    let mut body = json!({
        "id": picture_uri(&service, Size::Max),
        "type": "Image",
        "format": "image/jpeg",
        "width": picture.size[0],
        "height": picture.size[1],
        "service": [image_service(&service, picture, site, ids)],
    });
    if let Some(name) = &picture.about.source.labels.image {
        body["label"] = label(name);
    }
    body
}

/// The image service, with its probe service where it is not open to all.
fn image_service(id: &str, picture: &Picture, site: &Site, ids: &Ids) -> Value {
    let mut service = json!({"id": id, "type": "ImageService3", "profile": "level2"});
    if let Some(probe) = site.sight.service(&picture.about, Version::V3, ids) {
        service["service"] = json!([probe]);
    }
    service
}

/// Small, and of the degraded service for those who see no other.
fn thumbnail(picture: &Picture, site: &Site, ids: &Ids) -> Value {
    let service = match site.sight.sees_degraded(&picture.about) {
        true => ids.degraded(Version::V3, &picture.id),
        false => ids.service(Version::V3, &picture.id),
    };
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
    let source = &picture.about.source;
    if let Some(uri) = source.rights_uri().filter(|_| with_rights) {
        item["rights"] = json!(uri);
    }
    // Words are for people in the summary, and for programs under the name of a vocabulary that the context knows.
    if let Some(words) = source.rights_text().filter(|_| with_rights) {
        item["summary"] = label(words);
        item["dcterms:rights"] = json!(words);
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
