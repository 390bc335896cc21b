//! How every stage ends: a row of the table of exit codes each, and what is said about it.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use recto_testkit::server::{Answer, Arrived, Server};
use recto_testkit::{Workdir, wait_until};
use serde_json::{Value, json};

const FAST: [&str; 6] = ["--rate", "0", "--backoff", "0", "--retries", "1"];

fn jpeg() -> Vec<u8> {
    recto_testkit::dataset::picture(48, 32, 1, image::ImageFormat::Jpeg)
}

/// An archive of one page: its manifest at `/m`, its picture at `/a.jpg`.
fn archive(request: &Arrived, _: usize) -> Answer {
    match request.path.as_str() {
        "/m" => Answer::Serve(manifest().to_string().into(), "application/json"),
        "/a.jpg" => Answer::Serve(jpeg(), "image/jpeg"),
        _ => Answer::Status(404),
    }
}

/// Its ids are relative to where it stands.
fn manifest() -> Value {
    let body = json!({"id": "/a.jpg", "type": "Image", "width": 48, "height": 32});
    let painting = json!({"id": "/p/1", "type": "Annotation", "motivation": "painting", "body": body, "target": "/c"});
    let page = json!({"id": "/p", "type": "AnnotationPage", "items": [painting]});
    let canvas = json!({"id": "/c", "type": "Canvas", "width": 48, "height": 32, "items": [page]});
    json!({"@context": "http://iiif.io/api/presentation/3/context.json", "id": "/m", "type": "Manifest",
           "label": {"none": ["m"]}, "items": [canvas]})
}

#[test]
fn certificates_are_verified_unless_told_otherwise() {
    let server = Server::start_tls(archive);
    let work = Workdir::new();
    let url = server.url("/m");
    let digest = [&["iiif", &url, "-o", "digest.json"][..], &FAST].concat();
    let refusal = [
        "the certificate of 127.0.0.1 cannot be verified: invalid peer certificate",
        "--insecure accepts any certificate",
    ];
    work.run("digest", &digest).exits(1).says(&refusal);
    assert!(!work.exists("digest.json"));
    assert!(server.log().is_empty(), "nothing is asked of a stranger");
    work.run("digest", &[&digest[..], &["--insecure"]].concat())
        .exits(0);
    work.run("extract", &["digest.json"]).exits(0);
    let download = [&["localizations.json", "images"][..], &FAST].concat();
    let ran = work.run("download", &download);
    ran.exits(3).says(&refusal);
    assert!(
        work.text("failures.csv").contains(",certificate,,1,"),
        "not asked twice: {}",
        work.text("failures.csv")
    );
    assert_eq!(server.hits("/a.jpg"), 0);
    work.run("download", &[&download[..], &["--insecure"]].concat())
        .exits(0);
    let map = work.json("image_map.json");
    let path = map[server.url("/a.jpg")].as_str().unwrap();
    assert_eq!(work.read(path), jpeg());
}

/// Everything that the stages read, in all the ways they may end.
fn inputs(server: &Server) -> Workdir {
    let work = Workdir::new();
    let url = server.url("/m");
    let digest = [&["iiif", &url, "-o", "digest.json"][..], &FAST].concat();
    work.run("digest", &digest).exits(0);
    work.run("extract", &["digest.json"]).exits(0);
    let download = [&["localizations.json", "images"][..], &FAST].concat();
    work.run("download", &download).exits(0);
    work.write("broken.json", "{");

    let mut digest = work.json("digest.json");
    digest["observations"][0]["annotations"] = json!([{"id": "a", "motivation": ["tagging"],
        "bodies": [{"value": "alef"}], "regions": [{"frame": "canvas", "fragment": "xywh=1"}]}]);
    work.write_json("partial.digest.json", &digest);
    let mut localizations = work.json("localizations.json");
    let mut gone = localizations["images"][0].clone();
    gone["id"] = "gone".into();
    gone["image"]["url"] = server.url("/gone.jpg").into();
    localizations["images"].as_array_mut().unwrap().push(gone);
    work.write_json("partial.json", &localizations);
    work
}

