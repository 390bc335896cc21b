//! Files that may be lost but are never half there: what can be made again. They get their names in one step like
//! all others, but are not flushed one by one, which would cost more than making them anew.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::folder_of;

/// What names of unfinished files end with.
pub const UNFINISHED: &str = ".part";

/// Distinguishes unfinished files of one process.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Writes a file of these parts, one after the other, and gives it its name.
pub fn put(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let temporary = temporary(path);
    let written = create(&temporary)
        .and_then(|mut file| parts.iter().try_for_each(|part| file.write_all(part)))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // A full disk is not to be filled with halves.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Removes a file; false where somebody else did.
pub fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// Removes a folder if nothing is in it.
pub fn remove_empty(folder: &Path) {
    // What still holds something stays.
    let _ = fs::remove_dir(folder);
}

/// Somebody may remove an empty folder just before a file is made in it: then it is made again, a few times.
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
    name.push(format!(".{}.{number}{UNFINISHED}", std::process::id()));
    folder_of(path).join(name)
}
