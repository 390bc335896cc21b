//! What is compared, read as a stream of records.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::annotated::AnnotatedSet;
use super::record::Record;
use crate::contracts::{
    self, Contract, DatasetFile, Digest, DigestReader, IMAGE_MAP, ImageMap, ImageRecords,
    Localizations, MappedFile, Observation, SetFolder,
};
use crate::download::state::index::Index;
use crate::download::state::journal::Journal;
use crate::error::Error;
use crate::files;
use crate::summary::counted;

/// One of the two that are compared.
pub enum Input {
    /// A digest.
    Digest(DigestReader),
    /// Images with localizations.
    Images(ImageRecords),
    /// A folder that recto-download wrote.
    Downloads(PathBuf, Index),
    /// Files by ids.
    Map(PathBuf, ImageMap),
    /// A training set.
    Dataset(PathBuf, Box<DatasetFile>),
    /// A folder with any files.
    Folder(PathBuf, Vec<String>),
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `digest.json`.
    Digest,
    /// `localizations.json`.
    Images,
    /// A folder of downloads.
    Downloads,
    /// `image_map.json`.
    Map,
    /// A training set.
    Dataset,
    /// Any folder.
    Folder,
}

impl Kind {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Digest => "a digest",
            Kind::Images => "a set of localizations",
            Kind::Downloads => "a folder of downloads",
            Kind::Map => "an image map",
            Kind::Dataset => "a training set",
            Kind::Folder => "a folder",
        }
    }

    /// What it has, one and many.
    pub fn nouns(self) -> [&'static str; 2] {
        match self {
            Kind::Dataset | Kind::Folder => ["file", "files"],
            _ => ["image", "images"],
        }
    }
}

/// Records that are in memory at a time.
const AT_ONCE: usize = 512;

impl Input {
    /// What stands at a path.
    ///
    /// # Errors
    /// It cannot be read, or is nothing that can be compared.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if files::is_dash(path) {
            return Err(Error::usage("-: standard input cannot be compared")
                .hint("write it to a file first"));
        }
        let is_parts = files::is_there(&path.join(SetFolder::FILE));
        if path.is_dir() && !is_parts {
            return Input::folder(path);
        }
        match contracts::contract_of(path).as_deref() {
            Some(Digest::NAME) => Ok(Input::Digest(DigestReader::open(path)?)),
            Some(Localizations::NAME) => Ok(Input::Images(ImageRecords::open(path)?)),
            Some(IMAGE_MAP) => Input::map(path),
            Some(other) => Err(Error::new(format!(
                "{}: is a {other} file, which cannot be compared",
                path.display()
            ))
            .hint("digests, localizations, image maps and folders can")),
            // Lists by m3-download, or whatever else: the reader says what it is not.
            None if files::start(path, 64).trim_ascii_start().starts_with(b"{") => Input::map(path),
            None => Ok(Input::Images(ImageRecords::open(path)?)),
        }
    }

    fn folder(path: &Path) -> Result<Self, Error> {
        let folder = path.to_owned();
        let description = path.join("dataset.json");
        if description.is_file() {
            let description = contracts::read(&description)?;
            return Ok(Input::Dataset(folder, Box::new(description)));
        }
        if Journal::is_in(path) {
            return Ok(Input::Downloads(folder, Journal::peek(path)?));
        }
        let found = files::files_below(path)
            .map_err(|e| Error::new(format!("{}: cannot be read", path.display())).because(e))?;
        Ok(Input::Folder(folder, found))
    }

    fn map(path: &Path) -> Result<Self, Error> {
        let map = contracts::read_image_map(path)?;
        Ok(Input::Map(files::folder_of(path).to_owned(), map))
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Input::Digest(_) => Kind::Digest,
            Input::Images(_) => Kind::Images,
            Input::Downloads(..) => Kind::Downloads,
            Input::Map(..) => Kind::Map,
            Input::Dataset(..) => Kind::Dataset,
            Input::Folder(..) => Kind::Folder,
        }
    }

    /// Where its files are.
    pub fn root(&self) -> Option<&Path> {
        match self {
            Input::Digest(_) | Input::Images(_) => None,
            Input::Downloads(folder, _)
            | Input::Map(folder, _)
            | Input::Dataset(folder, _)
            | Input::Folder(folder, _) => Some(folder),
        }
    }

    /// Numbers and words of the whole, each with a name: boxes of each class of a dataset.
    pub fn classes(&self) -> BTreeMap<String, u64> {
        match self {
            Input::Dataset(_, dataset) => {
                let classes = dataset.classes.iter();
                classes
                    .map(|class| (class.name.clone(), class.boxes))
                    .collect()
            }
            _ => BTreeMap::new(),
        }
    }

    /// The split of each group of a dataset.
    pub fn splits(&self) -> BTreeMap<String, String> {
        match self {
            Input::Dataset(_, dataset) => dataset.groups.clone(),
            _ => BTreeMap::new(),
        }
    }

    /// Calls `visit` with all records, in their order, some at a time. Returns notes: what is compared by its bytes only, and
    /// files that are not there.
    ///
    /// # Errors
    /// It cannot be read, or `visit` fails.
    pub fn each(&self, visit: Visit) -> Result<Vec<String>, Error> {
        let mut notes = Vec::new();
        match self {
            Input::Digest(reader) => {
                let records = |some: Vec<Observation>| some.into_iter().map(Record::of_observation);
                reader.each(|some| visit(records(some).collect()))?;
            }
            Input::Images(images) => each_image(images, visit)?,
            Input::Downloads(folder, index) => {
                let there = index.slots().filter_map(|slot| {
                    let length = index.place(slot).content(folder).length().ok()?;
                    let mut record = Record::of_download(index.entry(slot)?);
                    if record.bytes != Some(length) {
                        // Somebody has changed it.
                        (record.bytes, record.sha256) = (Some(length), None);
                    }
                    Some(Ok(record))
                });
                in_parts(there, visit)?;
            }
            Input::Map(folder, map) => {
                let mut missing = Vec::new();
                let records = map.iter().map(|(id, path)| {
                    let record = of_file(folder, id, path);
                    if record.is_missing {
                        missing.push(path.clone());
                    }
                    Ok(record)
                });
                in_parts(records, visit)?;
                notes.extend(first_of(missing, ["file is", "files are"], "not there"));
            }
            Input::Dataset(folder, dataset) => {
                notes = each_of_set(folder, dataset, visit)?;
            }
            Input::Folder(folder, found) => {
                let records = found.iter().map(|path| of_file(folder, path, path));
                in_parts(records.filter(|record| !record.is_missing).map(Ok), visit)?;
            }
        }
        Ok(notes)
    }
}

