//! `recto-reformat` through its binary: what goes into a training set, where, and what people are told.

mod common;

use std::collections::BTreeMap;
use std::io::Cursor;

use common::Workdir;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

/// Names that some format trips over.
const AWKWARD: [&str; 9] = [
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

const FORMATS: [&str; 7] = ["csv", "coco", "voc", "tf", "yolo", "vgg", "sheet"];

fn picture(width: u32, height: u32, seed: u32, format: ImageFormat) -> Vec<u8> {
    let pixel = |x: u32, y: u32| {
        let v = (x ^ y).wrapping_mul(2_654_435_761).wrapping_add(seed * 40);
        Rgb([v as u8, (v >> 8) as u8, seed as u8])
    };
    let image = DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, pixel));
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn boxed(id: &str, concept: &str, bbox: [f64; 4]) -> Value {
    json!({ "id": id, "concept": concept, "bbox": bbox })
}

fn image(id: &str, group: &str, frame: [u32; 2], boxes: Vec<Value>) -> Value {
    json!({
        "id": id, "image": { "url": format!("https://example.org/{id}.jpg"), "width": frame[0], "height": frame[1] },
        "source": { "kind": "iiif", "manifest": format!("https://example.org/{group}"), "rights": "CC0, \"all\"",
            "labels": { "canvas": "f. 1r" } },
        "group": group, "metadata": { "Date": ["1200", "1250"] }, "frame": frame, "localizations": boxes,
    })
}

/// Puts images into the folder: id → (path, bytes), and the two contracts.
fn lay_out(work: &Workdir, images: &[Value], files: &[(&str, &str, Vec<u8>)]) {
    let document = json!({ "contract": "recto/localizations", "version": 1, "images": images });
    work.write_json("localizations.json", &document);
    let map: BTreeMap<&str, &str> = files.iter().map(|(id, path, _)| (*id, *path)).collect();
    work.write_json("image_map.json", &json!(map));
    for (_, path, bytes) in files {
        work.write(path, bytes);
    }
}

