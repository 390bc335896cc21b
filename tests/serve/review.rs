//! Corrections that come from the pages, the file they are kept in, and their way back into the set.

use serde_json::{Value, json};

use crate::running::{Got, Serving, folder, set};
use recto_testkit::Workdir;

/// What tells the boxes of one annotation apart that stands with several images.
fn digits(image: &str) -> String {
    recto::files::hex_digest(image.as_bytes(), 8)
}

pub fn send(server: &Serving, method: &str, path: &str, body: &Value) -> Got {
    let body = body.to_string();
    let headers = format!(
        "content-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    server.ask_with(method, path, &headers, body.as_bytes())
}

pub fn told(got: &Got) -> Value {
    let text = String::from_utf8_lossy(&got.body);
    assert_eq!(got.status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn corrections_are_kept_served_and_harvested() {
    let work = set();
    let args = [
        "set.json",
        "--review",
        "review.jsonl",
        "--base-url",
        "http://scrolls.example",
    ];
    let server = Serving::start(&work, &args);
    let made = send(
        &server,
        "POST",
        "/review/n",
        &json!({"author": "A. Reader", "concept": "gimel", "bbox": [1, 2, 30, 40.5]}),
    );
    let made = told(&made);
    assert_eq!(made["boxes"].as_array().unwrap().len(), 3);
    let changed = made["changed"].as_str().unwrap();
    assert!(
        changed.starts_with("review-1-") && changed.ends_with(&format!("@{}", digits("n"))),
        "{changed}"
    );
    told(&send(
        &server,
        "PUT",
        "/review/n?of=l1",
        &json!({"author": "A. Reader", "concept": "dalet", "bbox": [11, 20.5, 30, 40]}),
    ));
    told(&send(
        &server,
        "DELETE",
        "/review/c?of=http%3A%2F%2Fx.example%2Fl2",
        &json!({"author": "B. Reader"}),
    ));
    let boxes = server.json("/pages/image/c.json")["boxes"].clone();
    let concepts: Vec<&Value> = boxes
        .as_array()
        .unwrap()
        .iter()
        .map(|b| &b["concept"])
        .collect();
    // A correction holds for every light of the side.
    assert_eq!(concepts, ["dalet", "gimel"]);
    let lines: Vec<Value> = work
        .text("review.jsonl")
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let kinds: Vec<&Value> = lines.iter().map(|line| &line["type"]).collect();
    assert_eq!(kinds, ["Create", "Update", "Delete"]);
    assert_eq!(lines[0]["actor"]["name"], "A. Reader");
    assert_eq!(lines[0]["object"]["body"][0]["value"], "gimel");
    assert!(lines[0]["endTime"].as_str().unwrap().ends_with('Z'));

    // Started again, it is as it was left; and what is harvested is what was corrected.
    server.stop();
    let server = Serving::start(&work, &args);
    assert_eq!(server.json("/pages/image/c.json")["boxes"], boxes);
    let rewrite = format!("http://scrolls.example/=http://{}/", server.address);
    let collection = "http://scrolls.example/iiif/presentation/3/collection.json";
    work.run(
        "digest",
        &[
            "iiif",
            collection,
            "--rewrite",
            &rewrite,
            "--rate",
            "0",
            "-o",
            "d.json",
        ],
    )
    .exits(0);
    work.run("extract", &["d.json", "-o", "l.json"]).exits(0);
    let image = work.json("l.json")["images"][0].clone();
    let new = &image["localizations"][1];
    assert_eq!(
        (&new["concept"], &new["bbox"]),
        (&json!("gimel"), &json!([1, 2, 30, 40.5]))
    );
    assert_eq!(new["attributes"]["creator"], "A. Reader");
    assert!(new["attributes"]["created"].is_string());
    assert_eq!(image["localizations"][0]["concept"], "dalet");
}

#[test]
fn corrections_that_make_no_sense_change_nothing() {
    let work = set();
    let server = Serving::start(&work, &["set.json", "--review", "review.jsonl"]);
    let good = json!({"concept": "a", "bbox": [1, 2, 3, 4]});
    let cases = [
        (
            "POST",
            "/review/none",
            good.clone(),
            404,
            "no image is called",
        ),
        (
            "POST",
            "/review/n",
            json!({"concept": "", "bbox": [1, 2, 3, 4]}),
            400,
            "a class name is needed",
        ),
        (
            "POST",
            "/review/n",
            json!({"concept": "a", "bbox": [1, 2, -3, 4]}),
            400,
            "box is empty",
        ),
        (
            "POST",
            "/review/n",
            json!({"concept": "a", "bbox": [399, 2, 3, 4]}),
            409,
            "extends beyond 400 x 200",
        ),
        (
            "PUT",
            "/review/n?of=none",
            good.clone(),
            409,
            "there is no box `none`",
        ),
        ("DELETE", "/review/n", json!({}), 409, "there is no box `"),
        ("PATCH", "/review/n", good.clone(), 405, "PUT"),
        (
            "POST",
            "/review/n",
            json!("x".repeat(70_000)),
            413,
            "64 KiB",
        ),
    ];
    for (method, path, body, status, says) in cases {
        let got = send(&server, method, path, &body);
        let text = String::from_utf8_lossy(&got.body).into_owned();
        assert!(
            got.status == status && text.contains(says),
            "{method} {path}: {} {text}",
            got.status
        );
    }
    let body = good.to_string();
    for headers in [
        "content-type: text/plain\r\n",
        "content-type: application/json\r\norigin: http://evil.example\r\n",
    ] {
        let headers = format!("{headers}content-length: {}\r\n", body.len());
        assert_eq!(
            server
                .ask_with("POST", "/review/n", &headers, body.as_bytes())
                .status,
            403
        );
    }
    assert_eq!(work.text("review.jsonl"), "");
    // Without --review nobody corrects anything.
    let server = Serving::start(&work, &["set.json"]);
    assert_eq!(send(&server, "POST", "/review/n", &good).status, 405);
}

/// The box of this id on an image, as the pages show it.
fn held(server: &Serving, image: &str, id: &str) -> Value {
    let boxes = server.json(&format!("/pages/image/{image}.json"))["boxes"].clone();
    let found = boxes.as_array().unwrap().iter().find(|b| b["id"] == id);
    found.cloned().unwrap_or(Value::Null)
}

#[test]
fn nobody_overwrites_or_removes_what_they_have_not_seen() {
    let work = set();
    let server = Serving::start(&work, &["set.json", "--review", "review.jsonl"]);
    let seen = held(&server, "n", "l1")["revision"].clone();
    let change = |concept: &str, revision: &Value| json!({"author": "A. Reader", "concept": concept, "bbox": [1, 2, 3, 4], "revision": revision});
    let mut first = change("a", &seen);
    first["brief"] = json!(true);
    let brief = told(&send(&server, "PUT", "/review/n?of=l1", &first));
    assert_eq!(
        (&brief["box"]["concept"], brief.get("boxes")),
        (&json!("a"), None)
    );
    for (method, body) in [
        ("PUT", change("b", &seen)),
        ("PUT", json!({"accepted": true, "revision": seen})),
        ("DELETE", json!({"revision": seen})),
    ] {
        let got = send(&server, method, "/review/n?of=l1", &body);
        let answer: Value = serde_json::from_slice(&got.body).unwrap();
        assert_eq!(
            (got.status, &answer["box"]["concept"]),
            (409, &json!("a")),
            "{method} {body}"
        );
        let why = answer["problem"].as_str().unwrap();
        assert_eq!(why, "the box has been changed, last by A. Reader");
    }
    let now = held(&server, "n", "l1")["revision"].clone();
    told(&send(
        &server,
        "DELETE",
        "/review/n?of=l1",
        &json!({"revision": now}),
    ));
    let got = send(&server, "PUT", "/review/n?of=l1", &change("b", &now));
    let answer: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!((got.status, &answer["box"]), (409, &Value::Null));
    // Two corrections were made, whatever was refused.
    assert_eq!(work.text("review.jsonl").lines().count(), 2);
}

#[test]
fn a_new_box_that_is_sent_twice_is_one_and_a_removed_one_comes_back_as_it_was() {
    let work = harvested();
    let args = ["set.json", "--review", "review.jsonl"];
    let server = Serving::start(&work, &args);
    let path = "/review/http%3A%2F%2Fx.example%2Fnir.png";
    let drawn =
        json!({"concept": "gimel", "bbox": [1, 2, 30, 40], "attributes": {"text": "gimel"}});
    let new = format!("{path}?of=review-6f1d");
    let made = told(&send(&server, "POST", &new, &drawn));
    assert_eq!(told(&send(&server, "POST", &new, &drawn)), made);
    assert_eq!(made["boxes"].as_array().unwrap().len(), 3);
    let before = boxes(&server);
    for name in ["review-6f1d", made["changed"].as_str().unwrap()] {
        let of = format!("{path}?of={name}");
        told(&send(&server, "DELETE", &of, &json!({})));
        assert_ne!(boxes(&server), before);
        told(&send(&server, "POST", &of, &drawn));
        assert_eq!(boxes(&server), before, "{name}");
    }
    // The server that is started again and the set have the same boxes.
    server.stop();
    assert_eq!(boxes(&Serving::start(&work, &args)), before);
    let made = ["digest.json", "--review", "review.jsonl", "-o", "l.json"];
    work.run("extract", &made).exits(0);
    let localizations = work.json("l.json")["images"][0]["localizations"].clone();
    let texts: Vec<&Value> = (localizations.as_array().unwrap().iter())
        .map(|l| &l["attributes"]["text"])
        .collect();
    assert_eq!(texts, [&json!(null), &json!(null), &json!("gimel")]);
}

#[test]
fn suggestions_are_accepted_and_what_is_said_of_an_image_goes_into_the_set() {
    let work = set();
    let mut suggested = work.json("set.json");
    suggested["images"][0]["localizations"][0]["attributes"]["confidence"] = json!(0.25);
    work.write_json("set.json", &suggested);
    let args = ["set.json", "--review", "review.jsonl"];
    let server = Serving::start(&work, &args);
    let summary = |server: &Serving| {
        let image = server.json("/pages/images.json")["images"][0].clone();
        ["suggestions", "least", "state", "by"].map(|name| image[name].clone())
    };
    assert_eq!(
        summary(&server),
        [json!(1), json!(0.25), json!(null), json!(null)]
    );
    let put = |of: &str, body: Value| {
        let mut body = body;
        body["author"] = json!("A. Reader");
        told(&send(&server, "PUT", &format!("/review/n{of}"), &body))
    };
    put("?of=l1", json!({"accepted": true}));
    let attributes = held(&server, "n", "l1")["attributes"].clone();
    assert_eq!(
        (
            &attributes["verified"],
            &attributes["verifier"],
            attributes.get("creator")
        ),
        (&json!(true), &json!("A. Reader"), None)
    );
    put("?of=l1", json!({"accepted": false}));
    assert_eq!(held(&server, "n", "l1")["attributes"].get("verified"), None);
    // Who changes a suggestion agrees with the rest of it; who takes the change back does not.
    let shape = |attributes: Value| json!({"concept": "bet", "bbox": [10, 20.5, 30, 40], "attributes": attributes});
    put(
        "?of=l1",
        shape(json!({"text": "b", "baseline": [[1, 2], [3, 4]]})),
    );
    let attributes = held(&server, "n", "l1")["attributes"].clone();
    assert_eq!(
        (&attributes["verified"], &attributes["text"]),
        (&json!(true), &json!("b"))
    );
    put("?of=l1", shape(json!({"verified": null, "text": null})));
    let attributes = held(&server, "n", "l1")["attributes"].clone();
    assert_eq!(
        (attributes.get("verified"), attributes.get("text")),
        (None, None)
    );

    put("", json!({"add": "damaged"}));
    put("", json!({"add": "torn"}));
    put("", json!({"remove": "torn"}));
    put("", json!({"state": "doubtful"}));
    let said = put("", json!({"state": "accepted"}));
    assert_eq!(
        (&said["state"], &said["by"], &said["labels"]),
        (&json!("accepted"), &json!("A. Reader"), &json!(["damaged"]))
    );
    assert_eq!(
        summary(&server)[2..],
        [json!("accepted"), json!("A. Reader")]
    );
    let kinds: Vec<Value> = (work.text("review.jsonl").lines())
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].clone())
        .collect();
    let wanted = [
        "Accept", "Undo", "Update", "Update", "Add", "Add", "Remove", "Flag", "Accept",
    ];
    assert_eq!(kinds, wanted);
    server.stop();
    let server = Serving::start(&work, &args);
    assert_eq!(summary(&server)[2], "accepted");
    told(&send(&server, "PUT", "/review/n", &json!({"state": ""})));
    assert_eq!(summary(&server)[2], Value::Null);
    let got = send(&server, "PUT", "/review/n", &json!({"state": "fine"}));
    assert_eq!(got.status, 400);
}

#[test]
fn a_line_that_cannot_be_read_is_left_out_and_said() {
    let work = set();
    let server = Serving::start(&work, &["set.json", "--review", "review.jsonl"]);
    told(&send(
        &server,
        "POST",
        "/review/n",
        &json!({"concept": "a", "bbox": [1, 2, 3, 4]}),
    ));
    server.stop();
    // As a full disk leaves it.
    let cut = work.text("review.jsonl").repeat(2);
    work.write("review.jsonl", &cut[..cut.len() - 40]);
    let server = Serving::start(&work, &["set.json", "--review", "review.jsonl"]);
    let made = told(&send(
        &server,
        "POST",
        "/review/n",
        &json!({"concept": "b", "bbox": [1, 2, 3, 4]}),
    ));
    assert_eq!(made["boxes"].as_array().unwrap().len(), 4);
    let (code, _, err) = server.stop();
    assert!(
        code == 3 && err.contains("line 2") && err.contains("not JSON"),
        "{err}"
    );
    assert_eq!(work.text("review.jsonl").lines().count(), 3);
}

/// One canvas with a choice of two lights and two boxes, and a page of its own, as a manifest; its digest, its set and
/// pictures for it.
fn harvested() -> Workdir {
    let work = folder();
    let light = |name: &str| {
        json!({"id": format!("http://x.example/{name}.png"), "type": "Image", "width": 400, "height": 200,
            "format": "image/png", "label": {"none": [name]}})
    };
    let canvas = |name: &str, body: Value, annotations: Value| {
        let id = format!("http://x.example/{name}");
        let page = |kind: &str, items: Value| json!([{"id": format!("{id}/{kind}"), "type": "AnnotationPage", "items": items}]);
        let painting = json!([{"id": format!("{id}/painting/1"), "type": "Annotation", "motivation": "painting",
            "target": id, "body": body}]);
        json!({"id": id, "type": "Canvas", "width": 400, "height": 200, "label": {"none": [name]},
            "items": page("painting", painting), "annotations": page("tags", annotations)})
    };
    let tag = |id: &str, concept: &str, part: &str| {
        json!({"id": id, "type": "Annotation", "motivation": "tagging", "target": format!("http://x.example/recto#xywh={part}"),
            "body": {"type": "TextualBody", "purpose": "tagging", "value": concept}})
    };
    let choice = json!({"type": "Choice", "items": [light("nir"), light("colour")]});
    let tags = json!([
        tag("l1", "aleph", "10,20,30,40"),
        tag("l2", "bet", "0,0,9,9")
    ]);
    let manifest = json!({"@context": "http://iiif.io/api/presentation/3/context.json", "type": "Manifest",
        "id": "http://x.example/manifest", "label": {"none": ["MS 1"]},
        "items": [canvas("recto", choice, tags), canvas("verso", light("verso"), json!([]))]});
    work.write_json("manifest.json", &manifest);
    work.run("digest", &["iiif", "manifest.json", "-o", "digest.json"])
        .exits(0);
    work.run("extract", &["digest.json", "-o", "set.json"])
        .exits(0);
    let map: serde_json::Map<String, Value> = ["nir", "colour", "verso"]
        .map(|name| {
            (
                format!("http://x.example/{name}.png"),
                json!("pictures/a.png"),
            )
        })
        .into_iter()
        .collect();
    work.write_json("image_map.json", &Value::Object(map));
    work
}

/// What the pages show of every image.
fn boxes(server: &Serving) -> Vec<Value> {
    ["nir", "colour", "verso"]
        .map(|name| {
            let path = format!("/pages/image/http%3A%2F%2Fx.example%2F{name}.png.json");
            server.json(&path)["boxes"].clone()
        })
        .into()
}

#[test]
fn a_file_of_reviews_has_one_writer_and_is_not_lost_unnoticed() {
    let work = harvested();
    let args = ["set.json", "--review", "review.jsonl"];
    let server = Serving::start(&work, &args);
    work.run("serve", &[&args[..], &["--listen", "127.0.0.1:0"]].concat())
        .exits(1)
        .says(&["review.jsonl: in use by another recto-serve"]);
    let drawn = json!({"author": "A. Reader", "concept": "gimel", "bbox": [1, 2, 30, 40]});
    let path = "/review/http%3A%2F%2Fx.example%2Fverso.png";
    assert_eq!(send(&server, "POST", path, &drawn).status, 200);
    std::fs::remove_file(work.path("review.jsonl")).unwrap();
    let answer = send(&server, "POST", path, &drawn);
    let words = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(answer.status == 500 && words.contains("removed"), "{words}");
}

#[test]
fn a_box_drawn_on_a_picture_that_exif_turned_is_turned_back() {
    let work = Workdir::new();
    // Stored 60 x 40, shown 40 x 60.
    let image = image::RgbImage::from_pixel(60, 40, image::Rgb([9, 99, 200]));
    let mut jpeg = Vec::new();
    jpeg_encoder::Encoder::new(&mut jpeg, 90)
        .encode(image.as_raw(), 60, 40, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    let exif =
        b"\xFF\xE1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    work.write("a.jpg", [&jpeg[..2], exif, &jpeg[2..]].concat());
    let id = crate::running::set_of_address(&work, "http://x.example/a.jpg", "a.jpg");
    let server = Serving::start(&work, &["set.json", "--review", "review.jsonl"]);
    let path = format!("/review/{id}");
    let drawn = json!({"concept": "red", "bbox": [27, 10, 8, 10]});
    assert_eq!(send(&server, "POST", &path, &drawn).status, 200);
    server.stop();
    let reviewed = [
        "digest.json",
        "--review",
        "review.jsonl",
        "-o",
        "corrected.json",
    ];
    work.run("extract", &reviewed).exits(0);
    work.run(
        "reformat",
        &["corrected.json", "-f", "coco", "-o", "coco.json"],
    )
    .exits(0);
    // What is shown at (x, y) is stored at (y, 40 - x) where EXIF turns by 90 degrees to the right.
    let boxes = work.json("coco.json")["annotations"].clone();
    assert_eq!(boxes[0]["bbox"], json!([10, 5, 10, 8]));
}

#[test]
fn digest_and_extract_read_the_file_of_reviews() {
    let work = harvested();
    let server = Serving::start(&work, &["set.json", "--review", "review.jsonl"]);
    let on = |name: &str| format!("/review/http%3A%2F%2Fx.example%2F{name}.png");
    let drawn = json!({"author": "A. Reader", "concept": "gimel", "bbox": [1, 2, 30, 40.5],
        "polygon": [[1, 2], [31, 2], [31, 42.5]]});
    let made = told(&send(&server, "POST", &on("colour"), &drawn));
    let new = made["changed"].as_str().unwrap().replace('@', "%40");
    let moved = json!({"author": "B. Reader", "concept": "gimel", "bbox": [2, 2, 30, 40]});
    told(&send(
        &server,
        "PUT",
        &format!("{}?of={new}", on("colour")),
        &moved,
    ));
    let held = work.json("set.json")["images"][0]["localizations"].clone();
    let of = |at: usize| held[at]["id"].as_str().unwrap().replace('@', "%40");
    let renamed = json!({"concept": "dalet", "bbox": [11, 20.5, 30, 40]});
    told(&send(
        &server,
        "PUT",
        &format!("{}?of={}", on("nir"), of(0)),
        &renamed,
    ));
    // What is removed need not be described.
    let empty = "content-type: application/json\r\ncontent-length: 0\r\n";
    let path = format!("{}?of={}", on("nir"), of(1));
    told(&server.ask("DELETE", &path, empty));
    told(&send(&server, "POST", &on("verso"), &renamed));
    let seen = boxes(&server);
    server.stop();
    let counts: Vec<usize> = seen.iter().map(|b| b.as_array().unwrap().len()).collect();
    assert_eq!(counts, [2, 2, 1]);

    let report = ["--report", "report.json"];
    let reviewed = ["--review", "review.jsonl"];
    let extract = [&["digest.json", "-o", "a.json"][..], &reviewed, &report].concat();
    work.run("extract", &extract).exits(0);
    let told = work.json("report.json");
    assert_eq!((&told["read"], &told["kept"]), (&json!(9), &json!(9)));
    assert_eq!(told["reviews"], 5);
    let digest = ["iiif", "manifest.json", "-o", "carried.json"];
    work.run("digest", &[&digest[..], &reviewed].concat())
        .exits(0);
    work.run("extract", &["carried.json", "-o", "b.json"])
        .exits(0);
    assert_eq!(work.text("a.json"), work.text("b.json"));
    assert!(work.faults().is_empty(), "{:?}", work.faults());

    // What is served of it without the file is what was seen with it.
    let ids: Vec<Value> = work.json("a.json")["images"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|image| image["localizations"].as_array().unwrap().clone())
        .map(|l| l["id"].clone())
        .collect();
    let unique: std::collections::BTreeSet<String> = ids.iter().map(Value::to_string).collect();
    assert_eq!((ids.len(), unique.len()), (5, 5));
    let server = Serving::start(&work, &["a.json", "--review", "second.jsonl"]);
    assert_eq!(boxes(&server), seen);
    // A second file of reviews, begun on what the first made, gives names of its own; so does that of another reviewer.
    let made = self::told(&send(&server, "POST", &on("verso"), &renamed));
    let name = made["changed"].as_str().unwrap();
    assert!(name.starts_with("review-1-"), "{name}");
    server.stop();
    let server = Serving::start(&work, &["set.json", "--review", "other.jsonl"]);
    let other = json!({"author": "C. Reader", "concept": "he", "bbox": [1, 1, 5, 5]});
    let made = self::told(&send(&server, "POST", &on("verso"), &other));
    let of = made["changed"].as_str().unwrap().to_owned();
    self::told(&send(
        &server,
        "PUT",
        &format!("{}?of={of}", on("verso")),
        &moved,
    ));
    server.stop();
    let all = ["review.jsonl", "second.jsonl", "other.jsonl"];
    let all = all.iter().flat_map(|file| ["--review", file]);
    let args: Vec<&str> = ["digest.json", "-o", "all.json"]
        .into_iter()
        .chain(all)
        .collect();
    work.run("extract", &args).exits(0);
    let verso = work.json("all.json")["images"][2]["localizations"].clone();
    let concepts: Vec<&Value> = verso
        .as_array()
        .unwrap()
        .iter()
        .map(|l| &l["concept"])
        .collect();
    assert_eq!(concepts, ["dalet", "dalet", "gimel"]);
}

#[test]
fn corrections_that_fit_no_image_or_box_are_listed() {
    let work = harvested();
    let line = |image: &str, of: &str| {
        json!({"type": "Delete", "endTime": "2026-01-02T03:04:05Z", "target": format!("http://x.example/{image}.png"),
            "object": {"id": of}})
    };
    let lines = [
        line("nir", "l1").to_string(),
        "{".into(),
        line("nir", "none").to_string(),
        line("elsewhere", "l1").to_string(),
        line("verso", "none").to_string(),
    ];
    work.write("review.jsonl", lines.join("\n"));
    let reviewed = ["--review", "review.jsonl"];
    work.run(
        "extract",
        &[&["digest.json", "-o", "a.json"][..], &reviewed].concat(),
    )
    .exits(3);
    let listed = work.text("rejects.csv");
    for says in [
        "review.jsonl,line 2,review,correction cannot be applied: not JSON",
        "review.jsonl,line 3,review,correction cannot be applied: there is no box `none`",
        "review.jsonl,line 4,review,correction cannot be applied: there is no image `http://x.example/elsewhere.png`",
        "review.jsonl,line 5,review,correction cannot be applied: there is no box `none`",
    ] {
        assert!(listed.contains(says), "{says}\n{listed}");
    }
    assert_eq!(listed.lines().count(), 5, "{listed}");
    // A digest knows images, not boxes; what it is told to leave out takes its corrections along.
    let digest = [
        "iiif",
        "manifest.json",
        "--label",
        "recto",
        "-o",
        "some.json",
    ];
    let ran = work.run("digest", &[&digest[..], &reviewed].concat());
    ran.exits(3)
        .says(&["1 correction of images that filters left out"]);
    let listed = work.text("some.rejects.csv");
    assert!(
        listed.contains("line 2") && listed.contains("line 4"),
        "{listed}"
    );
    assert_eq!(listed.lines().count(), 3);
    let carried = work.json("some.json")["reviews"].clone();
    assert_eq!(carried.as_array().unwrap().len(), 2);
    work.run("extract", &["some.json", "-o", "b.json"]).exits(3);
    assert!(
        work.text("rejects.csv")
            .contains("some.json,reviews[1],review,")
    );
    // A file that is not there ends the run before anything is asked.
    work.run(
        "digest",
        &[
            "iiif",
            "manifest.json",
            "-o",
            "c.json",
            "--review",
            "no.jsonl",
        ],
    )
    .exits(1)
    .says(&["no.jsonl: no such file"]);
    work.run(
        "extract",
        &["digest.json", "--review", "set.json", "-o", "set.json"],
    )
    .exits(2);
}

/// Predict, look at the doubtful, correct, train again: the boxes of a model through digest, extract, the browser and back.
#[test]
fn predictions_are_looked_at_corrected_and_trained_on() {
    let work = Workdir::new();
    let image = |id: &str| {
        json!({"id": id, "image": {"url": format!("https://x.example/{id}.png"), "width": 64, "height": 48},
        "group": id, "source": {"kind": "table", "manifest": "t.csv"}})
    };
    let archive = json!({"contract": "recto/digest", "version": 1, "source": {"kind": "table", "inputs": []},
        "observations": [image("a"), image("b")]});
    work.write_json("digest.json", &archive);
    for name in ["a", "b"] {
        let pixels = recto_testkit::dataset::picture(64, 48, 1, image::ImageFormat::Png);
        work.write(&format!("images/{name}.png"), pixels);
    }
    work.write_json(
        "image_map.json",
        &json!({"a": "images/a.png", "b": "images/b.png"}),
    );
    work.run("extract", &["digest.json"]).exits(0);
    work.run(
        "reformat",
        &["localizations.json", "-f", "coco", "-o", "set"],
    )
    .exits(0);
    let set = work.json("set/annotations/instances_default.json");
    let number = |name: &str| {
        let images = set["images"].as_array().unwrap();
        images.iter().find(|image| image["uuid"] == name).unwrap()["id"].clone()
    };
    let predicted = |name: &str, class: u32, bbox: Value, score: f64| json!({"image_id": number(name), "category_id": class, "bbox": bbox, "score": score});
    work.write_json(
        "predictions.json",
        &json!([
            predicted("a", 1, json!([1, 2, 10, 10]), 0.95),
            predicted("a", 1, json!([20, 2, 10, 10]), 0.3),
            predicted("b", 1, json!([5, 5, 20, 20]), 0.1),
        ]),
    );
    work.write(
        "classes.json",
        r#"{"images": [], "categories": [{"id": 1, "name": "fish"}]}"#,
    );
    let call = [
        "coco",
        "predictions.json",
        "--images",
        "set/annotations/instances_default.json",
        "--classes",
        "classes.json",
        "-o",
    ];
    let doubtful = ["doubtful.json", "--where", "box.confidence<0.5"];
    work.run("digest", &[&call[..], &doubtful].concat())
        .exits(0)
        .says(&["1 box left out by --where"]);
    work.run(
        "digest",
        &[&call[..], &["predictions_digest.json"]].concat(),
    )
    .exits(0);
    work.run(
        "extract",
        &["digest.json", "doubtful.json", "-o", "doubtful_set.json"],
    )
    .exits(0);

    let server = Serving::start(
        &work,
        &[
            "doubtful_set.json",
            "--image-map",
            "image_map.json",
            "--review",
            "review.jsonl",
        ],
    );
    let boxes = server.json("/pages/image/a.json")["boxes"].clone();
    assert_eq!(boxes.as_array().unwrap().len(), 1, "{boxes}");
    let of = |n: u32| format!("of=predictions.json%23%5B{n}%5D");
    let better = json!({"author": "A. Reader", "concept": "eel", "bbox": [21, 3, 10, 10]});
    told(&send(
        &server,
        "PUT",
        &format!("/review/a?{}", of(1)),
        &better,
    ));
    told(&send(
        &server,
        "DELETE",
        &format!("/review/b?{}", of(2)),
        &json!({"author": "A. Reader"}),
    ));
    drop(server);

    let call = [
        "digest.json",
        "predictions_digest.json",
        "--review",
        "review.jsonl",
        "-o",
        "corrected.json",
    ];
    work.run("extract", &call).exits(0);
    work.run("reformat", &["corrected.json", "-f", "coco", "-o", "again"])
        .exits(0);
    let again = work.json("again/annotations/instances_default.json");
    let found: Vec<(&Value, &Value)> = again["annotations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| {
            (
                &a["bbox"],
                &again["categories"][a["category_id"].as_u64().unwrap() as usize - 1]["name"],
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (&json!([1, 2, 10, 10]), &json!("fish")),
            (&json!([21, 3, 10, 10]), &json!("eel"))
        ]
    );
}
