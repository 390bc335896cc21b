//! Ways to write a dataset. To add one: a file in this folder and a line in [`ALL`]; nothing else lists them.
//!
//! A format never touches the disk: it adds to files of a [`Sink`]. It knows a few facts about all images when it begins, and
//! then gets them one by one with their boxes, so that it need not hold them. Each states its conventions for coordinates,
//! rounding and boxes at its top.

mod alto_xml;
mod ascii_json;
mod box_attributes;
mod bridges;
pub mod coco;
mod contents;
pub mod counts;
pub mod crops;
pub mod csv;
pub mod cvat;
mod dataset;
mod facts;
mod file_names;
mod format;
pub mod hf;
pub mod iiif;
mod keypoints;
pub mod labelme;
pub mod labelstudio;
mod lazy_crop;
mod line_mask;
pub mod lines;
mod on_canvas;
mod outline;
mod page_xml;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod ranks;
pub mod report;
pub mod roboflow;
mod samples;
mod shards;
pub mod sheet;
mod sink;
mod text_tree;
pub mod tf;
pub mod transcriptions;
pub mod vgg;
pub mod voc;
pub mod webdataset;
mod xml;
pub mod yolo;
mod yolo_rows;

pub use ascii_json::pretty as pretty_ascii_json;
pub use box_attributes::is_further as is_further_attribute;
pub use contents::{Contents, Kind, Member, Place};
pub use dataset::{Cut, Dataset, DatasetBox, DatasetImage, Flags, Told};
pub use facts::{Facts, ImageFacts, NewFacts};
pub use format::{Decodes, Format, FormatInfo, FormatOptions, Writer, Written};
pub use line_mask::LineMask;
pub use on_canvas::OnCanvas;
pub use outline::Outline;
pub use sink::{Sink, put_rows};
pub use xml::escape;

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
    #[cfg(feature = "parquet")]
    &parquet::Parquet,
    &webdataset::WebDataset,
    &crops::Crops,
    &lines::Lines,
    &transcriptions::Transcription::Alto,
    &transcriptions::Transcription::Page,
    &roboflow::Roboflow,
    &labelstudio::LabelStudio,
    &cvat::Cvat,
    &labelme::Labelme,
    &iiif::Iiif,
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
