//! What people are told of a set, and what options do about it.

use std::collections::BTreeMap;

use image::ImageFormat;
use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use serde_json::{Value, json};

#[test]
fn a_label_without_a_box_is_no_negative() {
    let work = Workdir::new();
    let mut labelled = image("b", "g", [10, 10], vec![]);
    labelled["labels"] = json!(["a"]);
    let images = [
        image(
            "a",
            "g",
            [10, 10],
            vec![boxed("1", "a", [0.0, 0.0, 5.0, 5.0])],
        ),
        labelled,
        image("c", "g", [10, 10], vec![]),
    ];
    let files = ["a", "b", "c"].map(|id| (id, format!("{id}.png")));
    let files: Vec<(&str, &str, Vec<u8>)> = files
        .iter()
        .zip(1..)
        .map(|((id, file), seed)| (*id, file.as_str(), picture(10, 10, seed, ImageFormat::Png)))
        .collect();
    lay_out(&work, &images, &files);
    let cases: [(&str, &[&str], u64); 4] = [
        ("coco", &[], 2),
        ("coco", &["--unboxed", "keep"], 3),
        ("csv", &[], 3),
        ("coco", &["--negatives", "drop"], 1),
    ];
    for (format, more, n) in cases {
        let ran = reformat(&work, format, more);
        ran.exits(0);
        assert_eq!(
            work.json("out/dataset.json")["total"]["images"],
            n,
            "{format} {more:?}"
        );
        let told = ran
            .stderr()
            .contains("1 image is labelled as a whole and without a box");
        assert_eq!(told, format == "coco" && !more.contains(&"--unboxed"));
    }
}

#[test]
fn negatives_stay_by_ratio() {
    let work = Workdir::new();
    let names: Vec<(String, String)> = (0..30)
        .map(|i| (format!("u{i}"), format!("{i}.png")))
        .collect();
    let images: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(i, (id, _))| {
            let boxes = if i < 10 {
                vec![boxed("1", "a", [0.0, 0.0, 5.0, 5.0])]
            } else {
                vec![]
            };
            image(id, "g", [10, 10], boxes)
        })
        .collect();
    let files: Vec<(&str, &str, Vec<u8>)> = names
        .iter()
        .zip(1..)
        .map(|((id, file), seed)| {
            (
                id.as_str(),
                file.as_str(),
                picture(10, 10, seed, ImageFormat::Png),
            )
        })
        .collect();
    lay_out(&work, &images, &files);
    for (rule, n) in [
        ("ratio:0.5", 15),
        ("ratio:0", 10),
        ("ratio:9", 30),
        ("keep", 30),
    ] {
        reformat(&work, "coco", &["--negatives", rule]).exits(0);
        assert_eq!(
            work.json("out/dataset.json")["total"]["images"],
            n,
            "{rule}"
        );
    }
    reformat(&work, "coco", &["--negatives", "half"])
        .exits(2)
        .says(&["keep, drop or ratio:NUMBER"]);
}

