//! The source `yolo`: a label file per image, whose rows are `class cx cy w h` relative to the image, or `class x1 y1 x2
//! y2 …` for outlines and rotated boxes; predictions have their confidence at the end (Ultralytics' `save_txt`, `save_conf`).
//!
//! The names of the classes stand in `data.yaml`, or one per line in `classes.txt` (labelImg, Label Studio) or `obj.names`
//! (darknet), the first of which is class 0. `sources.csv`, which recto writes beside a set, leads from files to images.

use serde_json::Value;

use super::class_names;
use super::image_list;
use super::model::{BoxDocument, GivenBox, GivenClass, GivenImage, GivenShape, Row, Unit, points};
use super::yaml::{self, Node};
use crate::contracts::keypoints_value;
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
    // Old programs end lines with CR alone.
    let text = &*text.replace("\r\n", "\n").replace('\r', "\n");
    let file = file_name(name);
    let mut document = BoxDocument::of(name);
    if is_yaml(&file) {
        settings(&mut document, text)?;
    } else if is_list(&file) {
        document.classes = listed(text);
        if is_numbered(&document.classes) {
            let problem = "each line begins with its number, which is read as a part of the name of the class";
            document.notes.push(format!("{name}: {problem}"));
        }
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
        false => {
            if let Some(other) = class_names::other_than_list(text) {
                return Err(format!(
                    "file does not have the name of a class on each line: it is {other}"
                ));
            }
            document.classes = listed(text);
        }
    }
    match document.classes.is_empty() {
        true => Err("file does not hold any name of a class".into()),
        false => Ok(document),
    }
}

/// A name per line; an empty line takes a number too, unless it is at the end.
fn listed(text: &str) -> Vec<(String, String)> {
    let lines = text.trim_end().lines().map(str::trim);
    let lines = lines.filter(|line| class_names::is_class(line)).enumerate();
    let named = lines.filter(|(_, name)| !name.is_empty());
    named
        .map(|(i, name)| (i.to_string(), name.to_owned()))
        .collect()
}

/// Whether each name begins with the number of its class.
fn is_numbered(classes: &[(String, String)]) -> bool {
    let is_numbered = |(number, name): &(String, String)| {
        let rest = name.strip_prefix(number.as_str());
        rest.is_some_and(|rest| rest.starts_with([' ', '\t', ':', ',']))
    };
    !classes.is_empty() && classes.iter().all(is_numbered)
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
    document.images.push(GivenImage {
        place: "label file".into(),
        key: String::new(),
        names: vec![stem_of(&document.name, file)],
        ..GivenImage::default()
    });
}

/// The name of the image that a label file is about; none for other files.
pub fn own_name(name: &str) -> Option<String> {
    let file = file_name(name);
    let is_of_labels = !is_yaml(&file) && !is_list(&file) && !file.ends_with(".csv");
    is_of_labels.then(|| stem_of(name, &file))
}

/// The path of a label file as that of its image, without suffix: `labels` becomes `images`, the last of several.
fn stem_of(name: &str, file: &str) -> String {
    let stem = file.strip_suffix(".txt").unwrap_or(file);
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

/// What the rows of a run have in common: a row alone does not say whether its last number is a coordinate.
#[derive(Clone, Copy, Debug, Default)]
pub struct RowHabits {
    /// Whether rows end with the number of a track: some end with a number that is nothing else.
    has_tracks: bool,
    /// Whether some rows are outlines.
    has_outlines: bool,
}

impl RowHabits {
    /// The habits of all rows of a run. Rows with keypoints say nothing: theirs end with a visibility.
    pub fn of<'a>(rows: impl Iterator<Item = &'a Row>) -> Self {
        let (mut all, mut firsts) = (0_usize, 0_usize);
        let mut habits = RowHabits::default();
        for row in rows {
            let count = row.numbers.len();
            habits.has_tracks |= count > 4 && ends_with_track(row, 2.0);
            habits.has_outlines |= count > 6;
            let is_first = count >= 8 && count % 2 == 0 && row.numbers.last() == Some(&1.0);
            all += 1;
            firsts += usize::from(is_first);
        }
        // One object alone has the number 1 in all rows; outlines do not all end at the lower edge.
        habits.has_tracks |= all > 1 && firsts == all;
        habits
    }

    /// How many numbers of a row without keypoints tell its place: a box or an outline. Trackers count from 1, which may
    /// also be the last coordinate of an outline at the lower edge.
    fn place(self, row: &Row) -> usize {
        let is_tracked = ends_with_track(row, if self.has_tracks { 1.0 } else { 2.0 });
        match row.numbers.len() {
            0..=5 => 4,
            6 if is_tracked || (!self.has_outlines && ends_with_track(row, 1.0)) => 4,
            count if count % 2 == 1 => count - 1,
            count if is_tracked => count - 2,
            count => count,
        }
    }
}

