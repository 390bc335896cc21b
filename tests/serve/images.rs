//! The Image API: what is answered, what is refused, and with which headers.

use serde_json::json;

use crate::running::{Serving, folder, picture};

#[test]
fn pictures_are_cut_scaled_turned_and_coloured() {
    let work = folder();
    let server = Serving::start(&work, &["pictures"]);
    // (request, size of the answer)
    let cases = [
        ("3/a/full/max/0/default.png", (200, 100)),
        ("2/a/full/full/0/default.png", (200, 100)),
        ("3/a.png/full/max/0/default.jpg", (200, 100)),
        ("3/in%20b%2Fc/full/400,/0/color.jpg", (400, 300)),
        ("2/a/square/50,/0/default.jpg", (50, 50)),
        ("3/a/pct:0,0,50,50/max/90/default.png", (50, 100)),
        ("3/a/full/%2150,50/0/gray.png", (50, 25)),
    ];
    for (path, size) in cases {
        let image = server.image(&format!("/iiif/{path}"));
        assert_eq!((image.width(), image.height()), size, "{path}");
    }
    let part = server
        .image("/iiif/3/a/30,40,20,10/max/0/default.png")
        .to_rgb8();
    assert_eq!(part.get_pixel(0, 0).0, [30, 40, 90]);
    assert_eq!(
        server
            .image("/iiif/3/a/full/max/0/gray.png")
            .color()
            .channel_count(),
        1
    );
}

#[test]
fn what_cannot_be_had_is_refused_with_status_and_reason() {
    let work = folder();
    work.write("secret.png", picture(3, 3));
    let server = Serving::start(&work, &["pictures"]);
    let cases = [
        ("GET", "/iiif/3/b/info.json", 404, "no image is called `b`"),
        (
            "GET",
            "/iiif/3/..%2Fsecret/info.json",
            404,
            "no image is called",
        ),
        (
            "GET",
            "/iiif/3/..%2Fsecret.png/full/max/0/default.png",
            404,
            "no image is called",
        ),
        (
            "GET",
            "/iiif/3/a/full/full/0/default.jpg",
            400,
            "size is `full`",
        ),
        ("GET", "/iiif/3/a/full/max/0", 400, "region/size/rotation"),
        (
            "GET",
            "/iiif/3/a/full/pct:100.0001/0/default.png",
            400,
            "`^` is needed to enlarge",
        ),
        (
            "GET",
            "/iiif/3/a/full/201,/0/default.jpg",
            400,
            "`^` is needed",
        ),
        (
            "GET",
            "/iiif/3/a/300,0,1,1/max/0/default.jpg",
            400,
            "outside 200 x 100",
        ),
        ("GET", "/iiif/3/a/full/max/0/default.jp2", 501, "jp2"),
        (
            "GET",
            "/iiif/3/a/full/^99999,/0/default.jpg",
            400,
            "the limit is 100000000 pixels",
        ),
        (
            "GET",
            "/iiif/3/a/full/max/0/default.jpg%00",
            400,
            "format is",
        ),
        ("GET", "/iiif/3/a%00/info.json", 404, "no image is called"),
        (
            "GET",
            "/iiif/3/%252e%252e%252fsecret/info.json",
            404,
            "no image is called",
        ),
        (
            "GET",
            "/iiif/3/a/99999999999,0,1,1/max/0/default.jpg",
            400,
            "region is",
        ),
        ("GET", "/iiif/3/%ff/info.json", 400, "UTF-8"),
        (
            "GET",
            "/iiif/presentation/3/none/manifest.json",
            404,
            "no such document",
        ),
        ("GET", "/elsewhere", 404, "nothing is here"),
        (
            "POST",
            "/iiif/3/a/info.json",
            405,
            "POST is not supported here",
        ),
    ];
    for (method, path, status, says) in cases {
        let got = server.ask(method, path, "");
        let body = String::from_utf8_lossy(&got.body).into_owned();
        assert_eq!(got.status, status, "{path}: {body}");
        assert!(body.contains(says), "{path}: {body}");
        assert_eq!(got.headers["access-control-allow-origin"], "*", "{path}");
    }
}

