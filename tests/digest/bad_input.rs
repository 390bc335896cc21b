//! What `recto-digest` says of inputs and command lines that are bad, and how it ends.

use serde_json::json;

use super::{archive, manifest, serve, with_fast};
use recto_testkit::Workdir;
use recto_testkit::server::Answer;

#[test]
fn no_match_is_news_and_nothing_is_written() {
    let work = Workdir::new();
    work.write_json("m.json", &manifest("https://a.example/m", &["1", "2"]));
    let cases: [(&[&str], &[&str]); 4] = [
        (
            &["--label", "verso"],
            &[
                "filters left out all images (2 found): --label 'verso' does not match any label",
                "the most frequent labels are band of 1 (1), band of 2 (1)",
            ],
        ),
        (
            &["--where", "Side=recto"],
            &[
                "--where 'Side=recto' does not hold for any image: there is no `Side`; there are label, manifest",
            ],
        ),
        (
            &["--where", "label=verso"],
            &["--where 'label=verso' does not hold for any image\n"],
        ),
        (
            &["--where", "label=page 1", "--where", "label=page 2"],
            &["--where label=page 1, --where label=page 2 together do not hold for any image"],
        ),
    ];
    for (filters, words) in cases {
        let args: Vec<&str> = [
            "iiif",
            "m.json",
            "-o",
            "digest.json",
            "--report",
            "report.json",
        ]
        .iter()
        .chain(filters)
        .copied()
        .collect();
        work.run("digest", &args).exits(1).says(words);
        let report = work.json("report.json");
        assert_eq!(
            (&report["exit"], &report["filtered"], &report["images"]),
            (&json!(1), &json!(2), &json!(2))
        );
    }
    assert!(!work.exists("digest.json") && !work.exists("digest.rejects.csv"));
}

#[test]
fn bad_documents_among_good_ones_are_rejects() {
    let server = archive(|home| {
        vec![
            ("/good", serve(&manifest(&format!("{home}/good"), &["1"]))),
            (
                "/html",
                Answer::Serve(
                    b"<!DOCTYPE html><html>Sign in</html>".to_vec(),
                    "application/json",
                ),
            ),
            (
                "/cut",
                Answer::Serve(b"{\n \"a\": ".to_vec(), "application/json"),
            ),
            ("/empty", Answer::Serve(b" ".to_vec(), "application/json")),
            (
                "/stream",
                serve(&json!({"type": "OrderedCollection", "first": {"id": "x"}})),
            ),
            ("/broken", Answer::Status(500)),
            ("/secret", Answer::Status(403)),
        ]
    });
    let work = Workdir::new();
    let paths = [
        "/good", "/html", "/cut", "/empty", "/stream", "/broken", "/secret", "/gone",
    ];
    let urls: Vec<String> = paths.iter().map(|path| server.url(path)).collect();
    let mut args = with_fast(&[
        "iiif",
        "-o",
        "digest.json",
        "--retries",
        "2",
        "--report",
        "report.json",
        "nofile.json",
    ]);
    args.extend(urls.iter().map(String::as_str));
    // The server may send all of /cut another time.
    work.run("digest", &args).exits(75).says(&[
        "1 image in digest.json",
        "left out 1: not JSON",
        "digest.rejects.csv lists what was left out",
    ]);
    let rejects = work.text("digest.rejects.csv");
    let wanted = [
        format!(
            "{},\"line 2, column 6\",document,\"not JSON: EOF while parsing a value, line 2, column 6\"",
            server.url("/cut")
        ),
        format!(
            "{},{},page of a stream of activities,not found (HTTP 404)",
            server.url("/stream"),
            server.url("/x")
        ),
        format!(
            "command line,{},location,\"the response is an HTML page where JSON was expected, 3 attempts\"",
            server.url("/html")
        ),
        format!(
            "command line,{},location,\"the response is empty where JSON was expected, 3 attempts\"",
            server.url("/empty")
        ),
        format!(
            "command line,{},location,\"server error (HTTP 500), 3 attempts\"",
            server.url("/broken")
        ),
        format!(
            "command line,{},location,not allowed (HTTP 403)",
            server.url("/secret")
        ),
        format!(
            "command line,{},location,not found (HTTP 404)",
            server.url("/gone")
        ),
        "command line,nofile.json,location,no such file".to_owned(),
    ];
    for row in &wanted {
        assert!(
            rejects.lines().any(|line| line == row),
            "{row}\nin\n{rejects}"
        );
    }
    assert_eq!(rejects.lines().count(), 1 + wanted.len());
    let report = work.json("report.json");
    assert_eq!(
        (&report["read"], &report["kept"], &report["rejected"]),
        (&json!(9), &json!(1), &json!(8))
    );
    assert_eq!(server.hits("/html"), 3);

    args.extend(["--partial-ok", "--rejects", "left.csv", "--quiet"]);
    let ran = work.run("digest", &args);
    ran.exits(0);
    assert_eq!(ran.stderr(), "");
    assert_eq!(work.text("left.csv"), rejects);
}

