//! What the journal says about each image, by its id: enough to know what is there and where, in about 200 bytes per
//! image, so that millions fit in memory. What is rarely needed is read from the journal again.

use std::borrow::Cow;
use std::fs::File;
use std::hash::BuildHasher;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use hashbrown::{DefaultHashBuilder, HashTable};
use rayon::prelude::*;
use serde::Deserialize;

use crate::contracts::{self, Download, MappedFile, PackedImage, is_within_folder};
use crate::error::Error;
use crate::files::KnownPack;
use crate::http::for_journal;

/// The place of an image in an [`Index`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u32);

impl Slot {
    /// Its number, below [`Index::count`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The finished images, each by its last line in the journal.
#[derive(Debug, Default)]
pub struct Index {
    journal: PathBuf,
    /// Ids, each with its path behind it.
    text: String,
    records: Vec<Record>,
    /// The packs that images are in.
    packs: Vec<KnownPack>,
    /// Hashes of ids, each with the slot of its record.
    by_id: HashTable<(u64, Slot)>,
    hasher: DefaultHashBuilder,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    text: usize,
    id: u32,
    path: u32,
    /// Hash of what was requested.
    request: u64,
    bytes: u64,
    /// The first 16 digits of its SHA-256.
    sha256: u64,
    /// Where its line begins in the journal, in bytes.
    line: u64,
    /// The number of the pack that it is in, and the number of the block there; [`NO_PACK`]: none.
    pack: u32,
    block: u32,
}

/// The number of no pack.
const NO_PACK: u32 = u32::MAX;
/// Bytes of a block of a tar file.
const BLOCK_OF_TAR: u64 = 512;

/// What is kept of a line.
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
    sha256: Cow<'a, str>,
    #[serde(borrow, default, rename = "asked")]
    request: Cow<'a, str>,
    #[serde(default)]
    pack: Option<PackedImage>,
}

/// How much of a journal is in memory while it is read, in bytes.
const BLOCK: usize = 8 << 20;

impl Index {
    /// Reads a journal. Returns also how many bytes of it are complete lines, and whether the last one has its line end;
    /// after them may be a line that a crash cut off.
    ///
    /// # Errors
    /// If it cannot be read, or a line is not of a journal.
    pub fn read(journal: &Path) -> Result<(Self, u64, bool), Error> {
        let name = journal.display();
        let cannot = |e| Error::new(format!("{name}: cannot be read")).because(e);
        let mut index = Index {
            journal: journal.into(),
            ..Index::default()
        };
        let mut file = File::open(journal).map_err(cannot)?;
        let (mut block, mut start, mut number) = (Vec::new(), 0, 0);
        loop {
            let before = block.len();
            (&mut file)
                .take(BLOCK as u64)
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
            let read = index.lines(&block[..lines], start, &mut number, at_end);
            let sound = read.map_err(|(line, problem)| {
                Error::new(format!("{name}:{line}: {problem}"))
                    .hint("move the file away; images without an entry are downloaded again")
            })?;
            if at_end {
                let has_end = sound == 0 || block[sound - 1] == b'\n';
                return Ok((index, start + sound as u64, has_end));
            }
            block.drain(..lines);
            start += lines as u64;
        }
    }

    /// Adds lines that begin at `start` in the journal. Returns how many bytes are complete lines, or the number of one
    /// that is not of a journal, and why.
    fn lines(
        &mut self,
        block: &[u8],
        start: u64,
        number: &mut u64,
        at_end: bool,
    ) -> Result<usize, (u64, &'static str)> {
        let lines = lines(block);
        let parsed: Vec<Option<Line>> = lines.par_iter().map(|line| parse(line)).collect();
        let mut sound = 0;
        for (line, parsed) in lines.iter().zip(parsed) {
            *number += 1;
            let is_last = at_end && sound + line.len() == block.len();
            match parsed {
                Some(parsed) if !is_within_folder(&parsed.path, parsed.pack.as_ref()) => {
                    return Err((*number, "path leaves the folder of the journal"));
                }
                Some(parsed) => {
                    self.put(&parsed, start + sound as u64);
                }
                None if line.iter().all(u8::is_ascii_whitespace) => {}
                None if is_last && is_cut_off(line) => return Ok(sound),
                None => return Err((*number, "not a line of a download journal")),
            }
            sound += line.len();
        }
        Ok(sound)
    }

