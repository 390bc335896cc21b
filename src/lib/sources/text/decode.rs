//! The text of a document in any encoding: by its byte order mark, else by its declaration, else UTF-8.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// How far into a document its encoding may be declared, in bytes (HTML, section 13.2.3.2).
const DECLARED_WITHIN: usize = 1024;

/// The text of a document, without byte order mark, and whether bytes of it are not of its encoding: those became U+FFFD.
pub fn text(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    let encoding = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let encoding = encoding
        .or_else(|| without_mark(bytes))
        .or_else(|| declared(bytes))
        .unwrap_or(UTF_8);
    let (text, _, is_damaged) = encoding.decode(bytes);
    (text, is_damaged)
}

/// The same of a document whose server states a media type: the character set that this names counts before what the document
/// declares, which only markup does.
pub fn stated_text<'b>(bytes: &'b [u8], media_type: Option<&str>) -> (Cow<'b, str>, bool) {
    let stated = media_type.and_then(|stated| {
        let mut parameters = stated.split(';').skip(1).filter_map(|p| p.split_once('='));
        let (_, set) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
        Encoding::for_label(set.trim().trim_matches(['"', '\'']).as_bytes())
    });
    let encoding = match stated {
        _ if Encoding::for_bom(bytes).is_some() => return text(bytes),
        Some(encoding) => encoding,
        None if bytes.trim_ascii_start().starts_with(b"<") => return text(bytes),
        None => UTF_8,
    };
    let (text, _, is_damaged) = encoding.decode(bytes);
    (text, is_damaged)
}

/// UTF-16 without a byte order mark begins with `<` and a zero.
fn without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [b'<', 0, ..] => Some(UTF_16LE),
        [0, b'<', ..] => Some(UTF_16BE),
        _ => None,
    }
}

/// The encoding that an XML declaration or a `meta` element names: `encoding="…"`, `charset=…`.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARED_WITHIN)]);
    let declaration = match start.trim_start().starts_with("<?xml") {
        true => start.split("?>").next().unwrap_or_default(),
        false => &start,
    };
    let named = ["encoding", "charset"].into_iter().find_map(|word| {
        let (_, after) = declaration.split_once(word)?;
        let value = after.trim_start().strip_prefix('=')?.trim_start();
        let value = value.trim_start_matches(['"', '\'']);
        let end = value.find(|c: char| !(c.is_ascii_alphanumeric() || "-_:.".contains(c)));
        Some(value[..end.unwrap_or(value.len())].to_owned())
    })?;
    let encoding = Encoding::for_label(named.as_bytes())?;
    // Its own declaration was read as ASCII, so it is not UTF-16, whatever it says.
    let is_wide = encoding == UTF_16LE || encoding == UTF_16BE;
    Some(if is_wide { UTF_8 } else { encoding })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_known_by_mark_and_declaration() {
        let utf16 = |text: &str, to: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(to).collect()
        };
        let cases = [
            ("<a>é</a>".as_bytes().to_vec(), "<a>é</a>"),
            ("\u{feff}<a>é</a>".as_bytes().to_vec(), "<a>é</a>"),
            (utf16("\u{feff}<a>é</a>", u16::to_le_bytes), "<a>é</a>"),
            (utf16("\u{feff}<a>é</a>", u16::to_be_bytes), "<a>é</a>"),
            (utf16("<a>é</a>", u16::to_le_bytes), "<a>é</a>"),
            (
                b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>".to_vec(),
                "<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>",
            ),
            (
                b"<meta charset=windows-1252><a>\xe9</a>".to_vec(),
                "<meta charset=windows-1252><a>é</a>",
            ),
            (
                "<?xml version='1.0' encoding='UTF-16'?><a>é</a>".into(),
                "<?xml version='1.0' encoding='UTF-16'?><a>é</a>",
            ),
            (
                "<?xml version='1.0' encoding='martian'?><a>é</a>".into(),
                "<?xml version='1.0' encoding='martian'?><a>é</a>",
            ),
        ];
        for (bytes, wanted) in cases {
            let (text, is_damaged) = text(&bytes);
            assert_eq!((text.as_ref(), is_damaged), (wanted, false));
        }
        for (bytes, media_type, wanted) in [
            (&b"\xe9"[..], "text/plain; charset=iso-8859-1", ("é", false)),
            (
                b"\xe9",
                "text/plain;format=flowed;CHARSET=\"windows-1252\"",
                ("é", false),
            ),
            ("é".as_bytes(), "text/plain", ("é", false)),
            (
                "\u{feff}é".as_bytes(),
                "text/plain; charset=iso-8859-1",
                ("é", false),
            ),
            (
                b"\xe9 charset=iso-8859-1",
                "text/plain",
                ("\u{fffd} charset=iso-8859-1", true),
            ),
            (
                b"<meta charset=latin1>\xe9",
                "text/html",
                ("<meta charset=latin1>é", false),
            ),
        ] {
            let (text, is_damaged) = stated_text(bytes, Some(media_type));
            assert_eq!((text.as_ref(), is_damaged), wanted, "{media_type}");
        }
        assert_eq!(text(b"<a>\xe9</a>"), (Cow::from("<a>\u{fffd}</a>"), true));
    }
}
