//! A cache in memory, bounded by bytes: the least recently used values are evicted first, and a value that several tasks
//! want at the same time is made once.
//!
//! It is our own because of two guarantees that `quick_cache` and `moka` do not give: a value is kept at its first use, even
//! if it is larger than everything else, since a decoded image is needed again for its next tile; and what is being made
//! while its key is forgotten is not kept.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The cache.
#[derive(Debug)]
pub struct Cache<K, V> {
    most_bytes: usize,
    state: Mutex<State<K, V>>,
}

#[derive(Debug)]
struct State<K, V> {
    slots: HashMap<K, CachedValue<V>>,
    /// Keys in the order of their last use.
    order: BTreeMap<u64, K>,
    bytes: usize,
    uses: u64,
}

#[derive(Debug)]
struct CachedValue<V> {
    used: u64,
    /// 0 while it is being made.
    bytes: usize,
    slot: Slot<V>,
}

/// Locked while its value is being made: the second task waits for the first.
type Slot<V> = Arc<tokio::sync::Mutex<Option<V>>>;

impl<K: Clone + Eq + Hash, V: Clone> Cache<K, V> {
    /// A cache of at most `most_bytes`, or of one value if that is larger.
    pub fn new(most_bytes: usize) -> Self {
        let state = Mutex::new(State {
            slots: HashMap::new(),
            order: BTreeMap::new(),
            bytes: 0,
            uses: 0,
        });
        Cache { most_bytes, state }
    }

    /// The value of a key, and whether it was in the cache or already being made; if not, the result of `make`: a value
    /// and its bytes of memory.
    ///
    /// # Errors
    /// Those of `make`. They are not cached: what failed may succeed the next time.
    pub async fn get<E>(
        &self,
        key: &K,
        make: impl Future<Output = Result<(V, usize), E>>,
    ) -> Result<(V, bool), E> {
        let making = Making {
            cache: self,
            key,
            slot: self.slot(key),
        };
        let mut held = making.slot.lock().await;
        if let Some(value) = &*held {
            return Ok((value.clone(), true));
        }
        let (value, bytes) = make.await?;
        *held = Some(value.clone());
        self.settle(key, &making.slot, bytes);
        Ok((value, false))
    }

    /// The value of a key if it is in the cache; a value that is being made is not waited for.
    pub fn peek(&self, key: &K) -> Option<V> {
        let slot = lock(&self.state).slots.get(key)?.slot.clone();
        let held = slot.try_lock().ok()?;
        held.clone()
    }

    /// Removes all values whose keys `is_meant` selects. Those being made at this moment will not be kept.
    pub fn forget(&self, is_meant: impl Fn(&K) -> bool) {
        let mut state = lock(&self.state);
        let meant: Vec<K> = state
            .slots
            .keys()
            .filter(|key| is_meant(key))
            .cloned()
            .collect();
        for key in meant {
            state.remove(&key);
        }
    }

    /// Evicts the least recently used values of so many bytes, for others that need the memory more.
    pub fn evict(&self, bytes: usize) {
        let mut state = lock(&self.state);
        let goal = state.bytes.saturating_sub(bytes);
        while state.bytes > goal {
            let made = |k: &&K| state.slots.get(k).is_some_and(|e| e.bytes > 0);
            let Some(oldest) = state.order.values().find(made).cloned() else {
                return;
            };
            state.remove(&oldest);
        }
    }

    /// Bytes of memory that the values take now.
    pub fn bytes(&self) -> usize {
        lock(&self.state).bytes
    }

    fn slot(&self, key: &K) -> Slot<V> {
        let mut state = lock(&self.state);
        state.uses += 1;
        let used = state.uses;
        let entry = state
            .slots
            .entry(key.clone())
            .or_insert_with(|| CachedValue {
                used,
                bytes: 0,
                slot: Slot::default(),
            });
        let before = std::mem::replace(&mut entry.used, used);
        let slot = entry.slot.clone();
        state.order.remove(&before);
        state.order.insert(used, key.clone());
        slot
    }

    /// Counts a value that was just made, and evicts the least recently used until the rest fits.
    fn settle(&self, key: &K, slot: &Slot<V>, bytes: usize) {
        let mut state = lock(&self.state);
        let Some(entry) = state.slots.get_mut(key) else {
            return;
        };
        if !Arc::ptr_eq(&entry.slot, slot) {
            return;
        }
        entry.bytes = bytes.max(1);
        state.bytes += bytes.max(1);
        while state.bytes > self.most_bytes {
            let made = |k: &&K| *k != key && state.slots.get(k).is_some_and(|e| e.bytes > 0);
            let Some(oldest) = state.order.values().find(made).cloned() else {
                return;
            };
            state.remove(&oldest);
        }
    }
}

