//! Decoded pictures, so that the tiles of one picture do not each decode it: bounded by bytes, the least recently
//! used go first, and a picture that several ask for at once is decoded once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::pixels::render::Picture;

/// The cache, by position in the catalogue.
#[derive(Debug)]
pub struct Cache {
    most_bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    slots: HashMap<usize, (u64, Slot)>,
    uses: u64,
}

/// Locked while its picture is being decoded: who comes second waits for the first.
type Slot = Arc<Mutex<Option<Arc<Picture>>>>;

impl Cache {
    /// A cache of at most `most_bytes` of pixels, or of one picture if that is larger.
    pub fn new(most_bytes: usize) -> Self {
        let state = Mutex::default();
        Cache { most_bytes, state }
    }

    /// The picture at a position, decoded by `decode` if it is not here. Blocks while it is decoded. A failure
    /// is not kept: the file may be whole the next time.
    pub fn get(
        &self,
        at: usize,
        decode: impl FnOnce() -> Result<Picture, String>,
    ) -> Result<Arc<Picture>, String> {
        let slot = self.slot(at);
        let mut held = lock(&slot);
        if let Some(picture) = &*held {
            return Ok(picture.clone());
        }
        let picture = Arc::new(decode()?);
        *held = Some(picture.clone());
        drop(held);
        self.evict(at);
        Ok(picture)
    }

    fn slot(&self, at: usize) -> Slot {
        let mut state = lock(&self.state);
        state.uses += 1;
        let uses = state.uses;
        let entry = state.slots.entry(at).or_default();
        entry.0 = uses;
        entry.1.clone()
    }

    /// Lets the least recently used go until the rest fits. `newest` stays, and so does what is being decoded.
    fn evict(&self, newest: usize) {
        let mut state = lock(&self.state);
        let size = |slot: &Slot| {
            slot.try_lock()
                .ok()
                .and_then(|held| held.as_ref().map(|p| p.bytes()))
        };
        let mut done: Vec<(u64, usize, usize)> = (state.slots.iter())
            .filter_map(|(&at, (used, slot))| Some((*used, at, size(slot)?)))
            .collect();
        done.sort_unstable();
        let mut total: usize = done.iter().map(|(_, _, bytes)| bytes).sum();
        for (_, at, bytes) in done {
            if total > self.most_bytes && at != newest {
                state.slots.remove(&at);
                total -= bytes;
            }
        }
    }
}

/// A thread that panicked left nothing half-done behind: slots are set in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// 10 x 10 grey pixels: 100 bytes.
    fn picture() -> Picture {
        let mut png = std::io::Cursor::new(Vec::new());
        image::GrayImage::new(10, 10)
            .write_to(&mut png, image::ImageFormat::Png)
            .unwrap();
        Picture::decode(png.get_ref(), 100).unwrap()
    }

    #[test]
    fn the_least_recently_used_go_when_bytes_run_out() {
        let cache = Cache::new(250);
        let decoded = AtomicUsize::new(0);
        let get = |at| {
            cache
                .get(at, || {
                    decoded.fetch_add(1, Ordering::SeqCst);
                    Ok(picture())
                })
                .unwrap()
        };
        // (position, decodes so far)
        for (at, decodes) in [(1, 1), (2, 2), (1, 2), (3, 3), (1, 3), (2, 4), (3, 5)] {
            get(at);
            assert_eq!(decoded.load(Ordering::SeqCst), decodes, "after {at}");
        }
    }

    #[test]
    fn what_several_ask_for_at_once_is_decoded_once() {
        let cache = Cache::new(1000);
        let decoded = AtomicUsize::new(0);
        let start = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    cache
                        .get(7, || {
                            decoded.fetch_add(1, Ordering::SeqCst);
                            Ok(picture())
                        })
                        .unwrap()
                });
            }
        });
        assert_eq!(decoded.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn failures_are_tried_again() {
        let cache = Cache::new(1000);
        assert_eq!(
            cache.get(1, || Err("cut short".into())).unwrap_err(),
            "cut short"
        );
        assert!(cache.get(1, || Ok(picture())).is_ok());
    }
}
