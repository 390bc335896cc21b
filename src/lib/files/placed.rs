//! A file that gets another place: linked or copied.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::content::Content;
use super::paths::{cannot_write, folder_of};
use crate::error::Error;

/// Links a file to another place, or copies it where the disk cannot link, or there is no file of its own. What is there is
/// replaced in one step.
///
/// # Errors
/// Those of the disk.
pub fn place(from: &Content, to: &Path) -> Result<(), Error> {
    let folder = folder_of(to);
    fs::create_dir_all(folder).map_err(|e| cannot_write(folder, e))?;
    let cannot = |e| cannot_write(to, e);
    let mut temporary = to.as_os_str().to_owned();
    temporary.push(".placing");
    let temporary = PathBuf::from(temporary);
    // One that a killed run left.
    let _ = fs::remove_file(&temporary);
    let is_linked = |file: &Path| fs::hard_link(file, &temporary).is_ok();
    if !from.whole_file().is_some_and(is_linked) {
        let copied =
            File::create(&temporary).and_then(|mut file| io::copy(&mut from.open()?, &mut file));
        copied.map_err(cannot)?;
        let written = File::open(&temporary).and_then(|file| file.sync_all());
        written.map_err(cannot)?;
    }
    fs::rename(&temporary, to).map_err(cannot)
}
