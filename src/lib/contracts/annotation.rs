//! What a source states about an image or parts of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The attribute of a box that a model predicted on an image of which somebody said that nothing is there: `true`.
pub const ANNOTATED_EMPTY: &str = "annotated_empty";

/// A statement about an image or parts of it, as the source makes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Annotation {
    /// The source's id, or one made from its position in the document.
    pub id: String,
    /// Purpose: `tagging`, `commenting`, `supplementing`…, without the prefix of a vocabulary.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub motivation: Vec<String>,
    /// What it says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bodies: Vec<Body>,
    /// The parts it is about; each becomes a localization. Never empty: the whole image is a region too.
    pub regions: Vec<Region>,
    /// Anything else worth keeping: confidence, creator…
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, serde_json::Value>,
}

/// One body of an annotation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Body {
    /// Purpose of this body: `tagging`, `transcribing`, `label`…; absent: see the annotation's motivation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The text, or the URL of the thing that it names.
    pub value: String,
    /// Label for people, where `value` is a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Media type of the text, such as `text/html`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Language of the text, as the source writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// A part of an image as the source describes it. Without `fragment`, `svg` and `point` it is the whole image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Region {
    /// The space that the coordinates are in.
    pub frame: Space,
    /// A media fragment such as `xywh=10,20,30,40`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragment: Option<String>,
    /// An SVG document or element.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub svg: Option<String>,
    /// A point, `[x, y]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<[f64; 2]>,
}

impl Region {
    /// Whether it is the whole image, and not a part of it.
    pub fn is_whole(&self) -> bool {
        self.fragment.is_none() && self.svg.is_none() && self.point.is_none()
    }
}

/// The space in which a region is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Space {
    /// The observation's `canvas`, in its units.
    #[default]
    Canvas,
    /// The pixels of the image at full size.
    Image,
}
