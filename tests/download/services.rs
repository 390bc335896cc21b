//! Image services, whatever their vices: sizes, caps, regions, file types.

use super::*;

#[test]
fn services_give_every_pixel_whatever_their_vices() {
    let cases = [
        // (what it is, the origin, most requests, method)
        ("whole", Origin::default(), 2, "whole"),
        (
            "version 3",
            Origin {
                version: 3,
                ..Origin::default()
            },
            2,
            "whole",
        ),
        (
            "declared cap",
            Origin {
                cap: Some(100),
                declared: true,
                ..Origin::default()
            },
            1 + 6,
            "stitched",
        ),
        (
            "secret cap",
            Origin {
                cap: Some(100),
                ..Origin::default()
            },
            1 + 2 + 6,
            "stitched",
        ),
        (
            "secret cap, version 3",
            Origin {
                cap: Some(128),
                version: 3,
                ..Origin::default()
            },
            1 + 2 + 6,
            "stitched",
        ),
        (
            "tiles only",
            Origin {
                level: 0,
                ..Origin::default()
            },
            1 + 1 + 20,
            "stitched",
        ),
        (
            "tiles only, w,h",
            Origin {
                level: 0,
                version: 3,
                both_sides: true,
                ..Origin::default()
            },
            1 + 1 + 20,
            "stitched",
        ),
        (
            "tiles only, version 2 in words of 3",
            Origin {
                level: 0,
                both_sides: true,
                ..Origin::default()
            },
            1 + 2 + 20,
            "stitched",
        ),
        (
            "odd sides",
            Origin {
                width: 301,
                height: 203,
                cap: Some(99),
                ..Origin::default()
            },
            1 + 2 + 12 + 4,
            "stitched",
        ),
    ];
    for (what, origin, most, method) in cases {
        let served = origin.clone();
        let server = Server::start(move |request, _| served.answer(request));
        let work = Workdir::new();
        work.write_json(
            "localizations.json",
            &set(vec![service("a", server.url("/iiif/a"), origin.version)]),
        );
        let ran = work.run("download", &args(&["--format", "png"]));
        ran.exits(0);
        is_the_picture(&work, "a", &origin);
        assert!(
            server.log().len() <= most,
            "{what}: {} requests, {most} expected: {:#?}",
            server.log().len(),
            server.log().iter().map(|r| &r.path).collect::<Vec<_>>()
        );
        assert_eq!(journal(&work)[0]["method"], json!(method), "{what}");
    }
}

#[test]
fn a_secret_cap_is_learnt_once_per_host() {
    let origin = Origin {
        cap: Some(100),
        ..Origin::default()
    };
    let served = origin.clone();
    let server = Server::start(move |request, _| served.answer(request));
    let work = Workdir::new();
    let images = ["a", "b", "c"].map(|id| service(id, server.url(&format!("/iiif/{id}")), 2));
    work.write_json("localizations.json", &set(images.to_vec()));
    work.run("download", &args(&["--format", "png", "-j", "4"]))
        .exits(0)
        .says(&["answered 100 x 67 with status 200"]);
    ["a", "b", "c"]
        .iter()
        .for_each(|id| is_the_picture(&work, id, &origin));
    let whole = server
        .log()
        .iter()
        .filter(|r| r.path.contains("/full/full/"))
        .count();
    assert_eq!(whole, 3, "twice of the first image, once of the second");
}

