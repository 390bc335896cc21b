//! What became of manifests that were served before, as values.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::contracts::LocalizedImage;
use crate::serve::auth::rules::RuledImage;

/// A manifest as it was served. A line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServedManifest {
    /// Its name in the localizations.
    pub manifest: String,
    /// When it was seen to have other images than before.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc_3339")]
    pub changed: Option<Timestamp>,
    /// When it was seen to be gone.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc_3339")]
    pub gone: Option<Timestamp>,
    /// Its images, without boxes: who may know of one of them may know what became of the manifest.
    pub images: Vec<LocalizedImage>,
    /// The further names of each, by which rules know it, and the concepts of its boxes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_by: Vec<KnownBy>,
    /// When the file of each had last been written, in seconds since 1970: a picture may be replaced by an older one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modified: Vec<i64>,
}

/// What rules ask of an image that its description without boxes does not hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KnownBy {
    /// Its names besides its id, and those of its file.
    pub names: Vec<String>,
    /// The concepts of the image and its boxes, and of the first page of its file.
    pub concepts: Vec<String>,
}

impl ServedManifest {
    /// What rules are asked about each image; files of earlier versions hold less.
    pub fn ruled(&self) -> impl Iterator<Item = RuledImage<'_>> {
        let known = self.known_by.iter().map(Some);
        let known = known.chain(std::iter::repeat(None));
        self.images
            .iter()
            .zip(known)
            .map(|(about, known)| RuledImage {
                names: known.map_or(&[], |known| &known.names),
                concepts: known.map_or(&[], |known| &known.concepts),
                ..RuledImage::alone(about)
            })
    }

    /// Whether it has the same images in the same files; files of earlier versions do not say when theirs were written.
    pub fn is_same(&self, other: &ServedManifest) -> bool {
        let are_known = !self.modified.is_empty() && !other.modified.is_empty();
        self.images == other.images && (!are_known || self.modified == other.modified)
    }
}

/// Times as texts.
mod rfc_3339 {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(time: &Option<Timestamp>, out: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => out.collect_str(time),
            None => out.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Timestamp>, D::Error> {
        let text: Option<String> = Option::deserialize(text)?;
        let time = text.map(|text| text.parse()).transpose();
        time.map_err(serde::de::Error::custom)
    }
}

/// What became of manifests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServedMemory {
    /// Those that have other images than before, and since when.
    pub changed: BTreeMap<String, Timestamp>,
    /// Those that are gone, by name.
    pub gone: BTreeMap<String, ServedManifest>,
}

impl ServedMemory {
    /// Adds a manifest that is there, if it has other images than before.
    pub fn add(&mut self, manifest: &str, changed: Option<Timestamp>) {
        if let Some(changed) = changed {
            self.changed.insert(manifest.to_owned(), changed);
        }
    }

    /// Adds one that is gone from now on.
    pub fn add_gone(&mut self, manifest: ServedManifest, now: Timestamp) {
        let gone = ServedManifest {
            gone: Some(now),
            ..manifest
        };
        self.gone.insert(gone.manifest.clone(), gone);
    }
}
