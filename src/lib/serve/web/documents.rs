//! Documents: made once for all who may see the same, on threads of their own, compressed, and kept until the catalogue
//! changes. A manifest of fifty thousand canvases takes seconds; whoever asks for something else does not wait for it. Long ones
//! are kept in gzip, in which they take a fiftieth of the memory.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use tokio::sync::Semaphore;

use super::coding::{Coding, in_coding, is_text};
use super::message::{Response, error_response};
use crate::serve::cache::memory::Cache;
use crate::serve::image::held_memory::HeldMemory;

/// The number of threads that make documents about one image or canvas, and of those that make all others: nobody waits for a
/// manifest who asks for an annotation page.
const THREADS: usize = 2;
/// How long a request may wait for one of them.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A response and the bytes of its body.
type Whole = (Response, Bytes);

/// All documents that are kept, and the threads that make them.
pub struct Documents {
    kept: Arc<Cache<String, Whole>>,
    quick: Arc<Semaphore>,
    threads: Arc<Semaphore>,
    waiting: AtomicUsize,
    most_waiting: usize,
    memory: Arc<HeldMemory>,
}

impl Documents {
    /// Documents of at most `bytes` that are kept; at most `most_waiting` requests wait for others.
    pub fn new(bytes: usize, most_waiting: usize, memory: Arc<HeldMemory>) -> Self {
        Documents {
            kept: Arc::new(Cache::new(bytes)),
            quick: Arc::new(Semaphore::new(THREADS)),
            threads: Arc::new(Semaphore::new(THREADS)),
            waiting: AtomicUsize::new(0),
            most_waiting,
            memory,
        }
    }

    /// The document with this key in the coding that the client likes best; `make` makes it, in a moment if it is quick. The
    /// key names everything that it depends on.
    pub async fn get(
        &self,
        key: &str,
        accept_encoding: &str,
        is_quick: bool,
        make: impl FnOnce() -> Response + Send + 'static,
    ) -> Whole {
        let own = key.to_owned();
        let threads = match is_quick {
            true => &self.quick,
            false => &self.threads,
        };
        let plain = match self.kept.get(&own, self.made(threads, make)).await {
            Ok((plain, _)) => plain,
            Err(refusal) => return *refusal,
        };
        let is_packed = plain.0.unpacked_length().is_some();
        let coding = match is_packed {
            true => Coding::of_packed(accept_encoding),
            false => Coding::preferred(accept_encoding),
        };
        if is_packed && coding == Coding::Gzip {
            return (in_coding(plain.0, coding), plain.1);
        }
        let is_long = is_packed && coding != Coding::Identity;
        if !is_text(&plain.0) || !is_long && !coding.is_for(plain.1.len()) {
            return plain;
        }
        let key = format!("{} {key}", coding.name());
        let coded = self.kept.get(&key, self.coded(threads, plain, coding));
        match coded.await {
            Ok((coded, _)) => coded,
            Err(refusal) => *refusal,
        }
    }

    /// A document that is not kept yet, and its bytes of memory.
    async fn made(
        &self,
        threads: &Arc<Semaphore>,
        make: impl FnOnce() -> Response + Send + 'static,
    ) -> Result<(Whole, usize), Box<Whole>> {
        let work = move || {
            let mut response = make();
            let bytes = response.body.take_bytes();
            Ok((response, bytes))
        };
        let (mut response, bytes) = self.shared(threads, work).await?;
        if is_text(&response) {
            response.vary_by("accept-encoding");
        }
        let size = bytes.len();
        match response.status {
            200 => Ok(((response, bytes), size)),
            // Refusals are not kept: there may be one for every path.
            _ => Err(Box::new((response, bytes))),
        }
    }

    async fn coded(
        &self,
        threads: &Arc<Semaphore>,
        (response, text): Whole,
        coding: Coding,
    ) -> Result<(Whole, usize), Box<Whole>> {
        let work = move || {
            let coded = match response.unpacked_length() {
                Some(_) => coding.encode(GzDecoder::new(&*text))?,
                None => coding.encode(&*text)?,
            };
            Ok((in_coding(response, coding), coded))
        };
        let (response, bytes) = self.shared(threads, work).await?;
        let size = bytes.len();
        Ok(((response, bytes), size))
    }

    /// Does work on one of these threads. The bytes hold their share of the memory for as long as anybody receives them.
    async fn shared(
        &self,
        threads: &Arc<Semaphore>,
        work: impl FnOnce() -> io::Result<(Response, Vec<u8>)> + Send + 'static,
    ) -> Result<Whole, Box<Whole>> {
        let place = Waits::begin(&self.waiting, self.most_waiting).ok_or_else(busy)?;
        let thread = tokio::time::timeout(TIMEOUT, threads.clone().acquire_owned()).await;
        let thread = thread.map_err(|_| busy())?;
        drop(place);
        let done = tokio::task::spawn_blocking(move || (work(), thread)).await;
        let broken = || refusal(500, "internal error");
        let (made, thread) = done.map_err(|_| broken())?;
        let (response, bytes) = made.map_err(|_| broken())?;
        let kept = self.kept.clone();
        let share = self.memory.share(bytes.len(), move |n| kept.evict(n)).await;
        drop(thread);
        let share = share.map_err(|_| busy())?;
        Ok((response, share.of(bytes)))
    }
}

/// A place among those who wait.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicUsize, most: usize) -> Option<Self> {
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        let place = Waits(waiting);
        (before < most).then_some(place)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn busy() -> Box<Whole> {
    let mut busy = refusal(503, "the server is too busy, try again later");
    busy.0.set_header("retry-after", "5");
    busy
}

fn refusal(status: u16, why: &str) -> Box<Whole> {
    let mut response = error_response(status, why);
    let bytes = response.body.take_bytes();
    Box::new((response, bytes.into()))
}
