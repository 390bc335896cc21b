//! Reads documents from files, servers and the cache.

use std::path::Path;
use std::time::Duration;

use super::cache::{Cache, CachedDocument};
use super::weight;
use crate::error::Error;
use crate::files;
use crate::http::header::{HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use crate::http::{self, Client, Kind, Response};
use crate::progress::Progress;
use crate::sources::{Answer, DocumentRequest, FetchFailure, is_url};

/// Reads documents, wherever they are.
pub struct Fetcher {
    http: Client,
    cache: Option<Cache>,
    is_offline: bool,
    expects: &'static str,
}

impl Fetcher {
    /// A fetcher. `expects` is what messages call a document, such as `JSON`; hosts of `inputs` may receive credentials.
    ///
    /// # Errors
    /// The HTTP client cannot be set up with these options.
    pub fn new(
        options: &http::Options,
        inputs: &[String],
        cache: Option<&Path>,
        is_offline: bool,
        expects: &'static str,
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
            expects,
        })
    }

    /// What the user should know about the HTTP options.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        let given = self.http.warnings().iter().cloned();
        given.chain(self.http.ignored_robots())
    }

    /// The time since the start, and the progress when `read` of `known` documents are read.
    pub fn standing(&self, known: u64, read: u64) -> (Duration, Progress) {
        let (requests, bytes) = self.http.spent();
        let standing = Progress {
            total: known,
            finished: read,
            requests,
            bytes,
            waiting: self.http.waiting(),
            ..Progress::default()
        };
        (self.http.elapsed(), standing)
    }

    /// Reads a document; the inner error says why that failed.
    ///
    /// # Errors
    /// The cache cannot be written: then no document can be read any more.
    pub async fn read(
        &self,
        request: DocumentRequest,
    ) -> Result<Result<Answer, FetchFailure>, Error> {
        let location = request.location.trim();
        let had = match is_url(location) {
            true => self.fetch(location, request.body.as_deref()).await?,
            false => read_file(location)
                .map(|bytes| (location.to_owned(), bytes))
                .map_err(failure),
        };
        let had = had.and_then(|(url, bytes)| match self.is_too_heavy(&bytes) {
            None => Ok((url, bytes)),
            Some(problem) => Err(failure(problem)),
        });
        Ok(had.map(|(url, bytes)| Answer {
            url,
            bytes,
            request,
        }))
    }

    /// Why a document is not read: it would take too much memory. Tables are read row by row.
    fn is_too_heavy(&self, bytes: &[u8]) -> Option<String> {
        let is_json = self.expects == "JSON";
        let values = is_json.then(|| weight::values(bytes))?;
        (values > weight::MOST).then(|| {
            let most = weight::MOST;
            format!(
                "document is too large: {values} values in {} bytes, at most {most} are read",
                bytes.len()
            )
        })
    }

    async fn fetch(
        &self,
        url: &str,
        body: Option<&str>,
    ) -> Result<Result<(String, Vec<u8>), FetchFailure>, Error> {
        let name = name(url, body);
        let kept = self.cache.as_ref().and_then(|cache| cache.get(&name));
        if self.is_offline {
            return Ok(kept
                .map(|entry| (entry.final_url, entry.bytes))
                .ok_or_else(|| failure("is not in the cache, and --offline forbids to fetch it")));
        }
        match (self.ask(url, body, kept.as_ref()).await, kept) {
            (Ok(reply), Some(entry)) if reply.status == 304 => {
                Ok(Ok((entry.final_url, entry.bytes)))
            }
            (Ok(reply), None) if reply.status == 304 => Ok(Err(failure(
                "the server answered HTTP 304, although nothing is cached",
            ))),
            (Ok(reply), _) => {
                let entry = CachedDocument::of(&reply);
                if let Some(cache) = &self.cache {
                    cache.put(&name, &entry)?;
                }
                Ok(Ok((entry.final_url, entry.bytes)))
            }
            (Err(trouble), _) => Ok(Err(http_failure(&trouble))),
        }
    }

    async fn ask(
        &self,
        url: &str,
        body: Option<&str>,
        kept: Option<&CachedDocument>,
    ) -> Result<Response, http::Error> {
        let request = http::Request {
            headers: conditions(kept),
            body: body.map(str::to_owned),
            ..http::Request::document(url)
        };
        let outcome = self
            .http
            .get_checked(&request, async |reply| self.check(reply))
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
                    .get_checked(&plain, async |reply| self.check(reply))
                    .await
            }
            outcome => outcome,
        }
    }

    /// Servers with problems return error pages for people with status 200.
    fn check(&self, reply: &Response) -> Result<(), http::Error> {
        let start = reply.body.trim_ascii_start();
        if reply.status == 304 {
            return Ok(());
        }
        if start.is_empty() {
            return Err(http::Error::info(format!(
                "the response is empty where {} was expected",
                self.expects
            )));
        }
        if start.starts_with(b"<") {
            return Err(http::Error::info(format!(
                "the response is an HTML page where {} was expected",
                self.expects
            )));
        }
        Ok(())
    }
}

fn conditions(kept: Option<&CachedDocument>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let values = kept.map(|entry| {
        [
            (IF_NONE_MATCH, &entry.etag),
            (IF_MODIFIED_SINCE, &entry.last_modified),
        ]
    });
    for (name, value) in values.into_iter().flatten() {
        if let Some(Ok(value)) = value.as_deref().map(HeaderValue::from_str) {
            headers.insert(name, value);
        }
    }
    headers
}

fn read_file(location: &str) -> Result<Vec<u8>, String> {
    let path = location.strip_prefix("file://").unwrap_or(location);
    files::read(Path::new(path)).map_err(|e| {
        let text = e.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let text = text.strip_prefix(&format!("{path}: ")).unwrap_or(text);
        text.replace("\n  because ", ": ")
    })
}

/// The cache key of a document: its URL and the body of the request.
fn name(url: &str, body: Option<&str>) -> String {
    match body {
        None => url.to_owned(),
        Some(body) => format!("{url}\n{body}"),
    }
}

fn failure(problem: impl Into<String>) -> FetchFailure {
    FetchFailure {
        problem: problem.into(),
        ..FetchFailure::default()
    }
}

fn http_failure(trouble: &http::Error) -> FetchFailure {
    let problem = match trouble.attempts {
        0 | 1 => trouble.message.clone(),
        n => format!("{}, {n} attempts", trouble.message),
    };
    FetchFailure {
        status: trouble.status,
        problem,
        is_of_service: matches!(
            trouble.kind,
            Kind::Certificate | Kind::Info | Kind::Forbidden
        ),
        may_be_size: match trouble.status {
            // Busy, not asked for too much.
            Some(429 | 503) => false,
            Some(400 | 413 | 414 | 416 | 422) => true,
            _ => matches!(trouble.kind, Kind::Server | Kind::Timeout | Kind::Truncated),
        },
    }
}
