//! JSON Web Tokens (RFC 7519, 7515, 8725): signature, time, audience and issuer. The key says which algorithm it
//! is for; what a token says of itself can only disagree. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The longest token that is looked at.
const MOST: usize = 16 << 10;

/// Algorithms of RFC 7518 and 8037; `none` is none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256, one secret on both sides.
    HS256,
    /// RSA PKCS#1 v1.5 with SHA-256.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

/// What a token must be, from the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How it is signed.
    pub algorithm: Algorithm,
    /// The file of the key: for HS256 the secret, at least 32 bytes; else a public key in PEM.
    pub key: std::path::PathBuf,
    /// `iss` must be this.
    pub issuer: Option<String>,
    /// `aud` must be or hold this.
    pub audience: Option<String>,
    /// Seconds that clocks may differ by.
    #[serde(default = "leeway")]
    pub leeway: u32,
    /// The claim that names the user.
    #[serde(default = "sub")]
    pub user: String,
    /// The claim that names the user's groups: a list, or words.
    #[serde(default = "groups")]
    pub groups: String,
}

fn leeway() -> u32 {
    30
}

fn sub() -> String {
    "sub".into()
}

fn groups() -> String {
    "groups".into()
}

/// A key that tokens are held against.
pub enum Key {
    /// The secret of HS256.
    Secret(hmac::Key),
    /// A public key as its algorithm takes it.
    Public(&'static dyn VerificationAlgorithm, Vec<u8>),
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The user.
    pub user: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// When it expires, seconds since 1970.
    pub ends: i64,
}

impl Key {
    /// Reads the file of a key.
    pub fn read(algorithm: Algorithm, file: &[u8]) -> Result<Self, String> {
        if algorithm == Algorithm::HS256 {
            let secret = file.strip_suffix(b"\n").unwrap_or(file);
            return match (secret.len(), secret.starts_with(b"-----BEGIN")) {
                // Whoever knows a public key could sign with it.
                (_, true) => Err("is a key in PEM, HS256 takes a secret".into()),
                (..32, _) => Err("is shorter than the 32 bytes that HS256 asks for".into()),
                _ => Ok(Key::Secret(hmac::Key::new(hmac::HMAC_SHA256, secret))),
            };
        }
        let text = std::str::from_utf8(file).map_err(|_| "is no public key in PEM")?;
        let der = pem(text).ok_or("is no public key in PEM (`-----BEGIN PUBLIC KEY-----`)")?;
        let (oid, key) = public_key(&der).ok_or("is no public key that can be read")?;
        let (wanted, kind): (&[u8], &'static dyn VerificationAlgorithm) = match algorithm {
            Algorithm::RS256 => (RSA, &RSA_PKCS1_2048_8192_SHA256),
            Algorithm::ES256 => (P256, &ECDSA_P256_SHA256_FIXED),
            Algorithm::EdDSA | Algorithm::HS256 => (EDWARDS, &ED25519),
        };
        match oid.starts_with(wanted) {
            true => Ok(Key::Public(kind, key.to_vec())),
            false => Err(format!("is a key of another kind than {algorithm:?} takes")),
        }
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Key::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Key::Public(kind, key) => UnparsedPublicKey::new(*kind, key)
                .verify(message, signature)
                .is_ok(),
        }
    }
}

/// Whether a text has the shape of a token.
pub fn is_one(text: &str) -> bool {
    text.matches('.').count() == 2 && text.starts_with("ey")
}

/// Whose token it is at a time, in seconds since 1970, or why it is nobody's.
pub fn verify(
    token: &str,
    key: &Key,
    settings: &Settings,
    now: i64,
) -> Result<Bearer, &'static str> {
    if token.len() > MOST {
        return Err("it is too long");
    }
    let (message, signature) = token.rsplit_once('.').ok_or("it is no token")?;
    let (head, claims) = message.split_once('.').ok_or("it is no token")?;
    let head = object(head).ok_or("its head cannot be read")?;
    let algorithm = head.get("alg").and_then(Value::as_str);
    if algorithm != Some(&format!("{:?}", settings.algorithm)) {
        return Err("it is signed in another way");
    }
    if head.contains_key("crit") {
        return Err("it asks for what is not understood");
    }
    let signature = URL_SAFE_NO_PAD.decode(signature);
    let signature = signature.map_err(|_| "its signature cannot be read")?;
    if !key.has_signed(message.as_bytes(), &signature) {
        return Err("its signature is wrong");
    }
    let claims = object(claims).ok_or("its claims cannot be read")?;
    judge(&claims, settings, now)?;
    let user = claims.get(&settings.user).and_then(Value::as_str);
    let user = user.filter(|user| !user.is_empty());
    Ok(Bearer {
        user: user.ok_or("it names no user")?.to_owned(),
        groups: words(claims.get(&settings.groups)),
        // `judge` has found a number there; a cast stops at the integer's ends.
        ends: claims
            .get("exp")
            .and_then(Value::as_f64)
            .unwrap_or_default() as i64,
    })
}

fn judge(claims: &Map<String, Value>, settings: &Settings, now: i64) -> Result<(), &'static str> {
    let leeway = f64::from(settings.leeway);
    let now = now as f64;
    let time = |name: &str| claims.get(name).map(|v| v.as_f64());
    match time("exp") {
        Some(Some(end)) if now < end + leeway => {}
        Some(Some(_)) => return Err("it has expired"),
        _ => return Err("it never expires"),
    }
    match time("nbf") {
        None => {}
        Some(Some(start)) if now + leeway >= start => {}
        Some(_) => return Err("it is not valid yet"),
    }
    let issuer = claims.get("iss").and_then(Value::as_str);
    if settings.issuer.is_some() && issuer != settings.issuer.as_deref() {
        return Err("it is from somebody else");
    }
    let audience = match claims.get("aud") {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one.as_str()],
        _ => Vec::new(),
    };
    match &settings.audience {
        Some(wanted) if !audience.contains(&wanted.as_str()) => Err("it is for somebody else"),
        // RFC 7519 §4.1.3: who is not named must not take it.
        None if claims.contains_key("aud") => Err("it is for somebody else"),
        _ => Ok(()),
    }
}

fn words(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(all)) => {
            let texts = all.iter().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        }
        Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Object identifiers as DER has them, of RSA, P-256 (with that of elliptic curves before it) and Ed25519.
const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const P256: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const EDWARDS: &[u8] = b"\x06\x03\x2b\x65\x70";

fn pem(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once("-----BEGIN PUBLIC KEY-----")?;
    let (body, _) = rest.split_once("-----END PUBLIC KEY-----")?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}

/// Algorithm and key of a SubjectPublicKeyInfo (RFC 5280 §4.1): `SEQUENCE { SEQUENCE { OID … }, BIT STRING }`.
fn public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (info, rest) = element(der, 0x30)?;
    let (algorithm, after) = element(info, 0x30)?;
    let (bits, end) = element(after, 0x03)?;
    let (unused, key) = bits.split_first()?;
    (rest.is_empty() && end.is_empty() && *unused == 0).then_some((algorithm, key))
}

/// The content of the first element, which has this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits.iter().fold(0, |n, d| n << 8 | usize::from(*d));
            (length, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}
