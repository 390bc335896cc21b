//! `lines`: crops of lines with their texts and the lists of trainers.

use image::{GenericImageView, ImageFormat};
use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use serde_json::json;

/// Two images of a line with an outline, a line without text, a word, and a box that is no text.
fn texts() -> Workdir {
    let work = Workdir::new();
    let boxes = |n: u32| {
        vec![
            json!({ "id": format!("l{n}"), "concept": "line", "bbox": [10, 20, 100, 20],
                "polygon": [[10, 20], [110, 20], [110, 40], [60, 40]],
                "attributes": { "granularity": "line", "text": format!("alef\tbet\n{n} \u{5d0}"), "baseline": [[10, 35], [110, 35]] } }),
            json!({ "id": format!("m{n}"), "concept": "line", "bbox": [10, 50, 100, 20], "attributes": { "granularity": "line" } }),
            json!({ "id": format!("w{n}"), "concept": "word", "bbox": [10, 20, 30, 20], "attributes": { "granularity": "word", "text": "alef" } }),
            json!({ "id": format!("z{n}"), "concept": "zone", "bbox": [0, 0, 120, 80] }),
        ]
    };
    let images = [0, 1].map(|n| {
        let mut image = image(&format!("u{n}"), &format!("g{n}"), [160, 100], boxes(n));
        image["metadata"]["set"] = json!(if n == 0 { ["train"] } else { ["val"] });
        image
    });
    let files = [
        ("u0", "a.png", picture(160, 100, 1, ImageFormat::Png)),
        ("u1", "b.jpg", picture(160, 100, 2, ImageFormat::Jpeg)),
    ];
    lay_out(&work, &images, &files);
    work
}

#[test]
fn lines_with_text_are_cut_out_and_listed() {
    let work = texts();
    reformat(&work, "lines", &["--split-by", "set"])
        .exits(0)
        .says(&["2 lines without text are left out"]);
    let table = rows(&work, "out/lines.csv");
    assert_eq!(table.len(), 2);
    for (row, split) in table.iter().zip(["train", "val"]) {
        let (file, text) = (&row["file"], &row["text"]);
        let name = file.strip_prefix(&format!("{split}/")).unwrap();
        let stem = file.strip_suffix(".png").unwrap();
        assert!(
            text.starts_with("alef bet ") && text.ends_with('\u{5d0}'),
            "{text}"
        );
        assert_eq!(
            work.text(&format!("out/{stem}.gt.txt")),
            format!("{text}\n")
        );
        assert_eq!(
            work.text(&format!("out/{split}/gt.txt")),
            format!("{name}\t{text}\n")
        );
        assert_eq!(
            work.text(&format!("out/{split}.txt")),
            format!("{file}\t{text}\n")
        );
        let png = image::load_from_memory(&work.read(&format!("out/{file}"))).unwrap();
        assert_eq!(png.dimensions(), (100, 20));
        assert_eq!(png.to_rgb8().get_pixel(2, 18).0, [255; 3]);
    }
    assert!(work.text("out/characters.txt").contains('\u{5d0}'));
    let source = image::load_from_memory(&work.read("a.png"))
        .unwrap()
        .to_rgb8();
    let cut = image::load_from_memory(&work.read(&format!("out/{}", table[0]["file"]))).unwrap();
    assert_eq!(cut.to_rgb8().get_pixel(80, 5), source.get_pixel(90, 25));
}

#[test]
fn what_is_outside_the_outline_is_as_asked_and_baselines_become_level() {
    let work = texts();
    for (mask, wanted) in [
        ("white", Some([255; 3])),
        ("black", Some([0; 3])),
        ("none", None),
    ] {
        for more in [&[][..], &["--rectify"]] {
            let call = [&["--line-mask", mask], more].concat();
            reformat(&work, "lines", &call).exits(0);
            let row = &rows(&work, "out/lines.csv")[0];
            let png = image::load_from_memory(&work.read(&format!("out/{}", row["file"]))).unwrap();
            let source = image::load_from_memory(&work.read("a.png"))
                .unwrap()
                .to_rgb8();
            // The line is level already.
            assert_eq!(png.dimensions(), (100, 20), "{call:?}");
            let pixel = png.to_rgb8().get_pixel(2, 18).0;
            assert_eq!(
                pixel,
                wanted.unwrap_or(source.get_pixel(12, 38).0),
                "{call:?}"
            );
        }
    }
}