#[test]
fn boxes_are_merged_and_left_out_as_asked() {
    let boxes = vec![
        boxed("1", "a", [10.0, 10.0, 20.0, 20.0]),
        boxed("2", "a", [10.0, 10.0, 20.0, 20.0]),
        boxed("3", "b", [10.0, 10.0, 20.0, 20.0]),
        boxed("4", "a", [10.0, 10.0, 20.0, 18.0]),
        boxed("5", "a", [50.0, 50.0, 20.0, 0.5]),
        boxed("6", "b", [90.0, 90.0, 20.0, 20.0]),
    ];
    let work = one([100, 100], [100, 100], boxes);
    let ids = |more: &[&str], says: &[&str]| -> Vec<String> {
        let ran = reformat(&work, "coco", more);
        ran.exits(0).says(says);
        let coco = work.json("out/annotations/instances_default.json");
        coco["annotations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a["uuid"].as_str().unwrap().to_owned())
            .collect()
    };
    let told = [
        "boxes that repeat the same box of the same class; --merge-equal makes them one: 1",
        "thinner than a pixel",
    ];
    assert_eq!(ids(&[], &told), ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(
        ids(&["--merge-equal"], &["boxes merged with an equal one: 1"]),
        ["1", "3", "4", "5", "6"]
    );
    assert_eq!(ids(&["--merge-equal", "0.9"], &[]), ["1", "3", "5", "6"]);
    assert_eq!(
        ids(&["--min-box", "1"], &["boxes left out by --min-box: 1"]),
        ["1", "2", "3", "4", "6"]
    );
    assert_eq!(ids(&["--keep", "b"], &[]), ["3", "6"]);
    assert_eq!(
        ids(
            &["--min-count", "3"],
            &["classes left out by --min-count: 1 (`b`, 2)"]
        ),
        ["1", "2", "4", "5"]
    );
    let coco = {
        ids(&[], &[]);
        work.json("out/annotations/instances_default.json")
    };
    assert_eq!(
        coco["annotations"][5]["attributes"]["truncated"], true,
        "cut off by the edge"
    );
    reformat(&work, "coco", &["--min-image", "101"])
        .exits(1)
        .says(&["no images to write"]);
}

#[test]
fn a_list_of_classes_fixes_their_ids() {
    let work = one(
        [100, 100],
        [100, 100],
        vec![
            boxed("1", "aleph", [0.0, 0.0, 20.0, 20.0]),
            boxed("2", "bet", [10.0, 10.0, 20.0, 20.0]),
        ],
    );
    let names = |more: &[&str]| -> Vec<String> {
        reformat(&work, "coco", more).exits(0);
        let coco = work.json("out/annotations/instances_default.json");
        coco["categories"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&[]), ["aleph", "bet"]);
    work.write("classes.txt", "bet\nshin\n");
    assert_eq!(
        names(&["--classes", "classes.txt"]),
        ["bet", "shin", "aleph"]
    );
    std::fs::copy(work.path("out/dataset.json"), work.path("old.json")).unwrap();
    assert_eq!(
        names(&["--classes", "old.json", "--keep", "aleph"]),
        ["bet", "shin", "aleph"]
    );
    reformat(&work, "coco", &["--classes", "classes.txt"])
        .exits(0)
        .says(&["that --classes does not list", "`aleph`"]);
    for (list, says) in [
        ("", "names no class"),
        ("a\na\n", "`a` is there twice"),
        (
            "# mine\na\n",
            "`# mine` is a comment, not the name of a class",
        ),
    ] {
        work.write("bad.txt", list);
        reformat(&work, "coco", &["--classes", "bad.txt"])
            .exits(1)
            .says(&[says]);
    }
}

#[test]
fn names_that_look_alike_are_told() {
    let work = one(
        [100, 100],
        [100, 100],
        vec![
            boxed("1", "alef", [0.0, 0.0, 20.0, 20.0]),
            boxed("2", "alef\u{200f}", [10.0, 10.0, 20.0, 20.0]),
            boxed("3", "bet", [10.0, 10.0, 20.0, 20.0]),
            boxed("4", "Straße", [20.0, 10.0, 20.0, 20.0]),
            boxed("5", "STRASSE", [30.0, 10.0, 20.0, 20.0]),
            boxed("6", "λόγος", [20.0, 20.0, 20.0, 20.0]),
            boxed("7", "λόγοσ", [30.0, 20.0, 20.0, 20.0]),
        ],
    );
    reformat(&work, "csv", &[]).exits(0).says(&[
        "class names that look alike and are separate classes: 3",
        "`alef` and `alef\\u{200f}`",
        "`STRASSE` and `Straße`",
    ]);
}

#[test]
fn holes_are_left_out_of_masks_and_areas() {
    let ring = json!({ "id": "p", "concept": "a", "bbox": [10, 10, 80, 80],
        "polygon": [[10, 10], [90, 10], [90, 90], [10, 90]],
        "holes": [[[20, 20], [80, 20], [80, 80], [20, 80]]] });
    let work = one(
        [200, 100],
        [200, 100],
        vec![ring, boxed("q", "a", [0.0, 0.0, 5.0, 5.0])],
    );
    reformat(&work, "coco", &[])
        .exits(0)
        .says(&["1 box is without outline among 2"]);
    let coco = work.json("out/annotations/instances_default.json");
    let annotation = &coco["annotations"][0];
    assert_eq!(
        (&annotation["area"], &annotation["segmentation"]["size"]),
        (&json!(2800), &json!([100, 200]))
    );
    reformat(&work, "yolo-seg", &["--no-val"])
        .exits(0)
        .says(&["1 outline has several parts or holes"]);
    let rows = work.text("out/labels/train/a.txt");
    let numbers: Vec<usize> = rows.lines().map(|row| row.split(' ').count()).collect();
    assert_eq!(numbers, [1 + 2 * 10, 9]);
    reformat(&work, "yolo-obb", &["--no-val"]).exits(0);
    assert!(
        work.text("out/labels/train/a.txt")
            .lines()
            .all(|row| row.split(' ').count() == 9)
    );
}

#[test]
fn yolo_without_validation_ends_with_what_mends_it() {
    let work = one(
        [100, 100],
        [100, 100],
        vec![boxed("1", "a", [0.0, 0.0, 20.0, 20.0])],
    );
    for format in ["yolo", "yolo-seg", "yolo-obb"] {
        reformat(&work, format, &[]).exits(3).says(&[
            "no images for validation",
            "--split train=0.8",
            "--no-val",
        ]);
        assert!(!work.text("out/data.yaml").contains("\nval:"), "{format}");
        reformat(&work, format, &["--no-val"]).exits(0);
        assert!(
            work.text("out/data.yaml").contains("\nval: images/train\n"),
            "{format}"
        );
    }
    let set = groups();
    // Nothing stands for train.
    for split in ["test=1", "val=0.5,test=0.5"] {
        for more in [&[][..], &["--no-val"]] {
            let call = [&["--split", split], more].concat();
            reformat(&set, "yolo", &call)
                .exits(1)
                .says(&["no image is in a split `train`", "--split train=0.8"]);
            assert!(!set.exists("out"));
        }
    }
    reformat(&set, "yolo", &["--split", "train=0.5,test=0.5", "--no-val"]).exits(0);
    let yaml = set.text("out/data.yaml");
    assert!(
        yaml.contains("train: images/train\n") && yaml.contains("\nval: images/train\n"),
        "{yaml}"
    );
    reformat(&set, "yolo", &["--split", "Train=0.5,Validation=0.5"]).exits(0);
    let yaml = set.text("out/data.yaml");
    assert!(
        yaml.starts_with("train: images/train\nval: images/val\n"),
        "{yaml}"
    );
}

#[cfg(unix)]
#[test]
fn what_a_trainer_writes_does_not_reach_the_download() {
    use std::os::unix::fs::MetadataExt;
    let work = one([100, 100], [100, 100], vec![]);
    let links = |path: &str| std::fs::metadata(work.path(path)).unwrap().nlink();
    reformat(&work, "yolo", &["--no-val"]).exits(0);
    assert_eq!(links("a.png"), 1);
    reformat(&work, "yolo", &["--no-val", "--images", "link"]).exits(0);
    assert_eq!(links("a.png"), 2);
}

#[test]
fn several_formats_are_written_in_one_go_as_each_is_alone() {
    let (work, _) = sample();
    reformat(
        &work,
        "coco,yolo,csv,hf,parquet,webdataset,crops",
        &["--no-val", "--images", "copy"],
    )
    .exits(0);
    let together = work.tree("out");
    for format in [
        "coco",
        "yolo",
        "csv",
        "hf",
        "parquet",
        "webdataset",
        "crops",
    ] {
        reformat(&work, format, &["--no-val", "--images", "copy"]).exits(0);
        for (path, bytes) in work.tree("out") {
            if ["dataset.json", "README.md", "rejects.csv"].contains(&path.as_str()) {
                continue;
            }
            assert!(
                together.get(&format!("{format}/{path}")) == Some(&bytes),
                "{format}/{path}"
            );
        }
    }
    for format in ["hf", "parquet", "webdataset"] {
        let readme = &together[&format!("{format}/README.md")];
        assert!(readme.starts_with(b"---\nconfigs:"), "{format}");
    }
    reformat(&work, "coco,csv", &["-o", "x.json"]).exits(2);
}

#[test]
fn crops_are_what_boxes_hold() {
    let work = Workdir::new();
    let mut pixels = image::RgbImage::new(40, 30);
    for (x, y, pixel) in pixels.enumerate_pixels_mut() {
        *pixel = image::Rgb([x as u8, y as u8, 7]);
    }
    let mut png = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut png, ImageFormat::Png).unwrap();
    let boxes = vec![
        boxed("1", "a/b", [10.0, 5.0, 8.0, 4.0]),
        boxed("2", "c", [30.2, 20.0, 20.0, 4.0]),
    ];
    lay_out(
        &work,
        &[image("u", "g", [40, 30], boxes)],
        &[("u", "a.png", png.into_inner())],
    );
    let cut = |more: &[&str]| -> Vec<(u32, u32, [u8; 3])> {
        reformat(&work, "crops", more).exits(0);
        rows(&work, "out/crops.csv")
            .iter()
            .map(|row| {
                let crop = image::load_from_memory(&work.read(&format!("out/{}", row["file"])))
                    .unwrap()
                    .to_rgb8();
                (crop.width(), crop.height(), crop.get_pixel(0, 0).0)
            })
            .collect()
    };
    assert_eq!(cut(&[]), [(8, 4, [10, 5, 7]), (10, 4, [30, 20, 7])]);
    assert_eq!(
        cut(&["--crop-margin", "0.5"]),
        [(16, 8, [6, 3, 7]), (15, 8, [25, 18, 7])]
    );
    assert_eq!(
        cut(&["--crop-square"]),
        [(8, 8, [10, 3, 7]), (10, 10, [30, 17, 7])]
    );
    let classes: Vec<String> = rows(&work, "out/classes.csv")
        .iter()
        .map(|row| row["class"].clone())
        .collect();
    assert_eq!(classes, ["a/b", "c"]);
}

#[test]
fn the_numbers_that_image_folders_get_are_told() {
    let boxes = ["a", "m", "z"].map(|name| boxed(name, name, [1.0, 1.0, 8.0, 8.0]));
    let work = one([40, 30], [40, 30], boxes.into());
    assert!(
        !reformat(&work, "crops", &[])
            .stderr()
            .contains("ImageFolder numbers")
    );
    work.write("list.txt", "m\nz\na\n");
    reformat(&work, "crops", &["--classes", "list.txt"])
        .exits(0)
        .says(&["ImageFolder numbers classes by their sorted folders"]);
    let numbers: Vec<[String; 3]> = rows(&work, "out/classes.csv")
        .iter()
        .map(|row| ["id", "folder", "imagefolder"].map(|name| row[name].clone()))
        .collect();
    assert_eq!(numbers, [["0", "m", "1"], ["1", "z", "2"], ["2", "a", "0"]]);
}

#[test]
fn names_that_clash_on_other_systems_are_told() {
    let work = Workdir::new();
    let names = ["i/A/x.png", "i/a/x.png", "i/CON.png", "i/plain.png"];
    let images = names.map(|name| image(name, "g", [40, 30], vec![]));
    let files: Vec<(&str, &str, Vec<u8>)> = names
        .iter()
        .zip(1..)
        .map(|(name, seed)| (*name, *name, picture(40, 30, seed, ImageFormat::Png)))
        .collect();
    lay_out(&work, &images, &files);
    for format in ["coco", "labelstudio"] {
        reformat(&work, format, &[]).exits(0).says(&[
            "file names that Windows or macOS cannot hold",
            "3 (`i/A/x.png`; `i/CON.png`; `i/a/x.png`)",
        ]);
    }
    let ran = reformat(&work, "voc", &[]);
    assert!(!ran.stderr().contains("Windows"), "{}", ran.stderr());
}

#[test]
fn images_that_look_alike_are_listed_beside_a_single_file() {
    let work = Workdir::new();
    let same = std::fs::read("docs/report.png").unwrap();
    let images = ["u", "v"].map(|id| image(id, id, [40, 30], vec![]));
    lay_out(
        &work,
        &images,
        &[("u", "a.png", same.clone()), ("v", "b.png", same)],
    );
    let call = [
        "localizations.json",
        "-f",
        "coco",
        "-o",
        "x.json",
        "--near-duplicates",
        "report",
    ];
    work.run("reformat", &call)
        .exits(0)
        .says(&["1 pair of images looks alike, listed in x.json.near-duplicates.csv"]);
    assert_eq!(rows(&work, "x.json.near-duplicates.csv")[0]["equal"], "yes");
}

#[test]
fn an_image_whose_annotations_cannot_be_used_is_no_negative() {
    let work = Workdir::new();
    let observed = |id: &str, regions: Value| {
        json!({ "id": id, "image": { "url": format!("https://x.example/{id}.png"), "width": 40, "height": 30 },
            "source": { "kind": "iiif" }, "group": id, "canvas": [40, 30],
            "annotations": [{ "id": format!("{id}1"), "motivation": ["tagging"], "bodies": [{ "value": "a" }], "regions": regions }] })
    };
    let line = "<svg xmlns='http://www.w3.org/2000/svg'><line x1='1' y1='1' x2='20' y2='9'/></svg>";
    let mut none = observed("none", json!([]));
    none["annotations"] = json!([]);
    let observations = [
        observed("line", json!([{ "frame": "canvas", "svg": line }])),
        observed(
            "box",
            json!([{ "frame": "canvas", "fragment": "xywh=1,1,9,9" }]),
        ),
        none,
    ];
    let digest = json!({ "contract": "recto/digest", "version": 1, "source": { "kind": "iiif", "inputs": [] },
        "observations": observations });
    work.write_json("digest.json", &digest);
    work.run("extract", &["digest.json"])
        .exits(3)
        .says(&["1 image is annotated and without anything that can be used"]);
    let ids = ["line", "box", "none"];
    let map: BTreeMap<&str, String> = ids.iter().map(|id| (*id, format!("{id}.png"))).collect();
    work.write_json("image_map.json", &json!(map));
    for (id, seed) in ids.iter().zip(1..) {
        work.write(
            &format!("{id}.png"),
            picture(40, 30, seed, ImageFormat::Png),
        );
    }
    let written = |more: &[&str]| {
        let ran = reformat(&work, "coco", more);
        ran.exits(0);
        let coco = work.json("out/annotations/instances_default.json");
        (
            coco["images"].as_array().unwrap().len(),
            ran.stderr()
                .contains("1 image is annotated, but nothing of it can be used"),
        )
    };
    assert_eq!(written(&[]), (3, true));
    assert_eq!(written(&["--unboxed", "drop"]), (2, true));
    assert_eq!(written(&["--unboxed", "keep"]), (3, false));
}

#[test]
fn an_outline_that_encloses_nothing_is_none() {
    let mut drawn = boxed("a", "x", [10.0, 20.0, 40.0, 30.0]);
    drawn["polygon"] = json!([[10.0, 20.0], [50.0, 50.0], [30.0, 35.0]]);
    let work = one([100, 80], [100, 80], vec![drawn]);
    for (format, corners) in [
        ("yolo-seg", [0.1, 0.25, 0.5, 0.25, 0.5, 0.625, 0.1, 0.625]),
        ("yolo-obb", [0.1, 0.25, 0.5, 0.25, 0.5, 0.625, 0.1, 0.625]),
    ] {
        reformat(&work, format, &["--no-val"]).exits(0);
        let labels = work.tree("out");
        let rows = labels
            .iter()
            .find(|(path, _)| path.starts_with("labels/"))
            .unwrap()
            .1;
        let rows = String::from_utf8(rows.clone()).unwrap();
        let numbers: Vec<f64> = rows
            .split_whitespace()
            .skip(1)
            .map(|n| n.parse().unwrap())
            .collect();
        assert_eq!(numbers, corners, "{format}: {rows}");
        std::fs::remove_dir_all(work.path("out")).unwrap();
    }
}

#[test]
fn what_a_merged_box_says_more_is_kept() {
    let plain = boxed("a", "x", [10.0, 20.0, 40.0, 30.0]);
    let mut richer = boxed("b", "x", [10.0, 20.0, 40.0, 30.0]);
    richer["polygon"] = json!([[10.0, 20.0], [50.0, 20.0], [30.0, 50.0]]);
    richer["attributes"] = json!({"text": "alef", "iscrowd": 1});
    let work = one([100, 80], [100, 80], vec![plain, richer]);
    reformat(&work, "coco", &["--merge-equal"]).exits(0);
    let coco = work.json("out/annotations/instances_default.json");
    let found = coco["annotations"].as_array().unwrap();
    assert_eq!((found.len(), &found[0]["iscrowd"]), (1, &json!(1)));
    assert_eq!(found[0]["area"], json!(600));
    assert!(found[0].to_string().contains("alef"), "{coco}");
}

#[test]
fn an_outline_that_crosses_itself_is_written_in_the_rings_that_it_consists_of() {
    let bow = json!({ "id": "p", "concept": "a", "bbox": [10, 10, 80, 80],
        "polygon": [[10, 10], [90, 90], [90, 10], [10, 90]] });
    let work = one([100, 100], [100, 100], vec![bow]);
    reformat(&work, "coco", &[]).exits(0);
    let coco = work.json("out/annotations/instances_default.json");
    let annotation = &coco["annotations"][0];
    assert_eq!(annotation["area"], 3200);
    let rings: Vec<Vec<f64>> = serde_json::from_value(annotation["segmentation"].clone()).unwrap();
    let corners = |ring: &Vec<f64>| {
        let mut points: Vec<[u32; 2]> =
            ring.chunks(2).map(|p| [p[0] as u32, p[1] as u32]).collect();
        points.sort();
        points
    };
    let mut found: Vec<Vec<[u32; 2]>> = rings.iter().map(corners).collect();
    found.sort();
    let wanted = [
        [[10, 10], [10, 90], [50, 50]],
        [[50, 50], [90, 10], [90, 90]],
    ];
    assert_eq!(found, wanted);
}

#[test]
fn images_that_lose_all_boxes_with_their_class_are_told() {
    let work = Workdir::new();
    let images = [
        image(
            "u",
            "g",
            [50, 50],
            vec![boxed("1", "rare", [1.0, 1.0, 9.0, 9.0])],
        ),
        image(
            "v",
            "g",
            [50, 50],
            vec![
                boxed("2", "often", [1.0, 1.0, 9.0, 9.0]),
                boxed("3", "often", [20.0, 1.0, 9.0, 9.0]),
            ],
        ),
        image("w", "g", [50, 50], vec![]),
    ];
    let picture = |seed| picture(50, 50, seed, ImageFormat::Png);
    let files = [
        ("u", "u.png", picture(1)),
        ("v", "v.png", picture(2)),
        ("w", "w.png", picture(3)),
    ];
    lay_out(&work, &images, &files);
    reformat(&work, "coco", &["--min-count", "2"])
        .exits(0)
        .says(&[
            "classes left out by --min-count: 1 (`rare`, 1)",
            "1 image is written without boxes: all of theirs are of these classes",
        ]);
}

#[test]
fn crops_keep_sixteen_bits_and_lines_say_that_they_do_not() {
    let mut line = boxed("b", "a", [2.0, 2.0, 8.0, 4.0]);
    line["attributes"] = json!({ "text": "alef" });
    let work = one([20, 10], [20, 10], vec![line]);
    let deep = image::ImageBuffer::from_fn(20, 10, |x, y| image::Luma([(x * 20 + y) as u16]));
    let mut png = std::io::Cursor::new(Vec::new());
    let deep = image::DynamicImage::ImageLuma16(deep);
    deep.write_to(&mut png, ImageFormat::Png).unwrap();
    work.write("a.png", png.into_inner());
    reformat(&work, "crops", &[]).exits(0);
    let crop = image::load_from_memory(&work.read("out/train/a/1_1.png")).unwrap();
    assert_eq!(crop, deep.crop_imm(2, 2, 8, 4));
    reformat(&work, "lines", &[])
        .exits(0)
        .says(&["1 image has more than 8 bits per sample, of which the lines keep 8"]);
    reformat(&work, "crops", &["--crop-margin", "11"])
        .exits(2)
        .says(&["is not a number from 0 to 10"]);
}

#[test]
fn images_in_four_inks_are_told() {
    let work = one([20, 10], [20, 10], vec![]);
    let (mut file, inks) = (Vec::new(), [0, 64, 128, 255].repeat(20 * 10));
    jpeg_encoder::Encoder::new(&mut file, 90)
        .encode(&inks, 20, 10, jpeg_encoder::ColorType::Cmyk)
        .unwrap();
    work.write("a.png", file);
    let told = "CMYK, which trainers refuse or convert in different ways";
    let ran = reformat(&work, "coco", &[]);
    ran.exits(0).says(&[told, "1 (u1)"]);
}

#[test]
fn the_problem_of_a_damaged_file_is_one_line() {
    let work = one([20, 10], [20, 10], vec![]);
    work.write("a.png", b"\xff\xd8\xff\xe0garbage");
    let ran = reformat(&work, "coco", &[]);
    ran.exits(1);
    let said = ran.stderr();
    let problem = said.lines().find(|line| line.contains("u1, file")).unwrap();
    assert!(problem.trim_end() == problem, "{said}");
    assert!(!said.contains("\n\n"), "{said}");
}

#[test]
fn rows_of_yolo_that_say_less_than_the_boxes_are_told() {
    let outlined = |id: &str, points: Value| json!({ "id": id, "concept": "a", "bbox": [10, 10, 40, 20], "polygon": points });
    let boxes = vec![
        outlined("a", json!([[10, 10], [50, 10], [50, 30]])),
        outlined("b", json!([[10, 10], [10, 30], [50, 30]])),
        json!({ "id": "c", "concept": "a", "bbox": [0, 0, 90, 50], "attributes": { "iscrowd": 1 } }),
    ];
    let work = one([100, 60], [100, 60], boxes);
    for format in ["yolo", "yolo-seg"] {
        reformat(&work, format, &["--no-val"]).exits(0).says(&[
            &format!("{format}: 1 box stands for a crowd"),
            &format!("{format}: 1 outline has the same box as another of the class"),
        ]);
    }
    reformat(&work, "crops", &[])
        .exits(0)
        .says(&["crops: 1 box is for a crowd"]);
    // What the message advises does what it says.
    reformat(&work, "yolo", &["--no-val"]).says(&["box.iscrowd!=1"]);
    let annotation = |id: u32, crowd: u32| json!({ "id": id, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "iscrowd": crowd });
    work.write_json(
        "coco.json",
        &json!({ "images": [{ "id": 1, "file_name": "a.png", "width": 100, "height": 60 }],
            "categories": [{ "id": 1, "name": "a" }], "annotations": [annotation(1, 1), annotation(2, 0)] }),
    );
    let call = [
        "coco",
        "coco.json",
        "--images",
        "image_map.json",
        "--where",
        "box.iscrowd!=1",
        "-o",
        "d.json",
    ];
    work.run("digest", &call).exits(0);
    let left = &work.json("d.json")["observations"][0]["annotations"];
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left}");
}

