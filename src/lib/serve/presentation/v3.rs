//! Presentation 3.0 documents of a catalogue: a collection, a manifest for each group, annotation pages. Pure.

use serde_json::{Value, json};

use super::annotation;
use super::canvases::{self, Canvas, Group};
use super::search::{self, Flavour};
use super::uris::Uris;
use super::v3_canvas::{self, CanvasDocument, Label, Rights, thumbnail};
use crate::iiif::Version;
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

/// Answers what follows `/iiif/presentation/3/`.
pub fn answer(site: &Site, uris: &Uris, rest: &[&str], request: &Request) -> Response {
    let query = Query::read(request.query);
    let (document, media_type) = match rest {
        ["collection.json"] => return collection(site, uris, request),
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
fn collection(site: &Site, uris: &Uris, request: &Request) -> Response {
    let manifest = |group: Group| {
        let first = group.images().find(|p| site.can_list(p))?;
        Some(json!({
            "id": uris.manifest(Version::V3, group.name),
            "type": "Manifest",
            "label": Label(group.label()),
            "thumbnail": [thumbnail(first, site, uris)],
        }))
    };
    let collection = json!({
        "@context": CONTEXT,
        "id": uris.collection(Version::V3),
        "type": "Collection",
        "label": Label("Everything served here"),
    });
    let collection = WithLast {
        object: &collection,
        name: "items",
        last: OneByOne(|| canvases::groups(site.catalogue).filter_map(manifest)),
    };
    json_response(&collection, MEDIA_TYPE, request)
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
        "label": Label(group.label()),
        "thumbnail": [thumbnail(first, site, uris)],
        "partOf": [{"id": uris.collection(Version::V3), "type": "Collection"}],
        "service": search::services(Version::V3, group.name, uris),
    });
    let shared =
        |of: fn(&ImageRecord) -> Option<&String>| images.iter().all(|p| of(p) == of(first));
    let (rights, attribution) = (shared(rights), shared(attribution));
    if let (Value::Object(manifest), Ok(Value::Object(stated))) = (
        &mut manifest,
        serde_json::to_value(Rights::of(first, rights, attribution)),
    ) {
        manifest.extend(stated);
    }
    let has_probe = |image: &&ImageRecord| {
        let services =
            (site.permissions).auth_services(site.catalogue.ruled(image), Version::V3, uris);
        !services.is_empty()
    };
    if images.iter().any(has_probe) {
        permissions::add_context(&mut manifest);
    }
    let own = [!rights, !attribution];
    let items = || {
        let of_canvas = move |(n, canvas)| item(group, n, canvas, own, site, uris);
        visible
            .iter()
            .map(|(n, canvas)| (*n, canvas))
            .map(of_canvas)
    };
    let manifest = WithLast {
        object: &manifest,
        name: "items",
        last: OneByOne(items),
    };
    Some(json_response(&manifest, MEDIA_TYPE, request))
}

/// The `n`-th canvas of a group; `own` tells whether its rights and its attribution are not those of the manifest.
fn item<'a>(
    group: Group,
    n: usize,
    canvas: &Canvas<'a>,
    own: [bool; 2],
    site: &Site,
    uris: &Uris,
) -> CanvasDocument<'a> {
    let uri = uris.canvas(Version::V3, group.name, n);
    let own = Rights::of(canvas.first(), own[0], own[1]);
    v3_canvas::canvas(canvas, &uri, own, site, uris)
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

fn rights(record: &ImageRecord) -> Option<&String> {
    record.about.source.rights.as_ref()
}

fn attribution(record: &ImageRecord) -> Option<&String> {
    record.about.source.attribution.as_ref()
}
