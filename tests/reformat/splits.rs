//! Who goes into which split: shares, earlier splits, splits of the source, groups of metadata, classes, images that look alike.

use std::collections::BTreeMap;

use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use serde_json::{Value, json};

/// `n` groups of one image with a box of class `a`; every fourth has one of class `rare` besides.
fn set(work: &Workdir, n: u32) {
    let names: Vec<(String, String)> = (0..n)
        .map(|i| (format!("u{i}"), format!("{i}.png")))
        .collect();
    let images: Vec<Value> = names.iter().enumerate().map(|(i, (id, _))| {
        let mut boxes = vec![boxed("a", "a", [0.0, 0.0, 5.0, 5.0])];
        if i % 4 == 0 {
            boxes.push(boxed("b", "rare", [1.0, 1.0, 5.0, 5.0]));
        }
        let mut image = image(id, &format!("g{i}"), [10, 10], boxes);
        image["metadata"] = json!({ "Set": [if i % 2 == 0 { "train" } else { "dev" }], "Scribe": [format!("s{}", i % 3)] });
        image
    }).collect();
    let files: Vec<(&str, &str, Vec<u8>)> = names
        .iter()
        .enumerate()
        .map(|(i, (id, file))| {
            (
                id.as_str(),
                file.as_str(),
                picture(10, 10, i as u32 + 1, ImageFormat::Png),
            )
        })
        .collect();
    lay_out(work, &images, &files);
}

/// Image → split.
fn places(work: &Workdir, more: &[&str]) -> BTreeMap<String, String> {
    reformat(work, "csv", more).exits(0);
    let rows = rows(work, "out/annotations.csv");
    rows.into_iter()
        .map(|row| (row["image"].clone(), row["split"].clone()))
        .collect()
}

const SHARES: [&str; 2] = ["--split", "train=0.8,val=0.1,test=0.1"];

