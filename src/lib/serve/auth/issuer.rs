//! The keys of an identity provider: from a file, or from the URL at which it publishes them (JWKS). These are asked for again
//! after as long as the provider says, after SIGHUP, and when a token names a key that is not among them, so that the provider may
//! add keys and withdraw them. A provider that does not answer leaves its keys as they were, for a day.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use super::jwt::{self, Bearer, Key, Settings};
use crate::error::Error;
use crate::files;
use crate::http::webhook::Webhook;
use crate::serve::notice;

/// The longest set of keys, in bytes.
const MOST: usize = 1 << 20;
/// How long the provider may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Keys are asked for at most so often, whatever a token names, however short the provider says, and after it did not answer.
const AGAIN: Duration = Duration::from_secs(60);
/// Keys are asked for so often if the provider does not say for how long they hold.
const USUALLY: Duration = Duration::from_secs(300);
/// Keys are asked for at least so often, whatever the provider says.
const AT_LEAST: Duration = Duration::from_secs(3600);
/// For so long keys hold that cannot be asked for again.
const HELD: Duration = Duration::from_secs(24 * 3600);

/// What tokens must be, and the keys that they are checked with.
#[derive(Debug)]
pub struct Issuer {
    settings: Settings,
    keys: Keys,
}

#[derive(Debug)]
enum Keys {
    File(Box<KeyFile>),
    Published(Box<Published>),
}

/// A file with keys, and what was in it when it was last read.
#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    algorithm: jwt::Algorithm,
    held: RwLock<Arc<Key>>,
}

impl KeyFile {
    fn read(path: &Path, algorithm: jwt::Algorithm) -> Result<Arc<Key>, Error> {
        let key = Key::read(algorithm, &files::read(path)?);
        key.map(Arc::new)
            .map_err(|why| Error::new(format!("{}: {why}", path.display())))
    }

    fn key(&self) -> Arc<Key> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }
}

#[derive(Debug)]
struct Published {
    service: Webhook,
    held: Mutex<Held>,
    /// Held by whoever asks the provider.
    asking: tokio::sync::Mutex<()>,
}

/// The keys as they were published last.
#[derive(Debug, Default)]
struct Held {
    key: Option<Arc<Key>>,
    /// When they were published so.
    read: Option<Instant>,
    /// When they were asked for, with or without success.
    asked: Option<Instant>,
    /// How long after that it is time to ask again.
    every: Duration,
    /// How often they were called back (SIGHUP), after which no token is judged before they were asked for again.
    called_back: u64,
    /// How many of these were before they were asked for last.
    settled: u64,
}

impl Issuer {
    /// The issuer from before, whose keys are read again, if the settings are the same; else a new one.
    ///
    /// # Errors
    /// Those of [`Issuer::open`].
    pub fn again(
        before: Option<&Arc<Self>>,
        settings: &Settings,
        folder: &Path,
    ) -> Result<Arc<Self>, Error> {
        match before.filter(|before| before.settings == *settings) {
            Some(before) => before.read_again().map(|()| before.clone()),
            None => Issuer::open(settings, folder).map(Arc::new),
        }
    }

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
                    asking: tokio::sync::Mutex::default(),
                }))
            }
            false => {
                let path = folder.join(&settings.key);
                let key = KeyFile::read(&path, settings.algorithm)?;
                Keys::File(Box::new(KeyFile {
                    path,
                    algorithm: settings.algorithm,
                    held: RwLock::new(key),
                }))
            }
        };
        Ok(Issuer {
            settings: settings.clone(),
            keys,
        })
    }

    /// Reads the keys again, which may have been withdrawn: those in a file at once, those of a URL with the next token.
    ///
    /// # Errors
    /// The file holds no key for the algorithm; those from before stay.
    pub fn read_again(&self) -> Result<(), Error> {
        match &self.keys {
            Keys::File(file) => {
                let key = KeyFile::read(&file.path, file.algorithm)?;
                *file.held.write().unwrap_or_else(PoisonError::into_inner) = key;
            }
            Keys::Published(published) => published.held().called_back += 1,
        }
        Ok(())
    }

    /// Whose token it is at a time, in seconds since 1970.
    ///
    /// # Errors
    /// Why it is nobody's.
    pub async fn verify(&self, token: &str, now: i64) -> Result<Bearer, &'static str> {
        let judge = |key: &Key| jwt::verify(token, key, &self.settings, now);
        let published = match &self.keys {
            Keys::File(file) => return judge(&file.key()),
            Keys::Published(published) => published,
        };
        let judged = self.key(published, false).await.as_deref().map(judge);
        let judged = match judged {
            // A single key may have been changed for another one.
            Some(Err(jwt::UNKNOWN_KEY | jwt::WRONG_SIGNATURE)) | None => {
                self.key(published, true).await.as_deref().map(judge)
            }
            judged => judged,
        };
        judged.unwrap_or(Err("the keys of its issuer could not be fetched"))
    }

    /// The keys of the provider, which are asked for again where it is time, or where the newest are wanted. Only who has to have
    /// these waits while somebody asks: for the others those from before serve.
    async fn key(&self, published: &Published, newest: bool) -> Option<Arc<Key>> {
        let asking = match newest || published.must_wait() {
            true => Some(published.asking.lock().await),
            false => published.asking.try_lock().ok(),
        };
        if asking.is_some() && published.begins(newest) {
            published.renew(&self.settings).await;
        }
        published.key()
    }
}

