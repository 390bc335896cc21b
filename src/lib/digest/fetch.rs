//! Reads documents from files, servers and the cache.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::cache::{Cache, CachedDocument};
use super::changes::Changes;
use super::document_limits::DocumentLimits;
use super::documents::{DocumentLog, Judged, LockedDocuments};
use super::lock;
use super::recent::Recent;
use crate::contracts::LockedDocument;
use crate::error::Error;
use crate::files;
use crate::http::header::{HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use crate::http::{self, Client, Kind, RequestLog, Response};
use crate::progress::Progress;
use crate::sources::{
    Answer, BODY_TEXT, DocumentRequest, FetchFailure, TEXT, is_url, text, unpacked_text,
};

/// Reads documents, wherever they are.
pub struct Fetcher<'a> {
    http: Client,
    cache: Option<Cache>,
    is_offline: bool,
    limits: DocumentLimits,
    expects: &'static str,
    changes: Changes,
    counts: Mutex<FetchCounts>,
    recent: Recent,
    log: Option<Mutex<DocumentLog>>,
    locked: Option<&'a LockedDocuments>,
}

/// Documents by where they came from.
#[derive(Clone, Copy, Debug, Default)]
pub struct FetchCounts {
    /// Fetched.
    pub fetched: u64,
    /// In the cache, and the server said that they had not changed.
    pub unchanged: u64,
    /// In the cache, and not asked for: no activity says that they changed.
    pub not_requested: u64,
}

/// Whether a document may be named in several places, each with something else to know for reading it.
fn is_shared(request: &DocumentRequest) -> bool {
    request.is_for(TEXT)
}

impl<'a> Fetcher<'a> {
    /// A fetcher. `expects` is what messages call a document, such as `JSON`; hosts of `inputs` may receive credentials.
    ///
    /// # Errors
    /// The HTTP client cannot be set up with these options.
    pub fn new(
        options: &http::Options,
        inputs: &[String],
        cache: Option<&Path>,
        is_offline: bool,
        limits: DocumentLimits,
        expects: &'static str,
        changes: Changes,
    ) -> Result<Self, Error> {
        let cache = cache.map(Cache::new);
        let named = inputs
            .iter()
            .map(String::as_str)
            .filter(|input| is_url(input));
        let hosts = options.hosts(named);
        Ok(Fetcher {
            http: Client::new(options, &hosts)?,
            cache,
            is_offline,
            limits,
            expects,
            changes,
            counts: Mutex::default(),
            recent: Recent::default(),
            log: None,
            locked: None,
        })
    }

    /// The same that notes which documents it reads, and prefers those of a lock where they are in the cache.
    pub fn with_log(self, log: Option<DocumentLog>, locked: Option<&'a LockedDocuments>) -> Self {
        Fetcher {
            log: log.map(Mutex::new),
            locked,
            ..self
        }
    }