fn moved(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> usize {
    before
        .iter()
        .filter(|(image, split)| after.get(*image).is_some_and(|now| now != *split))
        .count()
}

#[test]
fn filters_move_nobody_and_growth_hardly_anybody() {
    let work = Workdir::new();
    set(&work, 60);
    let before = places(&work, &SHARES);
    work.write("map.csv", "rare,\n");
    for filter in [
        &["--remap", "map.csv"][..],
        &["--keep", "rare"],
        &["--min-count", "20"],
        &["--negatives", "drop"],
    ] {
        for by_class in [false, true] {
            let strata: &[&str] = if by_class {
                &["--stratify", "class"]
            } else {
                &[]
            };
            let without = places(&work, &[&SHARES[..], strata].concat());
            let with = places(&work, &[&SHARES[..], strata, filter].concat());
            assert_eq!(moved(&without, &with), 0, "{filter:?}");
        }
    }
    set(&work, 61);
    assert!(moved(&before, &places(&work, &SHARES)) <= 1);
}

#[test]
fn groups_that_change_their_split_where_a_set_is_replaced_are_told() {
    let work = Workdir::new();
    set(&work, 30);
    let told = "groups that were in another split in the set that was replaced";
    let run = |seed: &str| {
        let run = reformat(&work, "csv", &[&SHARES[..], &["--seed", seed]].concat());
        run.exits(0).stderr().contains(told)
    };
    assert_eq!([run("1"), run("1"), run("2")], [false, false, true]);
    assert!(!work.text("out/dataset.json").contains(told));
    let moved = work.text("out/dataset.json");
    assert!(!run("2"));
    assert_eq!(work.text("out/dataset.json"), moved);
}

#[test]
fn every_earlier_place_is_kept() {
    let work = Workdir::new();
    set(&work, 30);
    let before = places(&work, &[&SHARES[..], &["--seed", "7"]].concat());
    std::fs::rename(work.path("out"), work.path("old")).unwrap();
    std::fs::copy(work.path("old/annotations.csv"), work.path("table.csv")).unwrap();
    set(&work, 60);
    for old in ["old", "old/dataset.json", "table.csv"] {
        let after = places(&work, &["--split-like", old]);
        assert_eq!((moved(&before, &after), after.len()), (0, 60), "{old}");
        let n = |name: &str| after.values().filter(|split| *split == name).count();
        assert!(
            n("val").abs_diff(6) <= 2 && n("test").abs_diff(6) <= 2,
            "{old}: {after:?}"
        );
    }
    // The tables of the old set know its images, whatever the groups are now.
    for groups in ["image", "rights"] {
        let after = places(&work, &["--split-like", "old", "--group-by", groups]);
        assert_eq!(moved(&before, &after), 0, "{groups}");
    }
    // As a single COCO file of it does.
    let in_train = before.iter().filter(|(_, split)| *split == "train");
    let rows: String = in_train.map(|(id, _)| format!("{id},train\n")).collect();
    work.write("some.csv", format!("image,split\n{rows}"));
    let like = ["--split-like", "some.csv", SHARES[0], SHARES[1]];
    reformat(&work, "csv", &like).exits(0).says(&[
        "--split-like some.csv names nothing of `val` and `test`: what was in it may be in another split now",
    ]);
    reformat(
        &work,
        "csv",
        &["--split-like", "old", "--split", "train=0.5,test=0.5"],
    )
    .exits(2)
    .says(&["has a split `val`, --split has not"]);
    work.write("bad.csv", "file,class\n");
    reformat(&work, "csv", &["--split-like", "bad.csv"])
        .exits(1)
        .says(&["bad.csv:1: the columns are file,class"]);
}

#[test]
fn blanks_that_nobody_sees_change_no_split() {
    let work = Workdir::new();
    set(&work, 24);
    let shares = ["--split", "a=0.34,b=0.33,c=0.33", "--group-by"];
    let before = places(&work, &[&shares[..], &["Scribe,group"]].concat());
    let after = places(&work, &[&shares[..], &["Scribe, group "]].concat());
    assert_eq!((moved(&before, &after), after.len()), (0, 24));
    let rows = before.iter().map(|(id, split)| format!("{id}, {split} \n"));
    work.write(
        "like.csv",
        format!("image,split\n{}", rows.collect::<String>()),
    );
    let like = [
        "--split-like",
        "like.csv",
        "--split",
        "a=0.34,b=0.33,c=0.33",
    ];
    let after = places(&work, &like);
    assert_eq!((moved(&before, &after), after.len()), (0, 24));
}

#[test]
fn the_source_may_name_splits_and_groups() {
    let work = Workdir::new();
    set(&work, 24);
    let named = places(&work, &["--split-by", "set"]);
    assert_eq!(named["u0"], "train");
    assert_eq!(named["u1"], "dev");
    let grouped = places(
        &work,
        &["--split", "a=0.34,b=0.33,c=0.33", "--group-by", "Scribe"],
    );
    for i in 0..24 {
        assert_eq!(grouped[&format!("u{i}")], grouped[&format!("u{}", i % 3)]);
    }
    assert_eq!(
        work.json("out/dataset.json")["groups"]
            .as_object()
            .unwrap()
            .len(),
        3
    );
    let others = ["--split-by", "set", "--split", "train=0.9,val=0.1"];
    reformat(&work, "csv", &others)
        .exits(0)
        .says(&["train 50 % instead of 90 %; 12 images are in splits that --split does not name"]);
    reformat(&work, "csv", &["--split-by", "colour"])
        .exits(1)
        .says(&["no image has the key `colour`", "Scribe"]);
    reformat(&work, "csv", &["--group-by", "Scribe"])
        .exits(2)
        .says(&["alone have no effect"]);
}

#[test]
fn classes_are_shared_out_and_their_lack_in_train_is_told() {
    let work = Workdir::new();
    set(&work, 40);
    let split = ["--split", "train=0.5,val=0.25,test=0.25"];
    reformat(
        &work,
        "counts",
        &[&split[..], &["--stratify", "class"]].concat(),
    )
    .exits(0);
    let rare = rows(&work, "out/counts.csv")
        .into_iter()
        .find(|row| row["concept"] == "rare")
        .unwrap();
    assert_eq!(
        ["train", "val", "test"]
            .map(|split| rare[split].parse::<u32>().unwrap())
            .iter()
            .sum::<u32>(),
        10
    );
    for (split, wanted) in [("train", 5), ("val", 3), ("test", 3)] {
        assert!(
            rare[split].parse::<u32>().unwrap().abs_diff(wanted) <= 1,
            "{rare:?}"
        );
    }
    // Two groups, of which only one has the class.
    set(&work, 2);
    let seeds: Vec<String> = (0..20).map(|seed| seed.to_string()).collect();
    let told = seeds.iter().filter(|seed| {
        let ran = reformat(
            &work,
            "csv",
            &["--split", "train=0.5,val=0.5", "--seed", seed],
        );
        ran.exits(0);
        let train_has_it =
            places(&work, &["--split", "train=0.5,val=0.5", "--seed", seed])["u0"] == "train";
        assert_eq!(
            ran.stderr().contains("classes without a box in train"),
            !train_has_it
        );
        !train_has_it
    });
    assert!(told.count() > 0);
}

#[test]
fn what_cannot_be_divided_is_told_with_the_option_that_helps() {
    let work = Workdir::new();
    let images: Vec<Value> = (0..10)
        .map(|i| image(&format!("u{i}"), "one", [10, 10], vec![]))
        .collect();
    let names: Vec<(String, String)> = (0..10)
        .map(|i| (format!("u{i}"), format!("{i}.png")))
        .collect();
    let files: Vec<(&str, &str, Vec<u8>)> = names
        .iter()
        .enumerate()
        .map(|(i, (id, file))| {
            (
                id.as_str(),
                file.as_str(),
                picture(10, 10, i as u32 + 1, ImageFormat::Png),
            )
        })
        .collect();
    lay_out(&work, &images, &files);
    reformat(&work, "csv", &SHARES)
        .exits(0)
        .says(&["split val stays empty", "--group-by"]);
    reformat(
        &work,
        "csv",
        &[&SHARES[..], &["--group-by", "image"]].concat(),
    )
    .exits(0);
    let n = rows(&work, "out/annotations.csv")
        .iter()
        .filter(|row| row["split"] == "val")
        .count();
    assert_eq!(n, 1);
}

#[test]
fn images_that_look_alike_stay_together_or_are_listed() {
    let work = Workdir::new();
    // Blots in places that differ from page to page.
    let page = |seed: u32| {
        let mut state = seed * 7919 + 1;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        let mut page = RgbImage::from_pixel(200, 150, Rgb([230, 220, 200]));
        for _ in 0..12 {
            let (x, y, w, h) = (
                next() % 170,
                next() % 120,
                10 + next() % 50,
                8 + next() % 40,
            );
            let ink = (next() % 150) as u8;
            for (px, py) in
                (x..(x + w).min(200)).flat_map(|px| (y..(y + h).min(150)).map(move |py| (px, py)))
            {
                page.put_pixel(px, py, Rgb([ink, ink / 2, 40]));
            }
        }
        DynamicImage::ImageRgb8(page)
    };
    let bytes = |image: &DynamicImage, format| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    let names: Vec<(String, String)> = (0..12)
        .map(|i| (format!("u{i}"), format!("{i}.bin")))
        .collect();
    let images: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(i, (id, _))| image(id, &format!("g{i:02}"), [200, 150], vec![]))
        .collect();
    let files: Vec<(&str, &str, Vec<u8>)> = names
        .iter()
        .enumerate()
        .map(|(i, (id, file))| {
            // The last two are the first two again: smaller, and more compressed.
            let stored = match i {
                10 => bytes(
                    &page(1).resize_exact(120, 90, FilterType::Triangle),
                    ImageFormat::Png,
                ),
                11 => bytes(&page(2), ImageFormat::Jpeg),
                i => bytes(&page(i as u32 + 1), ImageFormat::Png),
            };
            (id.as_str(), file.as_str(), stored)
        })
        .collect();
    lay_out(&work, &images, &files);
    let split = ["--split", "train=0.5,test=0.5", "--near-duplicates"];
    for seed in 0..6 {
        let seed = seed.to_string();
        let together = places(&work, &[&split[..], &["group", "--seed", &seed]].concat());
        assert_eq!(together["u0"], together["u10"]);
        assert_eq!(together["u1"], together["u11"]);
    }
    let ran = reformat(&work, "csv", &[&split[..], &["report"]].concat());
    ran.exits(0)
        .says(&["2 pairs of images look alike, listed in near-duplicates.csv"]);
    let pairs: Vec<[String; 2]> = rows(&work, "out/near-duplicates.csv")
        .iter()
        .map(|row| [row["group"].clone(), row["other_group"].clone()])
        .collect();
    assert_eq!(pairs, [["g00", "g10"], ["g01", "g11"]]);
    reformat(&work, "csv", &split[..2]).exits(0);
    assert!(!work.exists("out/near-duplicates.csv"));
}

