//! `recto-digest m3` against a laboratory on loopback.
#![allow(missing_docs)]

mod common;

use common::Workdir;
use common::m3::{Lab, boxed, reference, row, uuid};
use common::server::Server;
use serde_json::Value;

const FAST: [&str; 4] = ["--backoff", "0", "--retries", "2"];

/// Runs `recto-digest m3` with the services of a server.
fn digest(work: &Workdir, server: &Server, args: &[&str]) -> common::Ran {
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
    work.json("digest.json")["observations"]
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn a_concept_brings_its_pictures_and_boxes() {
    let lab = Lab {
        rows: vec![row(
            1,
            1,
            "Nanomia",
            &[reference(1, "png", "source image")],
            &[boxed(1, 1)],
        )],
        ..Lab::default()
    };
    let server = lab.start();
    let work = Workdir::new();
    digest(&work, &server, &["string jelly"])
        .exits(0)
        .says(&["\"string jelly\" is a name of \"Nanomia\""]);
    let seen = observations(&work);
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0]["id"], uuid('r', 1));
    println!("{:#}", work.json("digest.json"));
    work.run("extract", &["digest.json"]).exits(0);
    println!("{:#}", work.json("localizations.json"));
}
