//! What `recto-reformat` wrote comes back through `recto-digest`: the same boxes, classes, outlines and attributes.

use std::collections::BTreeMap;

use recto_testkit::Workdir;
use recto_testkit::dataset::{AWKWARD, boxed, image, lay_out, picture, reformat, rows, turned};
use serde_json::{Value, json};

/// Three images on an archive, one without boxes, and their digest.
fn archive() -> Workdir {
    let awkward = AWKWARD.iter().enumerate();
    let awkward = awkward.map(|(i, name)| {
        boxed(
            &format!("box {i}"),
            name,
            [i as f64 * 10.0 + 0.25, 5.5, 20.0, 30.5],
        )
    });
    let mut outlined = boxed("o", "plain", [10.5, 10.0, 60.0, 40.25]);
    outlined["polygon"] = json!([[10.5, 10], [70.5, 10], [70.5, 50.25], [30, 45.5]]);
    outlined["attributes"] = json!({"text": "in the\nbeginning <b>", "confidence": 0.75, "tags": ["x"], "depth": {"m": 3}});
    let mut awkward: Vec<Value> = awkward.collect();
    // Without outline: the mask of a crowd is in pixels.
    awkward[0]["attributes"] = json!({"iscrowd": 1});
    let images = [
        image("u1", "ms 1", [200, 100], awkward),
        image("u2", "ms 1", [100, 50], vec![]),
        image(
            "https://example.org/iiif/u3",
            "ms 2",
            [120, 80],
            vec![outlined],
        ),
    ];
    let format = image::ImageFormat::Png;
    let files = [
        ("u1", "images/ms 1/a.png", picture(200, 100, 1, format)),
        ("u2", "images/ms 1/b.png", picture(100, 50, 2, format)),
        (
            "https://example.org/iiif/u3",
            "images/ms_2/a.png",
            picture(120, 80, 3, format),
        ),
    ];
    let work = Workdir::new();
    lay_out(&work, &images, &files);
    let observation = |image: &Value| {
        json!({"id": image["id"], "image": image["image"], "source": image["source"], "group": image["group"],
            "metadata": image["metadata"]})
    };
    let observations: Vec<Value> = images.iter().map(observation).collect();
    let digest = json!({"contract": "recto/digest", "version": 1, "source": {"kind": "iiif", "inputs": []}, "observations": observations});
    work.write_json("digest.json", &digest);
    work
}

/// Image and class → the box, outline and attributes, of a localizations.json.
fn placed(work: &Workdir, name: &str) -> BTreeMap<(String, String), Value> {
    let mut found = BTreeMap::new();
    for image in work.json(name)["images"].as_array().unwrap() {
        for localization in image["localizations"].as_array().unwrap() {
            let class = localization["concept"]
                .as_str()
                .unwrap()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            found.insert(
                (image["id"].as_str().unwrap().to_owned(), class),
                localization.clone(),
            );
        }
    }
    found
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        value => value.as_f64().into_iter().collect(),
    }
}

#[track_caller]
fn assert_close(a: &Value, b: &Value, most: f64, what: &str) {
    let (left, right) = (numbers(a), numbers(b));
    assert_eq!(left.len(), right.len(), "{what}: {a} and {b}");
    assert!(
        left.iter().zip(&right).all(|(a, b)| (a - b).abs() <= most),
        "{what}: {a} and {b}"
    );
}