#[test]
fn a_wrong_size_is_asked_again_and_then_refused_never_used() {
    let origin = Origin {
        cap: Some(100),
        declared: true,
        ..Origin::default()
    };
    for (times, exit) in [(1, 0), (usize::MAX, 3)] {
        let (served, small) = (
            origin.clone(),
            Origin {
                cap: Some(50),
                ..origin.clone()
            },
        );
        let server = Server::start(move |request, before| {
            let bad = !request.path.ends_with("info.json");
            if bad && before < times {
                small.answer(request)
            } else {
                served.answer(request)
            }
        });
        let work = Workdir::new();
        work.write_json(
            "localizations.json",
            &set(vec![service("a", server.url("/iiif/a"), 2)]),
        );
        work.run("download", &args(&["--format", "png"]))
            .exits(exit);
        if exit == 0 {
            is_the_picture(&work, "a", &origin);
        } else {
            assert_eq!(work.json("image_map.json"), json!({}));
            assert_eq!(rows(&work, "failures.csv")[0][3], "wrong-size");
            assert!(pictures(&work).is_empty());
        }
    }
}

#[test]
fn only_a_part_of_a_service_is_fetched_when_a_part_is_meant() {
    let origin = Origin::default();
    let server = Server::start(move |request, _| origin.answer(request));
    let work = Workdir::new();
    let mut image = service("a", server.url("/iiif/a"), 2);
    image["image"]["service"]["region"] = json!([40, 30, 90, 70]);
    work.write_json("localizations.json", &set(vec![image]));
    work.run("download", &args(&["--format", "png"])).exits(0);
    let path = work.json("image_map.json")["a"]
        .as_str()
        .unwrap()
        .to_owned();
    let found = image::load_from_memory(&work.read(&path))
        .unwrap()
        .into_rgb8();
    assert_eq!(found.dimensions(), (90, 70));
    assert!(
        found
            .enumerate_pixels()
            .all(|(x, y, p)| p.0 == pixel(x + 40, y + 30))
    );
}

#[test]
fn info_json_that_lies_or_breaks_is_a_failure_after_retries() {
    let cases: [(&str, Vec<Answer>, &str, usize); 4] = [
        (
            "html",
            vec![Answer::Serve(b"<html>".to_vec(), "text/html")],
            "info",
            3,
        ),
        (
            "half",
            vec![Answer::Serve(b"{\"width\": 3".to_vec(), "application/json")],
            "info",
            3,
        ),
        (
            "zero",
            vec![Answer::Serve(
                br#"{"width": 0, "height": 3}"#.to_vec(),
                "application/json",
            )],
            "info",
            3,
        ),
        ("gone", vec![Answer::Status(404)], "not-found", 1),
    ];
    let server = Server::table(
        cases
            .iter()
            .map(|(name, answers, ..)| (format!("/{name}/info.json"), answers.clone())),
    );
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(cases
            .iter()
            .map(|(name, ..)| service(name, server.url(&format!("/{name}")), 2))
            .collect()),
    );
    work.run("download", &args(&["--retries", "2"])).exits(3);
    let rows = rows(&work, "failures.csv");
    for (name, _, kind, requests) in cases {
        let row = rows.iter().find(|row| row[0] == name).unwrap();
        assert_eq!(row[3], kind, "{row:?}");
        assert!(row[6].starts_with("info.json: "), "{row:?}");
        assert_eq!(
            server.hits(&format!("/{name}/info.json")),
            requests,
            "{name}"
        );
    }
}

