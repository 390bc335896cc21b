//! What trusted proxies say about a request: whose it is, and the scheme, host, port and prefix that the client used
//! (`X-Forwarded-*`, and `Forwarded` of RFC 7239). Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::host::Host;
use crate::http::header::HeaderMap;

/// Who sent a request, and what they used, as far as proxies say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// The address of the client; none: a proxy of ours names it by words that are no address, or names two.
    pub client: Option<IpAddr>,
    /// Whether the client uses TLS; none: not said.
    pub is_tls: Option<bool>,
    /// The host that the client sent.
    pub host: Option<Host>,
    /// The port that the client connected to, if the host does not tell.
    pub port: Option<u16>,
    /// The path before the paths of this server, with `/` at its start only; empty: none.
    pub prefix: String,
}

/// The way of a request as one header tells it.
#[derive(Clone, Copy)]
struct Way {
    /// Of those that it names, from the nearest on, the first that is no proxy of ours; none: it cannot be read.
    client: Option<IpAddr>,
    /// The number of our proxies that the request came through.
    proxies: usize,
}

impl Forwarded {
    /// What is known of a request that comes from its client itself.
    pub fn direct(peer: IpAddr) -> Self {
        Forwarded {
            client: Some(peer.to_canonical()),
            ..Forwarded::default()
        }
    }

    /// Reads the headers of a request whose connection comes from `peer`. Each proxy adds a word at the end, or sets the
    /// only one: what stands before the words of ours could be written by anybody, and so could all if the peer is none of
    /// ours.
    pub fn read(headers: &HeaderMap, peer: IpAddr, is_ours: impl Fn(IpAddr) -> bool) -> Self {
        if !is_ours(peer.to_canonical()) {
            return Forwarded::direct(peer);
        }
        let elements: Vec<_> = (words(headers, "forwarded").iter())
            .map(|e| pairs(e))
            .collect();
        let named = elements.iter().map(|pairs| value(pairs, "for"));
        let named = Some(named.collect::<Vec<_>>()).filter(|all| all.iter().any(Option::is_some));
        let old = words(headers, "x-forwarded-for");
        let old = Some(old.iter().map(|w| Some(&**w)).collect::<Vec<_>>());
        let [old, new] = [old.filter(|all| !all.is_empty()), named]
            .map(|hops| hops.map(|hops| Way::of(peer, &hops, &is_ours)));
        let client = match (old, new) {
            // A proxy that sets one of them passes the other on as the client wrote it.
            (Some(old), Some(new)) if old.client != new.client => None,
            (Some(way), _) | (None, Some(way)) => way.client,
            (None, None) => Some(peer.to_canonical()),
        };
        let proxies = |way: Option<Way>| way.map_or(1, |way| way.proxies);
        let element = outermost(&elements, proxies(new.or(old)));
        let pair = |name: &str| element.and_then(|pairs| value(pairs, name));
        let said = |header: &str| outermost(&words(headers, header), proxies(old.or(new))).cloned();
        let scheme = said("x-forwarded-proto").or_else(|| pair("proto").map(str::to_owned));
        let host = said("x-forwarded-host").or_else(|| pair("host").map(str::to_owned));
        Forwarded {
            client,
            is_tls: scheme.map(|scheme| scheme.eq_ignore_ascii_case("https")),
            host: host.and_then(|host| Host::parse(&host)),
            port: said("x-forwarded-port").and_then(|port| port.parse().ok()),
            prefix: said("x-forwarded-prefix").map_or_else(String::new, |text| prefix(&text)),
        }
    }

    /// The base URL that the client used; none if no proxy tells anything. `host` is that of the request here.
    pub fn base(&self, host: &str) -> Option<String> {
        let nothing = Forwarded {
            client: self.client,
            ..Forwarded::default()
        };
        if *self == nothing {
            return None;
        }
        let scheme = if self.is_tls == Some(true) {
            "https"
        } else {
            "http"
        };
        let usual = if scheme == "https" { 443 } else { 80 };
        let port = self.port.filter(|port| *port != usual);
        let host = self.host.clone().or_else(|| Host::parse(host))?;
        let port = port.filter(|_| !host.has_port());
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        Some(format!("{scheme}://{}{port}{}", host.as_str(), self.prefix))
    }
}

