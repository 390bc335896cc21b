//! Reads PDFs and draws their pages on white.
//!
//! A page is a program: it may unpack to any size and never end. `serve` therefore reads PDFs in a separate process with
//! limited memory and time.

use std::path::Path;
use std::sync::Arc;

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_interpret::util::TransformExt;
use hayro::hayro_syntax::page;
use hayro::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro::kurbo::Affine;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::vello_cpu::peniko::ImageAlphaType;
use hayro::vello_cpu::{Pixmap, RasterizerSettings, RenderContext, Resources, TargetInit};
use hayro::{RenderCache, RenderSettings};
use image::RgbImage;

use super::pdf::{MOST_PAGES, pixels};
use super::tiff_whole::counted_pages;

/// Maximum bytes of a file, which is read as a whole.
const MOST_BYTES: u64 = 1 << 31;

/// `[width, height]` of every page in points, after its `Rotate` is applied.
///
/// # Errors
/// The file cannot be read, is encrypted or damaged, or does not have a supported number of pages.
pub fn sizes(path: &Path) -> Result<Vec<[f64; 2]>, String> {
    let pdf = opened(path)?;
    let pages = pdf.pages();
    match pages.len() {
        0 => Err("PDF without pages".into()),
        n if n > MOST_PAGES => Err(format!(
            "PDF has too many pages: {n}, the limit is {MOST_PAGES}"
        )),
        _ => pages.iter().map(points).collect(),
    }
}

/// Draws a page, numbered from 1. `grant` receives its size in pixels before memory is allocated.
///
/// # Errors
/// As for [`sizes`], or the page does not exist, or `grant` refuses.
pub fn draw(
    path: &Path,
    number: u32,
    dpi: u32,
    grant: impl Fn([u32; 2]),
) -> Result<RgbImage, String> {
    let pdf = opened(path)?;
    let pages = pdf.pages();
    let at = (number as usize).checked_sub(1);
    let found = at.and_then(|at| pages.get(at));
    let found = found.ok_or_else(|| format!("the file has {}", counted_pages(pages.len())))?;
    let size = pixels(points(found)?, dpi);
    grant(size);
    painted(found, size)
}

/// The size of a page in points. A page that is empty or does not declare a size is shown as A4.
fn points(page: &page::Page) -> Result<[f64; 2], String> {
    // Points per unit (ISO 32000-1, table 30).
    let unit = page.raw().get::<f32>(b"UserUnit".as_slice());
    let unit = unit.filter(|unit| unit.is_finite() && *unit > 0.0);
    let (w, h) = page.render_dimensions();
    let size = [w, h].map(|side| f64::from(side) * f64::from(unit.unwrap_or(1.0)));
    match size.iter().all(|side| side.is_finite() && *side > 0.0) {
        true => Ok(size),
        false => Err(format!("a page of {w} x {h} points is not valid")),
    }
}

fn painted(page: &page::Page, size: [u32; 2]) -> Result<RgbImage, String> {
    // At most MOST_SIDE.
    let [width, height] = size.map(|side| side as u16);
    let (w, h) = page.render_dimensions();
    let scale = [
        f64::from(width) / f64::from(w),
        f64::from(height) / f64::from(h),
    ];
    let place =
        Affine::scale_non_uniform(scale[0], scale[1]) * page.initial_transform(true).to_kurbo();
    let mut painter = RenderContext::new(width, height);
    hayro::render_into(
        page,
        &RenderCache::new(),
        &InterpreterSettings::default(),
        &RenderSettings {
            // Letters keep their positions at every scale.
            hinting: false,
            ..RenderSettings::default()
        },
        &mut painter,
        place,
    );
    painter.flush();
    let mut paper = Pixmap::new(width, height);
    let settings = RasterizerSettings {
        target_init: TargetInit::Clear(WHITE),
        ..RasterizerSettings::default()
    };
    painter.render_with(&mut paper, &mut Resources::default(), settings);
    drop(painter);
    let opaque = without_alpha(paper.take_rgba8(ImageAlphaType::AlphaPremultiplied));
    let image = RgbImage::from_raw(size[0], size[1], opaque);
    image.ok_or_else(|| "the renderer returned a wrong number of bytes".into())
}

/// Three of every four bytes, in place: on white everything is opaque.
fn without_alpha(mut rgba: Vec<u8>) -> Vec<u8> {
    let pixels = rgba.len() / 4;
    for at in 0..pixels {
        rgba.copy_within(at * 4..at * 4 + 3, at * 3);
    }
    rgba.truncate(pixels * 3);
    rgba.shrink_to_fit();
    rgba
}

fn opened(path: &Path) -> Result<Pdf, String> {
    let length = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if length > MOST_BYTES {
        return Err(format!(
            "PDF is too large: {length} bytes, the limit is {MOST_BYTES}"
        ));
    }
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    if !bytes[..bytes.len().min(1024)]
        .windows(5)
        .any(|five| five == b"%PDF-")
    {
        return Err("not a PDF, by its first bytes".into());
    }
    Pdf::new(Arc::new(bytes)).map_err(|fault| {
        let why = match fault {
            LoadPdfError::Decryption(DecryptionError::PasswordProtected) => {
                "encrypted PDF: it needs a password"
            }
            LoadPdfError::Decryption(_) => "encrypted PDF: its encryption is not supported",
            LoadPdfError::Invalid => "damaged PDF: it is truncated or broken",
        };
        why.into()
    })
}
