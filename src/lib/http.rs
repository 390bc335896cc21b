//! The only room that opens connections: one client with timeouts, retries, redirects and politeness per host.
//!
//! Per host there is a window of requests in flight and a pace; `Retry-After` and trouble slow the whole host,
//! not just the request that met them. Waits and retries have ends.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures::StreamExt;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::io::Write;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::files::Part;
use crate::report::Error;

/// How to reach servers. The same options in every stage that uses the network.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Network")]
#[group(id = "network")]
pub struct Options {
    /// Requests in flight to one host
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256), global = true)]
    pub per_host: u16,
    /// Requests per second to one host; 0: no limit
    #[arg(long, value_name = "R", default_value_t = 10.0, value_parser = rate, global = true)]
    pub rate: f64,
    /// Attempts after the first that failed in a way that may pass
    #[arg(long, value_name = "N", default_value_t = 4, global = true)]
    pub retries: u32,
    /// Wait before the first retry, in seconds; doubles with each
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = seconds, global = true)]
    pub backoff: f64,
    /// Seconds to wait for a connection, and for the next byte of an answer
    #[arg(long, value_name = "S", default_value_t = 60.0, value_parser = seconds, global = true)]
    pub timeout: f64,
    /// Your mail address or page, for the User-Agent: archives ask who harvests
    #[arg(long, value_name = "EMAIL", env = "RECTO_CONTACT", global = true)]
    pub contact: Option<String>,
    /// Accept any certificate; they are verified by default
    #[arg(long, global = true)]
    pub insecure: bool,
    /// Send a header with each request, such as 'Cookie: a=b' (repeatable)
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header, global = true)]
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Send 'Authorization: Bearer TOKEN' to the hosts of the images asked for
    #[arg(
        long,
        value_name = "TOKEN",
        env = "RECTO_BEARER",
        hide_env_values = true,
        global = true
    )]
    pub bearer: Option<String>,
    /// Replace a URL prefix just before fetching; ids stay (repeatable, first match wins)
    #[arg(long, value_name = "FROM=TO", value_parser = rewrite, global = true)]
    pub rewrite: Vec<(String, String)>,
}

fn rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|v: &f64| v.is_finite() && *v >= 0.0)
        .ok_or_else(|| format!("`{text}` is not a number of requests per second"))
}

fn seconds(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|v| (0.0..=86_400.0).contains(v))
        .ok_or_else(|| format!("`{text}` is not a number of seconds up to a day"))
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| format!("`{text}` has no colon: 'Name: value' is needed"))?;
    let name = name
        .trim()
        .parse()
        .map_err(|_| format!("`{name}` is not a header name"))?;
    let value = HeaderValue::from_str(value.trim())
        .map_err(|_| format!("the value of `{name}` has characters that no header holds"))?;
    Ok((name, value))
}

fn rewrite(text: &str) -> Result<(String, String), String> {
    // URLs hold `=` in queries: the prefix to replace ends before the `=` that starts another URL, else the first.
    let at = text
        .match_indices('=')
        .map(|(at, _)| at)
        .find(|&at| text[at + 1..].starts_with("http"));
    let at = at.or_else(|| text.find('=')).filter(|&at| at > 0);
    let at = at.ok_or_else(|| format!("`{text}` is not FROM=TO"))?;
    Ok((text[..at].into(), text[at + 1..].into()))
}

/// What to ask.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The URL as published; `--rewrite` applies on the way out.
    pub url: String,
    /// Value of `Accept`, if any.
    pub accept: Option<&'static str>,
    /// Ask for bytes as they are, without content encoding: images.
    pub identity: bool,
    /// Further headers: `If-None-Match`, `Range`…
    pub headers: HeaderMap,
    /// The largest body taken, in bytes.
    pub most: u64,
}

impl Ask {
    /// A document of JSON: up to 256 MiB.
    pub fn document(url: impl Into<String>) -> Self {
        let accept = Some("application/ld+json, application/json;q=0.9, */*;q=0.5");
        Ask {
            url: url.into(),
            accept,
            most: 256 << 20,
            ..Ask::default()
        }
    }

    /// An image: up to `most` bytes, as they are.
    pub fn image(url: impl Into<String>, most: u64) -> Self {
        Ask {
            url: url.into(),
            accept: Some("image/*, */*;q=0.1"),
            identity: true,
            most,
            ..Ask::default()
        }
    }
}

