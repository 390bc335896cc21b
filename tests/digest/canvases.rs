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
    type IdOf = fn(&str, u8) -> String;
    let cases: [(IdOf, &[&str]); 2] = [
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

/// A manifest of one image with a file, annotated in a list that is digested apart: the classes on each image.
fn annotated_apart(image: Value, target: &str) -> Vec<String> {
    let home = "https://a.example";
    let work = Workdir::new();
    let painting = json!({"id": format!("{home}/painting"), "type": "Annotation", "motivation": "painting",
                          "target": format!("{home}/canvas/1"), "body": image});
    let canvas = json!({"id": format!("{home}/canvas/1"), "type": "Canvas", "width": 1000, "height": 800,
                        "items": [{"type": "AnnotationPage", "items": [painting]}]});
    work.write_json(
        "m.json",
        &json!({"id": format!("{home}/m"), "type": "Manifest", "items": [canvas]}),
    );
    work.write_json(
        "list.json",
        &json!({"id": format!("{home}/list"), "type": "AnnotationPage", "items": [
        {"id": format!("{home}/1"), "type": "Annotation", "motivation": "tagging", "target": target,
         "body": {"type": "TextualBody", "purpose": "tagging", "value": "cat"}}]}),
    );
    for (from, to) in [("m.json", "a.json"), ("list.json", "b.json")] {
        work.run("digest", &["iiif", from, "--offline", "-o", to])
            .exits(0);
    }
    work.run("extract", &["a.json", "b.json"]).exits(0);
    let set = work.json("localizations.json");
    let boxes = |image: &Value| {
        let found = image["localizations"].as_array().into_iter().flatten();
        let found: Vec<String> = found.map(|found| found["bbox"].to_string()).collect();
        found.join(" ")
    };
    set["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(boxes)
        .collect()
}

#[test]
fn lists_of_annotations_find_their_images_however_these_are_spelled() {
    let file =
        json!({"id": "https://a.example/1.jpg", "type": "Image", "width": 1000, "height": 800});
    let mut served = json!({"id": "https://a.example/i/1/full/max/0/default.jpg", "type": "Image", "width": 1000, "height": 800});
    served["service"] =
        json!([{"id": "https://a.example/i/1", "type": "ImageService3", "profile": "level2"}]);
    let cases = [
        (&file, "https://a.example/1.jpg#xywh=10,20,30,40"),
        (&file, "http://a.example/1.jpg#xywh=10,20,30,40"),
        (&file, "https://A.example:443/1.jpg#xywh=10,20,30,40"),
        (&served, "http://a.example/i/1#xywh=10,20,30,40"),
        (
            &served,
            "https://a.example/i/1/full/500,/0/default.jpg#xywh=5,10,15,20",
        ),
        (
            &served,
            "https://a.example/i/1/full/,400/0/default.jpg#xywh=5,10,15,20",
        ),
        (
            &served,
            "https://a.example/i/1/10,20,30,40/max/0/default.jpg",
        ),
        (
            &served,
            "https://a.example/i/1/5,10,500,500/max/0/default.jpg#xywh=5,10,30,40",
        ),
    ];
    for (image, target) in cases {
        assert_eq!(
            annotated_apart(image.clone(), target),
            ["[10,20,30,40]"],
            "{target}"
        );
    }
}

#[test]
fn content_states_lead_to_their_manifests() {
    let canvas = |home: &str, around: Value| json!({"id": format!("{home}/canvas/1"), "type": "Canvas", "partOf": around});
    let cases: [fn(&str) -> Value; 3] = [
        |home| json!(format!("{home}/m")),
        |home| json!([{"id": format!("{home}/m"), "type": "Manifest"}]),
        |home| json!({"id": format!("{home}/m"), "type": "Manifest"}),
    ];
    for around in cases {
        let server = archive(move |home| {
            let page = json!([{"type": "AnnotationPage", "items": [painting(home, 1, "")]}]);
            let state = json!({"id": format!("{home}/state"), "type": "Annotation", "motivation": ["contentState"],
                               "target": canvas(home, around(home))});
            vec![
                (
                    "/m",
                    serve(
                        &json!({"id": format!("{home}/m"), "type": "Manifest", "items": [self::canvas(home, 1, page)]}),
                    ),
                ),
                ("/state", serve(&state)),
                ("/short", serve(&canvas(home, around(home)))),
            ]
        });
        for path in ["/state", "/short"] {
            let work = Workdir::new();
            let url = server.url(path);
            work.run("digest", &with_fast(&["iiif", &url, "-o", "digest.json"]))
                .exits(0);
            assert_eq!(painted(&work), ["1.jpg on 1"], "{path}");
        }
    }
}

#[test]
fn a_transcription_of_all_pages_is_divided_among_the_canvases_that_link_to_it() {
    let page = |n: u8| {
        format!(
            r#"<Page ID="p{n}" WIDTH="100" HEIGHT="80"><PrintSpace><TextBlock ID="b{n}" HPOS="{n}" VPOS="1" WIDTH="9" HEIGHT="9"/></PrintSpace></Page>"#
        )
    };
    let alto = format!(
        "<alto><Layout>{}{}{}</Layout></alto>",
        page(1),
        page(2),
        page(3)
    );
    // By position; by the id of a page, in another order.
    for (named, wanted) in [(false, [1, 2, 3]), (true, [3, 2, 1])] {
        let alto = alto.clone();
        let server = archive(move |home| {
            let canvas = |n: u8| {
                let page = json!([{"type": "AnnotationPage", "items": [painting(home, n, "")]}]);
                let mut canvas = canvas(home, n, page);
                let end = if named {
                    format!("#p{}", 4 - n)
                } else {
                    String::new()
                };
                canvas["seeAlso"] = json!([{"id": format!("{home}/alto.xml{end}"), "dc:format": "application/alto+xml"}]);
                canvas
            };
            vec![
                (
                    "/m",
                    serve(
                        &json!({"id": format!("{home}/m"), "type": "Manifest", "items": [canvas(1), canvas(2), canvas(3)]}),
                    ),
                ),
                (
                    "/alto.xml",
                    recto_testkit::server::Answer::Serve(
                        alto.clone().into_bytes(),
                        "application/xml",
                    ),
                ),
            ]
        });
        let work = digest(&server, 0);
        work.run("extract", &["digest.json"]).exits(0);
        let set = work.json("localizations.json");
        let lefts = set["images"].as_array().unwrap().iter().map(|image| {
            let boxes = image["localizations"].as_array().unwrap();
            assert_eq!(boxes.len(), 1);
            boxes[0]["bbox"][0].as_f64().unwrap()
        });
        assert_eq!(lefts.collect::<Vec<_>>(), wanted.map(f64::from), "{named}");
        assert_eq!(server.hits("/alto.xml"), 1, "it is fetched once");
    }
}

#[test]
fn a_service_is_found_by_each_of_its_names() {
    let home = "https://a.example";
    let service =
        json!({"id": format!("{home}/img/1"), "type": "ImageService3", "profile": "level2"});
    let login = json!({"id": format!("{home}/login"), "type": "AuthProbeService2"});
    let iri = "http://rdfs.org/sioc/services#has_service";
    let cases = [
        json!({"service": service}),
        json!({"svcs:has_service": service}),
        json!({iri: [service]}),
        json!({"services": [service]}),
        json!({"Service": service}),
        // Beside another one.
        json!({"service": [login], iri: service}),
    ];
    for services in cases {
        let mut body = json!({"id": format!("{home}/small/1.jpg"), "type": "Image", "width": 100, "height": 80});
        let members = body.as_object_mut().unwrap();
        members.extend(services.as_object().unwrap().clone());
        let work = Workdir::new();
        let painting = json!({"id": format!("{home}/painting/1"), "type": "Annotation", "motivation": "painting",
            "target": format!("{home}/canvas/1"), "body": body});
        let pages =
            json!([{"id": format!("{home}/page"), "type": "AnnotationPage", "items": [painting]}]);
        work.write_json(
            "m.json",
            &json!({"id": format!("{home}/m"), "type": "Manifest", "items": [canvas(home, 1, pages)]}),
        );
        work.run(
            "digest",
            &["iiif", "m.json", "--offline", "-o", "digest.json"],
        )
        .exits(0);
        let seen = &observations(&work)[0]["image"];
        assert_eq!(seen["service"]["id"], format!("{home}/img/1"), "{services}");
    }
}
