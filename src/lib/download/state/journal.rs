//! `downloads.jsonl`: the journal of finished images, one JSON object per line. One thread appends in groups: lines that
//! come while a group is written to the disk form the next, so that many images share one wait.
//!
//! Order: a file is on the disk before it gets its name; then its folder; then its line. A line that is there is about a
//! file that is there, whenever the program or the machine dies. A line cut off by a crash is removed. On a full disk there is
//! still room for the lines of files that have their names by then: a file of the size of many lines is kept in reserve.
//!
//! Images that go into packs are put there by the same thread, in the order of their lines: so a pack holds what the journal says,
//! one after the other, and behind the last there may only be what a crash cut off.

use std::collections::{BTreeSet, HashSet};
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::index::Index;
use super::segments::Segments;
use super::store_lock::StoreLock;
use crate::contracts::{Download, PackedImage};
use crate::download::output_folder::OutputFolder;
use crate::error::Error;
use crate::files::{self, PackWriter, Part};

/// The journal of an output folder, open for this run alone. When dropped it waits for lines that are being written.
#[derive(Debug)]
pub struct Journal {
    sender: Option<Sender<Message>>,
    writer: Option<JoinHandle<()>>,
    _lock: File,
    _store_lock: Option<Arc<StoreLock>>,
    /// Whether the file system has locks, so that no other run can be in the folder.
    pub is_locked: bool,
}

/// What the thread is asked to do.
enum Message {
    Line(Box<Line>),
    /// To send what waits to be sent, and who waits for that.
    Send(oneshot::Sender<Result<(), (io::ErrorKind, String)>>),
}

/// A line to be written, and who waits for it.
struct Line {
    download: Download,
    /// What goes into a pack first: then the line says where it is.
    part: Option<Part>,
    done: oneshot::Sender<Written>,
}

/// Where the line begins, in bytes, and the line; or why it could not be written: an [`io::Error`] that can be cloned.
type Written = Result<(u64, Download), (io::ErrorKind, String)>;

/// The most lines that are written together.
const GROUP: usize = 256;
/// How long to wait for more lines where they come close together: each group costs a wait for the disk.
const GATHERING: Duration = Duration::from_millis(4);

impl Journal {
    /// The journal's name in the output folder.
    pub const NAME: &'static str = "downloads.jsonl";

