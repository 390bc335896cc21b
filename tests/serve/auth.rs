//! Who may see what: every way to ask for an image, by everybody who may or may not.

use std::time::Duration;

use serde_json::{Value, json};

use crate::running::{Got, Serving, picture};
use recto_testkit::Workdir;
use recto_testkit::server::{Answer, Server};

pub const ANNA: &str = "authorization: Bearer secret-of-anna\r\n";
pub const BEN: &str = "authorization: Bearer secret-of-ben\r\n";
pub const RULES: &str = r#"
[auth]
degraded = 400
[[auth.rules]]
where = "group=Open"
may = "full"
[[auth.rules]]
who = ["group:staff"]
may = "review"
[[auth.rules]]
where = ["group=Small", "rights~^In copyright"]
may = "degraded"
[[auth.rules]]
where = "group=Secret"
may = "hidden"
"#;

/// An image in each of four groups, all the same 1600 x 1200 pixels: `open`, `small`, `closed`, `secret`.
pub fn archive(config: &str) -> Workdir {
    let work = Workdir::new();
    work.write("pictures/a.png", picture(1600, 1200));
    let image = |id: &str, group: &str| {
        json!({"id": id, "image": {}, "group": group, "frame": [1600, 1200], "labels": [],
            "localizations": [{"id": format!("box-{id}"), "concept": format!("seal of {id}"), "bbox": [10, 20, 30, 40]}],
            "metadata": {"Shelf": [format!("shelf of {id}")]},
            "source": {"kind": "x", "canvas": id, "rights": "In copyright", "labels": {"canvas": format!("Leaf {id}")}}})
    };
    let images = [
        image("open", "Open"),
        image("small", "Small"),
        image("closed", "Closed"),
        image("secret", "Secret"),
    ];
    work.write_json(
        "set.json",
        &json!({"contract": "recto/localizations", "version": 1, "images": images}),
    );
    let file = "pictures/a.png";
    work.write_json(
        "image_map.json",
        &json!({"open": file, "small": file, "closed": file, "secret": file}),
    );
    work.write("recto.toml", config);
    work
}

/// Anna, who is staff, and Ben; their tokens are `secret-of-` and the name.
pub fn people() -> String {
    let [anna, ben] = ["secret-of-anna", "secret-of-ben"].map(sha256);
    format!(
        "\n[[auth.accounts]]\nuser = \"anna\"\ngroups = [\"staff\"]\ntoken = \"sha256:{anna}\"\n\
         [[auth.accounts]]\nuser = \"ben\"\ntoken = \"sha256:{ben}\"\n"
    )
}

