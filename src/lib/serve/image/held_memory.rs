//! Memory that several may hold, up to a limit: answers, cached or not yet received, and opened images. Clients that read slowly
//! must not make the server grow, so every answer holds its share until its last byte is sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::admission::Busy;

/// How long an answer is sent before its connection may be closed for the sake of others.
const GRACE: Duration = Duration::from_secs(2);
/// How often it is looked for connections that may be closed.
const PAUSE: Duration = Duration::from_millis(100);
/// Answers below this many bytes are not closed for others: they are mostly in the buffers of the system already.
const LEAST_CLOSED: usize = 64 << 10;

/// The memory of all answers, or of all opened images.
#[derive(Debug)]
pub struct HeldMemory {
    most: usize,
    timeout: Duration,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    used: usize,
    next: u64,
    /// Answers that are being sent, by number: bytes, since when, and how to close the connection.
    sent: BTreeMap<u64, (usize, Instant, Arc<Notify>)>,
}

/// A share of the memory, given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    memory: Arc<HeldMemory>,
    bytes: usize,
}

/// An answer that is being sent; it is over when this is dropped.
#[derive(Debug)]
struct Sending {
    memory: Arc<HeldMemory>,
    number: u64,
}

/// Bytes, and what is held as long as they are.
struct Owned<T, H> {
    bytes: T,
    _held: H,
}

impl<T: AsRef<[u8]>, H> AsRef<[u8]> for Owned<T, H> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

impl HeldMemory {
    /// Memory of `most` bytes, for a share of which nobody waits longer than `timeout`.
    pub fn new(most: usize, timeout: Duration) -> Arc<Self> {
        Arc::new(HeldMemory {
            most,
            timeout,
            state: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// A share of so many bytes; what is larger than all of the memory gets all of it. `evict` frees cached answers of so
    /// many bytes. If that is not enough, the connection that has the largest answer for longer than two seconds is closed.
    ///
    /// # Errors
    /// There is no room in time.
    pub async fn share(
        self: &Arc<Self>,
        bytes: usize,
        evict: impl Fn(usize) + Send + Sync,
    ) -> Result<Share, Busy> {
        let bytes = bytes.min(self.most);
        let wait = async {
            loop {
                let freed = self.freed.notified();
                if let Some(share) = self.try_share(bytes) {
                    return share;
                }
                evict(bytes);
                if let Some(share) = self.try_share(bytes) {
                    return share;
                }
                self.close_one();
                let _ = timeout(PAUSE, freed).await;
            }
        };
        timeout(self.timeout, wait).await.map_err(|_| Busy)
    }

    fn try_share(self: &Arc<Self>, bytes: usize) -> Option<Share> {
        let mut state = self.lock();
        if state.used + bytes > self.most {
            return None;
        }
        state.used += bytes;
        drop(state);
        let memory = self.clone();
        Some(Share { memory, bytes })
    }

    fn close_one(&self) {
        let mut state = self.lock();
        let old = state
            .sent
            .iter()
            .filter(|(_, (bytes, since, _))| *bytes >= LEAST_CLOSED && since.elapsed() >= GRACE);
        let Some(number) = old.max_by_key(|(_, sent)| sent.0).map(|(n, _)| *n) else {
            return;
        };
        if let Some((_, _, close)) = state.sent.remove(&number) {
            close.notify_one();
        }
    }

    /// The same bytes, known to be sent over a connection until they are dropped.
    pub fn sending(self: &Arc<Self>, bytes: Bytes, close: Arc<Notify>) -> Bytes {
        if bytes.len() < LEAST_CLOSED {
            return bytes;
        }
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        let sent = (bytes.len(), Instant::now(), close);
        state.sent.insert(number, sent);
        drop(state);
        let _held = Sending {
            memory: self.clone(),
            number,
        };
        Bytes::from_owner(Owned { bytes, _held })
    }

    /// Bytes of all answers now.
    pub fn used(&self) -> usize {
        self.lock().used
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Changed in single steps, so that a panic leaves nothing half-done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// The bytes of an answer, with their share for as long as they are held anywhere.
    pub fn of(mut self, bytes: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        self.resize(bytes.as_ref().len());
        Bytes::from_owner(Owned { bytes, _held: self })
    }

    /// The same for another number of bytes, which is known only now.
    pub fn resized(mut self, bytes: usize) -> Self {
        self.resize(bytes);
        self
    }

    fn resize(&mut self, bytes: usize) {
        let mut state = self.memory.lock();
        state.used = state.used - self.bytes + bytes;
        let is_less = bytes < self.bytes;
        self.bytes = bytes;
        drop(state);
        if is_less {
            self.memory.freed.notify_waiters();
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.lock().used -= self.bytes;
        self.memory.freed.notify_waiters();
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.memory.lock().sent.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: usize) {}

    #[tokio::test(start_paused = true)]
    async fn what_is_not_read_is_closed_for_others_after_a_while() {
        let memory = HeldMemory::new(250_000, Duration::from_secs(30));
        let close = [Arc::new(Notify::new()), Arc::new(Notify::new())];
        let mut sent = Vec::new();
        for (n, close) in (1..).zip(&close) {
            let share = memory.share(n * 80_000, nothing).await.unwrap();
            let bytes = share.of(vec![0; n * 80_000]);
            sent.push(Some(memory.sending(bytes, close.clone())));
        }
        assert_eq!(memory.used(), 240_000);
        let small = memory.share(10_000, nothing).await;
        assert!(small.is_ok(), "what has room waits for nobody");
        let begun = Instant::now();
        let (share, ()) = tokio::join!(memory.share(100_000, nothing), async {
            close[1].notified().await;
            assert!(begun.elapsed() >= GRACE);
            sent[1] = None;
        });
        assert!(share.is_ok());
        drop((share, small, sent));
        assert_eq!(memory.used(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn cached_answers_make_room_and_what_is_larger_than_all_is_alone() {
        let memory = HeldMemory::new(1000, Duration::from_secs(1));
        let cached = Mutex::new(Some(memory.share(900, nothing).await.unwrap()));
        let evict = |_| drop(cached.lock().unwrap().take());
        let all = memory.share(5000, evict).await.unwrap();
        assert_eq!(memory.used(), 1000);
        assert_eq!(memory.share(1, nothing).await.unwrap_err(), Busy);
        // The real length counts once it is known.
        let bytes = all.of(vec![0; 10]);
        assert_eq!((memory.used(), bytes.len()), (10, 10));
    }
}
