//! The Presentation API: collections, manifests, annotations.

use serde_json::{Value, json};

use crate::running::{Serving, folder, set};
use recto_testkit::Workdir;

#[test]
fn a_set_is_a_collection_of_manifests_with_choices_and_boxes() {
    let work = set();
    let server = Serving::start(
        &work,
        &["set.json", "--base-url", "http://scrolls.example/"],
    );
    let collection = server.json("/iiif/presentation/3/collection.json");
    assert_eq!(
        collection["items"],
        json!([{
            "id": "http://scrolls.example/iiif/presentation/3/MS%201/manifest.json",
            "type": "Manifest",
            "label": {"none": ["Manuscript 1"]},
            "thumbnail": [{
                "id": "http://scrolls.example/iiif/3/n/full/!400,400/0/default.jpg",
                "type": "Image",
                "format": "image/jpeg",
                "service": [{"id": "http://scrolls.example/iiif/3/n", "type": "ImageService3", "profile": "level2"}],
            }],
        }])
    );
    let manifest = server.json("/iiif/presentation/3/MS%201/manifest.json");
    assert_eq!(
        (&manifest["rights"], &manifest["requiredStatement"]["value"]),
        (
            &json!("http://rights.example/"),
            &json!({"none": ["Someone"]})
        )
    );
    let canvases = manifest["items"].as_array().unwrap();
    // Two bands with the same boxes are one canvas; the one without boxes stands alone.
    assert_eq!(canvases.len(), 2);
    assert_eq!(
        (&canvases[0]["width"], &canvases[0]["height"]),
        (&json!(400), &json!(200))
    );
    assert_eq!(
        canvases[0]["metadata"],
        json!([{"label": {"none": ["Side"]}, "value": {"none": ["recto"]}}])
    );
    let choice = &canvases[0]["items"][0]["items"][0]["body"];
    assert_eq!(
        (&choice["type"], &choice["items"][1]["label"]),
        (&json!("Choice"), &json!({"none": ["Colour"]}))
    );
    assert_eq!(
        choice["items"][0]["service"][0]["id"],
        "http://scrolls.example/iiif/3/n"
    );
    assert_eq!(choice["items"][0]["width"], 200);
    let page = canvases[0]["annotations"][0]["id"].as_str().unwrap();
    let page = server.json(page.strip_prefix("http://scrolls.example").unwrap());
    let canvas = canvases[0]["id"].as_str().unwrap();
    let first = &page["items"][0];
    assert_eq!(
        (&first["motivation"], &first["target"]),
        (
            &json!("tagging"),
            &json!(format!("{canvas}#xywh=10,20.5,30,40"))
        )
    );
    assert_eq!(
        first["body"][0],
        json!({"type": "TextualBody", "purpose": "tagging", "format": "text/plain", "value": "aleph"})
    );
    assert_eq!(first["body"][1]["value"], "A");
    let second = &page["items"][1];
    assert_eq!(
        (&second["id"], &second["target"]["source"]),
        (&json!("http://x.example/l2"), &json!(canvas))
    );
    assert!(
        second["target"]["selector"]["value"]
            .as_str()
            .unwrap()
            .contains("points=\"0,0 9,0 9,9\"")
    );
    assert_eq!(canvases[1].get("annotations"), None);
}

const HOME: &str = "http://scrolls.example";

