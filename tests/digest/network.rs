//! `recto-digest` on the network: collections, politeness, cache, and options that say how to ask.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{archive, manifest, observations, serve, texts, with_fast};
use recto_testkit::Workdir;
use recto_testkit::gate::Crowd;
use recto_testkit::server::{Answer, Server};

/// A collection of collections of manifests, paged, with cycles and members named twice.
fn nested(home: &str) -> Vec<(&'static str, Answer)> {
    let at = |path: &str| format!("{home}{path}");
    let collection = |members: Value| {
        serve(&json!({"@type": "sc:Collection", "@id": at("/top"), "members": members}))
    };
    let member = |path: &str| json!({"@id": at(path)});
    vec![
        (
            "/top",
            collection(json!([
                member("/sub"),
                member("/m1"),
                member("/top"),
                member("/m1")
            ])),
        ),
        (
            "/sub",
            serve(
                &json!({"@type": "sc:Collection", "collections": [member("/top")], "first": at("/sub?page=1"), "total": 2}),
            ),
        ),
        (
            "/sub?page=1",
            serve(
                &json!({"type": "Collection", "items": [{"id": "m2", "type": "Manifest"}], "next": at("/sub?page=2")}),
            ),
        ),
        (
            "/sub?page=2",
            serve(
                &json!({"@type": "sc:Collection", "manifests": [at("/m3#x")], "prev": at("/sub?page=1")}),
            ),
        ),
        ("/m1", serve(&manifest(&at("/m1"), &["1", "2"]))),
        ("/m2", serve(&manifest(&at("/m2"), &["1"]))),
        ("/m3", serve(&manifest(&at("/m3"), &["1"]))),
    ]
}

#[test]
fn collections_are_walked_once_in_their_own_order_at_any_number_of_jobs() {
    let server = archive(nested);
    let digests: Vec<Vec<u8>> = ["1", "16"]
        .iter()
        .map(|jobs| {
            let work = Workdir::new();
            let url = server.url("/top");
            let args = [
                "iiif",
                &url,
                "-o",
                "digest.json",
                "--jobs",
                jobs,
                "--report",
                "report.json",
            ];
            work.run("digest", &with_fast(&args)).exits(0);
            let names: Vec<String> = texts(&work, "/id")
                .iter()
                .map(|id| id.replace(&server.url(""), ""))
                .collect();
            assert_eq!(
                names,
                [
                    "/m2/service/1",
                    "/m3/service/1",
                    "/m1/service/1",
                    "/m1/service/2"
                ]
            );
            let report = work.json("report.json");
            let counts = [
                "collections",
                "manifests",
                "canvases",
                "images",
                "services",
                "annotations",
            ]
            .map(|k| report[k].as_u64());
            assert_eq!(counts, [4, 3, 4, 4, 4, 0].map(Some));
            work.read("digest.json")
        })
        .collect();
    assert_eq!(digests[0], digests[1]);
    for path in ["/top", "/sub", "/m1", "/m2", "/m3"] {
        assert_eq!(server.hits(path), 2, "{path}: once per run");
    }
}

#[test]
fn jobs_and_per_host_bound_what_is_asked_at_once() {
    for (jobs, per_host, most) in [("1", "4", 1), ("8", "2", 2)] {
        let crowd = Crowd::of(most);
        let arrived = crowd.clone();
        let server = Server::start(move |request, _| {
            arrived.join();
            let id = format!("https://a.example{}", request.path);
            serve(&manifest(&id, &["1"]))
        });
        let work = Workdir::new();
        let urls: Vec<String> = (0..6).map(|n| server.url(&format!("/{n}"))).collect();
        let mut args = vec![
            "iiif",
            "-o",
            "digest.json",
            "--jobs",
            jobs,
            "--per-host",
            per_host,
        ];
        args.extend(urls.iter().map(String::as_str));
        work.run("digest", &with_fast(&args)).exits(0);
        assert_eq!(crowd.most(), most, "--jobs {jobs} --per-host {per_host}");
    }
}

