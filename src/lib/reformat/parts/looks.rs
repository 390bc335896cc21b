//! What takes long to find out about every file before a set can be divided: its hash, what it looks like, and whether all of it can
//! be decoded, if pixels are needed: a file that cannot is no part of the set. Workers share the files out among them and leave what
//! they found beside the parts, so that each file is read once and not by all of them.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::place;
use crate::contracts::ImageFiles;
use crate::error::Error;
use crate::files::{self, Scratch, Span};
use crate::formats::{Decodes, Format};
use crate::pixels::{Fingerprint, Header};
use crate::reformat::measure::{self, ImageFile};
use crate::reformat::tiles::cut::TileRules;
use crate::stored_image;
use crate::workers::Shard;

/// What is to be found out about every file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Its hash, to find those that are equal.
    pub hash: bool,
    /// What it looks like, to find those that look alike.
    pub fingerprint: bool,
    /// Of which files all pixels are needed.
    pub pixels: Pixels,
}

/// Of which files all pixels are needed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pixels {
    /// Of images with boxes, which are cut out.
    pub of_boxes: bool,
    /// Of those that are neither JPEG nor PNG.
    pub of_rare_types: bool,
    /// Of all, to cut them into tiles so.
    pub tiles: Option<TileRules>,
}

impl Pixels {
    /// Those that formats need.
    pub fn of(formats: &[&dyn Format], tiles: Option<TileRules>) -> Self {
        let need = |what| formats.iter().any(|format| format.info().decodes == what);
        Pixels {
            of_boxes: need(Decodes::Boxes),
            of_rare_types: need(Decodes::RareTypes),
            tiles,
        }
    }

    /// Whether those of a file are.
    fn are_needed(&self, header: &Header, has_boxes: bool) -> bool {
        let is_rare = !["image/jpeg", "image/png"].contains(&header.media_type);
        self.tiles.is_some() || self.of_boxes && has_boxes || self.of_rare_types && is_rare
    }

    /// What lists are called of workers that need the same.
    fn kind(&self) -> String {
        let mut kind = String::new();
        for (is, word) in [(self.of_boxes, "-cut"), (self.of_rare_types, "-converted")] {
            kind += if is { word } else { "" };
        }
        let tiles = self
            .tiles
            .map(|tiles| format!("-{}-{}", tiles.side, tiles.overlap));
        kind + &tiles.unwrap_or_default()
    }
}

/// What was found out about a file.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// SHA-256.
    pub sha256: Option<[u8; 32]>,
    /// What it looks like.
    pub fingerprint: Option<Fingerprint>,
    /// Why that cannot be said.
    pub unseen: Option<String>,
    /// Why its pixels cannot be used, if they are needed.
    pub fault: Option<String>,
}

/// A line about a file, for other workers.
#[derive(Debug, Serialize, Deserialize)]
struct SharedLook {
    /// Its number in the image map, and its path there.
    entry: u32,
    file: String,
    bytes: u64,
    /// When it was changed, in nanoseconds since 1970.
    modified: i64,
    sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Fingerprint>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unseen: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// What is known about files, and what is to be found out about the others.
#[derive(Debug)]
pub struct Looks {
    wanted: Wanted,
    /// By entry of the image map: the line about its file.
    lines: Vec<Option<Span>>,
    text: Mutex<Scratch>,
}

impl Looks {
    /// Nothing known yet. `output` is the folder of the set.
    pub fn new(wanted: Wanted, output: &Path) -> Self {
        Looks {
            wanted,
            lines: Vec::new(),
            text: Mutex::new(Scratch::beside(output)),
        }
    }

    /// What is to be found out about every file.
    pub fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// What is known about the file of an entry, found out if it is not. `has_boxes`: whether its image has.
    pub fn look(&self, entry: u32, path: &str, file: &ImageFile, has_boxes: bool) -> Look {
        let mut look = match self.known(entry, path, file) {
            Some(known) => known,
            None => look(file, &self.wanted, has_boxes),
        };
        // Workers who look at files do not know which images have boxes.
        let pixels = self.wanted.pixels;
        look.fault = look
            .fault
            .filter(|_| pixels.are_needed(&file.header, has_boxes));
        look
    }

    fn known(&self, entry: u32, path: &str, file: &ImageFile) -> Option<Look> {
        let span = self.lines.get(entry as usize).copied().flatten()?;
        let line = self.text.lock().ok()?.read(span).ok()?;
        let known: SharedLook = serde_json::from_slice(&line).ok()?;
        let is_of_file = known.file == path
            && known.bytes == file.bytes
            && Some(known.modified) == file.content.modified();
        is_of_file.then(|| Look {
            sha256: Some(files::sha256_of_hex(&known.sha256)),
            fingerprint: known.fingerprint,
            unseen: known.unseen,
            fault: known.fault,
        })
    }