    /// What the user should know about the HTTP options.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        let given = self.http.warnings().iter().cloned();
        given.chain(self.http.closing_notes())
    }

    /// What streams of activities say.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Where the documents came from, what streams of activities say, and which documents were read.
    pub fn finish(self) -> (FetchCounts, Changes, Option<DocumentLog>) {
        let counts = self.counts.into_inner();
        let log = self.log.map(Mutex::into_inner);
        (
            counts.unwrap_or_else(PoisonError::into_inner),
            self.changes,
            log.map(|log| log.unwrap_or_else(PoisonError::into_inner)),
        )
    }

    /// Notes that a document was read, if that is asked for.
    fn note(
        &self,
        number: Option<usize>,
        request: &DocumentRequest,
        document: &CachedDocument,
    ) -> Result<(), Error> {
        let Some(log) = &self.log else {
            return Ok(());
        };
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.note(number, &locked_document(request, document))
    }

    /// Notes that a document could not be read, if that is asked for.
    fn note_failure(&self, request: &DocumentRequest, failure: &FetchFailure) {
        if let Some(log) = &self.log {
            let document = locked_document(request, &CachedDocument::default());
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.note_failure(&document, failure.status);
        }
    }

    fn count(&self, add: impl FnOnce(&mut FetchCounts)) {
        add(&mut self.counts.lock().unwrap_or_else(|e| e.into_inner()));
    }

    /// The time since the start, and the progress when `read` of `known` documents are read.
    pub fn progress(&self, known: u64, read: u64) -> (Duration, Progress) {
        let (requests, bytes) = self.http.spent();
        let progress = Progress {
            total: known,
            finished: read,
            requests,
            bytes,
            waiting: self.http.waiting(),
            ..Progress::default()
        };
        (self.http.elapsed(), progress)
    }

    /// Reads a document, for the one with this number in the worklist, if there is one; the inner error says why that failed.
    ///
    /// # Errors
    /// The cache cannot be written: then no document can be read any more.
    pub async fn read(
        &self,
        number: Option<usize>,
        request: DocumentRequest,
    ) -> Result<Result<Answer, FetchFailure>, Error> {
        let location = request.location.trim();
        let had = match is_url(location) {
            true if is_shared(&request) => self.fetch_once(location, &request).await?,
            true => self.fetch(location, &request).await?,
            false => self
                .read_file(location)
                .await
                .map(|bytes| CachedDocument {
                    final_url: location.to_owned(),
                    bytes,
                    ..CachedDocument::default()
                })
                .map_err(FetchFailure::of),
        };
        let had = had.and_then(|document| {
            let too_large = |problem| FetchFailure {
                may_be_size: true,
                ..FetchFailure::of(problem)
            };
            let unpacked = self.unpacked(&request, &document.bytes);
            let unpacked = unpacked.map_err(too_large)?;
            let bytes = unpacked.as_ref().unwrap_or(&document.bytes);
            self.limits.check(bytes).map_err(too_large)?;
            Ok((document, unpacked))
        });
        match &had {
            Ok((document, _)) => self.note(number, &request, document)?,
            Err(failure) => self.note_failure(&request, failure),
        }
        Ok(had.map(|(document, unpacked)| Answer {
            url: document.final_url,
            bytes: unpacked.unwrap_or(document.bytes),
            media_type: document.media_type,
            request,
        }))
    }

    /// The JSON of a document that is compressed or in UTF-16; none if it is neither, or read by its source as it is.
    fn unpacked(&self, request: &DocumentRequest, bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let is_json = self.expects == "JSON" && self.limits.tree.is_some();
        if !is_json || request.is_for(TEXT) || request.is_for(BODY_TEXT) {
            return Ok(None);
        }
        Ok(match unpacked_text(bytes, self.limits.bytes)? {
            Cow::Owned(text) => Some(text),
            Cow::Borrowed(_) => None,
        })
    }

    /// Fetches a document that others may name too.
    async fn fetch_once(
        &self,
        location: &str,
        request: &DocumentRequest,
    ) -> Result<Result<CachedDocument, FetchFailure>, Error> {
        let place = self.recent.place(location);
        let mut place = place.lock().await;
        if let Some(had) = &*place {
            return Ok(had.clone());
        }
        let had = self.fetch(location, request).await?;
        self.recent.add(&had);
        *place = Some(had.clone());
        Ok(had)
    }

    /// Whether a document has the bytes of the lock, if there is one.
    fn is_locked(&self, request: &DocumentRequest, document: &CachedDocument) -> bool {
        let judge = |locked: &LockedDocuments| locked.judge(&locked_document(request, document));
        self.locked.map(judge) == Some(Judged::Same)
    }

    /// Reads a file beside the async workers: a named pipe may be one for which nobody writes.
    async fn read_file(&self, location: &str) -> Result<Vec<u8>, String> {
        let path = location.strip_prefix("file://").unwrap_or(location);
        let (file, most) = (PathBuf::from(path), self.limits.bytes);
        let read = tokio::task::spawn_blocking(move || files::read_within(&file, most)).await;
        let read = read.map_err(|e| e.to_string())?.map_err(|e| {
            let text = e.to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            let text = text.strip_prefix(&format!("{path}: ")).unwrap_or(text);
            text.replace("\n  because ", ": ")
        });
        read.and_then(|bytes| bytes.ok_or_else(|| self.limits.exceeded()))
    }

    async fn fetch(
        &self,
        url: &str,
        request: &DocumentRequest,
    ) -> Result<Result<CachedDocument, FetchFailure>, Error> {
        let name = name(url, request.body.as_deref());
        let kept = self.cache.as_ref().and_then(|cache| cache.get(&name));
        if self.is_offline {
            let known = || self.cache.as_ref().and_then(|cache| cache.failure(&name));
            let missing = || FetchFailure::offline(self.cache.is_some());
            return Ok(kept.ok_or_else(|| known().unwrap_or_else(missing)));
        }
        if kept
            .as_ref()
            .is_some_and(|kept| self.is_locked(request, kept))
        {
            return Ok(kept.ok_or_else(FetchFailure::default));
        }
        // Inputs are asked for anyway.
        let fetched = kept.as_ref().and_then(|entry| entry.fetched);
        let is_current = |fetched| self.changes.is_current(url, fetched);
        if request.from.is_some() && fetched.is_some_and(is_current) {
            self.count(|counts| counts.not_requested += 1);
            return Ok(kept.ok_or_else(FetchFailure::default));
        }
        match (self.ask(url, request, kept.as_ref()).await, kept) {
            (Ok(reply), Some(mut entry)) if reply.status == 304 => {
                self.count(|counts| counts.unchanged += 1);
                entry.fetched = jiff::Timestamp::try_from(reply.time()).ok();
                if let Some(cache) = &self.cache {
                    cache.put_headers(&name, &entry)?;
                }
                Ok(Ok(entry))
            }
            (Ok(reply), None) if reply.status == 304 => Ok(Err(FetchFailure::of(
                "the server answered HTTP 304, although nothing is cached",
            ))),
            (Ok(reply), _) => {
                let entry = CachedDocument::of(reply);
                self.count(|counts| counts.fetched += 1);
                if let Some(cache) = &self.cache {
                    cache.put(&name, &entry)?;
                }
                Ok(Ok(entry))
            }
            (Err(error), _) => {
                let failure = match error.is_too_large() {
                    true => FetchFailure::of(self.limits.exceeded()),
                    false => http_failure(&error),
                };
                if let Some(cache) = &self.cache {
                    cache.put_failure(&name, &failure)?;
                }
                Ok(Err(failure))
            }
        }
    }

    async fn ask(
        &self,
        url: &str,
        document: &DocumentRequest,
        kept: Option<&CachedDocument>,
    ) -> Result<Response, http::Error> {
        let accept = match document {
            _ if document.is_for(TEXT) => {
                Some("application/xml, text/xml, text/html;q=0.8, */*;q=0.5")
            }
            _ if document.is_for(BODY_TEXT) => Some("text/plain, text/html;q=0.9, */*;q=0.8"),
            _ => None,
        };
        let standard = http::Request::document(url);
        let request = http::Request {
            headers: conditions(kept),
            body: document.body.clone(),
            accept: accept.or(standard.accept),
            max_bytes: self.limits.bytes,
            log: RequestLog::of(document.from.as_ref().map(|from| &*from.document), None),
            ..standard
        };
        let outcome = self
            .http
            .get_checked(&request, async |reply| self.check(reply, document))
            .await;
        match outcome {
            // Some servers answer 404 or 406 to any specific Accept header.
            Err(http::Error {
                status: Some(404 | 406),
                ..
            }) => {
                let plain = http::Request {
                    accept: Some("*/*"),
                    ..request
                };
                self.http
                    .get_checked(&plain, async |reply| self.check(reply, document))
                    .await
            }
            outcome => outcome,
        }
    }

    /// Servers with problems return error pages for people with status 200.
    fn check(&self, reply: &Response, document: &DocumentRequest) -> Result<(), http::Error> {
        let start = reply.body.trim_ascii_start();
        let is_text = document.is_for(TEXT);
        // Any text may be one, a page for people and an empty one too.
        if document.is_for(BODY_TEXT) {
            return Ok(());
        }
        let expects = match is_text {
            true => "ALTO, PAGE or hOCR",
            false => self.expects,
        };
        if reply.status == 304 {
            return Ok(());
        }
        if start.is_empty() {
            return Err(http::Error::info(format!(
                "the response is empty where {expects} was expected"
            )));
        }
        // What a transcription is instead of the one expected, its source says.
        let is_markup = start.starts_with(b"<");
        let may_be_xml = is_text || self.expects == "XML";
        let is_page =
            is_markup && (!may_be_xml || is_html(start)) && text::kind_of(start).is_none();
        if is_page {
            return Err(http::Error::info(format!(
                "the response is an HTML page where {expects} was expected"
            )));
        }
        Ok(())
    }
}

