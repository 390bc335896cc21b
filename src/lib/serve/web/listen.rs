//! Where the server listens: `127.0.0.1:8080`, `[::1]:8080`, or a name such as `localhost:8080`.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};

/// A host and a port, and the addresses that they stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    text: String,
    addresses: Vec<SocketAddr>,
}

impl ListenAddress {
    /// Looks up the addresses of a host and a port.
    ///
    /// # Errors
    /// The text is not a host with a port, or the host has no address.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_whole = text
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if !is_whole {
            return Err(format!(
                "`{text}` is not a host with a port, such as 127.0.0.1:8080"
            ));
        }
        let found = text.to_socket_addrs();
        let found = found.map_err(|e| format!("`{text}` has no address: {e}"))?;
        let mut addresses: Vec<SocketAddr> = found.collect();
        // IPv4 first: most clients try that, and what is announced is the first.
        addresses.sort();
        addresses.dedup();
        match addresses.is_empty() {
            true => Err(format!("`{text}` has no address")),
            false => Ok(ListenAddress {
                text: text.to_owned(),
                addresses,
            }),
        }
    }

    /// The addresses, IPv4 first; there is at least one.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Whether only this machine can connect.
    pub fn is_loopback(&self) -> bool {
        let mut addresses = self.addresses.iter();
        addresses.all(|address| address.ip().to_canonical().is_loopback())
    }

    /// The host, without the port.
    pub fn host(&self) -> &str {
        self.text.rsplit_once(':').map_or("", |(host, _)| host)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_need_a_port() {
        for (text, is_loopback) in [
            ("127.0.0.1:8080", true),
            ("[::1]:0", true),
            ("0.0.0.0:80", false),
            ("localhost:8080", true),
        ] {
            let found = ListenAddress::parse(text).unwrap();
            assert_eq!(found.is_loopback(), is_loopback, "{text}");
            assert!(!found.addresses().is_empty());
        }
        for text in ["", "localhost", ":8080", "127.0.0.1:80a", "127.0.0.1:70000"] {
            assert!(ListenAddress::parse(text).is_err(), "{text}");
        }
    }
}
