//! Object stores that do not take what they are given, and what is known of workers whose images are there.

use std::collections::BTreeMap;

use super::bucket::{Files, command, run, store};
use super::*;

#[test]
fn a_bucket_that_is_not_there_is_said_before_anything_is_asked_for() {
    let store = store(&Files::default(), false);
    let archive = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = one_of(plain("a", archive.url("/a.jpg")));
    work.write("t.csv", "url\nhttps://h.example/1.jpg\n");
    for (name, says) in [
        ("s3://nosuch/x.json", "there is no such bucket"),
        ("s3://there", "names a bucket, and no file in it"),
    ] {
        for call in [["--image-map", name], ["--failures", name]] {
            let ran = run(&work, &store, "download", &args(&call));
            ran.exits(1).says(&[name, says]);
            assert!(!ran.stderr().contains("panicked"), "{}", ran.stderr());
        }
        let digest = ["table", "t.csv", "--url-column", "url", "-o", name];
        let ran = run(&work, &store, "digest", &digest);
        ran.exits(1).says(&[says]);
        assert!(!ran.stderr().contains("panicked"), "{}", ran.stderr());
    }
    assert!(archive.log().is_empty());
}

#[test]
fn keys_are_as_written_whatever_letters_of_urls_are_in_them() {
    let files = Files::default();
    let store = store(&files, true);
    let work = Workdir::new();
    // As requests have them, after the name that was given.
    let keys = [
        ("run.json", "run.json"),
        ("run#1.json", "run%231.json"),
        ("run#2.json", "run%232.json"),
        ("run?v=3.json", "run%3Fv%3D3.json"),
        ("a b.json", "a%20b.json"),
        ("a%20b.json", "a%2520b.json"),
        ("a%2fb.json", "a%252fb.json"),
        ("é.json", "%C3%A9.json"),
    ];
    for (n, (name, key)) in keys.iter().enumerate() {
        let url = format!("https://h.example/{n}.jpg");
        work.write("t.csv", format!("url\n{url}\n"));
        let name = format!("s3://there/sets/{name}");
        let digest = ["table", "t.csv", "--url-column", "url", "-o", &name];
        run(&work, &store, "digest", &digest).exits(0);
        let files = files.lock().unwrap();
        assert!(files.contains_key(&format!("sets/{key}")), "{name}");
    }
    // Lists of rejects are beside them.
    let is_set = |key: &&String| key.ends_with(".json");
    assert_eq!(
        files.lock().unwrap().keys().filter(is_set).count(),
        keys.len()
    );
    for (n, (name, _)) in keys.iter().enumerate() {
        let name = format!("s3://there/sets/{name}");
        run(&work, &store, "extract", &[&name, "-o", "set.json"]).exits(0);
        let url = format!("https://h.example/{n}.jpg");
        assert_eq!(work.json("set.json")["images"][0]["image"]["url"], url);
    }
}

#[test]
fn an_environment_without_keys_is_told_what_to_set() {
    let store = store(&Files::default(), true);
    let machine = Server::start(|_, _| Answer::Status(400));
    let work = Workdir::new();
    work.write("t.csv", "url\nhttps://h.example/1.jpg\n");
    let name = "s3://there/x.json";
    let digest = ["table", "t.csv", "--url-column", "url", "-o", name];
    let mut command = command(&work, &store, "digest", &digest);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        command.env_remove(name);
    }
    command.env("AWS_METADATA_ENDPOINT", machine.url(""));
    command.env("AWS_PROFILE", "lab");
    let ran = work.run_command(&mut command);
    ran.exits(1)
        .says(&[name, "set AWS_ACCESS_KEY_ID", "AWS_PROFILE"]);
    assert!(!machine.log().is_empty());
}

#[test]
fn what_is_in_a_store_is_not_said_to_be_missing() {
    let there = ["set/a.jpg", "plan/plan.json", "l.json"].map(|key| (key.to_owned(), jpeg(1)));
    let files: Files = Arc::new(Mutex::new(BTreeMap::from(there)));
    let store = store(&files, true);
    let work = Workdir::new();
    for (stage, call, says) in [
        ("serve", &["s3://there/l.json"][..], "is in an object store"),
        (
            "download",
            &["s3://there/plan", "images"],
            "is a folder in an object store",
        ),
        (
            "extract",
            &["s3://there/set", "-o", "x.json"],
            "is a folder in an object store",
        ),
        (
            "extract",
            &["s3://there/none", "-o", "x.json"],
            "no such file",
        ),
    ] {
        let ran = run(&work, &store, stage, call);
        ran.exits(1).says(&[call[0], says]);
    }
}

