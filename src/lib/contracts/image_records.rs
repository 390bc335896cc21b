//! The images of a `localizations.json`, read as often as they are needed, in any order. A program then holds a place in the
//! file for each, and the few that it works on.

use std::ops::Range;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::elements::each_element;
use super::envelope::{parse, read};
use super::geometry::Frame;
use super::image_ref::{ImageRef, Metadata, Provenance};
use super::localizations::{BorrowedImage, Localizations, LocalizedImage, image_as_element};
use super::set_input::SetFile;
use crate::error::Error;
use crate::files;

/// The images of a `localizations.json`.
#[derive(Debug, Default)]
pub struct ImageRecords {
    /// Everything else in the file: its taxonomy, and the records that cannot be used.
    pub others: Localizations,
    path: PathBuf,
    parts: Parts,
    store: Store,
}

/// What is read of each image: boxes are most of a file, and skipping them is quicker than parsing them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parts {
    /// All of it.
    #[default]
    All,
    /// Without its boxes.
    NoBoxes,
    /// Without its boxes and its metadata.
    NoBoxesNoMetadata,
}

#[derive(Debug)]
enum Store {
    File(SetFile, Places),
    /// What cannot be read twice or is in the form of another program.
    Held(Vec<LocalizedImage>),
}

impl Default for Store {
    fn default() -> Self {
        Store::Held(Vec::new())
    }
}

/// Where each image begins in a file, and its length, in bytes: twelve bytes for an image.
#[derive(Debug, Default)]
struct Places {
    offsets: Vec<u64>,
    lengths: Vec<u32>,
}

/// How many images are parsed at a time, at most, and how many bytes of them: parsed they take several times as many.
const AT_ONCE: usize = 1024;
const BYTES_AT_ONCE: usize = 1 << 20;

/// Bytes between two images in a file that are read with them.
const BETWEEN: u64 = 64;

impl ImageRecords {
    /// Finds the images in a file. Standard input and files by m3-download are held in memory.
    ///
    /// # Errors
    /// The file cannot be read or is not a `localizations.json`.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if !files::is_dash(path)
            && let Some((records, _)) = streamed(path, Parts::All, |_| Some(()))
        {
            return Ok(records);
        }
        ImageRecords::held_of(path)
    }

    /// The same, of whose images only some parts are needed; calls `make` for each image on the way and returns what it makes
    /// of them, in their order. `make` may be called for images again that it has been called for.
    ///
    /// # Errors
    /// The file cannot be read or is not a `localizations.json`.
    pub fn open_with<T: Send>(
        path: &Path,
        parts: Parts,
        make: impl Fn(&LocalizedImage) -> T + Sync,
    ) -> Result<(Self, Vec<T>), Error> {
        let parse = |element: &[u8]| Some(make(&parts.parse(element).ok()?));
        if !files::is_dash(path)
            && let Some(found) = streamed(path, parts, parse)
        {
            return Ok(found);
        }
        let records = ImageRecords::held_of(path)?;
        let made = match &records.store {
            Store::Held(images) => images.par_iter().map(&make).collect(),
            Store::File(..) => Vec::new(),
        };
        Ok((records, made))
    }

    /// A whole file in memory.
    fn held_of(path: &Path) -> Result<Self, Error> {
        let mut others: Localizations = read(path)?;
        let images = std::mem::take(&mut others.images);
        Ok(ImageRecords {
            others,
            path: path.to_owned(),
            ..ImageRecords::held(images)
        })
    }

    /// Images in memory.
    pub fn held(images: Vec<LocalizedImage>) -> Self {
        ImageRecords {
            store: Store::Held(images),
            ..ImageRecords::default()
        }
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        match &self.store {
            Store::File(_, places) => places.offsets.len(),
            Store::Held(images) => images.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The image with this index, below [`ImageRecords::len`].
    ///
    /// # Errors
    /// It cannot be read or parsed any more.
    pub fn get(&self, at: usize) -> Result<LocalizedImage, Error> {
        match &self.store {
            Store::Held(images) => Ok(images[at].clone()),
            Store::File(file, places) => {
                let mut bytes = Vec::new();
                let read = places.read(file, at, &mut bytes);
                read.map_err(|e| self.unreadable().because(e))?;
                let image = self.parts.parse(&bytes);
                image.map_err(|_| self.what_is_wrong())
            }
        }
    }

    /// An image as it stands in the file, as an element of a list.
    ///
    /// # Errors
    /// It cannot be read any more.
    pub fn element(&self, at: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        match &self.store {
            Store::File(file, places) => {
                let read = places.read(file, at, &mut bytes);
                read.map_err(|e| self.unreadable().because(e))?;
            }
            Store::Held(images) => {
                bytes = image_as_element(&images[at]).map_err(|e| self.unreadable().because(e))?;
            }
        }
        Ok(bytes)
    }

    /// Parses the images with these indices, some at a time; calls `make` for each, on several threads, and `take` for the
    /// results, in order.
    ///
    /// # Errors
    /// An image cannot be read or parsed, or `take` fails.
    pub fn visit<T: Send>(
        &self,
        order: impl Iterator<Item = usize>,
        make: impl Fn(usize, LocalizedImage) -> T + Sync,
        mut take: impl FnMut(T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut order = order.peekable();
        while order.peek().is_some() {
            let made = self.some(&mut order, &make)?;
            made.into_iter().try_for_each(&mut take)?;
        }
        Ok(())
    }

    fn some<T: Send>(
        &self,
        order: &mut impl Iterator<Item = usize>,
        make: &(impl Fn(usize, LocalizedImage) -> T + Sync),
    ) -> Result<Vec<T>, Error> {
        if let Store::Held(images) = &self.store {
            let some: Vec<usize> = order.take(AT_ONCE).collect();
            let made = some.into_par_iter();
            return Ok(made.map(|at| make(at, images[at].clone())).collect());
        }
        let block = self.block(order)?;
        let parse = |bytes| self.parts.parse(bytes);
        block.parsed(|at, bytes| parse(bytes).map(|image| make(at, image)))
    }

    /// Calls `visit` with the bytes of the images with these indices, some at a time.
    ///
    /// # Errors
    /// An image cannot be read, or `visit` fails.
    pub fn visit_blocks(
        &self,
        order: impl Iterator<Item = usize>,
        mut visit: impl FnMut(&RecordBlock) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut order = order.peekable();
        while order.peek().is_some() {
            visit(&self.block(&mut order)?)?;
        }
        Ok(())
    }

    fn block(&self, order: &mut impl Iterator<Item = usize>) -> Result<RecordBlock<'_>, Error> {
        let (mut some, mut length) = (Vec::new(), 0);
        for at in order {
            some.push(at);
            if let Store::File(_, places) = &self.store {
                length += places.lengths[at] as usize;
            }
            if some.len() == AT_ONCE || length >= BYTES_AT_ONCE {
                break;
            }
        }
        let read = match &self.store {
            Store::File(file, places) => places.read_all(file, &some),
            Store::Held(images) => written(images, &some).map_err(std::io::Error::from),
        };
        let (bytes, images) = read.map_err(|e| self.unreadable().because(e))?;
        Ok(RecordBlock {
            records: self,
            bytes,
            images,
        })
    }

    fn unreadable(&self) -> Error {
        Error::new(format!("{}: cannot be read", self.path.display()))
    }

    /// The error for an image that does not parse, with its line and member: the file is read once more for that.
    fn what_is_wrong(&self) -> Error {
        match read::<Localizations>(&self.path) {
            Err(error) => error,
            Ok(_) => self
                .unreadable()
                .hint("it has changed meanwhile: run the command again"),
        }
    }
}

/// Some images, as they stand in a file.
pub struct RecordBlock<'a> {
    records: &'a ImageRecords,
    bytes: Vec<u8>,
    /// The index of each, and where it is among the bytes.
    images: Vec<(usize, Range<usize>)>,
}

