//! Documents compressed with gzip or Zstandard, and texts in UTF-16, recognised by their first bytes and not by their names.

use std::borrow::Cow;
use std::io::{self, Read};

use crate::zstandard::{Decoder, is_zstandard};
use flate2::bufread::GzDecoder;

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
        _ if bytes.starts_with(GZIP) => Gzip(GzDecoder::new(bytes))
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
        return read(Gzip(GzDecoder::new(bytes)), "gzip", most).map(Cow::Owned);
    }
    if is_zstandard(bytes) {
        return read(Decoder::new(bytes), "zstd", most).map(Cow::Owned);
    }
    Ok(Cow::Borrowed(bytes))
}

/// The text of a document: decompressed if it is compressed, without byte-order mark, from UTF-16 if it has one of that or begins
/// as JSON does in UTF-16.
///
/// # Errors
/// It is damaged or has more than `most` bytes when decompressed; UTF-16 is not well-formed.
pub fn text(bytes: &[u8], most: u64) -> Result<Cow<'_, [u8]>, String> {
    let bytes = decompressed(bytes, most)?;
    let units = |bytes: &[u8], from: fn([u8; 2]) -> u16| {
        let (pairs, _) = bytes.as_chunks::<2>();
        let units = pairs.iter().map(|pair| from(*pair));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        let text = text.map_err(|_| "document is not well-formed UTF-16".to_owned())?;
        Ok(Cow::Owned(text.into_bytes()))
    };
    match bytes.get(..3) {
        Some([0xff, 0xfe, _]) => units(&bytes[2..], u16::from_le_bytes),
        Some([0xfe, 0xff, _]) => units(&bytes[2..], u16::from_be_bytes),
        Some([b'{' | b'[', 0, _]) => units(&bytes, u16::from_le_bytes),
        Some([0, b'{' | b'[', _]) => units(&bytes, u16::from_be_bytes),
        Some([0xef, 0xbb, 0xbf]) => Ok(match bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[3..]),
            Cow::Owned(mut bytes) => {
                bytes.drain(..3);
                Cow::Owned(bytes)
            }
        }),
        _ => Ok(bytes),
    }
}

/// The members of a gzip file, one after the other. Zeros behind the last one fill a block of a tape or a disk (gzip manual,
/// "Tapes").
struct Gzip<'a>(GzDecoder<&'a [u8]>);

impl Read for Gzip<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.0.read(into)?;
            if n > 0 || into.is_empty() {
                return Ok(n);
            }
            let rest = *self.0.get_ref();
            let Some(next) = rest.iter().position(|byte| *byte != 0) else {
                return Ok(0);
            };
            self.0 = GzDecoder::new(&rest[next..]);
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_in_every_wrapping() {
        use std::io::Write;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all("\u{feff}[1]".as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        let mut second = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        second.write_all(b"").unwrap();
        let padded = [&packed[..], &[0; 3], &second.finish().unwrap(), &[0; 512]].concat();
        let wide: Vec<u8> = "\u{feff}[1]"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let big: Vec<u8> = "\u{feff}[1]"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        let wrapped = [
            b"[1]".to_vec(),
            b"\xef\xbb\xbf[1]".to_vec(),
            packed,
            padded,
            wide[2..].to_vec(),
            big[2..].to_vec(),
            wide,
            big,
        ];
        for bytes in &wrapped {
            assert_eq!(*text(bytes, 100).unwrap(), *b"[1]");
        }
        assert!(
            text(&wrapped[2][..12], 100)
                .unwrap_err()
                .starts_with("document cannot be decompressed from gzip: ")
        );
        let problem = text(&wrapped[2], 5).unwrap_err();
        assert!(problem.starts_with("document is too large"), "{problem}");
    }
}
