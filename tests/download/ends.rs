//! Runs that end early or are run again: what is there stays, what is missing is fetched.

use super::*;

#[test]
fn a_file_that_was_changed_or_removed_is_fetched_again() {
    let server = Server::table([("/a.jpg".into(), vec![Answer::Serve(jpeg(1), "image/jpeg")])]);
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![plain("a", server.url("/a.jpg"))]),
    );
    work.run("download", &args(&[])).exits(0);
    let path = work.json("image_map.json")["a"]
        .as_str()
        .unwrap()
        .to_owned();
    work.write(&path, b"cut");
    work.run("download", &args(&[])).exits(0);
    assert_eq!(work.read(&path), jpeg(1));
    std::fs::remove_file(work.path(&path)).unwrap();
    work.run("download", &args(&[])).exits(0);
    assert_eq!((work.read(&path), server.hits("/a.jpg")), (jpeg(1), 3));
}

#[test]
fn a_file_that_broke_off_is_gone_on_with() {
    let body: Vec<u8> = jpeg(3);
    let whole = body.clone();
    let server = Server::start(move |request, before| {
        let headers = |extra: &[(&str, String)]| {
            let mut headers = vec![("etag".to_owned(), "\"v1\"".to_owned())];
            headers.extend(extra.iter().map(|(a, b)| (a.to_string(), b.clone())));
            headers
        };
        match request.headers.get("range") {
            None if before == 0 => Answer::FullCut(200, headers(&[]), body.clone(), 300),
            None => Answer::Full(200, headers(&[]), body.clone()),
            Some(range) => {
                assert_eq!(
                    request.headers.get("if-range").map(String::as_str),
                    Some("\"v1\"")
                );
                let from: usize = range
                    .trim_start_matches("bytes=")
                    .trim_end_matches('-')
                    .parse()
                    .unwrap();
                let span = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
                Answer::Full(
                    206,
                    headers(&[("content-range", span)]),
                    body[from..].to_vec(),
                )
            }
        }
    });
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![plain("a", server.url("/a.jpg"))]),
    );
    work.run("download", &args(&[])).exits(0);
    let path = work.json("image_map.json")["a"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(work.read(&path), whole);
    assert_eq!(
        server.log()[1].headers.get("range").map(String::as_str),
        Some("bytes=300-")
    );
}

#[test]
fn killed_and_run_again_gives_the_same_tree_and_asks_no_tile_twice() {
    let origin = Origin {
        width: 640,
        height: 512,
        cap: Some(64),
        declared: true,
        ..Origin::default()
    };
    // The server falls silent after 60 answers, and no image is whole with those.
    let answers_left = Arc::new(Mutex::new(60));
    let (served, left) = (origin.clone(), answers_left.clone());
    let server = Server::start(move |request, _| {
        let mut left = left.lock().unwrap();
        if *left == 0 {
            return Answer::Stall(Duration::from_secs(60));
        }
        *left -= 1;
        served.answer(request)
    });
    let images = || {
        set(["a", "b", "c"]
            .map(|id| service(id, server.url(&format!("/iiif/{id}")), 2))
            .to_vec())
    };
    // A busy machine may take long for what is fetched at all.
    let mut patient = args(&["--format", "png"]);
    patient[7] = "60"; // --timeout
    let work = Workdir::new();
    work.write_json("localizations.json", &images());
    let call = args(&["--format", "png", "-q"]);
    let mut child = Running(work.command("download", &call).spawn().unwrap());
    wait_until(|| *answers_left.lock().unwrap() == 0);
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    assert!(!work.exists("image_map.json"));
    assert!(
        pictures(&work).is_empty(),
        "half a picture has its final name"
    );
    let before = server.log().len();
    *answers_left.lock().unwrap() = usize::MAX;
    work.run("download", &patient).exits(0);

    ["a", "b", "c"]
        .iter()
        .for_each(|id| is_the_picture(&work, id, &origin));
    let fresh = Workdir::new();
    fresh.write_json("localizations.json", &images());
    fresh.run("download", &patient).exits(0);
    assert_eq!(pictures(&work), pictures(&fresh));
    assert_eq!(work.read("image_map.json"), fresh.read("image_map.json"));
    let log = server.log();
    // 80 tiles and an info.json each. Asked for again: info.json, and what was on its way when killed.
    let second = log[before..].len() - 3 * 81;
    assert!(
        second <= 3 * 81 - 60 + 3 + 16,
        "{second} requests after {before}"
    );
}

#[test]
fn ctrl_c_saves_the_state_and_says_so() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/a.jpg" => Answer::Serve(jpeg(1), "image/jpeg"),
        _ => Answer::Stall(Duration::from_secs(60)),
    });
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![
            plain("a", server.url("/a.jpg")),
            plain("b", server.url("/b.jpg")),
        ]),
    );
    let mut options = args(&[]);
    options[7] = "60";
    let child = work
        .command("download", &options)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    wait_until(|| {
        let first = work.exists("images/downloads.jsonl")
            && work.text("images/downloads.jsonl").contains("\"a\"");
        first && server.hits("/b.jpg") > 0
    });
    std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&output.stderr).contains("stopped by SIGTERM"));
    assert!(work.json("image_map.json").get("a").is_some());
}