/// Three groups, four images, one of them without boxes, one TIFF, every awkward name.
fn sample() -> (Workdir, Vec<Value>) {
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

/// One image of the given size with the given boxes, and `csv` of it as rows of cells.
fn one(frame: [u32; 2], size: [u32; 2], boxes: Vec<Value>) -> Workdir {
    let work = Workdir::new();
    let bytes = picture(size[0], size[1], 1, ImageFormat::Png);
    lay_out(
        &work,
        &[image("u1", "g", frame, boxes)],
        &[("u1", "a.png", bytes)],
    );
    work
}

fn rows(work: &Workdir, path: &str) -> Vec<BTreeMap<String, String>> {
    let bytes = work.read(path);
    let mut csv = csv::Reader::from_reader(bytes.as_slice());
    csv.deserialize().map(|row| row.unwrap()).collect()
}

fn reformat<'a>(work: &Workdir, format: &'a str, more: &[&'a str]) -> common::Ran {
    let mut args = vec!["localizations.json", "-f", format, "-o", "out"];
    args.extend(more);
    work.run("reformat", &args)
}

#[test]
fn every_format_writes_a_whole_folder_the_same_on_every_run() {
    let (work, mut images) = sample();
    for format in FORMATS {
        let out = format!("sets/{format}");
        let call = ["localizations.json", "-f", format, "-o", &out];
        work.run("reformat", &call)
            .exits(0)
            .says(&["4 images with 11 boxes of 10 classes", &out]);
        let first = work.tree(&out);
        let card = work.json(&format!("{out}/dataset.json"));
        assert_eq!(card["contract"], "recto/dataset");
        assert_eq!(card["format"], format);
        assert_eq!(
            card["total"],
            json!({ "images": 4, "boxes": 11, "negatives": 1, "groups": 3 })
        );
        let listed: Vec<&str> = card["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f["path"].as_str().unwrap())
            .collect();
        let found: Vec<&str> = first
            .keys()
            .map(String::as_str)
            .filter(|path| *path != "dataset.json")
            .collect();
        assert_eq!(listed, found, "{format}");
        images.reverse();
        let turned = json!({ "contract": "recto/localizations", "version": 1, "images": images });
        work.write_json("localizations.json", &turned);
        work.run("reformat", &call).exits(0);
        assert!(
            work.tree(&out) == first,
            "{format}: another order of the input gives other bytes"
        );
    }
    let leftovers: Vec<_> = std::fs::read_dir(work.path("sets")).unwrap().collect();
    assert_eq!(leftovers.len(), FORMATS.len(), "{leftovers:?}");
}

#[test]
fn names_of_formats_are_known_in_any_case_and_unknown_ones_listed() {
    let (work, _) = sample();
    reformat(&work, "COCO", &[]).exits(0);
    assert!(work.exists("out/annotations/instances_default.json"));
    reformat(&work, "kitti", &[])
        .exits(2)
        .says(&FORMATS)
        .says(&["kitti"]);
    let help = work.run("reformat", &["--help"]).stdout();
    assert!(FORMATS.iter().all(|format| help.contains(format)), "{help}");
}

#[test]
fn csv_holds_names_metadata_and_negatives() {
    let (work, _) = sample();
    reformat(&work, "csv", &[]).exits(0);
    let rows = rows(&work, "out/annotations.csv");
    let labels: Vec<&str> = rows.iter().map(|row| row["label"].as_str()).collect();
    let mut wanted = AWKWARD.to_vec();
    wanted.extend(["", "plain", "plain"]);
    assert_eq!(labels, wanted);
    let negative = &rows[AWKWARD.len()];
    assert_eq!(
        (negative["file"].as_str(), negative["x"].as_str()),
        ("images/ms 1/b.jpg", "")
    );
    let first = &rows[0];
    let cells = [
        "image_id",
        "width",
        "annotation_id",
        "uuid",
        "x",
        "h",
        "rights",
        "meta:Date",
        "image",
        "group",
    ];
    let cells: Vec<&str> = cells.iter().map(|name| first[*name].as_str()).collect();
    assert_eq!(
        cells,
        [
            "1",
            "200",
            "1",
            "box 0",
            "0",
            "30.5",
            "CC0, \"all\"",
            "1200 | 1250",
            "u1",
            "ms 1"
        ]
    );
}

#[test]
fn coco_has_dense_ids_sorted_categories_and_areas_of_outlines() {
    let outline = json!({ "id": "p", "concept": "b", "bbox": [10, 10, 20, 20],
        "polygon": [[10, 10], [30, 10], [30, 30]], "attributes": { "text": "alef" } });
    let work = one(
        [100, 100],
        [100, 100],
        vec![outline, boxed("q", "a", [0.0, 0.0, 2.5, 4.0])],
    );
    reformat(&work, "coco", &[]).exits(0);
    let coco = work.json("out/annotations/instances_default.json");
    let categories = json!([{ "id": 1, "name": "a", "supercategory": "" }, { "id": 2, "name": "b", "supercategory": "" }]);
    assert_eq!(coco["categories"], categories);
    assert_eq!(
        coco["annotations"],
        json!([
            { "id": 1, "image_id": 1, "category_id": 2, "bbox": [10, 10, 20, 20], "area": 200, "iscrowd": 0,
              "segmentation": [[10, 10, 30, 10, 30, 30]], "uuid": "p", "attributes": { "text": "alef" } },
            { "id": 2, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2.5, 4], "area": 10, "iscrowd": 0,
              "segmentation": [], "uuid": "q" },
        ])
    );
    let image = &coco["images"][0];
    assert_eq!(
        (&image["id"], &image["file_name"], &image["width"]),
        (&json!(1), &json!("a.png"), &json!(100))
    );
    assert_eq!(
        coco["licenses"],
        json!([{ "id": 1, "name": "CC0, \"all\"", "url": "" }])
    );
    assert_eq!(work.read("out/images/a.png"), work.read("a.png"));
}

#[test]
fn coco_keeps_awkward_names_and_folders() {
    let (work, _) = sample();
    reformat(&work, "coco", &[]).exits(0);
    let coco = work.json("out/annotations/instances_default.json");
    let mut names: Vec<&str> = coco["categories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    let mut wanted = AWKWARD.to_vec();
    wanted.push("plain");
    wanted.sort();
    assert_eq!(names, wanted);
    names.clear();
    let files = coco["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["file_name"].as_str().unwrap());
    names.extend(files);
    assert_eq!(
        names,
        ["ms 1/a.jpg", "ms 1/b.jpg", "ms_2/a.png", "ms_3/a.tif"]
    );
}

/// Texts of the elements of one name, by a parser that is not the writer.
fn elements(xml: &str, wanted: &str) -> Vec<String> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(xml);
    let (mut texts, mut open) = (Vec::new(), false);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(e) if e.name().as_ref() == wanted => {
                open = true;
                texts.push(String::new());
            }
            Event::End(e) if e.name().as_ref() == wanted => open = false,
            Event::Text(t) if open => texts.last_mut().unwrap().push_str(&t),
            Event::GeneralRef(r) if open => {
                let name = r.to_string();
                let text = match r.resolve_char_ref().unwrap() {
                    Some(c) => c.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&name)
                        .unwrap()
                        .into(),
                };
                texts.last_mut().unwrap().push_str(&text);
            }
            Event::Eof => return texts,
            _ => {}
        }
    }
}

