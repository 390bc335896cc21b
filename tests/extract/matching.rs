//! Boxes from elsewhere find their images in another digest: by URL, service, file name, UUID or canvas.

use recto_testkit::Workdir;
use serde_json::{Value, json};

use super::{boxes, check, digest, images, on_canvas, rejects, tagged};

/// The archive: an image on a service, two files of one name in two folders, a frame of a dive, a canvas with two bands.
fn archive() -> Value {
    let service = |id: &str| json!({"service": {"id": id, "version": 2}, "url": format!("{id}/full/full/0/default.jpg"), "width": 400, "height": 300});
    let file = |url: &str| json!({"url": url, "width": 400, "height": 300});
    let image = |id: &str, image: Value, canvas: Option<&str>| {
        json!({"id": id, "image": image, "group": id, "metadata": {"Date": ["1200"]}, "canvas": [800, 600],
            "source": {"kind": "iiif", "manifest": "m", "canvas": canvas}})
    };
    let uuid = "013dd38c-4d51-47b9-1c67-92f50ea49d1e";
    json!([
        image(
            "https://x.example/iiif/P1",
            service("https://x.example/iiif/P1"),
            Some("https://x.example/c/1")
        ),
        image(
            "https://x.example/b1/0001.jpg",
            file("https://x.example/b1/0001.jpg"),
            None
        ),
        image(
            "https://x.example/b2/0001.jpg",
            file("https://x.example/b2/0001.jpg"),
            None
        ),
        image(
            uuid,
            file("https://x.example/frames/19990101T000000.png"),
            None
        ),
        image(
            "https://x.example/iiif/P2",
            service("https://x.example/iiif/P2"),
            Some("https://x.example/c/2")
        ),
        image(
            "https://x.example/iiif/P2n",
            service("https://x.example/iiif/P2n"),
            Some("https://x.example/c/2")
        ),
    ])
}

/// An image known by names, with one box of a class; drawn on a copy of half the size, unless `image` says otherwise.
fn named(id: &str, names: Value) -> Value {
    let image = json!({"names": names, "width": 200, "height": 150});
    about(
        id,
        image,
        json!({"frame": "image", "fragment": "xywh=10,20,30,40"}),
    )
}

fn about(id: &str, image: Value, region: Value) -> Value {
    json!({"id": id, "image": image, "group": "", "source": {"kind": "coco", "manifest": "i.json"},
        "annotations": [{"id": format!("i.json#{id}"), "bodies": [{"purpose": "classifying", "value": "fish"}], "regions": [region]}]})
}

/// Extracts the archive and boxes, in both orders, which must not differ in what is found.
fn join(observations: Value) -> Workdir {
    let work = Workdir::new();
    work.write_json("archive.json", &digest(archive()));
    work.write_json("boxes.json", &digest(observations));
    let flags = ["--report", "report.json", "-o"];
    work.run(
        "extract",
        &[&["boxes.json", "archive.json"], &flags[..], &["other.json"]].concat(),
    );
    work.run(
        "extract",
        &[
            &["archive.json", "boxes.json"],
            &flags[..],
            &["localizations.json"],
        ]
        .concat(),
    );
    check(&work);
    // In parts of the image: the frame is that of the digest that comes first.
    let of = |name: &str| {
        let mut found = Vec::new();
        for image in work.json(name)["images"].as_array().unwrap() {
            for localization in image["localizations"].as_array().unwrap() {
                let frame = &image["frame"];
                let part = |i: usize| {
                    localization["bbox"][i].as_f64().unwrap() / frame[i % 2].as_f64().unwrap()
                };
                found.push(format!(
                    "{} {} {:.4?}",
                    image["id"],
                    localization["id"],
                    [0, 1, 2, 3].map(part)
                ));
            }
        }
        found.sort();
        found
    };
    assert_eq!(of("other.json"), of("localizations.json"));
    work
}

/// The ids of images that have a box, with the first box.
fn boxed(work: &Workdir) -> Vec<(String, Value)> {
    let found = images(work)
        .into_iter()
        .filter(|image| image["localizations"] != json!([]));
    found
        .map(|image| {
            (
                image["id"].as_str().unwrap().to_owned(),
                image["localizations"][0]["bbox"].clone(),
            )
        })
        .collect()
}

