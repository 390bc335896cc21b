//! What stands between a correction and the file of reviews: editors and renaming while the server runs, files that come
//! beside others, pages that were made for something else.

use serde_json::{Value, json};

use crate::auth::started;
use crate::review::{send, told};
use crate::robust::{pipe, signal};
use crate::running::{Got, Serving, folder, picture, set};
use recto_testkit::{Workdir, wait_until};

fn draw(server: &Serving, image: &str, class: &str) -> Got {
    let body = json!({"concept": class, "bbox": [1, 2, 30, 40]});
    send(server, "POST", &format!("/review/{image}"), &body)
}

/// The classes of the boxes of an image; none if there is no such image.
fn classes(server: &Serving, image: &str) -> Option<Vec<String>> {
    let got = server.get(&format!("/pages/image/{image}.json"));
    let page: Value = serde_json::from_slice(&got.body).ok()?;
    let boxes = page["boxes"].as_array()?.iter();
    Some(
        boxes
            .map(|b| b["concept"].as_str().unwrap().to_owned())
            .collect(),
    )
}

fn words(got: &Got) -> (u16, String) {
    (got.status, String::from_utf8_lossy(&got.body).into_owned())
}

#[test]
fn a_line_that_loses_its_end_while_the_server_runs_is_not_joined_to_the_next() {
    let work = folder();
    let args = ["pictures", "--review", "r.jsonl"];
    let server = Serving::start(&work, &args);
    told(&draw(&server, "a", "one"));
    // An editor that writes in place.
    let saved = work.text("r.jsonl").trim_end().to_owned();
    std::fs::write(work.path("r.jsonl"), saved).unwrap();
    told(&draw(&server, "a", "two"));
    let lines = work.text("r.jsonl").lines().count();
    assert_eq!(lines, 2);
    drop(server);
    let server = Serving::start(&work, &args);
    assert_eq!(classes(&server, "a").unwrap(), ["one", "two"]);
    // What is missing from the file would be missing after the next start.
    std::fs::write(work.path("r.jsonl"), "").unwrap();
    let (status, why) = words(&draw(&server, "a", "three"));
    assert!(
        status == 500 && why.contains("made the file shorter"),
        "{why}"
    );
    signal(&server, "-HUP");
    wait_until(|| classes(&server, "a").unwrap().is_empty());
    told(&draw(&server, "a", "three"));
}

#[test]
fn a_file_of_reviews_that_was_renamed_takes_no_correction_until_it_is_back() {
    let work = folder();
    let args = ["pictures", "--review", "r.jsonl"];
    let server = Serving::start(&work, &args);
    told(&draw(&server, "a", "one"));
    std::fs::rename(work.path("r.jsonl"), work.path("old")).unwrap();
    let refused = |server: &Serving| {
        let (status, why) = words(&draw(server, "a", "two"));
        assert!(
            status == 500 && why.contains("renamed or replaced"),
            "{why}"
        );
    };
    refused(&server);
    // Another file of this name is not the one that is written.
    work.write("r.jsonl", "");
    refused(&server);
    std::fs::rename(work.path("old"), work.path("r.jsonl")).unwrap();
    told(&draw(&server, "a", "two"));
    drop(server);
    let server = Serving::start(&work, &args);
    assert_eq!(classes(&server, "a").unwrap(), ["one", "two"]);
}

#[test]
fn a_file_that_comes_beside_another_takes_neither_its_name_nor_its_corrections() {
    let work = folder();
    let args = ["pictures", "--review", "r.jsonl"];
    let server = Serving::start(&work, &args);
    told(&draw(&server, "a", "careful"));
    told(&send(
        &server,
        "PUT",
        "/review/a",
        &json!({"state": "reviewed"}),
    ));
    // As large, so that its size does not tell them apart.
    work.write("pictures/a.bmp", picture(200, 100));
    signal(&server, "-HUP");
    wait_until(|| classes(&server, "a.bmp").is_some());
    assert_eq!(classes(&server, "a").unwrap(), ["careful"]);
    assert_eq!(classes(&server, "a.bmp").unwrap(), [""; 0]);
    assert_eq!(server.get("/iiif/3/a/info.json").status, 200);
    // The name without suffix is nobody's at the next start, and that is said; corrections stay where they were made.
    drop(server);
    let server = Serving::start(&work, &args);
    assert_eq!(classes(&server, "a"), None);
    assert_eq!(classes(&server, "a.png").unwrap(), ["careful"]);
    assert_eq!(server.json("/pages/image/a.png.json")["state"], "reviewed");
    assert_eq!(classes(&server, "a.bmp").unwrap(), [""; 0]);
    let (_, _, err) = server.stop();
    assert!(err.contains("several files are called `a`"), "{err}");
    // Where a file took the place of another one, it has the corrections, and that is said.
    std::fs::remove_file(work.path("pictures/a.png")).unwrap();
    let server = Serving::start(&work, &args);
    assert_eq!(classes(&server, "a").unwrap(), ["careful"]);
    let (_, _, err) = server.stop();
    assert!(
        err.contains("a.png is gone; its corrections are applied to a.bmp"),
        "{err}"
    );
}

