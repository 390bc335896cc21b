//! Cache files: they may be lost, since they can be made again, but they are never incomplete. They get their names in
//! one step like all other files, but are not flushed one by one, which would cost more than making them again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::owner;
use super::paths::folder_of;

/// The ending of the names of unfinished files.
pub const UNFINISHED: &str = ".part";

/// Tells the unfinished files of one process apart.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Writes a file that consists of these parts, one after the other, and gives it its name.
///
/// # Errors
/// The file cannot be written; nothing is left behind then.
pub fn put(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let temporary = temporary(path);
    let written = create(&temporary)
        .and_then(|mut file| parts.iter().try_for_each(|part| file.write_all(part)))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // A full disk must not fill up with incomplete files.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Removes a file; false if it was gone already.
///
/// # Errors
/// The file cannot be removed.
pub fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// Removes a folder if it is empty.
pub fn remove_empty(folder: &Path) {
    // A folder that is not empty stays.
    let _ = fs::remove_dir(folder);
}

/// Another thread may remove an empty folder just before a file is created in it: then it is created again, a few times.
fn create(path: &Path) -> io::Result<File> {
    let mut tries = 0;
    loop {
        match File::create(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound && tries < 3 => tries += 1,
            outcome => return outcome,
        }
        fs::create_dir_all(folder_of(path))?;
    }
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    name.push(format!(".{}.{number}{UNFINISHED}", owner::mark()));
    folder_of(path).join(name)
}
