//! `digest.json`, written by `recto-digest` and read by `recto-extract`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::annotation::Annotation;
use super::envelope::Contract;
use super::geometry::{BBox, Frame, as_plain_number};
use super::image_ref::{ImageRef, Metadata, Provenance, SeeAlso};
use super::review::Review;
use super::taxonomy::Taxonomy;

/// `digest.json`: what a source reports, with everything that later stages need, so that they do not have to ask it
/// again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Digest {
    /// Always `recto/digest`.
    #[schemars(extend("const" = "recto/digest"))]
    pub contract: String,
    /// Version of this shape: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The query that the source was asked.
    pub source: SourceQuery,
    /// One entry per image reported, in the order of the source.
    pub observations: Vec<Observation>,
    /// The place of each concept in the tree of the source's knowledge base, if it has one.
    #[serde(default, skip_serializing_if = "Taxonomy::is_empty")]
    pub taxonomy: Taxonomy,
    /// Corrections of boxes that people made in the browser, in order; `extract` applies them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviews: Vec<Review>,
}

impl Contract for Digest {
    const NAME: &'static str = "recto/digest";
    const WRITTEN_BY: &'static str = "recto-digest";
}

impl Digest {
    /// A digest of the current version, without taxonomy and reviews.
    pub fn new(source: SourceQuery, observations: Vec<Observation>) -> Self {
        Digest {
            contract: Self::NAME.into(),
            version: Self::VERSION,
            source,
            observations,
            taxonomy: Taxonomy::new(),
            reviews: Vec::new(),
        }
    }
}

/// The query that a source was asked, so that the digest can be made again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourceQuery {
    /// The source: `iiif`, `table`, `m3`, `fathomnet`.
    pub kind: String,
    /// The inputs as typed: URLs, file names or concepts.
    pub inputs: Vec<String>,
    /// The options that select images and boxes, as typed: `--descendants`, `--all`, `--label`, `--where` and `--limit`
    /// with their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
}

/// One image as a source reports it, with its annotations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// Stable id of the image: its service (with the region, if it is a part), else its URL.
    pub id: String,
    /// Where its pixels are.
    pub image: ImageRef,
    /// Where it was found.
    pub source: Provenance,
    /// Images of one group never go to different splits: the manuscript, manifest or dive.
    pub group: String,
    /// Metadata of the image, its canvas and its object.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: Metadata,
    /// Size of the canvas in its own units: the space of regions whose `frame` is `canvas`. Often not the size of the
    /// image in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canvas: Option<Frame>,
    /// The part of the canvas that the image covers, in canvas units; absent: the whole canvas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<BBox>,
    /// Clockwise rotation in degrees that the source applies to the stored image when it puts it on the canvas; absent:
    /// 0.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_plain_number"
    )]
    pub rotation: Option<f64>,
    /// Other documents about the image or its canvas: transcriptions, descriptions, other forms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub see_also: Vec<SeeAlso>,
    /// Statements about the image or parts of it. Annotations of a canvas are repeated with each of its images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
}
