//! Localizations: every form that databases hold, kept or left out with a reason; filters; labels.

use serde_json::{Value, json};

use super::{account, all_boxes, digest, lab, labels, observations, plain, video};
use recto_testkit::Workdir;
use recto_testkit::m3::{association, boxed, reference, row, uuid};
use recto_testkit::server::{Answer, Arrived};

fn on(n: usize, value: &str) -> Value {
    association(n, "bounding box", "self", value)
}

/// Every malformed form, with the reason that each is left out for.
fn malformed() -> Vec<(Value, &'static str)> {
    let own = uuid('r', 1);
    let with = |text: &str| format!("{{{text},\"image_reference_uuid\":\"{own}\"}}");
    let stranger = uuid('r', 77);
    let other = uuid('r', 2);
    let sized = |reference: &str| {
        format!(
            "{{\"x\":1,\"y\":2,\"width\":3,\"height\":4,\"image_reference_uuid\":\"{reference}\"}}"
        )
    };
    vec![
        (on(101, "{\"x\":1,\"y\""), "link_value is not JSON"),
        (
            on(
                102,
                &format!("{{\"x\":1,\"comment\":\"{}", "x".repeat(1010)),
            ),
            "link_value was truncated by the database",
        ),
        (on(103, "[1,2,3,4]"), "link_value is not an object"),
        (
            on(104, &with("\"x\":1,\"y\":2,\"width\":3")),
            "height of the box is missing",
        ),
        (
            on(105, &with("\"x\":1,\"y\":2,\"width\":0,\"height\":4")),
            "box is empty",
        ),
        (
            on(106, &with("\"x\":1,\"y\":2,\"width\":3,\"height\":-4")),
            "box is empty",
        ),
        (
            on(107, &with("\"x\":\"a\",\"y\":2,\"width\":3,\"height\":4")),
            "x of the box is not a number",
        ),
        (
            on(114, &with("\"x\":1.5,\"y\":2,\"width\":3,\"height\":4")),
            "x of the box is not a whole number, --repair-boxes accepts it: 1.5",
        ),
        (
            on(115, &with("\"x\":1,\"y\":2,\"width\":\"3\",\"height\":4")),
            "width of the box is not a whole number, --repair-boxes accepts it",
        ),
        (
            on(116, &with("\"x\":-1,\"y\":2,\"width\":3,\"height\":4")),
            "box begins outside its image, --repair-boxes accepts it",
        ),
        (on(108, &sized("no uuid")), "image reference is not a UUID"),
        (on(109, &sized(&stranger)), "image reference does not exist"),
        (
            on(110, &sized(&other)),
            "image reference is of another moment",
        ),
        (
            json!({"uuid": uuid('b', 111), "link_name": "bounding box", "to_concept": "self"}),
            "link_value is missing",
        ),
        (
            association(
                112,
                "localization-polygon",
                "self",
                "{\"x\":[1,2],\"y\":[1,2]}",
            ),
            "polygon has too few points",
        ),
        (
            association(113, "localization-line", "self", "{\"x\":[1,2],\"y\":[1]}"),
            "x and y have different lengths",
        ),
    ]
}

/// Forms that are odd and can be used.
fn odd() -> Vec<Value> {
    let own = uuid('r', 1);
    let upper = own.to_uppercase();
    vec![
        on(
            201,
            &format!(
                "{{\"x\":1,\"y\":2,\"width\":3,\"height\":4,\"image_reference_uuid\":\"{upper}\"}}"
            ),
        ),
        on(
            202,
            &format!(
                "{{\"x\":1,\"y\":2,\"width\":3,\"height\":4,\"imageReferenceUuid\":\"{own}\"}}"
            ),
        ),
        on(203, "{\"x\":1,\"y\":2,\"width\":3,\"height\":4}"),
        on(
            204,
            &format!(
                "{{\"x\":1,\"y\":2,\"width\":3,\"height\":4,\"comment\":\"a\tb\",\"image_reference_uuid\":\"{own}\"}}"
            ),
        ),
        association(
            205,
            "localization-polygon",
            "self",
            &format!("{{\"x\":[1,9,9],\"y\":[1,1,8],\"image_reference_uuuid\":\"{own}\"}}"),
        ),
        association(
            206,
            "localization-line",
            "self",
            "{\"x\":[1,9],\"y\":[1,8]}",
        ),
        association(207, "localization-point", "self", "{\"x\":[5],\"y\":[6]}"),
        association(208, "population-quantity", "self", "999"),
    ]
}

