//! Files of m3-download: its digests through `recto-extract`, its localizations and image maps through
//! `recto-reformat` and `recto-download`.

use image::ImageFormat;
use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use recto_testkit::server::{Answer, Server};
use serde_json::{Value, json};

const PNG: &str = "cf228433-d0dd-4f1e-2b6d-6df50ea49d1e";
const JPG: &str = "f3722ca1-17d5-4743-7d6d-75f70ea49d1e";

/// A record as m3-download's extract_localizations.py writes it.
fn bare(n: u32, concept: &str, localization: Value) -> Value {
    json!({ "observation_uuid": format!("{n:08x}-0000-0000-0000-000000000001"),
        "association_uuid": format!("{n:08X}-0000-0000-0000-00000000000A"), "concept": concept,
        "localization": localization, "image_urls": { PNG: "http://h.example/images/Doc%20R/1234/00_01.png" } })
}

#[test]
fn the_localizations_of_m3_download_are_read_as_ours() {
    let work = Workdir::new();
    let place = |reference: &str| json!({ "x": 10, "y": 5, "width": 20, "height": 10, "image_reference_uuid": reference, "observer": "me" });
    let records = [
        bare(1, "Nanomia bijuga", place(&PNG.to_uppercase())),
        bare(
            2,
            "a/b #",
            json!({ "x": 90, "y": 40.5, "width": "30", "height": 5, "image_reference_uuid": PNG }),
        ),
        bare(
            3,
            "Aegina",
            json!({ "x": 1, "y": 5, "width": 0, "height": 10, "image_reference_uuid": PNG }),
        ),
        bare(
            4,
            "Aegina",
            json!({ "x": 1, "y": 5, "width": 3, "height": 10 }),
        ),
    ];
    let mut records = json!(records);
    records[3]["image_urls"][JPG] = "http://h.example/images/Doc%20R/1234/00_01.jpg".into();
    work.write_json("localizations.json", &records);
    // The map of m3-download has ids as it met them, and paths from where it ran; the file is smaller than any frame.
    work.write_json(
        "image_map.json",
        &json!({ PNG.to_uppercase(): "images/00_01.png" }),
    );
    work.write("images/00_01.png", picture(100, 50, 1, ImageFormat::Png));
    reformat(&work, "csv", &["--report", "report.json"])
        .exits(3)
        .says(&["box is empty", "boxes clipped to their image: 1"]);
    let table = rows(&work, "out/annotations.csv");
    let cells: Vec<[&str; 6]> = table
        .iter()
        .map(|row| ["label", "x", "y", "w", "h", "box:observer"].map(|key| row[key].as_str()))
        .collect();
    assert_eq!(
        cells,
        [
            ["Nanomia bijuga", "10", "5", "20", "10", "me"],
            ["a/b #", "90", "40.5", "10", "5", ""]
        ]
    );
    assert_eq!(
        (table[0]["image"].as_str(), table[0]["group"].as_str()),
        (PNG, "images/Doc R/1234")
    );
    assert_eq!(table[0]["uuid"], "00000001-0000-0000-0000-00000000000a");
    let rejects = rows(&work, "out/rejects.csv");
    let rejects: Vec<[&str; 3]> = rejects
        .iter()
        .map(|row| ["record", "field", "problem"].map(|key| row[key].as_str()))
        .collect();
    let wanted = [
        [
            "00000003-0000-0000-0000-000000000001",
            "00000003-0000-0000-0000-00000000000a/localization",
            "box is empty: 0 x 10",
        ],
        [
            "00000004-0000-0000-0000-000000000001",
            "00000004-0000-0000-0000-00000000000a/localization",
            "box names no image reference, and its moment does not have exactly one image: 2",
        ],
    ];
    assert_eq!(rejects, wanted);
    let report = work.json("report.json");
    assert_eq!(
        (&report["read"], &report["kept"], &report["rejected"]),
        (&json!(5), &json!(3), &json!(2))
    );
    let call = ["localizations.json", "images", "--dry-run"];
    assert!(
        work.run("download", &call)
            .exits(3)
            .stdout()
            .contains("h.example")
    );
}

