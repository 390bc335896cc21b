//! The part of an image that a selector describes.

use serde::{Deserialize, Serialize};

use crate::contracts::{BBox, Polygon};

/// The largest absolute value of a coordinate, in pixels, that is accepted: ten times the side of the largest images there
/// are. Beyond it a number is a mistake, and arithmetic on it would be slow or meaningless.
pub const MAX_COORDINATE: f64 = 10_000_000.0;

/// A part of an image, in the pixels of the space that its selector is written for, not clipped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// The bounding box of the part.
    pub bbox: BBox,
    /// Its outline, where the selector has one, as if it had no holes.
    pub polygon: Option<Polygon>,
    /// The holes in the outline.
    pub holes: Vec<Polygon>,
    /// The line that the text of the part stands on, from its start to its end, where the selector draws one. At least
    /// two points.
    pub baseline: Option<Vec<[f64; 2]>>,
}
