//! Readers of what the formats write that share nothing with the writers.

use std::collections::BTreeMap;
use std::io::Read as _;

use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::{ListAccessor, RowAccessor};
use image::RgbImage;
use serde_json::Value;

use super::dataset::rows;
use super::workdir::Workdir;

/// A picture as a dataset holds it, and its boxes: class and `[left, top, right, bottom]` in pixels.
pub type Sample = (RgbImage, Vec<(String, [f64; 4])>);

/// What the dataset in `out` holds, in its own order; none for formats without boxes.
pub fn read_dataset(work: &Workdir, format: &str) -> Option<Vec<Sample>> {
    match format {
        "coco" => Some(coco(
            work,
            "out/annotations/instances_default.json",
            "out/images",
        )),
        "roboflow" => Some(coco(work, "out/train/_annotations.coco.json", "out/train")),
        "labelstudio" => Some(labelstudio(work)),
        "cvat" => Some(cvat(work)),
        "labelme" => Some(labelme(work)),
        "csv" => Some(csv(work)),
        "tf" => Some(tf(work)),
        "voc" => Some(voc(work)),
        "yolo" | "yolo-seg" | "yolo-obb" => Some(yolo(work)),
        "hf" => Some(hf(work)),
        "parquet" => Some(parquet(work)),
        "webdataset" => Some(webdataset(work)),
        "vgg" | "sheet" | "counts" | "crops" | "iiif" | "lines" | "report" => None,
        // Read again by the programs themselves, in tests of transcriptions.
        "alto" | "page" => None,
        other => panic!("no test can read {other}"),
    }
}

fn decode(bytes: &[u8]) -> RgbImage {
    image::load_from_memory(bytes).unwrap().into_rgb8()
}

fn coco(work: &Workdir, annotations: &str, images: &str) -> Vec<Sample> {
    let coco = work.json(annotations);
    let list = |key: &str| coco[key].as_array().unwrap().clone();
    let (annotations, categories) = (list("annotations"), list("categories"));
    let name = |id: &Value| categories.iter().find(|c| c["id"] == *id).unwrap()["name"].clone();
    let sample = |image: &Value| {
        let own = annotations.iter().filter(|a| a["image_id"] == image["id"]);
        let boxes = own.map(|a| {
            let [x, y, w, h] = [0, 1, 2, 3].map(|i| a["bbox"][i].as_f64().unwrap());
            let name = name(&a["category_id"]).as_str().unwrap().to_owned();
            (name, [x, y, x + w, y + h])
        });
        let file = format!("{images}/{}", image["file_name"].as_str().unwrap());
        (decode(&work.read(&file)), boxes.collect())
    };
    list("images").iter().map(sample).collect()
}

fn labelstudio(work: &Workdir) -> Vec<Sample> {
    let tasks = work.json("out/tasks.json");
    let sample = |task: &Value| {
        let url = task["data"]["image"].as_str().unwrap();
        let path = url.strip_prefix("/data/local-files/?d=").unwrap();
        let path = percent_encoding::percent_decode_str(path)
            .decode_utf8()
            .unwrap();
        let picture = decode(&work.read(&format!("out/{path}")));
        let results = task["annotations"][0]["result"].as_array().unwrap();
        let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
        let boxes = results.iter().filter_map(|result| {
            let value = &result["value"];
            let number = |key: &str| value[key].as_f64().unwrap();
            let kind = result["type"].as_str().unwrap();
            let [left, top, right, bottom] = match kind {
                "polygonlabels" => bounds(&value["points"]),
                "rectanglelabels" => {
                    let (x, y) = (number("x"), number("y"));
                    [x, y, x + number("width"), y + number("height")]
                }
                _ => return None,
            };
            let [x, y] = [width / 100.0, height / 100.0];
            let label = value[kind][0].as_str().unwrap().to_owned();
            Some((label, [left * x, top * y, right * x, bottom * y]))
        });
        let boxes = boxes.collect();
        (picture, boxes)
    };
    tasks.as_array().unwrap().iter().map(sample).collect()
}

/// The edges around points.
fn bounds(points: &Value) -> [f64; 4] {
    let points = points.as_array().unwrap().iter();
    let side = |axis: usize| {
        points
            .clone()
            .map(move |point| point[axis].as_f64().unwrap())
    };
    let least = |axis| side(axis).fold(f64::INFINITY, f64::min);
    let most = |axis| side(axis).fold(f64::NEG_INFINITY, f64::max);
    [least(0), least(1), most(0), most(1)]
}

