//! Boxes on images that EXIF turns: shown, searched, corrected and taken back on the image that they were drawn on.

use serde_json::{Value, json};

use crate::review::{send, told};
use crate::running::Serving;
use recto_testkit::{Workdir, wait_until};

/// Where the red thing is on the pixels as stored: 400 x 300, or 300 x 400 where EXIF turns by a quarter.
const STORED: [u32; 4] = [100, 60, 40, 20];

/// Orientations, and where the red thing is shown on 400 x 300.
const SHOWN: [(u8, [u32; 4]); 8] = [
    (1, STORED),
    (2, [260, 60, 40, 20]),
    (3, [260, 220, 40, 20]),
    (4, [100, 220, 40, 20]),
    (5, [60, 100, 20, 40]),
    (6, [320, 100, 20, 40]),
    (7, [320, 160, 20, 40]),
    (8, [60, 160, 20, 40]),
];

fn size(orientation: u8) -> [u32; 2] {
    match orientation {
        5..=8 => [300, 400],
        _ => [400, 300],
    }
}

/// A grey picture with a red thing, and the EXIF that says how to turn it.
fn photo(orientation: u8) -> Vec<u8> {
    let [width, height] = size(orientation);
    let [x, y, w, h] = STORED;
    let pixels = image::RgbImage::from_fn(width, height, |px, py| {
        let is_red = (x..x + w).contains(&px) && (y..y + h).contains(&py);
        image::Rgb(if is_red { [255, 0, 0] } else { [220; 3] })
    });
    let mut jpeg = Vec::new();
    let sides = [width, height].map(|side| side as u16);
    jpeg_encoder::Encoder::new(&mut jpeg, 95)
        .encode(
            pixels.as_raw(),
            sides[0],
            sides[1],
            jpeg_encoder::ColorType::Rgb,
        )
        .unwrap();
    let mut exif =
        b"\xFF\xE1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x01\0\0\0\0\0\0"
            .to_vec();
    let at = exif.len() - 7;
    exif[at] = orientation;
    [&jpeg[..2], &exif, &jpeg[2..]].concat()
}

fn id(orientation: u8) -> String {
    format!("https://ex.org/o{orientation}.jpg")
}

fn segment(orientation: u8) -> String {
    id(orientation).replace(':', "%3A").replace('/', "%2F")
}

/// A COCO set of photographs with a box each, digested and extracted as `set.json`.
fn set(boxes: &[(u8, [u32; 4])]) -> Workdir {
    let work = Workdir::new();
    let image = |(o, _): &(u8, [u32; 4])| {
        let [width, height] = size(*o);
        json!({"id": o, "file_name": format!("o{o}.jpg"), "coco_url": id(*o), "width": width, "height": height})
    };
    let found = |(o, bbox): &(u8, [u32; 4])| json!({"id": o, "image_id": o, "category_id": 1, "bbox": bbox});
    for (orientation, _) in boxes {
        work.write(&format!("o{orientation}.jpg"), photo(*orientation));
    }
    let images: Vec<Value> = boxes.iter().map(image).collect();
    let annotations: Vec<Value> = boxes.iter().map(found).collect();
    work.write_json(
        "coco.json",
        &json!({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "red"}]}),
    );
    let map = boxes
        .iter()
        .map(|(o, _)| (id(*o), json!(format!("o{o}.jpg"))));
    work.write_json("image_map.json", &Value::Object(map.collect()));
    work.run("digest", &["coco", "coco.json", "-o", "digest.json"])
        .exits(0);
    work.run("extract", &["digest.json", "-o", "set.json"])
        .exits(0);
    work
}

/// What the page of an image shows.
fn page(server: &Serving, orientation: u8) -> Value {
    server.json(&format!("/pages/image/{}.json", segment(orientation)))
}

/// The places of all boxes in COCO after the corrections, on the pixels as stored.
fn taken_back(work: &Workdir, options: &[&str]) -> Vec<Value> {
    let reviewed = ["digest.json", "--review", "r.jsonl", "-o", "corrected.json"];
    work.run("extract", &reviewed).exits(0);
    let coco = ["corrected.json", "-f", "coco", "-o", "out.json"];
    work.run("reformat", &[&coco[..], options].concat())
        .exits(0);
    let found = work.json("out.json")["annotations"].clone();
    let found = found.as_array().unwrap().iter();
    found.map(|b| b["bbox"].clone()).collect()
}

/// The size of each canvas, and what the annotation on it is about.
fn published(server: &Serving) -> Vec<([u64; 2], String)> {
    let document = |uri: &Value| {
        let uri = uri.as_str().unwrap();
        server.json(uri.strip_prefix("http://pictures.example").unwrap())
    };
    let collection = server.json("/iiif/presentation/3/collection.json");
    let manifest = document(&collection["items"][0]["id"]);
    let canvases = manifest["items"].as_array().unwrap().iter();
    let one = |canvas: &Value| {
        let annotations = document(&canvas["annotations"][0]["id"]);
        let target = annotations["items"][0]["target"].as_str().unwrap();
        let size = ["width", "height"].map(|side| canvas[side].as_u64().unwrap());
        (size, target.to_owned())
    };
    let all: Vec<_> = canvases.map(one).collect();
    assert_eq!(all.len(), SHOWN.len());
    all
}

