//! The listener: connections, their limits and their end; messages in, messages out, and a line about each.

use std::convert::Infallible;
use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};

use super::auth::Auth;
use super::auth::flow::Call;
use super::auth::rules::May;
use super::auth::sight::Sight;
use super::guests::{Guest, Guests};
use super::ids::Ids;
use super::patient::Patient;
use super::respond::{self, Asked, Body, Query, Response, Site, refused, text};
use super::reviews::Reviews;
use super::service::{Service, Trouble};
use super::{documents, pages, purge, review};

/// How long answers on their way may take after a request to stop.
const LAST_PATIENCE: Duration = Duration::from_secs(10);
/// How long a new connection is left alone where others want its place: what it asks has mostly arrived with it, and those
/// in the queue of the system wait as long for each place.
const GRACE: Duration = Duration::from_millis(50);
/// The longest head of a request.
const MOST_HEAD: usize = 64 << 10;

/// The longest correction.
const MOST_REVIEW: usize = 64 << 10;

type Message = hyper::Response<Full<Bytes>>;

/// How connections are treated.
pub struct Door {
    /// What answers.
    pub service: Arc<Service>,
    /// What ids begin with, where it is not the Host asked for.
    pub base_url: Option<String>,
    /// Where it listens.
    pub address: SocketAddr,
    /// How long a client may neither send nor take anything.
    pub patience: Duration,
    /// Connections open at once; for more, those are ended that have waited longest for a request.
    pub most_connections: usize,
    /// A line of JSON for every answer.
    pub log: Option<Mutex<File>>,
    /// Where corrections go; without it none are taken.
    pub reviews: Option<Mutex<Reviews>>,
    /// Who may see what; without it everybody sees everything.
    pub auth: Option<Auth>,
}

/// Takes connections until `stopped` ends, then lets answers finish.
pub async fn listen(door: Door, listener: TcpListener, stopped: impl Future<Output = ()>) {
    let door = Arc::new(door);
    let guests = Guests::new(door.most_connections, GRACE);
    let graceful = GracefulShutdown::new();
    tokio::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stopped => break,
            accepted = accept(&listener, &guests) => accepted,
        };
        if let Some((stream, client, guest)) = accepted {
            welcome(&door, stream, client, guest, &graceful);
        }
    }
    drop(listener);
    // Clients that never finish reading do not keep it from stopping.
    let _ = tokio::time::timeout(LAST_PATIENCE, graceful.shutdown()).await;
    door.service.store.settle().await;
}

