//! JSON Web Tokens (RFC 7519, 7515, 8725): signature, time, audience and issuer. The key says which algorithm it
//! is for; what a token says of itself can only disagree. `jsonwebtoken` reads and judges them, `ring` checks the
//! signatures. Pure.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, new_error};
use jsonwebtoken::jwk::{JwkSet, PublicKeyUse};
use jsonwebtoken::signature::{Error as NotSigned, Verifier};
use jsonwebtoken::{DecodingKey, DecodingKeyKind, EncodingKey, Header, Validation};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use ring::{error::Unspecified, hmac};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::{Map, Value};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

/// The longest token that is looked at.
const MOST: usize = 16 << 10;

/// Kinds of public keys (RFC 8017, 5480, 8410).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const EDWARDS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

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

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::HS256 => Self::HS256,
            Algorithm::RS256 => Self::RS256,
            Algorithm::ES256 => Self::ES256,
            Algorithm::EdDSA => Self::EdDSA,
        }
    }
}

/// What a token must be, from the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How it is signed.
    pub algorithm: Algorithm,
    /// The file of the key: for HS256 the secret, at least 32 bytes; else a public key in PEM, or a set of them
    /// (JWKS, RFC 7517) from which the token's `kid` chooses; or the URL at which such a set is published.
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

/// The keys that tokens are checked with, each with its name if it has one.
#[derive(Debug)]
pub struct Key(Vec<(Option<String>, DecodingKey)>);

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
    ///
    /// # Errors
    /// If it holds no key for the algorithm.
    pub fn read(algorithm: Algorithm, file: &[u8]) -> Result<Self, String> {
        let set = serde_json::from_slice::<JwkSet>(file);
        if algorithm == Algorithm::HS256 {
            let secret = file.strip_suffix(b"\n").unwrap_or(file);
            // Whoever knows a public key could sign with it.
            let is_public = secret.starts_with(b"-----BEGIN") || set.is_ok();
            let key = match secret.len() {
                _ if is_public => Err("is a key in PEM or JWKS, HS256 takes a secret"),
                ..32 => Err("is shorter than the 32 bytes that HS256 needs"),
                _ => DecodingKey::from_secret(secret).map_err(|_| "is not a valid secret"),
            };
            return Ok(Key(vec![(None, key?)]));
        }
        match set {
            Ok(set) => Key::of_set(algorithm, &set),
            Err(_) => Ok(Key(vec![(None, public_key(algorithm, file)?)])),
        }
    }

    /// The keys of a set that are for signatures of this algorithm; others may stand beside them.
    fn of_set(algorithm: Algorithm, set: &JwkSet) -> Result<Self, String> {
        let wanted = jsonwebtoken::Algorithm::from(algorithm);
        let keys = set.keys.iter().filter_map(|jwk| {
            let common = &jwk.common;
            let is_meant = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature))
                && common.key_algorithm.is_none_or(|a| a == wanted.into());
            let key = DecodingKey::from_jwk(jwk).ok().filter(|_| is_meant)?;
            let fits = key.family() == wanted.family() && has_length(algorithm, &key);
            fits.then(|| (common.key_id.clone(), key))
        });
        let keys: Vec<_> = keys.collect();
        match keys.is_empty() {
            true => Err(format!("is a JWKS without a key for {algorithm:?}")),
            false => Ok(Key(keys)),
        }
    }

    /// The key that a token names. A single key is for all tokens.
    fn of(&self, head: &Header) -> Option<&DecodingKey> {
        let named = self
            .0
            .iter()
            .find(|(id, _)| id.is_some() && *id == head.kid);
        let only = self.0.first().filter(|_| self.0.len() == 1);
        named.or(only).map(|(_, key)| key)
    }
}

/// Reads a public key in PEM.
fn public_key(algorithm: Algorithm, file: &[u8]) -> Result<DecodingKey, String> {
    let der = SubjectPublicKeyInfoDer::from_pem_slice(file)
        .map_err(|_| "is not a public key in PEM (`-----BEGIN PUBLIC KEY-----`), and not a JWKS")?;
    let unreadable = "is not a public key that can be read";
    let found = SubjectPublicKeyInfoRef::try_from(&*der).map_err(|_| unreadable)?;
    let bits = found.subject_public_key.as_bytes().ok_or(unreadable)?;
    let curve = found.algorithm.parameters_oid().ok();
    match (algorithm, found.algorithm.oid) {
        (Algorithm::RS256, RSA) => Ok(DecodingKey::from_rsa_der(bits)),
        (Algorithm::ES256, CURVE) if curve == Some(P256) => Ok(DecodingKey::from_ec_der(bits)),
        (Algorithm::EdDSA, EDWARDS) => Ok(DecodingKey::from_ed_der(bits)),
        _ => Err(format!("is a key of another kind than {algorithm:?} takes")),
    }
}

