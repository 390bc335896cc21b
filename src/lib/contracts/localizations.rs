//! `localizations.json`, written by `recto-extract` and read by `recto-download`, `recto-reformat` and `recto-serve`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::envelope::Contract;
use super::geometry::{BBox, Frame, Polygon};
use super::image_ref::{ImageRef, Metadata, Provenance};
use super::taxonomy::Taxonomy;
use crate::summary::Reject;

/// `localizations.json`: the images to download and the boxes on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Localizations {
    /// Always `recto/localizations`.
    #[schemars(extend("const" = "recto/localizations"))]
    pub contract: String,
    /// Version of the contract: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// One entry per image, ids unique.
    pub images: Vec<LocalizedImage>,
    /// The place of each concept in the tree of the source's knowledge base, if it has one.
    #[serde(default, skip_serializing_if = "Taxonomy::is_empty")]
    pub taxonomy: Taxonomy,
    /// Records of a file by another program that cannot be used. Never written.
    #[serde(skip)]
    pub rejects: Vec<Reject>,
}

impl Localizations {
    /// Localizations of the current version, without taxonomy.
    pub fn new(images: Vec<LocalizedImage>) -> Self {
        Localizations {
            contract: Self::NAME.into(),
            version: Self::VERSION,
            images,
            taxonomy: Taxonomy::new(),
            rejects: Vec::new(),
        }
    }
}

/// One image with its boxes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LocalizedImage {
    /// Stable, unique id: that of the observation in the digest.
    pub id: String,
    /// Where its pixels are.
    pub image: ImageRef,
    /// Where it was found.
    pub source: Provenance,
    /// Images of one group never go to different splits.
    pub group: String,
    /// Metadata of the image, its canvas and its object.
    #[serde(default)]
    pub metadata: Metadata,
    /// Classes of the image as a whole.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Size of the coordinate space of its boxes, which the whole image fills. Absent: unknown; then there are no
    /// boxes, unless they are `in_pixels`.
    #[serde(default)]
    pub frame: Option<Frame>,
    /// Whether boxes are in pixels of the file itself, whatever its size. For sources that do not give sizes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_pixels: bool,
    /// Its boxes.
    #[serde(default)]
    pub localizations: Vec<Localization>,
}

impl LocalizedImage {
    /// Its size in pixels as far as the source reports one: declared, else that of the frame of its boxes.
    pub fn reported_size(&self) -> Option<[u32; 2]> {
        let frame = self.frame.filter(|frame| *frame != Frame::PERCENT);
        let framed = || frame.map(|f| [f.width as u32, f.height as u32]);
        self.image.declared().or_else(framed)
    }

    /// Turns boxes in percent of the image into boxes in its pixels; all others stay as they are.
    pub fn resolve_percent(&mut self, size: Frame) {
        if self.frame != Some(Frame::PERCENT) {
            return;
        }
        let [sx, sy] = [
            size.width / Frame::PERCENT.width,
            size.height / Frame::PERCENT.height,
        ];
        for localization in &mut self.localizations {
            localization.bbox = localization.bbox.scale(sx, sy);
            let polygon = localization.polygon.as_ref();
            localization.polygon = polygon.map(|p| p.map(|[x, y]| [x * sx, y * sy]));
            for hole in &mut localization.holes {
                *hole = hole.map(|[x, y]| [x * sx, y * sy]);
            }
        }
        self.frame = Some(size);
    }
}

/// One box with its class on one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Localization {
    /// The source's id, made unique where one annotation has several regions or images.
    pub id: String,
    /// The class of the box: what it shows.
    pub concept: String,
    /// `[x, y, width, height]` in units of the image's `frame`.
    pub bbox: BBox,
    /// Outline `[[x, y], …]` in units of the image's `frame`, where the source has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polygon: Option<Polygon>,
    /// Rings inside the outline around what does not belong to it, `[[[x, y], …], …]` in units of the image's `frame`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<Polygon>,
    /// Text, motivation, confidence…
    #[serde(default)]
    pub attributes: BTreeMap<String, serde_json::Value>,
}
