//! Connections: one client for all requests, so that a session cookie that came with `info.json` goes with the images, and
//! idle connections to hosts that are done are closed before the files that may be open run out.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use reqwest::{Client, RequestBuilder, Response};
use url::Url;

use super::cookies::{self, Jar};
use super::options::Options;
use super::proxies;
use super::resolver::PublicOnly;
use crate::error::Error;
use crate::files;

/// Answers of servers that are not there: for simulations, in which time passes as their runtime says.
pub type Answers = Arc<dyn Fn(&Url) -> BoxFuture<'static, ::http::Response<Bytes>> + Send + Sync>;

/// The connections of a run.
#[derive(Debug)]
pub struct Connections {
    options: Options,
    /// What answers in place of the network, if anything does.
    simulated: Option<Simulated>,
    cookies: Arc<Jar>,
    /// The client in use, with the hosts that it has connections to.
    current: Mutex<(Clients, HashSet<usize>)>,
    /// For hosts that refuse HTTP/2.
    old: OnceLock<Option<Clients>>,
    /// Connects for each request anew.
    fresh: OnceLock<Option<Clients>>,
    most_hosts: usize,
}

struct Simulated(Answers);

impl fmt::Debug for Simulated {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        to.write_str("Simulated")
    }
}

/// The most header lines of an answer.
const MOST_HEADERS: usize = 1000;

/// A client that connects to any address, and one that connects to public ones alone.
#[derive(Clone, Debug)]
struct Clients {
    any: Client,
    public: Client,
}

/// How a request is sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Way {
    /// Only to public addresses.
    pub is_confined: bool,
    /// Without HTTP/2.
    pub is_old: bool,
    /// By a connection of its own.
    pub is_fresh: bool,
}

impl Connections {
    /// None yet.
    ///
    /// # Errors
    /// If the network client cannot be set up as the options say.
    pub fn new(options: &Options) -> Result<Self, Error> {
        let cookies = Arc::new(cookies::open(options.cookies.as_deref())?);
        let clients = Clients::new(options, &cookies, Way::default())?;
        Ok(Connections {
            options: options.clone(),
            simulated: None,
            cookies,
            current: Mutex::new((clients, HashSet::new())),
            old: OnceLock::new(),
            fresh: OnceLock::new(),
            // A host may have several connections, and images need files too.
            most_hosts: (files::most_open() / 8).clamp(4, 2048),
        })
    }

    /// Takes answers from there in place of the network.
    pub fn simulate(&mut self, answers: Answers) {
        self.simulated = Some(Simulated(answers));
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn send(&self, request: RequestBuilder) -> reqwest::Result<Response> {
        match &self.simulated {
            None => request.send().await,
            Some(Simulated(answers)) => Ok(answers(request.build()?.url()).await.into()),
        }
    }

    /// The client for a request to a host, by its number. Where it would keep connections to too many hosts, another one
    /// begins; the old one's are closed when the last request by them has ended.
    pub fn client(&self, host: usize, way: Way) -> Client {
        let special = match way {
            Way { is_fresh: true, .. } => Some(&self.fresh),
            Way { is_old: true, .. } => Some(&self.old),
            _ => None,
        };
        let new = || Clients::new(&self.options, &self.cookies, way).ok();
        if let Some(clients) = special.and_then(|clients| clients.get_or_init(new).as_ref()) {
            return clients.of(way);
        }
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let (clients, hosts) = &mut *current;
        hosts.insert(host);
        if hosts.len() > self.most_hosts
            && let Ok(new) = Clients::new(&self.options, &self.cookies, way)
        {
            (*clients, *hosts) = (new, HashSet::from([host]));
        }
        clients.of(way)
    }
}

impl Clients {
    fn new(options: &Options, cookies: &Arc<Jar>, way: Way) -> Result<Self, Error> {
        let client = |is_public: bool| {
            let mut builder = builder(options, cookies);
            // HTTP/2 has one connection for everything.
            if way.is_old || way.is_fresh {
                builder = builder.http1_only();
            }
            if way.is_fresh {
                builder = builder.pool_max_idle_per_host(0);
            }
            let builder = match is_public {
                true => builder.dns_resolver(Arc::new(PublicOnly {
                    proxies: proxies::hosts(),
                })),
                false => builder,
            };
            // The library exempts hosts by name only then.
            let builder = match proxies::are_unused() {
                true => builder.no_proxy(),
                false => builder,
            };
            builder.build().map_err(|e| {
                Error::new("the network client cannot be set up")
                    .because(e)
                    .hint("check --contact")
            })
        };
        Ok(Clients {
            any: client(false)?,
            public: client(true)?,
        })
    }

    fn of(&self, way: Way) -> Client {
        match way.is_confined {
            true => self.public.clone(),
            false => self.any.clone(),
        }
    }
}

fn builder(options: &Options, cookies: &Arc<Jar>) -> reqwest::ClientBuilder {
    let agent = match &options.contact {
        Some(contact) => format!("recto/{} (+{contact})", env!("CARGO_PKG_VERSION")),
        None => format!("recto/{}", env!("CARGO_PKG_VERSION")),
    };
    Client::builder()
        .user_agent(agent)
        .connect_timeout(options.connect_timeout())
        .read_timeout(Duration::from_secs_f64(options.timeout.max(0.001)))
        .pool_max_idle_per_host(options.per_host().into())
        .redirect(reqwest::redirect::Policy::none())
        .tls_danger_accept_invalid_certs(options.insecure)
        .cookie_provider(cookies.clone())
        .referer(false)
        // What curl and browsers forgive: lines among the headers that are none, folded lines, blanks before a colon.
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        // Some send a cookie for everything that they know of a visitor.
        .http1_max_headers(MOST_HEADERS)
}
