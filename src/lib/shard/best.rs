//! The line of the journals of several folders that counts for an image: the latest, of several at one time that with the greater
//! SHA-256, whatever folder it is in.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;

use super::packs::Packs;
use crate::contracts::{self, Download, MappedFile, PackedImage};
use crate::error::Error;
use crate::files;
use crate::summary::{Summary, counted};

/// What is kept of the line that counts for an image.
#[derive(Clone)]
pub struct Best {
    /// The number of its folder; 0 is the one that all become.
    pub folder: usize,
    /// Where its line begins in the journal of that folder, in bytes, and its length.
    pub line: (u64, u32),
    /// When the file was finished.
    pub when: Option<jiff::Timestamp>,
    /// Of the file, in lower-case hex.
    pub sha256: String,
    /// In its folder.
    pub path: String,
    /// In the folder of all, where that is another.
    pub renamed: Option<String>,
    /// The size of the file in bytes.
    pub bytes: u64,
    /// The pack that it is in.
    pub pack: Option<PackedImage>,
}

impl Best {
    /// The path in the folder of all.
    pub fn place(&self) -> &str {
        self.renamed.as_deref().unwrap_or(&self.path)
    }

    /// Where it is in the folder of all.
    pub fn mapped<'a>(&'a self, packs: &'a Packs) -> MappedFile<'a> {
        let pack = self.pack.as_ref();
        MappedFile {
            name: self.place(),
            pack: pack.map(|pack| (packs.name(self.folder, &pack.tar), pack.offset, self.bytes)),
        }
    }
}

/// The line that counts for each image, by their ids.
pub type BestLines = BTreeMap<String, Best>;

/// What uniting folders did.
#[derive(Debug, Default)]
pub struct United {
    /// How many files were not there.
    pub placed: u64,
    /// Paths of files that people put there, or changed there, and that were kept elsewhere.
    pub altered: Vec<String>,
    /// How many files of an earlier merge were moved aside, whose images have other names now.
    pub left: u64,
}

/// Where folders are united: on the disk, or in an object store.
pub trait Place {
    /// The journals of the folders, that of the folder of all first.
    fn journals(&self) -> &[JournalFile];

    /// Whether a file is in the folder of its line, by its size.
    fn has(&self, found: &Best) -> bool;

    /// Puts files in their places and writes the journal of the folder of all.
    ///
    /// # Errors
    /// Those of the disk and of the store.
    fn unite(&mut self, best: &BestLines, packs: &Packs) -> Result<United, Error>;

    /// Removes from the folders of workers what is in that of all.
    ///
    /// # Errors
    /// Those of the disk and of the store.
    fn clear(&mut self, best: &BestLines, packs: &Packs) -> Result<(), Error>;
}

/// A journal in a file here.
pub struct JournalFile {
    /// What messages call it.
    pub name: String,
    /// The file, or where there is none.
    pub path: PathBuf,
}

impl JournalFile {
    fn cannot_read(&self) -> Error {
        Error::new(format!("{}: cannot be read", self.name))
    }

    /// Calls `take` with the place and content of each whole line.
    ///
    /// # Errors
    /// It cannot be read, or a line is not of a journal.
    pub fn each_line(&self, mut take: impl FnMut((u64, u32), Download)) -> Result<(), Error> {
        let Ok(file) = File::open(&self.path) else {
            return Ok(());
        };
        let (mut file, mut line) = (BufReader::new(file), Vec::new());
        let (mut start, mut number) = (0u64, 0u64);
        loop {
            line.clear();
            let length = file.read_until(b'\n', &mut line);
            let length = length.map_err(|e| self.cannot_read().because(e))?;
            if length == 0 {
                return Ok(());
            }
            number += 1;
            match serde_json::from_slice::<Download>(&line) {
                Ok(download) if download.recto == Download::NAME && !download.is_within() => {
                    return Err(Error::new(format!(
                        "{}:{number}: path leaves the folder of the journal: {}",
                        self.name, download.path
                    )));
                }
                Ok(download) if download.recto == Download::NAME => {
                    take((start, length as u32), download);
                }
                _ if line.iter().all(u8::is_ascii_whitespace) => {}
                // The last one of a worker that was killed.
                Err(_) if line.last() != Some(&b'\n') => {}
                _ => {
                    return Err(Error::new(format!(
                        "{}:{number}: not a line of a download journal",
                        self.name
                    )));
                }
            }
            start += length as u64;
        }
    }
}

/// Lines that are read again, as the journal of the folder of all has them.
pub struct Lines<'a> {
    journals: &'a [JournalFile],
    packs: &'a Packs,
    files: Vec<Option<File>>,
}

