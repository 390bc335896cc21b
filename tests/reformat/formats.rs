//! What each format of `recto-reformat` writes, read back by other parsers than the writers.

use image::ImageFormat;
use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use recto_testkit::readers::{elements, features, records, texts};
use serde_json::{Value, json};

use super::formats;

#[test]
fn every_format_writes_a_whole_folder_the_same_on_every_run() {
    let (work, mut images) = sample();
    for format in formats() {
        let out = format!("sets/{format}");
        let call = ["localizations.json", "-f", format, "-o", &out, "--no-val"];
        work.run("reformat", &call)
            .exits(0)
            .says(&["4 images with 11 boxes of 10 classes", &out]);
        let first = work.tree(&out);
        let card = work.json(&format!("{out}/dataset.json"));
        assert_eq!(card["contract"], "recto/dataset");
        assert_eq!(card["format"], format);
        assert_eq!(
            card["total"],
            json!({ "images": 4, "boxes": 11, "negatives": 1, "groups": 3 })
        );
        let listed: Vec<&str> = card["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f["path"].as_str().unwrap())
            .collect();
        let found: Vec<&str> = first
            .keys()
            .map(String::as_str)
            .filter(|path| *path != "dataset.json")
            .collect();
        assert_eq!(listed, found, "{format}");
        images.reverse();
        let turned = json!({ "contract": "recto/localizations", "version": 1, "images": images });
        work.write_json("localizations.json", &turned);
        work.run("reformat", &call).exits(0);
        let mut turned = work.tree(&out);
        let mut first = first;
        // The input is another file.
        let inputs = |tree: &mut std::collections::BTreeMap<String, Vec<u8>>| {
            let card: Value =
                serde_json::from_slice(&tree.remove("dataset.json").unwrap()).unwrap();
            let readme = String::from_utf8(tree["README.md"].clone()).unwrap();
            let hash = card["inputs"][0]["sha256"].as_str().unwrap();
            tree.insert("README.md".into(), readme.replace(hash, "").into_bytes());
            card["inputs"].clone()
        };
        assert_ne!(inputs(&mut turned), inputs(&mut first));
        assert!(
            turned == first,
            "{format}: another order of the input gives other bytes"
        );
    }
    let leftovers: Vec<_> = std::fs::read_dir(work.path("sets")).unwrap().collect();
    assert_eq!(leftovers.len(), formats().len(), "{leftovers:?}");
}

#[test]
fn with_csv_safe_no_table_of_any_format_has_a_formula() {
    let formulas = ["=1+1", "@SUM(A1)", "-1+cmd", "+cmd"];
    let images = formulas.map(|name| {
        let boxes = vec![boxed("b", name, [1.0, 1.0, 9.0, 9.0])];
        let mut one = image(name, name, [48, 32], boxes);
        one["image"]["url"] = json!(name);
        one
    });
    let work = Workdir::new();
    let paths = ["a.png", "b.png", "c.png", "d.png"];
    let files = formulas.iter().zip(paths).enumerate();
    let files: Vec<_> = files
        .map(|(i, (id, path))| (*id, path, picture(48, 32, i as u32, ImageFormat::Png)))
        .collect();
    lay_out(&work, &images, &files);
    let cells = |out: &str| -> Vec<String> {
        let tree = work.tree(out);
        let tables = tree.iter().filter(|(name, _)| name.ends_with(".csv"));
        let rows = tables.flat_map(|(_, bytes)| {
            let mut csv = csv::ReaderBuilder::new();
            let csv = csv
                .has_headers(false)
                .flexible(true)
                .from_reader(&bytes[..]);
            csv.into_records().map(Result::unwrap).collect::<Vec<_>>()
        });
        rows.flat_map(|row| row.iter().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    };
    let is_formula = |cell: &String| cell.starts_with(['=', '+', '-', '@']);
    let (mut plain, mut safe) = (0, 0);
    for format in formats() {
        for (out, option) in [("plain", None), ("safe", Some("--csv-safe"))] {
            let out = format!("{out}/{format}");
            let mut call = vec!["localizations.json", "-f", format, "-o", &out, "--no-val"];
            call.extend(option);
            work.run("reformat", &call).exits(0);
        }
        plain += cells(&format!("plain/{format}"))
            .iter()
            .filter(|c| is_formula(c))
            .count();
        let cells = cells(&format!("safe/{format}"));
        assert!(!cells.iter().any(is_formula), "{format}: {cells:?}");
        safe += cells.iter().filter(|cell| cell.starts_with('\'')).count();
    }
    assert!(plain > 0 && safe > 0);
}

#[test]
fn names_of_formats_are_known_in_any_case_and_unknown_ones_listed() {
    let (work, _) = sample();
    reformat(&work, "COCO", &[]).exits(0);
    assert!(work.exists("out/annotations/instances_default.json"));
    reformat(&work, "kitti", &[])
        .exits(2)
        .says(&formats())
        .says(&["kitti"]);
    let help = work.run("reformat", &["--help"]).stdout();
    assert!(
        formats().iter().all(|format| help.contains(format)),
        "{help}"
    );
}

#[test]
fn csv_holds_names_metadata_and_negatives() {
    let (work, _) = sample();
    reformat(&work, "csv", &[]).exits(0);
    let rows = rows(&work, "out/annotations.csv");
    let labels: Vec<&str> = rows.iter().map(|row| row["label"].as_str()).collect();
    let mut wanted = AWKWARD.to_vec();
    wanted.extend(["", "plain", "plain"]);
    assert_eq!(labels, wanted);
    let negative = &rows[AWKWARD.len()];
    assert_eq!(
        (negative["file"].as_str(), negative["x"].as_str()),
        ("images/ms 1/b.jpg", "")
    );
    let first = &rows[0];
    let cells = [
        "image_id",
        "width",
        "annotation_id",
        "uuid",
        "x",
        "h",
        "rights",
        "meta:Date",
        "image",
        "group",
    ];
    let cells: Vec<&str> = cells.iter().map(|name| first[*name].as_str()).collect();
    assert_eq!(
        cells,
        [
            "1",
            "200",
            "1",
            "box 0",
            "0",
            "30.5",
            "CC0, \"all\"",
            "1200 | 1250",
            "u1",
            "ms 1"
        ]
    );
}

#[test]
fn coco_has_dense_ids_sorted_categories_and_areas_of_outlines() {
    let outline = json!({ "id": "p", "concept": "b", "bbox": [10, 10, 20, 20],
        "polygon": [[10, 10], [30, 10], [30, 30]], "attributes": { "text": "alef" } });
    let work = one(
        [100, 100],
        [100, 100],
        vec![outline, boxed("q", "a", [0.0, 0.0, 2.5, 4.0])],
    );
    reformat(&work, "coco", &[]).exits(0);
    let coco = work.json("out/annotations/instances_default.json");
    let categories = json!([{ "id": 1, "name": "a", "supercategory": "" }, { "id": 2, "name": "b", "supercategory": "" }]);
    assert_eq!(coco["categories"], categories);
    assert_eq!(
        coco["annotations"],
        json!([
            { "id": 1, "image_id": 1, "category_id": 2, "bbox": [10, 10, 20, 20], "area": 200, "iscrowd": 0,
              "segmentation": [[10, 10, 30, 10, 30, 30]], "uuid": "p", "attributes": { "text": "alef" } },
            { "id": 2, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2.5, 4], "area": 10, "iscrowd": 0,
              "segmentation": [], "uuid": "q" },
        ])
    );
    let image = &coco["images"][0];
    assert_eq!(
        (&image["id"], &image["file_name"], &image["width"]),
        (&json!(1), &json!("a.png"), &json!(100))
    );
    assert_eq!(
        coco["licenses"],
        json!([{ "id": 1, "name": "CC0, \"all\"", "url": "" }])
    );
    assert_eq!(work.read("out/images/a.png"), work.read("a.png"));
}

#[test]
fn coco_keeps_awkward_names_and_folders() {
    let (work, _) = sample();
    reformat(&work, "coco", &[]).exits(0);
    let coco = work.json("out/annotations/instances_default.json");
    let mut names: Vec<&str> = coco["categories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    let mut wanted = AWKWARD.to_vec();
    wanted.push("plain");
    wanted.sort();
    assert_eq!(names, wanted);
    names.clear();
    let files = coco["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["file_name"].as_str().unwrap());
    names.extend(files);
    assert_eq!(
        names,
        ["ms 1/a.jpg", "ms 1/b.jpg", "ms_2/a.png", "ms_3/a.tif"]
    );
}

#[test]
fn voc_holds_names_lists_and_convention() {
    let (work, _) = sample();
    reformat(&work, "voc", &[])
        .exits(0)
        .says(&["2 images are not JPEG", "no labelmap.txt"]);
    let root = "out/VOCdevkit/VOC2012";
    let xml = work.text(&format!("{root}/Annotations/ms_1__a.xml"));
    assert_eq!(elements(&xml, "name"), AWKWARD);
    assert_eq!(elements(&xml, "filename"), ["ms_1__a.jpg"]);
    assert_eq!(elements(&xml, "xmax")[0], "20");
    assert_eq!(elements(&xml, "ymax")[0], "36", "35.5 is rounded half up");
    assert!(xml.contains("<annotation>edge0"), "{xml}");
    let negative = work.text(&format!("{root}/Annotations/ms_1__b.xml"));
    assert!(elements(&negative, "name").is_empty());
    let all = "ms_1__a\nms_1__b\nms_2__a\nms_3__a\n";
    assert_eq!(work.text(&format!("{root}/ImageSets/Main/train.txt")), all);
    assert_eq!(
        work.text(&format!("{root}/ImageSets/Main/trainval.txt")),
        all
    );
    let plain = work.text(&format!("{root}/ImageSets/Main/plain_train.txt"));
    assert_eq!(plain, "ms_1__a -1\nms_1__b -1\nms_2__a  1\nms_3__a  1\n");
    for file in ["ms_1__a.jpg", "ms_2__a.png", "ms_3__a.tif"] {
        assert!(work.exists(&format!("{root}/JPEGImages/{file}")), "{file}");
    }
}

#[test]
fn voc_counts_as_the_devkit_does_when_asked() {
    let work = one(
        [100, 100],
        [100, 100],
        vec![boxed("b", "a", [0.0, 10.0, 5.0, 0.2])],
    );
    let corners = |more: &[&str]| {
        reformat(&work, "voc", more).exits(0);
        let xml = work.text("out/VOCdevkit/VOC2012/Annotations/a.xml");
        ["xmin", "ymin", "xmax", "ymax"].map(|name| elements(&xml, name)[0].clone())
    };
    assert_eq!(corners(&[]), ["0", "10", "5", "11"], "at least one pixel");
    assert_eq!(corners(&["--voc-inclusive"]), ["1", "11", "5", "11"]);
    let labels = work.text("out/VOCdevkit/VOC2012/labelmap.txt");
    assert_eq!(
        labels.lines().skip(1).collect::<Vec<_>>(),
        ["background:0,0,0::", "a:128,0,0::"]
    );
}

#[test]
fn voc_replaces_what_xml_cannot_hold() {
    let work = one(
        [10, 10],
        [10, 10],
        vec![boxed("b", "a\u{1}b", [0.0, 0.0, 5.0, 5.0])],
    );
    reformat(&work, "voc", &[])
        .exits(0)
        .says(&["1 class name contains characters that XML cannot hold"]);
    let xml = work.text("out/VOCdevkit/VOC2012/Annotations/a.xml");
    assert_eq!(elements(&xml, "name"), ["a\u{fffd}b"]);
}

#[test]
fn tf_records_hold_images_boxes_and_names() {
    let (work, _) = sample();
    reformat(&work, "tf", &[])
        .exits(0)
        .says(&["1 image is embedded as PNG"]);
    let records = records(&work.read("out/data-00000-of-00001.tfrecord"));
    assert_eq!(records.len(), 4);
    let all: Vec<_> = records.iter().map(|record| features(record)).collect();
    assert_eq!(texts(&all[0]["image/object/class/text"]), AWKWARD);
    assert_eq!(all[0]["image/encoded"][0], work.read("images/ms 1/a.jpg"));
    assert_eq!(texts(&all[0]["image/source_id"]), ["1"]);
    assert!(
        all[1]["image/object/bbox/xmin"].is_empty(),
        "a negative has empty lists"
    );
    let floats = |key: &str| -> Vec<f32> {
        let bytes = all[3][key].concat();
        bytes
            .chunks(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect()
    };
    assert_eq!(floats("image/object/bbox/xmin"), [1.0 / 60.0]);
    assert_eq!(floats("image/object/bbox/xmax"), [4.0 / 60.0]);
    assert_eq!(floats("image/object/bbox/ymin"), [2.0 / 60.0]);
    assert_eq!(floats("image/object/bbox/ymax"), [6.0 / 60.0]);
    let tiff = image::load_from_memory(&work.read("images/ms_3/a.tif")).unwrap();
    assert_eq!(texts(&all[3]["image/format"]), ["png"]);
    assert_eq!(
        image::load_from_memory(&all[3]["image/encoded"][0]).unwrap(),
        tiff
    );
    let map = work.text("out/label_map.pbtxt");
    assert!(
        map.starts_with("item {\n  name: '<a & b>'\n  id: 1\n}\n"),
        "{map}"
    );
    assert!(
        map.contains("name: 'line\\nend'") && map.contains("name: 'back\\\\slash'"),
        "{map}"
    );
}

#[test]
fn yolo_names_are_quoted_and_its_numbers_exact() {
    let (work, _) = sample();
    reformat(&work, "yolo", &["--no-val"]).exits(0);
    let yaml = work.text("out/data.yaml");
    let names: Vec<String> = yaml
        .lines()
        .filter_map(|line| line.strip_prefix("  - "))
        .map(|name| serde_json::from_str(name).unwrap())
        .collect();
    let mut wanted: Vec<&str> = AWKWARD.to_vec();
    wanted.push("plain");
    wanted.sort();
    assert_eq!(names, wanted);
    assert!(
        yaml.contains("train: images/train\n") && yaml.contains("val: images/train\n"),
        "{yaml}"
    );
    assert!(
        !yaml.contains("path:") && yaml.contains("nc: 10\n"),
        "{yaml}"
    );
    let class = wanted.iter().position(|name| *name == "plain").unwrap();
    let line = format!("{class} 0.0416666667 0.0666666667 0.0500000000 0.0666666667\n");
    assert_eq!(work.text("out/labels/train/ms_3__a.txt"), line);
    assert_eq!(work.text("out/labels/train/ms_1__b.txt"), "");
    assert!(work.exists("out/images/train/ms_3__a.tif"));
    let sources = rows(&work, "out/sources.csv");
    assert_eq!(sources[3]["file"], "images/train/ms_3__a.tif");
    assert_eq!(sources[3]["image"], "u4");
}

#[test]
fn vgg_has_a_row_per_image_and_json_attributes() {
    let (work, _) = sample();
    reformat(&work, "vgg", &[]).exits(0);
    let rows = rows(&work, "out/metadata.csv");
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[0]["filename"], "images/ms 1/a.jpg");
    let attributes: Value = serde_json::from_str(&rows[0]["file_attributes"]).unwrap();
    assert_eq!(attributes["label"], "f. 1r");
    assert_eq!(attributes["rights"], "CC0, \"all\"");
    assert_eq!(attributes["metadata"], json!({ "Date": ["1200", "1250"] }));
}

#[test]
fn a_sheet_shows_as_many_pictures_as_asked() {
    let (work, _) = sample();
    let size = |more: &[&str]| {
        reformat(&work, "sheet", more).exits(0);
        let sheet = image::load_from_memory(&work.read("out/sheet.png")).unwrap();
        (sheet.width(), sheet.height())
    };
    let (four, one) = (size(&[]), size(&["--sheet-images", "1"]));
    assert!(four.0 > one.0 && four.1 > one.1, "{four:?} {one:?}");
}

#[test]
fn the_letters_of_a_sheet_tell_classes_apart_in_any_script() {
    // One box and one class: the first colour, so that what differs are the letters.
    let sheet = |class: &str| {
        let boxes = vec![boxed("b", class, [10.0, 30.0, 60.0, 20.0])];
        let work = one([100, 60], [100, 60], boxes);
        reformat(&work, "sheet", &[]).exits(0);
        work.read("out/sheet.png")
    };
    let classes = [
        "alef",
        "\u{5d0}",
        "\u{5d1}",
        "\u{5e9}\u{5dc}",
        "\u{633}\u{644}",
        "\u{915}\u{94d}\u{937}",
        "\u{3b1}",
    ];
    let sheets: Vec<Vec<u8>> = classes.iter().map(|class| sheet(class)).collect();
    for (at, one) in sheets.iter().enumerate() {
        assert!(*one == sheet(classes[at]), "{} again", classes[at]);
        for (other, two) in sheets.iter().enumerate().skip(at + 1) {
            assert!(one != two, "{} and {}", classes[at], classes[other]);
        }
    }
}

#[test]
fn every_format_keeps_splits_apart() {
    let work = groups();
    let split = ["--split", "train=0.5,val=0.25,test=0.25"];
    let cases = [
        ("coco", "annotations/instances_val.json"),
        ("voc", "VOCdevkit/VOC2012/ImageSets/Main/val.txt"),
        ("tf", "val-00000-of-00001.tfrecord"),
        ("parquet", "data/validation-00000-of-00001.parquet"),
        ("webdataset", "val-000000.tar"),
    ];
    for (format, file) in cases {
        let out = format!("sets/{format}");
        let call = [
            &["localizations.json", "-f", format, "-o", &out],
            split.as_slice(),
        ]
        .concat();
        work.run("reformat", &call).exits(0);
        assert!(work.exists(&format!("{out}/{file}")), "{format}");
    }
    let coco = work.json("sets/coco/annotations/instances_val.json");
    assert_eq!(coco["images"].as_array().unwrap().len(), 6);
    assert_eq!(coco["annotations"].as_array().unwrap().len(), 6);
    assert_eq!(
        work.text("sets/voc/VOCdevkit/VOC2012/ImageSets/Main/val.txt")
            .lines()
            .count(),
        6
    );
    assert_eq!(
        work.text("sets/voc/VOCdevkit/VOC2012/ImageSets/Main/trainval.txt")
            .lines()
            .count(),
        18
    );
    assert_eq!(
        records(&work.read("sets/tf/val-00000-of-00001.tfrecord")).len(),
        6
    );
    reformat(&work, "yolo", &split).exits(0);
    assert_eq!(work.tree("out/labels/val").len(), 6);
    assert_eq!(work.tree("out/images/test").len(), 6);
    assert!(
        work.text("out/data.yaml")
            .starts_with("train: images/train\nval: images/val\ntest: images/test\n")
    );
}
