//! `localizations.json` as far as the drawn archive fills it. `schemas/localizations.schema.json` has all of it.

use std::collections::BTreeMap;

use serde::Serialize;

/// The whole file.
#[derive(Debug, Serialize)]
pub struct Localizations<'a> {
    contract: &'static str,
    version: u32,
    images: Vec<&'a Image>,
}

impl<'a> Localizations<'a> {
    /// The file that lists these images.
    pub fn new(images: Vec<&'a Image>) -> Self {
        Localizations {
            contract: "recto/localizations",
            version: 1,
            images,
        }
    }
}

/// One image with its boxes.
#[derive(Clone, Debug, Serialize)]
pub struct Image {
    /// Unique name.
    pub id: String,
    /// Where its pixels are.
    pub image: ImageRef,
    /// Where it was found.
    pub source: Provenance,
    /// What must not be divided between training and test: the manuscript.
    pub group: String,
    /// What the archive says about it.
    pub metadata: BTreeMap<&'static str, [String; 1]>,
    /// Concepts of the image as a whole: none.
    pub labels: [String; 0],
    /// Width and height of the space of its boxes: that of its pixels.
    pub frame: [u32; 2],
    /// A box around every letter.
    pub localizations: Vec<Letter>,
}

/// Where the pixels of an image are.
#[derive(Clone, Debug, Serialize)]
pub struct ImageRef {
    /// The image service that the archive pretends to have.
    pub service: Service,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Always `image/jpeg`.
    pub media_type: &'static str,
}

/// A IIIF Image API service.
#[derive(Clone, Debug, Serialize)]
pub struct Service {
    /// Base URI.
    pub id: String,
    /// Major version of the Image API.
    pub version: u8,
    /// Compliance level.
    pub level: u8,
}

/// Where an image was found, and whose it is.
#[derive(Clone, Debug, Serialize)]
pub struct Provenance {
    /// Always `drawing`.
    pub kind: &'static str,
    /// The manuscript.
    pub manifest: &'static str,
    /// The side of the fragment.
    pub canvas: String,
    /// What people call it.
    pub labels: Labels,
    /// URI of the licence.
    pub rights: &'static str,
    /// Whom to name.
    pub attribution: &'static str,
}

/// Labels from the large to the small.
#[derive(Clone, Debug, Serialize)]
pub struct Labels {
    /// Of the manuscript.
    pub manifest: &'static str,
    /// Of the side.
    pub canvas: String,
    /// Of the image: the light it was taken in.
    pub image: String,
}

/// A letter and the box around its ink.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Letter {
    /// Unique within its image.
    pub id: String,
    /// Name of the letter.
    pub concept: &'static str,
    /// `[x, y, width, height]` in pixels from the outer corner of the top-left pixel.
    pub bbox: [u32; 4],
    /// What else is known: nothing.
    pub attributes: BTreeMap<String, String>,
}
