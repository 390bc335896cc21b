//! Admission of rendering work: a budget of memory for two queues, so that tiles are rendered while large images wait for
//! each other, and a limit on how many may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is granted in pieces of this many bytes.
const PIECE: u64 = 64 << 10;
/// The most bytes of memory that work in the queue of tiles may take.
const TILE: u64 = 48 << 20;
/// The queue of tiles has one part in this many of the budget.
const SHARE_OF_TILES: u64 = 4;

/// The two queues of work.
#[derive(Debug)]
pub struct Admission {
    tiles: WorkQueue,
    large: WorkQueue,
    timeout: Duration,
}

#[derive(Debug)]
struct WorkQueue {
    pieces: u32,
    memory: Arc<Semaphore>,
    threads: Arc<Semaphore>,
    waiting: AtomicUsize,
    most_waiting: usize,
}

/// The permit to do some work; given back when it is dropped.
#[derive(Debug)]
pub struct Permit {
    memory: OwnedSemaphorePermit,
    _thread: OwnedSemaphorePermit,
}

impl Permit {
    /// The memory alone: for work that hangs, so that its thread no longer counts.
    pub fn without_thread(self) -> OwnedSemaphorePermit {
        self.memory
    }
}

/// There is too much work to do it in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl Admission {
    /// Admission to `bytes` of memory and so many threads. At most `most_waiting` wait in each queue, none longer than
    /// `timeout`.
    pub fn new(bytes: u64, threads: usize, most_waiting: usize, timeout: Duration) -> Self {
        let of_tiles = bytes / SHARE_OF_TILES;
        Admission {
            tiles: WorkQueue::new(of_tiles, threads, most_waiting),
            // One thread is always left for tiles.
            large: WorkQueue::new(
                bytes - of_tiles,
                threads.saturating_sub(1).max(1),
                most_waiting,
            ),
            timeout,
        }
    }

    /// Waits for a permit to use this many bytes. Work that needs more than there is for its queue takes
    /// all of it, and so runs alone.
    ///
    /// # Errors
    /// Too many wait already, or the permit was not granted in time.
    pub async fn enter(&self, bytes: u64) -> Result<Permit, Busy> {
        let queue = match bytes <= TILE {
            true => &self.tiles,
            false => &self.large,
        };
        tokio::time::timeout(self.timeout, queue.enter(bytes))
            .await
            .unwrap_or(Err(Busy))
    }

    /// How many wait in each queue: `[tiles, large images]`.
    pub fn waiting(&self) -> [usize; 2] {
        [&self.tiles, &self.large].map(|queue| queue.waiting.load(Ordering::Relaxed))
    }
}

impl WorkQueue {
    fn new(bytes: u64, threads: usize, most_waiting: usize) -> Self {
        let pieces = u32::try_from(bytes / PIECE).unwrap_or(u32::MAX).max(1);
        let pieces = pieces.min(u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX));
        WorkQueue {
            pieces,
            memory: Arc::new(Semaphore::new(pieces as usize)),
            threads: Arc::new(Semaphore::new(threads)),
            waiting: AtomicUsize::new(0),
            most_waiting,
        }
    }

    async fn enter(&self, bytes: u64) -> Result<Permit, Busy> {
        let _waits = Waits::begin(self)?;
        let pieces = u32::try_from(bytes.div_ceil(PIECE)).unwrap_or(u32::MAX);
        let pieces = pieces.clamp(1, self.pieces);
        // The thread first, so that nobody holds memory while waiting. Neither semaphore is ever closed.
        let thread = self
            .threads
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| Busy)?;
        let memory = self
            .memory
            .clone()
            .acquire_many_owned(pieces)
            .await
            .map_err(|_| Busy)?;
        Ok(Permit {
            memory,
            _thread: thread,
        })
    }
}

/// A place in the queue, given up when the wait ends in whatever way.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(queue: &'a WorkQueue) -> Result<Self, Busy> {
        let before = queue.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Waits(&queue.waiting);
        match before < queue.most_waiting {
            true => Ok(place),
            false => Err(Busy),
        }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn admission(timeout: u64) -> Admission {
        Admission::new(400 * MIB, 2, 2, Duration::from_millis(timeout))
    }

    #[tokio::test]
    async fn tiles_are_admitted_while_a_large_image_has_its_memory() {
        let admission = admission(10);
        let large = admission.enter(4000 * MIB).await;
        assert!(large.is_ok(), "work for more than there is runs alone");
        assert_eq!(admission.enter(100 * MIB).await.unwrap_err(), Busy);
        let _tiles = [
            admission.enter(MIB).await.unwrap(),
            admission.enter(MIB).await.unwrap(),
        ];
        drop(large);
        assert!(admission.enter(100 * MIB).await.is_ok());
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let admission = admission(60_000);
        let held = admission.enter(300 * MIB).await.unwrap();
        let wait = || async { admission.enter(300 * MIB).await.map(drop) };
        let (a, b, c, ()) = tokio::join!(wait(), wait(), wait(), async {
            tokio::task::yield_now().await;
            assert_eq!(admission.waiting(), [0, 2]);
            drop(held);
        });
        assert_eq!([a, b, c], [Ok(()), Ok(()), Err(Busy)]);
        assert_eq!(admission.waiting(), [0, 0]);
    }
}