#[test]
fn boxes_lie_on_their_things_whatever_exif_says() {
    let work = set(&SHOWN.map(|(o, _)| (o, STORED)));
    let args = ["set.json", "--review", "r.jsonl"];
    let server = Serving::start(&work, &args);
    let published = published(&server);
    for ((o, shown), (size, target)) in SHOWN.into_iter().zip(published) {
        let told_page = page(&server, o);
        assert_eq!(told_page["boxes"][0]["bbox"], json!(shown), "{o}");
        assert_eq!(told_page["frame"], json!([400, 300]), "{o}");
        let image = server.image(&format!("/iiif/3/{}/full/max/0/default.png", segment(o)));
        let [x, y, w, h] = shown;
        let middle = image.to_rgb8().get_pixel(x + w / 2, y + h / 2).0;
        assert!(middle[0] > 200 && middle[1] < 80, "{o}: {middle:?}");
        assert_eq!(size, [400, 300], "{o}");
        let part = format!("#xywh={x},{y},{w},{h}");
        assert!(target.ends_with(&part), "{o}: {target}");
        // One is drawn around the thing, and the one of the set gets another class.
        let drawn = json!({"concept": "drawn", "bbox": shown, "frame": [400, 300]});
        told(&send(
            &server,
            "POST",
            &format!("/review/{}", segment(o)),
            &drawn,
        ));
        let of = told_page["boxes"][0]["id"].as_str().unwrap();
        let of = of.replace('#', "%23").replace('[', "%5B");
        let renamed = format!("/review/{}?of={}", segment(o), of.replace(']', "%5D"));
        let renamed = told(&send(&server, "PUT", &renamed, &drawn));
        assert_eq!(renamed["boxes"][0]["bbox"], json!(shown), "{o}");
    }
    let (_, _, said) = server.stop();
    assert!(
        said.contains("EXIF orientation, and nothing shows whether boxes were drawn")
            && said.contains(": 3 (https://ex.org/o2.jpg: orientation 2; "),
        "{said}"
    );
    let again = Serving::start(&work, &args);
    for (o, shown) in SHOWN {
        let boxes = page(&again, o)["boxes"].clone();
        let boxes = boxes.as_array().unwrap().iter().map(|b| &b["bbox"]);
        let places: Vec<&Value> = boxes.collect();
        assert_eq!(places, [&json!(shown), &json!(shown)], "{o}");
    }
    let found = taken_back(&work, &[]);
    assert_eq!(found, vec![json!(STORED); 16]);
}

#[test]
fn what_nothing_decides_the_option_does() {
    let shown = SHOWN[2].1;
    for (option, given) in [("stored", STORED), ("turned", shown)] {
        let work = set(&[(3, given)]);
        let exif = ["--exif-boxes", option];
        let args = ["set.json", "--review", "r.jsonl"];
        let server = Serving::start(&work, &[&args[..], &exif].concat());
        assert_eq!(page(&server, 3)["boxes"][0]["bbox"], json!(shown));
        let drawn = json!({"concept": "drawn", "bbox": shown});
        let path = format!("/review/{}", segment(3));
        told(&send(&server, "POST", &path, &drawn));
        let (_, _, said) = server.stop();
        assert!(!said.contains("EXIF"), "{said}");
        assert_eq!(taken_back(&work, &exif), [json!(STORED), json!(STORED)]);
    }
    // Nor does a set say where they are that has neither sizes nor boxes.
    let work = Workdir::new();
    work.write("o3.jpg", photo(3));
    let path = crate::running::set_of_address(&work, &id(3), "o3.jpg");
    let server = Serving::start(&work, &["set.json", "--review", "r.jsonl"]);
    let drawn = json!({"concept": "drawn", "bbox": shown});
    told(&send(&server, "POST", &format!("/review/{path}"), &drawn));
    server.stop();
    assert_eq!(taken_back(&work, &[]), [json!(STORED)]);
}

#[test]
fn a_photograph_that_is_replaced_by_one_turned_otherwise_keeps_its_boxes_in_place() {
    let work = set(&[(3, STORED)]);
    let server = Serving::start(&work, &["set.json"]);
    assert_eq!(page(&server, 3)["boxes"][0]["bbox"], json!(SHOWN[2].1));
    work.write("new.jpg", photo(1));
    std::fs::rename(work.path("new.jpg"), work.path("o3.jpg")).unwrap();
    wait_until(|| {
        server.json(&format!("/iiif/3/{}/info.json", segment(3)));
        page(&server, 3)["boxes"][0]["bbox"] == json!(STORED)
    });
}
