//! Label Studio: tasks with annotations and predictions, in percent.

use recto_testkit::Workdir;
use serde_json::{Value, json};

use super::{annotations, boxes, digest, observations, rejects};

fn task(annotations: Value) -> Value {
    json!({"id": 1, "data": {"image": "/data/upload/3/0123abcd-a.jpg", "page": 3}, "annotations": annotations})
}

/// A result on an image of 200 × 100.
fn result(kind: &str, value: Value) -> Value {
    json!({"id": "r", "type": kind, "from_name": "x", "value": value, "original_width": 200, "original_height": 100})
}

fn rectangle(changes: Value) -> Value {
    let mut value = json!({"x": 10, "y": 20, "width": 25, "height": 50, "rotation": 0, "rectanglelabels": ["fish"]});
    for (key, changed) in changes.as_object().unwrap() {
        value[key] = changed.clone();
    }
    result("rectanglelabels", value)
}

fn read(tasks: Value) -> Workdir {
    let work = Workdir::new();
    work.write_json("t.json", &tasks);
    digest(&work, &["labelstudio", "t.json"]);
    work
}

#[test]
fn results_are_boxes_or_rejects() {
    let turned_image = |degrees: u32| {
        let mut result = rectangle(json!({}));
        result["image_rotation"] = degrees.into();
        result
    };
    let cases = [
        (rectangle(json!({})), "fish xywh=20,20,50,50"),
        (rectangle(json!({"rotation": 90})), "fish xywh=-30,20,50,50"),
        (rectangle(json!({"x": "10"})), "fish xywh=20,20,50,50"),
        (
            result(
                "polygonlabels",
                json!({"points": [[10, 10], [20, 10], [20, 30]], "polygonlabels": ["eel"]}),
            ),
            "eel xywh=20,10,20,20",
        ),
        (
            result(
                "ellipselabels",
                json!({"x": 50, "y": 50, "radiusX": 10, "radiusY": 10, "ellipselabels": ["eel"]}),
            ),
            "eel xywh=80,40,40,20",
        ),
        (turned_image(0), "fish xywh=20,20,50,50"),
        (
            turned_image(90),
            "value image was shown rotated: by 90 degrees",
        ),
        (rectangle(json!({"width": 0})), "value box is empty: 0 x 50"),
        (
            rectangle(json!({"x": null})),
            "value x is not a finite number: null",
        ),
        (
            rectangle(json!({"rectanglelabels": []})),
            "value region does not have a label",
        ),
        (
            result(
                "keypointlabels",
                json!({"x": 1, "y": 1, "keypointlabels": ["eye"]}),
            ),
            "value a point has no extent: keypoint",
        ),
        (
            result(
                "brushlabels",
                json!({"format": "rle", "rle": [0], "brushlabels": ["x"]}),
            ),
            "value mask is not read: brushlabels; export polygons or COCO",
        ),
        (
            result("videorectangle", json!({})),
            "type type of result is not read: videorectangle",
        ),
    ];
    for (given, wanted) in cases {
        let mut other = rectangle(json!({"x": 0, "y": 0}));
        other["id"] = "other".into();
        let work = read(json!([task(json!([{"result": [given.clone(), other]}]))]));
        match wanted.starts_with("value") || wanted.starts_with("type") {
            true => {
                let wanted = format!("[0].annotations[0].result[0] {wanted}");
                assert!(
                    rejects(&work).contains(&wanted),
                    "{given}: {:?}",
                    rejects(&work)
                );
                assert_eq!(boxes(&work).len(), 1, "{given}");
            }
            false => {
                let found = &boxes(&work)[0];
                let numbers = |text: &str| -> Vec<f64> {
                    text.rsplit('=')
                        .next()
                        .unwrap()
                        .split(',')
                        .map(|n| n.parse().unwrap())
                        .collect()
                };
                let close = numbers(found)
                    .iter()
                    .zip(numbers(wanted))
                    .all(|(a, b)| (a - b).abs() < 1e-9);
                assert!(close && found[..4] == wanted[..4], "{given}: {found}");
            }
        }
    }
}

