//! `recto-digest fathomnet` against a service on loopback.
// Tables of cases are tuples; names for their types would say less.
#![allow(clippy::type_complexity)]

use recto_testkit::server::{Answer, Arrived, Server};
use recto_testkit::{Ran, Workdir};
use serde_json::{Value, json};

fn boxed(n: usize, concept: &str, state: &str) -> Value {
    json!({"id": n, "uuid": format!("box-{n}"), "concept": concept, "altConcept": null, "x": n, "y": 2, "width": 10, "height": 8,
           "groupOf": false, "occluded": null, "observer": "someone", "reviewState": state, "rejected": state == "REJECTED"})
}

fn image(n: usize, boxes: Vec<Value>) -> Value {
    json!({"id": n, "uuid": format!("image-{n}"), "url": format!("https://pictures.example/framegrabs/{}/{n}.png", n % 2),
           "width": 64, "height": 48, "timestamp": format!("2020-01-0{n}T00:00:00Z"), "latitude": 36.5, "depthMeters": 100.0 * n as f64,
           "sha256": format!("{n:064X}"), "contributorsEmail": "lab@reef.example", "valid": true,
           "tags": [{"key": "source", "value": "reef"}], "boundingBoxes": boxes})
}

fn images() -> Vec<Value> {
    let mut part = boxed(5, "Nanomia", "VERIFIED");
    part["altConcept"] = "inner filter".into();
    let mut flat = boxed(6, "Nanomia", "UNVERIFIED");
    flat["height"] = 0.into();
    vec![
        image(
            1,
            vec![
                boxed(1, "Nanomia", "VERIFIED"),
                boxed(2, "Apolemia", "UNVERIFIED"),
            ],
        ),
        image(2, vec![boxed(3, "Nanomia", "REJECTED")]),
        image(3, vec![boxed(4, "Apolemia", "UNVERIFIED"), part, flat]),
    ]
}

fn serve(value: &Value) -> Answer {
    Answer::Serve(value.to_string().into(), "application/json")
}

/// A service of some images, of which no page holds more than `cap`.
fn service(images: Vec<Value>, cap: usize) -> impl Fn(&Arrived) -> Answer {
    move |request| match request.path.as_str() {
        "/api/images/query" => {
            let asked: Value = serde_json::from_slice(&request.body).unwrap();
            assert_eq!(
                (&asked["includeVerified"], &asked["includeUnverified"]),
                (&json!(true), &json!(true))
            );
            let number = |key: &str| asked[key].as_u64().unwrap() as usize;
            let has = |image: &&Value| {
                let mut boxes = image["boundingBoxes"].as_array().unwrap().iter();
                boxes.any(|b| b["concept"] == asked["concept"])
            };
            let page = images
                .iter()
                .filter(has)
                .skip(number("offset"))
                .take(number("limit").min(cap));
            serve(&page.cloned().collect())
        }
        "/api/taxa/query/fathomnet/Siphonophorae" => serve(&json!([
            {"name": "Siphonophorae", "rank": "Order"}, {"name": "Nanomia", "rank": "Genus"}, {"name": "Apolemia", "rank": "Genus"}])),
        "/worms/descendants/Physonectae?accepted=true" => serve(&json!(["Nanomia", "Apolemia"])),
        "/worms/taxa/ancestors/Nanomia" => {
            serve(&json!({"name": "Animalia", "rank": "Kingdom", "children": [
            {"name": "Siphonophorae", "rank": "Order", "children": [{"name": "Agalmatidae", "rank": "Family", "children": [
                {"name": "Nanomia", "rank": "Genus", "alternateNames": ["Stephanomia"]}]}]}]}))
        }
        "/api/taxa/query/parent/fathomnet/Apolemia" => {
            serve(&json!({"name": "Apolemiidae", "rank": "Family"}))
        }
        "/api/taxa/query/parent/fathomnet/Apolemiidae" => {
            serve(&json!({"name": "Siphonophorae", "rank": "Order"}))
        }
        path if path.starts_with("/api/taxa/query/") => Answer::Status(500),
        "/api/boundingboxes/list/concepts" => serve(&json!(["Apolemia", "Nanomia"])),
        _ => Answer::Status(404),
    }
}

fn start(cap: usize) -> Server {
    let answer = service(images(), cap);
    Server::start(move |request, _| answer(request))
}

