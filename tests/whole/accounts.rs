//! `--report` of every stage, on archives that are broken at random: whatever comes in is kept or rejected.

use proptest::prelude::*;
use recto_testkit::Workdir;
use recto_testkit::dataset::{picture, rows};
use recto_testkit::server::{Answer, Server};
use serde_json::{Value, json};

/// What is wrong with a page.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Page {
    Good,
    /// Its image has no web address.
    Unaddressed,
    /// Its image is not on the server.
    Gone,
    /// Its image is a page for people.
    Html,
    /// Its box is empty.
    EmptyBox,
    /// Its box lies outside.
    Outside,
    /// It is not what is asked for.
    Unwanted,
}

use Page::*;

fn pages() -> impl Strategy<Value = Vec<Page>> {
    let page = prop::sample::select(vec![
        Good,
        Unaddressed,
        Gone,
        Html,
        EmptyBox,
        Outside,
        Unwanted,
    ]);
    prop::collection::vec(page, 0..7).prop_map(|mut pages| {
        pages.push(Good);
        pages
    })
}

fn manifest(pages: &[Page]) -> Value {
    let canvases: Vec<Value> = pages
        .iter()
        .enumerate()
        .map(|(n, page)| canvas(n, *page))
        .collect();
    json!({"id": "/m", "type": "Manifest", "label": {"none": ["m"]}, "items": canvases})
}

fn canvas(n: usize, page: Page) -> Value {
    let address = match page {
        Unaddressed => "urn:x:1".into(),
        Gone => format!("/gone/{n}.jpg"),
        Html => format!("/html/{n}.jpg"),
        _ => format!("/good/{n}.jpg"),
    };
    let place = match page {
        EmptyBox => "1,1,0,5",
        Outside => "100,100,5,5",
        _ => "1,1,5,5",
    };
    let id = format!("/c{n}");
    let label = if page == Unwanted { "verso" } else { "recto" };
    let tag = json!({"id": format!("/t{n}"), "type": "Annotation", "motivation": "tagging",
        "body": {"type": "TextualBody", "value": "alef"}, "target": format!("{id}#xywh={place}")});
    let painting = json!({"type": "Annotation", "motivation": "painting", "body": {"id": address, "type": "Image"}, "target": id});
    json!({"id": id, "type": "Canvas", "label": {"none": [label]}, "width": 48, "height": 32,
        "items": [{"type": "AnnotationPage", "items": [painting]}],
        "annotations": [{"id": format!("/p{n}"), "type": "AnnotationPage", "items": [tag]}]})
}

fn serve(pages: Vec<Page>) -> Server {
    let jpeg = picture(48, 32, 1, image::ImageFormat::Jpeg);
    Server::start(move |request, _| match request.path.as_str() {
        "/m" => Answer::Serve(manifest(&pages).to_string().into(), "application/json"),
        path if path.starts_with("/good/") => Answer::Serve(jpeg.clone(), "image/jpeg"),
        path if path.starts_with("/html/") => Answer::Serve(b"<html>".to_vec(), "text/html"),
        _ => Answer::Status(404),
    })
}

/// The account of a run, after what must hold of each.
fn account(work: &Workdir, stage: &str, args: &[&str], rejects: &str) -> Value {
    let report = format!("{stage}.report.json");
    let ran = work.run(stage, &[args, &["--report", &report]].concat());
    let account = work.json(&report);
    let n = |key: &str| account[key].as_u64().unwrap();
    assert_eq!(n("read"), n("kept") + n("rejected"), "{stage}");
    assert_eq!(n("seen"), n("read") + n("filtered"), "{stage}");
    assert_eq!(rows(work, rejects).len() as u64, n("rejected"), "{stage}");
    ran.exits(if n("rejected") > 0 { 3 } else { 0 });
    account
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_is_kept_or_rejected_in_every_stage(pages in pages()) {
        let (server, work) = (serve(pages.clone()), Workdir::new());
        let url = server.url("/m");
        let fast = ["--rate", "0", "--retries", "0"];
        let count = |wanted: &[Page]| pages.iter().filter(|page| wanted.contains(page)).count();

        let call = [&["iiif", &url, "-o", "digest.json", "--label", "recto"][..], &fast].concat();
        let digest = account(&work, "digest", &call, "digest.rejects.csv");
        let wanted = count(&[Good, Gone, Html, EmptyBox, Outside]);
        prop_assert_eq!(&digest["kept"], &json!(wanted));
        prop_assert_eq!(&digest["filtered"], &json!(count(&[Unwanted])));
        let call = ["digest.json"];
        let extract = account(&work, "extract", &call, "rejects.csv");
        prop_assert_eq!(&extract["rejected"], &json!(count(&[EmptyBox, Outside])));
        prop_assert_eq!(&extract["images"], &json!(wanted));
        let call = [&["localizations.json", "images"][..], &fast].concat();
        let download = account(&work, "download", &call, "failures.csv");
        prop_assert_eq!(&download["rejected"], &json!(count(&[Gone, Html])));
        let call = ["localizations.json", "-f", "csv", "-o", "out"];
        let reformat = account(&work, "reformat", &call, "out/rejects.csv");
        prop_assert_eq!(&reformat["images"], &json!(count(&[Good, EmptyBox, Outside])));
        prop_assert_eq!(&reformat["boxes"], &json!(count(&[Good])));
    }
}
