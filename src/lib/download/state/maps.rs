//! The image maps of a folder: each set that is downloaded into it has its own, and what another one names belongs to that
//! set too.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use super::index::{Index, Slot};
use crate::contracts::{self, MappedFile};
use crate::download::names::{OutputFolder, hash_of};
use crate::error::Error;
use crate::files;

/// The list of them, in the folder for work in progress: paths from the output folder.
const NAME: &str = "maps.json";

/// Adds the map of this run to those of the folder. If that fails, files of this set are not told from others.
pub fn remember(folder: &OutputFolder, map: &Path) {
    let Some(own) = from_folder(folder, map) else {
        return;
    };
    let mut known = known(folder);
    if known.insert(own) {
        let path = folder.work.join(NAME);
        let _ = files::write_json(&path, &known);
    }
}

/// The maps of other sets that are there.
pub fn others(folder: &OutputFolder, map: &Path) -> Vec<PathBuf> {
    let own = from_folder(folder, map);
    let known = known(folder).into_iter();
    let others = known.filter(|path| Some(path) != own.as_ref());
    let paths = others.map(|path| folder.path.join(path));
    paths
        .filter(|path| path.is_file() || contracts::is_set_folder(path))
        .collect()
}

/// Leaves out the files that the maps of other sets name.
///
/// # Errors
/// One of these cannot be read.
pub fn without_those_of(
    maps: &[PathBuf],
    folder: &OutputFolder,
    index: &Index,
    mut slots: Vec<Slot>,
) -> Result<Vec<Slot>, Error> {
    let mut named: HashSet<u64> = HashSet::new();
    for map in maps {
        let prefix = files::path_between(&folder.path, files::folder_of(map))?;
        let paths = contracts::read_image_map(map)?.into_values();
        let below = paths.filter_map(|path| {
            let name = MappedFile::parse(&path).name;
            Some(hash_of(name.strip_prefix(&prefix)?))
        });
        named.extend(below);
    }
    slots.retain(|slot| !named.contains(&hash_of(index.path(*slot))));
    Ok(slots)
}

fn known(folder: &OutputFolder) -> BTreeSet<String> {
    let bytes = std::fs::read(folder.work.join(NAME)).ok();
    let known = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    known.unwrap_or_default()
}

/// The path of a map from the output folder; none where it is in an object store.
fn from_folder(folder: &OutputFolder, map: &Path) -> Option<String> {
    if files::is_in_store(map) {
        return None;
    }
    let way = files::path_between(files::folder_of(map), &folder.path).ok()?;
    let name = map.file_name()?.to_str()?;
    Some(format!("{way}{name}"))
}