#[test]
fn the_only_document_being_bad_ends_the_run_with_its_reason() {
    let server = archive(|_| {
        vec![
            ("/html", Answer::Serve(b"<html>".to_vec(), "text/html")),
            ("/secret", Answer::Status(401)),
            (
                "/empty",
                serve(&json!({"@type": "sc:Collection", "manifests": []})),
            ),
            ("/word", serve(&json!("word"))),
        ]
    });
    let unreachable = "http://127.0.0.1:9/m";
    let cases = [
        (server.url("/gone"), "/gone: not found (HTTP 404)"),
        (
            server.url("/html"),
            "/html: the response is an HTML page where JSON was expected",
        ),
        (
            server.url("/secret"),
            "hint: authenticate with --bearer TOKEN",
        ),
        (
            server.url("/empty"),
            "no images found: 1 document, 1 collection",
        ),
        (
            server.url("/word"),
            "document is not a IIIF document: it is not an object",
        ),
        (unreachable.to_owned(), "127.0.0.1 cannot be reached"),
        ("nofile.json".to_owned(), "error: nofile.json: no such file"),
        (
            "bad.json".to_owned(),
            "error: bad.json: not JSON: key must be a string, line 2, column 3",
        ),
        (
            "page.html".to_owned(),
            "an HTML page was found where JSON was expected",
        ),
    ];
    for (location, words) in cases {
        let work = Workdir::new();
        work.write("bad.json", "{\n  a: 1}")
            .write("page.html", " <html>")
            .write("digest.json", "before");
        let args = with_fast(&["iiif", &location, "-o", "digest.json", "--retries", "0"]);
        let code = if location == unreachable { 75 } else { 1 };
        work.run("digest", &args)
            .exits(code)
            .says(&["error: ", words]);
        assert_eq!(work.text("digest.json"), "before", "{location}");
        assert!(!work.exists("digest.rejects.csv"), "{location}");
    }
}

