//! What the journal says of each image, by its id: enough to know what is there and where, in about 200 bytes an
//! image, so that a million fit. What is rarely asked for is read from the journal again.

use std::borrow::Cow;
use std::fs::File;
use std::hash::BuildHasher;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use hashbrown::{DefaultHashBuilder, HashTable};
use rayon::prelude::*;
use serde::Deserialize;

use crate::contracts::{self, Download};
use crate::error::Error;

/// The place of an image in [`Finished`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot(u32);

impl Slot {
    /// Its number, below [`Finished::count`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The images that are finished, the last word on each.
#[derive(Debug, Default)]
pub struct Finished {
    journal: PathBuf,
    /// Ids, each with its path behind it.
    text: String,
    entries: Vec<Entry>,
    /// Hashes of ids, each with the number of its entry.
    by_id: HashTable<(u64, Slot)>,
    hasher: DefaultHashBuilder,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    text: usize,
    id: u32,
    path: u32,
    /// Hash of what was asked for.
    asked: u64,
    bytes: u64,
    /// Where its line begins in the journal.
    line: u64,
}

/// Of a line, what is kept.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    recto: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    path: Cow<'a, str>,
    bytes: u64,
    #[serde(borrow, default)]
    asked: Cow<'a, str>,
}

/// How much of a journal is in memory at a time while it is read.
const BLOCK: usize = 8 << 20;

impl Finished {
    /// Reads a journal to its end; says how many bytes of it are sound, and whether its last line has its end. What a
    /// crash tore off lies behind that.
    pub fn read(journal: &Path) -> Result<(Self, u64, bool), Error> {
        let name = journal.display();
        let cannot = |e| Error::new(format!("{name}: cannot be read")).because(e);
        let mut finished = Finished {
            journal: journal.into(),
            ..Finished::default()
        };
        let mut file = File::open(journal).map_err(cannot)?;
        let (mut block, mut start, mut number) = (Vec::new(), 0, 0);
        loop {
            let before = block.len();
            let room = BLOCK as u64;
            (&mut file)
                .take(room)
                .read_to_end(&mut block)
                .map_err(cannot)?;
            let at_end = block.len() == before;
            let lines = match at_end {
                true => block.len(),
                false => block
                    .iter()
                    .rposition(|&b| b == b'\n')
                    .map_or(0, |at| at + 1),
            };
            let read = finished.lines(&block[..lines], start, &mut number, at_end);
            let sound = read.map_err(|line| {
                Error::new(format!("{name}:{line}: not a line of a download journal"))
                    .hint("move the file away; images without an entry are fetched again")
            })?;
            if at_end {
                let has_end = sound == 0 || block[sound - 1] == b'\n';
                return Ok((finished, start + sound as u64, has_end));
            }
            block.drain(..lines);
            start += lines as u64;
        }
    }

    /// Takes in whole lines that begin at `start` in the journal; says how many bytes are sound, or which line is
    /// none of ours.
    fn lines(
        &mut self,
        block: &[u8],
        start: u64,
        number: &mut u64,
        at_end: bool,
    ) -> Result<usize, u64> {
        let lines = lines(block);
        let parsed: Vec<Option<Line>> = lines.par_iter().map(|line| parse(line)).collect();
        let mut sound = 0;
        for (line, parsed) in lines.iter().zip(parsed) {
            *number += 1;
            let is_last = at_end && sound + line.len() == block.len();
            match parsed {
                Some(parsed) => {
                    self.put(&parsed, start + sound as u64);
                }
                None if line.iter().all(u8::is_ascii_whitespace) => {}
                None if is_last && is_torn(line) => return Ok(sound),
                None => return Err(*number),
            }
            sound += line.len();
        }
        Ok(sound)
    }

    /// Takes note of an entry whose line begins at `line` in the journal.
    pub fn add(&mut self, download: &Download, line: u64) -> Slot {
        self.put(
            &Line {
                recto: (&*download.recto).into(),
                id: (&*download.id).into(),
                path: (&*download.path).into(),
                bytes: download.bytes,
                asked: (&*download.asked).into(),
            },
            line,
        )
    }

    fn put(&mut self, line: &Line, at: u64) -> Slot {
        let entry = Entry {
            text: self.text.len(),
            // A line is not as long as that.
            id: line.id.len() as u32,
            path: line.path.len() as u32,
            asked: self.hash(&line.asked),
            bytes: line.bytes,
            line: at,
        };
        self.text.push_str(&line.id);
        self.text.push_str(&line.path);
        let hash = self.hash(&line.id);
        if let Some(slot) = self.place(&line.id, hash) {
            self.entries[slot.index()] = entry;
            return slot;
        }
        let slot = Slot(self.entries.len() as u32);
        self.by_id
            .insert_unique(hash, (hash, slot), |(hash, _)| *hash);
        self.entries.push(entry);
        slot
    }

    /// Where an image is, if it is finished.
    pub fn find(&self, id: &str) -> Option<Slot> {
        self.place(id, self.hash(id))
    }

