//! Sets in whatever form they are stored: one JSON file, JSON Lines, compressed JSON Lines, or a folder of parts. Which one it is
//! is seen in its first bytes.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use serde::de::IgnoredAny;

use super::json::parse_json;
use super::set_folder::{SetFolder, is_set_folder};
use crate::error::Error;
use crate::files;
use crate::summary::counted;
use crate::zstandard::{Decoder, is_zstandard};

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
        let path = &*in_folder(path);
        if path.is_dir() || files::is_in_store(path) && is_set_folder(path) {
            let mut all = files::unnamed(path).ok()?;
            unite(path, &mut io::BufWriter::new(&mut all)).ok()?;
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
        if !is_zstandard(&start) {
            let is_lines = is_lines(&start);
            return Some(SetFile { file, is_lines });
        }
        let mut all = files::unnamed(path).ok()?;
        io::copy(&mut Decoder::new(BufReader::new(file)), &mut all).ok()?;
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
    let path = &*in_folder(path);
    let start = match path.is_dir() || files::is_in_store(path) && is_set_folder(path) {
        true => {
            let set = files::read(&path.join(SetFolder::FILE)).ok()?;
            let set: SetFolder = serde_json::from_slice(&set).ok()?;
            set.head.get().as_bytes().to_vec()
        }
        false => files::start(path, START),
    };
    let mut unpacked = Vec::new();
    let start = match is_zstandard(&start) {
        true => {
            let file = BufReader::new(files::open(path).ok()?);
            let decoder = Decoder::new(file);
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

/// The folder of a set in parts, where its `set.json` is named in its place.
fn in_folder(path: &Path) -> Cow<'_, Path> {
    let is_head = path.file_name().is_some_and(|name| name == SetFolder::FILE);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    match is_head && contract_of(folder).is_some() {
        true => folder.into(),
        false => path.into(),
    }
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
    if !is_zstandard(&bytes) {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    let read = Decoder::new(&bytes[..]).read_to_end(&mut unpacked);
    read.map_err(|e| Error::new(format!("{name}: is not valid Zstandard: {e}")))?;
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

/// Whether a line belongs to another contract than that with this list: what stands in an image of one is passed over in that of
/// the other, so that boxes would be lost without a word.
pub fn is_of_another(line: &[u8], list: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Told {
        annotations: Option<IgnoredAny>,
        localizations: Option<IgnoredAny>,
    }
    let told: Option<Told> = serde_json::from_slice(line).ok();
    told.is_some_and(|told| match list {
        "observations" => told.localizations.is_some(),
        "images" => told.annotations.is_some() && told.localizations.is_none(),
        _ => false,
    })
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
    let Some(Head {
        count, contract, ..
    }) = Head::of(head)
    else {
        return Err(Error::new(format!("{name}:1: the first line is not JSON")));
    };
    let object = head.trim_ascii_end().strip_suffix(b"}").unwrap_or(head);
    let mut object = object.to_vec();
    object.extend_from_slice(format!(",\"{list}\":[\n").as_bytes());
    let mut found = 0;
    for (number, line) in (2..).zip(lines) {
        let line = line.trim_ascii();
        if !line.is_empty() {
            if is_of_another(line, list) {
                let what =
                    format!("{name}:{number}: is not a line of {contract}, as the head says");
                return Err(Error::new(what).hint("write the set again"));
            }
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
        return Err(Error::new(what).hint("the file was cut off or changed: write it again"));
    }
    object.extend_from_slice(b"]}");
    Ok(object)
}

/// The bytes of a set in a folder as JSON Lines, if it is one.
///
/// # Errors
/// A part is missing or not the one that `set.json` names.
pub fn of_folder(path: &Path) -> Option<Result<Vec<u8>, Error>> {
    let path = &*in_folder(path);
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
    refuse_others(folder, &set)?;
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
        let lines = copy_lines(file, out).map_err(unreadable)?;
        if lines != part.count {
            let what = format!(
                "{}: has {lines} lines, and {} says {}",
                place.display(),
                SetFolder::FILE,
                part.count
            );
            return Err(Error::new(what).hint("write the set again"));
        }
    }
    out.flush().map_err(cannot)
}

/// Refuses a folder with a part that `set.json` does not name: it may be of the set that was meant. Stores keep those of a larger
/// set that was there before.
fn refuse_others(folder: &Path, set: &SetFolder) -> Result<(), Error> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let is_part = |name: &String| {
        let digits = name.strip_prefix("part-");
        digits.is_some_and(|rest| rest.ends_with(".jsonl") || rest.ends_with(".jsonl.zst"))
    };
    let is_named = |name: &String| set.parts.iter().any(|part| part.file == *name);
    let mut others: Vec<String> = names
        .filter(|name| is_part(name) && !is_named(name))
        .collect();
    others.sort();
    match others.first() {
        None => Ok(()),
        Some(other) => Err(Error::new(format!(
            "{}: {} does not name this part",
            folder.join(other).display(),
            SetFolder::FILE
        ))
        .hint("move it away, or write the set again")),
    }
}

/// Writes the lines of a part, and counts those that are not empty.
fn copy_lines(mut file: BufReader<File>, out: &mut impl Write) -> io::Result<u64> {
    match is_zstandard(file.fill_buf()?) {
        true => copy_plain_lines(&mut BufReader::new(Decoder::new(file)), out),
        false => copy_plain_lines(&mut file, out),
    }
}

fn copy_plain_lines(lines: &mut dyn BufRead, out: &mut impl Write) -> io::Result<u64> {
    let (mut line, mut count) = (Vec::new(), 0);
    while lines.read_until(b'\n', &mut line)? > 0 {
        count += u64::from(!line.trim_ascii().is_empty());
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        out.write_all(&line)?;
        line.clear();
    }
    Ok(count)
}