impl Published {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys, unless they were published too long ago.
    fn key(&self) -> Option<Arc<Key>> {
        let held = self.held();
        let is_held = held.read.is_some_and(|read| read.elapsed() < HELD);
        held.key.clone().filter(|_| is_held)
    }

    /// Whether there are no keys that serve while somebody asks.
    fn must_wait(&self) -> bool {
        let is_called_back = {
            let held = self.held();
            held.called_back > held.settled
        };
        is_called_back || self.key().is_none()
    }

    /// Whether it is time to ask, which from then on counts as done.
    fn begins(&self, newest: bool) -> bool {
        let mut held = self.held();
        let age = if newest { AGAIN } else { held.every };
        let is_due = held.called_back > held.settled
            || held.asked.is_none_or(|asked| asked.elapsed() >= age);
        if is_due {
            held.asked = Some(Instant::now());
            if held.key.is_some() {
                // Whoever asks may be gone before the answer.
                held.every = AGAIN;
            }
        }
        is_due
    }

    /// Asks for the keys. Where that fails those from before stay.
    async fn renew(&self, settings: &Settings) {
        let called_back = self.held().called_back;
        let answer = self.service.get(MOST).await;
        let read = answer.and_then(|(set, age)| {
            let key = Key::read(settings.algorithm, &set)?;
            Ok((key, age.unwrap_or(USUALLY).clamp(AGAIN, AT_LEAST)))
        });
        let mut held = self.held();
        held.settled = called_back;
        match read {
            Ok((key, every)) => {
                held.key = Some(Arc::new(key));
                held.read = Some(Instant::now());
                held.every = every;
            }
            Err(why) => {
                held.every = AGAIN;
                let place = settings.key.display();
                let kept = match held.read.map(|read| read.elapsed()) {
                    None => "",
                    Some(age) if age < HELD => "; the keys from before hold, for a day at most",
                    Some(_) => "; the keys from before are a day old and hold no more",
                };
                notice::print(&format!("{place}: {why}{kept}"));
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use recto_testkit::gate::Gate;
    use recto_testkit::server::{Answer, Server};
    use ring::rand::SystemRandom;
    use ring::signature::{Ed25519KeyPair, KeyPair as _};
    use serde_json::json;

    /// Longer than a test waits for anything.
    const LONG: Duration = Duration::from_secs(120);

    /// A provider with a key `a` and another one, whose answers pass a gate.
    struct Provider {
        pair: Ed25519KeyPair,
        gate: Arc<Gate>,
        server: Server,
        issuer: Arc<Issuer>,
    }

    impl Provider {
        fn start(gate: Arc<Gate>) -> Self {
            let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
            let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
            let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
            let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "use": "sig", "alg": "EdDSA", "x": x});
            // A key that is alone is tried whatever a token names.
            let mut other = jwk.clone();
            other["kid"] = json!("z");
            let set = json!({"keys": [jwk, other]}).to_string().into_bytes();
            let passed = gate.clone();
            let server = Server::start(move |_, _| {
                passed.pass();
                Answer::Serve(set.clone(), "application/json")
            });
            let url = server.url("/keys");
            let settings = json!({"algorithm": "EdDSA", "key": url});
            let issuer = Issuer {
                settings: serde_json::from_value(settings).unwrap(),
                keys: Keys::Published(Box::new(Published {
                    service: Webhook::new(&url, LONG).unwrap(),
                    held: Mutex::default(),
                    asking: tokio::sync::Mutex::default(),
                })),
            };
            Provider {
                pair,
                gate,
                server,
                issuer: Arc::new(issuer),
            }
        }

        /// A token that names a key, signed by the one of the provider.
        fn token(&self, kid: &str) -> String {
            let head = json!({"alg": "EdDSA", "kid": kid}).to_string();
            let claims = json!({"sub": "dora", "exp": 1000}).to_string();
            let message = format!(
                "{}.{}",
                URL_SAFE_NO_PAD.encode(head),
                URL_SAFE_NO_PAD.encode(claims)
            );
            let signature = self.pair.sign(message.as_bytes());
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
        }

        /// Begins to verify a token.
        fn verify(&self, kid: &str) -> tokio::task::JoinHandle<Result<Bearer, &'static str>> {
            let (issuer, token) = (self.issuer.clone(), self.token(kid));
            tokio::spawn(async move { issuer.verify(&token, 0).await })
        }

        /// As if the provider had been asked long ago.
        fn forget_when_it_was_asked(&self) {
            let Keys::Published(published) = &self.issuer.keys else {
                unreachable!("its keys are published");
            };
            published.held().asked = None;
        }

        /// Waits until the provider holds a request.
        async fn is_asked(&self) {
            while self.gate.held() == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn tokens_of_known_keys_do_not_wait_for_the_provider() {
        // Who asks, and what becomes of it: a token of a key that nobody knows, one of a known key after an hour.
        let cases = [("b", Err(jwt::UNKNOWN_KEY)), ("a", Ok("dora"))];
        for (asks, wanted) in cases {
            let provider = Provider::start(Gate::after(1));
            assert!(provider.verify("a").await.unwrap().is_ok());
            provider.forget_when_it_was_asked();
            let asking = provider.verify(asks);
            provider.is_asked().await;
            // The provider answers only after all of these.
            let others: Vec<_> = (0..20).map(|_| provider.verify("a")).collect();
            for other in others {
                assert!(other.await.unwrap().is_ok(), "while {asks} asks");
            }
            assert!(!asking.is_finished(), "{asks} is answered by nobody");
            provider.gate.open();
            let found = asking.await.unwrap();
            let found = found.as_ref().map(|bearer| bearer.user.as_str());
            assert_eq!(found.map_err(|why| *why), wanted);
            assert_eq!(provider.server.hits("/keys"), 2);
        }
    }

    #[test]
    fn keys_hold_as_long_as_the_provider_says_within_bounds() {
        let ago = |seconds: u64| Instant::now().checked_sub(Duration::from_secs(seconds));
        let published = Published {
            service: Webhook::new("http://127.0.0.1:1/", LONG).unwrap(),
            held: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        };
        let key = Key::read(jwt::Algorithm::HS256, &[7; 32]).unwrap();
        published.held().key = Some(Arc::new(key));
        // When they were asked for, how long they hold, whether the newest are wanted, and whether they are asked for now.
        let cases = [
            (30, 60, false, false),
            (30, 60, true, false),
            (61, 300, true, true),
            (61, 300, false, false),
            (301, 300, false, true),
        ];
        for (asked, every, newest, wanted) in cases {
            published.held().asked = ago(asked);
            published.held().every = Duration::from_secs(every);
            assert_eq!(published.begins(newest), wanted, "{asked} {every}");
        }
        assert!(!published.begins(false), "they are asked for now");
        published.held().called_back = 1;
        assert!(published.must_wait() && published.begins(false));
        published.held().settled = 1;
        for (read, wanted) in [(HELD.as_secs() - 60, true), (HELD.as_secs() + 1, false)] {
            published.held().read = ago(read);
            assert_eq!(published.key().is_some(), wanted, "{read}");
            assert_eq!(published.must_wait(), !wanted, "{read}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn tokens_that_arrive_before_the_keys_ask_once() {
        let provider = Provider::start(Gate::closed());
        let tokens: Vec<_> = (0..20).map(|_| provider.verify("a")).collect();
        provider.is_asked().await;
        provider.gate.open();
        for token in tokens {
            assert!(token.await.unwrap().is_ok());
        }
        assert_eq!(provider.server.hits("/keys"), 1);
    }
}
