//! One request, redirects included: permission, a slot, the head of the answer.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use tokio::time::Instant;
use url::Url;

use super::address::{is_public, is_same_host, resolves_to_private};
use super::answer;
use super::budget::Spent;
use super::codings::{self, Coding};
use super::connections::{Answers, Connections, Way};
use super::credentials::Credentials;
use super::error::Error;
use super::hosts::{Host, Hosts, Slot};
use super::jobs::Jobs;
use super::judgment::{Asker, Blame};
use super::login::Session;
use super::opt_out;
use super::options::Options;
use super::pacing::Turn;
use super::permission::{self, check_contact, check_reservations, check_robots, opted_out};
use super::proxies;
use super::request::{Request, RequestLog};
use super::resolver;
use super::retry::{
    FailedAttempt, LONGEST_WAIT, Next, after, quota_wait, retry_after, server_time,
};

/// An answer whose body is still to come.
pub struct Opened {
    /// Head and body.
    pub response: reqwest::Response,
    /// The host that answered.
    pub host: Arc<Host>,
    /// Where it came from in the end: after redirects, before `--rewrite`.
    pub url: String,
    /// The coding that the body is said to be in: a part of it is not a part of the file.
    pub coding: Option<Coding>,
    /// Held until the body is read.
    pub slot: Slot,
}

/// What it takes to send requests, whatever becomes of the answers.
#[derive(Debug)]
pub struct Sender {
    connections: Connections,
    /// The options it follows.
    pub options: Options,
    /// What each host is told to identify the user.
    pub credentials: Credentials,
    /// The login whose token some hosts receive.
    session: Option<Session>,
    /// The hosts that were asked.
    pub hosts: Hosts,
    /// How many images are worked on at once.
    pub jobs: Jobs,
    /// What the run has cost.
    pub spent: Spent,
}

