//! `digest.json`, written by `recto-digest` and read by `recto-extract`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

use schemars::JsonSchema;
use serde::ser::{Error as _, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};

use super::annotation::Annotation;
use super::envelope::Contract;
use super::geometry::{BBox, Frame, as_plain_number};
use super::image_ref::{ImageRef, Metadata, Provenance, SeeAlso};
use super::review::Review;
use super::taxonomy::Taxonomy;
use crate::error::Error;

/// `digest.json`: what a source reports, with everything that later stages need, so that they do not have to ask it
/// again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Digest {
    /// Always `recto/digest`.
    #[schemars(extend("const" = "recto/digest"))]
    pub contract: String,
    /// Version of the contract: 1.
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
    const LIST: &'static str = "observations";
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

/// A digest whose images are made while it is written, so that they are never all in memory.
#[derive(Serialize)]
struct Streamed<'a, I: Iterator<Item = Result<Observation, Error>>> {
    contract: &'a str,
    version: u32,
    source: &'a SourceQuery,
    #[serde(serialize_with = "one_by_one")]
    observations: RefCell<I>,
    #[serde(skip_serializing_if = "is_without_taxa")]
    taxonomy: &'a Taxonomy,
    #[serde(skip_serializing_if = "is_without_reviews")]
    reviews: &'a [Review],
}

// Serde passes references to the members, which are references.
fn is_without_taxa(taxonomy: &&Taxonomy) -> bool {
    taxonomy.is_empty()
}

fn is_without_reviews(reviews: &&[Review]) -> bool {
    reviews.is_empty()
}

fn one_by_one<S: Serializer, I: Iterator<Item = Result<Observation, Error>>>(
    observations: &RefCell<I>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(None)?;
    for observation in &mut *observations.borrow_mut() {
        let observation = observation.map_err(|e| S::Error::custom(e.what()))?;
        list.serialize_element(&observation)?;
    }
    list.end()
}

/// Writes a digest as `files::write_json` writes a [`Digest`], without holding all of its images in memory.
///
/// # Errors
/// An image cannot be made, or nothing can be written to `out`.
pub fn write_digest(
    out: &mut dyn io::Write,
    source: &SourceQuery,
    observations: impl Iterator<Item = Result<Observation, Error>>,
    taxonomy: &Taxonomy,
    reviews: &[Review],
) -> io::Result<()> {
    let digest = Streamed {
        contract: Digest::NAME,
        version: Digest::VERSION,
        source,
        observations: RefCell::new(observations),
        taxonomy,
        reviews,
    };
    serde_json::to_writer_pretty(&mut *out, &digest)?;
    out.write_all(b"\n")
}

/// The query that a source was asked, so that the digest can be made again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourceQuery {
    /// The source: `iiif`, `table`, `m3`, `fathomnet`, `coco`, `yolo`, `voc`, `via`, `labelstudio`.
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
    /// Stable id of the image: its service (with the region, if it is a part), else its URL; of boxes from elsewhere its
    /// file name, if nothing else is known.
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
    /// image in pixels; `[100, 100]` where regions are in percent of an image of unknown size.
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
    /// Whether annotations of it, or a document that may hold some, could not be used: without boxes it is no negative. One
    /// without annotations and address only says this of the image that another digest holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rejected: bool,
}

impl Observation {
    /// Whether it only says of an image that another digest holds that it is annotated and that nothing of that can be used.
    pub fn is_mark(&self) -> bool {
        let has_address = self.image.url.is_some() || self.image.service.is_some();
        self.rejected && self.annotations.is_empty() && !has_address
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::{Labels, Taxon};

    #[test]
    fn a_digest_is_the_same_whether_its_images_are_held_or_made() {
        let image = |id: &str| Observation {
            id: id.into(),
            source: Provenance {
                labels: Labels {
                    image: Some("é".into()),
                    ..Labels::default()
                },
                ..Provenance::default()
            },
            rotation: Some(0.1 + 0.2),
            ..Observation::default()
        };
        let review: Review = serde_json::from_value(serde_json::json!({
            "type": "Delete", "target": "https://a.example/1", "endTime": "2026-01-01T00:00:00Z", "object": {"id": "l"}
        }))
        .unwrap();
        for (images, taxa, reviews) in [
            (vec![], Taxonomy::new(), vec![]),
            (
                vec![image("a"), image("b")],
                [("x".to_owned(), Taxon::default())].into(),
                vec![review],
            ),
        ] {
            let digest = Digest {
                taxonomy: taxa,
                reviews,
                ..Digest::new(SourceQuery::default(), images)
            };
            let mut held = serde_json::to_vec_pretty(&digest).unwrap();
            held.push(b'\n');
            let mut made = Vec::new();
            let images = digest.observations.iter().cloned().map(Ok);
            write_digest(
                &mut made,
                &digest.source,
                images,
                &digest.taxonomy,
                &digest.reviews,
            )
            .unwrap();
            assert_eq!(String::from_utf8(made), String::from_utf8(held));
        }
    }
}
