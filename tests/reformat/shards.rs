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
    assert!(readme.contains("  - split: train\n    path: data/train-*\n"));
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
