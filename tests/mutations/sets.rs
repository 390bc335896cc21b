//! What the stages leave for each other besides single JSON files: sets in lines and in folders, plans of shards, journals of
//! workers, earlier training sets, streams of activities.

use recto::sources::iiif::change_discovery;
use recto::{Stage, contracts, extract, reformat, shard};
use recto_testkit::mutation::{self, Outcome, Random};
use recto_testkit::samples;
use serde_json::{Value, json};

use super::documents::{Folder, kept};

/// Damages a file of a folder each time, and puts it back; `takes` is given the folder.
fn damaged(
    cases: u64,
    folder: Folder,
    name: &'static str,
    takes: impl Fn(&Folder) -> bool + Send + 'static,
) -> Outcome {
    let sound = std::fs::read_to_string(folder.path(name)).unwrap();
    assert!(takes(&folder), "{name} is not read as it is");
    let make = move |random: &mut Random| match serde_json::from_str::<Value>(&sound) {
        Ok(document) => mutation::json(&document, random),
        Err(_) => mutation::text(&sound, random),
    };
    let takes = move |bytes: &[u8]| {
        folder.write(name, bytes);
        takes(&folder)
    };
    mutation::check(cases, make, takes)
}

/// A digest of three images, written by `recto-extract` under this name.
fn extracted(name: &str) -> Folder {
    let folder = Folder::new();
    folder.write("digest.json", samples::digest().to_string());
    let (input, output) = (folder.at("digest.json"), folder.at(name));
    let options = extract::Options::parse([&*input, "-o", &output, "--quiet"]).unwrap();
    extract(&options).unwrap();
    folder
}

fn sharded(args: &[&str]) -> bool {
    let options = shard::Options::parse([args, &["--quiet"]].concat()).unwrap();
    kept(shard(&options))
}

#[test]
fn sets_in_lines() {
    let takes = |folder: &Folder| kept(folder.estimate("set.jsonl", &[]));
    damaged(150, extracted("set.jsonl"), "set.jsonl", takes).is_mixed();
}

#[test]
fn sets_in_folders() {
    for name in ["set/set.json", "set/part-00000.jsonl"] {
        let folder = extracted("set/");
        let takes = |folder: &Folder| kept(folder.estimate("set", &[]));
        let outcome = damaged(150, folder, name, takes);
        // Parts are told by their hash.
        assert!(outcome.refused > 0, "{name}: {outcome:?}");
    }
}

#[test]
fn plans_of_shards() {
    let folder = Folder::new();
    folder.write("set.json", samples::localizations().to_string());
    let (set, plan) = (folder.at("set.json"), folder.at("plan"));
    assert!(sharded(&["plan", &set, "-n", "2", "-o", &plan]));
    let takes = |folder: &Folder| {
        let (plan, images) = (folder.at("plan"), folder.at("images"));
        let is_told = sharded(&["status", &plan, &images]);
        kept(folder.estimate("plan", &["--shard", "0/2"])) || is_told
    };
    damaged(150, folder, "plan/plan.json", takes).is_mixed();
}

#[test]
fn journals_of_workers() {
    let folder = Folder::new();
    folder.write("out/shard-0/downloads.jsonl", samples::journal());
    for id in ["a", "b", "žluť \"c\""] {
        folder.write(&format!("out/shard-0/book/{id}.jpg"), vec![0; 1234]);
    }
    let takes = |folder: &Folder| {
        let _ = std::fs::remove_dir_all(folder.path("out/book"));
        let _ = std::fs::remove_file(folder.path("out/downloads.jsonl"));
        let (out, map) = (folder.at("out"), folder.at("map.json"));
        let failures = folder.at("failures.csv");
        let lists = ["--image-map", &map, "--failures", &failures];
        sharded(&[&["merge", &out], &lists[..]].concat())
    };
    damaged(150, folder, "out/shard-0/downloads.jsonl", takes).is_mixed();
}

