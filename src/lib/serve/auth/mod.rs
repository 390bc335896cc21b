//! Who may see what. Core: credentials and rules → what a visitor sees ([`sight`]). Shell: tokens are held against
//! hashes, the delegate is asked, clients are counted.
//!
//! Decided before anything else on every request, so that neither a kept answer nor a 304 tells what a refusal
//! would not.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{FutureExt as _, StreamExt as _};
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::error::Error;
use crate::files;
use crate::http::header::HeaderMap;
use crate::serve::catalogue::Catalogue;
use crate::serve::web::router::{Response, refused};
use accounts::Account;
use credentials::Credential;
use delegate::Delegate;
use permissions::{Sight, challenge};
use rate::{Buckets, Rate};
use rules::{Rules, Visitor};
use settings::{Derivatives, Settings};
use tickets::{Tickets, Use};

pub mod accounts;
pub mod credentials;
pub mod delegate;
pub mod flow;
pub mod jwt;
pub mod network;
pub mod permissions;
pub mod rate;
pub mod rules;
pub mod settings;
pub mod tickets;

/// How often a client may be wrong about a secret: ten times, then every six seconds.
const MISTAKES: Rate = Rate {
    per_second: 1.0 / 6.0,
    burst: 10,
};
/// Secrets that have been recognized, and are not hashed slowly again.
const MOST_PROVEN: usize = 10_000;
/// Questions to the delegate at once, for one document.
const AT_ONCE: usize = 8;

/// Everything that decides.
#[derive(Debug)]
pub struct Auth {
    settings: Settings,
    rules: Arc<Rules>,
    label: Arc<str>,
    accounts: Arc<Vec<Account>>,
    jwt: Option<(jwt::Key, jwt::Settings)>,
    delegate: Option<Delegate>,
    tickets: Tickets,
    buckets: Option<Buckets>,
    mistakes: Buckets,
    /// Users of secrets that took long to recognize, by SHA-256 of name and secret.
    proven: Mutex<HashMap<Vec<u8>, Person>>,
    /// Slow hashes are made one at a time: each takes 19 MiB.
    slow: Semaphore,
}

/// Somebody who is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    user: String,
    groups: Vec<String>,
    /// When that ends at the latest, where somebody else vouches for it.
    vouched_until: Option<i64>,
}

impl Auth {
    /// Sets up what the configuration says; its files are named from its folder.
    pub fn open(settings: Settings, folder: &Path) -> Result<Self, Error> {
        let jwt = settings.jwt.as_ref().map(|jwt| {
            let jwt = jwt.get_ref();
            let path = folder.join(&jwt.key);
            let key = jwt::Key::read(jwt.algorithm, &files::read(&path)?)
                .map_err(|why| Error::new(format!("{}: {why}", path.display())))?;
            Ok::<_, Error>((key, jwt.clone()))
        });
        let delegate = settings.delegate.as_ref();
        let delegate = delegate.map(|d| Delegate::new(d.get_ref().clone()));
        let secret = (settings.secret.as_ref()).map(|path| secret(&folder.join(path)));
        let tickets = Tickets::new(secret.transpose()?.as_deref());
        let rules = Rules {
            rules: settings.rules.iter().map(|r| r.get_ref().clone()).collect(),
            otherwise: settings.otherwise(),
        };
        let accounts = settings.accounts.iter().map(|a| a.get_ref().clone());
        Ok(Auth {
            rules: Arc::new(rules),
            label: settings.label.as_str().into(),
            accounts: Arc::new(accounts.collect()),
            jwt: jwt.transpose()?,
            delegate: delegate.transpose()?,
            tickets: tickets.map_err(|_| Error::new("there are no random numbers to be had"))?,
            buckets: settings.rate.as_ref().map(|r| Buckets::new(*r.get_ref())),
            mistakes: Buckets::new(MISTAKES),
            proven: Mutex::default(),
            slow: Semaphore::new(1),
            settings,
        })
    }

    /// Who asks. The error is the answer to who is nobody, or asks too often. `now` is in milliseconds since 1970.
    pub async fn visitor(
        &self,
        path: &str,
        headers: &HeaderMap,
        peer: IpAddr,
        now: i64,
    ) -> Result<Visitor, Response> {
        let address = self.address(headers, peer);
        let mut visitor = Visitor {
            address: Some(address),
            ..Visitor::default()
        };
        if let Some(person) = self.person(path, headers, address, now).await? {
            visitor.user = Some(person.user);
            visitor.groups = person.groups;
        }
        let client = match &visitor.user {
            Some(user) => format!("user:{user}"),
            None => place(address),
        };
        if let Some(buckets) = &self.buckets {
            buckets.take(&client, now).map_err(later)?;
        }
        Ok(visitor)
    }