#[test]
fn an_image_is_found_by_any_of_its_names() {
    let p1 = "https://x.example/iiif/P1";
    let frame = "013dd38c-4d51-47b9-1c67-92f50ea49d1e";
    let cases = [
        ("https://x.example/iiif/P1", json!(["a"]), p1),
        ("http://X.example:80/iiif/P1/", json!(["a"]), p1),
        ("1", json!(["https://x.example/iiif/P1/info.json"]), p1),
        (
            "1",
            json!(["https://x.example/iiif/P1/full/600,/0/default.jpg"]),
            p1,
        ),
        ("P1.tif", json!(["P1.tif"]), p1),
        (
            "images/b1/0001.png",
            json!(["images/b1/0001.png"]),
            "https://x.example/b1/0001.jpg",
        ),
        (
            "B2\\0001.JPG",
            json!(["0001.jpg"]),
            "https://x.example/b2/0001.jpg",
        ),
        ("19990101T000000", json!(["set/19990101T000000"]), frame),
        (
            "7",
            json!(["frames/013DD38C4D5147B91C6792F50EA49D1E.png"]),
            frame,
        ),
    ];
    for (id, names, wanted) in cases {
        let work = join(json!([named(id, names)]));
        // Half of the size of the canvas is a quarter of the canvas.
        assert_eq!(
            boxed(&work),
            [(wanted.to_owned(), json!([40, 80, 120, 160]))],
            "{id}"
        );
        let image = images(&work)
            .into_iter()
            .find(|image| image["id"] == wanted)
            .unwrap();
        assert_eq!(
            (&image["frame"], &image["image"]["width"]),
            (&json!([800, 600]), &json!(400)),
            "{id}"
        );
        assert_eq!(
            (&image["group"], image["image"].get("names")),
            (&json!(wanted), None),
            "{id}"
        );
        assert_eq!(images(&work).len(), 6, "{id}");
    }
}

#[test]
fn what_names_no_image_or_several_is_rejected_with_its_boxes() {
    let other_shape = about(
        "1",
        json!({"names": ["P1.jpg"], "width": 300, "height": 400}),
        json!({"frame": "image", "fragment": "xywh=1,2,3,4"}),
    );
    let cases = [
        (
            json!([named("c.jpg", json!(["c.jpg"]))]),
            "image is not in any digest with addresses of images: c.jpg, 1 box with it",
        ),
        (
            json!([named("0001.jpg", json!(["0001.jpg"]))]),
            "several images have this file name: https://x.example/b1/0001.jpg, https://x.example/b2/0001.jpg: 0001.jpg, 1 box with it",
        ),
        (
            json!([other_shape]),
            "image with this file name has another aspect ratio: 400 x 300, not 300 x 400, https://x.example/iiif/P1: P1.jpg, 1 box with it",
        ),
    ];
    for (observations, problem) in cases {
        let work = join(observations);
        assert_eq!(
            rejects(&work)
                .iter()
                .map(|row| row[3].as_str())
                .collect::<Vec<_>>(),
            [problem]
        );
        assert_eq!(boxed(&work), []);
    }
    let rivals = join(json!([
        named("x/P1.jpg", json!(["x/P1.jpg"])),
        named("y/P1.jpg", json!(["y/P1.jpg"]))
    ]));
    let problems: Vec<String> = rejects(&rivals)
        .into_iter()
        .map(|row| row[3].clone())
        .collect();
    assert_eq!(
        problems.len(),
        2,
        "two files of one name are not both this image"
    );
    assert!(
        problems[0].starts_with("image of this file name may be that of another record: y/P1.jpg"),
        "{problems:?}"
    );
}

#[test]
fn nothing_but_names_is_an_error_that_says_what_to_give() {
    let work = Workdir::new();
    work.write_json(
        "boxes.json",
        &digest(json!([named("c.jpg", json!(["c.jpg"]))])),
    );
    work.run("extract", &["boxes.json"]).exits(1).says(&[
        "image is not in any digest with addresses of images: c.jpg",
        "hint: give the digest of the archive too: recto-extract digest.json boxes.json",
    ]);
}

#[test]
fn boxes_in_percent_or_without_size_stand_in_the_space_of_the_image() {
    let percent = json!({"id": "P1", "image": {"names": ["P1"]}, "group": "", "source": {"kind": "yolo"}, "canvas": [100, 100],
        "annotations": [{"id": "a", "bodies": [{"purpose": "classifying", "value": "fish"}],
            "regions": [{"frame": "canvas", "fragment": "xywh=25,50,10,20"}]}]});
    let pixels = about(
        "P1",
        json!({"names": ["P1"]}),
        json!({"frame": "image", "fragment": "xywh=100,150,40,60"}),
    );
    for (observation, wanted) in [
        (percent, [200, 300, 80, 120]),
        (pixels, [200, 300, 80, 120]),
    ] {
        let work = join(json!([observation]));
        assert_eq!(boxed(&work)[0].1, json!(wanted));
    }
}

