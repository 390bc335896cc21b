//! Which images are captures of one canvas: the spectral bands of a page, for example, which share all boxes.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::Value;

use super::localizations::{Localization, LocalizedImage};
use crate::files;

/// Whether two images are captures of one canvas: they share the canvas, its frame, its metadata and its boxes.
pub fn is_same_canvas(a: &LocalizedImage, b: &LocalizedImage) -> bool {
    a.source.canvas.is_some()
        && a.source.canvas == b.source.canvas
        && a.source.labels.canvas == b.source.labels.canvas
        && a.source.rights == b.source.rights
        && a.source.attribution == b.source.attribution
        && a.frame == b.frame
        && a.metadata == b.metadata
        && a.labels == b.labels
        && a.localizations.len() == b.localizations.len()
        && (a.localizations.iter().zip(&b.localizations)).all(|(a, b)| is_same_annotation(a, b))
}

/// A number that images of one canvas share, and that few others do: to compare only those that have it in common.
pub fn fingerprint(image: &LocalizedImage) -> u64 {
    let mut hasher = DefaultHasher::new();
    let source = &image.source;
    (&source.canvas, &source.labels.canvas).hash(&mut hasher);
    (&source.rights, &source.attribution).hash(&mut hasher);
    let sides = image.frame.map(|frame| [frame.width, frame.height]);
    sides.map(|sides| sides.map(f64::to_bits)).hash(&mut hasher);
    for (key, values) in &image.metadata {
        (key, values).hash(&mut hasher);
    }
    (&image.labels, image.localizations.len()).hash(&mut hasher);
    for l in &image.localizations {
        let b = &l.bbox;
        // Adding zero makes -0.0, which equals 0.0, the same bits.
        let corners = [b.x, b.y, b.width, b.height].map(|n| (n + 0.0).to_bits());
        (annotation_of(l), &l.concept, corners).hash(&mut hasher);
    }
    hasher.finish()
}

/// Whether two boxes on two images are one annotation of their canvas.
fn is_same_annotation(a: &Localization, b: &Localization) -> bool {
    let others = |l: &'_ Localization| {
        let mut attributes = l.attributes.clone();
        attributes.remove("annotation");
        attributes
    };
    annotation_of(a) == annotation_of(b)
        && a.concept == b.concept
        && a.bbox == b.bbox
        && a.polygon == b.polygon
        && others(a) == others(b)
}

/// Id of the annotation that a box comes from. It is the id of the box, unless several boxes come from one annotation:
/// then `attributes.annotation` holds it.
pub fn annotation_of(localization: &Localization) -> &str {
    let recorded = localization.attributes.get("annotation");
    recorded.and_then(Value::as_str).unwrap_or(&localization.id)
}

/// Id of a box on one image, where the annotation is repeated on several images: unique for each of them.
pub fn id_on_image(annotation: &str, image: &str) -> String {
    const DIGITS: usize = 8;
    let hash = files::hex_digest(image.as_bytes(), DIGITS);
    format!("{annotation}@{hash}")
}
