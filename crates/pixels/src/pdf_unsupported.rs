//! In place of `pdf_reader` in programs that were built without the feature `pdf`.

use std::path::Path;

use image::RgbImage;

const UNSUPPORTED: &str = "this program was built without PDF support (cargo feature `pdf`)";

/// `[width, height]` of every page in points.
///
/// # Errors
/// Always: PDF is not supported.
pub fn sizes(_: &Path) -> Result<Vec<[f64; 2]>, String> {
    Err(UNSUPPORTED.into())
}

/// Draws a page.
///
/// # Errors
/// Always: PDF is not supported.
pub fn draw(_: &Path, _: u32, _: u32, _: impl Fn([u32; 2])) -> Result<RgbImage, String> {
    Err(UNSUPPORTED.into())
}
