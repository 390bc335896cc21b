//! Pages of TIFF that are decoded as a whole, and what is known about each.

use image::DynamicImage;

use super::colour::{ToSrgb, cmyk_to_rgb};
use super::tiff_directory::{self, PageDirectories, Store};
use super::tiff_plain;
use crate::window::Window;

/// `[width, height]` before EXIF orientation, channels, and orientation of a page.
///
/// # Errors
/// Its kind is not supported.
pub fn measure(store: &Store, page: &PageDirectories) -> Result<([u32; 2], u8, u8), String> {
    let (size, channels) = tiff_plain::check(store, &page.main)?;
    Ok((size, channels, page.orientation(store)))
}

/// Decodes a page to 8 bits per channel in sRGB, and tells its EXIF orientation.
///
/// # Errors
/// Its kind is not supported, it has more than `most_pixels`, or it is damaged.
pub fn decode(file: Window, page: u32, most_pixels: u64) -> Result<(DynamicImage, u8), String> {
    let store = &Store::File(file);
    let page = page_of(store, page)?;
    let ([w, h], _) = tiff_plain::check(store, &page.main)?;
    if u64::from(w) * u64::from(h) > most_pixels {
        return Err(format!(
            "its header declares {w} x {h} pixels, the limit is {most_pixels}"
        ));
    }
    let way = page.icc(store).as_deref().and_then(ToSrgb::from_profile);
    let inks = |inks: &[u8]| {
        let way = way.as_ref().filter(|way| way.is_cmyk());
        let made = way.and_then(|way| way.cmyk_to_rgb(inks));
        made.unwrap_or_else(|| cmyk_to_rgb(inks))
    };
    let image = tiff_plain::decode(store, &page.main, &inks)?;
    let image = match way.as_ref().filter(|way| !way.is_cmyk()) {
        Some(way) => way.apply(image),
        None => image,
    };
    Ok((image, page.orientation(store)))
}

/// The directories of a page; pages are numbered from 1.
///
/// # Errors
/// The file is no TIFF, or has fewer pages.
pub fn page_of(store: &Store, page: u32) -> Result<PageDirectories, String> {
    let mut pages = tiff_directory::pages(store)?;
    match (page as usize)
        .checked_sub(1)
        .filter(|at| *at < pages.len())
    {
        Some(at) => Ok(pages.swap_remove(at)),
        None => Err(format!(
            "the file has only {} now",
            counted_pages(pages.len())
        )),
    }
}

/// `1 page`, `2 pages`.
pub(super) fn counted_pages(n: usize) -> String {
    format!("{n} {}", if n == 1 { "page" } else { "pages" })
}
