//! Painting annotations that stand at one canvas and name another one; members that stand twice.

use recto_testkit::Workdir;
use recto_testkit::server::Server;
use serde_json::{Value, json};

use super::{archive, observations, serve, with_fast};

fn painting(home: &str, n: u8, target: &str) -> Value {
    json!({"id": format!("{home}/painting/{n}"), "type": "Annotation", "motivation": "painting", "target": target,
           "body": {"id": format!("{home}/{n}.jpg"), "type": "Image"}})
}

fn canvas(home: &str, n: u8, pages: Value) -> Value {
    json!({"id": format!("{home}/canvas/{n}"), "type": "Canvas", "width": 100, "height": 80, "items": pages})
}

/// What is painted where: the numbers of images and canvases.
fn painted(work: &Workdir) -> Vec<String> {
    let end = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        text.rsplit('/').next().unwrap_or_default().to_owned()
    };
    let line = |o: &Value| format!("{} on {}", end(&o["id"]), end(&o["source"]["canvas"]));
    let mut painted: Vec<String> = observations(work).iter().map(line).collect();
    painted.sort();
    painted
}

fn digest(server: &Server, code: i32) -> Workdir {
    let work = Workdir::new();
    let url = server.url("/m");
    let call = with_fast(&["iiif", &url, "-o", "digest.json"]);
    work.run("digest", &call).exits(code);
    work
}

#[test]
fn a_page_that_all_canvases_share_paints_each_of_them_once() {
    let cases: [(fn(&str, u8) -> String, &[&str]); 2] = [
        (
            |home, n| format!("{home}/canvas/{n}"),
            &["1.jpg on 1", "2.jpg on 2", "3.jpg on 3"],
        ),
        // Names that lead nowhere: all of it is on each.
        (
            |home, n| format!("{home}/nothing/{n}"),
            &[
                "1.jpg on 1",
                "1.jpg on 2",
                "1.jpg on 3",
                "2.jpg on 1",
                "2.jpg on 2",
                "2.jpg on 3",
                "3.jpg on 1",
                "3.jpg on 2",
                "3.jpg on 3",
            ],
        ),
    ];
    for (target, wanted) in cases {
        let server = archive(move |home| {
            let page = format!("{home}/paintings");
            let named = json!([{"id": page, "type": "AnnotationPage"}]);
            let canvases: Vec<Value> = (1..4).map(|n| canvas(home, n, named.clone())).collect();
            let paintings: Vec<Value> = (1..4)
                .map(|n| painting(home, n, &target(home, n)))
                .collect();
            vec![
                (
                    "/m",
                    serve(
                        &json!({"id": format!("{home}/m"), "type": "Manifest", "items": canvases}),
                    ),
                ),
                (
                    "/paintings",
                    serve(&json!({"id": page, "type": "AnnotationPage", "items": paintings})),
                ),
            ]
        });
        let work = digest(&server, 0);
        assert_eq!(painted(&work), wanted);
        assert_eq!(server.hits("/paintings"), 1);
    }
}

#[test]
fn an_annotation_among_those_of_another_canvas_paints_the_one_that_it_names() {
    // The canvases that two annotations in the first canvas name; what is painted.
    let cases = [
        (["1", "2"], ["1.jpg on 1", "2.jpg on 2"]),
        // Without one that names its own canvas, the names are not believed.
        (["2", "2"], ["1.jpg on 1", "2.jpg on 1"]),
        (["1", "9"], ["1.jpg on 1", "2.jpg on 1"]),
    ];
    for (named, wanted) in cases {
        let server = archive(move |home| {
            let paintings = [1, 2].map(|n| {
                painting(
                    home,
                    n,
                    &format!("{home}/canvas/{}", named[usize::from(n) - 1]),
                )
            });
            let page =
                json!([{"id": format!("{home}/p"), "type": "AnnotationPage", "items": paintings}]);
            let canvases = [canvas(home, 1, page), canvas(home, 2, json!([]))];
            vec![(
                "/m",
                serve(&json!({"id": format!("{home}/m"), "type": "Manifest", "items": canvases})),
            )]
        });
        let work = digest(&server, 0);
        assert_eq!(painted(&work), wanted, "{named:?}");
    }
}

#[test]
fn a_member_that_stands_twice_is_listed() {
    let work = Workdir::new();
    let canvas = canvas(
        "https://a.example",
        1,
        json!([{"type": "AnnotationPage", "items": [painting("https://a.example", 1, "")]}]),
    );
    work.write(
        "m.json",
        format!(r#"{{"id": "https://a.example/m", "type": "Manifest", "items": [], "items": [{canvas}]}}"#),
    );
    work.run(
        "digest",
        &["iiif", "m.json", "--offline", "-o", "digest.json"],
    )
    .exits(3);
    assert_eq!(observations(&work).len(), 1);
    let rejects = work.text("digest.rejects.csv");
    assert!(
        rejects.contains("items,member stands twice in its object"),
        "{rejects}"
    );
}

#[test]
fn texts_of_a_manifest_do_not_fill_the_memory() {
    let work = Workdir::new();
    let home = "https://a.example";
    let page = |n| json!([{"type": "AnnotationPage", "items": [painting(home, n, "")]}]);
    let canvases: Vec<Value> = (0..250).map(|n| canvas(home, n, page(n))).collect();
    work.write_json(
        "m.json",
        &json!({"id": format!("{home}/m"), "type": "Manifest", "items": canvases, "label": {"none": ["Book"]},
                "metadata": [{"label": {"none": ["k"]}, "value": {"none": ["x".repeat(400_000)]}}]}),
    );
    work.run(
        "digest",
        &["iiif", "m.json", "--offline", "-o", "digest.json"],
    )
    .exits(3);
    let images = observations(&work);
    assert_eq!(images.len(), 250);
    assert_eq!(images[0]["source"]["labels"]["manifest"], "Book");
    let rejects = work.text("digest.rejects.csv");
    assert!(
        rejects.contains("metadata,text of the manifest is left out"),
        "{rejects}"
    );
}