#[test]
fn every_box_of_the_service_is_kept_or_left_out_with_its_reason() {
    let bad = malformed();
    let mut associations: Vec<Value> = bad.iter().map(|(value, _)| value.clone()).collect();
    associations.extend(odd());
    associations.push(boxed(1, 1));
    let rows = vec![
        row(
            1,
            1,
            "Nanomia",
            &[reference(1, "png", "source image")],
            &associations,
        ),
        plain(2, "Nanomia"),
    ];
    // Some services know of which moment a picture is, some do not.
    let unaware = |r: &Arrived, _: usize| {
        r.path
            .starts_with("/anno/v1/images/")
            .then_some(Answer::Status(404))
    };
    let aware = lab(rows.clone()).start();
    let unaware = lab(rows).with_fault(unaware).start();
    for (server, all) in [(&aware, &[][..]), (&aware, &["-a"]), (&unaware, &[])] {
        let work = Workdir::new();
        digest(&work, server, &[&["Nanomia"], all].concat()).exits(3);
        assert_eq!(account(&work), [9, 0, bad.len() as u64], "{all:?}");
        let rejects = work.text("digest.rejects.csv");
        for (association, reason) in &bad {
            let id = association["uuid"].as_str().unwrap();
            let line = rejects.lines().find(|line| line.contains(id));
            let line = line.unwrap_or_else(|| panic!("no {id} in {rejects}"));
            assert!(
                line.contains(&format!("{},{id}/link_value,", uuid('o', 1))),
                "{line}"
            );
            assert!(line.contains(reason), "{reason}: {line}");
        }
        assert_eq!(
            rejects.lines().count(),
            1 + bad.len(),
            "each once: {rejects}"
        );
        // Of what is left, only a point is no box.
        work.run("extract", &["digest.json"])
            .exits(3)
            .says(&["left out 1: a point has no extent"]);
        let images = work.json("localizations.json")["images"].clone();
        let boxes = images[0]["localizations"].as_array().unwrap();
        assert_eq!(boxes.len(), 7);
        let of = |n: usize| boxes.iter().find(|b| b["id"] == uuid('b', n)).unwrap();
        for n in 201..205 {
            assert_eq!(of(n)["bbox"], json!([1, 2, 3, 4]), "{n}");
        }
        assert_eq!(of(205)["bbox"], json!([1, 1, 8, 7]));
        assert!(of(205)["polygon"].is_array());
        assert_eq!(of(206)["bbox"], json!([1, 1, 8, 7]));
    }
}

#[test]
fn odd_numbers_are_taken_when_asked_for() {
    let own = uuid('r', 1);
    let with = |text: &str| format!("{{{text},\"image_reference_uuid\":\"{own}\"}}");
    let boxes = [
        on(
            1,
            &with("\"x\":1.5,\"y\":\"2\",\"width\":3.25,\"height\":4.0"),
        ),
        on(2, &with("\"x\":-1,\"y\":2,\"width\":3,\"height\":4")),
        on(3, &with("\"x\":1,\"y\":2,\"width\":0,\"height\":4")),
    ];
    let rows = [row(1, 1, "Nanomia", &[reference(1, "png", "")], &boxes)];
    let server = lab(rows.to_vec()).start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"]).exits(1);
    digest(&work, &server, &["Nanomia", "--mend-boxes"])
        .exits(3)
        .says(&["left out 1: box is empty"]);
    assert_eq!(account(&work), [2, 0, 1]);
    let list = Value::from(rows.to_vec()).to_string();
    work.write("list.json", list.replace("HOME", "http://lab.example"));
    for (given, left) in [
        (&["digest.json"][..], 0),
        (&["list.json", "--mend-boxes"], 1),
        (&["list.json"], 3),
    ] {
        let ran = work.run("extract", given);
        if left == 3 {
            ran.exits(1).says(&["--repair-boxes accepts it"]);
            continue;
        }
        ran.exits(left * 3);
        let images = work.json("localizations.json")["images"].clone();
        let boxes = images[0]["localizations"].as_array().unwrap();
        let places: Vec<&Value> = boxes.iter().map(|b| &b["bbox"]).collect();
        // The part on the picture is kept.
        assert_eq!(places, [&json!([1.5, 2, 3.25, 4]), &json!([0, 2, 2, 4])]);
    }
}

