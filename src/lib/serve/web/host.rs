//! The host that a request is for (RFC 9112 §3.2), and which hosts this server answers to. Pure.
//!
//! A page on another site can make its own name lead to this machine (DNS rebinding); the browser then takes this server
//! for that site and lets the page read and write. Such a page cannot help sending its name in `Host`.

use std::net::IpAddr;

use crate::http::header::HeaderValue;

/// A host with its port, if one is given, as it stands in a URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host(String);

impl Host {
    /// Reads a host and perhaps a port: a name, an IPv4 address, or an IPv6 address in brackets.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, rest) = rest.split_once(']')?;
                address.parse::<std::net::Ipv6Addr>().ok()?;
                let end = text.len() - rest.len();
                (&text[..end], rest)
            }
            None => {
                let end = text.find(':').unwrap_or(text.len());
                (&text[..end], &text[end..])
            }
        };
        let is_name = name.starts_with('[')
            || name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
        let is_port = match port.strip_prefix(':') {
            Some("") => true,
            Some(digits) => {
                digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok()
            }
            None => port.is_empty(),
        };
        (is_name && is_port && !name.is_empty()).then(|| Host(text.to_owned()))
    }

    /// The one host of a request: that of its target, or else its only `Host`.
    ///
    /// # Errors
    /// What is wrong: it is missing, there are several, or it is none.
    pub fn of_request<'a>(
        authority: Option<&str>,
        lines: impl Iterator<Item = &'a HeaderValue>,
        must_be: bool,
    ) -> Result<Option<Self>, &'static str> {
        let lines: Vec<&HeaderValue> = lines.collect();
        let text = match (authority, &lines[..]) {
            (_, [_, _, ..]) => return Err("there are several `Host` headers"),
            (Some(authority), _) => authority,
            (None, [line]) => line.to_str().unwrap_or_default(),
            (None, []) if must_be => return Err("`Host` is missing"),
            (None, []) => return Ok(None),
        };
        Host::parse(text).map(Some).ok_or("`Host` is not a host")
    }

    /// The host and its port.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host without its port.
    pub fn name(&self) -> &str {
        match self.0.rfind(']') {
            Some(end) => &self.0[..=end],
            None => self.0.split(':').next().unwrap_or_default(),
        }
    }

    /// Whether it has a port.
    pub fn has_port(&self) -> bool {
        self.name().len() < self.0.len()
    }

    /// Whether nobody elsewhere can own the name: an address, `localhost`, or a name without a dot, which is one of the
    /// local network.
    pub fn is_local_name(&self) -> bool {
        let name = self.name().trim_end_matches('.').to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok() || !name.contains('.') || name.ends_with(".localhost")
    }
}

/// The hosts that this server answers to.
#[derive(Clone, Debug, Default)]
pub struct OwnHosts {
    /// Names that are given: of `--allow-host`, and those of `--listen` and `--base-url`. `*` stands for all.
    pub names: Vec<String>,
}

impl OwnHosts {
    /// Whether a request for this host is meant for this server.
    pub fn include(&self, host: &Host) -> bool {
        let is_it = |name: &String| {
            name == "*"
                || name.eq_ignore_ascii_case(host.name())
                || name.eq_ignore_ascii_case(host.as_str())
        };
        host.is_local_name() || self.names.iter().any(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_and_addresses_with_or_without_a_port() {
        for text in [
            "a.example",
            "a.example:8080",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:80",
            "a_b",
            "x:",
            "x:65535",
        ] {
            assert!(Host::parse(text).is_some(), "{text}");
        }
        for text in [
            "",
            ":80",
            "x\"><script>",
            "x/y?z",
            "u@x",
            "a b",
            "::1",
            "[::1",
            "[x]",
            "x:80a",
            "x:123456",
            "x:65536",
            "[::1]:99999",
            "x:+80",
            "x,y",
            "x#y",
            "[::1]x",
            "é",
        ] {
            assert!(Host::parse(text).is_none(), "{text}");
        }
        let host = Host::parse("[::1]:80").unwrap();
        assert_eq!((host.name(), host.has_port()), ("[::1]", true));
    }

    /// The authority of the target, the `Host` lines, whether there must be one, and what is found.
    type Case = (
        Option<&'static str>,
        &'static [&'static str],
        bool,
        Result<Option<&'static str>, ()>,
    );

    #[test]
    fn a_request_has_one_host() {
        let lines = |texts: &[&'static str]| -> Vec<HeaderValue> {
            texts.iter().map(|t| HeaderValue::from_static(t)).collect()
        };
        let cases: [Case; 7] = [
            (None, &["a"], true, Ok(Some("a"))),
            (Some("b:1"), &["a"], true, Ok(Some("b:1"))),
            (None, &[], true, Err(())),
            (None, &[], false, Ok(None)),
            (None, &["a", "b"], true, Err(())),
            (Some("a"), &["a", "b"], false, Err(())),
            (Some("u@a"), &[], false, Err(())),
        ];
        for (authority, texts, must_be, wanted) in cases {
            let lines = lines(texts);
            let found = Host::of_request(authority, lines.iter(), must_be);
            let found = found.map(|host| host.map(|host| host.as_str().to_owned()));
            assert_eq!(
                found.map_err(|_| ()),
                wanted.map(|w| w.map(String::from)),
                "{texts:?}"
            );
        }
    }

    #[test]
    fn names_that_others_can_own_must_be_listed() {
        let own = OwnHosts {
            names: vec!["scrolls.example".into()],
        };
        let cases = [
            ("127.0.0.1:8080", true),
            ("[::1]:8080", true),
            ("10.1.2.3", true),
            ("localhost:8080", true),
            ("images.localhost", true),
            ("nas", true),
            ("scrolls.example", true),
            ("Scrolls.Example:443", true),
            ("evil.example", false),
            ("127.0.0.1.evil.example", false),
        ];
        for (text, wanted) in cases {
            assert_eq!(own.include(&Host::parse(text).unwrap()), wanted, "{text}");
        }
    }
}
