//! The source `yolo`: a label file per image, whose rows are `class cx cy w h` relative to the image, or `class x1 y1 x2
//! y2 …` for outlines and rotated boxes; predictions have their confidence at the end (Ultralytics' `save_txt`, `save_conf`).
//!
//! The names of the classes stand in `data.yaml`, or one per line in `classes.txt` (labelImg, Label Studio) or `obj.names`
//! (darknet), the first of which is class 0. `sources.csv`, which recto writes beside a set, leads from files to images.

use serde_json::Value;

use super::image_list;
use super::model::{BoxDocument, GivenBox, GivenClass, GivenImage, GivenShape, Row, Unit, points};
use super::yaml::{self, Node};
use crate::image_names;
use crate::values::excerpt;

/// Names of files that hold a class per line.
const LISTS: [&str; 4] = [
    "classes.txt",
    "predefined_classes.txt",
    "labels.txt",
    "obj.names",
];

/// Numbers beyond this are not parts of an image: a box may extend a little beyond it.
const MOST: f64 = 2.0;

/// Reads a document; what it is, its name says.
///
/// # Errors
/// It is not text, not YAML, or not a table of files.
pub fn read(name: &str, bytes: &[u8]) -> Result<BoxDocument, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "document is not UTF-8".to_owned())?;
    let file = file_name(name);
    let mut document = BoxDocument::of(name);
    if is_yaml(&file) {
        settings(&mut document, text)?;
    } else if is_list(&file) {
        document.classes = listed(text);
    } else if file.ends_with(".csv") {
        document.addresses = image_list::table(text)?;
    } else {
        labels(&mut document, &file, text);
    }
    Ok(document)
}

/// The last part of a name in lower case, without `.gz`.
fn file_name(name: &str) -> String {
    let last = image_names::parts(name).pop().unwrap_or_default();
    let last = last.to_lowercase();
    last.strip_suffix(".gz").map(str::to_owned).unwrap_or(last)
}

fn is_yaml(file: &str) -> bool {
    file.ends_with(".yaml") || file.ends_with(".yml")
}

fn is_list(file: &str) -> bool {
    LISTS.contains(&file) || file.ends_with(".names")
}

/// Whether a file in a folder of labels is one of those that this source reads.
pub fn is_read(path: &str) -> bool {
    let file = file_name(path);
    let is_other = file == "requirements.txt" || file.starts_with("readme");
    is_yaml(&file)
        || is_list(&file)
        || file == "sources.csv"
        || (file.ends_with(".txt") && !is_other)
}

/// Classes of `data.yaml`, `classes.txt` or a table in the same form, for `--classes`.
///
/// # Errors
/// The file does not hold names of classes.
pub fn classes(name: &str, bytes: &[u8]) -> Result<BoxDocument, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "document is not UTF-8".to_owned())?;
    let mut document = BoxDocument::of(name);
    match is_yaml(&file_name(name)) {
        true => settings(&mut document, text)?,
        false => document.classes = listed(text),
    }
    match document.classes.is_empty() {
        true => Err("file does not hold any name of a class".into()),
        false => Ok(document),
    }
}

/// A name per line; an empty line takes a number too, unless it is at the end.
fn listed(text: &str) -> Vec<(String, String)> {
    let lines = text.trim_end().lines().map(str::trim).enumerate();
    let named = lines.filter(|(_, name)| !name.is_empty());
    named
        .map(|(i, name)| (i.to_string(), name.to_owned()))
        .collect()
}

fn settings(document: &mut BoxDocument, text: &str) -> Result<(), String> {
    let root = yaml::read(text)?;
    let names = root.member("names").or_else(|| root.member("categories"));
    match names {
        Some(Node::List(names)) => {
            for (i, name) in names.iter().enumerate() {
                class(document, i.to_string(), name);
            }
        }
        Some(Node::Map(names)) => {
            for (number, name) in names {
                class(document, number.trim().to_owned(), name);
            }
        }
        Some(Node::Text(text)) if !text.trim().is_empty() => {
            document.reject(
                "names",
                "names",
                format!("names are not a list: {}", excerpt(text)),
            );
        }
        _ => document.reject("names", "names", "names of the classes are missing"),
    }
    if let Some(Node::List(numbers)) = root.member("kpt_shape") {
        let numbers: Vec<usize> = numbers
            .iter()
            .filter_map(|n| n.text()?.trim().parse().ok())
            .collect();
        match <[usize; 2]>::try_from(numbers) {
            Ok([count, of_each]) if count <= 10_000 && (2..=3).contains(&of_each) => {
                document.keypoints = Some([count, of_each]);
            }
            _ => document.reject(
                "kpt_shape",
                "kpt_shape",
                "kpt_shape is not two whole numbers",
            ),
        }
    }
    Ok(())
}

fn class(document: &mut BoxDocument, number: String, name: &Node) {
    match name.text().map(str::trim) {
        Some(name) if !name.is_empty() => document.classes.push((number, name.to_owned())),
        _ => document.reject(
            &format!("names[{number}]"),
            "names",
            "name of the class is missing",
        ),
    }
}

