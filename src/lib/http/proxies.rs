//! The proxies that the environment names, checked before anything is sent: the HTTP library silently ignores one that
//! cannot be used, and would send the requests directly.

use url::Url;

use crate::error::Error;

/// The variables that name proxies, as curl and others read them.
const NAMES: [&str; 6] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
];
const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];

/// Refuses an environment that names a proxy which cannot be used.
///
/// # Errors
/// If one of the variables is not the URL of a proxy.
pub fn refuse_unusable() -> Result<(), Error> {
    let named = |name: &'static str| Some((name, std::env::var(name).ok()?));
    match NAMES.into_iter().filter_map(named).find(|(_, value)| !is_usable(value)) {
        None => Ok(()),
        Some((name, _)) => Err(Error::usage(format!("{name} in the environment is not a valid proxy"))
            .hint("give it a URL such as http://proxy.example:3128 or socks5://127.0.0.1:1080, or unset it")),
    }
}

/// Whether the environment exempts all hosts from its proxies.
pub fn are_unused() -> bool {
    let variable = |name: &str| std::env::var(name).ok();
    exempt(&variable).split(',').any(|name| name.trim() == "*")
}

/// What the user should know of exemptions that are not followed: those of single ports.
pub fn warning() -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok();
    let exempt = exempt(&variable);
    let has_port = |name: &&str| {
        let port = name
            .rsplit_once(':')
            .filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
        port.is_some_and(|(_, port)| port.parse::<u16>().is_ok())
    };
    let name = exempt.split(',').map(str::trim).find(has_port)?;
    (!hosts().is_empty()).then(|| {
        format!("NO_PROXY: {name} is not followed, since it names a port; the host alone is")
    })
}

/// The hosts that are asked without a proxy.
fn exempt(variable: &dyn Fn(&str) -> Option<String>) -> String {
    let named = variable("NO_PROXY").or_else(|| variable("no_proxy"));
    named.unwrap_or_default()
}

/// The hosts of the proxies that the environment names.
pub fn hosts() -> Vec<String> {
    let values = NAMES
        .into_iter()
        .filter_map(|name| std::env::var(name).ok());
    let host = |value: String| {
        let url = match value.contains("://") {
            true => Url::parse(&value),
            false => Url::parse(&format!("http://{value}")),
        };
        Some(url.ok()?.host_str()?.to_owned())
    };
    values.filter_map(host).collect()
}

/// The variables that name proxies, with the proxies: without names and passwords.
pub fn named() -> Vec<String> {
    let named = NAMES.into_iter().filter_map(|name| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
        let (_, place) = value.rsplit_once('@').unwrap_or(("", &value));
        let scheme = value.split_once("://").map_or("http", |(scheme, _)| scheme);
        let place = place.rsplit_once("://").map_or(place, |(_, place)| place);
        Some(format!("{name} {scheme}://{place}"))
    });
    named.collect()
}

/// What a connection for a URL is made to, in words: its host, or the proxy for it.
pub fn peer_of(url: &Url) -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    peer(url, &variable)
}

fn peer(url: &Url, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let host = url.host_str().unwrap_or_default();
    let either = |name: &str| variable(name).or_else(|| variable(&name.to_ascii_lowercase()));
    let exempt = exempt(variable);
    let is_exempt = exempt.split(',').map(str::trim).any(|name| {
        let name = name.trim_start_matches('.');
        let is_below = host.strip_suffix(name).is_some_and(|h| h.ends_with('.'));
        name == "*" || !name.is_empty() && (host == name || is_below)
    });
    let named = match url.scheme() {
        "https" => either("HTTPS_PROXY"),
        _ => either("HTTP_PROXY"),
    };
    let named = named.or_else(|| either("ALL_PROXY")).filter(|_| !is_exempt);
    let proxy = named.and_then(|value| {
        let value = if value.contains("://") {
            value
        } else {
            format!("http://{value}")
        };
        let proxy = Url::parse(&value).ok()?;
        let port = proxy.port().map(|port| format!(":{port}"));
        Some(format!("{}{}", proxy.host_str()?, port.unwrap_or_default()))
    });
    match proxy {
        Some(proxy) => format!("the proxy {proxy} for {host}"),
        None => host.to_owned(),
    }
}

/// Whether a value is the URL of a proxy; without a scheme it is an HTTP proxy.
fn is_usable(value: &str) -> bool {
    let url = match value.contains("://") {
        true => Url::parse(value),
        false => Url::parse(&format!("http://{value}")),
    };
    value.is_empty() || url.is_ok_and(|url| url.has_host() && SCHEMES.contains(&url.scheme()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_connected_to_is_the_proxy_where_there_is_one() {
        let cases = [
            ("http://a.org/x", "a.org"),
            ("https://a.org/x", "the proxy p.example:3128 for a.org"),
            ("https://b.org/x", "b.org"),
            ("https://x.b.org/x", "x.b.org"),
            ("https://ab.org/x", "the proxy p.example:3128 for ab.org"),
        ];
        let variable = |name: &str| match name {
            "HTTPS_PROXY" => Some("http://me:word@p.example:3128".to_owned()),
            "no_proxy" => Some("127.0.0.1, .b.org".to_owned()),
            _ => None,
        };
        for (url, wanted) in cases {
            assert_eq!(peer(&Url::parse(url).unwrap(), &variable), wanted);
        }
    }

    #[test]
    fn proxies_are_told_from_nonsense() {
        let cases = [
            ("", true),
            ("proxy.example:3128", true),
            ("http://user:word@proxy.example:3128/", true),
            ("socks5h://127.0.0.1:1080", true),
            ("nonsense://x", false),
            ("http://[bad", false),
            ("://", false),
        ];
        for (value, wanted) in cases {
            assert_eq!(is_usable(value), wanted, "{value}");
        }
    }
}
