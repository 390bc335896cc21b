//! Files that are cut short, damaged, or of a kind that is not decoded: where pixels are needed each is one reject, and the others
//! are written.

use image::ImageFormat;
use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use serde_json::{Value, json};

const SIZE: [u32; 2] = [120, 90];

fn jpeg(progressive: bool) -> Vec<u8> {
    let whole = image::load_from_memory(&picture(SIZE[0], SIZE[1], 2, ImageFormat::Png));
    let pixels = whole.unwrap().into_rgb8();
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
    encoder.set_progressive(progressive);
    let [width, height] = SIZE.map(|side| side as u16);
    let colours = jpeg_encoder::ColorType::Rgb;
    encoder
        .encode(pixels.as_raw(), width, height, colours)
        .unwrap();
    bytes
}

fn cut(whole: &[u8]) -> Vec<u8> {
    whole[..whole.len() * 2 / 5].to_vec()
}

/// A TIFF with another value of a tag.
fn tiff(tag: u16, value: u32) -> Vec<u8> {
    let mut tiff = picture(SIZE[0], SIZE[1], 2, ImageFormat::Tiff);
    let directory = u32::from_le_bytes(tiff[4..8].try_into().unwrap()) as usize;
    let entries = u16::from_le_bytes(tiff[directory..directory + 2].try_into().unwrap());
    let mut places = (0..usize::from(entries)).map(|entry| directory + 2 + entry * 12);
    let at = places.find(|&at| tiff[at..at + 2] == tag.to_le_bytes());
    let at = at.unwrap() + 8;
    tiff[at..at + 4].copy_from_slice(&value.to_le_bytes());
    tiff
}

/// Zstandard, which is not decoded.
fn unsupported() -> Vec<u8> {
    tiff(259, 50_000)
}

/// A directory that is whole, and strips that are not there.
fn without_strips() -> Vec<u8> {
    tiff(273, 0x7fff_0000)
}

/// A PNG whose palette ends within a colour, over which its decoder panics.
fn within_a_colour() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIZE[0], SIZE[1]);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(&[1, 2, 3, 4][..]);
    let mut writer = encoder.write_header().unwrap();
    let pixels = vec![0; (SIZE[0] * SIZE[1]) as usize];
    writer.write_image_data(&pixels).unwrap();
    drop(writer);
    bytes
}

/// Three images in three groups with a line each; these are the bytes of the second.
fn three(second: Vec<u8>) -> Workdir {
    let work = Workdir::new();
    let images = [0, 1, 2].map(|n| {
        let line = json!({ "id": format!("l{n}"), "concept": "line", "bbox": [10, 20, 60, 20],
            "attributes": { "granularity": "line", "text": "alef" } });
        image(&format!("u{n}"), &format!("g{n}"), SIZE, vec![line])
    });
    let whole = |seed, format| picture(SIZE[0], SIZE[1], seed, format);
    let files = [
        ("u0", "a.png", whole(1, ImageFormat::Png)),
        ("u1", "b.jpg", second),
        ("u2", "c.jpg", whole(3, ImageFormat::Jpeg)),
    ];
    lay_out(&work, &images, &files);
    work
}

/// The formats that need pixels, or have them with these options.
const CUTTING: [(&str, &[&str]); 4] = [
    ("crops", &[]),
    ("lines", &[]),
    ("coco", &["--tiles", "64"]),
    ("coco,crops", &[]),
];

