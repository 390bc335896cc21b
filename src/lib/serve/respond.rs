//! The core of `serve`: a request in, a response as values out. No clock, no disk, no pixels.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::catalogue::{Catalogue, Picture};
use super::ids::Ids;
use super::presentation;
use crate::iiif::resolve::{Limits, Plan};
use crate::iiif::{self, Format, ImageRequest, Refusal, Size, Version};

/// What a client asks.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// `GET`, `HEAD`…
    pub method: &'a str,
    /// The path as it arrived, still percent-encoded.
    pub path: &'a str,
    /// `Accept`, empty if there is none.
    pub accept: &'a str,
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
    /// The picture at this position of the catalogue, by this plan.
    Picture(usize, Plan),
}

/// How answers are limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cap {
    /// The most pixels a side of an answer has; none: no cap.
    pub side: Option<u32>,
    /// The cap is not told, and larger requests get a smaller picture instead of an error, as some hosting does.
    pub undeclared: bool,
}

impl Cap {
    /// What requests are judged by.
    fn declared(&self) -> Limits {
        let most = self.side.filter(|_| !self.undeclared).map(|side| [side; 2]);
        Limits {
            most,
            upscale: false,
        }
    }

    /// What an undeclared cap leaves of an answer. Sides asked for by number are cut one by one, which distorts;
    /// others keep their proportions: so do servers in the field.
    fn cut(&self, request: &ImageRequest, mut plan: Plan) -> Plan {
        let Some(side) = self.side.filter(|_| self.undeclared) else {
            return plan;
        };
        let [w, h] = plan.size;
        let scale = f64::from(side) / f64::from(w.max(h));
        let shrunk = |n: u32| ((f64::from(n) * scale).round() as u32).max(1);
        plan.size = match request.size {
            _ if w <= side && h <= side => [w, h],
            Size::Exact(..) => [w.min(side), h.min(side)],
            _ => [shrunk(w), shrunk(h)],
        };
        plan
    }
}

/// Answers a request.
pub fn respond(catalogue: &Catalogue, cap: &Cap, ids: &Ids, asked: &Asked) -> Response {
    match asked.method {
        "GET" | "HEAD" => get(catalogue, cap, ids, asked),
        "OPTIONS" => response(204, Body::Empty)
            .with("access-control-allow-methods", "GET, HEAD, OPTIONS")
            .with("access-control-allow-headers", "*"),
        other => refused(405, &format!("{other} is not offered, GET and HEAD are"))
            .with("allow", "GET, HEAD, OPTIONS"),
    }
}

