//! Whether a JPEG is complete: every MCU of every scan is decoded down to its symbols.

use crate::error::{JpegError, damaged};
use crate::markers::{Frame, Reader};
use crate::progressive::{Nothing, Progress};
use crate::scan_check::check_scan;

/// What a JPEG is, as its segments state it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Width in pixels, as stored: an EXIF orientation is not applied.
    pub width: u32,
    /// Height in pixels, as stored.
    pub height: u32,
    /// The components in the order of the frame header, one to four.
    pub components: Vec<ComponentInfo>,
    /// Whether it is progressive (SOF2).
    pub progressive: bool,
    /// MCUs between the restart markers of its last scan; 0: there are none.
    pub restart_interval: u32,
    /// Number of scans.
    pub scans: u32,
    /// Whether it has a JFIF segment.
    pub jfif: bool,
    /// The colour transform, if it has an Adobe segment: 0 none, 1 YCbCr, 2 YCCK.
    pub adobe: Option<u8>,
    /// Whether it has an EXIF segment.
    pub exif: bool,
    /// The ICC profile, joined from its segments; `None` also where one of them is missing.
    pub icc: Option<Vec<u8>>,
    /// Bytes between segments and before the end marker that belong to neither a segment nor a scan.
    pub stray_bytes: usize,
    /// Bytes after the end marker (EOI).
    pub trailing_bytes: usize,
}

/// A component of a JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComponentInfo {
    /// Its id in the file.
    pub id: u8,
    /// Sampling factors, horizontal and vertical, 1 to 4 each. A file of one component always has `[1, 1]`, since its
    /// factors have no effect (T.81, A.2.2).
    pub sampling: [u32; 2],
}

/// Reads a JPEG of 8-bit samples (baseline, extended or progressive, Huffman-coded) from its first byte to its end
/// marker, and decodes every MCU down to its symbols; no pixel is computed.
///
/// A file that passes is not cut short and breaks no rule of the coding. A changed bit that leaves the syntax intact
/// goes unnoticed: the format has no checksum.
///
/// Time is proportional to the size of the file, for progressive files also to blocks times scans. Memory, besides a
/// few hundred kilobytes and two copies of the ICC profile: for a progressive file 8 bytes per block, at most 64 bytes per
/// byte of the file and at most 128 MiB; otherwise nothing that grows.
///
/// # Errors
/// - [`JpegError::NotJpeg`]: it does not begin with SOI.
/// - [`JpegError::Unsupported`]: arithmetic, lossless or hierarchical coding, other than 8 bits per sample, more than
///   four components, or progressive with more than 2²⁴ blocks.
/// - [`JpegError::Damaged`]: anything else, with the place.
pub fn check(bytes: &[u8]) -> Result<Info, JpegError> {
    let mut reader = Reader::new(bytes)?;
    let (mut scans, mut interval) = (0, 0);
    let mut seen = [false; 4];
    let mut progress: Option<Progress<Nothing>> = None;
    while let Some(scan) = reader.next_scan()? {
        let frame = reader.frame()?;
        let end = match (&mut progress, frame.progressive) {
            (_, false) => check_scan(bytes, frame, &scan)?,
            (Some(progress), true) => progress.read(bytes, frame, &scan)?,
            (none, true) => none
                .insert(Progress::new(frame, bytes.len() - scan.start, Nothing)?)
                .read(bytes, frame, &scan)?,
        };
        scan.components.iter().for_each(|(c, ..)| seen[*c] = true);
        (scans, interval) = (scans + 1, scan.interval);
        reader.resume(end);
    }
    let frame = reader.frame()?;
    every_component(frame, seen)?;
    let segments = reader.app_segments();
    let [stray_bytes, trailing_bytes] = reader.stray();
    Ok(Info {
        width: frame.width,
        height: frame.height,
        components: frame
            .components
            .iter()
            .map(|c| ComponentInfo {
                id: c.id,
                sampling: c.sampling,
            })
            .collect(),
        progressive: frame.progressive,
        restart_interval: interval,
        scans,
        jfif: segments.jfif.is_some(),
        adobe: segments.adobe,
        exif: segments.exif,
        icc: segments.icc(),
        stray_bytes,
        trailing_bytes,
    })
}

/// Fails for a picture of which a component has no scan. (The order of progressive scans ensures that the DC
/// coefficients come first.)
pub fn every_component(frame: &Frame, seen: [bool; 4]) -> Result<(), JpegError> {
    let count = frame.components.len();
    match seen[..count].iter().position(|seen| !seen) {
        Some(missing) => Err(damaged(format!(
            "no scan of component {} of {count}",
            missing + 1
        ))),
        None => Ok(()),
    }
}
