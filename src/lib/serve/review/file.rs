//! The file of reviews: its corrections are applied at the start, and every new one is appended.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::contracts::{Frame, Localization};
use crate::corrections::{self, Change, Correctable as _, Correction, ImageIndex};
use crate::error::Error;
use crate::files;
use crate::serve::catalogue::Catalogue;
use crate::summary::Summary;

/// The open file.
#[derive(Debug)]
pub struct ReviewFile {
    path: PathBuf,
    file: File,
    /// The number of its lines, from which the id of the next new box is made.
    lines: usize,
    places: ImageIndex,
}

/// Why a correction is not accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The status of the answer.
    pub status: u16,
    /// The reason.
    pub why: String,
    /// The box as it is now, if it is not as its corrector saw it; none within: it was removed.
    pub conflict: Option<Option<Box<Localization>>>,
}

impl Refusal {
    fn of(status: u16, why: String) -> Self {
        Refusal {
            status,
            why,
            conflict: None,
        }
    }
}

/// Refuses a correction of a box that somebody else has changed or removed since it was seen.
fn is_as_seen(held: Option<&Localization>, seen: &str) -> Result<(), Refusal> {
    let why = match held {
        _ if seen.is_empty() => return Ok(()),
        Some(held) if corrections::revision(held) == seen => return Ok(()),
        Some(held) => match held
            .attributes
            .get("creator")
            .and_then(|name| name.as_str())
        {
            Some(name) => format!("the box has been changed, last by {name}"),
            None => "the box has been changed by somebody else".into(),
        },
        None => "the box has been removed by somebody else".into(),
    };
    Err(Refusal {
        conflict: Some(held.cloned().map(Box::new)),
        ..Refusal::of(409, why)
    })
}

impl ReviewFile {
    /// Opens a file, which is created if it is missing, and applies its corrections to the catalogue. Corrections that
    /// cannot be applied become rejects.
    ///
    /// # Errors
    /// It is not a file of reviews, cannot be written, or another server is using it.
    pub fn open(
        path: &Path,
        catalogue: &mut Catalogue,
        summary: &mut Summary,
    ) -> Result<Self, Error> {
        let held = match path.exists() {
            true => files::read(path)?,
            false => Vec::new(),
        };
        let images = catalogue.images.iter();
        let mut places = ImageIndex::of(images.map(|image| (image.id.as_str(), &image.about)));
        let (given, rejects) = corrections::read(&path.display().to_string(), &held);
        // A single line may be the first half of one that was cut short.
        if given.is_empty() && (rejects.len() > 1 || held.ends_with(b"\n") && !rejects.is_empty()) {
            let what = format!("{}: not a valid file of reviews", path.display());
            return Err(Error::new(what).hint("name another file with --review"));
        }
        summary.read += (given.len() + rejects.len()) as u64;
        summary.rejects.extend(rejects);
        let (made, rejects) = corrections::apply_all(&given, &mut catalogue.images, &mut places);
        index_again(&given, catalogue);
        summary.kept += made;
        summary.count("reviews", made);
        summary.rejects.extend(rejects);
        let mut file = files::open_to_append(path)?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            let what = format!("{}: in use by another recto-serve", path.display());
            return Err(Error::new(what).hint("name another file with --review"));
        }
        if !held.is_empty() && !held.ends_with(b"\n") {
            // A line that was cut short must not be joined to the next one.
            file.write_all(b"\n")
                .map_err(|e| files::cannot_write(path, e))?;
        }
        Ok(ReviewFile {
            path: path.to_owned(),
            file,
            lines: held.split_inclusive(|b| *b == b'\n').count(),
            places,
        })
    }

    /// What tells this file from those of other servers that a browser may know under the same address.
    pub fn key(&self) -> String {
        const DIGITS: usize = 12;
        let path = files::real(&self.path);
        files::hex_digest(path.as_os_str().as_encoded_bytes(), DIGITS)
    }

    /// Applies a correction to a copy of the catalogue and appends it to the file. Returns the new catalogue and the id of
    /// the box. `seen` is the revision of the box that the correction was made on; empty: whatever it is now. A new box
    /// that the file holds already, because the answer to the first request was lost, is not made twice.
    ///
    /// # Errors
    /// The correction fits no image or box, the box has changed since it was seen, or the file cannot be written.
    pub fn apply(
        &mut self,
        mut correction: Correction,
        seen: &str,
        catalogue: &Catalogue,
    ) -> Result<(Catalogue, String), Refusal> {
        let size = catalogue
            .find(&correction.image)
            .and_then(|at| catalogue.images[at].size());
        if let Change::Create(shape) | Change::Update(shape) = &mut correction.change {
            shape.frame = size.and_then(|size| Frame::try_from(size).ok());
        }
        let held = corrections::held(&correction, &catalogue.images, &self.places).ok();
        match &correction.change {
            Change::Create(_) if correction.id.is_empty() => {
                correction.id = corrections::new_id(&correction, self.lines + 1);
            }
            Change::Create(_) => {
                if let Some(held) = held {
                    return Ok((catalogue.clone(), held.id.clone()));
                }
            }
            Change::OfImage(_) => {}
            _ => is_as_seen(held, seen)?,
        }
        // The line as it will be read back is applied, so that all who read the file get the same boxes.
        let line = corrections::line(&correction);
        let correction =
            corrections::read_line(line.as_bytes()).map_err(|why| Refusal::of(409, why))?;
        let mut corrected = catalogue.clone();
        let id = corrections::apply(&correction, &mut corrected.images, &mut self.places)
            .map_err(|why| Refusal::of(409, why))?;
        self.append(line.as_bytes())
            .map_err(|e| Refusal::of(500, files::cannot_write(&self.path, e).to_string()))?;
        self.lines += 1;
        index_groups(&[&correction], &mut corrected);
        Ok((corrected, id))
    }

    /// Applies all corrections of the file to a catalogue that was read again.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn apply_again(&mut self, catalogue: &mut Catalogue) -> Result<(), Error> {
        let held = files::read(&self.path)?;
        let images = catalogue.images.iter();
        self.places = ImageIndex::of(images.map(|image| (image.id.as_str(), &image.about)));
        let (given, _) = corrections::read(&self.path.display().to_string(), &held);
        // What fits no image was said at the start, or when it was sent.
        corrections::apply_all(&given, &mut catalogue.images, &mut self.places);
        index_again(&given, catalogue);
        Ok(())
    }

    /// Appends a whole line or nothing: half a line would spoil the next one too.
    fn append(&mut self, line: &[u8]) -> std::io::Result<()> {
        let about = self.file.metadata()?;
        if about.nlink() == 0 {
            return Err(std::io::Error::other(
                "the file was removed; restart the server",
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

/// Finds the canvases again of all groups that corrections changed.
fn index_again(given: &[corrections::LocatedCorrection], catalogue: &mut Catalogue) {
    let given: Vec<&Correction> = given.iter().map(|located| &located.correction).collect();
    index_groups(&given, catalogue);
}

fn index_groups(given: &[&Correction], catalogue: &mut Catalogue) {
    let images = given.iter().filter_map(|c| catalogue.find(&c.image));
    let groups = images.map(|at| catalogue.images[at].about.group.clone());
    let groups: BTreeSet<String> = groups.collect();
    catalogue.index_again(groups.iter().map(String::as_str));
}
