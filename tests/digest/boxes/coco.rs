//! COCO: instances files and lists of results.

use recto_testkit::Workdir;
use serde_json::{Value, json};

use super::{annotations, boxes, digest, observations, picture, rejects};

/// Two images, two classes with a hole between their ids.
fn instances(annotations: Value) -> Value {
    json!({
        "info": {}, "licenses": [{"id": 1, "name": "CC0", "url": "https://cc.example/0"}],
        "images": [
            {"id": 7, "file_name": "a.jpg", "width": 100, "height": 50, "license": 1, "date_captured": "2020"},
            {"id": "8", "file_name": "b.jpg", "width": 100, "height": 50},
        ],
        "categories": [{"id": 1, "name": "fish"}, {"id": 90, "name": "<a & b>"}],
        "annotations": annotations,
    })
}

fn read(annotations: Value) -> Workdir {
    let work = Workdir::new();
    work.write_json("i.json", &instances(annotations));
    digest(
        &work,
        &["coco", "i.json", "--images", "https://x.example/i"],
    );
    work
}

/// An annotation that is as it should be, with members changed.
fn annotation(changes: Value) -> Value {
    let mut annotation = json!({"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 30, 20.5], "area": 615, "iscrowd": 0,
        "segmentation": []});
    for (key, value) in changes.as_object().unwrap() {
        annotation[key] = value.clone();
    }
    annotation
}

#[test]
fn an_instances_file_becomes_images_with_boxes() {
    let work = read(json!([
        annotation(
            json!({"attributes": {"occluded": true}, "score": "0.25", "track_id": 5, "uuid": "u-1"})
        ),
        annotation(
            json!({"id": 2, "image_id": 8.0, "category_id": "90", "iscrowd": 1,
            "segmentation": {"size": [50, 100], "counts": [100, 10, 40, 10, 4840]}})
        ),
    ]));
    let seen = observations(&work);
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0]["id"], "https://x.example/i/a.jpg");
    assert_eq!(
        seen[0]["image"],
        json!({"url": "https://x.example/i/a.jpg", "names": ["a.jpg"], "width": 100, "height": 50})
    );
    assert_eq!(seen[0]["source"]["rights"], "https://cc.example/0");
    assert_eq!(seen[0]["metadata"], json!({"date_captured": ["2020"]}));
    let wanted = json!({"id": "u-1", "bodies": [{"purpose": "classifying", "value": "fish", "format": "text/plain"}],
        "regions": [{"frame": "image", "fragment": "xywh=1,2,30,20.5"}],
        "attributes": {"confidence": 0.25, "occluded": true, "track_id": 5}});
    let found = annotations(&work);
    assert_eq!(found[0], wanted);
    assert_eq!(found[1]["id"], "i.json#annotations[1]");
    assert_eq!(found[1]["attributes"], json!({"iscrowd": 1}));
    let svg = found[1]["regions"][0]["svg"].as_str().unwrap();
    assert!(svg.contains("d=\"M") && svg.contains("2,0"), "{svg}");
    assert_eq!(boxes(&work)[1], "<a & b> xywh=1,2,30,20.5");
}

