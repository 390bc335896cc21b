//! Single operations on the file system that need a second thought.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::owner;
use super::paths::{cannot_write, folder_of, real};
use crate::error::Error;

/// Opens a file for reading and appending. Creates it and its folder if they are missing.
///
/// # Errors
/// The file cannot be opened or created.
pub fn open_to_append(path: &Path) -> Result<File, Error> {
    let cannot = |e: io::Error| cannot_write(path, e);
    fs::create_dir_all(folder_of(path)).map_err(cannot)?;
    let file = File::options()
        .read(true)
        .append(true)
        .create(true)
        .open(path)
        .map_err(cannot)?;
    sync_folder(folder_of(path)).map_err(cannot)?;
    Ok(file)
}

/// Opens a regular file for reading. Pipes and devices are refused: opening one could wait for ever.
///
/// # Errors
/// The file cannot be opened, or is no regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = without_waiting().open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("not a regular file")),
    }
}

/// How a file is opened that may turn out to be a pipe without a writer.
#[cfg(target_os = "linux")]
fn without_waiting() -> fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = File::options();
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    options.read(true).custom_flags(flags);
    options
}

/// How a file is opened for reading.
#[cfg(not(target_os = "linux"))]
fn without_waiting() -> fs::OpenOptions {
    let mut options = File::options();
    options.read(true);
    options
}

/// Where an open file really is, all links resolved: unlike a path, which may lead elsewhere by now, this is the file
/// that will be read.
#[cfg(target_os = "linux")]
pub fn place_of(file: &File, path: &Path) -> PathBuf {
    use std::os::fd::AsRawFd as _;
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    fs::read_link(link).unwrap_or_else(|_| real(path))
}

/// Where a file really is, all links resolved.
#[cfg(not(target_os = "linux"))]
pub fn place_of(_file: &File, path: &Path) -> PathBuf {
    real(path)
}

/// Removes the files of a folder whose names begin with `begin`, except those that begin with `keep`, and temporary
/// files of such that a killed process left behind. Files that cannot be removed stay.
pub fn remove_others(folder: &Path, begin: &str, keep: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_other = name.starts_with(begin) && !name.starts_with(keep);
        let hidden = name
            .strip_prefix('.')
            .is_some_and(|name| name.starts_with(begin));
        if is_other || hidden && is_abandoned(&name, &entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether a temporary file, named as `Atomic` names it, belongs to a process that has ended.
fn is_abandoned(name: &str, path: &Path) -> bool {
    let name = name.strip_suffix(".part");
    let mark = name.and_then(|name| name.rsplit_once('.'));
    mark.is_some_and(|(_, mark)| owner::is_gone(mark, path))
}

/// Moves a file to another place on the same disk. Creates the folder.
///
/// # Errors
/// The file cannot be moved.
pub fn move_to(from: &Path, to: &Path) -> Result<(), Error> {
    let moved = fs::create_dir_all(folder_of(to)).and_then(|()| fs::rename(from, to));
    moved.map_err(|e| cannot_write(to, e))
}

/// Flushes the entries of a folder to the disk, so that a rename survives a power cut.
///
/// # Errors
/// The folder cannot be opened or flushed.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// How many files may be open at once. Raises the limit of the process to the most that the system allows.
#[cfg(target_os = "linux")]
pub fn most_open() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let whole = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let granted = match setrlimit(Resource::Nofile, whole) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    granted.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX))
}

/// How many files may be open at once: not known on this system.
#[cfg(not(target_os = "linux"))]
pub fn most_open() -> usize {
    usize::MAX
}

/// Free space of the disk that holds a folder: bytes, and files where the file system has a fixed number of them.
#[cfg(target_os = "linux")]
pub fn free_space(folder: &Path) -> Option<(u64, Option<u64>)> {
    let found = rustix::fs::statvfs(folder).ok()?;
    let files = (found.f_files > 0).then_some(found.f_favail);
    Some((found.f_bavail.saturating_mul(found.f_frsize), files))
}

/// Free space of the disk that holds a folder: not known on this system.
#[cfg(not(target_os = "linux"))]
pub fn free_space(_folder: &Path) -> Option<(u64, Option<u64>)> {
    None
}

/// Whether a file could not be opened because too many are open, in this process or in the system (EMFILE, ENFILE).
pub fn are_too_many_open(e: &io::Error) -> bool {
    matches!(e.raw_os_error(), Some(23 | 24))
}
