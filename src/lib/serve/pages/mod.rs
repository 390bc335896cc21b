//! Pages for people, embedded: the grid of images, one image with its boxes, and the data they show. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::contracts::{BBox, Localization, Number};
use crate::iiif::Version;
use crate::serve::auth::rules::May;
use crate::serve::catalogue::Picture;
use crate::serve::image::preset as presets;
use crate::serve::presentation::canvases as sides;
use crate::serve::presentation::uris::Ids;
use crate::serve::tag;
use crate::serve::web::router::{
    Asked, Body, Response, Site, json_response, not_modified, refused,
};

/// Files of the pages: name, media type, text.
const ASSETS: [(&str, &str, &str); 7] = [
    (
        "style.css",
        "text/css; charset=utf-8",
        include_str!("style.css"),
    ),
    (
        "account.js",
        "text/javascript; charset=utf-8",
        include_str!("account.js"),
    ),
    (
        "done.js",
        "text/javascript; charset=utf-8",
        include_str!("done.js"),
    ),
    (
        "token.js",
        "text/javascript; charset=utf-8",
        include_str!("token.js"),
    ),
    (
        "index.js",
        "text/javascript; charset=utf-8",
        include_str!("index.js"),
    ),
    (
        "view.js",
        "text/javascript; charset=utf-8",
        include_str!("view.js"),
    ),
    (
        "viewer.js",
        "text/javascript; charset=utf-8",
        include_str!("viewer.js"),
    ),
];
/// Nothing from elsewhere, and nothing written into a page runs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// The page of all images.
pub fn index(asked: &Asked) -> Response {
    page(include_str!("index.html"), asked)
}

/// The page of one image.
pub fn view(site: &Site, id: &str, ids: &Ids, asked: &Asked) -> Response {
    match site.find(id, ids) {
        Some(_) => page(include_str!("view.html"), asked),
        None => refused(404, &format!("no image is called `{id}`")),
    }
}

/// A file of the pages.
pub fn asset(name: &str, asked: &Asked) -> Response {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, media_type, text)) => embedded(text, media_type, asked),
        None => refused(404, "no such file"),
    }
}

/// `images.json`, and `image/ID.json` where `id` is given.
pub fn data(site: &Site, id: Option<&str>, ids: &Ids, asked: &Asked) -> Response {
    let document = match id {
        None => json!({
            "images": listed(site, ids),
            "account": account(site),
            "presets": preset_links(site, "{segment}"),
        }),
        Some(id) => match id.strip_suffix(".json").and_then(|id| site.find(id, ids)) {
            Some(at) => {
                let mut image = image(site, at, ids);
                let segment = ids.segment_of(&site.catalogue.pictures[at].id);
                image["presets"] = preset_links(site, &segment);
                image
            }
            None => return refused(404, "no such image"),
        },
    };
    json_response(&document, "application/json", asked)
}

/// Names of presets, and where each is of an image, below the root of the pages.
fn preset_links(site: &Site, segment: &str) -> Value {
    let links = (site.presets.names()).map(|name| json!([name, presets::path(name, segment)]));
    links.collect()
}

fn page(text: &str, asked: &Asked) -> Response {
    embedded(text, "text/html; charset=utf-8", asked)
        .with("content-security-policy", POLICY)
        .with("referrer-policy", "same-origin")
        .with("vary", "accept")
}

fn embedded(text: &str, media_type: &str, asked: &Asked) -> Response {
    let etag = tag(text);
    let response = not_modified(asked, &etag).unwrap_or_else(|| {
        Response::new(200, Body::Text(text.to_owned())).with("content-type", media_type)
    });
    response
        .with("cache-control", "no-cache")
        .with("etag", etag)
}

/// Who looks, where people can log in; else nothing.
fn account(site: &Site) -> Value {
    let user = &site.sight.visitor.user;
    (site.sight.rules.as_ref()).map_or(Value::Null, |_| json!({"user": user}))
}

fn listed(site: &Site, ids: &Ids) -> Vec<Value> {
    let entry = |picture: &Picture| {
        let about = &picture.about;
        let mut concepts: BTreeMap<&str, u64> = BTreeMap::new();
        let boxes = about.localizations.iter().map(|l| &l.concept);
        for concept in boxes.chain(&about.labels) {
            *concepts.entry(concept).or_default() += 1;
        }
        let said: Vec<String> = about
            .metadata
            .values()
            .map(|values| values.join(" "))
            .collect();
        let split = about
            .metadata
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case("split"));
        json!({
            "id": picture.id,
            "segment": segment(picture, ids),
            "service": service(site, picture, ids),
            "label": label(picture),
            "light": about.source.labels.image,
            "group": about.group,
            "groupLabel": group_label(picture),
            "split": split.and_then(|(_, values)| values.first()),
            "said": said.join(" "),
            "concepts": concepts,
        })
    };
    let pictures = site.catalogue.pictures.iter();
    pictures
        .filter(|p| site.sight.shows(&p.about))
        .map(entry)
        .collect()
}

