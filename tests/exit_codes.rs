//! How every stage ends: a row of the table of exit codes each, and what is said about it.
#![allow(missing_docs)]

mod common;

use std::process::{Command, Stdio};

use common::dataset::{image, lay_out, sample};
use common::server::{Answer, Arrived, Server};
use common::{Running, Workdir, wait_until};
use serde_json::{Value, json};

const FAST: [&str; 6] = ["--rate", "0", "--backoff", "0", "--retries", "1"];

fn jpeg() -> Vec<u8> {
    common::dataset::picture(48, 32, 1, image::ImageFormat::Jpeg)
}

/// An archive of one page: its manifest at `/m`, its picture at `/a.jpg`.
fn archive(request: &Arrived, _: usize) -> Answer {
    let home = format!("https://{}", request.headers["host"]);
    match request.path.as_str() {
        "/m" => Answer::Serve(manifest(&home).to_string().into(), "application/json"),
        "/a.jpg" => Answer::Serve(jpeg(), "image/jpeg"),
        _ => Answer::Status(404),
    }
}

fn manifest(home: &str) -> Value {
    let body = json!({"id": format!("{home}/a.jpg"), "type": "Image", "width": 48, "height": 32});
    let painting = json!({"id": format!("{home}/p/1"), "type": "Annotation", "motivation": "painting", "body": body, "target": format!("{home}/c")});
    let page = json!({"id": format!("{home}/p"), "type": "AnnotationPage", "items": [painting]});
    let canvas = json!({"id": format!("{home}/c"), "type": "Canvas", "width": 48, "height": 32, "items": [page]});
    json!({"@context": "http://iiif.io/api/presentation/3/context.json", "id": format!("{home}/m"), "type": "Manifest",
           "label": {"none": ["m"]}, "items": [canvas]})
}

#[test]
fn certificates_are_verified_unless_told_otherwise() {
    let server = Server::start_tls(archive);
    let work = Workdir::new();
    let url = server.url("/m");
    let digest = [&["iiif", &url, "-o", "digest.json"][..], &FAST].concat();
    let refusal = [
        "127.0.0.1 cannot be trusted: invalid peer certificate",
        "--insecure accepts any certificate",
    ];
    work.run("digest", &digest).exits(1).says(&refusal);
    assert!(!work.exists("digest.json"));
    assert!(server.log().is_empty(), "nothing is asked of a stranger");
    work.run("digest", &[&digest[..], &["--insecure"]].concat())
        .exits(0);
    work.run("extract", &["digest.json"]).exits(0);
    let download = [&["localizations.json", "images"][..], &FAST].concat();
    let ran = work.run("download", &download);
    ran.exits(3).says(&refusal);
    assert!(
        work.text("failures.csv").contains(",certificate,,1,"),
        "not asked twice: {}",
        work.text("failures.csv")
    );
    assert_eq!(server.hits("/a.jpg"), 0);
    work.run("download", &[&download[..], &["--insecure"]].concat())
        .exits(0);
    let map = work.json("image_map.json");
    let path = map[server.url("/a.jpg")].as_str().unwrap();
    assert_eq!(work.read(path), jpeg());
}
