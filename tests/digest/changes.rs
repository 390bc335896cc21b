//! `recto-digest` over streams of activities (IIIF Change Discovery): only what changed is asked for again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use recto_testkit::Workdir;
use recto_testkit::server::{Answer, Server};
use serde_json::{Value, json};

use super::{manifest, observations, serve, texts, with_fast};

/// An archive whose documents can be replaced while it runs.
struct Archive {
    server: Server,
    documents: Arc<Mutex<HashMap<String, Value>>>,
}

impl Archive {
    fn start() -> Self {
        let documents = Arc::new(Mutex::new(HashMap::<String, Value>::new()));
        let held = documents.clone();
        let server = Server::start(move |request, _| {
            let documents = held.lock().unwrap();
            documents
                .get(&request.path)
                .map_or(Answer::Status(404), serve)
        });
        Archive { server, documents }
    }

    fn put(&self, path: &str, document: Value) {
        self.documents.lock().unwrap().insert(path.into(), document);
    }

    fn put_manifest(&self, path: &str, pages: &[&str]) {
        self.put(path, manifest(&self.server.url(path), pages));
    }

    /// A page with `[type, object, end time]`.
    fn put_page(
        &self,
        path: &str,
        prev: Option<&str>,
        next: Option<&str>,
        activities: &[[&str; 3]],
    ) {
        let items: Vec<Value> = activities
            .iter()
            .map(|[kind, object, time]| {
                json!({"type": kind, "endTime": time, "object": {"id": self.server.url(object), "type": "Manifest"}})
            })
            .collect();
        let link =
            |path: &str| json!({"id": self.server.url(path), "type": "OrderedCollectionPage"});
        let mut page = json!({"id": self.server.url(path), "type": "OrderedCollectionPage", "orderedItems": items});
        for (member, path) in [("prev", prev), ("next", next)] {
            if let Some(path) = path {
                page[member] = link(path);
            }
        }
        self.put(path, page);
    }

    fn put_stream(&self, member: &str, page: &str) {
        let page = json!({"id": self.server.url(page), "type": "OrderedCollectionPage"});
        self.put(
            "/stream",
            json!({"id": self.server.url("/stream"), "type": "OrderedCollection", member: page}),
        );
    }

    fn hits(&self, paths: &[&str]) -> Vec<usize> {
        paths.iter().map(|path| self.server.hits(path)).collect()
    }
}

fn ids(work: &Workdir, archive: &Archive) -> Vec<String> {
    let short = |id: &String| id.replace(&archive.server.url(""), "");
    texts(work, "/id").iter().map(short).collect()
}

const ALL: [&str; 3] = ["/m1", "/m2", "/m3"];

/// m1, m2, m3 in two pages; m2 was deleted and made again.
fn three() -> Archive {
    let archive = Archive::start();
    for path in ALL {
        archive.put_manifest(path, &["1"]);
    }
    archive.put_page(
        "/p0",
        None,
        Some("/p1"),
        &[
            ["Create", "/m1", "2020-01-01T00:00:00Z"],
            ["Delete", "/m2", "2020-01-02T00:00:00Z"],
        ],
    );
    archive.put_page(
        "/p1",
        Some("/p0"),
        None,
        &[
            ["Add", "/m2", "2020-02-01T00:00:00Z"],
            ["Update", "/m3", "2020-02-02T00:00:00Z"],
        ],
    );
    archive.put_stream("last", "/p1");
    archive
}

#[test]
fn a_stream_as_input_is_the_collection_of_what_is_there() {
    let archive = three();
    let work = Workdir::new();
    let url = archive.server.url("/stream");
    let args = ["iiif", &url, "-o", "digest.json", "--cache", "cache"];
    work.run("digest", &with_fast(&args)).exits(0);
    assert_eq!(
        ids(&work, &archive),
        ["/m1/service/1", "/m2/service/1", "/m3/service/1"]
    );
    assert_eq!(archive.hits(&ALL), [1, 1, 1]);

    // A change, a deletion, and a move to another address.
    archive.put_manifest("/m1", &["1", "2"]);
    archive.put_manifest("/m4", &["1"]);
    let mut page = json!({"type": "OrderedCollectionPage", "prev": archive.server.url("/p1"), "orderedItems": []});
    page["orderedItems"] = json!([
        {"type": "Update", "endTime": "2999-01-01T00:00:00Z", "object": {"id": archive.server.url("/m1"), "type": "Manifest"}},
        {"type": "Delete", "endTime": "2999-01-02T00:00:00Z", "object": {"id": archive.server.url("/m2"), "type": "Manifest"}},
        {"type": "Move", "endTime": "2999-01-03T00:00:00Z", "object": {"id": archive.server.url("/m3"), "type": "Manifest"},
         "target": {"id": archive.server.url("/m4"), "type": "Manifest"}},
    ]);
    archive.put("/p2", page);
    archive.put_stream("last", "/p2");
    work.run("digest", &with_fast(&args)).exits(0);
    assert_eq!(
        ids(&work, &archive),
        ["/m1/service/1", "/m1/service/2", "/m4/service/1"]
    );
    assert_eq!(archive.hits(&["/m1", "/m2", "/m3", "/m4"]), [2, 1, 1, 1]);
}

