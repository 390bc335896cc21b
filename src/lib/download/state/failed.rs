//! Failures as they happen: a line for each image that was asked for in vain, in the folder for work in progress. `failures.csv` is
//! written at the end of a run; of one that was killed this is what is known of them, so that the next does not ask again.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};

use crate::contracts::Failure;
use crate::download::output_folder::OutputFolder;
use crate::files;
use crate::http::id_without_secrets;

/// The list of a run.
#[derive(Debug)]
pub struct Failed {
    path: PathBuf,
    /// None as long as there is nothing to write, and after an error: then the next run asks again.
    file: Option<File>,
}

impl Failed {
    /// That of a folder.
    pub fn of(folder: &OutputFolder) -> Self {
        Failed {
            path: path_in(&folder.work),
            file: None,
        }
    }

    /// Adds an image. The line is handed to the system at once: it is there when the program is killed.
    pub fn add(&mut self, failure: Failure) {
        let failure = Failure {
            id: id_without_secrets(&failure.id),
            ..failure
        };
        if self.file.is_none() {
            // What a run before has left may end within a line.
            let file = files::open_to_append(&self.path).ok();
            let is_new = |file: &File| file.metadata().is_ok_and(|now| now.len() == 0);
            self.file = file.filter(|mut file| is_new(file) || file.write_all(b"\n").is_ok());
        }
        if let (Some(file), Ok(mut line)) = (&mut self.file, serde_json::to_vec(&failure)) {
            line.push(b'\n');
            if file.write_all(&line).is_err() {
                self.file = None;
            }
        }
    }
}

fn path_in(work: &Path) -> PathBuf {
    work.join("failed.jsonl")
}

/// Calls `take` with each image that a run which was killed in this folder asked for in vain.
pub fn each(folder: &OutputFolder, mut take: impl FnMut(Failure)) {
    let Ok(file) = File::open(path_in(&folder.work)) else {
        return;
    };
    for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
        // The last one of a run may be cut off.
        if let Ok(failure) = serde_json::from_slice(&line) {
            take(failure);
        }
    }
}

/// Removes the list, once `failures.csv` has what is in it. If it stays, the next run reads both.
pub fn forget(folder: &OutputFolder) {
    let _ = files::cache_file::remove(&path_in(&folder.work));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_there_before_the_run_has_ended_and_gone_when_they_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = OutputFolder::new(folder.path().to_owned());
        let failure = |id: &str| Failure {
            id: id.into(),
            url: "u".into(),
            path: "p".into(),
            kind: "not-found".into(),
            status: Some(404),
            attempts: 1,
            message: "m".into(),
        };
        let found = || {
            let mut found = Vec::new();
            each(&folder, |failure| found.push(failure.id));
            found
        };
        assert!(found().is_empty());
        let mut failed = Failed::of(&folder);
        failed.add(failure("a"));
        failed.add(failure("https://a.example/b?token=sesame"));
        assert_eq!(found().len(), 2);
        assert!(!found().concat().contains("sesame"));
        let mut file = files::open_to_append(&path_in(&folder.work)).unwrap();
        file.write_all(b"{\"id\": \"c\", \"ur").unwrap();
        assert_eq!(found().len(), 2);
        Failed::of(&folder).add(failure("d"));
        assert_eq!(found().last().unwrap(), "d");
        forget(&folder);
        assert!(found().is_empty());
    }
}