/// Takes records, some at a time.
type Visit<'a> = &'a mut dyn FnMut(Vec<Record>) -> Result<(), Error>;

/// The files of a training set that are there, and its images without files. A file counts by the length that it has.
fn each_of_set(folder: &Path, dataset: &DatasetFile, visit: Visit) -> Result<Vec<String>, Error> {
    let mut set = AnnotatedSet::read(folder, dataset)?;
    let numbers = 0..dataset.files.len();
    in_parts(
        numbers.filter_map(|number| set.record(number).transpose()),
        visit,
    )?;
    visit(set.others()?)?;
    let without_boxes = match set.missing.len() {
        1 => "not there: its boxes are not compared",
        _ => "not there: their boxes are not compared",
    };
    let notes = [
        (set.missing, without_boxes),
        (set.lost, "not there"),
        (set.unread, "compared by its bytes, not by its boxes"),
    ];
    let note = |(names, what): (BTreeSet<String>, &str)| {
        first_of(names.into_iter().collect(), ["file is", "files are"], what)
    };
    Ok(notes.into_iter().filter_map(note).collect())
}

fn each_image(images: &ImageRecords, visit: Visit) -> Result<(), Error> {
    let mut some = Vec::with_capacity(AT_ONCE);
    let record = |_, image| Record::of_image(image);
    images.visit(0..images.len(), record, |record| {
        some.push(record);
        match some.len() {
            AT_ONCE => visit(std::mem::take(&mut some)),
            _ => Ok(()),
        }
    })?;
    visit(some)
}

/// A file, whether it is there or not.
fn of_file(folder: &Path, id: &str, path: &str) -> Record {
    let bytes = MappedFile::parse(path).content(folder).length();
    Record {
        is_missing: bytes.is_err(),
        ..Record::of_file(id, path, bytes.ok())
    }
}

/// A note about files, of which the first are named.
fn first_of(names: Vec<String>, [one, many]: [&str; 2], what: &str) -> Option<String> {
    const FIRST: usize = 5;
    let more = match names.len().saturating_sub(FIRST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let counted = counted(names.len() as u64, one, many);
    let first = names[..names.len().min(FIRST)].join(", ");
    (!names.is_empty()).then(|| format!("{counted} {what}: {first}{more}"))
}

fn in_parts(
    records: impl Iterator<Item = Result<Record, Error>>,
    visit: Visit,
) -> Result<(), Error> {
    let mut records = records.peekable();
    while records.peek().is_some() {
        let some: Result<Vec<Record>, Error> = records.by_ref().take(AT_ONCE).collect();
        visit(some?)?;
    }
    Ok(())
}