/// What becomes of one annotation: its fragment, or the place, field and problem of its reject.
#[test]
fn an_annotation_is_a_box_or_a_reject_with_its_place() {
    let cases = [
        (json!({"bbox": ["1", "2", "3.5", "4"]}), "xywh=1,2,3.5,4"),
        (json!({"bbox": "[1, 2, 3, 4]"}), "xywh=1,2,3,4"),
        (json!({"bbox": [-5, -5, 30, 20]}), "xywh=-5,-5,30,20"),
        (
            json!({"bbox": [], "segmentation": [[1, 2, 11, 2, 11, 22]]}),
            "xywh=1,2,10,20",
        ),
        (
            json!({"bbox": null, "segmentation": [1, 2, 11, 2, 11, 22]}),
            "xywh=1,2,10,20",
        ),
        (
            json!({"category_id": null, "category_name": "eel"}),
            "xywh=1,2,30,20.5",
        ),
        (
            json!({"bbox": [1, 2, 3]}),
            "annotations[1] bbox bbox needs 4 numbers: found 3",
        ),
        (
            json!({"bbox": [1, 2, null, 4]}),
            "annotations[1] bbox bbox has a member that is not a finite number: [2] is null",
        ),
        (
            json!({"bbox": [1, 2, 0, 4]}),
            "annotations[1] bbox box is empty: 0 x 4",
        ),
        (
            json!({"bbox": [1, 2, -3, 4]}),
            "annotations[1] bbox box is empty: -3 x 4",
        ),
        (
            json!({"bbox": [1, 2, 1e12, 4]}),
            "annotations[1] bbox box has a number that is too large: 1000000000000",
        ),
        (
            json!({"bbox": {"x": 1}}),
            "annotations[1] bbox bbox is not a list of numbers: {\"x\":1}",
        ),
        (
            json!({"bbox": null}),
            "annotations[1] bbox annotation has neither bbox nor segmentation",
        ),
        (
            json!({"image_id": null}),
            "annotations[1] image_id image_id is missing",
        ),
        (
            json!({"image_id": 99}),
            "annotations[1] image_id image_id is not that of an image: 99",
        ),
        (
            json!({"category_id": 2}),
            "annotations[1] category_id class does not have a name: 2 is not in the list of classes",
        ),
        (
            json!({"category_id": null}),
            "annotations[1] category_id category_id is missing",
        ),
        (
            json!({"segmentation": [[1, 2, 3]]}),
            "annotations[1] segmentation the box is kept without outline, outline has an odd number of coordinates: 3",
        ),
        (
            json!({"segmentation": {"size": [9, 9], "counts": " "}}),
            "annotations[1] segmentation the box is kept without outline, counts of the mask cannot be read",
        ),
    ];
    for (changes, wanted) in cases {
        let sound = annotation(json!({"bbox": [9, 9, 9, 9]}));
        let work = read(json!([sound, annotation(changes.clone())]));
        let found = boxes(&work);
        assert_eq!(found[0], "fish xywh=9,9,9,9", "{changes}");
        let rejects = rejects(&work);
        match wanted.starts_with("xywh") {
            true => {
                assert!(found[1].ends_with(wanted), "{changes}: {found:?}");
                assert_eq!(rejects.len(), 0, "{changes}: {rejects:?}");
            }
            false => {
                assert_eq!(rejects, [wanted], "{changes}");
                let keeps = wanted.contains("is kept");
                assert_eq!(found.len(), 1 + usize::from(keeps), "{changes}: {found:?}");
            }
        }
    }
}

#[test]
fn records_that_are_no_records_cost_only_themselves() {
    let sound = annotation(json!({}));
    let mut document = instances(json!(["x", sound, 3, annotation(json!({"image_id": 1}))]));
    document["images"].as_array_mut().unwrap().extend([
        json!([]),
        json!({"id": 1}),
        json!({"file_name": "x.jpg"}),
        json!({"id": 7, "file_name": "other.jpg"}),
    ]);
    let categories = document["categories"].as_array_mut().unwrap();
    categories.extend([json!({"id": 3}), json!({"name": "y"}), json!(null)]);
    let work = Workdir::new();
    work.write_json("i.json", &document);
    digest(&work, &["coco", "i.json"]).exits(3);
    let wanted = [
        "annotations[0] record record is not an object: \"x\"",
        "annotations[1] image_id image of the box cannot be used: 7",
        "annotations[2] record record is not an object: 3",
        "annotations[3] image_id image_id is not that of an image: 1",
        "categories[2] name name of the category is missing",
        "categories[3] id id of the category is missing",
        "categories[4] record record is not an object: null",
        "images[0] boxes none of the boxes of the image can be used: 1 box",
        "images[2] record record is not an object: []",
        "images[3] file_name image has neither file_name nor coco_url",
        "images[4] id id of the image is missing",
        "images[5] id id is that of another image too: 7",
    ];
    assert_eq!(rejects(&work), wanted);
}