#[test]
fn a_url_of_the_whole_image_is_the_image_of_its_service() {
    for (url, wanted) in [
        (
            "https://x.example/iiif/P1/full/max/0/default.jpg",
            "https://x.example/iiif/P1",
        ),
        (
            "https://x.example/iiif/P1/full/200,/0/default.jpg",
            "https://x.example/iiif/P1",
        ),
        (
            "https://x.example/iiif/P1/full/200,/90/default.jpg",
            "https://x.example/iiif/P1/full/200,/90/default.jpg",
        ),
        (
            "https://x.example/iiif/P1/0,0,9,9/max/0/default.jpg",
            "https://x.example/iiif/P1/0,0,9,9/max/0/default.jpg",
        ),
    ] {
        let image = json!({"url": url, "width": 200, "height": 150, "names": ["P1.jpg"]});
        let work = join(json!([about(
            url,
            image,
            json!({"frame": "image", "fragment": "xywh=10,20,30,40"})
        )]));
        assert_eq!(boxed(&work)[0].0, wanted);
    }
}

/// Boxes may have an address, such as that of a mirror, and still say which image of the archive they are about.
#[test]
fn boxes_with_an_address_are_joined_by_id_and_not_by_file_name() {
    let mirror = "https://mirror.example/P1.jpg";
    for (names, wanted) in [
        (
            json!(["P1.jpg", "https://x.example/iiif/P1"]),
            "https://x.example/iiif/P1",
        ),
        (json!(["P1.jpg"]), mirror),
    ] {
        let image = json!({"url": mirror, "width": 200, "height": 150, "names": names});
        let region = json!({"frame": "image", "fragment": "xywh=10,20,30,40"});
        let work = join(json!([about(mirror, image, region)]));
        assert_eq!(boxed(&work)[0].0, wanted);
    }
}

/// A list of annotations without its manifest: its target is a canvas, or an image.
#[test]
fn annotations_without_manifest_are_joined_with_canvas_or_image() {
    let cases = [
        ("https://x.example/c/2", 2, json!([10, 20, 30, 40])),
        (
            "https://x.example/iiif/P1/full/full/0/default.jpg",
            1,
            json!([20, 40, 60, 80]),
        ),
    ];
    for (target, count, wanted) in cases {
        let observation = json!({"id": target, "image": {"names": [target]}, "group": "", "source": {"kind": "iiif"},
            "annotations": [tagged("a1", on_canvas("xywh=10,20,30,40"))]});
        let work = join(json!([observation]));
        let found = boxed(&work);
        assert_eq!((found.len(), &found[0].1), (count, &wanted), "{target}");
        assert_eq!(boxes(&work)[0]["concept"], "alef");
    }
}

#[test]
fn a_box_and_its_outline_are_both_kept_as_they_are() {
    let region = json!({"frame": "image", "fragment": "xywh=10,20,30,40",
        "svg": "<svg><path d='M12,22L30,22L30,50Z'/></svg>"});
    let beyond = json!({"frame": "image", "fragment": "xywh=190,20,30,40",
        "svg": "<svg><path d='M190,20L220,20L220,60Z'/></svg>"});
    let sized = || json!({"names": ["P1"], "width": 200, "height": 150});
    let work = join(json!([about("P1", sized(), region)]));
    assert_eq!(boxes(&work)[0]["bbox"], json!([40, 80, 120, 160]));
    assert_eq!(
        boxes(&work)[0]["polygon"],
        json!([[48, 88], [120, 88], [120, 200]])
    );
    let work = join(json!([about("P1", sized(), beyond)]));
    assert_eq!(boxes(&work)[0]["bbox"][2], 40, "clipped to the image");
}

/// A record with an address of its own has the image of that address, whatever other records of its digest are called.
#[test]
fn another_record_of_the_digest_may_have_the_image_of_a_file_name() {
    let with_address = |url: &str, names: Value| {
        let image = json!({"url": url, "width": 200, "height": 150, "names": names});
        about(
            url,
            image,
            json!({"frame": "image", "fragment": "xywh=10,20,30,40"}),
        )
    };
    let mirror = "https://mirror.example/x.jpg";
    let archive = "https://x.example/b1/0001.jpg";
    let cases = [
        (with_address(mirror, json!(["a/x.jpg"])), "b/x.jpg", 1),
        (with_address(mirror, json!(["a/x.jpg"])), "x.jpg", 1),
        (
            with_address(archive, json!(["c/0001.jpg"])),
            "b1/0001.jpg",
            1,
        ),
        // The same file, in another document of the digest.
        (with_address(mirror, json!(["a/x.jpg"])), "a/x.jpg", 0),
        (with_address(mirror, json!([])), "x.jpg", 0),
    ];
    for (other, name, lost) in cases {
        let work = join(json!([other, named(name, json!([name]))]));
        let listed = rejects(&work);
        assert_eq!(listed.len(), lost, "{name}: {listed:?}");
        let reason = "image of this file name may be that of another record: ";
        assert!(
            listed.iter().all(|row| row[3].starts_with(reason)),
            "{listed:?}"
        );
        assert_eq!(boxes(&work).len(), 2 - lost, "{name}");
    }
}

