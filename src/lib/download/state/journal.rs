//! `downloads.jsonl`: the journal of finished images, one JSON object per line. One thread appends in groups: lines that
//! come while a group is written to the disk form the next, so that many images share one wait.
//!
//! Order: a file is on the disk before it gets its name; then its folder; then its line. A line that is there is about a
//! file that is there, whenever the program or the machine dies. A line cut off by a crash is removed. On a full disk there is
//! still room for the lines of files that have their names by then: a file of the size of many lines is kept in reserve.

use std::collections::{BTreeSet, HashSet};
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::index::Index;
use crate::contracts::Download;
use crate::error::Error;
use crate::files;

/// The journal of an output folder, open for this run alone. When dropped it waits for lines that are being written.
#[derive(Debug)]
pub struct Journal {
    sender: Option<Sender<Line>>,
    writer: Option<JoinHandle<()>>,
    _lock: File,
    /// Whether the file system has locks, so that no other run can be in the folder.
    pub is_locked: bool,
}

/// A line to be written, and who waits for it.
struct Line {
    bytes: Vec<u8>,
    /// The folder of the file it is about, below the output folder.
    folder: PathBuf,
    done: oneshot::Sender<Written>,
}

/// Where the line begins, in bytes, or why it could not be written: an [`io::Error`] that can be cloned.
type Written = Result<u64, (io::ErrorKind, String)>;

/// The most lines that are written together.
const GROUP: usize = 256;
/// How long to wait for more lines where they come close together: each group costs a wait for the disk.
const GATHERING: Duration = Duration::from_millis(4);

impl Journal {
    /// The journal's name in the output folder.
    pub const NAME: &'static str = "downloads.jsonl";

    /// Locks the folder and reads its journal; both are created if they are missing. `work` is the folder for work in
    /// progress.
    ///
    /// # Errors
    /// If another run has the lock; if a line is not of a journal; those of the disk.
    pub fn open(folder: &Path, work: &Path) -> Result<(Self, Index), Error> {
        let (lock, is_locked) = lock(&work.join("lock"), folder)?;
        let path = folder.join(Self::NAME);
        let mut file = files::open_to_append(&path)?;
        let (index, mut end, has_line_end) = Index::read(&path)?;
        let repaired = repair(&mut file, &mut end, has_line_end);
        repaired.map_err(|e| files::cannot_write(&path, e))?;
        let (sender, receiver) = channel();
        let mut writer = Writer {
            file,
            end,
            folder: folder.into(),
            synced: HashSet::new(),
            reserve: Some(Reserve::keep(work)),
            error: None,
        };
        let journal = Journal {
            sender: Some(sender),
            writer: Some(std::thread::spawn(move || writer.serve(&receiver))),
            _lock: lock,
            is_locked,
        };
        Ok((journal, index))
    }

    /// Locks a folder without reading its journal, for as long as the file is held.
    ///
    /// # Errors
    /// Another run has the lock; those of the disk.
    pub fn lock(folder: &Path, work: &Path) -> Result<File, Error> {
        Ok(lock(&work.join("lock"), folder)?.0)
    }

    /// Whether a folder has a journal.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(Self::NAME).exists()
    }

    /// What earlier runs finished, read without a lock and without changes.
    ///
    /// # Errors
    /// If it cannot be read, or a line is not of a journal.
    pub fn peek(folder: &Path) -> Result<Index, Error> {
        let path = folder.join(Self::NAME);
        match path.exists() {
            true => Ok(Index::read(&path)?.0),
            false => Ok(Index::default()),
        }
    }

    /// Adds a line about a file that has its final name, and waits until both are on the disk. Returns where the line
    /// begins, in bytes.
    ///
    /// # Errors
    /// Those of the disk; after one, every further line fails.
    pub async fn append(&self, line: &Download) -> io::Result<u64> {
        let outcome = self.send(line)?.await.map_err(|_| gone())?;
        outcome.map_err(|(kind, words)| io::Error::new(kind, words))
    }

    /// The same of several lines, outside of the network's thread; they share waits for the disk.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn append_now(&self, lines: &[Download]) -> io::Result<Vec<u64>> {
        let sent = lines.iter().map(|line| self.send(line));
        let sent: Vec<oneshot::Receiver<Written>> = sent.collect::<io::Result<_>>()?;
        let wait = |outcome: oneshot::Receiver<Written>| {
            let outcome = outcome.blocking_recv().map_err(|_| gone())?;
            outcome.map_err(|(kind, words)| io::Error::new(kind, words))
        };
        sent.into_iter().map(wait).collect()
    }

    fn send(&self, line: &Download) -> io::Result<oneshot::Receiver<Written>> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let (done, outcome) = oneshot::channel();
        let folder = files::folder_of(Path::new(&line.path)).to_owned();
        let line = Line {
            bytes,
            folder,
            done,
        };
        let sender = self.sender.as_ref().ok_or_else(gone)?;
        sender.send(line).map_err(|_| gone())?;
        Ok(outcome)
    }
}

fn gone() -> io::Error {
    io::Error::other("the journal is closed")
}

impl Drop for Journal {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(writer) = self.writer.take() {
            // If it panicked, what it wrote before still counts.
            let _ = writer.join();
        }
    }
}

/// Cuts off an incomplete last line; ends a complete one that has no line end.
fn repair(file: &mut File, end: &mut u64, has_line_end: bool) -> io::Result<()> {
    if file.metadata()?.len() > *end {
        file.set_len(*end)?;
        file.sync_all()?;
    }
    if !has_line_end {
        file.write_all(b"\n")?;
        *end += 1;
    }
    Ok(())
}