#[test]
fn images_with_several_values_of_a_key_keep_their_groups_together() {
    let work = Workdir::new();
    let divers = |i: u32| match i {
        0..40 => vec![format!("d{}", i % 20)],
        i => vec![
            format!("d{}", 2 * (i - 40)),
            format!("d{}", 2 * (i - 40) + 1),
        ],
    };
    let images = (0..45).map(|i| {
        let boxes = vec![boxed("a", "a", [0.0, 0.0, 5.0, 5.0])];
        let mut image = image(&format!("u{i}"), &format!("g{i}"), [10, 10], boxes);
        image["metadata"] = json!({ "diver": divers(i) });
        image
    });
    let images: Vec<Value> = images.collect();
    let names: Vec<[String; 2]> = (0..45)
        .map(|i| [format!("u{i}"), format!("{i}.png")])
        .collect();
    let files = names.iter().zip(1..).map(|([id, file], n)| {
        let picture = picture(10, 10, n, ImageFormat::Png);
        (id.as_str(), file.as_str(), picture)
    });
    lay_out(&work, &images, &files.collect::<Vec<_>>());
    let call = [&SHARES[..], &["--group-by", "diver"]].concat();
    let places = places(&work, &call);
    let mut of: BTreeMap<String, String> = BTreeMap::new();
    for i in 0..45 {
        let split = &places[&format!("u{i}")];
        for diver in divers(i) {
            let known = of.entry(diver.clone()).or_insert_with(|| split.clone());
            assert_eq!(known, split, "{diver}");
        }
    }
    assert!(of.values().any(|split| split != "train"));
    reformat(&work, "csv", &call).says(&["10 groups have a value of --group-by in common"]);
}

