//! One request, redirects included: permission, a slot, the head of the answer.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures::StreamExt;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use url::Url;

use super::address::{is_public, is_same_host, resolves_to_private};
use super::budget::Spent;
use super::credentials::Credentials;
use super::error::{Error, Kind};
use super::hosts::{Host, Hosts, Slot};
use super::login::Session;
use super::opt_out;
use super::options::Options;
use super::permission::{self, check_reservations, check_robots, opted_out};
use super::request::Request;
use super::retry::{FailedAttempt, Next, after, quota_wait, retry_after, server_time};

/// An answer whose body is still to come.
pub struct Opened {
    /// Head and body.
    pub response: reqwest::Response,
    /// The host that answered.
    pub host: Arc<Host>,
    /// Where it came from in the end: after redirects, before `--rewrite`.
    pub url: String,
    /// Whether the body was encoded on the way: a part of it is not a part of the file.
    pub was_encoded: bool,
    /// Held until the body is read.
    pub slot: Slot,
}

/// What it takes to send requests, whatever becomes of the answers.
#[derive(Debug)]
pub struct Sender {
    /// Decodes content encodings: for documents.
    documents: reqwest::Client,
    /// Gives bytes as they come: for images.
    images: reqwest::Client,
    /// The options it follows.
    pub options: Options,
    /// What each host is told to identify the user.
    pub credentials: Credentials,
    /// The login whose token some hosts receive.
    session: Option<Session>,
    /// The hosts that were asked.
    pub hosts: Hosts,
    /// What the run has cost.
    pub spent: Spent,
}

/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 5;

