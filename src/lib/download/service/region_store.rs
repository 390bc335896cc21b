//! The regions of an unfinished image in one file: a header line with the plan, then a record per region. An interrupted
//! run is resumed with the complete records; an incomplete one at the end is cut off.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::grid::Rect;
use super::plan::RegionPlan;
use crate::files;
use crate::pixels;

/// The file, open.
#[derive(Debug)]
pub struct RegionStore {
    path: PathBuf,
    plan: RegionPlan,
    inner: Mutex<Inner>,
}

/// A file to write and read that is removed when it is dropped.
#[derive(Debug)]
pub struct ScratchFile {
    part: files::Part,
    /// The file, open.
    pub file: File,
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        self.part.discard();
    }
}

#[derive(Debug)]
struct Inner {
    file: File,
    end: u64,
    index: BTreeMap<Rect, Record>,
}

/// Where the bytes of a region are.
#[derive(Clone, Copy, Debug)]
struct Record {
    offset: u64,
    length: u32,
    channels: u8,
}

/// The first line of the file.
#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(rename = "pack")]
    version: u32,
    #[serde(rename = "asked")]
    request: String,
    plan: RegionPlan,
}

const VERSION: u32 = 1;
/// Bytes before those of a region: x, y, width, height and length, each 4 bytes, little-endian; colour channels, 1 byte;
/// CRC-32C of all that and of the region, 4 bytes.
const RECORD_HEAD: usize = 25;

impl RegionStore {
    /// The store of an earlier run, if there is one for the same request.
    pub fn resume(path: &Path, request: &str) -> Option<RegionStore> {
        let file = File::options().read(true).write(true).open(path).ok()?;
        let length = file.metadata().ok()?.len();
        let mut input = BufReader::new(file);
        let mut line = Vec::new();
        let start = input.read_until(b'\n', &mut line).ok()? as u64;
        let header: Header = serde_json::from_slice(&line).ok()?;
        if header.version != VERSION || header.request != request {
            return None;
        }
        let (index, end) = scan(&mut input, start, length).ok()?;
        let file = input.into_inner();
        file.set_len(end).ok()?;
        Some(RegionStore {
            path: path.into(),
            plan: header.plan,
            inner: Mutex::new(Inner { file, end, index }),
        })
    }

