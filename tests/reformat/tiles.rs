//! `--tiles`: images cut into tiles, with their boxes and the way back.

use std::collections::BTreeMap;
use std::io::Cursor;

use image::{DynamicImage, ImageFormat};
use recto::jpeg::index::{Index, Window};
use recto_testkit::Workdir;
use recto_testkit::dataset::*;
use serde_json::{Value, json};

/// Three images, of which the first is a JPEG, the second a PNG and the third has no box.
fn three() -> Workdir {
    let work = Workdir::new();
    let outline = json!({ "id": "o", "concept": "a", "bbox": [60, 20, 100, 60],
        "polygon": [[60, 20], [160, 20], [160, 80], [60, 80]], "attributes": { "baseline": [[60, 70], [160, 70]] } });
    let images = [
        image(
            "u1",
            "g1",
            [250, 120],
            vec![outline, boxed("b", "b", [5.0, 5.0, 20.0, 20.0])],
        ),
        image(
            "u2",
            "g2",
            [130, 100],
            vec![boxed("c", "a", [90.0, 10.0, 20.0, 20.0])],
        ),
        image("u3", "g3", [90, 90], vec![]),
    ];
    let files = [
        (
            "u1",
            "images/a.jpg",
            picture(250, 120, 1, ImageFormat::Jpeg),
        ),
        ("u2", "images/b.png", picture(130, 100, 2, ImageFormat::Png)),
        ("u3", "images/c.png", picture(90, 90, 3, ImageFormat::Png)),
    ];
    lay_out(&work, &images, &files);
    work
}

fn coco(work: &Workdir) -> (BTreeMap<String, Value>, Vec<Value>) {
    let coco = work.json("out/annotations/instances_default.json");
    let images = coco["images"].as_array().unwrap().iter();
    let images = images.map(|image| {
        (
            image["file_name"].as_str().unwrap().to_owned(),
            image.clone(),
        )
    });
    (
        images.collect(),
        coco["annotations"].as_array().unwrap().clone(),
    )
}

fn decoded(bytes: &[u8]) -> DynamicImage {
    image::ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .unwrap()
        .decode()
        .unwrap()
}

#[test]
fn tiles_have_the_pixels_and_the_boxes_of_their_images() {
    let work = three();
    reformat(
        &work,
        "coco",
        &["--tiles", "100", "--overlap", "20", "--min-visible", "0"],
    )
    .exits(0)
    .says(&[
        "9 tiles of 3 images, 100 pixels wide and high, 20 in common at least",
        "tiles of 1 image are cut from JPEGs without loss",
        "tiles of 2 images are PNG",
    ]);
    let (images, annotations) = coco(&work);
    let table = rows(&work, "out/tiles.csv");
    assert_eq!(table.len(), images.len());
    let whole: BTreeMap<&str, DynamicImage> = ["images/a.jpg", "images/b.png", "images/c.png"]
        .map(|path| (path, decoded(&work.read(path))))
        .into();
    let mut merged: BTreeMap<String, [f64; 4]> = BTreeMap::new();
    for row in &table {
        let number = |name: &str| row[name].parse::<u32>().unwrap();
        let [x, y, w, h] = ["x", "y", "w", "h"].map(number);
        let name = row["tile"].strip_prefix("images/").unwrap();
        let tile = decoded(&work.read(&format!("out/images/{name}")));
        assert_eq!([tile.width(), tile.height()], [w, h], "{row:?}");
        assert_eq!(
            (&images[name]["width"], &images[name]["id"]),
            (&json!(w), &json!(number("number")))
        );
        let source = &whole[row["image"].as_str()];
        let cut = source.crop_imm(x, y, w, h).into_rgb8();
        let most = cut
            .iter()
            .zip(tile.into_rgb8().iter())
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        // Decoders smooth colours across blocks, and here blocks have another neighbour.
        let allowed = if row["image"].ends_with("jpg") {
            255
        } else {
            0
        };
        assert!(most.unwrap() <= allowed, "{row:?} {most:?}");
        for annotation in annotations
            .iter()
            .filter(|a| a["image_id"] == images[name]["id"])
        {
            let b: [f64; 4] = serde_json::from_value(annotation["bbox"].clone()).unwrap();
            let [left, top] = [b[0] + f64::from(x), b[1] + f64::from(y)];
            let (right, bottom) = (left + b[2], top + b[3]);
            let found = merged.entry(annotation["uuid"].as_str().unwrap().into());
            let found = found.or_insert([left, top, right, bottom]);
            *found = [
                found[0].min(left),
                found[1].min(top),
                found[2].max(right),
                found[3].max(bottom),
            ];
            assert!(b[0] + b[2] <= f64::from(w) && b[1] + b[3] <= f64::from(h));
            if annotation["uuid"] == "o" {
                assert_eq!(annotation["area"].as_f64().unwrap(), b[2] * b[3]);
                let line = &annotation["attributes"]["baseline"];
                let ends = [&line[0][0], &line[1][0]].map(|x| x.as_f64().unwrap());
                assert_eq!(ends, [b[0], b[0] + b[2]]);
            }
        }
    }
    let wanted = [
        ("b", [5.0, 5.0, 25.0, 25.0]),
        ("c", [90.0, 10.0, 110.0, 30.0]),
        ("o", [60.0, 20.0, 160.0, 80.0]),
    ];
    assert_eq!(
        merged,
        wanted.map(|(id, sides)| (id.to_owned(), sides)).into()
    );
}

