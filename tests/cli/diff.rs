//! `recto diff`: what is not the same in two digests, sets, folders or datasets, by its lines, its sentence and its exit code.

use std::collections::BTreeMap;
use std::io::Cursor;

use recto_testkit::dataset::{boxed, image, lay_out, picture};
use recto_testkit::{Workdir, samples, schemas};
use serde_json::{Value, json};

/// Runs it with `--json` and gives the lines; each is valid to its schema. The code is 4 if there are any.
fn lines(work: &Workdir, a: &str, b: &str) -> Vec<Value> {
    let ran = work.run("recto", &["diff", a, b, "--json"]);
    let lines: Vec<Value> = ran
        .stdout()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    ran.exits(if lines.is_empty() { 0 } else { 4 });
    lines
        .iter()
        .for_each(|line| schemas::validate("difference", line));
    lines
}

/// How often each change is there.
fn counted(lines: &[Value]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        *counts.entry(line["change"].as_str().unwrap()).or_default() += 1;
    }
    counts
}

fn set(images: &[Value]) -> Value {
    json!({"contract": "recto/localizations", "version": 1, "images": images})
}

fn two_images() -> Vec<Value> {
    let boxes = vec![
        boxed("1", "alef", [10.0, 10.0, 20.0, 20.0]),
        boxed("2", "bet", [50.0, 10.0, 20.0, 20.0]),
    ];
    vec![
        image("a", "book", [100, 80], boxes),
        image("b", "book", [100, 80], vec![]),
    ]
}

#[test]
fn every_change_of_a_set_is_named() {
    let work = Workdir::new();
    work.write_json("a.json", &set(&two_images()));
    let all = |images: &mut Vec<Value>| images.iter_mut().for_each(|i| i["group"] = "x".into());
    type Change = fn(&mut Vec<Value>);
    let cases: [(Change, &str, &str); 12] = [
        (|_| (), "", "are the same: 2 images with 2 boxes"),
        (|i| i.reverse(), "", "are the same"),
        (|i| drop(i.pop()), "gone", "differ: 1 image is gone"),
        (
            |i| i[1]["id"] = "c".into(),
            "moved",
            "differ: 1 image has moved",
        ),
        (
            |i| i[1]["image"]["url"] = "https://example.org/c.jpg".into(),
            "moved",
            "1 image has moved",
        ),
        (
            |i| i[0]["localizations"][0]["bbox"] = json!([10, 10, 20, 10]),
            "box",
            "1 box has another place or size",
        ),
        (
            |i| i[0]["localizations"][0]["concept"] = "gimel".into(),
            "label",
            "1 box has another class",
        ),
        (
            |i| i[0]["localizations"][0]["attributes"] = json!({"text": "x"}),
            "attribute",
            "1 attribute of boxes has changed",
        ),
        (
            |i| i[0]["localizations"] = json!([]),
            "gone-box gone-box",
            "2 boxes are gone",
        ),
        (
            |i| i[0]["source"]["rights"] = "none".into(),
            "rights",
            "1 image has other rights",
        ),
        (
            |i| i[0]["metadata"]["Date"] = json!(["1300"]),
            "metadata",
            "1 image has other metadata",
        ),
        (all, "group group", "2 images are in another group"),
    ];
    for (change, wanted, sentence) in cases {
        let mut images = two_images();
        change(&mut images);
        work.write_json("b.json", &set(&images));
        let found = lines(&work, "a.json", "b.json");
        let changes: Vec<&str> = found
            .iter()
            .map(|l| l["change"].as_str().unwrap())
            .collect();
        assert_eq!(changes.join(" "), wanted);
        let ran = work.run("recto", &["diff", "a.json", "b.json"]);
        ran.says(&[sentence]);
        let turned = lines(&work, "b.json", "a.json");
        assert_eq!(turned.is_empty(), found.is_empty(), "{sentence}");
    }
    let mut images = two_images();
    images[0]["localizations"][0]["bbox"] = json!([10, 10, 20, 10]);
    work.write_json("b.json", &set(&images));
    let found = &lines(&work, "a.json", "b.json")[0];
    let parts = json!([
        found["id"],
        found["box"],
        found["from"],
        found["to"],
        found["iou"]
    ]);
    let wanted = json!(["a", "1", [10, 10, 20, 20], [10, 10, 20, 10], 0.5]);
    assert_eq!(parts, wanted);
}

/// The picture of `picture`, in other bytes; with a corner drawn over if it is to be another.
fn again(seed: u32, is_other: bool) -> Vec<u8> {
    let bytes = drawn(seed);
    let mut image = image::load_from_memory(&bytes).unwrap().into_rgb8();
    if is_other {
        image = image::imageops::rotate180(&image);
    }
    let mut out = Cursor::new(Vec::new());
    image.write_to(&mut out, image::ImageFormat::Tiff).unwrap();
    out.into_inner()
}

