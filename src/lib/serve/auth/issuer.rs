//! The keys of an identity provider: from a file, or from the URL at which it publishes them (JWKS). These are asked for again
//! when a token names a key that is not among them, at most once a minute, and every hour, so that the provider may change them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::jwt::{self, Bearer, Key, Settings};
use crate::error::Error;
use crate::files;
use crate::http::webhook::Webhook;

/// The longest set of keys, in bytes.
const MOST: usize = 1 << 20;
/// How long the provider may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Keys that are not known are asked for at most so often.
const AGAIN: Duration = Duration::from_secs(60);
/// All keys are asked for so often.
const EVERY: Duration = Duration::from_secs(3600);

/// What tokens must be, and the keys that they are checked with.
#[derive(Debug)]
pub struct Issuer {
    settings: Settings,
    keys: Keys,
}

#[derive(Debug)]
enum Keys {
    File(Arc<Key>),
    Published(Box<Published>),
}

#[derive(Debug)]
struct Published {
    service: Webhook,
    held: Mutex<Held>,
}

/// The keys as they were published last.
#[derive(Debug, Default)]
struct Held {
    key: Option<Arc<Key>>,
    asked: Option<Instant>,
}

impl Issuer {
    /// An issuer whose keys are read now, if they are in a file; its path is relative to `folder`.
    ///
    /// # Errors
    /// The file holds no key for the algorithm, or the URL is not one of which keys may come.
    pub fn open(settings: &Settings, folder: &Path) -> Result<Self, Error> {
        let place = settings.key.to_string_lossy();
        let keys = match place.contains("://") {
            true => {
                check_url(&place, settings)?;
                Keys::Published(Box::new(Published {
                    service: Webhook::new(&place, TIMEOUT)?,
                    held: Mutex::default(),
                }))
            }
            false => {
                let path = folder.join(&settings.key);
                let key = Key::read(settings.algorithm, &files::read(&path)?);
                Keys::File(Arc::new(
                    key.map_err(|why| Error::new(format!("{}: {why}", path.display())))?,
                ))
            }
        };
        Ok(Issuer {
            settings: settings.clone(),
            keys,
        })
    }

    /// Whose token it is at a time, in seconds since 1970.
    ///
    /// # Errors
    /// Why it is nobody's.
    pub async fn verify(&self, token: &str, now: i64) -> Result<Bearer, &'static str> {
        let judge = |key: &Key| jwt::verify(token, key, &self.settings, now);
        let published = match &self.keys {
            Keys::File(key) => return judge(key),
            Keys::Published(published) => published,
        };
        let mut held = published.held.lock().await;
        if held.is_older_than(EVERY) {
            held.renew(&published.service, &self.settings).await;
        }
        let judged = held.key.as_deref().map(judge);
        match judged {
            // A single key may have been changed for another one.
            Some(Err(jwt::UNKNOWN_KEY | jwt::WRONG_SIGNATURE)) | None
                if held.is_older_than(AGAIN) =>
            {
                held.renew(&published.service, &self.settings).await;
                let key = held.key.as_deref();
                key.map_or(Err("the keys of its issuer cannot be had"), judge)
            }
            judged => judged.unwrap_or(Err("the keys of its issuer cannot be had")),
        }
    }
}

impl Held {
    fn is_older_than(&self, age: Duration) -> bool {
        self.asked.is_none_or(|asked| asked.elapsed() >= age)
    }

    /// Asks for the keys. Where that fails those from before stay.
    async fn renew(&mut self, service: &Webhook, settings: &Settings) {
        self.asked = Some(Instant::now());
        let answer = service.get(MOST).await;
        let key = answer.and_then(|set| Key::read(settings.algorithm, &set));
        match key {
            Ok(key) => self.key = Some(Arc::new(key)),
            Err(why) => eprintln!("recto-serve: {}: {why}", settings.key.display()),
        }
    }
}

/// Keys that anybody on the way could replace let anybody in.
fn check_url(place: &str, settings: &Settings) -> Result<(), Error> {
    let url = url::Url::parse(place).ok();
    let is_safe = url.as_ref().is_some_and(|url| match url.scheme() {
        "https" => true,
        "http" => matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")),
        _ => false,
    });
    if settings.algorithm == jwt::Algorithm::HS256 {
        return Err(Error::new(format!(
            "{place}: HS256 takes a secret, which is not published"
        )));
    }
    match is_safe {
        true => Ok(()),
        false => Err(Error::new(format!(
            "{place}: keys are fetched by https, or by http from this machine"
        ))),
    }
}
