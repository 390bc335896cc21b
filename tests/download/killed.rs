//! Stages that are killed at a bad moment, and what is there before and after the next run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use recto_testkit::dataset::{boxed, image, lay_out, picture};
use recto_testkit::server::{Answer, Arrived, Server};
use recto_testkit::{Running, Workdir, wait_until};
use serde_json::{Value, json};

const MANIFESTS: usize = 12;
/// From this one on, manifests wait until the gate is open.
const FIRST_BEHIND_THE_GATE: usize = 7;

/// A collection of manifests, each with an ETag.
fn document(path: &str) -> Option<Value> {
    let manifest = |n: usize| {
        let body = json!({"id": format!("/{n}.jpg"), "type": "Image"});
        let painting = json!({"type": "Annotation", "motivation": "painting", "body": body, "target": format!("/c{n}")});
        let page = json!({"type": "AnnotationPage", "items": [painting]});
        let canvas = json!({"id": format!("/c{n}"), "type": "Canvas", "width": 48, "height": 32, "items": [page]});
        json!({"id": format!("/m{n}"), "type": "Manifest", "label": {"none": [format!("book {n}")]}, "items": [canvas]})
    };
    match path.strip_prefix("/m") {
        Some(n) => Some(manifest(n.parse().ok()?)),
        None => {
            let member = |n: usize| json!({"id": format!("/m{n}"), "type": "Manifest", "label": {"none": ["m"]}});
            let items: Vec<Value> = (0..MANIFESTS).map(member).collect();
            Some(json!({"id": "/c", "type": "Collection", "items": items}))
        }
    }
}

fn is_behind_the_gate(path: &str) -> bool {
    let number = path.strip_prefix("/m").and_then(|n| n.parse().ok());
    number.is_some_and(|n: usize| n >= FIRST_BEHIND_THE_GATE)
}

/// The archive, whether its gate is open, and how many whole documents it gave away.
fn archive() -> (Server, Arc<AtomicBool>, Arc<AtomicUsize>) {
    let (gate, given) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let (open, count) = (gate.clone(), given.clone());
    let server = Server::start(move |request: &Arrived, _| {
        if is_behind_the_gate(&request.path) && !open.load(Ordering::SeqCst) {
            return Answer::Stall(Duration::from_secs(60));
        }
        let etag = format!("\"{}\"", request.path);
        if request.headers.get("if-none-match") == Some(&etag) {
            return Answer::Status(304);
        }
        count.fetch_add(1, Ordering::SeqCst);
        let body = document(&request.path).map(|d| d.to_string().into_bytes());
        Answer::Full(200, vec![("etag".into(), etag)], body.unwrap_or_default())
    });
    (server, gate, given)
}

#[test]
fn a_harvest_that_was_killed_goes_on_with_what_is_missing() {
    let (server, gate, given) = archive();
    let url = server.url("/c");
    let call = [
        "iiif",
        &url,
        "-o",
        "digest.json",
        "-j",
        "2",
        "--rate",
        "0",
        "--cache",
        "cache",
    ];
    let work = Workdir::new();
    work.write("digest.json", "before");
    let mut child = Running(
        work.command("digest", &[&call[..], &["-q"]].concat())
            .spawn()
            .unwrap(),
    );
    // Two at a time, in order: both are at the gate, so all before it are kept.
    wait_until(|| {
        server
            .log()
            .iter()
            .filter(|r| is_behind_the_gate(&r.path))
            .count()
            == 2
    });
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    assert_eq!(work.text("digest.json"), "before");
    assert_eq!(given.swap(0, Ordering::SeqCst), 1 + FIRST_BEHIND_THE_GATE);

    gate.store(true, Ordering::SeqCst);
    work.run("digest", &call).exits(0);
    assert_eq!(
        given.load(Ordering::SeqCst),
        MANIFESTS - FIRST_BEHIND_THE_GATE
    );
    let fresh = Workdir::new();
    fresh.run("digest", &call).exits(0);
    assert_eq!(work.text("digest.json"), fresh.text("digest.json"));
    assert_eq!(
        work.json("digest.json")["observations"]
            .as_array()
            .unwrap()
            .len(),
        MANIFESTS
    );
    // Beside each body stands when it was fetched.
    let bodies = |work: &Workdir| {
        let mut files = work.tree("cache");
        files.retain(|name, _| name.ends_with(".body"));
        files
    };
    assert!(bodies(&work) == bodies(&fresh), "half a document is kept");
}

#[test]
fn a_training_set_is_replaced_as_a_whole_or_not_at_all() {
    let work = Workdir::new();
    let boxes = || vec![boxed("b", "alef", [1.0, 2.0, 30.0, 40.0])];
    let few = [image("0", "g", [800, 600], boxes())];
    // TIFF is decoded and encoded anew for `tf`: long enough to be caught at it.
    let tiff = picture(800, 600, 1, image::ImageFormat::Tiff);
    lay_out(&work, &few, &[("0", "images/0.tif", tiff.clone())]);
    let call = ["localizations.json", "-f", "tf", "-o", "out"];
    work.run("reformat", &call).exits(0);
    let before = work.tree("out");

    let names: Vec<[String; 2]> = (0..40)
        .map(|n| [n.to_string(), format!("images/{n}.tif")])
        .collect();
    let many: Vec<Value> = names
        .iter()
        .map(|[id, _]| image(id, "g", [800, 600], boxes()))
        .collect();
    let files: Vec<_> = names
        .iter()
        .map(|[id, path]| (id.as_str(), path.as_str(), tiff.clone()))
        .collect();
    lay_out(&work, &many, &files);
    let is_under_way = || {
        let mut entries = std::fs::read_dir(work.path(".")).unwrap();
        entries.any(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_string_lossy()
                .ends_with(".part")
        })
    };
    let mut child = Running(
        work.command("reformat", &[&call[..], &["-q"]].concat())
            .spawn()
            .unwrap(),
    );
    wait_until(is_under_way);
    child.0.kill().unwrap();
    let ended = child.0.wait().unwrap();
    assert_eq!(ended.code(), None, "it was done before it could be killed");
    assert!(work.tree("out") == before);

    work.run("reformat", &call).exits(0);
    assert!(!is_under_way(), "what the killed run left is still there");
    assert_eq!(work.json("out/dataset.json")["total"]["images"], 40);
}
