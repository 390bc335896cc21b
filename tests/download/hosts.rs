//! A queue per host, and faults that are told apart: those of a URL, and those of its host.

use std::sync::Condvar;

use super::*;

/// A set of images of one server, by their paths.
fn of(server: &Server, paths: impl IntoIterator<Item = String>) -> Vec<Value> {
    let image = |path: String| plain(&path, server.url(&format!("/{path}.jpg")));
    paths.into_iter().map(image).collect()
}

fn downloaded(work: &Workdir) -> usize {
    work.json("image_map.json").as_object().unwrap().len()
}

#[test]
fn a_host_whose_answers_are_waited_for_does_not_keep_others_from_being_asked() {
    let was_asked = Arc::new((Mutex::new(false), Condvar::new()));
    let told = was_asked.clone();
    let quick = Server::start(move |_, _| {
        *told.0.lock().unwrap() = true;
        told.1.notify_all();
        Answer::Serve(jpeg(2), "image/jpeg")
    });
    // It answers once the other was asked, which an order of rows would put after all of its own.
    let slow = Server::start(move |_, _| {
        let asked = was_asked.0.lock().unwrap();
        let longest = Duration::from_secs(10);
        let waited = was_asked
            .1
            .wait_timeout_while(asked, longest, |asked| !*asked);
        match waited.unwrap().1.timed_out() {
            true => Answer::Status(404),
            false => Answer::Serve(jpeg(1), "image/jpeg"),
        }
    });
    let work = Workdir::new();
    let mut images = of(&slow, (0..20).map(|n| format!("a{n:02}")));
    images.extend(of(&quick, (0..5).map(|n| format!("b{n}"))));
    work.write_json("localizations.json", &set(images));
    let call = [
        "localizations.json",
        "images",
        "--rate",
        "0",
        "-j",
        "3",
        "--timeout",
        "20",
    ];
    work.run("download", &call).exits(0);
    assert_eq!(downloaded(&work), 25);
}

#[test]
fn images_that_wait_for_a_retry_hold_no_job() {
    let bad = Server::start(|_, _| Answer::Status(500));
    let good = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = Workdir::new();
    let mut images = of(&bad, (0..8).map(|n| format!("a{n}")));
    images.extend(of(&good, (0..8).map(|n| format!("b{n}"))));
    work.write_json("localizations.json", &set(images));
    // A retry is due in ten minutes: the run is ended before.
    let call = [
        "localizations.json",
        "images",
        "--rate",
        "0",
        "-j",
        "2",
        "--backoff",
        "600",
    ];
    let run = Running(work.command("download", &call).spawn().unwrap());
    wait_until(|| work.exists("images/downloads.jsonl") && journal(&work).len() == 8);
    drop(run);
}

#[test]
fn a_silent_host_is_left_after_one_timeout_and_the_other_is_done() {
    let silent =
        Server::start(|_, _| Answer::Late(Duration::from_secs(20), Box::new(Answer::Reset)));
    let good = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = Workdir::new();
    let mut images = of(&silent, (0..12).map(|n| format!("a{n:02}")));
    images.extend(of(&good, (0..8).map(|n| format!("b{n}"))));
    work.write_json("localizations.json", &set(images));
    let call = [
        "localizations.json",
        "images",
        "--rate",
        "0",
        "--timeout",
        "0.5",
    ];
    let ran = work.run("download", &call);
    ran.exits(75)
        .says(&["given up before the end: it did not answer"]);
    assert_eq!(downloaded(&work), 8);
    assert!(silent.log().len() <= 4, "{} requests", silent.log().len());
    let kinds = rows(&work, "failures.csv");
    assert!(kinds.len() == 12 && kinds.iter().all(|row| row[3] == "timeout"));
}

#[test]
fn images_that_are_refused_in_a_row_do_not_cost_the_others() {
    let server = Server::start(|request, _| {
        let number: usize = request.path[2..5].parse().unwrap();
        match (10..40).contains(&number) {
            true => Answer::Status(403),
            false => Answer::Serve(jpeg(1), "image/jpeg"),
        }
    });
    let work = Workdir::new();
    let images = of(&server, (0..120).map(|n| format!("p{n:03}")));
    work.write_json("localizations.json", &set(images));
    work.run("download", &args(&["-j", "1", "--per-host", "1"]))
        .exits(3);
    assert_eq!(downloaded(&work), 90);
    let shut = Server::start(|_, _| Answer::Status(403));
    let work = Workdir::new();
    let images = of(&shut, (0..120).map(|n| format!("p{n:03}")));
    work.write_json("localizations.json", &set(images));
    let ran = work.run(
        "download",
        &args(&["-j", "1", "--per-host", "1", "--give-up", "5"]),
    );
    ran.exits(75)
        .says(&["it refused 17 different URLs in a row (HTTP 403)"]);
    assert_eq!(shut.log().len(), 17, "5 in a row and 12 samples");
    let last = shut.log().iter().map(|r| r.path.clone()).max().unwrap();
    assert!(
        *last > *"/p100.jpg",
        "samples from all over the set: {last}"
    );
    work.run("download", &args(&["--give-up", "0"])).exits(3);
    assert_eq!(shut.log().len(), 137);
}

