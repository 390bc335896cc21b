//! Addresses: which are public, and which are of the same host.

use std::net::IpAddr;
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

fn is_public_ip(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_broadcast()
                || shared)
        }
        // NAT64 (RFC 6052): an IPv4 address in the last four bytes.
        IpAddr::V6(ip) if ip.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] => {
            let [.., a, b, c, d] = ip.octets();
            is_public_ip(IpAddr::from([a, b, c, d]))
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local())
        }
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
        ];
        for (url, wanted) in cases {
            assert_eq!(is_public(&Url::parse(url).unwrap()), wanted, "{url}");
        }
    }
}
