//! Answers looked at to their last bit, off the async workers.

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::cover::Rect;
use crate::files::Part;
use crate::http::Kind;
use crate::pixels::{self, Flaw, Sound};

/// The size of a picture, looked at to its last bit when it is the size wanted.
pub async fn size_of(body: Bytes, wanted: [u32; 2]) -> Result<[u32; 2], (Kind, String)> {
    blocking(move || {
        if let Ok(header) = pixels::measure_bytes(&body)
            && [header.width, header.height] != wanted
        {
            return Ok([header.width, header.height]);
        }
        let header = pixels::verify(&body).map_err(flaw)?;
        Ok([header.width, header.height])
    })
    .await
}

/// More bytes than any encoding of a region needs.
pub fn region_bytes(cell: Rect) -> u64 {
    (16 * u64::from(cell.width) * u64::from(cell.height)).max(64 << 20)
}

/// Looks at what was downloaded from its first byte to its last, and then does what follows from that.
pub async fn look_at<T: Send + 'static>(
    part: &Part,
    then: impl FnOnce(Sound) -> Result<T, (Kind, String)> + Send + 'static,
) -> Result<T, (Kind, String)> {
    let part = part.clone();
    let look = move || match part.in_memory() {
        Some(bytes) => pixels::verify_bytes(&bytes),
        None => pixels::verify_file(part.path()),
    };
    blocking_then(move || look().map_err(flaw), then).await
}

fn flaw(flaw: Flaw) -> (Kind, String) {
    match flaw {
        Flaw::NotAnImage(what) => (Kind::NotAnImage, what),
        Flaw::Damaged(what) => (Kind::Truncated, what),
        Flaw::Refused(what) => (Kind::Unsupported, what),
        Flaw::Disk(what) => (Kind::Disk, what),
    }
}

/// Checks that may decode whole pictures at one time: what bounds their memory.
static CHECKS: Semaphore = Semaphore::const_new(2);

/// CPU work off the async workers.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, (Kind, String)> + Send + 'static,
) -> Result<T, (Kind, String)> {
    blocking_then(work, Ok).await
}

/// CPU work off the async workers, and behind it a wait for the disk that keeps no other work from its turn.
async fn blocking_then<T, U: Send + 'static>(
    work: impl FnOnce() -> Result<T, (Kind, String)> + Send + 'static,
    then: impl FnOnce(T) -> Result<U, (Kind, String)> + Send + 'static,
) -> Result<U, (Kind, String)> {
    // Never closed, so this cannot fail.
    let permit = CHECKS.acquire().await.expect("checks are never closed");
    let both = move || {
        let done = work();
        drop(permit);
        then(done?)
    };
    match tokio::task::spawn_blocking(both).await {
        Ok(outcome) => outcome,
        Err(e) => Err((Kind::NotAnImage, format!("the decoder gave up: {e}"))),
    }
}