/// Two manuscripts; the first with two bands of one side and a verso that says other things.
fn archive() -> Workdir {
    let work = folder();
    let rights = "http://rights.example/by/4.0/";
    let image = |id: &str, group: &str, canvas: &str, band: &str, labels: Value, boxes: Value| {
        json!({"id": id, "image": {}, "group": group, "frame": [400, 200.5], "localizations": boxes, "labels": labels,
            "metadata": {"Owners": ["One & Two", "Three"], "Side": [canvas]},
            "source": {"kind": "x", "canvas": canvas, "rights": rights, "attribution": "Someone; <b>Other</b>",
                "labels": {"manifest": format!("Manuscript {group}"), "canvas": canvas, "image": band}}})
    };
    let boxes = json!([
        {"id": "l1", "concept": "aleph", "bbox": [10, 20.5, 30, 40.125], "attributes": {"text": "A word", "language": "he", "observer": "A. Diver", "verified": true, "depth_meters": 512.5}},
        {"id": "l2", "concept": "a <b>bold</b> bet", "bbox": [0, 0, 9, 9.5], "polygon": [[0, 0], [9, 0], [9, 9.5]]},
        {"id": "http://x.example/l3", "concept": "final mem", "bbox": [100, 100, 50, 20],
            "attributes": {"confidence": 0.75, "creator": "A. Scribe", "tags": ["final mem", "damaged"]}},
        {"id": "http://x.example/l3#2", "concept": "final mem", "bbox": [200, 100, 50, 20],
            "attributes": {"annotation": "http://x.example/l3", "confidence": 0.75, "creator": "A. Scribe", "tags": ["final mem", "damaged"]}},
    ]);
    let mut images = [
        image(
            "n",
            "MS/1",
            "recto",
            "NIR",
            json!(["written"]),
            boxes.clone(),
        ),
        image("c", "MS/1", "recto", "Colour", json!(["written"]), boxes),
        image("v", "MS/1", "verso", "NIR", json!([]), json!([])),
        image(
            "x y",
            "MS 2",
            "recto",
            "NIR",
            json!(["<i>blank</i> &amp; stained", "stained"]),
            json!([{"id": "l1", "concept": "aleph", "bbox": [1, 1, 2, 2]}]),
        ),
    ];
    // Words, where IIIF has room for a URI only; and one side of a manuscript has other rights than the others.
    images[3]["source"]["rights"] = json!("© <i>Museum</i>; see http://rights.example/ for more");
    images[2]["source"]["rights"] = json!("http of the words");
    work.write_json(
        "set.json",
        &json!({"contract": "recto/localizations", "version": 1, "images": images}),
    );
    let file = "pictures/a.png";
    work.write_json(
        "image_map.json",
        &json!({"n": file, "c": file, "v": file, "x y": file}),
    );
    work
}

/// Serves a set and harvests it again; gives the images of the new one.
fn around(work: &Workdir, set: &str, map: &str, version: u8, out: &str) -> Vec<Value> {
    let server = Serving::start(work, &[set, "--image-map", map, "--base-url", HOME]);
    let collection = format!("{HOME}/iiif/presentation/{version}/collection.json");
    let rewrite = format!("{HOME}/=http://{}/", server.address);
    let args = [
        "iiif",
        &collection,
        "--rewrite",
        &rewrite,
        "--rate",
        "0",
        "-o",
        "digest.json",
    ];
    work.run("digest", &args).exits(0);
    work.run("extract", &["digest.json", "-o", out]).exits(0);
    work.json(out)["images"].as_array().unwrap().clone()
}

/// All that is said of images, without the names by which things are told apart.
fn essence(images: &[Value]) -> Vec<Value> {
    let of = |image: &Value| {
        let boxes = image["localizations"].as_array().unwrap().iter();
        let boxes = boxes.map(|b| {
            let attribute = |name: &str| b["attributes"][name].clone();
            let attributes = [
                "text",
                "language",
                "confidence",
                "creator",
                "observer",
                "verified",
                "depth_meters",
            ]
            .map(attribute);
            json!([b["concept"], b["bbox"], b["polygon"], attributes])
        });
        let source = &image["source"];
        json!([
            image["frame"],
            image["labels"],
            image["metadata"],
            source["rights"],
            source["attribution"],
            source["labels"],
            boxes.collect::<Vec<_>>()
        ])
    };
    let mut all: Vec<Value> = images.iter().map(of).collect();
    all.sort_by_key(Value::to_string);
    all
}

#[test]
fn what_goes_out_comes_back() {
    let work = archive();
    let original = work.json("set.json")["images"].as_array().unwrap().clone();
    let once = around(&work, "set.json", "image_map.json", 3, "once.json");
    assert_eq!(essence(&once), essence(&original));
    let ids: Vec<&str> = once
        .iter()
        .map(|image| image["id"].as_str().unwrap())
        .collect();
    let service = |id: &str| format!("{HOME}/iiif/3/{id}");
    assert_eq!(
        ids,
        [service("x%20y"), service("n"), service("c"), service("v")]
    );
    // Names that are the server's own already stay: nothing at all changes any more.
    let map: serde_json::Map<_, _> = ids
        .iter()
        .map(|id| ((*id).to_owned(), json!("pictures/a.png")))
        .collect();
    work.write_json("map.json", &map.into());
    let twice = around(&work, "once.json", "map.json", 3, "twice.json");
    assert_eq!(twice, once);
    assert_eq!(work.text("twice.json"), work.text("once.json"));
}