#[test]
fn tiles_of_jpegs_keep_their_coefficients() {
    let work = three();
    reformat(&work, "coco", &["--tiles", "96"]).exits(0);
    let table = rows(&work, "out/tiles.csv");
    let jpegs: Vec<_> = table
        .iter()
        .filter(|row| row["image"] == "images/a.jpg")
        .collect();
    assert!(jpegs.len() >= 3);
    let source = work.read("images/a.jpg");
    let whole = Index::read(&source).unwrap();
    for row in jpegs {
        let [x, y] = ["x", "y"].map(|name| row[name].parse::<u32>().unwrap());
        assert!(
            x % 8 == 0 && y % 8 == 0 && row["tile"].ends_with(".jpg"),
            "{row:?}"
        );
        let bytes = work.read(&format!("out/{}", row["tile"]));
        recto::jpeg::check(&bytes).unwrap();
        let tile = Index::read(&bytes).unwrap();
        let [columns, rows] = tile.mcus();
        let from = [x / whole.mcu()[0], y / whole.mcu()[1]];
        let window = |from: [u32; 2]| Window {
            from,
            to: [from[0] + columns, from[1] + rows],
        };
        let wanted = whole.coefficients(&source, window(from)).unwrap();
        let found = tile.coefficients(&bytes, window([0, 0])).unwrap();
        for (component, [wide, high]) in tile.sampling().into_iter().enumerate() {
            for (column, row) in
                (0..columns * wide).flat_map(|c| (0..rows * high).map(move |r| (c, r)))
            {
                assert_eq!(
                    found.block(component, column, row),
                    wanted.block(component, column, row)
                );
            }
        }
    }
}

#[test]
fn group_and_split_are_those_of_the_image_and_negatives_are_counted_by_tiles() {
    let work = three();
    let split = ["--tiles", "64", "--split", "train=0.5,test=0.5"];
    reformat(&work, "coco", &split).exits(0);
    let mut splits: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows(&work, "out/tiles.csv") {
        let known = splits.entry(row["image"].clone()).or_default();
        known.push(format!("{} {}", row["split"], row["group"]));
    }
    for (image, mut found) in splits {
        found.dedup();
        assert_eq!(found.len(), 1, "{image}");
    }
    let count = |more: &[&str]| -> [u64; 2] {
        let call = [&["--tiles", "64"], more].concat();
        reformat(&work, "coco", &call).exits(0);
        let card = work.json("out/dataset.json");
        ["images", "negatives"].map(|name| card["total"][name].as_u64().unwrap())
    };
    let [all, negatives] = count(&[]);
    assert!(negatives > 2);
    assert_eq!(count(&["--negatives", "drop"]), [all - negatives, 0]);
    let positives = (all - negatives) as f64;
    let kept = (positives * 0.2).round() as u64;
    assert_eq!(
        count(&["--negatives", "ratio:0.2"]),
        [all - negatives + kept, kept]
    );
}