#[test]
fn an_image_whose_service_cannot_be_used_comes_from_its_own_url_if_that_is_of_the_declared_size() {
    // What info.json answers, the declared size; the class of the failure.
    let broken = Answer::Serve(b"{\"width\": 3".to_vec(), "application/json");
    let cases = [
        ("gone", Answer::Status(404), [48, 32], None),
        ("barred", Answer::Status(403), [48, 32], None),
        ("broken", broken, [48, 32], None),
        ("larger", Answer::Status(404), [96, 64], Some("not-found")),
    ];
    for (name, info, size, failure) in cases {
        let picture = Answer::Serve(jpeg(9), "image/jpeg");
        let paths = [
            (format!("/{name}/info.json"), vec![info]),
            ("/own.jpg".to_owned(), vec![picture]),
        ];
        let server = Server::table(paths);
        let mut image = service(name, server.url(&format!("/{name}")), 2);
        image["image"]["url"] = json!(server.url("/own.jpg"));
        (image["image"]["width"], image["image"]["height"]) = (json!(size[0]), json!(size[1]));
        let work = Workdir::new();
        work.write_json("localizations.json", &set(vec![image]));
        let ran = work.run("download", &args(&["--retries", "1"]));
        match failure {
            None => {
                ran.exits(0);
                assert_eq!(file(&work, name), jpeg(9), "{name}");
                let line = &journal(&work)[0];
                assert_eq!(
                    (&line["method"], &line["uri"]),
                    (&json!("bytes"), &json!(server.url("/own.jpg")))
                );
                let note = line["notes"][0].as_str().unwrap();
                assert!(
                    note.starts_with("taken from the URL of the image, because its service"),
                    "{note}"
                );
            }
            Some(class) => {
                ran.exits(3);
                let row = &rows(&work, "failures.csv")[0];
                assert_eq!(row[3], class, "{row:?}");
                assert!(
                    row[6].contains(
                        "its own URL: it has 48 x 32 pixels, the source declares 96 x 64"
                    ),
                    "{row:?}"
                );
            }
        }
    }
}

/// Image API 3.0 §5.3 and 2.1 §5.3: a size that is listed has to be given, in these words.
#[test]
fn a_size_listed_at_level_0_is_requested_as_it_is_listed() {
    for (version, size) in [(3, "48,32"), (2, "48,")] {
        let context = format!("http://iiif.io/api/image/{version}/context.json");
        let info = json!({"@context": context, "@id": "x", "id": "x", "type": "ImageService3", "protocol": "http://iiif.io/api/image",
            "profile": if version == 3 { json!("level0") } else { json!(["http://iiif.io/api/image/2/level0.json"]) },
            "width": 48, "height": 32, "sizes": [{"width": 24, "height": 16}, {"width": 48, "height": 32}]});
        let info = Answer::Serve(info.to_string().into_bytes(), "application/json");
        let picture = Answer::Serve(jpeg(7), "image/jpeg");
        let path = format!("/a/full/{size}/0/default.jpg");
        let server = Server::table([
            ("/a/info.json".to_owned(), vec![info]),
            (path.clone(), vec![picture]),
        ]);
        let work = Workdir::new();
        work.write_json(
            "localizations.json",
            &set(vec![service("a", server.url("/a"), version)]),
        );
        work.run("download", &args(&[])).exits(0);
        assert_eq!(file(&work, "a"), jpeg(7));
        assert_eq!(server.hits(&path), 1);
    }
}

#[test]
fn files_are_made_what_was_asked_for() {
    let origin = Origin {
        cap: Some(100),
        declared: true,
        ..Origin::default()
    };
    let served = origin.clone();
    let bytes = jpeg(77);
    let server = Server::start(move |request, _| match request.path.as_str() {
        "/plain" => Answer::Serve(bytes.clone(), "image/jpeg"),
        _ => served.answer(request),
    });
    let images = set(vec![
        service("s", server.url("/iiif/s"), 2),
        plain("p", server.url("/plain")),
    ]);
    type Case = (&'static [&'static str], &'static str, [u32; 2], [u32; 2]);
    let cases: [Case; 6] = [
        // (options, suffix, size of the service's picture, size of the plain one)
        (&["--format", "keep"], "jpg", [300, 200], [48, 32]),
        (&["--format", "jpg"], "jpg", [300, 200], [48, 32]),
        (&["--format", "png"], "png", [300, 200], [48, 32]),
        (&["--format", "tif"], "tif", [300, 200], [48, 32]),
        (&["--max-width", "90"], "jpg", [90, 60], [48, 32]),
        (
            &["--max-width", "24", "--format", "png"],
            "png",
            [24, 16],
            [24, 16],
        ),
    ];
    for (options, suffix, s, p) in cases {
        let work = Workdir::new();
        work.write_json("localizations.json", &images);
        work.run("download", &args(options)).exits(0);
        let map = work.json("image_map.json");
        for (id, size) in [("s", s), ("p", p)] {
            let path = map[id].as_str().unwrap();
            assert!(path.ends_with(suffix), "{options:?}: {path}");
            let image = image::load_from_memory(&work.read(path)).unwrap();
            assert_eq!([image.width(), image.height()], size, "{options:?} {id}");
        }
    }
}