#[test]
fn a_set_that_grows_aims_at_the_shares_that_were_asked_for() {
    let work = Workdir::new();
    set(&work, 60);
    places(&work, &SHARES);
    let asked = work.json("out/dataset.json")["split"].clone();
    assert_eq!(asked, SHARES[1]);
    work.run(
        "reformat",
        &[
            "localizations.json",
            "-f",
            "csv",
            "-o",
            "old",
            SHARES[0],
            SHARES[1],
        ],
    )
    .exits(0);
    places(&work, &["--split-like", "old"]);
    assert_eq!(work.json("out/dataset.json")["split"], asked);
}

#[test]
fn images_that_are_too_small_move_nobody() {
    let sides = |n: u32| if n % 7 == 3 { [8, 8] } else { [60, 50] };
    let images: Vec<Value> = (0..60u32)
        .map(|n| {
            let class = ["a", "b", "c"][n as usize % 3];
            let [width, height] = sides(n);
            let boxes = vec![boxed(&format!("b{n}"), class, [0.0, 0.0, 5.0, 5.0])];
            image(
                &format!("p{n}"),
                &format!("g{}", n / 4),
                [width, height],
                boxes,
            )
        })
        .collect();
    let names: Vec<(String, String)> = (0..60)
        .map(|n| (format!("p{n}"), format!("images/p{n}.png")))
        .collect();
    let files: Vec<(&str, &str, Vec<u8>)> = (0..60u32)
        .zip(&names)
        .map(|(n, (id, path))| {
            let [width, height] = sides(n);
            (
                id.as_str(),
                path.as_str(),
                picture(width, height, n, ImageFormat::Png),
            )
        })
        .collect();
    let work = Workdir::new();
    lay_out(&work, &images, &files);
    let places = |more: &[&str]| {
        let split = ["--split", "train=0.8,val=0.1,test=0.1", "--images", "none"];
        reformat(&work, "csv", &[&split[..], more].concat()).exits(0);
        let table = work.text("out/annotations.csv");
        let rows = table
            .lines()
            .skip(1)
            .map(|row| row.split(',').collect::<Vec<_>>());
        rows.map(|row| (row[1].to_owned(), row[4].to_owned()))
            .collect::<BTreeMap<_, _>>()
    };
    for stratify in [&[][..], &["--stratify", "class"]] {
        let all = places(stratify);
        let large = places(&[stratify, &["--min-image", "10"]].concat());
        assert_eq!((all.len(), large.len()), (60, 51));
        assert!(
            large.iter().all(|(file, split)| all[file] == *split),
            "{stratify:?}"
        );
    }
}

