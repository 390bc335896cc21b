//! Logging in as viewers have it done: access, token, probe and logout services of the IIIF Authorization Flow 2.0.

use serde_json::{Value, json};

use crate::auth::{ANNA, BEN, RULES, archive, people, started};
use crate::robust::signal;
use crate::running::{Got, Serving, folder, picture};
use recto_testkit::wait_until;

const VIEWER: &str = "https://viewer.example";

fn words(got: &Got) -> String {
    String::from_utf8_lossy(&got.body).into_owned()
}

fn post(server: &Serving, form: &str, headers: &str) -> Got {
    let headers = format!(
        "{headers}content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n",
        form.len()
    );
    server.ask_with("POST", "/auth/login", &headers, form.as_bytes())
}

/// The cookie of a login, as the browser sends it back.
fn cookie(got: &Got) -> String {
    let value = got.headers["set-cookie"].split(';').next().unwrap();
    format!("cookie: other=1; {value}\r\n")
}

/// What the token service posts to the viewer.
fn message(server: &Serving, query: &str, cookie: &str) -> Value {
    let got = server.ask("GET", &format!("/auth/token?{query}"), cookie);
    assert_eq!(got.status, 200);
    let page = words(&got);
    let (_, rest) = page.split_once("data-message=\"").unwrap();
    let text = rest
        .split_once('"')
        .unwrap()
        .0
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    serde_json::from_str(&text).unwrap()
}

fn probe(server: &Serving, id: &str, token: &str) -> Value {
    let header = format!("authorization: Bearer {token}\r\norigin: {VIEWER}\r\n");
    let got = server.ask("GET", &format!("/auth/probe/{id}"), &header);
    assert_eq!(got.status, 200, "§5.2: the response itself is always 200");
    assert_eq!(got.headers["access-control-allow-origin"], "*");
    serde_json::from_slice(&got.body).unwrap()
}

#[test]
fn services_stand_in_every_document_of_what_is_not_open_to_all() {
    let (_work, server) = started(RULES, &[]);
    let services = |service: &Value| {
        let access = &service["service"][0];
        let below = access["service"].as_array().unwrap();
        json!([
            service["type"],
            service["id"],
            access["type"],
            access["profile"],
            access["id"],
            below[0]["type"],
            below[0]["id"],
            below[1]["type"],
            below[1]["id"],
        ])
    };
    let wanted = |id: &str| {
        let base = "http://pictures.example/auth";
        json!([
            "AuthProbeService2",
            format!("{base}/probe/{id}"),
            "AuthAccessService2",
            "active",
            format!("{base}/login"),
            "AuthAccessTokenService2",
            format!("{base}/token"),
            "AuthLogoutService2",
            format!("{base}/logout"),
        ])
    };
    let context = json!([
        "http://iiif.io/api/auth/2/context.json",
        "http://iiif.io/api/image/3/context.json"
    ]);
    for id in ["small", "closed"] {
        let info = server.json(&format!("/iiif/3/{id}/info.json"));
        assert_eq!(info["@context"], context);
        assert_eq!(
            (&info["width"], services(&info["service"][0])),
            (&json!(1600), wanted(id))
        );
        // Mirador 4.0 shows nothing where a service has no profile.
        assert_eq!(info["service"][0]["profile"], "probe");
    }
    // Viewers that know 1.0 only offer to log in when this is refused.
    let got = server.get("/iiif/2/closed/info.json");
    assert_eq!(got.status, 401);
    let info: Value = serde_json::from_slice(&got.body).unwrap();
    let old = &info["service"][1];
    assert_eq!(old["profile"], "http://iiif.io/api/auth/1/login");
    assert_eq!(
        old["service"][0]["profile"],
        "http://iiif.io/api/auth/1/token"
    );
    assert_eq!(info["@context"], "http://iiif.io/api/image/2/context.json");
    assert_eq!(
        info["service"][0]["@context"],
        "http://iiif.io/api/auth/2/context.json"
    );
    assert_eq!(services(&info["service"][0]), wanted("closed"));
    let manifest = server.json("/iiif/presentation/3/Closed/manifest.json");
    assert_eq!(
        manifest["@context"][1],
        "http://iiif.io/api/presentation/3/context.json"
    );
    let body = &manifest["items"][0]["items"][0]["items"][0]["body"];
    assert_eq!(
        services(&body["service"][0]["service"][0]),
        wanted("closed")
    );
    let manifest = server.json("/iiif/presentation/2/Closed/manifest.json");
    let resource = &manifest["sequences"][0]["canvases"][0]["images"][0]["resource"];
    assert_eq!(
        services(&resource["service"]["service"][0]),
        wanted("closed")
    );
    // What is open says nothing of it.
    for path in [
        "/iiif/3/open/info.json",
        "/iiif/2/open/info.json",
        "/iiif/presentation/3/Open/manifest.json",
    ] {
        assert!(!words(&server.get(path)).contains("/auth/"), "{path}");
    }
}

