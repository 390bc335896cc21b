//! What trusted proxies say about a request: the scheme, host, port and prefix that the client used (`X-Forwarded-*`, and
//! `Forwarded` of RFC 7239). Pure.

use super::host::Host;
use crate::http::header::HeaderMap;

/// What the client used, as far as a proxy says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// Whether the client uses TLS; none: not said.
    pub is_tls: Option<bool>,
    /// The host that the client sent.
    pub host: Option<Host>,
    /// The port that the client connected to, if the host does not tell.
    pub port: Option<u16>,
    /// The path before the paths of this server, with `/` at its start only; empty: none.
    pub prefix: String,
}

impl Forwarded {
    /// Reads the headers of a request that came through so many trusted proxies. Each adds a word at the end, or sets the
    /// only one: what stands before the words of ours could be written by anybody.
    pub fn read(headers: &HeaderMap, proxies: usize) -> Self {
        let elements = words(headers, "forwarded", ',');
        let element = outermost(&elements, proxies);
        let pairs: Vec<(String, String)> = element.map(|e| pairs(e)).unwrap_or_default();
        let pair = |name: &str| {
            let found = pairs.iter().find(|(n, _)| n == name);
            found.map(|(_, value)| value.clone())
        };
        let said = |header: &str| outermost(&words(headers, header, ','), proxies).cloned();
        let scheme = said("x-forwarded-proto").or_else(|| pair("proto"));
        let host = said("x-forwarded-host").or_else(|| pair("host"));
        Forwarded {
            is_tls: scheme.map(|scheme| scheme.eq_ignore_ascii_case("https")),
            host: host.and_then(|host| Host::parse(&host)),
            port: said("x-forwarded-port").and_then(|port| port.parse().ok()),
            prefix: said("x-forwarded-prefix").map_or_else(String::new, |text| prefix(&text)),
        }
    }

    /// The base URL that the client used; none if no proxy tells anything. `host` is that of the request here.
    pub fn base(&self, host: &str) -> Option<String> {
        if *self == Forwarded::default() {
            return None;
        }
        let scheme = if self.is_tls == Some(true) {
            "https"
        } else {
            "http"
        };
        let usual = if scheme == "https" { 443 } else { 80 };
        let port = self.port.filter(|port| *port != usual);
        let host = match (&self.host, port) {
            (Some(host), Some(port)) if !host.has_port() => format!("{}:{port}", host.as_str()),
            (Some(host), _) => host.as_str().to_owned(),
            (None, _) => host.to_owned(),
        };
        Some(format!("{scheme}://{host}{}", self.prefix))
    }
}

/// The words of all lines of a header.
fn words(headers: &HeaderMap, name: &str, separator: char) -> Vec<String> {
    let lines = headers.get_all(name).iter();
    let words = lines.filter_map(|line| line.to_str().ok());
    let words = words.flat_map(|line| line.split(separator));
    let words = words.map(|word| word.trim().to_owned());
    words.filter(|word| !word.is_empty()).collect()
}

/// The word of the outermost of so many proxies.
fn outermost(words: &[String], proxies: usize) -> Option<&String> {
    words.get(words.len().saturating_sub(proxies.max(1)))
}

/// The parameters of an element of `Forwarded`, names in lower case, values without quotes.
fn pairs(element: &str) -> Vec<(String, String)> {
    let pair = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim().trim_matches('"');
        Some((name.trim().to_ascii_lowercase(), value.to_owned()))
    };
    element.split(';').filter_map(pair).collect()
}

/// A path as the start of paths; empty if it is none.
fn prefix(text: &str) -> String {
    let path = text.trim_matches('/');
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b);
    let is_path = !path.is_empty() && path.bytes().all(is_plain) && !path.contains("//");
    match is_path && !path.split('/').any(|part| part == "..") {
        true => format!("/{path}"),
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::header::{HeaderName, HeaderValue};

    fn headers(text: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in text.lines() {
            let (name, value) = line.split_once(": ").unwrap();
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_base_is_what_the_client_used() {
        let cases = [
            ("", 1, None),
            ("x-forwarded-proto: https", 1, Some("https://here")),
            (
                "x-forwarded-host: pub.example",
                1,
                Some("http://pub.example"),
            ),
            (
                "x-forwarded-host: pub.example\nx-forwarded-proto: https\nx-forwarded-prefix: /img/",
                1,
                Some("https://pub.example/img"),
            ),
            (
                "x-forwarded-host: pub.example\nx-forwarded-proto: https\nx-forwarded-port: 8443",
                1,
                Some("https://pub.example:8443"),
            ),
            (
                "x-forwarded-host: pub.example\nx-forwarded-proto: https\nx-forwarded-port: 443",
                1,
                Some("https://pub.example"),
            ),
            (
                "forwarded: for=9.9.9.9;proto=https;host=\"pub.example:8443\"",
                1,
                Some("https://pub.example:8443"),
            ),
            // What the client wrote itself stands before.
            (
                "x-forwarded-host: evil.example, pub.example",
                1,
                Some("http://pub.example"),
            ),
            (
                "x-forwarded-host: evil.example, pub.example, inner",
                2,
                Some("http://pub.example"),
            ),
            (
                "x-forwarded-host: pub.example",
                2,
                Some("http://pub.example"),
            ),
            ("x-forwarded-host: x\"><script>", 1, None),
            ("x-forwarded-prefix: /../x", 1, None),
            (
                "x-forwarded-prefix: //evil.example",
                1,
                Some("http://here/evil.example"),
            ),
        ];
        for (text, proxies, wanted) in cases {
            let read = Forwarded::read(&headers(text), proxies);
            assert_eq!(read.base("here").as_deref(), wanted, "{text}");
        }
    }
}
