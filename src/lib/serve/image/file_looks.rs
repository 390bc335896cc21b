//! Looks at files, on threads that may wait: a disk that hangs or a slow tape must not keep the threads that answer, nor those
//! that look at other disks. Of many requests for one file only one looks, and nobody waits for a file longer than a limit.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

use crate::serve::image_record::{FileError, FileFacts};

/// The number of threads that wait for the files of one disk.
const THREADS: usize = 32;
/// For how long a file counts as unchanged after it was looked at. The times of files are no finer than that, and many
/// requests for one image share a look.
const FRESH: Duration = Duration::from_millis(1);

/// Looks at many files take at most one part in this many of the time.
const SHARE: u32 = 20;

/// What is known about files, and the looks at them that are under way.
#[derive(Debug)]
pub struct FileLooks {
    /// The threads of each disk, by its number.
    threads: Mutex<HashMap<u64, Arc<Semaphore>>>,
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By id of the image.
    known: HashMap<String, KnownFile>,
    pending: HashMap<String, Pending>,
    /// When many files may be looked at again, by the id of the first.
    turns: HashMap<String, Instant>,
}

#[derive(Clone, Debug)]
struct KnownFile {
    looked: Instant,
    /// The stamp of the file when it was looked at.
    seen: u64,
    facts: FileFacts,
}

#[derive(Clone, Debug)]
struct Pending {
    result: Shared<BoxFuture<'static, Result<FileFacts, FileError>>>,
    /// Somebody has waited too long for it.
    is_late: Arc<AtomicBool>,
}

impl FileLooks {
    /// Looks that nobody waits for longer than `timeout`.
    pub fn new(timeout: Duration) -> Arc<Self> {
        Arc::new(FileLooks {
            threads: Mutex::default(),
            timeout,
            state: Mutex::default(),
        })
    }

    /// The facts about the file of an image, if it was looked at a moment ago.
    pub fn recent(&self, id: &str) -> Option<FileFacts> {
        let state = self.lock();
        let known = state.known.get(id)?;
        (known.looked.elapsed() < FRESH).then(|| known.facts.clone())
    }

    /// The facts about the file of an image, if it has this stamp now; it counts as looked at.
    pub fn unchanged(&self, id: &str, seen: u64) -> Option<FileFacts> {
        let mut state = self.lock();
        let known = state.known.get_mut(id).filter(|known| known.seen == seen)?;
        known.looked = Instant::now();
        Some(known.facts.clone())
    }

    /// Remembers the facts about a file that had this stamp.
    pub fn learn(&self, id: &str, seen: u64, facts: &FileFacts) {
        let known = KnownFile {
            looked: Instant::now(),
            seen,
            facts: facts.clone(),
        };
        self.lock().known.insert(id.to_owned(), known);
    }

    /// Forgets everything about files whose images are gone.
    pub fn keep_only(&self, is_kept: impl Fn(&str) -> bool) {
        self.lock().known.retain(|id, _| is_kept(id));
    }

    /// Looks at the file of an image, on this disk; joins a look that is under way.
    ///
    /// # Errors
    /// The file cannot be read, or does not answer in time.
    pub async fn look(
        self: &Arc<Self>,
        id: &str,
        disk: u64,
        work: impl FnOnce() -> Result<FileFacts, FileError> + Send + 'static,
    ) -> Result<FileFacts, FileError> {
        let pending = self.pending(id, disk, work);
        if pending.is_late.load(Ordering::Relaxed) {
            return Err(FileError::late());
        }
        let waited = tokio::time::timeout(self.timeout, pending.result).await;
        waited.unwrap_or_else(|_| {
            pending.is_late.store(true, Ordering::Relaxed);
            Err(FileError::late())
        })
    }

