//! Addresses: which are public, and which are of the same host.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use url::{Host as Name, Url};

/// Whether two URLs are of one host, whether by http or by https.
pub fn is_same_host(a: &Url, b: &Url) -> bool {
    let port = |url: &Url| {
        url.port_or_known_default()
            .map(|port| if port == 443 { 80 } else { port })
    };
    a.host_str() == b.host_str() && port(a) == port(b)
}

/// Whether a URL is of the public web: not an address of this machine or of a private network, nor a bare name.
pub fn is_public(url: &Url) -> bool {
    match url.host() {
        Some(Name::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            const PRIVATE: [&str; 5] = [".localhost", ".local", ".internal", ".test", ".example"];
            name.contains('.') && !PRIVATE.iter().any(|end| name.ends_with(end))
        }
        Some(Name::Ipv4(ip)) => is_public_ip(ip.into()),
        Some(Name::Ipv6(ip)) => is_public_ip(ip.into()),
        None => false,
    }
}

/// Whether an address is of the public Internet: none of the special ones of the IANA registries (RFC 6890), also as an
/// IPv4 address in an IPv6 one.
pub fn is_public_ip(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            // https://www.iana.org/assignments/iana-ipv4-special-registry
            const SPECIAL: [([u8; 4], u32); 16] = [
                ([0, 0, 0, 0], 8),
                ([10, 0, 0, 0], 8),
                ([100, 64, 0, 0], 10),
                ([127, 0, 0, 0], 8),
                ([169, 254, 0, 0], 16),
                ([172, 16, 0, 0], 12),
                ([192, 0, 0, 0], 24),
                ([192, 0, 2, 0], 24),
                ([192, 88, 99, 0], 24),
                ([192, 168, 0, 0], 16),
                ([198, 18, 0, 0], 15),
                ([198, 51, 100, 0], 24),
                ([203, 0, 113, 0], 24),
                // Multicast, reserved, broadcast.
                ([224, 0, 0, 0], 4),
                ([240, 0, 0, 0], 4),
                ([255, 255, 255, 255], 32),
            ];
            let bits = ip.to_bits();
            !SPECIAL
                .iter()
                .any(|(prefix, length)| (bits ^ u32::from_be_bytes(*prefix)) >> (32 - length) == 0)
        }
        IpAddr::V6(ip) => match ip.segments() {
            // NAT64 (RFC 6052), 6to4 (RFC 3056): an IPv4 address within.
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
                let bits = u32::from(high) << 16 | u32::from(low);
                is_public_ip(Ipv4Addr::from_bits(bits).into())
            }
            // Teredo, ORCHID, benchmarks, AMT and others below 2001::/23; documentation; local NAT64.
            [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
            [0x3fff, second, ..] if second < 0x1000 => false,
            // Only these are given out as addresses of the Internet.
            [first, ..] => first & 0xe000 == 0x2000,
        },
    }
}

/// A URL for lists and messages: without the password, and without the signatures and keys of its query.
pub fn without_secrets(url: &str) -> Cow<'_, str> {
    const WORDS: [&str; 9] = [
        "auth",
        "credential",
        "key",
        "passw",
        "policy",
        "secret",
        "session",
        "sig",
        "token",
    ];
    let is_secret = |name: &str| {
        let name = name.to_ascii_lowercase();
        WORDS.iter().any(|word| name.contains(word))
    };
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let names = query
        .split(['&', ';'])
        .filter_map(|pair| pair.split_once('='));
    let has_query = names.into_iter().any(|(name, _)| is_secret(name));
    let host = url.split_once("://").map_or("", |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let has_password = host.contains('@');
    if !has_query && !has_password {
        return url.into();
    }
    let (mut text, mut rest) = (String::new(), url);
    if has_password && let Some((scheme, after)) = url.split_once("://") {
        let at = after[..host.len()].rfind('@').unwrap_or_default();
        text += &format!("{scheme}://…");
        rest = &after[at..];
    }
    let Some((before, query)) = rest.split_once('?').filter(|_| has_query) else {
        return (text + rest).into();
    };
    text += before;
    let (query, fragment) = match query.split_once('#') {
        Some((query, fragment)) => (query, format!("#{fragment}")),
        None => (query, String::new()),
    };
    for (i, pair) in query.split('&').enumerate() {
        text.push(if i == 0 { '?' } else { '&' });
        match pair.split_once('=').filter(|(name, _)| is_secret(name)) {
            Some((name, _)) => text += &format!("{name}=…"),
            None => text += pair,
        }
    }
    (text + &fragment).into()
}

