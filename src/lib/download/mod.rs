//! `download`: localizations.json → images + image_map.json + failures.csv.
//!
//! [`run`] goes through the images of a set, in the order of [`schedule`]; [`fetch`] is the journey of one of them, from
//! its server to its final name and its line in the journal. [`service`] gets images from image services, whole or in
//! regions; [`state`] is what earlier runs left behind, so that only what is missing is requested; [`crops`] turns boxes
//! into images of their own.

use std::collections::HashSet;
use std::path::Path;

pub mod checks;
pub mod crops;
pub mod destination;
pub mod encode;
pub mod estimate;
pub mod failures;
pub mod fetch;
pub mod lock;
pub mod names;
pub mod network;
pub mod options;
pub mod output_folder;
pub mod run;
pub mod schedule;
pub mod service;
pub mod shard_mark;
pub mod shards;
pub mod state;
pub mod summary;

use crate::contracts;
use crate::error::Error;
use crate::files;
use crate::report::{Common, Stage};
use crate::summary::{Summary, counted};
use crops::sizes::{self, CroppedSet};
use lock::{Lock, Missing};
use names::OutputFolder;
pub use options::{Options, Orphans};
use run::Run;
use shard_mark::HashPart;
use state::index::{Index, Slot};
use state::input::Set;
use state::journal::Journal;
use state::renames::Renamed;
use state::settled::Lookup;
use state::{failed, input, maps, moves, refresh, renames, resume};
use summary::{
    Results, Verified, add_unusable, publish, set_placeholders_apart, tidy, write_failures,
};

/// Downloads the images of a `localizations.json`, and writes the image map and the failures.
///
/// With `dry_run` nothing is requested: the estimate is in [`Summary::output`]. Images that could not be downloaded are
/// rejects of the summary.
///
/// # Errors
/// Why the stage could not finish, with the summary of what it had done by then.
pub fn download(options: &Options) -> Result<Summary, Error> {
    Error::with_summary(|summary| {
        let mut options = shards::resolved(options)?;
        // What is there is looked at, and not only what the journal says of it.
        options.verify |= options.locked.is_some() && !options.overwrite;
        let options = &options;
        refuse_without_files(options)?;
        refuse_overwriting(options)?;
        match options.dry_run {
            true => estimate_set(options, summary),
            false => download_set(options, summary),
        }
    })
}

impl Stage for Options {
    const NAME: &'static str = "download";

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(&self) -> Result<Summary, Error> {
        download(self)
    }
}

/// Refuses options that need a file here for each image.
fn refuse_without_files(options: &Options) -> Result<(), Error> {
    let moves = options.orphans == Orphans::Move;
    if options.pack.is_some() && moves {
        let what = "--orphans move: an image cannot be moved out of a tar file (--pack)";
        return Err(Error::usage(what).hint("--orphans list names them"));
    }
    let given = [
        ("--pack", options.pack.is_some()),
        ("--prune", options.prune),
        ("--orphans move", moves),
        ("--locked", options.locked.is_some()),
    ];
    let given = given.into_iter().find(|(_, is_given)| *is_given);
    match given.filter(|_| files::is_in_store(&options.output_dir)) {
        Some((option, _)) => Err(Error::usage(format!(
            "{option}: not possible with images in an object store"
        ))
        .hint("download to a local folder, or leave the option out")),
        None => Ok(()),
    }
}

/// No list takes the place of what is read, of the journal, or of another list.
fn refuse_overwriting(options: &Options) -> Result<(), Error> {
    let inputs = [
        options.localizations.clone(),
        options.output_dir.join(Journal::NAME),
        options.locked.clone().unwrap_or_default(),
    ];
    let outputs = [
        ("--regions", options.regions.as_deref()),
        ("--image-map", Some(options.image_map.as_path())),
        ("--failures", Some(options.failures.as_path())),
        ("--downloaded-images", options.downloaded_images.as_deref()),
        (
            "--changes",
            options.lists_changes().then_some(&*options.changes),
        ),
        ("--lock", options.lock.as_deref()),
        ("--report", options.common.report.as_deref()),
    ];
    files::refuse_overwriting(&inputs, &outputs)?;
    let lock = options.lock.as_deref();
    lock.map_or(Ok(()), contracts::refuse_damaged_lock)
}

