//! `recto-download` against servers that behave, lie, break off and say no.
// Tables of cases are tuples; names for their types would say less.
#![allow(clippy::type_complexity)]

mod access;
mod bucket;
mod changes;
mod divided;
mod ends;
mod history;
mod hosts;
mod joined;
mod killed;
mod lock;
mod manners;
mod own_file;
mod pack;
mod progress;
mod regions;
mod rights;
mod services;
mod shards;
mod stored_shards;
mod stores;
mod strain;
mod torture;
mod truths;
mod validators;
mod wire;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use recto_testkit::gate::Crowd;
use recto_testkit::iiif::{Origin, pixel};
use recto_testkit::server::{Answer, Arrived, Server};
use recto_testkit::{Running, Workdir, wait_until};
use serde_json::{Value, json};

/// Flags that make faults take milliseconds.
const FAST: [&str; 6] = ["--rate", "0", "--backoff", "0.01", "--timeout", "2"];

fn args<'a>(more: &[&'a str]) -> Vec<&'a str> {
    ["localizations.json", "images"]
        .iter()
        .chain(&FAST)
        .chain(more)
        .copied()
        .collect()
}

fn set(images: Vec<Value>) -> Value {
    json!({"contract": "recto/localizations", "version": 1, "images": images})
}

fn plain(id: &str, url: String) -> Value {
    json!({"id": id, "group": "reef", "image": {"url": url}, "source": {"kind": "table", "labels": {"canvas": id}}})
}

fn service(id: &str, base: String, version: u8) -> Value {
    json!({"id": id, "group": "4Q171", "image": {"service": {"id": base, "version": version}}, "source": {"kind": "iiif", "labels": {"canvas": id}}})
}