    /// Adds an entry whose line begins at `line` in the journal, in bytes.
    pub fn add(&mut self, download: &Download, line: u64) -> Slot {
        self.put(
            &Line {
                recto: (&*download.recto).into(),
                id: (&*download.id).into(),
                path: (&*download.path).into(),
                bytes: download.bytes,
                sha256: (&*download.sha256).into(),
                request: (&*download.asked).into(),
                pack: download.pack.clone(),
            },
            line,
        )
    }

    fn put(&mut self, line: &Line, at: u64) -> Slot {
        let (pack, block) = self.pack_of(line);
        let record = Record {
            text: self.text.len(),
            // No line is as long as 4 GB.
            id: line.id.len() as u32,
            path: line.path.len() as u32,
            request: self.hash(&for_journal(&line.request)),
            bytes: line.bytes,
            sha256: sha256_start(&line.sha256),
            line: at,
            pack,
            block,
        };
        self.text.push_str(&line.id);
        self.text.push_str(&line.path);
        let hash = self.hash(&line.id);
        if let Some(slot) = self.slot_of(&line.id, hash) {
            self.records[slot.index()] = record;
            return slot;
        }
        let slot = Slot(self.records.len() as u32);
        self.by_id
            .insert_unique(hash, (hash, slot), |(hash, _)| *hash);
        self.records.push(record);
        slot
    }

    /// The numbers of the pack of an image and of its block there. What is in a pack is known by the last line about it, whether
    /// that counts for an image or not.
    fn pack_of(&mut self, line: &Line) -> (u32, u32) {
        let Some(PackedImage { tar, offset }) = &line.pack else {
            return (NO_PACK, 0);
        };
        // Most images are in the last.
        let known = self.packs.iter().rposition(|pack| pack.name == *tar);
        let number = known.unwrap_or_else(|| {
            self.packs.push(KnownPack {
                name: tar.clone(),
                end: 0,
            });
            self.packs.len() - 1
        });
        let pack = &mut self.packs[number];
        pack.end = pack.end.max(offset.saturating_add(line.bytes));
        (number as u32, (offset / BLOCK_OF_TAR) as u32)
    }

    /// The packs that images are in, or were, and how far they are known.
    pub fn packs(&self) -> &[KnownPack] {
        &self.packs
    }

    /// The slot of an image, if it is index.
    pub fn find(&self, id: &str) -> Option<Slot> {
        self.slot_of(id, self.hash(id))
    }

    fn slot_of(&self, id: &str, hash: u64) -> Option<Slot> {
        let is_it = |(other, slot): &(u64, Slot)| *other == hash && self.id(*slot) == id;
        self.by_id.find(hash, is_it).map(|(_, slot)| *slot)
    }

    /// The same within a run, which is all that is needed.
    fn hash(&self, text: &str) -> u64 {
        self.hasher.hash_one(text)
    }

    /// The number of images.
    pub fn count(&self) -> usize {
        self.records.len()
    }

    /// The id of an image.
    pub fn id(&self, slot: Slot) -> &str {
        let record = self.record(slot);
        &self.text[record.text..][..record.id as usize]
    }

    /// Its path below the output folder.
    pub fn path(&self, slot: Slot) -> &str {
        let record = self.record(slot);
        &self.text[record.text + record.id as usize..][..record.path as usize]
    }

    /// Where it is, below the output folder.
    pub fn place(&self, slot: Slot) -> MappedFile<'_> {
        let record = self.record(slot);
        let pack = self.packs.get(record.pack as usize);
        let offset = u64::from(record.block) * BLOCK_OF_TAR;
        MappedFile {
            name: self.path(slot),
            pack: pack.map(|pack| (&*pack.name, offset, record.bytes)),
        }
    }

    /// Whether it is in a pack.
    pub fn is_packed(&self, slot: Slot) -> bool {
        self.record(slot).pack != NO_PACK
    }

    /// The size of its file in bytes.
    pub fn bytes(&self, slot: Slot) -> u64 {
        self.record(slot).bytes
    }

    /// The first 16 digits of the SHA-256 of its file, as a number.
    pub fn sha256(&self, slot: Slot) -> u64 {
        self.record(slot).sha256
    }

    /// All images.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        (0..self.records.len() as u32).map(Slot)
    }

    /// Whether it came of this request.
    pub fn was_requested(&self, slot: Slot, request: &str) -> bool {
        self.record(slot).request == self.hash(request)
    }

    /// Its line, read again from the journal.
    pub fn entry(&self, slot: Slot) -> Option<Download> {
        let mut file = File::open(&self.journal).ok()?;
        file.seek(SeekFrom::Start(self.record(slot).line)).ok()?;
        let mut line = Vec::new();
        BufReader::new(file).read_until(b'\n', &mut line).ok()?;
        let name = self.journal.display().to_string();
        contracts::parse_json(&line, &name).ok()
    }

    fn record(&self, slot: Slot) -> &Record {
        // Slots are only made here, and records are never removed.
        &self.records[slot.index()]
    }
}