#[test]
fn what_was_made_for_another_size_another_set_or_by_somebody_else_is_refused() {
    let rules =
        "[auth]\notherwise = \"full\"\n[[auth.rules]]\nwho = [\"known\"]\nmay = \"review\"\n";
    let (work, server) = started(rules, &["--review", "r.jsonl"]);
    let key = server.json("/pages/classes.json")["reviews"].clone();
    let image = server.json("/pages/images.json")["images"][0]["segment"].clone();
    let path = format!("/review/{}", image.as_str().unwrap());
    let frame =
        server.json(&format!("/pages/image/{}.json", image.as_str().unwrap()))["frame"].clone();
    let cases = [
        (json!({}), 200, ""),
        (
            json!({"frame": frame, "reviews": key, "user": "ben"}),
            200,
            "",
        ),
        (
            json!({"frame": [1600, 1199]}),
            409,
            "its file has been replaced",
        ),
        (json!({"reviews": "another"}), 409, "belongs to another set"),
        (
            json!({"user": "anna"}),
            409,
            "made by anna, and you are logged in as ben",
        ),
    ];
    for (said, status, says) in cases {
        let mut body = json!({"concept": "a", "bbox": [1, 2, 3, 4]});
        body.as_object_mut()
            .unwrap()
            .extend(said.as_object().unwrap().clone());
        let body = body.to_string();
        let headers = format!(
            "authorization: Bearer secret-of-ben\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        );
        let (got, why) = words(&server.ask_with("POST", &path, &headers, body.as_bytes()));
        assert!(got == status && why.contains(says), "{body}: {got} {why}");
    }
    assert_eq!(work.text("r.jsonl").lines().count(), 2);
}

#[test]
fn a_correction_needs_permission_for_every_image_on_the_canvas() {
    for may in ["hidden", "none", "full"] {
        let rules = format!(
            "[auth]\notherwise = \"none\"\n[[auth.rules]]\nwhere = \"id=c\"\nwho = [\"user:ben\"]\nmay = \"{may}\"\n\
             [[auth.rules]]\nwho = [\"known\"]\nmay = \"review\"\n{}",
            crate::auth::people()
        );
        let work = set();
        work.write("recto.toml", rules);
        let args = ["set.json", "-c", "recto.toml", "--review", "r.jsonl"];
        let server = Serving::start(&work, &args);
        for (who, status) in [("ben", 403), ("anna", 200)] {
            let headers = format!("authorization: Bearer secret-of-{who}\r\n");
            let page = server.ask("GET", "/pages/image/n.json", &headers);
            let page: Value = serde_json::from_slice(&page.body).unwrap();
            assert_eq!(page["review"], json!(status == 200), "{may} {who}");
            let headers =
                format!("{headers}content-type: application/json\r\ncontent-length: 2\r\n");
            let got = server.ask_with("DELETE", "/review/n?of=l1", &headers, b"{}");
            assert_eq!(got.status, status, "{may} {who}");
        }
    }
}

#[test]
fn nobody_replaces_a_state_that_they_have_not_seen() {
    let work = set();
    let server = Serving::start(&work, &["set.json", "--review", "r.jsonl"]);
    let state = |state: &str, revision: &Value| {
        let body = json!({"author": "A. Reader", "state": state, "revision": revision});
        send(&server, "PUT", "/review/other", &body)
    };
    let seen = server.json("/pages/image/other.json")["revision"].clone();
    let said = told(&state("doubtful", &seen));
    let got = state("reviewed", &seen);
    let answer: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(
        (got.status, &answer["image"]["state"]),
        (409, &json!("doubtful"))
    );
    assert_eq!(
        answer["problem"],
        "A. Reader has said of the image that it is doubtful"
    );
    // Labels are no part of the state.
    told(&send(
        &server,
        "PUT",
        "/review/other",
        &json!({"add": "torn"}),
    ));
    assert_eq!(
        told(&state("reviewed", &said["revision"]))["state"],
        "reviewed"
    );
}

#[test]
fn a_pipe_in_place_of_a_file_is_refused_at_the_start() {
    for option in ["--review", "--served"] {
        let work = folder();
        let _pipe = pipe(&work, "p");
        work.run(
            "serve",
            &["pictures", option, "p", "--listen", "127.0.0.1:0"],
        )
        .exits(1)
        .says(&["p: not a regular file"]);
    }
}

/// A COCO mask in runs, column by column, of all within `outline` that is not within `hole`.
fn runs([width, height]: [u32; 2], outline: [u32; 4], hole: [u32; 4]) -> Vec<u32> {
    let within = |[x, y, w, h]: [u32; 4], px: u32, py: u32| {
        (x..x + w).contains(&px) && (y..y + h).contains(&py)
    };
    let (mut counts, mut is_set) = (vec![0], false);
    for (px, py) in (0..width).flat_map(|px| (0..height).map(move |py| (px, py))) {
        if (within(outline, px, py) && !within(hole, px, py)) != is_set {
            is_set = !is_set;
            counts.push(0);
        }
        *counts.last_mut().unwrap() += 1;
    }
    counts
}

/// An id in a path or a query.
fn encoded(id: &str) -> String {
    let encode = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_string(),
        false => format!("%{:02X}", u32::from(c)),
    };
    id.chars().map(encode).collect()
}

