//! Where datasets are written: a folder that appears complete or not at all, or a single file.
//!
//! A folder that is already there is replaced only if `dataset.json` in it shows that recto wrote every file.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::parts::made::MadeParts;
use crate::contracts::{self, DatasetFile};
use crate::error::Error;
use crate::files::{self, Atomic, Content, Folder, Scratch, Span, WrittenFile};
use crate::formats::{DatasetImage, Sink};

/// The file that shows that recto wrote a folder.
pub const MARKER: &str = "dataset.json";

/// How image files get into a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Placing {
    /// As hard links, which take no space; as copies where the disk cannot link
    Link,
    /// As copies, which take no space where the disk can share blocks
    Copy,
    /// Not at all: write annotations only; pictures that are made here (crops, lines, sheets) are written all the same
    None,
}

impl Placing {
    /// Puts an image into a folder; none if it stays where it is. `sha256` is its hash, if that is known.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn put(
        self,
        folder: &mut Folder,
        path: &str,
        source: &Content,
        sha256: Option<[u8; 32]>,
    ) -> Result<Option<WrittenFile>, Error> {
        match self {
            Placing::Link => folder.link(path, source, sha256).map(Some),
            Placing::Copy => folder.copy(path, source, sha256).map(Some),
            Placing::None => Ok(None),
        }
    }
}

/// What is kept for the ends of files, on the disk if it is much.
#[derive(Debug)]
struct Kept {
    beside: PathBuf,
    ends: HashMap<String, End>,
}

#[derive(Debug)]
struct End {
    scratch: Scratch,
    spans: Vec<Span>,
    pending: Vec<u8>,
}

/// How many bytes are put aside at a time.
const ASIDE: usize = 1 << 20;

impl Kept {
    fn beside(output: &Path) -> Self {
        Kept {
            beside: output.to_owned(),
            ends: HashMap::new(),
        }
    }

    fn keep(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        if !self.ends.contains_key(path) {
            let end = End {
                scratch: Scratch::beside(&self.beside),
                spans: Vec::new(),
                pending: Vec::with_capacity(ASIDE),
            };
            self.ends.insert(path.to_owned(), end);
        }
        if let Some(end) = self.ends.get_mut(path) {
            end.pending.extend_from_slice(bytes);
            if end.pending.len() >= ASIDE {
                end.spans.push(end.scratch.append(&end.pending)?);
                end.pending.clear();
            }
        }
        Ok(())
    }

    /// Gives everything kept for a file, in pieces.
    fn give(
        &mut self,
        path: &str,
        mut take: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(mut end) = self.ends.remove(path) else {
            return Ok(());
        };
        for span in end.spans {
            take(&end.scratch.read(span)?)?;
        }
        take(&end.pending)
    }
}

/// A dataset folder that is being written.
#[derive(Debug)]
pub struct DatasetFolder {
    folder: Folder,
    kept: Kept,
    placing: Placing,
    /// What workers have made, if they have.
    parts: Option<MadeParts>,
    /// Folder of the format that is being written, with `/` at its end; empty if there is only one format.
    below: String,
    is_csv_safe: bool,
}

impl DatasetFolder {
    /// Starts a folder that [`DatasetFolder::publish`] will name `target`. `own` are files that the caller itself puts
    /// there afterwards.
    ///
    /// # Errors
    /// The folder cannot be created, or holds files that recto did not write.
    pub fn create(target: &Path, own: &[&Path], is_csv_safe: bool) -> Result<Self, Error> {
        may_replace(target, own)?;
        Ok(DatasetFolder {
            folder: Folder::create(target)?,
            kept: Kept::beside(target),
            placing: Placing::None,
            parts: None,
            below: String::new(),
            is_csv_safe,
        })
    }

    /// Takes pictures from what workers have made.
    pub fn take_from(&mut self, parts: MadeParts) {
        self.parts = Some(parts);
    }

    /// Goes on to the next image: its tile is the one, and its pictures are those that workers have made, if they have.
    ///
    /// # Errors
    /// What they have made is of another image.
    pub fn go_to(&mut self, image: &mut DatasetImage) -> Result<(), Error> {
        let parts = self.parts.as_mut();
        parts.map_or(Ok(()), |parts| parts.go_to(image))
    }

    /// Writes below a folder from now on, and places images so.
    pub fn go_below(&mut self, folder: &str, placing: Placing) {
        self.below = match folder {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        self.placing = placing;
    }

    /// Where it is built, as long as it does not have its name.
    pub fn built_in(&self) -> &Path {
        self.folder.built_in()
    }

    /// Ends all files, and calls `take` with every file written so far, in path order.
    ///
    /// # Errors
    /// A file cannot be written, or `take` fails.
    pub fn each_written(
        &mut self,
        take: impl FnMut(&WrittenFile) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.folder.each_written(take)
    }

    /// Writes a whole file that lists every file written so far, in path order: `head`, what `entry` makes of each, and `tail`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put_list(
        &mut self,
        path: &str,
        head: &[u8],
        entry: impl FnMut(&WrittenFile) -> Result<Vec<u8>, Error>,
        tail: &[u8],
    ) -> Result<(), Error> {
        self.folder.put_list(path, head, entry, tail)
    }