fn jpeg(shade: u8) -> Vec<u8> {
    let image =
        image::RgbImage::from_fn(48, 32, |x, y| image::Rgb([shade, x as u8 * 5, y as u8 * 7]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image
        .write_to(&mut bytes, image::ImageFormat::Jpeg)
        .unwrap();
    bytes.into_inner()
}

fn rows(work: &Workdir, file: &str) -> Vec<Vec<String>> {
    let bytes = work.read(file);
    let mut csv = csv::Reader::from_reader(&bytes[..]);
    csv.records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

fn file(work: &Workdir, id: &str) -> Vec<u8> {
    let map = work.json("image_map.json");
    work.read(
        map[id]
            .as_str()
            .unwrap_or_else(|| panic!("{id} is not in {map}")),
    )
}

/// A set of one image, which is `a`.
fn one_of(image: Value) -> Workdir {
    let work = Workdir::new();
    work.write_json("localizations.json", &set(vec![image]));
    work
}

fn journal(work: &Workdir) -> Vec<Value> {
    work.text("images/downloads.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The images, without the journal and work under way.
fn pictures(work: &Workdir) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut tree = work.tree("images");
    tree.retain(|name, _| name != "downloads.jsonl" && !name.starts_with(".recto"));
    tree
}

/// Checks that a picture of the set is the origin's, pixel for pixel, at full size.
#[track_caller]
fn is_the_picture(work: &Workdir, id: &str, origin: &Origin) {
    let map = work.json("image_map.json");
    let path = map[id]
        .as_str()
        .unwrap_or_else(|| panic!("{id} is not in {map}"));
    let image = image::load_from_memory(&work.read(path))
        .unwrap()
        .into_rgb8();
    assert_eq!(image.dimensions(), (origin.width, origin.height));
    for (x, y, found) in image.enumerate_pixels() {
        assert_eq!(found.0, pixel(x, y), "pixel {x},{y} of {id}");
    }
}

#[test]
fn plain_files_keep_their_bytes_and_are_fetched_once() {
    let (a, b) = (jpeg(10), jpeg(20));
    let server = Server::table([
        (
            "/a.jpg".into(),
            vec![Answer::Serve(a.clone(), "image/jpeg")],
        ),
        (
            "/b.jpg".into(),
            vec![Answer::Serve(b.clone(), "text/plain")],
        ),
    ]);
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![
            plain("a", server.url("/a.jpg")),
            plain("b", server.url("/b.jpg")),
        ]),
    );
    work.run("download", &args(&["--report", "report.json"]))
        .exits(0)
        .says(&["2 of 2 images"]);

    let map = work.json("image_map.json");
    assert_eq!(work.read(map["a"].as_str().unwrap()), a);
    assert_eq!(work.read(map["b"].as_str().unwrap()), b);
    assert_eq!(
        work.text("failures.csv"),
        "id,url,path,kind,status,attempts,message\n"
    );
    let report = work.json("report.json");
    assert_eq!(
        (&report["read"], &report["kept"], &report["rejected"]),
        (&json!(2), &json!(2), &json!(0))
    );
    let line = &journal(&work)[0];
    assert_eq!(
        (
            &line["width"],
            &line["height"],
            &line["media_type"],
            &line["method"]
        ),
        (
            &json!(48),
            &json!(32),
            &json!("image/jpeg"),
            &json!("bytes")
        )
    );

    work.run("download", &args(&[]))
        .exits(0)
        .says(&["2 from earlier runs"]);
    assert_eq!((server.hits("/a.jpg"), server.hits("/b.jpg")), (1, 1));
    work.run("download", &args(&["--overwrite"])).exits(0);
    assert_eq!((server.hits("/a.jpg"), server.hits("/b.jpg")), (2, 2));
}

#[test]
fn passing_trouble_is_outlived_and_lasting_trouble_is_named() {
    let good = || Answer::Serve(jpeg(9), "image/jpeg");
    let wait = || Answer::Full(429, vec![("retry-after".into(), "0".into())], vec![]);
    let html = || Answer::Serve(b"<html>login</html>".to_vec(), "text/html");
    let cut = || Answer::CutAfter(100, jpeg(9), "image/jpeg");
    // All bytes that are announced, of a file that was cut before.
    let damaged = || Answer::Serve(jpeg(9)[..300].to_vec(), "image/jpeg");
    let cases: Vec<(&str, Vec<Answer>, &str, &str, usize)> = vec![
        // (name, answers, kind in failures.csv or nothing, status, requests with 2 retries)
        (
            "server",
            vec![Answer::Status(503), Answer::Status(500), good()],
            "",
            "",
            3,
        ),
        ("cut", vec![cut(), good()], "", "", 2),
        ("reset", vec![Answer::Reset, good()], "", "", 2),
        ("page-once", vec![html(), good()], "", "", 2),
        ("wait", vec![wait(), good()], "", "", 2),
        ("gone", vec![Answer::Status(404)], "not-found", "404", 1),
        (
            "forbidden",
            vec![Answer::Status(403)],
            "forbidden",
            "403",
            1,
        ),
        ("down", vec![Answer::Status(500)], "server", "500", 3),
        ("flood", vec![wait()], "too-many", "429", 3),
        ("always-cut", vec![cut()], "truncated", "200", 3),
        ("damaged", vec![damaged()], "damaged", "200", 3),
        ("old", vec![Answer::Status(505)], "status", "505", 1),
        ("page", vec![html()], "not-an-image", "200", 3),
        (
            "empty",
            vec![Answer::Serve(vec![], "image/jpeg")],
            "not-an-image",
            "200",
            3,
        ),
        (
            "stall",
            vec![Answer::Stall(Duration::from_secs(5))],
            "timeout",
            "200",
            3,
        ),
    ];
    let server = Server::table(
        cases
            .iter()
            .map(|(name, answers, ..)| (format!("/{name}"), answers.clone())),
    );
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(cases
            .iter()
            .map(|(name, ..)| plain(name, server.url(&format!("/{name}"))))
            .collect()),
    );
    let mut options = args(&[
        "--retries",
        "2",
        "-j",
        "15",
        "--per-host",
        "15",
        "--report",
        "report.json",
    ]);
    options[7] = "0.3"; // --timeout
    work.run("download", &options)
        .exits(75)
        .says(&["5 of 15 images", "failures.csv lists what is missing"]);

    let rows = rows(&work, "failures.csv");
    let map = work.json("image_map.json");
    for (name, _, kind, status, requests) in &cases {
        let row = rows.iter().find(|row| row[0] == *name);
        assert_eq!(row.map_or("", |row| &row[3]), *kind, "{name}: {row:?}");
        assert_eq!(row.map_or("", |row| &row[4]), *status, "{name}: {row:?}");
        assert_eq!(map.get(*name).is_some(), kind.is_empty(), "{name}");
        assert_eq!(server.hits(&format!("/{name}")), *requests, "{name}");
    }
    let report = work.json("report.json");
    assert_eq!(
        report["read"].as_u64().unwrap(),
        report["kept"].as_u64().unwrap() + report["rejected"].as_u64().unwrap()
    );
    work.run("download", &[&options[..], &["--partial-ok"]].concat())
        .exits(0);
}

#[test]
fn network_options_reach_the_network() {
    let crowd = Crowd::of(2);
    let arrived = crowd.clone();
    let server = Server::start(move |_, _| {
        arrived.join();
        Answer::Serve(jpeg(1), "image/jpeg")
    });
    let images = set((0..12)
        .map(|i| plain(&format!("i{i}"), format!("http://archive.example/i{i}.jpg")))
        .collect());
    let work = Workdir::new();
    work.write_json("localizations.json", &images);
    let rewrite = format!("http://archive.example/={}", server.url("/mirror/"));
    let options = [
        "--rewrite",
        &rewrite,
        "--per-host",
        "2",
        "-j",
        "8",
        "--contact",
        "me@archive.example",
        "--header",
        "X-Key: 7",
        "--bearer",
        "abc",
    ];
    work.run("download", &args(&options)).exits(0);
    assert_eq!(crowd.most(), 2, "in flight");
    let log: Vec<Arrived> = server.log();
    assert!(log.iter().all(|r| r.path.starts_with("/mirror/i")));
    let agent = format!("recto/{} (+me@archive.example)", env!("CARGO_PKG_VERSION"));
    for (name, value) in [
        ("user-agent", agent.as_str()),
        ("x-key", "7"),
        ("authorization", "Bearer abc"),
    ] {
        assert!(
            log.iter()
                .all(|r| r.headers.get(name).map(String::as_str) == Some(value)),
            "{name}: {:?}",
            log[0]
        );
    }
    assert!(work.json("image_map.json").get("i3").is_some());
}

#[test]
fn the_pace_is_kept_and_jobs_bound_what_is_under_way() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = Workdir::new();
    let images = (0..5).map(|i| plain(&format!("i{i}"), server.url(&format!("/i{i}"))));
    work.write_json("localizations.json", &set(images.collect()));
    waits_for_its_turn(&work, &server, &["--rate", "0.01"]);
    assert_eq!(server.log().len(), 1, "the second is due in 100 s");
}

