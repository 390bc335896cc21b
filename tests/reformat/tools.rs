//! Sets for annotation tools and for viewers: layouts, and what each says of boxes beyond their corners.

use image::ImageFormat;
use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use recto_testkit::readers::elements;
use serde_json::{Value, json};

/// One image with an outline that has a hole, a box with a text, and one that a model predicted.
fn outlined() -> Workdir {
    let mut outlined = boxed("o", "a & \"b\"", [10.0, 10.0, 40.0, 30.0]);
    outlined["polygon"] = json!([[10, 10], [50, 10], [50, 40], [10, 40]]);
    outlined["holes"] = json!([[[20, 20], [30, 20], [30, 30]]]);
    let mut text = boxed("t", "line\nbreak", [1.0, 2.0, 3.0, 4.5]);
    text["attributes"] = json!({ "text": "in the <beginning>", "difficult": 1, "occluded": true });
    let mut guess = boxed("p", "\u{5d0}", [60.0, 20.0, 10.0, 10.0]);
    guess["attributes"] = json!({ "predicted": true, "model_version": "m1", "confidence": 0.5 });
    let mut one = image("u1", "g", [100, 50], vec![outlined, text, guess]);
    one["source"]["canvas"] = "https://example.org/canvas/1".into();
    let work = Workdir::new();
    let picture = picture(100, 50, 1, ImageFormat::Png);
    lay_out(&work, &[one], &[("u1", "my images/f 1.png", picture)]);
    work
}

