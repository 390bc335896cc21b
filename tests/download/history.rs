//! What one run leaves for the next: caps, packs, the journal, half a file; and what it must not believe.

use super::*;

/// A JPEG of 48 × 32 whose EXIF asks for a turn.
fn turned(orientation: u8) -> Vec<u8> {
    let jpeg = jpeg(9);
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

#[test]
fn a_turn_that_exif_asks_for_stays_a_word_of_the_file_so_that_boxes_stay_on_their_pixels() {
    for orientation in 2..=8 {
        let stored = turned(orientation);
        let body = stored.clone();
        let server = Server::start(move |_, _| Answer::Serve(body.clone(), "image/jpeg"));
        for options in [
            &["--format", "keep"][..],
            &["--format", "png"],
            &["--format", "tif"],
            &["--max-width", "24"],
        ] {
            let work = Workdir::new();
            let images = set(vec![plain("a", server.url("/a.jpg"))]);
            work.write_json("localizations.json", &images);
            work.run("download", &args(options)).exits(0);
            let bytes = file(&work, "a");
            let header = recto::pixels::measure_bytes(&bytes).unwrap();
            let size = if options[0] == "--max-width" {
                [24, 16]
            } else {
                [48, 32]
            };
            assert_eq!([header.width, header.height], size, "{options:?}");
            assert_eq!(header.orientation, orientation, "{options:?}");
            if ["png", "tif"].contains(&options[1]) {
                let found = recto::pixels::decode(&bytes, 1 << 20).unwrap().into_rgb8();
                let wanted = image::load_from_memory(&stored).unwrap().into_rgb8();
                assert!(found == wanted, "{options:?} {orientation}");
            }
        }
    }
}

#[test]
fn a_cap_is_remembered_from_run_to_run() {
    let origin = Origin {
        cap: Some(128),
        ..Origin::default()
    };
    let served = origin.clone();
    let server = Server::start(move |request, _| served.answer(request));
    let image = |id: &str| service(id, server.url(&format!("/iiif/{id}")), 2);
    let work = Workdir::new();
    // One image says nothing about the others.
    work.write_json("localizations.json", &set(vec![image("a"), image("c")]));
    work.run("download", &args(&["--format", "png"])).exits(0);
    let whole = |id: &str| format!("/iiif/{id}/full/full/0/default.png");
    assert!(server.hits(&whole("a")) > 0, "the cap had to be found out");
    work.write_json(
        "localizations.json",
        &set(vec![image("a"), image("b"), image("c")]),
    );
    work.run("download", &args(&["--format", "png"])).exits(0);
    assert_eq!(server.hits(&whole("b")), 0);
    is_the_picture(&work, "b", &origin);
}

#[test]
fn a_part_of_another_file_is_never_joined_to_the_one_begun() {
    let (old, new) = (jpeg(3), jpeg(4));
    assert_eq!(old.len(), new.len(), "only the tag tells them apart");
    // (what the server says of the part it answers, status of that answer)
    let span = |from: usize, whole: usize| format!("bytes {from}-{}/{whole}", whole - 1);
    let length = new.len();
    let cases = [
        ("another tag", "\"v2\"", span(300, length)),
        ("another place", "\"v1\"", span(200, length)),
        ("another length", "\"v1\"", span(300, length + 7)),
    ];
    for (name, tag, span) in cases {
        let (begun, answered) = (old.clone(), new.clone());
        let server = Server::start(move |request, before| {
            let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            match request.headers.contains_key("range") {
                _ if before == 0 => {
                    Answer::FullCut(200, vec![header("etag", "\"v1\"")], begun.clone(), 300)
                }
                true => {
                    let headers = vec![header("etag", tag), header("content-range", &span)];
                    Answer::Full(206, headers, answered[300..].to_vec())
                }
                false => Answer::Full(200, vec![header("etag", "\"v2\"")], answered.clone()),
            }
        });
        let work = Workdir::new();
        let images = set(vec![plain("a", server.url("/a.jpg"))]);
        work.write_json("localizations.json", &images);
        work.run("download", &args(&[])).exits(0);
        let path = work.json("image_map.json")["a"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(work.read(&path) == new, "{name}");
    }
}

#[test]
fn regions_of_a_picture_that_was_replaced_are_not_joined_to_its_successor() {
    fn other(x: u32, y: u32) -> [u8; 3] {
        pixel(y, x)
    }
    let origin = |width: u32, paint: fn(u32, u32) -> [u8; 3]| Origin {
        width,
        height: 128,
        cap: Some(64),
        declared: true,
        paint,
        ..Origin::default()
    };
    let replaced = Arc::new(Mutex::new(false));
    let is_replaced = replaced.clone();
    let server = Server::start(move |request, _| {
        let now = *is_replaced.lock().unwrap();
        match now {
            true => origin(130, pixel).answer(request),
            false if request.path.contains("/64,64,") => Answer::Status(500),
            false => origin(128, other).answer(request),
        }
    });
    let work = Workdir::new();
    let images = set(vec![service("a", server.url("/iiif/a"), 2)]);
    work.write_json("localizations.json", &images);
    let png = ["--format", "png", "--retries", "0"];
    work.run("download", &args(&png)).exits(75);
    *replaced.lock().unwrap() = true;
    work.run("download", &args(&png)).exits(0);
    is_the_picture(&work, "a", &origin(130, pixel));
}

#[test]
fn a_region_that_sticks_out_is_a_failure_and_never_clipped() {
    let origin = Origin::default();
    let server = Server::start(move |request, _| origin.answer(request));
    let mut image = service("a", server.url("/iiif/a"), 2);
    image["image"]["service"]["region"] = json!([200, 100, 101, 50]);
    let work = Workdir::new();
    work.write_json("localizations.json", &set(vec![image]));
    work.run("download", &args(&[])).exits(3);
    let row = &rows(&work, "failures.csv")[0];
    assert_eq!(row[3], "info");
    assert!(row[6].contains("region 200,100,101,50 extends beyond the image of 300 x 200"));
}

#[test]
fn what_cannot_be_fetched_anew_stays_in_the_map() {
    let server = Server::start(|request, before| match request.path.as_str() {
        "/a.jpg" if before > 0 => Answer::Status(404),
        _ => Answer::Serve(jpeg(before as u8), "image/jpeg"),
    });
    let work = Workdir::new();
    let images = ["a", "b"].map(|id| plain(id, server.url(&format!("/{id}.jpg"))));
    work.write_json("localizations.json", &set(images.to_vec()));
    work.run("download", &args(&[])).exits(0);
    let before = work.read("image_map.json");
    work.run("download", &args(&["--overwrite"])).exits(3);
    assert_eq!(work.read("image_map.json"), before);
    assert_eq!(rows(&work, "failures.csv")[0][3], "not-found");
    let path = |id: &str| work.json("image_map.json")[id].as_str().unwrap().to_owned();
    assert_eq!(work.read(&path("a")), jpeg(0));
    assert_eq!(work.read(&path("b")), jpeg(1));
}

#[test]
fn a_journal_of_somebody_else_is_left_alone() {
    let theirs = "{\"name\": \"their.jpg\"}\n";
    for (content, line) in [(theirs.to_owned(), 1), (theirs.repeat(2), 1)] {
        let work = Workdir::new();
        work.write_json("localizations.json", &set(vec![]));
        work.write("images/downloads.jsonl", &content);
        work.run("download", &args(&[])).exits(1).says(&[&format!(
            "images/downloads.jsonl:{line}: not a line of a download journal"
        )]);
        assert_eq!(work.text("images/downloads.jsonl"), content);
    }
}

#[test]
fn no_group_takes_the_place_of_the_journal_or_of_work_under_way() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = Workdir::new();
    let images = ["downloads.jsonl", ".recto", "..", "a/../../b"];
    let images = images.iter().enumerate().map(|(i, group)| {
        let mut image = plain(&format!("i{i}"), server.url(&format!("/{i}.jpg")));
        image["group"] = json!(group);
        image
    });
    work.write_json("localizations.json", &set(images.collect()));
    work.run("download", &args(&[])).exits(0);
    assert_eq!(journal(&work).len(), 4);
    for line in journal(&work) {
        let path = line["path"].as_str().unwrap();
        assert!(work.exists(&format!("images/{path}")), "{path}");
        assert!(!path.starts_with('.') && !path.contains("../"), "{path}");
    }
}

#[test]
fn files_that_rotted_are_found_and_fetched_anew() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = one_of(plain("a", server.url("/a.jpg")));
    work.run("download", &args(&[])).exits(0);
    let path = work.json("image_map.json")["a"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut rotten = jpeg(1);
    rotten[400] ^= 1;
    work.write(&path, &rotten);
    work.run("download", &args(&[])).exits(0);
    assert_eq!(file(&work, "a"), rotten, "only its size is looked at");
    let ran = work.run("download", &args(&["--verify"]));
    ran.exits(0).says(&[
        "--verify: 0 of 1 file unchanged",
        "1 file altered and moved to images/.recto/altered: 1 downloaded again",
        &path[7..],
    ]);
    assert_eq!(file(&work, "a"), jpeg(1));
    let ran = work.run("download", &args(&["--verify"]));
    ran.exits(0).says(&["--verify: 1 file unchanged"]);
    assert_eq!(server.log().len(), 2);
}

#[test]
fn what_was_found_altered_is_not_believed_by_a_later_run() {
    let server = Server::start(|request, before| match (&*request.path, before) {
        ("/a.jpg", 1..) => Answer::Status(404),
        _ => Answer::Serve(jpeg(1), "image/jpeg"),
    });
    let names = ["a", "b", "c", "d"];
    let work = Workdir::new();
    let images = names.map(|id| plain(id, server.url(&format!("/{id}.jpg"))));
    work.write_json("localizations.json", &set(images.to_vec()));
    work.run("download", &args(&[])).exits(0);
    let path = |id: &str| work.json("image_map.json")[id].as_str().unwrap().to_owned();
    let (a, b, c) = (path("a"), path("b"), path("c"));
    let mut altered = jpeg(1);
    altered[400] ^= 1;
    work.write(&a, &altered);
    work.write(&b, b"");
    std::fs::remove_file(work.path(&c)).unwrap();
    let ran = work.run("download", &args(&["--verify"]));
    ran.exits(3).says(&[
        "--verify: 1 of 4 files unchanged",
        "2 files altered and moved to images/.recto/altered: 1 downloaded again",
        "1 file missing: 1 downloaded again",
    ]);
    for again in [&[][..], &["--overwrite"]] {
        assert_eq!(work.json("image_map.json").as_object().unwrap().len(), 3);
        assert_eq!(rows(&work, "failures.csv")[0][0], "a");
        work.run("download", &args(again)).exits(3);
    }
}

#[test]
fn a_journal_names_no_file_outside_its_folder() {
    let server = Server::start(|_, _| Answer::Serve(jpeg(1), "image/jpeg"));
    let work = one_of(plain("a", server.url("/a.jpg")));
    work.run("download", &args(&[])).exits(0);
    let journal = work.text("images/downloads.jsonl");
    let path = super::journal(&work)[0]["path"].clone();
    work.write("own.jpg", jpeg(2));
    let absolute = work.path("own.jpg").display().to_string();
    for other in ["../own.jpg", "a/../../own.jpg", &absolute] {
        let other = serde_json::to_string(other).unwrap();
        work.write(
            "images/downloads.jsonl",
            journal.replace(&path.to_string(), &other),
        );
        let told = "images/downloads.jsonl:1: path leaves the folder of the journal";
        for more in [&[][..], &["--verify"], &["--prune"]] {
            work.run("download", &args(more)).exits(1).says(&[told]);
        }
        work.run("shard", &["merge", "all", "images"])
            .exits(1)
            .says(&["path leaves the folder of the journal"]);
        assert_eq!(work.read("own.jpg"), jpeg(2));
    }
}
