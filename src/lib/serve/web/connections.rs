//! The limit on open connections: when it is reached, the connection that has been idle for longest is closed for a new
//! one. Otherwise a few thousand idle connections would keep everybody out until they time out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// A request is being answered.
const BUSY: u64 = 0;
/// The answer is ready and being sent.
const ANSWERED: u64 = 1;

/// All open connections.
#[derive(Debug)]
pub struct Connections {
    places: Arc<Semaphore>,
    idle: Mutex<Idle>,
    /// How long a connection may be idle before it can be closed for another one: without it, many new connections would
    /// push out those whose request is about to arrive.
    grace: Duration,
}

/// The idle connections by number, longest idle first: since when, and how to close each.
#[derive(Debug)]
struct Idle {
    next: u64,
    connections: BTreeMap<u64, (Instant, Arc<Notify>)>,
}

/// A connection: idle until a request arrives, then busy, then sending the answer, then idle again.
#[derive(Debug)]
pub struct Connection {
    all: Arc<Connections>,
    /// `BUSY`, `ANSWERED`, or its number among the idle. A request that has not arrived completely changes nothing.
    state: AtomicU64,
    /// Requests that are being answered: several at once over HTTP/2.
    answering: AtomicUsize,
    close: Arc<Notify>,
    _place: OwnedSemaphorePermit,
}

impl Connections {
    /// At most `places` connections, none of which is closed for another before it has been idle for `grace`.
    pub fn new(places: usize, grace: Duration) -> Arc<Self> {
        Arc::new(Connections {
            places: Arc::new(Semaphore::new(places)),
            idle: Mutex::new(Idle {
                next: ANSWERED + 1,
                connections: BTreeMap::new(),
            }),
            grace,
        })
    }

    /// Admits a new connection. If no place is free, the connection that has been idle for longest is closed; if all are
    /// busy, this waits until one is not.
    pub async fn admit(self: &Arc<Self>) -> Option<Arc<Connection>> {
        let place = match self.places.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) => self.freed_place().await?,
        };
        let connection = Connection {
            all: self.clone(),
            state: AtomicU64::new(ANSWERED),
            answering: AtomicUsize::new(0),
            close: Arc::default(),
            _place: place,
        };
        connection.becomes_idle();
        Some(Arc::new(connection))
    }

    async fn freed_place(&self) -> Option<OwnedSemaphorePermit> {
        let free = self.places.clone().acquire_owned();
        tokio::pin!(free);
        while let Err(later) = self.close_idlest() {
            tokio::select! {
                place = &mut free => return place.ok(),
                () = tokio::time::sleep(later) => {}
            }
        }
        free.await.ok()
    }

    /// Closes the connection that has been idle for longest.
    ///
    /// # Errors
    /// None has been idle for long enough: how long to wait before trying again.
    pub fn close_idlest(&self) -> Result<(), Duration> {
        let mut idle = self.lock();
        // Without any, one that becomes idle now may stay so for the whole grace period.
        let longest = idle.connections.first_entry().ok_or(self.grace)?;
        let time = longest.get().0.elapsed();
        if time < self.grace {
            return Err(self.grace - time);
        }
        let (_, close) = longest.remove();
        close.notify_one();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        // Changed in one step, so that a panic leaves nothing half-done.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Notes that a request has arrived.
    pub fn begin_request(&self) {
        self.answering.fetch_add(1, Ordering::Relaxed);
        let number = self.state.swap(BUSY, Ordering::Relaxed);
        self.all.lock().connections.remove(&number);
    }

    /// Notes that the answer is ready.
    pub fn end_request(&self) {
        if self.answering.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.state.store(ANSWERED, Ordering::Relaxed);
        }
    }

    /// What closes the connection.
    pub fn closer(&self) -> Arc<Notify> {
        self.close.clone()
    }

    /// Notes that everything written so far has been sent.
    pub fn note_flushed(&self) {
        if self.state.load(Ordering::Relaxed) == ANSWERED {
            self.becomes_idle();
        }
    }

    /// Whether a request is being answered: then nothing is expected from the client.
    pub fn is_busy(&self) -> bool {
        self.state.load(Ordering::Relaxed) == BUSY
    }

    /// Completes when the connection is to be closed for another one.
    pub async fn closed(&self) {
        self.close.notified().await;
    }

    fn becomes_idle(&self) {
        let mut idle = self.all.lock();
        let number = idle.next;
        idle.next += 1;
        let close = self.close.clone();
        idle.connections.insert(number, (Instant::now(), close));
        self.state.store(number, Ordering::Relaxed);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let number = self.state.load(Ordering::Relaxed);
        self.all.lock().connections.remove(&number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_millis(500);

    async fn is_closed(connection: &Connection) -> bool {
        tokio::time::timeout(Duration::from_millis(1), connection.closed())
            .await
            .is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_is_closed_for_a_new_one() {
        let connections = Connections::new(3, GRACE);
        let first = connections.admit().await.unwrap();
        let second = connections.admit().await.unwrap();
        let third = connections.admit().await.unwrap();
        // It has been idle only since its answer was sent.
        first.begin_request();
        first.end_request();
        first.note_flushed();
        second.begin_request();
        let admitting = tokio::spawn({
            let connections = connections.clone();
            async move { connections.admit().await }
        });
        third.closed().await;
        drop(third);
        assert!(admitting.await.unwrap().is_some());
        assert!(!is_closed(&first).await && !is_closed(&second).await);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_closed_before_the_answer_is_sent() {
        let connections = Connections::new(1, GRACE);
        let only = connections.admit().await.unwrap();
        only.begin_request();
        only.note_flushed();
        assert!(only.is_busy(), "what is sent meanwhile is not an answer");
        only.end_request();
        let admitting = tokio::spawn({
            let connections = connections.clone();
            async move { connections.admit().await }
        });
        tokio::time::advance(GRACE * 2).await;
        assert!(!is_closed(&only).await);
        only.note_flushed();
        only.closed().await;
        drop(only);
        assert!(admitting.await.unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn closed_connections_are_not_closed_again() {
        let connections = Connections::new(2, GRACE);
        let (a, b) = (
            connections.admit().await.unwrap(),
            connections.admit().await.unwrap(),
        );
        drop(a);
        tokio::time::advance(GRACE).await;
        assert_eq!(connections.close_idlest(), Ok(()));
        assert!(is_closed(&b).await);
        assert_eq!(connections.close_idlest(), Err(GRACE), "none is idle");
    }

    #[tokio::test(start_paused = true)]
    async fn new_connections_have_a_grace_period() {
        let connections = Connections::new(1, GRACE);
        let new = connections.admit().await.unwrap();
        tokio::time::advance(GRACE * 2 / 5).await;
        assert_eq!(connections.close_idlest(), Err(GRACE * 3 / 5));
        assert!(!is_closed(&new).await);
    }
}
