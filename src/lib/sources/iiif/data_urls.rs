//! Texts that bodies hold in `data:` URLs (RFC 2397).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::texts;
use super::values::{described, id, spelled};
use crate::sources::{Answer, DocumentRequest, FetchedText};
use crate::values::excerpt;

/// The text of a body that is a `data:` URL; none if it is none, or holds a text beside it.
///
/// # Errors
/// The problem of the URL: what it holds is no text, or cannot be read.
pub fn text_of(body: &Value) -> Option<FetchedText> {
    let source = texts::resource_of(body);
    let url = id(source)?;
    let (scheme, rest) = url.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("data") || texts::holds_text(body) {
        return None;
    }
    let selectors = [body, source].into_iter().filter(|v| v.is_object());
    let mut selectors = selectors.flat_map(|v| spelled(v, &["selector"]));
    Some(match selectors.next() {
        Some(selector) => {
            let selector = described(selector);
            Err(format!("part of a text is not understood: {selector}"))
        }
        None => read(rest, url),
    })
}

/// Reads what follows `data:` in a URL.
fn read(rest: &str, url: &str) -> FetchedText {
    let unread = |why: &str| format!("{why}: {}", excerpt(url));
    let (stated, data) = rest
        .split_once(',')
        .ok_or_else(|| unread("data URL does not hold anything"))?;
    let (media_type, is_base64) = match stated.rsplit_once(';') {
        Some((media_type, last)) if last.trim().eq_ignore_ascii_case("base64") => {
            (media_type.trim(), true)
        }
        _ => (stated.trim(), false),
    };
    let media_type = match media_type.starts_with(';') || media_type.is_empty() {
        true => format!("text/plain{media_type}"),
        false => media_type.to_ascii_lowercase(),
    };
    let name = media_type.split(';').next().unwrap_or_default().trim();
    let is_text = [
        "text/",
        "application/json",
        "application/ld+json",
        "application/xhtml+xml",
    ];
    if !is_text.iter().any(|kind| name.starts_with(kind)) {
        return Err(format!("data URL does not hold a text: {name}"));
    }
    let bytes: Vec<u8> = percent_decode_str(data).collect();
    let bytes = match is_base64 {
        true => from_base64(&bytes).ok_or_else(|| unread("data URL is not in Base64"))?,
        false => bytes,
    };
    texts::read(&Answer {
        request: DocumentRequest::default(),
        url: url.to_owned(),
        bytes,
        media_type: Some(media_type),
    })
}

/// Base64 in either alphabet, with white space, with or without the characters that fill it up.
fn from_base64(written: &[u8]) -> Option<Vec<u8>> {
    let letters = written.iter().filter(|b| !b.is_ascii_whitespace());
    let letters = letters.map(|b| match b {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    });
    let mut letters: Vec<u8> = letters.collect();
    while letters.last() == Some(&b'=') {
        letters.pop();
    }
    while !letters.len().is_multiple_of(4) {
        letters.push(b'=');
    }
    STANDARD.decode(letters).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_read_in_every_spelling_of_data_urls() {
        let cases = [
            ("data:,In%20principio", Ok("In principio")),
            (
                "DATA:text/plain;charset=utf-8,In principio",
                Ok("In principio"),
            ),
            ("data:;charset=iso-8859-1,caf%E9", Ok("caf\u{e9}")),
            (
                "data:text/plain;base64,SW4gcHJpbmNpcGlv",
                Ok("In principio"),
            ),
            ("data:;base64,w6nDqQ", Ok("\u{e9}\u{e9}")),
            ("data:text/plain;base64,w6nDqQ%3D%3D", Ok("\u{e9}\u{e9}")),
            ("data:text/html,<p>a</p>", Ok("<p>a</p>")),
            (
                "data:image/png;base64,AAAA",
                Err("data URL does not hold a text: image/png"),
            ),
            (
                "data:text/plain",
                Err("data URL does not hold anything: data:text/plain"),
            ),
            (
                "data:text/plain;base64,a",
                Err("data URL is not in Base64: data:text/plain;base64,a"),
            ),
            ("data:text/xml,<p/>", Err("text was expected: found XML")),
            (
                "data:,%FF",
                Err("text is not in the encoding that it states, or not UTF-8"),
            ),
        ];
        for (url, wanted) in cases {
            for body in [
                json!(url),
                json!({"id": url}),
                json!({"source": {"id": url}}),
            ] {
                let found = text_of(&body).unwrap().map(|resource| resource.text);
                let wanted = wanted.map(str::to_owned).map_err(str::to_owned);
                assert_eq!(found, wanted, "{body}");
            }
        }
        for body in [
            json!("database: x"),
            json!({"id": "data:,x", "value": "text"}),
            json!({"value": "data:,x"}),
            json!(7),
        ] {
            assert!(text_of(&body).is_none(), "{body}");
        }
    }
}