#[test]
fn info_names_the_picture_and_the_base_leads_to_it() {
    let work = folder();
    let server = Serving::start(&work, &["pictures"]);
    let redirect = server.get("/iiif/3/in%20b%2Fc");
    assert_eq!(
        (redirect.status, redirect.headers["location"].as_str()),
        (303, "http://pictures.example/iiif/3/in%20b%2Fc/info.json")
    );
    let info = server.json("/iiif/3/in%20b%2Fc/info.json");
    assert_eq!(info["id"], "http://pictures.example/iiif/3/in%20b%2Fc");
    assert_eq!(
        (&info["width"], &info["height"], &info["type"]),
        (&json!(1600), &json!(1200), &json!("ImageService3"))
    );
    assert_eq!(info.get("maxWidth"), None);
    let info = server.json("/iiif/2/a/info.json");
    assert_eq!(
        (&info["@id"], &info["profile"][0]),
        (
            &json!("http://pictures.example/iiif/2/a"),
            &json!("http://iiif.io/api/image/2/level2.json")
        )
    );
    let plain = server.get("/iiif/2/a/info.json");
    let linked = server.ask(
        "GET",
        "/iiif/2/a/info.json",
        "accept: application/ld+json\r\n",
    );
    assert_eq!(
        (
            &*plain.headers["content-type"],
            &*linked.headers["content-type"]
        ),
        ("application/json", "application/ld+json")
    );
    let head = server.ask("HEAD", "/iiif/3/a/full/max/0/default.png", "");
    assert_eq!(
        (head.status, head.body.len(), &*head.headers["content-type"]),
        (200, 0, "image/png")
    );
}

#[test]
fn max_size_is_declared_and_held_unless_it_is_a_secret() {
    let work = folder();
    let server = Serving::start(&work, &["pictures", "--max-size", "1000"]);
    assert_eq!(
        server.json("/iiif/3/in%20b%2Fc/info.json")["maxWidth"],
        1000
    );
    assert_eq!(
        server.json("/iiif/2/in%20b%2Fc/info.json")["profile"][1]["maxWidth"],
        1000
    );
    assert_eq!(
        server
            .get("/iiif/2/in%20b%2Fc/full/full/0/default.jpg")
            .status,
        400
    );
    assert_eq!(
        server
            .image("/iiif/3/in%20b%2Fc/full/max/0/default.jpg")
            .width(),
        1000
    );
    let server = Serving::start(
        &work,
        &["pictures", "--max-size", "1000", "--undeclared-limit"],
    );
    assert_eq!(
        server.json("/iiif/3/in%20b%2Fc/info.json").get("maxWidth"),
        None
    );
    for (size, width, height) in [
        ("full", 1000, 750),
        ("1600,1200", 1000, 1000),
        ("1600,", 1000, 750),
        ("800,600", 800, 600),
    ] {
        let image = server.image(&format!("/iiif/2/in%20b%2Fc/full/{size}/0/default.jpg"));
        assert_eq!((image.width(), image.height()), (width, height), "{size}");
    }
}

#[test]
fn every_format_quality_and_turn_is_what_info_says_it_is() {
    let work = folder();
    let server = Serving::start(&work, &["pictures"]);
    let info = server.json("/iiif/2/a/info.json");
    let offered = |name: &str| -> Vec<String> {
        serde_json::from_value(info["profile"][1][name].clone()).unwrap()
    };
    assert_eq!(
        offered("formats"),
        ["jpg", "png", "tif", "gif", "pdf", "webp"]
    );
    for format in offered("formats") {
        let got = server.get(&format!("/iiif/2/a/full/full/0/default.{format}"));
        let media_type = match &*format {
            "jpg" => "image/jpeg".to_owned(),
            "tif" => "image/tiff".to_owned(),
            "pdf" => "application/pdf".to_owned(),
            other => format!("image/{other}"),
        };
        assert_eq!(
            (got.status, &got.headers["content-type"]),
            (200, &media_type)
        );
        match &*format {
            "pdf" => assert!(got.body.starts_with(b"%PDF-1.4")),
            _ => {
                let image = image::load_from_memory(&got.body).unwrap();
                assert_eq!((image.width(), image.height()), (200, 100), "{format}");
            }
        }
    }
    let info = server.json("/iiif/3/a/info.json");
    assert_eq!(info["extraFormats"], json!(["tif", "gif", "pdf", "webp"]));
    assert_eq!(info["extraQualities"], json!(["color", "gray", "bitonal"]));
    let tones = server
        .image("/iiif/3/a/full/max/0/bitonal.png")
        .to_luma8()
        .into_raw();
    assert!(tones.iter().all(|tone| [0, 255].contains(tone)) && tones.contains(&0));
    // 200 cos 30 + 100 sin 30 = 223.2, 200 sin 30 + 100 cos 30 = 186.6
    let turned = server.image("/iiif/3/a/full/max/!30/default.png");
    assert_eq!((turned.width(), turned.height()), (224, 187));
    assert_eq!(turned.to_rgba8().get_pixel(0, 0).0[3], 0);
    let larger = server.image("/iiif/3/a/10,10,20,10/^60,/0/default.png");
    assert_eq!((larger.width(), larger.height()), (60, 30));
    let larger = server.image("/iiif/2/a/10,10,20,10/60,/0/default.png");
    assert_eq!((larger.width(), larger.height()), (60, 30));
}