    fn pending(
        self: &Arc<Self>,
        id: &str,
        disk: u64,
        work: impl FnOnce() -> Result<FileFacts, FileError> + Send + 'static,
    ) -> Pending {
        let mut state = self.lock();
        if let Some(pending) = state.pending.get(id) {
            return pending.clone();
        }
        let (send, receive) = oneshot::channel();
        let (looks, own) = (self.clone(), id.to_owned());
        tokio::spawn(async move {
            let result = looks.on_thread(disk, work).await;
            looks.lock().pending.remove(&own);
            // Everybody may have gone.
            let _ = send.send(result);
        });
        let result = receive.map(|result| result.unwrap_or_else(|_| Err(FileError::late())));
        let pending = Pending {
            result: result.boxed().shared(),
            is_late: Arc::default(),
        };
        state.pending.insert(id.to_owned(), pending.clone());
        pending
    }

    /// Does work that may have to wait for files, on a thread for that. It is not bounded in time, and keeps its thread
    /// until it ends.
    async fn on_thread<T: Send + 'static>(
        &self,
        disk: u64,
        work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
    ) -> Result<T, FileError> {
        let threads = {
            let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
            let of_disk = threads.entry(disk);
            of_disk
                .or_insert_with(|| Arc::new(Semaphore::new(THREADS)))
                .clone()
        };
        // It is never closed.
        let thread = threads.acquire_owned().await;
        let work = move || {
            let done = work();
            drop(thread);
            done
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|_| Err(FileError::Gone("its file could not be read".into())))
    }

    /// Does work that may have to wait for files of a disk, and waits for it no longer than the limit.
    ///
    /// # Errors
    /// Those of the work, or it takes too long.
    pub async fn within_limit<T: Send + 'static>(
        &self,
        disk: u64,
        work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
    ) -> Result<T, FileError> {
        let work = self.on_thread(disk, work);
        let done = tokio::time::timeout(self.timeout, work).await;
        done.unwrap_or_else(|_| Err(FileError::late()))
    }

    /// Does work on many files, of which the first has this id and lies on this disk, unless that was done a moment ago. What takes long is done
    /// rarely, and nobody waits for it longer than the limit.
    pub async fn now_and_then(
        self: &Arc<Self>,
        id: &str,
        disk: u64,
        work: impl FnOnce() + Send + 'static,
    ) {
        let begun = Instant::now();
        {
            let mut state = self.lock();
            if state.turns.get(id).is_some_and(|next| begun < *next) {
                return;
            }
            // Nobody else looks meanwhile.
            state.turns.insert(id.to_owned(), begun + self.timeout);
        }
        let (looks, own) = (self.clone(), id.to_owned());
        let work = move || {
            let begun = Instant::now();
            work();
            let next = Instant::now() + begun.elapsed() * SHARE;
            looks.lock().turns.insert(own, next);
            Ok(())
        };
        // If the files do not answer, it goes on without anybody.
        let _ = self.within_limit(disk, work).await;
    }

    /// How long anybody waits for a file.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Entries are set in one step, so none is half-done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use recto_testkit::gate::Gate;
    use recto_testkit::wait_until;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_disk_that_hangs_keeps_no_other_waiting() {
        let looks = FileLooks::new(Duration::from_secs(20));
        let gate = Gate::closed();
        let hangs = |n: usize| {
            let (looks, gate) = (looks.clone(), gate.clone());
            tokio::spawn(async move {
                let wait = move || {
                    gate.pass();
                    Err(FileError::late())
                };
                looks.look(&n.to_string(), 1, wait).await
            })
        };
        // More than there are threads for the disk.
        let hanging: Vec<_> = (0..THREADS + 4).map(hangs).collect();
        wait_until(|| gate.held() == THREADS);
        assert_eq!(looks.within_limit(2, || Ok(7)).await, Ok(7));
        assert!(hanging.iter().all(|look| !look.is_finished()));
        gate.open();
        for look in hanging {
            assert_eq!(look.await.unwrap(), Err(FileError::late()));
        }
    }
}
