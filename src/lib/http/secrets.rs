//! Which host is told what: tokens and cookies go to the hosts they are meant for and to no other, whatever a
//! file of addresses names and wherever a redirect leads.

use std::collections::BTreeSet;

use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue};

use super::Options;
use crate::report::Error;

/// A header for one host, or for all.
#[derive(Clone, Debug, PartialEq)]
pub struct Secret {
    /// `host` or `host:port`; none: see [`Secrets::new`].
    pub host: Option<String>,
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub value: HeaderValue,
}

/// Headers by host.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    for_all: HeaderMap,
    by_host: Vec<(String, HeaderName, HeaderValue)>,
}

impl Secrets {
    /// What users gave. A secret without a host is for the one host of `hosts`, those that the user asks for; with
    /// several of them it is not guessed which is meant.
    pub fn new(options: &Options, hosts: &BTreeSet<String>) -> Result<Self, Error> {
        let mut secrets = Secrets::default();
        for Secret { host, name, value } in options.headers.iter().chain(&options.bearer) {
            let is_secret = name == AUTHORIZATION || name == COOKIE;
            let mut hosts: Vec<&String> = host
                .iter()
                .chain(hosts.iter().filter(|_| host.is_none()))
                .collect();
            match (host, is_secret, hosts.len()) {
                (None, false, _) => drop(secrets.for_all.append(name, value.clone())),
                (Some(_), _, _) | (None, true, 1) => {
                    let host = hosts.remove(0).to_ascii_lowercase();
                    secrets.by_host.push((host, name.clone(), value.clone()));
                }
                (None, true, 0) => {}
                (None, true, n) => {
                    let shown: Vec<&str> = hosts.iter().take(3).map(|h| h.as_str()).collect();
                    let more = if n > 3 { ", …" } else { "" };
                    let what = format!(
                        "{name} would be sent to {n} hosts: {}{more}",
                        shown.join(", ")
                    );
                    return Err(Error::usage(what).hint(
                        "say which is meant: --bearer HOST=TOKEN, --header 'HOST=NAME: VALUE'",
                    ));
                }
            }
        }
        Ok(secrets)
    }

    /// The headers for a host, `asked`, or for the host that a redirect led to.
    pub fn headers(&self, host: &str, port: Option<u16>) -> HeaderMap {
        let mut headers = self.for_all.clone();
        let host = host.to_ascii_lowercase();
        let with_port = port.map(|port| format!("{host}:{port}"));
        for (meant, name, value) in &self.by_host {
            if *meant == host || Some(meant) == with_port.as_ref() {
                headers.append(name, value.clone());
            }
        }
        headers
    }
}

/// Reads `NAME: VALUE` or `HOST=NAME: VALUE`.
pub fn header(text: &str) -> Result<Secret, String> {
    let (host, header) = split_host(text);
    let (name, value) = header
        .split_once(':')
        .ok_or_else(|| format!("`{text}` has no colon: 'Name: value' is needed"))?;
    let name = name
        .trim()
        .parse()
        .map_err(|_| format!("`{name}` is not a header name"))?;
    let value = value_of(value, &format!("the value of `{name}`"))?;
    Ok(Secret { host, name, value })
}

/// Reads `TOKEN` or `HOST=TOKEN`.
pub fn bearer(text: &str) -> Result<Secret, String> {
    let (host, token) = split_host(text);
    let value = value_of(&format!("Bearer {}", token.trim()), "the token")?;
    Ok(Secret {
        host,
        name: AUTHORIZATION,
        value,
    })
}

fn value_of(text: &str, what: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(text.trim())
        .map_err(|_| format!("{what} has characters that no header holds"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Host and rest of `HOST=REST`. Tokens end in `=` and cookies hold it: only what looks like a host is one.
fn split_host(text: &str) -> (Option<String>, &str) {
    let Some((before, rest)) = text.split_once('=') else {
        return (None, text);
    };
    let (name, port) = before.split_once(':').unwrap_or((before, "1"));
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
        && (name.contains('.') || name.eq_ignore_ascii_case("localhost"));
    match is_name && port.parse::<u16>().is_ok() && !rest.trim_matches('=').is_empty() {
        true => (Some(before.to_owned()), rest),
        false => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_from_tokens_and_cookies() {
        let cases = [
            ("a.org=abc", Some("a.org"), "Bearer abc"),
            (
                "localhost:8080=abc==",
                Some("localhost:8080"),
                "Bearer abc==",
            ),
            ("abc==", None, "Bearer abc=="),
            ("eyJ.x.y=", None, "Bearer eyJ.x.y="),
            ("abc", None, "Bearer abc"),
        ];
        for (text, host, value) in cases {
            let secret = bearer(text).unwrap();
            assert_eq!(secret.host.as_deref(), host, "{text}");
            assert_eq!(secret.value, value, "{text}");
        }
        let secret = header("a.org:81=Cookie: b=c").unwrap();
        assert_eq!(
            (secret.host.as_deref(), secret.value.as_bytes()),
            (Some("a.org:81"), &b"b=c"[..])
        );
        let secret = header("Cookie: b=c").unwrap();
        assert_eq!(
            (secret.host.as_deref(), secret.value.as_bytes()),
            (None, &b"b=c"[..])
        );
        assert!(header("no colon").is_err());
    }

    #[test]
    fn a_secret_goes_to_its_host_alone() {
        use clap::{Args, FromArgMatches};
        let command = Options::augment_args(clap::Command::new("recto"));
        let unset = Options::from_arg_matches(&command.get_matches_from(["recto"])).unwrap();
        let options = |bearer: &str| Options {
            bearer: Some(super::bearer(bearer).unwrap()),
            headers: vec![header("X-Study: 7").unwrap()],
            ..unset.clone()
        };
        let hosts = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        let one = Secrets::new(&options("t"), &hosts(&["a.org"])).unwrap();
        assert_eq!(one.headers("A.org", Some(443)).len(), 2);
        assert_eq!(one.headers("b.org", Some(443)).len(), 1);
        assert!(Secrets::new(&options("t"), &hosts(&["a.org", "b.org"])).is_err());
        let named = Secrets::new(&options("b.org=t"), &hosts(&["a.org", "b.org"])).unwrap();
        assert_eq!(named.headers("a.org", None).len(), 1);
        assert_eq!(named.headers("b.org", Some(8443)).len(), 2);
    }
}
