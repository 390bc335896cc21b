//! `labelstudio`: tasks with their annotations for Label Studio, and the labelling interface that they fit.
//!
//! Places are in percent of the image. A box with an outline is a polygon, all others are rectangles; what a model predicted
//! (the attribute `predicted`) is a prediction and not an annotation. Images are served from the set's folder by Label
//! Studio's local files: their document root is that folder.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::ascii_json;
use super::box_attributes::Others;
use super::bridges::{bridge_note, bridged};
use super::contents::Contents;
use super::dataset::{Dataset, DatasetBox, DatasetImage};
use super::format::{Format, FormatInfo, FormatOptions, Writer, Written};
use super::sink::{Sink, cannot, place_image};
use super::xml::attribute;
use super::yolo_rows::one_ring;
use crate::contracts::Named;
use crate::error::Error;

/// The format `labelstudio`: tasks for Label Studio.
#[derive(Debug)]
pub struct LabelStudio;

const TASKS: &str = "tasks.json";
const INTERFACE: &str = "interface.xml";

/// What stays as it is in the path of a URL.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

impl Format for LabelStudio {
    fn info(&self) -> FormatInfo {
        FormatInfo {
            name: "labelstudio",
            about: "tasks for Label Studio with rectangles, polygons and texts, and their labelling interface",
            is_detection: true,
            holds_images: true,
            has_picture_files: true,
            keeps_names: true,
            ..FormatInfo::default()
        }
    }

    fn conventions(&self, _: &FormatOptions) -> String {
        "x, y, width, height and points in percent of the image, decimals kept, clipped to the image; a box with an outline is a \
         polygon, parts and holes joined by lines to and fro; images are /data/local-files/?d=images/…, relative to the folder of \
         the set; other attributes of a box are the meta of its region; ASCII"
            .into()
    }

    fn contents(&self, dataset: &Dataset) -> Vec<Contents> {
        let plain = Contents::plain;
        let mut contents = vec![
            plain(
                "tasks",
                "The images and their boxes.",
                TASKS,
                "application/json",
            ),
            plain(
                "interface",
                "The labelling interface.",
                INTERFACE,
                "application/xml",
            ),
        ];
        contents.extend(Contents::images(dataset, "images/*"));
        contents
    }

    fn begin<'a>(
        &self,
        dataset: &'a Dataset,
        _: &'a FormatOptions,
        out: &mut dyn Sink,
    ) -> Result<Box<dyn Writer + 'a>, Error> {
        out.append(TASKS, b"[")?;
        Ok(Box::new(TaskWriter {
            dataset,
            root: dataset.image_root(),
            labels: BTreeSet::new(),
            bridged: 0,
            bytes: Vec::new(),
        }))
    }
}

struct TaskWriter<'a> {
    dataset: &'a Dataset,
    root: &'static str,
    /// Labels of whole images.
    labels: BTreeSet<String>,
    /// How many outlines need lines to and fro.
    bridged: u64,
    bytes: Vec<u8>,
}

impl Writer for TaskWriter<'_> {
    fn image(&mut self, image: &DatasetImage, out: &mut dyn Sink) -> Result<(), Error> {
        let path = format!("images/{}", image.below(self.root));
        let file = if self.dataset.placed {
            path.as_str()
        } else {
            image.file.as_str()
        };
        self.bridged += bridged(image);
        self.labels.extend(image.labels.iter().cloned());
        self.bytes.clear();
        self.bytes
            .extend_from_slice(if image.number == 1 { b"\n" } else { b",\n" });
        let task = task(self.dataset, image, file);
        ascii_json::write(&mut self.bytes, &task).map_err(cannot(TASKS))?;
        out.append(TASKS, &self.bytes)?;
        place_image(image, &path, self.dataset, out)
    }

    fn finish(self: Box<Self>, out: &mut dyn Sink) -> Written {
        out.append(TASKS, b"\n]\n")?;
        out.close(TASKS)?;
        let interface = interface(self.dataset, &self.labels);
        out.put(INTERFACE, interface.as_bytes())?;
        Ok(bridge_note("labelstudio", self.bridged))
    }
}

