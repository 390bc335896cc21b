//! `--regions`: only what boxes are around, each an image of its own.

use super::*;

fn boxed(id: &str, concept: &str, bbox: [f64; 4]) -> Value {
    json!({"id": id, "concept": concept, "bbox": bbox})
}

/// A service with boxes, in a frame of half the size of its image.
fn page(id: &str, service_url: String, boxes: Vec<Value>) -> Value {
    let origin = Origin::default();
    let mut image = service(id, service_url, 2);
    image["frame"] = json!([
        f64::from(origin.width) / 2.0,
        f64::from(origin.height) / 2.0
    ]);
    image["localizations"] = boxes.into();
    image
}

fn start(origin: Origin) -> Server {
    Server::start(move |request, _| origin.answer(request))
}

const REGIONS: &[&str] = &["--regions", "--format", "png", "--report", "report.json"];

/// Every region of the file, beside the pixels of the origin.
fn holds_the_pixels(work: &Workdir, file: &str) -> Vec<[u32; 4]> {
    let (set, map) = (work.json(file), work.json("image_map.json"));
    let paint = Origin::default().paint;
    let mut places = Vec::new();
    for image in set["images"].as_array().unwrap() {
        let region: [u32; 4] =
            serde_json::from_value(image["image"]["service"]["region"].clone()).unwrap();
        let id = image["id"].as_str().unwrap();
        let path = map[id]
            .as_str()
            .unwrap_or_else(|| panic!("no {id} in {map}"));
        let found = recto::pixels::decode(&work.read(path), 1 << 24)
            .unwrap()
            .into_rgb8();
        let [x, y, w, h] = region;
        assert_eq!(found.dimensions(), (w, h), "{id}");
        assert_eq!(image["frame"], json!([w, h]));
        for (i, j, pixel) in found.enumerate_pixels() {
            assert_eq!(pixel.0, paint(x + i, y + j), "{id} at {i},{j}");
        }
        places.push(region);
    }
    places
}

