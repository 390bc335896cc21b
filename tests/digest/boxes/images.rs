//! `--images`: from file names to images.

use recto_testkit::Workdir;
use serde_json::{Value, json};

use super::{digest, observations, picture, rejects};

fn coco(names: &[&str]) -> Value {
    let image =
        |(i, name): (usize, &&str)| json!({"id": i, "file_name": name, "width": 10, "height": 10});
    let images: Vec<Value> = names.iter().enumerate().map(image).collect();
    json!({"images": images, "annotations": [], "categories": []})
}

#[test]
fn names_lead_to_urls_ids_and_files() {
    let map = json!({"https://x.example/iiif/a": "images/b1/a.jpg", "id-b": "images/b2/a.jpg"})
        .to_string();
    let cases = [
        (
            "m.json",
            map.as_str(),
            "b1/a.jpg",
            json!({"id": "https://x.example/iiif/a", "url": null}),
        ),
        (
            "m.json",
            &map,
            "C:\\data\\B2\\A.JPG",
            json!({"id": "id-b", "url": null}),
        ),
        (
            "m.csv",
            "file;url\nb1/a.jpg;https://x.example/1.jpg\n",
            "a.jpg",
            json!({"id": "https://x.example/1.jpg", "url": "https://x.example/1.jpg"}),
        ),
        (
            "m.json",
            r#"{"a.jpg": "https://x.example/2"}"#,
            "a.jpg",
            json!({"id": "https://x.example/2", "url": "https://x.example/2"}),
        ),
        ("m.json", &map, "c.jpg", json!({"id": "c.jpg", "url": null})),
    ];
    for (file, text, name, wanted) in cases {
        let work = Workdir::new();
        work.write(file, text).write_json("i.json", &coco(&[name]));
        digest(&work, &["coco", "i.json", "--images", file]).exits(0);
        let seen = &observations(&work)[0];
        let found = json!({"id": seen["id"], "url": seen["image"].get("url")});
        assert_eq!(found, wanted, "{text} {name}");
    }
}

#[test]
fn a_name_of_several_images_is_rejected() {
    let work = Workdir::new();
    let map = json!({"id-1": "images/b1/a.jpg", "id-2": "images/b2/a.jpg"});
    work.write_json("m.json", &map)
        .write_json("i.json", &coco(&["a.jpg", "b1/a.jpg"]));
    digest(&work, &["coco", "i.json", "--images", "m.json"]).exits(3);
    assert_eq!(
        rejects(&work),
        [
            "images[0] file_name several files have this name: a.jpg, images/b1/a.jpg, images/b2/a.jpg"
        ]
    );
}

#[test]
fn a_url_and_a_folder_serve_together() {
    let work = Workdir::new();
    picture(&work, "p/f/a b.png", 30, 20);
    work.write("labels/a b.txt", "0 .5 .5 1 1")
        .write("c.txt", "fish\n");
    let args = [
        "yolo",
        "labels",
        "--classes",
        "c.txt",
        "--images",
        "https://x.example/i/",
        "--images",
        "p",
    ];
    digest(&work, &args).exits(0);
    let image = &observations(&work)[0]["image"];
    assert_eq!(
        (&image["url"], &image["width"]),
        (&json!("https://x.example/i/f/a%20b.png"), &json!(30))
    );
}

#[test]
fn options_of_other_sources_and_wrong_files_are_refused() {
    let work = Workdir::new();
    work.write_json("i.json", &coco(&["a.jpg"]))
        .write("m.csv", "x,y\n1,2\n");
    let cases: [(&[&str], i32, &str); 6] = [
        (
            &["iiif", "i.json", "--images", "x"],
            2,
            "--images is not an option of the source iiif",
        ),
        (
            &["voc", "i.json", "--classes", "x"],
            2,
            "--classes is not an option of the source voc",
        ),
        (
            &["coco", "i.json", "--voc-inclusive"],
            2,
            "--voc-inclusive is not an option of the source coco",
        ),
        (
            &["coco", "i.json", "--images", "m.csv"],
            1,
            "m.csv: table does not have a column of files",
        ),
        (
            &["coco", "i.json", "--images", "none"],
            1,
            "none: no such file",
        ),
        (
            &["coco", "i.json", "--images", "m.csv"],
            1,
            "hint: --images takes the beginning of a URL, a folder",
        ),
    ];
    for (args, code, words) in cases {
        digest(&work, args).exits(code).says(&[words]);
    }
    work.run("digest", &["coco", "i.json"])
        .exits(2)
        .says(&["--output"]);
}

