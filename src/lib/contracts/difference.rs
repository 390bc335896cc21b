//! What `recto diff --json` prints: a line for each difference.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line of `recto diff --json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Always `difference/1`: the name and version of the contract.
    #[schemars(extend("const" = "difference/1"))]
    pub recto: String,
    /// What is not the same.
    pub change: Changed,
    /// Id of the image, path of the file, or name of the class or group; passwords and signatures are left out.
    pub id: String,
    /// Id of the box, where the difference is one of a box that has an id.
    #[serde(rename = "box", default, skip_serializing_if = "Option::is_none")]
    pub box_id: Option<String>,
    /// Which member, where there are several: `id`, `url` or `path` of what has moved, the key of metadata, the name of an
    /// attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// What it was; absent: there was nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// What it is; absent: there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
    /// Of a box that has changed: the area that both have in common, as a part of the area that they cover together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iou: Option<f64>,
}

impl Difference {
    /// The text of the `recto` member.
    pub const NAME: &'static str = "difference/1";
}

/// What is not the same.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Changed {
    /// An image or file that was not there.
    #[default]
    New,
    /// An image or file that is not there any more.
    Gone,
    /// A file that an image map names and that is not there any more.
    Missing,
    /// The same under another id, URL or path.
    Moved,
    /// Another picture.
    Picture,
    /// The same picture, as far as it looks, in other bytes.
    Bytes,
    /// A file that is no picture, with other contents.
    Contents,
    /// The size of an image, or of the space of its boxes.
    Size,
    /// A box that was not there.
    NewBox,
    /// A box that is not there any more.
    GoneBox,
    /// The place or size of a box.
    Box,
    /// The outline in a box.
    Outline,
    /// The class of a box.
    Label,
    /// The id of a box that is the same in all else.
    BoxId,
    /// An attribute of a box.
    Attribute,
    /// The classes of an image as a whole.
    Labels,
    /// The rights of an image.
    Rights,
    /// The attribution of an image.
    Attribution,
    /// The group of an image.
    Group,
    /// Metadata or labels of an image.
    Metadata,
    /// How many boxes a class of a dataset has.
    Class,
    /// The split of a group of a dataset.
    Split,
}

impl Changed {
    /// Whether it is a change of one box, of which an image may have several.
    pub fn is_of_box(self) -> bool {
        match self {
            Changed::NewBox
            | Changed::GoneBox
            | Changed::Box
            | Changed::Outline
            | Changed::Label
            | Changed::BoxId
            | Changed::Attribute => true,
            Changed::New
            | Changed::Gone
            | Changed::Missing
            | Changed::Moved
            | Changed::Picture
            | Changed::Bytes
            | Changed::Contents
            | Changed::Size
            | Changed::Labels
            | Changed::Rights
            | Changed::Attribution
            | Changed::Group
            | Changed::Metadata
            | Changed::Class
            | Changed::Split => false,
        }
    }
}