/// An answer with status 2xx or 304.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Where it came from in the end, after redirects, before `--rewrite`: as the world knows it.
    pub url: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Requests it took.
    pub attempts: u32,
}

impl Reply {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}

/// A body that is in a part file now.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The status: 200, or 206 when an earlier attempt was gone on with.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Size of the part file.
    pub bytes: u64,
    /// Requests it took.
    pub attempts: u32,
}

impl Saved {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The class.
    pub kind: Kind,
    /// Status of the last attempt, where there was an answer.
    pub status: Option<u16>,
    /// Requests made.
    pub attempts: u32,
    /// What happened, in words.
    pub message: String,
}

/// Classes of trouble; `failures.csv` names them by [`Kind::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 404, 410.
    NotFound,
    /// 401, 403, 451.
    Forbidden,
    /// 429.
    TooMany,
    /// 5xx.
    Server,
    /// Any other status that is no success.
    Status,
    /// No connection, no such host, broken off, a redirect loop.
    Network,
    /// The host's certificate is not to be trusted.
    Certificate,
    /// No byte for too long.
    Timeout,
    /// Fewer bytes than announced, or an image that ends in the middle.
    Truncated,
    /// A picture of another size than was asked for.
    WrongSize,
    /// Not an image: an HTML page, JSON, nothing.
    NotAnImage,
    /// `info.json` that cannot be used.
    Info,
    /// Something recto does not do: a URL scheme, a feature the server lacks.
    Unsupported,
    /// The disk refused.
    Disk,
}

impl Kind {
    /// The word in `failures.csv`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::NotFound => "not-found",
            Kind::Forbidden => "forbidden",
            Kind::TooMany => "too-many",
            Kind::Server => "server",
            Kind::Status => "status",
            Kind::Network => "network",
            Kind::Certificate => "certificate",
            Kind::Timeout => "timeout",
            Kind::Truncated => "truncated",
            Kind::WrongSize => "wrong-size",
            Kind::NotAnImage => "not-an-image",
            Kind::Info => "info",
            Kind::Unsupported => "unsupported",
            Kind::Disk => "disk",
        }
    }

    /// Whether asking again may help.
    pub fn passes(self) -> bool {
        matches!(
            self,
            Kind::TooMany
                | Kind::Server
                | Kind::Network
                | Kind::Timeout
                | Kind::Truncated
                | Kind::NotAnImage
                | Kind::Info
        )
    }
}

/// What to do after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// Wait this long, then ask again.
    Retry(Duration),
    /// Enough.
    GiveUp,
}

/// Decides after attempt number `attempt` (1 is the first) of `1 + retries`. `Retry-After` beats the backoff: some
/// archives ban clients that ignore it; one that asks for more than ten minutes is told no.
pub fn after(
    kind: Kind,
    retry_after: Option<Duration>,
    attempt: u32,
    retries: u32,
    backoff: Duration,
) -> Next {
    const LONGEST: Duration = Duration::from_secs(60);
    if !kind.passes() || attempt > retries {
        return Next::GiveUp;
    }
    match retry_after {
        Some(wait) if wait > PATIENCE => Next::GiveUp,
        Some(wait) => Next::Retry(wait),
        None => Next::Retry(
            backoff
                .saturating_mul(1 << (attempt - 1).min(10))
                .min(LONGEST),
        ),
    }
}

/// The client. Cheap to share.
#[derive(Debug)]
pub struct Http {
    client: reqwest::Client,
    options: Options,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

#[derive(Debug)]
struct Host {
    window: Arc<Semaphore>,
    state: Mutex<HostState>,
}

#[derive(Debug)]
struct HostState {
    next_slot: Instant,
    quiet_until: Instant,
    unreachable: u32,
    tally: Tally,
}

/// What was asked of one host in this run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests sent.
    pub requests: u64,
    /// Body bytes received.
    pub bytes: u64,
    /// Requests that were a second attempt or later.
    pub retries: u64,
}

/// An attempt that failed.
struct Attempt {
    trouble: Trouble,
    retry_after: Option<Duration>,
}

impl From<Trouble> for Attempt {
    fn from(trouble: Trouble) -> Self {
        Attempt {
            trouble,
            retry_after: None,
        }
    }
}

/// An answer whose body is still to come.
struct Open {
    response: reqwest::Response,
    host: Arc<Host>,
    url: url::Url,
    _permit: OwnedSemaphorePermit,
}

