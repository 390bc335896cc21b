//! The router: which handler answers which request. It is the only file that knows all handlers.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use http_body_util::{BodyExt as _, Limited};
use hyper::Method;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;

use super::base_url::BaseUrl;
use super::message::{
    Body, Query, Request, Response, error_response, header_text, redirect, uncached,
};
use super::metrics;
use crate::http::header;
use crate::iiif::Version;
use crate::serve::auth::Auth;
use crate::serve::auth::flow::LoginRequest;
use crate::serve::auth::permissions::Permissions;
use crate::serve::cache::purge;
use crate::serve::catalogue::{Catalogue, SharedCatalogue};
use crate::serve::image::cap::Cap;
use crate::serve::image::preset::Presets;
use crate::serve::image::renderer::{RenderError, Renderer};
use crate::serve::image::{api, pdf, presets};
use crate::serve::pages;
use crate::serve::presentation::uris::Uris;
use crate::serve::presentation::{canvases, v2, v3};
use crate::serve::review::file::ReviewFile;
use crate::serve::review::request::{self, ReviewRequest};
use crate::serve::site::{self, Classes, Site};

/// The longest body of a request, in bytes.
const MOST_BODY: usize = 64 << 10;

/// The handlers and what they share.
pub struct Router {
    /// The images and what is known about them.
    pub catalogue: Arc<SharedCatalogue>,
    /// What renders and caches images.
    pub renderer: Arc<Renderer>,
    /// The derivatives that have names.
    pub presets: Presets,
    /// What boxes can be called.
    pub classes: Classes,
    /// The limits on the size of answers.
    pub cap: Cap,
    /// For how many seconds clients may reuse an image without asking again.
    pub max_age: u32,
    /// The file that corrections are appended to; none: corrections are not accepted.
    pub reviews: Option<Mutex<ReviewFile>>,
    /// What tells that file from those of other servers.
    pub review_key: Option<String>,
    /// The rules about who may see what; none: everybody may see everything.
    pub auth: Option<Auth>,
    /// The base of all URIs.
    pub base_url: BaseUrl,
    /// How long the body of a request may take to arrive.
    pub body_timeout: Duration,
}

/// A request, with what is known before a handler is called.
struct Call<'a> {
    head: &'a Parts,
    client: IpAddr,
    permissions: Permissions,
    uris: Uris,
    is_secure: bool,
}

impl Router {
    /// Answers a request: the response, and the bytes of its body. `head` is changed for `?page=n`. If a handler panics,
    /// the response has status 500, and the server goes on.
    pub async fn answer(
        &self,
        head: &mut Parts,
        body: Incoming,
        client: IpAddr,
    ) -> (Response, Bytes) {
        let (response, bytes) = match turn_to_page(head) {
            Ok(()) => unless_panicking(self.handle(head, body, client)).await,
            Err(why) => with_text(error_response(400, &why)),
        };
        let Some(auth) = &self.auth else {
            return (response, bytes);
        };
        let origin = header_text(&head.headers, header::ORIGIN);
        let response = auth.finish(response, head.uri.path(), origin);
        (response, bytes)
    }

    async fn handle(&self, head: &Parts, body: Incoming, client: IpAddr) -> (Response, Bytes) {
        let is_proxied_tls =
            (self.auth.as_ref()).is_some_and(|a| a.is_secure(&head.headers, client));
        let uris = self.base_url.uris(&head.headers, is_proxied_tls);
        let permissions = match self.permissions(head, client, &uris).await {
            Ok(permissions) => permissions,
            Err(response) => return with_text(response),
        };
        let call = Call {
            head,
            client,
            permissions,
            uris,
            is_secure: self.base_url.is_secure(is_proxied_tls),
        };
        let response = self.route(&call, body).await;
        let is_head = head.method == Method::HEAD;
        self.with_bytes(response, &call.permissions, is_head).await
    }

    /// What the sender of a request may see. This is decided before anything else.
    async fn permissions(
        &self,
        head: &Parts,
        client: IpAddr,
        uris: &Uris,
    ) -> Result<Permissions, Response> {
        let path = head.uri.path();
        // Browsers send OPTIONS without credentials.
        let is_open = head.method == Method::OPTIONS
            || ["/health", "/metrics"].contains(&path)
            || path.starts_with("/assets/");
        let Some(auth) = self.auth.as_ref().filter(|_| !is_open) else {
            return Ok(Permissions::all());
        };
        let now = jiff::Timestamp::now().as_millisecond();
        let visitor = auth.visitor(path, &head.headers, client, now).await?;
        let catalogue = self.catalogue.get();
        let concerned = || concerned(&catalogue, uris, path);
        let permissions = auth.permissions(visitor, &catalogue, concerned, &head.headers, now);
        Ok(permissions.await)
    }

