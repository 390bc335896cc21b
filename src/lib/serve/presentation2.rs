//! Presentation 2.1 documents of a catalogue: a collection, a manifest for each group, annotation lists. Pure.

use serde_json::{Value, json};

use super::annotation;
use super::catalogue::Picture;
use super::ids::Ids;
use super::info::level_2;
use super::presentation::picture_uri;
use super::respond::Site;
use super::sides::{self, Group, Side};
use crate::iiif::{Size, Version};

const CONTEXT: &str = "http://iiif.io/api/presentation/2/context.json";

/// The collection of all manifests.
pub fn collection(site: &Site, ids: &Ids) -> Value {
    let manifest = |group: Group| json!({"@id": ids.manifest(Version::V2, group.name), "@type": "sc:Manifest", "label": group.label()});
    let is_seen = |group: &Group| group.pictures.iter().any(|p| site.sight.shows(&p.about));
    let groups = sides::groups(site.catalogue).into_iter();
    let manifests = groups.filter(is_seen).map(manifest);
    json!({
        "@context": CONTEXT,
        "@id": ids.collection(Version::V2),
        "@type": "sc:Collection",
        "label": "Everything served here",
        "manifests": manifests.collect::<Vec<_>>(),
    })
}

/// The manifest of a group; none if there is no such group.
pub fn manifest(site: &Site, group: &str, ids: &Ids) -> Option<Value> {
    let group = sides::group(site.catalogue, group, ids)?;
    let id = ids.manifest(Version::V2, group.name);
    let sides = group.seen(site.sight);
    if sides.is_empty() {
        return None;
    }
    let canvases = sides.iter();
    let canvases =
        canvases.map(|(n, side)| canvas(side, &ids.canvas(Version::V2, group.name, *n), site, ids));
    Some(json!({
        "@context": CONTEXT,
        "@id": id,
        "@type": "sc:Manifest",
        "label": group.label(),
        "sequences": [{
            "@id": format!("{id}#sequence"),
            "@type": "sc:Sequence",
            "canvases": canvases.collect::<Vec<_>>(),
        }],
    }))
}

/// The annotation list of the `n`-th canvas of a group; none if there is no such canvas.
pub fn annotations(site: &Site, group: &str, n: usize, ids: &Ids) -> Option<Value> {
    let group = sides::group(site.catalogue, group, ids)?;
    let sides = group.seen(site.sight);
    let (_, side) = sides.iter().find(|(at, _)| *at == n)?;
    let [canvas, canvas_3] = [Version::V2, Version::V3].map(|v| ids.canvas(v, group.name, n));
    Some(json!({
        "@context": CONTEXT,
        "@id": ids.annotations(&canvas),
        "@type": "sc:AnnotationList",
        "resources": annotation::all_2(side, &canvas, &canvas_3, ids),
    }))
}

fn canvas(side: &Side, id: &str, site: &Site, ids: &Ids) -> Value {
    // Whole numbers (2.1 §3.3): the nearest, since boxes keep their own.
    let [width, height] = side.size().map(|n| n.round().max(1.0) as u64);
    let about = &side.first().about;
    let mut canvas = json!({
        "@id": id,
        "@type": "sc:Canvas",
        "label": side.label(),
        "width": width,
        "height": height,
        "images": [{
            "@id": format!("{id}/painting"),
            "@type": "oa:Annotation",
            "motivation": "sc:painting",
            "resource": choice(side.pictures.iter().map(|p| image(p, site, ids)).collect()),
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
        canvas["metadata"] = entries.into();
    }
    let source = &about.source;
    for (member, value) in [
        ("license", source.rights_uri()),
        ("description", source.rights_text()),
        ("dcterms:rights", source.rights_text()),
        ("attribution", source.attribution.as_deref()),
    ] {
        if let Some(value) = value {
            canvas[member] = json!(value);
        }
    }
    if !about.localizations.is_empty() || !about.labels.is_empty() {
        canvas["otherContent"] =
            json!([{"@id": ids.annotations(id), "@type": "sc:AnnotationList"}]);
    }
    canvas
}

fn choice(mut images: Vec<Value>) -> Value {
    let first = images.remove(0);
    match images.is_empty() {
        true => first,
        false => json!({"@type": "oa:Choice", "default": first, "item": images}),
    }
}

fn image(picture: &Picture, site: &Site, ids: &Ids) -> Value {
    let service = ids.service(Version::V2, &picture.id);
    let mut image = json!({
        "@id": picture_uri(&service, Size::Full),
        "@type": "dctypes:Image",
        "format": "image/jpeg",
        "width": picture.size[0],
        "height": picture.size[1],
        "service": {
            "@context": "http://iiif.io/api/image/2/context.json",
            "@id": service,
            "profile": level_2(Version::V2),
        },
    });
    if let Some(probe) = site.sight.service(&picture.about, Version::V2, ids) {
        image["service"]["service"] = probe;
    }
    if let Some(name) = &picture.about.source.labels.image {
        image["label"] = json!(name);
    }
    image
}