/// Bodies are written to the disk in pieces of at least this many bytes, off the async workers.
const WRITE_SIZE: usize = 512 << 10;

/// The longest that a server may ask us to wait.
const PATIENCE: Duration = Duration::from_secs(600);

/// A host that could not be reached this often in a row is not asked any more.
const GIVE_UP_ON_HOST: u32 = 8;

impl Http {
    /// A client that follows the options.
    pub fn new(options: &Options) -> Result<Self, Error> {
        // A second call finds the provider already installed, which is what it wants.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let agent = match &options.contact {
            Some(contact) => format!("recto/{} (+{contact})", env!("CARGO_PKG_VERSION")),
            None => format!("recto/{}", env!("CARGO_PKG_VERSION")),
        };
        let timeout = Duration::from_secs_f64(options.timeout.max(0.001));
        let client = reqwest::Client::builder()
            .user_agent(agent)
            .connect_timeout(timeout)
            .read_timeout(timeout)
            .pool_max_idle_per_host(options.per_host.into())
            .redirect(reqwest::redirect::Policy::limited(10))
            .tls_danger_accept_invalid_certs(options.insecure)
            .default_headers(options.headers.iter().cloned().collect())
            .cookie_store(true)
            .build()
            .map_err(|e| {
                Error::new("the network client cannot be set up")
                    .because(e)
                    .hint("check --contact and --header")
            })?;
        Ok(Http {
            client,
            options: options.clone(),
            hosts: Mutex::default(),
        })
    }

    /// The options it follows.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Asks until there is an answer with status 2xx or 304, or no more hope.
    pub async fn get(&self, ask: &Ask) -> Result<Reply, Trouble> {
        self.get_checked(ask, async |_| Ok(())).await
    }

    /// Like [`Http::get`], and an answer that `check` refuses is asked for again as other passing trouble is.
    pub async fn get_checked(
        &self,
        ask: &Ask,
        check: impl AsyncFn(&Reply) -> Result<(), (Kind, String)>,
    ) -> Result<Reply, Trouble> {
        self.persist(async |attempt| {
            let mut reply = self.once(ask, attempt > 1).await?;
            reply.attempts = attempt;
            match check(&reply).await {
                Ok(()) => Ok(reply),
                Err((kind, message)) => Err(Trouble {
                    kind,
                    status: Some(reply.status),
                    attempts: 0,
                    message,
                }
                .into()),
            }
        })
        .await
    }

    /// Streams a body into a part file, going on where an earlier attempt or run stopped when the server proves
    /// that it is still the same file (a strong ETag or Last-Modified, by `If-Range`). What `check` refuses is
    /// thrown away and asked for again as other passing trouble is.
    pub async fn save<T>(
        &self,
        ask: &Ask,
        part: &Part,
        check: impl AsyncFn(&Saved) -> Result<T, (Kind, String)>,
    ) -> Result<(Saved, T), Trouble> {
        self.persist(async |attempt| {
            let mut saved = self.save_once(ask, part, attempt > 1).await?;
            saved.attempts = attempt;
            match check(&saved).await {
                Ok(value) => Ok((saved, value)),
                Err((kind, message)) => {
                    part.discard();
                    Err(Trouble {
                        kind,
                        status: Some(saved.status),
                        attempts: 0,
                        message,
                    }
                    .into())
                }
            }
        })
        .await
    }

    async fn persist<T>(
        &self,
        once: impl AsyncFn(u32) -> Result<T, Attempt>,
    ) -> Result<T, Trouble> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let Attempt {
                mut trouble,
                retry_after,
            } = match once(attempt).await {
                Ok(value) => return Ok(value),
                Err(failed) => failed,
            };
            trouble.attempts = attempt;
            let backoff = Duration::from_secs_f64(self.options.backoff);
            match after(
                trouble.kind,
                retry_after,
                attempt,
                self.options.retries,
                backoff,
            ) {
                Next::GiveUp => return Err(trouble),
                Next::Retry(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// The URL that is really asked: after `--rewrite`, blanks and non-ASCII encoded, nothing else touched.
    pub fn resolve(&self, url: &str) -> Result<url::Url, Trouble> {
        let rewritten = self
            .options
            .rewrite
            .iter()
            .find_map(|(from, to)| Some(format!("{to}{}", url.strip_prefix(from.as_str())?)));
        let url = rewritten.as_deref().unwrap_or(url).trim();
        let unsupported = |message| Trouble {
            kind: Kind::Unsupported,
            status: None,
            attempts: 0,
            message,
        };
        let parsed =
            url::Url::parse(url).map_err(|e| unsupported(format!("`{url}` is not a URL: {e}")))?;
        match parsed.scheme() {
            "http" | "https" => Ok(parsed),
            scheme => Err(unsupported(format!(
                "`{url}` has the scheme `{scheme}`; http or https is needed"
            ))),
        }
    }

    /// What was asked of each host so far, by name.
    pub fn tallies(&self) -> Vec<(String, Tally)> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tallies: Vec<_> = hosts
            .iter()
            .map(|(name, host)| (name.clone(), lock(&host.state).tally.clone()))
            .collect();
        tallies.sort_by(|a, b| a.0.cmp(&b.0));
        tallies
    }

    async fn once(&self, ask: &Ask, again: bool) -> Result<Reply, Attempt> {
        let Open {
            response,
            host,
            url,
            _permit,
        } = self.open(ask, HeaderMap::new(), again).await?;
        let status = response.status().as_u16();
        let trouble = |kind, message| Trouble {
            kind,
            status: Some(status),
            attempts: 0,
            message,
        };
        let announced = response.content_length();
        let too_large = || {
            trouble(
                Kind::Unsupported,
                format!("the answer is larger than {} bytes", ask.most),
            )
        };
        if announced.is_some_and(|n| n > ask.most) {
            return Err(too_large().into());
        }
        let final_url = if response.url() == &url {
            ask.url.clone()
        } else {
            response.url().to_string()
        };
        let headers = response.headers().clone();
        let mut body = Vec::with_capacity(announced.unwrap_or(0).min(1 << 24) as usize);
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|e| self.cut(&e, status, body.len() as u64, announced))?;
            if (body.len() + chunk.len()) as u64 > ask.most {
                return Err(too_large().into());
            }
            lock(&host.state).tally.bytes += chunk.len() as u64;
            body.extend_from_slice(&chunk);
        }
        Ok(Reply {
            status,
            url: final_url,
            headers,
            body: body.into(),
            attempts: 0,
        })
    }

    async fn save_once(&self, ask: &Ask, part: &Part, again: bool) -> Result<Saved, Attempt> {
        let disk = |e: std::io::Error| Trouble {
            kind: Kind::Disk,
            status: None,
            attempts: 0,
            message: part.cannot_write(e),
        };
        let held = part.held().filter(|held| held.url == ask.url);
        let mut conditions = HeaderMap::new();
        if let Some(held) = &held
            && let Ok(validator) = HeaderValue::from_str(&held.validator)
        {
            conditions.insert("if-range", validator);
            conditions.insert(
                "range",
                HeaderValue::from_str(&format!("bytes={}-", held.bytes)).expect("digits"),
            );
        }
        let opened = self.open(ask, conditions, again).await;
        let Open {
            response,
            host,
            _permit,
            ..
        } = opened.map_err(|mut failed| {
            if failed.trouble.status == Some(416) {
                // What is held is no part of the file any more: start again.
                part.discard();
                failed.trouble.kind = Kind::Truncated;
            }
            failed
        })?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let start = held.map_or(0, |held| held.bytes);
        let goes_on = status == 206 && start > 0 && range_start(&headers) == Some(start);
        if status == 206 && !goes_on {
            part.discard();
            let message = "a part was answered that was not asked for".into();
            return Err(Trouble {
                kind: Kind::Truncated,
                status: Some(status),
                attempts: 0,
                message,
            }
            .into());
        }
        let start = if goes_on { start } else { 0 };
        let announced = response.content_length().map(|n| n + start);
        let mut file = part
            .open(goes_on, &ask.url, validator(&headers).as_deref())
            .map_err(disk)?;
        let (mut written, mut buffer) = (start, Vec::new());
        let mut stream = response.bytes_stream();
        loop {
            let chunk = stream.next().await;
            let flush = !matches!(&chunk, Some(Ok(_))) || buffer.len() >= WRITE_SIZE;
            if flush && !buffer.is_empty() {
                let bytes = std::mem::take(&mut buffer);
                let wrote =
                    tokio::task::spawn_blocking(move || file.write_all(&bytes).map(|()| file))
                        .await;
                file = wrote
                    .map_err(|e| disk(std::io::Error::other(e)))?
                    .map_err(disk)?;
            }
            let chunk = match chunk {
                None => break,
                Some(chunk) => chunk.map_err(|e| self.cut(&e, status, written, announced))?,
            };
            written += chunk.len() as u64;
            if written > ask.most {
                let message = format!("the answer is larger than {} bytes", ask.most);
                return Err(Trouble {
                    kind: Kind::Unsupported,
                    status: Some(status),
                    attempts: 0,
                    message,
                }
                .into());
            }
            lock(&host.state).tally.bytes += chunk.len() as u64;
            buffer.extend_from_slice(&chunk);
        }
        Ok(Saved {
            status,
            headers,
            bytes: written,
            attempts: 0,
        })
    }

    /// Waits for a place and a turn, asks, and hands over an answer whose status is 2xx or 304.
    async fn open(&self, ask: &Ask, conditions: HeaderMap, again: bool) -> Result<Open, Attempt> {
        let url = self.resolve(&ask.url)?;
        let host = self.host(&url);
        // Never closed, so this cannot fail.
        let permit = host
            .window
            .clone()
            .acquire_owned()
            .await
            .expect("window is never closed");
        self.wait_for_turn(&host).await?;
        lock(&host.state).tally.requests += 1;
        lock(&host.state).tally.retries += u64::from(again);
        let mut request = self.client.get(url.clone());
        if let Some(accept) = ask.accept {
            request = request.header("accept", accept);
        }
        if ask.identity {
            request = request.header("accept-encoding", "identity");
        }
        if let Some(bearer) = &self.options.bearer {
            request = request.bearer_auth(bearer);
        }
        let response = request
            .headers(ask.headers.clone())
            .headers(conditions)
            .send()
            .await;
        let response = response.map_err(|e| self.no_connection(&host, &url, &e))?;
        lock(&host.state).unreachable = 0;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), SystemTime::now());
        if let (429 | 503, Some(wait)) = (status, retry_after) {
            let mut state = lock(&host.state);
            state.quiet_until = state.quiet_until.max(Instant::now() + wait.min(PATIENCE));
        }
        if response.status().is_success() || status == 304 {
            return Ok(Open {
                response,
                host,
                url,
                _permit: permit,
            });
        }
        Err(Attempt {
            trouble: refusal(status),
            retry_after,
        })
    }

    fn cut(&self, e: &reqwest::Error, status: u16, got: u64, announced: Option<u64>) -> Trouble {
        let (kind, message) = match e.is_timeout() {
            true => (
                Kind::Timeout,
                format!("no byte for {} s after {got} bytes", self.options.timeout),
            ),
            false => (
                Kind::Truncated,
                format!("cut short at {got}{} bytes", of(announced)),
            ),
        };
        Trouble {
            kind,
            status: Some(status),
            attempts: 0,
            message,
        }
    }

    fn host(&self, url: &url::Url) -> Arc<Host> {
        let name = format!(
            "{}:{}",
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or(0)
        );
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let now = Instant::now();
            let state = HostState {
                next_slot: now,
                quiet_until: now,
                unreachable: 0,
                tally: Tally::default(),
            };
            Arc::new(Host {
                window: Arc::new(Semaphore::new(self.options.per_host.into())),
                state: Mutex::new(state),
            })
        };
        hosts.entry(name).or_insert_with(new).clone()
    }

    async fn wait_for_turn(&self, host: &Host) -> Result<(), Trouble> {
        let turn = {
            let mut state = lock(&host.state);
            if state.unreachable >= GIVE_UP_ON_HOST {
                let message = format!(
                    "not asked: the host could not be reached {GIVE_UP_ON_HOST} times in a row"
                );
                return Err(Trouble {
                    kind: Kind::Unsupported,
                    status: None,
                    attempts: 0,
                    message,
                });
            }
            let turn = state.next_slot.max(state.quiet_until).max(Instant::now());
            if self.options.rate > 0.0 {
                state.next_slot = turn + Duration::from_secs_f64(1.0 / self.options.rate);
            }
            turn
        };
        tokio::time::sleep_until(turn.into()).await;
        Ok(())
    }

    fn no_connection(&self, host: &Host, url: &url::Url, e: &reqwest::Error) -> Trouble {
        let causes: Vec<_> = std::iter::successors(e.source(), |&cause| cause.source()).collect();
        let name = url.host_str().unwrap_or_default();
        let cause = causes.last().map(|c| format!(": {c}")).unwrap_or_default();
        let (kind, message) = match e {
            _ if causes.iter().any(|cause| is_about_a_certificate(*cause)) => (
                Kind::Certificate,
                format!("{name} cannot be trusted{cause}"),
            ),
            e if e.is_redirect() => (Kind::Network, "redirected more than 10 times".to_owned()),
            e if e.is_timeout() => (
                Kind::Timeout,
                format!("{name} did not answer within {} s", self.options.timeout),
            ),
            e if e.is_connect() => (Kind::Network, format!("{name} cannot be reached{cause}")),
            _ => (Kind::Network, format!("{name} broke off{cause}")),
        };
        if e.is_connect() {
            lock(&host.state).unreachable += 1;
        }
        Trouble {
            kind,
            status: None,
            attempts: 0,
            message,
        }
    }
}

