//! What proves that a file is still the same (RFC 9110 §8.8): its ETag and its date, where they are any. Values, no network.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;

use super::retry::date;

/// The ETag of an answer; none where it is empty.
pub fn etag(headers: &HeaderMap) -> Option<&str> {
    text(headers, "etag").filter(|etag| is_etag(etag))
}

/// When the file of an answer was changed, as its server writes it; none where that is no date, or the day on which Unix time
/// begins: programs write that where they know none.
pub fn last_modified(headers: &HeaderMap) -> Option<&str> {
    text(headers, "last-modified").filter(|date| is_date(date))
}

/// What proves that parts are of one file: a strong ETag, else the date (§13.1.5).
pub fn strong(headers: &HeaderMap) -> Option<&str> {
    let etag = etag(headers).filter(|etag| !etag.starts_with("W/"));
    etag.or_else(|| last_modified(headers))
}

/// Whether a text tells one version of a file from another.
pub fn is_etag(text: &str) -> bool {
    !text.trim_start_matches("W/").trim_matches('"').is_empty()
}

/// Whether a text tells when a file was changed.
pub fn is_date(text: &str) -> bool {
    const DAY: Duration = Duration::from_secs(86_400);
    date(text).is_some_and(|date| date >= SystemTime::UNIX_EPOCH + DAY)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validators_that_are_none_prove_nothing() {
        for (text, wanted) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("a", true),
            ("\"\"", false),
            ("W/\"\"", false),
            ("", false),
        ] {
            assert_eq!(is_etag(text), wanted, "{text}");
        }
        for (text, wanted) in [
            ("Mon, 01 Jan 2024 00:00:00 GMT", true),
            ("Mon, 01 Jan 2024 00:00:00 UTC", true),
            ("Thu, 01 Jan 1970 00:00:01 GMT", false),
            ("Mon, 01 Jan 0001 00:00:00 GMT", false),
            ("0", false),
            ("-1", false),
            ("", false),
        ] {
            assert_eq!(is_date(text), wanted, "{text}");
        }
    }
}
