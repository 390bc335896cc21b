//! The source `labelstudio`: Label Studio's JSON and JSON-MIN exports, a list of tasks with annotations and predictions.
//!
//! Places are in percent of the image, rotated clockwise about the upper left corner. What is said of one region stands in
//! several results with one id: its shape, its labels, its transcription.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::loose_json::{self, key, shown};
use super::model::{
    BoxDocument, GivenBox, GivenClass, GivenImage, GivenShape, Unit, corners, ellipse, rotated,
};
use crate::contracts::{ANNOTATED_EMPTY, Metadata};
use crate::summary::counted;
use crate::values;

/// Reads a document.
///
/// # Errors
/// It is not JSON.
pub fn read(name: &str, bytes: &[u8]) -> Result<BoxDocument, String> {
    let mut document = BoxDocument::of(name);
    let tasks: Vec<&RawValue> = match bytes.trim_ascii_start().first() {
        Some(b'[') => loose_json::parse(bytes)?,
        // One task, or one per line.
        _ => {
            let stream = serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>();
            let tasks: Result<_, _> = stream.collect();
            tasks.map_err(|e| format!("document cannot be read as JSON: {e}"))?
        }
    };
    let (mut both, mut refused) = (0, 0);
    for (i, task) in tasks.into_iter().enumerate() {
        let place = format!("[{i}]");
        let task =
            serde_json::from_str(task.get()).map_err(|e| format!("record cannot be read: {e}"));
        match task.and_then(loose_json::object) {
            Ok(task) => match read_task(&mut document, &place, task) {
                Beside::Nothing => {}
                Beside::Boxes => both += 1,
                Beside::Empty => refused += 1,
            },
            Err(problem) => document.reject(&place, "task", problem),
        }
    }
    if both > 0 {
        document.notes.push(format!(
            "{name}: {} annotations and predictions: --where 'box.predicted!=true' keeps annotations alone",
            counted(both, "task has", "tasks have")
        ));
    }
    if refused > 0 {
        document.notes.push(format!(
            "{name}: {} predictions beside an annotation that says that nothing is there: --where 'box.predicted!=true' keeps images \
             without boxes of these",
            counted(refused, "task has", "tasks have")
        ));
    }
    Ok(document)
}

/// What annotators say of a task, or of an image of it, for which there are predictions.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Beside {
    /// There are no predictions, or no annotations.
    Nothing,
    /// There are boxes of both.
    Boxes,
    /// That nothing is there.
    Empty,
}

impl Beside {
    /// Of so many results of annotations and predictions; `is_empty`: those that were submitted have none.
    fn of(given: usize, predicted: usize, is_empty: bool) -> Self {
        match (given, predicted) {
            (_, 1..) if is_empty => Beside::Empty,
            (1.., 1..) => Beside::Boxes,
            _ => Beside::Nothing,
        }
    }
}

/// Reads a task.
fn read_task(document: &mut BoxDocument, place: &str, mut task: Map<String, Value>) -> Beside {
    if !is_task(&task) {
        document.reject(
            place,
            "task",
            "record is not a task of Label Studio, nor one of its JSON-MIN",
        );
        return Beside::Nothing;
    }
    let Some(parts) = by_image(document, place, &mut task) else {
        return read_image(document, place, task, None);
    };
    let mut beside = Beside::Nothing;
    for (image, part) in parts {
        let place = format!("{place}.data.{image}");
        beside = beside.max(read_image(document, &place, part, Some(&image)));
    }
    beside
}