/// Whether a key from a set is of the curve of the algorithm; an RSA key may have any length.
fn has_length(algorithm: Algorithm, key: &DecodingKey) -> bool {
    let length = key.try_get_as_bytes().map(<[u8]>::len);
    match algorithm {
        Algorithm::ES256 => length == Ok(65),
        Algorithm::EdDSA => length == Ok(32),
        Algorithm::RS256 | Algorithm::HS256 => true,
    }
}

/// Whether a text has the shape of a token.
pub fn is_one(text: &str) -> bool {
    text.matches('.').count() == 2 && text.starts_with("ey")
}

/// Why a token is nobody's whose key is not among those that are known.
pub const UNKNOWN_KEY: &str = "its key is not known";
/// Why a token is nobody's that another key has signed.
pub const WRONG_SIGNATURE: &str = "its signature is wrong";

/// Whose token it is at a time, in seconds since 1970.
///
/// # Errors
/// Why it is nobody's.
pub fn verify(
    token: &str,
    key: &Key,
    settings: &Settings,
    now: i64,
) -> Result<Bearer, &'static str> {
    if token.len() > MOST {
        return Err("it is too long");
    }
    let head = jsonwebtoken::decode_header(token).map_err(|e| match e.kind() {
        ErrorKind::InvalidToken => "it is not a token",
        // An algorithm that is not one of RFC 7518, as `none`.
        ErrorKind::Json(e) if e.is_data() => "its algorithm is not accepted",
        _ => "its header cannot be read",
    })?;
    if head.alg != settings.algorithm.into() {
        return Err("its algorithm is not accepted");
    }
    if head.crit.is_some() {
        return Err("its header has an unknown critical parameter");
    }
    let key = key.of(&head).ok_or(UNKNOWN_KEY)?;
    // Another call has installed it before.
    let _ = RING.install_default();
    let token = jsonwebtoken::decode::<Map<String, Value>>(token, key, &validation(settings));
    let claims = token.map_err(|e| why(&e))?.claims;
    judge_times(&claims, settings, now)?;
    let user = claims.get(&settings.user).and_then(Value::as_str);
    let user = user.filter(|user| !user.is_empty());
    Ok(Bearer {
        user: user.ok_or("it does not name a user")?.to_owned(),
        groups: words(claims.get(&settings.groups)),
        // `judge_times` has found a number there; a cast stops at the integer's ends.
        ends: claims
            .get("exp")
            .and_then(Value::as_f64)
            .unwrap_or_default() as i64,
    })
}

/// What is asked of a token beside its times: those are judged by the caller's clock, the library has its own.
fn validation(settings: &Settings) -> Validation {
    let mut validation = Validation::new(settings.algorithm.into());
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    if let Some(issuer) = &settings.issuer {
        validation.set_issuer(&[issuer]);
        validation.required_spec_claims.insert("iss".into());
    }
    // RFC 7519 §4.1.3: who is not named must not take it, whether or not a name is configured.
    if let Some(audience) = &settings.audience {
        validation.set_audience(&[audience]);
        validation.required_spec_claims.insert("aud".into());
    }
    validation
}

fn why(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::Base64(_) => "its signature cannot be read",
        ErrorKind::InvalidSignature => WRONG_SIGNATURE,
        ErrorKind::InvalidIssuer => "its issuer does not match",
        ErrorKind::InvalidAudience => "its audience does not match",
        ErrorKind::MissingRequiredClaim(name) | ErrorKind::InvalidClaimFormat(name) => {
            match &**name {
                "iss" => "its issuer does not match",
                _ => "its audience does not match",
            }
        }
        ErrorKind::InvalidAlgorithm => "its algorithm is not accepted",
        _ => "its claims cannot be read",
    }
}

fn judge_times(
    claims: &Map<String, Value>,
    settings: &Settings,
    now: i64,
) -> Result<(), &'static str> {
    let leeway = f64::from(settings.leeway);
    let now = now as f64;
    let time = |name: &str| claims.get(name).map(|v| v.as_f64());
    match time("exp") {
        Some(Some(end)) if now < end + leeway => {}
        Some(Some(_)) => return Err("it has expired"),
        _ => return Err("`exp` is missing or not a number"),
    }
    match time("nbf") {
        None => Ok(()),
        Some(Some(start)) if now + leeway >= start => Ok(()),
        Some(_) => Err("it is not valid yet"),
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

/// Checks signatures with `ring`, which is here for TLS. Nothing is signed.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

fn no_signer(_: &jsonwebtoken::Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    Err(new_error(ErrorKind::UnsupportedAlgorithm))
}

fn verifier(
    algorithm: &jsonwebtoken::Algorithm,
    key: &DecodingKey,
) -> Result<Box<dyn JwtVerifier>, Error> {
    match algorithm.family() == key.family() {
        true => Ok(Box::new(Ring(*algorithm, key.clone()))),
        false => Err(new_error(ErrorKind::InvalidAlgorithm)),
    }
}

struct Ring(jsonwebtoken::Algorithm, DecodingKey);

impl JwtVerifier for Ring {
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        self.0
    }
}

