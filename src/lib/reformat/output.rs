//! Where datasets are written: a folder that appears complete or not at all, or a single file.
//!
//! A folder that is already there is replaced only if `dataset.json` in it shows that recto wrote every file.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::contracts::{self, DatasetEntry, DatasetFile};
use crate::error::Error;
use crate::files::{self, Atomic, Folder};
use crate::formats::Sink;

/// The file that shows that recto wrote a folder.
pub const MARKER: &str = "dataset.json";

/// How image files get into a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Placing {
    /// As hard links, which take no space; as copies where the disk cannot link
    Link,
    /// As copies
    Copy,
    /// Not at all: write annotations only
    None,
}

/// A dataset folder that is being written.
#[derive(Debug)]
pub struct DatasetFolder {
    folder: Folder,
    placing: Placing,
}

impl DatasetFolder {
    /// Starts a folder that [`DatasetFolder::publish`] will name `target`. `own` are files that the caller itself puts
    /// there afterwards.
    ///
    /// # Errors
    /// The folder cannot be created, or holds files that recto did not write.
    pub fn create(target: &Path, placing: Placing, own: &[&Path]) -> Result<Self, Error> {
        may_replace(target, own)?;
        let folder = Folder::create(target)?;
        Ok(DatasetFolder { folder, placing })
    }

    /// Finishes the last file and returns an entry for every file written so far, in path order.
    ///
    /// # Errors
    /// The last file cannot be written.
    pub fn entries(&mut self) -> Result<Vec<DatasetEntry>, Error> {
        let entry = |file: files::WrittenFile| DatasetEntry {
            path: file.path,
            bytes: file.bytes,
            sha256: file.sha256,
        };
        Ok(self.folder.written()?.into_iter().map(entry).collect())
    }

    /// Flushes everything to the disk and gives the folder its name.
    ///
    /// # Errors
    /// A file cannot be written, or the folder cannot be renamed; the old folder stays then.
    pub fn publish(self) -> Result<(), Error> {
        self.folder.publish()
    }
}

impl Sink for DatasetFolder {
    fn file(&mut self, path: &str) -> Result<&mut dyn Write, Error> {
        self.folder.file(path)
    }

    fn image(&mut self, path: &str, source: &Path) -> Result<(), Error> {
        match self.placing {
            Placing::Link => self.folder.link(path, source),
            Placing::Copy => self.folder.copy(path, source),
            Placing::None => Ok(()),
        }
    }
}

/// A single file in place of a folder, for formats that need only one. Images stay where they are.
#[derive(Debug)]
pub struct SingleFile {
    target: PathBuf,
    file: Option<Atomic>,
}

impl SingleFile {
    /// Starts a file that [`SingleFile::publish`] will name `target`.
    pub fn create(target: &Path) -> Self {
        SingleFile {
            target: target.to_owned(),
            file: None,
        }
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn publish(self) -> Result<(), Error> {
        self.file.map_or(Ok(()), Atomic::publish)
    }
}

impl Sink for SingleFile {
    fn file(&mut self, path: &str) -> Result<&mut dyn Write, Error> {
        if self.file.is_some() {
            let what = format!(
                "{}: one file cannot hold {path} too: there is one per split",
                self.target.display()
            );
            return Err(Error::new(what).hint("name a folder with -o, or leave out --split"));
        }
        Ok(self.file.insert(Atomic::create(&self.target)?))
    }

    fn image(&mut self, _: &str, _: &Path) -> Result<(), Error> {
        Ok(())
    }
}

/// Whether a folder may be replaced: it is missing or empty, or recto wrote every file in it.
fn may_replace(target: &Path, own: &[&Path]) -> Result<(), Error> {
    let what = |problem: &str| Error::new(format!("{}: {problem}", target.display()));
    if !target.exists() {
        return Ok(());
    }
    if !target.is_dir() {
        return Err(what("is a file, a folder is needed").hint("name a folder with -o"));
    }
    let found = files::files_below(target).map_err(|e| what("cannot be read").because(e))?;
    if found.is_empty() {
        return Ok(());
    }
    let marker = target.join(MARKER);
    if !marker.exists() {
        return Err(what("was not written by recto: dataset.json is missing")
            .hint("name another folder with -o, or remove this one"));
    }
    let description: DatasetFile = contracts::read(&marker)?;
    let ours = |path: &str| {
        path == MARKER
            || description.files.iter().any(|entry| entry.path == path)
            || own
                .iter()
                .any(|own| files::is_same_file(own, &target.join(path)))
    };
    match found.iter().find(|path| !ours(path)) {
        None => Ok(()),
        Some(path) => Err(what(&format!("holds {path}, which recto did not write"))
            .hint("move that file away, or name another folder with -o")),
    }
}