#[test]
fn a_viewer_logs_somebody_in_and_out() {
    let (_work, server) = started(RULES, &[]);
    let before = probe(&server, "closed", "");
    assert_eq!(
        (&before["type"], &before["status"]),
        (&json!("AuthProbeResult2"), &json!(401))
    );
    assert!(before["heading"]["en"].is_array() && before.get("substitute").is_none());
    let small = probe(&server, "small", "");
    assert_eq!(small["status"], 401);
    assert_eq!(small["substitute"][0]["type"], "ImageService3");
    assert_eq!(
        small["substitute"][0]["id"],
        "http://pictures.example/iiif/degraded/3/small"
    );
    assert_eq!(probe(&server, "open", "")["status"], 200);

    let page = server.get(&format!("/auth/login?origin={VIEWER}"));
    let text = words(&page);
    assert!(
        page.status == 200 && text.contains(VIEWER) && text.contains("type=\"password\""),
        "{text}"
    );
    assert!(page.headers["content-security-policy"].contains("frame-ancestors 'none'"));

    let asked = format!("messageId=m%22%3C1&origin={VIEWER}");
    let none = message(&server, &asked, "");
    assert_eq!(
        (&none["type"], &none["profile"], &none["messageId"]),
        (
            &json!("AuthAccessTokenError2"),
            &json!("missingAspect"),
            &json!("m\"<1")
        )
    );

    let got = post(
        &server,
        &format!("token=secret-of-anna&origin={VIEWER}"),
        "",
    );
    assert_eq!(got.status, 200);
    assert!(words(&got).contains("done.js"), "the tab closes itself");
    let set = &got.headers["set-cookie"];
    assert!(
        set.contains("; HttpOnly; SameSite=Lax") && set.contains("Max-Age=43200"),
        "{set}"
    );
    assert!(!set.contains("anna"), "{set}");
    let cookie = cookie(&got);

    let told = message(&server, &asked, &cookie);
    assert_eq!(told["@context"], "http://iiif.io/api/auth/2/context.json");
    assert_eq!(
        (&told["type"], &told["messageId"], &told["expiresIn"]),
        (&json!("AuthAccessToken2"), &json!("m\"<1"), &json!(3600))
    );
    let token = told["accessToken"].as_str().unwrap();
    assert_eq!(
        probe(&server, "closed", token),
        json!({"@context": "http://iiif.io/api/auth/2/context.json", "type": "AuthProbeResult2", "status": 200})
    );
    assert_eq!(probe(&server, "secret", token)["status"], 200);

    // The cookie opens images, the access token nothing but probes, and the cookie no probes.
    let image = "/iiif/3/closed/full/max/0/default.jpg";
    assert_eq!(server.ask("GET", image, &cookie).status, 200);
    let bearer = format!("authorization: Bearer {token}\r\n");
    assert_eq!(server.ask("GET", image, &bearer).status, 401);
    assert_eq!(
        server
            .ask("GET", image, &format!("cookie: recto_session={token}\r\n"))
            .status,
        401
    );
    let sealed = cookie.trim().rsplit('=').next().unwrap();
    assert_eq!(probe(&server, "closed", sealed)["status"], 401);

    // Who is logged in and may not is told so.
    let ben = post(
        &server,
        "user=&token=secret-of-ben&origin=https://viewer.example",
        "",
    );
    let ben = message(&server, &asked, &self::cookie(&ben));
    let denied = probe(&server, "small", ben["accessToken"].as_str().unwrap());
    assert_eq!(denied["status"], 403);
    assert!(denied["substitute"].is_array());

    let out = server.ask("GET", "/auth/logout", &cookie);
    assert!(out.headers["set-cookie"].starts_with("recto_session=; Path=/; Max-Age=0"));
    assert_eq!(server.ask("GET", image, &cookie).status, 401);
    assert_eq!(probe(&server, "closed", token)["status"], 401);
    assert_eq!(
        message(&server, &asked, &cookie)["profile"],
        "expiredAspect"
    );
}

