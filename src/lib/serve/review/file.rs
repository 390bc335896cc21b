//! The file of reviews: its corrections are applied at the start, and every new one is appended.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::contracts::{Frame, Localization, LocalizedImage};
use crate::corrections::{self, Change, Correction, ImageChange, ImageIndex, LocatedCorrection};
use crate::error::Error;
use crate::files;
use crate::serve::catalogue::Catalogue;
use crate::serve::image_record::ImageRecord;
use crate::summary::{Reject, Summary};

/// The open file.
#[derive(Debug)]
pub struct ReviewFile {
    path: PathBuf,
    file: File,
    key: String,
    /// How many bytes it had after it was last read or written.
    length: u64,
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
    /// What it is now, if that is not as its corrector saw it.
    pub conflict: Option<Conflict>,
}

/// What stands against a correction.
#[derive(Clone, Debug, PartialEq)]
pub enum Conflict {
    /// The box as it is now; none: it was removed.
    Box(Option<Box<Localization>>),
    /// The image, whose state is another one now.
    State(Arc<ImageRecord>),
}

/// What a correction was made on, as far as its sender says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The revision of the box, or of the state of the image; empty: whatever it is now.
    pub revision: String,
    /// The frame of the image, in which the correction gives its points.
    pub frame: Option<Frame>,
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
        conflict: Some(Conflict::Box(held.cloned().map(Box::new))),
        ..Refusal::of(409, why)
    })
}

/// Refuses to replace a state of an image that somebody else has set since it was seen.
fn is_state_as_seen(image: &Arc<ImageRecord>, seen: &str) -> Result<(), Refusal> {
    if seen.is_empty() || corrections::state_revision(&image.about) == seen {
        return Ok(());
    }
    let said = |key: &str| {
        image
            .about
            .metadata
            .get(key)
            .and_then(|values| values.first())
    };
    let [state, by, _] = corrections::STATE.map(said);
    let who = by.map_or("somebody else", String::as_str);
    let why = match state {
        Some(state) => format!("{who} has said of the image that it is {state}"),
        None => "somebody else has taken back what was said of the image".into(),
    };
    Err(Refusal {
        conflict: Some(Conflict::State(image.clone())),
        ..Refusal::of(409, why)
    })
}

/// Refuses points that were drawn on an image of another size: it has been replaced since.
fn is_in_frame(made: Option<Frame>, now: Option<Frame>) -> Result<(), Refusal> {
    match made.zip(now).filter(|(made, now)| made != now) {
        None => Ok(()),
        Some((made, now)) => Err(Refusal::of(
            409,
            format!(
                "it was made on {} x {}, and the image has {} x {} now: its file has been replaced",
                made.width, made.height, now.width, now.height
            ),
        )),
    }
}