#[test]
fn rights_in_words_are_for_people_and_programs() {
    let work = archive();
    let server = Serving::start(&work, &["set.json", "--base-url", HOME]);
    let words = "© <i>Museum</i>; see http://rights.example/ for more";
    let third = server.json("/iiif/presentation/3/MS%202/manifest.json");
    assert_eq!(
        (&third["summary"], &third["dcterms:rights"]),
        (&json!({"none": [words]}), &json!(words))
    );
    assert_eq!(third.get("rights"), None);
    let second =
        &server.json("/iiif/presentation/2/MS%202/manifest.json")["sequences"][0]["canvases"][0];
    assert_eq!(
        (&second["description"], &second["dcterms:rights"]),
        (&json!(words), &json!(words))
    );
    assert_eq!(second.get("license"), None);
}

#[test]
fn presentation_2_says_the_same() {
    let work = archive();
    let original = work.json("set.json")["images"].as_array().unwrap().clone();
    let mut back = around(&work, "set.json", "image_map.json", 2, "back.json");
    // Open Annotation has no place for these, and canvases have whole numbers.
    let forget = |images: &mut Vec<Value>| {
        for image in images {
            image["frame"] = json!(null);
            for b in image["localizations"].as_array_mut().unwrap() {
                b["attributes"] = json!({"text": b["attributes"]["text"]});
            }
        }
    };
    let mut original = original;
    forget(&mut original);
    forget(&mut back);
    assert_eq!(essence(&back), essence(&original));
    assert!(
        back.iter()
            .all(|image| image["image"]["service"]["version"] == 2)
    );
}

#[test]
fn concepts_words_and_metadata_are_found() {
    let work = archive();
    let server = Serving::start(&work, &["set.json", "--base-url", HOME]);
    let manifest = server.json("/iiif/presentation/3/MS%2F1/manifest.json");
    let service = &manifest["service"][0];
    assert_eq!(service["type"], "SearchService2");
    let path = |uri: &Value| uri.as_str().unwrap().strip_prefix(HOME).unwrap().to_owned();
    let search = path(&service["id"]);
    // (query, annotations found)
    let cases = [
        ("q=ALEPH", 1),
        ("q=mem", 1),
        ("q=word", 1),
        ("q=final+damaged", 1),
        ("q=%22mem+final%22", 0),
        ("q=recto", 1),
        ("q=three", 2),
        ("q=three&motivation=tagging", 0),
        ("q=written&motivation=tagging+describing", 1),
        // What is empty or missing restricts nothing.
        ("q=&motivation=tagging", 4),
        ("motivation=tagging", 4),
        ("q=three&motivation=non-painting", 2),
        ("q=three&motivation=painting", 0),
        ("q=three&motivation=painting+non-painting", 2),
    ];
    for (query, found) in cases {
        let page = server.json(&format!("{search}?{query}"));
        assert_eq!(
            page["items"].as_array().unwrap().len(),
            found,
            "{query}: {page:#}"
        );
        assert_eq!(page["@context"], "http://iiif.io/api/search/2/context.json");
    }
    let page = server.json(&format!("{search}?q=bet&user=x"));
    assert_eq!(page["ignored"], json!(["user"]));
    let canvas = &manifest["items"][0]["id"];
    assert_eq!(page["items"][0]["target"]["source"], *canvas);
    let terms = server.json(&format!("{}?q=F", path(&service["service"][0]["id"])));
    assert_eq!(
        terms["items"],
        json!([{"type": "Term", "value": "final mem", "total": 2}])
    );
    assert_eq!(terms.get("ignored"), None);
}

