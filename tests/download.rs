//! `recto-download` against servers that behave, lie, break off and say no.
// Tables of cases are tuples; names for their types would say less.
#![allow(missing_docs, clippy::type_complexity)]

#[path = "download/access.rs"]
mod access;
mod common;
#[path = "download/history.rs"]
mod history;
#[path = "download/joined.rs"]
mod joined;
#[path = "download/manners.rs"]
mod manners;
#[path = "download/progress.rs"]
mod progress;
#[path = "download/regions.rs"]
mod regions;
#[path = "download/truths.rs"]
mod truths;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::iiif::{Origin, pixel};
use common::server::{Answer, Arrived, Server};
use common::{Running, Workdir, wait_until};
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
        .says(&["2 of them from before"]);
    assert_eq!((server.hits("/a.jpg"), server.hits("/b.jpg")), (1, 1));
    work.run("download", &args(&["--overwrite"])).exits(0);
    assert_eq!((server.hits("/a.jpg"), server.hits("/b.jpg")), (2, 2));
}

#[test]
fn a_file_that_was_changed_or_removed_is_fetched_again() {
    let server = Server::table([("/a.jpg".into(), vec![Answer::Serve(jpeg(1), "image/jpeg")])]);
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![plain("a", server.url("/a.jpg"))]),
    );
    work.run("download", &args(&[])).exits(0);
    let path = work.json("image_map.json")["a"]
        .as_str()
        .unwrap()
        .to_owned();
    work.write(&path, b"cut");
    work.run("download", &args(&[])).exits(0);
    assert_eq!(work.read(&path), jpeg(1));
    std::fs::remove_file(work.path(&path)).unwrap();
    work.run("download", &args(&[])).exits(0);
    assert_eq!((work.read(&path), server.hits("/a.jpg")), (jpeg(1), 3));
}

#[test]
fn passing_trouble_is_outlived_and_lasting_trouble_is_named() {
    let good = || Answer::Serve(jpeg(9), "image/jpeg");
    let wait = || Answer::Full(429, vec![("retry-after".into(), "0".into())], vec![]);
    let html = || Answer::Serve(b"<html>login</html>".to_vec(), "text/html");
    let cut = || Answer::CutAfter(100, jpeg(9), "image/jpeg");
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
        "13",
        "--per-host",
        "13",
        "--report",
        "report.json",
    ]);
    options[7] = "0.3"; // --timeout
    work.run("download", &options)
        .exits(3)
        .says(&["5 of 13 images", "failures.csv lists what is missing"]);

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
fn a_file_that_broke_off_is_gone_on_with() {
    let body: Vec<u8> = jpeg(3);
    let whole = body.clone();
    let server = Server::start(move |request, before| {
        let headers = |extra: &[(&str, String)]| {
            let mut headers = vec![("etag".to_owned(), "\"v1\"".to_owned())];
            headers.extend(extra.iter().map(|(a, b)| (a.to_string(), b.clone())));
            headers
        };
        match request.headers.get("range") {
            None if before == 0 => Answer::FullCut(200, headers(&[]), body.clone(), 300),
            None => Answer::Full(200, headers(&[]), body.clone()),
            Some(range) => {
                assert_eq!(
                    request.headers.get("if-range").map(String::as_str),
                    Some("\"v1\"")
                );
                let from: usize = range
                    .trim_start_matches("bytes=")
                    .trim_end_matches('-')
                    .parse()
                    .unwrap();
                let span = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
                Answer::Full(
                    206,
                    headers(&[("content-range", span)]),
                    body[from..].to_vec(),
                )
            }
        }
    });
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![plain("a", server.url("/a.jpg"))]),
    );
    work.run("download", &args(&[])).exits(0);
    let path = work.json("image_map.json")["a"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(work.read(&path), whole);
    assert_eq!(
        server.log()[1].headers.get("range").map(String::as_str),
        Some("bytes=300-")
    );
}