fn task(dataset: &Dataset, image: &DatasetImage, file: &str) -> Value {
    let file = utf8_percent_encode(file, PATH);
    let (mut given, mut predicted) = (whole(image), BTreeMap::<String, Vec<Value>>::new());
    for b in &image.boxes {
        let results = results(dataset, image, b);
        match b.attributes.value("predicted") {
            Some(Value::Bool(true)) => {
                let model = b.attributes.get("model_version");
                let model = model.and_then(|v| v.as_str());
                predicted
                    .entry(model.unwrap_or_default().to_owned())
                    .or_default()
                    .extend(results);
            }
            _ => given.extend(results),
        }
    }
    let prediction = |(model, results): (String, Vec<Value>)| json!({ "model_version": model, "result": results });
    let predictions: Vec<Value> = predicted.into_iter().map(prediction).collect();
    // An image without boxes is annotated too: nothing is on it.
    let annotations = match given.is_empty() && !predictions.is_empty() {
        true => json!([]),
        false => json!([{ "result": given }]),
    };
    json!({
        "id": image.number,
        "data": {
            "image": format!("/data/local-files/?d={file}"), "image_id": image.id, "origin": image.origin,
            "group": image.group, "split": image.split.as_deref().unwrap_or_default(),
        },
        "annotations": annotations, "predictions": predictions,
    })
}

/// What is said of the whole image.
fn whole(image: &DatasetImage) -> Vec<Value> {
    let choices = || json!({ "from_name": "whole", "to_name": "image", "type": "choices", "value": { "choices": image.labels } });
    (!image.labels.is_empty())
        .then(choices)
        .into_iter()
        .collect()
}

/// What is said of a box: its shape and class, and its text.
fn results(dataset: &Dataset, image: &DatasetImage, b: &DatasetBox) -> Vec<Value> {
    let [width, height] = [image.width, image.height].map(|side| 100.0 / f64::from(side));
    let class = &dataset.classes[b.class];
    let mut place = Map::new();
    let (kind, from) = match &b.outline {
        Some(outline) => {
            let points = one_ring(outline).into_iter();
            let points: Vec<[f64; 2]> = points.map(|[x, y]| [x * width, y * height]).collect();
            place.insert("points".into(), json!(points));
            place.insert("closed".into(), true.into());
            ("polygonlabels", "outline")
        }
        None => {
            let sides = [
                ("x", b.bbox.x * width),
                ("y", b.bbox.y * height),
                ("width", b.bbox.width * width),
                ("height", b.bbox.height * height),
                ("rotation", 0.0),
            ];
            place.extend(sides.map(|(name, value)| (name.to_owned(), json!(value))));
            ("rectanglelabels", "box")
        }
    };
    let result = |kind: &str, from: &str, name: &str, said: &str| {
        let mut value = place.clone();
        value.insert(name.to_owned(), json!([said]));
        json!({
            "id": b.id, "type": kind, "from_name": from, "to_name": "image", "original_width": image.width,
            "original_height": image.height, "image_rotation": 0, "value": value,
        })
    };
    let mut results = vec![result(kind, from, kind, class)];
    let confidence = b
        .attributes
        .value("confidence")
        .filter(|score| score.is_number());
    if let Some(score) = confidence {
        results[0]["score"] = score.clone();
    }
    let others = others(b);
    if !others.is_empty() {
        results[0]["meta"] = others.object().into();
    }
    results.extend(
        b.text()
            .map(|text| result("textarea", "text", "text", text)),
    );
    results
}

/// What is said of a box beyond what results have members for.
fn others<'a>(b: &'a DatasetBox<'a>) -> Others<'a> {
    let has_score = b
        .attributes
        .value("confidence")
        .is_some_and(Value::is_number);
    let own: fn(&str) -> bool = match has_score {
        true => |name| has_place(name) || name == "confidence",
        false => has_place,
    };
    Others::of(b, own)
}

fn has_place(name: &str) -> bool {
    ["text", "predicted", "model_version", "baseline"].contains(&name)
        || name.ends_with("keypoints")
}

/// The labelling interface: what the results name.
fn interface(dataset: &Dataset, labels: &BTreeSet<String>) -> String {
    let values = |tag: &str, names: &mut dyn Iterator<Item = &String>| -> String {
        names
            .map(|name| format!("    <{tag} value=\"{}\"/>\n", attribute(name)))
            .collect()
    };
    let mut xml = "<View>\n  <Image name=\"image\" value=\"$image\" zoom=\"true\"/>\n".to_owned();
    let mut shapes = |tag: &str, name: &str| {
        let labels = values("Label", &mut dataset.classes.iter());
        xml += &format!("  <{tag} name=\"{name}\" toName=\"image\">\n{labels}  </{tag}>\n");
    };
    shapes("RectangleLabels", "box");
    shapes("PolygonLabels", "outline");
    if dataset.texts() > 0 {
        xml +=
            "  <TextArea name=\"text\" toName=\"image\" perRegion=\"true\" editable=\"true\"/>\n";
    }
    if !labels.is_empty() {
        let labels = values("Choice", &mut labels.iter());
        xml += &format!(
            "  <Choices name=\"whole\" toName=\"image\" choice=\"multiple\">\n{labels}  </Choices>\n"
        );
    }
    xml + "</View>\n"
}