/// What a lock says of a document.
fn locked_document(request: &DocumentRequest, document: &CachedDocument) -> LockedDocument {
    LockedDocument {
        url: lock::shown(request.location.trim()),
        request: request.body.clone(),
        bytes: document.bytes.len() as u64,
        sha256: files::hex_digest(&document.bytes, 64),
        etag: document.etag.clone(),
        last_modified: document.last_modified.clone(),
    }
}

fn is_html(start: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&start[..start.len().min(1024)]).to_ascii_lowercase();
    start.contains("<!doctype html") || start.contains("<html")
}

/// What makes a server answer 304 if the document is the one in the cache.
fn conditions(kept: Option<&CachedDocument>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let values = kept.map(|entry| {
        // A server that names no validator may still know when the document changed (RFC 9110, 13.1.3).
        let fetched = entry
            .fetched
            .map(|time| httpdate::fmt_http_date(time.into()));
        let date = entry.last_modified.clone();
        let date = date.or_else(|| fetched.filter(|_| entry.etag.is_none()));
        [
            (IF_NONE_MATCH, entry.etag.clone()),
            (IF_MODIFIED_SINCE, date),
        ]
    });
    for (name, value) in values.into_iter().flatten() {
        if let Some(Ok(value)) = value.as_deref().map(HeaderValue::from_str) {
            headers.insert(name, value);
        }
    }
    headers
}

/// The cache key of a document: its URL and the body of the request.
fn name(url: &str, body: Option<&str>) -> String {
    match body {
        None => url.to_owned(),
        Some(body) => format!("{url}\n{body}"),
    }
}

fn http_failure(error: &http::Error) -> FetchFailure {
    let problem = match error.attempts {
        0 | 1 => error.message.clone(),
        n => format!("{}, {n} attempts", error.message),
    };
    FetchFailure {
        status: error.status,
        problem,
        may_pass: error.kind.may_pass(),
        is_of_service: matches!(error.kind, Kind::Certificate | Kind::Info | Kind::Forbidden),
        may_be_size: match error.status {
            // Busy, not asked for too much.
            Some(429 | 503) => false,
            Some(400 | 413 | 414 | 416 | 422) => true,
            // The answer is larger than a document may be.
            Some(200) if error.kind == Kind::Unsupported => true,
            _ => matches!(error.kind, Kind::Server | Kind::Timeout | Kind::Truncated),
        },
    }
}