    fn place(&self, id: &str, hash: u64) -> Option<Slot> {
        let is_it = |(other, slot): &(u64, Slot)| *other == hash && self.id(*slot) == id;
        self.by_id.find(hash, is_it).map(|(_, slot)| *slot)
    }

    /// The same in one run, which is all that is needed.
    fn hash(&self, text: &str) -> u64 {
        self.hasher.hash_one(text)
    }

    /// How many images there are.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// The id of an image.
    pub fn id(&self, slot: Slot) -> &str {
        let entry = self.entry(slot);
        &self.text[entry.text..][..entry.id as usize]
    }

    /// Its path below the output folder.
    pub fn path(&self, slot: Slot) -> &str {
        let entry = self.entry(slot);
        &self.text[entry.text + entry.id as usize..][..entry.path as usize]
    }

    /// The size of its file.
    pub fn bytes(&self, slot: Slot) -> u64 {
        self.entry(slot).bytes
    }

    /// Whether it is what was asked for in these words.
    pub fn was_asked(&self, slot: Slot, asked: &str) -> bool {
        self.entry(slot).asked == self.hash(asked)
    }

    /// Everything that the journal says of it, read again.
    pub fn whole(&self, slot: Slot) -> Option<Download> {
        let mut file = File::open(&self.journal).ok()?;
        file.seek(SeekFrom::Start(self.entry(slot).line)).ok()?;
        let mut line = Vec::new();
        BufReader::new(file).read_until(b'\n', &mut line).ok()?;
        let name = self.journal.display().to_string();
        contracts::parse_json(&line, &name).ok()
    }

    fn entry(&self, slot: Slot) -> &Entry {
        // Slots are made here alone, and entries are never taken away.
        &self.entries[slot.index()]
    }
}

fn parse(line: &[u8]) -> Option<Line<'_>> {
    let line: Line = serde_json::from_slice(line).ok()?;
    (line.recto == Download::NAME).then_some(line)
}

/// Whether a last line was cut off in writing. One that is whole JSON is somebody's, and not ours to cut.
fn is_torn(line: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err()
}

/// Lines with their ends.
fn lines(block: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', block) {
        lines.push(&block[start..=end]);
        start = end + 1;
    }
    lines.extend((start < block.len()).then(|| &block[start..]));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, path: &str) -> String {
        let line = Download {
            recto: Download::NAME.into(),
            id: id.into(),
            path: path.into(),
            ..Download::default()
        };
        serde_json::to_string(&line).unwrap() + "\n"
    }

    fn read(bytes: &[u8]) -> Result<(Finished, u64, bool), Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, bytes).unwrap();
        Finished::read(&path)
    }

    #[test]
    fn a_torn_tail_is_cut_away_wherever_it_tears() {
        let whole = line("a", "1") + &line("b", "2");
        let first = line("a", "1").len();
        for cut in 0..=whole.len() {
            let (finished, sound, has_end) = read(&whole.as_bytes()[..cut]).unwrap();
            // A line is whole when only its line end is missing.
            assert_eq!(
                finished.find("a").is_some(),
                cut >= first - 1,
                "cut at {cut}"
            );
            assert_eq!(finished.find("b").is_some(), cut >= whole.len() - 1);
            assert!(sound <= cut as u64);
            assert_eq!(has_end, ![first - 1, whole.len() - 1].contains(&cut));
        }
    }

    #[test]
    fn the_last_line_of_an_id_counts_and_the_whole_of_it_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let text = line("a", "1") + &line("é", "2") + "\n" + &line("a", "3");
        std::fs::write(&path, &text).unwrap();
        let (mut finished, ..) = Finished::read(&path).unwrap();
        let slot = finished.find("a").unwrap();
        assert_eq!((finished.id(slot), finished.path(slot)), ("a", "3"));
        assert_eq!(finished.whole(slot).unwrap().path, "3");
        let other = finished.find("é").unwrap();
        assert_eq!(finished.whole(other).unwrap().id, "é");
        assert_eq!(finished.find("b"), None);
        let anew = finished.whole(other).unwrap();
        assert_eq!(finished.add(&anew, 0), other);
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        assert!(read(b"{\"name\": \"their.jpg\"}\n").is_err());
    }

    #[test]
    fn a_bad_line_in_the_middle_is_named() {
        let text = line("a", "1") + "{broken\n" + &line("b", "2");
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(
            error.contains(":2: not a line of a download journal"),
            "{error}"
        );
    }

    proptest::proptest! {
        #[test]
        fn every_id_is_found_whatever_it_is(ids in proptest::collection::vec("[a-d]{0,3}", 0..60)) {
            let mut finished = Finished::default();
            let mut last = std::collections::BTreeMap::new();
            for (n, id) in ids.iter().enumerate() {
                let download = Download { id: id.clone(), path: n.to_string(), ..Download::default() };
                finished.add(&download, n as u64);
                last.insert(id, n);
            }
            for (id, n) in last {
                let slot = finished.find(id).unwrap();
                proptest::prop_assert_eq!(finished.path(slot), n.to_string());
            }
        }
    }
}
