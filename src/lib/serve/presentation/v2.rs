//! Presentation 2.1 documents of a catalogue: a collection, a manifest for each group, annotation lists. Pure.

use serde_json::{Value, json};

use super::annotation;
use super::canvases::{self, Canvas, Group};
use super::search::{self, Flavour};
use super::uris::Uris;
use super::v3::{not_found, position};
use super::v3_canvas::image_uri;
use crate::iiif::{Size, Version};
use crate::serve::image::info::level_2;
use crate::serve::image_record::ImageRecord;
use crate::serve::site::Site;
use crate::serve::web::accept;
use crate::serve::web::message::{OneByOne, Query, Request, Response, WithLast, json_response};

const CONTEXT: &str = "http://iiif.io/api/presentation/2/context.json";

/// Content Search 1.0, which belongs to 2.1.
const FIRST: Flavour = Flavour::First(Version::V2);

/// Answers what follows `/iiif/presentation/2/`.
pub fn answer(site: &Site, uris: &Uris, rest: &[&str], request: &Request) -> Response {
    const TYPES: [&str; 2] = ["application/json", "application/ld+json"];
    let media_type = TYPES[accept::preferred(request.accept, &TYPES).unwrap_or_default()];
    let respond = |document: &Value| json_response(document, media_type, request);
    let response = match rest {
        ["collection.json"] => Some(collection(site, uris, media_type, request)),
        [group, "manifest.json"] => manifest(site, group, uris, media_type, request),
        [group, "search"] => {
            let query = Query::read(request.query);
            search::search(site, group, FIRST, &query, uris).map(|page| respond(&page))
        }
        [group, "search", "terms"] => {
            let query = Query::read(request.query);
            search::terms(site, group, FIRST, &query, uris).map(|terms| respond(&terms))
        }
        [group, "canvas", n, "annotations.json"] => position(n)
            .and_then(|n| annotations(site, group, n, uris))
            .map(|list| respond(&list)),
        _ => None,
    };
    let response = response.unwrap_or_else(not_found);
    response.with_header("vary", "accept")
}

/// The collection of all manifests.
fn collection(site: &Site, uris: &Uris, media_type: &str, request: &Request) -> Response {
    let manifest = |group: Group| json!({"@id": uris.manifest(Version::V2, group.name), "@type": "sc:Manifest", "label": group.label()});
    let is_seen = |group: &Group| group.images().any(|p| site.can_list(p));
    let manifests = || {
        let groups = canvases::groups(site.catalogue);
        groups.filter(is_seen).map(manifest)
    };
    let collection = json!({
        "@context": CONTEXT,
        "@id": uris.collection(Version::V2),
        "@type": "sc:Collection",
        "label": "Everything served here",
    });
    let collection = WithLast {
        object: &collection,
        name: "manifests",
        last: OneByOne(manifests),
    };
    json_response(&collection, media_type, request)
}

/// The manifest of a group; none if there is no such group, or none of its images is visible.
fn manifest(
    site: &Site,
    group: &str,
    uris: &Uris,
    media_type: &str,
    request: &Request,
) -> Option<Response> {
    let group = canvases::group(site.catalogue, group, uris)?;
    let id = uris.manifest(Version::V2, group.name);
    let visible = group.visible(site.permissions);
    if visible.is_empty() {
        return None;
    }
    let manifest = json!({
        "@context": CONTEXT,
        "@id": id,
        "@type": "sc:Manifest",
        "label": group.label(),
        "service": search::services(Version::V2, group.name, uris)[0],
    });
    let sequence = json!({"@id": format!("{id}#sequence"), "@type": "sc:Sequence"});
    let canvas = |(n, canvas): &(usize, Canvas)| {
        let uri = uris.canvas(Version::V2, group.name, *n);
        canvas_document(canvas, &uri, site, uris)
    };
    let sequence = WithLast {
        object: &sequence,
        name: "canvases",
        last: OneByOne(|| visible.iter().map(canvas)),
    };
    let manifest = WithLast {
        object: &manifest,
        name: "sequences",
        last: [sequence],
    };
    Some(json_response(&manifest, media_type, request))
}

/// The annotation list of the `n`-th canvas of a group; none if there is no such canvas.
fn annotations(site: &Site, group: &str, n: usize, uris: &Uris) -> Option<Value> {
    let group = canvases::group(site.catalogue, group, uris)?;
    let canvas = group.canvas(n, site.permissions)?;
    let [uri, uri_3] = [Version::V2, Version::V3].map(|v| uris.canvas(v, group.name, n));
    Some(json!({
        "@context": CONTEXT,
        "@id": uris.annotations(&uri),
        "@type": "sc:AnnotationList",
        "resources": annotation::all_2(&canvas, &uri, &uri_3, uris),
    }))
}

fn canvas_document(canvas: &Canvas, id: &str, site: &Site, uris: &Uris) -> Value {
    // 2.1 has whole numbers (§3.3). Rounded, although boxes keep the coordinates of the frame.
    let [width, height] = canvas.size().map(|n| n.round().max(1.0) as u64);
    let about = &canvas.first().about;
    let mut document = json!({
        "@id": id,
        "@type": "sc:Canvas",
        "label": canvas.label(),
        "width": width,
        "height": height,
        "images": [{
            "@id": format!("{id}/painting"),
            "@type": "oa:Annotation",
            "motivation": "sc:painting",
            "resource": choice(canvas.images.iter().map(|p| image(p, site, uris)).collect()),
            "on": id,
        }],
    });
    let entries = about.metadata.iter();
    let entries: Vec<Value> = entries
        .map(|(key, values)| match &values[..] {
            [value] => json!({"label": key, "value": value}),
            values => json!({"label": key, "value": values}),
        })
        .collect();
    if !entries.is_empty() {
        document["metadata"] = entries.into();
    }
    let source = &about.source;
    for (member, value) in [
        ("license", source.rights_uri()),
        ("description", source.rights_text()),
        ("dcterms:rights", source.rights_text()),
        ("attribution", source.attribution.as_deref()),
    ] {
        if let Some(value) = value {
            document[member] = json!(value);
        }
    }
    if !about.localizations.is_empty() || !about.labels.is_empty() {
        document["otherContent"] =
            json!([{"@id": uris.annotations(id), "@type": "sc:AnnotationList"}]);
    }
    document
}

fn choice(mut images: Vec<Value>) -> Value {
    let first = images.remove(0);
    match images.is_empty() {
        true => first,
        false => json!({"@type": "oa:Choice", "default": first, "item": images}),
    }
}

fn image(record: &ImageRecord, site: &Site, uris: &Uris) -> Value {
    let service = uris.service(Version::V2, &record.id);
    let mut image = json!({
        "@id": image_uri(&service, Size::Full),
        "@type": "dctypes:Image",
        "format": "image/jpeg",
        "width": record.size[0],
        "height": record.size[1],
        "service": {
            "@context": "http://iiif.io/api/image/2/context.json",
            "@id": service,
            "profile": level_2(Version::V2),
        },
    });
    let services =
        (site.permissions).auth_services(site.catalogue.ruled(record), Version::V2, uris);
    if !services.is_empty() {
        image["service"]["service"] = services.into();
    }
    if let Some(name) = &record.about.source.labels.image {
        image["label"] = json!(name);
    }
    image
}