/// The rows of a label file.
fn labels(document: &mut BoxDocument, file: &str, text: &str) {
    let lines = || {
        (1..)
            .zip(text.lines())
            .filter(|(_, line)| !line.trim().is_empty())
    };
    if lines().next().is_some() && lines().all(|(_, line)| image_names::is_image(line.trim())) {
        let note = format!(
            "{}: a list of images, which is not read: name the folder of the labels",
            document.name
        );
        return document.notes.push(note);
    }
    for (number, line) in lines() {
        let place = format!("line {number}");
        match row(&place, line) {
            Ok(row) => document.rows.push(row),
            Err(problem) => document.reject_box(&place, "line", problem, ""),
        }
    }
    let stem = file.strip_suffix(".txt").unwrap_or(file);
    document.images.push(GivenImage {
        place: "label file".into(),
        key: String::new(),
        names: vec![stem_of(&document.name, stem)],
        ..GivenImage::default()
    });
}

/// The path of a label file as that of its image, without suffix: `labels` becomes `images`, the last of several.
fn stem_of(name: &str, stem: &str) -> String {
    let mut parts = image_names::parts(name);
    let last = parts.pop().unwrap_or_default();
    let folders = parts.iter().rposition(|part| part == "labels");
    if let Some(at) = folders {
        parts[at] = "images".into();
    }
    // In the case in which it is written.
    parts.push(last.get(..stem.len()).unwrap_or(&last).to_owned());
    parts.join("/")
}

fn row(place: &str, line: &str) -> Result<Row, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (class, rest) = words.split_first().ok_or("line is empty")?;
    let number: Option<f64> = class.parse().ok();
    let number = number.filter(|n: &f64| *n >= 0.0 && n.fract() == 0.0 && *n < 1e9);
    let number =
        number.ok_or_else(|| format!("class is not a whole number: {}", excerpt(class)))?;
    let numbers = rest.iter().map(|word| {
        let number: Option<f64> = word.parse().ok();
        number.filter(|n| n.is_finite()).ok_or_else(|| {
            format!(
                "line contains something that is not a number: {}",
                excerpt(word)
            )
        })
    });
    let numbers: Vec<f64> = numbers.collect::<Result<_, _>>()?;
    match numbers.len() {
        0..4 => Err(format!(
            "line has too few numbers: {} after the class, at least 4 are needed",
            numbers.len()
        )),
        _ => Ok(Row {
            place: place.to_owned(),
            class: number.to_string(),
            numbers,
        }),
    }
}

/// The box of a row, on the image of its document.
///
/// # Errors
/// The problem of a reject.
pub fn given_box(row: &Row, keypoints: Option<[usize; 2]>) -> Result<GivenBox, String> {
    let mut attributes = std::collections::BTreeMap::new();
    let mut put = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
    let n = &row.numbers;
    let (numbers, rest) = split(n, keypoints);
    let shape = match numbers.len() {
        4 => centred(numbers)?,
        _ => of_outline(numbers)?,
    };
    match (keypoints, rest) {
        (Some([count, of_each]), rest) if rest.len() >= count * of_each => {
            let (points, rest) = rest.split_at(count * of_each);
            put("keypoints", points.to_vec().into());
            put_confidence(rest, &mut put);
        }
        (_, rest) => put_confidence(rest, &mut put),
    }
    Ok(GivenBox {
        place: row.place.clone(),
        id: None,
        image: String::new(),
        class: GivenClass::Number(row.class.clone()),
        shape: Some(shape),
        attributes,
    })
}

/// The numbers of the place, and those behind them: keypoints, confidence, the number of a track.
fn split(n: &[f64], keypoints: Option<[usize; 2]>) -> (&[f64], &[f64]) {
    let is_track = |v: &f64| v.fract() == 0.0 && *v > 1.0;
    match (n.len(), keypoints) {
        (_, Some([count, of_each])) if (4..=5).any(|more| n.len() == count * of_each + more) => {
            n.split_at(4)
        }
        (4 | 5, _) => n.split_at(4),
        (6, _) if n.last().is_some_and(is_track) => n.split_at(4),
        (len, _) if len % 2 == 1 => n.split_at(len - 1),
        (len, _) => n.split_at(len),
    }
}

fn put_confidence(rest: &[f64], put: &mut impl FnMut(&str, Value) -> Option<Value>) {
    for value in rest {
        // Ultralytics' trackers put the number of the track last.
        let name = if *value > 1.0 { "track" } else { "confidence" };
        put(name, (*value).into());
    }
}

fn check(numbers: &[f64]) -> Result<(), String> {
    match numbers.iter().find(|v| v.abs() > MOST) {
        Some(v) => Err(format!(
            "numbers are not relative to the image: {v}, between 0 and 1 was expected"
        )),
        None => Ok(()),
    }
}

fn centred(numbers: &[f64]) -> Result<GivenShape, String> {
    check(numbers)?;
    match numbers {
        &[cx, cy, width, height] => GivenShape::of_box(
            [cx - width / 2.0, cy - height / 2.0, width, height],
            Unit::Share,
        ),
        _ => Err("line does not have four numbers".into()),
    }
}

fn of_outline(numbers: &[f64]) -> Result<GivenShape, String> {
    check(numbers)?;
    GivenShape::of_outlines(vec![points(numbers)?], Unit::Share)
}
