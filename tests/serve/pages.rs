//! Pages for people: what is sent to browsers, and corrections that come from them.

use serde_json::{Value, json};

use crate::running::{Got, Serving, set};

const HTML: &str = "accept: text/html,*/*;q=0.8\r\n";

#[test]
fn browsers_get_pages_and_programs_the_collection() {
    let work = set();
    let server = Serving::start(&work, &["set.json"]);
    assert_eq!(server.get("/").status, 303);
    let link = regex::Regex::new(r#"(?:src|href)="([^"]+)""#).unwrap();
    for (path, title) in [
        ("/", "<title>Images</title>"),
        ("/view/n", "<title>Image</title>"),
    ] {
        let page = server.ask("GET", path, HTML);
        let text = String::from_utf8(page.body).unwrap();
        assert!(page.status == 200 && text.contains(title), "{path}");
        let policy = &page.headers["content-security-policy"];
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"));
        // Everything comes from here.
        for found in link.captures_iter(&text) {
            let target = found[1].trim_start_matches("../").trim_start_matches("./");
            assert!(!target.contains("//"), "{target}");
            if target.starts_with("assets/") {
                assert_eq!(server.get(&format!("/{target}")).status, 200, "{target}");
            }
        }
    }
    assert_eq!(server.ask("GET", "/view/nothing", HTML).status, 404);
    assert_eq!(server.get("/assets/../Cargo.toml").status, 404);
    let etag = server.get("/assets/viewer.js").headers["etag"].clone();
    let held = format!("if-none-match: {etag}\r\n");
    assert_eq!(server.ask("GET", "/assets/viewer.js", &held).status, 304);
}

#[test]
fn pages_know_what_is_said_of_each_image() {
    let work = set();
    let server = Serving::start(
        &work,
        &["set.json", "--base-url", "http://scrolls.example/deep"],
    );
    let images = server.json("/pages/images.json")["images"].clone();
    assert_eq!(images.as_array().unwrap().len(), 3);
    assert_eq!(
        (
            &images[0]["segment"],
            &images[0]["groupLabel"],
            &images[0]["concepts"]
        ),
        (
            &json!("n"),
            &json!("Manuscript 1"),
            &json!({"aleph": 1, "bet": 1})
        )
    );
    let image = server.json("/pages/image/c.json");
    assert_eq!(
        image["boxes"][0],
        json!({"id": "l1", "concept": "aleph", "bbox": [10, 20.5, 30, 40], "polygon": null})
    );
    assert_eq!(image["lights"], json!([["NIR", "n"], ["Colour", "c"]]));
    assert_eq!(
        (&image["previous"], &image["next"]),
        (&json!("n"), &json!("other"))
    );
    assert_eq!(
        (&image["frame"], &image["review"]),
        (&json!([400, 200]), &json!(false))
    );
    assert_eq!(
        image["manifest"],
        "iiif/presentation/3/MS%201/manifest.json"
    );
    assert_eq!(server.get("/pages/image/none.json").status, 404);
}

fn send(server: &Serving, method: &str, path: &str, body: &Value) -> Got {
    let body = body.to_string();
    let headers = format!(
        "content-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    server.ask_with(method, path, &headers, body.as_bytes())
}

fn told(got: &Got) -> Value {
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
    assert_eq!(
        (&made["changed"], made["boxes"].as_array().unwrap().len()),
        (&json!("review-1"), 3)
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

    // Started anew, it is as it was left; and what is harvested is what was corrected.
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
            "a concept is needed",
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
            "reaches beyond 400 x 200",
        ),
        (
            "PUT",
            "/review/n?of=none",
            good.clone(),
            409,
            "no box is called `none`",
        ),
        ("DELETE", "/review/n", json!({}), 409, "no box is called"),
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
