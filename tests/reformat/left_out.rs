//! What a format has no place for, and what is not on a tile: kept where it can be, else told, and never said to be what it is not.

use image::ImageFormat;
use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use recto_testkit::readers::{elements, parquet_rows, tar_files};
use serde_json::{Value, json};

use super::formats;

/// As many images as there are lists of boxes, each of 60 x 40 pixels and in a group of its own.
fn images(boxes: Vec<Vec<Value>>, change: impl Fn(usize, &mut Value)) -> Workdir {
    let work = Workdir::new();
    let all = boxes.into_iter().enumerate();
    let all: Vec<Value> = all
        .map(|(n, boxes)| {
            let mut one = image(&format!("u{n}"), &format!("g{n}"), [60, 40], boxes);
            change(n, &mut one);
            one
        })
        .collect();
    let names: Vec<[String; 2]> = (0..all.len())
        .map(|n| [format!("u{n}"), format!("{n}.png")])
        .collect();
    let files: Vec<(&str, &str, Vec<u8>)> = names
        .iter()
        .zip(1..)
        .map(|([id, file], seed)| {
            let png = picture(60, 40, seed, ImageFormat::Png);
            (id.as_str(), file.as_str(), png)
        })
        .collect();
    lay_out(&work, &all, &files);
    work
}

fn with(bbox: [f64; 4], attributes: Value) -> Value {
    let mut labelled = boxed("b", "a", bbox);
    labelled["attributes"] = attributes;
    labelled
}

const BOX: [f64; 4] = [10.0, 10.0, 30.0, 20.0];

#[test]
fn labels_of_images_with_boxes_are_kept_or_told() {
    let boxes = || vec![with(BOX, json!({ "text": "alef" }))];
    let work = images(vec![boxes(), boxes()], |n, image| {
        image["source"]["canvas"] = format!("https://example.org/canvas/{n}").into();
        if n == 0 {
            image["labels"] = json!(["night & fog"]);
        }
    });
    let mut without = 0;
    for format in formats() {
        let ran = reformat(&work, format, &["--no-val"]);
        ran.exits(0);
        let note = format!("{format}: 1 image has labels as a whole, which are left out");
        let is_told = ran.stderr().contains(&note);
        let is_kept = match format {
            // Compressed.
            "parquet" => {
                let rows = parquet_rows(work.read("out/data/train-00000-of-00001.parquet"));
                rows[0].to_string().contains("night & fog")
            }
            _ => work.tree("out").values().any(|bytes| {
                let text = String::from_utf8_lossy(bytes);
                text.contains("night & fog") || text.contains("night &amp; fog")
            }),
        };
        match format {
            "counts" | "sheet" | "report" => without += 1,
            _ => assert_ne!(is_kept, is_told, "{format}: {}", ran.stderr()),
        }
    }
    assert_eq!(without, 3);
    reformat(&work, "webdataset", &[]).exits(0);
    let files = tar_files(&work.read("out/train-000000.tar"));
    let labels = [1, 3].map(|n| {
        let row: Value = serde_json::from_slice(&files[n].1).unwrap();
        row["labels"].clone()
    });
    assert_eq!(labels, [json!(["night & fog"]), json!([])]);
}

/// CVAT refuses labels that are not declared.
#[test]
fn labels_of_images_are_tags_that_cvat_knows() {
    let work = images(vec![vec![boxed("b", "a", BOX)]], |_, image| {
        image["labels"] = json!(["night", "a"]);
    });
    reformat(&work, "cvat", &[]).exits(0);
    let xml = work.text("out/annotations.xml");
    let tag = |label: &str| format!("<tag label=\"{label}\" source=\"manual\"></tag>");
    assert!(
        xml.contains(&tag("night")) && xml.contains(&tag("a")),
        "{xml}"
    );
    for name in ["night", "a"] {
        let declared = format!("<label>\n          <name>{name}</name>");
        assert_eq!(xml.matches(&declared).count(), 1, "{name}: {xml}");
    }
}

