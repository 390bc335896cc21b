//! What the folders of workers say of the set that was divided: whether it is one set, and what of it nobody has.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::contracts::Failure;
use crate::download::shard_mark::{HashPart, ShardMark};
use crate::error::Error;
use crate::summary::{Reject, counted};

/// Shards of two plans are no set together: the map would be that of neither.
pub fn refuse_other_sets(parts: &[PathBuf]) -> Result<(), Error> {
    let marks = parts.iter();
    let marks = marks.filter_map(|part| Some((part, ShardMark::in_folder(part)?)));
    let marks: Vec<(&PathBuf, ShardMark)> = marks.collect();
    let other = |pair: &&[(&PathBuf, ShardMark)]| pair[0].1.set_sha256 != pair[1].1.set_sha256;
    match marks.windows(2).find(other) {
        None => Ok(()),
        Some(pair) => Err(Error::new(format!(
            "{}: holds a shard of another set than {}",
            pair[1].0.display(),
            pair[0].0.display()
        ))
        .hint("name the folders of one plan after that of all, or move the others away")),
    }
}

/// What is missing of a set that was divided, as far as the folders say what there is.
pub fn missing(all: &[PathBuf], done: u64, failures: &[Failure]) -> Vec<Reject> {
    let known = done + failures.len() as u64;
    let of_plan = missing_of_plan(all, known);
    of_plan
        .or_else(|| missing_of_parts(all, known))
        .into_iter()
        .collect()
}

/// Of a set that workers divided by the hashes of ids.
fn missing_of_parts(all: &[PathBuf], known: u64) -> Option<Reject> {
    let parts = all.iter().filter_map(|folder| HashPart::in_folder(folder));
    let parts: Vec<HashPart> = parts.collect();
    let first = parts.first()?;
    let absent = match parts.iter().all(|part| part.of == first.of) {
        true => (0..first.of)
            .filter(|n| parts.iter().all(|part| part.part != *n))
            .collect(),
        false => Vec::new(),
    };
    let absent: Vec<String> = absent.iter().map(|n| format!("{n}/{}", first.of)).collect();
    let is_one_set = parts.iter().all(|part| part.set_images == first.set_images);
    let lacks = first.set_images.filter(|_| is_one_set);
    let lacks = lacks.map(|images| images.saturating_sub(known));
    let images = match lacks {
        Some(0) => return None,
        Some(lacks) => counted(lacks, "image of the set is", "images of the set are"),
        None if absent.is_empty() => return None,
        None => "images of the set are".to_owned(),
    };
    let why = match absent.is_empty() {
        true => "workers have not ended".to_owned(),
        false => format!("parts without a folder here: {}", absent.join(", ")),
    };
    let problem = format!("{images} neither downloaded nor a failure: {why}");
    Some(Reject::new("parts", images, "parts", problem).temporary(true))
}

/// The shards of the plan that have not begun, or not ended.
fn missing_of_plan(all: &[PathBuf], known: u64) -> Option<Reject> {
    let marks: Vec<ShardMark> = all
        .iter()
        .filter_map(|folder| ShardMark::in_folder(folder))
        .collect();
    let first = marks.first()?;
    let lacks = first.set_images.saturating_sub(known);
    if lacks == 0 {
        return None;
    }
    let begun: HashSet<u64> = marks.iter().map(|mark| mark.shard).collect();
    let absent = (0..first.shards).filter(|shard| !begun.contains(shard));
    let absent: Vec<String> = absent.map(|shard| shard.to_string()).collect();
    let images = counted(lacks, "image of the set is", "images of the set are");
    let why = match absent.is_empty() {
        true => "workers have not ended".to_owned(),
        false => format!("shards without a folder here: {}", absent.join(", ")),
    };
    let problem = format!("{images} neither downloaded nor a failure: {why}");
    Some(Reject::new("plan", images, "shards", problem).temporary(true))
}
