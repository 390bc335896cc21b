//! Which folders are merged.

use std::path::{Path, PathBuf};

use super::options::MergeOptions;
use crate::download::shard_mark::MergedInto;
use crate::download::state::journal::Journal;
use crate::error::Error;
use crate::files;
use crate::reformat::parts::place::is_of_parts;

/// The folders of workers, each once and in the order of their names.
///
/// # Errors
/// There is none, one was not written by a worker, or they cannot be merged with the first one.
pub fn of_workers(options: &MergeOptions) -> Result<Vec<PathBuf>, Error> {
    let all = &options.output_dir;
    refuse_parts_of_reformat(options)?;
    refuse_mixed(options)?;
    let journal = match files::is_in_store(all) {
        true => "`.recto/journal`",
        false => Journal::NAME,
    };
    let mut parts = Vec::new();
    if options.folders.is_empty() {
        for folder in folders_in(all)? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("shard-") && (is_of_worker(&folder)? || is_merged(&folder, all)) {
                parts.push(folder);
            }
        }
    }
    for folder in &options.folders {
        if !is_of_worker(folder)? && !is_merged(folder, all) {
            let what = format!("{}: there is no {journal}", folder.display());
            return Err(Error::new(what).hint("name the folders that recto-download wrote to"));
        }
        parts.push(folder.clone());
    }
    parts.sort();
    parts.dedup();
    let output = files::real(all);
    parts.retain(|part| files::real(part) != output);
    match parts.is_empty() {
        true => Err(Error::new(format!(
            "{}: there are no folders shard-* with a {journal}",
            all.display(),
        ))
        .hint("name the folders of the workers after it")),
        false => Ok(parts),
    }
}

/// The folders in a folder; one that does not exist has none.
fn folders_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if files::is_in_store(folder) {
        let found = files::folders_in_store(folder);
        return found.map_err(|e| cannot_list(folder, e));
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    Ok(entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect())
}

/// Whether a worker wrote there. One that has finished no image yet has no journal in a store, and says which shard it has.
fn is_of_worker(folder: &Path) -> Result<bool, Error> {
    if !files::is_in_store(folder) {
        return Ok(folder.join(Journal::NAME).is_file());
    }
    let found = files::is_folder_in_store(&folder.join(".recto"));
    found.map_err(|e| cannot_list(folder, e))
}

fn cannot_list(folder: &Path, e: std::io::Error) -> Error {
    Error::new(format!("{}: cannot be listed", folder.display())).because(e)
}

/// Whether what was in a folder was moved to that of all before: it holds nothing any more but its mark.
fn is_merged(folder: &Path, all: &Path) -> bool {
    MergedInto::in_folder(folder).is_some_and(|into| into == files::real(all))
}

/// Refuses what no disk and no store can unite by itself.
fn refuse_mixed(options: &MergeOptions) -> Result<(), Error> {
    let all = &options.output_dir;
    let is_stored = files::is_in_store(all);
    let bucket = |folder: &Path| is_stored.then(|| files::bucket_of(folder));
    let other = options
        .folders
        .iter()
        .find(|folder| files::is_in_store(folder) != is_stored || bucket(folder) != bucket(all));
    if let Some(other) = other {
        let what = format!(
            "{} and {} are neither both on this machine nor both in one bucket",
            all.display(),
            other.display()
        );
        return Err(Error::usage(what).hint(
            "copy the folders of the workers, all that is in them, to where the set is to be, and merge there",
        ));
    }
    if !is_stored && options.break_lock {
        let what = "--break-lock: folders on this machine have locks that end with their process";
        return Err(Error::usage(what));
    }
    let is_azure = all.to_string_lossy().starts_with("az://");
    if is_azure && options.moves {
        // It may say that a copy is there while it is still made, and a copy ends with its source.
        let what =
            "--move: not possible in Azure, which may still be copying when it says that it has";
        return Err(
            Error::usage(what).hint("leave it out, and remove the folders of the workers later")
        );
    }
    Ok(())
}

/// Refuses what `recto-reformat --shard` wrote: pictures of a training set, which are no downloads.
fn refuse_parts_of_reformat(options: &MergeOptions) -> Result<(), Error> {
    let mut folders = std::iter::once(&options.output_dir).chain(&options.folders);
    match folders.find(|folder| is_of_parts(folder)) {
        None => Ok(()),
        Some(folder) => {
            let what = format!(
                "{}: was written by recto-reformat --shard",
                folder.display()
            );
            Err(Error::new(what).hint(
                "the same recto-reformat with --from-shards instead of --shard writes the set",
            ))
        }
    }
}