impl RecordBlock<'_> {
    /// What `make` makes of each image, on several threads; their texts are borrowed from this.
    ///
    /// # Errors
    /// An image cannot be parsed.
    pub fn make<'b, T: Send>(
        &'b self,
        make: impl Fn(usize, BorrowedImage<'b>) -> T + Sync,
    ) -> Result<Vec<T>, Error> {
        self.parsed(|at, bytes| serde_json::from_slice(bytes).map(|image| make(at, image)))
    }

    fn parsed<'b, T: Send>(
        &'b self,
        parse: impl Fn(usize, &'b [u8]) -> serde_json::Result<T> + Sync,
    ) -> Result<Vec<T>, Error> {
        let images = self.images.par_iter();
        let made = images.map(|(at, place)| parse(*at, &self.bytes[place.clone()]).ok());
        let made: Option<Vec<T>> = made.collect();
        made.ok_or_else(|| self.records.what_is_wrong())
    }
}

/// Images as they would stand in a file, and where each is.
fn written(images: &[LocalizedImage], some: &[usize]) -> serde_json::Result<BytesOfImages> {
    let (mut bytes, mut places) = (Vec::new(), Vec::with_capacity(some.len()));
    for &at in some {
        let start = bytes.len();
        serde_json::to_writer(&mut bytes, &images[at])?;
        places.push((at, start..bytes.len()));
    }
    Ok((bytes, places))
}

/// Bytes, and the images in them: the index of each, and where it is.
type BytesOfImages = (Vec<u8>, Vec<(usize, Range<usize>)>);

impl Parts {
    fn parse(self, element: &[u8]) -> serde_json::Result<LocalizedImage> {
        match self {
            Parts::All => serde_json::from_slice(element),
            Parts::NoBoxes => {
                let mut image: Unboxed<Metadata> = serde_json::from_slice(element)?;
                let metadata = std::mem::take(&mut image.metadata);
                Ok(LocalizedImage {
                    metadata,
                    ..image.into()
                })
            }
            Parts::NoBoxesNoMetadata => {
                Ok(serde_json::from_slice::<Unboxed<Skipped>>(element)?.into())
            }
        }
    }
}

