//! Files that move: those whose image has another label now, those that a person altered, and those that are no longer in
//! the set. None is removed, and none is left where it would be taken for another.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::index::{Index, Slot};
use super::journal::Journal;
use crate::contracts::Download;
use crate::download::names::OutputFolder;
use crate::error::Error;
use crate::files;

/// Gives files the names that their images have now, and notes that in the journal. Returns how many got another.
///
/// # Errors
/// A file cannot be moved, or the journal not be written.
pub fn rename(
    folder: &OutputFolder,
    journal: &Journal,
    index: &mut Index,
    renamed: &[(Slot, String)],
) -> Result<u64, Error> {
    // What moves may stand where another is to go: all leave their places first. Where a run is stopped in between, the
    // next one finds them by the ids of their images.
    let waiting = folder.work.join("renaming");
    let mut moves = Vec::new();
    for (slot, stem) in renamed {
        let (from, Some(entry)) = (index.path(*slot).to_owned(), index.entry(*slot)) else {
            continue;
        };
        let suffix = Path::new(&from).extension().unwrap_or_default();
        let to = format!("{stem}.{}", suffix.to_string_lossy());
        let place = waiting.join(files::hex_digest(entry.id.as_bytes(), 24));
        let from = folder.path.join(from);
        if from.exists() && !place.exists() {
            files::move_to(&from, &place)?;
        }
        if place.exists() || is_same(&folder.path.join(&to), &entry.sha256) {
            moves.push((place, Download { path: to, ..entry }));
        }
    }
    for (place, line) in moves.iter().filter(|(place, _)| place.exists()) {
        make_room(folder, &line.path, &line.sha256, None)?;
        files::move_to(place, &folder.path.join(&line.path))?;
    }
    let lines: Vec<Download> = moves.into_iter().map(|(_, line)| line).collect();
    let places = journal.append_now(&lines);
    let places = places.map_err(|e| files::cannot_write(&folder.path.join(Journal::NAME), e))?;
    for (line, at) in lines.iter().zip(places) {
        index.add(line, at);
    }
    Ok(lines.len() as u64)
}

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
    let is_others = own != Some(path) && place.exists() && !is_same(&place, sha256);
    if is_others {
        set_aside(folder, ALTERED, [path])?;
    }
    Ok(is_others)
}

/// Whether there is a file with this hash: the same one, of which a run that was killed could not note that it is there.
fn is_same(path: &Path, sha256: &str) -> bool {
    files::sha256_of_file(path).is_ok_and(|found| found == sha256)
}

/// The folder, below that for work in progress, for files that stood where others go.
pub const ALTERED: &str = "altered";

/// Says how many files got another name; none if none did.
pub fn note_of_renamed(renamed: u64) -> Option<String> {
    match renamed {
        0 => None,
        1 => Some("1 file was renamed: its image has another name now".into()),
        n => Some(format!(
            "{n} files were renamed: their images have other names now"
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
        let path = index.path(*slot);
        !taken.contains(path) && folder.path.join(path).exists()
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
