//! The pages for people, embedded in the program: the index of images, an image with its boxes, and the data that they
//! show. Pure.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::auth::rules::Access;
use super::image::api;
use super::image_record::ImageRecord;
use super::presentation::canvases;
use super::presentation::uris::{self, Uris};
use super::site::Site;
use super::web::message::{
    Body, OneByOne, Request, Response, WithLast, entity_tag, error_response, json_response,
    not_modified,
};
use crate::contracts::{BBox, Localization, Number, Polygon};
use crate::corrections::{self, STATE};
use crate::iiif::Version;

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! scripts {
    ($($name:literal),* $(,)?) => {
        &[$(($name, SCRIPT, include_str!($name))),*]
    };
}

/// The files of the pages: name, media type, text.
const ASSETS: [&[(&str, &str, &str)]; 2] = [
    &[("style.css", CSS, include_str!("style.css"))],
    scripts![
        "about.js",
        "account.js",
        "adjust.js",
        "boxlist.js",
        "camera.js",
        "chosen.js",
        "classes.js",
        "colours.js",
        "combobox.js",
        "conflicts.js",
        "dom.js",
        "done.js",
        "elsewhere.js",
        "filter.js",
        "fuzzy.js",
        "index.js",
        "keys.js",
        "labels.js",
        "legend.js",
        "messages.js",
        "outbox.js",
        "paint.js",
        "pointer.js",
        "queue.js",
        "review.js",
        "shapes.js",
        "sheet.js",
        "thumbnail.js",
        "tiles.js",
        "token.js",
        "typing.js",
        "view.js",
        "viewer.js",
    ],
];
/// The content security policy: nothing is loaded from other sites, and no inline script runs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// The page of all images.
pub fn index(request: &Request) -> Response {
    page(include_str!("index.html"), request)
}

/// The page of one image.
pub fn view(site: &Site, id: &str, uris: &Uris, request: &Request) -> Response {
    match site.find(id, uris) {
        Some(_) => page(include_str!("view.html"), request),
        None => api::not_found(id),
    }
}

/// A file of the pages.
pub fn asset(name: &str, request: &Request) -> Response {
    match ASSETS.concat().iter().find(|(known, ..)| *known == name) {
        Some((_, media_type, text)) => embedded(text, media_type, request),
        None => error_response(404, "no such file"),
    }
}

/// `images.json`: what the grid shows.
pub fn image_list(site: &Site, uris: &Uris, request: &Request) -> Response {
    let document = json!({
        "reviews": site.reviews.is_some(),
        "account": account(site),
        "presets": preset_links(site, "{segment}"),
    });
    let document = WithLast {
        object: &document,
        name: "images",
        last: OneByOne(|| images(site, uris)),
    };
    json_response(&document, "application/json", request)
}

/// `image/ID.json`: what the page of an image shows.
pub fn image_details(site: &Site, id: &str, uris: &Uris, request: &Request) -> Response {
    let Some(at) = site.find(id, uris) else {
        return error_response(404, "no such image");
    };
    let mut image = details(site, at, uris);
    let segment = uris.segment_of(&site.catalogue.images[at].id);
    image["presets"] = preset_links(site, &segment);
    json_response(&image, "application/json", request)
}

/// `[name, path]` of each preset of the image with this segment; paths are relative to the root of the pages.
fn preset_links(site: &Site, segment: &str) -> Value {
    let links = (site.presets.names()).map(|name| json!([name, uris::preset_path(name, segment)]));
    links.collect()
}

/// `classes.json`: what boxes can be called, and which file of reviews corrections are for.
pub fn class_list(site: &Site, request: &Request) -> Response {
    let document = json!({"classes": classes(site), "reviews": site.reviews});
    json_response(&document, "application/json", request)
}

/// `boxes/ID.json`: the boxes of a thumbnail.
pub fn thumbnail_boxes(site: &Site, id: &str, uris: &Uris, request: &Request) -> Response {
    match site.find(id, uris) {
        Some(at) => {
            let document = json!({"boxes": outlines(site, at)});
            json_response(&document, "application/json", request)
        }
        None => error_response(404, "no such image"),
    }
}

fn page(text: &str, request: &Request) -> Response {
    embedded(text, "text/html; charset=utf-8", request)
        .with_header("content-security-policy", POLICY)
        .with_header("referrer-policy", "same-origin")
        .with_header("vary", "accept")
}

fn embedded(text: &str, media_type: &str, request: &Request) -> Response {
    let etag = entity_tag(text);
    let response = not_modified(request, &etag).unwrap_or_else(|| {
        Response::new(200, Body::Text(text.to_owned())).with_header("content-type", media_type)
    });
    response
        .with_header("cache-control", "no-cache")
        .with_header("etag", etag)
}