#[test]
fn files_of_coco_that_differ_in_their_endings_only_are_told() {
    let work = Workdir::new();
    let images = ["u", "v"].map(|id| {
        image(
            id,
            "g",
            [10, 10],
            vec![boxed("b", "a", [1.0, 1.0, 5.0, 5.0])],
        )
    });
    let files = [
        ("u", "f1.png", picture(10, 10, 1, ImageFormat::Png)),
        ("v", "f1.jpg", picture(10, 10, 2, ImageFormat::Jpeg)),
    ];
    lay_out(&work, &images, &files);
    reformat(&work, "coco", &[]).exits(0).says(&[
        "file names that differ only in their endings, which datumaro refuses",
        "`f1.jpg`; `f1.png`",
    ]);
}

#[test]
fn texts_that_a_format_cannot_hold_are_told() {
    let work = Workdir::new();
    let mut with_text = boxed("1", "line", [2.0, 2.0, 10.0, 10.0]);
    with_text["attributes"] = json!({ "text": "in the beginning" });
    let images = [image("a", "g", [40, 30], vec![with_text])];
    let pixels = picture(40, 30, 1, ImageFormat::Png);
    lay_out(&work, &images, &[("a", "a.png", pixels)]);
    for (format, wanted) in [
        ("yolo", "1 text left out, which rows cannot hold"),
        ("tf", "1 text left out, only boxes are written"),
    ] {
        reformat(&work, format, &["--no-val"])
            .exits(0)
            .says(&[wanted]);
    }
}

