//! `--shard` and `--from-shards`: a set that several workers make is, byte for byte, the set that one makes.

use std::collections::BTreeMap;
use std::fs;

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
            &[split, &["--crop-margin", "0.2", "--crop-square"]],
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
    for (format, more) in cases {
        let mut more = more.concat();
        // Tiles cannot be cut from the damaged image.
        if more.contains(&"--tiles") {
            more.extend(["--min-image", "90"]);
            work.write("images/5.png", picture(205, 115, 5, ImageFormat::Png));
        }
        let (wanted, said) = alone(&work, format, &more);
        for count in 1..=4 {
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
