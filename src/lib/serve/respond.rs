//! The core of `serve`: a request in, a response as values out. No clock, no disk, no pixels.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::auth::sight::Sight;
use super::catalogue::Catalogue;
use super::ids::Ids;
use super::info::Facts;
use super::picture::{self, Cap};
use super::presets::{self, Presets};
use super::{pages, presentation, presentation2, search, sides, tag};
use crate::iiif::Version;
use crate::iiif::resolve::RenderPlan;

/// What there is to serve and how.
pub struct Site<'a> {
    /// The images and what is known of them.
    pub catalogue: &'a Catalogue,
    /// What the visitor sees of it.
    pub sight: &'a Sight,
    /// How answers are limited.
    pub cap: Cap,
    /// What derivatives have names.
    pub presets: &'a Presets,
    /// Whether boxes may be corrected in the browser.
    pub reviewed: bool,
    /// For how many seconds pictures may be kept by who got them.
    pub max_age: u32,
    /// The file behind the image at a position of the catalogue, as it is now.
    pub facts: &'a dyn Fn(usize) -> Result<Facts, String>,
}

impl<'a> Site<'a> {
    /// A site without files: enough to find things.
    pub fn bare(catalogue: &'a Catalogue, sight: &'a Sight) -> Self {
        Site {
            catalogue,
            sight,
            cap: Cap::default(),
            presets: &presets::NONE,
            reviewed: false,
            max_age: 0,
            facts: &|_| Err("no file is looked at".into()),
        }
    }

    /// The position of the picture of a name, or of the URI that the name leads to, unless it is hidden.
    pub fn find(&self, name: &str, ids: &Ids) -> Option<usize> {
        let found = find(self.catalogue, name, ids);
        found.filter(|at| self.sight.shows(&self.catalogue.pictures[*at].about))
    }
}

/// What was harvested from here has its URI as its name.
fn find(catalogue: &Catalogue, name: &str, ids: &Ids) -> Option<usize> {
    let by_uri = || catalogue.find(&ids.service(Version::V3, name));
    catalogue.find(name).or_else(by_uri)
}

/// The positions of the images that a request says anything about: what must be known of them before it is answered.
pub fn concerned(catalogue: &Catalogue, ids: &Ids, path: &str) -> Vec<usize> {
    let segments = decoded(path).unwrap_or_default();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let one = |id: &str| find(catalogue, id, ids).into_iter().collect();
    match segments[..] {
        ["assets" | "health" | "metrics", ..] | ["auth", "login" | "token" | "logout"] => {
            Vec::new()
        }
        ["iiif", "presentation", _, group, _, ..] => {
            let name = sides::group(catalogue, group, ids).map(|group| group.name.to_owned());
            let is_in = |at: &usize| Some(&catalogue.pictures[*at].about.group) == name.as_ref();
            (0..catalogue.pictures.len()).filter(is_in).collect()
        }
        // Its neighbours and its other lights are named too.
        ["pages", "image", id] => {
            let at = find(catalogue, id.strip_suffix(".json").unwrap_or(id), ids);
            let group = |at: &usize| &catalogue.pictures[*at].about.group;
            let is_in = |n: &usize| at.is_some_and(|at| group(&at) == group(n));
            (0..catalogue.pictures.len()).filter(is_in).collect()
        }
        ["iiif", "degraded" | "preset", _, id, ..] | ["iiif", "2" | "3", id, ..] => one(id),
        ["auth", "probe", id] | ["view" | "review", id] => one(id),
        _ => (0..catalogue.pictures.len()).collect(),
    }
}

/// What a client asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// `GET`, `HEAD`…
    pub method: &'a str,
    /// The path as it arrived, still percent-encoded.
    pub path: &'a str,
    /// What stands after `?`, empty if there is nothing.
    pub query: &'a str,
    /// `Accept`, empty if there is none.
    pub accept: &'a str,
    /// `If-None-Match`, empty if there is none.
    pub if_none_match: &'a str,
}

/// What the client gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Headers beside those of every response.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
}