/// The visitor, if people can log in here; else null.
fn account(site: &Site) -> Value {
    let user = &site.permissions.visitor.user;
    (site.permissions.rules.as_ref()).map_or(Value::Null, |_| json!({"user": user}))
}

/// What the index page shows of every image that the visitor may know of.
fn images<'a>(site: &'a Site, uris: &'a Uris) -> impl Iterator<Item = Value> + 'a {
    let images = site.catalogue.images.iter();
    images
        .filter(|image| site.can_list(image))
        .map(|image| summary(site, image, uris))
}

fn summary(site: &Site, image: &ImageRecord, uris: &Uris) -> Value {
    let about = &image.about;
    let mut concepts: BTreeMap<&str, u64> = BTreeMap::new();
    let boxes = about.localizations.iter().map(|l| &l.concept);
    for concept in boxes.chain(&about.labels) {
        *concepts.entry(concept).or_default() += 1;
    }
    let open = about.localizations.iter().filter(|l| is_suggestion(l));
    let confidence = |l: &Localization| {
        l.attributes
            .get("confidence")
            .and_then(|value| value.as_f64())
    };
    let least = open.clone().filter_map(confidence).reduce(f64::min);
    let [state, by, at] = STATE.map(|key| about.metadata.get(key).and_then(|v| v.first()));
    let metadata = about.metadata.values().map(|values| values.join(" "));
    let metadata: Vec<String> = metadata.collect();
    let is_split = |(key, _): &(&String, _)| key.eq_ignore_ascii_case("split");
    let split = about.metadata.iter().find(is_split);
    json!({
        "id": image.id,
        "segment": segment(image, uris),
        "service": service(site, image, uris),
        "label": label(image),
        "capture": about.source.labels.image,
        "group": about.group,
        "groupLabel": group_label(image),
        "split": split.and_then(|(_, values)| values.first()),
        "metadata": metadata.join(" "),
        "concepts": concepts,
        "state": state,
        "by": by,
        "at": at,
        "suggestions": open.count(),
        "least": least.map(Number),
    })
}

/// The path of the image service that the visitor may use for an image; none if the visitor may see no pixels.
fn service(site: &Site, image: &ImageRecord, uris: &Uris) -> Option<String> {
    let segment = segment(image, uris);
    match site.permissions.access(site.catalogue.ruled(image)) {
        Access::Hidden | Access::None => None,
        Access::Degraded => Some(format!("iiif/degraded/3/{segment}")),
        Access::Full | Access::Review => Some(format!("iiif/3/{segment}")),
    }
}

/// What the page of an image shows.
fn details(site: &Site, at: usize, uris: &Uris) -> Value {
    let images = &site.catalogue.images;
    let image = &images[at];
    let about = &image.about;
    let is_listed = |image: &&Arc<ImageRecord>| site.can_list(image);
    let may_review = site.reviews.is_some() && site.may_review(at);
    let metadata = about
        .metadata
        .iter()
        .filter(|(key, _)| !STATE.contains(&key.as_str()))
        .map(|(key, values)| json!([key, values.join("; ")]));
    // Relative to the root of the server.
    let relative = |uri: String| uri.strip_prefix(&uris.page("/")).unwrap_or(&uri).to_owned();
    let mut details = json!({
        "id": image.id,
        "segment": segment(image, uris),
        "label": label(image),
        "capture": about.source.labels.image,
        "group": about.group,
        "groupLabel": group_label(image),
        "frame": image.shown_size().map(Number),
        "service": service(site, image, uris),
        "account": account(site),
        "captures": captures(site, at, uris),
        "previous": images[..at].iter().rfind(is_listed).map(|p| segment(p, uris)),
        "next": images[at + 1..].iter().find(is_listed).map(|p| segment(p, uris)),
        "metadata": metadata.collect::<Vec<_>>(),
        "rights": about.source.rights,
        "attribution": about.source.attribution,
        "manifest": relative(uris.manifest(Version::V3, &about.group)),
        "review": may_review,
        "reviews": site.reviews,
    });
    let all = details.as_object_mut().zip(match reviewed(image) {
        Value::Object(reviewed) => Some(reviewed),
        _ => None,
    });
    if let Some((details, reviewed)) = all {
        details.extend(reviewed);
    }
    details
}

/// What corrections change: the boxes, the labels, and how far the review is.
pub fn reviewed(image: &ImageRecord) -> Value {
    let mut reviewed = reviewed_image(image);
    let boxes = image.about.localizations.iter().map(of_box);
    reviewed["boxes"] = boxes.collect();
    reviewed
}

