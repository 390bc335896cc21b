//! Parts of a file: how the rest of one is asked for, and which bytes of it an answer holds (RFC 9110 §14, §15.3.7). Values,
//! no network.

use reqwest::header::{HeaderMap, HeaderValue};

use super::{codings, validators};
use crate::files::Held;

/// The headers that ask for the rest of a file, if it is still the same (§13.1.5).
pub fn range_request(held: &Held) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(validator) = HeaderValue::from_str(&held.validator) {
        headers.insert("if-range", validator);
        let range = format!("bytes={}-", held.bytes);
        headers.insert("range", HeaderValue::from_str(&range).expect("digits"));
    }
    headers
}

/// Whether a status that is an error may be about the request for a part: then all of the file is asked for. Those that say
/// "later" are not, nor is a missing login.
pub fn may_refuse_parts(status: Option<u16>) -> bool {
    status.is_some_and(|status| {
        status >= 400 && !matches!(status, 401 | 407 | 408 | 421 | 425 | 429 | 502..=504)
    })
}

/// Which bytes of the file an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// None: all of them, so many, were there already.
    Complete(u64),
    /// Those from `start` to `end`, which it leaves out.
    Resumed {
        /// How many were there.
        start: u64,
        /// Where it ends, if that is said.
        end: Option<u64>,
        /// How many the file has, if that is said.
        whole: Option<u64>,
    },
    /// All; `whole` is their number where the answer calls itself a part.
    FromStart {
        /// How many they are.
        whole: Option<u64>,
    },
    /// Others than those that are missing, or it is not shown that they are of the same file.
    Mismatch,
}

impl Range {
    /// Of an answer to a request for what is missing beside `held`; without that, for all.
    pub fn of(status: u16, headers: &HeaderMap, held: Option<&Held>) -> Self {
        let span = content_range(headers);
        let whole = span.and_then(|span| span.whole);
        match (status, held) {
            (206, Some(held)) if is_rest(headers, span, held) => Range::Resumed {
                start: held.bytes,
                end: span.and_then(|span| span.end),
                whole: whole.or(held.whole),
            },
            (416, Some(held)) if whole == Some(held.bytes) => {
                let tag = validators::strong(headers);
                match tag.is_none_or(|tag| tag == held.validator) {
                    true => Range::Complete(held.bytes),
                    false => Range::Mismatch,
                }
            }
            // No part was requested, and the answer is one that holds everything: some servers do that.
            (206, _) if whole.is_some() && span.is_some_and(|span| span.start == Some(0)) => {
                Range::FromStart { whole }
            }
            (206 | 416, _) => Range::Mismatch,
            _ => Range::FromStart { whole: None },
        }
    }
}

/// Whether an answer goes on where `held` ends, with the same file: it has the same strong validator (§15.3.7.3), the file is
/// as long as it was, and the body as long as the part.
fn is_rest(headers: &HeaderMap, span: Option<Span>, held: &Held) -> bool {
    let Some(span) = span.filter(|span| held.bytes > 0 && span.start == Some(held.bytes)) else {
        return false;
    };
    let is_same = validators::strong(headers) == Some(&*held.validator);
    let is_as_long = |before, now| span.whole.is_none() || before == now;
    let is_whole = held
        .whole
        .is_none_or(|_| is_as_long(held.whole, span.whole));
    let length = headers.get("content-length");
    let length: Option<u64> = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let said = span.end.map(|end| end.saturating_sub(held.bytes));
    let is_part = length.is_none() || said.is_none() || length == said;
    // Parts of what was encoded on the way are not parts of the file.
    is_same && is_whole && is_part && codings::declared(headers).is_none()
}

/// What `Content-Range` says: where a part starts, where it ends, how large the whole file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: Option<u64>,
    /// One after its last byte.
    end: Option<u64>,
    whole: Option<u64>,
}

/// `bytes 100-199/200`, with 416 `bytes */200`.
fn content_range(headers: &HeaderMap) -> Option<Span> {
    let range = headers.get("content-range")?.to_str().ok()?;
    let (span, whole) = range.strip_prefix("bytes ")?.split_once('/')?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (start, last) = span.split_once('-').unwrap_or((span, ""));
    Some(Span {
        start: number(start),
        end: number(last).and_then(|last| last.checked_add(1)),
        whole: number(whole),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            let name = reqwest::header::HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_part_goes_on_only_with_the_file_that_was_begun() {
        let held = Held {
            bytes: 40,
            url: String::new(),
            validator: "\"1\"".into(),
            whole: Some(100),
        };
        let of = |status, pairs: &[_]| Range::of(status, &headers(pairs), Some(&held));
        let rest = Range::Resumed {
            start: 40,
            end: Some(100),
            whole: Some(100),
        };
        let tag = ("etag", "\"1\"");
        type Pairs<'a> = [(&'a str, &'a str)];
        let cases: [(u16, &Pairs, Range); 9] = [
            (206, &[tag, ("content-range", "bytes 40-99/100")], rest),
            (206, &[tag, ("content-range", "bytes 40-99/*")], rest),
            (
                206,
                &[("content-range", "bytes 40-99/100")],
                Range::Mismatch,
            ),
            (
                206,
                &[("etag", "\"2\""), ("content-range", "bytes 40-99/100")],
                Range::Mismatch,
            ),
            (
                206,
                &[tag, ("content-range", "bytes 40-109/110")],
                Range::Mismatch,
            ),
            (
                206,
                &[
                    tag,
                    ("content-range", "bytes 40-99/100"),
                    ("content-length", "100"),
                ],
                Range::Mismatch,
            ),
            (
                206,
                &[
                    tag,
                    ("content-range", "bytes 40-99/100"),
                    ("content-encoding", "gzip"),
                ],
                Range::Mismatch,
            ),
            (
                206,
                &[tag, ("content-range", "bytes 0-99/100")],
                Range::FromStart { whole: Some(100) },
            ),
            (200, &[tag], Range::FromStart { whole: None }),
        ];
        for (status, pairs, wanted) in cases {
            assert_eq!(of(status, pairs), wanted, "{pairs:?}");
        }
        let all = &[tag, ("content-range", "bytes */40")];
        assert_eq!(of(416, all), Range::Complete(40));
        assert_eq!(of(416, &[tag]), Range::Mismatch);
    }
}
