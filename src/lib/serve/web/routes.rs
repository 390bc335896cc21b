//! Which handler answers which route, and what it needs to know first. Pure.

use super::accept;
use super::message::{Body, Request, Response, error_response, redirect};
use super::route::Route;
use crate::iiif::Version;
use crate::serve::catalogue::Catalogue;
use crate::serve::image::{api, presets};
use crate::serve::pages;
use crate::serve::presentation::uris::Uris;
use crate::serve::presentation::{activities, canvases, v2, v3};
use crate::serve::site::{self, Site};

/// What a request is about, as far as its answer needs preparation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// An image with this identifier: its file is looked at first.
    Image(String),
    /// A document about many images, which takes long to make and is kept.
    Document,
    /// A document that tells sizes of the images at these positions: their files are looked at first.
    Sizes(Vec<usize>),
    /// Nothing of the kind.
    Other,
}

/// What a request for a route is about.
pub fn topic(catalogue: &Catalogue, uris: &Uris, route: &Route) -> Topic {
    match route {
        Route::Presentation(_, rest) if rest.get(1).is_some_and(|n| n == "manifest.json") => {
            let group = canvases::group(catalogue, &rest[0], uris);
            group.map_or(Topic::Document, |group| Topic::Sizes(group.positions()))
        }
        Route::ImageDetails(id) => {
            let at = site::find(catalogue, id, uris);
            Topic::Sizes(at.into_iter().collect())
        }
        Route::Presentation(..)
        | Route::Activity(_)
        | Route::PresetList
        | Route::PresetImages(_) => Topic::Document,
        Route::ImageList | Route::ClassList | Route::ThumbnailBoxes(_) => Topic::Document,
        Route::Asset(_) | Route::View(_) => Topic::Document,
        Route::Image { id, rest, .. } if !rest.is_empty() => Topic::Image(id.clone()),
        Route::Preset { id, .. } => Topic::Image(id.clone()),
        _ => Topic::Other,
    }
}

/// The positions of the images that the answer to a request may mention: the permissions for these must be known first.
pub fn concerned(catalogue: &Catalogue, uris: &Uris, route: &Route) -> Vec<usize> {
    let one = |id: &str| site::find(catalogue, id, uris).into_iter().collect();
    let of_group = |name: Option<&str>| {
        let group = name.and_then(|name| catalogue.group(name));
        group.map(|group| group.images.clone()).unwrap_or_default()
    };
    match route {
        Route::Asset(_) | Route::Health | Route::Metrics | Route::Login(_) => Vec::new(),
        Route::Presentation(_, rest) if rest.len() > 1 => {
            of_group(canvases::group(catalogue, &rest[0], uris).map(|group| group.name))
        }
        // The page links to the neighbours of the image and its other captures.
        Route::ImageDetails(id) => {
            let at = site::find(catalogue, id, uris);
            of_group(at.map(|at| catalogue.images[at].about.group.as_str()))
        }
        Route::ThumbnailBoxes(id) | Route::Image { id, .. } | Route::Preset { id, .. } => one(id),
        Route::Probe(id) | Route::View(id) | Route::Review(id) => one(id),
        _ => (0..catalogue.images.len()).collect(),
    }
}

/// Answers requests that only look something up. No clock, no disk, no pixels.
pub fn respond(site: &Site, uris: &Uris, route: &Route, request: &Request) -> Response {
    match request.method {
        "GET" | "HEAD" => get(site, uris, route, request),
        "OPTIONS" => Response::new(204, Body::Empty)
            .with_header("access-control-allow-methods", "GET, HEAD, OPTIONS")
            // `*` does not include Authorization (Fetch §4.8).
            .with_header(
                "access-control-allow-headers",
                "authorization, x-api-key, content-type, if-none-match, *",
            )
            .with_header("access-control-max-age", "86400")
            .with_header("allow", "GET, HEAD, OPTIONS"),
        other => error_response(
            405,
            &format!("{other} is not supported here, only GET and HEAD"),
        )
        .with_header("allow", "GET, HEAD, OPTIONS"),
    }
}

fn get(site: &Site, uris: &Uris, route: &Route, request: &Request) -> Response {
    match route {
        Route::Index if accept::names(request.accept, "text/html") => pages::index(request),
        Route::Index => redirect(&uris.collection(Version::V3)).with_header("vary", "accept"),
        Route::View(id) => pages::view(site, id, uris, request),
        Route::Asset(name) => pages::asset(name, request),
        Route::ImageList => pages::image_list(site, uris, request),
        Route::ClassList => pages::class_list(site, request),
        Route::ThumbnailBoxes(id) => pages::thumbnail_boxes(site, id, uris, request),
        Route::ImageDetails(id) => pages::image_details(site, id, uris, request),
        Route::Presentation(Version::V3, rest) => v3::answer(site, uris, &texts(rest), request),
        Route::Presentation(Version::V2, rest) => v2::answer(site, uris, &texts(rest), request),
        Route::Activity(name) => activities::answer(site, uris, name, request),
        Route::PresetList => presets::list(site, uris, request),
        Route::PresetImages(name) => presets::images(site, name, uris, request),
        Route::Preset { name, id } => presets::answer(site, name, id, uris, request),
        Route::Image {
            version,
            id,
            rest,
            is_degraded,
        } => {
            let answer = if *is_degraded {
                api::degraded
            } else {
                api::answer
            };
            answer(site, uris, *version, id, &texts(rest), request)
        }
        Route::Unreadable => error_response(400, "the path is not percent-encoded UTF-8"),
        _ => error_response(
            404,
            "nothing is here; /iiif/presentation/3/collection.json lists what is served",
        ),
    }
}

fn texts(segments: &[String]) -> Vec<&str> {
    segments.iter().map(String::as_str).collect()
}
