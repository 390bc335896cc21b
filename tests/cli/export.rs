//! `recto export`: references to downloaded images for tools that keep large files; scripts/judge_export.sh runs one of them.

use recto_testkit::Workdir;
use recto_testkit::server::{Answer, Server};
use serde_json::json;

const FAST: [&str; 4] = ["--rate", "0", "--backoff", "0.01"];

/// A folder with two images that URLs give, one of them by a signed URL, and one that is encoded again.
fn downloaded() -> (Server, Workdir) {
    let picture =
        |seed: u32| recto_testkit::dataset::picture(48, 32, seed, image::ImageFormat::Png);
    let server = Server::start(move |request, _| {
        let seed = request.path.as_bytes().get(1).copied().unwrap_or_default();
        Answer::Serve(picture(seed.into()), "image/png")
    });
    let work = Workdir::new();
    let image = |id: &str, url: &str| json!({"id": id, "group": "g", "image": {"url": server.url(url)}, "source": {"kind": "table", "labels": {"canvas": id}}});
    let set = |images: Vec<serde_json::Value>| json!({"contract": "recto/localizations", "version": 1, "images": images});
    let plain = vec![
        image("a", "/a.png?x=1,2"),
        image("b", "/b.png?sig=0123456789abcdef&Signature=secret"),
    ];
    work.write_json("plain.json", &set(plain));
    work.write_json("other.json", &set(vec![image("c", "/c.png")]));
    let call = [&["plain.json", "images"][..], &FAST].concat();
    work.run("download", &call).exits(0);
    let other = [
        "other.json",
        "images",
        "--format",
        "jpg",
        "--image-map",
        "other-map.json",
    ];
    work.run("download", &[&other[..], &FAST].concat()).exits(0);
    (server, work)
}

#[test]
fn urls_are_written_as_they_were_requested() {
    let picture = recto_testkit::dataset::picture(48, 32, 7, image::ImageFormat::Png);
    let server = Server::start(move |_, _| Answer::Serve(picture.clone(), "image/png"));
    let work = Workdir::new();
    let cases = [
        ("/Doc Ricketts/01 02.png", "/Doc%20Ricketts/01%2002.png"),
        ("/ü.png", "/%C3%BC.png"),
        ("/a%20b.png?x=[1],{2}", "/a%20b.png?x=[1],{2}"),
        ("/it's.png", "/it's.png"),
    ];
    let image = |(path, _): &(&str, &str)| json!({"id": path, "group": "g", "image": {"url": server.url(path)}, "source": {"kind": "table", "labels": {"canvas": path}}});
    let images: Vec<serde_json::Value> = cases.iter().map(image).collect();
    let set = json!({"contract": "recto/localizations", "version": 1, "images": images});
    work.write_json("localizations.json", &set);
    let call = [&["localizations.json", "images"][..], &FAST].concat();
    work.run("download", &call).exits(0);
    for tool in ["git-annex", "datalad", "dvc"] {
        work.run("recto", &["export", tool, "images", "-o", tool])
            .exits(0);
        let all: String = work
            .tree(tool)
            .into_values()
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .collect();
        for (_, wanted) in cases {
            assert!(all.contains(&server.url(wanted)), "{tool} {wanted}: {all}");
        }
    }
    let requested = server.log();
    for (_, wanted) in cases {
        assert!(
            requested.iter().any(|request| request.path == wanted),
            "{wanted}: {requested:?}"
        );
    }
}

#[test]
fn what_a_url_gives_becomes_a_reference_and_the_rest_is_listed() {
    let (server, work) = downloaded();
    for tool in ["git-annex", "datalad", "dvc"] {
        let ran = work.run("recto", &["export", tool, "images", "-o", tool]);
        ran.exits(3).says(&[
            "1 reference in",
            "is not what one URL answered, byte for byte: encoded",
        ]);
        assert!(work.exists(&format!("{tool}/README.md")));
        let left = work.text(&format!("{tool}/left-out.csv"));
        assert_eq!(left.lines().count(), 3, "{left}");
        let all: String = work
            .tree(tool)
            .into_values()
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .collect();
        assert!(!all.contains("secret"), "{all}");
        assert!(all.contains(&server.url("/a.png?x=1,2")), "{all}");
        // Nothing that is there is replaced.
        work.run("recto", &["export", tool, "images", "-o", tool])
            .exits(1)
            .says(&["is not empty"]);
    }
    let sum = recto::files::hex_digest(&work.read("images/g/a.png"), 64);
    let bytes = work.read("images/g/a.png").len();
    assert_eq!(
        work.text("git-annex/keys.txt"),
        format!("SHA256E-s{bytes}--{sum}.png g/a.png\n")
    );
    assert!(work.exists("dvc/g/a.png.dvc"));
    work.run("recto", &["export", "dvc", "missing", "-o", "x"])
        .exits(1)
        .says(&["missing: has no downloads.jsonl"]);
    // What is not there any more is listed too.
    std::fs::remove_file(work.path("images/g/a.png")).unwrap();
    work.run("recto", &["export", "dvc", "images", "-o", "gone"])
        .exits(3);
    let left = work.text("gone/left-out.csv");
    assert!(left.contains("its file is not there: g/a.png"), "{left}");
}