#[test]
fn sets_come_back_as_the_same_boxes() {
    let cases: [(&str, &[&str], &[&str], f64); 6] = [
        (
            "coco",
            &[],
            &["coco", "out/annotations/instances_default.json"],
            1e-6,
        ),
        ("voc", &[], &["voc", "out"], 0.5),
        ("voc", &["--voc-inclusive"], &["voc", "out"], 0.5),
        ("yolo", &["--no-val"], &["yolo", "out"], 1e-3),
        (
            "roboflow",
            &[],
            &["coco", "out/train/_annotations.coco.json"],
            1e-6,
        ),
        (
            "labelstudio",
            &[],
            &[
                "labelstudio",
                "out/tasks.json",
                "--images",
                "image_map.json",
            ],
            1e-6,
        ),
    ];
    for (format, flags, args, most) in cases {
        let work = archive();
        reformat(&work, format, flags).exits(0);
        if format == "coco" {
            let all = work.json("out/annotations/instances_default.json")["annotations"].clone();
            let crowds = all.as_array().unwrap().iter().filter(|a| a["iscrowd"] == 1);
            assert_eq!(crowds.count(), 1);
        }
        work.run("digest", &[args, &["-o", "boxes.json"]].concat())
            .exits(0);
        let call = ["digest.json", "boxes.json", "-o", "back.json"];
        work.run("extract", &call)
            .exits(0)
            .says(&["3 images with 10 boxes in back.json"]);
        let (before, after) = (
            placed(&work, "localizations.json"),
            placed(&work, "back.json"),
        );
        assert_eq!(
            before.keys().collect::<Vec<_>>(),
            after.keys().collect::<Vec<_>>(),
            "{format}"
        );
        for (key, wanted) in &before {
            let found = &after[key];
            assert_close(
                &wanted["bbox"],
                &found["bbox"],
                most,
                &format!("{format} {key:?}"),
            );
            if format == "coco" {
                assert_eq!(found["id"], wanted["id"]);
                assert_close(&wanted["polygon"], &found["polygon"], most, "polygon");
                let attributes = wanted.get("attributes").cloned().unwrap_or(json!({}));
                assert_eq!(found["attributes"], attributes, "{key:?}");
            }
            if format == "voc" {
                assert_eq!(
                    found["attributes"].get("text"),
                    wanted["attributes"].get("text")
                );
            }
        }
        let image = &work.json("back.json")["images"][0];
        assert_eq!(
            (&image["group"], &image["metadata"]["Date"]),
            (&json!("ms 1"), &json!(["1200", "1250"]))
        );
    }
}

/// The size of a file does not say whether a tool showed it as stored or as EXIF turns it, unless both are one: the user does.
#[test]
fn boxes_on_files_that_exif_turns_are_where_the_option_says() {
    const VIA: &str = r#"{"a.jpg1": {"filename": "a.jpg", "size": 1, "regions": [
        {"shape_attributes": {"name": "rect", "x": 10, "y": 20, "width": 30, "height": 40}, "region_attributes": {"c": "x"}}]}}"#;
    let url = ["--images", "https://x.example/"];
    let folder = ["--images", "images"];
    /// Input, further options, EXIF orientation, and the box as stored and as turned.
    type Case<'a> = (&'a [&'a str], &'a [&'a str], u8, [[&'a str; 4]; 2]);
    let (yolo, via) = (["yolo", "labels"], ["via", "v.json"]);
    let shares = [["20", "5", "40", "10"], ["10", "70", "20", "20"]];
    let pixels = [["10", "20", "30", "40"], ["20", "60", "40", "30"]];
    let upside_down = [["20", "5", "40", "10"], ["140", "85", "40", "10"]];
    let cases: [Case; 5] = [
        (&yolo, &[], 6, shares),
        (&yolo, &folder, 6, shares),
        (&yolo, &folder, 3, upside_down),
        (&via, &folder, 6, pixels),
        (&via, &[], 6, pixels),
    ];
    for (input, more, orientation, wanted) in cases {
        let work = Workdir::new();
        work.write("images/a.jpg", turned(200, 100, orientation))
            .write("labels/a.txt", "0 .2 .1 .2 .1")
            .write("labels/classes.txt", "x\n")
            .write("v.json", VIA);
        let digested = [input, more, &url, &["-o", "digest.json"]].concat();
        let ran = work.run("digest", &digested);
        ran.exits(0);
        let is_told = ran.stderr().contains("is turned by EXIF to another size");
        let has_folder = input == yolo || !more.is_empty();
        assert_eq!(is_told, has_folder && orientation == 6, "{digested:?}");
        work.run("extract", &["digest.json", "-o", "localizations.json"])
            .exits(0);
        let id = work.json("localizations.json")["images"][0]["id"].clone();
        work.write_json(
            "image_map.json",
            &json!({id.as_str().unwrap(): "images/a.jpg"}),
        );
        for (option, wanted) in ["stored", "turned"].into_iter().zip(wanted) {
            reformat(&work, "csv", &["--exif-boxes", option]).exits(0);
            let row = &rows(&work, "out/annotations.csv")[0];
            let found = ["x", "y", "w", "h"].map(|name| row[name].as_str());
            assert_eq!(found, wanted, "{digested:?} {orientation} {option}");
        }
    }
}

