//! A folder that appears complete or not at all.
//!
//! It is built beside its target under a hidden name and exchanged with it in one step.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::content::Content;
use super::paths::{cannot_write, folder_of, is_path_within, landing, landing_or_path};
use super::system::sync_folder;
use super::written::{WrittenFile, WrittenFiles};
use super::{mount, owner};
use crate::error::Error;

/// A folder that is being built.
#[derive(Debug)]
pub struct Folder {
    target: PathBuf,
    temporary: PathBuf,
    /// Whether it is built within its target, whose entries are exchanged: it cannot be renamed.
    is_within: bool,
    open: HashMap<String, OpenFile>,
    written: WrittenFiles,
    /// Folders that are there already.
    made: HashSet<PathBuf>,
}

#[derive(Debug)]
struct OpenFile {
    file: BufWriter<File>,
    bytes: u64,
    sha256: Sha256,
}

impl Folder {
    /// Starts a folder that [`Folder::publish`] will name `target`, whatever is there now; of a symbolic link what it leads to.
    ///
    /// # Errors
    /// The folder cannot be created, or the link leads nowhere.
    pub fn create(target: &Path) -> Result<Self, Error> {
        let target = landing(target)?;
        let target = target.as_path();
        let parent = folder_of(target);
        fs::create_dir_all(parent).map_err(|e| cannot_write(parent, e))?;
        // Who stands in a folder that is replaced does not see the new one.
        let is_within = mount::is_mounted(target) || is_same_file(target, Path::new("."));
        let temporary = match is_within {
            true => within(target, &owner::mark()),
            false => sibling(target, &owner::mark()),
        };
        remove_leftovers(&temporary, target);
        fs::create_dir(&temporary).map_err(|e| cannot_write(target, e))?;
        Ok(Folder {
            target: target.to_owned(),
            temporary,
            is_within,
            open: HashMap::new(),
            written: WrittenFiles::beside(target),
            made: HashSet::new(),
        })
    }

    /// Adds bytes at the end of a file, which the first call creates; `path` is relative, `/` as separator. The file stays
    /// open until [`Folder::close`].
    ///
    /// # Errors
    /// The path leaves the folder, is taken already, or the file cannot be written.
    pub fn append(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        if !self.open.contains_key(path) {
            let file = self.create_file(path)?;
            let open = OpenFile {
                file: BufWriter::with_capacity(1 << 18, file),
                bytes: 0,
                sha256: Sha256::new(),
            };
            self.open.insert(path.to_owned(), open);
        }
        let Some(open) = self.open.get_mut(path) else {
            return Ok(());
        };
        open.sha256.update(bytes);
        open.bytes += bytes.len() as u64;
        let written = open.file.write_all(bytes);
        written.map_err(|e| cannot_write(&self.target.join(path), e))
    }

    /// Ends a file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn close(&mut self, path: &str) -> Result<(), Error> {
        let Some(open) = self.open.remove(path) else {
            return Ok(());
        };
        let ended = open.file.into_inner();
        ended.map_err(|e| cannot_write(&self.target.join(path), e.into_error()))?;
        let sha256 = open.sha256.finalize().into();
        self.record(path, open.bytes, sha256).map(drop)
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// As for [`Folder::append`].
    pub fn put(&mut self, path: &str, bytes: &[u8]) -> Result<WrittenFile, Error> {
        let mut file = self.create_file(path)?;
        let written = file.write_all(bytes);
        written.map_err(|e| cannot_write(&self.target.join(path), e))?;
        self.record(path, bytes.len() as u64, Sha256::digest(bytes).into())
    }

    /// Puts a hard link to a file at `path`, or a copy where the disk cannot link, or there is no file of its own. `sha256` is
    /// that of the bytes, if it is known.
    ///
    /// # Errors
    /// As for [`Folder::append`], or the source cannot be read.
    pub fn link(
        &mut self,
        path: &str,
        source: &Content,
        sha256: Option<[u8; 32]>,
    ) -> Result<WrittenFile, Error> {
        self.add(path, source, true, sha256)
    }

    /// Puts a copy of a file at `path`: one that shares its blocks, where the disk can do that.
    ///
    /// # Errors
    /// As for [`Folder::append`], or the source cannot be read.
    pub fn copy(
        &mut self,
        path: &str,
        source: &Content,
        sha256: Option<[u8; 32]>,
    ) -> Result<WrittenFile, Error> {
        self.add(path, source, false, sha256)
    }