/// How the HTTP/2 library calls the error HTTP_1_1_REQUIRED (RFC 9113 §7).
const HTTP_1_1_REQUIRED: &str = "endpoint requires HTTP/1.1";
/// Retries for a URL that is refused as too much while its host answers others.
const RETRIES_OF_URL: u32 = 2;

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
            connections: Connections::new(options)?,
            jobs: Jobs::default(),
            credentials,
            session,
            hosts,
            options: options.clone(),
            spent: Spent::new(options.budget),
        })
    }

    /// Takes answers from there in place of the network.
    pub fn simulate(&mut self, answers: Answers) {
        self.connections.simulate(answers);
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
        // Boxed: what waits for it is small then, however much it holds.
        Box::pin(self.follow(request, conditions, again, true)).await
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

    /// The seconds between requests that the robots.txt of a URL's host asks for, if it does.
    ///
    /// # Errors
    /// Why the host may not be asked, or the file cannot be fetched.
    pub async fn crawl_delay(&self, url: &str) -> Result<Option<f64>, Error> {
        let url = self.resolve(url)?;
        let host = self.hosts.of(&url, &self.options);
        let declared = async |path: &str| self.declared(&url, path, false, None).await;
        let checked = check_robots(&self.options, &host, &url, &declared).await;
        let delay = host.robots.get().and_then(|robots| robots.delay);
        if let Turn::Stopped(error) = host.pacing().wants(Instant::now()) {
            return Err(error);
        }
        match (checked, delay) {
            (_, Some(delay)) => Ok(Some(delay)),
            (Ok(()), None) => Ok(None),
            (Err(failed), None) => Err(failed.error),
        }
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
        self.check_address(request, &first)?;
        let max_redirects = self.options.max_redirects;
        for hop in 0..=max_redirects {
            let host = self.hosts.of(&url, &self.options);
            let is_redirected = request.is_redirected || !is_same_host(&first, &url);
            if with_permission {
                let declared = async |path: &str| {
                    let named_by = request.log.named_by();
                    self.declared(&url, path, is_redirected, named_by).await
                };
                check_robots(&self.options, &host, &url, &declared).await?;
                check_reservations(&self.options, &host, &url, request, &declared).await?;
            }
            let over_budget = || {
                check_contact(&self.options, &host);
                self.spent.over_budget()
            };
            let again = again && hop == 0 || host.pacing().judgment.has_failed(request.log.id());
            let place = request.log.place_at(&host, again);
            let slot = host.slot(place, request.log.job(), &self.jobs, over_budget);
            let moved = (hop > 0).then_some(&*published);
            let slot = slot.await.map_err(|failed| failed.at(moved))?;
            let hop = Hop {
                request,
                url: &url,
                as_get,
                // Headers meant for an encrypted connection are not sent over an open one.
                is_downgraded: first.scheme() == "https" && url.scheme() != "https",
                is_redirected,
                token: None,
                asker: Asker {
                    id: request.log.id(),
                    again,
                },
            };
            let answered = self.exchange(&host, &hop, &conditions).await;
            let answered = answered.map_err(|failed| failed.at(moved))?;
            let Answered {
                response,
                wait,
                blame,
            } = answered;
            let status = response.status().as_u16();
            if let Some(location) = redirect(&response) {
                (published, url) = self.target(&first, &url, &location).await?;
                // Browsers turn a POST into a GET on 301 and 302 too, but an API that has moved still wants its query.
                as_get |= status == 303;
                drop(slot);
                continue;
            }
            if !is_answer(status, &conditions) && !is_accepted_refusal(request, status) {
                let moved = (published != request.url).then_some(&*published);
                return Err(refused(response, wait, blame, moved).await);
            }
            self.check_opt_out(request, response.headers())?;
            return Ok(Opened {
                coding: codings::declared(response.headers()),
                response,
                host,
                url: published,
                slot,
            });
        }
        let message = format!("more redirects than {max_redirects}; --max-redirects follows more");
        // Seldom a passing fault: one retry is enough.
        Err(FailedAttempt::from(Error::protocol(message)).at_most(1))
    }

    /// Sends one request, with a token where the host receives one. A token that is refused is renewed once.
    async fn exchange(
        &self,
        host: &Host,
        hop: &Hop<'_>,
        conditions: &HeaderMap,
    ) -> Result<Answered, FailedAttempt> {
        let is_for = |session: &&Session| session.is_for(hop.url) && !hop.is_downgraded;
        let Some(session) = self.session.as_ref().filter(is_for) else {
            return self.exchange_once(host, hop, conditions).await;
        };
        let login = self.resolve(session.url())?;
        let client = self.connections.client(host.number, Way::default());
        let mut is_renewed = false;
        loop {
            let token = session.token(&client, &login).await?;
            let with_token = Hop {
                token: Some(&token.value),
                ..*hop
            };
            let answer = self.exchange_once(host, &with_token, conditions).await?;
            match answer.response.status().as_u16() {
                401 if !is_renewed && session.is_worth_renewing(&token) => is_renewed = true,
                401 => return Ok(answer),
                _ => {
                    session.accepted(&token);
                    return Ok(answer);
                }
            }
        }
    }

    /// Sends one request and waits for the head of its answer. A connection that its host had closed meanwhile, and a host
    /// that does not speak HTTP/2 after all, are no failures: the request is sent again at once.
    async fn exchange_once(
        &self,
        host: &Host,
        hop: &Hop<'_>,
        conditions: &HeaderMap,
    ) -> Result<Answered, FailedAttempt> {
        let mut way = self.way(hop);
        let sent = Instant::now();
        let response = loop {
            if let Some(error) = self.spent.take_request() {
                return Err(error.into());
            }
            hop.request.log.add_request();
            let timeout = host.pacing().answer_timeout(self.timeout());
            let request = self.build(host, hop, way).headers(conditions.clone());
            let coming = tokio::time::timeout(timeout, self.connections.send(request));
            let answer = self.jobs.await_bytes(hop.request.log.job(), coming).await;
            let Ok(answer) = answer else {
                return Err(self.no_answer(host, hop.url, sent, timeout).into());
            };
            match answer {
                // It is answered on another connection (RFC 9110, section 15.5.20).
                Ok(response) if response.status() == 421 && !way.is_fresh && hop.as_get_only() => {
                    way.is_fresh = true;
                }
                Ok(response) => break response,
                Err(e) if !way.is_old && says(&e, HTTP_1_1_REQUIRED) => way.is_old = true,
                Err(e) if !way.is_fresh && hop.as_get_only() && is_stale(&e, host) => {
                    way.is_fresh = true;
                }
                Err(e) => {
                    let failed = FailedAttempt::from(self.no_connection(host, hop.url, sent, &e));
                    // What a server writes wrongly it seldom writes otherwise the next time.
                    return Err(match is_unreadable(&e) {
                        true => failed.at_most(1),
                        false => failed,
                    });
                }
            }
        };
        let now = server_time(response.headers(), SystemTime::now());
        let wait = retry_after(response.headers(), now);
        let (blame, pause) = self.note(host, hop, &response, sent.elapsed(), wait);
        if let Some(pause) = pause {
            host.share_pause(pause).await;
        }
        Ok(Answered {
            response,
            wait,
            blame,
        })
    }

    /// How long anything is waited for.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.options.timeout.max(0.001))
    }

    fn way(&self, hop: &Hop) -> Way {
        Way {
            is_confined: !self.options.private_hosts
                && (hop.request.is_confined(hop.url) || hop.is_redirected && is_public(hop.url)),
            ..Way::default()
        }
    }

    /// Whether the address of a URL may be asked: what a public document names on private addresses is not.
    fn check_address(&self, request: &Request, url: &Url) -> Result<(), Error> {
        if self.options.private_hosts || !request.is_confined(url) || is_public(url) {
            return Ok(());
        }
        let document = request.log.named_by().unwrap_or_default();
        Err(Error::unsupported(format!(
            "a public document names a private address, which is not requested: {url} in {document}; --private-hosts requests it"
        )))
    }

    /// The request as it is sent.
    fn build(&self, host: &Host, hop: &Hop, way: Way) -> reqwest::RequestBuilder {
        let Hop { request, url, .. } = *hop;
        let client = self.connections.client(host.number, way);
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
        builder = builder.header(
            "accept-encoding",
            match request.identity {
                true => "identity",
                false => codings::ACCEPTED,
            },
        );
        let mut headers = match hop.is_redirected {
            true => HeaderMap::new(),
            false => self.credentials.for_all.clone(),
        };
        if !hop.is_downgraded {
            let meant = self.credentials.meant_for(url);
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

    /// Tells the host's pacing what was answered; returns whose fault it is that the host is overloaded, if it says so, and
    /// the pause that begins with this answer.
    fn note(
        &self,
        host: &Host,
        hop: &Hop,
        response: &reqwest::Response,
        latency: Duration,
        wait: Option<Duration>,
    ) -> (Option<Blame>, Option<Duration>) {
        let (now, status) = (Instant::now(), response.status().as_u16());
        let mut pacing = host.pacing();
        let before = pacing.pause_left(now);
        pacing.stats.answered_after(latency);
        let blame = pacing.answered(now, hop.asker, status, wait, self.backoff());
        if status < 400 {
            pacing.judgment.promised(hop.asker.id);
            pacing.succeeded(latency);
        }
        let headers = response.headers();
        if let Some(wait) = quota_wait(headers, server_time(headers, SystemTime::now())) {
            pacing.quota_used_up(now, wait);
        }
        let is_hosts = blame.is_some_and(|blame| blame != Blame::Url);
        let too_long = wait.filter(|wait| is_hosts && *wait > LONGEST_WAIT);
        let begun = pacing
            .pause_left(now)
            .filter(|_| pacing.pause_left(now) != before);
        (blame, too_long.or(begun))
    }

    /// The start of a file in which a host declares its rules. A server that fails is asked again, as for an image; one
    /// that cannot be reached is asked again with the request that needs the file.
    async fn declared(
        &self,
        url: &Url,
        path: &str,
        is_redirected: bool,
        named_by: Option<&str>,
    ) -> Result<Vec<u8>, FailedAttempt> {
        let request = Request {
            url: url.join(path).map_or_else(|_| String::new(), String::from),
            max_bytes: permission::MAX_BYTES as u64,
            is_redirected,
            log: RequestLog::of(named_by, None),
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
        let is_confined = is_public(first) && !self.options.private_hosts;
        if is_confined && (!is_public(&target) || resolves_to_private(&target).await) {
            return Err(Error::unsupported(format!(
                "redirected from a public address to a private one: {target}; --private-hosts follows"
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

    /// The error of a request that was not answered in time.
    fn no_answer(&self, host: &Host, url: &Url, sent: Instant, timeout: Duration) -> Error {
        let mut pacing = host.pacing();
        pacing.timed_out(Instant::now(), sent, self.timeout());
        let name = url.host_str().unwrap_or_default();
        let seconds = timeout.as_secs_f64();
        Error::timeout(format!("{name} did not answer within {seconds} s"))
    }

    /// The error of a request without an answer.
    fn no_connection(&self, host: &Host, url: &Url, sent: Instant, e: &reqwest::Error) -> Error {
        let causes: Vec<_> = std::iter::successors(e.source(), |&cause| cause.source()).collect();
        let name = url.host_str().unwrap_or_default();
        let cause = causes.last().map(|c| format!(": {c}")).unwrap_or_default();
        let mut pacing = host.pacing();
        if causes.iter().any(|cause| is_about_a_certificate(*cause)) {
            return Error::certificate(name, &cause);
        }
        if says(e, resolver::PRIVATE) {
            return Error::unsupported(format!(
                "{name} is named in public, but {}; --private-hosts requests it",
                resolver::PRIVATE
            ));
        }
        let name = match e.is_connect() {
            true => proxies::peer_of(url),
            false => name.to_owned(),
        };
        if e.is_timeout() {
            pacing.timed_out(Instant::now(), sent, self.timeout());
            return Error::timeout(match e.is_connect() {
                true => format!(
                    "{name} did not accept a connection within {} s",
                    self.options.connect_timeout().as_secs_f64()
                ),
                false => format!("{name} did not answer within {} s", self.options.timeout),
            });
        }
        if !e.is_connect() {
            return match is_unreadable(e) {
                true => Error::protocol(format!(
                    "the response header of {name} is not valid HTTP{cause}"
                )),
                false => Error::network(format!("{name} closed the connection{cause}")),
            };
        }
        // That is not the host's fault, and passes when other requests have ended.
        if says(e, "os error 24") {
            return Error::network("too many files and connections are open here");
        }
        let no_such_host = causes
            .iter()
            .any(|cause| cause.to_string().contains("dns error"));
        pacing.not_reached(Instant::now(), self.backoff(), no_such_host);
        Error::unreachable(&name, &cause)
    }
}

/// The error of an answer that is none: its status, and what the server says about it.
async fn refused(
    response: reqwest::Response,
    wait: Option<Duration>,
    blame: Option<Blame>,
    moved: Option<&str>,
) -> FailedAttempt {
    let status = response.status().as_u16();
    let said = answer::words_of(response).await;
    let mut error = Error::of_status(status).with_words(&said, moved);
    if status == 407 {
        error.message +=
            ": the proxy asks for a password, as in HTTPS_PROXY=http://user:password@proxy:3128";
    }
    let retries = match blame {
        Some(Blame::Url) => RETRIES_OF_URL,
        _ => u32::MAX,
    };
    FailedAttempt {
        retry_after: wait,
        ..FailedAttempt::from(error).at_most(retries)
    }
}

/// The head of an answer, with what follows from it.
struct Answered {
    response: reqwest::Response,
    /// How long the host asks to be left alone.
    wait: Option<Duration>,
    /// Whose fault it is that the host is overloaded, if it says so.
    blame: Option<Blame>,
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
    asker: Asker,
}

impl Hop<'_> {
    /// Whether it changes nothing at the server, so that it may be sent twice.
    fn as_get_only(&self) -> bool {
        self.request.body.is_none() || self.as_get
    }
}

/// Whether a connection broke that had been kept since an earlier answer of the host.
fn is_stale(e: &reqwest::Error, host: &Host) -> bool {
    let is_broken = !e.is_timeout() && !e.is_connect();
    is_broken && host.pacing().stats.percentile(0.5).is_some()
}

/// Whether an answer came that could not be read.
fn is_unreadable(e: &reqwest::Error) -> bool {
    let mut causes = std::iter::successors(e.source(), |&cause| cause.source());
    causes.any(|cause| {
        let cause = cause.downcast_ref::<hyper::Error>();
        cause.is_some_and(hyper::Error::is_parse)
    })
}

/// Whether an error, or a cause of it, says something.
fn says(e: &reqwest::Error, words: &str) -> bool {
    let mut causes = std::iter::successors(e.source(), |&cause| cause.source());
    causes.any(|cause| cause.to_string().contains(words))
}

/// The start of a body without its content coding, as far as it can be read.
async fn start_of(opened: Opened) -> Vec<u8> {
    let mut text = Vec::new();
    let mut body = opened.response.bytes_stream();
    while let Some(Ok(chunk)) = body.next().await {
        text.extend_from_slice(&chunk);
        if text.len() >= permission::MAX_BYTES {
            break;
        }
    }
    codings::start_of(opened.coding, text, 2 * permission::MAX_BYTES as u64)
}

fn is_answer(status: u16, conditions: &HeaderMap) -> bool {
    (200..300).contains(&status)
        || status == 304
        || (status == 416 && conditions.contains_key("range"))
}

fn is_accepted_refusal(request: &Request, status: u16) -> bool {
    request.accepts_refusal && matches!(status, 401 | 403)
}

/// Where a redirect leads. Octets outside of ASCII are escaped as they are: some servers write Latin-1 there.
fn redirect(response: &reqwest::Response) -> Option<String> {
    let is_one = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get("location").filter(|_| is_one)?;
    let octet = |&byte: &u8| match byte.is_ascii() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    Some(location.as_bytes().iter().map(octet).collect())
}

fn is_about_a_certificate(cause: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(tls) = cause.downcast_ref() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    // What an I/O error wraps is not among its sources.
    let wrapped = cause.downcast_ref().and_then(std::io::Error::get_ref);
    wrapped.is_some_and(|cause| is_about_a_certificate(cause))
}