#[test]
fn results_that_are_no_list_say_nothing_about_an_image() {
    for other in [
        json!({"0": rectangle(json!({}))}),
        json!("x"),
        json!(7),
        json!(true),
    ] {
        let beside = json!({"id": 2, "data": {"image": "b.jpg"}, "annotations": [{"result": []}]});
        let work = read(json!([task(json!([{"result": other}])), beside]));
        let problem = "[0].annotations[0] result results are not a list but ";
        let found = rejects(&work);
        let is_told = found.iter().any(|reject| reject.starts_with(problem));
        assert!(is_told, "{other}: {found:?}");
        let seen = observations(&work);
        let is_marked = |o: &&Value| o.get("rejected").is_some();
        assert_eq!(
            seen.iter().filter(is_marked).count(),
            1,
            "{other}: {seen:?}"
        );
    }
}

#[test]
fn results_with_one_id_are_one_region() {
    let shape = result(
        "rectangle",
        json!({"x": 10, "y": 20, "width": 25, "height": 50}),
    );
    let labels = result(
        "labels",
        json!({"x": 10, "y": 20, "width": 25, "height": 50, "labels": ["line", "red"]}),
    );
    let text = result(
        "textarea",
        json!({"x": 10, "y": 20, "width": 25, "height": 50, "text": ["in the", "beginning"]}),
    );
    let page =
        json!({"id": "p", "type": "choices", "from_name": "kind", "value": {"choices": ["recto"]}});
    let work = read(json!([task(
        json!([{"completed_by": {"email": "a@x.example"}, "result": [shape, labels, text, page]}])
    )]));
    let found = annotations(&work);
    let wanted =
        json!({"annotator": "a@x.example", "labels": ["line", "red"], "text": "in the\nbeginning"});
    assert_eq!(found[1]["attributes"], wanted);
    assert_eq!(boxes(&work), ["recto whole", "line xywh=20,20,50,50"]);
    let seen = &observations(&work)[0];
    assert_eq!(seen["image"]["names"], json!(["a.jpg"]));
    assert_eq!(seen["metadata"], json!({"page": ["3"]}));
}

#[test]
fn predictions_have_a_confidence_and_are_told_apart() {
    let mut scored = rectangle(json!({}));
    scored["score"] = json!(0.75);
    let mut task = task(
        json!([{"result": [rectangle(json!({}))]}, {"was_cancelled": true, "result": [rectangle(json!({}))]}]),
    );
    task["predictions"] = json!([{"model_version": "m1", "score": 0.5, "result": [scored]}]);
    let work = Workdir::new();
    work.write_json("t.json", &json!([task, "x", {"data": {}}]));
    digest(&work, &["labelstudio", "t.json"])
        .exits(3)
        .says(&["1 task has annotations and predictions: --where 'box.predicted!=true' keeps annotations alone"]);
    let wanted = json!({"confidence": 0.75, "model_version": "m1", "predicted": true});
    assert_eq!(annotations(&work)[1]["attributes"], wanted);
    let wanted = [
        "[0].annotations[1] was_cancelled annotation was cancelled by its author",
        "[1] task record is not an object: \"x\"",
        "[2] data task does not have an image",
    ];
    assert_eq!(rejects(&work), wanted);
    digest(
        &work,
        &["labelstudio", "t.json", "--where", "box.predicted!=true"],
    )
    .exits(3);
    assert_eq!(annotations(&work).len(), 1);
}