/// The body of a response.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// These bytes.
    Text(String),
    /// A picture to be rendered.
    Picture {
        /// Its position in the catalogue.
        at: usize,
        /// What is wanted of it.
        plan: RenderPlan,
        /// Equal for equal answers, and for no others.
        key: String,
    },
}

/// Answers a request.
pub fn respond(site: &Site, ids: &Ids, asked: &Asked) -> Response {
    match asked.method {
        "GET" | "HEAD" => get(site, ids, asked),
        "OPTIONS" => Response::new(204, Body::Empty)
            .with("access-control-allow-methods", "GET, HEAD, OPTIONS")
            // `*` does not stand for Authorization (Fetch §4.8).
            .with(
                "access-control-allow-headers",
                "authorization, x-api-key, content-type, if-none-match, *",
            )
            .with("access-control-max-age", "86400")
            .with("allow", "GET, HEAD, OPTIONS"),
        other => refused(405, &format!("{other} is not offered, GET and HEAD are"))
            .with("allow", "GET, HEAD, OPTIONS"),
    }
}

fn get(site: &Site, ids: &Ids, asked: &Asked) -> Response {
    let Some(segments) = decoded(asked.path) else {
        return refused(400, "the path is not percent-encoded UTF-8");
    };
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments[..] {
        [""] if asked.accept.contains("text/html") => pages::index(asked),
        [""] => redirect(&ids.collection(Version::V3)).with("vary", "accept"),
        ["view", id] => pages::view(site, id, ids, asked),
        ["assets", name] => pages::asset(name, asked),
        ["pages", "images.json"] => pages::data(site, None, ids, asked),
        ["pages", "image", id] => pages::data(site, Some(id), ids, asked),
        ["iiif", "presentation", "3", ref rest @ ..] => present_3(site, ids, rest, asked),
        ["iiif", "presentation", "2", ref rest @ ..] => present_2(site, ids, rest, asked),
        ["iiif", "degraded", "2", id, ref rest @ ..] => {
            picture::degraded(site, ids, Version::V2, id, rest, asked)
        }
        ["iiif", "degraded", "3", id, ref rest @ ..] => {
            picture::degraded(site, ids, Version::V3, id, rest, asked)
        }
        ["iiif", "preset.json"] => presets::list(site, ids, asked),
        ["iiif", "preset", name] => presets::images(site, name, ids, asked),
        ["iiif", "preset", name, id] => presets::answer(site, name, id, ids, asked),
        ["iiif", "2", id, ref rest @ ..] => {
            picture::answer(site, ids, Version::V2, id, rest, asked)
        }
        ["iiif", "3", id, ref rest @ ..] => {
            picture::answer(site, ids, Version::V3, id, rest, asked)
        }
        _ => refused(
            404,
            "nothing is here; /iiif/presentation/3/collection.json lists what there is",
        ),
    }
}

/// Segments of a path, each decoded on its own: an encoded slash belongs to its segment.
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

const LD_JSON_3: &str =
    r#"application/ld+json;profile="http://iiif.io/api/presentation/3/context.json""#;
const LD_JSON_SEARCH: &str =
    r#"application/ld+json;profile="http://iiif.io/api/search/2/context.json""#;

fn present_3(site: &Site, ids: &Ids, rest: &[&str], asked: &Asked) -> Response {
    let query = Query::read(asked.query);
    match rest {
        ["collection.json"] => {
            json_response(&presentation::collection(site, ids), LD_JSON_3, asked)
        }
        [group, "manifest.json"] => {
            found(presentation::manifest(site, group, ids), LD_JSON_3, asked)
        }
        [group, "canvas", n, "annotations.json"] => found(
            position(n).and_then(|n| presentation::annotations(site, group, n, ids)),
            LD_JSON_3,
            asked,
        ),
        [group, "search"] => found(
            search::search(site, group, &query, ids),
            LD_JSON_SEARCH,
            asked,
        ),
        [group, "search", "terms"] => found(
            search::terms(site, group, &query, ids),
            LD_JSON_SEARCH,
            asked,
        ),
        _ => found(None, LD_JSON_3, asked),
    }
}

