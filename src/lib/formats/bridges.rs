//! Formats with one ring per outline join parts and holes by lines to and fro: how many, and the note about it.

use super::dataset::DatasetImage;
use super::yolo_rows::has_bridges;
use crate::summary::counted;

/// How many outlines of an image one ring does not hold without lines to and fro.
pub fn bridged(image: &DatasetImage) -> u64 {
    let outlines = image.boxes.iter().filter_map(|b| b.outline.as_ref());
    outlines.filter(|outline| has_bridges(outline)).count() as u64
}

/// The note about outlines with lines to and fro.
pub fn bridge_note(format: &str, bridged: u64) -> Vec<String> {
    let outlines = counted(
        bridged,
        "outline with parts or holes is",
        "outlines with parts or holes are",
    );
    let note = || {
        format!(
            "{format}: {outlines} one ring, joined by lines to and fro; -f coco keeps them apart"
        )
    };
    (bridged > 0).then(note).into_iter().collect()
}
