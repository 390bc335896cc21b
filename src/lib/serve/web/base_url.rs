//! The base URL of the server as a client sees it, and whether a request comes from a page of the server.

use std::net::SocketAddr;

use super::forwarded::Forwarded;
use super::host::{Host, OwnHosts};
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
    /// The hosts that it answers to.
    pub own: OwnHosts,
}

/// A request, as far as its own host and base are concerned.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The host that it was sent to; none: an old client that says none.
    pub host: Option<Host>,
    /// What trusted proxies say about it.
    pub forwarded: Forwarded,
}

impl BaseUrl {
    /// Whether the server answers to the host of a request. Without `--base-url`, one that only this machine can reach
    /// does so only if nobody elsewhere can own the name.
    pub fn answers_to(&self, origin: &Origin) -> bool {
        let is_bound = self.configured.is_none() && self.address.ip().is_loopback();
        let host = origin.forwarded.host.as_ref().or(origin.host.as_ref());
        !is_bound
            || origin.forwarded.host.is_some()
            || host.is_none_or(|host| self.own.include(host))
    }

    /// The URIs of a response to a request.
    pub fn uris(&self, origin: &Origin) -> Uris {
        Uris::below(&self.base(origin))
    }

    fn base(&self, origin: &Origin) -> String {
        if let Some(base) = &self.configured {
            return base.clone();
        }
        let host = match &origin.host {
            Some(host) => host.as_str().to_owned(),
            None => self.address.to_string(),
        };
        let forwarded = origin.forwarded.base(&host);
        forwarded.unwrap_or_else(|| format!("http://{host}"))
    }

    /// Whether the client uses TLS, which only proxies offer.
    pub fn is_secure(&self, origin: &Origin) -> bool {
        self.base(origin).starts_with("https:")
    }

    /// Whether a request comes from a page with the host of the request or with `--base-url`, or from no page.
    pub fn is_same_origin(&self, headers: &HeaderMap, origin: &Origin) -> bool {
        let page = header_text(headers, header::ORIGIN);
        if !headers.contains_key(header::ORIGIN) {
            return true;
        }
        let base = self.base(origin);
        let rest = base.strip_prefix(page).filter(|_| !page.is_empty());
        let is_base = rest.is_some_and(|path| path.is_empty() || path.starts_with('/'));
        // A proxy may use another name for the server than browsers do.
        is_base || host_of(page).is_some_and(|host| Some(host) == origin.host)
    }

    /// The same for a page or program that is known to mean this server: a page whose own name was made to lead here is
    /// none of ours, although its name is that of the request.
    pub fn is_own_page(&self, headers: &HeaderMap, origin: &Origin) -> bool {
        let page = host_of(header_text(headers, header::ORIGIN));
        let host = page.as_ref().or(origin.host.as_ref());
        self.is_same_origin(headers, origin) && host.is_none_or(|host| self.own.include(host))
    }
}

/// The host of a page, by its origin.
fn host_of(page: &str) -> Option<Host> {
    Host::parse(page.split_once("://")?.1)
}