#[test]
fn access_tokens_go_to_the_sites_that_were_named_at_the_login() {
    let rules = RULES.replace(
        "[auth]",
        "[auth]\norigins = [\"https://listed.example\"]\naccess = 60",
    );
    let (_work, server) = started(&rules, &[]);
    let session = cookie(&post(
        &server,
        &format!("token=secret-of-anna&origin={VIEWER}"),
        "",
    ));
    let profile = |origin: &str, cookie: &str| {
        let told = message(&server, &format!("messageId=1&origin={origin}"), cookie);
        told["profile"]
            .as_str()
            .or(told["type"].as_str())
            .unwrap()
            .to_owned()
    };
    assert_eq!(profile(VIEWER, &session), "AuthAccessToken2");
    assert_eq!(
        profile("https://listed.example", &session),
        "AuthAccessToken2"
    );
    assert_eq!(profile("https://evil.example", &session), "invalidOrigin");
    assert_eq!(
        profile(VIEWER, "cookie: recto_session=abc\r\n"),
        "invalidAspect"
    );
    let told = message(&server, &format!("origin={VIEWER}"), &session);
    assert_eq!(told["profile"], "invalidRequest");
    let told = message(&server, &format!("messageId=1&origin={VIEWER}"), &session);
    assert_eq!(told["expiresIn"], 60);
    for origin in [
        "",
        "*",
        "https://viewer.example/path",
        "javascript:alert(1)",
        "null",
    ] {
        let got = server.ask(
            "GET",
            &format!("/auth/token?messageId=1&origin={origin}"),
            &session,
        );
        assert_eq!(got.status, 400, "{origin}");
    }
    // Who is logged in names a further site without the token.
    let page = words(&server.ask("GET", "/auth/login?origin=https://second.example", &session));
    assert!(
        page.contains("logged in as anna") && page.contains("https://second.example"),
        "{page}"
    );
    let session = cookie(&post(
        &server,
        "token=&origin=https://second.example",
        &session,
    ));
    for origin in [VIEWER, "https://second.example"] {
        assert_eq!(profile(origin, &session), "AuthAccessToken2", "{origin}");
    }
    // The page around the frame is the one that was named, and nothing asked is markup.
    let got = server.ask(
        "GET",
        &format!("/auth/token?messageId=%3Cscript%3E&origin={VIEWER}"),
        &session,
    );
    assert!(got.headers["content-security-policy"].ends_with(&format!("frame-ancestors {VIEWER}")));
    assert!(!words(&got).contains("<script>"), "{}", words(&got));
}