fn is_about_a_certificate(cause: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(tls) = cause.downcast_ref() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    // What an I/O error wraps is not among its sources.
    let wrapped = cause.downcast_ref().and_then(std::io::Error::get_ref);
    wrapped.is_some_and(|cause| is_about_a_certificate(cause))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn of(announced: Option<u64>) -> String {
    announced.map(|n| format!(" of {n}")).unwrap_or_default()
}

fn refusal(status: u16) -> Trouble {
    let (kind, words) = match status {
        404 | 410 => (Kind::NotFound, "not there"),
        401 | 403 | 451 => (Kind::Forbidden, "not allowed"),
        429 => (Kind::TooMany, "too many requests"),
        501 => (Kind::Status, "the server does not do that"),
        500.. => (Kind::Server, "the server is in trouble"),
        _ => (Kind::Status, "refused"),
    };
    Trouble {
        kind,
        status: Some(status),
        attempts: 0,
        message: format!("{words} (HTTP {status})"),
    }
}

/// What proves that a file is still the same: a strong ETag, else Last-Modified (RFC 9110 §13.1.5).
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned)
    };
    text("etag")
        .filter(|etag| !etag.starts_with("W/"))
        .or_else(|| text("last-modified"))
}

/// Where a 206 starts: `Content-Range: bytes 100-199/200`.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get("content-range")?.to_str().ok()?;
    range
        .strip_prefix("bytes ")?
        .split('-')
        .next()?
        .trim()
        .parse()
        .ok()
}