#[test]
fn voc_holds_names_lists_and_convention() {
    let (work, _) = sample();
    reformat(&work, "voc", &[])
        .exits(0)
        .says(&["2 images are no JPEG", "no labelmap.txt"]);
    let root = "out/VOCdevkit/VOC2012";
    let xml = work.text(&format!("{root}/Annotations/ms_1__a.xml"));
    assert_eq!(elements(&xml, "name"), AWKWARD);
    assert_eq!(elements(&xml, "filename"), ["ms_1__a.jpg"]);
    assert_eq!(elements(&xml, "xmax")[0], "20");
    assert_eq!(elements(&xml, "ymax")[0], "36", "35.5 is rounded half up");
    assert!(xml.contains("<annotation>edge0"), "{xml}");
    let negative = work.text(&format!("{root}/Annotations/ms_1__b.xml"));
    assert!(elements(&negative, "name").is_empty());
    let all = "ms_1__a\nms_1__b\nms_2__a\nms_3__a\n";
    assert_eq!(work.text(&format!("{root}/ImageSets/Main/train.txt")), all);
    assert_eq!(
        work.text(&format!("{root}/ImageSets/Main/trainval.txt")),
        all
    );
    let plain = work.text(&format!("{root}/ImageSets/Main/plain_train.txt"));
    assert_eq!(plain, "ms_1__a -1\nms_1__b -1\nms_2__a  1\nms_3__a  1\n");
    for file in ["ms_1__a.jpg", "ms_2__a.png", "ms_3__a.tif"] {
        assert!(work.exists(&format!("{root}/JPEGImages/{file}")), "{file}");
    }
}

#[test]
fn voc_counts_as_the_devkit_does_when_asked() {
    let work = one(
        [100, 100],
        [100, 100],
        vec![boxed("b", "a", [0.0, 10.0, 5.0, 0.2])],
    );
    let corners = |more: &[&str]| {
        reformat(&work, "voc", more).exits(0);
        let xml = work.text("out/VOCdevkit/VOC2012/Annotations/a.xml");
        ["xmin", "ymin", "xmax", "ymax"].map(|name| elements(&xml, name)[0].clone())
    };
    assert_eq!(corners(&[]), ["0", "10", "5", "11"], "at least one pixel");
    assert_eq!(corners(&["--voc-inclusive"]), ["1", "11", "5", "11"]);
    let labels = work.text("out/VOCdevkit/VOC2012/labelmap.txt");
    assert_eq!(
        labels.lines().skip(1).collect::<Vec<_>>(),
        ["background:0,0,0::", "a:128,0,0::"]
    );
}

#[test]
fn voc_replaces_what_xml_cannot_hold() {
    let work = one(
        [10, 10],
        [10, 10],
        vec![boxed("b", "a\u{1}b", [0.0, 0.0, 5.0, 5.0])],
    );
    reformat(&work, "voc", &[])
        .exits(0)
        .says(&["1 class name has characters that XML cannot hold"]);
    let xml = work.text("out/VOCdevkit/VOC2012/Annotations/a.xml");
    assert_eq!(elements(&xml, "name"), ["a\u{fffd}b"]);
}

/// The records of a TFRecord file, both checksums verified.
fn records(bytes: &[u8]) -> Vec<Vec<u8>> {
    let masked = |data: &[u8]| {
        crc32c::crc32c(data)
            .rotate_right(15)
            .wrapping_add(0xa282_ead8)
    };
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (mut records, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let length = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        assert_eq!(number(at + 8), masked(&bytes[at..at + 8]));
        let data = &bytes[at + 12..at + 12 + length];
        assert_eq!(number(at + 12 + length), masked(data));
        records.push(data.to_vec());
        at += 16 + length;
    }
    records
}

/// The fields of a protocol buffer message that are bytes or messages.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        assert_eq!(tag & 7, 2, "only length-delimited fields are expected");
        let length = varint(&mut bytes) as usize;
        fields.push((tag >> 3, bytes[..length].to_vec()));
        bytes = &bytes[length..];
    }
    fields
}

/// Key → values of a feature: texts and images as they are, packed numbers as one run of bytes.
fn features(example: &[u8]) -> BTreeMap<String, Vec<Vec<u8>>> {
    fields(&fields(example)[0].1)
        .into_iter()
        .map(|(_, entry)| {
            let entry = fields(&entry);
            let list = &fields(&entry[1].1)[0].1;
            let values = fields(list).into_iter().map(|(_, value)| value).collect();
            (String::from_utf8(entry[0].1.clone()).unwrap(), values)
        })
        .collect()
}

fn texts(values: &[Vec<u8>]) -> Vec<&str> {
    values
        .iter()
        .map(|v| std::str::from_utf8(v).unwrap())
        .collect()
}

