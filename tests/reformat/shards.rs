//! Formats that hold images within files of a size: how many files there are, and what is in them.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};
use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use recto_testkit::readers::*;
use serde_json::{Value, json};

/// A picture that nothing compresses.
fn noise(seed: u32) -> Vec<u8> {
    let mut state = seed + 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let image = RgbImage::from_fn(500, 450, |_, _| Rgb([next(), next(), next()]));
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[test]
fn shards_are_as_large_as_asked() {
    let work = Workdir::new();
    let images: Vec<Value> = ["a", "b", "c"]
        .map(|id| image(id, "g", [500, 450], vec![]))
        .into();
    let files = [
        ("a", "a.png", noise(1)),
        ("b", "b.png", noise(2)),
        ("c", "c.png", noise(3)),
    ];
    lay_out(&work, &images, &files);
    type Count = fn(Vec<u8>) -> usize;
    let cases: [(&str, &str, [&str; 3], Count); 3] = [
        (
            "tf",
            "data-00000-of-00001.tfrecord",
            [0, 1, 2].map(|_| "data-0000N-of-00003.tfrecord"),
            |bytes| records(&bytes).len(),
        ),
        (
            "parquet",
            "data/train-00000-of-00001.parquet",
            [0, 1, 2].map(|_| "data/train-0000N-of-00003.parquet"),
            |bytes| parquet_rows(bytes).len(),
        ),
        (
            "webdataset",
            "train-000000.tar",
            [0, 1, 2].map(|_| "train-00000N.tar"),
            |bytes| tar_files(&bytes).len() / 2,
        ),
    ];
    for (format, whole, parts, count) in cases {
        reformat(&work, format, &[]).exits(0);
        assert_eq!(count(work.read(&format!("out/{whole}"))), 3, "{format}");
        reformat(&work, format, &["--shard-mb", "1"]).exits(0);
        for (n, part) in parts.iter().enumerate() {
            let part = part.replace('N', &n.to_string());
            assert_eq!(count(work.read(&format!("out/{part}"))), 1, "{part}");
        }
        let is_gone = !work.exists(&format!("out/{whole}")) || parts.contains(&"train-00000N.tar");
        assert!(is_gone, "{format}: the former run's shard is gone");
    }
}

#[test]
fn parquet_says_what_its_columns_are() {
    let (work, _) = sample();
    reformat(&work, "parquet", &[]).exits(0);
    let bytes = work.read("out/data/train-00000-of-00001.parquet");
    let rows = parquet_rows(bytes.clone());
    let first = rows[0].to_string();
    assert!(first.contains("path: \"ms_1__a.jpg\"") && first.contains("source: \"u1\""));
    // The footer ends with the metadata, uncompressed.
    let text = String::from_utf8_lossy(&bytes);
    let key = text.find("{\"info\":").unwrap();
    let mut json = serde_json::Deserializer::from_str(&text[key..]).into_iter::<Value>();
    let features = &json.next().unwrap().unwrap()["info"]["features"];
    assert_eq!(features["image"], json!({ "_type": "Image" }));
    let category = &features["objects"]["category"]["feature"];
    let mut names = AWKWARD.to_vec();
    names.push("plain");
    names.sort_unstable();
    assert_eq!(*category, json!({ "names": names, "_type": "ClassLabel" }));
    let readme = work.text("out/README.md");
    assert!(readme.contains("  - split: \"train\"\n    path: \"data/train-*\"\n"));
    assert!(
        readme.contains("            '2': \"back\\\\slash\"\n"),
        "{readme}"
    );
    assert!(readme.contains("    num_examples: 4\n"), "{readme}");
    reformat(&work, "parquet", &["--images", "none"]).exits(0);
    let rows = parquet_rows(work.read("out/data/train-00000-of-00001.parquet"));
    let first = rows[0].to_string();
    assert!(first.starts_with("{image: {bytes: null, path: \"images/ms 1/a.jpg\"}"));
}

#[test]
fn outlines_are_rings_of_objects() {
    let mut outlined = boxed("b", "a", [10.0, 10.0, 40.0, 30.0]);
    outlined["polygon"] = json!([[10, 10], [50, 10], [50, 40], [10, 40]]);
    outlined["holes"] = json!([[[20, 20], [30, 20], [30, 30]]]);
    let bare = boxed("c", "a", [1.0, 2.0, 3.0, 4.0]);
    let work = one([100, 50], [100, 50], vec![outlined, bare]);
    let wanted = "[[10, 10, 50, 10, 50, 40, 10, 40], [20, 20, 30, 20, 30, 30]], []";
    reformat(&work, "parquet", &[]).exits(0);
    let rows = parquet_rows(work.read("out/data/train-00000-of-00001.parquet"));
    let row = rows[0].to_string().replace(".0", "");
    assert!(row.contains(&format!("rings: [{wanted}]")), "{row}");
    reformat(&work, "webdataset", &[]).exits(0);
    let files = tar_files(&work.read("out/train-000000.tar"));
    let row: Value = serde_json::from_slice(&files[1].1).unwrap();
    let rings = row["objects"]["rings"].to_string().replace(".0", "");
    assert_eq!(rings, format!("[{wanted}]").replace(' ', ""));
    assert_eq!(row["objects"]["area"], json!([1150.0, 12.0]));
    reformat(&work, "hf", &[])
        .exits(0)
        .says(&["1 outline left out"]);
}

#[test]
fn keys_of_samples_end_at_the_first_dot() {
    let work = Workdir::new();
    let paths = ["v1.2_7.png", "v1_2_7.png", "V1.2_7.jpg", "b.tar.gz.png"];
    let long = format!("{}.png", "x".repeat(150));
    let paths: Vec<&str> = paths.into_iter().chain([long.as_str()]).collect();
    let images: Vec<Value> = paths
        .iter()
        .map(|path| image(path, "g", [30, 20], vec![]))
        .collect();
    let files = paths.iter().enumerate().map(|(i, path)| {
        let format = ImageFormat::from_path(path).unwrap();
        (*path, *path, picture(30, 20, i as u32, format))
    });
    let files: Vec<(&str, &str, Vec<u8>)> = files.collect();
    lay_out(&work, &images, &files);
    reformat(&work, "webdataset", &[])
        .exits(0)
        .says(&["images are of several types", "\"jpg;png\""]);
    let found = tar_files(&work.read("out/train-000000.tar"));
    let mut keys = std::collections::BTreeMap::<String, Vec<&str>>::new();
    for (name, _) in &found {
        let (key, field) = name.split_once('.').unwrap();
        assert!(name.len() < 100);
        keys.entry(key.to_lowercase()).or_default().push(field);
    }
    assert_eq!(keys.len(), 5, "{keys:?}");
    assert!(
        keys.values()
            .all(|fields| fields.len() == 2 && fields[1] == "json")
    );
}

#[test]
fn datasets_gets_names_of_splits_that_it_takes_and_no_label_without_a_name() {
    let names = [
        "train",
        "test-unseen",
        "in domain",
        "2019/a",
        "2019",
        "All",
        "val",
        "validation",
    ];
    let taken = [
        "train",
        "validation",
        "2019",
        "2019_a",
        "All_",
        "in_domain",
        "test_unseen",
        "validation_2",
    ];
    let set = |boxes: &dyn Fn() -> Vec<Value>| {
        let work = Workdir::new();
        let images = names.map(|name| {
            let mut image = image(name, name, [40, 20], boxes());
            image["metadata"] = json!({ "set": [name] });
            image
        });
        let files: Vec<(&str, String, Vec<u8>)> = (names.iter().zip(1..))
            .map(|(name, seed)| {
                (
                    *name,
                    format!("{seed}.png"),
                    picture(40, 20, seed, ImageFormat::Png),
                )
            })
            .collect();
        let files: Vec<(&str, &str, Vec<u8>)> = (files.iter())
            .map(|(name, path, bytes)| (*name, path.as_str(), bytes.clone()))
            .collect();
        lay_out(&work, &images, &files);
        work
    };
    let work = set(&|| vec![boxed("b", "a", [0.0, 0.0, 5.0, 5.0])]);
    for (format, paths) in [
        ("hf", ["test_unseen/**", "2019_a/**", "validation/**"]),
        (
            "parquet",
            ["data/test_unseen-*", "data/2019_a-*", "data/validation-*"],
        ),
        // Files of splits that `datasets` calls otherwise keep their own names where they can.
        (
            "webdataset",
            ["test_unseen-*.tar", "2019_a-*.tar", "val-*.tar"],
        ),
    ] {
        reformat(&work, format, &["--split-by", "set"])
            .exits(0)
            .says(&[
                &format!("{format}: `datasets` takes names of letters"),
                "`test-unseen` is `test_unseen`",
            ]);
        let readme = work.text("out/README.md");
        let listed = |head: &str| {
            let lines = readme.lines().filter_map(|line| line.strip_prefix(head));
            let mut found: Vec<String> = lines
                .map(|name| serde_json::from_str(name).unwrap())
                .collect();
            found.sort();
            found
        };
        let mut wanted = taken.map(str::to_owned).to_vec();
        wanted.sort();
        assert_eq!(listed("  - split: "), wanted, "{format}");
        let found = listed("    path: ");
        assert!(
            paths
                .iter()
                .all(|path| found.iter().any(|found| found == path)),
            "{found:?}"
        );
        let croissant = work.json("out/croissant.json");
        let sets = croissant["recordSet"].as_array().unwrap();
        let splits = sets.iter().find(|set| set["@id"] == "splits").unwrap();
        let rows = splits["data"].as_array().unwrap().iter();
        let mut found: Vec<&str> = rows
            .map(|row| row["splits/name"].as_str().unwrap())
            .collect();
        found.sort_unstable();
        // As their files are called.
        if format == "webdataset" {
            wanted.retain(|name| name != "validation_2");
            wanted.push("val".into());
            wanted.sort();
        }
        assert_eq!(found, wanted, "{format}");
    }
    let work = set(&Vec::new);
    for format in ["parquet", "webdataset"] {
        reformat(&work, format, &[]).exits(0);
        let readme = work.text("out/README.md");
        assert!(!readme.contains("class_label"), "{readme}");
        let words: Vec<&str> = readme.split_whitespace().collect();
        let is_number = "- name: category sequence: dtype: int64";
        assert!(words.join(" ").contains(is_number), "{readme}");
    }
}