#[test]
fn a_class_with_two_names_and_an_image_without_usable_boxes_are_left_out() {
    let mut document = instances(json!([
        annotation(json!({})),
        annotation(json!({"image_id": 8, "category_id": 90}))
    ]));
    document["categories"]
        .as_array_mut()
        .unwrap()
        .push(json!({"id": 1, "name": "shark"}));
    let work = Workdir::new();
    work.write_json("i.json", &document);
    digest(&work, &["coco", "i.json"]).exits(3);
    let wanted = [
        "annotations[0] category_id class has several names: 1 is fish, shark",
        "images[0] boxes none of the boxes of the image can be used: 1 box",
    ];
    assert_eq!(rejects(&work), wanted);
    assert_eq!(boxes(&work), ["<a & b> xywh=1,2,30,20.5"]);
}

/// Some write parts of width and height. What is a box of pixels anywhere in the document is one everywhere.
#[test]
fn boxes_in_parts_of_the_image_are_told_from_pixels() {
    const NOTE: &str = "1 document is taken in parts of width and height, not in pixels";
    let of = |bbox: Value| annotation(json!({"bbox": bbox}));
    let small = || of(json!([0.05, 0.2, 0.15, 0.4]));
    let drawn = |points: Value| {
        annotation(json!({"bbox": [0.05, 0.2, 0.15, 0.4], "segmentation": [points]}))
    };
    let scaled = "fish xywh=5,10,15,20";
    let own = "fish xywh=0.05,0.2,0.15,0.4";
    let cases = [
        (json!([small()]), vec![scaled], true),
        (
            json!([drawn(json!([0.05, 0.2, 0.2, 0.2, 0.2, 0.6]))]),
            vec![scaled],
            true,
        ),
        (
            json!([of(json!([0, 0, 1, 1])), small()]),
            vec!["fish xywh=0,0,100,50", scaled],
            true,
        ),
        (
            json!([of(json!([0, 0, 1, 1]))]),
            vec!["fish xywh=0,0,1,1"],
            false,
        ),
        (
            json!([small(), of(json!([5, 6, 0.5, 0.25]))]),
            vec![own, "fish xywh=5,6,0.5,0.25"],
            false,
        ),
        (
            json!([drawn(json!([5, 2, 20, 2, 20, 6]))]),
            vec![own],
            false,
        ),
    ];
    for (annotations, wanted, is_told) in cases {
        let work = Workdir::new();
        work.write_json("i.json", &instances(annotations.clone()));
        digest(&work, &["coco", "i.json"]).exits(0);
        assert_eq!(boxes(&work), wanted, "{annotations}");
        let notes = work.json("report.json")["notes"].to_string();
        assert_eq!(notes.contains(NOTE), is_told, "{annotations}: {notes}");
    }
}

#[test]
fn documents_are_read_as_tools_write_them() {
    use std::io::Write;
    let text = instances(json!([annotation(json!({}))])).to_string();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let with_nan = text.replace("[1,2,30,20.5]", "[1,2,30,20.5],\"score\":NaN");
    let wide: Vec<u8> = format!("\u{feff}{text}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let cases = [
        ("i.json", format!("\u{feff}{text}").into_bytes()),
        ("i.json.gz", packed.finish().unwrap()),
        ("I.JSON", with_nan.into_bytes()),
        ("w.json", wide),
    ];
    for (name, bytes) in cases {
        let work = Workdir::new();
        work.write(name, bytes);
        digest(&work, &["coco", name]).exits(0);
        assert_eq!(boxes(&work), ["fish xywh=1,2,30,20.5"], "{name}");
    }
    let damaged = [
        (
            text[..200].to_owned(),
            "i.json: document cannot be read as JSON: line 1, column 200, EOF",
        ),
        (
            "[".into(),
            "document cannot be read as JSON: line 1, column 1",
        ),
        (
            "{\"regions\": []}".into(),
            "document is not COCO: it has neither images nor annotations but regions",
        ),
        (
            "[{\"id\": 1, \"data\": {}}]".into(),
            "document is not a list of results of COCO: no record has image_id, the first has id, data",
        ),
        (
            String::new(),
            "document cannot be read as JSON: line 1, column 0",
        ),
    ];
    for (text, problem) in damaged {
        let work = Workdir::new();
        work.write("i.json", &text);
        digest(&work, &["coco", "i.json"]).exits(1).says(&[problem]);
    }
}

