//! Workers whose images are in an object store, and `recto-shard merge` there: no bytes of images come here, and none is damaged.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use super::bucket::{
    Change, Etag, Files, command, copied, of_bytes, of_key, run, source_of, store_that,
};
use super::*;

const COUNT: usize = 4;

/// Four hosts' worth of images in groups of their own, of which one is gone and two would have the same name.
fn archive() -> (Server, Value) {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/gone" => Answer::Status(404),
        path => Answer::Serve(jpeg(path.len() as u8 * 9), "image/jpeg"),
    });
    let image = |n: usize| {
        let mut image = plain(
            &format!("i{n:02}"),
            server.url(&format!("/{}", "x".repeat(n + 1))),
        );
        image["group"] = json!(format!("g{}", n % 8));
        image
    };
    let mut images: Vec<Value> = (0..20).map(image).collect();
    images[4]["image"]["url"] = json!(server.url("/gone"));
    for n in [1, 13] {
        images[n]["group"] = json!("g1");
        images[n]["source"]["labels"]["canvas"] = json!("same");
    }
    (server, set(images))
}

/// A store that takes everything, and what is in it.
fn sound() -> (Files, Server) {
    let files = Files::default();
    let store = store_that(&files, of_bytes, |_| Change::Made);
    (files, store)
}

fn planned(work: &Workdir, images: &Value) {
    work.write_json("localizations.json", images);
    let call = ["plan", "localizations.json", "-n", "4", "-o", "plan"];
    work.run("shard", &call).exits(0);
}

fn worker(work: &Workdir, store: &Server, set: &str, folder: &str, shard: &str) -> i32 {
    // Each on a machine of its own.
    let scratch = format!("scratch-{}", shard.replace('/', "-"));
    let call = [
        set,
        folder,
        "--shard",
        shard,
        "--retries",
        "0",
        "--scratch",
        &scratch,
    ];
    let ran = run(work, store, "download", &[&call[..], &FAST].concat());
    ran.output.status.code().unwrap()
}

fn merge(work: &Workdir, store: &Server, more: &[&str]) -> recto_testkit::Ran {
    run(
        work,
        store,
        "shard",
        &[&["merge", "s3://there/set"], more].concat(),
    )
}

/// The images of the folder of all, by their paths in it.
fn images_of(files: &Files, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let files = files.lock().unwrap();
    let below = files
        .iter()
        .filter_map(|(key, bytes)| Some((key.strip_prefix(folder)?, bytes)));
    let images = below.filter(|(path, _)| {
        path.ends_with(".jpg") && !path.starts_with("shard-") && !path.starts_with('.')
    });
    images
        .map(|(path, bytes)| (path.to_owned(), bytes.clone()))
        .collect()
}