/// A set of one image with a ring on it, and the id of the image.
fn ring() -> (Workdir, String) {
    let work = folder();
    let counts = runs([200, 100], [20, 10, 100, 80], [40, 30, 20, 10]);
    work.write_json("coco.json", &json!({
        "images": [{"id": 1, "file_name": "a.png", "coco_url": "https://ex.org/a.png", "width": 200, "height": 100}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [20, 10, 100, 80], "iscrowd": 0,
            "segmentation": {"size": [100, 200], "counts": counts}}],
        "categories": [{"id": 1, "name": "ring"}]}));
    work.run("digest", &["coco", "coco.json", "-o", "digest.json"])
        .exits(0);
    work.run("extract", &["digest.json", "-o", "set.json"])
        .exits(0);
    let image = work.json("set.json")["images"][0]["id"].clone();
    let image = image.as_str().unwrap().to_owned();
    work.write_json("image_map.json", &json!({image.as_str(): "pictures/a.png"}));
    (work, image)
}

#[test]
fn holes_are_shown_move_with_their_outline_and_are_not_lost_unnoticed() {
    let (work, image) = ring();
    let server = Serving::start(&work, &["set.json", "--review", "r.jsonl"]);
    let path = encoded(&image);
    let shown = server.json(&format!("/pages/image/{path}.json"))["boxes"][0].clone();
    let hole = json!([[[40, 30], [40, 40], [60, 40], [60, 30]]]);
    assert_eq!(shown["holes"], hole);
    let collection = server.json("/iiif/presentation/3/collection.json");
    let of = |uri: &Value| {
        let uri = uri.as_str().unwrap();
        server.json(uri.strip_prefix("http://pictures.example").unwrap())
    };
    let manifest = of(&collection["items"][0]["id"]);
    let annotations = of(&manifest["items"][0]["annotations"][0]["id"]);
    let svg = annotations["items"][0]["target"]["selector"]["value"].clone();
    let svg = svg.as_str().unwrap();
    assert!(
        svg.contains(r#"fill-rule="evenodd""#) && svg.contains("M40,30"),
        "{svg}"
    );
    let of_box = encoded(shown["id"].as_str().unwrap());
    let path = format!("/review/{path}?of={of_box}");
    let moved = json!([[21, 10], [121, 10], [121, 90], [21, 90]]);
    let hole_moved = json!([[[41, 30], [41, 40], [61, 40], [61, 30]]]);
    let put = |body: Value| send(&server, "PUT", &path, &body);
    let answer = told(&put(
        json!({"concept": "ring", "polygon": moved, "holes": hole_moved}),
    ));
    assert_eq!(answer["boxes"][0]["holes"], hole_moved);
    // Another class alone changes nothing of the outline.
    let answer = told(&put(json!({"concept": "torus", "polygon": moved})));
    assert_eq!(answer["boxes"][0]["holes"], hole_moved);
    let aside =
        json!({"concept": "ring", "polygon": moved, "holes": [[[150, 30], [160, 30], [160, 40]]]});
    let (status, why) = words(&put(aside));
    assert!(
        status == 409 && why.contains("holes in its outline"),
        "{why}"
    );
    drop(server);
    work.run(
        "extract",
        &["digest.json", "--review", "r.jsonl", "-o", "corrected.json"],
    )
    .exits(0);
    let corrected = work.json("corrected.json")["images"][0]["localizations"][0].clone();
    assert_eq!(
        (&corrected["concept"], &corrected["holes"]),
        (&json!("torus"), &hole_moved)
    );
}