impl<'a> Lines<'a> {
    /// Opens the journals.
    pub fn of(journals: &'a [JournalFile], packs: &'a Packs) -> Self {
        let open = |journal: &JournalFile| File::open(&journal.path).ok();
        Lines {
            journals,
            packs,
            files: journals.iter().map(open).collect(),
        }
    }

    /// The line of an image, with its end.
    ///
    /// # Errors
    /// The journal cannot be read any more.
    pub fn line(&self, found: &Best) -> Result<Vec<u8>, Error> {
        let journal = &self.journals[found.folder];
        let mut file = self.files[found.folder]
            .as_ref()
            .ok_or_else(|| journal.cannot_read())?;
        let mut line = vec![0; found.line.1 as usize];
        file.seek(SeekFrom::Start(found.line.0))
            .and_then(|_| file.read_exact(&mut line))
            .map_err(|e| journal.cannot_read().because(e))?;
        let mut line: Download = contracts::parse_json(&line, &journal.name)?;
        found.place().clone_into(&mut line.path);
        if let Some(pack) = &mut line.pack {
            pack.tar = self.packs.name(found.folder, &pack.tar).to_owned();
        }
        let line = serde_json::to_vec(&line);
        let mut line = line.map_err(|e| journal.cannot_read().because(e))?;
        line.push(b'\n');
        Ok(line)
    }
}

/// What workers have and the folder of all has too, of this run or of an earlier one: the number of a folder, a path in it, and a size
/// in bytes. What is in packs is left out.
///
/// # Errors
/// A journal cannot be read.
pub fn of_workers(
    journals: &[JournalFile],
    best: &BestLines,
) -> Result<BTreeSet<(usize, String, u64)>, Error> {
    let mut found = BTreeSet::new();
    for (number, journal) in journals.iter().enumerate().skip(1) {
        journal.each_line(|_, line| {
            let is_same = |best: &Best| best.sha256 == line.sha256 && line.pack.is_none();
            if best.get(&line.id).is_some_and(is_same) {
                found.insert((number, line.path, line.bytes));
            }
        })?;
    }
    Ok(found)
}

/// The line that counts for each image, of those whose files are there; the others are told.
///
/// # Errors
/// A journal cannot be read, or a line is not of one.
pub fn best_lines(
    place: &dyn Place,
    packs: &mut Packs,
    summary: &mut Summary,
) -> Result<BestLines, Error> {
    let mut best = BestLines::new();
    let mut lost = HashSet::new();
    for (number, journal) in place.journals().iter().enumerate() {
        // Of one journal only the last line of an image tells of its file.
        let mut last: HashMap<String, Best> = HashMap::new();
        journal.each_line(|line, download| {
            packs.add(number, &download);
            let found = Best {
                folder: number,
                line,
                when: download.when.parse().ok(),
                sha256: download.sha256,
                path: download.path,
                renamed: None,
                bytes: download.bytes,
                pack: download.pack,
            };
            last.insert(download.id, found);
        })?;
        for (id, found) in last {
            if !place.has(&found) {
                lost.insert(id);
                continue;
            }
            let is_better = best
                .get(&id)
                .is_none_or(|held| (found.when, &found.sha256) > (held.when, &held.sha256));
            if is_better {
                best.insert(id, found);
            }
        }
    }
    lost.retain(|id| !best.contains_key(id));
    if !lost.is_empty() {
        let files = counted(lost.len() as u64, "file", "files");
        summary.notes.push(format!(
            "{files} of the journals missing or of another length, and left out: recto-download gets what no folder has"
        ));
    }
    Ok(best)
}

/// Where files of several images would have one path, all of them get a hash of their ids, as `recto-download` names them. Says so of
/// those in tar files, where only the map has that name.
pub fn rename_shared(best: &mut BestLines) -> Option<String> {
    let mut packed = 0;
    let mut times: HashMap<String, u32> = HashMap::new();
    for found in best.values() {
        *times.entry(found.path.to_lowercase()).or_default() += 1;
    }
    for (id, found) in best.iter_mut() {
        if times[&found.path.to_lowercase()] > 1 {
            packed += u64::from(found.pack.is_some());
            let hash = files::hex_digest(id.as_bytes(), 10);
            let name = found.path.rfind('/').map_or(0, |at| at + 1);
            found.renamed = Some(match found.path[name..].rfind('.') {
                Some(dot) => {
                    let (stem, suffix) = found.path.split_at(name + dot);
                    format!("{stem}-{hash}{suffix}")
                }
                None => format!("{}-{hash}", found.path),
            });
        }
    }
    (packed > 0).then(|| {
        let images = counted(packed, "image", "images");
        format!("{images} in tar files under a name that another one has there too: the image map tells them apart, the tar files do not")
    })
}
