//! Which images a rule is about: those of a file under all of its names, with all of its pages, whatever files are beside it.

use serde_json::{Value, json};

use crate::pdf::report;
use crate::review::send;
use crate::robust::signal;
use crate::running::{Serving, picture};
use recto_testkit::server::{Answer, Server};
use recto_testkit::{Workdir, wait_until};

/// Rules that decide `may` about images of which a condition holds, and let everybody do the rest.
fn rule(work: &Workdir, condition: &str, may: &str, otherwise: &str) {
    let rule = format!(
        "[auth]\notherwise = \"{otherwise}\"\n[[auth.rules]]\nwhere = \"{condition}\"\nmay = \"{may}\"\n"
    );
    work.write("c.toml", rule);
}

/// The statuses of the pixels of images, by names that are encoded.
fn statuses<const N: usize>(server: &Serving, names: [&str; N]) -> [u16; N] {
    names.map(|name| {
        let path = format!("/iiif/3/{name}/full/9,/0/default.png");
        server.get(&path).status
    })
}

fn images(server: &Serving) -> Value {
    server.json("/health")["images"].clone()
}

#[test]
fn a_file_stays_hidden_whatever_files_are_put_beside_it() {
    // What is hidden; the statuses of x, x.png and y; those of x.png, x.jpg and y once x.jpg is beside x.png.
    let cases = [
        ("id=x", [404, 404, 200], [404, 404, 200]),
        ("id=x.png", [404, 404, 200], [404, 200, 200]),
        ("id~^x", [404, 404, 200], [404, 404, 200]),
        ("id~png$", [404, 404, 404], [404, 200, 404]),
        ("id!=y", [404, 404, 200], [404, 404, 200]),
        ("id!=y.png", [404, 404, 200], [404, 404, 200]),
        // Nothing here is called so.
        ("id=X.png", [200, 200, 200], [200, 200, 200]),
    ];
    for (condition, alone, beside) in cases {
        let work = Workdir::new();
        work.write("pictures/x.png", picture(20, 10))
            .write("pictures/y.png", picture(20, 10));
        rule(&work, condition, "hidden", "full");
        let args = ["pictures", "-c", "c.toml"];
        let server = Serving::start(&work, &args);
        let seen = statuses(&server, ["x", "x.png", "y"]);
        assert_eq!(seen, alone, "{condition}");
        work.write("pictures/x.jpg", picture(20, 10));
        signal(&server, "-HUP");
        wait_until(|| images(&server) == 3);
        let seen = statuses(&server, ["x.png", "x.jpg", "y"]);
        assert_eq!(seen, beside, "{condition}, while it runs");
        let (_, _, said) = server.stop();
        let is_idle = alone == [200; 3];
        let note = format!("the rule where `{condition}` is about no image here");
        assert_eq!(said.contains(&note), is_idle, "{said}");
        let server = Serving::start(&work, &args);
        let seen = statuses(&server, ["x.png", "x.jpg", "y"]);
        assert_eq!(seen, beside, "{condition}, after the next start");
    }
}

#[test]
fn files_in_folders_are_known_by_their_paths() {
    let work = Workdir::new();
    for name in ["x.png", "in/x.png", "in/x.jpg", "e\u{301}.png"] {
        work.write(&format!("pictures/{name}"), picture(20, 10));
    }
    let names = ["x", "in%2Fx.png", "in%2Fx.jpg", "e%CC%81"];
    let cases = [
        ("id=x", [404, 200, 200, 200]),
        ("id=in/x", [200, 404, 404, 200]),
        ("id=in/x.png", [200, 404, 200, 200]),
        ("id~^in/", [200, 404, 404, 200]),
        // Some systems write accents after their letters in names of files.
        ("id=\u{e9}", [200, 200, 200, 404]),
        ("id=\u{e9}.png", [200, 200, 200, 404]),
    ];
    for (condition, wanted) in cases {
        rule(&work, condition, "hidden", "full");
        let server = Serving::start(&work, &["pictures", "-c", "c.toml"]);
        assert_eq!(statuses(&server, names), wanted, "{condition}");
    }
}

/// A document of three pages and a picture, as a folder and as a set.
fn documents() -> Workdir {
    let work = Workdir::new();
    work.write("papers/doc.pdf", report())
        .write("papers/photo.png", picture(20, 10));
    let image = |id: &str, shelf: &str, boxes: Value, labels: Value| {
        json!({"id": id, "image": {}, "group": format!("MS {shelf}"), "frame": [40, 20], "labels": labels,
            "metadata": {"Shelf": [shelf]}, "localizations": boxes,
            "source": {"kind": "x", "canvas": format!("http://x.example/{id}"), "labels": {"canvas": format!("Leaf {shelf}")}}})
    };
    let boxes = json!([{"id": "l1", "concept": "aleph", "bbox": [1, 2, 3, 4], "attributes": {}}]);
    let images = [
        image("doc", "A", boxes, json!(["seal"])),
        image("photo", "B", json!([]), json!([])),
    ];
    let set = json!({"contract": "recto/localizations", "version": 1, "images": images});
    work.write_json("set.json", &set);
    let map = json!({"doc": "papers/doc.pdf", "photo": "papers/photo.png"});
    work.write_json("map.json", &map);
    work
}

const OF_SET: [&str; 3] = ["set.json", "--image-map", "map.json"];
const PAGES: [&str; 4] = ["doc", "doc%3B2", "doc%3B3", "photo"];