#[test]
fn logins_that_are_wrong_or_from_elsewhere_are_refused() {
    let (_work, server) = started(RULES, &[]);
    for (form, says) in [
        ("token=wrong", "is wrong"),
        ("user=ben&token=secret-of-anna", "is wrong"),
        ("token=", "Please enter a token"),
        ("", "Please enter a token"),
    ] {
        let got = post(&server, form, "");
        assert_eq!(got.status, 401, "{form}");
        assert!(
            !got.headers.contains_key("set-cookie") && words(&got).contains(says),
            "{form}"
        );
    }
    let got = post(
        &server,
        "token=secret-of-anna",
        "origin: https://evil.example\r\n",
    );
    assert_eq!(got.status, 403);
    let got = post(
        &server,
        "user=anna&token=secret-of-anna",
        "origin: http://pictures.example\r\n",
    );
    assert_eq!((got.status, &*got.headers["location"]), (303, "../"));
    let back = |back: &str| {
        let got = post(&server, &format!("token=secret-of-anna&back={back}"), "");
        got.headers["location"].clone()
    };
    assert_eq!(back("/view/closed"), "../view/closed");
    assert_eq!(back("//evil.example"), "../");
    assert_eq!(server.ask("DELETE", "/auth/login", "").status, 405);
    assert_eq!(server.get("/auth/other").status, 404);
    let page = server.get("/auth/login?back=%22%3E%3Cscript%3E&origin=%22%3E");
    assert!(!words(&page).contains("<script>"));
    assert_eq!(post(&server, &"x".repeat(70_000), "").status, 413);
}

#[test]
fn cookies_go_to_viewers_over_tls_alone() {
    let rules = RULES.replace(
        "[auth]",
        "[auth]\ntrusted_proxies = [\"127.0.0.1\"]\nsession = 100",
    );
    let (_work, server) = started(&rules, &[]);
    let set = |headers: &str| {
        post(&server, "token=secret-of-anna", headers).headers["set-cookie"].clone()
    };
    assert!(
        set("x-forwarded-proto: https\r\n")
            .ends_with("Max-Age=100; HttpOnly; SameSite=None; Secure")
    );
    assert!(set("").ends_with("HttpOnly; SameSite=Lax"));
    let got = server.ask(
        "GET",
        "/iiif/3/closed/info.json",
        "x-forwarded-proto: https\r\n",
    );
    let info: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(info["id"], "https://pictures.example/iiif/3/closed");
    let (_work, server) = started(RULES, &["--base-url", "https://images.example"]);
    let got = post(&server, "token=secret-of-anna", "");
    assert!(got.headers["set-cookie"].ends_with("SameSite=None; Secure"));
    for (origin, status) in [
        ("https://images.example", 303),
        ("https://images.example.evil.example", 403),
        ("https://images", 403),
    ] {
        let got = post(
            &server,
            "token=secret-of-anna",
            &format!("origin: {origin}\r\n"),
        );
        assert_eq!(got.status, status, "{origin}");
    }
    // Nobody is believed who is no proxy of ours.
    let (_work, server) = started(RULES, &[]);
    let got = post(
        &server,
        "token=secret-of-anna",
        "x-forwarded-proto: https\r\n",
    );
    assert!(got.headers["set-cookie"].ends_with("SameSite=Lax"));
}

#[test]
fn sessions_outlive_the_program_with_a_secret_and_end_with_the_account() {
    let rules = RULES.replace("[auth]", "[auth]\nsecret = \"secret.key\"");
    let work = archive(&format!("{rules}{}", people()));
    work.write("secret.key", "0123456789abcdef");
    let args = ["set.json", "-c", "recto.toml"];
    let image = "/iiif/3/closed/full/max/0/default.jpg";
    let server = Serving::start(&work, &args);
    let session = cookie(&post(&server, "token=secret-of-anna", ""));
    server.stop();
    let server = Serving::start(&work, &args);
    assert_eq!(server.ask("GET", image, &session).status, 200);
    server.stop();
    work.write(
        "recto.toml",
        format!("{rules}{}", people()).replace("\"anna\"", "\"anne\""),
    );
    let server = Serving::start(&work, &args);
    assert_eq!(server.ask("GET", image, &session).status, 401);
    assert_eq!(server.ask("GET", image, ANNA).status, 200);
    // Without a secret the session ends with the program.
    let (_work, server) = started(RULES, &[]);
    assert_eq!(server.ask("GET", image, &session).status, 401);
}

