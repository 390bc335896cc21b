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