/// `Retry-After` in either form: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_comes_after_an_attempt() {
        let cases = [
            // (class, Retry-After, attempt, what next) with 3 retries and a backoff of 1 s
            (Kind::Server, None, 1, Next::Retry(SECOND)),
            (Kind::Server, None, 3, Next::Retry(4 * SECOND)),
            (Kind::Server, None, 4, Next::GiveUp),
            (Kind::TooMany, Some(9 * SECOND), 1, Next::Retry(9 * SECOND)),
            (Kind::TooMany, Some(9000 * SECOND), 1, Next::GiveUp),
            (Kind::NotFound, None, 1, Next::GiveUp),
            (Kind::Forbidden, None, 1, Next::GiveUp),
            (Kind::WrongSize, None, 1, Next::GiveUp),
            (Kind::Truncated, None, 1, Next::Retry(SECOND)),
        ];
        for (kind, wait, attempt, next) in cases {
            assert_eq!(
                after(kind, wait, attempt, 3, SECOND),
                next,
                "{kind:?} on {attempt}"
            );
        }
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let cases = [
            ("7", Some(7)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
        ];
        for (text, wanted) in cases {
            let headers = HeaderMap::from_iter([(
                reqwest::header::RETRY_AFTER,
                HeaderValue::from_str(text).unwrap(),
            )]);
            assert_eq!(
                retry_after(&headers, now),
                wanted.map(Duration::from_secs),
                "{text}"
            );
        }
    }

    #[test]
    fn rewrite_splits_where_the_new_url_starts() {
        let cases = [
            ("https://a/=http://b/", Some(("https://a/", "http://b/"))),
            (
                "https://a/?x=1&y==http://b/",
                Some(("https://a/?x=1&y=", "http://b/")),
            ),
            ("a=b", Some(("a", "b"))),
            ("=b", None),
            ("ab", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(
                rewrite(text).ok(),
                wanted.map(|(a, b)| (a.into(), b.into())),
                "{text}"
            );
        }
    }
}