fn estimate_set(options: &Options, summary: &mut Summary) -> Result<(), Error> {
    let folder = options.folder();
    let lookup = Lookup::new(options, &folder);
    let index = Journal::look(&folder)?;
    let set = match options.regions {
        Some(_) => sizes::expected(options, &folder, &index, summary)?,
        None => input::read(&options.localizations, &index, &lookup)?,
    };
    let sorted = resume::sort(&set, &index, &lookup)?;
    estimate::estimate(&set, &sorted, options, &folder, summary)?;
    add_unusable(summary, set.unusable);
    Ok(())
}

fn download_set(options: &Options, summary: &mut Summary) -> Result<(), Error> {
    let folder = options.folder();
    let lookup = Lookup::new(options, &folder);
    let crops = match &options.regions {
        Some(file) => sizes::write_crops(options, file, &folder)?,
        None => CroppedSet::default(),
    };
    let source = options.regions.as_ref().unwrap_or(&options.localizations);
    let early = prepare(options, &folder, source, &lookup)?;
    let (journal, mut index) = Journal::open(&folder, options.access())?;
    let renamed = renames::resume(&folder, &journal, &mut index)?;
    lock::restore(options, &folder, &journal, &mut index)?;
    let mut set = match early {
        Some(set) => set,
        None => input::read(source, &index, &lookup)?,
    };
    summary
        .notes
        .extend(begin(options, &folder, &journal, &set)?);
    let notes = rename(
        &folder,
        &options.image_map,
        &journal,
        &mut index,
        &mut set,
        renamed,
    )?;
    summary.notes.extend(notes);
    let mut sorted = resume::sort(&set, &index, &lookup)?;
    let left = std::mem::take(&mut sorted.left);
    let tried = std::mem::take(&mut sorted.tried);
    let verified = Verified::of(&mut sorted);
    verified.set_aside(&folder)?;
    summary
        .notes
        .extend(verified.note_of_moved(options, &folder));
    let run = Run {
        options,
        folder: &folder,
        journal: &journal,
        index: &mut index,
        naming: &set.naming,
    };
    let mut results = run.download(crops.network, &set, sorted)?;
    let images = set.count() + crops.failures.len();
    results.failures.add_earlier(left, &tried);
    let of_crops = crops.failures.iter().cloned();
    results.failures.others.extend(of_crops);
    if options.overwrite || options.refresh {
        let kept = resume::kept_from_before(&set, &index, &lookup, &results.there)?;
        results.there.extend(kept);
    }
    if options.verify {
        let there: HashSet<&str> = results.there.iter().map(|slot| index.path(*slot)).collect();
        summary
            .notes
            .extend(verified.notes(&folder, &there, !index.packs().is_empty()));
    }
    let there = &mut results.there;
    there.sort_by(|&a, &b| index.id(a).cmp(index.id(b)));
    let alike = set_placeholders_apart(options, &index, there, &mut results.failures.others);
    results.notes.extend(alike);
    results.notes.extend(note_of_merged(options, &set));
    if results.stopped.is_none() {
        let is_whole = crops.failures.is_empty();
        let notes = tidy_set(options, &folder, &index, &set, is_whole, &mut results)?;
        results.notes.extend(notes);
    }
    write_lists(options, &folder, &journal, &index, &set, &mut results)?;
    if results.stopped.is_none() {
        tidy(&folder, &set, options, &results.failures)?;
    }
    results.summarize(summary, options, images, &index);
    add_unusable(
        summary,
        set.unusable.into_iter().chain(crops.unusable).collect(),
    );
    results.stopped.map_or(Ok(()), Err)
}