#[test]
fn png_is_asked_of_level_2_and_jpeg_taken_where_that_is_refused() {
    // How the server answers for PNG, which it does not list.
    for refusal in [None, Some(400), Some(404), Some(415), Some(500), Some(501)] {
        let origin = Origin::default();
        let server = Server::start(move |request, _| match (&*request.path, refusal) {
            ("/iiif/s/info.json", _) => {
                let info = br#"{"width": 300, "height": 200, "profile": "level2", "@context": "http://iiif.io/api/image/3/context.json"}"#;
                Answer::Serve(info.to_vec(), "application/json")
            }
            (path, Some(status)) if path.ends_with(".png") => Answer::Status(status),
            _ => origin.answer(request),
        });
        let work = Workdir::new();
        let image = service("s", server.url("/iiif/s"), 3);
        work.write_json("localizations.json", &set(vec![image]));
        work.run("download", &args(&["--format", "png"])).exits(0);
        let image = image::load_from_memory(&file(&work, "s"))
            .unwrap()
            .to_rgb8();
        assert_eq!(image.dimensions(), (300, 200));
        let is_exact = image
            .enumerate_pixels()
            .all(|(x, y, pixel)| pixel.0 == recto_testkit::iiif::pixel(x, y));
        assert_eq!(is_exact, refusal.is_none(), "{refusal:?}");
        let notes = journal(&work)[0]["notes"].to_string();
        let is_told = notes.contains("the server does not offer png: made from jpg");
        assert_eq!(is_told, refusal.is_some(), "{refusal:?}: {notes}");
    }
}

#[test]
fn a_smaller_width_is_asked_of_the_server_where_it_gives_it() {
    let origin = Origin::default();
    let server = Server::start(move |request, _| origin.answer(request));
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![service("a", server.url("/iiif/a"), 2)]),
    );
    work.run("download", &args(&["--max-width", "150"]))
        .exits(0);
    assert_eq!(server.hits("/iiif/a/full/150,/0/default.jpg"), 1);
    assert_eq!(server.log().len(), 2);
    // Another wish is another file.
    work.run("download", &args(&[])).exits(0);
    assert_eq!(server.hits("/iiif/a/full/full/0/default.jpg"), 1);
}

#[test]
fn grey_tiles_make_a_grey_picture() {
    let origin = Origin {
        grey: true,
        cap: Some(100),
        declared: true,
        ..Origin::default()
    };
    let server = Server::start(move |request, _| origin.answer(request));
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![service("a", server.url("/iiif/a"), 2)]),
    );
    work.run("download", &args(&[])).exits(0);
    let path = work.json("image_map.json")["a"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        !image::load_from_memory(&work.read(&path))
            .unwrap()
            .color()
            .has_color()
    );
}

#[test]
fn an_info_json_of_billions_of_pixels_is_a_failure() {
    let info =
        br#"{"width": 4000000000, "height": 4000000000, "profile": "level2", "maxWidth": 100}"#;
    let server = Server::start(move |request, _| match request.path.as_str() {
        "/huge/info.json" => Answer::Serve(info.to_vec(), "application/json"),
        _ => Answer::Status(400),
    });
    let work = Workdir::new();
    let image = service("huge", server.url("/huge"), 2);
    work.write_json("localizations.json", &set(vec![image]));
    work.run("download", &args(&[])).exits(3);
    assert_eq!(rows(&work, "failures.csv")[0][3], "info");
}