impl Sender {
    /// A sender that follows the options.
    ///
    /// # Errors
    /// If the network client cannot be set up.
    pub fn new(
        options: &Options,
        credentials: Credentials,
        session: Option<Session>,
        hosts: Hosts,
    ) -> Result<Self, crate::error::Error> {
        // A second call finds the provider already installed, which is what it wants.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Sender {
            documents: client(options, true)?,
            images: client(options, false)?,
            credentials,
            session,
            hosts,
            options: options.clone(),
            spent: Spent::new(options.budget),
        })
    }

    /// Sends a request, and hands over an answer whose status is 2xx, 304, or 416 to a request for a part. `again`: an
    /// earlier attempt failed.
    ///
    /// # Errors
    /// Every other status, a host that cannot be reached or does not allow the request, an exhausted budget.
    pub async fn open(
        &self,
        request: &Request,
        conditions: HeaderMap,
        again: bool,
    ) -> Result<Opened, FailedAttempt> {
        let opened = self.follow(request, conditions, again, true).await?;
        // Some servers encode what they were asked to send as it is.
        if request.identity && is_encoded(&opened.response) {
            let decoding = Request {
                identity: false,
                ..request.clone()
            };
            drop(opened);
            let opened = self.follow(&decoding, HeaderMap::new(), true, true).await?;
            return Ok(Opened {
                was_encoded: true,
                ..opened
            });
        }
        Ok(opened)
    }

    /// The URL that is really requested: after `--rewrite`, blanks and non-ASCII characters encoded, otherwise unchanged.
    ///
    /// # Errors
    /// Of kind `unsupported` if it is not an http or https URL.
    pub fn resolve(&self, url: &str) -> Result<Url, Error> {
        let url = &*self.options.rewritten(url);
        let parsed = Url::parse(url)
            .map_err(|e| Error::unsupported(format!("`{url}` is not a valid URL: {e}")))?;
        match parsed.scheme() {
            "http" | "https" => Ok(parsed),
            scheme => Err(Error::unsupported(format!(
                "`{url}` has the scheme `{scheme}`; http or https is needed"
            ))),
        }
    }

    /// The wait before the first retry.
    pub fn backoff(&self) -> Duration {
        Duration::from_secs_f64(self.options.backoff)
    }

    /// Follows redirects to an answer.
    async fn follow(
        &self,
        request: &Request,
        conditions: HeaderMap,
        again: bool,
        with_permission: bool,
    ) -> Result<Opened, FailedAttempt> {
        let first = self.resolve(&request.url)?;
        let (mut published, mut url, mut as_get) = (request.url.clone(), first.clone(), false);
        for hop in 0..=MAX_REDIRECTS {
            let host = self.hosts.of(&url, &self.options);
            let is_redirected = request.is_redirected || !is_same_host(&first, &url);
            if with_permission {
                let declared = async |path: &str| self.declared(&url, path, is_redirected).await;
                check_robots(&self.options, &host, &url, &declared).await?;
                check_reservations(&self.options, &host, &url, request, &declared).await?;
            }
            let over_budget = || self.spent.over_budget();
            let slot = host.slot(again && hop == 0, over_budget).await?;
            let hop = Hop {
                request,
                url: &url,
                as_get,
                // Headers meant for an encrypted connection are not sent over an open one.
                is_downgraded: first.scheme() == "https" && url.scheme() != "https",
                is_redirected,
                token: None,
            };
            let (response, wait) = self.exchange(&host, &hop, &conditions).await?;
            let status = response.status().as_u16();
            if let Some(location) = redirect(&response) {
                (published, url) = self.target(&first, &url, location).await?;
                // Browsers turn a POST into a GET on 301 and 302 too, but an API that has moved still wants its query.
                as_get |= status == 303;
                drop(slot);
                continue;
            }
            if !is_answer(status, &conditions) && !is_accepted_refusal(request, status) {
                return Err(FailedAttempt {
                    retry_after: wait,
                    ..Error::of_status(status).into()
                });
            }
            self.check_opt_out(request, response.headers())?;
            return Ok(Opened {
                response,
                host,
                url: published,
                was_encoded: false,
                slot,
            });
        }
        let message = format!("redirected more than {MAX_REDIRECTS} times");
        // Seldom a passing fault: one retry is enough.
        Err(FailedAttempt::from(Error::network(message)).at_most(1))
    }

    /// Sends one request, with a token where the host receives one. A token that is refused is renewed once.
    async fn exchange(
        &self,
        host: &Host,
        hop: &Hop<'_>,
        conditions: &HeaderMap,
    ) -> Result<(reqwest::Response, Option<Duration>), FailedAttempt> {
        let is_for = |session: &&Session| session.is_for(hop.url) && !hop.is_downgraded;
        let Some(session) = self.session.as_ref().filter(is_for) else {
            return self.exchange_once(host, hop, conditions).await;
        };
        let login = self.resolve(session.url())?;
        let mut is_renewed = false;
        loop {
            let token = session.token(&self.documents, &login).await?;
            let with_token = Hop {
                token: Some(&token.value),
                ..*hop
            };
            let answer = self.exchange_once(host, &with_token, conditions).await?;
            match answer.0.status().as_u16() {
                401 if !is_renewed && session.is_worth_renewing(&token) => is_renewed = true,
                401 => return Ok(answer),
                _ => {
                    session.accepted(&token);
                    return Ok(answer);
                }
            }
        }
    }

    /// Sends one request and waits for the head of its answer, and for how long the host asks to be left alone.
    async fn exchange_once(
        &self,
        host: &Host,
        hop: &Hop<'_>,
        conditions: &HeaderMap,
    ) -> Result<(reqwest::Response, Option<Duration>), FailedAttempt> {
        self.spent.add_request();
        hop.request.log.add_request();
        let start = Instant::now();
        let response = self.build(hop).headers(conditions.clone()).send().await;
        let response = response.map_err(|e| self.no_connection(host, hop.url, &e))?;
        let now = server_time(response.headers(), SystemTime::now());
        let wait = retry_after(response.headers(), now);
        self.note(host, &response, start.elapsed(), wait);
        Ok((response, wait))
    }

    /// The request as it is sent.
    fn build(&self, hop: &Hop) -> reqwest::RequestBuilder {
        let Hop { request, url, .. } = *hop;
        let client = match request.identity {
            true => &self.images,
            false => &self.documents,
        };
        let mut builder = match request.body.as_ref().filter(|_| !hop.as_get) {
            None => client.get(url.clone()),
            Some(json) => client
                .post(url.clone())
                .header("content-type", "application/json")
                .body(json.clone()),
        };
        if let Some(accept) = request.accept {
            builder = builder.header("accept", accept);
        }
        if request.identity {
            builder = builder.header("accept-encoding", "identity");
        }
        let mut headers = match hop.is_redirected {
            true => HeaderMap::new(),
            false => self.credentials.for_all.clone(),
        };
        if !hop.is_downgraded {
            let host = url.host_str().unwrap_or_default();
            let meant = self
                .credentials
                .meant_for(host, url.port_or_known_default());
            for (name, value) in meant {
                headers.append(name, value.clone());
            }
        }
        // A login of a netrc file is what the token was given for.
        let is_basic = |value: &HeaderValue| value.as_bytes().starts_with(b"Basic ");
        let is_free = headers.get(AUTHORIZATION).is_none_or(is_basic);
        if let Some(token) = hop.token.filter(|_| is_free) {
            headers.insert(AUTHORIZATION, token.clone());
        }
        builder.headers(headers).headers(request.headers.clone())
    }

    /// Tells the host's pacing what was answered.
    fn note(
        &self,
        host: &Host,
        response: &reqwest::Response,
        latency: Duration,
        wait: Option<Duration>,
    ) {
        let (now, status) = (Instant::now(), response.status().as_u16());
        let mut pacing = host.pacing();
        pacing.stats.answered_after(latency);
        pacing.answered(now, status, wait, self.backoff());
        if status < 400 {
            pacing.succeeded(latency);
        }
        let headers = response.headers();
        if let Some(wait) = quota_wait(headers, server_time(headers, SystemTime::now())) {
            pacing.quota_used_up(now, wait);
        }
    }

    /// The start of a file in which a host declares its rules. A server that fails is asked again, as for an image; one
    /// that cannot be reached is asked again with the request that needs the file.
    async fn declared(
        &self,
        url: &Url,
        path: &str,
        is_redirected: bool,
    ) -> Result<Vec<u8>, FailedAttempt> {
        let request = Request {
            url: url.join(path).map_or_else(|_| String::new(), String::from),
            max_bytes: permission::MAX_BYTES as u64,
            is_redirected,
            ..Request::default()
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            // Boxed: sending needs permission, and permission needs these files to be sent for.
            let opened = Box::pin(self.follow(&request, HeaderMap::new(), attempt > 1, false));
            let failed = match opened.await {
                Ok(opened) => return Ok(start_of(opened).await),
                Err(failed) if failed.error.status.is_some() => failed,
                Err(failed) => return Err(failed),
            };
            let (kind, wait) = (failed.error.kind, failed.retry_after);
            match after(kind, wait, attempt, self.options.retries, self.backoff()) {
                Next::GiveUp => return Err(failed),
                Next::Retry(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Where a redirect leads: as published, and as it is requested.
    async fn target(
        &self,
        first: &Url,
        from: &Url,
        location: &str,
    ) -> Result<(String, Url), Error> {
        let published = from.join(location).map_err(|e| {
            Error::network(format!(
                "redirected to an address that is not valid ({e}): {location}"
            ))
        })?;
        let target = self.resolve(published.as_str())?;
        // A public server must not make recto ask servers of the user's own network.
        let is_confined = is_public(first) && !self.options.allow_private;
        if is_confined && (!is_public(&target) || resolves_to_private(&target).await) {
            return Err(Error::unsupported(format!(
                "redirected from a public address to a private one: {target}; --allow-private follows"
            )));
        }
        Ok((published.into(), target))
    }

    /// Whether the answer lets an image be kept.
    fn check_opt_out(&self, request: &Request, headers: &HeaderMap) -> Result<(), Error> {
        match opt_out::declared_in(headers).filter(|_| request.identity) {
            None => Ok(()),
            Some(declared) => opted_out(&self.options, request, declared),
        }
    }

    /// The error of a request without an answer.
    fn no_connection(&self, host: &Host, url: &Url, e: &reqwest::Error) -> Error {
        let causes: Vec<_> = std::iter::successors(e.source(), |&cause| cause.source()).collect();
        let name = url.host_str().unwrap_or_default();
        let cause = causes.last().map(|c| format!(": {c}")).unwrap_or_default();
        let error = if causes.iter().any(|cause| is_about_a_certificate(*cause)) {
            Error::certificate(format!("{name} cannot be trusted{cause}"))
        } else if e.is_timeout() {
            let seconds = self.options.timeout;
            Error::timeout(format!("{name} did not answer within {seconds} s"))
        } else if e.is_connect() {
            Error::network(format!("{name} cannot be reached{cause}"))
        } else {
            Error::network(format!("{name} closed the connection{cause}"))
        };
        let mut pacing = host.pacing();
        if e.is_connect() {
            let no_such_host = causes
                .iter()
                .any(|cause| cause.to_string().contains("dns error"));
            pacing.not_reached(Instant::now(), self.backoff(), no_such_host);
        } else if error.kind == Kind::Timeout {
            pacing.timed_out();
        }
        error
    }
}

/// One request on the way along redirects.
#[derive(Clone, Copy)]
struct Hop<'a> {
    request: &'a Request,
    url: &'a Url,
    /// Whether a redirect turned the request into a GET.
    as_get: bool,
    /// Whether a redirect led from https to http.
    is_downgraded: bool,
    /// Whether only a redirect led to this host.
    is_redirected: bool,
    /// The token of a login, for this host.
    token: Option<&'a HeaderValue>,
}

fn client(options: &Options, decodes: bool) -> Result<reqwest::Client, crate::error::Error> {
    let agent = match &options.contact {
        Some(contact) => format!("recto/{} (+{contact})", env!("CARGO_PKG_VERSION")),
        None => format!("recto/{}", env!("CARGO_PKG_VERSION")),
    };
    let timeout = Duration::from_secs_f64(options.timeout.max(0.001));
    reqwest::Client::builder()
        .user_agent(agent)
        .connect_timeout(timeout)
        .read_timeout(timeout)
        .pool_max_idle_per_host(options.per_host().into())
        .redirect(reqwest::redirect::Policy::none())
        .tls_danger_accept_invalid_certs(options.insecure)
        .cookie_store(true)
        .referer(false)
        .gzip(decodes)
        .build()
        .map_err(|e| {
            crate::error::Error::new("the network client cannot be set up")
                .because(e)
                .hint("check --contact")
        })
}

/// The start of a body, as far as it can be read.
async fn start_of(opened: Opened) -> Vec<u8> {
    let mut text = Vec::new();
    let mut body = opened.response.bytes_stream();
    while let Some(Ok(chunk)) = body.next().await {
        text.extend_from_slice(&chunk);
        if text.len() >= permission::MAX_BYTES {
            break;
        }
    }
    text
}

fn is_answer(status: u16, conditions: &HeaderMap) -> bool {
    (200..300).contains(&status)
        || status == 304
        || (status == 416 && conditions.contains_key("range"))
}

fn is_accepted_refusal(request: &Request, status: u16) -> bool {
    request.accepts_refusal && matches!(status, 401 | 403)
}

fn redirect(response: &reqwest::Response) -> Option<&str> {
    let is_one = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get("location").filter(|_| is_one)?;
    std::str::from_utf8(location.as_bytes()).ok()
}

fn is_encoded(response: &reqwest::Response) -> bool {
    let encoding = response.headers().get("content-encoding");
    encoding.is_some_and(|e| !e.is_empty() && e != "identity")
}

fn is_about_a_certificate(cause: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(tls) = cause.downcast_ref() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    // What an I/O error wraps is not among its sources.
    let wrapped = cause.downcast_ref().and_then(std::io::Error::get_ref);
    wrapped.is_some_and(|cause| is_about_a_certificate(cause))
}
