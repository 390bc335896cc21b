//! Keys of an identity provider that publishes them at a URL: when they are asked for, and how long they hold.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::auth::{RULES, started};
use crate::running::Serving;
use recto_testkit::Workdir;
use recto_testkit::server::{Answer, Server};

const PICTURE: &str = "/iiif/3/closed/full/9,/0/default.jpg";

/// The key of a provider, which it publishes under any names.
struct Signer(Ed25519KeyPair);

impl Signer {
    fn new() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
        Signer(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
    }

    fn published(&self, names: &[&str]) -> Vec<u8> {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref());
        let jwk = |kid: &&str| json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "alg": "EdDSA", "x": x});
        let keys: Vec<Value> = names.iter().map(jwk).collect();
        json!({"keys": keys}).to_string().into_bytes()
    }

    /// A header with a token of Dora, who is staff, that names a key.
    fn token(&self, kid: &str) -> String {
        let now = jiff::Timestamp::now().as_second();
        let claims = json!({"sub": "dora", "groups": ["staff"], "exp": now + 600});
        let parts = [json!({"alg": "EdDSA", "kid": kid}), claims];
        let message = parts.map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = message.join(".");
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(message.as_bytes()).as_ref());
        format!("authorization: Bearer {message}.{signature}\r\n")
    }
}

fn serving(provider: &Server) -> (Workdir, Serving) {
    let url = provider.url("/keys");
    let rules = format!("{RULES}[auth.jwt]\nalgorithm = \"EdDSA\"\nkey = \"{url}\"\n");
    started(&rules, &[])
}

#[test]
fn keys_that_are_published_are_asked_for_when_they_are_needed() {
    let signer = Signer::new();
    let header = signer.token("a");
    let set = signer.published(&["a"]);
    let provider = Server::start(move |_, before| match before {
        0 => Answer::Status(503),
        _ => Answer::Serve(set.clone(), "application/json"),
    });
    let (_work, server) = serving(&provider);
    // The provider is down, and is not asked by every visitor.
    for _ in 0..3 {
        assert_eq!(server.ask("GET", PICTURE, &header).status, 401);
    }
    assert_eq!(provider.hits("/keys"), 1);
    drop(server);
    let (_work, server) = serving(&provider);
    for _ in 0..3 {
        assert_eq!(server.ask("GET", PICTURE, &header).status, 200);
    }
    assert_eq!(provider.hits("/keys"), 2);
}

#[test]
fn a_key_that_is_withdrawn_is_not_taken_after_a_signal() {
    let signer = Signer::new();
    let [all, left] = [&["a", "b"][..], &["b", "c"]].map(|names| signer.published(names));
    let provider = Server::start(move |_, before| match before {
        0 => Answer::Serve(all.clone(), "application/json"),
        1 => Answer::Serve(left.clone(), "application/json"),
        _ => Answer::Status(503),
    });
    let (_work, server) = serving(&provider);
    let status = |kid: &str| server.ask("GET", PICTURE, &signer.token(kid)).status;
    assert_eq!(["a", "b", "c"].map(status), [200, 200, 401]);
    assert_eq!(provider.hits("/keys"), 1);
    crate::robust::signal(&server, "-HUP");
    recto_testkit::wait_until(|| status("b") == 200 && provider.hits("/keys") == 2);
    assert_eq!(["a", "b", "c"].map(status), [401, 200, 200]);
    // Where nobody answers, keys hold for a while, which is told.
    crate::robust::signal(&server, "-HUP");
    recto_testkit::wait_until(|| status("b") == 200 && provider.hits("/keys") == 3);
    assert_eq!(["a", "b", "c"].map(status), [401, 200, 200]);
    let (_, _, said) = server.stop();
    assert!(
        said.contains("it answered 503") && said.contains("for a day at most"),
        "{said}"
    );
}
