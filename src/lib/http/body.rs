//! Bodies: into memory, or into a part file that a later attempt resumes.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use reqwest::header::HeaderMap;
use tokio::time::Instant;

use super::answer;
use super::budget::Spent;
use super::codings::{self, Coding};
use super::error::{Error, Kind};
use super::hosts::{Active, Host};
use super::jobs::Passed;
use super::ranges::{Range, may_refuse_parts, range_request};
use super::request::{CheckStart, Request, Response, SavedResponse};
use super::retry::FailedAttempt;
use super::send::{Opened, Sender};
use super::validators;
use crate::files::{self, Held, Part};
use crate::summary::counted;

/// Bodies are written to the disk in pieces of at least this many bytes, off the async workers; smaller ones stay in
/// memory.
const WRITE_SIZE: usize = 512 << 10;
/// So many bytes show what a body is.
const ENOUGH: usize = 64 << 10;
/// A body of which fewer bytes than this arrive within the timeout counts as stalled.
const MIN_BYTES: u64 = 1024;

/// After so many seconds a body that brings fewer bytes than this per second no longer keeps others waiting.
const SLOW_AFTER: f64 = 3.0;
const SLOW: f64 = 128.0 * 1024.0;
/// So many images after the first one in a body of unknown length are a camera's, and there is no end.
const STREAM: usize = 8;

/// Watches one body as it arrives: its size, its speed, what it costs.
struct Flow<'a> {
    spent: &'a Spent,
    status: u16,
    /// The size of the whole body, as far as the server declares it.
    announced: Option<u64>,
    got: u64,
    since: Instant,
    got_since: u64,
    /// How long the body may stall.
    timeout: Duration,
    /// The most bytes that are taken.
    max_bytes: u64,
    began: Instant,
    /// What has come since then.
    got_here: u64,
    /// While others pass.
    passed: Option<Passed>,
    images: JpegsInARow,
}

impl<'a> Flow<'a> {
    /// A body of which `start` bytes are there already.
    fn new(sender: &'a Sender, request: &'a Request, opened: &Opened, start: u64) -> Self {
        let announced = opened.response.content_length();
        Flow {
            spent: &sender.spent,
            status: opened.response.status().as_u16(),
            announced: announced.map(|n| n + start),
            got: start,
            since: Instant::now(),
            got_since: 0,
            timeout: opened.host.pacing().answer_timeout(sender.timeout()),
            max_bytes: request.max_bytes,
            began: Instant::now(),
            got_here: 0,
            passed: None,
            images: JpegsInARow::default(),
        }
    }

    /// Whether the body comes so slowly that others should not wait for it.
    fn is_slow(&self) -> bool {
        let seconds = self.began.elapsed().as_secs_f64();
        seconds >= SLOW_AFTER && (self.got_here as f64) < seconds * SLOW
    }

    /// Takes some bytes, or the error in their place.
    fn take(&mut self, chunk: Result<Bytes, Error>) -> Result<Bytes, Error> {
        let chunk = chunk?;
        self.got += chunk.len() as u64;
        self.got_here += chunk.len() as u64;
        if self.got > self.max_bytes {
            return Err(self.too_large());
        }
        if self.announced.is_none() && self.images.more_in(&chunk) >= STREAM {
            let what = "a stream of JPEG images, one after the other";
            return Err(Error::not_an_image(what).with_status(self.status));
        }
        self.spent.add_bytes(chunk.len() as u64);
        self.check_speed(chunk.len())?;
        if let Some(error) = self.spent.over_budget_within(self.got) {
            return Err(error);
        }
        Ok(chunk)
    }

    /// Looks at the first bytes, which show how many there may be.
    fn check(&mut self, check: CheckStart, start: &[u8]) -> Result<(), Error> {
        let checked = check(start, self.max_bytes);
        self.max_bytes = checked.map_err(|error| {
            let said = match error.kind {
                Kind::NotAnImage => answer::first_words(start),
                _ => String::new(),
            };
            error.with_words(&said, None).with_status(self.status)
        })?;
        match self.got.max(self.announced.unwrap_or(0)) > self.max_bytes {
            true => Err(self.too_large()),
            false => Ok(()),
        }
    }

    fn check_speed(&mut self, bytes: usize) -> Result<(), Error> {
        self.got_since += bytes as u64;
        if self.since.elapsed() < self.timeout {
            return Ok(());
        }
        let got = std::mem::take(&mut self.got_since);
        self.since = Instant::now();
        let seconds = self.timeout.as_secs_f64();
        match got < MIN_BYTES {
            true => Err(
                Error::timeout(format!("only {} arrived in {seconds} s", bytes_of(got)))
                    .with_status(self.status),
            ),
            false => Ok(()),
        }
    }