#[test]
fn a_server_that_refuses_each_url_the_first_time_gives_all_its_images() {
    let server = Server::start(|_, before| match before {
        0 => Answer::Status(503),
        _ => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let work = Workdir::new();
    let images = of(&server, (0..60).map(|n| format!("p{n:02}")));
    work.write_json("localizations.json", &set(images));
    work.run("download", &args(&[])).exits(0);
    assert_eq!(downloaded(&work), 60);
    assert_eq!(server.log().len(), 120);
}

#[test]
fn a_url_that_is_429_for_good_is_told_from_its_host() {
    let server = Server::start(|request, _| match request.path.contains("odd") {
        true => Answer::Full(
            429,
            vec![("content-type".into(), "text/html".into())],
            b"<html><title>Use listed sizes</title></html>".to_vec(),
        ),
        false => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let work = Workdir::new();
    let name = |n: usize| {
        if n.is_multiple_of(5) {
            format!("odd{n}")
        } else {
            format!("p{n}")
        }
    };
    work.write_json("localizations.json", &set(of(&server, (0..40).map(name))));
    work.run("download", &args(&[])).exits(75);
    assert_eq!(downloaded(&work), 32);
    let failures = rows(&work, "failures.csv");
    assert!(
        failures
            .iter()
            .all(|row| row[6].contains("Use listed sizes"))
    );
    // After some of them it is known that the host says so of single images.
    assert!(
        failures
            .iter()
            .all(|row| row[5].parse::<u32>().unwrap() <= 5)
    );
}

#[test]
fn bodies_are_decoded_by_what_they_are() {
    use std::io::Write;
    let plain_bytes = jpeg(1);
    let packed = |zlib: bool| {
        let level = flate2::Compression::fast();
        match zlib {
            true => {
                let mut out = flate2::write::ZlibEncoder::new(Vec::new(), level);
                out.write_all(&jpeg(1)).unwrap();
                out.finish().unwrap()
            }
            false => {
                let mut out = flate2::write::GzEncoder::new(Vec::new(), level);
                out.write_all(&jpeg(1)).unwrap();
                out.finish().unwrap()
            }
        }
    };
    let cases = [
        ("gzip", packed(false)),
        ("x-gzip", packed(false)),
        ("deflate", packed(true)),
        ("gzip", plain_bytes.clone()),
        ("aws-chunked", plain_bytes.clone()),
        ("utf-8", plain_bytes.clone()),
    ];
    let count = cases.len();
    let served = cases.clone();
    let server = Server::start(move |request, _| {
        let (coding, body) = &served[request.path[1..2].parse::<usize>().unwrap()];
        let headers = vec![("content-encoding".into(), (*coding).into())];
        Answer::Full(200, headers, body.clone())
    });
    let work = Workdir::new();
    let images = of(&server, (0..count).map(|n| n.to_string()));
    work.write_json("localizations.json", &set(images));
    work.run("download", &args(&[])).exits(0);
    for (n, (coding, _)) in cases.iter().enumerate() {
        assert_eq!(file(&work, &n.to_string()), plain_bytes, "{coding}");
    }
    assert_eq!(server.log().len(), count, "one request each");
}

#[test]
fn what_is_no_image_is_not_read_to_its_end() {
    let video = [b"\0\0\0\x18ftypmp42".to_vec(), vec![0; 40 << 20]].concat();
    let server = Server::start(move |request, _| match &*request.path {
        "/a.jpg" => Answer::Serve(video.clone(), "video/mp4"),
        _ => Answer::Serve(b"\0\0\0\x1cftypavif".repeat(10_000), "image/avif"),
    });
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(of(&server, ["a".into(), "b".into()])),
    );
    work.run("download", &args(&["--report", "r.json"]))
        .exits(3);
    let failures = rows(&work, "failures.csv");
    let told: Vec<&str> = failures.iter().map(|row| &*row[6]).collect();
    assert!(
        told[0].contains("MP4") && told[1].contains("AVIF"),
        "{told:?}"
    );
    assert!(
        failures
            .iter()
            .all(|row| row[3] == "unsupported" && row[5] == "1")
    );
    let kept = work.run("download", &args(&["--keep-unread"]));
    kept.exits(3);
    let tree = work.tree("images");
    let unread: Vec<&String> = tree
        .keys()
        .filter(|name| name.starts_with(".recto/unread/"))
        .collect();
    assert_eq!(unread.len(), 1, "{unread:?}");
    let before = server.log().len();
    work.run("download", &args(&["--keep-unread"])).exits(3);
    work.run("download", &args(&[])).exits(3);
    let asked: Vec<String> = server.log()[before..]
        .iter()
        .map(|r| r.path.clone())
        .collect();
    assert!(!asked.iter().any(|path| path.contains('b')), "{asked:?}");
    assert_eq!(rows(&work, "failures.csv").len(), 2);
    let again = ["--retry-failed", "unsupported"];
    let before = server.log().len();
    work.run("download", &args(&again)).exits(3);
    assert_eq!(server.log().len() - before, 2, "where that is wanted");
}

#[test]
fn an_image_that_is_cut_short_is_damaged_and_not_kept_unread() {
    const WHOLE: &[u8] = include_bytes!("../serve/steps.jp2");
    // A bitmap of 2 x 2 pixels.
    let mut bitmap = b"BM\0\0\0\0\0\0\0\0".to_vec();
    for number in [54, 40, 2, 2, 24 << 16 | 1, 0, 0, 0, 0, 0, 0, 7, 7, 7, 7] {
        bitmap.extend(u32::to_le_bytes(number));
    }
    let server = Server::start(move |request, _| {
        let bytes = match &*request.path {
            "/a.jpg" => WHOLE,
            "/b.jpg" => &WHOLE[..450],
            "/c.jpg" => &bitmap,
            _ => &bitmap[..64],
        };
        Answer::Serve(bytes.to_vec(), "image/jpeg")
    });
    let work = Workdir::new();
    let images = of(&server, ["a", "b", "c", "d"].map(str::to_owned));
    work.write_json("localizations.json", &set(images));
    work.run("download", &args(&["--keep-unread"])).exits(3);
    let failures = rows(&work, "failures.csv");
    let kinds: Vec<&str> = failures.iter().map(|row| &*row[3]).collect();
    assert_eq!(kinds, ["unsupported", "damaged", "unsupported", "damaged"]);
    for (row, name) in [(1, "JPEG 2000"), (3, "BMP")] {
        let told = format!("{name} that is cut short: its end is missing");
        assert!(failures[row][6].contains(&told), "{:?}", failures[row]);
    }
    let tree = work.tree("images");
    let kept = tree
        .keys()
        .filter(|name| name.starts_with(".recto/unread/"));
    assert_eq!(kept.count(), 2);
}

#[test]
fn a_secret_stays_with_the_archive_whatever_its_documents_name() {
    let other = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = Workdir::new();
    let mut image = plain("a", other.url("/a.jpg"));
    image["source"]["manifest"] = json!("http://archive.example/m.json");
    work.write_json("localizations.json", &set(vec![image]));
    let ran = work.run("download", &args(&["--header", "X-API-Key: s3cret"]));
    ran.exits(2).says(&["x-api-key would be sent to 2 hosts"]);
    assert!(other.log().is_empty());
}

#[test]
fn private_addresses_that_a_public_document_names_are_not_requested() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = Workdir::new();
    let mut image = plain("a", server.url("/a.jpg"));
    image["source"]["manifest"] = json!("https://iiif.museum.org/m.json");
    work.write_json("localizations.json", &set(vec![image]));
    work.run("download", &args(&[])).exits(3);
    let row = &rows(&work, "failures.csv")[0];
    assert!(
        row[3] == "unsupported" && row[6].contains("--private-hosts"),
        "{row:?}"
    );
    assert!(server.log().is_empty());
    work.run("download", &args(&["--private-hosts"])).exits(0);
}

#[test]
fn parts_of_a_set_are_all_of_it_and_share_the_pace() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(of(&server, (0..40).map(|n| format!("p{n}")))),
    );
    let mut all = std::collections::BTreeSet::new();
    for n in 0..3 {
        let (folder, shard, map) = (format!("im{n}"), format!("{n}/3"), format!("m{n}.json"));
        let call = [
            "localizations.json",
            &folder,
            "--shard",
            &shard,
            "--image-map",
            &map,
            "--rate",
            "0",
        ];
        work.run("download", &call).exits(0);
        let ids: Vec<String> = work
            .json(&map)
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        assert!(
            ids.len() > 5 && ids.iter().all(|id| all.insert(id.clone())),
            "{n}: {ids:?}"
        );
    }
    assert_eq!((all.len(), server.log().len()), (40, 40));
    let call = ["localizations.json", "x", "--dry-run", "--rate", "8"];
    let seconds = |more: &[&str]| {
        let ran = work.run("download", &[&call[..], more].concat());
        ran.exits(0);
        ran.stdout()
            .lines()
            .nth(1)
            .unwrap()
            .split('\t')
            .nth(4)
            .unwrap()
            .to_owned()
    };
    assert_eq!(seconds(&[]), "5-5");
    // A part does not take the files of others for left behind, and a folder is of one part.
    let again = |shard: &str| {
        let call = ["localizations.json", "im1", "--shard", shard, "--prune"];
        work.run("download", &call)
    };
    let ran = again("1/3");
    ran.exits(0);
    assert!(
        !ran.stderr().contains("no longer in the set"),
        "{}",
        ran.stderr()
    );
    for other in ["0/3", "1/4"] {
        again(other)
            .exits(2)
            .says(&["im1 holds part 1/3 of a set", "a folder of its own"]);
    }
    for bad in ["3/3", "x", "1"] {
        let call = ["localizations.json", "x", "--shard", bad];
        work.run("download", &call)
            .exits(2)
            .says(&["is not a part such as 0/4"]);
    }
}

