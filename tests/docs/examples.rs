//! The examples of docs/contracts.md are what the programs read and write.

use std::collections::BTreeMap;

use recto::contracts::{self, Digest, Failure, Localizations};
use recto::corrections::{self, ImageIndex};
use regex::Regex;
use serde_json::Value;

use super::document;
use recto_testkit::{Workdir, schemas};

/// Examples by name: what stands after the language of a block.
fn examples() -> BTreeMap<String, String> {
    let block = Regex::new(r"(?s)```(?:json|jsonl|csv) (\S+)\n(.*?)```").unwrap();
    let text = document("docs/contracts.md");
    block
        .captures_iter(&text)
        .map(|b| (b[1].to_owned(), b[2].to_owned()))
        .collect()
}

#[test]
fn every_contract_has_an_example_and_a_schema() {
    let names: Vec<String> = examples().into_keys().collect();
    let wanted = [
        "changes.csv",
        "dataset.json",
        "difference.jsonl",
        "digest.json",
        "downloads.jsonl",
        "failures.csv",
        "image_map.json",
        "localizations.json",
        "lock.jsonl",
        "lock_documents.jsonl",
        "plan.json",
        "rejects.csv",
        "report.json",
        "review.jsonl",
        "set.json",
    ];
    assert_eq!(names, wanted);
    let text = document("docs/contracts.md");
    for (name, _) in recto::schemas::all() {
        assert!(
            text.contains(&format!("(../schemas/{name}.schema.json)")),
            "no link to the schema of {name}"
        );
    }
}

#[test]
fn examples_of_json_are_valid_to_the_schemas_and_to_the_types() {
    let examples = examples();
    for (name, text) in &examples {
        let (stem, suffix) = name.split_once('.').unwrap();
        let values: Vec<&str> = match suffix {
            "json" => vec![text],
            "jsonl" => text.lines().collect(),
            _ => continue,
        };
        for value in values {
            let value: Value =
                serde_json::from_str(value).unwrap_or_else(|e| panic!("{name}: {e}"));
            schemas::validate(stem, &value);
        }
    }
    contracts::parse::<Digest>(examples["digest.json"].as_bytes(), "digest.json").unwrap();
    contracts::parse::<Localizations>(
        examples["localizations.json"].as_bytes(),
        "localizations.json",
    )
    .unwrap();
}

#[test]
fn the_example_of_a_correction_is_of_the_example_of_localizations() {
    let examples = examples();
    let set = examples["localizations.json"].as_bytes();
    let mut images = contracts::parse::<Localizations>(set, "set")
        .unwrap()
        .images;
    let (given, rejects) = corrections::read("review.jsonl", examples["review.jsonl"].as_bytes());
    let mut places = ImageIndex::of(images.iter().map(|image| (&*image.id, image)));
    let (made, unmade) = corrections::apply_all(&given, &mut images, &mut places);
    assert_eq!((made, rejects, unmade), (1, Vec::new(), Vec::new()));
}

#[test]
fn examples_of_tables_have_the_header_and_as_many_cells() {
    let examples = examples();
    let rejects = ["input", "record", "field", "problem"];
    for (name, header) in [
        ("failures.csv", &Failure::HEADER[..]),
        ("rejects.csv", &rejects[..]),
    ] {
        let mut reader = csv::Reader::from_reader(examples[name].as_bytes());
        assert_eq!(reader.headers().unwrap(), header, "{name}");
        let rows: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
        assert!(!rows.is_empty(), "{name}");
    }
}

/// One example becomes the other: `recto-extract` reads the digest shown and writes the localizations shown.
#[test]
fn the_localizations_shown_are_those_of_the_digest_shown() {
    let examples = examples();
    let work = Workdir::new();
    work.write("digest.json", &examples["digest.json"]);
    work.run("extract", &["digest.json"]).exits(3);
    let shown: Value = serde_json::from_str(&examples["localizations.json"]).unwrap();
    assert_eq!(work.json("localizations.json"), shown);
    assert_eq!(work.text("rejects.csv"), examples["rejects.csv"]);
    let ids: Value = serde_json::from_str(&examples["image_map.json"]).unwrap();
    let id = shown["images"][0]["id"].as_str().unwrap();
    assert!(
        ids.get(id).is_some(),
        "the map shown does not hold the image shown"
    );
}
