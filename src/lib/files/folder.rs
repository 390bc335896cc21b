//! A folder that appears complete or not at all.
//!
//! It is built beside its target under a hidden name and exchanged with it in one step.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::hash::hex;
use super::owner;
use super::paths::{cannot_write, folder_of};
use super::system::sync_folder;
use crate::error::Error;

/// A folder that is being built.
#[derive(Debug)]
pub struct Folder {
    target: PathBuf,
    temporary: PathBuf,
    open: Option<OpenFile>,
    written: BTreeMap<String, WrittenFile>,
}

/// A file that was written into a [`Folder`].
#[derive(Clone, Debug)]
pub struct WrittenFile {
    /// Path relative to the folder, `/` as separator.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256, lower-case hex.
    pub sha256: String,
}

#[derive(Debug)]
struct OpenFile {
    path: String,
    file: BufWriter<File>,
    bytes: u64,
    sha256: Sha256,
}

impl Folder {
    /// Starts a folder that [`Folder::publish`] will name `target`, whatever is there now.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn create(target: &Path) -> Result<Self, Error> {
        let parent = folder_of(target);
        fs::create_dir_all(parent).map_err(|e| cannot_write(parent, e))?;
        remove_leftovers(target);
        let temporary = sibling(target, &owner::mark());
        fs::create_dir(&temporary).map_err(|e| cannot_write(target, e))?;
        Ok(Folder {
            target: target.to_owned(),
            temporary,
            open: None,
            written: BTreeMap::new(),
        })
    }

    /// Starts a file; `path` is relative, `/` as separator. The file ends where the next one starts.
    ///
    /// # Errors
    /// The path leaves the folder, is taken already, or the file cannot be created.
    pub fn file(&mut self, path: &str) -> Result<&mut dyn Write, Error> {
        let place = self.place(path)?;
        let file = File::create(&place).map_err(|e| cannot_write(&self.target.join(path), e))?;
        Ok(self.open.insert(OpenFile {
            path: path.to_owned(),
            file: BufWriter::with_capacity(1 << 18, file),
            bytes: 0,
            sha256: Sha256::new(),
        }))
    }

    /// Puts a hard link to a file at `path`, or a copy where the disk cannot link.
    ///
    /// # Errors
    /// As for [`Folder::file`], or the source cannot be read.
    pub fn link(&mut self, path: &str, source: &Path) -> Result<(), Error> {
        self.add(path, source, true)
    }

    /// Puts a copy of a file at `path`.
    ///
    /// # Errors
    /// As for [`Folder::file`], or the source cannot be read.
    pub fn copy(&mut self, path: &str, source: &Path) -> Result<(), Error> {
        self.add(path, source, false)
    }

    fn add(&mut self, path: &str, source: &Path, is_link: bool) -> Result<(), Error> {
        let place = self.place(path)?;
        let cannot = |e: io::Error| cannot_write(&self.target.join(path), e);
        // A link to a symbolic link would dangle in another folder.
        let source = source
            .canonicalize()
            .map_err(|e| Error::new(format!("{}: cannot be read", source.display())).because(e))?;
        let is_linked = is_link && fs::hard_link(&source, &place).is_ok();
        if !is_linked {
            fs::copy(&source, &place).map_err(cannot)?;
        }
        let (bytes, sha256) = hash(&place).map_err(cannot)?;
        self.record(path.to_owned(), bytes, sha256);
        Ok(())
    }

    /// Finishes the last file and returns every file written so far, in path order.
    ///
    /// # Errors
    /// The last file cannot be written.
    pub fn written(&mut self) -> Result<Vec<WrittenFile>, Error> {
        self.close()?;
        Ok(self.written.values().cloned().collect())
    }

    /// Flushes everything to the disk and gives the folder its name.
    ///
    /// # Errors
    /// A file cannot be written, or the folder cannot be renamed; the old folder stays then.
    pub fn publish(mut self) -> Result<(), Error> {
        self.close()?;
        let cannot = |e: io::Error| cannot_write(&self.target, e);
        sync_tree(&self.temporary).map_err(cannot)?;
        put_in_place(&self.temporary, &self.target).map_err(cannot)?;
        sync_folder(folder_of(&self.target)).map_err(cannot)
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let cannot = |e: io::Error| cannot_write(&self.target.join(&open.path), e);
        open.file.into_inner().map_err(|e| cannot(e.into_error()))?;
        self.record(open.path, open.bytes, open.sha256);
        Ok(())
    }

    fn record(&mut self, path: String, bytes: u64, sha256: Sha256) {
        let file = WrittenFile {
            path: path.clone(),
            bytes,
            sha256: hex(&sha256.finalize()),
        };
        self.written.insert(path, file);
    }

    /// Where a file of the folder is built. Two files of one name would overwrite each other.
    fn place(&mut self, path: &str) -> Result<PathBuf, Error> {
        self.close()?;
        let is_name = |c: Component| matches!(c, Component::Normal(_));
        if path.is_empty() || !Path::new(path).components().all(is_name) {
            return Err(Error::new(format!("{path}: is not a path inside a folder")));
        }
        let place = self.temporary.join(path);
        if self.written.contains_key(path) || place.exists() {
            let what = format!("{path}: two files of the dataset have this name");
            return Err(Error::new(what).hint("`recto-download` gives every image a unique name"));
        }
        let folder = folder_of(&place);
        fs::create_dir_all(folder).map_err(|e| cannot_write(&self.target.join(path), e))?;
        Ok(place)
    }
}

impl Write for OpenFile {
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
        // After publishing, this name holds the folder that was replaced, or nothing.
        let _ = fs::remove_dir_all(&self.temporary);
    }
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

/// Whether two paths lead to the same file.
pub fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Every file below a folder, relative to it, `/` as separator, sorted.
///
/// # Errors
/// A folder cannot be read.
pub fn files_below(root: &Path) -> io::Result<Vec<String>> {
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

/// Flushes everything below a folder to the disk, all at once: a flush per file takes minutes for the small files of a
/// large dataset.
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
        let mark = found
            .strip_prefix(&prefix)
            .and_then(|rest| rest.strip_suffix(".part"));
        if mark.is_some_and(|mark| owner::is_gone(mark, &entry.path())) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Gives a finished folder its name. If the name is taken, the two folders change places in one step, so that one of
/// them is always there; [`Folder`] then removes the old one under the temporary name.
#[cfg(target_os = "linux")]
fn put_in_place(temporary: &Path, target: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    if !target.exists() {
        return fs::rename(temporary, target);
    }
    match renameat_with(CWD, temporary, CWD, target, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        // Some network file systems cannot exchange.
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