#[test]
fn every_stage_ends_with_the_code_that_says_how_it_went() {
    let server = Server::start(archive);
    let work = inputs(&server);
    let url = server.url("/m");
    // (stage, what it reads, the code it ends with)
    let cases: [(&str, &[&str], i32); 16] = [
        ("digest", &["iiif", &url, "-o", "d.json"], 0),
        ("digest", &["iiif", "broken.json", "-o", "x.json"], 1),
        ("digest", &["iiif", &url], 2),
        ("digest", &["iiif", &url, "broken.json", "-o", "d.json"], 3),
        ("extract", &["digest.json", "-o", "l.json"], 0),
        ("extract", &["broken.json", "-o", "x.json"], 1),
        ("extract", &["-o", "x.json"], 2),
        ("extract", &["partial.digest.json", "-o", "l.json"], 3),
        ("download", &["localizations.json", "images"], 0),
        ("download", &["broken.json", "images"], 1),
        ("download", &["localizations.json"], 2),
        ("download", &["partial.json", "images"], 3),
        (
            "reformat",
            &["localizations.json", "-f", "csv", "-o", "out"],
            0,
        ),
        ("reformat", &["broken.json", "-f", "csv", "-o", "x.json"], 1),
        ("reformat", &["localizations.json", "-f", "csv"], 2),
        ("reformat", &["partial.json", "-f", "csv", "-o", "out"], 3),
    ];
    let mut seen = BTreeSet::new();
    for (stage, args, code) in cases {
        let network = if ["digest", "download"].contains(&stage) {
            &FAST[..]
        } else {
            &[]
        };
        let call = [args, network, &["--report", "report.json"]].concat();
        let ran = work.run(stage, &call);
        ran.exits(code);
        if code == 2 {
            ran.says(&["Usage: recto-", "--help"]);
        } else {
            let report = work.json("report.json");
            assert_eq!(
                (&report["stage"], &report["exit"]),
                (&json!(stage), &json!(code))
            );
            assert_eq!(report["error"].is_string(), code == 1, "{call:?}");
        }
        if code == 3 {
            work.run(stage, &[&call[..], &["--partial-ok"]].concat())
                .exits(0);
            assert_eq!(work.json("report.json")["exit"], 0);
        }
        assert!(!work.exists("x.json"), "{call:?} published something");
        seen.insert((stage, code));
    }
    assert_eq!(seen.len(), 16);
}

#[test]
fn every_stage_says_how_it_ended_as_json_where_that_is_asked_for() {
    let work = Workdir::new();
    work.write("broken.json", "{");
    let cases: [(&str, &[&str]); 5] = [
        ("digest", &["iiif", "broken.json", "-o", "x.json"]),
        ("extract", &["broken.json", "-o", "x.json"]),
        ("download", &["broken.json", "images"]),
        ("reformat", &["broken.json", "-f", "csv", "-o", "x"]),
        ("shard", &["plan", "broken.json", "-n", "2", "-o", "plan"]),
    ];
    for (stage, args) in cases {
        let ran = work.run(stage, &[args, &["--progress", "json"]].concat());
        ran.exits(1);
        let said = ran.stderr();
        let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        assert_eq!(
            (&last["event"], &last["stage"], &last["exit"]),
            (&json!("end"), &json!(stage), &json!(1))
        );
        let error = last["error"].as_str().unwrap();
        assert!(error.starts_with("broken.json"), "{stage}: {error}");
    }
}