#[test]
fn a_list_of_something_else_is_an_error_that_says_what_was_expected() {
    let work = Workdir::new();
    work.write("image_map.json", "{}");
    for (text, words) in [
        ("[]", "no record has `localization`"),
        (
            r#"[{"id": 1}]"#,
            "is a list, but not of localizations by m3-download",
        ),
        (
            r#"[{"associations": []}]"#,
            "is a list of observations, which is a digest; localizations were expected",
        ),
        (r#"[{"localization": {}"#, "localizations.json:1:"),
    ] {
        work.write("localizations.json", text);
        reformat(&work, "csv", &[]).exits(1).says(&[words]);
        work.run("download", &["localizations.json", "images"])
            .exits(1)
            .says(&[words]);
        assert!(!work.exists("out"));
    }
}

/// Two boxes that can be used, one that cannot.
fn mixed(home: &str) -> Value {
    let place = |reference: &str| json!({ "x": 10, "y": 5, "width": 20, "height": 10, "image_reference_uuid": reference });
    let mut records = json!([
        bare(1, "Nanomia", place(PNG)),
        bare(2, "Aegina", place(PNG)),
        bare(
            3,
            "Aegina",
            json!({ "x": 1, "y": 5, "width": 0, "height": 10 })
        ),
    ]);
    for record in records.as_array_mut().unwrap() {
        record["image_urls"][PNG] = format!("{home}/00_01.png").into();
    }
    records
}

#[test]
fn download_tells_of_records_that_cannot_be_used() {
    let bytes = picture(100, 50, 1, ImageFormat::Png);
    let server = Server::start(move |_, _| Answer::Serve(bytes.clone(), "image/png"));
    let work = Workdir::new();
    work.write_json("localizations.json", &mixed(&server.url("")));
    let words = [
        "1 of 1 image",
        "left out 1: box is empty",
        "00000003-0000-0000-0000-00000000000a/localization",
        "`recto-reformat` lists the records",
    ];
    let call = [
        "localizations.json",
        "images",
        "--rate",
        "0",
        "--report",
        "report.json",
    ];
    for _ in 0..2 {
        work.run("download", &call).exits(3).says(&words);
        let report = work.json("report.json");
        assert_eq!(
            ["read", "kept", "rejected"].map(|key| report[key].as_u64().unwrap()),
            [2, 1, 1]
        );
    }
    assert_eq!(rows(&work, "failures.csv").len(), 0);
    work.run("download", &[&call[..], &["--dry-run"]].concat())
        .exits(3)
        .says(&words[1..]);
    work.run("download", &[&call[..], &["--partial-ok"]].concat())
        .exits(0);
}

#[test]
fn absolute_paths_of_an_image_map_are_taken_below_its_folder() {
    let work = Workdir::new();
    let elsewhere = Workdir::new();
    let bytes = picture(100, 50, 1, ImageFormat::Png);
    work.write("images/00_01.png", &bytes);
    elsewhere.write("00_01.png", &bytes);
    work.write_json("localizations.json", &mixed("http://h.example"));
    let map = |path: &std::path::Path| json!({ PNG: path.to_str().unwrap() });
    work.write_json("image_map.json", &map(&work.path("images/00_01.png")));
    reformat(&work, "csv", &[]).exits(3);
    assert_eq!(
        rows(&work, "out/annotations.csv")[0]["file"],
        "images/00_01.png"
    );
    assert_eq!(rows(&work, "out/rejects.csv").len(), 1);

    std::fs::remove_dir_all(work.path("out")).unwrap();
    let outside = elsewhere.path("00_01.png");
    work.write_json("image_map.json", &map(&outside));
    let words = format!(
        "absolute path is not below the folder of the image map: {}",
        outside.display()
    );
    reformat(&work, "csv", &[])
        .exits(1)
        .says(&[&words, "copy it to the folder above the images"]);
    for path in ["images/../images/00_01.png", "../00_01.png"] {
        let escapes = work.path("images").parent().unwrap().join(path);
        work.write_json("image_map.json", &map(&escapes));
        reformat(&work, "csv", &[]).exits(1);
        assert!(!work.exists("out"), "{path}");
    }
}

/// An observation as annosaurus answers it, with boxes given by their link values.
fn observation(n: u32, concept: &str, size: Value, boxes: &[(&str, &str, Value)]) -> Value {
    let associations = boxes.iter().enumerate().map(|(i, (link, part, value))| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        json!({ "uuid": format!("{n:08x}-0000-0000-0000-0000000000{i:02x}"), "link_name": link, "to_concept": part,
            "link_value": value, "mime_type": "application/json" })
    });
    json!({ "observation_uuid": format!("{n:08x}-0000-0000-0000-000000000001"), "concept": concept,
        "observer": "someone", "imaged_moment_uuid": format!("{n:08x}-0000-0000-0000-000000000002"),
        "video_reference_uuid": "0000000a-0000-0000-0000-000000000003", "recorded_timestamp": "2020-01-02T03:04:05Z",
        "associations": associations.collect::<Vec<_>>(),
        "image_references": [{ "uuid": if n == 1 { PNG } else { JPG }, "format": "image/png", "description": "source image",
            "url": format!("http://h.example/images/Doc%20R/1234/{n}.png"), "width_pixels": size[0], "height_pixels": size[1] }],
        "ancillary_data": { "depth_meters": 500.5, "latitude": 36.7 } })
}

fn place(x: i32, reference: &str) -> Value {
    json!({ "x": x, "y": 5, "width": 20, "height": 10, "image_reference_uuid": reference, "observer": "me" })
}