    async fn route(&self, call: &Call<'_>, body: Incoming) -> Response {
        let (method, path) = (&call.head.method, call.head.uri.path());
        let login = path.strip_prefix("/auth/").zip(self.auth.as_ref());
        let review = path.strip_prefix("/review/").zip(self.reviews.as_ref());
        let purge = (path.strip_prefix("/cache/")).filter(|_| method == Method::DELETE);
        match (login, review, purge) {
            _ if path == "/health" => self.health(),
            _ if path == "/metrics" => self.metrics(),
            _ if method == Method::OPTIONS => self.look_up(call),
            (Some((service, auth)), ..) => self.log_in(auth, service, call, body).await,
            (_, Some((id, reviews)), _) => self.review(reviews, id, call, body).await,
            (_, _, Some(id)) => {
                let headers = &call.head.headers;
                let purged = purge::answer(&self.renderer, id, headers, call.client).await;
                purged.unwrap_or_else(|| self.look_up(call))
            }
            _ => self.look_up(call),
        }
    }

    fn health(&self) -> Response {
        let images = self.catalogue.get().images.len();
        let version = env!("CARGO_PKG_VERSION");
        let health = serde_json::json!({"status": "ok", "images": images, "version": version});
        uncached(format!("{health}\n"), "application/json")
    }

    fn metrics(&self) -> Response {
        let auth = self.auth.as_ref().map(Auth::metrics);
        let text = self.renderer.metrics_text() + &auth.unwrap_or_default();
        uncached(text, metrics::CONTENT_TYPE)
    }

    /// Requests that need neither a body nor a clock.
    fn look_up(&self, call: &Call) -> Response {
        let catalogue = self.catalogue.get();
        let site = Site {
            catalogue: &catalogue,
            permissions: &call.permissions,
            classes: &self.classes,
            reviews: self.review_key.as_deref(),
            presets: &self.presets,
            cap: self.cap,
            max_age: self.max_age,
            facts: &|at| self.renderer.facts(at),
        };
        let headers = &call.head.headers;
        let request = Request {
            method: call.head.method.as_str(),
            path: call.head.uri.path(),
            query: call.head.uri.query().unwrap_or_default(),
            accept: header_text(headers, header::ACCEPT),
            if_none_match: header_text(headers, header::IF_NONE_MATCH),
        };
        respond(&site, &call.uris, &request)
    }

    async fn log_in(&self, auth: &Auth, path: &str, call: &Call<'_>, body: Incoming) -> Response {
        let form = match self.read(body, "a form has at most 64 KiB").await {
            Ok(form) => form,
            Err(response) => return response,
        };
        let headers = &call.head.headers;
        let path = percent_decode_str(path).decode_utf8_lossy();
        let request = LoginRequest {
            method: call.head.method.as_str(),
            path: &path,
            query: Query::read(call.head.uri.query().unwrap_or_default()),
            form: Query::read(&String::from_utf8_lossy(&form)),
            headers,
            address: auth.address(headers, call.client),
            is_secure: call.is_secure,
            is_own: self.base_url.is_own_page(headers),
            now: jiff::Timestamp::now().as_millisecond(),
        };
        let catalogue = self.catalogue.get();
        let site = Site::without_files(&catalogue, &call.permissions);
        auth.answer(&request, &site, &call.uris).await
    }

    /// Corrections are accepted from the pages of this server only: media type and origin keep other sites out.
    async fn review(
        &self,
        reviews: &Mutex<ReviewFile>,
        id: &str,
        call: &Call<'_>,
        body: Incoming,
    ) -> Response {
        let (method, headers) = (call.head.method.as_str(), &call.head.headers);
        if !["POST", "PUT", "DELETE"].contains(&method) {
            return error_response(405, "only POST, PUT and DELETE are supported here")
                .with_header("allow", "POST, PUT, DELETE");
        }
        let is_json = header_text(headers, header::CONTENT_TYPE).starts_with("application/json");
        if !is_json || !self.base_url.is_own_page(headers) {
            let why =
                "corrections are accepted only from the pages of this server, as application/json";
            return error_response(403, why);
        }
        let body = match self.read(body, "a correction has at most 64 KiB").await {
            Ok(body) => body,
            Err(response) => return response,
        };
        let query = Query::read(call.head.uri.query().unwrap_or_default());
        let request = ReviewRequest {
            method,
            image: &percent_decode_str(id).decode_utf8_lossy(),
            of: query.get("of"),
            body: &body,
            when: format!("{:.0}", jiff::Timestamp::now()),
        };
        let catalogue = self.catalogue.get();
        let site = Site::without_files(&catalogue, &call.permissions);
        request::answer(reviews, &self.catalogue, &site, &call.uris, request)
    }

