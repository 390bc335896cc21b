//! Services that are not where they should be, or not what they should be: which setting to change.

use serde_json::json;

use super::{FAST, account, digest, lab, labels, plain};
use recto_testkit::Workdir;
use recto_testkit::server::{Answer, Arrived, Server};

const SCRIPTS: &str = "[m3]\nsite=HOME\nanno=%(site)s/anno/v1\nkb=%(site)s/kb/v1\n\
    fastconceptimages=%(anno)s/fast/concept/images\nkbdesc=%(kb)s/phylogeny/down/\nimagedmoment=%(anno)s/imagedmoments\n";

fn configured(work: &Workdir, server: &Server, name: &str, text: &str) {
    let home = server.url("");
    work.write(name, text.replace("HOME", &home));
}

#[test]
fn the_configuration_of_the_scripts_and_one_of_ours_lead_to_the_same() {
    let server = lab(vec![plain(1, "Nanomia"), plain(2, "Nanomia bijuga")]).start();
    let work = Workdir::new();
    let run = |args: &[&str]| {
        work.run(
            "digest",
            &[&["m3", "Nanomia", "-d", "-o", "digest.json"], args, &FAST].concat(),
        )
    };
    run(&[]).exits(2).says(&[
        "the URLs of the M3 services are not set",
        "--anno URL",
        "-c FILE",
    ]);
    configured(&work, &server, "other.ini", SCRIPTS);
    run(&["-c", "other.ini"]).exits(0);
    let scripts = work.text("digest.json");
    assert_eq!(labels(&work).len(), 2);
    configured(&work, &server, "lab.toml", "[m3]\nsite = \"HOME\"\n");
    run(&["--config", "lab.toml"]).exits(0);
    assert_eq!(work.text("digest.json"), scripts);
    // Where the scripts find theirs, it is found.
    configured(&work, &server, "config.ini", SCRIPTS);
    run(&[]).exits(0);
    assert_eq!(work.text("digest.json"), scripts);
    assert!(
        server
            .log()
            .iter()
            .any(|r| r.path.starts_with("/kb/v1/phylogeny/down/Nanomia"))
    );
}

#[test]
fn a_configuration_that_is_no_use_is_named() {
    let work = Workdir::new();
    let cases = [
        ("[other]\nx=1\n", "bad.ini: section [m3] is missing"),
        (
            "[m3]\nanno=%(site)s/anno\n",
            "bad.ini: [m3] `anno`: `site`, which it refers to, is not set",
        ),
        ("[m3]\n", "bad.ini: [m3] sets neither `site` nor `anno`"),
        ("[m3]\nanno=lab/anno\n", "`anno` in bad.ini is not a URL"),
    ];
    for (text, said) in cases {
        work.write("bad.ini", text);
        work.run("digest", &["m3", "x", "-c", "bad.ini"])
            .exits(1)
            .says(&[said]);
    }
    work.run("digest", &["m3", "x", "-c", "gone.ini"])
        .exits(1)
        .says(&["gone.ini: no such file"]);
    assert!(!work.exists("x_digest.json"));
}

#[test]
fn options_of_other_sources_are_refused() {
    let work = Workdir::new();
    let cases: &[(&[&str], &str)] = &[
        (
            &["iiif", "x.json", "-o", "x", "--anno", "http://a"],
            "--anno is not an option of the source iiif",
        ),
        (
            &["iiif", "x.json", "-o", "x", "--all"],
            "--all is not an option of the source iiif",
        ),
        (
            &["table", "x.csv", "-o", "x", "--page-size", "3"],
            "--page-size is not an option of the source table",
        ),
        (
            &["fathomnet", "x", "--kb", "http://a"],
            "--kb is not an option of the source fathomnet",
        ),
        (
            &["m3", "x", "--base", "http://a"],
            "--base is not an option of the source m3",
        ),
        (
            &["m3", "x", "--url-column", "a"],
            "--url-column is not an option of the source m3",
        ),
        (
            &["m3", "x", "--no-annotations"],
            "--no-annotations is not an option of the source m3",
        ),
    ];
    for (args, said) in cases {
        work.run("digest", args).exits(2).says(&[said]);
    }
}

