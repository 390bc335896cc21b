//! What is compared, read as a stream of records.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::record::Record;
use crate::contracts::{
    self, Contract, DatasetFile, Digest, DigestReader, ImageMap, ImageRecords, Localizations,
    MappedFile, SetFolder,
};
use crate::download::state::index::Index;
use crate::download::state::journal::Journal;
use crate::error::Error;
use crate::files;

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
            Some("recto/image_map") => Input::map(path),
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

    /// Calls `visit` with all records, in their order, some at a time.
    ///
    /// # Errors
    /// It cannot be read, or `visit` fails.
    pub fn each(
        &self,
        mut visit: impl FnMut(Vec<Record>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self {
            Input::Digest(reader) => {
                reader.each(|some| visit(some.into_iter().map(Record::of_observation).collect()))
            }
            Input::Images(images) => {
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
            Input::Downloads(folder, index) => {
                let there = index.slots().filter_map(|slot| {
                    let length = index.place(slot).content(folder).length().ok()?;
                    let mut record = Record::of_download(index.entry(slot)?);
                    if record.bytes != Some(length) {
                        // Somebody has changed it.
                        (record.bytes, record.sha256) = (Some(length), None);
                    }
                    Some(record)
                });
                in_parts(there, visit)
            }
            Input::Map(folder, map) => {
                let file = |(id, path): (&String, &String)| of_file(folder, id, path);
                in_parts(map.iter().filter_map(file), visit)
            }
            Input::Dataset(_, dataset) => {
                in_parts(dataset.files.iter().map(Record::of_entry), visit)
            }
            Input::Folder(folder, found) => in_parts(
                found.iter().filter_map(|path| of_file(folder, path, path)),
                visit,
            ),
        }
    }
}

/// A file that is there.
fn of_file(folder: &Path, id: &str, path: &str) -> Option<Record> {
    let length = MappedFile::parse(path).content(folder).length().ok()?;
    Some(Record::of_file(id, path, Some(length)))
}

fn in_parts(
    records: impl Iterator<Item = Record>,
    mut visit: impl FnMut(Vec<Record>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut records = records.peekable();
    while records.peek().is_some() {
        visit(records.by_ref().take(AT_ONCE).collect())?;
    }
    Ok(())
}
