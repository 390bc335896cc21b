//! What was written into a folder, in path order, however many files that are: a set of a million images has more files than fit
//! into memory with their names and hashes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;

use super::scratch::{Scratch, Span};
use crate::error::Error;

/// A file that was written into a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WrittenFile {
    /// Path relative to the folder, `/` as separator.
    pub path: Box<str>,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// Files that were written.
#[derive(Debug)]
pub struct WrittenFiles {
    /// Those that came last, in any order.
    pending: Vec<WrittenFile>,
    /// Those before, some at a time, each time sorted: blocks of records.
    runs: Vec<Vec<Span>>,
    scratch: Scratch,
}

/// How many files are held in memory, and how many of them are put aside and read again at a time.
const PENDING: usize = 1 << 16;
const BLOCK: usize = 1 << 9;

impl WrittenFiles {
    /// None yet; what does not fit into memory goes beside a path.
    pub fn beside(path: &Path) -> Self {
        WrittenFiles {
            pending: Vec::new(),
            runs: Vec::new(),
            scratch: Scratch::beside(path),
        }
    }

    /// Adds a file.
    ///
    /// # Errors
    /// The disk is full.
    pub fn push(&mut self, file: WrittenFile) -> Result<(), Error> {
        self.pending.push(file);
        match self.pending.len() >= PENDING {
            true => self.put_aside(),
            false => Ok(()),
        }
    }

    fn put_aside(&mut self) -> Result<(), Error> {
        self.pending.sort_unstable();
        let mut run = Vec::new();
        for block in self.pending.chunks(BLOCK) {
            let mut bytes = Vec::new();
            block.iter().for_each(|file| put(file, &mut bytes));
            run.push(self.scratch.append(&bytes)?);
        }
        self.runs.push(run);
        self.pending.clear();
        Ok(())
    }

    /// Calls `take` with each file, in path order.
    ///
    /// # Errors
    /// The disk cannot be read, or `take` fails.
    pub fn each(
        &mut self,
        mut take: impl FnMut(&WrittenFile) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.pending.sort_unstable();
        // Of each run the next block, last file first.
        let mut blocks: Vec<Vec<WrittenFile>> = self.runs.iter().map(|_| Vec::new()).collect();
        let mut places = vec![0; self.runs.len()];
        let mut next = BinaryHeap::new();
        for run in 0..self.runs.len() {
            let file = self.next_of(run, &mut blocks, &mut places)?;
            next.extend(file.map(|file| Reverse((file, run))));
        }
        let mut pending = self.pending.clone().into_iter();
        let last = self.runs.len();
        next.extend(pending.next().map(|file| Reverse((file, last))));
        while let Some(Reverse((file, run))) = next.pop() {
            take(&file)?;
            let file = match run == last {
                true => pending.next(),
                false => self.next_of(run, &mut blocks, &mut places)?,
            };
            next.extend(file.map(|file| Reverse((file, run))));
        }
        Ok(())
    }

    fn next_of(
        &mut self,
        run: usize,
        blocks: &mut [Vec<WrittenFile>],
        places: &mut [usize],
    ) -> Result<Option<WrittenFile>, Error> {
        if blocks[run].is_empty()
            && let Some(span) = self.runs[run].get(places[run])
        {
            places[run] += 1;
            let bytes = self.scratch.read(*span)?;
            let mut rest = bytes.as_slice();
            blocks[run].extend(std::iter::from_fn(|| taken(&mut rest)));
            blocks[run].reverse();
        }
        Ok(blocks[run].pop())
    }
}

fn put(file: &WrittenFile, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&file.bytes.to_le_bytes());
    bytes.extend_from_slice(&file.sha256);
    bytes.extend_from_slice(&(file.path.len() as u32).to_le_bytes());
    bytes.extend_from_slice(file.path.as_bytes());
}

fn taken(rest: &mut &[u8]) -> Option<WrittenFile> {
    let (bytes, after) = rest.split_first_chunk::<8>()?;
    let (sha256, after) = after.split_first_chunk::<32>()?;
    let (length, after) = after.split_first_chunk::<4>()?;
    let (path, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    Some(WrittenFile {
        path: String::from_utf8_lossy(path).into(),
        bytes: u64::from_le_bytes(*bytes),
        sha256: *sha256,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_path_order_whether_they_are_put_aside_or_not() {
        let file = |n: usize| WrittenFile {
            path: format!("é/{:06}", n * 7919 % 200_003).into(),
            bytes: n as u64,
            sha256: [n as u8; 32],
        };
        for count in [0, 3, PENDING, PENDING * 2 + 100] {
            let folder = tempfile::tempdir().unwrap();
            let mut written = WrittenFiles::beside(&folder.path().join("x"));
            let mut wanted: Vec<WrittenFile> = (0..count).map(file).collect();
            wanted
                .iter()
                .for_each(|file| written.push(file.clone()).unwrap());
            wanted.sort();
            for _ in 0..2 {
                let mut found = Vec::new();
                let mut add = |file: &WrittenFile| {
                    found.push(file.clone());
                    Ok(())
                };
                written.each(&mut add).unwrap();
                assert!(found == wanted, "{count}");
            }
        }
    }
}