/// The lines of the journal of a folder.
fn lines(files: &Files, folder: &str) -> Vec<Value> {
    let files = files.lock().unwrap();
    let prefix = format!("{folder}.recto/journal/");
    let segments = files.iter().filter(|(key, _)| key.starts_with(&prefix));
    let text: Vec<u8> = segments.flat_map(|(_, lines)| lines.clone()).collect();
    let text = String::from_utf8(text).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn what_workers_put_into_a_store_is_united_there_as_one_would_have_put_it() {
    let (server, images) = archive();
    let alone = Workdir::new();
    alone.write_json("localizations.json", &images);
    let (files_alone, store_alone) = sound();
    let call = ["localizations.json", "s3://there/set", "--retries", "0"];
    let whole = [&call[..], &FAST].concat();
    run(&alone, &store_alone, "download", &whole).exits(3);

    let work = Workdir::new();
    planned(&work, &images);
    let (files, store) = sound();
    for shard in 0..COUNT {
        worker(
            &work,
            &store,
            "plan",
            "s3://there/set",
            &format!("{shard}/4"),
        );
    }
    let before = store.log().len();
    merge(&work, &store, &[])
        .exits(3)
        .says(&["19 images of 4 folders in s3://there/set", "left out 1"]);
    assert_eq!(work.read("image_map.json"), alone.read("image_map.json"));
    assert_eq!(work.read("failures.csv"), alone.read("failures.csv"));
    let united = images_of(&files, "set/");
    assert_eq!(united, images_of(&files_alone, "set/"));
    assert_eq!(
        united.keys().filter(|path| path.contains("same-")).count(),
        2
    );
    // The store copies; nothing of an image comes here.
    let asked = store.log().split_off(before);
    assert_eq!(copied(&asked).len(), 19);
    let given = asked
        .iter()
        .filter(|r| r.method == "GET" && r.path.ends_with(".jpg"));
    assert_eq!(given.count(), 0);
    assert!(
        !files
            .lock()
            .unwrap()
            .keys()
            .any(|key| key.ends_with("/lock"))
    );

    // Once more: nothing is copied and no line added. And the whole set goes on there, on another machine.
    let there = files.lock().unwrap().clone();
    let before = store.log().len();
    merge(
        &work,
        &store,
        &["s3://there/set/shard-00002", "s3://there/set/shard-00000"],
    )
    .exits(3);
    assert_eq!(copied(&store.log().split_off(before)), Vec::<String>::new());
    assert!(*files.lock().unwrap() == there);
    let before = server.log().len();
    run(
        &work,
        &store,
        "download",
        &[&whole[..], &["--scratch", "other"]].concat(),
    )
    .exits(3);
    assert_eq!(server.log().len() - before, 1, "only what failed");
    assert_eq!(work.read("image_map.json"), alone.read("image_map.json"));
    assert_eq!(lines(&files, "set/").len(), 19);
    let status = run(
        &work,
        &store,
        "shard",
        &["status", "plan", "s3://there/set", "--failed"],
    );
    assert_eq!(status.exits(0).stdout(), "\n");

    // Copied here, as docs/serve.md says for recto-serve, it is a folder like any other.
    let here = Workdir::new();
    here.write_json("localizations.json", &images);
    let mut journal = Vec::new();
    for (key, bytes) in files.lock().unwrap().iter() {
        if let Some(path) = key.strip_prefix("set/") {
            here.write(&format!("images/{path}"), bytes);
            let is_segment = path.starts_with(".recto/journal/");
            journal.extend_from_slice(if is_segment { bytes } else { b"" });
        }
    }
    here.write("images/downloads.jsonl", journal);
    let before = server.log().len();
    here.run("download", &args(&["--retries", "0"])).exits(3);
    assert_eq!(server.log().len() - before, 1, "only what failed");
    assert_eq!(here.json("image_map.json").as_object().unwrap().len(), 19);
}

/// A worker's folder with so many images, as its journal would have them.
fn laid_out(files: &Files, folder: &str, count: usize) {
    let template = {
        let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
        let work = one_of(plain("a", server.url("/a.jpg")));
        work.run("download", &args(&[])).exits(0);
        journal(&work).remove(0)
    };
    let mut files = files.lock().unwrap();
    let mut journal = String::new();
    for n in 0..count {
        // They differ in their sizes here and there, and always in their bytes.
        let bytes = format!("{n:05}{}", ".".repeat(n % 3)).into_bytes();
        let mut line = template.clone();
        line["id"] = json!(format!("i{n:05}"));
        line["path"] = json!(format!("g/{n:05}.jpg"));
        line["bytes"] = json!(bytes.len());
        line["sha256"] = json!(sha256(&bytes));
        files.insert(format!("{folder}g/{n:05}.jpg"), bytes);
        journal += &format!("{line}\n");
    }
    files.insert(
        format!("{folder}.recto/journal/00000000.jsonl"),
        journal.into_bytes(),
    );
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let digits = sha2::Sha256::digest(bytes);
    digits.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_merge_that_is_killed_at_any_change_goes_on_with_what_is_missing() {
    const IMAGES: usize = 300;
    // The first run ends at so many changes: at its lock, at copies, at lines, or is killed while one is made.
    let cases = [
        (1, false, of_bytes as Etag),
        (100, false, of_bytes),
        (259, false, of_key),
        (303, false, of_bytes),
        (150, true, of_bytes),
        (150, true, of_key),
    ];
    for (changes, is_killed, etag) in cases {
        let case = format!("{changes} {is_killed}");
        let work = Workdir::new();
        let (files, is_faulty) = (Files::default(), Arc::new(AtomicBool::new(true)));
        laid_out(&files, "set/shard-00000/", IMAGES);
        let (faulty, count) = (is_faulty.clone(), AtomicUsize::new(0));
        let store = store_that(&files, etag, move |_| {
            let is_late = count.fetch_add(1, Ordering::SeqCst) >= changes;
            match is_late && faulty.load(Ordering::SeqCst) {
                true if is_killed => Change::Held,
                true => Change::Refused,
                false => Change::Made,
            }
        });
        let call = ["merge", "s3://there/set"];
        match is_killed {
            true => {
                let mut merging = Running(command(&work, &store, "shard", &call).spawn().unwrap());
                wait_until(|| copied(&store.log()).len() > changes);
                merging.0.kill().unwrap();
                merging.ends();
            }
            false => {
                merge(&work, &store, &[]).exits(1).says(&["s3://there/set"]);
            }
        }
        is_faulty.store(false, Ordering::SeqCst);
        // What has its line is there.
        for line in lines(&files, "set/") {
            let there = images_of(&files, "set/")[line["path"].as_str().unwrap()].clone();
            assert_eq!(sha256(&there), line["sha256"], "{case}");
        }
        let had = images_of(&files, "set/");
        let before = store.log().len();
        merge(&work, &store, &[])
            .exits(0)
            .says(&["300 images of 1 folder"]);
        let again = copied(&store.log().split_off(before));
        let twice: Vec<&String> = again
            .iter()
            .filter(|key| had.contains_key(&key["set/".len()..]))
            .collect();
        assert!(twice.is_empty(), "{case}: copied again: {twice:?}");
        assert_eq!(
            images_of(&files, "set/"),
            images_of(&files, "set/shard-00000/"),
            "{case}"
        );
        let journal = lines(&files, "set/");
        let mut ids: Vec<&Value> = journal.iter().map(|line| &line["id"]).collect();
        ids.dedup();
        assert_eq!((ids.len(), journal.len()), (IMAGES, IMAGES), "{case}");
        assert!(
            !files
                .lock()
                .unwrap()
                .keys()
                .any(|key| key.ends_with("/lock")),
            "{case}"
        );
        assert!(
            !files
                .lock()
                .unwrap()
                .keys()
                .any(|key| key.contains("/altered/")),
            "{case}"
        );
        assert_eq!(
            work.json("image_map.json").as_object().unwrap().len(),
            IMAGES,
            "{case}"
        );
    }
}

#[test]
fn what_stands_where_an_image_goes_is_kept_and_an_older_image_gives_way_to_the_latest() {
    let (files, store) = sound();
    laid_out(&files, "set/shard-00000/", 4);
    laid_out(&files, "set/shard-00001/", 4);
    {
        let mut files = files.lock().unwrap();
        // Of the second worker all is older, but for one image.
        let key = "set/shard-00001/.recto/journal/00000000.jsonl";
        let text = String::from_utf8(files[key].clone()).unwrap();
        let lines = text.lines().enumerate().map(|(n, line)| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let year = if n == 2 { "2099" } else { "2001" };
            line["when"] = json!(format!("{year}-01-01T00:00:00Z"));
            let bytes = format!("other {n}").into_bytes();
            line["bytes"] = json!(bytes.len());
            line["sha256"] = json!(sha256(&bytes));
            (format!("{line}\n"), bytes)
        });
        let lines: Vec<(String, Vec<u8>)> = lines.collect();
        files.insert(
            key.into(),
            lines.iter().flat_map(|(line, _)| line.bytes()).collect(),
        );
        for (n, (_, bytes)) in lines.into_iter().enumerate() {
            files.insert(format!("set/shard-00001/g/{n:05}.jpg"), bytes);
        }
        // Of the same size, and of another.
        files.insert("set/g/00000.jpg".into(), b"mine!".to_vec());
        files.insert("set/g/00001.jpg".into(), b"mine too".to_vec());
    }
    let work = Workdir::new();
    // The older ones first.
    merge(&work, &store, &["s3://there/set/shard-00001"]).exits(0);
    let kept: Vec<Vec<u8>> = {
        let files = files.lock().unwrap();
        let aside = files
            .iter()
            .filter(|(key, _)| key.starts_with("set/.recto/altered/"));
        aside.map(|(_, bytes)| bytes.clone()).collect()
    };
    assert!(
        kept.len() == 2
            && kept.contains(&b"mine!".to_vec())
            && kept.contains(&b"mine too".to_vec())
    );
    merge(&work, &store, &[])
        .exits(0)
        .says(&["4 images of 2 folders"]);
    let found: Vec<Vec<u8>> = images_of(&files, "set/").into_values().collect();
    let wanted = ["00000", "00001.", "other 2", "00003"].map(|text| text.as_bytes().to_vec());
    assert_eq!(found, wanted);
    let aside = files
        .lock()
        .unwrap()
        .keys()
        .filter(|key| key.contains("/altered/"))
        .count();
    assert_eq!(aside, 2, "an older image is nobody's own");
    // What was lost there is copied again.
    files.lock().unwrap().remove("set/g/00003.jpg");
    merge(&work, &store, &[]).exits(0);
    assert_eq!(images_of(&files, "set/")["g/00003.jpg"], b"00003");
}

#[test]
fn shards_that_are_missing_in_a_store_are_told_and_moved_ones_stay_done() {
    let (server, images) = archive();
    let work = Workdir::new();
    planned(&work, &images);
    let (files, store) = sound();
    let shard = |n: usize| worker(&work, &store, "plan", "s3://there/set", &format!("{n}/4"));
    for n in [1, 2] {
        shard(n);
    }
    merge(&work, &store, &[]).exits(75);
    merge(&work, &store, &["--move"]).exits(75).says(&[
        "neither downloaded nor a failure",
        "shards without a folder here: 0, 3",
    ]);
    let is_of_worker = |key: &&String| {
        key.starts_with("set/shard-") && (key.ends_with(".jpg") || key.contains("/journal/"))
    };
    assert_eq!(files.lock().unwrap().keys().find(is_of_worker), None);
    // A worker that is begun again asks for nothing that was moved, on this machine and on another.
    let asked = server.log().len();
    let had = images_of(&files, "set/").len();
    let failed = shard(1) + shard(2);
    std::fs::remove_dir_all(work.path("scratch-1-4")).unwrap();
    assert_eq!(failed, shard(1) + shard(2));
    assert_eq!(server.log().len(), asked);
    assert_eq!(
        work.run("shard", &["status", "plan", "nowhere", "--failed"])
            .exits(0)
            .stdout(),
        "0-3\n"
    );
    let open = run(
        &work,
        &store,
        "shard",
        &["status", "plan", "s3://there/set", "--failed"],
    );
    assert_eq!(open.exits(0).stdout(), "0,3\n");
    for n in [0, 3] {
        shard(n);
    }
    merge(&work, &store, &["--move"])
        .exits(3)
        .says(&["19 images"]);
    assert!(had < 19 && images_of(&files, "set/").len() == 19);
    assert_eq!(lines(&files, "set/").len(), 19);
    // Another set's shard is refused, by its worker and when it is merged.
    let mut fewer = images.clone();
    fewer["images"].as_array_mut().unwrap().truncate(9);
    planned(&work, &fewer);
    assert_eq!(shard(1), 1);
    run(
        &work,
        &store,
        "shard",
        &["status", "plan", "s3://there/set"],
    )
    .exits(1)
    .says(&["holds a shard of another set"]);
    worker(&work, &store, "plan", "s3://there/other", "1/4");
    merge(
        &work,
        &store,
        &["s3://there/set/shard-00002", "s3://there/other/shard-00001"],
    )
    .exits(1)
    .says(&["holds a shard of another set"]);
}

#[test]
fn parts_of_a_set_without_a_plan_are_united_in_a_store() {
    let (server, images) = archive();
    let work = Workdir::new();
    work.write_json("localizations.json", &images);
    let (files, store) = sound();
    for n in [0, 2] {
        let folder = format!("s3://there/o{n}");
        worker(
            &work,
            &store,
            "localizations.json",
            &folder,
            &format!("{n}/3"),
        );
    }
    let parts = ["s3://there/o0", "s3://there/o2", "s3://there/o1"];
    merge(&work, &store, &parts[..2])
        .exits(75)
        .says(&["parts without a folder here: 1/3"]);
    merge(&work, &store, &parts)
        .exits(1)
        .says(&["s3://there/o1: there is no"]);
    // Two workers with one folder would write over each other's lists.
    assert_eq!(
        worker(&work, &store, "localizations.json", "s3://there/o0", "1/3"),
        2
    );
    worker(&work, &store, "localizations.json", "s3://there/o1", "1/3");
    merge(&work, &store, &parts)
        .exits(3)
        .says(&["19 images of 3 folders"]);
    assert_eq!(images_of(&files, "set/").len(), 19);
    assert_eq!(server.log().len(), 20);
}

#[test]
fn what_a_store_cannot_unite_is_refused_with_words() {
    let (files, store) = sound();
    laid_out(&files, "set/shard-00000/", 2);
    laid_out(&files, "packed/shard-00000/", 2);
    laid_out(&files, "g/", 2);
    {
        let mut files = files.lock().unwrap();
        let journal = "packed/shard-00000/.recto/journal/00000000.jsonl";
        let text = String::from_utf8(files[journal].clone()).unwrap();
        let packed = text.replacen(
            '{',
            "{\"pack\": {\"tar\": \"images-00000.tar\", \"offset\": 512}, ",
            1,
        );
        files.insert(journal.into(), packed.into_bytes());
        let lock = json!({"host": "node7", "process": 4, "mark": "4-0badcafe", "since": "2026-01-02T03:04:05Z"});
        files.insert(
            "held/shard-00000/.recto/lock".into(),
            lock.to_string().into_bytes(),
        );
    }
    let there = files.lock().unwrap().clone();
    let work = Workdir::new();
    std::fs::create_dir_all(work.path("here")).unwrap();
    let cases: &[(&[&str], i32, &[&str])] = &[
        (
            &["s3://there/set", "here"],
            2,
            &["s3://there/set and here are neither both on this machine nor both in one bucket"],
        ),
        (
            &["here", "s3://there/set"],
            2,
            &["here and s3://there/set are neither"],
        ),
        (
            &["s3://there/set", "s3://other/set"],
            2,
            &["nor both in one bucket"],
        ),
        (
            &["s3://there/set", "gs://there/set"],
            2,
            &["nor both in one bucket"],
        ),
        (&["here", "--break-lock"], 2, &["--break-lock"]),
        (
            &["az://there/set", "--move"],
            2,
            &["--move: not possible in Azure"],
        ),
        (
            &["s3://there/nothing"],
            1,
            &["s3://there/nothing: there are no folders shard-*"],
        ),
        (
            &["s3://there/set", "s3://there/nothing"],
            1,
            &["s3://there/nothing: there is no `.recto/journal`"],
        ),
        (
            &["s3://there/packed"],
            1,
            &[
                "s3://there/packed: images are in tar files (--pack)",
                "merge them here",
            ],
        ),
        (
            &["s3://there/held"],
            75,
            &[
                "process 4 of node7 since 2026-01-02T03:04:05Z",
                "--break-lock",
            ],
        ),
        // Its images would be put where those of the worker are.
        (
            &["s3://there/", "s3://there/g"],
            1,
            &["s3://there/g/00000.jpg: would be in the folder of a worker"],
        ),
        (
            &[
                "s3://there/set",
                "--image-map",
                "m.json",
                "--failures",
                "m.json",
            ],
            2,
            &["name the same file"],
        ),
    ];
    for (call, code, says) in cases {
        let ran = run(&work, &store, "shard", &[&["merge"], *call].concat());
        ran.exits(*code).says(says);
    }
    assert!(*files.lock().unwrap() == there, "nothing was changed");
    run(
        &work,
        &store,
        "shard",
        &["merge", "s3://there/held", "--break-lock"],
    )
    .exits(0);
    assert!(copied(&store.log()).is_empty());
    assert!(
        store
            .log()
            .iter()
            .all(|request| source_of(request).is_none())
    );
}

#[test]
fn what_somebody_put_in_place_of_an_image_in_a_store_is_kept_and_told() {
    let archive = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = one_of(plain("a", archive.url("/a.jpg")));
    let (files, store) = sound();
    let call = [
        "localizations.json",
        "s3://there/set",
        "--scratch",
        "scratch",
    ];
    let download = |more: &[&str]| {
        run(
            &work,
            &store,
            "download",
            &[&call[..], &FAST, more].concat(),
        )
    };
    download(&[]).exits(0);
    let key = "set/reef/a.jpg".to_owned();
    for (n, more) in [&["--verify"][..], &["--overwrite"]].iter().enumerate() {
        let edited = format!("edited {n}").into_bytes();
        files.lock().unwrap().insert(key.clone(), edited.clone());
        let ran = download(more);
        ran.exits(0).says(&["s3://there/set/.recto/altered"]);
        let now = files.lock().unwrap();
        assert_eq!(now[&key], jpeg(1), "{more:?}");
        let is_kept = |(name, bytes): (&String, &Vec<u8>)| {
            name.starts_with("set/.recto/altered/") && *bytes == edited
        };
        assert!(now.iter().any(is_kept), "{more:?}: {:?}", now.keys());
    }
}