    /// Flushes everything to the disk and gives the folder its name.
    ///
    /// # Errors
    /// A file cannot be written, or the folder cannot be renamed; the old folder stays then.
    pub fn publish(self) -> Result<(), Error> {
        self.folder.publish()
    }

    fn full(&self, path: &str) -> String {
        format!("{}{path}", self.below)
    }
}

impl Sink for DatasetFolder {
    fn is_csv_safe(&self) -> bool {
        self.is_csv_safe
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        self.folder.append(&self.full(path), bytes)
    }

    fn close(&mut self, path: &str) -> Result<(), Error> {
        self.folder.close(&self.full(path))
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        self.folder.put(&self.full(path), bytes).map(drop)
    }

    fn keep(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        self.kept.keep(&self.full(path), bytes)
    }

    fn append_kept(&mut self, path: &str) -> Result<(), Error> {
        let path = self.full(path);
        let folder = &mut self.folder;
        self.kept.give(&path, |bytes| folder.append(&path, bytes))
    }

    fn made(&mut self, path: &str) -> Result<Option<Content>, Error> {
        let path = self.full(path);
        let made = match &mut self.parts {
            Some(parts) => parts.take(&path)?,
            None => None,
        };
        let Some((picture, sha256)) = made else {
            return Ok(None);
        };
        // The part loses its name for it when the set is there.
        self.folder.link(&path, &picture, Some(sha256))?;
        Ok(Some(picture))
    }

    fn image(
        &mut self,
        path: &str,
        source: &Content,
        sha256: Option<[u8; 32]>,
    ) -> Result<(), Error> {
        let path = self.full(path);
        let placed = self.placing.put(&mut self.folder, &path, source, sha256);
        placed.map(drop)
    }
}

/// A single file in place of a folder, for formats that need only one. Images stay where they are.
#[derive(Debug)]
pub struct SingleFile {
    target: PathBuf,
    file: Option<(String, Atomic)>,
    kept: Kept,
    is_csv_safe: bool,
}

impl SingleFile {
    /// Starts a file that [`SingleFile::publish`] will name `target`.
    pub fn create(target: &Path, is_csv_safe: bool) -> Self {
        SingleFile {
            target: target.to_owned(),
            file: None,
            kept: Kept::beside(target),
            is_csv_safe,
        }
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn publish(self) -> Result<(), Error> {
        self.file.map_or(Ok(()), |(_, file)| file.publish())
    }
}

impl Sink for SingleFile {
    fn is_csv_safe(&self) -> bool {
        self.is_csv_safe
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        let file = match &mut self.file {
            Some((known, file)) if known == path => file,
            Some(_) => {
                let what = format!(
                    "{}: one file cannot hold {path} too: there is one per split",
                    self.target.display()
                );
                return Err(Error::new(what).hint("name a folder with -o, or leave out --split"));
            }
            none => {
                let file = Atomic::create(&self.target)?;
                &mut none.insert((path.to_owned(), file)).1
            }
        };
        let written = file.write_all(bytes);
        written.map_err(|e| files::cannot_write(&self.target, e))
    }

    fn close(&mut self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    fn keep(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        self.kept.keep(path, bytes)
    }

    fn append_kept(&mut self, path: &str) -> Result<(), Error> {
        let mut kept = std::mem::replace(&mut self.kept, Kept::beside(&self.target));
        kept.give(path, |bytes| self.append(path, bytes))
    }

    fn image(&mut self, _: &str, _: &Content, _: Option<[u8; 32]>) -> Result<(), Error> {
        Ok(())
    }
}

/// Whether a folder may be replaced: it is missing or empty, or recto wrote every file in it, and nobody has changed one since.
fn may_replace(target: &Path, own: &[&Path]) -> Result<(), Error> {
    files::may_replace(target, MARKER, || {
        let description: DatasetFile = contracts::read(&target.join(MARKER))?;
        let ours: HashMap<String, String> = description
            .files
            .into_iter()
            .map(|file| (file.path, file.sha256))
            .collect();
        // The description is written last: only what is newer may have been changed, and is read.
        let described = std::fs::metadata(target.join(MARKER));
        let written = described.and_then(|marker| marker.modified()).ok();
        let is_as_written = move |path: &Path, sha256: &str| {
            let about = std::fs::symlink_metadata(path);
            let about = about.ok().filter(|about| about.is_file());
            let is_newer = about.is_some_and(|about| about.modified().ok() > written);
            !is_newer || files::sha256_of_file(path).map_or(true, |found| found == sha256)
        };
        let own: Vec<PathBuf> = own.iter().map(|own| own.to_path_buf()).collect();
        let folder = target.to_owned();
        Ok(Box::new(move |path| {
            let (mut own, full) = (own.iter(), folder.join(path));
            let is_ours = ours.get(path);
            is_ours.is_some_and(|sha256| is_as_written(&full, sha256))
                || own.any(|own| files::is_same_file(own, &full))
        }))
    })
}