    /// A new store; it replaces one of the same name.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn create(path: &Path, request: &str, plan: RegionPlan) -> io::Result<RegionStore> {
        let part = files::Part::new(path.into());
        let mut file = part.create()?;
        let header = Header {
            version: VERSION,
            request: request.into(),
            plan,
        };
        let mut line = serde_json::to_vec(&header)?;
        line.push(b'\n');
        file.write_all(&line)?;
        drop(file);
        let file = File::options().read(true).write(true).open(path)?;
        let end = line.len() as u64;
        Ok(RegionStore {
            path: path.into(),
            plan: header.plan,
            inner: Mutex::new(Inner {
                file,
                end,
                index: BTreeMap::new(),
            }),
        })
    }

    /// How the image is covered.
    pub fn plan(&self) -> &RegionPlan {
        &self.plan
    }

    /// Whether a region is in it.
    pub fn holds(&self, rect: Rect) -> bool {
        self.lock().index.contains_key(&rect)
    }

    /// The most colour channels of any region: a grey region among coloured ones must not make the image grey.
    pub fn channels(&self) -> u8 {
        self.lock()
            .index
            .values()
            .map(|entry| entry.channels)
            .max()
            .unwrap_or(3)
    }

    /// Adds a region that was verified; `bytes` is its file as the server sent it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn add(&self, rect: Rect, channels: u8, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len())
            .map_err(|_| io::Error::other("a region of more than 4 GB"))?;
        let head = head(rect, channels, bytes, length);
        let mut inner = self.lock();
        let at = inner.end;
        inner.file.seek(SeekFrom::Start(at))?;
        inner.file.write_all(&head)?;
        inner.file.write_all(bytes)?;
        inner.end = at + RECORD_HEAD as u64 + u64::from(length);
        let record = Record {
            offset: at + RECORD_HEAD as u64,
            length,
            channels,
        };
        inner.index.insert(rect, record);
        Ok(())
    }

    /// The bytes of a region.
    ///
    /// # Errors
    /// If it is not in the store; those of the disk.
    pub fn read(&self, rect: Rect) -> io::Result<Vec<u8>> {
        let mut inner = self.lock();
        let entry = *inner
            .index
            .get(&rect)
            .ok_or_else(|| io::Error::other(format!("region {rect:?} is not in the store")))?;
        inner.file.seek(SeekFrom::Start(entry.offset))?;
        let mut bytes = vec![0; entry.length as usize];
        inner.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// A file beside it for temporary data.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn scratch(&self) -> io::Result<ScratchFile> {
        let part = files::Part::new(self.path.with_extension("band"));
        drop(part.create()?);
        let file = File::options().read(true).write(true).open(part.path())?;
        Ok(ScratchFile { part, file })
    }

    /// The header of the first region, with the most colour channels of any.
    pub fn sample(&self) -> Option<pixels::Header> {
        let first = self.lock().index.keys().next().copied();
        let header = pixels::measure_bytes(&self.read(first?).ok()?).ok()?;
        Some(pixels::Header {
            channels: self.channels(),
            ..header
        })
    }

    /// Removes the file.
    pub fn discard(&self) {
        files::Part::new(self.path.clone()).discard();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn head(rect: Rect, channels: u8, bytes: &[u8], length: u32) -> [u8; RECORD_HEAD] {
    let mut head = [0; RECORD_HEAD];
    for (i, n) in [rect.x, rect.y, rect.width, rect.height, length]
        .into_iter()
        .enumerate()
    {
        head[i * 4..i * 4 + 4].copy_from_slice(&n.to_le_bytes());
    }
    head[20] = channels;
    let sum = crc32c::crc32c_append(crc32c::crc32c(&head[..21]), bytes);
    head[21..].copy_from_slice(&sum.to_le_bytes());
    head
}

/// The complete records, and where they end. `start` is where the first begins, `length` that of the file, in bytes.
fn scan(
    input: &mut impl Read,
    start: u64,
    length: u64,
) -> io::Result<(BTreeMap<Rect, Record>, u64)> {
    let mut index = BTreeMap::new();
    let mut at = start;
    let mut bytes = Vec::new();
    while at + RECORD_HEAD as u64 <= length {
        let mut found = [0; RECORD_HEAD];
        input.read_exact(&mut found)?;
        let word = |i: usize| {
            u32::from_le_bytes([
                found[i * 4],
                found[i * 4 + 1],
                found[i * 4 + 2],
                found[i * 4 + 3],
            ])
        };
        let rect = Rect {
            x: word(0),
            y: word(1),
            width: word(2),
            height: word(3),
        };
        let end = at + RECORD_HEAD as u64 + u64::from(word(4));
        if end > length {
            break;
        }
        bytes.resize(word(4) as usize, 0);
        input.read_exact(&mut bytes)?;
        if head(rect, found[20], &bytes, word(4)) != found {
            break;
        }
        let record = Record {
            offset: at + RECORD_HEAD as u64,
            length: word(4),
            channels: found[20],
        };
        index.insert(rect, record);
        at = end;
    }
    Ok((index, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Rect = Rect {
        x: 0,
        y: 0,
        width: 4,
        height: 4,
    };
    const B: Rect = Rect {
        x: 4,
        y: 0,
        width: 3,
        height: 4,
    };

    #[test]
    fn a_store_cut_at_any_byte_keeps_what_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pack");
        let store = RegionStore::create(&path, "request", RegionPlan::default()).unwrap();
        let start = std::fs::metadata(&path).unwrap().len() as usize;
        store.add(A, 3, b"first").unwrap();
        store.add(B, 1, b"second").unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let store = RegionStore::resume(&path, "request");
            assert_eq!(store.is_some(), cut >= start - 1, "cut at {cut}");
            let Some(store) = store.filter(|_| cut >= start) else {
                continue;
            };
            assert_eq!(
                store.holds(A),
                cut >= start + RECORD_HEAD + 5,
                "cut at {cut}"
            );
            assert_eq!(store.holds(B), cut == whole.len(), "cut at {cut}");
            store.add(B, 3, b"again").unwrap();
            assert_eq!(store.read(B).unwrap(), b"again");
        }
    }

    #[test]
    fn a_record_with_a_flipped_bit_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pack");
        RegionStore::create(&path, "request", RegionPlan::default())
            .unwrap()
            .add(A, 3, b"first")
            .unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(!RegionStore::resume(&path, "request").unwrap().holds(A));
        assert!(RegionStore::resume(&path, "something else").is_none());
    }
}
