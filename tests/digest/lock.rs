//! `recto-digest --lock` and `--locked`: which documents a digest was made from, and what is not the same any more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use recto_testkit::Workdir;
use recto_testkit::server::{Answer, Server};
use serde_json::{Value, json};

use super::{manifest, with_fast};

/// An archive whose documents can be replaced while it runs; each has an ETag of its contents.
struct Archive {
    server: Server,
    documents: Arc<Mutex<HashMap<String, Vec<u8>>>>,
}

impl Archive {
    /// A collection of three manifests.
    fn start() -> Self {
        let documents = Arc::new(Mutex::new(HashMap::<String, Vec<u8>>::new()));
        let held = documents.clone();
        let server = Server::start(move |request, _| {
            let documents = held.lock().unwrap();
            let Some(body) = documents.get(&request.path) else {
                return Answer::Status(404);
            };
            // A number in place of a document is the status of its answer.
            if let Ok(status) = serde_json::from_slice(body) {
                return Answer::Status(status);
            }
            let headers = vec![
                ("ETag".to_owned(), tag(body)),
                ("Content-Type".to_owned(), "application/json".to_owned()),
            ];
            Answer::Full(200, headers, body.clone())
        });
        let archive = Archive { server, documents };
        archive.put_collection(&["/m1", "/m2", "/m3"]);
        for path in ["/m1", "/m2", "/m3"] {
            archive.put_manifest(path, &["1"]);
        }
        archive
    }

    fn put(&self, path: &str, document: &Value) {
        let bytes = serde_json::to_vec(document).unwrap();
        self.documents.lock().unwrap().insert(path.into(), bytes);
    }

    fn put_manifest(&self, path: &str, pages: &[&str]) {
        self.put(path, &manifest(&self.server.url(path), pages));
    }

    fn put_collection(&self, members: &[&str]) {
        let members: Vec<Value> = members
            .iter()
            .map(|path| json!({"@id": self.server.url(path), "@type": "sc:Manifest"}))
            .collect();
        let url = self.server.url("/top?key=secret");
        let top = json!({"@type": "sc:Collection", "@id": url, "members": members});
        self.put("/top?key=secret", &top);
    }
}

fn tag(body: &[u8]) -> String {
    format!("\"{}\"", recto::files::hex_digest(body, 8))
}

fn lines(work: &Workdir) -> Vec<Value> {
    let text = work.text("recto.lock");
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

fn changes(work: &Workdir, path: &str) -> Vec<[String; 2]> {
    let bytes = work.read(path);
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        let name = row[1].rsplit('/').next().unwrap().to_owned();
        [name, row[2].to_owned()]
    });
    rows.collect()
}

fn call<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    with_fast(&[&["iiif", url, "-o", "digest.json"], more].concat())
}

#[test]
fn a_lock_has_every_document_in_the_order_of_documents_at_any_number_of_jobs() {
    let archive = Archive::start();
    let url = archive.server.url("/top?key=secret");
    let locks = ["1", "8"].map(|jobs| {
        let work = Workdir::new();
        let label = ["--lock", "--label", "page.*", "-j", jobs];
        let ran = work.run("digest", &call(&url, &label));
        ran.exits(0).says(&["--lock: 4 documents in recto.lock"]);
        assert!(!work.text("recto.lock").contains("secret"));
        (work.read("recto.lock"), lines(&work))
    });
    assert!(locks[0].0 == locks[1].0, "other bytes");
    let (head, documents) = locks[0].1.split_first().unwrap();
    assert_eq!(
        (&head["part"], &head["count"], &head["output"]),
        (&json!("documents"), &json!(4), &json!("digest.json"))
    );
    let command = head["command"].as_str().unwrap();
    assert!(command.starts_with("recto-digest iiif "), "{command}");
    assert!(command.ends_with(" --label 'page.*' --output digest.json"));
    let held = archive.documents.lock().unwrap();
    for (line, path) in documents
        .iter()
        .zip(["/top?key=secret", "/m1", "/m2", "/m3"])
    {
        recto_testkit::schemas::validate("lock_documents", line);
        let body = &held[path];
        let parts = [&line["sha256"], &line["bytes"], &line["etag"]];
        let wanted = [
            json!(recto::files::hex_digest(body, 64)),
            json!(body.len()),
            json!(tag(body)),
        ];
        assert_eq!(parts.map(Value::clone), wanted, "{path}");
    }
    assert!(documents[1]["url"].as_str().unwrap().ends_with("/m1"));
}