#[test]
fn stages_that_wait_for_servers_stop_when_asked_to() {
    let server = Server::start(|_, _| Answer::Stall(std::time::Duration::from_secs(60)));
    for (stage, path) in [("digest", "/m"), ("download", "/a.jpg")] {
        for signal in ["INT", "TERM"] {
            let work = Workdir::new();
            let url = server.url(path);
            let image =
                json!({"id": "a", "group": "", "image": {"url": url}, "source": {"kind": "table"}});
            work.write_json(
                "localizations.json",
                &json!({"contract": "recto/localizations", "version": 1, "images": [image]}),
            );
            let call: [&str; 4] = match stage {
                "digest" => ["iiif", &url, "-o", "digest.json"],
                _ => ["localizations.json", "images", "-j", "1"],
            };
            let before = server.hits(path);
            let mut command = work.command(stage, &call);
            let child = command.stderr(Stdio::piped()).spawn().unwrap();
            wait_until(|| server.hits(path) > before);
            let sent = Command::new("kill")
                .args([format!("-{signal}"), child.id().to_string()])
                .status();
            assert!(sent.unwrap().success());
            let ended = child.wait_with_output().unwrap();
            let words = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert_eq!(ended.status.code(), Some(130), "{stage} {signal}: {words}");
            assert!(
                words.contains("stopped") && words.contains("hint: "),
                "{words}"
            );
        }
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure_and_a_full_one_is() {
    let server = Server::start(archive);
    let work = inputs(&server);
    let url = server.url("/m");
    let cases: [(&str, &[&str]); 6] = [
        ("digest", &["iiif", &url, "-o", "-", "--rate", "0"]),
        ("extract", &["digest.json", "-o", "-"]),
        ("digest", &["--help"]),
        ("extract", &["--help"]),
        ("download", &["--help"]),
        ("reformat", &["--help"]),
    ];
    for (stage, args) in cases {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        work.run_command(
            work.command(stage, args)
                .stdout(writer)
                .stderr(Stdio::piped()),
        )
        .exits(0);
    }
    for (stage, args) in &cases[..2] {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let (mut command, stdout) = (work.command(stage, args), Stdio::from(full));
        let ended = command
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let ended = ended.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{words}");
        assert!(
            words.contains("standard output: cannot be written"),
            "{words}"
        );
    }
}

#[test]
fn a_server_that_says_no_is_quoted_and_asked_again_only_where_that_may_help() {
    let server = Server::start(|request, before| match request.path.as_str() {
        "/m" => archive(request, before),
        path => Answer::Status(path[1..].parse().unwrap()),
    });
    // (status, what is said, requests); what is not there is asked for once more, whatever its kind.
    let cases = [
        (403, "not allowed (HTTP 403)", 1),
        (404, "not found (HTTP 404)", 2),
        (410, "not found (HTTP 410)", 1),
        (418, "refused (HTTP 418)", 1),
        (429, "too many requests (HTTP 429), 2 attempts", 2),
        (500, "server error (HTTP 500), 2 attempts", 2),
        (503, "server error (HTTP 503), 2 attempts", 2),
    ];
    let good = server.url("/m");
    for (status, words, requests) in cases {
        let (path, work) = (format!("/{status}"), Workdir::new());
        let url = server.url(&path);
        work.write("digest.json", "before");
        let alone = [&["iiif", &url, "-o", "digest.json"][..], &FAST].concat();
        let may_pass = matches!(status, 429 | 500 | 503);
        work.run("digest", &alone)
            .exits(if may_pass { 75 } else { 1 })
            .says(&["error: ", &url, words]);
        assert_eq!(server.hits(&path), requests, "{status}");
        assert_eq!(work.text("digest.json"), "before");
        let beside = [&["iiif", &url, &good, "-o", "digest.json"][..], &FAST].concat();
        work.run("digest", &beside)
            .exits(if may_pass { 75 } else { 3 })
            .says(&["left out 1: ", words]);
        assert!(work.text("digest.rejects.csv").contains(&url));
    }
    let work = Workdir::new();
    let call = [
        &["iiif", "http://127.0.0.1:1/m", &good, "-o", "digest.json"][..],
        &FAST,
    ]
    .concat();
    work.run("digest", &call).exits(75).says(&[
        "http://127.0.0.1:1/m",
        "127.0.0.1 cannot be reached",
        "2 attempts",
    ]);
}

#[test]
fn a_place_that_cannot_be_written_to_is_named_and_nothing_is_damaged() {
    let server = Server::start(archive);
    let work = inputs(&server);
    work.write("file", "mine");
    let url = server.url("/m");
    let coco = "localizations.json -f coco -o out";
    let cases = [
        ("digest", format!("iiif {url} -o file/d.json")),
        (
            "digest",
            format!("iiif {url} -o d.json --rejects file/r.csv"),
        ),
        ("extract", "digest.json -o file/l.json".into()),
        (
            "extract",
            "digest.json -o l.json --rejects file/r.csv".into(),
        ),
        ("download", "localizations.json file/images".into()),
        (
            "download",
            "localizations.json images --image-map file/m.json".into(),
        ),
        (
            "download",
            "localizations.json images --failures file/f.csv".into(),
        ),
        ("reformat", "localizations.json -f coco -o file/out".into()),
        ("reformat", format!("{coco} --rejects file/r.csv")),
        // An account that cannot be given is told last: the work is done.
        (
            "digest",
            format!("iiif {url} -o d.json --report file/r.json"),
        ),
        (
            "extract",
            "digest.json -o l.json --report file/r.json".into(),
        ),
        (
            "download",
            "localizations.json images --report file/r.json".into(),
        ),
        ("reformat", format!("{coco} --report file/r.json")),
    ];
    let before = work.tree("");
    for (stage, args) in cases {
        let call: Vec<&str> = args.split(' ').collect();
        work.run(stage, &call)
            .exits(1)
            .says(&["error: file", "cannot be written"]);
        let made = ["d.json", "l.json", "out"].map(|name| work.exists(name));
        assert!(
            args.contains("--report") || made == [false; 3],
            "{args} published something"
        );
        for (path, bytes) in &before {
            assert!(work.read(path) == *bytes, "{path} after {stage} {args}");
        }
    }
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let server = Server::start(archive);
    let work = inputs(&server);
    let url = server.url("/m");
    work.run(
        "reformat",
        &["localizations.json", "-f", "csv", "-o", "out"],
    )
    .exits(0);
    let cases: [(&str, &[&str]); 5] = [
        ("digest", &["iiif", &url, "-o", "digest.json"]),
        (
            "digest",
            &["iiif", &url, "-o", "new.json", "--cache", "cache"],
        ),
        ("extract", &["partial.digest.json"]),
        (
            "reformat",
            &["localizations.json", "-f", "coco", "-o", "out"],
        ),
        (
            "reformat",
            &["localizations.json", "-f", "csv", "-o", "new.csv"],
        ),
    ];
    let before = work.tree("");
    for (stage, args) in cases {
        // A limit on file sizes is the wall that also stops root: writes beyond it fail as on a full disk.
        let script = format!(
            "trap '' XFSZ; ulimit -f 0; exec {} {}",
            recto_testkit::binary(stage),
            args.join(" ")
        );
        work.run_command(Command::new("sh").args(["-c", &script]))
            .exits(1)
            .says(&["error: ", "cannot be written", "File too large"]);
        let (now, then): (Vec<_>, Vec<_>) = (
            work.tree("").into_iter().collect(),
            before.clone().into_iter().collect(),
        );
        assert!(
            now == then,
            "{stage}: {:?}",
            now.iter().map(|(path, _)| path).collect::<Vec<_>>()
        );
    }
}

#[test]
fn what_cannot_be_written_is_found_out_before_the_work() {
    let server = Server::start(|_, _| Answer::Status(500));
    let work = Workdir::new();
    work.write("a.txt", "not a folder");
    let url = server.url("/m");
    for args in [
        vec!["iiif", &url, "-o", "a.txt/digest.json"],
        vec!["iiif", &url, "-o", "d.json", "--rejects", "a.txt/r.csv"],
        vec!["iiif", &url, "-o", "d.json", "--report", "a.txt/r.json"],
    ] {
        let ran = work.run("digest", &args);
        ran.exits(1).says(&["a.txt", "cannot be written"]);
    }
    assert_eq!(server.log().len(), 0);
}
