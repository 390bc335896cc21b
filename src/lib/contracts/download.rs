//! What `recto-download` leaves beside the images and their map: the journal, the list of failures, what has changed.

use std::io;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mapped_file::MappedFile;
use crate::error::Error;
use crate::files;

/// One line of `downloads.jsonl`, the journal of finished images. Of several lines with one id the last one holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Download {
    /// Always `download/1`: the name and version of the contract.
    #[schemars(extend("const" = "download/1"))]
    pub recto: String,
    /// Image id.
    pub id: String,
    /// Path relative to the journal's own folder, `/` as separator; of an image in a pack its name there.
    pub path: String,
    /// Where the image is, if it is in a pack and not a file of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<PackedImage>,
    /// The URI requested, or the base URI of the service when regions of it were joined.
    pub uri: String,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, lower-case hex.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// Width of the image in the file, in pixels.
    pub width: u32,
    /// Height of the image in the file, in pixels.
    pub height: u32,
    /// Media type by content, such as `image/jpeg`.
    pub media_type: String,
    /// How the file was made: `bytes` (as received), `whole` (one Image API response, as received), `joined` (JPEG
    /// regions joined into one JPEG symbol by symbol, without decoding pixels), `joined-coefficients` (the same, by
    /// the coefficients of regions that are progressive or in several scans), `tiled` (JPEG regions as the tiles of a
    /// BigTIFF), `stitched` (regions decoded and re-encoded), `encoded` (one response re-encoded).
    #[schemars(extend("enum" = ["bytes", "whole", "joined", "joined-coefficients", "tiled", "stitched", "encoded"]))]
    pub method: String,
    /// Number of requests made, refused ones included.
    pub attempts: u32,
    /// Number of regions that were joined; 1 for a single response.
    pub regions: u32,
    /// ETag of the response, if there was a single response and it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Last-Modified of the response, if there was a single response and it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// The URL that redirects led to, where that is another one; passwords and signatures are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirected_to: Option<String>,
    /// Of an image of joined regions: one of them, by which a later run sees whether the image has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<SampledRegion>,
    /// Time when it was finished, RFC 3339, UTC.
    pub when: String,
    /// What was adjusted: a wrong declared size, a size limit of the server that was discovered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The request with size and format. With other options it differs, and the image is downloaded again.
    #[serde(default)]
    pub asked: String,
}

/// Where an image is in a pack. It has as many bytes there as its line says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PackedImage {
    /// The tar file, relative to the journal's own folder.
    pub tar: String,
    /// Where the bytes of the image begin in it, in bytes.
    pub offset: u64,
}

/// One region of an image that was joined from several.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SampledRegion {
    /// The URI requested.
    pub uri: String,
    /// SHA-256 of the response, lower-case hex.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// ETag of the response, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Last-Modified of the response, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// Width and height in pixels that `info.json` declared for the whole image of the service.
    pub size: [u32; 2],
}

/// Whether a path of a journal, and the pack that the file may be in, stay in the folder of the journal: that may come from somebody
/// else.
pub fn is_within_folder(path: &str, pack: Option<&PackedImage>) -> bool {
    files::is_path_within(path) && pack.is_none_or(|pack| files::is_path_within(&pack.tar))
}

impl Download {
    /// Whether the file lies in the folder of the journal.
    pub fn is_within(&self) -> bool {
        is_within_folder(&self.path, self.pack.as_ref())
    }

    /// Where the image is, relative to the journal's own folder.
    pub fn place(&self) -> MappedFile<'_> {
        let pack = self.pack.as_ref();
        MappedFile {
            name: &self.path,
            pack: pack.map(|pack| (&*pack.tar, pack.offset, self.bytes)),
        }
    }

    /// The text of the `recto` member.
    pub const NAME: &'static str = "download/1";
}

/// One row of `failures.csv`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// Image id.
    pub id: String,
    /// The URL of the last attempt; passwords and signatures are left out.
    pub url: String,
    /// The path the file would have had.
    pub path: String,
    /// The kind of failure: `not-found`, `forbidden`, `too-many`, `server`, `status` (any other status), `network`,
    /// `protocol` (no valid HTTP, redirects without end), `certificate`, `timeout`, `truncated`, `damaged`, `wrong-size`, `not-an-image`, `info`, `unsupported`, `checksum`, `robots`,
    /// `reserved`, `budget`, `disk`, `placeholder`, `too-small`.
    pub kind: String,
    /// HTTP status of the last attempt, if there was a response.
    pub status: Option<u16>,
    /// Number of requests made for this image, in the last run that made any.
    pub attempts: u32,
    /// What happened, as a message for people.
    pub message: String,
}

impl Failure {
    /// The header of `failures.csv`.
    pub const HEADER: [&str; 7] = ["id", "url", "path", "kind", "status", "attempts", "message"];
}

/// Reads a `failures.csv` and gives each row, or why it is none, to `take`; no rows where there is no list.
///
/// # Errors
/// The file cannot be read, or `take` fails.
pub fn read_failures(
    path: &Path,
    mut take: impl FnMut(Result<Failure, Error>) -> Result<(), Error>,
) -> Result<(), Error> {
    // A device is written to and not read.
    if files::is_dash(path) || files::is_device(path) {
        return Ok(());
    }
    let file = match files::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => {
            return Err(Error::new(format!("{}: cannot be read", path.display())).because(e));
        }
    };
    let plain = |cell: String| files::plain_cell(&cell).to_owned();
    for row in csv::Reader::from_reader(file).into_deserialize() {
        let row = row.map(|row: Failure| Failure {
            id: plain(row.id),
            url: plain(row.url),
            path: plain(row.path),
            message: plain(row.message),
            ..row
        });
        take(row.map_err(|e| {
            Error::new(format!("{}: not a list of failures", path.display())).because(e)
        }))?;
    }
    Ok(())
}

/// One row of `changes.csv`: what `--refresh` or `--locked` found out about an image that is not the same as before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Image id.
    pub id: String,
    /// What was requested for it: a URL, or the base URI of its service.
    pub url: String,
    /// `new` (downloaded for the first time), `changed` (at the server, and downloaded again), `gone` (from the server) or
    /// `unknown` (the server did not say, or its answer could not be used). With `--locked` also `not-in-set`: in the lock, and not
    /// in this set.
    #[schemars(extend("enum" = ["new", "changed", "gone", "unknown", "not-in-set"]))]
    pub change: String,
    /// Path of its file, if there is one.
    pub path: String,
    /// SHA-256 of the file before, lower-case hex.
    pub old_sha256: String,
    /// SHA-256 of the file now, where it was downloaded in this run.
    pub new_sha256: String,
}

impl Change {
    /// The header of `changes.csv`.
    pub const HEADER: [&str; 6] = ["id", "url", "change", "path", "old_sha256", "new_sha256"];
}
