//! Bytes of a table as text: byte-order marks, UTF-16, and what older programs write.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// A table as UTF-8, as far as it is that, and a note if its encoding was guessed.
pub struct Text<'a> {
    /// UTF-8 without byte-order mark. If there is damage, the cells that have it are to be rejected.
    pub bytes: Cow<'a, [u8]>,
    /// How the encoding was guessed.
    pub note: Option<String>,
}

/// Decodes a table. A byte-order mark comes before the option `encoding`, and that before every guess.
pub fn decode<'a>(name: &str, bytes: &'a [u8], encoding: Option<&'static Encoding>) -> Text<'a> {
    let plain = |bytes: &'a [u8]| Text {
        bytes: Cow::Borrowed(bytes),
        note: None,
    };
    if let Some(text) = utf_32(bytes) {
        return Text {
            bytes: Cow::Owned(text.into_bytes()),
            note: None,
        };
    }
    match Encoding::for_bom(bytes) {
        Some((marked, mark)) if marked == UTF_8 => return plain(&bytes[mark..]),
        Some((marked, mark)) => return decoded(marked, &bytes[mark..]),
        None => {}
    }
    if let Some(encoding) = encoding.filter(|e| *e != UTF_8) {
        return decoded(encoding, bytes);
    }
    if encoding.is_some() || is_utf8_somewhere(bytes) {
        return plain(bytes);
    }
    if let Some(wide) = utf_16(bytes) {
        return decoded(wide, bytes);
    }
    if bytes.is_ascii() {
        return plain(bytes);
    }
    Text {
        note: Some(format!(
            "{name} is not UTF-8: it is read as windows-1252; --encoding NAME sets another"
        )),
        ..decoded(WINDOWS_1252, bytes)
    }
}

fn decoded<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Text<'a> {
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    let bytes = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    Text { bytes, note: None }
}

/// Whether any character beyond ASCII is UTF-8: then the table is UTF-8, and what is not is damage.
fn is_utf8_somewhere(bytes: &[u8]) -> bool {
    bytes.utf8_chunks().any(|chunk| !chunk.valid().is_ascii())
}

/// UTF-32 with a byte-order mark; that of UTF-16 is a part of it.
fn utf_32(bytes: &[u8]) -> Option<String> {
    let number: fn([u8; 4]) -> u32 = match bytes {
        [0xff, 0xfe, 0, 0, ..] => u32::from_le_bytes,
        [0, 0, 0xfe, 0xff, ..] => u32::from_be_bytes,
        _ => return None,
    };
    let (numbers, rest) = bytes[4..].as_chunks::<4>();
    let letters = numbers.iter().map(|bytes| char::from_u32(number(*bytes)));
    let text = letters.map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER));
    let cut = (!rest.is_empty()).then_some(char::REPLACEMENT_CHARACTER);
    Some(text.chain(cut).collect())
}

/// UTF-16 without a byte-order mark: every other byte of the beginning is 0, as in texts that are mostly ASCII.
fn utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = bytes.get(..bytes.len().min(512) & !1)?;
    let zeros = |offset: usize| {
        start
            .iter()
            .skip(offset)
            .step_by(2)
            .filter(|b| **b == 0)
            .count()
    };
    let (even, odd, pairs) = (zeros(0), zeros(1), start.len() / 2);
    match pairs >= 4 {
        true if odd * 2 > pairs && even == 0 => Some(UTF_16LE),
        true if even * 2 > pairs && odd == 0 => Some(UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_in_every_encoding() {
        let text = "url;název\r\nhttps://a.example/1;žluť\r\n";
        let wide: Vec<u16> = text.encode_utf16().collect();
        let le: Vec<u8> = wide.iter().flat_map(|c| c.to_le_bytes()).collect();
        let be: Vec<u8> = wide.iter().flat_map(|c| c.to_be_bytes()).collect();
        let letters: Vec<u32> = text.chars().map(u32::from).collect();
        let le_32: Vec<u8> = letters.iter().flat_map(|c| c.to_le_bytes()).collect();
        let be_32: Vec<u8> = letters.iter().flat_map(|c| c.to_be_bytes()).collect();
        let (cp1250, ..) = encoding_rs::WINDOWS_1250.encode(text);
        let cases = [
            (text.as_bytes().to_vec(), None),
            ([b"\xef\xbb\xbf", text.as_bytes()].concat(), None),
            ([b"\xff\xfe", &le[..]].concat(), None),
            ([b"\xfe\xff", &be[..]].concat(), None),
            ([b"\xff\xfe\0\0", &le_32[..]].concat(), None),
            ([b"\0\0\xfe\xff", &be_32[..]].concat(), None),
            (le, None),
            (be, None),
            (cp1250.to_vec(), Some(encoding_rs::WINDOWS_1250)),
            (
                [b"\xef\xbb\xbf", text.as_bytes()].concat(),
                Some(WINDOWS_1252),
            ),
        ];
        for (bytes, encoding) in cases {
            let seen = decode("t.csv", &bytes, encoding);
            assert_eq!(std::str::from_utf8(&seen.bytes), Ok(text), "{encoding:?}");
            assert_eq!(seen.note, None);
        }
        let seen = decode("t.csv", b"url;n\xe9", None);
        assert_eq!(&*seen.bytes, "url;né".as_bytes());
        assert!(seen.note.unwrap().starts_with("t.csv is not UTF-8"));
        let seen = decode("t.csv", "url;né\u{0}".as_bytes(), None);
        assert_eq!(seen.note, None);
        let damaged = b"url;n\xc3\xa9\xff";
        assert_eq!(&*decode("t.csv", damaged, None).bytes, damaged);
    }
}
