//! Who receives tokens and keys: hosts that the user names, and no other; raziel, its login and its services.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use serde_json::json;

use super::{FAST, account, lab, plain};
use recto_testkit::m3::Lab;
use recto_testkit::server::{Answer, Arrived, Server};
use recto_testkit::{Ran, Workdir};

fn nanomia() -> Lab {
    lab(vec![plain(1, "Nanomia"), plain(2, "Nanomia")])
}

fn run(work: &Workdir, args: &[&str]) -> Ran {
    let own = ["-o", "digest.json", "--report", "report.json"];
    let call = [&["m3", "Nanomia"], args, &own[..], &FAST].concat();
    let mut command = work.command("digest", &call);
    work.run_command(command.env("HOME", work.path("")))
}

/// How many requests of a path beginning with `path` had this value of a header.
fn with(server: &Server, path: &str, header: &str, value: &str) -> usize {
    let log = server.log();
    let of_path = log.iter().filter(|r| r.path.starts_with(path));
    of_path
        .filter(|r| r.headers.get(header).is_some_and(|v| v == value))
        .count()
}

#[test]
fn a_secret_reaches_every_service_of_the_only_host() {
    let server = nanomia().start();
    let [anno, kb, vam] = ["/anno/v1", "/kb/v1", "/vam/v1"].map(|path| server.url(path));
    let services = ["--anno", &anno, "--kb", &kb, "--vam", &vam];
    let cases: [(&[&str], &str, &str); 2] = [
        (&["--bearer", "t"], "authorization", "Bearer t"),
        (&["--header", "X-API-Key: k"], "x-api-key", "k"),
    ];
    for (option, header, value) in cases {
        let work = Workdir::new();
        run(&work, &[option, &services[..]].concat()).exits(0);
        for path in ["/anno", "/kb", "/vam"] {
            assert!(with(&server, path, header, value) > 0, "{path} {header}");
        }
    }
}

#[test]
fn a_secret_for_several_services_is_not_sent_before_its_host_is_named() {
    let (own, public) = (nanomia().start(), nanomia().start());
    let (anno, kb) = (own.url("/anno/v1"), public.url("/kb/v1"));
    let services = ["--anno", &anno, "--kb", &kb];
    let host = own.url("").replace("http://", "");
    let other = public.url("").replace("http://", "");
    let work = Workdir::new();
    let cases = [
        ("--bearer", "t", "authorization"),
        ("--header", "X-API-Key: k", "x-api-key"),
    ];
    for (option, secret, header) in cases {
        run(&work, &[&[option, secret], &services[..]].concat())
            .exits(2)
            .says(&[
                &format!("{header} would be sent to 2 hosts"),
                &host,
                &other,
                "name the host",
            ]);
        assert_eq!(own.log().len() + public.log().len(), 0);
    }
    let token = format!("{host}=t");
    run(&work, &[&["--bearer", &token], &services[..]].concat()).exits(0);
    assert!(with(&own, "/anno", "authorization", "Bearer t") > 0);
    assert_eq!(with(&public, "/", "authorization", "Bearer t"), 0);
}

/// raziel, which gives tokens for `me` and `secret`, and services that want the newest one. Each token is taken `uses`
/// times.
struct Raziel {
    server: Server,
    logins: Arc<AtomicUsize>,
}

fn raziel(services: Option<String>, uses: usize) -> Raziel {
    let (logins, used) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let given = logins.clone();
    let wanted = format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode("me:secret")
    );
    let gate = move |r: &Arrived, _: usize| {
        let authorization = r.headers.get("authorization").cloned().unwrap_or_default();
        if r.path == "/config/auth" {
            if r.method != "POST" || authorization != wanted {
                return Some(Answer::Status(401));
            }
            let number = logins.fetch_add(1, Ordering::SeqCst) + 1;
            used.store(0, Ordering::SeqCst);
            let text = json!({"accessToken": format!("token-{number}")}).to_string();
            return Some(Answer::Serve(text.into(), "application/json"));
        }
        let newest = format!("Bearer token-{}", logins.load(Ordering::SeqCst));
        if authorization != newest || used.fetch_add(1, Ordering::SeqCst) >= uses {
            return Some(Answer::Status(401));
        }
        let base = services
            .clone()
            .unwrap_or_else(|| format!("http://{}", r.headers["host"]));
        let names = [
            ("annosaurus", "anno"),
            ("oni", "kb"),
            ("vampire-squid", "vam"),
        ];
        let list = names.map(|(name, path)| {
            json!({"name": name, "url": format!("{base}/{path}/v1"), "timeoutMillis": 10000, "proxyPath": format!("/{path}")})
        });
        (r.path == "/config/endpoints")
            .then(|| Answer::Serve(json!(list).to_string().into(), "application/json"))
    };
    Raziel {
        server: nanomia().with_fault(gate).start(),
        logins: given,
    }
}