#[test]
fn services_give_every_pixel_whatever_their_vices() {
    let cases = [
        // (what it is, the origin, most requests, method)
        ("whole", Origin::default(), 2, "whole"),
        (
            "version 3",
            Origin {
                version: 3,
                ..Origin::default()
            },
            2,
            "whole",
        ),
        (
            "declared cap",
            Origin {
                cap: Some(100),
                declared: true,
                ..Origin::default()
            },
            1 + 6,
            "stitched",
        ),
        (
            "secret cap",
            Origin {
                cap: Some(100),
                ..Origin::default()
            },
            1 + 2 + 6,
            "stitched",
        ),
        (
            "secret cap, version 3",
            Origin {
                cap: Some(128),
                version: 3,
                ..Origin::default()
            },
            1 + 2 + 6,
            "stitched",
        ),
        (
            "tiles only",
            Origin {
                level: 0,
                ..Origin::default()
            },
            1 + 1 + 20,
            "stitched",
        ),
        (
            "tiles only, w,h",
            Origin {
                level: 0,
                version: 3,
                both_sides: true,
                ..Origin::default()
            },
            1 + 1 + 20,
            "stitched",
        ),
        (
            "tiles only, version 2 in words of 3",
            Origin {
                level: 0,
                both_sides: true,
                ..Origin::default()
            },
            1 + 2 + 20,
            "stitched",
        ),
        (
            "odd sides",
            Origin {
                width: 301,
                height: 203,
                cap: Some(99),
                ..Origin::default()
            },
            1 + 2 + 12 + 4,
            "stitched",
        ),
    ];
    for (what, origin, most, method) in cases {
        let served = origin.clone();
        let server = Server::start(move |request, _| served.answer(request));
        let work = Workdir::new();
        work.write_json(
            "localizations.json",
            &set(vec![service("a", server.url("/iiif/a"), origin.version)]),
        );
        let ran = work.run("download", &args(&["--format", "png"]));
        ran.exits(0);
        is_the_picture(&work, "a", &origin);
        assert!(
            server.log().len() <= most,
            "{what}: {} requests, {most} expected: {:#?}",
            server.log().len(),
            server.log().iter().map(|r| &r.path).collect::<Vec<_>>()
        );
        assert_eq!(journal(&work)[0]["method"], json!(method), "{what}");
    }
}

#[test]
fn a_secret_cap_is_learnt_once_per_host() {
    let origin = Origin {
        cap: Some(100),
        ..Origin::default()
    };
    let served = origin.clone();
    let server = Server::start(move |request, _| served.answer(request));
    let work = Workdir::new();
    let images = ["a", "b", "c"].map(|id| service(id, server.url(&format!("/iiif/{id}")), 2));
    work.write_json("localizations.json", &set(images.to_vec()));
    work.run("download", &args(&["--format", "png", "-j", "4"]))
        .exits(0)
        .says(&["answered 100 x 67 with status 200"]);
    ["a", "b", "c"]
        .iter()
        .for_each(|id| is_the_picture(&work, id, &origin));
    let whole = server
        .log()
        .iter()
        .filter(|r| r.path.contains("/full/"))
        .count();
    assert_eq!(whole, 2, "the whole image was asked of more than the first");
}

#[test]
fn a_wrong_size_is_asked_again_and_then_refused_never_used() {
    let origin = Origin {
        cap: Some(100),
        declared: true,
        ..Origin::default()
    };
    for (times, exit) in [(1, 0), (usize::MAX, 3)] {
        let (served, small) = (
            origin.clone(),
            Origin {
                cap: Some(50),
                ..origin.clone()
            },
        );
        let server = Server::start(move |request, before| {
            let bad = !request.path.ends_with("info.json");
            if bad && before < times {
                small.answer(request)
            } else {
                served.answer(request)
            }
        });
        let work = Workdir::new();
        work.write_json(
            "localizations.json",
            &set(vec![service("a", server.url("/iiif/a"), 2)]),
        );
        work.run("download", &args(&["--format", "png"]))
            .exits(exit);
        if exit == 0 {
            is_the_picture(&work, "a", &origin);
        } else {
            assert_eq!(work.json("image_map.json"), json!({}));
            assert_eq!(rows(&work, "failures.csv")[0][3], "wrong-size");
            assert!(pictures(&work).is_empty());
        }
    }
}

#[test]
fn only_a_part_of_a_service_is_fetched_when_a_part_is_meant() {
    let origin = Origin::default();
    let server = Server::start(move |request, _| origin.answer(request));
    let work = Workdir::new();
    let mut image = service("a", server.url("/iiif/a"), 2);
    image["image"]["service"]["region"] = json!([40, 30, 90, 70]);
    work.write_json("localizations.json", &set(vec![image]));
    work.run("download", &args(&["--format", "png"])).exits(0);
    let path = work.json("image_map.json")["a"]
        .as_str()
        .unwrap()
        .to_owned();
    let found = image::load_from_memory(&work.read(&path))
        .unwrap()
        .into_rgb8();
    assert_eq!(found.dimensions(), (90, 70));
    assert!(
        found
            .enumerate_pixels()
            .all(|(x, y, p)| p.0 == pixel(x + 40, y + 30))
    );
}

