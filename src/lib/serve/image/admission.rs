//! Who may work now: a budget of memory in two lanes, so that tiles go on while large pictures wait for each
//! other, and a bound on how many may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is dealt in pieces of 64 KiB.
const PIECE: u64 = 64 << 10;
/// Work of at most this many bytes may use the lane of tiles.
const TILE: u64 = 48 << 20;
/// A quarter of the budget is for tiles alone.
const SHARE_OF_TILES: u64 = 4;

/// The two lanes.
#[derive(Debug)]
pub struct Lanes {
    tiles: Lane,
    large: Lane,
    patience: Duration,
}

#[derive(Debug)]
struct Lane {
    pieces: u32,
    memory: Arc<Semaphore>,
    threads: Arc<Semaphore>,
    waiting: AtomicUsize,
    most_waiting: usize,
}

/// Leave to work; given back when it is dropped.
#[derive(Debug)]
pub struct Leave {
    _memory: OwnedSemaphorePermit,
    _thread: OwnedSemaphorePermit,
}

/// There is more work than can be done in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl Lanes {
    /// Lanes for `bytes` of memory and as many threads, in which at most `most_waiting` wait each, none longer
    /// than `patience`.
    pub fn new(bytes: u64, threads: usize, most_waiting: usize, patience: Duration) -> Self {
        let of_tiles = bytes / SHARE_OF_TILES;
        Lanes {
            tiles: Lane::new(of_tiles, threads, most_waiting),
            // One thread is never taken by large pictures.
            large: Lane::new(
                bytes - of_tiles,
                threads.saturating_sub(1).max(1),
                most_waiting,
            ),
            patience,
        }
    }

    /// Waits for leave to use this many bytes. What is more than a lane has takes all of it, and so works alone.
    pub async fn enter(&self, bytes: u64) -> Result<Leave, Busy> {
        let lane = match bytes <= TILE {
            true => &self.tiles,
            false => &self.large,
        };
        tokio::time::timeout(self.patience, lane.enter(bytes))
            .await
            .unwrap_or(Err(Busy))
    }

    /// How many wait: for tiles, for large pictures.
    pub fn waiting(&self) -> [usize; 2] {
        [&self.tiles, &self.large].map(|lane| lane.waiting.load(Ordering::Relaxed))
    }
}

impl Lane {
    fn new(bytes: u64, threads: usize, most_waiting: usize) -> Self {
        let pieces = u32::try_from(bytes / PIECE).unwrap_or(u32::MAX).max(1);
        let pieces = pieces.min(u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX));
        Lane {
            pieces,
            memory: Arc::new(Semaphore::new(pieces as usize)),
            threads: Arc::new(Semaphore::new(threads)),
            waiting: AtomicUsize::new(0),
            most_waiting,
        }
    }

    async fn enter(&self, bytes: u64) -> Result<Leave, Busy> {
        let _waits = Waits::begin(self)?;
        let pieces = u32::try_from(bytes.div_ceil(PIECE)).unwrap_or(u32::MAX);
        let pieces = pieces.clamp(1, self.pieces);
        // A thread first: memory is not kept from those who could use it. Neither is ever closed.
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
        Ok(Leave {
            _memory: memory,
            _thread: thread,
        })
    }
}

/// A place in the queue, given up in whatever way the wait ends.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(lane: &'a Lane) -> Result<Self, Busy> {
        let before = lane.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Waits(&lane.waiting);
        match before < lane.most_waiting {
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

    fn lanes(patience: u64) -> Lanes {
        Lanes::new(400 * MIB, 2, 2, Duration::from_millis(patience))
    }

    #[tokio::test]
    async fn tiles_go_on_while_a_large_picture_has_its_lane() {
        let lanes = lanes(10);
        let large = lanes.enter(4000 * MIB).await;
        assert!(large.is_ok(), "more than there is works alone");
        assert_eq!(lanes.enter(100 * MIB).await.unwrap_err(), Busy);
        let _tiles = [
            lanes.enter(MIB).await.unwrap(),
            lanes.enter(MIB).await.unwrap(),
        ];
        drop(large);
        assert!(lanes.enter(100 * MIB).await.is_ok());
    }

    #[tokio::test]
    async fn who_finds_the_queue_full_is_sent_away_at_once() {
        let lanes = lanes(60_000);
        let held = lanes.enter(300 * MIB).await.unwrap();
        let wait = || async { lanes.enter(300 * MIB).await.map(drop) };
        let (a, b, c, ()) = tokio::join!(wait(), wait(), wait(), async {
            tokio::task::yield_now().await;
            assert_eq!(lanes.waiting(), [0, 2]);
            drop(held);
        });
        assert_eq!([a, b, c], [Ok(()), Ok(()), Err(Busy)]);
        assert_eq!(lanes.waiting(), [0, 0]);
    }
}
