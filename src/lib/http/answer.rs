//! What a server says about an error: the reason in its status line, and the first words of the body.

use std::sync::LazyLock;
use std::time::Duration;

use futures::StreamExt;
use hyper::ext::ReasonPhrase;
use regex::Regex;

/// How much of a body is read for its words, in bytes, and for how long.
const MAX_BYTES: usize = 4096;
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// How many characters of them are told.
const MAX_WORDS: usize = 160;

/// The words of an error that a server answered; empty where it says nothing beyond the status.
pub async fn words_of(response: reqwest::Response) -> String {
    let reason = response.extensions().get::<ReasonPhrase>();
    let reason = reason.map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
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
    let words = first_words(&start);
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
    static NO_TEXT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?is)<!--.*?-->|<(script|style)\b.*?</(script|style)>|<[^>]*>|\{|\}").ok()
    });
    let start = &start[..start.len().min(MAX_BYTES)];
    let is_text = !start.contains(&0) && std::str::from_utf8(start).is_ok_or_cut();
    let Some(no_text) = NO_TEXT.as_ref().filter(|_| is_text) else {
        return String::new();
    };
    shortened(&no_text.replace_all(&String::from_utf8_lossy(start), " "))
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
        assert_eq!(
            first_words(&b"word ".repeat(999)).chars().count(),
            MAX_WORDS + 1
        );
    }
}
