//! Small datasets for the tests of `reformat`: images, their boxes, and the two contracts beside them.

use std::collections::BTreeMap;
use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use super::program::Ran;
use super::workdir::Workdir;

/// Names that some format trips over.
pub const AWKWARD: [&str; 9] = [
    "fish, blue",
    "quote \" and 'single'",
    "line\nend",
    "<a & b>",
    "žluťoučký 鱼",
    "ns:colon",
    "=1+1",
    "no",
    "back\\slash",
];

/// An encoded picture of a pattern; `seed` makes pictures differ.
pub fn picture(width: u32, height: u32, seed: u32, format: ImageFormat) -> Vec<u8> {
    let pixel = |x: u32, y: u32| {
        let v = (x ^ y).wrapping_mul(2_654_435_761).wrapping_add(seed * 40);
        Rgb([v as u8, (v >> 8) as u8, seed as u8])
    };
    let image = DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, pixel));
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A JPEG with an EXIF orientation: an APP1 segment after the first two bytes.
pub fn turned(width: u32, height: u32, orientation: u8) -> Vec<u8> {
    let jpeg = picture(width, height, 1, ImageFormat::Jpeg);
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

/// A localization with a box `[x, y, width, height]` in the frame of its image.
pub fn boxed(id: &str, concept: &str, bbox: [f64; 4]) -> Value {
    json!({ "id": id, "concept": concept, "bbox": bbox })
}

/// An image of localizations.json with everything that formats carry on.
pub fn image(id: &str, group: &str, frame: [u32; 2], boxes: Vec<Value>) -> Value {
    json!({
        "id": id, "image": { "url": format!("https://example.org/{id}.jpg"), "width": frame[0], "height": frame[1] },
        "source": { "kind": "iiif", "manifest": format!("https://example.org/{group}"), "rights": "CC0, \"all\"",
            "labels": { "canvas": "f. 1r" } },
        "group": group, "metadata": { "Date": ["1200", "1250"] }, "frame": frame, "localizations": boxes,
    })
}

/// Puts images into the folder: id → (path, bytes), and the two contracts.
pub fn lay_out(work: &Workdir, images: &[Value], files: &[(&str, &str, Vec<u8>)]) {
    let document = json!({ "contract": "recto/localizations", "version": 1, "images": images });
    work.write_json("localizations.json", &document);
    let map: BTreeMap<&str, &str> = files.iter().map(|(id, path, _)| (*id, *path)).collect();
    work.write_json("image_map.json", &json!(map));
    for (_, path, bytes) in files {
        work.write(path, bytes);
    }
}

/// Three groups, four images, one of them without boxes, one TIFF, every awkward name.
pub fn sample() -> (Workdir, Vec<Value>) {
    let work = Workdir::new();
    let awkward = AWKWARD.iter().enumerate().map(|(i, name)| {
        boxed(
            &format!("box {i}"),
            name,
            [i as f64 * 10.0, 5.0, 20.0, 30.5],
        )
    });
    let images = vec![
        image("u1", "ms 1", [200, 100], awkward.collect()),
        image("u2", "ms 1", [100, 50], vec![]),
        image(
            "u3",
            "ms 2",
            [120, 80],
            vec![boxed("b", "plain", [0.0, 0.0, 120.0, 80.0])],
        ),
        image(
            "u4",
            "ms/3",
            [60, 60],
            vec![boxed("c", "plain", [1.0, 2.0, 3.0, 4.0])],
        ),
    ];
    let files = [
        (
            "u1",
            "images/ms 1/a.jpg",
            picture(200, 100, 1, ImageFormat::Jpeg),
        ),
        (
            "u2",
            "images/ms 1/b.jpg",
            picture(100, 50, 2, ImageFormat::Jpeg),
        ),
        (
            "u3",
            "images/ms_2/a.png",
            picture(120, 80, 3, ImageFormat::Png),
        ),
        (
            "u4",
            "images/ms_3/a.tif",
            picture(60, 60, 4, ImageFormat::Tiff),
        ),
    ];
    lay_out(&work, &images, &files);
    (work, images)
}

/// One image whose file has the given size, with boxes in the given frame.
pub fn one(frame: [u32; 2], size: [u32; 2], boxes: Vec<Value>) -> Workdir {
    let work = Workdir::new();
    let bytes = picture(size[0], size[1], 1, ImageFormat::Png);
    lay_out(
        &work,
        &[image("u1", "g", frame, boxes)],
        &[("u1", "a.png", bytes)],
    );
    work
}

/// The rows of a CSV file, by the names of their columns.
pub fn rows(work: &Workdir, path: &str) -> Vec<BTreeMap<String, String>> {
    let bytes = work.read(path);
    let mut csv = csv::Reader::from_reader(bytes.as_slice());
    csv.deserialize().map(|row| row.unwrap()).collect()
}

/// Runs `recto-reformat` on the dataset of [`lay_out`], into the folder `out`.
pub fn reformat<'a>(work: &Workdir, format: &'a str, more: &[&'a str]) -> Ran {
    let mut args = vec!["localizations.json", "-f", format, "-o", "out"];
    args.extend(more);
    work.run("reformat", &args)
}

/// Twelve groups of two images.
pub fn groups() -> Workdir {
    let work = Workdir::new();
    let names: Vec<[String; 3]> = (0..24u32)
        .map(|i| {
            [
                format!("u{i}"),
                format!("g{}", i / 2),
                format!("images/{i}.png"),
            ]
        })
        .collect();
    let images: Vec<Value> = names
        .iter()
        .map(|[id, group, _]| {
            image(
                id,
                group,
                [30, 20],
                vec![boxed("b", "a", [1.0, 1.0, 5.0, 5.0])],
            )
        })
        .collect();
    let files: Vec<(&str, &str, Vec<u8>)> = names
        .iter()
        .enumerate()
        .map(|(i, [id, _, path])| {
            (
                id.as_str(),
                path.as_str(),
                picture(30, 20, i as u32 + 1, ImageFormat::Png),
            )
        })
        .collect();
    lay_out(&work, &images, &files);
    work
}
