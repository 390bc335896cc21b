//! Addresses: which are public, and which are of the same host.

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
            const SPECIAL: [([u8; 4], u32); 19] = [
                ([0, 0, 0, 0], 8),
                ([10, 0, 0, 0], 8),
                ([100, 64, 0, 0], 10),
                ([127, 0, 0, 0], 8),
                ([169, 254, 0, 0], 16),
                ([172, 16, 0, 0], 12),
                ([192, 0, 0, 0], 24),
                ([192, 0, 2, 0], 24),
                // AS112 (RFC 7535, RFC 7534) and AMT (RFC 7450).
                ([192, 31, 196, 0], 24),
                ([192, 52, 193, 0], 24),
                ([192, 175, 48, 0], 24),
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
            // AS112 (RFC 7534).
            [0x2620, 0x4f, 0x8000, ..] => false,
            // Only these are given out as addresses of the Internet.
            [first, ..] => first & 0xe000 == 0x2000,
        },
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
            ("http://198.18.0.1/", false),
            ("http://192.31.196.1/", false),
            ("http://192.52.193.7/", false),
            ("http://192.175.48.255/", false),
            ("http://192.175.49.1/", true),
            ("http://[2620:4f:8000::1]/", false),
            ("http://[2620:4f:8001::1]/", true),
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