#[test]
fn an_answer_larger_than_declared_is_never_cut_to_fit() {
    let (small, large) = (
        Origin::default(),
        Origin {
            width: 600,
            height: 400,
            ..Origin::default()
        },
    );
    let server = Server::start(
        move |request, _| match request.path.ends_with("info.json") {
            true => small.answer(request),
            false => large.answer(request),
        },
    );
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![service("a", server.url("/iiif/a"), 2)]),
    );
    work.run("download", &args(&[]))
        .exits(3)
        .says(&["boxes and regions would not fit"]);
    assert!(pictures(&work).is_empty());
}

#[test]
fn what_a_table_requests_of_a_service_has_the_size_requested() {
    // Every answer has 48 x 32 pixels.
    let server = Server::start(|request, _| {
        let info = json!({"@context": "http://iiif.io/api/image/2/context.json", "width": 96, "height": 64,
            "protocol": "http://iiif.io/api/image", "profile": ["http://iiif.io/api/image/2/level2.json"]});
        match request.path.as_str() {
            "/known/info.json" => Answer::Serve(info.to_string().into_bytes(), "application/json"),
            path if path.ends_with("info.json") => Answer::Status(404),
            _ => Answer::Serve(jpeg(1), "image/jpeg"),
        }
    });
    let cases = [
        ("bare/full/48,32/0/gray.jpg", true),
        ("bare/full/96,64/0/gray.jpg", false),
        ("bare/full/48,/0/default.jpg?x=1", true),
        ("bare/full/96,/0/default.jpg?x=1", false),
        ("bare/full/32,48/90/default.jpg", true),
        ("bare/full/48,32/90/default.jpg", false),
        ("bare/full/96,64/!0/default.jpg", false),
        ("bare/full/96%2C64/0/bitonal.png", false),
        ("bare/1,1,48,32/max/0/default.jpg", true),
        ("bare/1,1,90,60/max/0/default.jpg", false),
        ("bare/full/max/0/gray.jpg", true),
        ("known/full/max/0/gray.jpg", false),
        ("known/full/full/180/default.jpg", false),
        ("known/full/pct:50/0/gray.jpg", true),
        ("known/full/!48,48/0/gray.jpg", true),
        ("known/full/!90,90/0/gray.jpg", false),
        ("known/pct:50,50,50,50/max/0/gray.jpg", true),
        ("known/48,32,90,90/max/0/gray.jpg", true),
        ("known/square/max/0/gray.jpg", false),
    ];
    let work = Workdir::new();
    let url = |request: &str| server.url(&format!("/{request}"));
    let images = cases.map(|(request, _)| plain(request, url(request)));
    work.write_json("localizations.json", &set(images.to_vec()));
    work.run("download", &args(&["--retries", "0"])).exits(3);
    let map = work.json("image_map.json");
    for (request, is_had) in cases {
        assert_eq!(map.get(request).is_some(), is_had, "{request}");
    }
    for row in rows(&work, "failures.csv") {
        assert_eq!(row[3], "wrong-size", "{row:?}");
        assert!(row[6].starts_with("it has 48 x 32 pixels, "), "{row:?}");
    }
}

