//! Unfinished downloads: the bytes so far, on the disk or in memory, until they get their final name.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::paths::{cannot_write, folder_of};
use crate::error::Error;

/// An unfinished download: the bytes so far, and beside them a file that proves which remote file they belong to.
/// A small file that arrived in one piece stays in memory until it gets its name.
#[derive(Clone, Debug)]
pub struct Part {
    path: PathBuf,
    place: Arc<Mutex<Place>>,
}

/// Where the bytes are.
#[derive(Clone, Debug, Default)]
enum Place {
    /// On the disk, as many as have arrived.
    #[default]
    Disk,
    /// All bytes, in memory.
    Memory(Bytes),
    /// Under their final name.
    Published,
}

/// What a part file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Bytes so far.
    #[serde(skip)]
    pub bytes: u64,
    /// The URL that they came from.
    pub url: String,
    /// Strong ETag or Last-Modified of the remote file; without one nothing is gone on with.
    pub validator: String,
    /// Bytes of the remote file, where its server said so.
    #[serde(default)]
    pub whole: Option<u64>,
}

impl Part {
    /// A part file of this name. Creates nothing yet.
    pub fn new(path: PathBuf) -> Self {
        Part {
            path,
            place: Arc::default(),
        }
    }

    /// Keeps the whole file in memory.
    pub fn keep_in_memory(&self, all: Bytes) {
        *self.place() = Place::Memory(all);
    }

    /// The whole file, if it is in memory.
    pub fn in_memory(&self) -> Option<Bytes> {
        match &*self.place() {
            Place::Memory(all) => Some(all.clone()),
            Place::Disk | Place::Published => None,
        }
    }

    /// Whether it has got its final name.
    pub fn is_published(&self) -> bool {
        matches!(*self.place(), Place::Published)
    }

    /// The bytes so far, from memory or from the disk.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self) -> io::Result<Bytes> {
        match self.in_memory() {
            Some(all) => Ok(all),
            None => fs::read(&self.path).map(Bytes::from),
        }
    }

    /// Its first bytes, for messages; none where they cannot be read.
    pub fn start(&self) -> Bytes {
        const ENOUGH: usize = 4096;
        match self.in_memory() {
            Some(all) => all.slice(..all.len().min(ENOUGH)),
            None => {
                let mut start = Vec::new();
                if let Ok(file) = File::open(&self.path) {
                    // Of a file that ends early the rest is not needed.
                    let _ = file.take(ENOUGH as u64).read_to_end(&mut start);
                }
                start.into()
            }
        }
    }

    /// Opens the whole file, and says how many bytes it has.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open_whole(&self) -> io::Result<(Box<dyn Read>, u64)> {
        if let Some(all) = self.in_memory() {
            let length = all.len() as u64;
            return Ok((Box::new(io::Cursor::new(all)), length));
        }
        let file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        Ok((Box::new(file), length))
    }

    /// The whole file, to be read from its start; one without a name where it is in memory.
    ///
    /// # Errors
    /// It cannot be read, or no file can be made.
    pub fn to_file(&self) -> io::Result<File> {
        let Some(all) = self.in_memory() else {
            return File::open(&self.path);
        };
        let mut file = tempfile::tempfile()?;
        file.write_all(&all)?;
        Ok(file)
    }

    /// Notes that its bytes are elsewhere under their final name, and removes it.
    pub fn publish_elsewhere(&self) {
        self.discard();
        *self.place() = Place::Published;
    }

    /// Writes the file anew as `write` makes it from what it holds.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn rewrite<T>(
        &self,
        write: impl FnOnce(BufReader<File>, &mut BufWriter<File>) -> T,
    ) -> io::Result<T> {
        let other = self.path.with_extension("out");
        let mut out = BufWriter::new(File::create(&other)?);
        let written = write(BufReader::new(File::open(&self.path)?), &mut out);
        out.into_inner()?.sync_all()?;
        fs::rename(&other, &self.path)?;
        Ok(written)
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path of the part file on the disk.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds, if the download can be resumed.
    pub fn held(&self) -> Option<Held> {
        let bytes = fs::metadata(&self.path).ok()?.len();
        let held: Held = serde_json::from_slice(&fs::read(self.proof()).ok()?).ok()?;
        (bytes > 0).then_some(Held { bytes, ..held })
    }

    /// Opens it to append to the bytes that it holds, or, where these are none, empties it and records which file it will
    /// belong to, if anything proves that.
    ///
    /// # Errors
    /// The file cannot be opened or created.
    pub fn open(&self, holds: &Held) -> io::Result<File> {
        if holds.bytes > 0 {
            return File::options().append(true).open(&self.path);
        }
        let file = self.create()?;
        if !holds.validator.is_empty() {
            fs::write(self.proof(), serde_json::to_vec(holds)?)?;
        }
        Ok(file)
    }

    /// Empties it, for bytes of which no later run makes use.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(&self) -> io::Result<File> {
        self.discard();
        fs::create_dir_all(folder_of(&self.path))?;
        File::create(&self.path)
    }

    /// Removes it and its proof.
    pub fn discard(&self) {
        *self.place() = Place::Disk;
        // A missing file need not be removed; one that cannot be removed is reported when it is opened.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(self.proof());
    }

    /// Flushes it to the disk and gives it its final name. The name itself is on the disk only after
    /// [`sync_folder`](super::sync_folder).
    ///
    /// # Errors
    /// The file cannot be written or renamed.
    pub fn publish(&self, target: &Path) -> Result<(), Error> {
        let cannot = |e: io::Error| cannot_write(target, e);
        let small = self.in_memory();
        match &small {
            Some(all) => self
                .write_out(all)
                .map_err(|e| cannot_write(&self.path, e))?,
            None => File::open(&self.path)
                .and_then(|file| file.sync_all())
                .map_err(cannot)?,
        }
        fs::rename(&self.path, target)
            .or_else(|_| {
                // The first file of its folder.
                fs::create_dir_all(folder_of(target))?;
                fs::rename(&self.path, target)
            })
            .map_err(cannot)?;
        if small.is_none() {
            self.discard();
        }
        *self.place() = Place::Published;
        Ok(())
    }

    fn write_out(&self, all: &[u8]) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        if write_past_the_cache(&self.path, all).is_ok() {
            return Ok(());
        }
        // Some file systems do not support such writes, or the folder is missing. Any other problem shows up again here.
        fs::create_dir_all(folder_of(&self.path))?;
        let mut file = File::create(&self.path)?;
        file.write_all(all)?;
        file.sync_all()
    }

    /// The message for a part file that cannot be written.
    pub fn cannot_write(&self, e: io::Error) -> String {
        format!("{}: cannot be written: {e}", self.path.display())
    }

    fn proof(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".json");
        name.into()
    }
}

