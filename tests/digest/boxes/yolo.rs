//! YOLO: folders of labels, lists of classes, rows of every kind.

use recto_testkit::Workdir;
use serde_json::{Value, json};

use super::{annotations, boxes, digest, observations, picture, rejects};

const SETTINGS: &str = "path: ../x\ntrain: images/train\nnc: 2\nnames:\n  0: fish\n  2: 'no'\n";

#[test]
fn a_folder_is_read_in_order_with_the_sizes_of_its_images() {
    let layouts: [(&str, &str, &str); 4] = [
        ("set/images/train/a.png", "set/labels/train/a.txt", "set"),
        ("set/train/images/a.png", "set/train/labels/a.txt", "set"),
        ("set/a.PNG", "set/a.txt", "set"),
        ("set/images/a.png", "set/labels/a.txt", "set/labels"),
    ];
    for (image, label, input) in layouts {
        let work = Workdir::new();
        work.write("set/data.yaml", SETTINGS);
        work.write(label, "0 0.5 0.5 0.2 0.4\n\n2 0.25 0.5 0.5 1 0.75\n");
        work.write(&label.replace("a.txt", "b.txt"), "");
        picture(&work, image, 200, 100);
        digest(&work, &["yolo", input]).exits(0);
        assert_eq!(
            boxes(&work),
            ["fish xywh=80,30,40,40", "no xywh=0,0,100,100"],
            "{label}"
        );
        assert_eq!(
            annotations(&work)[1]["attributes"]["confidence"],
            0.75,
            "{label}"
        );
        assert_eq!(annotations(&work)[1]["id"], format!("{label}#line 3"));
        let seen = observations(&work);
        assert_eq!(
            (seen.len(), &seen[0]["image"]["width"]),
            (2, &200.into()),
            "{label}"
        );
        assert_eq!(
            seen[1].get("annotations"),
            None,
            "an empty file is an image without boxes"
        );
    }
}

const NEITHER_1: &str =
    "line 1 line number after the place is neither a confidence nor the number of a track: 1.2";
const NEITHER_2: &str =
    "line 1 line number after the place is neither a confidence nor the number of a track: -0.785";

#[test]
fn rows_are_read_by_their_number_of_numbers() {
    let pose = format!("{SETTINGS}kpt_shape: [2, 3]\n");
    let cases = [
        (SETTINGS, "0 .1 .1 .3 .1 .3 .5", "xywh=10,5,20,20", "{}"),
        (
            SETTINGS,
            "0 .1 .1 .3 .1 .3 .5 .1 .5 .8",
            "xywh=10,5,20,20",
            r#"{"confidence":0.8}"#,
        ),
        (
            SETTINGS,
            "0 .5 .5 .2 .4 .6 17",
            "xywh=40,15,20,20",
            r#"{"confidence":0.6,"track":17.0}"#,
        ),
        (
            &*pose,
            "0 .5 .5 .2 .4 .4 .4 2 .6 .6 1",
            "xywh=40,15,20,20",
            r#"{"keypoints":[40,20,2,60,30,1]}"#,
        ),
        (SETTINGS, "0.0 .5 .5 1.1 .4", "xywh=-5,15,110,20", "{}"),
        // Of a box with an angle nothing says that it is one.
        (SETTINGS, "0 .5 .5 .2 .4 1.2", NEITHER_1, ""),
        (SETTINGS, "0 .5 .5 .2 .4 -.785", NEITHER_2, ""),
        (
            SETTINGS,
            "0 .5 .5 .2 .4 1.001",
            "xywh=40,15,20,20",
            r#"{"confidence":1.001}"#,
        ),
        (
            SETTINGS,
            "0 .5 .5 .2",
            "line 1 line line has too few numbers: 3 after the class, at least 4 are needed",
            "",
        ),
        (
            SETTINGS,
            "0 .5 .5 .2 nan",
            "line 1 line line contains something that is not a number: nan",
            "",
        ),
        (
            SETTINGS,
            "fish .5 .5 .2 .2",
            "line 1 line class is not a whole number: fish",
            "",
        ),
        (
            SETTINGS,
            "-1 .5 .5 .2 .2",
            "line 1 line class is not a whole number: -1",
            "",
        ),
        (
            SETTINGS,
            "0 50 50 20 20",
            "line 1 line numbers are not relative to the image: 50, between 0 and 1 was expected",
            "",
        ),
        (
            SETTINGS,
            "0 .5 .5 0 .2",
            "line 1 line box is empty: 0 x 0.2",
            "",
        ),
        (
            SETTINGS,
            "1 .5 .5 .2 .2",
            "line 1 category_id class does not have a name: 1 is not in the list of classes",
            "",
        ),
    ];
    for (settings, row, wanted, attributes) in cases {
        let work = Workdir::new();
        work.write("set/data.yaml", settings);
        work.write("set/labels/a.txt", format!("{row}\n0 .5 .5 .1 .1"));
        picture(&work, "set/images/a.png", 100, 50);
        digest(&work, &["yolo", "set"]);
        match wanted.starts_with("xywh") {
            true => {
                let found = &annotations(&work)[0];
                let fragment = found["regions"][0]["fragment"].as_str().unwrap();
                let numbers = |text: &str| -> Vec<f64> {
                    text[5..].split(',').map(|n| n.parse().unwrap()).collect()
                };
                let pairs = numbers(fragment).into_iter().zip(numbers(wanted));
                assert!(
                    pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-6),
                    "{row}: {fragment}"
                );
                let given = found
                    .get("attributes")
                    .map_or("{}".into(), |a| a.to_string());
                assert_eq!(given, attributes, "{row}");
            }
            false => assert_eq!(rejects(&work), [wanted], "{row}"),
        }
    }
}

