//! Which image is downloaded next: in the order of the set, so many at a time. What happens to one image is `fetch`.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{self, Stream, StreamExt};

use crate::contracts::LocalizedImage;

/// Starts `job` for each image, `at_once` at a time; the stream yields images as they end, with what came of them. Once
/// `is_closed` is set, no further image is started.
pub fn schedule<'a, T, Job: Future<Output = T>>(
    images: Vec<&'a LocalizedImage>,
    at_once: u16,
    is_closed: &'a AtomicBool,
    job: impl Fn(&'a LocalizedImage) -> Job + Copy,
) -> impl Stream<Item = (&'a LocalizedImage, T)> {
    let jobs = stream::iter(images).map(move |image| async move {
        match is_closed.load(Ordering::Relaxed) {
            true => None,
            false => Some((image, job(image).await)),
        }
    });
    let ended = jobs.buffer_unordered(at_once.into());
    ended.filter_map(async |ended| ended)
}
