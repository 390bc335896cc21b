//! `recto-shard merge`: unites the folders of workers. The line of the journal that counts for an image is the latest, of several
//! at one time that with the greater SHA-256: so it does not matter in what order folders are merged, or how often.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::best::{BestLines, Place, best_lines, rename_shared};
use super::folders;
use super::here::Here;
use super::missing::{missing, refuse_other_sets};
use super::options::MergeOptions;
use super::packs::Packs;
use super::stored::Stored;
use crate::contracts::{self, Failure};
use crate::download::names::OutputFolder;
use crate::download::state::failed;
use crate::download::state::journal::Journal;
use crate::download::state::moves;
use crate::download::summary::{Verified, reject, write_map};
use crate::error::Error;
use crate::files;
use crate::http::id_without_secrets;
use crate::report::Common;
use crate::summary::{Summary, counted};

/// Unites the journals, files and lists of workers.
///
/// # Errors
/// A folder has no journal or is in use, a journal is damaged, or a file or list cannot be written.
pub fn merge(options: &MergeOptions, common: &Common, summary: &mut Summary) -> Result<(), Error> {
    let parts = folders::of_workers(options)?;
    refuse_other_sets(&parts)?;
    let inputs: Vec<PathBuf> = parts.iter().map(|part| part.join(Journal::NAME)).collect();
    files::refuse_overwriting(
        &inputs,
        &[
            ("--image-map", Some(&*options.image_map)),
            ("--failures", Some(&*options.failures)),
        ],
    )?;
    let mut all = vec![options.output_dir.clone()];
    all.extend(parts.iter().cloned());
    let mut place: Box<dyn Place> = match files::is_in_store(&options.output_dir) {
        true => Box::new(Stored::open(all.clone(), options.break_lock)?),
        false => Box::new(Here::open(all.clone())?),
    };
    let mut packs = Packs::default();
    let mut best = best_lines(&*place, &mut packs, summary)?;
    summary.notes.extend(rename_shared(&mut best));
    let united = place.unite(&best, &packs)?;
    let altered: Vec<&str> = united.altered.iter().map(String::as_str).collect();
    let note = Verified::note_of_altered(&OutputFolder::new(options.output_dir.clone()), &altered);
    summary.notes.extend(note);
    summary.notes.extend(note_of_left(options, united.left));
    let there = best.iter().map(|(id, best)| (&**id, best.mapped(&packs)));
    write_map(&options.image_map, &options.output_dir, there)?;
    let failures = failures(options, &all, &best)?;
    let is_safe = common.csv_safe;
    files::write_csv(&options.failures, &Failure::HEADER, &failures, is_safe)?;
    if options.moves {
        // Only now: until here a run that is killed leaves everything where it was.
        place.clear(&best, &packs)?;
    }
    drop(place);
    let missing = missing(&all, best.len() as u64, &failures);
    summary.kept = best.len() as u64;
    summary.rejects.extend(failures.iter().map(reject));
    summary.rejects.extend(missing);
    summary.read = summary.kept + summary.rejects.len() as u64;
    summary.count("images", best.len() as u64);
    summary.count("folders", parts.len() as u64);
    summary.count("placed", united.placed);
    summary.done = format!(
        "{} of {} in {}",
        counted(best.len() as u64, "image", "images"),
        counted(parts.len() as u64, "folder", "folders"),
        options.output_dir.display()
    );
    summary.hint = (!failures.is_empty())
        .then(|| format!("{} lists what is missing", options.failures.display()));
    Ok(())
}

fn note_of_left(options: &MergeOptions, left: u64) -> Option<String> {
    let folder = OutputFolder::new(options.output_dir.clone());
    let aside = folder.work.join(moves::ORPHANS);
    let files = counted(
        left,
        "file of an earlier merge was",
        "files of an earlier merge were",
    );
    let note = format!(
        "{files} moved to {}: the images have other names now",
        aside.display()
    );
    (left > 0).then_some(note)
}

/// What no worker has: of several rows about one image that of the most requests.
fn failures(
    options: &MergeOptions,
    all: &[PathBuf],
    best: &BestLines,
) -> Result<Vec<Failure>, Error> {
    let mut rows: BTreeMap<String, Failure> = BTreeMap::new();
    let lists = all.iter().map(|folder| folder.join("failures.csv"));
    for list in lists.chain([options.failures.clone()]) {
        contracts::read_failures(&list, |row| {
            let row = row?;
            let held = rows.get(&row.id);
            if held.is_none_or(|held| (row.attempts, &row) > (held.attempts, held)) {
                rows.insert(row.id.clone(), row);
            }
            Ok(())
        })?;
    }
    // Those of workers that were killed, which have written no list.
    for folder in all {
        failed::each(&OutputFolder::new(folder.clone()), |row| {
            rows.entry(row.id.clone()).or_insert(row);
        });
    }
    if !rows.is_empty() {
        // The lists have ids without their secrets.
        for id in best.keys() {
            rows.remove(&id_without_secrets(id));
        }
    }
    let mut rows: Vec<Failure> = rows.into_values().collect();
    rows.sort();
    Ok(rows)
}