#[test]
fn annotation_lists_of_canvases_that_nobody_wants_are_not_fetched() {
    let server = archive(|home| {
        let mut book = manifest(&format!("{home}/m"), &["1", "2"]);
        book["sequences"][0]["canvases"][0]["otherContent"] =
            json!([{"@id": format!("{home}/list")}]);
        vec![("/m", serve(&book))]
    });
    let work = Workdir::new();
    let url = server.url("/m");
    work.run(
        "digest",
        &with_fast(&["iiif", &url, "-o", "digest.json", "--label", "page 2"]),
    )
    .exits(0);
    assert_eq!(server.hits("/list"), 0);
}

#[test]
fn programs_are_told_how_far_a_harvest_is() {
    let server = archive(nested);
    let work = Workdir::new();
    let url = server.url("/top");
    let call = ["iiif", &url, "-o", "digest.json", "--progress", "json"];
    let said = work.run("digest", &with_fast(&call)).exits(0).stderr();
    let events: Vec<serde_json::Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    assert_eq!(events[0]["unit"], "documents");
    let totals = events.iter().rfind(|e| e["event"] == "totals").unwrap();
    assert_eq!(totals["finished"], totals["total"], "{totals}");
    assert!(totals["requests"].as_u64() >= Some(5), "{totals}");
    assert_eq!(events.last().unwrap()["event"], "end");
}

#[test]
fn netrc_logs_in() {
    let server = Server::start(|request, _| match request.headers.get("authorization") {
        Some(login) if login == "Basic bWU6YSBi" => serve(&manifest("https://a.example/m", &["1"])),
        _ => Answer::Status(401),
    });
    let work = Workdir::new();
    let url = server.url("/m");
    work.write("netrc", "machine 127.0.0.1 login me password \"a b\"");
    let call = ["iiif", &url, "-o", "digest.json"];
    work.run("digest", &with_fast(&call)).exits(1);
    let call = [&call[..], &["--netrc=netrc"]].concat();
    let warning = "other users can read the passwords";
    work.run("digest", &with_fast(&call))
        .exits(0)
        .says(&[warning]);
}

#[test]
fn a_limit_ends_the_harvest() {
    let server = archive(nested);
    let work = Workdir::new();
    let url = server.url("/top");
    work.run(
        "digest",
        &with_fast(&[
            "iiif",
            &url,
            "-o",
            "digest.json",
            "--limit",
            "1",
            "--jobs",
            "1",
        ]),
    )
    .exits(0);
    assert_eq!(server.hits("/m2"), 1);
    assert_eq!(server.hits("/m3") + server.hits("/m1"), 0);
}

#[test]
fn the_cache_is_asked_to_be_current_and_enough_when_offline() {
    let server = Server::start(|request, before| {
        let id = format!("http://{}/m", request.headers["host"]);
        let fresh = |tag: &str, pages: &[&str]| {
            let body = serde_json::to_vec(&manifest(&id, pages)).unwrap();
            Answer::Full(
                200,
                vec![
                    ("etag".into(), tag.into()),
                    (
                        "last-modified".into(),
                        "Sun, 06 Nov 1994 08:49:37 GMT".into(),
                    ),
                ],
                body,
            )
        };
        let asked = request.headers.get("if-none-match").map(String::as_str);
        match before {
            0 => fresh("\"one\"", &["1"]),
            1 if asked == Some("\"one\"") && request.headers.contains_key("if-modified-since") => {
                Answer::Status(304)
            }
            2 => fresh("\"two\"", &["1", "2"]),
            _ => Answer::Status(500),
        }
    });
    let work = Workdir::new();
    let url = server.url("/m");
    let run = |flags: &[&str], code: i32| {
        let mut args = with_fast(&["iiif", &url, "-o", "digest.json", "--retries", "0"]);
        args.extend(flags);
        work.run("digest", &args).exits(code).stderr()
    };
    assert!(run(&["--cache", "cache", "--offline"], 75).contains("not in the cache"));
    run(&["--cache", "cache"], 0);
    let first = work.read("digest.json");
    run(&["--cache", "cache"], 0);
    assert_eq!(work.read("digest.json"), first, "304: what was kept");
    run(&["--cache", "cache", "--offline"], 0);
    assert_eq!(
        (work.read("digest.json"), server.hits("/m")),
        (first, 2),
        "offline: not asked"
    );
    run(&["--cache", "cache"], 0);
    assert_eq!(observations(&work).len(), 2, "200: what is new");
    run(&["--cache", "cache"], 75);
    assert!(run(&["--offline"], 1).contains("without --offline the document is fetched"));
}