#[test]
fn viewers_that_know_1_are_sent_to_the_tier_that_is_open() {
    let (_work, server) = started(RULES, &[]);
    let path = "/iiif/2/small/info.json";
    for who in ["", BEN] {
        let got = server.ask("GET", path, who);
        let to = "http://pictures.example/iiif/degraded/2/small/info.json";
        assert_eq!((got.status, &*got.headers["location"]), (302, to), "{who}");
    }
    // The description of the tier names the log-in to the whole, and all that it offers may be had.
    let tier = server.json("/iiif/degraded/2/small/info.json");
    assert_eq!(tier["width"], 400);
    let services = tier["service"].as_array().unwrap();
    assert_eq!(services.len(), 1);
    assert_eq!(services[0]["profile"], "http://iiif.io/api/auth/1/login");
    let side = &tier["tiles"][0]["width"];
    let tile = format!("/iiif/degraded/2/small/0,0,{side},{side}/full/0/default.jpg");
    assert_eq!(server.get(&tile).status, 200);
    let whole: Value = serde_json::from_slice(&server.ask("GET", path, ANNA).body).unwrap();
    assert_eq!(whole["width"], 1600);
    // Version 2.0 has the probe service for that.
    assert_eq!(server.json("/iiif/3/small/info.json")["width"], 1600);
}

#[test]
fn what_everybody_may_see_by_a_later_rule_needs_no_log_in() {
    let rules = "[auth]\n[[auth.rules]]\nwho = [\"group:staff\"]\nmay = \"review\"\n\
        [[auth.rules]]\nwhere = \"group=Open\"\nmay = \"full\"\n";
    let (_work, server) = started(rules, &[]);
    for (id, is_restricted) in [("open", false), ("closed", true)] {
        let info = server.json(&format!("/iiif/3/{id}/info.json"));
        assert_eq!(info.get("service").is_some(), is_restricted, "{id}");
    }
}

#[test]
fn access_tokens_are_no_wrong_secrets_where_they_prove_nothing() {
    let (_work, server) = started(RULES, &[]);
    let session = cookie(&post(
        &server,
        &format!("token=secret-of-anna&origin={VIEWER}"),
        "",
    ));
    let told = message(&server, &format!("messageId=1&origin={VIEWER}"), &session);
    let token = told["accessToken"].as_str().unwrap();
    let bearer = format!("authorization: Bearer {token}\r\n");
    let image = "/iiif/3/closed/full/9,/0/default.jpg";
    let paths = [
        ("/iiif/presentation/2/Open/manifest.json", 200),
        ("/iiif/presentation/3/Open/search?q=x", 200),
        ("/iiif/3/open/full/9,/0/default.jpg", 200),
        (image, 401),
    ];
    let all = |state: &str| {
        // More often than anybody may be wrong.
        for (path, status) in paths.repeat(4) {
            let got = server.ask("GET", path, &bearer);
            assert_eq!(got.status, status, "{state} {path}");
        }
    };
    all("valid");
    // The session beside it counts.
    let both = format!("{bearer}{session}");
    assert_eq!(server.ask("GET", image, &both).status, 200);
    server.ask("GET", "/auth/logout", &session);
    all("ended");
    let info = server.ask("GET", "/iiif/3/closed/info.json", &bearer);
    assert_eq!(info.status, 200);
    assert_eq!(post(&server, "token=typo", "").status, 401);
}

