//! The only room that opens connections: timeouts, retries, redirects and politeness per host.
//!
//! Per host there is a window of requests in flight and a pace, which start low and grow on evidence (`host`);
//! `Retry-After` and trouble slow the whole host, not just the request that met them. `send` asks once, redirects
//! included; `body` takes what is answered. Waits and retries have ends.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::HeaderMap;

use crate::error::Error;
use crate::files::Part;
use crate::progress::Wait;

mod archives;
mod body;
pub mod callback;
mod host;
mod netrc;
mod options;
mod proxies;
mod reservations;
mod robots;
mod secrets;
mod send;
mod tally;
mod trouble;

pub use archives::Archives;
use host::Manners;
pub use host::Most;
pub use options::{Budget, NetrcFile, Options, host_of};
/// The words of headers, in the types of the client.
pub use reqwest::header;
use reservations::Reservations;
use robots::Robots;
use secrets::Secrets;
pub use tally::Tally;
use trouble::PATIENCE;
pub use trouble::{Kind, Next, Trouble, after};

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
    /// JSON to send; asks by POST, else by GET.
    pub body: Option<String>,
    /// The largest body taken, in bytes.
    pub most: u64,
    /// Take 401 and 403 for answers: their bodies say how to be let in.
    pub refusals: bool,
    /// How often to ask again after what may come of asking a server for too much; none: as after other trouble.
    /// For when something else can be asked for instead.
    pub patience: Option<u32>,
    /// Whether a redirect leads to its host, which is told only what is meant for it by name.
    pub strays: bool,
    /// Counts the requests that this leads to.
    pub count: Count,
}

/// What asking for a picture led to; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Count(Arc<Counted>);

#[derive(Debug, Default)]
struct Counted {
    requests: AtomicU32,
    overridden: OnceLock<String>,
}

impl Count {
    /// Requests made so far, counted when they go out.
    pub fn get(&self) -> u32 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// How the owner reserves what was taken all the same.
    pub fn overridden(&self) -> Option<&str> {
        self.0.overridden.get().map(String::as_str)
    }

    fn add_one(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn overrode(&self, said: String) {
        self.0.overridden.get_or_init(|| said);
    }
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

    /// The same, counted with others.
    pub fn counted(self, count: &Count) -> Self {
        Ask {
            count: count.clone(),
            ..self
        }
    }
}

/// An answer with status 2xx or 304, or one that was asked for in spite of its status.
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
    /// Where it came from in the end, as the world knows it.
    pub url: String,
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

/// The client. Cheap to share.
#[derive(Debug)]
pub struct Http {
    /// Undoes content encodings by itself: for documents.
    documents: reqwest::Client,
    /// Gives bytes as they come: for images.
    images: reqwest::Client,
    options: Options,
    secrets: Secrets,
    archives: Archives,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
    /// Requests that earlier runs made of a host without saying who asks.
    unsigned: BTreeMap<String, u64>,
    start: Instant,
    spent: Spent,
}

/// What a run has cost.
#[derive(Debug, Default)]
struct Spent {
    requests: AtomicU64,
    bytes: AtomicU64,
}

#[derive(Debug)]
struct Host {
    state: Mutex<Manners>,
    freed: tokio::sync::Notify,
    robots: tokio::sync::OnceCell<Robots>,
    reservations: tokio::sync::OnceCell<Reservations>,
    /// Whether it is one of the public web.
    is_public: bool,
    /// Requests of earlier runs that nobody signed.
    unsigned: u64,
}

/// An attempt that failed.
struct Attempt {
    trouble: Trouble,
    retry_after: Option<Duration>,
    /// How often it is worth asking again at most.
    most: u32,
}

impl From<Trouble> for Attempt {
    fn from(trouble: Trouble) -> Self {
        Attempt {
            trouble,
            retry_after: None,
            most: u32::MAX,
        }
    }
}

impl Attempt {
    /// The same, not worth asking again more than so often.
    fn at_most(self, most: u32) -> Self {
        Attempt { most, ..self }
    }
}

/// Requests to one host after which it is to know who asks.
const ANONYMOUS: u64 = 100;

impl Http {
    /// A client that follows the options. `hosts` are those that the user asks for by name: they alone are told
    /// secrets that are given without a host.
    pub fn new(options: &Options, hosts: &BTreeSet<String>) -> Result<Self, Error> {
        proxies::refuse_unusable()?;
        // A second call finds the provider already installed, which is what it wants.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = |undo_encodings: bool| {
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
                .gzip(undo_encodings)
                .build()
                .map_err(|e| {
                    Error::new("the network client cannot be set up")
                        .because(e)
                        .hint("check --contact")
                })
        };
        Ok(Http {
            documents: client(true)?,
            images: client(false)?,
            secrets: Secrets::new(options, hosts)?,
            archives: Archives::open(options.archives.as_deref())?,
            options: options.clone(),
            hosts: Mutex::default(),
            unsigned: BTreeMap::new(),
            start: Instant::now(),
            spent: Spent::default(),
        })
    }

    /// Takes up the count of requests that nobody signed where an earlier run left it, by host.
    pub fn go_on(&mut self, unsigned: BTreeMap<String, u64>) {
        self.unsigned = unsigned;
    }

    /// Requests that nobody signed, of this run and those before, by public host.
    pub fn unsigned(&self) -> BTreeMap<String, u64> {
        let mut all = self.unsigned.clone();
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let strangers = hosts
            .iter()
            .filter(|(_, host)| host.is_public && self.options.contact.is_none());
        for (name, host) in strangers {
            *all.entry(name.clone()).or_default() += lock(&host.state).tally.requests;
        }
        all
    }

