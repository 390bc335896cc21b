//! What a set keeps of an earlier one, and what it says of whose its images are.

use std::collections::BTreeMap;

use image::ImageFormat;
use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use serde_json::{Value, json};

const SHARES: [&str; 2] = ["--split", "train=0.6,val=0.2,test=0.2"];

/// `n` images with a box each, two in a group; they are in other groups by the key `page`.
fn set(work: &Workdir, n: usize) {
    let named = |i: usize| {
        [
            format!("u{i}"),
            format!("g{}", i / 2),
            format!("i/p{i}.png"),
        ]
    };
    let names: Vec<[String; 3]> = (0..n).map(named).collect();
    let images = names.iter().enumerate().map(|(i, [id, group, _])| {
        let mut image = image(
            id,
            group,
            [40, 20],
            vec![boxed("b", "a", [0.0, 0.0, 5.0, 5.0])],
        );
        image["metadata"] = json!({ "page": [format!("p{}", i % 7)] });
        image
    });
    let images: Vec<Value> = images.collect();
    let files = names.iter().zip(1..).map(|([id, _, file], seed)| {
        let picture = picture(40, 20, seed, ImageFormat::Png);
        (id.as_str(), file.as_str(), picture)
    });
    lay_out(work, &images, &files.collect::<Vec<_>>());
}

/// Image → split, by `image-splits.csv`.
fn places(work: &Workdir, set: &str) -> BTreeMap<String, String> {
    let rows = rows(work, &format!("{set}/image-splits.csv")).into_iter();
    rows.map(|row| (row["image"].clone(), row["split"].clone()))
        .collect()
}

#[test]
fn every_format_keeps_every_earlier_place_whatever_the_groups_are_now() {
    let all: Vec<&str> = super::formats();
    let several = ["coco", "yolo"].join(",");
    let calls = all.iter().map(|format| vec!["-f", *format]);
    let more = [
        vec!["-f", "coco", "--tiles", "32", "--overlap", "2"],
        vec!["-f", &several],
    ];
    for call in calls.chain(more) {
        let work = Workdir::new();
        set(&work, 14);
        let call = [
            &["localizations.json", "-o", "old", "--no-val"],
            &call[..],
            &SHARES,
        ]
        .concat();
        work.run("reformat", &call).exits(0);
        let before = places(&work, "old");
        assert_eq!(before.len(), 14, "{call:?}");
        let listed = work.json("old/dataset.json")["files"].clone();
        let listed = listed.as_array().unwrap().iter();
        assert!(
            listed
                .into_iter()
                .any(|file| file["path"] == "image-splits.csv"),
            "{call:?}"
        );
        set(&work, 18);
        let olds: &[&str] = if call[5] == "coco" {
            &["old", "old/image-splits.csv"]
        } else {
            &["old"]
        };
        for old in olds {
            let like = ["--split-like", old, "--group-by", "page"];
            reformat(&work, "csv", &like).exits(0);
            let after = places(&work, "out");
            let moved = before
                .iter()
                .filter(|(image, split)| after[*image] != **split);
            assert_eq!((moved.count(), after.len()), (0, 18), "{call:?} {old}");
        }
    }
}

#[test]
fn a_coco_file_names_its_images_itself() {
    let work = Workdir::new();
    set(&work, 14);
    reformat(&work, "coco", &SHARES).exits(0);
    let before = places(&work, "out");
    // As sets of before were written.
    std::fs::remove_file(work.path("out/image-splits.csv")).unwrap();
    std::fs::rename(work.path("out"), work.path("old")).unwrap();
    let like = ["--split-like", "old", "--group-by", "page"];
    reformat(&work, "csv", &like).exits(0);
    assert_eq!(places(&work, "out"), before);
    let file = "old/annotations/instances_test.json";
    let like = [
        "--split-like",
        file,
        "--group-by",
        "page",
        SHARES[0],
        SHARES[1],
    ];
    reformat(&work, "csv", &like).exits(0);
    let after = places(&work, "out");
    let mut tested = before.iter().filter(|(_, split)| *split == "test");
    assert!(tested.all(|(image, _)| after[image] == "test"));
}

#[test]
fn an_earlier_set_that_does_not_fit_is_told() {
    let work = Workdir::new();
    set(&work, 6);
    work.write("t.csv", "image,split\np1.png,train\np2.png,test\n");
    let with = |table: &'static str| {
        let call = ["--split-like", table, SHARES[0], SHARES[1]];
        reformat(&work, "csv", &call)
    };
    with("t.csv").exits(0).says(&[
        "--split-like t.csv names no image and no group of this set",
        "it names `p1.png`",
    ]);
    work.write(
        "t.csv",
        "image,group,split\nu0,g0,train\nu0,g0,test\nu2,g1,val\n",
    );
    with("t.csv").exits(0).says(&[
        "images with several splits in t.csv, of which the last counts: 1 (`u0`)",
        "groups with several splits in t.csv",
        "1 (`g0`)",
    ]);
    work.write("t.csv", "image,group,split\nx0,g0,train\n");
    with("t.csv")
        .exits(0)
        .says(&["names no image of this set, of which 2 images are kept"]);
}

