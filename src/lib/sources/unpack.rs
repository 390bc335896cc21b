//! Documents compressed with gzip or Zstandard, recognised by their first bytes and not by their names.

use std::borrow::Cow;
use std::io::Read;

use crate::zstandard::{Decoder, is_zstandard};
use flate2::read::MultiGzDecoder;

const GZIP: &[u8] = &[0x1f, 0x8b];

/// A text without the byte-order mark of UTF-8, which some servers put before JSON.
pub fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// The first bytes of a document, at most `most`, decompressed if they are compressed, as far as that goes.
pub fn beginning(bytes: &[u8], most: usize) -> Cow<'_, [u8]> {
    let mut unpacked = Vec::new();
    // Whatever comes after a fault, the bytes before it are there.
    let _ = match bytes {
        _ if bytes.starts_with(GZIP) => MultiGzDecoder::new(bytes)
            .take(most as u64)
            .read_to_end(&mut unpacked),
        _ if is_zstandard(bytes) => Decoder::new(bytes)
            .take(most as u64)
            .read_to_end(&mut unpacked),
        _ => return Cow::Borrowed(&bytes[..bytes.len().min(most)]),
    };
    Cow::Owned(unpacked)
}

/// The bytes of a document, decompressed if they are compressed; at most `most`.
///
/// # Errors
/// They are damaged or too many: the problem of the reject.
pub fn decompressed(bytes: &[u8], most: u64) -> Result<Cow<'_, [u8]>, String> {
    if bytes.starts_with(GZIP) {
        return read(MultiGzDecoder::new(bytes), "gzip", most).map(Cow::Owned);
    }
    if is_zstandard(bytes) {
        return read(Decoder::new(bytes), "zstd", most).map(Cow::Owned);
    }
    Ok(Cow::Borrowed(bytes))
}

fn read(stream: impl Read, how: &str, most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = stream.take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|e| format!("document cannot be decompressed from {how}: {e}"))?;
    match bytes.len() as u64 > most {
        true => Err(format!(
            "document is too large: it has more than {} MB when decompressed; --max-document MB raises this limit",
            most / 1_000_000
        )),
        false => Ok(bytes),
    }
}
