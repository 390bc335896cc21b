//! The users of the configuration and the hashes of their secrets: Argon2id, which is slow on purpose, or SHA-256 for
//! secrets that are long and random.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Deserializer, de};
use subtle::ConstantTimeEq as _;

use crate::error::Error;

/// A user of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The name.
    pub user: String,
    /// The groups of the user.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The hash of the token, key or password.
    pub token: SecretHash,
}

/// The hash of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretHash {
    /// Argon2id in PHC string format: `$argon2id$v=19$…`.
    Slow(String),
    /// SHA-256 of a long random secret.
    Quick([u8; 32]),
}

impl SecretHash {
    /// Reads `$argon2id$…` or `sha256:` with 64 hexadecimal digits.
    ///
    /// # Errors
    /// The text is neither; it is not repeated, since it may be the secret itself.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(digits) = text.strip_prefix("sha256:") {
            return unhex(digits)
                .map(SecretHash::Quick)
                .ok_or_else(|| "`sha256:` is not followed by 64 hexadecimal digits".into());
        }
        let is_hash = PasswordHash::new(text).is_ok_and(|h| h.hash.is_some());
        match is_hash && text.starts_with("$argon2") {
            true => Ok(SecretHash::Slow(text.to_owned())),
            false => Err(
                "token is neither `$argon2id$…` nor `sha256:…`; `recto-serve --hash-token` makes one"
                    .into(),
            ),
        }
    }

    /// Whether it is the hash of a secret. Takes the same time whether it is or not.
    pub fn is_of(&self, secret: &str) -> bool {
        match self {
            SecretHash::Quick(held) => {
                let made = digest(&SHA256, secret.as_bytes());
                held.ct_eq(made.as_ref()).into()
            }
            SecretHash::Slow(held) => {
                let held = PasswordHash::new(held);
                held.is_ok_and(|h| {
                    Argon2::default()
                        .verify_password(secret.as_bytes(), &h)
                        .is_ok()
                })
            }
        }
    }
}

impl<'de> Deserialize<'de> for SecretHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SecretHash::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// The account with this secret, of one user if a name is given, else of any. All are tried even after one is found, so
/// that the time reveals nothing.
pub fn find<'a>(accounts: &'a [Account], user: Option<&str>, secret: &str) -> Option<&'a Account> {
    let named = |a: &&Account| user.is_none_or(|user| a.user == user);
    let mut found = None;
    for account in accounts.iter().filter(named) {
        if account.token.is_of(secret) {
            found = found.or(Some(account));
        }
    }
    found
}

/// Whether checking a secret takes long.
pub fn is_slow(accounts: &[Account]) -> bool {
    accounts
        .iter()
        .any(|a| matches!(a.token, SecretHash::Slow(_)))
}

/// The hash of a secret for the configuration: Argon2id with a random salt.
///
/// # Errors
/// The secret is empty or has several lines, or cannot be hashed.
pub fn hash(secret: &str) -> Result<String, Error> {
    match secret.is_empty() || secret.contains('\n') {
        true => Err(
            Error::usage("--hash-token needs one token on one line of standard input")
                .hint("openssl rand -hex 32 | recto-serve --hash-token"),
        ),
        false => Argon2::default()
            .hash_password(secret.as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|e| Error::new("the token cannot be hashed").because(e)),
    }
}

fn unhex(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * n..2 * n + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: &str = "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"; // secret

    #[test]
    fn secrets_are_recognized_by_their_hashes() {
        let slow = hash("secret").unwrap();
        assert!(slow.starts_with("$argon2id$v=19$"));
        assert_ne!(hash("secret").unwrap(), slow, "a salt of its own");
        for hash in [&*slow, QUICK] {
            let hash = SecretHash::parse(hash).unwrap();
            assert!(hash.is_of("secret"));
            assert!(!hash.is_of("Secret") && !hash.is_of("") && !hash.is_of("secret "));
        }
        assert!(hash("").is_err() && hash("a\nb").is_err());
    }

    #[test]
    fn invalid_hashes_are_refused_and_not_repeated() {
        let bad = [
            "",
            "hunter2",
            "sha256:",
            "sha256:zz",
            "$argon2id$",
            "$1$a$b",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ",
        ];
        for text in bad {
            let why = SecretHash::parse(text).unwrap_err();
            assert!(text.is_empty() || !why.contains("hunter2"), "{why}");
        }
        assert!(SecretHash::parse(&format!("sha256:{}", "é".repeat(32))).is_err());
    }

    #[test]
    fn a_name_narrows_whose_secret_it_is() {
        let account = |user: &str| Account {
            user: user.into(),
            groups: Vec::new(),
            token: SecretHash::parse(QUICK).unwrap(),
        };
        let accounts = [account("anna"), account("ben")];
        let found = |user, secret| find(&accounts, user, secret).map(|a| &*a.user);
        assert_eq!(found(None, "secret"), Some("anna"));
        assert_eq!(found(Some("ben"), "secret"), Some("ben"));
        assert_eq!(found(Some("carl"), "secret"), None);
        assert_eq!(found(None, "other"), None);
    }
}
