//! The files between the stages as types, and the only code that reads and writes them. `schemas/` is generated from
//! these types; `docs/contracts.md` explains them to users.
//!
//! | file | written by | read by | type |
//! |---|---|---|---|
//! | `digest.json` | `recto-digest` | `recto-extract` | [`Digest`] |
//! | `localizations.json` | `recto-extract` | `recto-download`, `recto-reformat`, `recto-serve` | [`Localizations`] |
//! | `image_map.json` | `recto-download` | `recto-reformat`, `recto-serve` | [`ImageMap`] |
//! | `downloads.jsonl`, a line | `recto-download` | `recto-download` | [`Download`] |
//! | `changes.csv`, a row | `recto-download --refresh` | people, programs | [`Change`] |
//! | `failures.csv`, a row | `recto-download` | people | [`Failure`] |
//! | `dataset.json` | `recto-reformat` | people, `recto-reformat` | [`DatasetFile`] |
//! | `set.json` | `recto-digest`, `recto-extract` | all that read what they write | [`SetFolder`] |
//! | `plan.json` | `recto-shard plan` | `recto-shard`, `recto-download` | [`ShardPlan`] |
//! | `recto.lock`, a line | `recto-download --lock` | `recto-download --locked` | [`LockedImage`] |
//! | `recto.lock`, a line | `recto-digest --lock` | `recto-digest --locked` | [`LockedDocument`] |
//! | `recto diff --json`, a line | `recto diff` | people, programs | [`Difference`] |
//! | a file of reviews, a line | `recto-serve --review` | `recto-digest`, `recto-extract` | [`Review`] |
//!
//! Coordinates are `f64` in pixels, unless a field says otherwise. The origin is the outer corner of the top-left
//! pixel, x grows to the right and y downwards. A box `[x, y, width, height]` covers `[x, x+width) × [y, y+height)`.
//!
//! Unknown members are ignored, so that an older program can read a newer file of the same version.

pub mod canvas;
pub mod m3_download;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod review;

mod annotation;
mod attributes;
mod command_line;
mod dataset;
mod difference;
mod digest;
mod digest_reader;
mod download;
mod elements;
mod envelope;
mod geometry;
mod image_files;
mod image_map;
mod image_records;
mod image_ref;
mod json;
mod localizations;
mod lock;
mod mapped_file;
mod nesting;
mod points;
mod set_folder;
mod set_input;
mod set_output;
mod shard_plan;
mod taxonomy;
mod text;

pub use annotation::{ANNOTATED_EMPTY, Annotation, Body, Region, Space};
pub use attributes::{Attributes, BorrowedAttributes, Named};
pub use command_line::{CommandLine, name_of, quoted, quoted_path};
pub use dataset::{
    ClassCount, DatasetEntry, DatasetFile, DatasetInput, DatasetSource, PartCount, PreviousDataset,
};
pub use difference::{Changed, Difference};
pub use digest::{Digest, Observation, SourceQuery, write_digest};
pub use digest_reader::DigestReader;
pub use download::{
    Change, Download, Failure, PackedImage, SampledRegion, is_within_folder, read_failures,
};
pub use envelope::{Contract, is_contract, parse, parse_set, read};
pub use geometry::{BBox, Frame, Number, Polygon};
pub use image_files::ImageFiles;
pub use image_map::{IMAGE_MAP, ImageMap, image_map_in_lines, read_image_map, write_image_map};
pub use image_records::{ImageRecords, Parts, RecordBlock};
pub use image_ref::{ImageRef, Labels, Metadata, Provenance, SeeAlso, Service};
pub use json::{is_list, parse_json};
pub use localizations::{
    BorrowedImage, BorrowedLocalization, Localization, Localizations, LocalizedImage, Painted,
    image_as_element, write_localizations,
};
pub use lock::{
    LockHead, LockPart, LockedDocument, LockedImage, PutLine, read_lock, read_locked_documents,
    refuse_damaged_lock, write_lock,
};
pub use mapped_file::MappedFile;
pub use points::{baseline, keypoints, keypoints_value, map_points, unread_points};
pub use review::Review;
pub use set_folder::{SetFolder, SetPart, is_set_folder};
pub use set_input::contract_of;
pub use set_output::{check_set_name, rehearse_set, write_set};
pub use shard_plan::{PlannedHost, PlannedShard, ShardPlan};
pub use taxonomy::{LineageStep, Taxon, Taxonomy};
pub use text::{AttributeValue, Text};

use crate::error::Error;

impl Contract for Localizations {
    const NAME: &'static str = "recto/localizations";
    const WRITTEN_BY: &'static str = "recto-extract";
    const LIST: &'static str = "images";

    fn parse_list(bytes: &[u8], name: &str) -> Result<Self, Error> {
        m3_download::localizations(bytes, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_named_by_line_column_and_member() {
        let cases = [
            (
                "{\n \"contract\":\"recto/localizations\",\"version\":1,\n \"images\":[{\"id\":3}]}",
                "x:3:18: `images[0].id`: invalid type: integer `3`, expected a string",
            ),
            ("{", "x:1:1: EOF while parsing an object"),
            (
                "{\"contract\":\"recto/digest\",\"version\":1}",
                "x: is a recto/digest file, recto/localizations was expected",
            ),
            (
                "{\"version\":1}",
                "x: `contract` is missing, recto/localizations was expected",
            ),
            (
                "{\"contract\":\"recto/localizations\",\"version\":9}",
                "x: version 9 of recto/localizations, this program knows 1 to 1",
            ),
            (
                "\"\"",
                "x:1:1: is not an object, recto/localizations was expected",
            ),
            (
                "3",
                "x:1:1: is not an object, recto/localizations was expected",
            ),
            ("", "x: is not JSON, recto/localizations was expected"),
            (
                "url,label",
                "x: is not JSON, recto/localizations was expected",
            ),
            (
                "[]",
                "x: is a list, but not of localizations by m3-download: no record has `localization`",
            ),
        ];
        for (text, message) in cases {
            let error = parse::<Localizations>(text.as_bytes(), "x")
                .unwrap_err()
                .to_string();
            assert_eq!(
                error.lines().next().unwrap(),
                format!("error: {message}"),
                "{text}"
            );
        }
    }
}