/// Runs until the host is waited for because of its pace, and ends the run then. How long it is waited for is tested
/// with a clock of the test's own, in `src/lib/http`.
fn waits_for_its_turn(work: &Workdir, server: &Server, more: &[&str]) {
    let call = ["localizations.json", "images", "--progress", "json"];
    let events = std::fs::File::create(work.path("events.jsonl")).unwrap();
    let mut command = work.command("download", &[&call, more].concat());
    let _running = Running(command.stderr(events).spawn().unwrap());
    wait_until(|| {
        let is_waiting = work.text("events.jsonl").contains("\"why\":\"pace\"");
        is_waiting && !server.log().is_empty()
    });
}

#[test]
fn outputs_go_where_they_are_wanted() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![plain("a", server.url("/a.jpg"))]),
    );
    let options = [
        "--image-map",
        "maps/deep/map.json",
        "--failures",
        "out/f.csv",
        "--downloaded-images",
        "downloaded_images.txt",
    ];
    work.run("download", &args(&options)).exits(0);
    let path = work.json("maps/deep/map.json")["a"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(path.starts_with("../../images/reef/"), "{path}");
    assert!(work.exists(&format!("maps/deep/{path}")));
    assert!(work.exists("out/f.csv"));
    assert_eq!(
        work.text("downloaded_images.txt"),
        path.replace("../../images/", "") + "\n"
    );
    assert!(!work.exists("image_map.json") && !work.exists("failures.csv"));
}

