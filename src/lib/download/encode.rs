//! Files made of what was fetched: regions joined, or images re-encoded. Off the async workers.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::service::decode::Mosaic;
use super::service::lossless::{self, Joined};
use super::service::region_store::RegionStore;
use super::service::verify::blocking;
use crate::files::{self, Content, Part};
use crate::http::Error;
use crate::jpeg::WriteError;
use crate::pixels::row_writers::{Decoded, Encoding, Rows, Shrunk, write};
use crate::pixels::{self, Header, VerifiedFile};
use crate::stored_image;

/// The largest image decoded in memory to be re-encoded, in pixels.
const MAX_PIXELS: u64 = 400_000_000;

/// How a note begins about what an image loses when it is re-encoded.
pub const RE_ENCODED: &str = "re-encoded";

/// The note about what an image loses when it is re-encoded, if it loses anything.
pub fn loss_note(header: &Header) -> Option<String> {
    let lost = header.lost_in_eight_bits();
    lost.map(|lost| format!("{RE_ENCODED}: {lost}"))
}

/// Re-encodes a downloaded image in another size (in pixels) or type, and returns what was written to `path`.
///
/// # Errors
/// Of kind `unsupported` if it cannot be decoded or encoded; those of the disk.
pub async fn re_encode(
    part: &Part,
    orientation: u8,
    size: [u32; 2],
    encoding: Encoding,
    path: PathBuf,
) -> Result<VerifiedFile, Error> {
    let part = part.clone();
    encode(path, move |to| {
        let bytes = part.read().map_err(std::io::Error::other)?;
        let image = pixels::decode(&bytes, MAX_PIXELS).map_err(std::io::Error::other)?;
        // The pixels are not rotated: boxes are given for the stored pixels, so the rotation stays a tag of the file.
        let rows = Decoded::new(image)
            .with_icc_of(&bytes)
            .with_orientation(orientation);
        write_sized(rows, size, encoding, to)
    })
    .await
}

/// Decodes the regions of a store, encodes the image that they make up, and returns what was written to `path`.
///
/// # Errors
/// Of kind `unsupported` if a region cannot be decoded; those of the disk.
pub async fn decode_and_encode(
    store: Arc<RegionStore>,
    size: [u32; 2],
    encoding: Encoding,
    path: PathBuf,
) -> Result<VerifiedFile, Error> {
    encode(path, move |to| {
        write_sized(Mosaic::new(&store)?, size, encoding, to)
    })
    .await
}

/// Joins the regions of a store without decoding them, and returns what was written to `path`; or why they cannot be
/// joined, in words.
///
/// # Errors
/// Those of the disk.
pub async fn join(
    store: Arc<RegionStore>,
    may_be_tiff: bool,
    path: PathBuf,
) -> Result<Result<(Joined, VerifiedFile), String>, Error> {
    blocking(move || {
        let mut refusal = None;
        let mut how = Joined::Jpeg;
        written_to(&path, |out| {
            match lossless::join(&store, may_be_tiff, out) {
                Ok(joined) => {
                    how = joined;
                    Ok(())
                }
                Err(WriteError::Join(why)) => {
                    refusal = Some(why.to_string());
                    Ok(())
                }
                Err(WriteError::Output(e)) => Err(e),
            }
        })?;
        Ok(match refusal {
            Some(why) => Err(why),
            None => Ok((how, measure_written(&path)?)),
        })
    })
    .await
}

async fn encode(
    path: PathBuf,
    write: impl FnOnce(&mut BufWriter<Watched>) -> std::io::Result<()> + Send + 'static,
) -> Result<VerifiedFile, Error> {
    blocking(move || written_to(&path, write).and_then(|()| measure_written(&path))).await
}

/// Writes a file.
fn written_to(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<Watched>) -> std::io::Result<()>,
) -> Result<(), Error> {
    let name = path.display();
    let disk = |e: std::io::Error| Error::disk(format!("{name}: cannot be written: {e}"));
    let file = Part::new(path.to_owned()).create().map_err(disk)?;
    let mut out = BufWriter::with_capacity(1 << 18, Watched { file, error: None });
    let written = write(&mut out).and_then(|()| out.flush());
    // Encoders wrap errors of the disk beyond recognition; the file remembers its own.
    match (out.get_mut().error.take(), written) {
        (Some(error), _) => Err(disk(error)),
        (None, Err(e)) => Err(Error::unsupported(e.to_string())),
        (None, Ok(())) => Ok(()),
    }
}

/// A file that remembers its first error.
struct Watched {
    file: File,
    error: Option<std::io::Error>,
}

impl Watched {
    fn watch<T>(&mut self, outcome: std::io::Result<T>) -> std::io::Result<T> {
        outcome.map_err(|e| {
            let copy = std::io::Error::from(e.kind());
            self.error.get_or_insert(e);
            copy
        })
    }
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let outcome = self.file.write(bytes);
        self.watch(outcome)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        let outcome = self.file.flush();
        self.watch(outcome)
    }
}

impl Seek for Watched {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let outcome = self.file.seek(to);
        self.watch(outcome)
    }
}

/// What was written. It was made here, so its pixels need no verification.
fn measure_written(path: &Path) -> Result<VerifiedFile, Error> {
    let made = Content::file(path.to_owned());
    let header = stored_image::measure(&made).map_err(|e| Error::disk(e.to_string()))?;
    let disk = |e: std::io::Error| Error::disk(e.to_string());
    let mut file = File::open(path).map_err(disk)?;
    let (sha256, bytes) = files::sha256(&mut file).map_err(disk)?;
    Ok(VerifiedFile {
        header,
        bytes,
        sha256,
    })
}

fn write_sized(
    mut rows: impl Rows,
    [width, height]: [u32; 2],
    encoding: Encoding,
    out: &mut BufWriter<Watched>,
) -> std::io::Result<()> {
    if (rows.width(), rows.height()) == (width, height) {
        return write(&mut rows, encoding, out);
    }
    write(&mut Shrunk::new(rows, width, height), encoding, out)
}
