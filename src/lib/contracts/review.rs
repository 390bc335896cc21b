//! A line of a file of reviews: a correction that somebody made in the browser, as `recto-serve --review` appends it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Frame;

/// A correction: an activity (ActivityStreams 2.0, as IIIF's Change Discovery uses it) about a W3C annotation. Lines
/// are only ever appended; made from the first to the last they give the present state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// What the words mean: those of Web Annotation and ActivityStreams.
    #[serde(rename = "@context", default = "context")]
    pub context: Vec<String>,
    /// What becomes of the box.
    #[serde(rename = "type")]
    pub kind: ReviewKind,
    /// Who made it.
    #[serde(default)]
    pub actor: Person,
    /// When, RFC 3339, UTC.
    #[serde(rename = "endTime")]
    pub end_time: String,
    /// Id of the image it was made on; it holds for every image of the same side.
    pub target: String,
    /// The box.
    pub object: Reviewed,
}

/// What becomes of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ReviewKind {
    /// There is a new one.
    Create,
    /// It is this now.
    Update,
    /// It is gone.
    Delete,
}

/// Somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    /// Always `Person`.
    #[serde(rename = "type", default = "person")]
    #[schemars(extend("const" = "Person"))]
    pub kind: String,
    /// The name; empty where nobody signed.
    #[serde(default)]
    pub name: String,
}

/// A box as an annotation. Of one that is gone only the id is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reviewed {
    /// Id of the localization on that image; of a new one, the id it gets.
    pub id: String,
    /// Always `Annotation`.
    #[serde(rename = "type", default = "annotation")]
    #[schemars(extend("const" = "Annotation"))]
    pub kind: String,
    /// Always `tagging`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub motivation: Option<String>,
    /// The concept, as the value of the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<Tag>,
    /// Where it is, in the frame of the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Part>,
    /// Who drew it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<Person>,
    /// When, RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
}

/// A concept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tag {
    /// Always `TextualBody`.
    #[serde(rename = "type", default = "textual_body")]
    #[schemars(extend("const" = "TextualBody"))]
    pub kind: String,
    /// Always `tagging`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The concept.
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
    /// `[width, height]` of the space that the part is in; absent: the frame of the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
    /// Which part.
    pub selector: Selector,
}

/// Which part of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Selector {
    /// How the part is named.
    #[serde(rename = "type")]
    pub kind: SelectorKind,
    /// The specification of media fragments.
    #[serde(
        rename = "conformsTo",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub conforms_to: Option<String>,
    /// `xywh=1,2.5,3,4`, or an SVG element with the outline.
    pub value: String,
}

/// How a part of an image is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SelectorKind {
    /// A media fragment.
    FragmentSelector,
    /// An outline.
    SvgSelector,
}

/// The words that lines are written in.
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

fn annotation() -> String {
    "Annotation".into()
}

fn textual_body() -> String {
    "TextualBody".into()
}

fn specific_resource() -> String {
    "SpecificResource".into()
}

impl Person {
    /// Somebody by name.
    pub fn named(name: &str) -> Self {
        Person {
            kind: person(),
            name: name.to_owned(),
        }
    }
}

impl Tag {
    /// A concept.
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
    /// A box of which only the id is said.
    pub fn gone(id: &str) -> Self {
        Reviewed {
            id: id.to_owned(),
            kind: annotation(),
            motivation: None,
            body: Vec::new(),
            target: None,
            creator: None,
            created: None,
        }
    }
}