#[test]
fn equal_files_in_different_splits_are_told_and_not_called_joined() {
    let work = Workdir::new();
    let boxes = || vec![boxed("b", "a", [0.0, 0.0, 5.0, 5.0])];
    let images = ["train", "test"].map(|split| {
        let mut image = image(split, split, [40, 20], boxes());
        image["metadata"] = json!({ "Set": [split] });
        image
    });
    let picture = picture(40, 20, 1, ImageFormat::Png);
    let files = [
        ("train", "a.png", picture.clone()),
        ("test", "b.png", picture),
    ];
    lay_out(&work, &images, &files);
    let ran = reformat(&work, "csv", &["--split-by", "Set"]);
    ran.exits(0).says(&[
        "equal files in different splits",
        "1 (a.png in train, b.png in test)",
    ]);
    assert!(
        !ran.stderr().contains("same split for all"),
        "{}",
        ran.stderr()
    );
    // What has no place of its own follows its equal.
    let mut free = images.clone();
    free[1]["metadata"] = json!({});
    lay_out(&work, &free, &files);
    let ran = reformat(
        &work,
        "csv",
        &["--split-by", "Set", "--split", "train=0.5,test=0.5"],
    );
    ran.exits(0)
        .says(&["1 group shares files with other groups: same split"]);
    assert!(!ran.stderr().contains("equal files"), "{}", ran.stderr());
}

#[test]
fn every_image_is_in_a_row_of_rights_and_every_input_has_its_hash() {
    let work = Workdir::new();
    set(&work, 6);
    let mut document = work.json("localizations.json");
    for at in [1, 4] {
        document["images"][at]["source"] =
            json!({ "kind": "iiif", "manifest": format!("https://x.example/m{at}") });
    }
    work.write_json("localizations.json", &document);
    reformat(&work, "coco", &[]).exits(0);
    let about = work.json("out/dataset.json");
    let sources = about["sources"].as_array().unwrap();
    let n = |key: &str| -> Vec<u64> {
        sources
            .iter()
            .map(|row| row[key].as_u64().unwrap())
            .collect()
    };
    assert_eq!((n("images"), n("manifest_count")), (vec![2, 4], vec![2, 3]));
    assert_eq!(sources[0].get("rights"), None);
    let card = work.text("out/README.md");
    let hash = about["inputs"][0]["sha256"].as_str().unwrap();
    for wanted in [
        "| not said | not said | 2 | 2 |",
        "| CC0, \"all\" | not said | 4 | 3 |",
        "- https://x.example/m4\n",
        &format!("| localizations.json | `{hash}` |"),
    ] {
        assert!(card.contains(wanted), "{wanted}: {card}");
    }
    let coco = work.json("out/annotations/instances_default.json");
    let known = [json!(1), Value::Null];
    let images = coco["images"].as_array().unwrap().iter();
    assert!(
        images
            .clone()
            .all(|image| known.contains(&image["license"]))
    );
    assert_eq!(
        images
            .filter(|image| image.get("license").is_none())
            .count(),
        2
    );
    reformat(&work, "csv", &["--tiles", "32"]).exits(2);
    reformat(&work, "coco", &["--tiles", "32"]).exits(0);
    let tiled = work.json("out/dataset.json");
    assert_eq!(tiled["sources"], about["sources"]);
}

#[test]
fn secrets_of_addresses_do_not_reach_a_set() {
    let work = Workdir::new();
    let url = "https://user:pw1234@x.example/a.jpg?token=SECRET&page=1";
    let mut image = image(
        url,
        url,
        [40, 20],
        vec![boxed("b", "a", [0.0, 0.0, 5.0, 5.0])],
    );
    image["image"]["url"] = url.into();
    image["source"]["manifest"] = url.into();
    let picture = picture(40, 20, 1, ImageFormat::Png);
    lay_out(&work, &[image], &[(url, "a.png", picture)]);
    let formats = super::formats();
    for format in formats {
        let split = ["--split", "train=1", "--no-val"];
        reformat(&work, format, &split).exits(0);
        for (path, bytes) in work.tree("out") {
            let text = String::from_utf8_lossy(&bytes);
            assert!(
                !text.contains("SECRET") && !text.contains("pw1234"),
                "{format}: {path}"
            );
        }
    }
    // The image is found again all the same.
    reformat(&work, "csv", &["--split", "train=1"]).exits(0);
    std::fs::rename(work.path("out"), work.path("old")).unwrap();
    let ran = reformat(&work, "csv", &["--split-like", "old"]);
    ran.exits(0);
    assert!(!ran.stderr().contains("names no image"), "{}", ran.stderr());
}