/// An image without its boxes.
#[derive(Deserialize)]
#[serde(bound(deserialize = "M: Deserialize<'de> + Default"))]
struct Unboxed<M> {
    id: String,
    image: ImageRef,
    source: Provenance,
    group: String,
    #[serde(default)]
    metadata: M,
    #[serde(default)]
    frame: Option<Frame>,
}

/// What is passed over.
#[derive(Default)]
struct Skipped;

impl<'de> Deserialize<'de> for Skipped {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(d).map(|_| Skipped)
    }
}

impl<M> From<Unboxed<M>> for LocalizedImage {
    fn from(image: Unboxed<M>) -> Self {
        LocalizedImage {
            id: image.id,
            image: image.image,
            source: image.source,
            group: image.group,
            frame: image.frame,
            ..LocalizedImage::default()
        }
    }
}

impl Places {
    /// The bytes of some images, and where those of each are. What stands side by side in the file is read together.
    fn read_all(&self, file: &SetFile, images: &[usize]) -> std::io::Result<BytesOfImages> {
        let end = |at: usize| self.offsets[at] + u64::from(self.lengths[at]);
        let is_next = |a: &usize, b: &usize| {
            let between = self.offsets[*b].checked_sub(end(*a));
            between.is_some_and(|between| between <= BETWEEN)
        };
        let (mut bytes, mut places) = (Vec::new(), Vec::with_capacity(images.len()));
        for side_by_side in images.chunk_by(is_next) {
            let (first, last) = (side_by_side[0], side_by_side[side_by_side.len() - 1]);
            let (from, start) = (self.offsets[first], bytes.len());
            let length = (end(last) - from) as usize;
            file.read(from, length, &mut bytes)?;
            if bytes.len() < start + length {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            places.extend(side_by_side.iter().map(|&at| {
                let begin = start + (self.offsets[at] - from) as usize;
                (at, begin..begin + self.lengths[at] as usize)
            }));
        }
        Ok((bytes, places))
    }

    /// Adds the bytes of an image.
    fn read(&self, file: &SetFile, at: usize, bytes: &mut Vec<u8>) -> std::io::Result<()> {
        let (start, length) = (bytes.len(), self.lengths[at] as usize);
        file.read(self.offsets[at], length, bytes)?;
        match bytes.len() == start + length {
            true => Ok(()),
            false => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// The images of a file with what `make` makes of their bytes; none if it is not a valid `localizations.json` as far as `make`
/// can see.
fn streamed<T: Send>(
    path: &Path,
    parts: Parts,
    make: impl Fn(&[u8]) -> Option<T> + Sync,
) -> Option<(ImageRecords, Vec<T>)> {
    let file = SetFile::open(path)?;
    let (mut places, mut made) = (Places::default(), Vec::new());
    let envelope = each_element(&file, "images", |elements| {
        for (offset, element) in &elements {
            places.offsets.push(*offset);
            places.lengths.push(u32::try_from(element.len()).ok()?);
        }
        let elements = elements.into_par_iter();
        let some: Option<Vec<T>> = elements.map(|(_, element)| make(element)).collect();
        made.extend(some?);
        Some(())
    })?;
    let others: Localizations = parse(&envelope, "").ok()?;
    let records = ImageRecords {
        others,
        path: path.to_owned(),
        parts,
        store: Store::File(file, places),
    };
    records.others.images.is_empty().then_some((records, made))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_come_in_the_order_asked_for_with_their_boxes() {
        let image = |id: &str| {
            format!(
                r#"{{"id": "{id}", "group": "g", "image": {{"url": "u"}}, "source": {{"kind": "table"}},
                "frame": [9, 9], "localizations": [{{"id": "1", "concept": "{id}]", "bbox": [1, 1, 2, 2]}}]}}"#
            )
        };
        let text = format!(
            r#"{{"contract": "recto/localizations", "version": 1, "images": [{}, {}, {}], "taxonomy": {{}}}}"#,
            image("a"),
            image("b"),
            image("c")
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.json");
        std::fs::write(&path, &text).unwrap();
        let records = ImageRecords::open(&path).unwrap();
        let concepts = |records: &ImageRecords, order: &[usize]| {
            let mut found = Vec::new();
            let concept = |at: usize, image: LocalizedImage| {
                format!("{at}{}", image.localizations[0].concept)
            };
            let took = records.visit(order.iter().copied(), concept, |text| {
                found.push(text);
                Ok(())
            });
            took.map(|()| found)
        };
        assert_eq!(records.len(), 3);
        assert_eq!(
            concepts(&records, &[2, 0, 2]).unwrap(),
            ["2c]", "0a]", "2c]"]
        );
        std::fs::write(&path, text.replace("\"a\"", "71")).unwrap();
        let records = ImageRecords::open(&path).unwrap();
        let error = concepts(&records, &[0]).unwrap_err().to_string();
        assert!(error.contains("`images[0].id`"), "{error}");
    }
}
