//! Attributes of boxes: every format keeps them, or says that it does not.

use image::ImageFormat;
use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use recto_testkit::readers::{elements, parquet_rows, tar_files};
use serde_json::{Value, json};

use super::formats;

/// What is said of the first of two boxes, besides its text and whether it is hard to see.
fn said() -> Value {
    json!({ "observer": "Ann <Reader> & Co", "depth": 3.5, "seen": ["left", "above"], "checked": true,
        "part": { "of": 1 } })
}

/// An image on a canvas with a line that has attributes, and a box without any.
fn observed() -> Workdir {
    let mut line = boxed("b", "a", [10.0, 10.0, 50.0, 20.0]);
    line["attributes"] = said();
    line["attributes"]["text"] = "alef".into();
    line["attributes"]["difficult"] = 1.into();
    let bare = boxed("c", "a", [1.0, 2.0, 3.0, 4.0]);
    let mut one = image("u1", "g", [100, 50], vec![line, bare]);
    one["source"]["canvas"] = "https://example.org/canvas/1".into();
    let work = Workdir::new();
    let png = picture(100, 50, 1, ImageFormat::Png);
    lay_out(&work, &[one], &[("u1", "a.png", png)]);
    work
}

#[test]
fn every_format_keeps_attributes_of_boxes_or_says_that_it_does_not() {
    let work = observed();
    let mut without_boxes = 0;
    for format in formats() {
        let ran = reformat(&work, format, &["--no-val"]);
        ran.exits(0);
        let note = format!("{format}: 1 box has further attributes, which are left out");
        let is_told = ran.stderr().contains(&note);
        let is_kept = match format {
            // Compressed.
            "parquet" => {
                let rows = parquet_rows(work.read("out/data/train-00000-of-00001.parquet"));
                rows[0].to_string().contains("Ann <Reader>")
            }
            _ => work.tree("out").values().any(|bytes| {
                let text = String::from_utf8_lossy(bytes);
                text.contains("Ann <Reader>") || text.contains("Ann &lt;Reader&gt;")
            }),
        };
        match format {
            "vgg" | "counts" | "sheet" | "report" => without_boxes += 1,
            _ => assert_ne!(is_kept, is_told, "{format}: {}", ran.stderr()),
        }
    }
    assert_eq!(without_boxes, 4);
}

#[test]
fn attributes_come_back_as_they_were() {
    let work = observed();
    let texts = json!({ "observer": "Ann <Reader> & Co", "depth": "3.5", "seen": "left | above", "checked": "true",
        "part": "{\"of\":1}" });
    // Format and source, its file, what is read.
    let cases = [
        ("coco", "out/annotations/instances_default.json", said()),
        ("labelstudio", "out/tasks.json", said()),
        ("voc", "out/VOCdevkit/VOC2012/Annotations", texts),
        ("iiif", "out/annotations/a.json", said()),
    ];
    for (format, file, wanted) in cases {
        reformat(&work, format, &[]).exits(0);
        let mut call = vec![format, file, "-o", "digest.json"];
        if format != "iiif" {
            call.extend(["--images", "image_map.json"]);
        }
        work.run("digest", &call).exits(0);
        let found = &work.json("digest.json")["observations"][0]["annotations"];
        let [line, bare] = [0, 1].map(|n| &found[n]["attributes"]);
        for (name, value) in wanted.as_object().unwrap() {
            assert_eq!(line[name], *value, "{format} {name}: {found}");
            assert!(bare.get(name).is_none(), "{format} {name}: {found}");
        }
    }
}

