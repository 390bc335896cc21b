//! Folders in object stores: sets in parts.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;

use super::atomic::unsent;
use super::paths::cannot_write;
use super::store::put_to_store;
use crate::error::Error;

/// Uploads the files of a folder that `write` makes, `last` after all others: whoever finds that one finds them all.
///
/// # Errors
/// Those of `write`; the store does not take the files.
pub fn put_folder_to_store(
    path: &Path,
    last: &str,
    write: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<(), Error> {
    let cannot = |e| cannot_write(path, e);
    let aside = tempfile::tempdir().map_err(cannot)?;
    let folder = aside.path().join("set");
    write(&folder)?;
    let mut names: Vec<OsString> = std::fs::read_dir(&folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect())
        .map_err(cannot)?;
    names.sort_by_key(|name| (name.as_os_str() == last, name.clone()));
    let put = names.iter().try_for_each(|name| {
        let mut file = File::open(folder.join(name))?;
        put_to_store(&path.join(name), &mut file)
    });
    put.map_err(|e| {
        // What was made is kept.
        let _ = aside.keep();
        cannot(e).hint(unsent(&folder))
    })
}