#[test]
fn every_box_is_an_image_of_its_own_with_its_boxes_on_it() {
    let server = start(Origin::default());
    let work = Workdir::new();
    let boxes = vec![
        boxed("one", "bird", [10.0, 5.0, 20.0, 15.0]),
        boxed("two", "fish", [25.0, 15.0, 10.0, 10.0]),
    ];
    let pages = vec![
        page("a", server.url("/iiif/a"), boxes),
        page("b", server.url("/iiif/b"), vec![]),
    ];
    work.write_json("localizations.json", &set(pages));
    let foreseen = |work: &Workdir| {
        let ran = work.run("download", &args(&[REGIONS, &["--dry-run"]].concat()));
        ran.exits(0).says(&["nothing was downloaded"]);
        ran.stdout().lines().nth(1).unwrap_or_default().to_owned()
    };
    let told = foreseen(&work);
    assert!(told.contains("\t2\t3-3\t"), "{told}");
    assert!(server.log().is_empty() && !work.exists("regions.json"));
    work.run("download", &args(REGIONS))
        .exits(0)
        .says(&["2 of 2 images"]);
    assert_eq!(foreseen(&work), "", "all is there");
    let places = holds_the_pixels(&work, "regions.json");
    assert_eq!(places, [[20, 10, 40, 30], [50, 30, 20, 20]]);
    assert_eq!(server.hits("/iiif/a/info.json"), 1, "asked once");
    assert_eq!(
        server.hits("/iiif/b/info.json"),
        0,
        "nothing is around anything there"
    );
    assert_eq!(server.log().len(), 3, "one request to a region");
    let images = work.json("regions.json")["images"].clone();
    assert_eq!(images[0]["labels"], json!(["bird"]));
    let shown: Vec<(&Value, &Value)> = images[0]["localizations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| (&l["id"], &l["bbox"]))
        .collect();
    let foreign = json!("two@20,10,40,30");
    assert_eq!(
        shown,
        [
            (&json!("one"), &json!([0, 0, 40, 30])),
            (&foreign, &json!([30, 20, 10, 10]))
        ]
    );

    // What is there is not asked for again, not even its size.
    work.run("download", &args(REGIONS))
        .exits(0)
        .says(&["2 from earlier runs"]);
    assert_eq!(server.log().len(), 3);
    // A dataset comes of it as of whole images.
    let call = [
        "regions.json",
        "--image-map",
        "image_map.json",
        "-f",
        "csv",
        "-o",
        "out",
    ];
    work.run("reformat", &call).exits(0);
    assert_eq!(work.text("out/annotations.csv").lines().count(), 1 + 4);
}

#[test]
fn margins_widen_regions_and_stop_at_the_edge() {
    let server = start(Origin::default());
    let work = Workdir::new();
    let boxes = vec![boxed("one", "bird", [10.0, 5.0, 20.0, 15.0])];
    work.write_json(
        "localizations.json",
        &set(vec![page("a", server.url("/iiif/a"), boxes)]),
    );
    for (margin, wanted) in [
        ("6", [14, 4, 52, 42]),
        ("50%", [0, 0, 80, 55]),
        ("9999", [0, 0, 0, 0]),
    ] {
        let more = [&[
            "--regions=parts.json",
            "--format",
            "png",
            "--margin",
            margin,
        ][..]]
        .concat();
        work.run("download", &args(&more)).exits(0);
        let origin = Origin::default();
        let wanted = match wanted[2] {
            0 => [0, 0, origin.width, origin.height],
            _ => wanted,
        };
        assert_eq!(holds_the_pixels(&work, "parts.json"), [wanted], "{margin}");
    }
    work.run("download", &args(&["--margin", "6"])).exits(2);
    let ran = work.run("download", &args(&["--regions", "--margin", "wide"]));
    ran.exits(2)
        .says(&["a number of pixels such as 16, or a share of the box such as 10%, is needed"]);
}

#[test]
fn regions_beyond_a_cap_are_joined() {
    let server = start(Origin {
        cap: Some(64),
        ..Origin::default()
    });
    let work = Workdir::new();
    let boxes = vec![boxed("one", "bird", [5.0, 5.0, 100.0, 75.0])];
    work.write_json(
        "localizations.json",
        &set(vec![page("a", server.url("/iiif/a"), boxes)]),
    );
    work.run("download", &args(REGIONS)).exits(0);
    assert_eq!(
        holds_the_pixels(&work, "regions.json"),
        [[10, 10, 200, 150]]
    );
}

#[test]
fn what_has_no_regions_is_a_failure_with_its_reason() {
    let level_0 = start(Origin {
        level: 0,
        tile: 32,
        ..Origin::default()
    });
    let server = start(Origin::default());
    let work = Workdir::new();
    let one = || vec![boxed("one", "bird", [10.0, 5.0, 20.0, 15.0])];
    let mut plain = page("plain", server.url("/iiif/x"), one());
    plain["image"] = json!({"url": server.url("/plain.jpg")});
    let mut odd = page("odd", server.url("/iiif/odd"), one());
    odd["frame"] = json!([30, 900]);
    let pages = vec![
        page("good", server.url("/iiif/a"), one()),
        page("still", level_0.url("/iiif/b"), one()),
        page("gone", server.url("/nothing"), one()),
        plain,
        odd,
    ];
    work.write_json("localizations.json", &set(pages));
    work.run("download", &args(REGIONS))
        .exits(3)
        .says(&["1 of 5 images"]);
    let failures = work.text("failures.csv");
    for (id, words) in [
        ("plain", "--regions needs an image service"),
        ("odd", "its boxes are in a coordinate space of 30 x 900"),
        ("gone", "info.json"),
        (
            "/iiif/b#xywh=20,10,40,30",
            "only its own tiles, no other regions",
        ),
    ] {
        let line = failures
            .lines()
            .find(|line| line.contains(id) && line.contains(words));
        assert!(line.is_some(), "{id}: {words}: {failures}");
    }
    // A set without a box has nothing to cut.
    work.write_json(
        "localizations.json",
        &set(vec![page("a", server.url("/iiif/a"), vec![])]),
    );
    work.run("download", &args(&["--regions"]))
        .exits(1)
        .says(&["no image has a box"]);
    let same = ["--regions=localizations.json"];
    work.run("download", &args(&same))
        .exits(2)
        .says(&["is an input"]);
}

#[test]
fn a_dry_run_reckons_with_every_part_of_a_service() {
    let work = Workdir::new();
    let part = |id: &str, x: u32| {
        let mut image = service(id, "http://127.0.0.1:9/iiif/a".into(), 2);
        image["image"]["service"]["region"] = json!([x, 0, 100, 80]);
        image["image"]["width"] = json!(100);
        image["image"]["height"] = json!(80);
        image["frame"] = json!([100.0, 80.0]);
        image["localizations"] = json!([boxed(id, "bird", [10.0, 5.0, 20.0, 15.0])]);
        image
    };
    work.write_json(
        "localizations.json",
        &set(vec![part("l", 0), part("r", 100)]),
    );
    let ran = work.run("download", &args(&[REGIONS, &["--dry-run"]].concat()));
    ran.exits(0);
    let told = ran.stdout();
    assert!(told.contains("\t2\t3-3\t"), "{told}");
}

#[test]
fn a_service_that_is_down_while_refreshing_takes_nothing_out_of_the_set() {
    let origin = Origin::default();
    let down = Arc::new(AtomicUsize::new(0));
    let (now, served) = (down.clone(), origin.clone());
    let server = Server::start(move |request, _| match now.load(Ordering::Relaxed) {
        0 => served.answer(request),
        status => Answer::Status(status as u16),
    });
    let work = Workdir::new();
    let page = |id: &str| {
        let mut image = service(id, server.url(&format!("/iiif/{id}")), 2);
        image["frame"] = json!([origin.width, origin.height]);
        image["localizations"] = json!([boxed(id, "bird", [10.0, 5.0, 20.0, 15.0])]);
        image
    };
    work.write_json("localizations.json", &set(vec![page("a"), page("b")]));
    work.run("download", &args(REGIONS)).exits(0);
    let before = work.json("image_map.json");
    // (status, what is told of the regions, images that stay)
    for (status, change, stay) in [(500, "unknown", 2), (404, "gone", 0)] {
        down.store(status, Ordering::Relaxed);
        let call = [REGIONS, &["--refresh", "--prune", "--retries", "0"]].concat();
        work.run("download", &args(&call));
        let map = work.json("image_map.json");
        assert_eq!(map.as_object().unwrap().len(), stay, "{status}");
        let changes = rows(&work, "changes.csv");
        let told: Vec<&str> = changes.iter().map(|row| &*row[2]).collect();
        assert_eq!(told, [change; 2], "{status}");
        for path in before.as_object().unwrap().values() {
            assert_eq!(work.exists(path.as_str().unwrap()), stay > 0, "{status}");
        }
    }
}
