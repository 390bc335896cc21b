//! Whether a JPEG is whole: every MCU of every scan is decoded, down to symbols.

use crate::fault::{Fault, damaged};
use crate::markers::{Frame, Reader};
use crate::progressive::{Nothing, Progress};
use crate::skim::prove;

/// What a JPEG is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Width in pixels, before any EXIF orientation.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Ids and sampling factors (across, down) of the components.
    pub components: Vec<(u8, [u32; 2])>,
    /// Whether it is progressive.
    pub progressive: bool,
    /// MCUs between the restart markers of its last scan; 0 for none.
    pub restart_interval: u32,
    /// Scans.
    pub scans: u32,
    /// Whether it calls itself JFIF.
    pub jfif: bool,
    /// Adobe's colour transform, if it has that mark.
    pub adobe: Option<u8>,
    /// Whether it has EXIF metadata.
    pub exif: bool,
    /// Its colour profile.
    pub icc: Option<Vec<u8>>,
    /// Bytes before the end of the image that belong to nothing, and bytes behind it.
    pub stray: [usize; 2],
}

/// Reads a JPEG of 8-bit samples, baseline, extended or progressive, from its first byte to its end marker.
///
/// What passes is not cut short and breaks no rule of the coding; a changed bit may still go unseen. Memory: for a
/// progressive file a bit per coefficient, else nothing that grows.
pub fn check(bytes: &[u8]) -> Result<Facts, Fault> {
    let mut reader = Reader::new(bytes)?;
    let (mut scans, mut interval) = (0, 0);
    let mut seen = [false; 4];
    let mut progress: Option<Progress<Nothing>> = None;
    while let Some(scan) = reader.next_scan()? {
        let frame = reader.frame()?;
        let end = match (&mut progress, frame.progressive) {
            (_, false) => prove(bytes, frame, &scan)?,
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
    let marks = reader.marks();
    Ok(Facts {
        width: frame.width,
        height: frame.height,
        components: frame
            .components
            .iter()
            .map(|c| (c.id, c.sampling))
            .collect(),
        progressive: frame.progressive,
        restart_interval: interval,
        scans,
        jfif: marks.jfif.is_some(),
        adobe: marks.adobe,
        exif: marks.exif,
        icc: marks.icc(),
        stray: reader.stray(),
    })
}

/// Refuses pictures of which a component has no scan. (The order of progressive scans brings the first
/// coefficients first.)
pub fn every_component(frame: &Frame, seen: [bool; 4]) -> Result<(), Fault> {
    let count = frame.components.len();
    match seen[..count].iter().position(|seen| !seen) {
        Some(missing) => Err(damaged(format!(
            "no scan of component {} of {count}",
            missing + 1
        ))),
        None => Ok(()),
    }
}