#[test]
fn what_a_client_holds_is_not_sent_again_until_the_file_changes() {
    let work = folder();
    let server = Serving::start(&work, &["pictures", "--max-age", "77"]);
    for path in [
        "/iiif/3/a/full/max/0/default.png",
        "/iiif/3/a/info.json",
        "/iiif/presentation/3/collection.json",
    ] {
        let etag = server.get(path).headers["etag"].clone();
        let again = |held: &str| server.ask("GET", path, &format!("if-none-match: {held}\r\n"));
        for held in [&*etag, "*", &format!("W/{etag}"), &format!("\"x\", {etag}")] {
            let got = again(held);
            assert_eq!((got.status, got.body.len()), (304, 0), "{path} {held}");
            assert_eq!(got.headers["etag"], etag);
        }
        assert_eq!(again("\"x\"").status, 200, "{path}");
    }
    let path = "/iiif/3/a/full/max/0/default.png";
    let before = server.get(path);
    assert_eq!(before.headers["cache-control"], "public, max-age=77");
    // Spelled otherwise, the same answer; as another version, its own canonical URI.
    let other = server.get("/iiif/2/a/0,0,200,100/pct:100/360/default.png");
    assert_eq!(other.headers["etag"], before.headers["etag"]);
    assert_eq!(
        other.headers["link"],
        "<http://iiif.io/api/image/2/level2.json>;rel=\"profile\",<http://pictures.example/iiif/2/a/full/full/0/default.png>;rel=\"canonical\""
    );
    work.write("pictures/a.png", picture(60, 50));
    let held = format!("if-none-match: {}\r\n", before.headers["etag"]);
    let after = server.ask("GET", path, &held);
    assert_eq!(after.status, 200);
    assert_eq!(image::load_from_memory(&after.body).unwrap().width(), 60);
    assert_eq!(server.json("/iiif/3/a/info.json")["height"], 50);
    std::fs::remove_file(work.path("pictures/a.png")).unwrap();
    assert_eq!(server.get(path).status, 404);
}

#[test]
fn browsers_elsewhere_may_ask() {
    let work = folder();
    let server = Serving::start(&work, &["pictures"]);
    let preflight = "origin: http://viewer.example\r\naccess-control-request-method: GET\r\naccess-control-request-headers: x-a\r\n";
    let got = server.ask("OPTIONS", "/iiif/3/a/info.json", preflight);
    assert_eq!((got.status, got.body.len()), (204, 0));
    assert_eq!(got.headers["access-control-allow-origin"], "*");
    assert!(got.headers["access-control-allow-methods"].contains("GET"));
    // `*` alone leaves Authorization out.
    let allowed = &got.headers["access-control-allow-headers"];
    assert!(
        allowed.contains("authorization, ") && allowed.ends_with(", *"),
        "{allowed}"
    );
    let got = server.get("/iiif/3/a/full/max/0/default.jpg");
    assert_eq!(got.headers["access-control-allow-origin"], "*");
    assert!(got.headers["access-control-expose-headers"].contains("link"));
}

#[test]
fn documents_come_as_json_or_as_linked_data() {
    let work = folder();
    let server = Serving::start(&work, &["pictures"]);
    let linked_3 = "application/ld+json;profile=\"http://iiif.io/api/image/3/context.json\"";
    let cases = [
        ("/iiif/2/a/info.json", "*/*", "application/json"),
        (
            "/iiif/2/a/info.json",
            "application/ld+json",
            "application/ld+json",
        ),
        ("/iiif/3/a/info.json", "*/*", linked_3),
        ("/iiif/3/a/info.json", "application/ld+json", linked_3),
        (
            "/iiif/3/a/info.json",
            "application/json",
            "application/json",
        ),
    ];
    for (path, accept, media_type) in cases {
        let got = server.ask("GET", path, &format!("accept: {accept}\r\n"));
        assert_eq!(got.headers["content-type"], media_type, "{path} {accept}");
        assert_eq!(got.headers["vary"], "accept, accept-encoding");
    }
}

