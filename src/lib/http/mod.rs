//! The only room that opens connections: one client with timeouts, retries, redirects and politeness per host.
//!
//! Per host there is a window of requests in flight and a pace; `Retry-After` and trouble slow the whole host,
//! not just the request that met them. Waits and retries have ends.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures::StreamExt;
use reqwest::header::{HeaderMap, HeaderValue};
use std::io::Write;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::files::Part;
use crate::report::Error;

mod host;
mod options;
mod trouble;

use host::Manners;
pub use host::Tally;
pub use options::Options;
/// The words of headers, in the types of the client.
pub use reqwest::header;
pub use trouble::{Kind, Next, Trouble, after};
use trouble::{refusal, retry_after};

/// What to ask.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The URL as published; `--rewrite` applies on the way out.
    pub url: String,
    /// Value of `Accept`, if any.
    pub accept: Option<&'static str>,
    /// Ask for bytes as they are, without content encoding: images.
    pub identity: bool,
    /// Further headers: `If-None-Match`, `Range`…
    pub headers: HeaderMap,
    /// JSON to send; asks by POST, else by GET.
    pub body: Option<String>,
    /// The largest body taken, in bytes.
    pub most: u64,
}

impl Ask {
    /// A document of JSON: up to 256 MiB.
    pub fn document(url: impl Into<String>) -> Self {
        let accept = Some("application/ld+json, application/json;q=0.9, */*;q=0.5");
        Ask {
            url: url.into(),
            accept,
            most: 256 << 20,
            ..Ask::default()
        }
    }

    /// An image: up to `most` bytes, as they are.
    pub fn image(url: impl Into<String>, most: u64) -> Self {
        Ask {
            url: url.into(),
            accept: Some("image/*, */*;q=0.1"),
            identity: true,
            most,
            ..Ask::default()
        }
    }
}

/// An answer with status 2xx or 304.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Where it came from in the end, after redirects, before `--rewrite`: as the world knows it.
    pub url: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Requests it took.
    pub attempts: u32,
}

impl Reply {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}

/// A body that is in a part file now.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The status: 200, or 206 when an earlier attempt was gone on with.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Size of the part file.
    pub bytes: u64,
    /// Requests it took.
    pub attempts: u32,
}

impl Saved {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}

/// The client. Cheap to share.
#[derive(Debug)]
pub struct Http {
    client: reqwest::Client,
    options: Options,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

#[derive(Debug)]
struct Host {
    window: Arc<Semaphore>,
    state: Mutex<Manners>,
}

/// An attempt that failed.
struct Attempt {
    trouble: Trouble,
    retry_after: Option<Duration>,
}

impl From<Trouble> for Attempt {
    fn from(trouble: Trouble) -> Self {
        Attempt {
            trouble,
            retry_after: None,
        }
    }
}

/// An answer whose body is still to come.
struct Open {
    response: reqwest::Response,
    host: Arc<Host>,
    url: url::Url,
    _permit: OwnedSemaphorePermit,
}

/// Bodies are written to the disk in pieces of at least this many bytes, off the async workers.
const WRITE_SIZE: usize = 512 << 10;

impl Http {
    /// A client that follows the options.
    pub fn new(options: &Options) -> Result<Self, Error> {
        // A second call finds the provider already installed, which is what it wants.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let agent = match &options.contact {
            Some(contact) => format!("recto/{} (+{contact})", env!("CARGO_PKG_VERSION")),
            None => format!("recto/{}", env!("CARGO_PKG_VERSION")),
        };
        let timeout = Duration::from_secs_f64(options.timeout.max(0.001));
        let client = reqwest::Client::builder()
            .user_agent(agent)
            .connect_timeout(timeout)
            .read_timeout(timeout)
            .pool_max_idle_per_host(options.per_host().into())
            .redirect(reqwest::redirect::Policy::limited(5))
            .tls_danger_accept_invalid_certs(options.insecure)
            .default_headers(options.headers.iter().cloned().collect())
            .cookie_store(true)
            .referer(false)
            .build()
            .map_err(|e| {
                Error::new("the network client cannot be set up")
                    .because(e)
                    .hint("check --contact and --header")
            })?;
        Ok(Http {
            client,
            options: options.clone(),
            hosts: Mutex::default(),
        })
    }

    /// The options it follows.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Asks until there is an answer with status 2xx or 304, or no more hope.
    pub async fn get(&self, ask: &Ask) -> Result<Reply, Trouble> {
        self.get_checked(ask, async |_| Ok(())).await
    }

