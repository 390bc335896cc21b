//! Behind proxies: whose a request is, which URIs its answer has, whose cookies are sent, and paths that were decoded on the way.

use serde_json::Value;

use crate::auth::{ANNA, RULES, started};
use crate::running::{Got, Serving, folder, picture};

const PICTURE: &str = "/iiif/3/a/full/9,/0/default.jpg";
/// Proxies are on this machine and in a network of their own; who is in the house may see the pictures.
const HOUSE: &str = "[auth]\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\nhealth = [\"address:127.0.0.0/8\"]\n\
    otherwise = \"none\"\n[[auth.rules]]\nwho = [\"address:127.0.0.0/8\"]\nmay = \"full\"\n";

#[test]
fn a_visitor_is_who_our_proxies_say_and_never_the_proxy() {
    let work = folder();
    work.write("c.toml", HOUSE);
    let args = ["pictures", "-c", "c.toml", "--access-log", "log.jsonl"];
    let server = Serving::start(&work, &args);
    // What proxies say, and whom the log names. Who sends nothing of the kind is in the house.
    let cases = [
        ("", "127.0.0.1"),
        ("x-forwarded-for: 8.8.8.8\r\n", "8.8.8.8"),
        ("x-forwarded-for: 8.8.8.8:51234\r\n", "8.8.8.8"),
        ("x-forwarded-for: [2001:db8::1]:51234\r\n", "2001:db8::1"),
        ("x-forwarded-for: 127.0.0.1, nobody\r\n", "unknown"),
        (
            "forwarded: for=8.8.8.8;proto=https;host=pub.example\r\n",
            "8.8.8.8",
        ),
        ("forwarded: for=\"[2001:db8::1]:4711\"\r\n", "2001:db8::1"),
        ("forwarded: for=_hidden\r\n", "unknown"),
        ("forwarded: for=8.8.8.8, for=10.1.1.1\r\n", "8.8.8.8"),
        (
            "x-forwarded-for: 8.8.8.8\r\nforwarded: for=127.0.0.2\r\n",
            "unknown",
        ),
    ];
    for (headers, client) in cases {
        let status = if client == "127.0.0.1" { 200 } else { 401 };
        for path in [PICTURE, "/health"] {
            let got = server.ask("GET", path, headers);
            assert_eq!(got.status, status, "{path} {headers}");
        }
    }
    // Nor do the mistakes of one visitor count for all.
    let guess = |from: &str| {
        let headers = format!("x-api-key: guess\r\nforwarded: for={from}\r\n");
        server.ask("GET", PICTURE, &headers).status
    };
    let guesses: Vec<u16> = (0..12).map(|_| guess("6.6.6.6")).collect();
    assert_eq!((guesses[0], guesses[11]), (401, 429), "{guesses:?}");
    assert_eq!(guess("9.9.9.9"), 401);
    server.stop();
    let log = work.text("log.jsonl");
    let clients = log.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["client"].as_str().unwrap().to_owned()
    });
    let clients: Vec<String> = clients.take(2 * cases.len()).collect();
    let wanted: Vec<&str> = cases.iter().flat_map(|(_, client)| [*client; 2]).collect();
    assert_eq!(clients, wanted);
}

#[test]
fn uris_are_what_the_client_used_before_all_proxies() {
    let work = folder();
    let trusted = "[auth]\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\n";
    work.write("c.toml", trusted);
    let server = Serving::start(&work, &["pictures", "-c", "c.toml"]);
    let cases = [
        (
            "x-forwarded-for: 8.8.8.8, 10.1.1.1\r\nx-forwarded-proto: https, http\r\nx-forwarded-host: pub.example, in.local\r\n",
            "https://pub.example",
        ),
        (
            "forwarded: for=8.8.8.8;proto=https;host=pub.example, for=10.1.1.1;proto=http;host=in.local\r\n",
            "https://pub.example",
        ),
        (
            "forwarded: for=1.1.1.1;host=evil.example, for=8.8.8.8;host=pub.example\r\n",
            "http://pub.example",
        ),
        (
            "x-forwarded-proto: https\r\nx-forwarded-port: 8443\r\n",
            "https://pictures.example:8443",
        ),
        (
            "x-forwarded-proto: https\r\nx-forwarded-port: 443\r\n",
            "https://pictures.example",
        ),
    ];
    for (headers, base) in cases {
        let got = server.ask("GET", "/iiif/3/a/info.json", headers);
        let info: Value = serde_json::from_slice(&got.body).unwrap();
        assert_eq!(info["id"], format!("{base}/iiif/3/a"), "{headers}");
    }
}

