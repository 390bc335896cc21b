//! `localizations.json`, written by `recto-extract` and read by `recto-download`, `recto-reformat` and `recto-serve`.

use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::attributes::Attributes;
use super::envelope::Contract;
use super::geometry::{BBox, Frame, Polygon};
use super::image_ref::{ImageRef, Metadata, Provenance};
use super::points::map_points;
use super::taxonomy::Taxonomy;
use super::text::{AttributeValue, HoldsText, Text};
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

impl Default for Localizations {
    fn default() -> Self {
        Localizations::new(Vec::new())
    }
}

/// An image as it stands in the list of a `localizations.json`, for [`write_localizations`].
///
/// # Errors
/// It cannot be represented in JSON.
pub fn image_as_element(image: &LocalizedImage) -> serde_json::Result<Vec<u8>> {
    let plain = serde_json::to_vec_pretty(image)?;
    let mut element = Vec::with_capacity(plain.len() * 5 / 4);
    // Line ends within texts are escaped: these are all between members.
    for (n, line) in plain.split(|byte| *byte == b'\n').enumerate() {
        element.extend_from_slice(if n == 0 { b"" } else { b"\n    " });
        element.extend_from_slice(line);
    }
    Ok(element)
}

/// Writes a `localizations.json` as `files::write_json` writes a [`Localizations`], without holding all of its images in memory:
/// `images` calls what it is given with each of them, as [`image_as_element`] makes it.
///
/// # Errors
/// Those of `images`, and nothing can be written to `out`.
pub fn write_localizations(
    out: &mut dyn io::Write,
    taxonomy: &Taxonomy,
    images: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>,
) -> io::Result<()> {
    let (name, version) = (Localizations::NAME, Localizations::VERSION);
    write!(
        out,
        "{{\n  \"contract\": \"{name}\",\n  \"version\": {version},\n  \"images\": ["
    )?;
    let mut is_first = true;
    images(&mut |element| {
        out.write_all(if is_first { b"\n    " } else { b",\n    " })?;
        is_first = false;
        out.write_all(element)
    })?;
    out.write_all(if is_first { b"]" } else { b"\n  ]" })?;
    if !taxonomy.is_empty() {
        let taxonomy = serde_json::to_string_pretty(taxonomy)?.replace('\n', "\n  ");
        write!(out, ",\n  \"taxonomy\": {taxonomy}")?;
    }
    out.write_all(b"\n}\n")
}

/// One image with its boxes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LocalizedImage")]
#[schemars(bound = "S: HoldsText + JsonSchema + Serialize, V: JsonSchema + Serialize")]
#[serde(bound(serialize = "S: AsRef<str> + Serialize, V: Serialize"))]
#[serde(bound(deserialize = "S: HoldsText + Deserialize<'de>, V: Deserialize<'de>"))]
pub struct LocalizedImage<S = String, V = Value> {
    /// Stable, unique id: that of the observation in the digest.
    pub id: S,
    /// Where its pixels are.
    pub image: ImageRef<S>,
    /// Where it was found.
    pub source: Provenance<S>,
    /// Images of one group never go to different splits.
    pub group: S,
    /// Metadata of the image, its canvas and its object.
    #[serde(default)]
    pub metadata: Metadata<S>,
    /// Classes of the image as a whole.
    #[serde(default)]
    pub labels: Vec<S>,
    /// Size of the coordinate space of its boxes, which the whole image fills. Absent: unknown; then there are no
    /// boxes, unless they are `in_pixels`.
    #[serde(default)]
    pub frame: Option<Frame>,
    /// Whether boxes are in pixels of the file itself, whatever its size. For sources that do not give sizes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_pixels: bool,
    /// Where it lies on its canvas. Absent: it fills a canvas of the size `frame`, upright.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub painted: Option<Painted>,
    /// Whether it is annotated, and nothing of that could be used. Such an image is no negative: nothing says that nothing is on
    /// it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rejected: bool,
    /// Its boxes.
    #[serde(default)]
    pub localizations: Vec<Localization<S, V>>,
}

/// Where an image lies on its canvas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Painted {
    /// The part of the canvas that it fills, in units of the canvas.
    pub area: BBox,
    /// By how many degrees it is turned there, clockwise.
    #[serde(default, skip_serializing_if = "is_upright")]
    pub rotation: f64,
}

fn is_upright(rotation: &f64) -> bool {
    *rotation == 0.0
}

/// An image whose texts are borrowed from the bytes of a file.
pub type BorrowedImage<'a> = LocalizedImage<Text<'a>, AttributeValue<'a>>;

/// A box whose texts are borrowed from the bytes of a file.
pub type BorrowedLocalization<'a> = Localization<Text<'a>, AttributeValue<'a>>;

impl<S: AsRef<str>, V> LocalizedImage<S, V> {
    /// Its size in pixels as far as the source reports one: declared, else that of the frame of its boxes.
    pub fn reported_size(&self) -> Option<[u32; 2]> {
        let frame = self.frame.filter(|frame| *frame != Frame::PERCENT);
        let framed = || frame.map(|f| [f.width as u32, f.height as u32]);
        self.image.declared().or_else(framed)
    }
}

impl LocalizedImage {
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
            map_points(&mut localization.attributes, |[x, y]| [x * sx, y * sy]);
        }
        self.frame = Some(size);
    }
}

/// One box with its class on one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Localization")]
#[schemars(bound = "S: AsRef<str> + JsonSchema + Serialize, V: JsonSchema + Serialize")]
#[serde(bound(deserialize = "S: AsRef<str> + Deserialize<'de>, V: Deserialize<'de>"))]
#[serde(bound(serialize = "S: AsRef<str> + Serialize, V: Serialize"))]
pub struct Localization<S = String, V = Value> {
    /// The source's id, made unique where one annotation has several regions or images.
    pub id: S,
    /// The class of the box: what it shows.
    pub concept: S,
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
    pub attributes: Attributes<S, V>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::Taxon;

    #[test]
    fn a_set_is_the_same_whether_its_images_are_held_or_made() {
        let image = |id: &str| LocalizedImage {
            id: id.into(),
            metadata: [("a\nb".to_owned(), vec!["c\nd".to_owned()])].into(),
            ..LocalizedImage::default()
        };
        let taxa: Taxonomy = [("x".to_owned(), Taxon::default())].into();
        for (images, taxonomy) in [
            (vec![], Taxonomy::new()),
            (vec![image("é")], Taxonomy::new()),
            (vec![image("a"), image("b")], taxa),
        ] {
            let set = Localizations {
                taxonomy,
                ..Localizations::new(images)
            };
            let mut held = serde_json::to_vec_pretty(&set).unwrap();
            held.push(b'\n');
            let mut made = Vec::new();
            write_localizations(&mut made, &set.taxonomy, |put| {
                let elements = set
                    .images
                    .iter()
                    .map(|image| image_as_element(image).unwrap());
                elements.into_iter().try_for_each(|element| put(&element))
            })
            .unwrap();
            assert_eq!(String::from_utf8(made), String::from_utf8(held));
        }
    }
}
