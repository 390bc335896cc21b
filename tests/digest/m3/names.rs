//! Concepts: every name they have, what is below them, names that are hard to send, names that nobody knows.

use serde_json::json;

use super::{FAST, digest, lab, labels, observations, plain};
use recto_testkit::Workdir;
use recto_testkit::m3::{Lab, row, uuid};

const HARD: &str = "a'a #1 (\"q\")/b";

#[test]
fn a_concept_is_searched_under_all_its_names_and_bears_the_primary_one() {
    let rows = vec![
        plain(1, "Nanomia"),
        plain(2, "Stephanomia"),
        plain(3, "Nanomia bijuga"),
        plain(4, "Nanomia sp. 1 – north "),
        plain(5, "Apolemia"),
        plain(6, "string jelly"),
    ];
    let server = lab(rows).start();
    let work = Workdir::new();
    let news = ["\"string jelly\" is a name of \"Nanomia\""];
    digest(&work, &server, &["string jelly"])
        .exits(0)
        .says(&news);
    assert_eq!(labels(&work), ["Nanomia", "Nanomia", "Nanomia"]);
    let old = observations(&work);
    let old = old.iter().find(|o| o["id"] == uuid('r', 2)).unwrap();
    assert_eq!(
        old["annotations"][0]["attributes"]["annotated_as"],
        "Stephanomia"
    );

    digest(&work, &server, &["Nanomia", "-d"]).exits(0);
    let below = [
        "Nanomia",
        "Nanomia",
        "Nanomia",
        "Nanomia bijuga",
        "Nanomia sp. 1 – north",
    ];
    assert_eq!(labels(&work), below);
    let written = work.json("digest.json");
    assert_eq!(
        written["source"],
        json!({"kind": "m3", "inputs": ["Nanomia"], "filters": ["--descendants"]})
    );
    let lineage = |concept: &str| {
        let rungs = written["taxonomy"][concept]["lineage"]
            .as_array()
            .unwrap()
            .clone();
        rungs
            .iter()
            .map(|r| r["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let upwards = ["object", "marine organism", "Siphonophorae", "Nanomia"];
    assert_eq!(lineage("Nanomia"), upwards);
    assert_eq!(lineage("Nanomia sp. 1 – north")[..4], upwards);
    assert_eq!(
        written["taxonomy"]["Nanomia"]["alternative_names"],
        json!(["Stephanomia", "string jelly"])
    );
    assert_eq!(
        written["taxonomy"]["Nanomia"]["lineage"][1],
        json!({"name": "marine organism"}),
        "an empty rank is none"
    );

    // What is saved for later stages reaches them.
    work.run("extract", &["digest.json"]).exits(0);
    assert_eq!(
        work.json("localizations.json")["taxonomy"],
        written["taxonomy"]
    );
    assert_eq!(
        work.json("localizations.json")["images"][0]["localizations"][0]["concept"],
        "Nanomia"
    );
}

#[test]
fn all_concepts_on_the_pictures_found_know_their_place_in_the_tree() {
    let mut other = plain(2, "Apolemia");
    other["imaged_moment_uuid"] = uuid('m', 1).into();
    other["image_references"] = plain(1, "x")["image_references"].clone();
    other["associations"] = json!([super::boxed(2, 1)]);
    let server = lab(vec![plain(1, "Nanomia"), other, plain(3, "Apolemia")]).start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"]).exits(0);
    assert_eq!(labels(&work), ["Nanomia"]);
    digest(&work, &server, &["Nanomia", "--all"]).exits(0);
    assert_eq!(labels(&work), ["Apolemia", "Nanomia"]);
    let lineage = &work.json("digest.json")["taxonomy"]["Apolemia"]["lineage"];
    assert_eq!(
        lineage[2],
        json!({"rank": "order", "name": "Siphonophorae"})
    );
    assert_eq!(
        super::account(&work),
        [2, 0, 0],
        "a box that page and moment tell of is one"
    );
}

#[test]
fn names_that_are_hard_to_send_are_searched_as_they_are() {
    for loses_slashes in [false, true] {
        let lab = Lab {
            loses_slashes,
            ..lab(vec![plain(1, HARD), plain(2, "end ")])
        };
        let server = lab.start();
        let work = Workdir::new();
        digest(&work, &server, &[HARD]).exits(0);
        assert_eq!(labels(&work), [HARD]);
        // No knowledge base vouches for this one, but observations bear it.
        let said = ["\"end \" is not in the knowledge base: searched as typed"];
        digest(&work, &server, &["end "]).exits(0).says(&said);
        assert_eq!(labels(&work), ["end"]);
        let posted = server.log().iter().filter(|r| r.method == "POST").count();
        assert_eq!(
            posted > 0,
            loses_slashes,
            "the search by body is for names that get lost"
        );
    }
}

#[test]
fn unknown_concepts_are_answered_with_those_that_may_be_meant() {
    let server = lab(vec![plain(1, "Nanomia"), plain(2, "Nanomiax")]).start();
    let work = Workdir::new();
    let said = ["no such concept: \"Nanomai\"", "did you mean \"Nanomia\""];
    digest(&work, &server, &["Nanomai"]).exits(1).says(&said);
    digest(&work, &server, &["Nanomia", "nanomia"])
        .exits(1)
        .says(&["no such concept: \"nanomia\""]);
    digest(&work, &server, &["Xyzzy"])
        .exits(1)
        .says(&["no such concept", "spelt as in the knowledge base"]);
    assert!(!work.exists("digest.json"));
}

#[test]
fn without_a_knowledge_base_names_are_searched_as_typed() {
    let server = lab(vec![plain(1, "Nanomia"), plain(2, "Stephanomia")]).start();
    let work = Workdir::new();
    let anno = server.url("/anno/v1/");
    let run = |args: &[&str]| {
        let own = ["--anno", &anno, "-o", "digest.json"];
        work.run("digest", &[&["m3"], args, &own[..], &FAST].concat())
    };
    run(&["Nanomia"])
        .exits(0)
        .says(&["without a knowledge base", "--kb URL"]);
    assert_eq!(labels(&work), ["Nanomia"]);
    assert!(work.json("digest.json").get("taxonomy").is_none());
    run(&["nanomia"])
        .exits(1)
        .says(&["did you mean \"Nanomia\""]);
    run(&["Nanomia", "-d"])
        .exits(2)
        .says(&["--descendants needs a knowledge base", "--kb URL"]);
    assert!(server.log().iter().all(|r| !r.path.starts_with("/kb")));
}

#[test]
fn digests_are_called_as_users_know_them() {
    let server = lab(vec![
        plain(1, HARD),
        plain(2, "Nanomia bijuga"),
        row(3, 3, "Apolemia", &[], &[]),
    ])
    .start();
    let work = Workdir::new();
    let (anno, kb) = (server.url("/anno/v1"), server.url("/kb/v1"));
    let cases: [(&[&str], &str); 4] = [
        (&["Nanomia bijuga"], "Nanomia_bijuga_digest.json"),
        (&["--concept", "Nanomia", "-d"], "Nanomia_desc_digest.json"),
        (&[HARD], "a_a_1_q_b_digest.json"),
        (
            &["Nanomia bijuga", HARD],
            "Nanomia_bijuga_a_a_1_q_b_digest.json",
        ),
    ];
    for (args, name) in cases {
        let call = [&["m3"], args, &["--anno", &anno, "--kb", &kb], &FAST].concat();
        work.run("digest", &call).exits(0).says(&[name]);
        assert!(work.exists(name), "{name}");
        assert!(
            work.exists(&name.replace(".json", ".rejects.csv")),
            "{name}"
        );
    }
    work.run("digest", &["iiif", "x.json"])
        .exits(2)
        .says(&["--output"]);
}