    /// What the user should know of the options.
    pub fn warnings(&self) -> &[String] {
        &self.secrets.warnings
    }

    /// Whether the host of a URL is told a token, a password or a cookie of the user's.
    pub fn tells(&self, url: &str) -> bool {
        self.resolve(url).is_ok_and(|url| {
            let host = url.host_str().unwrap_or_default();
            self.secrets.is_told(host, url.port_or_known_default())
        })
    }

    /// Which hosts were asked although nobody looked whether they want it, in words.
    pub fn overrides(&self) -> Option<String> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let public = hosts.iter().filter(|(_, host)| host.is_public);
        let mut names: Vec<&str> = public.map(|(name, _)| name.as_str()).collect();
        names.sort();
        (self.options.ignore_robots && !names.is_empty()).then(|| {
            format!(
                "--ignore-robots: robots.txt was not asked of {}",
                names.join(", ")
            )
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
        self.persist(ask, async |attempt| {
            let mut reply = self.take(ask, attempt > 1).await?;
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

    /// Asks until there is an answer, and gives its status without its body.
    pub async fn peek(&self, ask: &Ask) -> Result<u16, Trouble> {
        self.persist(ask, async |attempt| {
            let opened = self.open(ask, HeaderMap::new(), attempt > 1).await?;
            Ok(opened.response.status().as_u16())
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
        self.persist(ask, async |attempt| {
            let mut saved = self.take_to(ask, part, attempt > 1).await?;
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
        ask: &Ask,
        once: impl AsyncFn(u32) -> Result<T, Attempt>,
    ) -> Result<T, Trouble> {
        let (mut attempt, mut was_another) = (0, false);
        loop {
            attempt += 1;
            let Attempt {
                mut trouble,
                retry_after,
                most: worth,
            } = match once(attempt).await {
                Ok(value) => return Ok(value),
                Err(failed) => failed,
            };
            trouble.attempts = attempt;
            let backoff = self.pause();
            // A server that names a time is busy, not asked for too much.
            let may_be_size = retry_after.is_none() && trouble.kind.may_be_size();
            let too_much = ask.patience.filter(|_| may_be_size);
            // Damage on the way passes; a file that was replaced stays another.
            let is_another = trouble.kind == Kind::Checksum;
            let most = match (is_another && was_another, too_much) {
                (true, _) => 0,
                (false, Some(patience)) => patience,
                (false, None) => u32::MAX,
            };
            was_another |= is_another;
            let retries = most.min(worth).min(self.options.retries);
            match after(trouble.kind, retry_after, attempt, retries, backoff) {
                Next::GiveUp => {
                    if let Some(wait) = retry_after.filter(|wait| *wait > PATIENCE) {
                        let seconds = wait.as_secs();
                        trouble.message += &format!(": it asks for {seconds} s of quiet");
                    }
                    return Err(trouble);
                }
                Next::Retry(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// The URL that is really asked: after `--rewrite`, blanks and non-ASCII encoded, nothing else touched.
    pub fn resolve(&self, url: &str) -> Result<url::Url, Trouble> {
        let url = &*self.options.rewritten(url);
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

    /// How long the run lasts.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The requests made and body bytes received.
    pub fn spent(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.spent.requests), of(&self.spent.bytes))
    }

    /// The hosts that are waited for now, by name.
    pub fn waiting(&self) -> Vec<Wait> {
        let now = Instant::now();
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = |(name, host): (&String, &Arc<Host>)| {
            let (why, time) = lock(&host.state).hold(now)?;
            Some(Wait {
                host: name.clone(),
                why,
                seconds: time.map(|time| (time.as_secs_f64() * 10.0).round() / 10.0),
            })
        };
        let mut waiting: Vec<Wait> = hosts.iter().filter_map(wait).collect();
        waiting.sort_by(|a, b| a.host.cmp(&b.host));
        waiting
    }

    fn pause(&self) -> Duration {
        Duration::from_secs_f64(self.options.backoff)
    }

    fn host(&self, url: &url::Url) -> Arc<Host> {
        let domain = url.host_str().unwrap_or_default();
        let name = format!("{domain}:{}", url.port_or_known_default().unwrap_or(0));
        let unsigned = self.unsigned.get(&name).copied().unwrap_or_default();
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(Host {
                state: Mutex::new(Manners::new(
                    Instant::now(),
                    self.archives.most(&self.options, domain),
                )),
                freed: tokio::sync::Notify::new(),
                robots: tokio::sync::OnceCell::new(),
                reservations: tokio::sync::OnceCell::new(),
                is_public: send::is_public(url),
                unsigned,
            })
        };
        hosts.entry(name).or_insert_with(new).clone()
    }

    /// Adds to what the run has cost.
    fn took(&self, host: &Host, bytes: usize) {
        lock(&host.state).tally.bytes += bytes as u64;
        self.spent.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Why no more is asked, when the budget is used up.
    fn over_budget(&self) -> Option<Trouble> {
        let budget = self.options.budget?;
        let requests = self.spent.requests.load(Ordering::Relaxed);
        let bytes = self.spent.bytes.load(Ordering::Relaxed);
        let spent = if budget.requests.is_some_and(|most| requests >= most) {
            format!("{requests} requests")
        } else if budget.bytes.is_some_and(|most| bytes >= most) {
            format!("{bytes} bytes")
        } else if budget.time.is_some_and(|most| self.start.elapsed() >= most) {
            format!("{} s", self.start.elapsed().as_secs())
        } else {
            return None;
        };
        Some(Trouble {
            kind: Kind::Budget,
            status: None,
            attempts: 0,
            message: format!("not asked for: --budget is used up after {spent}"),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
