//! Sets in the form that the name of a file asks for: one JSON file, JSON Lines, compressed JSON Lines, or a folder of parts.
//!
//! JSON Lines begin with a *head*: the object without its long list, with the number of lines that follow, one for each element.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::Path;

use super::elements::Splitter;
use super::json::parse_json;
use super::set_folder::{SetFolder, SetPart, is_set_folder};
use crate::error::Error;
use crate::files;
use crate::zstandard::compress;

/// The form of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON file.
    Json,
    /// JSON Lines.
    Lines,
    /// The same, compressed.
    CompressedLines,
    /// A folder of parts.
    Folder,
}

impl Form {
    /// The one that the name of a file asks for.
    pub fn of(path: &Path) -> Self {
        let name = path.to_string_lossy().to_ascii_lowercase();
        match () {
            () if name.ends_with('/') || is_set_folder(path) && !files::is_in_store(path) => {
                Form::Folder
            }
            () if name.ends_with(".jsonl") => Form::Lines,
            () if name.ends_with(".jsonl.zst") => Form::CompressedLines,
            () => Form::Json,
        }
    }
}

/// Endings of compressed files. Under such a name nobody expects plain JSON.
const COMPRESSED: [&str; 7] = ["gz", "zst", "bz2", "xz", "br", "zip", "lz4"];

/// Checks that the name of a set asks for a form that there is.
///
/// # Errors
/// It ends like that of a compressed file.
pub fn check_set_name(path: &Path) -> Result<(), Error> {
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    let is_compressed = COMPRESSED.contains(&ending.to_ascii_lowercase().as_str());
    if Form::of(path) != Form::Json || !is_compressed {
        return Ok(());
    }
    let what = format!("{}: .{ending} files are not written", path.display());
    Err(Error::usage(what).hint("for a compressed set, choose a name that ends in .jsonl.zst"))
}

/// Checks that a set can be written under this name.
///
/// # Errors
/// It cannot; a folder is there that holds something else.
pub fn rehearse_set(path: &Path) -> Result<(), Error> {
    check_set_name(path)?;
    match Form::of(path) {
        Form::Folder if files::is_in_store(path) => files::rehearse(&path.join(SetFolder::FILE)),
        Form::Folder => may_replace(path),
        _ => files::rehearse(path),
    }
}

/// Publishes a set, atomically: `write` writes it as one JSON object, and `list` is the name of its long list.
///
/// # Errors
/// The file cannot be written, or `write` fails.
pub fn write_set(
    path: &Path,
    list: &str,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    match Form::of(path) {
        Form::Json => files::write_through(path, write),
        Form::Folder if files::is_in_store(path) => {
            files::put_folder_to_store(path, SetFolder::FILE, |folder| {
                write_folder(folder, list, write)
            })
        }
        Form::Folder => write_folder(path, list, write),
        form => {
            let aside = files::unnamed(path).map_err(|e| files::cannot_write(path, e))?;
            let mut lines = Lines::of(list, FileSink(io::BufWriter::new(aside)));
            let written = write(&mut lines).and_then(|()| lines.finish());
            let (head, count, sink) = written.map_err(|e| files::cannot_write(path, e))?;
            files::write_through(path, |out| {
                let mut lines = sink
                    .0
                    .into_inner()
                    .map_err(io::IntoInnerError::into_error)?;
                lines.rewind()?;
                let head = line_of(&without(&head, list)?, count)?;
                let mut all = head.as_slice().chain(BufReader::new(lines));
                match form {
                    Form::CompressedLines => compress(&mut all, out),
                    _ => io::copy(&mut all, out).map(drop),
                }
            })
        }
    }
}

/// Bytes of lines in a part of a folder, about.
const PART: usize = 256 << 20;

/// Only a set is replaced, and only where nothing else lies in its folder.
fn may_replace(path: &Path) -> Result<(), Error> {
    files::may_replace(path, SetFolder::FILE, || {
        let name = path.join(SetFolder::FILE);
        let set: SetFolder = parse_json(&files::read(&name)?, &name.display().to_string())?;
        Ok(Box::new(move |path| {
            set.parts.iter().any(|part| part.file == path)
        }))
    })
}

fn write_folder(
    path: &Path,
    list: &str,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    let mut lines = Lines::of(list, PartsSink::of(path)?);
    let written = write(&mut lines).and_then(|()| lines.finish());
    let (head, _, sink) = written.map_err(|e| files::cannot_write(path, e))?;
    let head = without(&head, list).map_err(|e| files::cannot_write(path, e))?;
    sink.publish(path, &head)
}

/// Publishes a folder of parts of a list that is no member of an object: `head` says what it is, and `write` gives each element to
/// what it is called with, as JSON in one line.
///
/// # Errors
/// The files cannot be written, or `write` fails.
pub fn write_parts(
    path: &Path,
    head: &Head,
    write: impl FnOnce(Put) -> io::Result<()>,
) -> Result<(), Error> {
    let write_here = |path: &Path| {
        let mut sink = PartsSink::of(path)?;
        let written = write(&mut |line| sink.line(line));
        written.map_err(|e| files::cannot_write(path, e))?;
        sink.publish(path, head)
    };
    match files::is_in_store(path) {
        true => files::put_folder_to_store(path, SetFolder::FILE, write_here),
        false => write_here(path),
    }
}

