//! What a server says about an error: the reason in its status line, and the first words of the body.

use std::sync::LazyLock;
use std::time::Duration;

use encoding_rs::Encoding;
use futures::StreamExt;
use hyper::ext::ReasonPhrase;
use regex::Regex;

use super::codings;

/// How much of a body is read for its words, in bytes, and for how long.
const MAX_BYTES: usize = 4096;
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// How many characters of them are told.
const MAX_WORDS: usize = 160;

/// The words of an error that a server answered; empty where it says nothing beyond the status.
pub async fn words_of(response: reqwest::Response) -> String {
    let reason = response.extensions().get::<ReasonPhrase>();
    let reason = reason.map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
    let kind = response.headers().get("content-type");
    let charset = kind.and_then(|kind| label_of(kind.to_str().ok()?));
    let coding = codings::declared(response.headers());
    let mut start = Vec::new();
    let mut body = response.bytes_stream();
    let read = async {
        while let Some(Ok(chunk)) = body.next().await {
            start.extend_from_slice(&chunk);
            if start.len() >= MAX_BYTES {
                break;
            }
        }
    };
    // A body that does not come is not worth waiting for.
    let _ = tokio::time::timeout(TIME_LIMIT, read).await;
    let start = codings::start_of(coding, start, 1 << 20);
    let words = words_in(&start, charset);
    let all = [reason.unwrap_or_default(), words];
    let all: Vec<&str> = all
        .iter()
        .map(|words| &**words)
        .filter(|w| !w.is_empty())
        .collect();
    shortened(&all.join(": "))
}

/// The first words of a text, an HTML page, an XML or a JSON document; nothing of anything else.
pub fn first_words(start: &[u8]) -> String {
    words_in(start, None)
}

/// The same of a text in a character encoding that a header names.
fn words_in(start: &[u8], charset: Option<&'static Encoding>) -> String {
    static NO_TEXT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?is)<!--.*?-->|<(script|style)\b.*?</(script|style)>|<[^>]*>|\{|\}").ok()
    });
    let start = &start[..start.len().min(MAX_BYTES)];
    let (Some(no_text), Some(text)) = (NO_TEXT.as_ref(), text_of(start, charset)) else {
        return String::new();
    };
    shortened(&no_text.replace_all(&text, " "))
}

/// A text in the encoding that its first bytes, the header or the page itself name; else UTF-8, or windows-1252 of pages that are
/// none. Nothing of what is no text.
fn text_of(start: &[u8], charset: Option<&'static Encoding>) -> Option<String> {
    if let Some((encoding, _)) = Encoding::for_bom(start) {
        return Some(encoding.decode(start).0.into_owned());
    }
    if charset.is_some_and(|named| !named.is_ascii_compatible()) {
        return charset.map(|named| named.decode(start).0.into_owned());
    }
    if start.contains(&0) {
        return None;
    }
    let is_escaped = charset.is_some_and(|named| named == encoding_rs::ISO_2022_JP);
    if std::str::from_utf8(start).is_ok_or_cut() && !is_escaped {
        return Some(String::from_utf8_lossy(start).into_owned());
    }
    let is_page = start.trim_ascii_start().starts_with(b"<");
    let in_page = || label_of(&String::from_utf8_lossy(start)).filter(|_| is_page);
    let named = charset.or_else(in_page);
    let encoding = named.or(is_page.then_some(encoding_rs::WINDOWS_1252));
    encoding.map(|encoding| encoding.decode(start).0.into_owned())
}

/// The encoding behind `charset=` in a media type or a page.
fn label_of(text: &str) -> Option<&'static Encoding> {
    let text = text.to_ascii_lowercase();
    let (_, label) = text
        .split_once("charset=")
        .or_else(|| text.split_once("encoding="))?;
    let label = label.trim_start_matches(['"', '\'']);
    let end = label.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:.".contains(c));
    Encoding::for_label(&label.as_bytes()[..end.unwrap_or(label.len())])
}

/// On one line, without control characters, and not too long.
fn shortened(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let text = words.join(" ");
    match text.char_indices().nth(MAX_WORDS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Text that only ends within a character.
trait OkOrCut {
    fn is_ok_or_cut(&self) -> bool;
}

impl OkOrCut for Result<&str, std::str::Utf8Error> {
    fn is_ok_or_cut(&self) -> bool {
        self.as_ref().err().is_none_or(|e| e.error_len().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_words_are_told_on_one_line() {
        let cases: [(&[u8], &str); 6] = [
            (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>", "AccessDenied Request has expired"),
            (b"<html><head><style>p {}</style><title>Sign in</title></head>\n<body>", "Sign in"),
            (b"{\"error\": \"no such key\"}", "\"error\": \"no such key\""),
            (b"plain\x1b[31m text\r\n", "plain [31m text"),
            (b"\x89PNG\r\n\x1a\n\0\0", ""),
            (b"", ""),
        ];
        for (body, wanted) in cases {
            assert_eq!(first_words(body), wanted);
        }
        let in_charsets: [(&[u8], &str, &str); 6] = [
            (
                b"gesperrt f\xfcr Sie",
                "text/plain; charset=iso-8859-1",
                "gesperrt für Sie",
            ),
            (b"<p>gesperrt f\xfcr Sie", "text/html", "gesperrt für Sie"),
            (
                b"<meta charset=\"shift_jis\">\x8b\x96\x89\xc2",
                "text/html",
                "許可",
            ),
            (
                b"\x8b\x96\x89\xc2",
                "text/plain; charset=\"Shift_JIS\"",
                "許可",
            ),
            (b"\xff\xfen\0o\0", "text/plain", "no"),
            (b"n\0o\0", "text/plain; charset=utf-16le", "no"),
        ];
        for (body, kind, wanted) in in_charsets {
            assert_eq!(words_in(body, label_of(kind)), wanted, "{kind}");
        }
        assert_eq!(
            first_words(b"\x8b\x96\x89\xc2"),
            "",
            "no text of a known kind"
        );
        assert_eq!(
            first_words(&b"word ".repeat(999)).chars().count(),
            MAX_WORDS + 1
        );
    }
}
