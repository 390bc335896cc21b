//! Pages: followed to the end, whatever the service counts, caps or repeats.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::{account, digest, lab, labels, plain};
use recto_testkit::m3::{Lab, boxed, row};
use recto_testkit::server::{Answer, Arrived};
use recto_testkit::{Running, Workdir, wait_until};

fn many(n: usize) -> Vec<Value> {
    (1..=n).map(|n| plain(n, "Nanomia")).collect()
}

#[test]
fn pages_are_followed_to_the_end() {
    for (page, cap) in [
        (4, usize::MAX),
        (5, usize::MAX),
        (4, 3),
        (1000, 7),
        (1000, usize::MAX),
    ] {
        let server = Lab {
            cap,
            ..lab(many(10))
        }
        .start();
        let work = Workdir::new();
        let page_size = page.to_string();
        let ran = digest(&work, &server, &["Nanomia", "--page-size", &page_size]);
        ran.exits(0);
        let is_capped = cap < page.min(10);
        assert_eq!(
            ran.stderr().contains("a limit of its own"),
            is_capped,
            "{page} {cap}"
        );
        assert_eq!(labels(&work).len(), 10, "{page} {cap}");
        assert_eq!(account(&work), [10, 0, 0]);
        let asked = server
            .log()
            .iter()
            .any(|r| r.path.contains(&format!("limit={page}&")));
        assert!(asked, "--page-size {page}");
    }
}

#[test]
fn what_is_counted_and_not_given_is_told() {
    let server = Lab {
        overcount: 2,
        ..lab(many(3))
    }
    .start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia", "--page-size", "2"])
        .exits(3)
        .says(&["observations are missing: the service reports 5 of \"Nanomia\" and returns 3"]);
    assert_eq!(labels(&work).len(), 3);
}

#[test]
fn observations_without_a_picture_are_counted() {
    let mut rows = many(3);
    rows.extend((4..9).map(|n| row(n, n, "Nanomia", &[], &[boxed(n, 99)])));
    let server = lab(rows).start();
    let work = Workdir::new();
    // Every box of the service is written or listed.
    for page_size in ["1000", "3"] {
        let asked = ["Nanomia", "--unpictured", "--page-size", page_size];
        digest(&work, &server, &asked).exits(3);
        assert_eq!(account(&work), [3, 0, 5]);
        let rejects = work.text("digest.rejects.csv");
        for n in 4..9 {
            assert!(
                rejects.contains(&recto_testkit::m3::uuid('b', n)),
                "{rejects}"
            );
        }
    }
    digest(&work, &server, &["Nanomia"]).exits(0).says(&[
        "5 observations of moments without an image",
        "--unpictured lists their boxes",
    ]);
    assert_eq!(
        work.json("report.json")["observations_without_picture"],
        json!(5)
    );
    // Where the service does not count them, nothing is said of them.
    let silent = |r: &Arrived, _: usize| {
        let is_it = r.path.contains("/observations/concept/count/");
        is_it.then_some(Answer::Status(500))
    };
    let server = lab(many(3)).with_fault(silent).start();
    digest(&work, &server, &["Nanomia"]).exits(0);
    assert_eq!(
        work.json("report.json")["observations_without_picture"],
        json!(0)
    );
}

#[test]
fn what_is_given_and_not_counted_is_read() {
    let fewer = |request: &Arrived, _: usize| {
        let is_count = request.path.ends_with("/count/Nanomia");
        is_count.then(|| Answer::Serve(json!({"count": 2}).to_string().into(), "application/json"))
    };
    let server = lab(many(5)).with_fault(fewer).start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia", "--page-size", "2"])
        .exits(0)
        .says(&["than the service reports: all are used"]);
    assert_eq!(labels(&work).len(), 5);
    // A service that cannot count is asked until it has no more.
    for cap in [usize::MAX, 2] {
        let lab = Lab {
            cap,
            ..lab(many(5))
        };
        let no_count =
            |r: &Arrived, _: usize| r.path.contains("/count/").then_some(Answer::Status(500));
        let server = lab.with_fault(no_count).start();
        digest(&work, &server, &["Nanomia", "--page-size", "3"]).exits(0);
        assert_eq!(labels(&work).len(), 5, "{cap}");
    }
}

#[test]
fn a_service_that_gives_one_page_for_ever_is_found_out() {
    let page = Value::Array(many(2)).to_string();
    let page = page.replace("HOME", "http://pictures.example");
    let again = move |request: &Arrived, _: usize| {
        let is_page = request
            .path
            .starts_with("/anno/v1/fast/concept/images/Nanomia?");
        is_page.then(|| Answer::Serve(page.clone().into(), "application/json"))
    };
    let server = lab(many(5)).with_fault(again).start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia", "--page-size", "2"])
        .exits(3)
        .says(&["the service reports 5 of \"Nanomia\" and returns 2"]);
    assert_eq!(labels(&work).len(), 2);
}

#[test]
fn a_storm_is_waited_out() {
    let storm = |request: &Arrived, before: usize| {
        (before < 2 && request.path.starts_with("/anno")).then_some(Answer::Status(503))
    };
    let server = lab(many(4)).with_fault(storm).start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia", "-a"]).exits(0);
    assert_eq!(account(&work), [4, 0, 0]);
}

#[test]
fn runs_give_the_same_bytes_whoever_answers_first_and_go_on_with_a_cache() {
    let server = Lab {
        cap: 3,
        videos: vec![super::video(0, "A"), super::video(1, "B")],
        ..lab(many(12))
    }
    .start();
    let work = Workdir::new();
    let mut seen = Vec::new();
    for args in [
        &["-j", "1"][..],
        &["-j", "16"],
        &["--cache", "cache"],
        &["--cache", "cache", "--offline"],
    ] {
        digest(
            &work,
            &server,
            &[&["Nanomia", "-d", "-a", "--page-size", "5"], args].concat(),
        )
        .exits(0);
        seen.push(work.text("digest.json"));
    }
    assert!(seen.iter().all(|text| *text == seen[0]));
    let limited = digest(&work, &server, &["Nanomia", "--limit", "4"]);
    limited.exits(0);
    assert_eq!(labels(&work).len(), 4);
    assert_eq!(account(&work), [4, 8, 0]);
}

#[test]
fn a_harvest_that_was_killed_and_run_again_is_the_same() {
    let open = Arc::new(AtomicBool::new(false));
    let gate = open.clone();
    let stall = move |request: &Arrived, _: usize| {
        let is_late = request.path.contains("/imagedmoments/") && !gate.load(Ordering::SeqCst);
        is_late.then(|| Answer::Stall(Duration::from_secs(60)))
    };
    let server = lab(many(12)).with_fault(stall).start();
    let (anno, kb) = (server.url("/anno/v1"), server.url("/kb/v1"));
    let call = [
        "m3",
        "Nanomia",
        "-a",
        "--cache",
        "cache",
        "-o",
        "digest.json",
        "-q",
    ];
    let call = [&call[..], &["--anno", &anno, "--kb", &kb]].concat();
    let work = Workdir::new();
    let mut child = Running(work.command("digest", &call).spawn().unwrap());
    wait_until(|| {
        server
            .log()
            .iter()
            .any(|r| r.path.contains("/imagedmoments/"))
    });
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    assert!(!work.exists("digest.json"));
    open.store(true, Ordering::SeqCst);
    let fresh = Workdir::new();
    for work in [&work, &fresh] {
        work.run("digest", &call).exits(0);
    }
    assert_eq!(work.text("digest.json"), fresh.text("digest.json"));
}