    /// Locks the folder and reads its journal; both are created if they are missing.
    ///
    /// # Errors
    /// If another run has the lock; if a line is not of a journal; those of the disk and of the store.
    pub fn open(folder: &OutputFolder, access: Access) -> Result<(Self, Index), Error> {
        let (lock, is_locked) = lock(&folder.work.join("lock"), &folder.path)?;
        let path = folder.path.join(Self::NAME);
        let store = folder.store.as_deref();
        let take = |store| StoreLock::take(store, access.breaks_lock).map(Arc::new);
        let store_lock = store.map(take).transpose()?;
        let held = store.zip(store_lock.clone());
        let segments = held.map(|(store, lock)| Segments::fetch(store, &path, lock));
        let segments = segments.transpose()?;
        let mut file = files::open_to_append(&path)?;
        let (index, mut end, has_line_end) = Index::read(&path)?;
        let repaired = repair(&mut file, &mut end, has_line_end);
        repaired.map_err(|e| files::cannot_write(&path, e))?;
        let packs = PackWriter::open(&folder.path, &folder.work, access.pack_size, index.packs())?;
        let (sender, receiver) = channel();
        let mut writer = Writer {
            segments,
            packs,
            file,
            end,
            folder: folder.path.clone(),
            synced: HashSet::new(),
            reserve: Some(Reserve::keep(&folder.work)),
            error: None,
        };
        let journal = Journal {
            sender: Some(sender),
            writer: Some(std::thread::spawn(move || writer.serve(&receiver))),
            _lock: lock,
            _store_lock: store_lock,
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

    /// What earlier runs finished in a folder that may be in an object store, read without a lock and without changes.
    ///
    /// # Errors
    /// If it cannot be read, or a line is not of a journal.
    pub fn look(folder: &OutputFolder) -> Result<Index, Error> {
        let Some(store) = &folder.store else {
            return Journal::peek(&folder.path);
        };
        let copy = folder.work.join("seen.jsonl");
        Segments::look(store, &copy)?;
        Ok(Index::read(&copy)?.0)
    }

    /// The same of a folder of which nothing is kept here. Where it is in an object store, lines cannot be read again.
    ///
    /// # Errors
    /// If it cannot be read, or a line is not of a journal.
    pub fn peek(folder: &Path) -> Result<Index, Error> {
        if files::is_in_store(folder) {
            let copy = files::temporary_folder();
            let copy =
                copy.map_err(|e| Error::new("no temporary folder can be made").because(e))?;
            let folder = OutputFolder::anywhere(folder.to_owned(), Some(copy.path()));
            return Journal::look(&folder);
        }
        let path = folder.join(Self::NAME);
        match path.exists() {
            true => Ok(Index::read(&path)?.0),
            false => Ok(Index::default()),
        }
    }

    /// Adds a line about a file that has its final name, or about a part that goes into a pack, and waits until both are on the
    /// disk. Returns where the line begins, in bytes, and the line, which says where in a pack the image is.
    ///
    /// # Errors
    /// Those of the disk; after one, every further line fails.
    pub async fn append(&self, line: Download, part: Option<Part>) -> io::Result<(u64, Download)> {
        let outcome = self.send(line, part)?.await.map_err(|_| gone())?;
        outcome.map_err(|(kind, words)| io::Error::new(kind, words))
    }

    /// The same of several lines about files, outside of the network's thread; they share waits for the disk.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn append_now(&self, lines: &[Download]) -> io::Result<Vec<u64>> {
        let sent = lines.iter().map(|line| self.send(line.clone(), None));
        let sent: Vec<oneshot::Receiver<Written>> = sent.collect::<io::Result<_>>()?;
        let wait = |outcome: oneshot::Receiver<Written>| {
            let outcome = outcome.blocking_recv().map_err(|_| gone())?;
            let outcome = outcome.map_err(|(kind, words)| io::Error::new(kind, words));
            outcome.map(|(at, _)| at)
        };
        sent.into_iter().map(wait).collect()
    }

    fn send(
        &self,
        download: Download,
        part: Option<Part>,
    ) -> io::Result<oneshot::Receiver<Written>> {
        let (done, outcome) = oneshot::channel();
        let line = Line {
            download,
            part,
            done,
        };
        let sender = self.sender.as_ref().ok_or_else(gone)?;
        sender
            .send(Message::Line(Box::new(line)))
            .map_err(|_| gone())?;
        Ok(outcome)
    }

    /// Waits until all lines are where the images are, in an object store too.
    ///
    /// # Errors
    /// The store does not take them.
    pub fn flush(&self) -> io::Result<()> {
        let (done, outcome) = oneshot::channel();
        let sender = self.sender.as_ref().ok_or_else(gone)?;
        sender.send(Message::Send(done)).map_err(|_| gone())?;
        let outcome = outcome.blocking_recv().map_err(|_| gone())?;
        outcome.map_err(|(kind, words)| io::Error::new(kind, words))
    }
}

/// How a journal is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Access {
    /// The most bytes of a new pack.
    pub pack_size: u64,
    /// Whether the lock of an object store is taken over, whoever holds it.
    pub breaks_lock: bool,
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
    /// Where lines go that are about images in an object store.
    segments: Option<Segments>,
    packs: PackWriter,
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
    fn serve(&mut self, messages: &Receiver<Message>) {
        let mut are_many = false;
        while let Some(first) = self.next(messages) {
            let first = match first {
                Message::Line(line) => *line,
                Message::Send(done) => {
                    let _ = done.send(self.send());
                    continue;
                }
            };
            if are_many {
                std::thread::sleep(GATHERING);
            }
            let (mut group, mut waiting) = (vec![first], None);
            for message in messages.try_iter().take(GROUP - 1) {
                match message {
                    Message::Line(line) => group.push(*line),
                    Message::Send(done) => {
                        waiting = Some(done);
                        break;
                    }
                }
            }
            are_many = group.len() > 1;
            self.enter(group);
            if let Some(done) = waiting {
                let _ = done.send(self.send());
            }
        }
        // Who needs to know whether that went well has asked for it.
        let _ = self.send();
    }

    /// The next message; meanwhile lines are sent that have waited long enough.
    fn next(&mut self, messages: &Receiver<Message>) -> Option<Message> {
        loop {
            let time_left = self.segments.as_ref().and_then(Segments::time_left);
            let Some(time_left) = time_left.filter(|_| self.error.is_none()) else {
                return messages.recv().ok();
            };
            match messages.recv_timeout(time_left) {
                Ok(message) => return Some(message),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => drop(self.send()),
            }
        }
    }