/// The first 16 digits of a SHA-256 as a number.
pub fn sha256_start(hex: &str) -> u64 {
    let digits = hex.get(..16).unwrap_or_default();
    u64::from_str_radix(digits, 16).unwrap_or_default()
}

fn parse(line: &[u8]) -> Option<Line<'_>> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let pack = line.pack.as_ref();
    let is_block = |pack: &PackedImage| {
        let is_end = |end: u64| end <= i64::MAX as u64;
        pack.offset.is_multiple_of(BLOCK_OF_TAR)
            && pack.offset / BLOCK_OF_TAR <= u32::MAX.into()
            && pack.offset.checked_add(line.bytes).is_some_and(is_end)
    };
    (line.recto == Download::NAME && pack.is_none_or(is_block)).then_some(line)
}

/// Whether a last line was cut off while it was written. One that is complete JSON is of another program, and is not
/// removed.
fn is_cut_off(line: &[u8]) -> bool {
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

    fn read(bytes: &[u8]) -> Result<(Index, u64, bool), Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, bytes).unwrap();
        Index::read(&path)
    }

    #[test]
    fn a_line_that_was_cut_off_is_removed_wherever_it_was_cut() {
        let whole = line("a", "1") + &line("b", "2");
        let first = line("a", "1").len();
        for cut in 0..=whole.len() {
            let (index, sound, has_end) = read(&whole.as_bytes()[..cut]).unwrap();
            // A line without its line end is complete.
            assert_eq!(index.find("a").is_some(), cut >= first - 1, "cut at {cut}");
            assert_eq!(index.find("b").is_some(), cut >= whole.len() - 1);
            assert!(sound <= cut as u64);
            assert_eq!(has_end, ![first - 1, whole.len() - 1].contains(&cut));
        }
    }

    #[test]
    fn the_last_line_of_an_id_counts_and_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let text = line("a", "1") + &line("é", "2") + "\n" + &line("a", "3");
        std::fs::write(&path, &text).unwrap();
        let (mut index, ..) = Index::read(&path).unwrap();
        let slot = index.find("a").unwrap();
        assert_eq!((index.id(slot), index.path(slot)), ("a", "3"));
        assert_eq!(index.entry(slot).unwrap().path, "3");
        let other = index.find("é").unwrap();
        assert_eq!(index.entry(other).unwrap().id, "é");
        assert_eq!(index.find("b"), None);
        let same = index.entry(other).unwrap();
        assert_eq!(index.add(&same, 0), other);
    }

    #[test]
    fn a_file_of_another_program_is_not_changed() {
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
            let mut index = Index::default();
            let mut last = std::collections::BTreeMap::new();
            for (n, id) in ids.iter().enumerate() {
                let download = Download { id: id.clone(), path: n.to_string(), ..Download::default() };
                index.add(&download, n as u64);
                last.insert(id, n);
            }
            for (id, n) in last {
                let slot = index.find(id).unwrap();
                proptest::prop_assert_eq!(index.path(slot), n.to_string());
            }
        }
    }

    #[test]
    fn damaged_journals_are_read_or_refused_with_their_line() {
        use recto_testkit::{mutation, samples};
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("downloads.jsonl");
        let takes = move |bytes: &[u8]| {
            let _ = &folder;
            std::fs::write(&file, bytes).unwrap();
            match Index::read(&file) {
                Ok((index, sound, _)) => {
                    assert!(sound <= bytes.len() as u64);
                    // The place of an entry leads to it again.
                    for id in ["a", "b", "žluť \"c\""] {
                        let found = index.find(id).and_then(|slot| index.entry(slot));
                        assert!(found.is_none_or(|entry| entry.id == id));
                    }
                    index.count() > 0
                }
                Err(error) => {
                    let words = error.to_string();
                    assert!(words.contains("downloads.jsonl:"), "{words}");
                    false
                }
            }
        };
        mutation::check(
            1000,
            |random| mutation::text(&samples::journal(), random),
            takes,
        )
        .is_mixed();
    }
}