#[test]
fn what_a_server_refuses_comes_with_what_to_do() {
    let cases = [
        (404, "open the URL in a browser: digest needs the manifest"),
        (410, "open the URL in a browser: digest needs the manifest"),
        (401, "authenticate with --bearer TOKEN"),
        (403, "authenticate with --bearer TOKEN"),
        (451, "authenticate with --bearer TOKEN"),
    ];
    for (status, hint) in cases {
        let server = Server::start(move |_, _| Answer::Status(status));
        let work = Workdir::new();
        let url = server.url("/m");
        let args = with_fast(&["iiif", &url, "-o", "digest.json", "--retries", "0"]);
        let ran = work.run("digest", &args);
        ran.exits(1).says(&[&format!("hint: {hint}")]);
    }
}

#[test]
fn the_network_is_used_as_told() {
    let server = Server::start(|request, before| {
        let has =
            |name: &str, value: &str| request.headers.get(name).is_some_and(|v| v.contains(value));
        let good = serve(&manifest("https://a.example/m", &["1"]));
        match request.path.as_str() {
            "/plain" if request.headers["accept"] != "*/*" => Answer::Status(406),
            "/bearer" if !has("authorization", "Bearer word") => Answer::Status(401),
            "/header" if !has("x-key", "word") => Answer::Status(403),
            "/contact" if !has("user-agent", "me@a.example") => Answer::Status(403),
            "/shaky" if before < 2 => Answer::Reset,
            "/slow" => Answer::Stall(Duration::from_secs(5)),
            _ => good,
        }
    });
    let cases: [(&str, &[&str], i32); 10] = [
        ("/plain", &[], 0),
        ("/bearer", &[], 1),
        ("/bearer", &["--bearer", "word"], 0),
        ("/header", &[], 1),
        ("/header", &["--header", "X-Key: word"], 0),
        ("/contact", &[], 1),
        ("/contact", &["--contact", "me@a.example"], 0),
        ("/shaky", &["--retries", "1"], 75),
        ("/shaky", &["--retries", "1"], 0),
        ("/slow", &["--timeout", "0.2", "--retries", "0"], 75),
    ];
    for (path, flags, code) in cases {
        let work = Workdir::new();
        let url = server.url(path);
        let mut args = with_fast(&["iiif", &url, "-o", "digest.json"]);
        args.extend(flags);
        work.run("digest", &args).exits(code);
    }
    let work = Workdir::new();
    let rewrite = format!("https://far.example/={}", server.url("/"));
    work.run(
        "digest",
        &with_fast(&[
            "iiif",
            "https://far.example/m",
            "-o",
            "digest.json",
            "--rewrite",
            &rewrite,
        ]),
    )
    .exits(0);
    assert_eq!(texts(&work, "/id"), ["https://a.example/m/service/1"]);
}

#[test]
fn a_run_that_is_told_to_stop_stops_and_writes_nothing() {
    let server = Server::start(|_, _| Answer::Stall(Duration::from_secs(30)));
    let work = Workdir::new();
    let url = server.url("/m");
    let mut command = work.command("digest", &["iiif", &url, "-o", "digest.json"]);
    let child = command
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    while server.hits("/m") == 0 {
        std::thread::yield_now();
    }
    let id = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status();
    assert!(killed.unwrap().success());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130));
    let words = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(
        words.contains("stopped by SIGTERM: nothing was written") && words.contains("--cache DIR"),
        "{words}"
    );
    assert!(!work.exists("digest.json"));
}

/// Whether a process catches SIGTERM.
fn catches_sigterm(id: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let caught = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() >> 14 & 1 == 1
}

#[test]
fn who_waits_for_a_named_pipe_stops_when_told() {
    let work = Workdir::new();
    let made = std::process::Command::new("mkfifo")
        .arg(work.path("m.json"))
        .status();
    assert!(made.unwrap().success());
    let mut command = work.command("digest", &["iiif", "m.json", "-o", "digest.json"]);
    let mut child = command.spawn().unwrap();
    while !catches_sigterm(child.id()) {
        std::thread::yield_now();
    }
    let id = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status();
    assert!(killed.unwrap().success());
    let since = Instant::now();
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        if since.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("it waits for the pipe");
        }
        std::thread::yield_now();
    };
    assert_eq!(ended.code(), Some(130));
}