fn digest(work: &Workdir, server: &Server, args: &[&str]) -> Ran {
    let base = server.url("/api");
    let own = [
        "--base",
        &base,
        "-o",
        "digest.json",
        "--report",
        "report.json",
        "--rate",
        "0",
        "--backoff",
        "0",
        "--retries",
        "1",
    ];
    work.run("digest", &[&["fathomnet"], args, &own[..]].concat())
}

/// Image and label of every box.
fn boxes(work: &Workdir) -> Vec<String> {
    let digest = work.json("digest.json");
    let mut boxes = Vec::new();
    for image in digest["observations"].as_array().unwrap() {
        for annotation in image["annotations"].as_array().unwrap() {
            let label = annotation["bodies"][0]["value"].as_str().unwrap();
            boxes.push(format!("{} {label}", image["id"].as_str().unwrap()));
        }
    }
    boxes
}

#[track_caller]
fn account(work: &Workdir) -> [u64; 3] {
    let report = work.json("report.json");
    let parts =
        ["boxes_kept", "boxes_filtered", "boxes_rejected"].map(|key| report[key].as_u64().unwrap());
    assert_eq!(
        report["boxes"].as_u64().unwrap(),
        parts.iter().sum::<u64>(),
        "{report:#}"
    );
    parts
}

#[test]
fn images_come_with_the_boxes_asked_for() {
    let server = start(usize::MAX);
    let work = Workdir::new();
    for concept in [&["Nanomia"][..], &["--concept", "Nanomia"]] {
        digest(&work, &server, concept)
            .exits(3)
            .says(&["left out 1: box is empty"]);
        assert_eq!(
            boxes(&work),
            ["image-1 Nanomia", "image-3 Nanomia inner filter"]
        );
        assert_eq!(
            account(&work),
            [2, 1, 1],
            "the box that reviewers rejected is set aside"
        );
    }
    let rejects = work.text("digest.rejects.csv");
    assert!(
        rejects.contains("image-3,box-6/width,box is empty: 10 x 0"),
        "{rejects}"
    );

    let image = work.json("digest.json")["observations"][1].clone();
    assert_eq!(image["image"]["sha256"], format!("{:064x}", 3));
    assert!(
        image["source"]["rights"]
            .as_str()
            .unwrap()
            .contains("by-nc-nd")
    );
    assert!(
        image["source"]["attribution"]
            .as_str()
            .unwrap()
            .contains("FathomNet")
    );
    assert_eq!(image["group"], "framegrabs/1");
    assert_eq!(image["metadata"]["depth_meters"], json!(["300.0"]));
    assert_eq!(image["metadata"]["source"], json!(["reef"]));
    let attributes = &image["annotations"][0]["attributes"];
    let said = [
        &attributes["taxon"],
        &attributes["part"],
        &attributes["verified"],
        &attributes["review_state"],
    ];
    assert_eq!(
        said,
        [
            &json!("Nanomia"),
            &json!("inner filter"),
            &json!(true),
            &json!("VERIFIED")
        ]
    );

    work.run("extract", &["digest.json"]).exits(0);
    let localized = work.json("localizations.json")["images"][1].clone();
    assert_eq!(
        localized["image"]["sha256"], image["image"]["sha256"],
        "to be verified when it is downloaded"
    );
}

#[test]
fn without_the_network_the_hint_is_about_that() {
    let work = Workdir::new();
    let server = start(9);
    let ran = digest(&work, &server, &["Nanomia", "--offline"]);
    ran.exits(1)
        .says(&["hint: without --offline the document is fetched"]);
    assert!(!ran.stderr().contains("--base"), "{}", ran.stderr());
}

#[test]
fn all_and_rejected_boxes_come_when_asked_for() {
    let server = start(usize::MAX);
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia", "--include-rejected"]).exits(3);
    assert_eq!(boxes(&work).len(), 3);
    digest(&work, &server, &["Nanomia", "--all"]).exits(3);
    assert_eq!(
        boxes(&work),
        [
            "image-1 Nanomia",
            "image-1 Apolemia",
            "image-3 Apolemia",
            "image-3 Nanomia inner filter"
        ]
    );
    digest(&work, &server, &["Nanomia", "--all", "--limit", "1"]).exits(3);
    assert_eq!(boxes(&work).len(), 2);
    let filters = [
        "--where",
        "depth_meters>=200",
        "--where",
        "box.verified=true",
    ];
    digest(&work, &server, &[&["Nanomia"], &filters[..]].concat()).exits(3);
    assert_eq!(boxes(&work), ["image-3 Nanomia inner filter"]);
    assert_eq!(account(&work), [1, 2, 1]);
}

