//! The router: what happens to a request before and after its handler, and which handler that is. No other file knows the
//! handlers.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use http_body_util::{BodyExt as _, Limited};
use hyper::Method;
use hyper::Version as HttpVersion;
use hyper::body::Incoming;
use hyper::http::request::Parts;

use super::base_url::{BaseUrl, Origin};
use super::documents::Documents;
use super::forwarded::Forwarded;
use super::host::Host;
use super::message::{
    Body, Query, Request, Response, error_response, header_text, not_modified, other_wanted,
    redirect, uncached,
};
use super::request_class::RequestClasses;
use super::route::Route;
use super::topic::{self, Topic};
use super::{accept, coding, metrics, range};
use crate::http::header::{self, HeaderMap};
use crate::iiif::Version;
use crate::serve::auth::flow::LoginRequest;
use crate::serve::auth::permissions::Permissions;
use crate::serve::auth::rate;
use crate::serve::auth::{Auth, SharedAuth};
use crate::serve::cache::purge;
use crate::serve::catalogue::{Catalogue, SharedCatalogue};
use crate::serve::image::cap::Cap;
use crate::serve::image::preset::Presets;
use crate::serve::image::renderer::{RenderError, Renderer};
use crate::serve::image::{api, presets};
use crate::serve::image_record::{FileError, FileFacts};
use crate::serve::pages;
use crate::serve::presentation::uris::Uris;
use crate::serve::presentation::{activities, v2, v3};
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
    pub presets: Arc<Presets>,
    /// What boxes can be called.
    pub classes: Arc<Classes>,
    /// What was made of documents so far.
    pub documents: Documents,
    /// The limits on the size of answers.
    pub cap: Cap,
    /// For how many seconds clients may reuse an image without asking again.
    pub max_age: u32,
    /// The file that corrections are appended to; none: corrections are not accepted.
    pub reviews: Option<Arc<Mutex<ReviewFile>>>,
    /// What tells that file from those of other servers.
    pub review_key: Option<String>,
    /// The rules about who may see what.
    pub auth: Arc<SharedAuth>,
    /// What is set for classes of requests.
    pub request_classes: RequestClasses,
    /// The base of all URIs.
    pub base_url: BaseUrl,
    /// How long the body of a request may take to arrive.
    pub body_timeout: Duration,
}

/// A request, with what is known before a handler is called.
struct Call<'a> {
    head: &'a Parts,
    route: &'a Route,
    /// The other end of the connection.
    peer: IpAddr,
    /// The address of the client: what trusted proxies say, or else the other end of the connection. None: unknown.
    address: Option<IpAddr>,
    origin: Origin,
    /// The rules that hold for it, even if others do before it is answered.
    auth: Option<Arc<Auth>>,
    permissions: Permissions,
    uris: Uris,
}

/// Who sent a request, and what proxies say about it that these rules trust; `peer` is the other end of the connection.
fn forwarded(auth: Option<&Auth>, headers: &HeaderMap, peer: IpAddr) -> Forwarded {
    match auth {
        Some(auth) => auth.forwarded(headers, peer),
        None => Forwarded::direct(peer),
    }
}

impl Router {
    /// Answers a request: the response, and the bytes of its body. `head` loses `--path-prefix`; `peer` is the other end of the
    /// connection. If a handler panics, the response has status 500, and the server goes on.
    pub async fn answer(
        &self,
        head: &mut Parts,
        body: Incoming,
        peer: IpAddr,
    ) -> (Response, Bytes) {
        let stripped = self.base_url.strip_prefix(head);
        let query = head.uri.query().unwrap_or_default();
        let route = Route::of(head.uri.path()).turned(query);
        let (route, refused) = match (stripped, route) {
            (Err(response), _) => (Route::Nothing, Some(response)),
            (_, Err(why)) => (Route::Nothing, Some(error_response(400, &why))),
            (_, Ok(route)) => (route, None),
        };
        let auth = self.auth.get();
        let (response, bytes) = match refused {
            None => {
                let handled = self.handle(head, &route, body, (peer, auth.clone()));
                unless_panicking(handled).await
            }
            Some(response) => with_text(response),
        };
        let accepted = header_text(&head.headers, header::ACCEPT_ENCODING);
        let (response, bytes) = coding::coded(response, bytes, accepted);
        let response = match &auth {
            // What depends on the visitor is private before anything is said about how long it may be kept.
            Some(auth) => {
                let origin = header_text(&head.headers, header::ORIGIN);
                auth.finish(response, &route, origin)
            }
            None => response,
        };
        (self.request_classes.aged(&route, response), bytes)
    }

