//! Which handler answers which path, and what it needs to know first. Pure.

use percent_encoding::percent_decode_str;

use super::accept;
use super::message::{Body, Request, Response, error_response, redirect};
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

/// What a request for a path is about.
pub fn topic(catalogue: &Catalogue, uris: &Uris, path: &str) -> Topic {
    let segments = decoded(path).unwrap_or_default();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments[..] {
        ["iiif", "presentation", _, group, "manifest.json"] => {
            let group = canvases::group(catalogue, group, uris);
            group.map_or(Topic::Document, |group| Topic::Sizes(group.positions()))
        }
        ["pages", "image", id] => {
            let at = site::find(catalogue, id.strip_suffix(".json").unwrap_or(id), uris);
            Topic::Sizes(at.into_iter().collect())
        }
        ["iiif", "presentation", ..] | ["pages", ..] | ["assets", _] | ["view", _] => {
            Topic::Document
        }
        ["iiif", "preset.json"] | ["iiif", "preset" | "activity", _] => Topic::Document,
        ["iiif", "degraded", "2" | "3", id, _, ..] | ["iiif", "2" | "3", id, _, ..] => {
            Topic::Image(id.to_owned())
        }
        ["iiif", "preset", _, id] => Topic::Image(id.to_owned()),
        _ => Topic::Other,
    }
}

/// The positions of the images that the answer to a request may mention: the permissions for these must be known first.
pub fn concerned(catalogue: &Catalogue, uris: &Uris, path: &str) -> Vec<usize> {
    let segments = decoded(path).unwrap_or_default();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let one = |id: &str| site::find(catalogue, id, uris).into_iter().collect();
    let of_group = |name: Option<&str>| {
        let group = name.and_then(|name| catalogue.group(name));
        group.map(|group| group.images.clone()).unwrap_or_default()
    };
    match segments[..] {
        ["assets" | "health" | "metrics", ..] | ["auth", "login" | "token" | "logout"] => {
            Vec::new()
        }
        ["iiif", "presentation", _, group, _, ..] => {
            of_group(canvases::group(catalogue, group, uris).map(|group| group.name))
        }
        // The page links to the neighbours of the image and its other captures.
        ["pages", "image", id] => {
            let at = site::find(catalogue, id.strip_suffix(".json").unwrap_or(id), uris);
            of_group(at.map(|at| catalogue.images[at].about.group.as_str()))
        }
        ["pages", "boxes", id] => one(id.strip_suffix(".json").unwrap_or(id)),
        ["iiif", "degraded" | "preset", _, id, ..] | ["iiif", "2" | "3", id, ..] => one(id),
        ["auth", "probe", id] | ["view" | "review", id] => one(id),
        _ => (0..catalogue.images.len()).collect(),
    }
}

/// Answers requests that only look something up. No clock, no disk, no pixels.
pub fn respond(site: &Site, uris: &Uris, request: &Request) -> Response {
    match request.method {
        "GET" | "HEAD" => get(site, uris, request),
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

fn get(site: &Site, uris: &Uris, request: &Request) -> Response {
    let Some(segments) = decoded(request.path) else {
        return error_response(400, "the path is not percent-encoded UTF-8");
    };
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments[..] {
        [""] if accept::names(request.accept, "text/html") => pages::index(request),
        [""] => redirect(&uris.collection(Version::V3)).with_header("vary", "accept"),
        ["view", id] => pages::view(site, id, uris, request),
        ["assets", name] => pages::asset(name, request),
        ["pages", "images.json"] => pages::data(site, None, uris, request),
        ["pages", "classes.json"] => pages::class_list(site, request),
        ["pages", "boxes", id] => pages::thumbnail_boxes(site, id, uris, request),
        ["pages", "image", id] => pages::data(site, Some(id), uris, request),
        ["iiif", "presentation", "3", ref rest @ ..] => v3::answer(site, uris, rest, request),
        ["iiif", "presentation", "2", ref rest @ ..] => v2::answer(site, uris, rest, request),
        ["iiif", "degraded", "2", id, ref rest @ ..] => {
            api::degraded(site, uris, Version::V2, id, rest, request)
        }
        ["iiif", "degraded", "3", id, ref rest @ ..] => {
            api::degraded(site, uris, Version::V3, id, rest, request)
        }
        ["iiif", "activity", name] => activities::answer(site, uris, name, request),
        ["iiif", "preset.json"] => presets::list(site, uris, request),
        ["iiif", "preset", name] => presets::images(site, name, uris, request),
        ["iiif", "preset", name, id] => presets::answer(site, name, id, uris, request),
        ["iiif", "2", id, ref rest @ ..] => api::answer(site, uris, Version::V2, id, rest, request),
        ["iiif", "3", id, ref rest @ ..] => api::answer(site, uris, Version::V3, id, rest, request),
        _ => error_response(
            404,
            "nothing is here; /iiif/presentation/3/collection.json lists what is served",
        ),
    }
}

/// The segments of a path, each decoded on its own: an encoded slash belongs to its segment.
fn decoded(path: &str) -> Option<Vec<String>> {
    let decode = |segment: &str| {
        percent_decode_str(segment)
            .decode_utf8()
            .ok()
            .map(String::from)
    };
    path.strip_prefix('/')
        .unwrap_or(path)
        .split('/')
        .map(decode)
        .collect()
}