fn get(catalogue: &Catalogue, cap: &Cap, ids: &Ids, asked: &Asked) -> Response {
    let Some(segments) = decoded(asked.path) else {
        return refused(400, "the path is not percent-encoded UTF-8");
    };
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments[..] {
        [""] => redirect(&ids.collection()),
        ["iiif", "presentation", "3", ref rest @ ..] => present(catalogue, ids, rest),
        ["iiif", "2", id, ref rest @ ..] => {
            image(catalogue, cap, ids, Version::V2, id, rest, asked)
        }
        ["iiif", "3", id, ref rest @ ..] => {
            image(catalogue, cap, ids, Version::V3, id, rest, asked)
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

fn present(catalogue: &Catalogue, ids: &Ids, rest: &[&str]) -> Response {
    let document = match rest {
        ["collection.json"] => Some(presentation::collection(catalogue, ids)),
        [group, "manifest.json"] => presentation::manifest(catalogue, group, ids),
        [group, "canvas", n, "annotations.json"] => (n.parse().ok())
            .and_then(|n: usize| n.checked_sub(1))
            .and_then(|n| presentation::annotations(catalogue, group, n, ids)),
        _ => None,
    };
    match document {
        Some(document) => json_response(&document, LD_JSON_3),
        None => refused(
            404,
            "no such document; /iiif/presentation/3/collection.json leads to all",
        ),
    }
}

fn image(
    catalogue: &Catalogue,
    cap: &Cap,
    ids: &Ids,
    version: Version,
    id: &str,
    rest: &[&str],
    asked: &Asked,
) -> Response {
    let Some(at) = catalogue.find(id) else {
        return refused(404, &format!("no image is called `{id}`"));
    };
    let picture = &catalogue.pictures[at];
    let service = ids.service(version, id);
    match *rest {
        [] | [""] => redirect(&iiif::info_uri(&service)),
        ["info.json"] => info(version, &service, picture, cap, asked.accept),
        [region, size, rotation, last] => {
            let segments = [region, size, rotation, last];
            let planned = plan(version, segments, picture.size, cap);
            planned.map_or_else(refusal, |plan| {
                picture_response(version, at, picture, plan, &service, cap)
            })
        }
        _ => refused(
            400,
            "region/size/rotation/quality.format is needed after the identifier",
        ),
    }
}

fn plan(version: Version, segments: [&str; 4], size: [u32; 2], cap: &Cap) -> Result<Plan, Refusal> {
    let request = ImageRequest::parse(version, segments)?;
    let plan = request.resolve(version, size, &cap.declared())?;
    Ok(cap.cut(&request, plan))
}

fn picture_response(
    version: Version,
    at: usize,
    picture: &Picture,
    plan: Plan,
    service: &str,
    cap: &Cap,
) -> Response {
    let canonical = iiif::under(
        service,
        &plan.canonical(version, picture.size, &cap.declared()),
    );
    let profile = level_2(version);
    let media_type = match plan.format {
        Format::Png => "image/png",
        _ => "image/jpeg",
    };
    response(200, Body::Picture(at, plan))
        .with("content-type", media_type)
        .with(
            "link",
            format!(r#"<{profile}>;rel="profile",<{canonical}>;rel="canonical""#),
        )
}

/// Link header and 2.1 `profile`: the URI of level 2.
fn level_2(version: Version) -> &'static str {
    match version {
        Version::V2 => "http://iiif.io/api/image/2/level2.json",
        Version::V3 => "http://iiif.io/api/image/3/level2.json",
    }
}

fn info(version: Version, service: &str, picture: &Picture, cap: &Cap, accept: &str) -> Response {
    let most = cap.declared().most.map(|[side, _]| side);
    match version {
        Version::V2 => {
            let ld = accept.contains("application/ld+json");
            let kind = if ld {
                "application/ld+json"
            } else {
                "application/json"
            };
            json_response(&info_2(service, picture.size, most), kind)
                .with("vary", "accept")
                .with("link", format!(r#"<{}>;rel="profile""#, level_2(version)))
        }
        Version::V3 => json_response(&info_3(service, picture.size, most), IMAGE_LD_JSON_3),
    }
}

/// Image Information, 2.1 §5.
fn info_2(service: &str, [width, height]: [u32; 2], most: Option<u32>) -> Value {
    let mut offered = json!({
        "formats": ["jpg", "png"],
        "qualities": ["default", "color", "gray"],
        "supports": ["baseUriRedirect", "canonicalLinkHeader", "cors", "jsonldMediaType", "mirroring", "profileLinkHeader", "regionSquare"],
    });
    if let Some(most) = most {
        offered["maxWidth"] = most.into();
        offered["maxHeight"] = most.into();
    }
    json!({
        "@context": "http://iiif.io/api/image/2/context.json",
        "@id": service,
        "protocol": "http://iiif.io/api/image",
        "width": width,
        "height": height,
        "sizes": sizes([width, height], most),
        "tiles": tiles([width, height], most),
        "profile": [level_2(Version::V2), offered],
    })
}

/// Image Information, 3.0 §5.
fn info_3(service: &str, [width, height]: [u32; 2], most: Option<u32>) -> Value {
    let mut info = json!({
        "@context": "http://iiif.io/api/image/3/context.json",
        "id": service,
        "type": "ImageService3",
        "protocol": "http://iiif.io/api/image",
        "profile": "level2",
        "width": width,
        "height": height,
        "sizes": sizes([width, height], most),
        "tiles": tiles([width, height], most),
        "extraQualities": ["color", "gray"],
        "extraFeatures": ["canonicalLinkHeader", "mirroring", "profileLinkHeader"],
    });
    if let Some(most) = most {
        info["maxWidth"] = most.into();
        info["maxHeight"] = most.into();
    }
    info
}

const TILE: u32 = 512;

/// Halvings from the smallest that fills a tile to the largest that may be asked for.
fn sizes(full: [u32; 2], most: Option<u32>) -> Vec<Value> {
    let most = most.unwrap_or(u32::MAX);
    let halvings = factors(full).into_iter().rev();
    let sizes = halvings.map(|factor| full.map(|side| side.div_ceil(factor)));
    let allowed = sizes.filter(|[w, h]| *w <= most && *h <= most);
    allowed
        .map(|[width, height]| json!({"width": width, "height": height}))
        .collect()
}

fn tiles(full: [u32; 2], most: Option<u32>) -> Value {
    let side = TILE.min(most.unwrap_or(TILE));
    json!([{"width": side, "height": side, "scaleFactors": factors(full)}])
}

/// Powers of two until the picture fits into a tile.
fn factors(full: [u32; 2]) -> Vec<u32> {
    let longest = full[0].max(full[1]);
    let enough = |factor: &u32| longest.div_ceil(*factor) > TILE / 2;
    let factors = std::iter::successors(Some(1_u32), |factor| factor.checked_mul(2));
    let factors: Vec<u32> = factors.take_while(enough).collect();
    if factors.is_empty() { vec![1] } else { factors }
}

const LD_JSON_3: &str =
    r#"application/ld+json;profile="http://iiif.io/api/presentation/3/context.json""#;
const IMAGE_LD_JSON_3: &str =
    r#"application/ld+json;profile="http://iiif.io/api/image/3/context.json""#;

fn json_response(document: &Value, media_type: &str) -> Response {
    response(200, Body::Text(format!("{document:#}\n"))).with("content-type", media_type)
}

fn redirect(to: &str) -> Response {
    response(303, Body::Empty).with("location", to)
}

fn refusal(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Invalid(why) => refused(400, &why),
        Refusal::Unsupported(why) => refused(501, &why),
    }
}

/// A status with its reason in plain words.
pub fn refused(status: u16, why: &str) -> Response {
    response(status, Body::Text(format!("{why}\n")))
        .with("content-type", "text/plain; charset=utf-8")
}

fn response(status: u16, body: Body) -> Response {
    Response {
        status,
        headers: Vec::new(),
        body,
    }
}

impl Response {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