impl<K: Eq + Hash, V> State<K, V> {
    fn remove(&mut self, key: &K) {
        if let Some(entry) = self.slots.remove(key) {
            self.order.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }
}

/// A use of a slot. If it ends without a value, by failure or because the client went away, the slot is removed with the
/// last task that waits for it.
struct Making<'a, K: Eq + Hash, V> {
    cache: &'a Cache<K, V>,
    key: &'a K,
    slot: Slot<V>,
}

impl<K: Eq + Hash, V> Drop for Making<'_, K, V> {
    fn drop(&mut self) {
        let mut state = lock(&self.cache.state);
        // Held by the map and by this use.
        let alone = Arc::strong_count(&self.slot) <= 2;
        let empty = |e: &CachedValue<V>| Arc::ptr_eq(&e.slot, &self.slot) && e.bytes == 0;
        if alone && state.slots.get(self.key).is_some_and(empty) {
            state.remove(self.key);
        }
    }
}

/// A thread that panicked left nothing half-done behind: entries are set in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn the_least_recently_used_go_when_bytes_run_out() {
        let cache = Cache::new(250);
        // (key, whether it was there)
        for (key, there) in [
            (1, false),
            (2, false),
            (1, true),
            (3, false),
            (1, true),
            (2, false),
            (3, false),
        ] {
            let (_, hit) = cache
                .get(&key, async { Ok::<_, ()>((key, 100)) })
                .await
                .unwrap();
            assert_eq!(hit, there, "{key}");
        }
        assert_eq!(cache.bytes(), 200);
    }

    #[tokio::test]
    async fn the_oldest_make_room_when_others_need_the_memory() {
        let cache = Cache::new(1000);
        for key in [1, 2, 3] {
            let _ = cache.get(&key, async { Ok::<_, ()>((key, 100)) }).await;
        }
        cache.evict(150);
        assert_eq!((cache.bytes(), cache.peek(&3)), (100, Some(3)));
    }

    #[tokio::test]
    async fn what_is_forgotten_is_made_again() {
        let cache = Cache::new(1000);
        for key in [1, 2, 3] {
            let _ = cache.get(&key, async { Ok::<_, ()>((key, 100)) }).await;
        }
        cache.forget(|key| *key < 3);
        assert_eq!((cache.peek(&1), cache.peek(&3)), (None, Some(3)));
        assert_eq!(cache.bytes(), 100);
        let making = cache.get(&4, async {
            cache.forget(|key| *key == 4);
            Ok::<_, ()>((4, 100))
        });
        assert_eq!(making.await, Ok((4, false)));
        assert_eq!((cache.peek(&4), cache.bytes()), (None, 100));
    }

    #[tokio::test]
    async fn what_several_ask_for_at_once_is_made_once() {
        let (cache, made) = (Cache::new(1000), AtomicUsize::new(0));
        let ask = || {
            cache.get(&7, async {
                tokio::task::yield_now().await;
                Ok::<_, ()>((made.fetch_add(1, Ordering::SeqCst), 1))
            })
        };
        let answers = futures::future::join_all((0..8).map(|_| ask())).await;
        assert_eq!(made.load(Ordering::SeqCst), 1);
        assert!(answers.into_iter().all(|answer| answer.unwrap().0 == 0));
    }

    #[tokio::test]
    async fn failures_are_tried_again_and_leave_nothing() {
        let cache = Cache::new(1000);
        let failed = cache
            .get(&1, async { Err::<(u8, usize), _>("cut short") })
            .await;
        assert_eq!(failed.unwrap_err(), "cut short");
        assert!(lock(&cache.state).slots.is_empty());
        assert_eq!(
            cache.get(&1, async { Ok::<_, ()>((5, 1)) }).await,
            Ok((5, false))
        );
    }

    #[tokio::test]
    async fn who_gave_up_does_not_keep_the_next_from_it() {
        let cache: Cache<i32, i32> = Cache::new(1000);
        let never = cache.get(&1, std::future::pending::<Result<(i32, usize), ()>>());
        tokio::select! { biased; _ = never => {}, () = tokio::task::yield_now() => {} }
        assert_eq!(
            cache.get(&1, async { Ok::<_, ()>((5, 1)) }).await,
            Ok((5, false))
        );
    }
}