#[test]
fn predictions_find_their_images_and_classes_in_another_file() {
    let results = json!([
        {"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.9},
        {"image_id": "b", "category_id": 90, "bbox": [5, 6, 7, 8], "score": 0.2},
        {"image_id": 5, "category_id": 90, "bbox": [5, 6, 7, 8], "score": 0.2},
    ]);
    let truth = instances(json!([annotation(json!({}))]));
    let ways: [&[&str]; 2] = [&["r.json", "--images", "i.json"], &["r.json", "i.json"]];
    for (way, truths) in ways.into_iter().zip([0, 1]) {
        let work = Workdir::new();
        work.write_json("r.json", &results)
            .write_json("i.json", &truth);
        digest(&work, &[&["coco"], way].concat()).exits(3);
        let wanted = ["fish xywh=1,2,3,4", "<a & b> xywh=5,6,7,8"];
        assert_eq!(boxes(&work)[..2], wanted, "{way:?}");
        assert_eq!(boxes(&work).len(), 2 + truths, "{way:?}");
        assert_eq!(annotations(&work)[0]["attributes"]["confidence"], 0.9);
        assert_eq!(
            rejects(&work),
            [
                "[2] image_id image_id is not that of a known image: 5; --images FILE names the COCO file with the images"
            ]
        );
    }
    let work = Workdir::new();
    work.write_json("r.json", &results)
        .write_json("i.json", &truth);
    let filtered = [
        "coco",
        "r.json",
        "--images",
        "i.json",
        "--where",
        "box.confidence>=0.5",
    ];
    digest(&work, &filtered)
        .exits(3)
        .says(&["1 box left out by --where"]);
    assert_eq!(boxes(&work), ["fish xywh=1,2,3,4"]);
}

#[test]
fn the_size_of_the_file_is_compared_with_the_declared_one() {
    let work = Workdir::new();
    work.write_json("i.json", &instances(json!([annotation(json!({}))])));
    picture(&work, "p/a.jpg", 200, 100);
    picture(&work, "p/b.jpg", 50, 100);
    digest(&work, &["coco", "i.json", "--images", "p"])
        .exits(0)
        .says(&["1 file has another aspect ratio than the document says, first: b.jpg, 100 x 50 and 50 x 100"]);
    assert_eq!(
        observations(&work)[0]["image"]["width"],
        100,
        "boxes are in declared pixels"
    );
}

#[test]
fn a_key_of_boxes_is_told_from_one_of_images() {
    let work = Workdir::new();
    work.write_json(
        "i.json",
        &instances(json!([annotation(json!({"score": 0.5}))])),
    );
    digest(&work, &["coco", "i.json", "--where", "confidence>=0.5"])
        .exits(1)
        .says(&["it is a key of boxes: write box.confidence>=0.5"]);
}

/// Models make masks of reduced copies: a mask of 40 × 50 on an image of 80 × 100.
#[test]
fn a_mask_of_another_size_is_scaled_to_its_image() {
    let mask = |size: [u32; 2]| json!({"size": size, "counts": [1020, 2, 38, 2, 938]});
    let no_outline = "annotations[0] segmentation the box is kept without outline, mask has another aspect ratio than its image: 50 x 40 and 100 x 100";
    let nothing = "annotations[0] segmentation mask has another aspect ratio than its image: 50 x 40 and 100 x 100";
    let image = "images[0] boxes none of the boxes of the image can be used: 1 box";
    /// Size of the image, bbox, the fragment and whether there is an outline, rejects.
    type Case<'a> = ([u32; 2], Value, Option<(&'a str, bool)>, &'a [&'a str]);
    let cases: [Case; 5] = [
        ([100, 80], Value::Null, Some(("xywh=50,40,4,4", true)), &[]),
        (
            [100, 80],
            json!([49, 39, 6, 6]),
            Some(("xywh=49,39,6,6", true)),
            &[],
        ),
        ([50, 40], Value::Null, Some(("xywh=25,20,2,2", true)), &[]),
        (
            [100, 100],
            json!([49, 39, 6, 6]),
            Some(("xywh=49,39,6,6", false)),
            &[no_outline],
        ),
        ([100, 100], Value::Null, None, &[nothing, image]),
    ];
    for ([width, height], bbox, wanted, listed) in cases {
        let mut document = instances(json!([annotation(
            json!({"bbox": bbox, "segmentation": mask([40, 50])})
        )]));
        document["images"][0]["width"] = width.into();
        document["images"][0]["height"] = height.into();
        let work = Workdir::new();
        work.write_json("i.json", &document);
        digest(&work, &["coco", "i.json"]);
        let found = annotations(&work);
        let found = found.first().map(|a| {
            let region = &a["regions"][0];
            let svg = region["svg"].as_str();
            let is_scaled = svg.is_some_and(|svg| svg.contains("M50,40") || svg.contains("M25,20"));
            assert_eq!(is_scaled, svg.is_some(), "{svg:?}");
            (region["fragment"].as_str().unwrap(), svg.is_some())
        });
        assert_eq!(found, wanted, "{width} x {height} {bbox}");
        assert_eq!(rejects(&work), listed, "{width} x {height} {bbox}");
    }
}