#[test]
fn info_json_that_lies_or_breaks_is_a_failure_after_retries() {
    let cases: [(&str, Vec<Answer>, &str, usize); 4] = [
        (
            "html",
            vec![Answer::Serve(b"<html>".to_vec(), "text/html")],
            "info",
            3,
        ),
        (
            "half",
            vec![Answer::Serve(b"{\"width\": 3".to_vec(), "application/json")],
            "info",
            3,
        ),
        (
            "zero",
            vec![Answer::Serve(
                br#"{"width": 0, "height": 3}"#.to_vec(),
                "application/json",
            )],
            "info",
            3,
        ),
        ("gone", vec![Answer::Status(404)], "not-found", 1),
    ];
    let server = Server::table(
        cases
            .iter()
            .map(|(name, answers, ..)| (format!("/{name}/info.json"), answers.clone())),
    );
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(cases
            .iter()
            .map(|(name, ..)| service(name, server.url(&format!("/{name}")), 2))
            .collect()),
    );
    work.run("download", &args(&["--retries", "2"])).exits(3);
    let rows = rows(&work, "failures.csv");
    for (name, _, kind, requests) in cases {
        let row = rows.iter().find(|row| row[0] == name).unwrap();
        assert_eq!(row[3], kind, "{row:?}");
        assert!(row[6].starts_with("info.json: "), "{row:?}");
        assert_eq!(
            server.hits(&format!("/{name}/info.json")),
            requests,
            "{name}"
        );
    }
}

#[test]
fn killed_and_run_again_gives_the_same_tree_and_asks_no_tile_twice() {
    let origin = Origin {
        width: 640,
        height: 512,
        cap: Some(64),
        declared: true,
        ..Origin::default()
    };
    let gate = Arc::new(Mutex::new(true));
    let (served, closed) = (origin.clone(), gate.clone());
    let server = Server::start(move |request, _| {
        std::thread::sleep(Duration::from_millis(3));
        let far = request.path.contains("/448,") || request.path.contains("/0,448");
        if *closed.lock().unwrap() && far {
            Answer::Stall(Duration::from_secs(60))
        } else {
            served.answer(request)
        }
    });
    let images = || {
        set(["a", "b", "c"]
            .map(|id| service(id, server.url(&format!("/iiif/{id}")), 2))
            .to_vec())
    };
    let work = Workdir::new();
    work.write_json("localizations.json", &images());
    let mut child = Running(
        work.command("download", &args(&["--format", "png", "-q"]))
            .spawn()
            .unwrap(),
    );
    wait_until(|| server.log().len() >= 60);
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    assert!(!work.exists("image_map.json"));
    assert!(
        pictures(&work).is_empty(),
        "half a picture has its final name"
    );
    let before = server.log().len();
    *gate.lock().unwrap() = false;
    work.run("download", &args(&["--format", "png"])).exits(0);

    ["a", "b", "c"]
        .iter()
        .for_each(|id| is_the_picture(&work, id, &origin));
    let fresh = Workdir::new();
    fresh.write_json("localizations.json", &images());
    fresh.run("download", &args(&["--format", "png"])).exits(0);
    assert_eq!(pictures(&work), pictures(&fresh));
    assert_eq!(work.read("image_map.json"), fresh.read("image_map.json"));
    let log = server.log();
    let second = log[before..].len() - 3 * 81;
    assert!(
        second <= 3 * 81 - (before - 16 - 3) + 3,
        "{second} requests after {before}"
    );
}

#[test]
fn ctrl_c_saves_the_state_and_says_so() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/a.jpg" => Answer::Serve(jpeg(1), "image/jpeg"),
        _ => Answer::Stall(Duration::from_secs(60)),
    });
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![
            plain("a", server.url("/a.jpg")),
            plain("b", server.url("/b.jpg")),
        ]),
    );
    let mut options = args(&[]);
    options[7] = "60";
    let child = work
        .command("download", &options)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    wait_until(|| {
        let first = work.exists("images/downloads.jsonl")
            && work.text("images/downloads.jsonl").contains("\"a\"");
        first && server.hits("/b.jpg") > 0
    });
    std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&output.stderr).contains("stopped by SIGTERM"));
    assert!(work.json("image_map.json").get("a").is_some());
}