/// Annotation pages lead back to the images of their canvases by these alone.
#[test]
fn annotation_pages_come_back_as_the_same_boxes() {
    let work = archive();
    let mut digest = work.json("digest.json");
    let mut set = work.json("localizations.json");
    for (n, size) in [[400, 200], [100, 50], [1200, 800]].into_iter().enumerate() {
        let canvas = format!("https://example.org/canvas/{n}");
        let scale = f64::from(size[0]) / set["images"][n]["frame"][0].as_f64().unwrap();
        let area = json!({ "area": [0, 0, size[0], size[1]] });
        set["images"][n]["source"]["canvas"] = canvas.clone().into();
        if scale != 1.0 {
            set["images"][n]["painted"] = area;
        }
        digest["observations"][n]["source"]["canvas"] = canvas.into();
        digest["observations"][n]["canvas"] = json!(size);
    }
    work.write_json("digest.json", &digest);
    work.write_json("localizations.json", &set);
    let base = ["--iiif-base", "https://example.org/notes"];
    reformat(&work, "iiif", &base).exits(0);
    let pages: Vec<String> = work.tree("out/annotations").into_keys().collect();
    assert_eq!(pages.len(), 3);
    let pages: Vec<String> = pages
        .iter()
        .map(|page| format!("out/annotations/{page}"))
        .collect();
    let mut call: Vec<&str> = vec!["iiif"];
    call.extend(pages.iter().map(String::as_str));
    call.extend(["-o", "boxes.json"]);
    work.run("digest", &call).exits(0);
    work.run("extract", &["digest.json", "boxes.json", "-o", "back.json"])
        .exits(0)
        .says(&["3 images with 10 boxes in back.json"]);
    let (before, after) = (
        placed(&work, "localizations.json"),
        placed(&work, "back.json"),
    );
    let names =
        |found: &BTreeMap<(String, String), Value>| found.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after));
    let back = work.json("back.json");
    for image in back["images"].as_array().unwrap() {
        let own = set["images"]
            .as_array()
            .unwrap()
            .iter()
            .find(|own| own["id"] == image["id"]);
        let scale =
            own.unwrap()["frame"][0].as_f64().unwrap() / image["frame"][0].as_f64().unwrap();
        for localization in image["localizations"].as_array().unwrap() {
            let class = localization["concept"]
                .as_str()
                .unwrap()
                .split_whitespace()
                .collect::<Vec<_>>();
            let wanted = &before[&(image["id"].as_str().unwrap().to_owned(), class.join(" "))];
            let found: Vec<f64> = numbers(&localization["bbox"])
                .iter()
                .map(|v| v * scale)
                .collect();
            assert_close(&wanted["bbox"], &json!(found), 0.5, &class.join(" "));
        }
    }
    let outline = back["images"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|i| i["localizations"].as_array().unwrap());
    assert_eq!(outline.filter(|l| l["polygon"].is_array()).count(), 1);
}

#[test]
fn a_table_of_vgg_comes_back_as_images_with_their_metadata() {
    let work = archive();
    reformat(&work, "vgg", &[]).exits(0);
    work.run("digest", &["via", "out/metadata.csv", "-o", "boxes.json"])
        .exits(0);
    work.run("extract", &["boxes.json", "digest.json", "-o", "back.json"])
        .exits(0)
        .says(&["3 images with 0 boxes"]);
}

