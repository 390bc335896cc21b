//! `croissant.json` beside every set: that it names files which are there, and says whose they are.

use std::collections::BTreeMap;

use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use serde_json::{Value, json};

use super::formats;

/// The value of a member of each of a list.
fn all<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    let list = list.as_array().unwrap().iter();
    list.filter_map(|item| item[key].as_str()).collect()
}

#[test]
fn every_format_is_described_and_every_file_named_is_there() {
    let (work, _) = sample();
    let (mut hashed, mut sets) = (0, 0);
    for format in formats() {
        reformat(&work, format, &["--no-val"]).exits(0);
        let croissant = work.json("out/croissant.json");
        let dataset = work.json("out/dataset.json");
        let files: BTreeMap<&str, &Value> = dataset["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| (file["path"].as_str().unwrap(), file))
            .collect();
        assert!(files.contains_key("croissant.json"), "{format}");
        let resources = croissant["distribution"].as_array().unwrap();
        assert!(!resources.is_empty(), "{format}");
        for resource in resources {
            if let Some(path) = resource["contentUrl"].as_str() {
                assert_eq!(
                    resource["sha256"], files[path]["sha256"],
                    "{format}: {path}"
                );
                hashed += 1;
                continue;
            }
            let patterns = resource["includes"].as_array().unwrap();
            for pattern in patterns {
                let (begin, end) = pattern.as_str().unwrap().rsplit_once('*').unwrap();
                let begin = begin.trim_start_matches("*/");
                let is_found = files
                    .keys()
                    .any(|path| path.starts_with(begin) && path.ends_with(end));
                // Crops of JPEGs are JPEGs, all others PNGs.
                let may_lack = *pattern == "*/*.tif" || format == "iiif";
                assert!(
                    is_found || may_lack || begin.is_empty(),
                    "{format}: {pattern}"
                );
            }
            sets += 1;
        }
        let ids: Vec<&str> = all(&croissant["distribution"], "@id");
        for record_set in croissant["recordSet"].as_array().unwrap() {
            for field in record_set["field"].as_array().unwrap() {
                let source = &field["source"];
                let of = ["fileObject", "fileSet"].map(|kind| source[kind]["@id"].as_str());
                let of = of.into_iter().flatten().next();
                assert!(of.is_none_or(|id| ids.contains(&id)), "{format}: {field}");
            }
        }
        assert_eq!(croissant["license"], json!(["CC0, \"all\""]), "{format}");
        let text = work.text("out/croissant.json");
        assert!(text.is_ascii() && text.contains("\\u9c7c"), "{format}");
    }
    assert!(hashed > 8 && sets > 10, "{hashed} {sets}");
}

#[test]
fn a_description_can_be_left_out() {
    let (work, _) = sample();
    reformat(&work, "coco,csv", &[]).exits(0);
    assert!(work.exists("out/coco/croissant.json") && work.exists("out/csv/croissant.json"));
    reformat(&work, "coco,csv", &["--no-croissant"]).exits(0);
    assert!(
        work.tree("out")
            .keys()
            .all(|path| !path.contains("croissant"))
    );
    let command = work.json("out/dataset.json")["command"].clone();
    assert_eq!(
        command,
        "recto-reformat localizations.json -f coco,csv --no-croissant"
    );
}

#[test]
fn who_made_the_images_is_said() {
    let work = Workdir::new();
    let owned = |id: &str, attribution: &str, rights: &str| {
        let mut image = image(id, id, [30, 20], vec![]);
        image["source"]["attribution"] = attribution.into();
        image["source"]["rights"] = rights.into();
        image
    };
    let images = [
        owned(
            "a",
            "Library B",
            "https://creativecommons.org/licenses/by/4.0/",
        ),
        owned(
            "b",
            "Library A",
            "https://creativecommons.org/licenses/by/4.0/",
        ),
        owned("c", "Library A", "In copyright"),
    ];
    let files = ["a", "b", "c"].map(|id| (id, picture(30, 20, 1, image::ImageFormat::Png)));
    let paths = ["a.png", "b.png", "c.png"];
    let files: Vec<(&str, &str, Vec<u8>)> = files
        .into_iter()
        .zip(paths)
        .map(|((id, bytes), path)| (id, path, bytes))
        .collect();
    lay_out(&work, &images, &files);
    reformat(&work, "csv", &[]).exits(0);
    let croissant = work.json("out/croissant.json");
    assert_eq!(
        all(&croissant["creator"], "name"),
        ["Library A", "Library B"]
    );
    let licences = json!([
        "In copyright",
        "https://creativecommons.org/licenses/by/4.0/"
    ]);
    assert_eq!(croissant["license"], licences);
    assert_eq!(croissant["citeAs"], "Library A; Library B.");
    assert_eq!(croissant.get("datePublished"), None);
    reformat(&work, "csv", &["--published", "2026-02-29"]).exits(2);
    reformat(&work, "csv", &["--published", "2026-03-01"]).exits(0);
    assert_eq!(
        work.json("out/croissant.json")["datePublished"],
        "2026-03-01"
    );
}

#[test]
fn what_no_source_says_is_said_to_be_unsaid() {
    let work = one([10, 10], [10, 10], vec![]);
    let mut set = work.json("localizations.json");
    set["images"][0]["source"]
        .as_object_mut()
        .unwrap()
        .remove("rights");
    work.write_json("localizations.json", &set);
    reformat(&work, "csv", &[]).exits(0);
    let croissant = work.json("out/croissant.json");
    assert_eq!(croissant["license"], json!(["Not said by the sources"]));
    assert_eq!(
        all(&croissant["creator"], "name"),
        ["Not said by the sources"]
    );
    assert!(croissant["citeAs"].is_null());
}

/// The next version of a set: minor where files were added, major where any was changed or is gone, none where nothing was.
#[test]
fn a_set_that_follows_another_has_the_next_version() {
    let boxes = |label: &str| vec![boxed("1", label, [1.0, 2.0, 10.0, 10.0])];
    let picture = |seed| picture(40, 30, seed, image::ImageFormat::Png);
    let files = [("a", "a.png", picture(1)), ("b", "b.png", picture(2))];
    let set = |work: &Workdir, images: usize, label: &str| {
        let all = [
            image("a", "g", [40, 30], boxes(label)),
            image("b", "g", [40, 30], boxes("alef")),
        ];
        lay_out(work, &all[..images], &files[..images]);
    };
    let work = Workdir::new();
    let versions = |name: &str, previous: &[&str]| {
        let call = [
            &["localizations.json", "-f", "voc", "-o", name][..],
            previous,
        ]
        .concat();
        work.run("reformat", &call).exits(0);
        let [dataset, croissant] =
            ["dataset", "croissant"].map(|file| work.json(&format!("{name}/{file}.json")));
        (dataset, croissant)
    };
    set(&work, 1, "alef");
    let (first, croissant) = versions("one", &[]);
    assert!(first["dataset_version"].is_null() && first["previous"].is_null());
    assert_eq!(croissant["version"], "1.0.0");
    let (same, _) = versions("same", &["--previous", "one"]);
    assert_eq!(same["dataset_version"], "1.0.0");
    assert!(same["previous"].is_null());
    set(&work, 2, "alef");
    let (more, croissant) = versions("more", &["--previous", "one/dataset.json"]);
    let before = recto::files::hex_digest(&work.read("one/dataset.json"), 64);
    // Files of VOC that list all images have more lines: nothing that was there is changed.
    let wanted = json!({"version": "1.0.0", "sha256": before});
    assert_eq!(
        (&more["dataset_version"], &more["previous"]),
        (&json!("1.1.0"), &wanted)
    );
    assert_eq!(
        (&croissant["version"], &croissant["isBasedOn"]["version"]),
        (&json!("1.1.0"), &json!("1.0.0"))
    );
    // Other rights are another set, also in files that do not say them.
    let with_rights = |rights: &str| {
        let mut of_others = image("a", "g", [40, 30], boxes("alef"));
        of_others["source"]["rights"] = json!(rights);
        lay_out(&work, &[of_others], &files[..1]);
    };
    for format in ["crops", "labelstudio"] {
        let version = |rights: &str, name: &str, previous: &[&str]| {
            with_rights(rights);
            let call = ["localizations.json", "-f", format, "-o", name];
            work.run("reformat", &[&call[..], previous].concat())
                .exits(0);
            work.json(&format!("{name}/croissant.json"))["version"].clone()
        };
        let [first, second] = ["first", "second"].map(|name| format!("{format}-{name}"));
        assert_eq!(version("https://a.example/free", &first, &[]), "1.0.0");
        let other = version("https://a.example/none", &second, &["--previous", &first]);
        assert_eq!(other, "2.0.0", "{format}");
    }
    set(&work, 2, "alef");
    // Again in its own place: the same files, the same bytes.
    let bytes = work.read("more/dataset.json");
    versions("more", &["--previous", "one/dataset.json"]);
    assert!(work.read("more/dataset.json") == bytes);
    let call = [
        "localizations.json",
        "-f",
        "csv",
        "-o",
        "x.csv",
        "--previous",
        "one",
    ];
    work.run("reformat", &call).exits(2).says(&["--previous"]);
    let call = [
        "localizations.json",
        "-f",
        "voc",
        "-o",
        "x",
        "--previous",
        "missing",
    ];
    work.run("reformat", &call).exits(1).says(&["missing"]);
}

#[test]
fn versions_count_boxes_and_not_the_bytes_of_annotation_files() {
    let boxes = || {
        vec![
            boxed("1", "alef", [10.0, 10.0, 20.0, 20.0]),
            boxed("2", "bet", [50.0, 10.0, 20.0, 20.0]),
        ]
    };
    let images = || {
        vec![
            image("b", "two", [100, 50], boxes()),
            image(
                "c",
                "three",
                [100, 50],
                vec![boxed("3", "alef", [1.0, 2.0, 3.0, 4.0])],
            ),
        ]
    };
    let file = |id: &'static str, seed: u32| {
        let bytes = picture(100, 50, seed, image::ImageFormat::Png);
        (id, format!("{id}.png"), bytes)
    };
    let files = [file("a", 1), file("b", 2), file("c", 3)];
    type Change = fn(&mut Vec<Value>);
    let cases: [(&str, Change, &str); 7] = [
        ("nothing", |_| (), "1.0.0"),
        (
            "an image that comes first, whereupon all numbers shift",
            |images| {
                images.insert(
                    0,
                    image(
                        "a",
                        "one",
                        [100, 50],
                        vec![boxed("9", "bet", [5.0, 5.0, 9.0, 9.0])],
                    ),
                )
            },
            "1.1.0",
        ),
        (
            "a box that comes first",
            |images| {
                let boxes = images[0]["localizations"].as_array_mut().unwrap();
                boxes.insert(0, boxed("9", "alef", [70.0, 20.0, 9.0, 9.0]));
            },
            "1.1.0",
        ),
        (
            "a class after all others",
            |images| {
                let boxes = images[0]["localizations"].as_array_mut().unwrap();
                boxes.push(boxed("9", "shin", [70.0, 20.0, 9.0, 9.0]));
            },
            "1.1.0",
        ),
        (
            "a class before others, whose numbers shift",
            |images| {
                let boxes = images[0]["localizations"].as_array_mut().unwrap();
                boxes.push(boxed("9", "aleph", [70.0, 20.0, 9.0, 9.0]));
            },
            "2.0.0",
        ),
        (
            "another class of a box",
            |images| images[0]["localizations"][0]["concept"] = "bet".into(),
            "2.0.0",
        ),
        (
            "a box that is gone",
            |images| drop(images[0]["localizations"].as_array_mut().unwrap().pop()),
            "2.0.0",
        ),
    ];
    for format in [
        "coco",
        "yolo",
        "voc",
        "hf",
        "csv",
        "labelstudio",
        "coco,yolo",
    ] {
        let work = Workdir::new();
        let write = |images: &[Value], out: &str, more: &[&str]| {
            let files: Vec<(&str, &str, Vec<u8>)> = files
                .iter()
                .map(|(id, path, bytes)| (*id, &**path, bytes.clone()))
                .collect();
            lay_out(&work, images, &files);
            let call = ["localizations.json", "-f", format, "-o", out, "--no-val"];
            work.run("reformat", &[&call[..], more].concat()).exits(0);
            work.json(&format!("{out}/dataset.json"))["dataset_version"].clone()
        };
        write(&images(), "first", &[]);
        for (what, change, wanted) in &cases {
            let mut images = images();
            change(&mut images);
            let version = write(&images, "next", &["--previous", "first"]);
            assert_eq!(version, *wanted, "{format}: {what}");
        }
    }
}
