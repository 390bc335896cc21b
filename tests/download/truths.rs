//! Small truths: how often was asked, what is left lying about, what is lost when a picture is encoded anew.

use super::*;

/// The packs that lie in the folder for work under way.
fn packs(work: &Workdir) -> usize {
    let tree = work.tree("images");
    tree.keys().filter(|name| name.ends_with(".pack")).count()
}

/// A server of pictures in regions of 64 pixels, of which one is not to be had.
fn with_a_hole(hole: &'static str) -> Server {
    let origin = Origin {
        width: 256,
        height: 192,
        cap: Some(64),
        declared: true,
        ..Origin::default()
    };
    Server::start(move |request, _| match request.path.contains(hole) {
        true => Answer::Status(500),
        false => origin.answer(request),
    })
}

#[test]
fn every_request_for_an_image_is_counted_those_for_regions_too() {
    for (hole, code) in [("/128,64,", 75), ("nothing of the kind", 0)] {
        let server = with_a_hole(hole);
        let work = one_of(service("a", server.url("/iiif/a"), 2));
        work.run("download", &args(&["--retries", "2"])).exits(code);
        let log = server.log();
        let asked = log.iter().filter(|r| r.path.starts_with("/iiif/")).count();
        let told = match code {
            0 => journal(&work)[0]["attempts"].to_string(),
            _ => rows(&work, "failures.csv")[0][5].clone(),
        };
        assert!(asked > 12, "{asked}");
        assert_eq!(told, asked.to_string(), "{hole}");
    }
}

#[test]
fn packs_are_kept_while_they_may_be_gone_on_with_and_then_removed() {
    let server = with_a_hole("/a/128,64,");
    let work = one_of(service("a", server.url("/iiif/a"), 2));
    work.run("download", &args(&["--retries", "0"])).exits(75);
    assert_eq!(packs(&work), 1, "for the next run");
    let images = set(vec![service("b", server.url("/iiif/b"), 2)]);
    work.write_json("localizations.json", &images);
    work.run("download", &args(&[])).exits(0);
    assert_eq!(packs(&work), 0, "nobody asks for it any more");
    assert!(work.exists("images/.recto/lock"));
}

#[test]
fn a_whole_picture_that_is_too_much_for_its_server_is_not_asked_for_to_the_last() {
    let origin = Origin {
        width: 300,
        height: 200,
        ..Origin::default()
    };
    for gives_regions in [true, false] {
        let origin = origin.clone();
        let server = Server::start(move |request, _| match &*request.path {
            path if path.ends_with("info.json") => origin.answer(request),
            path if path.contains("/full/") || path.contains("/0,0,300,200/") => {
                Answer::Status(500)
            }
            _ if gives_regions => origin.answer(request),
            _ => Answer::Status(404),
        });
        let work = one_of(service("a", server.url("/iiif/a"), 2));
        let code = if gives_regions { 0 } else { 75 };
        work.run("download", &args(&["--retries", "4"])).exits(code);
        let log = server.log();
        let whole = log.iter().filter(|r| r.path.contains("/full/full/"));
        assert_eq!(whole.count(), 2, "gives regions: {gives_regions}");
        if gives_regions {
            let notes = journal(&work)[0]["notes"].to_string();
            let told = notes.contains("(HTTP 500)") && notes.contains("covered by regions instead");
            assert!(told, "{notes}");
        } else {
            let row = &rows(&work, "failures.csv")[0];
            assert_eq!([&*row[3], &*row[4]], ["server", "500"], "{row:?}");
        }
    }
}

#[test]
fn a_picture_that_its_server_fails_at_is_not_asked_for_in_all_words_again_and_again() {
    for level in 0..=2 {
        let origin = Origin {
            level,
            tile: 64,
            ..Origin::default()
        };
        let server = Server::start(move |request, _| match &*request.path {
            path if path.ends_with("info.json") => origin.answer(request),
            _ => Answer::Status(500),
        });
        let work = one_of(service("a", server.url("/iiif/a"), 2));
        work.run("download", &args(&["--retries", "4"])).exits(75);
        let row = &rows(&work, "failures.csv")[0];
        assert_eq!([&*row[3], &*row[4]], ["server", "500"], "{row:?}");
        // The whole twice in its words, one region five times, and once each in other words.
        let asked = server.log().len() - server.hits("/iiif/a/info.json");
        assert!(asked <= 12, "level {level}: {asked}");
    }
}

/// What makes a profile one of RGB, and bytes that are its own.
fn profile() -> Vec<u8> {
    let mut profile: Vec<u8> = (0..200).collect();
    profile[16..20].copy_from_slice(b"RGB ");
    profile
}

/// A PNG of 16 bits a sample with alpha, and a profile.
fn deep() -> Vec<u8> {
    let mut info = png::Info::with_size(40, 30);
    info.color_type = png::ColorType::Rgba;
    info.bit_depth = png::BitDepth::Sixteen;
    info.icc_profile = Some(profile().into());
    let mut bytes = Vec::new();
    let encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    let samples: Vec<u8> = (0..40 * 30 * 8).map(|n| (n * 7 % 251) as u8).collect();
    writer.write_image_data(&samples).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn what_is_encoded_anew_keeps_its_profile_and_what_it_loses_is_told() {
    let server = Server::start(|_, _| Answer::Serve(deep(), "image/png"));
    for format in ["keep", "jpg", "tif"] {
        let work = one_of(plain("a", server.url("/a.png")));
        let ran = work.run("download", &args(&["--format", format]));
        ran.exits(0);
        let path = work.json("image_map.json")["a"]
            .as_str()
            .unwrap()
            .to_owned();
        let bytes = work.read(&path);
        assert_eq!(recto::pixels::icc(&bytes, 3), Some(profile()), "{format}");
        let notes = journal(&work)[0]["notes"].to_string();
        let lost = "re-encoded: 16 bits per sample were reduced to 8, alpha was dropped";
        assert_eq!(notes.contains(lost), format != "keep", "{format}: {notes}");
        if format != "keep" {
            ran.says(&["1 image lost alpha or bits beyond 8 per sample"]);
        } else {
            assert_eq!(bytes, deep());
        }
    }
}
