//! `recto-reformat` through its binary: which records go into a training set, where, and what people are told.

mod attributes;
mod concepts;
mod croissant;
mod damaged;
mod formats;
mod kept;
mod left_out;
mod lines;
mod outlines;
mod points;
mod report;
mod shards;
mod splits;
mod tiles;
mod told;
mod tools;
mod transcriptions;
mod turned;
mod workers;

use std::collections::BTreeMap;

use image::ImageFormat;
use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use serde_json::json;

/// Names of all formats.
fn formats() -> Vec<&'static str> {
    let all = recto::formats::ALL.iter();
    all.map(|format| format.name()).collect()
}

#[test]
fn boxes_are_mapped_from_their_frame_to_the_pixels_of_the_file() {
    let cases = [
        // frame, file, box in the frame, x y w h in the file, what is said
        (
            [100, 50],
            [100, 50],
            [1.0, 2.0, 3.5, 4.0],
            ["1", "2", "3.5", "4"],
            "",
        ),
        (
            [100, 50],
            [200, 100],
            [1.0, 2.0, 3.5, 4.0],
            ["2", "4", "7", "8"],
            "100 x 50 declared, 200 x 100 found",
        ),
        (
            [200, 100],
            [50, 25],
            [4.0, 8.0, 16.0, 4.0],
            ["1", "2", "4", "1"],
            "size differs from the declared one",
        ),
        (
            [100, 100],
            [100, 50],
            [10.0, 10.0, 20.0, 20.0],
            ["10", "5", "20", "10"],
            "frame 100 x 100, file 100 x 50",
        ),
        (
            [100, 50],
            [100, 50],
            [-5.0, 40.0, 10.0, 20.0],
            ["0", "40", "5", "10"],
            "boxes clipped to their image: 1",
        ),
    ];
    for (frame, size, bbox, wanted, news) in cases {
        let work = one(frame, size, vec![boxed("b", "a", bbox)]);
        let ran = reformat(&work, "csv", &[]);
        ran.exits(0).says(&[news]);
        let row = &rows(&work, "out/annotations.csv")[0];
        let found = ["x", "y", "w", "h"].map(|name| row[name].as_str());
        assert_eq!(found, wanted, "{frame:?} on {size:?}");
        assert_eq!(row["width"], size[0].to_string());
        let disagrees = ran.stderr().contains("aspect ratio");
        assert_eq!(
            disagrees,
            news.starts_with("frame"),
            "{frame:?} on {size:?}"
        );
    }
}