#[test]
fn images_that_the_source_puts_in_several_splits_are_left_out_and_names_alike_are_told() {
    let work = Workdir::new();
    let sets: [&[&str]; 6] = [
        &["train"],
        &["Train"],
        &["val"],
        &["valid"],
        &["train", "val"],
        &["val", "val"],
    ];
    let mut images = Vec::new();
    let mut files = Vec::new();
    let names: Vec<[String; 2]> = (0..sets.len())
        .map(|n| [format!("u{n}"), format!("{n}.png")])
        .collect();
    for (n, (set, [id, file])) in sets.iter().zip(&names).enumerate() {
        let mut image = image(
            id,
            "g",
            [10, 10],
            vec![boxed("b", "a", [1.0, 1.0, 5.0, 5.0])],
        );
        image["metadata"] = json!({ "set": set });
        images.push(image);
        let bytes = picture(10, 10, n as u32 + 1, ImageFormat::Png);
        files.push((id.as_str(), file.as_str(), bytes));
    }
    lay_out(&work, &images, &files);
    reformat(
        &work,
        "coco",
        &["--split-by", "set", "--near-duplicates", "off"],
    )
    .exits(3)
    .says(&["splits whose names mean the same: `Train` and `train`, `val` and `valid`"]);
    let rejects = rows(&work, "out/rejects.csv");
    assert_eq!(rejects.len(), 1);
    assert!(rejects[0]["problem"].starts_with("has several values: train, val"));
    // The group is in several splits: no one is the split of it, and nothing says that groups are whole.
    assert!(work.json("out/dataset.json").get("groups").is_none());
    let card = work.text("out/README.md");
    assert!(
        card.contains("but for 1 group whose images the source"),
        "{card}"
    );
}

#[test]
fn groups_and_splits_that_look_alike_are_told() {
    let work = Workdir::new();
    let names = ["MS 1", "MS 1\u{200f}", "MS\u{a0}1", "MS 2"];
    let images: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(n, group)| {
            let boxes = vec![boxed("a", "a", [0.0, 0.0, 5.0, 5.0])];
            let mut image = image(&format!("u{n}"), group, [10, 10], boxes);
            image["metadata"] = json!({ "Set": [if n < 2 { "train" } else { "train\u{200b}" }] });
            image
        })
        .collect();
    let files: Vec<(String, String)> = (0..4)
        .map(|n| (format!("u{n}"), format!("{n}.png")))
        .collect();
    let pixels = picture(10, 10, 1, ImageFormat::Png);
    let files: Vec<(&str, &str, Vec<u8>)> = files
        .iter()
        .map(|(id, file)| (id.as_str(), file.as_str(), pixels.clone()))
        .collect();
    lay_out(&work, &images, &files);
    reformat(&work, "csv", &["--split", "train=0.5,val=0.5"])
        .exits(0)
        .says(&["groups that look alike and may be in different splits: 1 (`MS 1` and "]);
    reformat(&work, "csv", &["--split-by", "Set"])
        .exits(0)
        .says(&["names of splits that look alike and are separate splits: 1 (`train` and `train\\u{200b}`)"]);
}