    fn interrupted(&self, is_timeout: bool) -> Error {
        let (got, seconds) = (self.got, self.timeout.as_secs_f64());
        let error = match is_timeout {
            true => Error::timeout(format!(
                "no byte arrived for {seconds} s after {}",
                bytes_of(got)
            )),
            false => Error::truncated(match self.announced {
                Some(all) => format!("cut short at {got} of {}", bytes_of(all)),
                None => format!("cut short at {}", bytes_of(got)),
            }),
        };
        error.with_status(self.status)
    }

    fn too_large(&self) -> Error {
        Error::too_large(self.max_bytes).with_status(self.status)
    }
}

/// The next bytes of a body, or the error in their place; nothing at its end. A body that is slow lets other images pass.
async fn next(
    sender: &Sender,
    request: &Request,
    flow: &mut Flow<'_>,
    stream: &mut (impl futures::Stream<Item = reqwest::Result<Bytes>> + Unpin),
) -> Option<Result<Bytes, Error>> {
    let (jobs, job) = (&sender.jobs, request.log.job());
    if flow.passed.is_none() && flow.is_slow() {
        flow.passed = jobs.let_pass(job);
    }
    let coming = tokio::time::timeout(flow.timeout, stream.next());
    let came = match flow.passed.is_some() {
        true => coming.await,
        false => jobs.await_bytes(job, coming).await,
    };
    if !matches!(&came, Ok(Some(Ok(_))))
        && let Some(passed) = flow.passed.take()
    {
        jobs.rejoin(job, passed).await;
    }
    match came {
        Ok(chunk) => chunk.map(|chunk| chunk.map_err(|e| flow.interrupted(e.is_timeout()))),
        Err(_) => Some(Err(flow.interrupted(true))),
    }
}

/// Tells a host's pacing of a body that stalled.
fn blame(error: &Error, flow: &Flow, host: &Host, request: &Request) {
    if error.kind == Kind::Timeout {
        let mut pacing = host.pacing();
        pacing.stalled(Instant::now(), flow.began, request.log.id());
    }
}

/// One attempt at an answer, in memory.
///
/// # Errors
/// Those of [`Sender::open`]; `truncated`, `timeout` or, for a body that is too large, `unsupported`.
pub async fn read(
    sender: &Sender,
    request: &Request,
    again: bool,
) -> Result<(Response, Active), FailedAttempt> {
    let opened = sender.open(request, HeaderMap::new(), again).await?;
    let mut flow = Flow::new(sender, request, &opened, 0);
    if flow.announced.is_some_and(|n| n > request.max_bytes) {
        return Err(flow.too_large().into());
    }
    let Opened {
        response,
        host,
        url,
        slot,
        coding,
    } = opened;
    let headers = response.headers().clone();
    let mut body = Vec::with_capacity(flow.announced.unwrap_or(0).min(1 << 24) as usize);
    let mut stream = response.bytes_stream();
    while let Some(chunk) = next(sender, request, &mut flow, &mut stream).await {
        let chunk = flow.take(chunk);
        let chunk = chunk.inspect_err(|e| blame(e, &flow, &host, request))?;
        host.pacing().stats.bytes += chunk.len() as u64;
        body.extend_from_slice(&chunk);
    }
    host.pacing().body_ended();
    let active = slot.end();
    let status = flow.status;
    if let Some(coding) = coding {
        let decoded = in_memory(coding, body.into(), request.max_bytes).await;
        body = decoded.map_err(|error| error.with_status(status))?;
    }
    let response = Response {
        status,
        url,
        headers,
        body: body.into(),
        attempts: 0,
    };
    Ok((response, active))
}

/// A body without its content coding.
async fn in_memory(coding: Coding, body: Bytes, max_bytes: u64) -> Result<Vec<u8>, Error> {
    let decode = move || {
        let mut plain = Vec::new();
        codings::decode(coding, &*body, &mut plain, max_bytes).map(|_| plain)
    };
    let decoded = tokio::task::spawn_blocking(decode).await;
    decoded.unwrap_or_else(|e| Err(Error::truncated(e.to_string())))
}

/// The body in a part file without its content coding; returns its size.
async fn in_part(coding: Coding, part: &Part, max_bytes: u64) -> Result<u64, Error> {
    if let Some(body) = part.in_memory() {
        let plain = in_memory(coding, body, max_bytes).await?;
        let bytes = plain.len() as u64;
        part.keep_in_memory(plain.into());
        return Ok(bytes);
    }
    let part = part.clone();
    let decode = move || {
        let decoded = part.rewrite(|body, out| codings::decode(coding, body, out, max_bytes));
        decoded.unwrap_or_else(|e| Err(Error::disk(part.cannot_write(e))))
    };
    let decoded = tokio::task::spawn_blocking(decode).await;
    decoded.unwrap_or_else(|e| Err(Error::truncated(e.to_string())))
}