#[test]
fn tf_records_hold_images_boxes_and_names() {
    let (work, _) = sample();
    reformat(&work, "tf", &[])
        .exits(0)
        .says(&["1 image is embedded as PNG"]);
    let records = records(&work.read("out/data-00000-of-00001.tfrecord"));
    assert_eq!(records.len(), 4);
    let all: Vec<_> = records.iter().map(|record| features(record)).collect();
    assert_eq!(texts(&all[0]["image/object/class/text"]), AWKWARD);
    assert_eq!(all[0]["image/encoded"][0], work.read("images/ms 1/a.jpg"));
    assert_eq!(texts(&all[0]["image/source_id"]), ["1"]);
    assert!(
        all[1]["image/object/bbox/xmin"].is_empty(),
        "a negative has empty lists"
    );
    let floats = |key: &str| -> Vec<f32> {
        let bytes = all[3][key].concat();
        bytes
            .chunks(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect()
    };
    assert_eq!(floats("image/object/bbox/xmin"), [1.0 / 60.0]);
    assert_eq!(floats("image/object/bbox/xmax"), [4.0 / 60.0]);
    assert_eq!(floats("image/object/bbox/ymin"), [2.0 / 60.0]);
    assert_eq!(floats("image/object/bbox/ymax"), [6.0 / 60.0]);
    let tiff = image::load_from_memory(&work.read("images/ms_3/a.tif")).unwrap();
    assert_eq!(texts(&all[3]["image/format"]), ["png"]);
    assert_eq!(
        image::load_from_memory(&all[3]["image/encoded"][0]).unwrap(),
        tiff
    );
    let map = work.text("out/label_map.pbtxt");
    assert!(
        map.starts_with("item {\n  name: '<a & b>'\n  id: 1\n}\n"),
        "{map}"
    );
    assert!(
        map.contains("name: 'line\\nend'") && map.contains("name: 'back\\\\slash'"),
        "{map}"
    );
}

#[test]
fn tf_shards_are_as_large_as_asked() {
    let work = Workdir::new();
    let noise = |seed: u32| {
        let mut state = seed + 1;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let image = RgbImage::from_fn(500, 450, |_, _| Rgb([next(), next(), next()]));
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    let images: Vec<Value> = ["a", "b", "c"]
        .map(|id| image(id, "g", [500, 450], vec![]))
        .into();
    let files = [
        ("a", "a.png", noise(1)),
        ("b", "b.png", noise(2)),
        ("c", "c.png", noise(3)),
    ];
    lay_out(&work, &images, &files);
    reformat(&work, "tf", &[]).exits(0);
    assert!(work.exists("out/data-00000-of-00001.tfrecord"));
    reformat(&work, "tf", &["--shard-mb", "1"]).exits(0);
    for shard in ["00000", "00001", "00002"] {
        assert_eq!(
            records(&work.read(&format!("out/data-{shard}-of-00003.tfrecord"))).len(),
            1
        );
    }
    assert!(
        !work.exists("out/data-00000-of-00001.tfrecord"),
        "the former run's shard is gone"
    );
}

#[test]
fn yolo_names_are_quoted_and_its_numbers_exact() {
    let (work, _) = sample();
    reformat(&work, "yolo", &[]).exits(0);
    let yaml = work.text("out/data.yaml");
    let names: Vec<String> = yaml
        .lines()
        .filter_map(|line| line.strip_prefix("  - "))
        .map(|name| serde_json::from_str(name).unwrap())
        .collect();
    let mut wanted: Vec<&str> = AWKWARD.to_vec();
    wanted.push("plain");
    wanted.sort();
    assert_eq!(names, wanted);
    assert!(
        yaml.contains("train: images/train\n") && yaml.contains("val: images/train\n"),
        "{yaml}"
    );
    assert!(
        !yaml.contains("path:") && yaml.contains("nc: 10\n"),
        "{yaml}"
    );
    let class = wanted.iter().position(|name| *name == "plain").unwrap();
    let line = format!("{class} 0.0416666667 0.0666666667 0.0500000000 0.0666666667\n");
    assert_eq!(work.text("out/labels/train/ms_3__a.txt"), line);
    assert_eq!(work.text("out/labels/train/ms_1__b.txt"), "");
    assert!(work.exists("out/images/train/ms_3__a.tif"));
    let sources = rows(&work, "out/sources.csv");
    assert_eq!(sources[3]["file"], "images/train/ms_3__a.tif");
    assert_eq!(sources[3]["image"], "u4");
}

#[test]
fn vgg_has_a_row_per_image_and_json_attributes() {
    let (work, _) = sample();
    reformat(&work, "vgg", &[]).exits(0);
    let rows = rows(&work, "out/metadata.csv");
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[0]["filename"], "images/ms 1/a.jpg");
    let attributes: Value = serde_json::from_str(&rows[0]["file_attributes"]).unwrap();
    assert_eq!(attributes["label"], "f. 1r");
    assert_eq!(attributes["rights"], "CC0, \"all\"");
    assert_eq!(attributes["metadata"], json!({ "Date": ["1200", "1250"] }));
}

#[test]
fn a_sheet_shows_as_many_pictures_as_asked() {
    let (work, _) = sample();
    let size = |more: &[&str]| {
        reformat(&work, "sheet", more).exits(0);
        let sheet = image::load_from_memory(&work.read("out/sheet.png")).unwrap();
        (sheet.width(), sheet.height())
    };
    let (four, one) = (size(&[]), size(&["--sheet-images", "1"]));
    assert!(four.0 > one.0 && four.1 > one.1, "{four:?} {one:?}");
}

#[test]
fn boxes_are_mapped_from_their_frame_to_the_pixels_of_the_file() {
    let cases = [
        // frame, file, box in the frame, x y w h in the file, what is said
        (
            [100, 50],
            [100, 50],
            [1.0, 2.0, 3.5, 4.0],
            ["1", "2", "3.5", "4"],
            "",
        ),
        (
            [100, 50],
            [200, 100],
            [1.0, 2.0, 3.5, 4.0],
            ["2", "4", "7", "8"],
            "100 x 50 declared, 200 x 100 found",
        ),
        (
            [200, 100],
            [50, 25],
            [4.0, 8.0, 16.0, 4.0],
            ["1", "2", "4", "1"],
            "not of the declared size",
        ),
        (
            [100, 100],
            [100, 50],
            [10.0, 10.0, 20.0, 20.0],
            ["10", "5", "20", "10"],
            "frame 100 x 100, file 100 x 50",
        ),
        (
            [100, 50],
            [100, 50],
            [-5.0, 40.0, 10.0, 20.0],
            ["0", "40", "5", "10"],
            "boxes clipped to their image: 1",
        ),
    ];
    for (frame, size, bbox, wanted, news) in cases {
        let work = one(frame, size, vec![boxed("b", "a", bbox)]);
        let ran = reformat(&work, "csv", &[]);
        ran.exits(0).says(&[news]);
        let row = &rows(&work, "out/annotations.csv")[0];
        let found = ["x", "y", "w", "h"].map(|name| row[name].as_str());
        assert_eq!(found, wanted, "{frame:?} on {size:?}");
        assert_eq!(row["width"], size[0].to_string());
        let disagrees = ran.stderr().contains("aspect ratio");
        assert_eq!(
            disagrees,
            news.starts_with("frame"),
            "{frame:?} on {size:?}"
        );
    }
}

/// A JPEG with an EXIF orientation: an APP1 segment after the first two bytes.
fn turned(width: u32, height: u32, orientation: u8) -> Vec<u8> {
    let jpeg = picture(width, height, 1, ImageFormat::Jpeg);
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

#[test]
fn boxes_drawn_on_the_turned_picture_are_turned_back() {
    let cases = [
        ([50, 100], ["20", "30", "40", "10"], "as EXIF turns it"),
        (
            [100, 50],
            ["10", "20", "10", "40"],
            "EXIF orientation that the boxes do not follow",
        ),
    ];
    for (frame, wanted, news) in cases {
        let work = Workdir::new();
        let bbox = boxed("b", "a", [10.0, 20.0, 10.0, 40.0]);
        lay_out(
            &work,
            &[image("u", "g", frame, vec![bbox])],
            &[("u", "a.jpg", turned(100, 50, 6))],
        );
        reformat(&work, "csv", &[])
            .exits(0)
            .says(&[news, "orientation 6"]);
        let row = &rows(&work, "out/annotations.csv")[0];
        // Below 50 of the stored 50 rows the stored box is clipped.
        let wanted = if frame[0] == 100 {
            ["10", "20", "10", "30"]
        } else {
            wanted
        };
        assert_eq!(["x", "y", "w", "h"].map(|name| row[name].as_str()), wanted);
    }
}

#[test]
fn what_cannot_be_used_is_listed_with_its_reason() {
    let work = Workdir::new();
    let mut unframed = image(
        "unframed",
        "g",
        [10, 10],
        vec![boxed("b", "a", [0.0, 0.0, 1.0, 1.0])],
    );
    unframed.as_object_mut().unwrap().remove("frame");
    let good = || vec![boxed("b", "a", [0.0, 0.0, 1.0, 1.0])];
    let boxes = vec![
        boxed("kept", "a", [0.0, 0.0, 5.0, 5.0]),
        boxed("outside", "a", [10.0, 0.0, 5.0, 5.0]),
        boxed("empty", " ", [0.0, 0.0, 5.0, 5.0]),
        boxed("sliver", "a", [0.0, 0.0, 0.001, 5.0]),
    ];
    let images = [
        image("ok", "g", [10, 10], boxes),
        image("ok", "g", [10, 10], good()),
        unframed,
        image("absent", "g", [10, 10], good()),
        image("gone", "g", [10, 10], vec![]),
        image("text", "g", [10, 10], vec![]),
        image("escapes", "g", [10, 10], vec![]),
        image("shares", "g", [10, 10], vec![]),
    ];
    let files = [
        ("ok", "ok.png", picture(10, 10, 1, ImageFormat::Png)),
        ("unframed", "u.png", picture(10, 10, 2, ImageFormat::Png)),
        ("text", "t.png", b"<html>".to_vec()),
        (
            "escapes",
            "sub/../ok.png",
            picture(10, 10, 1, ImageFormat::Png),
        ),
        ("shares", "ok.png", picture(10, 10, 1, ImageFormat::Png)),
    ];
    std::fs::create_dir(work.path("sub")).unwrap();
    lay_out(&work, &images, &files);
    let mut map = work.json("image_map.json");
    map["gone"] = "gone.png".into();
    work.write_json("image_map.json", &map);
    reformat(&work, "csv", &["--report", "report.json"])
        .exits(3)
        .says(&["left out 1: not downloaded"]);
    let rejects: Vec<[String; 3]> = rows(&work, "out/rejects.csv")
        .iter()
        .map(|row| ["record", "field", "problem"].map(|name| row[name].clone()))
        .collect();
    let wanted = [
        (
            "absent",
            "id",
            "not downloaded: the image map does not name it, 1 box with it",
        ),
        (
            "escapes",
            "file",
            "path leaves the folder of the image map: sub/../ok.png",
        ),
        ("gone", "file", "file cannot be used: "),
        (
            "ok",
            "id",
            "id stands twice: only the first is used, 1 box with it",
        ),
        ("ok empty", "concept", "concept is empty"),
        (
            "ok outside",
            "bbox",
            "nothing of the box is on the image: 10, 0, 5, 5 in its frame, 10 x 10 pixels",
        ),
        (
            "ok sliver",
            "bbox",
            "nothing of the box is on the image: 0, 0, 0.001, 5",
        ),
        (
            "shares",
            "file",
            "file belongs to another image: ok.png to ok",
        ),
        ("text", "file", "file cannot be used: "),
        (
            "unframed b",
            "frame",
            "no frame: nothing says in which space its box is",
        ),
    ];
    assert_eq!(rejects.len(), wanted.len(), "{rejects:#?}");
    for (found, (record, field, problem)) in rejects.iter().zip(wanted) {
        assert_eq!((found[0].as_str(), found[1].as_str()), (record, field));
        assert!(
            found[2].starts_with(problem),
            "{} is not {problem}",
            found[2]
        );
    }
    let report = work.json("report.json");
    let number = |key: &str| report[key].as_u64().unwrap();
    assert_eq!(number("read"), number("kept") + number("rejected"));
    assert_eq!(
        (
            number("kept"),
            number("images"),
            number("boxes"),
            number("negatives")
        ),
        (3, 2, 1, 1)
    );
    reformat(&work, "csv", &["--partial-ok", "--rejects", "mine.csv"]).exits(0);
    assert!(work.exists("mine.csv") && !work.exists("out/rejects.csv"));
}

/// Twelve groups of two images.
fn groups() -> Workdir {
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

#[test]
fn a_split_never_divides_a_group() {
    let work = groups();
    let split = |seed: &str| {
        reformat(
            &work,
            "csv",
            &["--split", "train=0.5,val=0.25,test=0.25", "--seed", seed],
        )
        .exits(0);
        let mut splits: BTreeMap<String, String> = BTreeMap::new();
        for row in rows(&work, "out/annotations.csv") {
            let other = splits.insert(row["group"].clone(), row["split"].clone());
            assert!(
                other.is_none_or(|other| other == row["split"]),
                "{} is divided",
                row["group"]
            );
        }
        splits
    };
    let first = split("0");
    let n = |name: &str| first.values().filter(|split| *split == name).count();
    assert_eq!((n("train"), n("val"), n("test")), (6, 3, 3));
    assert_eq!(split("0"), first);
    assert_ne!(split("1"), first);
    let card = work.json("out/dataset.json");
    assert_eq!(
        card["splits"]["train"],
        json!({ "images": 12, "boxes": 12, "negatives": 0, "groups": 6 })
    );
}

#[test]
fn every_format_keeps_splits_apart() {
    let work = groups();
    let split = ["--split", "train=0.5,val=0.25,test=0.25"];
    let cases = [
        ("coco", "annotations/instances_val.json"),
        ("voc", "VOCdevkit/VOC2012/ImageSets/Main/val.txt"),
        ("tf", "val-00000-of-00001.tfrecord"),
    ];
    for (format, file) in cases {
        let out = format!("sets/{format}");
        let call = [
            &["localizations.json", "-f", format, "-o", &out],
            split.as_slice(),
        ]
        .concat();
        work.run("reformat", &call).exits(0);
        assert!(work.exists(&format!("{out}/{file}")), "{format}");
    }
    let coco = work.json("sets/coco/annotations/instances_val.json");
    assert_eq!(coco["images"].as_array().unwrap().len(), 6);
    assert_eq!(coco["annotations"].as_array().unwrap().len(), 6);
    assert_eq!(
        work.text("sets/voc/VOCdevkit/VOC2012/ImageSets/Main/val.txt")
            .lines()
            .count(),
        6
    );
    assert_eq!(
        work.text("sets/voc/VOCdevkit/VOC2012/ImageSets/Main/trainval.txt")
            .lines()
            .count(),
        18
    );
    assert_eq!(
        records(&work.read("sets/tf/val-00000-of-00001.tfrecord")).len(),
        6
    );
    reformat(&work, "yolo", &split).exits(0);
    assert_eq!(work.tree("out/labels/val").len(), 6);
    assert_eq!(work.tree("out/images/test").len(), 6);
    assert!(
        work.text("out/data.yaml")
            .starts_with("train: images/train\nval: images/val\ntest: images/test\n")
    );
}

#[test]
fn the_same_file_under_two_groups_stays_together() {
    let work = groups();
    for (from, to) in [(0, 2), (2, 4), (4, 6)] {
        let bytes = work.read(&format!("images/{from}.png"));
        work.write(&format!("images/{to}.png"), bytes);
    }
    let ran = reformat(&work, "csv", &["--split", "train=0.5,test=0.5"]);
    ran.exits(0).says(&["3 groups share files with others"]);
    let rows = rows(&work, "out/annotations.csv");
    let splits: Vec<&str> = rows
        .iter()
        .filter(|row| ["g0", "g1", "g2", "g3"].contains(&row["group"].as_str()))
        .map(|row| row["split"].as_str())
        .collect();
    assert!(
        splits.windows(2).all(|pair| pair[0] == pair[1]),
        "{splits:?}"
    );
}

#[test]
fn a_split_that_makes_no_sense_is_a_usage_error_and_an_empty_one_is_news() {
    let work = groups();
    for (split, message) in [
        ("train=0.8,val=0.1", "sum to 0.9"),
        ("train", "is not NAME=SHARE"),
        ("a/b=1", "no name of letters"),
    ] {
        reformat(&work, "csv", &["--split", split])
            .exits(2)
            .says(&[message]);
    }
    let one = one([10, 10], [10, 10], vec![]);
    reformat(&one, "csv", &["--split", "train=0.8,val=0.2"])
        .exits(0)
        .says(&["split val stays empty"]);
}

#[test]
fn a_remap_renames_merges_and_drops() {
    let boxes = ["cat", "dog", "wolf", "mud"].map(|name| boxed(name, name, [0.0, 0.0, 5.0, 5.0]));
    let work = one([10, 10], [10, 10], boxes.into());
    work.write(
        "map.csv",
        "from,to\nwolf,dog\ncat,\"Felis, catus\"\nmud,\nunicorn,horse\n",
    );
    work.write(
        "map.json",
        r#"{"wolf":"dog","cat":"Felis, catus","mud":null,"unicorn":"horse"}"#,
    );
    for map in ["map.csv", "map.json"] {
        let ran = reformat(&work, "csv", &["--remap", map, "--report", "report.json"]);
        ran.exits(0)
            .says(&["--remap names what occurs nowhere: 1 (`unicorn`)"]);
        let rows = rows(&work, "out/annotations.csv");
        let labels: Vec<&str> = rows.iter().map(|row| row["label"].as_str()).collect();
        assert_eq!(labels, ["Felis, catus", "dog", "dog"], "{map}");
        let report = work.json("report.json");
        assert_eq!(
            (&report["filtered"], &report["read"], &report["classes"]),
            (&json!(1), &json!(4), &json!(2))
        );
    }
    work.write("bad.csv", "a,b\n");
    reformat(&work, "csv", &["--remap", "bad.csv"])
        .exits(1)
        .says(&["bad.csv:1: has the columns a,b", "hint:"]);
    reformat(&work, "csv", &["--remap", "none.csv"])
        .exits(1)
        .says(&["none.csv: no such file"]);
}

#[test]
fn negatives_are_kept_unless_they_are_not_wanted() {
    let (work, _) = sample();
    reformat(
        &work,
        "csv",
        &["--negatives", "drop", "--report", "report.json"],
    )
    .exits(0);
    assert!(
        rows(&work, "out/annotations.csv")
            .iter()
            .all(|row| !row["label"].is_empty())
    );
    assert_eq!(work.json("report.json")["filtered"], 1);
    let none = one([10, 10], [10, 10], vec![]);
    reformat(&none, "csv", &["--negatives", "drop"])
        .exits(1)
        .says(&["no image is left to write", "--negatives keep"]);
    assert!(!none.exists("out"));
}

#[cfg(unix)]
#[test]
fn images_are_linked_copied_or_left_where_they_are() {
    use std::os::unix::fs::MetadataExt;
    let (work, _) = sample();
    let names = |path: &str| std::fs::metadata(work.path(path)).unwrap().nlink();
    reformat(&work, "coco", &[]).exits(0);
    assert_eq!(names("out/images/ms 1/a.jpg"), 2);
    reformat(&work, "coco", &["--images", "copy"]).exits(0);
    assert_eq!(names("out/images/ms 1/a.jpg"), 1);
    assert_eq!(names("images/ms 1/a.jpg"), 1, "the linked folder is gone");
    reformat(&work, "coco", &["--images", "none"]).exits(0);
    assert!(!work.exists("out/images"));
    let coco = work.json("out/annotations/instances_default.json");
    assert_eq!(coco["images"][0]["file_name"], "images/ms 1/a.jpg");
}

#[test]
fn an_output_with_the_suffix_of_a_file_is_that_file() {
    let (work, _) = sample();
    for (format, file) in [
        ("coco", "a.json"),
        ("csv", "a.csv"),
        ("vgg", "v.csv"),
        ("sheet", "a.PNG"),
    ] {
        work.run(
            "reformat",
            &["localizations.json", "-f", format, "-o", file],
        )
        .exits(0);
        assert!(work.path(file).is_file(), "{file}");
        assert!(work.exists(&format!("{file}.rejects.csv")), "{file}");
    }
    assert_eq!(
        work.json("a.json")["images"][0]["file_name"],
        "images/ms 1/a.jpg"
    );
    work.run(
        "reformat",
        &["localizations.json", "-f", "coco", "-o", "images/a.json"],
    )
    .exits(0);
    assert_eq!(
        work.json("images/a.json")["images"][0]["file_name"],
        "ms 1/a.jpg"
    );
    let split = [
        "localizations.json",
        "-f",
        "coco",
        "-o",
        "s.json",
        "--split",
        "train=0.5,val=0.5",
    ];
    work.run("reformat", &split)
        .exits(1)
        .says(&["one file cannot hold", "hint: name a folder with -o"]);
    assert!(!work.exists("s.json"));
}

#[test]
fn only_what_recto_wrote_is_replaced() {
    let (work, _) = sample();
    work.write("out/thesis.txt", "mine");
    reformat(&work, "csv", &[]).exits(1).says(&[
        "out: was not written by recto",
        "hint: name another folder with -o",
    ]);
    assert_eq!(work.tree("out").len(), 1);
    std::fs::remove_file(work.path("out/thesis.txt")).unwrap();
    reformat(&work, "csv", &["--report", "out/report.json"]).exits(0);
    reformat(&work, "coco", &["--report", "out/report.json"]).exits(0);
    assert!(
        !work.exists("out/annotations.csv"),
        "the former format's file is gone"
    );
    work.write("out/weights.pt", "mine");
    let ran = reformat(&work, "csv", &["--report", "out/report.json"]);
    ran.exits(1).says(&[
        "out: holds weights.pt, which recto did not write",
        "hint: move that file away",
    ]);
    assert!(work.exists("out/weights.pt") && work.exists("out/annotations/instances_default.json"));
    work.write("file", "x");
    let below = ["localizations.json", "-f", "csv", "-o", "file/out"];
    work.run("reformat", &below)
        .exits(1)
        .says(&["cannot be written"]);
    work.run(
        "reformat",
        &["localizations.json", "-f", "voc", "-o", "file"],
    )
    .exits(1)
    .says(&["is a file, a folder is needed"]);
    work.run("reformat", &["localizations.json", "-f", "csv", "-o", "-"])
        .exits(2)
        .says(&["name a folder"]);
}

#[test]
fn a_run_that_fails_or_is_killed_leaves_the_folder_as_it_was() {
    let (work, _) = sample();
    reformat(&work, "tf", &[]).exits(0);
    let before = work.tree("out");
    let tiff = work.read("images/ms_3/a.tif");
    // The header, at the end of a TIFF by this writer, stays whole; the strips it points to do not.
    let mut broken = tiff.clone();
    let directory = u32::from_le_bytes(tiff[4..8].try_into().unwrap()) as usize;
    let entries = u16::from_le_bytes(tiff[directory..directory + 2].try_into().unwrap()) as usize;
    let strips = (0..entries)
        .map(|i| directory + 2 + i * 12)
        .find(|&at| u16::from_le_bytes([tiff[at], tiff[at + 1]]) == 273)
        .unwrap();
    broken[strips + 8..strips + 12].copy_from_slice(&0x7fff_0000u32.to_le_bytes());
    work.write("images/ms_3/a.tif", broken);
    // What a killed run leaves: a folder named for a process that is gone.
    work.write(".out.4194999.part/data", "half");
    reformat(&work, "tf", &[])
        .exits(1)
        .says(&["images/ms_3/a.tif: cannot be turned into PNG", "hint:"]);
    assert!(work.tree("out") == before);
    let hidden = std::fs::read_dir(work.path(".")).unwrap().filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .ends_with(".part")
    });
    assert_eq!(hidden.count(), 0);
}

#[test]
fn inputs_that_are_missing_or_wrong_are_named_with_what_to_do() {
    let (work, _) = sample();
    work.write(
        "bad.json",
        "{\"contract\":\"recto/localizations\",\n\"version\":1,\"images\":[{\"id\":1}]}",
    );
    work.write(
        "digest.json",
        "{\"contract\":\"recto/digest\",\"version\":1}",
    );
    work.write("map.json", "[1]");
    let cases: [(&[&str], &[&str]); 5] = [
        (&["none.json"], &["none.json: no such file"]),
        (
            &["bad.json"],
            &["bad.json:2:", "`images[0].id`", "invalid type"],
        ),
        (
            &["digest.json"],
            &["is a recto/digest file", "recto-extract"],
        ),
        (
            &["localizations.json", "--image-map", "none.json"],
            &["none.json: no such file", "recto-download"],
        ),
        (
            &["localizations.json", "--image-map", "map.json"],
            &["map.json:1:"],
        ),
    ];
    for (inputs, messages) in cases {
        let call = [inputs, &["-f", "csv", "-o", "out"]].concat();
        work.run("reformat", &call).exits(1).says(messages);
        assert!(!work.exists("out"));
    }
    std::fs::create_dir(work.path("moved")).unwrap();
    for name in ["images", "image_map.json"] {
        std::fs::rename(work.path(name), work.path(&format!("moved/{name}"))).unwrap();
    }
    reformat(&work, "csv", &[])
        .exits(1)
        .says(&["image_map.json: no such file"]);
    reformat(&work, "csv", &["--image-map", "moved/image_map.json"]).exits(0);
}

#[test]
fn nothing_downloaded_is_an_error_that_says_so() {
    let (work, _) = sample();
    work.write("image_map.json", "{}");
    reformat(&work, "csv", &[]).exits(1).says(&[
        "no image is left to write: 4 left out, not downloaded",
        "recto-download",
    ]);
    lay_out(&work, &[], &[]);
    reformat(&work, "csv", &[])
        .exits(1)
        .says(&["localizations.json holds none", "recto-extract"]);
}