#[test]
fn the_second_run_in_a_folder_is_refused() {
    let server = Server::start(|_, _| Answer::Stall(Duration::from_secs(60)));
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![plain("a", server.url("/a.jpg"))]),
    );
    let _first = Running(
        work.command("download", &args(&[]))
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap(),
    );
    wait_until(|| !server.log().is_empty());
    work.run("download", &args(&[]))
        .exits(1)
        .says(&["another recto-download is at work in this folder"]);
}

#[test]
fn files_are_made_what_was_asked_for() {
    let origin = Origin {
        cap: Some(100),
        declared: true,
        ..Origin::default()
    };
    let served = origin.clone();
    let bytes = jpeg(77);
    let server = Server::start(move |request, _| match request.path.as_str() {
        "/plain" => Answer::Serve(bytes.clone(), "image/jpeg"),
        _ => served.answer(request),
    });
    let images = set(vec![
        service("s", server.url("/iiif/s"), 2),
        plain("p", server.url("/plain")),
    ]);
    type Case = (&'static [&'static str], &'static str, [u32; 2], [u32; 2]);
    let cases: [Case; 6] = [
        // (options, suffix, size of the service's picture, size of the plain one)
        (&["--format", "keep"], "jpg", [300, 200], [48, 32]),
        (&["--format", "jpg"], "jpg", [300, 200], [48, 32]),
        (&["--format", "png"], "png", [300, 200], [48, 32]),
        (&["--format", "tif"], "tif", [300, 200], [48, 32]),
        (&["--max-width", "90"], "jpg", [90, 60], [48, 32]),
        (
            &["--max-width", "24", "--format", "png"],
            "png",
            [24, 16],
            [24, 16],
        ),
    ];
    for (options, suffix, s, p) in cases {
        let work = Workdir::new();
        work.write_json("localizations.json", &images);
        work.run("download", &args(options)).exits(0);
        let map = work.json("image_map.json");
        for (id, size) in [("s", s), ("p", p)] {
            let path = map[id].as_str().unwrap();
            assert!(path.ends_with(suffix), "{options:?}: {path}");
            let image = image::load_from_memory(&work.read(path)).unwrap();
            assert_eq!([image.width(), image.height()], size, "{options:?} {id}");
        }
    }
}

#[test]
fn a_smaller_width_is_asked_of_the_server_where_it_gives_it() {
    let origin = Origin::default();
    let server = Server::start(move |request, _| origin.answer(request));
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![service("a", server.url("/iiif/a"), 2)]),
    );
    work.run("download", &args(&["--max-width", "150"]))
        .exits(0);
    assert_eq!(server.hits("/iiif/a/full/150,/0/default.jpg"), 1);
    assert_eq!(server.log().len(), 2);
    // Another wish is another file.
    work.run("download", &args(&[])).exits(0);
    assert_eq!(server.hits("/iiif/a/full/full/0/default.jpg"), 1);
}

#[test]
fn grey_tiles_make_a_grey_picture() {
    let origin = Origin {
        grey: true,
        cap: Some(100),
        declared: true,
        ..Origin::default()
    };
    let server = Server::start(move |request, _| origin.answer(request));
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![service("a", server.url("/iiif/a"), 2)]),
    );
    work.run("download", &args(&[])).exits(0);
    let path = work.json("image_map.json")["a"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        !image::load_from_memory(&work.read(&path))
            .unwrap()
            .color()
            .has_color()
    );
}

#[test]
fn network_options_reach_the_network() {
    let busiest = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let seen = busiest.clone();
    let server = Server::start(move |_, _| {
        let now = seen.0.fetch_add(1, Ordering::SeqCst) + 1;
        seen.1.fetch_max(now, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(20));
        seen.0.fetch_sub(1, Ordering::SeqCst);
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
    assert_eq!(busiest.1.load(Ordering::SeqCst), 2, "in flight");
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
    let times = Arc::new(Mutex::new(Vec::new()));
    let seen = times.clone();
    let server = Server::start(move |_, _| {
        seen.lock().unwrap().push(std::time::Instant::now());
        Answer::Serve(jpeg(1), "image/jpeg")
    });
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set((0..5)
            .map(|i| plain(&format!("i{i}"), server.url(&format!("/i{i}"))))
            .collect()),
    );
    work.run(
        "download",
        &["localizations.json", "images", "--rate", "20"],
    )
    .exits(0);
    let times = times.lock().unwrap();
    let span = times
        .iter()
        .max()
        .unwrap()
        .duration_since(*times.iter().min().unwrap());
    assert!(
        span >= Duration::from_millis(180),
        "5 requests at 20 a second took {span:?}"
    );
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
        .says(&["nothing was fetched", "1 images declare no size"]);
    assert!(
        ran.stdout().contains("127.0.0.1\t2\t3-50\t"),
        "{}",
        ran.stdout()
    );
    assert!(ran.stdout().contains("\t2-25\n"), "{}", ran.stdout());
    assert!(server.log().is_empty() && !work.exists("images") && !work.exists("image_map.json"));
}

#[test]
fn what_was_left_out_of_the_set_leaves_the_map() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/gone" => Answer::Status(404),
        _ => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let work = Workdir::new();
    let [a, b, gone] = ["a", "b", "gone"].map(|id| plain(id, server.url(&format!("/{id}"))));
    work.write_json("localizations.json", &set(vec![a.clone(), b, gone]));
    work.run("download", &args(&[])).exits(3);
    work.write_json("localizations.json", &set(vec![a]));
    work.run("download", &args(&[])).exits(0);
    assert_eq!(work.json("image_map.json").as_object().unwrap().len(), 1);
    assert_eq!(work.text("failures.csv").lines().count(), 1);
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
        (&["twice.json", "images"], 1, &["image id `a` stands twice"]),
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
            3,
            &["network: 127.0.0.1 cannot be reached"],
        ),
        (&["odd.json", "a-file"], 1, &["a-file", "cannot be written"]),
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