#[test]
fn identifiers_of_other_systems_are_found_as_they_are_spelled() {
    let work = folder();
    let ids = [
        "bucket:1:in b/c.png",
        "https://other.example/iiif/x",
        "ä 100%",
    ];
    let image = |id: &str| json!({"id": id, "image": {}, "group": "g", "source": {"kind": "x"}});
    work.write_json(
        "set.json",
        &json!({"contract": "recto/localizations", "version": 1, "images": ids.map(image)}),
    );
    let files: serde_json::Map<_, _> = ids
        .iter()
        .map(|id| ((*id).to_owned(), json!("pictures/a.png")))
        .collect();
    work.write_json("image_map.json", &files.into());
    let server = Serving::start(&work, &["set.json"]);
    let cases = [
        ("bucket:1:in%20b%2Fc.png", "bucket:1:in%20b%2Fc.png"),
        ("bucket%3A1%3Ain%20b%2fc.png", "bucket:1:in%20b%2Fc.png"),
        (
            "https:%2F%2Fother.example%2Fiiif%2Fx",
            "https:%2F%2Fother.example%2Fiiif%2Fx",
        ),
        ("%C3%A4%20100%25", "%C3%A4%20100%25"),
    ];
    for (spelled, id) in cases {
        let info = server.json(&format!("/iiif/3/{spelled}/info.json"));
        assert_eq!(info["id"], format!("http://pictures.example/iiif/3/{id}"));
        assert_eq!(
            server
                .image(&format!("/iiif/3/{spelled}/full/max/0/default.jpg"))
                .width(),
            200
        );
    }
    // A proxy may have decoded the slashes: what they end in says where the identifier ends.
    let info = server.json("/iiif/3/bucket:1:in%20b/c.png/info.json");
    let id = "http://pictures.example/iiif/3/bucket:1:in%20b%2Fc.png";
    assert_eq!(info["id"], id);
}

#[test]
fn limits_on_pixels_hold_and_are_told_where_they_matter() {
    let work = folder();
    let server = Serving::start(&work, &["pictures", "--max-pixels", "30000"]);
    assert_eq!(server.json("/iiif/3/a/info.json").get("maxArea"), None);
    let info = server.json("/iiif/3/in%20b%2Fc/info.json");
    assert_eq!(info["maxArea"], 30_000);
    let all = server.image("/iiif/3/in%20b%2Fc/full/max/0/default.jpg");
    assert_eq!((all.width(), all.height()), (200, 150));
    for size in info["sizes"].as_array().unwrap() {
        let (w, h) = (&size["width"], &size["height"]);
        let got = server.get(&format!("/iiif/3/in%20b%2Fc/full/{w},{h}/0/default.jpg"));
        assert_eq!(got.status, 200, "{size}");
    }
    let tile = &info["tiles"][0]["width"];
    let got = server.get(&format!(
        "/iiif/3/in%20b%2Fc/0,0,{tile},{tile}/max/0/default.jpg"
    ));
    assert_eq!(
        image::load_from_memory(&got.body)
            .unwrap()
            .width()
            .to_string(),
        tile.to_string()
    );
    assert_eq!(
        server
            .get("/iiif/3/in%20b%2Fc/full/400,/0/default.jpg")
            .status,
        400
    );
    assert_eq!(
        server.get("/iiif/3/a/full/^400,200/0/default.jpg").status,
        400
    );
}

#[test]
fn a_box_above_the_region_is_answered_unless_told_to_be_strict() {
    let work = folder();
    let path = "/iiif/3/a/full/!2000,3000/0/default.jpg";
    let server = Serving::start(&work, &["pictures"]);
    assert_eq!(server.image(path).width(), 200);
    let server = Serving::start(&work, &["pictures", "--strict-within"]);
    assert_eq!(server.get(path).status, 400);
    assert_eq!(
        server
            .image("/iiif/3/a/full/^!400,400/0/default.jpg")
            .width(),
        400
    );
    assert_eq!(
        server
            .image("/iiif/2/a/full/!2000,3000/0/default.jpg")
            .width(),
        200
    );
}

