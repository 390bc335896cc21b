//! Which images are one side of a thing: bands and lights of one canvas, with the same boxes. Pure.

use serde_json::Value;

use crate::contracts::{Localization, LocalizedImage};
use crate::files;

/// Whether two images are one side: they share a canvas, its frame, its words and its boxes.
pub fn is_one(a: &LocalizedImage, b: &LocalizedImage) -> bool {
    a.source.canvas.is_some()
        && a.source.canvas == b.source.canvas
        && a.source.labels.canvas == b.source.labels.canvas
        && a.source.rights == b.source.rights
        && a.source.attribution == b.source.attribution
        && a.frame == b.frame
        && a.metadata == b.metadata
        && a.labels == b.labels
        && a.localizations.len() == b.localizations.len()
        && (a.localizations.iter().zip(&b.localizations)).all(|(a, b)| is_same(a, b))
}

/// Whether two boxes on two images are one annotation of their canvas.
fn is_same(a: &Localization, b: &Localization) -> bool {
    let others = |l: &'_ Localization| {
        let mut attributes = l.attributes.clone();
        attributes.remove("annotation");
        attributes
    };
    name(a) == name(b)
        && a.concept == b.concept
        && a.bbox == b.bbox
        && a.polygon == b.polygon
        && others(a) == others(b)
}

/// The annotation that a box comes from: its own id, unless it had to be told apart from others of the same one.
pub fn name(localization: &Localization) -> &str {
    let told = localization.attributes.get("annotation");
    told.and_then(Value::as_str).unwrap_or(&localization.id)
}

/// What tells the boxes of an annotation apart that stands with several images.
pub fn id_on(annotation: &str, image: &str) -> String {
    const DIGITS: usize = 8;
    let hash = files::hex_digest(image.as_bytes(), DIGITS);
    format!("{annotation}@{hash}")
}
