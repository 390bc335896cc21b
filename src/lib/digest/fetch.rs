//! Having documents: from files, from servers, from the cache.

use std::path::Path;
use std::time::Duration;

use super::cache::{Cache, Entry};
use crate::error::Error;
use crate::files;
use crate::http::header::{HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use crate::http::{self, Client, Kind, Response};
use crate::progress::Progress;
use crate::sources::{Answer, Loss, Request, is_url};

/// Has documents, one way or another.
pub struct Fetcher {
    http: Client,
    cache: Option<Cache>,
    is_offline: bool,
    expects: &'static str,
}

impl Fetcher {
    /// A fetcher for documents that are what `expects` says.
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

    /// What the user should know of the options.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        let given = self.http.warnings().iter().cloned();
        given.chain(self.http.ignored_robots())
    }

    /// How long the run lasts, and where it stands when `read` documents of `known` are read.
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

    /// A document, or why it cannot be had. An error means that no more can be: the disk is full.
    pub async fn have(&self, request: Request) -> Result<Result<Answer, Loss>, Error> {
        let location = request.location.trim();
        let had = match is_url(location) {
            true => self.fetch(location, request.body.as_deref()).await?,
            false => read_file(location)
                .map(|bytes| (location.to_owned(), bytes))
                .map_err(because),
        };
        Ok(had.map(|(url, bytes)| Answer {
            url,
            bytes,
            request,
        }))
    }

    async fn fetch(
        &self,
        url: &str,
        body: Option<&str>,
    ) -> Result<Result<(String, Vec<u8>), Loss>, Error> {
        let name = name(url, body);
        let kept = self.cache.as_ref().and_then(|cache| cache.get(&name));
        if self.is_offline {
            return Ok(kept
                .map(|entry| (entry.final_url, entry.bytes))
                .ok_or_else(|| because("is not in the cache, and --offline asks no server")));
        }
        match (self.ask(url, body, kept.as_ref()).await, kept) {
            (Ok(reply), Some(entry)) if reply.status == 304 => {
                Ok(Ok((entry.final_url, entry.bytes)))
            }
            (Ok(reply), None) if reply.status == 304 => Ok(Err(because(
                "nothing new was answered where nothing is kept (HTTP 304)",
            ))),
            (Ok(reply), _) => {
                let entry = Entry::of(&reply);
                if let Some(cache) = &self.cache {
                    cache.put(&name, &entry)?;
                }
                Ok(Ok((entry.final_url, entry.bytes)))
            }
            (Err(trouble), _) => Ok(Err(loss(&trouble))),
        }
    }

    async fn ask(
        &self,
        url: &str,
        body: Option<&str>,
        kept: Option<&Entry>,
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
            // Some servers have no document for those who say which kind they prefer.
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

    /// Servers in trouble answer pages for people, with status 200.
    fn check(&self, reply: &Response) -> Result<(), http::Error> {
        let start = reply.body.trim_ascii_start();
        if reply.status == 304 {
            return Ok(());
        }
        if start.is_empty() {
            return Err(http::Error::info(format!(
                "nothing was answered where {} was expected",
                self.expects
            )));
        }
        if start.starts_with(b"<") {
            return Err(http::Error::info(format!(
                "an HTML page was answered where {} was expected",
                self.expects
            )));
        }
        Ok(())
    }
}

fn conditions(kept: Option<&Entry>) -> HeaderMap {
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

/// What a document is kept under: its URL, and what was sent to it.
fn name(url: &str, body: Option<&str>) -> String {
    match body {
        None => url.to_owned(),
        Some(body) => format!("{url}\n{body}"),
    }
}

fn because(problem: impl Into<String>) -> Loss {
    Loss {
        problem: problem.into(),
        ..Loss::default()
    }
}

fn loss(trouble: &http::Error) -> Loss {
    let problem = match trouble.attempts {
        0 | 1 => trouble.message.clone(),
        n => format!("{}, {n} attempts", trouble.message),
    };
    Loss {
        status: trouble.status,
        problem,
        is_of_service: matches!(
            trouble.kind,
            Kind::Certificate | Kind::Info | Kind::Forbidden
        ),
    }
}
