//! A file for what does not fit into memory while a program runs. It has no name, so that nothing is left of it however the
//! program ends, even when it is killed.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::SpooledTempFile;

use super::paths::{cannot_write, folder_of, is_dash, is_device, landing_or_path};
use crate::error::Error;

/// What is kept in memory before anything is written to the disk, in bytes.
const IN_MEMORY: usize = 8 << 20;

/// Bytes that were put aside, to be read again by their [`Span`].
#[derive(Debug)]
pub struct Scratch {
    file: SpooledTempFile,
    folder: PathBuf,
    end: u64,
    is_at_end: bool,
}

/// Where bytes are in a [`Scratch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: u64,
    bytes: u64,
}

impl Scratch {
    /// A file beside an output, which will need as much room; for standard output and devices in the folder of the system for
    /// temporary files. It is not created before there is much to put aside.
    pub fn beside(output: &Path) -> Self {
        match is_dash(output) || is_device(output) {
            true => Scratch::new(&std::env::temp_dir()),
            false => Scratch::new(folder_of(&landing_or_path(output))),
        }
    }

    fn new(folder: &Path) -> Self {
        Scratch {
            file: tempfile::spooled_tempfile_in(IN_MEMORY, folder),
            folder: folder.to_owned(),
            end: 0,
            is_at_end: true,
        }
    }

    /// Puts bytes aside.
    ///
    /// # Errors
    /// The disk is full, or nothing can be written in the folder.
    pub fn append(&mut self, bytes: &[u8]) -> Result<Span, Error> {
        let written = match self.is_at_end {
            true => Ok(self.end),
            false => self.file.seek(SeekFrom::Start(self.end)),
        };
        let written = written.and_then(|_| self.file.write_all(bytes));
        self.is_at_end = written.is_ok();
        written.map_err(|e| cannot_write(&self.folder, e))?;
        let span = Span {
            start: self.end,
            bytes: bytes.len() as u64,
        };
        self.end += span.bytes;
        Ok(span)
    }

    /// What was put aside.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn read(&mut self, span: Span) -> Result<Vec<u8>, Error> {
        self.is_at_end = false;
        let mut bytes = vec![0; usize::try_from(span.bytes).unwrap_or(usize::MAX)];
        let found = self.file.seek(SeekFrom::Start(span.start));
        let read = found.and_then(|_| self.file.read_exact(&mut bytes));
        let place = self.folder.display();
        read.map_err(|e| {
            Error::new(format!("{place}: a temporary file cannot be read")).because(e)
        })?;
        Ok(bytes)
    }
}

/// A file without a name beside another, or in the folder of the system for temporary files where that cannot be: nothing is left
/// of it however the program ends.
///
/// # Errors
/// Neither folder can be written to.
pub fn unnamed(beside: &Path) -> std::io::Result<std::fs::File> {
    tempfile::tempfile_in(folder_of(&landing_or_path(beside))).or_else(|_| tempfile::tempfile())
}

/// A folder for a while, removed when it is dropped.
pub type TemporaryFolder = tempfile::TempDir;

/// Makes one.
///
/// # Errors
/// The folder of the system for temporary files cannot be written to.
pub fn temporary_folder() -> std::io::Result<TemporaryFolder> {
    tempfile::tempdir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_aside_comes_back_and_nothing_stays_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::new(folder.path());
        let mut spans = Vec::new();
        for n in 0..100u8 {
            spans.push(scratch.append(&vec![n; 1 << 19]).unwrap());
            let earlier = usize::from(n) / 2;
            let seen = scratch.read(spans[earlier]).unwrap();
            assert_eq!(seen, vec![earlier as u8; 1 << 19]);
        }
        assert!(scratch.file.is_rolled());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let empty = scratch.append(b"").unwrap();
        assert_eq!(scratch.read(empty).unwrap(), b"");
    }
}
