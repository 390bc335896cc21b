//! Sets in whatever form they are stored: one JSON file, JSON Lines, compressed JSON Lines, or a folder of parts. Which one it is
//! is seen in its first bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use ruzstd::decoding::StreamingDecoder;

use super::json::parse_json;
use super::set_folder::{SetFolder, is_set_folder};
use crate::error::Error;
use crate::files;
use crate::summary::counted;

/// A set that can be read again and again, at any place.
#[derive(Debug)]
pub struct SetFile {
    file: File,
    /// Whether it is JSON Lines: a head, and a line for each element.
    pub is_lines: bool,
}

impl SetFile {
    /// The set in a file or folder; none if it cannot be read twice, or not at all: then [`whole`] says why. What is compressed
    /// or in parts is unpacked to a temporary file.
    pub fn open(path: &Path) -> Option<Self> {
        if path.is_dir() || files::is_in_store(path) && is_set_folder(path) {
            let mut all = files::unnamed(path).ok()?;
            unite(path, &mut all).ok()?;
            return Some(SetFile {
                file: all,
                is_lines: true,
            });
        }
        let file = files::open(path).ok()?;
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let start = files::start(path, START);
        if !is_compressed(&start) {
            let is_lines = is_lines(&start);
            return Some(SetFile { file, is_lines });
        }
        let mut all = files::unnamed(path).ok()?;
        let mut unpacked = StreamingDecoder::new(BufReader::new(file)).ok()?;
        io::copy(&mut unpacked, &mut all).ok()?;
        let mut start = vec![0; START as usize];
        let length = read_at(&all, 0, &mut start).ok()?;
        let is_lines = is_lines(&start[..length]);
        Some(SetFile {
            file: all,
            is_lines,
        })
    }

    /// Adds the bytes from a place on, at most so many; fewer only at the end.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn read(&self, offset: u64, most: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
        let start = bytes.len();
        bytes.resize(start + most, 0);
        let length = read_at(&self.file, offset, &mut bytes[start..])?;
        bytes.truncate(start + length);
        Ok(())
    }
}

/// Fills bytes from a place on; gives how many there were. The place of the file is not used: several threads may read.
fn read_at(file: &File, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < bytes.len() {
        match read_some(file, offset + length as u64, &mut bytes[length..])? {
            0 => break,
            n => length += n,
        }
    }
    Ok(length)
}

#[cfg(unix)]
fn read_some(file: &File, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, offset)
}

/// Elsewhere a file has one place for all threads.
#[cfg(not(unix))]
fn read_some(mut file: &File, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    io::Seek::seek(&mut file, io::SeekFrom::Start(offset))?;
    file.read(bytes)
}

/// As much of a file as shows its form, in bytes.
const START: u64 = 1 << 16;

/// The name of the contract of a set in whatever form, or of another file; none where it does not begin with one.
pub fn contract_of(path: &Path) -> Option<String> {
    let start = match path.is_dir() || files::is_in_store(path) && is_set_folder(path) {
        true => {
            let set = files::read(&path.join(SetFolder::FILE)).ok()?;
            let set: SetFolder = serde_json::from_slice(&set).ok()?;
            set.head.get().as_bytes().to_vec()
        }
        false => files::start(path, START),
    };
    let mut unpacked = Vec::new();
    let start = match is_compressed(&start) {
        true => {
            let file = BufReader::new(files::open(path).ok()?);
            let decoder = StreamingDecoder::new(file).ok()?;
            decoder.take(START).read_to_end(&mut unpacked).ok()?;
            unpacked
        }
        false => start,
    };
    let text = String::from_utf8_lossy(&start);
    let (_, rest) = text.split_once("\"contract\"")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let (name, _) = rest.strip_prefix('"')?.split_once('"')?;
    name.starts_with("recto/").then(|| name.to_owned())
}

fn is_compressed(start: &[u8]) -> bool {
    start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

/// Whether a file is JSON Lines with a head: its first line is an object that says how many lines follow. Where that line is
/// longer than what is seen of it, its first members say so.
fn is_lines(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    match start.iter().position(|byte| *byte == b'\n') {
        Some(end) => Head::of(&start[..end]).is_some(),
        None => {
            Head::of(start).is_some() || {
                let first = &start[..start.len().min(200)];
                let text = String::from_utf8_lossy(first);
                text.starts_with("{\"contract\":\"recto/") && text.contains(",\"count\":")
            }
        }
    }
}

/// What a head says.
#[derive(serde::Deserialize)]
pub struct Head {
    /// The contract of the set.
    pub contract: String,
    /// Its version.
    #[serde(default)]
    pub version: u32,
    /// How many lines follow.
    pub count: u64,
}

/// What the first line of JSON Lines says; none where it is not a head.
pub fn head_of(line: &[u8]) -> Option<Head> {
    Head::of(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line))
}

