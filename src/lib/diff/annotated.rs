//! A training set as records: its files, and with pictures what annotation files say of them. What these say is put aside on the
//! disk; in memory are some 40 bytes an image.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::record::Record;
use crate::annotation_files::{self, AnnotationFiles, Role};
use crate::contracts::{DatasetEntry, DatasetFile, Observation};
use crate::error::Error;
use crate::files::{self, Content, Scratch, Span};
use crate::image_names::{is_image, parts, stem};

/// What annotation files say, by the files of a set.
pub struct AnnotatedSet<'a> {
    folder: &'a Path,
    files: &'a [DatasetEntry],
    scratch: Scratch,
    /// By the number of a picture's file.
    of_file: HashMap<u32, Span>,
    /// Of images without a file in the set.
    of_others: Vec<Span>,
    /// Annotation files that cannot be compared but by their bytes.
    pub unread: BTreeSet<String>,
    /// Annotation files that are not there.
    pub missing: BTreeSet<String>,
    /// Other files that are not there.
    pub lost: BTreeSet<String>,
}

impl<'a> AnnotatedSet<'a> {
    /// Reads all annotation files of a set.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    pub fn read(folder: &'a Path, dataset: &'a DatasetFile) -> Result<Self, Error> {
        let mut set = AnnotatedSet {
            folder,
            files: &dataset.files,
            scratch: Scratch::beside(Path::new("-")),
            of_file: HashMap::new(),
            of_others: Vec::new(),
            unread: BTreeSet::new(),
            missing: BTreeSet::new(),
            lost: BTreeSet::new(),
        };
        let mut annotations = AnnotationFiles::of(folder, &dataset.format);
        let pictures = Pictures::of(set.files);
        for entry in &dataset.files {
            if annotations.role_of(&entry.path) != Role::Annotations {
                continue;
            }
            if !folder.join(&entry.path).is_file() {
                set.missing.insert(entry.path.clone());
                continue;
            }
            match annotations.read(&entry.path)? {
                Some(images) => set.add(&entry.path, images, &pictures)?,
                None => drop(set.unread.insert(entry.path.clone())),
            }
        }
        Ok(set)
    }

    fn add(
        &mut self,
        document: &str,
        images: Vec<Observation>,
        pictures: &Pictures,
    ) -> Result<(), Error> {
        for image in images {
            let names: Vec<_> = annotation_files::names_of(&image).collect();
            let file = names.iter().find_map(|name| pictures.find(document, name));
            let file = file.filter(|file| !self.of_file.contains_key(file));
            let name = names.first().map(|name| name.to_string());
            let record = Record::of_annotated(name.unwrap_or_default(), image);
            let bytes = serde_json::to_vec(&record).map_err(|e| {
                Error::new("a record cannot be written to a temporary file").because(e)
            })?;
            let span = self.scratch.append(&bytes)?;
            match file {
                Some(file) => drop(self.of_file.insert(file, span)),
                None => self.of_others.push(span),
            }
        }
        Ok(())
    }

    /// The record of a file, by its number; none if the file is not there.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub fn record(&mut self, number: usize) -> Result<Option<Record>, Error> {
        let mut of_file = Record::of_entry(&self.files[number]);
        let Ok(length) = Content::file(self.folder.join(&of_file.id)).length() else {
            if !self.missing.contains(&of_file.id) {
                self.lost.insert(of_file.id);
            }
            return Ok(None);
        };
        if of_file.bytes != Some(length) {
            // Somebody has changed it.
            (of_file.bytes, of_file.sha256) = (Some(length), None);
        }
        let span = self.of_file.get(&(number as u32)).copied();
        Ok(Some(match span {
            Some(span) => Record {
                id: of_file.id,
                path: of_file.path,
                bytes: of_file.bytes,
                sha256: of_file.sha256,
                ..self.get(span)?
            },
            None => {
                let is_unread = self.unread.contains(&of_file.id);
                let path = self.folder.join(&of_file.id);
                Record {
                    is_bare: is_image(&of_file.id)
                        && !(self.unread.is_empty() && self.missing.is_empty()),
                    // What cannot be read is compared by the bytes that are there, whatever was recorded.
                    sha256: match is_unread {
                        true => files::sha256_of_file(&path).ok(),
                        false => of_file.sha256,
                    },
                    ..of_file
                }
            }
        }))
    }

    /// The records of images that have no file in the set.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub fn others(&mut self) -> Result<Vec<Record>, Error> {
        let spans = std::mem::take(&mut self.of_others);
        spans.into_iter().map(|span| self.get(span)).collect()
    }

    fn get(&mut self, span: Span) -> Result<Record, Error> {
        let bytes = self.scratch.read(span)?;
        serde_json::from_slice(&bytes)
            .map_err(|e| Error::new("a record cannot be read from a temporary file").because(e))
    }
}

