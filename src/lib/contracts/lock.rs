//! `recto.lock`: which bytes a set had, so that it can be had again, or what differs is known. JSON Lines: a head, and a line for
//! each image in the order of ids. No time stands in it: the same files are the same lock.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dataset::DatasetInput;
use super::json::parse_line;
use crate::error::Error;
use crate::files;

/// The first line of a `recto.lock`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LockHead {
    /// Always `recto/lock`.
    pub contract: String,
    /// Version of the contract.
    pub version: u32,
    /// How many lines follow.
    pub count: u64,
    /// The version of recto that wrote it.
    pub recto: String,
    /// The command that downloads the images, with the options that decide their bytes.
    pub command: String,
    /// The files that it was made from.
    pub inputs: Vec<DatasetInput>,
}

impl LockHead {
    /// The text of the `contract` member.
    pub const NAME: &'static str = "recto/lock";
    /// The newest version this program knows.
    pub const VERSION: u32 = 1;
}

/// One line of `recto.lock`: an image, and the file that it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LockedImage {
    /// Image id.
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

/// Writes a `recto.lock`.
///
/// # Errors
/// The file cannot be written, or `lines` fails.
pub fn write_lock(
    path: &Path,
    head: &LockHead,
    lines: impl FnOnce(&mut dyn FnMut(&LockedImage) -> io::Result<()>) -> io::Result<()>,
) -> Result<(), Error> {
    files::write_through(path, |out| {
        serde_json::to_writer(&mut *out, head)?;
        out.write_all(b"\n")?;
        lines(&mut |line| {
            serde_json::to_writer(&mut *out, line)?;
            out.write_all(b"\n")
        })
    })
}

/// Reads a `recto.lock` and gives each image to `take`.
///
/// # Errors
/// It cannot be read, is something else, or was cut off; or `take` fails.
pub fn read_lock(
    path: &Path,
    mut take: impl FnMut(LockedImage) -> Result<(), Error>,
) -> Result<LockHead, Error> {
    let name = path.display().to_string();
    let cannot = |e| Error::new(format!("{name}: cannot be read")).because(e);
    let file =
        files::open(path).map_err(|e| cannot(e).hint("`recto-download --lock` writes it"))?;
    let (mut head, mut found) = (None, 0);
    for (number, line) in BufReader::new(file).split(b'\n').enumerate() {
        let line = line.map_err(cannot)?;
        match head {
            None => head = Some(read_head(&line, &name)?),
            Some(_) if line.trim_ascii().is_empty() => {}
            Some(_) => {
                take(parse_line(&line, &name, number + 1)?)?;
                found += 1;
            }
        }
    }
    match head {
        Some(head) if head.count == found => Ok(head),
        Some(head) => Err(Error::new(format!(
            "{name}: says that it has {} lines, and has {found}",
            head.count
        ))
        .hint("it was cut off: take it from where it was kept, or write it again with --lock")),
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

fn not_a_lock(name: &str) -> Error {
    Error::new(format!("{name}: is not a recto.lock")).hint("`recto-download --lock` writes it")
}