/// A task about several images, as a task for each image about which something is said: `to_name` of the results is the name of
/// its data. Other images and results that cannot be told are rejected. None where the task is about one image.
fn by_image(
    document: &mut BoxDocument,
    place: &str,
    task: &mut Map<String, Value>,
) -> Option<Vec<(String, Map<String, Value>)>> {
    let Some(Value::Object(data)) = task.get("data") else {
        return None;
    };
    let is_image = |value: &Value| value.as_str().is_some_and(crate::image_names::is_image);
    let images: Vec<String> = data
        .iter()
        .filter(|(_, value)| is_image(value))
        .map(|(name, _)| name.clone())
        .collect();
    let mut named: Vec<&str> = results_of(task)
        .filter_map(|result| result["to_name"].as_str())
        .collect();
    named.sort_unstable();
    named.dedup();
    // The name of an only one is often that of a tag of the labeling interface, which says nothing about the data.
    let is_about_main = |name: &str| {
        data.get(name).and_then(Value::as_str).map(str::trim) == image_of(task).as_deref()
    };
    let is_one = match named[..] {
        [] => true,
        [name] => !images.iter().any(|image| image == name) || is_about_main(name),
        _ => false,
    };
    if images.len() < 2 || is_one {
        return None;
    }
    let is_told = |result: &Value| {
        result["to_name"]
            .as_str()
            .is_none_or(|name| images.iter().any(|image| image == name))
    };
    let unclear: Vec<String> = results_of(task)
        .filter(|result| !is_told(result))
        .map(|result| {
            format!(
                "to_name is not the name of one of the images of the task: {}",
                shown(&result["to_name"])
            )
        })
        .collect();
    unclear
        .into_iter()
        .for_each(|problem| document.reject(place, "to_name", problem));
    let (said, unsaid): (Vec<String>, Vec<String>) = images
        .into_iter()
        .partition(|image| named.contains(&image.as_str()));
    for image in unsaid {
        let place = format!("{place}.data.{image}");
        document.reject(&place, "to_name", "no result names this image of the task");
    }
    let of_image = |image: String| (image.clone(), part_of(task, &image));
    Some(said.into_iter().map(of_image).collect())
}

/// What a task says about one of its images.
fn part_of(task: &Map<String, Value>, image: &str) -> Map<String, Value> {
    let mut part = task.clone();
    for statement in said_in(&mut part) {
        if let Some(Value::Array(results)) = statement.get_mut("result") {
            results.retain(|result| result["to_name"].as_str() == Some(image));
        }
    }
    part
}

/// The results of all annotations and predictions of a task.
fn results_of(task: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let statements = STATEMENTS
        .iter()
        .filter_map(|name| task.get(*name)?.as_array())
        .flatten();
    statements
        .filter_map(|statement| statement.get("result")?.as_array())
        .flatten()
}

fn said_in(task: &mut Map<String, Value>) -> impl Iterator<Item = &mut Value> {
    let members = task
        .iter_mut()
        .filter(|(name, _)| STATEMENTS.contains(&name.as_str()));
    members
        .filter_map(|(_, value)| value.as_array_mut())
        .flatten()
}

/// The members of a task that hold annotations and predictions.
const STATEMENTS: [&str; 3] = ["annotations", "completions", "predictions"];

/// Whether annotations were submitted and all of these are empty.
fn are_empty(annotations: &[Value]) -> bool {
    let is_submitted = |item: &&Value| item["was_cancelled"] != Value::Bool(true);
    let is_empty = |item: &Value| item["result"].as_array().is_some_and(Vec::is_empty);
    let mut submitted = annotations.iter().filter(is_submitted).peekable();
    submitted.peek().is_some() && submitted.all(is_empty)
}

/// Reads what a task says about one image, by the name of its data; none: the only one.
fn read_image(
    document: &mut BoxDocument,
    place: &str,
    mut task: Map<String, Value>,
    image: Option<&str>,
) -> Beside {
    let named = image.and_then(|name| task.get("data")?.get(name)?.as_str());
    let Some(url) = named.map(str::to_owned).or_else(|| image_of(&task)) else {
        document.reject(place, "data", "task does not have an image");
        return Beside::Nothing;
    };
    let mut reading = Reading {
        document,
        image: place.to_owned(),
        size: None,
        labels: Vec::new(),
        skipped: 0,
    };
    let annotations = take_list(&mut task, &["annotations", "completions"]);
    let predictions = take_list(&mut task, &["predictions"]);
    reject_drafts(reading.document, place, &mut task);
    // An annotation that says nothing says that there is nothing; a task without annotation does not.
    if task.contains_key("data") && annotations.is_empty() && predictions.is_empty() {
        reading
            .document
            .reject(place, "annotations", "task is not annotated");
        return Beside::Nothing;
    }
    let (submitted, listed) = (annotations.len(), reading.document.rejects.len());
    let is_empty = are_empty(&annotations);
    let mut given = reading.statements(place, "annotations", annotations);
    let before = reading.document.boxes.len();
    let predicted = reading.statements(place, "predictions", predictions);
    if !task.contains_key("data") {
        given += reading.minimal(place, &task);
    }
    let beside = Beside::of(given, predicted, is_empty);
    if beside == Beside::Empty {
        for given in &mut reading.document.boxes[before..] {
            given.attributes.insert(ANNOTATED_EMPTY.into(), true.into());
        }
    }
    let (size, labels) = (reading.size, std::mem::take(&mut reading.labels));
    let is_unread = reading.is_unread(submitted, listed);
    document.images.push(GivenImage {
        place: place.to_owned(),
        key: place.to_owned(),
        id: id_of_recto(&task).filter(|_| image.is_none()),
        url: Some(url.clone()).filter(|url| crate::sources::source::is_url(url)),
        names: names(&url, &task),
        size,
        metadata: metadata(&task, &url),
        labels,
        is_unread,
        ..GivenImage::default()
    });
    beside
}

