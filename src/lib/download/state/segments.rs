//! The journal of an output folder in an object store: segments of some lines, each a file of its own, since nothing can be added to
//! a file there. All together, in the order of their names, are the journal. A copy of it is on the disk, where it is read; lines
//! that had not been sent when a run was killed are sent by the next that finds them there.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::store_lock::StoreLock;
use crate::contracts::Download;
use crate::error::Error;
use crate::files::{self, Atomic, StoredFiles};

/// Lines wait no longer than that, or until there are so many.
const LONGEST: Duration = Duration::from_secs(5);
const MOST_LINES: usize = 256;

/// The segments of a journal, and what waits to become the next.
#[derive(Debug)]
pub struct Segments {
    folder: PathBuf,
    /// Only whoever holds it sends segments.
    lock: Arc<StoreLock>,
    next: usize,
    waiting: Vec<u8>,
    lines: usize,
    since: Option<Instant>,
}

impl Segments {
    /// Those of an output folder; `copy` becomes a copy of the journal, with the lines that a killed run left there unsent.
    ///
    /// # Errors
    /// Those of the store and of the disk.
    pub fn fetch(folder: &Path, copy: &Path, lock: Arc<StoreLock>) -> Result<Self, Error> {
        let (images, folder) = (folder, folder.join(".recto/journal"));
        let cannot = |e| Error::new(format!("{}: cannot be read", folder.display())).because(e);
        let next = files::list_in_store(&folder).map_err(cannot)?;
        let next = next.iter().filter_map(|path| number_of(path)).max();
        let mut file = Atomic::create(copy)?;
        let mut unsent = Unsent::of(copy);
        files::read_all_in_store(&folder, |segment| {
            unsent.compare(segment)?;
            file.write_all(segment)
        })
        .map_err(cannot)?;
        let rest = unsent.rest().map_err(|e| files::cannot_write(copy, e))?;
        let waiting = of_images_there(&rest, images).map_err(cannot)?;
        file.write_all(&waiting)
            .map_err(|e| files::cannot_write(copy, e))?;
        file.publish()?;
        let mut segments = Segments {
            folder,
            lock,
            next: next.map_or(0, |number| number + 1),
            lines: waiting.iter().filter(|byte| **byte == b'\n').count(),
            waiting,
            since: None,
        };
        let sent = segments.send();
        sent.map_err(|e| files::cannot_write(&segments.folder, e))?;
        Ok(segments)
    }

    /// Copies the journal of an output folder as it is.
    ///
    /// # Errors
    /// Those of the store and of the disk.
    pub fn look(folder: &Path, copy: &Path) -> Result<(), Error> {
        let folder = folder.join(".recto/journal");
        let mut file = Atomic::create(copy)?;
        files::read_all_in_store(&folder, |segment| file.write_all(segment))
            .map_err(|e| Error::new(format!("{}: cannot be read", folder.display())).because(e))?;
        file.publish()
    }

    /// Adds lines, and sends them if there are enough.
    ///
    /// # Errors
    /// The store does not take them.
    pub fn add(&mut self, lines: &[u8], count: usize) -> io::Result<()> {
        self.waiting.extend_from_slice(lines);
        self.lines += count;
        self.since.get_or_insert_with(Instant::now);
        match self.is_due() {
            true => self.send(),
            false => Ok(()),
        }
    }

    fn is_due(&self) -> bool {
        let waited = self.since.map(|since| since.elapsed());
        is_due(self.lines, waited.unwrap_or_default())
    }