#[test]
fn whoever_wants_one_state_of_an_image_gets_no_part_of_another() {
    let work = folder();
    let server = Serving::start(&work, &["pictures"]);
    let path = "/iiif/3/a/full/max/0/default.png";
    let first = server.get(path);
    let (tag, date) = (&first.headers["etag"], &first.headers["last-modified"]);
    let long_ago = "Mon, 01 Jan 2001 00:00:00 GMT";
    let cases = [
        (format!("if-match: {tag}"), 206),
        (format!("if-match: \"x\", {tag}"), 206),
        ("if-match: *".into(), 206),
        ("if-match: \"x\"".into(), 412),
        (
            format!("if-match: {tag}\r\nif-unmodified-since: {long_ago}"),
            206,
        ),
        (format!("if-unmodified-since: {date}"), 206),
        (
            "if-unmodified-since: Tue, 01 Jan 2999 00:00:00 GMT".into(),
            206,
        ),
        (format!("if-unmodified-since: {long_ago}"), 412),
        ("if-unmodified-since: yesterday".into(), 206),
    ];
    for (header, status) in cases {
        let headers = format!("{header}\r\nrange: bytes=0-9\r\n");
        assert_eq!(server.ask("GET", path, &headers).status, status, "{header}");
    }
    for unit in ["bytes", "Bytes", "BYTES"] {
        let part = server.ask("GET", path, &format!("range: {unit}=0-9\r\n"));
        assert_eq!((part.status, part.body.len()), (206, 10), "{unit}");
    }
    let info = "if-match: \"x\"\r\n";
    assert_eq!(server.ask("GET", "/iiif/3/a/info.json", info).status, 412);
    assert_eq!(
        server.ask("HEAD", path, "").headers["accept-ranges"],
        "bytes"
    );
}

/// An animated WebP of two frames, each the same picture without loss.
fn animated_webp(width: u8, height: u8) -> Vec<u8> {
    let image = image::RgbImage::new(width.into(), height.into());
    let mut still = std::io::Cursor::new(Vec::new());
    image
        .write_to(&mut still, image::ImageFormat::WebP)
        .unwrap();
    let chunk = |name: &[u8], body: &[u8]| {
        let padding = &[0][..body.len() % 2];
        [name, &(body.len() as u32).to_le_bytes(), body, padding].concat()
    };
    let size = [width - 1, 0, 0, height - 1, 0, 0];
    let head = chunk(b"VP8X", &[&[2, 0, 0, 0][..], &size].concat());
    let animation = chunk(b"ANIM", &[0; 6]);
    // Where it stands, its size, its duration and how it is laid over the one before; then its pixels.
    let place = [&[0; 6][..], &size, &[10, 0, 0, 0]].concat();
    let frame = chunk(b"ANMF", &[&place, &still.get_ref()[12..]].concat());
    let all = [&b"WEBP"[..], &head, &animation, &frame, &frame].concat();
    chunk(b"RIFF", &all)
}

#[test]
fn what_is_passed_over_or_shown_in_part_is_told_at_the_start() {
    let work = folder();
    let small = picture(4, 4);
    let unread = [
        "x.mpo",
        "x.eps",
        "x.pcx",
        "x.dcm",
        "x.fits",
        "x.jph",
        "x.qoi",
        "x.mrxs",
        "x.xcf",
        "x.jpg_large",
        "x.PNG:orig",
    ];
    for name in unread {
        work.write(&format!("pictures/{name}"), &small);
    }
    work.write("pictures/notes.txt", "no image")
        .write("pictures/x.json", "{}");
    let mut gif = Vec::new();
    let frame = || image::Frame::new(image::RgbaImage::new(4, 4));
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut gif);
    encoder.encode_frames((0..3).map(|_| frame())).unwrap();
    drop(encoder);
    let control = [&b"acTL"[..], &[0, 0, 0, 5, 0, 0, 0, 0]].concat();
    let mut sum = flate2::Crc::new();
    sum.update(&control);
    let sum = sum.sum().to_be_bytes();
    let apng = [&small[..33], &[0, 0, 0, 8], &control, &sum, &small[33..]].concat();
    work.write("pictures/m.gif", gif)
        .write("pictures/m.png", apng)
        .write("pictures/m.webp", animated_webp(4, 4));
    let server = Serving::start(&work, &["pictures"]);
    for name in ["m.gif", "m.png", "m.webp"] {
        assert_eq!(
            server.json(&format!("/iiif/3/{name}/info.json"))["width"],
            4
        );
    }
    let (_, _, said) = server.stop();
    for name in unread {
        let why = format!("left out {name}: files of type .");
        assert!(said.contains(&why), "{name}: {said}");
    }
    let frames =
        "3 files have several frames, of which the first is served (m.gif: 3; m.png: 5; m.webp: 2)";
    assert!(said.contains(frames), "{said}");
    assert!(
        !said.contains("a.png:") && !said.contains("notes.txt"),
        "{said}"
    );
}
