//! Sessions and access tokens: encrypted with the server's key, so that the server need not store them and nobody else
//! can read or forge one. Sessions that were logged out are remembered until they would have expired.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::error::Unspecified;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

/// What a ticket is for; one kind is never accepted as the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketUse {
    /// The cookie of a session.
    Session,
    /// An access token of IIIF, for the probe service only.
    Probe,
}

/// The content of a session or an access token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The id of the session, the same in its access tokens.
    pub session: String,
    /// The user.
    pub user: String,
    /// The groups of the user when the ticket was issued.
    pub groups: Vec<String>,
    /// Whether the user logged in with a JWT, and so needs no account.
    pub vouched: bool,
    /// The origins of sites that may get access tokens.
    pub origins: Vec<String>,
    /// When it expires, in seconds since 1970.
    pub ends: i64,
}

/// Why a ticket is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidTicket {
    /// It was not issued by this server, or was changed.
    Invalid,
    /// It has expired, or the session was logged out.
    Expired,
}

/// The key, and the sessions that were logged out.
#[derive(Debug)]
pub struct Tickets {
    key: LessSafeKey,
    random: SystemRandom,
    ended: Mutex<HashMap<String, i64>>,
    /// What tells the secret of the key from others; none for a random key.
    mark: Option<Vec<u8>>,
}

impl Tickets {
    /// Tickets under a secret, or under a random key that is lost when the program ends.
    ///
    /// # Errors
    /// The system provides no random numbers.
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
            mark: secret.map(mark),
        })
    }

    /// Those from before, with the sessions that were logged out, if the secret is the same; else new ones.
    ///
    /// # Errors
    /// The system provides no random numbers.
    pub fn again(
        before: Option<&Arc<Self>>,
        secret: Option<&[u8]>,
    ) -> Result<Arc<Self>, Unspecified> {
        match before.filter(|before| before.mark == secret.map(mark)) {
            Some(before) => Ok(before.clone()),
            None => Tickets::new(secret).map(Arc::new),
        }
    }

    /// A session id that cannot be guessed.
    ///
    /// # Errors
    /// The system provides no random numbers.
    pub fn name(&self) -> Result<String, Unspecified> {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes)?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Encrypts a ticket: letters, digits, `-` and `_`.
    ///
    /// # Errors
    /// The system provides no random numbers.
    pub fn seal(&self, of: TicketUse, ticket: &Ticket) -> Result<String, Unspecified> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce)?;
        let mut text = serde_json::to_vec(ticket).map_err(|_| Unspecified)?;
        let bound = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(bound, of.aad(), &mut text)?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &text].concat()))
    }

    /// Decrypts a ticket and checks it at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn open(&self, of: TicketUse, sealed: &str, now: i64) -> Result<Ticket, InvalidTicket> {
        let mut bytes = URL_SAFE_NO_PAD
            .decode(sealed)
            .map_err(|_| InvalidTicket::Invalid)?;
        let (nonce, text) = bytes
            .split_at_mut_checked(NONCE_LEN)
            .ok_or(InvalidTicket::Invalid)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| InvalidTicket::Invalid)?;
        let text = self.key.open_in_place(nonce, of.aad(), text);
        let text = text.map_err(|_| InvalidTicket::Invalid)?;
        let ticket: Ticket = serde_json::from_slice(text).map_err(|_| InvalidTicket::Invalid)?;
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        match ticket.ends <= now || ended.contains_key(&ticket.session) {
            true => Err(InvalidTicket::Expired),
            false => Ok(ticket),
        }
    }

    /// Ends a session and its access tokens at `now`, in seconds since 1970.
    pub fn end(&self, ticket: &Ticket, now: i64) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, ends| *ends > now);
        ended.insert(ticket.session.clone(), ticket.ends);
    }
}

/// Tells a secret from others, and tells nothing about the key that is made of it.
fn mark(secret: &[u8]) -> Vec<u8> {
    let key = digest(&SHA256, secret);
    digest(&SHA256, key.as_ref()).as_ref().to_vec()
}

impl TicketUse {
    fn aad(self) -> Aad<&'static [u8]> {
        Aad::from(match self {
            TicketUse::Session => b"session",
            TicketUse::Probe => b"probe",
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
        let sealed = tickets.seal(TicketUse::Session, &ticket).unwrap();
        assert!(!sealed.contains("anna"));
        assert_eq!(
            tickets.open(TicketUse::Session, &sealed, 99),
            Ok(ticket.clone())
        );
        assert_eq!(
            tickets.open(TicketUse::Session, &sealed, 100),
            Err(InvalidTicket::Expired)
        );
        assert_eq!(
            tickets.open(TicketUse::Probe, &sealed, 99),
            Err(InvalidTicket::Invalid)
        );
        for n in 0..sealed.len() {
            let mut torn = sealed.clone().into_bytes();
            torn[n] = if torn[n] == b'A' { b'B' } else { b'A' };
            let torn = String::from_utf8(torn).unwrap();
            assert_eq!(
                tickets.open(TicketUse::Session, &torn, 99),
                Err(InvalidTicket::Invalid)
            );
            let cut = tickets.open(TicketUse::Session, &sealed[..n], 99);
            assert_eq!(cut, Err(InvalidTicket::Invalid));
        }
        let [a, b] = [0, 1].map(|_| Tickets::new(Some(b"secret")).unwrap());
        let sealed = a.seal(TicketUse::Session, &ticket).unwrap();
        assert_eq!(b.open(TicketUse::Session, &sealed, 99), Ok(ticket.clone()));
        assert!(tickets.open(TicketUse::Session, &sealed, 99).is_err());
        a.end(&ticket, 99);
        assert_eq!(
            a.open(TicketUse::Session, &sealed, 99),
            Err(InvalidTicket::Expired)
        );
    }
}
