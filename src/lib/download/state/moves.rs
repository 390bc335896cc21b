//! Files that move: those whose image has another label now, those that a person altered, and those that are no longer in
//! the set. None is removed, and none is left where it would be taken for another.

use std::path::Path;

use super::index::{Index, Slot};
use super::journal::Journal;
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
    let mut count = 0;
    for (slot, stem) in renamed {
        let (from, Some(entry)) = (index.path(*slot).to_owned(), index.entry(*slot)) else {
            continue;
        };
        let suffix = Path::new(&from).extension().unwrap_or_default();
        let to = format!("{stem}.{}", suffix.to_string_lossy());
        let (old, new) = (folder.path.join(&from), folder.path.join(&to));
        if to == from || new.exists() || !old.exists() {
            continue;
        }
        files::move_to(&old, &new)?;
        let line = crate::contracts::Download { path: to, ..entry };
        let place = folder.path.join(Journal::NAME);
        let at = journal.append_now(&line);
        let at = at.map_err(|e| files::cannot_write(&place, e))?;
        index.add(&line, at);
        count += 1;
    }
    Ok(count)
}

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
    let is_left =
        |slot: &Slot| !in_set[slot.index()] && folder.path.join(index.path(*slot)).exists();
    let mut left: Vec<Slot> = index.slots().filter(is_left).collect();
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
    let mut paths = paths.into_iter();
    paths.try_for_each(|path| files::move_to(&folder.path.join(path), &aside.join(path)))
}