    async fn handle(
        &self,
        head: &Parts,
        route: &Route,
        body: Incoming,
        by: (IpAddr, Option<Arc<Auth>>),
    ) -> (Response, Bytes) {
        match self.admit(head, route, by).await {
            Ok(call) => self.route(&call, body).await,
            Err(response) => with_text(response),
        }
    }

    /// A request with what is known of its sender, who may send it now.
    async fn admit<'a>(
        &self,
        head: &'a Parts,
        route: &'a Route,
        (peer, auth): (IpAddr, Option<Arc<Auth>>),
    ) -> Result<Call<'a>, Response> {
        let origin = self.origin(head, forwarded(auth.as_deref(), &head.headers, peer))?;
        let uris = self.base_url.uris(&origin);
        let address = origin.forwarded.client;
        let permissions = match &auth {
            Some(auth) => self.permissions(auth, head, route, address, &uris).await?,
            None => Permissions::all(),
        };
        let sender = rate::sender(permissions.visitor.user.as_deref(), address);
        let now = jiff::Timestamp::now().as_millisecond();
        self.request_classes.take(route, &sender, now)?;
        Ok(Call {
            head,
            route,
            peer,
            address,
            origin,
            auth,
            permissions,
            uris,
        })
    }

    /// The host that a request is for, and what trusted proxies say about it.
    fn origin(&self, head: &Parts, forwarded: Forwarded) -> Result<Origin, Response> {
        let (headers, authority) = (&head.headers, head.uri.authority());
        let lines = headers.get_all(header::HOST).iter();
        let must_be = head.version >= HttpVersion::HTTP_11;
        let host = Host::of_request(authority.map(|a| a.as_str()), lines, must_be);
        let host = host.map_err(|why| error_response(400, why))?;
        let origin = Origin { host, forwarded };
        match self.base_url.answers_to(&origin) {
            true => Ok(origin),
            false => Err(error_response(
                421,
                "this server does not answer to this host; --allow-host or --base-url name further hosts",
            )),
        }
    }

    /// Who sent a request, and what trusted proxies say about it.
    pub fn forwarded(&self, headers: &HeaderMap, peer: IpAddr) -> Forwarded {
        forwarded(self.auth.get().as_deref(), headers, peer)
    }

    /// What the sender of a request may see. This is decided before anything else.
    async fn permissions(
        &self,
        auth: &Auth,
        head: &Parts,
        route: &Route,
        address: Option<IpAddr>,
        uris: &Uris,
    ) -> Result<Permissions, Response> {
        // Browsers send OPTIONS without credentials.
        let is_open = head.method == Method::OPTIONS
            || matches!(route, Route::Asset(_))
            || auth.is_open(route);
        if is_open {
            return Ok(Permissions::all());
        }
        let now = jiff::Timestamp::now().as_millisecond();
        let visitor = auth.visitor(route, &head.headers, address, now).await?;
        auth.check_status_page(route, &visitor)?;
        let catalogue = self.catalogue.get();
        let concerned = || topic::concerned(&catalogue, uris, route);
        let permissions = auth.permissions(visitor, &catalogue, concerned, &head.headers, now);
        Ok(permissions.await)
    }

    async fn route(&self, call: &Call<'_>, body: Incoming) -> (Response, Bytes) {
        let method = &call.head.method;
        let answered = match (call.route, &call.auth, &self.reviews) {
            (Route::Health, ..) => Some(self.health()),
            (Route::Metrics, auth, _) => Some(self.metrics(auth.as_deref())),
            _ if method == Method::OPTIONS => None,
            (Route::Login(_) | Route::Probe(_), Some(auth), _) => {
                Some(self.log_in(auth, call, body).await)
            }
            (Route::Review(id), _, Some(reviews)) => {
                Some(self.review(reviews, id, call, body).await)
            }
            (Route::Cache(id), ..) if method == Method::DELETE => {
                purge::answer(&self.renderer, id, &call.head.headers, call.peer).await
            }
            _ => None,
        };
        match answered {
            Some(response) => with_text(response),
            None => self.look_up(call).await,
        }
    }

    fn health(&self) -> Response {
        let images = self.catalogue.get().images.len();
        let version = env!("CARGO_PKG_VERSION");
        let health = serde_json::json!({"status": "ok", "images": images, "version": version});
        uncached(format!("{health}\n"), "application/json")
    }

    fn metrics(&self, auth: Option<&Auth>) -> Response {
        let auth = auth.map(Auth::metrics);
        let text = self.renderer.metrics_text() + &auth.unwrap_or_default();
        uncached(text, metrics::CONTENT_TYPE)
    }

    /// Requests that need neither a body nor a clock.
    async fn look_up(&self, call: &Call<'_>) -> (Response, Bytes) {
        let catalogue = self.catalogue.get();
        let is_read = [Method::GET, Method::HEAD].contains(&call.head.method);
        let topic = match is_read {
            true => topic::topic(&catalogue, &call.uris, call.route),
            false => Topic::Other,
        };
        match topic {
            Topic::Document => self.document(catalogue, call).await,
            Topic::Sizes(positions) => {
                self.renderer.look_at_all(catalogue, positions).await;
                self.document(self.catalogue.get(), call).await
            }
            Topic::Image(id) => {
                let file = self.file(&catalogue, &id, call).await;
                let site = self.site(&catalogue, &call.permissions, file);
                let response = respond(&site, &call.uris, call.route, &request_of(call));
                self.with_bytes(response, call).await
            }
            Topic::Other => {
                let site = self.site(&catalogue, &call.permissions, Err(unread()));
                with_text(respond(&site, &call.uris, call.route, &request_of(call)))
            }
        }
    }

    /// The file of an image as it is now, if the visitor may know that it exists.
    async fn file(
        &self,
        catalogue: &Catalogue,
        id: &str,
        call: &Call<'_>,
    ) -> Result<FileFacts, FileError> {
        let at = site::find(catalogue, id, &call.uris).ok_or_else(unread)?;
        let image = &catalogue.images[at];
        match call.permissions.can_list(catalogue.ruled(image)) {
            true => self.renderer.facts(image).await,
            false => Err(unread()),
        }
    }

    fn site<'a>(
        &'a self,
        catalogue: &'a Catalogue,
        permissions: &'a Permissions,
        file: Result<FileFacts, FileError>,
    ) -> Site<'a> {
        Site {
            catalogue,
            permissions,
            classes: &self.classes,
            reviews: self.review_key.as_deref(),
            presets: &self.presets,
            cap: self.cap,
            max_age: self.max_age,
            file,
        }
    }

    /// A document, made for all who may see the same of it.
    async fn document(&self, catalogue: Arc<Catalogue>, call: &Call<'_>) -> (Response, Bytes) {
        let request = request_of(call);
        let key = format!(
            "{} {:?} {} {:?} {:?} {:?} {}",
            catalogue.generation,
            call.auth.as_ref().map(|auth| auth.generation()),
            call.permissions.signature(),
            call.uris.page(""),
            request.accept,
            call.route,
            request.query
        );
        let coding = header_text(&call.head.headers, header::ACCEPT_ENCODING);
        let make = {
            let (permissions, uris) = (call.permissions.clone(), call.uris.clone());
            let (presets, cap, max_age) = (self.presets.clone(), self.cap, self.max_age);
            let (classes, review_key) = (self.classes.clone(), self.review_key.clone());
            let route = call.route.clone();
            let [query, accept] = [request.query, request.accept].map(str::to_owned);
            move || {
                let site = Site {
                    catalogue: &catalogue,
                    permissions: &permissions,
                    classes: &classes,
                    reviews: review_key.as_deref(),
                    presets: &presets,
                    cap,
                    max_age,
                    file: Err(unread()),
                };
                let request = Request {
                    method: "GET",
                    query: &query,
                    accept: &accept,
                    ..Request::default()
                };
                respond(&site, &uris, &route, &request)
            }
        };
        let (response, bytes) = self
            .documents
            .get(&key, coding, call.route.is_about_one(), make)
            .await;
        conditional(response, bytes, &request)
    }

    async fn log_in(&self, auth: &Auth, call: &Call<'_>, body: Incoming) -> Response {
        let form = match self.read(body, "a form has at most 64 KiB").await {
            Ok(form) => form,
            Err(response) => return response,
        };
        let headers = &call.head.headers;
        let request = LoginRequest {
            method: call.head.method.as_str(),
            route: call.route,
            query: Query::read(call.head.uri.query().unwrap_or_default()),
            form: Query::read(&String::from_utf8_lossy(&form)),
            headers,
            address: call.address,
            prefix: call.uris.prefix(),
            is_secure: self.base_url.is_secure(&call.origin),
            is_own: self.base_url.is_same_origin(headers, &call.origin),
            now: jiff::Timestamp::now().as_millisecond(),
        };
        let catalogue = self.catalogue.get();
        let site = Site::without_files(&catalogue, &call.permissions);
        auth.answer(&request, &site, &call.uris).await
    }

    /// Corrections are accepted from the pages of this server only: media type and origin keep other sites out.
    async fn review(
        &self,
        reviews: &Arc<Mutex<ReviewFile>>,
        id: &str,
        call: &Call<'_>,
        body: Incoming,
    ) -> Response {
        let (method, headers) = (call.head.method.as_str(), &call.head.headers);
        if !["POST", "PUT", "DELETE"].contains(&method) {
            return error_response(405, "only POST, PUT and DELETE are supported here")
                .with_header("allow", "POST, PUT, DELETE");
        }
        let media_type = header_text(headers, header::CONTENT_TYPE).split(';').next();
        let is_json = media_type.is_some_and(|t| t.trim().eq_ignore_ascii_case("application/json"));
        // Who has logged in here is known to have meant this server.
        let is_known = call.permissions.visitor.user.is_some();
        let is_own = match is_known {
            true => self.base_url.is_same_origin(headers, &call.origin),
            false => self.base_url.is_own_page(headers, &call.origin),
        };
        if !is_json || !is_own {
            let why = "corrections are accepted only from the pages of this server, as application/json; --base-url or --allow-host name its hosts";
            return error_response(403, why);
        }
        let body = match self.read(body, "a correction has at most 64 KiB").await {
            Ok(body) => body,
            Err(response) => return response,
        };
        let query = Query::read(call.head.uri.query().unwrap_or_default());
        let request = ReviewRequest {
            method: method.to_owned(),
            image: id.to_owned(),
            of: query.get("of").to_owned(),
            body,
            when: format!("{:.0}", jiff::Timestamp::now()),
        };
        let (reviews, shared) = (reviews.clone(), self.catalogue.clone());
        let (permissions, uris) = (call.permissions.clone(), call.uris.clone());
        // The file is written and flushed.
        let apply = move || {
            let catalogue = shared.get();
            let site = Site::without_files(&catalogue, &permissions);
            request::answer(&reviews, &shared, &site, &uris, request)
        };
        let applied = tokio::task::spawn_blocking(apply).await;
        applied.unwrap_or_else(|_| error_response(500, "internal error"))
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
    async fn with_bytes(&self, response: Response, call: &Call<'_>) -> (Response, Bytes) {
        let Body::Image { subject, plan, key } = &response.body else {
            return with_text(response);
        };
        let is_head = call.head.method == Method::HEAD;
        let permissions = &call.permissions;
        let rendered = match permissions.only_cached {
            true => match self.renderer.cached(subject, plan, key).await {
                Some(bytes) => Ok(bytes),
                None => {
                    return with_text(permissions.refuse(
                        "this image has not been rendered yet, and is not rendered for everybody",
                    ));
                }
            },
            false if is_head => Ok(Bytes::new()),
            false => self.renderer.render(subject, *plan, key).await,
        };
        match rendered {
            Ok(_) if is_head => (response, Bytes::new()),
            Ok(bytes) => {
                let headers = &call.head.headers;
                let range = header_text(headers, header::RANGE);
                range::cut(
                    response,
                    bytes,
                    range,
                    header_text(headers, header::IF_RANGE),
                )
            }
            Err(error) => with_text(not_rendered(error)),
        }
    }
}