fn cvat(work: &Workdir) -> Vec<Sample> {
    use quick_xml::events::Event;
    let xml = work.text("out/annotations.xml");
    let mut reader = quick_xml::Reader::from_str(&xml);
    let mut samples: Vec<Sample> = Vec::new();
    loop {
        let element = match reader.read_event().unwrap() {
            Event::Eof => return samples,
            Event::Start(element) | Event::Empty(element) => element,
            _ => continue,
        };
        let value = |name: &str| {
            let value = element.try_get_attribute(name).unwrap().unwrap();
            let value = value.normalized_value(quick_xml::XmlVersion::Implicit1_0);
            value.unwrap().into_owned()
        };
        match element.name().as_ref() {
            "image" => {
                let picture = decode(&work.read(&format!("out/images/{}", value("name"))));
                samples.push((picture, Vec::new()));
            }
            "box" => {
                let edges = ["xtl", "ytl", "xbr", "ybr"].map(|edge| value(edge).parse().unwrap());
                samples.last_mut().unwrap().1.push((value("label"), edges));
            }
            "polygon" => {
                let points = value("points").replace(';', "],[");
                let points = format!("[[{points}]]");
                let edges = bounds(&serde_json::from_str(&points).unwrap());
                samples.last_mut().unwrap().1.push((value("label"), edges));
            }
            _ => {}
        }
    }
}

fn labelme(work: &Workdir) -> Vec<Sample> {
    let files = work.tree("out/train").into_iter();
    let documents = files.filter(|(path, _)| path.ends_with(".json"));
    let sample = |(_, bytes): (String, Vec<u8>)| {
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        let shapes = document["shapes"].as_array().unwrap().iter();
        let boxes = shapes.map(|shape| {
            let edges = bounds(&shape["points"]);
            (shape["label"].as_str().unwrap().to_owned(), edges)
        });
        let file = format!("out/train/{}", document["imagePath"].as_str().unwrap());
        (decode(&work.read(&file)), boxes.collect())
    };
    documents.map(sample).collect()
}

fn csv(work: &Workdir) -> Vec<Sample> {
    let mut samples: BTreeMap<String, Sample> = BTreeMap::new();
    for row in rows(work, "out/annotations.csv") {
        let picture = || (decode(&work.read(&row["file"])), Vec::new());
        let sample = samples
            .entry(row["image_id"].clone())
            .or_insert_with(picture);
        if !row["label"].is_empty() {
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| row[key].parse::<f64>().unwrap());
            sample.1.push((row["label"].clone(), [x, y, x + w, y + h]));
        }
    }
    samples.into_values().collect()
}

fn voc(work: &Workdir) -> Vec<Sample> {
    let root = "out/VOCdevkit/VOC2012";
    let annotations = work.tree(&format!("{root}/Annotations"));
    let sample = |xml: Vec<u8>| {
        let xml = String::from_utf8(xml).unwrap();
        let edges = ["xmin", "ymin", "xmax", "ymax"].map(|edge| elements(&xml, edge));
        // Attributes, as CVAT writes them, have names too.
        let own = xml.split("<attributes>");
        let own = own.map(|part| {
            part.split_once("</attributes>")
                .map_or(part, |(_, rest)| rest)
        });
        let names = elements(&own.collect::<String>(), "name")
            .into_iter()
            .enumerate();
        let boxes = names.map(|(i, name)| {
            (
                name,
                [0, 1, 2, 3].map(|edge: usize| edges[edge][i].parse().unwrap()),
            )
        });
        let file = format!("{root}/JPEGImages/{}", elements(&xml, "filename")[0]);
        (decode(&work.read(&file)), boxes.collect())
    };
    annotations.into_values().map(sample).collect()
}

fn yolo(work: &Workdir) -> Vec<Sample> {
    let yaml = work.text("out/data.yaml");
    let names: Vec<String> = yaml
        .lines()
        .filter_map(|line| line.strip_prefix("  - "))
        .map(|name| serde_json::from_str(name).unwrap())
        .collect();
    let mut images = work.tree("out/images/train").into_iter();
    let mut labels = work.tree("out/labels/train").into_iter();
    let pairs = std::iter::from_fn(|| Some((images.next()?, labels.next()?)));
    let sample = |((image, bytes), (label, text)): ((String, Vec<u8>), (String, Vec<u8>))| {
        assert_eq!(
            image.rsplit_once('.').unwrap().0,
            label.rsplit_once('.').unwrap().0
        );
        let picture = decode(&bytes);
        let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
        let text = String::from_utf8(text).unwrap();
        let boxes = text.lines().map(|line| {
            let n: Vec<f64> = line.split(' ').map(|n| n.parse().unwrap()).collect();
            if n.len() > 5 {
                let side = |first: usize, scale: f64| {
                    let values = n[first..].iter().step_by(2).map(move |v| v * scale);
                    let least = values.clone().fold(f64::INFINITY, f64::min);
                    (least, values.fold(0.0, f64::max))
                };
                let ((left, right), (top, bottom)) = (side(1, width), side(2, height));
                return (names[n[0] as usize].clone(), [left, top, right, bottom]);
            }
            let [cx, cy, w, h] = [
                n[1] * width,
                n[2] * height,
                n[3] * width / 2.0,
                n[4] * height / 2.0,
            ];
            (
                names[n[0] as usize].clone(),
                [cx - w, cy - h, cx + w, cy + h],
            )
        });
        let boxes = boxes.collect();
        (picture, boxes)
    };
    pairs.map(sample).collect()
}