#[test]
fn a_set_without_lines_says_what_they_are() {
    let work = one(
        [100, 100],
        [100, 100],
        vec![boxed("b", "a", [0.0, 0.0, 9.0, 9.0])],
    );
    reformat(&work, "lines", &[])
        .exits(0)
        .says(&["there are no lines with text", "`granularity` line"]);
}

/// A picture that EXIF turns, whose upright form is `picture(90, 60)`; boxes are drawn on that.
#[test]
fn lines_and_crops_of_what_exif_turns_are_upright() {
    let upright = image::load_from_memory(&picture(90, 60, 3, ImageFormat::Png)).unwrap();
    let line = json!({ "id": "l", "concept": "line", "bbox": [10, 20, 60, 12],
        "attributes": { "granularity": "line", "text": "alef", "baseline": [[10, 30], [70, 30]] } });
    let wanted = upright.crop_imm(10, 20, 60, 12).to_rgb8();
    // What is stored is turned by EXIF to become upright.
    let stored = [
        (2, upright.fliph()),
        (3, upright.rotate180()),
        (4, upright.flipv()),
        (5, upright.rotate90().fliph()),
        (6, upright.rotate270()),
        (7, upright.rotate270().fliph()),
        (8, upright.rotate90()),
    ];
    for (orientation, stored) in stored {
        let work = Workdir::new();
        let mut png = std::io::Cursor::new(Vec::new());
        stored.write_to(&mut png, ImageFormat::Png).unwrap();
        let bytes = with_exif(&png.into_inner(), orientation);
        let images = [image("u", "g", [90, 60], vec![line.clone()])];
        lay_out(&work, &images, &[("u", "a.png", bytes)]);
        for (format, more) in [
            ("lines", &[][..]),
            ("lines", &["--rectify"]),
            ("crops", &[]),
        ] {
            let more = [more, &["--exif-boxes", "turned"]].concat();
            reformat(&work, format, &more).exits(0);
            let file = &rows(&work, &format!("out/{format}.csv"))[0]["file"];
            let cut = image::load_from_memory(&work.read(&format!("out/{file}"))).unwrap();
            let what = format!("{format} {more:?} of orientation {orientation}");
            assert_eq!(cut.dimensions(), (60, 12), "{what}");
            assert!(cut.to_rgb8() == wanted, "{what}");
        }
    }
}

/// A PNG with an EXIF chunk behind its header.
fn with_exif(png: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"eXIfMM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = (exif.len() as u32 - 4).to_be_bytes();
    let mut crc = flate2::Crc::new();
    crc.update(&exif);
    // After the signature and the header.
    let (head, rest) = png.split_at(8 + 25);
    [head, &length, &exif, &crc.sum().to_be_bytes(), rest].concat()
}

#[test]
fn a_text_of_several_lines_is_no_line() {
    let boxes = vec![
        json!({ "id": "a", "concept": "x", "bbox": [10, 10, 50, 40], "attributes": { "text": "one\ntwo" } }),
        json!({ "id": "b", "concept": "x", "bbox": [10, 10, 50, 40], "attributes": { "text": "one\n" } }),
        json!({ "id": "c", "concept": "x", "bbox": [150, 10, 90, 40], "attributes": { "text": "much" } }),
    ];
    let work = one([200, 100], [200, 100], boxes);
    reformat(&work, "lines", &[]).exits(0).says(&[
        "lines: 1 box with a text of several lines is left out",
        "lines: 1 line is cut off by the edge of the image",
    ]);
    assert_eq!(rows(&work, "out/lines.csv").len(), 2);
    assert_eq!(work.text("out/train.files").lines().count(), 2);
}
