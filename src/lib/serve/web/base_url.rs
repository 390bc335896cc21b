//! The base URL of the server as a client sees it, and whether a request comes from a page of the server.

use std::net::SocketAddr;

use super::message::header_text;
use crate::http::header::{self, HeaderMap};
use crate::serve::presentation::uris::Uris;

/// What is known about the base URL before a request arrives.
#[derive(Clone, Debug)]
pub struct BaseUrl {
    /// The base URL of `--base-url`; none: it follows from each request.
    pub configured: Option<String>,
    /// The address the server listens on, for requests without a `Host`.
    pub address: SocketAddr,
}

impl BaseUrl {
    /// The URIs of a response to a request with these headers. `is_proxied_tls` tells whether a trusted proxy says that
    /// the client uses TLS.
    pub fn uris(&self, headers: &HeaderMap, is_proxied_tls: bool) -> Uris {
        let base = match (&self.configured, header_text(headers, header::HOST)) {
            (Some(base), _) => base.clone(),
            (None, "") => format!("http://{}", self.address),
            (None, host) if is_proxied_tls => format!("https://{host}"),
            (None, host) => format!("http://{host}"),
        };
        Uris::below(&base)
    }

    /// Whether the client uses TLS, which only proxies offer.
    pub fn is_secure(&self, is_proxied_tls: bool) -> bool {
        match &self.configured {
            Some(base) => base.starts_with("https:"),
            None => is_proxied_tls,
        }
    }

    /// Whether a request comes from a page of this server, or from no page.
    pub fn is_own_page(&self, headers: &HeaderMap) -> bool {
        let host = header_text(headers, header::HOST);
        let origin = header_text(headers, header::ORIGIN);
        let is_host = |(_, from): (&str, &str)| from == host;
        // A proxy may use another name for the server than browsers do.
        let is_base = |base: &String| {
            let rest = base.strip_prefix(origin);
            rest.is_some_and(|path| path.is_empty() || path.starts_with('/'))
        };
        origin.is_empty()
            || origin.split_once("://").is_some_and(is_host)
            || self.configured.as_ref().is_some_and(is_base)
    }
}
