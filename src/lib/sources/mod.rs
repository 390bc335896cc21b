//! Where observations come from. To add a source: a file in this folder, a line in [`ALL`], and its case in
//! `digest::Options::source`.
//!
//! A source never fetches. It names the documents that it needs first, reads each answer, and names the documents that
//! the answer leads to. Cycles, duplicates, concurrency, caching and retries are handled in `digest`, once for all
//! sources.

mod addresses;
pub mod boxes;
mod concept_names;
mod concept_options;
pub mod fathomnet;
pub mod iiif;
pub mod m3;
mod one_file;
mod paging;
mod source;
pub mod table;
mod taxonomy;
pub mod text;
mod text_options;
mod unpack;

pub use concept_options::ConceptOptions;
pub use source::{
    ANNOTATIONS, About, Answer, BODY_TEXT, Count, DocumentRequest, FetchFailure, FetchedText,
    Found, Hung, ImageName, Lost, Placed, Referrer, Source, TEXT, TextResource, TreeNode, is_url,
};
pub use text_options::{TextChoice, TextOptions};
pub use unpack::text as unpacked_text;

/// Names of all sources, in the order in which help and errors list them.
pub const ALL: &[&str] = &[
    "iiif",
    "table",
    "m3",
    "fathomnet",
    "coco",
    "yolo",
    "voc",
    "via",
    "labelstudio",
];
