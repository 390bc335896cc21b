//! `recto.lock`: which documents and pictures a set was made from, so that it can be made again, or what differs is known.
//! JSON Lines in parts, one for each command: a head, and a line for each document or image. No time stands in it: the same
//! bytes are the same lock.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dataset::DatasetInput;
use super::json::parse_line;
use crate::error::Error;
use crate::files;
use crate::summary::counted;

/// The first line of a part of a `recto.lock`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LockHead {
    /// Always `recto/lock`.
    pub contract: String,
    /// Version of the contract.
    pub version: u32,
    /// What its lines are.
    #[serde(default)]
    pub part: LockPart,
    /// How many lines follow.
    pub count: u64,
    /// The version of recto that wrote it.
    pub recto: String,
    /// The command that reads the documents or downloads the images, with the options that decide what it gets.
    pub command: String,
    /// What that command writes, without folders: a file may have the documents of several digests.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// The files that it was made from.
    pub inputs: Vec<DatasetInput>,
}

/// What the lines of a part are. Documents come before images, as in the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockPart {
    /// Those that a digest was made from.
    Documents,
    /// Those of a set.
    #[default]
    Images,
}

impl LockHead {
    /// The text of the `contract` member.
    pub const NAME: &'static str = "recto/lock";
    /// The newest version this program knows.
    pub const VERSION: u32 = 1;

    /// Whether this is a newer form of a part, in whose place it is written.
    fn replaces(&self, other: &LockHead) -> bool {
        self.part == other.part && (self.part == LockPart::Images || self.output == other.output)
    }
}

/// A line of `recto.lock`: an image, and the file that it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LockedImage {
    /// Image id; of one that is a URL, passwords, keys and signatures are replaced by `…`.
    pub id: String,
    /// The URI requested, or the base URI of the service when regions of it were joined; passwords and signatures are left out.
    pub uri: String,
    /// Path relative to the folder of the images, `/` as separator.
    pub path: String,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, lower-case hex.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Media type by content.
    pub media_type: String,
    /// How the file was made, as in the journal.
    pub method: String,
    /// ETag of the response, if there was a single response and it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Last-Modified of the response, if there was a single response and it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// What it looks like: 64 bits of a perceptual hash, in hex. Files in which at most 10 bits differ show the same picture.
    /// Absent: it could not be decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = "^[0-9a-f]{16}$"))]
    pub fingerprint: Option<String>,
}

/// A line of `recto.lock`: a document that a digest was made from, such as a manifest, a page of annotations, a table, or an
/// answer of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LockedDocument {
    /// The URL requested, without passwords and signatures; or the file, without the folders of an absolute path.
    pub url: String,
    /// The body of the request, where it was sent by POST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Size in bytes, after decompression.
    pub bytes: u64,
    /// SHA-256, lower-case hex.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// ETag of the response, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Last-Modified of the response, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

impl LockedDocument {
    /// What tells it from other documents: its URL, with the body of the request.
    pub fn name(&self) -> String {
        match &self.request {
            None => self.url.clone(),
            Some(body) => format!("{} {body}", self.url),
        }
    }
}

/// Takes the lines of a part.
pub type PutLine<'a, T> = &'a mut dyn FnMut(&T) -> io::Result<()>;

/// Refuses a file to which no part can be added, because it is damaged or something else: what it holds would be lost.
///
/// # Errors
/// It is such a file, or cannot be read.
pub fn refuse_damaged_lock(path: &Path) -> Result<(), Error> {
    kept_heads(path).map(drop)
}

/// The heads of the parts that stay when one is written.
fn kept_heads(path: &Path) -> Result<Vec<LockHead>, Error> {
    let is_empty = std::fs::metadata(path).map_or(true, |file| file.len() == 0);
    if files::is_dash(path) || files::is_device(path) || is_empty {
        return Ok(Vec::new());
    }
    heads(path).map_err(|e| {
        e.hint("restore it from a copy, or move it away: --lock keeps the other parts of the file, and cannot read them")
    })
}

/// Writes a part of a `recto.lock`. What else the file has stays: other parts, but for an older form of this one.
///
/// # Errors
/// The file cannot be written, it is there and no lock, or `lines` fails.
pub fn write_lock<T: Serialize>(
    path: &Path,
    head: &LockHead,
    lines: impl FnOnce(PutLine<T>) -> io::Result<()>,
) -> Result<(), Error> {
    let others = kept_heads(path)?;
    let others = others.iter().filter(|other| !head.replaces(other));
    let place = |head: &LockHead| (head.part, head.output.clone());
    let (before, after): (Vec<&LockHead>, Vec<&LockHead>) =
        others.partition(|other| place(other) < place(head));
    files::write_through(path, |out| {
        copy(path, &before, out)?;
        write_head(head, out)?;
        lines(&mut |line| {
            serde_json::to_writer(&mut *out, line)?;
            out.write_all(b"\n")
        })?;
        copy(path, &after, out)
    })
}

