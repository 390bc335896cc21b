//! Finds the parts that workers have made, and refuses them if a part is missing or was made otherwise than the set is to be.

use std::collections::BTreeSet;
use std::path::Path;

use super::made::MadeParts;
use super::mark::PartMark;
use super::place;
use crate::error::Error;
use crate::files;
use crate::reformat::assemble::Assembled;
use crate::reformat::options::Options;
use crate::workers::Shard;

/// The parts of the set that a command makes.
///
/// # Errors
/// Some are missing, or were made otherwise.
pub fn find(options: &Options, assembled: &Assembled) -> Result<MadeParts, Error> {
    let folder = place::folder_of_parts(&options.output);
    let (parts, count) = found(&folder)?;
    let mut wanted = PartMark::of(options, assembled, Shard { index: 0, count })?;
    let mut folders = Vec::new();
    for &part in &parts {
        let path = folder.join(place::part_name(part, count));
        let made = PartMark::in_folder(&path)?;
        wanted.part = part;
        if let Some(difference) = made.difference(&wanted) {
            let what = format!("{}: {difference}", path.display());
            return Err(Error::new(what).hint(again(part, count)));
        }
        folders.push(path);
    }
    refuse_missing(&folder, &parts, count)?;
    Ok(MadeParts::new(folders))
}

/// Removes all parts, when the set is there.
///
/// # Errors
/// They cannot be removed.
pub fn remove(options: &Options) -> Result<(), Error> {
    files::remove_helper(&place::folder_of_parts(&options.output), &options.output)
}

/// The parts in a folder, and how many there should be.
fn found(folder: &Path) -> Result<(BTreeSet<u64>, u64), Error> {
    let mut parts: BTreeSet<(u64, u64)> = BTreeSet::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        match place::named_part(&name) {
            Some((part, of)) => {
                parts.insert((of, part));
            }
            // The dot is of one that a worker builds.
            None if name.starts_with('.') || name == place::LOOKS => {}
            None => {
                let what = format!(
                    "{}: holds {name}, which is no part of a set",
                    folder.display()
                );
                return Err(Error::new(what).hint("move it away: the folder is removed in the end"));
            }
        }
    }
    let counts: BTreeSet<u64> = parts.iter().map(|(of, _)| *of).collect();
    let numbers = parts.iter().map(|(_, part)| *part).collect();
    match Vec::from_iter(counts)[..] {
        [count] => Ok((numbers, count)),
        [] => Err(Error::new(format!(
            "{}: there are no parts of the set",
            folder.display()
        ))
        .hint(
            "the same command with --shard 0/4, --shard 1/4 … instead of --from-shards makes them",
        )),
        [first, second, ..] => Err(Error::new(format!(
            "{}: holds parts of {first} and parts of {second}",
            folder.display()
        ))
        .hint("remove those that are not of this set")),
    }
}

/// Refuses a set of which parts are missing: workers may still be at them.
fn refuse_missing(folder: &Path, parts: &BTreeSet<u64>, count: u64) -> Result<(), Error> {
    let missing = (0..count).filter(|part| !parts.contains(part));
    let missing: Vec<String> = missing.map(|part| part.to_string()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (parts, are) = match missing.len() {
        1 => ("part", "is"),
        _ => ("parts", "are"),
    };
    let what = format!(
        "{}: {parts} {} of {count} {are} missing",
        folder.display(),
        missing.join(", ")
    );
    Err(Error::new(what)
        .hint(format!(
            "these workers have not ended, or are to be run again: --shard {}/{count}",
            missing[0]
        ))
        .temporary(true))
}

fn again(part: u64, count: u64) -> String {
    format!(
        "run this worker again, with --shard {part}/{count} and these options, or give the options that it had"
    )
}
