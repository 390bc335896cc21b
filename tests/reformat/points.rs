//! Lines and points of boxes: on the pixels of the file, in COCO as keypoints, and told where a format leaves them out.

use recto_testkit::dataset::*;
use serde_json::{Value, json};

/// A line of text, a box with points, and a box alone, in a frame of half the size of the file.
fn pointed() -> recto_testkit::Workdir {
    let boxes = vec![
        json!({ "id": "line", "concept": "a", "bbox": [10, 10, 40, 20],
            "attributes": { "baseline": [[10, 25], [30, 25], [50, 25]] } }),
        json!({ "id": "points", "concept": "a", "bbox": [10, 10, 40, 20],
            "attributes": { "keypoints": [12, 13, 2, 0, 0, 0, 20, 21, 1], "num_keypoints": 2 } }),
        boxed("alone", "b", [0.0, 0.0, 5.0, 5.0]),
    ];
    one([100, 50], [200, 100], boxes)
}

fn annotations(more: &[&str]) -> Vec<Value> {
    let work = pointed();
    reformat(&work, "coco", more).exits(0);
    let coco = work.json("out/annotations/instances_default.json");
    coco["annotations"].as_array().unwrap().clone()
}

#[test]
fn lines_and_points_are_on_the_pixels_of_the_file() {
    let found = annotations(&[]);
    assert_eq!(
        (
            &found[0]["attributes"]["baseline"],
            &found[1]["attributes"]["keypoints"]
        ),
        (
            &json!([[20, 50], [60, 50], [100, 50]]),
            &json!([24, 26, 2, 0, 0, 0, 40, 42, 1])
        )
    );
    assert!(found.iter().all(|a| a.get("keypoints").is_none()));
}

#[test]
fn keypoints_are_those_of_the_source_or_places_along_the_line() {
    let cases = [
        (
            "2",
            [
                json!([20, 50, 2, 100, 50, 2]),
                json!([24, 26, 2, 0, 0, 0]),
                json!([0, 0, 0, 0, 0, 0]),
            ],
            [2, 1, 0],
        ),
        (
            "3",
            [
                json!([20, 50, 2, 60, 50, 2, 100, 50, 2]),
                json!([24, 26, 2, 0, 0, 0, 40, 42, 1]),
                json!([0, 0, 0, 0, 0, 0, 0, 0, 0]),
            ],
            [3, 2, 0],
        ),
    ];
    for (count, points, numbers) in cases {
        let found = annotations(&["--keypoints", count]);
        for ((annotation, points), number) in found.iter().zip(points).zip(numbers) {
            assert_eq!(annotation["keypoints"], points, "{count}");
            assert_eq!(annotation["num_keypoints"], number, "{count}");
        }
        assert_eq!(found[1].get("attributes"), None);
    }
    let work = pointed();
    reformat(&work, "coco", &["--keypoints", "2"])
        .exits(0)
        .says(&["1 point of boxes with more than --keypoints 2 left out"]);
    let coco = work.json("out/annotations/instances_default.json");
    assert_eq!(coco["categories"][0]["keypoints"], json!(["1", "2"]));
    reformat(&work, "coco", &["--keypoints", "0"]).exits(2);
}

#[test]
fn formats_without_lines_and_points_say_so() {
    let work = pointed();
    for format in ["voc", "tf", "yolo", "hf"] {
        reformat(&work, format, &["--no-val"]).exits(0).says(&[
            format,
            "2 boxes have a line or points, which are left out",
            "--keypoints N",
        ]);
    }
    let plain = one(
        [100, 50],
        [100, 50],
        vec![boxed("b", "a", [0.0, 0.0, 5.0, 5.0])],
    );
    let said = reformat(&plain, "voc", &[]).exits(0).stderr();
    assert!(!said.contains("line or points"), "{said}");
}

#[test]
fn points_are_read_as_others_write_them_and_what_is_none_is_told() {
    let points = |id: &str, keypoints: Value| json!({ "id": id, "concept": "a", "bbox": [10, 10, 40, 20], "attributes": { "keypoints": keypoints } });
    let boxes = vec![
        points("text", json!("[12, 13, 2]")),
        points("pairs", json!([[12, 13]])),
        points("seven", json!([1, 2, 2, 3, 4, 5, 6])),
    ];
    let work = one([100, 50], [200, 100], boxes);
    reformat(&work, "coco", &["--keypoints", "1"])
        .exits(0)
        .says(&["left as they are: 1 (u1, box seven: keypoints)"]);
    let coco = work.json("out/annotations/instances_default.json");
    let found: Vec<&Value> = (0..3)
        .map(|n| &coco["annotations"][n]["keypoints"])
        .collect();
    assert_eq!(
        found,
        [&json!([24, 26, 2]), &json!([24, 26, 2]), &json!([0, 0, 0])]
    );
}

/// Who gets the set reads it too.
#[test]
fn what_is_left_out_stands_on_the_card() {
    let work = pointed();
    reformat(&work, "voc", &[]).exits(0);
    let left_out = "2 boxes have a line or points, which are left out";
    assert!(work.text("out/README.md").contains(left_out));
    assert!(work.text("out/dataset.json").contains(left_out));
}

#[test]
fn formats_without_attributes_of_boxes_say_so() {
    let told = "2 boxes have further attributes, which are left out; -f coco and -f csv write them";
    let boxes = |names: &[&str]| -> Vec<Value> {
        let boxed = |(name, n): (&&str, usize)| json!({ "id": n.to_string(), "concept": "a", "bbox": [10 * n, 0, 5, 5], "attributes": { *name: "x" } });
        names.iter().zip(0..).map(boxed).collect()
    };
    // What has a member, or words of its own, is nothing further.
    let further = one(
        [100, 50],
        [100, 50],
        boxes(&["observer", "depth", "text", "Is Truncated"]),
    );
    let none = one(
        [100, 50],
        [100, 50],
        boxes(&["text", "language", "iscrowd", "difficult"]),
    );
    for format in [
        "coco", "csv", "roboflow", "voc", "yolo", "cvat", "labelme", "hf", "parquet", "tf",
    ] {
        let said = |work| reformat(work, format, &["--no-val"]).exits(0).stderr();
        let is_told = said(&further).contains(told);
        assert_eq!(is_told, format == "yolo", "{format}");
        assert!(!said(&none).contains("further attributes"), "{format}");
    }
}