#[test]
fn the_digests_of_m3_download_are_read_as_ours() {
    let work = Workdir::new();
    let cut = "{\"x\": 1, \"y\": 2, \"wid";
    let digest = json!([
        observation(1, "Nanomia", json!([100, 50]), &[
            ("bounding box", "self", place(10, &PNG.to_uppercase())),
            ("bounding box", "tentacle", place(30, PNG)),
            ("bounding box", "self", cut.into()),
            ("comment", "self", "nice".into()),
            ("localization-polygon", "self", json!({ "x": [1, 9, 9], "y": [1, 1, 8], "image_reference_uuuid": PNG })),
        ]),
        // Nobody tells the size of this one.
        observation(2, "Aegina", json!([null, null]), &[
            ("bounding box", "self", place(-5, JPG)),
            ("bounding box", "self", place(40, JPG)),
        ]),
        3,
        { "observation_uuid": "00000004-0000-0000-0000-000000000001", "concept": "Aegina" },
        { "observation_uuid": "00000005-0000-0000-0000-000000000001", "associations": "none" },
    ]);
    work.write_json("Nanomia_digest.json", &digest);
    work.run(
        "extract",
        &[
            "Nanomia_digest.json",
            "--mend-boxes",
            "--report",
            "report.json",
        ],
    )
    .exits(3)
    .says(&["1 box clipped to the image"]);
    let images = work.json("localizations.json")["images"].clone();
    let boxes = |image: usize| -> Vec<(String, Value)> {
        let list = images[image]["localizations"].as_array().unwrap().iter();
        list.map(|b| (b["concept"].as_str().unwrap().to_owned(), b["bbox"].clone()))
            .collect()
    };
    assert_eq!(images[0]["id"], PNG);
    assert_eq!(images[0]["frame"], json!([100, 50]));
    assert_eq!(images[0]["metadata"]["depth_meters"], json!(["500.5"]));
    let wanted = [
        ("Nanomia".to_owned(), json!([10, 5, 20, 10])),
        ("Nanomia tentacle".to_owned(), json!([30, 5, 20, 10])),
        ("Nanomia".to_owned(), json!([1, 1, 8, 7])),
    ];
    assert_eq!(boxes(0), wanted);
    assert_eq!(
        (&images[1]["frame"], &images[1]["in_pixels"]),
        (&Value::Null, &json!(true))
    );
    assert_eq!(boxes(1)[0].1, json!([0, 5, 15, 10]));
    let rejects = rows(&work, "rejects.csv");
    let mut rejects: Vec<[&str; 3]> = rejects
        .iter()
        .map(|row| ["record", "field", "problem"].map(|key| row[key].as_str()))
        .collect();
    rejects.sort();
    let wanted = [
        [
            "00000001-0000-0000-0000-000000000001",
            "00000001-0000-0000-0000-000000000002/link_value",
            "link_value is not JSON: {\"x\": 1, \"y\": 2, \"wid",
        ],
        [
            "record 3",
            "associations",
            "observation is not an object: 3",
        ],
        [
            "record 5",
            "associations",
            "associations are not a list: \"none\"",
        ],
    ];
    assert_eq!(rejects, wanted);
    let report = work.json("report.json");
    assert_eq!(
        (&report["read"], &report["kept"], &report["rejected"]),
        (&json!(8), &json!(5), &json!(3))
    );

    // On to the pixels of the files, whose size is known at last.
    work.write_json("image_map.json", &json!({ PNG: "a.png", JPG: "b.png" }));
    work.write("a.png", picture(100, 50, 1, ImageFormat::Png));
    work.write("b.png", picture(55, 50, 2, ImageFormat::Png));
    reformat(&work, "csv", &[])
        .exits(0)
        .says(&["boxes clipped to their image: 1"]);
    let table = rows(&work, "out/annotations.csv");
    let last = table.iter().find(|row| row["x"] == "40").unwrap();
    assert_eq!(
        (last["w"].as_str(), last["meta:observer"].as_str()),
        ("15", "someone")
    );
    assert_eq!(last["box:observer"], "me");
    let strict = ["Nanomia_digest.json", "--mend-boxes", "--outside", "reject"];
    work.run("extract", &strict)
        .exits(3)
        .says(&["extends beyond the image"]);
}

#[test]
fn a_digest_that_is_a_list_of_something_else_says_what_was_expected() {
    let work = Workdir::new();
    for (text, words) in [
        ("[]", "there are no observations in digest.json"),
        ("[3]", "is a list, but not of observations by m3-download"),
        (
            r#"[{"localization": {}}]"#,
            "is a list of localizations, a digest was expected",
        ),
        (
            r#"[{"associations": []}]"#,
            "there are no observations in digest.json",
        ),
        (r#"[{"associations": []}"#, "digest.json:1:"),
    ] {
        work.write("digest.json", text);
        work.run("extract", &["digest.json"])
            .exits(1)
            .says(&[words]);
        assert!(!work.exists("localizations.json"), "{text}");
    }
}
