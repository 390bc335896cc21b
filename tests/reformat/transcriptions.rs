//! `alto` and `page`: what is written is read again as the same regions, lines and words.

use std::collections::BTreeMap;

use image::ImageFormat;
use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use serde_json::{Value, json};

/// A page of two regions, of which the second in the file is the first to be read, an illustration, and a table of lines only.
fn page() -> Vec<Value> {
    let item = |id: &str, concept: &str, bbox: [f64; 4], attributes: Value| {
        let mut attributes = attributes;
        if let Some(parent) = attributes.get("parent").and_then(Value::as_str) {
            attributes["parent"] = json!(format!("p.xml#{parent}"));
        }
        json!({ "id": format!("p.xml#{id}"), "concept": concept, "bbox": bbox, "attributes": attributes })
    };
    let mut lines = item(
        "l1",
        "line",
        [20.25, 220.5, 150.0, 30.0],
        json!({ "granularity": "line", "parent": "r1", "order": 2, "text": "\u{5d0}\u{5dc}\u{5e3} & <b> fin-", "language": "he",
            "baseline": [[20, 245], [90, 243], [170, 245]], "confidence": 0.5 }),
    );
    lines["polygon"] = json!([[20.25, 220.5], [170.25, 222], [170.25, 250.5], [20.25, 249]]);
    vec![
        item(
            "r1",
            "paragraph",
            [10.0, 200.0, 180.0, 90.0],
            json!({ "granularity": "block", "order": 2, "type": "paragraph", "element": "TextRegion" }),
        ),
        lines,
        item(
            "w1",
            "word",
            [20.0, 221.0, 40.0, 28.0],
            json!({ "granularity": "word", "parent": "l1", "order": 3, "text": "\u{5d0}\u{5dc}\u{5e3}", "confidence": 0.75 }),
        ),
        item(
            "w2",
            "word",
            [65.0, 221.0, 10.0, 28.0],
            json!({ "granularity": "word", "parent": "l1", "order": 4, "text": "&" }),
        ),
        item(
            "w3",
            "word",
            [80.0, 221.0, 30.0, 28.0],
            json!({ "granularity": "word", "parent": "l1", "order": 5, "text": "<b>" }),
        ),
        item(
            "w4",
            "word",
            [115.0, 221.0, 50.0, 28.0],
            json!({ "granularity": "word", "parent": "l1", "order": 6, "text": "fin" }),
        ),
        item(
            "r0",
            "heading",
            [10.0, 20.0, 180.0, 40.0],
            json!({ "granularity": "block", "order": 1, "element": "TextRegion" }),
        ),
        item(
            "l0",
            "line",
            [12.0, 22.0, 170.0, 30.0],
            json!({ "granularity": "line", "parent": "r0", "order": 1, "text": "Liber primus" }),
        ),
        item(
            "w5",
            "word",
            [12.0, 22.0, 70.0, 30.0],
            json!({ "granularity": "word", "parent": "l0", "order": 1, "text": "Liber" }),
        ),
        item(
            "w6",
            "word",
            [90.0, 22.0, 90.0, 30.0],
            json!({ "granularity": "word", "parent": "l0", "order": 2, "text": "primus" }),
        ),
        item(
            "i",
            "illustration",
            [10.0, 70.0, 100.0, 90.0],
            json!({ "granularity": "block", "order": 3, "element": "ImageRegion" }),
        ),
        item(
            "m",
            "my class",
            [120.0, 70.0, 50.0, 90.0],
            json!({ "granularity": "block", "order": 4 }),
        ),
    ]
}

/// The boxes that `recto-digest` and `recto-extract` make of what was written, by the ids of items.
fn read_again(work: &Workdir, folder: &str) -> BTreeMap<String, Value> {
    work.write("images.csv", "url\nhttps://example.org/a.png\n");
    let call = [
        "table",
        "images.csv",
        "--url-column",
        "url",
        "--text-files",
        folder,
        "-o",
        "digest.json",
    ];
    work.run("digest", &call).exits(0);
    work.run("extract", &["digest.json", "-o", "again.json"])
        .exits(0);
    let again = work.json("again.json");
    let boxes = again["images"][0]["localizations"].as_array().unwrap();
    let id = |b: &Value| {
        b["id"]
            .as_str()
            .unwrap()
            .rsplit('#')
            .next()
            .unwrap()
            .to_owned()
    };
    boxes.iter().map(|b| (id(b), b.clone())).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap()],
    }
}

fn is_near(a: &Value, b: &Value) -> bool {
    let (a, b) = (numbers(a), numbers(b));
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 0.51)
}

#[test]
fn a_page_is_read_again_as_it_was() {
    let work = Workdir::new();
    let files = [("u1", "a.png", picture(200, 300, 1, ImageFormat::Png))];
    lay_out(&work, &[image("u1", "g", [200, 300], page())], &files);
    for format in ["alto", "page"] {
        let out = format!("sets/{format}");
        let call = ["localizations.json", "-f", format, "-o", &out];
        work.run("reformat", &call).exits(0);
        let found = read_again(&work, &format!("{out}/pages"));
        assert_eq!(found.len(), page().len(), "{format}: {:?}", found.keys());
        for wanted in page() {
            let id = wanted["id"].as_str().unwrap().trim_start_matches("p.xml#");
            let found = &found[id];
            let name = format!("{format} {id}");
            assert!(is_near(&found["bbox"], &wanted["bbox"]), "{name} {found}");
            assert_eq!(found["concept"], wanted["concept"], "{name}");
            let [given, read] = [&wanted, found].map(|b| &b["attributes"]);
            for attribute in ["granularity", "order"] {
                assert_eq!(read[attribute], given[attribute], "{name} {attribute}");
            }
            if given.get("text").is_some() {
                assert_eq!(read["text"], given["text"], "{name}");
            }
            let parent = |b: &Value| {
                b["parent"]
                    .as_str()
                    .map(|p| p.rsplit('#').next().unwrap().to_owned())
            };
            assert_eq!(parent(read), parent(given), "{name}");
            if let Some(line) = given.get("baseline") {
                assert!(is_near(&read["baseline"], line), "{name}");
                assert!(is_near(&found["polygon"], &wanted["polygon"]), "{name}");
                assert_eq!(read["language"], "he");
            }
            if id == "w1" {
                assert_eq!(read["confidence"], 0.75);
            }
        }
    }
}

