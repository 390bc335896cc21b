//! Regions joined without decoding them, and what becomes of those that do not go together.

use super::*;

/// A level 0 service: only its tiles, as JPEG of a quality that may depend on the place.
fn tiled(tile: u32, quality: fn(u32) -> u8) -> Server {
    let origin = Origin {
        level: 0,
        tile,
        ..Origin::default()
    };
    Server::start(move |request, _| {
        let Answer::Serve(bytes, kind) = origin.answer(request) else {
            return Answer::Status(404);
        };
        if kind != "image/jpeg" {
            return Answer::Serve(bytes, kind);
        }
        let place: Vec<&str> = request.path.split('/').collect();
        let x = place[3].split(',').next().unwrap().parse().unwrap();
        Answer::Serve(tile_of(&origin, place[3], quality(x)), kind)
    })
}

fn tile_of(origin: &Origin, region: &str, quality: u8) -> Vec<u8> {
    let numbers: Vec<u32> = region.split(',').map(|n| n.parse().unwrap()).collect();
    let [x, y, w, h] = numbers[..] else {
        panic!("{region}")
    };
    let picture = image::RgbImage::from_fn(w, h, |i, j| image::Rgb((origin.paint)(x + i, y + j)));
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality);
    encoder.encode_image(&picture).unwrap();
    bytes
}

fn fetched(server: &Server, more: &[&str], code: i32) -> Workdir {
    let work = Workdir::new();
    let images = set(vec![service("a", server.url("/iiif/a"), 2)]);
    work.write_json("localizations.json", &images);
    work.run("download", &args(more)).exits(code);
    work
}

/// The picture, beside the regions decoded one by one: with full chroma there is nothing between them to differ in.
fn is_the_mosaic(work: &Workdir, tile: u32, quality: fn(u32) -> u8) {
    let origin = Origin::default();
    let path = work.json("image_map.json")["a"]
        .as_str()
        .unwrap()
        .to_owned();
    let found = recto::pixels::decode(&work.read(&path), 100_000)
        .unwrap()
        .into_rgb8();
    assert_eq!(found.dimensions(), (origin.width, origin.height));
    for y in (0..origin.height).step_by(tile as usize) {
        for x in (0..origin.width).step_by(tile as usize) {
            let (w, h) = (tile.min(origin.width - x), tile.min(origin.height - y));
            let region = tile_of(&origin, &format!("{x},{y},{w},{h}"), quality(x));
            let wanted = image::load_from_memory(&region).unwrap().into_rgb8();
            let part = image::imageops::crop_imm(&found, x, y, w, h).to_image();
            assert!(part == wanted, "{x},{y}");
        }
    }
}

#[test]
fn regions_that_go_together_become_one_jpeg_with_the_very_same_pixels() {
    let server = tiled(64, |_| 85);
    for mode in [&[][..], &["--lossless", "require"], &["--format", "jpg"]] {
        let work = fetched(&server, mode, 0);
        let line = &journal(&work)[0];
        assert_eq!(
            (&line["method"], &line["regions"]),
            (&json!("joined"), &json!(20))
        );
        is_the_mosaic(&work, 64, |_| 85);
    }
    let work = fetched(&server, &["--lossless", "off"], 0);
    assert_eq!(journal(&work)[0]["method"], "stitched");
    // What cannot be lossless is known from the first region.
    let before = server.log().len();
    fetched(&server, &["--lossless", "require", "--format", "png"], 3);
    assert!(
        server.log().len() - before <= 4,
        "{}",
        server.log().len() - before
    );
}

#[test]
fn regions_of_differing_tables_become_the_tiles_of_a_tiff() {
    let quality = |x: u32| if x == 0 { 95 } else { 60 };
    let server = tiled(64, quality);
    let work = fetched(&server, &["--lossless", "require"], 0);
    let line = &journal(&work)[0];
    assert_eq!(
        (&line["method"], &line["media_type"]),
        (&json!("tiled"), &json!("image/tiff"))
    );
    is_the_mosaic(&work, 64, quality);
    // Who asks for JPEG gets JPEG, or a failure.
    let work = fetched(&server, &["--format", "jpg"], 0);
    let line = &journal(&work)[0];
    assert_eq!(
        (&line["method"], &line["media_type"]),
        (&json!("stitched"), &json!("image/jpeg"))
    );
    assert!(line["notes"][0].as_str().unwrap().contains("re-encoded"));
    let jpeg_only = ["--format", "jpg", "--lossless", "require"];
    let work = fetched(&server, &jpeg_only, 3);
    assert_eq!(rows(&work, "failures.csv")[0][3], "unsupported");
}

#[test]
fn regions_that_do_not_go_together_are_encoded_anew_or_a_failure_as_asked() {
    // Tiles of 100 pixels end within a block of 8.
    let server = tiled(100, |_| 85);
    let work = fetched(&server, &[], 0);
    let line = &journal(&work)[0];
    assert_eq!(line["method"], "stitched");
    let note = line["notes"][0].as_str().unwrap();
    assert!(
        note.contains("decoded and re-encoded") && note.contains("multiple of 8"),
        "{note}"
    );
    let work = fetched(&server, &["--lossless", "require"], 3);
    let row = &rows(&work, "failures.csv")[0];
    assert_eq!(row[3], "unsupported");
    assert!(row[6].starts_with("--lossless require: "), "{}", row[6]);
    let work = fetched(&server, &["--lossless", "require", "--max-width", "100"], 3);
    assert!(rows(&work, "failures.csv")[0][6].contains("size is smaller"));
}

#[test]
fn a_jpeg_whose_end_was_forged_is_not_whole() {
    // Cut in mid-scan, and closed with an end marker as some proxies do.
    let whole = jpeg(7);
    let forged = [&whole[..whole.len() - 60], &[0xff, 0xd9]].concat();
    let server = Server::start(move |_, before| match before {
        0 => Answer::Serve(forged.clone(), "image/jpeg"),
        _ => Answer::Serve(whole.clone(), "image/jpeg"),
    });
    let work = Workdir::new();
    work.write_json(
        "localizations.json",
        &set(vec![plain("a", server.url("/a.jpg"))]),
    );
    work.run("download", &args(&[])).exits(0);
    assert_eq!(server.hits("/a.jpg"), 2);
    let path = work.json("image_map.json")["a"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(work.read(&path), jpeg(7));
}