#[test]
fn the_short_form_is_read_too() {
    let tasks = json!([{"id": 1, "image": "https://x.example/a.jpg", "label": [
        {"x": 10, "y": 20, "width": 25, "height": 50, "rotation": 0, "rectanglelabels": ["fish"], "original_width": 200, "original_height": 100},
        {"points": [[10, 10], [20, 10], [20, 30]], "polygonlabels": ["eel"], "original_width": 200, "original_height": 100}]}]);
    let work = read(tasks);
    assert_eq!(
        boxes(&work),
        ["fish xywh=20,20,50,50", "eel xywh=20,10,20,20"]
    );
    assert_eq!(
        observations(&work)[0]["image"]["url"],
        "https://x.example/a.jpg"
    );
}

#[test]
fn what_the_short_form_says_in_several_members_is_of_one_region() {
    let at = |x: u8, more: Value| {
        let mut item = json!({"x": x, "y": 20, "width": 25, "height": 50, "rotation": 0, "original_width": 200, "original_height": 100});
        item.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        item
    };
    let work = read(json!([{"id": 1, "image": "https://x.example/a.jpg",
        "bbox": [at(10, json!({})), at(50, json!({}))],
        "label": [at(10, json!({"labels": ["Text"]})), at(50, json!({"labels": ["Handwriting"]}))],
        "transcription": ["one", "two"], "choice": "page", "rating": 4,
        "quality": {"choices": ["good", "sharp"]}, "stars": [{"rating": 5}], "annotator": 1}]));
    assert_eq!(
        boxes(&work),
        [
            "page whole",
            "good whole",
            "sharp whole",
            "Text xywh=20,20,50,50",
            "Handwriting xywh=100,20,50,50"
        ]
    );
    let all = annotations(&work);
    let texts: Vec<&Value> = all
        .iter()
        .map(|a| &a["attributes"]["text"])
        .filter(|text| !text.is_null())
        .collect();
    assert_eq!(texts, ["one", "two"]);
    let image = &observations(&work)[0];
    assert_eq!(image["metadata"]["rating"], json!(["4"]));
    let lost = rejects(&work);
    assert_eq!(lost.len(), 1, "{lost:?}");
    // Of which region a text is, is not known.
    let work = read(
        json!([{"image": "https://x.example/a.jpg", "transcription": ["one"],
        "label": [at(10, json!({"labels": ["a"]})), at(50, json!({"labels": ["b"]}))]}]),
    );
    assert_eq!((boxes(&work).len(), rejects(&work).len()), (2, 1));
}

#[test]
fn a_task_that_nobody_annotated_is_no_image_without_boxes() {
    let draft = json!([{"result": [rectangle(json!({}))]}]);
    let mut drafted = task(json!([]));
    drafted["drafts"] = draft;
    let empty = task(json!([{"result": []}]));
    let work = read(json!([task(json!([])), drafted, empty]));
    assert_eq!(observations(&work).len(), 1);
    let lost = rejects(&work);
    assert_eq!(lost.len(), 3, "{lost:?}");
}

/// Who skips a task does not say that there is nothing on the image, and what cannot be read may be anything.
#[test]
fn a_skipped_task_is_no_image_without_boxes() {
    let drawn = || rectangle(json!({}));
    let relation = json!([{"type": "relation", "from_id": "r", "to_id": "s"}]);
    let skipped = |results: Value| json!({"was_cancelled": true, "result": results});
    // Annotations; images that are kept, boxes, and the reason why the image is left out.
    let unused = "nothing that is said of the image can be used";
    let cases = [
        (json!([skipped(json!([]))]), 0, 0, Some(unused)),
        (json!([skipped(json!([drawn()]))]), 0, 0, Some(unused)),
        (json!([{"result": relation}]), 0, 0, Some(unused)),
        (
            json!([skipped(json!([])), {"result": [drawn()]}]),
            1,
            1,
            None,
        ),
        (json!([skipped(json!([])), {"result": []}]), 1, 0, None),
        (json!([{"was_cancelled": false, "result": []}]), 1, 0, None),
    ];
    for (annotations, images, count, reason) in cases {
        let other = json!({"id": 2, "data": {"image": "b.jpg"}, "annotations": [{"result": []}]});
        let work = read(json!([task(annotations.clone()), other]));
        let seen = observations(&work);
        let is_kept = |o: &&Value| {
            o.get("rejected")
                .is_none_or(|_| o["annotations"] != json!(null))
        };
        assert_eq!(
            seen.iter().filter(is_kept).count(),
            images + 1,
            "{annotations}"
        );
        assert_eq!(boxes(&work).len(), count, "{annotations}");
        let wanted = reason.map(|reason| format!("[0] boxes {reason}"));
        let listed = rejects(&work);
        let listed = listed.iter().find(|line| line.starts_with("[0] boxes"));
        assert_eq!(listed, wanted.as_ref(), "{annotations}");
    }
}

