//! Ways to write a dataset. To add one: a file in this folder and a line in [`ALL`]; nothing else lists them.
//!
//! A format never touches the disk: it adds to files of a [`Sink`]. It knows a few facts about all images when it begins, and
//! then gets them one by one with their boxes, so that it need not hold them. Each states its conventions for coordinates,
//! rounding and boxes at its top.

mod alto_xml;
mod ascii_json;
pub mod coco;
pub mod counts;
pub mod crops;
pub mod csv;
mod dataset;
mod file_names;
mod format;
pub mod hf;
mod keypoints;
mod line_mask;
pub mod lines;
mod outline;
mod page_xml;
pub mod ranks;
pub mod report;
mod samples;
pub mod sheet;
mod sink;
mod text_tree;
pub mod tf;
pub mod transcriptions;
pub mod vgg;
pub mod voc;
mod xml;
pub mod yolo;
mod yolo_rows;

pub use dataset::{Dataset, DatasetBox, DatasetImage, Flags, ImageFacts, Told};
pub use format::{Format, FormatInfo, FormatOptions, Writer, Written};
pub use line_mask::LineMask;
pub use outline::Outline;
pub use sink::{Sink, put_rows};

/// All formats, in the order in which help and errors list them.
pub const ALL: &[&dyn Format] = &[
    &csv::Csv,
    &coco::Coco,
    &voc::Voc,
    &tf::Tf,
    &yolo::Yolo::Detection,
    &yolo::Yolo::Segmentation,
    &yolo::Yolo::Turned,
    &hf::Hf,
    &crops::Crops,
    &lines::Lines,
    &transcriptions::Transcription::Alto,
    &transcriptions::Transcription::Page,
    &vgg::Vgg,
    &counts::Counts,
    &sheet::Sheet,
    &report::Report,
];

/// The format of this name; upper and lower case are the same.
pub fn named(name: &str) -> Option<&'static dyn Format> {
    ALL.iter()
        .copied()
        .find(|format| format.name().eq_ignore_ascii_case(name))
}