/// Writes a file past the page cache. It has to be on the disk before it gets its name, so a copy in memory only costs:
/// half the time of a small file, and cache space of other programs.
#[cfg(target_os = "linux")]
fn write_past_the_cache(path: &Path, all: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;

    let direct = rustix::fs::OFlags::DIRECT.bits().cast_signed();
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags(direct)
        .open(path)?;
    // Address, offset and length have to be multiples of the block size.
    let mut buffer = vec![0_u8; all.len().next_multiple_of(BLOCK) + BLOCK];
    let address = buffer.as_ptr().addr();
    let blocks = &mut buffer[address.next_multiple_of(BLOCK) - address..];
    blocks[..all.len()].copy_from_slice(all);
    file.write_all(&blocks[..all.len().next_multiple_of(BLOCK)])?;
    file.set_len(all.len() as u64)?;
    file.sync_all()
}

/// The largest block size of disks in use.
#[cfg(target_os = "linux")]
const BLOCK: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_in_memory_is_on_the_disk_byte_for_byte() {
        let folder = tempfile::tempdir().unwrap();
        for length in [0, 1, 511, 4095, 4096, 4097, 100_003, 512 << 10] {
            let all: Vec<u8> = (0..length).map(|n| (n * 7 + n / 251) as u8).collect();
            let part = Part::new(folder.path().join("work/image.part"));
            part.keep_in_memory(all.clone().into());
            let target = folder.path().join(format!("images/{length}.jpg"));
            part.publish(&target).unwrap();
            assert!(fs::read(&target).unwrap() == all, "{length}");
            assert!(part.is_published() && part.in_memory().is_none() && !part.path().exists());
        }
    }

    #[test]
    fn what_cannot_be_written_is_reported_and_gets_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let part = Part::new(folder.path().join("image.part"));
        fs::create_dir(part.path()).unwrap();
        part.keep_in_memory(vec![1; 5000].into());
        let target = folder.path().join("image.jpg");
        let error = part.publish(&target).unwrap_err();
        assert!(
            error.line().contains("image.part: cannot be written"),
            "{}",
            error.line()
        );
        assert!(!target.exists());
    }
}