/// One attempt at a body in a part file, resumed where an earlier one stopped if the server proves that it is still the
/// same file.
///
/// # Errors
/// Those of [`read`], and those of the disk.
pub async fn save(
    sender: &Sender,
    request: &Request,
    part: &Part,
    again: bool,
) -> Result<(SavedResponse, Active), FailedAttempt> {
    let there = part.held();
    let was_begun = there.is_some();
    let held = there.filter(|held| held.url == request.url);
    let (opened, saved, range) = ask(sender, request, part, held, again).await?;
    refuse_streams(&saved)?;
    let (start, end, expected) = match range {
        Range::Complete(bytes) => {
            return Ok((SavedResponse { bytes, ..saved }, opened.slot.end()));
        }
        Range::Mismatch => {
            part.discard();
            let error =
                Error::truncated("the server answered a part that does not continue the file");
            return Err(error.with_status(saved.status).into());
        }
        Range::Resumed { start, end, whole } => (start, end, whole),
        Range::FromStart { whole } => {
            if was_begun {
                part.discard();
            }
            (0, None, whole)
        }
    };
    let coding = opened.coding;
    let opens = begun(request, &opened, start, expected);
    let poured = pour(sender, request, part, opened, opens).await;
    let (mut bytes, active) = poured.inspect_err(|error| {
        // What does not fit on the disk must not stay there, or nothing else fits either; nor what no later run resumes.
        let is_useless = matches!(
            error.kind,
            Kind::Disk | Kind::Unsupported | Kind::NotAnImage
        );
        if is_useless || part.held().is_none() {
            part.discard();
        }
    })?;
    if end.is_some_and(|end| bytes > end) {
        part.discard();
        let error = Error::truncated("more bytes came than the part of the file has");
        return Err(error.with_status(saved.status).into());
    }
    bytes = complete(bytes, expected, coding, request, part)
        .await
        .map_err(|error| error.with_status(saved.status))?;
    Ok((SavedResponse { bytes, ..saved }, active))
}

/// Asks for the rest of what is held; where the server does not give that rest, or nothing is held, for all of the file.
async fn ask(
    sender: &Sender,
    request: &Request,
    part: &Part,
    held: Option<Held>,
    again: bool,
) -> Result<(Opened, SavedResponse, Range), FailedAttempt> {
    let conditions = held.as_ref().map(range_request).unwrap_or_default();
    let (asks_for_part, mut again) = (!conditions.is_empty(), again);
    if asks_for_part {
        match sender.open(request, conditions, again).await {
            Ok(opened) => {
                let saved = head_of(&opened);
                let range = Range::of(saved.status, &saved.headers, held.as_ref());
                if range != Range::Mismatch {
                    return Ok((opened, saved, range));
                }
                // What is there is of another file, or nothing shows that it is not.
                part.discard();
            }
            Err(failed) if may_refuse_parts(failed.error.status) => {}
            Err(failed) => return Err(failed),
        }
        again = true;
    }
    let opened = sender.open(request, HeaderMap::new(), again).await?;
    let saved = head_of(&opened);
    let range = Range::of(saved.status, &saved.headers, None);
    Ok((opened, saved, range))
}

/// An answer whose body is still to come, as it will be told of.
fn head_of(opened: &Opened) -> SavedResponse {
    SavedResponse {
        status: opened.response.status().as_u16(),
        url: opened.url.clone(),
        headers: opened.response.headers().clone(),
        bytes: 0,
        attempts: 0,
    }
}

/// What has to hold of a part file when its body has ended: all of it is there, and its content coding is undone. Returns
/// its size.
async fn complete(
    bytes: u64,
    expected: Option<u64>,
    coding: Option<Coding>,
    request: &Request,
    part: &Part,
) -> Result<u64, Error> {
    if let Some(whole) = expected.filter(|whole| bytes < *whole) {
        // On the disk it is kept: the next attempt resumes here.
        if part.in_memory().is_some() {
            part.discard();
        }
        let what = format!("{bytes} of {whole} bytes were answered");
        return Err(Error::truncated(what));
    }
    let Some(coding) = coding else {
        return Ok(bytes);
    };
    let decoded = in_part(coding, part, request.max_bytes).await;
    decoded.inspect_err(|_| part.discard())
}