#[test]
fn names_of_classes_come_from_wherever_tools_put_them() {
    let cases: [(&str, &str, &[&str]); 8] = [
        ("set/labels/classes.txt", "fish\n", &["set/labels/a.txt"]),
        ("set/data.yaml", "names: [fish]", &["set/labels/a.txt"]),
        ("obj.names", "fish\n", &["set/labels/a.txt"]),
        ("set/classes.txt", "fish\neel\n", &["set/labels"]),
        ("set/obj.names", "fish\r\neel", &["set"]),
        ("set/labels/classes.txt", "fish\n", &["set/labels"]),
        ("set/data.yaml", "names: [fish, eel]", &["set/data.yaml"]),
        ("names.txt", "fish\n", &["set", "--classes", "names.txt"]),
    ];
    for (file, text, args) in cases {
        let work = Workdir::new();
        work.write(file, text);
        work.write("set/labels/a.txt", "0 .5 .5 .2 .2");
        picture(&work, "set/images/a.png", 100, 100);
        digest(&work, &[&["yolo"], args].concat()).exits(0);
        assert_eq!(boxes(&work).len(), 1, "{file}");
        assert!(boxes(&work)[0].starts_with("fish "), "{file}");
    }
    let work = Workdir::new();
    work.write("labels/a.txt", "0 .5 .5 .2 .2");
    digest(&work, &["yolo", "labels"]).exits(1).says(&[
        "names of the classes are not known: 0; --classes FILE names data.yaml or a class per line",
    ]);
}

#[test]
fn what_is_no_list_of_classes_is_not_read_as_one() {
    for (text, wanted) in [
        ("id;name\n0;fish\n", "it is a table"),
        (
            "item {\n  id: 1\n  name: 'fish'\n}\n",
            "it is a TensorFlow label map",
        ),
        (
            "# label:color_rgb:parts:actions\nfish:0,0,0::\n",
            "it is a CVAT label map",
        ),
        ("[\n\"fish\"\n]", "it is a JSON list"),
    ] {
        let work = Workdir::new();
        picture(&work, "set/a.png", 200, 100);
        work.write("set/a.txt", "0 0.5 0.5 0.2 0.4\n")
            .write("classes", text);
        digest(&work, &["yolo", "set", "--classes", "classes"])
            .exits(1)
            .says(&[wanted]);
    }
    // What labelme writes first takes no number.
    let work = Workdir::new();
    picture(&work, "set/a.png", 200, 100);
    work.write("set/a.txt", "0 0.5 0.5 0.2 0.4\n")
        .write("labels.txt", "__ignore__\n_background_\nfish\n");
    digest(&work, &["yolo", "set", "--classes", "labels.txt"]).exits(0);
    assert_eq!(boxes(&work), ["fish xywh=80,30,40,40"]);
}

