//! Which host receives which credentials: tokens and cookies go to the hosts they are meant for and to no other,
//! whatever URLs an input contains and wherever a redirect leads.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use url::Url;

use super::address::is_public;
use super::host_header::{HostHeader, value_of};
use super::netrc::{Login, Netrc};
use super::options::Options;
use crate::error::Error;

/// Headers by host.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Headers that are not secret; hosts to which only a redirect leads do not receive them.
    pub for_all: HeaderMap,
    by_host: Vec<(String, HeaderName, HeaderValue)>,
    /// Logins of a netrc file, by host: the name, and the header.
    logins: Vec<(String, String, HeaderValue)>,
    /// Those that the user requests, `name:port`.
    requested: BTreeSet<String>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

impl Credentials {
    /// The credentials of the options. One given without a host is for the only host of `hosts` (`name:port`), those that
    /// the user requests by name; with several hosts it is not guessed which is meant.
    ///
    /// # Errors
    /// If it is not clear which host is meant, or the netrc file cannot be read.
    pub fn new(options: &Options, hosts: &BTreeSet<String>) -> Result<Self, Error> {
        let mut credentials = Credentials {
            requested: hosts.clone(),
            ..Credentials::default()
        };
        for HostHeader { host, name, value } in options.headers.iter().chain(&options.bearers) {
            let (name, value) = (name.clone(), value.clone());
            match (host, hosts.len()) {
                (None, _) if !is_secret(&name) => {
                    credentials.for_all.append(name, value);
                }
                (Some(host), _) => credentials.by_host.push((host.clone(), name, value)),
                (None, 0) => {}
                (None, 1) => {
                    let host = hosts.iter().map(|host| host.to_ascii_lowercase());
                    credentials
                        .by_host
                        .extend(host.map(|host| (host, name.clone(), value.clone())));
                }
                (None, n) => {
                    let shown: Vec<&str> = hosts.iter().take(3).map(|h| h.as_str()).collect();
                    let more = if n > 3 { ", …" } else { "" };
                    let what = format!(
                        "{name} would be sent to {n} hosts: {}{more}",
                        shown.join(", ")
                    );
                    return Err(Error::usage(what).hint(
                        "name the host that is meant: --bearer HOST=TOKEN, --header 'HOST=NAME: VALUE'",
                    ));
                }
            }
        }
        if let Some(file) = &options.netrc {
            let (netrc, warning) = Netrc::open(file)?;
            credentials.warnings.extend(warning);
            credentials.log_in(netrc, hosts)?;
        }
        Ok(credentials)
    }

    /// Adds logins for the hosts that receive no other `Authorization`. `default` is for the only host requested: sent to
    /// several, the password of one would be known to all.
    fn log_in(&mut self, netrc: Netrc, hosts: &BTreeSet<String>) -> Result<(), Error> {
        let known = |credentials: &Self, host: &str| {
            let mut by_host = credentials.by_host.iter();
            by_host.any(|(known, name, _)| {
                name == AUTHORIZATION
                    && (known == host || known.rsplit_once(':').is_some_and(|(k, _)| k == host))
            })
        };
        for (machine, login) in netrc.machines {
            // IPv6 addresses have brackets in URLs, and mostly none in netrc files.
            let host = match machine.parse::<std::net::Ipv6Addr>() {
                Ok(ip) => format!("[{ip}]"),
                Err(_) => machine,
            };
            if !known(self, &host) {
                let header = basic(&login)?;
                self.logins.push((host, login.name, header));
            }
        }
        let (Some(login), 1..) = (netrc.default, hosts.len()) else {
            return Ok(());
        };
        match (hosts.first(), hosts.len()) {
            (Some(host), 1) => {
                let name = host.rsplit_once(':').map_or(&**host, |(name, _)| name);
                let has_login = self.logins.iter().any(|(known, ..)| known == name || known == host);
                if !known(self, name) && !has_login {
                    let header = basic(&login)?;
                    self.logins.push((host.clone(), login.name, header));
                }
            }
            (_, n) => self.warnings.push(format!(
                "--netrc: `default` is sent to none of {n} hosts; an entry `machine HOST` names the host that is meant"
            )),
        }
        Ok(())
    }