/// The same with one box alone, null if it is not there.
pub fn reviewed_box(image: &ImageRecord, id: &str) -> Value {
    let mut reviewed = reviewed_image(image);
    let found = image.about.localizations.iter().find(|l| l.id == id);
    reviewed["box"] = found.map_or(Value::Null, of_box);
    reviewed
}

/// What corrections change of the image as a whole.
pub fn reviewed_image(image: &ImageRecord) -> Value {
    let about = &image.about;
    let [state, by, at] = STATE.map(|key| about.metadata.get(key).and_then(|v| v.first()));
    json!({
        "labels": about.labels,
        "state": state,
        "by": by,
        "at": at,
        "revision": corrections::state_revision(about),
    })
}

/// A box in the form that the pages read.
pub fn of_box(l: &Localization) -> Value {
    let numbers = |b: &BBox| [b.x, b.y, b.width, b.height].map(Number);
    let ring = |ring: &Polygon| {
        let points = ring.points().iter().map(|point| point.map(Number));
        points.collect::<Vec<_>>()
    };
    let mut described = json!({
        "id": l.id,
        "concept": l.concept,
        "bbox": numbers(&l.bbox),
        "polygon": l.polygon.as_ref().map(ring),
        "attributes": l.attributes,
        "revision": corrections::revision(l),
    });
    if !l.holes.is_empty() {
        described["holes"] = json!(l.holes.iter().map(ring).collect::<Vec<_>>());
    }
    described
}

/// Whether a model suggests a box, and nobody has said yet that it is right.
fn is_suggestion(l: &Localization) -> bool {
    l.attributes.contains_key("confidence") && l.attributes.get("verified") != Some(&json!(true))
}

/// The boxes of a thumbnail: `[class, x, y, width, height, suggested]` in parts of the frame.
fn outlines(site: &Site, at: usize) -> Value {
    /// More are a blur on a thumbnail.
    const MOST: usize = 400;
    let image = &site.catalogue.images[at];
    let [width, height] = image.shown_size();
    let rounded = |n: f64| Number((n * 1e4).round() / 1e4);
    let one = |l: &Localization| {
        let b = &l.bbox;
        let [x, w] = [b.x, b.width].map(|n| rounded(n / width));
        let [y, h] = [b.y, b.height].map(|n| rounded(n / height));
        json!([l.concept, x, y, w, h, is_suggestion(l)])
    };
    (image.about.localizations.iter().take(MOST).map(one)).collect()
}

/// The classes in the order of their colours and keys: those that the server was started with, then new ones.
fn classes(site: &Site) -> Value {
    let listed = (site.catalogue.images.iter()).filter(|image| site.can_list(image));
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for image in listed {
        let boxes = image.about.localizations.iter().map(|l| &l.concept);
        for class in boxes.chain(&image.about.labels) {
            *counts.entry(class).or_default() += 1;
        }
    }
    let known: HashSet<&str> = site.classes.names.iter().map(String::as_str).collect();
    let ordered = site.classes.names.iter().map(String::as_str);
    let new = counts.keys().copied().filter(|name| !known.contains(name));
    // Who may not see an image does not learn its classes, but their colours stay.
    let one = |(order, name): (usize, &str)| match counts.get(name) {
        None if order >= site.classes.open => None,
        count => Some(json!({"name": name, "order": order, "count": count.unwrap_or(&0)})),
    };
    ordered.chain(new).enumerate().filter_map(one).collect()
}

/// `[name, segment]` of all images on the same canvas: its captures and bands.
fn captures(site: &Site, at: usize, uris: &Uris) -> Vec<Value> {
    let image = &site.catalogue.images[at];
    let place = (site.catalogue.group(&image.about.group)).and_then(|group| group.place(at));
    let group = canvases::group(site.catalogue, &image.about.group, uris);
    let canvas = group.zip(place);
    let canvas = canvas.and_then(|(group, place)| group.canvas(place.canvas, site.permissions));
    let images = canvas.map(|canvas| canvas.images).unwrap_or_default();
    let capture = |image: &&ImageRecord| {
        let name = image.about.source.labels.image.as_ref();
        json!([name.unwrap_or(&image.id), segment(image, uris)])
    };
    images.iter().map(capture).collect()
}

fn segment(image: &ImageRecord, uris: &Uris) -> String {
    uris.segment_of(&image.id)
}

fn label(image: &ImageRecord) -> &str {
    let labels = &image.about.source.labels;
    let label = labels.canvas.as_deref().or(labels.image.as_deref());
    label.unwrap_or(&image.id)
}

fn group_label(image: &ImageRecord) -> &str {
    let label = image.about.source.labels.manifest.as_deref();
    label.unwrap_or(&image.about.group)
}