#[test]
fn descendants_are_asked_of_the_other_service_when_the_first_fails() {
    let server = start(usize::MAX);
    let work = Workdir::new();
    for concept in ["Siphonophorae", "Physonectae"] {
        digest(&work, &server, &[concept, "--descendants"]).exits(3);
        let wanted = [
            "image-1 Nanomia",
            "image-1 Apolemia",
            "image-3 Apolemia",
            "image-3 Nanomia inner filter",
        ];
        assert_eq!(
            boxes(&work),
            wanted,
            "{concept}: one image, the boxes of all its concepts"
        );
    }
    let said = [
        "/worms/descendants/Xyzzy",
        "/api/taxa/query/worms/Xyzzy",
        "--provider NAME",
    ];
    digest(&work, &server, &["Xyzzy", "-d", "--provider", "worms"])
        .exits(1)
        .says(&said);
}

#[test]
fn ranks_are_those_of_worms_else_a_parent_at_a_time() {
    let server = start(usize::MAX);
    let work = Workdir::new();
    let lineage = |work: &Workdir, concept: &str| -> Vec<String> {
        let digest = work.json("digest.json");
        let rungs = digest["taxonomy"][concept]["lineage"].as_array().cloned();
        let rung = |r: &Value| {
            format!(
                "{} {}",
                r["rank"].as_str().unwrap_or("-"),
                r["name"].as_str().unwrap()
            )
        };
        rungs.unwrap_or_default().iter().map(rung).collect()
    };
    for args in [&["Siphonophorae", "-d"][..], &["Nanomia", "--all"]] {
        digest(&work, &server, args).exits(3);
        let of_nanomia = lineage(&work, "Nanomia");
        assert_eq!(
            of_nanomia,
            [
                "Kingdom Animalia",
                "Order Siphonophorae",
                "Family Agalmatidae",
                "Genus Nanomia"
            ]
        );
        let of_apolemia = lineage(&work, "Apolemia");
        assert_eq!(
            of_apolemia[..3],
            of_nanomia[..2]
                .iter()
                .cloned()
                .chain(["Family Apolemiidae".to_owned()])
                .collect::<Vec<_>>()[..],
            "{args:?}"
        );
    }
    // Where nothing is told of what is between, the concept asked for is above.
    digest(&work, &server, &["Physonectae", "-d"]).exits(3);
    assert_eq!(lineage(&work, "Apolemia")[0], "Kingdom Animalia");
    let silent = service(images(), usize::MAX);
    let server = Server::start(move |request, _| {
        match request.path.contains("/ancestors/") || request.path.contains("/parent/") {
            true => Answer::Status(500),
            false => silent(request),
        }
    });
    digest(&work, &server, &["Siphonophorae", "-d"]).exits(3);
    assert_eq!(
        lineage(&work, "Nanomia"),
        ["Order Siphonophorae", "Genus Nanomia"]
    );
}

#[test]
fn pages_are_followed_to_an_empty_one() {
    for (page_size, cap) in [("1", 9), ("2", 1), ("1000", 9)] {
        let server = start(cap);
        let work = Workdir::new();
        digest(&work, &server, &["Nanomia", "--page-size", page_size]).exits(3);
        assert_eq!(boxes(&work).len(), 2, "{page_size} {cap}");
    }
    // A service that gives the same page whatever it is asked for.
    let page = json!([images()[0], images()[2]]);
    for (page_size, said) in [
        ("1000", "left out 1: box is empty"),
        ("2", "left out 1: images are missing"),
    ] {
        let page = page.clone();
        let server = Server::start(move |_, _| serve(&page));
        let work = Workdir::new();
        digest(&work, &server, &["Nanomia", "--page-size", page_size])
            .exits(3)
            .says(&[said]);
        assert_eq!(boxes(&work).len(), 2);
    }
}

#[test]
fn storms_are_waited_out_and_what_is_no_answer_is_told() {
    let answer = service(images(), usize::MAX);
    let server = Server::start(move |request, before| {
        if before == 0 {
            Answer::Status(503)
        } else {
            answer(request)
        }
    });
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"]).exits(3);
    assert_eq!(boxes(&work).len(), 2);

    std::fs::remove_file(work.path("digest.json")).unwrap();
    let cases: [(fn() -> Answer, &str); 4] = [
        (|| Answer::Status(404), "images/query: not found (HTTP 404)"),
        (
            || Answer::Serve(b"<html>".into(), "text/html"),
            "the response is an HTML page",
        ),
        (
            || serve(&json!({"message": "out of order"})),
            "response is not a list: the service reports \"out of order\"",
        ),
        (|| Answer::Status(500), "server error"),
    ];
    for (answer, said) in cases {
        let server = Server::start(move |_, _| answer());
        digest(&work, &server, &["Nanomia"])
            .exits(if said == "server error" { 75 } else { 1 })
            .says(&[said, "--base sets another"]);
        assert!(!work.exists("digest.json"), "{said}");
    }
    let server = start(usize::MAX);
    digest(&work, &server, &["Nanomai"])
        .exits(1)
        .says(&["no such concept: \"Nanomai\"", "did you mean \"Nanomia\"?"]);
}