fn lock(path: &Path, folder: &Path) -> Result<(File, bool), Error> {
    let lock = files::open_to_append(path)?;
    match lock.try_lock() {
        Ok(()) => Ok((lock, true)),
        Err(TryLockError::WouldBlock) => Err(Error::new(format!(
            "{}: another recto-download is running in this folder",
            folder.display()
        ))
        .hint("wait until it has finished, or name another output folder")
        .temporary(true)),
        // Some network filesystems have no locks: continue without one, and say so.
        Err(TryLockError::Error(_)) => Ok((lock, false)),
    }
}

/// The thread that writes.
struct Writer {
    file: File,
    end: u64,
    folder: PathBuf,
    /// Folders whose own names are on the disk.
    synced: HashSet<PathBuf>,
    reserve: Option<Reserve>,
    error: Option<(io::ErrorKind, String)>,
}

/// A file that keeps room for lines, removed when the room is needed or the journal is closed.
struct Reserve(PathBuf);

impl Reserve {
    /// Its size in bytes: some hundred lines.
    const SIZE: usize = 128 << 10;

    /// In the folder for work in progress. Where there is no room for it, there is no reserve.
    fn keep(work: &Path) -> Self {
        let path = work.join("reserve");
        let _ = files::write(&path, &[b'.'; Self::SIZE]);
        Reserve(path)
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        // If it stays, the next run overwrites it.
        let _ = files::cache_file::remove(&self.0);
    }
}

impl Writer {
    fn serve(&mut self, lines: &Receiver<Line>) {
        let mut are_many = false;
        while let Ok(first) = lines.recv() {
            if are_many {
                std::thread::sleep(GATHERING);
            }
            let rest = lines.try_iter().take(GROUP - 1);
            let group: Vec<Line> = std::iter::once(first).chain(rest).collect();
            are_many = group.len() > 1;
            let outcome = self.write(&group);
            let mut at = self.end;
            if outcome.is_ok() {
                self.end += group
                    .iter()
                    .map(|line| line.bytes.len() as u64)
                    .sum::<u64>();
            }
            for line in group {
                // Nobody waits any more where the run was stopped.
                let _ = line.done.send(outcome.clone().map(|()| at));
                at += line.bytes.len() as u64;
            }
        }
    }

    /// Writes a group. After an error nothing more is written: a line after an incomplete one would be lost with it.
    fn write(&mut self, group: &[Line]) -> Result<(), (io::ErrorKind, String)> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        let written = self.put_on_disk(group).or_else(|error| {
            let is_full = matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            );
            // Its room is free once it is dropped.
            if !is_full || self.reserve.take().is_none() {
                return Err(error);
            }
            self.file.set_len(self.end)?;
            self.put_on_disk(group)
        });
        written.map_err(|e| {
            // An incomplete line is cut off now, or by the next run.
            let _ = self.file.set_len(self.end);
            let error = (e.kind(), e.to_string());
            self.error.insert(error).clone()
        })
    }

    fn put_on_disk(&mut self, group: &[Line]) -> io::Result<()> {
        let folders: BTreeSet<&Path> = group.iter().map(|line| &*line.folder).collect();
        for folder in folders {
            files::sync_folder(&self.folder.join(folder))?;
            if self.synced.insert(folder.to_owned()) {
                files::sync_folder(&self.folder)?;
            }
        }
        let bytes: Vec<u8> = group.iter().flat_map(|line| &line.bytes).copied().collect();
        self.file.write_all(&bytes)?;
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn download(n: usize) -> Download {
        Download {
            recto: Download::NAME.into(),
            id: n.to_string(),
            path: format!("g/{n}.jpg"),
            ..Download::default()
        }
    }

    #[tokio::test]
    async fn lines_that_come_together_are_all_there_in_the_places_reported() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("g")).unwrap();
        let work = folder.path().join(".recto");
        let (journal, _) = Journal::open(folder.path(), &work).unwrap();
        let downloads: Vec<Download> = (0..3 * GROUP).map(download).collect();
        let waiting = downloads.iter().map(|line| journal.append(line));
        let places: Vec<u64> = futures::future::try_join_all(waiting).await.unwrap();
        drop(journal);
        let text = std::fs::read_to_string(folder.path().join(Journal::NAME)).unwrap();
        for (line, at) in downloads.iter().zip(places) {
            let found = text[at as usize..].lines().next().unwrap();
            assert_eq!(found, serde_json::to_string(line).unwrap());
        }
        let (_again, index) = Journal::open(folder.path(), &work).unwrap();
        assert!(downloads.iter().all(|line| index.find(&line.id).is_some()));
    }

    #[tokio::test]
    async fn a_line_about_a_folder_that_is_not_there_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(folder.path(), &folder.path().join(".recto")).unwrap();
        assert!(journal.append(&download(1)).await.is_err());
        std::fs::create_dir(folder.path().join("g")).unwrap();
        assert!(
            journal.append(&download(2)).await.is_err(),
            "after an error"
        );
        drop(journal);
        assert_eq!(
            std::fs::read(folder.path().join(Journal::NAME)).unwrap(),
            b""
        );
    }

    #[test]
    fn the_reserve_is_given_up_for_lines_and_is_gone_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reserve");
        let (done, _waits) = oneshot::channel();
        let line = Line {
            bytes: b"{}\n".to_vec(),
            folder: PathBuf::new(),
            done,
        };
        let mut writer = Writer {
            file: std::fs::OpenOptions::new()
                .append(true)
                .open("/dev/full")
                .unwrap(),
            end: 0,
            folder: folder.path().to_owned(),
            synced: HashSet::new(),
            reserve: Some(Reserve::keep(folder.path())),
            error: None,
        };
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 128 << 10);
        assert!(writer.write(&[line]).is_err());
        assert!(!path.exists(), "its room is free");
        drop(Reserve::keep(folder.path()));
        assert!(!path.exists());
    }
}