#[test]
fn earlier_training_sets() {
    let folder = Folder::with_set();
    let (input, map, out) = (
        folder.at("set.json"),
        folder.at("image_map.json"),
        folder.at("old"),
    );
    let call = [
        "--image-map",
        &map,
        "-f",
        "csv",
        "--split",
        "train=0.5,val=0.5",
        "--quiet",
    ];
    let options = [&[&*input, "-o", &out], &call[..]].concat();
    reformat(&reformat::Options::parse(options).unwrap()).unwrap();
    let takes = |folder: &Folder| {
        let _ = std::fs::remove_dir_all(folder.path("new"));
        let (input, map) = (folder.at("set.json"), folder.at("image_map.json"));
        let (old, out) = (folder.at("old/dataset.json"), folder.at("new"));
        let call = [
            "--image-map",
            &map,
            "-f",
            "csv",
            "--split-like",
            &old,
            "--quiet",
        ];
        let options = [&[&*input, "-o", &out], &call[..]].concat();
        kept(reformat(&reformat::Options::parse(options).unwrap()))
    };
    damaged(150, folder, "old/dataset.json", takes).is_mixed();
}

#[test]
fn locks() {
    let head = |part: &str, count: usize| {
        json!({"contract": "recto/lock", "version": 1, "part": part, "count": count, "recto": "0.1.0",
            "command": "recto-digest iiif m.json", "output": "digest.json",
            "inputs": [{"name": "m.json", "sha256": "0".repeat(64)}]})
    };
    let document = json!({"url": "https://a.example/m.json", "bytes": 12, "sha256": "1".repeat(64), "etag": "\"x\""});
    let image = |id: &str| {
        json!({"id": id, "uri": "https://a.example/1.jpg", "path": "g/1.jpg", "bytes": 99, "sha256": "2".repeat(64),
            "width": 4, "height": 3, "media_type": "image/jpeg", "method": "bytes", "fingerprint": "3".repeat(16)})
    };
    let lines = [
        head("documents", 1),
        document,
        head("images", 2),
        image("a"),
        image("b"),
    ];
    let folder = Folder::new();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    folder.write("recto.lock", text);
    let takes = |folder: &Folder| {
        let path = folder.path("recto.lock");
        let (mut images, mut documents) = (0, 0);
        let all = contracts::read_lock(&path, |_| {
            images += 1;
            Ok(())
        });
        let others = contracts::read_locked_documents(&path, |_, _| {
            documents += 1;
            Ok(())
        });
        for error in [&all, &others]
            .into_iter()
            .filter_map(|read| read.as_ref().err())
        {
            let place = path.display().to_string();
            assert!(error.what().starts_with(&place), "{error}");
        }
        all.is_ok() && others.is_ok() && images + documents > 0
    };
    damaged(500, folder, "recto.lock", takes).is_mixed();
}

#[test]
fn streams_of_activities() {
    let object = json!({"id": "https://archive.example/m/1", "type": "Manifest"});
    let activity = |kind: &str, end: &str| json!({"type": kind, "endTime": end, "object": object});
    let page = json!({"@context": "http://iiif.io/api/discovery/1/context.json", "id": "https://archive.example/page-2",
        "type": "OrderedCollectionPage", "prev": {"id": "https://archive.example/page-1", "type": "OrderedCollectionPage"},
        "orderedItems": [activity("Update", "2024-01-02T03:04:05Z"), activity("Delete", "2024-01-02T03:04:05+01:00")]});
    let stream = json!({"@context": "http://iiif.io/api/discovery/1/context.json", "id": "https://archive.example/stream",
        "type": "OrderedCollection", "totalItems": 2, "last": {"id": "https://archive.example/page-2", "type": "OrderedCollectionPage"}});
    let make = move |random: &mut Random| {
        let document = random.choose(&[page.clone(), stream.clone()]).clone();
        mutation::json(&document, random)
    };
    let takes = |bytes: &[u8]| {
        let read = change_discovery::read(bytes, "https://archive.example/x");
        let rejects = read.as_ref().map(|page| &page.rejects);
        let is_told = rejects.is_none_or(|all| all.iter().all(|r| !r.problem.trim().is_empty()));
        assert!(is_told, "{rejects:?}");
        rejects.is_some_and(Vec::is_empty)
    };
    mutation::check(2000, make, takes).is_mixed();
}