#[test]
fn too_little_of_a_box_does_not_stay_and_is_no_negative() {
    let work = one(
        [200, 100],
        [200, 100],
        vec![boxed("b", "a", [85.0, 10.0, 20.0, 20.0])],
    );
    let boxes = |least: &str| {
        let call = ["--tiles", "100", "--min-visible", least];
        let said = reformat(&work, "coco", &call).exits(0).stderr();
        let (images, annotations) = coco(&work);
        (
            images.len(),
            annotations.len(),
            said.contains("1 tile is left out"),
        )
    };
    assert_eq!(boxes("0.5"), (1, 1, true));
    assert_eq!(boxes("0.2"), (2, 2, false));
}

#[test]
fn every_format_for_detectors_takes_tiles_and_others_refuse() {
    let work = three();
    for format in ["coco", "voc", "tf", "yolo", "yolo-seg", "yolo-obb", "hf"] {
        let out = format!("sets/{format}");
        let call = [
            "localizations.json",
            "-f",
            format,
            "-o",
            &out,
            "--no-val",
            "--tiles",
            "100",
        ];
        work.run("reformat", &call)
            .exits(0)
            .says(&["7 tiles of 3 images"]);
        let card = work.json(&format!("{out}/dataset.json"));
        assert_eq!(card["total"]["images"], 7, "{format}");
    }
    for (format, more, says) in [
        ("csv", vec![], "csv is not one of their formats"),
        ("coco", vec!["--images", "none"], "--tiles writes images"),
        (
            "coco",
            vec!["--overlap", "100"],
            "--overlap 100: is not less than --tiles 100",
        ),
    ] {
        let call = [vec!["--tiles", "100"], more].concat();
        reformat(&work, format, &call).exits(2).says(&[says]);
    }
    reformat(&work, "coco", &["--overlap", "10"])
        .exits(2)
        .says(&["--tiles"]);
}

#[test]
fn what_is_not_on_a_tile_is_told_and_a_part_has_no_text() {
    let mut line = boxed("b", "a", [85.0, 10.0, 20.0, 20.0]);
    line["attributes"] = json!({ "text": "whole" });
    let boxes = vec![line, boxed("c", "a", [150.0, 50.0, 20.0, 20.0])];
    let work = one([200, 100], [200, 100], boxes);
    let call = ["--tiles", "100", "--min-visible", "0.5"];
    reformat(&work, "coco", &call).exits(0).says(&[
        "1 part of a box below --min-visible is left out",
        "1 part of a box on a tile has a text",
    ]);
    let (_, annotations) = coco(&work);
    assert_eq!(annotations.len(), 2);
    assert!(
        annotations
            .iter()
            .all(|a| a["attributes"].get("text").is_none())
    );
}

/// A JPEG with colours of half the size, and a profile.
fn subsampled(width: u32, height: u32, profile: &[u8]) -> Vec<u8> {
    let pixels = decoded(&picture(width, height, 1, ImageFormat::Png)).into_rgb8();
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    if !profile.is_empty() {
        encoder.add_icc_profile(profile).unwrap();
    }
    let colours = jpeg_encoder::ColorType::Rgb;
    encoder
        .encode(pixels.as_raw(), width as u16, height as u16, colours)
        .unwrap();
    bytes
}

