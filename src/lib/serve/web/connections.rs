//! Who waits for whom: connections that say nothing make room for new ones, whoever has said nothing for longest
//! first. Without that, some thousand idle connections would keep everybody out for as long as patience lasts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// The request is being answered.
const BUSY: u64 = 0;
/// The answer is made, and on its way.
const ANSWERED: u64 = 1;

/// Places for connections.
#[derive(Debug)]
pub struct Guests {
    places: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
    /// How long everybody may take to ask, however many come: else a crowd pushes out who has something to ask.
    grace: Duration,
}

/// Connections of which a request is awaited, longest first.
#[derive(Debug)]
struct Waiting {
    next: u64,
    guests: BTreeMap<u64, (Instant, Arc<Notify>)>,
}

/// A connection: it waits for a request, has it answered, takes the answer, and waits again.
#[derive(Debug)]
pub struct Guest {
    guests: Arc<Guests>,
    /// `BUSY`, `ANSWERED`, or since when it waits. Parts of a request change nothing.
    state: AtomicU64,
    leave: Arc<Notify>,
    _place: OwnedSemaphorePermit,
}

impl Guests {
    /// So many places, all of them free, which nobody has to leave before `grace` is over.
    pub fn new(places: usize, grace: Duration) -> Arc<Self> {
        Arc::new(Guests {
            places: Arc::new(Semaphore::new(places)),
            waiting: Mutex::new(Waiting {
                next: ANSWERED + 1,
                guests: BTreeMap::new(),
            }),
            grace,
        })
    }

    /// A place for a new connection. Where none is free, whoever waits longest has to leave; where all are being
    /// answered, it takes until one is not.
    pub async fn enter(self: &Arc<Self>) -> Option<Arc<Guest>> {
        let place = match self.places.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) => self.place_of_another().await?,
        };
        let guest = Guest {
            guests: self.clone(),
            state: AtomicU64::new(ANSWERED),
            leave: Arc::default(),
            _place: place,
        };
        guest.waits();
        Some(Arc::new(guest))
    }

    async fn place_of_another(&self) -> Option<OwnedSemaphorePermit> {
        let free = self.places.clone().acquire_owned();
        tokio::pin!(free);
        while let Err(later) = self.dismiss() {
            tokio::select! {
                place = &mut free => return place.ok(),
                () = tokio::time::sleep(later) => {}
            }
        }
        free.await.ok()
    }

    /// Ends the connection that has waited longest, if its time is over; else how long to wait before trying again.
    pub fn dismiss(&self) -> Result<(), Duration> {
        let mut waiting = self.lock();
        // Who begins to wait has all of its time before it.
        let longest = waiting.guests.first_entry().ok_or(self.grace)?;
        let waited = longest.get().0.elapsed();
        if waited < self.grace {
            return Err(self.grace - waited);
        }
        let (_, leave) = longest.remove();
        leave.notify_one();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Changed in one step: whoever panicked left nothing half-done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// A request of it has arrived.
    pub fn asks(&self) {
        let since = self.state.swap(BUSY, Ordering::Relaxed);
        self.guests.lock().guests.remove(&since);
    }

    /// The answer is made.
    pub fn is_answered(&self) {
        self.state.store(ANSWERED, Ordering::Relaxed);
    }

    /// All that was to be sent is sent.
    pub fn is_sent(&self) {
        if self.state.load(Ordering::Relaxed) == ANSWERED {
            self.waits();
        }
    }

    /// Whether an answer is being made for it: then it need not say anything.
    pub fn is_busy(&self) -> bool {
        self.state.load(Ordering::Relaxed) == BUSY
    }

    /// Ends when its place is needed.
    pub async fn dismissed(&self) {
        self.leave.notified().await;
    }

    fn waits(&self) {
        let mut waiting = self.guests.lock();
        let since = waiting.next;
        waiting.next += 1;
        let leave = self.leave.clone();
        waiting.guests.insert(since, (Instant::now(), leave));
        self.state.store(since, Ordering::Relaxed);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let since = self.state.load(Ordering::Relaxed);
        self.guests.lock().guests.remove(&since);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_millis(500);

    async fn is_dismissed(guest: &Guest) -> bool {
        tokio::time::timeout(Duration::from_millis(1), guest.dismissed())
            .await
            .is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_longest_makes_room() {
        let guests = Guests::new(3, GRACE);
        let first = guests.enter().await.unwrap();
        let second = guests.enter().await.unwrap();
        let third = guests.enter().await.unwrap();
        // Asked and was answered: since then it waits anew.
        first.asks();
        first.is_answered();
        first.is_sent();
        second.asks();
        let entering = tokio::spawn({
            let guests = guests.clone();
            async move { guests.enter().await }
        });
        third.dismissed().await;
        drop(third);
        assert!(entering.await.unwrap().is_some());
        assert!(!is_dismissed(&first).await && !is_dismissed(&second).await);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_dismissed_before_the_answer_is_sent() {
        let guests = Guests::new(1, GRACE);
        let only = guests.enter().await.unwrap();
        only.asks();
        only.is_sent();
        assert!(only.is_busy(), "what is sent meanwhile is no answer");
        only.is_answered();
        let entering = tokio::spawn({
            let guests = guests.clone();
            async move { guests.enter().await }
        });
        tokio::time::advance(GRACE * 2).await;
        assert!(!is_dismissed(&only).await);
        only.is_sent();
        only.dismissed().await;
        drop(only);
        assert!(entering.await.unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_left_is_not_dismissed() {
        let guests = Guests::new(2, GRACE);
        let (a, b) = (guests.enter().await.unwrap(), guests.enter().await.unwrap());
        drop(a);
        tokio::time::advance(GRACE).await;
        assert_eq!(guests.dismiss(), Ok(()));
        assert!(is_dismissed(&b).await);
        assert_eq!(guests.dismiss(), Err(GRACE), "nobody waits");
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_pushes_nobody_out_who_has_just_come() {
        let guests = Guests::new(1, GRACE);
        let new = guests.enter().await.unwrap();
        tokio::time::advance(GRACE * 2 / 5).await;
        assert_eq!(guests.dismiss(), Err(GRACE * 3 / 5));
        assert!(!is_dismissed(&new).await);
    }
}
