//! Transcriptions with coordinates: ALTO, PAGE and hOCR into regions, lines, words and glyphs, and those into annotations.
//!
//! Pure: bytes in, values out. Documents are known by their root element, whatever namespace and prefix it has; what is
//! not one of the three is refused with its name. Memory is bounded by the size of the document.

mod alto;
mod annotations;
mod decode;
mod draft;
mod hocr;
mod names;
mod notes;
mod numbers;
mod page;
mod page_xml;
mod place;
mod xml;

use super::unpack::{beginning, decompressed};
pub use annotations::annotations;
pub use decode::{stated_text, text as markup_text};
pub use names::{Names, stem, words};
pub use notes::unite_notes;
pub use page::{Granularity, Item, ItemProblem, TextFile, TextKind, TextPage};
pub use page_xml::REGIONS as PAGE_REGIONS;
pub use place::{Fit, fit};

/// The largest document that is read, in bytes.
pub const MAX_BYTES: usize = 256 << 20;

/// How much of a document is enough to know its format, in bytes.
pub const START: usize = 64 << 10;

/// The format of a document, by its root element; none if it is not a transcription.
pub fn kind_of(bytes: &[u8]) -> Option<TextKind> {
    kind(&decode::text(&beginning(bytes, START)).0)
}

/// Whether a document has elements at all, of whatever kind.
pub fn is_markup(bytes: &[u8]) -> bool {
    xml::root(&decode::text(&beginning(bytes, START)).0).is_some()
}

fn kind(text: &str) -> Option<TextKind> {
    match xml::root(text).as_deref() {
        Some("alto") => Some(TextKind::Alto),
        Some("PcGts") => Some(TextKind::Page),
        _ => hocr::is_hocr(text).then_some(TextKind::Hocr),
    }
}

/// Reads a transcription, which may be packed.
///
/// # Errors
/// What is wrong with the document as a whole, in the manner of [`Reject::problem`](crate::summary::Reject::problem): it is
/// another kind of document, damaged, nested too deeply, or too large.
pub fn read(bytes: &[u8]) -> Result<TextFile, String> {
    if bytes.len() > MAX_BYTES {
        return Err(format!(
            "document is too large: {} bytes, the limit is {MAX_BYTES}",
            bytes.len()
        ));
    }
    let bytes = decompressed(bytes, MAX_BYTES as u64)?;
    let (text, is_damaged) = decode::text(&bytes);
    let mut file = match kind(&text) {
        Some(TextKind::Alto) => alto::read(&text)?,
        Some(TextKind::Page) => page_xml::read(&text)?,
        Some(TextKind::Hocr) => hocr::read(&text)?,
        None => return Err(other(&text)),
    };
    if is_damaged {
        let note = "transcription with bytes that are not of its encoding: they became U+FFFD";
        file.notes.push(note.into());
    }
    Ok(file)
}

fn other(text: &str) -> String {
    let what = match xml::root(text) {
        _ if text.trim().is_empty() => "nothing".to_owned(),
        None => "text without an element".to_owned(),
        Some(root) if root.eq_ignore_ascii_case("html") => "an HTML page without hOCR".to_owned(),
        Some(root) => format!("an element `{root}`"),
    };
    format!("document is not ALTO, PAGE or hOCR: {what} was found")
}

#[cfg(test)]
mod tests;
