//! Values that were made once and may be wanted again: bounded by bytes, and made once for all who want them at the
//! same time. Storing and evicting is done by `quick_cache`.

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::{Cache as Values, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

/// About the bytes of a value. It sizes the list of keys that were evicted lately, which come back sooner.
const USUAL_BYTES: usize = 32 << 10;

/// The cache.
#[derive(Debug)]
pub struct Cache<K, V> {
    values: Values<K, (V, usize), Weight>,
    /// Calls of [`Cache::forget`].
    forgotten: AtomicU64,
}

/// A value weighs as many bytes as it takes, at most `most`: a heavier one than the whole cache would not be kept.
#[derive(Clone, Debug)]
struct Weight {
    most: u64,
}

impl<K, V> Weighter<K, (V, usize)> for Weight {
    fn weight(&self, _: &K, (_, bytes): &(V, usize)) -> u64 {
        (*bytes as u64).min(self.most).max(1)
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Cache<K, V> {
    /// A cache of at most `most_bytes`, or of one value if that is larger.
    pub fn new(most_bytes: usize) -> Self {
        let options = OptionsBuilder::new()
            .weight_capacity(most_bytes as u64)
            .estimated_items_capacity((most_bytes / USUAL_BYTES).clamp(32, 1 << 20))
            // Each shard would have its own part of the bytes, which a decoded image may exceed.
            .shards(1)
            .build();
        // It fails only where one of the three is missing.
        let options = options.expect("all three are given");
        // `quick_cache` takes a value of up to 97 % of the whole.
        let most = most_bytes as u64 / 20 * 19;
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Cache {
            values: Values::with_options(options, Weight { most }, hasher, lifecycle),
            forgotten: AtomicU64::new(0),
        }
    }

    /// The value of a key, and whether it was here or already being made; if not, the result of `make`, a value and
    /// its bytes. If `make` fails or is dropped, the next who waits makes the value.
    ///
    /// # Errors
    /// Those of `make`. They are not kept: what failed may succeed the next time.
    pub async fn get<E>(
        &self,
        key: &K,
        make: impl Future<Output = Result<(V, usize), E>>,
    ) -> Result<(V, bool), E> {
        let place = match self.values.get_value_or_guard_async(key).await {
            Ok((value, _)) => return Ok((value, true)),
            Err(place) => place,
        };
        let before = self.forgotten.load(Ordering::SeqCst);
        let (value, bytes) = make.await?;
        // Fails where the place was taken away meanwhile; then the value is not kept.
        let _ = place.insert((value.clone(), bytes));
        if self.forgotten.load(Ordering::SeqCst) != before {
            // `forget` does not see what is being made, and this may have been meant.
            self.values.remove(key);
        }
        Ok((value, false))
    }

    /// The value of a key if it is here; one that is being made is not waited for.
    pub fn peek(&self, key: &K) -> Option<V> {
        self.values.peek(key).map(|(value, _)| value)
    }

    /// Removes all values whose keys are meant. Those being made at this moment are not kept.
    pub fn forget(&self, is_meant: impl Fn(&K) -> bool) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.values.retain(|key, _| !is_meant(key));
    }

    /// Bytes held now.
    pub fn bytes(&self) -> usize {
        usize::try_from(self.values.weight()).unwrap_or(usize::MAX)
    }
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
    async fn a_value_larger_than_the_cache_is_kept_alone() {
        let cache = Cache::new(250);
        for (key, bytes, there) in [
            (1, 100, false),
            (2, 1000, false),
            (2, 1000, true),
            (1, 100, false),
            (1, 100, true),
        ] {
            let made = cache.get(&key, async { Ok::<_, ()>((key, bytes)) });
            assert_eq!(made.await, Ok((key, there)), "{key} {bytes}");
        }
        assert!(cache.bytes() <= 250);
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
        assert_eq!((cache.values.len(), cache.bytes()), (0, 0));
        assert_eq!(
            cache.get(&1, async { Ok::<_, ()>((5, 1)) }).await,
            Ok((5, false))
        );
    }

    #[tokio::test]
    async fn of_several_who_wait_the_next_makes_what_failed() {
        let (cache, made) = (Cache::new(1000), AtomicUsize::new(0));
        let ask = || {
            cache.get(&7, async {
                tokio::task::yield_now().await;
                match made.fetch_add(1, Ordering::SeqCst) {
                    0 => Err("cut short"),
                    n => Ok((n, 1)),
                }
            })
        };
        let answers = futures::future::join_all((0..8).map(|_| ask())).await;
        let failed = answers.iter().filter(|answer| answer.is_err()).count();
        assert_eq!((made.load(Ordering::SeqCst), failed), (2, 1));
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
