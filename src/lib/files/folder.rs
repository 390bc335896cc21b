//! Publishing a dataset: a folder that appears whole or not at all, or a single file.
//!
//! A folder is built beside its target under a hidden name and exchanged with it in one step. A folder that is
//! already there is replaced only when `dataset.json` says that recto wrote every file in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{Atomic, cannot_write, folder_of, hex, sync_folder};
use crate::contracts::{self, DatasetEntry, DatasetFile};
use crate::error::Error;
use crate::formats::Sink;

/// The file that says that recto wrote a folder.
pub const MARKER: &str = "dataset.json";

/// How image files get into a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Placing {
    /// A second name for the same bytes; a copy where the disk cannot
    Link,
    /// A copy of the bytes
    Copy,
    /// Not at all: annotations only
    None,
}

/// A folder being built.
#[derive(Debug)]
pub struct Folder {
    target: PathBuf,
    temporary: PathBuf,
    placing: Placing,
    open: Option<Open>,
    entries: BTreeMap<String, DatasetEntry>,
}

#[derive(Debug)]
struct Open {
    path: String,
    file: BufWriter<File>,
    bytes: u64,
    sha256: Sha256,
}

impl Folder {
    /// Starts a folder that [`Folder::publish`] will call `target`. Refuses when something is there that recto did
    /// not write; `own` are files that the caller itself puts there afterwards.
    pub fn create(target: &Path, placing: Placing, own: &[&Path]) -> Result<Self, Error> {
        may_replace(target, own)?;
        let parent = folder_of(target);
        fs::create_dir_all(parent).map_err(|e| cannot_write(parent, e))?;
        remove_leftovers(target);
        let temporary = sibling(target, &std::process::id().to_string());
        fs::create_dir(&temporary).map_err(|e| cannot_write(target, e))?;
        Ok(Folder {
            target: target.to_owned(),
            temporary,
            placing,
            open: None,
            entries: BTreeMap::new(),
        })
    }

    /// Finishes the last file and gives every file written so far, in path order.
    pub fn entries(&mut self) -> Result<Vec<DatasetEntry>, Error> {
        self.close()?;
        Ok(self.entries.values().cloned().collect())
    }

    /// Flushes everything to the disk and gives the folder its name.
    pub fn publish(mut self) -> Result<(), Error> {
        self.close()?;
        let cannot = |e: io::Error| cannot_write(&self.target, e);
        sync_tree(&self.temporary).map_err(cannot)?;
        put_in_place(&self.temporary, &self.target).map_err(cannot)?;
        sync_folder(folder_of(&self.target)).map_err(cannot)
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(Open {
            path,
            file,
            bytes,
            sha256,
        }) = self.open.take()
        else {
            return Ok(());
        };
        let cannot = |e: io::Error| cannot_write(&self.target.join(&path), e);
        file.into_inner().map_err(|e| cannot(e.into_error()))?;
        self.enter(path, bytes, sha256);
        Ok(())
    }

    fn enter(&mut self, path: String, bytes: u64, sha256: Sha256) {
        let entry = DatasetEntry {
            path: path.clone(),
            bytes,
            sha256: hex(&sha256.finalize()),
        };
        self.entries.insert(path, entry);
    }

    /// Where a file of the folder is built. Two files of one name would overwrite each other.
    fn place(&mut self, path: &str) -> Result<PathBuf, Error> {
        self.close()?;
        let plain = |c: Component| matches!(c, Component::Normal(_));
        if path.is_empty() || !Path::new(path).components().all(plain) {
            return Err(Error::new(format!("{path}: is no path inside a folder")));
        }
        let place = self.temporary.join(path);
        if self.entries.contains_key(path) || place.exists() {
            let what = format!("{path}: two files of the dataset have this name");
            return Err(
                Error::new(what).hint("`recto-download` gives every image a name of its own")
            );
        }
        let folder = folder_of(&place);
        fs::create_dir_all(folder).map_err(|e| cannot_write(&self.target.join(path), e))?;
        Ok(place)
    }
}

impl Sink for Folder {
    fn file(&mut self, path: &str) -> Result<&mut dyn Write, Error> {
        let place = self.place(path)?;
        let file = File::create(&place).map_err(|e| cannot_write(&self.target.join(path), e))?;
        Ok(self.open.insert(Open {
            path: path.to_owned(),
            file: BufWriter::with_capacity(1 << 18, file),
            bytes: 0,
            sha256: Sha256::new(),
        }))
    }

    fn image(&mut self, path: &str, source: &Path) -> Result<(), Error> {
        if self.placing == Placing::None {
            return Ok(());
        }
        let place = self.place(path)?;
        let cannot = |e: io::Error| cannot_write(&self.target.join(path), e);
        // A link to a symbolic link would dangle in another folder.
        let source = source
            .canonicalize()
            .map_err(|e| Error::new(format!("{}: cannot be read", source.display())).because(e))?;
        let linked = self.placing == Placing::Link && fs::hard_link(&source, &place).is_ok();
        if !linked {
            fs::copy(&source, &place).map_err(cannot)?;
        }
        let (bytes, sha256) = hash(&place).map_err(cannot)?;
        self.enter(path.to_owned(), bytes, sha256);
        Ok(())
    }
}