#[test]
fn rows_of_a_table_without_a_group_are_groups_of_their_own() {
    for grouped in [false, true] {
        let work = Workdir::new();
        let names: Vec<(String, String)> = (0..20)
            .map(|i| (format!("u{i}"), format!("{i}.png")))
            .collect();
        let images: Vec<Value> = names
            .iter()
            .enumerate()
            .map(|(i, (id, _))| {
                // The group of a row without one is its table.
                let group = if grouped && i < 8 { "dive 1" } else { "t.csv" };
                let mut image = image(
                    id,
                    group,
                    [10, 10],
                    vec![boxed("a", "a", [0.0, 0.0, 5.0, 5.0])],
                );
                image["source"] = json!({"kind": "table", "manifest": "t.csv", "labels": {}});
                image
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
        let of = places(&work, &["--split", "train=0.5,val=0.25,test=0.25"]);
        let count = |split: &str| of.values().filter(|found| *found == split).count();
        assert_eq!(["train", "val", "test"].map(count), [10, 5, 5], "{of:?}");
        let split = |i: usize| &of[&format!("u{i}")];
        assert!(!grouped || (0..8).all(|i| split(i) == split(0)), "{of:?}");
        let told = match grouped {
            true => "12 images are in no group: each is a group of its own",
            false => "the table has no column for groups",
        };
        assert!(work.text("out/dataset.json").contains(told), "{grouped}");
    }
}

/// Images in groups, of which each has boxes of two of three classes; and of each group, the numbers of its images and of its
/// boxes of each class.
fn mixed(groups: usize, mut state: u32) -> (Vec<Value>, Vec<[u32; 4]>) {
    let mut next = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize % below
    };
    let (mut images, mut counts) = (Vec::new(), vec![[0; 4]; groups]);
    for (group, counts) in counts.iter_mut().enumerate() {
        let other = next(3);
        for _ in 0..[1, 3, 6, 10][next(4)] {
            let mut boxes = Vec::new();
            for n in 0..next(5) {
                let class = [0, other][next(2)];
                counts[1 + class] += 1;
                let bbox = [1.0, 1.0, 5.0, 5.0 - n as f64];
                boxes.push(boxed(&format!("b{n}"), ["a", "b", "c"][class], bbox));
            }
            counts[0] += 1;
            let id = format!("u{}", images.len());
            images.push(image(&id, &format!("g{group}"), [10, 10], boxes));
        }
    }
    (images, counts)
}

/// The parts of the images and of each class that are in the wrong split.
fn elsewhere(groups: &[[u32; 4]], of: &[usize]) -> [f64; 4] {
    std::array::from_fn(|part| {
        let total: u32 = groups.iter().map(|group| group[part]).sum();
        let beyond = [0.7, 0.15, 0.15].iter().enumerate().map(|(split, share)| {
            let held = groups.iter().zip(of).filter(|(_, of)| **of == split);
            let held: u32 = held.map(|(group, _)| group[part]).sum();
            (f64::from(held) - share * f64::from(total)).max(0.0)
        });
        beyond.sum::<f64>() / f64::from(total.max(1))
    })
}

#[test]
fn classes_are_never_farther_from_their_shares_than_without_stratify() {
    let classes = |parts: [f64; 4]| parts[1..].iter().sum::<f64>();
    // Groups, what is in them, seed.
    for (n, set, seed) in [
        (8, 2, "0"),
        (8, 4, "1"),
        (8, 6, "0"),
        (12, 4, "1"),
        (12, 4, "2"),
        (12, 29, "2"),
        (16, 2, "0"),
    ] {
        let (images, groups) = mixed(n, set);
        let ids = images.iter().map(|image| image["id"].as_str().unwrap());
        let names: Vec<[String; 2]> = ids.map(|id| [id.into(), format!("{id}.png")]).collect();
        let files = names.iter().zip(1..).map(|([id, file], seed)| {
            let picture = picture(10, 10, seed, ImageFormat::Png);
            (id.as_str(), file.as_str(), picture)
        });
        let work = Workdir::new();
        lay_out(&work, &images, &files.collect::<Vec<_>>());
        let split = ["--split", "train=0.7,val=0.15,test=0.15", "--seed", seed];
        let [without, with] = [&[][..], &["--stratify", "class"]].map(|more| {
            reformat(&work, "csv", &[&split[..], more].concat()).exits(0);
            let rows = rows(&work, "out/image-splits.csv").into_iter();
            let number = |name: &str| ["train", "val", "test"].iter().position(|n| *n == name);
            let of: BTreeMap<String, usize> = rows
                .map(|row| (row["group"].clone(), number(&row["split"]).unwrap()))
                .collect();
            let of: Vec<usize> = (0..n).map(|group| of[&format!("g{group}")]).collect();
            elsewhere(&groups, &of)
        });
        let what = format!("{n} {set} {seed}: {without:?} {with:?}");
        let most = without[0].max(0.02) + 1e-6;
        assert!(with[0] <= most, "{what}");
        assert!(classes(with) <= classes(without) + 1e-6, "{what}");
        // Classes that are in proportion as far as their groups allow stay where they are.
        if n == 8 && with != without {
            let way = |way: usize| {
                let of: Vec<usize> = (0..8).map(|group| way / 3_usize.pow(group) % 3).collect();
                elsewhere(&groups, &of)
            };
            let ways = (0..3_usize.pow(8)).map(way).filter(|way| way[0] <= most);
            let best = ways.map(classes).fold(f64::INFINITY, f64::min);
            assert!(classes(with) <= best + 0.06 + 1e-5, "{what}: {best}");
        }
    }
}