fn take_list(task: &mut Map<String, Value>, names: &[&str]) -> Vec<Value> {
    let lists = names.iter().filter_map(|name| task.shift_remove(*name));
    let items = |list: Value| match list {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    lists.flat_map(items).collect()
}

/// The image of a task: `data.image`, else the first text of its data that is the name of an image file.
fn image_of(task: &Map<String, Value>) -> Option<String> {
    let data = match task.get("data") {
        Some(Value::Object(data)) => data,
        _ => task,
    };
    let named = ["image", "img", "image_url", "url"]
        .iter()
        .find_map(|name| data.get(*name)?.as_str());
    let any = || {
        data.values()
            .filter_map(Value::as_str)
            .find(|text| crate::image_names::is_image(text))
    };
    let image = named.filter(|text| !text.trim().is_empty()).or_else(any)?;
    Some(image.trim().to_owned())
}

/// The id of the image, where recto-reformat wrote the task.
fn id_of_recto(task: &Map<String, Value>) -> Option<String> {
    values::text(task.get("data")?.get("image_id")?)
}

/// Rejects what annotators have not submitted.
fn reject_drafts(document: &mut BoxDocument, place: &str, task: &mut Map<String, Value>) {
    for (i, _) in take_list(task, &["drafts"]).iter().enumerate() {
        let place = format!("{place}.drafts[{i}]");
        let problem = "draft was not submitted: what it says is not read";
        document.reject(&place, "draft", problem);
    }
}

/// Whether a record has what every task has, or every record of JSON-MIN, or answers.
fn is_task(task: &Map<String, Value>) -> bool {
    const OWN: [&str; 6] = [
        "data",
        "id",
        "annotator",
        "annotation_id",
        "created_at",
        "lead_time",
    ];
    OWN.iter().any(|member| task.contains_key(*member)) || task.values().any(Value::is_array)
}

/// The names of a task's image. An upload gets eight digits before its name.
fn names(url: &str, task: &Map<String, Value>) -> Vec<String> {
    let storage =
        ["storage_filename", "file_upload"].map(|name| task.get(name).and_then(values::text));
    let mut names = vec![url.to_owned()];
    names.extend(storage.into_iter().flatten());
    let last = crate::image_names::parts(url).pop().unwrap_or_default();
    if let Some((digits, name)) = last.split_once('-')
        && digits.len() == 8
        && digits.bytes().all(|b| b.is_ascii_hexdigit())
    {
        names.push(name.to_owned());
    }
    names.dedup();
    names
}

fn metadata(task: &Map<String, Value>, url: &str) -> Metadata {
    // In JSON-MIN what is said of the whole image stands beside the data.
    let data = match task.get("data") {
        Some(Value::Object(data)) => data,
        _ => task,
    };
    const OWN: [&str; 7] = [
        "id",
        "annotator",
        "annotation_id",
        "created_at",
        "updated_at",
        "lead_time",
        "is_labeled",
    ];
    let is_said = |name: &str| task.contains_key("data") || !OWN.contains(&name);
    let said = data.iter().filter(|(name, _)| is_said(name));
    let texts = said.filter_map(|(name, value)| {
        let text = values::text(value).filter(|text| text != url)?;
        Some((name.clone(), vec![text]))
    });
    texts.collect()
}

pub(super) struct Reading<'a> {
    pub(super) document: &'a mut BoxDocument,
    image: String,
    size: Option<[u32; 2]>,
    pub(super) labels: Vec<String>,
    /// How many annotations their authors cancelled.
    skipped: usize,
}

