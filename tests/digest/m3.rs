//! `recto-digest m3` against a laboratory on loopback.
// Tables of cases are tuples; names for their types would say less.
#![allow(clippy::type_complexity)]

mod boxes;
mod habits;
mod names;
mod paging;
mod pictures;
mod tokens;
mod trouble;

use recto_testkit::m3::{Lab, boxed, reference, row};
use recto_testkit::server::Server;
use recto_testkit::{Ran, Workdir};
use serde_json::{Value, json};

const FAST: [&str; 4] = ["--backoff", "0", "--retries", "2"];

/// Runs `recto-digest m3` with the services of a server.
fn digest(work: &Workdir, server: &Server, args: &[&str]) -> Ran {
    let (anno, kb, vam) = (
        server.url("/anno/v1"),
        server.url("/kb/v1"),
        server.url("/vam/v1"),
    );
    let services = ["--anno", &anno, "--kb", &kb, "--vam", &vam];
    let own = ["-o", "digest.json", "--report", "report.json"];
    work.run(
        "digest",
        &[&["m3"], args, &services[..], &own, &FAST].concat(),
    )
}

fn observations(work: &Workdir) -> Vec<Value> {
    let digest = work.json("digest.json");
    digest["observations"].as_array().unwrap().clone()
}

/// Every box of the digest.
fn all_boxes(work: &Workdir) -> Vec<Value> {
    let images = observations(work);
    let boxes = images.iter().filter_map(|o| o["annotations"].as_array());
    boxes.flatten().cloned().collect()
}

/// What the boxes of the digest are called, sorted.
fn labels(work: &Workdir) -> Vec<String> {
    let label = |b: &Value| b["bodies"][0]["value"].as_str().unwrap().to_owned();
    let mut labels: Vec<String> = all_boxes(work).iter().map(label).collect();
    labels.sort();
    labels
}

/// Boxes of the service are those kept, those filtered and those rejected; gives the three.
#[track_caller]
fn account(work: &Workdir) -> [u64; 3] {
    let report = work.json("report.json");
    let count = |key: &str| report[key].as_u64().unwrap_or_else(|| panic!("{report:#}"));
    let parts = [
        count("boxes_kept"),
        count("boxes_filtered"),
        count("boxes_rejected"),
    ];
    assert_eq!(count("boxes"), parts.iter().sum::<u64>(), "{report:#}");
    assert_eq!(all_boxes(work).len() as u64, parts[0]);
    parts
}

/// One observation with one box on one picture per moment.
fn plain(n: usize, concept: &str) -> Value {
    row(
        n,
        n,
        concept,
        &[reference(n, "png", "source image")],
        &[boxed(n, n)],
    )
}

fn lab(rows: Vec<Value>) -> Lab {
    Lab {
        rows,
        ..Lab::default()
    }
}

/// A video of vampire-squid.
fn video(n: usize, dive: &str) -> Value {
    json!({"video_reference_uuid": recto_testkit::m3::uuid('v', n), "video_sequence_name": dive, "camera_id": "Ricketts",
           "video_name": format!("{dive} 1"), "uri": "urn:tid:x", "width": 64, "height": 48})
}
