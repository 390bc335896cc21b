//! `--from-shards`: what workers have made of the images, taken image after image into the set.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::contracts::DatasetEntry;
use crate::error::Error;
use crate::files::{self, Content};
use crate::formats::{Cut, DatasetImage};

/// An image of a part, and the pictures that were made of it: a line of the part's list.
#[derive(Debug, Serialize, Deserialize)]
pub struct PartImage {
    /// Its path in the dataset.
    file: String,
    /// Size of the downloaded file in bytes.
    bytes: u64,
    /// When that was changed, in nanoseconds since 1970, if that is known.
    modified: Option<i64>,
    /// SHA-256 of that.
    sha256: String,
    /// The pictures, with their paths in the set.
    pictures: Vec<DatasetEntry>,
}

impl PartImage {
    /// The name of the list.
    pub const FILE: &str = "images.jsonl";
    /// The folder of the pictures.
    pub const PICTURES: &str = "pictures";

    /// Where a part keeps a tile for formats that hold it within other files.
    pub fn tile(image: &DatasetImage) -> String {
        format!(".tiles/{}", image.number)
    }

    /// The line about an image.
    pub fn of(image: &DatasetImage, source: &Source, pictures: Vec<DatasetEntry>) -> Self {
        PartImage {
            file: image.file.to_string(),
            bytes: source.bytes,
            modified: source.modified,
            sha256: files::hex(&source.sha256),
            pictures,
        }
    }

    /// Whether the file of an image is the one that its worker read. It is hashed only if it may not be.
    fn is_of(&self, image: &DatasetImage) -> bool {
        let is_same = |sha256: [u8; 32]| files::hex(&sha256) == self.sha256;
        if let Some(known) = image.sha256 {
            return is_same(known);
        }
        let content = &image.content;
        let modified = content.modified();
        let is_untouched = modified.is_some() && modified == self.modified;
        content.length().is_ok_and(|bytes| bytes == self.bytes)
            && (is_untouched || content.sha256_bytes().is_ok_and(is_same))
    }
}

/// The downloaded file of an image.
#[derive(Debug)]
pub struct Source {
    /// Where it is.
    pub content: Content,
    /// SHA-256.
    pub sha256: [u8; 32],
    bytes: u64,
    modified: Option<i64>,
}

impl Source {
    /// That of an image.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(image: &DatasetImage) -> Result<Self, Error> {
        let content = image.content.clone();
        let unreadable = |e| Error::new(format!("{}: cannot be read", image.content)).because(e);
        // First, so that a change meanwhile is seen.
        let modified = content.modified();
        let sha256 = image.sha256.map_or_else(|| content.sha256_bytes(), Ok);
        Ok(Source {
            bytes: content.length().map_err(unreadable)?,
            sha256: sha256.map_err(unreadable)?,
            modified,
            content,
        })
    }
}

/// The parts of a set, all of them.
#[derive(Debug)]
pub struct MadeParts {
    /// Folders of the parts that are still to be read, last first.
    left: Vec<PathBuf>,
    /// The part that is being read, and its list.
    part: PathBuf,
    list: Option<BufReader<File>>,
    /// The pictures of the image.
    pictures: HashMap<String, DatasetEntry>,
    /// The last file that was seen to be the one that a worker read.
    seen: Content,
}

impl MadeParts {
    /// Those in these folders, in the order of the set.
    pub fn new(mut folders: Vec<PathBuf>) -> Self {
        folders.reverse();
        MadeParts {
            left: folders,
            part: PathBuf::new(),
            list: None,
            pictures: HashMap::new(),
            seen: Content::default(),
        }
    }

    /// Goes on to the next image, and gives it its tile if the worker has kept that.
    ///
    /// # Errors
    /// The list of its part cannot be read, or is about another image.
    pub fn go_to(&mut self, image: &mut DatasetImage) -> Result<(), Error> {
        let line = self.next_line()?;
        let made: Option<PartImage> = serde_json::from_str(&line).ok();
        let Some(made) = made.filter(|made| made.file == *image.file) else {
            let list = self.part.join(PartImage::FILE);
            let what = format!(
                "{}: is damaged: {} is not where it belongs",
                list.display(),
                image.file
            );
            return Err(Error::new(what).hint("run the worker of this part again"));
        };
        if self.seen != image.content && !made.is_of(image) {
            let what = format!(
                "{}: was changed since a worker read it, for {}",
                image.content,
                self.part.display()
            );
            return Err(Error::new(what).hint("run the worker of this part again"));
        }
        self.seen = image.content.clone();
        self.pictures = made
            .pictures
            .into_iter()
            .map(|made| (made.path.clone(), made))
            .collect();
        if let Some((tile, _)) = self.take(&PartImage::tile(image))? {
            let bytes = tile
                .read()
                .map_err(|e| Error::new(format!("{tile}: cannot be read")).because(e))?;
            image.cut = Some(Cut::Bytes(bytes));
        }
        Ok(())
    }

    fn next_line(&mut self) -> Result<String, Error> {
        let mut line = String::new();
        loop {
            if let Some(list) = &mut self.list {
                let path = self.part.join(PartImage::FILE);
                let read = list.read_line(&mut line);
                let read = read.map_err(|e| {
                    Error::new(format!("{}: cannot be read", path.display())).because(e)
                })?;
                if read > 0 {
                    return Ok(line);
                }
            }
            let Some(part) = self.left.pop() else {
                return Ok(line);
            };
            let path = part.join(PartImage::FILE);
            let file = File::open(&path).map_err(|e| {
                Error::new(format!("{}: cannot be read", path.display())).because(e)
            })?;
            (self.part, self.list) = (part, Some(BufReader::new(file)));
        }
    }

    /// The picture of the image that has this path in the set, and its SHA-256; none if the worker has made none.
    ///
    /// # Errors
    /// It is not there as its worker wrote it.
    pub fn take(&mut self, path: &str) -> Result<Option<(Content, [u8; 32])>, Error> {
        let Some(made) = self.pictures.remove(path) else {
            return Ok(None);
        };
        let content = Content::file(self.part.join(PartImage::PICTURES).join(path));
        match content.length() {
            Ok(bytes) if bytes == made.bytes => {
                Ok(Some((content, files::sha256_of_hex(&made.sha256))))
            }
            _ => Err(
                Error::new(format!("{content}: is not as the worker wrote it"))
                    .hint("run the worker of this part again"),
            ),
        }
    }
}