    fn add(
        &mut self,
        path: &str,
        source: &Content,
        is_link: bool,
        sha256: Option<[u8; 32]>,
    ) -> Result<WrittenFile, Error> {
        let unreadable = |e| Error::new(format!("{source}: cannot be read")).because(e);
        let Some(source) = source.whole_file() else {
            let mut bytes = source.open().map_err(unreadable)?;
            return self.copy_from(path, &mut bytes);
        };
        let place = self.place(path)?;
        let cannot = |e: io::Error| match fs::symlink_metadata(&place) {
            Ok(_) if e.kind() == io::ErrorKind::AlreadyExists => two_of_one_name(path),
            _ => cannot_write(&self.target.join(path), e),
        };
        // A link to a symbolic link would dangle in another folder.
        let source = source.canonicalize().map_err(unreadable)?;
        match is_link.then(|| fs::hard_link(&source, &place)) {
            Some(Ok(())) => {}
            Some(Err(e)) if e.kind() == io::ErrorKind::AlreadyExists => return Err(cannot(e)),
            _ if place.exists() => return Err(two_of_one_name(path)),
            // Shares blocks on file systems that can: std uses copy_file_range.
            _ => drop(fs::copy(&source, &place).map_err(cannot)?),
        }
        let (bytes, sha256) = match sha256 {
            Some(sha256) => (fs::metadata(&place).map_err(cannot)?.len(), sha256),
            None => hash(&place).map_err(cannot)?,
        };
        self.record(path, bytes, sha256)
    }

    fn copy_from(&mut self, path: &str, source: &mut dyn Read) -> Result<WrittenFile, Error> {
        let mut file = self.create_file(path)?;
        let written = copy(source, &mut file);
        let (bytes, sha256) = written.map_err(|e| cannot_write(&self.target.join(path), e))?;
        self.record(path, bytes, sha256)
    }

    /// Where it is built, as long as it does not have its name.
    pub fn built_in(&self) -> &Path {
        &self.temporary
    }

    /// Ends all files, and calls `take` with every file written so far, in path order.
    ///
    /// # Errors
    /// A file cannot be written, or `take` fails.
    pub fn each_written(
        &mut self,
        take: impl FnMut(&WrittenFile) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.close_all()?;
        self.written.each(take)
    }

    /// Writes a whole file that lists every file written so far, in path order: `head`, what `entry` makes of each, and `tail`.
    ///
    /// # Errors
    /// As for [`Folder::append`], or `entry` fails.
    pub fn put_list(
        &mut self,
        path: &str,
        head: &[u8],
        mut entry: impl FnMut(&WrittenFile) -> Result<Vec<u8>, Error>,
        tail: &[u8],
    ) -> Result<(), Error> {
        self.close_all()?;
        let mut written = std::mem::replace(&mut self.written, WrittenFiles::beside(&self.target));
        self.append(path, head)?;
        written.each(|file| self.append(path, &entry(file)?))?;
        self.append(path, tail)?;
        self.written = written;
        self.close(path)
    }

    /// Flushes everything to the disk and gives the folder its name.
    ///
    /// # Errors
    /// A file cannot be written, or the folder cannot be renamed; the old folder stays then.
    pub fn publish(mut self) -> Result<(), Error> {
        self.close_all()?;
        let cannot = |e: io::Error| cannot_write(&self.target, e);
        sync_tree(&self.temporary).map_err(cannot)?;
        match self.is_within {
            true => mount::exchange(&self.temporary, &self.target).map_err(cannot)?,
            false => put_in_place(&self.temporary, &self.target).map_err(cannot)?,
        }
        sync_folder(folder_of(&self.target)).map_err(cannot)
    }

    fn close_all(&mut self) -> Result<(), Error> {
        let open: Vec<String> = self.open.keys().cloned().collect();
        open.iter().try_for_each(|path| self.close(path))
    }

    fn record(&mut self, path: &str, bytes: u64, sha256: [u8; 32]) -> Result<WrittenFile, Error> {
        let file = WrittenFile {
            path: path.into(),
            bytes,
            sha256,
        };
        self.written.push(file.clone())?;
        Ok(file)
    }

