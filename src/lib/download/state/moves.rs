//! Files that are moved aside: those that a person altered, those in the way of others, and those that are no longer in the
//! set. None is removed, and none is left where it would be taken for another.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::index::{Index, Slot, sha256_start};
use crate::download::names::OutputFolder;
use crate::error::Error;
use crate::files::{self, Content, Part};
use crate::summary::counted;

/// Moves a file out of the way of one that gets its name, unless it is that image's own (`own` is the path of its earlier
/// download) or holds the same. Nobody else's file is overwritten. Returns whether there was one.
///
/// # Errors
/// The file cannot be moved.
pub fn make_room(
    folder: &OutputFolder,
    path: &str,
    sha256: &str,
    own: Option<&str>,
) -> Result<bool, Error> {
    let place = folder.path.join(path);
    let is_others = own != Some(path) && place.exists() && !folder.content(path).is(sha256);
    if is_others {
        set_aside(folder, ALTERED, [path])?;
    }
    Ok(is_others)
}

/// Notes, before it happens, that the file of an image is replaced by one with this hash.
///
/// # Errors
/// The note cannot be written.
pub fn note_replacing(work: &Path, path: &str, sha256: &str) -> Result<(), Error> {
    files::write(&replacing(work, path), sha256.as_bytes())
}

/// Removes the note: the journal has it.
pub fn replaced(work: &Path, path: &str) {
    // If it stays, nothing follows from it: the file is as the journal says.
    let _ = files::cache_file::remove(&replacing(work, path));
}

/// Whether a file was put there by a run that was killed before it could note that in the journal.
pub fn was_replaced(work: &Path, path: &str, now: &Content) -> bool {
    let noted = std::fs::read_to_string(replacing(work, path));
    noted.is_ok_and(|sha256| now.is(&sha256))
}

fn replacing(work: &Path, path: &str) -> PathBuf {
    work.join("replacing")
        .join(files::hex_digest(path.as_bytes(), 24))
}

/// The folder, below that for work in progress, for files that stood where others go.
pub const ALTERED: &str = "altered";

/// The folder, below that for work in progress, for files that no image of the set has any more.
pub const ORPHANS: &str = "orphans";

/// The folder, below that for work in progress, for bytes that servers had before, each under its SHA-256.
const VERSIONS: &str = "versions";

/// Keeps the bytes that some with this hash take the place of, unless they are the same. `path` is that of the image.
///
/// # Errors
/// Those of the disk.
pub fn keep_version(
    folder: &OutputFolder,
    path: &str,
    old: &Content,
    sha256: &str,
) -> Result<(), Error> {
    match old.sha256() {
        Ok(found) if found != sha256 => files::place(old, &version(folder, path, &found)),
        // What is not there cannot be kept.
        _ => Ok(()),
    }
}

/// Puts an image into an object store; whether something else was there, which is kept. Overwritten is only what an earlier download
/// put there, known by the first digits of its SHA-256 (`own`); its bytes are kept too where that is wanted.
///
/// # Errors
/// Those of the disk and of the store.
pub fn upload(
    store: &Path,
    part: &Part,
    path: &str,
    sha256: &str,
    (own, keeps_versions): (Option<u64>, bool),
) -> Result<bool, Error> {
    let place = store.join(path);
    let cannot = |e| files::cannot_write(&place, e);
    let mut file = part.to_file().map_err(cannot)?;
    if files::upload_new(&place, &mut file, sha256).map_err(cannot)? {
        return Ok(false);
    }
    // Somebody may have replaced it since.
    let there = Content::file(place.clone()).sha256();
    let is_own = there.is_ok_and(|there| own == Some(sha256_start(&there)));
    if !is_own {
        copy_aside(store, path, ALTERED).map_err(cannot)?;
    } else if keeps_versions {
        copy_aside(store, path, VERSIONS).map_err(cannot)?;
    }
    files::put_to_store(&place, &mut file).map_err(cannot)?;
    Ok(!is_own)
}

/// Copies a file of a folder in an object store to a folder of that for work in progress, under its SHA-256.
///
/// # Errors
/// Those of the store.
pub fn copy_aside(store: &Path, path: &str, name: &str) -> io::Result<()> {
    let place = store.join(path);
    let old = Content::file(place.clone()).sha256()?;
    let suffix = Path::new(path).extension().unwrap_or_default();
    let aside = store.join(".recto").join(name).join(old);
    files::copy_in_store(&place, &aside.with_extension(suffix))
}

/// Where the bytes with a hash are kept that an image had before; none if they are not.
pub fn kept_version(folder: &OutputFolder, path: &str, sha256: &str) -> Option<PathBuf> {
    let kept = version(folder, path, sha256);
    Content::file(kept.clone()).is(sha256).then_some(kept)
}

fn version(folder: &OutputFolder, path: &str, sha256: &str) -> PathBuf {
    let suffix = Path::new(path).extension().unwrap_or_default();
    folder
        .work
        .join(VERSIONS)
        .join(sha256)
        .with_extension(suffix)
}

/// Says how many files got another name; none if none did.
pub fn note_of_renamed(renamed: u64) -> Option<String> {
    match renamed {
        0 => None,
        n => Some(counted(
            n,
            "file was renamed: its image has another name now",
            "files were renamed: their images have other names now",
        )),
    }
}

/// Files of images that are in the journal and not in the set, in the order of their paths. `in_set` has a mark for each
/// image of the journal.
pub fn orphans(folder: &OutputFolder, index: &Index, in_set: &[bool]) -> Vec<Slot> {
    let (of_set, others): (Vec<Slot>, Vec<Slot>) =
        index.slots().partition(|slot| in_set[slot.index()]);
    if others.is_empty() {
        return others;
    }
    // An image of the set may have the name that one had which has left it.
    let taken: HashSet<&str> = of_set.iter().map(|slot| index.path(*slot)).collect();
    let is_left = |slot: &Slot| {
        let content = folder.content_of(index.place(*slot));
        let is_there = folder.store.is_some() || content.length().is_ok();
        !taken.contains(index.path(*slot)) && is_there
    };
    let mut left: Vec<Slot> = others.into_iter().filter(is_left).collect();
    left.sort_by(|a, b| index.path(*a).cmp(index.path(*b)));
    left
}

/// Moves files to a folder below that for work in progress, where no program looks for images.
///
/// # Errors
/// A file cannot be moved.
pub fn set_aside<'a>(
    folder: &OutputFolder,
    name: &str,
    paths: impl IntoIterator<Item = &'a str>,
) -> Result<(), Error> {
    let aside = folder.work.join(name);
    for path in paths {
        files::move_to(&folder.path.join(path), &free(&aside.join(path)))?;
    }
    Ok(())
}

/// The path, or where that is taken the first free one with a number before the suffix: what was set aside before stays.
fn free(path: &Path) -> PathBuf {
    let suffix = path
        .extension()
        .map(|suffix| suffix.to_string_lossy().into_owned());
    let numbered = |n: u32| match &suffix {
        Some(suffix) => path.with_extension(format!("{n}.{suffix}")),
        None => path.with_extension(n.to_string()),
    };
    let mut places = std::iter::once(path.to_owned()).chain((2..).map(numbered));
    places
        .find(|place| !place.exists())
        .unwrap_or_else(|| path.to_owned())
}
