//! Answers checked to their last bit, off the async workers.

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::grid::Rect;
use crate::files::Part;
use crate::http::Error;
use crate::pixels::{self, Flaw, VerifiedFile};

/// The size of an image in pixels. Its data are checked to the last bit if the size is the one `wanted`.
///
/// # Errors
/// If it is not an image, or damaged.
pub async fn size_of(body: Bytes, wanted: [u32; 2]) -> Result<[u32; 2], Error> {
    blocking(move || {
        if let Ok(header) = pixels::measure_bytes(&body)
            && [header.width, header.height] != wanted
        {
            return Ok([header.width, header.height]);
        }
        let header = pixels::verify(&body).map_err(error_of)?;
        Ok([header.width, header.height])
    })
    .await
}

/// More bytes than any encoding of a region needs.
pub fn max_region_bytes(cell: Rect) -> u64 {
    (16 * u64::from(cell.width) * u64::from(cell.height)).max(64 << 20)
}

/// Checks what was downloaded from its first byte to its last, and then does what follows from that.
///
/// # Errors
/// If it is not an image, or damaged; those of `then`.
pub async fn verify<T: Send + 'static>(
    part: &Part,
    then: impl FnOnce(VerifiedFile) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let part = part.clone();
    let look = move || match part.in_memory() {
        Some(bytes) => pixels::verify_bytes(&bytes),
        None => pixels::verify_file(part.path()),
    };
    blocking_then(move || look().map_err(error_of), then).await
}

/// What is wrong with an image, as the error of its download.
pub fn error_of(flaw: Flaw) -> Error {
    match flaw {
        Flaw::NotAnImage(what) => Error::not_an_image(what),
        Flaw::Damaged(what) => Error::damaged(what),
        Flaw::Refused(what) => Error::unsupported(what),
        Flaw::Disk(what) => Error::disk(what),
    }
}

/// Checks that decode whole images at the same time: this bounds their memory.
static CHECKS: Semaphore = Semaphore::const_new(2);

/// CPU work off the async workers.
///
/// # Errors
/// Those of `work`.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    blocking_then(work, Ok).await
}

/// CPU work off the async workers, and after it a wait for the disk, during which other work may begin.
async fn blocking_then<T, U: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    then: impl FnOnce(T) -> Result<U, Error> + Send + 'static,
) -> Result<U, Error> {
    // Never closed, so this cannot fail.
    let permit = CHECKS.acquire().await.expect("checks are never closed");
    let both = move || {
        let done = work();
        drop(permit);
        then(done?)
    };
    match tokio::task::spawn_blocking(both).await {
        Ok(outcome) => outcome,
        Err(e) => Err(Error::not_an_image(format!("the decoder failed: {e}"))),
    }
}
