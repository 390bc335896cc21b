//! What is drawn is what recto reads: held against the schema, and against the type.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use recto::contracts::{self, ImageMap, Localizations};
use recto_demo::{Picture, Side, draw, sides};
use serde_json::Value;

/// A side of the archive, small enough for a test.
fn small(seed: u64, name: &'static str) -> Side {
    Side {
        manuscript: "Demo A",
        fragment: 1,
        size: [1200, 900],
        name,
        seed,
    }
}

#[test]
fn what_is_drawn_is_a_set_that_recto_reads() {
    let written = Mutex::new(BTreeMap::new());
    let sides = [small(2, "recto"), small(3, "verso")];
    let drawn: Result<(), ()> = draw(&sides, |path, bytes| {
        written
            .lock()
            .unwrap()
            .insert(path.to_owned(), bytes.to_vec());
        Ok(())
    });
    assert_eq!(drawn, Ok(()));
    let written = written.into_inner().unwrap();
    let map: ImageMap = serde_json::from_slice(&written["image_map.json"]).unwrap();
    assert_eq!(map.len(), 4);
    assert!(map.values().all(|path| written.contains_key(path)));
    let file = &written["localizations.json"];
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/localizations.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let value: Value = serde_json::from_slice(file).unwrap();
    let faults: Vec<_> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&value)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
    let read: Localizations = contracts::parse(file, "localizations.json").unwrap();
    // Nothing is lost on the way: what recto writes of it is the same file.
    let written = serde_json::to_vec_pretty(&read).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&written),
        String::from_utf8_lossy(file).trim_end()
    );
}

#[test]
fn letters_stand_on_one_side_and_lie_within_the_picture() {
    let [colour, infrared] = small(2, "recto").draw();
    let letters = &colour.image.localizations;
    assert!(letters.len() > 10, "only {} letters", letters.len());
    assert_eq!(*letters, infrared.image.localizations);
    for letter in letters {
        let [x, y, w, h] = letter.bbox;
        assert!(
            w > 0 && h > 0 && x + w <= 1200 && y + h <= 900,
            "{letter:?}"
        );
    }
    let [verso, _] = small(3, "verso").draw();
    assert!(verso.image.localizations.is_empty());
}

#[test]
fn the_seed_alone_decides_every_byte() {
    let jpegs = |seed| small(seed, "recto").draw().map(|Picture { jpeg, .. }| jpeg);
    let [colour, infrared] = jpegs(2);
    assert_eq!([&colour, &infrared], jpegs(2).each_ref());
    assert_ne!(colour, infrared);
    assert_ne!(colour, jpegs(4)[0]);
}

#[test]
fn sides_of_a_fragment_have_neighbouring_seeds_and_no_two_sides_share_one() {
    let sides = sides(1947);
    for pair in sides.chunks(2) {
        assert_eq!((pair[0].name, pair[1].name), ("recto", "verso"));
        assert_eq!(pair[0].seed | 1, pair[1].seed);
    }
    let seeds: BTreeSet<u64> = sides.iter().map(|side| side.seed).collect();
    assert_eq!((seeds.len(), sides.len()), (12, 12));
}

#[test]
fn an_error_of_the_writer_ends_the_drawing_and_no_list_is_written() {
    let lists = Mutex::new(Vec::new());
    let ended = draw(&[small(2, "recto")], |path, _| {
        if path.ends_with(".json") {
            lists.lock().unwrap().push(path.to_owned());
        }
        Err("full")
    });
    assert_eq!(ended, Err("full"));
    assert!(lists.into_inner().unwrap().is_empty());
}