    fn create_file(&mut self, path: &str) -> Result<File, Error> {
        let place = self.place(path)?;
        File::create_new(&place).map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => two_of_one_name(path),
            _ => cannot_write(&self.target.join(path), e),
        })
    }

    /// Where a file of the folder is built.
    fn place(&mut self, path: &str) -> Result<PathBuf, Error> {
        if !is_path_within(path) {
            return Err(Error::new(format!("{path}: is not a path inside a folder")));
        }
        let place = self.temporary.join(path);
        let folder = folder_of(&place);
        if !self.made.contains(folder) {
            fs::create_dir_all(folder).map_err(|e| cannot_write(&self.target.join(path), e))?;
            self.made.insert(folder.to_owned());
        }
        Ok(place)
    }
}

/// The error for two files of one name, of which one would overwrite the other.
fn two_of_one_name(path: &str) -> Error {
    let what = format!("{path}: two files of the dataset have this name");
    Error::new(what).hint(
        "`recto-download` gives every image a unique name; splits whose names mean the same, such as val and validation, need one name",
    )
}

impl Drop for Folder {
    fn drop(&mut self) {
        // After publishing, this name holds the folder that was replaced, or nothing.
        let _ = fs::remove_dir_all(&self.temporary);
    }
}

/// Removes a folder that helped to build `target`, with all that is in it. It loses its name in one step, so that no half of it
/// stays under that; what a killed run leaves, the next [`Folder`] of the target removes.
///
/// # Errors
/// It cannot be renamed or removed.
pub fn remove_helper(folder: &Path, target: &Path) -> Result<(), Error> {
    let aside = sibling(&landing_or_path(target), &owner::mark());
    let removed = fs::rename(folder, &aside).and_then(|()| fs::remove_dir_all(&aside));
    removed.map_err(|e| cannot_write(folder, e))
}

fn hash(path: &Path) -> io::Result<(u64, [u8; 32])> {
    copy(&mut File::open(path)?, &mut io::sink())
}

/// Copies bytes; how many there are, and their SHA-256.
fn copy(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<(u64, [u8; 32])> {
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut bytes = 0;
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok((bytes, sha256.finalize().into())),
            n => {
                sha256.update(&buffer[..n]);
                to.write_all(&buffer[..n])?;
                bytes += n as u64;
            }
        }
    }
}

/// Whether two paths lead to the same file.
pub fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Refuses to replace a folder that holds what recto did not write: it has to be missing or empty, or hold `marker`, and then
/// nothing that is not `ours`, which is asked with paths below it.
///
/// # Errors
/// It holds something else, is a file, cannot be read, or is a symbolic link that leads nowhere.
pub fn may_replace(
    target: &Path,
    marker: &str,
    ours: impl FnOnce() -> Result<Box<dyn Fn(&str) -> bool>, Error>,
) -> Result<(), Error> {
    let what = |problem: &str| Error::new(format!("{}: {problem}", target.display()));
    let place = landing(target)?;
    // A file with a slash behind its name does not exist.
    if !place.exists() {
        return Ok(());
    }
    if !place.is_dir() {
        return Err(what("is a file, a folder is needed").hint("name a folder with -o"));
    }
    let found = files_below(target).map_err(|e| what("cannot be read").because(e))?;
    let found: Vec<String> = found
        .into_iter()
        .filter(|path| !is_left_within(path))
        .collect();
    if found.is_empty() || target.join(mount::UNFINISHED).exists() {
        return Ok(());
    }
    if !target.join(marker).exists() {
        let problem = format!("was not written by recto: {marker} is missing");
        return Err(what(&problem).hint("name another folder with -o, or remove this one"));
    }
    let ours = ours()?;
    match found.iter().find(|path| *path != marker && !ours(path)) {
        None => Ok(()),
        Some(path) => Err(what(&format!(
            "holds {path}, which recto did not write, or which was changed since"
        ))
        .hint("move that file away, or name another folder with -o")),
    }
}

/// Whether a path below a folder is in one that a killed run built there.
fn is_left_within(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    first.starts_with(WITHIN) && first.ends_with(".part")
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
                if !mount::is_of_file_system(&path) {
                    folders.push(path);
                }
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

/// Where a folder is built within its target.
fn within(target: &Path, mark: &str) -> PathBuf {
    target.join(format!("{WITHIN}{mark}.part"))
}

/// How names begin of folders that are built within their target.
const WITHIN: &str = ".recto.";

/// Removes what killed runs left behind: folders beside the new one named for a process that is gone.
fn remove_leftovers(temporary: &Path, target: &Path) {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let prefix = match temporary.parent() == Some(target) {
        true => WITHIN.to_owned(),
        false => format!(".{name}."),
    };
    for entry in fs::read_dir(folder_of(temporary))
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