#[test]
fn what_options_name_is_not_overwritten() {
    let work = Workdir::new();
    work.write_json("i.json", &coco(&["a.jpg"]))
        .write_json("m.json", &json!({"id-a": "a.jpg"}));
    work.run(
        "digest",
        &["coco", "i.json", "--images", "m.json", "-o", "m.json"],
    )
    .exits(2);
    assert_eq!(work.json("m.json"), json!({"id-a": "a.jpg"}));
}

/// Of several files that a list or a folder has one of, at most one is it: the others must not be put on its image.
#[test]
fn a_file_is_not_taken_for_another_of_the_same_name() {
    let url = "https://x.example/1.jpg";
    let rival = |n: usize, other: &str, name: &str| {
        format!(
            "images[{n}] file_name image of this file name may be that of another record: {other}, {name}"
        )
    };
    /// File names, `--images`, names that have the URL, rejects.
    type Case<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str], Vec<String>);
    let cases: [Case; 6] = [
        (
            &["b/x.jpg", "a/x.jpg"],
            &["m.csv"],
            &["a/x.jpg"],
            vec![rival(0, "a/x", "b/x.jpg")],
        ),
        (
            &["a/x.jpg", "b/x.jpg"],
            &["m.csv"],
            &["a/x.jpg"],
            vec![rival(1, "a/x", "b/x.jpg")],
        ),
        (
            &["b/x.jpg", "c/x.jpg"],
            &["m.csv"],
            &[],
            vec![rival(0, "c/x", "b/x.jpg"), rival(1, "b/x", "c/x.jpg")],
        ),
        (&["a/x.jpg", "./A/X.jpg"], &["m.csv"], &["a/x.jpg"], vec![]),
        (
            &["a/x.jpg", "b/x.jpg"],
            &["p", "https://x.example/"],
            &["a/x.jpg"],
            vec![rival(1, "a/x", "b/x.jpg")],
        ),
        (
            &["/d/a/1.jpg", "/d/b/1.jpg"],
            &["https://x.example/"],
            &[],
            vec![
                rival(0, "d/b/1", "/d/a/1.jpg"),
                rival(1, "d/a/1", "/d/b/1.jpg"),
            ],
        ),
    ];
    for (names, images, wanted, listed) in cases {
        let work = Workdir::new();
        work.write("m.csv", format!("file,url\na/x.jpg,{url}\n"));
        picture(&work, "p/a/x.jpg", 10, 10);
        work.write_json("i.json", &coco(names));
        let mut args = vec!["coco", "i.json", "--rejects", "digest.rejects.csv"];
        images
            .iter()
            .for_each(|image| args.extend(["--images", image]));
        digest(&work, &args);
        let found = match wanted {
            [] => Vec::new(),
            _ => observations(&work),
        };
        assert_eq!(found.len(), wanted.len(), "{names:?} {images:?}");
        assert!(
            found.iter().all(|o| o["image"]["url"].is_string()),
            "{names:?} {images:?}"
        );
        assert_eq!(rejects(&work), listed, "{names:?} {images:?}");
    }
}

#[test]
fn label_files_of_other_folders_do_not_take_the_image_of_one() {
    let work = Workdir::new();
    work.write("set/classes.txt", "fish\n").write(
        "set/sources.csv",
        "file,image\nimages/a/x.jpg,https://x.example/iiif/x\n",
    );
    work.write("set/labels/a/x.txt", "0 .5 .5 .2 .2");
    work.write("set/labels/b/x.txt", "0 .5 .5 .4 .4");
    digest(&work, &["yolo", "set"]).exits(3);
    assert_eq!(super::boxes(&work).len(), 1);
    assert!(
        rejects(&work)[0].contains("may be that of another record"),
        "{:?}",
        rejects(&work)
    );
}