#[test]
fn a_limit_leaves_those_in_the_lock_that_led_to_its_images() {
    let archive = Archive::start();
    let url = archive.server.url("/top?key=secret");
    let work = Workdir::new();
    work.run("digest", &call(&url, &["--lock", "--limit", "2"]))
        .exits(0);
    let count = lines(&work).len();
    assert_eq!(count, 1 + 3, "the collection and two manifests");
}

#[test]
fn what_is_not_as_in_the_lock_is_listed_and_the_exit_code_says_so() {
    let archive = Archive::start();
    let url = archive.server.url("/top?key=secret");
    let work = Workdir::new();
    work.run("digest", &call(&url, &["--lock", "--cache", "cache"]))
        .exits(0);
    let first = work.read("digest.json");
    let all_as_before = "--locked: 4 documents are as in recto.lock; 0 with different bytes, 0 not in the lock, 0 only in the lock";
    work.run("digest", &call(&url, &["--locked"]))
        .exits(0)
        .says(&[all_as_before]);
    archive.put_manifest("/m1", &["1", "2"]);
    archive.put_manifest("/m4", &["1"]);
    archive.put_collection(&["/m1", "/m2", "/m4"]);
    // The cache has the bytes of the lock: nothing is asked for.
    let requests = archive.server.log().len();
    work.run("digest", &call(&url, &["--locked", "--cache", "cache"]))
        .exits(0)
        .says(&[all_as_before]);
    assert_eq!(archive.server.log().len(), requests);
    assert!(work.read("digest.json") == first);
    // The same documents, and another digest of them.
    let other = ["--locked", "--cache", "cache", "--limit", "9"];
    work.run("digest", &call(&url, &other))
        .exits(0)
        .says(&["--locked: recto.lock is of another command, `recto-digest iiif "]);

    let report = ["--locked", "--partial-ok", "--report", "report.json"];
    let ran = work.run("digest", &call(&url, &report));
    ran.exits(3).says(&[
        "--locked: 1 document is as in recto.lock; 2 with different bytes, 1 not in the lock, 1 only in the lock: listed in digest.changes.csv",
    ]);
    let listed = changes(&work, "digest.changes.csv");
    let wanted = [
        ["m1", "changed"],
        ["m3", "gone"],
        ["m4", "new"],
        ["top?key=", "changed"],
    ];
    let told: Vec<[&str; 2]> = listed
        .iter()
        .map(|[name, change]| [name.as_str(), change.as_str()])
        .collect();
    assert_eq!(told[..3], wanted[..3]);
    assert_eq!(told[3][1], "changed");
    assert_eq!(
        work.json("report.json")["changes"]["new"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert!(!work.text("digest.changes.csv").contains("secret"));
    // What the archive has now is in the digest: the lock says what is not as it was.
    assert_eq!(super::observations(&work).len(), 4);
}

#[test]
fn what_a_server_cannot_give_now_is_not_gone() {
    let archive = Archive::start();
    let url = archive.server.url("/top?key=secret");
    archive.put_manifest("/m4", &["1"]);
    archive.put_collection(&["/m1", "/m2", "/m3", "/m4"]);
    let work = Workdir::new();
    work.run("digest", &call(&url, &["--lock"])).exits(0);
    let locked = call(&url, &["--locked", "--retries", "0"]);
    let listed = || -> Vec<String> {
        let listed = changes(&work, "digest.changes.csv").into_iter();
        listed
            .map(|[name, change]| format!("{name} {change}"))
            .collect()
    };
    // Busy: neither that document nor any that it may have named is gone.
    archive.put("/m2", &json!(503));
    work.run("digest", &locked)
        .exits(75)
        .says(&["0 only in the lock, 1 not answered"]);
    assert_eq!(listed(), [""; 0]);
    // What was named no longer might be named by what was not answered; what its server does not have is gone.
    archive.put_collection(&["/m2", "/m3", "/m4"]);
    archive.put("/m3", &json!(404));
    work.run("digest", &locked).exits(75).says(&[
        "1 with different bytes, 0 not in the lock, 1 only in the lock, 2 not answered: listed",
    ]);
    let told = listed();
    assert_eq!(told[0], "m3 gone");
    assert!(told.len() == 2 && told[1].ends_with(" changed"), "{told:?}");
    // All is answered again.
    archive.put_manifest("/m2", &["1"]);
    work.run("digest", &locked)
        .exits(3)
        .says(&["2 only in the lock: listed"]);
    assert_eq!(listed()[..2], ["m1 gone", "m3 gone"]);
}

#[test]
fn a_lock_holds_several_digests_and_the_images() {
    let archive = Archive::start();
    let url = archive.server.url("/top?key=secret");
    let work = Workdir::new();
    work.write("t.csv", "url\nhttps://a.example/1.jpg\n");
    let image = json!({"id": "a", "uri": "https://a.example/a", "path": "a.jpg", "bytes": 1, "sha256": "0".repeat(64),
        "width": 1, "height": 1, "media_type": "image/jpeg", "method": "bytes"});
    let head = json!({"contract": "recto/lock", "version": 1, "count": 1, "recto": "0", "command": "", "inputs": []});
    // A lock of images, as older programs wrote it.
    work.write("recto.lock", format!("{head}\n{image}\n"));
    let table = [
        "table",
        "t.csv",
        "--url-column",
        "url",
        "-o",
        "b.json",
        "--lock",
    ];
    for _ in 0..2 {
        work.run("digest", &call(&url, &["--lock"])).exits(0);
        work.run("digest", &table).exits(0);
    }
    let all = lines(&work);
    let parts: Vec<String> = all
        .iter()
        .filter(|line| line["contract"] == "recto/lock")
        .map(|head| format!("{}:{}", head["part"], head["output"]))
        .collect();
    let wanted = [
        "\"documents\":\"b.json\"",
        "\"documents\":\"digest.json\"",
        "\"images\":null",
    ];
    assert_eq!(parts, wanted);
    assert_eq!(all.last().unwrap(), &image);
    assert_eq!(all[1]["url"], "t.csv");
    let wanted = "recto-digest table t.csv --url-column url --output b.json";
    assert_eq!(all[0]["command"], wanted);
    // Each digest is held against its own part.
    let locked = [&table[..6], &["--locked"]].concat();
    work.run("digest", &locked)
        .exits(0)
        .says(&["1 document is as in recto.lock"]);
    work.run("digest", &call(&url, &["--locked"])).exits(0);
}

#[test]
fn a_lock_without_documents_is_refused_before_anything_is_asked_for() {
    let archive = Archive::start();
    let url = archive.server.url("/top?key=secret");
    let work = Workdir::new();
    let head = json!({"contract": "recto/lock", "version": 1, "count": 0, "recto": "0", "command": "", "inputs": []});
    work.write("recto.lock", format!("{head}\n"));
    let cases: [(&[&str], i32, &str); 5] = [
        (
            &["--locked"],
            1,
            "recto.lock: it does not have any documents, only images",
        ),
        (
            &["--locked=missing.lock"],
            1,
            "`recto-digest --lock` with documents",
        ),
        (&["--locked", "--lock"], 2, "cannot be used with"),
        (&["--changes", "c.csv"], 2, "--locked"),
        (
            &["--lock=digest.json"],
            2,
            "-o and --lock name the same file",
        ),
    ];
    for (more, code, words) in cases {
        let ran = work.run("digest", &call(&url, more));
        ran.exits(code).says(&[words]);
    }
    assert!(archive.server.log().is_empty());
}