/// Refuses an outline whose holes would not be read back.
fn keeps_holes(sent: &Change, read: &Change) -> Result<(), Refusal> {
    let holes = |change: &Change| match change {
        Change::Create(shape) | Change::Update(shape) => shape.holes.len(),
        _ => 0,
    };
    match holes(sent) == holes(read) {
        true => Ok(()),
        false => Err(Refusal::of(
            409,
            "the holes in its outline would be lost: they do not lie within it, or it has more than 10,000 points".into(),
        )),
    }
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
        if path.exists() && !path.is_file() {
            let what = format!("{}: not a regular file", path.display());
            return Err(Error::new(what).hint("corrections are appended to the file of --review"));
        }
        let file = files::open_to_append(path)?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            let what = format!("{}: in use by another recto-serve", path.display());
            return Err(Error::new(what).hint("name another file with --review"));
        }
        let held = files::read(path)?;
        let mut places = index(catalogue);
        let (mut given, rejects) = corrections::read(&path.display().to_string(), &held);
        // A single line may be the first half of one that was cut short.
        if given.is_empty() && (rejects.len() > 1 || held.ends_with(b"\n") && !rejects.is_empty()) {
            let what = format!("{}: not a valid file of reviews", path.display());
            return Err(Error::new(what).hint("name another file with --review"));
        }
        summary.read += (given.len() + rejects.len()) as u64;
        summary.rejects.extend(rejects);
        summary.notes.extend(name_as_served(&mut given, catalogue));
        let (made, rejects) = corrections::apply_all(&given, &mut catalogue.images, &mut places);
        index_again(&given, catalogue);
        summary.kept += made;
        summary.count("reviews", made);
        summary.rejects.extend(rejects);
        const DIGITS: usize = 12;
        let real = files::real(path);
        Ok(ReviewFile {
            path: path.to_owned(),
            file,
            key: files::hex_digest(real.as_os_str().as_encoded_bytes(), DIGITS),
            length: held.len() as u64,
            lines: held.split_inclusive(|b| *b == b'\n').count(),
            places,
        })
    }

    /// What tells this file from those of other servers that a browser may know under the same address.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Applies a correction to a copy of the catalogue and appends it to the file. Returns the new catalogue and the id of
    /// the box. A new box that the file holds already, because the answer to the first request was lost, is not made twice.
    ///
    /// # Errors
    /// The correction fits no image or box, what it was made on has changed since it was seen, or the file cannot be written.
    pub fn apply(
        &mut self,
        mut correction: Correction,
        seen: &Seen,
        catalogue: &Catalogue,
    ) -> Result<(Catalogue, String), Refusal> {
        let Some(at) = catalogue.find(&correction.image) else {
            let why = format!("there is no image `{}`", correction.image);
            return Err(Refusal::of(409, why));
        };
        let image = &catalogue.images[at];
        if let Change::Create(shape) | Change::Update(shape) = &mut correction.change {
            is_in_frame(seen.frame, Frame::try_from(image.shown_size()).ok())?;
            *shape = image.as_in_set(shape.clone());
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
            Change::OfImage(ImageChange::State(_)) => is_state_as_seen(image, &seen.revision)?,
            Change::OfImage(_) => {}
            _ => is_as_seen(held, &seen.revision)?,
        }
        // In the file the image has the name that no other file can take from it.
        correction.image.clone_from(&image.name);
        // The line as it will be read back is applied, so that all who read the file get the same boxes.
        let line = corrections::line(&correction);
        let sent = correction.change;
        let mut correction =
            corrections::read_line(line.as_bytes()).map_err(|why| Refusal::of(409, why))?;
        keeps_holes(&sent, &correction.change)?;
        correction.image.clone_from(&image.id);
        let mut corrected = catalogue.clone();
        let id = corrections::apply(&correction, &mut corrected.images, &mut self.places)
            .map_err(|why| Refusal::of(409, why))?;
        self.append(line.as_bytes())
            .map_err(|e| Refusal::of(500, files::cannot_write(&self.path, e).to_string()))?;
        self.lines += 1;
        index_groups(&[&correction], &mut corrected);
        Ok((corrected, id))
    }

    /// Applies all corrections of the file to a catalogue that was read again; returns those that cannot be applied.
    ///
    /// # Errors
    /// The file cannot be read, or its name leads elsewhere.
    pub fn apply_again(&mut self, catalogue: &mut Catalogue) -> Result<Vec<Reject>, Error> {
        let cannot = |e| Error::new(format!("{}: cannot be read", self.path.display())).because(e);
        self.in_place().map_err(cannot)?;
        let held = files::read(&self.path)?;
        self.length = held.len() as u64;
        self.places = index(catalogue);
        let (mut given, mut rejects) = corrections::read(&self.path.display().to_string(), &held);
        name_as_served(&mut given, catalogue);
        let (_, unplaced) = corrections::apply_all(&given, &mut catalogue.images, &mut self.places);
        index_again(&given, catalogue);
        rejects.extend(unplaced);
        Ok(rejects)
    }

    /// Appends a whole line or nothing: half a line would spoil the next one too.
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let before = self.in_place()?;
        // An editor may leave out the last line end; what else is missing would be missing for ever.
        if before + 1 < self.length {
            let why = "something else has made the file shorter; SIGHUP has it read again";
            return Err(io::Error::other(why));
        }
        // A line that was cut short, or lost its end while the server ran, must not be joined to the next one.
        let line = match before == 0 || self.byte_at(before - 1)? == b'\n' {
            true => line.to_vec(),
            false => [b"\n", line].concat(),
        };
        let written = self.file.write_all(&line);
        written
            .and_then(|()| self.file.sync_data())
            .inspect_err(|_| {
                let _ = self.file.set_len(before);
            })?;
        self.length = before + line.len() as u64;
        Ok(())
    }

    fn byte_at(&self, at: u64) -> io::Result<u8> {
        let mut byte = [0];
        self.file.read_exact_at(&mut byte, at)?;
        Ok(byte[0])
    }

    /// The length of the file, if its name still leads to it: whoever starts with this name again must find all corrections.
    fn in_place(&self) -> io::Result<u64> {
        let own = self.file.metadata()?;
        let there = std::fs::metadata(&self.path);
        let is_own =
            |there: &std::fs::Metadata| (there.dev(), there.ino()) == (own.dev(), own.ino());
        match there.is_ok_and(|there| is_own(&there)) {
            true => Ok(own.len()),
            false => Err(io::Error::other(
                "the file was removed, renamed or replaced; put it back, or restart the server",
            )),
        }
    }
}

fn index(catalogue: &Catalogue) -> ImageIndex {
    let images = catalogue.images.iter();
    let images = images.map(|image| (image.id.as_str(), &image.about as &LocalizedImage));
    ImageIndex::of(images)
}

/// Gives the images of corrections the ids under which they are served now. Where a file of a folder is gone and another
/// one has its name without suffix, its corrections are for that one; returned are notes of that.
fn name_as_served(given: &mut [LocatedCorrection], catalogue: &Catalogue) -> BTreeSet<String> {
    let mut notes = BTreeSet::new();
    for located in given {
        let name = &mut located.correction.image;
        let heir = || {
            // A page of a file is nobody else's.
            let (stem, _) = name
                .rsplit_once('.')
                .filter(|(_, suffix)| !suffix.contains(';'))?;
            let image = &catalogue.images[catalogue.find(stem)?];
            (image.id == stem && image.name.starts_with(&format!("{stem}."))).then_some(image)
        };
        if let Some(at) = catalogue.find(name) {
            name.clone_from(&catalogue.images[at].id);
        } else if let Some(image) = heir() {
            notes.insert(format!(
                "{name} is gone; its corrections are applied to {}",
                image.name
            ));
            name.clone_from(&image.id);
        }
    }
    notes
}

/// Finds the canvases again of all groups that corrections changed.
fn index_again(given: &[LocatedCorrection], catalogue: &mut Catalogue) {
    let given: Vec<&Correction> = given.iter().map(|located| &located.correction).collect();
    index_groups(&given, catalogue);
}

fn index_groups(given: &[&Correction], catalogue: &mut Catalogue) {
    let images = given.iter().filter_map(|c| catalogue.find(&c.image));
    let groups = images.map(|at| catalogue.images[at].about.group.clone());
    let groups: BTreeSet<String> = groups.collect();
    catalogue.index_again(groups.iter().map(String::as_str));
}
