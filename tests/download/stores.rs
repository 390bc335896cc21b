//! Object stores that do not take what they are given, and what is known of workers whose images are there.

use std::collections::BTreeMap;

use super::*;

/// The files below the bucket `there`, by their keys.
type Files = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// What tells versions of a file apart.
fn etag(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(7u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    });
    format!("\"{sum:x}\"")
}

fn xml(status: u16, body: String) -> Answer {
    let head = vec![("content-type".into(), "application/xml".into())];
    Answer::Full(status, head, body.into_bytes())
}

fn refused(status: u16, code: &str) -> Answer {
    xml(
        status,
        format!("<Error><Code>{code}</Code><Message>no</Message></Error>"),
    )
}

/// A store; whether it takes files.
fn store(files: &Files, takes: bool) -> Server {
    let files = files.clone();
    Server::start(move |request, _| {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let Some(key) = path.strip_prefix("/there") else {
            return refused(404, "NoSuchBucket");
        };
        let key = key.trim_start_matches('/');
        let mut files = files.lock().unwrap();
        let there = files.get(key).cloned();
        match &*request.method {
            "PUT" if takes => put(&mut files, key, request),
            "PUT" | "POST" => refused(403, "AccessDenied"),
            "DELETE" => {
                files.remove(key);
                Answer::Status(204)
            }
            "GET" if query.contains("list-type=2") => list(&files, query),
            _ => match there {
                None => refused(404, "NoSuchKey"),
                Some(bytes) => {
                    let modified = "Mon, 30 Nov 2026 00:00:00 GMT".to_owned();
                    let head = [("last-modified", modified), ("etag", etag(&bytes))];
                    let head = head.map(|(name, value)| (name.to_owned(), value));
                    Answer::Full(200, head.to_vec(), bytes)
                }
            },
        }
    })
}

/// Takes a file, on the conditions of the request.
fn put(files: &mut BTreeMap<String, Vec<u8>>, key: &str, request: &Arrived) -> Answer {
    let there = files.get(key).map(|bytes| etag(bytes));
    let wanted = request.headers.get("if-match");
    let is_new = request.headers.contains_key("if-none-match");
    if is_new && there.is_some() || wanted.is_some() && wanted != there.as_ref() {
        return refused(412, "PreconditionFailed");
    }
    files.insert(key.to_owned(), request.body.clone());
    Answer::Full(200, vec![("etag".into(), etag(&request.body))], Vec::new())
}

fn list(files: &BTreeMap<String, Vec<u8>>, query: &str) -> Answer {
    let prefix = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("prefix="));
    let prefix = prefix.unwrap_or_default().replace("%2F", "/");
    let listed = files.iter().filter(|(key, _)| key.starts_with(&prefix));
    let listed: String = listed
        .map(|(key, bytes)| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-11-30T00:00:00.000Z</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
                etag(bytes).replace('"', "&quot;"),
                bytes.len()
            )
        })
        .collect();
    xml(
        200,
        format!(
            "<ListBucketResult><Name>there</Name><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>"
        ),
    )
}

fn run(work: &Workdir, store: &Server, stage: &str, call: &[&str]) -> recto_testkit::Ran {
    work.run_command(&mut command(work, store, stage, call))
}

fn command(work: &Workdir, store: &Server, stage: &str, call: &[&str]) -> std::process::Command {
    let mut command = work.command(stage, call);
    command.envs([
        ("AWS_ENDPOINT_URL", &*store.url("")),
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ALLOW_HTTP", "true"),
    ]);
    command
}

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
