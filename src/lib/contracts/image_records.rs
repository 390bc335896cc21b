//! The images of a `localizations.json` with their boxes, read as often as they are needed, in any order. A program then
//! holds a place in the file for each, and the few that it works on.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::elements::each_element;
use super::envelope::{parse, read};
use super::localizations::{Localizations, LocalizedImage};
use crate::error::Error;
use crate::files;

/// The images of a `localizations.json`.
#[derive(Debug)]
pub struct ImageRecords {
    /// Everything else in the file: its taxonomy, and the records that cannot be used.
    pub others: Localizations,
    path: PathBuf,
    store: Store,
}

#[derive(Debug)]
enum Store {
    /// Offset and length of each image in a file.
    Places(File, Vec<(u64, u32)>),
    /// What cannot be read twice or is in the form of another program.
    Held(Vec<LocalizedImage>),
}

/// How many images are parsed at a time, at most, and how many bytes of them: parsed they take several times as many.
const AT_ONCE: usize = 1024;
const BYTES_AT_ONCE: usize = 1 << 20;

impl ImageRecords {
    /// Finds the images in a file. Standard input and files by m3-download are held in memory.
    ///
    /// # Errors
    /// The file cannot be read or is not a `localizations.json`.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let found = (!files::is_dash(path)).then(|| places(path)).flatten();
        let (others, store) = match found {
            Some((others, file, places)) => (others, Store::Places(file, places)),
            None => {
                let mut others: Localizations = read(path)?;
                let images = std::mem::take(&mut others.images);
                (others, Store::Held(images))
            }
        };
        Ok(ImageRecords {
            others,
            path: path.to_owned(),
            store,
        })
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        match &self.store {
            Store::Places(_, places) => places.len(),
            Store::Held(images) => images.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
        let (file, places) = match &self.store {
            Store::Places(file, places) => (file, places),
            Store::Held(images) => {
                let some: Vec<usize> = order.take(AT_ONCE).collect();
                let made = some.into_par_iter();
                return Ok(made.map(|at| make(at, images[at].clone())).collect());
            }
        };
        let (mut bytes, mut some) = (Vec::new(), Vec::new());
        for at in order {
            let (offset, length) = places[at];
            let start = bytes.len();
            let read = read_at(file, offset, length as usize, &mut bytes);
            read.map_err(|e| self.unreadable().because(e))?;
            some.push((at, start..bytes.len()));
            if some.len() == AT_ONCE || bytes.len() >= BYTES_AT_ONCE {
                break;
            }
        }
        let made: Option<Vec<T>> = some
            .into_par_iter()
            .map(|(at, place)| {
                let image = serde_json::from_slice(&bytes[place]).ok()?;
                Some(make(at, image))
            })
            .collect();
        made.ok_or_else(|| self.what_is_wrong())
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

fn read_at(
    mut file: &File,
    offset: u64,
    length: usize,
    bytes: &mut Vec<u8>,
) -> std::io::Result<()> {
    let start = bytes.len();
    bytes.resize(start + length, 0);
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut bytes[start..])
}

type Places = (Localizations, File, Vec<(u64, u32)>);

/// Where the images of a file are; none if it is not a valid `localizations.json` as far as can be seen without parsing
/// them.
fn places(path: &Path) -> Option<Places> {
    let file = File::open(path).ok()?;
    // What cannot be read again is not a file of places.
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut places = Vec::new();
    let envelope = each_element(path, "images", |elements| {
        for (offset, element) in elements {
            places.push((offset, u32::try_from(element.len()).ok()?));
        }
        Some(())
    })?;
    let others: Localizations = parse(&envelope, "").ok()?;
    others.images.is_empty().then_some((others, file, places))
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
