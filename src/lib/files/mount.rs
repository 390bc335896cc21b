//! Folders that cannot be renamed because a file system is mounted there, as volumes of containers are: what they hold is
//! exchanged entry by entry.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::system::sync_folder;

/// Stands in a folder while its entries are exchanged: what is there is not whole, and may be replaced.
pub const UNFINISHED: &str = ".recto-unfinished";
/// What file systems put into the folder that they are mounted on.
const OF_FILE_SYSTEM: &str = "lost+found";

/// Whether a file system, or a part of one, is mounted on a folder.
#[cfg(target_os = "linux")]
pub fn is_mounted(folder: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    let found = statx(CWD, folder, AtFlags::empty(), StatxFlags::BASIC_STATS);
    found.is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Whether a file system is mounted on a folder: not known on this system.
#[cfg(not(target_os = "linux"))]
pub fn is_mounted(_folder: &Path) -> bool {
    false
}

/// Puts the entries of a folder in place of those of the folder that it lies in. Until that is done, [`UNFINISHED`] says so; what
/// lists the others, JSON, comes last.
///
/// # Errors
/// An entry cannot be removed or moved; [`UNFINISHED`] stays then.
pub fn exchange(temporary: &Path, target: &Path) -> io::Result<()> {
    let mark = target.join(UNFINISHED);
    fs::write(
        &mark,
        "recto is putting files here, or was stopped while it did; run the same command again\n",
    )?;
    sync_folder(target)?;
    for path in entries(target)? {
        let is_ours = path == mark
            || path == temporary
            || path.file_name() == Some(OsStr::new(OF_FILE_SYSTEM));
        match (is_ours, path.is_dir() && !path.is_symlink()) {
            (true, _) => {}
            (false, true) => fs::remove_dir_all(&path)?,
            (false, false) => fs::remove_file(&path)?,
        }
    }
    let mut new = entries(temporary)?;
    new.sort_by_key(|path| (path.extension() == Some(OsStr::new("json")), path.clone()));
    for path in new {
        if let Some(name) = path.file_name() {
            fs::rename(&path, target.join(name))?;
        }
    }
    sync_folder(target)?;
    fs::remove_file(&mark)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect()
}

/// Whether an entry of a folder belongs to its file system.
pub fn is_of_file_system(name: &str) -> bool {
    name == OF_FILE_SYSTEM
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_exchanged_and_nothing_else_stays() {
        let target = tempfile::tempdir().unwrap();
        let at = |name: &str| target.path().join(name);
        for folder in ["old", "new/images", "lost+found"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for file in ["old/a", "old.json", "new/images/b", "new/dataset.json"] {
            fs::write(at(file), file).unwrap();
        }
        exchange(&at("new"), target.path()).unwrap();
        fs::remove_dir(at("new")).unwrap();
        let mut found: Vec<_> = entries(target.path()).unwrap();
        found.sort();
        assert_eq!(found, ["dataset.json", "images", "lost+found"].map(at));
        assert_eq!(fs::read_to_string(at("images/b")).unwrap(), "new/images/b");
    }
}