/// `datasets` reads JSON by way of Arrow, which makes times of a column of dates.
#[test]
fn texts_that_are_dates_stay_texts_for_datasets() {
    let cases = [
        // group, text, both as they are written
        ("2019-08-01", "abc", "2019-08-01 ", "abc"),
        ("g", "1885-01-02T12:00", "g", "1885-01-02T12:00 "),
        ("dive 7", "1885", "dive 7", "1885"),
    ];
    for (group, text, written_group, written_text) in cases {
        let boxes = vec![vec![with(BOX, json!({ "text": text }))]];
        let work = images(boxes, |_, image| image["group"] = group.into());
        let ran = reformat(&work, "hf", &[]);
        ran.exits(0);
        let row = work.json("out/train/metadata.jsonl");
        assert_eq!(row["group"], written_group);
        assert_eq!(row["objects"]["text"][0], written_text);
        let is_told = ran
            .stderr()
            .contains("hf: 1 text is a date, written with a blank at the end");
        assert_eq!(is_told, (group, text) != (written_group, written_text));
        reformat(&work, "webdataset", &[]).exits(0);
        let files = tar_files(&work.read("out/train-000000.tar"));
        let row: Value = serde_json::from_slice(&files[1].1).unwrap();
        assert_eq!(
            (&row["group"], &row["objects"]["text"][0]),
            (&json!(group), &json!(text))
        );
    }
}

#[test]
fn lists_of_voc_say_where_all_objects_of_a_class_are_difficult() {
    let hard = || with(BOX, json!({ "difficult": true }));
    let crowd = || with(BOX, json!({ "iscrowd": 1 }));
    let easy = || with([0.0, 0.0, 9.0, 9.0], json!({ "text": "alef" }));
    let boxes = vec![vec![hard()], vec![hard(), easy()], vec![], vec![crowd()]];
    let work = images(boxes, |_, _| {});
    let ran = reformat(&work, "voc", &[]);
    ran.exits(0);
    let root = "out/VOCdevkit/VOC2012";
    for list in ["train", "trainval"] {
        let found = work.text(&format!("{root}/ImageSets/Main/a_{list}.txt"));
        assert_eq!(found, "0  0\n1  1\n2 -1\n3  0\n", "{list}");
    }
    let xml = work.text(&format!("{root}/Annotations/1.xml"));
    assert_eq!(elements(&xml, "text"), ["alef"]);
    assert!(!ran.stderr().contains("text left out"), "{}", ran.stderr());
}

#[test]
fn flags_are_set_by_what_says_yes_and_by_nothing_else() {
    let cases = [
        // value, whether the flag is set, whether it is told
        (json!(-1), 0, false),
        (json!("-1"), 0, false),
        (json!("1.0"), 1, false),
        (json!(1.0), 1, false),
        (json!("0.0"), 0, false),
        (json!("True"), 1, false),
        (json!("nan"), 0, false),
        (json!(2), 0, true),
        (json!(0.4), 0, true),
        (json!("partly"), 0, true),
    ];
    for (value, wanted, is_told) in cases {
        let work = images(
            vec![vec![with(BOX, json!({ "IsGroupOf": value }))]],
            |_, _| {},
        );
        let ran = reformat(&work, "coco", &[]);
        ran.exits(0);
        let coco = work.json("out/annotations/instances_default.json");
        assert_eq!(coco["annotations"][0]["iscrowd"], wanted, "{value}");
        let note = "written as not said: 1 (u0, box b: IsGroupOf)";
        assert_eq!(
            ran.stderr().contains(note),
            is_told,
            "{value}: {}",
            ran.stderr()
        );
    }
}

#[test]
fn a_tile_of_boxes_that_are_too_small_is_no_negative() {
    // Tiles at 0, 64, 128 and 192: a box that is left out, one that stays, both, none.
    let boxes = || {
        vec![
            boxed("1", "a", [10.0, 10.0, 4.0, 4.0]),
            boxed("2", "a", [70.0, 10.0, 30.0, 30.0]),
            boxed("3", "a", [140.0, 10.0, 4.0, 4.0]),
            boxed("4", "b", [150.0, 30.0, 20.0, 20.0]),
        ]
    };
    let work = one([256, 64], [256, 64], boxes());
    let names = |more: &[&str], says: &[&str]| -> Vec<String> {
        let call = [&["--tiles", "64"], more].concat();
        reformat(&work, "coco", &call).exits(0).says(says);
        let table = rows(&work, "out/tiles.csv");
        table.iter().map(|row| row["x"].clone()).collect()
    };
    assert_eq!(names(&[], &[]), ["0", "64", "128", "192"]);
    let says = ["1 tile is left out, since only boxes below --min-box are on it"];
    let found = names(&["--min-box", "8"], &says);
    assert_eq!(found, ["64", "128", "192"]);
    // A class that is left out: the tile is a negative, as an image would be.
    let says = [
        "classes left out by --min-count: 1 (`b`, 1)",
        "1 tile is written without boxes: all of theirs are of these classes",
    ];
    let rare = vec![
        boxes().remove(1),
        boxed("5", "a", [0.0, 0.0, 20.0, 20.0]),
        boxes().remove(3),
    ];
    let work = one([256, 64], [256, 64], rare);
    reformat(&work, "coco", &["--tiles", "64", "--min-count", "2"])
        .exits(0)
        .says(&says);
}