fn sha256(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

pub fn started(rules: &str, more: &[&str]) -> (Workdir, Serving) {
    let work = archive(&format!("{rules}{}", people()));
    let args = [&["set.json", "-c", "recto.toml"], more].concat();
    let server = Serving::start(&work, &args);
    (work, server)
}

/// What is set for how long answers may be kept makes nothing public that depends on the visitor.
#[test]
fn ages_of_classes_leave_what_depends_on_the_visitor_private() {
    let ages = ["info", "documents", "pages", "images"];
    let ages: String = ages
        .iter()
        .map(|class| format!("[requests.{class}]\nmax_age = 55\n"))
        .collect();
    let (_work, server) = started(&format!("{ages}{RULES}"), &[]);
    let paths = [
        "/iiif/presentation/3/Secret/manifest.json",
        "/iiif/presentation/2/Secret/manifest.json",
        "/iiif/presentation/3/collection.json",
        "/iiif/3/secret/info.json",
        "/pages/images.json",
        "/view/secret",
    ];
    for path in paths {
        let got = server.ask("GET", path, ANNA);
        let kept = &got.headers["cache-control"];
        assert_eq!((got.status, &**kept), (200, "private, no-cache"), "{path}");
        assert!(got.headers["vary"].contains("authorization"), "{path}");
    }
    // The same for everybody.
    let open = server.get("/iiif/3/open/full/200,/0/default.jpg");
    assert_eq!(open.headers["cache-control"], "public, max-age=55");
}

fn words(got: &Got) -> String {
    String::from_utf8_lossy(&got.body).into_owned()
}

const WHOLE: &str = "full/max/0/default.jpg";
const CORNER: &str = "0,0,512,512/512,512/0/default.jpg";

#[test]
fn every_way_to_an_image_is_decided_for_who_asks() {
    let (_work, server) = started(RULES, &[]);
    // path, then the status for nobody, for ben, who has no group, and for anna.
    let rows: [(&str, [u16; 3]); 40] = [
        ("/iiif/3/open/full/max/0/default.jpg", [200, 200, 200]),
        ("/iiif/3/open/info.json", [200, 200, 200]),
        ("/iiif/3/closed/full/max/0/default.jpg", [401, 403, 200]),
        ("/iiif/2/closed/full/full/0/default.jpg", [401, 403, 200]),
        ("/iiif/3/closed/full/9,/0/default.jpg", [401, 403, 200]),
        ("/iiif/3/closed/nonsense", [401, 403, 400]),
        ("/iiif/3/closed/info.json", [200, 200, 200]),
        ("/iiif/2/closed/info.json", [401, 403, 200]),
        ("/iiif/3/closed", [303, 303, 303]),
        ("/view/closed", [200, 200, 200]),
        ("/pages/image/closed.json", [200, 200, 200]),
        ("/iiif/presentation/3/Closed/manifest.json", [200, 200, 200]),
        ("/auth/probe/closed", [200, 200, 200]),
        ("/iiif/3/small/full/max/0/default.jpg", [303, 303, 200]),
        ("/iiif/3/small/full/401,/0/default.jpg", [303, 303, 200]),
        ("/iiif/3/small/full/400,/0/default.jpg", [200, 200, 200]),
        ("/iiif/3/small/full/!400,400/0/default.jpg", [200, 200, 200]),
        (
            "/iiif/3/small/0,0,512,512/512,512/0/default.jpg",
            [401, 403, 200],
        ),
        (
            "/iiif/3/small/0,0,512,512/128,128/0/default.jpg",
            [200, 200, 200],
        ),
        (
            "/iiif/3/small/0,0,512,512/128,512/0/default.jpg",
            [401, 403, 200],
        ),
        (
            "/iiif/3/small/0,0,4,4/^200,200/0/default.jpg",
            [401, 403, 200],
        ),
        ("/iiif/degraded/3/small/info.json", [200, 200, 200]),
        (
            "/iiif/degraded/3/small/full/max/0/default.jpg",
            [200, 200, 200],
        ),
        (
            "/iiif/degraded/3/small/full/^401,/0/default.jpg",
            [501, 501, 501],
        ),
        (
            "/iiif/degraded/2/small/0,0,4,4/200,200/0/default.jpg",
            [501, 501, 501],
        ),
        (
            "/iiif/degraded/3/closed/full/9,/0/default.jpg",
            [401, 403, 200],
        ),
        (
            "/iiif/degraded/3/secret/full/9,/0/default.jpg",
            [404, 404, 200],
        ),
        ("/iiif/3/secret/full/max/0/default.jpg", [404, 404, 200]),
        ("/iiif/2/secret/full/full/0/default.jpg", [404, 404, 200]),
        ("/iiif/3/secret/info.json", [404, 404, 200]),
        ("/iiif/2/secret/info.json", [404, 404, 200]),
        ("/iiif/3/secret", [404, 404, 303]),
        ("/view/secret", [404, 404, 200]),
        ("/pages/image/secret.json", [404, 404, 200]),
        ("/auth/probe/secret", [404, 404, 200]),
        ("/iiif/presentation/3/Secret/manifest.json", [404, 404, 200]),
        (
            "/iiif/presentation/3/Secret/canvas/1/annotations.json",
            [404, 404, 200],
        ),
        ("/iiif/presentation/3/Secret/search?q=seal", [404, 404, 200]),
        (
            "/iiif/presentation/3/Secret/search/terms?q=s",
            [404, 404, 200],
        ),
        ("/iiif/presentation/2/Secret/manifest.json", [404, 404, 200]),
    ];
    // Twice: the second time everything is in memory that anna may see.
    for round in ["cold", "warm"] {
        for (path, statuses) in rows {
            for (who, status) in [ANNA, BEN, ""].into_iter().zip(statuses.into_iter().rev()) {
                let got = server.ask("GET", path, who);
                assert_eq!(got.status, status, "{round} {path} {who} {}", words(&got));
                let head = server.ask("HEAD", path, who);
                assert_eq!(head.status, status, "{round} HEAD {path} {who}");
                if status >= 400 {
                    assert!(!got.headers.contains_key("etag"), "{path} {who}");
                }
                if status == 401 {
                    assert_eq!(got.headers["cache-control"], "no-store", "{path}");
                    assert_eq!(got.headers["www-authenticate"], "Bearer realm=\"recto\"");
                }
            }
        }
    }
}

#[test]
fn who_is_refused_learns_nothing_by_a_tag() {
    let (_work, server) = started(RULES, &[]);
    for path in [
        "/iiif/3/closed/full/max/0/default.jpg",
        "/iiif/3/secret/info.json",
        "/pages/image/secret.json",
        "/iiif/presentation/3/Secret/manifest.json",
    ] {
        let etag = server.ask("GET", path, ANNA).headers["etag"].clone();
        for tag in [&*etag, "*"] {
            let held = format!("if-none-match: {tag}\r\n");
            let again = server.ask("GET", path, &format!("{ANNA}{held}"));
            assert_eq!(again.status, 304, "{path}");
            assert!(again.headers["vary"].contains("authorization, cookie"));
            for who in ["", BEN] {
                let got = server.ask("GET", path, &format!("{who}{held}"));
                assert!(
                    [401, 403, 404].contains(&got.status),
                    "{path} {}",
                    got.status
                );
                assert!(!got.headers.contains_key("etag"));
            }
        }
    }
    // A hidden image answers as one that never was.
    let there = server.get("/iiif/3/secret/info.json");
    let never = server.get("/iiif/3/never1/info.json");
    assert_eq!(words(&there).replace("secret", "never1"), words(&never));
}

#[test]
fn lists_hold_what_is_seen_and_canvases_keep_their_numbers() {
    let (_work, server) = started(RULES, &[]);
    for path in [
        "/pages/images.json",
        "/iiif/presentation/3/collection.json",
        "/iiif/presentation/2/collection.json",
    ] {
        let nobody = words(&server.get(path));
        assert!(
            !nobody.contains("ecret") && nobody.contains("Closed"),
            "{nobody}"
        );
        assert!(words(&server.ask("GET", path, ANNA)).contains("Secret"));
    }
    // Its neighbours are not named either.
    assert_eq!(server.json("/pages/image/closed.json")["next"], Value::Null);
    let seen = server.ask("GET", "/pages/image/closed.json", ANNA);
    assert!(words(&seen).contains("\"next\": \"secret\""));

    // One group, its second image hidden.
    let rules = "[auth]\n[[auth.rules]]\nwhere = \"id=small\"\nwho = [\"known\"]\nmay = \"full\"\n\
        [[auth.rules]]\nwhere = \"id=small\"\nmay = \"hidden\"\n[[auth.rules]]\nmay = \"full\"\n";
    let (work, server) = started(rules, &[]);
    server.stop();
    let text = work.text("set.json");
    let one = ["Open", "Small", "Closed", "Secret"]
        .iter()
        .fold(text, |t, g| {
            t.replace(&format!("\"group\": \"{g}\""), "\"group\": \"One\"")
                .replace(&format!("\"group\":\"{g}\""), "\"group\":\"One\"")
        });
    work.write("set.json", one);
    let server = Serving::start(&work, &["set.json", "-c", "recto.toml"]);
    let manifest = server.json("/iiif/presentation/3/One/manifest.json");
    let ids: Vec<&str> = manifest["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 3);
    assert!(ids[1].ends_with("/canvas/3"), "{ids:?}");
    let pages = "/iiif/presentation/3/One/canvas";
    assert_eq!(
        server.get(&format!("{pages}/2/annotations.json")).status,
        404
    );
    assert!(words(&server.get(&format!("{pages}/3/annotations.json"))).contains("seal of closed"));
    let two = "/iiif/presentation/2/One/manifest.json";
    assert_eq!(
        server.json(two)["sequences"][0]["canvases"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let found = |who: &str| {
        let got = server.ask("GET", "/iiif/presentation/3/One/search?q=seal", who);
        let page: Value = serde_json::from_slice(&got.body).unwrap();
        page["items"].as_array().unwrap().len()
    };
    assert_eq!((found(""), found(BEN)), (3, 4));
    let terms = words(&server.get("/iiif/presentation/3/One/search/terms?q=seal"));
    assert!(
        !terms.contains("seal of small") && terms.contains("seal of open"),
        "{terms}"
    );
}

#[test]
fn a_degraded_image_has_its_own_service_with_no_more_detail() {
    let (_work, server) = started(RULES, &[]);
    let info = server.json("/iiif/degraded/3/small/info.json");
    assert_eq!(
        (&info["width"], &info["height"]),
        (&json!(400), &json!(300))
    );
    assert!(
        info["id"]
            .as_str()
            .unwrap()
            .ends_with("/iiif/degraded/3/small")
    );
    assert!(info.get("service").is_none());
    let features = info["extraFeatures"].as_array().unwrap();
    assert!(!features.contains(&json!("sizeUpscaling")));
    let small = server
        .image("/iiif/degraded/3/small/full/max/0/default.png")
        .to_rgb8();
    assert_eq!(small.dimensions(), (400, 300));
    // A part of it is that part of the file, in its detail.
    let part = server
        .image("/iiif/degraded/3/small/200,150,100,75/max/0/default.png")
        .to_rgb8();
    assert_eq!(part.dimensions(), (100, 75));
    let whole = server.ask(
        "GET",
        "/iiif/3/small/800,600,400,300/100,75/0/default.png",
        ANNA,
    );
    let whole = image::load_from_memory(&whole.body).unwrap().to_rgb8();
    assert_eq!(part, whole);
    // The whole image, asked for large, leads there.
    let got = server.get("/iiif/3/small/full/1600,/!90/gray.png");
    assert_eq!(got.status, 303);
    let to = "http://pictures.example/iiif/degraded/3/small/full/max/!90/gray.png";
    assert_eq!(got.headers["location"], to);
    // Documents lead to it, too.
    let manifest = server.json("/iiif/presentation/3/Small/manifest.json");
    let thumbnail = manifest["thumbnail"][0]["id"].as_str().unwrap();
    assert!(thumbnail.contains("/iiif/degraded/3/small/"), "{thumbnail}");
    assert_eq!(
        server.json("/pages/image/small.json")["service"],
        "iiif/degraded/3/small"
    );
    // Without degraded images there is no such service.
    let (_work, server) = started("[auth]\notherwise = \"full\"\n", &[]);
    assert_eq!(server.get("/iiif/degraded/3/small/info.json").status, 404);
}

#[test]
fn what_depends_on_the_visitor_is_kept_by_the_visitor_alone() {
    let (_work, server) = started(RULES, &["--max-age", "60"]);
    let kept = |path: &str, who: &str| {
        let got = server.ask("GET", path, who);
        let vary = got.headers.get("vary").cloned().unwrap_or_default();
        (
            got.headers["cache-control"].clone(),
            vary.contains("authorization, cookie"),
        )
    };
    let private = ("private, no-cache".to_owned(), true);
    let public = ("public, max-age=60".to_owned(), false);
    for who in ["", ANNA] {
        assert_eq!(kept(&format!("/iiif/3/open/{WHOLE}"), who), public);
        assert_eq!(kept("/iiif/3/open/info.json", who), private);
        assert_eq!(kept("/pages/images.json", who), private);
        assert_eq!(kept("/iiif/presentation/3/collection.json", who), private);
        assert_eq!(
            kept("/iiif/degraded/3/small/full/max/0/default.jpg", who),
            private
        );
    }
    assert_eq!(kept(&format!("/iiif/3/closed/{CORNER}"), ANNA), private);
    assert_eq!(kept("/assets/index.js", ""), ("no-cache".to_owned(), false));
}

#[test]
fn secrets_are_taken_in_all_ways_that_are_offered() {
    let config =
        format!("basic = true\n{RULES}").replace("basic = true\n\n[auth]", "[auth]\nbasic = true");
    let (work, server) = started(&config, &[]);
    let path = format!("/iiif/3/closed/{CORNER}");
    let status = |headers: &str| server.ask("GET", &path, headers).status;
    let basic = |text: &str| format!("authorization: Basic {}\r\n", base64(text));
    for (headers, wanted) in [
        (ANNA.to_owned(), 200),
        ("authorization: bearer secret-of-anna\r\n".into(), 200),
        ("x-api-key: secret-of-anna\r\n".into(), 200),
        (basic("anna:secret-of-anna"), 200),
        (basic("ben:secret-of-anna"), 401),
        (basic("ben:secret-of-ben"), 403),
        (basic("secret-of-anna"), 401),
        ("x-api-key: secret\r\n".into(), 401),
        ("authorization: Bearer secret-of-anna2\r\n".into(), 401),
        ("authorization: Bearer\r\n".into(), 401),
        ("authorization: Digest a=b\r\n".into(), 401),
        ("cookie: recto_session=secret-of-anna\r\n".into(), 401),
    ] {
        assert_eq!(status(&headers), wanted, "{headers}");
    }
    // A wrong secret is refused also where none is needed: who sends it means to be somebody.
    let open = server.ask("GET", "/iiif/3/open/info.json", "x-api-key: wrong\r\n");
    assert_eq!(open.status, 401);
    server.stop();
    // Basic is not offered unless it is said.
    let server = {
        work.write("recto.toml", format!("{RULES}{}", people()));
        Serving::start(&work, &["set.json", "-c", "recto.toml"])
    };
    let got = server.ask("GET", &path, &basic("anna:secret-of-anna"));
    assert_eq!(got.status, 401);
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn a_token_is_hashed_on_the_command_line() {
    let work = archive("");
    let out = work.run_with_stdin("serve", &["--hash-token"], b"a long password\n");
    let hash = out.exits(0).stdout().trim().to_owned();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    let config = format!(
        "[auth]\n[[auth.rules]]\nwho = [\"known\"]\nmay = \"full\"\n\
         [[auth.accounts]]\nuser = \"carl\"\ntoken = \"{hash}\"\n"
    );
    work.write("recto.toml", config);
    let server = Serving::start(&work, &["set.json", "-c", "recto.toml"]);
    let path = format!("/iiif/3/closed/{CORNER}");
    for (token, status) in [
        ("a long password", 200),
        ("a long password", 200),
        ("another", 401),
    ] {
        let header = format!("authorization: Bearer {token}\r\n");
        assert_eq!(server.ask("GET", &path, &header).status, status, "{token}");
    }
    work.run_with_stdin("serve", &["--hash-token"], b"")
        .exits(2);
}

#[test]
fn guessing_is_slowed_down_for_the_guesser_alone() {
    let rules = RULES.replace("[auth]", "[auth]\ntrusted_proxies = [\"127.0.0.1\"]");
    let (_work, server) = started(&rules, &[]);
    let guess = |n: u32, from: &str| {
        let headers = format!("x-api-key: guess-{n}\r\nx-forwarded-for: {from}\r\n");
        server.ask("GET", "/iiif/3/closed/info.json", &headers)
    };
    let statuses: Vec<u16> = (0..14).map(|n| guess(n, "9.9.9.9").status).collect();
    assert_eq!(statuses[..10], [401; 10]);
    assert!(statuses[11..].iter().all(|s| *s == 429), "{statuses:?}");
    assert!(guess(99, "9.9.9.9").headers.contains_key("retry-after"));
    assert_eq!(guess(99, "8.8.8.8").status, 401);
    // Without a secret, anybody goes on.
    let got = server.ask(
        "GET",
        "/iiif/3/open/info.json",
        "x-forwarded-for: 9.9.9.9\r\n",
    );
    assert_eq!(got.status, 200);
}

#[test]
fn clients_have_a_rate() {
    let rules =
        "[auth]\ntrusted_proxies = [\"127.0.0.1\"]\nrate = {per_second = 0.01, burst = 3}\n";
    let (_work, server) = started(rules, &[]);
    let ask = |headers: &str| server.ask("GET", "/iiif/3/open/info.json", headers);
    let address = "x-forwarded-for: 1.1.1.1, 9.9.9.9\r\n";
    for _ in 0..3 {
        assert_eq!(ask(address).status, 200);
    }
    let refused = ask("x-forwarded-for: 2.2.2.2, 9.9.9.9\r\n");
    assert_eq!(refused.status, 429);
    let after: u64 = refused.headers["retry-after"].parse().unwrap();
    assert!((1..=100).contains(&after), "{after}");
    // Another address, and a user from the same one, have buckets of their own.
    assert_eq!(ask("x-forwarded-for: 9.9.9.8\r\n").status, 200);
    assert_eq!(ask(&format!("{address}{ANNA}")).status, 200);
    for _ in 0..9 {
        assert_eq!(server.ask("GET", "/health", address).status, 200);
    }
}

#[test]
fn addresses_are_believed_from_our_proxies_alone() {
    let rule = "[[auth.rules]]\nwho = [\"address:10.0.0.0/8\"]\nmay = \"full\"\n";
    let inside = "x-forwarded-for: 10.1.2.3\r\n";
    let path = format!("/iiif/3/closed/{CORNER}");
    for (proxies, status) in [("[]", 401), ("[\"127.0.0.1\"]", 200)] {
        let rules = format!("[auth]\ntrusted_proxies = {proxies}\n{rule}");
        let (_work, server) = started(&rules, &[]);
        assert_eq!(server.ask("GET", &path, inside).status, status, "{proxies}");
        assert_eq!(server.get(&path).status, 401);
    }
}

#[test]
fn new_pictures_are_made_for_the_privileged_and_kept_for_all() {
    let rules = "[auth]\nderivatives = \"privileged\"\nprivileged = [\"group:staff\"]\n";
    let (_work, server) = started(rules, &[]);
    let path = format!("/iiif/3/open/{CORNER}");
    for method in ["GET", "HEAD"] {
        assert_eq!(server.ask(method, &path, "").status, 401, "{method}");
        assert_eq!(server.ask(method, &path, BEN).status, 403, "{method}");
    }
    assert_eq!(server.ask("GET", &path, ANNA).status, 200);
    assert_eq!(server.get(&path).status, 200);
    assert_eq!(server.ask("HEAD", &path, BEN).status, 200);
    assert_eq!(server.get("/iiif/3/open/full/9,/0/default.jpg").status, 401);
    assert_eq!(server.get("/iiif/3/open/info.json").status, 200);
}

#[test]
fn signed_tokens_are_taken_and_no_others() {
    let rules = format!(
        "{RULES}[auth.jwt]\nalgorithm = \"HS256\"\nkey = \"key\"\naudience = \"recto\"\nissuer = \"me\"\n"
    );
    let work = archive(&format!("{rules}{}", people()));
    let secret = "0123456789abcdef0123456789abcdef";
    work.write("key", format!("{secret}\n"));
    let server = Serving::start(&work, &["set.json", "-c", "recto.toml"]);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let path = format!("/iiif/3/closed/{CORNER}");
    let good =
        json!({"sub": "dora", "groups": ["staff"], "aud": "recto", "iss": "me", "exp": now + 600});
    let with = |key: &str, value: Value| {
        let mut claims = good.clone();
        claims[key] = value;
        claims
    };
    for (claims, key, status) in [
        (good.clone(), secret, 200),
        (with("groups", json!([])), secret, 403),
        (with("exp", json!(now - 600)), secret, 401),
        (with("nbf", json!(now + 600)), secret, 401),
        (with("aud", json!("other")), secret, 401),
        (with("iss", json!("other")), secret, 401),
        (good.clone(), "another key of thirty-two bytes!", 401),
    ] {
        let header = format!("authorization: Bearer {}\r\n", jwt(&claims, key));
        assert_eq!(server.ask("GET", &path, &header).status, status, "{claims}");
    }
    // Keys that are withdrawn are not taken any more.
    let renewed = "another key of thirty-two bytes!";
    work.write("key", renewed);
    crate::robust::signal(&server, "-HUP");
    let status = |key: &str| {
        let header = format!("authorization: Bearer {}\r\n", jwt(&good, key));
        server.ask("GET", &path, &header).status
    };
    recto_testkit::wait_until(|| status(renewed) == 200);
    assert_eq!(status(secret), 401);
    let secret = renewed;
    let unsigned =
        jwt(&good, secret).replace(&base64(r#"{"alg":"HS256"}"#), &base64(r#"{"alg":"none"}"#));
    let header = format!("authorization: Bearer {unsigned}\r\n");
    assert_eq!(server.ask("GET", &path, &header).status, 401);
    // Tokens of accounts are taken beside them.
    assert_eq!(server.ask("GET", &path, ANNA).status, 200);
}

fn jwt(claims: &Value, key: &str) -> String {
    use base64::Engine as _;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let message = format!(
        "{}.{}",
        encode(br#"{"alg":"HS256"}"#),
        encode(claims.to_string().as_bytes())
    );
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
    format!(
        "{message}.{}",
        encode(ring::hmac::sign(&key, message.as_bytes()).as_ref())
    )
}

#[test]
fn a_service_is_asked_and_its_answer_kept_for_a_while() {
    let delegate = Server::start(|asked, _| {
        let asked: Value = serde_json::from_slice(&asked.body).unwrap();
        let json = |text: &str| Answer::Serve(text.as_bytes().to_vec(), "application/json");
        match (asked["id"].as_str().unwrap(), asked["user"].as_str()) {
            ("open", _) => json(r#"{"may": "full"}"#),
            ("closed", Some("anna")) if asked["headers"]["x-ticket"] == "7" => {
                json(r#"{"may": "full"}"#)
            }
            ("closed", _) => json(r#"{"may": "none"}"#),
            ("small", _) => json("<html>not this</html>"),
            _ => Answer::Status(500),
        }
    });
    let rules = format!(
        "[auth]\n[[auth.rules]]\nmay = \"delegate\"\n[auth.delegate]\nurl = \"{}/may\"\nkeep = 600\nheaders = [\"X-Ticket\"]\n",
        delegate.url("")
    );
    let (_work, server) = started(&rules, &[]);
    let status = |id: &str, who: &str| {
        server
            .ask("GET", &format!("/iiif/3/{id}/{CORNER}"), who)
            .status
    };
    for _ in 0..3 {
        assert_eq!(status("open", ""), 200);
        assert_eq!(status("closed", ""), 401);
        assert_eq!(status("closed", ANNA), 403);
        assert_eq!(status("closed", &format!("{ANNA}x-ticket: 7\r\n")), 200);
    }
    // Once for each image, visitor and header that counts.
    let asked = delegate.hits("/may");
    assert!((4..=8).contains(&asked), "{asked}");
    // What cannot be understood closes the image, and is asked for again.
    for id in ["small", "secret"] {
        assert_eq!(status(id, ""), 404, "{id}");
        assert_eq!(status(id, ""), 404, "{id}");
    }
    assert!(delegate.hits("/may") >= asked + 4);
    let listed = words(&server.get("/pages/images.json"));
    assert!(
        listed.contains("\"open\"") && listed.contains("\"closed\""),
        "{listed}"
    );
    assert!(
        !listed.contains("small") && !listed.contains("secret"),
        "{listed}"
    );
    let counts = words(&server.get("/metrics"));
    assert!(counts.contains("\nrecto_delegate_asked_total "), "{counts}");
    assert!(
        counts.contains("\nrecto_delegate_failed_total "),
        "{counts}"
    );
}

#[test]
fn a_service_that_is_silent_or_leads_elsewhere_closes_the_image() {
    let delegate = Server::start(|asked, _| match asked.path.as_str() {
        "/slow" => Answer::Stall(Duration::from_secs(20)),
        "/away" => Answer::Full(307, vec![("location".into(), "/yes".into())], Vec::new()),
        _ => Answer::Serve(br#"{"may": "full"}"#.to_vec(), "application/json"),
    });
    for (path, status) in [("/slow", 404), ("/away", 404), ("/yes", 200)] {
        let url = delegate.url(path);
        let rules = format!(
            "[auth]\n[[auth.rules]]\nmay = \"delegate\"\n[auth.delegate]\nurl = \"{url}\"\ntimeout = 0.3\n"
        );
        let (_work, server) = started(&rules, &[]);
        assert_eq!(
            server.get("/iiif/3/open/info.json").status,
            status,
            "{path}"
        );
    }
}

#[test]
fn a_program_is_asked_on_its_standard_input() {
    let work = archive("");
    work.write(
        "may.sh",
        "asked=$(cat)\ncase $asked in\n*'\"id\":\"open\"'*'\"user\":\"anna\"'*) echo '{\"may\": \"full\"}';;\n\
         *'\"id\":\"small\"'*) echo '{\"may\": \"full\"}'; exit 1;;\n*'\"id\":\"secret\"'*) sleep 20;;\n\
         *) echo '{\"may\": \"none\"}';;\nesac\n",
    );
    work.write("recto.toml", format!(
        "[auth]\n[[auth.rules]]\nmay = \"delegate\"\n[auth.delegate]\ncommand = [\"sh\", \"may.sh\"]\ntimeout = 3\nkeep = 0\n{}",
        people()
    ));
    let server = Serving::start(&work, &["set.json", "-c", "recto.toml"]);
    let status = |id: &str, who: &str| {
        server
            .ask("GET", &format!("/iiif/3/{id}/{CORNER}"), who)
            .status
    };
    assert_eq!(status("open", ANNA), 200);
    assert_eq!(status("open", ""), 401);
    assert_eq!(status("small", ANNA), 404);
    assert_eq!(status("secret", ANNA), 404);
}

#[test]
fn who_may_correct_is_a_rule_and_signs_with_a_name() {
    let (work, server) = started(RULES, &["--review", "review.jsonl"]);
    let body = json!({"concept": "a", "bbox": [1, 2, 3, 4], "author": "Somebody Else"}).to_string();
    let send = |id: &str, who: &str| {
        let headers = format!(
            "{who}content-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        );
        server
            .ask_with("POST", &format!("/review/{id}"), &headers, body.as_bytes())
            .status
    };
    for (id, statuses) in [
        ("open", [401, 403]),
        ("closed", [401, 403]),
        ("secret", [404, 404]),
    ] {
        assert_eq!([send(id, ""), send(id, BEN)], statuses, "{id}");
    }
    assert_eq!(work.text("review.jsonl"), "");
    assert_eq!(send("closed", ANNA), 200);
    let line: Value = serde_json::from_str(work.text("review.jsonl").trim()).unwrap();
    assert!(
        line.to_string().contains("\"anna\"") && !line.to_string().contains("Somebody"),
        "{line}"
    );
    assert_eq!(server.json("/pages/image/closed.json")["review"], false);
    let seen = words(&server.ask("GET", "/pages/image/closed.json", ANNA));
    assert!(seen.contains("\"review\": true"), "{seen}");
}

#[test]
fn contradictions_keep_it_from_starting() {
    let work = archive("");
    work.write("short", "too short");
    let cases = [
        (
            "[auth]\n[[auth.rules]]\nmay = \"degraded\"\n",
            "recto.toml:2:1: may = \"degraded\" needs `degraded`",
        ),
        (
            "[auth]\n[[auth.rules]]\nwho = [\"user:anna\"]\nmay = \"full\"\n",
            "recto.toml:2:1: no visitor can be `user:anna`",
        ),
        (
            "[auth]\n\n[[auth.rules]]\nmay = \"all\"\n",
            "recto.toml:4:7: `all` is not one of hidden",
        ),
        (
            "[auth]\n[[auth.rules]]\nwhere = \"group\"\nmay = \"full\"\n",
            "recto.toml:3:9: `group` is not KEY=VALUE",
        ),
        (
            "[[auth.accounts]]\nuser = \"a\"\ntoken = \"secret\"\n",
            "recto.toml:3:9: token is neither",
        ),
        (
            "[auth]\nsekret = \"a\"\n",
            "recto.toml:2:1: unknown field `sekret`",
        ),
        (
            "[auth.jwt]\nalgorithm = \"HS256\"\nkey = \"short\"\n",
            "short: is shorter than the 32 bytes",
        ),
        (
            "[auth.jwt]\nalgorithm = \"HS256\"\nkey = \"none\"\n",
            "none: no such file",
        ),
        (
            "[auth]\nsecret = \"short\"\n",
            "short: secret is too short: 9 bytes, at least 16 are needed",
        ),
        (
            "[auth]\n[[auth.rules]]\nmay = \"full\"\n",
            "--review is given, but nobody may correct",
        ),
    ];
    for (config, says) in cases {
        work.write("recto.toml", config);
        let mut args = vec!["set.json", "-c", "recto.toml"];
        if says.starts_with("--review") {
            args.extend(["--review", "r.jsonl"]);
        }
        work.run("serve", &args).exits(1).says(&[says]);
    }
}

#[test]
fn scripts_of_listed_sites_may_ask_with_cookies() {
    let rules = RULES.replace("[auth]", "[auth]\norigins = [\"https://viewer.example\"]");
    let (_work, server) = started(&rules, &[]);
    let ask = |origin: &str| {
        let got = server.ask(
            "GET",
            "/iiif/3/closed/info.json",
            &format!("origin: {origin}\r\n"),
        );
        let header = |name: &str| got.headers.get(name).cloned().unwrap_or_default();
        assert!(header("vary").contains("origin"), "{}", header("vary"));
        (
            header("access-control-allow-origin"),
            header("access-control-allow-credentials"),
        )
    };
    assert_eq!(
        ask("https://viewer.example"),
        ("https://viewer.example".into(), "true".into())
    );
    assert_eq!(ask("https://other.example"), ("*".into(), String::new()));
    let got = server.ask(
        "OPTIONS",
        "/auth/probe/closed",
        "origin: https://x.example\r\naccess-control-request-headers: authorization\r\n",
    );
    assert_eq!(got.status, 204);
    assert!(got.headers["access-control-allow-headers"].contains("authorization"));
}

#[test]
fn a_program_with_a_path_is_found_from_the_folder_of_the_configuration() {
    let work = archive("");
    work.write(
        "conf/may.sh",
        "#!/bin/sh\ncat > /dev/null\necho '{\"may\": \"full\"}'\n",
    );
    let script = work.path("conf/may.sh");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    let with = |command: &str| {
        let text = format!(
            "[auth]\n[[auth.rules]]\nmay = \"delegate\"\n[auth.delegate]\ncommand = [\"{command}\"]\n"
        );
        work.write("conf/recto.toml", text);
    };
    let args = ["set.json", "-c", "conf/recto.toml"];
    with("./may.sh");
    let server = Serving::start(&work, &args);
    assert_eq!(server.get("/iiif/3/open/info.json").status, 200);
    with("./none.sh");
    work.run("serve", &[&args[..], &["--listen", "127.0.0.1:0"]].concat())
        .exits(1)
        .says(&["none.sh: no such program"]);
    // What fails later is said too.
    with("recto-no-such-program");
    let server = Serving::start(&work, &args);
    assert_eq!(server.get("/iiif/3/open/info.json").status, 404);
    let (_, _, err) = server.stop();
    assert!(err.contains("the delegate fails"), "{err}");
}