/// A URL without the parameters that sign it for a time (AWS, Google, Azure, CloudFront, Akamai), which another signature
/// of the same file has too. What follows a blank is left as it is.
pub fn without_signature(url: &str) -> Cow<'_, str> {
    const FAMILIES: [&str; 3] = ["x-amz-", "x-goog-", "x-oss-"];
    const NAMES: [&str; 10] = [
        "signature",
        "expires",
        "key-pair-id",
        "policy",
        "awsaccesskeyid",
        "googleaccessid",
        "ossaccesskeyid",
        "security-token",
        "hdnea",
        "hdnts",
    ];
    // Short names, which mean something else elsewhere: of a shared access signature only where all its marks are.
    const AZURE: [&str; 13] = [
        "sig", "sv", "se", "sp", "sr", "st", "spr", "ske", "skoid", "sks", "skt", "sktid", "skv",
    ];
    let Some((path, rest)) = url.split_once('?') else {
        return url.into();
    };
    let end = rest.find([' ', '#']).unwrap_or(rest.len());
    let (query, end) = rest.split_at(end);
    let name = |pair: &str| {
        pair.split('=')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let has = |wanted: &str| query.split('&').any(|pair| name(pair) == wanted);
    let is_azure = has("sig") && has("sv");
    let is_signed = is_azure || has("signature") || has("hdnea") || has("hdnts");
    let signs = |pair: &&str| {
        let name = name(pair);
        FAMILIES.iter().any(|family| name.starts_with(family))
            || is_signed && NAMES.contains(&&*name)
            || is_azure && AZURE.contains(&&*name)
    };
    if !query.split('&').any(|pair| signs(&pair)) {
        return url.into();
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| !signs(pair)).collect();
    match kept.is_empty() {
        true => format!("{path}{end}").into(),
        false => format!("{path}?{}{end}", kept.join("&")).into(),
    }
}

/// Whether a public name resolves to a private address.
pub async fn resolves_to_private(url: &Url) -> bool {
    let (Some(Name::Domain(name)), Some(port)) = (url.host(), url.port_or_known_default()) else {
        return false;
    };
    const TIME_LIMIT: Duration = Duration::from_secs(10);
    let found = tokio::time::timeout(TIME_LIMIT, tokio::net::lookup_host((name, port))).await;
    match found {
        Ok(Ok(mut addresses)) => addresses.any(|address| !is_public_ip(address.ip())),
        // A name that cannot be resolved cannot be reached either.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_signatures_are_left_out() {
        let cases = [
            ("https://a.org/x.jpg?page=2", "https://a.org/x.jpg?page=2"),
            ("https://anna:word@a.org/x", "https://…@a.org/x"),
            (
                "https://a.org/x?X-Amz-Date=7&X-Amz-Signature=ab%2F&w=3#f",
                "https://a.org/x?X-Amz-Date=7&X-Amz-Signature=…&w=3#f",
            ),
            (
                "https://u:p@a.org/x?api_key=7",
                "https://…@a.org/x?api_key=…",
            ),
            ("https://a.org/@me?x=1", "https://a.org/@me?x=1"),
            ("no URL", "no URL"),
        ];
        for (url, wanted) in cases {
            assert_eq!(without_secrets(url), wanted);
        }
    }

    #[test]
    fn another_signature_is_the_same_url() {
        let cases = [
            (
                "https://b.s3.org/a.jpg?X-Amz-Date=1&X-Amz-Signature=2 format=keep",
                "https://b.s3.org/a.jpg format=keep",
            ),
            (
                "https://a.org/x?page=2&Expires=1&Signature=3",
                "https://a.org/x?page=2",
            ),
            ("https://a.org/x?expires=1", "https://a.org/x?expires=1"),
            (
                "https://a.org/x?sv=1&sig=2&id=3#f",
                "https://a.org/x?id=3#f",
            ),
            ("https://a.org/x?sp=1", "https://a.org/x?sp=1"),
            ("https://a.org/x", "https://a.org/x"),
        ];
        for (url, wanted) in cases {
            assert_eq!(without_signature(url), wanted);
        }
    }

    #[test]
    fn public_addresses_are_told_from_private_ones() {
        let cases = [
            ("https://iiif.archive.org/x", true),
            ("http://8.8.8.8/", true),
            ("http://[2001:4860::8]/", true),
            ("http://127.0.0.1:8080/", false),
            ("http://localhost/", false),
            ("http://nas/", false),
            ("http://nas.local./", false),
            ("http://10.1.2.3/", false),
            ("http://169.254.169.254/", false),
            ("http://100.64.0.1/", false),
            ("http://[::1]/", false),
            ("http://[::ffff:10.0.0.1]/", false),
            ("http://[fe80::1]/", false),
            ("http://[64:ff9b::7f00:1]/", false),
            ("http://[64:ff9b::808:808]/", true),
            ("http://2130706433/", false),
            ("http://198.18.0.1/", false),
            ("http://192.0.2.7/", false),
            ("http://224.0.0.1/", false),
            ("http://0.1.2.3/", false),
            ("http://172.31.0.1/", false),
            ("http://172.32.0.1/", true),
            ("http://[2002:7f00:1::]/", false),
            ("http://[2002:808:808::]/", true),
            ("http://[2001::1]/", false),
            ("http://[2001:db8::1]/", false),
            ("http://[fec0::1]/", false),
            ("http://[ff02::1]/", false),
            ("http://[64:ff9b:1::1]/", false),
            ("http://[2a00:1450::1]/", true),
        ];
        for (url, wanted) in cases {
            assert_eq!(is_public(&Url::parse(url).unwrap()), wanted, "{url}");
        }
    }
}
