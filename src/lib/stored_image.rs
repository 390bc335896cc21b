//! Looks at an image where it is stored: in a file, in a part of one, or in an object store.

use std::io::BufReader;

use crate::error::Error;
use crate::files::Content;
use crate::pixels::{self, Fingerprint, Header, measure_in};

/// Reads the header of an image file.
///
/// # Errors
/// The file cannot be read, or is not an image that recto reads.
pub fn measure(image: &Content) -> Result<Header, Error> {
    let fault =
        |cause: String| Error::new(format!("{image}: not an image that can be read: {cause}"));
    let opened = image
        .open()
        .map_err(|e| Error::new(format!("{image}: cannot be read")).because(e))?;
    measure_in(BufReader::new(opened)).map_err(fault)
}

/// Decodes an image and describes what it looks like.
///
/// # Errors
/// It cannot be read or decoded, or is too large.
pub fn fingerprint(image: &Content) -> Result<Fingerprint, String> {
    let bytes = image.read().map_err(|e| e.to_string())?;
    pixels::fingerprint(&bytes)
}
