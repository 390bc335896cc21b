//! Reads AVIF: sizes from the header, pixels within that size.

#[cfg_attr(not(feature = "avif"), allow(dead_code))]
mod container;
#[cfg(feature = "avif")]
mod decoder;
#[cfg(feature = "avif")]
mod planes;

#[cfg(not(feature = "avif"))]
use image::DynamicImage;

#[cfg(feature = "avif")]
pub use container::measure;
pub use container::{is_avif, lies_within};
#[cfg(feature = "avif")]
pub use decoder::decode;

#[cfg(not(feature = "avif"))]
const UNSUPPORTED: &str = "this program was built without AVIF (cargo feature `avif`)";

/// Reads the header of a file.
///
/// # Errors
/// Always: AVIF is not supported.
#[cfg(not(feature = "avif"))]
pub fn measure(_: &[u8]) -> Result<([u32; 2], u8), String> {
    Err(UNSUPPORTED.into())
}

/// Decodes a file.
///
/// # Errors
/// Always: AVIF is not supported.
#[cfg(not(feature = "avif"))]
pub fn decode(_: &[u8], _: u64) -> Result<DynamicImage, String> {
    Err(UNSUPPORTED.into())
}