/// Boxes drawn on the turned picture are on the canvas already.
#[test]
fn pages_for_archives_have_boxes_of_what_exif_turns_where_they_were_drawn() {
    for orientation in 2..=8 {
        let frame = if orientation > 4 {
            [50, 100]
        } else {
            [100, 50]
        };
        let work = Workdir::new();
        let line = json!({ "id": "b", "concept": "a", "bbox": [10, 20, 12, 25],
            "attributes": { "granularity": "line", "confidence": 0.5, "baseline": [[10, 40], [22, 40]] } });
        let mut on_canvas = image("u", "g", frame, vec![line]);
        on_canvas["source"]["canvas"] = "https://example.org/canvas/1".into();
        lay_out(
            &work,
            &[on_canvas],
            &[("u", "a.jpg", turned(100, 50, orientation))],
        );
        reformat(&work, "iiif", &["--exif-boxes", "turned"])
            .exits(0)
            .says(&["iiif: 1 box has a line or points, which are left out"]);
        let page = work.json("out/annotations/a.json");
        let annotation = &page["items"][0];
        let wanted = json!("https://example.org/canvas/1#xywh=10,20,12,25");
        assert_eq!(annotation["target"], wanted, "{orientation}");
        assert_eq!(annotation["textGranularity"], "line");
        assert_eq!(annotation["confidence"], 0.5);
        assert_eq!(page["@context"].as_array().map(Vec::len), Some(2));
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let work = groups();
    let trees = ["1", "2", "7"].map(|jobs| {
        let args = ["--jobs", jobs, "--split", "train=0.5,val=0.5"];
        reformat(&work, "coco,yolo,crops,parquet", &args).exits(0);
        work.tree("out")
    });
    assert!(trees[0] == trees[1] && trees[0] == trees[2]);
    reformat(&work, "coco", &["--jobs", "0"]).exits(2);
}

#[test]
fn boxes_drawn_on_the_turned_picture_are_turned_back() {
    let cases = [
        ([50, 100], ["20", "30", "40", "10"], "as rotated by EXIF"),
        (
            [100, 50],
            ["10", "20", "10", "40"],
            "EXIF orientation that the boxes do not follow: they are on the pixels as stored",
        ),
    ];
    for (frame, wanted, news) in cases {
        let work = Workdir::new();
        let bbox = boxed("b", "a", [10.0, 20.0, 10.0, 40.0]);
        lay_out(
            &work,
            &[image("u", "g", frame, vec![bbox])],
            &[("u", "a.jpg", turned(100, 50, 6))],
        );
        reformat(&work, "csv", &[])
            .exits(0)
            .says(&[news, "orientation 6"]);
        let row = &rows(&work, "out/annotations.csv")[0];
        // Below 50 of the stored 50 rows the stored box is clipped.
        let wanted = if frame[0] == 100 {
            ["10", "20", "10", "30"]
        } else {
            wanted
        };
        assert_eq!(["x", "y", "w", "h"].map(|name| row[name].as_str()), wanted);
    }
}

#[test]
fn no_reader_turns_the_pictures_of_a_dataset() {
    for (format, path) in [
        ("coco", "out/images/a.jpg"),
        ("voc", "out/VOCdevkit/VOC2012/JPEGImages/a.jpg"),
        ("yolo", "out/images/train/a.jpg"),
    ] {
        let work = Workdir::new();
        let bbox = boxed("b", "a", [10.0, 20.0, 10.0, 10.0]);
        let stored = turned(100, 50, 6);
        lay_out(
            &work,
            &[image("u", "g", [100, 50], vec![bbox])],
            &[("u", "a.jpg", stored.clone())],
        );
        reformat(&work, format, &["--no-val"])
            .exits(0)
            .says(&["removed from the copies in the output"]);
        let copy = work.read(path);
        let header = recto::pixels::measure_bytes(&copy).unwrap();
        assert_eq!((header.orientation, header.width), (1, 100), "{format}");
        let pixels = |bytes: &[u8]| recto::pixels::decode(bytes, 9999).unwrap().into_bytes();
        assert!(pixels(&copy) == pixels(&stored), "{format}");
        // What was downloaded stays as it came.
        assert_eq!(work.read("a.jpg"), stored, "{format}");
    }
}

#[test]
fn what_cannot_be_used_is_listed_with_its_reason() {
    let work = Workdir::new();
    let mut unframed = image(
        "unframed",
        "g",
        [10, 10],
        vec![boxed("b", "a", [0.0, 0.0, 1.0, 1.0])],
    );
    unframed.as_object_mut().unwrap().remove("frame");
    let good = || vec![boxed("b", "a", [0.0, 0.0, 1.0, 1.0])];
    let boxes = vec![
        boxed("kept", "a", [0.0, 0.0, 5.0, 5.0]),
        boxed("outside", "a", [10.0, 0.0, 5.0, 5.0]),
        boxed("empty", " ", [0.0, 0.0, 5.0, 5.0]),
        boxed("sliver", "a", [0.0, 0.0, 0.001, 5.0]),
    ];
    let images = [
        image("ok", "g", [10, 10], boxes),
        image("ok", "g", [10, 10], good()),
        unframed,
        image("absent", "g", [10, 10], good()),
        image("gone", "g", [10, 10], vec![]),
        image("text", "g", [10, 10], vec![]),
        image("escapes", "g", [10, 10], vec![]),
        image("shares", "g", [10, 10], vec![]),
    ];
    let files = [
        ("ok", "ok.png", picture(10, 10, 1, ImageFormat::Png)),
        ("unframed", "u.png", picture(10, 10, 2, ImageFormat::Png)),
        ("text", "t.png", b"<html>".to_vec()),
        (
            "escapes",
            "sub/../ok.png",
            picture(10, 10, 1, ImageFormat::Png),
        ),
        ("shares", "ok.png", picture(10, 10, 1, ImageFormat::Png)),
    ];
    std::fs::create_dir(work.path("sub")).unwrap();
    lay_out(&work, &images, &files);
    let mut map = work.json("image_map.json");
    map["gone"] = "gone.png".into();
    work.write_json("image_map.json", &map);
    reformat(&work, "csv", &["--report", "report.json"])
        .exits(3)
        .says(&["left out 1: not downloaded"]);
    let rejects: Vec<[String; 3]> = rows(&work, "out/rejects.csv")
        .iter()
        .map(|row| ["record", "field", "problem"].map(|name| row[name].clone()))
        .collect();
    let wanted = [
        (
            "absent",
            "id",
            "not downloaded: the image map does not list it, 1 box with it",
        ),
        (
            "escapes",
            "file",
            "path leaves the folder of the image map: sub/../ok.png",
        ),
        ("gone", "file", "file cannot be used: "),
        (
            "ok",
            "id",
            "id occurs more than once: only the first is used, 1 box with it",
        ),
        ("ok empty", "concept", "class name is empty"),
        (
            "ok outside",
            "bbox",
            "box is outside the image: 10, 0, 5, 5 in its frame, 10 x 10 pixels",
        ),
        (
            "ok sliver",
            "bbox",
            "box is thinner than a hundredth of a pixel: 0, 0, 0.001, 5",
        ),
        (
            "shares",
            "file",
            "file belongs to another image: ok.png to ok",
        ),
        ("text", "file", "file cannot be used: "),
        (
            "unframed b",
            "frame",
            "frame is missing: the coordinate space of the box is not known",
        ),
    ];
    assert_eq!(rejects.len(), wanted.len(), "{rejects:#?}");
    for (found, (record, field, problem)) in rejects.iter().zip(wanted) {
        assert_eq!((found[0].as_str(), found[1].as_str()), (record, field));
        assert!(
            found[2].starts_with(problem),
            "{} is not {problem}",
            found[2]
        );
    }
    let report = work.json("report.json");
    let number = |key: &str| report[key].as_u64().unwrap();
    assert_eq!(number("read"), number("kept") + number("rejected"));
    assert_eq!(
        (
            number("kept"),
            number("images"),
            number("boxes"),
            number("negatives")
        ),
        (3, 2, 1, 1)
    );
    reformat(&work, "csv", &["--partial-ok", "--rejects", "mine.csv"]).exits(0);
    assert!(work.exists("mine.csv") && !work.exists("out/rejects.csv"));
}

#[test]
fn a_split_never_divides_a_group() {
    let work = groups();
    let split = |seed: &str| {
        reformat(
            &work,
            "csv",
            &["--split", "train=0.5,val=0.25,test=0.25", "--seed", seed],
        )
        .exits(0);
        let mut splits: BTreeMap<String, String> = BTreeMap::new();
        for row in rows(&work, "out/annotations.csv") {
            let other = splits.insert(row["group"].clone(), row["split"].clone());
            assert!(
                other.is_none_or(|other| other == row["split"]),
                "{} is divided",
                row["group"]
            );
        }
        splits
    };
    let first = split("0");
    let n = |name: &str| first.values().filter(|split| *split == name).count();
    assert_eq!((n("train"), n("val"), n("test")), (6, 3, 3));
    assert_eq!(split("0"), first);
    assert_ne!(split("1"), first);
    let card = work.json("out/dataset.json");
    assert_eq!(
        card["splits"]["train"],
        json!({ "images": 12, "boxes": 12, "negatives": 0, "groups": 6 })
    );
}

#[test]
fn the_same_file_under_two_groups_stays_together() {
    let work = groups();
    for (from, to) in [(0, 2), (2, 4), (4, 6)] {
        let bytes = work.read(&format!("images/{from}.png"));
        work.write(&format!("images/{to}.png"), bytes);
    }
    let ran = reformat(&work, "csv", &["--split", "train=0.5,test=0.5"]);
    ran.exits(0)
        .says(&["3 groups share files with other groups"]);
    let rows = rows(&work, "out/annotations.csv");
    let splits: Vec<&str> = rows
        .iter()
        .filter(|row| ["g0", "g1", "g2", "g3"].contains(&row["group"].as_str()))
        .map(|row| row["split"].as_str())
        .collect();
    assert!(
        splits.windows(2).all(|pair| pair[0] == pair[1]),
        "{splits:?}"
    );
}

#[test]
fn a_split_that_makes_no_sense_is_a_usage_error_and_an_empty_one_is_news() {
    let work = groups();
    for (split, message) in [
        ("train=0.8,val=0.1", "sum to 0.9"),
        ("train", "is not NAME=SHARE"),
        ("a/b=1", "not a name of letters"),
    ] {
        reformat(&work, "csv", &["--split", split])
            .exits(2)
            .says(&[message]);
    }
    let one = one([10, 10], [10, 10], vec![]);
    reformat(&one, "csv", &["--split", "train=0.8,val=0.2"])
        .exits(0)
        .says(&["split val stays empty"]);
}

#[test]
fn a_remap_renames_merges_and_drops() {
    let boxes = ["cat", "dog", "wolf", "mud"].map(|name| boxed(name, name, [0.0, 0.0, 5.0, 5.0]));
    let work = one([10, 10], [10, 10], boxes.into());
    work.write(
        "map.csv",
        "from,to\nwolf,dog\ncat,\"Felis, catus\"\nmud,\nunicorn,horse\n",
    );
    work.write(
        "map.json",
        r#"{"wolf":"dog","cat":"Felis, catus","mud":null,"unicorn":"horse"}"#,
    );
    // As m3-download's scripts read it.
    work.write(
        "bare.csv",
        "wolf,dog\ncat,\"Felis, catus\"\nmud,\nunicorn,horse\n",
    );
    for map in ["map.csv", "map.json", "bare.csv"] {
        let ran = reformat(&work, "csv", &["--remap", map, "--report", "report.json"]);
        ran.exits(0)
            .says(&["names in --remap that do not occur: 1 (`unicorn`)"]);
        let rows = rows(&work, "out/annotations.csv");
        let labels: Vec<&str> = rows.iter().map(|row| row["label"].as_str()).collect();
        assert_eq!(labels, ["Felis, catus", "dog", "dog"], "{map}");
        let report = work.json("report.json");
        assert_eq!(
            (&report["filtered"], &report["read"], &report["classes"]),
            (&json!(1), &json!(4), &json!(2))
        );
    }
    work.write("bad.csv", "a,b,c\n");
    reformat(&work, "csv", &["--remap", "bad.csv"])
        .exits(1)
        .says(&["bad.csv:1: the columns are a,b,c", "hint:"]);
    work.write("list.json", r#"[{"from": "wolf", "to": "dog"}]"#);
    reformat(&work, "csv", &["--remap", "list.json"])
        .exits(1)
        .says(&["list.json: is a JSON list, an object was expected", "hint:"]);
    reformat(&work, "csv", &["--remap", "none.csv"])
        .exits(1)
        .says(&["none.csv: no such file"]);
}

#[test]
fn negatives_are_kept_unless_they_are_not_wanted() {
    let (work, _) = sample();
    reformat(
        &work,
        "csv",
        &["--negatives", "drop", "--report", "report.json"],
    )
    .exits(0);
    assert!(
        rows(&work, "out/annotations.csv")
            .iter()
            .all(|row| !row["label"].is_empty())
    );
    assert_eq!(work.json("report.json")["filtered"], 1);
    let none = one([10, 10], [10, 10], vec![]);
    reformat(&none, "csv", &["--negatives", "drop"])
        .exits(1)
        .says(&["no images to write", "--negatives keep"]);
    assert!(!none.exists("out"));
}

#[cfg(unix)]
#[test]
fn images_are_linked_copied_or_left_where_they_are() {
    use std::os::unix::fs::MetadataExt;
    let (work, _) = sample();
    let names = |path: &str| std::fs::metadata(work.path(path)).unwrap().nlink();
    reformat(&work, "coco", &[]).exits(0);
    assert_eq!(names("out/images/ms 1/a.jpg"), 2);
    reformat(&work, "coco", &["--images", "copy"]).exits(0);
    assert_eq!(names("out/images/ms 1/a.jpg"), 1);
    assert_eq!(names("images/ms 1/a.jpg"), 1, "the linked folder is gone");
    reformat(&work, "coco", &["--images", "none"]).exits(0);
    assert!(!work.exists("out/images"));
    let coco = work.json("out/annotations/instances_default.json");
    assert_eq!(coco["images"][0]["file_name"], "images/ms 1/a.jpg");
}

#[test]
fn an_output_with_the_suffix_of_a_file_is_that_file() {
    let (work, _) = sample();
    for (format, file) in [
        ("coco", "a.json"),
        ("csv", "a.csv"),
        ("vgg", "v.csv"),
        ("sheet", "a.PNG"),
    ] {
        work.run(
            "reformat",
            &["localizations.json", "-f", format, "-o", file],
        )
        .exits(0);
        assert!(work.path(file).is_file(), "{file}");
        assert!(work.exists(&format!("{file}.rejects.csv")), "{file}");
    }
    assert_eq!(
        work.json("a.json")["images"][0]["file_name"],
        "images/ms 1/a.jpg"
    );
    work.run(
        "reformat",
        &["localizations.json", "-f", "coco", "-o", "images/a.json"],
    )
    .exits(0);
    assert_eq!(
        work.json("images/a.json")["images"][0]["file_name"],
        "ms 1/a.jpg"
    );
    let split = [
        "localizations.json",
        "-f",
        "coco",
        "-o",
        "s.json",
        "--split",
        "train=0.5,val=0.5",
    ];
    work.run("reformat", &split)
        .exits(1)
        .says(&["one file cannot hold", "hint: name a folder with -o"]);
    assert!(!work.exists("s.json"));
}

#[test]
fn only_what_recto_wrote_is_replaced() {
    let (work, _) = sample();
    work.write("out/thesis.txt", "mine");
    reformat(&work, "csv", &[]).exits(1).says(&[
        "out: was not written by recto",
        "hint: name another folder with -o",
    ]);
    assert_eq!(work.tree("out").len(), 1);
    std::fs::remove_file(work.path("out/thesis.txt")).unwrap();
    reformat(&work, "csv", &["--report", "out/report.json"]).exits(0);
    reformat(&work, "coco", &["--report", "out/report.json"]).exits(0);
    assert!(
        !work.exists("out/annotations.csv"),
        "the former format's file is gone"
    );
    work.write("out/weights.pt", "mine");
    let ran = reformat(&work, "csv", &["--report", "out/report.json"]);
    ran.exits(1).says(&[
        "out: holds weights.pt, which recto did not write",
        "hint: move that file away",
    ]);
    assert!(work.exists("out/weights.pt") && work.exists("out/annotations/instances_default.json"));
    std::fs::remove_file(work.path("out/weights.pt")).unwrap();
    // What people have corrected in a set is theirs; a file that is newer, but the same, is not.
    let file = "out/annotations/instances_default.json";
    let written = work.text(file);
    work.write(file, &written);
    reformat(&work, "coco", &["--report", "out/report.json"]).exits(0);
    work.write(file, written.replace("\"images\"", "\"pages\""));
    let ran = reformat(&work, "coco", &["--report", "out/report.json"]);
    ran.exits(1)
        .says(&["out: holds annotations/instances_default.json, which recto did not write, or which was changed since"]);
    assert!(work.text(file).contains("\"pages\""));
    work.write(file, &written);
    // Neither the input nor what another stage wrote.
    let before = work.text("localizations.json");
    work.write(
        "digest.json",
        "{\n  \"contract\": \"recto/digest\",\n  \"version\": 1\n}",
    );
    for (output, says) in [
        (
            "localizations.json",
            "is an input, and would be overwritten",
        ),
        ("digest.json", "was written by another stage"),
    ] {
        let over = ["localizations.json", "-f", "coco", "-o", output];
        work.run("reformat", &over).exits(2).says(&[says]);
    }
    assert_eq!(work.text("localizations.json"), before);
    work.write("file", "x");
    let below = ["localizations.json", "-f", "csv", "-o", "file/out"];
    work.run("reformat", &below)
        .exits(1)
        .says(&["cannot be written"]);
    work.run(
        "reformat",
        &["localizations.json", "-f", "voc", "-o", "file"],
    )
    .exits(1)
    .says(&["is a file, a folder is needed"]);
    work.run("reformat", &["localizations.json", "-f", "csv", "-o", "-"])
        .exits(2)
        .says(&["set the folder"]);
}

#[test]
fn a_run_that_fails_or_is_killed_leaves_the_folder_as_it_was() {
    let (work, _) = sample();
    reformat(&work, "tf", &[]).exits(0);
    let before = work.tree("out");
    // What a killed run leaves: a folder named for a process that is gone.
    work.write(".out.4194999.part/data", "half");
    // Nobody can see whether a process elsewhere runs: what it began is left for a week.
    let week = std::time::Duration::from_secs(8 * 86_400);
    let folder = std::fs::File::open(work.path(".out.4194999.part")).unwrap();
    let long_ago = std::time::SystemTime::now() - week;
    folder.set_modified(long_ago).unwrap();
    // Read when all images are written.
    work.write("bad.json", "{}");
    reformat(&work, "tf", &["--previous", "bad.json"])
        .exits(1)
        .says(&["bad.json"]);
    assert!(work.tree("out") == before);
    let hidden = std::fs::read_dir(work.path(".")).unwrap().filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .ends_with(".part")
    });
    assert_eq!(hidden.count(), 0);
}

