//! The regions of an unfinished image, in one file: a header line with the plan, then a record a region. A run
//! that was killed goes on with what is whole; a torn record at the end is cut away.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::cover::Rect;
use super::plan::Plan;
use crate::files;
use crate::pixels;

/// A pack file, open.
#[derive(Debug)]
pub struct Pack {
    path: PathBuf,
    plan: Plan,
    inner: Mutex<Inner>,
}

/// A file to write and read, gone when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    part: files::Part,
    /// It, open.
    pub file: File,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.part.discard();
    }
}

#[derive(Debug)]
struct Inner {
    file: File,
    end: u64,
    index: BTreeMap<Rect, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    offset: u64,
    length: u32,
    channels: u8,
}

#[derive(Serialize, Deserialize)]
struct Header {
    pack: u32,
    asked: String,
    plan: Plan,
}

const VERSION: u32 = 1;
/// x, y, width, height, length, checksum: 6 × 4 bytes; channels: 1.
const RECORD: usize = 25;

impl Pack {
    /// The pack of an earlier run, if there is one for the very same request.
    pub fn resume(path: &Path, asked: &str) -> Option<Pack> {
        let file = File::options().read(true).write(true).open(path).ok()?;
        let length = file.metadata().ok()?.len();
        let mut input = BufReader::new(file);
        let mut line = Vec::new();
        let start = input.read_until(b'\n', &mut line).ok()? as u64;
        let header: Header = serde_json::from_slice(&line).ok()?;
        if header.pack != VERSION || header.asked != asked {
            return None;
        }
        let (index, end) = scan(&mut input, start, length).ok()?;
        let file = input.into_inner();
        file.set_len(end).ok()?;
        Some(Pack {
            path: path.into(),
            plan: header.plan,
            inner: Mutex::new(Inner { file, end, index }),
        })
    }

    /// A new pack; one of the same name is gone.
    pub fn create(path: &Path, asked: &str, plan: Plan) -> io::Result<Pack> {
        let part = files::Part::new(path.into());
        let mut file = part.open(false, "", None)?;
        let header = Header {
            pack: VERSION,
            asked: asked.into(),
            plan,
        };
        let mut line = serde_json::to_vec(&header)?;
        line.push(b'\n');
        file.write_all(&line)?;
        drop(file);
        let file = File::options().read(true).write(true).open(path)?;
        let end = line.len() as u64;
        Ok(Pack {
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
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether a region is here.
    pub fn holds(&self, rect: Rect) -> bool {
        self.lock().index.contains_key(&rect)
    }

    /// The most colour channels of any region: one grey tile among coloured ones must not make the picture grey.
    pub fn channels(&self) -> u8 {
        self.lock()
            .index
            .values()
            .map(|entry| entry.channels)
            .max()
            .unwrap_or(3)
    }

    /// Adds a region that was checked.
    pub fn add(&self, rect: Rect, channels: u8, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len())
            .map_err(|_| io::Error::other("a region of more than 4 GB"))?;
        let head = head(rect, channels, bytes, length);
        let mut inner = self.lock();
        let at = inner.end;
        inner.file.seek(SeekFrom::Start(at))?;
        inner.file.write_all(&head)?;
        inner.file.write_all(bytes)?;
        inner.end = at + RECORD as u64 + u64::from(length);
        inner.index.insert(
            rect,
            Entry {
                offset: at + RECORD as u64,
                length,
                channels,
            },
        );
        Ok(())
    }

    /// The bytes of a region.
    pub fn read(&self, rect: Rect) -> io::Result<Vec<u8>> {
        let mut inner = self.lock();
        let entry = *inner
            .index
            .get(&rect)
            .ok_or_else(|| io::Error::other(format!("region {rect:?} is not in the pack")))?;
        inner.file.seek(SeekFrom::Start(entry.offset))?;
        let mut bytes = vec![0; entry.length as usize];
        inner.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// A file beside it for what does not outlive the work on it.
    pub fn scratch(&self) -> io::Result<Scratch> {
        let part = files::Part::new(self.path.with_extension("band"));
        drop(part.open(false, "", None)?);
        let file = File::options().read(true).write(true).open(part.path())?;
        Ok(Scratch { part, file })
    }

    /// The note about what the picture loses when it is encoded anew, by its first region and its alpha anywhere.
    pub fn lost(&self) -> Option<String> {
        let first = self.lock().index.keys().next().copied();
        let header = pixels::measure_bytes(&self.read(first?).ok()?).ok()?;
        super::fetch::lost(&pixels::Header {
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

fn head(rect: Rect, channels: u8, bytes: &[u8], length: u32) -> [u8; RECORD] {
    let mut head = [0; RECORD];
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

/// The records that are whole, and where they end.
fn scan(
    input: &mut impl Read,
    start: u64,
    length: u64,
) -> io::Result<(BTreeMap<Rect, Entry>, u64)> {
    let mut index = BTreeMap::new();
    let mut at = start;
    let mut bytes = Vec::new();
    while at + RECORD as u64 <= length {
        let mut found = [0; RECORD];
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
        let end = at + RECORD as u64 + u64::from(word(4));
        if end > length {
            break;
        }
        bytes.resize(word(4) as usize, 0);
        input.read_exact(&mut bytes)?;
        if head(rect, found[20], &bytes, word(4)) != found {
            break;
        }
        index.insert(
            rect,
            Entry {
                offset: at + RECORD as u64,
                length: word(4),
                channels: found[20],
            },
        );
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
    fn a_pack_cut_at_any_byte_keeps_what_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pack");
        let pack = Pack::create(&path, "asked", Plan::default()).unwrap();
        let start = std::fs::metadata(&path).unwrap().len() as usize;
        pack.add(A, 3, b"first").unwrap();
        pack.add(B, 1, b"second").unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let pack = Pack::resume(&path, "asked");
            assert_eq!(pack.is_some(), cut >= start - 1, "cut at {cut}");
            let Some(pack) = pack.filter(|_| cut >= start) else {
                continue;
            };
            assert_eq!(pack.holds(A), cut >= start + RECORD + 5, "cut at {cut}");
            assert_eq!(pack.holds(B), cut == whole.len(), "cut at {cut}");
            pack.add(B, 3, b"again").unwrap();
            assert_eq!(pack.read(B).unwrap(), b"again");
        }
    }

    #[test]
    fn a_record_with_a_flipped_bit_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pack");
        Pack::create(&path, "asked", Plan::default())
            .unwrap()
            .add(A, 3, b"first")
            .unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(!Pack::resume(&path, "asked").unwrap().holds(A));
        assert!(Pack::resume(&path, "something else").is_none());
    }
}
