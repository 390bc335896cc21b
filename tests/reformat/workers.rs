//! `--shard` and `--from-shards`: a set that several workers make is, byte for byte, the set that one makes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::time::SystemTime;

use image::ImageFormat;
use recto_testkit::dataset::*;
use recto_testkit::{Ran, Workdir};

use serde_json::json;

type Tree = BTreeMap<String, Vec<u8>>;

fn run(work: &Workdir, format: &str, more: &[&str]) -> Ran {
    let first = ["localizations.json", "-f", format, "-o", "set"];
    work.run("reformat", &[&first, more].concat())
}

/// A JPEG that EXIF turns.
fn turned(width: u32, height: u32, seed: u32) -> Vec<u8> {
    let plain = picture(width, height, seed, ImageFormat::Jpeg);
    let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&plain[..2], &[0xff, 0xe1], &length, exif, &plain[2..]].concat()
}

/// Eleven images: JPEGs, PNGs, a TIFF, one that EXIF turns, two that are equal, one that is damaged behind its header, one
/// without boxes; with lines of text, of which some have outlines and baselines.
fn many() -> Workdir {
    let work = Workdir::new();
    let (mut images, mut files) = (Vec::new(), Vec::new());
    for n in 0..11u32 {
        let (width, height) = (90 + 23 * n, 150 - 7 * n);
        let (suffix, bytes) = match n {
            2 => ("jpg", turned(width, height, n)),
            4 => ("tif", picture(width, height, n, ImageFormat::Tiff)),
            5 => {
                let whole = picture(width, height, n, ImageFormat::Png);
                ("png", whole[..whole.len() / 2].to_vec())
            }
            8 => (
                "png",
                picture(90 + 23 * 7, 150 - 7 * 7, 7, ImageFormat::Png),
            ),
            _ if n % 2 == 0 => ("jpg", picture(width, height, n, ImageFormat::Jpeg)),
            _ => ("png", picture(width, height, n, ImageFormat::Png)),
        };
        let size = match n {
            8 => [90 + 23 * 7, 150 - 7 * 7],
            _ => [width, height],
        };
        let line = json!({ "id": format!("l{n}"), "concept": "line", "bbox": [4, 8, 60, 20],
            "polygon": [[4, 8], [64, 10], [60, 28], [5, 26]],
            "attributes": { "text": format!("text {n}"), "granularity": "line", "baseline": [[4, 24], [60, 26]] } });
        let boxes = match n {
            3 => vec![],
            _ => vec![
                line,
                boxed(
                    &format!("b{n}"),
                    ["a", "b c"][n as usize % 2],
                    [30.0, 40.0, 50.0, 30.5],
                ),
            ],
        };
        images.push(image(&format!("u{n}"), &format!("g{}", n / 2), size, boxes));
        files.push((format!("u{n}"), format!("images/{n}.{suffix}"), bytes));
    }
    let files: Vec<(&str, &str, Vec<u8>)> = files
        .iter()
        .map(|(id, path, bytes)| (id.as_str(), path.as_str(), bytes.clone()))
        .collect();
    lay_out(&work, &images, &files);
    work
}

/// Has so many workers make their parts, the last one first.
fn make_parts(work: &Workdir, format: &str, more: &[&str], count: usize) {
    for part in (0..count).rev() {
        let shard = format!("{part}/{count}");
        run(work, format, &[more, &["--shard", &shard]].concat()).exits(0);
    }
}

/// The set of one worker, out of the way of others.
fn alone(work: &Workdir, format: &str, more: &[&str]) -> (Tree, String) {
    let ran = run(work, format, more);
    let set = work.tree("set");
    assert!(set.contains_key("dataset.json"), "{}", ran.stderr());
    fs::remove_dir_all(work.path("set")).unwrap();
    (set, ran.stderr())
}

fn assert_same(set: &Tree, wanted: &Tree, what: &str) {
    let paths = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(set), paths(wanted), "{what}");
    let differ = |path: &&String| set[*path] != wanted[*path];
    let differ: Vec<&String> = wanted.keys().filter(differ).collect();
    assert!(differ.is_empty(), "{what}: {differ:?}");
}

