//! Bodies: into memory, or into a part that a later attempt goes on with.

use std::io::Write;
use std::time::{Duration, Instant};

use futures::StreamExt;
use reqwest::header::{HeaderMap, HeaderValue};

use super::send::Open;
use super::{Ask, Attempt, Http, Kind, Reply, Saved, Trouble};
use crate::files::Part;

/// Bodies are written to the disk in pieces of at least this many bytes, off the async workers; smaller ones stay in
/// memory.
const WRITE_SIZE: usize = 512 << 10;
/// A body that brings less than this within the timeout is as good as none.
const DRIP: u64 = 1024;

/// How a body flows.
struct Flow {
    since: Instant,
    got: u64,
    most: Duration,
}

impl Flow {
    fn new(timeout: f64) -> Self {
        Flow {
            since: Instant::now(),
            got: 0,
            most: Duration::from_secs_f64(timeout),
        }
    }

    /// Takes note of some bytes; an error when they only drip.
    fn take(&mut self, bytes: usize) -> Result<(), String> {
        self.got += bytes as u64;
        if self.since.elapsed() < self.most {
            return Ok(());
        }
        let got = std::mem::take(&mut self.got);
        self.since = Instant::now();
        match got < DRIP {
            true => Err(format!(
                "only {got} bytes came in {} s",
                self.most.as_secs_f64()
            )),
            false => Ok(()),
        }
    }
}