#[test]
fn inputs_that_are_missing_or_wrong_are_named_with_what_to_do() {
    let (work, _) = sample();
    work.write(
        "bad.json",
        "{\"contract\":\"recto/localizations\",\n\"version\":1,\"images\":[{\"id\":1}]}",
    );
    work.write(
        "digest.json",
        "{\"contract\":\"recto/digest\",\"version\":1}",
    );
    work.write("map.json", "[1]");
    let cases: [(&[&str], &[&str]); 6] = [
        (&["none.json"], &["none.json: no such file"]),
        (
            &["bad.json"],
            &["bad.json:2:", "`images[0].id`", "invalid type"],
        ),
        (
            &["digest.json"],
            &["is a recto/digest file", "recto-extract"],
        ),
        (
            &["localizations.json", "--image-map", "none.json"],
            &["none.json: no such file", "recto-download"],
        ),
        (
            &["localizations.json", "--image-map", "map.json"],
            &["map.json:1:"],
        ),
        (
            &["localizations.json", "--image-map", "digest.json"],
            &["digest.json: is a recto/digest file", "recto-download"],
        ),
    ];
    for (inputs, messages) in cases {
        let call = [inputs, &["-f", "csv", "-o", "out"]].concat();
        work.run("reformat", &call).exits(1).says(messages);
        assert!(!work.exists("out"));
    }
    std::fs::create_dir(work.path("moved")).unwrap();
    for name in ["images", "image_map.json"] {
        std::fs::rename(work.path(name), work.path(&format!("moved/{name}"))).unwrap();
    }
    reformat(&work, "csv", &[])
        .exits(1)
        .says(&["image_map.json: no such file"]);
    reformat(&work, "csv", &["--image-map", "moved/image_map.json"]).exits(0);
}

#[test]
fn nothing_downloaded_is_an_error_that_says_so() {
    let (work, _) = sample();
    work.write("image_map.json", "{}");
    reformat(&work, "csv", &[]).exits(1).says(&[
        "no images to write; 4 records were left out: not downloaded",
        "recto-download",
    ]);
    lay_out(&work, &[], &[]);
    reformat(&work, "csv", &[])
        .exits(1)
        .says(&["there are none in localizations.json", "recto-extract"]);
}