/// Notes what others should know of the folder; what the user should know of it.
fn begin(
    options: &Options,
    folder: &OutputFolder,
    journal: &Journal,
    set: &Set,
) -> Result<Option<String>, Error> {
    if let Some(part) = options.part() {
        HashPart::of(part).note(folder.of_images(), set.records.len() as u64)?;
    }
    let what = "this file system does not support locks: make sure that no other recto-download runs in the folder";
    Ok((!journal.is_locked).then(|| what.into()))
}

/// Says how many images of a shard are elsewhere.
fn note_of_merged(options: &Options, set: &Set) -> Option<String> {
    let merged = options.merged.as_ref().filter(|_| set.merged > 0)?;
    let images = counted(set.merged, "image is", "images are");
    Some(format!(
        "{images} in {}, where recto-shard merge --move put what this worker had",
        merged.display()
    ))
}

/// Writes the map, the failures, and what changed.
fn write_lists(
    options: &Options,
    folder: &OutputFolder,
    journal: &Journal,
    index: &Index,
    set: &Set,
    results: &mut Results,
) -> Result<(), Error> {
    let flushed = journal.flush();
    flushed.map_err(|e| files::cannot_write(&options.output_dir.join(Journal::NAME), e))?;
    if let Some(lock) = &options.locked {
        lock::hold(lock, folder, index, set, results)?;
    }
    publish(options, index, &results.there)?;
    if let Some(lock) = &options.lock {
        let missing = Missing::of(results, index, set)?;
        let kept = lock::write(lock, options, folder, index, &results.there, &missing)?;
        if kept > 0 {
            results.notes.push(format!(
                "--lock: {} in {} as before",
                counted(
                    kept,
                    "image is not there now, and stays",
                    "images are not there now, and stay"
                ),
                lock.display()
            ));
        }
    }
    results.rejects = write_failures(options, set, &results.failures)?;
    failed::forget(folder);
    maps::remember(folder, &options.image_map);
    let Some(changes) = &mut results.changes else {
        return Ok(());
    };
    // Of a lock it is known already what there is.
    if options.refresh {
        let mut failed = HashSet::new();
        results.failures.visit(set, &set.naming, |failure| {
            failed.insert(failure.id);
            Ok(())
        })?;
        results
            .notes
            .extend(refresh::complete(changes, index, &failed));
    }
    refresh::write_changes(&options.changes, changes, options.common.csv_safe)?;
    if results.stopped.is_none() {
        refresh::forget(folder);
    }
    Ok(())
}

/// Gives files the names that their images have now, after what a run that was killed had begun.
fn rename(
    folder: &OutputFolder,
    map: &Path,
    journal: &Journal,
    index: &mut Index,
    set: &mut Set,
    mut renamed: Renamed,
) -> Result<Vec<String>, Error> {
    let renames = std::mem::take(&mut set.renamed);
    renamed.extend(renames::rename(folder, journal, index, &renames)?);
    let in_the_way: Vec<&str> = renamed.moved.iter().map(String::as_str).collect();
    let others = match renamed.files {
        0 => Vec::new(),
        _ => maps::others(folder, map),
    };
    let others = others.iter().map(|map| {
        format!(
            "{} may name files that have other names now: run its command again",
            map.display()
        )
    });
    let notes = moves::note_of_renamed(renamed.files)
        .into_iter()
        .chain(others);
    let altered = Verified::note_of_altered(folder, &in_the_way);
    Ok(notes.chain(altered).collect())
}

/// Reads the set before anything is written, where nothing is there yet, and checks that the lists can be written.
fn prepare(
    options: &Options,
    folder: &OutputFolder,
    source: &Path,
    lookup: &Lookup,
) -> Result<Option<Set>, Error> {
    if let Some(lock) = &options.locked {
        Lock::read(lock)?;
    }
    // A set that cannot be read leaves no folder behind.
    let early = match Journal::is_in(&folder.path) || folder.store.is_some() {
        true => None,
        false => Some(input::read(source, &Index::default(), lookup)?),
    };
    contracts::rehearse_set(&options.image_map)?;
    let changes = options.lists_changes().then_some(&options.changes);
    for list in [&options.failures]
        .into_iter()
        .chain(&options.downloaded_images)
        .chain(&options.lock)
        .chain(changes)
    {
        files::rehearse(list)?;
    }
    Ok(early)
}