    /// Like [`Http::get`], and an answer that `check` refuses is asked for again as other passing trouble is.
    pub async fn get_checked(
        &self,
        ask: &Ask,
        check: impl AsyncFn(&Reply) -> Result<(), (Kind, String)>,
    ) -> Result<Reply, Trouble> {
        self.persist(async |attempt| {
            let mut reply = self.once(ask, attempt > 1).await?;
            reply.attempts = attempt;
            match check(&reply).await {
                Ok(()) => Ok(reply),
                Err((kind, message)) => Err(Trouble {
                    kind,
                    status: Some(reply.status),
                    attempts: 0,
                    message,
                }
                .into()),
            }
        })
        .await
    }

    /// Streams a body into a part file, going on where an earlier attempt or run stopped when the server proves
    /// that it is still the same file (a strong ETag or Last-Modified, by `If-Range`). What `check` refuses is
    /// thrown away and asked for again as other passing trouble is.
    pub async fn save<T>(
        &self,
        ask: &Ask,
        part: &Part,
        check: impl AsyncFn(&Saved) -> Result<T, (Kind, String)>,
    ) -> Result<(Saved, T), Trouble> {
        self.persist(async |attempt| {
            let mut saved = self.save_once(ask, part, attempt > 1).await?;
            saved.attempts = attempt;
            match check(&saved).await {
                Ok(value) => Ok((saved, value)),
                Err((kind, message)) => {
                    part.discard();
                    Err(Trouble {
                        kind,
                        status: Some(saved.status),
                        attempts: 0,
                        message,
                    }
                    .into())
                }
            }
        })
        .await
    }