    /// Sends what waits to be sent.
    fn send(&mut self) -> Result<(), (io::ErrorKind, String)> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        let sent = self.segments.as_mut().map_or(Ok(()), Segments::send);
        sent.map_err(|e| {
            let error = (e.kind(), e.to_string());
            self.error.insert(error).clone()
        })
    }

    /// Writes a group, and tells those who wait for it.
    fn enter(&mut self, mut group: Vec<Line>) {
        let outcome = self.write(&mut group);
        let mut at = self.end;
        for (line, length) in group.into_iter().zip(lengths(&outcome)) {
            let written = match &outcome {
                Ok(_) => Ok((at, line.download)),
                Err(error) => Err(error.clone()),
            };
            // Nobody waits any more where the run was stopped.
            let _ = line.done.send(written);
            at += length;
        }
        self.end = at;
    }

    /// Writes a group, and gives the length of each line. After an error nothing more is written: a line after an incomplete one
    /// would be lost with it.
    fn write(&mut self, group: &mut [Line]) -> Result<Vec<u64>, (io::ErrorKind, String)> {
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
            self.packs.roll_back()?;
            self.file.set_len(self.end)?;
            self.put_on_disk(group)
        });
        match &written {
            Ok(_) => self.packs.commit(),
            Err(_) => {
                // An incomplete line or file is cut off now, or by the next run.
                let _ = self.file.set_len(self.end);
                let _ = self.packs.roll_back();
            }
        }
        written.map_err(|e| {
            let error = (e.kind(), e.to_string());
            self.error.insert(error).clone()
        })
    }

    fn put_on_disk(&mut self, group: &mut [Line]) -> io::Result<Vec<u64>> {
        self.pack(group)?;
        let is_here = self.segments.is_none();
        let of_files = group.iter().filter(|line| line.part.is_none() && is_here);
        let folders = of_files.map(|line| files::folder_of(Path::new(&line.download.path)));
        for folder in folders.collect::<BTreeSet<&Path>>() {
            files::sync_folder(&self.folder.join(folder))?;
            if self.synced.insert(folder.to_owned()) {
                files::sync_folder(&self.folder)?;
            }
        }
        let (mut bytes, mut lengths) = (Vec::new(), Vec::new());
        for line in group {
            let before = bytes.len();
            serde_json::to_writer(&mut bytes, &line.download)?;
            bytes.push(b'\n');
            lengths.push((bytes.len() - before) as u64);
        }
        self.file.write_all(&bytes)?;
        self.file.sync_data()?;
        if let Some(segments) = &mut self.segments {
            segments.add(&bytes, lengths.len())?;
        }
        Ok(lengths)
    }

    /// Puts what goes into packs there.
    fn pack(&mut self, group: &mut [Line]) -> io::Result<()> {
        let mut is_any = false;
        for line in group.iter_mut() {
            let Some(part) = &line.part else { continue };
            let (mut content, length) = part.open_whole()?;
            let name = &line.download.path;
            let packed = self.packs.append(name, length, &mut *content)?;
            line.download.pack = Some(PackedImage {
                tar: packed.pack,
                offset: packed.offset,
            });
            is_any = true;
        }
        match is_any {
            true => self.packs.sync(),
            false => Ok(()),
        }
    }
}

/// The lengths of the lines of a group; nothing of each if it was not written.
fn lengths(
    outcome: &Result<Vec<u64>, (io::ErrorKind, String)>,
) -> impl Iterator<Item = u64> + use<'_> {
    let written = outcome.iter().flatten().copied();
    written.chain(std::iter::repeat(0))
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
        let output = OutputFolder::new(folder.path().to_owned());
        let (journal, _) = Journal::open(&output, Access::default()).unwrap();
        let downloads: Vec<Download> = (0..3 * GROUP).map(download).collect();
        let waiting = downloads
            .iter()
            .map(|line| journal.append(line.clone(), None));
        let places: Vec<(u64, Download)> = futures::future::try_join_all(waiting).await.unwrap();
        drop(journal);
        let text = std::fs::read_to_string(folder.path().join(Journal::NAME)).unwrap();
        for (line, (at, _)) in downloads.iter().zip(places) {
            let found = text[at as usize..].lines().next().unwrap();
            assert_eq!(found, serde_json::to_string(line).unwrap());
        }
        let (_again, index) = Journal::open(&output, Access::default()).unwrap();
        assert!(downloads.iter().all(|line| index.find(&line.id).is_some()));
    }

    #[tokio::test]
    async fn a_line_about_a_folder_that_is_not_there_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let output = OutputFolder::new(folder.path().to_owned());
        let (journal, _) = Journal::open(&output, Access::default()).unwrap();
        assert!(journal.append(download(1), None).await.is_err());
        std::fs::create_dir(folder.path().join("g")).unwrap();
        assert!(
            journal.append(download(2), None).await.is_err(),
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
            download: Download::default(),
            part: None,
            done,
        };
        let mut writer = Writer {
            segments: None,
            packs: PackWriter::open(folder.path(), folder.path(), 0, &[]).unwrap(),
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
        assert!(writer.write(&mut [line]).is_err());
        assert!(!path.exists(), "its room is free");
        drop(Reserve::keep(folder.path()));
        assert!(!path.exists());
    }
}