#[test]
fn a_thin_box_on_the_image_is_not_called_outside() {
    let cases = [
        (
            [20.0, 10.0, 0.006, 20.0],
            "box is thinner than a hundredth of a pixel",
        ),
        (
            [20.0, 10.0, 20.0, 0.001],
            "box is thinner than a hundredth of a pixel",
        ),
        ([70.0, 10.0, 0.001, 20.0], "box is outside the image"),
        ([-9.0, 10.0, 9.0, 20.0], "box is outside the image"),
        (
            [-9.0, 10.0, 9.004, 20.0],
            "less than a hundredth of a pixel of the box is on the image",
        ),
    ];
    for (bbox, problem) in cases {
        let work = images(vec![vec![boxed("b", "a", bbox)]], |_, _| {});
        reformat(&work, "coco", &[]).exits(3);
        let reject = &rows(&work, "out/rejects.csv")[0]["problem"];
        assert!(
            reject.starts_with(&format!("{problem}: ")),
            "{bbox:?}: {reject}"
        );
    }
}

#[test]
fn characters_that_nothing_for_training_has_are_told() {
    let line = |text: &str| vec![with(BOX, json!({ "text": text, "granularity": "line" }))];
    let boxes = vec![line("ab c"), line("ab\u{5d0}"), line("bz")];
    let work = images(boxes, |n, image| {
        let set = ["train", "val", "test"][n];
        image["metadata"]["set"] = json!([set]);
    });
    let ran = reformat(&work, "lines", &["--split-by", "set"]);
    let first = "lines: characters in no line of train, which cannot be learnt: 2 (`z` (U+007A) in test; `\u{5d0}` (U+05D0) in val)";
    ran.exits(0).says(&[first]);
    // The blank is added by PaddleOCR.
    assert_eq!(work.text("out/characters.txt"), "a\nb\nc\nz\n\u{5d0}\n");
    let ran = reformat(&work, "lines", &[]);
    assert!(
        !ran.stderr().contains("cannot be learnt"),
        "{}",
        ran.stderr()
    );
}

#[test]
fn points_that_nobody_marked_have_no_place() {
    let points = json!({ "keypoints": [12, 13, 0, 20, 21, 1, 30, 31, 2] });
    let work = images(vec![vec![with(BOX, points)]], |_, _| {});
    reformat(&work, "coco", &["--keypoints", "3"]).exits(0);
    let coco = work.json("out/annotations/instances_default.json");
    let found = &coco["annotations"][0];
    assert_eq!(found["keypoints"], json!([0, 0, 0, 20, 21, 1, 30, 31, 2]));
    assert_eq!(found["num_keypoints"], 2);
}

#[test]
fn names_that_differ_by_a_dash_a_quote_or_a_script_are_told() {
    let cases = [
        ("sea star", "sea_star", "`sea star` and `sea_star`"),
        (
            "sea-star",
            "sea\u{2013}star",
            "`sea-star` and `sea\\u{2013}star`",
        ),
        ("o'k", "o\u{2019}k", "`o'k` and `o\\u{2019}k`"),
        ("aleph", "\u{430}leph", "`aleph` and `\\u{430}leph`"),
        ("Ox", "\u{39f}x", "`Ox` and `\\u{39f}x`"),
    ];
    for (a, b, wanted) in cases {
        let boxes = vec![vec![boxed("1", a, BOX), boxed("2", b, BOX)]];
        let work = images(boxes, |_, _| {});
        let what = "class names that look alike and are separate classes: 1";
        reformat(&work, "csv", &[]).exits(0).says(&[what, wanted]);
    }
}