/// Every mask is an outline around exactly its pixels: its area is that of the mask.
#[test]
fn masks_in_runs_become_outlines_of_the_same_area() {
    let work = archive();
    let mask = json!({"size": [80, 120], "counts": [810, 20, 60, 20, 60, 30, 8600]});
    let set = json!({
        "images": [{"id": 1, "file_name": "u3.jpg", "width": 120, "height": 80}], "categories": [{"id": 1, "name": "fish"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 3, 30], "segmentation": mask, "iscrowd": 1}],
    });
    work.write_json("i.json", &set);
    work.run("digest", &["coco", "i.json", "-o", "boxes.json"])
        .exits(0);
    work.run("extract", &["digest.json", "boxes.json"]).exits(0);
    let found = placed(&work, "localizations.json");
    let (_, fish) = found
        .iter()
        .find(|((_, class), _)| class == "fish")
        .unwrap();
    let points: Vec<f64> = numbers(&fish["polygon"]);
    let points = points.as_chunks::<2>().0;
    let next = points.iter().cycle().skip(1);
    let area: f64 = points
        .iter()
        .zip(next)
        .map(|(a, b)| a[0] * b[1] - b[0] * a[1])
        .sum::<f64>()
        / 2.0;
    assert_eq!(area, 70.0, "{fish}");
}

/// Holes are no parts.
#[test]
fn the_parts_of_an_outline_stay_together_and_come_back_as_parts() {
    let work = archive();
    let parts = json!([
        [10, 10, 40, 10, 40, 50, 10, 50],
        [60, 20, 60, 40, 80, 40],
        [90, 60, 100, 60, 100, 70]
    ]);
    let hole = [12, 12, 20, 12, 20, 20];
    let mut given = parts.as_array().unwrap().clone();
    given.insert(1, json!(hole));
    let set = json!({
        "images": [{"id": 1, "file_name": "u3.jpg", "width": 120, "height": 80}], "categories": [{"id": 1, "name": "fish"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 90, 60], "segmentation": given}],
    });
    work.write_json("i.json", &set);
    work.run("digest", &["coco", "i.json", "-o", "boxes.json"])
        .exits(0);
    work.run("extract", &["digest.json", "boxes.json"]).exits(0);
    reformat(&work, "coco", &[]).exits(0);
    let written = work.json("out/annotations/instances_default.json");
    let fish = &written["annotations"][0];
    assert_eq!(fish["area"], 1200 + 200 + 50, "{fish}");
    let lengths = fish["segmentation"].as_array().unwrap().iter();
    let lengths: Vec<usize> = lengths.map(|part| part.as_array().unwrap().len()).collect();
    assert_eq!(lengths, [8, 6, 6], "{fish}");
    // Each part turns the same way; their corners are those that were given.
    let pairs = |part: &Value| {
        let numbers = numbers(part);
        let mut pairs: Vec<[u64; 2]> = numbers
            .as_chunks::<2>()
            .0
            .iter()
            .map(|p| p.map(|n| n as u64))
            .collect();
        pairs.sort_unstable();
        pairs
    };
    for (found, wanted) in fish["segmentation"]
        .as_array()
        .unwrap()
        .iter()
        .zip(parts.as_array().unwrap())
    {
        assert_eq!(pairs(found), pairs(wanted), "{fish}");
    }
}

/// Neither the archive nor the labels say how large the images are: the files do, once they are there.
#[test]
fn boxes_in_percent_find_their_pixels_in_the_file() {
    let work = archive();
    let mut digest = work.json("digest.json");
    for observation in digest["observations"].as_array_mut().unwrap() {
        let url = observation["image"]["url"].clone();
        observation["image"] = json!({ "url": url });
    }
    work.write_json("digest.json", &digest);
    work.write("labels/u1.txt", "0 .5 .5 .5 .25\n0 .25 .25 .5 .25 .5 .75\n");
    let names = ["yolo", "labels", "--classes", "c.txt", "-o", "boxes.json"];
    work.write("c.txt", "fish\n");
    work.run("digest", &names)
        .exits(0)
        .says(&["1 size of an image is not known"]);
    work.run("extract", &["digest.json", "boxes.json"]).exits(0);
    let ran = reformat(&work, "coco", &[]);
    ran.exits(0);
    assert!(!ran.stderr().contains("aspect"), "{}", ran.stderr());
    let set = work.json("out/annotations/instances_default.json");
    let boxes: Vec<Vec<f64>> = set["annotations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| numbers(&a["bbox"]))
        .collect();
    assert_eq!(boxes, [[50.0, 37.5, 100.0, 25.0], [50.0, 25.0, 50.0, 50.0]]);
}
