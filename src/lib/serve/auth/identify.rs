//! Who sends a request: tokens, passwords and sessions are checked here. Guessing is slowed down.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::digest::{SHA256, digest};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::accounts::{self, Account};
use super::credentials::{self, Credential};
use super::issuer::Issuer;
use super::jwt;
use super::permissions::challenge;
use super::rate::{self, Buckets, Rate};
use super::settings::AuthSettings;
use super::tickets::{InvalidTicket, Ticket, TicketUse, Tickets};
use crate::error::Error;
use crate::files;
use crate::http::header::HeaderMap;
use crate::serve::web::message::{Response, error_response, header_text};
use crate::serve::web::route::Route;

/// How often a client may send a wrong secret: ten times at once, then every six seconds.
const MISTAKES: Rate = Rate {
    per_second: 1.0 / 6.0,
    burst: 10,
};
/// The most secrets that wait in a queue to be hashed slowly.
const MOST_HASHES: usize = 64;
/// Secrets that are remembered as correct, so that they are not hashed slowly again.
const MOST_PROVEN: usize = 10_000;
/// The shortest secret that sessions are sealed with, in bytes.
const SHORTEST_SECRET: usize = 16;

/// Everything that tells who a visitor is.
#[derive(Debug)]
pub struct Identities {
    accounts: Arc<Vec<Account>>,
    issuer: Option<Arc<Issuer>>,
    /// Seals and opens sessions and access tokens.
    pub tickets: Arc<Tickets>,
    /// Whether names and passwords are accepted in HTTP Basic.
    basic: bool,
    mistakes: Arc<Buckets>,
    /// The users of correct secrets that take long to check, by SHA-256 of name and secret.
    proven: Mutex<HashMap<Vec<u8>, Person>>,
    /// Slow hashes of clients that made no mistake recently.
    slow: Arc<HashQueue>,
    /// Slow hashes of all other clients.
    slow_again: Arc<HashQueue>,
}

/// A queue for slow hashes, which are computed one at a time: each takes 19 MiB.
#[derive(Debug)]
struct HashQueue {
    turn: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl HashQueue {
    fn new() -> Self {
        HashQueue {
            turn: Arc::new(Semaphore::new(1)),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Waits for a turn; none if too many wait already.
    async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        /// Given up when the wait ends in whatever way.
        struct Waits<'a>(&'a AtomicUsize);
        impl Drop for Waits<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waits = Waits(&self.waiting);
        match before < MOST_HASHES {
            true => self.turn.clone().acquire_owned().await.ok(),
            false => None,
        }
    }
}

/// An authenticated user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub user: String,
    /// The groups of the user.
    pub groups: Vec<String>,
    /// When a session of the user must end, in seconds since 1970, if a JWT says so.
    pub vouched_until: Option<i64>,
}

impl From<&Account> for Person {
    fn from(account: &Account) -> Self {
        Person {
            user: account.user.clone(),
            groups: account.groups.clone(),
            vouched_until: None,
        }
    }
}

impl Identities {
    /// Sets up what the configuration says; paths in it are relative to `folder`. Of what was set up `before`, sessions and
    /// mistakes count on.
    ///
    /// # Errors
    /// A key or a secret cannot be read.
    pub fn open(
        settings: &AuthSettings,
        folder: &Path,
        before: Option<&Identities>,
    ) -> Result<Self, Error> {
        let known = before.and_then(|before| before.issuer.as_ref());
        let jwt = settings.jwt.as_ref();
        let issuer = jwt.map(|jwt| Issuer::again(known, jwt.get_ref(), folder));
        let secret = (settings.secret.as_ref()).map(|path| secret(&folder.join(path)));
        let sealed = before.map(|before| &before.tickets);
        let tickets = Tickets::again(sealed, secret.transpose()?.as_deref());
        let queue = |of: fn(&Identities) -> &Arc<HashQueue>| match before {
            Some(before) => of(before).clone(),
            None => Arc::new(HashQueue::new()),
        };
        let accounts = settings.accounts.iter().map(|a| a.get_ref().clone());
        Ok(Identities {
            accounts: Arc::new(accounts.collect()),
            issuer: issuer.transpose()?,
            tickets: tickets.map_err(|_| Error::new("the system provides no random numbers"))?,
            basic: settings.basic,
            mistakes: match before {
                Some(before) => before.mistakes.clone(),
                None => Arc::new(Buckets::new(MISTAKES)),
            },
            proven: Mutex::default(),
            slow: queue(|of| &of.slow),
            slow_again: queue(|of| &of.slow_again),
        })
    }