#[test]
fn what_a_box_says_is_kept() {
    let value = json!({"x": 1, "y": 2, "width": 3, "height": 4, "image_reference_uuid": uuid('r', 1), "generator": "gridview",
        "verifier": "someone", "confidence": 0.5, "tags": ["training"], "strength": "Padawan", "comment": "c", "unheard of": [1]});
    let bare =
        json!({"x": 1, "y": 2, "width": 3, "height": 4, "image_reference_uuid": uuid('r', 1)});
    let rows = vec![row(
        1,
        1,
        "Nanomia",
        &[reference(1, "png", "")],
        &[on(1, &value.to_string()), on(2, &bare.to_string())],
    )];
    let server = lab(rows).start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"]).exits(0);
    work.run("extract", &["digest.json"]).exits(0);
    let image = work.json("localizations.json")["images"][0].clone();
    let attributes = &image["localizations"][0]["attributes"];
    for key in [
        "generator",
        "verifier",
        "confidence",
        "tags",
        "strength",
        "comment",
        "unheard of",
    ] {
        assert_eq!(attributes[key], value[key], "{key}");
    }
    assert_eq!(attributes["verified"], true);
    assert_eq!(attributes["observation_uuid"], uuid('o', 1));
    let bare = &image["localizations"][1]["attributes"];
    assert_eq!(
        (&bare["verified"], &bare["observer"]),
        (&json!(false), &json!("person 1"))
    );
    assert_eq!(image["id"], uuid('r', 1));
    assert_eq!(image["metadata"]["depth_meters"], json!(["100.0"]));
}

#[test]
fn parts_are_in_the_label_unless_told_otherwise() {
    let value =
        json!({"x": 1, "y": 2, "width": 3, "height": 4, "image_reference_uuid": uuid('r', 1)})
            .to_string();
    let part = association(1, "bounding box", "tentacle", &value);
    let rows = vec![row(
        1,
        1,
        "Nanomia",
        &[reference(1, "png", "")],
        &[part, on(2, &value)],
    )];
    let server = lab(rows).start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"]).exits(0);
    assert_eq!(labels(&work), ["Nanomia", "Nanomia tentacle"]);
    let attributes = &all_boxes(&work)[0]["attributes"];
    assert_eq!(
        (&attributes["taxon"], &attributes["part"]),
        (&json!("Nanomia"), &json!("tentacle"))
    );
    assert!(work.json("digest.json")["taxonomy"]["Nanomia"].is_object());
    digest(&work, &server, &["Nanomia", "--no-parts"]).exits(0);
    assert_eq!(labels(&work), ["Nanomia", "Nanomia"]);
}