/// What results with one id say of a region.
#[derive(Default)]
pub(super) struct Region {
    pub(super) place: String,
    pub(super) shape: Option<Result<GivenShape, String>>,
    pub(super) labels: Vec<String>,
    pub(super) attributes: BTreeMap<String, Value>,
    /// Whether a result about it was rejected.
    pub(super) is_listed: bool,
}

impl Reading<'_> {
    /// Whether nothing of so many annotations says that there is nothing: who skips a task does not, and what was listed after so
    /// many rejects may be anything.
    fn is_unread(&self, submitted: usize, listed: usize) -> bool {
        let listed = self.document.rejects.len() - listed;
        listed > self.skipped || (self.skipped > 0 && self.skipped == submitted)
    }

    /// Reads the annotations or the predictions of a task; returns how many results they have.
    fn statements(&mut self, place: &str, name: &str, list: Vec<Value>) -> usize {
        let mut count = 0;
        for (i, item) in list.into_iter().enumerate() {
            let place = format!("{place}.{name}[{i}]");
            count += self.statement(&place, item, name == "predictions");
        }
        count
    }

    /// Reads an annotation or a prediction; returns how many results it has.
    fn statement(&mut self, place: &str, item: Value, predicted: bool) -> usize {
        let mut item = match loose_json::object(item) {
            Ok(item) => item,
            Err(problem) => {
                self.document.reject(place, "result", problem);
                return 0;
            }
        };
        let results = match item.shift_remove("result") {
            Some(Value::Array(results)) => results,
            None | Some(Value::Null) => Vec::new(),
            Some(other) => {
                let problem = format!("results are not a list but {}", shown(&other));
                self.document.reject(place, "result", problem);
                return 0;
            }
        };
        let count = results.len();
        if item.get("was_cancelled") == Some(&Value::Bool(true)) {
            self.skipped += 1;
            self.document.reject(
                place,
                "was_cancelled",
                "annotation was cancelled by its author",
            );
            return count;
        }
        let mut common: BTreeMap<String, Value> = BTreeMap::new();
        let mut keep = |name: &str, value: Option<&Value>| {
            if let Some(value) = value.filter(|value| !value.is_null()) {
                common.insert(name.to_owned(), value.clone());
            }
        };
        if predicted {
            keep("predicted", Some(&Value::Bool(true)));
            keep("model_version", item.get("model_version"));
            keep(
                "confidence",
                item.get("score")
                    .filter(|score| values::number(score).is_some()),
            );
        } else {
            keep("annotator", annotator(&item).as_ref());
            keep(
                "ground_truth",
                item.get("ground_truth")
                    .filter(|is| **is == Value::Bool(true)),
            );
        }
        self.regions(place, results, &common);
        count
    }

    fn regions(&mut self, place: &str, results: Vec<Value>, common: &BTreeMap<String, Value>) {
        let mut regions: Vec<Region> = Vec::new();
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        for (i, result) in results.into_iter().enumerate() {
            let place = format!("{place}.result[{i}]");
            let result = match loose_json::object(result) {
                Ok(result) => result,
                Err(problem) => {
                    self.document.reject(&place, "result", problem);
                    continue;
                }
            };
            let id = result
                .get("id")
                .and_then(key)
                .unwrap_or_else(|| place.clone());
            let next = regions.len();
            let number = *numbers.entry(id).or_insert(next);
            if number == next {
                regions.push(Region {
                    place: place.clone(),
                    ..Region::default()
                });
            }
            if let Err((field, problem)) = self.result(&mut regions[number], &result) {
                regions[number].is_listed = true;
                self.document.reject(&place, field, problem);
            }
        }
        for region in regions {
            self.finish(region, common);
        }
    }

    /// Adds to a region what a result says of it. The error is that of a result that is not read.
    pub(super) fn result(
        &mut self,
        region: &mut Region,
        result: &Map<String, Value>,
    ) -> Result<(), (&'static str, String)> {
        let kind = result
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let empty = Value::Null;
        let value = result.get("value").unwrap_or(&empty);
        let size = loose_json::size(result.get("original_width"), result.get("original_height"));
        self.size = self.size.or(size);
        if let Some(score) = result.get("score").and_then(values::number) {
            region.attributes.insert("confidence".into(), score.into());
        }
        let meta = result.get("meta").and_then(Value::as_object);
        region.attributes.extend(meta.into_iter().flat_map(noted));
        let shape_of = kind.strip_suffix("labels").unwrap_or(kind);
        match shape_of {
            "rectangle" | "polygon" | "ellipse" => {
                let rotated = result
                    .get("image_rotation")
                    .and_then(values::number)
                    .unwrap_or(0.0);
                if rotated.rem_euclid(360.0) != 0.0 {
                    region.shape = Some(Err(format!(
                        "image was shown rotated: by {rotated} degrees"
                    )));
                } else {
                    region.shape = Some(shape(shape_of, value, size));
                }
                if let Some(turn) = values::number(&value["rotation"]).filter(|turn| *turn != 0.0) {
                    region.attributes.insert("rotation".into(), turn.into());
                }
            }
            "keypoint" => region.shape = Some(Err("a point has no extent: keypoint".into())),
            "brush" | "bitmask" => {
                region.shape = Some(Err(format!(
                    "mask is not read: {kind}; export polygons or COCO"
                )));
            }
            // `labels` beside a shape, without place of its own.
            "" | "choices" | "taxonomy" | "textarea" | "number" | "rating" | "pairwise"
            | "datetime" => {}
            "relation" => return Err(("type", "relation between regions is not read".into())),
            other => return Err(("type", format!("type of result is not read: {other}"))),
        }
        statements(region, result, kind, value);
        Ok(())
    }

    /// Adds a region, or what is said of the whole image. `common` is said of all regions of an annotation.
    pub(super) fn finish(&mut self, region: Region, common: &BTreeMap<String, Value>) {
        let Region {
            place,
            shape,
            mut labels,
            attributes: own,
            is_listed,
        } = region;
        let Some(shape) = shape else {
            // A choice about the whole image.
            if !labels.is_empty() {
                return self.labels.append(&mut labels);
            }
            let kinds: Vec<&str> = own.keys().map(String::as_str).collect();
            let problem = match kinds.is_empty() {
                true if is_listed => return,
                true => "result does not say anything".to_owned(),
                false => format!(
                    "statement about the whole image is not a class: {}",
                    kinds.join(", ")
                ),
            };
            return self.document.reject(&place, "value", problem);
        };
        let mut attributes = common.clone();
        attributes.extend(own);
        let shape = match shape {
            Ok(shape) => shape,
            Err(problem) => return self.lose(&place, problem),
        };
        let mut names = labels.iter().cloned();
        let name = match (names.next(), attributes.contains_key("text")) {
            (Some(name), _) => name,
            // What is transcribed and has no label.
            (None, true) => "text".into(),
            (None, false) => {
                return self.lose(&place, "region does not have a label".into());
            }
        };
        if labels.len() > 1 {
            attributes.insert("labels".into(), labels.into());
        }
        self.document.boxes.push(GivenBox {
            place,
            id: None,
            image: self.image.clone(),
            class: GivenClass::Name(name),
            shape: Some(shape),
            attributes,
        });
    }

    fn lose(&mut self, place: &str, problem: String) {
        self.document
            .reject_box(place, "value", problem, &self.image);
    }
}

