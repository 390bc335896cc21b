//! Parts of answers (RFC 9110 §14): one range of bytes of a whole image. Pure.

use bytes::Bytes;

use super::message::{Body, Response};

/// The answer with only the bytes that `Range` asks for; `if_range` is the entity tag that they must belong to, empty if
/// none is given. Several ranges at once are answered with the whole, as the server may.
pub fn cut(mut response: Response, bytes: Bytes, range: &str, if_range: &str) -> (Response, Bytes) {
    response.set_header("accept-ranges", "bytes");
    let is_same = if_range.is_empty() || if_range == response.header("etag");
    // Units are the same in upper and lower case (§14.1).
    let wanted = range
        .split_once('=')
        .filter(|(unit, _)| unit.eq_ignore_ascii_case("bytes"));
    let Some((_, wanted)) = wanted.filter(|_| is_same && response.status == 200) else {
        return (response, bytes);
    };
    let length = bytes.len();
    match span(wanted.trim(), length) {
        Span::All => (response, bytes),
        Span::Part(from, to) => {
            let range = format!("bytes {from}-{}/{length}", to - 1);
            let response = response
                .with_status(206)
                .with_header("content-range", range);
            (response, bytes.slice(from..to))
        }
        Span::Beyond => {
            let response = Response::new(416, Body::Empty)
                .with_header("content-range", format!("bytes */{length}"));
            (response, Bytes::new())
        }
    }
}

/// What a range is of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    /// Not a range that is understood, or several.
    All,
    /// The bytes from the first number to before the second.
    Part(usize, usize),
    /// Beyond the end.
    Beyond,
}

fn span(wanted: &str, length: usize) -> Span {
    let number = |text: &str| match text.bytes().all(|b| b.is_ascii_digit()) {
        true => text.parse::<usize>().ok(),
        false => None,
    };
    let Some((first, last)) = wanted.split_once('-').map(|(a, b)| (a.trim(), b.trim())) else {
        return Span::All;
    };
    match (number(first), number(last)) {
        (None, Some(0)) if first.is_empty() => Span::Beyond,
        (None, Some(last)) if first.is_empty() && length > 0 => {
            Span::Part(length.saturating_sub(last), length)
        }
        (Some(first), _) if last.is_empty() && first < length => Span::Part(first, length),
        (Some(first), Some(last)) if first <= last && first < length => {
            Span::Part(first, last.saturating_add(1).min(length))
        }
        (Some(first), Some(last)) if first > last => Span::All,
        (Some(_), Some(_)) => Span::Beyond,
        (Some(_), None) if last.is_empty() => Span::Beyond,
        _ => Span::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_cut_out() {
        let cases = [
            ("0-3", Span::Part(0, 4)),
            ("4-", Span::Part(4, 10)),
            ("-3", Span::Part(7, 10)),
            ("-30", Span::Part(0, 10)),
            ("2-99", Span::Part(2, 10)),
            ("10-", Span::Beyond),
            ("10-12", Span::Beyond),
            ("-0", Span::Beyond),
            ("5-2", Span::All),
            ("0-1,4-5", Span::All),
            ("x-2", Span::All),
            ("+1-2", Span::All),
            ("", Span::All),
            ("-", Span::All),
        ];
        for (wanted, span_of) in cases {
            assert_eq!(span(wanted, 10), span_of, "{wanted}");
        }
    }

    #[test]
    fn another_state_of_the_image_is_sent_whole() {
        let response = Response::new(200, Body::Empty).with_header("etag", "\"a\"");
        let body = Bytes::from_static(b"0123456789");
        let cases = [
            ("", 206, "12"),
            ("\"a\"", 206, "12"),
            ("\"b\"", 200, "0123456789"),
        ];
        for (tag, status, text) in cases {
            let (cut, bytes) = cut(response.clone(), body.clone(), "bytes=1-2", tag);
            assert_eq!((cut.status, &bytes[..]), (status, text.as_bytes()), "{tag}");
        }
    }

    #[test]
    fn the_unit_is_bytes_in_any_case() {
        let body = Bytes::from_static(b"0123456789");
        for (range, status) in [
            ("Bytes=1-2", 206),
            ("BYTES=1-2", 206),
            ("bytes = 1-2", 200),
            ("lines=1-2", 200),
            ("bytes", 200),
            ("", 200),
        ] {
            let response = Response::new(200, Body::Empty);
            let (cut, _) = cut(response, body.clone(), range, "");
            assert_eq!(cut.status, status, "{range}");
        }
    }
}
