//! Where images are read from: a file, or a part of a file that holds several.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// The bytes of an image in an open file: it begins and ends with them. Clones have positions of their own.
#[derive(Clone, Debug)]
pub struct Window {
    file: Arc<File>,
    /// Whether they are all of the file.
    is_all: bool,
    start: u64,
    length: u64,
    /// How many bytes are before the next.
    at: u64,
}

impl Window {
    /// A file, or a part of it: where it begins, and how many bytes it has.
    ///
    /// # Errors
    /// The file ends before the part does, or cannot be looked at.
    pub fn new(file: File, part: Option<(u64, u64)>) -> io::Result<Self> {
        let of_file = file.metadata()?.len();
        let (start, length) = part.unwrap_or((0, of_file));
        if start.saturating_add(length) > of_file {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Window {
            file: Arc::new(file),
            is_all: part.is_none(),
            start,
            length,
            at: 0,
        })
    }

    /// How many bytes there are.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What the system knows about the file that holds them.
    ///
    /// # Errors
    /// The file cannot be looked at.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// The same from the start.
    pub fn again(&self) -> Window {
        Window {
            at: 0,
            ..self.clone()
        }
    }

    /// Reads some bytes from a position on; 0 at the end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let left = self.length.saturating_sub(at);
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        self.file.read_at(&mut buffer[..most], self.start + at)
    }

    /// The file that holds them, if they are all of it: its position is shared.
    ///
    /// # Errors
    /// The system has no handle left.
    pub fn whole_file(&self) -> io::Result<Option<File>> {
        self.is_all.then(|| self.file.try_clone()).transpose()
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::End(by) => (self.length, by),
            SeekFrom::Current(by) => (self.at, by),
        };
        let at = base.checked_add_signed(by);
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