impl Way {
    /// The way that the words of a header tell, in their order; none: a proxy said nothing of it.
    fn of(peer: IpAddr, hops: &[Option<&str>], is_ours: impl Fn(IpAddr) -> bool) -> Self {
        let (mut client, mut proxies) = (Some(peer.to_canonical()), 0);
        let mut hops = hops.iter().rev();
        while client.is_some_and(&is_ours) {
            proxies += 1;
            match hops.next() {
                // Whom a proxy of ours names so is unknown, and no proxy of ours.
                Some(hop) => client = hop.and_then(address),
                None => break,
            }
        }
        Way { client, proxies }
    }
}

/// An address as proxies write it, perhaps with a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80` (RFC
/// 7239 §6). None: `unknown`, a name made up for it (`_hidden`), or nothing of the kind.
fn address(text: &str) -> Option<IpAddr> {
    let is_port = |text: &str| {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        !text.is_empty() && text.bytes().all(is_plain)
    };
    let with_port = || match text.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']')?;
            let is_whole = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
            let address = address.parse::<Ipv6Addr>().ok().filter(|_| is_whole)?;
            Some(IpAddr::V6(address))
        }
        None => {
            let (address, port) = text.split_once(':')?;
            let address = address.parse::<Ipv4Addr>().ok()?;
            is_port(port).then_some(IpAddr::V4(address))
        }
    };
    let address = text.parse().ok().or_else(with_port);
    address.map(|address: IpAddr| address.to_canonical())
}

/// The words of all lines of a header. They are divided at every comma, within quotes too: a quote that a client opened must not
/// swallow the words that proxies add. For the same reason no line is left out that holds strange bytes.
fn words(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(name).iter();
    let lines = lines.map(|line| String::from_utf8_lossy(line.as_bytes()));
    let words = lines.flat_map(|line| {
        let words = line.split(',').map(|word| word.trim().to_owned());
        words.collect::<Vec<_>>()
    });
    words.filter(|word| !word.is_empty()).collect()
}

/// The word of the outermost of so many proxies.
fn outermost<T>(words: &[T], proxies: usize) -> Option<&T> {
    words.get(words.len().saturating_sub(proxies.max(1)))
}

/// The parameters of an element of `Forwarded`, names in lower case, values without quotes.
fn pairs(element: &str) -> Vec<(String, String)> {
    let pair = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim().trim_matches('"');
        Some((name.trim().to_ascii_lowercase(), value.to_owned()))
    };
    element.split(';').filter_map(pair).collect()
}

/// The value of a parameter.
fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = pairs.iter().find(|(n, _)| n == name);
    found.map(|(_, value)| &**value)
}