#[test]
fn asking_what_changed_does_not_wait_for_a_silent_host() {
    let was_had = Arc::new(AtomicUsize::new(0));
    let later = was_had.clone();
    let silent = Server::start(move |_, _| match later.load(Ordering::Relaxed) {
        0 => Answer::Full(200, vec![("etag".into(), "\"1\"".into())], jpeg(1)),
        _ => Answer::Late(Duration::from_secs(20), Box::new(Answer::Reset)),
    });
    let good = Server::start(
        |request, _| match request.headers.contains_key("if-none-match") {
            true => Answer::Status(304),
            false => Answer::Full(200, vec![("etag".into(), "\"2\"".into())], jpeg(2)),
        },
    );
    let work = Workdir::new();
    let mut images = of(&silent, (0..12).map(|n| format!("a{n:02}")));
    images.extend(of(&good, (0..8).map(|n| format!("b{n}"))));
    work.write_json("localizations.json", &set(images));
    work.run("download", &args(&[])).exits(0);
    was_had.store(1, Ordering::Relaxed);
    let before = silent.log().len();
    let call = [
        "localizations.json",
        "images",
        "--rate",
        "0",
        "--timeout",
        "0.5",
        "--refresh",
    ];
    let ran = work.run("download", &call);
    ran.exits(0).says(&[
        "--refresh: 8 unchanged, 0 changed, 0 gone from the server, 12 could not be checked",
    ]);
    let asked = silent.log().len() - before;
    assert!(asked <= 8, "{asked} requests");
}

