//! `recto-shard status`: how far each worker is, from files alone: nothing is locked, and nobody is asked.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::options::StatusOptions;
use crate::contracts::{self, Failure, ImageRecords, LocalizedImage, Parts, ShardPlan};
use crate::download::failures::may_pass;
use crate::download::names::OutputFolder;
use crate::download::shard_mark::ShardMark;
use crate::download::shards::of_another_set;
use crate::download::state::failed;
use crate::download::state::index::Index;
use crate::download::state::journal::Journal;
use crate::error::Error;
use crate::files;
use crate::http::host_of;
use crate::summary::Summary;

/// How far a worker is.
#[derive(Default)]
struct Progress {
    images: u64,
    done: u64,
    failed: u64,
    /// Of the failed, those that the same command may get later.
    may_pass: u64,
}

impl Progress {
    fn waiting(&self) -> u64 {
        self.images.saturating_sub(self.done + self.failed)
    }

    fn state(&self) -> &'static str {
        match () {
            () if self.waiting() > 0 && self.done + self.failed == 0 => "not begun",
            () if self.waiting() > 0 => "not complete",
            () if self.may_pass > 0 => "may get further",
            () if self.failed > 0 => "complete but for failures",
            () => "complete",
        }
    }
}

/// Tells how far the shards of a plan are.
///
/// # Errors
/// The plan, a part of it or a journal cannot be read.
pub fn status(options: &StatusOptions, summary: &mut Summary) -> Result<(), Error> {
    let plan: ShardPlan = contracts::read(&options.plan.join(ShardPlan::FILE))?;
    let merged = Journal::peek(&options.output_dir)?;
    let mut shards = Vec::new();
    let mut kinds: BTreeMap<(String, String), u64> = BTreeMap::new();
    for (number, shard) in plan.shards.iter().enumerate() {
        let folder = options.output_dir.join(ShardPlan::folder(number));
        if ShardMark::in_folder(&folder).is_some_and(|mark| mark.set_sha256 != plan.set_sha256) {
            return Err(of_another_set(&folder));
        }
        let index = Journal::peek(&folder)?;
        let done = match merged.count() {
            0 => index.count() as u64,
            // What was moved into the folder of all is done too.
            _ => in_either(&options.plan.join(&shard.file), &index, &merged)?,
        };
        let mut progress = Progress {
            images: shard.images,
            done,
            ..Progress::default()
        };
        each_failure(&folder, |failure| {
            if index.find(&failure.id).is_some() || merged.find(&failure.id).is_some() {
                return;
            }
            progress.failed += 1;
            progress.may_pass += u64::from(may_pass(&failure));
            let host = host_of(&failure.url).unwrap_or_default();
            *kinds.entry((host, failure.kind)).or_default() += 1;
        })?;
        shards.push(progress);
    }
    let open = (0..).zip(&shards);
    let open = open.filter(|(_, shard)| shard.waiting() > 0 || shard.may_pass > 0);
    let open: Vec<u64> = open.map(|(number, _)| number).collect();
    summary.output = match options.failed {
        true => ranges(&open) + "\n",
        false => table(&shards) + &table_of_failures(&kinds),
    };
    let sum = |of: fn(&Progress) -> u64| shards.iter().map(of).fold(0, u64::saturating_add);
    summary.count("done", sum(|shard| shard.done));
    summary.count("failed", sum(|shard| shard.failed));
    summary.count("waiting", sum(Progress::waiting));
    summary.read = plan.images;
    summary.kept = plan.images;
    summary.done = format!(
        "{} of {} images done, {} failed, {} waiting; {} of {} shards may get further",
        sum(|shard| shard.done),
        plan.images,
        sum(|shard| shard.failed),
        sum(Progress::waiting),
        open.len(),
        shards.len()
    );
    Ok(())
}

/// Calls `take` with the failures of a worker, each image once: those of a run that was killed or has not ended yet, which are the
/// later ones, and those that it has listed.
fn each_failure(folder: &Path, mut take: impl FnMut(Failure)) -> Result<(), Error> {
    let mut seen = HashSet::new();
    let mut take_once = |failure: Failure| {
        if seen.insert(files::hash_number(failure.id.as_bytes())) {
            take(failure);
        }
    };
    if !files::is_in_store(folder) {
        let mut later = BTreeMap::new();
        let folder = OutputFolder::new(folder.to_owned());
        failed::each(&folder, |failure| {
            later.insert(failure.id.clone(), failure);
        });
        later.into_values().for_each(&mut take_once);
    }
    contracts::read_failures(&folder.join("failures.csv"), |failure| {
        take_once(failure?);
        Ok(())
    })
}

/// How many images of a set one of two journals has.
fn in_either(set: &Path, one: &Index, other: &Index) -> Result<u64, Error> {
    let has = |image: &LocalizedImage| {
        u64::from(one.find(&image.id).is_some() || other.find(&image.id).is_some())
    };
    let (_, found) = ImageRecords::open_with(set, Parts::NoBoxesNoMetadata, has)?;
    Ok(found.iter().sum())
}

fn table(shards: &[Progress]) -> String {
    let mut table = String::from("shard\timages\tdone\tfailed\twaiting\tstate\n");
    for (number, shard) in shards.iter().enumerate() {
        table += &format!(
            "{number}\t{}\t{}\t{}\t{}\t{}\n",
            shard.images,
            shard.done,
            shard.failed,
            shard.waiting(),
            shard.state()
        );
    }
    table
}

fn table_of_failures(kinds: &BTreeMap<(String, String), u64>) -> String {
    if kinds.is_empty() {
        return String::new();
    }
    let mut table = String::from("\nhost\tkind\tfailed\n");
    for ((host, kind), count) in kinds {
        table += &format!("{host}\t{kind}\t{count}\n");
    }
    table
}

/// Numbers as schedulers take them: `0,3-5`.
fn ranges(numbers: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let shown = ranges.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    shown.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_schedulers_take_them() {
        assert_eq!(ranges(&[]), "");
        assert_eq!(ranges(&[3]), "3");
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
    }
}
