//! Looks at an image where it is stored: in a file, in a part of one, or in an object store.

use std::io::BufReader;

use crate::error::Error;
use crate::files::Content;
use crate::pixels::{self, Fingerprint, Flaw, Header, measure_in};

/// Reads the header of an image file.
///
/// # Errors
/// The file cannot be read, or is not an image that recto reads.
pub fn measure(image: &Content) -> Result<Header, Error> {
    let fault =
        |cause: String| Error::new(format!("{image}: not an image that can be read: {cause}"));
    let opened = image
        .open()
        .map_err(|e| Error::new(format!("{image}: cannot be read: {e}")))?;
    measure_in(BufReader::new(opened)).map_err(fault)
}

/// Decodes an image and describes what it looks like.
///
/// # Errors
/// It cannot be read or decoded, or is too large.
pub fn fingerprint(image: &Content) -> Result<Fingerprint, String> {
    let bytes = image.read().map_err(|e| e.to_string())?;
    pixels::fingerprint(&bytes).map_err(|flaw| flaw.to_string())
}

/// Maximum pixels of an image of which parts are cut out: 2^30.
const MOST_PIXELS: u64 = 1 << 30;

/// Proves that all of an image can be decoded; if `is_lossless`, that tiles can be cut out of a JPEG without that.
///
/// # Errors
/// Why it cannot, and what to do.
pub fn check_pixels(image: &Content, is_lossless: bool) -> Result<(), String> {
    let bytes = image.read().map_err(|e| e.to_string())?;
    let checked = match is_lossless {
        true => pixels::check_lossless(&bytes),
        false => pixels::check_pixels(&bytes, MOST_PIXELS),
    };
    checked.map_err(|flaw| {
        // Messages of decoders may have several lines.
        let what = flaw.to_string();
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        match flaw {
            Flaw::Damaged(_) => {
                format!("{what}; if it was downloaded, `recto-download --verify` fetches it again")
            }
            _ => what,
        }
    })
}