/// A result that cannot be used is one record: one reject.
#[test]
fn a_result_is_listed_once() {
    let by = json!({"email": "a@x.example"});
    let cases = [
        (
            json!({"from_id": "r1", "to_id": "r2", "type": "relation", "direction": "right"}),
            "type relation between regions is not read",
        ),
        (
            json!({"id": "q", "type": "number", "from_name": "depth", "value": {"number": 3}}),
            "value statement about the whole image is not a class: depth",
        ),
        (
            json!({"id": "q", "type": "choices", "from_name": "kind", "value": {"choices": []}}),
            "value result does not say anything",
        ),
    ];
    for (given, wanted) in cases {
        let work = read(json!([task(json!([
            {"completed_by": by, "result": [rectangle(json!({})), given]}
        ]))]));
        let wanted = format!("[0].annotations[0].result[1] {wanted}");
        assert_eq!(rejects(&work), [wanted]);
        assert_eq!(
            annotations(&work)[0]["attributes"],
            json!({"annotator": "a@x.example"})
        );
    }
}

#[test]
fn images_of_one_file_name_are_told_apart_by_the_id_that_recto_wrote() {
    let of = |id: &str, x: u32| {
        let mut task = task(json!([{"result": [rectangle(json!({"x": x}))]}]));
        task["data"] =
            json!({"image": format!("/data/local-files/?d=images/{id}/a.jpg"), "image_id": id});
        task
    };
    let work = read(json!([of("one", 10), of("two", 50)]));
    let table = "url,id\nhttps://a.example/1/a.jpg,one\nhttps://a.example/2/a.jpg,two\n";
    work.write("t.csv", table);
    let args = ["table", "t.csv", "--url-column", "url", "--id-column", "id"];
    work.run("digest", &[&args[..], &["-o", "archive.json"]].concat())
        .exits(0);
    work.run("extract", &["archive.json", "digest.json", "-o", "l.json"])
        .exits(0);
    let set = work.json("l.json");
    let boxes: Vec<(&str, f64)> = set["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| {
            let first = &image["localizations"][0];
            (
                image["id"].as_str().unwrap(),
                first["bbox"][0].as_f64().unwrap(),
            )
        })
        .collect();
    assert_eq!(boxes, [("one", 20.0), ("two", 100.0)]);
}

