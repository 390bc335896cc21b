//! What training sets say of their images: their annotation files, read again as observations. With that two sets are
//! compared by their boxes, not by the bytes of files in which every number shifts when an image is added.
//!
//! A file is read as a whole, and no larger one than [`MOST`]; sets of other formats are compared by their files.

mod growth;
mod rows;

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

pub use growth::Growth;
use growth::{growth, growth_of_lines};

use crate::contracts::Observation;
use crate::error::Error;
use crate::files;
use crate::sources::boxes::model::BoxDocument;
use crate::sources::boxes::{self, Boxes};
use crate::sources::{Answer, DocumentRequest, Source};

/// The largest file that is read, in bytes: some hundred thousand boxes.
const MOST: u64 = 128 << 20;

/// How files of a format are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// By the source of boxes with this name.
    Source(&'static str),
    /// A table with a row per box.
    Csv,
    /// A line of JSON per image.
    JsonLines,
}

/// The formats that can be read.
const READERS: [(&str, Reader); 9] = [
    ("coco", Reader::Source("coco")),
    ("roboflow", Reader::Source("coco")),
    ("yolo", Reader::Source("yolo")),
    ("yolo-seg", Reader::Source("yolo")),
    ("yolo-obb", Reader::Source("yolo")),
    ("voc", Reader::Source("voc")),
    ("labelstudio", Reader::Source("labelstudio")),
    ("csv", Reader::Csv),
    ("hf", Reader::JsonLines),
];

/// What a file of a set says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Which boxes are on which images.
    Annotations,
    /// What dataset.json and other files say too.
    Derived,
    /// A list of images, one a line, its name first; what follows it, annotations say too.
    Names,
    /// A list, each line of which begins with a number that is counted anew in every set.
    Counted,
    /// A list, each line of which stands for itself.
    List,
    /// A picture, or anything else.
    Other,
}

/// The list of classes of YOLO.
const CLASSES: &str = "data.yaml";
/// The labelling interface of labelstudio, which names the classes.
const INTERFACE: &str = "interface.xml";

/// The annotation files of a set.
#[derive(Debug)]
pub struct AnnotationFiles {
    folder: PathBuf,
    /// Folder of each format, with `/` at its end or empty, and how its files are read.
    formats: Vec<(String, Reader)>,
    /// The lists of classes of YOLO, by folder.
    classes: HashMap<String, Option<BoxDocument>>,
}

impl AnnotationFiles {
    /// Those in the folder of a set of these formats, which `dataset.json` names with commas between: each of several has a
    /// folder of its own.
    pub fn of(folder: &Path, formats: &str) -> Self {
        let names: Vec<&str> = formats.split(',').collect();
        let reader = |name: &&str| READERS.iter().find(|(known, _)| known == name);
        let below = |name: &str| match names.len() {
            1 => String::new(),
            _ => format!("{name}/"),
        };
        let formats = names.iter().filter_map(reader);
        AnnotationFiles {
            folder: folder.to_owned(),
            formats: formats
                .map(|(name, reader)| (below(name), *reader))
                .collect(),
            classes: HashMap::new(),
        }
    }