#[test]
fn the_rights_of_a_file_are_those_of_all_its_pages() {
    let work = documents();
    let (all, second) = ([404, 404, 404, 200], [200, 404, 200, 200]);
    let folder: &[&str] = &["papers"];
    let cases: [(&[&str], &str, [u16; 4]); 15] = [
        (folder, "id=doc", all),
        (folder, "id=doc.pdf", all),
        (folder, "id!=photo", all),
        (folder, "id=doc;2", second),
        (folder, "id=doc.pdf;2", second),
        (folder, "label=doc", all),
        (folder, "group=doc.pdf", all),
        (&OF_SET, "id=doc", all),
        (&OF_SET, "id=doc;2", second),
        (&OF_SET, "concept=aleph", all),
        (&OF_SET, "concept=seal", all),
        (&OF_SET, "label=Leaf A", all),
        (&OF_SET, "canvas=http://x.example/doc", all),
        (&OF_SET, "Shelf=A", all),
        (&OF_SET, "group=MS A", all),
    ];
    for (source, condition, wanted) in cases {
        rule(&work, condition, "hidden", "full");
        let args = [source, &["-c", "c.toml"]].concat();
        let server = Serving::start(&work, &args);
        assert_eq!(statuses(&server, PAGES), wanted, "{source:?} {condition}");
        let listed = server.json("/pages/images.json");
        let seen = wanted.iter().filter(|status| **status == 200).count();
        let listed = listed["images"].as_array().unwrap().len();
        assert_eq!(listed, seen, "{source:?} {condition}");
        // The other way round: what is opened is opened with all pages.
        rule(&work, condition, "full", "hidden");
        let server = Serving::start(&work, &args);
        let opened = wanted.map(|status| if status == 404 { 200 } else { 404 });
        assert_eq!(statuses(&server, PAGES), opened, "{source:?} {condition}");
    }
}

#[test]
fn what_is_said_of_the_first_page_later_holds_for_all() {
    let work = documents();
    rule(&work, "concept=closed", "none", "review");
    let args = [&OF_SET[..], &["-c", "c.toml", "--review", "r.jsonl"]].concat();
    let server = Serving::start(&work, &args);
    assert_eq!(statuses(&server, PAGES), [200; 4]);
    let got = send(&server, "PUT", "/review/doc", &json!({"add": "closed"}));
    assert_eq!(got.status, 200);
    assert_eq!(statuses(&server, PAGES), [401, 401, 401, 200]);
    drop(server);
    // What the set says of the review counts as long as nothing else is said.
    let mut set: Value = serde_json::from_str(&work.text("set.json")).unwrap();
    set["images"][0]["metadata"]["review_state"] = json!(["accepted"]);
    work.write_json("set.json", &set);
    rule(&work, "review_state=accepted", "none", "review");
    let seen = || statuses(&Serving::start(&work, &args), PAGES);
    assert_eq!(seen(), [401, 401, 401, 200]);
    let open = [&OF_SET[..], &["--review", "r.jsonl"]].concat();
    let server = Serving::start(&work, &open);
    let got = send(&server, "PUT", "/review/doc", &json!({"state": "doubtful"}));
    assert_eq!(got.status, 200);
    drop(server);
    assert_eq!(seen(), [200; 4]);
}

#[test]
fn the_delegate_is_told_all_names_of_a_file() {
    let delegate = Server::start(|asked, _| {
        let asked: Value = serde_json::from_slice(&asked.body).unwrap();
        let names = asked["names"].as_array().unwrap();
        let may = match names.contains(&json!("doc")) {
            true => r#"{"may": "hidden"}"#,
            false => r#"{"may": "full"}"#,
        };
        Answer::Serve(may.as_bytes().to_vec(), "application/json")
    });
    let work = documents();
    let rules = format!(
        "[auth]\notherwise = \"delegate\"\n[auth.delegate]\nurl = \"{}/may\"\n",
        delegate.url("")
    );
    work.write("c.toml", rules);
    let server = Serving::start(&work, &["papers", "-c", "c.toml"]);
    assert_eq!(statuses(&server, PAGES), [404, 404, 404, 200]);
    drop(server);
    work.write("papers/doc.png", picture(20, 10));
    let server = Serving::start(&work, &["papers", "-c", "c.toml"]);
    let seen = statuses(&server, ["doc.pdf", "doc.pdf%3B2", "doc.png", "photo"]);
    assert_eq!(seen, [404, 404, 404, 200]);
}

#[test]
fn nothing_tells_of_a_hidden_manifest_that_is_gone() {
    let work = documents();
    let args = [&OF_SET[..], &["-c", "c.toml", "--served", "served.jsonl"]].concat();
    let gone = |server: &Serving| {
        let page = server.get("/iiif/activity/page-1");
        String::from_utf8_lossy(&page.body).contains("MS%20A/manifest.json")
    };
    // Concepts of boxes are not among what is remembered of images otherwise.
    for (condition, is_told) in [
        ("concept=aleph", false),
        ("concept=seal", false),
        ("id=doc", false),
        ("id=other", true),
    ] {
        rule(&work, condition, "hidden", "full");
        drop(Serving::start(&work, &args));
        let set = work.text("set.json");
        let mut one: Value = serde_json::from_str(&set).unwrap();
        one["images"].as_array_mut().unwrap().remove(0);
        work.write_json("set.json", &one);
        let server = Serving::start(&work, &args);
        assert_eq!(gone(&server), is_told, "{condition}");
        work.write("set.json", set);
        std::fs::remove_file(work.path("served.jsonl")).unwrap();
    }
}