/// A picture with light and dark places that are its own.
fn drawn(seed: u32) -> Vec<u8> {
    let pixel = |x: u32, y: u32| {
        let near = |cx: u32, cy: u32| x.abs_diff(cx) + y.abs_diff(cy) < 20;
        let is_dark = near(20 + seed * 7, 30) || near(70, 15 + seed * 11);
        image::Luma([if is_dark { 10 } else { 230 - (x / 2) as u8 }])
    };
    let image = image::GrayImage::from_fn(100, 80, pixel);
    let mut out = Cursor::new(Vec::new());
    image.write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

/// A disc in some colour on white, in some format.
fn disc(colour: [u8; 3], format: image::ImageFormat) -> Vec<u8> {
    let pixel = |x: u32, y: u32| {
        let is_inside = x.abs_diff(64).pow(2) + y.abs_diff(64).pow(2) < 32 * 32;
        image::Rgb(if is_inside { colour } else { [255; 3] })
    };
    let mut out = Cursor::new(Vec::new());
    let image = image::RgbImage::from_fn(128, 128, pixel);
    image.write_to(&mut out, format).unwrap();
    out.into_inner()
}

#[test]
fn a_disc_of_another_colour_is_another_picture_and_one_compressed_is_not() {
    use image::ImageFormat::{Jpeg, Png};
    // Red and blue are equally dark.
    let [red, blue] = [[200, 0, 0], [0, 0, 250]];
    let work = Workdir::new();
    work.write("a/hue.png", disc(red, Png))
        .write("b/hue.png", disc(blue, Png))
        .write("a/form.jpg", disc(red, Png))
        .write("b/form.jpg", disc(red, Jpeg));
    let found = lines(&work, "a", "b");
    let told: Vec<[&str; 2]> = found
        .iter()
        .map(|line| [&line["id"], &line["change"]].map(|member| member.as_str().unwrap()))
        .collect();
    assert_eq!(told, [["form.jpg", "bytes"], ["hue.png", "picture"]]);
}

#[test]
fn pictures_in_other_bytes_are_told_from_other_pictures() {
    let work = Workdir::new();
    let files = |folder: &str, files: &[(&str, Vec<u8>)]| {
        for (name, bytes) in files {
            work.write(&format!("{folder}/{name}"), bytes);
        }
    };
    files(
        "a",
        &[
            ("same.png", drawn(0)),
            ("bytes.png", drawn(1)),
            ("other.png", drawn(2)),
            ("moves.png", drawn(3)),
            ("gone.png", drawn(4)),
            ("notes.txt", b"one".to_vec()),
        ],
    );
    files(
        "b",
        &[
            ("same.png", drawn(0)),
            ("bytes.png", again(1, false)),
            ("other.png", again(2, true)),
            ("moved/away.png", drawn(3)),
            ("new.png", again(0, true)),
            ("notes.txt", b"two".to_vec()),
        ],
    );
    assert_eq!(lines(&work, "a", "a"), Vec::<Value>::new());
    let found = lines(&work, "a", "b");
    let of = |change: &str| -> Vec<&str> {
        let found = found.iter().filter(|line| line["change"] == change);
        found.map(|line| line["id"].as_str().unwrap()).collect()
    };
    assert_eq!(of("bytes"), ["bytes.png"], "{found:?}");
    assert_eq!(of("picture"), ["other.png"]);
    assert_eq!(of("contents"), ["notes.txt"]);
    assert_eq!(of("moved"), ["moved/away.png"]);
    assert_eq!((of("gone"), of("new")), (vec!["gone.png"], vec!["new.png"]));
    assert_eq!(found.len(), 6, "{found:?}");

    // The same by the ids of a map, whatever the files are called.
    work.write_json("a/map.json", &json!({"1": "same.png", "2": "bytes.png"}));
    work.write_json("b/map.json", &json!({"1": "same.png", "2": "other.png"}));
    let found = lines(&work, "a/map.json", "b/map.json");
    assert_eq!(counted(&found), [("moved", 1), ("picture", 1)].into());
}

#[test]
fn folders_of_downloads_are_compared_by_the_journal_and_by_what_is_there() {
    let work = Workdir::new();
    let line = |id: &str, path: &str, bytes: &[u8]| {
        json!({"recto": "download/1", "id": id, "path": path, "uri": format!("https://a.example/{id}?sig=secret"), "bytes": bytes.len(),
            "sha256": recto::files::hex_digest(bytes, 64), "width": 100, "height": 80, "media_type": "image/png", "method": "bytes",
            "attempts": 1, "regions": 1, "when": "2026-11-21T04:43:14Z"})
        .to_string()
    };
    let folder = |name: &str, images: &[(&str, &str, Vec<u8>)]| {
        let mut journal = String::new();
        for (id, path, bytes) in images {
            work.write(&format!("{name}/{path}"), bytes);
            journal += &(line(id, path, bytes) + "\n");
        }
        work.write(&format!("{name}/downloads.jsonl"), journal);
    };
    folder(
        "a",
        &[
            ("1", "1.png", drawn(1)),
            ("2", "2.png", drawn(2)),
            ("3", "3.png", drawn(3)),
        ],
    );
    folder(
        "b",
        &[
            ("1", "1.png", drawn(1)),
            ("2", "2.png", again(2, false)),
            ("3", "3.png", drawn(3)),
        ],
    );
    assert_eq!(counted(&lines(&work, "a", "b")), [("bytes", 1)].into());
    // What keeps its size is taken for what it was, unless it is to be read.
    folder(
        "c",
        &[
            ("1", "1.png", drawn(1)),
            ("2", "2.png", drawn(2)),
            ("3", "3.png", drawn(3)),
        ],
    );
    assert_eq!(lines(&work, "a", "c"), [] as [Value; 0]);
    work.run("recto", &["diff", "a", "c", "--rehash"]).exits(0);
    let mut damaged = drawn(1);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    work.write("c/1.png", damaged);
    assert_eq!(lines(&work, "a", "c"), [] as [Value; 0]);
    work.run("recto", &["diff", "a", "c", "--rehash"])
        .exits(4)
        .says(&["1 picture has changed"]);
    // A file that somebody changed or removed is not what the journal says.
    work.write("b/3.png", drawn(0));
    std::fs::remove_file(work.path("b/1.png")).unwrap();
    let found = lines(&work, "a", "b");
    let wanted = [("bytes", 1), ("gone", 1), ("picture", 1)];
    assert_eq!(counted(&found), wanted.into(), "{found:?}");
    assert!(!format!("{found:?}").contains("secret"), "{found:?}");
}

#[test]
fn training_sets_differ_in_files_classes_and_splits() {
    let work = Workdir::new();
    let files = [("a", "a.png", drawn(0)), ("b", "b.png", drawn(1))];
    let images = |label: &str| {
        let alef = vec![boxed("1", label, [10.0, 10.0, 20.0, 20.0])];
        let bet = vec![boxed("1", "bet", [10.0, 10.0, 20.0, 20.0])];
        vec![
            image("a", "one", [100, 80], alef),
            image("b", "two", [100, 80], bet),
        ]
    };
    for (folder, label, seed) in [
        ("old", "alef", "1"),
        ("new", "gimel", "4"),
        ("same", "alef", "1"),
    ] {
        lay_out(&work, &images(label), &files);
        let split = ["--split", "train=0.5,val=0.5", "--seed", seed];
        let call = [
            &["localizations.json", "-f", "yolo", "-o", folder][..],
            &split,
        ]
        .concat();
        work.run("reformat", &call).exits(0);
    }
    assert_eq!(lines(&work, "old", "same"), Vec::<Value>::new());
    let found = lines(&work, "old", "new");
    let counts = counted(&found);
    assert_eq!(counts["class"], 2, "{found:?}");
    assert!(counts.contains_key("contents"), "{found:?}");
}

/// Two pictures with three boxes.
fn two_pictures() -> Vec<Value> {
    let alef = vec![
        boxed("1", "alef", [10.0, 10.0, 20.0, 20.0]),
        boxed("2", "bet", [50.0, 10.0, 20.0, 20.0]),
    ];
    let bet = vec![boxed("3", "bet", [10.0, 30.0, 20.0, 20.0])];
    vec![
        image("a", "one", [100, 80], alef),
        image("b", "two", [100, 80], bet),
    ]
}

const PICTURES: [(&str, &str, u32); 2] = [("a", "a.png", 0), ("b", "b.png", 1)];

/// Writes a training set of images, in a format.
fn train(work: &Workdir, images: &[Value], more: &[&str]) {
    let pictures = PICTURES.map(|(id, file, seed)| (id, file, drawn(seed)));
    lay_out(work, images, &pictures);
    let call = [&["localizations.json"], more].concat();
    work.run("reformat", &call).exits(0);
}

#[test]
fn boxes_of_training_sets_are_compared_in_every_format_that_can_be_read() {
    let with_images = [
        "coco",
        "roboflow",
        "yolo",
        "yolo-seg",
        "voc",
        "labelstudio",
        "hf",
        "coco,yolo",
    ];
    for format in with_images.into_iter().chain(["csv"]) {
        let work = Workdir::new();
        let call = |folder: &'static str| ["-f", format, "-o", folder, "--no-val"];
        train(&work, &two_pictures(), &call("old"));
        train(&work, &two_pictures(), &call("same"));
        assert_eq!(lines(&work, "old", "same"), Vec::<Value>::new(), "{format}");
        let mut images = two_pictures();
        images[0]["localizations"][0]["bbox"] = json!([10, 10, 20, 10]);
        images[0]["localizations"][1]["concept"] = "alef".into();
        images[1]["localizations"]
            .as_array_mut()
            .unwrap()
            .push(boxed("4", "alef", [60.0, 50.0, 10.0, 10.0]));
        train(&work, &images, &call("new"));
        let found = lines(&work, "old", "new");
        let counts = counted(&found);
        let sets = format.split(',').count();
        let wanted = [("box", sets), ("label", sets), ("new-box", sets)];
        for (change, count) in wanted {
            assert_eq!(counts.get(change), Some(&count), "{format}: {found:?}");
        }
        assert!(!counts.contains_key("picture"), "{format}: {found:?}");
        assert!(!counts.contains_key("metadata"), "{format}: {found:?}");
        let moved = found.iter().find(|line| line["change"] == "box").unwrap();
        assert_eq!(moved["iou"], 0.5, "{format}");
        let name = moved["id"].as_str().unwrap();
        let is_picture = work.exists(&format!("new/{name}"));
        assert!(is_picture || format == "csv", "{format}: {name}");
        let ran = work.run("recto", &["diff", "old", "new"]);
        ran.says(&[match sets {
            1 => "1 box has another place or size",
            _ => "2 boxes have another place or size",
        }]);
    }
}

#[test]
fn a_set_that_cannot_be_read_is_compared_by_its_bytes_and_that_is_told() {
    let work = Workdir::new();
    let call = |folder: &'static str| ["-f", "coco", "-o", folder];
    train(&work, &two_pictures(), &call("old"));
    train(&work, &two_pictures(), &call("new"));
    let (path, _) = work.tree("new/annotations").pop_first().unwrap();
    work.write(&format!("new/annotations/{path}"), "{");
    let ran = work.run("recto", &["diff", "old", "new"]);
    ran.exits(4)
        .says(&["1 file is compared by its bytes, not by its boxes: annotations/"]);
    // Nothing is said of images whose annotations are not known.
    let kinds = |found: &[Value]| -> Vec<String> {
        let kinds = found.iter().map(|line| line["change"].to_string());
        kinds.collect()
    };
    assert_eq!(kinds(&lines(&work, "old", "new")), ["\"contents\""]);
    std::fs::remove_file(work.path(&format!("new/annotations/{path}"))).unwrap();
    assert_eq!(kinds(&lines(&work, "old", "new")), ["\"gone\""]);
    let ran = work.run("recto", &["diff", "old", "new"]);
    ran.exits(4)
        .says(&["1 file is not there: its boxes are not compared: annotations/"]);
}

#[test]
fn files_of_a_training_set_are_looked_for_whatever_was_recorded() {
    for format in ["coco", "yolo", "voc", "hf"] {
        let work = Workdir::new();
        for folder in ["old", "new"] {
            train(
                &work,
                &two_pictures(),
                &["-f", format, "-o", folder, "--no-val"],
            );
        }
        let all = work.tree("new");
        let picture = all.keys().find(|path| path.ends_with(".png")).unwrap();
        let place = work.path(&format!("new/{picture}"));
        let bytes = std::fs::read(&place).unwrap();
        // Cut short: no picture that can be decoded, and not the recorded length.
        std::fs::remove_file(&place).unwrap();
        std::fs::write(&place, &bytes[..bytes.len() / 2]).unwrap();
        let found = lines(&work, "old", "new");
        assert_eq!(counted(&found), [("picture", 1)].into(), "{format}");
        assert_eq!(found[0]["id"], **picture, "{format}");
        std::fs::remove_file(&place).unwrap();
        let found = lines(&work, "old", "new");
        assert_eq!(counted(&found), [("gone", 1)].into(), "{format}");
        assert_eq!(found[0]["id"], **picture, "{format}");
        assert_eq!(
            counted(&lines(&work, "new", "old")),
            [("new", 1)].into(),
            "{format}"
        );
        for more in [&[][..], &["--rehash"]] {
            let call = [&["diff", "old", "new"], more].concat();
            work.run("recto", &call)
                .exits(4)
                .says(&["1 file is gone", "new: 1 file is not there: "]);
        }
    }
}

#[test]
fn files_of_a_map_that_are_not_there_are_named() {
    let work = Workdir::new();
    for folder in ["a", "b"] {
        work.write(&format!("{folder}/1.png"), drawn(0));
        let map = json!({"1": "1.png", "2": "2.png", "3": "3.png"});
        work.write_json(&format!("{folder}/map.json"), &map);
    }
    work.write("a/2.png", drawn(1));
    let found = lines(&work, "a/map.json", "b/map.json");
    assert_eq!(counted(&found), [("missing", 1)].into());
    assert_eq!(found[0]["id"], "2");
    let ran = work.run("recto", &["diff", "a/map.json", "b/map.json"]);
    ran.exits(4).says(&[
        "differ: 1 file is missing",
        "a/map.json: 1 file is not there: 3.png",
        "b/map.json: 2 files are not there: 2.png, 3.png",
    ]);
    assert_eq!(
        lines(&work, "b/map.json", "b/map.json"),
        Vec::<Value>::new()
    );
}

#[test]
fn digests_differ_in_annotations() {
    let work = Workdir::new();
    let digest = samples::digest();
    work.write_json("a.json", &digest)
        .write_json("b.json", &digest);
    assert_eq!(lines(&work, "a.json", "b.json"), Vec::<Value>::new());
    let mut other = digest;
    let image = &mut other["observations"][0];
    image["source"]["rights"] = "none".into();
    image["annotations"] = json!([{"id": "x", "bodies": [{"value": "alef"}], "regions": [{"frame": "canvas", "fragment": "xywh=1,2,3,4"}]}]);
    work.write_json("b.json", &other);
    let found = lines(&work, "a.json", "b.json");
    let counts = counted(&found);
    assert!(counts["rights"] == 1 && counts["new-box"] == 1, "{found:?}");
}

#[test]
fn the_page_has_pairs_and_needs_nothing_from_elsewhere() {
    let work = Workdir::new();
    work.write("a/<1>.png", drawn(0))
        .write("b/<1>.png", drawn(2));
    work.write("a/2.png", drawn(1)).write("b/2.png", drawn(1));
    work.run(
        "recto",
        &["diff", "a", "b", "--html", "page.html", "--quiet"],
    )
    .exits(4);
    let page = work.text("page.html");
    assert_eq!(page.matches("<figure>").count(), 2, "{page}");
    assert_eq!(page.matches("data:image/jpeg;base64,").count(), 2);
    assert!(page.contains("&lt;1&gt;.png") && !page.contains("<script"));
    assert!(!page.contains("src=") && !page.contains("http"), "{page}");
}

#[test]
fn what_cannot_be_compared_is_refused_with_words() {
    let work = Workdir::new();
    work.write_json("set.json", &set(&two_images()))
        .write_json("digest.json", &samples::digest())
        .write_json(
            "report.json",
            &json!({"contract": "recto/report", "version": 1}),
        )
        .write("text.txt", "text")
        .write("folder/1.png", picture(4, 3, 1, image::ImageFormat::Png));
    lay_out(
        &work,
        &two_images()[..1],
        &[("a", "a.png", picture(100, 80, 1, image::ImageFormat::Png))],
    );
    for (format, out) in [("coco", "coco"), ("voc", "voc"), ("coco,csv", "both")] {
        let call = ["localizations.json", "-f", format, "-o", out];
        work.run("reformat", &call).exits(0);
    }
    let cases: [(&[&str], i32, &str); 8] = [
        (
            &["coco", "voc"],
            2,
            "coco is in coco, voc is in voc: only training sets of one format",
        ),
        (&["voc", "both"], 2, "both is in coco,csv"),
        (
            &["set.json", "digest.json"],
            2,
            "is a set of localizations, digest.json is a digest",
        ),
        (&["set.json", "folder"], 2, "folder is a folder"),
        (&["set.json", "missing.json"], 1, "missing.json"),
        (&["report.json", "set.json"], 1, "is a recto/report file"),
        (&["text.txt", "set.json"], 1, "text.txt: is not JSON"),
        (&["set.json", "set.json", "--html", "set.json"], 2, "--html"),
    ];
    for (args, code, words) in cases {
        let call = [&["diff"], args].concat();
        work.run("recto", &call).exits(code).says(&[words]);
    }
    let ran = work.run("recto", &["diff", "set.json", "set.json", "--quiet"]);
    assert_eq!(
        (ran.exits(0).stderr(), ran.stdout()),
        (String::new(), String::new())
    );
}