#[test]
fn what_a_store_does_not_take_in_the_end_is_kept_here() {
    let store = store(&Files::default(), false);
    let archive = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = one_of(plain("a", archive.url("/a.jpg")));
    for name in ["map.json.unsent", "map.json.unsent-1"] {
        let call = args(&["--image-map", "s3://there/maps/map.json"]);
        let ran = run(&work, &store, "download", &call);
        ran.exits(1).says(&["s3://there/maps/map.json", name]);
        assert!(!ran.stderr().contains("panicked"), "{}", ran.stderr());
        assert_eq!(work.json(name)["a"], "images/reef/a.jpg");
    }
}

#[test]
fn status_reads_the_journals_of_workers_in_a_store() {
    let archive = Server::start(|request, _| match request.path.as_str() {
        "/gone" => Answer::Status(404),
        _ => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let work = Workdir::new();
    let mut images: Vec<Value> = ["a", "gone", "b", "c"]
        .map(|id| plain(id, archive.url(&format!("/{id}"))))
        .to_vec();
    for (n, image) in images.iter_mut().enumerate() {
        image["group"] = json!(n.to_string());
    }
    work.write_json("localizations.json", &set(images));
    work.run(
        "shard",
        &["plan", "localizations.json", "-n", "4", "-o", "plan"],
    )
    .exits(0);
    let mut files = BTreeMap::new();
    for shard in 0..3 {
        let call = [
            "plan",
            "images",
            "--shard",
            &format!("{shard}/4"),
            "--retries",
            "0",
        ];
        work.run("download", &[&call[..], &FAST].concat());
        let here = format!("images/shard-{shard:05}");
        let there = format!("set/shard-{shard:05}");
        files.insert(
            format!("{there}/.recto/journal/00000000.jsonl"),
            work.read(&format!("{here}/downloads.jsonl")),
        );
        files.insert(
            format!("{there}/failures.csv"),
            work.read(&format!("{here}/failures.csv")),
        );
    }
    let wanted = work
        .run("shard", &["status", "plan", "images"])
        .exits(0)
        .stdout();
    let store = store(&Arc::new(Mutex::new(files)), false);
    let found = run(
        &work,
        &store,
        "shard",
        &["status", "plan", "s3://there/set"],
    );
    assert_eq!(found.exits(0).stdout(), wanted);
    let open = run(
        &work,
        &store,
        "shard",
        &["status", "plan", "s3://there/set", "--failed"],
    );
    assert_eq!(open.exits(0).stdout(), "3\n");
}

#[test]
fn a_run_whose_lock_was_broken_ends_and_the_one_that_broke_it_goes_on() {
    let slow = AtomicUsize::new(0);
    let archive = Server::start(move |request, _| {
        match request.path == "/slow" && slow.fetch_add(1, Ordering::SeqCst) == 0 {
            true => Answer::Stall(Duration::from_secs(60)),
            false => Answer::Serve(jpeg(1), "image/jpeg"),
        }
    });
    let work = Workdir::new();
    let ids = ["a", "b", "slow"];
    let images = ids.map(|id| plain(id, archive.url(&format!("/{id}"))));
    work.write_json("localizations.json", &set(images.to_vec()));
    let files = Files::default();
    let store = store(&files, true);
    let call = |name: &'static str| {
        let lists = [["--image-map", "m.json"], ["--failures", "f.csv"]];
        let call = [
            "localizations.json",
            "s3://there/images",
            "--rate",
            "0",
            "--timeout",
            "4",
        ];
        let retries = ["--retries", "0", "--scratch", name];
        [&call[..], &lists.concat(), &retries].concat()
    };
    let mut first = command(&work, &store, "download", &call("one"));
    let first = first.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let has = |key: &str| files.lock().unwrap().contains_key(key);
    wait_until(|| {
        ["a", "b"]
            .iter()
            .all(|id| has(&format!("images/reef/{id}.jpg")))
    });
    let second = [&call("two")[..], &["--break-lock"]].concat();
    run(&work, &store, "download", &second)
        .exits(0)
        .says(&["3 of 3 images"]);
    let first = first.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&first.stderr).into_owned();
    assert_eq!(first.status.code(), Some(1), "{said}");
    assert!(said.contains("another run has broken the lock"), "{said}");
    let files = files.lock().unwrap();
    let journal = files
        .iter()
        .filter(|(key, _)| key.starts_with("images/.recto/journal/"));
    let journal: Vec<u8> = journal.flat_map(|(_, lines)| lines.clone()).collect();
    let journal = String::from_utf8(journal).unwrap();
    assert!(
        ids.iter()
            .all(|id| journal.contains(&format!("\"id\":\"{id}\""))),
        "{journal}"
    );
}