#[test]
fn label_studio_gets_tasks_and_an_interface_for_them() {
    let work = outlined();
    reformat(&work, "labelstudio", &[])
        .exits(0)
        .says(&["1 outline with parts or holes is one ring"]);
    let task = &work.json("out/tasks.json")[0];
    assert_eq!(
        task["data"]["image"],
        "/data/local-files/?d=images/my%20images/f%201.png"
    );
    assert!(work.exists("out/images/my images/f 1.png"));
    let results = task["annotations"][0]["result"].as_array().unwrap();
    let kinds: Vec<&str> = results
        .iter()
        .map(|r| r["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["polygonlabels", "rectanglelabels", "textarea"]);
    assert_eq!(results[0]["value"]["points"].as_array().unwrap().len(), 9);
    assert_eq!(results[1]["id"], results[2]["id"]);
    assert_eq!(results[2]["value"]["text"], json!(["in the <beginning>"]));
    assert_eq!(
        (&results[1]["value"]["y"], &results[1]["value"]["height"]),
        (&json!(4.0), &json!(9.0))
    );
    let predicted = &task["predictions"][0];
    assert_eq!(predicted["model_version"], "m1");
    assert_eq!(predicted["result"][0]["score"], 0.5);
    assert_eq!(
        predicted["result"][0]["value"]["rectanglelabels"],
        json!(["\u{5d0}"])
    );
    let interface = work.text("out/interface.xml");
    for value in ["a &amp; &quot;b&quot;", "line&#10;break", "&#1488;"] {
        assert!(
            interface.contains(&format!("<Label value=\"{value}\"/>")),
            "{interface}"
        );
    }
    assert!(interface.contains("<TextArea name=\"text\""));
}

#[test]
fn cvat_gets_shapes_with_the_attributes_it_knows() {
    let work = outlined();
    reformat(&work, "cvat", &[]).exits(0);
    let xml = work.text("out/annotations.xml");
    assert_eq!(elements(&xml, "size"), ["1"]);
    assert_eq!(elements(&xml, "version"), ["1.1"]);
    let begins = [
        "<image id=\"0\" name=\"my_images__f_1.png\" width=\"100\" height=\"50\">",
        "<polygon label=\"a &amp; &quot;b&quot;\" source=\"manual\" occluded=\"0\" points=\"10,10;",
        "<box label=\"line&#10;break\" source=\"manual\" occluded=\"1\" xtl=\"1\" ytl=\"2\" xbr=\"4\" ybr=\"6.5\" z_order=\"0\">",
        "<attribute name=\"text\">in the &lt;beginning&gt;</attribute>",
        "<attribute name=\"difficult\">true</attribute>",
    ];
    for begin in begins {
        assert!(xml.contains(begin), "{begin}\n{xml}");
    }
    let work = groups();
    reformat(&work, "cvat", &["--split", "train=0.5,val=0.5"]).exits(0);
    let xml = work.text("out/annotations.xml");
    assert_eq!(elements(&xml, "subset"), ["train", "val"]);
    assert_eq!(xml.matches(" subset=\"val\"").count(), 12);
}

#[test]
fn labelme_gets_a_document_beside_each_image() {
    let work = outlined();
    reformat(&work, "labelme", &["-q"]).exits(0);
    let document = work.json("out/train/my_images__f_1.json");
    assert!(work.exists("out/train/my_images__f_1.png"));
    assert_eq!(document["imagePath"], "my_images__f_1.png");
    assert_eq!(
        (&document["imageData"], &document["imageHeight"]),
        (&Value::Null, &json!(50))
    );
    let shapes = document["shapes"].as_array().unwrap();
    assert_eq!(shapes[0]["shape_type"], "polygon");
    assert_eq!(shapes[1]["shape_type"], "rectangle");
    assert_eq!(shapes[1]["points"], json!([[1.0, 2.0], [4.0, 6.5]]));
    assert_eq!(shapes[1]["description"], "in the <beginning>");
    assert_eq!(
        shapes[1]["flags"],
        json!({ "difficult": true, "occluded": true })
    );
    let labels = work.text("out/labels.txt");
    assert_eq!(
        labels,
        "__ignore__\n_background_\na & \"b\"\nline break\n\u{5d0}\n"
    );
}

#[test]
fn roboflow_has_a_folder_per_split_and_a_root_above_the_classes() {
    let work = groups();
    let split = ["--split", "train=0.5,val=0.25,test=0.25"];
    let ran = reformat(&work, "roboflow", &split);
    ran.exits(0);
    assert!(!ran.stderr().contains("RF-DETR needs"), "{}", ran.stderr());
    for (folder, n) in [("train", 12), ("valid", 6), ("test", 6)] {
        let coco = work.json(&format!("out/{folder}/_annotations.coco.json"));
        let images = coco["images"].as_array().unwrap();
        assert_eq!(images.len(), n, "{folder}");
        for image in images {
            let file = image["file_name"].as_str().unwrap();
            assert!(
                work.exists(&format!("out/{folder}/{file}")),
                "{folder}/{file}"
            );
        }
        let categories = json!([
            { "id": 0, "name": "objects", "supercategory": "none" },
            { "id": 1, "name": "a", "supercategory": "objects" },
        ]);
        assert_eq!(coco["categories"], categories);
        let boxes = coco["annotations"].as_array().unwrap();
        assert!(boxes.iter().all(|b| b["category_id"] == 1 && b["id"] != 0));
    }
    reformat(&work, "roboflow", &[])
        .exits(0)
        .says(&["there are no images for valid and test"]);
}

#[test]
fn annotation_pages_are_in_units_of_the_canvas() {
    let work = outlined();
    let mut set = work.json("localizations.json");
    // The canvas is twice as large, and the image fills its right half, turned by a quarter.
    set["images"][0]["painted"] = json!({ "area": [100, 0, 100, 200], "rotation": 90 });
    work.write_json("localizations.json", &set);
    let base = ["--iiif-base", "https://archive.example/notes/"];
    reformat(&work, "iiif", &base).exits(0);
    let path = "annotations/my_images__f_1.json";
    let page = work.json(&format!("out/{path}"));
    assert_eq!(page["type"], "AnnotationPage");
    assert_eq!(page["id"], format!("https://archive.example/notes/{path}"));
    let items = page["items"].as_array().unwrap();
    assert_eq!(
        items[0]["target"]["source"]["id"],
        "https://example.org/canvas/1"
    );
    let selectors = &items[0]["target"]["selector"];
    assert_eq!(selectors[0]["value"], "xywh=120,20,60,80");
    let svg = selectors[1]["value"].as_str().unwrap();
    assert!(
        svg.contains("d=\"M180,20L180,100L120,100L120,20ZM160,40L160,60L140,60Z\""),
        "{svg}"
    );
    // 1, 2, 3, 4.5 on the image: a unit is half a pixel.
    assert_eq!(
        items[1]["target"],
        "https://example.org/canvas/1#xywh=187,2,9,6"
    );
    assert_eq!(items[1]["motivation"], json!(["tagging", "supplementing"]));
    assert_eq!(items[1]["body"][1]["value"], "in the <beginning>");
    assert_eq!(items[2]["body"]["value"], "\u{5d0}");
    assert_eq!(
        items[2]["id"],
        format!("https://archive.example/notes/{path}#3")
    );
    let rows = rows(&work, "out/pages.csv");
    assert_eq!(
        (rows[0]["page"].as_str(), rows[0]["annotations"].as_str()),
        (path, "3")
    );
}

#[test]
fn images_without_a_canvas_and_captures_with_the_same_boxes_have_no_page() {
    let work = Workdir::new();
    let on = |id: &str, canvas: &str, x: f64| {
        let mut image = image(id, "g", [100, 50], vec![boxed(id, "a", [x, 2.0, 3.0, 4.0])]);
        if !canvas.is_empty() {
            image["source"]["canvas"] = canvas.into();
        }
        image
    };
    let images = [
        on("a", "https://example.org/1", 1.0),
        on("b", "https://example.org/1", 1.0),
        on("c", "https://example.org/1", 9.0),
        on("d", "https://example.org/2", 1.0),
        on("e", "", 1.0),
        on("f", "row 7", 1.0),
    ];
    let png = || picture(100, 50, 1, ImageFormat::Png);
    let names = ["a", "b", "c", "d", "e", "f"].map(|id| (id, format!("{id}.png")));
    let files: Vec<_> = names
        .iter()
        .map(|(id, path)| (*id, path.as_str(), png()))
        .collect();
    lay_out(&work, &images, &files);
    reformat(&work, "iiif", &[]).exits(0).says(&[
        "2 images left out: a part of an image, or on no canvas with a size",
        "1 canvas has captures with different annotations",
        "1 image has the same annotations as another of its canvas",
        "--iiif-base URL says where you publish them",
    ]);
    let pages: Vec<String> = work.tree("out/annotations").into_keys().collect();
    assert_eq!(pages, ["a.json", "c.json", "d.json"]);
    let id = work.json("out/annotations/d.json")["id"].clone();
    assert_eq!(id, "https://example.org/2/annotations/d.json");
    reformat(&work, "iiif", &["--iiif-base", "notes"])
        .exits(2)
        .says(&["`notes` is not an address"]);
}

#[test]
fn captures_of_a_canvas_have_each_annotation_once_and_differences_are_told() {
    let shared = || boxed("c", "shared", [10.0, 10.0, 50.0, 40.0]);
    let other = |name: &str, x: f64| boxed(name, name, [x, 1.0, 5.0, 5.0]);
    let mut seen = shared();
    seen["attributes"] = json!({ "verified": true });
    const DIFFER: &str = "1 canvas has captures with different annotations";
    // The boxes of two captures, how many annotations the pages of both have, what is told.
    let cases = [
        (
            vec![shared(), other("x", 1.0)],
            vec![shared(), other("y", 2.0)],
            &["2", "1"][..],
            DIFFER,
        ),
        (
            vec![shared(), other("x", 1.0)],
            vec![shared()],
            &["2"],
            DIFFER,
        ),
        (vec![], vec![shared()], &["0", "1"], DIFFER),
        (vec![shared()], vec![seen], &["1"], DIFFER),
        (
            vec![shared(), boxed("d", "shared", [10.0, 10.0, 50.0, 40.0])],
            vec![shared(), boxed("d", "shared", [10.0, 10.0, 50.0, 40.0])],
            &["2"],
            "1 image has the same annotations as another of its canvas",
        ),
    ];
    for (first, second, wanted, told) in cases {
        let work = Workdir::new();
        let on = |id: &str, boxes: Vec<Value>| {
            let mut image = image(id, "g", [100, 50], boxes);
            image["source"]["canvas"] = "https://example.org/1".into();
            image
        };
        let images = [on("a", first), on("b", second)];
        let png = |seed| picture(100, 50, seed, ImageFormat::Png);
        lay_out(
            &work,
            &images,
            &[("a", "a.png", png(1)), ("b", "b.png", png(2))],
        );
        let ran = reformat(&work, "iiif", &[]);
        ran.exits(0).says(&[told]);
        let is_told = ran.stderr().contains("captures with different");
        assert_eq!(is_told, told == DIFFER, "{}", ran.stderr());
        let rows = rows(&work, "out/pages.csv");
        let found: Vec<&str> = rows.iter().map(|row| row["annotations"].as_str()).collect();
        assert_eq!(found, wanted);
    }
}