/// The pictures of a set, found by names: 12 bytes of each.
struct Pictures<'a> {
    files: &'a [DatasetEntry],
    /// Numbers made of names without folders and suffix, each with the number of the file; sorted.
    by_stem: Vec<(u64, u32)>,
}

impl<'a> Pictures<'a> {
    fn of(files: &'a [DatasetEntry]) -> Self {
        let numbered = files.iter().zip(0..);
        let pictures = numbered.filter(|(file, _)| is_image(&file.path));
        let mut by_stem: Vec<(u64, u32)> = pictures
            .filter_map(|(file, number)| Some((stem_of(&parts(&file.path))?, number)))
            .collect();
        by_stem.sort_unstable();
        Pictures { files, by_stem }
    }

    /// The picture that a name in a document means: of several the one whose path agrees furthest from its end, then the one
    /// nearest to the document. None where two are alike in that.
    fn find(&self, document: &str, name: &str) -> Option<u32> {
        let name = parts(name);
        let wanted = stem_of(&name)?;
        let document = parts(document);
        let first = self.by_stem.partition_point(|(stem, _)| *stem < wanted);
        let same = self.by_stem[first..].iter();
        let same = same.take_while(|(stem, _)| *stem == wanted);
        let mut found: Vec<((usize, usize), u32)> = same
            .map(|(_, number)| {
                let path = parts(&self.files[*number as usize].path);
                let folders = path.iter().rev().zip(name.iter().rev()).skip(1);
                let agree = folders.take_while(|(a, b)| a == b).count();
                let near = path.iter().zip(&document);
                let near = near.take_while(|(a, b)| a == b).count();
                ((agree, near), *number)
            })
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        match found[..] {
            [(first, _), (second, _), ..] if first == second => None,
            [(_, number), ..] => Some(number),
            [] => None,
        }
    }
}

/// A number made of the last part of a path, without the suffix of an image.
fn stem_of(path: &[String]) -> Option<u64> {
    let last = path.last()?;
    Some(files::hash_number(stem(last).as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_found_by_its_name_and_by_the_document_beside_it() {
        let entry = |path: &str| DatasetEntry {
            path: path.into(),
            bytes: 1,
            sha256: String::new(),
        };
        let paths = [
            "coco/images/a/1.jpg",
            "coco/images/b/1.jpg",
            "train/2.jpg",
            "valid/2.jpg",
            "labels/train/2.txt",
        ];
        let files: Vec<DatasetEntry> = paths.map(entry).into();
        let pictures = Pictures::of(&files);
        let cases = [
            ("coco/annotations/x.json", "b/1.jpg", Some(1)),
            ("coco/annotations/x.json", "images/a/1", Some(0)),
            ("coco/annotations/x.json", "1.jpg", None),
            ("valid/_annotations.coco.json", "2.jpg", Some(3)),
            ("valid/_annotations.coco.json", "3.jpg", None),
        ];
        for (document, name, wanted) in cases {
            assert_eq!(pictures.find(document, name), wanted, "{document} {name}");
        }
    }
}