/// A document, unless the client has it already, or wants another state of it.
fn conditional(response: Response, bytes: Bytes, request: &Request) -> (Response, Bytes) {
    if response.status != 200 {
        return (response, bytes);
    }
    let etag = response.header("etag");
    if let Some(refused) = other_wanted(request, etag, None) {
        return with_text(refused);
    }
    match not_modified(request, etag) {
        Some(same) => {
            let headers = response.headers.into_iter();
            let kept =
                headers.filter(|(name, _)| !["content-type", "content-encoding"].contains(name));
            let same = Response {
                headers: kept.collect(),
                ..same
            };
            (same, Bytes::new())
        }
        None => (response, bytes),
    }
}

/// Answers requests that only look something up. No clock, no disk, no pixels.
fn respond(site: &Site, uris: &Uris, route: &Route, request: &Request) -> Response {
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
        Route::Index if accept::is_html_preferred(request.accept) => pages::index(request),
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

/// A request as handlers see it.
fn request_of<'a>(call: &Call<'a>) -> Request<'a> {
    let headers = &call.head.headers;
    Request {
        method: call.head.method.as_str(),
        query: call.head.uri.query().unwrap_or_default(),
        accept: header_text(headers, header::ACCEPT),
        if_none_match: header_text(headers, header::IF_NONE_MATCH),
        if_modified_since: header_text(headers, header::IF_MODIFIED_SINCE),
        if_match: header_text(headers, header::IF_MATCH),
        if_unmodified_since: header_text(headers, header::IF_UNMODIFIED_SINCE),
    }
}

fn unread() -> FileError {
    FileError::Gone("its file was not looked at".into())
}

fn not_rendered(error: RenderError) -> Response {
    match error {
        RenderError::Failed(why) => {
            error_response(500, &format!("this image cannot be shown: {why}"))
        }
        RenderError::Slow(why) => error_response(503, &why).with_header("retry-after", "300"),
        RenderError::Busy => error_response(503, "the server is too busy, try again later")
            .with_header("retry-after", "5"),
    }
}

/// A response whose body is text or empty, with its bytes.
fn with_text(mut response: Response) -> (Response, Bytes) {
    let bytes = response.body.take_bytes();
    (response, bytes.into())
}

/// The answer, or status 500 if making it panics: one broken handler must not take the server down. The panic itself is
/// reported on standard error.
async fn unless_panicking(answer: impl Future<Output = (Response, Bytes)>) -> (Response, Bytes) {
    // What a panic can leave half-done lies behind locks, which are made to bear it.
    let answered = AssertUnwindSafe(answer).catch_unwind().await;
    answered.unwrap_or_else(|_| with_text(error_response(500, "internal error")))
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