fn present_2(site: &Site, ids: &Ids, rest: &[&str], asked: &Asked) -> Response {
    let document = match rest {
        ["collection.json"] => Some(presentation2::collection(site, ids)),
        [group, "manifest.json"] => presentation2::manifest(site, group, ids),
        [group, "canvas", n, "annotations.json"] => {
            position(n).and_then(|n| presentation2::annotations(site, group, n, ids))
        }
        _ => None,
    };
    let linked = asked.accept.contains("application/ld+json");
    let media_type = if linked {
        "application/ld+json"
    } else {
        "application/json"
    };
    found(document, media_type, asked).with("vary", "accept")
}

/// Canvases are numbered from 1.
fn position(n: &str) -> Option<usize> {
    n.parse::<usize>().ok()?.checked_sub(1)
}

fn found(document: Option<Value>, media_type: &str, asked: &Asked) -> Response {
    match document {
        Some(document) => json_response(&document, media_type, asked),
        None => refused(
            404,
            "no such document; /iiif/presentation/3/collection.json leads to all",
        ),
    }
}

/// What stands after `?`: names and values, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=1&b=2`, percent-encoded, blanks as `+`.
    pub fn read(text: &str) -> Self {
        let pairs = url::form_urlencoded::parse(text.as_bytes());
        Query(pairs.into_owned().collect())
    }

    /// The first value of a name, empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// The first value of a name.
    pub fn find(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(n, _)| n == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// Gives a name one value.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(n, _)| n != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// The names that are none of these.
    pub fn names_beside(&self, known: &[&str]) -> Vec<&str> {
        let names = self.0.iter().map(|(name, _)| name.as_str());
        names.filter(|name| !known.contains(name)).collect()
    }
}

impl std::fmt::Display for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.0);
        f.write_str(&query.finish())
    }
}

/// A document, or word that the client has it.
pub fn json_response(document: &Value, media_type: &str, asked: &Asked) -> Response {
    let text = format!("{document:#}\n");
    let etag = tag(&format!("{media_type} {text}"));
    let response = not_modified(asked, &etag)
        .unwrap_or_else(|| Response::new(200, Body::Text(text)).with("content-type", media_type));
    response
        .with("cache-control", "no-cache")
        .with("etag", etag)
}

/// Status 304 where the client holds the answer already (RFC 9110 §13.1.2).
pub fn not_modified(asked: &Asked, etag: &str) -> Option<Response> {
    let mut held = asked.if_none_match.split(',').map(str::trim);
    let holds = |held: &str| held == "*" || held.trim_start_matches("W/") == etag;
    held.any(holds).then(|| Response::new(304, Body::Empty))
}

/// Status 200 with some words that nobody should keep.
pub fn text(text: String, media_type: &str) -> Response {
    Response::new(200, Body::Text(text))
        .with("content-type", media_type)
        .with("cache-control", "no-store")
}

/// Status 303.
pub fn redirect(to: &str) -> Response {
    Response::new(303, Body::Empty).with("location", to)
}

/// A status with its reason in plain words.
pub fn refused(status: u16, why: &str) -> Response {
    Response::new(status, Body::Text(format!("{why}\n")))
        .with("content-type", "text/plain; charset=utf-8")
}

impl Response {
    /// A response without headers of its own.
    pub fn new(status: u16, body: Body) -> Self {
        Response {
            status,
            headers: Vec::new(),
            body,
        }
    }

    /// The first value of a header, empty if there is none.
    pub fn says(&self, name: &str) -> &str {
        let header = self.headers.iter().find(|(n, _)| *n == name);
        header.map_or("", |(_, value)| value)
    }

    /// Gives a header one value.
    pub fn replace(&mut self, name: &'static str, value: &str) {
        self.headers.retain(|(n, _)| *n != name);
        self.headers.push((name, value.to_owned()));
    }

    /// Names further headers of the request that the response depends on.
    pub fn vary_by(&mut self, names: &str) {
        let names = match self.says("vary") {
            "" => names.to_owned(),
            before => format!("{before}, {names}"),
        };
        self.replace("vary", &names);
    }

    /// The response with one more header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