    /// Reads what workers have found out. A worker does its share before, and then what no other has done yet.
    ///
    /// # Errors
    /// What it found cannot be written.
    pub fn share(
        mut self,
        map: &ImageFiles,
        map_folder: &Path,
        output: &Path,
        shard: Option<Shard>,
    ) -> Result<Self, Error> {
        if self.wanted == Wanted::default() {
            return Ok(self);
        }
        let lists = Lists::of(map, output, self.wanted);
        if let Some(shard) = shard {
            let first = lists.count() * shard.index as usize / shard.count as usize;
            for list in (first..lists.count()).chain(0..first) {
                lists.write(list, map, map_folder)?;
            }
        }
        self.lines = vec![None; map.len()];
        let mut text = Scratch::beside(output);
        for list in 0..lists.count() {
            // A list that is not there, or not as it was written, is made up for when a file is looked at.
            let lines = std::fs::read(lists.path(list)).unwrap_or_default();
            for line in lines.split(|byte| *byte == b'\n') {
                let look: Option<SharedLook> = serde_json::from_slice(line).ok();
                let place = look.and_then(|look| self.lines.get_mut(look.entry as usize));
                if let Some(place) = place {
                    *place = Some(text.append(line)?);
                }
            }
        }
        self.text = Mutex::new(text);
        Ok(self)
    }
}

/// Lists of some files each: what is there is complete.
struct Lists {
    folder: PathBuf,
    wanted: Wanted,
    /// Number of files, and of those in a list.
    files: usize,
    in_list: usize,
}

impl Lists {
    /// Some hundreds of lists, so that workers that begin together hardly ever do the same.
    fn of(map: &ImageFiles, output: &Path, wanted: Wanted) -> Self {
        Lists {
            folder: place::folder_of_parts(output).join(place::LOOKS),
            wanted,
            files: map.len(),
            in_list: (map.len() / 1024).clamp(8, 4096),
        }
    }

    fn count(&self) -> usize {
        self.files.div_ceil(self.in_list)
    }

    fn path(&self, list: usize) -> PathBuf {
        let kind = match self.wanted.fingerprint {
            true => "alike",
            false => "equal",
        };
        let (version, first) = (env!("CARGO_PKG_VERSION"), list * self.in_list);
        let pixels = self.wanted.pixels.kind();
        self.folder
            .join(format!("{kind}{pixels}-{version}-{first:08}.jsonl"))
    }

    /// Looks at the files of a list, unless a worker has.
    fn write(&self, list: usize, map: &ImageFiles, map_folder: &Path) -> Result<(), Error> {
        let path = self.path(list);
        if path.exists() {
            return Ok(());
        }
        let first = list * self.in_list;
        let entries = first as u32..self.files.min(first + self.in_list) as u32;
        let lines: Vec<Vec<u8>> = entries
            .into_par_iter()
            .filter_map(|entry| line(entry, map.file(entry), map_folder, &self.wanted))
            .collect();
        files::write(&path, &lines.concat())
    }
}

/// The line about a file; none if nothing can be said of it, or not for sure later.
fn line(entry: u32, file: &str, map_folder: &Path, wanted: &Wanted) -> Option<Vec<u8>> {
    let found = measure::measure(map_folder, file).ok()?;
    let modified = found.content.modified()?;
    // Lists are found by what else is in them.
    let wanted = Wanted {
        hash: true,
        ..*wanted
    };
    let look = look(&found, &wanted, true);
    let look = SharedLook {
        entry,
        file: file.to_owned(),
        bytes: found.bytes,
        modified,
        sha256: files::hex(&look.sha256?),
        fingerprint: look.fingerprint,
        unseen: look.unseen,
        fault: look.fault,
    };
    let mut line = serde_json::to_vec(&look).ok()?;
    line.push(b'\n');
    Some(line)
}

fn look(file: &ImageFile, wanted: &Wanted, has_boxes: bool) -> Look {
    let content = &file.content;
    let hash = || content.sha256_bytes().ok();
    let fingerprint = || stored_image::fingerprint(content);
    let (fingerprint, unseen) = match wanted.fingerprint.then(fingerprint) {
        None => (None, None),
        Some(Ok(found)) => (Some(found), None),
        Some(Err(cause)) => (None, Some(cause)),
    };
    let pixels = &wanted.pixels;
    let check = || {
        let grid = pixels.tiles.and_then(|tiles| file.lossless_grid(&tiles));
        stored_image::check_pixels(content, grid.is_some()).err()
    };
    // What was looked at is whole.
    let is_open = fingerprint.is_none() && pixels.are_needed(&file.header, has_boxes);
    Look {
        sha256: wanted.hash.then(hash).flatten(),
        fingerprint,
        unseen,
        fault: is_open.then(check).flatten(),
    }
}