/// What becomes of files that are no longer in the set, or no longer at the server: they are told, listed or moved. `is_whole`:
/// whether the set is known; if not, its files are not told from others.
fn tidy_set(
    options: &Options,
    folder: &OutputFolder,
    index: &Index,
    set: &Set,
    is_whole: bool,
    results: &mut Results,
) -> Result<Vec<String>, Error> {
    let mut notes = Vec::new();
    let orphans = match is_whole {
        true => orphans(options, folder, index, set, results)?,
        false => Vec::new(),
    };
    let paths: Vec<&str> = orphans.iter().map(|slot| index.path(*slot)).collect();
    let files = counted(
        paths.len() as u64,
        "file is of an image that is no longer in the set",
        "files are of images that are no longer in the set",
    );
    let moves = options.prune || options.orphans == Orphans::Move;
    match (paths.is_empty(), moves, options.orphans) {
        (true, ..) => {}
        (_, true, _) => {
            notes.push(files + &move_orphans(options, folder, index, &orphans)?);
        }
        (_, _, Orphans::List) => {
            notes.push(format!("{files}:"));
            notes.extend(paths.iter().map(|path| format!("  {path}")));
        }
        _ => notes.push(format!("{files}; --orphans list names them")),
    }
    if options.prune && !results.gone.is_empty() {
        let gone = std::mem::take(&mut results.gone);
        let single = gone.iter().filter(|slot| !index.is_packed(**slot));
        let paths = single.map(|slot| index.path(*slot));
        moves::set_aside(folder, PRUNED, paths)?;
        let files = counted(gone.len() as u64, "file", "files");
        notes.push(format!(
            "--prune: {files} gone from the server moved to {}",
            folder.work.join(PRUNED).display()
        ));
        results
            .failures
            .others
            .extend(gone.iter().map(|slot| summary::gone(index, *slot)));
        results.there.retain(|slot| !gone.contains(slot));
    }
    Ok(notes)
}

/// Moves the files of images that are no longer in the set; where to.
fn move_orphans(
    options: &Options,
    folder: &OutputFolder,
    index: &Index,
    orphans: &[Slot],
) -> Result<String, Error> {
    let name = match options.prune {
        true => PRUNED,
        false => moves::ORPHANS,
    };
    let single = orphans.iter().filter(|slot| !index.is_packed(**slot));
    let paths: Vec<&str> = single.map(|slot| index.path(*slot)).collect();
    moves::set_aside(folder, name, paths.iter().copied())?;
    let stay = match orphans.len() - paths.len() {
        0 => String::new(),
        n => format!(", but for {n} in tar files, which stay there"),
    };
    Ok(format!(
        ": moved to {}{stay}",
        folder.work.join(name).display()
    ))
}

/// The files of images that are in the journal and not in the set, nor in another one of the folder.
fn orphans(
    options: &Options,
    folder: &OutputFolder,
    index: &Index,
    set: &Set,
    results: &Results,
) -> Result<Vec<Slot>, Error> {
    let mut in_set = vec![false; index.count()];
    let known = [&set.before, &set.settled, &set.elsewhere, &results.there];
    for slot in known.into_iter().flatten() {
        in_set[slot.index()] = true;
    }
    let orphans = moves::orphans(folder, index, &in_set);
    if orphans.is_empty() {
        return Ok(orphans);
    }
    let maps = maps::others(folder, &options.image_map);
    maps::without_those_of(&maps, folder, index, orphans)
}

/// The folder below that for work in progress, for files that --prune moves there.
const PRUNED: &str = "pruned";