#[test]
fn a_host_that_gives_some_images_is_not_left_for_the_many_it_refuses() {
    const REFUSED: usize = 120;
    const ALL: usize = 180;
    let number = |path: &str| path[1..].trim_end_matches(".jpg").parse::<usize>().unwrap();
    let server = Server::start(move |request, _| match number(&request.path) < REFUSED {
        true => Answer::Status(403),
        false => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let work = Workdir::new();
    let images = (0..ALL).map(|n| plain(&format!("{n:03}"), server.url(&format!("/{n}.jpg"))));
    work.write_json("localizations.json", &set(images.collect()));
    work.run("download", &args(&["--ignore-robots"])).exits(3);
    let had = work.json("image_map.json").as_object().unwrap().len();
    assert_eq!(had, ALL - REFUSED);
}

#[test]
fn a_quota_that_is_used_up_for_a_day_leaves_the_host_when_more_is_wanted() {
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let cases: [Vec<(&str, String)>; 3] = [
        vec![
            ("ratelimit-remaining", "0".into()),
            ("ratelimit-reset", "86400".into()),
        ],
        vec![("ratelimit", "\"day\";r=0;t=86400".into())],
        vec![
            ("x-ratelimit-remaining", "0".into()),
            ("x-ratelimit-reset", format!("{}000", now + 86_400)),
        ],
    ];
    for headers in cases {
        let said = headers.clone();
        let server = Server::start(move |_, _| {
            let headers = said
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()));
            Answer::Full(200, headers.collect(), jpeg(1))
        });
        let work = Workdir::new();
        work.write_json(
            "localizations.json",
            &set(of(&server, (0..6).map(|n| n.to_string()))),
        );
        work.run("download", &args(&[])).exits(75);
        let rows = rows(&work, "failures.csv");
        assert!(!rows.is_empty() && server.log().len() < 6, "{headers:?}");
        for row in rows {
            let told = &row[6];
            assert_eq!(row[3], "too-many", "{headers:?}");
            assert!(told.contains("its quota is used up, for 86"), "{told}");
        }
        // What was asked for until then may be all.
        let work = one_of(plain("a", server.url("/a.jpg")));
        let ran = work.run("download", &args(&[]));
        assert!(!ran.exits(0).stderr().contains("given up"), "{headers:?}");
    }
}
