//! Reads AVIF: sizes from the header, pixels within that size.

#[cfg_attr(not(feature = "avif"), allow(dead_code))]
mod container;
#[cfg(feature = "avif")]
mod decoder;
#[cfg(feature = "avif")]
mod planes;

#[cfg(not(feature = "avif"))]
use image::DynamicImage;

pub use container::is_avif;
#[cfg(feature = "avif")]
pub use decoder::decode;

#[cfg(not(feature = "avif"))]
const UNSUPPORTED: &str = "this program was built without AVIF (cargo feature `avif`)";

/// `[width, height]` in pixels, upright, and the number of channels, from the start of a file.
///
/// # Errors
/// The start declares no image that this program decodes.
pub fn measure(start: &[u8]) -> Result<([u32; 2], u8), String> {
    #[cfg(not(feature = "avif"))]
    return Err(UNSUPPORTED.into());
    #[cfg(feature = "avif")]
    container::measure(start)
}

/// Decodes a file.
///
/// # Errors
/// Always: AVIF is not supported.
#[cfg(not(feature = "avif"))]
pub fn decode(_: &[u8], _: u64) -> Result<DynamicImage, String> {
    Err(UNSUPPORTED.into())
}