/// Answers at another address whatever `/api` was asked for, by a redirect with this status.
fn moved(status: u16) -> (Server, Server) {
    let home = start(usize::MAX);
    let base = home.url("");
    let old = Server::start(move |request, _| {
        let to = format!("{base}{}", request.path);
        Answer::Full(status, vec![("location".into(), to)], vec![])
    });
    (old, home)
}

#[test]
fn searches_follow_the_service_to_its_new_home() {
    for status in [301, 302, 307, 308] {
        let (old, home) = moved(status);
        let work = Workdir::new();
        digest(&work, &old, &["Nanomia", "--header", "X-API-Key: k"]).exits(3);
        assert_eq!(boxes(&work).len(), 2, "{status}");
        let posted = |server: &Server| server.log().iter().filter(|r| r.method == "POST").count();
        assert!(posted(&home) > 0 && posted(&old) > 0, "{status}");
        let keys = |server: &Server| {
            let log = server.log();
            log.iter()
                .filter(|r| r.headers.contains_key("x-api-key"))
                .count()
        };
        assert_eq!(keys(&home), 0, "{status}: a key stays with its host");
        assert_eq!(keys(&old), old.log().len(), "{status}");
    }
}

#[test]
fn pages_in_objects_and_limits_of_the_service_are_read() {
    let answer = service(images(), usize::MAX);
    let server = Server::start(move |request, _| {
        if request.path != "/api/images/query" {
            return answer(request);
        }
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        if asked["limit"].as_u64().unwrap() > 1 {
            return Answer::Status(422);
        }
        let Answer::Serve(rows, _) = answer(request) else {
            unreachable!()
        };
        let rows: Value = serde_json::from_slice(&rows).unwrap();
        serve(&json!({"content": rows, "totalElements": "3", "number": asked["offset"]}))
    });
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"])
        .exits(3)
        .says(&["requested again in smaller parts"]);
    assert_eq!(boxes(&work).len(), 2);
}

#[test]
fn regions_of_interest_are_boxes_and_need_no_ids() {
    let mut older = image(1, vec![]);
    let plain =
        json!({"concept": "Nanomia", "x": 1, "y": 2, "width": 10, "height": 8, "verified": true});
    let members = older.as_object_mut().unwrap();
    members.remove("uuid");
    members.remove("boundingBoxes");
    members.insert("regionsOfInterest".into(), json!([
        plain, plain, {"concept": "Nanomia", "points": [[1, 2], [9, 2], [9, 7]], "reviewState": "verified"},
        {"concept": "Nanomia", "xmin": 1, "ymin": 2, "xmax": 11, "ymax": 10, "rejected": "true"},
        {"concept": "Nanomia", "x": 1, "y": 2, "width": 3}]));
    let mut other = older.clone();
    other["url"] = "pictures/other 1.png".into();
    other["sha256"] = json!(null);
    let answer = service(vec![], usize::MAX);
    let page = json!([older, other]);
    let server = Server::start(move |request, _| {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match (request.path.as_str(), asked["offset"].as_u64()) {
            ("/api/images/query", Some(0)) => serve(&page),
            _ => answer(request),
        }
    });
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"]).exits(3).says(&[
        "some images have no uuid: ids are made from their content",
        "some boxes have no uuid: ids are made from their content",
        "left out 2: height of the box is not a number",
    ]);
    assert_eq!(account(&work), [6, 2, 2]);
    let digest = work.json("digest.json");
    let images = digest["observations"].as_array().unwrap();
    assert_eq!(images.len(), 2, "images without uuid are not one");
    assert_eq!(
        images[1]["image"]["url"],
        server.url("/api/pictures/other%201.png")
    );
    let verified = |o: &Value| {
        let boxes = o["annotations"].as_array().unwrap().iter();
        boxes
            .filter(|b| b["attributes"]["verified"] == true)
            .count()
    };
    assert_eq!(images.iter().map(verified).sum::<usize>(), 6);
    work.run("extract", &["digest.json"]).exits(0);
    let images = work.json("localizations.json")["images"].clone();
    assert_eq!(images[0]["localizations"].as_array().unwrap().len(), 3);
}