/// A set without its list.
pub type Head = serde_json::Map<String, serde_json::Value>;

/// Takes an element.
pub type Put<'a> = &'a mut dyn FnMut(&[u8]) -> io::Result<()>;

impl PartsSink {
    /// Of a folder, which must not exist yet or hold a set.
    fn of(path: &Path) -> Result<Self, Error> {
        may_replace(path)?;
        Ok(PartsSink {
            folder: files::Folder::create(path)?,
            parts: Vec::new(),
            bytes: PART,
        })
    }

    /// Writes `set.json`, and gives the folder its name.
    fn publish(self, path: &Path, head: &Head) -> Result<(), Error> {
        let PartsSink {
            mut folder,
            mut parts,
            ..
        } = self;
        let mut unhashed = parts.iter_mut();
        folder.each_written(|written| {
            if let Some(part) = unhashed.next() {
                part.sha256 = files::hex(&written.sha256);
            }
            Ok(())
        })?;
        let head = serde_json::value::to_raw_value(head);
        let head = head.map_err(|e| files::cannot_write(path, e.into()))?;
        let set = SetFolder {
            contract: SetFolder::NAME.into(),
            version: SetFolder::VERSION,
            count: parts.iter().map(|part| part.count).sum(),
            head,
            parts,
        };
        folder.put(SetFolder::FILE, &files::to_json(&set, SetFolder::FILE)?)?;
        folder.publish()
    }
}

/// Where lines go.
trait Sink {
    fn line(&mut self, line: &[u8]) -> io::Result<()>;
}

struct FileSink(io::BufWriter<File>);

impl Sink for FileSink {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.0.write_all(line)?;
        self.0.write_all(b"\n")
    }
}

struct PartsSink {
    folder: files::Folder,
    parts: Vec<SetPart>,
    /// Bytes in the last part.
    bytes: usize,
}

impl Sink for PartsSink {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.bytes >= PART {
            if let Some(part) = self.parts.last() {
                self.folder.close(&part.file).map_err(other)?;
            }
            self.parts.push(SetPart {
                file: format!("part-{:05}.jsonl", self.parts.len()),
                count: 0,
                sha256: String::new(),
            });
            self.bytes = 0;
        }
        if let Some(part) = self.parts.last_mut() {
            part.count += 1;
            self.bytes += line.len() + 1;
            self.folder.append(&part.file, line).map_err(other)?;
            self.folder.append(&part.file, b"\n").map_err(other)?;
        }
        Ok(())
    }
}

fn other(error: Error) -> io::Error {
    io::Error::other(error.line())
}

/// Takes a JSON object as it is written, and gives the elements of its list to a sink, each as a line.
struct Lines<'a, S> {
    splitter: Splitter<'a>,
    /// What is not yet split.
    bytes: Vec<u8>,
    /// The object without the elements.
    head: Vec<u8>,
    count: u64,
    sink: S,
}

/// How many bytes are split at a time.
const BLOCK: usize = 1 << 16;

impl<'a, S: Sink> Lines<'a, S> {
    fn of(list: &'a str, sink: S) -> Self {
        Lines {
            splitter: Splitter::of(list),
            bytes: Vec::new(),
            head: Vec::new(),
            count: 0,
            sink,
        }
    }

    fn split(&mut self) -> io::Result<()> {
        let found = self.splitter.elements(&self.bytes, &mut self.head);
        let found = found.ok_or_else(|| io::Error::other("not a list of objects"))?;
        for element in found {
            self.sink.line(&compact(&self.bytes[element]))?;
            self.count += 1;
        }
        self.bytes.drain(..self.splitter.forget());
        Ok(())
    }

    /// The head, the number of lines, and the sink.
    fn finish(mut self) -> io::Result<(Vec<u8>, u64, S)> {
        self.split()?;
        Ok((self.head, self.count, self.sink))
    }
}

impl<S: Sink> Write for Lines<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= BLOCK {
            self.split()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An object without its list.
fn without(object: &[u8], list: &str) -> io::Result<Head> {
    let mut object: Head = serde_json::from_slice(object)?;
    object.remove(list);
    Ok(object)
}

/// The first line: the head with the number of lines behind its version, so that readers see at its start what it is.
fn line_of(head: &Head, count: u64) -> io::Result<Vec<u8>> {
    let member = |name: &str| head.get(name).cloned().unwrap_or_default();
    let mut line = format!(
        "{{\"contract\":{},\"version\":{},\"count\":{count}",
        member("contract"),
        member("version")
    );
    for (name, value) in head {
        if !matches!(&**name, "contract" | "version") {
            line += &format!(",{}:{value}", serde_json::to_string(name)?);
        }
    }
    Ok((line + "}\n").into_bytes())
}

/// JSON without white space between its parts.
fn compact(json: &[u8]) -> Vec<u8> {
    let mut compact = Vec::with_capacity(json.len());
    let (mut in_string, mut is_escaped) = (false, false);
    for &byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            _ if !in_string && byte.is_ascii_whitespace() => continue,
            _ => {}
        }
        compact.push(byte);
    }
    compact
}
