//! Presentation 3.0 documents of a catalogue: a collection, a manifest for each group, annotation pages. Pure.

use serde_json::{Value, json};

use super::annotation;
use super::canvases::{self, Canvas, Group};
use super::search::{self, Flavour};
use super::uris::Uris;
use crate::contracts::Number;
use crate::iiif::{self, Region, Rotation, Size, Version};
use crate::serve::auth::permissions;
use crate::serve::image_record::ImageRecord;
use crate::serve::site::Site;
use crate::serve::web::message::{
    OneByOne, Query, Request, Response, WithLast, error_response, json_response,
};

const CONTEXT: &str = "http://iiif.io/api/presentation/3/context.json";
const MEDIA_TYPE: &str =
    r#"application/ld+json;profile="http://iiif.io/api/presentation/3/context.json""#;
const SEARCH_MEDIA_TYPE: &str =
    r#"application/ld+json;profile="http://iiif.io/api/search/2/context.json""#;
/// Content Search 1.0, for viewers of 3.0 that do not know 2.0.
const FIRST: Flavour = Flavour::First(Version::V3);
/// The width and height in pixels that thumbnails fit into.
const THUMBNAIL: u32 = 400;

/// Answers what follows `/iiif/presentation/3/`.
pub fn answer(site: &Site, uris: &Uris, rest: &[&str], request: &Request) -> Response {
    let query = Query::read(request.query);
    let (document, media_type) = match rest {
        ["collection.json"] => (Some(collection(site, uris)), MEDIA_TYPE),
        [group, "manifest.json"] => {
            return manifest(site, group, uris, request).unwrap_or_else(not_found);
        }
        [group, "canvas", n, "annotations.json"] => {
            let page = position(n).and_then(|n| annotations(site, group, n, uris));
            (page, MEDIA_TYPE)
        }
        [group, "search"] => {
            let page = search::search(site, group, Flavour::Second, &query, uris);
            (page, SEARCH_MEDIA_TYPE)
        }
        [group, "search", "terms"] => {
            let terms = search::terms(site, group, Flavour::Second, &query, uris);
            (terms, SEARCH_MEDIA_TYPE)
        }
        [group, "search-1"] => (
            search::search(site, group, FIRST, &query, uris),
            "application/json",
        ),
        [group, "search-1", "terms"] => (
            search::terms(site, group, FIRST, &query, uris),
            "application/json",
        ),
        _ => (None, MEDIA_TYPE),
    };
    match document {
        Some(document) => json_response(&document, media_type, request),
        None => not_found(),
    }
}

/// Status 404 for an unknown document.
pub fn not_found() -> Response {
    error_response(
        404,
        "no such document; /iiif/presentation/3/collection.json links to all documents",
    )
}

/// The position, from 0, of the canvas with this number, from 1.
pub fn position(n: &str) -> Option<usize> {
    n.parse::<usize>().ok()?.checked_sub(1)
}

/// The collection of all manifests.
fn collection(site: &Site, uris: &Uris) -> Value {
    let manifest = |group: Group| {
        let first = group
            .images()
            .find(|p| site.permissions.can_list(&p.about))?;
        Some(json!({
            "id": uris.manifest(Version::V3, group.name),
            "type": "Manifest",
            "label": label(group.label()),
            "thumbnail": [thumbnail(first, site, uris)],
        }))
    };
    let groups = canvases::groups(site.catalogue);
    let manifests = groups.filter_map(manifest);
    json!({
        "@context": CONTEXT,
        "id": uris.collection(Version::V3),
        "type": "Collection",
        "label": label("Everything served here"),
        "items": manifests.collect::<Vec<_>>(),
    })
}

/// The manifest of a group; none if there is no such group, or none of its images is visible.
fn manifest(site: &Site, group: &str, uris: &Uris, request: &Request) -> Option<Response> {
    let group = canvases::group(site.catalogue, group, uris)?;
    let visible = group.visible(site.permissions);
    let images = visible.iter().flat_map(|(_, canvas)| canvas.images.clone());
    let images: Vec<&ImageRecord> = images.collect();
    let first = *images.first()?;
    let mut manifest = json!({
        "@context": CONTEXT,
        "id": uris.manifest(Version::V3, group.name),
        "type": "Manifest",
        "label": label(group.label()),
        "thumbnail": [thumbnail(first, site, uris)],
        "partOf": [{"id": uris.collection(Version::V3), "type": "Collection"}],
        "service": search::services(Version::V3, group.name, uris),
    });
    let shared =
        |of: fn(&ImageRecord) -> Option<&String>| images.iter().all(|p| of(p) == of(first));
    let (rights, attribution) = (shared(rights), shared(attribution));
    state_rights(&mut manifest, first, rights, attribution);
    let has_probe = |image: &&ImageRecord| {
        let services = (site.permissions).auth_services(&image.about, Version::V3, uris);
        !services.is_empty()
    };
    if images.iter().any(has_probe) {
        permissions::add_context(&mut manifest);
    }
    let item = |(n, canvas): &(usize, Canvas)| {
        let uri = uris.canvas(Version::V3, group.name, *n);
        let mut item = canvas_document(canvas, &uri, site, uris);
        state_rights(&mut item, canvas.first(), !rights, !attribution);
        item
    };
    let manifest = WithLast {
        object: &manifest,
        name: "items",
        last: OneByOne(|| visible.iter().map(item)),
    };
    Some(json_response(&manifest, MEDIA_TYPE, request))
}