#[test]
fn options_that_no_format_uses_are_told() {
    let work = Workdir::new();
    let boxes = vec![boxed("1", "a", [0.0, 0.0, 5.0, 5.0])];
    let files = [("u", "u.png", picture(10, 10, 1, ImageFormat::Png))];
    lay_out(&work, &[image("u", "g", [10, 10], boxes)], &files);
    let told = " has no effect here";
    for (format, more, option) in [
        ("coco", &["--voc-inclusive"][..], Some("--voc-inclusive")),
        ("voc", &["--voc-inclusive"], None),
        ("coco", &["--crop-margin", "0.1"], Some("--crop-margin")),
        ("coco", &["--seed", "3"], Some("--seed")),
        ("coco", &["--seed", "3", "--split", "train=1"], None),
        ("csv", &["--images", "copy"], Some("--images")),
        ("coco", &["--no-val"], Some("--no-val")),
        (
            "coco",
            &["--near-duplicates-distance", "3"],
            Some("--near-duplicates-distance"),
        ),
    ] {
        let ran = reformat(&work, format, more);
        let stderr = ran.exits(0).stderr();
        let wanted = option.map(|option| format!("{option}{told}"));
        assert_eq!(
            stderr.contains(told),
            wanted.is_some(),
            "{format} {more:?}: {stderr}"
        );
        assert!(
            wanted.is_none_or(|wanted| stderr.contains(&wanted)),
            "{stderr}"
        );
    }
}

