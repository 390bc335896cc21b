//! Sessions and access tokens: sealed by the server's key, so that it needs to remember none of them and nobody
//! else can read or make one. What was logged out is remembered until it would have ended by itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::error::Unspecified;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

/// What a ticket is good for; one is never taken for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A cookie: whoever has it is its user.
    Session,
    /// An access token of IIIF: opens the probe service and nothing else.
    Probe,
}

/// What is sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The session, the same in its access tokens.
    pub session: String,
    /// Whose it is.
    pub user: String,
    /// The groups of that user when it was made.
    pub groups: Vec<String>,
    /// Whether somebody else vouched for the user, so that no account need hold it.
    pub vouched: bool,
    /// The sites that may get access tokens.
    pub origins: Vec<String>,
    /// When it ends, seconds since 1970.
    pub ends: i64,
}

/// Why a ticket is no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// It is none of ours.
    Invalid,
    /// It was good once.
    Expired,
}

/// The key, and what was logged out.
#[derive(Debug)]
pub struct Tickets {
    key: LessSafeKey,
    random: SystemRandom,
    ended: Mutex<HashMap<String, i64>>,
}

impl Tickets {
    /// Tickets under a secret, or under a key that ends with the program.
    pub fn new(secret: Option<&[u8]>) -> Result<Self, Unspecified> {
        let random = SystemRandom::new();
        let mut key = [0; 32];
        match secret {
            Some(secret) => key.copy_from_slice(digest(&SHA256, secret).as_ref()),
            None => random.fill(&mut key)?,
        }
        Ok(Tickets {
            key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key)?),
            random,
            ended: Mutex::default(),
        })
    }

    /// A name that nobody guesses.
    pub fn name(&self) -> Result<String, Unspecified> {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes)?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Seals a ticket: letters, digits, `-` and `_`.
    pub fn seal(&self, of: Use, ticket: &Ticket) -> Result<String, Unspecified> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce)?;
        let mut text = serde_json::to_vec(ticket).map_err(|_| Unspecified)?;
        let bound = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(bound, of.aad(), &mut text)?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &text].concat()))
    }

    /// Opens a ticket at a time, in seconds since 1970.
    pub fn open(&self, of: Use, sealed: &str, now: i64) -> Result<Ticket, Void> {
        let mut bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| Void::Invalid)?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN).ok_or(Void::Invalid)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Void::Invalid)?;
        let text = self.key.open_in_place(nonce, of.aad(), text);
        let text = text.map_err(|_| Void::Invalid)?;
        let ticket: Ticket = serde_json::from_slice(text).map_err(|_| Void::Invalid)?;
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        match ticket.ends <= now || ended.contains_key(&ticket.session) {
            true => Err(Void::Expired),
            false => Ok(ticket),
        }
    }

    /// Ends a session and its access tokens.
    pub fn end(&self, ticket: &Ticket, now: i64) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, ends| *ends > now);
        ended.insert(ticket.session.clone(), ticket.ends);
    }
}

impl Use {
    fn aad(self) -> Aad<&'static [u8]> {
        Aad::from(match self {
            Use::Session => b"session",
            Use::Probe => b"probe",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_open_for_their_use_in_their_time_under_their_key() {
        let tickets = Tickets::new(None).unwrap();
        let ticket = Ticket {
            session: tickets.name().unwrap(),
            user: "anna".into(),
            ends: 100,
            ..Ticket::default()
        };
        let sealed = tickets.seal(Use::Session, &ticket).unwrap();
        assert!(!sealed.contains("anna"));
        assert_eq!(tickets.open(Use::Session, &sealed, 99), Ok(ticket.clone()));
        assert_eq!(tickets.open(Use::Session, &sealed, 100), Err(Void::Expired));
        assert_eq!(tickets.open(Use::Probe, &sealed, 99), Err(Void::Invalid));
        for n in 0..sealed.len() {
            let mut torn = sealed.clone().into_bytes();
            torn[n] = if torn[n] == b'A' { b'B' } else { b'A' };
            let torn = String::from_utf8(torn).unwrap();
            assert_eq!(tickets.open(Use::Session, &torn, 99), Err(Void::Invalid));
            let cut = tickets.open(Use::Session, &sealed[..n], 99);
            assert_eq!(cut, Err(Void::Invalid));
        }
        let [a, b] = [0, 1].map(|_| Tickets::new(Some(b"secret")).unwrap());
        let sealed = a.seal(Use::Session, &ticket).unwrap();
        assert_eq!(b.open(Use::Session, &sealed, 99), Ok(ticket.clone()));
        assert!(tickets.open(Use::Session, &sealed, 99).is_err());
        a.end(&ticket, 99);
        assert_eq!(a.open(Use::Session, &sealed, 99), Err(Void::Expired));
    }
}