/// An image whose boxes are all broken is not among the images, so that the list alone tells of it.
#[test]
fn what_is_no_box_is_listed() {
    let with = |n: usize, boxes: Value| {
        let mut image = image(n, vec![]);
        image["boundingBoxes"] = boxes;
        image
    };
    let good = boxed(1, "Nanomia", "VERIFIED");
    let mut nameless = boxed(2, "Nanomia", "VERIFIED");
    nameless["concept"] = json!(null);
    let mut several = boxed(3, "Nanomia", "VERIFIED");
    several["concept"] = json!(["Nanomia"]);
    let page = json!([
        with(1, json!([good, null, 5, "x", []])),
        with(2, json!("x")),
        with(3, json!([nameless])),
        with(4, json!({"0": good})),
        with(5, json!([several])),
        with(6, json!(null)),
    ]);
    let answer = service(vec![], usize::MAX);
    let server = Server::start(move |request, _| {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match (request.path.as_str(), asked["offset"].as_u64()) {
            ("/api/images/query", Some(0)) => serve(&page),
            _ => answer(request),
        }
    });
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"]).exits(3);
    assert_eq!(account(&work), [1, 0, 8]);
    let rejects = work.text("digest.rejects.csv");
    for n in 1..=5 {
        assert!(rejects.contains(&format!("image-{n},")), "{n}: {rejects}");
    }
}

#[test]
fn a_taxonomy_that_there_is_not_is_named() {
    let answer = service(images(), usize::MAX);
    let server = Server::start(move |request, _| match request.path.as_str() {
        "/api/taxa/list/providers" => serve(&json!(["fathomnet", "mbari", "worms"])),
        _ => answer(request),
    });
    let work = Workdir::new();
    digest(&work, &server, &["Physonectae", "-d", "--provider", "wrms"])
        .exits(2)
        .says(&[
            "no such taxonomy: --provider wrms",
            "the service has fathomnet, mbari, worms",
        ]);
    // One that there is and that fails is told.
    digest(
        &work,
        &server,
        &["Physonectae", "-d", "--provider", "mbari"],
    )
    .exits(3)
    .says(&["descendants of \"Physonectae\" are those of WoRMS, not of \"mbari\""]);
    assert_eq!(boxes(&work).len(), 4);
}

#[test]
fn a_pause_that_the_service_asks_for_is_kept() {
    let answer = service(images(), usize::MAX);
    let server = Server::start(move |request, before| match before {
        0 => Answer::Full(429, vec![("retry-after".into(), "0".into())], vec![]),
        _ => answer(request),
    });
    let work = Workdir::new();
    digest(&work, &server, &["Nanomia"]).exits(3);
    assert_eq!(boxes(&work).len(), 2);
}

#[test]
fn what_failed_is_what_the_hint_is_about() {
    let server = start(usize::MAX);
    let work = Workdir::new();
    let ran = digest(&work, &server, &["Nanomia", "--where", "depth>=100"]);
    ran.exits(1)
        .says(&["did you mean --where 'depth_meters>=100'?"]);
    assert!(!ran.stderr().contains("check the URL"), "{}", ran.stderr());
}

/// On each of two images of one file the boxes of the other would be background.
#[test]
fn images_with_one_checksum_or_one_url_are_one_image() {
    let first = || image(1, vec![boxed(1, "Nanomia", "VERIFIED")]);
    for member in ["sha256", "url"] {
        let mut again = image(2, vec![boxed(2, "Nanomia", "VERIFIED")]);
        again[member] = first()[member].clone();
        let other = image(3, vec![boxed(3, "Nanomia", "VERIFIED")]);
        let server = Server::start({
            let answer = service(vec![first(), again, other], 100);
            move |request, _| answer(request)
        });
        let work = Workdir::new();
        let told = "1 image has the URL or the checksum of another: they are one image, with the boxes of both, first: image-1, image-2";
        digest(&work, &server, &["Nanomia"]).exits(0).says(&[told]);
        assert_eq!(account(&work), [3, 0, 0], "{member}");
        let seen = super::observations(&work);
        let count = |o: &Value| o["annotations"].as_array().unwrap().len();
        assert_eq!(
            seen.iter().map(count).collect::<Vec<_>>(),
            [2, 1],
            "{member}"
        );
    }
}