fn hf(work: &Workdir) -> Vec<Sample> {
    let rows = work.text("out/train/metadata.jsonl");
    let sample = |row: &str| {
        let row: Value = serde_json::from_str(row).unwrap();
        let file = format!("out/train/{}", row["file_name"].as_str().unwrap());
        (decode(&work.read(&file)), coco_boxes(&row["objects"]))
    };
    rows.lines().map(sample).collect()
}

/// Boxes as lists of `bbox` and `label`.
fn coco_boxes(objects: &Value) -> Vec<(String, [f64; 4])> {
    let boxes = objects["bbox"].as_array().unwrap().iter().enumerate();
    let one = |(i, bbox): (usize, &Value)| {
        let [x, y, w, h] = [0, 1, 2, 3].map(|i| bbox[i].as_f64().unwrap());
        let label = objects["label"][i].as_str().unwrap().to_owned();
        (label, [x, y, x + w, y + h])
    };
    boxes.map(one).collect()
}

fn parquet(work: &Workdir) -> Vec<Sample> {
    let bytes = work.read("out/data/train-00000-of-00001.parquet");
    let rows = parquet_rows(bytes).into_iter();
    rows.map(|row| {
        let picture = decode(row.get_group(0).unwrap().get_bytes(0).unwrap().data());
        let objects = row.get_group(9).unwrap();
        let (bboxes, labels) = (objects.get_list(1).unwrap(), objects.get_list(6).unwrap());
        let boxes = (0..bboxes.len()).map(|i| {
            let bbox = bboxes.get_list(i).unwrap();
            let [x, y, w, h] = [0, 1, 2, 3].map(|i| bbox.get_double(i).unwrap());
            let label = labels.get_string(i).unwrap().clone();
            (label, [x, y, x + w, y + h])
        });
        (picture, boxes.collect())
    })
    .collect()
}

/// The rows of a Parquet file.
pub fn parquet_rows(bytes: Vec<u8>) -> Vec<::parquet::record::Row> {
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| row.unwrap()).collect()
}

fn webdataset(work: &Workdir) -> Vec<Sample> {
    let files = tar_files(&work.read("out/train-000000.tar"));
    let sample = |pair: &[(String, Vec<u8>)]| {
        let (image, json) = (&pair[0], &pair[1]);
        let key = |(name, _): &(String, Vec<u8>)| name.split_once('.').unwrap().0.to_owned();
        assert_eq!(key(image), key(json));
        let row: Value = serde_json::from_slice(&json.1).unwrap();
        (decode(&image.1), coco_boxes(&row["objects"]))
    };
    files.chunks(2).map(sample).collect()
}

/// The names and bytes of the files in a tar file.
pub fn tar_files(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut tar = tar::Archive::new(bytes);
    let entries = tar.entries().unwrap();
    let file = |entry: std::io::Result<tar::Entry<&[u8]>>| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().display().to_string(), bytes)
    };
    entries.map(file).collect()
}

fn tf(work: &Workdir) -> Vec<Sample> {
    let sample = |record: Vec<u8>| {
        let features = features(&record);
        let picture = decode(&features["image/encoded"][0]);
        let edges = ["xmin", "ymin", "xmax", "ymax"]
            .map(|edge| floats(&features[&format!("image/object/bbox/{edge}")]));
        let names = texts(&features["image/object/class/text"]);
        let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
        let boxes = names.iter().enumerate().map(|(i, name)| {
            let side = [width, height, width, height];
            let edges = [0, 1, 2, 3].map(|edge: usize| f64::from(edges[edge][i]) * side[edge]);
            ((*name).to_owned(), edges)
        });
        let boxes = boxes.collect();
        (picture, boxes)
    };
    let records = records(&work.read("out/data-00000-of-00001.tfrecord"));
    records.into_iter().map(sample).collect()
}

/// Texts of the elements of one name, by a parser that is not the writer.
pub fn elements(xml: &str, wanted: &str) -> Vec<String> {
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

/// The records of a TFRecord file, both checksums verified.
pub fn records(bytes: &[u8]) -> Vec<Vec<u8>> {
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
pub fn features(example: &[u8]) -> BTreeMap<String, Vec<Vec<u8>>> {
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

/// Byte strings as texts.
pub fn texts(values: &[Vec<u8>]) -> Vec<&str> {
    values
        .iter()
        .map(|v| std::str::from_utf8(v).unwrap())
        .collect()
}

/// A packed list of 32-bit floats.
pub fn floats(values: &[Vec<u8>]) -> Vec<f32> {
    let bytes = values.concat();
    let floats = bytes.chunks(4);
    floats
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}
