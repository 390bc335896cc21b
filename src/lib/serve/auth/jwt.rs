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

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    };
    use serde_json::json;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const NOW: i64 = 1_000_000;

    fn settings(algorithm: Algorithm) -> Settings {
        let text = format!("algorithm = \"{algorithm:?}\"\nkey = \"k\"");
        toml::from_str(&text).unwrap()
    }

    fn token(head: Value, claims: Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let [head, claims] = [head, claims].map(|v| URL_SAFE_NO_PAD.encode(v.to_string()));
        let message = format!("{head}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn hs256(message: &[u8]) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
        hmac::sign(&key, message).as_ref().to_vec()
    }

    #[test]
    fn claims_are_held_against_what_is_asked_of_them() {
        let key = Key::read(Algorithm::HS256, SECRET).unwrap();
        let plain = settings(Algorithm::HS256);
        let strict = Settings {
            issuer: Some("https://issuer.example".into()),
            audience: Some("recto".into()),
            user: "name".into(),
            ..plain.clone()
        };
        let full = json!({"name": "anna", "exp": NOW, "nbf": NOW, "iss": "https://issuer.example", "aud": ["x", "recto"]});
        let with = |key: &str, value: Value| {
            let mut claims = full.clone();
            claims[key] = value;
            claims
        };
        let cases = [
            (&plain, json!({"sub": "anna", "exp": NOW + 1}), ""),
            (&plain, json!({"sub": "anna"}), "it never expires"),
            (
                &plain,
                json!({"sub": "anna", "exp": "soon"}),
                "it never expires",
            ),
            (&plain, json!({"sub": "anna", "exp": NOW - 29}), ""),
            (
                &plain,
                json!({"sub": "anna", "exp": NOW - 30}),
                "it has expired",
            ),
            (
                &plain,
                json!({"sub": "anna", "exp": NOW + 1, "nbf": NOW + 31}),
                "it is not valid yet",
            ),
            (
                &plain,
                json!({"sub": "", "exp": NOW + 1}),
                "it names no user",
            ),
            (
                &plain,
                json!({"sub": 1, "exp": NOW + 1}),
                "it names no user",
            ),
            (
                &plain,
                json!({"sub": "anna", "exp": NOW + 1, "aud": "x"}),
                "it is for somebody else",
            ),
            (&strict, full.clone(), ""),
            (&strict, with("aud", json!("recto")), ""),
            (
                &strict,
                with("aud", json!("rect")),
                "it is for somebody else",
            ),
            (&strict, with("aud", json!(null)), "it is for somebody else"),
            (
                &strict,
                with("iss", json!("http://issuer.example")),
                "it is from somebody else",
            ),
        ];
        for (settings, claims, wanted) in cases {
            let token = token(json!({"alg": "HS256"}), claims.clone(), hs256);
            let found = verify(&token, &key, settings, NOW);
            assert_eq!(found.err().unwrap_or_default(), wanted, "{claims}");
        }
        let claims = json!({"sub": "anna", "exp": NOW + 1, "groups": "staff readers"});
        let bearer = verify(
            &token(json!({"alg": "HS256"}), claims, hs256),
            &key,
            &plain,
            NOW,
        );
        assert_eq!(bearer.unwrap().groups, ["staff", "readers"]);
    }

    #[test]
    fn a_token_has_no_say_in_how_it_is_checked() {
        let key = Key::read(Algorithm::HS256, SECRET).unwrap();
        let settings = settings(Algorithm::HS256);
        let claims = json!({"sub": "anna", "exp": NOW + 1});
        let none = token(json!({"alg": "none"}), claims.clone(), |_| Vec::new());
        let crit = token(
            json!({"alg": "HS256", "crit": ["x"]}),
            claims.clone(),
            hs256,
        );
        let good = token(json!({"alg": "HS256"}), claims.clone(), hs256);
        let (message, _) = good.rsplit_once('.').unwrap();
        let other = token(json!({"alg": "HS512"}), claims, hs256);
        let cases = [
            (none, "it is signed in another way"),
            (other, "it is signed in another way"),
            (crit, "it asks for what is not understood"),
            (format!("{message}."), "its signature is wrong"),
            (message.to_owned(), "its signature is wrong"),
            ("a".repeat(MOST + 1), "it is too long"),
            ("..".into(), "its head cannot be read"),
            (String::new(), "it is no token"),
        ];
        for (token, why) in cases {
            let found = verify(&token, &key, &settings, NOW).unwrap_err();
            assert!(found == why || token == message, "{token}: {found}");
        }
        for n in 0..good.len() {
            let mut torn = good.clone().into_bytes();
            torn[n] = if torn[n] == b'A' { b'B' } else { b'A' };
            let torn = String::from_utf8(torn).unwrap();
            assert!(verify(&torn, &key, &settings, NOW).is_err(), "{torn}");
        }
    }

    fn pem_of(algorithm: &[u8], key: &[u8]) -> String {
        let wrap = |tag: u8, content: &[u8]| [&[tag, content.len() as u8], content].concat();
        let bits = wrap(3, &[&[0], key].concat());
        let der = wrap(0x30, &[wrap(0x30, algorithm), bits].concat());
        let text = STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    #[test]
    fn public_keys_check_what_their_private_halves_sign() {
        let random = SystemRandom::new();
        let claims = || json!({"sub": "anna", "exp": NOW + 1});
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let edwards = pem_of(EDWARDS, pair.public_key().as_ref());
        let key = Key::read(Algorithm::EdDSA, edwards.as_bytes()).unwrap();
        let token_ = token(json!({"alg": "EdDSA"}), claims(), |m| {
            pair.sign(m).as_ref().to_vec()
        });
        assert!(verify(&token_, &key, &settings(Algorithm::EdDSA), NOW).is_ok());

        let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).unwrap();
        let curve = pem_of(P256, pair.public_key().as_ref());
        let key = Key::read(Algorithm::ES256, curve.as_bytes()).unwrap();
        let sign = |m: &[u8]| pair.sign(&random, m).unwrap().as_ref().to_vec();
        let token_ = token(json!({"alg": "ES256"}), claims(), sign);
        assert!(verify(&token_, &key, &settings(Algorithm::ES256), NOW).is_ok());

        let key = Key::read(Algorithm::RS256, RSA_KEY.as_bytes()).unwrap();
        let bearer = verify(RSA_TOKEN, &key, &settings(Algorithm::RS256), NOW).unwrap();
        assert_eq!((&*bearer.user, bearer.ends), ("anna", 4_102_444_800));
        let torn = RSA_TOKEN.replace("eyJzdWIi", "eyJzdWIj");
        assert!(verify(&torn, &key, &settings(Algorithm::RS256), NOW).is_err());

        for (algorithm, pem) in [
            (Algorithm::RS256, &*edwards),
            (Algorithm::ES256, RSA_KEY),
            (Algorithm::EdDSA, &curve),
            (Algorithm::HS256, RSA_KEY),
            (Algorithm::HS256, "too short"),
            (
                Algorithm::RS256,
                "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
            ),
            (Algorithm::RS256, ""),
        ] {
            assert!(
                Key::read(algorithm, pem.as_bytes()).is_err(),
                "{algorithm:?} {pem}"
            );
        }
    }

    /// Made with `openssl genrsa`; the private half is gone.
    const RSA_KEY: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1dlw7z19HBefpNeUpV81
y6Jo2Nx1YSOYLbEqONoRmnkHP6EDS3l2BUH4H6HyYlwpdYHoii00oHGBfXQwKdFT
Cg3us0Cb/Mq82/QHItUzYW+x+INLG2rRByiGFJuUSja+7sCHVBrX53+S+3aC94Ah
dXyuqZEF9BWtfZtXyDfKHeIB6zP9IcAnlHIPKXWDZL8+xpSzw39V91ylvn89dtdm
TeIjBIksWJ3qBvXs9/hbkgdeVKRgUB8jhBUHF/5FZ6J2WFPAZ+HIyjS/i+zD7FlB
jTZOLrGmrgRP3Pq6E6nT8Ta3AzAGC32V0gHfSvmCBGj6M2LchvelQmZ2tnIb0/vZ
GQIDAQAB
-----END PUBLIC KEY-----
";
    const RSA_TOKEN: &str = "eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCJ9.eyJzdWIiOiAiYW5uYSIsICJleHAiOiA0MTAyNDQ0ODAwLCAiZ3JvdXBzIjogWyJzdGFmZiJdfQ.vpOXjWHEAPKKEllG90Zb0c_CTDpjBrAhX_KTJpCCdJzOZg3EUCb9UW4Yav-R3597_GeQNBSR5gIwg-UsSOz88DFjjYUqxcIwm1adknx4YtXy-ggWfFwCvW5UY4LoCogbfVsebYAqeN5rlfyXGEPZBd4_rjsrGPocf9ILW_-6xgEednw89yxZBkoiFpf6Qo8gV631DLn9-SClSvSGlpsjp6cqKwheTyvjvZqgTScSyTbOkb-ORZc2lwloes9Gbmt33WoG_T7e4kJc8Ajo7i_4KnsR8FCTAARkTzz3DJHcy9Cn7wsFGAzGpcfq_9SPi8pvYzWevhrXFJD4wLdYPdi9WA";
}
