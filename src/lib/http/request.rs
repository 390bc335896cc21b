//! What is asked and what is answered, as values.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use reqwest::header::HeaderMap;

/// A request: for a document, or for an image.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The URL as published; `--rewrite` is applied when it is sent.
    pub url: String,
    /// Value of `Accept`, if any.
    pub accept: Option<&'static str>,
    /// Whether to ask for the bytes as they are, without content encoding: images.
    pub identity: bool,
    /// Further headers: `If-None-Match`, `Range`…
    pub headers: HeaderMap,
    /// JSON to send by POST; without it the method is GET.
    pub body: Option<String>,
    /// The largest body accepted, in bytes.
    pub max_bytes: u64,
    /// Whether 401 and 403 count as answers: their bodies may say how to be let in.
    pub accepts_refusal: bool,
    /// Retries after an error that may come of the size of the answer, for when something smaller can be requested
    /// instead; none: as after other errors.
    pub size_retries: Option<u32>,
    /// Whether only a redirect leads to this host; then it receives no header but those that name it.
    pub is_redirected: bool,
    /// Counts the requests that this leads to.
    pub log: RequestLog,
}

/// What the requests for one image led to; clones count together.
#[derive(Clone, Debug, Default)]
pub struct RequestLog(Arc<Log>);

#[derive(Debug, Default)]
struct Log {
    requests: AtomicU32,
    ignored_opt_out: OnceLock<String>,
}

impl RequestLog {
    /// Requests made so far, counted when they are sent.
    pub fn requests(&self) -> u32 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// How the owner opts out of mining, where `--ignore-opt-out` let the image be downloaded anyway.
    pub fn ignored_opt_out(&self) -> Option<&str> {
        self.0.ignored_opt_out.get().map(String::as_str)
    }

    pub(super) fn add_request(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ignore_opt_out(&self, declared: String) {
        self.0.ignored_opt_out.get_or_init(|| declared);
    }
}

impl Request {
    /// A document of up to 256 MiB, JSON where the server has a choice.
    pub fn document(url: impl Into<String>) -> Self {
        let accept = Some("application/ld+json, application/json;q=0.9, */*;q=0.5");
        Request {
            url: url.into(),
            accept,
            max_bytes: 256 << 20,
            ..Request::default()
        }
    }

    /// An image of up to `max_bytes` bytes, as they are.
    pub fn image(url: impl Into<String>, max_bytes: u64) -> Self {
        Request {
            url: url.into(),
            accept: Some("image/*, */*;q=0.1"),
            identity: true,
            max_bytes,
            ..Request::default()
        }
    }

    /// The same, counted in `log`.
    pub fn logged(self, log: &RequestLog) -> Self {
        Request {
            log: log.clone(),
            ..self
        }
    }
}

/// An answer in memory, with status 2xx or 304, or 401 and 403 where the request accepts them.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Where it came from in the end: after redirects, before `--rewrite`.
    pub url: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Requests it took.
    pub attempts: u32,
}

impl Response {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}

/// An answer whose body was written to a part file.
#[derive(Clone, Debug)]
pub struct SavedResponse {
    /// The status: 200, or 206 when an earlier attempt was resumed.
    pub status: u16,
    /// Where it came from in the end: after redirects, before `--rewrite`.
    pub url: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Size of the part file in bytes.
    pub bytes: u64,
    /// Requests it took.
    pub attempts: u32,
}

impl SavedResponse {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}
