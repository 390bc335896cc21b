//! Pages of PDF: which files are PDFs, and how large their pages are in pixels. `pdf_reader` reads and draws them.

use std::path::Path;

/// Maximum number of pages of a file.
pub const MOST_PAGES: usize = 10_000;
/// Maximum pixels of a page: A0 at 200 dpi. Larger pages are drawn at a lower resolution.
const MOST_PIXELS: f64 = (1_u32 << 26) as f64;
/// Maximum pixels of the longer side: the renderer counts with 16 bits.
const MOST_SIDE: f64 = 32_767.0;
/// Bytes of memory per pixel while a page is drawn: four for the page, the same for layers, three for the result.
pub const BYTES_TO_A_PIXEL: u8 = 12;
/// Bytes of stack for objects nested in a page, which are read recursively.
pub const STACK: usize = 64 << 20;

/// Whether a file is a PDF, by its name or its first bytes.
pub fn is_pdf(path: &Path, start: &[u8]) -> bool {
    let suffix = path.extension().unwrap_or_default();
    suffix.eq_ignore_ascii_case("pdf") || start.starts_with(b"%PDF-")
}

/// `[width, height]` in pixels of a page with this size in points.
pub fn pixels([w, h]: [f64; 2], dpi: u32) -> [u32; 2] {
    let scale = (f64::from(dpi) / 72.0)
        .min((MOST_PIXELS / (w * h)).sqrt())
        .min(MOST_SIDE / w.max(h));
    // At most MOST_SIDE each.
    [w, h].map(|side| ((side * scale).round() as u32).max(1))
}