#[test]
fn command_lines_that_make_no_sense_end_with_2() {
    let work = Workdir::new();
    work.write("t.csv", "url,label\nhttps://a.example/1.jpg,x\n");
    let cases: [(&[&str], &[&str]); 11] = [
        (
            &["ocean", "x", "-o", "y"],
            &["invalid value 'ocean'", "iiif", "table"],
        ),
        (&["iiif", "-o", "y"], &["<URL|FILE|CONCEPT>"]),
        (&["iiif", "x"], &["--output"]),
        (
            &["iiif", "x", "-o", "y", "--url-column", "url"],
            &["--url-column is not an option of the source iiif"],
        ),
        (
            &[
                "table",
                "t.csv",
                "-o",
                "y",
                "--no-annotations",
                "--url-column",
                "url",
            ],
            &["--no-annotations is not an option of the source table"],
        ),
        (
            &["table", "t.csv", "-o", "y"],
            &[
                "the column with the images is not given",
                "--service-column",
            ],
        ),
        (
            &["table", "t.csv", "-o", "y", "--id-column", "url"],
            &["the column with the images is not given"],
        ),
        (
            &["table", "t.csv", "-o", "y", "--url-column", "uri"],
            &[
                "t.csv: column `uri` does not exist",
                "hint: choose a column with --url-column: url, label",
            ],
        ),
        (
            &["iiif", "x", "-o", "y", "--label", "("],
            &["not a regular expression"],
        ),
        (
            &["iiif", "x", "-o", "y", "--where", "x"],
            &["`x` is not KEY=VALUE"],
        ),
        (&["iiif", "x", "-o", "y", "--limit", "0"], &["--limit"]),
    ];
    for (args, words) in cases {
        work.run("digest", args).exits(2).says(words);
        assert!(!work.exists("y"), "{args:?}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let work = Workdir::new();
    work.write_json("m.json", &manifest("https://a.example/m", &["1"]))
        .write("file", "");
    work.run("digest", &["iiif", "m.json", "-o", "file/digest.json"])
        .exits(1)
        .says(&["error: file", "cannot be written"]);
    let server = archive(|home| vec![("/m", serve(&manifest(home, &["1"])))]);
    let url = server.url("/m");
    work.run(
        "digest",
        &["iiif", &url, "-o", "digest.json", "--cache", "file/cache"],
    )
    .exits(1)
    .says(&["cannot be written"]);
    assert!(!work.exists("digest.json"));
}

#[test]
fn images_that_cannot_be_used_are_rejected_one_by_one() {
    let work = Workdir::new();
    let mut document = manifest("https://a.example/m", &["1", "2"]);
    document["sequences"][0]["canvases"][1]["images"][0]["resource"] =
        json!({"@id": "data:image/png;base64,AA", "@type": "dctypes:Image"});
    work.write_json("m.json", &document);
    work.run("digest", &["iiif", "m.json", "-o", "digest.json"])
        .exits(3)
        .says(&["left out 1: image is not at an http or https URL"]);
    let mut wrapper = manifest("https://a.example/w", &["1"]);
    wrapper["mediaSequences"] = json!([{"elements": []}]);
    work.write_json("w.json", &wrapper);
    work.run("digest", &["iiif", "w.json", "-o", "digest.json"])
        .exits(1)
        .says(&["placeholder image"]);
}

#[test]
fn any_cut_of_a_document_ends_in_words() {
    let text = manifest("https://a.example/m", &["1"]).to_string();
    let work = Workdir::new();
    for at in (0..text.len()).step_by(37) {
        work.write("m.json", &text[..at]);
        work.run("digest", &["iiif", "m.json", "-o", "digest.json"])
            .exits(1)
            .says(&["error: m.json: "]);
    }
}

/// The images stand in another digest, by which `recto-extract` finds them.
#[test]
fn annotations_alone_are_kept_for_the_digest_that_has_their_images() {
    let on = |id: &str, fragment: &str| {
        json!({"@id": id, "@type": "oa:Annotation", "motivation": "oa:tagging", "resource": {"@type": "oa:Tag", "chars": "alef"},
            "on": format!("https://a.example/c/1#xywh={fragment}")})
    };
    let list = json!({"@id": "https://a.example/list", "@type": "sc:AnnotationList",
        "resources": [on("a1", "1,2,3,4"), on("a2", "5,6,7,8")]});
    let work = Workdir::new();
    work.write_json("list.json", &list);
    work.run("digest", &["iiif", "list.json", "-o", "digest.json"])
        .exits(0)
        .says(&["1 image is known by name only: give recto-extract the archive's digest too"]);
    let seen = &super::observations(&work)[0];
    assert_eq!(seen["image"], json!({"names": ["https://a.example/c/1"]}));
    assert_eq!(seen["annotations"].as_array().unwrap().len(), 2);
}
