//! Which host is told what: tokens and cookies go to the hosts they are meant for and to no other, whatever a
//! file of addresses names and wherever a redirect leads.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue};

use super::Options;
use super::netrc::{Login, Netrc};
use crate::error::Error;

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
    /// No secrets, and not for hosts that only a redirect leads to.
    pub for_all: HeaderMap,
    by_host: Vec<(String, HeaderName, HeaderValue)>,
    /// What the user should know of them.
    pub warnings: Vec<String>,
}

impl Secrets {
    /// What users gave. A secret without a host is for the one host of `hosts`, those that the user asks for; with
    /// several of them it is not guessed which is meant.
    pub fn new(options: &Options, hosts: &BTreeSet<String>) -> Result<Self, Error> {
        let mut secrets = Secrets::default();
        for Secret { host, name, value } in options.headers.iter().chain(&options.bearers) {
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
        if let Some(file) = &options.netrc {
            let (netrc, warning) = Netrc::open(file)?;
            secrets.warnings.extend(warning);
            secrets.log_in(netrc, hosts)?;
        }
        Ok(secrets)
    }

    /// Adds logins to the hosts that are told no other `Authorization`. `default` is for the one host asked: told
    /// to several, the password for one would be known to all.
    fn log_in(&mut self, netrc: Netrc, hosts: &BTreeSet<String>) -> Result<(), Error> {
        let known = |secrets: &Self, host: &str| {
            let mut told = secrets.by_host.iter();
            told.any(|(told, name, _)| {
                name == AUTHORIZATION
                    && (told == host || told.rsplit_once(':').is_some_and(|(t, _)| t == host))
            })
        };
        for (machine, login) in netrc.machines {
            // An address of version 6 is in brackets in URLs, and mostly without in such files.
            let host = match machine.parse::<std::net::Ipv6Addr>() {
                Ok(ip) => format!("[{ip}]"),
                Err(_) => machine,
            };
            if !known(self, &host) {
                self.by_host.push((host, AUTHORIZATION, basic(&login)?));
            }
        }
        let (Some(login), 1..) = (netrc.default, hosts.len()) else {
            return Ok(());
        };
        match (hosts.first(), hosts.len()) {
            (Some(host), 1) => {
                let name = host.rsplit_once(':').map_or(&**host, |(name, _)| name);
                if !known(self, name) {
                    self.by_host.push((host.clone(), AUTHORIZATION, basic(&login)?));
                }
            }
            (_, n) => self.warnings.push(format!(
                "--netrc: `default` is told to none of {n} hosts; an entry `machine HOST` says which is meant"
            )),
        }
        Ok(())
    }

    /// The headers that are meant for a host by its name.
    pub fn meant_for<'a>(
        &'a self,
        host: &str,
        port: Option<u16>,
    ) -> impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)> + use<'a> {
        let host = host.to_ascii_lowercase();
        let with_port = port.map(|port| format!("{host}:{port}"));
        let by_host = self.by_host.iter();
        let meant =
            by_host.filter(move |(meant, ..)| *meant == host || Some(meant) == with_port.as_ref());
        meant.map(|(_, name, value)| (name, value))
    }

    /// Whether a host is told who asks.
    pub fn is_told(&self, host: &str, port: Option<u16>) -> bool {
        let mut told = self
            .for_all
            .keys()
            .chain(self.meant_for(host, port).map(|(name, _)| name));
        told.any(|name| name == AUTHORIZATION || name == COOKIE)
    }
}

/// `Basic` of RFC 7617.
fn basic(login: &Login) -> Result<HeaderValue, Error> {
    let pair = format!("{}:{}", login.name, login.password);
    value_of(&format!("Basic {}", STANDARD.encode(pair)), "a login").map_err(Error::new)
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
    let (name, port) = match before.rsplit_once(':') {
        Some(_) if before.ends_with(']') => (before, "1"),
        Some(parts) => parts,
        None => (before, "1"),
    };
    let inside = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    let is_v6 = inside.is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok());
    let is_name = is_v6
        || !name.is_empty()
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
            ("[::1]=abc", Some("[::1]"), "Bearer abc"),
            (
                "[2001:db8::7]:8080=abc=",
                Some("[2001:db8::7]:8080"),
                "Bearer abc=",
            ),
            ("[x]=abc", None, "Bearer [x]=abc"),
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
    fn a_login_is_written_as_rfc_7617_says() {
        let login = Login {
            name: "Aladdin".into(),
            password: "open sesame".into(),
        };
        assert_eq!(basic(&login).unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn a_secret_goes_to_its_host_alone() {
        use clap::{Args, FromArgMatches};
        let command = Options::augment_args(clap::Command::new("recto"));
        let unset = Options::from_arg_matches(&command.get_matches_from(["recto"])).unwrap();
        let options = |bearer: &str| Options {
            bearers: vec![super::bearer(bearer).unwrap()],
            headers: vec![header("X-Study: 7").unwrap()],
            ..unset.clone()
        };
        let hosts = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        let one = Secrets::new(&options("t"), &hosts(&["a.org"])).unwrap();
        assert_eq!(one.meant_for("A.org", Some(443)).count(), 1);
        assert_eq!(one.meant_for("b.org", Some(443)).count(), 0);
        assert!(Secrets::new(&options("t"), &hosts(&["a.org", "b.org"])).is_err());
        let named = Secrets::new(&options("b.org=t"), &hosts(&["a.org", "b.org"])).unwrap();
        assert_eq!(named.meant_for("a.org", None).count(), 0);
        assert_eq!(named.meant_for("b.org", Some(8443)).count(), 1);
    }
}