    /// How long lines may still wait; none where there are none.
    pub fn time_left(&self) -> Option<Duration> {
        Some(LONGEST.saturating_sub(self.since?.elapsed()))
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// The store does not take it, or another run has broken the lock.
    pub fn send(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        loop {
            if !self.lock.is_ours()? {
                let what = "another run has broken the lock (--break-lock) and goes on there";
                return Err(io::Error::other(what));
            }
            let path = self.folder.join(format!("{:08}.jsonl", self.next));
            if files::create_in_store(&path, &self.waiting)? {
                break;
            }
            // The last one of a run whose lock was broken.
            self.next += 1;
        }
        self.next += 1;
        (self.waiting, self.lines, self.since) = (Vec::new(), 0, None);
        Ok(())
    }
}

/// The lines about images that are there: a folder that was emptied since has none.
fn of_images_there(lines: &[u8], images: &Path) -> io::Result<Vec<u8>> {
    let mut listed = StoredFiles::default();
    // Of many, as after `recto-shard merge --move`, a list tells sooner than a request for each.
    let are_many = memchr::memchr_iter(b'\n', lines).count() > MOST_LINES;
    if are_many {
        listed.add(images)?;
    }
    let is_there = |line: &&[u8]| {
        let line: Option<Download> = serde_json::from_slice(line).ok();
        line.map(|line| images.join(line.path))
            .is_some_and(|path| match are_many {
                true => listed.get(&path).is_some(),
                false => files::is_there(&path),
            })
    };
    let lines = lines.split_inclusive(|byte| *byte == b'\n');
    Ok(lines.filter(is_there).flatten().copied().collect())
}

/// Whether lines that have waited so long are to be sent.
fn is_due(lines: usize, waited: Duration) -> bool {
    lines >= MOST_LINES || lines > 0 && waited >= LONGEST
}

/// The number of a segment, by its name.
fn number_of(path: &Path) -> Option<usize> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// What an earlier copy of a journal has behind what is in the store.
struct Unsent(Option<BufReader<File>>);

impl Unsent {
    fn of(copy: &Path) -> Self {
        Unsent(File::open(copy).ok().map(BufReader::new))
    }

    /// Compares the next bytes: a copy that has others is of another folder, or older.
    fn compare(&mut self, segment: &[u8]) -> io::Result<()> {
        if let Some(copy) = &mut self.0 {
            let mut same = Vec::with_capacity(segment.len());
            copy.take(segment.len() as u64).read_to_end(&mut same)?;
            if same != segment {
                self.0 = None;
            }
        }
        Ok(())
    }

    /// Whole lines that are left.
    fn rest(self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        if let Some(mut copy) = self.0 {
            copy.read_to_end(&mut rest)?;
        }
        let whole = rest.iter().rposition(|byte| *byte == b'\n');
        rest.truncate(whole.map_or(0, |at| at + 1));
        Ok(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_sent_when_there_are_many_lines_or_they_have_waited() {
        let seconds = Duration::from_secs;
        let cases = [
            (0, seconds(60), false),
            (1, seconds(0), false),
            (1, LONGEST, true),
            (MOST_LINES - 1, seconds(1), false),
            (MOST_LINES, seconds(0), true),
        ];
        for (lines, waited, wanted) in cases {
            assert_eq!(is_due(lines, waited), wanted, "{lines} {waited:?}");
        }
    }

    #[test]
    fn what_a_copy_has_behind_the_store_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("x");
        let cases = [
            ("a\nb\nc\nd", &["a\n", "b\n"][..], "c\n"),
            ("a\nb\n", &["a\nb\n"], ""),
            ("a\nx\nc\n", &["a\n", "b\n"], ""),
            ("a\n", &["a\n", "b\n"], ""),
            ("a\nb\n", &[], "a\nb\n"),
        ];
        for (held, segments, wanted) in cases {
            std::fs::write(&copy, held).unwrap();
            let mut unsent = Unsent::of(&copy);
            for segment in segments {
                unsent.compare(segment.as_bytes()).unwrap();
            }
            assert_eq!(unsent.rest().unwrap(), wanted.as_bytes(), "{held:?}");
        }
        let none = Unsent::of(&folder.path().join("none"));
        assert_eq!(none.rest().unwrap(), b"");
        assert_eq!(number_of(Path::new("s3://b/j/00000012.jsonl")), Some(12));
    }
}