/// The path of the image service that a visitor sees an image by; none where no pixel of it is seen.
fn service(site: &Site, picture: &Picture, ids: &Ids) -> Option<String> {
    let segment = segment(picture, ids);
    match site.sight.may(&picture.about) {
        May::Hidden | May::None => None,
        May::Degraded => Some(format!("iiif/degraded/3/{segment}")),
        May::Full | May::Review => Some(format!("iiif/3/{segment}")),
    }
}

/// Everything that the page of an image shows.
fn image(site: &Site, at: usize, ids: &Ids) -> Value {
    let pictures = &site.catalogue.pictures;
    let picture = &pictures[at];
    let about = &picture.about;
    let frame = about.frame.map(|frame| [frame.width, frame.height]);
    let is_seen = |p: &&Picture| site.sight.shows(&p.about);
    let may_review = site.sight.may(about) == May::Review;
    let metadata = about
        .metadata
        .iter()
        .map(|(key, values)| json!([key, values.join("; ")]));
    // From the page of the image to what is served.
    let below = |uri: String| uri.strip_prefix(&ids.page("/")).unwrap_or(&uri).to_owned();
    json!({
        "id": picture.id,
        "label": label(picture),
        "light": about.source.labels.image,
        "groupLabel": group_label(picture),
        "labels": about.labels,
        "frame": frame.unwrap_or(picture.size.map(f64::from)).map(Number),
        "boxes": boxes(picture),
        "service": service(site, picture, ids),
        "account": account(site),
        "lights": lights(site, picture, ids),
        "previous": pictures[..at].iter().rfind(is_seen).map(|p| segment(p, ids)),
        "next": pictures[at + 1..].iter().find(is_seen).map(|p| segment(p, ids)),
        "metadata": metadata.collect::<Vec<_>>(),
        "rights": about.source.rights,
        "attribution": about.source.attribution,
        "manifest": below(ids.manifest(Version::V3, &about.group)),
        "review": site.reviewed && may_review,
    })
}

/// The boxes of an image as pages draw them.
pub fn boxes(picture: &Picture) -> Vec<Value> {
    let one = |l: &Localization| {
        let numbers = |b: &BBox| [b.x, b.y, b.width, b.height].map(Number);
        let points = l.polygon.as_ref().map(|p| {
            let points = p.points().iter().map(|point| point.map(Number));
            points.collect::<Vec<_>>()
        });
        json!({"id": l.id, "concept": l.concept, "bbox": numbers(&l.bbox), "polygon": points})
    };
    picture.about.localizations.iter().map(one).collect()
}

/// Other lights and bands of the same side: name and segment.
fn lights(site: &Site, picture: &Picture, ids: &Ids) -> Vec<Value> {
    let group = sides::groups(site.catalogue)
        .into_iter()
        .find(|g| g.name == picture.about.group);
    let sides = group.map(|group| group.sides()).unwrap_or_default();
    let side = sides
        .into_iter()
        .find(|side| side.pictures.iter().any(|p| p.id == picture.id));
    let pictures = side.map(|side| side.pictures).unwrap_or_default();
    let entry = |p: &&Picture| {
        let name = p.about.source.labels.image.as_ref().unwrap_or(&p.id);
        json!([name, segment(p, ids)])
    };
    let seen = pictures.iter().filter(|p| site.sight.shows(&p.about));
    seen.map(entry).collect()
}

fn segment(picture: &Picture, ids: &Ids) -> String {
    let service = ids.service(Version::V3, &picture.id);
    service.rsplit('/').next().unwrap_or_default().to_owned()
}

fn label(picture: &Picture) -> &str {
    let labels = &picture.about.source.labels;
    let label = labels.canvas.as_deref().or(labels.image.as_deref());
    label.unwrap_or(&picture.id)
}

fn group_label(picture: &Picture) -> &str {
    let label = picture.about.source.labels.manifest.as_deref();
    label.unwrap_or(&picture.about.group)
}
