//! A download that is killed a hundred times, at moments that a seeded generator picks, and goes on each time.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use recto_testkit::iiif::Origin;
use recto_testkit::server::{Answer, Server};
use recto_testkit::{Running, Workdir, wait_until};
use serde_json::{Value, json};

const KILLS: usize = 100;
const PLAIN: usize = 150;
const TILED: usize = 60;
const JOBS: usize = 4;
const PER_HOST: usize = 4;

fn origin() -> Origin {
    Origin {
        width: 256,
        height: 192,
        cap: Some(64),
        declared: true,
        ..Origin::default()
    }
}

fn jpeg(shade: u8) -> Vec<u8> {
    recto_testkit::dataset::picture(48, 32, shade.into(), image::ImageFormat::Jpeg)
}

fn archive() -> Server {
    Server::start(|request, _| {
        std::thread::sleep(Duration::from_millis(2));
        match request.path.strip_prefix("/p/") {
            Some(n) => Answer::Serve(jpeg(n.parse::<usize>().unwrap() as u8), "image/jpeg"),
            None => origin().answer(request),
        }
    })
}

fn images(server: &Server) -> Value {
    let image = |id: String, image: Value| json!({"id": id, "group": "g", "image": image, "source": {"kind": "iiif"}});
    let plain = (0..PLAIN).map(|n| {
        image(
            format!("p{n}"),
            json!({"url": server.url(&format!("/p/{n}"))}),
        )
    });
    let tiled = (0..TILED).map(|n| {
        let service = json!({"id": server.url(&format!("/iiif/t{n}")), "version": 2});
        image(format!("t{n}"), json!({"service": service}))
    });
    // Mixed, so that kills meet both.
    let mut all: Vec<Value> = plain.chain(tiled).collect();
    all.sort_by_key(|image| recto::files::hex_digest(image["id"].as_str().unwrap().as_bytes(), 8));
    json!({"contract": "recto/localizations", "version": 1, "images": all})
}

fn call<'a>(jobs: &'a str, per_host: &'a str) -> Vec<&'a str> {
    vec![
        "localizations.json",
        "images",
        "--rate",
        "0",
        "--backoff",
        "0.01",
        "-j",
        jobs,
        "--per-host",
        per_host,
        "-q",
    ]
}

/// What is published, without the work under way and the journal, whose order is that of arrival.
fn published(work: &Workdir) -> BTreeMap<String, Vec<u8>> {
    let mut tree = work.tree("images");
    tree.retain(|name, _| name != "downloads.jsonl" && !name.starts_with(".recto"));
    tree.insert("image_map.json".into(), work.read("image_map.json"));
    tree.insert("failures.csv".into(), work.read("failures.csv"));
    tree
}

/// The paths of finished images, as the journal has them.
fn finished(work: &Workdir) -> HashSet<String> {
    if !work.exists("images/downloads.jsonl") {
        return HashSet::new();
    }
    let text = work.text("images/downloads.jsonl");
    let whole = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
    let uri = |line: &str| {
        serde_json::from_str::<Value>(line).unwrap()["uri"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    whole.lines().map(uri).collect()
}

/// Numbers that are the same on every run (an LCG of Knuth's).
fn numbers() -> impl FnMut(usize) -> usize {
    let mut state = 20_261_121u64;
    move |below| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    }
}

#[test]
fn a_download_killed_a_hundred_times_ends_as_one_that_was_left_alone() {
    let (server, mut next) = (archive(), numbers());
    let (jobs, per_host) = (JOBS.to_string(), PER_HOST.to_string());
    let work = Workdir::new();
    work.write_json("localizations.json", &images(&server));
    let mut done_before: Vec<(usize, HashSet<String>)> = Vec::new();
    for kill in 0..KILLS {
        let before = server.log().len();
        let mut child = Running(
            work.command("download", &call(&jobs, &per_host))
                .spawn()
                .unwrap(),
        );
        let requests = 2 + next(12);
        wait_until(|| {
            server.log().len() >= before + requests || child.0.try_wait().unwrap().is_some()
        });
        // Some die between an answer and its line in the journal.
        std::thread::sleep(Duration::from_micros(next(4000) as u64));
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        done_before.push((server.log().len(), finished(&work)));
        assert!(
            kill > 90 || !work.exists("image_map.json"),
            "done after {kill} kills: too soon to prove anything"
        );
    }
    work.run("download", &call(&jobs, &per_host)).exits(0);

    let fresh = Workdir::new();
    fresh.write_json("localizations.json", &images(&server));
    let end = server.log().len();
    fresh.run("download", &call(&jobs, &per_host)).exits(0);
    assert!(published(&work) == published(&fresh), "the trees differ");

    let log: Vec<String> = server.log()[..end]
        .iter()
        .map(|r| server.url(&r.path))
        .collect();
    for (at, done) in &done_before {
        let again = log[*at..].iter().find(|url| {
            done.contains(*url)
                || done.iter().any(|service| {
                    url.starts_with(&format!("{service}/")) && !url.ends_with("info.json")
                })
        });
        // A request that was on its way when the program died may arrive a little later.
        assert!(
            again.is_none_or(|url| log[*at..].iter().position(|u| u == url) < Some(PER_HOST)),
            "asked again: {again:?}"
        );
    }
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for url in log.iter().filter(|url| !url.ends_with("info.json")) {
        *times.entry(url).or_default() += 1;
    }
    let repeated: usize = times.values().map(|n| n - 1).sum();
    assert!(
        repeated <= KILLS * (JOBS + PER_HOST),
        "{repeated} requests were repeated"
    );
    assert!(
        times.len() >= PLAIN + TILED * 12,
        "{} things were asked for",
        times.len()
    );
}
