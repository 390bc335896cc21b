//! A line of a file of reviews: a correction that somebody made in the browser, as `recto-serve --review` writes it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::geometry::Frame;

/// A correction of a box, or what somebody says of an image as a whole: an activity (ActivityStreams 2.0, as in IIIF Change
/// Discovery) about a W3C annotation or an image. Lines are only ever appended; applied from first to last they give the
/// current state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// The JSON-LD contexts of Web Annotation and ActivityStreams.
    #[serde(rename = "@context", default = "context")]
    pub context: Vec<String>,
    /// What happened to the box or the image.
    #[serde(rename = "type")]
    pub kind: ReviewKind,
    /// Who made the correction.
    #[serde(default)]
    pub actor: Person,
    /// Time of the correction, RFC 3339, UTC.
    #[serde(rename = "endTime")]
    pub end_time: String,
    /// Id of the image that it was made on. It applies to every image of the same canvas.
    pub target: String,
    /// The box after the correction, or the image.
    pub object: Reviewed,
}

/// What happened to a box or an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ReviewKind {
    /// A new box, or one that comes back after it was removed.
    Create,
    /// The box has changed.
    Update,
    /// The box was removed.
    Delete,
    /// The box is right, or all of the image is.
    Accept,
    /// The image was looked through.
    View,
    /// The image is doubtful.
    Flag,
    /// What was said by `Accept`, `View` or `Flag` no longer holds.
    Undo,
    /// The image as a whole has this class.
    Add,
    /// The image as a whole no longer has this class.
    Remove,
}

/// What a correction is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ReviewedKind {
    /// A box.
    #[default]
    Annotation,
    /// An image as a whole.
    Image,
}

/// The person who made a correction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    /// Always `Person`.
    #[serde(rename = "type", default = "person")]
    #[schemars(extend("const" = "Person"))]
    pub kind: String,
    /// The name; empty if none was given.
    #[serde(default)]
    pub name: String,
}

/// A box as an annotation, or an image. Of a removed or accepted box only the id is present.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reviewed {
    /// Id of the localization on that image; for a new box, the id that it gets; or the id of the image.
    pub id: String,
    /// What it is.
    #[serde(rename = "type", default)]
    pub kind: ReviewedKind,
    /// Always `tagging`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub motivation: Option<String>,
    /// The class of the box or the image is the value of the first tag.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<Tag>,
    /// Where the box is, in units of the image's frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Part>,
    /// Attributes that change with the correction, such as `text`; null removes one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, serde_json::Value>,
    /// Who drew the box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<Person>,
    /// Time of drawing, RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
}

/// The class of a box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tag {
    /// Always `TextualBody`.
    #[serde(rename = "type", default = "textual_body")]
    #[schemars(extend("const" = "TextualBody"))]
    pub kind: String,
    /// Always `tagging`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Name of the class.
    pub value: String,
}

/// A part of an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Always `SpecificResource`.
    #[serde(rename = "type", default = "specific_resource")]
    #[schemars(extend("const" = "SpecificResource"))]
    pub kind: String,
    /// Id of the image.
    pub source: String,
    /// `[width, height]` of the space that the coordinates are in; absent: the frame of the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
    /// Which part of the image.
    pub selector: Selector,
}

/// Which part of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Selector {
    /// The kind of selector.
    #[serde(rename = "type")]
    pub kind: SelectorKind,
    /// URI of the media fragments specification, for a `FragmentSelector`.
    #[serde(
        rename = "conformsTo",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub conforms_to: Option<String>,
    /// `xywh=1,2.5,3,4`, or an SVG element with the outline.
    pub value: String,
}

/// Kinds of selectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SelectorKind {
    /// A box, as a media fragment.
    FragmentSelector,
    /// An outline, as SVG.
    SvgSelector,
}

/// The JSON-LD contexts of every line.
pub fn context() -> Vec<String> {
    [
        "http://www.w3.org/ns/anno.jsonld",
        "https://www.w3.org/ns/activitystreams",
    ]
    .map(str::to_owned)
    .into()
}

fn person() -> String {
    "Person".into()
}

fn textual_body() -> String {
    "TextualBody".into()
}

fn specific_resource() -> String {
    "SpecificResource".into()
}

impl Person {
    /// A person with this name.
    pub fn named(name: &str) -> Self {
        Person {
            kind: person(),
            name: name.to_owned(),
        }
    }
}

impl Tag {
    /// A tag with this class.
    pub fn of(concept: &str) -> Self {
        Tag {
            kind: textual_body(),
            purpose: Some("tagging".into()),
            value: concept.to_owned(),
        }
    }
}

impl Part {
    /// A part of an image.
    pub fn of(image: &str, frame: Option<Frame>, selector: Selector) -> Self {
        Part {
            kind: specific_resource(),
            source: image.to_owned(),
            frame,
            selector,
        }
    }
}

impl Reviewed {
    /// A box or an image of which only the id is given, as in deletions.
    pub fn named(kind: ReviewedKind, id: &str) -> Self {
        Reviewed {
            id: id.to_owned(),
            kind,
            motivation: None,
            body: Vec::new(),
            target: None,
            attributes: BTreeMap::new(),
            creator: None,
            created: None,
        }
    }
}
