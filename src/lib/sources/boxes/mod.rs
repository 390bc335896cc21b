//! Boxes from elsewhere: what annotation tools and models write, as observations. A file per format reads one document
//! into a common [`model`]; [`link`] puts documents together when all are read, since predictions, label files and lists of
//! classes refer to each other.
//!
//! Such files name images by file names. Where no option leads from them to URLs, an observation has names instead of an
//! address, and `extract` finds the image in the digest of the archive.

mod addresses;
mod class_lists;
pub mod class_names;
mod coco;
mod drawing;
mod image_list;
mod labelstudio;
mod labelstudio_min;
mod link;
mod loose_json;
pub mod model;
mod options;
mod rivals;
mod rle;
mod via;
mod voc;
mod xml;
mod yaml;
mod yolo;

use std::borrow::Cow;

use super::source::{Answer, DocumentRequest, Found, Source};
use super::unpack;
use crate::error::Error;
use crate::summary::Reject;
pub use addresses::{Addresses, ListedFile};
use class_lists::ClassLists;
use model::{BoxDocument, GivenImage};
pub use options::{BoxesOptions, KINDS};

/// A source of boxes.
#[derive(Debug, Default)]
pub struct Boxes {
    /// Its name, one of [`KINDS`].
    pub kind: &'static str,
    /// Documents: files and URLs.
    pub inputs: Vec<String>,
    /// What `--images` says.
    pub addresses: Addresses,
    /// Documents of `--images` that describe images: their images and classes hold for all others.
    pub lists: Vec<BoxDocument>,
    /// The list of classes of `--classes`.
    pub classes: Option<BoxDocument>,
    /// The attribute of the class (via).
    pub class_attribute: Option<String>,
    /// Whether corners are counted as in the devkit (voc).
    pub voc_inclusive: bool,
    /// The most bytes that a compressed document may hold.
    pub max_bytes: u64,
}

/// Whether a file in a folder is a document of a source.
pub fn is_document(kind: &str, path: &str) -> bool {
    let lower = path.to_lowercase();
    let name = lower.strip_suffix(".gz").unwrap_or(&lower);
    match kind {
        "yolo" => yolo::is_read(name),
        "voc" => name.ends_with(".xml"),
        "via" => name.ends_with(".json") || name.ends_with(".csv"),
        // Label Studio puts a description of its export beside it, recto those of the set.
        "labelstudio" | "coco" => {
            name.ends_with(".json")
                && !name.ends_with("dataset.json")
                && !name.ends_with("notes.json")
                && !name.ends_with("croissant.json")
        }
        _ => false,
    }
}

/// The most bytes that a compressed file of an option may hold.
const MOST: u64 = 4 << 30;

/// Reads a file of `--images`: pairs of files and images, or a COCO file.
///
/// # Errors
/// What it is instead.
pub fn read_image_list(name: &str, bytes: &[u8]) -> Result<BoxDocument, String> {
    image_list::read(name, &unpack::text(bytes, MOST)?)
}

/// Reads a file of `--classes`: `data.yaml`, a class per line, or a COCO file.
///
/// # Errors
/// What it is instead.
pub fn read_classes(name: &str, bytes: &[u8]) -> Result<BoxDocument, String> {
    let text = unpack::text(bytes, MOST)?;
    match text.trim_ascii_start().first() {
        Some(b'{') => coco::read(name, &text),
        _ => yolo::classes(name, &text),
    }
}

impl Boxes {
    fn document(&self, name: &str, bytes: &[u8]) -> Result<BoxDocument, String> {
        let text = unpack::text(bytes, self.max_bytes)?;
        match self.read_text(name, &text) {
            // Python writes NaN, which JSON does not have: then only the records with it are lost.
            Err(problem) if problem.starts_with("document cannot be read as JSON") => {
                let clean = loose_json::without_nan(&text).map(Cow::<[u8]>::Owned);
                clean.map_or(Err(problem), |clean| self.read_text(name, &clean))
            }
            outcome => outcome,
        }
    }

    /// What is left of a document that cannot be read: the image that its own name says it is about.
    fn unread(&self, name: &str) -> Option<BoxDocument> {
        let image = match self.kind {
            "voc" => Some(voc::own_name(name)),
            "yolo" => yolo::own_name(name),
            _ => None,
        };
        Some(BoxDocument {
            unread: Some(GivenImage {
                names: vec![image?],
                ..GivenImage::default()
            }),
            ..BoxDocument::of(name)
        })
    }

    fn read_text(&self, name: &str, text: &[u8]) -> Result<BoxDocument, String> {
        match self.kind {
            "coco" => coco::read(name, text),
            "yolo" => yolo::read(name, text),
            "voc" => voc::read(name, text, self.voc_inclusive),
            "via" => via::read(name, text, self.class_attribute.as_deref()),
            _ => labelstudio::read(name, text),
        }
    }
}

impl Source for Boxes {
    fn name(&self) -> &'static str {
        self.kind
    }

    fn first(&self) -> Vec<DocumentRequest> {
        DocumentRequest::of_inputs(&self.inputs)
    }

    fn expects(&self) -> &'static str {
        match self.kind {
            "yolo" => "a label file",
            "voc" => "XML",
            "via" => "JSON or CSV",
            _ => "JSON",
        }
    }

    fn counts(&self) -> &'static [&'static str] {
        &["images", "boxes", "boxes_rejected"]
    }

    fn finishes(&self) -> bool {
        true
    }

    /// Records are read one by one, but for the objects of VIA.
    fn reads_trees(&self) -> bool {
        self.kind == "via"
    }

    fn read(&self, answer: &Answer) -> Result<Found, Error> {
        let name = &answer.request.location;
        let mut found = Found::default();
        match self.document(name, &answer.bytes) {
            Ok(document) => found.boxes.push(document),
            Err(problem) => {
                found.boxes.extend(self.unread(name));
                found
                    .rejects
                    .push(Reject::new(name, "document", "document", problem));
            }
        }
        Ok(found)
    }

    fn finish(&self, mut found: Found) -> Found {
        let documents = std::mem::take(&mut found.boxes);
        let classes = ClassLists::of(&documents, &self.lists, self.classes.as_ref());
        let own = documents
            .iter()
            .flat_map(|document| document.addresses.iter().cloned());
        let addresses = self.addresses.with(own);
        let linked = link::link(self.kind, documents, &self.lists, &addresses, &classes);
        found.extend(linked);
        found
    }

    fn decides_in_finish(&self) -> bool {
        true
    }
}