#[test]
fn an_image_that_a_map_names_and_that_is_beside_its_labels_is_one() {
    let work = Workdir::new();
    picture(&work, "images/a.png", 200, 100);
    work.write("labels/a.txt", "0 0.5 0.5 0.2 0.4\n")
        .write("classes.txt", "fish\n")
        .write_json(
            "image_map.json",
            &json!({"https://a.example/a": "images/a.png"}),
        );
    digest(&work, &["yolo", "labels", "--images", "image_map.json"]).exits(0);
    assert_eq!(boxes(&work), ["fish xywh=80,30,40,40"]);
    assert_eq!(observations(&work)[0]["id"], "https://a.example/a");
}

#[test]
fn without_sizes_boxes_are_in_percent_and_that_is_said() {
    let work = Workdir::new();
    work.write("set/classes.txt", "fish\n");
    work.write("set/labels/a.txt", "0 .5 .5 .5 .25");
    digest(&work, &["yolo", "set"]).exits(0).says(&[
        "1 size of an image is not known: boxes are in percent of the image; --images FOLDER gives sizes",
        "1 image is known by name only: give recto-extract the archive's digest too",
    ]);
    let seen = &observations(&work)[0];
    assert_eq!(seen["canvas"], serde_json::json!([100, 100]));
    assert_eq!(boxes(&work), ["fish xywh=25,37.5,50,25"]);
}

#[test]
fn what_is_no_label_file_is_said() {
    let work = Workdir::new();
    work.write("set/classes.txt", "fish\n")
        .write("set/labels/a.txt", "0 .5 .5 .5 .25");
    work.write("set/train.txt", "images/a.jpg\nimages/b.jpg\n");
    digest(&work, &["yolo", "set"])
        .exits(0)
        .says(&["set/train.txt: a list of images, which is not read"]);
    assert_eq!(observations(&work).len(), 1);
    work.write("none/readme.md", "x");
    digest(&work, &["yolo", "none"])
        .exits(2)
        .says(&["none: there are no yolo annotation files in this folder"]);
    work.write("bad/data.yaml", "names: [a")
        .write("bad/a.txt", "0 .5 .5 .5 .5");
    digest(&work, &["yolo", "bad"])
        .exits(1)
        .says(&["document cannot be read as YAML"]);
}

/// Rows that could be read in two ways are read as the others of the run are.
#[test]
fn numbers_of_tracks_are_told_from_coordinates() {
    let pose = "names: [fish]\nkpt_shape: [2, 3]\n";
    let plain = "names: [fish]\n";
    let track = |n: f64| json!({"track": n});
    let sure = |n: f64| json!({"confidence": 0.9, "track": n});
    let few = |n: usize| {
        format!(
            "line 1 line line does not have the keypoints of kpt_shape: {n} numbers after the class, 10 are needed"
        )
    };
    let outlined = "0 .1 .1 .3 .1 .3 .5 .1 .5";
    /// Settings, the rows of one file, and of each row the attributes of its box, or its reject.
    type Case<'a> = (&'a str, &'a [&'a str], Vec<Result<Value, String>>);
    let cases: [Case; 10] = [
        // One object alone has the number 1.
        (plain, &["0 .5 .5 .2 .2 .9 1"], vec![Ok(sure(1.0))]),
        (
            plain,
            &["0 .5 .5 .2 .2 .9 1", "0 .5 .5 .2 .2 .9 2"],
            vec![Ok(sure(1.0)), Ok(sure(2.0))],
        ),
        (
            plain,
            &["0 .5 .5 .2 .2 1", "0 .5 .5 .2 .2 7"],
            vec![Ok(track(1.0)), Ok(track(7.0))],
        ),
        (
            plain,
            &["0 .5 .5 .2 .2 1"],
            vec![Ok(json!({"confidence": 1.0}))],
        ),
        // Outlines with confidence and track; a triangle at the lower edge among outlines.
        (
            plain,
            &["0 .1 .1 .3 .1 .3 .5 .9 1", "0 .1 .1 .3 .1 .3 .5 .9 2"],
            vec![Ok(sure(1.0)), Ok(sure(2.0))],
        ),
        (
            plain,
            &["0 .1 .1 .3 .1 .3 1", outlined],
            vec![Ok(Value::Null), Ok(Value::Null)],
        ),
        (
            pose,
            &["0 .5 .5 .2 .2 .4 .4 2 .6 .6 1 .9 1"],
            vec![Ok(
                json!({"confidence": 0.9, "track": 1.0, "keypoints": [40, 40, 2, 60, 60, 1]}),
            )],
        ),
        (pose, &["0 .5 .5 .2 .2 .5 .5 2"], vec![Err(few(7))]),
        (pose, &["0 .5 .5 .2 .2 .5 .5"], vec![Err(few(6))]),
        (pose, &["0 .5 .5 .2 .2"], vec![Ok(Value::Null)]),
    ];
    for (settings, rows, wanted) in cases {
        let work = Workdir::new();
        work.write("set/data.yaml", settings);
        work.write("set/labels/a.txt", rows.join("\n"));
        // Another file of the run, which is kept.
        work.write("set/labels/b.txt", "0 .5 .5 .1 .1");
        digest(&work, &["yolo", "set"]);
        let found = annotations(&work);
        let (kept, lost): (Vec<_>, Vec<_>) = wanted.into_iter().partition(Result::is_ok);
        let found = found.iter().take(kept.len());
        let found: Vec<_> = found
            .map(|a| Ok(a.get("attributes").cloned().unwrap_or_default()))
            .collect();
        assert_eq!(found, kept, "{rows:?}");
        let listed: Vec<_> = match lost.is_empty() {
            true => Vec::new(),
            false => rejects(&work)
                .into_iter()
                .filter(|r| r.starts_with("line"))
                .map(Err)
                .collect(),
        };
        assert_eq!(listed, lost, "{rows:?}");
    }
}