#[test]
fn the_second_run_in_a_folder_is_refused() {
    let server = Server::start(|_, _| Answer::Stall(Duration::from_secs(60)));
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![plain("a", server.url("/a.jpg"))]),
    );
    let _first = Running(
        work.command("download", &args(&[]))
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap(),
    );
    wait_until(|| !server.log().is_empty());
    work.run("download", &args(&[]))
        .exits(75)
        .says(&["another recto-download is running in this folder"]);
}

#[test]
fn what_was_left_out_of_the_set_leaves_the_map() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/gone" => Answer::Status(404),
        _ => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let work = Workdir::new();
    let [a, b, gone] = ["a", "b", "gone"].map(|id| plain(id, server.url(&format!("/{id}"))));
    work.write_json("localizations.json", &set(vec![a.clone(), b, gone]));
    work.run("download", &args(&[])).exits(3);
    work.write_json("localizations.json", &set(vec![a]));
    work.run("download", &args(&[])).exits(0);
    assert_eq!(work.json("image_map.json").as_object().unwrap().len(), 1);
    assert_eq!(work.text("failures.csv").lines().count(), 1);
}

#[test]
fn a_disk_that_takes_no_more_stops_the_run_and_keeps_what_is_there() {
    let large = |shade: u8| {
        let noise = |x: u32, y: u32| {
            (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_le_bytes()[2] ^ shade
        };
        let image = image::RgbImage::from_fn(300, 300, |x, y| image::Rgb([noise(x, y); 3]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    let server = Server::start(move |request, _| match request.path.as_str() {
        "/small" => Answer::Serve(jpeg(1), "image/jpeg"),
        _ => Answer::Serve(large(1), "image/png"),
    });
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![plain("small", server.url("/small"))]),
    );
    work.run("download", &args(&[])).exits(0);
    let before = pictures(&work);
    work.write_json(
        "localizations.json",
        &set(vec![
            plain("small", server.url("/small")),
            plain("large", server.url("/large")),
        ]),
    );
    // A limit on file sizes is the wall that also stops root: writes beyond it fail as on a full disk.
    let script = format!(
        "trap '' XFSZ; ulimit -f 40; exec {} {}",
        recto_testkit::binary("download"),
        args(&[]).join(" ")
    );
    let ran = work.run_command(std::process::Command::new("sh").args(["-c", &script]));
    ran.exits(1)
        .says(&["cannot be written", "run the same command again"]);
    assert_eq!(pictures(&work), before);
    let tree = work.tree("images");
    let part = tree.keys().find(|path| path.ends_with(".part"));
    assert_eq!(part, None, "the next run needs the room");
    work.run("download", &args(&[])).exits(0);
    assert_eq!(pictures(&work).len(), 2);
}

#[test]
fn many_jobs_need_no_higher_limit_of_open_files() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = Workdir::new();
    let images = (0..80).map(|n| plain(&format!("i{n}"), server.url(&format!("/{n}.jpg"))));
    work.write_json("localizations.json", &set(images.collect()));
    let options = args(&["--jobs", "64", "--per-host", "64"]);
    let script = format!(
        "ulimit -Sn 24; exec {} {}",
        recto_testkit::binary("download"),
        options.join(" ")
    );
    work.run_command(std::process::Command::new("sh").args(["-c", &script]))
        .exits(0);
    assert_eq!(pictures(&work).len(), 80);
}

#[test]
fn devices_are_written_to_and_never_replaced() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![plain("a", server.url("/a.jpg"))]),
    );
    let options = args(&["--failures", "/dev/full"]);
    work.run("download", &options).exits(1).says(&[
        "/dev/full: cannot be written",
        "No space left on device",
        "free some space on the disk",
    ]);
    work.run("download", &args(&["--failures", "/dev/null"]))
        .exits(0);
    use std::os::unix::fs::FileTypeExt;
    assert!(
        std::fs::metadata("/dev/full")
            .unwrap()
            .file_type()
            .is_char_device()
    );
}

#[test]
fn the_exit_code_says_whether_the_same_command_may_get_further() {
    let server = Server::table([
        ("/a.jpg".into(), vec![Answer::Serve(jpeg(1), "image/jpeg")]),
        ("/none.jpg".into(), vec![Answer::Status(404)]),
        ("/down.jpg".into(), vec![Answer::Status(500)]),
        (
            "/cut.jpg".into(),
            vec![Answer::CutAfter(100, jpeg(1), "image/jpeg")],
        ),
        (
            "/page.jpg".into(),
            vec![Answer::Serve(b"<html>".to_vec(), "text/html")],
        ),
    ]);
    let cases: &[(&[&str], &[&str], i32)] = &[
        (&["a"], &[], 0),
        (&["none"], &[], 3),
        (&["a", "page"], &[], 3),
        (&["a", "down"], &[], 75),
        (&["cut"], &[], 75),
        (&["none", "down"], &[], 75),
        (&["none", "down"], &["--partial-ok"], 0),
        (&["a", "none"], &["--budget", "requests=1"], 75),
    ];
    for (images, more, code) in cases {
        let work = Workdir::new();
        let image = |name: &&str| plain(name, server.url(&format!("/{name}.jpg")));
        let images: Vec<Value> = images.iter().map(image).collect();
        work.write_json("localizations.json", &set(images.clone()));
        let more = [&["--retries", "0", "--report", "r.json"], *more].concat();
        work.run("download", &args(&more)).exits(*code);
        assert_eq!(work.json("r.json")["exit"], *code, "{images:?}");
    }
}
