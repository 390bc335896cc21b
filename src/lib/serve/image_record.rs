//! An image as it is served: its identifier, its file, and what is known about both.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::image::pdf_worker::{self, PdfError, PdfPage, Pixels};
use crate::contracts::{Attributes, Frame, Localization, LocalizedImage};
use crate::corrections::{Correctable, CorrectedBox};
use crate::exif_boxes::{DrawnOn, ExifBoxes, Placed, StoredSize, Turn};
use crate::files::{self, Content, into_file};
use crate::pixels::pdf;
use crate::pixels::source::{self, ImageSource, SourceInfo, has_wild_decoder, start_of};
use crate::pixels::{Window, rotated_size};

/// The most pixels of an image that is decoded: half a gigapixel, 1.5 GB in colour.
pub const MOST_PIXELS: u64 = 1 << 29;

/// How long decoding a JPEG 2000 may take.
const DECODING: Duration = Duration::from_secs(60);

/// The side in pixels of the tiles of images that are not stored in tiles.
const TILE: u32 = 512;

/// An image to serve.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageRecord {
    /// The identifier in its URIs, not encoded.
    pub id: String,
    /// Its name in files of reviews, which stays the same whatever other files come: the path of a file in a folder, the id
    /// of an image of a set.
    pub name: String,
    /// Its names besides its id, and those of its file, by which rules know it too: they do not change with other files.
    pub names: Vec<String>,
    /// The file with its pixels, or the part of one.
    pub content: Content,
    /// The folder that the file must lie in, links resolved; none: it may lie anywhere.
    pub home: Option<Arc<Path>>,
    /// The page of that file, if it has several.
    pub page: Option<Page>,
    /// `[width, height]` in pixels, upright, as the file was when it was last measured.
    pub size: [u32; 2],
    /// The EXIF orientation of the file then, 1 to 8.
    pub orientation: u8,
    /// The [`stamp`] of the file then.
    pub stamp: u64,
    /// When the file had last been written then, in seconds since 1970.
    pub modified: i64,
    /// The number of the disk that the file lay on when it was listed.
    pub disk: u64,
    /// What the source says about it: labels, group, boxes. These lie on the image upright, as it is shown.
    pub about: LocalizedImage,
    /// How they were moved for that from the image as stored, on which they were drawn; none: they were drawn upright.
    pub turn: Option<Turn>,
    /// On which image boxes were drawn where nothing shows it.
    pub exif: ExifBoxes,
    /// Whether something shows it.
    pub is_decided: bool,
}

/// A page of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Of a PDF.
    Pdf(PdfPage),
    /// Of a TIFF, by its number from 1.
    Tiff(u32),
}

impl Page {
    /// Its number, from 1.
    pub fn number(&self) -> u32 {
        match self {
            Page::Pdf(page) => page.number,
            Page::Tiff(number) => *number,
        }
    }
}

/// How large an image or a page of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLook {
    /// `[width, height]` in pixels, upright.
    pub size: [u32; 2],
    /// The EXIF orientation, 1 to 8.
    pub orientation: u8,
}

/// What is known about the file of an image, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// `[width, height]` in pixels, upright.
    pub size: [u32; 2],
    /// The EXIF orientation, 1 to 8.
    pub orientation: u8,
    /// A number that changes when the file does.
    pub stamp: u64,
    /// When the file was last written, in seconds since 1970.
    pub modified: i64,
    /// The side in pixels of the tiles that take the least work.
    pub tile: u32,
    /// Bytes of memory that decoding takes; 0 where tiles are decoded one by one.
    pub cost: u64,
    /// Bytes of memory that it takes once it is opened, approximately.
    pub held: u64,
}

/// An image to render: as it was when the request was answered, whatever the catalogue says by then.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// The image.
    pub image: Arc<ImageRecord>,
    /// Its file.
    pub facts: FileFacts,
    /// `[width, height]` in pixels that it is reduced to before anything else: no request shows more of it.
    pub reduced: Option<[u32; 2]>,
}

/// Why nothing can be said about a file now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileError {
    /// It is missing, or must not be read.
    Gone(String),
    /// It holds no image that can be shown: it was damaged or replaced since the start.
    Broken(String),
    /// It does not answer in time.
    Late(String),
}

impl FileError {
    /// The file does not answer in time.
    pub fn late() -> Self {
        FileError::Late("its file cannot be read in time".into())
    }
}

impl From<String> for FileError {
    fn from(why: String) -> Self {
        FileError::Gone(why)
    }
}

impl ImageRecord {
    /// Opens its file. A link that leads out of the folder is refused each time: it may have been made since the start.
    ///
    /// # Errors
    /// The file cannot be opened, or must not be.
    pub fn file(&self) -> Result<Window, String> {
        open_within(&self.content, self.home.as_deref())
    }