#[test]
fn a_disk_that_takes_no_more_stops_the_run_and_keeps_what_is_there() {
    let large = |shade: u8| {
        let noise = |x: u32, y: u32| {
            (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_le_bytes()[2] ^ shade
        };
        let image = image::RgbImage::from_fn(300, 300, |x, y| image::Rgb([noise(x, y); 3]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    let server = Server::start(move |request, _| match request.path.as_str() {
        "/small" => Answer::Serve(jpeg(1), "image/jpeg"),
        _ => Answer::Serve(large(1), "image/png"),
    });
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![plain("small", server.url("/small"))]),
    );
    work.run("download", &args(&[])).exits(0);
    let before = pictures(&work);
    work.write_json(
        "localizations.json",
        &set(vec![
            plain("small", server.url("/small")),
            plain("large", server.url("/large")),
        ]),
    );
    // A limit on file sizes is the wall that also stops root: writes beyond it fail as on a full disk.
    let script = format!(
        "trap '' XFSZ; ulimit -f 40; exec {} {}",
        common::binary("download"),
        args(&[]).join(" ")
    );
    let ran = work.run_command(std::process::Command::new("sh").args(["-c", &script]));
    ran.exits(1)
        .says(&["cannot be written", "run the same command again"]);
    assert_eq!(pictures(&work), before);
    work.run("download", &args(&[])).exits(0);
    assert_eq!(pictures(&work).len(), 2);
}

#[test]
fn devices_are_written_to_and_never_replaced() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![plain("a", server.url("/a.jpg"))]),
    );
    let options = args(&["--failures", "/dev/full"]);
    work.run("download", &options).exits(1).says(&[
        "/dev/full: cannot be written",
        "No space left on device",
        "make room on the disk",
    ]);
    work.run("download", &args(&["--failures", "/dev/null"]))
        .exits(0);
    use std::os::unix::fs::FileTypeExt;
    assert!(
        std::fs::metadata("/dev/full")
            .unwrap()
            .file_type()
            .is_char_device()
    );
}

#[test]
fn an_info_json_of_billions_of_pixels_is_a_failure() {
    let info =
        br#"{"width": 4000000000, "height": 4000000000, "profile": "level2", "maxWidth": 100}"#;
    let server = Server::start(move |request, _| match request.path.as_str() {
        "/huge/info.json" => Answer::Serve(info.to_vec(), "application/json"),
        _ => Answer::Status(400),
    });
    let work = Workdir::new();
    let image = service("huge", server.url("/huge"), 2);
    work.write_json("localizations.json", &set(vec![image]));
    work.run("download", &args(&[])).exits(3);
    assert_eq!(rows(&work, "failures.csv")[0][3], "info");
}

#[test]
fn an_answer_larger_than_declared_is_never_cut_to_fit() {
    let (small, large) = (
        Origin::default(),
        Origin {
            width: 600,
            height: 400,
            ..Origin::default()
        },
    );
    let server = Server::start(
        move |request, _| match request.path.ends_with("info.json") {
            true => small.answer(request),
            false => large.answer(request),
        },
    );
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![service("a", server.url("/iiif/a"), 2)]),
    );
    work.run("download", &args(&[]))
        .exits(3)
        .says(&["boxes and regions cannot be trusted"]);
    assert!(pictures(&work).is_empty());
}
