//! The options that choose and change boxes.

use super::negatives::Negatives;
use super::place::BoxRules;
use crate::exif_boxes::ExifBoxes;

/// Options that choose and change boxes, and images by their boxes.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Boxes")]
pub struct BoxOptions {
    /// What to do with images without boxes: `keep`, `drop`, or `ratio:NUMBER`, which keeps at most this many for each
    /// image with boxes
    #[arg(long, value_name = "RULE", default_value = "keep")]
    pub negatives: Negatives,
    /// What to do with images that are annotated and have no box: written for a detector they say that nothing is there
    /// [default: those labelled as a whole are left out; those with annotations that could not be used are written, and
    /// reported]
    #[arg(long, value_name = "RULE", value_enum)]
    pub unboxed: Option<Unboxed>,
    /// Merge boxes of the same class whose intersection over union is at least IOU; without a number, only equal boxes
    #[arg(long, value_name = "IOU", num_args = 0..=1, default_missing_value = "1", value_parser = part)]
    pub merge_equal: Option<f64>,
    /// Leave out boxes with a side of fewer pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 0.0)]
    pub min_box: f64,
    /// Leave out images with a side of fewer pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 0)]
    pub min_image: u32,
    /// On which image boxes were drawn, where the file has an EXIF orientation and its size does not show that: on the
    /// image as stored, or as rotated by EXIF [default: stored, and a note]
    #[arg(long, value_name = "IMAGE", value_enum)]
    pub exif_boxes: Option<ExifBoxes>,
}

/// What to do with images that are annotated and have no box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Unboxed {
    /// Write them like images without boxes
    Keep,
    /// Leave them out of sets for detectors
    Drop,
}

impl BoxOptions {
    /// How boxes are placed.
    pub fn rules(&self) -> BoxRules {
        BoxRules {
            exif: self.exif_boxes,
            least_side: self.min_box,
            merge: self.merge_equal,
        }
    }
}

fn part(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(part) if part > 0.0 && part <= 1.0 => Ok(part),
        _ => Err("is not a number above 0 and up to 1".into()),
    }
}