#[test]
fn search_of_both_versions_says_what_it_ignores_and_reads_accents_either_way() {
    let work = folder();
    let one = |id: &str, concept: &str, motivation: &str| json!({"id": id, "concept": concept, "bbox": [1, 1, 5, 5], "attributes": {"motivation": motivation}});
    let boxes = [
        one("1", "caf\u{e9}", "tagging"),
        one("2", "Cafe\u{301}s", "sc:painting"),
        one("3", "cafard", "oa:transcribing"),
    ];
    let image = json!({"id": "a", "image": {}, "group": "g", "source": {"kind": "x"}, "frame": [9, 9], "localizations": boxes});
    let set = json!({"contract": "recto/localizations", "version": 1, "images": [image]});
    work.write_json("set.json", &set);
    work.write_json("image_map.json", &json!({"a": "pictures/a.png"}));
    let server = Serving::start(&work, &["set.json"]);
    let list = |document: &Value, names: [&str; 2]| {
        let lists = names.iter().filter_map(|name| document[name].as_array());
        lists.map(Vec::len).sum::<usize>()
    };
    // Open Annotations of boxes are tags, whatever their motivation in 3.0 is.
    for (service, painted) in [("2/g/search", 0), ("3/g/search-1", 0), ("3/g/search", 1)] {
        let path = format!("/iiif/presentation/{service}");
        for (query, found) in [
            ("q=caf", 3),
            ("q=caf%C3%A9", 2),
            ("q=CAFE%CC%81", 2),
            ("q=caf&motivation=non-painting", 3 - painted),
            ("motivation=non-painting", 3 - painted),
            ("q=caf&motivation=painting", painted),
        ] {
            let page = server.json(&format!("{path}?{query}"));
            assert_eq!(list(&page, ["items", "resources"]), found, "{path} {query}");
        }
        for (query, found, ignored) in [
            ("q=caf", 3, json!(null)),
            ("q=caf%C3%A9", 2, json!(null)),
            ("q=cafe%CC%81", 2, json!(null)),
            ("q=caf&min=9", 3, json!(["min"])),
            (
                "q=caf&user=x&date=y&user=z&motivation=linking",
                3,
                json!(["user", "date", "motivation"]),
            ),
        ] {
            let terms = server.json(&format!("{path}/terms?{query}"));
            assert_eq!(list(&terms, ["items", "terms"]), found, "{path} {query}");
            assert_eq!(terms["ignored"], ignored, "{path} {query}");
        }
    }
}