#[test]
fn what_is_said_of_several_images_is_put_on_each() {
    let said = |name: &str, id: &str| {
        let mut result = rectangle(json!({}));
        (result["to_name"], result["id"]) = (name.into(), id.into());
        result
    };
    let results = json!([
        said("left", "1"),
        said("right", "2"),
        said("right", "3"),
        said("elsewhere", "4")
    ]);
    let data = json!({"left": "a.jpg", "right": "b.jpg", "note": "two pages"});
    let work = read(json!([{"id": 1, "data": data, "annotations": [{"result": results}]}]));
    let counts: Vec<(String, usize)> = observations(&work)
        .iter()
        .map(|o| {
            (
                o["id"].as_str().unwrap().to_owned(),
                o["annotations"].as_array().unwrap().len(),
            )
        })
        .collect();
    assert_eq!(counts, [("a.jpg".to_owned(), 1), ("b.jpg".to_owned(), 2)]);
    let rejects = rejects(&work).join("\n");
    assert!(rejects.contains("to_name is not the name"), "{rejects}");
    // The only image that is named is not always the first, and the other one is listed.
    let results = json!([said("right", "1")]);
    let data = json!({"left": "a.jpg", "right": "b.jpg"});
    let work = read(json!([{"id": 1, "data": data, "annotations": [{"result": results}]}]));
    let ids: Vec<_> = observations(&work)
        .iter()
        .map(|o| o["id"].clone())
        .collect();
    assert_eq!(ids, ["b.jpg"]);
    let wanted = "[0].data.left to_name no result names this image of the task";
    assert_eq!(self::rejects(&work), [wanted]);
    // A name that is that of a tag of the labeling interface says nothing about the data.
    let results = json!([said("img-1", "1")]);
    let data = json!({"image": "a.jpg", "thumb": "b.jpg"});
    let work = read(json!([{"id": 1, "data": data, "annotations": [{"result": results}]}]));
    let ids: Vec<_> = observations(&work)
        .iter()
        .map(|o| o["id"].clone())
        .collect();
    assert_eq!(ids, ["a.jpg"]);
}

#[test]
fn what_is_noted_about_a_region_is_among_its_attributes() {
    let mut noted = rectangle(json!({}));
    noted["meta"] = json!({"text": ["see f. 2", "torn"], "observer": "Ann Reader", "depth": 3.5});
    let mut empty = rectangle(json!({"x": 0}));
    (empty["id"], empty["meta"]) = (json!("e"), json!({"text": []}));
    let work = read(json!([task(json!([{"result": [noted, empty]}]))]));
    let found = annotations(&work);
    let wanted = json!({"note": "see f. 2\ntorn", "observer": "Ann Reader", "depth": 3.5});
    assert_eq!(found[0]["attributes"], wanted);
    assert!(found[1].get("attributes").is_none(), "{}", found[1]);
}

/// Of a task on which an annotator found nothing the image stays, whatever a model predicted.
#[test]
fn nothing_there_is_said_beside_predictions_too() {
    let drawn = || json!({"result": [rectangle(json!({}))]});
    let skipped = json!({"was_cancelled": true, "result": []});
    let beside = "1 task has predictions beside an annotation that says that nothing is there";
    // Annotations; the note; images and boxes that are left without predictions.
    let cases = [
        (json!([{"result": []}]), Some(beside), [2, 1]),
        (json!([skipped, {"result": []}]), Some(beside), [2, 1]),
        (
            json!([{"was_cancelled": true, "result": [rectangle(json!({}))]}, {"result": []}]),
            Some(beside),
            [2, 1],
        ),
        (json!([skipped]), None, [1, 1]),
        (json!([]), None, [1, 1]),
        (
            json!([{"result": []}, drawn()]),
            Some("1 task has annotations and predictions"),
            [2, 2],
        ),
    ];
    for (annotations, note, left) in cases {
        let mut first = task(annotations.clone());
        first["predictions"] = json!([drawn()]);
        let second = json!({"id": 2, "data": {"image": "b.jpg"}, "annotations": [drawn()]});
        let work = Workdir::new();
        work.write_json("t.json", &json!([first, second]));
        digest(&work, &["labelstudio", "t.json"]);
        let notes = work.json("report.json")["notes"].to_string();
        let told = "1 task has";
        assert_eq!(
            notes.contains(note.unwrap_or(told)),
            note.is_some(),
            "{notes}"
        );
        let is_marked = |a: &Value| a["attributes"]["annotated_empty"] == true;
        let marked = super::annotations(&work)
            .iter()
            .filter(|a| is_marked(a))
            .count();
        assert_eq!(marked, usize::from(note == Some(beside)), "{annotations}");
        digest(
            &work,
            &["labelstudio", "t.json", "--where", "box.predicted!=true"],
        );
        let seen = [observations(&work).len(), boxes(&work).len()];
        assert_eq!(seen, left, "{annotations}");
    }
}