    /// The path of its file, or of the one that it is a part of.
    pub fn path(&self) -> &Path {
        self.content.path()
    }

    /// The header of its file; for a page of a PDF, as it was measured at the start.
    ///
    /// # Errors
    /// The file cannot be read, or has too many pixels.
    pub fn look(&self) -> Result<SourceInfo, String> {
        match self.page {
            Some(Page::Pdf(_)) => Ok(page_look(self.size)),
            page => measure(&self.file()?, page),
        }
    }

    /// Its pixels.
    ///
    /// # Errors
    /// The file cannot be decoded, or drawing a page takes too long.
    pub fn open(&self) -> Result<ImageSource, PdfError> {
        let file = self.file().map_err(PdfError::Broken)?;
        let own = |file: Window| {
            let file = into_file(file);
            file.map_err(|e| PdfError::Broken(e.to_string()))
        };
        let of_worker = |(size, channels, bytes): Pixels| {
            ImageSource::of_pixels(size, channels, bytes).map_err(PdfError::Broken)
        };
        let start = start_of::<64>(&file).map_err(PdfError::Broken)?;
        match self.page {
            Some(Page::Pdf(page)) => of_worker(pdf_worker::draw(own(file)?, page)?),
            None if has_wild_decoder(&start) => {
                of_worker(pdf_worker::decode(own(file)?, DECODING)?)
            }
            Some(Page::Tiff(number)) => {
                ImageSource::open(file, number, MOST_PIXELS).map_err(PdfError::Broken)
            }
            None => ImageSource::open(file, 1, MOST_PIXELS).map_err(PdfError::Broken),
        }
    }

    /// An image of one pixel whose file is not known, for tests.
    #[cfg(test)]
    pub fn unmeasured(id: &str, about: LocalizedImage) -> Self {
        ImageRecord {
            id: id.to_owned(),
            name: id.to_owned(),
            names: Vec::new(),
            content: Content::default(),
            home: None,
            page: None,
            size: [1, 1],
            orientation: 1,
            stamp: 0,
            modified: 0,
            disk: 0,
            about,
            turn: None,
            exif: ExifBoxes::Stored,
            is_decided: true,
        }
    }

    /// The same image, after its file was measured again. Boxes stay in the frame that they were made in.
    pub fn measured(&self, facts: &FileFacts, stamp: u64) -> Self {
        let was = [self.size, rotated_size(self.size, self.orientation)];
        let mut record = ImageRecord {
            size: facts.size,
            orientation: facts.orientation,
            stamp,
            modified: facts.modified,
            ..self.clone()
        };
        let about = &mut record.about;
        if let Some(turn) = record.turn.take() {
            for localization in &mut about.localizations {
                turn.store(placed(localization));
            }
            about.frame = Some(turn.frame);
        }
        let is_own = |frame: Frame| was.iter().any(|size| frame_of(*size) == Some(frame));
        if about.localizations.is_empty() && about.frame.is_some_and(is_own) {
            about.frame = None;
        }
        record.place_boxes();
        record
    }

    /// Gives an image that was read from its source the frame in which it is shown: boxes that were drawn on the image as stored
    /// are moved to the upright one. `recto-reformat` decides in the same way on which they were drawn.
    pub fn place_boxes(&mut self) {
        let file = StoredSize {
            size: rotated_size(self.size, self.orientation),
            orientation: self.orientation,
        };
        if frame_of(file.size).is_none() {
            return;
        }
        let about = &mut self.about;
        let of_pixels = || DrawnOn::new(file.shown(), file, self.exif);
        let drawn = DrawnOn::of(about, file, self.exif).unwrap_or_else(of_pixels);
        about.resolve_percent(drawn.size(file));
        let frame = *about.frame.get_or_insert(drawn.frame);
        self.is_decided = drawn.is_decided;
        self.turn = (drawn.orientation != self.orientation).then_some(Turn {
            frame,
            orientation: self.orientation,
        });
        if let Some(turn) = self.turn {
            for localization in &mut about.localizations {
                turn.show(placed(localization));
            }
            about.frame = Some(turn.shown_frame());
        }
    }

    /// A box that was drawn on the image as it is shown, as the set has it, in units of its frame.
    pub fn as_in_set(&self, mut shape: CorrectedBox) -> CorrectedBox {
        if let Some(turn) = self.turn {
            turn.store(shape.placed());
        }
        shape.frame = Frame::try_from(self.size_in_set()).ok();
        shape
    }

    /// `[width, height]` of the space in which the set has its boxes.
    fn size_in_set(&self) -> [f64; 2] {
        let drawn = self.turn.map(|turn| [turn.frame.width, turn.frame.height]);
        drawn.unwrap_or_else(|| self.shown_size())
    }

