//! Turns that a file states elsewhere than in usual EXIF: Pillow obeys them, browsers do not.

use image::ImageFormat;
use recto_testkit::Workdir;
use recto_testkit::dataset::*;

/// EXIF whose orientation is a number of four bytes.
const EXIF: &[u8] = b"II*\0\x08\0\0\0\x01\0\x12\x01\x04\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
const XMP: &[u8] = b"<x:xmpmeta><rdf:Description tiff:Orientation=\"6\"/></x:xmpmeta>";

fn jpeg(start: &[u8], content: &[u8]) -> Vec<u8> {
    let jpeg = picture(100, 50, 1, ImageFormat::Jpeg);
    let length = (start.len() + content.len() + 2) as u16;
    let length = length.to_be_bytes();
    [
        &jpeg[..2],
        &[0xff, 0xe1],
        &length,
        start,
        content,
        &jpeg[2..],
    ]
    .concat()
}

/// A PNG with a chunk behind its header.
fn png(name: &[u8], content: &[u8]) -> Vec<u8> {
    let png = picture(100, 50, 1, ImageFormat::Png);
    let chunk = [name, content].concat();
    let mut sum = flate2::Crc::new();
    sum.update(&chunk);
    let length = (content.len() as u32).to_be_bytes();
    let (head, rest) = png.split_at(8 + 25);
    [head, &length, &chunk, &sum.sum().to_be_bytes(), rest].concat()
}

fn packed(content: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

#[test]
fn what_some_readers_turn_is_turned_and_no_reader_turns_the_copies() {
    let digits: String = EXIF.iter().map(|byte| format!("{byte:02x}")).collect();
    let profile = format!("\nexif\n{:8}\n{digits}\n", EXIF.len());
    let profile = [
        b"Raw profile type exif\0\0",
        &packed(profile.as_bytes())[..],
    ]
    .concat();
    let plain = [b"XML:com.adobe.xmp\0\0\0\0\0", XMP].concat();
    let small = [b"XML:com.adobe.xmp\0\x01\0\0\0", &packed(XMP)[..]].concat();
    let cases = [
        ("a.jpg", jpeg(b"Exif\0\0", EXIF)),
        ("a.jpg", jpeg(b"http://ns.adobe.com/xap/1.0/\0", XMP)),
        ("a.png", png(b"zTXt", &profile)),
        ("a.png", png(b"iTXt", &plain)),
        ("a.png", png(b"iTXt", &small)),
    ];
    for (n, (file, stored)) in cases.into_iter().enumerate() {
        let work = Workdir::new();
        let bbox = boxed("b", "a", [10.0, 20.0, 10.0, 40.0]);
        let images = [image("u", "g", [50, 100], vec![bbox])];
        lay_out(&work, &images, &[("u", file, stored)]);
        reformat(&work, "coco", &["--no-val"])
            .exits(0)
            .says(&["as rotated by EXIF", "orientation 6"]);
        let copy = work.read(&format!("out/images/{file}"));
        let header = recto::pixels::measure_bytes(&copy).unwrap();
        assert_eq!((header.orientation, header.width), (1, 100), "{n}");
        reformat(&work, "csv", &[]).exits(0);
        let row = &rows(&work, "out/annotations.csv")[0];
        let found = ["x", "y", "w", "h"].map(|name| row[name].as_str());
        assert_eq!(found, ["20", "30", "40", "10"], "{n}");
    }
}