    /// What a file of the set says.
    pub fn role_of(&self, path: &str) -> Role {
        let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| path.ends_with(suffix));
        let list = match ends(&[".csv", ".txt", ".jsonl"]) {
            true if ends(&["sources.csv"]) => Role::Counted,
            true => Role::List,
            false => Role::Other,
        };
        let Some((below, reader)) = self.format_of(path) else {
            return list;
        };
        let path = &path[below.len()..];
        let is_read = match reader {
            Reader::Source("yolo") if path == CLASSES => return Role::Derived,
            Reader::Source("labelstudio") if path == INTERFACE => return Role::Derived,
            Reader::Source("voc") if path.contains("/ImageSets/") => return Role::Names,
            Reader::Source("yolo") => path.starts_with("labels/") && path.ends_with(".txt"),
            Reader::Source("voc") => path.contains("/Annotations/") && path.ends_with(".xml"),
            Reader::Source(kind) => boxes::is_document(kind, path),
            Reader::Csv => path == "annotations.csv",
            Reader::JsonLines => path.ends_with("metadata.jsonl"),
        };
        if is_read { Role::Annotations } else { list }
    }

    /// The format that a file belongs to: the folder of the format, and how its files are read.
    fn format_of(&self, path: &str) -> Option<(&str, Reader)> {
        let found = self
            .formats
            .iter()
            .find(|(below, _)| path.starts_with(&**below));
        found.map(|(below, reader)| (&**below, *reader))
    }

    /// The images of a file, in its order, each with its boxes; none where the file is too large, cannot be read or has
    /// records that cannot be used.
    ///
    /// # Errors
    /// The source cannot be used at all.
    pub fn read(&mut self, path: &str) -> Result<Option<Vec<Observation>>, Error> {
        let Some((below, reader)) = self.format_of(path) else {
            return Ok(None);
        };
        let below = below.to_owned();
        let Ok(Some(bytes)) = files::read_within(&self.folder.join(path), MOST) else {
            return Ok(None);
        };
        let kind = match reader {
            Reader::Csv => return Ok(rows::of_csv(&bytes)),
            Reader::JsonLines => return Ok(rows::of_json_lines(&bytes)),
            Reader::Source(kind) => kind,
        };
        let source = Boxes {
            kind,
            inputs: vec![path.to_owned()],
            classes: self.classes_of(kind, &below),
            max_bytes: MOST,
            ..Boxes::default()
        };
        let answer = Answer {
            request: DocumentRequest {
                location: path.to_owned(),
                ..DocumentRequest::default()
            },
            url: path.to_owned(),
            bytes,
            media_type: None,
        };
        let found = source.finish(source.read(&answer)?);
        Ok(found.rejects.is_empty().then_some(found.observations))
    }

    /// The list of classes of a folder, if its format has one.
    fn classes_of(&mut self, kind: &str, below: &str) -> Option<BoxDocument> {
        if kind != "yolo" {
            return None;
        }
        let path = self.folder.join(below).join(CLASSES);
        let read = || boxes::read_classes(CLASSES, &files::read(&path).ok()?).ok();
        let classes = self.classes.entry(below.to_owned());
        classes.or_insert_with(read).clone()
    }
}

/// How a file of a newer set stands to that of an older one, both with this path.
///
/// # Errors
/// A source cannot be used at all.
pub fn growth_of_file(
    before: &mut AnnotationFiles,
    after: &mut AnnotationFiles,
    path: &str,
) -> Result<Growth, Error> {
    let role = before.role_of(path);
    let both = match role {
        Role::Derived => return Ok(Growth::Same),
        Role::Annotations => {
            let both = before.read(path)?.zip(after.read(path)?);
            both.map(|(before, after)| growth(&before, &after))
        }
        Role::Names | Role::Counted | Role::List => {
            let read = |set: &AnnotationFiles| {
                let bytes = files::read_within(&set.folder.join(path), MOST);
                bytes.ok().flatten()
            };
            let both = read(before).zip(read(after));
            both.map(|(before, after)| growth_of_lines(&before, &after, part_of(role)))
        }
        Role::Other => None,
    };
    Ok(both.unwrap_or(Growth::Changed))
}

/// What counts of a line of a list.
fn part_of(role: Role) -> fn(&[u8]) -> &[u8] {
    fn before(line: &[u8], end: u8) -> usize {
        let place = line.iter().position(|byte| *byte == end);
        place.unwrap_or(line.len())
    }
    match role {
        Role::Names => |line| &line[..before(line, b' ')],
        Role::Counted => |line| &line[before(line, b',')..],
        _ => |line| line,
    }
}

/// How annotation files call an image, the best name first.
pub fn names_of(image: &Observation) -> impl Iterator<Item = Cow<'_, str>> {
    let names = image.image.names.iter().map(|name| Cow::Borrowed(&**name));
    names.chain([Cow::Borrowed(&*image.id)])
}
