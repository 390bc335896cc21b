//! Files get the names that their images have now. Two may change places, and a run may be killed at any time: so it is written
//! down first what is to move, then all files leave their places, and only when all have left do they take the new ones.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::index::{Index, Slot};
use super::journal::Journal;
use super::moves::make_room;
use crate::contracts::Download;
use crate::download::names::OutputFolder;
use crate::error::Error;
use crate::files;

/// What is to be renamed, on the disk as long as that goes on.
#[derive(Debug, Default, Serialize, Deserialize)]
struct RenamePlan {
    /// Whether all files have left their places: only then may others stand there.
    have_left: bool,
    moves: Vec<Move>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Move {
    /// The path that the file has, below the output folder.
    from: String,
    /// Its line in the journal, with the path that it gets.
    line: Download,
}

/// The name of the plan, and the folder in which files wait meanwhile, in the folder for work in progress.
const PLAN: &str = "renaming.json";
const WAITING: &str = "renaming";

/// What was renamed.
#[derive(Debug, Default)]
pub struct Renamed {
    /// Files that got another name.
    pub files: u64,
    /// Paths of files of others that stood in the way, and were moved aside.
    pub moved: Vec<String>,
}

impl Renamed {
    /// Adds what was renamed later.
    pub fn extend(&mut self, later: Renamed) {
        self.files += later.files;
        self.moved.extend(later.moved);
    }
}

/// Ends what a run that was killed began.
///
/// # Errors
/// As [`rename`]; the plan cannot be read.
pub fn resume(
    folder: &OutputFolder,
    journal: &Journal,
    index: &mut Index,
) -> Result<Renamed, Error> {
    let path = folder.work.join(PLAN);
    if !files::is_there(&path) {
        return Ok(Renamed::default());
    }
    let bytes = files::read(&path)?;
    let plan: RenamePlan = serde_json::from_slice(&bytes).map_err(|e| {
        Error::new(format!("{}: cannot be read", path.display()))
            .because(e)
            .hint("it says which files were being renamed: run with --verify after removing it")
    })?;
    plan.carry_out(folder, journal, index)
}

/// Gives files the names that their images have now, and notes that in the journal.
///
/// # Errors
/// A file cannot be moved, or the journal not be written.
pub fn rename(
    folder: &OutputFolder,
    journal: &Journal,
    index: &mut Index,
    renamed: &[(Slot, String)],
) -> Result<Renamed, Error> {
    let mut plan = RenamePlan::default();
    for (slot, stem) in renamed {
        let from = index.path(*slot).to_owned();
        let Some(entry) = index.entry(*slot) else {
            continue;
        };
        let suffix = Path::new(&from).extension().unwrap_or_default();
        let path = format!("{stem}.{}", suffix.to_string_lossy());
        let is_there = folder.path.join(&from).exists();
        if !is_there && !folder.content(&path).is(&entry.sha256) {
            continue;
        }
        let line = Download { path, ..entry };
        plan.moves.push(Move { from, line });
    }
    if plan.moves.is_empty() {
        return Ok(Renamed::default());
    }
    files::write_json(&folder.work.join(PLAN), &plan)?;
    plan.carry_out(folder, journal, index)
}

impl RenamePlan {
    fn carry_out(
        mut self,
        folder: &OutputFolder,
        journal: &Journal,
        index: &mut Index,
    ) -> Result<Renamed, Error> {
        let path = folder.work.join(PLAN);
        if !self.have_left {
            for Move { from, line } in &self.moves {
                let (from, place) = (folder.path.join(from), waiting(folder, line));
                if from.exists() && !place.exists() {
                    files::move_to(&from, &place)?;
                }
            }
            self.have_left = true;
            files::write_json(&path, &self)?;
        }
        let mut renamed = Renamed::default();
        for Move { line, .. } in &self.moves {
            let place = waiting(folder, line);
            // Otherwise it has its new name already.
            if place.exists() {
                if make_room(folder, &line.path, &line.sha256, None)? {
                    renamed.moved.push(line.path.clone());
                }
                files::move_to(&place, &folder.path.join(&line.path))?;
            }
        }
        let lines = self.moves.into_iter().map(|m| m.line);
        let lines: Vec<Download> = lines
            .filter(|line| folder.path.join(&line.path).exists())
            .collect();
        let places = journal.append_now(&lines);
        let places =
            places.map_err(|e| files::cannot_write(&folder.path.join(Journal::NAME), e))?;
        for (line, at) in lines.iter().zip(places) {
            index.add(line, at);
        }
        files::cache_file::remove(&path).map_err(|e| files::cannot_write(&path, e))?;
        files::cache_file::remove_empty(&folder.work.join(WAITING));
        renamed.files = lines.len() as u64;
        Ok(renamed)
    }
}

/// Where a file waits for its new name.
fn waiting(folder: &OutputFolder, line: &Download) -> PathBuf {
    let name = files::hex_digest(line.id.as_bytes(), 24);
    folder.work.join(WAITING).join(name)
}