#[test]
fn what_no_activity_names_as_changed_is_taken_from_the_cache_without_a_request() {
    let archive = three();
    let work = Workdir::new();
    let url = archive.server.url("/stream");
    let args = ["iiif", &url, "-o", "digest.json", "--cache", "cache"];
    work.run("digest", &with_fast(&args)).exits(0);
    let first = work.read("digest.json");
    let again = work.run("digest", &with_fast(&args));
    again.exits(0);
    assert!(
        again
            .stderr()
            .contains("3 from the cache without a request"),
        "{}",
        again.stderr()
    );
    assert_eq!(archive.hits(&ALL), [1, 1, 1]);
    assert_eq!(work.read("digest.json"), first);
}

#[test]
fn activities_beside_a_collection_say_what_of_it_changed_since() {
    let archive = three();
    let members: Vec<Value> = ALL
        .iter()
        .map(|path| json!({"id": archive.server.url(path), "type": "Manifest"}))
        .collect();
    archive.put("/top", json!({"type": "Collection", "items": members}));
    let work = Workdir::new();
    let (top, stream) = (archive.server.url("/top"), archive.server.url("/stream"));
    let first = ["iiif", &top, "-o", "digest.json", "--cache", "cache"];
    work.run("digest", &with_fast(&first)).exits(0);

    archive.put_manifest("/m3", &["1", "2"]);
    archive.put_page(
        "/p2",
        Some("/p1"),
        None,
        &[["Update", "/m3", "2999-01-01T00:00:00Z"]],
    );
    archive.put_stream("last", "/p2");
    // (since, requests of m1, m2, m3 in all): the cache was filled after it, or before. The page of m2 is read anyway.
    for (since, asked) in [("2021-01-01", [1, 1, 2]), ("2998-12-01", [2, 1, 3])] {
        let again = [&first[..], &["--activities", &stream, "--since", since]].concat();
        work.run("digest", &with_fast(&again)).exits(0);
        assert_eq!(archive.hits(&ALL), asked, "--since {since}");
        assert_eq!(observations(&work).len(), 4);
        // Older pages say nothing that matters.
        assert_eq!(archive.hits(&["/p0"]), [0], "--since {since}");
    }
}

#[test]
fn what_cannot_be_read_of_a_stream_is_listed_and_never_taken_for_unchanged() {
    let archive = three();
    let work = Workdir::new();
    let url = archive.server.url("/stream");
    let args = ["iiif", &url, "-o", "digest.json", "--cache", "cache"];
    work.run("digest", &with_fast(&args)).exits(0);
    archive.put("/p1", json!({"type": "OrderedCollectionPage", "prev": archive.server.url("/lost"), "orderedItems": [
        {"type": "Update", "object": {"id": archive.server.url("/m1"), "type": "Manifest"}},
        {"type": "Applaud", "endTime": "2020-01-01T00:00:00Z", "object": {"id": archive.server.url("/m1")}},
        {"type": "Create", "endTime": "2020-01-01T00:00:00Z", "object": {"type": "Manifest"}},
        "all of it",
    ]}));
    work.run("digest", &with_fast(&args)).exits(3);
    // Without a time nobody knows whether it changed since.
    assert_eq!(archive.hits(&ALL), [2, 1, 1]);
    let rejects = String::from_utf8(work.read("digest.rejects.csv")).unwrap();
    let told = [
        "orderedItems[1].type,activities of the type applaud are not known",
        "orderedItems[2].object,the object of the activity has no id",
        "orderedItems[3],an activity was expected: found",
        "/lost,page of a stream of activities,not found (HTTP 404)",
    ];
    for line in told {
        assert!(rejects.contains(line), "{line} is not in\n{rejects}");
    }
}

#[test]
fn a_stream_without_its_last_page_is_read_forwards_and_a_ring_of_pages_ends() {
    let archive = three();
    archive.put_stream("first", "/p0");
    let work = Workdir::new();
    let url = archive.server.url("/stream");
    let args = ["iiif", &url, "-o", "digest.json"];
    work.run("digest", &with_fast(&args)).exits(0);
    assert_eq!(
        ids(&work, &archive),
        ["/m1/service/1", "/m2/service/1", "/m3/service/1"]
    );

    archive.put_page(
        "/p0",
        Some("/p1"),
        None,
        &[["Create", "/m1", "2020-01-01T00:00:00Z"]],
    );
    archive.put_stream("last", "/p1");
    work.run("digest", &with_fast(&args)).exits(0);
    assert_eq!(observations(&work).len(), 3);
}

#[test]
fn options_about_changes_are_checked() {
    let archive = three();
    archive.put_manifest("/top", &["1"]);
    let work = Workdir::new();
    let (top, stream) = (archive.server.url("/top"), archive.server.url("/stream"));
    let base = ["iiif", &top, "-o", "digest.json"];
    // (arguments, exit code, words of the message)
    let cases: [(&[&str], i32, &str); 4] = [
        (&["--since", "2026-01-01"], 2, "--cache"),
        (&["--since", "lately", "--cache", "c"], 2, "write a date"),
        (&["--activities", &stream, "--cache", "c"], 2, "--since"),
        (
            &[
                "--activities",
                &top,
                "--cache",
                "c",
                "--since",
                "2026-01-01",
            ],
            1,
            "the document is not a Change Discovery stream",
        ),
    ];
    for (args, code, words) in cases {
        let run = work.run("digest", &with_fast(&[&base[..], args].concat()));
        run.exits(code);
        assert!(run.stderr().contains(words), "{args:?}: {}", run.stderr());
    }
}