#[test]
fn a_square_or_a_share_that_a_server_caps_or_refuses_is_covered_by_regions() {
    // (the request, whether the server knows its words, the part of the picture of 300 x 200, whether it is had)
    let cases = [
        ("square/max/0/default.png", true, [50, 0, 200, 200], true),
        (
            "pct:10,20,50,60/full/0/default.png",
            true,
            [30, 40, 150, 120],
            true,
        ),
        (
            "pct:10,20,50,60/max/0/default.png",
            false,
            [30, 40, 150, 120],
            true,
        ),
        // Where other pixels are requested, others are not had instead.
        ("square/max/0/gray.png", true, [50, 0, 200, 200], false),
        (
            "pct:10,20,50,60/120,/0/default.png",
            true,
            [30, 40, 150, 120],
            false,
        ),
    ];
    for (asked, is_known, [x, y, w, h], is_had) in cases {
        let origin = Origin {
            cap: Some(100),
            ..Origin::default()
        };
        let region = asked.split('/').next().unwrap();
        let numbers = format!("{x},{y},{w},{h}");
        let server = Server::start(move |request, _| {
            let is_in_words = request.path.contains(region);
            let mut meant = request.clone();
            meant.path = request.path.replace(region, &numbers);
            match is_in_words && !is_known {
                true => Answer::Status(400),
                false => origin.answer(&meant),
            }
        });
        let work = one_of(plain("a", server.url(&format!("/iiif/a/{asked}"))));
        let ran = work.run("download", &args(&["--format", "png", "--retries", "0"]));
        if !is_had {
            ran.exits(3);
            assert_eq!(rows(&work, "failures.csv")[0][3], "wrong-size", "{asked}");
            continue;
        }
        ran.exits(0);
        let found = image::load_from_memory(&file(&work, "a")).unwrap();
        let found = found.into_rgb8();
        assert_eq!(found.dimensions(), (w, h), "{asked}");
        for (i, j, colour) in found.enumerate_pixels() {
            assert_eq!(colour.0, pixel(x + i, y + j), "{asked}: {i},{j}");
        }
    }
}