impl Http {
    /// One attempt at an answer, in memory.
    pub(super) async fn take(&self, ask: &Ask, again: bool) -> Result<Reply, Attempt> {
        let opened = self.open(ask, HeaderMap::new(), again).await?;
        let Open {
            response,
            host,
            url,
            ..
        } = &opened;
        let (host, url) = (host.clone(), url.clone());
        let status = response.status().as_u16();
        let announced = response.content_length();
        if announced.is_some_and(|n| n > ask.most) {
            return Err(too_large(ask, status).into());
        }
        let headers = response.headers().clone();
        let mut body = Vec::with_capacity(announced.unwrap_or(0).min(1 << 24) as usize);
        let mut flow = Flow::new(self.options.timeout);
        let Open {
            response,
            _slot: _held,
            ..
        } = opened;
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|e| self.cut(&e, status, body.len() as u64, announced))?;
            if (body.len() + chunk.len()) as u64 > ask.most {
                return Err(too_large(ask, status).into());
            }
            self.took(&host, chunk.len());
            flow.take(chunk.len()).map_err(|why| drips(why, status))?;
            body.extend_from_slice(&chunk);
        }
        Ok(Reply {
            status,
            url,
            headers,
            body: body.into(),
            attempts: 0,
        })
    }

    /// One attempt at a body in a part file.
    pub(super) async fn take_to(
        &self,
        ask: &Ask,
        part: &Part,
        again: bool,
    ) -> Result<Saved, Attempt> {
        let there = part.held();
        let was_begun = there.is_some();
        let held = there.filter(|held| held.url == ask.url);
        let mut conditions = HeaderMap::new();
        if let Some(held) = &held
            && let Ok(validator) = HeaderValue::from_str(&held.validator)
        {
            conditions.insert("if-range", validator);
            let range = format!("bytes={}-", held.bytes);
            conditions.insert("range", HeaderValue::from_str(&range).expect("digits"));
        }
        let opened = self.open(ask, conditions, again).await?;
        let status = opened.response.status().as_u16();
        let headers = opened.response.headers().clone();
        let begun = held.as_ref().map_or(0, |held| held.bytes);
        let span = content_range(&headers);
        let tag = validator(&headers);
        let same = tag.is_none() || tag == held.map(|held| held.validator);
        let whole = span.and_then(|(_, whole)| whole);
        let url = opened.url.clone();
        let saved = |bytes| Saved {
            status,
            url: url.clone(),
            headers: headers.clone(),
            bytes,
            attempts: 0,
        };
        if status == 416 && same && whole == Some(begun) {
            // All of it was there already.
            return Ok(saved(begun));
        }
        let is_next = span.is_some_and(|(from, _)| from == Some(begun));
        let goes_on = status == 206 && begun > 0 && same && is_next;
        // Nobody asked for a part, and all of it is one: some servers answer so.
        let is_first =
            status == 206 && span.is_some_and(|(from, whole)| from == Some(0) && whole.is_some());
        if matches!(status, 206 | 416) && !goes_on && !is_first {
            part.discard();
            let message = "a part was answered that is not of the file begun";
            return Err(trouble(Kind::Truncated, status, message.into()).into());
        }
        if was_begun && !goes_on {
            part.discard();
        }
        let start = if goes_on { begun } else { 0 };
        let written = self.pour(ask, part, opened, start).await?;
        match whole.filter(|whole| (goes_on || is_first) && written < *whole) {
            // On the disk it is kept: the next attempt goes on from here.
            Some(whole) => {
                if part.in_memory().is_some() {
                    part.discard();
                }
                let message = format!("{written} of {whole} bytes were answered");
                Err(trouble(Kind::Truncated, status, message).into())
            }
            None => Ok(saved(written)),
        }
    }

    /// Takes a body after the `start` bytes that are there, and gives the size of all: to the disk, or into memory if it
    /// is small and all of it came.
    async fn pour(&self, ask: &Ask, part: &Part, opened: Open, start: u64) -> Result<u64, Trouble> {
        let Open {
            response,
            host,
            was_encoded,
            _slot: _held,
            ..
        } = opened;
        let disk = |e: std::io::Error| Trouble {
            kind: Kind::Disk,
            status: None,
            attempts: 0,
            message: part.cannot_write(e),
        };
        let status = response.status().as_u16();
        let announced = response.content_length().map(|n| n + start);
        // Parts of what was encoded on the way are no parts of the file.
        let tag = validator(response.headers()).filter(|_| !was_encoded);
        let room = announced.map_or(0, |n| (n - start).min(WRITE_SIZE as u64));
        let (mut written, mut file) = (start, None);
        let mut buffer = Vec::with_capacity(room as usize);
        let mut flow = Flow::new(self.options.timeout);
        let mut stream = response.bytes_stream();
        loop {
            let chunk = stream.next().await;
            if chunk.is_none() && start == 0 && file.is_none() {
                part.keep_in_memory(buffer.into());
                return Ok(written);
            }
            let is_over = !matches!(&chunk, Some(Ok(_)));
            if is_over && (file.is_some() || !buffer.is_empty()) || buffer.len() >= WRITE_SIZE {
                let bytes = std::mem::take(&mut buffer);
                let (part, url, before) = (part.clone(), ask.url.clone(), file.take());
                let proof = tag.clone();
                let write = move || {
                    let mut file = match before {
                        Some(file) => file,
                        None => part.open(start > 0, &url, proof.as_deref())?,
                    };
                    file.write_all(&bytes).map(|()| file)
                };
                let wrote = tokio::task::spawn_blocking(write).await;
                let wrote = wrote.map_err(|e| disk(std::io::Error::other(e)))?;
                file = Some(wrote.map_err(disk)?);
            }
            let chunk = match chunk {
                None => return Ok(written),
                Some(chunk) => chunk.map_err(|e| self.cut(&e, status, written, announced))?,
            };
            written += chunk.len() as u64;
            if written > ask.most {
                return Err(too_large(ask, status));
            }
            self.took(&host, chunk.len());
            flow.take(chunk.len()).map_err(|why| drips(why, status))?;
            buffer.extend_from_slice(&chunk);
        }
    }

    fn cut(&self, e: &reqwest::Error, status: u16, got: u64, announced: Option<u64>) -> Trouble {
        let of = announced.map(|n| format!(" of {n}")).unwrap_or_default();
        match e.is_timeout() {
            true => {
                let message = format!("no byte for {} s after {got} bytes", self.options.timeout);
                trouble(Kind::Timeout, status, message)
            }
            false => trouble(
                Kind::Truncated,
                status,
                format!("cut short at {got}{of} bytes"),
            ),
        }
    }
}

fn trouble(kind: Kind, status: u16, message: String) -> Trouble {
    Trouble {
        kind,
        status: Some(status),
        attempts: 0,
        message,
    }
}

fn drips(why: String, status: u16) -> Trouble {
    trouble(Kind::Timeout, status, why)
}

fn too_large(ask: &Ask, status: u16) -> Trouble {
    let message = format!("the answer is larger than {} bytes", ask.most);
    trouble(Kind::Unsupported, status, message)
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

/// Where a part starts, and how large the whole is: `Content-Range: bytes 100-199/200`, with 416 `bytes */200`.
fn content_range(headers: &HeaderMap) -> Option<(Option<u64>, Option<u64>)> {
    let range = headers
        .get("content-range")?
        .to_str()
        .ok()?
        .strip_prefix("bytes ")?;
    let (span, whole) = range.split_once('/')?;
    let start = span.split('-').next().unwrap_or_default();
    Some((start.trim().parse().ok(), whole.trim().parse().ok()))
}