    async fn person(
        &self,
        path: &str,
        headers: &HeaderMap,
        address: IpAddr,
        now: i64,
    ) -> Result<Option<Person>, Response> {
        let seconds = now / 1000;
        let authorization = text_of(headers, "authorization");
        if path.starts_with("/auth/probe/") {
            // Access tokens open the probe service and nothing else (§5.1); bad ones are anonymous there.
            let token = authorization
                .split_once(' ')
                .map_or("", |(_, token)| token.trim());
            let ticket = self.tickets.open(Use::Probe, token, seconds).ok();
            return Ok(ticket.and_then(|ticket| self.holder(&ticket)));
        }
        let cookies = text_of(headers, "cookie");
        if path.starts_with("/auth/") {
            return Ok(self.session(cookies, seconds));
        }
        let read = credentials::read(authorization, text_of(headers, "x-api-key"), cookies);
        match read.map_err(|why| self.unproven(why))? {
            None => Ok(None),
            Some(Credential::Session(_)) => Ok(self.session(cookies, seconds)),
            Some(Credential::Password(..)) if !self.settings.basic => {
                Err(self.unproven("HTTP Basic is not offered"))
            }
            Some(credential) => {
                let person = self.prove(&credential, address, now).await;
                person.map(Some)
            }
        }
    }

    /// Whose secret it is. The error is the answer to a secret that is nobody's.
    pub async fn prove(
        &self,
        credential: &Credential,
        address: IpAddr,
        now: i64,
    ) -> Result<Person, Response> {
        let (user, secret) = match credential {
            Credential::Password(user, secret) => (Some(user.as_str()), secret),
            Credential::Token(secret) => (None, secret),
            Credential::Session(_) => return Err(self.unproven("a session is no token")),
        };
        if let (Some((key, settings)), None, true) = (&self.jwt, user, jwt::is_one(secret)) {
            let bearer = jwt::verify(secret, key, settings, now / 1000)
                .map_err(|why| self.unproven(&format!("the token is not taken: {why}")))?;
            return Ok(Person {
                user: bearer.user,
                groups: bearer.groups,
                vouched_until: Some(bearer.ends),
            });
        }
        let client = place(address);
        let name = format!("{}\n{secret}", user.unwrap_or_default());
        let name = digest(&SHA256, name.as_bytes()).as_ref().to_vec();
        if let Some(person) = self.proven().get(&name) {
            return Ok(person.clone());
        }
        self.mistakes.look(&client, now).map_err(later)?;
        match self.look_up(user, secret).await {
            Some(person) => {
                let mut proven = self.proven();
                if proven.len() >= MOST_PROVEN {
                    proven.clear();
                }
                proven.insert(name, person.clone());
                Ok(person)
            }
            None => {
                // Whether there was one left was looked at above.
                let _ = self.mistakes.take(&client, now);
                Err(self.unproven("the token is nobody's"))
            }
        }
    }

    async fn look_up(&self, user: Option<&str>, secret: &str) -> Option<Person> {
        let accounts = self.accounts.clone();
        let (user, secret) = (user.map(str::to_owned), secret.to_owned());
        let is_slow = accounts::is_slow(&accounts);
        let look = move || {
            let found = accounts::find(&accounts, user.as_deref(), &secret);
            found.map(|account| Person {
                user: account.user.clone(),
                groups: account.groups.clone(),
                vouched_until: None,
            })
        };
        if !is_slow {
            return look();
        }
        let _turn = self.slow.acquire().await.ok()?;
        tokio::task::spawn_blocking(look).await.ok().flatten()
    }

    fn proven(&self) -> std::sync::MutexGuard<'_, HashMap<Vec<u8>, Person>> {
        self.proven.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose session it is; nobody's if it has ended.
    fn session(&self, cookies: &str, seconds: i64) -> Option<Person> {
        let sealed = credentials::session(cookies)?;
        let ticket = self.tickets.open(Use::Session, sealed, seconds).ok()?;
        self.holder(&ticket)
    }

    /// Whose ticket it is now: who has no account any more is nobody.
    fn holder(&self, ticket: &tickets::Ticket) -> Option<Person> {
        if ticket.vouched {
            return self.jwt.is_some().then(|| Person {
                user: ticket.user.clone(),
                groups: ticket.groups.clone(),
                vouched_until: Some(ticket.ends),
            });
        }
        let mut accounts = self.accounts.iter();
        let account = accounts.find(|a| a.user == ticket.user)?;
        Some(Person {
            user: account.user.clone(),
            groups: account.groups.clone(),
            vouched_until: None,
        })
    }