#[test]
fn long_results_come_in_pages() {
    let work = folder();
    let boxes: Vec<Value> = (0..250)
        .map(|n| json!({"id": format!("l{n}"), "concept": "aleph", "bbox": [n, 1, 2, 2]}))
        .collect();
    let image = json!({"id": "a", "image": {}, "group": "g", "source": {"kind": "x"}, "frame": [900, 9], "localizations": boxes});
    work.write_json(
        "set.json",
        &json!({"contract": "recto/localizations", "version": 1, "images": [image]}),
    );
    work.write_json("image_map.json", &json!({"a": "pictures/a.png"}));
    let server = Serving::start(&work, &["set.json", "--base-url", HOME]);
    let mut uri = format!("{HOME}/iiif/presentation/3/g/search?q=aleph");
    let mut sizes = Vec::new();
    loop {
        let page = server.json(uri.strip_prefix(HOME).unwrap());
        assert_eq!(page["partOf"]["total"], 250);
        sizes.push(page["items"].as_array().unwrap().len());
        match page["next"]["id"].as_str() {
            Some(next) => uri = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(sizes, [100, 100, 50]);
}

#[test]
fn changes_are_published_in_their_order() {
    let work = set();
    let server = Serving::start(
        &work,
        &["set.json", "--base-url", "http://scrolls.example/"],
    );
    let stream = server.json("/iiif/activity/all-changes");
    assert_eq!(
        (&stream["type"], &stream["totalItems"], &stream["id"]),
        (
            &json!("OrderedCollection"),
            &json!(1),
            &json!("http://scrolls.example/iiif/activity/all-changes")
        )
    );
    let last = stream["last"]["id"].as_str().unwrap();
    let page = server.json(last.strip_prefix("http://scrolls.example").unwrap());
    assert_eq!(page["type"], "OrderedCollectionPage");
    let items = page["orderedItems"].as_array().unwrap();
    assert_eq!(items.len(), 1);
    let object = json!({"id": "http://scrolls.example/iiif/presentation/3/MS%201/manifest.json", "type": "Manifest"});
    assert_eq!(
        (&items[0]["type"], &items[0]["object"]),
        (&json!("Update"), &object)
    );
    let time: jiff::Timestamp = items[0]["endTime"].as_str().unwrap().parse().unwrap();
    let newest = std::fs::read_dir(work.path(""))
        .unwrap()
        .filter_map(|entry| entry.unwrap().metadata().unwrap().modified().ok());
    let newest = newest.max().unwrap();
    let now = jiff::Timestamp::try_from(newest).unwrap();
    assert!(now.as_second() - time.as_second() < 3600, "{time} {now}");
    for wrong in ["page-0", "page-2", "page-x", "other"] {
        let path = format!("/iiif/activity/{wrong}");
        assert_eq!(server.get(&path).status, 404, "{wrong}");
    }
}

#[test]
fn what_is_gone_or_has_other_images_is_told_after_a_restart() {
    let work = folder();
    let image = |id: &str, group: &str| json!({"id": id, "image": {}, "group": group, "source": {"kind": "x"}, "frame": [900, 9], "localizations": []});
    let write = |images: &[Value]| {
        let set = json!({"contract": "recto/localizations", "version": 1, "images": images});
        work.write_json("set.json", &set);
    };
    let file = "pictures/a.png";
    let map = json!({"a": file, "b": file, "c": file, "d": file});
    work.write_json("image_map.json", &map);
    let call = ["set.json", "--base-url", HOME, "--served", "served.jsonl"];
    let told = || {
        let server = Serving::start(&work, &call);
        let page = server.json("/iiif/activity/page-1");
        let items = page["orderedItems"].as_array().unwrap().clone();
        let mut told: Vec<String> = items
            .iter()
            .map(|item| {
                let uri = item["object"]["id"].as_str().unwrap();
                let name = uri.split('/').rev().nth(1).unwrap();
                let time: jiff::Timestamp = item["endTime"].as_str().unwrap().parse().unwrap();
                let kind = item["type"].as_str().unwrap();
                // Files are older than this test by less than a day, and what it does is later than they are.
                let is_new = time.subsec_nanosecond() != 0;
                format!(
                    "{name} {kind} {}",
                    if is_new { "now" } else { "by its files" }
                )
            })
            .collect();
        told.sort();
        told
    };
    write(&[
        image("a", "one"),
        image("b", "one"),
        image("c", "two"),
        image("d", "three"),
    ]);
    let first = [
        "one Update by its files",
        "three Update by its files",
        "two Update by its files",
    ];
    assert_eq!(told(), first);
    assert_eq!(told(), first);
    write(&[image("a", "one"), image("c", "two")]);
    let second = [
        "one Update now",
        "three Delete now",
        "two Update by its files",
    ];
    assert_eq!(told(), second);
    // It stays so, and what comes back is told of, whatever the dates of its files.
    assert_eq!(told(), second);
    write(&[image("a", "one"), image("c", "two"), image("d", "three")]);
    assert_eq!(
        told(),
        [
            "one Update now",
            "three Update now",
            "two Update by its files"
        ]
    );
    // A picture that is replaced by an older one is a change as well.
    let picture = std::fs::File::options()
        .write(true)
        .open(work.path(file))
        .unwrap();
    let year_2001 = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    picture.set_modified(year_2001).unwrap();
    let replaced = ["one Update now", "three Update now", "two Update now"];
    assert_eq!(told(), replaced);
    work.write("served.jsonl", "x");
    let all = [&call[..], &["--listen", "127.0.0.1:0"]].concat();
    let ran = work.run("serve", &all);
    ran.exits(1)
        .says(&["served.jsonl:1: is not a line of a file of --served"]);
}

/// What this server publishes, recto-digest reads: all manifests, in the order of their changes.
#[test]
fn recto_harvests_the_stream() {
    let work = folder();
    let server = Serving::start(&work, &["pictures"]);
    let url = |path: &str| format!("http://{}{path}", server.address);
    let stream = url("/iiif/activity/all-changes");
    let call = ["iiif", &stream, "-o", "stream.json", "--rate", "0"];
    work.run("digest", &call).exits(0);
    let all = url("/iiif/presentation/3/collection.json");
    let call = ["iiif", &all, "-o", "all.json", "--rate", "0"];
    work.run("digest", &call).exits(0);
    let ids = |name: &str| {
        let digest = work.json(name);
        let images = digest["observations"].as_array().unwrap().iter();
        let mut ids: Vec<String> = images.map(|image| image["id"].to_string()).collect();
        ids.sort();
        ids
    };
    assert!(!ids("all.json").is_empty());
    assert_eq!(ids("stream.json"), ids("all.json"));
}
