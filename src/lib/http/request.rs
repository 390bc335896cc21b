//! What is asked and what is answered, as values.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use reqwest::header::HeaderMap;

use url::Url;

use super::address::is_public;
use super::error::Error;
use super::hosts::{Host, Place};
use super::jobs::Job;
use super::retry::server_time;
use super::validators;

/// Refuses a body by its first bytes, or says how many it may have: it is given them, and the most that any may have.
pub type CheckStart = fn(&[u8], u64) -> Result<u64, Error>;

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
    /// The most retries after any error, where fewer than usual make sense.
    pub max_retries: Option<u32>,
    /// Whether only a redirect leads to this host; then it receives no header but those that name it.
    pub is_redirected: bool,
    /// Looks at the first bytes of the body; what it refuses is not read further.
    pub check_start: Option<CheckStart>,
    /// Counts the requests that this leads to.
    pub log: RequestLog,
}

/// The requests for one image: they are counted together, they are one job, and hosts judge them as one. Clones are the
/// same.
#[derive(Clone, Debug, Default)]
pub struct RequestLog(Arc<Log>);

#[derive(Debug)]
struct Log {
    /// Tells it from the others of the program.
    id: u64,
    requests: AtomicU32,
    ignored_opt_out: OnceLock<String>,
    job: Arc<Job>,
    /// The place at its host that was taken for it before its first request.
    place: Mutex<Option<Place>>,
    /// Whether it is asked for to see whether its host refuses everything.
    is_sample: bool,
    /// The URL or file of the document that names it; none where the user does.
    named_by: Option<String>,
}

impl Default for Log {
    fn default() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Log {
            id: COUNT.fetch_add(1, Ordering::Relaxed),
            requests: AtomicU32::default(),
            ignored_opt_out: OnceLock::default(),
            job: Arc::default(),
            place: Mutex::default(),
            is_sample: false,
            named_by: None,
        }
    }
}

impl RequestLog {
    /// For what a document names, by its URL or file, and which waits in a place.
    pub fn of(named_by: Option<&str>, place: Option<Place>) -> Self {
        RequestLog(Arc::new(Log {
            is_sample: place.as_ref().is_some_and(Place::is_sample),
            place: Mutex::new(place),
            named_by: named_by.map(str::to_owned),
            ..Log::default()
        }))
    }

    /// The URL or file of the document that names it.
    pub(super) fn named_by(&self) -> Option<&str> {
        self.0.named_by.as_deref()
    }

    pub(super) fn id(&self) -> u64 {
        self.0.id
    }

    pub(super) fn is_sample(&self) -> bool {
        self.0.is_sample
    }

    pub(super) fn job(&self) -> &Arc<Job> {
        &self.0.job
    }

    /// Where its next request waits for a host: in the place that was taken for the first one, else in another. `again`:
    /// the request failed before.
    pub(super) fn place_at(&self, host: &Arc<Host>, again: bool) -> Place {
        let mut taken = self.0.place.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fit = |place: &mut Place| !again && place.is_at(host);
        let place = taken.take_if(is_fit);
        place.unwrap_or_else(|| Place::at(host, again))
    }

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

    /// A document of up to 8 MiB, such as an info.json: one that is read has some twelve times as much in memory.
    pub fn small_document(url: impl Into<String>) -> Self {
        Request {
            max_bytes: 8 << 20,
            ..Request::document(url)
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

    /// Whether only public addresses may be asked for it: a public document of another host names it.
    pub(super) fn is_confined(&self, url: &Url) -> bool {
        let document = self.log.named_by().and_then(|by| Url::parse(by).ok());
        document.is_some_and(|by| is_public(&by) && by.host_str() != url.host_str())
    }

    /// The same, counted in `log`.
    pub fn logged(self, log: &RequestLog) -> Self {
        Request {
            log: log.clone(),
            ..self
        }
    }
}

/// The head of an answer, with status 2xx or 304.
#[derive(Clone, Debug)]
pub struct AnswerHead {
    /// The status.
    pub status: u16,
    /// The length of the body in bytes, where that is said and is that of the file.
    pub length: Option<u64>,
    /// Its headers.
    pub headers: HeaderMap,
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

    /// What tells this version of the file from others, if its server says that.
    pub fn etag(&self) -> Option<String> {
        validators::etag(&self.headers).map(str::to_owned)
    }

    /// When the file was changed, if its server says that.
    pub fn last_modified(&self) -> Option<String> {
        validators::last_modified(&self.headers).map(str::to_owned)
    }

    /// When it was made, by the server's clock if it tells.
    pub fn time(&self) -> SystemTime {
        server_time(&self.headers, SystemTime::now())
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
    /// What tells this version of the file from others, if its server says that.
    pub fn etag(&self) -> Option<String> {
        validators::etag(&self.headers).map(str::to_owned)
    }

    /// When the file was changed, if its server says that.
    pub fn last_modified(&self) -> Option<String> {
        validators::last_modified(&self.headers).map(str::to_owned)
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}