/// Anna logs in.
fn log_in(server: &Serving, prefix: &str, headers: &str) -> Got {
    let form = "token=secret-of-anna";
    let headers = format!(
        "{headers}content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n",
        form.len()
    );
    server.ask_with(
        "POST",
        &format!("{prefix}/auth/login"),
        &headers,
        form.as_bytes(),
    )
}

#[test]
fn sessions_are_for_the_paths_of_their_server_alone() {
    let rules = RULES.replace("[auth]", "[auth]\ntrusted_proxies = [\"127.0.0.1\"]");
    let path = |got: &Got| {
        let parts = got.headers["set-cookie"].split("; ");
        let mut paths = parts.filter_map(|part| part.strip_prefix("Path="));
        paths.next().unwrap().to_owned()
    };
    let (_work, server) = started(&rules, &[]);
    let ours = log_in(&server, "", "x-forwarded-prefix: /archive/\r\n");
    assert_eq!(path(&ours), "/archive");
    assert_eq!(path(&log_in(&server, "", "")), "/");
    let (_work, below) = started(&rules, &["--path-prefix", "/api/iiif"]);
    let other = log_in(&below, "/api/iiif", "");
    assert_eq!(path(&other), "/api/iiif");
    let (_work, based) = started(&rules, &["--base-url", "https://pub.example/x"]);
    assert_eq!(path(&log_in(&based, "", "")), "/x");

    // A browser sends those of all paths that a path is below, perhaps one of another server first.
    let value = |got: &Got| {
        got.headers["set-cookie"]
            .split(';')
            .next()
            .unwrap()
            .to_owned()
    };
    let both = format!("cookie: {}; {}\r\n", value(&other), value(&ours));
    let image = "/iiif/3/closed/full/9,/0/default.jpg";
    assert_eq!(server.ask("GET", image, &both).status, 200);
    let out = server.ask(
        "GET",
        "/auth/logout",
        &format!("x-forwarded-prefix: /archive\r\n{both}"),
    );
    assert_eq!(path(&out), "/archive");
    assert_eq!(server.ask("GET", image, &both).status, 401);
    assert_eq!(server.ask("GET", image, ANNA).status, 200);
}

#[test]
fn identifiers_are_found_where_a_proxy_decoded_their_slashes() {
    let work = folder();
    work.write("pictures/x/y/d.png", picture(20, 10));
    let server = Serving::start(&work, &["pictures"]);
    for path in [
        "/iiif/3/in%20b/c/info.json",
        "/iiif/2/in%20b/c/info.json",
        "/iiif/3/x/y/d/full/max/0/default.jpg",
        "/view/in%20b/c",
        "/pages/image/x/y/d.json",
        "/pages/boxes/x/y/d.json",
        "/iiif/presentation/3/x/y/manifest.json",
        "/iiif/presentation/2/x/y/search?q=a",
        "/iiif/presentation/3/x/y/canvas/1/annotations.json",
    ] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    assert_eq!(server.get("/iiif/preset/Twitter/x/y/d").status, 302);
    // URIs are written as before.
    let info = server.json("/iiif/3/x/y/d/info.json");
    assert_eq!(info["id"], "http://pictures.example/iiif/3/x%2Fy%2Fd");
    for path in [
        "/iiif/3/x/d/info.json",
        "/iiif/presentation/3/x/z/manifest.json",
        "/view/x/y",
    ] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
}
