//! Headers as users give them on the command line: `--header` and `--bearer`, for one host or for all.

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

/// A header for one host, or for all, as an option gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct HostHeader {
    /// `host` or `host:port` in lower case; none where the option names no host.
    pub host: Option<String>,
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub value: HeaderValue,
}

/// Parses `NAME: VALUE` or `HOST=NAME: VALUE`.
///
/// # Errors
/// If it is not a header.
pub fn header(text: &str) -> Result<HostHeader, String> {
    let (host, header) = split_host(text)?;
    let (name, value) = header
        .split_once(':')
        .ok_or_else(|| format!("`{text}` is missing a colon; the form is 'Name: value'"))?;
    let name = name
        .trim()
        .parse()
        .map_err(|_| format!("`{name}` is not a valid header name"))?;
    let value = value_of(value, &format!("the value of `{name}`"))?;
    Ok(HostHeader { host, name, value })
}

/// Parses `TOKEN` or `HOST=TOKEN`.
///
/// # Errors
/// If a header cannot hold the token.
pub fn bearer(text: &str) -> Result<HostHeader, String> {
    let (host, token) = split_host(text)?;
    let value = value_of(&format!("Bearer {}", token.trim()), "the token")?;
    Ok(HostHeader {
        host,
        name: AUTHORIZATION,
        value,
    })
}

/// A value that is not shown in logs.
///
/// # Errors
/// If a header cannot hold it; `what` names it in the message.
pub fn value_of(text: &str, what: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(text.trim())
        .map_err(|_| format!("{what} contains characters that are not allowed in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Host and rest of `HOST=REST`. Tokens may end in `=` and cookies contain it, so only what looks like a host, or like a URL,
/// counts as one. With a URL the port is that of its scheme, so that what is given for https does not go over http.
fn split_host(text: &str) -> Result<(Option<String>, &str), String> {
    let text = text.trim_start();
    let scheme = text.split(':').next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http") {
        let (url, rest) = text.split_once('=').unwrap_or((text, ""));
        let host = host_of_url(url).filter(|_| !rest.is_empty());
        let wanted = || format!("`{url}=` is not a host; the form is 'archive.org=…'");
        return host.map(|host| (Some(host), rest)).ok_or_else(wanted);
    }
    let Some((before, rest)) = text.split_once('=') else {
        return Ok((None, text));
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
        true => Ok((Some(before.to_ascii_lowercase()), rest)),
        false => Ok((None, text)),
    }
}

/// `host:port` of a URL that names a host and nothing more.
fn host_of_url(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let is_anonymous = url.username().is_empty() && url.password().is_none();
    let port = url
        .port_or_known_default()
        .filter(|_| is_bare && is_anonymous)?;
    Some(format!("{}:{port}", url.host_str()?))
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
        let cases = [
            ("https://A.org=X-API-Key: K", Some("a.org:443")),
            ("http://a.org/=X-API-Key: K", Some("a.org:80")),
            ("https://a.org:8443=X-API-Key: K", Some("a.org:8443")),
            ("https://a.org/iiif=X-API-Key: K", None),
            ("https://me:word@a.org=X-API-Key: K", None),
            ("https://a.org", None),
            ("https: //a.org=X-API-Key: K", None),
        ];
        for (text, wanted) in cases {
            let read = header(text).ok();
            let read = read.map(|h| (h.host.unwrap_or_default(), h.name.to_string()));
            let wanted = wanted.map(|host| (host.to_owned(), "x-api-key".to_owned()));
            assert_eq!(read, wanted, "{text}");
        }
    }
}
