//! `recto-digest --shard`: several workers fill the cache, and the digest is that of one.

use serde_json::json;

use super::{archive, manifest, serve, with_fast};
use recto_testkit::Workdir;
use recto_testkit::server::{Answer, Server};

/// A collection with 12 manifests, one of which is missing, and two collections: the kind of one is not stated where it is named.
fn library() -> Server {
    archive(|home| {
        let at = |path: &str| format!("{home}{path}");
        let member = |path: &str, kind: &str| json!({"id": at(path), "type": kind});
        let collection =
            |items| serve(&json!({"type": "Collection", "id": at("/top"), "items": items}));
        let mut items: Vec<_> = BOOKS[..8]
            .iter()
            .map(|path| member(path, "Manifest"))
            .collect();
        items.push(member("/known", "Collection"));
        items.push(json!({"id": at("/unknown")}));
        let mut documents = vec![
            ("/top", collection(items)),
            (
                "/known",
                collection(vec![
                    member("/8", "Manifest"),
                    member("/9", "Manifest"),
                    member("/0", "Manifest"),
                ]),
            ),
            (
                "/unknown",
                collection(vec![
                    member("/10", "Manifest"),
                    member("/3", "Manifest"),
                    member("/gone", "Manifest"),
                ]),
            ),
        ];
        for path in BOOKS {
            let mut book = manifest(&at(path), &["1", "2"]);
            book["sequences"][0]["canvases"][0]["otherContent"] = json!([{"@id": at("/list")}]);
            documents.push((path, serve(&book)));
        }
        documents.push(("/list", Answer::Status(404)));
        documents
    })
}

const BOOKS: [&str; 11] = [
    "/0", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9", "/10",
];

#[test]
fn the_caches_of_several_workers_make_the_digest_of_one() {
    let server = library();
    let inputs = |one: bool| match one {
        true => vec![server.url("/top")],
        false => BOOKS.iter().map(|path| server.url(path)).collect(),
    };
    for (is_one_input, most) in [(true, 2), (false, 1)] {
        let inputs = inputs(is_one_input);
        let run = |work: &Workdir, options: &[&str], code: i32| {
            let mut args = vec![
                "iiif",
                "-o",
                "digest.json",
                "--cache",
                "cache",
                "--jobs",
                "3",
            ];
            args.extend(inputs.iter().map(String::as_str));
            args.extend(options);
            work.run("digest", &with_fast(&args)).exits(code);
        };
        let before: Vec<usize> = BOOKS.iter().map(|path| server.hits(path)).collect();
        let many = Workdir::new();
        for shard in ["0/3", "1/3", "2/3"] {
            // What is missing is missing for whoever asks for it.
            let report = format!("{}.json", &shard[..1]);
            let args = ["--shard", shard, "--report", &report, "--partial-ok"];
            run(&many, &args, 0);
            assert!(!many.path("digest.json").exists(), "{shard}");
        }
        let left: u64 = (0..3)
            .map(|n| {
                many.json(&format!("{n}.json"))["left_to_others"]
                    .as_u64()
                    .unwrap()
            })
            .sum();
        assert!(left > 0);
        for (path, before) in BOOKS.iter().zip(before) {
            let asked = server.hits(path) - before;
            // A manifest that is also in a collection whose kind nobody knew may be read by its owner, too.
            assert!((1..=most).contains(&asked), "{path}: {asked}");
        }
        let hits = server.hits("/0");
        run(&many, &["--offline"], 3);
        assert_eq!(server.hits("/0"), hits, "nothing is asked again");
        let one = Workdir::new();
        run(&one, &[], 3);
        assert_eq!(many.read("digest.json"), one.read("digest.json"));
        let rejects = |work: &Workdir| work.read("digest.rejects.csv");
        assert_eq!(
            String::from_utf8(rejects(&many)),
            String::from_utf8(rejects(&one))
        );
    }
}

#[test]
fn a_part_needs_a_cache_and_a_source_of_documents() {
    let work = Workdir::new();
    for (args, wanted) in [
        (
            &["iiif", "x", "-o", "d.json", "--shard", "0/2"][..],
            "--cache",
        ),
        (
            &[
                "iiif", "x", "-o", "d.json", "--cache", "c", "--shard", "2/2",
            ],
            "not a part",
        ),
        (
            &[
                "iiif", "x", "-o", "d.json", "--cache", "c", "--shard", "auto",
            ],
            "no scheduler",
        ),
        (
            &[
                "table", "x", "-o", "d.json", "--cache", "c", "--shard", "0/2",
            ],
            "not an option of the source table",
        ),
        (
            &[
                "iiif", "x", "-o", "d.json", "--cache", "c", "--shard", "0/2", "--limit", "3",
            ],
            "cannot be used with",
        ),
    ] {
        let words = work.run("digest", args).exits(2).stderr();
        assert!(words.contains(wanted), "{args:?}: {words}");
    }
}