impl Verifier<Vec<u8>> for Ring {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), NotSigned> {
        use jsonwebtoken::Algorithm::{ES256, EdDSA, HS256, RS256};
        let check = |kind: &'static dyn VerificationAlgorithm, key| {
            UnparsedPublicKey::new(kind, key).verify(message, signature)
        };
        let checked = match (self.0, self.1.kind()) {
            (HS256, DecodingKeyKind::SecretOrDer(secret)) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::verify(&key, message, signature)
            }
            (RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(
                    &RSA_PKCS1_2048_8192_SHA256,
                    message,
                    signature,
                )
            }
            (RS256, DecodingKeyKind::SecretOrDer(key)) => check(&RSA_PKCS1_2048_8192_SHA256, key),
            (ES256, DecodingKeyKind::SecretOrDer(key)) => check(&ECDSA_P256_SHA256_FIXED, key),
            (EdDSA, DecodingKeyKind::SecretOrDer(key)) => check(&ED25519, key),
            _ => Err(Unspecified),
        };
        checked.map_err(|_| NotSigned::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use recto_testkit::mutation::{self, Random};
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
            (
                &plain,
                json!({"sub": "anna"}),
                "`exp` is missing or not a number",
            ),
            (
                &plain,
                json!({"sub": "anna", "exp": "soon"}),
                "`exp` is missing or not a number",
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
                "it does not name a user",
            ),
            (
                &plain,
                json!({"sub": 1, "exp": NOW + 1}),
                "it does not name a user",
            ),
            (
                &plain,
                json!({"sub": "anna", "exp": NOW + 1, "aud": "x"}),
                "its audience does not match",
            ),
            (&strict, full.clone(), ""),
            (&strict, with("aud", json!("recto")), ""),
            (
                &strict,
                with("aud", json!("rect")),
                "its audience does not match",
            ),
            (
                &strict,
                with("aud", json!(null)),
                "its audience does not match",
            ),
            (
                &strict,
                with("iss", json!("http://issuer.example")),
                "its issuer does not match",
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
            (none, "its algorithm is not accepted"),
            (other, "its algorithm is not accepted"),
            (crit, "its header has an unknown critical parameter"),
            (format!("{message}."), "its signature is wrong"),
            (message.to_owned(), "its signature is wrong"),
            ("a".repeat(MOST + 1), "it is too long"),
            ("..".into(), "its header cannot be read"),
            (String::new(), "it is not a token"),
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

    /// Object identifiers as DER has them: P-256 with that of elliptic curves before it, and Ed25519.
    const P256_DER: &[u8] =
        b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    const EDWARDS_DER: &[u8] = b"\x06\x03\x2b\x65\x70";

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
        let edwards = pem_of(EDWARDS_DER, pair.public_key().as_ref());
        let key = Key::read(Algorithm::EdDSA, edwards.as_bytes()).unwrap();
        let token_ = token(json!({"alg": "EdDSA"}), claims(), |m| {
            pair.sign(m).as_ref().to_vec()
        });
        assert!(verify(&token_, &key, &settings(Algorithm::EdDSA), NOW).is_ok());

        let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).unwrap();
        let curve = pem_of(P256_DER, pair.public_key().as_ref());
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

    #[test]
    fn the_key_of_a_set_is_chosen_by_its_name() {
        let random = SystemRandom::new();
        let pair = || {
            let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
            Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap()
        };
        let (old, new) = (pair(), pair());
        let jwk = |id: &str, pair: &Ed25519KeyPair| {
            let x = URL_SAFE_NO_PAD.encode(pair.public_key());
            json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "use": "sig", "alg": "EdDSA", "x": x})
        };
        let sealing = json!({"kty": "RSA", "kid": "c", "use": "enc", "n": "AQAB", "e": "AQAB"});
        let set = |keys: &[Value]| json!({"keys": keys}).to_string();
        let both = set(&[jwk("a", &old), sealing.clone(), jwk("b", &new)]);
        let both = Key::read(Algorithm::EdDSA, both.as_bytes()).unwrap();
        let one = set(&[jwk("a", &old), sealing.clone()]);
        let one = Key::read(Algorithm::EdDSA, one.as_bytes()).unwrap();
        let claims = json!({"sub": "anna", "exp": NOW + 1});
        let cases = [
            (&both, json!({"alg": "EdDSA", "kid": "a"}), &old, ""),
            (&both, json!({"alg": "EdDSA", "kid": "b"}), &new, ""),
            (
                &both,
                json!({"alg": "EdDSA", "kid": "b"}),
                &old,
                "its signature is wrong",
            ),
            (
                &both,
                json!({"alg": "EdDSA", "kid": "c"}),
                &old,
                "its key is not known",
            ),
            (&both, json!({"alg": "EdDSA"}), &old, "its key is not known"),
            (&one, json!({"alg": "EdDSA"}), &old, ""),
            (
                &one,
                json!({"alg": "EdDSA"}),
                &new,
                "its signature is wrong",
            ),
        ];
        for (key, head, pair, wanted) in cases {
            let token = token(head.clone(), claims.clone(), |m| {
                pair.sign(m).as_ref().into()
            });
            let found = verify(&token, key, &settings(Algorithm::EdDSA), NOW);
            assert_eq!(found.err().unwrap_or_default(), wanted, "{head}");
        }
        for (algorithm, keys) in [
            (Algorithm::RS256, vec![jwk("a", &old), sealing]),
            (Algorithm::EdDSA, vec![]),
            (Algorithm::HS256, vec![jwk("a", &old)]),
        ] {
            let read = Key::read(algorithm, set(&keys).as_bytes());
            assert!(read.is_err(), "{algorithm:?} {keys:?}");
        }

        let der = RSA_KEY.lines().filter(|line| !line.starts_with('-'));
        let der = STANDARD.decode(der.collect::<String>()).unwrap();
        // 294 bytes of SubjectPublicKeyInfo: the modulus of 256 before `02 03 01 00 01`.
        let (n, e) = (&der[der.len() - 261..der.len() - 5], &der[der.len() - 3..]);
        let [n, e] = [n, e].map(|part| URL_SAFE_NO_PAD.encode(part));
        let rsa = set(&[json!({"kty": "RSA", "n": n, "e": e})]);
        let rsa = Key::read(Algorithm::RS256, rsa.as_bytes()).unwrap();
        assert!(verify(RSA_TOKEN, &rsa, &settings(Algorithm::RS256), NOW).is_ok());
    }

    #[test]
    fn damaged_tokens_are_nobodys() {
        let key = Key::read(Algorithm::HS256, SECRET).unwrap();
        let settings = settings(Algorithm::HS256);
        let head = json!({"alg": "HS256", "typ": "JWT"});
        let claims =
            json!({"sub": "anna", "exp": NOW + 1, "nbf": 0, "groups": ["staff"], "aud": null});
        let whole = token(head.clone(), claims.clone(), hs256);
        let make = move |random: &mut Random| match random.below(3) {
            0 => mutation::text(&whole, random),
            // Signed all the same: whoever has the secret may write anything.
            kind => {
                let part = |value: &Value, random: &mut Random, is_damaged: bool| match is_damaged {
                    true => mutation::json(value, random),
                    false => value.to_string().into_bytes(),
                };
                let parts = [
                    part(&head, random, kind == 1),
                    part(&claims, random, kind == 2),
                ];
                let [head, claims] = parts.map(|part| URL_SAFE_NO_PAD.encode(part));
                let message = format!("{head}.{claims}");
                let signature = URL_SAFE_NO_PAD.encode(hs256(message.as_bytes()));
                format!("{message}.{signature}").into_bytes()
            }
        };
        let takes = move |bytes: &[u8]| {
            let token = String::from_utf8_lossy(bytes);
            match verify(&token, &key, &settings, NOW) {
                Ok(bearer) => {
                    assert!(
                        !bearer.user.is_empty() && bearer.ends > NOW - 30,
                        "{bearer:?}"
                    );
                    true
                }
                Err(_) => false,
            }
        };
        mutation::check(5000, make, takes).is_mixed();
    }

    #[test]
    fn damaged_keys_are_refused_or_are_keys() {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "use": "sig", "alg": "EdDSA",
            "x": URL_SAFE_NO_PAD.encode([7; 32])});
        let point = URL_SAFE_NO_PAD.encode([7; 32]);
        let curve = json!({"kty": "EC", "crv": "P-256", "x": point, "y": point});
        let rsa = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([7; 256]), "e": "AQAB"});
        let set = json!({ "keys": [jwk, curve, rsa] });
        let make = move |random: &mut Random| match random.once_in(2) {
            true => mutation::json(&set, random),
            false => mutation::text(RSA_KEY, random),
        };
        let takes = |bytes: &[u8]| {
            let all = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
            let all = all.map(|algorithm| match Key::read(algorithm, bytes) {
                // A key of whatever numbers refuses what others have signed, but for the one it was made from.
                Ok(key) => {
                    let _ = verify(RSA_TOKEN, &key, &settings(algorithm), NOW);
                    true
                }
                Err(why) => {
                    assert!(!why.is_empty());
                    false
                }
            });
            all.contains(&true)
        };
        mutation::check(5000, make, takes).is_mixed();
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