    async fn persist<T>(
        &self,
        once: impl AsyncFn(u32) -> Result<T, Attempt>,
    ) -> Result<T, Trouble> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let Attempt {
                mut trouble,
                retry_after,
            } = match once(attempt).await {
                Ok(value) => return Ok(value),
                Err(failed) => failed,
            };
            trouble.attempts = attempt;
            let backoff = self.pause();
            match after(
                trouble.kind,
                retry_after,
                attempt,
                self.options.retries,
                backoff,
            ) {
                Next::GiveUp => return Err(trouble),
                Next::Retry(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// The URL that is really asked: after `--rewrite`, blanks and non-ASCII encoded, nothing else touched.
    pub fn resolve(&self, url: &str) -> Result<url::Url, Trouble> {
        let rewritten = self
            .options
            .rewrite
            .iter()
            .find_map(|(from, to)| Some(format!("{to}{}", url.strip_prefix(from.as_str())?)));
        let url = rewritten.as_deref().unwrap_or(url).trim();
        let unsupported = |message| Trouble {
            kind: Kind::Unsupported,
            status: None,
            attempts: 0,
            message,
        };
        let parsed =
            url::Url::parse(url).map_err(|e| unsupported(format!("`{url}` is not a URL: {e}")))?;
        match parsed.scheme() {
            "http" | "https" => Ok(parsed),
            scheme => Err(unsupported(format!(
                "`{url}` has the scheme `{scheme}`; http or https is needed"
            ))),
        }
    }

    /// What was asked of each host so far, by name.
    pub fn tallies(&self) -> Vec<(String, Tally)> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tallies: Vec<_> = hosts
            .iter()
            .map(|(name, host)| (name.clone(), lock(&host.state).tally.clone()))
            .collect();
        tallies.sort_by(|a, b| a.0.cmp(&b.0));
        tallies
    }

    async fn once(&self, ask: &Ask, again: bool) -> Result<Reply, Attempt> {
        let Open {
            response,
            host,
            url,
            _permit,
        } = self.open(ask, HeaderMap::new(), again).await?;
        let status = response.status().as_u16();
        let trouble = |kind, message| Trouble {
            kind,
            status: Some(status),
            attempts: 0,
            message,
        };
        let announced = response.content_length();
        let too_large = || {
            trouble(
                Kind::Unsupported,
                format!("the answer is larger than {} bytes", ask.most),
            )
        };
        if announced.is_some_and(|n| n > ask.most) {
            return Err(too_large().into());
        }
        let final_url = if response.url() == &url {
            ask.url.clone()
        } else {
            response.url().to_string()
        };
        let headers = response.headers().clone();
        let mut body = Vec::with_capacity(announced.unwrap_or(0).min(1 << 24) as usize);
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|e| self.cut(&e, status, body.len() as u64, announced))?;
            if (body.len() + chunk.len()) as u64 > ask.most {
                return Err(too_large().into());
            }
            lock(&host.state).tally.bytes += chunk.len() as u64;
            body.extend_from_slice(&chunk);
        }
        Ok(Reply {
            status,
            url: final_url,
            headers,
            body: body.into(),
            attempts: 0,
        })
    }

    async fn save_once(&self, ask: &Ask, part: &Part, again: bool) -> Result<Saved, Attempt> {
        let disk = |e: std::io::Error| Trouble {
            kind: Kind::Disk,
            status: None,
            attempts: 0,
            message: part.cannot_write(e),
        };
        let held = part.held().filter(|held| held.url == ask.url);
        let mut conditions = HeaderMap::new();
        if let Some(held) = &held
            && let Ok(validator) = HeaderValue::from_str(&held.validator)
        {
            conditions.insert("if-range", validator);
            conditions.insert(
                "range",
                HeaderValue::from_str(&format!("bytes={}-", held.bytes)).expect("digits"),
            );
        }
        let opened = self.open(ask, conditions, again).await;
        let Open {
            response,
            host,
            _permit,
            ..
        } = opened.map_err(|mut failed| {
            if failed.trouble.status == Some(416) {
                // What is held is no part of the file any more: start again.
                part.discard();
                failed.trouble.kind = Kind::Truncated;
            }
            failed
        })?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let start = held.as_ref().map_or(0, |held| held.bytes);
        let held_validator = held.map(|held| held.validator);
        let span = content_range(&headers);
        let same = validator(&headers).is_none_or(|v| Some(v) == held_validator);
        let goes_on =
            status == 206 && start > 0 && same && span.is_some_and(|(from, _)| from == start);
        if status == 206 && !goes_on {
            part.discard();
            let message = "a part was answered that is not of the file begun".into();
            return Err(Trouble {
                kind: Kind::Truncated,
                status: Some(status),
                attempts: 0,
                message,
            }
            .into());
        }
        let start = if goes_on { start } else { 0 };
        let announced = response.content_length().map(|n| n + start);
        let mut file = part
            .open(goes_on, &ask.url, validator(&headers).as_deref())
            .map_err(disk)?;
        let (mut written, mut buffer) = (start, Vec::new());
        let mut stream = response.bytes_stream();
        loop {
            let chunk = stream.next().await;
            let flush = !matches!(&chunk, Some(Ok(_))) || buffer.len() >= WRITE_SIZE;
            if flush && !buffer.is_empty() {
                let bytes = std::mem::take(&mut buffer);
                let wrote =
                    tokio::task::spawn_blocking(move || file.write_all(&bytes).map(|()| file))
                        .await;
                file = wrote
                    .map_err(|e| disk(std::io::Error::other(e)))?
                    .map_err(disk)?;
            }
            let chunk = match chunk {
                None => break,
                Some(chunk) => chunk.map_err(|e| self.cut(&e, status, written, announced))?,
            };
            written += chunk.len() as u64;
            if written > ask.most {
                let message = format!("the answer is larger than {} bytes", ask.most);
                return Err(Trouble {
                    kind: Kind::Unsupported,
                    status: Some(status),
                    attempts: 0,
                    message,
                }
                .into());
            }
            lock(&host.state).tally.bytes += chunk.len() as u64;
            buffer.extend_from_slice(&chunk);
        }
        if let Some((_, Some(whole))) = span.filter(|_| goes_on)
            && written < whole
        {
            // Kept: the next attempt goes on from here.
            let message = format!("{written} of {whole} bytes were answered");
            return Err(Trouble {
                kind: Kind::Truncated,
                status: Some(status),
                attempts: 0,
                message,
            }
            .into());
        }
        Ok(Saved {
            status,
            headers,
            bytes: written,
            attempts: 0,
        })
    }

    /// Waits for a place and a turn, asks, and hands over an answer whose status is 2xx or 304.
    async fn open(&self, ask: &Ask, conditions: HeaderMap, again: bool) -> Result<Open, Attempt> {
        let url = self.resolve(&ask.url)?;
        let host = self.host(&url);
        // Never closed, so this cannot fail.
        let permit = host
            .window
            .clone()
            .acquire_owned()
            .await
            .expect("window is never closed");
        self.wait_for_turn(&host).await?;
        lock(&host.state).tally.requests += 1;
        lock(&host.state).tally.retries += u64::from(again);
        let mut request = match &ask.body {
            None => self.client.get(url.clone()),
            Some(json) => {
                let post = self.client.post(url.clone());
                post.header("content-type", "application/json")
                    .body(json.clone())
            }
        };
        if let Some(accept) = ask.accept {
            request = request.header("accept", accept);
        }
        if ask.identity {
            request = request.header("accept-encoding", "identity");
        }
        if let Some(bearer) = &self.options.bearer {
            request = request.bearer_auth(bearer);
        }
        let response = request
            .headers(ask.headers.clone())
            .headers(conditions)
            .send()
            .await;
        let response = response.map_err(|e| self.no_connection(&host, &url, &e))?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), SystemTime::now());
        lock(&host.state).answered(Instant::now(), status, retry_after, self.pause());
        if response.status().is_success() || status == 304 {
            return Ok(Open {
                response,
                host,
                url,
                _permit: permit,
            });
        }
        Err(Attempt {
            trouble: refusal(status),
            retry_after,
        })
    }

    fn cut(&self, e: &reqwest::Error, status: u16, got: u64, announced: Option<u64>) -> Trouble {
        let (kind, message) = match e.is_timeout() {
            true => (
                Kind::Timeout,
                format!("no byte for {} s after {got} bytes", self.options.timeout),
            ),
            false => (
                Kind::Truncated,
                format!("cut short at {got}{} bytes", of(announced)),
            ),
        };
        Trouble {
            kind,
            status: Some(status),
            attempts: 0,
            message,
        }
    }

    fn host(&self, url: &url::Url) -> Arc<Host> {
        let name = format!(
            "{}:{}",
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or(0)
        );
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let state = Manners::new(Instant::now());
            Arc::new(Host {
                window: Arc::new(Semaphore::new(self.options.per_host().into())),
                state: Mutex::new(state),
            })
        };
        hosts.entry(name).or_insert_with(new).clone()
    }

    async fn wait_for_turn(&self, host: &Host) -> Result<(), Trouble> {
        let mut turn = lock(&host.state).turn(Instant::now(), self.options.rate())?;
        loop {
            tokio::time::sleep_until(turn.into()).await;
            // The host may have asked for quiet, or have been closed, while this one waited.
            let mut state = lock(&host.state);
            match state.must_wait(Instant::now()) {
                Some(later) => turn = later,
                None => return state.turn(Instant::now(), 0.0).map(|_| ()),
            }
        }
    }

    fn pause(&self) -> Duration {
        Duration::from_secs_f64(self.options.backoff)
    }

    fn no_connection(&self, host: &Host, url: &url::Url, e: &reqwest::Error) -> Trouble {
        let causes: Vec<_> = std::iter::successors(e.source(), |&cause| cause.source()).collect();
        let name = url.host_str().unwrap_or_default();
        let cause = causes.last().map(|c| format!(": {c}")).unwrap_or_default();
        let (kind, message) = match e {
            _ if causes.iter().any(|cause| is_about_a_certificate(*cause)) => (
                Kind::Certificate,
                format!("{name} cannot be trusted{cause}"),
            ),
            e if e.is_redirect() => (Kind::Network, "redirected more than 5 times".to_owned()),
            e if e.is_timeout() => (
                Kind::Timeout,
                format!("{name} did not answer within {} s", self.options.timeout),
            ),
            e if e.is_connect() => (Kind::Network, format!("{name} cannot be reached{cause}")),
            _ => (Kind::Network, format!("{name} broke off{cause}")),
        };
        if e.is_connect() {
            let nowhere = causes
                .iter()
                .any(|cause| cause.to_string().contains("dns error"));
            lock(&host.state).not_reached(Instant::now(), self.pause(), nowhere);
        }
        Trouble {
            kind,
            status: None,
            attempts: 0,
            message,
        }
    }
}

fn is_about_a_certificate(cause: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(tls) = cause.downcast_ref() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    // What an I/O error wraps is not among its sources.
    let wrapped = cause.downcast_ref().and_then(std::io::Error::get_ref);
    wrapped.is_some_and(|cause| is_about_a_certificate(cause))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn of(announced: Option<u64>) -> String {
    announced.map(|n| format!(" of {n}")).unwrap_or_default()
}

/// What proves that a file is still the same: a strong ETag, else Last-Modified (RFC 9110 §13.1.5).
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned)
    };
    text("etag")
        .filter(|etag| !etag.starts_with("W/"))
        .or_else(|| text("last-modified"))
}

/// Where a 206 starts, and how large the whole is: `Content-Range: bytes 100-199/200`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let range = headers
        .get("content-range")?
        .to_str()
        .ok()?
        .strip_prefix("bytes ")?;
    let (span, whole) = range.split_once('/')?;
    Some((
        span.split('-').next()?.trim().parse().ok()?,
        whole.trim().parse().ok(),
    ))
}