fn netrc(work: &Workdir, host: &str, password: &str) {
    work.write(
        ".netrc",
        format!("machine {host} login me password {password}\n"),
    );
}

#[test]
fn raziel_is_the_only_url_that_is_needed() {
    let raziel = raziel(None, usize::MAX);
    let config = raziel.server.url("/config");
    let work = Workdir::new();
    run(&work, &["--raziel", &config]).exits(1).says(&[
        "/config/endpoints: not allowed (HTTP 401)",
        "--login raziel",
    ]);
    let login = ["--raziel", &config, "--login", "raziel"];
    run(&work, &login).exits(2).says(&[
        "no name and password for 127.0.0.1",
        "`machine 127.0.0.1 login NAME",
    ]);
    netrc(&work, "127.0.0.1", "wrong");
    run(&work, &login)
        .exits(1)
        .says(&["/config/auth refuses the name \"me\" or its password"]);
    netrc(&work, "127.0.0.1", "secret");
    run(&work, &login).exits(0);
    assert_eq!(account(&work), [2, 0, 0]);
    run(&work, &["-c", &config, "--login", "raziel"]).exits(0);
    // Named in a file, and derived from the site.
    for key in [
        "raziel = \"HOME/config\"",
        "config = \"HOME/config\"",
        "site = \"HOME\"",
    ] {
        let text = format!("[m3]\n{key}\n").replace("HOME", &raziel.server.url(""));
        work.write("lab.toml", text);
        run(&work, &["-c", "lab.toml", "--login", "raziel"]).exits(0);
        assert_eq!(account(&work), [2, 0, 0], "{key}");
    }
    run(
        &work,
        &["--anno", "http://lab.example", "--login", "raziel"],
    )
    .exits(2)
    .says(&["its URL is not set", "--raziel URL"]);
}

#[test]
fn a_token_that_is_refused_is_renewed_once() {
    let raziel = raziel(None, 4);
    let (config, work) = (raziel.server.url("/config"), Workdir::new());
    netrc(&work, "127.0.0.1", "secret");
    run(
        &work,
        &["--raziel", &config, "--login", "raziel", "-j", "1"],
    )
    .exits(0);
    assert_eq!(account(&work), [2, 0, 0]);
    assert!(
        raziel.logins.load(Ordering::SeqCst) > 1,
        "the first token was not enough"
    );
    // A service that takes no token is not asked for ever.
    let hopeless = self::raziel(None, 0);
    let config = hopeless.server.url("/config");
    run(&work, &["--raziel", &config, "--login", "raziel"])
        .exits(1)
        .says(&["not allowed (HTTP 401)"]);
    assert!(hopeless.logins.load(Ordering::SeqCst) <= 2);
}

#[test]
fn a_token_does_not_reach_hosts_that_only_raziel_names() {
    let elsewhere = nanomia().start();
    let raziel = raziel(Some(elsewhere.url("")), usize::MAX);
    let (config, work) = (raziel.server.url("/config"), Workdir::new());
    netrc(&work, "127.0.0.1", "secret");
    let host = elsewhere.url("").replace("http://", "");
    let login = ["--raziel", &config, "--login", "raziel"];
    run(&work, &login).exits(0).says(&[
        &format!("the token of --login is not sent to {host}"),
        "--anno",
    ]);
    let sent = || {
        elsewhere
            .log()
            .iter()
            .filter(|r| r.headers.contains_key("authorization"))
            .count()
    };
    assert_eq!(sent(), 0);
    // Named by an option it does.
    let anno = elsewhere.url("/anno/v1");
    run(&work, &[&login[..], &["--anno", &anno]].concat()).exits(0);
    assert!(sent() > 0);
}

#[test]
fn a_password_is_not_sent_on_by_a_redirect() {
    let other = nanomia().start();
    let away = other.url("/config/auth");
    let server = Server::start(move |_, _| {
        Answer::Full(307, vec![("location".into(), away.clone())], vec![])
    });
    let (config, work) = (server.url("/config"), Workdir::new());
    netrc(&work, "127.0.0.1", "secret");
    run(&work, &["--raziel", &config, "--login", "raziel"])
        .exits(1)
        .says(&["use the URL that it redirects to"]);
    assert_eq!(other.log().len(), 0);
}