#[test]
fn a_dry_run_asks_nothing_and_says_what_it_would() {
    let server = Server::start(|_, _| Answer::Status(500));
    let work = Workdir::new();
    let mut image = service("a", server.url("/iiif/a"), 2);
    image["image"]["width"] = json!(7216);
    image["image"]["height"] = json!(5412);
    work.write_json(
        "localizations.json",
        &set(vec![image, plain("b", server.url("/b.jpg"))]),
    );
    let ran = work.run(
        "download",
        &["localizations.json", "images", "--dry-run", "--rate", "2"],
    );
    ran.exits(0)
        .says(&["nothing was downloaded", "1 image declares no size"]);
    assert!(ran.stdout().contains("\t2\t3-50\t"), "{}", ran.stdout());
    assert!(ran.stdout().contains("\t2-25\n"), "{}", ran.stdout());
    let call = ["localizations.json", "images", "--dry-run", "--rate", "2"];
    let ran = work.run("download", &[&call[..], &["--json"]].concat());
    let told: Value = serde_json::from_str(&ran.exits(0).stdout()).unwrap();
    assert!(told["host"].as_str().unwrap().starts_with("127.0.0.1"));
    assert_eq!(
        told,
        json!({"host": told["host"], "images": 2, "requests": [3, 50], "bytes": told["bytes"], "seconds": [2, 25],
            "requests_per_second": 2.0})
    );
    work.run("download", &["localizations.json", "images", "--json"])
        .exits(2);
    assert!(server.log().is_empty() && !work.exists("images") && !work.exists("image_map.json"));
}

#[test]
fn bad_input_gets_a_clear_answer_and_harms_nothing() {
    let work = Workdir::new();
    work.write(
        "broken.json",
        "{\"contract\": \"recto/localizations\",\n \"version\": 1, \"images\": [}",
    );
    work.write_json(
        "digest.json",
        &json!({"contract": "recto/digest", "version": 1}),
    );
    work.write_json(
        "twice.json",
        &set(vec![
            plain("a", "http://x/".into()),
            plain("a", "http://y/".into()),
        ]),
    );
    work.write_json(
        "odd.json",
        &set(vec![
            plain("a", "ftp://x/".into()),
            plain("b", "file:///etc/passwd".into()),
        ]),
    );
    work.write_json(
        "unreachable.json",
        &set(vec![plain("a", "http://127.0.0.1:1/a.jpg".into())]),
    );
    work.write("a-file", "x");
    let cases: [(&[&str], i32, &[&str]); 9] = [
        (
            &["nothing.json", "images"],
            1,
            &["nothing.json: no such file"],
        ),
        (
            &["broken.json", "images"],
            1,
            &["broken.json:2:27: `images`: expected value"],
        ),
        (
            &["digest.json", "images"],
            1,
            &[
                "is a recto/digest file, recto/localizations was expected",
                "hint: `recto-extract` writes",
            ],
        ),
        (&["twice.json", "images"], 1, &["image id `a` occurs twice"]),
        (
            &["odd.json", "images"],
            3,
            &["has the scheme `ftp`", "has the scheme `file`"],
        ),
        (
            &[
                "unreachable.json",
                "images",
                "--retries",
                "1",
                "--backoff",
                "0",
            ],
            75,
            &["network: 127.0.0.1 cannot be reached"],
        ),
        (
            &["odd.json", "a-file"],
            1,
            &[
                "a-file",
                "cannot be written",
                "a-file is a file, a folder is needed there",
            ],
        ),
        (
            &["odd.json", "images", "--format", "bmp"],
            2,
            &["[possible values: keep, jpg, png, tif]"],
        ),
        (&["odd.json"], 2, &["<OUTPUT_DIR>"]),
    ];
    for (args, code, words) in cases {
        work.run("download", args).exits(code).says(words);
    }
    assert_eq!(work.text("a-file"), "x");
}