#[test]
fn any_number_of_workers_make_the_set_that_one_makes() {
    let split: &[&str] = &["--split", "train=0.6,val=0.4"];
    let cases: [(&str, &[&[&str]]); 13] = [
        ("yolo", &[split]),
        ("voc", &[]),
        (
            "crops",
            &[
                split,
                &[
                    "--crop-margin",
                    "0.2",
                    "--crop-square",
                    "--exif-boxes",
                    "turned",
                ],
            ],
        ),
        ("crops", &[&["--images", "none"]]),
        ("lines", &[&["--rectify"], split]),
        ("page", &[]),
        ("labelme", &[split, &["--near-duplicates", "group"]]),
        ("hf", &[split, &["--stratify", "class", "--images", "copy"]]),
        ("coco", &[&["--tiles", "64", "--overlap", "16"], split]),
        ("yolo-seg,webdataset", &[&["--tiles", "100"], &["--no-val"]]),
        ("voc,crops,coco,counts", &[split, &["--min-count", "3"]]),
        ("cvat", &[&["--negatives", "drop"]]),
        ("alto,labelstudio,roboflow", &[split]),
    ];
    let work = many();
    for (at, (format, more)) in cases.into_iter().enumerate() {
        let mut more = more.concat();
        if more.contains(&"--tiles") {
            more.extend(["--min-image", "90"]);
        }
        let (wanted, said) = alone(&work, format, &more);
        for count in [1 + at % 2, 3 + at % 2] {
            let what = format!("{format} {more:?} by {count}");
            make_parts(&work, format, &more, count);
            assert!(!work.exists("set"), "{what}");
            let ran = run(&work, format, &[&more[..], &["--from-shards"]].concat());
            assert_eq!(ran.stderr(), said, "{what}");
            assert_same(&work.tree("set"), &wanted, &what);
            assert!(!work.exists("set.shards"), "{what}");
            fs::remove_dir_all(work.path("set")).unwrap();
        }
    }
}

/// Damages every image between its ends, which say how large it is, and says when each was changed.
fn damage(work: &Workdir) -> Vec<(String, SystemTime)> {
    let change = |name: String| {
        let path = work.path(&name);
        let when = fs::metadata(&path).unwrap().modified().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let half = bytes.len() / 2;
        bytes[half..half + half / 2].fill(0x55);
        fs::write(&path, bytes).unwrap();
        (name, when)
    };
    let names = work.tree("images").into_keys();
    names.map(|name| change(format!("images/{name}"))).collect()
}

/// Gives files the times that they had.
fn set_times(work: &Workdir, times: &[(String, SystemTime)]) {
    for (name, when) in times {
        let file = File::options().write(true).open(work.path(name));
        file.unwrap().set_modified(*when).unwrap();
    }
}

/// Images of which all can be cut.
fn sound() -> Workdir {
    let work = many();
    work.write("images/5.png", picture(205, 115, 5, ImageFormat::Png));
    work
}

#[test]
fn what_workers_have_made_is_neither_read_nor_made_again() {
    let cases: [(&str, &[&str]); 6] = [
        ("page", &["--images", "copy"]),
        ("yolo", &["--tiles", "64", "--no-val"]),
        ("voc,webdataset,parquet,tf", &["--tiles", "64"]),
        ("crops", &[]),
        ("lines", &[]),
        (
            "voc",
            &[
                "--images",
                "copy",
                "--split",
                "train=0.5,val=0.5",
                "--near-duplicates",
                "group",
            ],
        ),
    ];
    for (format, more) in cases {
        let work = sound();
        let (wanted, _) = alone(&work, format, more);
        make_parts(&work, format, more, 2);
        let times = damage(&work);
        let last = [more, &["--from-shards"]].concat();
        // What was changed meanwhile is seen, and nothing is lost by that.
        if !more.contains(&"--split") {
            let says = match format {
                "page" => "was changed since a worker read it",
                // Where pixels are needed, damaged files are no part of the set any more.
                _ => "was made of other images",
            };
            run(&work, format, &last).exits(1).says(&[says]);
            assert!(
                !work.exists("set") && work.exists("set.shards/1-of-2/part.json"),
                "{format}"
            );
        }
        set_times(&work, &times);
        run(&work, format, &last).exits(0);
        assert_same(&work.tree("set"), &wanted, format);
    }
}

#[test]
fn files_that_were_only_copied_since_are_the_same() {
    let work = sound();
    let (wanted, _) = alone(&work, "crops", &[]);
    make_parts(&work, "crops", &[], 2);
    for (name, bytes) in work.tree("images") {
        work.write(&format!("images/{name}"), bytes);
    }
    run(&work, "crops", &["--from-shards"]).exits(0);
    assert_same(&work.tree("set"), &wanted, "crops");
}

#[test]
fn each_file_is_looked_at_by_one_worker() {
    let more = ["--split", "train=0.5,val=0.5", "--near-duplicates", "group"];
    let work = sound();
    let (wanted, _) = alone(&work, "voc", &more);
    run(&work, "voc", &[&more[..], &["--shard", "0/2"]].concat()).exits(0);
    // The other worker believes what the first has found.
    let times = damage(&work);
    set_times(&work, &times);
    run(&work, "voc", &[&more[..], &["--shard", "1/2"]].concat()).exits(0);
    run(&work, "voc", &[&more[..], &["--from-shards"]].concat()).exits(0);
    let set = work.tree("set");
    assert!(!wanted["near-duplicates.csv"].is_empty());
    for table in ["near-duplicates.csv", "image-splits.csv"] {
        assert_eq!(set[table], wanted[table], "{table}");
    }
}

