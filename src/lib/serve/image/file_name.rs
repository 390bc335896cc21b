//! What a browser that saves an image calls it, and how old it is. Pure.

use std::time::{Duration, UNIX_EPOCH};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The characters of a name that are encoded: all but those of RFC 8187 §3.2.1.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The most characters of a name; file systems take 255 bytes.
const MOST: usize = 60;

/// `Content-Disposition` with a name that tells the image (RFC 6266; Image API 2.1, appendix A): the end of its identifier,
/// and the suffix of its format.
pub fn disposition(id: &str, suffix: &str) -> String {
    let last = id
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    let is_plain = |c: char| !c.is_control() && !"\\/:*?\"<>|".contains(c);
    let name: String = last
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .take(MOST)
        .collect();
    let name = match name.trim_matches(['.', ' ']) {
        "" => "image",
        name => name,
    };
    let ascii: String = name
        .chars()
        .map(|c| if c.is_ascii() { c } else { '_' })
        .collect();
    let plain = format!("inline; filename=\"{ascii}.{suffix}\"");
    match ascii == name {
        true => plain,
        false => {
            let encoded = utf8_percent_encode(name, ENCODED);
            format!("{plain}; filename*=UTF-8''{encoded}.{suffix}")
        }
    }
}

/// A time in seconds since 1970 as HTTP writes it.
pub fn date(seconds: i64) -> String {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    // Beyond the year 9999 there is no such date.
    let most = Duration::from_secs(253_402_300_799);
    httpdate::fmt_http_date(UNIX_EPOCH + since.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_image_and_are_safe() {
        let cases = [
            ("MS 12 f3r", "inline; filename=\"MS 12 f3r.jpg\""),
            ("in b/c", "inline; filename=\"c.jpg\""),
            ("http://a.example/iiif/3/x", "inline; filename=\"x.jpg\""),
            ("a\"b\r\nc;2", "inline; filename=\"a_b__c;2.jpg\""),
            ("..", "inline; filename=\"image.jpg\""),
            (
                "מגילה 1",
                "inline; filename=\"_____ 1.jpg\"; filename*=UTF-8''%D7%9E%D7%92%D7%99%D7%9C%D7%94%201.jpg",
            ),
        ];
        for (id, wanted) in cases {
            assert_eq!(disposition(id, "jpg"), wanted, "{id}");
        }
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date(-5), date(0));
    }
}