fn annotator(item: &Map<String, Value>) -> Option<Value> {
    let by = item.get("completed_by")?;
    let name = match by {
        Value::Object(person) => person.get("email").or_else(|| person.get("id"))?,
        other => other,
    };
    values::text(name).map(Value::from)
}

/// What is noted about a region: its note, and members of other programs.
fn noted(meta: &Map<String, Value>) -> impl Iterator<Item = (String, Value)> + '_ {
    meta.iter().filter_map(|(name, value)| match &**name {
        "text" => {
            let text = texts(value).join("\n");
            (!text.is_empty()).then(|| ("note".to_owned(), text.into()))
        }
        _ => Some((name.clone(), value.clone())),
    })
}

/// All texts of a value.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items
            .iter()
            .filter_map(|item| match item {
                // Taxonomies: the path to a class, whose last part is the class.
                Value::Array(path) => path.last().and_then(values::text),
                item => values::text(item),
            })
            .collect(),
        value => values::text(value).into_iter().collect(),
    }
}

/// Labels, texts and other statements of a result.
pub(super) fn statements(
    region: &mut Region,
    result: &Map<String, Value>,
    kind: &str,
    value: &Value,
) {
    match kind {
        "textarea" => {
            let text = texts(&value["text"]);
            if !text.is_empty() {
                region
                    .attributes
                    .insert("text".into(), text.join("\n").into());
            }
        }
        "choices" | "taxonomy" if region.shape.is_none() && region.labels.is_empty() => {
            region.labels.extend(texts(&value[kind]));
        }
        "choices" | "taxonomy" | "number" | "rating" | "datetime" => {
            let name = result
                .get("from_name")
                .and_then(values::text)
                .unwrap_or_else(|| kind.to_owned());
            let mut given = texts(&value[kind]);
            let given = match given.len() {
                1 => Value::from(given.remove(0)),
                _ => Value::from(given),
            };
            region.attributes.insert(name, given);
        }
        kind => {
            let key = if kind.ends_with("labels") {
                kind
            } else {
                "labels"
            };
            let labels = texts(&value[key]);
            region
                .labels
                .extend(labels.into_iter().filter(|label| !label.is_empty()));
            // A transcription that stands beside its box.
            let text = texts(&value["text"]);
            if !text.is_empty() {
                region
                    .attributes
                    .insert("text".into(), text.join("\n").into());
            }
        }
    }
    region.labels.dedup();
}