#[test]
fn a_part_of_which_the_service_tells_nothing_is_had_by_its_url() {
    let server = Server::start(|request, _| match request.path.ends_with("info.json") {
        true => Answer::Status(404),
        false => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let work = Workdir::new();
    let urls: Vec<String> = [
        "a/10,20,48,32/max/0/default.jpg",
        "a/10,20,96,64/max/0/default.jpg",
        "b/full/48,/0/default.jpg",
        "c/full/480,/0/default.jpg",
    ]
    .map(|request| server.url(&format!("/{request}")))
    .to_vec();
    work.write("t.csv", format!("url\n{}\n", urls.join("\n")));
    let table = [
        "table",
        "t.csv",
        "--url-column",
        "url",
        "-o",
        "d.json",
        "-q",
    ];
    work.run("digest", &table).exits(0);
    work.run("extract", &["d.json", "-q"]).exits(0);
    work.run("download", &args(&["--retries", "0"])).exits(3);
    let map = work.json("image_map.json");
    assert_eq!(map.as_object().unwrap().len(), 2, "{map}");
    for line in journal(&work) {
        let note = line["notes"][0].as_str().unwrap();
        assert!(
            note.starts_with("taken from the URL of the image"),
            "{note}"
        );
    }
    for row in rows(&work, "failures.csv") {
        assert!(
            row[6].contains("its own URL: it has 48 x 32 pixels"),
            "{row:?}"
        );
    }
}

#[test]
fn a_service_that_nobody_serves_is_replaced_by_the_file_that_is_there() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let file = recto::pixels::decode(&jpeg(1), 1 << 24)
        .unwrap()
        .into_rgb8();
    let mut image = service("a", format!("http://127.0.0.1:{port}/iiif/a"), 2);
    image["image"]["url"] = json!(server.url("/a.jpg"));
    image["image"]["width"] = json!(file.width());
    image["image"]["height"] = json!(file.height());
    let work = one_of(image);
    work.run("download", &args(&["--retries", "0"])).exits(0);
    let path = work.json("image_map.json")["a"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(work.read(&path) == jpeg(1));
}

fn blank(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let image = image::RgbImage::new(width, height);
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[test]
fn an_image_that_is_a_pixel_smaller_than_declared_is_had_in_regions_too() {
    // (size declared, limit declared, whether what lies outside is refused, whether the image is had)
    let cases = [
        ([301, 202], true, true, true),
        ([302, 200], false, true, true),
        ([300, 201], false, true, true),
        // The rest is there: the server scales it down a little.
        ([301, 202], false, false, false),
        ([304, 200], true, true, false),
    ];
    for (declared, is_told, is_refused, is_had) in cases {
        let origin = Origin {
            cap: Some(100),
            declared: is_told,
            ..Origin::default()
        };
        let real = [origin.width, origin.height];
        let lying = Origin {
            width: declared[0],
            height: declared[1],
            ..origin.clone()
        };
        let (served, info) = (origin.clone(), lying.clone());
        let server = Server::start(move |request, _| {
            if request.path.ends_with("/info.json") {
                return info.answer(request);
            }
            let region = request.path.split('/').nth(3).unwrap();
            let numbers: Vec<u32> = region.split(',').filter_map(|n| n.parse().ok()).collect();
            match numbers[..] {
                [x, y, ..] if x >= real[0] || y >= real[1] => match is_refused {
                    true => Answer::Status(400),
                    false => Answer::Serve(blank(numbers[2], numbers[3]), "image/png"),
                },
                // As servers do: what sticks out is cut off.
                _ => served.answer(request),
            }
        });
        let work = one_of(service("a", server.url("/iiif/a"), 2));
        let ran = work.run("download", &args(&["--format", "png"]));
        match is_had {
            true => {
                ran.exits(0).says(&["the image has 300 x 200"]);
                is_the_picture(&work, "a", &origin);
            }
            false => {
                ran.exits(3);
                assert_eq!(
                    rows(&work, "failures.csv")[0][3],
                    "wrong-size",
                    "{declared:?}"
                );
            }
        }
    }
}

#[test]
fn a_region_of_a_table_that_reaches_beyond_the_edge_ends_there() {
    let server = Server::start(|request, _| Origin::default().answer(request));
    let work = Workdir::new();
    let url = |end: &str| server.url(&format!("/iiif/a/{end}/0/default.png"));
    work.write(
        "t.csv",
        format!(
            "url\n{}\n{}\n",
            url("250,150,100,90/full"),
            url("0,0,90,90/full")
        ),
    );
    work.run(
        "digest",
        &["table", "t.csv", "--url-column", "url", "-o", "d.json"],
    )
    .exits(0);
    work.run("extract", &["d.json", "-o", "localizations.json"])
        .exits(0);
    work.run("download", &args(&["--format", "png"])).exits(0);
    let mut sizes: Vec<[u32; 2]> = pictures(&work)
        .into_values()
        .map(|bytes| {
            let image = image::load_from_memory(&bytes).unwrap();
            [image.width(), image.height()]
        })
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [[50, 50], [90, 90]]);
}

#[test]
fn edges_that_an_info_json_declares_too_far_are_had_as_they_are() {
    // (level, side of the tiles, size declared, further options); the image has 300 x 200 pixels.
    let cases: [(u8, u32, [u32; 2], &[&str]); 9] = [
        // Files made beforehand, named by what is declared.
        (0, 64, [301, 200], &[]),
        (0, 64, [300, 202], &[]),
        (0, 64, [302, 201], &[]),
        // A column or a row of tiles is declared that does not exist.
        (0, 100, [301, 200], &[]),
        (0, 100, [302, 201], &[]),
        (0, 100, [301, 200], &["--tiles", "canonical"]),
        (2, 100, [301, 202], &["--tiles", "canonical"]),
        // A region that reaches beyond the edge is refused.
        (2, 64, [301, 200], &[]),
        (2, 64, [302, 202], &[]),
    ];
    for (level, tile, declared, more) in cases {
        let real = Origin {
            cap: (level > 0).then_some(120),
            tile,
            ..Origin::default()
        };
        let info = Origin {
            width: declared[0],
            height: declared[1],
            level,
            declared: true,
            ..real.clone()
        };
        let served = real.clone();
        let server = Server::start(move |request, _| {
            if request.path.ends_with("/info.json") {
                return info.answer(request);
            }
            let parts: Vec<&str> = request.path.split('/').collect();
            let numbers: Vec<u32> = parts[3].split(',').filter_map(|n| n.parse().ok()).collect();
            let [x, y, w, h] = numbers[..] else {
                return served.answer(request);
            };
            let is_inside = x < served.width && y < served.height;
            let is_named = [w, h] == [tile.min(info.width - x), tile.min(info.height - y)];
            let reaches_out = x + w > served.width || y + h > served.height;
            match level {
                0 if !is_inside || !is_named || parts[4] != format!("{w},") => Answer::Status(404),
                0 => served.answer(&Arrived {
                    path: format!("/iiif/a/{}/full/0/{}", parts[3], parts[6]),
                    ..request.clone()
                }),
                _ if reaches_out => Answer::Status(400),
                _ => served.answer(request),
            }
        });
        let work = one_of(service("a", server.url("/iiif/a"), 2));
        let asked: Vec<&str> = ["--format", "png"].iter().chain(more).copied().collect();
        let ran = work.run("download", &args(&asked));
        let what = format!("level {level}, tiles of {tile}, {declared:?}");
        assert_eq!(
            ran.output.status.code(),
            Some(0),
            "{what}: {}",
            ran.stderr()
        );
        ran.says(&["the image has 300 x 200"]);
        is_the_picture(&work, "a", &real);
    }
}

#[test]
fn files_made_beforehand_are_found_however_they_are_declared() {
    let info = |more: Value| {
        let mut info = json!({"@context": "http://iiif.io/api/image/3/context.json", "id": "x", "type": "ImageService3",
                              "protocol": "http://iiif.io/api/image", "profile": "level0", "width": 300, "height": 200});
        info.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        info
    };
    let origin = Origin {
        level: 0,
        version: 3,
        both_sides: true,
        ..Origin::default()
    };
    let whole = || recto_testkit::dataset::picture(300, 200, 1, image::ImageFormat::Jpeg);
    // What info.json says more; the requests that are answered with the whole image; whether tiles are.
    let cases = [
        (
            json!({"tiles": {"width": 64, "scaleFactors": [1]}}),
            "/nothing/",
            true,
        ),
        (
            json!({"height": 201, "sizes": [{"width": 300, "height": 200}]}),
            "/full/300,200/",
            false,
        ),
        (
            json!({"tiles": [{"width": 64, "scaleFactors": [1]}]}),
            "/full/max/",
            false,
        ),
    ];
    for (more, whole_at, has_tiles) in cases {
        let (declared, origin) = (info(more.clone()), origin.clone());
        let server = Server::start(move |request, _| match &*request.path {
            path if path.ends_with("info.json") => {
                Answer::Serve(declared.to_string().into(), "application/json")
            }
            path if path.contains(whole_at) => Answer::Serve(whole(), "image/jpeg"),
            _ if has_tiles => origin.answer(request),
            _ => Answer::Status(404),
        });
        let work = one_of(service("a", server.url("/iiif/a"), 3));
        work.run("download", &args(&["--format", "png"])).exits(0);
        assert_eq!(
            work.json("image_map.json").as_object().unwrap().len(),
            1,
            "{more}"
        );
    }
}

#[test]
fn a_server_that_begins_to_answer_smaller_is_followed() {
    let origin = Origin {
        width: 512,
        height: 512,
        cap: Some(128),
        ..Origin::default()
    };
    let smaller = Origin {
        cap: Some(64),
        ..origin.clone()
    };
    let regions = AtomicUsize::new(0);
    let server = Server::start(move |request, _| {
        let is_region =
            !request.path.ends_with("info.json") && !request.path.contains("/full/full/");
        match is_region && regions.fetch_add(1, Ordering::Relaxed) > 6 {
            true => smaller.answer(request),
            false => origin.answer(request),
        }
    });
    let work = one_of(service("a", server.url("/iiif/a"), 2));
    work.run(
        "download",
        &args(&["--format", "png", "-j", "1", "--per-host", "1"]),
    )
    .exits(0);
}