/// Bytes, decompressed where they are compressed.
///
/// # Errors
/// They are damaged.
pub fn unpacked(bytes: Vec<u8>, name: &str) -> Result<Vec<u8>, Error> {
    if !is_compressed(&bytes) {
        return Ok(bytes);
    }
    let damaged = |e: String| Error::new(format!("{name}: is not valid Zstandard: {e}"));
    let mut unpacked = Vec::new();
    let decoder = StreamingDecoder::new(&bytes[..]);
    let mut decoder = decoder.map_err(|e| damaged(e.to_string()))?;
    let read = decoder.read_to_end(&mut unpacked);
    read.map_err(|e| damaged(e.to_string()))?;
    Ok(unpacked)
}

impl Head {
    fn of(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// The object of a set whose list is that of the elements: the head with the list, empty.
pub fn envelope(head: &[u8], list: &str) -> Option<Vec<u8>> {
    let object = head.trim_ascii().strip_suffix(b"}")?;
    let mut envelope = object.to_vec();
    envelope.extend_from_slice(format!(",\"{list}\":[]}}").as_bytes());
    Some(envelope)
}

/// How many elements a head promises.
pub fn promised(head: &[u8]) -> Option<u64> {
    Some(Head::of(head)?.count)
}

/// A set as one JSON object, where its bytes are not one: a line of JSON Lines has its number in the object too.
///
/// # Errors
/// It is damaged, or lines are missing.
pub fn assembled(bytes: Vec<u8>, list: &str, name: &str) -> Result<Vec<u8>, Error> {
    let bytes = unpacked(bytes, name)?;
    let start = &bytes[..bytes.len().min(START as usize)];
    if !is_lines(start) {
        return Ok(bytes);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let head = lines.next().unwrap_or_default();
    let Some(Head { count, .. }) = Head::of(head) else {
        return Err(Error::new(format!("{name}:1: the first line is not JSON")));
    };
    let object = head.trim_ascii_end().strip_suffix(b"}").unwrap_or(head);
    let mut object = object.to_vec();
    object.extend_from_slice(format!(",\"{list}\":[\n").as_bytes());
    let mut found = 0;
    for line in lines {
        let line = line.trim_ascii();
        if !line.is_empty() {
            if found > 0 {
                // Before the line end, so that lines keep their numbers.
                let end = object.len() - 1;
                object.insert(end, b',');
            }
            object.extend_from_slice(line);
            found += 1;
        }
        object.push(b'\n');
    }
    if found != count {
        let what = format!(
            "{name}: declares {}, found {found}",
            counted(count, "line", "lines")
        );
        return Err(Error::new(what).hint("the file is truncated: write it again"));
    }
    object.extend_from_slice(b"]}");
    Ok(object)
}

/// The bytes of a set in a folder as JSON Lines, if it is one.
///
/// # Errors
/// A part is missing or not the one that `set.json` names.
pub fn of_folder(path: &Path) -> Option<Result<Vec<u8>, Error>> {
    is_set_folder(path).then(|| {
        let mut all = Vec::new();
        unite(path, &mut all).map(|()| all)
    })
}

/// Writes the parts of a set as JSON Lines.
fn unite(folder: &Path, out: &mut impl Write) -> Result<(), Error> {
    let path = folder.join(SetFolder::FILE);
    let name = path.display().to_string();
    let set: SetFolder = parse_json(&files::read(&path)?, &name)?;
    if set.contract != SetFolder::NAME || set.version != SetFolder::VERSION {
        let what = format!("{name}: is {} of version {}", set.contract, set.version);
        let wanted = format!(
            "this program knows {} of version {}",
            SetFolder::NAME,
            SetFolder::VERSION
        );
        return Err(Error::new(what).hint(wanted));
    }
    let cannot = |e| Error::new("a temporary file cannot be written").because(e);
    let head = set.head.get().trim_end();
    let head = head.strip_suffix('}').unwrap_or(head);
    // A head has members: the name and version of its contract.
    let rest = head.strip_prefix('{').unwrap_or(head);
    writeln!(out, "{{\"count\":{},{rest}}}", set.count).map_err(cannot)?;
    for part in &set.parts {
        if part.file.contains(['/', '\\']) {
            let what = format!(
                "{}: names `{}`, which is not in the folder",
                path.display(),
                part.file
            );
            return Err(Error::new(what));
        }
        let place = folder.join(&part.file);
        let unreadable = |e| Error::new(format!("{}: cannot be read", place.display())).because(e);
        let found = files::sha256_of_file(&place).map_err(unreadable)?;
        if found != part.sha256 {
            return Err(Error::new(format!(
                "{}: is not the file that {} names: its SHA-256 differs",
                place.display(),
                SetFolder::FILE
            ))
            .hint("write the set again"));
        }
        let file = BufReader::new(files::open(&place).map_err(unreadable)?);
        copy_lines(file, out).map_err(unreadable)?;
    }
    out.flush().map_err(cannot)
}

fn copy_lines(mut file: BufReader<File>, out: &mut impl Write) -> io::Result<()> {
    let start = file.fill_buf()?;
    if is_compressed(start) {
        let decoder = StreamingDecoder::new(file);
        let mut decoder = decoder.map_err(|e| io::Error::other(e.to_string()))?;
        return io::copy(&mut decoder, out).map(drop);
    }
    io::copy(&mut file, out).map(drop)
}