#[test]
fn filters_compare_and_choose_boxes_too() {
    let value = |width: u32, confidence: f64, verifier: &str| {
        json!({"x": 1, "y": 2, "width": width, "height": 9, "image_reference_uuid": uuid('r', 2), "generator": "g",
               "confidence": confidence, "verifier": verifier}).to_string()
    };
    let rows = vec![
        plain(1, "Nanomia"),
        row(
            2,
            2,
            "Nanomia",
            &[reference(2, "png", "")],
            &[on(21, &value(30, 0.9, "v")), on(22, &value(8, 0.4, ""))],
        ),
        plain(5, "Nanomia"),
    ];
    let lab = super::Lab {
        videos: vec![video(0, "Dive 0"), video(1, "Dive 1")],
        ..lab(rows)
    };
    let server = lab.start();
    // (conditions, pictures, boxes kept)
    let cases: &[(&[&str], usize, u64)] = &[
        (&["depth_meters>=200"], 2, 3),
        (&["depth_meters<200", "latitude>36"], 1, 1),
        (&["depth_meters>1e9"], 0, 0),
        (&["no_such>1"], 0, 0),
        (&["recorded_timestamp<=2019-10-03"], 2, 3),
        (
            &["recorded_timestamp>2019-10-03", "recorded_timestamp<2020"],
            1,
            1,
        ),
        (&["longitude<=-122"], 3, 4),
        (&["dive=Dive 1"], 2, 2),
        (&["group=Dive 0"], 1, 2),
        (&["observer=person 2"], 2, 3),
        (&["box.width>=10"], 3, 3),
        (&["box.width>=30"], 1, 1),
        (&["box.confidence>0.5"], 1, 1),
        (&["box.verified=true"], 1, 1),
        (&["box.verified=false"], 3, 3),
        (&["box.generator!=g"], 2, 2),
        (&["box.observer~^drawer"], 2, 2),
        (&["box.concept=Nanomia", "box.height<10"], 1, 2),
    ];
    for (conditions, pictures, boxes) in cases {
        let work = Workdir::new();
        let args: Vec<&str> = conditions.iter().flat_map(|c| ["--where", c]).collect();
        let ran = digest(&work, &server, &[&["Nanomia"], &args[..]].concat());
        if *pictures == 0 {
            ran.exits(1)
                .says(&["filters left out all images (3 found)", conditions[0]]);
            continue;
        }
        ran.exits(0);
        assert_eq!(observations(&work).len(), *pictures, "{conditions:?}");
        assert_eq!(account(&work), [*boxes, 4 - boxes, 0], "{conditions:?}");
    }
    let work = Workdir::new();
    let said = ["compares with neither a number nor a date"];
    digest(&work, &server, &["Nanomia", "--where", "depth_meters>deep"])
        .exits(2)
        .says(&said);
    let said = [
        "does not hold for any image: there is no `box.certainty`; there are",
        "box.confidence",
    ];
    digest(&work, &server, &["Nanomia", "--where", "box.certainty>1"])
        .exits(1)
        .says(&said);
}

#[test]
fn a_line_is_the_box_around_it_and_no_area() {
    let line = |n: usize, x: &str, y: &str| {
        let own = uuid('r', 1);
        let value = format!("{{\"x\":{x},\"y\":{y},\"image_reference_uuid\":\"{own}\"}}");
        association(n, "localization-line", "self", &value)
    };
    let lines = [
        line(1, "[1,9]", "[1,8]"),
        line(2, "[1,9,5]", "[1,8,20]"),
        line(3, "[1,20,30]", "[5,6,5]"),
        line(4, "[1,9]", "[5,5]"),
    ];
    let rows = vec![row(1, 1, "Nanomia", &[reference(1, "png", "")], &lines)];
    let server = lab(rows).start();
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"]).exits(0);
    // A level one has no extent.
    work.run("extract", &["digest.json"])
        .exits(3)
        .says(&["left out 1: line, not an area"]);
    let image = work.json("localizations.json")["images"][0].clone();
    let mut seen = Vec::new();
    for found in image["localizations"].as_array().unwrap() {
        assert!(found["polygon"].is_null(), "{found}");
        let points = found["attributes"]["baseline"].as_array().unwrap().len();
        seen.push((found["bbox"].clone(), points));
    }
    let wanted = [
        (json!([1, 1, 8, 7]), 2),
        (json!([1, 1, 8, 19]), 3),
        (json!([1, 5, 29, 1]), 3),
    ];
    assert_eq!(seen, wanted);
}