/// A connection and its place; none where it broke off at once or no file is left for it.
async fn accept(
    listener: &TcpListener,
    guests: &Arc<Guests>,
) -> Option<(TcpStream, SocketAddr, Arc<Guest>)> {
    match listener.accept().await {
        Ok((stream, client)) => Some((stream, client, guests.enter().await?)),
        Err(_) => {
            // Out of files, most likely. Nobody waiting: some will close.
            let _ = guests.dismiss();
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

fn welcome(
    door: &Arc<Door>,
    stream: TcpStream,
    client: SocketAddr,
    guest: Arc<Guest>,
    graceful: &GracefulShutdown,
) {
    // Answers are written whole: waiting to fill a packet only delays their end.
    let _ = stream.set_nodelay(true);
    let stream = Patient::new(stream, door.patience, guest.clone());
    let answer = {
        let (door, guest) = (door.clone(), guest.clone());
        service_fn(move |request| {
            let (door, guest) = (door.clone(), guest.clone());
            async move {
                guest.asks();
                let message = door.answer(request, client).await;
                guest.is_answered();
                Ok::<_, Infallible>(message)
            }
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(door.patience)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(stream), answer);
    let connection = graceful.watch(connection);
    let open = door.service.clone();
    open.metrics.connections.inc();
    tokio::spawn(async move {
        tokio::select! {
            // A client that breaks off is nobody's failure.
            _ = connection => {}
            () = guest.dismissed() => {}
        }
        open.metrics.connections.dec();
    });
}

/// Makes a request for page n of an image, by `?page=n`, one for the image that this page is.
fn turn_to_page(request: &mut Request<()>) -> Result<(), String> {
    let uri = request.uri();
    let Some(query) = uri.query() else {
        return Ok(());
    };
    let Some(path) = documents::path_of_page(uri.path(), query)? else {
        return Ok(());
    };
    let uri = format!("{path}?{query}").parse();
    *request.uri_mut() = uri.map_err(|e| format!("no address: {e}"))?;
    Ok(())
}

impl Door {
    async fn answer(&self, request: Request<Incoming>, client: SocketAddr) -> Message {
        let begun = Instant::now();
        let (head, body) = request.into_parts();
        let mut request = Request::from_parts(head, ());
        let is_head = request.method() == Method::HEAD;
        let turned = turn_to_page(&mut request);
        let admitted = match turned {
            Ok(()) => self.admit(&request, client).await,
            Err(why) => Err(refused(400, &why)),
        };
        let (response, bytes) = match admitted {
            Ok(sight) => {
                let response = self.route(&request, body, client, &sight).await;
                self.fill(response, &sight, is_head).await
            }
            Err(response) => self.fill(response, &Sight::all(), is_head).await,
        };
        let response = match &self.auth {
            Some(auth) => {
                let origin = text_of(&request, header::ORIGIN);
                auth.finish(response, request.uri().path(), origin)
            }
            None => response,
        };
        let sent = if is_head { 0 } else { bytes.len() as u64 };
        let took = begun.elapsed();
        self.service.metrics.answered(response.status, sent, took);
        self.write_down(&request, client, response.status, sent, took);
        message(&response, bytes, is_head)
    }

    /// What who asks may see, before anything else is looked at; or why it is not even asked.
    async fn admit(&self, request: &Request<()>, client: SocketAddr) -> Result<Sight, Response> {
        let path = request.uri().path();
        // Browsers ask what they may ask without saying for whom.
        let is_for_all = request.method() == Method::OPTIONS
            || ["/health", "/metrics"].contains(&path)
            || path.starts_with("/assets/");
        let Some(auth) = self.auth.as_ref().filter(|_| !is_for_all) else {
            return Ok(Sight::all());
        };
        let (now, headers) = (jiff::Timestamp::now().as_millisecond(), request.headers());
        let visitor = auth.visitor(path, headers, client.ip(), now).await?;
        let catalogue = self.service.catalogue();
        let ids = self.ids(request, client);
        let concerned = || respond::concerned(&catalogue, &ids, path);
        let sight = auth.sight(visitor, &catalogue, concerned, headers, now);
        Ok(sight.await)
    }

    async fn route(
        &self,
        request: &Request<()>,
        body: Incoming,
        client: SocketAddr,
        sight: &Sight,
    ) -> Response {
        let path = request.uri().path();
        let parts = (path.strip_prefix("/auth/"), path.strip_prefix("/review/"));
        match (&self.auth, &self.reviews, parts) {
            _ if request.method() == Method::OPTIONS => self.respond(request, client, sight),
            (Some(auth), _, (Some(path), _)) => {
                self.log_in(auth, path, request, body, client, sight).await
            }
            (_, Some(reviews), (_, Some(id))) => {
                self.review(reviews, request, id, body, client, sight).await
            }
            _ => match purge::asked(&self.service, request, client.ip()).await {
                Some(response) => response,
                None => self.respond(request, client, sight),
            },
        }
    }

    async fn log_in(
        &self,
        auth: &Auth,
        path: &str,
        request: &Request<()>,
        body: Incoming,
        client: SocketAddr,
        sight: &Sight,
    ) -> Response {
        let form = match self.body(body, "a form has at most 64 KiB").await {
            Ok(form) => form,
            Err(response) => return response,
        };
        let headers = request.headers();
        let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        let call = Call {
            method: request.method().as_str(),
            path: &path,
            query: Query::read(request.uri().query().unwrap_or_default()),
            form: Query::read(&String::from_utf8_lossy(&form)),
            headers,
            address: auth.address(headers, client.ip()),
            is_secure: self.is_secure(request, client),
            is_own: self.is_own(request),
            now: jiff::Timestamp::now().as_millisecond(),
        };
        let catalogue = self.service.catalogue();
        let ids = self.ids(request, client);
        auth.answer(&call, &catalogue, sight, &ids).await
    }

    /// A body that is sent in time and is not too long.
    async fn body(&self, body: Incoming, too_long: &str) -> Result<Bytes, Response> {
        let body = Limited::new(body, MOST_REVIEW).collect();
        match tokio::time::timeout(self.patience, body).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(_)) => Err(refused(413, too_long)),
            Err(_) => {
                Err(refused(408, "the body of the request did not arrive")
                    .with("connection", "close"))
            }
        }
    }

    /// Whether a page of ours asks, or no page at all.
    fn is_own(&self, request: &Request<()>) -> bool {
        let host = text_of(request, header::HOST);
        let origin = text_of(request, header::ORIGIN);
        let is_host = |(_, from): (&str, &str)| from == host;
        // A proxy may speak to us under another name than browsers to it.
        let is_base = |base: &String| {
            let below = base.strip_prefix(origin);
            below.is_some_and(|path| path.is_empty() || path.starts_with('/'))
        };
        origin.is_empty()
            || origin.split_once("://").is_some_and(is_host)
            || self.base_url.as_ref().is_some_and(is_base)
    }

    /// Whether the client speaks to us over TLS, which proxies do for us.
    fn is_secure(&self, request: &Request<()>, client: SocketAddr) -> bool {
        let told = self.auth.as_ref();
        let told = told.is_some_and(|auth| auth.is_secure(request.headers(), client.ip()));
        match &self.base_url {
            Some(base) => base.starts_with("https:"),
            None => told,
        }
    }

    fn respond(&self, request: &Request<()>, client: SocketAddr, sight: &Sight) -> Response {
        let asked = Asked {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            accept: text_of(request, header::ACCEPT),
            if_none_match: text_of(request, header::IF_NONE_MATCH),
        };
        let ids = self.ids(request, client);
        let reviewed = self.reviews.is_some();
        let mut response = self.service.respond(&ids, &asked, sight, reviewed);
        if let (Some(auth), Body::Text(text), "/metrics") =
            (&self.auth, &mut response.body, asked.path)
        {
            text.push_str(&auth.counts());
        }
        response
    }

    fn ids(&self, request: &Request<()>, client: SocketAddr) -> Ids {
        let base = match (&self.base_url, text_of(request, header::HOST)) {
            (Some(base), _) => base.clone(),
            (None, "") => format!("http://{}", self.address),
            (None, host) if self.is_secure(request, client) => format!("https://{host}"),
            (None, host) => format!("http://{host}"),
        };
        Ids::below(&base)
    }

    /// Makes a correction. Only our own pages may ask for one: the media type and the origin keep others out.
    async fn review(
        &self,
        reviews: &Mutex<Reviews>,
        request: &Request<()>,
        id: &str,
        body: Incoming,
        client: SocketAddr,
        sight: &Sight,
    ) -> Response {
        let method = request.method().as_str();
        if !["POST", "PUT", "DELETE"].contains(&method) {
            return refused(405, "POST, PUT and DELETE are offered")
                .with("allow", "POST, PUT, DELETE");
        }
        if !self.is_own(request)
            || !text_of(request, header::CONTENT_TYPE).starts_with("application/json")
        {
            return refused(
                403,
                "corrections are taken from the pages of this server, as application/json",
            );
        }
        let body = match self.body(body, "a correction has at most 64 KiB").await {
            Ok(body) => body,
            Err(response) => return response,
        };
        let query = Query::read(request.uri().query().unwrap_or_default());
        let ids = self.ids(request, client);
        // Held while it is made: corrections come one after the other.
        let mut reviews = reviews.lock().unwrap_or_else(PoisonError::into_inner);
        let catalogue = self.service.catalogue();
        let site = Site::bare(&catalogue, sight);
        let decoded = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
        let Some(at) = site.find(&decoded, &ids) else {
            return refused(404, &format!("no image is called `{decoded}`"));
        };
        let image = &catalogue.pictures[at].id;
        if sight.may(&catalogue.pictures[at].about) < May::Review {
            return sight.refuse("you may not correct this image");
        }
        let when = format!("{:.0}", jiff::Timestamp::now());
        let read = review::read(method, image, query.get("of"), &body, when);
        let mut edit = match read {
            Ok(edit) => edit,
            Err(why) => return refused(400, &why),
        };
        if let Some(user) = &sight.visitor.user {
            edit.author.clone_from(user);
        }
        match reviews.make(edit, &catalogue) {
            Err((status, why)) => refused(status, &why),
            Ok((corrected, changed)) => {
                let boxes = pages::boxes(&corrected.pictures[at]);
                self.service.correct(corrected);
                let now = serde_json::json!({"changed": changed, "boxes": boxes});
                text(format!("{now}\n"), "application/json")
            }
        }
    }

    /// The response with its body as bytes; nothing is rendered for who asks for the head alone.
    async fn fill(&self, response: Response, sight: &Sight, is_head: bool) -> (Response, Bytes) {
        let rendered = match &response.body {
            Body::Empty => return (response, Bytes::new()),
            Body::Text(text) => {
                let bytes = Bytes::copy_from_slice(text.as_bytes());
                return (response, bytes);
            }
            Body::Picture { at, plan, key } if sight.only_made => {
                let why = "this picture has not been made yet, and is not made for everybody";
                return match self.service.find(*at, plan, key).await {
                    Some(_) if is_head => (response, Bytes::new()),
                    Some(bytes) => (response, bytes),
                    None => (sight.refuse(why), Bytes::from(format!("{why}\n"))),
                };
            }
            Body::Picture { .. } if is_head => return (response, Bytes::new()),
            Body::Picture { at, plan, key } => self.service.render(*at, *plan, key).await,
        };
        let (response, why) = match rendered {
            Ok(bytes) => return (response, bytes),
            Err(Trouble::Failed(why)) => (refused(500, &why), why),
            Err(Trouble::Slow(why)) => (refused(503, &why).with("retry-after", "300"), why),
            Err(Trouble::Busy) => {
                let why = "there is too much to do, ask again later".to_owned();
                (refused(503, &why).with("retry-after", "5"), why)
            }
        };
        (response, Bytes::from(format!("{why}\n")))
    }

    fn write_down(
        &self,
        request: &Request<()>,
        client: SocketAddr,
        status: u16,
        bytes: u64,
        took: Duration,
    ) {
        let Some(log) = &self.log else { return };
        let line = serde_json::json!({
            "when": format!("{:.3}", jiff::Timestamp::now()),
            "client": client.ip().to_string(),
            "method": request.method().as_str(),
            "path": request.uri().to_string(),
            "status": status,
            "bytes": bytes,
            "seconds": took.as_micros() as f64 / 1e6,
            "agent": text_of(request, header::USER_AGENT),
            "referer": text_of(request, header::REFERER),
        });
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk costs the log, not the answer.
        let _ = log.write_all(format!("{line}\n").as_bytes());
    }
}

fn text_of(request: &Request<()>, name: HeaderName) -> &str {
    let value = request.headers().get(name);
    value.and_then(|v| v.to_str().ok()).unwrap_or_default()
}

fn message(response: &Response, bytes: Bytes, is_head: bool) -> Message {
    let length = bytes.len();
    let mut message = Message::new(Full::new(if is_head { Bytes::new() } else { bytes }));
    *message.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = message.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(
            "etag, link, content-length, location, retry-after, www-authenticate",
        ),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if is_head && length > 0 {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    for (name, value) in &response.headers {
        // Values hold URIs of encoded ids and fixed words; a Host with odd bytes loses the header, not the answer.
        if let Ok(value) = HeaderValue::from_str(value) {
            let name = HeaderName::from_static(name);
            match name {
                // Two of them are as good as none (Fetch §3.3.4).
                header::ACCESS_CONTROL_ALLOW_ORIGIN => drop(headers.insert(name, value)),
                _ => drop(headers.append(name, value)),
            }
        }
    }
    message
}