/// A shape in parts of the image. Turned shapes need the size of the image: a percent of its width is not one of its height.
fn shape(kind: &str, value: &Value, size: Option<[u32; 2]>) -> Result<GivenShape, String> {
    let number = |name: &str| {
        let number = values::number(&value[name]);
        number.ok_or_else(|| format!("{name} is not a finite number: {}", shown(&value[name])))
    };
    let rotation = values::number(&value["rotation"])
        .unwrap_or(0.0)
        .rem_euclid(360.0);
    let (sx, sy, unit) = match size {
        Some([width, height]) => (
            f64::from(width) / 100.0,
            f64::from(height) / 100.0,
            Unit::Pixel,
        ),
        None if rotation != 0.0 => {
            return Err(
                "rotated shape on an image of unknown size: original_width is missing".into(),
            );
        }
        None => (0.01, 0.01, Unit::Share),
    };
    match kind {
        "rectangle" => {
            let numbers = [
                number("x")? * sx,
                number("y")? * sy,
                number("width")? * sx,
                number("height")? * sy,
            ];
            let upright = GivenShape::of_box(numbers, unit)?;
            if rotation == 0.0 {
                return Ok(upright);
            }
            let outline = rotated(corners(numbers), [numbers[0], numbers[1]], rotation);
            GivenShape::of_outlines(vec![outline], unit)
        }
        "ellipse" => {
            let centre = [number("x")? * sx, number("y")? * sy];
            ellipse(
                centre,
                [number("radiusX")? * sx, number("radiusY")? * sy],
                rotation,
                unit,
            )
        }
        _ => polygon(value, [sx, sy], unit),
    }
}

/// A closed outline, its points as parts of width and height.
fn polygon(value: &Value, [sx, sy]: [f64; 2], unit: Unit) -> Result<GivenShape, String> {
    let Value::Array(points) = &value["points"] else {
        return Err(format!(
            "points are not a list: {}",
            shown(&value["points"])
        ));
    };
    if value["closed"] == Value::Bool(false) {
        return Err("a line has no extent: polygon is not closed".into());
    }
    let mut numbers = Vec::new();
    for (i, point) in points.iter().enumerate() {
        let [x, y] = loose_json::numbers::<2>(point, &format!("points[{i}]"))?;
        numbers.extend([x * sx, y * sy]);
    }
    GivenShape::of_outlines(vec![super::model::points(&numbers)?], unit)
}