#[test]
fn lines_and_words_alone_have_holders() {
    let boxes = vec![
        json!({ "id": "one", "concept": "line", "bbox": [10, 10, 100, 20], "attributes": { "text": "a b" } }),
        json!({ "id": "two", "concept": "line", "bbox": [10, 40, 100, 20], "attributes": { "baseline": [[10, 55], [110, 55]] } }),
        json!({ "id": "three", "concept": "word", "bbox": [10, 70, 40, 20], "attributes": { "granularity": "word", "text": "c" } }),
    ];
    let work = one([200, 100], [200, 100], boxes);
    reformat(&work, "alto", &[]).exits(0);
    let found = read_again(&work, "out/pages");
    // ALTO has text only in words: each line without has one.
    let ids: Vec<&str> = found.keys().map(String::as_str).collect();
    let ids: Vec<&str> = ids
        .into_iter()
        .filter(|id| !id.starts_with("String"))
        .collect();
    assert_eq!((ids, found.len()), (vec!["one", "three", "two"], 5));
    assert_eq!(
        (
            &found["one"]["attributes"]["text"],
            &found["two"]["attributes"]["text"]
        ),
        (&json!("a b"), &Value::Null)
    );
    reformat(&work, "page", &[]).exits(0);
    let found = read_again(&work, "out/pages");
    // PAGE wants a place of everything: the holders are around what they hold.
    assert_eq!(found.len(), 5, "{:?}", found.keys());
    let region = found
        .values()
        .find(|b| b["attributes"]["granularity"] == "block")
        .unwrap();
    assert_eq!(region["bbox"], json!([10, 10, 100, 80]));
}

#[test]
fn what_alto_cannot_hold_is_told() {
    let boxes = vec![
        json!({ "id": "b", "concept": "border", "bbox": [0, 0, 190, 90], "attributes": { "granularity": "page" } }),
        json!({ "id": "l", "concept": "line", "bbox": [10, 10, 100, 20], "attributes": { "text": "a b", "language": "Old Norse" } }),
        json!({ "id": "p", "concept": "text", "bbox": [10, 50, 150, 40], "attributes": { "granularity": "paragraph", "text": "a whole paragraph" } }),
        json!({ "id": "s", "concept": "line", "bbox": [10, 40, 100, 8], "attributes": { "granularity": "line", "text": "c", "confidence": 0.5 } }),
        json!({ "id": "g", "concept": "glyph", "bbox": [10, 10, 10, 20], "attributes": { "granularity": "glyph", "text": "ab" } }),
    ];
    let work = one([200, 100], [200, 100], boxes);
    reformat(&work, "alto", &[]).exits(0).says(&[
        "1 border of a page is left out",
        "1 language is not a language tag",
        "1 glyph is not one character",
        "1 region has a text that is not that of its lines",
    ]);
    assert!(
        work.text("out/pages/a.xml")
            .contains("CONTENT=\"c\" WC=\"0.5\"")
    );
    assert!(work.exists("out/pages/a.png") && work.exists("out/sources.csv"));
}

/// In a set the names of files are those of the image map, with their folders; `sources.csv` leads to the images.
#[test]
fn transcriptions_of_a_set_find_their_images() {
    let work = Workdir::new();
    let line = json!({ "id": "l", "concept": "line", "bbox": [10, 10, 100, 20], "attributes": { "text": "alef" } });
    work.write("images.csv", "url\nhttps://example.org/a.png\n");
    let digest = [
        "table",
        "images.csv",
        "--url-column",
        "url",
        "-o",
        "digest.json",
    ];
    work.run("digest", &digest).exits(0);
    let id = work.json("digest.json")["observations"][0]["id"].clone();
    let images = [image(id.as_str().unwrap(), "g", [200, 100], vec![line])];
    let bytes = picture(200, 100, 1, image::ImageFormat::Png);
    lay_out(
        &work,
        &images,
        &[(id.as_str().unwrap(), "ms 1/f 1r-0a1b2c.png", bytes)],
    );
    for format in ["alto", "page"] {
        reformat(&work, format, &[]).exits(0);
        let again = [&digest[..5], &["again.json", "--text-files", "out/pages"]].concat();
        work.run("digest", &again).exits(0);
        let found = &work.json("again.json")["observations"][0]["annotations"];
        // A line has a word in ALTO and a block in PAGE.
        assert_eq!(found.as_array().map(Vec::len), Some(2), "{format}: {found}");
    }
    // A table of that name that is something else is told, and the file that it might have named.
    work.write("out/sources.csv", "a,b\n1,2\n");
    let again = [&digest[..5], &["again.json", "--text-files", "out/pages"]].concat();
    work.run("digest", &again)
        .exits(3)
        .says(&["out/sources.csv is not used: table does not have a column of files"]);
}