    /// The headers that are meant for the host of a URL. What is given for a host that is requested by https does not go
    /// over an open connection, whatever leads there.
    pub fn meant_for<'a>(
        &'a self,
        url: &Url,
    ) -> impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)> + use<'a> {
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let with_port = url
            .port_or_known_default()
            .map(|port| format!("{host}:{port}"));
        let is_requested = with_port
            .as_ref()
            .is_some_and(|name| self.requested.contains(name));
        let is_safe = url.scheme() == "https" || is_requested || !is_public(url);
        let is_meant =
            move |meant: &str| Some(meant) == with_port.as_deref() || is_safe && *meant == *host;
        // Of several logins for a host the one that the URL names, else the first; one with its password needs none.
        let (name, has_password) = (url.username(), url.password().is_some());
        let mut logins = self.logins.iter();
        let login = logins.find(|(meant, known, _)| {
            !has_password && is_meant(meant) && (name.is_empty() || is_name(known, name))
        });
        let login = login.map(|(_, _, value)| (&AUTHORIZATION, value));
        let by_host = self.by_host.iter();
        let meant = by_host.filter(move |(meant, ..)| is_meant(meant));
        meant.map(|(_, name, value)| (name, value)).chain(login)
    }

    /// Whether a host receives something that identifies the user.
    pub fn identify_user(&self, url: &Url) -> bool {
        let mut names = self
            .for_all
            .keys()
            .chain(self.meant_for(url).map(|(name, _)| name));
        names.any(is_secret)
    }
}

/// Whether a name of a login is the one in a URL, where some characters are escaped.
fn is_name(known: &str, in_url: &str) -> bool {
    percent_encoding::percent_decode_str(in_url).eq(known.bytes())
}

/// Whether a header may tell a host who the user is: all but those of which HTTP says what they mean, and that is
/// something else. No list of names knows how archives call their keys.
fn is_secret(name: &HeaderName) -> bool {
    const KNOWN: [&str; 16] = [
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "dnt",
        "from",
        "origin",
        "pragma",
        "prefer",
        "priority",
        "range",
        "referer",
        "upgrade-insecure-requests",
        "user-agent",
    ];
    let name = name.as_str();
    !KNOWN.contains(&name) && !name.starts_with("sec-fetch-") && !name.starts_with("sec-ch-")
}

/// `Basic` of RFC 7617.
///
/// # Errors
/// A header cannot hold it.
pub fn basic(login: &Login) -> Result<HeaderValue, Error> {
    let pair = format!("{}:{}", login.name, login.password);
    value_of(&format!("Basic {}", STANDARD.encode(pair)), "a login").map_err(Error::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::host_header::{bearer as parse_bearer, header};

    #[test]
    fn a_login_is_written_as_rfc_7617_says() {
        let login = Login {
            name: "Aladdin".into(),
            password: "open sesame".into(),
        };
        assert_eq!(basic(&login).unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn a_header_is_secret_unless_its_name_says_otherwise() {
        for name in [
            "authorization",
            "cookie",
            "x-api-key",
            "apikey",
            "x-auth-token",
            "private-token",
            "x-jwt",
            "x-ticket",
            "client-id",
            "x-study",
        ] {
            assert!(is_secret(&HeaderName::from_static(name)), "{name}");
        }
        for name in ["accept", "sec-fetch-mode", "user-agent", "referer"] {
            assert!(!is_secret(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn a_secret_goes_to_its_host_alone() {
        use clap::{Args, FromArgMatches};
        let command = Options::augment_args(clap::Command::new("recto"));
        let unset = Options::from_arg_matches(&command.get_matches_from(["recto"])).unwrap();
        let options = |bearer: &str| Options {
            bearers: vec![parse_bearer(bearer).unwrap()],
            headers: vec![header("Accept-Language: la").unwrap()],
            ..unset.clone()
        };
        let hosts = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        let one = Credentials::new(&options("t"), &hosts(&["a.org"])).unwrap();
        let count = |of: &Credentials, url| of.meant_for(&Url::parse(url).unwrap()).count();
        assert_eq!(count(&one, "https://A.org/"), 1);
        assert_eq!(count(&one, "https://b.org/"), 0);
        assert_eq!(
            count(&one, "http://a.org/"),
            0,
            "not over an open connection"
        );
        assert!(Credentials::new(&options("t"), &hosts(&["a.org", "b.org"])).is_err());
        let named = Credentials::new(&options("b.org=t"), &hosts(&["a.org", "b.org"])).unwrap();
        assert_eq!(count(&named, "https://a.org/"), 0);
        assert_eq!(count(&named, "https://b.org:8443/"), 1);
        let open = Credentials::new(&options("b.org=t"), &hosts(&["b.org:80"])).unwrap();
        assert_eq!(count(&open, "http://b.org/"), 1, "the user requests it so");
    }
}