fn write_head(head: &LockHead, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, head)?;
    out.write_all(b"\n")
}

/// Copies parts as they are.
fn copy(path: &Path, parts: &[&LockHead], out: &mut dyn Write) -> io::Result<()> {
    if parts.is_empty() {
        return Ok(());
    }
    let copied = each(path, |head, line| {
        if !parts.contains(&head) {
            return Ok(());
        }
        let written = match line {
            Line::Head => write_head(head, out),
            Line::Of(line, _) => out.write_all(line).and_then(|()| out.write_all(b"\n")),
        };
        written.map_err(|e| files::cannot_write(path, e))
    });
    copied.map_err(|e| io::Error::other(e.to_string()))
}

/// The heads of all parts.
fn heads(path: &Path) -> Result<Vec<LockHead>, Error> {
    let mut heads = Vec::new();
    each(path, |head, line| {
        if let Line::Head = line {
            heads.push(head.clone());
        }
        Ok(())
    })?;
    Ok(heads)
}

/// Reads a `recto.lock` and gives each image to `take`.
///
/// # Errors
/// It cannot be read, is something else, or was cut off; or `take` fails.
pub fn read_lock(
    path: &Path,
    mut take: impl FnMut(LockedImage) -> Result<(), Error>,
) -> Result<(), Error> {
    let name = path.display().to_string();
    each(path, |head, line| match (head.part, line) {
        (LockPart::Images, Line::Of(line, number)) => take(parse_line(line, &name, number)?),
        _ => Ok(()),
    })
}

/// Reads a `recto.lock` and gives each document to `take`, with the head of its part.
///
/// # Errors
/// It cannot be read, is something else, or was cut off; or `take` fails.
pub fn read_locked_documents(
    path: &Path,
    mut take: impl FnMut(&LockHead, LockedDocument) -> Result<(), Error>,
) -> Result<(), Error> {
    let name = path.display().to_string();
    each(path, |head, line| match (head.part, line) {
        (LockPart::Documents, Line::Of(line, number)) => {
            take(head, parse_line(line, &name, number)?)
        }
        _ => Ok(()),
    })
}

/// A line as it is read.
enum Line<'a> {
    /// That of the head.
    Head,
    /// Its bytes and its number in the file, from 1.
    Of(&'a [u8], usize),
}

/// Gives each line to `take`, with the head of its part.
fn each(
    path: &Path,
    mut take: impl FnMut(&LockHead, Line) -> Result<(), Error>,
) -> Result<(), Error> {
    let name = path.display().to_string();
    let cannot = |e| Error::new(format!("{name}: cannot be read")).because(e);
    let file = files::open(path).map_err(|e| cannot(e).hint(HINT))?;
    let mut part: Option<(LockHead, u64)> = None;
    for (number, line) in BufReader::new(file).split(b'\n').enumerate() {
        let line = line.map_err(cannot)?;
        match &mut part {
            Some((head, found)) if *found < head.count => {
                take(head, Line::Of(&line, number + 1))?;
                *found += 1;
            }
            Some(_) if line.trim_ascii().is_empty() => {}
            _ => {
                let head = read_head(&line, &name)?;
                take(&head, Line::Head)?;
                part = Some((head, 0));
            }
        }
    }
    match part {
        Some((head, found)) if head.count == found => Ok(()),
        Some((head, found)) => Err(Error::new(format!(
            "{name}: declares {}, found {found}",
            counted(head.count, "line", "lines")
        ))
        .hint("the file was cut off or changed: restore it from a copy, or write it again with --lock")),
        None => Err(not_a_lock(&name)),
    }
}

fn read_head(line: &[u8], name: &str) -> Result<LockHead, Error> {
    let head: LockHead = serde_json::from_slice(line).map_err(|_| not_a_lock(name))?;
    if head.contract != LockHead::NAME {
        return Err(not_a_lock(name));
    }
    match head.version {
        LockHead::VERSION => Ok(head),
        version => Err(Error::new(format!(
            "{name}: version {version} of {}, this program knows {}",
            LockHead::NAME,
            LockHead::VERSION
        ))),
    }
}

const HINT: &str =
    "`recto-download --lock` writes it with images, `recto-digest --lock` with documents";

fn not_a_lock(name: &str) -> Error {
    Error::new(format!("{name}: is not a recto.lock")).hint(HINT)
}