#[test]
fn parts_that_were_made_otherwise_are_refused() {
    type Change = fn(&Workdir);
    let same: Change = |_| {};
    let cases: [(Change, &[&str], i32, &str); 10] = [
        (
            same,
            &["--crop-margin", "0.1"],
            1,
            "0-of-2: was made with other options: --crop-margin was not given, and is 0.1",
        ),
        (
            same,
            &["--split", "train=0.5,val=0.5"],
            1,
            "other options: --split was not given, and is train=0.5,val=0.5",
        ),
        (
            |work| {
                let changed = work
                    .text("localizations.json")
                    .replace("text 1", "text one");
                work.write("localizations.json", changed);
            },
            &[],
            1,
            "was made from another localizations.json",
        ),
        (
            |work| {
                let path = "set.shards/0-of-2/part.json";
                let changed = work.text(path).replace("\"recto\": \"", "\"recto\": \"9");
                work.write(path, changed);
            },
            &[],
            1,
            "was made by recto 9",
        ),
        (
            |work| fs::remove_file(work.path("images/1.png")).unwrap(),
            &[],
            1,
            "was made of other images: the worker found 11, here are 10",
        ),
        (
            |work| fs::remove_dir_all(work.path("set.shards/1-of-2")).unwrap(),
            &[],
            75,
            "set.shards: part 1 of 2 is missing",
        ),
        (
            |work| {
                fs::rename(
                    work.path("set.shards/1-of-2"),
                    work.path("set.shards/1-of-3"),
                )
                .unwrap()
            },
            &[],
            1,
            "holds parts of 2 and parts of 3",
        ),
        (
            |work| {
                work.write("set.shards/mine.txt", "mine");
            },
            &[],
            1,
            "holds mine.txt, which is no part of a set",
        ),
        (
            |work| fs::remove_dir_all(work.path("set.shards")).unwrap(),
            &[],
            1,
            "there are no parts of the set",
        ),
        (
            |work| {
                let first = work
                    .tree("set.shards/0-of-2/pictures")
                    .into_keys()
                    .next()
                    .unwrap();
                work.write(&format!("set.shards/0-of-2/pictures/{first}"), "short");
            },
            &[],
            1,
            "is not as the worker wrote it",
        ),
    ];
    for (change, more, exit, words) in cases {
        let work = sound();
        make_parts(&work, "crops", &[], 2);
        change(&work);
        run(&work, "crops", &[more, &["--from-shards"]].concat())
            .exits(exit)
            .says(&[words]);
        assert!(!work.exists("set"), "{words}");
    }
}

#[test]
fn what_cannot_be_divided_is_refused() {
    let work = sound();
    let cases: [(&[&str], &str); 6] = [
        (
            &["-f", "csv", "-o", "set"],
            "csv: has no pictures in files of their own",
        ),
        (
            &["-f", "parquet,webdataset", "-o", "set"],
            "parquet, webdataset: has no pictures",
        ),
        (
            &["-f", "coco", "-o", "set", "--images", "none"],
            "with --images none there is nothing of coco",
        ),
        (
            &["-f", "coco", "-o", "set.json"],
            "a single file is not made in parts",
        ),
        (
            &["-f", "crops", "-o", "set", "--from-shards"],
            "cannot be used with",
        ),
        (
            &[
                "-f",
                "crops",
                "-o",
                "set",
                "--image-map",
                "image_map.json",
                "-",
            ],
            "unexpected argument",
        ),
    ];
    for (more, words) in cases {
        let args = [&["localizations.json", "--shard", "0/2"], more].concat();
        work.run("reformat", &args).exits(2).says(&[words]);
        assert!(!work.exists("set") && !work.exists("set.shards"), "{words}");
    }
    let args = ["-", "-f", "crops", "-o", "set", "--from-shards"];
    work.run("reformat", &args)
        .exits(2)
        .says(&["standard input is read once"]);
}

#[test]
fn schedulers_number_workers_and_start_them_again() {
    let work = sound();
    let (wanted, _) = alone(&work, "crops", &[]);
    // What a killed worker leaves.
    work.write("set.shards/.1-of-2.999999999-x.part/pictures/half", "half");
    for number in ["0", "1", "1"] {
        let mut command = work.command(
            "reformat",
            &[
                "localizations.json",
                "-f",
                "crops",
                "-o",
                "set",
                "--shard",
                "auto",
            ],
        );
        let command = command
            .env("JOB_COMPLETION_INDEX", number)
            .env("RECTO_SHARDS", "2");
        let part = format!("part {number}/2: ");
        work.run_command(command)
            .exits(0)
            .says(&[&part, "--from-shards instead of --shard writes the set"]);
    }
    work.run("shard", &["merge", "set.shards"])
        .exits(1)
        .says(&["was written by recto-reformat --shard", "--from-shards"]);
    run(&work, "crops", &["--from-shards"]).exits(0);
    assert_same(&work.tree("set"), &wanted, "crops");
    assert!(!work.exists("set.shards"));
}
