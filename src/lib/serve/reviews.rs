//! The file of reviews: played at the start, appended to with every correction.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::catalogue::{Catalogue, Picture};
use crate::contracts::{Frame, LocalizedImage};
use crate::corrections::{self, Change, Correctable, Correction, ImageIndex};
use crate::error::Error;
use crate::files;
use crate::summary::Summary;

impl Correctable for Picture {
    fn about(&self) -> &LocalizedImage {
        &self.about
    }

    fn about_mut(&mut self) -> &mut LocalizedImage {
        &mut self.about
    }

    fn size(&self) -> Option<[f64; 2]> {
        let frame = self.about.size();
        Some(frame.unwrap_or(self.size.map(f64::from)))
    }
}

/// The open file.
#[derive(Debug)]
pub struct Reviews {
    path: PathBuf,
    file: File,
    /// Lines in it: the next one names a new box.
    lines: usize,
    places: ImageIndex,
}

impl Reviews {
    /// Opens a file, makes the corrections in it, and leaves out, with the reason, what cannot be made.
    pub fn open(
        path: &Path,
        catalogue: &mut Catalogue,
        summary: &mut Summary,
    ) -> Result<Self, Error> {
        let held = match path.exists() {
            true => files::read(path)?,
            false => Vec::new(),
        };
        let pictures = catalogue.pictures.iter();
        let places = ImageIndex::of(pictures.map(|p| (p.id.as_str(), &p.about)));
        let (given, rejects) = corrections::read(&path.display().to_string(), &held);
        // One line may be the half of a first one that was cut short.
        if given.is_empty() && (rejects.len() > 1 || held.ends_with(b"\n") && !rejects.is_empty()) {
            let what = format!("{}: is no file of reviews", path.display());
            return Err(Error::new(what).hint("name another file with --review"));
        }
        summary.read += (given.len() + rejects.len()) as u64;
        summary.rejects.extend(rejects);
        let (made, rejects) = corrections::apply_all(&given, &mut catalogue.pictures, &places);
        summary.kept += made;
        summary.count("reviews", made);
        summary.rejects.extend(rejects);
        let mut file = files::open_to_append(path)?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            let what = format!("{}: another recto-serve appends to it", path.display());
            return Err(Error::new(what).hint("name another file with --review"));
        }
        if !held.is_empty() && !held.ends_with(b"\n") {
            // A line that was cut short stays a line of its own.
            file.write_all(b"\n")
                .map_err(|e| files::cannot_write(path, e))?;
        }
        Ok(Reviews {
            path: path.to_owned(),
            file,
            lines: held.split_inclusive(|b| *b == b'\n').count(),
            places,
        })
    }

    /// Makes a correction: in a copy of the catalogue, then on disk. Gives the new catalogue and the box's id.
    pub fn make(
        &mut self,
        mut correction: Correction,
        catalogue: &Catalogue,
    ) -> Result<(Catalogue, String), (u16, String)> {
        let size = catalogue
            .find(&correction.image)
            .and_then(|at| catalogue.pictures[at].size());
        if let Change::Create(shape) | Change::Update(shape) = &mut correction.change {
            shape.frame = size.and_then(|size| Frame::try_from(size).ok());
        }
        if let Change::Create(_) = correction.change {
            correction.id = corrections::new_id(&correction, self.lines + 1);
        }
        // What the file says is made, not what was meant: it is the same then for all who read it.
        let line = corrections::line(&correction);
        let correction = corrections::read_line(line.as_bytes()).map_err(|why| (409, why))?;
        let mut corrected = catalogue.clone();
        let id = corrections::apply(&correction, &mut corrected.pictures, &self.places)
            .map_err(|why| (409, why))?;
        self.append(line.as_bytes())
            .map_err(|e| (500, files::cannot_write(&self.path, e).to_string()))?;
        self.lines += 1;
        Ok((corrected, id))
    }

    /// Appends a line, or nothing: behind half a line the next would be lost with it.
    fn append(&mut self, line: &[u8]) -> std::io::Result<()> {
        let about = self.file.metadata()?;
        if about.nlink() == 0 {
            return Err(std::io::Error::other(
                "somebody removed it; start the server again",
            ));
        }
        let before = about.len();
        let written = self.file.write_all(line);
        written
            .and_then(|()| self.file.sync_data())
            .inspect_err(|_| {
                let _ = self.file.set_len(before);
            })
    }
}