/// Holes of masks are rings of their own, whichever way the runs are written.
#[test]
fn holes_of_masks_become_rings() {
    // Columns 10 to 39, rows 5 to 44, without columns 20 to 29, rows 15 to 34.
    let whole = || std::iter::repeat_n([40, 10], 10).flatten();
    let holed = std::iter::repeat_n([10, 20, 10, 10], 10).flatten();
    let mut counts: Vec<u32> = vec![505];
    counts.extend(whole().chain(holed).chain(whole()));
    let rest = counts.pop().unwrap() - 5;
    let end = 5000 - counts.iter().sum::<u32>();
    assert_eq!(rest, 5);
    counts.push(end);
    // Encoded by pycocotools.
    let compressed =
        "i?X1:000000000000000000RO:0F0:0F0:0F0:0F0:0F0:0F0:0F0:0F0:0F0:0Fn0000000000000000000cm2";
    for counts in [json!(counts), json!(compressed)] {
        let segmentation = json!({"size": [50, 100], "counts": counts});
        let work = read(json!([annotation(
            json!({"bbox": [10, 5, 30, 40], "segmentation": segmentation})
        )]));
        work.run("extract", &["digest.json"]).exits(0);
        let set = work.json("localizations.json");
        let ring = &set["images"][0]["localizations"][0];
        assert_eq!(
            ring["polygon"],
            json!([[10, 5], [40, 5], [40, 45], [10, 45]])
        );
        let hole: Vec<[f64; 2]> = serde_json::from_value(ring["holes"][0].clone()).unwrap();
        let mut corners = hole.clone();
        corners.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(
            corners,
            [[20.0, 15.0], [20.0, 35.0], [30.0, 15.0], [30.0, 35.0]]
        );
        assert_eq!(ring["holes"].as_array().unwrap().len(), 1);
    }
}

/// An object with members changed.
fn changed(object: &Value, changes: &Value) -> Value {
    let mut changed = object.clone();
    for (name, value) in changes.as_object().unwrap() {
        changed[name] = value.clone();
    }
    changed
}