    /// `[width, height]` of the space in which it is shown and its boxes are.
    pub fn shown_size(&self) -> [f64; 2] {
        let frame = self.about.frame.map(|frame| [frame.width, frame.height]);
        frame.unwrap_or(self.size.map(f64::from))
    }
}

fn frame_of(size: [u32; 2]) -> Option<Frame> {
    Frame::try_from(size.map(f64::from)).ok()
}

fn placed(localization: &mut Localization) -> Placed<'_, Attributes> {
    Placed {
        bbox: &mut localization.bbox,
        polygon: &mut localization.polygon,
        holes: &mut localization.holes,
        attributes: &mut localization.attributes,
    }
}

/// Images are shared by everybody who reads the catalogue: one that is corrected is copied, the others are not.
impl Correctable for Arc<ImageRecord> {
    fn about(&self) -> &LocalizedImage {
        &self.about
    }

    fn about_mut(&mut self) -> &mut LocalizedImage {
        &mut Arc::make_mut(self).about
    }

    fn size(&self) -> Option<[f64; 2]> {
        Some(self.size_in_set())
    }

    fn as_held(&self, mut shape: CorrectedBox) -> CorrectedBox {
        if let Some(turn) = self.turn {
            turn.show(shape.placed());
        }
        shape
    }
}

/// Opens a regular file, or the part of one, for reading, if it lies in the folder `home`, links resolved; none: it may lie anywhere.
///
/// # Errors
/// The file cannot be opened, or lies elsewhere.
pub fn open_within(content: &Content, home: Option<&Path>) -> Result<Window, String> {
    let path = content.path();
    let file = files::open_regular(path).map_err(|e| e.to_string())?;
    match home.is_some_and(|home| !files::place_of(&file, path).starts_with(home)) {
        true => Err("link leads out of the folder; --follow-links serves it".into()),
        false => content.window(file).map_err(|e| e.to_string()),
    }
}

/// A number that changes when a file is changed or replaced.
pub fn stamp(file: &Metadata) -> u64 {
    let facts = format!(
        "{} {} {} {} {}",
        file.len(),
        file.mtime(),
        file.mtime_nsec(),
        file.ino(),
        file.ctime_nsec()
    );
    let digest = files::hex_digest(facts.as_bytes(), 16);
    // 16 hexadecimal digits are 64 bits.
    u64::from_str_radix(&digest, 16).unwrap_or_default()
}

impl FileFacts {
    /// The facts of a file with this header and stamp, of `length` bytes, last written at `modified`, in seconds since 1970.
    pub fn new(look: &SourceInfo, stamp: u64, length: u64, modified: i64) -> Self {
        let [width, height] = look.size.map(u64::from);
        let held = match look.tile {
            Some(_) => 0,
            None if look.by_parts => length,
            None => width * height * u64::from(look.channels),
        };
        FileFacts {
            size: look.size,
            orientation: look.orientation,
            stamp,
            modified,
            tile: look.tile.unwrap_or(TILE),
            held,
            cost: match look.tile {
                Some(_) => 0,
                // Read, but not decoded: about half a byte per pixel.
                None if look.by_parts => width * height / 2,
                // Decoded, then turned or reduced to eight bits.
                None => width * height * u64::from(look.channels) * 2,
            },
        }
    }
}

/// Reads the header of an image file, of one of its pages if it has several. A file that claims too many pixels is refused
/// here and never decoded.
///
/// # Errors
/// Why the file cannot be served.
pub fn measure(file: &Window, page: Option<Page>) -> Result<SourceInfo, String> {
    let page = page.map_or(1, |page| page.number());
    within_limit(source::inspect(file, page))
}

/// What [`measure`] reads of each page of an image file, one after the other.
///
/// # Errors
/// Why the file cannot be served.
pub fn measure_pages(
    file: &Window,
) -> Result<impl Iterator<Item = Result<SourceInfo, String>> + '_, String> {
    let pages = source::inspect_pages(file).map_err(|e| unreadable(&e))?;
    Ok(pages.map(within_limit))
}

fn unreadable(why: &str) -> String {
    format!("not an image that can be read: {why}")
}

fn within_limit(look: Result<SourceInfo, String>) -> Result<SourceInfo, String> {
    let look = look.map_err(|e| unreadable(&e))?;
    let [width, height] = look.size;
    match u64::from(width) * u64::from(height) > MOST_PIXELS {
        true => Err(format!(
            "image is too large: {width} x {height}, the limit is {MOST_PIXELS} pixels"
        )),
        false => Ok(look),
    }
}

/// The header that an image file with the pixels of a page would have; `size` is `[width, height]`.
pub fn page_look(size: [u32; 2]) -> SourceInfo {
    SourceInfo {
        size,
        orientation: 1,
        // `FileFacts::new` doubles it.
        channels: pdf::BYTES_TO_A_PIXEL / 2,
        tile: None,
        by_parts: false,
    }
}