/// Rows of a set have one type, whatever is said of single boxes.
#[test]
fn attributes_are_an_object_as_text_for_each_box() {
    let work = observed();
    let is_as_said = |attributes: &Value| {
        let texts: Vec<&str> = attributes
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap())
            .collect();
        let mut wanted = said();
        wanted["difficult"] = 1.into();
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(read(texts[0]), wanted);
        assert_eq!(texts[1..], ["{}"]);
    };
    reformat(&work, "hf", &[]).exits(0);
    let row = work.json("out/train/metadata.jsonl");
    is_as_said(&row["objects"]["attributes"]);
    reformat(&work, "webdataset", &[]).exits(0);
    let files = tar_files(&work.read("out/train-000000.tar"));
    let row: Value = serde_json::from_slice(&files[1].1).unwrap();
    is_as_said(&row["objects"]["attributes"]);
    let typed = "- name: attributes\n          sequence:\n            dtype: string\n";
    for format in ["webdataset", "parquet"] {
        reformat(&work, format, &[]).exits(0);
        let readme = work.text("out/README.md");
        let lines: Vec<&str> = readme.lines().map(str::trim).collect();
        let typed: Vec<&str> = typed.lines().map(str::trim).collect();
        assert!(
            lines.windows(3).any(|three| three == typed),
            "{format}: {readme}"
        );
    }
    for (format, table) in [("crops", "out/crops.csv"), ("lines", "out/lines.csv")] {
        reformat(&work, format, &[]).exits(0);
        let cell = &rows(&work, table)[0]["attributes"];
        let found: Value = serde_json::from_str(cell).unwrap();
        assert_eq!(found["seen"], said()["seen"], "{format}");
    }
}

#[test]
fn annotation_tools_get_attributes_as_they_keep_them() {
    let mut line = boxed("b", "a", [10.0, 10.0, 50.0, 20.0]);
    // Names that the tool has for something else, or that are free.
    line["attributes"] = json!({ "uuid": "old", "uuid_": "older", "a & b": 2, "truncated": false, "baseline": [[1, 2], [3, 4]],
        "text": "alef" });
    let bare = boxed("c", "b", [1.0, 2.0, 3.0, 4.0]);
    let work = one([100, 50], [100, 50], vec![line, bare]);
    reformat(&work, "cvat", &[]).exits(0);
    let xml = work.text("out/annotations.xml");
    let declared: Vec<String> = [
        "a",
        "uuid",
        "text",
        "truncated",
        "difficult",
        "group_of",
        "a & b",
        "uuid__",
        "uuid_",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut of_b = declared.clone();
    of_b[0] = "b".into();
    let names: Vec<String> = elements(&xml, "name").split_off(1);
    assert_eq!(names, [declared, of_b].concat(), "{xml}");
    for (line, n) in [
        ("<attribute name=\"uuid\">b</attribute>", 1),
        ("<attribute name=\"uuid__\">old</attribute>", 1),
        ("<attribute name=\"uuid_\">older</attribute>", 1),
        ("<attribute name=\"a &amp; b\">2</attribute>", 1),
        ("<attribute name=\"truncated\">false</attribute>", 2),
        ("<attribute name=\"baseline\"", 0),
    ] {
        assert_eq!(xml.matches(line).count(), n, "{line}\n{xml}");
    }
    reformat(&work, "labelme", &[]).exits(0);
    let shapes = &work.json("out/train/a.json")["shapes"];
    let wanted = json!({ "a & b": 2, "uuid": "old", "uuid_": "older" });
    assert_eq!(shapes[0]["attributes"], wanted);
    assert!(shapes[1].get("attributes").is_none(), "{shapes}");
}

/// An attribute `rotation` of a box that is as it lies on the image must not turn it where it is read.
#[test]
fn a_rotation_that_is_said_of_a_box_turns_it_nowhere() {
    let mut turned = boxed("b", "a", [10.0, 10.0, 50.0, 20.0]);
    turned["attributes"] = json!({ "rotation": 30 });
    let work = one([100, 50], [100, 50], vec![turned]);
    reformat(&work, "voc", &[]).exits(0);
    let call = [
        "voc",
        "out/VOCdevkit/VOC2012/Annotations",
        "--images",
        "image_map.json",
        "-o",
        "digest.json",
    ];
    work.run("digest", &call).exits(0);
    let found = &work.json("digest.json")["observations"][0]["annotations"][0];
    assert_eq!(found["regions"][0]["fragment"], "xywh=10,10,50,20");
    assert_eq!(found["attributes"]["rotation_"], "30");
}