impl Write for Open {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.sha256.update(&bytes[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // After publishing this name holds what was replaced, or nothing.
        let _ = fs::remove_dir_all(&self.temporary);
    }
}

/// A single file in place of a folder: the one file a format writes, images left where they are.
#[derive(Debug)]
pub struct Single {
    target: PathBuf,
    file: Option<Atomic>,
}

impl Single {
    /// Starts a file that [`Single::publish`] will call `target`.
    pub fn create(target: &Path) -> Self {
        Single {
            target: target.to_owned(),
            file: None,
        }
    }

    /// Gives the file its name.
    pub fn publish(self) -> Result<(), Error> {
        self.file.map_or(Ok(()), Atomic::publish)
    }
}

impl Sink for Single {
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

/// Hex SHA-256 of a file, streamed.
pub fn sha256(path: &Path) -> io::Result<String> {
    hash(path).map(|(_, sha256)| hex(&sha256.finalize()))
}

fn hash(path: &Path) -> io::Result<(u64, Sha256)> {
    let mut file = File::open(path)?;
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((bytes, sha256)),
            n => {
                sha256.update(&buffer[..n]);
                bytes += n as u64;
            }
        }
    }
}

/// Whether a folder may be replaced: it is missing or empty, or every file in it is recto's.
fn may_replace(target: &Path, own: &[&Path]) -> Result<(), Error> {
    let what = |problem: &str| Error::new(format!("{}: {problem}", target.display()));
    if !target.exists() {
        return Ok(());
    }
    if !target.is_dir() {
        return Err(what("is a file, a folder is needed").hint("name a folder with -o"));
    }
    let found = files_below(target).map_err(|e| what("cannot be read").because(e))?;
    if found.is_empty() {
        return Ok(());
    }
    let marker = target.join(MARKER);
    if !marker.exists() {
        return Err(what("was not written by recto: it has no dataset.json")
            .hint("name another folder with -o, or remove this one"));
    }
    let card: DatasetFile = contracts::read(&marker)?;
    let ours = |path: &str| {
        path == MARKER
            || card.files.iter().any(|entry| entry.path == path)
            || own.iter().any(|own| is_same(own, &target.join(path)))
    };
    match found.iter().find(|path| !ours(path)) {
        None => Ok(()),
        Some(path) => Err(what(&format!("holds {path}, which recto did not write"))
            .hint("move that file away, or name another folder with -o")),
    }
}

fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Every file below a folder, relative to it, `/` as separator, sorted.
fn files_below(root: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = match folder.as_str() {
                "" => name,
                folder => format!("{folder}/{name}"),
            };
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Puts everything below a folder on the disk: all at once, because a flush per file takes minutes for the small
/// files of a large dataset.
#[cfg(target_os = "linux")]
fn sync_tree(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_tree(folder: &Path) -> io::Result<()> {
    for path in files_below(folder)? {
        File::open(folder.join(path))?.sync_all()?;
    }
    sync_folder(folder)
}

fn sibling(target: &Path, mark: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{mark}.part"));
    folder_of(target).join(name)
}

/// Removes what killed runs left behind: folders named for a process that is gone.
fn remove_leftovers(target: &Path) {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{name}.");
    for entry in fs::read_dir(folder_of(target))
        .into_iter()
        .flatten()
        .flatten()
    {
        let found = entry.file_name().to_string_lossy().into_owned();
        let process = found
            .strip_prefix(&prefix)
            .and_then(|rest| rest.strip_suffix(".part"))
            .and_then(|process| process.parse::<u32>().ok());
        let gone = |process: u32| {
            Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{process}")).exists()
        };
        if process.is_some_and(gone) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Gives a finished folder its name. Where something is there the two change places in one step, so that at no
/// moment neither is there; [`Folder`] then removes the old one under the temporary name.
#[cfg(target_os = "linux")]
fn put_in_place(temporary: &Path, target: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    if !target.exists() {
        return fs::rename(temporary, target);
    }
    match renameat_with(CWD, temporary, CWD, target, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        // Some network filesystems cannot exchange.
        Err(_) => swap(temporary, target),
    }
}

#[cfg(not(target_os = "linux"))]
fn put_in_place(temporary: &Path, target: &Path) -> io::Result<()> {
    if target.exists() {
        swap(temporary, target)
    } else {
        fs::rename(temporary, target)
    }
}

/// Two renames; the old folder comes back when the second fails.
fn swap(temporary: &Path, target: &Path) -> io::Result<()> {
    let aside = sibling(target, "old");
    fs::rename(target, &aside)?;
    if let Err(e) = fs::rename(temporary, target) {
        fs::rename(&aside, target)?;
        return Err(e);
    }
    fs::remove_dir_all(&aside)
}