/// Whether the last number of a row may be that of a track: a whole number from `least` on.
fn ends_with_track(row: &Row, least: f64) -> bool {
    let last = row.numbers.last();
    last.is_some_and(|v| v.fract() == 0.0 && *v >= least)
}

/// The box of a row, on the image of its document.
///
/// # Errors
/// The problem of a reject.
pub fn given_box(
    row: &Row,
    keypoints: Option<[usize; 2]>,
    habits: RowHabits,
) -> Result<GivenBox, String> {
    let mut attributes = std::collections::BTreeMap::new();
    let mut put = |name: &str, value: Value| drop(attributes.insert(name.to_owned(), value));
    let (place, points) = match keypoints {
        Some([count, of_each]) => posed(row, count * of_each)?,
        None if has_visibilities(&row.numbers) => {
            return Err("line is a box with keypoints, but kpt_shape is not known: data.yaml with kpt_shape is needed beside the labels, or as --classes FILE".into());
        }
        None => (habits.place(row), 0),
    };
    let (numbers, rest) = row.numbers.split_at(place);
    let shape = match place {
        4 => centred(numbers)?,
        _ => of_outline(numbers)?,
    };
    let (points, rest) = rest.split_at(points);
    if !points.is_empty() {
        let of_each = keypoints.map_or(3, |[_, of_each]| of_each);
        put("keypoints", keypoints_value(&triples(points, of_each)));
    }
    let (confidence, track) = after_place(rest, habits)?;
    for (name, number) in [("confidence", confidence), ("track", track)] {
        if let Some(number) = number {
            put(name, number.into());
        }
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

/// What stands behind the place of a box: its confidence, and the number of its track, which Ultralytics puts last.
///
/// # Errors
/// It can be neither: it may be an angle, and the box another one.
fn after_place(rest: &[f64], habits: RowHabits) -> Result<(Option<f64>, Option<f64>), String> {
    // Some programs round up.
    const SURE: f64 = 1.005;
    let (confidence, track) = match *rest {
        [confidence, track] => (Some(confidence), Some(track)),
        [track] if track > SURE || (habits.has_tracks && track == 1.0) => (None, Some(track)),
        [confidence] => (Some(confidence), None),
        _ => (None, None),
    };
    let strange = confidence.filter(|n| !(0.0..=SURE).contains(n));
    match strange.or(track.filter(|n| n.fract() != 0.0)) {
        Some(n) => Err(format!(
            "number after the place is neither a confidence nor the number of a track: {n}"
        )),
        None => Ok((confidence, track)),
    }
}

/// Whether numbers are a box and keypoints with visibilities, perhaps with confidence and track: each third after the box is
/// 0, 1 or 2. No coordinate is 2, and so many coordinates do not lie at the edges.
fn has_visibilities(numbers: &[f64]) -> bool {
    const SURE: usize = 5;
    (0..=2).any(|tail| {
        let points = numbers.len().saturating_sub(4 + tail);
        if points < 6 || !points.is_multiple_of(3) {
            return false;
        }
        let seen: Vec<f64> = numbers[6..4 + points].iter().step_by(3).copied().collect();
        let are_visibilities = seen.iter().all(|v| [0.0, 1.0, 2.0].contains(v));
        let is_beyond = seen[..seen.len() - 1].contains(&2.0);
        let is_within = numbers.iter().any(|v| v.fract() != 0.0);
        are_visibilities && (is_beyond || (seen.len() >= SURE && is_within))
    })
}

/// Keypoints with their visibility. Of two numbers, a point at the corner of the image is one that is not there.
fn triples(numbers: &[f64], of_each: usize) -> Vec<[f64; 3]> {
    let point = |point: &[f64]| match *point {
        [x, y] if [x, y] == [0.0, 0.0] => [x, y, 0.0],
        [x, y, seen, ..] => [x, y, seen],
        [x, y] => [x, y, 2.0],
        _ => [0.0; 3],
    };
    numbers.chunks(of_each.max(1)).map(point).collect()
}

/// How many numbers of a row tell the place and the keypoints of a box, where each box has so many numbers of keypoints.
/// Boxes without keypoints are read too, since other models may have found them.
fn posed(row: &Row, points: usize) -> Result<(usize, usize), String> {
    let with_points = 4 + points;
    match row.numbers.len() {
        count if (with_points..=with_points + 2).contains(&count) => Ok((4, points)),
        4 | 5 => Ok((4, 0)),
        6 if ends_with_track(row, 1.0) => Ok((4, 0)),
        count => Err(format!(
            "line does not have the keypoints of kpt_shape: {count} numbers after the class, {with_points} are needed"
        )),
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