/// What a part file holds before a body comes: so many bytes of a file with that validator. `whole` is its length, where that is
/// known otherwise than from the answer.
fn begun(request: &Request, opened: &Opened, start: u64, whole: Option<u64>) -> Held {
    let headers = opened.response.headers();
    // Parts of what was encoded on the way are not parts of the file.
    let tag = validators::strong(headers).filter(|_| opened.coding.is_none());
    Held {
        bytes: start,
        url: request.url.clone(),
        validator: tag.unwrap_or_default().to_owned(),
        whole: whole.or(opened.response.content_length()),
    }
}

/// Takes a body after the bytes that are there, and returns the size of the file: on the disk, or in memory if it
/// is small and complete. `opens` is what the part file holds before.
async fn pour(
    sender: &Sender,
    request: &Request,
    part: &Part,
    opened: Opened,
    opens: Held,
) -> Result<(u64, Active), Error> {
    let start = opens.bytes;
    let mut flow = Flow::new(sender, request, &opened, start);
    if flow.announced.is_some_and(|n| n > request.max_bytes) && request.check_start.is_none() {
        return Err(flow.too_large());
    }
    let Opened {
        response,
        host,
        coding,
        slot,
        ..
    } = opened;
    let mut unchecked = request
        .check_start
        .filter(|_| coding.is_none() && start == 0);
    let expected = flow.announced.map_or(0, |n| n - start);
    let mut buffer = Vec::with_capacity(expected.min(WRITE_SIZE as u64) as usize);
    let mut file = None;
    let mut stream = response.bytes_stream();
    loop {
        let chunk = next(sender, request, &mut flow, &mut stream).await;
        if chunk.is_none() {
            host.pacing().body_ended();
        }
        if chunk.is_none() && start == 0 && file.is_none() {
            part.keep_in_memory(buffer.into());
            return Ok((flow.got, slot.end()));
        }
        if buffer.len() >= ENOUGH
            && let Some(check) = unchecked.take()
        {
            flow.check(check, &buffer)?;
        }
        let is_over = !matches!(&chunk, Some(Ok(_)));
        if is_over && (file.is_some() || !buffer.is_empty()) || buffer.len() >= WRITE_SIZE {
            let bytes = std::mem::take(&mut buffer);
            file = Some(write(part.clone(), file.take(), opens.clone(), bytes).await?);
        }
        let Some(chunk) = chunk else {
            return Ok((flow.got, slot.end()));
        };
        let chunk = flow.take(chunk);
        let chunk = chunk.inspect_err(|e| blame(e, &flow, &host, request))?;
        host.pacing().stats.bytes += chunk.len() as u64;
        buffer.extend_from_slice(&chunk);
    }
}

/// Counts JPEGs that begin right where another one ends. Some cameras put two or three into a file.
#[derive(Default)]
struct JpegsInARow {
    /// How many bytes of the mark of an end and a beginning have come last.
    matched: usize,
    count: usize,
}

impl JpegsInARow {
    /// How many there are, with those in these bytes.
    fn more_in(&mut self, bytes: &[u8]) -> usize {
        const BETWEEN: [u8; 5] = [0xff, 0xd9, 0xff, 0xd8, 0xff];
        for &byte in bytes {
            self.matched = match byte == BETWEEN[self.matched] {
                true => self.matched + 1,
                false => usize::from(byte == BETWEEN[0]),
            };
            if self.matched == BETWEEN.len() {
                self.count += 1;
                self.matched = 1;
            }
        }
        self.count
    }
}

/// Refuses pictures that a camera sends one after the other, for ever.
fn refuse_streams(saved: &SavedResponse) -> Result<(), Error> {
    let kind = saved.headers.get("content-type");
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match kind
        .trim_start()
        .to_ascii_lowercase()
        .starts_with("multipart/")
    {
        true => Err(
            Error::not_an_image(format!("a stream of several files ({kind})"))
                .with_status(saved.status),
        ),
        false => Ok(()),
    }
}

/// Writes bytes to a part file, off the async workers. Where it is not open yet, `opens` says what it holds and is of.
async fn write(part: Part, file: Option<File>, opens: Held, bytes: Vec<u8>) -> Result<File, Error> {
    let name = part.clone();
    let write = move || {
        let mut file = match file {
            Some(file) => file,
            None => part.open(&opens)?,
        };
        file.write_all(&bytes).map(|()| file)
    };
    let wrote = tokio::task::spawn_blocking(write).await;
    let wrote = wrote.unwrap_or_else(|e| Err(std::io::Error::other(e)));
    wrote.map_err(|e| match files::are_too_many_open(&e) {
        true => Error::network(format!("too many files are open here: {e}")),
        false => Error::disk(name.cannot_write(e)),
    })
}

fn bytes_of(n: u64) -> String {
    counted(n, "byte", "bytes")
}
