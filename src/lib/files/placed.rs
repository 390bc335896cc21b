//! A file that gets another place: linked or copied.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::paths::{cannot_write, folder_of};
use crate::error::Error;

/// Links a file to another place, or copies it where the disk cannot link. What is there is replaced in one step.
///
/// # Errors
/// Those of the disk.
pub fn place(from: &Path, to: &Path) -> Result<(), Error> {
    let folder = folder_of(to);
    fs::create_dir_all(folder).map_err(|e| cannot_write(folder, e))?;
    let cannot = |e| cannot_write(to, e);
    let mut temporary = to.as_os_str().to_owned();
    temporary.push(".placing");
    let temporary = PathBuf::from(temporary);
    // One that a killed run left.
    let _ = fs::remove_file(&temporary);
    if fs::hard_link(from, &temporary).is_err() {
        fs::copy(from, &temporary).map_err(cannot)?;
        let written = File::open(&temporary).and_then(|file| file.sync_all());
        written.map_err(cannot)?;
    }
    fs::rename(&temporary, to).map_err(cannot)
}