#[test]
fn blocks_of_a_jpeg_make_no_more_tiles_than_there_are_without() {
    let cases = [
        // Size, tile, overlap, tiles, whether they are cut without loss.
        ([400, 400], "200", "0", 4, false),
        ([400, 400], "208", "0", 4, true),
        ([600, 600], "200", "0", 9, false),
        ([600, 600], "192", "0", 16, true),
        ([250, 120], "96", "16", 6, true),
        ([250, 120], "100", "20", 6, true),
        ([90, 60], "100", "20", 1, true),
    ];
    for (size, side, overlap, tiles, is_lossless) in cases {
        let work = Workdir::new();
        let whole = boxed("b", "a", [0.0, 0.0, f64::from(size[0]), f64::from(size[1])]);
        let file = ("u", "a.jpg", subsampled(size[0], size[1], &[]));
        lay_out(&work, &[image("u", "g", size, vec![whole])], &[file]);
        let call = ["--tiles", side, "--overlap", overlap];
        let said = match is_lossless {
            true => "tiles of 1 image are cut from JPEGs without loss",
            false => "where --tiles less --overlap is a multiple of 16",
        };
        reformat(&work, "coco", &call).exits(0).says(&[said]);
        let table = rows(&work, "out/tiles.csv");
        assert_eq!(table.len(), tiles, "{size:?} {call:?}");
        let suffix = if is_lossless { ".jpg" } else { ".png" };
        assert!(table.iter().all(|row| row["tile"].ends_with(suffix)));
    }
}

#[test]
fn what_is_cut_out_of_a_jpeg_has_its_profile() {
    use image::ImageDecoder as _;
    let mut profile = vec![0; 132];
    profile[16..20].copy_from_slice(b"RGB ");
    let line = json!({ "id": "l", "concept": "a", "bbox": [10, 10, 60, 20],
        "attributes": { "granularity": "line", "text": "alef" } });
    let work = Workdir::new();
    let images = [image("u", "g", [120, 60], vec![line])];
    lay_out(
        &work,
        &images,
        &[("u", "a.jpg", subsampled(120, 60, &profile))],
    );
    for (format, more, table, column) in [
        ("crops", &[][..], "out/crops.csv", "file"),
        ("lines", &[], "out/lines.csv", "file"),
        ("coco", &["--tiles", "64"], "out/tiles.csv", "tile"),
        ("coco", &["--tiles", "40"], "out/tiles.csv", "tile"),
    ] {
        reformat(&work, format, more).exits(0);
        let folder = if format == "coco" {
            "out/images"
        } else {
            "out"
        };
        for row in rows(&work, table) {
            let bytes = work.read(&format!("{folder}/{}", row[column]));
            let reader = image::ImageReader::new(Cursor::new(bytes));
            let reader = reader.with_guessed_format().unwrap();
            let mut decoder = reader.into_decoder().unwrap();
            let found = decoder.icc_profile().unwrap();
            assert_eq!(found.as_ref(), Some(&profile), "{format} {more:?}");
        }
    }
}

#[test]
fn tiles_keep_sixteen_bits_and_the_profile() {
    use image::codecs::png::{PngDecoder, PngEncoder};
    use image::{ImageDecoder as _, ImageEncoder as _};
    let pixels = image::ImageBuffer::from_fn(120, 60, |x, y| {
        image::Rgb([x as u16 * 500 + 1, y as u16 * 900 + 3, 257])
    });
    let mut profile = vec![0; 132];
    profile[16..20].copy_from_slice(b"RGB ");
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_icc_profile(profile.clone()).unwrap();
    let whole = DynamicImage::ImageRgb16(pixels);
    whole.write_with_encoder(encoder).unwrap();
    let work = Workdir::new();
    let boxes = vec![boxed("b", "a", [0.0, 0.0, 120.0, 60.0])];
    lay_out(
        &work,
        &[image("u", "g", [120, 60], boxes)],
        &[("u", "a.png", png)],
    );
    reformat(&work, "coco", &["--tiles", "64"]).exits(0);
    let (images, _) = coco(&work);
    assert_eq!(images.len(), 2);
    for row in rows(&work, "out/tiles.csv") {
        let bytes = work.read(&format!("out/images/{}", row["tile"]));
        let mut decoder = PngDecoder::new(std::io::Cursor::new(&bytes)).unwrap();
        assert_eq!(decoder.icc_profile().unwrap().as_ref(), Some(&profile));
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| row[side].parse::<u32>().unwrap());
        assert_eq!(decoded(&bytes), whole.crop_imm(x, y, w, h));
    }
}