    /// The user who sends a request; none: anonymous. `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// The response to a request whose credentials are wrong.
    pub async fn person(
        &self,
        route: &Route,
        headers: &HeaderMap,
        address: Option<IpAddr>,
        now: i64,
    ) -> Result<Option<Person>, Response> {
        let seconds = now / 1000;
        let authorization = header_text(headers, "authorization");
        let cookies = header_text(headers, "cookie");
        let in_session = || {
            let ticket = self.session(cookies, seconds).ok();
            ticket.and_then(|ticket| self.holder(&ticket))
        };
        let token = authorization.split_once(' ').map_or("", |(_, token)| token);
        let ticket = (self.tickets).open(TicketUse::Probe, token.trim(), seconds);
        let is_probe = matches!(route, Route::Probe(_));
        if is_probe || route.is_info() {
            // Access tokens are for the probe service only (2.0 §5.1), and in 1.0 for info.json (§4.3).
            if let Some(person) = ticket.as_ref().ok().and_then(|ticket| self.holder(ticket)) {
                return Ok(Some(person));
            }
        } else if matches!(route, Route::Login(_)) {
            return Ok(in_session());
        }
        // Viewers send their access token with all that names the service (1.0 §2.2.2), until they notice that it has expired: it
        // proves nothing elsewhere, and is no wrong secret.
        let authorization = match ticket {
            Err(InvalidTicket::Invalid) => authorization,
            Ok(_) | Err(InvalidTicket::Expired) => "",
        };
        let read = credentials::read(authorization, header_text(headers, "x-api-key"), cookies);
        let person = match read.map_err(|why| self.unauthorized(why)) {
            Ok(None) => Ok(None),
            Ok(Some(Credential::Session(_))) => Ok(in_session()),
            Ok(Some(Credential::Password(..))) if !self.basic => {
                Err(self.unauthorized("HTTP Basic is not supported here"))
            }
            Ok(Some(credential)) => self.prove(&credential, address, now).await.map(Some),
            Err(refused) => Err(refused),
        };
        match person {
            // The probe service says what a request with these credentials would see; wrong ones are as good as none.
            Err(_) if is_probe => Ok(None),
            person => person,
        }
    }

    /// The user of a token or password, sent from `address` at `now`, in milliseconds since 1970.
    ///
    /// # Errors
    /// The response to a secret that belongs to no user, or to too many attempts.
    pub async fn prove(
        &self,
        credential: &Credential,
        address: Option<IpAddr>,
        now: i64,
    ) -> Result<Person, Response> {
        let (user, secret) = match credential {
            Credential::Password(user, secret) => (Some(user.as_str()), secret),
            Credential::Token(secret) => (None, secret),
            Credential::Session(_) => return Err(self.unauthorized("a session is not a token")),
        };
        if let (Some(issuer), None, true) = (&self.issuer, user, jwt::is_one(secret)) {
            let bearer = issuer.verify(secret, now / 1000).await;
            let bearer = bearer
                .map_err(|why| self.unauthorized(&format!("the token is not accepted: {why}")))?;
            return Ok(Person {
                user: bearer.user,
                groups: bearer.groups,
                vouched_until: Some(bearer.ends),
            });
        }
        let client = rate::client(address);
        let name = format!("{}\n{secret}", user.unwrap_or_default());
        let name = digest(&SHA256, name.as_bytes()).as_ref().to_vec();
        if let Some(person) = self.proven().get(&name) {
            return Ok(person.clone());
        }
        let is_new = self.mistakes.is_full(&client, now);
        // Taken before the secret is judged: of many that arrive at once, no more are judged than may be wrong.
        (self.mistakes.take(&client, now)).map_err(rate::too_many_requests)?;
        let judged = match self.look_up(user, secret, is_new).await {
            Ok(judged) => judged,
            Err(busy) => {
                self.mistakes.give_back(&client, now);
                return Err(busy);
            }
        };
        let Some(person) = judged else {
            return Err(self.unauthorized("the token or password is wrong"));
        };
        self.mistakes.give_back(&client, now);
        let mut proven = self.proven();
        if proven.len() >= MOST_PROVEN {
            proven.clear();
        }
        proven.insert(name, person.clone());
        Ok(person)
    }