#[test]
fn the_hint_about_sizes_does_not_ask_for_what_was_given() {
    let work = Workdir::new();
    work.write("c.txt", "fish\n")
        .write("labels/a.txt", "0 .5 .5 .2 .2");
    let args = [
        "yolo",
        "labels",
        "--classes",
        "c.txt",
        "--images",
        "https://x.example/",
    ];
    digest(&work, &args)
        .exits(0)
        .says(&["a second --images, the folder of the files, gives sizes and suffixes"]);
}

/// Results may name images by file names, of which a list may have one.
#[test]
fn predictions_of_another_file_are_not_put_on_the_image_of_one() {
    let work = Workdir::new();
    let mut list = coco(&["a/x.jpg"]);
    list["categories"] = json!([{"id": 1, "name": "fish"}]);
    let result = |image: &str| json!({"image_id": image, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5});
    work.write_json("i.json", &list).write_json(
        "r.json",
        &json!([result("b/x.jpg"), result("a/x"), result("A/x.jpg")]),
    );
    digest(&work, &["coco", "r.json", "--images", "i.json"]).exits(3);
    assert_eq!(super::boxes(&work).len(), 2);
    assert_eq!(
        rejects(&work),
        ["[0] image_id image of this file name may be that of another record: a/x, b/x.jpg"]
    );
}

/// Of several files of one name none is known to be the image of it, where they differ in size.
#[test]
fn files_of_one_name_and_other_sizes_are_not_one_image() {
    let sized = |sizes: &[[u32; 2]]| {
        let image = |(i, size): (usize, &[u32; 2])| json!({"id": i, "file_name": "1.jpg", "width": size[0], "height": size[1]});
        let boxed = |i: usize| json!({"image_id": i, "category_id": 1, "bbox": [1, 2, 3, 4]});
        let images: Vec<Value> = sizes.iter().enumerate().map(image).collect();
        let annotations: Vec<Value> = (0..sizes.len()).map(boxed).collect();
        json!({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "fish"}]})
    };
    let (wide, high, small) = ([200, 100], [160, 120], [100, 50]);
    let url = &["--images", "https://x.example/"][..];
    let map = &["--images", "m.csv"][..];
    /// Sizes in two documents, further options, number of images, the sizes that are told.
    type Case<'a> = (
        &'a [[u32; 2]],
        &'a [[u32; 2]],
        &'a [&'a str],
        usize,
        &'a str,
    );
    let cases: [Case; 8] = [
        (&[wide], &[high], url, 0, "200 x 100 and 160 x 120"),
        (&[wide], &[high], map, 0, "200 x 100 and 160 x 120"),
        // The shapes tell which of the two an archive has.
        (&[wide], &[high], &[], 2, ""),
        // A copy of another size.
        (&[wide], &[small], url, 2, ""),
        (&[wide, wide], &[wide], url, 2, ""),
        (&[wide, small], &[], url, 0, "200 x 100 and 100 x 50"),
        (&[wide, small], &[], &[], 0, "200 x 100 and 100 x 50"),
        (&[wide, small], &[wide], &[], 0, "200 x 100 and 100 x 50"),
    ];
    for (first, second, more, wanted, told) in cases {
        let work = Workdir::new();
        work.write("m.csv", "file,url\n1.jpg,https://x.example/1.jpg\n")
            .write_json("train/i.json", &sized(first))
            .write_json("val/i.json", &sized(second))
            .write_json("z.json", &coco(&["z.jpg"]));
        let inputs = [
            "coco",
            "train",
            "val",
            "z.json",
            "--rejects",
            "digest.rejects.csv",
        ];
        digest(&work, &[&inputs[..], more].concat());
        assert_eq!(
            observations(&work).len(),
            wanted + 1,
            "{first:?} {second:?} {more:?}"
        );
        let problem = format!(
            "images[0] file_name several files of different size have this name: 1.jpg, {told}; folders in their names tell \
             them apart, or a run for each folder with its own --images"
        );
        let is_told = rejects_or_none(&work).contains(&problem);
        assert_eq!(is_told, !told.is_empty(), "{first:?} {second:?} {more:?}");
    }
}

/// The rejects; none if there is no file of them.
fn rejects_or_none(work: &Workdir) -> Vec<String> {
    match work.exists("digest.rejects.csv") {
        true => rejects(work),
        false => Vec::new(),
    }
}
