//! Addresses of the net: ranges of them, and whose address counts behind proxies. Pure.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};

/// A range of addresses: `10.0.0.0/8`, `::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Reads an address, or one with the number of bits that count.
    ///
    /// # Errors
    /// If the text is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let range = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let wrong = |_| format!("`{text}` is not an address or a range such as 10.0.0.0/8");
        range.map(Network).map_err(wrong)
    }

    /// Whether an address is in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        // Sockets for both families see IPv4 clients as ::ffff:a.b.c.d.
        self.0.contains(&address.to_canonical())
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Network::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Whose request it is: of those that `X-Forwarded-For` names, from the nearest on, the first that is no proxy of
/// ours. What stands before it could be written by anybody.
pub fn client(peer: IpAddr, forwarded: &str, proxies: &[Network]) -> IpAddr {
    way(peer, forwarded, proxies).0
}

/// The number of our proxies that a request came through.
pub fn count_proxies(peer: IpAddr, forwarded: &str, proxies: &[Network]) -> usize {
    way(peer, forwarded, proxies).1
}

/// Whose request it is, and how many of our proxies it came through.
fn way(peer: IpAddr, forwarded: &str, proxies: &[Network]) -> (IpAddr, usize) {
    let is_ours = |address: IpAddr| proxies.iter().any(|p| p.holds(address));
    let (mut client, mut count) = (peer.to_canonical(), 0);
    for hop in forwarded.rsplit(',').map(Some).chain([None]) {
        if !is_ours(client) {
            break;
        }
        count += 1;
        match hop.and_then(|hop| hop.trim().parse::<IpAddr>().ok()) {
            Some(address) => client = address.to_canonical(),
            None => break,
        }
    }
    (client, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_shares_their_bits() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            // Bits beyond the range do not count.
            ("10.1.2.3/8", "10.255.0.1", true),
        ];
        for (network, address, wanted) in cases {
            let network = Network::parse(network).unwrap();
            let address = address.parse().unwrap();
            assert_eq!(network.holds(address), wanted, "{network:?} {address}");
        }
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "a",
            "10.0.0.0/-1",
            "10.0.0.0/",
            "/8",
            "::1/",
        ] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_our_proxies_are_believed() {
        let proxies = [
            Network::parse("127.0.0.1").unwrap(),
            Network::parse("10.0.0.0/8").unwrap(),
        ];
        let cases = [
            ("127.0.0.1", "", "127.0.0.1"),
            ("127.0.0.1", "9.9.9.9", "9.9.9.9"),
            ("127.0.0.1", "1.1.1.1, 9.9.9.9, 10.0.0.7", "9.9.9.9"),
            ("127.0.0.1", "1.1.1.1, nobody, 10.0.0.7", "10.0.0.7"),
            ("8.8.8.8", "9.9.9.9", "8.8.8.8"),
        ];
        for (peer, forwarded, wanted) in cases {
            let found = client(peer.parse().unwrap(), forwarded, &proxies);
            assert_eq!(found, wanted.parse::<IpAddr>().unwrap(), "{forwarded}");
        }
    }
}
