//! Decoders are kept from ending the program: a file that makes one panic is a damaged file, and costs no other.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Calls what reads an image. Where a decoder panics, that is told as the error which `damaged` makes of the reason, and not
/// on standard error.
///
/// # Errors
/// Those of `read`, and that of `damaged`.
pub fn guarded<T, E>(
    damaged: impl FnOnce(String) -> E,
    read: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                before(panic);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let read = catch_unwind(AssertUnwindSafe(read));
    GUARDED.set(outer);
    read.unwrap_or_else(|_| Err(damaged("the image is damaged: its decoder gave up".into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_that_panics_is_an_error_and_the_next_is_called() {
        let broken = || -> Result<u8, String> { Ok([1, 2][std::hint::black_box(2)]) };
        let told = guarded(|why| why, broken).unwrap_err();
        assert!(told.contains("damaged"), "{told}");
        assert_eq!(guarded(|why: String| why, || Ok(7)), Ok(7));
        let refused = guarded(|why| why, || Err::<u8, _>("too large".to_owned()));
        assert_eq!(refused, Err("too large".to_owned()));
    }
}