/// What a service answers instead of what it should, and what is said about it.
#[test]
fn what_is_no_answer_names_the_address_and_the_setting() {
    let html = || Answer::Serve(b"<html>log in</html>".into(), "text/html");
    let message = || {
        Answer::Serve(
            json!({"message": "the disk is full"}).to_string().into(),
            "application/json",
        )
    };
    type Case = (&'static str, fn() -> Answer, [&'static str; 2]);
    let cases: [Case; 9] = [
        (
            "/anno",
            || Answer::Status(404),
            ["/anno/v1/fast: not found (HTTP 404)", "is set by --anno"],
        ),
        (
            "/anno",
            html,
            [
                "the response is an HTML page where JSON was expected",
                "is set by --anno",
            ],
        ),
        (
            "/anno",
            message,
            [
                "response is not a list of observations: the service reports \"the disk is full\"",
                "is set by --anno",
            ],
        ),
        (
            "/anno",
            || Answer::Status(500),
            ["server error (HTTP 500)", "is set by --anno"],
        ),
        (
            "/anno",
            || Answer::Status(401),
            ["not allowed (HTTP 401)", "is set by --anno"],
        ),
        (
            "/kb",
            || Answer::Status(404),
            ["/kb/v1/concept: not found (HTTP 404)", "is set by --kb"],
        ),
        (
            "/kb",
            html,
            [
                "the response is an HTML page where JSON was expected",
                "is set by --kb",
            ],
        ),
        (
            "/kb",
            message,
            [
                "response is not an entry of a knowledge base: the service reports \"the disk is full\"",
                "is set by --kb",
            ],
        ),
        (
            "/kb",
            || Answer::Status(500),
            ["server error (HTTP 500)", "is set by --kb"],
        ),
    ];
    for (path, answer, said) in cases {
        let fault = move |r: &Arrived, _: usize| r.path.starts_with(path).then(answer);
        let server = lab(vec![plain(1, "Nanomia")]).with_fault(fault).start();
        let work = Workdir::new();
        // A service that failed may not fail again.
        let code = match answer() {
            Answer::Status(500) | Answer::Full(500, ..) => 75,
            _ => 1,
        };
        digest(&work, &server, &["Nanomia"]).exits(code).says(&said);
        assert!(!work.exists("digest.json"), "{said:?}");
    }
}

#[test]
fn certificates_and_hosts_that_are_not_there_name_the_setting() {
    let tls = Server::start_tls(|_, _| Answer::Status(500));
    let work = Workdir::new();
    let anno = tls.url("/anno/v1");
    let run = |anno: &str| {
        work.run(
            "digest",
            &[
                &["m3", "Nanomia", "--anno", anno, "-o", "digest.json"],
                &FAST[..],
            ]
            .concat(),
        )
    };
    run(&anno)
        .exits(1)
        .says(&["cannot be verified", "is set by --anno"]);
    let gone = Server::start(|_, _| Answer::Reset).url("/anno/v1");
    run(&gone).exits(75).says(&["is set by --anno"]);
}

#[test]
fn one_moment_that_is_lost_costs_nothing_else() {
    for answer in [404, 500] {
        let lost = move |r: &Arrived, _: usize| {
            r.path
                .ends_with(&recto_testkit::m3::uuid('m', 2))
                .then_some(Answer::Status(answer))
        };
        let rows = (1..=3).map(|n| plain(n, "Nanomia")).collect();
        let server = lab(rows).with_fault(lost).start();
        let work = Workdir::new();
        digest(&work, &server, &["Nanomia", "-a"])
            .exits(if answer == 500 { 75 } else { 3 })
            .says(&["left out 1:", "imaged moment"]);
        assert_eq!(
            account(&work),
            [3, 0, 0],
            "what the page told of it is kept"
        );
        let again = [&["Nanomia", "-a", "--partial-ok"][..]].concat();
        digest(&work, &server, &again).exits(0);
    }
}

#[test]
fn names_that_are_known_and_have_no_boxes_say_so() {
    let bare = recto_testkit::m3::row(
        1,
        1,
        "Nanomia",
        &[recto_testkit::m3::reference(1, "png", "")],
        &[],
    );
    let server = lab(vec![bare]).start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"]).exits(1).says(&[
        "no images found",
        "1 observation",
        "--unboxed",
    ]);
    digest(&work, &server, &["Apolemia"])
        .exits(1)
        .says(&["no images found"]);
}

#[test]
fn a_service_that_wants_a_login_is_answered_with_how_to_log_in() {
    let wants = |r: &Arrived, _: usize| r.path.starts_with("/kb").then_some(Answer::Status(401));
    let server = lab(vec![plain(1, "Nanomia")]).with_fault(wants).start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"]).exits(1).says(&[
        "not allowed (HTTP 401)",
        "--login raziel, --bearer TOKEN",
        "is set by --kb",
    ]);
}

#[test]
fn a_tree_without_measure_and_one_without_end_are_refused() {
    let nodes: Vec<String> = (0..500_001)
        .map(|n| format!("{{\"name\":\"n{n}\"}}"))
        .collect();
    let wide = format!(
        "{{\"name\":\"Nanomia\",\"children\":[{}]}}",
        nodes.join(",")
    );
    let deep = "{\"name\":\"a\",\"children\":[".repeat(100_000);
    for (tree, said) in [
        (
            wide,
            "tree of concepts is too large: more than 500000 concepts",
        ),
        (deep, "recursion limit exceeded"),
    ] {
        let fault = move |r: &Arrived, _: usize| {
            let is_tree = r.path.contains("/phylogeny/down/");
            is_tree.then(|| Answer::Serve(tree.clone().into(), "application/json"))
        };
        let server = lab(vec![plain(1, "Nanomia")]).with_fault(fault).start();
        let work = Workdir::new();
        digest(&work, &server, &["Nanomia", "-d"])
            .exits(1)
            .says(&[said]);
    }
}