/// Only a list of annotations, be it empty, says what is on an image.
#[test]
fn images_that_nobody_annotated_are_no_negatives() {
    let image = json!({"id": 3, "file_name": "t.jpg", "width": 100, "height": 50});
    let of_image = json!({"id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]});
    let open = "images[0] annotations image is not annotated: neither its record nor the document has `annotations`; an empty list would \
                say that nothing is on it";
    let strange = "images[0].annotations[0] record record is not an object: 5";
    let nothing = "images[0] boxes none of the boxes of the image can be used: 1 box";
    let a_box = &["fish xywh=1,2,3,4"][..];
    /// What the image says more, what the document says more, number of images, boxes and rejects.
    type Case<'a> = (Value, Value, usize, &'a [&'a str], &'a [&'a str]);
    let cases: [Case; 8] = [
        (json!({}), json!({}), 1, &[], &[open]),
        (json!({}), json!({"annotations": null}), 1, &[], &[open]),
        (json!({}), json!({"annotations": []}), 2, &[], &[]),
        (json!({"annotations": []}), json!({}), 2, &[], &[]),
        (
            json!({"labels": ["fish"]}),
            json!({}),
            2,
            &["fish whole"],
            &[],
        ),
        (json!({"annotations": [of_image]}), json!({}), 2, a_box, &[]),
        (
            json!({"objects": [of_image]}),
            json!({"annotations": []}),
            2,
            a_box,
            &[],
        ),
        (
            json!({"annotations": [5]}),
            json!({}),
            1,
            &[],
            &[nothing, strange],
        ),
    ];
    for (of_image, of_document, images, wanted, listed) in cases {
        let images_of = json!({"images": [changed(&image, &of_image)], "categories": [{"id": 1, "name": "fish"}]});
        let document = changed(&images_of, &of_document);
        let work = Workdir::new();
        work.write_json("t.json", &document).write_json(
            "z.json",
            &json!({"images": [{"id": 1, "file_name": "z.jpg"}], "annotations": []}),
        );
        let rejected = ["--rejects", "digest.rejects.csv"];
        digest(
            &work,
            &[&["coco", "t.json", "z.json"][..], &rejected].concat(),
        )
        .exits(if listed.is_empty() { 0 } else { 3 });
        let used = observations(&work);
        let used = used.iter().filter(|o| o["rejected"] != true);
        assert_eq!(used.count(), images, "{document}");
        assert_eq!(boxes(&work), wanted, "{document}");
        if !listed.is_empty() {
            assert_eq!(rejects(&work), listed, "{document}");
        }
    }
}

#[test]
fn images_that_nobody_annotated_are_those_that_results_name() {
    let work = Workdir::new();
    let mut info = instances(Value::Null);
    info.as_object_mut().unwrap().remove("annotations");
    let result = json!({"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5});
    work.write_json("info.json", &info)
        .write_json("r.json", &json!([result]));
    digest(&work, &["coco", "r.json", "info.json"])
        .exits(0)
        .says(&["info.json: 2 images do not have annotations, which only describe the images of results"]);
    assert_eq!(observations(&work).len(), 1);
    assert_eq!(boxes(&work), ["fish xywh=1,2,3,4"]);
}

/// CVAT writes the rectangle before it is rotated, and the angle beside it.
#[test]
fn rectangles_that_cvat_rotated_are_outlines() {
    let (upright, turned) = ("xywh=25,15,30,10", "xywh=35,5,10,30");
    let cvat = |rotation: Value| json!({"occluded": false, "rotation": rotation});
    let (outline, none) = (json!([[5, 6, 15, 6, 15, 16]]), json!([]));
    let rest = json!({"occluded": false});
    let [quarter, zero, word] = [json!(90.0), json!(0.0), json!("left")].map(cvat);
    let alone = json!({"rotation": 90.0});
    /// Attributes, segmentation, the fragment, whether there is an outline, and the attributes that stay.
    type Case<'a> = (Value, &'a Value, &'a str, bool, &'a Value);
    let cases: [Case; 7] = [
        (quarter.clone(), &none, turned, true, &rest),
        (cvat(json!("-90")), &Value::Null, turned, true, &rest),
        (cvat(json!(180)), &none, upright, true, &rest),
        (zero.clone(), &none, upright, false, &zero),
        (alone.clone(), &none, upright, false, &alone),
        (word.clone(), &none, upright, false, &word),
        (quarter.clone(), &outline, upright, true, &quarter),
    ];
    for (attributes, segmentation, fragment, has_outline, stays) in cases {
        let work = read(json!([annotation(
            json!({"bbox": [25, 15, 30, 10], "segmentation": segmentation, "attributes": attributes})
        )]));
        let found = &annotations(&work)[0];
        let region = &found["regions"][0];
        assert_eq!(region["fragment"], fragment, "{attributes}");
        assert_eq!(region["svg"].is_string(), has_outline, "{attributes}");
        assert_eq!(&found["attributes"], stays, "{attributes}");
    }
}

#[test]
fn what_categories_say_besides_their_names_is_told() {
    let skeleton = json!([[1, 3], [2, 3]]);
    let fish = json!({"id": 1, "name": "fish", "supercategory": "animal", "keypoints": ["eye", "fin", "tail"], "skeleton": skeleton});
    let other = |changes: Value| changed(&json!({"id": 90, "name": "net"}), &changes);
    let cases = [
        (
            vec![fish, other(json!({"supercategory": "gear"}))],
            "i.json: members of categories that are not kept: `keypoints` (categories[0]), `skeleton` (categories[0]), \
             `supercategory` (categories[0]); points keep their order",
        ),
        (
            vec![
                json!({"id": 1, "name": "fish", "skeleton": [], "keypoints": []}),
                other(json!({"isthing": 1})),
            ],
            "not kept: `isthing` (categories[1])",
        ),
        // What all have says nothing of any.
        (
            vec![
                json!({"id": 1, "name": "fish", "supercategory": "things"}),
                other(json!({"supercategory": "none"})),
            ],
            "",
        ),
    ];
    for (categories, wanted) in cases {
        let work = Workdir::new();
        let mut document = instances(json!([annotation(json!({}))]));
        document["categories"] = json!(categories);
        work.write_json("i.json", &document);
        let call = ["coco", "i.json", "--images", "https://x.example/i"];
        let ran = digest(&work, &call);
        ran.exits(0).says(&[wanted]);
        let is_told = ran.stderr().contains("members of categories");
        assert_eq!(is_told, !wanted.is_empty(), "{}", ran.stderr());
    }
}

#[test]
fn what_somebody_deleted_is_listed_and_no_box() {
    let image = |id: u8, deleted: Value| json!({"id": id, "file_name": format!("{id}.jpg"), "width": 100, "height": 80, "deleted": deleted});
    let drawn = |id: u8, image: u8, deleted: Value| json!({"id": id, "image_id": image, "category_id": 1, "bbox": [1, 2, 3, 4], "deleted": deleted});
    let work = Workdir::new();
    work.write_json(
        "c.json",
        &json!({
            "images": [image(1, json!(false)), image(2, json!(true))],
            "annotations": [drawn(1, 1, json!(true)), drawn(2, 1, json!(0)), drawn(3, 2, json!(null))],
            "categories": [{"id": 1, "name": "fish"}],
        }),
    );
    digest(&work, &["coco", "c.json"]).exits(3);
    assert_eq!(observations(&work).len(), 1);
    assert_eq!(boxes(&work), ["fish xywh=1,2,3,4"]);
    let wanted = [
        "annotations[0] deleted annotation is marked as deleted",
        "annotations[2] deleted image of the annotation is marked as deleted",
        "images[1] deleted image is marked as deleted",
    ];
    let mut listed = rejects(&work);
    listed.sort();
    assert_eq!(listed, wanted);
}