#[test]
fn one_coco_file_leads_to_the_whole_set_if_that_names_it() {
    for [formats, folder] in [["coco", "old"], ["coco,csv", "old/coco"]] {
        let work = Workdir::new();
        set(&work, 14);
        let call = ["localizations.json", "-f", formats, "-o", "old"];
        let call = [&call[..], &SHARES].concat();
        work.run("reformat", &call).exits(0);
        let before = places(&work, "old");
        set(&work, 18);
        let file = |name: &str| format!("{folder}/annotations/{name}.json");
        let like = |file: &str, more: &[&str]| {
            let like = ["--split-like", file, "--group-by", "page"];
            reformat(&work, "csv", &[&like[..], more].concat())
        };
        for split in ["train", "val", "test"] {
            let file = file(&format!("instances_{split}"));
            like(&file, &[])
                .exits(0)
                .says(&[&file, "one file of a set whose dataset.json names it"]);
            let after = places(&work, "out");
            let moved = before.iter().filter(|(id, split)| after[*id] != **split);
            assert_eq!((moved.count(), after.len()), (0, 18), "{file}");
        }
        // A copy that no dataset.json names is one split.
        let copy = file("other");
        std::fs::copy(work.path(&file("instances_test")), work.path(&copy)).unwrap();
        like(&copy, &[]).exits(0).says(&[
            "names only the split `test`, so that all without another place are in it; the folder of the earlier set names all",
        ]);
        like(&copy, &SHARES).exits(0).says(&[
            "names nothing of `train` and `val`: what was in it may be in another split now; the folder of the earlier set names all",
        ]);
    }
}

#[test]
fn where_old_groups_are_divided_what_is_new_meets_the_shares_of_the_whole_set() {
    const N: usize = 141;
    const NAMES: [&str; 3] = ["train", "val", "test"];
    // The places of 100 images, and the number of their groups now. Then 40 in groups of two, and one more in an old group.
    let cases = [
        ([80, 10, 10], 100),
        ([80, 10, 10], 10),
        ([80, 10, 10], 1),
        ([66, 17, 17], 5),
        ([40, 40, 20], 4),
    ];
    for (old, groups) in cases {
        let place = |i: usize| NAMES[usize::from(i >= old[0]) + usize::from(i >= old[0] + old[1])];
        let group = |i: usize| match i {
            0..100 => format!("m{}", i % groups),
            140 => "m0".to_owned(),
            _ => format!("n{}", i / 2),
        };
        let names: Vec<[String; 2]> = (0..N)
            .map(|i| [format!("u{i}"), format!("i/{i}.png")])
            .collect();
        let images = names.iter().enumerate().map(|(i, [id, _])| {
            let boxes = vec![boxed("b", "a", [0.0, 0.0, 5.0, 5.0])];
            image(id, &group(i), [40, 20], boxes)
        });
        let files = names.iter().zip(1..).map(|([id, file], seed)| {
            let picture = picture(40, 20, seed, ImageFormat::Png);
            (id.as_str(), file.as_str(), picture)
        });
        let work = Workdir::new();
        lay_out(
            &work,
            &images.collect::<Vec<_>>(),
            &files.collect::<Vec<_>>(),
        );
        let rows: String = (0..100).map(|i| format!("u{i},{}\n", place(i))).collect();
        work.write("t.csv", format!("image,split\n{rows}"));
        let call = "--split-like t.csv --split train=0.8,val=0.1,test=0.1 --stratify class";
        let call: Vec<&str> = call.split(' ').collect();
        for call in [&call[..4], &call] {
            reformat(&work, "csv", call).exits(0);
            let after = places(&work, "out");
            assert!((0..100).all(|i| after[&format!("u{i}")] == place(i)));
            // Most of its group are there.
            assert_eq!(after["u140"], "train", "{old:?} {groups}");
            let wanted = [0.8, 0.1, 0.1].map(|share| share * N as f64);
            let beyond = |held: [usize; 3]| -> f64 {
                let splits = held.iter().zip(wanted);
                splits
                    .map(|(n, wanted)| (*n as f64 - wanted).max(0.0))
                    .sum()
            };
            let held = NAMES.map(|name| after.values().filter(|split| *split == name).count());
            let most = beyond(old) + 0.02 * N as f64 + 1e-6;
            assert!(beyond(held) <= most, "{old:?} {groups} {call:?}: {held:?}");
        }
    }
}
