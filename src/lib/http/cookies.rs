//! Cookies of a file in Netscape's format, which browsers' extensions, curl and yt-dlp write: seven columns between tabs.

use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, SystemTime};

use recto_suffix::is_public_suffix;
use reqwest::cookie::CookieStore;
use reqwest::header::HeaderValue;
use url::Url;

use crate::error::Error;
use crate::files;

/// A cookie as a server would set it, and the URL of that server.
#[derive(Debug, PartialEq, Eq)]
struct SetCookie {
    url: String,
    text: String,
}

/// The cookies of a run: none is for all hosts under a public suffix such as `org` or `co.uk`.
#[derive(Debug, Default)]
pub struct Jar(reqwest::cookie::Jar);

impl CookieStore for Jar {
    fn set_cookies(&self, headers: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        let texts = headers.filter_map(|header| header.to_str().ok());
        for text in texts.filter_map(|text| confined(text, url)) {
            self.0.add_cookie_str(&text, url);
        }
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        self.0.cookies(url)
    }
}

/// A cookie that is not for a public suffix (RFC 6265 §5.3, step 5): one of a host that is itself a suffix is for that host alone.
fn confined<'a>(cookie: &'a str, url: &Url) -> Option<Cow<'a, str>> {
    let domain = |attribute: &str| {
        let (name, value) = attribute.split_once('=')?;
        let is_domain = name.trim().eq_ignore_ascii_case("domain");
        is_domain.then(|| value.trim().trim_start_matches('.').to_ascii_lowercase())
    };
    let suffixes = cookie.split(';').skip(1).filter_map(domain);
    let mut suffixes = suffixes
        .filter(|domain| is_public_suffix(domain))
        .peekable();
    if suffixes.peek().is_none() {
        return Some(cookie.into());
    }
    if suffixes.any(|domain| url.host_str() != Some(&*domain)) {
        return None;
    }
    let mut parts = cookie.split(';');
    let value = parts.next().unwrap_or_default();
    let rest = parts.filter(|part| domain(part).is_none());
    Some(
        rest.fold(value.to_owned(), |text, part| text + ";" + part)
            .into(),
    )
}

/// A jar with the cookies of a file; without a file it is empty.
///
/// # Errors
/// The file cannot be read, or a line is not a cookie.
pub fn open(path: Option<&Path>) -> Result<Jar, Error> {
    let jar = Jar::default();
    let Some(path) = path else {
        return Ok(jar);
    };
    let name = path.display().to_string();
    for cookie in read(&files::read(path)?, &name)? {
        if let Ok(url) = Url::parse(&cookie.url) {
            let header = HeaderValue::from_str(&cookie.text);
            jar.set_cookies(&mut header.iter(), &url);
        }
    }
    Ok(jar)
}

fn read(bytes: &[u8], name: &str) -> Result<Vec<SetCookie>, Error> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}');
    let mut cookies = Vec::new();
    for (i, line) in text.lines().enumerate() {
        // Cookies that scripts cannot see are marked by a prefix that looks like a comment.
        let line = line.strip_prefix("#HttpOnly_").unwrap_or(line);
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut columns: Vec<&str> = line.split('\t').collect();
        // Editors cut off the tab before an empty value.
        if columns.len() == 6 {
            columns.push("");
        }
        let [domain, has_subdomains, path, is_secure, expires, key, value] = columns[..] else {
            let what = format!("{name}:{}: not a cookie in Netscape's format", i + 1);
            return Err(Error::new(what).hint(
                "a line has seven columns between tabs: domain, subdomains, path, secure, expires, name, value",
            ));
        };
        let host = domain.trim_start_matches('.');
        let is_secure = is_secure.eq_ignore_ascii_case("true");
        let mut text = format!("{key}={value}; Path={path}");
        if has_subdomains.eq_ignore_ascii_case("true") {
            text += &format!("; Domain={host}");
        }
        // 0 is a cookie of the session.
        if let Some(seconds) = expires.parse().ok().filter(|seconds| *seconds > 0) {
            let then = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
            // The date format ends with the year 9999.
            let then = then.filter(|_| seconds < 253_402_300_800);
            text += &then.map_or_else(String::new, |then| {
                format!("; Expires={}", httpdate::fmt_http_date(then))
            });
        }
        if is_secure {
            text += "; Secure";
        }
        let scheme = if is_secure { "https" } else { "http" };
        cookies.push(SetCookie {
            url: format!("{scheme}://{host}{path}"),
            text,
        });
    }
    Ok(cookies)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# Netscape HTTP Cookie File\n\n.a.org\tTRUE\t/\tTRUE\t0\tsid\tx=1\n#HttpOnly_b.org\tFALSE\t/i\tFALSE\t9\tk\tv\n";

    #[test]
    fn each_cookie_is_of_its_host_and_path() {
        let wanted = [
            ("https://a.org/", "sid=x=1; Path=/; Domain=a.org; Secure"),
            (
                "http://b.org/i",
                "k=v; Path=/i; Expires=Thu, 01 Jan 1970 00:00:09 GMT",
            ),
        ];
        let wanted = wanted.map(|(url, text)| SetCookie {
            url: url.into(),
            text: text.into(),
        });
        assert_eq!(read(FILE.as_bytes(), "c.txt").unwrap(), wanted);
        let error = read(b"a.org TRUE / TRUE 0 sid x", "c.txt").unwrap_err();
        assert!(error.what().starts_with("c.txt:1: not a cookie"), "{error}");
    }

    #[test]
    fn a_cookie_for_all_of_a_public_suffix_is_for_nobody() {
        let cases = [
            (
                "a=1; Domain=museum.org",
                "https://iiif.museum.org/",
                Some("a=1; Domain=museum.org"),
            ),
            ("a=1; Domain=org", "https://museum.org/", None),
            ("a=1; domain = .ORG ; Secure", "https://museum.org/", None),
            (
                "a=1; Domain=museum.org; Domain=org",
                "https://museum.org/",
                None,
            ),
            ("a=1; Domain=co.uk", "https://museum.co.uk/", None),
            ("a=1; Domain=github.io", "https://museum.github.io/", None),
            (
                "a=1; Domain=github.io; Secure",
                "https://github.io/",
                Some("a=1; Secure"),
            ),
            (
                "a=1; Domain=localhost; Path=/",
                "http://localhost/",
                Some("a=1; Path=/"),
            ),
            ("domain=org", "https://museum.org/", Some("domain=org")),
            (
                "a=1; Domain=127.0.0.1",
                "http://127.0.0.1/",
                Some("a=1; Domain=127.0.0.1"),
            ),
        ];
        for (cookie, url, wanted) in cases {
            let url = Url::parse(url).unwrap();
            assert_eq!(confined(cookie, &url).as_deref(), wanted, "{cookie}");
        }
    }

    #[test]
    fn damaged_files_are_read_or_refused_with_their_line() {
        use recto_testkit::mutation;
        let takes = |bytes: &[u8]| match read(bytes, "c.txt") {
            Ok(cookies) => !cookies.is_empty(),
            Err(error) => {
                assert!(error.what().starts_with("c.txt:"), "{error}");
                false
            }
        };
        mutation::check(1000, |random| mutation::text(FILE, random), takes).is_mixed();
    }
}