/// The second image is one reject, everywhere.
fn is_left_out(work: &Workdir, format: &str, more: &[&str], problem: &str) {
    let call = [more, &["--report", "report.json"]].concat();
    let ran = reformat(work, format, &call);
    ran.exits(3)
        .says(&["left out 1: file cannot be used", "b.jpg", problem]);
    let rejects = rows(work, "out/rejects.csv");
    assert_eq!(rejects.len(), 1, "{format}");
    assert_eq!(rejects[0]["record"], "u1", "{format}");
    assert!(rejects[0]["problem"].ends_with(", 1 box with it"));
    let report = work.json("report.json");
    let numbers = ["read", "kept", "rejected"].map(|name| report[name].clone());
    // Two images with a box each, and the one that is left out.
    assert_eq!(numbers, [5, 4, 1].map(Value::from), "{format}");
    let total = &work.json("out/dataset.json")["total"];
    assert_eq!(total["groups"], 2, "{format}");
    if let (&[], "crops" | "lines") = (more, format) {
        let pictures = rows(work, &format!("out/{format}.csv")).len();
        assert_eq!(json!(pictures), total["boxes"], "{format}");
    }
    assert!(
        !ran.stderr().contains("compares them with none"),
        "{format}"
    );
}

#[test]
fn a_file_that_is_cut_short_is_one_reject_where_pixels_are_needed() {
    let png = picture(SIZE[0], SIZE[1], 2, ImageFormat::Png);
    let files = [
        cut(&jpeg(false)),
        cut(&jpeg(true)),
        cut(&png),
        without_strips(),
        within_a_colour(),
    ];
    for file in files {
        let work = three(file);
        for (format, more) in CUTTING {
            is_left_out(
                &work,
                format,
                more,
                "`recto-download --verify` fetches it again",
            );
        }
        is_left_out(&work, "crops", &["--near-duplicates", "report"], "damaged");
    }
}

#[test]
fn a_named_pipe_in_the_place_of_a_file_is_one_reject_and_not_waited_for() {
    let work = three(jpeg(false));
    let path = work.path("b.jpg");
    std::fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    for format in ["coco", "crops"] {
        is_left_out(&work, format, &[], "it is not a regular file");
    }
}

#[test]
fn a_file_of_a_kind_that_is_not_decoded_is_one_reject_and_not_called_damaged() {
    let work = three(unsupported());
    for (format, more) in CUTTING.into_iter().chain([("tf", &[][..])]) {
        is_left_out(&work, format, more, "of a kind that is not supported");
        let said = work.text("out/rejects.csv");
        assert!(
            !said.contains("--verify") && !said.contains("damaged"),
            "{said}"
        );
    }
    is_left_out(&three(without_strips()), "tf", &[], "damaged");
}

#[test]
fn files_whose_bytes_are_taken_as_they_are_stay() {
    let work = three(cut(&jpeg(false)));
    for format in ["coco", "yolo", "hf", "tf", "page"] {
        reformat(&work, format, &["--no-val"]).exits(0);
        let total = &work.json("out/dataset.json")["total"];
        assert_eq!(total["images"], 3, "{format}");
    }
    // Of images without boxes nothing is cut out, and of small ones nothing is written.
    let mut set = work.json("localizations.json");
    set["images"][1]["localizations"] = json!([]);
    work.write_json("localizations.json", &set);
    reformat(&work, "crops", &[]).exits(0);
    reformat(&work, "coco", &["--tiles", "64"]).exits(3);
    work.write("a.png", picture(160, 120, 1, ImageFormat::Png));
    let large = ["--tiles", "64", "--min-image", "100"];
    reformat(&work, "coco", &large).exits(0);
}

#[test]
fn images_that_cannot_be_compared_with_others_are_told() {
    let png = picture(SIZE[0], SIZE[1], 2, ImageFormat::Png);
    for file in [cut(&jpeg(false)), cut(&png), unsupported()] {
        let work = three(file);
        let told = "images that cannot be decoded, so that --near-duplicates compares them with none: 1 (u1: ";
        for rule in ["group", "report"] {
            let call = ["--near-duplicates", rule, "--split", "train=0.5,val=0.5"];
            reformat(&work, "coco", &call).exits(0).says(&[told]);
        }
        let said = reformat(&work, "coco", &[]).exits(0).stderr();
        assert!(!said.contains("--near-duplicates"), "{said}");
    }
}