#[test]
fn viewers_and_programs_that_know_1_get_tokens_as_it_says() {
    let (_work, server) = started(RULES, &[]);
    // The origin of 1.0 ends with a slash (§2.1.2).
    let origin = format!("{VIEWER}/");
    let got = post(
        &server,
        &format!("token=secret-of-anna&origin={origin}"),
        "",
    );
    let session = cookie(&got);
    let told = message(&server, &format!("messageId=1&origin={origin}"), &session);
    assert!(told["accessToken"].is_string(), "{told}");
    let page = server.get("/auth/login?origin=https://viewer.example/page");
    assert!(words(&page).contains("is not the origin of a site"));
    // Programs ask without an origin, and get JSON (§2.2.3, §2.2.6).
    let token = |cookie: &str| {
        let got = server.ask("GET", "/auth/token", cookie);
        assert_eq!(got.headers["content-type"], "application/json");
        assert_eq!(got.headers["cache-control"], "no-store");
        let answer: Value = serde_json::from_slice(&got.body).unwrap();
        (got.status, answer)
    };
    let (status, answer) = token(&session);
    assert_eq!((status, &answer["expiresIn"]), (200, &json!(3600)));
    let sealed = answer["accessToken"].as_str().unwrap();
    assert_eq!(probe(&server, "closed", sealed)["status"], 200);
    for (cookie, error) in [
        ("", "missingCredentials"),
        ("cookie: recto_session=abc\r\n", "invalidCredentials"),
    ] {
        let (status, answer) = token(cookie);
        assert_eq!((status, &answer["error"]), (401, &json!(error)));
    }
}

#[test]
fn rules_are_read_again_at_sighup_and_sessions_last() {
    let open = format!("[auth]\notherwise = \"full\"\n{}", people());
    let known = "[[auth.rules]]\nwho = [\"known\"]\nmay = \"full\"\n";
    let closed = format!("[auth]\notherwise = \"hidden\"\n{known}{}", people());
    let work = folder();
    work.write("c.toml", &open);
    let server = Serving::start(&work, &["pictures", "-c", "c.toml"]);
    let [session, ended] = [0, 1].map(|_| cookie(&post(&server, "token=secret-of-anna", "")));
    server.ask("GET", "/auth/logout", &ended);
    let image = "/iiif/3/a/full/9,/0/default.jpg";
    let status = |sender: &str| server.ask("GET", image, sender).status;
    let list = || server.get("/iiif/presentation/3/collection.json").body;
    let shown = list();
    assert_eq!([status(""), status(&session)], [200, 200]);
    work.write("c.toml", &closed);
    signal(&server, "-HUP");
    wait_until(|| status("") == 404);
    assert_eq!(
        [status(&session), status(ANNA), status(&ended)],
        [200, 200, 404]
    );
    // What was made for everybody before is not shown any more.
    assert_ne!(list(), shown);
    // (what is written, what is said of it)
    let cases = [
        ("broken [".to_owned(), "stays as it was: c.toml:1:"),
        (
            String::new(),
            "stays as it was: c.toml: there is no [auth] any more",
        ),
        (
            format!("{open}[auth.jwt]\nalgorithm = \"ES256\"\nkey = \"no.pem\"\n"),
            "no.pem",
        ),
        (
            open.replace("[auth]", "[auth]\nsecret = \"no.key\""),
            "no.key",
        ),
        (open.replace("full", "maybe"), "c.toml:2:"),
        (
            format!("{closed}[requests.info]\nmax_age = 55\n[pdf]\npatience = 9\n"),
            "[auth] of c.toml read again; [pdf], [requests] changed there too and stay as at the start",
        ),
    ];
    let images = || server.json("/health")["images"].as_u64().unwrap();
    for (n, (text, _)) in (1..).zip(&cases) {
        work.write("c.toml", text)
            .write(&format!("pictures/new{n}.png"), picture(9, 9));
        signal(&server, "-HUP");
        // Files are read after the rules, also where those are not taken.
        wait_until(|| images() == 2 + n);
        let seen = [status(""), status(&session), status(&ended)];
        assert_eq!(seen, [404, 200, 404], "{text}");
    }
    let (_, _, said) = server.stop();
    for (text, words) in &cases {
        assert!(said.contains(words), "{text}: {said}");
    }
}