/// A path as the start of paths; empty if it is none.
fn prefix(text: &str) -> String {
    let path = text.trim_matches('/');
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b);
    let is_path = !path.is_empty() && path.bytes().all(is_plain) && !path.contains("//");
    match is_path && !path.split('/').any(|part| part == "..") {
        true => format!("/{path}"),
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::header::{HeaderName, HeaderValue};

    fn headers(text: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in text.lines() {
            let (name, value) = line.split_once(": ").unwrap();
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    /// 127.0.0.1 and 10.0.0.0/8 are ours.
    fn is_ours(address: IpAddr) -> bool {
        matches!(address, IpAddr::V4(address) if [10, 127].contains(&address.octets()[0]))
    }

    #[test]
    fn the_client_is_the_first_that_is_no_proxy_of_ours() {
        let one = "8.8.8.8";
        let cases = [
            ("", "127.0.0.1"),
            ("x-forwarded-for: 8.8.8.8", one),
            ("x-forwarded-for: 1.1.1.1, 8.8.8.8, 10.0.0.7", one),
            ("x-forwarded-for: 1.1.1.1\nx-forwarded-for: 8.8.8.8", one),
            ("x-forwarded-for: 8.8.8.8:51234", one),
            ("x-forwarded-for: ::ffff:8.8.8.8", one),
            ("x-forwarded-for: [2001:db8::1]:51234", "2001:db8::1"),
            ("x-forwarded-for: [2001:db8::1]", "2001:db8::1"),
            ("x-forwarded-for: 2001:db8::1", "2001:db8::1"),
            ("forwarded: for=8.8.8.8;proto=https", one),
            ("forwarded: proto=https;For=\"8.8.8.8\"", one),
            ("forwarded: for=\"8.8.8.8:_x\"", one),
            ("forwarded: for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            (
                "forwarded: for=1.1.1.1, for=8.8.8.8;host=a, for=10.1.1.1",
                one,
            ),
            // Nobody names the client, and the nearest that is known sent it.
            ("forwarded: proto=https", "127.0.0.1"),
            ("x-forwarded-for: 10.0.0.7", "10.0.0.7"),
            // Both say the same, or not.
            ("x-forwarded-for: 8.8.8.8\nforwarded: for=8.8.8.8", one),
            ("x-forwarded-for: 8.8.8.8\nforwarded: for=10.0.0.7", ""),
            // What is no address is not the proxy's.
            ("x-forwarded-for: 1.1.1.1, nobody, 10.0.0.7", ""),
            ("x-forwarded-for: 8.8.8.8:", ""),
            ("x-forwarded-for: [8.8.8.8]", ""),
            ("forwarded: for=unknown", ""),
            ("forwarded: for=_hidden", ""),
            ("forwarded: for=1.1.1.1, proto=https", ""),
            // What a client wrote before does not hide what the proxy adds.
            ("forwarded: for=10.0.0.7;x=\", for=\"8.8.8.8:1\"", one),
        ];
        for (text, wanted) in cases {
            let read = Forwarded::read(&headers(text), Ipv4Addr::LOCALHOST.into(), is_ours);
            assert_eq!(read.client, wanted.parse().ok(), "{text}");
        }
        // Others are not believed; proxies may be seen at an address of version 6.
        for (peer, wanted) in [("9.9.9.9", "9.9.9.9"), ("::ffff:127.0.0.1", one)] {
            let said = headers("x-forwarded-for: 8.8.8.8\nforwarded: for=8.8.8.8");
            let read = Forwarded::read(&said, peer.parse().unwrap(), is_ours);
            assert_eq!(read.client, wanted.parse().ok(), "{peer}");
        }
        let mut strange = HeaderMap::new();
        let line = HeaderValue::from_bytes(b"\xff, 8.8.8.8").unwrap();
        strange.append("x-forwarded-for", line);
        let read = Forwarded::read(&strange, Ipv4Addr::LOCALHOST.into(), is_ours);
        assert_eq!(read.client, one.parse().ok());
    }

    #[test]
    fn the_base_is_what_the_client_used() {
        let cases = [
            ("", None),
            ("x-forwarded-proto: https", Some("https://here")),
            ("x-forwarded-host: pub.example", Some("http://pub.example")),
            (
                "x-forwarded-host: pub.example\nx-forwarded-proto: https\nx-forwarded-prefix: /img/",
                Some("https://pub.example/img"),
            ),
            (
                "x-forwarded-host: pub.example\nx-forwarded-proto: https\nx-forwarded-port: 8443",
                Some("https://pub.example:8443"),
            ),
            (
                "x-forwarded-host: pub.example\nx-forwarded-proto: https\nx-forwarded-port: 443",
                Some("https://pub.example"),
            ),
            (
                "forwarded: for=9.9.9.9;proto=https;host=\"pub.example:8443\"",
                Some("https://pub.example:8443"),
            ),
            // What the client wrote itself stands before.
            (
                "x-forwarded-host: evil.example, pub.example",
                Some("http://pub.example"),
            ),
            (
                "x-forwarded-host: evil.example, pub.example, inner\nx-forwarded-for: 8.8.8.8, 10.0.0.1",
                Some("http://pub.example"),
            ),
            (
                "x-forwarded-host: pub.example\nx-forwarded-for: 8.8.8.8, 10.0.0.1",
                Some("http://pub.example"),
            ),
            (
                "forwarded: for=9.9.9.9;host=evil, for=8.8.8.8;proto=https;host=pub.example, for=10.1.1.1;proto=http;host=in.local",
                Some("https://pub.example"),
            ),
            (
                "x-forwarded-for: 8.8.8.8, 10.1.1.1\nforwarded: proto=https;host=pub.example, proto=http;host=in.local",
                Some("https://pub.example"),
            ),
            (
                "x-forwarded-proto: https\nx-forwarded-port: 8443",
                Some("https://here:8443"),
            ),
            (
                "x-forwarded-proto: https\nx-forwarded-port: 443",
                Some("https://here"),
            ),
            ("x-forwarded-host: x\"><script>", None),
            ("x-forwarded-prefix: /../x", None),
            (
                "x-forwarded-prefix: //evil.example",
                Some("http://here/evil.example"),
            ),
        ];
        for (text, wanted) in cases {
            let read = Forwarded::read(&headers(text), Ipv4Addr::LOCALHOST.into(), is_ours);
            assert_eq!(read.base("here").as_deref(), wanted, "{text}");
        }
    }
}
