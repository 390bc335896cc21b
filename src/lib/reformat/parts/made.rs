//! `--from-shards`: what workers have made of the images, taken image after image into the set.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::mark::{self, PartMark};
use crate::contracts::DatasetEntry;
use crate::error::Error;
use crate::files::{self, Content};
use crate::formats::{Cut, DatasetImage};
use crate::reformat::assemble::Assembled;
use crate::reformat::options::Options;
use crate::workers::Shard;

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
    /// Finds the parts of the set that a command makes.
    ///
    /// # Errors
    /// Some are missing, or were made otherwise.
    pub fn open(options: &Options, assembled: &Assembled) -> Result<Self, Error> {
        let folder = mark::folder_of_parts(&options.output);
        let (parts, count) = found(&folder)?;
        let mut wanted = PartMark::of(options, assembled, Shard { index: 0, count })?;
        let mut left = Vec::new();
        for &part in &parts {
            let path = folder.join(mark::part_name(part, count));
            let made = PartMark::in_folder(&path)?;
            wanted.part = part;
            if let Some(difference) = made.difference(&wanted) {
                let what = format!("{}: {difference}", path.display());
                return Err(Error::new(what).hint(again(part, count)));
            }
            left.push(path);
        }
        refuse_missing(&folder, &parts, count)?;
        left.reverse();
        Ok(MadeParts {
            left,
            part: PathBuf::new(),
            list: None,
            pictures: HashMap::new(),
            seen: Content::default(),
        })
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

    /// Removes all parts, when the set is there.
    ///
    /// # Errors
    /// They cannot be removed.
    pub fn remove(options: &Options) -> Result<(), Error> {
        files::remove_helper(&mark::folder_of_parts(&options.output), &options.output)
    }
}

/// The parts in a folder, and how many there should be.
fn found(folder: &Path) -> Result<(BTreeSet<u64>, u64), Error> {
    let mut parts: BTreeSet<(u64, u64)> = BTreeSet::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        match mark::named_part(&name) {
            Some((part, of)) => {
                parts.insert((of, part));
            }
            // The dot is of one that a worker builds.
            None if name.starts_with('.') || name == mark::LOOKS => {}
            None => {
                let what = format!(
                    "{}: holds {name}, which is no part of a set",
                    folder.display()
                );
                return Err(Error::new(what).hint("move it away: the folder is removed in the end"));
            }
        }
    }
    let counts: BTreeSet<u64> = parts.iter().map(|(of, _)| *of).collect();
    let numbers = parts.iter().map(|(_, part)| *part).collect();
    match Vec::from_iter(counts)[..] {
        [count] => Ok((numbers, count)),
        [] => Err(Error::new(format!(
            "{}: there are no parts of the set",
            folder.display()
        ))
        .hint(
            "the same command with --shard 0/4, --shard 1/4 … instead of --from-shards makes them",
        )),
        [first, second, ..] => Err(Error::new(format!(
            "{}: holds parts of {first} and parts of {second}",
            folder.display()
        ))
        .hint("remove those that are not of this set")),
    }
}

/// Refuses a set of which parts are missing: workers may still be at them.
fn refuse_missing(folder: &Path, parts: &BTreeSet<u64>, count: u64) -> Result<(), Error> {
    let missing = (0..count).filter(|part| !parts.contains(part));
    let missing: Vec<String> = missing.map(|part| part.to_string()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (parts, are) = match missing.len() {
        1 => ("part", "is"),
        _ => ("parts", "are"),
    };
    let what = format!(
        "{}: {parts} {} of {count} {are} missing",
        folder.display(),
        missing.join(", ")
    );
    Err(Error::new(what)
        .hint(format!(
            "these workers have not ended, or are to be run again: --shard {}/{count}",
            missing[0]
        ))
        .temporary(true))
}

fn again(part: u64, count: u64) -> String {
    format!(
        "run this worker again, with --shard {part}/{count} and these options, or give the options that it had"
    )
}