#[test]
fn texts_of_one_place_and_labels_without_boxes_are_told() {
    let work = Workdir::new();
    let said = |id: &str, text: &str| {
        let mut found = boxed(id, "text", [0.0, 0.0, 5.0, 5.0]);
        found["attributes"] = json!({ "text": text, "pose": "Left" });
        found
    };
    let mut labelled = image("u", "g", [10, 10], vec![said("1", "alef"), said("2", "A")]);
    labelled["labels"] = json!(["fish"]);
    let fish = vec![boxed("3", "fish", [1.0, 1.0, 5.0, 5.0])];
    let files = [
        ("u", "u.png", picture(10, 10, 1, ImageFormat::Png)),
        ("v", "v.gif", picture(10, 10, 2, ImageFormat::Gif)),
    ];
    lay_out(&work, &[labelled, image("v", "g", [10, 10], fish)], &files);
    let ran = reformat(&work, "voc", &[]);
    ran.exits(0).says(&[
        "boxes at the place of another of their class that has another text: formats without texts write them twice: 1",
        "images labelled `fish` as a whole that have boxes of other classes only, written as if no `fish` were there: 1 (u)",
    ]);
    assert!(!ran.stderr().contains("alpha channel"), "{}", ran.stderr());
    let annotations = work.tree("out/VOCdevkit/VOC2012/Annotations");
    let poses = annotations.values().map(|xml| {
        String::from_utf8_lossy(xml)
            .matches("<pose>Left</pose>")
            .count()
    });
    assert_eq!(poses.sum::<usize>(), 2);
}
