//! `recto-digest` and what is large: harvests that do not fit into memory, and documents that claim to be documents.

use std::io::Write;

use serde_json::{Value, json};

use super::{archive, manifest, observations, serve, texts, with_fast};
use recto_testkit::Workdir;
use recto_testkit::server::Answer;

fn packed(document: &[u8]) -> Answer {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(document).unwrap();
    let headers = [
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Answer::Full(200, headers.into(), gzip.finish().unwrap())
}

/// A manifest with something in it that is far larger than its pages.
fn stuffed(id: &str, with: &str, times: usize) -> Vec<u8> {
    let text = manifest(id, &["1"]).to_string();
    let rest = text.strip_prefix('{').unwrap();
    format!(
        "{{\"stuffing\": [{}{with}], {rest}",
        format!("{with},").repeat(times)
    )
    .into_bytes()
}

#[test]
fn documents_that_are_too_large_are_rejects_and_the_others_are_kept() {
    let server = archive(|home| {
        let at = |path: &str| format!("{home}{path}");
        let members = ["/good", "/bytes", "/lists", "/objects", "/deep", "/large"];
        let members = members.map(|path| json!({"id": at(path), "type": "Manifest"}));
        vec![
            (
                "/all",
                serve(&json!({"type": "Collection", "id": at("/all"), "items": members})),
            ),
            ("/good", serve(&manifest(&at("/good"), &["1"]))),
            (
                "/bytes",
                packed(&stuffed(&at("/bytes"), "\"0123456789\"", 300_000)),
            ),
            ("/lists", packed(&stuffed(&at("/lists"), "[]", 500_000))),
            (
                "/objects",
                packed(&stuffed(&at("/objects"), "{\"\":0}", 100_000)),
            ),
            (
                "/deep",
                packed(&[b"[".repeat(100_000), b"]".repeat(100_000)].concat()),
            ),
            (
                "/large",
                packed(&stuffed(&at("/large"), "\"0123456789\"", 60_000)),
            ),
        ]
    });
    let work = Workdir::new();
    let all = server.url("/all");
    let limited = ["iiif", &all, "-o", "digest.json", "--max-document", "2"];
    work.run("digest", &with_fast(&limited)).exits(3);
    assert_eq!(observations(&work).len(), 2, "those of /good and /large");
    let rejects = work.text("digest.rejects.csv");
    for (path, problem) in [
        (
            "/bytes",
            "document is too large: more than 2 MB; --max-document MB raises this limit",
        ),
        (
            "/lists",
            "document has too many values: they would take more than 16 MB",
        ),
        (
            "/objects",
            "document has too many values: they would take more than 16 MB",
        ),
        ("/deep", "not JSON: recursion limit exceeded"),
    ] {
        let mut lines = rejects.lines();
        assert!(
            lines.any(|line| line.contains(&server.url(path)) && line.contains(problem)),
            "{path} {problem}\nin\n{rejects}"
        );
    }
    assert_eq!(
        server.hits("/bytes"),
        1,
        "what is too large is not requested again"
    );
    let more = ["iiif", &all, "-o", "digest.json", "--max-document", "100"];
    work.run("digest", &with_fast(&more)).exits(3);
    assert_eq!(observations(&work).len(), 5);
}

#[test]
fn a_file_that_is_too_large_is_an_error_that_names_the_option() {
    let work = Workdir::new();
    work.write(
        "m.json",
        stuffed("https://a.example/m", "\"0123456789\"", 300_000),
    );
    let args = ["iiif", "m.json", "-o", "digest.json", "--max-document", "2"];
    work.run("digest", &args).exits(1).says(&[
        "m.json: document is too large: more than 2 MB",
        "hint: a higher --max-document MB reads it",
    ]);
    let more = ["iiif", "m.json", "-o", "digest.json", "--max-document", "9"];
    work.run("digest", &more).exits(0);
    let args = ["iiif", "-", "-o", "digest.json", "--max-document", "2"];
    let stuffed = work.read("m.json");
    work.run_with_stdin("digest", &args, &stuffed).exits(1);
}

/// A manifest of Presentation 3 whose pages have long notes, which point at the pages of the next manifest too.
fn annotated(number: usize, pages: usize) -> Value {
    let home = format!("https://a.example/{number}");
    let note = |page: &str, n: usize| {
        json!({"id": format!("{page}/note/{n}"), "type": "Annotation", "motivation": "commenting",
               "target": format!("{page}#xywh={n},2,30,40"), "body": {"type": "TextualBody", "value": "note ".repeat(800)}})
    };
    let canvas = |n: usize| {
        let page = format!("{home}/canvas/{n}");
        let next = format!("https://a.example/{}/canvas/{n}", number + 1);
        let notes = [note(&page, 1), note(&page, 2), note(&next, 3)];
        json!({"id": page, "type": "Canvas", "width": 100, "height": 100,
               "items": [{"type": "AnnotationPage", "items": [{"id": format!("{page}/p"), "type": "Annotation",
                   "motivation": "painting", "target": page,
                   "body": {"id": format!("{page}.jpg"), "type": "Image", "format": "image/jpeg"}}]}],
               "annotations": [{"id": format!("{page}/notes"), "type": "AnnotationPage", "items": notes}]})
    };
    json!({"id": home, "type": "Manifest", "label": {"en": ["m"]}, "items": (0..pages).map(canvas).collect::<Vec<_>>()})
}

#[test]
fn what_is_put_aside_on_the_disk_comes_back_in_order_and_leaves_nothing() {
    let work = Workdir::new();
    let (manifests, pages) = (16, 60);
    let mut args = vec!["iiif".to_owned()];
    for number in 0..manifests {
        let name = format!("{number:03}.json");
        work.write_json(&name, &annotated(number, pages));
        args.push(name);
    }
    args.extend(["-o", "digest.json", "--report", "report.json"].map(str::to_owned));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    // What points at the pages of a manifest that is not there is listed.
    work.run("digest", &args).exits(3);
    let report = work.json("report.json");
    assert_eq!(report["images"], manifests * pages);
    let listed = work.text("digest.rejects.csv");
    assert_eq!(listed.lines().count(), 1 + pages);
    let ids = texts(&work, "/id");
    let wanted = (0..manifests).flat_map(|number| {
        (0..pages).map(move |n| format!("https://a.example/{number}/canvas/{n}.jpg"))
    });
    assert_eq!(ids, wanted.collect::<Vec<_>>());
    let seen = observations(&work);
    for (at, image) in seen.iter().enumerate() {
        let notes = image["annotations"].as_array().unwrap();
        assert_eq!(notes.len(), 2 + usize::from(at >= pages), "{at}");
        let of = |note: &Value| {
            note["id"]
                .as_str()
                .unwrap()
                .split("/note/")
                .next()
                .unwrap()
                .to_owned()
        };
        let page = image["source"]["canvas"].as_str().unwrap();
        assert!(notes.iter().all(|note| of(note) == page), "{image}");
    }
    let left = work
        .tree(".")
        .into_keys()
        .filter(|name| !name.ends_with(".json"));
    assert_eq!(left.collect::<Vec<_>>(), ["digest.rejects.csv"]);
    // The same from the standard output, whose temporary file is elsewhere.
    let args = args
        .iter()
        .map(|arg| if *arg == "digest.json" { "-" } else { arg });
    let args: Vec<&str> = args
        .filter(|arg| !arg.starts_with("--rep") && *arg != "report.json")
        .collect();
    let printed = work.run("digest", &args);
    assert_eq!(printed.output.stdout, work.read("digest.json"));
}

#[test]
fn numbers_are_written_as_documents_write_them() {
    let work = Workdir::new();
    let mut document = annotated(0, 1);
    document["items"][0]["width"] = json!(1234.5678901234567);
    document["items"][0]["height"] = json!(0.1);
    work.write_json("m.json", &document);
    work.run("digest", &["iiif", "m.json", "-o", "digest.json"])
        .exits(3);
    let canvas = &observations(&work)[0]["canvas"];
    assert_eq!(canvas.to_string(), "[1234.5678901234567,0.1]");
}