    /// The user of a secret. Clients without recent mistakes have a queue of their own, which others do not fill.
    async fn look_up(
        &self,
        user: Option<&str>,
        secret: &str,
        is_new: bool,
    ) -> Result<Option<Person>, Response> {
        let accounts = self.accounts.clone();
        let (user, secret) = (user.map(str::to_owned), secret.to_owned());
        let is_slow = accounts::is_slow(&accounts);
        let look = move || {
            let found = accounts::find(&accounts, user.as_deref(), &secret);
            found.map(Person::from)
        };
        if !is_slow {
            return Ok(look());
        }
        let queue = if is_new { &self.slow } else { &self.slow_again };
        let turn = queue.enter().await.ok_or_else(|| {
            error_response(503, "too many logins at once, try again later")
                .with_header("retry-after", "5")
                .with_header("cache-control", "no-store")
        })?;
        let work = move || {
            let found = look();
            drop(turn);
            found
        };
        Ok(tokio::task::spawn_blocking(work).await.ok().flatten())
    }

    fn proven(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Person>> {
        self.proven.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session of a browser at a time in seconds since 1970.
    ///
    /// # Errors
    /// Why there is none; `None`: no cookie was sent.
    pub fn session(&self, cookies: &str, seconds: i64) -> Result<Ticket, Option<InvalidTicket>> {
        // Another server on the host, or this one below another path, may have set one of the same name.
        let mut why = None;
        for sealed in credentials::sessions(cookies) {
            match self.tickets.open(TicketUse::Session, sealed, seconds) {
                Ok(ticket) if self.holder(&ticket).is_some() => return Ok(ticket),
                Ok(_) => why = why.or(Some(InvalidTicket::Expired)),
                Err(invalid) => why = why.or(Some(invalid)),
            }
        }
        Err(why)
    }

    /// The user of a ticket, as the configuration knows the user now; none if the account was removed since.
    pub fn holder(&self, ticket: &Ticket) -> Option<Person> {
        if ticket.vouched {
            return self.issuer.is_some().then(|| Person {
                user: ticket.user.clone(),
                groups: ticket.groups.clone(),
                vouched_until: Some(ticket.ends),
            });
        }
        let mut accounts = self.accounts.iter();
        accounts.find(|a| a.user == ticket.user).map(Person::from)
    }

    fn unauthorized(&self, why: &str) -> Response {
        challenge(error_response(401, why), self.basic).with_header("cache-control", "no-store")
    }
}

/// Reads the secret that sessions are sealed with.
fn secret(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = files::read(path)?;
    match bytes.len() < SHORTEST_SECRET {
        true => Err(Error::new(format!(
            "{}: secret is too short: {} bytes, at least {SHORTEST_SECRET} are needed",
            path.display(),
            bytes.len()
        ))
        .hint(format!("openssl rand -hex 32 > {}", path.display()))),
        false => Ok(bytes),
    }
}