/// The annotation page of the `n`-th canvas of a group; none if there is no such canvas.
fn annotations(site: &Site, group: &str, n: usize, uris: &Uris) -> Option<Value> {
    let group = canvases::group(site.catalogue, group, uris)?;
    let canvas = group.canvas(n, site.permissions)?;
    let uri = uris.canvas(Version::V3, group.name, n);
    Some(json!({
        "@context": CONTEXT,
        "id": uris.annotations(&uri),
        "type": "AnnotationPage",
        "items": annotation::all(&canvas, &uri, uris),
    }))
}

fn canvas_document(canvas: &Canvas, id: &str, site: &Site, uris: &Uris) -> Value {
    let [width, height] = canvas.size();
    let bodies: Vec<Value> = canvas.images.iter().map(|p| image(p, site, uris)).collect();
    let mut item = json!({
        "id": id,
        "type": "Canvas",
        "label": label(canvas.label()),
        "width": Number(width),
        "height": Number(height),
        "thumbnail": [thumbnail(canvas.first(), site, uris)],
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
    let about = &canvas.first().about;
    let entries = about.metadata.iter();
    let entries: Vec<Value> = entries
        .map(|(key, values)| json!({"label": label(key), "value": {"none": values}}))
        .collect();
    if !entries.is_empty() {
        item["metadata"] = entries.into();
    }
    if !about.localizations.is_empty() || !about.labels.is_empty() {
        item["annotations"] = json!([{"id": uris.annotations(id), "type": "AnnotationPage"}]);
    }
    item
}

fn choice(mut bodies: Vec<Value>) -> Value {
    match bodies.len() {
        1 => bodies.remove(0),
        _ => json!({"type": "Choice", "items": bodies}),
    }
}

fn image(record: &ImageRecord, site: &Site, uris: &Uris) -> Value {
    let service = uris.service(Version::V3, &record.id);
    let mut body = json!({
        "id": image_uri(&service, Size::Max),
        "type": "Image",
        "format": "image/jpeg",
        "width": record.size[0],
        "height": record.size[1],
        "service": [image_service(&service, record, site, uris)],
    });
    if let Some(name) = &record.about.source.labels.image {
        body["label"] = label(name);
    }
    body
}

/// The description of an image service, with its probe service if the image is not open to everybody.
fn image_service(id: &str, record: &ImageRecord, site: &Site, uris: &Uris) -> Value {
    let mut service = json!({"id": id, "type": "ImageService3", "profile": "level2"});
    let services = (site.permissions).auth_services(&record.about, Version::V3, uris);
    if !services.is_empty() {
        service["service"] = services.into();
    }
    service
}

/// The thumbnail of an image, from the degraded service for visitors who may see no other.
fn thumbnail(record: &ImageRecord, site: &Site, uris: &Uris) -> Value {
    let service = match site.permissions.sees_degraded(&record.about) {
        true => uris.degraded(Version::V3, &record.id),
        false => uris.service(Version::V3, &record.id),
    };
    json!({
        "id": image_uri(&service, Size::Within(THUMBNAIL, THUMBNAIL)),
        "type": "Image",
        "format": "image/jpeg",
        "service": [{"id": service, "type": "ImageService3", "profile": "level2"}],
    })
}

/// The URI of the whole image in a size, as a JPEG. `service` is the base URI of its service.
pub fn image_uri(service: &str, size: Size) -> String {
    let upright = Rotation::default();
    iiif::image_uri(service, Region::Full, size, upright, "default", "jpg")
}

fn state_rights(item: &mut Value, record: &ImageRecord, with_rights: bool, with_attribution: bool) {
    let source = &record.about.source;
    if let Some(uri) = source.rights_uri().filter(|_| with_rights) {
        item["rights"] = json!(uri);
    }
    // Text about rights stands in the summary for people, and for programs in a property that the context defines.
    if let Some(words) = source.rights_text().filter(|_| with_rights) {
        item["summary"] = label(words);
        item["dcterms:rights"] = json!(words);
    }
    if let Some(words) = attribution(record).filter(|_| with_attribution) {
        item["requiredStatement"] =
            json!({"label": {"en": ["Attribution"]}, "value": {"none": [words]}});
    }
}

fn rights(record: &ImageRecord) -> Option<&String> {
    record.about.source.rights.as_ref()
}

fn attribution(record: &ImageRecord) -> Option<&String> {
    record.about.source.attribution.as_ref()
}

fn label(text: &str) -> Value {
    json!({"none": [text]})
}
