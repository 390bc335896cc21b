//! The base URL of the server as a client sees it, and whether a request comes from a page of the server.

use std::net::SocketAddr;

use hyper::http::request::Parts;

use super::forwarded::Forwarded;
use super::host::{Host, OwnHosts};
use super::message::{Response, error_response, header_text, redirect};
use crate::http::header::{self, HeaderMap};
use crate::serve::presentation::uris::Uris;

/// What is known about the base URL before a request arrives.
#[derive(Clone, Debug)]
pub struct BaseUrl {
    /// The base URL of `--base-url`; none: it follows from each request.
    pub configured: Option<String>,
    /// What all paths begin with, such as `/iiif-api`; empty: nothing.
    pub prefix: String,
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
    /// does so only if nobody elsewhere can own the name. That is the name in `Host`, whatever is said to be forwarded: a
    /// page whose name was made to lead here can add any header but this one.
    pub fn answers_to(&self, origin: &Origin) -> bool {
        let is_bound = self.configured.is_none() && self.address.ip().is_loopback();
        let host = origin.host.as_ref();
        !is_bound || host.is_none_or(|host| self.own.include(host))
    }

    /// The URIs of a response to a request.
    pub fn uris(&self, origin: &Origin) -> Uris {
        Uris::below(&self.base(origin))
    }

    /// Removes from the path of a request what all paths begin with. `/health` and `/metrics` are also there without.
    ///
    /// # Errors
    /// The response to a request for another path.
    pub fn strip_prefix(&self, head: &mut Parts) -> Result<(), Response> {
        let path = head.uri.path();
        if self.prefix.is_empty() || matches!(path, "/health" | "/metrics") {
            return Ok(());
        }
        let rest = path.strip_prefix(&*self.prefix);
        let rest = match rest {
            Some("") => return Err(redirect(&format!("{}/", self.prefix))),
            Some(rest) if rest.starts_with('/') => rest,
            _ => {
                let why = format!(
                    "nothing is here; the paths of this server begin with {}/",
                    self.prefix
                );
                return Err(error_response(404, &why));
            }
        };
        let query = head.uri.query().map(|query| format!("?{query}"));
        let uri = format!("{rest}{}", query.unwrap_or_default()).parse();
        head.uri = uri.map_err(|e| error_response(400, &format!("not a valid address: {e}")))?;
        Ok(())
    }

    fn base(&self, origin: &Origin) -> String {
        let base = self.base_of_host(origin);
        match base.ends_with(&*self.prefix) {
            true => base,
            false => base + &self.prefix,
        }
    }

    fn base_of_host(&self, origin: &Origin) -> String {
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