    /// What a visitor sees, once the delegate has been asked about the images at some positions.
    pub async fn sight(
        &self,
        visitor: Visitor,
        catalogue: &Catalogue,
        concerned: impl FnOnce() -> Vec<usize>,
        headers: &HeaderMap,
        now: i64,
    ) -> Sight {
        let only_made = self.settings.derivatives.as_ref().map(|d| *d.get_ref())
            == Some(Derivatives::Privileged)
            && !self.settings.privileged.iter().any(|w| w.is(&visitor));
        let mut sight = Sight {
            rules: Some(self.rules.clone()),
            visitor,
            told: HashMap::new(),
            degraded: self.settings.degraded.as_ref().map(|d| *d.get_ref()),
            only_made,
            label: self.label.clone(),
            basic: self.settings.basic,
        };
        let Some(delegate) = &self.delegate else {
            return sight;
        };
        let told = told(delegate, headers);
        let images = concerned()
            .into_iter()
            .map(|at| &catalogue.pictures[at].about);
        let images: Vec<_> = images
            .filter(|image| sight.must_ask(image))
            .take(delegate.most())
            .collect();
        let mut asked = Vec::new();
        for image in images {
            let may = delegate.may(image, &sight.visitor, &told, now / 1000);
            asked.push(may.map(|may| (image.id.clone(), may)).boxed());
        }
        let asked = futures::stream::iter(asked).buffer_unordered(AT_ONCE);
        sight.told = asked.collect().await;
        sight
    }

    /// The address that counts: behind our proxies, what they say.
    pub fn address(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        // Proxies append lines as well as words.
        let lines = headers.get_all("x-forwarded-for").iter();
        let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
        network::client(peer, &lines.join(","), &self.settings.trusted_proxies)
    }

    /// Whether the client speaks to us, or to our proxy, over TLS.
    pub fn is_secure(&self, headers: &HeaderMap, peer: IpAddr) -> bool {
        let mut proxies = self.settings.trusted_proxies.iter();
        proxies.any(|p| p.holds(peer)) && text_of(headers, "x-forwarded-proto") == "https"
    }

    /// What every answer says once there are rules: who may keep it, and whose scripts may read it.
    pub fn finish(&self, mut response: Response, path: &str, origin: &str) -> Response {
        let is_same_for_all = path.starts_with("/assets/")
            || response.says("cache-control").starts_with("public")
            || ["/health", "/metrics"].contains(&path);
        if !is_same_for_all {
            if response.says("cache-control") != "no-store" {
                response.replace("cache-control", "private, no-cache");
            }
            response.vary_by("authorization, cookie, x-api-key");
        }
        let mut listed = self.settings.origins.iter();
        if listed.any(|o| o.0 == origin) {
            response.replace("access-control-allow-origin", origin);
            response.replace("access-control-allow-credentials", "true");
        }
        if !self.settings.origins.is_empty() {
            response.vary_by("origin");
        }
        response
    }

    /// Counts for Prometheus.
    pub fn counts(&self) -> String {
        let Some(delegate) = &self.delegate else {
            return String::new();
        };
        let load = |n: &std::sync::atomic::AtomicU64| n.load(std::sync::atomic::Ordering::Relaxed);
        format!(
            "# TYPE recto_delegate_asked_total counter\nrecto_delegate_asked_total {}\n\
             # TYPE recto_delegate_failed_total counter\nrecto_delegate_failed_total {}\n",
            load(&delegate.asked),
            load(&delegate.failed)
        )
    }

    fn unproven(&self, why: &str) -> Response {
        challenge(refused(401, why), self.settings.basic).with("cache-control", "no-store")
    }
}

/// A secret of at least 16 bytes.
fn secret(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = files::read(path)?;
    match bytes.len() {
        ..16 => Err(Error::new(format!(
            "{}: is shorter than the 16 bytes that a secret has at least",
            path.display()
        ))
        .hint(format!("openssl rand -hex 32 > {}", path.display()))),
        _ => Ok(bytes),
    }
}

/// The headers of a request that the delegate wants to know.
fn told(delegate: &Delegate, headers: &HeaderMap) -> Value {
    let wanted = delegate.headers().iter();
    let pairs = wanted.map(|name| {
        let name = name.to_ascii_lowercase();
        let value = Value::from(text_of(headers, &name));
        (name, value)
    });
    pairs.collect::<Map<_, _>>().into()
}

/// What counts as one client without a name: an address, of IPv6 the network that one subscriber has.
fn place(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:x}", u128::from(address) >> 64),
    }
}

fn later(seconds: u64) -> Response {
    refused(429, "too many requests, ask again later")
        .with("retry-after", seconds.to_string())
        .with("cache-control", "no-store")
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name);
    value.and_then(|v| v.to_str().ok()).unwrap_or_default()
}