/// Every row of a run ends with `confidence 1` where there is one object; keypoints without `kpt_shape` are no outline.
#[test]
fn rows_of_one_object_and_of_keypoints_are_no_outlines() {
    let posed = "line 1 line line is a box with keypoints, but kpt_shape is not known: data.yaml with kpt_shape is needed beside the labels, or as --classes FILE";
    let cases: [(&str, &[&str], &[&str]); 4] = [
        (
            "0 0 0 .5 0 .5 .5 0 .5 .93 1\n0 0 0 .5 0 .5 .5 0 .5 .91 1",
            &["fish xywh=0,0,100,50", "fish xywh=0,0,100,50"],
            &[],
        ),
        (
            "0 .5 .5 .5 .5 .4 .4 2 .6 .6 1\n0 .5 .5 .5 .5",
            &["fish xywh=50,25,100,50"],
            &[posed],
        ),
        (
            "0 .5 .5 .5 .5 .4 .4 0 .6 .6 1 .4 .4 1 .4 .4 0 .4 .4 1 .8\n0 .5 .5 .5 .5",
            &["fish xywh=50,25,100,50"],
            &[posed],
        ),
        // Lines that end with CR alone.
        (
            "0 .5 .5 .5 .5\r0 .25 .5 .5 1\r",
            &["fish xywh=50,25,100,50", "fish xywh=0,0,100,100"],
            &[],
        ),
    ];
    for (rows, kept, lost) in cases {
        let work = Workdir::new();
        work.write("set/classes.txt", "fish\n")
            .write("set/labels/a.txt", rows);
        picture(&work, "set/images/a.png", 200, 100);
        digest(&work, &["yolo", "set"]).exits(if lost.is_empty() { 0 } else { 3 });
        assert_eq!(boxes(&work), kept, "{rows:?}");
        if !lost.is_empty() {
            assert_eq!(rejects(&work), lost, "{rows:?}");
        }
    }
}

#[test]
fn a_list_of_classes_with_numbers_is_told() {
    let told = "each line begins with its number, which is read as a part of the name of the class";
    for (list, is_told) in [
        ("0 fish\n1 eel\n", true),
        ("fish\n1 eel\n", false),
        ("3 fish\n", false),
    ] {
        let work = Workdir::new();
        work.write("set/classes.txt", list)
            .write("set/labels/a.txt", "0 .5 .5 .5 .5");
        let ran = digest(&work, &["yolo", "set"]);
        ran.exits(0);
        assert_eq!(ran.stderr().contains(told), is_told, "{list}");
    }
}
