//! Where the bytes of an image are: in a file of their own, in a part of a file, or in an object store. Whoever reads an image reads
//! it from here, so that it does not matter which.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use recto_pixels::Window;

use super::hash::{sha256, sha256_bytes};
use super::store::{is_in_store, length_in_store, open, read_from_store};

/// Where bytes are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Content {
    path: PathBuf,
    /// Where they begin in the file, and how many there are; none: they are all of it.
    part: Option<(u64, u64)>,
}

impl Content {
    /// All of a file, here or in an object store.
    pub fn file(path: PathBuf) -> Self {
        Content { path, part: None }
    }

    /// `length` bytes of a file from `offset` on.
    pub fn part(path: PathBuf, offset: u64, length: u64) -> Self {
        Content {
            path,
            part: Some((offset, length)),
        }
    }

    /// The file, if they are all of one here.
    pub fn whole_file(&self) -> Option<&Path> {
        (self.part.is_none() && !is_in_store(&self.path)).then_some(&*self.path)
    }

    /// Where they begin in the file that holds them, and how many there are, unless they are all of it.
    pub fn part_of_file(&self) -> Option<(u64, u64)> {
        self.part
    }

    /// The file that holds them.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes there are.
    ///
    /// # Errors
    /// The file is missing, or ends before the part does.
    pub fn length(&self) -> io::Result<u64> {
        let of_file = match is_in_store(&self.path) {
            true => length_in_store(&self.path)?,
            false => std::fs::metadata(&self.path)?.len(),
        };
        match self.part {
            None => Ok(of_file),
            Some((offset, length)) if offset.saturating_add(length) <= of_file => Ok(length),
            Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// When the file that holds them was changed, in nanoseconds since 1970; none if that is not known.
    pub fn modified(&self) -> Option<i64> {
        if is_in_store(&self.path) {
            return None;
        }
        let file = std::fs::metadata(&self.path).ok()?;
        let seconds = file.mtime().checked_mul(1_000_000_000)?;
        seconds.checked_add(file.mtime_nsec())
    }

    /// Opens them to be read. What is in an object store is copied first, to a file without a name.
    ///
    /// # Errors
    /// The file is missing, no regular one, or ends before the part does.
    pub fn open(&self) -> io::Result<Window> {
        // Who opens a named pipe waits until somebody writes into it.
        if !is_in_store(&self.path) && !std::fs::metadata(&self.path)?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        self.window(open(&self.path)?)
    }

    /// The same in a file that is open already: that of [`Content::path`].
    ///
    /// # Errors
    /// The file ends before the part does.
    pub fn window(&self, file: File) -> io::Result<Window> {
        Window::new(file, self.part)
    }

    /// All of them.
    ///
    /// # Errors
    /// As for [`Content::open`].
    pub fn read(&self) -> io::Result<Vec<u8>> {
        if self.part.is_none() && is_in_store(&self.path) {
            return read_from_store(&self.path, u64::MAX);
        }
        let mut window = self.open()?;
        let mut bytes = Vec::with_capacity(window.length() as usize);
        window.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The first of them, at most `most`; none if they cannot be read.
    pub fn start(&self, most: u64) -> Vec<u8> {
        let mut start = Vec::new();
        // Who looks at the start sees that there is none.
        let _ = self
            .open()
            .and_then(|window| window.take(most).read_to_end(&mut start));
        start
    }

    /// Their SHA-256 as lower-case hex. They are streamed.
    ///
    /// # Errors
    /// As for [`Content::open`].
    pub fn sha256(&self) -> io::Result<String> {
        sha256(&mut self.open()?).map(|(hash, _)| hash)
    }

    /// Their SHA-256. They are streamed.
    ///
    /// # Errors
    /// As for [`Content::open`].
    pub fn sha256_bytes(&self) -> io::Result<[u8; 32]> {
        sha256_bytes(&mut self.open()?)
    }

    /// Whether they are there and have this SHA-256, in lower-case hex.
    pub fn is(&self, sha256: &str) -> bool {
        self.sha256().is_ok_and(|found| found == sha256)
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            None => write!(f, "{}", self.path.display()),
            Some((offset, _)) => write!(f, "{} at byte {offset}", self.path.display()),
        }
    }
}

/// A file of its own with what is in a window, at its start: what is not all of a file is copied to one without a name.
///
/// # Errors
/// The file cannot be read, or the copy not be written.
pub fn into_file(window: Window) -> io::Result<File> {
    if let Some(mut file) = window.whole_file()? {
        file.rewind()?;
        return Ok(file);
    }
    let mut copy = tempfile::tempfile()?;
    io::copy(&mut window.again(), &mut copy)?;
    copy.rewind()?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use std::io::SeekFrom;

    use super::*;

    #[test]
    fn a_part_of_a_file_is_read_like_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all");
        std::fs::write(&path, b"abcdefgh").unwrap();
        let part = Content::part(path.clone(), 2, 4);
        assert_eq!(part.length().unwrap(), 4);
        assert_eq!(part.read().unwrap(), b"cdef");
        assert_eq!(part.start(2), b"cd");
        let mut window = part.open().unwrap();
        let mut seen = String::new();
        assert_eq!(window.seek(SeekFrom::End(-1)).unwrap(), 3);
        window.read_to_string(&mut seen).unwrap();
        assert_eq!(window.seek(SeekFrom::Current(-3)).unwrap(), 1);
        window.read_to_string(&mut seen).unwrap();
        // Beyond the end there is nothing, and before the start no place.
        window.seek(SeekFrom::Start(9)).unwrap();
        window.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "fdef");
        assert!(window.seek(SeekFrom::End(-5)).is_err());
        let mut own = String::new();
        let mut file = into_file(part.open().unwrap()).unwrap();
        file.read_to_string(&mut own).unwrap();
        assert_eq!(own, "cdef");
        let whole = Content::file(path.clone());
        assert_eq!(whole.whole_file(), Some(&*path));
        assert_eq!(part.whole_file(), None);
        assert!(part.is(&crate::files::hex_digest(b"cdef", 64)) && !whole.is("0"));
        for (offset, length) in [(5, 4), (9, 0), (u64::MAX, 2)] {
            let beyond = Content::part(path.clone(), offset, length);
            assert!(beyond.length().is_err() && beyond.open().is_err());
        }
    }
}