    /// Reads a body, unless it is too long or too slow.
    async fn read(&self, body: Incoming, too_long: &str) -> Result<Bytes, Response> {
        let body = Limited::new(body, MOST_BODY).collect();
        match tokio::time::timeout(self.body_timeout, body).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(_)) => Err(error_response(413, too_long)),
            Err(_) => {
                let why = "the body of the request did not arrive in time";
                Err(error_response(408, why).with_header("connection", "close"))
            }
        }
    }

    /// A response with the bytes of its body. For HEAD no image is rendered.
    async fn with_bytes(
        &self,
        response: Response,
        permissions: &Permissions,
        is_head: bool,
    ) -> (Response, Bytes) {
        let Body::Image { at, plan, key } = &response.body else {
            return with_text(response);
        };
        if permissions.only_cached {
            return match self.renderer.cached(*at, plan, key).await {
                Some(_) if is_head => (response, Bytes::new()),
                Some(bytes) => (response, bytes),
                None => with_text(permissions.refuse(
                    "this image has not been rendered yet, and is not rendered for everybody",
                )),
            };
        }
        if is_head {
            return (response, Bytes::new());
        }
        match self.renderer.render(*at, *plan, key).await {
            Ok(bytes) => (response, bytes),
            Err(error) => with_text(not_rendered(error)),
        }
    }
}

fn not_rendered(error: RenderError) -> Response {
    match error {
        RenderError::Failed(why) => error_response(500, &why),
        RenderError::Slow(why) => error_response(503, &why).with_header("retry-after", "300"),
        RenderError::Busy => error_response(503, "the server is too busy, try again later")
            .with_header("retry-after", "5"),
    }
}

/// A response whose body is text or empty, with its bytes.
fn with_text(response: Response) -> (Response, Bytes) {
    let bytes = match &response.body {
        Body::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
        _ => Bytes::new(),
    };
    (response, bytes)
}

/// The answer, or status 500 if making it panics: one broken handler must not take the server down. The panic itself is
/// reported on standard error.
async fn unless_panicking(answer: impl Future<Output = (Response, Bytes)>) -> (Response, Bytes) {
    // What a panic can leave half-done lies behind locks, which are made to bear it.
    let answered = AssertUnwindSafe(answer).catch_unwind().await;
    answered.unwrap_or_else(|_| with_text(error_response(500, "internal error")))
}

/// Rewrites a request with `?page=n` to the image that is this page.
fn turn_to_page(head: &mut Parts) -> Result<(), String> {
    let Some(query) = head.uri.query() else {
        return Ok(());
    };
    let Some(path) = pdf::path_of_page(head.uri.path(), query)? else {
        return Ok(());
    };
    let uri = format!("{path}?{query}").parse();
    head.uri = uri.map_err(|e| format!("not a valid address: {e}"))?;
    Ok(())
}

/// The positions of the images that the answer to a request may mention: the permissions for these must be known first.
fn concerned(catalogue: &Catalogue, uris: &Uris, path: &str) -> Vec<usize> {
    let segments = decoded(path).unwrap_or_default();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let one = |id: &str| site::find(catalogue, id, uris).into_iter().collect();
    let of_group = |name: Option<&str>| {
        let is_in = |at: &usize| Some(catalogue.images[*at].about.group.as_str()) == name;
        (0..catalogue.images.len()).filter(is_in).collect()
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
fn respond(site: &Site, uris: &Uris, request: &Request) -> Response {
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
        [""] if request.accept.contains("text/html") => pages::index(request),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_handler_that_panics_answers_500() {
        let (response, bytes) = unless_panicking(async { panic!("on purpose") }).await;
        assert_eq!(
            (response.status, &bytes[..]),
            (500, &b"internal error\n"[..])
        );
        let fine = unless_panicking(async { with_text(error_response(404, "no")) }).await;
        assert_eq!(fine.0.status, 404);
    }
}