/// A page of one annotation, without its manifest.
fn page(target: &str) -> Value {
    json!({"@context": "http://iiif.io/api/presentation/3/context.json", "id": "http://x.example/page", "type": "AnnotationPage",
        "items": [{"id": "http://x.example/a1", "type": "Annotation", "motivation": "tagging", "target": format!("{target}#xywh=10,20,30,40"),
            "body": {"type": "TextualBody", "purpose": "tagging", "value": "aleph"}}]})
}

/// A manifest of one image.
fn manifest(url: &str, services: &[&str]) -> Value {
    let services = services
        .iter()
        .map(|id| json!({"id": id, "type": "ImageService3", "profile": "level1"}));
    let body = json!({"id": url, "type": "Image", "format": "image/jpeg", "width": 400, "height": 300,
        "service": services.collect::<Vec<_>>()});
    let painting = json!({"id": "http://x.example/p", "type": "Annotation", "motivation": "painting", "target": "http://x.example/c", "body": body});
    json!({"@context": "http://iiif.io/api/presentation/3/context.json", "id": "http://x.example/m", "type": "Manifest", "label": {"none": ["m"]},
        "items": [{"id": "http://x.example/c", "type": "Canvas", "width": 400, "height": 300,
            "items": [{"id": "http://x.example/l", "type": "AnnotationPage", "items": [painting]}]}]})
}

/// One picture that two documents name by `http` and `https`, by its service or by a request of the whole image.
#[test]
fn an_image_is_one_however_documents_spell_its_address() {
    const REQUEST: &str = "https://a.example/iiif/3/p0/full/max/0/default.jpg";
    const SERVICE: &str = "https://a.example/iiif/3/p0";
    const FILE: &str = "https://a.example/b/p0.jpg";
    let http = |url: &str| url.replacen("https:", "http:", 1);
    let odd = "http://A.example:80/iiif/3/p%30/full/full/0/default.jpg";
    let other = "http://b.example/iiif/3/p0/full/max/0/default.jpg";
    let served = manifest(&http(REQUEST), &[&http(SERVICE)]);
    // The URL in a table, another document, the images of both, and boxes.
    let cases = [
        (REQUEST, page(&http(REQUEST)), vec![SERVICE], 1),
        (REQUEST, page(REQUEST), vec![SERVICE], 1),
        (REQUEST, page(&http(SERVICE)), vec![SERVICE], 1),
        (REQUEST, page(odd), vec![SERVICE], 1),
        (FILE, page(&http(FILE)), vec![FILE], 1),
        (REQUEST, served, vec![SERVICE], 0),
        (FILE, manifest(&http(FILE), &[]), vec![FILE], 0),
        (
            REQUEST,
            page(other),
            vec!["http://b.example/iiif/3/p0", SERVICE],
            1,
        ),
    ];
    for (url, document, wanted, boxes) in cases {
        let work = Workdir::new();
        work.write("t.csv", format!("url\n{url}\n"))
            .write_json("a.json", &document);
        work.run(
            "digest",
            &["table", "t.csv", "--url-column", "url", "-o", "t.d.json"],
        )
        .exits(0);
        work.run("digest", &["iiif", "a.json", "-o", "a.d.json"])
            .exits(0);
        for digests in [["t.d.json", "a.d.json"], ["a.d.json", "t.d.json"]] {
            work.run("extract", &[&digests[..], &["-o", "l.json"]].concat())
                .exits(0);
            let set = work.json("l.json");
            let images = set["images"].as_array().unwrap();
            let mut ids: Vec<&str> = images.iter().filter_map(|i| i["id"].as_str()).collect();
            ids.sort_unstable();
            assert_eq!(ids, wanted, "{url} {document}");
            let found = images.iter().filter_map(|i| i["localizations"].as_array());
            let found: usize = found.map(Vec::len).sum();
            assert_eq!(found, boxes, "{url} {document}");
        }
    }
}
